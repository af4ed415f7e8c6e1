"""Read a feed's bytes: the show and its episodes, whatever dialect and state the feed is in.

Belongs here: RSS 0.9x, 1.0, 2.0 and Atom with the iTunes and podcast namespaces: what is a feed, which of its elements
are items, what becomes of broken ones and of those that repeat one another.
Doesn't: HTTP (`scan.py`, `net.py`); bytes to XML (`xml.py`); what an element says (`channel.py`, `items.py`); comparing
episodes across feeds (`identity.py`); deciding what a date in the future means (`projection.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from io import BytesIO
from typing import Literal

from lxml import etree

from podbrief_assets import net
from podbrief_assets.episodes import identity
from podbrief_assets.episodes.channel import read_channel
from podbrief_assets.episodes.elements import Document, Element
from podbrief_assets.episodes.items import ItemReader, Remarks, with_channel
from podbrief_assets.episodes.markup import shortened
from podbrief_assets.episodes.records import Enclosure, Feed, Item, Person, Show, Soundbite, StatedText, TranscriptLink
from podbrief_assets.episodes.xml import (
    EmptyFeed,
    FeedError,
    FeedRefused,
    NotAFeed,
    OpenedXml,
    open_xml,
    parser_options,
    recovered,
    repair_xml,
    root_end,
)

__all__ = [
    "MAX_ITEMS",
    "MAX_SKIPPED_LINES",
    "EmptyFeed",
    "Enclosure",
    "Feed",
    "FeedError",
    "FeedRefused",
    "Item",
    "NotAFeed",
    "Person",
    "Show",
    "Soundbite",
    "StatedText",
    "TranscriptLink",
    "parse_feed",
]

MAX_ITEMS = 20_000
MAX_SKIPPED_LINES = 100

# Put before each item of a broken feed; the longest of 57 real feeds has 602 bytes.
_MAX_START_TAG = 2_000
_BASE = b"xml:base"
_ITEM_TAGS = ("{*}item", "{*}entry")
_ITEM_KEYS = frozenset({"item", "atom:entry"})
_PARENT_KEYS = frozenset({"channel", "rss", "rdf:rdf", "rdf", "atom:feed"})


def parse_feed(content: bytes, feed_url: str) -> Feed:
    """Read a feed.

    An item becomes an episode when it has an enclosure that could be heard or a transcript. Of items that share a guid
    the first counts, since feeds put the newest first; where both the title and the enclosure differ, the guid is the
    publisher's mistake, and the later item is kept under what an item without a guid is named by.

    Args:
        content: The body of the answer, after content decoding.
        feed_url: Where it came from: relative addresses are resolved against it, and an identifier may rest on it.

    Raises:
        EmptyFeed: `content` is empty or white space.
        NotAFeed: It is a web page, JSON, or XML of another kind.
        FeedRefused: It declares entities, or is larger than `MAX_FEED_BYTES`.
    """
    xml = open_xml(content, f"the feed {net.displayed(feed_url)}")
    if xml.root.rpartition(":")[2].lower() not in {"rss", "rdf", "feed"}:
        raise NotAFeed(
            f"the feed {net.displayed(feed_url)} is XML, but of the kind <{xml.root[:60]}>",
            "subscribe to the show's RSS or Atom address instead",
        )
    try:
        return _read(xml, feed_url)
    except etree.XMLSyntaxError:
        repaired = OpenedXml(xml.root, repair_xml(xml))
    try:
        return _read(repaired, feed_url)
    except etree.XMLSyntaxError:
        return _salvaged(repaired, feed_url)


# --- Well-formed documents ------------------------------------------------------------------------------------------


def _read(xml: OpenedXml, feed_url: str) -> Feed:
    """Read a document, or raise `XMLSyntaxError` where it is not well-formed.

    Each item is freed once it was read: a whole tree takes up to five times its document's memory, and making it would
    save a seventh of the parser's time.
    """
    source = BytesIO(xml.content)
    source.seek(xml.start)
    has_base = _BASE in xml.content
    events = etree.iterparse(source, events=("end",), tag=_ITEM_TAGS, **parser_options())
    episodes: _Episodes | None = None
    for _, element in events:
        if episodes is None:
            episodes = _Episodes(Document(element.getroottree().getroot(), feed_url, has_base=has_base))
        if _is_item(episodes.document, element):
            episodes.add(element)
            element.clear(keep_tail=True)
    if episodes is None:
        episodes = _Episodes(Document(events.root, feed_url, has_base=has_base))
    return episodes.feed(truncated=False)


def _is_item(document: Document, element: Element) -> bool:
    """Whether it is the feed's own: other vocabularies have items and entries, too."""
    parent = element.getparent()
    return parent is not None and document.key(element.tag) in _ITEM_KEYS and document.key(parent.tag) in _PARENT_KEYS


# --- Broken documents -----------------------------------------------------------------------------------------------


def _salvaged(xml: OpenedXml, feed_url: str) -> Feed:
    """Read a document that is not well-formed item by item, so that a broken item spoils no other."""
    data, name = xml.content, xml.root.encode()
    start_tag = data[: data.find(b">", 0, _MAX_START_TAG) + 1] or b"<" + name + b">"
    if start_tag.endswith(b"/>"):
        start_tag = start_tag[:-2] + b">"
    end_tag = b"</" + name + b">"
    complete = root_end(data, xml.root) >= 0
    prefix = name.rpartition(b":")[0]
    local = b"entry" if name.lower().endswith(b"feed") else b"item"
    qualified = prefix + b":" + local if prefix and local == b"entry" else local
    # The last item of a document that stops before its end was not told to its end either.
    wanted = ("item", "cut") if complete else ("item",)
    outside: list[bytes] = []
    items: list[bytes] = []
    for part, kind in _parts(data, qualified):
        if kind == "outside":
            outside.append(part)
        elif kind in wanted and len(items) <= MAX_ITEMS:
            items.append(part)
    root = _first_root(b"".join(outside), start_tag + end_tag)
    document = Document(root, feed_url, has_base=_BASE in data)
    episodes = _Episodes(document)
    for part in items:
        tree = recovered(start_tag + part + end_tag)
        element = next(tree.iter(*_ITEM_TAGS), None) if tree is not None else None
        if element is not None:
            episodes.add(element, mended=True)
    return episodes.feed(truncated=not complete)


def _first_root(*documents: bytes) -> Element:
    for data in documents:
        root = recovered(data)
        if root is not None and isinstance(root.tag, str):
            return root
    return etree.Element("rss")


def _parts(data: bytes, name: bytes) -> Iterable[tuple[bytes, Literal["outside", "item", "cut"]]]:
    """Cut a broken document at its items; `cut` is a last item without an end.

    Tags inside CDATA sections and comments do not count, unless those never end. Each byte is looked at a bounded
    number of times.
    """
    token = re.compile(rb"<!\[CDATA\[|<!--|<(/?)" + re.escape(name) + rb"(?=[\s/>])")
    opened: int | None = None
    outside = position = 0
    unclosed: set[bytes] = set()
    while found := token.search(data, position):
        position = found.end()
        if found.group(1) is None:
            closing = b"]]>" if found.group() == b"<![CDATA[" else b"-->"
            end = -1 if closing in unclosed else data.find(closing, position)
            if end < 0:
                # Nobody closed it: it is no section, or all that follows would be lost.
                unclosed.add(closing)
            else:
                position = end + 3
        elif not found.group(1):
            if opened is None:
                yield data[outside : found.start()], "outside"
            else:
                yield data[opened : found.start()], "item"
            opened = found.start()
        elif opened is not None:
            end = data.find(b">", position)
            if end < 0:
                break
            yield data[opened : end + 1], "item"
            opened, outside, position = None, end + 1, end + 1
    if opened is None:
        yield data[outside:], "outside"
    else:
        yield data[opened:], "cut"


# --- All together ---------------------------------------------------------------------------------------------------


class _Episodes:
    """The items of one feed that were read so far, each guid once."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._remarks = Remarks(MAX_SKIPPED_LINES)
        self._reader = ItemReader(document, self._remarks)
        self._items: list[Item] = []
        self._places: dict[str, int] = {}
        # Guids that turned out to be those of several episodes.
        self._shared: set[str] = set()
        self._seen = 0

    def add(self, element: Element, *, mended: bool = False) -> None:
        """Read an item, unless `MAX_ITEMS` were read."""
        self._seen += 1
        if self._seen > MAX_ITEMS:
            if self._seen == MAX_ITEMS + 1:
                self._remarks.add(f"items after the first {MAX_ITEMS:,} were left out: no feed needs more")
            return
        item = self._reader.read(element, mended=mended)
        if item is None:
            return
        place = self._places.get(item.guid)
        if item.guid in self._shared:
            self._keep_apart(item)
        elif place is None:
            self._keep(item)
        elif (first := self._items[place]) and _is_another(item, first):
            # The first one, too, gets a name of its own: it is the newest today, and another one is tomorrow.
            self._shared.add(item.guid)
            self._remarks.add(
                f"“{shortened(item.title)}” has the guid of “{shortened(first.title)}”: both go by others"
            )
            del self._places[item.guid]
            self._items[place] = self._renamed(first)
            self._places.setdefault(self._items[place].guid, place)
            self._keep_apart(item)
        else:
            self._leave_out(item, first)

    def _keep(self, item: Item) -> None:
        self._places[item.guid] = len(self._items)
        self._items.append(item)

    def _keep_apart(self, item: Item) -> None:
        """Keep an item under a name of its own, unless that is taken as well."""
        renamed = self._renamed(item)
        place = self._places.get(renamed.guid)
        if place is None:
            self._keep(renamed)
        else:
            self._leave_out(item, self._items[place])

    def _leave_out(self, item: Item, first: Item) -> None:
        # Neither guid is told: a paid feed's may be an address that holds its token.
        self._remarks.add(f"“{shortened(item.title)}” was left out: it repeats the guid of “{shortened(first.title)}”")

    def _renamed(self, item: Item) -> Item:
        """The item under its recording's address, or its title and date where its guid is that address already."""
        own = identity.item_guid(None, item.audio_url, item.title, item.published_at)
        if own in self._shared:
            own = identity.item_guid(None, None, item.title, item.published_at)
        return item._replace(guid=own)

    def feed(self, *, truncated: bool) -> Feed:
        """The feed, once all its items were added: what stands after the last of them may be said of them all."""
        channel = read_channel(self.document)
        items = [with_channel(item, channel) for item in self._items]
        return Feed(channel.show, items, truncated, self._remarks.lines())


def _is_another(item: Item, first: Item) -> bool:
    """Whether an item that has another one's guid is plainly another episode.

    Another title and another recording; or another title or date, where the guid is nothing but a recording's address
    that both share, such as `latest.mp3` or `play.php?sid=3`.
    """
    derived = identity.item_guid(None, item.audio_url, item.title, item.published_at) == item.guid
    if derived:
        return (first.title, first.published_at) != (item.title, item.published_at)
    return first.title != item.title and _other_recording(item, first)


def _other_recording(item: Item, first: Item) -> bool:
    """Whether both have a recording, and not the same."""
    canonical = identity.canonical_media_address
    if item.audio_url is None or first.audio_url is None:
        return False
    return canonical(item.audio_url) != canonical(first.audio_url)
