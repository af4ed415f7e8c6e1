"""Decide whether a transcript can be its episode's.

Belongs here: the rules by which a parsed transcript is refused, each with its reason, and what is compared with.
Doesn't: parsing and the refusal of files that are no transcripts at all (`publisher.py`), which of several accepted
files is best (`publisher.py`), what is done instead (`acquire.py`).

The limits are wide, because a wrong refusal costs an hour of speech recognition and loses the speakers. Whatever is
not known of an episode is not judged by.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from podbrief_assets.errors import PermanentFailure
from podbrief_assets.transcripts.dialects.cues import count_words
from podbrief_assets.transcripts.languages import is_in, is_known, languages_in
from podbrief_assets.transcripts.segment import Segment

# Below these an episode of over two minutes has said nothing; the fastest talkers reach 300 words a minute.
_SHORT_EPISODE_S = 120.0
_LONG_EPISODE_S = 600.0
_MIN_WORDS = 20
_MIN_WORDS_PER_MINUTE = 10
_MAX_WORDS_PER_MINUTE = 400
# Text without any time may be a summary, or a part. The slowest of 470 episodes has 113 words a minute, and
# half of an episode may be music.
_MIN_UNTIMED_WORDS_PER_MINUTE = 50
# Of a transcript that covers less, more is missing than there. Dynamically inserted advertising makes audio up to a
# fifth longer or shorter than what was transcribed.
_MIN_COVERED = 0.5
_MAX_COVERED = 1.3
_SLACK_S = 60.0

# What servers say instead of a transcript. More words than these have are somebody speaking about web pages.
_MAX_APOLOGY_WORDS = 400
_APOLOGY_OPENING_WORDS = 15
_APOLOGY = re.compile(
    r"^(?:\W*(?:forbidden|unauthori[sz]ed|not found)\b)"
    r"|\b(?:error \d{3}|(?:40[1345]|410|429|50[0-4]) (?:error|not found|forbidden|unauthori[sz]ed)|(?:page|file|episode"
    r"|resource|transcript)(?: was| is)? not (?:be )?(?:found|available)|no transcript (?:is )?(?:available|found)"
    r"|access denied|(?:don't|do not) have permission|just a moment(?:\.\.\.|…)|checking your browser"
    r"|verify (?:that )?you are (?:a )?human|enable javascript|service unavailable|too many requests"
    r"|internal server error|bad gateway|(?:log|sign) ?in to continue|seite nicht gefunden|zugriff verweigert)(?!\w)",
    re.I,
)
_WALL = re.compile(
    r"\b(accept (?:all|cookies)|cookie (?:policy|settings|preferences)|use cookies|manage preferences"
    r"|privacy policy|terms of (?:service|use)|legitimate interest|all rights reserved|log ?in|sign ?in|sign up"
    r"|forgot (?:your )?password|create an account|subscribe to (?:continue|read)|javascript|captcha|ray id|request id"
    r"|alle akzeptieren|datenschutzerklärung|anmelden|impressum)\b",
    re.I,
)
_MIN_WALL_SIGNS = 3

# Whoever speaks at this pace speaks: then the notes hold the transcript, and not the transcript the notes.
_SPOKEN_WORDS_PER_MINUTE = 60
_MAX_NOTES_WORDS = 1000
_SHINGLE = 5
_MOSTLY = 0.6
_TOKEN = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|\\w+")


class DoesNotFit(PermanentFailure):
    """A file is a transcript, or looks like one, and can't be this episode's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """What is known of an episode apart from its transcript; None, or empty, is unknown.

    Attributes:
        title, description: As plain text.
        language: Of the feed, as a BCP 47 tag.
        duration_s: Length of the audio in seconds.
    """

    title: str | None = None
    description: str | None = None
    language: str | None = None
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    """A transcript, measured."""

    about: About
    text: str
    words: int
    named: bool
    first_s: float | None  # where its words begin and end, estimates included; None where no time is stated at all
    last_s: float | None
    stated_end_s: float | None

    @property
    def duration_s(self) -> float | None:
        """The episode's, where it is known."""
        stated = self.about.duration_s
        return stated if stated and math.isfinite(stated) and stated > 0 else None

    @property
    def length_s(self) -> float | None:
        """The episode's duration, else the transcript's own end."""
        return self.duration_s or self.last_s

    @property
    def pace(self) -> float | None:
        """Words a minute."""
        return self.words / (self.length_s / 60) if self.length_s else None


def refusal(segments: Sequence[Segment], about: About) -> str | None:
    """Why `segments` can't be the transcript of that episode, as the end of a sentence; None where they may be.

    The rules, in this order:

    - too few words: under 20 for more than two minutes, under 10 a minute for more than ten, or, without stated times,
      under 50 a minute for more than ten;
    - too many words: more than 400 a minute, for more than a minute;
    - coverage: where times are stated, its words reach over half of the duration at least, and the last time is no
      later than 130 % of it and a minute;
    - an error page: text without speakers and times, of up to 400 words, that opens as servers excuse themselves, or
      has three signs of a log-in, cookie or robot wall;
    - the show notes: three fifths of the text stand in the title and the description, and it has under 60 words a
      minute (under 1,000 where no length is known): where it has more, the notes hold the transcript;
    - another language: less than a tenth of the text is in the feed's language, or in one that title and description
      are in (a feed's tag is often its host's default). What the file itself states doesn't count: a translation is
      not what was said. Nothing is judged where the feed has no language, or the text's isn't clear.

    Args:
        segments: As `publisher.parse_transcript` gives them, before or after `rescale`.
    """
    timed = [segment for segment in segments if segment.timed]
    found = _Found(
        about=about,
        text=" ".join(segment.text for segment in segments),
        words=sum(count_words(segment.text) for segment in segments),
        named=any(segment.speaker for segment in segments),
        # Where people put a time mark now and then, much is said before the first and after the last.
        first_s=min(segment.start_s for segment in segments) if timed else None,
        last_s=max(segment.end_s for segment in segments) if timed else None,
        stated_end_s=max((segment.end_s for segment in timed), default=None),
    )
    return next((reason for rule in _RULES if (reason := rule(found))), None)


def _too_few_words(found: _Found) -> str | None:
    if found.words == 0:
        return "it has no words"
    minutes = (found.length_s or 0.0) / 60
    if 60 * minutes > _SHORT_EPISODE_S and found.words < _MIN_WORDS:
        return f"it has {found.words} words for {minutes:.0f} minutes"
    if 60 * minutes > _LONG_EPISODE_S:
        if found.words < _MIN_WORDS_PER_MINUTE * minutes:
            return f"it has {found.words} words for {minutes:.0f} minutes, as show notes have"
        if found.last_s is None and found.words < _MIN_UNTIMED_WORDS_PER_MINUTE * minutes:
            return f"it has {found.words} words for {minutes:.0f} minutes and no times, as a summary has"
    return None


def _too_many_words(found: _Found) -> str | None:
    if found.pace and (found.length_s or 0.0) > _SLACK_S and found.pace > _MAX_WORDS_PER_MINUTE:
        return f"it has {found.pace:.0f} words a minute, more than anyone can say"
    return None


def _covers_too_little_or_too_much(found: _Found) -> str | None:
    duration_s = found.duration_s
    if duration_s is None or found.first_s is None or found.last_s is None or duration_s <= _SHORT_EPISODE_S:
        return None
    end_s = found.stated_end_s or 0.0
    minutes = duration_s / 60
    if found.last_s < _MIN_COVERED * duration_s:
        return f"it ends at {found.last_s / 60:.0f} of {minutes:.0f} minutes"
    if found.last_s - found.first_s < _MIN_COVERED * duration_s:
        return f"it covers {(found.last_s - found.first_s) / 60:.0f} of {minutes:.0f} minutes"
    if end_s > _MAX_COVERED * duration_s + _SLACK_S:
        return f"it ends at {end_s / 60:.0f} minutes, and the episode has {minutes:.0f}"
    return None


def _error_page(found: _Found) -> str | None:
    if found.named or found.last_s is not None or found.words > _MAX_APOLOGY_WORDS:
        return None
    opening = " ".join(found.text.split()[:_APOLOGY_OPENING_WORDS])
    if apology := _APOLOGY.search(opening):
        return f"it is an error page ({apology[0]!r})"
    signs = {sign.lower() for sign in _WALL.findall(found.text)}
    if len(signs) >= _MIN_WALL_SIGNS:
        return f"it is a page to log in or to consent ({', '.join(sorted(signs)[:_MIN_WALL_SIGNS])})"
    return None


def _show_notes(found: _Found) -> str | None:
    pace = found.pace
    if pace >= _SPOKEN_WORDS_PER_MINUTE if pace is not None else found.words >= _MAX_NOTES_WORDS:
        return None
    said = _TOKEN.findall(found.text.lower())
    size = min(_SHINGLE, len(said))
    notes = set(_runs(_TOKEN.findall(f"{found.about.title or ''} {found.about.description or ''}".lower()), size))
    runs = _runs(said, size)
    if runs and sum(run in notes for run in runs) >= _MOSTLY * len(runs):
        return "it is the episode's show notes"
    return None


def _runs(words: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """The runs of `size` words."""
    return [tuple(words[n : n + size]) for n in range(len(words) - size + 1)] if size else []


def _another_language(found: _Found) -> str | None:
    about = found.about
    if about.language is None or not is_known(about.language):
        return None
    heard = languages_in(found.text)
    expected = [about.language, *languages_in(f"{about.title or ''}\n{about.description or ''}")]
    if not heard or is_in(heard, expected):
        return None
    return f"it is in another language ({heard.most_common(1)[0][0]}) than the episode ({about.language})"


_RULES: tuple[Callable[[_Found], str | None], ...] = (
    _too_few_words,
    _too_many_words,
    _covers_too_little_or_too_much,
    _error_page,
    _show_notes,
    _another_language,
)
