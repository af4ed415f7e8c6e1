"""What a language model's answer says.

Belongs here: the outcomes that are told apart, finding JSON in a text, keeping an answer for the next run.
Doesn't: getting one (asking.py), the items of each kind of answer (proposals.py, judge.py, borders.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, Literal, Protocol, TypeVar, cast

T = TypeVar("T")

Outcome = Literal[
    "answered",
    "empty",
    "truncated",
    "invalid",
    "refused",
    "filtered",
    "too_long",
    "rejected",
    "rate_limited",
    "server_error",
    "timed_out",
    "unavailable",
    "budget",
]

_MOST_ANSWER = 200_000
_MOST_STARTS = 20


class Cache(Protocol):
    """Where answers are kept between runs; both methods are called from several threads."""

    def get(self, key: str) -> bytes | None:
        """What is kept under `key`, or None."""

    def put(self, key: str, value: bytes) -> None:
        """Keep `value` under `key`."""


@dataclass(frozen=True, kw_only=True)
class Reading(Generic[T]):
    """What an answer's text says.

    Attributes:
        value: What can be used of it.
        empty: Whether it says, in the form asked for, that there is nothing to tell.
        problem: Why it is not of the form asked for; None where it is.
    """

    value: T
    empty: bool = False
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Answer(Generic[T]):
    """What came of one question.

    Attributes:
        outcome: answered; empty: in the form asked for, and with nothing in it; truncated at the limit of tokens;
            invalid: not of the form asked for, also when asked again; refused by the model; filtered by the provider;
            too_long for the model's window; rejected by the server as a request; rate_limited; server_error; timed_out;
            unavailable: asking was given up; budget: not asked.
        detail: Why it is not all that it should be, and what to do; None where it is.
        value: What can be used of it; None where that is nothing.
        tokens_in, tokens_out, cost_usd: Of all attempts together; the cost is None where no price is known.
    """

    outcome: Outcome
    detail: str | None = None
    value: T | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = 0.0

    @property
    def kept(self) -> bool:
        """Whether asking again would be a waste, so that the answer goes into the cache.

        The model would be cut at the same limit again, which is part of the key: what it said in full is kept.
        """
        return self.outcome in {"answered", "empty"} or (self.outcome == "truncated" and bool(self.value))


@dataclass(frozen=True, kw_only=True)
class Completion:
    """A model's answer as it came, which is what the cache keeps: a better reader reads old answers better.

    Attributes:
        content: The text.
        cut: Whether it ends at the limit of tokens.
        limit: That limit.
    """

    content: str
    cut: bool
    limit: int
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = 0.0

    def answer(self, read: Callable[[str], Reading[T]]) -> Answer[T]:
        """What it says, by the reader of its question."""
        reading = read(self.content)
        spent = Answer[T](
            outcome="empty" if reading.empty else "answered",
            value=reading.value or None,
            tokens_in=self.tokens_in,
            tokens_out=self.tokens_out,
            cost_usd=self.cost_usd,
        )
        if reading.problem is None:
            return spent
        if self.cut:
            count = len(reading.value) if isinstance(reading.value, tuple) else int(bool(reading.value))
            kept = f"{count} whole item{'' if count == 1 else 's'} kept"
            detail = f"the answer was cut at {self.limit} tokens, {kept}; raise PODBRIEF_LLM_MAX_OUTPUT_TOKENS"
            return replace(spent, outcome="truncated", detail=detail)
        problem = reading.problem if self.content.strip() else "it was empty"
        return replace(spent, outcome="invalid", detail=f"the answer was invalid ({problem})")

    def frozen(self) -> bytes:
        """The bytes that the cache keeps."""
        return json.dumps(vars(self), ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")

    @classmethod
    def thawed(cls, kept: bytes | None) -> Completion | None:
        """A kept completion; None where there is none, or one that this version can't read."""
        if kept is None:
            return None
        try:
            found = cls(**json.loads(kept))
        except (ValueError, TypeError):
            return None
        counts = (found.tokens_in, found.tokens_out, found.limit)
        whole = isinstance(found.content, str) and all(type(count) is int and count >= 0 for count in counts)
        return found if whole and (found.cost_usd is None or isinstance(found.cost_usd, int | float)) else None


def total(costs: Iterable[float | None]) -> float | None:
    """The sum, or None where one part is not known."""
    known = list(costs)
    return None if None in known else sum(cast(list[float], known))


def line(text: str, most: int) -> str:
    """`text` on one line, without control characters and lone surrogates, which UTF-8 can't hold."""
    folded = " ".join(text.encode("utf-8", "ignore").decode().split())
    return "".join(sign for sign in folded if sign.isprintable())[:most].strip()


def read_items(content: str, name: str, most: int) -> tuple[list[object], bool]:
    """The items of the object `{name: […]}` in `content`, at most `most`, and whether the object is whole.

    Prose or a code fence around it is passed over; where the object breaks off, the items that are whole are kept.
    """
    content = content[:_MOST_ANSWER].rpartition("</think>")[2]
    if content.strip() == "[]":
        return [], True
    for value in _values(content):
        items = value.get(name) if isinstance(value, dict) else value
        # A list without the object around it is meant as one; a list inside a broken object is not.
        bare = isinstance(value, list)
        if isinstance(items, list) and (not bare or (items and all(isinstance(item, dict) for item in items))):
            return items[:most], True
    return _whole_items(content, name, most), False


def read_object(content: str, *names: str) -> dict[str, object] | None:
    """The first object in `content` that has all of `names`, with prose around it passed over."""
    content = content[:_MOST_ANSWER].rpartition("</think>")[2]
    for value in _values(content):
        if isinstance(value, dict) and value.keys() >= set(names):
            return value
    return None


def _values(content: str) -> Iterator[object]:
    """The JSON objects and lists in a text, from its first twenty brackets on, none of them inside another."""
    read_to = 0
    for start in [match.start() for match in re.finditer(r"[{\[]", content)][:_MOST_STARTS]:
        found = _decoded(content, start) if start >= read_to else None
        if found is not None:
            read_to = found[1]
            yield found[0]


def _whole_items(content: str, name: str, most: int) -> list[object]:
    opened = re.search(rf'"{re.escape(name)}"\s*:\s*\[', content)
    items: list[object] = []
    place = opened.end() if opened else len(content)
    while len(items) < most and (start := re.compile(r"\s*,?\s*(?=\{)").match(content, place)):
        found = _decoded(content, start.end())
        if found is None:
            break
        items.append(found[0])
        place = found[1]
    return items


def _decoded(content: str, start: int) -> tuple[object, int] | None:
    try:
        return json.JSONDecoder().raw_decode(content, start)
    except (ValueError, RecursionError):
        return None
