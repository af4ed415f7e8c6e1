"""Whether two insights say the same, the contrary of one another, or different things.

Belongs here: the signs by which two claims are compared, what forbids to call them the same, and the score.
Doesn't: reading a text (`claims.py`), which pairs are compared and what follows (`duplicates.py`), fitting the weights
(`evaluation/pair_fit.py`).

The score is a logistic regression of few named signs, so that every judgement can be explained. Cosine is one of them:
alone it can't tell a claim from its contrary (0.89 to 0.98), nor one funding round from another (0.91), and misses
a paraphrase in other words (0.42). A conflict of numbers, names, dates, roles or direction is a veto, whatever the
score, and so is too little in the same words to see one: what is merged wrongly is lost, what is missed is read twice.
"""

from __future__ import annotations

import functools
import itertools
import math
import tomllib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import SequenceMatcher
from importlib import resources
from typing import Literal

from podbrief_assets.scores.claims import Claim, Pointer, Quantity, aliases, senses

Verdict = Literal["same", "opposite", "different"]

_HALF = Decimal("0.5")
_TOLERANCE = Decimal("0.06")  # "about 30" is 29 or 31
_MOST = 3  # of a kind of sign; more say no more
# Of the letters: two texts on one thing; two that are all but one; one whose words were only moved.
_ALIKE, _VERBATIM, _WORD_FOR_WORD = 0.5, 0.7, 0.9
_SEVERAL = 3
_REPLACED = 2  # words in a row
_MOST_UNCOVERED = 0.2  # by weight
_GENERIC = frozenset(("inc", "llc", "ltd", "gmbh", "the", "of", "and", "for", "in", "ceo", "ai"))


@dataclass(frozen=True)
class Weights:
    """What each sign adds to the logarithm of the odds, and from which chance on a pair is called so.

    Attributes:
        same, opposite: By the name of a sign; "bias" is what stands without any.
        same_from, opposite_from: Thresholds in [0, 1].
    """

    same: Mapping[str, float]
    opposite: Mapping[str, float]
    same_from: float
    opposite_from: float


@dataclass(frozen=True)
class Judgement:
    """What was found of a pair.

    Attributes:
        verdict: What the pair is taken for.
        same, opposite: The chance of either, in [0, 1], before any veto.
        vetoes: Why it can't be the same, whatever the chance.
    """

    verdict: Verdict
    same: float
    opposite: float
    vetoes: tuple[str, ...]


def judge(a: Claim, b: Claim, cosine: float, weights: Weights | None = None) -> Judgement:
    """Compare two claims whose vectors have this `cosine`. The order of the two makes no difference."""
    judged = decide(signs(a, b, cosine), weights or shipped())
    # What is told in the same words says the same, even where it contradicts itself.
    return Judgement("same", judged.same, judged.opposite, ()) if a == b else judged


def decide(found: Mapping[str, float], weights: Weights) -> Judgement:
    """What a pair with these signs is taken for."""
    against = vetoes(found)
    same, opposite = chance(found, weights.same), chance(found, weights.opposite)
    verdict: Verdict = "different"
    if not against and in_like_words(found) and same >= weights.same_from:
        verdict = "same"
    elif opposite >= weights.opposite_from and turned(found) and "dates" not in against:
        verdict = "opposite"
    return Judgement(verdict, same, opposite, against)


def signs(a: Claim, b: Claim, cosine: float) -> dict[str, float]:
    """How two claims agree and differ, each sign in [0, 1]. Symmetric."""
    numbers = _numbers(a.quantities, b.quantities)
    names_a, names_b = _unnamed(a, b), _unnamed(b, a)
    letters = sum(value * b.grams.get(gram, 0.0) for gram, value in a.grams.items())
    verbatim = max(0.0, letters - _ALIKE) / (1 - _ALIKE)
    return {
        "cosine": min(1.0, max(0.0, cosine)),
        "letters": letters,
        "nearly verbatim": verbatim,
        "words": words_shared(a.stems, b.stems),
        "words uncovered": max(_uncovered(a, b), _uncovered(b, a)),
        "words changed": _changed(a, b) * verbatim,
        "word replaced": letters * _replaced(a, b) ** 4,
        "numbers shared": min(numbers.agreed, _MOST) / _MOST,
        "numbers left over": float(numbers.unlike or numbers.one_sided > 0),
        "numbers of one only": min(numbers.one_sided, _MOST) / _MOST,
        "numbers unlike": float(numbers.unlike),
        "numbers in conflict": float(numbers.conflict),
        "names shared": min(len(a.names) - len(names_a), len(b.names) - len(names_b), _MOST) / _MOST,
        "names of one only": min(abs(len(names_a) - len(names_b)), _MOST) / _MOST,
        "names in another order": _reordered(a.first_names, b.first_names, letters),
        "names in conflict": float(bool(names_a) and bool(names_b)),
        "dates in conflict": float(_dates_conflict(a, b)),
        "direction turned": _turned(a.pointers, b.pointers),
        "direction turned in place": float(letters > _ALIKE and _turned_in_place(a, b)),
        "directions unlike": _unlike_directions(a, b),
        "contrast swapped": float(_swapped(a, b)),
        "roles turned": float(any((whom, deed, who) in b.deeds for who, deed, whom in a.deeds)),
        "places swapped": _places_swapped(a, b),
        "hedged by one": abs(a.hedging - b.hedging) / 2,
    }


def words_shared(a: Mapping[str, float], b: Mapping[str, float]) -> float:
    """The share of what both say, by the weight of its stems, that is in both, in [0, 1]."""
    return 2 * _shared(a, b) / ((sum(a.values()) + sum(b.values())) or 1.0)


VETOES: Mapping[str, tuple[str, float]] = {
    "numbers": ("numbers left over", 1.0),
    "names": ("names in conflict", 1.0),
    "dates": ("dates in conflict", 1.0),
    "direction": ("direction turned", 0.35),
    "in place": ("direction turned in place", 1.0),
    "contrast": ("contrast swapped", 1.0),
    "roles": ("roles turned", 1.0),
    "places": ("places swapped", 0.4),
    "hedge": ("hedged by one", 1.0),
    "word": ("word replaced", 0.5),
    "order": ("names in another order", 0.6),
}
"""By the name of what two claims may not disagree in: the sign of it, and the value from which on they do."""


def vetoes(found: Mapping[str, float]) -> tuple[str, ...]:
    """Why claims with these signs can't be the same."""
    return tuple(name for name, (sign, least) in VETOES.items() if found[sign] >= least)


def in_like_words(found: Mapping[str, float]) -> bool:
    """Whether either says most of what the other says in the same words.

    Told freely in other words, a contrary shows no sign that a paraphrase doesn't: of labelled pairs without any veto,
    four fifths covered, all say the same; below that, contraries are among them at every chance.
    """
    return found["words uncovered"] <= _MOST_UNCOVERED


def turned(found: Mapping[str, float]) -> bool:
    """Whether anything shows that one claims the contrary of the other."""
    return any(name in vetoes(found) for name in ("direction", "in place", "contrast", "roles", "places"))


def chance(found: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """The logistic of the weighted signs."""
    total = weights["bias"] + sum(weights.get(name, 0.0) * value for name, value in found.items())
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))


@functools.cache
def shipped() -> Weights:
    """The weights that come with podbrief."""
    read = tomllib.loads(
        resources.files("podbrief_assets.scores").joinpath("pair_weights.toml").read_text(encoding="utf-8")
    )
    return Weights(read["same"], read["opposite"], read["thresholds"]["same"], read["thresholds"]["opposite"])


def _shared(a: Mapping[str, float], b: Mapping[str, float]) -> float:
    return sum(weight for word, weight in a.items() if word in b)


def _changed(a: Claim, b: Claim) -> float:
    """How much either text has that the other has not: what was put in another's place, wherever it stands."""
    ours, theirs = _missing(a, b), _missing(b, a)
    return min(sum(ours.values()), sum(theirs.values()), _MOST) / _MOST


def _uncovered(a: Claim, b: Claim) -> float:
    """The share of what `a` says, by the weight of its words, that `b` has in no form."""
    return sum(_missing(a, b).values()) / (sum(a.stems.values()) or 1.0)


def _missing(a: Claim, b: Claim) -> dict[str, float]:
    """The weighty words of `a` that `b` has in no form, nor another word of the same sense."""
    meant = {sense for word in b.stems for sense in senses(word)}
    return {word: weight for word, weight in a.stems.items() if word not in b.words and not (senses(word) & meant)}


def _replaced(a: Claim, b: Claim) -> float:
    """How rare a word is that one has where the other, alike before and behind, has another; 0 where there is none."""
    a, b = sorted((a, b), key=lambda claim: claim.order)
    blocks = SequenceMatcher(None, a.order, b.order, autojunk=False).get_matching_blocks()
    most = 0.0
    for before, after in itertools.pairwise(blocks):
        ours, theirs = a.order[before.a + before.size : after.a], b.order[before.b + before.size : after.b]
        meant = {sense for one in theirs for sense in senses(one)}
        if any(senses(one) & meant for one in ours):
            continue
        if 0 < len(ours) <= _REPLACED and 0 < len(theirs) <= _REPLACED:
            most = max(most, min(max(a.stems[one] for one in ours), max(b.stems[one] for one in theirs)))
    return most


@dataclass(frozen=True)
class _Numbers:
    agreed: int
    one_sided: int
    unlike: bool
    conflict: bool


def _numbers(a: Sequence[Quantity], b: Sequence[Quantity]) -> _Numbers:
    """Pair off equal quantities; what is left on both sides is in conflict where it is of one kind."""
    left_a, left_b = list(a), list(b)
    # What is counted alike first, so that "doubles every two years" gives its "two" to no "double".
    for alike in (True, False):
        for one in list(left_a):
            equal = (other for other in left_b if _agree(one, other) and (not alike or one.kind == other.kind))
            if (match := next(equal, None)) is not None:
                left_a.remove(one)
                left_b.remove(match)
    kinds = [(one.kind, other.kind) for one in left_a for other in left_b]
    return _Numbers(
        agreed=len(a) - len(left_a),
        one_sided=abs(len(left_a) - len(left_b)),
        unlike=bool(kinds),
        conflict=any(one == other or (_plain(one) and _plain(other) and not (one and other)) for one, other in kinds),
    )


def _plain(kind: str) -> bool:
    return kind not in {"share", "money"} and not kind.startswith("code ")


def _agree(one: Quantity, other: Quantity) -> bool:
    if one.kind.startswith("code ") or other.kind.startswith("code "):
        return one.kind == other.kind and one.values == other.values
    if "share" in {one.kind, other.kind} and one.kind != other.kind:
        # "A tenth of the time" is "ten times faster", and 0.5 seconds are "half a second".
        share, plain = (one, other) if one.kind == "share" else (other, one)
        return any(x == y or (x * y == 1 and x < _HALF) for x in share.values for y in plain.values)
    if "money" in {one.kind, other.kind} and one.kind != other.kind and one.kind and other.kind:
        return False
    if one.values & other.values:
        return True
    about = one.about or other.about
    return about and any(abs(x - y) <= _TOLERANCE * max(x, y) for x in one.values for y in other.values)


def _reordered(a: Mapping[str, frozenset[str]], b: Mapping[str, frozenset[str]], letters: float) -> float:
    """The share of pairs of names in both that come the other way round, where that means something.

    A sentence may be turned round, and two names with it. In the same words, or of three names, it means other roles,
    unless either name has taken along what stood beside it.
    """
    places = {name: place for place, name in enumerate(b)}
    both = [name for name in a if name in places]
    pairs = list(itertools.combinations(both, 2))
    turned_round = sum(places[one] > places[other] and not _taken_along(one, other, a, b) for one, other in pairs)
    if letters > _WORD_FOR_WORD:
        return float(turned_round > 0)
    return turned_round / len(pairs) if len(pairs) >= _SEVERAL and letters > _ALIKE else 0.0


def _taken_along(one: str, other: str, a: Mapping[str, frozenset[str]], b: Mapping[str, frozenset[str]]) -> bool:
    own = len(a[one] & b[one]) + len(a[other] & b[other])
    return own > len(a[one] & b[other]) + len(a[other] & b[one])


def _unnamed(a: Claim, b: Claim) -> list[tuple[str, ...]]:
    """The names of `a` of which `b` says no word, not even in a related form; AI and CEO name nobody."""
    telling = (words for name in a.names if (words := tuple(word for word in name if word not in _GENERIC)))
    return [words for words in telling if not any(_said(word, b.words) for word in words)]


def _said(word: str, words: Collection[str]) -> bool:
    if word in words or word.removesuffix("s") in words or aliases(word) & set(words):
        return True
    if len(word) < 5:
        return False
    return any(other[:1] == word[0] and len(other) >= 5 and _related(word, other) for other in words)


def _related(word: str, other: str) -> bool:
    """Whether one is a form of the other: Germany, Germans; Postgres, PostgreSQL."""
    common = 0
    for x, y in zip(word, other, strict=False):
        if x != y:
            break
        common += 1
    return common >= 5 and common >= min(len(word), len(other)) - 1


def _dates_conflict(a: Claim, b: Claim) -> bool:
    """Whether each names a year, or a month, that the other doesn't."""
    years = bool(a.years - b.years) and bool(b.years - a.years)
    months = bool(a.months - b.months) and bool(b.months - a.months)
    return years or months


def _turned(a: Sequence[Pointer], b: Sequence[Pointer]) -> float:
    """How sure it is that a word of one points the other way in the other, in [0, 1].

    A word is held against all on its scale in the other text. It is turned where those that point the other way stand
    among more of the same words than those that point the same way.
    """
    by_scale_a, by_scale_b = _by_scale(a), _by_scale(b)
    most = 0.0
    for scale in by_scale_a.keys() & by_scale_b.keys():
        for ones, others in ((by_scale_a[scale], by_scale_b[scale]), (by_scale_b[scale], by_scale_a[scale])):
            for one in ones:
                along = max((_alike(one, other) for other in others if other.sign == one.sign), default=0.0)
                against = max((_alike(one, other) for other in others if other.sign != one.sign), default=0.0)
                most = max(most, one.weight * (against - along))
    return most


def _turned_in_place(a: Claim, b: Claim) -> bool:
    """Whether one has a word where the other, alike before and behind, has one from the other end of its scale."""
    a, b = sorted((a, b), key=lambda claim: claim.said)
    changes = SequenceMatcher(None, a.said, b.said, autojunk=False).get_opcodes()
    return any(
        (scale, -end) in theirs
        for change, start, stop, other_start, other_stop in changes
        if change == "replace"
        for theirs in [{sense for word in b.said[other_start:other_stop] for sense in senses(word)}]
        for word in a.said[start:stop]
        for scale, end in senses(word)
        if end
    )


def _unlike_directions(a: Claim, b: Claim) -> float:
    """The share of scales, of those that either text has words of, on which the two don't lean to the same end."""
    leanings = [Counter[str](), Counter[str]()]
    for claim, leaning in zip((a, b), leanings, strict=True):
        for pointer in claim.pointers:
            if pointer.scale.startswith("scale "):
                leaning[pointer.scale] += pointer.sign
    scales = leanings[0].keys() | leanings[1].keys()
    if not scales:
        return 0.0
    apart = sum(abs(_end(leanings[0][scale]) - _end(leanings[1][scale])) / 2 for scale in scales)
    return apart / (len(scales) + 1)


def _end(leaning: int) -> int:
    return (leaning > 0) - (leaning < 0)


def _by_scale(pointers: Sequence[Pointer]) -> dict[str, list[Pointer]]:
    found: dict[str, list[Pointer]] = {}
    for pointer in pointers:
        found.setdefault(pointer.scale, []).append(pointer)
    return found


def _alike(one: Pointer, other: Pointer) -> float:
    """The share of what stands around two words that they have in common, by weight."""
    total = max(sum(one.around.values()), sum(other.around.values()))
    return _shared(one.around, other.around) / total if total else 0.0


def _places_swapped(a: Claim, b: Claim) -> float:
    """How much two rare words, or numbers, of one text stand where the other text has the other one, in [0, 1]."""
    most = 0.0
    both = sorted(a.placed.keys() & b.placed.keys())
    for one, other in itertools.combinations(both, 2):
        apart = {one, other}
        ours = [a.placed[one] - apart, a.placed[other] - apart]
        theirs = [b.placed[one] - apart, b.placed[other] - apart]
        crossed = min(_common(ours[0], theirs[1]), _common(ours[1], theirs[0]))
        straight = max(_common(ours[0], theirs[0]), _common(ours[1], theirs[1]))
        most = max(most, crossed - straight)
    return most


def _common(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / (max(len(one), len(other)) or 1)


def _swapped(a: Claim, b: Claim) -> bool:
    """Whether what one sets above something the other sets below it."""
    return any(
        before & other_after and after & other_before
        for before, after in a.contrasts
        for other_before, other_after in b.contrasts
    )
