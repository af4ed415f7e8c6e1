"""The asset `user_briefs`.

Belongs here: which insights are news today, who may get which, and the brief as it will be sent.
Doesn't: the choice itself (`ranking.py`), the mail (`delivery/`).
"""

import datetime as dt
from collections.abc import Sequence

import dagster as dg
import numpy as np
import polars as pl

from podbrief_assets.briefs import ranking
from podbrief_assets.lake.contract import settle
from podbrief_assets.lake.io_manager import LakeResource, TableResult, failures, table_asset, table_result
from podbrief_assets.lake.storage import Lake
from podbrief_assets.lake.tables import EMBEDDING_DIMENSION, TABLES
from podbrief_assets.resources import DeliveryLedger
from podbrief_assets.transcripts.insertion import inserts_advertising

GROUP = "briefs"
_NEWS_DAYS = 3  # so that a quiet day still has news
_REMEMBERED = 30  # days in which nobody is sent the same claim again
_LATE_DAYS = 60  # how far back an episode may be dated that turns up only now
_HALF_LIFE = 0.5  # freshness a day
# Cosines between an interest and an insight, as all-MiniLM-L6-v2 gives them: read off briefs of real episodes. Above
# the first a reader sees at once why; below the second the two share a subject area at best.
_CLOSE, _NEAR = 0.30, 0.20
_EARLIER_S = 15  # how much before a place that is not exactly known a link starts to play
_NAMED = 5  # subscribers that are told of one by one


@table_asset(
    "user_briefs",
    group=GROUP,
    code_version=f"{ranking.VERSION}.1",
    kinds={"numpy"},
    deps=["insight_embeddings", "insight_scores", "insight_candidates"],
)
def user_briefs(
    context: dg.AssetExecutionContext, lake: LakeResource, ledger: DeliveryLedger, subscribers: pl.LazyFrame
) -> TableResult:
    """Choose each subscriber's entries from what is news on the day; a day of which something was delivered stays."""
    day = dt.date.fromisoformat(context.partition_key)
    table = TABLES["user_briefs"]
    if ledger.ledger.any_delivered(day):
        kept = lake.lake.scan("user_briefs", [day]).collect()
        context.log.info(f"{day} is frozen: something of it was delivered")
        return table_result(settle(table, kept), {"frozen": True, "briefs": kept["subscriber_id"].n_unique()})
    today = news(lake.lake, day)
    who = subscribers.sort("subscriber_id").collect()
    picks = ranking.pick_entries(_insights(today), _readers(who, today, _sent(lake.lake, day)))
    rows = _entries(who, today, picks, day)
    briefs = rows["subscriber_id"].n_unique()
    without = sorted(set(who["subscriber_id"]) - set(rows["subscriber_id"]))
    cold = who.filter(pl.col("interest_vectors").list.len() == 0)["subscriber_id"].to_list()
    notes = [
        *_told(without, "nothing of the day passed the floors: no brief"),
        *_told(cold, "has no interests and gets the day's best: `podbrief subscribers add ADDRESS --interest TEXT`"),
    ]
    return table_result(
        settle(table, rows),
        {"candidates": len(today), "subscribers": len(who), "briefs": briefs, "frozen": False, **failures(notes)},
    )


def _told(subscribers: Sequence[str], note: str) -> list[tuple[str, str]]:
    """`note` of each subscriber, or once of all where they are many: on a thin day it may be true of a million."""
    if len(subscribers) <= _NAMED:
        return [(f"subscriber {one}", note) for one in subscribers]
    return [(f"{len(subscribers):,} subscribers, the first of them {', '.join(subscribers[:_NAMED])}", note)]


def news(lake: Lake, day: dt.date) -> pl.DataFrame:
    """The insights that may be sent on `day`: of episodes published in the three days up to it, or that turned up late.

    An episode turned up late if it was first seen in those days (or the morning after, when the day's run scans) though
    it is dated earlier. What was already there at a show's first scan is its back catalogue and no news by being seen.
    An episode that repeats another is none, and one of a private show has no address that a reader could be sent to.
    Rows are in the order of their identifiers.
    """
    recent = [day - dt.timedelta(days=back) for back in range(_NEWS_DAYS)]
    older = [day - dt.timedelta(days=back) for back in range(_NEWS_DAYS, _LATE_DAYS)]
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
        .with_columns(
            timed=pl.col("timed")
            & ~inserts_advertising(*map(pl.col, ("from_url", "duration_s", "transcribed_s", "origin"))),
            cluster=pl.coalesce("duplicate_of", "insight_id"),
            freshness=pl.lit(_HALF_LIFE).pow((pl.lit(day) - pl.col("news_day")).dt.total_days()),
        )
        .sort("insight_id")
        .collect()
    )


def _sent(lake: Lake, day: dt.date) -> pl.DataFrame:
    """What each subscriber was sent around `day`, later days too since days can be made in any order.

    A brief counts as sent if it was delivered or may have been; also if nothing is known of its day's deliveries, since
    a run that was killed in between must not lead to the same insight twice. Columns `subscriber_id` and `cluster`.
    """
    around = [day + dt.timedelta(days=n) for n in range(-_REMEMBERED, _REMEMBERED + 1) if n]
    unsent = lake.scan("brief_deliveries", around).filter(~pl.col("status").is_in(["delivered", "unknown"]))
    briefs = lake.scan("user_briefs", around).select("subscriber_id", "insight_id", "date")
    scores = lake.scan("insight_scores").select("insight_id", "duplicate_of")
    return (
        briefs.join(unsent.select("subscriber_id", "date"), on=["subscriber_id", "date"], how="anti")
        .join(scores, on="insight_id", how="left")
        .select("subscriber_id", cluster=pl.coalesce("duplicate_of", "insight_id"))
        .unique()
        .collect()
    )


def _numbers(values: pl.Series) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Equal values as equal numbers."""
    return values.rank("dense").cast(pl.Int64).to_numpy() - 1


def _insights(today: pl.DataFrame) -> ranking.Insights:
    vectors = np.ascontiguousarray(today["embedding"].to_numpy(), np.float32)
    return ranking.Insights(
        vectors=vectors.reshape(len(today), EMBEDDING_DIMENSION),
        quality=today["quality"].cast(pl.Float32).to_numpy(),
        freshness=today["freshness"].cast(pl.Float32).to_numpy(),
        show=_numbers(today["show_id"]),
        cluster=_numbers(today["cluster"]),
    )


def _readers(who: pl.DataFrame, today: pl.DataFrame, sent: pl.DataFrame) -> ranking.Readers:
    readers = who.with_row_index("reader").with_columns(pl.col("reader").cast(pl.Int64))
    insights = today.with_row_index("insight").with_columns(pl.col("insight").cast(pl.Int64))
    interests = readers.select("reader", "interest_vectors").explode("interest_vectors", empty_as_null=False)
    shows = insights.select("show_id", show=pl.Series(_numbers(today["show_id"]), dtype=pl.Int64)).unique()
    muted_shows = (
        readers.select("reader", show_id="muted_shows")
        .explode("show_id")
        .join(insights.select("insight", "show_id"), on="show_id")
    )
    muted_topics = (
        readers.select("reader", topic="muted_topics")
        .explode("topic")
        .join(insights.select("insight", topic="topics").explode("topic"), on="topic")
    )
    already = readers.join(sent, on="subscriber_id").join(insights.select("insight", "cluster"), on="cluster")
    excluded = pl.concat([frame.select("reader", "insight") for frame in (muted_shows, muted_topics, already)])
    follows = readers.select("reader", show_id="followed_shows").explode("show_id").join(shows, on="show_id")
    return ranking.Readers(
        interests=np.ascontiguousarray(interests["interest_vectors"].to_numpy(), np.float32).reshape(
            -1, EMBEDDING_DIMENSION
        ),
        owner=interests["reader"].to_numpy(),
        size=who["brief_size"].to_numpy(),
        excluded=excluded.unique(maintain_order=True).to_numpy(),
        follows=follows.select("reader", "show").to_numpy(),
    )


def _entries(who: pl.DataFrame, today: pl.DataFrame, picks: ranking.Picks, day: dt.date) -> pl.DataFrame:
    table = TABLES["user_briefs"]
    chosen = today[picks.insight.tolist()]
    rows: pl.DataFrame = chosen.with_columns(
        subscriber_id=who["subscriber_id"].gather(picks.reader),
        rank=pl.Series(picks.rank),
        score=pl.Series(picks.score, dtype=pl.Float64),
        relevance=pl.Series(picks.relevance, dtype=pl.Float64),
        redundancy=pl.Series(picks.redundancy, dtype=pl.Float64),
        interest=pl.when(pl.Series(picks.interest) >= 0).then(pl.Series(picks.interest) + 1),
        date=pl.lit(day),
        link=_link(),
    )
    return rows.with_columns(reason=_reason()).select(table.polars_schema.names())


def _link() -> pl.Expr:
    """Where the quote can be heard: the audio from that second on (a media fragment), else the episode's page.

    Where the second is not exactly known it starts somewhat earlier, so that nobody has to search backwards.
    """
    audio = pl.col("audio_url").str.replace(r"#.*$", "")
    start_s = pl.when("timed").then("start_s").otherwise(pl.max_horizontal(0.0, pl.col("start_s") - _EARLIER_S))
    return pl.coalesce(pl.format("{}#t={}", audio, start_s.cast(pl.Int64)), "link")


def _reason() -> pl.Expr:
    """What decided, honestly: a weak match is not told as one. An interest's words are put in when it is rendered."""
    return (
        pl.when(pl.col("interest").is_null())
        .then(pl.lit("among the best of the day"))
        .when(pl.col("relevance") >= _CLOSE)
        .then(pl.format("close to interest {}", "interest"))
        .when(pl.col("relevance") >= _NEAR)
        .then(pl.format("among the best of the day, and touches on interest {}", "interest"))
        .otherwise(pl.lit("among the best of the day, though outside what was asked for"))
    )
