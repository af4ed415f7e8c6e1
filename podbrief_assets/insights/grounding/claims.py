"""A text beside the speech that it rests on, both as words that rules can look up.

Belongs here: words with their stems and places, and the stretch of speech that each sentence of a text is held against.
Doesn't: any rule; they are the other rooms of this package.

Every look-up takes time linear in the text and the passage.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from podbrief_assets.insights.text import FUNCTION_WORDS, rarity, sentences, vocabulary, without_ending
from podbrief_assets.transcripts.segment import Segment

# Typographic quotation marks and dashes, one sign for one, so that places in a text stay the same.
STRAIGHT = str.maketrans(
    dict(zip("\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u2013", "'" * 4 + '"' * 3 + "-", strict=True))
)

WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_QUOTED = re.compile(r"\"[^\"]{0,400}\"")
_PARTS = re.compile(r"[;:\u2014]\s|\s--\s")
_CLAUSE_BORDERS = vocabulary("and but while although though whereas because which who so")

# A stretch is about three sentences of speech; a claim may begin in the one before and end in the one after.
_STRETCH = 48
_MARGIN = 12
_MOST_WORDS = 25_000
# Words of weight that carry no subject of their own: found everywhere, they would lead a sentence anywhere.
_LIGHT = vocabulary(
    """
        think thinks thought say says said know knows want wants make makes made take takes took thing things lot
        people time one two use used using way kind sort good bad big need needs new first see sees go come come work
        works
        """
)


_IRREGULAR = {
    form: verb
    for verb, forms in {
        "use": "used uses using", "buy": "bought", "sell": "sold", "make": "made", "take": "took taken",
        "give": "gave given",
        "get": "got gotten", "run": "ran running", "grow": "grew grown", "write": "wrote written", "build": "built",
        "begin": "began begun", "become": "became", "lead": "led", "leave": "left", "lose": "lost", "pay": "paid",
        "say": "said", "see": "saw seen", "send": "sent", "speak": "spoke spoken", "spend": "spent", "think": "thought",
        "win": "won", "know": "knew known", "drive": "drove driven", "find": "found", "hold": "held", "keep": "kept",
        "choose": "chose chosen", "teach": "taught", "tell": "told", "go": "went gone", "rise": "rose risen",
        "fall": "fell fallen", "break": "broke broken", "draw": "drew drawn", "steal": "stole stolen",
        "do": "did done does",
        "beat": "beaten", "come": "came", "hide": "hid hidden", "lie": "lied", "meet": "met", "bring": "brought",
    }.items()
    for form in forms.split()
}  # fmt: skip


_ENDINGS = (("ies", "y"), ("ied", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", ""), ("ly", ""))


def stem(word: str) -> str:
    """A word without its regular ending; only ever compared with other stems."""
    word = word.lower().partition("'")[0]
    return without_ending(_IRREGULAR.get(word, word), _ENDINGS)


def root(word: str) -> str:
    """What a word shares with its relatives: "acquire" and "acquisition" begin alike."""
    return stem(word)[:5]


def is_content(word: str) -> bool:
    """Whether a word in lower case says what a sentence is about."""
    return word not in FUNCTION_WORDS and word not in _LIGHT and (len(word) > 2 or word.isdigit())


@dataclass(frozen=True)
class Words:
    """A text as a row of words.

    Attributes:
        written: As they stand.
        lower: In lower case, without a possessive ending.
        roots: What each shares with its relatives.
        starts: Where each begins in the text, in characters.
        stops: Whether a clause ends after each.
        ends: Whether a sentence ends after each.
    """

    written: tuple[str, ...]
    lower: tuple[str, ...]
    roots: tuple[str, ...]
    starts: tuple[int, ...]
    stops: tuple[bool, ...]
    ends: tuple[bool, ...]

    def __len__(self) -> int:
        return len(self.lower)

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """Where each root stands."""
        return _index(self.roots)

    @cached_property
    def words_at(self) -> dict[str, list[int]]:
        """Where each word stands."""
        return _index(self.lower)

    @cached_property
    def sentence_at(self) -> tuple[Stretch, ...]:
        """Where the sentence of each word lies, first to last (exclusive)."""
        found: list[Stretch] = []
        low = 0
        for place, ended in enumerate(self.ends):
            if ended or place + 1 == len(self):
                found += [(low, place + 1)] * (place + 1 - low)
                low = place + 1
        return tuple(found)

    def content(self, low: int = 0, high: int | None = None) -> list[int]:
        """The places in `low` to `high` (exclusive) of the words that say what it is about."""
        high = len(self) if high is None else min(high, len(self))
        return [place for place in range(max(low, 0), high) if is_content(self.lower[place])]

    def following(self, place: int, reach: int) -> list[int]:
        """The places of at most `reach` words after `place`, as far as its sentence goes."""
        found: list[int] = []
        while place + 1 < len(self) and len(found) < reach and not self.ends[place]:
            place += 1
            found.append(place)
        return found

    def preceding(self, place: int, reach: int) -> list[int]:
        """The places of at most `reach` words before `place`, as far as its sentence goes, the nearest first."""
        found: list[int] = []
        while place > 0 and len(found) < reach and not self.ends[place - 1]:
            place -= 1
            found.append(place)
        return found

    def around(self, place: int, reach: int) -> set[str]:
        """The roots of the words of content at most `reach` words from `place`, its own left out."""
        own = self.roots[place]
        return {self.roots[near] for near in self.content(place - reach, place + reach + 1)} - {own}


def _index(keys: Sequence[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for place, key in enumerate(keys):
        found.setdefault(key, []).append(place)
    return found


@functools.lru_cache(maxsize=32)
def words_of(text: str) -> Words:
    """The words of `text`; of a longer one than any passage, its beginning."""
    matches = list(WORD.finditer(text))[:_MOST_WORDS]
    lower = tuple(re.sub(r"'s?$", "", match[0].lower()) for match in matches)
    following = [*(match.start() for match in matches), len(text)][1:]
    between = [text[match.end() : start] for match, start in zip(matches, following, strict=True)]
    return Words(
        written=tuple(match[0] for match in matches),
        lower=lower,
        roots=tuple(root(word) for word in lower),
        starts=tuple(match.start() for match in matches),
        stops=tuple(re.search(r"[,.;:!?()\u2014]|--", signs) is not None for signs in between),
        ends=tuple(re.search(r"[.!?](?:\s|[\"')])", signs + " ") is not None for signs in between),
    )


Stretch = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Told:
    """A sentence of a text, or a part of one between colons, with the speech that it is held against.

    Attributes:
        text: As it stands, without what it quotes.
        words: Its words.
        whole: All words of the sentence that it is a part of, in lower case.
        stretches: Where in the passage's words the things that its clauses tell of are spoken of, first to last
            (exclusive); sorted, they do not overlap.
    """

    text: str
    words: Words
    whole: frozenset[str]
    stretches: tuple[Stretch, ...]

    def spoken(self) -> Iterator[int]:
        """The places of all words of its stretches."""
        return (place for low, high in self.stretches for place in range(low, high))


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A text with everything that it may rest on, with straight quotation marks throughout.

    Attributes:
        text: What a reader would read.
        quote: The words it rests on, as spoken.
        context: The whole sentences that the quote is part of.
        passage: All that was said around it, and that a model was shown.
        known: What is known of the episode besides its words: titles, persons, speakers, notes.
        names: Names that the model says the text holds.
        speaker: Who says the quote, where that is known.
        speakers: Who speaks in the passage.
        segments: The passage's segments, where who says what is known.
    """

    text: str
    quote: str
    context: str
    passage: str
    known: str = ""
    names: tuple[str, ...] = ()
    speaker: str | None = None
    speakers: tuple[str, ...] = ()
    segments: tuple[Segment, ...] = ()

    @cached_property
    def told(self) -> str:
        """The text outside quotation marks: words inside them are somebody's own."""
        return _QUOTED.sub(" ", self.text)

    @cached_property
    def speech(self) -> Words:
        """The words of the passage."""
        return words_of(self.passage)

    @cached_property
    def stems(self) -> tuple[str, ...]:
        """The stems of the words of the passage."""
        return tuple(stem(word) for word in self.speech.lower)

    @cached_property
    def speakers_at(self) -> tuple[str | None, ...]:
        """Who says each word of the passage; empty where that is not known."""
        if not any(segment.speaker for segment in self.segments):
            return ()
        found: list[str | None] = []
        for segment in self.segments:
            found += [segment.speaker] * sum(1 for _ in WORD.finditer(segment.text.translate(STRAIGHT)))
        return tuple(found) if len(found) >= len(self.speech) else ()

    @cached_property
    def context_at(self) -> Stretch:
        """Where the quote and its sentences stand in the passage's words."""
        start = self.passage.find(self.context[:60]) if self.context else -1
        if start < 0:
            return (0, 0)
        count = len(words_of(self.context))
        first = sum(1 for at in self.speech.starts if at < start)
        return (first, min(first + count, len(self.speech)))

    @cached_property
    def sentences(self) -> tuple[Told, ...]:
        """The text's sentences, those between colons apart, each with its stretches of speech."""
        found = []
        for sentence in sentences(self.told):
            whole = frozenset(words_of(sentence).lower)
            for part in _PARTS.split(sentence):
                words = words_of(part)
                if len(words):
                    stretches = tuple(self._stretches(words))
                    found.append(Told(text=part, words=words, whole=whole, stretches=stretches))
        return tuple(found)

    @cached_property
    def _speakers_words(self) -> frozenset[str]:
        """The words of the speakers' names: who says a thing leads nowhere that it is said."""
        return frozenset(words_of(" ".join(self.speakers)).lower)

    def _stretches(self, words: Words) -> list[Stretch]:
        places = [self._stretch(words, low, high) for low, high in clauses(words)]
        return merged([*(place for place in places if place is not None), self.context_at], len(self.speech))

    def _stretch(self, words: Words, low: int, high: int) -> Stretch | None:
        """The stretch of speech that has most of a clause's words of content, rare ones counting more."""
        weights: dict[str, float] = {}
        for place in words.content(low, high):
            if words.lower[place] in self._speakers_words:
                continue
            weights[words.roots[place]] = max(weights.get(words.roots[place], 0), 0.2 + rarity(words.lower[place]))
        hits = sorted((at, key) for key in weights for at in self.speech.places.get(key, ()))
        if not hits:
            return None
        near = self.context_at
        best, best_value = None, 0.0
        counts: dict[str, int] = {}
        value, first = 0.0, 0
        for last, (at, key) in enumerate(hits):
            counts[key] = counts.get(key, 0) + 1
            value += weights[key] if counts[key] == 1 else 0.0
            while at - hits[first][0] > _STRETCH:
                gone = hits[first][1]
                counts[gone] -= 1
                value -= weights[gone] if counts[gone] == 0 else 0.0
                first += 1
            # Of equally good stretches the quote's own is meant.
            bonus = 0.6 if hits[first][0] < near[1] and at >= near[0] else 0.0
            if value + bonus > best_value + 1e-9:
                best, best_value = (hits[first][0], hits[last][0] + 1), value + bonus
        return best


def clauses(words: Words) -> Iterator[Stretch]:
    """Where the clauses of a sentence lie: parted by punctuation or a joining word, none of them without a subject."""
    low = 0
    for place in range(len(words)):
        last = place + 1 == len(words)
        parted = last or words.stops[place] or words.lower[place + 1] in _CLAUSE_BORDERS
        if parted and (len(words.content(low, place + 1)) >= 3 or (last and low < place)):
            yield (low, place + 1)
            low = place + 1
    if low < len(words):
        yield (low, len(words))


def merged(stretches: Iterable[Stretch], length: int) -> list[Stretch]:
    """`stretches` with a margin on either side, joined where they touch, sorted."""
    found: list[Stretch] = []
    for low, high in sorted((max(0, low - _MARGIN), min(length, high + _MARGIN)) for low, high in stretches):
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return found


def spoken_in(speech: Words, stretches: Iterable[Stretch], wanted: Collection[str]) -> list[int]:
    """Where in `stretches` one of the words `wanted` is spoken."""
    return [place for low, high in stretches for place in range(low, high) if speech.lower[place] in wanted]


def has_near(speech: Words, place: int, roots: Collection[str], reach: int) -> bool:
    """Whether one of `roots` is spoken at most `reach` words from `place`."""
    return any(
        speech.roots[near] in roots for near in range(max(0, place - reach), min(len(speech), place + reach + 1))
    )
