"""Captions: VTT, SRT, SBV and Whisper's TSV, read by one rule as far as they are alike.

Belongs here: files in which a line says from when to when, and the words follow.
Doesn't: repeated lines of rolling captions (`settling.py`), names before a colon (`speakers.py`).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

from podbrief_assets.transcripts.dialects.cues import (
    ASK_PUBLISHER,
    Cue,
    EmptyTranscript,
    NotATranscript,
    UnreadableTranscript,
    check_count,
    clean,
    clean_name,
    seconds_of,
    share,
    span,
    strip_tags,
)

# An arrow has lost its blanks (`00:00:00,000-->00:00:02,000`), or a dash on the way through an editor; a bracket before
# the line is Whisper's own log. The rest of a line is VTT's cue settings or SRT's coordinates.
_TIMING = re.compile(
    r"^[ \t]*(?P<bracket>(?:\[[ \t]*)?)(?P<start>\d[\w:.,;]{0,24})[ \t]*(?:[-–—=]{1,3}[ \t]?>|→)"
    r"[ \t]*(?P<end>[^\s\]]{0,40})[ \t]*\]?(?P<rest>.*)$",
    re.M,
)
_SBV = re.compile(
    r"^[ \t]*(?P<start>\d{1,3}:\d\d:\d[\w.]{1,8}),(?P<end>\d{1,3}:\d\d:\d[\w.]{1,8})[ \t]*(?P<bracket>)(?P<rest>)$",
    re.M,
)
# Blocks without times that still belong to the cue before them: each of its lines, where every line was doubled.
_MAX_STRAYS = 5
_VTT = re.compile(r"WEBVTT(?:[ \t\n]|$)")
_ASIDE = re.compile(r"(?:NOTE|STYLE|REGION)(?:[ \t]|$)|X-TIMESTAMP-MAP")
_VOICE = re.compile(r"<v(?:\.[^\s<>]{0,100})?(?:[ \t]([^<>]{0,300}))?>")
_TSV_HEADER = re.compile(r"start[a-z_]*\tend[a-z_]*\t", re.I)
_TSV_ROW = re.compile(r"^(\d{1,12}(?:\.\d{1,9})?)\t(\d{1,12}(?:\.\d{1,9})?)\t", re.M)


def is_vtt(text: str) -> bool:
    """Whether the file says that it is VTT, whatever follows."""
    return _VTT.match(text) is not None


def is_captions(text: str) -> bool:
    """Whether a line gives two times with an arrow (VTT, SRT, Whisper's log) or, as in SBV, a comma between them."""
    return is_vtt(text) or _TIMING.search(text) is not None or _SBV.search(text) is not None


def parse_captions(text: str) -> list[Cue]:
    """The cues of a VTT, SRT or SBV file.

    A cue whose start can't be read is left out; an end that can't be read is unknown. Words that a blank line
    separates from their cue belong to it all the same: whole shows are exported with every line doubled.

    Raises:
        EmptyTranscript: A VTT header with nothing below it, or cues without words.
        UnreadableTranscript: There are cues, and none has a time that can be read.
        NotATranscript: There are more cues than an episode can have, or more text around the captions than in them.
    """
    check_count(text.count("<v"))
    vtt = is_vtt(text)
    timing = _TIMING if _TIMING.search(text) else _SBV
    cues: list[Cue] = []
    valid = total = 0
    for start, end, payload in _payloads(text, timing, vtt=vtt):
        total += 1
        check_count(total)
        start_s, end_s = span(seconds_of(start), seconds_of(end))
        if start_s is None:
            continue
        valid += 1
        # VTT escapes what is no tag, so that everything in brackets is one; SRT escapes nothing.
        cues += _voices(payload, start_s, end_s, tags=vtt)
    if cues:
        return cues
    if total == valid:
        raise EmptyTranscript("the captions have no words", ASK_PUBLISHER)
    raise UnreadableTranscript("none of the captions has a time that can be read", ASK_PUBLISHER)


def _payloads(text: str, timing: re.Pattern[str], *, vtt: bool) -> Iterator[tuple[str, str, str]]:
    """(start, end, raw words) of each cue, from blocks of lines that blank lines separate."""
    start = end = ""
    lines: list[str] = []
    strays = outside = inside_all = 0
    for number, block in enumerate(_blocks(text)):
        found = [match for line in block if (match := timing.match(line))]
        if not found:
            if vtt and (number == 0 or _ASIDE.match(block[0])):
                continue  # the header, a note, a style
            strays += 1
            if start and strays <= _MAX_STRAYS:
                lines += block[1:] if block[0].strip().isdigit() else block
            else:
                outside += len(block)
            continue
        inside_all += len(block)
        strays = 0
        inside = False
        for position, line in enumerate(block):
            match = timing.match(line)
            if match is None:
                next_is_timing = position + 1 < len(block) and timing.match(block[position + 1])
                if inside and not (next_is_timing and line.strip().isdigit()):
                    lines.append(line)
                continue
            if start:
                yield start, end, "\n".join(lines)
            start, end, inside = match["start"], match["end"], True
            lines = [match["rest"]] if match["bracket"] else []
    if start:
        yield start, end, "\n".join(lines)
    # The specification of VTT has captions in it too.
    if outside > inside_all:
        raise NotATranscript("the file is a text about something else with captions inside", ASK_PUBLISHER)


def _blocks(text: str) -> Iterator[list[str]]:
    block: list[str] = []
    for line in io.StringIO(text):
        if line.strip():
            block.append(line.rstrip("\n"))
        elif block:
            yield block
            block = []
    if block:
        yield block


def _voices(payload: str, start_s: float, end_s: float | None, *, tags: bool) -> list[Cue]:
    """One cue for each voice in `payload`, which share its time by their words."""
    parts = _VOICE.split(payload)
    names: list[str | None] = [None, *map(clean_name, parts[1::2])]
    voices = []
    for name, part in zip(names, parts[::2], strict=True):
        words = clean(strip_tags(part) if tags else part)
        if words:
            voices.append((name, words))
    if len(voices) == 1:
        return [Cue(start_s=start_s, end_s=end_s, speaker=voices[0][0], text=voices[0][1])]
    return share(voices, start_s, end_s)


def is_tsv(text: str) -> bool:
    """Whether the file is a table of start, end and text with tabs between them."""
    return _TSV_HEADER.match(text) is not None or len(_TSV_ROW.findall(text[:10_000])) >= 2


def parse_tsv(text: str) -> list[Cue]:
    """The cues of a tab-separated table: Whisper's in milliseconds, or seconds with decimals (Audacity's labels).

    Raises:
        EmptyTranscript: There is a header and nothing else.
        UnreadableTranscript: No row can be read.
        NotATranscript: There are more cues than an episode can have.
    """
    header = ["start", "end", "text"]
    rows: list[list[str]] = []
    for number, line in enumerate(io.StringIO(text)):
        fields = line.rstrip("\n").split("\t", maxsplit=max(2, len(header) - 1))
        if number == 0 and _TSV_HEADER.match(line):
            header = [field.strip().lower() for field in line.split("\t", maxsplit=9)]
        elif line.strip():
            rows.append(fields)
            check_count(len(rows))
    if not rows:
        raise EmptyTranscript("the table of captions has a header and no row", ASK_PUBLISHER)
    scale = 1.0 if any("." in field for row in rows for field in row[:2]) else 1000.0
    cues: list[Cue] = []
    for fields in rows:
        row = dict(zip(header, fields, strict=False))
        start_s, end_s = span(*(_scaled(fields[at], scale) if at < len(fields) else None for at in (0, 1)))
        words = clean(row.get("text") or (fields[-1] if len(fields) > 2 else ""))
        if start_s is not None and words:
            cues.append(Cue(start_s=start_s, end_s=end_s, speaker=clean_name(row.get("speaker")), text=words))
    if not cues:
        raise UnreadableTranscript("no row of the table of captions can be read", ASK_PUBLISHER)
    return cues


def _scaled(field: str, scale: float) -> float | None:
    match = re.fullmatch(r"\d{1,12}(?:\.\d{1,9})?", field.strip())
    return float(match[0]) / scale if match else seconds_of(field)
