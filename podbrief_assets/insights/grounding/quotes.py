"""Find a quote's exact words and times in a transcript.

Belongs here: aligning the words that a model copied, well or badly, with the words that were spoken.
Doesn't: whether what is made of them is true (the other rooms of this package).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from podbrief_assets.insights.grounding.claims import STRAIGHT
from podbrief_assets.insights.numbers import UNITS
from podbrief_assets.insights.text import time_at, word_count
from podbrief_assets.transcripts.segment import Segment


@dataclass(frozen=True, kw_only=True)
class Located:
    """A quote where it was spoken.

    Attributes:
        text: The words as the transcript has them.
        start_s, end_s: In seconds; inside a segment they are interpolated by words.
        speaker: Who says all of it; None where that is unknown or changes.
        timed: False where the transcript's times are estimates.
        context: The whole sentences that the quote is part of.
        likeness: Share of the quote's words that were found, in [0, 1].
    """

    text: str
    start_s: float
    end_s: float
    speaker: str | None
    timed: bool
    context: str
    likeness: float


_SPOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*|%")
_FILLERS = frozenset(("um", "uh", "uhm", "er", "erm", "ah", "hmm", "mm", "mhm"))
_LEAST_LIKENESS = 0.85
_MOST_QUOTE_WORDS = 80
_MOST_ANCHORS = 6000
_PLACES_TRIED = 4
_SLACK = 8
_LOOSE_END = ",;:-\u2013\u2014("
_LOOSE_START = ",;:.-\u2013\u2014)"
_CONTEXT_WORDS = 40


@dataclass(frozen=True, slots=True)
class _Word:
    key: str
    segment: int
    start: int
    end: int


def locate(quote: str, segments: Sequence[Segment]) -> Located | None:
    """Where `quote` was spoken, or None where it wasn't.

    Case and punctuation don't count, neither do "um" and its kin; a few words may differ a little, as when a recogniser
    misheard one, but at least 85% must agree. Words that several segments share between them are found too. The first
    of equally good places is taken. Runs in time linear in the transcript.
    """
    wanted = [
        key
        for key in (_key(match[0]) for match in _SPOKEN.finditer(quote[:2000].translate(STRAIGHT)))
        if key not in _FILLERS
    ]
    if not wanted or len(wanted) > _MOST_QUOTE_WORDS:
        return None
    words = [word for word in _words(segments) if word.key not in _FILLERS]
    best: tuple[float, int, int] | None = None
    for start in _likely_starts(wanted, words):
        low, high = max(0, start - _SLACK), min(len(words), start + len(wanted) + _SLACK)
        found = _align(wanted, [word.key for word in words[low:high]])
        if found and (best is None or found[0] > best[0]):
            best = (found[0], low + found[1], low + found[2])
        if best and best[0] == 1:
            break
    if best is None or best[0] < _LEAST_LIKENESS:
        return None
    return _as_spoken(words, best[1], best[2], best[0], segments)


def _key(word: str) -> str:
    word = word.lower()
    if word == "%":
        return "percent"
    if word[0].isdigit():
        return word.replace(",", "").rstrip(".")
    word = word.replace("'", "")
    return str(UNITS[word]) if word in UNITS else word


def _words(segments: Sequence[Segment]) -> Iterator[_Word]:
    for index, segment in enumerate(segments):
        for match in _SPOKEN.finditer(segment.text.translate(STRAIGHT)):
            yield _Word(_key(match[0]), index, match.start(), match.end())


def _likely_starts(wanted: Sequence[str], words: Sequence[_Word]) -> list[int]:
    """Where in `words` the quote may begin, the likeliest first.

    Each of its words that is spoken somewhere votes for the place that the quote would then begin at, give or take the
    few words that were left out or added; rare words are heard first, and only so many votes are counted.
    """
    needed = set(wanted)
    spoken: dict[str, list[int]] = {}
    for place, word in enumerate(words):
        if word.key in needed:
            spoken.setdefault(word.key, []).append(place)
    votes: Counter[int] = Counter()
    left = _MOST_ANCHORS
    for index, key in sorted(enumerate(wanted), key=lambda item: len(spoken.get(item[1], ()))):
        places = spoken.get(key, ())
        if left <= 0:
            break
        for place in places[:left]:
            votes[(place - index) // 4] += 1
        left -= len(places)
    joined = Counter({band: count + votes[band + 1] for band, count in votes.items()})
    likely = sorted(joined, key=lambda band: (-joined[band], band))[:_PLACES_TRIED]
    return [max(0, band * 4) for band in likely]


def _align(wanted: Sequence[str], heard: Sequence[str]) -> tuple[float, int, int] | None:
    """(likeness, first, last + 1) of the stretch of `heard` that is most like `wanted`, by edit distance over words."""
    unlike = {word: {other: _unlikeness(word, other) for other in set(heard)} for word in set(wanted)}
    # A row holds, for each end in `heard`, the cost so far and where the stretch began; beginning anywhere is free.
    row: list[tuple[float, int]] = [(0.0, place) for place in range(len(heard) + 1)]
    for index, word in enumerate(wanted, start=1):
        below: list[tuple[float, int]] = [(float(index), 0)]
        for place, other in enumerate(heard, start=1):
            cost, began = row[place - 1]
            choices = (
                (cost + unlike[word][other], began),
                (row[place][0] + 1.0, row[place][1]),
                (below[place - 1][0] + 0.7, below[place - 1][1]),
            )
            below.append(min(choices, key=lambda choice: (choice[0], -choice[1])))
        row = below
    end = min(range(1, len(row)), key=lambda place: row[place][0], default=0)
    cost, began = row[end] if end else (float(len(wanted)), 0)
    return (1 - cost / len(wanted), began, end) if began < end else None


def _unlikeness(word: str, other: str) -> float:
    if word == other:
        return 0.0
    if len(word) < 4 or len(other) < 4 or word[0].isdigit() or other[0].isdigit():
        return 1.0
    if abs(len(word) - len(other)) > 2 or not (word[0] == other[0] or word[-2:] == other[-2:]):
        return 1.0
    return 0.3 if SequenceMatcher(None, word, other, autojunk=False).ratio() >= 0.8 else 1.0


def _as_spoken(words: Sequence[_Word], first: int, end: int, likeness: float, segments: Sequence[Segment]) -> Located:
    a, b = words[first], words[end - 1]
    touched = segments[a.segment : b.segment + 1]
    speakers = {segment.speaker for segment in touched}
    return Located(
        text=_text_between(a, b, segments),
        start_s=_time_of(segments[a.segment], a.start, ends=False),
        end_s=_time_of(segments[b.segment], b.end, ends=True),
        speaker=speakers.pop() if len(speakers) == 1 else None,
        timed=all(segment.timed for segment in touched),
        context=_context(words, first, end, segments),
        likeness=likeness,
    )


def _text_between(a: _Word, b: _Word, segments: Sequence[Segment]) -> str:
    parts = []
    for index in range(a.segment, b.segment + 1):
        text = segments[index].text
        start = _grown(text, a.start, -1) if index == a.segment else 0
        end = _grown(text, b.end, +1) if index == b.segment else len(text)
        parts.append(text[start:end])
    return " ".join(" ".join(parts).split()).rstrip(_LOOSE_END).lstrip(_LOOSE_START)


def _grown(text: str, place: int, step: int) -> int:
    """`place` moved over the signs that cling to the word it borders on: "$20" keeps its sign, a last word its stop."""
    while 0 <= (at := place + min(step, 0)) < len(text) and not text[at].isspace() and not text[at].isalnum():
        place += step
    return place


def _time_of(segment: Segment, place: int, *, ends: bool) -> float:
    """When the word that begins or, with `ends`, ends at the character `place` is spoken, in seconds."""
    said = word_count(segment.text[:place])
    if not ends and place and not segment.text[place - 1].isspace():
        said -= 1
    return time_at(segment.start_s, segment.end_s, said, word_count(segment.text))


def _context(words: Sequence[_Word], first: int, end: int, segments: Sequence[Segment]) -> str:
    """The sentences around words `first` to `end`: as far as a stop, at most 40 words either way."""
    low = first
    while low > 0 and first - low < _CONTEXT_WORDS and not _stops(words[low - 1], words[low], segments):
        low -= 1
    high = end
    while high < len(words) and high - end < _CONTEXT_WORDS and not _stops(words[high - 1], words[high], segments):
        high += 1
    return _text_between(words[low], words[high - 1], segments)


def _stops(word: _Word, following: _Word, segments: Sequence[Segment]) -> bool:
    """Whether a sentence ends between two words."""
    text = segments[word.segment].text
    after = segments[following.segment].text
    if word.segment == following.segment:
        between = text[word.end : following.start]
    else:
        if segments[word.segment].speaker != segments[following.segment].speaker:
            return True
        between = text[word.end :] + " "
    stopped = re.search(r"[.!?\u2026][\"')\]]*\s", between.translate(STRAIGHT))
    return stopped is not None and not after[following.start].islower()
