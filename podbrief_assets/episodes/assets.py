"""The assets `shows`, `feed_items` and `episodes`.

Belongs here: running a scan, appending what is new to the lake, and projecting days from it.
Doesn't: HTTP and feeds (`scan.py`, `feed.py`), what a scan remembers between runs (`feed_state.py`), the rule by which
an item becomes an episode of a day (`projection.py`).

`shows` and `feed_items` come from one step. A show's title, language and picture are what its feed says, so they are
known only after the scan; as two steps the first run would describe every show by its address and the second run would
change the table without anything having happened.
"""

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence

import dagster as dg
import polars as pl

from podbrief_assets import net, partitions
from podbrief_assets.episodes import feed_state, identity, projection, shows
from podbrief_assets.episodes.feed import Item
from podbrief_assets.episodes.feed_state import FeedState
from podbrief_assets.episodes.scan import ScanResult, scan
from podbrief_assets.episodes.shows import Subscription
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
_SCAN_VERSION = "1"
# Feeds between two appends: what a killed scan fetches again, against a small file in the lake for each.
_FEEDS_AT_ONCE = 200


@dg.multi_asset(
    name="scan",
    outs={
        "shows": dg.AssetOut(
            io_manager_key="io_manager",
            **table_options("shows", group=GROUP, code_version=_SCAN_VERSION, kinds={"http"}),
        ),
        "feed_items": dg.AssetOut(
            dagster_type=dg.Nothing,
            io_manager_key="io_manager",
            **table_options("feed_items", group=GROUP, code_version=_SCAN_VERSION, kinds={"http"}),
        ),
    },
    check_specs=[contract_check("shows"), contract_check("feed_items")],
    internal_asset_deps={"shows": set(), "feed_items": {dg.AssetKey("shows")}},
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
    subscribed = listed.subscriptions
    started = dt.datetime.now(dt.UTC)
    log = _ItemLog(lake.lake, f"seen={started:%Y%m%dT%H%M%S%f}-{context.run.run_id[:8]}", started)
    outcomes: Counter[str] = Counter()
    failed = [("the subscription list", line) for line in listed.skipped]
    if not subscribed:
        failed.append(("the subscription list", "is empty: `podbrief shows add URL` or `podbrief shows import FILE`"))

    async def run() -> None:
        states = feed_state.load(database.engine)
        async with web.client() as client:
            batches = _batches(scan(subscribed, states, client, now=started))
            async for batch in batches:
                # Items before validators: killed in between, the next scan fetches the feed again and finds every
                # item known. The other way round it would answer 304 and the items would be lost.
                log.append(batch)
                feed_state.save(database.engine, [result.state for result in batch])
                outcomes.update(result.outcome for result in batch)
                for result in batch:
                    failed.extend(
                        (net.displayed(result.state.feed_url), line) for line in [result.error, *result.skipped] if line
                    )
                context.log.info(f"{sum(outcomes.values())} of {len(subscribed)} feeds scanned, {log.rows} new items")

    asyncio.run(run())
    described = settle(TABLES["shows"], _shows_frame(subscribed, feed_state.load(database.engine)))
    yield table_result(described, {"feeds": len(subscribed)})
    yield dg.MaterializeResult(
        asset_key="feed_items",
        metadata={
            "new_items": log.rows,
            "feeds": dict(outcomes),
            "seconds": round((dt.datetime.now(dt.UTC) - started).total_seconds(), 1),
            **failures(sorted(failed)),
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


class _ItemLog:
    """Appends to `feed_items` what is not there yet."""

    def __init__(self, lake: Lake, name: str, seen_at: dt.datetime) -> None:
        self._lake, self._name, self._seen_at = lake, name, seen_at
        self._newest: pl.DataFrame | None = None
        self._files = 0
        self._table = TABLES["feed_items"]
        self.rows = self.rejected = 0
        self.rules: Counter[str] = Counter()

    def append(self, results: Sequence[ScanResult]) -> None:
        """Append the items of `results` whose newest known version is another one."""
        items = [(result, item) for result in results for item in result.items]
        if not items:
            return
        identities = pl.DataFrame(
            [(_show_id(result.state), item.guid, item.digest) for result, item in items],
            schema={"show_id": pl.String, "guid": pl.String, "digest": pl.String},
            orient="row",
        ).with_row_index("position")
        new = identities.join(self._known(), on=["show_id", "guid", "digest"], how="anti")["position"].sort()
        # Only now, because a row's show notes are sanitised, which costs more than reading the whole feed.
        rows = [self._row(*items[position]) for position in new]
        settled = settle(self._table, pl.DataFrame(rows, schema=self._table.polars_schema))
        name = f"{self._name}-{self._files:05}"
        self._lake.append(self._table, settled.valid, name)
        self._lake.append(self._table, settled.rejected, name, rejected=True)
        self._files += 1
        self.rows += len(settled.valid)
        self.rejected += len(settled.rejected)
        self.rules.update(settled.counts)

    def _known(self) -> pl.DataFrame:
        """The newest version of every item: read once a scan, and only if any feed changed."""
        if self._newest is None:
            versions = self._lake.scan("feed_items").select("show_id", "guid", "digest", "first_seen_at")
            newest = versions.group_by("show_id", "guid").agg(pl.col("digest").sort_by("first_seen_at").last())
            self._newest = newest.collect()
        return self._newest

    def _row(self, result: ScanResult, item: Item) -> dict[str, object]:
        state, row = result.state, item.row()
        show_id = _show_id(state)
        return {
            **{name: row.get(name) for name in self._table.polars_schema},
            "show_id": show_id,
            "episode_id": identity.episode_id(show_id, item.guid),
            "show_title": state.title or state.feed_url,
            "language": state.language,
            "digest": item.digest,
            "stated_at": item.published_at,
            "first_seen_at": self._seen_at,
            "back_catalogue": result.back_catalogue,
        }


def _show_id(state: FeedState) -> str:
    return state.show_id or identity.show_id(None, state.feed_url)


async def _batches(results: AsyncIterator[ScanResult]) -> AsyncIterator[list[ScanResult]]:
    batch: list[ScanResult] = []
    async for result in results:
        batch.append(result)
        if len(batch) == _FEEDS_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _shows_frame(subscribed: Sequence[Subscription], states: dict[str, FeedState]) -> pl.DataFrame:
    """The `shows` rows: the subscription list, described by what the last scans learned."""
    rows = [
        _show(subscription, states.get(identity.canonical_feed_address(subscription.feed_url)))
        for subscription in subscribed
    ]
    return pl.DataFrame(rows, schema=TABLES["shows"].polars_schema).sort("show_id", maintain_order=True)


_OPTED_OUT: str | None = "the show asks not to be processed (podcast:block)"


def _show(subscription: Subscription, state: FeedState | None) -> dict[str, object]:
    if state is None:
        return {
            "show_id": identity.show_id(None, subscription.feed_url),
            "feed_url": subscription.feed_url,
            "title": subscription.title or subscription.feed_url,
            "categories": [],
            "status": "new",
            "status_reason": "not scanned yet: it will be at the next run",
        }
    if state.blocked:
        status, reason = "blocked", _OPTED_OUT
    elif state.retired:
        status, reason = "retired", state.last_error
    elif state.failures_in_a_row:
        status, reason = "failing", state.last_error
    else:
        status, reason = "active", None
    return {
        "show_id": _show_id(state),
        "feed_url": state.fetched_url or subscription.feed_url,
        "title": state.title or subscription.title or subscription.feed_url,
        "author": state.author,
        "link": state.link,
        "language": state.language,
        "image_url": state.image_url,
        "description": state.description,
        "categories": list(state.categories),
        "status": status,
        "status_reason": reason,
    }
