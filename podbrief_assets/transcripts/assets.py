"""The asset `transcripts`.

Belongs here: getting each episode's transcript once, keeping it, and recording why there is none.
Doesn't: reading files (`publisher.py`), HTTP (`net.py`).
"""

import asyncio
import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import dagster as dg
import polars as pl

from podbrief_assets import net
from podbrief_assets.errors import PodbriefError, TransientFailure
from podbrief_assets.lake.cache import Cache, key_of
from podbrief_assets.lake.contract import settle
from podbrief_assets.lake.io_manager import TableResult, failures, table_asset, table_result
from podbrief_assets.lake.tables import TABLES
from podbrief_assets.resources import CacheResource, Web
from podbrief_assets.transcripts import Segment, duration_s, is_timed, publisher

GROUP = "transcripts"
# Part of every key: another number has every file read again.
VERSION = "1"

_AT_ONCE = 16
_MAX_BYTES = 20 * 2**20
# A publisher's file often follows its episode by a day or two. After a week it is not coming.
_WORTH_ASKING_AGAIN = dt.timedelta(days=7)


@table_asset("transcripts", group=GROUP, code_version=VERSION, kinds={"http"}, pool="gpu")
def transcripts(
    context: dg.AssetExecutionContext, episodes: pl.LazyFrame, cache: CacheResource, web: Web
) -> TableResult:
    """Take each episode's transcript from its publisher."""
    today = episodes.collect()
    store = cache.section("transcripts")
    started = dt.datetime.now(dt.UTC)
    fetched: Counter[str] = Counter()

    def done(outcome: str) -> None:
        fetched[outcome] += 1
        context.log.info(f"{fetched.total()} of {len(today)} transcripts: {dict(fetched)}")

    rows = asyncio.run(transcribe_all(today.to_dicts(), web.client, store, started, done))
    table = TABLES["transcripts"]
    settled = settle(table, pl.DataFrame(rows, schema=table.polars_schema))
    missing = [
        (f"{episode['show_title']}: {episode['title']}", row["error"])
        for episode, row in zip(today.iter_rows(named=True), rows, strict=True)
        if row["error"]
    ]
    hours = sum(row["duration_s"] or 0 for row in rows) / 3600
    return table_result(
        settled,
        {
            "origins": dict(Counter(row["origin"] for row in rows)),
            "fetched": fetched["fetched"],
            "from_cache": fetched["cached"],
            "hours": round(hours, 2),
            "words": sum(row["words"] for row in rows),
            "seconds": round((dt.datetime.now(dt.UTC) - started).total_seconds(), 1),
            **failures(missing),
        },
    )


async def transcribe_all(
    episodes: Sequence[dict[str, Any]],
    client: Callable[[], net.Client],
    cache: Cache,
    now: dt.datetime,
    done: Callable[[str], None] = lambda outcome: None,
) -> list[dict[str, Any]]:
    """The `transcripts` rows of `episodes`, in their order, several fetched at once.

    Args:
        episodes: `episodes` rows.
        client: Opens the way out; not called while everything is known.
        cache: Where each finished episode is kept at once.
        now: Decides what is worth asking for again.
        done: Told of each finished episode: `fetched`, `cached` or `failed`.
    """
    rows: list[dict[str, Any] | None] = [_kept(episode, cache, now) for episode in episodes]
    missing = [index for index, row in enumerate(rows) if row is None]
    for _ in range(len(rows) - len(missing)):
        done("cached")
    if not missing:
        return [row for row in rows if row is not None]
    gate = asyncio.Semaphore(_AT_ONCE)

    async with client() as web:

        async def one(index: int) -> None:
            async with gate:
                rows[index] = await _transcribe(episodes[index], web, cache)
            done("failed" if rows[index]["error"] else "fetched")  # type: ignore[index]

        async with asyncio.TaskGroup() as group:
            for index in missing:
                group.create_task(one(index))
    return [row for row in rows if row is not None]


def _key(episode: dict[str, Any]) -> str:
    """Another address or another version of the item is another question."""
    return key_of(
        version=VERSION, episode=episode["episode_id"], item=episode["digest"], transcripts=episode["transcripts"]
    )


def _kept(episode: dict[str, Any], cache: Cache, now: dt.datetime) -> dict[str, Any] | None:
    row: dict[str, Any] | None = cache.get_json(_key(episode))
    if row is None:
        return None
    young = now - episode["published_at"] < _WORTH_ASKING_AGAIN
    if row["error"] and young and episode["transcripts"]:
        return None
    return {**row, "date": episode["date"]}


async def _transcribe(episode: dict[str, Any], web: net.Client, cache: Cache) -> dict[str, Any]:
    segments, source, language, problems = await _from_publisher(episode, web)
    row = _row(episode, segments, source, language, _reason(episode, problems) if not segments else None)
    # What may work at the next run is not kept; what will not is, until its episode or its address changes.
    if segments or not any(isinstance(problem, TransientFailure) for problem in problems):
        cache.put_json(_key(episode), {name: value for name, value in row.items() if name != "date"})
    return row


async def _from_publisher(
    episode: dict[str, Any], web: net.Client
) -> tuple[list[Segment], str | None, str | None, list[PodbriefError]]:
    """The first of the publisher's files that can be the episode's words, and what was wrong with those before it."""
    problems: list[PodbriefError] = []
    for link in publisher.choose(episode["transcripts"], episode["language"]):
        try:
            reply = await web.get(link["url"], max_bytes=_MAX_BYTES)
            segments = publisher.parse_transcript(reply.content, reply.headers.get("content-type") or link["type"])
            if episode["duration_s"]:
                segments = publisher.rescale(segments, episode["duration_s"])
            if reason := publisher.plausible(segments, episode["duration_s"]):
                raise publisher.NotATranscript(f"{link['url']} can't be this episode's transcript", reason)
        except PodbriefError as error:
            problems.append(error)
        else:
            return segments, link["url"], link["language"] or episode["language"], problems
    return [], None, None, problems


def _reason(episode: dict[str, Any], problems: Sequence[PodbriefError]) -> str:
    if not problems:
        return "the feed offers no transcript of this episode: ask the publisher for one"
    return "; ".join(str(problem) for problem in problems)


def _row(
    episode: dict[str, Any], segments: Sequence[Segment], source: str | None, language: str | None, error: str | None
) -> dict[str, Any]:
    stored = [{name: value for name, value in asdict(segment).items() if name != "timed"} for segment in segments]
    return {
        "episode_id": episode["episode_id"],
        "show_id": episode["show_id"],
        "origin": "publisher" if segments else "none",
        "source_url": source,
        "model": None,
        "language": language.lower() if language else None,
        "duration_s": duration_s(segments) if segments else None,
        "timed": is_timed(segments),
        "words": sum(len(segment.text.split()) for segment in segments),
        "segments": stored,
        "digest": hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest() if segments else None,
        "error": error,
        "date": episode["date"],
    }
