"""Ask a language model a question, within its provider's limits and the operator's.

Belongs here: one client for one model on one server, asking again where that helps, the cache, and what was spent.
Doesn't: what is asked (question.py and the modules that make questions), what a server understands (dialect.py), what
its replies mean (replies.py).
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from podbrief_assets.insights.llm.answers import Answer, Cache, Completion, total
from podbrief_assets.insights.llm.budget import Budget
from podbrief_assets.insights.llm.dialect import Dialect, complaint_of, is_about_form
from podbrief_assets.insights.llm.failures import (
    BudgetNeedsPrice,
    BudgetSpent,
    LlmUnavailable,
    ServerFailing,
    ServerUnreachable,
)
from podbrief_assets.insights.llm.pace import LONGEST_WAIT_S, pace_of, retry_after_s
from podbrief_assets.insights.llm.question import Question
from podbrief_assets.insights.llm.replies import Spent, read_reply, refused, spent_on
from podbrief_assets.insights.llm.settings import LlmSettings
from podbrief_assets.insights.prices import Price, price_of

if TYPE_CHECKING:
    # Importing the client takes a second, and definitions load without asking anything.
    import openai

log = logging.getLogger(__name__)

T = TypeVar("T")
Messages = list[dict[str, str]]

_MOST_UNREACHABLE = 3  # in a row, each after the client's own retries
_MOST_FAILED = 8
_CHARACTERS_A_TOKEN = 4  # of English, about
_BYTES_A_CHARACTER = 4  # of UTF-8, at most


class Asker:
    """Asks one model on one server; safe to use from several threads, which share its limit of requests in flight.

    Attributes:
        notes: What the server turned out not to support, once each, for the operator.
        price: None where no table lists the model.
        spent: Since it was made: answers from the cache cost nothing.
    """

    def __init__(self, settings: LlmSettings, budget: Budget | None = None) -> None:
        """Connects to nothing.

        Raises:
            BadPriceTable: the operator's price table can't be read.
            BudgetNeedsPrice: a budget is set and the model's price isn't known.
        """
        self.settings, self.budget = settings, budget
        self.notes: list[str] = []
        self.spent = Spent()
        self.price: Price | None = price_of(settings.model, settings.own_prices)
        if budget is not None and self.price is None:
            raise BudgetNeedsPrice(
                f"PODBRIEF_LLM_BUDGET_USD is set, and no price table lists the model {settings.model!r}",
                "list it in the file that PODBRIEF_LLM_PRICES names (at 0 where it costs nothing), or unset the budget",
            )
        official = settings.server.partition(":")[0].endswith(("openai.com", "azure.com"))
        # Other servers mostly know the older name of the limit, and some ignore a name that they don't know.
        self._dialect = Dialect(newer_limit=official)
        self._pace = pace_of(settings.server, settings.requests_per_minute, settings.tokens_per_minute)
        self._lock = threading.Lock()
        self._in_flight = threading.BoundedSemaphore(settings.concurrency)
        self._stopped: LlmUnavailable | BudgetSpent | None = None
        self._failed_in_a_row = 0
        self._made: openai.OpenAI | None = None

    def key(self, question: Question[Any]) -> str:
        """What the answer is kept under: a digest of everything that it depends on but the server."""
        parts = {
            "about": question.about,
            "model": self.settings.model,
            "prompt": [question.prompt.version, question.prompt.digest],
            "schema": question.schema,
            "temperature": self.settings.temperature,
            "reasoning_effort": self.settings.reasoning_effort,
            "max_output_tokens": self.settings.max_output_tokens,
            "data": question.data,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def kept(self, question: Question[T], cache: Cache | None) -> Answer[T] | None:
        """The answer that was given before, or None."""
        completion = Completion.thawed(cache.get(self.key(question))) if cache else None
        answer = completion.answer(question.read) if completion else None
        return answer if answer is not None and answer.kept else None

    def ask(self, question: Question[T], cache: Cache | None = None) -> Answer[T]:
        """The answer to `question`: from `cache`, else from the server, and then put into `cache` if it is any good.

        An answer of the wrong form is asked for once more, with a reminder; one that is cut before anything of it is
        whole, with twice the limit. What is refused or filtered is not: it would be again.

        Raises:
            LlmUnavailable: nothing more can be had for now.
        """
        if (kept := self.kept(question, cache)) is not None:
            return kept
        messages, limit = question.messages, self.settings.max_output_tokens
        first = self._once(question, messages, limit)
        if isinstance(first, Answer):
            return first
        answer = first.answer(question.read)
        if answer.outcome == "truncated" and not answer.value:
            second = self._once(question, messages, 2 * limit)
        elif answer.outcome == "invalid":
            self._note_ignored_schema(first)
            second = self._once(question, [*messages, *_reminder(answer, first)], limit)
        else:
            self._keep(question, first, answer, cache)
            return answer
        if isinstance(second, Answer):
            # Nothing came of asking again, so that what the first answer holds is all that can be used.
            return _both(first, replace(second, value=answer.value))
        both = _both(first, second)
        again = both.answer(question.read)
        self._keep(question, both, again, cache)
        if again.outcome != "invalid":
            return again
        best = max((answer.value, again.value), key=lambda value: len(value) if isinstance(value, tuple) else 0)
        return replace(again, value=best, detail=(again.detail or "").replace("was invalid", "was invalid twice"))

    def request(self, question: Question[Any]) -> dict[str, Any]:
        """The body of a request for `question`, in the form that the server has been found to take."""
        return self._dialect.request(self.settings, question, question.messages, self.settings.max_output_tokens)

    def most_usd(self, question: Question[Any]) -> float:
        """More than asking `question` once can cost; 0 where no price is known."""
        return self.price.cost_usd(question.most_tokens_in, self.settings.max_output_tokens) if self.price else 0.0

    def _keep(self, question: Question[T], completion: Completion, answer: Answer[T], cache: Cache | None) -> None:
        if cache and answer.kept:
            cache.put(self.key(question), completion.frozen())

    # -----------------------------------------------------------------------------------------------------------------
    # One request

    def _once(self, question: Question[Any], messages: Messages, limit: int) -> Completion | Answer[Any]:
        """The model's words, or why there are none."""
        import openai  # noqa: PLC0415

        try:
            reply, spent = self._sent(question, messages, limit)
        except BudgetSpent as error:
            self._stopped = self._stopped or error
            return Answer(outcome="budget", detail=str(error))
        except openai.APIStatusError as error:
            failure = refused(error, self.settings)
            if isinstance(failure, LlmUnavailable):
                self._stopped = failure
                raise failure from error
            return self._counted(failure)
        except openai.APITimeoutError:
            detail = f"no answer within {self.settings.timeout_s:g} s, asked {self._tries} times"
            return self._counted(Answer(outcome="timed_out", detail=detail))
        except openai.APIConnectionError as error:
            raise self._unreachable(error) from error
        found = read_reply(reply, limit, spent)
        return self._counted(found) if isinstance(found, Answer) else self._succeeded(found)

    def _sent(self, question: Question[Any], messages: Messages, limit: int) -> tuple[object, Spent]:
        """The server's reply, in the richest form that it understands, and what it cost."""
        import openai  # noqa: PLC0415

        dialect = self._dialect
        while True:
            body = dialect.request(self.settings, question, messages, limit)
            try:
                with self._in_flight, self._allowed(question, messages, limit) as settle:
                    reply = _json(self.client.chat.completions.with_raw_response.create(**body).content)
                    spent = settle(reply)
            except openai.APIStatusError as error:
                complaint = complaint_of(error)
                about_form = is_about_form(error.status_code, complaint)
                simpler = dialect.simpler(complaint) if about_form else None
                if simpler is None:
                    raise
                dialect = simpler
            else:
                self._learn(dialect)
                return reply, spent

    @contextmanager
    def _allowed(self, question: Question[Any], messages: Messages, limit: int) -> Iterator[Callable[[object], Spent]]:
        """Wait for the pace, reserve what a request may cost, and settle what the reply says it did cost.

        A request that gets no answer in time may have been billed, at each try; one that is refused was not.
        """
        import openai  # noqa: PLC0415

        if (stopped := self._stopped) is not None:
            raise type(stopped)(stopped.what, stopped.remedy)
        said = sum(len(message["content"]) for message in messages)
        estimate = said // _CHARACTERS_A_TOKEN + limit
        # A second attempt also says the first answer, which `most_tokens_in` doesn't know of.
        more = _BYTES_A_CHARACTER * (said - sum(len(message["content"]) for message in question.messages))
        most_usd = self.price.cost_usd(question.most_tokens_in + more, limit) if self.price else 0.0
        reservation = self.budget.reserve(most_usd) if self.budget and most_usd else None
        used_usd, used_tokens = most_usd * self._tries, estimate

        def settle(reply: object) -> Spent:
            nonlocal used_usd, used_tokens
            spent = spent_on(reply, self.price)
            used_usd = most_usd if spent.cost_usd is None else spent.cost_usd
            used_tokens = spent.tokens_in + spent.tokens_out or estimate
            with self._lock:
                self.spent = self.spent.plus(spent)
            return spent

        self._pace.take(estimate)
        try:
            yield settle
        except openai.APIError as error:
            if not isinstance(error, openai.APITimeoutError):
                used_usd, used_tokens = 0.0, 0
            raise
        finally:
            self._pace.settle(estimate, used_tokens)
            if reservation is not None and self.budget is not None:
                self.budget.settle(reservation, used_usd)

    @property
    def client(self) -> openai.OpenAI:
        """The client, made when it is first needed; batches use it for what is not a question."""
        import openai  # noqa: PLC0415

        with self._lock:
            if self._made is None:
                hooks: Mapping[str, Any] = {
                    "request": [lambda _: self._pace.wait_out_pause()],
                    "response": [lambda response: self._heed(response.status_code, response.headers)],
                }
                self._made = openai.OpenAI(
                    # The client insists on a key; a server that wants none ignores it.
                    api_key=self.settings.api_key or "none",
                    base_url=self.settings.base_url,
                    timeout=self.settings.timeout_s,
                    max_retries=self.settings.max_retries,
                    http_client=openai.DefaultHttpxClient(event_hooks=hooks),
                )
            return self._made

    # -----------------------------------------------------------------------------------------------------------------
    # What is remembered

    def _heed(self, status: int, headers: Mapping[str, str]) -> None:
        """Let all questions wait for as long as a server asks one of them to; too long a wait ends the asking."""
        wait_s = retry_after_s(headers) if status in {429, 503} else None
        if wait_s is not None and wait_s <= LONGEST_WAIT_S:
            self._pace.pause(wait_s)

    def _succeeded(self, found: Completion) -> Completion:
        self._failed_in_a_row = 0
        return found

    def _counted(self, failed: Answer[Any]) -> Answer[Any]:
        """Stop asking a server that answers nobody; a model that refuses one passage has answered."""
        with self._lock:
            failing = failed.outcome in {"server_error", "timed_out", "rate_limited"}
            self._failed_in_a_row = self._failed_in_a_row + 1 if failing else 0
            if self._failed_in_a_row >= max(_MOST_FAILED, self.settings.concurrency) and self._stopped is None:
                self._stopped = ServerFailing(
                    f"{self._failed_in_a_row} questions in a row had no answer from {self.settings.server}, the last "
                    f"one because {failed.detail}",
                    "look at the server, then run the same days again: answers that had come are kept",
                )
        return failed

    def _unreachable(self, error: openai.APIConnectionError) -> ServerUnreachable:
        failure = ServerUnreachable(
            f"the language model's server at {self.settings.server} can't be reached ({error.__cause__ or error})",
            "start it, or correct OPENAI_BASE_URL",
        )
        with self._lock:
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= _MOST_UNREACHABLE:
                self._stopped = failure
        return failure

    def _learn(self, dialect: Dialect) -> None:
        """Remember what a server didn't take, and say so once."""
        with self._lock:
            before, self._dialect = self._dialect, self._dialect.joined(dialect)
            notes = self._dialect.notes(before)
        for note in notes:
            self._note(note)

    def _note_ignored_schema(self, completion: Completion) -> None:
        """Say once that answers don't keep to a schema that the server took without complaint."""
        if self._dialect.asks_for_schema and completion.content.strip():
            self._note("it takes a JSON schema, and answers that don't keep to it")

    def _note(self, note: str) -> None:
        told = f"{self.settings.server}: {note}"
        with self._lock:
            if told in self.notes:
                return
            self.notes.append(told)
        log.warning("the language model's server at %s", told)

    @property
    def _tries(self) -> int:
        return self.settings.max_retries + 1


A = TypeVar("A", Completion, Answer[Any])


def _both(first: Completion, second: A) -> A:
    """`second` with what the attempt before it cost."""
    return replace(
        second,
        tokens_in=first.tokens_in + second.tokens_in,
        tokens_out=first.tokens_out + second.tokens_out,
        cost_usd=total((first.cost_usd, second.cost_usd)),
    )


def _reminder(answer: Answer[Any], completion: Completion) -> Messages:
    asked = f"That was not the JSON object asked for ({answer.detail}). Answer with it alone."
    return [
        {"role": "assistant", "content": completion.content[:4000] or "(nothing)"},
        {"role": "user", "content": asked},
    ]


def _json(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
