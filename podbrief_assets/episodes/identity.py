"""Derive the identifiers of shows and episodes from what their feeds say.

Belongs here: the canonical form of a feed's address, `show_id`, `episode_id`, and the rule for items without a guid.
Doesn't: reading feeds (feed.py), telling that two episodes are the same recording (a later stage of identity).
"""

from __future__ import annotations

import hashlib
import re
import uuid
from datetime import datetime

# https://podcasting2.org/docs/podcast-namespace/tags/guid: the namespace that every host derives podcast:guid in.
PODCAST_NAMESPACE = uuid.UUID("ead4c236-bf58-58c6-a2c6-a6b28d128cb6")

MAX_GUID_CHARS = 1_000

_SCHEME = re.compile(r"\A[A-Za-z][A-Za-z0-9+.-]*://")
_AUTHORITY_END = re.compile(r"[/?]")
_DEFAULT_PORT = re.compile(r":(?:80|443)?\Z")
_NIL = uuid.UUID(int=0)


def canonical_feed_address(url: str) -> str:
    """The form of a feed's address that two spellings of it share.

    The scheme, a default port, the fragment and trailing slashes are dropped and the host is lower-cased; path and
    query are kept as they are, because hosts tell shows apart by them. The result is no address to fetch from.
    """
    url = _SCHEME.sub("", url.strip().partition("#")[0], count=1)
    ends = _AUTHORITY_END.search(url)
    authority, rest = (url[: ends.start()], url[ends.start() :]) if ends else (url, "")
    user, at, host = authority.rpartition("@")
    host = _DEFAULT_PORT.sub("", host.lower())
    return f"{user}{at}{host}{rest}".rstrip("/")


def show_id(podcast_guid: str | None, feed_url: str) -> str:
    """The show's identifier, as a lower-case UUID.

    A `podcast:guid` that is a UUID is taken as it is; other text in that element is hashed. Without one the identifier
    is what the podcast namespace tells hosts to put there, so a feed that adds its guid later keeps its identifier.
    """
    guid = (podcast_guid or "").strip()
    if not guid:
        return str(uuid.uuid5(PODCAST_NAMESPACE, canonical_feed_address(feed_url)))
    try:
        stated = uuid.UUID(guid)
    except ValueError:
        return str(uuid.uuid5(PODCAST_NAMESPACE, guid))
    # The nil UUID is a template that nobody filled in: every show that carries it would be the same one.
    return show_id(None, feed_url) if stated == _NIL else str(stated)


def episode_id(show_id: str, guid: str) -> str:
    """The episode's identifier: 20 hexadecimal digits, the same on every machine."""
    return hashlib.sha256(f"{show_id}\n{guid}".encode()).hexdigest()[:20]


def item_guid(guid: str | None, audio_url: str | None, title: str, stated_at: datetime | None) -> str:
    """What names an item within its feed: its guid, else its enclosure's address, else its title and date.

    Text longer than `MAX_GUID_CHARS` is replaced by its digest: cutting it off would make two items one.
    """
    stated = (guid or "").strip()
    name = stated or audio_url or f"{title} | {stated_at.isoformat() if stated_at else 'no date'}"
    return name if len(name) <= MAX_GUID_CHARS else f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"
