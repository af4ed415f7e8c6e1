"""Ask for a backfill in batches, which providers answer within a day at half the price.

Belongs here: which questions go into a batch, the file that it is made of, remembering it, and putting its answers into
the cache, where the ordinary backfill finds them.
Doesn't: asking at once (asking.py), what becomes of answers (extractor.py).

Limits of a batch as OpenAI states them: 50,000 requests, a file of 200 MB, 24 hours. What is not answered by then is
listed as expired and can be submitted again.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, Date, Engine, String, Text, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from podbrief_assets.database import Base, Moment, session
from podbrief_assets.errors import PermanentFailure, TransientFailure
from podbrief_assets.insights import material
from podbrief_assets.insights.llm import proposals
from podbrief_assets.insights.llm.answers import Answer, Cache, line
from podbrief_assets.insights.llm.asking import Asker
from podbrief_assets.insights.llm.budget import Reservation
from podbrief_assets.insights.llm.failures import BudgetSpent, LlmUnavailable, ServerUnreachable
from podbrief_assets.insights.llm.proposals import Proposal
from podbrief_assets.insights.llm.question import Question
from podbrief_assets.insights.llm.replies import read_reply, refused, spent_on
from podbrief_assets.insights.passages import cut
from podbrief_assets.insights.prices import price_of
from podbrief_assets.lake.storage import Lake

if TYPE_CHECKING:
    import openai

MOST_REQUESTS = 50_000
MOST_BYTES = 200_000_000

_ENDPOINT: Final = "/v1/chat/completions"
_FILE_TIMEOUT_S = 900.0
_ENDED = frozenset(("completed", "failed", "expired", "cancelled"))


class NoBatches(PermanentFailure):
    """The server offers no batches."""


class BatchFailed(TransientFailure):
    """The server did not take a batch, or did not say what became of it."""


class BatchRow(Base):
    """A batch that was submitted. `reserved` is in billionths of a US dollar, of the budget of `reserved_on`."""

    __tablename__ = "llm_batch"

    batch_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    server: Mapped[str] = mapped_column(String(400))
    model: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[dt.datetime] = mapped_column(Moment)
    first_day: Mapped[dt.date] = mapped_column(Date)
    last_day: Mapped[dt.date] = mapped_column(Date)
    requests: Mapped[int]
    reserved: Mapped[int] = mapped_column(BigInteger)
    reserved_on: Mapped[dt.date | None] = mapped_column(Date)
    status: Mapped[str] = mapped_column(String(32))
    collected_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    detail: Mapped[str | None] = mapped_column(Text)


class BatchRequestRow(Base):
    """A question that is under way in a batch, by the key of its answer: no other batch asks it meanwhile."""

    __tablename__ = "llm_batch_request"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    batch_id: Mapped[str] = mapped_column(String(200), index=True)


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """What came of submitting.

    Attributes:
        batches: The new ones' identifiers.
        requests: Questions in them.
        known: Questions that have an answer already, or got one at once.
        under_way: Questions that are in a batch that was submitted before.
        left: Questions that the day's budget left out.
        stopped: Why, where it did.
    """

    batches: list[str] = field(default_factory=list)
    requests: int = 0
    known: int = 0
    under_way: int = 0
    left: int = 0
    stopped: str | None = None


@dataclass(frozen=True, kw_only=True)
class BatchState:
    """Where a batch stands.

    Attributes:
        status: In the provider's words; `elsewhere` where it was submitted to another server.
        done, failed: Of its requests, as the provider counts them.
        kept: Answers that went into the cache, where it was collected just now.
        problems: What came of the other requests: how many of each kind.
        cost_usd: None where no price or count is known.
        detail: What an operator should know.
    """

    batch_id: str
    first_day: dt.date
    last_day: dt.date
    requests: int
    status: str
    done: int = 0
    failed: int = 0
    kept: int = 0
    problems: Mapping[str, int] = field(default_factory=dict)
    cost_usd: float | None = 0.0
    detail: str | None = None


def questions(lake: Lake, days: Sequence[dt.date], passage_words: int) -> Iterator[Question[tuple[Proposal, ...]]]:
    """What an ordinary run would ask about the passages of `days`, whose advertising has been found."""
    for day in days:
        spans = material.spans_by_episode(lake.scan("sponsor_spans", [day]))
        rows = material.episodes_with_words(lake.scan("episodes", [day]), lake.scan("transcripts", [day]))
        for row in rows:
            if material.unread(row) is None:
                words = material.words_of(row, spans.get(row["episode_id"], []))
                for passage in cut(words, (), max_words=passage_words):
                    yield proposals.question(material.known_of(row), passage)


class Batches:
    """The batches of an installation, on the server that `asker` asks."""

    def __init__(
        self,
        asker: Asker,
        engine: Engine,
        cache: Cache,
        *,
        most_requests: int = MOST_REQUESTS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """`engine` is that of the operational database, with its tables in place."""
        self._asker, self._engine, self._cache = asker, engine, cache
        self._most_requests, self._most_bytes = most_requests, most_bytes

    def submit(
        self, asked: Iterable[Question[tuple[Proposal, ...]]], first_day: dt.date, last_day: dt.date
    ) -> Submitted:
        """Put what has no answer yet into as many batches as it takes, and remember them.

        The first question is asked at once: that shows in which form the server takes them, which nobody would learn
        from fifty thousand refusals a day later.

        Raises:
            LlmUnavailable, NoBatches, BatchFailed: the server takes none; batches before are under way and remembered.
        """
        under_way = self._under_way()
        needed: dict[str, Question[tuple[Proposal, ...]]] = {}
        counts: Counter[str] = Counter()
        for question in asked:
            key = self._asker.key(question)
            if key in under_way:
                counts["under_way"] += 1
            elif self._asker.kept(question, self._cache) is not None:
                counts["known"] += 1
            else:
                needed[key] = question
        if needed:
            key = next(iter(needed))
            answer = self._asker.ask(needed[key], self._cache)
            if answer.outcome == "budget":
                return Submitted(
                    known=counts["known"], under_way=counts["under_way"], left=len(needed), stopped=answer.detail
                )
            del needed[key]
            counts["known"] += 1
        batches: list[str] = []
        requests, stopped = 0, None
        for lines, most_usd in self._files(needed):
            try:
                batches.append(self._create(lines, most_usd, first_day, last_day))
            except BudgetSpent as error:
                stopped = str(error)
                break
            requests += len(lines)
        return Submitted(
            batches=batches,
            requests=requests,
            known=counts["known"],
            under_way=counts["under_way"],
            left=len(needed) - requests,
            stopped=stopped,
        )

    def status(self) -> list[BatchState]:
        """Where the batches stand that were not collected yet."""
        return [self._state(row, self._retrieved(row)) for row in self._open()]

    def collect(self) -> list[BatchState]:
        """Put the answers of the batches that have ended into the cache, and say what came of the others.

        What has no good answer is forgotten, so that it can be submitted again, or is asked by the next run.
        """
        return [self._collected(row) for row in self._open()]

    # -----------------------------------------------------------------------------------------------------------------

    def _files(self, needed: Mapping[str, Question[tuple[Proposal, ...]]]) -> Iterator[tuple[dict[str, bytes], float]]:
        """The lines of each batch by their keys, and the most that it can cost: within the limits and what is left."""
        lines: dict[str, bytes] = {}
        size, most_usd, left_usd = 0, 0.0, self._left_usd()
        factor = self._asker.price.batch_factor if self._asker.price else 1.0
        for key, question in needed.items():
            body = self._asker.request(question)
            request = {"custom_id": key, "method": "POST", "url": _ENDPOINT, "body": body}
            packed = json.dumps(request, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
            cost_usd = factor * self._asker.most_usd(question)
            full = len(lines) >= self._most_requests or size + len(packed) > self._most_bytes
            if lines and (full or most_usd + cost_usd > left_usd):
                yield lines, most_usd
                lines, size, most_usd, left_usd = {}, 0, 0.0, self._left_usd()
            lines[key] = packed
            size, most_usd = size + len(packed), most_usd + cost_usd
        if lines:
            yield lines, most_usd

    def _left_usd(self) -> float:
        budget = self._asker.budget
        return budget.spending().left_usd if budget else float("inf")

    def _create(self, lines: Mapping[str, bytes], most_usd: float, first_day: dt.date, last_day: dt.date) -> str:
        budget = self._asker.budget
        reservation = budget.reserve(most_usd) if budget and most_usd else None
        try:
            with _told(self._asker):
                client = self._client
                uploaded = client.files.create(
                    file=("podbrief.jsonl", b"".join(lines.values()), "application/jsonl"), purpose="batch"
                )
                batch = client.batches.create(input_file_id=uploaded.id, endpoint=_ENDPOINT, completion_window="24h")
        except Exception:
            if budget and reservation:
                budget.settle(reservation, 0.0)
            raise
        row = BatchRow(
            batch_id=batch.id,
            server=self._asker.settings.server,
            model=self._asker.settings.model,
            created_at=dt.datetime.now(dt.UTC),
            first_day=first_day,
            last_day=last_day,
            requests=len(lines),
            reserved=reservation.amount if reservation else 0,
            reserved_on=reservation.day if reservation else None,
            status=batch.status,
        )
        with session(self._engine) as transaction:
            transaction.add(row)
            transaction.add_all(BatchRequestRow(key=key, batch_id=batch.id) for key in lines)
        if budget and reservation:
            budget.hand_over(reservation)
        return batch.id

    @property
    def _client(self) -> openai.OpenAI:
        """The client, with the patience that large files take."""
        return self._asker.client.with_options(timeout=max(self._asker.settings.timeout_s, _FILE_TIMEOUT_S))

    def _under_way(self) -> set[str]:
        with session(self._engine, read_only=True) as transaction:
            return set(transaction.scalars(select(BatchRequestRow.key)))

    def _open(self) -> list[BatchRow]:
        with session(self._engine, read_only=True) as transaction:
            rows = select(BatchRow).where(BatchRow.collected_at.is_(None)).order_by(BatchRow.created_at)
            return list(transaction.scalars(rows))

    def _retrieved(self, row: BatchRow) -> openai.types.Batch | None:
        """What the server says of a batch; None where it is another server's."""
        if row.server != self._asker.settings.server:
            return None
        with _told(self._asker):
            return self._client.batches.retrieve(row.batch_id)

    def _state(self, row: BatchRow, batch: openai.types.Batch | None, **more: Any) -> BatchState:
        if batch is None:
            detail = f"it was submitted to {row.server}: set OPENAI_BASE_URL to that server"
            return BatchState(**_place(row), status="elsewhere", detail=detail)
        counts = batch.request_counts
        errors = [error.message for error in (batch.errors.data or ()) if error.message] if batch.errors else []
        return BatchState(
            **_place(row),
            status=batch.status,
            done=counts.completed if counts else 0,
            failed=counts.failed if counts else 0,
            detail="; ".join(line(error, 200) for error in errors[:3]) or None,
            **more,
        )

    def _collected(self, row: BatchRow) -> BatchState:
        batch = self._retrieved(row)
        if batch is None or batch.status not in _ENDED:
            return self._state(row, batch)
        with session(self._engine, read_only=True) as transaction:
            waiting = set(
                transaction.scalars(select(BatchRequestRow.key).where(BatchRequestRow.batch_id == row.batch_id))
            )
        found = _Found(waiting)
        for file_id in (batch.output_file_id, batch.error_file_id):
            if file_id:
                self._read_file(row, file_id, found)
        problems = found.problems + Counter({"no answer came back": len(found.waiting)} if found.waiting else {})
        state = self._state(
            row, batch, kept=found.kept, problems=dict(problems), cost_usd=found.cost_usd if found.known else None
        )
        self._close(row, state, found)
        return state

    def _read_file(self, row: BatchRow, file_id: str, found: _Found) -> None:
        with _told(self._asker):
            content = self._client.files.content(file_id).content
        settings = self._asker.settings
        price = price_of(row.model, settings.own_prices)
        for packed in content.splitlines():
            try:
                answered = json.loads(packed)
            except ValueError:
                continue
            key = answered.get("custom_id") if isinstance(answered, dict) else None
            if key not in found.waiting:
                continue
            found.waiting.discard(key)
            response = answered.get("response") or {}
            body = response.get("body") if isinstance(response, dict) else None
            if answered.get("error") or not isinstance(body, dict) or response.get("status_code") != 200:
                found.problems[_why(answered)] += 1
                continue
            spent = spent_on(body, price, price.batch_factor if price else 1.0)
            found.add(spent.cost_usd)
            completion = read_reply(body, settings.max_output_tokens, spent)
            if isinstance(completion, Answer):
                found.problems[completion.outcome] += 1
                continue
            answer = completion.answer(proposals.read)
            if answer.kept:
                self._cache.put(key, completion.frozen())
                found.kept += 1
            else:
                found.problems[answer.outcome] += 1

    def _close(self, row: BatchRow, state: BatchState, found: _Found) -> None:
        """Remember what became of a batch, and settle what was reserved for it."""
        budget = self._asker.budget
        if budget and row.reserved_on is not None:
            reservation = Reservation(row.reserved_on, row.reserved)
            budget.settle(reservation, found.cost_usd if found.known else reservation.usd)
        with session(self._engine) as transaction:
            stored = transaction.get_one(BatchRow, row.batch_id)
            stored.status, stored.collected_at = state.status, dt.datetime.now(dt.UTC)
            stored.detail = "; ".join(
                [f"{state.kept} kept", *(f"{count} {what}" for what, count in state.problems.items())]
            )
            transaction.execute(delete(BatchRequestRow).where(BatchRequestRow.batch_id == row.batch_id))


@dataclass
class _Found:
    """What was found of a batch's requests so far."""

    waiting: set[str]
    kept: int = 0
    cost_usd: float = 0.0
    known: bool = True
    problems: Counter[str] = field(default_factory=Counter)

    def add(self, cost_usd: float | None) -> None:
        self.known = self.known and cost_usd is not None
        self.cost_usd += cost_usd or 0.0


def _place(row: BatchRow) -> dict[str, Any]:
    return {
        "batch_id": row.batch_id,
        "first_day": row.first_day,
        "last_day": row.last_day,
        "requests": row.requests,
    }


def _why(answered: Mapping[str, Any]) -> str:
    """Why a single request of a batch has no answer."""
    response = answered.get("response")
    body = response.get("body") if isinstance(response, dict) else None
    for source in (answered.get("error"), body.get("error") if isinstance(body, dict) else None):
        if isinstance(source, dict):
            return line(str(source.get("code") or source.get("message") or "failed"), 80)
    return "failed"


@contextmanager
def _told(asker: Asker) -> Iterator[None]:
    """Turn the client's errors into ours."""
    import openai  # noqa: PLC0415

    server = asker.settings.server
    try:
        yield
    except openai.NotFoundError as error:
        raise NoBatches(
            f"the server at {server} offers no batches, or no longer knows this one (404)",
            "run the days the ordinary way: podbrief run --from DAY --to DAY",
        ) from error
    except openai.APIStatusError as error:
        failure = refused(error, asker.settings)
        if isinstance(failure, LlmUnavailable):
            raise failure from error
        raise BatchFailed(f"the server at {server} took no batch: {failure.detail}", "try again later") from error
    except openai.APIConnectionError as error:
        raise ServerUnreachable(
            f"the language model's server at {server} can't be reached", "start it, or correct OPENAI_BASE_URL"
        ) from error
