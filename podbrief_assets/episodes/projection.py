"""Which episodes were published on a day, from everything that feeds ever said.

Belongs here: choosing the newest version of each item, and the rule by which a publication time is believed.
Doesn't: fetching (`scan.py`), reading feeds (`feed.py`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

import polars as pl

from podbrief_assets.lake.tables import TABLES

VERSION = "1"

EARLIEST = dt.datetime(1990, 1, 1, tzinfo=dt.UTC)
AHEAD = dt.timedelta(days=1)  # zones and schedulers explain a day; no more


def episodes_of(feed_items: pl.LazyFrame, days: Collection[dt.date]) -> pl.LazyFrame:
    """The `episodes` rows of `days`: the newest version of each item that was published then.

    An item's publication time is what its newest version states. Where it states none, or one before 1990, or one more
    than a day ahead of when podbrief first saw the item, the time of first sight is taken instead, and
    `published_rule` says so: the rule looks at nothing but the item, so every machine and every rerun agrees.
    """
    item = ["show_id", "guid"]
    newest_first = pl.col("first_seen_at").sort_by("first_seen_at", descending=True)
    # Only these narrow columns are read of every version; the wide ones of the chosen versions alone.
    versions = feed_items.select(*item, "first_seen_at", "stated_at", "back_catalogue").group_by(item)
    chosen = versions.agg(
        newest=newest_first.first(),
        seen=pl.col("first_seen_at").min(),
        stated_at=pl.col("stated_at").sort_by("first_seen_at", descending=True).first(),
        from_start=pl.col("back_catalogue").sort_by("first_seen_at").first(),
    ).with_columns(
        published_rule=pl.when(pl.col("stated_at").is_null())
        .then(pl.lit("missing"))
        .when(pl.col("stated_at") < EARLIEST)
        .then(pl.lit("impossible"))
        .when(pl.col("stated_at") > pl.col("seen") + AHEAD)
        .then(pl.lit("future"))
        .otherwise(pl.lit("stated"))
    )
    published_at = pl.when(pl.col("published_rule") == "stated").then("stated_at").otherwise("seen")
    of_days = (
        chosen.with_columns(published_at=published_at)
        .with_columns(date=pl.col("published_at").dt.date())
        .filter(pl.col("date").is_in(sorted(days)))
        .drop("stated_at")
    )
    return (
        feed_items.drop("stated_at", "back_catalogue")
        .join(of_days, left_on=[*item, "first_seen_at"], right_on=[*item, "newest"], how="inner")
        .with_columns(
            first_seen_at=pl.col("seen"),
            back_catalogue=pl.col("from_start"),
            duplicate_of=pl.lit(None, pl.String),
        )
        .select(TABLES["episodes"].polars_schema.names())
        .sort("published_at", "episode_id")
    )
