"""Ask what is worth knowing in one passage, and read the answer.

Belongs here: the question about a passage, and the items of its answer.
Doesn't: asking (asking.py), the gates and candidates (extractor.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from podbrief_assets.insights.candidates import Episode
from podbrief_assets.insights.grounding import QUOTE_WORDS
from podbrief_assets.insights.llm.answers import Reading, line, read_items
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
from podbrief_assets.insights.topics import MOST_TOPICS, TOPICS
from podbrief_assets.transcripts.segment import Segment

MOST_ITEMS = 3
MOST_TEXT = 700
MOST_NAMES = 10

_MOST_QUOTE = 500
_MOST_NAME = 80


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """One item of a model's answer, as it came."""

    quote: str
    text: str
    topics: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


def instructions() -> Prompt:
    """The instructions in `prompts/propose.md`."""
    return prompt(
        "propose",
        most_items=str(MOST_ITEMS),
        quote_least=str(QUOTE_WORDS[0]),
        quote_most=str(QUOTE_WORDS[1]),
        topics=", ".join(TOPICS),
    )


def question(episode: Episode, passage: Passage) -> Question[tuple[Proposal, ...]]:
    """What is worth knowing in `passage`."""
    return Question(
        about="insights",
        prompt=instructions(),
        data=fenced([*about_episode(episode), "", "transcript:", *_turns(passage.segments)]),
        schema=_schema(),
        read=read,
    )


def read(content: str) -> Reading[tuple[Proposal, ...]]:
    """The whole and well-formed items of an answer."""
    items, whole = read_items(content, "insights", MOST_ITEMS)
    found = [_proposal(item) for item in items]
    problem = None
    if not whole:
        problem = "no JSON object with a list of insights"
    elif None in found:
        problem = "an item has fields of the wrong type"
    return Reading(value=tuple(one for one in found if one is not None), empty=not items, problem=problem)


def _schema() -> Schema:
    item = record(
        {
            # The quote comes first, so that the text is written with its evidence in view.
            "quote": string(_MOST_QUOTE),
            "text": string(MOST_TEXT),
            "topics": array({"type": "string", "enum": list(TOPICS)}, MOST_TOPICS),
            "names": array(string(_MOST_NAME), MOST_NAMES),
        }
    )
    return record({"insights": array(item, MOST_ITEMS)})


def _turns(segments: Iterable[Segment]) -> list[str]:
    """One line a turn, led by the speaker where the publisher names them."""
    turns: list[tuple[str | None, list[str]]] = []
    for segment in segments:
        if not turns or turns[-1][0] != segment.speaker:
            turns.append((segment.speaker, []))
        turns[-1][1].append(" ".join(segment.text.split()))
    return [f"{speaker}: {' '.join(texts)}" if speaker else " ".join(texts) for speaker, texts in turns]


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
        quote=line(quote, 2 * _MOST_QUOTE),
        text=line(text, 2 * MOST_TEXT),
        topics=tuple(topic for topic in topics if topic in TOPICS)[:MOST_TOPICS],
        names=tuple(line(name, _MOST_NAME) for name in names[:MOST_NAMES]),
    )
