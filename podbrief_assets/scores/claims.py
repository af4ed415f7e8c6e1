"""What a text claims, as far as words show it.

Belongs here: reading a text once into what the pair test compares: weighty words, letters, numbers, dates, names, which
way each word points (up or down, affirmed or denied), contrasts, who did what to whom, hedges.
Doesn't: comparing two of them (`pairs.py`).

The lists of words are English. A text in another language has words, letters, numbers and names all the same, and
nothing is found to contradict.
"""

from __future__ import annotations

import functools
import itertools
import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources

from podbrief_assets.insights.numbers import CODE, Number, numbers_in
from podbrief_assets.insights.text import FUNCTION_WORDS, names_of, rarity, sentences, vocabulary, without_ending

# An insight has 60 words at most. Nobody's text may make the test slow.
_MOST_WORDS, _MOST_LETTERS = 120, 32
_GRAMS = (3, 4)
_AROUND = 6  # the weighty words nearest to a word, which say what it is about
_DENIED = 4  # weighty words after a negation that it may bear on
_BETWEEN_NAMES = 6
_RARE = 0.79  # names of companies that everybody knows are said that often
_BESIDE_CONTRAST = 3
_BESIDE_NAME = 3  # weighty words that are in no name
_BESIDE = 2  # weighty words on either side of a rare one

_TOKEN = re.compile(r"\d[\d,.]*\d|\d|[^\W\d_]+(?:['’][^\W\d_]+)*|[.;:!?,()—%]")
_STOPS = frozenset(".;:!?")
_BREAKS = frozenset(".;:!?,()—") | {"but", "although", "though", "while", "because", "which", "who", "since", "whereas"}
_NEGATORS = vocabulary("not no never none nobody nothing neither nor cannot hardly barely rarely seldom no-one")
_NOTHING = vocabulary("none nobody nothing neither no-one")  # may stand behind what they deny: "it lost none"
_NONE = vocabulary("no none nobody nothing")
_COMPARATIVE = re.compile(r"er$|^(?:worse|more|less)$")
_SET_ASIDE = (("instead", "of"), ("rather", "than"))
_NOT_MEANT = frozenset(("only", "just", "merely", "simply", "longer"))  # "not only" denies nothing; "no longer" does
_CONTRASTS = (("rather", "than"), ("instead", "of"), ("over",), ("than",), ("unlike",), ("for",), ("with",), ("by",))
_DOUBTED = vocabulary(
    """
    may might could perhaps maybe possibly reportedly allegedly suspect suspects suspected guess guesses rumoured
    rumored
    """
)
_SOFTENED = _DOUBTED | vocabulary(
    """
    probably apparently believe believes think thinks suggest suggests expect expects hope hopes seem seems appear
    appears likely would should can if unless potential potentially"""
)
_ABOUT = vocabulary("about around roughly some nearly almost approximately circa over under more less than or so")
_MONTHS = vocabulary("january february march april may june july august september october november december")
_PARTS = {
    "half": Decimal("0.5"),
    "third": Decimal(1) / 3,
    "quarter": Decimal("0.25"),
    "fifth": Decimal("0.2"),
    "sixth": Decimal(1) / 6,
    "seventh": Decimal(1) / 7,
    "eighth": Decimal("0.125"),
    "tenth": Decimal("0.1"),
}
_MEASURES = vocabulary("second minute hour day week month year decade century mile metre meter kilometre point dozen")
_FRACTION = re.compile(
    r"\b(?P<many>an?|one|two|three|four|every)[ -](?P<part>half|third|quarter|fifth|sixth|seventh|eighth|tenth)s?\b"
    r"|\bevery second\b"
    r"|\bhalf\b(?! a (?:million|billion|trillion|thousand|dozen)\b)",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?<![\d,.$€£])(?:1[89]|20)\d\d(?![\d%]|[,.]\d)")
_DAY = re.compile(
    rf"\b(?P<month>{'|'.join(sorted(_MONTHS))})\b(?: (?P<day>[0-3]?\d)\b(?![\d,.]*\d{{3}}|%))?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number that is claimed.

    Attributes:
        values: What it may stand for; a share is given in [0, 1].
        kind: What it can be compared with: "share", "money", or what is counted ("" where that is not said).
        about: Whether the text calls it approximate.
        written: As it stands.
    """

    values: frozenset[Decimal]
    kind: str
    about: bool
    written: str


@dataclass(frozen=True, slots=True)
class Pointer:
    """A word that could point the other way.

    Attributes:
        scale: The scale of opposites that it lies on, or its own stem.
        sign: +1 at the scale's first end or affirmed, -1 at its other end or denied; a denied -1 is +1.
        around: Stems beside it, by weight: what it is about.
        weight: How much it would matter if it pointed elsewhere.
    """

    scale: str
    sign: int
    around: Mapping[str, float]
    weight: float


@dataclass(frozen=True, slots=True)
class Claim:
    """A text, read.

    Attributes:
        stems: Weighty words without their endings, each with its rarity.
        order: The same in the order of the text.
        said: All words without their endings, and numbers, in the order of the text.
        grams: Runs of letters in weighty words, each with its share (the squares add up to 1).
        words: All words in lower case, and their stems.
        names: Names of people, companies, products and places, in lower case, each as its words.
        first_names: The words of those, in the order of their first mention, each with the stems nearest to it.
        quantities: Numbers other than dates.
        years, months: The dates that it names.
        pointers: Words that point somewhere.
        contrasts: For each "rather than" and its like, the stems before and after it.
        deeds: (who, deed, to whom), from names with a verb between.
        hedging: 2 where it is told as uncertain, 1 where it is softened, else 0.
        placed: For each rare word and each number what stands nearest to it.
    """

    stems: Mapping[str, float]
    order: tuple[str, ...]
    said: tuple[str, ...]
    grams: Mapping[str, float]
    words: frozenset[str]
    names: frozenset[tuple[str, ...]]
    first_names: Mapping[str, frozenset[str]]
    quantities: tuple[Quantity, ...]
    years: frozenset[int]
    months: frozenset[str]
    pointers: tuple[Pointer, ...]
    contrasts: tuple[tuple[frozenset[str], frozenset[str]], ...]
    deeds: frozenset[tuple[str, str, str]]
    hedging: int
    placed: Mapping[str, frozenset[str]]


def read_claim(text: str, names: Iterable[str] = ()) -> Claim:
    """What `text` claims; `names` are those that are known of it besides what it shows itself."""
    text = _bounded(text)
    tokens = _tokens(text)
    weights = _stems(tokens)
    found = _names(text, names)
    return Claim(
        stems=weights,
        order=tuple(stem(word) for word in tokens if _weighty(word)),
        said=tuple(stem(word) for word in tokens if word[0].isalnum()),
        grams=_grams(tokens),
        # A code such as H200 is two tokens, and one word where it is a name.
        words=frozenset((*tokens, *map(stem, tokens), *re.findall(r"\w+", text.lower()))),
        names=found,
        first_names=_first_names(tokens, {word for name in found for word in name}),
        quantities=tuple(_quantities(text)),
        years=frozenset(int(match[0]) for match in _YEAR.finditer(text)),
        months=frozenset(_months(text)),
        pointers=tuple(_pointers(tokens)),
        contrasts=tuple(_contrasts(tokens)),
        deeds=frozenset(_deeds(text, found)),
        hedging=_hedging(tokens),
        placed=_placed(tokens),
    )


def stems_of(text: str) -> dict[str, float]:
    """The `stems` of a claim alone, at a small part of the cost of reading all of it."""
    return _stems(_tokens(_bounded(text)))


def _bounded(text: str) -> str:
    return " ".join(word[:_MOST_LETTERS] for word in text.replace("’", "'").split()[:_MOST_WORDS])


def _tokens(text: str) -> list[str]:
    return [match[0].lower() for match in _TOKEN.finditer(text)]


def _stems(tokens: Sequence[str]) -> dict[str, float]:
    return {stem(word): _weight(word) for word in tokens if _weighty(word)}


_ENDINGS = (*(("ies", "y"), ("ied", "y"), ("ing", ""), ("er", ""), ("ed", ""), ("ly", ""), ("es", ""), ("s", "")),)


@functools.lru_cache(1 << 16)
def stem(word: str) -> str:
    """A word without its regular endings; only ever compared with other stems."""
    word = re.sub(r"'.*$", "", word)
    while (shorter := without_ending(word, _ENDINGS)) != word:
        word = shorter
    return word


# What is chosen over another, and what is given for another, with another or by another in its place.
_CHOSEN = frozenset(map(stem, ("choose", "chose", "chosen", "prefer", "pick", "favour", "favor")))
_EXCHANGED = frozenset(map(stem, ("replace", "swap", "exchange", "give", "gave", "leave", "left", "move", "port")))


@functools.lru_cache(1 << 16)
def _weighty(word: str) -> bool:
    return len(word) > 1 and word[0].isalpha() and word not in FUNCTION_WORDS and word not in _NEGATORS


@functools.lru_cache(1 << 16)
def _weight(word: str) -> float:
    return rarity(word)


def _grams(tokens: Sequence[str]) -> dict[str, float]:
    counted: Counter[str] = Counter()
    for word in tokens:
        if word[0].isalnum():
            weight = _weight(word) if _weighty(word) else 0.1
            padded = f" {word} "
            for size in _GRAMS:
                for start in range(len(padded) - size + 1):
                    counted[padded[start : start + size]] += weight  # type: ignore[assignment]
    length = sum(value * value for value in counted.values()) ** 0.5
    return {gram: value / length for gram, value in counted.items()} if length else {}


# Names, numbers, dates


def _names(text: str, known: Iterable[str]) -> frozenset[tuple[str, ...]]:
    found = {*names_of(text), *known, *_openers(text)}
    return frozenset(
        words
        for name in found
        if (words := tuple(word for word in re.findall(r"\w+", re.sub(r"'s?\b", "", name).lower()) if len(word) > 1))
        and not set(words) <= _MONTHS
    )


def _openers(text: str) -> Iterator[str]:
    """Words that open a sentence and are likely names: outside the common words, without a plain word's ending."""
    for sentence in sentences(text):
        word = re.sub(r"'s$|\W+$", "", sentence.split()[0].strip("\"'(")) if sentence.split() else ""
        lowered = word.lower()
        if word[:1].isupper() and len(word) > 2 and rarity(lowered) > _RARE and not _PLAIN_ENDING.search(lowered):
            yield word


def _first_names(tokens: Sequence[str], names: Collection[str]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for sentence in _split(tokens):
        bare = [word.removesuffix("'s") for word in sentence]
        others = [place for place, word in enumerate(sentence) if _weighty(word) and bare[place] not in names]
        for place, word in enumerate(bare):
            if word in names and word not in found:
                near = sorted(others, key=lambda other: abs(other - place))[:_BESIDE_NAME]
                found[word] = frozenset(stem(sentence[other]) for other in near)
    return found


_PLAIN_ENDING = re.compile(r"(?:s|ing|ed|ly|tion|ment|ness|er)$")


def _quantities(text: str) -> Iterator[Quantity]:
    dated = _YEAR.sub(lambda match: "#" * len(match[0]), _DAY.sub(lambda match: "#" * len(match[0]), text))
    shares = list(_FRACTION.finditer(dated))
    for match in shares:
        measured = re.match(r" an? (\w+)", dated[match.end() :])  # half a second is a time, half of the seconds a share
        kind = measured[1].lower() if measured and measured[1].lower() in _MEASURES else "share"
        yield Quantity(frozenset((_share(match),)), kind, _is_about(dated[: match.start()]), match[0])
    plain = _FRACTION.sub(lambda match: "#" * len(match[0]), dated)
    at = 0
    for number in numbers_in(plain, implied=False):
        at = max(plain.find(number.written, at), at)
        # "One" is a pronoun more often than a number.
        if number.values != {Decimal(1)} or number.units & {"percent", "money"}:
            yield _quantity(number, _is_about(plain[:at]))
    for code in CODE.finditer(plain):
        called, digits = re.match(r"(\D*?)\W?(\d.*)", code[0]).groups()  # type: ignore[union-attr]
        value = Decimal(re.sub(r"\D", "", digits)[:9] or "0")
        yield Quantity(frozenset((value,)), f"code {called.lower()}", False, code[0])


def _share(match: re.Match[str]) -> Decimal:
    times = {"two": 2, "three": 3, "four": 4}.get((match["many"] or "").lower(), 1)
    return times * _PARTS[(match["part"] or "half").lower()]


def _quantity(number: Number, about: bool) -> Quantity:
    if "percent" in number.units:
        return Quantity(frozenset(value / 100 for value in number.values), "share", about, number.written)
    kind = "money" if "money" in number.units else number.counted
    return Quantity(number.values, kind, about, number.written)


def _is_about(before: str) -> bool:
    return any(word in _ABOUT for word in re.findall(r"\w+", before[-24:].lower())[-2:])


def _months(text: str) -> Iterator[str]:
    for match in _DAY.finditer(text):
        if match["month"][0].isupper() and (
            match["month"] != "May" or match["day"] or text[match.end() :][:5].strip()[:2] in {"19", "20"}
        ):
            yield match["month"].lower()


def _hedging(tokens: Sequence[str]) -> int:
    said = {
        word
        for before, word in itertools.pairwise(["", *tokens])
        if word != "may" or before not in {"in", "since", "of"}
    }
    return 2 if said & _DOUBTED else int(bool(said & _SOFTENED))


def _placed(tokens: Sequence[str]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for sentence in _split(tokens):
        heavy = [place for place, word in enumerate(sentence) if _weighty(word) or word[0].isdigit()]
        for index, place in enumerate(heavy):
            word = sentence[place]
            if word[0].isdigit() or _weight(word) > _RARE:
                near = heavy[max(0, index - _BESIDE) : index] + heavy[index + 1 : index + 1 + _BESIDE]
                found.setdefault(stem(word), set()).update(stem(sentence[other]) for other in near)
    return {word: frozenset(near) for word, near in found.items()}


# Which way words point


@functools.cache
def _lists() -> tuple[dict[str, tuple[tuple[str, int], ...]], frozenset[str], dict[str, str]]:
    """For each stem the scales that it lies on and its end of each; stems that deny; for each stem its deed."""
    read = tomllib.loads(
        resources.files("podbrief_assets.scores").joinpath("claim_words.toml").read_text(encoding="utf-8")
    )
    ends: dict[str, set[tuple[str, int]]] = {}
    for scale, (one, other) in read["opposites"].items():
        for words, sign in ((one, +1), (other, -1)):
            for word in words.split():
                ends.setdefault(stem(word), set()).add((scale, sign))
    deeds = {stem(word): deed for deed, words in read["deeds"].items() for word in words.split()}
    scales = {word: tuple(sorted(found)) for word, found in ends.items()}
    return scales, frozenset(stem(word) for word in read["deniers"]["words"].split()), deeds


def _pointers(tokens: Sequence[str]) -> Iterator[Pointer]:
    scales, _, _ = _lists()
    for sentence in _split(tokens):
        denied = _denied(sentence)
        stems = [stem(word) if word[0].isalpha() else "" for word in sentence]
        heavy = [place for place, word in enumerate(sentence) if _weighty(word)]
        for place, word in enumerate(sentence):
            sign = -1 if place in denied else +1
            on = scales.get(stems[place], ())
            if not on and not _weighty(word):
                continue
            near = sorted((other for other in heavy if other != place), key=lambda other: abs(other - place))[:_AROUND]
            around = {stems[other]: _weight(sentence[other]) for other in near}
            # "No rival is better" praises as "better" does.
            best = sign < 0 and _COMPARATIVE.search(word) and _NONE & set(sentence[max(0, place - _AROUND) : place])
            for scale, end in on:
                yield Pointer(f"scale {scale}", end if best else sign * end, around, 1.0)
            if _weighty(word):
                yield Pointer(stems[place], sign, around, _weight(word))


def _split(tokens: Sequence[str]) -> Iterator[list[str]]:
    sentence: list[str] = []
    for token in tokens:
        if token in _STOPS:
            if sentence:
                yield sentence
            sentence = []
        else:
            sentence.append(token)
    if sentence:
        yield sentence


def _denies(words: Sequence[str], place: int) -> bool:
    """Whether the word at `place` denies what stands after it."""
    word = words[place]
    following = words[place + 1] if place + 1 < len(words) else ""
    if word in _NEGATORS or word.endswith("n't"):
        return following not in _NOT_MEANT or (word == "no" and following == "longer")
    return (word, following) in _SET_ASIDE or stem(word) in _lists()[1]


def _denied(sentence: Sequence[str]) -> set[int]:
    """The places in `sentence` that stand in the reach of an odd number of negations."""
    times: Counter[int] = Counter()
    for place, word in enumerate(sentence):
        if not _denies(sentence, place):
            continue
        if word in _NOTHING:
            times.update(other for other in range(max(0, place - 2), place) if _weighty(sentence[other]))
        reached = 0
        for other in range(place + 1, len(sentence)):
            if sentence[other] in _BREAKS or reached == _DENIED:
                break
            times[other] += 1
            reached += _weighty(sentence[other])
    return {place for place, count in times.items() if count % 2}


def _sets_apart(word: str, marker: tuple[str, ...]) -> bool:
    """Whether `marker` sets two things against each other when `word` stands before it; "than" always does."""
    verbs = _EXCHANGED if marker in {("for",), ("with",), ("by",)} else _CHOSEN if marker == ("over",) else None
    return verbs is None or stem(word) in verbs


def _contrasts(tokens: Sequence[str]) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    """What stands before and after "rather than", "over", "instead of", "than", "replaced … by": three words each."""
    for sentence in _split(tokens):
        for place in range(len(sentence)):
            for marker in _CONTRASTS:
                if tuple(sentence[place : place + len(marker)]) != marker:
                    continue
                before = [word for word in sentence[:place] if _weighty(word)][-_BESIDE_CONTRAST:]
                after = [word for word in sentence[place + len(marker) :] if _weighty(word)][:_BESIDE_CONTRAST]
                if before and after and any(_sets_apart(word, marker) for word in before):
                    yield frozenset(map(stem, before)), frozenset(map(stem, after))
                break


def _deeds(text: str, names: frozenset[tuple[str, ...]]) -> Iterator[tuple[str, str, str]]:
    """(name, deed, name) where a verb of a known deed stands between two names; a passive is turned round."""
    _, _, deeds = _lists()
    last = {name[-1] for name in names}
    for sentence in _split([re.sub(r"'s?$", "", match[0].lower()) for match in _TOKEN.finditer(text)]):
        at = [place for place, word in enumerate(sentence) if word in last]
        for first, second in itertools.pairwise(at):
            between = sentence[first + 1 : second]
            if not between or len(between) > _BETWEEN_NAMES or sentence[first] == sentence[second]:
                continue
            passive = "by" in between and bool({"was", "were", "is", "are", "been", "being"} & set(between))
            who, whom = (second, first) if passive else (first, second)
            for word in between:
                if (deed := deeds.get(stem(word))) is not None:
                    yield sentence[who], deed, sentence[whom]


@functools.lru_cache(1 << 16)
def senses(stemmed: str) -> frozenset[tuple[str, int]]:
    """What a stem is known to mean: the ends of scales that it lies on, and its deed. Two that share one agree."""
    scales, _, deeds = _lists()
    deed = deeds.get(stemmed)
    return frozenset(scales.get(stemmed, ())) | ({(f"deed {deed}", 0)} if deed else set())


def aliases(word: str) -> frozenset[str]:
    """Other words for the same country or union."""
    return _aliases().get(word, frozenset())


@functools.cache
def _aliases() -> dict[str, frozenset[str]]:
    read = tomllib.loads(
        resources.files("podbrief_assets.scores").joinpath("claim_words.toml").read_text(encoding="utf-8")
    )
    return {word: frozenset(line.split()) for line in read["aliases"].values() for word in line.split()}
