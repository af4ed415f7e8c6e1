"""What a language model is asked.

Belongs here: prompts with their versions, the markers around data, JSON schemas of answers.
Doesn't: what each question is about (proposals.py, judge.py, borders.py), sending it (asking.py).
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Generic, TypeVar

from podbrief_assets.insights.candidates import Episode
from podbrief_assets.insights.grounding import NOTES_CHARACTERS
from podbrief_assets.insights.llm.answers import Reading

T = TypeVar("T")

Schema = dict[str, Any]

_BOUNDS = ("maxLength", "maxItems", "minimum", "maximum")
_MOST_PERSONS = 20


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
def prompt(name: str, **filled: str) -> Prompt:
    """The instructions in `prompts/<name>.md`, `{{word}}` replaced by what `filled` says for it."""
    source = resources.files("podbrief_assets.insights").joinpath(f"prompts/{name}.md").read_text(encoding="utf-8")
    _, front_matter, body = source.split("---\n", 2)
    version = dict(line.split(": ", 1) for line in front_matter.splitlines())["version"]
    text = re.sub(r"\{\{(\w+)\}\}", lambda match: filled[match[1]], body).strip()
    return Prompt(version, text, hashlib.sha256(text.encode()).hexdigest())


@dataclass(frozen=True, kw_only=True)
class Question(Generic[T]):
    """One question, complete, whichever server it goes to.

    Attributes:
        about: What its answers are called, in one word.
        prompt: The instructions.
        data: The user's message: data between markers, nothing else.
        schema: The JSON schema of an answer.
        read: What an answer's text says.
    """

    about: str
    prompt: Prompt
    data: str
    schema: Schema
    read: Callable[[str], Reading[T]]

    @property
    def messages(self) -> list[dict[str, str]]:
        """The conversation so far: instructions and data, apart."""
        return [{"role": "system", "content": self.prompt.text}, {"role": "user", "content": self.data}]

    @property
    def most_tokens_in(self) -> int:
        """More tokens than any model makes of it: a token is at least a byte."""
        return len(json.dumps([self.messages, self.schema], ensure_ascii=False).encode()) + 100


def fenced(lines: Sequence[str]) -> str:
    """`lines` between two marker lines.

    The markers carry a digest of what stands between them, which no transcript can hold, so nothing in it can pretend
    that the data has ended.
    """
    data = "\n".join(lines)
    mark = hashlib.sha256(data.encode()).hexdigest()[:16]
    return f"<<<DATA {mark}\n{data}\nDATA {mark}>>>"


def about_episode(episode: Episode) -> list[str]:
    """What is known of an episode besides its words, a line each."""
    known = {
        "show": episode.show_title,
        "episode": episode.title,
        "persons": ", ".join(episode.persons[:_MOST_PERSONS]),
        "language": episode.language or "",
        "notes": episode.description[:NOTES_CHARACTERS],
    }
    return [f"{name}: {' '.join(value.split())}" for name, value in known.items() if value.strip()]


def string(most: int) -> Schema:
    """The schema of a string of at most `most` characters."""
    return {"type": "string", "maxLength": most}


def array(items: Schema, most: int) -> Schema:
    """The schema of a list of at most `most` items."""
    return {"type": "array", "items": items, "maxItems": most}


def record(properties: dict[str, Schema]) -> Schema:
    """The schema of an object that has all of `properties` and nothing else, as strict servers want it."""
    required = list(properties)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def unbounded(schema: Schema) -> Schema:
    """`schema` without limits on lengths and numbers, which some servers refuse or can't compile."""
    return {
        name: _without_bounds(value) for name, value in schema.items() if name not in _BOUNDS or isinstance(value, dict)
    }


def _without_bounds(value: object) -> object:
    return unbounded(value) if isinstance(value, dict) else value
