"""Turn publishers' transcript files into segments.

Belongs here: the choice among the dialects, the order in which an episode's files are tried, and which of several is
best.
Doesn't: fetching (`net.py`), whether a transcript can be its episode's (`acceptance.py`), what is done where none can
(`acquire.py`), the dialects themselves (`transcripts/dialects/`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from podbrief_assets.transcripts.dialects.captions import is_captions, is_tsv, parse_captions, parse_tsv
from podbrief_assets.transcripts.dialects.cues import (
    ASK_PUBLISHER,
    MAX_BYTES,
    MAX_LINES,
    Cue,
    EmptyTranscript,
    NotATranscript,
    UnreadableTranscript,
    check_count,
    count_words,
)
from podbrief_assets.transcripts.dialects.decoding import decode
from podbrief_assets.transcripts.dialects.markup import looks_like_markup, parse_markup
from podbrief_assets.transcripts.dialects.plain import parse_plain
from podbrief_assets.transcripts.dialects.settling import MAX_JOINED_S, MAX_JOINED_WORDS, join, rescale, settle
from podbrief_assets.transcripts.dialects.structured import looks_like_json, parse_json
from podbrief_assets.transcripts.languages import primary
from podbrief_assets.transcripts.segment import Segment, duration_s, is_timed

__all__ = [
    "EmptyTranscript",
    "NotATranscript",
    "Standing",
    "UnreadableTranscript",
    "choose",
    "is_foreign",
    "join",
    "parse_transcript",
    "rescale",
    "standing",
]

Link = TypeVar("Link")

_FORMATS = (
    ("json",),
    ("vtt",),
    ("srt", "subrip"),
    ("html",),
    ("text/plain",),
)

# "Speaker 2", "SPEAKER_01", "Unknown": a diariser's labels, which tell voices apart and name nobody.
_LABEL = re.compile(r"(?:speaker|spk|voice|person|participant|unknown|s)[ _-]?(?:speaker)?[ _-]?\w{0,2}", re.I)


def parse_transcript(content: bytes, media_type: str | None) -> list[Segment]:
    """Read a publisher's transcript file, whatever dialect it is in.

    The content decides what it is; `media_type` only helps where the content leaves it open (a charset that no byte
    order mark gives; a bare list of lines declared as captions). Parts that are broken are left out.

    Args:
        content: The file as it was served, at most 20 MB.
        media_type: As the feed or the server declares it, with parameters; None where neither does.

    Returns:
        Segments in order of time, joined to sentences (`join`). Times are seconds; where the file has none, they are
        estimated from 2.5 words per second and `timed` is False (`rescale` fits them to a known duration).

    Raises:
        EmptyTranscript: There is no word in it.
        NotATranscript: It is something else: an error page, show notes, binary data, JSON of another kind.
        UnreadableTranscript: Its dialect is known, and nothing in it is valid.
    """
    if len(content) > MAX_BYTES:
        raise NotATranscript(f"the file has {len(content):,} bytes, more than any transcript", ASK_PUBLISHER)
    text = decode(content, media_type)
    if not text.strip():
        raise EmptyTranscript("the file is empty", ASK_PUBLISHER)
    if text.count("\n") > MAX_LINES:
        raise NotATranscript("the file has more lines than any transcript", ASK_PUBLISHER)
    cues = _parse(text, (media_type or "").partition(";")[0].strip().lower())
    check_count(len(cues))
    return join(settle(cues))


def _parse(text: str, media_type: str) -> list[Cue]:
    if looks_like_json(text):
        return parse_json(text)
    if is_tsv(text):
        return parse_tsv(text)
    if is_captions(text):
        return parse_captions(text)
    if looks_like_markup(text):
        return parse_markup(text)
    cues = parse_plain(text)
    if any(name in media_type for name in ("vtt", "subrip", "srt")) and all(cue.speaker is None for cue in cues):
        # Prose is welcome under any name, but numbers between its lines say that these were captions.
        lines = text.split("\n")
        if 4 * sum(line.strip().isdigit() for line in lines) >= len(lines):
            raise UnreadableTranscript("the captions have no times", ASK_PUBLISHER)
    return cues


def choose(links: Iterable[Link], accepts: str | Sequence[str] | None = None) -> list[Link]:
    """The transcripts that an episode offers, in the order in which they should be tried.

    The rule: first those in an accepted language (compared without region; no language stated means the show's, as the
    podcast namespace says), then the others. Within these, formats that keep times and speakers: JSON, VTT, SRT, then
    HTML, plain text, and what is of another or no stated type. Within these, full transcripts before files marked as
    captions, then in the feed's order. An address that comes twice is tried once.

    Args:
        links: Objects or mappings with `url`, `type`, `language` and `rel`.
        accepts: Language tags of the show; None or empty where they aren't known, and any language will do.
    """
    unique = {str(_of(link, "url")): link for link in reversed(list(links)) if _of(link, "url")}
    offered = list(unique.values())[::-1]

    def rank(link: Link) -> tuple[bool, int, bool]:
        kind = (_of(link, "type") or "").lower()
        form = next((n for n, names in enumerate(_FORMATS) if any(name in kind for name in names)), len(_FORMATS))
        return is_foreign(link, accepts), form, (_of(link, "rel") or "").lower() == "captions"

    return sorted(offered, key=rank)


def is_foreign(link: Any, accepts: str | Sequence[str] | None) -> bool:
    """Whether a link states another language than those in `accepts`, as in `choose`: it is a translation."""
    wanted = {primary(tag) for tag in ([accepts] if isinstance(accepts, str) else accepts or ()) if tag}
    language = _of(link, "language")
    return bool(wanted and language) and primary(language or "") not in wanted


@dataclass(frozen=True, order=True, slots=True)
class Standing:
    """How much a transcript offers; of two, the better one is the greater. The fields count in their order.

    Attributes:
        timed: Whether every time is stated, none estimated.
        sentences: Whether nine words in ten lie in segments that are no longer than a sentence may be when it is
            joined (60 words, 30 seconds): a claim is followed to the second where it was said, not to the turn.
        speakers: 2 where nine words in ten have a named speaker, 1 where they have one that only tells voices apart
            ("Speaker 2"), else 0.
        minutes: How many it covers, in whole ones, so that a few seconds make no difference.
    """

    timed: bool
    sentences: bool
    speakers: int
    minutes: int

    @property
    def complete(self) -> bool:
        """Whether no other file can offer more than a few minutes."""
        return self.timed and self.sentences and self.speakers == 2


def standing(segments: Sequence[Segment]) -> Standing:
    """What `segments` offer.

    The rule for several files: they are fetched in the order of `choose`, until one that fits its episode is complete:
    timed by sentences, with named speakers. Where none is, the best of those that fit is taken, by `Standing`, and of
    equals the first. What is best is known only then, since JSON may have no speakers and HTML all of them.
    """
    counts = [count_words(segment.text) for segment in segments]
    most = 0.9 * sum(counts)

    def reaches(words: Iterable[int]) -> bool:
        return sum(words) >= most

    short = (
        count
        for segment, count in zip(segments, counts, strict=True)
        if count <= MAX_JOINED_WORDS and segment.end_s - segment.start_s <= MAX_JOINED_S
    )
    voices = [(segment.speaker, count) for segment, count in zip(segments, counts, strict=True) if segment.speaker]
    named = reaches(count for speaker, count in voices if not _LABEL.fullmatch(speaker))
    told_apart = reaches(count for _, count in voices)
    return Standing(
        timed=is_timed(segments),
        sentences=reaches(short),
        speakers=2 if named else int(told_apart),
        minutes=round((duration_s(segments) - segments[0].start_s) / 60) if segments else 0,
    )


def _of(link: Any, name: str) -> str | None:
    value = link.get(name) if isinstance(link, Mapping) else getattr(link, name, None)
    return value if isinstance(value, str) else None
