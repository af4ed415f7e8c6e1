"""Dagster's own state for one installation: its home, its pools, and runs that died.

Belongs here: making `PODBRIEF_HOME/dagster` ready, setting the pools' limits, settling runs whose process is gone.
Doesn't: which runs there are (`automation.py`, `cli.py`).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import psutil

from podbrief_assets.environment import BadSetting, whole_number
from podbrief_assets.lake.files import write_bytes
from podbrief_assets.lake.paths import Home

PROCESS_TAG = "podbrief/process"
# How many steps may use the GPU, or ask the language model, at the same time on the whole instance.
POOLS = {"gpu": "PODBRIEF_GPU_SLOTS", "llm": "PODBRIEF_LLM_SLOTS"}
_UNFINISHED = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING]


def prepare(home: Home) -> dg.DagsterInstance:
    """Dagster's instance for `home`, ready to run: its folder made, its pools limited.

    Where DAGSTER_HOME is set already, that instance is used as it is configured.

    Raises:
        BadSetting: A pool's limit is no number, DAGSTER_HOME is no folder, or PODBRIEF_HOME can't be written to.
    """
    limits = pool_limits(os.environ)
    if stated := os.environ.get("DAGSTER_HOME"):
        folder = Path(stated).expanduser()
        if not (folder.is_absolute() and folder.is_dir()):
            raise BadSetting(
                f"DAGSTER_HOME is “{stated[:200]}”",
                "give an existing folder by its whole path, or leave it unset: Dagster's state then lies below "
                "PODBRIEF_HOME",
            )
    else:
        _put_settings(home)
        os.environ["DAGSTER_HOME"] = str(home.dagster)
    instance = dg.DagsterInstance.get()
    for pool, limit in limits.items():
        instance.event_log_storage.set_concurrency_slots(pool, limit)
    return instance


def _put_settings(home: Home) -> None:
    settings, content = home.dagster / "dagster.yaml", _settings_file().read_bytes()
    try:
        if not settings.exists() or settings.read_bytes() != content:
            write_bytes(settings, content)
    except OSError as error:
        raise BadSetting(
            f"PODBRIEF_HOME, {home.root}, can't be written to ({error.strerror or error})",
            "change the folder's rights, or set PODBRIEF_HOME to another folder",
        ) from error


def pool_limits(environ: Mapping[str, str]) -> dict[str, int]:
    """The pools and their limits, 1 each unless the environment says otherwise.

    Raises:
        BadSetting: A limit is no whole number from 1 to 1000.
    """
    return {pool: whole_number(environ, variable, 1, 1000) for pool, variable in POOLS.items()}


def _settings_file() -> Path:
    """The tracked `dagster.yaml`: beside the package in a checkout, inside it once installed."""
    package = Path(__file__).parent
    beside = package.parent / "dagster.yaml"
    return beside if beside.exists() else package / "dagster.yaml"


def process_tag(run_id: str) -> dict[str, str]:
    """The tag of a run that works in this process: enough to tell later, on this machine, whether it is still at work.

    It names the run too. Dagster copies tags to a run that repeats another one, which then works in another process.
    """
    process = psutil.Process()
    return {PROCESS_TAG: f"{socket.gethostname()}/{process.pid}/{process.create_time():.2f}/{run_id}"}


def _tagged(run: dg.DagsterRun) -> tuple[str, int, float] | None:
    """Host, process and its start, of a run whose own tag says them."""
    match run.tags.get(PROCESS_TAG, "").rsplit("/", 3):
        case [host, pid, started, run_id] if run_id == run.run_id:
            return host, int(pid), float(started)
        case _:
            return None


def settle_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark runs whose process is gone as failed and free the slots that they held; returns their identifiers.

    A process that is killed leaves its run "started" and its pool slot taken, and the next run waits for that slot for
    ever. Dagster's own monitoring asks the launcher whether a run's process lives, and the default launcher can't say.
    """
    settled = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=_UNFINISHED)):
        if not _is_dead(instance, record.dagster_run):
            continue
        # Asked again: a run that ended while we looked has no process either, and how it ended stands.
        run = instance.get_run_by_id(record.dagster_run.run_id)
        if run is None or run.is_finished:
            continue
        instance.report_run_failed(run, "Its process is gone: killed, or lost with its machine. Start it again.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        settled.append(run.run_id)
    # A slot can also be left behind by a run that was settled by hand, or whose end Dagster saw but whose slot it kept.
    for run_id in instance.event_log_storage.get_concurrency_run_ids():
        holder = instance.get_run_by_id(run_id)
        if holder is None or holder.is_finished:
            instance.event_log_storage.free_concurrency_slots_for_run(run_id)
    return settled


def _is_dead(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether the process of an unfinished run is known to be gone; False where that can't be known from here."""
    if tagged := _tagged(run):
        host, pid, started = tagged
        return host == socket.gethostname() and not _lives(pid, started)
    # A run from the UI or a schedule says in its events which process it is, but not on which machine. Only where
    # Dagster's storage is a file of this machine is that the machine we are on.
    if not type(instance.event_log_storage).__name__.startswith("Sqlite"):
        return False
    found = _process_of(instance, run.run_id)
    if found is None:
        return False
    number, seen_at = found
    return not _lives(number, started_before=seen_at)


def _process_of(instance: dg.DagsterInstance, run_id: str) -> tuple[int, float] | None:
    """The run's process, and when it said so (seconds since the epoch).

    A run's worker says "Started process for run", then its executor says which process steps are started from: the
    same one. A worker that resumes a run says so again, so the last word counts. Steps' processes name their step.
    """
    found = None
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        event = entry.dagster_event
        metadata = event.engine_event_data.metadata if event and event.step_key is None else {}
        pid = metadata.get("pid")
        if pid is not None and str(pid.value).isdecimal():
            found = int(str(pid.value)), entry.timestamp
    return found


def _lives(pid: int, started: float | None = None, *, started_before: float | None = None) -> bool:
    """Whether process `pid` is there and is the one that was meant: numbers are used again."""
    try:
        process = psutil.Process(pid)
        created = float(process.create_time())
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
    if started is not None:
        return abs(created - started) < 1
    return started_before is None or created <= started_before + 1
