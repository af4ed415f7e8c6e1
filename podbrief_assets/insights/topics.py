"""What an insight is about: one versioned list of topics, and which of them a text names.

Belongs here: the list (`topics.toml`) and finding its topics by their cue words.
Doesn't: names of people and companies (text.py), a reader's interests, which are free text (briefs).
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

MOST_TOPICS = 3
_MOST_CHARACTERS = 20_000
_HINTS_NEEDED = 2

# A cue may hold inner signs ("S&P 500", "e-commerce"), so a word is what stands between spaces, less its punctuation.
_WORD = re.compile(r"[^\W_]+(?:['&.+/-][^\W_]+)*")


@dataclass(frozen=True, kw_only=True)
class Topic:
    """One subject that insights are filed, followed and muted under.

    Attributes:
        topic_id: A slug that is stored; it is never renamed.
        title: What a reader sees.
        cues: Words of which one is enough.
        hints: Words that also mean other things; two different ones are needed.
    """

    topic_id: str
    title: str
    cues: tuple[str, ...]
    hints: tuple[str, ...]


def _load() -> tuple[str, dict[str, Topic]]:
    listed = tomllib.loads(
        resources.files("podbrief_assets.insights").joinpath("topics.toml").read_text(encoding="utf-8")
    )
    topics = {
        topic_id: Topic(topic_id=topic_id, title=entry["title"], cues=tuple(entry["cues"]), hints=tuple(entry["hints"]))
        for topic_id, entry in listed["topics"].items()
    }
    return listed["version"], topics


TOPICS_VERSION: str
TOPICS: Mapping[str, Topic]
TOPICS_VERSION, TOPICS = _load()


def topics_of(text: str) -> tuple[str, ...]:
    """The topics that `text` names by their cue words, the surest first, at most three; often none.

    Words count whole, so "rain" is not in "training"; only the first 20,000 characters are read.
    """
    exact = [match[0] for match in _WORD.finditer(text[:_MOST_CHARACTERS].replace("\u2019", "'"))]
    folded = [word.lower() for word in exact]
    as_written, any_case, longest = _cue_index()
    cues: dict[str, set[str]] = {}
    hints: dict[str, set[str]] = {}
    for start in range(len(exact)):
        for length in range(1, min(longest, len(exact) - start) + 1):
            phrase = " ".join(exact[start : start + length])
            bare = phrase.removesuffix("'s")
            for entry in (
                as_written.get(phrase) or as_written.get(bare),
                any_case.get(" ".join(folded[start : start + length])) or any_case.get(bare.lower()),
            ):
                for topic_id, is_cue in entry or ():
                    (cues if is_cue else hints).setdefault(topic_id, set()).add(bare.lower())
    sure = {
        topic_id: (len(cues.get(topic_id, ())) * _HINTS_NEEDED + len(hints.get(topic_id, ())))
        for topic_id in TOPICS
        if topic_id in cues or len(hints.get(topic_id, ())) >= _HINTS_NEEDED
    }
    return tuple(sorted(sure, key=lambda topic_id: -sure[topic_id])[:MOST_TOPICS])


_Index = dict[str, list[tuple[str, bool]]]


@functools.cache
def _cue_index() -> tuple[_Index, _Index, int]:
    """Topics by cue as written and by cue in lower case, and the number of words of the longest cue."""
    as_written: _Index = {}
    any_case: _Index = {}
    longest = 1
    for topic in TOPICS.values():
        for cue, is_cue in [*((cue, True) for cue in topic.cues), *((hint, False) for hint in topic.hints)]:
            phrase = " ".join(_WORD.findall(cue))
            index = any_case if phrase == phrase.lower() else as_written
            index.setdefault(phrase, []).append((topic.topic_id, is_cue))
            longest = max(longest, phrase.count(" ") + 1)
    return as_written, any_case, longest
