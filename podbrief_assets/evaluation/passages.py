"""Measure whether passages end where the topic of a conversation changes.

Belongs here: meetings whose topics people marked, the distance between their borders and ours, and two simple ways of
cutting to compare with.
Doesn't: cutting (`insights/passages.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from podbrief_assets.evaluation.corpus import SPEECH_RATE
from podbrief_assets.evaluation.figures import Figure, LabelledData
from podbrief_assets.insights.passages import cut
from podbrief_assets.insights.text import word_count
from podbrief_assets.transcripts.segment import Segment

_PASSAGE_WORDS = 1200
_TURNS_PER_PASSAGE_END = 2
# How full podbrief's passages are on average, so that as many are made as there are topics.
_ROOM = 0.7

Borders = list[int]
Cutter = Callable[[Sequence[Segment], int], Borders]


@dataclass(frozen=True)
class Meeting:
    """A typed conversation.

    Attributes:
        segments: Its turns.
        borders: Before which of its words another topic begins, as people marked it.
        words: How many it has.
    """

    segments: list[Segment]
    borders: Borders
    words: int


def meetings(folder: Path) -> list[Meeting]:
    """The meetings in `folder` (`eval/qmsum/val/` of the corpus) of which more than one topic is marked."""
    found = [_meeting(json.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*.json"))]
    return [meeting for meeting in found if meeting.borders]


def _meeting(read: dict[str, list[dict[str, object]]]) -> Meeting:
    segments: list[Segment] = []
    starts, at = [], 0
    for turn in read["meeting_transcripts"]:
        text = " ".join(str(turn["content"]).split())
        starts.append(at)
        end = at + word_count(text)
        segments.append(
            Segment(start_s=at / SPEECH_RATE, end_s=end / SPEECH_RATE, speaker=str(turn["speaker"]), text=text)
        )
        at = end
    spans = [span for topic in read["topic_list"] for span in topic["relevant_text_span"]]  # type: ignore[attr-defined]
    borders = sorted({starts[int(first)] for first, _ in spans if 0 < int(first) < len(starts)} - {0, at})
    return Meeting(segments, borders, at)


def ours(segments: Sequence[Segment], max_words: int) -> Borders:
    """The borders that podbrief lays."""
    lengths = [word_count(passage.text) for passage in cut(segments, (), max_words=max_words)]
    return [int(border) for border in np.cumsum(lengths)[:-1]]


def even(segments: Sequence[Segment], max_words: int) -> Borders:
    """Passages of equal lengths, as many as podbrief makes."""
    words = sum(word_count(segment.text) for segment in segments)
    count = len(ours(segments, max_words)) + 1
    return [round(words * place / count) for place in range(1, count)]


def greedy(segments: Sequence[Segment], max_words: int) -> Borders:
    """Each passage as full as turns allow, as podbrief cut before, with at most as many passages as it makes now."""
    count, size = len(ours(segments, max_words)), max_words
    while len(borders := _fill(segments, size)) > count:
        size += max(1, size // 50)
    while size > 1 and len(fuller := _fill(segments, size - max(1, size // 50))) <= count:
        borders, size = fuller, size - max(1, size // 50)
    return borders


def _fill(segments: Sequence[Segment], max_words: int) -> Borders:
    """Where passages end that take turns until one does not fit; a turn longer than a passage is cut where it must."""
    borders, held, at = [], 0, 0
    for segment in segments:
        count = word_count(segment.text)
        if held and held + count > max_words and held * _TURNS_PER_PASSAGE_END >= max_words:
            borders.append(at)
            held = 0
        while held + count > max_words:
            at += max_words - held
            count -= max_words - held
            borders.append(at)
            held = 0
        held += count
        at += count
    return borders


def pk(marked: Borders, laid: Borders, words: int) -> float:
    """How often two words half a topic apart are wrongly held for one topic or for two (Beeferman et al. 1999)."""
    one, other = _apart(marked, words, marked), _apart(laid, words, marked)
    return float(np.mean((one > 0) != (other > 0)))


def window_diff(marked: Borders, laid: Borders, words: int) -> float:
    """How often the number of borders in a window of half a topic is wrong (Pevzner and Hearst 2002)."""
    return float(np.mean(_apart(marked, words, marked) != _apart(laid, words, marked)))


def _apart(borders: Borders, words: int, marked: Borders) -> npt.NDArray[np.int64]:
    """How many borders lie between each word and the one half a mean topic after it (words - half,)."""
    half = max(1, round(words / (len(marked) + 1) / 2))
    topic = np.zeros(words, np.int64)
    topic[np.asarray(borders, np.int64)] = 1
    topic = np.cumsum(topic)
    return topic[half:] - topic[:-half]


def figures(data: LabelledData) -> Iterator[Figure]:
    """Pk and WindowDiff of our borders, of equal lengths and of the fullest turns; 0 is best."""
    found = meetings(data.of_corpus("eval", "qmsum", "val"))
    cutters: dict[str, Cutter] = {"our borders": ours, "equal lengths": even, "as full as turns allow": greedy}
    for what in ("passages as long as a topic on average", f"passages of at most {_PASSAGE_WORDS:,} words"):
        for how, cutter in cutters.items():
            laid = [cutter(one.segments, _PASSAGE_WORDS if "at most" in what else _topic_words(one)) for one in found]
            for measure, name in ((pk, "Pk"), (window_diff, "WindowDiff")):
                values = [measure(one.borders, borders, one.words) for one, borders in zip(found, laid, strict=True)]
                yield Figure(
                    name=f"{name} of {how}, {what}",
                    value=float(np.mean(values)),
                    note=f"{len(found)} meetings, {sum(len(one.borders) for one in found)} marked borders, "
                    f"{sum(map(len, laid))} laid",
                )
    yield from _fullness(found)


def _topic_words(meeting: Meeting) -> int:
    """The most words of a passage with which there are about as many passages as topics."""
    return round(meeting.words / (len(meeting.borders) + 1) / _ROOM)


def _fullness(found: Sequence[Meeting]) -> Iterator[Figure]:
    for how, cutter in (("our borders", ours), ("as full as turns allow", greedy)):
        shares = []
        for one in found:
            borders = [0, *cutter(one.segments, _PASSAGE_WORDS), one.words]
            lengths = np.diff(borders)
            shares.append(lengths.min() / lengths.mean())
        yield Figure(
            name=f"shortest passage of a meeting as a share of its mean one, {how}",
            value=float(np.mean(shares)),
            form="share",
            note=f"{len(found)} meetings; 100% where all are equally long",
        )
