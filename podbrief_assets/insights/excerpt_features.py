"""Measure what speaks for a window and against it.

Belongs here: the features by name, each about 0 to 1.
Doesn't: what each weighs (excerpt_scores.py), rules that refuse (excerpt_gates.py).
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Sequence

from podbrief_assets.insights.excerpt_patterns import (
    ANAPHORIC,
    CLAIMS,
    CONSEQUENCE,
    DEMONSTRATIVES,
    FILLER,
    FINITE,
    FIRST,
    FIRST_PLURAL,
    FULL_NAME,
    HEDGES,
    LEANING,
    MEASURED,
    NEGATION,
    PLUG,
    POINTING,
    PRAISE,
    PRESENT,
    PRODUCT,
    PRONOUNS,
    REPORTED,
    SECOND_PERSON,
    STORY,
    THIRD_PLURAL,
    VAGUE,
    VERB,
    WHOLE,
    WRITTEN,
)
from podbrief_assets.insights.excerpt_sentences import (
    told_apart,
    unresolved,
)
from podbrief_assets.insights.excerpt_windows import (
    Window,
)
from podbrief_assets.insights.text import FUNCTION_WORDS, rarity


def dangling_definites(window: Window) -> int:
    """How often "the such-and-such" stands with nothing that says which one, twice as much in the first sentence."""
    seen: set[str] = set()
    dangling = 0
    for number, sentence in enumerate(window.sentences):
        for index, word in enumerate(sentence.folded):
            if word == "the" and not told_apart(sentence.words, sentence.folded, index, seen):
                dangling += 2 if number == 0 else 1
            if word not in FUNCTION_WORDS and len(word) > 2:
                seen.add(word)
    return dangling


def _keeps_to_its_words(window: Window) -> float:
    """How many words of the first sentence come again in a later one: an argument has its subject in each."""
    first, *later = (
        {word for word in s.folded if word not in FUNCTION_WORDS and len(word) > 3} for s in window.sentences
    )
    return min(3, len(first & frozenset().union(*later))) / 3


def measured(window: Window, centrality: float) -> dict[str, float]:
    """What speaks for a window and against it, each about 0 to 1; the names are those of excerpt_weights.toml."""
    text = window.text.replace("\u2019", "'")
    folded = window.folded
    content = [word for word in folded if word not in FUNCTION_WORDS and word[:1].isalpha()]
    rare = {word for word in content if len(word) > 3 and rarity(word) >= 0.85}
    numbers = sum(any(char.isdigit() for char in word) for word in folded)

    def some(pattern: re.Pattern[str], most: int) -> float:
        return sum(1 for _ in itertools.islice(pattern.finditer(text), most)) / most

    def share(words: frozenset[str], most: int) -> float:
        return min(most, sum(word in words for word in folded)) / most

    opens = window.sentences[0].opens or ""
    features = {
        opens: 1.0,
        "names": min(3, len(window.names)) / 3,
        "numbers": min(2, numbers) / 2,
        "rare words": min(8, len(rare)) / 8,
        "rarity": sum(map(rarity, content)) / max(1, len(folded)) * 2,
        "first person": share(FIRST, 4),
        "plural first person": share(FIRST_PLURAL, 4),
        "pronouns": share(PRONOUNS, 5),
        "unresolved": min(2, unresolved(window.words, folded, window.turn.known)) / 2,
        "pointing": some(POINTING, 3),
        "heads a paragraph": float(window.sentences[0].heads and window.turn.share > 0.8),
        "short opening": float(len(window.sentences[0].words) < 7),
        "early verb": float(any(FINITE.fullmatch(word) for word in folded[:6])),
        "quotes": float('"' in text or "\u201c" in text),
        "present tense": float(
            bool(PRESENT.search(" ".join(window.sentences[0].folded[window.sentences[0].skipped :][:8])))
        ),
        "name then verb": float(opens == "opens with a name" and any(FINITE.fullmatch(word) for word in folded[1:4])),
        "about the speaker": float(not FIRST.isdisjoint(folded)),
        "about the speaker's people": float(not FIRST_PLURAL.isdisjoint(folded)),
        "opens in lower case": float(text[:1].islower()),
        "no filler": float(not FILLER.search(text)),
        "long": float(len(folded) > 40),
        "second person and we": float(not SECOND_PERSON.isdisjoint(folded) and not FIRST_PLURAL.isdisjoint(folded)),
        "acronyms": min(3, sum(len(w) > 1 and w[:3].isupper() for w in window.words)) / 3,
        "commas": min(1.0, 8 * text.count(",") / len(folded)),
        "of": min(1.0, sum(word in {"of", "for", "by", "between"} for word in folded) / 4),
        "and": min(1.0, sum(word in {"and", "or"} for word in folded) / 4),
        "plugs": float(bool(PLUG.search(text))),
        "verbless": sum(not VERB.search(" ".join(s.words)) for s in window.sentences) / 2,
        "definites": min(4, dangling_definites(window)) / 4,
        "fillers": some(FILLER, 4),
        "hedges": some(HEDGES, 2),
        "dashes": float(" - " in text),
        "storytelling": some(STORY, 4),
        "praise": some(PRAISE, 2),
        "about a text at hand": float(bool(WRITTEN.search(text))),
        "later sentence leans": sum(s.folded[0] in LEANING for s in window.sentences[1:]) / 3,
        "first of a turn": float(window.first == 0),
        "long turn": min(1.0, window.turn.length / 200),
        "main speaker": min(1.0, 2 * window.turn.share),
        "centrality": centrality,
        "word length": sum(map(len, folded)) / len(folded) / 5 - 1,
        "length": float(30 <= len(folded) <= 55),
        "words": len(folded) / 60,
        "sentences": len(window.sentences) / 4,
        "keeps to its words": _keeps_to_its_words(window),
        "they": some(THIRD_PLURAL, 3),
        "demonstratives": some(DEMONSTRATIVES, 3),
        "vague": some(VAGUE, 3),
        "of all": some(WHOLE, 3),
        "negation": some(NEGATION, 3),
        "measured": some(MEASURED, 3),
        "describes a product": float(bool(PRODUCT.search(text))),
        "reports": some(REPORTED, 3),
        "anaphoric": some(ANAPHORIC, 3),
        "full names": some(FULL_NAME, 3),
        "consequence": some(CONSEQUENCE, 3),
    }
    return features | {name: float(bool(pattern.search(text))) for name, pattern in CLAIMS.items()}


class Prominence:
    """How close a few words are to an episode's: the cosine of their TF-IDF vectors, spread over [0, 1]."""

    def __init__(self, weights: dict[str, float]) -> None:
        self._weights = weights
        self._length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0

    def of(self, folded: Sequence[str]) -> float:
        counts = Counter(word for word in folded if word in self._weights)
        if not counts:
            return 0.0
        mine = {word: (1 + math.log(count)) * rarity(word) for word, count in counts.items()}
        length = math.sqrt(sum(weight * weight for weight in mine.values())) or 1.0
        cosine = sum(weight * self._weights[word] for word, weight in mine.items()) / (length * self._length)
        # The square root spreads what a few dozen words can reach against thousands, about 0.05 to 0.5.
        return min(1.0, math.sqrt(max(0.0, cosine)))


def prominence_of(folded: Sequence[str]) -> Prominence:
    counts = Counter(word for word in folded if len(word) > 2 and word not in FUNCTION_WORDS)
    return Prominence({word: (1 + math.log(count)) * rarity(word) for word, count in counts.items()})
