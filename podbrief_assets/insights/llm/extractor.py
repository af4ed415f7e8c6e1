"""From an episode's passages to its insights.

Belongs here: asking about each passage, holding each proposal against what was said, the judge's turn, adding up.
Doesn't: the gates themselves (`insights/grounding/`), asking (asking.py), what the judge says (judge.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine

from podbrief_assets.insights.candidates import Asked, Candidate, Episode, Extraction, Rejection
from podbrief_assets.insights.grounding import Located, Refusal, locate, refusal
from podbrief_assets.insights.llm import judge, proposals
from podbrief_assets.insights.llm.answers import Answer, Cache, total
from podbrief_assets.insights.llm.asking import Asker
from podbrief_assets.insights.llm.budget import Budget
from podbrief_assets.insights.llm.failures import LlmUnavailable
from podbrief_assets.insights.llm.judge import Accepted
from podbrief_assets.insights.llm.proposals import MOST_NAMES, Proposal
from podbrief_assets.insights.llm.replies import Spent
from podbrief_assets.insights.llm.settings import LlmSettings
from podbrief_assets.insights.passages import Passage
from podbrief_assets.insights.text import names_of
from podbrief_assets.insights.topics import topics_of


class LlmExtractor:
    """Takes insights from episodes by one model, and by a second one that judges where one is set.

    Safe to use from several threads, which share the limit of requests in flight.
    """

    def __init__(self, settings: LlmSettings, engine: Engine | None = None) -> None:
        """Connects to nothing.

        Args:
            engine: The operational database, with its tables in place; needed where a budget is set.

        Raises:
            BadPriceTable: the operator's price table can't be read.
            BudgetNeedsPrice: a budget is set and a model's price isn't known.
            ValueError: a budget is set and there is no database to keep it in.
        """
        if settings.budget_usd is not None and engine is None:
            raise ValueError("a budget is kept in the operational database")
        self.settings = settings
        self.budget = Budget(engine, settings.budget_usd) if engine and settings.budget_usd is not None else None
        self.asker = Asker(settings, self.budget)
        self.judge = Asker(settings.for_judge, self.budget) if settings.for_judge else None

    @property
    def notes(self) -> list[str]:
        """What the servers turned out not to support, once each, for the operator."""
        return [*self.asker.notes, *(self.judge.notes if self.judge else ())]

    @property
    def spent(self) -> Spent:
        """What was spent since this was made, on both models."""
        return self.asker.spent.plus(self.judge.spent) if self.judge else self.asker.spent

    @property
    def prompt_version(self) -> str:
        """The versions of the prompts, stored with every insight."""
        versions = [proposals.instructions().version, *([judge.instructions().version] if self.judge else [])]
        return "+".join(versions)

    def extract_episode(
        self, episode: Episode, passages: Sequence[Passage], *, cache: Cache | None = None
    ) -> Extraction:
        """What an episode's passages hold: candidates, what the gates refused and why, and what came of each question.

        Good answers, also empty ones, are put into `cache` as they arrive and asked for only once. A passage whose
        answer fails is told and asked about again the next time. Where the day's budget ends before the episode does,
        it has no candidates, and the next run goes on from there.

        Raises:
            LlmUnavailable: nothing more can be had for now; answers that had come are in the cache.
        """
        if not passages:
            return Extraction()
        with ThreadPoolExecutor(min(self.settings.concurrency, len(passages)), thread_name_prefix="llm") as pool:
            pending = [pool.submit(self.asker.ask, proposals.question(episode, one), cache) for one in passages]
            try:
                answers = [future.result() for future in pending]
            except LlmUnavailable:
                pool.shutdown(cancel_futures=True)
                raise
        asked = [_asked(passage, answer) for passage, answer in zip(passages, answers, strict=True)]
        if any(answer.outcome == "budget" for answer in answers):
            return _added_up(Extraction(passages=len(passages), unfinished=_spent_out(answers)), asked)
        accepted, rejections = self._held(episode, passages, answers)
        found = Extraction(
            candidates=[one.candidate for one in accepted], rejections=rejections, passages=len(passages)
        )
        if self.judge is None or not accepted:
            return _added_up(found, asked)
        return self._judged(self.judge, episode, accepted, _added_up(found, asked), cache)

    def _held(
        self, episode: Episode, passages: Sequence[Passage], answers: Sequence[Answer[tuple[Proposal, ...]]]
    ) -> tuple[list[Accepted], list[Rejection]]:
        """The proposals that pass the gates, and those that don't."""
        accepted: list[Accepted] = []
        rejections: list[Rejection] = []
        for passage, answer in zip(passages, answers, strict=True):
            for index, proposal in enumerate(answer.value or ()):
                place = locate(proposal.quote, passage.segments)
                candidate = self._candidate(passage, proposal, place, answer, index)
                if place is None:
                    detail = "these words are not in the passage"
                    rejections.append(Rejection(candidate=candidate, rule="quote_not_found", detail=detail))
                    continue
                one = Accepted(candidate=candidate, place=place, passage=passage, names=proposal.names)
                broken = _refusal(episode, one, candidate.text) or _repeated(candidate, accepted)
                if broken is None:
                    accepted.append(one)
                else:
                    rejections.append(Rejection(candidate=candidate, rule=broken.rule, detail=broken.detail))
        return accepted, rejections

    def _candidate(
        self, passage: Passage, proposal: Proposal, place: Located | None, answer: Answer[Any], index: int
    ) -> Candidate:
        """A proposal as a candidate, in the words as spoken where they were found."""
        return Candidate(
            kind="insight",
            text=proposal.text,
            quote=place.text if place else proposal.quote,
            start_s=place.start_s if place else passage.start_s,
            end_s=place.end_s if place else passage.end_s,
            timed=place.timed if place else all(segment.timed for segment in passage.segments),
            speaker=place.speaker if place else None,
            topics=proposal.topics or topics_of(proposal.text),
            names=_named(proposal.text, proposal.names),
            extractor="llm",
            model=self.settings.model,
            prompt_version=self.prompt_version,
            **_share(answer, index, len(answer.value or ())),
        )

    def _judged(
        self, asker: Asker, episode: Episode, accepted: Sequence[Accepted], found: Extraction, cache: Cache | None
    ) -> Extraction:
        """`found` after the judge's turn; as it was, and saying so, where the judge fails."""
        kept: list[Candidate] = []
        rejections = list(found.rejections)
        asked: list[Asked] = []
        notes: list[str] = []
        for first in range(0, len(accepted), judge.MOST_JUDGED):
            group = accepted[first : first + judge.MOST_JUDGED]
            try:
                answer = asker.ask(judge.question(episode, group), cache)
            except LlmUnavailable as error:
                answer = Answer(outcome="unavailable", detail=str(error))
            asked.append(_asked(None, answer))
            if answer.outcome == "budget":
                unfinished = Extraction(passages=found.passages, unfinished=_spent_out([answer]))
                return _added_up(unfinished, [*found.asked, *asked])
            shared = [_paid(one, _share(answer, index, len(group))) for index, one in enumerate(group)]
            ruling = judge.rule(answer.value or (), shared, lambda one, text: _refusal(episode, one, text))
            kept += [self._reworded(one) for one in ruling.kept]
            rejections += ruling.dropped
            notes += ruling.notes
        judged = replace(found, candidates=kept, rejections=rejections)
        return _added_up(judged, [*found.asked, *asked], notes)

    def _reworded(self, one: Accepted) -> Candidate:
        text = one.candidate.text
        return replace(one.candidate, names=_named(text, one.names))


def _refusal(episode: Episode, one: Accepted, text: str) -> Refusal | None:
    """The first rule that `text` breaks as the text of an accepted proposal, or None."""
    return refusal(
        text,
        quote=one.place,
        passage=one.passage.text,
        episode=episode,
        speakers=sorted({segment.speaker for segment in one.passage.segments if segment.speaker}),
        names=one.names,
        segments=one.passage.segments,
    )


def _repeated(candidate: Candidate, accepted: Sequence[Accepted]) -> Refusal | None:
    """Whether the words that an insight rests on were already told of."""
    if any(_same_place(candidate, other.candidate) for other in accepted):
        return Refusal(rule="repeated_quote", detail="an earlier insight of the episode rests on the same words")
    return None


def _named(text: str, names: Iterable[str]) -> tuple[str, ...]:
    """Of the names that a model lists, those that the text has; the text's own where it lists none."""
    listed = tuple(dict.fromkeys(name for name in names if name and name.lower() in text.lower()))
    return listed or names_of(text)[:MOST_NAMES]


def _asked(passage: Passage | None, answer: Answer[Any]) -> Asked:
    return Asked(
        purpose="judge" if passage is None else "passage",
        passage=None if passage is None else passage.index,
        start_s=None if passage is None else passage.start_s,
        end_s=None if passage is None else passage.end_s,
        outcome=answer.outcome,
        detail=answer.detail,
        failed=not answer.kept,
        proposed=len(answer.value or ()),
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        cost_usd=answer.cost_usd,
    )


def _added_up(found: Extraction, asked: Sequence[Asked], notes: Sequence[str] = ()) -> Extraction:
    """`found` with what came of all questions about it."""
    return replace(
        found,
        asked=asked,
        failures=[*(_told(one) for one in asked if one.detail and one.outcome != "budget"), *notes],
        tokens_in=sum(one.tokens_in for one in asked),
        tokens_out=sum(one.tokens_out for one in asked),
        cost_usd=total(one.cost_usd for one in asked),
    )


def _told(one: Asked) -> str:
    if one.start_s is None or one.end_s is None:
        return f"the judge: {one.detail}; what it said nothing of stays as it is"
    return f"passage {one.passage} ({_clock(one.start_s)} to {_clock(one.end_s)}): {one.detail}"


def _spent_out(answers: Sequence[Answer[Any]]) -> str:
    return next(answer.detail for answer in answers if answer.outcome == "budget") or ""


def _share(answer: Answer[Any], index: int, count: int) -> dict[str, Any]:
    """What item `index` of `count` cost: an even share, so that the shares add up to the whole."""

    def part(whole: int) -> int:
        return whole // count + (index < whole % count)

    cost_usd = None if answer.cost_usd is None else answer.cost_usd / count
    return {"tokens_in": part(answer.tokens_in), "tokens_out": part(answer.tokens_out), "cost_usd": cost_usd}


def _paid(one: Accepted, share: dict[str, Any]) -> Accepted:
    """`one` with a share of another answer's cost on top of its own."""
    candidate = replace(
        one.candidate,
        tokens_in=one.candidate.tokens_in + share["tokens_in"],
        tokens_out=one.candidate.tokens_out + share["tokens_out"],
        cost_usd=total((one.candidate.cost_usd, share["cost_usd"])),
    )
    return replace(one, candidate=candidate)


def _same_place(one: Candidate, other: Candidate) -> bool:
    """Whether two quotes share more than half of the shorter one, or the second that makes an insight's identifier."""
    shared = min(one.end_s, other.end_s) - max(one.start_s, other.start_s)
    shorter = min(one.end_s - one.start_s, other.end_s - other.start_s)
    return round(one.start_s) == round(other.start_s) or (shared > 0 and 2 * shared > shorter)


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
