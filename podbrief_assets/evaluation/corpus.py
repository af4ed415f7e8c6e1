"""Read the real episodes that figures are taken from.

Belongs here: transcripts typed by people, recognised episodes with hand-marked advertising, and naming a place in one.
Doesn't: publishers' transcript files in general (`transcripts/dialects/`); verdicts, which each section reads itself.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podbrief_assets.transcripts.publisher import parse_transcript
from podbrief_assets.transcripts.segment import Segment

SPEECH_RATE = 2.7  # words a second, where a typed transcript says no times

_TYPES = {".vtt": "text/vtt", ".srt": "application/x-subrip", ".txt": "text/plain", ".json": "application/json"}
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_TURN = re.compile(r"^\*\*([^*]{1,60}?):?\*\*:?\s*(.*)$")


@dataclass(frozen=True)
class MarkedEpisode:
    """A recognised episode with its marks.

    Attributes:
        marks: Where its advertising starts and ends, in seconds.
    """

    show: str
    description: str
    segments: list[Segment]
    marks: list[tuple[float, float]]

    def marked(self, seconds: float) -> bool:
        """Whether what is said then is advertising."""
        return any(start <= seconds < end for start, end in self.marks)


def marked_episodes(folder: Path) -> list[MarkedEpisode]:
    """The recognised episodes with hand-marked advertising in `folder` (`ads/` of the corpus)."""
    found = []
    for path in sorted(folder.glob("*.json")):
        read = json.loads(path.read_text(encoding="utf-8"))
        segments = _recognised(read["segments"])
        marks = [(one["start"], one["end"]) for one in read["sponsor_spans"]]
        found.append(MarkedEpisode(read["show"], read["description"], segments, marks))
    return found


def typed_transcript(text: str, rate: float = SPEECH_RATE) -> list[Segment]:
    """A transcript as people typed it, a segment for each paragraph, times as `rate` words a second would give them."""
    found: list[Segment] = []
    at = 0.0
    speaker = None
    for line in text.splitlines():
        turn = _TURN.match(line.strip())
        said = re.sub(r"\\?\[[^\]]{0,20}\]|\*|\(http[^)]*\)|[\[\]]", " ", turn[2] if turn else line)
        speaker = turn[1] if turn else speaker
        if turn and turn[1].lower() == "break":
            at += 2.0
        elif said.strip():
            end = at + len(said.split()) / rate
            found.append(Segment(start_s=at, end_s=end, speaker=speaker, text=" ".join(said.split())))
            at = end
    return found


def transcript_at(path: Path, *, links: bool = False) -> list[Segment]:
    """The transcript in one file of the corpus: typed by people, recognised with marks, or as a publisher offers it.

    Args:
        links: Whether links of a typed one give their text; short ones are left out else. Places in a transcript count
            its words, so whoever names them says which.
    """
    if path.suffix == ".md":
        text = path.read_text(encoding="utf-8")
        return typed_transcript(_LINK.sub(r"\1", text) if links else text)
    if path.suffix == ".json" and path.parent.name == "ads":
        return _recognised(json.loads(path.read_text(encoding="utf-8"))["segments"])
    return parse_transcript(path.read_bytes(), _TYPES.get(path.suffix))


def _recognised(segments: Sequence[dict[str, Any]]) -> list[Segment]:
    return [Segment(start_s=one["start"], end_s=one["end"], text=one["text"]) for one in segments]


def words_of(segments: Sequence[Segment]) -> list[str]:
    """All words, split at white space: what the places that verdicts name are counted in."""
    return [word for segment in segments for word in segment.text.split()]


def words_digest(words: Sequence[str]) -> str:
    """Eight hexadecimal digits of `words`: by them a verdict knows the words it was given on, without holding them."""
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:8]
