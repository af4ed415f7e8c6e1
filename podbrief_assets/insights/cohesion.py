"""How much the talk before a place in a transcript and the talk after it are about the same things.

Belongs here: lexical cohesion between neighbouring stretches of words, and how deep it dips at a place.
Doesn't: where a transcript is cut (`passages.py`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from podbrief_assets.insights.text import FUNCTION_WORDS, fold, rarity

# A topic of conversation is kept up for some minutes. Of 110 to 700 words, on every other meeting of QMSum, these told
# its borders best.
_SIDE_WORDS = 400
_PREFIX = 6


def dips(words: Sequence[str], places: Sequence[int]) -> list[float]:
    """How deep cohesion dips at each of `places` in `words`, from 0 for no dip to 2 for a change of all words.

    As in TextTiling (Hearst 1997): a dip is how far the similarity of both sides rises, uphill in both directions,
    above what it is here. Similarity is the cosine of the words on either side, rare words weighing more, related
    forms taken for one. Takes time linear in the words for places that lie a stretch apart.
    """
    weighted = [_weighted(word) for word in words]
    similar = [_similarity(weighted, place) for place in places]
    return [_depth(similar, index) for index in range(len(similar))]


def _weighted(word: str) -> tuple[str, float]:
    folded = fold(word).partition("'")[0]
    if len(folded) < 3 or folded in FUNCTION_WORDS:
        return "", 0.0
    return folded[:_PREFIX], rarity(folded)


def _similarity(weighted: Sequence[tuple[str, float]], place: int) -> float:
    before = _vector(weighted[max(0, place - _SIDE_WORDS) : place])
    after = _vector(weighted[place : place + _SIDE_WORDS])
    shared = sum(value * after[word] for word, value in before.items() if word in after)
    size = math.sqrt(sum(v * v for v in before.values()) * sum(v * v for v in after.values()))
    return shared / size if size else 0.0


def _vector(weighted: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Each word by its weight, more for one said often, but less than in proportion."""
    counts = Counter(word for word, _ in weighted if word)
    weights = dict(weighted)
    return {word: weights[word] * (1 + math.log(count)) for word, count in counts.items()}


def _depth(similar: Sequence[float], index: int) -> float:
    here = similar[index]
    return _peak(similar, index, -1) - here + _peak(similar, index, +1) - here


def _peak(similar: Sequence[float], index: int, step: int) -> float:
    """The similarity at the top of the hill on one side."""
    top = similar[index]
    while 0 <= index + step < len(similar) and similar[index + step] >= top:
        index += step
        top = similar[index]
    return top
