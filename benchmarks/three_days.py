"""Scan a network full of faults for three simulated days: nothing may be lost, hidden or asked too often.

    python benchmarks/three_days.py               # about 2 minutes; exit status 1 where a promise is broken

`replay_network.py` (a podcast network in a process of its own, by default from ../shared/tools beside the repository)
answers three requests of ten with 500, 503 and Retry-After, a body cut short, a reset connection or silence. It is
restarted for each day with that day's episodes. A scan runs every eight hours of simulated time, with the parts that
the asset `scan` is made of: `scan()`, the log of items in a lake, the memory of feeds in SQLite. One more feed is
subscribed that was never there. Then it says, and asserts:

- every episode that the network ever published is in `feed_items`, and nothing else;
- every feed whose fetch failed is failing in `feed_health`, with a reason, and no other is;
- no feed was asked more often than the policy says (`feed_state.next_try`), counted where requests leave, and as often
  as the server counted them.

Belongs here: simulated days, counting, comparing.
Doesn't: any of what is measured (episodes/, net.py).
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import importlib.util
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import Engine
from upath import UPath

from podbrief_assets import database, migrations, net
from podbrief_assets.episodes import feed_state, identity, listing
from podbrief_assets.episodes.item_log import ItemLog
from podbrief_assets.episodes.scan import ScanResult, scan, states_to_save
from podbrief_assets.episodes.shows import Subscription
from podbrief_assets.errors import PodbriefError
from podbrief_assets.lake.storage import Lake

TOOLS = Path(__file__).resolve().parents[2] / "shared" / "tools"
DAYS = [dt.date(2026, 11, 20), dt.date(2026, 11, 21), dt.date(2026, 11, 22)]
LATE_S = 3.5  # the network's own delay, and a little
HOURS = (5, 13, 21)  # of the scans of a day
# The one feed that is not there is asked at each scan of its first day, and then after as long as it has been failing.
POLICY_FOR_THE_MISSING = ["20 05", "20 13", "20 21", "21 05", "22 05"]


@dataclass
class Counted:
    """What left for each feed in one scan: requests, and whether the whole fetch failed."""

    requests: Counter[str] = field(default_factory=Counter)
    failed: set[str] = field(default_factory=set)


class CountingClient(net.Client):
    """The client that everything uses, and a count of what it sends."""

    def __init__(self, settings: net.Settings, counted: Counted) -> None:
        super().__init__(settings)
        self._counted = counted

    async def get(self, url: str, **options: Any) -> net.Reply:
        try:
            return await super().get(url, **options)
        except PodbriefError:
            self._counted.failed.add(url)
            raise

    async def _exchange(self, url: Any, *rest: Any) -> Any:
        self._counted.requests[str(url)] += 1
        return await super()._exchange(url, *rest)


@dataclass(frozen=True)
class Installation:
    """A lake and a database in a folder of their own, and what is subscribed to."""

    lake: Lake
    engine: Engine
    subscriptions: Sequence[Subscription]

    async def scan(self, now: dt.datetime, counted: Counted) -> list[ScanResult]:
        """One scan, as the asset does it: items before validators."""
        log = ItemLog(self.lake, self.engine, f"seen={now:%Y%m%dT%H%M%S}-x", now, lambda state: False)
        settings = net.Settings(
            allowed_private=net.parse_allowed_hosts("127.0.0.1"), read_timeout_s=2.0, max_per_host=16
        )
        results = []
        async with CountingClient(settings, counted) as client:
            async for result in scan(self.subscriptions, feed_state.load(self.engine), client, now=now):
                log.append([result])
                feed_state.save(self.engine, states_to_save([result]))
                results.append(result)
        return results

    def failing(self, now: dt.datetime) -> dict[str, str]:
        """The reasons of the feeds that `feed_health` calls failing, by address."""
        frame = listing.health_frame(self.subscriptions, feed_state.load(self.engine), now)
        failing = frame.filter(frame["outcome"] == "failing")
        assert failing["failing_since"].null_count() == 0
        return dict(failing.select("feed_url", "reason").iter_rows())

    def episodes(self) -> set[tuple[str, str]]:
        """Every (show, guid) that was ever seen."""
        return set(self.lake.scan("feed_items").select("show_id", "guid").unique().collect().iter_rows())


@contextmanager
def serving(tools: Path, day: dt.date, port: int, copies: int, fault: float, shows: Sequence[str]) -> Iterator[str]:
    """Run the network as it is at the end of `day`; yields its base address."""
    options = ["--port", str(port), "--now", str(day), "--copies", str(copies), "--fault", str(fault)]
    chosen = [part for show in shows for part in ("--show", show)]
    command = [sys.executable, str(tools / "replay_network.py"), *options, *chosen]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            assert "at http" in server.stdout.readline(), "the network did not start"
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _published(replay: ModuleType, day: dt.date, copies: int, shows: Sequence[str]) -> dict[str, set[str]]:
    """The guids that each feed holds at the end of `day`, by the feed's path."""
    network = replay.Network.load(now=dt.datetime.combine(day, dt.time(23, 59), dt.UTC), copies=copies, only=set(shows))
    return {
        f"/feeds/{show.slug}.xml": {f"{show.slug}/{episode.number}" for episode in show.episodes}
        for show in network.shows
    }


def _served(base: str) -> int:
    """How many requests the server has seen, this one not counted."""
    with urllib.request.urlopen(f"{base}/stats") as reply:  # noqa: S310 - loopback
        stats: dict[str, int] = json.load(reply)
    return sum(count for name, count in stats.items() if name.isdecimal()) + stats.get("fault reset", 0)


def run(tools: Path, folder: Path, copies: int, fault: float, shows: Sequence[str] = ()) -> list[str]:
    """Scan for three days, all of the network's shows or some; every promise that was broken, in words."""
    replay, port = _module(tools / "replay_network.py"), _free_port()
    paths = _published(replay, DAYS[-1], copies, shows)
    missing = f"http://127.0.0.1:{port}/feeds/never-there.xml"
    subscriptions = [Subscription(f"http://127.0.0.1:{port}{path}") for path in paths] + [Subscription(missing)]
    engine = database.engine(f"sqlite:///{folder / 'podbrief.sqlite'}")
    migrations.upgrade(engine)
    here = Installation(Lake(UPath(folder / "lake")), engine, subscriptions)
    broken: list[str] = []
    asked_for_missing: list[str] = []
    for day in DAYS:
        with serving(tools, day, port, copies, fault, shows) as base:
            sent = 0
            for hour in HOURS:
                now, counted = dt.datetime.combine(day, dt.time(hour), dt.UTC), Counted()
                began = time.perf_counter()
                results = asyncio.run(here.scan(now, counted))
                broken += _visible(here, now, results, counted) + _modest(now, counted)
                asked_for_missing += [f"{day:%d} {hour:02}"] if counted.requests[missing] else []
                sent += counted.requests.total()
                print(_line(now, results, counted, time.perf_counter() - began), flush=True)
            time.sleep(LATE_S if fault else 0)  # what the server answers late, it counts late
            if (served := _served(base)) != sent:
                broken.append(f"{day}: {sent} requests were counted and {served} served")
    broken += _complete(here, {f"http://127.0.0.1:{port}{path}": guids for path, guids in paths.items()})
    if asked_for_missing != POLICY_FOR_THE_MISSING:
        broken.append(f"the feed that is not there was asked at {asked_for_missing}, not {POLICY_FOR_THE_MISSING}")
    engine.dispose()
    return broken


def _visible(here: Installation, now: dt.datetime, results: Sequence[ScanResult], counted: Counted) -> list[str]:
    """Whether what failed, what is told of it and what its health says are the same feeds."""
    told = {result.state.feed_url for result in results if result.outcome == "failed" and result.error}
    waiting = {result.state.feed_url for result in results if result.outcome == "waiting"}
    health = here.failing(now)
    broken = [f"{now}: {url} failed and was not told" for url in counted.failed - told]
    broken += [f"{now}: {url} was told to have failed and did not" for url in told - counted.failed]
    broken += [f"{now}: {url} is failing in one place only" for url in set(health) ^ (told | waiting)]
    return broken + [f"{now}: {url} is failing without a reason" for url, reason in health.items() if not reason]


def _modest(now: dt.datetime, counted: Counted) -> list[str]:
    """Whether no feed was asked more often than once and its retries."""
    most = 1 + net.Settings().retries
    return [f"{now}: {url} was asked {count} times" for url, count in counted.requests.items() if count > most]


def _complete(here: Installation, published: Mapping[str, set[str]]) -> list[str]:
    """Whether what was published and what was seen are the same episodes."""
    expected = {(identity.show_id(None, url), guid) for url, guids in published.items() for guid in guids}
    seen = here.episodes()
    print(f"{len(expected):,} episodes published, {len(seen):,} seen")
    return [f"missing: {each}" for each in sorted(expected - seen)] + [
        f"unknown: {each}" for each in sorted(seen - expected)
    ]


def _line(now: dt.datetime, results: Sequence[ScanResult], counted: Counted, seconds: float) -> str:
    outcomes = Counter(result.outcome for result in results)
    said = ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in sorted(outcomes.items()))
    return f"{now:%Y-%m-%d %H:%M}  {said}; {counted.requests.total()} requests, {seconds:.1f} s"


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("replay_network", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def main() -> int:
    """Run it from the command line; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", type=Path, default=TOOLS, help="where replay_network.py lies")
    parser.add_argument("--copies", type=int, default=20, help="of each of the network's six shows")
    parser.add_argument("--fault", type=float, default=0.3, help="the share of requests that fail")
    asked = parser.parse_args()
    if not (asked.tools / "replay_network.py").is_file():
        print(f"skipped: there is no replay_network.py in {asked.tools}: name its folder with --tools")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        broken = run(asked.tools, Path(folder), asked.copies, asked.fault)
    print(
        "\n".join(broken) or "no episode missing, every failure visible, no feed asked more often than its policy says"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
