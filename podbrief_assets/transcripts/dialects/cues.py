"""The cue, which every dialect is read into, and the small readings that all dialects share.

Belongs here: `Cue`, clock readings, cleaning of words and names, counting of words, limits, and the errors.
Doesn't: anything that only one dialect needs.
"""

from __future__ import annotations

import html
import math
import re
from dataclasses import dataclass

from podbrief_assets.errors import PermanentFailure

MAX_BYTES = 20_000_000
MAX_CUES = 200_000
MAX_SECONDS = 48 * 3600.0
MAX_NAME = 100
MAX_LINES = 5 * MAX_CUES
MAX_WORDS = 1_200_000  # two days at the pace of an auctioneer
# Characters up to which words are put to the cue before, one by one: longer ones would take quadratic time.
MAX_GLUED = 2_000


class EmptyTranscript(PermanentFailure):
    """There is no word in the file."""


class NotATranscript(PermanentFailure):
    """The file is something else: an error page, show notes, a consent page, a picture, JSON of another kind."""


class UnreadableTranscript(PermanentFailure):
    """The file is in a known dialect, and nothing in it is valid."""


ASK_PUBLISHER = "tell the publisher; the next file that the episode offers, or speech recognition, takes its place"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cue:
    """Words between two marks of a file, before anything is joined or estimated.

    Attributes:
        start_s: In seconds; None where the file doesn't say.
        end_s: In seconds; None where the file doesn't say, or says something before `start_s`.
        speaker: As marked at this very cue; None where it has no mark.
        text: Clean words; a line break where the file has one, because captions repeat lines and names open them.
        turn: True where the file marks another speaker here without a name (`>>`).
    """

    start_s: float | None
    end_s: float | None = None
    speaker: str | None = None
    text: str
    turn: bool = False


# Seconds alone are a clock too: one host's VTT says `0.000 --> 3.480`. A fourth part (`00:00:11:890`) is a fraction.
_CLOCK = re.compile(r"(?:(?:(\d{1,4}):)?(\d{1,4}):)?(\d{1,6})(?:[.,:;](\d{1,9}))?")


def seconds_of(clock: str) -> float | None:
    """Seconds that `clock` (`1:02:03.5`, `62:03`, `3723,5`) stands for; None where it is no clock."""
    match = _CLOCK.fullmatch(clock.strip())
    if match is None:
        return None
    hours, minutes, seconds, fraction = match.groups()
    if (minutes is not None and int(seconds) >= 60) or (hours is not None and int(minutes) >= 60):
        return None
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds)
    return whole + (int(fraction) / 10 ** len(fraction) if fraction else 0.0)


def span(start_s: float | None, end_s: float | None) -> tuple[float | None, float | None]:
    """The two times as far as they can be true: finite, from 0 to 48 hours, the end not before the start.

    A start of up to a second below 0 is a recogniser's rounding and becomes 0.
    """
    if start_s is None or not math.isfinite(start_s) or not -1.0 <= start_s <= MAX_SECONDS:
        return None, None
    start_s = max(start_s, 0.0)
    if end_s is None or not math.isfinite(end_s) or not start_s <= end_s <= MAX_SECONDS:
        return start_s, None
    return start_s, end_s


# Bounded, and stopping at the next bracket: a file of nothing but "<a<a<a" takes no longer than any other.
ANY_TAG = re.compile(r"</?[A-Za-z][^<>]{0,300}>|<\d[\d:.]{0,20}>")
_LINE_TAG = re.compile(r"<br\b[^<>]{0,20}>|\\N|\\h", re.I)
# Only tags that format: people who talk about `<div>` or `Option<T>` said so.
# And with attributes, not with words: "<I would like five>" stood in a talk about types.
_FORMAT_TAG = re.compile(
    r"</?(?:(?:b|i|u|s|em|strong|ruby|rt|small|big|strike|del|ins|sub|sup|mark|tt)"
    r"(?:\.[\w.-]{0,100})?(?:\s[a-z]{1,20}\s?=[^<>]{0,300})?|(?:c|v|font|span|lang)(?:[\s.][^<>]{0,300})?)\s?/?>",
    re.I,
)
_STATION_TAG = re.compile(r"\{(?:\\|[A-Za-z]:)[^{}]{0,200}\}")  # {\an8}, {Y:i}: SubStation Alpha's, met in SRT
# Python refuses to read a number of thousands of digits, and no character has one.
_ENDLESS_ENTITY = re.compile(r"&#[xX]?[0-9a-fA-F]{9,};?")
_UNSEEN = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")


def strip_tags(text: str) -> str:
    """`text` without anything in angle brackets that looks like a tag, for dialects that escape what is none."""
    return ANY_TAG.sub("", _LINE_TAG.sub(" ", text)) if "<" in text else text


def clean(text: str) -> str:
    """`text` without tags, entities and invisible characters; line breaks stay, other white space is one blank.

    Entities are decoded twice, since renderers escape what was escaped before (`&amp;#39;`).
    """
    if "&" in text:
        for _ in range(2):
            text = html.unescape(_ENDLESS_ENTITY.sub("\ufffd", text))
    if "<" in text or "\\" in text:
        text = _FORMAT_TAG.sub("", _LINE_TAG.sub(" ", text))
    if "{" in text:
        text = _STATION_TAG.sub("", text)
    text = _SURROGATE.sub("\ufffd", _UNSEEN.sub("", text))
    return "\n".join(filter(None, (" ".join(line.split()) for line in text.split("\n"))))


def clean_name(name: str | None) -> str | None:
    """A speaker's name on one line, at most 100 characters; None where nothing is left of it."""
    if not name:
        return None
    # Cut before cleaning too, so that a name of megabytes costs nothing.
    name = " ".join(ANY_TAG.sub("", clean(name[: 10 * MAX_NAME])).split()).strip(" :：-–—*|>")[:MAX_NAME].strip()
    return name or None


# Scripts that put no blanks between words: two characters count as one word, which is close for Japanese and Chinese.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


def count_words(text: str) -> int:
    """How many words `text` has: runs between blanks, and half of the characters in scripts without blanks."""
    if text.isascii():
        return len(text.split())
    unspaced = len(_UNSPACED.findall(text))
    return len(_UNSPACED.sub(" ", text).split()) + (unspaced + 1) // 2


def glue(left: str, right: str) -> str:
    """Both texts with a blank between them, or none where their script has none."""
    if not left or not right:
        return left or right
    unspaced = _UNSPACED.match(left[-1]) and _UNSPACED.match(right[0])
    return left + right if unspaced else f"{left} {right}"


def share(voices: list[tuple[str | None, str]], start_s: float | None, end_s: float | None) -> list[Cue]:
    """Cues of several speakers from one stretch of time, which they share by their number of words."""
    total = sum(count_words(words) for _, words in voices) or 1
    cues: list[Cue] = []
    said = 0
    for name, words in voices:
        first, said = said, said + count_words(words)
        if start_s is None or end_s is None:
            cues.append(Cue(start_s=start_s, end_s=None, speaker=name, text=words))
            continue
        length = end_s - start_s
        start = start_s + length * first / total
        end = max(start, min(end_s, start_s + length * said / total))
        cues.append(Cue(start_s=start, end_s=end, speaker=name, text=words))
    return cues


def check_count(count: int) -> None:
    """Refuse more cues than the longest podcast has.

    Raises:
        NotATranscript: There are more than 200,000.
    """
    if count > MAX_CUES:
        raise NotATranscript(f"more than {MAX_CUES:,} cues are more than any episode has", ASK_PUBLISHER)
