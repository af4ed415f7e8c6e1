"""Measure scanning: ten thousand feeds on loopback, against the same client doing nothing else.

    python benchmarks/scanning.py                 # about 7 minutes; needs the extra `bench`
    python benchmarks/scanning.py --feeds 600     # a smaller network

It starts `replay_network.py` (a podcast network in a process of its own, by default from ../shared/tools beside the
repository) and prints, each measured in a process of its own, by turns, medians of the rounds:

- second scan, nothing changed: `scan()` with loading and saving its memory, against `net.Client.get` doing only the
  conditional GETs (must reach 70 % of its feeds a second), and the whole step of the asset;
- first scan: `scan()`, against `net.Client.get` and `lxml.etree.fromstring` (must reach 50 %), and the whole step with
  its rows in the lake;
- no day was made here, so the look for late days, which takes what `identity.py` measures for one day, is not in it;
- the peak memory of the asset's process for a tenth of the feeds and for all of them;
- a plain loop of `httpx` and `feedparser`, on a sample.

The server is Python too and shares the machine, so feeds a second are often the server's: beside them stand the seconds
of processor time that the measured process itself took, for a thousand feeds. Exit status 1 when a figure is missed.

Belongs here: starting the network, measuring, printing.
Doesn't: any of what is measured (net.py, episodes/).
"""

# Each process imports what it measures and nothing else.
# ruff: noqa: PLC0415

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

TOOLS = Path(__file__).resolve().parents[2] / "shared" / "tools"
SHOWS = 6  # of which the network has copies
SAVED_AT_ONCE = 200  # as the asset does
SAMPLE = 60
SECOND, FIRST = 0.70, 0.50  # what must be reached


@dataclass(frozen=True)
class Measured:
    """What one process measured: seconds on the wall and of processor time, and its peak memory in MiB."""

    feeds: int
    wall_s: float
    cpu_s: float
    peak_mib: float

    @property
    def feeds_per_s(self) -> float:
        return self.feeds / self.wall_s

    @property
    def cpu_per_thousand_s(self) -> float:
        return 1000 * self.cpu_s / self.feeds


# ── what is measured, each in a process of its own ───────────────────────────────────────────────────────────────────


def _bare_second(addresses: Sequence[str], home: Path) -> Callable[[], Counter[str]]:
    """Nothing but the conditional GETs, with the validators that the last scan left."""
    from podbrief_assets.episodes import feed_state
    from podbrief_assets.episodes.scan import question

    states = {state.feed_url: state for state in feed_state.load(_engine(home)).values()}
    asked = [(address, question(states[address])) for address in addresses]
    return lambda: asyncio.run(_client_only(asked, lambda content: None))


def _bare_first(addresses: Sequence[str], home: Path) -> Callable[[], Counter[str]]:
    """The GETs, and lxml reading what they bring."""
    from lxml import etree

    from podbrief_assets.episodes.feed_state import FeedState
    from podbrief_assets.episodes.scan import question

    asked = [(address, question(FeedState(address=address, feed_url=address))) for address in addresses]
    return lambda: asyncio.run(_client_only(asked, etree.fromstring))


async def _client_only(
    asked: Sequence[tuple[str, dict[str, str]]], read: Callable[[bytes], object], at_once: int = 64
) -> Counter[str]:
    from podbrief_assets import net

    statuses: Counter[str] = Counter()
    left = iter(asked)
    async with net.Client(net.Settings.from_environment()) as client:

        async def worker() -> None:
            for address, headers in left:
                reply = await client.get(address, headers=headers)
                statuses[str(reply.status)] += 1
                if reply.status == 200:
                    read(reply.content)

        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(worker())
    return statuses


def _scan(addresses: Sequence[str], home: Path) -> Callable[[], Counter[str]]:
    """`scan()` with loading and saving its memory, as the asset does, and nothing else."""
    from podbrief_assets import net
    from podbrief_assets.episodes import feed_state
    from podbrief_assets.episodes.scan import ScanResult, scan, states_to_save
    from podbrief_assets.episodes.shows import Subscription

    engine = _engine(home)
    subscriptions = [Subscription(address) for address in addresses]

    async def run() -> Counter[str]:
        outcomes: Counter[str] = Counter()
        batch: list[ScanResult] = []
        async with net.Client(net.Settings.from_environment()) as client:
            states = feed_state.load(engine)
            async for result in scan(subscriptions, states, client, now=dt.datetime.now(dt.UTC)):
                outcomes[result.outcome] += 1
                batch.append(result)
                if len(batch) == SAVED_AT_ONCE:
                    feed_state.save(engine, states_to_save(batch))
                    batch = []
            feed_state.save(engine, states_to_save(batch))
        return outcomes

    return lambda: asyncio.run(run())


def _asset(addresses: Sequence[str], home: Path) -> Callable[[], Counter[str]]:
    """The whole step `scan`: the rows in the lake, the memory, the tables of shows and their health."""
    import dagster as dg

    warnings.filterwarnings("ignore", category=dg.BetaWarning)  # of podbrief's own definitions

    from podbrief_assets.definitions import build_defs
    from podbrief_assets.episodes import shows
    from podbrief_assets.episodes.assets import scan_feeds
    from podbrief_assets.lake.paths import Home

    (home / "shows.opml").write_bytes(shows.write_opml(shows.Subscription(address) for address in addresses))
    os.environ["PODBRIEF_HOME"] = str(home)
    resources = build_defs(Home.from_environment()).resources

    def run() -> Counter[str]:
        with dg.DagsterInstance.ephemeral() as instance:
            done = dg.materialize(
                [scan_feeds],
                resources=resources,
                instance=instance,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )
        (told,) = [
            event.materialization.metadata["feeds"].value
            for event in done.get_asset_materialization_events()
            if event.asset_key == dg.AssetKey("feed_items")
        ]
        return Counter(told)

    return run


def _plain_loop(addresses: Sequence[str], home: Path) -> Callable[[], Counter[str]]:
    """What one writes first: one feed after the other, with httpx and feedparser."""
    import feedparser
    import httpx

    def run() -> Counter[str]:
        outcomes: Counter[str] = Counter()
        with httpx.Client(follow_redirects=True) as client:
            for address in addresses:
                feed = feedparser.parse(client.get(address).content)
                outcomes["changed" if feed.entries else "empty"] += 1
        return outcomes

    return run


MEASURES = {
    "bare second": (_bare_second, "304"),
    "bare first": (_bare_first, "200"),
    "scan second": (_scan, "not_modified"),
    "scan first": (_scan, "changed"),
    "asset second": (_asset, "not_modified"),
    "asset first": (_asset, "changed"),
    "plain loop": (_plain_loop, "changed"),
}


def _engine(home: Path):  # type: ignore[no-untyped-def]
    from podbrief_assets import database, migrations

    opened = database.engine(f"sqlite:///{home / 'podbrief.sqlite'}")
    migrations.upgrade(opened)
    return opened


def _measure(name: str, base: str, home: Path, feeds: int) -> Measured:
    prepare, expected = MEASURES[name]
    work = prepare(_some(_addresses(base), feeds), home)
    cpu, wall = _cpu_s(), time.perf_counter()
    outcomes = work()
    wall, cpu = time.perf_counter() - wall, _cpu_s() - cpu
    assert outcomes == {expected: feeds}, f"{name}: {outcomes}"
    return Measured(feeds, wall, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _addresses(base: str) -> list[str]:
    from podbrief_assets.episodes import shows

    with urllib.request.urlopen(f"{base}/opml") as reply:  # noqa: S310 - loopback
        return [subscription.feed_url for subscription in shows.read_opml(reply.read())]


def _some(addresses: Sequence[str], count: int) -> list[str]:
    """`count` of them, evenly spaced: they stand show by show, and the last show's are three times the first's size."""
    return [addresses[place * len(addresses) // count] for place in range(count)]


# ── the network, and the order of things ─────────────────────────────────────────────────────────────────────────────


@contextmanager
def serving(tools: Path, copies: int, *options: str) -> Iterator[str]:
    """Run the network in a process of its own; yields its base address."""
    command = [sys.executable, str(tools / "replay_network.py"), "--port", "0", "--copies", str(copies), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().split()[-1].removesuffix("/opml")
        finally:
            server.terminate()


def _in_its_own_process(name: str, base: str, home: Path, feeds: int) -> Measured:
    told = subprocess.run(
        [sys.executable, __file__, "--measure", name, "--base", base, "--home", str(home), "--feeds", str(feeds)],
        env={name: value for name, value in os.environ.items() if not name.startswith("PODBRIEF_")}
        | {"PODBRIEF_ALLOW_PRIVATE_HOSTS": "127.0.0.1", "PODBRIEF_HOME": str(home), "DAGSTER_HOME": ""},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    measured = Measured(**json.loads(told.stdout.splitlines()[-1]))
    print(
        f"  {name:<13} {feeds:>6,} feeds  {measured.wall_s:6.1f} s  {measured.feeds_per_s:7,.0f} feeds/s"
        f"  {measured.cpu_per_thousand_s:6.2f} s CPU per 1,000  peak {measured.peak_mib:5,.0f} MiB",
        flush=True,
    )
    return measured


def _compare(title: str, ours: Sequence[Measured], bare: Sequence[Measured], must: float | None) -> bool:
    """Print a ratio of medians; whether it is reached."""
    ratio = median(each.feeds_per_s for each in ours) / median(each.feeds_per_s for each in bare)
    cpu = median(each.cpu_per_thousand_s for each in bare) / median(each.cpu_per_thousand_s for each in ours)
    told = "" if must is None else f"  (must be {must:.0%}: {'reached' if ratio >= must else 'MISSED'})"
    print(f"{title}: {ratio:.0%} of the client's feeds/s, {cpu:.0%} by processor time{told}")
    return must is None or ratio >= must


def run(tools: Path, feeds: int, rounds: int) -> bool:
    """Measure everything and print it; whether every figure is reached."""
    copies = -(-feeds // SHOWS)
    some = min(feeds, max(SHOWS, feeds // 5))
    few = max(SHOWS, feeds // 10)
    with serving(tools, copies) as base, tempfile.TemporaryDirectory() as folder:
        homes = _homes(Path(folder))
        all_states = next(homes)
        print(f"{feeds:,} feeds at {base}, {os.cpu_count()} cores", flush=True)
        small = _in_its_own_process("asset first", base, next(homes), few)
        # The server makes each feed at its first request, which is now: the first scans below are spared that.
        large = _in_its_own_process("asset first", base, all_states, feeds)
        first: dict[str, list[Measured]] = {"bare first": [], "scan first": [], "asset first": []}
        second: dict[str, list[Measured]] = {"bare second": [], "scan second": [], "asset second": []}
        for number in range(rounds):
            for name, taken in first.items():
                if number < 2:  # each takes long
                    taken.append(_in_its_own_process(name, base, next(homes), some))
            for name, taken in second.items():
                taken.append(_in_its_own_process(name, base, all_states, feeds))
        sample = min(SAMPLE, feeds)
        loop = _in_its_own_process("plain loop", base, next(homes), sample)
    print()
    reached = [
        _compare("second scan", second["scan second"], second["bare second"], SECOND),
        _compare("second scan, the whole step", second["asset second"], second["bare second"], None),
        _compare("first scan", first["scan first"], first["bare first"], FIRST),
        _compare("first scan, the whole step", first["asset first"], first["bare first"], None),
    ]
    print(f"peak memory: {small.peak_mib:,.0f} MiB for {few:,} feeds, {large.peak_mib:,.0f} MiB for {feeds:,}")
    print(
        f"against httpx and feedparser, one feed after the other: {loop.feeds_per_s:,.1f} feeds/s; a first scan is "
        f"{median(each.feeds_per_s for each in first['asset first']) / loop.feeds_per_s:,.1f} times as fast, a second "
        f"one {median(each.feeds_per_s for each in second['asset second']) / loop.feeds_per_s:,.1f} times"
    )
    return all(reached)


def _homes(folder: Path) -> Iterator[Path]:
    number = 0
    while True:
        number += 1
        home = folder / str(number)
        home.mkdir()
        yield home


def main() -> int:
    """Run it from the command line; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", type=Path, default=TOOLS, help="where replay_network.py lies")
    parser.add_argument("--feeds", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    for name in ("--measure", "--base", "--home"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(asdict(_measure(asked.measure, asked.base, Path(asked.home), asked.feeds))))
        return 0
    if not (asked.tools / "replay_network.py").is_file():
        print(f"skipped: there is no replay_network.py in {asked.tools}: name its folder with --tools")
        return 0
    return 0 if run(asked.tools, asked.feeds, asked.rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
