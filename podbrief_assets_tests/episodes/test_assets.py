"""The scan as Dagster runs it: what its tables say, in which order its effects happen, and what it tells of."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import dagster as dg
import polars as pl
import pytest
from upath import UPath

from podbrief_assets import database
from podbrief_assets.definitions import build_defs
from podbrief_assets.episodes import feed_state, projection, shows
from podbrief_assets.episodes.assets import _batches, scan_feeds
from podbrief_assets.episodes.feed import parse_feed
from podbrief_assets.episodes.late import LATE_DAYS, outdated_days
from podbrief_assets.episodes.scan import ScanResult
from podbrief_assets.lake.contract import settle
from podbrief_assets.lake.paths import Home
from podbrief_assets.lake.storage import Lake
from podbrief_assets.lake.tables import TABLES
from podbrief_assets.resources import DatabaseResource
from podbrief_assets_tests.network import Answer, Item, Network

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)
ITEMS = TABLES["feed_items"]


def subscribe(home: Home, *subscriptions: str | shows.Subscription) -> None:
    home.root.mkdir(parents=True, exist_ok=True)
    listed = [shows.Subscription(one) if isinstance(one, str) else one for one in subscriptions]
    home.subscriptions.write_bytes(shows.write_opml(listed))


def scanned(home: Home, **options: Any) -> dg.ExecuteInProcessResult:
    resources = build_defs(home).resources
    return dg.materialize([scan_feeds], resources=resources, instance=dg.DagsterInstance.ephemeral(), **options)


def scan_event(result: dg.ExecuteInProcessResult) -> dg.AssetMaterialization:
    (event,) = [one for one in result.asset_materializations_for_node("scan") if one.asset_key.path == ["feed_items"]]
    return event


def told(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """What the scan says of `feed_items`."""
    return {name: value.value for name, value in scan_event(result).metadata.items()}


def failed(result: dg.ExecuteInProcessResult) -> str:
    listed = scan_event(result).metadata.get("failures")
    records = listed.records if isinstance(listed, dg.TableMetadataValue) else []
    return "\n".join(f"{record.data['item']} | {record.data['reason']}" for record in records)


def table(home: Home, name: str) -> pl.DataFrame:
    return Lake(UPath(home.lake)).scan(name).collect()


def check(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    (found,) = [one for one in result.get_asset_check_evaluations() if one.check_name == "feeds_answer"]
    return found


def test_what_a_scan_learns_stands_in_shows_and_how_feeds_answer_in_feed_health(home: Home, network: Network):
    subscribe(home, network.feed("tech", [Item("one", NOW)], guid="917393e3-1b1e-5cef-ace4-edaa54e1f810"),
              f"{network.base}/gone.xml")  # fmt: skip
    result = scanned(home)
    assert result.success
    tech = table(home, "shows").filter(title="Tech Hour").row(0, named=True)
    assert tech["podcast_guid"] == tech["show_id"] == "917393e3-1b1e-5cef-ace4-edaa54e1f810"
    assert (tech["locked"], tech["private"], tech["status"]) == (False, False, "active")
    health = {row["outcome"]: row for row in table(home, "feed_health").iter_rows(named=True)}
    assert set(health) == {"answering", "failing"}
    assert health["answering"]["last_success_at"] >= NOW and health["answering"]["failing_since"] is None
    assert health["failing"]["failures_in_a_row"] == 1 and "404" in health["failing"]["reason"]
    assert "gone.xml" in failed(result)
    assert check(result).passed, "a first failure is nobody's worry yet"


def test_a_feed_that_fails_for_three_days_is_named_by_a_check_that_only_warns(home: Home, network: Network):
    subscribe(home, network.feed("tech", [Item("one", NOW)]), f"{network.base}/gone.xml")
    scanned(home)
    engine = DatabaseResource(url=home.database_url).engine
    states = feed_state.load(engine)
    feed_state.save(
        engine,
        [
            replace(one, failing_since=NOW - 4 * DAY, next_try_at=None)
            for one in states.values()
            if one.failures_in_a_row
        ],
    )
    result = scanned(home)
    assert result.success, "no feed takes the day with it"
    warned = check(result)
    assert not warned.passed and warned.severity == dg.AssetCheckSeverity.WARN and not warned.blocking
    assert warned.metadata["failing"].value == 1
    assert f"{network.base}/gone.xml" in str(warned.metadata["feeds"].value)


def test_two_feeds_with_one_podcast_guid_are_told_apart_and_an_operator_sees_it(home: Home, network: Network):
    guid = "917393e3-1b1e-5cef-ace4-edaa54e1f810"
    subscribe(home, *(network.feed(name, [Item(name, NOW)], guid=guid) for name in ("tech", "mirror")))
    scanned(home)
    health = table(home, "feed_health")
    assert health["show_id"].n_unique() == 2
    assert [note for note in health["note"] if note and "podcast:guid" in note]


def test_a_running_scan_undoes_neither_a_revival_nor_a_retry(home: Home, network: Network):
    feeds = {name: network.feed(name, [Item(name, NOW)]) for name in ("tech", "retired", "waiting")}
    subscribe(home, *feeds.values())
    scanned(home)
    engine = DatabaseResource(url=home.database_url).engine
    states = {state.feed_url: state for state in feed_state.load(engine).values()}
    retired = replace(states[feeds["retired"]], retired=True, last_error="gone")
    waiting = replace(states[feeds["waiting"]], next_try_at=NOW + DAY, failures_in_a_row=1, failing_since=NOW - DAY)
    feed_state.save(engine, [retired, waiting])
    answer = network.answers["/tech.xml"]
    assert isinstance(answer, Answer)

    def meanwhile(handler: Any) -> None:
        feed_state.save(engine, [feed_state.revived(retired), replace(waiting, next_try_at=None)])
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        handler.wfile.write(answer.body)

    network.answers["/tech.xml"] = meanwhile
    assert told(scanned(home))["feeds"] == {"unchanged": 1, "gone": 1, "waiting": 1}
    after = feed_state.load(engine)
    assert not after[retired.address].retired
    assert after[waiting.address].next_try_at is None
    network.feed("tech", [Item("tech", NOW)])
    assert told(scanned(home))["feeds"] == {"changed": 1, "not_modified": 1, "unchanged": 1}, "both are asked"


def test_a_batch_ends_with_many_feeds_with_many_items_and_with_long_notes():
    state = feed_state.FeedState(address="a", feed_url="http://a")
    item = parse_feed(
        b"<rss><channel><item><guid>1</guid><enclosure url='http://a/1.mp3'/></item></channel></rss>", ""
    ).episodes[0]
    long = item._replace(notes="x" * 1_000_000)

    async def results(*sizes: list[Any]) -> AsyncIterator[ScanResult]:
        for items in sizes:
            yield ScanResult(state=state, outcome="changed", items=items)

    async def batched(*sizes: list[Any]) -> list[int]:
        return [len(batch) async for batch in _batches(results(*sizes))]

    assert asyncio.run(batched(*[[item]] * 450)) == [200, 200, 50]
    assert asyncio.run(batched(*[[item] * 20_000] * 7)) == [3, 3, 1]
    assert asyncio.run(batched(*[[long] * 50] * 7)) == [3, 3, 1]
    assert asyncio.run(batched()) == []


def test_items_are_safe_before_what_makes_the_next_scan_skip_them(
    home: Home, network: Network, monkeypatch: pytest.MonkeyPatch
):
    subscribe(home, network.feed("tech", [Item("one", NOW), Item("two", NOW)]))
    with monkeypatch.context() as patched:
        patched.setattr(feed_state, "save", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        assert not scanned(home, raise_on_error=False).success
    assert table(home, "feed_items").height == 2
    network.forget()
    assert told(scanned(home))["new_items"] == 0, "they are known"
    assert network.statuses() == {200: 1}, "the feed is asked for all of it again"
    assert table(home, "feed_items").height == 2


def test_old_files_of_the_log_are_merged_by_the_scan_and_a_merge_that_fails_harms_nothing(
    home: Home, network: Network, monkeypatch: pytest.MonkeyPatch
):
    subscribe(home, network.feed("tech", [Item("one", NOW)]))
    scanned(home)
    lake, seen = Lake(UPath(home.lake)), NOW - 5 * DAY
    for number in range(3):
        old = table(home, "feed_items").head(1)
        old = old.with_columns(
            guid=pl.lit(f"old{number}"), first_seen_at=pl.lit(seen, ITEMS.polars_schema["first_seen_at"])
        )
        lake.append(ITEMS, old, f"seen={seen:%Y%m%dT%H%M%S%f}-abcd-{number:05}")
    with monkeypatch.context() as patched:
        patched.setattr(Lake, "union", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        result = scanned(home)
    assert result.success and "No space left on device" in failed(result)
    assert scanned(home).success
    names = [path.name for path in lake.log_files(ITEMS)]
    assert f"merged={seen:%Y-%m-%d}.parquet" in names
    assert sorted(table(home, "feed_items")["guid"]) == ["old0", "old1", "old2", "one"]


def project(home: Home, *days: dt.date) -> None:
    """Make the days' episodes, as the asset does, and after them the last table that is made of them."""
    lake = Lake(UPath(home.lake))
    settled = settle(TABLES["episodes"], projection.episodes_of(lake.scan("feed_items"), days))
    for day in days:
        lake.write(TABLES["episodes"], settled.valid.filter(date=day), day)
    for day in days:
        lake.write(TABLES["related_insights"], pl.DataFrame(schema=TABLES["related_insights"].polars_schema), day)


def test_a_day_that_was_left_half_done_is_named_until_it_is_done(home: Home, network: Network):
    lake, made, earlier = Lake(UPath(home.lake)), (NOW - DAY).date(), (NOW - 5 * DAY).date()
    first = Item("first", NOW - DAY)
    subscribe(home, network.feed("tech", [first]))
    scanned(home)
    project(home, earlier, made)
    network.feed("tech", [Item("late", NOW - 5 * DAY), first])
    assert told(scanned(home))[LATE_DAYS] == [str(earlier)]
    settled = settle(TABLES["episodes"], projection.episodes_of(lake.scan("feed_items"), [earlier]))
    lake.write(TABLES["episodes"], settled.valid, earlier)
    assert outdated_days(lake) == [earlier], "killed before its transcripts"
    project(home, earlier)
    assert outdated_days(lake) == []


def test_days_before_the_first_partition_are_not_asked_for(
    home: Home, network: Network, monkeypatch: pytest.MonkeyPatch
):
    made, earlier = (NOW - DAY).date(), (NOW - 5 * DAY).date()
    first = Item("first", NOW - DAY)
    subscribe(home, network.feed("tech", [first]))
    scanned(home)
    project(home, made)
    network.feed("tech", [Item("late", NOW - 5 * DAY), first])
    assert told(scanned(home))[LATE_DAYS] == [str(earlier)]
    monkeypatch.setattr("podbrief_assets.partitions.START_DATE", made)
    assert outdated_days(Lake(UPath(home.lake))) == []


def test_a_scan_names_the_days_that_gained_episodes_after_they_were_made(home: Home, network: Network):
    made, earlier = (NOW - DAY).date(), (NOW - 5 * DAY).date()
    first = Item("first", NOW - DAY)
    subscribe(home, network.feed("tech", [first, Item("old", NOW - 5 * DAY)]))
    assert told(scanned(home))[LATE_DAYS] == [], "no day was made yet"
    project(home, made)
    assert told(scanned(home))[LATE_DAYS] == [], "a back catalogue is no news"
    late = [Item("late", NOW - 5 * DAY), Item("today", NOW)]
    network.feed("tech", [*late, first])
    assert told(scanned(home))[LATE_DAYS] == [str(earlier)], "today's own run is still to come"
    assert told(scanned(home))[LATE_DAYS] == [str(earlier)], "until it is made"
    project(home, earlier, made)
    assert told(scanned(home))[LATE_DAYS] == []
    network.feed("tech", [Item("late", NOW - 5 * DAY, title="Corrected"), first])
    assert told(scanned(home))[LATE_DAYS] == [str(earlier)]


def test_a_row_that_was_rejected_does_not_make_its_day_late_for_ever(home: Home, network: Network):
    subscribe(home, network.feed("tech", [Item("first", NOW - DAY)]))
    scanned(home)
    network.feed("tech", [Item("first", NOW - DAY), Item("bad", NOW - DAY)])
    scanned(home)
    lake, day = Lake(UPath(home.lake)), (NOW - DAY).date()
    project(home, day)
    rows = table(home, "episodes")
    bad = rows.filter(guid="bad").with_columns(rule=pl.lit("some rule"))
    lake.write(TABLES["episodes"], rows.filter(guid="first"), day)
    lake.write(TABLES["related_insights"], pl.DataFrame(schema=TABLES["related_insights"].polars_schema), day)
    assert outdated_days(lake) == [day]
    columns = [*(name for name in rows.columns if name != "date"), "rule", "date"]
    lake.write(TABLES["episodes"], bad.select(columns), day, rejected=True)
    assert outdated_days(lake) == []


TOKEN = "k3yT0ken77ab12cd"


def private_feed(network: Network, *guids: str) -> str:
    """A paid feed whose every address holds its reader's token; its first item's guid is its address."""
    base = f"{network.base}/private/{TOKEN}"
    items = "".join(
        f"<item><title>{guid}</title><guid>{base}/{guid}.mp3</guid><pubDate>{NOW:%a, %d %b %Y %H:%M:%S} GMT</pubDate>"
        f"<link>{base}/{guid}.html?token={TOKEN}</link><enclosure url='{base}/{guid}.mp3?auth={TOKEN}' length='1' "
        f"type='audio/mpeg'/><description>&lt;a href='{base}/notes/{guid}'&gt;more&lt;/a&gt;</description></item>"
        for guid in guids
    )
    feed = f"<rss version='2.0'><channel><title>Members</title><link>{base}/</link>{items}</channel></rss>"
    network.answers[f"/private/{TOKEN}/feed.xml"] = Answer(feed.encode(), "application/rss+xml")
    return f"{base}/feed.xml?auth={TOKEN}"


def test_a_private_shows_token_reaches_the_operational_database_and_nothing_else(home: Home, network: Network):
    subscribe(home, private_feed(network, "one", "two"))
    first = scanned(home)
    items, (show,) = table(home, "feed_items"), table(home, "shows").to_dicts()
    assert items["private"].to_list() == [True, True] and show["private"]
    assert items["guid"].str.starts_with("sealed:").all()
    private_feed(network, "one", "two", "three")
    assert told(scanned(home))["new_items"] == 1, "sealed items are known again"
    network.answers[f"/private/{TOKEN}/feed.xml"] = Answer(b"no", status=500, headers={"Retry-After": "0"})
    failing = scanned(home)
    assert "500" in failed(failing), "what is wrong is told"
    (health,) = table(home, "feed_health").to_dicts()
    assert "500" in health["reason"] and health["feed_url"] == f"{network.base}/…"
    for result in (first, failing):
        assert not any(TOKEN in repr(event) for event in result.all_events)
    engine = DatabaseResource(url=home.database_url).engine
    with database.session(engine, read_only=True) as transaction:
        kept = transaction.connection().exec_driver_sql("SELECT address FROM sealed_addresses").scalars().all()
    assert any(TOKEN in address for address in kept)
    for name in ("shows", "feed_health", "feed_items"):
        assert TOKEN not in str(table(home, name).to_dicts()), name


def test_a_show_is_private_where_its_list_says_so(home: Home, network: Network):
    feed = network.feed("members", [Item("one", NOW)])
    subscribe(home, shows.Subscription(feed, private=True))
    scanned(home)
    (item,) = table(home, "feed_items").to_dicts()
    assert item["private"] and item["audio_url"].endswith(".sealed.invalid/")
