"""Jobs, and when they run by themselves.

Belongs here: the selection of each job, its schedule, sensors.
Doesn't: what an asset does (the stages), running days from a terminal (`cli.py`).
"""

import datetime as dt
from collections.abc import Sequence

import dagster as dg

from podbrief_assets import instance, partitions
from podbrief_assets.briefs import ops as brief_ops
from podbrief_assets.episodes.late import LATE_DAYS
from podbrief_assets.transcripts import ops

SCAN = dg.AssetSelection.assets("shows", "feed_health", "feed_items")
# A day that gained episodes is made again as far as its insights. Its briefs are not: those that were sent are frozen,
# and a reader who had none that day wants no letter of last week. The next brief takes what is late.
LATE = dg.AssetSelection.all() - SCAN - dg.AssetSelection.assets("subscribers", "user_briefs", "brief_deliveries")

daily_brief = dg.define_asset_job(
    "daily_brief",
    selection=dg.AssetSelection.all(),
    description="Scan every feed, then do one day: episodes, transcripts, insights, scores, briefs, deliveries.",
)

late_day = dg.define_asset_job(
    "late_day",
    selection=LATE,
    description="Make a day again that gained episodes: from episodes to insights. No feed is asked, nothing is sent.",
)


deliver_due = dg.define_asset_job(
    "deliver_due",
    selection=dg.AssetSelection.assets("brief_deliveries"),
    description="Hand over the briefs of a day whose readers' hour has come, and those that could not be handed over "
    "before. Nothing is made, and no day of the past is mailed.",
)


@dg.job(
    description="Hear the episodes of a heavy day, or of many, on several GPUs: shards of so many hours of audio, each "
    "a step that a distributed executor places. They fill the cache; `transcripts`, made afterwards, finds all there. "
    "Where machines differ, name the model (PODBRIEF_ASR_MODEL): what another model heard does not count.",
)
def transcribe_shards() -> None:
    """The executor is that of the deployment (`build_defs`)."""
    cut = ops.cut_into_shards()
    ops.sum_up(cut.plan, cut.shard.map(ops.hear_shard).collect())


@dg.job(
    description="Make the briefs of a day with very many subscribers on several machines: ranges of 50,000, each a "
    "step that a distributed executor places. `user_briefs`, made afterwards, finds all there.",
)
def brief_shards() -> None:
    """The executor is that of the deployment (`build_defs`)."""
    brief_ops.cut_into_ranges().map(brief_ops.choose_range)


# The day before is over everywhere it counts: a partition is a day in UTC, and its run starts after it has ended.
every_morning = dg.build_schedule_from_partitioned_job(
    daily_brief,
    name="every_morning",
    hour_of_day=5,
    minute_of_hour=0,
    description="The day before, at 05:00 UTC. Off until it is switched on: it spends GPU time and LLM calls.",
)


@dg.schedule(
    job=deliver_due,
    cron_schedule="5 * * * *",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Every hour, for the two days whose briefs are due somewhere. Off until it is switched on: with "
    "PODBRIEF_SMTP_URL set it sends mail.",
)
def every_hour(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """Ask for the days, of the last two that are over, whose briefs were made."""
    now = context.scheduled_execution_time
    made = dg.AssetKey("user_briefs")
    days = [(now.date() - dt.timedelta(days=back)).isoformat() for back in (1, 2)]
    there = [
        day
        for day in days
        if context.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=made, asset_partitions=[day]), limit=1
        ).records
    ]
    asked = [dg.RunRequest(run_key=f"{day}/{now:%Y-%m-%dT%H}", partition_key=day) for day in there]
    return asked or dg.SkipReason("no brief was made for the last two days")


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Marks runs whose process is gone as failed and frees their pool slots: nothing waits for them.",
)
def settle_dead_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Settle what was killed; it launches nothing."""
    settled = instance.settle_dead_runs(context.instance)
    return dg.SkipReason(f"settled {', '.join(settled)}" if settled else "every unfinished run has its process")


_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_SCANS_AT_ONCE = 100


@dg.sensor(
    job=late_day,
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Asks for the days that gained or changed episodes after they were made, or were left half done, up to "
    "30 days back. Off until it is switched on: it spends GPU time and LLM calls, for what changed alone.",
)
def late_episodes(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Ask once for each day that the scans since the last look named; the cursor is the last of those scans."""
    since = int(context.cursor) if context.cursor else None
    scanned = dg.AssetRecordsFilter(asset_key=dg.AssetKey("feed_items"), after_storage_id=since)
    scans = context.instance.fetch_materializations(scanned, limit=_SCANS_AT_ONCE).records
    if not scans:
        return dg.SkipReason("no scan since the last look")
    # The run that scanned is perhaps making one of these days, and another look costs nothing.
    if context.instance.get_run_records(dg.RunsFilter(statuses=_UNFINISHED), limit=1):
        return dg.SkipReason("waits until the runs that are at work have ended")
    named = _late_days(scans)
    days = sorted(day for day, scan in named.items() if not _made_since(context.instance, day, scan))
    # The key is for a daemon that dies between asking and writing the cursor down.
    asked = [dg.RunRequest(run_key=f"{day}/{named[day]}", partition_key=day) for day in days]
    newest = max(record.storage_id for record in scans)
    return dg.SensorResult(asked, cursor=str(newest), skip_reason=None if asked else "no day is to be made again")


def _late_days(scans: Sequence[dg.EventLogRecord]) -> dict[str, int]:
    """The days that scans named, each with the last scan (its event's number) that did."""
    named: dict[str, int] = {}
    for record in sorted(scans, key=lambda record: record.storage_id):
        said = record.asset_materialization.metadata.get(LATE_DAYS) if record.asset_materialization else None
        days = said.value if isinstance(said, dg.JsonMetadataValue) else []
        # A day before the first partition can't be asked for: the start may have been moved since.
        named |= {str(day): record.storage_id for day in days or [] if str(day) >= partitions.START_DATE.isoformat()}
    return named


def _made_since(instance: dg.DagsterInstance, day: str, scan: int) -> bool:
    """Whether a day was made after a scan, by a person or by the run that scanned."""
    made = dg.AssetRecordsFilter(asset_key=dg.AssetKey("episodes"), asset_partitions=[day], after_storage_id=scan)
    return bool(instance.fetch_materializations(made, limit=1).records)
