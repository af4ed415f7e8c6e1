"""Which insight repeats which.

Belongs here: the pair test (meaning, numbers, polarity, names), and choosing one canonical insight for what is said
several times.
Doesn't: what else is near (`related.py`).

Cosine only proposes: opposite claims and different funding rounds measure 0.9 and more, so a pair must also agree on
everything that a reader would hold against us if it differed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from podbrief_assets.scores.neighbours import Floats, nearest

VERSION = "1"

SIMILAR = 0.80  # below, two insights are never held to be the same
NEIGHBOURS = 20  # candidates that are tested for each insight

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nothing|nobody|neither|nor|without|cannot|hardly|fails?|failed)\b"
    r"|\b(?:refus\w{1,4}|den(?:y|ies|ied))\b|n['’]t\b"
)
_DOWN = re.compile(
    r"\b(?:f(?:e|a)ll(?:s|en)?|decreas\w{1,3}|dropp?(?:s|ed)?|declin\w{1,3}|lower|less|fewer|worse|cuts?|lost)\b"
)
_UP = re.compile(r"\b(?:rises?|rose|increas\w{1,3}|gr[oe]ws?|gain(?:s|ed)?|higher|more|better|raise[sd]?)\b")


@dataclass(frozen=True)
class Insight:
    """What the pair test looks at."""

    insight_id: str
    episode_id: str
    text: str
    names: frozenset[str]


def same_claim(a: Insight, b: Insight, similarity: float) -> bool:
    """Whether a reader of `a` would learn nothing from `b`."""
    return (
        similarity >= SIMILAR
        and _numbers(a.text) == _numbers(b.text)
        and _polarity(a.text) == _polarity(b.text)
        and _names_agree(a, b)
    )


def repeats(
    new: Sequence[Insight], new_vectors: Floats, before: Sequence[Insight], before_vectors: Floats
) -> list[tuple[str, float] | None]:
    """For each new insight the one that it repeats and their similarity, or None.

    Insights of `before` come first, then the new ones in their order: of several that say the same, the earliest stands
    and the others point to it, never to one that itself repeats another. A chain is not followed: each must agree with
    the canonical insight itself, so unlike things are never joined through what lies between them.
    """
    everyone = [*before, *new]
    vectors = np.concatenate([before_vectors, new_vectors])
    canonical = np.ones(len(everyone), bool)
    found: list[tuple[str, float] | None] = []
    indices, similarities = nearest(new_vectors, vectors, NEIGHBOURS)
    for position, insight in enumerate(new, start=len(before)):
        row = position - len(before)
        match = None
        for other, similarity in zip(indices[row].tolist(), similarities[row].tolist(), strict=True):
            if other < position and canonical[other] and same_claim(insight, everyone[other], similarity):
                match = (everyone[other].insight_id, similarity)
                canonical[position] = False
                break
        found.append(match)
    return found


def _numbers(text: str) -> frozenset[str]:
    return frozenset(number.replace(",", "") for number in _NUMBER.findall(text))


def _polarity(text: str) -> tuple[bool, bool, bool]:
    lowered = text.lower()
    odd = len(_NEGATION.findall(lowered)) % 2 == 1
    return odd, bool(_DOWN.search(lowered)), bool(_UP.search(lowered))


def _names_agree(a: Insight, b: Insight) -> bool:
    if not a.names or not b.names:
        return True
    return bool(a.names & b.names)
