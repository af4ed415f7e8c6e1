"""From cues to segments: order, repeated captions, missing times, and the joining of short ones.

Belongs here: whatever is done alike for all dialects once their cues are read.
Doesn't: reading any dialect, deciding whether the result fits its episode.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise

from podbrief_assets.transcripts.dialects.cues import (
    ASK_PUBLISHER,
    MAX_GLUED,
    MAX_SECONDS,
    MAX_WORDS,
    Cue,
    EmptyTranscript,
    NotATranscript,
    check_count,
    clean_name,
    count_words,
    glue,
    share,
)
from podbrief_assets.transcripts.dialects.speakers import resolve
from podbrief_assets.transcripts.segment import Segment, duration_s

WORDS_PER_SECOND = 2.5
# Where only starts are known, a turn ends at the next start, or earlier where nobody speaks that slowly: music follows.
_SLOWEST_WORDS_PER_SECOND = 1.0
_PAUSE_S = 2.0

MAX_JOINED_WORDS = 60
MAX_JOINED_S = 30.0
MAX_GAP_S = 2.0

_CLOSING = re.compile(r"[,.;:!?…%)\]}’”\"'。、！？」』]+")
_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)\]»」』]*$")
_SENTENCE_BREAK = re.compile(r"(?<=[.!?…])[\"”’)]?\s+|(?<=[。！？])(?![」』”’）])")
# "No." and "I." are left out: they end far more sentences than they abbreviate. "U.S." and "e.g." are initials, too.
_ABBREVIATION = re.compile(
    r"(?:^|\s)(?:[A-HJ-Za-z]|(?:[A-Za-z]\.)+[A-Za-z]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|approx|bzw|Nr)\.$"
)


def settle(cues: Iterable[Cue]) -> list[Segment]:
    """Segments in order of time, each with finite times; words that are repeated on the screen are there once.

    Cues without a start take their place between their neighbours' times by their number of words and are not
    `timed`; where no cue has one, all are estimated from 2.5 words per second.

    Raises:
        EmptyTranscript: No cue has a word.
        NotATranscript: There are more words than fit into 48 hours.
    """
    cues = [cue for cue in cues if cue.text]
    if sum(count_words(cue.text) for cue in cues) > MAX_WORDS:
        raise NotATranscript("nobody can speak so many words in two days", ASK_PUBLISHER)
    ordered = _attached(_one_after_the_other(_spoken_once(_in_order(cues))))
    check_count(sum(cue.text.count("\n") for cue in ordered) // 5)
    spoken = [replace(cue, text=" ".join(cue.text.split())) for cue in resolve(ordered)]
    spoken = [part for cue in spoken if any(map(str.isalnum, cue.text)) for part in _parts(cue)]
    if not spoken:
        raise EmptyTranscript("the transcript has no words", ASK_PUBLISHER)
    starts = _starts([cue.start_s for cue in spoken], [count_words(cue.text) for cue in spoken])
    if starts[-1] > MAX_SECONDS:
        raise NotATranscript("nobody can speak so many words in two days", ASK_PUBLISHER)
    segments: list[Segment] = []
    for position, cue in enumerate(spoken):
        start_s = starts[position]
        following = starts[position + 1] if position + 1 < len(starts) else None
        end_s = cue.end_s
        if end_s is None or end_s < start_s:
            words = count_words(cue.text)
            end_s = start_s + words / WORDS_PER_SECOND
            if following is not None:
                end_s = min(following, start_s + words / _SLOWEST_WORDS_PER_SECOND + _PAUSE_S)
        segments.append(
            Segment(
                start_s=round(start_s, 3),
                end_s=round(max(start_s, min(end_s, MAX_SECONDS)), 3),
                speaker=clean_name(cue.speaker),
                text=cue.text,
                timed=cue.start_s is not None,
            )
        )
    return segments


def _in_order(cues: Iterable[Cue]) -> list[Cue]:
    """By start; a cue without one stays behind the cue that it follows."""
    keyed: list[tuple[float, Cue]] = []
    last = 0.0
    for cue in cues:
        last = last if cue.start_s is None else cue.start_s
        keyed.append((last, cue))
    keyed.sort(key=lambda pair: pair[0])
    return [cue for _, cue in keyed]


def _spoken_once(cues: list[Cue]) -> list[Cue]:
    """Without what is shown again: the same cue twice, and the lines that rolling captions keep on the screen.

    Captions roll in a file where a fifth of the cues, and at least two, follow the one before without a gap, open
    with its last line and go on, or repeat it whole and go on in the same line. Elsewhere a line that comes twice was
    said twice.
    """
    unique = [
        cue
        for before, cue in zip([None, *cues], cues, strict=False)
        if before is None or cue.start_s is None or cue.end_s == cue.start_s or cue != before
    ]
    pairs = [(a, b) for a, b in pairwise(unique) if _adjacent(a, b)]
    rolling = sum(1 for a, b in pairs if "\n" in b.text and b.text.startswith(a.text.rsplit("\n", 1)[-1] + "\n"))
    growing = sum(1 for a, b in pairs if b.text.startswith(a.text + " "))
    if rolling >= 2 and 5 * rolling >= len(unique):
        return _unrolled(unique)
    if growing >= 2 and 5 * growing >= len(unique):
        return _ungrown(unique)
    return unique


def _adjacent(before: Cue, cue: Cue) -> bool:
    return None not in (before.end_s, cue.start_s) and (cue.start_s or 0.0) <= (before.end_s or 0.0) + 0.1


def _unrolled(cues: list[Cue]) -> list[Cue]:
    fresh: list[Cue] = []
    for before, cue in zip([None, *cues], cues, strict=False):
        lines = cue.text.split("\n")
        if before is not None and _adjacent(before, cue):
            shown = before.text.split("\n")
            kept = next((n for n in range(min(len(lines), len(shown), 4), 0, -1) if shown[-n:] == lines[:n]), 0)
            lines = lines[kept:]
        if lines:
            fresh.append(replace(cue, text="\n".join(lines)))
    return fresh


def _ungrown(cues: list[Cue]) -> list[Cue]:
    grown: list[Cue] = []
    for cue in cues:
        if grown and _adjacent(grown[-1], cue) and cue.text.startswith(grown[-1].text + " "):
            grown[-1] = replace(cue, start_s=grown[-1].start_s)
        else:
            grown.append(cue)
    return grown


def _one_after_the_other(cues: list[Cue]) -> list[Cue]:
    """With the lines of one caption, which a host gives as cues with the same two times, sharing these by words."""
    ordered: list[Cue] = []
    for _, same in groupby(cues, key=lambda cue: (cue.start_s, cue.end_s)):
        lines = list(same)
        start_s, end_s = lines[0].start_s, lines[0].end_s
        if len(lines) == 1 or start_s is None or end_s is None:
            ordered += lines
            continue
        parts = share([(line.speaker, line.text) for line in lines], start_s, end_s)
        ordered += [replace(part, turn=line.turn) for part, line in zip(parts, lines, strict=True)]
    return ordered


def _attached(cues: list[Cue]) -> list[Cue]:
    """With commas and full stops, which word-level files keep as words of their own, put to the word before."""
    attached: list[Cue] = []
    for cue in cues:
        closing = len(cue.text) <= 8 and _CLOSING.fullmatch(cue.text)
        if closing and attached and cue.speaker == attached[-1].speaker and len(attached[-1].text) <= MAX_GLUED:
            attached[-1] = replace(
                attached[-1], text=attached[-1].text + cue.text, end_s=cue.end_s or attached[-1].end_s
            )
        else:
            attached.append(cue)
    return attached


def _parts(cue: Cue) -> list[Cue]:
    """A long untimed cue in parts of whole sentences, since its times are estimates anyway; any other as it is.

    A recogniser that knows no full stop writes an hour as one sentence, which is cut at every sixtieth word.
    """
    if cue.start_s is not None or count_words(cue.text) <= MAX_JOINED_WORDS:
        return [cue]
    parts: list[list[str]] = [[]]
    size = 0
    sentences = [piece for sentence in _sentences(cue.text) for piece in _pieces(sentence)]
    for sentence in sentences:
        words = count_words(sentence)
        if parts[-1] and size + words > MAX_JOINED_WORDS:
            parts.append([])
            size = 0
        parts[-1].append(sentence)
        size += words
    return [replace(cue, text=_glued(part)) for part in parts]


def _pieces(sentence: str) -> list[str]:
    words = sentence.split()
    if len(words) <= MAX_JOINED_WORDS:
        return [sentence]
    return [" ".join(words[n : n + MAX_JOINED_WORDS]) for n in range(0, len(words), MAX_JOINED_WORDS)]


def _sentences(text: str) -> list[str]:
    sentences: list[str] = []
    begin = 0
    for match in _SENTENCE_BREAK.finditer(text):
        goes_on = text[match.end() : match.end() + 1].islower()  # "Yahoo! is", "well... maybe"
        if goes_on or not ends_sentence(text[max(begin, match.start() - 20) : match.end()].strip()):
            continue
        sentences.append(text[begin : match.end()].strip())
        begin = match.end()
    sentences.append(text[begin:].strip())
    return [sentence for sentence in sentences if sentence]


def _starts(known: Sequence[float | None], words: Sequence[int]) -> list[float]:
    """`known` with its gaps filled at 2.5 words per second, or faster where the next known start leaves less time."""
    starts: list[float] = []
    begin_s = 0.0
    position = 0
    while position < len(known):
        stop = next((n for n in range(position + 1, len(known)) if known[n] is not None), len(known))
        begin_s = max(begin_s, known[position] or 0.0)
        total = sum(words[position:stop])
        until = known[stop] if stop < len(known) else None
        rate = WORDS_PER_SECOND
        if until is not None and total:
            rate = max(rate, total / (until - begin_s)) if until > begin_s else math.inf
        said = 0
        for n in range(position, stop):
            starts.append(begin_s + said / rate)
            said += words[n]
        position = stop
    return starts


def ends_sentence(text: str) -> bool:
    """Whether `text` ends as a sentence does, and not with an abbreviation or an initial."""
    return _SENTENCE_END.search(text[-20:]) is not None and _ABBREVIATION.search(text[-20:]) is None


def join(segments: Iterable[Segment]) -> list[Segment]:
    """Short segments of one speaker joined to whole sentences.

    Captions break where the screen is full: a sentence that ends inside a segment ends the joined one, and what follows
    it there opens the next, at a time that is shared out by words. A segment that nothing has to be joined to stays
    as it is. A joined segment has at most 60 words and lasts at most 30 seconds; a longer segment stays as it is.
    Nothing is joined across speakers, across a gap of more than 2 seconds, or across stated and estimated times.
    Joining what was joined changes nothing.
    """
    return [joined for run, limits in _runs(list(segments)) for joined in _in_sentences(run, limits)]


def _runs(segments: Sequence[Segment]) -> Iterator[tuple[list[Segment], list[float]]]:
    """Stretches of one speaker without a gap, and for each segment the start of the next, its own speaker's or not."""
    run: list[Segment] = []
    limits: list[float] = []
    end_s = 0.0
    for number, segment in enumerate(segments):
        if run and (
            run[-1].speaker != segment.speaker
            or run[-1].timed != segment.timed
            or (segment.timed and segment.start_s - end_s > MAX_GAP_S)
        ):
            yield run, limits
            run, limits = [], []
        end_s = max(end_s, segment.end_s) if run else segment.end_s
        run.append(segment)
        limits.append(segments[number + 1].start_s if number + 1 < len(segments) else math.inf)
    if run:
        yield run, limits


def _in_sentences(run: Sequence[Segment], limits: Sequence[float]) -> Iterator[Segment]:
    held: list[Segment] = []  # their sentence has not ended yet
    for number, given in enumerate(run):
        segment, limit_s = given, limits[number]
        if held and not _fit(held, segment):
            head, tail = _longest_head(held, segment, limit_s)
            yield _whole([*held, head] if head else held)
            held, segment = [], tail
        following = run[number + 1] if number + 1 < len(run) else None
        if ends_sentence(segment.text) or following is None or not _fit([], segment):
            yield _whole([*held, segment])
            held = []
            continue
        parts = _sentences(segment.text)
        if len(parts) == 1:
            held.append(segment)
            continue
        head, tail = _split(segment, parts, len(parts) - 1, limit_s)
        if _fit([tail], following) or _longest_head([tail], following, limits[number + 1])[0]:
            yield _whole([*held, head])
            held = [tail]
        else:  # what is left would be a fragment that nothing completes
            yield _whole([*held, segment])
            held = []
    if held:
        yield _whole(held)


def _fit(held: Sequence[Segment], segment: Segment) -> bool:
    parts = [*held, segment]
    lasts_s = max(part.end_s for part in parts) - parts[0].start_s
    return lasts_s <= MAX_JOINED_S and sum(count_words(part.text) for part in parts) <= MAX_JOINED_WORDS


def _longest_head(held: Sequence[Segment], segment: Segment, limit_s: float) -> tuple[Segment | None, Segment]:
    """The most whole sentences at the start of `segment` that fit behind `held`, and the rest of it."""
    if _fit([], segment):
        parts = _sentences(segment.text)
        for count in range(len(parts) - 1, 0, -1):
            head, tail = _split(segment, parts, count, limit_s)
            if _fit(held, head):
                return head, tail
    return None, segment


def _split(segment: Segment, sentences: Sequence[str], count: int, limit_s: float) -> tuple[Segment, Segment]:
    """`segment`, whose sentences are given, after its first `count`; its time is shared by words.

    The second part begins no later than `limit_s`, where the next segment does: order is kept where times overlap.
    """
    before, after = _glued(sentences[:count]), _glued(sentences[count:])
    said = count_words(before) / (count_words(before) + count_words(after))
    at_s = round(segment.start_s + said * (segment.end_s - segment.start_s), 3)
    at_s = max(segment.start_s, min(at_s, segment.end_s, limit_s))
    return replace(segment, end_s=at_s, text=before), replace(segment, start_s=at_s, text=after)


def _whole(parts: Sequence[Segment]) -> Segment:
    if len(parts) == 1:
        return parts[0]
    return replace(parts[0], end_s=max(part.end_s for part in parts), text=_glued([part.text for part in parts]))


def _glued(pieces: Sequence[str]) -> str:
    text = pieces[0]
    for piece in pieces[1:]:
        text = glue(text, piece)
    return text


def rescale(segments: Sequence[Segment], duration: float) -> list[Segment]:
    """Estimated times stretched or pressed so that the last segment ends at `duration` seconds.

    Segments come back as they are where any of them has a stated time, or where `duration` is no positive number.
    """
    end_s = duration_s(segments)
    if not end_s or not math.isfinite(duration) or duration <= 0 or any(segment.timed for segment in segments):
        return list(segments)
    factor = duration / end_s
    return [replace(s, start_s=s.start_s * factor, end_s=min(s.end_s * factor, duration)) for s in segments]
