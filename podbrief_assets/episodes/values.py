"""Read the small values of feeds: addresses, media types, durations, numbers, languages, flags.

Belongs here: text as a feed states it to a value of the contract, or None where it makes no sense.
Doesn't: dates (`dates.py`), text with markup (`markup.py`), which element states what (`items.py`, `channel.py`).
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from urllib.parse import urljoin, urlsplit

MAX_ADDRESS_CHARS = 2_048
MAX_DURATION_S = 7 * 24 * 3600

WEB_ADDRESS = re.compile(r"https?://[^\s/?#]+")
# What needs no mending: the host without brackets, then anything that ASCII can show but brackets.
_CLEAN_ADDRESS = re.compile(r'https?://[!"$-.0->@-Z\\^-~]+[!-Z\\^-~]*')
YES = frozenset({"yes", "true"})

_EXPLICIT = {"yes": True, "true": True, "explicit": True, "no": False, "false": False, "clean": False}
_LANGUAGE = re.compile(r"[a-z]{2,8}(?:-[a-z0-9]{1,8}){0,5}")
_ISO_DURATION = re.compile(r"PT(?:(\d{1,4})H)?(?:(\d{1,6})M)?(?:(\d{1,7}(?:\.\d{1,9})?)S)?", re.IGNORECASE)


def web_address(value: str | None, base: str) -> str | None:
    """An absolute http or https address, or None for what is none, or longer than `MAX_ADDRESS_CHARS`."""
    if not value or not (value := value.strip()) or len(value) > MAX_ADDRESS_CHARS:
        return None
    if _CLEAN_ADDRESS.fullmatch(value):
        return value
    if not value.startswith(("https://", "http://")):
        try:
            value = urljoin(base, value)
        except ValueError:
            return None
        scheme, colon, rest = value.partition(":")
        value = f"{scheme.lower()}{colon}{rest}"
    if " " in value or not value.isprintable():
        # White space inside an address is a slip of the publisher's: players escape it, and drop what is invisible.
        value = "".join("%20" if c.isspace() else c for c in value if c.isprintable() or c == "\xa0")
    if len(value) > MAX_ADDRESS_CHARS or not WEB_ADDRESS.match(value):
        return None
    if "[" in value or "]" in value:
        try:
            urlsplit(value)
        except ValueError:
            return None
    return value


@lru_cache(maxsize=256)
def media_type(value: str | None) -> str | None:
    """A media type in lower case; None where absent. All of a feed's enclosures mostly have the same."""
    return (value or "").strip().lower()[:100] or None


def language_tag(value: str | None) -> str | None:
    """A BCP 47 tag in lower case, or None for what is no such tag."""
    tag = (value or "").strip().lower().replace("_", "-")[:60]
    return tag if _LANGUAGE.fullmatch(tag) else None


def explicit_flag(value: str) -> bool | None:
    """What `itunes:explicit` says, in any of its dialects."""
    return _EXPLICIT.get(value.lower())


def whole_number(value: str) -> int | None:
    """A season's or an episode's number; None for what is no whole number from 0 to 999,999,999."""
    value = value.strip().removesuffix(".0")
    return int(value) if value.isascii() and value.isdecimal() and len(value) <= 9 else None


def byte_count(value: str | None) -> int | None:
    """A file's length; None where unknown or stated as 0."""
    value = (value or "").strip()
    return int(value) or None if value.isascii() and value.isdecimal() and len(value) <= 15 else None


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
        number = float(part) if part.isdecimal() else _number(part)
        if number is None:
            return None
        total = total * 60 + number
    return total if 0 < total <= MAX_DURATION_S else None


def read_seconds(value: str | None) -> float | None:
    """A position or a length in seconds, 0 included; None where absent or absurd."""
    number = _number(value) if value and len(value) <= 40 else None
    return number if number is not None and number <= MAX_DURATION_S else None


def _number(text: str) -> float | None:
    try:
        number = float(text.strip().replace(",", ".") or "0")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
