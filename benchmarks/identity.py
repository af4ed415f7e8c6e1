"""How long it takes to tell which of millions of items repeat another, in how much memory, and what is found.

Belongs here: the figures for canonical addresses and for `repeats.find`, and a listing to judge the rules by.
Doesn't: tests of the rules (podbrief_assets_tests/episodes/test_repeats.py).

    python benchmarks/identity.py [--shows 10000] [--items 300] [--corpus ../shared/corpus]
"""

from __future__ import annotations

import argparse
import datetime as dt
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from podbrief_assets.episodes import identity, projection, repeats
from podbrief_assets.episodes.feed import parse_feed
from podbrief_assets.lake.tables import TABLES

MEBIBYTE = 1024 * 1024
NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
ADDRESSES = {
    "plain": "https://audio.example.org/show/{}.mp3",
    "one parameter": "https://traffic.example.fm/TBS{}.mp3?updated=1738483816",
    "three counting services": "https://pdst.fm/e/chrt.fm/track/47G541/mgln.ai/e/43/traffic.example.fm/ERM{}.mp3",
}


def main() -> None:
    """Print the figures; generated rows are projected in a process of their own, so that its peak is theirs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shows", type=int, default=10_000)
    parser.add_argument("--items", type=int, default=300, help="items of each show")
    parser.add_argument("--corpus", type=Path, help="list what is found in the feeds of this folder")
    parser.add_argument("--project", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.project:
        project(arguments.project)
        return
    time_addresses()
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder), arguments.shows, arguments.items)
        subprocess.run([sys.executable, __file__, "--project", folder], check=True)
    if arguments.corpus:
        list_corpus(arguments.corpus)


def time_addresses(count: int = 200_000) -> None:
    """Microseconds for one canonical address, by its kind."""
    for kind, form in ADDRESSES.items():
        addresses = [form.format(number) for number in range(count)]
        started = time.perf_counter()
        for address in addresses:
            identity.canonical_media_address(address)
        print(f"canonical address, {kind}: {(time.perf_counter() - started) / count * 1e6:.2f} µs")


def generate(folder: Path, shows: int, items: int) -> None:
    """Feeds as they are: one in twenty migrated, one in fifty in two networks, one in a hundred with one title."""
    for number, start in enumerate(range(0, shows, 500)):
        _some_shows(range(start, min(start + 500, shows)), items).write_parquet(folder / f"part-{number:05}.parquet")


def _some_shows(shows: range, items: int) -> pl.DataFrame:
    numbers = pl.LazyFrame({"show": list(shows)}).join(pl.LazyFrame({"item": list(range(items))}), how="cross")
    show, item = pl.col("show"), pl.col("item")
    migrated = (show % 20 == 0) & (item >= items // 2)
    told = item - pl.when(migrated).then(items // 2).otherwise(0)
    twin = pl.when(show % 50 == 1).then(show - 1).otherwise(show)
    made = numbers.select(
        show_id=pl.format("00000000-0000-4000-8000-0000000{}", show.cast(pl.String).str.zfill(5)),
        guid=pl.format("{}-{}-4000-8000-{}", _hex(twin, 8), _hex(item, 4), _hex(twin * 1000 + item, 12)),
        episode_id=pl.format("{}{}", _hex(show, 10), _hex(item, 10)),
        audio_url=pl.format("https://pdst.fm/e/traffic.example.fm/{}/{}.mp3?updated=17", twin, item),
        title=pl.when(show % 100 == 7)
        .then(pl.lit("The news of the day"))
        .otherwise(pl.format("What {} learned from the {} story of {}", twin, told, told * 7)),
        stated_at=pl.lit(NOON) - pl.duration(hours=24 * told + show % 24),
        duration_s=(1_000 + told * 37 % 3_000 + twin % 11).cast(pl.Float64),
        first_seen_at=pl.when(migrated)
        .then(pl.lit(NOON))
        .otherwise(pl.lit(NOON) - pl.duration(hours=24 * told + show % 24 - 1)),
        digest=pl.format("{}{}", _hex(show, 32), _hex(item, 32)),
        back_catalogue=~migrated,
    )
    schema = TABLES["feed_items"].polars_schema
    have = made.collect_schema().names()
    return made.select(
        pl.col(name).cast(dtype) if name in have else pl.lit(None, dtype).alias(name) for name, dtype in schema.items()
    ).collect()


def _hex(number: pl.Expr, digits: int) -> pl.Expr:
    return number.cast(pl.String).str.zfill(digits).str.slice(-digits)


def project(folder: Path) -> None:
    """Seconds and peak memory for one day out of everything in `folder`."""
    feed_items = pl.scan_parquet(folder / "*.parquet")
    rows = feed_items.select(pl.len()).collect().item()
    base = _peak()
    started = time.perf_counter()
    items = projection._items(feed_items)
    read = time.perf_counter()
    found = repeats.find(items.lazy())
    print(f"{rows:,} items: read and grouped in {read - started:.1f} s, repeats in {time.perf_counter() - read:.1f} s")
    print(
        f"found {dict(found['duplicate_rule'].value_counts().iter_rows())}; peak {_peak() - base:,.0f} MiB above start"
    )
    started = time.perf_counter()
    day = projection.episodes_of(feed_items, [NOON.date()]).collect()
    print(f"one day, {len(day):,} episodes: {time.perf_counter() - started:.1f} s; peak {_peak() - base:,.0f} MiB")


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEBIBYTE


def list_corpus(corpus: Path) -> None:
    """Every repeat found in the corpus's real feeds, with what it was judged by; then what is found of their copies."""
    rows = []
    for path in sorted((corpus / "feeds" / "real").rglob("*.xml")):
        feed = parse_feed(path.read_bytes(), f"https://{path.stem}.example/feed")
        rows += [
            {
                **{name: getattr(item, name, None) for name in repeats.COLUMNS},
                "stated_at": item.published_at,
                "first_seen_at": NOON,
                "private": False,
                "show": feed.show.title,
            }
            for item in feed.episodes
        ]
    schema = {name: TABLES["feed_items"].polars_schema[name] for name in repeats.COLUMNS}
    items = pl.DataFrame(rows, schema={**schema, "show": pl.String})
    found = repeats.find(repeats.compared(items.lazy()))
    shown = items.select("episode_id", "show", "title", "stated_at", "duration_s")
    print(f"corpus: {len(items):,} items, repeats {dict(found['duplicate_rule'].value_counts().iter_rows())}")
    listing = found.join(shown, on="episode_id").join(
        shown, left_on="duplicate_of", right_on="episode_id", suffix=" of"
    )
    for row in listing.sort("duplicate_rule", "show", "stated_at").iter_rows(named=True):
        print("  ", row)
    _copy("migrated host", items, show_id=pl.col("show_id"), first_seen_at=pl.lit(NOON + dt.timedelta(days=7)))
    _copy(
        "members' feeds",
        items,
        show_id=pl.format("{} paid", "show_id"),
        title=pl.format("[Ad-free] {}", "title"),
        duration_s=pl.col("duration_s") * 0.9,
        stated_at=pl.col("stated_at") - dt.timedelta(days=2),
        private=pl.lit(True),
    )


def _copy(what: str, items: pl.DataFrame, **changes: pl.Expr) -> None:
    """How many items of a copy with other guids and addresses are found to repeat their originals, or another item."""
    copies = items.with_columns(
        guid=pl.format("{} again", "guid"),
        episode_id=pl.format("{} again", "episode_id"),
        audio_url=pl.format("https://elsewhere.example.org/{}.mp3", "episode_id"),
        **changes,
    )
    found = repeats.find(repeats.compared(pl.concat([items, copies]).lazy()))
    right = found.filter(pl.col("episode_id") == pl.format("{} again", "duplicate_of"))
    print(f"{what}: {len(right):,} of {len(copies):,} found, {len(found) - len(right)} taken for another item")


if __name__ == "__main__":
    main()
