"""How much of the protocol a server speaks.

Belongs here: what a request may ask for, what is given up when a server complains, and what its complaints are about.
Doesn't: sending (asking.py).

Servers refuse differently. OpenAI and vLLM answer 400 and name the parameter or "features not supported by xgrammar";
llama.cpp answers 400 with "failed to parse grammar", older ones 500; LM Studio takes no `json_object` ("must be
'json_schema' or 'text'"); DeepSeek takes no `json_schema` ("This response_format type is unavailable now"). Older
Ollama and llama.cpp take a schema, ignore it and answer 200: only the answer shows it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from podbrief_assets.insights.llm.question import Question, unbounded
from podbrief_assets.insights.llm.settings import LlmSettings

if TYPE_CHECKING:
    import openai

_FORMATS = ("JSON schema with limits", "JSON schema", "JSON object", "plain text")
_TOO_LONG = re.compile(r"context[ _]?(?:length|size|window)|exceed_context_size|context_exceeded|too many tokens")
_FILTERED = re.compile(r"content_filter|content filter|content_policy|responsible ?ai|content management policy")
_ABOUT_FORM = re.compile(r"grammar|json_schema|json schema|response_format|guided|structured|xgrammar|outlines")


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How much of the protocol a server has been found to speak; it only ever gets simpler."""

    response_format: int = 0
    temperature: bool = True
    reasoning_effort: bool = True
    newer_limit: bool = True
    limit_swapped: bool = False

    def request(
        self, settings: LlmSettings, question: Question[Any], messages: list[dict[str, str]], limit: int
    ) -> dict[str, Any]:
        """The body of a request that asks `question` by `messages` for at most `limit` tokens."""
        body: dict[str, Any] = {
            "model": settings.model,
            "messages": messages,
            "max_completion_tokens" if self.newer_limit else "max_tokens": limit,
        }
        if self.asks_for_schema:
            schema = question.schema if self.response_format == 0 else unbounded(question.schema)
            named = {"name": question.about, "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        elif self.response_format == 2:
            body["response_format"] = {"type": "json_object"}
        if self.temperature and settings.temperature is not None:
            body["temperature"] = settings.temperature
        if self.reasoning_effort and settings.reasoning_effort is not None:
            body["reasoning_effort"] = settings.reasoning_effort
        return body

    @property
    def asks_for_schema(self) -> bool:
        """Whether its requests ask for a JSON schema."""
        return self.response_format <= 1

    def simpler(self, complaint: str) -> Dialect | None:
        """The dialect without what a server complains of; None where nothing is left to give up."""
        if self.temperature and "temperature" in complaint:
            return replace(self, temperature=False)
        if self.reasoning_effort and "reasoning" in complaint:
            return replace(self, reasoning_effort=False)
        if not self.limit_swapped and re.search(r"max_(?:completion_)?tokens", complaint):
            return replace(self, newer_limit=not self.newer_limit, limit_swapped=True)
        if self.response_format + 1 < len(_FORMATS):
            return replace(self, response_format=self.response_format + 1)
        return None

    def joined(self, other: Dialect) -> Dialect:
        """What is left when two requests at once have each learned something."""
        swapped = self if self.limit_swapped else other
        return Dialect(
            response_format=max(self.response_format, other.response_format),
            temperature=self.temperature and other.temperature,
            reasoning_effort=self.reasoning_effort and other.reasoning_effort,
            newer_limit=swapped.newer_limit,
            limit_swapped=swapped.limit_swapped,
        )

    def notes(self, before: Dialect) -> list[str]:
        """What was given up since `before`, for the operator."""
        notes = []
        if self.response_format > before.response_format:
            notes.append(f"it takes no {_FORMATS[before.response_format]}: asking for {_FORMATS[self.response_format]}")
        if before.temperature and not self.temperature:
            notes.append("it takes no temperature: its own is used")
        if before.reasoning_effort and not self.reasoning_effort:
            notes.append("it takes no reasoning effort: its own is used")
        return notes


def complaint_of(error: openai.APIStatusError) -> str:
    """All that a server says of a request that it refuses, in lower case."""
    return " ".join(str(part) for part in (error.message, error.param, error.code, error.type) if part).lower()


def is_too_long(complaint: str) -> bool:
    """Whether the server says that the question is longer than its window."""
    return _TOO_LONG.search(complaint) is not None


def is_filtered(complaint: str) -> bool:
    """Whether a provider's filter refused the question."""
    return _FILTERED.search(complaint) is not None


def is_about_form(status: int, complaint: str) -> bool:
    """Whether asking in a simpler form may help: the request was refused for what it asks for, not for its words."""
    if is_too_long(complaint) or is_filtered(complaint):
        return False
    return status in {400, 422} or (status >= 500 and _ABOUT_FORM.search(complaint) is not None)
