"""The subscription list: read and write it as OPML, add to it, remove from it.

Belongs here: what an OPML file means, and operations on lists of subscriptions as plain values.
Doesn't: where the file lies (resources.py), fetching a list or a feed from an address (scan.py, cli.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from lxml import etree

from podbrief_assets import net
from podbrief_assets.episodes import identity, private
from podbrief_assets.episodes.feed import (
    MAX_ADDRESS_CHARS,
    EmptyFeed,
    NotAFeed,
    open_xml,
    parser_options,
    repair_xml,
)
from podbrief_assets.episodes.markup import MAX_TITLE_CHARS
from podbrief_assets.errors import PermanentFailure

MAX_SUBSCRIPTIONS = 200_000
MAX_FOLDERS = 16
MAX_ATTRIBUTES = 30
MAX_ATTRIBUTE_CHARS = 5_000

# What XML cannot hold, and line breaks.
_NO_TEXT = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
# "feed://host/rss" and "feed:https://host/rss" are how browsers and players hand a subscription on.
_FEED_SCHEME = re.compile(r"(?:feed|itpc|pcast|podcast)s?:(?://)?", re.IGNORECASE)
_WEB_SCHEME = re.compile(r"https?://", re.IGNORECASE)
# Attributes of an outline that podbrief understands, in lower case; the others are kept as they are.
_UNDERSTOOD = frozenset({"text", "title", "xmlurl", "private"})
_YES, _NO = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})
# What a repaired file may have for a name could not be written again.
_WRITABLE_NAME = re.compile(r"(?:\{[^{}\s]{1,200}\})?[A-Za-z_][A-Za-z0-9_.-]{0,100}")


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
        text: The list's other name for it, where an outline's `text` is not its `title`; else None.
        private: Whether it is a paid feed, to be heard by its subscriber only: nothing of it is ever published.
        attributes: What else the outline says of it (`htmlUrl`, `description`, `category`), as written there.
    """

    feed_url: str
    title: str | None = None
    folders: tuple[str, ...] = ()
    text: str | None = None
    private: bool = False
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SubscriptionList:
    """An OPML file that was read: its subscriptions, and a line for each entry that is none, with the reason."""

    subscriptions: list[Subscription]
    skipped: list[str]


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
    """The subscriptions of an OPML file, without what `read_opml_file` tells of the entries that are none."""
    return read_opml_file(content).subscriptions


def read_opml_file(content: bytes) -> SubscriptionList:
    """Read a subscription list.

    Outlines may be nested; those without an address are folders. `title` counts before `text`, as in other readers.
    Of several entries with the same canonical address the first is kept. Where an outline does not say whether it is
    `private`, its address does.

    Raises:
        NotASubscriptionList: The file is empty, a web page, or XML of another kind.
        FeedRefused: It declares entities, or is too large.
    """
    remedy = "export the subscriptions again as OPML from wherever they are kept"
    try:
        xml = open_xml(content, "the subscription list")
    except (EmptyFeed, NotAFeed) as error:
        raise NotASubscriptionList(error.what, remedy) from error
    if xml.root.lower() != "opml":
        raise NotASubscriptionList(f"the subscription list is XML of another kind: <{xml.root[:60]}>", remedy)
    try:
        return _read_outlines(xml.data, recover=False)
    except etree.XMLSyntaxError:
        read = _read_outlines(repair_xml(xml), recover=True)
        read.skipped.insert(0, f"the file is damaged: {len(read.subscriptions)} subscriptions could be read; {remedy}")
        return read


def _read_outlines(data: bytes | memoryview, *, recover: bool) -> SubscriptionList:
    subscriptions: dict[str, Subscription] = {}
    skipped: list[str] = []
    folders: list[str | None] = []
    options = parser_options(recover=recover)
    for event, element in etree.iterparse(BytesIO(data), events=("start", "end"), tag=("{*}outline",), **options):
        if event == "end":
            folders.pop()
            element.clear(keep_tail=True)
            continue
        stated = {str(name).lower(): str(value) for name, value in element.attrib.items()}
        text = _label(stated.get("text"))
        title = _label(stated.get("title")) or text
        address = stated.get("xmlurl", "").strip()
        folders.append(None if address else title)
        if not address:
            continue
        path = tuple(name for name in folders if name is not None)[:MAX_FOLDERS]
        try:
            found = _subscription(feed_address(address), title, text, path, element.attrib)
        except BadFeedAddress as error:
            skipped.append(f"“{title or 'an entry without a title'}” was left out: {error}")
            continue
        key = identity.canonical_feed_address(found.feed_url)
        if key in subscriptions:
            skipped.append(
                f"“{title or net.displayed(found.feed_url)}” was left out: its address is in the list already"
            )
        elif len(subscriptions) >= MAX_SUBSCRIPTIONS:
            skipped.append(f"what follows the first {MAX_SUBSCRIPTIONS:,} subscriptions was left out")
            break
        else:
            subscriptions[key] = found
    return SubscriptionList(list(subscriptions.values()), skipped)


def _subscription(
    feed_url: str, title: str | None, text: str | None, folders: tuple[str, ...], stated: Mapping[str, str]
) -> Subscription:
    said = next((value.strip().lower() for name, value in stated.items() if name.lower() == "private"), "")
    others = [
        (name, _NO_TEXT.sub(" ", value)[:MAX_ATTRIBUTE_CHARS])
        for name, value in stated.items()
        if name.lower() not in _UNDERSTOOD and (name, value) != ("type", "rss") and _WRITABLE_NAME.fullmatch(name)
    ]
    return Subscription(
        feed_url,
        title,
        folders,
        text=text if text != title else None,
        private=said in _YES or (said not in _NO and private.is_private(feed_url)),
        attributes=tuple(others[:MAX_ATTRIBUTES]),
    )


def _outline(subscription: Subscription) -> dict[str, str]:
    """The attributes of a subscription's outline, in the order in which they are written."""
    title, text = _label(subscription.title), _label(subscription.text)
    stated = {"type": "rss"}
    if title or text:
        stated |= {"text": text or title or "", "title": title or text or ""}
    stated["xmlUrl"] = subscription.feed_url
    if subscription.private or private.is_private(subscription.feed_url):
        stated["private"] = "true" if subscription.private else "false"
    return stated | dict(subscription.attributes)


def write_opml(subscriptions: Iterable[Subscription]) -> bytes:
    """An OPML 2.0 file that `read_opml` reads back as the same list, in the same order."""
    root = etree.Element("opml", version="2.0")
    etree.SubElement(etree.SubElement(root, "head"), "title").text = "podbrief"
    body = etree.SubElement(root, "body")
    # A folder is opened again where its subscriptions are not consecutive: the order is kept, at the price of a second
    # outline with the same name, which every reader takes for the same folder.
    opened: list[tuple[str, Any]] = []
    for subscription in subscriptions:
        folders = [name for folder in subscription.folders[:MAX_FOLDERS] if (name := _label(folder))]
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
        etree.SubElement(parent, "outline", _outline(subscription))
    written: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return written


def listed(subscriptions: Iterable[Subscription], feed_url: str) -> Subscription | None:
    """The subscription to `feed_url`, whatever spelling the list has it in; None where there is none."""
    wanted = identity.canonical_feed_address(feed_url)
    return next((one for one in subscriptions if identity.canonical_feed_address(one.feed_url) == wanted), None)


def add(subscriptions: Sequence[Subscription], feed_url: str, title: str | None = None) -> list[Subscription]:
    """The list with one more subscription at its end.

    Raises:
        BadFeedAddress: as for `feed_address`.
        AlreadySubscribed: The list has the address, perhaps in another spelling.
    """
    address = feed_address(feed_url)
    added = Subscription(address, _label(title), private=private.is_private(address))
    if known := listed(subscriptions, address):
        raise AlreadySubscribed(f"{_name(known)} is in the list already", "there is nothing to do")
    return [*subscriptions, added]


def remove(
    subscriptions: Sequence[Subscription], which: str, show_ids: Mapping[str, str] | None = None
) -> list[Subscription]:
    """The list without one show.

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
            f"no subscription has the address, title or identifier “{net.displayed(which)}”",
            "`podbrief shows list` shows them all; a title has to be given exactly",
        )
    if len(chosen) > 1:
        addresses = ", ".join(net.displayed(each.feed_url) for each in chosen[:5])
        raise AmbiguousShow(
            f"{len(chosen)} subscriptions have the title “{which[:200]}”: {addresses}",
            "give the address of the one you mean",
        )
    return [each for each in subscriptions if each is not chosen[0]]


def _name(subscription: Subscription) -> str:
    return f"“{subscription.title or net.displayed(subscription.feed_url)}”"


def _label(text: str | None) -> str | None:
    """A title as it is kept: on one line; markup in it is text, so that writing and reading lose nothing."""
    return " ".join(_NO_TEXT.sub(" ", text or "").split())[:MAX_TITLE_CHARS].strip() or None
