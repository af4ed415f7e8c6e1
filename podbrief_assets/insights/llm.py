"""Ask a language model what is worth knowing in each passage of an episode.

Belongs here: the settings, one question per passage to any server that speaks OpenAI's protocol, telling its answers
and failures apart, keeping its valid answers in a cache, and turning what passes the gates into candidates.
Doesn't: the gates themselves (grounding.py), cutting passages (passages.py), choosing among insights (scores).
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urlsplit

from podbrief_assets.environment import BadSetting
from podbrief_assets.errors import PermanentFailure, PodbriefError, TransientFailure
from podbrief_assets.insights.candidates import Candidate, Episode, Extraction, Rejection
from podbrief_assets.insights.grounding import NOTES_CHARACTERS, QUOTE_WORDS, locate, refusal
from podbrief_assets.insights.passages import Passage, cut
from podbrief_assets.insights.prices import Price, price_of
from podbrief_assets.insights.text import names_of
from podbrief_assets.insights.topics import MOST_TOPICS, TOPICS, TOPICS_VERSION, topics_of
from podbrief_assets.transcripts.segment import Segment

if TYPE_CHECKING:
    # Importing the client takes a second, and definitions load without asking anything.
    import openai

log = logging.getLogger(__name__)

DEFAULT_MODEL = "gpt-5.4-mini"
OPENAI_ADDRESS = "https://api.openai.com/v1"
MOST_ITEMS = 3
SCHEMA_VERSION = "schema-1"

_MOST_TEXT = 700
_MOST_QUOTE = 500
_MOST_NAME = 80
_MOST_NAMES = 10
_MOST_ANSWER = 200_000
_MOST_STARTS = 20


# ---------------------------------------------------------------------------------------------------------------------
# Failures


class LlmUnavailable(PodbriefError):
    """No question will be answered for now: whoever asks for episode after episode stops asking."""


class KeyRefused(LlmUnavailable, PermanentFailure):
    """The server doesn't accept the key (401, 403)."""


class ModelMissing(LlmUnavailable, PermanentFailure):
    """The server doesn't know the model, or the address is not that of a chat API (404)."""


class QuotaExceeded(LlmUnavailable, TransientFailure):
    """The account has nothing left to pay with; it may have by the next run."""


class ServerUnreachable(LlmUnavailable, TransientFailure):
    """No connection could be made, also after the client's own retries."""


class NoAnswers(TransientFailure):
    """None of an episode's passages was answered."""


# ---------------------------------------------------------------------------------------------------------------------
# Settings


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
        timeout_s: Seconds that one request may take.
        max_retries: How often the client asks again after a time-out, a 429 or a server's error.
        max_output_tokens: A longer answer is cut; reasoning counts.
        temperature: None leaves it to the server; it is left out where a model refuses it.
        reasoning_effort: None leaves it to the server.
        passage_words: How much of a transcript one question shows.
        own_prices: The operator's price table.
    """

    api_key: str | None = field(default=None, repr=False)
    base_url: str = OPENAI_ADDRESS
    model: str = DEFAULT_MODEL
    concurrency: int = 8
    timeout_s: float = 120.0
    max_retries: int = 4
    max_output_tokens: int = 4000
    temperature: float | None = 0.2
    reasoning_effort: str | None = None
    passage_words: int = 1200
    own_prices: Path | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> LlmSettings:
        """The settings that the environment names; an unset or empty variable leaves the default.

        Raises:
            BadSetting: a value is out of range or no number; the key or the address can't be one.
        """
        env = {name: value.strip() for name, value in (os.environ if environ is None else environ).items()}
        model = env.get("PODBRIEF_LLM_MODEL") or DEFAULT_MODEL
        own_prices = env.get("PODBRIEF_LLM_PRICES")
        return cls(
            api_key=_key(env.get("OPENAI_API_KEY")),
            base_url=_address(env.get("OPENAI_BASE_URL") or OPENAI_ADDRESS),
            model=model,
            concurrency=int(_within(env, "PODBRIEF_LLM_CONCURRENCY", cls.concurrency, 1, 256)),
            timeout_s=_within(env, "PODBRIEF_LLM_TIMEOUT_S", cls.timeout_s, 1, 3600),
            max_retries=int(_within(env, "PODBRIEF_LLM_RETRIES", cls.max_retries, 0, 20)),
            max_output_tokens=int(_within(env, "PODBRIEF_LLM_MAX_OUTPUT_TOKENS", cls.max_output_tokens, 200, 200_000)),
            temperature=_within(env, "PODBRIEF_LLM_TEMPERATURE", 0.2, 0, 2),
            # Picking sentences needs little thought, and hidden reasoning is paid for and can use up the whole answer.
            reasoning_effort=env.get("PODBRIEF_LLM_REASONING") or ("low" if model == DEFAULT_MODEL else None),
            passage_words=int(_within(env, "PODBRIEF_LLM_PASSAGE_WORDS", cls.passage_words, 100, 20_000)),
            own_prices=Path(own_prices) if own_prices else None,
        )


def _key(value: str | None) -> str | None:
    if value and not (value.isascii() and value.isprintable() and " " not in value):
        raise BadSetting("OPENAI_API_KEY holds signs that no key has", "copy the key again, without quotes or breaks")
    return value or None


def _address(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise BadSetting("OPENAI_BASE_URL is no web address", "give it as in http://127.0.0.1:8080/v1")
    return value


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


class Cache(Protocol):
    """Where answers are kept between runs; both methods are called from several threads."""

    def get(self, key: str) -> bytes | None:
        """What is kept under `key`, or None."""

    def put(self, key: str, value: bytes) -> None:
        """Keep `value` under `key`."""


# ---------------------------------------------------------------------------------------------------------------------
# The question


@dataclass(frozen=True)
class Prompt:
    """Instructions to the model.

    Attributes:
        version: What the file states; it is stored with every insight.
        text: The instructions, filled in.
        digest: Of the text, so that an edit without a new version is a new question all the same.
    """

    version: str
    text: str
    digest: str


@functools.cache
def prompt() -> Prompt:
    """The instructions in `prompts/propose.md`."""
    source = resources.files("podbrief_assets.insights").joinpath("prompts/propose.md").read_text(encoding="utf-8")
    _, front_matter, body = source.split("---\n", 2)
    version = dict(line.split(": ", 1) for line in front_matter.splitlines())["version"]
    filled = {
        "most_items": str(MOST_ITEMS),
        "quote_least": str(QUOTE_WORDS[0]),
        "quote_most": str(QUOTE_WORDS[1]),
        "topics": ", ".join(TOPICS),
    }
    text = re.sub(r"\{\{(\w+)\}\}", lambda match: filled[match[1]], body).strip()
    return Prompt(version, text, hashlib.sha256(text.encode()).hexdigest())


def answer_schema(*, bounded: bool = True) -> dict[str, Any]:
    """The JSON schema of an answer, in the subset that strict servers take; `bounded` limits lengths as well."""

    def string(most: int) -> dict[str, Any]:
        return {"type": "string", **({"maxLength": most} if bounded else {})}

    def array(items: dict[str, Any], most: int) -> dict[str, Any]:
        return {"type": "array", "items": items, **({"maxItems": most} if bounded else {})}

    def record(properties: dict[str, Any]) -> dict[str, Any]:
        required = list(properties)
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}

    item = record(
        {
            # The quote comes first, so that the text is written with its evidence in view.
            "quote": string(_MOST_QUOTE),
            "text": string(_MOST_TEXT),
            "topics": array({"type": "string", "enum": list(TOPICS)}, MOST_TOPICS),
            "names": array(string(_MOST_NAME), _MOST_NAMES),
        }
    )
    return record({"insights": array(item, MOST_ITEMS)})


def question(episode: Episode, passage: Passage) -> str:
    """The user's message: what is known of the episode, then the passage, between two marker lines.

    The markers carry a digest of what stands between them, which no transcript can hold, so nothing in it can pretend
    that the data has ended.
    """
    known = {
        "show": episode.show_title,
        "episode": episode.title,
        "persons": ", ".join(episode.persons[:20]),
        "language": episode.language or "",
        "notes": episode.description[:NOTES_CHARACTERS],
    }
    lines = [f"{name}: {' '.join(value.split())}" for name, value in known.items() if value.strip()]
    data = "\n".join([*lines, "", "transcript:", *_turns(passage.segments)])
    mark = hashlib.sha256(data.encode()).hexdigest()[:16]
    return f"<<<DATA {mark}\n{data}\nDATA {mark}>>>"


def _turns(segments: Iterable[Segment]) -> list[str]:
    """One line a turn, led by the speaker where the publisher names them."""
    turns: list[tuple[str | None, list[str]]] = []
    for segment in segments:
        if not turns or turns[-1][0] != segment.speaker:
            turns.append((segment.speaker, []))
        turns[-1][1].append(" ".join(segment.text.split()))
    return [f"{speaker}: {' '.join(texts)}" if speaker else " ".join(texts) for speaker, texts in turns]


# ---------------------------------------------------------------------------------------------------------------------
# The answer


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """One item of a model's answer, as it came."""

    quote: str
    text: str
    topics: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of asking about one passage.

    Attributes:
        proposals: The whole and well-formed items.
        failure: Why the answer is not all that it should be; None where it is.
        keep: Whether asking again would be a waste, so that the answer goes into the cache.
        tokens_in, tokens_out, cost_usd: Of all attempts together; the cost is None where no price is known.
    """

    proposals: tuple[Proposal, ...] = ()
    failure: str | None = None
    keep: bool = False
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = 0.0


def read_items(content: str) -> tuple[list[object], bool]:
    """The items of the object `{"insights": […]}` in `content`, and whether the object is whole.

    Prose or a code fence around it is passed over; where the object breaks off, the items that are whole are kept.
    """
    content = content[:_MOST_ANSWER].rpartition("</think>")[2]
    decoder = json.JSONDecoder()
    if content.strip() == "[]":
        return [], True
    read_to = 0
    for start in [match.start() for match in re.finditer(r"[{\[]", content)][:_MOST_STARTS]:
        value = _decoded(decoder, content, start) if start >= read_to else None
        if value is None:
            continue
        read_to = value[1]
        items = value[0].get("insights") if isinstance(value[0], dict) else value[0]
        # A list without the object around it is meant as one; a list inside a broken object is not.
        bare = isinstance(value[0], list)
        if isinstance(items, list) and (not bare or (items and all(isinstance(item, dict) for item in items))):
            return items, True
    return _whole_items(decoder, content), False


def _whole_items(decoder: json.JSONDecoder, content: str) -> list[object]:
    opened = re.search(r'"insights"\s*:\s*\[', content)
    items: list[object] = []
    place = opened.end() if opened else len(content)
    while len(items) < MOST_ITEMS and (start := re.compile(r"\s*,?\s*(?=\{)").match(content, place)):
        value = _decoded(decoder, content, start.end())
        if value is None:
            break
        items.append(value[0])
        place = value[1]
    return items


def _decoded(decoder: json.JSONDecoder, content: str, start: int) -> tuple[object, int] | None:
    try:
        return decoder.raw_decode(content, start)
    except (ValueError, RecursionError):
        return None


def _proposal(item: object) -> Proposal | None:
    """`item` as a proposal, or None where its types are wrong."""
    if not isinstance(item, dict):
        return None
    quote, text = item.get("quote"), item.get("text")
    topics, names = item.get("topics") or [], item.get("names") or []
    if not isinstance(quote, str) or not isinstance(text, str) or not quote.strip() or not text.strip():
        return None
    lists = (topics, names)
    if not all(isinstance(part, list) and all(isinstance(entry, str) for entry in part) for part in lists):
        return None
    return Proposal(
        quote=_line(quote, 2 * _MOST_QUOTE),
        text=_line(text, 2 * _MOST_TEXT),
        topics=tuple(topic for topic in topics if topic in TOPICS)[:MOST_TOPICS],
        names=tuple(_line(name, _MOST_NAME) for name in names[:_MOST_NAMES]),
    )


def _line(text: str, most: int) -> str:
    """`text` on one line, without control characters and lone surrogates, which UTF-8 can't hold."""
    folded = " ".join(text.encode("utf-8", "ignore").decode().split())
    return "".join(sign for sign in folded if sign.isprintable())[:most].strip()


# ---------------------------------------------------------------------------------------------------------------------
# What a server understands

_FORMATS = ("a JSON schema with limits", "a JSON schema", "JSON objects", "plain text")


@dataclass(frozen=True, kw_only=True)
class _Dialect:
    """How much of the protocol a server has been found to speak; it only ever gets simpler."""

    response_format: int = 0
    temperature: bool = True
    reasoning_effort: bool = True
    newer_limit: bool = True
    limit_swapped: bool = False

    def simpler(self, complaint: str) -> _Dialect | None:
        """The dialect without what a server's 400 complains of; None where nothing is left to give up."""
        if self.temperature and "temperature" in complaint:
            return replace(self, temperature=False)
        if self.reasoning_effort and "reasoning" in complaint:
            return replace(self, reasoning_effort=False)
        if not self.limit_swapped and re.search(r"max_(?:completion_)?tokens", complaint):
            return replace(self, newer_limit=not self.newer_limit, limit_swapped=True)
        if self.response_format + 1 < len(_FORMATS):
            return replace(self, response_format=self.response_format + 1)
        return None

    def joined(self, other: _Dialect) -> _Dialect:
        """What is left when two requests at once have each learned something."""
        swapped = self if self.limit_swapped else other
        return _Dialect(
            response_format=max(self.response_format, other.response_format),
            temperature=self.temperature and other.temperature,
            reasoning_effort=self.reasoning_effort and other.reasoning_effort,
            newer_limit=swapped.newer_limit,
            limit_swapped=swapped.limit_swapped,
        )

    def notes(self, before: _Dialect) -> list[str]:
        """What was given up since `before`, for the operator."""
        notes = []
        if self.response_format > before.response_format:
            notes.append(f"it takes no {_FORMATS[before.response_format]}: asking for {_FORMATS[self.response_format]}")
        if before.temperature and not self.temperature:
            notes.append("it takes no temperature: its own is used")
        if before.reasoning_effort and not self.reasoning_effort:
            notes.append("it takes no reasoning effort: its own is used")
        return notes


def _response_format(level: int) -> dict[str, Any]:
    if level <= 1:
        schema = answer_schema(bounded=level == 0)
        return {"type": "json_schema", "json_schema": {"name": "insights", "strict": True, "schema": schema}}
    return {"type": "json_object"}


# ---------------------------------------------------------------------------------------------------------------------
# The extractor


class LlmExtractor:
    """Asks one model on one server; safe to use from several threads, which share its limit of requests in flight.

    Attributes:
        notes: What the server turned out not to support, once each, for the operator.
    """

    def __init__(self, settings: LlmSettings) -> None:
        """Raises `BadPriceTable` where the operator's price table can't be read; connects to nothing."""
        self.settings = settings
        self.notes: list[str] = []
        self._price: Price | None = price_of(settings.model, settings.own_prices)
        official = (urlsplit(settings.base_url).hostname or "").endswith(("openai.com", "azure.com"))
        # Other servers mostly know the older name of the limit, and some ignore a name that they don't know.
        self._dialect = _Dialect(newer_limit=official)
        self._lock = threading.Lock()
        self._in_flight = threading.BoundedSemaphore(settings.concurrency)
        self._stopped: LlmUnavailable | None = None
        self._made: openai.OpenAI | None = None

    @property
    def prompt_version(self) -> str:
        """The version of the prompt, stored with every insight."""
        return prompt().version

    def key(self, episode: Episode, passage: Passage) -> str:
        """What the answer about `passage` is kept under: a digest of everything that it depends on but the server."""
        parts = {
            "model": self.settings.model,
            "prompt": [prompt().version, prompt().digest],
            "schema": [SCHEMA_VERSION, TOPICS_VERSION, MOST_ITEMS],
            "temperature": self.settings.temperature,
            "reasoning_effort": self.settings.reasoning_effort,
            "max_output_tokens": self.settings.max_output_tokens,
            "question": question(episode, passage),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def extract_episode(
        self, episode: Episode, passages: Sequence[Passage], *, cache: Cache | None = None
    ) -> Extraction:
        """What an episode's passages hold: candidates, what the gates refused and why, and passages without answer.

        Valid answers, also empty ones, are put into `cache` as they arrive and asked for only once. A passage whose
        answer fails is told in `failures` and asked about again the next time.

        Raises:
            LlmUnavailable: nothing more can be had for now; answers that had come are in the cache.
        """
        if not passages:
            return Extraction()
        with ThreadPoolExecutor(min(self.settings.concurrency, len(passages)), thread_name_prefix="llm") as pool:
            pending = [pool.submit(self._answer, episode, passage, cache) for passage in passages]
            try:
                answers = [future.result() for future in pending]
            except LlmUnavailable:
                pool.shutdown(cancel_futures=True)
                raise
        return self._extraction(episode, passages, answers)

    def _extraction(self, episode: Episode, passages: Sequence[Passage], answers: Sequence[Answer]) -> Extraction:
        candidates: list[Candidate] = []
        rejections: list[Rejection] = []
        for passage, answer in zip(passages, answers, strict=True):
            for index, proposal in enumerate(answer.proposals):
                candidate, broken = self._judged(episode, passage, proposal, _share(answer, index))
                if broken is None and any(_same_place(candidate, other) for other in candidates):
                    broken = ("repeated_quote", "an earlier insight of the episode rests on the same words")
                if broken is None:
                    candidates.append(candidate)
                else:
                    rejections.append(Rejection(candidate=candidate, rule=broken[0], detail=broken[1]))
        costs = [answer.cost_usd for answer in answers]
        return Extraction(
            candidates=candidates,
            rejections=rejections,
            passages=len(passages),
            failures=[
                f"passage {passage.index} ({_clock(passage.start_s)} to {_clock(passage.end_s)}): {answer.failure}"
                for passage, answer in zip(passages, answers, strict=True)
                if answer.failure
            ],
            tokens_in=sum(answer.tokens_in for answer in answers),
            tokens_out=sum(answer.tokens_out for answer in answers),
            cost_usd=_total(costs),
        )

    def _judged(
        self, episode: Episode, passage: Passage, proposal: Proposal, spent: Answer
    ) -> tuple[Candidate, tuple[str, str] | None]:
        """A proposal as a candidate, with the rule that it breaks and how, or None."""
        place = locate(proposal.quote, passage.segments)
        named = tuple(dict.fromkeys(n for n in proposal.names if n and n.lower() in proposal.text.lower()))
        candidate = Candidate(
            kind="insight",
            text=proposal.text,
            quote=place.text if place else proposal.quote,
            start_s=place.start_s if place else passage.start_s,
            end_s=place.end_s if place else passage.end_s,
            timed=place.timed if place else all(segment.timed for segment in passage.segments),
            speaker=place.speaker if place else None,
            topics=proposal.topics or topics_of(proposal.text),
            names=named or names_of(proposal.text)[:_MOST_NAMES],
            extractor="llm",
            model=self.settings.model,
            prompt_version=self.prompt_version,
            tokens_in=spent.tokens_in,
            tokens_out=spent.tokens_out,
            cost_usd=spent.cost_usd,
        )
        if place is None:
            return candidate, ("quote_not_found", "these words are not in the passage")
        speakers = {segment.speaker for segment in passage.segments if segment.speaker}
        broken = refusal(
            proposal.text,
            quote=place,
            passage=passage.text,
            episode=episode,
            speakers=sorted(speakers),
            names=proposal.names,
            segments=passage.segments,
        )
        return candidate, (broken.rule, broken.detail) if broken else None

    def _answer(self, episode: Episode, passage: Passage, cache: Cache | None) -> Answer:
        key = self.key(episode, passage)
        kept = _thawed(cache.get(key)) if cache else None
        if kept is not None:
            return kept
        answer = self._asked(question(episode, passage))
        if cache and answer.keep:
            cache.put(key, _frozen(answer))
        return answer

    def _asked(self, message: str) -> Answer:
        """Ask, and once more where the answer is not of the form asked for."""
        messages = [{"role": "system", "content": prompt().text}, {"role": "user", "content": message}]
        first = self._once(messages)
        if not isinstance(first, _Malformed):
            return first
        again = [
            *messages,
            {"role": "assistant", "content": first.content[:4000] or "(nothing)"},
            {
                "role": "user",
                "content": f"That was not the JSON object asked for ({first.reason}). Answer with it alone.",
            },
        ]
        second = self._once(again)
        if isinstance(second, _Malformed):
            best = max(first.answer.proposals, second.answer.proposals, key=len)
            failure = f"the answer was invalid twice ({second.reason})"
            return _plus(first.answer, replace(second.answer, proposals=best, failure=failure))
        return _plus(first.answer, second)

    def _once(self, messages: list[dict[str, str]]) -> Answer | _Malformed:
        import openai  # noqa: PLC0415

        try:
            completion = self._complete(messages)
        except openai.APIStatusError as error:
            return Answer(failure=self._status_failure(error))
        except openai.APITimeoutError:
            return Answer(failure=f"no answer within {self.settings.timeout_s:g} s, asked {self._tries} times")
        except openai.APIConnectionError as error:
            raise ServerUnreachable(
                f"the language model's server at {self._server} can't be reached ({error.__cause__ or error})",
                "start it, or correct OPENAI_BASE_URL",
            ) from error
        except (openai.APIResponseValidationError, json.JSONDecodeError):
            return _Malformed("the server's reply is no chat completion", "", Answer())
        return self._read(completion)

    def _complete(self, messages: list[dict[str, str]]) -> object:
        """The server's reply, in the richest form that it understands."""
        import openai  # noqa: PLC0415

        dialect = self._dialect
        while True:
            if self._stopped is not None:
                raise type(self._stopped)(self._stopped.what, self._stopped.remedy)
            try:
                with self._in_flight:
                    completion = self._client().chat.completions.create(**self._request(messages, dialect))
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                complaint = _complaint(error)
                simpler = None if _is_about_content(complaint) else dialect.simpler(complaint)
                if simpler is None:
                    raise
                dialect = simpler
            else:
                self._learn(dialect)
                return completion

    def _request(self, messages: list[dict[str, str]], dialect: _Dialect) -> dict[str, Any]:
        limit = "max_completion_tokens" if dialect.newer_limit else "max_tokens"
        request: dict[str, Any] = {
            "model": self.settings.model,
            "messages": messages,
            limit: self.settings.max_output_tokens,
        }
        if dialect.response_format + 1 < len(_FORMATS):
            request["response_format"] = _response_format(dialect.response_format)
        if dialect.temperature and self.settings.temperature is not None:
            request["temperature"] = self.settings.temperature
        if dialect.reasoning_effort and self.settings.reasoning_effort is not None:
            request["reasoning_effort"] = self.settings.reasoning_effort
        return request

    def _learn(self, dialect: _Dialect) -> None:
        """Remember what a server didn't take, and say so once."""
        with self._lock:
            before, self._dialect = self._dialect, self._dialect.joined(dialect)
            for note in self._dialect.notes(before):
                self.notes.append(f"{self._server}: {note}")
                log.warning("the language model's server at %s: %s", self._server, note)

    def _read(self, completion: object) -> Answer | _Malformed:
        """Tell apart an answer, an empty one, a cut one, a malformed one, a refusal and a filtered one.

        The client doesn't check what a server sends, and servers differ: nothing about its shape is taken for granted.
        """
        spent = self._spent(getattr(completion, "usage", None))
        choices = getattr(completion, "choices", None)
        choice = choices[0] if isinstance(choices, list) and choices else None
        message = getattr(choice, "message", None)
        if message is None:
            return _Malformed("the server's reply is no chat completion", "", spent)
        refused = getattr(message, "refusal", None)
        if isinstance(refused, str) and refused:
            return replace(spent, failure=f"the model refused: {_line(refused, 200)}")
        finished = getattr(choice, "finish_reason", None)
        if finished == "content_filter":
            return replace(spent, failure="the provider's content filter withheld the answer")
        content = getattr(message, "content", None)
        content = content if isinstance(content, str) else ""
        items, whole = read_items(content)
        read = [_proposal(item) for item in items[:MOST_ITEMS]]
        spent = replace(spent, proposals=tuple(proposal for proposal in read if proposal is not None))
        if finished == "length" and not whole:
            kept = f"{len(spent.proposals)} whole item{'' if len(spent.proposals) == 1 else 's'} kept"
            limit = f"cut at {self.settings.max_output_tokens} tokens, {kept}; raise PODBRIEF_LLM_MAX_OUTPUT_TOKENS"
            # The model would be cut at the same limit again, which is part of the key: what it said in full is kept.
            return replace(spent, failure=f"the answer was {limit}", keep=bool(spent.proposals))
        if not whole or None in read:
            reason = "no JSON object with a list of insights" if not whole else "an item has fields of the wrong type"
            return _Malformed("it was empty" if not content.strip() else reason, content, spent)
        return replace(spent, keep=True)

    def _spent(self, usage: object) -> Answer:
        tokens_in, tokens_out = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
        cached = _count(getattr(usage, "prompt_tokens_details", None), "cached_tokens") or 0
        if tokens_in is None or tokens_out is None:
            return Answer(cost_usd=None)
        cost = self._price.cost_usd(tokens_in, tokens_out, cached) if self._price else None
        return Answer(tokens_in=tokens_in, tokens_out=tokens_out, cost_usd=cost)

    def _status_failure(self, error: openai.APIStatusError) -> str:
        """Why one passage has no answer.

        Raises:
            LlmUnavailable: no passage will have one.
        """
        status, complaint = error.status_code, _complaint(error)
        said = _line(error.message.removeprefix(f"Error code: {status} - "), 200)
        if status in {401, 403}:
            # What the server says of a key may repeat the key.
            self._stop(
                KeyRefused(
                    f"the language model's server at {self._server} refused the key ({status})",
                    "set OPENAI_API_KEY to a valid key for it, or OPENAI_BASE_URL to the server that it is for",
                )
            )
        if status == 404:
            self._stop(
                ModelMissing(
                    f"the server at {self._server} has no model {self.settings.model!r} (404)",
                    "set PODBRIEF_LLM_MODEL to one that it serves; OPENAI_BASE_URL usually ends in /v1",
                )
            )
        if status == 402 or (status == 429 and "insufficient_quota" in complaint):
            self._stop(
                QuotaExceeded(
                    f"the account at {self._server} has used up its quota ({status})",
                    "raise the limit or pay, then run the same days again: answers that had come are kept",
                )
            )
        if _is_about_content(complaint):
            if "context" in complaint:
                return "the passage is longer than the model can read; lower PODBRIEF_LLM_PASSAGE_WORDS"
            return "the provider's content filter refused the passage"
        if status == 429:
            return f"the server limits the rate (429), asked {self._tries} times; lower PODBRIEF_LLM_CONCURRENCY"
        if status >= 500:
            return f"the server failed ({status}), asked {self._tries} times: {said}"
        return f"the server refused the request ({status}): {said}"

    def _stop(self, failure: LlmUnavailable) -> None:
        self._stopped = failure
        raise failure

    @property
    def _tries(self) -> int:
        return self.settings.max_retries + 1

    @property
    def _server(self) -> str:
        """Where the server is, without what an address may hold besides: a token in its path or before its host."""
        parts = urlsplit(self.settings.base_url)
        return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or ""

    def _client(self) -> openai.OpenAI:
        import openai  # noqa: PLC0415

        with self._lock:
            if self._made is None:
                self._made = openai.OpenAI(
                    # The client insists on a key; a server that wants none ignores it.
                    api_key=self.settings.api_key or "none",
                    base_url=self.settings.base_url,
                    timeout=self.settings.timeout_s,
                    max_retries=self.settings.max_retries,
                )
            return self._made


@dataclass(frozen=True)
class _Malformed:
    """An answer that is not of the form asked for, with what of it can be used and what it cost."""

    reason: str
    content: str
    answer: Answer


def extract(episode: Episode, segments: Sequence[Segment]) -> list[Candidate]:
    """An episode's insights by the model that the environment names, without a cache.

    Args:
        episode: Where the words come from.
        segments: The transcript, best without its advertising (`passages.content`).

    Raises:
        BadSetting, BadPriceTable: the environment is wrong.
        LlmUnavailable: nothing can be had from the server.
        NoAnswers: not one passage was answered.
    """
    settings = LlmSettings.from_environment()
    passages = cut(segments, (), max_words=settings.passage_words)
    found = LlmExtractor(settings).extract_episode(episode, passages)
    for failure in found.failures:
        log.warning("episode %s, %s", episode.episode_id, failure)
    if found.passages and len(found.failures) == found.passages and not found.candidates:
        raise NoAnswers(f"no passage of {episode.title!r} was answered: {found.failures[0]}", "run it again")
    return list(found.candidates)


def _complaint(error: openai.APIStatusError) -> str:
    """All that a server says of a request that it refuses, in lower case."""
    return " ".join(str(part) for part in (error.message, error.param, error.code, error.type) if part).lower()


def _is_about_content(complaint: str) -> bool:
    """Whether a 400 is about what was asked, so that asking in another form is no help."""
    return (
        re.search(r"context_length|context length|context size|content_filter|content_policy|policy", complaint)
        is not None
    )


def _count(source: object, name: str) -> int | None:
    value = getattr(source, name, None)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _total(costs: Iterable[float | None]) -> float | None:
    """The sum, or None where one part is not known."""
    known = list(costs)
    return None if None in known else sum(cast(list[float], known))


def _plus(before: Answer, after: Answer) -> Answer:
    """`after` with what the attempt before it cost."""
    return replace(
        after,
        tokens_in=before.tokens_in + after.tokens_in,
        tokens_out=before.tokens_out + after.tokens_out,
        cost_usd=_total((before.cost_usd, after.cost_usd)),
    )


def _share(answer: Answer, index: int) -> Answer:
    """What proposal `index` of an answer cost: an even share, so that the shares add up to the whole."""
    count = len(answer.proposals)

    def part(whole: int) -> int:
        return whole // count + (index < whole % count)

    cost = None if answer.cost_usd is None else answer.cost_usd / count
    return Answer(tokens_in=part(answer.tokens_in), tokens_out=part(answer.tokens_out), cost_usd=cost)


def _same_place(one: Candidate, other: Candidate) -> bool:
    """Whether two quotes share more than half of the shorter one, or the second that makes an insight's identifier."""
    shared = min(one.end_s, other.end_s) - max(one.start_s, other.start_s)
    shorter = min(one.end_s - one.start_s, other.end_s - other.start_s)
    return round(one.start_s) == round(other.start_s) or (shared > 0 and 2 * shared > shorter)


def _frozen(answer: Answer) -> bytes:
    return json.dumps(asdict(answer), ensure_ascii=False, sort_keys=True).encode()


def _thawed(kept: bytes | None) -> Answer | None:
    """A kept answer; None where there is none, or one that this version can't read."""
    if kept is None:
        return None
    try:
        fields = json.loads(kept)
        proposals = tuple(
            Proposal(
                quote=entry["quote"],
                text=entry["text"],
                topics=tuple(topic for topic in entry["topics"] if topic in TOPICS),
                names=tuple(entry["names"]),
            )
            for entry in fields.pop("proposals")
        )
        return Answer(proposals=proposals, **fields)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
