"""Which language model is asked, and how: what the environment says.

Belongs here: one value with every setting, read and checked at once; the judge's settings, made from it.
Doesn't: the price table (`insights/prices.py`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from podbrief_assets.environment import BadSetting, choice

DEFAULT_MODEL = "gpt-5.4-mini"
OPENAI_ADDRESS = "https://api.openai.com/v1"


def configured(environ: Mapping[str, str] | None = None) -> bool:
    """Whether the operator wants a language model: a key or a server's address is set."""
    environ = os.environ if environ is None else environ
    return any(environ.get(name, "").strip() for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"))


@dataclass(frozen=True, kw_only=True)
class LlmSettings:
    """Which model is asked, and how.

    Attributes:
        api_key: None for a server that wants none.
        base_url: Address of the API, up to and including `/v1`.
        model: The model's name, as the server knows it.
        concurrency: Requests in flight.
        requests_per_minute, tokens_per_minute: Of all requests of a process to one server; None for no limit.
        timeout_s: Seconds that one request may take.
        max_retries: How often the client asks again after a time-out, a 429 or a server's error.
        max_output_tokens: A longer answer is cut; reasoning counts.
        temperature: None leaves it to the server; it is left out where a model refuses it.
        reasoning_effort: None leaves it to the server.
        passage_words: How much of a transcript one question shows.
        own_prices: The operator's price table.
        budget_usd: What a UTC day may cost, over all processes of an installation; None for no limit.
        borders: Whether the model is asked where advertising begins and ends.
        judge_model: The model that judges what was proposed; None for no judge.
        judge_base_url, judge_api_key: Its server; None for the same one, with the same key.
        judge_reasoning_effort: None leaves it to the server.
    """

    api_key: str | None = field(default=None, repr=False)
    base_url: str = OPENAI_ADDRESS
    model: str = DEFAULT_MODEL
    concurrency: int = 8
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    timeout_s: float = 120.0
    max_retries: int = 4
    max_output_tokens: int = 4000
    temperature: float | None = 0.2
    reasoning_effort: str | None = None
    passage_words: int = 1200
    own_prices: Path | None = None
    budget_usd: float | None = None
    borders: bool = True
    judge_model: str | None = None
    judge_base_url: str | None = None
    judge_api_key: str | None = field(default=None, repr=False)
    judge_reasoning_effort: str | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> LlmSettings:
        """The settings that the environment names; an unset or empty variable leaves the default.

        Raises:
            BadSetting: a value is out of range or no number; a key or an address can't be one.
        """
        env = {name: value.strip() for name, value in (os.environ if environ is None else environ).items()}
        model = env.get("PODBRIEF_LLM_MODEL") or DEFAULT_MODEL
        own_prices = env.get("PODBRIEF_LLM_PRICES")
        judge_url = env.get("PODBRIEF_LLM_JUDGE_BASE_URL")
        return cls(
            api_key=_key(env, "OPENAI_API_KEY"),
            base_url=_address("OPENAI_BASE_URL", env.get("OPENAI_BASE_URL") or OPENAI_ADDRESS),
            model=model,
            concurrency=int(_within(env, "PODBRIEF_LLM_CONCURRENCY", cls.concurrency, 1, 256)),
            requests_per_minute=_limit(env, "PODBRIEF_LLM_REQUESTS_PER_MINUTE", 1, 1e6),
            tokens_per_minute=_limit(env, "PODBRIEF_LLM_TOKENS_PER_MINUTE", 1000, 1e9),
            timeout_s=_within(env, "PODBRIEF_LLM_TIMEOUT_S", cls.timeout_s, 1, 3600),
            max_retries=int(_within(env, "PODBRIEF_LLM_RETRIES", cls.max_retries, 0, 20)),
            max_output_tokens=int(_within(env, "PODBRIEF_LLM_MAX_OUTPUT_TOKENS", cls.max_output_tokens, 200, 200_000)),
            temperature=_within(env, "PODBRIEF_LLM_TEMPERATURE", 0.2, 0, 2),
            # Picking sentences needs little thought, and hidden reasoning is paid for and can use up the whole answer.
            reasoning_effort=env.get("PODBRIEF_LLM_REASONING") or ("low" if model == DEFAULT_MODEL else None),
            passage_words=int(_within(env, "PODBRIEF_LLM_PASSAGE_WORDS", cls.passage_words, 100, 20_000)),
            own_prices=Path(own_prices) if own_prices else None,
            budget_usd=_limit(env, "PODBRIEF_LLM_BUDGET_USD", 0, 1e6),
            borders=choice(env, "PODBRIEF_LLM_BORDERS", "1", ("0", "1")) == "1",
            judge_model=env.get("PODBRIEF_LLM_JUDGE_MODEL") or None,
            judge_base_url=_address("PODBRIEF_LLM_JUDGE_BASE_URL", judge_url) if judge_url else None,
            judge_api_key=_key(env, "PODBRIEF_LLM_JUDGE_API_KEY"),
            judge_reasoning_effort=env.get("PODBRIEF_LLM_JUDGE_REASONING") or None,
        )

    @property
    def server(self) -> str:
        """Where the server is, without what an address may hold besides: a token in its path or before its host."""
        parts = urlsplit(self.base_url)
        return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or ""

    @property
    def for_judge(self) -> LlmSettings | None:
        """The settings by which the judge is asked; None where there is none.

        The key belongs to its server: a judge elsewhere gets its own one, or none.
        """
        if self.judge_model is None:
            return None
        return replace(
            self,
            model=self.judge_model,
            base_url=self.judge_base_url or self.base_url,
            api_key=self.judge_api_key or (None if self.judge_base_url else self.api_key),
            reasoning_effort=self.judge_reasoning_effort,
            temperature=None if self.temperature is None else 0.0,
        )


def _key(environ: Mapping[str, str], name: str) -> str | None:
    value = environ.get(name)
    if value and not (value.isascii() and value.isprintable() and " " not in value):
        raise BadSetting(f"{name} holds signs that no key has", "copy the key again, without quotes or breaks")
    return value or None


def _address(name: str, value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise BadSetting(f"{name} is no web address", "give it as in http://127.0.0.1:8080/v1")
    return value


def _limit(environ: Mapping[str, str], name: str, least: float, most: float) -> float | None:
    return _within(environ, name, least, least, most) if environ.get(name) else None


def _within(environ: Mapping[str, str], name: str, default: float, least: float, most: float) -> float:
    value = environ.get(name)
    if not value:
        return default
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:
        raise BadSetting(f"{name} is {value!r}", f"give a number from {least:g} to {most:g}, or unset it")
    return number
