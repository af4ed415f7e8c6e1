"""Derive the identifiers of shows and episodes from what their feeds say.

Belongs here: the canonical forms of a feed's and a recording's address, `show_id`, `episode_id`, and the rule for items
without a guid.
Doesn't: reading feeds (feed.py), telling which episode repeats which (repeats.py), private feeds (private.py).
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

# Services that count downloads stand in front of the address proper, often several in a row, and come and go with
# contracts: https://pdst.fm/e/chrt.fm/track/47G541/traffic.megaphone.fm/ERM5029421158.mp3. By their hosts, what stands
# between them and the next address. Forms from the services' own manuals, the Open Podcast Prefix Project's chain
# estimate, and real feeds; a host that also serves files (blubrry, Acast) counts only where another host follows.
_CODE = r"[^/?]+/"
_NEXT_ADDRESS = (
    r"(?:[Hh][Tt][Tt][Pp][Ss]?(?:(?::|%3[Aa])(?:/|%2[Ff]){1,2}|/))?(?=[\w-]+(?:\.[\w-]+)+(?::\d+)?(?:/|%2[Ff]))"
)
_COUNTERS = {
    host: re.compile(form + _NEXT_ADDRESS)
    for form, hosts in {
        r"(?:pts/)?redirect\.\w+[/?]": ["dts.podtrac.com", "www.podtrac.com", "podtrac.com"],
        r"e/": ["pdst.fm", "pdcn.co", "prfx.byspotify.com", "ipfspodcasting.net"],
        r"e(?:,[^/]*)?/": ["op3.dev"],
        r"track/" + _CODE: ["chrt.fm", "chtbl.com", "swap.fm", "tracking.swap.fm"],
        r"rss/p/": ["pscrb.fm", "verifi.podscribe.com"],
        r"(?:track|e/[^/?]+)/": ["mgln.ai"],
        r"measure/": ["claritaspod.com", "www.claritaspod.com"],
        r"m/": ["clrtpod.com"],
        r"p/" + _CODE: ["arttrk.com"],
        r"(?:r/[^/?]+/[^/?]+|[^/?]+)/": ["pdrl.fm"],
        r"(?:r1/[0-9a-f]+|s-[0-9a-f]+)/": ["s.gum.fm"],
        r"": ["2.gum.fm", "flex.acast.com", "flex2.acast.com"],
        r"https?/" + _CODE: ["growx.podkite.com"],
        r"[\w-]+/(?:p/)?": ["media.blubrry.com", "ins.blubrry.com", "media.rawvoice.com"],
        r"r/": ["r.zen.ai", "r.zencastr.com"],
        r"v2/track/" + _CODE: ["t.glystn.com"],
        r"stream/" + _CODE: ["adbarker.com"],
        r"track/": ["letscast.fm"],
        r"t/" + _CODE: ["bktrks.co"],
        r"[\w-]+/pr/" + _CODE: ["backtracks.fm"],
        r"pdcst/" + _CODE: ["cohst.app"],
        r"s/": ["prefix.up.audio"],
        _CODE: [
            *("play.podtrac.com", "pfx.vpixl.com", "pfx.veritonicmetrics.com", "p.podderapp.com", "a.pdcst.to"),
            *("pdcds.co", "m.pfxes.com"),
        ],
    }.items()
    for host in hosts
}
_MAX_COUNTERS = 20

# What a query says of the request and not of the file: tokens, expiries, signatures; sessions; where the listener came
# from; what a host repeats of the path. All else stays, since hosts tell episodes apart by it (id=, file=, NPR's e=).
_PASSING_NAMES = frozenset(
    (
        *("token", "tk", "auth", "authtoken", "auth_token", "access_token", "accesstoken", "jwt", "verify"),
        *("sig", "signature", "sign", "hmac", "policy", "key-pair-id", "keyname", "googleaccessid", "awsaccesskeyid"),
        *("expires", "expire", "expiry", "exp", "token-time", "token-hash", "token_time", "token_hash"),
        *("hdnea", "hdnts", "hdntl", "__token__", "__gda__", "rss_browser"),
        *("sid", "session", "sessionid", "session_id", "listeningsessionid"),
        *("nocache", "cb", "cachebuster", "ts", "timestamp", "_"),
        *("fbclid", "gclid", "mc_cid", "mc_eid", "igshid", "aid", "played_on", "in_playlist", "dest-id"),
        *("awcollectionid", "awepisodeid"),
    )
)
_PASSING_PREFIXES = ("utm_", "x-amz-", "x-goog-", "aw_0_")
# Names of marks as a rule (source=feed), but of a file now and then (source=show/12.mp3).
_MARK_NAMES = frozenset(("source", "src", "ref", "referrer", "feed", "from", "via", "campaign", "medium"))
# When the file was last replaced: another version of one recording.
_VERSION_NAMES = frozenset(("updated", "modified"))


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


def canonical_media_address(url: str, *, keep_version: bool = False) -> str:
    """The form of a file's address that stays while the way to it changes.

    Dropped are the scheme, user and password, a default port, the fragment, services that count downloads, and
    parameters that are tokens, expiries, signatures, sessions or marks of origin; hosts are lower-cased and the
    remaining parameters sorted. The result is no address to fetch from. Any text is taken; nothing is raised.

    Args:
        keep_version: Keep what says when the file was replaced (`updated=`, `modified=`): the same recording, another
            version of it.
    """
    # Asked for every item of every changed feed: the usual address takes no regular expression at all.
    url = url.partition("#")[0].strip()
    address = url[8:] if url.startswith("https://") else _SCHEME.sub("", url, count=1)
    host, slash, rest = address.partition("/")
    host = host.lower()
    passed = 0
    while (counter := _COUNTERS.get(host)) and (match := counter.match(rest)) and passed < _MAX_COUNTERS:
        host, slash, rest = _unescaped(rest[match.end() :]).partition("/")
        host = host.lower()
        passed += 1
    if "@" in host or ":" in host:
        host = _DEFAULT_PORT.sub("", host.rpartition("@")[2])
    path, _, query = f"{host}{slash}{rest}".partition("?")
    kept = _lasting(query, keep_version=keep_version) if query else ""
    return f"{path}?{kept}" if kept else path


def _unescaped(address: str) -> str:
    """The address behind a counting service, which may have escaped all its slashes (pdst.fm does)."""
    if "%" in address.partition("/")[0]:
        return address.replace("%2F", "/").replace("%2f", "/")
    return address


def _lasting(query: str, *, keep_version: bool) -> str:
    """The parameters of a query that say which file is meant, in order."""
    kept = []
    for parameter in query.split("&"):
        name, _, value = parameter.partition("=")
        name = name.lower()
        if (
            not parameter
            or name in _PASSING_NAMES
            or (name in _VERSION_NAMES and not keep_version)
            or (name in _MARK_NAMES and "." not in value and "/" not in value)
            or name.startswith(_PASSING_PREFIXES)
        ):
            continue
        kept.append(parameter)
    kept.sort()
    return "&".join(kept)


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
    return hashlib.sha256(f"{show_id}\n{guid}".encode("utf-8", "surrogatepass")).hexdigest()[:20]


def item_guid(guid: str | None, audio_url: str | None, title: str, stated_at: datetime | None) -> str:
    """What names an item within its feed: its guid, else its enclosure's address, else its title and date.

    The address is taken in its canonical form: with a token that is new each day, each day every old episode of a feed
    without guids would be a new one. Text longer than `MAX_GUID_CHARS` is replaced by its digest: cutting it off would
    make two items one.
    """
    stated = (guid or "").strip()
    address = canonical_media_address(audio_url) if audio_url else ""
    name = stated or address or f"{title} | {stated_at.isoformat() if stated_at else 'no date'}"
    return (
        name
        if len(name) <= MAX_GUID_CHARS
        else f"sha256:{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}"
    )
