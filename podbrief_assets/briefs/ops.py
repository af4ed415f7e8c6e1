"""The steps of the job `brief_shards`.

Belongs here: a day's subscribers cut into ranges, the briefs of each range made by a step of its own.
Doesn't: ranges and how they are made (`shards.py`), the job (`automation.py`).

They leave the ranges where the asset `user_briefs` looks for them; no table is written here.
"""

import datetime as dt
from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from podbrief_assets import partitions
from podbrief_assets.briefs import shards
from podbrief_assets.errors import PermanentFailure
from podbrief_assets.lake.io_manager import LakeResource
from podbrief_assets.lake.tables import TABLES
from podbrief_assets.resources import CacheResource, DatabaseResource

# A machine may be taken away: whatever is tried again finds the ranges that were finished.
_AGAIN = dg.RetryPolicy(max_retries=2, delay=30, backoff=dg.Backoff.EXPONENTIAL)


class NobodyToChooseFor(PermanentFailure):
    """There is no snapshot of the day's subscribers yet."""


class DayToChoose(dg.Config):
    """The day whose briefs are to be made."""

    day: str = Field(description="The day, as 2026-11-21; its `subscribers` and `insight_scores` must be there.")


@dg.op(
    out=dg.DynamicOut(list[str], io_manager_key="step_files", description="A day and a range of its subscribers."),
    description="Cuts the day's subscribers into ranges.",
)
def cut_into_ranges(
    context: dg.OpExecutionContext, config: DayToChoose, lake: LakeResource
) -> Iterator[dg.DynamicOutput[list[str]]]:
    """A step for each range, of as many subscribers as the asset makes at once: it looks for the same ones."""
    day = partitions.day_of(config.day)
    if day not in lake.lake.days(TABLES["subscribers"]):
        raise NobodyToChooseFor(f"{day} has no subscribers yet", f"materialise `subscribers` of {day} first")
    found = shards.ranges(lake.lake.scan("subscribers", [day]))
    context.log.info(f"{day}: {len(found)} ranges of subscribers")
    for number, part in enumerate(found, start=1):
        yield dg.DynamicOutput([str(day), part.first, part.last], mapping_key=f"{number:05}")


@dg.op(
    retry_policy=_AGAIN,
    out=dg.Out(int, io_manager_key="step_files"),
    description="Makes the briefs of a range of subscribers, and keeps them for `user_briefs`.",
)
def choose_range(
    context: dg.OpExecutionContext,
    part: list[str],
    lake: LakeResource,
    database: DatabaseResource,
    cache: CacheResource,
) -> int:
    """How many entries the range's briefs have."""
    text, first, last = part
    opened, said = shards.opened(lake.lake, database.engine, dt.date.fromisoformat(text))
    parts = shards.Parts(cache.section("briefs").root)
    made = shards.made(opened, said, lake.lake, shards.Range(first, last), parts)
    entries = made.kept
    context.add_output_metadata({"entries": entries, "rejected": len(made.rejected)})
    return entries
