"""The unit of a transcript: who said what, from when to when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """Consecutive words of one speaker.

    Attributes:
        start_s: Where the first word begins, in seconds from the start of the audio.
        end_s: Where the last word ends, in seconds; never before `start_s`.
        speaker: The name that the publisher gave, or None. It is never guessed.
        text: The words, on one line, without markup.
        timed: False where the source gave no times and these are estimates from a speaking rate.
    """

    start_s: float
    end_s: float
    speaker: str | None = None
    text: str
    timed: bool = True


def duration_s(segments: Sequence[Segment]) -> float:
    """The end of the last segment in seconds, 0.0 where there is none."""
    return max((segment.end_s for segment in segments), default=0.0)


def is_timed(segments: Sequence[Segment]) -> bool:
    """Whether every time in `segments` comes from the source."""
    return bool(segments) and all(segment.timed for segment in segments)


def segments_of(row: Mapping[str, Any]) -> list[Segment]:
    """The segments of a `transcripts` row."""
    return [Segment(timed=row["timed"], **segment) for segment in row["segments"]]
