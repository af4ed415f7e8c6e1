"""What the doctor says is true, complete and gives nothing away."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from podbrief_assets.cli import app
from podbrief_assets.doctor import Finding, examine
from podbrief_assets.lake.paths import Home


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


def test_keys_and_passwords_are_never_shown(home: Home):
    key = findings(home, OPENAI_API_KEY="sk-very-secret", OPENAI_BASE_URL="http://user:hidden@llm.example/v1")
    assert "very-secret" not in str(key) and "hidden" not in str(key)
    secret = Home(home.root, home.lake, home.cache, home.outbox, "postgresql+psycopg://me:hidden@db.example/x")
    found = findings(secret)
    assert found["database"].state == "missing"
    assert "hidden" not in str(found)
