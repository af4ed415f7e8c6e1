"""Choose each subscriber's entries.

Belongs here: the choice, from arrays of vectors and scores, for any number of subscribers at once.
Doesn't: where the arrays come from and what the choice is called in words (`assets.py`), interests (`profiles.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

VERSION = "1"

_POOL = 200  # of each reader's candidates, how many the diverse choice is made from
_READERS_AT_ONCE = 512
_NO_PAIRS = np.zeros((0, 2), np.int64)


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What counts how much; all in the unit of `relevance`, a cosine.

    Attributes:
        relevance, quality, freshness, follows: Factors of an entry's parts.
        redundancy: Factor of the cosine to the nearest entry above, taken off (maximal marginal relevance).
        relevance_floor: Below it nothing is relevant to a reader who has interests, unless they follow the show.
        quality_floor: Below it nothing is sent: a thin day is shorter.
        per_show: Entries of one show at most.
    """

    relevance: float = 1.0
    quality: float = 0.5
    freshness: float = 0.15
    follows: float = 0.2
    redundancy: float = 0.5
    relevance_floor: float = 0.15
    quality_floor: float = 0.3
    per_show: int = 2


@dataclass(frozen=True, kw_only=True)
class Insights:
    """What can be chosen today: n insights, in an order that is the same whenever the input is.

    Attributes:
        vectors: (n, d) float32, each of length 1.
        quality: (n,) in [0, 1].
        freshness: (n,) in [0, 1].
        show: (n,) the show, as a number.
        cluster: (n,) a number that insights share that say the same.
    """

    vectors: Floats
    quality: Floats
    freshness: Floats
    show: Indices
    cluster: Indices


@dataclass(frozen=True, kw_only=True)
class Readers:
    """Who chooses: s readers.

    Attributes:
        interests: (k, d) float32, each of length 1: all readers' interests, one reader's after the other's.
        owner: (k,) the reader of each interest, ascending; a reader may have none.
        size: (s,) entries at most.
        excluded: (p, 2) pairs (reader, insight) that must not be: muted, or sent before.
        follows: (q, 2) pairs (reader, show).
    """

    interests: Floats
    owner: Indices
    size: Indices
    excluded: Indices = field(default_factory=lambda: _NO_PAIRS)
    follows: Indices = field(default_factory=lambda: _NO_PAIRS)


@dataclass(frozen=True, kw_only=True)
class Picks:
    """What was chosen: m entries, a reader's together and in the order of `rank`.

    Attributes:
        reader, insight: (m,) numbers of both.
        rank: (m,) from 1.
        score: (m,) what it was chosen by.
        relevance: (m,) cosine to the best matching interest; 0 for a reader without any.
        redundancy: (m,) cosine to the nearest entry above, not below 0.
        interest: (m,) number of that interest among its reader's own, from 0; -1 where there is none.
    """

    reader: Indices
    insight: Indices
    rank: Indices
    score: Floats
    relevance: Floats
    redundancy: Floats
    interest: Indices


def pick_entries(insights: Insights, readers: Readers, weights: Weights | None = None) -> Picks:
    """Choose up to `size` entries for each reader.

    Nothing excluded, nothing below a floor, at most `per_show` of a show, one of a cluster; the best first, each judged
    against what already stands above it. Equal scores go to the insight that comes first. A reader's entries do not
    depend on who else is there.
    """
    weights = weights or Weights()
    parts = [
        _pick_block(insights, readers, weights, start, min(start + _READERS_AT_ONCE, len(readers.size)))
        for start in range(0, len(readers.size), _READERS_AT_ONCE)
        if len(insights.quality)
    ]
    names = Picks.__dataclass_fields__
    floats = ("score", "relevance", "redundancy")
    empty = {name: np.zeros(0, np.float32 if name in floats else np.int64) for name in names}
    return Picks(**{name: np.concatenate([empty[name], *(part[name] for part in parts)]) for name in names})


def _pick_block(
    insights: Insights, readers: Readers, weights: Weights, first: int, last: int
) -> dict[str, npt.NDArray[np.float32] | npt.NDArray[np.int64]]:
    relevance, interest = _relevance(insights, readers, first, last)
    followed = _followed(insights, readers, first, last)
    has_interests = (interest >= 0).any(axis=1, keepdims=True)
    base = (
        weights.relevance * relevance
        + weights.quality * insights.quality
        + weights.freshness * insights.freshness
        + weights.follows * followed
    ).astype(np.float32)
    barred = has_interests & (relevance < weights.relevance_floor) & ~followed
    barred |= insights.quality < weights.quality_floor
    mine = readers.excluded[(readers.excluded[:, 0] >= first) & (readers.excluded[:, 0] < last)]
    barred[mine[:, 0] - first, mine[:, 1]] = True
    base[barred] = -np.inf

    pool = np.argsort(-base, axis=1, kind="stable")[:, :_POOL]
    score = np.take_along_axis(base, pool, axis=1)
    shows, clusters, vectors = insights.show[pool], insights.cluster[pool], insights.vectors[pool]
    redundancy = np.zeros_like(score)
    of_show = np.zeros(score.shape, np.int64)
    rows = np.arange(last - first)
    found = []
    for rank in range(1, int(readers.size[first:last].max(initial=0)) + 1):
        current = score - weights.redundancy * redundancy
        best = np.argmax(current, axis=1)
        alive = np.isfinite(current[rows, best]) & (rank <= readers.size[first:last])
        if not alive.any():
            break
        who, chosen = rows[alive], best[alive]
        insight = pool[who, chosen]
        found.append(
            {
                "reader": who + first,
                "insight": insight,
                "rank": np.full(len(who), rank, np.int64),
                "score": current[who, chosen],
                "relevance": relevance[who, insight],
                "redundancy": redundancy[who, chosen],
                "interest": interest[who, insight],
            }
        )
        vector = vectors[rows, best]
        near = np.round(np.einsum("spd,sd->sp", vectors, vector), 5)
        redundancy = np.maximum(redundancy, near)
        of_show += shows == shows[rows, best][:, None]
        score[(clusters == clusters[rows, best][:, None]) | (of_show >= weights.per_show)] = -np.inf
        score[rows, best] = -np.inf
    if not found:
        return {name: np.zeros(0, np.int64) for name in Picks.__dataclass_fields__}
    joined = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
    order = np.lexsort((joined["rank"], joined["reader"]))
    return {name: values[order] for name, values in joined.items()}


def _relevance(insights: Insights, readers: Readers, first: int, last: int) -> tuple[Floats, Indices]:
    """Cosine to each reader's best matching interest and its number, (readers, n) both; 0 and -1 without interests."""
    n = len(insights.quality)
    relevance = np.zeros((last - first, n), np.float32)
    interest = np.full((last - first, n), -1, np.int64)
    begin, end = np.searchsorted(readers.owner, [first, last])
    # Rounded, because a matrix product's last digits depend on the shape of the block that a reader happens to be in.
    cosines = np.round(readers.interests[begin:end] @ insights.vectors.T, 5)
    for reader in np.unique(readers.owner[begin:end]):
        own = slice(*(np.searchsorted(readers.owner, [reader, reader + 1]) - begin))
        interest[reader - first] = np.argmax(cosines[own], axis=0)
        relevance[reader - first] = np.max(cosines[own], axis=0)
    return relevance, interest


def _followed(insights: Insights, readers: Readers, first: int, last: int) -> npt.NDArray[np.bool_]:
    followed = np.zeros((last - first, len(insights.quality)), bool)
    for reader, show in readers.follows[(readers.follows[:, 0] >= first) & (readers.follows[:, 0] < last)]:
        followed[reader - first] |= insights.show == show
    return followed
