"""Name a feed's elements, whatever prefixes and addresses its namespaces have, and read their content.

Belongs here: which element is which, text and markup out of elements, relative addresses.
Doesn't: what the elements mean for a show (`channel.py`) or an item (`items.py`).
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias
from urllib.parse import urljoin

from lxml import etree

from podbrief_assets.episodes.markup import MAX_NOTES_CHARS, MAX_TITLE_CHARS, one_line
from podbrief_assets.episodes.records import Person, StatedText
from podbrief_assets.episodes.values import WEB_ADDRESS, web_address

Element: TypeAlias = Any
Fields: TypeAlias = dict[str, list[Element]]

MAX_LINKS_PER_ITEM = 100
MAX_STATED_TEXT_CHARS = 4_000

TITLES = ("title", "atom:title", "itunes:title", "media:title", "dc:title", "googleplay:title")

# By address without scheme, "www.", letter case and trailing slashes: feeds write all of them in every way.
_PREFIX_BY_ADDRESS = {
    "itunes.com/dtds/podcast-1.0.dtd": "itunes",
    "itunes.com/dtd/podcast-1.0.dtd": "itunes",
    "purl.org/rss/1.0/modules/content": "content",
    "w3.org/2005/atom": "atom",
    "purl.org/atom/ns": "atom",
    "search.yahoo.com/mrss": "media",
    "search.yahoo.com/rss": "media",
    "purl.org/dc/elements/1.1": "dc",
    "purl.org/dc/elements/1.0": "dc",
    "purl.org/dc/terms": "dcterms",
    "purl.org/syndication/history/1.0": "fh",
    "w3.org/1999/02/22-rdf-syntax-ns": "rdf",
    "google.com/schemas/play-podcasts/1.0": "googleplay",
    "purl.org/rss/1.0": "",
    "my.netscape.com/rdf/simple/0.9": "",
    "channel.netscape.com/rdf/simple/0.9": "",
    "my.netscape.com/publish/formats/rss-0.91.dtd": "",
    "backend.userland.com/rss": "",
    "backend.userland.com/rss2": "",
    "blogs.law.harvard.edu/tech/rss": "",
    "cyber.law.harvard.edu/rss": "",
}
_PICTURES = (
    ("itunes:image", "href"),
    ("podcast:image", "href"),
    ("googleplay:image", "href"),
    ("media:thumbnail", "url"),
)
# HTML's elements without an end tag.
_VOID = frozenset(("area", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"))
_PODCAST_ADDRESSES = ("podcastindex.org/namespace/", "github.com/podcastindex-org/podcast-namespace/")


def _prefix(address: str) -> str | None:
    """The prefix that this module knows a namespace by; None for one that it does not know."""
    short = address.strip().lower().partition("://")[2].removeprefix("www.").rstrip("/#")
    if short.startswith(_PODCAST_ADDRESSES):
        return "podcast"
    return _PREFIX_BY_ADDRESS.get(short)


class Document:
    """What reading any element of one feed needs to know of the whole.

    Args:
        root: The root element, or one that has its name and namespaces.
        feed_url: Where it came from.
        has_base: Whether any element may state what its addresses are relative to.
    """

    def __init__(self, root: Element, feed_url: str, *, has_base: bool) -> None:
        self.root = root
        self.feed_url = feed_url
        self.has_base = has_base
        self._keys: dict[Any, str] = {}
        # Whatever namespace the root is in, its children in the same one are the dialect's own elements.
        self._root_namespace, _, local = root.tag.rpartition("}")
        self._root_prefix = {"rss": "", "feed": "atom"}.get(local.lower())

    def key(self, tag: Any) -> str:
        """`prefix:name` in this module's own prefixes, `name` for RSS itself, "" for what it does not know."""
        known = self._keys.get(tag)
        if known is not None:
            return known
        key = ""
        if isinstance(tag, str):
            namespace, _, local = tag.rpartition("}")
            if namespace == self._root_namespace and self._root_prefix is not None:
                prefix: str | None = self._root_prefix
            else:
                prefix = _prefix(namespace[1:]) if namespace else ""
            key = "" if prefix is None else f"{prefix}:{local.lower()}" if prefix else local.lower()
        self._keys[tag] = key
        return key

    def fields(self, element: Element) -> Fields:
        """The element's children by their keys."""
        fields: Fields = {}
        for child in element:
            fields.setdefault(self.key(child.tag), []).append(child)
        fields.pop("", None)
        return fields

    def base(self, element: Element) -> str:
        """What relative addresses in the element are relative to."""
        if not self.has_base:
            return self.feed_url
        try:
            base = urljoin(self.feed_url, str(element.base or ""))
        except ValueError:
            return self.feed_url
        return base if WEB_ADDRESS.match(base) else self.feed_url

    def text(self, element: Element) -> str:
        """All text in the element, its ends stripped."""
        text: str | None = "".join(element.itertext()) if len(element) else element.text
        return text.strip() if text else ""

    def first_text(self, fields: Fields, *keys: str) -> str:
        """The first of these elements that has text; "" where none has."""
        for key in keys:
            for element in fields.get(key, ()):
                if text := self.text(element):
                    return text
        return ""

    def markup(self, element: Element) -> str:
        """The content as HTML: as stated for text, written out again where the feed has real elements."""
        if not len(element):
            text: str = (element.text or "").strip()
            is_plain = text and (element.get("type") or "").strip().lower() in {"text", "text/plain"}
            return html.escape(text, quote=False) if is_plain else text
        return "".join(_written(element)).strip()

    def title(self, element: Element) -> str:
        """A title as plain text on one line."""
        if not len(element) and element.get("type") == "text":
            return " ".join(self.text(element).split())[:MAX_TITLE_CHARS]
        return one_line(self.text(element))

    def address(self, elements: Iterable[Element], attribute: str, base: str) -> str | None:
        """The first web address that these elements have in an attribute."""
        for element in elements:
            if address := web_address(element.get(attribute), base):
                return address
        return None

    # --- What shows and items state alike ---------------------------------------------------------------------------

    def page_link(self, links: list[Element], atom_links: list[Element], base: str) -> str | None:
        """The address of the web page that `link` and `atom:link` elements lead to."""
        for element in links:
            if not element.get("rel") and (link := web_address(self.text(element) or element.get("href"), base)):
                return link
        return self.related([*atom_links, *links], "alternate", base)

    def related(self, links: list[Element], rel: str, base: str) -> str | None:
        """The address that the first usable link of this relation leads to."""
        for element in links:
            if (element.get("rel") or "alternate").strip().lower() == rel and (
                link := web_address(element.get("href"), self.base(element) if self.has_base else base)
            ):
                return link
        return None

    def picture(self, fields: Fields, base: str) -> str | None:
        """The address of the show's or the item's picture."""
        for key, attribute in _PICTURES:
            if key in fields and (address := self.address(fields[key], attribute, base)):
                return address
        for element in fields.get("image", ()):
            inner = self.fields(element)
            stated = self.first_text(inner, "url") or element.get("href") or self.text(element)
            if address := web_address(stated, base):
                return address
        for group in fields.get("media:group", ()):
            if address := self.address(self.fields(group).get("media:thumbnail", ()), "url", base):
                return address
        return web_address(self.first_text(fields, "atom:logo", "atom:icon"), base)

    # --- What an item may state, and else its show says -------------------------------------------------------------

    def persons(self, elements: list[Element], base: str) -> list[Person]:
        """The people that `podcast:person` elements name."""
        persons: list[Person] = []
        for element in elements[:MAX_LINKS_PER_ITEM]:
            if name := one_line(self.text(element)):
                role = one_line(element.get("role")).lower()[:100]
                group = one_line(element.get("group")).lower()[:100]
                persons.append(Person(name[:300], role or None, group or None, web_address(element.get("href"), base)))
        return persons

    def stated_texts(self, elements: list[Element]) -> list[StatedText]:
        """What `podcast:txt` elements say."""
        texts: list[StatedText] = []
        for element in elements[:MAX_LINKS_PER_ITEM]:
            if text := one_line(self.text(element), MAX_STATED_TEXT_CHARS):
                texts.append(StatedText(one_line(element.get("purpose")).lower()[:128] or None, text))
        return texts

    def license(self, elements: list[Element], base: str) -> str | None:
        """What a `podcast:license` names, else where it says that the licence is."""
        for element in elements:
            if license := one_line(self.text(element))[:300] or web_address(element.get("url"), base):
                return license
        return None


def _written(element: Element) -> Iterator[str]:
    """What is in an element, as HTML, until it is longer than show notes may be.

    Not by lxml's own writer: that copies every namespace of the feed on to each child, so that nine namespaces made
    1,100 characters of two paragraphs, and two thousand of them half a minute of a feed of 46 KB.
    """
    length = 0
    inside = etree.iterwalk(element, events=("start", "end"))
    for event, node in inside:
        name = etree.QName(node).localname
        parts = []
        if node is not element:
            if event == "start":
                stated = (f' {key}="{html.escape(value)}"' for key, value in node.items() if not key.startswith("{"))
                parts.append(f"<{name}{''.join(stated)}>")
            elif name not in _VOID:
                parts.append(f"</{name}>")
        text = node.text if event == "start" else node.tail if node is not element else None
        parts.append(html.escape(text or "", quote=False))
        yield from parts
        length += sum(map(len, parts))
        if length > MAX_NOTES_CHARS:
            return
