"""Which earlier days are to be made again: they gained or changed episodes, or were not made to their end.

Belongs here: how far back one looks, which days are asked about, and when a day was made to its end.
Doesn't: what makes a day outdated (projection.py), making it again (automation.py, runner.py).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Final

import polars as pl

from podbrief_assets import partitions
from podbrief_assets.episodes import projection
from podbrief_assets.lake.storage import Lake
from podbrief_assets.lake.tables import TABLES

# As far back as later stages look for what an insight repeats; an episode that comes later than this is no news.
LOOK_BACK: Final = dt.timedelta(days=30)
# Under this name a scan says which days those are, in its metadata.
LATE_DAYS: Final = "late_days"
# The last of the tables that are made of a day's episodes alone; briefs are not made again.
_LAST: Final = "related_insights"
_COMPARED: Final = ("date", "episode_id", "digest", "duplicate_of")


def outdated_days(lake: Lake) -> list[dt.date]:
    """The days of the 30 before the last one made that would have other episodes now or were left half done, in order.

    Half done is what a run did not end, and what a budget did not pay for.

    Days after the last one made are none of them: their own run is still to come, and would be too early otherwise. Nor
    are days before the first partition, which an episode may well be dated. A row that was rejected counts as made,
    since making it again would reject it again.
    """
    made = lake.days(TABLES["episodes"])
    if not made:
        return []
    back = (made[-1] - dt.timedelta(days=back) for back in range(LOOK_BACK.days + 1))
    days = [day for day in back if day >= partitions.START_DATE]
    stored = pl.concat(
        [
            lake.scan("episodes", days).select(_COMPARED),
            lake.scan("episodes", rejected=True).select(_COMPARED).filter(pl.col("date").is_in(days)),
        ]
    )
    outdated = projection.outdated(lake.scan("feed_items"), stored, days)
    done = set(days) & set(made)
    return sorted({*outdated, *_half_done(lake, done), *_unpaid(lake, done)})


def _half_done(lake: Lake, days: Collection[dt.date]) -> list[dt.date]:
    """The days whose episodes are newer than the last table that is made of them.

    A run that was killed or failed in between leaves such a day, and nothing else would ever come back to it: as far as
    its episodes tell, it is up to date.
    """
    return [day for day in days if _made_at(lake, _LAST, day) < _made_at(lake, "episodes", day)]


def _unpaid(lake: Lake, days: Collection[dt.date]) -> list[dt.date]:
    """The days of which a language model's budget left episodes unread."""
    left = lake.scan("insight_extractions", days).filter(pl.col("outcome") == "budget").select("date").unique()
    return left.collect()["date"].to_list()


def _made_at(lake: Lake, table: str, day: dt.date) -> float:
    """When a day of a table was put in its place, in seconds since the epoch; 0 where it never was."""
    path = lake.file(TABLES[table], day)
    return float(path.stat().st_mtime) if path.exists() else 0.0
