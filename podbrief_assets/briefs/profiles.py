"""What draws each reader and what puts them off, as vectors.

Belongs here: holding an interest against the archive, clusters of what was liked and disliked, how either fades.
Doesn't: encoding words (`insights/embeddings.py`), votes (`subscribers/`), the choice (`ranking.py`).

A profile is several vectors and never their average: whoever likes bread and batteries likes nothing that lies between.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from podbrief_assets.briefs.ranking import Doubles, Floats, Indices, Interests

VERSION = "2"

# Nearness is counted in units of four standard deviations of the interest's cosines to the archive: 1 is what one of
# thirty thousand would reach if they were normal.
DEVIATIONS = 4.0
# What is expected of an interest's cosines: the mean and the deviation of the topics' titles to 2,670 passages of real
# episodes, as all-MiniLM-L6-v2 gives them. In a large archive an interest's own count half: over these passages and the
# topics that their words name, that found more of what was asked for among the nearest (48 % of the nearest thousandth)
# than the bare cosine (44 %) or deviations of the interest's own (41 %).
EXPECTED_MEAN, EXPECTED_DEVIATION = 0.056, 0.072
OWN_SHARE = 0.5
HALF_KNOWN = 100.0  # insights in the archive from which its own mean and deviation count half of that share

_AT_ONCE = 2048  # interests held against the archive at once: as many as stay in a processor's cache

HALF_LIFE_DAYS = 45.0  # after which a vote counts half
# Chosen with benchmarks/simulated_readers.py: from this cosine on two liked insights are one subject, and a subject
# with that many votes counts half as much as a written interest.
SAME_SUBJECT = 0.35
HALF_AN_INTEREST = 0.9
MOST_CLUSTERS = 6
# What one event says of whether more of the kind is wanted; "already knew" says nothing but not again.
EVENT_WORTH = {"up": 1.0, "clicked": 0.4, "down": -1.0, "already_knew": 0.0}


@dataclass
class Archive:
    """The mean and the covariance of the archive's vectors, from blocks of them.

    Attributes:
        count: How many vectors.
        total: (d,) their sum.
        products: (d, d) the sum of their outer products.
    """

    count: int
    total: Doubles
    products: Doubles

    @classmethod
    def of(cls, blocks: Iterable[Floats], dimension: int) -> Archive:
        """Of blocks (m, d) of vectors."""
        archive = cls(0, np.zeros(dimension), np.zeros((dimension, dimension)))
        for block in blocks:
            wide = block.astype(np.float64)
            archive.count += len(wide)
            archive.total += wide.sum(axis=0)
            archive.products += wide.T @ wide
        return archive

    def held_against(self, vectors: Floats, weight: Floats, owner: Indices) -> Interests:
        """`vectors` (k, d) with what is usual for their cosines: a vague one has to be met better than a precise one.

        Args:
            weight: (k,) what each counts, 1 for what somebody wrote.
            owner: (k,) the reader of each, ascending.
        """
        mean, deviation = np.full(len(vectors), EXPECTED_MEAN), np.full(len(vectors), EXPECTED_DEVIATION)
        if self.count:
            middle = self.total / self.count
            spread = self.products / self.count - np.outer(middle, middle)
            share = OWN_SHARE * self.count / (self.count + HALF_KNOWN)
            for start in range(0, len(vectors), _AT_ONCE):
                some = slice(start, start + _AT_ONCE)
                wide = vectors[some].astype(np.float64)
                own_deviation = np.sqrt(np.maximum(np.einsum("kd,kd->k", wide @ spread, wide), 0.0))
                mean[some] += share * (wide @ middle - mean[some])
                deviation[some] += share * (own_deviation - deviation[some])
        gain = weight / (DEVIATIONS * deviation)
        return Interests(
            vectors=vectors,
            owner=owner,
            gain=gain.astype(np.float32),
            offset=(gain * mean).astype(np.float32),
        )


@dataclass(frozen=True, kw_only=True)
class Votes:
    """What readers said of single insights: v votes, a reader's together.

    Attributes:
        reader: (v,) ascending.
        vectors: (v, d) the insight's vector.
        worth: (v,) as in `EVENT_WORTH`; only its size counts, likes and dislikes are given apart.
        age_days: (v,) how long ago.
    """

    reader: Indices
    vectors: Floats
    worth: Floats
    age_days: Floats


@dataclass(frozen=True, kw_only=True)
class Clusters:
    """What several votes have in common: c clusters, a reader's together, the heaviest first.

    Attributes:
        reader: (c,) ascending.
        vectors: (c, d) of length 1.
        weight: (c,) in (0, 1): one fresh vote makes 0.53, three 0.77.
        votes: (c,) how many there are in it.
    """

    reader: Indices
    vectors: Floats
    weight: Floats
    votes: Indices


def clusters(votes: Votes) -> Clusters:
    """Votes of the same subject put together, at most six subjects for each reader.

    The heaviest vote founds the first subject; each next one joins the nearest subject of its reader from a cosine of
    0.35 on, else it founds one. All readers take their first step together, then their second, so that the time is that
    of the reader with the most votes and not that of all.
    """
    dimension = votes.vectors.shape[1]
    mass = np.abs(votes.worth) * np.exp2(-votes.age_days / HALF_LIFE_DAYS).astype(np.float32)
    order = np.lexsort((-mass, votes.reader))
    order = order[mass[order] > 0]
    reader, vectors, mass = votes.reader[order], votes.vectors[order], mass[order]
    people, first, count = np.unique(reader, return_index=True, return_counts=True)
    sums = np.zeros((len(people), MOST_CLUSTERS, dimension), np.float32)
    founders = np.zeros_like(sums)
    masses = np.zeros((len(people), MOST_CLUSTERS), np.float32)
    members = np.zeros((len(people), MOST_CLUSTERS), np.int64)
    used = np.zeros(len(people), np.int64)
    for step in range(int(count.max(initial=0))):
        who = np.flatnonzero(count > step)
        vote = first[who] + step
        vector, weight = vectors[vote], mass[vote]
        # The founder, not the mean: a mean drifts until it holds things that have nothing in common.
        near = np.where(
            np.arange(MOST_CLUSTERS) < used[who, None], np.einsum("pcd,pd->pc", founders[who], vector), -np.inf
        )
        best = near.argmax(axis=1)
        joins = near[np.arange(len(who)), best] >= SAME_SUBJECT
        founds = ~joins & (used[who] < MOST_CLUSTERS)
        place = np.where(founds, used[who], best)
        founders[who[founds], place[founds]] = vector[founds]
        used[who[founds]] += 1
        counts = joins | founds
        sums[who[counts], place[counts]] += weight[counts, None] * vector[counts]
        masses[who[counts], place[counts]] += weight[counts]
        members[who[counts], place[counts]] += 1
    person, place = np.nonzero(masses)
    heavy = np.lexsort((-masses[person, place], person))
    person, place = person[heavy], place[heavy]
    middle = sums[person, place]
    weight = masses[person, place]
    return Clusters(
        reader=people[person].astype(np.int64),
        vectors=middle / np.maximum(np.linalg.norm(middle, axis=1, keepdims=True), np.float32(1e-12)),
        weight=weight / (weight + HALF_AN_INTEREST),
        votes=members[person, place],
    )


def joined(written: Floats, written_owner: Indices, liked: Clusters) -> tuple[Floats, Floats, Indices, Indices]:
    """Written interests and liked subjects of all readers in one line, a reader's written ones first.

    Returns:
        Vectors (k, d), weights (k,), owners (k,) ascending, and the number that each has among its reader's own (k,):
        written ones from 0, liked ones from -1 downwards.
    """
    vectors = np.concatenate([written, liked.vectors])
    weight = np.concatenate([np.ones(len(written), np.float32), liked.weight])
    owner = np.concatenate([written_owner, liked.reader])
    number = np.concatenate([_counted(written_owner), -1 - _counted(liked.reader)])
    order = np.argsort(owner, kind="stable")
    return vectors[order], weight[order], owner[order], number[order]


def _counted(owner: npt.NDArray[np.int64]) -> Indices:
    """0, 1, 2 … within each run of equal owners, which ascend."""
    if not len(owner):
        return np.zeros(0, np.int64)
    start = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
    return np.arange(len(owner)) - np.repeat(start, np.diff(np.r_[start, len(owner)]))
