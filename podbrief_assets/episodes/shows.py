"""The subscription list: what an OPML file means, as plain values.

Belongs here: reading a list, however damaged, which show somebody means, and a new file for shows that are known.
Doesn't: editing a file that somebody has (opml.py), where it lies (resources.py), fetching a list or a feed from an
address (scan.py, cli.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from lxml import etree

from podbrief_assets import net
from podbrief_assets.episodes import hushing, identity, private
from podbrief_assets.episodes.markup import MAX_TITLE_CHARS
from podbrief_assets.episodes.values import MAX_ADDRESS_CHARS
from podbrief_assets.episodes.xml import EmptyFeed, NotAFeed, OpenedXml, open_xml, parser_options, repair_xml
from podbrief_assets.errors import PermanentFailure

MAX_SUBSCRIPTIONS = 200_000
MAX_FOLDERS = 16
OUTLINE = "{*}outline"

# What XML cannot hold, and line breaks.
_NO_TEXT = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
# "feed://host/rss" and "feed:https://host/rss" are how browsers and players hand a subscription on.
_FEED_SCHEME = re.compile(r"(?:feed|itpc|pcast|podcast)s?:(?://)?", re.IGNORECASE)
_WEB_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_YES, _NO = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})


class SubscriptionError(PermanentFailure):
    """The subscription list cannot be read or changed as asked."""


class NotASubscriptionList(SubscriptionError):
    """The file is no OPML."""


class BadFeedAddress(SubscriptionError):
    """What was given as a feed's address is none that can be fetched."""


class AlreadySubscribed(SubscriptionError):
    """The list has the show already, perhaps under another spelling of its address."""


class UnknownShow(SubscriptionError):
    """No subscription goes by that name."""


class AmbiguousShow(SubscriptionError):
    """Several subscriptions go by that name."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A feed that somebody asked podbrief to follow.

    Attributes:
        feed_url: Its address, http or https.
        title: What the list calls it, or None.
        folders: The outlines that it stands in, outermost first.
        private: Whether it is a paid feed, to be heard by its subscriber only: nothing of it is ever published.
    """

    feed_url: str
    title: str | None = None
    folders: tuple[str, ...] = ()
    private: bool = False


@dataclass(frozen=True, slots=True)
class Stated:
    """What podbrief understands of an outline; without an address it is a folder.

    Attributes:
        title: What readers show, or None.
        address: As written; may be empty or no address at all.
        private: What it says of being a paid feed, in lower case; mostly nothing.
    """

    title: str | None
    address: str
    private: str


@dataclass(frozen=True, slots=True)
class NoSubscription:
    """An entry that was meant to be a subscription: why it is none, and whether it was to be a paid feed's."""

    reason: str
    private: bool


@dataclass(frozen=True, slots=True)
class SubscriptionList:
    """An OPML file that was read.

    Attributes:
        subscriptions: One for each show, in the order in which the file names them first.
        skipped: A line for each entry that was meant to be a subscription and is none, with the reason.
        repeated: A line for each further entry of a show, as one that stands in two folders has.
    """

    subscriptions: list[Subscription]
    skipped: list[str]
    repeated: list[str] = field(default_factory=list)


def feed_address(text: str) -> str:
    """The address that somebody means: `feed:` and its like become `http:`, a missing scheme `https:`.

    Raises:
        BadFeedAddress: It is no http or https address, or too long.
    """
    address = text.strip()
    shown = f"“{net.displayed(address)}”"
    if found := _FEED_SCHEME.match(address):
        rest = address[found.end() :]
        address = rest if _WEB_SCHEME.match(rest) else f"http://{rest}"
    elif "://" not in address and "." in address.partition("/")[0] and ":" not in address.partition("/")[0]:
        address = f"https://{address}"
    if len(address) > MAX_ADDRESS_CHARS:
        raise BadFeedAddress(f"{shown} is longer than {MAX_ADDRESS_CHARS:,} characters", "give the feed's own address")
    remedy = "give the feed's address as https://…; a show's web page names it, often behind the word RSS"
    if not _WEB_SCHEME.match(address) or not address.isprintable() or any(c.isspace() for c in address):
        raise BadFeedAddress(f"{shown} is no http or https address", remedy)
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host:
        raise BadFeedAddress(f"{shown} names no host that can be asked", remedy)
    scheme, separator, rest = address.partition("://")
    return f"{scheme.lower()}{separator}{rest}"


def read_opml(content: bytes) -> list[Subscription]:
    """The subscriptions of an OPML file, without what `read_opml_file` tells of the other entries."""
    return read_opml_file(content).subscriptions


def read_opml_file(content: bytes) -> SubscriptionList:
    """Read a subscription list; of a damaged one, what can be read.

    Outlines may be nested; those without an address are folders. `title` counts before `text`, as in other readers.
    Entries with the same canonical address are one show. Where an outline does not say whether it is `private`, its
    address does.

    Raises:
        NotASubscriptionList: The file is empty, a web page, or XML of another kind.
        FeedRefused: It declares entities, or is too large.
    """
    xml = open_opml(content, "the subscription list")
    try:
        return collected(entries(_parsed(xml.data, recover=False)))
    except etree.XMLSyntaxError as error:
        read = collected(entries(_parsed(repair_xml(xml), recover=True)))
        line = (error.lineno or 1) + xml.content.count(b"\n", 0, xml.start)
        read.skipped.insert(
            0,
            f"the file is damaged at line {line} or shortly before it: {len(read.subscriptions)} subscriptions could be"
            " read; mend the line, or export the subscriptions again as OPML from wherever they are kept",
        )
        return read


def open_opml(content: bytes, what: str) -> OpenedXml:
    """Find the root of an OPML file; errors name it as `what`.

    Raises:
        NotASubscriptionList, FeedRefused: as for `read_opml_file`.
    """
    remedy = "export the subscriptions again as OPML from wherever they are kept"
    try:
        xml = open_xml(content, what)
    except (EmptyFeed, NotAFeed) as error:
        raise NotASubscriptionList(error.what, remedy) from error
    if xml.root.lower() != "opml":
        raise NotASubscriptionList(f"{what} is XML of another kind: <{xml.root[:60]}>", remedy)
    return xml


def _parsed(data: bytes | memoryview, *, recover: bool) -> Iterator[tuple[str, Any]]:
    """The outlines' starts and ends; an outline that ended is forgotten, since a list may have many thousands."""
    events = ("start", "end")
    for event, outline in etree.iterparse(BytesIO(data), events, tag=OUTLINE, **parser_options(recover=recover)):
        yield event, outline
        if event == "end":
            outline.clear(keep_tail=True)


def entries(events: Iterable[tuple[str, Any]]) -> Iterator[tuple[Any, Subscription | NoSubscription]]:
    """The outlines that have an address, each with what it means: a subscription, or why it is none.

    Args:
        events: Starts and ends of outlines, as `etree.iterparse` and `etree.iterwalk` give them.
    """
    folders: list[str | None] = []
    for event, outline in events:
        if event == "end":
            folders.pop()
            continue
        says = stated(outline)
        folders.append(None if says.address else says.title)
        if says.address:
            yield outline, _meaning(says, tuple(name for name in folders if name is not None)[:MAX_FOLDERS])


def stated(outline: Any) -> Stated:
    """What an outline says."""
    attributes = {str(name).lower(): str(value) for name, value in outline.attrib.items()}
    return Stated(
        title=label(attributes.get("title")) or label(attributes.get("text")),
        address=attributes.get("xmlurl", "").strip(),
        private=attributes.get("private", "").strip().lower(),
    )


def _meaning(says: Stated, folders: tuple[str, ...]) -> Subscription | NoSubscription:
    is_private = says.private in _YES or (says.private not in _NO and private.is_private(says.address))
    try:
        return Subscription(feed_address(says.address), says.title, folders, is_private)
    except BadFeedAddress as error:
        # The address of a paid feed holds its reader's token, mistyped or not.
        what = hushing.hushed(error.what) if is_private else hushing.hushed_where_private(error.what)
        return NoSubscription(
            f"“{says.title or 'an entry without a title'}” is not scanned: {what}: {error.remedy}", is_private
        )


def collected(found: Iterable[tuple[Any, Subscription | NoSubscription]]) -> SubscriptionList:
    """One subscription for each show of what `entries` gives, and what to tell of the others."""
    subscriptions: dict[str, Subscription] = {}
    skipped: list[str] = []
    repeated: list[str] = []
    for _, one in found:
        if isinstance(one, NoSubscription):
            skipped.append(one.reason)
        elif first := subscriptions.get(key := identity.canonical_feed_address(one.feed_url)):
            repeated.append(f"{name_of(first)} stands in the list more than once: it is scanned once")
            # Said of one entry, it is meant for the show.
            subscriptions[key] = replace(first, private=first.private or one.private)
        elif len(subscriptions) >= MAX_SUBSCRIPTIONS:
            skipped.append(f"what follows the first {MAX_SUBSCRIPTIONS:,} subscriptions is not scanned")
            break
        else:
            subscriptions[key] = one
    return SubscriptionList(list(subscriptions.values()), skipped, repeated)


def attributes_of(subscription: Subscription) -> dict[str, str]:
    """The attributes of a new outline for a subscription, in the order in which they are written."""
    stated = {"type": "rss"}
    if title := label(subscription.title):
        stated |= {"text": title, "title": title}
    stated["xmlUrl"] = subscription.feed_url
    if subscription.private or private.is_private(subscription.feed_url):
        stated["private"] = "true" if subscription.private else "false"
    return stated


def write_opml(subscriptions: Iterable[Subscription] = ()) -> bytes:
    """A new OPML 2.0 file that `read_opml` reads back as the same list, in the same order."""
    root = etree.Element("opml", version="2.0")
    etree.SubElement(etree.SubElement(root, "head"), "title").text = "podbrief"
    body = etree.SubElement(root, "body")
    # A folder is opened again where its subscriptions are not consecutive: the order is kept, at the price of a second
    # outline with the same name, which every reader takes for the same folder.
    opened: list[tuple[str, Any]] = []
    for subscription in subscriptions:
        folders = [name for folder in subscription.folders[:MAX_FOLDERS] if (name := label(folder))]
        shared = 0
        for (name, _), wanted in zip(opened, folders, strict=False):
            if name != wanted:
                break
            shared += 1
        del opened[shared:]
        for name in folders[shared:]:
            parent = opened[-1][1] if opened else body
            opened.append((name, etree.SubElement(parent, "outline", text=name, title=name)))
        parent = opened[-1][1] if opened else body
        etree.SubElement(parent, "outline", attributes_of(subscription))
    written: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return written


def listed(subscriptions: Iterable[Subscription], feed_url: str) -> Subscription | None:
    """The subscription to `feed_url`, whatever spelling the list has it in; None where there is none."""
    wanted = identity.canonical_feed_address(feed_url)
    return next((one for one in subscriptions if identity.canonical_feed_address(one.feed_url) == wanted), None)


def meant(subscriptions: Sequence[Subscription], which: str, show_ids: Mapping[str, str] | None = None) -> Subscription:
    """The show that somebody means.

    Args:
        subscriptions: The list.
        which: The show's address in any spelling, its exact title, or its `show_id`.
        show_ids: Identifiers by feed address as the table `shows` has them; without them only those that rest on the
            address are known, since a subscription list says nothing of a `podcast:guid`.

    Raises:
        UnknownShow, AmbiguousShow: Not exactly one show is meant.
    """
    which = which.strip()
    known_ids = show_ids or {}
    address = identity.canonical_feed_address(_FEED_SCHEME.sub("", which, count=1))
    chosen = [each for each in subscriptions if identity.canonical_feed_address(each.feed_url) == address]
    # An address or identifier names one show; a title may name several, and is looked at last.
    chosen = chosen or [
        each
        for each in subscriptions
        if (known_ids.get(each.feed_url) or identity.show_id(None, each.feed_url)) == which.lower()
    ]
    chosen = chosen or [each for each in subscriptions if each.title == which]
    if not chosen:
        raise UnknownShow(
            f"no subscription has the address, title or identifier “{hushing.shown(which)}”",
            "`podbrief shows list` shows them all; a title has to be given exactly",
        )
    if len(chosen) > 1:
        addresses = ", ".join(hushing.shown(each.feed_url, is_private=each.private) for each in chosen[:5])
        raise AmbiguousShow(
            f"{len(chosen)} subscriptions have the title “{which[:200]}”: {addresses}",
            "give the address of the one you mean",
        )
    return chosen[0]


def name_of(subscription: Subscription) -> str:
    """What messages call a show: its title, else what may be shown of its address."""
    return f"“{subscription.title or hushing.shown(subscription.feed_url, is_private=subscription.private)}”"


def label(text: str | None) -> str | None:
    """A title as it is kept: on one line; markup in it is text, so that writing and reading lose nothing."""
    return " ".join(_NO_TEXT.sub(" ", text or "").split())[:MAX_TITLE_CHARS].strip() or None
