"""What else a reader of an insight might want to follow.

Belongs here: choosing up to ten related insights of the archive for each new one.
Doesn't: what says the same (`duplicates.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from podbrief_assets.scores.neighbours import Floats, nearest

VERSION = "1"

FLOOR = 0.35  # fewer rather than junk: pairs below this had nothing in common but a word
AT_MOST = 10
_LOOKED_AT = 40


@dataclass(frozen=True)
class Edge:
    """`related_id` is the `rank`-th nearest to `insight_id`."""

    insight_id: str
    related_id: str
    rank: int
    similarity: float


def edges(
    new: Sequence[str],
    new_vectors: Floats,
    archive: Sequence[str],
    archive_vectors: Floats,
    episode_of: dict[str, str],
    cluster_of: dict[str, str],
) -> list[Edge]:
    """Edges from each new insight to the nearest of the archive, itself among it or not.

    An edge never leads to another insight of the same episode, nor to two that say the same: of each cluster of
    duplicates (`cluster_of`, an insight that stands for itself may be absent) the nearest is taken.
    """
    found: list[Edge] = []
    indices, similarities = nearest(new_vectors, archive_vectors, _LOOKED_AT)
    for row, insight in enumerate(new):
        taken = {cluster_of.get(insight, insight)}
        rank = 0
        for position, similarity in zip(indices[row].tolist(), similarities[row].tolist(), strict=True):
            other = archive[position]
            cluster = cluster_of.get(other, other)
            if similarity < FLOOR or rank == AT_MOST:
                break
            if cluster in taken or episode_of[other] == episode_of[insight]:
                continue
            taken.add(cluster)
            rank += 1
            found.append(Edge(insight, other, rank, similarity))
    return found
