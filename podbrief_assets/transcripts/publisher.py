"""Turn publishers' transcript files into segments.

Belongs here: the choice among the dialects, the order in which an episode's files are tried, and whether a parsed
transcript can be its episode's.
Doesn't: fetching (`net.py`), what is done about a transcript that doesn't fit (`transcripts/assets.py`), the dialects
themselves (`transcripts/dialects/`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
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
from podbrief_assets.transcripts.dialects.settling import join, rescale, settle
from podbrief_assets.transcripts.dialects.structured import looks_like_json, parse_json
from podbrief_assets.transcripts.segment import Segment

__all__ = [
    "EmptyTranscript",
    "NotATranscript",
    "UnreadableTranscript",
    "choose",
    "join",
    "parse_transcript",
    "plausible",
    "rescale",
]

Link = TypeVar("Link")

_FORMATS = (
    ("json",),
    ("vtt",),
    ("srt", "subrip"),
    ("html",),
    ("text/plain",),
)

# Below these an episode of over two minutes has said nothing; the fastest talkers reach 300 words per minute.
_SHORT_EPISODE_S = 120.0
_LONG_EPISODE_S = 600.0
_MIN_WORDS = 20
_MIN_WORDS_PER_MINUTE = 10
_MAX_WORDS_PER_MINUTE = 400
# Dynamically inserted advertising makes audio up to a fifth longer or shorter than what was transcribed.
_MIN_COVERED = 0.3
_MAX_COVERED = 1.3
_SLACK_S = 60.0


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
    wanted = {_primary(tag) for tag in ([accepts] if isinstance(accepts, str) else accepts or ()) if tag}
    unique = {str(_of(link, "url")): link for link in reversed(list(links)) if _of(link, "url")}
    offered = list(unique.values())[::-1]

    def rank(link: Link) -> tuple[bool, int, bool]:
        language, kind = _of(link, "language"), (_of(link, "type") or "").lower()
        form = next((n for n, names in enumerate(_FORMATS) if any(name in kind for name in names)), len(_FORMATS))
        foreign = bool(wanted and language) and _primary(language or "") not in wanted
        return foreign, form, (_of(link, "rel") or "").lower() == "captions"

    return sorted(offered, key=rank)


def _of(link: Any, name: str) -> str | None:
    value = link.get(name) if isinstance(link, Mapping) else getattr(link, name, None)
    return value if isinstance(value, str) else None


def _primary(tag: str) -> str:
    return tag.strip().lower().replace("_", "-").partition("-")[0]


def plausible(segments: Sequence[Segment], episode_duration_s: float | None) -> str | None:
    """Why `segments` can't be the transcript of an episode of that length; None where they may be.

    The limits are wide, because a wrong refusal costs an hour of speech recognition and loses the speakers:
    an episode of over two minutes has 20 words, one of over ten minutes 10 words a minute (show notes have fewer), and
    no one says more than 400 a minute; stated times reach at least 30% of the duration and at most 130% and a minute.

    Args:
        segments: As `parse_transcript` gives them.
        episode_duration_s: Length of the audio in seconds; None or 0 where it isn't known, and then only the
            transcript's own times are judged.
    """
    words = sum(count_words(segment.text) for segment in segments)
    stated_end_s = max((segment.end_s for segment in segments if segment.timed), default=0.0)
    known = bool(episode_duration_s) and math.isfinite(episode_duration_s or 0.0)
    length_s = (episode_duration_s or 0.0) if known else stated_end_s
    minutes = length_s / 60
    if words == 0 or (length_s > _SHORT_EPISODE_S and words < _MIN_WORDS):
        return f"it has {words} words for {minutes:.0f} minutes"
    if length_s > _LONG_EPISODE_S and words < _MIN_WORDS_PER_MINUTE * minutes:
        return f"it has {words} words for {minutes:.0f} minutes, as show notes have"
    if length_s > _SLACK_S and words > _MAX_WORDS_PER_MINUTE * minutes:
        return f"it has {words / minutes:.0f} words a minute, more than anyone can say"
    if known and stated_end_s and length_s > _SHORT_EPISODE_S:
        if stated_end_s < _MIN_COVERED * length_s:
            return f"it ends at {stated_end_s / 60:.0f} of {minutes:.0f} minutes"
        if stated_end_s > _MAX_COVERED * length_s + _SLACK_S:
            return f"it ends at {stated_end_s / 60:.0f} minutes, and the episode has {minutes:.0f}"
    return None
