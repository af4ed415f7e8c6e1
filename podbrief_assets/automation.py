"""Jobs, and when they run by themselves.

Belongs here: the selection of each job, its schedule, sensors.
Doesn't: what an asset does (the stages), running days from a terminal (`cli.py`).
"""

import dagster as dg

from podbrief_assets import instance

SCAN = dg.AssetSelection.assets("shows", "feed_items")

daily_brief = dg.define_asset_job(
    "daily_brief",
    selection=dg.AssetSelection.all(),
    description="Scan every feed, then do one day: episodes, transcripts, insights, scores, briefs, deliveries.",
)

# The day before is over everywhere it counts: a partition is a day in UTC, and its run starts after it has ended.
every_morning = dg.build_schedule_from_partitioned_job(
    daily_brief,
    name="every_morning",
    hour_of_day=5,
    minute_of_hour=0,
    description="The day before, at 05:00 UTC. Off until it is switched on: it spends GPU time and LLM calls.",
)


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Marks runs whose process is gone as failed and frees their pool slots: nothing waits for them.",
)
def settle_dead_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Settle what was killed; it launches nothing."""
    settled = instance.settle_dead_runs(context.instance)
    return dg.SkipReason(f"settled {', '.join(settled)}" if settled else "every unfinished run has its process")
