"""A day's briefs in ranges of subscribers, each made once.

Belongs here: cutting subscribers into ranges, a range's briefs made and kept, or found.
Doesn't: the choice (`desk.py`), Dagster (`assets.py`, `ops.py`).

A range is keyed by everything that its briefs depend on, so a run that was killed, or the steps of a job on many
machines, leave behind what the asset then finds.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from sqlalchemy import Engine
from upath import UPath

from podbrief_assets.briefs import news
from podbrief_assets.briefs.desk import VERSION, VOTES, WORDS, Desk, Said, frame_bytes
from podbrief_assets.database import session
from podbrief_assets.lake.cache import key_of
from podbrief_assets.lake.contract import settle
from podbrief_assets.lake.storage import Lake, rejected_schema
from podbrief_assets.lake.tables import TABLES
from podbrief_assets.subscribers import feedback
from podbrief_assets.subscribers.database import muted_words

SUBSCRIBERS_AT_ONCE = 50_000
VOTES_DAYS = 365  # older votes are worth nothing any more


@dataclass(frozen=True)
class Range:
    """Subscribers from `first` to `last`, both included, by identifier."""

    first: str
    last: str


def ranges(subscribers: pl.LazyFrame, at_once: int = SUBSCRIBERS_AT_ONCE) -> list[Range]:
    """All of them, `at_once` in each range."""
    known = subscribers.select(pl.col("subscriber_id").sort()).collect().to_series()
    return [Range(known[start], known[min(start + at_once, len(known)) - 1]) for start in range(0, len(known), at_once)]


def opened(lake: Lake, engine: Engine, day: dt.date) -> tuple[Desk, Said]:
    """The day ready to be chosen from, and what readers say that the lake doesn't hold, as of the day's end."""
    end = dt.datetime.combine(day, dt.time.max, dt.UTC)
    with session(engine, read_only=True) as transaction:
        words = muted_words(transaction, end)
        votes = feedback.as_of(transaction, end, since=end - dt.timedelta(days=VOTES_DAYS))
    muted = pl.DataFrame(words, schema=WORDS, orient="row")
    said = pl.DataFrame(
        [(one.subscriber_id, one.insight_id, one.kind, one.at) for one in votes],
        schema=VOTES,
        orient="row",
    )
    today = news.news(lake, day, news.followers(lake.scan("subscribers", [day])))
    today = today.join(news.heard_elsewhere(lake, day, today), on="insight_id", maintain_order="left")
    desk = Desk(day, today, news.archive(lake, day), tuple(muted["word"].unique().sort()))
    return desk, Said(muted, said, news.vectors_of(lake, said["insight_id"].unique().to_list()))


@dataclass(frozen=True)
class Made:
    """A range's briefs.

    Attributes:
        rows: As the contract has them, read when they are needed.
        rejected: Rows that break it, with the rules.
        counts: How many broke each rule.
    """

    rows: pl.LazyFrame
    rejected: pl.DataFrame
    counts: dict[str, int]

    @property
    def kept(self) -> int:
        """How many rows there are."""
        return int(self.rows.select(pl.len()).collect().item())


@dataclass(frozen=True)
class Parts:
    """Ranges that are finished, as Parquet files below `root`, by day and by what they depend on."""

    root: UPath | Path

    def get(self, day: dt.date, key: str) -> pl.LazyFrame | None:
        """The rows kept under `key`, or None."""
        path = self._place(day, key)
        return Lake(UPath(self.root)).union([path]) if path.exists() else None

    def put(self, day: dt.date, key: str, rows: pl.DataFrame) -> pl.LazyFrame:
        """Keep `rows` under `key`."""
        path = self._place(day, key)
        lake = Lake(UPath(self.root))
        lake.put(path, rows)
        return lake.union([path])

    def forget_others(self, day: dt.date) -> None:
        """Remove the ranges of other days: they are in the lake, or will be made again."""
        root = UPath(self.root)
        for path in list(root.glob("*/*.parquet")) if root.exists() else []:
            if path.parent.name != str(day):
                path.unlink(missing_ok=True)

    def _place(self, day: dt.date, key: str) -> UPath:
        return UPath(self.root) / str(day) / f"{key}.parquet"


def made(desk: Desk, said: Said, lake: Lake, part: Range, parts: Parts) -> Made:
    """The briefs of the subscribers of `part`, from `parts` where they are known."""
    table = TABLES["user_briefs"]
    mine = pl.col("subscriber_id").is_between(pl.lit(part.first), pl.lit(part.last))
    who = lake.scan("subscribers", [desk.day]).filter(mine).sort("subscriber_id").collect()
    own = Said(said.words.filter(mine), said.votes.filter(mine), said.vectors)
    sent = news.sent(lake, desk.day, desk.today, who["subscriber_id"]).sort("subscriber_id", "cluster")
    key = key_of(
        version=VERSION,
        day=desk.digest,
        who=_digest(who),
        sent=_digest(sent),
        words=_digest(own.words.sort(pl.all())),
        votes=_digest(own.votes.sort("subscriber_id", "insight_id")),
        contract=str(table.polars_schema),
    )
    kept = parts.get(desk.day, key)
    if kept is not None:
        return Made(kept, pl.DataFrame(schema=rejected_schema(table)), {})
    settled = settle(table, desk.entries(who, own, sent))
    # What breaks a rule is a fault that somebody will mend, so nothing of it is kept.
    stored = parts.put(desk.day, key, settled.valid) if settled.rejected.is_empty() else settled.valid.lazy()
    return Made(stored, settled.rejected, settled.counts)


def _digest(frame: pl.DataFrame) -> str:
    return hashlib.sha256(frame_bytes(frame)).hexdigest()
