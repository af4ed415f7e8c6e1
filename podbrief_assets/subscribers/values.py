"""What a subscriber may say: checked, in the one form that is stored.

Belongs here: the limits of addresses, wishes and settings, and what is wrong with a value that is outside of them.
Doesn't: storing anything (`database.py`), a list's lines (`importing.py`).
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence
from typing import Literal
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email

from podbrief_assets.errors import PermanentFailure
from podbrief_assets.insights.topics import TOPICS

Format = Literal["html", "text"]

DEFAULT_BRIEF_SIZE = 5
MAX_BRIEF_SIZE = 10
DEFAULT_HOUR = 7
MAX_HOUR = 23
MAX_WISHES = 200
MAX_WISH_LENGTH = 300

# Reserved for private and test networks. A mail to them reaches nobody by accident, and people try podbrief with them.
_PRIVATE_DOMAINS = re.compile(r"[@.](?:localhost|test|local|invalid)\Z")
_LANGUAGE = re.compile(r"[a-z]{2,8}(?:-[a-z0-9]{1,8}){0,3}", re.ASCII)
# “No code tools” and “without a boss” are interests; what begins like this is none.
_UNWANTED = re.compile(
    r"(?:please )?(?:not(?! (?:only|just|yet|so)\b)(?: about| interested in)?|nothing (?:about|on|to do with)|no more"
    r"|never(?: about)?|anything but) (?P<what>.+)",
    re.IGNORECASE,
)
# A spreadsheet runs a cell that starts with one of these. No list that we ever export shall hold one.
_FORMULA_STARTS = ("=", "+", "-", "@")


class BadAddress(PermanentFailure):
    """What was given is no address that a brief could be sent to."""


class BadWish(PermanentFailure):
    """An interest, follow, mute or setting is outside what podbrief can work with."""


def checked_address(address: str) -> str:
    """`address` in the form that is stored and written to; an international domain becomes its ASCII form.

    Raises:
        BadAddress: It is no address, is more than an address, or needs SMTPUTF8, which many servers refuse.
    """
    address = address.strip()
    shown = plain(address)[:80] or "(empty)"
    if len(address) > 254:
        raise BadAddress(f"{shown}…", "an address has 254 characters at most")
    if address.startswith(_FORMULA_STARTS):
        raise BadAddress(f"{shown}: starts like a spreadsheet formula", "give one plain address")
    # The library refuses these names whatever it is told, so they are looked at as part of a public one.
    suffix = ".example" if _PRIVATE_DOMAINS.search(address.casefold()) else ""
    try:
        found = validate_email(
            address + suffix,
            check_deliverability=False,  # the syntax only: no look-up of a name that a stranger gave
            allow_smtputf8=False,
            strict=True,
        )
    except EmailNotValidError as error:
        raise BadAddress(
            f"{shown}: {str(error).rstrip('.')}", "give one plain address, as in reader@example.org"
        ) from error
    if found.ascii_email is None:  # not with allow_smtputf8=False, says the library's documentation
        raise BadAddress(shown, "use the address's form without accents")
    return found.ascii_email.removesuffix(suffix)


def checked_wishes(values: Sequence[str], *, what: str = "interest") -> tuple[str, ...]:
    """`values` on one line each, without control characters, empty ones and repeats, in the order given.

    Raises:
        BadWish: One is longer than 300 characters or starts like a formula, or there are more than 200.
    """
    kept: dict[str, str] = {}
    for value in values:
        if len(value) > 4 * MAX_WISH_LENGTH or len(said := plain(value)) > MAX_WISH_LENGTH:
            raise BadWish(
                f"{what} “{plain(value[:60])}…” is too long", f"say it in at most {MAX_WISH_LENGTH} characters"
            )
        if said.startswith(_FORMULA_STARTS):
            raise BadWish(f"{what} “{said[:60]}” starts like a spreadsheet formula", "begin it with a word")
        if said:
            kept.setdefault(said.casefold(), said)
    if len(kept) > MAX_WISHES:
        raise BadWish(f"{len(kept)} times {what}", f"give at most {MAX_WISHES}")
    return tuple(kept.values())


def checked_timezone(name: str) -> str:
    """`name` if it is an IANA time zone.

    Raises:
        BadWish: It isn't.
    """
    if name in _timezones():
        return name
    raise BadWish(f"unknown time zone “{plain(name[:60])}”", "use an IANA name, as in Europe/Berlin or UTC")


def checked_language(tag: str) -> str:
    """`tag` as a BCP 47 tag in lower case.

    Raises:
        BadWish: It doesn't look like one.
    """
    lowered = tag.strip().replace("_", "-").lower()
    if not _LANGUAGE.fullmatch(lowered):
        raise BadWish(f"unknown language “{plain(tag[:60])}”", "use a tag, as in en, de or pt-br")
    return lowered


def checked_brief_size(size: int) -> int:
    """`size` if it is from 1 to 10.

    Raises:
        BadWish: It isn't.
    """
    if not 1 <= size <= MAX_BRIEF_SIZE:
        raise BadWish(f"brief size {size}", f"a brief has 1 to {MAX_BRIEF_SIZE} entries")
    return size


def checked_topics(values: Sequence[str]) -> tuple[str, ...]:
    """`values` if each is a topic of podbrief's list, by its identifier or its title; their identifiers.

    Raises:
        BadWish: One isn't: muting it would mute nothing, and nobody would know.
    """
    found: dict[str, None] = {}
    for value in checked_wishes(values, what="muted topic"):
        topic_id = topic_named(value)
        if topic_id is None:
            raise BadWish(
                f"unknown topic “{value[:60]}”",
                "use one of the list in podbrief_assets/insights/topics.toml, or mute the word itself",
            )
        found[topic_id] = None
    return tuple(found)


def topic_named(name: str) -> str | None:
    """The identifier of the topic with this identifier or title, in whatever case; None where there is none."""
    return _topics().get(plain(name).casefold())


def unwanted(interest: str) -> str | None:
    """What an interest says that nobody shall send: “crypto” of “not crypto”; None of one that is wanted."""
    said = _UNWANTED.fullmatch(plain(interest).rstrip(".! "))
    return said["what"] if said else None


def checked_hour(hour: int) -> int:
    """`hour` if it is one of a day's.

    Raises:
        BadWish: It isn't.
    """
    if not 0 <= hour <= MAX_HOUR:
        raise BadWish(f"hour {hour}", f"give the hour of the day at which the brief is wanted, 0 to {MAX_HOUR}")
    return hour


def checked_format(name: str) -> Format:
    """`name` as the format of a mail.

    Raises:
        BadWish: It is none.
    """
    match name.strip().casefold():
        case "html":
            return "html"
        case "text":
            return "text"
    raise BadWish(f"unknown format “{plain(name[:40])}”", "use html or text")


def plain(text: str) -> str:
    """`text` in one form (NFC), on one line, without control and invisible formatting characters."""
    kept = "".join(
        " " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char
        for char in unicodedata.normalize("NFC", text)
        if char in "\u200c\u200d" or unicodedata.category(char) not in ("Cf", "Cs", "Co", "Cn")
    )
    return " ".join(kept.split())


@functools.cache
def _topics() -> dict[str, str]:
    return {name.casefold(): topic_id for topic_id, topic in TOPICS.items() for name in (topic_id, topic.title)}


@functools.cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())
