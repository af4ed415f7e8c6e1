"""The subscription list as a file that people keep: edit it, and leave everything else in it as it is.

Belongs here: an OPML file as a document, and adding, removing and merging shows in it.
Doesn't: what its outlines mean (shows.py), where the file lies and who may edit it at the same time (cli.py).

A list is kept by hand, comes from other readers and goes back to them. What podbrief has no use for (a note, a second
folder for a show, an address with a slip in it, the attributes of other readers) is somebody's work all the same.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Self

from lxml import etree

from podbrief_assets.episodes import hushing, identity, private, shows
from podbrief_assets.episodes.shows import AlreadySubscribed, NoSubscription, Subscription, SubscriptionList
from podbrief_assets.episodes.xml import OpenedXml, parser_options, recovered, repair_xml

_DECLARATION = re.compile(rb"\s*<\?xml\s[^>]*?\?>")
_GARBLED = "\N{REPLACEMENT CHARACTER}".encode()


class DamagedSubscriptionList(shows.SubscriptionError):
    """The file is not well-formed: it can be read in part, but not rewritten without losing the rest."""


class Opml:
    """An OPML file. What an edit is not about is written as it was read; quotes and encoding may differ."""

    def __init__(self, root: Any, prolog: bytes = b"", *, is_new: bool = False, is_sound: bool = True) -> None:
        self._tree = root.getroottree()
        self._prolog = prolog
        self._is_new, self._is_sound = is_new, is_sound
        self.changed = False

    @classmethod
    def new(cls) -> Self:
        """A list without shows, for where there is no file yet."""
        return cls(_parsed(shows.write_opml()), is_new=True)

    @classmethod
    def parse(cls, content: bytes, what: str) -> Self:
        """Open a file for editing; errors name it as `what`.

        Raises:
            DamagedSubscriptionList: It is not well-formed, so that writing it again would lose something.
            NotASubscriptionList, FeedRefused: as for `shows.read_opml_file`.
        """
        xml = shows.open_opml(content, what)
        if _GARBLED in xml.content and _GARBLED not in content:  # bytes that the encoding does not have
            raise _damaged(what, xml.content, xml.content.index(_GARBLED))
        declared = found.end() if (found := _DECLARATION.match(xml.content)) else 0
        prolog = xml.content[declared : xml.start]
        # The root is parsed by itself, as it is for reading, so that no DTD has a say; what stands before it is kept
        # as the bytes that it is, once it is known to be XML.
        for start, data in ((declared, prolog + b"<opml/>"), (xml.start, bytes(xml.data))):
            try:
                root = _parsed(data)
            except etree.XMLSyntaxError as error:
                raise _damaged(what, xml.content, start, *error.position) from error
        return cls(root, prolog.strip())

    @classmethod
    def salvaged(cls, content: bytes, what: str) -> Self:
        """Open a file to take shows from it, however damaged it is; errors name it as `what`.

        Raises:
            NotASubscriptionList, FeedRefused: as for `shows.read_opml_file`.
        """
        try:
            return cls.parse(content, what)
        except DamagedSubscriptionList:
            return cls(_repaired(shows.open_opml(content, what)), is_sound=False)

    @property
    def listed(self) -> SubscriptionList:
        """What the list means, as `shows.read_opml_file` gives it."""
        return shows.collected(self._entries())

    def to_bytes(self) -> bytes:
        """The file, in UTF-8."""
        body: bytes = etree.tostring(self._tree, encoding="UTF-8", xml_declaration=False)
        prolog = self._prolog + b"\n" if self._prolog else b""
        return b'<?xml version="1.0" encoding="UTF-8"?>\n' + prolog + body.strip() + b"\n"

    def add(self, feed_url: str, title: str | None = None, *, is_private: bool | None = None) -> Subscription:
        """Add a show at the end; its address tells whether it is a paid feed where `is_private` does not.

        Raises:
            BadFeedAddress: as for `shows.feed_address`.
            AlreadySubscribed: The list has the address, perhaps in another spelling.
        """
        address = shows.feed_address(feed_url)
        paid = private.is_private(address) if is_private is None else is_private
        added = Subscription(address, shows.label(title), private=paid)
        if known := shows.listed(self.listed.subscriptions, address):
            raise AlreadySubscribed(f"{shows.name_of(known)} is in the list already", "there is nothing to do")
        body = self._body()
        _indent(etree.SubElement(body, _tag(body, "outline"), shows.attributes_of(added)))
        self._edited()
        return added

    def remove(self, subscription: Subscription) -> None:
        """Remove a show from every folder that it stands in; outlines inside its own take its place."""
        for outline in self._outlines_of({identity.canonical_feed_address(subscription.feed_url)}):
            _unwrap(outline)
            self._edited()

    def merge(self, source: Opml) -> None:
        """Add the shows of another list that are not here yet, each with its folders and attributes.

        Into a list that was not there before goes the whole of the other one: its head, its notes, its empty folders.
        """
        if self._is_new and source._is_sound:
            self._tree, self._prolog = copy.deepcopy(source._tree), source._prolog
            self._edited()
            return
        known: dict[str, Any] = {}
        for outline, one in self._entries():
            if isinstance(one, Subscription):
                known.setdefault(identity.canonical_feed_address(one.feed_url), outline)
        meaning = dict(source._entries())
        path: list[Any] = []
        # Where the outlines of `path` are in this list; None for a folder that nothing was put into yet, so that one
        # without a new show is not made.
        places: list[Any] = []
        for event, outline in source._walk():
            if event == "end":
                path.pop()
                places.pop()
                continue
            place: Any = None
            if isinstance(show := meaning.get(outline), Subscription):
                place = known.get(identity.canonical_feed_address(show.feed_url))
                if place is None:
                    place = _copied(outline, self._opened(path, places, meaning))
                    self._edited()
            path.append(outline)
            places.append(place)

    def leave_out_private(self, is_private: Callable[[Subscription], bool]) -> int:
        """Take private shows out, and cut addresses short that look private wherever else they stand.

        Returns:
            How many shows went.
        """
        # Of every entry, since a show is private if one of its entries says so.
        entries = list(self._entries())
        gone = {
            identity.canonical_feed_address(one.feed_url)
            for _, one in entries
            if isinstance(one, Subscription) and is_private(one)
        }
        slips = [outline for outline, one in entries if isinstance(one, NoSubscription) and one.private]
        for outline in [*self._outlines_of(gone), *slips]:
            _unwrap(outline)
        self._prolog = hushing.hushed_where_private(self._prolog.decode()).encode()
        root = self._tree.getroot()
        for node in [*root.iter(), *root.itersiblings()]:
            _hush(node)
        self._edited()
        return len(gone)

    def _edited(self) -> None:
        self.changed, self._is_new = True, False

    def _walk(self) -> Any:
        return etree.iterwalk(self._tree.getroot(), events=("start", "end"), tag=shows.OUTLINE)

    def _entries(self) -> Iterator[tuple[Any, Subscription | NoSubscription]]:
        return shows.entries(self._walk())

    def _outlines_of(self, addresses: set[str]) -> list[Any]:
        """Every outline of the shows with these canonical addresses."""
        return [
            outline
            for outline, one in self._entries()
            if isinstance(one, Subscription) and identity.canonical_feed_address(one.feed_url) in addresses
        ]

    def _body(self) -> Any:
        root = self._tree.getroot()
        found = next(root.iterchildren("{*}body"), None)
        return etree.SubElement(root, _tag(root, "body")) if found is None else found

    def _opened(self, path: list[Any], places: list[Any], meaning: dict[Any, Subscription | NoSubscription]) -> Any:
        """Where an outline belongs that stands in the outlines of `path`; folders that are missing are made."""
        parent = self._body()
        for number, outline in enumerate(path):
            if places[number] is None:
                # An entry that is no subscription stays behind, and what stands in it goes where it stood.
                places[number] = parent if outline in meaning else _folder(parent, outline)
            parent = places[number]
        return parent


def _parsed(data: bytes) -> Any:
    kept = {"remove_comments": False, "remove_pis": False, "strip_cdata": False}
    return etree.fromstring(data, etree.XMLParser(**{**parser_options(), **kept}, encoding="utf-8"))


def _repaired(xml: OpenedXml) -> Any:
    root = recovered(repair_xml(xml))
    if root is None:
        return etree.Element("opml")
    for outline in root.iter(shows.OUTLINE):
        # A namespace that lost a character is one that lxml writes and does not read again.
        plain = {name: value for name, value in outline.attrib.items() if not name.startswith("{")}
        outline.attrib.clear()
        _say(outline, plain)
    etree.cleanup_namespaces(root)
    return root


def _damaged(what: str, content: bytes, start: int, line: int = 1, column: int = 1) -> DamagedSubscriptionList:
    """The error for a file that is not well-formed at a line and column, counted from `start` on."""
    before = content[:start]
    column += start - before.rfind(b"\n") - 1 if line <= 1 else 0
    line = max(line, 1) + before.count(b"\n")
    # The parser's own words are left out: they quote what stands there, which may be a paid feed's token.
    return DamagedSubscriptionList(
        f"{what} is damaged at line {line}, column {column}, or shortly before",
        "mend it there (mostly a quote or a tag is missing); nothing was changed: what can't be read would be lost",
    )


def _tag(parent: Any, name: str) -> str:
    namespace = etree.QName(parent).namespace
    return f"{{{namespace}}}{name}" if namespace else name


def _folder(parent: Any, like: Any) -> Any:
    """The folder in `parent` that readers call as they call `like`; made at the end where there is none."""
    stated = shows.stated(like)
    for child in parent.iterchildren(shows.OUTLINE):
        there = shows.stated(child)
        if not there.address and there.title == stated.title:
            return child
    return _copied(like, parent)


def _copied(outline: Any, parent: Any) -> Any:
    """A copy of an outline, without what stands in it, at the end of `parent`."""
    tag = _tag(parent, "outline")
    try:
        made = etree.Element(tag, nsmap={prefix: name for prefix, name in outline.nsmap.items() if prefix})
    except ValueError:  # a namespace that can be read and not written
        made = etree.Element(tag)
    _say(made, outline.attrib)
    parent.append(made)
    _indent(made)
    return made


def _say(outline: Any, attributes: Mapping[str, str]) -> None:
    for name, value in attributes.items():
        with suppress(ValueError):  # a damaged file may have what can be read and not written
            outline.set(name, value)


def _text_before(node: Any) -> str:
    before = node.getprevious()
    return str((node.getparent().text if before is None else before.tail) or "")


def _put_before(node: Any, text: str) -> None:
    before = node.getprevious()
    if before is None:
        node.getparent().text = text
    else:
        before.tail = text


def _indent(made: Any) -> None:
    """Set the last child of its parent in the file's own indentation, if it has one."""
    parent, before = made.getparent(), made.getprevious()
    if before is None:
        outer = "" if parent.getparent() is None else _text_before(parent)
        if not (parent.text or "").strip() and not outer.strip() and "\n" in outer:
            parent.text, made.tail = f"{outer}  ", outer
    elif not (before.tail or "").strip():
        made.tail, before.tail = before.tail, _text_before(before) if not _text_before(before).strip() else None


def _unwrap(outline: Any) -> None:
    """Remove an outline; what stands in it takes its place."""
    indentation = _text_before(outline) if not _text_before(outline).strip() else ""
    for child in list(outline):
        outline.addprevious(child)
        child.tail = child.tail if (child.tail or "").strip() else indentation
    # What follows an outline would go with it.
    before, after = _text_before(outline), outline.tail or ""
    if after.strip():
        _put_before(outline, before + after)
    elif outline.getnext() is None and not before.strip():
        _put_before(outline, after)
    outline.getparent().remove(outline)


def _hush(node: Any) -> None:
    """Cut addresses short that look private; those of the shows that are left are known not to be."""
    for name, value in node.attrib.items() if isinstance(node.tag, str) else ():
        if name.lower() != "xmlurl" and (hushed := hushing.hushed_where_private(value)) != value:
            node.set(name, hushed)
    for place in ("text", "tail"):
        if (text := getattr(node, place)) and (hushed := hushing.hushed_where_private(text)) != text:
            setattr(node, place, hushed)
