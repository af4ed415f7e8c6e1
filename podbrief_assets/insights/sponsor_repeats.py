"""Find what episodes of one show say in the same words: advertising and the show's own requests, mostly.

Belongs here: fingerprints of a transcript, and the stretches of one that others hold too.
Doesn't: whether such a stretch is advertising (sponsors.py), where other episodes come from (assets.py).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from podbrief_assets.insights.text import fold, time_at
from podbrief_assets.transcripts.segment import Segment

Fingerprint = NDArray[np.uint64]

REPEATS_VERSION: Final = "1"
_SHINGLE: Final = 6  # words; of speech that is recognised anew, half of such runs come out alike at one error in nine
_KEPT: Final = np.uint64(3)  # one shingle in so many is kept: a tenth of a megabyte for thirty episodes of an hour
_BRIDGED: Final = 24  # words between two shingles in common that belong to one stretch
_LEAST_WORDS: Final = 18  # shorter ones are turns of phrase
_LEAST_HITS: Final = 3
_MOST_WORDS: Final = 700  # longer ones are a rerun, or a story told again
_RERUN: Final = 0.25  # of an episode's shingles: one that shares so many is the same episode
_WORD: Final = np.uint64(0x9E3779B97F4A7C15)
_STEP: Final = np.uint64(0x100000001B3)


@dataclass(frozen=True, kw_only=True)
class Repeat:
    """A stretch of an episode that others of its show hold in nearly the same words.

    Attributes:
        start_s, end_s: From the first word to the end of the last one, in seconds.
        episodes: How many others hold some of it.
    """

    start_s: float
    end_s: float
    episodes: int


def fingerprint(segments: Sequence[Segment]) -> Fingerprint:
    """A sample of the runs of words in a transcript, sorted, none twice; the same on every machine."""
    hashes = _shingles([word for word, _, _ in _words(segments)])
    return np.unique(hashes[hashes % _KEPT == 0])


def repeated(segments: Sequence[Segment], others: Iterable[Fingerprint]) -> list[Repeat]:
    """What `segments` have in common with other episodes of the show, in order, without overlap."""
    words = _words(segments)
    hashes = _shingles([word for word, _, _ in words])
    if not len(hashes):
        return []
    kept = hashes % _KEPT == 0
    counts = np.zeros(len(hashes), np.int64)
    for other in others:
        common = np.isin(hashes, other) & kept
        if common.sum() <= _RERUN * max(1, kept.sum()):
            counts += common
    found = []
    for first, last, hits in _stretches(np.flatnonzero(counts)):
        if hits >= _LEAST_HITS and _LEAST_WORDS <= last - first <= _MOST_WORDS:
            episodes = int(counts[first:last].max())
            found.append(Repeat(start_s=words[first][1], end_s=words[last - 1][2], episodes=episodes))
    return found


def _words(segments: Sequence[Segment]) -> list[tuple[str, float, float]]:
    """The words that have letters or digits, folded, with their times."""
    found = []
    for segment in segments:
        words = segment.text.split()
        for index, word in enumerate(words):
            if folded := fold(word):
                start = time_at(segment.start_s, segment.end_s, index, len(words))
                found.append((folded, start, time_at(segment.start_s, segment.end_s, index + 1, len(words))))
    return found


def _shingles(words: Sequence[str]) -> Fingerprint:
    """A number for each run of words."""
    count = len(words) - _SHINGLE + 1
    if count < 1:
        return np.zeros(0, np.uint64)
    codes = np.array([zlib.crc32(word.encode()) for word in words], np.uint64) * _WORD
    mixed = np.zeros(count, np.uint64)
    for place in range(_SHINGLE):
        mixed = (mixed ^ codes[place : place + count]) * _STEP
        mixed ^= mixed >> np.uint64(29)
    return mixed


def _stretches(hits: NDArray[Any]) -> Iterable[tuple[int, int, int]]:
    """Shingles in common that lie close together, as (first word, exclusive last word, how many)."""
    if not len(hits):
        return
    gaps = np.flatnonzero(np.diff(hits) > _SHINGLE + _BRIDGED)
    for start, stop in zip([0, *(gaps + 1)], [*(gaps + 1), len(hits)], strict=True):
        yield int(hits[start]), int(hits[stop - 1]) + _SHINGLE, int(stop - start)
