"""Find a show's feed from whatever address somebody has of it: the feed's own, or a web page's.

Belongs here: which links of a page name feeds, which of several is taken, and the sites whose pages never name one.
Doesn't: HTTP itself (net.py), reading the feed (feed.py), the subscription list (shows.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

from lxml import etree

from podbrief_assets import net
from podbrief_assets.episodes import shows
from podbrief_assets.episodes.feed import Feed, NotAFeed, parse_feed
from podbrief_assets.errors import PermanentFailure, PodbriefError

_ACCEPT: Final = "application/rss+xml, application/atom+xml, application/xml;q=0.9, text/html;q=0.8, */*;q=0.5"
# Pages name their feeds near their beginning; what lies behind is a site that renders all of itself into one page.
_MAX_PAGE_BYTES: Final = 1024 * 1024
_MAX_LINKS: Final = 50
_MAX_TRIED: Final = 3
_MAX_TITLE_CHARS: Final = 200
_FEED_TYPES: Final = frozenset(
    {"application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/xml", "text/xml"}
)

# Their pages show a podcast and keep its feed's address to themselves.
_SILENT_SITES: Final = {
    "podcasts.apple.com": "Apple Podcasts",
    "itunes.apple.com": "Apple Podcasts",
    "open.spotify.com": "Spotify",
    "music.amazon.com": "Amazon Music",
}


class NoFeedNamed(PermanentFailure):
    """The address leads to a page that names no feed."""


@dataclass(frozen=True, slots=True)
class FeedLink:
    """A feed that a page names: its absolute address, and the title that the page gives it, or None."""

    url: str
    title: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """A feed that was found and read.

    Attributes:
        feed_url: Its address: the one asked for, where that is a feed's.
        feed: What is in it.
        others: The other feeds that the page names, in the order in which they would have been tried.
    """

    feed_url: str
    feed: Feed
    others: tuple[FeedLink, ...] = ()


async def find(client: net.Client, address: str) -> Found:
    """The feed at `address`, or that the page at `address` names.

    Of several the order of `feed_links` decides; at most three are asked, and the first that is a feed and has an
    episode is taken, else the first that is a feed.

    Args:
        address: As `shows.feed_address` gives it.

    Raises:
        NoFeedNamed: It is a page, and names none.
        FeedError: What was named is no feed.
        What `net.Client.get` raises.
    """
    _refuse_silent(address)
    reply = await client.get(address, headers={"Accept": _ACCEPT})
    try:
        return Found(address, parse_feed(reply.content, reply.url))
    except NotAFeed as failure:
        links = feed_links(reply.content, reply.url)
        if not links:
            raise NoFeedNamed(
                f"{net.displayed(reply.url)} is a web page, no feed, and names none",
                "look on the show's website for a link called RSS or feed, and add its address",
            ) from failure
    return await _first_of(client, links)


async def _first_of(client: net.Client, links: list[FeedLink]) -> Found:
    empty: Found | None = None
    failures: list[PodbriefError] = []
    for link in links[:_MAX_TRIED]:
        try:
            reply = await client.get(link.url, headers={"Accept": _ACCEPT})
            feed = parse_feed(reply.content, reply.url)
        except PodbriefError as failure:
            failures.append(failure)
            continue
        found = Found(link.url, feed, tuple(other for other in links if other is not link))
        if feed.episodes:
            return found
        empty = empty or found
    if empty is None:
        raise failures[0]
    return empty


def _refuse_silent(address: str) -> None:
    host = (urlsplit(address).hostname or "").removeprefix("www.")
    if site := _SILENT_SITES.get(host):
        raise NoFeedNamed(
            f"pages of {site} do not name the feed of the show that they are about",
            "open the show's own website and add that, or the address behind its link called RSS; "
            "a show that is nowhere else has no feed",
        )


def feed_links(page: bytes, url: str) -> list[FeedLink]:
    """The feeds that a web page names by `link rel=alternate`, best first.

    Feeds of comments come last; before them, those whose address or title says “podcast” come first; otherwise the
    page's own order counts, which by custom puts a site's main feed first. Each address is named once.

    Args:
        page: The page as received; only its first MiB is read.
        url: Where it came from: relative addresses are resolved against it, or against its `base`.
    """
    try:
        root = etree.fromstring(page[:_MAX_PAGE_BYTES], etree.HTMLParser(no_network=True))
    except (etree.XMLSyntaxError, ValueError):
        return []
    if root is None:
        return []
    base = url
    links: dict[str, FeedLink] = {}
    for element in root.iter("base", "link"):
        href = (element.get("href") or "").strip()
        if element.tag == "base":
            base = _joined(url, href) or url
        elif _names_a_feed(element) and (address := _joined(base, href)):
            title = " ".join((element.get("title") or "").split())[:_MAX_TITLE_CHARS]
            links.setdefault(address, FeedLink(address, title or None))
        if len(links) == _MAX_LINKS:
            break
    return sorted(links.values(), key=_rank)


def _names_a_feed(element: etree._Element) -> bool:
    relations = (element.get("rel") or "").lower().split()
    media_type = (element.get("type") or "").partition(";")[0].strip().lower()
    return "alternate" in relations and media_type in _FEED_TYPES


def _joined(base: str, href: str) -> str | None:
    if not href:
        return None
    try:
        return shows.feed_address(urljoin(base, href))
    except (ValueError, shows.BadFeedAddress):
        return None


def _rank(link: FeedLink) -> int:
    named = f"{link.url} {link.title or ''}".lower()
    if "comment" in named:
        return 2
    return 0 if "podcast" in named else 1
