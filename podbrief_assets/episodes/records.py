"""What reading a feed gives: the show, its items, and what items are made of.

Belongs here: the records, the digest that tells versions of an item apart, an item as a table's row.
Doesn't: how they are read (`feed.py` and the modules it stands on), what else the tables know (`assets.py`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from podbrief_assets.episodes import identity
from podbrief_assets.episodes.markup import plain_text, sanitised


class TranscriptLink(NamedTuple):
    """A transcript file that the publisher offers, as `podcast:transcript` states it."""

    url: str
    type: str | None = None
    language: str | None = None
    rel: str | None = None


class Person(NamedTuple):
    """Somebody named by `podcast:person`; role and group in lower case, None where not stated."""

    name: str
    role: str | None = None
    group: str | None = None
    href: str | None = None


class Enclosure(NamedTuple):
    """A file to listen to or watch; title and rel as `podcast:alternateEnclosure` states them."""

    url: str
    type: str | None = None
    bytes: int | None = None
    title: str | None = None
    rel: str | None = None


class Soundbite(NamedTuple):
    """A stretch of the recording that the publisher points out, in seconds."""

    start_s: float
    duration_s: float
    title: str | None = None


class StatedText(NamedTuple):
    """What `podcast:txt` says; its purpose in lower case (`ai-content` discloses the use of AI)."""

    purpose: str | None
    text: str


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
        license: What `podcast:license` names, else where it says that the licence is to be read.
        new_feed_url: Where the feed says that it has moved to.
        next_page_url: RFC 5005: the page of older items that follows this one.
        prev_archive_url: RFC 5005: the archive of the items before these.
        current_url: RFC 5005: the feed itself, where this is one of its archives.
        complete: RFC 5005: this document holds every item that there is.
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
    license: str | None
    new_feed_url: str | None
    next_page_url: str | None
    prev_archive_url: str | None
    current_url: str | None
    complete: bool


class Item(NamedTuple):
    """An episode as its feed states it; attributes are named as the columns of the table `feed_items`.

    A named tuple, since a scan makes them by the hundred thousand and throws nearly all of them away: it is made in a
    third of a frozen dataclass's time.

    Attributes:
        guid: As stated, else what `identity.item_guid` puts in its place.
        notes: The show notes as stated, in whatever markup; never to be shown.
        notes_base: What relative addresses in `notes` are relative to.
        published_at: In UTC; None where the feed states no date or one that cannot be read.
        audio_url: The enclosure that is used; None where an item offers a transcript and no recording.
        audio_bytes: Length of the enclosure; None where unknown or stated as 0.
        enclosures: All of them in the feed's order, each address once.
        duration_s: In seconds; None where absent, unreadable, not positive or over a week.
        transcripts: In the feed's order.
        persons, texts, license: The item's own, else the show's.
    """

    guid: str
    title: str
    notes: str | None
    notes_base: str
    published_at: datetime | None
    audio_url: str | None
    audio_type: str | None
    audio_bytes: int | None
    enclosures: list[Enclosure]
    duration_s: float | None
    link: str | None
    image_url: str | None
    season: int | None
    number: int | None
    episode_type: str
    explicit: bool | None
    transcripts: list[TranscriptLink]
    chapters_url: str | None
    soundbites: list[Soundbite]
    show_id: str
    persons: list[Person]
    texts: list[StatedText]
    license: str | None

    @property
    def episode_id(self) -> str:
        """Derived as in `identity.episode_id`."""
        return identity.episode_id(self.show_id, self.guid)

    @property
    def description_html(self) -> str | None:
        """The show notes as sanitised HTML: text, lists, tables, links to http(s) and mail addresses; or None."""
        return sanitised(self.notes, self.notes_base) if self.notes else None

    @property
    def description(self) -> str | None:
        """The show notes as plain text, with line breaks where paragraphs end; or None."""
        return plain_text(self.notes) if self.notes else None

    @property
    def digest(self) -> str:
        """SHA-256 over everything that the feed states of the item: another digest is another version.

        It is taken over the notes as stated, so that a newer sanitiser makes no new versions; over addresses without
        what hosts change at every answer (tokens, counting services); and not over what a feed's move changes. What
        is not stated has no part in it, so that a new column makes new versions only of items that state it. Neither
        has the guid: versions are compared under it, and it may be an address with a token.
        """
        stated: dict[str, Any] = {
            name: value for name, value in zip(self._fields, self, strict=True) if value is not None and value != []
        }
        for name in _NO_VERSION:
            stated.pop(name, None)
        if self.published_at:
            stated["published_at"] = self.published_at.isoformat()
        for name in _ADDRESSES:
            if name in stated:
                stated[name] = _lasting(stated[name])
        for name in _LISTS:
            if name in stated:
                stated[name] = _LIST_END.join([_PART_END.join(map(_part, each)) for each in stated[name]])
        canonical = _FIELD_END.join([f"{name}{_NAME_END}{value}" for name, value in stated.items()])
        return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()

    def row(self) -> dict[str, Any]:
        """The item as a row for Polars: one entry for each column of `feed_items` that a feed can state."""
        row = {"episode_id": self.episode_id, **self._asdict()}
        for name in ("enclosures", "transcripts", "persons", "soundbites", "texts"):
            row[name] = [each._asdict() for each in row[name]]
        return row


# What makes no version of an item: what it is known by, and what its feed's move changes.
_NO_VERSION = ("show_id", "guid", "notes_base")
_ADDRESSES = ("audio_url", "chapters_url", "link", "image_url")
_LISTS = ("enclosures", "transcripts", "persons", "soundbites", "texts")
# XML knows none of these characters, so that no text can look like the end of one. JSON took three times as long, and
# digests are taken of every item of every feed that changed.
_NAME_END, _FIELD_END, _LIST_END, _PART_END = "\x1c\x1d\x1e\x1f"


def _part(value: object) -> str:
    """A part of an entry in a list: addresses are among them."""
    text = str(value)
    return _lasting(text) if text.startswith(("https://", "http://")) else text


# An item's enclosure is asked for twice, and all items of a feed mostly have one picture.
@lru_cache(maxsize=256)
def _lasting(url: str) -> str:
    return identity.canonical_media_address(url, keep_version=True)


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
