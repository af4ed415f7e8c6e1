"""Let a language model say where a stretch of advertising begins and ends.

Belongs here: the question about the sentences around a stretch's borders, and what its answer may change.
Doesn't: finding the stretches (`insights/sponsors.py`): none is dropped, added or moved elsewhere here.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal

from podbrief_assets.insights.candidates import Episode
from podbrief_assets.insights.llm.answers import Answer, Cache, Reading, read_object
from podbrief_assets.insights.llm.asking import Asker
from podbrief_assets.insights.llm.failures import LlmUnavailable
from podbrief_assets.insights.llm.question import Prompt, Question, about_episode, fenced, prompt, record
from podbrief_assets.insights.sponsors import Sentence, Span, split_sentences
from podbrief_assets.transcripts.segment import Segment

AROUND = 8  # sentences on either side of a border
_SAME_S = 0.05  # times of one sentence, computed twice

Borders = Literal["moved", "confirmed", "invalid", "failed", "budget"]
_NO_ANSWER: dict[str, Borders] = {"budget": "budget", "invalid": "invalid"}


@dataclass(frozen=True, kw_only=True)
class Refined:
    """A stretch after its borders were looked at.

    Attributes:
        borders: moved; confirmed; invalid: what the model says can't be, and changed nothing; failed: no answer;
            budget: not asked.
        detail: Why nothing came of it.
        cost_usd: None where no price is known.
    """

    span: Span
    borders: Borders
    detail: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = 0.0


@dataclass(frozen=True, kw_only=True)
class _Window:
    """A stretch among an episode's sentences, by their places: from `first` to `last`, both in it.

    Attributes:
        starts, ends: Where its first and its last sentence may be.
    """

    first: int
    last: int
    starts: range
    ends: range


def instructions() -> Prompt:
    """The instructions in `prompts/borders.md`."""
    return prompt("borders")


def refine(
    asker: Asker, episode: Episode, segments: Sequence[Segment], spans: Sequence[Span], cache: Cache | None = None
) -> list[Refined]:
    """`spans`, which are sorted and do not overlap, each with the borders that the model gives it.

    A border moves by at most eight sentences and never into another stretch. Whatever else the model says, and whatever
    goes wrong, leaves the stretch as it was.
    """
    sentences = split_sentences(segments)
    windows = _windows(sentences, spans)

    def asked(window: _Window | None) -> Answer[tuple[int, ...]] | None:
        if window is None:
            return None
        try:
            return asker.ask(_question(episode, sentences, window), cache)
        except LlmUnavailable as error:
            return Answer(outcome="unavailable", detail=str(error))

    if not spans:
        return []
    with ThreadPoolExecutor(min(asker.settings.concurrency, len(spans)), thread_name_prefix="llm") as pool:
        answers = list(pool.map(asked, windows))
    return [
        _refined(span, window, answer, sentences) for span, window, answer in zip(spans, windows, answers, strict=True)
    ]


def _windows(sentences: Sequence[Sentence], spans: Sequence[Span]) -> list[_Window | None]:
    """Each stretch among the sentences; None where none of them lies in it.

    Between two stretches, sentences are split among them, so that none can be claimed by both.
    """
    places: list[tuple[int, int] | None] = []
    for span in spans:
        inside = [
            number
            for number, sentence in enumerate(sentences)
            if sentence.start_s >= span.start_s - _SAME_S and sentence.end_s <= span.end_s + _SAME_S
        ]
        places.append((inside[0], inside[-1]) if inside else None)
    found = [place for place in places if place is not None]
    windows: list[_Window | None] = []
    order = -1
    for place in places:
        if place is None:
            windows.append(None)
            continue
        order += 1
        first, last = place
        before = (found[order - 1][1] + 1 + first) // 2 if order else 0
        after = (last + found[order + 1][0]) // 2 if order + 1 < len(found) else len(sentences) - 1
        windows.append(
            _Window(
                first=first,
                last=last,
                starts=range(max(before, first - AROUND), min(first + AROUND, last) + 1),
                ends=range(max(first, last - AROUND), min(after, last + AROUND) + 1),
            )
        )
    return windows


def _question(episode: Episode, sentences: Sequence[Sentence], window: _Window) -> Question[tuple[int, ...]]:
    """Where the stretch begins and ends; sentences are numbered from 1 for the first one shown."""
    shown = sorted({*window.starts, *window.ends})
    offset = shown[0] - 1
    lines: list[str] = []
    for place, number in enumerate(shown):
        if place and shown[place - 1] != number - 1:
            lines.append("…")
        lines.append(f"{number - offset}: {' '.join(sentences[number].text.split())}")
    guess = f"found so far: {window.first - offset} to {window.last - offset}"
    known = about_episode(replace(episode, description=""))

    def read(content: str) -> Reading[tuple[int, ...]]:
        return _read(content, offset)

    return Question(
        about="borders",
        prompt=instructions(),
        data=fenced([*known, guess, "", "sentences:", *lines]),
        schema=record({"first": {"type": "integer"}, "last": {"type": "integer"}}),
        read=read,
    )


def _read(content: str, offset: int) -> Reading[tuple[int, ...]]:
    """The places of the first and last sentence that an answer names, right or wrong."""
    found = read_object(content, "first", "last")
    first, last = (found["first"], found["last"]) if found else (None, None)
    if type(first) is not int or type(last) is not int:
        return Reading(value=(), problem="no JSON object with the numbers first and last")
    return Reading(value=(first + offset, last + offset))


def _refined(span: Span, window: _Window | None, answer: Answer[Any] | None, sentences: Sequence[Sentence]) -> Refined:
    if window is None or answer is None:
        return Refined(span=span, borders="confirmed", detail="no whole sentence lies in it, so that nothing was asked")
    spent = Refined(
        span=span,
        borders=_NO_ANSWER.get(answer.outcome, "failed"),
        detail=answer.detail,
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        cost_usd=answer.cost_usd,
    )
    if answer.outcome != "answered" or answer.value is None:
        return spent
    first, last = answer.value
    if (first, last) == (window.first, window.last):
        return replace(spent, borders="confirmed")
    if first not in window.starts or last not in window.ends or first > last:
        return replace(spent, borders="invalid", detail="it names sentences that the borders can't be moved to")
    start_s = span.start_s if first == window.first else sentences[first].start_s
    end_s = span.end_s if last == window.last else sentences[last].end_s
    return replace(spent, borders="moved", span=replace(span, start_s=start_s, end_s=max(start_s, end_s)))
