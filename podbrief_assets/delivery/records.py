"""Judge the DNS records that decide whether mail is believed: SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489).

Belongs here: reading records as `dig` and zone files print them, and what they mean for mail with our settings.
Doesn't: asking DNS: whoever wants to know hands the records in, also before they are published.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from dkim.crypto import UnparsableKeyError, parse_public_key

from podbrief_assets.delivery.settings import MailSettings
from podbrief_assets.delivery.signing import DkimKey
from podbrief_assets.delivery.text import one_line

State = Literal["fine", "note", "missing"]
Records = Mapping[str, list[str]]

_LINE = re.compile(r"\s*(?P<name>[A-Za-z0-9._-]+)\s+(?:\d+\s+)?(?:IN\s+)?TXT\s+(?P<text>.+)", re.IGNORECASE)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ASKS = re.compile(r"[+?~-]?(?:include:|a\b|mx\b|ptr\b|exists:)|redirect=", re.IGNORECASE)
_MOST_ASKED = 10  # RFC 7208, 4.6.4: a receiver that has to ask more often gives up


@dataclass(frozen=True)
class Verdict:
    """What one kind of record says.

    Attributes:
        state: `fine`; `note`: works, and could be better; `missing`: mail will be refused or lands in spam.
        remedy: What to do, empty where there is nothing to do.
    """

    what: str
    found: str
    state: State = "fine"
    remedy: str = ""


def parsed(text: str) -> dict[str, list[str]]:
    """TXT records by name, from lines such as `example.org. 3600 IN TXT "v=spf1 -all"`; other lines are passed over."""
    records: dict[str, list[str]] = {}
    for line in text.splitlines():
        if found := _LINE.match(line):
            strings = _QUOTED.findall(found["text"])
            value = "".join(re.sub(r"\\(.)", r"\1", one) for one in strings) if strings else found["text"].strip()
            records.setdefault(found["name"].rstrip(".").lower(), []).append(value)
    return records


def judged(records: Records, settings: MailSettings) -> Iterator[Verdict]:
    """What the records mean for mail that is sent with these settings."""
    bounces = settings.return_path.rpartition("@")[2].lower()
    yield _spf(records, bounces)
    yield _dkim(records, settings.dkim, settings.domain)
    yield _dmarc(records, settings.domain.lower(), bounces)


def _spf(records: Records, domain: str) -> Verdict:
    what, found = "SPF", [one for one in records.get(domain, []) if one.lower().split(" ")[0] == "v=spf1"]
    if len(found) != 1:
        why = "no record" if not found else f"{len(found)} records, which count as none"
        return Verdict(what, f"{domain}: {why}", "missing", "publish one TXT record: v=spf1 include:(your relay) -all")
    terms = found[0].split()[1:]
    shown = f"{domain}: {one_line(found[0], 200)}"
    if any(term.lower() in ("all", "+all") for term in terms):
        return Verdict(what, shown, "missing", "it lets everybody send in your name: end it with -all or ~all")
    asked = sum(bool(_ASKS.match(term)) for term in terms)
    if asked > _MOST_ASKED:
        return Verdict(what, shown, "missing", f"it needs {asked} look-ups; receivers make at most {_MOST_ASKED}")
    if not any(term.lower() in ("-all", "~all") or term.lower().startswith("redirect=") for term in terms):
        return Verdict(what, shown, "note", "end it with -all or ~all, else it forbids nothing")
    return Verdict(what, shown, "note" if not asked and len(terms) == 1 else "fine", _nobody(asked, terms))


def _nobody(asked: int, terms: list[str]) -> str:
    return "it lets nobody send: name your relay in it" if not asked and len(terms) == 1 else ""


def _dkim(records: Records, key: DkimKey | None, domain: str) -> Verdict:
    if key is None:
        return Verdict(
            "DKIM", "the relay signs", "note", f"look at a mail that arrived: its DKIM-Signature must say d={domain}"
        )
    name = f"{key.selector}._domainkey.{key.domain}".lower()
    why = _unlike(records.get(name, []), key)
    if why:
        half = "the base64 of `openssl rsa -in KEY -pubout -outform DER`"
        return Verdict("DKIM", f"{name}: {why}", "missing", f"publish at {name}: v=DKIM1; k=rsa; p= and {half}")
    bits = key.modulus.bit_length()
    if bits < 2_048:
        return Verdict("DKIM", f"{name}: the key, {bits} bits", "note", "2,048 bits are usual by now")
    return Verdict("DKIM", f"{name}: the key, {bits} bits")


def _unlike(found: list[str], key: DkimKey) -> str:
    """Why what is published is not the public half of `key`; empty where it is."""
    if len(found) != 1:
        return "no record" if not found else "several records"
    published = "".join(_tags(found[0]).get("p", "").split())
    if not published:
        return "its p= is empty, which revokes the key"
    try:
        numbers = parse_public_key(base64.b64decode(published, validate=True))
    except (UnparsableKeyError, ValueError):
        return "its p= is no key"
    same = (int(numbers["modulus"]), int(numbers["publicExponent"])) == (key.modulus, key.exponent)
    return "" if same else "it is another key's"


def _dmarc(records: Records, domain: str, bounces: str) -> Verdict:
    # RFC 7489, 6.6.3: a domain without a record of its own has its organisation's.
    parents = [domain.split(".", n)[-1] for n in range(domain.count("."))]
    place = next((f"_dmarc.{one}" for one in parents if f"_dmarc.{one}" in records), f"_dmarc.{domain}")
    found = [one for one in records.get(place, []) if one.lower().replace(" ", "").startswith("v=dmarc1")]
    if len(found) != 1:
        why = "no record" if not found else "several records, which count as none"
        return Verdict("DMARC", f"{place}: {why}", "missing", "publish one TXT record: v=DMARC1; p=quarantine; rua=…")
    tags, shown = _tags(found[0]), f"{place}: {one_line(found[0], 200)}"
    policy = tags.get("p", "").lower()
    if policy not in ("none", "quarantine", "reject"):
        return Verdict("DMARC", shown, "missing", "its p= must be none, quarantine or reject")
    strict = tags.get("aspf", "r").lower() == "s"
    aligned = bounces == domain or (not strict and _same_organisation(bounces, domain))
    if not aligned:
        return Verdict(
            "DMARC",
            shown,
            "note",
            f"bounces go to {bounces}, which is not aligned with {domain}: it rests on DKIM alone",
        )
    if policy == "none":
        return Verdict("DMARC", shown, "note", "p=none asks for nothing: quarantine, once its reports look well")
    return Verdict("DMARC", shown)


def _same_organisation(one: str, other: str) -> bool:
    """Whether one domain lies below the other. Siblings below one organisation are not found: that takes a list."""
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _tags(record: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}
