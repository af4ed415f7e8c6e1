"""Numbers, names and things that a text tells of must have been spoken of.

Belongs here: rules on the single facts of a text, each looked up in the speech.
Doesn't: what is said of them (`stance.py`, `roles.py`).
"""

from __future__ import annotations

import bisect
import functools
import itertools
import re
from collections.abc import Iterator, Set
from decimal import Decimal
from difflib import SequenceMatcher

from podbrief_assets.insights.grounding.claims import (
    WORD,
    Claim,
    Told,
    clauses,
    has_near,
    is_content,
    spoken_in,
    words_of,
)
from podbrief_assets.insights.numbers import CODE, UNITS, Number, numbers_in
from podbrief_assets.insights.text import fold, names_of, rarity, sentences, vocabulary

_NEAR = 18
_BESIDE = 8


def number(claim: Claim) -> str | None:
    """A number that was not spoken, or was spoken of something else."""
    spoken = _Spoken(claim)
    return next((found for sentence in claim.sentences if (found := spoken.unheard(sentence))), None) or _code(claim)


class _Spoken:
    """The numbers of a passage, by their value, each with its place among the passage's words."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._said: dict[Decimal, list[tuple[Number, int]]] = {}
        for one in numbers_in(claim.passage, implied=True):
            place = bisect.bisect_left(claim.speech.starts, one.at)
            for value in one.values:
                self._said.setdefault(value, []).append((one, place))

    def unheard(self, sentence: Told) -> str | None:
        """The first number or vague number of a sentence that the passage does not support."""
        words = sentence.words
        for told in numbers_in(sentence.text, implied=False):
            # "One" is a pronoun more often than a number.
            if told.values == {Decimal(1)} and "percent" not in told.units:
                continue
            place = bisect.bisect_left(words.starts, told.at)
            if told.written.lower() == "two" and place and words.lower[place - 1] == "the":
                continue
            last = bisect.bisect_left(words.starts, told.end)
            about = {
                words.roots[at]
                for at in words.content(place - _BESIDE, last + _BESIDE)
                if not place <= at < last and not words.lower[at][0].isdigit()
            }
            meant = list(self._meant(told))
            if _CLOCK.match(sentence.text, told.end):
                meant += [one for value in told.values for one in self._said.get(value * 100, ())]
            supports = [one for one, at in meant if self._supports(told, one, at, about)]
            if not supports:
                return told.written
            others = self._counted(sentence, told.counted) if told.counted in MEASURES else []
            if others and not any(one.counted == told.counted for one in supports):
                return f"{told.written} {told.counted}, not {others[0].written}"
        heard = self._claim.speech.words_at
        vague = [word for word in words.lower if word in _VAGUE and word not in heard and word[:-1] not in heard]
        return vague[0] if vague else None

    def _counted(self, sentence: Told, what: str) -> list[Number]:
        """The numbers of what `what` names that were spoken where the sentence is held against."""
        spoken = [pair for pairs in self._said.values() for pair in pairs]
        return [one for one, at in spoken if one.counted == what and any(a <= at < b for a, b in sentence.stretches)]

    def _meant(self, told: Number) -> Iterator[tuple[Number, int]]:
        for value in told.values:
            yield from self._said.get(value, ())
            if value == Decimal("0.5"):
                yield from (one for one in self._said.get(Decimal(50), ()) if "percent" in one[0].units)
            elif value == Decimal(50) and "percent" in told.units:
                yield from self._said.get(Decimal("0.5"), ())

    def _supports(self, told: Number, said: Number, place: int, about: Set[str]) -> bool:
        halves = Decimal("0.5") in told.values | said.values
        if not (_units_agree(told.units, said.units) or halves):
            return False
        if told.counted and told.counted in MEASURES and said.counted in MEASURES and told.counted != said.counted:
            return False
        return not about or has_near(self._claim.speech, place, about, _NEAR)


# A recogniser writes 1:07, 1.07 or 107.
_CLOCK = re.compile(r"\s*[ap]\.?m\b", re.IGNORECASE)
_VAGUE = vocabulary("hundreds thousands millions billions trillions")
# Singular, as `Number.counted` is.
MEASURES = vocabulary(
    """
        second minute hour day night week month quarter year decade century mile meter kilometer foot feet inch pound
        people person user customer company dollar euro degree
        """
)


def _units_agree(told: Set[str], said: Set[str]) -> bool:
    """Speech drops "dollars", so a bare number supports a sum and the other way round; it never drops "percent"."""
    return bool(told & said) or ({*told, *said} == {"", "money"} and bool(said))


def _code(claim: Claim) -> str | None:
    """A name with digits in it, such as GPT-4, of which one was not spoken."""
    squashed = f"{_squash(claim.passage)} {_squash(claim.known)}"
    return next((code[0] for code in CODE.finditer(claim.text) if _squash(code[0]) not in squashed), None)


def _squash(text: str) -> str:
    """`text` as letters and digits only, so that "GPT four" and "GPT-4" are the same."""
    words = (match[0].lower() for match in re.finditer(r"[^\W\d_]+|\d+", text))
    return "".join(str(UNITS.get(word, word)) for word in words)


# "First" is said of so much that it proves nothing, "second" is a time as well.
_ORDINALS = {"third": "three", "fourth": "four", "fifth": "five", "sixth": "six", "seventh": "seven", "tenth": "ten"}
_TIMES = vocabulary(
    "second minute hour day week month year decade century daily weekly monthly yearly annual annually hourly"
)
_LENGTHS = {
    "daily": "day",
    "weekly": "week",
    "monthly": "month",
    "yearly": "year",
    "annual": "year",
    "annually": "year",
    "hourly": "hour",
}


def measure(claim: Claim) -> str | None:
    """A length of time that was not spoken of: "a month" for what was "a day"."""
    speech = claim.speech
    for sentence in claim.sentences:
        for place, word in enumerate(sentence.words.lower):
            if word in _ORDINALS and not spoken_in(speech, sentence.stretches, {word, _ORDINALS[word]}):
                return word
            one = _LENGTHS.get(word, word.removesuffix("s"))
            if one not in _TIMES or (word == "second" and not _is_unit(sentence, place)):
                continue
            forms = {one, f"{one}s", *(form for form, unit in _LENGTHS.items() if unit == one)}
            if one == "year" and any(len(said) == 4 and said.isdigit() for said in speech.words_at):
                continue
            if not spoken_in(speech, sentence.stretches, forms):
                return word
    return None


def _is_unit(sentence: Told, place: int) -> bool:
    """Whether "second" is a time: after "per", "a" or a number, and not before what is second."""
    before = sentence.words.lower[place - 1] if place else ""
    return before in {"per", "every", "each"} or before in UNITS or before[:1].isdigit()


# Names

_CALENDAR = vocabulary(
    """
        monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
        september october november december
        """
)
_ABBREVIATED = {
    "ai": ("artificial intelligence", "a i", "machine learning"),
    "us": ("united states", "america", "american", "americans", "u s", "washington"),
    "uk": ("united kingdom", "britain", "british", "england", "u k"),
    "eu": ("european union", "europe", "european", "e u"),
    "llm": ("language model", "language models"),
    "llms": ("language model", "language models"),
    "uns": ("united nations",),
}
_GENERIC = frozenset(
    ("ceo", "ceos", "cto", "cfo", "tv", "tvs", "pc", "pcs", "phd", "english", "internet", "earth", "web")
)
_TITLES = vocabulary("mr mrs ms dr prof professor president senator judge sir")
_DOES = vocabulary(
    """
        says said argues argued believes believed thinks founded acquired announced launched released raised hired
        fired sued owns owned built builds sells sold plans planned claims claimed warns warned predicts predicted
        invested invests makes made runs ran bought buys left joined published reported invented discovered has had is
        was got gets can could will would might may does did takes took gives gave went uses used wants writes wrote
        found finds
        """,
)


def name(claim: Claim) -> str | None:
    """A name that neither the passage nor what is known of the episode has."""
    heard = set(claim.speech.lower) | set(words_of(claim.known).lower)
    spoken = f" {' '.join(WORD.findall(claim.passage.lower()))} "
    named = [*names_of(claim.text), *_openers(claim.text), *(n for n in claim.names if _mentions(claim.text, n))]
    for one in named:
        if any(_carries(word) and not _is_heard(word, heard, spoken) for word in WORD.findall(one)):
            return one
    for month in re.finditer(r"(?<=[a-z,] )([A-Z][a-z]+)\b", claim.told):
        if month[1].lower() in _CALENDAR and month[1].lower() not in heard:
            return month[1]
    return None


def _carries(word: str) -> bool:
    """Whether a word of a name needs support: joiners ("of") and titles don't, digits are the number rule's."""
    return not word.islower() and not any(c.isdigit() for c in word) and word.lower() not in _GENERIC | _TITLES


def _openers(text: str) -> Iterator[str]:
    """Words that open a sentence and act like a name: rare, and owning something or doing what people and firms do."""
    for sentence in sentences(text):
        words = sentence.split()
        first = re.sub(r"'s$", "", words[0].strip("\"'(,"))
        owns = words[0].endswith("'s")
        does = len(words) > 1 and fold(words[1]) in _DOES
        if (owns or does) and first[:1].isupper() and not first.endswith("s") and rarity(first.lower()) == 1:
            yield first


def _is_heard(one: str, heard: Set[str], spoken: str) -> bool:
    """Whether a name's word was said: as it is, in a related form ("Ukrainian", "Ukraine"), or misheard by a letter."""
    word = re.sub(r"'s?$", "", one.lower())
    if word in heard or word + "s" in heard or word.removesuffix("s") in heard:
        return True
    if len(word) >= 6 and f" {word} " in _joined(spoken):
        # "PagerDuty", heard as two words.
        return True
    if any(f" {phrase} " in spoken for phrase in _ABBREVIATED.get(word, ())):
        return True
    if one.isupper() and 3 <= len(word) <= 6 and re.search(r"\b" + r"\w* ".join(word), spoken):
        # "FTC" for "Federal Trade Commission", or spelt out letter by letter.
        return True
    return any(_related(word, other) for other in heard if other[:1] == word[:1])


@functools.lru_cache(maxsize=8)
def _joined(spoken: str) -> str:
    """Every two neighbouring words as one."""
    words = spoken.split()
    return " " + " ".join(one + other for one, other in itertools.pairwise(words)) + " "


def _related(word: str, other: str) -> bool:
    short, long = sorted((word, other), key=len)
    if len(short) >= 5 and long.startswith(short) and len(long) - len(short) <= 3:
        return True
    if _demonym(word) == _demonym(other) and len(_demonym(word)) >= 4:
        return True
    return len(short) >= 6 and abs(len(word) - len(other)) <= 1 and SequenceMatcher(None, word, other).ratio() >= 0.85


def _demonym(word: str) -> str:
    return re.sub(r"(?:ians?|ans?|ese|ish|ns|a|e|y)$", "", word)


def _mentions(text: str, one: str) -> bool:
    return bool(one.strip()) and one.lower() in text.lower()


def outside(claim: Claim) -> str | None:
    """A clause most of whose words were not spoken: what a model knew, or made up."""
    known = set(claim.speech.places) | set(words_of(claim.known).places)
    for sentence in claim.sentences:
        words = sentence.words
        for low, high in clauses(words):
            content = [at for at in words.content(low, high) if is_content(words.lower[at])]
            missing = [at for at in content if words.roots[at] not in known and rarity(words.lower[at]) > _PLAIN]
            if len(missing) >= 3 and len(missing) >= _MOSTLY * len(content):
                return " ".join(words.written[at] for at in missing)
    return None


_PLAIN = 0.55
_MOSTLY = 0.8


def rests(claim: Claim) -> str | None:
    """A text that its quote says nothing of: no word of content and no number is in both."""
    quote, told = words_of(claim.quote), words_of(claim.text)
    spoken = {quote.roots[at] for at in quote.content()}
    if not spoken or spoken & {told.roots[at] for at in told.content()}:
        return None
    said, kept = (
        {value for number in numbers_in(text, implied=implied) for value in number.values}
        for text, implied in ((claim.quote, True), (claim.text, False))
    )
    return None if said & kept else "the quote is of something else"
