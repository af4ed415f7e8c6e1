"""What DNS says of a sender, judged as whoever gets the mail judges it."""

from __future__ import annotations

import base64
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from podbrief_assets.delivery.records import Verdict, judged, parsed
from podbrief_assets.delivery.settings import MailSettings
from podbrief_assets.delivery.signing import DkimKey


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    made = [tmp_path_factory.mktemp("keys") / f"{n}.pem" for n in (1, 2)]
    for key in made:
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    return made


@pytest.fixture(scope="module")
def sender(keys: list[Path]) -> MailSettings:
    return MailSettings(
        sender="brief@briefs.example.org",
        return_path="bounces@briefs.example.org",
        dkim=DkimKey.of(keys[0].read_bytes(), "s1", "briefs.example.org"),
    )


def public(key: Path) -> str:
    der = subprocess.run(
        ["openssl", "rsa", "-in", str(key), "-pubout", "-outform", "DER"], check=True, capture_output=True
    ).stdout
    return base64.b64encode(der).decode()


def zone(keys: list[Path], **changed: str | None) -> str:
    """Records that are as they should be, but for what is changed."""
    p = public(keys[0])
    lines = {
        "spf": 'briefs.example.org. 3600 IN TXT "v=spf1 include:_spf.relay.example -all"',
        "other": 'briefs.example.org. 3600 IN TXT "some-verification=abc"',
        "dkim": f's1._domainkey.briefs.example.org. 3600 IN TXT "v=DKIM1; k=rsa; p={p[:200]}" "{p[200:]}"',
        "dmarc": '_dmarc.example.org TXT "v=DMARC1; p=quarantine; rua=mailto:dmarc@example.org"',
        "mx": "briefs.example.org. 3600 IN MX 10 mx.example.org.",
    }
    return "\n".join(line for line in (lines | changed).values() if line)


def verdicts(text: str, sender: MailSettings) -> dict[str, Verdict]:
    return {one.what: one for one in judged(parsed(text), sender)}


def test_records_as_they_should_be_are_fine(keys: list[Path], sender: MailSettings) -> None:
    found = verdicts(zone(keys), sender)
    assert {what: one.state for what, one in found.items()} == {"SPF": "fine", "DKIM": "fine", "DMARC": "fine"}
    assert "2048 bits" in found["DKIM"].found.replace(",", "")


@pytest.mark.parametrize(
    ("record", "state", "told"),
    [
        (None, "missing", "no record"),
        ('briefs.example.org TXT "v=spf1 a -all"\nbriefs.example.org TXT "v=spf1 mx -all"', "missing", "2 records"),
        ('briefs.example.org TXT "v=spf1 +all"', "missing", "everybody"),
        ('briefs.example.org TXT "v=spf1 include:a.example"', "note", "forbids nothing"),
        ('briefs.example.org TXT "v=spf1 -all"', "note", "nobody"),
        (f'briefs.example.org TXT "v=spf1 {"include:a.example " * 11}-all"', "missing", "11 look-ups"),
        ('other.example.org TXT "v=spf1 a -all"', "missing", "no record"),
        ('briefs.example.org TXT "v=spf1 ip4:192.0.2.1 ~all"', "fine", ""),
        ("briefs.example.org TXT v=spf1 redirect=_spf.example.org", "fine", ""),
    ],
)
def test_spf(keys: list[Path], sender: MailSettings, record: str | None, state: str, told: str) -> None:
    found = verdicts(zone(keys, spf=record), sender)["SPF"]
    assert found.state == state and told in found.found + found.remedy


def test_dkim_is_the_key_that_signs_or_worth_nothing(keys: list[Path], sender: MailSettings) -> None:
    name = "s1._domainkey.briefs.example.org"
    for record, told in [
        (None, "no record"),
        (f'{name} TXT "v=DKIM1; p={public(keys[1])}"', "another key's"),
        (f'{name} TXT "v=DKIM1; p="', "revokes"),
        (f'{name} TXT "v=DKIM1; p=not a key"', "no key"),
    ]:
        found = verdicts(zone(keys, dkim=record), sender)["DKIM"]
        assert found.state == "missing" and told in found.found, told
        assert name in found.remedy
    relay = verdicts(zone(keys), replace(sender, dkim=None))["DKIM"]
    assert relay.state == "note" and "d=briefs.example.org" in relay.remedy


@pytest.mark.parametrize(
    ("record", "bounces", "state", "told"),
    [
        (None, "briefs.example.org", "missing", "no record"),
        ('_dmarc.example.org TXT "v=DMARC1; p=maybe"', "briefs.example.org", "missing", "p="),
        ('_dmarc.example.org TXT "v=DMARC1; p=none"', "briefs.example.org", "note", "asks for nothing"),
        ('_dmarc.briefs.example.org TXT "v=DMARC1; p=reject"', "example.org", "fine", ""),
        ('_dmarc.briefs.example.org TXT "v=DMARC1; p=reject; aspf=s"', "example.org", "note", "DKIM alone"),
        ('_dmarc.example.org TXT "v=DMARC1; p=reject"', "relay.example", "note", "not aligned"),
    ],
)
def test_dmarc_and_whether_bounces_are_aligned(
    keys: list[Path], sender: MailSettings, record: str | None, bounces: str, state: str, told: str
) -> None:
    found = verdicts(zone(keys, dmarc=record), replace(sender, return_path=f"b@{bounces}"))["DMARC"]
    assert found.state == state and told in found.found + found.remedy
