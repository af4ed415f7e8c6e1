"""JSON: the podcast namespace's segments, Whisper's, and lists of words, under whatever names hosts give them.

Belongs here: finding the list of cues in a JSON document, and reading its entries.
Doesn't: putting words together into sentences (`settling.py`).
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from podbrief_assets.transcripts.dialects.cues import (
    ASK_PUBLISHER,
    MAX_GLUED,
    Cue,
    EmptyTranscript,
    NotATranscript,
    UnreadableTranscript,
    check_count,
    clean,
    clean_name,
    glue,
    seconds_of,
    span,
)
from podbrief_assets.transcripts.dialects.plain import parse_plain

# Names are compared in small letters without `_` and `-`: startTime, start_time and StartTime are one.
_TEXT = ("body", "text", "word", "punctuatedword", "content", "utf8", "sentence", "caption", "transcript", "segs")
_START = (
    "starttime",
    "start",
    "starts",
    "startsec",
    "startseconds",
    "begin",
    "from",
    "timestamp",
    "timestamps",
    "ts",
    "time",
)
_END = ("endtime", "end", "ends", "endsec", "endseconds", "to")
_LENGTH = ("duration", "dur", "length")
_START_MS = ("startms", "starttimems", "tstartms", "startmilliseconds", "offsetms", "startoffsetms")
_END_MS = ("endms", "endtimems", "endmilliseconds", "endoffsetms")
_LENGTH_MS = ("durationms", "ddurationms")
_SPEAKER = ("speaker", "speakername", "speakerlabel", "speakerid", "voice")
# A list under one of these names is a transcript also without times; earlier ones win, whole sentences before words.
_LISTS = (
    "segments",
    "utterances",
    "transcription",
    "transcript",
    "cues",
    "captions",
    "chunks",
    "events",
    "sentences",
    "words",
)
_BEARERS = ("text", "transcript", "transcription")

_MAX_NODES = 10_000  # looked at in search of the list
# Every element costs Python tens of bytes for one or two in the file: a limit on elements is one on memory.
_MAX_CONTAINERS = 1_500_000
_MAX_ELEMENTS = 4_000_000


def looks_like_json(text: str) -> bool:
    """Whether `text` begins as a JSON object or a list does; "[music]" doesn't."""
    return re.match(r'\s*(?:\{\s*["}]|\[\s*[\[{"\]])', text) is not None


def parse_json(text: str) -> list[Cue]:
    """The cues of a JSON transcript; of a file that breaks off, those before the break.

    Raises:
        EmptyTranscript: Its list of cues is empty, or has no word.
        NotATranscript: It is JSON of another kind, no JSON at all, or too large.
        UnreadableTranscript: It has a list of cues and none of them can be read.
    """
    if text.count("{") + text.count("[") > _MAX_CONTAINERS or text.count(",") > _MAX_ELEMENTS:
        raise NotATranscript("the JSON has more elements than any transcript", ASK_PUBLISHER)
    document = _load(text)
    entries = _find(document)
    if entries is None:
        if isinstance(document, dict):
            named = _normalised(document)
            bearer = next((named[key] for key in _BEARERS if isinstance(named.get(key), str)), None)
            if bearer and bearer.strip():
                return parse_plain(bearer)
        raise NotATranscript("the file is JSON without a list of segments", ASK_PUBLISHER)
    check_count(len(entries))
    cues = _cues([_normalised(entry) for entry in entries if isinstance(entry, dict)])
    if cues:
        return cues
    if all(isinstance(entry, dict) and not (_text(_normalised(entry)) or "").strip() for entry in entries):
        raise EmptyTranscript("the JSON has a list of segments without a word", ASK_PUBLISHER)
    raise UnreadableTranscript("none of the JSON's segments can be read", ASK_PUBLISHER)


def _load(text: str) -> Any:
    # Every number becomes a float, since an integer of a million digits takes Python minutes.
    decoder = json.JSONDecoder(parse_int=float, strict=False)
    try:
        return decoder.decode(text)
    except RecursionError:
        raise NotATranscript("the JSON is nested more deeply than any transcript", ASK_PUBLISHER) from None
    except ValueError:
        entries = list(_whole_entries(text, decoder))
    if not entries:
        raise NotATranscript("the file begins like JSON and is broken", ASK_PUBLISHER)
    return entries


def _whole_entries(text: str, decoder: json.JSONDecoder) -> Iterator[dict[str, Any]]:
    """The whole objects at the start of a list that breaks off, or one after the other (JSON lines)."""
    opening = re.search(rf'"(?:{"|".join(_LISTS)})"\s*:\s*\[', text) or re.match(r"\s*\[", text)
    position = opening.end() if opening else 0
    separator = re.compile(r"[\s,]*")
    while match := separator.match(text, position):
        try:
            entry, position = decoder.raw_decode(text, match.end())
        except (ValueError, RecursionError):
            return
        if isinstance(entry, dict):
            yield entry


def _normalised(entry: dict[str, Any]) -> dict[str, Any]:
    return {key.replace("_", "").replace("-", "").lower(): value for key, value in entry.items()}


def _find(document: Any) -> list[Any] | None:
    """The list of cues nearest to the top of `document`; of several on one level the best named."""
    level: deque[tuple[str, Any]] = deque([("segments" if isinstance(document, list) else "", document)])
    seen = 0
    while level and seen < _MAX_NODES:
        lists = [(name, node) for name, node in level if isinstance(node, list)]
        lists.sort(key=lambda pair: _LISTS.index(pair[0]) if pair[0] in _LISTS else len(_LISTS))
        for name, node in lists:
            if _holds_cues(name, node):
                return node
        below: deque[tuple[str, Any]] = deque()
        for _, node in level:
            children = node.items() if isinstance(node, dict) else (("", child) for child in node)
            for name, child in children:
                seen += 1
                if seen >= _MAX_NODES:
                    break
                if isinstance(child, dict | list):
                    below.append((name.replace("_", "").replace("-", "").lower(), child))
        level = below
    return None


def _holds_cues(name: str, entries: list[Any]) -> bool:
    if not entries:
        return name == "segments"
    head = [_normalised(entry) for entry in entries[:50] if isinstance(entry, dict)]
    spoken = [entry for entry in head if _text(entry) is not None]
    timed = [entry for entry in head if any(key in entry for key in (*_START, *_START_MS, "offsets"))]
    if name == "segments" and (spoken or timed):
        return True
    return 2 * len(spoken) >= len(head) > 0 and (name in _LISTS or 2 * len(timed) >= len(head))


def _text(entry: dict[str, Any]) -> str | None:
    for key in _TEXT:
        value = entry.get(key)
        if isinstance(value, str):
            return value
        if key == "segs" and isinstance(value, list):
            return "".join(str(part.get("utf8", "")) for part in value if isinstance(part, dict))
    words = entry.get("words")
    if isinstance(words, list):
        texts = [_text(_normalised(word)) or "" for word in words if isinstance(word, dict) and "words" not in word]
        # Whisper's words bring their own blanks; others' don't.
        return "".join(texts) if any(text.startswith(" ") for text in texts) else " ".join(texts)
    return None


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str) and len(value) <= 40:
        return seconds_of(value.strip().removesuffix("s"))
    return None


def _first(entry: dict[str, Any], keys: tuple[str, ...]) -> Any:
    return next((entry[key] for key in keys if entry.get(key) is not None), None)


def _times(entry: dict[str, Any]) -> tuple[float | None, float | None]:
    start_ms = _seconds(_first(entry, _START_MS))
    if start_ms is not None:
        end_ms, length_ms = _seconds(_first(entry, _END_MS)), _seconds(_first(entry, _LENGTH_MS))
        if end_ms is None and length_ms is not None:
            end_ms = start_ms + length_ms
        return start_ms / 1000, None if end_ms is None else end_ms / 1000
    start, end = _first(entry, _START), _first(entry, _END)
    bounds = start
    if isinstance(bounds, dict):  # whisper.cpp: {"from": "00:00:01,000", "to": …}
        start, end = bounds.get("from", bounds.get("start")), bounds.get("to", bounds.get("end"))
    elif isinstance(bounds, list):  # transformers: [1.0, 2.5]
        start, end = (*bounds[:2], None, None)[:2]
    start_s, end_s, length_s = _seconds(start), _seconds(end), _seconds(_first(entry, _LENGTH))
    if end_s is None and start_s is not None and length_s is not None:
        end_s = start_s + length_s
    return start_s, end_s


def _speaker(entry: dict[str, Any]) -> str | None:
    value = _first(entry, _SPEAKER)
    if isinstance(value, dict):
        value = value.get("name")
    if isinstance(value, float) and value.is_integer() and 0 <= value < 1000:
        return f"Speaker {int(value)}"  # a diariser's number, in the words that others use for it
    return clean_name(value) if isinstance(value, str) else None


def _cues(entries: list[dict[str, Any]]) -> list[Cue]:
    texts = [_text(entry) or "" for entry in entries]
    times = [_times(entry) for entry in entries]
    timed = sum(1 for start_s, _ in times if start_s is not None)
    scale = 1000.0 if _in_milliseconds(times, texts) else 1.0
    # Whisper's single words begin with a blank, and what doesn't is the rest of the word before ("state", "-of").
    single = sum(1 for text in texts if len(text.split()) <= 1)
    blanks = sum(1 for text in texts if text.startswith(" ") and text.strip())
    syllables = single == len(texts) and 2 * blanks >= len(texts)
    cues: list[Cue] = []
    for entry, text, (start, end) in zip(entries, texts, times, strict=True):
        words = clean(text)
        if not words:
            continue
        start_s, end_s = span(None if start is None else start / scale, None if end is None else end / scale)
        if start is not None and start_s is None:
            continue  # a time that can't be
        speaker = _speaker(entry)
        continues = cues and speaker in (None, cues[-1].speaker) and len(cues[-1].text) <= MAX_GLUED
        # WhisperX gives numbers no time ("in 2014"), though every other word has one.
        if continues and ((start_s is None and 2 * timed >= len(entries)) or (syllables and not text.startswith(" "))):
            before = cues[-1]
            joined = before.text + words if syllables and not text.startswith(" ") else glue(before.text, words)
            cues[-1] = replace(before, text=joined, end_s=end_s or before.end_s)
            continue
        cues.append(Cue(start_s=start_s, end_s=end_s, speaker=speaker, text=words))
    return cues


def _in_milliseconds(times: list[tuple[float | None, float | None]], texts: list[str]) -> bool:
    """Whether whole numbers stand for milliseconds: as seconds they would leave more than 20 for each word."""
    starts = [start for start, _ in times if start is not None]
    if len(starts) < 2 or not all(start.is_integer() for start in starts):
        return False
    return max(starts) - min(starts) > 20 * max(20, sum(len(text.split()) for text in texts))
