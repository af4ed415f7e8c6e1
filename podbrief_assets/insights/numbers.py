"""Read the numbers out of a text, whether they are written in digits or in words, as speech has both.

Belongs here: English number words, scales, ranges, the units that matter (percent, money), codes such as GPT-4.
Doesn't: deciding whether two texts' numbers agree (grounding/).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from podbrief_assets.insights.text import FUNCTION_WORDS


def _counted(words: str, start: int = 0, step: int = 1) -> dict[str, int]:
    return {word: start + step * place for place, word in enumerate(words.split())}


UNITS = {
    **_counted("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"),
    **_counted("sixteen seventeen eighteen nineteen", 16),
    **_counted("twenty thirty forty fifty sixty seventy eighty ninety", 20, 10),
}
_SCALES = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_SUFFIXES = {"k": 3, "m": 6, "mn": 6, "b": 9, "bn": 9, "t": 12, "tn": 12}
_MULTIPLES = {
    **dict.fromkeys(["double", "doubled", "doubles", "doubling", "twice", "twofold"], 2),
    **dict.fromkeys(["triple", "tripled", "triples", "tripling", "thrice", "threefold"], 3),
    **dict.fromkeys(["quadruple", "quadrupled", "fourfold"], 4),
    **{"tenfold": 10, "dozen": 12},
}
_MEASURES = frozenset(("year", "month", "week", "day", "hour", "minute", "mile", "meter", "decade", "century"))
_PARTS = {"half": Decimal("0.5"), "quarter": Decimal("0.25")}
_VAGUE = {"both": 2, "couple": 2, "pair": 2}
_ORDINALS = _counted("first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth", 1)
_DECADES = _counted("twenties thirties forties fifties sixties seventies eighties nineties", 20, 10)
_RANGE = frozenset(("to", "or", "and", "-", "maybe"))
_MONEY = frozenset("$€£") | {"dollar", "dollars", "euro", "euros", "pounds", "bucks", "cents"}
_PERCENT = frozenset(("%", "percent", "percentage", "pct"))

_NUMERIC = re.compile(
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?P<suffix>[A-Za-z]{1,3}(?![A-Za-z\d]))?"
    r"|[^\W\d_]+(?:'[^\W\d_]+)*|[$\u20ac\u00a3%-]"
)
# GPT-4, H100, COVID-19: the digits are part of a name.
CODE = re.compile(r"(?<![\w-])(?:[A-Z][A-Za-z]*-?|[a-z]{1,4})\d+(?:\.\d+)*[A-Za-z]{0,3}\b|(?<![\w-])\d[ACD-JLN-SU-Z]\b")
_MOST_DIGITS = 15


@dataclass(frozen=True, slots=True)
class Number:
    """One number of a text.

    Attributes:
        values: Everything that it may stand for: the two of "two to three million" is 2 or 2,000,000.
        units: "percent", "money" or "" for neither; several where a range lends its unit.
        written: As it stands in the text.
        counted: What there are so many of, in the singular: the word after it; "" where that is no such word.
        at, end: Where it stands in the text, in characters, `end` exclusive.
    """

    values: frozenset[Decimal]
    units: frozenset[str]
    written: str
    counted: str
    at: int
    end: int


def numbers_in(text: str, *, implied: bool) -> list[Number]:
    """The numbers in `text`, in digits or words, each with every value that it may stand for.

    `implied` adds what only suggests a number ("both", "first", "the nineties"): enough to support one, not to need it.
    """
    tokens = list(_NUMERIC.finditer(CODE.sub(lambda m: "_" * len(m[0]), text)))
    found: list[tuple[int, int, Number, int]] = []
    place = 0
    while place < len(tokens):
        parsed = _number_at(tokens, place, implied=implied)
        if parsed is None:
            place += 1
            continue
        end, values, scale = parsed
        written = text[tokens[place].start() : tokens[end - 1].end()]
        number = Number(
            frozenset(values),
            frozenset((_unit_around(tokens, place, end),)),
            written,
            _counted_after(tokens, end),
            tokens[place].start(),
            tokens[end - 1].end(),
        )
        if found and _in_range(tokens, found[-1][1], place):
            found[-1] = _joined(found[-1], number, scale)
            if found[-1][1] == place and implied:
                number = _year(found[-1][2], number)
        found.append((place, end, number, scale))
        place = end
    return [number for _, _, number, _ in found]


def _in_range(tokens: Sequence[re.Match[str]], end: int, start: int) -> bool:
    return start - end <= 2 and all(tokens[i][0].lower() in _RANGE for i in range(end, start))


def _joined(before: tuple[int, int, Number, int], after: Number, scale: int) -> tuple[int, int, Number, int]:
    """In "two to three million dollars", the two are millions of dollars as well."""
    start, end, number, own = before
    values = number.values if own or not scale else number.values | {v.scaleb(scale) for v in number.values}
    units, counted = number.units | after.units, number.counted or after.counted
    return start, end, replace(number, values=values, units=units, counted=counted), own


def _year(first: Number, second: Number) -> Number:
    """ "Nineteen ninety-five" is also 1995."""
    years = {
        a * 100 + b
        for a in first.values
        for b in second.values
        if 10 <= a <= 99 and 0 <= b <= 99 and a == a.to_integral()
    }
    return replace(second, values=second.values | years)


def _counted_after(tokens: Sequence[re.Match[str]], end: int) -> str:
    word = tokens[end][0].lower() if end < len(tokens) and not tokens[end]["digits"] else ""
    if len(word) < 3 or word in FUNCTION_WORDS or word in _RANGE | _PERCENT | _MONEY | _SCALES.keys():
        return ""
    return word.removesuffix("s")


def _unit_around(tokens: Sequence[re.Match[str]], start: int, end: int) -> str:
    before = tokens[start - 1][0] if start else ""
    after = [token[0].lower() for token in tokens[end : end + 2]]
    if after[:1] and (after[0] in _PERCENT or after == ["per", "cent"]):
        return "percent"
    if before in _MONEY or (after[:1] and after[0] in _MONEY - set("$€£")):
        return "money"
    return ""


def _number_at(tokens: Sequence[re.Match[str]], place: int, *, implied: bool) -> tuple[int, set[Decimal], int] | None:
    """(end, values, power of ten of its last scale word) of the number that begins at `place`."""
    word = tokens[place][0].lower()
    following = tokens[place + 1][0].lower() if place + 1 < len(tokens) else ""
    if digits := tokens[place]["digits"]:
        values, end = _digit_values(digits, tokens[place]["suffix"] or "", implied=implied), place + 1
    elif word in UNITS:
        values, end = _small(tokens, place)
    elif word in {"a", "an"} and (
        following in _SCALES or following == "hundred" or (implied and following in _MEASURES)
    ):
        values, end = {Decimal(1)}, place + 1
    elif word in _PARTS and (scale_at := _scale_after(tokens, place)):
        values, end = {_PARTS[word]}, scale_at
    else:
        meant = _meant(word, implied=implied)
        return (place + 1, meant, 0) if meant else None
    return _scaled(tokens, end, values)


def _scale_after(tokens: Sequence[re.Match[str]], place: int) -> int:
    """Where the scale word stands in "half a million", "quarter of a billion"; 0 where none does."""
    ahead = (index for index in range(place + 1, min(place + 4, len(tokens))))
    beyond = next((index for index in ahead if tokens[index][0].lower() not in {"of", "a", "-"}), 0)
    return beyond if beyond and tokens[beyond][0].lower() in _SCALES else 0


def _meant(word: str, *, implied: bool) -> set[Decimal]:
    """What a single word that is no plain number stands for: "half", "doubled", and with `implied` "both", "third"."""
    if word == "half":
        return {Decimal("0.5")}
    if word in _MULTIPLES:
        return {Decimal(_MULTIPLES[word])}
    if not implied:
        return set()
    if word in _DECADES:
        return {Decimal(century + _DECADES[word]) for century in (0, 1900, 2000)}
    plain = {**_VAGUE, **_ORDINALS}.get(word)
    return set() if plain is None else {Decimal(plain)}


def _digit_values(digits: str, suffix: str, *, implied: bool) -> set[Decimal]:
    plain = digits.replace(",", "")
    if len(plain) > _MOST_DIGITS:
        # Nobody says such a number; as it stands it is compared with others written alike.
        return {Decimal(plain[:_MOST_DIGITS])}
    value = Decimal(plain)
    values = {value}
    if suffix.lower() in _SUFFIXES:
        values.add(value.scaleb(_SUFFIXES[suffix.lower()]))
    if implied and suffix == "s" and value < 100:
        values |= {value + 1900, value + 2000}
    return values


def _small(tokens: Sequence[re.Match[str]], place: int) -> tuple[set[Decimal], int]:
    """A number below a hundred in words."""
    value, end = UNITS[tokens[place][0].lower()], place + 1
    rest = [token[0].lower() for token in tokens[end : end + 2]]
    if rest[:1] == ["-"]:
        rest, hyphen = rest[1:], 1
    else:
        rest, hyphen = rest[:1], 0
    if value >= 20 and rest and 0 < UNITS.get(rest[0], 0) < 10:
        return {Decimal(value + UNITS[rest[0]])}, end + hyphen + 1
    if value >= 20 and rest and 0 < _ORDINALS.get(rest[0], 0) < 10:
        return {Decimal(value + _ORDINALS[rest[0]])}, end + hyphen + 1
    return {Decimal(value)}, end


def _scaled(tokens: Sequence[re.Match[str]], end: int, values: set[Decimal]) -> tuple[int, set[Decimal], int]:
    """A number with what follows it: "point five", "and a half", "hundred", "million"."""
    words = [token[0].lower() for token in tokens[end : end + 12]]
    total, used, scale = Decimal(0), 0, 0
    while used < len(words):
        word = words[used]
        after = words[used + 1] if used + 1 < len(words) else ""
        if word == "-" and after in _SCALES:
            used += 1
        elif word == "point" and after in UNITS:
            decimals = ""
            used += 1
            while used < len(words) and UNITS.get(words[used], 10) < 10:
                decimals += str(UNITS[words[used]])
                used += 1
            values = {value + Decimal(f"0.{decimals or '0'}") for value in values}
        elif words[used : used + 3] == ["and", "a", "half"]:
            values = {value + Decimal("0.5") for value in values}
            used += 3
        elif word == "hundred" or (word == "dozen" and used == 0):
            values = {value * (100 if word == "hundred" else 12) for value in values}
            used += 1
            values, used = _plus_small(tokens, end, used, values)
        elif word in _SCALES:
            scale = _SCALES[word]
            values = {total + value.scaleb(scale) for value in values}
            used += 1
            grown, more = _plus_small(tokens, end, used, values)
            if more > used and words[more : more + 1] != ["hundred"]:
                values, used = grown, more
        else:
            break
    return end + used, values, scale


def _plus_small(tokens: Sequence[re.Match[str]], end: int, used: int, values: set[Decimal]) -> tuple[set[Decimal], int]:
    """ "… hundred and five": the words below a hundred that belong to it."""
    place = end + used
    place += place < len(tokens) and tokens[place][0].lower() == "and"
    if place < len(tokens) and tokens[place][0].lower() in UNITS:
        small, after = _small(tokens, place)
        return {value + extra for value in values for extra in small}, after - end
    return values, used
