"""Plain text: paragraphs with speakers and time marks before or in them, or without either.

Belongs here: lines of text that people or word processors laid out, also those that a web page's paragraphs give.
Doesn't: captions (`captions.py`), estimated times (`settling.py`).

Time marks (`[00:12:34]`, `(12:34)` anywhere; `12:34` without brackets only before a line or behind a name) count only
if there are at least two and nine tenths of them don't go back: "(3:16)" is a verse, and "7:30" an appointment. A mark
that does go back is taken out and its time ignored. Without the evidence all of them stay in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from podbrief_assets.transcripts.dialects.cues import (
    ASK_PUBLISHER,
    Cue,
    NotATranscript,
    check_count,
    clean,
    seconds_of,
    span,
)
from podbrief_assets.transcripts.dialects.speakers import Names, is_name, names_in, prefix_of

# An answer of a few words is a server's: "Not found", "Access denied". Speech without names or times needs more.
MIN_WORDS = 20

_CLOCK = r"(?:\d{1,2}:)?\d{1,3}:\d{2}(?:[.,]\d{1,3})?"
_BRACKETED = re.compile(rf"[ \t]*[\[(]({_CLOCK})[\])][ \t]*")
_LEADING = re.compile(rf"[ \t]*(?:[\[(]({_CLOCK})[\])]|({_CLOCK})(?=[ \t]|$|[-–—|]))[ \t]*(?:[-–—:|][ \t]*)?")
_NAME_THEN_TIME = re.compile(
    rf"[ \t]*(?:\*\*)?([^\s\[\](){{}}:;!?,\d*][^\[\](){{}}:;!?,*\n]{{0,59}}?)(?:\*\*)?:?[ \t]+"
    rf"(?:[\[(]({_CLOCK})[\])]|({_CLOCK})(?=[ \t:]|$))[ \t]*(?:\*\*)?:?[ \t]*"
)
_ESCAPED = re.compile(r"\\([\[\]()*_#.!-])")
_LINK = re.compile(r"\[([^\[\]\n]{0,300})\]\(https?://[^()\s]{0,500}\)")
_EMPHASIS = re.compile(r"\*\*|__")


@dataclass(frozen=True)
class _Line:
    """What a line opens with, in both readings: with time marks and without."""

    text: str
    opens_paragraph: bool
    mark: float | None
    name: str | None  # behind or before a time mark, or before a colon
    rest: str


def parse_plain(text: str) -> list[Cue]:
    """One cue for each paragraph, turn or time mark; where no line is blank, for each line.

    Raises:
        NotATranscript: It is neither speech by speakers nor at times, nor 20 words of prose.
    """
    lines = text.strip().split("\n")
    separated = any(not line.strip() for line in lines)
    paragraphs: list[list[str]] = [[]]
    for line in lines:
        if paragraphs[-1] and (not separated or not line.strip()):
            paragraphs.append([])
        if line.strip():
            paragraphs[-1].append(line)
    cues, marked = parse_paragraphs(paragraph for paragraph in paragraphs if paragraph)
    if not marked and not _is_prose(cues):
        raise NotATranscript("the text is too short for speech, or isn't speech", ASK_PUBLISHER)
    return cues


def parse_paragraphs(paragraphs: Iterable[list[str]]) -> tuple[list[Cue], bool]:
    """The cues in `paragraphs` (lists of lines), and whether they have speakers or time marks.

    Raises:
        NotATranscript: There are more paragraphs than an episode can have cues.
    """
    lines = [_line(line, first=number == 0) for paragraph in paragraphs for number, line in enumerate(paragraph)]
    check_count(len(lines))
    units = sum(line.opens_paragraph for line in lines)
    use_marks = _rise([mark for line in lines for mark in _marks(line)])
    if not use_marks:
        lines = [_without_mark(line) for line in lines]
    names = names_in((line.name for line in lines if line.name), units)
    marked = use_marks or bool(names.accepted)
    return _turns(lines, names, use_marks=use_marks), marked


def _line(text: str, *, first: bool) -> _Line:
    # Markdown's links and escapes are typed by hand into transcripts that are kept on GitHub.
    text = " ".join(text.split())
    text = _LINK.sub(r"\1", _ESCAPED.sub(r"\1", text)) if "\\" in text or "](" in text else text
    mark: float | None = None
    rest = text
    if match := _LEADING.match(text):
        mark, rest = seconds_of(match[1] or match[2]), text[match.end() :]
    elif (match := _NAME_THEN_TIME.match(text)) and is_name(match[1]):
        return _Line(text, first, seconds_of(match[2] or match[3]), match[1].strip(), text[match.end() :])
    if found := prefix_of(rest):
        name, rest = found
        if mark is None and (match := _BRACKETED.match(rest)):
            mark, rest = seconds_of(match[1]), rest[match.end() :]
        return _Line(text, first, mark, name, rest)
    if mark is not None and len(rest) <= 40 and is_name(rest) and rest[-1] not in ".!?":
        return _Line(text, first, mark, rest.strip(), "")
    return _Line(text, first, mark, None, rest)


def _without_mark(line: _Line) -> _Line:
    found = prefix_of(line.text)
    name, rest = found if found else (None, line.text)
    return _Line(line.text, line.opens_paragraph, None, name, rest)


def _marks(line: _Line) -> list[float]:
    inline = [seconds for match in _BRACKETED.finditer(line.rest) if (seconds := seconds_of(match[1])) is not None]
    return inline if line.mark is None else [line.mark, *inline]


def _rise(marks: list[float]) -> bool:
    if len(marks) < 2:
        return False
    back = sum(1 for before, mark in pairwise(marks) if mark < before)
    return 10 * back <= len(marks) and marks[-1] > marks[0]


def _turns(lines: list[_Line], names: Names, *, use_marks: bool) -> list[Cue]:
    cues: list[Cue] = []
    latest = 0.0
    words: list[str] = []
    start_s: float | None = None
    speaker: str | None = None
    turn = False

    def close() -> None:
        nonlocal words, start_s, speaker, turn
        text = clean(_EMPHASIS.sub("", " ".join(words)))
        if text:
            cues.append(Cue(start_s=start_s, speaker=speaker, text=text, turn=turn))
            start_s, speaker, turn = None, None, False
        words = []

    for line in lines:
        named = line.name is not None and line.name in names.accepted
        if line.opens_paragraph or named or line.mark is not None:
            close()
        if named:
            speaker = line.name
        elif line.name is not None and line.name in names.doubtful:
            turn = True
        rest = (
            line.rest
            if named or line.name is None
            else _LEADING.sub("", line.text, count=1)
            if use_marks
            else line.text
        )
        pieces = _BRACKETED.split(rest) if use_marks else [rest]
        times = [line.mark, *map(seconds_of, pieces[1::2])]
        for mark, piece in zip(times, pieces[::2], strict=True):
            mark_s, _ = span(mark, None)
            if mark_s is not None:
                close()
                if mark_s >= latest:
                    start_s = latest = mark_s
            words.append(piece)
    close()
    check_count(len(cues))
    return cues


def _is_prose(cues: list[Cue]) -> bool:
    tokens = [word for cue in cues[:500] for word in cue.text.split()[:2000]]
    spoken = sum(1 for word in tokens if any(map(str.isalpha, word)) and not any(c in "=<>{}\\/|#;" for c in word))
    unspaced = sum(len(cue.text) for cue in cues[:500] if not cue.text.isascii())
    return (len(tokens) >= MIN_WORDS or unspaced >= 4 * MIN_WORDS) and 10 * spoken >= 7 * len(tokens)
