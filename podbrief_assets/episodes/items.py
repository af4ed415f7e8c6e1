"""Read a feed's items, each as an episode.

Belongs here: which of an item's elements states what, which enclosure is used, what a missing title is replaced by.
Doesn't: which element is which (`elements.py`), items that repeat one another (`feed.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from podbrief_assets.episodes import identity
from podbrief_assets.episodes.channel import Channel
from podbrief_assets.episodes.dates import read_date
from podbrief_assets.episodes.elements import MAX_LINKS_PER_ITEM, TITLES, Document, Element, Fields
from podbrief_assets.episodes.markup import MAX_NOTES_CHARS, first_words, one_line, shortened
from podbrief_assets.episodes.records import Enclosure, Item, Soundbite, TranscriptLink
from podbrief_assets.episodes.values import (
    byte_count,
    explicit_flag,
    language_tag,
    media_type,
    read_duration,
    read_seconds,
    web_address,
    whole_number,
)

_DATES = (
    *("pubdate", "atom:published", "dc:date", "dcterms:issued"),
    *("atom:issued", "atom:updated", "atom:modified", "published", "date"),
)
_GUIDS = ("guid", "atom:id", "id", "dc:identifier")
_NOTES = (
    *("content:encoded", "atom:content", "description", "atom:summary", "itunes:summary"),
    *("itunes:subtitle", "media:description", "dc:description", "googleplay:description"),
)
# Elements of which only the text counts. Atom's titles are not among them: their `type` says whether it is HTML.
_TEXTS = frozenset(
    (
        *(*_DATES, *_GUIDS, *TITLES, "itunes:duration", "duration", "itunes:season", "podcast:season"),
        *("itunes:episode", "podcast:episode", "itunes:episodetype", "itunes:explicit", "googleplay:explicit"),
    )
) - {"atom:title"}
_RARE = frozenset(("podcast:chapters", "podcast:person", "podcast:soundbite", "podcast:txt", "podcast:license"))
_ELEMENTS = frozenset(
    (
        *(*_NOTES, "atom:title", "link", "atom:link", "enclosure", "media:content", "media:group"),
        *("itunes:image", "podcast:image", "googleplay:image", "media:thumbnail", "image", "atom:logo", "atom:icon"),
        *("podcast:transcript", "podcast:alternateenclosure", *_RARE),
    )
)
# What `with_channel` fills in; it is last in an item.
_FROM_SHOW = ""
_OWN_FIELDS = Item._fields.index("show_id")
_EPISODE_TYPES = {"full": "full", "trailer": "trailer", "bonus": "bonus"}
_RDF_ABOUT = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about"

_OTHER_RECORDINGS = frozenset(("atom:link", "media:content", "media:group", "podcast:alternateenclosure"))
_SOUND_NAMES = (".mp3", ".m4a", ".m4b", ".aac", ".ogg", ".oga", ".opus", ".wav", ".flac", ".wma", ".aif", ".aiff")
_VIDEO_NAMES = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".mpg", ".mpeg")
_SOUND, _MAYBE, _VIDEO = range(3)
_NOT_RECORDINGS = ("image/", "text/", "application/pdf", "application/epub", "application/x-bittorrent")


class Remarks:
    """Lines for operators about items that were left out or mended, `limit` at most."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lines: list[str] = []
        self._untold = 0

    def add(self, line: str) -> None:
        """Add a line, or only count it."""
        if len(self._lines) < self._limit:
            self._lines.append(line)
        else:
            self._untold += 1

    def lines(self) -> list[str]:
        """The lines, the last of which counts those that are not there."""
        return [*self._lines, f"and {self._untold:,} more"] if self._untold else self._lines


class _Offer(NamedTuple):
    """An enclosure, and how good it is to listen to: the smaller its rank, the better."""

    rank: int
    enclosure: Enclosure
    duration_s: float | None


class ItemReader:
    """Reads the items of one document, one after the other."""

    def __init__(self, document: Document, remarks: Remarks) -> None:
        self._document = document
        self._remarks = remarks
        self._read = 0
        # By tag, as the parser gives it: the key of what is read as text, and of what is kept as an element.
        self._text_keys: dict[Any, str] = {}
        self._element_keys: dict[Any, str] = {}

    def read(self, element: Element, *, mended: bool = False) -> Item | None:
        """An item as an episode, without what only its show says; None where there is nothing to hear or to read.

        Args:
            element: The `item` or `entry`.
            mended: The item was broken: what an unclosed tag in the show notes has swallowed is its own, too.
        """
        self._read += 1
        document = self._document
        texts, fields = self._children(element)
        if mended:
            self._swallowed(element, texts, fields)
        text = texts.get
        base = document.base(element) if document.has_base else document.feed_url
        stated_guid = text("guid") or _first(texts, _GUIDS) or element.get(_RDF_ABOUT) or ""
        title = one_line(text("title")) or self._other_title(texts, fields)
        published = read_date(text("pubdate") or _first(texts, _DATES))
        notes = self._notes(fields)
        offers, refused = self._offers(self._recordings(element, fields, mended=mended), base)
        # The first of equals: feeds that offer two qualities put the usual one first.
        used = offers[0] if len(offers) == 1 else min(offers, key=_rank, default=None)
        transcripts = self._transcripts(fields["podcast:transcript"], base) if "podcast:transcript" in fields else []
        if used is None and not transcripts:
            named = self._named(title)
            self._remarks.add(f"{named} was left out: {refused or 'no enclosure and no transcript'}")
            return None
        if not title:
            title = first_words(notes) or f"Untitled episode{f' of {published:%Y-%m-%d}' if published else ''}"
            self._remarks.add(f"{self._named(None)} has no title and is called “{shortened(title)}”")
        if used is None and refused:
            self._remarks.add(f"{self._named(title)} is kept for its transcript only: {refused}")
        audio_url, audio_type, audio_bytes = used.enclosure[:3] if used else (None, None, None)
        duration = read_duration(text("itunes:duration") or text("duration"))
        guid = stated_guid
        if not guid or len(guid) > identity.MAX_GUID_CHARS:
            guid = identity.item_guid(stated_guid, audio_url, title, published)
        season = text("itunes:season") or text("podcast:season")
        number = text("itunes:episode") or text("podcast:episode")
        explicit = text("itunes:explicit") or text("googleplay:explicit")
        # Positional, in the order of the class: by name it takes twice as long.
        item = Item(
            guid,
            title,
            notes,
            base,
            published,
            audio_url,
            audio_type,
            audio_bytes,
            [offer.enclosure for offer in offers],
            duration or (used.duration_s if used else None),
            self._link(element, fields, stated_guid, base),
            document.picture(fields, base),
            whole_number(season) if season else None,
            whole_number(number) if number else None,
            _EPISODE_TYPES.get(text("itunes:episodetype", "").lower(), "full"),
            explicit_flag(explicit) if explicit else None,
            transcripts,
            None,
            [],
            _FROM_SHOW,
            [],
            [],
            None,
        )
        return item if fields.keys().isdisjoint(_RARE) else self._with_rare(item, fields, base)

    def _with_rare(self, item: Item, fields: Fields, base: str) -> Item:
        """The item with what few items state."""
        document, get = self._document, fields.get
        return item._replace(
            chapters_url=document.address(get("podcast:chapters", ()), "url", base),
            persons=document.persons(get("podcast:person", []), base),
            soundbites=_soundbites(document, get("podcast:soundbite", ())),
            texts=document.stated_texts(get("podcast:txt", [])),
            license=document.license(get("podcast:license", []), base),
        )

    def _children(self, element: Element) -> tuple[dict[str, str], Fields]:
        """What the item's children say, by key: the first text of each kind, and all elements of the other kinds.

        Most of the time that a feed takes outside the XML parser is spent in this loop, fifteen times an item: so it
        asks each child for as little as it can, and looks its key up by the tag as it is.
        """
        texts: dict[str, str] = {}
        fields: Fields = {}
        text_keys, element_keys = self._text_keys, self._element_keys
        for child in element:
            tag = child.tag
            if tag in text_keys:
                key = text_keys[tag]
                if key not in texts:
                    text = "".join(child.itertext()) if len(child) else child.text
                    if text and (text := text.strip()):
                        texts[key] = text
                continue
            other = element_keys.get(tag)
            if other is None:
                self._learn(tag, child, texts, fields)
            elif other in fields:
                fields[other].append(child)
            elif other:
                fields[other] = [child]
        return texts, fields

    def _learn(self, tag: Any, child: Element, texts: dict[str, str], fields: Fields) -> None:
        """Note what a tag means that is met for the first time, and take in the child that has it."""
        key = self._document.key(tag)
        if key in _TEXTS:
            self._text_keys[tag] = key
            if text := self._document.text(child):
                texts.setdefault(key, text)
        else:
            self._element_keys[tag] = key if key in _ELEMENTS else ""
            if key in _ELEMENTS:
                fields.setdefault(key, []).append(child)

    def _swallowed(self, element: Element, texts: dict[str, str], fields: Fields) -> None:
        """Add what an unclosed tag in the show notes has taken in: all that follows it, the enclosure too."""
        asked: set[str] = set()
        for inner in element.iterdescendants():
            key = self._document.key(inner.tag)
            if key in _ELEMENTS:
                fields.setdefault(key, [inner])
            # Each kind once: a thousand empty titles inside one another would be read a thousand times.
            if key in _TEXTS and key not in texts and key not in asked:
                asked.add(key)
                if text := self._document.text(inner):
                    texts[key] = text

    def _named(self, title: str | None) -> str:
        # Not by its guid, which may be an address with a token.
        return f"item {self._read} “{shortened(title)}”" if title else f"item {self._read}"

    def _other_title(self, texts: dict[str, str], fields: Fields) -> str | None:
        for key in TITLES[1:]:
            for element in fields.get(key, ()):
                if title := self._document.title(element):
                    return title
            if title := one_line(texts.get(key)):
                return title
        return None

    def _notes(self, fields: Fields) -> str | None:
        for key in _NOTES:
            if key in fields:
                for element in fields[key]:
                    if markup := self._document.markup(element):
                        return markup[:MAX_NOTES_CHARS]
        return None

    # --- Enclosures -------------------------------------------------------------------------------------------------

    def _recordings(self, element: Element, fields: Fields, *, mended: bool) -> Iterable[tuple[str, Element]]:
        """The elements that may state an enclosure, each with its key, in the feed's order."""
        if "enclosure" in fields and fields.keys().isdisjoint(_OTHER_RECORDINGS):
            return [("enclosure", each) for each in fields["enclosure"]]
        return self._mixed_recordings(element.iterdescendants() if mended else element)

    def _mixed_recordings(self, elements: Iterable[Element]) -> Iterator[tuple[str, Element]]:
        key_of = self._document.key
        for element in elements:
            key = key_of(element.tag)
            if key == "media:group":
                for inner in element:
                    if key_of(inner.tag) == "media:content":
                        yield "media:content", inner
            elif key in _OTHER_RECORDINGS or key in ("enclosure", "link"):
                yield key, element

    def _offers(self, recordings: Iterable[tuple[str, Element]], base: str) -> tuple[list[_Offer], str]:
        """The enclosures that can be used, each address once; and why another cannot.

        An enclosure that is declared as a picture or a page, and is not named like a recording, is none.
        """
        offers: list[_Offer] = []
        refused = ""
        for key, element in recordings:
            if key == "podcast:alternateenclosure":
                offers.extend(self._alternates(element, base))
                continue
            if key in ("atom:link", "link") and (element.get("rel") or "").strip().lower() != "enclosure":
                continue
            address_name, length_name, preference = _ATTRIBUTES[key]
            address = element.get(address_name)
            if not address:
                continue
            stated_type = media_type(element.get("type"))
            sound = _sound_rank(stated_type, address, element)
            if sound is None:
                refused = refused or f"its enclosure is of the type {stated_type}"
                continue
            if sound == _MAYBE and key == "media:content":
                # media:content also carries pictures and pages; unlike an enclosure it has to say that it is sound.
                continue
            url = web_address(address, self._document.base(element) if self._document.has_base else base)
            if url is None:
                refused = (
                    refused or f"the address of its enclosure is not one that can be fetched ({shortened(address)})"
                )
                continue
            enclosure = Enclosure(url, stated_type, byte_count(element.get(length_name)))
            offers.append(_Offer(10 * sound + preference, enclosure, read_duration(element.get("duration"))))
        return _each_once(offers) if len(offers) > 1 else offers, refused

    def _alternates(self, element: Element, base: str) -> Iterator[_Offer]:
        """The web addresses of a `podcast:alternateEnclosure`; they are used where an item has no other enclosure."""
        document = self._document
        title, rel = one_line(element.get("title"))[:300], one_line(element.get("rel")).lower()[:100]
        length = byte_count(element.get("length"))
        for source in document.fields(element).get("podcast:source", [])[:MAX_LINKS_PER_ITEM]:
            stated_type = media_type(source.get("contentType") or element.get("type"))
            address = source.get("uri") or ""
            sound = _sound_rank(stated_type, address, element)
            if sound is not None and (url := web_address(address, base)):
                enclosure = Enclosure(url, stated_type, length, title or None, rel or None)
                yield _Offer(100 + 10 * sound, enclosure, None)

    def _transcripts(self, elements: list[Element], base: str) -> list[TranscriptLink]:
        links: list[TranscriptLink] = []
        for element in elements[:MAX_LINKS_PER_ITEM]:
            if url := web_address(element.get("url"), base):
                rel = (element.get("rel") or "").strip().lower()[:100]
                language = language_tag(element.get("language"))
                link = TranscriptLink(url, media_type(element.get("type")), language, rel or None)
                if link not in links:
                    links.append(link)
        return links

    def _link(self, element: Element, fields: Fields, stated_guid: str, base: str) -> str | None:
        """The episode's page: a link, else the guid where it is an address, or says that it is a link."""
        if "link" in fields or "atom:link" in fields:
            link = self._document.page_link(fields.get("link", []), fields.get("atom:link", []), base)
            if link is not None:
                return link
        for child in element:
            if self._document.key(child.tag) == "guid":
                is_address = stated_guid.startswith(("http://", "https://"))
                is_link = (child.get("isPermaLink") or str(is_address)).strip().lower() == "true"
                return web_address(stated_guid, base) if is_link else None
        return None


def with_channel(item: Item, channel: Channel) -> Item:
    """The item as its show completes it: an item's own persons, texts and licence replace the show's."""
    show = channel.show
    completed = (show.show_id, item.persons or channel.persons, item.texts or channel.texts)
    return Item._make((*item[:_OWN_FIELDS], *completed, item.license or show.license))


# How an enclosure's address and length are called, and what breaks the tie among enclosures of equal quality.
_ATTRIBUTES = {
    "enclosure": ("url", "length", 0),
    "atom:link": ("href", "length", 1),
    "link": ("href", "length", 1),
    "media:content": ("url", "fileSize", 2),
}


def _rank(offer: _Offer) -> int:
    return offer.rank


def _each_once(offers: list[_Offer]) -> list[_Offer]:
    """One offer for each address: many feeds repeat the enclosure as media:content or as an alternate."""
    best: dict[str, _Offer] = {}
    for offer in offers[:MAX_LINKS_PER_ITEM]:
        url = offer.enclosure.url
        if url not in best or offer.rank < best[url].rank:
            best[url] = offer
    return list(best.values())


def _first(texts: dict[str, str], keys: Iterable[str]) -> str:
    for key in keys:
        if key in texts:
            return texts[key]
    return ""


def _sound_rank(stated_type: str | None, address: str, element: Element) -> int | None:
    """How good an enclosure is for listening, smaller is better; None for what is no recording."""
    stated = stated_type or ""
    # Nearly all are declared as sound and have no medium: it is asked for only of the others.
    if stated.startswith("audio/") or (medium := element.get("medium")) == "audio":
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


def _soundbites(document: Document, elements: Iterable[Element]) -> list[Soundbite]:
    """The stretches that `podcast:soundbite` elements point out and that have a start and a length."""
    soundbites: list[Soundbite] = []
    for element in elements:
        start_s, duration_s = read_seconds(element.get("startTime")), read_seconds(element.get("duration"))
        if start_s is not None and duration_s and len(soundbites) < MAX_LINKS_PER_ITEM:
            soundbites.append(Soundbite(start_s, duration_s, one_line(document.text(element))[:300] or None))
    return soundbites
