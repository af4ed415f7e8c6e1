"""Make text and addresses from strangers harmless.

Belongs here: one line of printable text out of anything, and telling a plain web address from all others.
Doesn't: where the text stands (`render.py`), escaping for HTML, which the templates do.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

MAX_LINK = 1_500

_MAX_MARKS = 4
_ADDRESS = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+")
_NOT_IN_LINKS = re.compile(r"[\s\"'<>\\^`{|}\x00-\x20\x7f]")


def one_line(text: str, limit: int) -> str:
    """`text` from a stranger on one line of at most `limit` characters, with nothing that acts instead of being read.

    Control characters and line ends become spaces. Characters that turn the direction of what follows, that can't be
    seen, or that are no characters are dropped, as are combining marks beyond four, which are piled over neighbours.
    """
    # Cut before anything is looked at: a title of ten megabytes costs no more than one of two thousand characters.
    text = unicodedata.normalize("NFC", text[: 4 * limit + 1_000])
    kept: list[str] = []
    marks = 0
    for char in text:
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if category in ("Cc", "Zl", "Zp"):
            kept.append(" ")
        elif marks <= _MAX_MARKS and (category not in ("Cf", "Cs", "Co") or char in "\u200c\u200d"):
            kept.append(char)
    return cut(" ".join("".join(kept).split()), limit)


def without_addresses(text: str) -> str:
    """What a mail server said, on one line, without the addresses that servers repeat: it ends up in the lake."""
    return one_line(_ADDRESS.sub("(address)", text[:2_000]), 200)


def web_link(link: str | None) -> str | None:
    """`link` if it is an http or https address that shows where it leads, else None."""
    link = (link or "").strip()
    if not link or len(link) > MAX_LINK or _NOT_IN_LINKS.search(link) or one_line(link, len(link)) != link:
        return None
    try:
        parts = urlsplit(link)
        usable = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    except ValueError:  # as in http://[
        return None
    return link if usable else None


def cut(text: str, limit: int) -> str:
    """`text` in at most `limit` characters, cut at a space where there is one in its second half."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    space = cut.rfind(" ")
    return (cut[:space] if space > limit // 2 else cut).rstrip(" ,;:\u2013\u2014-") + "…"
