"""A day's choice for any readers: from rows of the lake to rows of `user_briefs`.

Belongs here: numbering what readers may refuse, their profiles as arrays, the entries and the reasons that are told.
Doesn't: what is news and what was sent (`news.py`), the choice (`ranking.py`), profiles (`profiles.py`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from podbrief_assets.briefs import profiles, ranking
from podbrief_assets.lake.tables import TABLES
from podbrief_assets.lake.vectors import as_vectors

VERSION = f"{ranking.VERSION}.{profiles.VERSION}.1"

# Nearness to an interest from which a reader sees at once why; below, the two share a subject at best. In the units of
# `profiles.DEVIATIONS`; both are read off briefs of real episodes.
_CLOSE = 0.85
_EARLIER_S = 15  # how much before a place that is not exactly known a link starts to play

# The same words for Python and for Polars.
_WORD = re.compile(r"[^\W_]+")
_NOT_A_WORD = r"[^\p{L}\p{N}]+"

WORDS = pl.Schema({"subscriber_id": pl.String(), "word": pl.String()})
VOTES = pl.Schema(
    {
        "subscriber_id": pl.String(),
        "insight_id": pl.String(),
        "kind": pl.String(),
        "at": pl.Datetime("us", "UTC"),
    }
)


@dataclass(frozen=True)
class Said:
    """What readers say that the lake doesn't hold, as of the day's end; rows of anybody else are passed over.

    Attributes:
        words: As `WORDS` says: names and words that no entry of theirs may have.
        votes: As `VOTES` says.
        vectors: `insight_id`, `embedding` of every insight that was voted on and is still in the lake.
    """

    words: pl.DataFrame
    votes: pl.DataFrame
    vectors: pl.DataFrame


def frame_bytes(frame: pl.DataFrame) -> bytes:
    """What a frame holds, for a digest of it."""
    buffer = io.BytesIO()
    frame.rechunk().write_ipc(buffer, compat_level=pl.CompatLevel.oldest())
    return buffer.getvalue()


@dataclass(frozen=True)
class Desk:
    """A day, ready to be chosen from.

    Attributes:
        day: Which.
        today: Its news, in the order of their identifiers, as `news.news` gives them.
        archive: The insights that interests are held against.
        words: Every name and word that anybody mutes.
    """

    day: dt.date
    today: pl.DataFrame
    archive: profiles.Archive
    words: Sequence[str] = ()
    device: str = "auto"

    @cached_property
    def digest(self) -> str:
        """Of everything that is the same for all who choose from the day."""
        archive = np.r_[self.archive.count, self.archive.total, self.archive.products.ravel()]
        return hashlib.sha256(frame_bytes(self.today) + archive.tobytes()).hexdigest()

    def entries(self, who: pl.DataFrame, said: Said, sent: pl.DataFrame) -> pl.DataFrame:
        """The briefs of `who`, rows of `subscribers`, as rows of `user_briefs`.

        Args:
            who: In the order of their identifiers.
            said: What else they say.
            sent: `subscriber_id` and `cluster` of what they were sent.
        """
        readers, wishes = self._readers(who, said, sent)
        picks = ranking.pick_entries(self.insights, readers, device=self.device)
        return self._rows(who, picks, wishes)

    def scores(self, who: pl.DataFrame, said: Said) -> pl.DataFrame:
        """The news with its parts and its `score` for the one subscriber in `who`, the best first.

        Before anything stands above it, whatever they refuse, also what is below the floors. `relevant` is false where
        they have interests and it is not near enough to any, and null where they have none.
        """
        nothing = pl.DataFrame(schema={"subscriber_id": pl.String, "cluster": pl.String})
        readers, _ = self._readers(who, said, nothing)
        found = ranking.scored(self.insights, readers, device=self.device)
        rows: pl.DataFrame = self.today[found.insight.tolist()]
        return rows.with_columns(
            score=pl.Series(found.score, dtype=pl.Float64),
            relevance=pl.Series(found.relevance, dtype=pl.Float64),
            aversion=pl.Series(found.aversion, dtype=pl.Float64),
            follows=pl.Series(found.follows > 0, dtype=pl.Boolean),
            relevant=pl.when(pl.Series(found.interest >= 0, dtype=pl.Boolean)).then(
                pl.Series(found.relevance >= ranking.Weights.relevance_floor, dtype=pl.Boolean)
            ),
        )

    @cached_property
    def insights(self) -> ranking.Insights:
        """The day's news as arrays."""
        today = self.today
        numbered = today.select("insight_id").with_row_index("insight").join(self.attributes, on="insight_id")
        width = int(np.bincount(numbered["insight"].to_numpy()).max(initial=0))
        table = np.full((len(today), width), -1, np.int64)
        place = numbered.sort("insight", "attribute").select(
            "insight", "attribute", column=pl.int_range(pl.len()).over("insight")
        )
        table[place["insight"].to_numpy(), place["column"].to_numpy()] = place["attribute"].to_numpy()
        return ranking.Insights(
            vectors=as_vectors(today["embedding"]),
            quality=today["quality"].cast(pl.Float32).to_numpy(),
            freshness=today["freshness"].cast(pl.Float32).to_numpy(),
            popularity=today["popularity"].cast(pl.Float32).to_numpy(),
            show=_numbers(today["show_id"]),
            cluster=_numbers(today["cluster"]),
            attributes=table,
        )

    @cached_property
    def attributes(self) -> pl.DataFrame:
        """What a reader may refuse of each insight: `insight_id`, `kind`, `value`, and a number for kind and value.

        Kinds are `show`, `topic`, `cluster` and `word`.
        """
        today = self.today
        own = [
            today.select("insight_id", kind=pl.lit("show"), value="show_id"),
            today.select("insight_id", kind=pl.lit("topic"), value="topics").explode("value", empty_as_null=False),
            today.select("insight_id", kind=pl.lit("cluster"), value="cluster"),
            _with_words(today, self.words),
        ]
        found = pl.concat(own).unique().sort("insight_id", "kind", "value")
        return found.with_columns(
            attribute=pl.concat_str("kind", pl.lit(" "), "value").rank("dense").cast(pl.Int64) - 1
        )

    def _readers(self, who: pl.DataFrame, said: Said, sent: pl.DataFrame) -> tuple[ranking.Readers, _Wishes]:
        readers = who.with_row_index("reader").with_columns(pl.col("reader").cast(pl.Int64))
        mine = readers.select("reader", "subscriber_id")
        written = readers.select("reader", vector="interest_vectors").explode("vector", empty_as_null=False)
        likes, dislikes = self._subjects(mine, said, likes=True), self._subjects(mine, said, likes=False)
        vectors, weight, owner, number = profiles.joined(
            as_vectors(written["vector"]), written["reader"].to_numpy().astype(np.int64), likes
        )
        values = self.attributes.select("kind", "value", "attribute").unique()
        asked = pl.concat(
            [
                readers.select("reader", kind=pl.lit("show"), value="muted_shows").explode(
                    "value", empty_as_null=False
                ),
                readers.select("reader", kind=pl.lit("topic"), value="muted_topics").explode(
                    "value", empty_as_null=False
                ),
                mine.join(said.words, on="subscriber_id").select("reader", kind=pl.lit("word"), value="word"),
                mine.join(sent, on="subscriber_id").select("reader", kind=pl.lit("cluster"), value="cluster"),
            ]
        )
        refused = asked.join(values, on=["kind", "value"]).select("reader", "attribute").unique(maintain_order=True)
        shows = self.today.select("show_id", show=pl.Series(self.insights.show, dtype=pl.Int64)).unique()
        follows = readers.select("reader", show_id="followed_shows").explode("show_id", empty_as_null=False)
        return (
            ranking.Readers(
                interests=self.archive.held_against(vectors, weight, owner),
                aversions=self.archive.held_against(dislikes.vectors, dislikes.weight, dislikes.reader),
                size=who["brief_size"].to_numpy(),
                refused=refused.to_numpy(),
                follows=follows.join(shows, on="show_id").select("reader", "show").to_numpy(),
            ),
            _Wishes(owner, number, likes),
        )

    def _subjects(self, mine: pl.DataFrame, said: Said, *, likes: bool) -> profiles.Clusters:
        worth = pl.col("kind").replace_strict(profiles.EVENT_WORTH, return_dtype=pl.Float32)
        end = dt.datetime.combine(self.day + dt.timedelta(days=1), dt.time(), dt.UTC)
        votes = (
            said.votes.join(mine, on="subscriber_id")
            .with_columns(worth=worth)
            .filter((pl.col("worth") > 0) if likes else (pl.col("worth") < 0))
            .join(said.vectors, on="insight_id")
            .sort("reader", "insight_id")
        )
        age = (pl.lit(end) - pl.col("at")).dt.total_seconds() / 86_400
        return profiles.clusters(
            profiles.Votes(
                reader=votes["reader"].to_numpy().astype(np.int64),
                vectors=as_vectors(votes["embedding"]),
                worth=votes["worth"].to_numpy(),
                age_days=votes.select(age.clip(0).cast(pl.Float32)).to_series().to_numpy(),
            )
        )

    def _rows(self, who: pl.DataFrame, picks: ranking.Picks, wishes: _Wishes) -> pl.DataFrame:
        written, liked = wishes.named(picks)
        chosen: pl.DataFrame = self.today[picks.insight.tolist()]
        rows = chosen.with_columns(
            subscriber_id=who["subscriber_id"].gather(picks.reader),
            rank=pl.Series(picks.rank, dtype=pl.Int64),
            score=pl.Series(picks.score, dtype=pl.Float64),
            relevance=pl.Series(picks.relevance, dtype=pl.Float64),
            cosine=pl.Series(picks.cosine, dtype=pl.Float64),
            aversion=pl.Series(picks.aversion, dtype=pl.Float64),
            redundancy=pl.Series(picks.redundancy, dtype=pl.Float64),
            follows=pl.Series(picks.follows > 0, dtype=pl.Boolean),
            interest=written,
            liked=liked,
            date=pl.lit(self.day),
            link=link(),
        )
        return rows.with_columns(reason=reason()).select(TABLES["user_briefs"].polars_schema.names())


@dataclass(frozen=True)
class _Wishes:
    """What each of the interests that were chosen by is called: all readers' in one line, in the order of `owner`."""

    owner: npt.NDArray[np.int64]
    number: npt.NDArray[np.int64]
    likes: profiles.Clusters

    def named(self, picks: ranking.Picks) -> tuple[pl.Series, pl.Series]:
        """Of each entry the written interest's number from 1, and how many liked insights make up the subject."""
        begin = np.searchsorted(self.owner, picks.reader)
        which = np.where(picks.interest >= 0, begin + picks.interest, 0)
        number = self.number[which] if len(self.number) else np.zeros(len(which), np.int64)
        known = pl.Series(picks.interest >= 0, dtype=pl.Boolean)
        cluster = np.searchsorted(self.likes.reader, picks.reader) - 1 - number
        votes = (
            self.likes.votes[np.clip(cluster, 0, len(self.likes.votes) - 1)]
            if len(self.likes.votes)
            else np.zeros(len(which), np.int64)
        )
        frame = pl.DataFrame({"known": known, "number": number, "votes": votes})
        return (
            frame.select(pl.when(pl.col("known") & (pl.col("number") >= 0)).then(pl.col("number") + 1)).to_series(),
            frame.select(pl.when(pl.col("known") & (pl.col("number") < 0)).then(pl.col("votes"))).to_series(),
        )


def reason() -> pl.Expr:
    """What decided, honestly: a weak match is not told as one. An interest's words are put in when it is rendered."""
    liked = pl.when(pl.col("liked") == 1).then(pl.lit("an insight")).otherwise(pl.format("{} insights", "liked"))
    what = pl.coalesce(pl.format("interest {}", "interest"), pl.format("{} that you liked", liked))
    near = (
        pl.when(pl.col("relevance") >= _CLOSE)
        .then(pl.format("close to {}", what))
        .when(pl.col("relevance") >= ranking.Weights.relevance_floor)
        .then(pl.format("touches on {}", what))
    )
    follows = pl.when(pl.col("follows")).then(pl.lit("from a show that you follow"))
    told = pl.concat_str(near, follows, separator=", ", ignore_nulls=True)
    return pl.when(told == "").then(pl.lit("among the best of the day")).otherwise(told)


def link() -> pl.Expr:
    """Where the quote can be heard: the audio from that second on (a media fragment), else the episode's page.

    Where the second is not exactly known it starts somewhat earlier, so that nobody has to search backwards.
    """
    audio = pl.col("audio_url").str.replace(r"#.*$", "")
    start_s = pl.when("timed").then("start_s").otherwise(pl.max_horizontal(0.0, pl.col("start_s") - _EARLIER_S))
    return pl.coalesce(pl.format("{}#t={}", audio, start_s.cast(pl.Int64)), "link")


def _with_words(today: pl.DataFrame, words: Iterable[str]) -> pl.DataFrame:
    """Which of `words` stand whole, in any case, in what a reader would read of each insight."""
    spaced = {word: " ".join(_WORD.findall(word.lower())) for word in sorted(set(words))}
    patterns = pl.DataFrame(
        {"value": list(spaced), "pattern": list(spaced.values())}, schema={"value": pl.String, "pattern": pl.String}
    ).filter(pl.col("pattern") != "")
    shown = pl.concat_str(
        "text", "label", "quote", "speaker", "show_title", "episode_title", separator=" | ", ignore_nulls=True
    )
    text = pl.concat_str(
        pl.lit(" "), shown.str.to_lowercase().str.replace_all(_NOT_A_WORD, "  "), pl.lit(" "), ignore_nulls=True
    )
    empty = pl.DataFrame(schema={"insight_id": pl.String, "kind": pl.String, "value": pl.String})
    if patterns.is_empty() or today.is_empty():
        return empty
    # Two spaces between words, one taken by the pattern before and one by the pattern after; inside a phrase they are
    # two as well.
    doubled = patterns.with_columns(
        pattern=pl.concat_str(pl.lit(" "), pl.col("pattern").str.replace_all(" ", "  ", literal=True), pl.lit(" "))
    )
    found = today.select(
        "insight_id",
        pattern=text.str.extract_many(doubled["pattern"].unique(maintain_order=True).to_list(), overlapping=True),
    ).explode("pattern", empty_as_null=False)
    return found.join(doubled, on="pattern").select("insight_id", kind=pl.lit("word"), value="value").unique()


def _numbers(values: pl.Series) -> npt.NDArray[np.int64]:
    """Equal values as equal numbers from 0."""
    return values.rank("dense").cast(pl.Int64).to_numpy() - 1
