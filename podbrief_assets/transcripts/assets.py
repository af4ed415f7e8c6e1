"""The asset `transcripts`.

Belongs here: a day's episodes in, their words out, and why some have none.
Doesn't: how words are got and kept (`acquire.py`).
"""

import asyncio
import datetime as dt
import time
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import dagster as dg
import polars as pl

from podbrief_assets.episodes import private
from podbrief_assets.lake.contract import settle
from podbrief_assets.lake.io_manager import TableResult, failures, picture, table_asset, table_result
from podbrief_assets.lake.tables import TABLES
from podbrief_assets.resources import CacheResource, DatabaseResource, RecordingStore, Speech, Web
from podbrief_assets.transcripts import acquire
from podbrief_assets.transcripts.picture import lengths_by_origin

GROUP = "transcripts"
_CODE_VERSION = f"{acquire.FILES_VERSION}.{acquire.SPEECH_VERSION}.1"


@table_asset("transcripts", group=GROUP, code_version=_CODE_VERSION, kinds={"http", "torch", "huggingface"}, pool="gpu")
def transcripts(
    context: dg.AssetExecutionContext,
    episodes: pl.LazyFrame,
    cache: CacheResource,
    database: DatabaseResource,
    web: Web,
    recordings: RecordingStore,
    speech: Speech,
) -> TableResult:
    """Take each episode's transcript from its publisher, or recognise its speech where there is none."""
    today = episodes.collect()
    listed = today.to_dicts()
    now, started = dt.datetime.now(dt.UTC), time.monotonic()
    outcomes: Counter[str] = Counter()

    def done(outcome: str) -> None:
        outcomes[outcome] += 1
        context.log.info(f"{len(today)} episodes: " + ", ".join(f"{n} {what}" for what, n in outcomes.items()))

    def opened(addresses: Collection[str]) -> dict[str, str]:
        return private.opened(database.engine, addresses)

    rows = asyncio.run(acquire.published(listed, web.client, opened, cache.section("transcripts"), now, done))
    listening = time.monotonic()
    heard = acquire.Heard(rows)
    if recognizer := speech.recognizer:
        store = recordings.recordings
        heard = acquire.heard(listed, rows, web.client, opened, cache.whole, store, recognizer, now, done)
        rows = heard.rows
    listened_s = time.monotonic() - listening
    table = TABLES["transcripts"]
    settled = settle(table, pl.DataFrame(rows, schema=table.polars_schema))
    told = [
        (f"{episode['show_title']}: {episode['title']}", row["error"])
        for number, (episode, row) in enumerate(zip(listed, rows, strict=True))
        if row["error"] and not episode["duplicate_of"] and number not in heard.hindered
    ]
    if heard.hindrance:
        told.insert(0, (f"speech recognition ({len(heard.hindered)} episodes not heard)", str(heard.hindrance)))
    return table_result(
        settled,
        {
            "repeats": sum(1 for episode in listed if episode["duplicate_of"]),
            "fetched": outcomes["fetched"],
            "recognised": outcomes["recognised"],
            "from_cache": outcomes["cached"] + outcomes["known"],
            **_origins(listed, rows),
            "listened_hours": round(heard.recognised_s / 3600, 3),
            **({"seconds_of_audio_a_second": round(heard.recognised_s / listened_s, 1)} if heard.recognised_s else {}),
            "windows_heard_again": heard.retried,
            "stretches_not_believed": heard.dropped,
            "words": sum(row["words"] for row in rows),
            "seconds": round(time.monotonic() - started, 1),
            **failures(told),
        },
    )


def _origins(listed: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Where the words of the episodes came from, those that repeat others left out, and how long their audio is."""
    lengths_s: dict[str, list[float | None]] = {}
    for episode, row in zip(listed, rows, strict=True):
        if not episode["duplicate_of"]:
            lengths_s.setdefault(row["origin"], []).append(row["duration_s"] or episode["duration_s"])
    hours = {origin: sum(length_s or 0.0 for length_s in lengths) / 3600 for origin, lengths in lengths_s.items()}
    count = sum(map(len, lengths_s.values()))
    return {
        "origins": dict(Counter(row["origin"] for row in rows)),
        "audio_hours": round(sum(hours.values()), 3),
        "recognised_hours": round(hours.get("recognised", 0.0), 3),
        **({"publisher_share": round(len(lengths_s.get("publisher", ())) / count, 3)} if count else {}),
        "lengths": picture(lengths_by_origin(lengths_s), "how long the audio is, by where its words came from"),
    }
