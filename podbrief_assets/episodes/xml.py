"""Turn a stranger's bytes into XML that is safe to parse.

Belongs here: finding the encoding and the root element, refusing what is hostile, mending what is broken in known
ways, and lxml's options. OPML comes in the same states as feeds and is opened by the same functions.
Doesn't: what elements mean (`elements.py` and the modules above it).
"""

from __future__ import annotations

import html
import html.entities
import re
from dataclasses import dataclass
from typing import Any

from lxml import etree

from podbrief_assets.errors import PermanentFailure

MAX_FEED_BYTES = 128 * 1024 * 1024

# Start and end tags outside CDATA sections: 20,000 items of 25 children are a million. Each element that is no item
# stays in memory until the document was read: two million empty ones, 8 MB of text, took 445 MB.
MAX_TAGS = 2_000_000

# Whatever stands before the root element; the longest that was seen is a comment of 6 KB.
_MAX_PROLOG_BYTES = 200_000


class FeedError(PermanentFailure):
    """These bytes are not a feed that podbrief reads; the same bytes will not be one tomorrow."""


class EmptyFeed(FeedError):
    """The answer has no content."""


class NotAFeed(FeedError):
    """The answer is something else: a web page, JSON, an image."""


class FeedRefused(FeedError):
    """The feed declares entities, or is beyond what is read."""


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
_CDATA = re.compile(rb"<!\[CDATA\[[^\]]*+(?:\](?!\]>)[^\]]*+)*+\]\]>")
_PAGE = re.compile(rb"<!doctype html|<(?:html|head|body)[\s>]")


@dataclass(frozen=True, slots=True)
class OpenedXml:
    """A document ready for the parser.

    Attributes:
        root: Name of the root element, with its prefix.
        content: The document in UTF-8, as far as a parser will find it to be so.
        start: Where the root's start tag is: no declaration, no DTD, nothing that a parser would resolve comes after.
    """

    root: str
    content: bytes
    start: int = 0

    @property
    def data(self) -> memoryview:
        """From the root's start tag on; not a copy, since copying takes a tenth of the time that parsing takes."""
        return memoryview(self.content)[self.start :]


def open_xml(content: bytes, what: str) -> OpenedXml:
    """Find the root element of a stranger's XML, past whatever stands before it, and refuse what is hostile.

    Args:
        content: The bytes as received, in any of the encodings that feeds come in.
        what: How errors name the document, as in "the feed https://…".

    Raises:
        EmptyFeed, NotAFeed, FeedRefused: as their docstrings say.
    """
    if len(content) > MAX_FEED_BYTES:
        raise FeedRefused(
            f"{what} has {len(content):,} bytes, and at most {MAX_FEED_BYTES:,} are read",
            "ask its publisher for a shorter feed",
        )
    if content.count(b"<") > MAX_TAGS and _CDATA.sub(b"", content).count(b"<") > MAX_TAGS:
        raise FeedRefused(
            f"{what} has more than {MAX_TAGS:,} tags, which no feed needs", "ask its publisher for a shorter feed"
        )
    blank = b" \t\r\n\x00\xef\xbb\xbf"
    if not content[:100].strip(blank) and not content.strip(blank):
        raise EmptyFeed(
            f"{what} is empty", "it is asked for again at the next scan; open it in a browser if it stays so"
        )
    data = _utf8(content)
    found = _root(data, what)
    if found is not None:
        return OpenedXml(found.group().decode("ascii"), data, found.start() - 1)
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
    """The document in UTF-8, by its byte order mark, its declaration, and what its bytes allow.

    What is declared as UTF-8 is taken at its word: the parser will find out, and `repair_xml` mends it.
    """
    for start, encoding in (*_BOMS, *_WIDE_STARTS):
        if content.startswith(start):
            return content.decode(encoding, "replace").encode()
    content = content.removeprefix(b"\xef\xbb\xbf")
    stated = _DECLARED.search(content, 0, 1_000)
    declared = stated.group(1).decode("ascii").lower() if stated else "utf-8"
    if declared in ("utf-8", "utf8"):
        return content
    # Some short texts in these encodings are valid UTF-8 by chance (and all in iso-2022-jp), so they go first.
    encoding = _MULTI_BYTE.get(declared, "")
    if encoding and _decodes(content, encoding):
        return content.decode(encoding).encode()
    if _decodes(content, "utf-8"):
        return content
    if encoding := encoding or _SINGLE_BYTE.get(declared, ""):
        return content.decode(encoding, "replace").encode()
    return _mended_utf8(content)


def _mended_utf8(content: bytes) -> bytes:
    """Valid UTF-8 of what claims to be UTF-8."""
    if _decodes(content, "utf-8"):
        return content
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
# XML's own are left alone, and not even met: a feed of escaped HTML has a hundred thousand.
_ENTITY = re.compile(
    rb"&(?!(?:amp|lt|gt|quot|apos);)(?:#[0-9]{1,7};|#[xX][0-9a-fA-F]{1,6};|([A-Za-z][A-Za-z0-9]{0,31});)?"
)


def repair_xml(xml: OpenedXml) -> bytes:
    """Mend what strict parsers stumble over and publishers get wrong, without touching what is right.

    Characters that XML forbids go; HTML's entities become characters, and every other `&` outside a CDATA section
    becomes `&amp;`; namespace prefixes that everybody knows are declared; what follows the root's end tag is cut off.
    """
    data = _without_forbidden(_mended_utf8(bytes(xml.data)))
    end = root_end(data, xml.root)
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


def _without_forbidden(data: bytes) -> bytes:
    """UTF-8 without the characters that XML forbids."""
    data = data.translate(None, _CONTROLS)
    if b"\xef\xbf" in data:
        data = data.replace(b"\xef\xbf\xbe", b"").replace(b"\xef\xbf\xbf", b"")
    return data


def root_end(data: bytes, root: str) -> int:
    """Where the root's end tag is; -1 where it is missing.

    Show notes about making feeds mention one: in a CDATA section it ends nothing.
    """
    position = len(data)
    while (position := data.rfind(b"</" + root.encode(), 0, position)) >= 0:
        section = data.rfind(b"<![CDATA[", 0, position)
        if section < 0 or data.find(b"]]>", section, position) >= 0:
            return position
        position = section
    return -1


def _known_entity(found: re.Match[bytes]) -> bytes:
    name: bytes | None = found.group(1)
    whole = found.group()
    if name is None:
        if whole == b"&":
            return b"&amp;"
        code = int(whole[3:-1], 16) if whole[2:3] in b"xX" else int(whole[2:-1])
        return whole if _is_xml_character(code) else b""
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


def recovered(data: bytes) -> Any | None:
    """The root of what lxml can make of a broken document; None where that is nothing."""
    try:
        return etree.fromstring(data, etree.XMLParser(**parser_options(recover=True)))
    except etree.XMLSyntaxError:
        return None
