"""Read what a feed says of its show.

Belongs here: a channel's (or an Atom feed's) elements to a `Show`.
Doesn't: items (`items.py`), which element is which (`elements.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from podbrief_assets.episodes import identity
from podbrief_assets.episodes.elements import MAX_LINKS_PER_ITEM, TITLES, Document, Element, Fields
from podbrief_assets.episodes.markup import MAX_NOTES_CHARS, one_line, plain_text
from podbrief_assets.episodes.records import Person, Show, StatedText
from podbrief_assets.episodes.values import YES, explicit_flag, language_tag, web_address

# The name that a podcast:block has to carry to mean this platform.
_PLATFORM = "podbrief"
_DESCRIPTIONS = (
    *("description", "atom:subtitle", "atom:tagline", "itunes:summary", "content:encoded"),
    *("itunes:subtitle", "subtitle", "googleplay:description"),
)
_XML_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


@dataclass(frozen=True, slots=True)
class Channel:
    """The show, and what it says for all its items that do not say it themselves."""

    show: Show
    persons: list[Person]
    texts: list[StatedText]


def read_channel(document: Document) -> Channel:
    """What stands outside the items of a document."""
    root = document.root
    element = next((child for child in root if document.key(child.tag) == "channel"), root)
    fields = document.fields(element)
    if element is not root:
        for key, elements in document.fields(root).items():
            # RSS 1.0 puts the picture beside the channel.
            fields.setdefault(key, elements)
    base = document.base(element)
    return Channel(
        _show(document, element, fields, base),
        document.persons(fields.get("podcast:person", []), base),
        document.stated_texts(fields.get("podcast:txt", [])),
    )


def _show(document: Document, element: Element, fields: Fields, base: str) -> Show:
    text = document.first_text
    podcast_guid = text(fields, "podcast:guid")[: identity.MAX_GUID_CHARS] or None
    language = text(fields, "language", "dc:language") or element.get(_XML_LANGUAGE) or document.root.get(_XML_LANGUAGE)
    atom_links = fields.get("atom:link", [])
    links = [*atom_links, *fields.get("link", [])]
    # An archive names the feed that it belongs to; a feed may name itself, which says nothing.
    archived = "fh:archive" in fields
    return Show(
        show_id=identity.show_id(podcast_guid, document.feed_url),
        podcast_guid=podcast_guid,
        title=_title(document, fields),
        author=_author(document, fields),
        link=document.page_link(fields.get("link", []), atom_links, base),
        language=language_tag(language),
        image_url=document.picture(fields, base),
        description=_description(document, fields),
        categories=_categories(document, fields),
        explicit=explicit_flag(text(fields, "itunes:explicit", "googleplay:explicit")),
        locked=text(fields, "podcast:locked").lower() in YES,
        blocked=_blocked(fields),
        license=document.license(fields.get("podcast:license", []), base),
        new_feed_url=web_address(text(fields, "itunes:new-feed-url"), base),
        next_page_url=document.related(links, "next", base),
        prev_archive_url=document.related(links, "prev-archive", base),
        current_url=document.related(links, "current", base) if archived else None,
        complete="fh:complete" in fields,
    )


def _title(document: Document, fields: Fields) -> str | None:
    for key in TITLES:
        for element in fields.get(key, ()):
            if title := document.title(element):
                return title
    return None


def _description(document: Document, fields: Fields) -> str | None:
    for key in _DESCRIPTIONS:
        for element in fields.get(key, ()):
            if description := plain_text(document.markup(element)[:MAX_NOTES_CHARS]):
                return description
    return None


def _author(document: Document, fields: Fields) -> str | None:
    if author := one_line(document.first_text(fields, "itunes:author")):
        return author
    for key in ("itunes:owner", "atom:author"):
        for element in fields.get(key, ()):
            inner = document.fields(element)
            if name := one_line(document.first_text(inner, "itunes:name", "atom:name", "name")):
                return name
    named = document.first_text(fields, "googleplay:author", "dc:creator", "author", "managingeditor")
    return one_line(named) or None


def _categories(document: Document, fields: Fields) -> tuple[str, ...]:
    names: dict[str, None] = {}
    waiting = list(reversed(fields.get("itunes:category", [])[:MAX_LINKS_PER_ITEM]))
    while waiting and len(names) < MAX_LINKS_PER_ITEM:
        element = waiting.pop()
        if name := one_line(element.get("text"))[:200]:
            names[name] = None
        waiting.extend(reversed(document.fields(element).get("itunes:category", [])[:MAX_LINKS_PER_ITEM]))
    for key in ("category", "atom:category", "googleplay:category"):
        for element in fields.get(key, ())[:MAX_LINKS_PER_ITEM]:
            stated = element.get("label") or element.get("term") or element.get("text") or document.text(element)
            if name := one_line(stated)[:200]:
                names[name] = None
    return tuple(names)[:MAX_LINKS_PER_ITEM]


def _blocked(fields: Fields) -> bool:
    """A block that names this platform outweighs one that names none, either way."""
    everyone = ours = None
    for element in fields.get("podcast:block", ()):
        platform = (element.get("id") or "").strip().lower()
        answer = (element.text or "").strip().lower() in YES
        if platform == _PLATFORM:
            ours = answer
        elif not platform:
            everyone = answer
    return bool(everyone if ours is None else ours)
