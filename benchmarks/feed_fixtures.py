"""Reading the suites of seven other feed parsers: no crash, and how far their expected outputs agree.

Proves, over `feeds/fixtures` of the corpus, that every file is read or refused by a typed error, and counts field by
field where podbrief reads what the suite's own parser is expected to read. Exits with 1 where a file crashes it.

    python benchmarks/feed_fixtures.py [--corpus ../shared/corpus] [--list]

Most of these feeds are no podcasts, and podbrief drops items with nothing to hear. So that their other fields can be
compared all the same, each item is given an enclosure before it is read; enclosures are compared as the feed has them.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from podbrief_assets.episodes.dates import read_date
from podbrief_assets.episodes.feed import Feed, FeedError, Item, parse_feed
from podbrief_assets.episodes.markup import one_line, plain_text
from podbrief_assets.episodes.values import language_tag, web_address

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
URL = "https://feeds.example.org/feed.xml"

_ITEM_END = re.compile(rb"</((?:[A-Za-z_]\w*:)?)(item|entry)\s*>")
_GIVEN = b"https://given.example.org/"

# Where podbrief means to read something else than some suite, by field.
BY_DESIGN = {
    "link": "as stated, the first of several; relative ones are resolved against the feed's own address; http(s) only",
    "title": "plain text on one line, never the file's name; base64 of Atom 0.3 is not decoded",
    "guid": "as stated, never resolved; where there is none, named by the enclosure",
    "description": "base64 of Atom 0.3 is not decoded",
    "enclosures": "recordings only: pictures, pages and Flash players are none",
    "items": "two items of one guid are one; no limit on their number; those without an enclosure were given one",
    "language": "in lower case, and only what is a language tag",
}


@dataclass
class Expected:
    """What a suite expects of one feed; None and absent keys are not compared."""

    show: dict[str, Any] = field(default_factory=dict)
    items: list[dict[str, Any]] = field(default_factory=list)


# --- Adapters: a suite's file to what it expects --------------------------------------------------------------------


def gofeed(data: dict[str, Any]) -> Expected:
    """Three shapes: its RSS, Atom and universal feeds."""
    show = {
        "title": data.get("title"),
        "link": data.get("link") or alternate(data.get("links")),
        "description": data.get("description") or data.get("subtitle"),
        "language": data.get("language"),
    }
    items = []
    for entry in data.get("items") or data.get("entries") or []:
        guid = entry.get("guid")
        enclosures = entry.get("enclosures") or [entry["enclosure"]] if entry.get("enclosure") else None
        items.append(
            {
                "title": entry.get("title"),
                "guid": (guid.get("value") if isinstance(guid, dict) else guid) or entry.get("id"),
                "link": entry.get("link") or alternate(entry.get("links")),
                "published": moment(entry.get("publishedParsed")),
                "enclosures": [each.get("url") for each in enclosures] if enclosures else None,
            }
        )
    return Expected(show, items)


def feed_rs(data: dict[str, Any]) -> Expected:
    """One shape for all dialects."""
    show = {
        "title": content(data.get("title")),
        "link": alternate(data.get("links")),
        "description": content(data.get("description")),
        "language": data.get("language"),
    }
    items = []
    for entry in data.get("entries") or []:
        media = [each.get("url") for group in entry.get("media") or [] for each in group.get("content") or []]
        guid = entry.get("id") or ""
        items.append(
            {
                "title": content(entry.get("title")),
                # A hash of its own stands where the feed states none.
                "guid": None if re.fullmatch(r"[0-9a-f]{32}", guid) else guid,
                "link": alternate(entry.get("links")),
                "published": moment(entry.get("published")),
                "enclosures": media or None,
            }
        )
    return Expected(show, items)


def podcastparser(data: dict[str, Any]) -> Expected:
    """Times are seconds, 0 where there is none; titles default to the file's name."""
    show = {key: data.get(key) for key in ("title", "link", "description", "language")}
    items = []
    for entry in data.get("episodes") or []:
        published = entry.get("published")
        items.append(
            {
                "title": entry.get("title"),
                "guid": entry.get("guid"),
                "link": entry.get("link"),
                "published": datetime.fromtimestamp(published, UTC) if published else None,
                "duration": entry.get("total_time") or None,
                "enclosures": [each.get("url") for each in entry.get("enclosures") or []] or None,
            }
        )
    return Expected(show, items)


def rowanmanning(data: dict[str, Any]) -> Expected:
    """One shape for all dialects."""
    feed = data["feed"]
    show = {
        "title": feed.get("title"),
        "link": feed.get("url"),
        "description": feed.get("description"),
        "language": feed.get("language"),
    }
    items = []
    for entry in feed.get("items") or []:
        heard = [each["url"] for each in entry.get("media") or [] if each.get("type") in ("audio", "video")]
        items.append(
            {
                "title": entry.get("title"),
                "guid": entry.get("id"),
                "link": entry.get("url"),
                "published": moment(entry.get("published")),
                "enclosures": heard or None,
            }
        )
    return Expected(show, items)


def rss_parser(data: dict[str, Any]) -> Expected:
    """One shape for all dialects."""
    feed = data["feed"]
    show = {key: feed.get(key) for key in ("title", "link", "description", "language")}
    items = []
    for entry in feed.get("items") or []:
        enclosure = entry.get("enclosure") or {}
        items.append(
            {
                "title": entry.get("title"),
                "guid": entry.get("guid") or entry.get("id"),
                "link": entry.get("link"),
                "published": moment(entry.get("isoDate")),
                "enclosures": [enclosure["url"]] if enclosure.get("url") else None,
            }
        )
    return Expected(show, items)


def alternate(links: Any) -> str | None:
    """The address of a web page among links in one of the suites' shapes."""
    for link in links or []:
        if isinstance(link, str):
            return link
        if link.get("href") and link.get("rel") in (None, "", "alternate"):
            return str(link["href"])
    return None


def content(text: Any) -> str | None:
    """The text of feed-rs's text constructs."""
    return text.get("content") if isinstance(text, dict) else text


def moment(text: str | None) -> datetime | None:
    """A suite's time, to the second."""
    return read_date(text) if text else None


def beside(suffix: str) -> Callable[[Path], Path]:
    """Expected output lies beside the feed under another suffix."""
    return lambda path: path.with_suffix(suffix)


@dataclass(frozen=True)
class Suite:
    """How a suite's expected outputs are found and read; both None where it has none."""

    name: str
    expected_path: Callable[[Path], Path] | None = None
    adapter: Callable[[dict[str, Any]], Expected] | None = None


SUITES = (
    Suite("feed-rs", beside(".serde.json"), feed_rs),
    Suite("gofeed", beside(".json"), gofeed),
    Suite("miniflux"),
    Suite("partytime"),
    Suite("podcastparser", beside(".json"), podcastparser),
    Suite("rowanmanning", lambda path: path.with_name("expected.json"), rowanmanning),
    Suite("rss-parser", lambda path: path.parents[1] / "output" / f"{path.stem}.json", rss_parser),
)


# --- Comparing ------------------------------------------------------------------------------------------------------


def with_enclosures(feed: bytes) -> bytes:
    """The feed with an enclosure in every item, each of its own address."""
    count = iter(range(len(feed)))

    def given(found: re.Match[bytes]) -> bytes:
        prefix, name = found[1], found[2]
        address = b"%b%d.mp3" % (_GIVEN, next(count))
        if name == b"entry":
            return b'<%blink rel="enclosure" type="audio/mpeg" href="%b"/>%b' % (prefix, address, found[0])
        return b'<enclosure type="audio/mpeg" url="%b"/>%b' % (address, found[0])

    return _ITEM_END.sub(given, feed)


def compared(expected: Expected, feed: Feed, heard: Feed) -> Iterator[tuple[str, object, object]]:
    """Field, what the suite expects, and what podbrief reads.

    Args:
        feed: The feed with an enclosure given to every item.
        heard: The feed as it is.
    """
    show = feed.show
    ours = {"title": show.title, "link": show.link, "description": show.description, "language": show.language}
    for name, value in expected.show.items():
        if value:
            yield f"show {name}", normal(name, value), normal(name, ours[name])
    yield "items", len(expected.items), len(feed.episodes)
    if len(expected.items) != len(feed.episodes):
        return
    enclosures = iter(heard.episodes)
    for entry, item in zip(expected.items, feed.episodes, strict=True):
        for name, value in entry.items():
            if value and name != "enclosures":
                yield name, normal(name, value), normal(name, read(item, name))
        if entry.get("enclosures"):
            mine = next(enclosures, None)
            theirs = dict.fromkeys(web_address(url, URL) for url in entry["enclosures"])
            yield "enclosures", list(theirs), [each.url for each in mine.enclosures] if mine else []


def read(item: Item, name: str) -> object:
    """An item's field by the name that is used here."""
    return {
        "title": item.title,
        "guid": item.guid,
        "link": item.link,
        "published": item.published_at,
        "duration": item.duration_s,
    }[name]


NORMAL: dict[str, Callable[[Any], object]] = {
    "title": one_line,
    "description": lambda text: " ".join((plain_text(text) or "").split()),
    "link": lambda text: web_address(text, URL),
    "language": language_tag,
    "guid": str.strip,
    "published": lambda moment: moment.replace(microsecond=0),
}


def normal(name: str, value: Any) -> object:
    """What both sides are brought to before they are compared: text without markup, absolute addresses, seconds."""
    return NORMAL[name](value) if value and name in NORMAL else value


@dataclass
class Outcome:
    """What came of one suite."""

    files: int = 0
    read: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    crashed: list[str] = field(default_factory=list)
    outputs: int = 0
    agreeing_outputs: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    agreeing: Counter[str] = field(default_factory=Counter)
    differences: list[tuple[str, str, object, object]] = field(default_factory=list)


def outcome_of(suite: Suite, folder: Path) -> Outcome:
    """Read every file of a suite, and compare those that have an expected output."""
    outcome = Outcome()
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        outcome.files += 1
        feed_bytes = path.read_bytes()
        try:
            heard = parse_feed(feed_bytes, URL)
            feed = parse_feed(with_enclosures(feed_bytes), URL)
        except FeedError as error:
            outcome.refused[type(error).__name__] += 1
            continue
        except Exception as error:  # noqa: BLE001 - a crash is what this looks for
            outcome.crashed.append(f"{path}: {type(error).__name__}: {error}")
            continue
        outcome.read += 1
        if suite.expected_path and suite.adapter and (answer := suite.expected_path(path)).exists():
            # One suite's answer is not in the encoding that JSON has to be in.
            expected = suite.adapter(json.loads(answer.read_text("utf-8", "replace")))
            add_comparison(outcome, path.name, compared(expected, feed, heard))
    return outcome


def add_comparison(outcome: Outcome, name: str, comparison: Iterable[tuple[str, object, object]]) -> None:
    """Count one feed's fields."""
    outcome.outputs += 1
    agrees = True
    for label, theirs, ours in comparison:
        outcome.fields[label] += 1
        if theirs == ours:
            outcome.agreeing[label] += 1
        else:
            agrees = False
            outcome.differences.append((name, label, theirs, ours))
    outcome.agreeing_outputs += agrees


# --- The report -----------------------------------------------------------------------------------------------------


def share(agreeing: int, total: int) -> str:
    """As in "12 of 13"."""
    return f"{agreeing:,} of {total:,}" if total else "–"


def report(outcomes: dict[str, Outcome]) -> None:
    """Print the two tables."""
    print("| suite | files | read | refused, by kind | crashed | whole outputs that agree | fields that agree |")
    print("|---|---|---|---|---|---|---|")
    for name, each in outcomes.items():
        refused = ", ".join(f"{count} {kind}" for kind, count in sorted(each.refused.items())) or "0"
        fields = share(each.agreeing.total(), each.fields.total())
        whole = share(each.agreeing_outputs, each.outputs)
        print(f"| {name} | {each.files} | {each.read} | {refused} | {len(each.crashed)} | {whole} | {fields} |")
    labels: dict[str, None] = defaultdict(lambda: None)
    for each in outcomes.values():
        labels.update(dict.fromkeys(each.fields))
    compared_suites = [name for name, each in outcomes.items() if each.fields]
    print("\n| field | " + " | ".join(compared_suites) + " | differences that are meant |")
    print("|---" * (len(compared_suites) + 2) + "|")
    for label in sorted(labels):
        cells = [share(outcomes[name].agreeing[label], outcomes[name].fields[label]) for name in compared_suites]
        print(f"| {label} | " + " | ".join(cells) + f" | {BY_DESIGN.get(label.removeprefix('show '), '')} |")


def main() -> int:
    """Read all suites; 1 where a file crashed the parser."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="folder that holds feeds/fixtures")
    parser.add_argument("--list", action="store_true", help="list every difference")
    arguments = parser.parse_args()
    folder = arguments.corpus / "feeds" / "fixtures"
    if not folder.is_dir():
        print(f"no folder {folder}", file=sys.stderr)
        return 2
    outcomes = {suite.name: outcome_of(suite, folder / suite.name) for suite in SUITES}
    report(outcomes)
    if arguments.list:
        for name, each in outcomes.items():
            for file, label, theirs, ours in each.differences:
                print(f"{name} {file} {label}: expected {str(theirs)[:110]!r}, podbrief {str(ours)[:110]!r}")
    crashed = [line for each in outcomes.values() for line in each.crashed]
    for line in crashed:
        print(f"CRASH {line}")
    print(f"\n{'FAILS' if crashed else 'holds'}: every file is read, or refused by a typed error")
    return 1 if crashed else 0


if __name__ == "__main__":
    sys.exit(main())
