"""Dagster's home, its pools, and which unfinished runs are taken for dead."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest

# Not public, and what the workers of the UI's runs write: the tests store the same.
from dagster._core.events import EngineEventData
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from hypothesis import given
from hypothesis import strategies as st

from podbrief_assets import instance as instances
from podbrief_assets.automation import settle_dead_runs as sensor
from podbrief_assets.instance import PROCESS_TAG, BadSetting, pool_limits, prepare, process_tag, settle_dead_runs
from podbrief_assets.lake.paths import Home

RUNNING = dg.DagsterRunStatus.STARTED
ORIGIN = RemoteJobOrigin(
    RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("podbrief"), "__repository__"), "daily_brief"
)
# A run of our own that holds the GPU's slot and says so.
WORKER = """
import sys, time
import dagster as dg
from podbrief_assets.instance import prepare, process_tag
from podbrief_assets.lake.paths import Home

@dg.asset(pool="gpu")
def transcripts():
    print("holding", flush=True, file=sys.stderr)
    time.sleep(60)

run_id = sys.argv[1]
job = dg.Definitions([transcripts], jobs=[dg.define_asset_job("daily_brief")]).resolve_job_def("daily_brief")
job.execute_in_process(instance=prepare(Home.from_environment()), run_id=run_id, tags=process_tag(run_id))
"""


@pytest.fixture
def instance(home: Home) -> Iterator[dg.DagsterInstance]:
    with prepare(home) as opened:
        yield opened


@pytest.fixture
def gone() -> psutil.Popen:
    """A process that has ended and was waited for: its number means nobody."""
    process = psutil.Popen([sys.executable, "-c", ""])
    process.wait()
    return process


def tag(pid: int, run_id: str, *, host: str | None = None, started: float = 1_000_000_000.0) -> dict[str, str]:
    return {PROCESS_TAG: f"{host or socket.gethostname()}/{pid}/{started:.2f}/{run_id}"}


def stored_run(
    instance: dg.DagsterInstance,
    run_id: str,
    status: dg.DagsterRunStatus = RUNNING,
    tags: dict[str, str] | None = None,
    says: list[int] | None = None,
) -> str:
    """A run as Dagster stores it; `says` are the processes that its worker named, as workers of the UI's runs do."""
    run = instance.add_run(
        dg.DagsterRun("daily_brief", run_id=run_id, status=status, tags=tags or {}, remote_job_origin=ORIGIN)
    )
    for pid in says or []:
        # What `dagster._grpc.impl` reports when a run's process starts.
        instance.report_engine_event(f"Started process for run (pid: {pid}).", run, EngineEventData.in_process(pid))
    return run_id


def status(instance: dg.DagsterInstance, run_id: str) -> str:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status.value


def occupied(instance: dg.DagsterInstance, pool: str = "gpu") -> set[str]:
    return {slot.run_id for slot in instance.event_log_storage.get_concurrency_info(pool).claimed_slots}


# ------------------------------------------------------------------------------------------------------------ prepare


def test_all_of_dagsters_state_lies_below_podbrief_home(home: Home, tmp_path: Path):
    """In a process of its own: where it writes is decided by what it finds when it starts."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    code = (
        "import dagster as dg; from podbrief_assets.instance import prepare; from podbrief_assets.lake.paths import Home\n"
        "instance = prepare(Home.from_environment())\n"
        "@dg.asset\n"
        "def one(context): context.log.info('said')\n"
        "assert dg.materialize([one], instance=instance).success"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DAGSTER", "XDG"))}
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=elsewhere,
        env={**environment, "HOME": str(elsewhere), "PODBRIEF_HOME": str(home.root)},
        check=True,
        capture_output=True,
    )
    assert list(elsewhere.iterdir()) == []
    assert {"dagster.yaml", "history", "schedules"} <= {path.name for path in home.dagster.iterdir()}
    assert {path.name for path in home.root.iterdir()} == {"dagster"}


def test_the_settings_are_the_tracked_ones_and_replaced_at_every_start(home: Home, monkeypatch: pytest.MonkeyPatch):
    with prepare(home):
        pass
    tracked = (Path(instances.__file__).parents[1] / "dagster.yaml").read_bytes()
    settings = home.dagster / "dagster.yaml"
    assert settings.read_bytes() == tracked
    settings.write_bytes(b"telemetry: {enabled: true}")
    monkeypatch.setenv("DAGSTER_HOME", "")
    with prepare(home) as instance:
        assert settings.read_bytes() == tracked
        assert not instance.telemetry_enabled
        assert instance.run_monitoring_enabled and instance.run_retries_enabled


def test_an_instance_of_ones_own_is_used_as_it_is(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    own = tmp_path / "own"
    own.mkdir()
    (own / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(own))
    with prepare(home) as instance:
        assert instance.root_directory == str(own)
        assert instance.event_log_storage.get_concurrency_info("gpu").slot_count == 1
    assert (own / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"
    assert not home.dagster.exists()


@pytest.mark.parametrize("folder", ["relative/folder", "/no/such/folder"])
def test_a_dagster_home_that_is_none_is_one_line(home: Home, monkeypatch: pytest.MonkeyPatch, folder: str):
    monkeypatch.setenv("DAGSTER_HOME", folder)
    with pytest.raises(BadSetting, match=f"DAGSTER_HOME is “{folder}”: give an existing folder"):
        prepare(home)


def test_a_home_that_can_not_be_made_is_one_line(home: Home):
    home.root.parent.mkdir(parents=True, exist_ok=True)
    home.root.write_bytes(b"a file")
    with pytest.raises(BadSetting, match=r"PODBRIEF_HOME, .* can't be written to"):
        prepare(home)


def test_the_pools_have_the_limits_of_the_environment(home: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PODBRIEF_GPU_SLOTS", "3")
    with prepare(home) as instance:
        slots = instance.event_log_storage
        assert slots.get_concurrency_info("gpu").slot_count == 3
        assert slots.get_concurrency_info("llm").slot_count == 1
    monkeypatch.setenv("PODBRIEF_GPU_SLOTS", "2")
    with prepare(home) as instance:
        assert instance.event_log_storage.get_concurrency_info("gpu").slot_count == 2, "set anew at every start"


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", "1001", "²", "٣", " 1", "1" * 5000])
def test_a_limit_that_is_no_number_names_its_variable(home: Home, monkeypatch: pytest.MonkeyPatch, value: str):
    monkeypatch.setenv("PODBRIEF_LLM_SLOTS", value)
    with pytest.raises(BadSetting, match=r"^PODBRIEF_LLM_SLOTS is .*: give a whole number from 1 to 1000$"):
        prepare(home)
    assert not home.dagster.exists(), "nothing is begun with a bad setting"


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_every_limit_in_range_is_taken(gpu: int, llm: int):
    assert pool_limits({"PODBRIEF_GPU_SLOTS": str(gpu), "PODBRIEF_LLM_SLOTS": str(llm)}) == {"gpu": gpu, "llm": llm}
    assert pool_limits({"PODBRIEF_GPU_SLOTS": ""}) == {"gpu": 1, "llm": 1}


# ---------------------------------------------------------------------------------------------------------- dead runs


def test_a_killed_run_is_settled_and_its_slot_freed_while_a_living_one_is_left_alone(instance: dg.DagsterInstance):
    run_id = "11111111-1111-4111-8111-111111111111"
    worker = subprocess.Popen([sys.executable, "-c", WORKER, run_id], stderr=subprocess.PIPE, text=True)
    try:
        assert worker.stderr is not None
        assert any("holding" in line for line in worker.stderr), "the worker ended early"
        wait_for(lambda: occupied(instance) == {run_id})
        assert settle_dead_runs(instance) == []
        assert status(instance, run_id) == "STARTED"
        assert occupied(instance) == {run_id}
    finally:
        worker.kill()
        worker.wait()
    assert occupied(instance) == {run_id}, "nobody else frees it"
    assert settle_dead_runs(instance) == [run_id]
    assert status(instance, run_id) == "FAILURE"
    assert occupied(instance) == set()
    (said,) = [
        entry.dagster_event.message
        for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
        if entry.dagster_event
    ]
    assert said == "Its process is gone: killed, or lost with its machine. Start it again."
    assert settle_dead_runs(instance) == [], "once"


def wait_for(holds) -> None:
    for _ in range(200):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it never came true")


def test_a_run_of_this_process_lives(instance: dg.DagsterInstance):
    stored_run(instance, "run", tags=process_tag("run"))
    assert settle_dead_runs(instance) == []
    assert status(instance, "run") == "STARTED"


def test_a_run_of_another_host_is_not_ours_to_judge(instance: dg.DagsterInstance, gone: psutil.Popen):
    stored_run(instance, "run", tags=tag(gone.pid, "run", host="gpu-7.example.org"))
    assert settle_dead_runs(instance) == []


def test_a_number_that_another_process_has_by_now_is_no_life(instance: dg.DagsterInstance):
    started = psutil.Process().create_time()
    stored_run(instance, "old", tags=tag(os.getpid(), "old", started=started - 100))
    stored_run(instance, "same", tags=tag(os.getpid(), "same", started=started))
    assert settle_dead_runs(instance) == ["old"]


def test_a_process_that_ended_but_was_not_waited_for_is_dead(instance: dg.DagsterInstance):
    zombie = psutil.Popen([sys.executable, "-c", ""])
    wait_for(lambda: zombie.status() == psutil.STATUS_ZOMBIE)
    stored_run(instance, "run", tags=tag(zombie.pid, "run", started=zombie.create_time()))
    assert settle_dead_runs(instance) == ["run"]
    zombie.wait()


@pytest.mark.parametrize("unfinished", ["STARTED", "STARTING", "CANCELING"])
def test_a_run_of_the_ui_whose_process_is_gone_is_settled(
    instance: dg.DagsterInstance, gone: psutil.Popen, unfinished: str
):
    stored_run(instance, "dead", dg.DagsterRunStatus(unfinished), says=[gone.pid])
    stored_run(instance, "alive", dg.DagsterRunStatus(unfinished), says=[os.getpid()])
    assert settle_dead_runs(instance) == ["dead"]
    assert status(instance, "alive") == unfinished


def test_a_run_of_the_ui_whose_number_was_given_to_a_later_process_is_settled(instance: dg.DagsterInstance):
    with psutil.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as later:
        run = instance.add_run(dg.DagsterRun("daily_brief", run_id="run", status=RUNNING))
        instance.handle_new_event(
            dg.EventLogEntry(
                error_info=None,
                level="debug",
                user_message="",
                run_id=run.run_id,
                timestamp=later.create_time() - 60,
                job_name=run.job_name,
                dagster_event=dg.DagsterEvent(
                    event_type_value="ENGINE_EVENT",
                    job_name=run.job_name,
                    event_specific_data=EngineEventData.in_process(later.pid),
                ),
            )
        )
        assert settle_dead_runs(instance) == ["run"]


def test_a_run_that_was_resumed_works_in_the_process_that_it_named_last(
    instance: dg.DagsterInstance, gone: psutil.Popen
):
    stored_run(instance, "resumed", says=[gone.pid, os.getpid()])
    stored_run(instance, "lost again", says=[os.getpid(), gone.pid])
    assert settle_dead_runs(instance) == ["lost again"]


def test_a_run_that_repeats_another_one_is_not_judged_by_the_tag_that_it_inherits(
    instance: dg.DagsterInstance, gone: psutil.Popen
):
    """Dagster copies the tags of a run to the one that the UI's “Re-execute” makes of it."""
    inherited = tag(gone.pid, "first")
    stored_run(instance, "again", tags=inherited, says=[os.getpid()])
    stored_run(instance, "starting", dg.DagsterRunStatus.STARTING, tags=inherited)
    assert settle_dead_runs(instance) == []


def test_a_run_that_waits_for_its_turn_is_never_settled(instance: dg.DagsterInstance, gone: psutil.Popen):
    waiting = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED]
    for one in waiting:
        stored_run(instance, one.value, one, tags=tag(gone.pid, one.value), says=[gone.pid])
    stored_run(instance, "silent", dg.DagsterRunStatus.STARTING)
    assert settle_dead_runs(instance) == []
    assert {status(instance, one.value) for one in waiting} == {"QUEUED", "NOT_STARTED"}


def test_a_run_that_ends_while_it_is_looked_at_keeps_its_end(
    instance: dg.DagsterInstance, gone: psutil.Popen, monkeypatch: pytest.MonkeyPatch
):
    stored_run(instance, "run", says=[gone.pid])
    looked = instances._lives

    def ends_now(*args, **options):
        run = instance.get_run_by_id("run")
        assert run is not None
        instance.report_dagster_event(
            dg.DagsterEvent(event_type_value="PIPELINE_SUCCESS", job_name=run.job_name), run.run_id
        )
        return looked(*args, **options)

    monkeypatch.setattr(instances, "_lives", ends_now)
    assert settle_dead_runs(instance) == []
    assert status(instance, "run") == "SUCCESS"


def test_slots_of_finished_and_of_deleted_runs_are_freed(instance: dg.DagsterInstance):
    slots = instance.event_log_storage
    slots.set_concurrency_slots("gpu", 3)
    stored_run(instance, "failed", dg.DagsterRunStatus.FAILURE)
    stored_run(instance, "alive", tags=process_tag("alive"))
    for run_id in ("failed", "deleted", "alive"):
        assert slots.claim_concurrency_slot("gpu", run_id, "transcripts").is_claimed
    assert settle_dead_runs(instance) == []
    assert occupied(instance) == {"alive"}


def test_the_sensor_settles_what_was_killed_and_launches_nothing(instance: dg.DagsterInstance, gone: psutil.Popen):
    stored_run(instance, "dead", says=[gone.pid])
    with dg.build_sensor_context(instance) as context:
        assert sensor(context).skip_message == "settled dead"
        assert sensor(context).skip_message == "every unfinished run has its process"
