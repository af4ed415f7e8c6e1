"""One invented episode, what a model may say of it, and settings for a server on loopback.

Belongs here: values that several test files share.
Doesn't: any test.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from podbrief_assets.insights.candidates import Episode, Extraction
from podbrief_assets.insights.llm import LlmExtractor, LlmSettings
from podbrief_assets.insights.passages import Passage, cut
from podbrief_assets.transcripts.segment import Segment
from podbrief_assets_tests.insights.llm_server import LlmServer

EPISODE = Episode(
    episode_id="e1",
    show_id="s1",
    show_title="Grid Talk",
    title="Cold caches",
    description="Notes.",
    persons=("Ana Ruiz",),
)
SEGMENTS = [
    Segment(
        start_s=0,
        end_s=30,
        speaker="Ana Ruiz",
        text=(
            "A cache that starts empty sends every request to the database, so the first minute after a restart is the "
            "most dangerous one of the day."
        ),
    ),
    Segment(
        start_s=30,
        end_s=60,
        speaker="Ben Ode",
        text=(
            "We measured it at Acme. After a restart the database took 40 times its normal load for ninety seconds, "
            "and half of the requests failed until the cache had filled."
        ),
    ),
]
CACHES = {
    "quote": "After a restart the database took 40 times its normal load for ninety seconds",
    "text": (
        "At Acme, the database took 40 times its normal load for 90 seconds after a restart, and half of the requests "
        "failed until the cache had filled, because a cache that starts empty sends every request to the database."
    ),
    "topics": ["databases", "devops", "no-such-topic"],
    "names": ["Acme", "Globex"],
}
COLD = {
    "quote": "A cache that starts empty sends every request to the database",
    "text": (
        "A cache that starts empty sends every request to the database, which makes the first minute after a restart the "
        "most dangerous one of the day for a service that depends on it, Ana Ruiz says of such restarts."
    ),
    "topics": ["databases"],
    "names": ["Ana Ruiz"],
}


class Memory:
    """A cache that lives as long as a test."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self.kept.get(key)

    def put(self, key: str, value: bytes) -> None:
        self.kept[key] = value


def passages(*, max_words: int = 1000) -> list[Passage]:
    return cut(SEGMENTS, (), max_words=max_words)


def quick(server: LlmServer, **changed: Any) -> LlmSettings:
    fields: dict[str, Any] = {
        "api_key": "sk-secret",
        "base_url": server.base_url,
        "model": "tiny",
        "timeout_s": 5,
        "max_retries": 2,
    }
    return LlmSettings(**{**fields, **changed})


def run(server: LlmServer, cache: Memory | None = None, **changed: Any) -> Extraction:
    return LlmExtractor(quick(server, **changed)).extract_episode(EPISODE, passages(), cache=cache)


def price_table(folder: Path, text: str = "tiny = { input = 2, output = 10 }") -> Path:
    table = folder / "prices.toml"
    table.write_text(f"[models]\n{text}\n")
    return table


def outcomes(found: Extraction) -> list[str]:
    return [one.outcome for one in found.asked]
