"""What the lake knows for a day's briefs: the news, the archive, and what each reader was sent.

Belongs here: reading the lake's tables for the choice.
Doesn't: the choice itself (`desk.py`, `ranking.py`), writing anything (`assets.py`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from podbrief_assets.briefs.profiles import Archive
from podbrief_assets.briefs.ranking import Floats
from podbrief_assets.lake.storage import Lake
from podbrief_assets.lake.tables import EMBEDDING_DIMENSION
from podbrief_assets.lake.vectors import as_vectors
from podbrief_assets.transcripts.insertion import inserts_advertising

NEWS_DAYS = 3  # so that a quiet day still has news
REMEMBERED_DAYS = 30  # in which nobody is sent the same claim again
ARCHIVE_DAYS = 90  # that interests are held against
_LATE_DAYS = 60  # how far back an episode may be dated that turns up only now
_HALF_LIFE = 0.5  # freshness a day


def news(lake: Lake, day: dt.date, followers: pl.DataFrame) -> pl.DataFrame:
    """The insights that may be sent on `day`: of episodes published in the three days up to it, or that turned up late.

    An episode turned up late if it was first seen in those days (or the morning after, when the day's run scans) though
    it is dated earlier. What was already there at a show's first scan is its back catalogue and no news by being seen.
    An episode that repeats another is none, and one of a private show has no address that a reader could be sent to.
    Rows are in the order of their identifiers.

    Args:
        followers: `show_id` and `followers`, how many follow it: what they follow is popular.
    """
    recent = [day - dt.timedelta(days=back) for back in range(NEWS_DAYS)]
    older = [day - dt.timedelta(days=back) for back in range(NEWS_DAYS, _LATE_DAYS)]
    seen_day = pl.col("first_seen_at").dt.date()
    shared = ~pl.col("private").fill_null(False)
    columns: tuple[str | pl.Expr, ...] = (
        *("episode_id", "title", "show_title", "date", pl.col("audio_url").alias("from_url"), "duration_s"),
        *(pl.when(shared).then(address).alias(address) for address in ("link", "audio_url")),
    )
    own = pl.col("duplicate_of").is_null()
    late = lake.scan("episodes", older).filter(
        own & ~pl.col("back_catalogue") & seen_day.is_between(min(recent), day + dt.timedelta(days=1))
    )
    episodes = pl.concat(
        [
            lake.scan("episodes", recent).filter(own).select(*columns, news_day=pl.col("date")),
            late.select(*columns, news_day=pl.min_horizontal(seen_day, pl.lit(day))),
        ]
    ).collect()
    days = episodes["date"].unique().to_list()
    most = max(1, int(followers["followers"].max() or 0))  # type: ignore[arg-type]
    return (
        lake.scan("insight_candidates", days)
        .filter(pl.col("superseded_by").is_null())
        .join(lake.scan("insight_scores", days).select("insight_id", "quality", "duplicate_of"), on="insight_id")
        .join(lake.scan("insight_embeddings", days).select("insight_id", "embedding"), on="insight_id")
        .join(
            episodes.lazy().select(
                *("episode_id", "show_title", "link", "audio_url", "news_day", "from_url", "duration_s"),
                episode_title="title",
            ),
            on="episode_id",
        )
        .join(
            lake.scan("transcripts", days).select("episode_id", "origin", transcribed_s="duration_s"),
            on="episode_id",
            how="left",
        )
        .join(followers.lazy(), on="show_id", how="left")
        .with_columns(
            timed=pl.col("timed")
            & ~inserts_advertising(*map(pl.col, ("from_url", "duration_s", "transcribed_s", "origin"))),
            cluster=pl.coalesce("duplicate_of", "insight_id"),
            freshness=pl.lit(_HALF_LIFE).pow((pl.lit(day) - pl.col("news_day")).dt.total_days()),
            popularity=pl.col("followers").fill_null(0).log1p() / np.log1p(most),
        )
        .sort("insight_id")
        .collect()
    )


def heard_elsewhere(lake: Lake, day: dt.date, today: pl.DataFrame) -> pl.DataFrame:
    """Titles of the other shows that say the same as each insight of `today`, and of those that say the contrary.

    A show with a private feed is not named. One row for each insight: `insight_id`, `also_heard_on`,
    `heard_otherwise_on`.
    """
    days = [day - dt.timedelta(days=back) for back in range(_LATE_DAYS + REMEMBERED_DAYS)]
    scores = lake.scan("insight_scores", days).select(
        "insight_id", "contrary_to", cluster=pl.coalesce("duplicate_of", "insight_id")
    )
    episodes = lake.scan("episodes", days).filter(~pl.col("private").fill_null(False))
    said = (
        lake.scan("insight_candidates", days)
        .filter(pl.col("superseded_by").is_null())
        .select("insight_id", "episode_id")
        .join(episodes.select("episode_id", other_show="show_id", title="show_title"), on="episode_id")
        .join(scores.select("insight_id", "cluster"), on="insight_id")
        .select("cluster", "other_show", "title")
    )
    found = (
        scores.select(ours="cluster", insight_id="contrary_to")
        .explode("insight_id", empty_as_null=False)
        .join(scores.select("insight_id", theirs="cluster"), on="insight_id")
        .select("ours", "theirs")
    )
    contrary = pl.concat([found, found.select(ours="theirs", theirs="ours")])
    asked = today.lazy().select("insight_id", "cluster", "show_id")

    def shows(others: pl.LazyFrame, name: str) -> pl.LazyFrame:
        return (
            others.filter(pl.col("other_show") != pl.col("show_id"))
            .group_by("insight_id")
            .agg(pl.col("title").unique().sort().alias(name))
        )

    same = shows(asked.join(said, on="cluster"), "also_heard_on")
    otherwise = shows(
        asked.join(contrary, left_on="cluster", right_on="ours").join(said, left_on="theirs", right_on="cluster"),
        "heard_otherwise_on",
    )
    return (
        asked.select("insight_id")
        .join(same, on="insight_id", how="left")
        .join(otherwise, on="insight_id", how="left")
        .with_columns(pl.col("also_heard_on", "heard_otherwise_on").fill_null([]))
        .collect()
    )


def followers(subscribers: pl.LazyFrame) -> pl.DataFrame:
    """How many of a day's subscribers follow each show: `show_id`, `followers`."""
    return (
        subscribers.select(show_id="followed_shows")
        .explode("show_id", empty_as_null=False)
        .group_by("show_id")
        .len("followers")
        .collect()
    )


def archive(lake: Lake, day: dt.date) -> Archive:
    """What interests are held against: the insights of the 90 days up to `day`, never of later ones."""

    def blocks() -> Iterator[Floats]:
        for back in range(ARCHIVE_DAYS):
            vectors = lake.scan("insight_embeddings", [day - dt.timedelta(days=back)]).select("embedding").collect()
            yield as_vectors(vectors["embedding"])

    return Archive.of(blocks(), EMBEDDING_DIMENSION)


def vectors_of(lake: Lake, insights: Sequence[str]) -> pl.DataFrame:
    """`insight_id` and `embedding` of those of `insights` that the lake has; the identifier says in which day."""
    days = (
        pl.Series(insights, dtype=pl.String).str.slice(0, 8).str.to_date("%Y%m%d", strict=False).unique().drop_nulls()
    )
    return (
        lake.scan("insight_embeddings", days.to_list())
        .select("insight_id", "embedding")
        .filter(pl.col("insight_id").is_in(list(insights)))
        .collect()
    )


def sent(lake: Lake, day: dt.date, today: pl.DataFrame, subscribers: pl.Series) -> pl.DataFrame:
    """Which of today's clusters `subscribers`, in order, were sent around `day`: `subscriber_id` and `cluster`.

    Later days too, since days can be made in any order. A brief counts as sent if it was delivered or may have been;
    also if nothing is known of its day's deliveries, since a run that was killed in between must not lead to the same
    insight twice.
    """
    around = [day + dt.timedelta(days=n) for n in range(-REMEMBERED_DAYS, REMEMBERED_DAYS + 1) if n]
    # Said again in that time, or said before: only days that can have insights of today's clusters are looked at.
    said = [day + dt.timedelta(days=n) for n in range(-REMEMBERED_DAYS - _LATE_DAYS, REMEMBERED_DAYS + 1)]
    clusters = (
        lake.scan("insight_scores", said)
        .select("insight_id", cluster=pl.coalesce("duplicate_of", "insight_id"))
        .filter(pl.col("cluster").is_in(today["cluster"].unique().to_list()))
        .collect()
    )
    mine = (
        pl.lit(False)
        if subscribers.is_empty()
        else pl.col("subscriber_id").is_between(pl.lit(subscribers[0]), pl.lit(subscribers[-1]))
    )
    unsent = lake.scan("brief_deliveries", around).filter(mine & ~pl.col("status").is_in(["delivered", "unknown"]))
    return (
        lake.scan("user_briefs", around)
        .filter(mine & pl.col("insight_id").is_in(clusters["insight_id"].to_list()))
        .select("subscriber_id", "insight_id", "date")
        .join(unsent.select("subscriber_id", "date"), on=["subscriber_id", "date"], how="anti")
        .join(clusters.lazy(), on="insight_id")
        .select("subscriber_id", "cluster")
        .unique()
        .collect()
    )
