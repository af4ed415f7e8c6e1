"""What else a reader of an insight might want to follow.

Belongs here: choosing up to ten related insights of the archive for each new one, and not one thing said ten times.
Doesn't: which insights the archive has (`archive.py`), what says the same (`duplicates.py`), bringing the edges of
different days together (`warehouse/views/related_both_ways.sql`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import polars as pl

from podbrief_assets.lake.tables import TABLES
from podbrief_assets.scores.neighbours import Floats, Indices, nearest

VERSION = "2"

# Of 120 pairs of real windows that one reader judged (`evaluation/labels/related.csv`), about two thirds of those above
# it are on the same subject or field; of those below 0.45, one in three at best, and below 0.40 hardly any.
FLOOR = 0.50
AT_MOST = 10
POOL = 40  # nearest insights that the choice is made from
_OF_AN_EPISODE = 2  # of one conversation, readers want its two best and then what others say
VARIETY = 0.5
_INSIGHTS_AT_ONCE = 256
_DIGITS = 6  # beyond these, a matrix product's digits depend on how it was computed

Mask = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]


def edges(
    new: pl.DataFrame,
    new_vectors: Floats,
    archive: pl.DataFrame,
    blocks: Iterable[Floats],
    vectors: Callable[[Indices], Floats],
    floor: float = FLOOR,
    variety: float = VARIETY,
) -> pl.DataFrame:
    """Edges from each new insight to related ones of the archive, itself among it or not.

    An edge never leads to an insight of the same episode, to what says the same, or to two that say the same.

    Args:
        new: `insight_id`, `episode_id` and `cluster` (what all that say the same have in common) of n insights.
        new_vectors: Theirs (n, d), of length 1.
        archive: The same columns of m insights.
        blocks: The archive's vectors (m, d), in blocks of any number of rows.
        vectors: Gives the archive's vectors (p, d) at positions (p,), which ascend.
        floor: The least similarity that is related.
        variety: How much its nearness to one that is already chosen takes from an insight's own.

    Returns:
        `insight_id`, `related_id`, `rank` (1 is the nearest) and `similarity`.
    """
    indices, similarities = nearest(new_vectors, blocks, POOL)
    positions, place = np.unique(indices, return_inverse=True)
    place = place.reshape(indices.shape)
    known = archive[positions]
    codes = {
        column: pl.concat([new[column], known[column]]).rank("dense").to_numpy() for column in ("episode_id", "cluster")
    }
    own = {column: code[: len(new), None] for column, code in codes.items()}
    of = {column: code[len(new) :][place] for column, code in codes.items()}
    allowed = (similarities >= floor) & (of["episode_id"] != own["episode_id"]) & (of["cluster"] != own["cluster"])
    needed = np.unique(place[allowed])
    held = vectors(positions[needed])
    row = np.zeros(len(positions), np.int64)
    row[needed] = np.arange(len(needed))
    chosen = np.zeros_like(allowed)
    for start in range(0, len(new) if len(needed) else 0, _INSIGHTS_AT_ONCE):
        at = slice(start, start + _INSIGHTS_AT_ONCE)
        # Those that are not allowed stand at row 0, whatever that is: nobody asks how near they are.
        chosen[at] = choose(
            similarities[at], held[row[place[at]]], of["episode_id"][at], of["cluster"][at], allowed[at], variety
        )
    who, which = chosen.nonzero()
    rank = np.cumsum(chosen, axis=1)[who, which]
    columns = {
        "insight_id": new["insight_id"][who],
        "related_id": known["insight_id"][place[who, which]],
        "rank": rank,
        "similarity": similarities[who, which],
    }
    schema = TABLES["related_insights"].polars_schema
    return pl.DataFrame(columns).select(pl.col(name).cast(schema[name]) for name in columns)


def choose(
    similarities: Floats, vectors: Floats, episodes: Indices, clusters: Indices, allowed: Mask, variety: float
) -> Mask:
    """Which of p candidates are offered for each of n insights: (n, p), at most `AT_MOST` in a row.

    They are taken one by one, each the best by its similarity less `variety` times that to the nearest of those already
    taken: maximal marginal relevance (Carbonell and Goldstein, 1998). Of equals the first is taken.

    Args:
        similarities: Of each candidate to its insight (n, p).
        vectors: The candidates' (n, p, d).
        episodes, clusters: Numbers of the candidates' (n, p).
        allowed: Which may be chosen at all (n, p).
    """
    exact = vectors.astype(np.float64)
    alike = np.round(exact @ exact.transpose(0, 2, 1), _DIGITS)
    open_, chosen = allowed.copy(), np.zeros_like(allowed)
    redundancy: Doubles = np.zeros(allowed.shape)
    taken = np.zeros(allowed.shape, np.int64)
    for _ in range(AT_MOST):
        who = np.flatnonzero(open_.any(axis=1))
        if not len(who):
            break
        score = np.where(open_[who], similarities[who] - variety * redundancy[who], -np.inf)
        best = score.argmax(axis=1)
        chosen[who, best] = True
        redundancy[who] = np.maximum(redundancy[who], alike[who, best])
        taken[who] += episodes[who] == episodes[who, best][:, None]
        open_[who] &= (clusters[who] != clusters[who, best][:, None]) & (taken[who] < _OF_AN_EPISODE)
        open_[who, best] = False
    return chosen
