"""Which earlier days gained or changed episodes after they were made.

Belongs here: how far back one looks, and which days are asked about.
Doesn't: what makes a day outdated (projection.py), making it again (automation.py, runner.py).
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import polars as pl

from podbrief_assets.episodes import projection
from podbrief_assets.lake.storage import Lake
from podbrief_assets.lake.tables import TABLES

# As far back as later stages look for what an insight repeats; an episode that comes later than this is no news.
LOOK_BACK: Final = dt.timedelta(days=30)
# Under this name a scan says which days those are, in its metadata.
LATE_DAYS: Final = "late_days"
_COMPARED: Final = ("date", "episode_id", "digest", "duplicate_of")


def outdated_days(lake: Lake) -> list[dt.date]:
    """The days of the 30 before the last one made that would have other episodes now, in order.

    Days after the last one made are none of them: their own run is still to come, and would be too early otherwise. A
    row that was rejected counts as made, since making it again would reject it again.
    """
    made = lake.days(TABLES["episodes"])
    if not made:
        return []
    days = [made[-1] - dt.timedelta(days=back) for back in range(LOOK_BACK.days + 1)]
    stored = pl.concat(
        [
            lake.scan("episodes", days).select(_COMPARED),
            lake.scan("episodes", rejected=True).select(_COMPARED).filter(pl.col("date").is_in(days)),
        ]
    )
    return projection.outdated(lake.scan("feed_items"), stored, days)
