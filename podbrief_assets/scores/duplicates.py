"""Which insight repeats which, and which says the contrary of which.

Belongs here: which pairs are looked at, choosing one canonical insight for what is said several times, linking
contraries.
Doesn't: the test of a pair (`pairs.py`), what else is near (`related.py`).

Two insights are held against each other if their vectors are near or if they share rare words: a paraphrase in other
words was seen at a cosine of 0.42, where the nearest twenty of a month's archive have long passed. Both only propose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from podbrief_assets.scores.claims import Claim, read_claim, stems_of
from podbrief_assets.scores.neighbours import Floats, nearest
from podbrief_assets.scores.pairs import Verdict, judge, words_shared

VERSION = "3"

NEIGHBOURS = 20  # of each insight, by their vectors
SHARING = 10  # more of each, by the rare words that they share
NEAR = 0.5  # cosine from which on vectors propose by themselves, and that two who share rare words may fall short of
LEAST_SIMILAR = 0.35  # but not of this: no labelled pair that says the same lies lower
LEAST_SHARED = 0.25  # of the words, by weight: no labelled pair that shares less is found the same or the contrary
_RARE_IN = 50  # a word that more insights have than this proposes nobody
_RARE_WORDS = 2  # that two must share
_BLOCK = 1024  # insights whose words are joined at once


@dataclass(frozen=True)
class Insight:
    """What an insight is compared by.

    Attributes:
        insight_id: Led by its day, so that the order of identifiers is the order of days.
        superseded: Whether it was replaced or taken back: then it may repeat another, and nothing repeats it.
        settled: What was found when its own day was scored: None where that has not been.
    """

    insight_id: str
    text: str
    names: frozenset[str]
    superseded: bool = False
    settled: Settled | None = None


@dataclass(frozen=True)
class Settled:
    """What is known of an insight's standing: the one that it repeats, None where it stands for itself."""

    duplicate_of: str | None


@dataclass(frozen=True)
class Found:
    """What an insight is to those before it.

    Attributes:
        duplicate_of: The canonical insight that it repeats.
        similarity: Cosine of their vectors.
        contrary_to: Canonical insights that claim the contrary, in the order of their identifiers.
    """

    duplicate_of: str | None = None
    similarity: float | None = None
    contrary_to: tuple[str, ...] = ()


def compare(
    new: Sequence[Insight], new_vectors: Floats, before: Sequence[Insight], before_vectors: Floats
) -> list[Found]:
    """What each insight of `new` is to those before it and to one another, in the order of `new`.

    The canonical insight of what is said several times is the first that says it, by identifier; others point to it,
    never to one that itself repeats another. Each must agree with the canonical insight itself, so unlike things are
    never joined through what lies between them. How an insight of `before` stands is taken from its own day's scores.
    Where there are none, or what it repeated was superseded since, it is found here in the same way: within the days
    that `before` spans, it makes no difference in which order they are scored.

    Args:
        new_vectors, before_vectors: (n, d) and (m, d), of length 1.
    """
    everyone = [*before, *new]
    order = sorted(range(len(everyone)), key=lambda index: (everyone[index].superseded, everyone[index].insight_id))
    ranked = [everyone[index] for index in order]
    ranks = {insight.insight_id: rank for rank, insight in enumerate(ranked)}
    archive = _Archive(ranked, np.concatenate([before_vectors, new_vectors])[order])
    wanted = {ranks[insight.insight_id] for insight in new}
    while wanted:
        archive.hold_against_earlier(sorted(wanted))
        wanted = archive.unsettled()
    standing = archive.standing()
    return [archive.found(ranks[insight.insight_id], standing) for insight in new]


class _Archive:
    """Insights in their order, those superseded last, and what is known so far of pairs of them."""

    def __init__(self, insights: Sequence[Insight], vectors: Floats) -> None:
        self._insights = insights
        self._vectors = vectors
        self._ranks = {insight.insight_id: rank for rank, insight in enumerate(insights)}
        self._stems: dict[int, dict[str, float]] = {}
        self._claims: dict[int, Claim] = {}
        self._pairs: dict[int, list[tuple[int, float, Verdict]]] = {}

    def hold_against_earlier(self, ranks: Sequence[int]) -> None:
        """Judge each of `ranks` against what is proposed to it of those before it in the order."""
        near, sharing = _near(ranks, self._vectors), _sharing(ranks, self._insights)
        for rank in ranks:
            found = self._pairs[rank] = []
            # Nothing can repeat what was superseded, and nobody is sent to it for a contrary.
            shared = sharing.get(rank, set())
            for other in sorted(near[rank] | shared):
                if other >= rank or self._insights[other].superseded:
                    continue
                similarity = float(self._vectors[rank] @ self._vectors[other])
                if similarity < (LEAST_SIMILAR if other in shared else NEAR):
                    continue
                # Most of what is near shares few words. Reading a text whole costs more than all else.
                if words_shared(self._stems_of(rank), self._stems_of(other)) < LEAST_SHARED:
                    continue
                verdict = judge(self._claim(rank), self._claim(other), similarity).verdict
                if verdict != "different":
                    found.append((other, similarity, verdict))

    def unsettled(self) -> set[int]:
        """Those that somebody agrees with or contradicts, and of which nobody knows yet how they stand."""
        met = {other for pairs in self._pairs.values() for other, _, _ in pairs}
        return {rank for rank in met if rank not in self._pairs and self._settled(rank) is None}

    def standing(self) -> dict[int, int | None]:
        """For each that was held against earlier ones the canonical one that it repeats, None where it is canonical."""
        found: dict[int, int | None] = {}
        for rank in sorted(self._pairs):
            same = [other for other, _, verdict in self._pairs[rank] if verdict == "same"]
            found[rank] = next((other for other in same if self._canonical(other, found)), None)
        return found

    def found(self, rank: int, standing: Mapping[int, int | None]) -> Found:
        repeated = standing[rank]
        pairs = self._pairs[rank]
        return Found(
            duplicate_of=None if repeated is None else self._insights[repeated].insight_id,
            similarity=next((similarity for other, similarity, _ in pairs if other == repeated), None),
            contrary_to=tuple(
                self._insights[other].insight_id
                for other, _, verdict in pairs
                if verdict == "opposite" and self._canonical(other, standing)
            ),
        )

    def _canonical(self, rank: int, standing: Mapping[int, int | None]) -> bool:
        if rank in standing:
            return standing[rank] is None
        settled = self._settled(rank)
        return settled is not None and settled.duplicate_of is None

    def _settled(self, rank: int) -> Settled | None:
        settled = self._insights[rank].settled
        if settled is None or settled.duplicate_of is None:
            return settled
        # Where the repeated one is not among these insights it was said before them, and stands.
        repeated = self._ranks.get(settled.duplicate_of)
        return None if repeated is not None and self._insights[repeated].superseded else settled

    def _stems_of(self, rank: int) -> dict[str, float]:
        if rank not in self._stems:
            self._stems[rank] = stems_of(self._insights[rank].text)
        return self._stems[rank]

    def _claim(self, rank: int) -> Claim:
        if rank not in self._claims:
            self._claims[rank] = read_claim(self._insights[rank].text, self._insights[rank].names)
        return self._claims[rank]


def _near(ranks: Sequence[int], vectors: Floats) -> dict[int, set[int]]:
    """The nearest of all by their vectors, for each of `ranks`."""
    indices, _ = nearest(np.ascontiguousarray(vectors[list(ranks)]), vectors, NEIGHBOURS)
    return {rank: set(row) for rank, row in zip(ranks, indices.tolist(), strict=True)}


def _sharing(ranks: Sequence[int], insights: Sequence[Insight]) -> dict[int, set[int]]:
    """Those that share most rare words, counted by how rare they are, for each of `ranks` that has any such."""
    words = (
        pl.LazyFrame({"rank": range(len(insights)), "text": [insight.text[:1000] for insight in insights]})
        .select(
            pl.col("rank").cast(pl.UInt32),
            word=pl.col("text").str.to_lowercase().str.extract_all(r"[\p{L}\d]{3,}").list.unique(),
        )
        .explode("word")
        .drop_nulls()
        .with_columns(count=pl.len().over("word"))
        .filter(pl.col("count").is_between(2, _RARE_IN))
        .with_columns(weight=(pl.lit(len(insights) + 1) / pl.col("count")).log())
        .select("rank", "word", "weight")
        .collect()
    )
    found: dict[int, set[int]] = {}
    for block in (ranks[start : start + _BLOCK] for start in range(0, len(ranks), _BLOCK)):
        asked = words.filter(pl.col("rank").is_in(list(block))).select("rank", "word")
        best = (
            asked.join(words, on="word", suffix="_other")
            .filter(pl.col("rank") != pl.col("rank_other"))
            .group_by("rank", "rank_other")
            .agg(pl.len().alias("shared"), pl.col("weight").sum())
            .filter(pl.col("shared") >= _RARE_WORDS)
            .sort("weight", "rank_other", descending=[True, False])
            .group_by("rank", maintain_order=True)
            .agg(pl.col("rank_other").head(SHARING))
        )
        found.update({rank: set(others) for rank, others in best.iter_rows()})
    return found
