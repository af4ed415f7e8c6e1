"""Read a feed's bytes: the show and its episodes, whatever dialect and state the feed is in.

Belongs here: RSS 0.9x, 1.0, 2.0 and Atom with the iTunes and podcast namespaces, the repair of feeds that are broken
in known ways, the refusal of hostile ones, and every rule about what a feed's words mean.
Doesn't: HTTP (scan.py, net.py), comparing episodes across feeds, deciding what a date in the future means (assets.py).
"""

from __future__ import annotations

import hashlib
import html
import html.entities
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cached_property
from io import BytesIO
from typing import Any, Literal, TypeAlias
from urllib.parse import urljoin, urlsplit

import nh3
from dateutil import parser as dateutil_parser
from lxml import etree

from podbrief_assets import net
from podbrief_assets.episodes import identity
from podbrief_assets.errors import PermanentFailure

MAX_FEED_BYTES = 128 * 1024 * 1024
MAX_ITEMS = 20_000
MAX_TITLE_CHARS = 1_000
MAX_NOTES_CHARS = 100_000
MAX_ADDRESS_CHARS = 2_048
MAX_SKIPPED_LINES = 100
MAX_DURATION_S = 7 * 24 * 3600
MAX_LINKS_PER_ITEM = 100

# Whatever stands before the root element; the longest that was seen is a comment of 6 KB.
_MAX_PROLOG_BYTES = 200_000
# An HTML parser looks through all open elements at each tag: 20,000 nested ones take it a second for one item.
_MAX_NOTES_TAGS = 4_000
# The name that a podcast:block has to carry to mean this platform.
_PLATFORM = "podbrief"

_Element: TypeAlias = Any
_Fields: TypeAlias = dict[str, list[_Element]]


class FeedError(PermanentFailure):
    """These bytes are not a feed that podbrief reads; the same bytes will not be one tomorrow."""


class EmptyFeed(FeedError):
    """The answer has no content."""


class NotAFeed(FeedError):
    """The answer is something else: a web page, JSON, an image."""


class FeedRefused(FeedError):
    """The feed declares entities, or is beyond what is read."""


@dataclass(frozen=True, slots=True)
class TranscriptLink:
    """A transcript file that the publisher offers, as `podcast:transcript` states it."""

    url: str
    type: str | None = None
    language: str | None = None
    rel: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody named by `podcast:person`; role and group in lower case, None where not stated."""

    name: str
    role: str | None = None
    group: str | None = None
    href: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """What a feed says of its show.

    Attributes:
        show_id: Derived as in `identity.show_id`.
        podcast_guid: `podcast:guid` as stated, or None.
        language: A BCP 47 tag in lower case, or None where it is no such tag.
        description: Plain text.
        categories: Outermost first, each once.
        locked: `podcast:locked` says yes: the owner allows no other platform to import the feed.
        blocked: `podcast:block` says yes to every platform or to this one, so the show must not be processed.
        new_feed_url: Where the feed says that it has moved to.
    """

    show_id: str
    podcast_guid: str | None
    title: str | None
    author: str | None
    link: str | None
    language: str | None
    image_url: str | None
    description: str | None
    categories: tuple[str, ...]
    explicit: bool | None
    locked: bool
    blocked: bool
    new_feed_url: str | None


@dataclass(frozen=True, kw_only=True)
class Item:
    """An episode as its feed states it; attributes are named as the columns of the table `episodes`.

    `description` and `description_html` are made from `notes` when they are first asked for: a scan finds most items
    unchanged by their digest, and cleaning all their notes would take longer than reading the feed.

    Attributes:
        guid: As stated, else what `identity.item_guid` puts in its place.
        notes: The show notes as stated, in whatever markup; never to be shown.
        notes_base: What relative addresses in `notes` are relative to.
        published_at: In UTC; None where the feed states no date or one that cannot be read.
        audio_url: The enclosure that is used; None where an item offers a transcript and no recording.
        audio_bytes: Length of the enclosure; None where unknown or stated as 0.
        duration_s: In seconds; None where absent, unreadable, not positive or over a week.
        transcripts: In the feed's order.
        persons: The item's own, else the show's.
    """

    episode_id: str
    show_id: str
    guid: str
    title: str
    notes: str | None
    notes_base: str
    published_at: datetime | None
    audio_url: str | None
    audio_type: str | None
    audio_bytes: int | None
    duration_s: float | None
    link: str | None
    image_url: str | None
    season: int | None
    number: int | None
    episode_type: str
    explicit: bool | None
    transcripts: list[TranscriptLink]
    chapters_url: str | None
    persons: list[Person]

    @cached_property
    def description_html(self) -> str | None:
        """The show notes as sanitised HTML: text, lists, tables, links to http(s) and mail addresses; or None."""
        return sanitised(self.notes, self.notes_base) if self.notes else None

    @cached_property
    def description(self) -> str | None:
        """The show notes as plain text, with line breaks where paragraphs end; or None."""
        return plain_text(self.notes) if self.notes else None

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything that the feed states of the item: another digest is another version.

        It is taken over the notes as stated, so that a newer sanitiser does not make every old item a new version.
        """
        stated = {name: value for name, value in vars(self).items() if name in _STATED}
        stated["published_at"] = self.published_at.isoformat() if self.published_at else None
        stated["transcripts"] = [asdict(link) for link in self.transcripts]
        stated["persons"] = [asdict(person) for person in self.persons]
        canonical = json.dumps(stated, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()

    def row(self) -> dict[str, Any]:
        """The item as a row for Polars: one entry for each column of `episodes` that a feed can state."""
        row = {name: getattr(self, name) for name in ITEM_COLUMNS}
        row["transcripts"] = [asdict(link) for link in self.transcripts]
        row["persons"] = [asdict(person) for person in self.persons]
        return row


_STATED = frozenset(Item.__dataclass_fields__)
ITEM_COLUMNS = (
    *("episode_id", "show_id", "guid", "title", "description", "description_html", "published_at"),
    *("audio_url", "audio_type", "audio_bytes", "duration_s", "link", "image_url", "season", "number"),
    *("episode_type", "explicit", "transcripts", "chapters_url", "persons"),
)


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed that was read.

    Attributes:
        show: The show.
        episodes: Its episodes in the feed's order.
        truncated: The feed stops before its end; `episodes` holds those that were whole.
        skipped: A line for each item that was left out, or repaired in a way worth telling, with the reason.
    """

    show: Show
    episodes: list[Item]
    truncated: bool
    skipped: list[str]


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
    reader = _Reader(feed_url)
    truncated = False
    try:
        reader.read(xml.data)
    except etree.XMLSyntaxError:
        repaired = repair_xml(xml)
        reader = _Reader(feed_url)
        try:
            reader.read(repaired)
        except etree.XMLSyntaxError:
            reader = _Reader(feed_url)
            truncated = reader.salvage(repaired, xml.root)
    return reader.finish(truncated=truncated)


# --- Bytes to XML that is safe to parse -----------------------------------------------------------------------------

# Encodings that feeds declare, by Python's names. iso-8859-1 and ascii mean windows-1252, as they do in browsers.
# Encodings that hide ASCII characters (utf-7, EBCDIC) are left out: markup in them would pass the checks unseen.
_SINGLE_BYTE = {
    **{f"iso-8859-{n}": f"iso8859-{n}" for n in (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16)},
    **{f"{name}{n}": f"cp{n}" for n in range(1250, 1259) for name in ("windows-", "cp", "cp-")},
    **dict.fromkeys(("iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "latin-1", "us-ascii", "ascii"), "cp1252"),
    **{"koi8-r": "koi8-r", "koi8-u": "koi8-u", "macintosh": "mac-roman", "tis-620": "tis-620"},
}
_MULTI_BYTE = {
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "x-sjis", "windows-31j", "ms932"), "cp932"),
    **{"euc-jp": "euc-jp", "x-euc-jp": "euc-jp", "iso-2022-jp": "iso2022-jp"},
    **{"euc-kr": "cp949", "ks_c_5601-1987": "cp949", "cp949": "cp949"},
    **{"gb2312": "gb18030", "gbk": "gb18030", "gb18030": "gb18030", "big5": "big5hkscs", "big5-hkscs": "big5hkscs"},
}
_BOMS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
# What "<" and the next character look like where there is no such mark; the longer ones first.
_WIDE_STARTS = (
    (b"<\x00\x00\x00", "utf-32-le"),
    (b"\x00\x00\x00<", "utf-32-be"),
    (b"<\x00", "utf-16-le"),
    (b"\x00<\x00", "utf-16-be"),
)
_DECLARED = re.compile(rb"<\?xml\s[^>]{0,200}?encoding\s{0,9}=\s{0,9}[\"']([A-Za-z0-9._:-]{1,40})[\"']")
# What XML 1.0 forbids; each is a byte of its own in UTF-8. Tab, line feed and carriage return are allowed.
_CONTROLS = bytes(code for code in range(0x20) if code not in (0x09, 0x0A, 0x0D))
_NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_.:-]{0,200}")
_FEED_ROOT = re.compile(rb"<(?:rss|feed|(?:[A-Za-z_]\w{0,20}:)?RDF)[\s>]")
_HTML_NAMES = frozenset(b"html head body meta title script div p br b center table".split())
_PAGE = re.compile(rb"<!doctype html|<(?:html|head|body)[\s>]")


@dataclass(frozen=True, slots=True)
class OpenedXml:
    """A document ready for the parser.

    Attributes:
        root: Name of the root element, with its prefix.
        data: From the root's start tag on, in UTF-8: no declaration, no DTD, nothing that a parser would resolve.
    """

    root: str
    data: bytes


def open_xml(content: bytes, what: str) -> OpenedXml:
    """Find the root element of a stranger's XML, past whatever stands before it, and refuse what is hostile.

    Args:
        content: The bytes as received, in any of the encodings that feeds come in.
        what: How errors name the document, as in "the feed https://…".

    Raises:
        EmptyFeed, NotAFeed, FeedRefused: as for `parse_feed`.
    """
    if len(content) > MAX_FEED_BYTES:
        raise FeedRefused(
            f"{what} has {len(content):,} bytes, and at most {MAX_FEED_BYTES:,} are read",
            "ask its publisher for a shorter feed",
        )
    if not content.strip(b" \t\r\n\x00\xef\xbb\xbf"):
        raise EmptyFeed(
            f"{what} is empty", "it is asked for again at the next scan; open it in a browser if it stays so"
        )
    data = _utf8(content)
    found = _root(data, what)
    if found is not None:
        return OpenedXml(found.group().decode("ascii"), data[found.start() - 1 :])
    opening = data[:2_000].lstrip().lower()
    if _PAGE.search(opening):
        raise NotAFeed(
            f"{what} answered with a web page",
            "open it in a browser: it may have moved, or the site asks for a login",
        )
    kind = "JSON" if opening[:1] in (b"{", b"[") else "something that is not XML"
    raise NotAFeed(f"{what} answered with {kind}", "subscribe to the show's RSS or Atom address instead")


def _root(data: bytes, what: str) -> re.Match[bytes] | None:
    """The name of the root element; None where there is none, or a web page's."""
    position = 0
    while (position := data.find(b"<", position, _MAX_PROLOG_BYTES)) >= 0:
        start = data[position : position + 30].upper()
        if start.startswith(b"<!ENTITY"):
            raise FeedRefused(
                f"{what} declares XML entities", "nothing needs them here; ask its publisher, or leave it out"
            )
        if start.startswith(b"<!DOCTYPE") and start[9:].lstrip().startswith(b"HTML"):
            return None
        if closing := b"?>" if start.startswith(b"<?") else b"-->" if start.startswith(b"<!--") else b"":
            end = data.find(closing, position)
            if end < 0:
                return None
            position = end + len(closing)
        elif name := _NAME.match(data, position + 1):
            if name.group().lower() not in _HTML_NAMES:
                return name
            # Some servers print a warning, in HTML, before the feed.
            later = None if start.startswith(b"<HTML") else _FEED_ROOT.search(data, position, position + 20_000)
            if later is None:
                return None
            position = later.start()
        else:
            # What a DOCTYPE has inside is walked through like the rest, so that an entity declared there is met.
            position += 1
    return None


def _utf8(content: bytes) -> bytes:
    """The document in UTF-8, by its byte order mark, its declaration, and what its bytes allow."""
    for start, encoding in (*_BOMS, *_WIDE_STARTS):
        if content.startswith(start):
            return content.decode(encoding, "replace").encode()
    content = content.removeprefix(b"\xef\xbb\xbf")
    stated = _DECLARED.search(content, 0, 1_000)
    declared = stated.group(1).decode("ascii").lower() if stated else "utf-8"
    # Some short texts in these encodings are valid UTF-8 by chance (and all in iso-2022-jp), so they go first.
    encoding = _MULTI_BYTE.get(declared, "")
    if encoding and _decodes(content, encoding):
        return content.decode(encoding).encode()
    if _decodes(content, "utf-8"):
        return content
    if encoding := encoding or _SINGLE_BYTE.get(declared, ""):
        return content.decode(encoding, "replace").encode()
    # UTF-8 with a few bytes of something else (a title pasted in, or a feed cut inside a character) stays UTF-8;
    # one whose every accent is broken was windows-1252 all along.
    text = content.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    sound = len(text.encode()) - len(text) - 2 * broken
    return text.encode() if sound > broken else content.decode("cp1252", "replace").encode()


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


_NAMESPACES = {
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "podcast": "https://podcastindex.org/namespace/1.0",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "atom": "http://www.w3.org/2005/Atom",
    "media": "http://search.yahoo.com/mrss/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "googleplay": "http://www.google.com/schemas/play-podcasts/1.0",
    "sy": "http://purl.org/rss/1.0/modules/syndication/",
    "slash": "http://purl.org/rss/1.0/modules/slash/",
    "wfw": "http://wellformedweb.org/CommentAPI/",
    "spotify": "http://www.spotify.com/ns/rss",
    "psc": "http://podlove.org/simple-chapters",
    "xlink": "http://www.w3.org/1999/xlink",
}
_ENTITY = re.compile(rb"&(?:#[0-9]{1,7};|#[xX][0-9a-fA-F]{1,6};|([A-Za-z][A-Za-z0-9]{0,31});)?")
_XML_ENTITIES = frozenset({b"amp", b"lt", b"gt", b"quot", b"apos"})


def repair_xml(xml: OpenedXml) -> bytes:
    """Mend what strict parsers stumble over and publishers get wrong, without touching what is right.

    Control characters go; HTML's entities become characters, and every other `&` outside a CDATA section becomes
    `&amp;`; namespace prefixes that everybody knows are declared; what follows the root's end tag is cut off.
    """
    data = xml.data.translate(None, _CONTROLS)
    end = data.rfind(b"</" + xml.root.encode())
    if end >= 0 and (closing := data.find(b">", end)) >= 0:
        data = data[: closing + 1]
    parts: list[bytes] = []
    position = 0
    while (start := data.find(b"<![CDATA[", position)) >= 0:
        stop = data.find(b"]]>", start)
        if stop < 0:
            break
        parts.append(_ENTITY.sub(_known_entity, data[position:start]))
        parts.append(data[start : stop + 3])
        position = stop + 3
    parts.append(_ENTITY.sub(_known_entity, data[position:]))
    data = b"".join(parts)
    head = len(xml.root) + 1
    tag = data[: data.find(b">") + 1]
    missing = [
        f' xmlns:{prefix}="{address}"'.encode()
        for prefix, address in _NAMESPACES.items()
        if f"xmlns:{prefix}".encode() not in tag and f"{prefix}:".encode() in data
    ]
    return data[:head] + b"".join(missing) + data[head:]


def _known_entity(found: re.Match[bytes]) -> bytes:
    name: bytes | None = found.group(1)
    whole = found.group()
    if name is None:
        if whole == b"&":
            return b"&amp;"
        code = int(whole[3:-1], 16) if whole[2:3] in b"xX" else int(whole[2:-1])
        return whole if _is_xml_character(code) else b""
    if name in _XML_ENTITIES:
        return whole
    character = html.entities.html5.get(f"{name.decode('ascii')};")
    return html.escape(character, quote=False).encode() if character else b"&amp;" + whole[1:]


def _is_xml_character(code: int) -> bool:
    return code in (0x9, 0xA, 0xD) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF


def parser_options(*, recover: bool = False) -> dict[str, Any]:
    """Options for lxml under which a document reaches nothing outside itself and expands nothing."""
    return {
        "recover": recover,
        "huge_tree": False,
        "no_network": True,
        "resolve_entities": False,
        "load_dtd": False,
        "remove_comments": True,
        "remove_pis": True,
    }


# --- XML to items ---------------------------------------------------------------------------------------------------

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
_PODCAST_ADDRESSES = ("podcastindex.org/namespace/", "github.com/podcastindex-org/podcast-namespace/")
_ITEM_KEYS = frozenset({"item", "atom:entry"})
_PARENT_KEYS = frozenset({"channel", "rss", "rdf:rdf", "rdf", "atom:feed"})
_XML_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_RDF_ABOUT = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about"


def _prefix(address: str) -> str | None:
    """The prefix that this module knows a namespace by; None for one that it does not know."""
    short = address.strip().lower().partition("://")[2].removeprefix("www.").rstrip("/#")
    if short.startswith(_PODCAST_ADDRESSES):
        return "podcast"
    return _PREFIX_BY_ADDRESS.get(short)


class _Reader:
    """Collects a feed's show and items; used for one feed and thrown away."""

    def __init__(self, feed_url: str) -> None:
        self._feed_url = feed_url
        self._has_base = False
        self._keys: dict[str, str] = {}
        self._root_namespace: str | None = None
        self._root_prefix: str | None = None
        self._root: _Element = None
        self._channel_element: _Element = None
        self._channel: _Fields = {}
        self._items: list[dict[str, Any]] = []
        self._persons: list[Person] = []
        self._seen = 0
        self._skipped: list[str] = []
        self._untold = 0

    def read(self, data: bytes) -> None:
        """Read a well-formed document, freeing each item as soon as it was read."""
        self._has_base = b":base" in data
        events = etree.iterparse(BytesIO(data), events=("end",), tag=("{*}item", "{*}entry"), **parser_options())
        for _, element in events:
            self._item_in_tree(element)
        self._read_channel(events.root)

    def salvage(self, data: bytes, root: str) -> bool:
        """Read a document that is not well-formed item by item, so that a broken item spoils no other.

        Returns whether it stops before its end.
        """
        self._has_base = b":base" in data
        name = root.encode()
        start_tag = data[: data.find(b">") + 1] if data.find(b">", 0, 8_000) >= 0 else b"<" + name + b">"
        if start_tag.endswith(b"/>"):
            start_tag = start_tag[:-2] + b">"
        end_tag = b"</" + name + b">"
        complete = data.rfind(end_tag[:-1]) >= 0
        prefix = name.rpartition(b":")[0]
        local = b"entry" if name.endswith(b"feed") else b"item"
        qualified = prefix + b":" + local if prefix and local == b"entry" else local
        outside: list[bytes] = []
        for part, kind in _parts(data, qualified):
            if kind == "outside":
                outside.append(part)
            elif kind == "item" or complete:
                tree = _recovered(start_tag + part + end_tag)
                if tree is not None:
                    self._remember_root(tree)
                    for element in tree.iter("{*}item", "{*}entry"):
                        self._item(element, mended=True)
                        break
            if self._seen > MAX_ITEMS:
                break
        self._read_channel(_recovered(b"".join(outside)))
        return not complete

    def _remember_root(self, root: _Element) -> None:
        """Whatever namespace the root is in, its children in the same one are the dialect's own elements."""
        if self._root_namespace is None and isinstance(root.tag, str):
            namespace, _, local = root.tag.rpartition("}")
            self._root_namespace = namespace
            self._root_prefix = {"rss": "", "feed": "atom"}.get(local.lower())

    def _key(self, tag: Any) -> str:
        """`prefix:name` in this module's own prefixes, `name` for RSS itself, "" for what it does not know."""
        if not isinstance(tag, str):
            return ""
        namespace, _, local = tag.rpartition("}")
        if namespace == self._root_namespace and self._root_prefix is not None:
            prefix: str | None = self._root_prefix
        else:
            prefix = _prefix(namespace[1:]) if namespace else ""
        key = "" if prefix is None else f"{prefix}:{local.lower()}" if prefix else local.lower()
        self._keys[tag] = key
        return key

    def _fields(self, element: _Element) -> _Fields:
        keys = self._keys
        fields: _Fields = {}
        for child in element:
            tag = child.tag
            key = keys.get(tag)
            if key is None:
                key = self._key(tag)
            if key in fields:
                fields[key].append(child)
            else:
                fields[key] = [child]
        return fields

    def _item_in_tree(self, element: _Element) -> None:
        parent = element.getparent()
        if parent is None:
            return
        if self._root_namespace is None:
            self._remember_root(element.getroottree().getroot())
        keys = self._keys
        if (keys.get(element.tag) or self._key(element.tag)) not in _ITEM_KEYS:
            return
        if (keys.get(parent.tag) or self._key(parent.tag)) not in _PARENT_KEYS:
            return
        self._item(element)
        element.clear(keep_tail=True)

    # --- One item -----------------------------------------------------------------------------------------------

    def _item(self, element: _Element, *, mended: bool = False) -> None:
        self._seen += 1
        if self._seen > MAX_ITEMS:
            if self._seen == MAX_ITEMS + 1:
                self._tell(f"items after the first {MAX_ITEMS:,} were left out: no feed needs more")
            return
        fields = self._fields(element)
        if mended:
            # An unclosed tag in the show notes takes in all that follows it, the enclosure too.
            for inner in element.iterdescendants():
                if key := self._key(inner.tag):
                    fields.setdefault(key, [inner])
        base = self._base(element)
        stated_guid = self._text(fields, "guid", "atom:id", "id", "dc:identifier") or element.get(_RDF_ABOUT)
        published = read_date(self._text(fields, *_DATES))
        notes = self._notes(fields)
        enclosure, refused = self._enclosure(fields, base)
        transcripts = self._transcripts(fields, base)
        title = self._title(fields)
        if enclosure is None and not transcripts:
            self._tell(f"{self._named(title, stated_guid)} was left out: {refused or 'no enclosure and no transcript'}")
            return
        if not title:
            title = _first_words(notes) or f"Untitled episode{f' of {published:%Y-%m-%d}' if published else ''}"
            self._tell(f"{self._named(None, stated_guid)} has no title and is called “{_short(title)}”")
        if enclosure is None and refused:
            self._tell(f"{self._named(title, stated_guid)} is kept for its transcript only: {refused}")
        audio_url, audio_type, audio_bytes, media_duration = enclosure or (None, None, None, None)
        self._items.append(
            {
                "stated_guid": stated_guid,
                "title": title,
                "notes": notes,
                "notes_base": base,
                "published_at": published,
                "audio_url": audio_url,
                "audio_type": audio_type,
                "audio_bytes": audio_bytes,
                "duration_s": read_duration(self._text(fields, "itunes:duration", "duration")) or media_duration,
                "link": self._link(fields, base),
                "image_url": self._image(fields, base),
                "season": _whole_number(self._text(fields, "itunes:season", "podcast:season")),
                "number": _whole_number(self._text(fields, "itunes:episode", "podcast:episode")),
                "episode_type": _EPISODE_TYPES.get(self._text(fields, "itunes:episodetype").lower(), "full"),
                "explicit": _explicit(self._text(fields, "itunes:explicit", "googleplay:explicit")),
                "transcripts": transcripts,
                "chapters_url": self._attribute_address(fields, "podcast:chapters", "url", base),
                "persons": self._people(fields, base),
            }
        )

    def _named(self, title: str | None, guid: str | None) -> str:
        name = f"item {self._seen}"
        if title:
            return f"{name} “{_short(title)}”"
        return f"{name} ({_short(guid)})" if guid else name

    def _tell(self, line: str) -> None:
        if len(self._skipped) < MAX_SKIPPED_LINES:
            self._skipped.append(line)
        else:
            self._untold += 1

    def _base(self, element: _Element) -> str:
        if not self._has_base:
            return self._feed_url
        try:
            return urljoin(self._feed_url, str(element.base or ""))
        except ValueError:
            return self._feed_url

    def _text(self, fields: _Fields, *keys: str) -> str:
        """The first of these elements that has text; "" where none has."""
        for key in keys:
            if key in fields:
                for element in fields[key]:
                    text: str | None = "".join(element.itertext()) if len(element) else element.text
                    if text and (text := text.strip()):
                        return text
        return ""

    def _title(self, fields: _Fields) -> str | None:
        for key in ("title", "atom:title", "itunes:title", "media:title", "dc:title", "googleplay:title"):
            for element in fields.get(key, ()):
                if not len(element) and element.get("type") == "text":
                    title = " ".join((element.text or "").split())[:MAX_TITLE_CHARS]
                else:
                    title = one_line("".join(element.itertext()) if len(element) else element.text)
                if title:
                    return title
        return None

    def _notes(self, fields: _Fields) -> str | None:
        for key in ("content:encoded", "atom:content", "description", "atom:summary", "itunes:summary", *_OTHER_NOTES):
            for element in fields.get(key, ()):
                if (markup := _markup(element)) and (markup := markup.strip()):
                    return markup[:MAX_NOTES_CHARS]
        return None

    def _enclosure(
        self, fields: _Fields, base: str
    ) -> tuple[tuple[str, str | None, int | None, float | None] | None, str]:
        """The enclosure to use: sound before what may be sound before video, the first of equals; or why there is none.

        An enclosure that is declared as a picture or a page, and is not named like a recording, is none.
        """
        best: tuple[str, str | None, int | None, float | None] | None = None
        best_rank = _VIDEO + 1
        refused = ""
        for element, address_name, length_name in self._enclosure_elements(fields):
            address = element.get(address_name)
            if not address:
                continue
            media_type = (element.get("type") or "").strip().lower()[:100] or None
            rank = _sound_rank(media_type, address, element.get("medium"))
            if rank is None:
                refused = refused or f"its enclosure is of the type {media_type}"
                continue
            if rank == _MAYBE and length_name == "fileSize":
                # media:content also carries pictures and pages; unlike an enclosure it has to say that it is sound.
                continue
            if rank >= best_rank:
                continue
            resolved = _address(address, self._base(element) if self._has_base else base)
            if resolved is None:
                refused = f"the address of its enclosure is not one that can be fetched ({_short(address)})"
                continue
            length = element.get(length_name)
            best = (resolved, media_type, _byte_count(length), read_duration(element.get("duration")))
            best_rank = rank
        return best, "" if best else refused

    def _enclosure_elements(self, fields: _Fields) -> Iterator[tuple[_Element, str, str]]:
        for element in fields.get("enclosure", ()):
            yield element, "url", "length"
        for element in (*fields.get("atom:link", ()), *fields.get("link", ())):
            if (element.get("rel") or "").strip().lower() == "enclosure":
                yield element, "href", "length"
        for element in fields.get("media:content", ()):
            yield element, "url", "fileSize"
        for group in fields.get("media:group", ()):
            for element in self._fields(group).get("media:content", ()):
                yield element, "url", "fileSize"

    def _transcripts(self, fields: _Fields, base: str) -> list[TranscriptLink]:
        links: list[TranscriptLink] = []
        for element in fields.get("podcast:transcript", ())[:MAX_LINKS_PER_ITEM]:
            if url := _address(element.get("url"), base):
                media_type = (element.get("type") or "").strip().lower()[:100]
                rel = (element.get("rel") or "").strip().lower()[:100]
                link = TranscriptLink(url, media_type or None, _language(element.get("language")), rel or None)
                if link not in links:
                    links.append(link)
        return links

    def _people(self, fields: _Fields, base: str) -> list[Person]:
        people: list[Person] = []
        for element in fields.get("podcast:person", ())[:MAX_LINKS_PER_ITEM]:
            if name := one_line("".join(element.itertext())):
                role = one_line(element.get("role")).lower()[:100]
                group = one_line(element.get("group")).lower()[:100]
                people.append(Person(name[:300], role or None, group or None, _address(element.get("href"), base)))
        return people

    def _link(self, fields: _Fields, base: str) -> str | None:
        for element in fields.get("link", ()):
            if not element.get("rel") and (link := _address(element.text or element.get("href"), base)):
                return link
        for element in (*fields.get("atom:link", ()), *fields.get("link", ())):
            if (element.get("rel") or "alternate").strip().lower() == "alternate" and (
                link := _address(element.get("href"), self._base(element) if self._has_base else base)
            ):
                return link
        for element in fields.get("guid", ()):
            stated = (element.text or "").strip()
            if (element.get("isPermaLink") or "true").lower() == "true" and stated.startswith(("http://", "https://")):
                return _address(stated, base)
        return None

    def _attribute_address(self, fields: _Fields, key: str, attribute: str, base: str) -> str | None:
        for element in fields.get(key, ()):
            if address := _address(element.get(attribute), base):
                return address
        return None

    def _image(self, fields: _Fields, base: str) -> str | None:
        for key, attribute in (
            ("itunes:image", "href"),
            ("podcast:image", "href"),
            ("googleplay:image", "href"),
            ("media:thumbnail", "url"),
        ):
            if address := self._attribute_address(fields, key, attribute, base):
                return address
        for element in fields.get("image", ()):
            inner = self._fields(element)
            if address := _address(self._text(inner, "url") or element.get("href") or element.text, base):
                return address
        for group in fields.get("media:group", ()):
            if address := self._attribute_address(self._fields(group), "media:thumbnail", "url", base):
                return address
        return _address(self._text(fields, "atom:logo", "atom:icon"), base)

    # --- The show -----------------------------------------------------------------------------------------------

    def _read_channel(self, root: _Element) -> None:
        if root is None:
            return
        self._remember_root(root)
        self._root = root
        channel = root
        for child in root:
            if self._key(child.tag) == "channel":
                channel = child
                break
        self._channel_element = channel
        self._channel = self._fields(channel)
        if channel is not root:
            for key, elements in self._fields(root).items():
                # RSS 1.0 puts the picture beside the channel.
                self._channel.setdefault(key, elements)

    def _show(self) -> Show:
        fields = self._channel
        base = self._channel_base()
        podcast_guid = self._text(fields, "podcast:guid")[: identity.MAX_GUID_CHARS] or None
        description = None
        for key in ("description", "atom:subtitle", "itunes:summary", "content:encoded", "itunes:subtitle", "subtitle"):
            for element in fields.get(key, ()):
                description = description or plain_text((_markup(element) or "")[:MAX_NOTES_CHARS])
        return Show(
            show_id=identity.show_id(podcast_guid, self._feed_url),
            podcast_guid=podcast_guid,
            title=self._title(fields),
            author=self._author(fields),
            link=self._link(fields, base),
            language=_language(self._text(fields, "language", "dc:language") or self._xml_language()),
            image_url=self._image(fields, base),
            description=description,
            categories=self._categories(fields),
            explicit=_explicit(self._text(fields, "itunes:explicit", "googleplay:explicit")),
            locked=self._text(fields, "podcast:locked").lower() in _YES,
            blocked=self._blocked(fields),
            new_feed_url=_address(self._text(fields, "itunes:new-feed-url"), base),
        )

    def _channel_base(self) -> str:
        return self._feed_url if self._channel_element is None else self._base(self._channel_element)

    def _xml_language(self) -> str | None:
        for element in (self._channel_element, self._root):
            if element is not None and (language := element.get(_XML_LANGUAGE)):
                return str(language)
        return None

    def _author(self, fields: _Fields) -> str | None:
        if author := one_line(self._text(fields, "itunes:author")):
            return author
        for key in ("itunes:owner", "atom:author"):
            for element in fields.get(key, ()):
                if name := one_line(self._text(self._fields(element), "itunes:name", "atom:name", "name")):
                    return name
        named = one_line(self._text(fields, "googleplay:author", "dc:creator", "author", "managingeditor"))
        return named or None

    def _categories(self, fields: _Fields) -> tuple[str, ...]:
        names: dict[str, None] = {}
        waiting = list(reversed(fields.get("itunes:category", [])[:MAX_LINKS_PER_ITEM]))
        while waiting and len(names) < MAX_LINKS_PER_ITEM:
            element = waiting.pop()
            if name := one_line(element.get("text"))[:200]:
                names[name] = None
            waiting.extend(reversed(self._fields(element).get("itunes:category", [])[:MAX_LINKS_PER_ITEM]))
        for key in ("category", "atom:category", "googleplay:category"):
            for element in fields.get(key, ())[:MAX_LINKS_PER_ITEM]:
                stated = element.get("label") or element.get("term") or element.get("text") or element.text
                if name := one_line(stated)[:200]:
                    names[name] = None
        return tuple(names)[:MAX_LINKS_PER_ITEM]

    def _blocked(self, fields: _Fields) -> bool:
        """A block that names this platform outweighs one that names none, either way."""
        everyone = ours = None
        for element in fields.get("podcast:block", ()):
            platform = (element.get("id") or "").strip().lower()
            answer = (element.text or "").strip().lower() in _YES
            if platform == _PLATFORM:
                ours = answer
            elif not platform:
                everyone = answer
        return bool(everyone if ours is None else ours)

    # --- All together -------------------------------------------------------------------------------------------

    def finish(self, *, truncated: bool) -> Feed:
        """The feed, once the whole document was read: identifiers and persons may rest on what stands at its end."""
        show = self._show()
        people = self._people(self._channel, self._channel_base())
        episodes: dict[str, Item] = {}
        for stated in self._items:
            guid = self._own_guid(episodes, stated)
            if guid is None:
                continue
            del stated["stated_guid"]
            stated["persons"] = stated["persons"] or people
            episodes[guid] = Item(
                episode_id=identity.episode_id(show.show_id, guid), show_id=show.show_id, guid=guid, **stated
            )
        if self._untold:
            self._skipped.append(f"and {self._untold:,} more")
        return Feed(show, list(episodes.values()), truncated, self._skipped)

    def _own_guid(self, episodes: dict[str, Item], stated: dict[str, Any]) -> str | None:
        """The guid to keep an item under; None where it repeats an earlier one."""
        title, audio_url = stated["title"], stated["audio_url"]
        guid = identity.item_guid(stated["stated_guid"], audio_url, title, stated["published_at"])
        first = episodes.get(guid)
        if first is None:
            return guid
        named = f"“{_short(title)}”"
        if audio_url and first.audio_url and first.audio_url != audio_url and first.title != title:
            own = identity.item_guid(None, audio_url, title, stated["published_at"])
            if own not in episodes:
                self._tell(f"{named} has the guid of “{_short(first.title)}” and is kept under its enclosure's address")
                return own
        self._tell(f"{named} was left out: it repeats the guid of “{_short(first.title)}” ({_short(guid)})")
        return None


def _recovered(data: bytes) -> _Element | None:
    """The root of what lxml can make of a broken document; None where that is nothing."""
    try:
        return etree.fromstring(data, etree.XMLParser(**parser_options(recover=True)))
    except etree.XMLSyntaxError:
        return None


def _parts(data: bytes, name: bytes) -> Iterable[tuple[bytes, Literal["outside", "item", "cut"]]]:
    """Cut a broken document at its items; `cut` is a last item without an end.

    Tags inside CDATA sections and comments do not count. Each byte is looked at a bounded number of times.
    """
    token = re.compile(rb"<!\[CDATA\[|<!--|<(/?)" + re.escape(name) + rb"(?=[\s/>])")
    opened: int | None = None
    outside = position = 0
    while found := token.search(data, position):
        position = found.end()
        if found.group(1) is None:
            end = data.find(b"]]>" if found.group() == b"<![CDATA[" else b"-->", position)
            if end < 0:
                break
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


# --- What the words mean --------------------------------------------------------------------------------------------

_DATES = (
    "pubdate",
    "atom:published",
    "dc:date",
    "dcterms:issued",
    "atom:issued",
    "atom:updated",
    "published",
    "date",
)
_OTHER_NOTES = ("itunes:subtitle", "media:description", "dc:description", "googleplay:description")
_YES = frozenset({"yes", "true"})
_EPISODE_TYPES = {"full": "full", "trailer": "trailer", "bonus": "bonus"}
_EXPLICIT = {"yes": True, "true": True, "explicit": True, "no": False, "false": False, "clean": False}
_LANGUAGE = re.compile(r"[a-z]{2,8}(?:-[a-z0-9]{1,8}){0,5}")
_WEB_ADDRESS = re.compile(r"https?://[^\s/?#]+")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_SOUND_NAMES = (".mp3", ".m4a", ".m4b", ".aac", ".ogg", ".oga", ".opus", ".wav", ".flac", ".wma", ".aif", ".aiff")
_VIDEO_NAMES = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".mpg", ".mpeg")
_SOUND, _MAYBE, _VIDEO = range(3)
_NOT_RECORDINGS = ("image/", "text/", "application/pdf", "application/epub", "application/x-bittorrent")


def _sound_rank(media_type: str | None, address: str, medium: str | None) -> int | None:
    """How good an enclosure is for listening, smaller is better; None for what is no recording."""
    stated = media_type or ""
    if stated.startswith("audio/") or medium == "audio":
        return _SOUND
    if stated.startswith("video/") or medium == "video":
        return _VIDEO
    path = address.partition("?")[0].strip().lower()
    if path.endswith(_SOUND_NAMES):
        return _SOUND
    if path.endswith(_VIDEO_NAMES):
        return _VIDEO
    if stated.startswith(_NOT_RECORDINGS) or medium in {"image", "document"}:
        return None
    return _MAYBE


def _address(value: str | None, base: str) -> str | None:
    """An absolute http or https address, or None."""
    if not value or not (value := value.strip()):
        return None
    if len(value) > MAX_ADDRESS_CHARS:
        return None
    if not value.startswith(("https://", "http://")):
        try:
            value = urljoin(base, value)
        except ValueError:
            return None
        scheme, colon, rest = value.partition(":")
        value = f"{scheme.lower()}{colon}{rest}"
    if not value.isprintable() or " " in value:
        # White space inside an address is a slip of the publisher's: players escape it, and drop what is invisible.
        value = "".join("%20" if c.isspace() else c for c in value if c.isprintable() or c == "\xa0")
    if len(value) > MAX_ADDRESS_CHARS or not _WEB_ADDRESS.match(value):
        return None
    if "[" in value or "]" in value:
        try:
            urlsplit(value)
        except ValueError:
            return None
    return value


def _language(value: str | None) -> str | None:
    tag = (value or "").strip().lower().replace("_", "-")[:60]
    return tag if _LANGUAGE.fullmatch(tag) else None


def _explicit(value: str) -> bool | None:
    return _EXPLICIT.get(value.lower())


def _whole_number(value: str) -> int | None:
    """A season's or an episode's number; None for what is no whole number from 0 to 999,999,999."""
    value = value.strip().removesuffix(".0")
    return int(value) if value.isascii() and value.isdecimal() and len(value) <= 9 else None


def _byte_count(value: str | None) -> int | None:
    value = (value or "").strip()
    return int(value) or None if value.isascii() and value.isdecimal() and len(value) <= 15 else None


_ISO_DURATION = re.compile(r"PT(?:(\d{1,4})H)?(?:(\d{1,6})M)?(?:(\d{1,7}(?:\.\d{1,9})?)S)?", re.IGNORECASE)


def read_duration(value: str | None) -> float | None:
    """Seconds of a duration stated as `s`, `s.f`, `m:s`, `h:m:s` or `PT1H2M3S`; None where absent or absurd."""
    if not value or len(value) > 40:
        return None
    value = value.strip()
    parts = value.split(":")
    if value[:2] in ("PT", "pt") and (found := _ISO_DURATION.fullmatch(value)):
        parts = [group or "0" for group in found.groups()]
    if len(parts) > 3:
        return None
    total = 0.0
    for part in parts:
        try:
            number = float(part.strip().replace(",", ".") or "0")
        except ValueError:
            return None
        if not math.isfinite(number) or number < 0:
            return None
        total = total * 60 + number
    return total if 0 < total <= MAX_DURATION_S else None


_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            *(("jan",), ("feb", "fév", "fev"), ("mar", "mär", "mrz"), ("apr", "avr"), ("may", "mai", "mei")),
            *(("jun",), ("jul",), ("aug", "aoû", "aou"), ("sep",), ("oct", "okt"), ("nov",), ("dec", "dez", "déc")),
        ),
        start=1,
    )
    for name in names
}
# Hours from UTC. Names that several places use mean what feeds mostly mean by them.
_ZONES: dict[str, float] = {
    **{"": 0, "z": 0, "ut": 0, "utc": 0, "gmt": 0, "wet": 0, "west": 1, "bst": 1, "cet": 1, "met": 1, "mez": 1},
    **{"cest": 2, "mest": 2, "mesz": 2, "eet": 2, "eest": 3, "msk": 3, "est": -5, "edt": -4, "cst": -6, "cdt": -5},
    **{"et": -5, "ct": -6, "mt": -7, "pt": -8, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "akst": -9, "akdt": -8},
    **{"hst": -10, "ast": -4, "adt": -3, "nst": -3.5, "ndt": -2.5, "brt": -3, "sgt": 8, "hkt": 8, "awst": 8},
    **{"jst": 9, "kst": 9, "acst": 9.5, "acdt": 10.5, "aest": 10, "aedt": 11, "nzst": 12, "nzdt": 13, "ist": 5.5},
}
_RFC_822 = re.compile(
    r"(?:[^\W\d]{2,12}\.?,?\s{0,9})?(\d{1,2})[\s-]{1,3}([^\W\d]{3,12})\.?,?[\s-]{1,3}(\d{4}|\d{2})"
    r"(?:,?\s{1,9}(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.\d{1,9})?)?\s{0,9}([A-Za-z]{0,5})\s{0,3}([+-]\d{1,2}:?\d{2})?)?"
    r"(?:\s{1,9}\([^()]{0,60}\))?"
)
_ISO_8601 = re.compile(
    r"(\d{4})-?(\d{2})-?(\d{2})"
    r"(?:[T\s]{1,3}(\d{1,2}):?(\d{2})(?::?(\d{2})(?:[.,]\d{1,12})?)?\s{0,3}([A-Za-z]{0,5})\s{0,3}([+-]\d{2}:?(?:\d{2})?)?)?"
)
_YEARS = range(1900, 2200)


def read_date(value: str | None) -> datetime | None:
    """A moment in UTC from any of the ways in which feeds write dates; None where it cannot be read.

    A date without a time is midnight, a time without a zone (or with one that nobody knows) is UTC. Years outside
    1900 to 2199 are slips of software (0001, 0000, 9999), and so is a day that no calendar has.
    """
    if not value or len(value) > 100:
        return None
    value = value.strip()
    if found := _RFC_822.fullmatch(value):
        day, month_name, stated_year, *clock = found.groups()
        month = _MONTHS.get(month_name[:3].lower())
        if month is not None:
            year = int(stated_year)
            if len(stated_year) == 2:
                year += 1900 if year >= 69 else 2000
            return _moment((year, month, int(day)), clock)
    elif found := _ISO_8601.fullmatch(value):
        iso_year, iso_month, iso_day, *clock = found.groups()
        return _moment((int(iso_year), int(iso_month), int(iso_day)), clock)
    return _guessed_date(value)


def _moment(day: tuple[int, int, int], clock: list[str | None]) -> datetime | None:
    """The moment of a day's hour, minute, second, zone and offset, each as written or None."""
    hour, minute, second, zone, offset = clock
    away = _ZONES.get((zone or "").lower(), 0) * 60
    if offset:
        digits = offset[1:].replace(":", "")
        # Four digits are hhmm, three hmm, two or one hh.
        away = int(digits) * 60 if len(digits) <= 2 else int(digits[:-2]) * 60 + int(digits[-2:])
        away = -away if offset[0] == "-" else away
    # Seconds of 60 are leap seconds, hours of 24 the midnight that ends the day.
    hours, minutes, seconds = int(hour or 0), int(minute or 0), min(int(second or 0), 59)
    if day[0] not in _YEARS or hours > 24 or minutes > 59 or abs(away) > 15 * 60:
        return None
    try:
        if hours < 24 and not away:
            return datetime(*day, hours, minutes, seconds, tzinfo=UTC)
        return datetime(*day, tzinfo=UTC) + timedelta(hours=hours, minutes=minutes - away, seconds=seconds)
    except ValueError:
        return None


def _guessed_date(value: str) -> datetime | None:
    """What `dateutil` makes of a date, provided that year, month and day are all in it."""
    if value.isdecimal() or not any(character.isdigit() for character in value):
        return None
    readings: list[datetime] = []
    # dateutil fills in what is missing: two different fillings that agree had nothing filled in.
    for filling in (datetime(1996, 1, 1), datetime(2003, 12, 25)):  # noqa: DTZ001 - zones come from the text
        try:
            readings.append(dateutil_parser.parse(value, default=filling, tzinfos=_known_zone))
        except (ValueError, OverflowError, TypeError, ArithmeticError, AttributeError, IndexError):
            return None
    first, second = readings
    if first.date() != second.date() or first.year not in _YEARS:
        return None
    try:
        return first.replace(tzinfo=UTC) if first.tzinfo is None else first.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _known_zone(name: str | None, offset_s: int | None) -> tzinfo:
    if offset_s is not None and abs(offset_s) < 24 * 3600:
        return timezone(timedelta(seconds=offset_s))
    return timezone(timedelta(hours=_ZONES.get((name or "").lower(), 0)))


# --- Markup ---------------------------------------------------------------------------------------------------------

_CHARACTER_REFERENCE = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
# Only HTML's own tags: a title may well be "Vec<T> explained".
_TITLE_TAG = re.compile(
    r"</?(?:a|abbr|b|big|blockquote|br|cite|code|dd|div|dl|dt|em|font|h[1-6]|hr|i|iframe|img|ins|li|mark|ol|p|pre|q|s|script"
    r"|small|span|strike|strong|style|sub|sup|svg|table|tbody|td|th|tr|tt|u|ul|wbr)(?:[\s/][^<>]*)?>",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[^<>]*>")
_SCRIPT_NAMES = ("script", "style", "template", "noscript", "iframe")
_SCRIPT_START = re.compile(rf"<({'|'.join(_SCRIPT_NAMES)})[\s>/]", re.IGNORECASE)
_SCRIPT_ENDS = {name: re.compile(f"</{name}", re.IGNORECASE) for name in _SCRIPT_NAMES}
_BLOCK = re.compile(
    r"<(?:/?(?:p|div|section|article|blockquote|pre|h[1-6]|ul|ol|dl|table|tr|header|footer|hr)|br|li|dt|dd)(?:[\s/][^<>]*)?>",
    re.IGNORECASE,
)
_SPACES = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r"\n{3,}")
_NOTES_TAGS = {
    *(
        "a",
        "abbr",
        "b",
        "blockquote",
        "br",
        "cite",
        "code",
        "dd",
        "del",
        "div",
        "dl",
        "dt",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
    ),
    *("h5", "h6", "hr", "i", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "small", "span", "strong", "sub"),
    *("sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul", "wbr"),
}
_DROPPED_WHOLE = {"script", "style", "template", "noscript", "iframe", "object", "svg", "math", "title", "textarea"}


def _markup(element: _Element) -> str | None:
    """An element's content as HTML: as stated for text, written out again where the feed has real elements."""
    kind = (element.get("type") or "").strip().lower()
    if not len(element):
        text: str | None = element.text
        return html.escape(text, quote=False) if text and kind in {"text", "text/plain"} else text
    parts = [html.escape(element.text or "", quote=False)]
    parts.extend(etree.tostring(child, method="html", encoding="unicode") for child in element)
    return "".join(parts)


def _without_references(text: str) -> str:
    return _CHARACTER_REFERENCE.sub(lambda found: html.unescape(found.group()), text)


def one_line(text: str | None) -> str:
    """Text that HTML may have got into, as plain text on one line of at most `MAX_TITLE_CHARS`."""
    if not text:
        return ""
    text = text[: 8 * MAX_TITLE_CHARS]
    if "&" in text:
        text = _without_references(text)
    if "<" in text:
        text = _TITLE_TAG.sub("", text)
    return " ".join(_UNSAFE.sub(" ", text).split())[:MAX_TITLE_CHARS]


def sanitised(notes: str, base: str) -> str | None:
    """Show notes as HTML that is safe to show; None where nothing is left.

    Pictures are dropped: they track whoever reads a brief.

    Args:
        notes: Markup as a feed states it.
        base: What relative addresses are relative to.
    """
    notes = notes[:MAX_NOTES_CHARS]
    if ("<" not in notes and "&" not in notes) or notes.count("<") > _MAX_NOTES_TAGS:
        text = html.escape(plain_text(notes) or "", quote=False).strip()
        return "<p>" + text.replace("\n\n", "</p><p>").replace("\n", "<br>") + "</p>" if text else None
    clean = nh3.clean(
        notes,
        tags=_NOTES_TAGS,
        clean_content_tags=_DROPPED_WHOLE,
        attributes={"a": {"href"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}},
        url_schemes={"http", "https", "mailto"},
        url_relative=("rewrite_with_base", base) if _WEB_ADDRESS.match(base) else "deny",
        link_rel="noopener noreferrer nofollow",
    )
    return clean.strip() or None


def plain_text(markup: str) -> str | None:
    """Show notes as plain text; None where nothing is left.

    Markup that has paragraphs or breaks is broken into lines by them; in text without any, line breaks are kept.
    """
    text = markup[:MAX_NOTES_CHARS]
    if "<" in text:
        text = _without_scripts(text)
        if _BLOCK.search(text):
            text = _BLOCK.sub("\n", " ".join(text.split()))
        text = _TAG.sub("", text)
    if "&" in text:
        text = _without_references(text)
    lines = (_SPACES.sub(" ", _UNSAFE.sub(" ", line)).strip() for line in text.splitlines())
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip() or None


def _without_scripts(text: str) -> str:
    """Markup without the elements whose content is no text, from their start tags on; the end tags stay."""
    parts: list[str] = []
    position = 0
    while found := _SCRIPT_START.search(text, position):
        parts.append(text[position : found.start()])
        end = _SCRIPT_ENDS[found.group(1).lower()].search(text, found.end())
        if end is None:
            return "".join(parts)
        position = end.start()
    return "".join([*parts, text[position:]])


def _first_words(notes: str | None) -> str:
    words = (plain_text(notes) or "").split() if notes else []
    return " ".join(words[:12]) + ("…" if len(words) > 12 else "") if words else ""


def _short(text: str | None, length: int = 80) -> str:
    text = " ".join((text or "").split())
    return text if len(text) <= length else f"{text[: length - 1]}…"
