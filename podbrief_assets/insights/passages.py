"""Cut a transcript into passages that fit a model's window, without its advertising and without losing a word.

Belongs here: removing sponsor stretches, and choosing where one passage ends and the next begins.
Doesn't: finding the advertising (sponsors.py), reading the passages (llm.py, extractive.py).
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from podbrief_assets.insights.sponsors import Span
from podbrief_assets.insights.text import sentence_ends, time_at, word_count
from podbrief_assets.transcripts.segment import Segment


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
    """
    ends = [span.end_s for span in spans]
    return [piece for segment in segments for piece in _outside(segment, spans, ends)]


def cut(segments: Sequence[Segment], spans: Sequence[Span], *, max_words: int = 1200) -> list[Passage]:
    """The content of an episode in passages of at most `max_words` words, in order, nothing lost and nothing twice.

    A passage ends where the speaker changes, if that leaves it at least half full, else between two segments, else at
    the end of a sentence; only a sentence longer than a whole passage is cut between two words.

    Raises:
        ValueError: `max_words` is below 1.
    """
    if max_words < 1:
        raise ValueError(f"a passage holds at least one word, not {max_words}")
    pieces = [piece for segment in content(segments, spans) for piece in _within(segment, max_words)]
    counts = [word_count(piece.text) for piece in pieces]
    passages: list[Passage] = []
    start = 0
    while start < len(pieces):
        stop, words = start, 0
        while stop < len(pieces) and words + counts[stop] <= max_words:
            words += counts[stop]
            stop += 1
        if stop < len(pieces):
            stop = _best_cut(pieces, counts, start, stop, max_words)
        passages.append(Passage(index=len(passages), segments=tuple(pieces[start:stop])))
        start = stop
    return passages


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
    place = bisect.bisect_left(ends, segment.start_s)
    kept_from = None
    for index in range(count):
        middle = segment.start_s + (segment.end_s - segment.start_s) * (index + 0.5) / count
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


def _within(segment: Segment, max_words: int) -> Iterator[Segment]:
    """`segment` in pieces of at most `max_words` words, cut at the ends of sentences where that is possible."""
    words = segment.text.split()
    if len(words) <= max_words:
        yield segment
        return
    start = kept = 0
    for end in sentence_ends(words):
        if end - start > max_words and kept > start:
            yield part(segment, words, start, kept)
            start = kept
        while end - start > max_words:
            yield part(segment, words, start, start + max_words)
            start += max_words
        kept = end
    if start < len(words):
        yield part(segment, words, start, len(words))


def _best_cut(pieces: Sequence[Segment], counts: Sequence[int], start: int, stop: int, max_words: int) -> int:
    """Where to end the passage that begins at `start` and must end at `stop` at the latest."""
    words = sum(counts[start:stop])
    for index in range(stop, start, -1):
        if words * 2 < max_words:
            break
        if pieces[index].speaker != pieces[index - 1].speaker:
            return index
        words -= counts[index - 1]
    return stop
