"""What goes into extraction and what comes out of it, whoever extracts.

Belongs here: the values that `extractive.py`, `llm/` and `assets.py` exchange, and the identifier of an insight.
Doesn't: finding claims, checking them (`grounding/`), storing them (`assets.py`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["insight", "excerpt"]


@dataclass(frozen=True, kw_only=True)
class Episode:
    """What an extractor may know of an episode besides its words."""

    episode_id: str
    show_id: str
    show_title: str
    title: str
    description: str = ""
    language: str | None = None
    persons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An insight or excerpt that rests on words that were spoken.

    Attributes:
        kind: `insight` for a claim in the third person, `excerpt` for words as they were spoken.
        text: What the reader reads, 25 to 60 words.
        label: The factual label of an excerpt (speaker where known, show, subject); None for an insight.
        quote: Verbatim words of the transcript; an excerpt's quote is its text.
        start_s, end_s: Where the quote lies, in seconds.
        timed: False where these are estimates.
        speaker: Who says it, where the publisher names them.
        topics: Identifiers from `topics.TOPICS`.
        names: People, companies and products that the text names.
        centrality: How close it is to what the whole episode is about, in [0, 1].
        judge_score: How much a second model thinks it worth, in [0, 1]; None where none was asked.
        tokens_in, tokens_out, cost_usd: Its share of what its passage and the judge cost; the cost is None where no
            price is known.
    """

    kind: Kind
    text: str
    label: str | None = None
    quote: str
    start_s: float
    end_s: float
    timed: bool = True
    speaker: str | None = None
    topics: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    centrality: float = 0.5
    judge_score: float | None = None
    extractor: Literal["llm", "extractive"]
    model: str | None = None
    prompt_version: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = 0.0


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """A proposal that a gate refused."""

    candidate: Candidate
    rule: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What came of one question to a model about an episode.

    Attributes:
        purpose: `passage`: what is worth knowing in one; `judge`: which proposals of the episode are.
        passage: Which one, from 0; None for the judge.
        start_s, end_s: Where it lies, in seconds.
        outcome: As in `llm.answers.Outcome`.
        detail: Why it is not all that it should be; None where it is.
        failed: Whether it is asked again at the next run.
        proposed: How many items came.
        cost_usd: None where no price is known.
    """

    purpose: Literal["passage", "judge"]
    passage: int | None = None
    start_s: float | None = None
    end_s: float | None = None
    outcome: str
    detail: str | None = None
    failed: bool = False
    proposed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = 0.0


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """Everything that came of one episode.

    Attributes:
        passages: How many it was cut into.
        asked: What came of each question, where a model was asked.
        failures: What an operator should know of them, in words.
        unfinished: Why it was not read to its end, so that it has no candidates yet; None where it was.
        cost_usd: None where no price is known.
    """

    candidates: Sequence[Candidate] = ()
    rejections: Sequence[Rejection] = ()
    passages: int = 0
    asked: Sequence[Asked] = ()
    failures: Sequence[str] = field(default=())
    unfinished: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = 0.0

    @property
    def passages_failed(self) -> int:
        """How many passages are asked about again at the next run."""
        return sum(one.failed for one in self.asked if one.purpose == "passage")


def insight_id(day: dt.date, episode_id: str, start_s: float) -> str:
    """The identifier of the insight whose quote starts at `start_s` seconds, led by its day: `20261122-7f3a…`.

    Made from the quote's place to the second and never from the text, so that a better wording of the same claim keeps
    its links, votes and place in a reader's memory.
    """
    place = f"{episode_id}/{round(start_s)}"
    return f"{day:%Y%m%d}-{hashlib.sha256(place.encode()).hexdigest()[:16]}"
