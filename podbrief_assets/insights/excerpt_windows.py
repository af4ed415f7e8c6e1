"""Cut a transcript into one speaker's sentences, and those into the windows that an excerpt may be.

Belongs here: turns, sentences with their times, every window of the right length that a sentence may open.
Doesn't: which of them is any good (excerpt_gates.py, excerpt_features.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from podbrief_assets.insights.excerpt_patterns import (
    HEADED,
    LEANING,
)
from podbrief_assets.insights.excerpt_sentences import (
    may_stand,
    opening_of,
    skipped_words,
)
from podbrief_assets.insights.text import FUNCTION_WORDS, fold, names_of, sentence_ends, time_at
from podbrief_assets.transcripts.segment import Segment

MIN_WORDS, MAX_WORDS = 25, 60
MAX_SENTENCES: Final = 4
BREATH_S: Final = 1.5  # what is cut out as advertising is longer, even a single sentence


@dataclass(frozen=True, slots=True)
class Sentence:
    words: tuple[str, ...]
    folded: tuple[str, ...]
    starts: tuple[float, ...]  # seconds, one for each word
    heads: bool  # it is the first one of a segment
    end_s: float
    usable: bool  # it may be part of an excerpt at all
    skipped: int  # its leading words that an excerpt leaves out
    opens: str | None  # the feature that says how it opens an excerpt, None where it can't


@dataclass(frozen=True)
class Turn:
    speaker: str | None
    timed: bool
    known: frozenset[str]
    share: float  # of all words, how many are the speaker's
    sentences: tuple[Sentence, ...]

    @cached_property
    def length(self) -> int:
        return sum(len(sentence.words) for sentence in self.sentences)


@dataclass(frozen=True)
class Window:
    turn: Turn
    first: int
    last: int

    @cached_property
    def sentences(self) -> tuple[Sentence, ...]:
        return self.turn.sentences[self.first : self.last + 1]

    @cached_property
    def words(self) -> tuple[str, ...]:
        return tuple(word for s in self.sentences for word in s.words)[self.sentences[0].skipped :]

    @cached_property
    def folded(self) -> tuple[str, ...]:
        return tuple(word for s in self.sentences for word in s.folded)[self.sentences[0].skipped :]

    @cached_property
    def text(self) -> str:
        return " ".join(self.words)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return names_of(self.text, self.turn.known)

    @property
    def start_s(self) -> float:
        return self.sentences[0].starts[self.sentences[0].skipped]

    @property
    def end_s(self) -> float:
        return self.sentences[-1].end_s


def known_names(segments: Sequence[Segment]) -> frozenset[str]:
    """Words, folded, that the transcript capitalises inside sentences, and hardly ever writes otherwise."""
    upper: Counter[str] = Counter()
    lower: Counter[str] = Counter()
    for segment in segments:
        words = segment.text.split()
        starts = {0, *sentence_ends(words)}
        for index, word in enumerate(words):
            bare = word.lstrip("\"'“\u2018([")
            if index in starts or not bare:
                continue
            (upper if bare[0].isupper() else lower)[fold(word).removesuffix("'s")] += 1
    return frozenset(
        word
        for word, count in upper.items()
        if count > 2 * lower[word] and word not in FUNCTION_WORDS and word not in LEANING
    )


def turns_of(segments: Sequence[Segment], known: frozenset[str]) -> list[Turn]:
    """Runs of one speaker's segments, as sentences; a sentence may span the segments of a run."""
    spoken: Counter[str | None] = Counter()
    for one in segments:
        spoken[one.speaker] += one.text.count(" ") + 1
    total = sum(spoken.values()) or 1
    turns: list[Turn] = []
    run: list[Segment] = []
    for at in range(len(segments) + 1):
        segment = segments[at] if at < len(segments) else None
        if segment is not None and (not run or (segment.speaker == run[-1].speaker and _follows(run[-1], segment))):
            run.append(segment)
            continue
        if run:
            speaker = run[0].speaker
            share = spoken[speaker] / total if speaker else 0.5
            turns.append(Turn(speaker, all(s.timed for s in run), known, share, tuple(sentences_of(run, known))))
        run = [segment] if segment is not None else []
    return turns


def _follows(before: Segment, after: Segment) -> bool:
    """Whether no more than a breath lies between two segments; where advertising was cut out, more does."""
    return -1.0 <= after.start_s - before.end_s <= BREATH_S


def sentences_of(run: Sequence[Segment], known: frozenset[str]) -> Iterator[Sentence]:
    words: list[str] = []
    starts: list[float] = []
    ends: list[float] = []
    closes: list[int] = []
    for segment in run:
        spoken = segment.text.split()
        for index, word in enumerate(spoken):
            words.append(word)
            starts.append(time_at(segment.start_s, segment.end_s, index, len(spoken)))
            ends.append(time_at(segment.start_s, segment.end_s, index + 1, len(spoken)))
        closes.append(len(words))
    bounds = set(sentence_ends(words))
    # Paragraphs end where their segment ends, even a heading without a full stop; captions end anywhere.
    if sum(close in bounds for close in closes) >= 0.6 * len(closes):
        bounds.update(closes)
    # A heading runs into the sentence below it: "… for everyone The new version still …".
    bounds.update(
        index
        for index in range(1, len(words) - 1)
        if words[index - 1][-1:].isalnum() and words[index] in HEADED and words[index + 1][:1].islower()
    )
    heads = {0, *closes}
    first = 0
    for end in sorted(bounds):
        if end == first:
            continue
        chunk = tuple(words[first:end])
        folded = tuple(fold(word) for word in chunk)
        usable = len(chunk) <= MAX_WORDS + 4 and may_stand(chunk, folded)
        skipped = skipped_words(chunk, folded) if usable else 0
        yield Sentence(
            words=chunk,
            folded=folded,
            starts=tuple(starts[first:end]),
            heads=first in heads,
            end_s=ends[end - 1],
            usable=usable,
            skipped=skipped,
            opens=opening_of(chunk[skipped:], folded[skipped:], known) if usable else None,
        )
        first = end


def windows_of(turn: Turn) -> Iterator[Window]:
    for first, opener in enumerate(turn.sentences):
        if not opener.opens:
            continue
        words = -opener.skipped
        for last in range(first, min(first + MAX_SENTENCES, len(turn.sentences))):
            sentence = turn.sentences[last]
            words += len(sentence.words)
            if not sentence.usable or words > MAX_WORDS:
                break
            if words >= MIN_WORDS:
                yield Window(turn, first, last)
