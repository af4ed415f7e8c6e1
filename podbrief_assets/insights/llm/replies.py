"""What a server's reply means: a model's words, a refusal, or a failure, each told apart.

Belongs here: reading replies and refusals as servers and proxies really send them, and what they cost.
Doesn't: sending and asking again (asking.py), what the words say (answers.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from podbrief_assets.insights.llm.answers import Answer, Completion, line, total
from podbrief_assets.insights.llm.dialect import complaint_of, is_filtered, is_too_long
from podbrief_assets.insights.llm.failures import KeyRefused, LlmUnavailable, ModelMissing, QuotaExceeded, RateLimited
from podbrief_assets.insights.llm.pace import LONGEST_WAIT_S, retry_after_s
from podbrief_assets.insights.llm.settings import LlmSettings
from podbrief_assets.insights.prices import Price

if TYPE_CHECKING:
    import openai


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What requests have used, as the server counts; the cost is None where some price or count is not known."""

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = 0.0

    def plus(self, other: Spent) -> Spent:
        """Both together."""
        return Spent(
            requests=self.requests + other.requests,
            tokens_in=self.tokens_in + other.tokens_in,
            tokens_out=self.tokens_out + other.tokens_out,
            cost_usd=total((self.cost_usd, other.cost_usd)),
        )


def spent_on(reply: object, price: Price | None, factor: float = 1.0) -> Spent:
    """What a reply cost: `price` times `factor` for the tokens that the server says it counted."""
    usage = reply.get("usage") if isinstance(reply, dict) else None
    tokens_in, tokens_out = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    if tokens_in is None or tokens_out is None:
        return Spent(requests=1, cost_usd=None)
    details = usage.get("prompt_tokens_details") if isinstance(usage, dict) else None
    cached_in = _count(details, "cached_tokens") or 0
    cost_usd = factor * price.cost_usd(tokens_in, tokens_out, cached_in) if price else None
    return Spent(requests=1, tokens_in=tokens_in, tokens_out=tokens_out, cost_usd=cost_usd)


def read_reply(reply: object, limit: int, spent: Spent) -> Completion | Answer[Any]:
    """A model's words in a reply to a request for at most `limit` tokens, or why there are none.

    Nothing about a reply's shape is taken for granted: servers differ, and proxies answer with pages.
    """
    tokens: dict[str, Any] = {"tokens_in": spent.tokens_in, "tokens_out": spent.tokens_out, "cost_usd": spent.cost_usd}
    choices = reply.get("choices") if isinstance(reply, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        detail = f"the server's reply is no chat completion{_failure_inside(reply)}"
        return Answer(outcome="server_error", detail=detail)
    refused = message.get("refusal")
    if isinstance(refused, str) and refused:
        return Answer(outcome="refused", detail=f"the model refused: {line(refused, 200)}", **tokens)
    finished = choice.get("finish_reason")
    if finished == "content_filter":
        return Answer(outcome="filtered", detail="the provider's content filter withheld the answer", **tokens)
    content = message.get("content")
    return Completion(
        content=content if isinstance(content, str) else "", cut=finished == "length", limit=limit, **tokens
    )


def refused(error: openai.APIStatusError, settings: LlmSettings) -> Answer[Any] | LlmUnavailable:
    """Why one question has no answer, or why none will have one."""
    status, complaint = error.status_code, complaint_of(error)
    # A server without room for the question says so with 400 or 500, a filter with 400 or 403.
    if is_too_long(complaint):
        remedy = "lower PODBRIEF_LLM_PASSAGE_WORDS or PODBRIEF_LLM_MAX_OUTPUT_TOKENS"
        return Answer(outcome="too_long", detail=f"the passage is longer than the model can read; {remedy}")
    if is_filtered(complaint):
        return Answer(outcome="filtered", detail="the provider's content filter refused the passage")
    hopeless = _hopeless(status, complaint, retry_after_s(error.response.headers), settings)
    return hopeless or _failed(error, settings.max_retries + 1)


def _hopeless(status: int, complaint: str, wait_s: float | None, settings: LlmSettings) -> LlmUnavailable | None:
    server = settings.server
    # A project that may not use a model is told so with 403, and a key that is wrong with 401 or 403.
    if status == 404 or "model_not_found" in complaint:
        return ModelMissing(
            f"the server at {server} has no model {settings.model!r} for this key ({status})",
            "set PODBRIEF_LLM_MODEL to one that it serves; OPENAI_BASE_URL usually ends in /v1",
        )
    if status in {401, 403}:
        # What the server says of a key may repeat the key.
        return KeyRefused(
            f"the language model's server at {server} refused the key ({status})",
            "set OPENAI_API_KEY to a valid key for it, or OPENAI_BASE_URL to the server that it is for",
        )
    if status == 402 or (status == 429 and "insufficient_quota" in complaint):
        return QuotaExceeded(
            f"the account at {server} has used up its quota ({status})",
            "raise the limit or pay, then run the same days again: answers that had come are kept",
        )
    if status == 429 and wait_s is not None and wait_s > LONGEST_WAIT_S:
        return RateLimited(
            f"the server at {server} asks to be left alone for {wait_s:,.0f} s (429)",
            "run the same days again after that: answers that had come are kept",
        )
    return None


def _failed(error: openai.APIStatusError, tries: int) -> Answer[Any]:
    status = error.status_code
    said = line(error.message.removeprefix(f"Error code: {status} - "), 200)
    if status == 429:
        remedy = "lower PODBRIEF_LLM_CONCURRENCY, or set PODBRIEF_LLM_REQUESTS_PER_MINUTE and _TOKENS_PER_MINUTE"
        return Answer(outcome="rate_limited", detail=f"the server limits the rate (429), asked {tries} times; {remedy}")
    if status >= 500:
        return Answer(outcome="server_error", detail=f"the server failed ({status}), asked {tries} times: {said}")
    return Answer(outcome="rejected", detail=f"the server refused the request ({status}): {said}")


def _failure_inside(reply: object) -> str:
    """What a reply says went wrong: some proxies put an upstream server's error into a 200."""
    error = reply.get("error") if isinstance(reply, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return f": {line(message, 200)}" if isinstance(message, str) else ""


def _count(source: object, name: str) -> int | None:
    value = source.get(name) if isinstance(source, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
