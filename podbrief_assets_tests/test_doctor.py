"""What the doctor says is true, complete and gives nothing away."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from podbrief_assets import models
from podbrief_assets.cli import app
from podbrief_assets.doctor import Finding, examine
from podbrief_assets.lake.paths import Home
from podbrief_assets.transcripts import checkpoint, whisper


def findings(home: Home, **environ: str) -> dict[str, Finding]:
    return {one.what: one for one in examine(home, environ)}


def test_everything_that_a_run_depends_on_is_named_and_nothing_is_missing_with_the_defaults(home: Home):
    found = findings(home)
    for what in ("home", "lake", "cache", "database", "shows", "device", "speech recognition model", "embedding model"):
        assert what in found
    assert {one.what for one in found.values() if one.state == "missing"} == set()
    assert found["language model"].state == "note" and "OPENAI_API_KEY" in found["language model"].remedy
    assert str(home.outbox) in found["mail"].found
    assert "package" in found["speech recognition model"].found and "package" in found["embedding model"].found


def test_a_model_that_is_not_there_is_missing_and_the_status_says_so(home: Home, monkeypatch: pytest.MonkeyPatch):
    assert findings(home, PODBRIEF_ASR_MODEL="/no/such/folder")["speech recognition model"].state == "missing"
    monkeypatch.setenv("PODBRIEF_ASR_MODEL", "/no/such/folder")
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "/no/such/folder" in result.output
    monkeypatch.setenv("PODBRIEF_ASR_MODEL", "none")
    assert "switched off" in CliRunner().invoke(app, ["doctor"]).output


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(models.find("openai/whisper-tiny.en", converted=tmp_path_factory.mktemp("models")).address)


def test_what_the_recogniser_would_use_is_told_without_loading_it(home: Home, whole: Path):
    found = findings(home, PODBRIEF_ASR_MODEL=str(whole), PODBRIEF_ASR_DEVICE="cpu")["speech recognition model"]
    assert found.state == "fine" and f"from the folder {whole}" in found.found
    assert "English only" in found.found and "on cpu, 16 windows at once" in found.found
    assert whisper.precision_of("auto", "cpu", 384) in found.found
    asked = {"PODBRIEF_ASR_DTYPE": "float32", "PODBRIEF_ASR_BATCH_SIZE": "3", "PODBRIEF_ASR_DEVICE": "cpu"}
    assert "float32 on cpu, 3 windows at once" in findings(home, **asked)["speech recognition model"].found
    assert "silero-vad" in findings(home)["voice activity model"].found


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda folder: os.truncate(folder / "model.safetensors", 10_000_000), "it was cut short or is damaged"),
        (lambda folder: os.truncate(folder / "model.safetensors", 3), "its header can't be read"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"<!doctype html>" * 99), "no safetensors file"),
        (lambda folder: (folder / "model.safetensors").unlink(), "there are no weights in it"),
        (lambda folder: (folder / "config.json").unlink(), "it has no config.json"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "bert"}'), "its kind is bert"),
        (
            lambda folder: (folder / "model.safetensors.index.json").write_text(
                '{"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}'
            ),
            "model-2.safetensors is missing",
        ),
    ],
)
def test_weights_that_are_not_whole_are_told_as_such(
    home: Home, whole: Path, tmp_path: Path, harm: Callable[[Path], object], told: str
):
    folder = tmp_path / "model"
    shutil.copytree(whole, folder)
    harm(folder)
    found = findings(home, PODBRIEF_ASR_MODEL=str(folder), PODBRIEF_ASR_DEVICE="cpu")["speech recognition model"]
    assert found.state == "missing"
    assert told in found.found + found.remedy


def test_settings_that_can_not_be_used_are_told(home: Home):
    found = findings(home, PODBRIEF_ASR_DTYPE="float64")["speech recognition model"]
    assert found.state == "missing" and "float64" in found.remedy
    found = findings(home, PODBRIEF_ASR_DEVICE="cuda:77", PODBRIEF_ASR_MODEL="openai/whisper-tiny.en")
    assert "on cuda:77, and torch can't" in found["speech recognition model"].remedy


def test_the_batch_on_a_gpu_is_what_its_memory_holds():
    turbo = checkpoint.Checkpoint("whisper", "99 languages", width=1280, layers=4)
    assert turbo.batch(0, "cuda", "float16", 70 * 2**30) == 128
    assert 1 < turbo.batch(0, "cuda", "float16", 4 * 2**30) < 128  # type: ignore[operator]
    assert turbo.batch(0, "cuda", "float16", 0) == 1
    assert turbo.batch(7, "cuda", "float16", 0) == 7


def test_a_model_without_a_price_is_a_note_and_keeps_a_budget_from_working(home: Home):
    own = {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1", "PODBRIEF_LLM_MODEL": "own"}
    assert findings(home, **own)["language model"].state == "note"
    found = findings(home, **own, PODBRIEF_LLM_BUDGET_USD="2", PODBRIEF_LLM_JUDGE_MODEL="gpt-5.4")["language model"]
    assert (found.state, "PODBRIEF_LLM_PRICES" in found.remedy) == ("missing", True)
    assert "judged by gpt-5.4; $2.00 a day" in found.found
    assert findings(home, OPENAI_API_KEY="sk")["language model"].state == "fine"


def test_keys_and_passwords_are_never_shown(home: Home):
    key = findings(home, OPENAI_API_KEY="sk-very-secret", OPENAI_BASE_URL="http://user:hidden@llm.example/v1")
    assert "very-secret" not in str(key) and "hidden" not in str(key)
    secret = Home(home.root, home.lake, home.cache, home.outbox, "postgresql+psycopg://me:hidden@db.example/x")
    found = findings(secret)
    assert found["database"].state == "missing"
    assert "hidden" not in str(found)


def test_how_mail_leaves_is_told_without_its_password(home: Home):
    sending = {
        "PODBRIEF_SMTP_URL": "smtps://me:hidden@smtp.example.org",
        "PODBRIEF_MAIL_FROM": "brief@example.org",
        "PODBRIEF_MAIL_POSTAL_ADDRESS": "Example Ltd, Sometown",
        "PODBRIEF_PUBLIC_URL": "https://briefs.example.org",
        "PODBRIEF_DKIM_KEY": "relay",
    }
    found = findings(home, **sending)
    assert found["mail"].found.startswith("from brief@example.org through smtp.example.org:465 (TLS), as me")
    assert found["links in mails"].state == "fine"
    assert "--dns" in found["SPF, DKIM, DMARC"].remedy
    assert "hidden" not in str(found)
    told = {one.what: one for one in examine(home, sending, dns='example.org TXT "v=spf1 mx -all"')}
    assert (told["SPF"].state, told["DKIM"].state, told["DMARC"].state) == ("fine", "note", "missing")
    del sending["PODBRIEF_PUBLIC_URL"]
    broken = findings(home, **sending)["mail"]
    assert broken.state == "missing" and "PODBRIEF_PUBLIC_URL" in broken.remedy


def test_records_are_read_from_a_file(home: Home, tmp_path: Path):
    records = tmp_path / "records.txt"
    records.write_text("nothing of use")
    result = CliRunner().invoke(app, ["doctor", "--dns", str(records)])
    assert result.exit_code == 1 and "SPF" in result.output and "DMARC" in result.output
