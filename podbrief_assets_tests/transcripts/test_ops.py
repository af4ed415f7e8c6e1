"""The job that spreads a heavy day: what it hears, what it does not hear again, and what the asset finds afterwards."""

from __future__ import annotations

import datetime as dt
import io
import shutil
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from typer.testing import CliRunner
from upath import UPath

from podbrief_assets import automation, cli, models
from podbrief_assets.definitions import build_defs
from podbrief_assets.episodes import shows
from podbrief_assets.instance import prepare, process_tag
from podbrief_assets.lake.paths import Home
from podbrief_assets.lake.storage import Lake
from podbrief_assets.runner import run_shards
from podbrief_assets.transcripts.ops import DaysToHear, hear_shard
from podbrief_assets_tests.network import Answer, Item, Network, vtt
from podbrief_assets_tests.transcripts import scripted

DAY = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
BEFORE = DAY - dt.timedelta(days=1)


def tone(pitch: int) -> bytes:
    """A second of sound; another pitch is another recording."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes((8000 * np.sin(np.arange(8000) * pitch / 1000)).astype("<i2").tobytes())
    return file.getvalue()


@pytest.fixture
def instance(home: Home) -> Iterator[dg.DagsterInstance]:
    with prepare(home) as opened:
        yield opened


@pytest.fixture
def days(home: Home, network: Network, instance: dg.DagsterInstance) -> Network:
    """Two days: one episode with its publisher's words, a, b and c to be heard, one whose audio is not there."""
    network.answers |= {f"/audio/{name}.mp3": Answer(tone(100 + n)) for n, name in enumerate("abc")}
    network.answers["/t/chips.vtt"] = Answer(vtt("chips"), "text/vtt")
    at = {day: dt.datetime.combine(day, dt.time(9), dt.UTC) for day in (BEFORE, DAY)}
    feed = network.feed(
        "talk",
        [
            Item("chips", at[BEFORE], "Chips", "/t/chips.vtt"),
            Item("a", at[BEFORE], "A"),
            *(Item(name, at[DAY] + dt.timedelta(minutes=n), name.upper()) for n, name in enumerate(("b", "c", "gone"))),
        ],
    )
    home.root.mkdir(parents=True, exist_ok=True)
    home.subscriptions.write_bytes(shows.write_opml([shows.Subscription(feed)]))
    made = build_defs(home)
    scan = automation.SCAN.resolve(made.resolve_asset_graph())
    made.resolve_job_def("daily_brief").execute_in_process(
        instance=instance, partition_key=str(BEFORE), asset_selection=sorted(scan)
    )
    network.forget()
    return network


def heard(home: Home) -> list[str]:
    """The recordings that were heard since the last look, in their order."""
    log = home.root / "heard.txt"
    lines = log.read_text().split() if log.exists() else []
    log.unlink(missing_ok=True)
    return lines


def asset(instance: dg.DagsterInstance, made: dg.Definitions, day: dt.date) -> dict[str, Any]:
    """Make `transcripts` of a day; what it says it did."""
    result = made.resolve_job_def("late_day").execute_in_process(
        instance=instance, partition_key=str(day), asset_selection=[dg.AssetKey("transcripts")]
    )
    (materialization,) = result.asset_materializations_for_node("transcripts")
    return dict(materialization.metadata)


def wanted(**changes: Any) -> DaysToHear:
    return DaysToHear(**{"first_day": str(BEFORE), "last_day": str(DAY), "hours_per_shard": 2.0, **changes})


def test_shards_fill_the_cache_and_the_asset_then_hears_nothing(
    home: Home, days: Network, instance: dg.DagsterInstance
) -> None:
    made = scripted.definitions()
    said: list[str] = []
    report = run_shards(made, instance, wanted(), lambda step, _: said.append(step))
    assert report.complete, report.error
    assert report.plan["episodes"] == {"publisher": 1, "to hear": 4, "known": 0}
    assert report.plan["shards"] == 2, "an episode of unknown length is taken for an hour"
    assert sorted(heard(home)) == ["a", "b", "c"]
    assert (report.heard.recognised, report.heard.known, report.heard.retried) == (3, 0, 6)
    assert report.heard.audio_s == pytest.approx(3, abs=4)
    (failed,) = report.failed
    assert failed.item == "Talk Hour: GONE" and "404" in failed.reason
    assert {"cut_into_shards", "hear_shard[0001]", "hear_shard[0002]", "sum_up"} <= set(said)
    (run,) = instance.get_runs(dg.RunsFilter(job_name="transcribe_shards"))
    assert run.run_id == report.run_id and run.status == dg.DagsterRunStatus.SUCCESS
    assert "transcripts" not in {key.to_user_string() for key in instance.get_asset_keys()}, "no table is written"

    days.forget()
    first, second = asset(instance, made, BEFORE), asset(instance, made, DAY)
    assert heard(home) == [], "the asset takes everything from the cache"
    assert set(days.hits()) == {"/audio/gone.mp3"}, "but for what its publisher may mend"
    rows = Lake(UPath(home.lake)).scan("transcripts").collect()
    assert dict(zip(rows["origin"], rows["words"], strict=True)).keys() == {"publisher", "recognised", "none"}
    assert first["publisher_share"].value == 0.5
    assert first["windows_heard_again"].value == 2 and second["windows_heard_again"].value == 4
    assert first["recognised_hours"].value <= first["audio_hours"].value
    assert "data:image/svg+xml;base64," in str(first["lengths"].value)
    assert second["failed"].value == 1

    again = run_shards(made, instance, wanted(), lambda *_: None)
    assert again.complete and heard(home) == []
    assert again.plan["episodes"] == {"publisher": 1, "to hear": 1, "known": 3}


def test_with_nothing_to_hear_no_shard_is_made(home: Home, days: Network, instance: dg.DagsterInstance) -> None:
    made = scripted.definitions()
    assert run_shards(made, instance, wanted(last_day=str(BEFORE)), lambda *_: None).plan["shards"] == 1
    report = run_shards(made, instance, wanted(last_day=str(BEFORE)), lambda *_: None)
    assert report.complete and report.plan["shards"] == 0 and heard(home) == ["a"]


def test_a_shard_whose_process_is_killed_repeats_nothing_that_it_had_finished(
    home: Home, days: Network, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_shards(scripted.definitions(), instance, wanted(last_day=str(BEFORE)), lambda *_: None)
    assert heard(home) == ["a"]
    made = scripted.definitions()
    made.resolve_job_def("late_day").execute_in_process(
        instance=instance, partition_key=str(DAY), asset_selection=[dg.AssetKey("episodes")]
    )

    def execute() -> dg.JobExecutionResult:
        return dg.execute_job(
            dg.reconstructable(scripted.transcribe_shards),
            instance,
            run_config={
                "ops": {"cut_into_shards": {"config": wanted().model_dump()}},
                "execution": {"config": {"retries": {"disabled": {}}}},
            },
            tags=process_tag("none"),
        )

    monkeypatch.setenv(scripted.KILLED_AFTER, "1")
    with execute() as killed:
        assert not killed.success
        failed = [event.step_key for event in killed.all_events if event.is_step_failure]
    assert len(failed) == 1 and str(failed[0]).startswith("hear_shard[")
    finished = heard(home)
    assert finished in (["b"], ["c"]), "a was known, one is finished, the other was in hand"
    assert not instance.event_log_storage.get_concurrency_run_ids(), "its slot of the GPU is free"

    monkeypatch.delenv(scripted.KILLED_AFTER)
    with execute() as again:
        assert again.success
        assert again.output_for_node("sum_up")["recognised"] == 1
    assert {*finished, *heard(home)} == {"b", "c"}
    assert asset(instance, made, DAY)["recognised"].value == 0
    assert heard(home) == []


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real model's folder, its weights cut in half as a copy that broke off leaves them."""
    folder = tmp_path_factory.mktemp("models")
    whole = Path(models.find("openai/whisper-tiny.en", converted=folder).address)
    weights = whole / "model.safetensors"
    with weights.open("r+b") as file:
        file.truncate(weights.stat().st_size // 2)
    return Path(shutil.move(whole, folder / "damaged"))


def test_damaged_weights_fail_a_shard_once_and_a_day_not_at_all(
    home: Home, days: Network, instance: dg.DagsterInstance, damaged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PODBRIEF_ASR_MODEL", str(damaged))
    made = build_defs(home)
    report = run_shards(made, instance, wanted(hours_per_shard=9.0), lambda *_: None)
    assert not report.complete, "a job that could hear nothing has failed"
    assert report.error is not None and report.error.startswith("hear_shard[0001]: 4 of 4 episodes were not heard: ")
    assert "no whole Whisper or Parakeet checkpoint" in report.error and "PODBRIEF_ASR_MODEL" in report.error
    assert "Traceback" not in report.error

    told = asset(instance, made, DAY)
    records = [(one.data["item"], one.data["reason"]) for one in told["failures"].records]
    assert [item for item, _ in records] == ["speech recognition (3 episodes not heard)"]
    assert "no whole Whisper or Parakeet checkpoint" in records[0][1] and "fetch it again" in records[0][1]
    errors = Lake(UPath(home.lake)).scan("transcripts", [DAY]).collect()["error"]
    assert sum("no whole Whisper" in error for error in errors) == 3, "each episode says why it has no words"


def test_days_that_can_not_be_heard_are_told_before_anything_is_done(home: Home, instance: dg.DagsterInstance) -> None:
    def told(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(cli.app, ["transcribe", *arguments])
        return result.exit_code, result.output

    for arguments, reason in [
        (("--from", "soon", "--to", str(DAY)), "is no day"),
        (("--from", str(DAY), "--to", str(BEFORE)), "give the earlier day first"),
        (("--from", str(DAY), "--to", str(DAY), "--hours-per-shard", "0"), "give a number above 0"),
    ]:
        status, output = told(*arguments)
        assert status == 2 and reason in output
    assert instance.get_runs() == []


def test_from_a_terminal(home: Home, days: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podbrief_assets.definitions.build_defs", lambda home: scripted.definitions())
    result = CliRunner().invoke(cli.app, ["transcribe", "--from", str(BEFORE), "--to", str(DAY)])
    assert result.exit_code == 0, result.output
    assert "1 episode with a publisher's transcript" in result.output
    assert "4 episodes to hear, in 1 shard" in result.output and "3 heard" in result.output
    assert "Talk Hour: GONE" in result.output and "404" in result.output


def test_the_step_that_needs_a_gpu_waits_for_one_and_is_tried_again() -> None:
    assert hear_shard.pool == "gpu"
    assert hear_shard.retry_policy is not None and hear_shard.retry_policy.max_retries > 0
