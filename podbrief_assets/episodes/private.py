"""Tell paid feeds from public ones, and keep their tokens out of the lake.

Belongs here: which feed addresses hold a private token, sealing the addresses of a private show's items, and the table
of the operational database that opens them again.
Doesn't: fetching (scan.py, net.py), what else must not be shown of a private show (whoever shows it).
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from sqlalchemy import Engine, Text, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from podbrief_assets import database, net
from podbrief_assets.episodes import identity

# Reserved by RFC 2606: no such name can ever resolve, so a sealed address that is asked for by mistake leads nowhere.
_SEALED_HOST = ".sealed.invalid"
_SEALED_GUID = "sealed:"
_SEALED_TEXT = re.compile(r"https://([0-9a-f]{32})\.sealed\.invalid/|sealed:([0-9a-f]{32})")

# ── which feeds are private ──────────────────────────────────────────────────────────────────────────────────────────

# Parameters that are credentials whatever their value, and those that are where the value looks like one: `key=sports`
# and `uid=3` are how a site names its shows.
_CREDENTIALS = frozenset(
    (
        *("token", "auth", "auth_token", "authtoken", "access_token", "accesstoken", "private_token", "user_token"),
        *("secret", "password", "passwd", "pwd", "sig", "signature", "apikey", "api_key", "jwt"),
    )
)
_PERHAPS_CREDENTIALS = frozenset(
    ("k", "t", "tk", "hash", "uuid", "uid", "user", "u", "member", "member_id", "subscriber", "subscription")
)
# rss_token=, feed_key=, member_secret=: likewise by their values.
_CREDENTIAL_ENDS = ("token", "key", "secret", "pass", "auth")
# Hosts where every feed is a member's own.
_PAID_HOSTS = ("supportingcast.fm", "supercast.com", "supercast.tech", "memberful.com", "glow.fm")
_PAID_HOST = re.compile(r"(?:subscribers\.transistor\.fm|private(?:feeds?|rss)?\.[^/]+)\Z")
# Forms of hosts that serve public feeds as well; Acast appends the member's token to the show's public address.
_PAID_PATHS = {
    "patreon.com": re.compile(r"/rss/"),
    "steadyhq.com": re.compile(r"/rss/"),
    "steady.page": re.compile(r"/rss/"),
    "access.acast.com": re.compile(r"/rss/[^/]+/(?!default/?\Z)[^/]{8,}"),
}
# …/private/<token>, as Substack, Castos and Buzzsprout have it; without a token behind it the word is just a name.
_PRIVATE_FOLDER = re.compile(r"/(?:private|subscribers?|members?|premium)/(.+)\Z", re.IGNORECASE)
# A UUID or a long mix of letters and digits. In a path of its own it says nothing: Acast, Megaphone, Simplecast and
# ART19 name their public feeds so.
_OPAQUE = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|(?<![A-Za-z0-9])(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9_]{12,}",
    re.IGNORECASE,
)


def is_private(feed_url: str) -> bool:
    """Whether a feed's address holds a private token, so that whoever knows it hears what somebody paid for.

    Conservative: a random part in the path is no sign by itself. What this does not know, the operator says in the
    subscription list.
    """
    address = feed_url.strip().partition("#")[0].partition("://")
    rest, _, query = (address[2] or address[0]).partition("?")
    authority, slash, path = rest.partition("/")
    user, _, host = authority.rpartition("@")
    host = host.partition(":")[0].lower()
    return (
        bool(user)
        or any(_is_at(host, paid) for paid in _PAID_HOSTS)
        or _PAID_HOST.match(host) is not None
        or any(_is_at(host, paid) and form.search(slash + path) for paid, form in _PAID_PATHS.items())
        or _has_private_folder(slash + path)
        or any(_is_credential(parameter) for parameter in query.split("&"))
    )


def _is_at(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def _has_private_folder(path: str) -> bool:
    found = _PRIVATE_FOLDER.search(path)
    return found is not None and _holds_token(found[1])


def _holds_token(path: str) -> bool:
    return _OPAQUE.search(unquote(path)) is not None


def _is_credential(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    name = name.lower()
    perhaps = name in _PERHAPS_CREDENTIALS or name.endswith(_CREDENTIAL_ENDS)
    return (name in _CREDENTIALS and bool(value)) or (perhaps and _holds_token(value))


# ── sealing ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_ADDRESS_COLUMNS = ("audio_url", "chapters_url", "link", "image_url", "notes_base")
_ADDRESSES_INSIDE = {"enclosures": "url", "transcripts": "url", "persons": "href"}
_WRITTEN_ADDRESS = re.compile(r"""https?://[^\s<>"']+""", re.IGNORECASE)
_RUN = re.compile(r"""[^\s<>"']++""")
_PATH = re.compile(r"[/?]")


def seal_of(address: str) -> str:
    """32 hexadecimal digits that stand for an address, the same while its tokens rotate and its prefixes change."""
    return _digits(identity.canonical_media_address(address))


def seal_of_guid(guid: str) -> str:
    """The same for a guid that is an address.

    Nothing but the scheme and credentials is left out: a site may tell its episodes apart by what says nothing of a
    file, such as `…/podcast#ep1` or `?from=1`.
    """
    address, hash_sign, fragment = guid.strip().partition("#")
    path, _, query = (address.partition("://")[2] or address).partition("?")
    kept = "&".join(parameter for parameter in query.split("&") if parameter and not _is_credential(parameter))
    return _digits(f"{path}?{kept}{hash_sign}{fragment}")


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def is_sealed(url: str) -> bool:
    """Whether `url` stands for an address that only the operational database knows."""
    return url.startswith("https://") and seal_in(url) is not None


def seal_in(text: str) -> str | None:
    """The seal in a sealed address or guid; None for any other text."""
    if text.endswith(f"{_SEALED_HOST}/") or text.startswith(_SEALED_GUID):
        found = _SEALED_TEXT.fullmatch(text)
        return found and (found[1] or found[2])
    return None


def ambiguous_seals(addresses: Iterable[str]) -> frozenset[str]:
    """The seals that would stand for several of a feed's recordings.

    Where a host tells its files apart by nothing but what looks like a token, each is sealed by its whole address: with
    one seal for all, the newest recording would be heard for each of them.
    """
    seen: dict[str, str] = {}
    return frozenset(seal for address in addresses if seen.setdefault(seal := seal_of(address), address) != address)


def sealed(row: Mapping[str, Any], ambiguous: Collection[str] = frozenset()) -> tuple[dict[str, Any], dict[str, str]]:
    """A `feed_items` row of a private show without its secrets, and what opens them again.

    Every address becomes `https://<seal>.sealed.invalid/`. A guid that is an address, as it is where a feed has no
    guids of its own, is sealed likewise and `episode_id` derived anew, so that the episode stays the same one when the
    token in its address changes. In the show notes and texts, addresses that could hold a token are cut short.

    Args:
        ambiguous: As `ambiguous_seals` gives them for the whole feed.

    Returns:
        The row, and the real address by its sealed form.
    """
    found: dict[str, str] = {}
    out = dict(row)
    for column in _ADDRESS_COLUMNS:
        out[column] = _seal(row.get(column), found, ambiguous)
    for column, name in _ADDRESSES_INSIDE.items():
        inside = row.get(column)
        out[column] = inside and [{**one, name: _seal(one.get(name), found, ambiguous)} for one in inside]
    if license := row.get("license"):
        out["license"] = _without_tokens(license)
    if notes := row.get("notes"):
        out["notes"] = _without_tokens(notes)
    if texts := row.get("texts"):
        out["texts"] = [{**one, "text": _without_tokens(one["text"])} for one in texts]
    if _is_address(row["guid"], row.get("audio_url")):
        out["guid"] = f"{_SEALED_GUID}{seal_of_guid(row['guid'])}"
        out["episode_id"] = identity.episode_id(row["show_id"], out["guid"])
    return out, found


def _is_address(guid: str, audio_url: str | None) -> bool:
    stated_none = audio_url is not None and guid == identity.item_guid(None, audio_url, "", None)
    return seal_in(guid) is None and ("://" in guid or stated_none)


def _seal(address: str | None, found: dict[str, str], ambiguous: Collection[str]) -> str | None:
    if not address or is_sealed(address):
        return address
    seal = seal_of(address)
    stand_in = f"https://{_digits(address) if seal in ambiguous else seal}{_SEALED_HOST}/"
    found[stand_in] = address
    return stand_in


def _without_tokens(text: str) -> str:
    return _RUN.sub(_without_path, _WRITTEN_ADDRESS.sub(_cut_short, text))


def _without_path(run: re.Match[str]) -> str:
    """A link within the publisher's own site, or an address in character references, without what holds a token."""
    written = run.group()
    plain = html.unescape(written) if "&" in written else written
    path = _PATH.search(plain)
    if path is None or not _holds_token(plain):
        return written
    return f"{plain[: plain.rfind('=', 0, path.start()) + 1]}…"


def _cut_short(match: re.Match[str]) -> str:
    address = match.group()
    scheme, _, rest = address.partition("://")
    host, _, path = rest.partition("/")
    if "@" in host or _holds_token(path.partition("?")[0]):
        return f"{scheme}://{host.rpartition('@')[2].partition('?')[0]}/…"
    return net.displayed(address) if "?" in address else address


# ── opening ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_AT_ONCE = 500  # SQLite takes 999 parameters in a statement, if it was built long ago


class SealedAddress(database.Base):
    """What a sealed address stands for: the only place where a private show's addresses are kept."""

    __tablename__ = "sealed_addresses"

    sealed: Mapped[str] = mapped_column(Text, primary_key=True)
    address: Mapped[str] = mapped_column(Text)
    first_seen_at: Mapped[datetime | None]


_TABLE = SealedAddress.__table__


def keep(engine: Engine, mapping: Mapping[str, str], *, seen_at: datetime | None = None) -> None:
    """Remember what `sealed` replaced, in one transaction; where a token rotated the newest address counts.

    Keep before the rows are written: a row whose address nobody can open any more is an episode that is never heard.
    """
    rows = [{"sealed": stand_in, "address": address, "first_seen_at": seen_at} for stand_in, address in mapping.items()]
    if not rows:
        return
    insert = (postgresql if engine.dialect.name == "postgresql" else sqlite).insert(_TABLE)
    written = {
        "address": insert.excluded.address,
        "first_seen_at": func.coalesce(_TABLE.c.first_seen_at, insert.excluded.first_seen_at),
    }
    with database.session(engine) as session:
        session.execute(insert.on_conflict_do_update(index_elements=["sealed"], set_=written), rows)


def opened(engine: Engine, urls: Collection[str]) -> dict[str, str]:
    """The real address of each of `urls` that is sealed and known; others are left out."""
    wanted = sorted({url for url in urls if is_sealed(url)})
    found: dict[str, str] = {}
    with database.session(engine, read_only=True) as session:
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            known = select(_TABLE.c.sealed, _TABLE.c.address).where(_TABLE.c.sealed.in_(some))
            found |= {row.sealed: row.address for row in session.execute(known)}
    return found
