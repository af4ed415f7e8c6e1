"""Cut episodes that have to be heard into shards of so many hours of audio.

Belongs here: which episode goes into which shard, how long an episode is taken to be whose length nobody knows, what
several shards came to together.
Doesn't: which episodes have to be heard and hearing them (`acquire.py`), Dagster (`ops.py`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from podbrief_assets.errors import PermanentFailure
from podbrief_assets.transcripts.audio import Limits

# A shard pays once for what an hour of audio does not: a place on a GPU, a process, a model to load; about a minute.
# Twenty hours keep a GPU at work for many times that, and are few enough for many GPUs to end at about the same time.
HOURS_PER_SHARD: Final = 20.0
# Of a feed that tells no length, or one that nothing can have. Most episodes are shorter, and an hour too much costs
# nothing but a shard that ends early.
UNKNOWN_S: Final = 3600.0
# Dagster plans and shows every shard as a step; with thousands its pages take minutes to open.
MOST_SHARDS: Final = 1000


class BadShards(PermanentFailure):
    """Episodes that can't be cut as asked for."""


@dataclass(frozen=True)
class Waiting:
    """An episode that has to be heard.

    Attributes:
        episode_id: Which.
        day: Its partition.
        duration_s: As its feed tells it; None where it does not.
    """

    episode_id: str
    day: dt.date
    duration_s: float | None

    @property
    def expected_s(self) -> float:
        """How long it is taken to be."""
        stated_s = self.duration_s or 0.0
        return stated_s if 0 < stated_s <= Limits().duration_s else UNKNOWN_S


@dataclass(frozen=True)
class Shard:
    """Episodes that one step hears.

    Attributes:
        episodes: In the order in which they are heard: never empty, by day.
    """

    episodes: tuple[Waiting, ...]

    @property
    def hours(self) -> float:
        """How much audio it is taken to be."""
        return sum(episode.expected_s for episode in self.episodes) / 3600

    def to_json(self) -> list[list[str]]:
        """What a step needs to know of it: of each day its episodes, the day first."""
        days: dict[str, list[str]] = {}
        for episode in self.episodes:
            days.setdefault(episode.day.isoformat(), []).append(episode.episode_id)
        return [[day, *episodes] for day, episodes in days.items()]


def cut(episodes: Iterable[Waiting], hours: float) -> list[Shard]:
    """Shards of at most `hours` of audio, in the order of `episodes`; a longer episode is a shard of its own.

    The same episodes are cut the same way, and every one is in exactly one shard.

    Raises:
        BadShards: `hours` is no number above 0, or there would be more shards than Dagster shows well.
    """
    if not 0 < hours < float("inf"):
        raise BadShards(f"a shard can't have {hours:g} hours", "give a number above 0, as 20")
    listed = list(episodes)
    shards = [Shard(tuple(part)) for part in _parts(listed, hours * 3600)]
    if len(shards) > MOST_SHARDS:
        total = sum(episode.expected_s for episode in listed) / 3600
        raise BadShards(
            f"{total:,.0f} hours of audio in shards of {hours:g} are {len(shards):,} shards, and Dagster shows "
            f"{MOST_SHARDS:,} well",
            f"give more hours per shard (from {2 * total / MOST_SHARDS:,.0f} on it surely fits), or fewer days",
        )
    return shards


def _parts(episodes: Sequence[Waiting], most_s: float) -> Iterator[list[Waiting]]:
    part: list[Waiting] = []
    so_far_s = 0.0
    for episode in episodes:
        if part and so_far_s + episode.expected_s > most_s:
            yield part
            part, so_far_s = [], 0.0
        part.append(episode)
        so_far_s += episode.expected_s
    if part:
        yield part


@dataclass
class Outcome:
    """What hearing one shard, or several, came to.

    Attributes:
        recognised: Episodes that were heard.
        known: Episodes that had been heard before: by an attempt that was killed, or under another address.
        audio_s: Audio that was listened to, in seconds.
        seconds: How long that took, fetching and loading the model included; of several shards their sum.
        dropped, retried: As in `acquire.Heard`.
        failures: (episode, reason) of those that gave no words.
    """

    recognised: int = 0
    known: int = 0
    audio_s: float = 0.0
    seconds: float = 0.0
    dropped: int = 0
    retried: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def of_json(cls, stored: dict[str, Any]) -> Self:
        """What `vars` of an outcome became in JSON."""
        return cls(**{**stored, "failures": [(item, reason) for item, reason in stored["failures"]]})

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(**{name: value + getattr(other, name) for name, value in vars(self).items()})

    @property
    def speed(self) -> float | None:
        """Seconds of audio a second; None where nothing was listened to."""
        return self.audio_s / self.seconds if self.audio_s and self.seconds else None
