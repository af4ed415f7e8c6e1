"""A run that is killed loses at most what it had in hand, and the next one goes on from there."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import dagster as dg
import polars as pl
from upath import UPath

from podbrief_assets.database import session
from podbrief_assets.delivery.ledger import Ledger
from podbrief_assets.episodes import shows
from podbrief_assets.instance import prepare
from podbrief_assets.lake.paths import Home
from podbrief_assets.lake.storage import Lake
from podbrief_assets.resources import DatabaseResource
from podbrief_assets.subscribers import database as subscribers
from podbrief_assets_tests.network import Answer, Item, Network, vtt

DAY = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
MORNING = dt.datetime.combine(DAY, dt.time(9), dt.UTC)
READERS = 100


@contextmanager
def started(home: Home) -> Iterator[subprocess.Popen[bytes]]:
    """`podbrief run` for the day; what it prints goes to a file, since a killed run leaves helpers that hold a pipe."""
    home.root.mkdir(parents=True, exist_ok=True)
    with (home.root / "printed.txt").open("wb") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "podbrief_assets.cli", "run", "--date", str(DAY)],
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def finish(home: Home) -> str:
    """Start again and let it end; what it printed."""
    with started(home) as process:
        status = process.wait(timeout=60)
    printed = (home.root / "printed.txt").read_text()
    assert status == 0, printed
    assert f"✓ {DAY}" in printed
    return printed


def wait_for(process: subprocess.Popen[bytes], home: Home, holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not holds():
        assert process.poll() is None, (home.root / "printed.txt").read_text()
        assert time.monotonic() < limit, "it never came to the point where it was to be killed"
        time.sleep(0.002)


def runs(home: Home) -> list[str]:
    """How Dagster's runs ended, the newest first."""
    with prepare(home) as instance:
        assert not instance.event_log_storage.get_concurrency_run_ids(), "a slot is still taken"
        return [run.status.value for run in instance.get_runs()]


def test_killed_while_transcripts_are_fetched(home: Home, network: Network):
    entered, killed = threading.Event(), threading.Event()
    body = vtt("Nothing much was said in this one.")

    def slow(handler: BaseHTTPRequestHandler) -> None:
        if not entered.is_set():
            entered.set()
            killed.wait(60)
            return  # nobody is there to take an answer
        handler.send_response(200)
        handler.send_header("Content-Type", "text/vtt")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    names = ("one", "two", "slow")
    network.answers |= {f"/t/{name}.vtt": Answer(vtt(f"Not a word about {name}."), "text/vtt") for name in names}
    network.answers["/t/slow.vtt"] = slow
    feed = network.feed("talk", [Item(name, MORNING, name.title(), f"/t/{name}.vtt") for name in names])
    home.root.mkdir(parents=True)
    home.subscriptions.write_bytes(shows.write_opml([shows.Subscription(feed)]))
    kept = Path(str(home.cache)) / "transcripts"

    with started(home) as process:
        wait_for(process, home, lambda: entered.is_set() and len([*kept.rglob("*.zst")]) == 2)
        process.kill()
        process.wait()
    killed.set()
    with prepare(home) as instance:
        (run,) = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.STARTED, "nobody could say that it died"
        assert instance.event_log_storage.get_concurrency_run_ids() == {run.run_id}, "its slot is taken"
    assert Lake(UPath(home.lake)).scan("transcripts").collect().is_empty(), "no half of a table"

    finish(home)
    hits = network.hits()
    assert {name: hits[f"/t/{name}.vtt"] for name in names} == {"one": 1, "two": 1, "slow": 2}
    assert network.statuses()[304] == 1, "the feed was known"
    transcripts = Lake(UPath(home.lake)).scan("transcripts").collect()
    assert transcripts["origin"].to_list() == ["publisher"] * 3
    assert runs(home) == ["SUCCESS", "FAILURE"]


def test_killed_while_briefs_are_handed_over(home: Home, network: Network):
    network.answers["/t/chips.vtt"] = Answer(vtt("chips"), "text/vtt")
    feed = network.feed("tech", [Item("chips", MORNING, "Chips", "/t/chips.vtt")])
    home.root.mkdir(parents=True)
    home.subscriptions.write_bytes(shows.write_opml([shows.Subscription(feed)]))
    engine = DatabaseResource(url=home.database_url).engine
    with session(engine) as transaction:
        subscribers.add_all(
            transaction, [subscribers.NewSubscriber(address=f"reader{n}@example.org") for n in range(READERS)]
        )
    outbox = home.outbox / str(DAY)

    with started(home) as process:
        wait_for(process, home, lambda: outbox.is_dir() and any(outbox.glob("*.eml")))
        process.kill()
        process.wait()
    settled = {one.subscriber_id for one in Ledger(engine).of_day(DAY) if one.status == "delivered"}
    before = {path.stem: (path.stat().st_mtime_ns, path.read_bytes()) for path in outbox.glob("*.eml")}
    assert settled <= set(before)
    assert len(before) < READERS, "it was killed too late to tell anything"
    assert len(before) - len(settled) <= 1, "more than one was in flight"

    printed = finish(home)
    mails = {path.stem: (path.stat().st_mtime_ns, path.read_bytes()) for path in outbox.iterdir()}
    assert len(mails) == READERS
    assert {one: mails[one] for one in settled} == {one: before[one] for one in settled}, "a finished mail was touched"
    assert {one: mails[one][1] for one in before} == {one: kept for one, (_, kept) in before.items()}
    ledger = Ledger(engine).of_day(DAY)
    assert {one.subscriber_id for one in ledger} == set(mails)
    assert {one.status for one in ledger} == {"delivered"}
    table = Lake(UPath(home.lake)).scan("brief_deliveries").collect()
    assert table.select(pl.col("subscriber_id").n_unique(), pl.len()).row(0) == (READERS, READERS)
    assert f"{READERS - len(settled)} handed over now" in printed
    assert runs(home) == ["SUCCESS", "FAILURE"]
