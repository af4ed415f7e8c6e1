"""The check that tells of feeds which have failed for days.

Belongs here: its spec and its verdict, evaluated inside the scan, since a check of its own costs a process.
Doesn't: what a feed's health is (feed_state.py), the contracts' checks (lake/io_manager.py).
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import dagster as dg
import polars as pl

FEEDS_ANSWER: Final = "feeds_answer"
FAILING_FOR: Final = dt.timedelta(days=3)
_NAMED: Final = 50  # Dagster keeps them in an event for good; the view failing_feeds has them all

SPEC = dg.AssetCheckSpec(
    FEEDS_ANSWER,
    asset="feed_health",
    blocking=False,
    description="No feed has failed for three days or more. It only warns: no feed takes the day with it.",
)


def feeds_answer(health: pl.DataFrame, now: dt.datetime) -> dg.AssetCheckResult:
    """The verdict over the `feed_health` rows at `now`; those that have failed for longest are named."""
    failing = health.filter(
        (pl.col("outcome") == "failing") & (pl.col("failing_since") <= pl.lit(now) - FAILING_FOR)
    ).sort("failing_since", "title")
    named = "\n".join(
        f"- {row['title']} ({row['feed_url']}), since {row['failing_since']:%Y-%m-%d}: {row['reason']}"
        for row in failing.head(_NAMED).iter_rows(named=True)
    )
    return dg.AssetCheckResult(
        passed=failing.is_empty(),
        severity=dg.AssetCheckSeverity.WARN,
        asset_key="feed_health",
        check_name=FEEDS_ANSWER,
        description=f"{len(failing)} feeds have failed for three days or more"
        if len(failing)
        else "every feed answers",
        metadata={"failing": len(failing), "feeds": dg.MetadataValue.md(named)},
    )
