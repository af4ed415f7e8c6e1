"""Reading real feeds: podbrief against feedparser and bare lxml, on the same bytes in the same run.

Proves, over `feeds/real` of the corpus: at least 40 times feedparser's speed; guid, title, published time and enclosure
address agree with feedparser's on at least 99.5 % of the items that have an enclosure, each disagreement listed; and a
peak of memory below five times the feed's size for every feed above 100 kB. Exits with 1 where one of these fails.

    python benchmarks/feed_parsing.py [--corpus ../shared/corpus] [--repeats 3]

Needs the extra `bench`. Takes some minutes, nearly all of them feedparser's.
"""

from __future__ import annotations

import argparse
import calendar
import multiprocessing
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import feedparser
from lxml import etree

from podbrief_assets.episodes.feed import Item, parse_feed
from podbrief_assets.episodes.markup import one_line
from podbrief_assets.episodes.xml import OpenedXml, open_xml, parser_options, repair_xml

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
URL = "https://feeds.example.org/show.xml"
LEAST_SPEED = 40
LEAST_AGREEMENT = 0.995
MOST_MEMORY = 5
MEASURED_FROM_BYTES = 100_000

WARMING_UP = b"""<rss><channel><title>Show</title><item><guid>1</guid><title>One</title><pubDate>soon</pubDate>
<enclosure url="https://a.org/1.mp3" type="audio/mpeg"/></item></channel></rss>"""

OURS = "podbrief"
THEIRS = "feedparser"


# --- Speed ----------------------------------------------------------------------------------------------------------


def with_lxml(content: bytes) -> None:
    """Parse the tree and look at nothing: what any reader built on lxml has to pay."""
    xml = open_xml(content, "feed")
    try:
        etree.fromstring(xml.data, etree.XMLParser(**parser_options()))
    except etree.XMLSyntaxError:
        etree.fromstring(OpenedXml(xml.root, repair_xml(xml)).data, etree.XMLParser(**parser_options()))


def cleaned(content: bytes) -> None:
    """Read, and make of every item what podbrief makes only of those that are new and of a day that is wanted."""
    for item in parse_feed(content, URL).episodes:
        assert item.digest and (item.description, item.description_html)


READERS: dict[str, Callable[[bytes], object]] = {
    THEIRS: feedparser.parse,
    "feedparser, neither sanitising nor resolving": lambda content: feedparser.parse(
        content, sanitize_html=False, resolve_relative_uris=False
    ),
    OURS: lambda content: parse_feed(content, URL),
    "podbrief, all notes cleaned and all digests taken": cleaned,
    "lxml alone": with_lxml,
}


def seconds_of_readers(feeds: list[bytes], repeats: int) -> dict[str, float]:
    """Median seconds over all feeds; the readers take turns, so that a busy minute hits all alike."""
    taken: dict[str, list[float]] = {name: [] for name in READERS}
    for turn in range(repeats):
        for name, read in READERS.items():
            started = time.perf_counter()
            for content in feeds:
                read(content)
            taken[name].append(time.perf_counter() - started)
        print(f"turn {turn + 1} of {repeats}: " + ", ".join(f"{name} {taken[name][-1]:.2f} s" for name in READERS))
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


# --- Agreement ------------------------------------------------------------------------------------------------------


def stated_time(entry: Any) -> datetime | None:
    """When feedparser says that an entry was published; as here, else when it was last changed."""
    parsed = entry.get("published_parsed") or entry.get("updated_parsed")
    return datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None


def disagreements(path: Path) -> tuple[int, list[tuple[str, str, str, str, str]]]:
    """Count feedparser's entries that have an enclosure, and list where both readers differ.

    Items are compared in the feed's order: matching them by guid would hide that a guid differs.

    Returns:
        The count; and for each difference the feed, the field, feedparser's reading, podbrief's, and why.
    """
    content = path.read_bytes()
    theirs = [entry for entry in feedparser.parse(content).entries if entry.enclosures]
    ours = parse_feed(content, URL).episodes
    if len(theirs) != len(ours):
        return len(theirs), [(path.name, "items", str(len(theirs)), str(len(ours)), "unexplained")]
    found = []
    for entry, item in zip(theirs, ours, strict=True):
        for field, their, our in compared(entry, item):
            if their != our:
                found.append((path.name, field, str(their), str(our), explained(field, their, our)))
    return len(theirs), found


def compared(entry: Any, item: Item) -> Iterator[tuple[str, object, object]]:
    """The four fields of one item as both readers have them.

    A title is one line here: where feedparser keeps line breaks and runs of spaces, that is no disagreement.
    """
    yield "guid", entry.get("id"), item.guid
    yield "title", " ".join(entry.get("title", "").split()), item.title
    yield "published", stated_time(entry), item.published_at
    yield "enclosure", entry.enclosures[0].get("href"), item.audio_url


def explained(field: str, their: object, our: object) -> str:
    """Why two readings differ, as far as a rule can tell."""
    if field == "title" and isinstance(their, str) and one_line(their) == our:
        return "a title is plain text: markup and character references are read here"
    if field == "guid" and not their:
        return "none is stated: the item goes by its enclosure's address"
    if field == "enclosure" and isinstance(their, str) and " ".join(their.split()).replace(" ", "%20") == our:
        return "white space in an address is escaped here"
    return "unexplained"


# --- Memory ---------------------------------------------------------------------------------------------------------


def memory_of(path: Path) -> int:
    """Bytes by which reading a feed raises the peak of a process; the feed's own bytes are among them."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=measure_memory, args=(path, theirs))
    child.start()
    grown: int = ours.recv()
    child.join()
    return grown


def measure_memory(path: Path, answer: Any) -> None:
    """Read a feed and send by how much the process's resident memory rose at most (libxml2's memory included)."""
    # What a first feed makes resident of the libraries' code is no part of any feed's memory.
    parse_feed(WARMING_UP, URL)
    parse_feed(WARMING_UP.replace(b"</title>", b"&nbsp;</b></title>"), URL)
    # From Linux 4.0 on, this sets the high-water mark back to what is resident now.
    Path("/proc/self/clear_refs").write_text("5")
    before = high_water_mark()
    parse_feed(path.read_bytes(), URL)
    answer.send(high_water_mark() - before)


def high_water_mark() -> int:
    """The most memory that was resident so far, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("peak memory is read from /proc/self/status, which this system does not have")


# --- The report -----------------------------------------------------------------------------------------------------


def report_memory(paths: Iterable[Path]) -> bool:
    """Print the feeds that need most for their size; whether all stay below the limit."""
    measured = []
    for path in paths:
        size = path.stat().st_size
        if size > MEASURED_FROM_BYTES:
            measured.append((memory_of(path) / size, size, path.name))
    measured.sort(reverse=True)
    print(f"\nPeak memory, feeds above {MEASURED_FROM_BYTES:,} bytes: {len(measured)}; the five that need most:")
    for ratio, size, name in measured[:5]:
        print(f"  {ratio:.1f} times the size of {name} ({size:,} bytes)")
    print(f"  median {statistics.median(ratio for ratio, _, _ in measured):.1f} times")
    return measured[0][0] < MOST_MEMORY


def report_speed(feeds: list[bytes], repeats: int) -> bool:
    """Print how long each reader takes; whether podbrief is as much faster than feedparser as claimed."""
    items = sum(len(parse_feed(content, URL).episodes) for content in feeds)
    megabytes = sum(map(len, feeds)) / 1e6
    print(f"\n{len(feeds)} feeds, {megabytes:.1f} MB, {items:,} items with an enclosure, {os.cpu_count()} processors")
    seconds = seconds_of_readers(feeds, repeats)
    print("\n| reader | seconds (median) | MB/s | times feedparser's speed |\n|---|---|---|---|")
    for name, taken in seconds.items():
        print(f"| {name} | {taken:.3f} | {megabytes / taken:.1f} | {seconds[THEIRS] / taken:.1f} |")
    return seconds[THEIRS] / seconds[OURS] >= LEAST_SPEED


def report_agreement(paths: Iterable[Path]) -> bool:
    """Print where the readers disagree; whether each field agrees often enough."""
    total = 0
    found: list[tuple[str, str, str, str, str]] = []
    for path in paths:
        items, differing = disagreements(path)
        total += items
        found += differing
    fields = Counter(field for _, field, *_ in found)
    print(f"\nAgreement with feedparser over {total:,} items with an enclosure:")
    for field in ("items", "guid", "title", "published", "enclosure"):
        print(f"  {field}: {100 * (1 - fields[field] / total):.2f} % ({fields[field]} differ)")
    for reason, count in Counter(reason for *_, reason in found).most_common():
        print(f"  {count} differ because: {reason}")
    for feed, field, their, our, reason in found:
        print(f"    {feed} {field}: feedparser {their[:90]!r}, podbrief {our[:90]!r}: {reason}")
    return max(fields.values(), default=0) / total <= 1 - LEAST_AGREEMENT and not fields["items"]


def main() -> int:
    """Run all three comparisons; 1 where a claim fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="folder that holds feeds/real")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each reader")
    arguments = parser.parse_args()
    paths = sorted((arguments.corpus / "feeds" / "real").glob("*/*.xml"))
    if not paths:
        print(f"no feeds below {arguments.corpus / 'feeds' / 'real'}", file=sys.stderr)
        return 2
    claims = {
        # First, while nothing was read in this process: its children would take what it has freed.
        f"memory below {MOST_MEMORY} times the size": report_memory(paths),
        f"agreement of at least {LEAST_AGREEMENT:.1%}": report_agreement(paths),
        f"{LEAST_SPEED} times feedparser's speed": report_speed(
            [path.read_bytes() for path in paths], arguments.repeats
        ),
    }
    print()
    for claim, holds in claims.items():
        print(f"{'holds' if holds else 'FAILS'}: {claim}")
    return 0 if all(claims.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
