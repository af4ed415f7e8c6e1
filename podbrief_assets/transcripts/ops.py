"""The steps of the job `transcribe_shards`.

Belongs here: days in, shards of episodes that have to be heard, each heard by a step of its own, the sum of it.
Doesn't: how shards are cut (`shards.py`), how words are got and kept (`acquire.py`), the job (`automation.py`).

They fill the cache from which the asset `transcripts` takes everything; no table is written here. What is in the cache
already is not heard again, so a shard that failed or was killed repeats nothing that it had finished.
"""

import asyncio
import datetime as dt
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from podbrief_assets import partitions
from podbrief_assets.episodes import private
from podbrief_assets.errors import PermanentFailure, TransientFailure
from podbrief_assets.lake.io_manager import LakeResource, failures
from podbrief_assets.lake.tables import TABLES
from podbrief_assets.resources import CacheResource, DatabaseResource, RecordingStore, Speech, Web
from podbrief_assets.transcripts import acquire, shards

# Another program may have the GPU's memory for a moment, a machine may be taken away: whatever is tried again goes on
# with what was finished.
_AGAIN = dg.RetryPolicy(max_retries=2, delay=30, backoff=dg.Backoff.EXPONENTIAL)


class NothingToHear(PermanentFailure):
    """There is nothing that a recogniser could do."""


class DaysToHear(dg.Config):
    """The days whose episodes are to be heard."""

    first_day: str = Field(description="The first day, as 2026-11-01.")
    last_day: str = Field(description="The last day, as 2026-11-21; it may be the same.")
    hours_per_shard: float = Field(
        default=shards.HOURS_PER_SHARD,
        description="Hours of audio that one step hears. Fewer spread a heavy day over more GPUs; more waste less time "
        "on starting processes and loading the model.",
    )

    def days(self) -> list[dt.date]:
        """All of them.

        Raises:
            BadDay: one is no day, or can't be run.
        """
        return partitions.days_between(partitions.day_of(self.first_day), partitions.day_of(self.last_day))


@dg.op(
    out={
        "shard": dg.DynamicOut(list[list[str]], io_manager_key="step_files", description="What one step hears."),
        "plan": dg.Out(dict, io_manager_key="step_files", description="What has words already, and what has not."),
    },
    description="Takes publishers' transcripts, and cuts what has to be heard into shards by hours of audio.",
)
def cut_into_shards(
    context: dg.OpExecutionContext,
    config: DaysToHear,
    lake: LakeResource,
    cache: CacheResource,
    database: DatabaseResource,
    web: Web,
    speech: Speech,
) -> Iterator[dg.DynamicOutput[list[list[str]]] | dg.Output[dict[str, Any]]]:
    """Day by day, since the words of a month of publishers' transcripts are more than a machine's memory."""
    recognizer = speech.recognizer
    if recognizer is None:
        raise NothingToHear("speech recognition is switched off", "unset PODBRIEF_ASR_MODEL, or name a model")
    asked, there = config.days(), set(lake.lake.days(TABLES["episodes"]))
    days = [day for day in asked if day in there]
    if not days:
        raise NothingToHear(
            f"no day from {asked[0]} to {asked[-1]} has episodes yet",
            "materialise `episodes` of these days first, or `podbrief run` them",
        )
    now = dt.datetime.now(dt.UTC)
    origins: Counter[str] = Counter()
    waiting: list[shards.Waiting] = []
    for day in days:
        listed = lake.lake.scan("episodes", [day]).collect().to_dicts()
        rows = asyncio.run(
            acquire.published(
                listed,
                web.client,
                lambda addresses: private.opened(database.engine, addresses),
                cache.section("transcripts"),
                now,
                lambda _: None,
            )
        )
        unheard = acquire.unheard(listed, rows, cache.whole, recognizer.name, now)
        waiting += [shards.Waiting(listed[n]["episode_id"], day, listed[n]["duration_s"]) for n in unheard]
        publishers = sum(row["origin"] == "publisher" for row in rows)
        origins.update(
            {"publisher": publishers, "to hear": len(unheard), "known": len(rows) - publishers - len(unheard)}
        )
        context.log.info(f"{day}: {len(rows)} episodes, {publishers} from publishers, {len(unheard)} to hear")
    found = shards.cut(waiting, config.hours_per_shard)
    hours = sum(shard.hours for shard in found)
    context.log.info(f"{len(waiting)} episodes to hear, about {hours:,.1f} hours, in {len(found)} shards")
    for number, shard in enumerate(found, 1):
        yield dg.DynamicOutput(
            shard.to_json(),
            mapping_key=f"{number:04}",
            output_name="shard",
            metadata={"episodes": len(shard.episodes), "expected_hours": round(shard.hours, 2)},
        )
    plan: dict[str, Any] = {"shards": len(found), "expected_hours": round(hours, 2), "episodes": dict(origins)}
    missing = [str(day) for day in asked if day not in there]
    yield dg.Output(
        plan, "plan", metadata={**plan, "model": recognizer.name, "days": len(days), "days_without_episodes": missing}
    )


@dg.op(
    pool="gpu",
    retry_policy=_AGAIN,
    out=dg.Out(dict, io_manager_key="step_files"),
    description="Fetches and hears the episodes of a shard; each is kept in the cache as soon as it is finished.",
)
def hear_shard(
    context: dg.OpExecutionContext,
    shard: list[list[str]],
    lake: LakeResource,
    cache: CacheResource,
    database: DatabaseResource,
    web: Web,
    recordings: RecordingStore,
    speech: Speech,
) -> dict[str, Any]:
    """One bad episode fails nothing; what keeps all from being heard fails the step, with its remedy."""
    recognizer = speech.recognizer
    if recognizer is None:
        raise dg.Failure("speech recognition is switched off on this machine", allow_retries=False)
    listed = [episode for day, *wanted in shard for episode in _episodes(lake, day, wanted)]
    outcomes: Counter[str] = Counter()

    def opened(addresses: Collection[str]) -> dict[str, str]:
        return private.opened(database.engine, addresses)

    def done(outcome: str) -> None:
        outcomes[outcome] += 1
        context.log.info(f"{len(listed)} episodes: " + ", ".join(f"{n} {what}" for what, n in outcomes.items()))

    started = time.monotonic()
    heard = acquire.heard(
        listed,
        [acquire.without_words(episode) for episode in listed],
        web.client,
        opened,
        cache.whole,
        recordings.recordings,
        recognizer,
        dt.datetime.now(dt.UTC),
        done,
    )
    if heard.hindrance:
        told = f"{len(heard.hindered)} of {len(listed)} episodes were not heard: {heard.hindrance}"
        raise dg.Failure(told, allow_retries=isinstance(heard.hindrance, TransientFailure))
    outcome = shards.Outcome(
        recognised=outcomes["recognised"],
        known=outcomes["known"],
        audio_s=heard.recognised_s,
        seconds=time.monotonic() - started,
        dropped=heard.dropped,
        retried=heard.retried,
        failures=[
            (f"{episode['show_title']}: {episode['title']}", row["error"])
            for episode, row in zip(listed, heard.rows, strict=True)
            if row["error"] and not episode["duplicate_of"]
        ],
    )
    context.add_output_metadata(_metadata(outcome))
    return vars(outcome)


@dg.op(
    out=dg.Out(dict, io_manager_key="step_files"),
    description="Sums up what the shards heard. The asset `transcripts` then takes it from the cache.",
)
def sum_up(context: dg.OpExecutionContext, plan: dict[str, Any], outcomes: list[dict[str, Any]]) -> dict[str, Any]:
    """The sum over all shards."""
    total = sum((shards.Outcome.of_json(one) for one in outcomes), shards.Outcome())
    context.add_output_metadata({"shards": plan["shards"], **_metadata(total)})
    return vars(total)


def _episodes(lake: LakeResource, day: str, wanted: Sequence[str]) -> list[dict[str, Any]]:
    """Those of a day's episodes that are wanted and still there, in the order of `wanted`."""
    frame = lake.lake.scan("episodes", [dt.date.fromisoformat(day)]).collect()
    found = {row["episode_id"]: row for row in frame.iter_rows(named=True)}
    return [found[episode_id] for episode_id in wanted if episode_id in found]


def _metadata(outcome: shards.Outcome) -> dict[str, Any]:
    return {
        "recognised": outcome.recognised,
        "known": outcome.known,
        "audio_hours": round(outcome.audio_s / 3600, 3),
        "seconds": round(outcome.seconds, 1),
        **({"seconds_of_audio_a_second": round(outcome.speed, 1)} if outcome.speed else {}),
        "windows_heard_again": outcome.retried,
        "stretches_not_believed": outcome.dropped,
        **failures(outcome.failures),
    }
