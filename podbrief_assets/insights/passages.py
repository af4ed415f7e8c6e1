"""Cut a transcript into passages that fit a model's window, without its advertising and without losing a word.

Belongs here: removing sponsor stretches, choosing where one passage ends and the next begins, proving nothing lost.
Doesn't: finding advertising (sponsors.py), how topics shift (cohesion.py), reading passages (llm/, extractive.py).
"""

from __future__ import annotations

import bisect
import itertools
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from podbrief_assets.errors import PermanentFailure
from podbrief_assets.insights.cohesion import dips
from podbrief_assets.insights.sponsors import Span
from podbrief_assets.insights.text import sentence_ends, time_at, word_count
from podbrief_assets.transcripts.segment import Segment


class TextLost(PermanentFailure):
    """Passages do not hold the words of their transcript, every one and in its order."""


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Consecutive segments of one episode, without advertising.

    Attributes:
        index: Its place among the episode's passages, from 0.
        segments: What was said; never empty, and none of them is.
    """

    index: int
    segments: tuple[Segment, ...]

    @property
    def text(self) -> str:
        """The words as they were spoken, without speakers."""
        return " ".join(segment.text for segment in self.segments)

    @property
    def start_s(self) -> float:
        """Where it begins, in seconds."""
        return min(segment.start_s for segment in self.segments)

    @property
    def end_s(self) -> float:
        """Where it ends, in seconds."""
        return max(segment.end_s for segment in self.segments)


def content(segments: Sequence[Segment], spans: Sequence[Span]) -> list[Segment]:
    """The transcript without the stretches in `spans`, which are sorted and do not overlap.

    A segment that a span cuts is split between two words; times inside a segment are interpolated by words. A word goes
    where its middle lies, so a span that was found on these same segments takes exactly the words it was found on.
    White space inside a segment is folded, segments without words are left out.

    Raises:
        TextLost: a word would be missing; nobody has seen that.
    """
    ends = [span.end_s for span in spans]
    kept = [piece for segment in segments for piece in _outside(segment, spans, ends)]
    prove_whole(kept, segments, spans)
    return kept


def cut(segments: Sequence[Segment], spans: Sequence[Span], *, max_words: int = 1200) -> list[Passage]:
    """The content of an episode in passages of at most `max_words` words, in order, nothing lost and nothing twice.

    A reader sees a passage alone, so its borders are laid where least is torn apart: of all ways to cut, the one with
    the best sum of what its borders are worth and of how evenly long its passages are. A border is worth most where the
    topic shifts, advertising was taken out or the speaker changes, and costs most between a question and its answer or
    inside what one speaker says in one go. Only a sentence longer than a whole passage is cut between two words. Time
    and memory are linear in the transcript.

    Raises:
        ValueError: `max_words` is below 1.
        TextLost: a word of the content would be missing; nobody has seen that.
    """
    if max_words < 1:
        raise ValueError(f"a passage holds at least one word, not {max_words}")
    pieces = [
        _Piece(piece, of, word_count(piece.text))
        for of, segment in enumerate(content(segments, spans))
        for piece in _pieces(segment, max_words)
    ]
    passages = [
        Passage(index=index, segments=tuple(_rejoined(pieces[start:stop])))
        for index, (start, stop) in enumerate(_best(_candidates(pieces, max_words), max_words))
    ]
    prove_whole([segment for passage in passages for segment in passage.segments], segments, spans)
    return passages


def prove_whole(kept: Sequence[Segment], segments: Sequence[Segment], spans: Sequence[Span]) -> None:
    """Nothing, where `kept` is the transcript `segments` without `spans`, word for word.

    Raises:
        TextLost: it is not.
    """
    words = [word for segment in kept for word in segment.text.split()]
    said = [word for segment in segments for word in _words_outside(segment, spans)]
    if words != said:
        pairs = enumerate(zip(words, said, strict=False))
        place = next((at for at, (one, other) in pairs if one != other), min(len(words), len(said)))
        raise TextLost(
            f"{len(words)} words kept of {len(said)}, unlike from word {place} on",
            "report this as a bug, with the transcript",
        )


def _words_outside(segment: Segment, spans: Sequence[Span]) -> Iterator[str]:
    words = segment.text.split()
    low = bisect.bisect_left(spans, segment.start_s, key=lambda span: span.end_s)
    end_s = max(segment.start_s, segment.end_s)
    touched = list(itertools.takewhile(lambda span: span.start_s <= end_s, itertools.islice(spans, low, None)))
    for index, word in enumerate(words):
        middle = segment.start_s + (end_s - segment.start_s) * (index + 0.5) / len(words)
        if not any(span.start_s <= middle <= span.end_s for span in touched):
            yield word


def part(segment: Segment, words: Sequence[str], first: int, last: int) -> Segment:
    """The words `first` to `last` (exclusive) of `segment`, whose words are `words`."""
    if first == 0 and last == len(words):
        return replace(segment, text=" ".join(words))
    return replace(
        segment,
        start_s=time_at(segment.start_s, segment.end_s, first, len(words)),
        end_s=time_at(segment.start_s, segment.end_s, last, len(words)),
        text=" ".join(words[first:last]),
    )


def _outside(segment: Segment, spans: Sequence[Span], ends: Sequence[float]) -> Iterator[Segment]:
    words = segment.text.split()
    count = len(words)
    if not count:
        return
    # Files exist in which a segment ends before it starts.
    lasts_s = max(0.0, segment.end_s - segment.start_s)
    place = bisect.bisect_left(ends, segment.start_s)
    kept_from = None
    for index in range(count):
        middle = segment.start_s + lasts_s * (index + 0.5) / count
        while place < len(spans) and spans[place].end_s < middle:
            place += 1
        if place < len(spans) and spans[place].start_s <= middle <= spans[place].end_s:
            if kept_from is not None:
                yield part(segment, words, kept_from, index)
                kept_from = None
        elif kept_from is None:
            kept_from = index
    if kept_from is not None:
        yield part(segment, words, kept_from, count)


# A border may lie inside what one speaker says in one go only where that is this long, in words.
_LONG_TURN = 150
# Between two borders that may be chosen lies a twentieth of a passage: of nearer ones the best is kept.
_STEPS = 20
# Worths, on the scale of a dip in cohesion, which is seldom above 0.5.
_WORTH_DIP = 1.0
_WORTH_SPEAKER = 0.15
_WORTH_GAP = 0.8
_COSTS_QUESTION = 0.5
_COSTS_INSIDE = 0.3
_GAP_S = 4.0
# How much a length costs that is off the even one by all of it: half of that is a quarter of the cost.
_UNEVEN = 1.5
# How full passages are if all are equally long: some room to choose is left.
_FULL = 0.9


@dataclass(frozen=True, slots=True)
class _Piece:
    """Words of one segment that stay together; `of` is its place in the content, to join what was not parted."""

    segment: Segment
    of: int
    words: int


@dataclass(frozen=True, slots=True)
class _Border:
    """A place where a passage may end.

    Attributes:
        at: Before this piece.
        words: How many words of the transcript lie before it.
        worth: How good a place it is.
    """

    at: int
    words: int
    worth: float


def _pieces(segment: Segment, max_words: int) -> Iterator[Segment]:
    """`segment` in pieces that stay together: whole where it is short, else its sentences, none above `max_words`."""
    words = segment.text.split()
    if len(words) <= min(_LONG_TURN, max_words):
        yield segment
        return
    start = 0
    for end in sentence_ends(words):
        while end - start > max_words:
            yield part(segment, words, start, start + max_words)
            start += max_words
        if end > start:
            yield part(segment, words, start, end)
            start = end


def _candidates(pieces: Sequence[_Piece], max_words: int) -> list[_Border]:
    """The places where a passage may end, the content's own two ends among them, in order.

    Between any two neighbours lie at most `max_words` words.
    """
    before = [0, *itertools.accumulate(piece.words for piece in pieces)]
    plain = [_Border(at, before[at], _worth(pieces[at - 1], pieces[at])) for at in range(1, len(pieces))]
    step = max(1, max_words // _STEPS)
    kept: list[_Border] = []
    for _, near in itertools.groupby(plain, key=lambda border: border.words // step):
        group = list(near)
        kept += sorted({group[0], max(group, key=lambda border: border.worth), group[-1]}, key=lambda border: border.at)
    words = [word for piece in pieces for word in piece.segment.text.split()]
    dipped = dips(words, [border.words for border in kept])
    worths = [border.worth + _WORTH_DIP * dip for border, dip in zip(kept, dipped, strict=True)]
    # Only a border that is better than most is a reason for one passage more.
    usual = statistics.fmean(worths) if worths else 0.0
    inner = [replace(border, worth=worth - usual) for border, worth in zip(kept, worths, strict=True)]
    return [_Border(0, 0, 0.0), *inner, _Border(len(pieces), before[-1], 0.0)]


def _worth(last: _Piece, following: _Piece) -> float:
    """What a border is worth without regard to topics."""
    one, other = last.segment, following.segment
    worth = 0.0
    if other.start_s - one.end_s >= _GAP_S:
        # Something was taken out here, or nobody spoke.
        worth += _WORTH_GAP
    if one.speaker != other.speaker:
        worth += _WORTH_SPEAKER
    elif last.of == following.of or one.speaker is not None:
        worth -= _COSTS_INSIDE
    ending = one.text.rstrip("\"')\u201d\u2019")[-1:]
    if ending == "?":
        worth -= _COSTS_QUESTION
    elif ending not in {".", "!", "\u2026"}:
        worth -= _COSTS_INSIDE
    return worth


def _best(borders: Sequence[_Border], max_words: int) -> list[tuple[int, int]]:
    """The pieces of each passage, first and last + 1: the borders with the best sum of worth and evenness.

    By dynamic programming over the borders: the best way to cut the words before a border is one of the best ways to
    cut those before an earlier one, and a passage more.
    """
    total = borders[-1].words
    if not total:
        return []
    even = total / math.ceil(total / max(1.0, _FULL * max_words))
    best, came_from, low = [0.0], [0], 0
    for index in range(1, len(borders)):
        while borders[index].words - borders[low].words > max_words:
            low += 1
        values = [
            best[start] - _UNEVEN * ((borders[index].words - borders[start].words) / even - 1) ** 2
            for start in range(low, index)
        ]
        value = max(values)
        best.append(value + borders[index].worth)
        came_from.append(low + values.index(value))
    cuts = []
    index = len(borders) - 1
    while index:
        cuts.append((borders[came_from[index]].at, borders[index].at))
        index = came_from[index]
    return cuts[::-1]


def _rejoined(pieces: Sequence[_Piece]) -> Iterator[Segment]:
    """The segments of a passage: pieces of one that were not parted are one again."""
    for _, group in itertools.groupby(pieces, key=lambda piece: piece.of):
        whole = [piece.segment for piece in group]
        yield replace(whole[0], end_s=whole[-1].end_s, text=" ".join(segment.text for segment in whole))
