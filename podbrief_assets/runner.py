"""Run days in this process, or hear them in shards, through Dagster, and tell what came of it.

Belongs here: choosing what a range of days needs, executing it, collecting what was done by whom and what failed.
Doesn't: the terminal (`cli.py`), jobs and schedules (`automation.py`).
"""

from __future__ import annotations

import datetime as dt
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from podbrief_assets import automation
from podbrief_assets.instance import process_tag, settle_dead_runs
from podbrief_assets.transcripts import ops
from podbrief_assets.transcripts.shards import Outcome

WAITING = "waits for another run that uses the pool"
_POLL_S = 0.25
# An interrupt inside a task group comes out in a group; one that is no ExceptionGroup holds nothing else.
_INTERRUPTS = (dg.DagsterExecutionInterruptedError.__name__, BaseExceptionGroup.__name__)
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_OWN_CLASS = re.compile(r"\Apodbrief_assets(?:\.\w+)+: ")


@dataclass(frozen=True)
class Failed:
    """One item that failed, in its asset's words."""

    asset: str
    item: str
    reason: str


@dataclass
class DayReport:
    """What came of one day.

    Attributes:
        complete: Whether every asset of the day was materialised; items may have failed all the same.
        did: Each asset's metadata, in the order in which they were made.
        failed: The items that failed.
        error: Why the day is not complete.
        stopped: Whether it was interrupted, by Ctrl-C or SIGTERM.
    """

    day: dt.date
    run_id: str
    complete: bool = False
    did: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: list[Failed] = field(default_factory=list)
    error: str | None = None
    stopped: bool = False


@dataclass
class ShardsReport:
    """What came of hearing days in shards.

    Attributes:
        complete: Whether every shard was heard; episodes may have failed all the same.
        plan: The metadata of the plan: which episodes have words, which were to be heard.
        heard: The sum of what each shard that ended well said it did.
        failed, error, stopped: As for a day.
    """

    run_id: str
    complete: bool = False
    plan: dict[str, Any] = field(default_factory=dict)
    heard: Outcome = field(default_factory=Outcome)
    failed: list[Failed] = field(default_factory=list)
    error: str | None = None
    stopped: bool = False


Progress = Callable[[str, str], None]


def run_days(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    days: Sequence[dt.date],
    progress: Progress,
    *,
    late: bool = False,
    mail: bool = False,
) -> Iterator[DayReport]:
    """Run `days` in order, after one scan; yields each day's report as it ends.

    A day that fails doesn't stop the ones after it. Dead runs are settled first, since one of them may hold the slot
    that the first step waits for.

    Args:
        progress: Told (asset, what it is at) while a day runs: nothing when it starts, `WAITING` and the pool while
            another run holds the pool, else what the asset logs.
        late: Make days again that gained episodes, as far as their insights: no scan, no briefs.
        mail: Mail the days' briefs whatever the hour and however old they are.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM, once the day's report was yielded.
    """
    settle_dead_runs(instance)
    graph = definitions.resolve_asset_graph()
    stated = automation.late_day if late else automation.daily_brief
    job, everything = definitions.resolve_job_def(stated.name), stated.selection.resolve(graph)
    scanned = automation.SCAN.resolve(graph)
    for number, day in enumerate(days):
        report = DayReport(day, str(uuid.uuid4()))
        with _watched(instance, report.run_id, progress):
            result = job.execute_in_process(
                instance=instance,
                partition_key=day.isoformat(),
                run_id=report.run_id,
                tags=process_tag(report.run_id),
                asset_selection=sorted(everything - scanned if number else everything),
                run_config={**_QUIET, "ops": {"brief_deliveries": {"config": {"mail": True}}}} if mail else _QUIET,
                raise_on_error=False,
            )
        report.complete = result.success
        for event in result.all_events:
            _take(report, event)
        yield report
        if report.stopped:
            raise KeyboardInterrupt


def run_shards(
    definitions: dg.Definitions, instance: dg.DagsterInstance, wanted: ops.DaysToHear, progress: Progress
) -> ShardsReport:
    """Hear the days `wanted`, shard after shard, in this process: a recogniser is loaded once.

    Days that have no `episodes` yet get them first, from what was ever seen in feeds.

    Args:
        progress: As for `run_days`.

    Raises:
        BadDay: a day is none, or can't be run.
    """
    settle_dead_runs(instance)
    _make(definitions, instance, wanted.days(), ("episodes",), progress)
    report = ShardsReport(str(uuid.uuid4()))
    with _watched(instance, report.run_id, progress):
        result = definitions.resolve_job_def(automation.transcribe_shards.name).execute_in_process(
            instance=instance,
            run_id=report.run_id,
            tags=process_tag(report.run_id),
            run_config={**_QUIET, "ops": {ops.cut_into_shards.name: {"config": wanted.model_dump()}}},
            raise_on_error=False,
        )
    report.complete = result.success
    for event in result.all_events:
        _take_failure(report, event)
        if not event.is_successful_output:
            continue
        output, op = event.step_output_data, str(event.step_key).partition("[")[0]
        said: dict[str, Any] = {name: value.value for name, value in output.metadata.items()}
        if output.output_name == "plan":
            report.plan = said
        elif op == ops.hear_shard.name:
            report.failed += _failed("transcripts", output.metadata)
            report.heard += Outcome(
                recognised=said["recognised"],
                known=said["known"],
                audio_s=said["audio_hours"] * 3600,
                seconds=said["seconds"],
                dropped=said["stretches_not_believed"],
                retried=said["windows_heard_again"],
            )
    return report


def run_unread(
    definitions: dg.Definitions, instance: dg.DagsterInstance, days: Sequence[dt.date], progress: Progress
) -> None:
    """Make what is to be read of `days`, as far as it was never made: episodes, transcripts, where they advertise.

    No feed is asked, and no insight is taken.

    Args:
        progress: As for `run_days`.
    """
    settle_dead_runs(instance)
    _make(definitions, instance, days, ("episodes", "transcripts", "sponsor_spans"), progress)


def _make(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    days: Sequence[dt.date],
    assets: Sequence[str],
    progress: Progress,
) -> None:
    """Materialise those of `assets` that were never made of one of `days`; no feed is asked."""
    job = definitions.resolve_job_def(automation.late_day.name)
    done = {name: instance.get_materialized_partitions(dg.AssetKey(name)) for name in assets}
    for day in days:
        missing = [dg.AssetKey(name) for name in assets if day.isoformat() not in done[name]]
        if missing:
            run_id = str(uuid.uuid4())
            with _watched(instance, run_id, progress):
                job.execute_in_process(
                    instance=instance,
                    partition_key=day.isoformat(),
                    run_id=run_id,
                    tags=process_tag(run_id),
                    asset_selection=missing,
                    run_config=_QUIET,
                )


@contextmanager
def _watched(instance: dg.DagsterInstance, run_id: str, progress: Progress) -> Iterator[None]:
    """Tell `progress` of the run's events while the block runs: the same ones that the UI shows."""
    over = threading.Event()

    def tell(entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if not entry.step_key:
            return
        if event is None:
            progress(entry.step_key, entry.user_message)
        elif event.is_step_start:
            progress(entry.step_key, "")
        elif event.is_engine_event and (pool := event.engine_event_data.metadata.get("pool")):
            progress(entry.step_key, f"{WAITING} “{pool.value}”")

    def watch() -> None:
        cursor, last = None, False
        while not last:
            last = over.wait(_POLL_S)  # and once more when it is over, for what was said since
            found = instance.get_records_for_run(run_id, cursor=cursor)
            cursor = found.cursor
            for record in found.records:
                tell(record.event_log_entry)

    thread = threading.Thread(target=watch, daemon=True, name="podbrief-progress")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _take(report: DayReport, event: dg.DagsterEvent) -> None:
    _take_failure(report, event)
    if not event.is_step_materialization:
        return
    materialization = event.step_materialization_data.materialization
    asset = materialization.asset_key.to_user_string()
    report.failed += _failed(asset, materialization.metadata)
    values = {name: value.value for name, value in materialization.metadata.items()}
    report.did[asset] = {name: value for name, value in values.items() if name != "failures"}


def _failed(asset: str, metadata: Mapping[str, dg.MetadataValue[Any]]) -> list[Failed]:
    """The items that metadata lists as failed."""
    listed = metadata.get("failures")
    records = listed.records if isinstance(listed, dg.TableMetadataValue) else []
    return [Failed(asset, str(record.data["item"]), str(record.data["reason"])) for record in records]


def _take_failure(report: DayReport | ShardsReport, event: dg.DagsterEvent) -> None:
    if event.is_step_failure:
        failure = event.step_failure_data
        error = _root(failure.error)
        interrupted = error is not None and error.cls_name in _INTERRUPTS
        report.stopped |= interrupted
        stated = failure.user_failure_data.description if failure.user_failure_data else None
        reason = "stopped while it worked" if interrupted else stated or _reason(error)
        report.error = "; ".join(filter(None, [report.error, f"{event.step_key}: {reason}"]))
    elif event.event_type == dg.DagsterEventType.RUN_CANCELED:
        report.stopped, report.error = True, report.error or "stopped"
    elif event.is_job_failure and report.error is None:
        report.error = _reason(_root(event.job_failure_data.error)) if event.event_specific_data else event.message


def _root(error: Any) -> Any:
    """What an asset raised, without Dagster's wrapping: Dagster's record of an exception, or None."""
    while error is not None and error.cause is not None:
        error = error.cause
    return error


def _reason(error: Any) -> str:
    """An error in words; our own speak for themselves, without the name of their class."""
    return _OWN_CLASS.sub("", error.message.strip(), count=1) if error else "no reason was given"
