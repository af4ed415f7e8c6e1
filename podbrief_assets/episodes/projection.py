"""Which episodes were published on a day, from everything that feeds ever said.

Belongs here: choosing the newest version of each item, the rule by which a publication time is believed, and which days
would be projected otherwise now.
Doesn't: fetching (`scan.py`), reading feeds (`feed.py`), cleaning notes (`markup.py`), telling repeats (`repeats.py`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

import polars as pl

from podbrief_assets.episodes import markup, repeats
from podbrief_assets.lake.tables import TABLES

VERSION = "2"

EARLIEST = dt.datetime(1990, 1, 1, tzinfo=dt.UTC)
AHEAD = dt.timedelta(days=1)  # zones and schedulers explain a day; no more

_ITEM = ["show_id", "guid"]


def episodes_of(feed_items: pl.LazyFrame, days: Collection[dt.date]) -> pl.LazyFrame:
    """The `episodes` rows of `days`: the newest version of each item that was published then.

    An item's publication time is what its newest version states. Where it states none, or one before 1990, or one more
    than a day ahead of when podbrief first saw the item, the time of first sight is taken instead, and
    `published_rule` says so: the rule looks at nothing but the item, so every machine and every rerun agrees. Where a
    feed has put another episode under the guid, first sight is that episode's.

    A version that stands in two files, as it does for a moment while the log is compacted, counts once. The show notes
    are cleaned here, with today's sanitiser, and only those of the days asked for.
    """
    of_days = _of_days(feed_items, days)
    schema = TABLES["episodes"].polars_schema
    lists = [name for name, dtype in schema.items() if isinstance(dtype, pl.List)]
    return (
        feed_items.drop("stated_at", "back_catalogue")
        # Reaches into the files, so that no other item's notes are read; the join alone would read them all.
        .filter(pl.col("episode_id").is_in(of_days["episode_id"].implode()))
        .join(of_days.lazy(), left_on=[*_ITEM, "first_seen_at"], right_on=[*_ITEM, "newest"], how="inner")
        .unique([*_ITEM, "first_seen_at"], keep="any")
        .with_columns(
            # Files of an older release lack these columns.
            *(pl.col(name).fill_null([]) for name in lists),
            pl.col("private").fill_null(False),
            pl.col("notes").map_batches(_plain, return_dtype=pl.String, is_elementwise=True).alias("description"),
            pl.struct("notes", "notes_base")
            .map_batches(_sanitised, return_dtype=pl.String, is_elementwise=True)
            .alias("description_html"),
            first_seen_at=pl.col("seen"),
            back_catalogue=pl.col("from_start"),
        )
        .select(schema.names())
        .sort("published_at", "episode_id")
    )


def outdated(feed_items: pl.LazyFrame, episodes: pl.LazyFrame, days: Collection[dt.date]) -> list[dt.date]:
    """Those of `days`, in order, that would be projected otherwise now.

    Compared are the items that are news, by their version and by what they repeat. A back catalogue makes no day
    outdated: subscribing to a show would project ten years again, and no brief tells of it.

    Args:
        episodes: What is stored: `date`, `episode_id`, `digest`, `duplicate_of`; a day that isn't there was never
            projected, and is outdated only where it holds news.
    """
    columns = ["date", "episode_id", "digest", "duplicate_of"]
    projected = _of_days(feed_items, days)
    catalogue = projected.filter("from_start").select("episode_id")
    digests = feed_items.select(*_ITEM, "digest", newest="first_seen_at")
    now = (
        digests.join(projected.lazy(), on=[*_ITEM, "newest"], how="inner")
        .filter(~pl.col("from_start"))
        .select(columns)
        .unique()
        .collect()
    )
    stored = episodes.select(columns).filter(pl.col("date").is_in(sorted(days))).collect()
    before = stored.join(catalogue, on="episode_id", how="anti")
    changed = pl.concat(
        [
            now.join(before, on=columns, how="anti", nulls_equal=True),
            before.join(now, on=columns, how="anti", nulls_equal=True),
        ]
    )
    return sorted(changed["date"].unique())


def _of_days(feed_items: pl.LazyFrame, days: Collection[dt.date]) -> pl.DataFrame:
    """A row for each item published on `days`: which version of it counts, when it was published, what it repeats."""
    items = _items(feed_items)
    repeating = repeats.find(items.lazy())
    return (
        items.lazy()
        .filter(pl.col("date").is_in(sorted(days)))
        .select(*_ITEM, "episode_id", "newest", "seen", "from_start", "published_at", "published_rule", "date")
        .join(repeating.lazy(), on="episode_id", how="left")
        .collect()
    )


def _items(feed_items: pl.LazyFrame) -> pl.DataFrame:
    """Every item ever seen, once: the traits of its newest version, and when it was published.

    Only narrow columns are read, and what text there is among them is made into numbers version by version: the notes
    of all versions would not fit in memory.
    """
    told = feed_items.select(*repeats.COLUMNS, "back_catalogue")
    newest = pl.exclude(*_ITEM, "first_seen_at", "back_catalogue").max_by("first_seen_at")
    items = (
        repeats.compared(told)
        .group_by(_ITEM)
        .agg(
            newest,
            newest=pl.col("first_seen_at").max(),
            seen=pl.col("first_seen_at").min(),
            from_start=pl.col("back_catalogue").min_by("first_seen_at"),
            changed=pl.all_horizontal(pl.col(name).min() != pl.col(name).max() for name in ("title_key", "audio_key")),
        )
        .collect(engine="streaming")
    )
    items = _seen_anew(told, items)
    believed = pl.col("published_rule") == "stated"
    return (
        items.lazy()
        .with_columns(
            published_rule=pl.when(pl.col("stated_at").is_null())
            .then(pl.lit("missing"))
            .when(pl.col("stated_at") < EARLIEST)
            .then(pl.lit("impossible"))
            .when(pl.col("stated_at") > pl.col("seen") + AHEAD)
            .then(pl.lit("future"))
            .otherwise(pl.lit("stated"))
        )
        .with_columns(
            first_seen_at=pl.col("seen"),
            stated_at=pl.when(believed).then("stated_at"),
            published_at=pl.when(believed).then("stated_at").otherwise("seen"),
        )
        .with_columns(date=pl.col("published_at").dt.date())
        .collect(engine="streaming")
    )


def _seen_anew(told: pl.LazyFrame, items: pl.DataFrame) -> pl.DataFrame:
    """`items` without their column `changed`, first seen when their newest episode was, where a guid has had several.

    Feeds that hold no more than their latest episode may have one guid for all. A version tells of another episode
    where its title, its recording and its date are other ones than the newest version's: an old episode that is dated
    anew keeps its recording, and so stays the same one.
    """
    changed = items.filter("changed").select(*_ITEM, "title_key", "audio_key", "stated_at")
    items = items.drop("changed")
    if changed.is_empty():  # as nearly always; the versions of all items are looked at a second time only if not
        return items
    apart = (pl.col("stated_at") - pl.col("stated_at_b")).abs() > dt.timedelta(days=1)
    another = (pl.col("title_key") != pl.col("title_key_b")) & (pl.col("audio_key") != pl.col("audio_key_b")) & apart
    own = (
        repeats.compared(told.join(changed.lazy().select(_ITEM), on=_ITEM, how="semi"))
        .join(changed.lazy(), on=_ITEM, suffix="_b")
        .filter(~another.fill_null(False))
        .group_by(_ITEM)
        .agg(seen=pl.col("first_seen_at").min(), from_start=pl.col("back_catalogue").min_by("first_seen_at"))
        .collect()
    )
    return items.update(own, on=_ITEM)


def _plain(notes: pl.Series) -> pl.Series:
    return pl.Series([text and markup.plain_text(text) for text in notes], dtype=pl.String)


def _sanitised(notes: pl.Series) -> pl.Series:
    parts = zip(notes.struct.field("notes"), notes.struct.field("notes_base"), strict=True)
    return pl.Series([text and markup.sanitised(text, base or "") for text, base in parts], dtype=pl.String)
