"""The assets `shows`, `feed_health`, `feed_items` and `episodes`.

Belongs here: running a scan, in which order its effects happen, and projecting days from what was ever seen.
Doesn't: HTTP and feeds (`scan.py`, `feed.py`), what a scan remembers between runs (`feed_state.py`), the rows that come
of it (`listing.py`, `item_log.py`), the rule by which an item becomes an episode of a day (`projection.py`).

The first three come from one step. A show's title, language and picture are what its feed says, so they are known only
after the scan; as two steps the first run would describe every show by its address and the second run would change the
table without anything having happened.
"""

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import polars as pl

from podbrief_assets import partitions
from podbrief_assets.episodes import checks, feed_state, hushing, identity, late, listing, projection, shows
from podbrief_assets.episodes.feed_state import FeedState
from podbrief_assets.episodes.item_log import ItemLog
from podbrief_assets.episodes.scan import ScanResult, scan, states_to_save
from podbrief_assets.errors import PodbriefError
from podbrief_assets.lake.compaction import compact
from podbrief_assets.lake.contract import settle
from podbrief_assets.lake.io_manager import (
    LakeResource,
    TableResult,
    contract_check,
    contract_verdict,
    failures,
    table_asset,
    table_options,
    table_result,
)
from podbrief_assets.lake.storage import Lake
from podbrief_assets.lake.tables import TABLES
from podbrief_assets.resources import DatabaseResource, Subscriptions, Web

GROUP = "episodes"
_SCAN_VERSION = "2"
# Feeds between two appends: what a killed scan fetches again, against a small file in the lake for each. Fewer where
# they bring much, as in a first scan, whose archives of 20,000 items would be gigabytes before the first was safe.
_FEEDS_AT_ONCE = 200
_ITEMS_AT_ONCE = 50_000
_NOTES_AT_ONCE = 128 * 1024 * 1024  # characters


def _scan_out(name: str, **options: Any) -> dg.AssetOut:
    shared = table_options(name, group=GROUP, code_version=_SCAN_VERSION, kinds={"http"})
    return dg.AssetOut(io_manager_key="io_manager", **shared, **options)


@dg.multi_asset(
    name="scan",
    outs={
        "shows": _scan_out("shows"),
        "feed_health": _scan_out("feed_health"),
        "feed_items": _scan_out("feed_items", dagster_type=dg.Nothing),
    },
    check_specs=[
        contract_check("shows"),
        contract_check("feed_health"),
        checks.SPEC,
        contract_check("feed_items"),
    ],
    internal_asset_deps={
        "shows": set(),
        "feed_health": {dg.AssetKey("shows")},
        "feed_items": {dg.AssetKey("shows")},
    },
)
def scan_feeds(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    database: DatabaseResource,
    subscriptions: Subscriptions,
    web: Web,
) -> Iterator[TableResult]:
    """Fetch every subscribed feed that changed and append its new and changed items."""
    listed = shows.read_opml_file(content) if (content := subscriptions.read()) else shows.SubscriptionList([], [])
    started = dt.datetime.now(dt.UTC)
    told = _Told(listed)
    log = ItemLog(
        lake.lake,
        database.engine,
        f"seen={started:%Y%m%dT%H%M%S%f}-{context.run.run_id[:8]}",
        started,
        told.is_private,
    )

    async def run() -> None:
        states = feed_state.load(database.engine)
        async with web.client() as client:
            async for batch in _batches(scan(listed.subscriptions, states, client, now=started)):
                # Items before validators: killed in between, the next scan fetches the feed again and finds every
                # item known. The other way round it would answer 304 and the items would be lost.
                log.append(batch)
                feed_state.save(database.engine, states_to_save(batch))
                told.take(batch)
                context.log.info(
                    f"{told.outcomes.total()} of {len(listed.subscriptions)} feeds scanned, {log.rows} new items"
                )

    asyncio.run(run())
    states, now = feed_state.load(database.engine), dt.datetime.now(dt.UTC)
    described = settle(TABLES["shows"], listing.shows_frame(listed.subscriptions, states, now))
    yield table_result(described, {"feeds": len(listed.subscriptions)})
    health = settle(TABLES["feed_health"], listing.health_frame(listed.subscriptions, states, now))
    result = table_result(health, {"outcomes": dict(health.valid["outcome"].value_counts().iter_rows())})
    yield result._replace(check_results=[*result.check_results, checks.feeds_answer(health.valid, now)])
    told.failed += _tidied(lake.lake, now)
    yield dg.MaterializeResult(
        asset_key="feed_items",
        metadata={
            "new_items": log.rows,
            "feeds": dict(told.outcomes),
            # Also where this scan found nothing new: the one before it may have been killed before it could say so.
            late.LATE_DAYS: [day.isoformat() for day in late.outdated_days(lake.lake)],
            "seconds": round((dt.datetime.now(dt.UTC) - started).total_seconds(), 1),
            **failures(sorted(told.failed)),
        },
        check_results=[contract_verdict(TABLES["feed_items"], log.rows, log.rejected, log.rules)],
    )


@table_asset(
    "episodes",
    group=GROUP,
    code_version=projection.VERSION,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def episodes(context: dg.AssetExecutionContext, feed_items: pl.LazyFrame) -> TableResult:
    """Project the days from what was ever seen; no network."""
    days = partitions.to_days(context.partition_keys)
    settled = settle(TABLES["episodes"], projection.episodes_of(feed_items, days))
    rules = dict(settled.valid["published_rule"].value_counts().iter_rows())
    untrusted = settled.valid.filter(pl.col("published_rule") != "stated")
    notes = [
        (
            f"{row['show_title']}: {row['title']}",
            f"publication time {row['published_rule']}: placed on the day it was first seen",
        )
        for row in untrusted.select("show_title", "title", "published_rule").iter_rows(named=True)
    ]
    return table_result(settled, {"publication_times": rules, **failures(notes)})


@dataclass
class _Told:
    """What an operator is told of a scan.

    Attributes:
        outcomes: How many feeds had which outcome.
        failed: What failed or needs a look, and why; nothing of a private feed's address.
    """

    listed: shows.SubscriptionList
    outcomes: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        subscribed = self.listed.subscriptions
        self._by_address = {identity.canonical_feed_address(one.feed_url): one for one in subscribed}
        self.failed += [("the subscription list", hushing.hushed_where_private(line)) for line in self.listed.skipped]
        if not subscribed:
            empty = "is empty: `podbrief shows add URL` or `podbrief shows import FILE`"
            self.failed.append(("the subscription list", empty))

    def is_private(self, state: FeedState) -> bool:
        """Whether the feed's addresses may be known to nobody."""
        return listing.is_private(self._by_address[state.address], state)

    def take(self, batch: Sequence[ScanResult]) -> None:
        """Count and tell what came of a batch of feeds."""
        self.outcomes.update(result.outcome for result in batch)
        for result in batch:
            if lines := [line for line in [result.error, *result.skipped] if line]:
                hidden = self.is_private(result.state)
                name = hushing.shown(result.state.feed_url, is_private=hidden)
                self.failed += [(name, hushing.hushed(line) if hidden else line) for line in lines]


def _tidied(lake: Lake, now: dt.datetime) -> list[tuple[str, str]]:
    """Merge the log's old files; a merge that fails is told, and does no harm to what was scanned."""
    table = TABLES["feed_items"]
    try:
        for rejected in (False, True):
            compact(lake, table, now, rejected=rejected)
    except (PodbriefError, OSError, pl.exceptions.PolarsError) as error:
        return [("merging the files of feed_items", f"{error}: they stay as they are, and the next scan tries again")]
    return []


async def _batches(results: AsyncIterator[ScanResult]) -> AsyncIterator[list[ScanResult]]:
    batch: list[ScanResult] = []
    items = notes = 0
    async for result in results:
        batch.append(result)
        items += len(result.items)
        notes += sum(len(item.notes or "") for item in result.items)
        if len(batch) >= _FEEDS_AT_ONCE or items >= _ITEMS_AT_ONCE or notes >= _NOTES_AT_ONCE:
            yield batch
            batch, items, notes = [], 0, 0
    if batch:
        yield batch
