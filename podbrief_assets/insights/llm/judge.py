"""Let a second model judge an episode's insights: keep or drop, how good, in better words, or the same thing twice.

Belongs here: the question about accepted proposals, the verdicts in its answer, and what follows from them.
Doesn't: asking (asking.py); the gates, which every rewrite has to pass again (`insights/grounding/`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from podbrief_assets.insights.candidates import Candidate, Episode, Rejection
from podbrief_assets.insights.grounding import Located, Refusal
from podbrief_assets.insights.llm.answers import Reading, line, read_items
from podbrief_assets.insights.llm.proposals import MOST_TEXT
from podbrief_assets.insights.llm.question import (
    Prompt,
    Question,
    Schema,
    about_episode,
    array,
    fenced,
    prompt,
    record,
    string,
)
from podbrief_assets.insights.passages import Passage

MOST_JUDGED = 30  # in one question; of longer lists models lose the middle

REASONS = {
    "good": "worth two lines of a busy reader's day",
    "unsupported": "says more, or something else, than the quote and its context",
    "needs_context": "a stranger can't tell who or what it is about",
    "trivial": "common knowledge, or no claim at all",
    "vague": "no mechanism, evidence or consequence",
    "personal": "a biography, a plan or an anecdote that teaches nothing",
    "promotion": "sells something",
    "repeats": "says what another one of the list says",
}


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A proposal that passed the gates, with what it was held against.

    Attributes:
        names: Names that the model says its text holds.
    """

    candidate: Candidate
    place: Located
    passage: Passage
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the judge says of one proposal.

    Attributes:
        number: Its place in the list, from 1.
        reason: One of `REASONS`.
        score: How much it is worth, in [0, 1].
        text: A better wording; empty where it may stay.
        same_as: The number of one that says the same; 0 where there is none.
    """

    number: int
    keep: bool
    reason: str
    score: float
    text: str = ""
    same_as: int = 0


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """What follows from the verdicts."""

    kept: list[Accepted] = field(default_factory=list)
    dropped: list[Rejection] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def instructions() -> Prompt:
    """The instructions in `prompts/judge.md`."""
    return prompt("judge", reasons="\n".join(f"  - {name}: {meaning}" for name, meaning in REASONS.items()))


def question(episode: Episode, accepted: Sequence[Accepted]) -> Question[tuple[Verdict, ...]]:
    """Which of the proposals are worth telling."""
    listed = [
        text
        for number, one in enumerate(accepted, start=1)
        for text in (
            "",
            f"insight {number}",
            f"text: {one.candidate.text}",
            f"quote: {one.candidate.quote}",
            f"context: {one.place.context}",
        )
    ]
    return Question(
        about="verdicts",
        prompt=instructions(),
        data=fenced([*about_episode(episode), *listed]),
        schema=_schema(len(accepted)),
        read=lambda content: read(content, len(accepted)),
    )


def read(content: str, count: int) -> Reading[tuple[Verdict, ...]]:
    """The well-formed verdicts of an answer, one for each number from 1 to `count` at most."""
    items, whole = read_items(content, "verdicts", 2 * count)
    found: dict[int, Verdict] = {}
    for item in items:
        verdict = _verdict(item, count)
        if verdict is not None:
            found.setdefault(verdict.number, verdict)
    problem = None
    if not whole:
        problem = "no JSON object with a list of verdicts"
    elif len(found) < count:
        problem = f"{count - len(found)} of {count} have no well-formed verdict"
    return Reading(value=tuple(found.values()), problem=problem)


def rule(
    verdicts: Sequence[Verdict], accepted: Sequence[Accepted], gate: Callable[[Accepted, str], Refusal | None]
) -> Ruling:
    """Which proposals are kept, in which words, and why the others are not; one without a verdict stays as it is.

    Of two that say the same the better one is kept. A wording that breaks a rule is not taken, and is told.

    Args:
        gate: The rule that a text breaks in a proposal's place, or None.
    """
    by_number = {verdict.number: verdict for verdict in verdicts}
    ruling = Ruling()
    told: dict[int, Accepted] = {}
    # The best first, so that what says the same as a better one finds it there.
    numbered = enumerate(accepted, start=1)
    for number, one in sorted(numbered, key=lambda item: (-_score(by_number.get(item[0])), item[0])):
        verdict = by_number.get(number)
        if verdict is None:
            told[number] = one
            continue
        scored = replace(one, candidate=replace(one.candidate, judge_score=verdict.score))
        same = next((other for other in told if _linked(number, other, by_number)), None)
        if not verdict.keep:
            meaning = REASONS[verdict.reason]
            ruling.dropped.append(Rejection(candidate=scored.candidate, rule=f"judge_{verdict.reason}", detail=meaning))
        elif same is not None:
            better = told[same].candidate.text
            detail = f"it says the same as “{line(better, 120)}”"
            ruling.dropped.append(Rejection(candidate=scored.candidate, rule="judge_repeats", detail=detail))
        else:
            told[number] = _reworded(scored, verdict, gate, ruling.notes)
    ruling.kept.extend(told[number] for number in sorted(told))
    return ruling


def _reworded(
    one: Accepted, verdict: Verdict, gate: Callable[[Accepted, str], Refusal | None], notes: list[str]
) -> Accepted:
    if not verdict.text or verdict.text == one.candidate.text:
        return one
    broken = gate(one, verdict.text)
    if broken is not None:
        notes.append(f"the judge's wording of an insight was not taken ({broken.rule}: {broken.detail})")
        return one
    return replace(one, candidate=replace(one.candidate, text=verdict.text))


def _score(verdict: Verdict | None) -> float:
    return -1.0 if verdict is None else verdict.score


def _linked(number: int, other: int, verdicts: dict[int, Verdict]) -> bool:
    """Whether the judge says of either that it says what the other says; what others say of both doesn't count."""
    return any(
        verdict.same_as == target
        for verdict, target in ((verdicts.get(number), other), (verdicts.get(other), number))
        if verdict is not None
    )


def _schema(count: int) -> Schema:
    verdict = record(
        {
            "number": {"type": "integer", "minimum": 1, "maximum": count},
            "reason": {"type": "string", "enum": list(REASONS)},
            "keep": {"type": "boolean"},
            "score": {"type": "number", "minimum": 0, "maximum": 1},
            "same_as": {"type": "integer", "minimum": 0, "maximum": count},
            "text": string(MOST_TEXT),
        }
    )
    return record({"verdicts": array(verdict, count)})


def _verdict(item: object, count: int) -> Verdict | None:
    """`item` as a verdict, or None where its types or its number are wrong."""
    if not isinstance(item, dict):
        return None
    number, keep, score = item.get("number"), item.get("keep"), item.get("score")
    reason, text, same_as = item.get("reason"), item.get("text") or "", item.get("same_as") or 0
    if type(number) is not int or not 1 <= number <= count or not isinstance(keep, bool):
        return None
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        return None
    if not isinstance(reason, str) or not isinstance(text, str) or type(same_as) is not int:
        return None
    return Verdict(
        number=number,
        keep=keep,
        reason=reason if reason in REASONS else "good" if keep else "vague",
        score=float(score),
        text=line(text, 2 * MOST_TEXT),
        same_as=same_as if same_as != number else 0,
    )
