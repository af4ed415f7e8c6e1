"""Signed tokens: a link in a mail that lets one person do one thing, for a while, without logging in.

Belongs here: issuing and reading tokens, the keys that sign them, and rotating these.
Doesn't: what a purpose's subject means (`delivery/links.py`, `web/`), who holds which status (`subscribers/`).
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from podbrief_assets.environment import BadSetting
from podbrief_assets.errors import PermanentFailure
from podbrief_assets.lake.files import made_once

TOKEN_KEY = "PODBRIEF_TOKEN_KEY"  # noqa: S105 - the variable's name
MAX_SUBJECT = 400

_LEAST_SECRET = 32
_MAX_TOKEN = 1_200
_PURPOSE = re.compile(r"[a-z]{1,32}", re.ASCII)
_TOKEN = re.compile(r"1\.([0-9a-f]{8})\.([0-9]{1,12})\.([A-Za-z0-9_-]{1,600})\.([A-Za-z0-9_-]{43})", re.ASCII)


class BadToken(PermanentFailure):
    """A token is none of ours, was changed, or is for something else."""


class ExpiredToken(BadToken):
    """A token was ours, and its time is over."""


@dataclass(frozen=True)
class Key:
    """One secret and the name by which a token says that it was signed with it.

    The name follows from the secret, so that whoever rotates keys has nothing to number.
    """

    secret: bytes = field(repr=False)

    @property
    def key_id(self) -> str:
        """Eight hexadecimal digits that give nothing of the secret away."""
        return hmac.new(self.secret, b"podbrief key id", hashlib.sha256).hexdigest()[:8]


@dataclass(frozen=True)
class Keys:
    """The keys whose tokens are accepted; the first one signs.

    To rotate, put a new one first and drop the old one when the last token that it signed has expired.
    """

    keys: tuple[Key, ...]

    @classmethod
    def of(cls, *texts: str) -> Self:
        """Keys of secrets as text.

        Raises:
            BadSetting: there is none, or one is too short to be a secret.
        """
        found = tuple(Key(text.strip().encode()) for text in texts if text.strip())
        if not found or any(len(key.secret) < _LEAST_SECRET for key in found):
            raise BadSetting(
                f"{TOKEN_KEY} holds no secret of {_LEAST_SECRET} characters",
                "give one or more, separated by commas, the one that signs first; "
                "`python -c 'import secrets; print(secrets.token_urlsafe(32))'` makes one",
            )
        return cls(found)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], home: Path) -> Self:
        """The keys that the environment names, else those in `home`, where one is made at first use.

        Raises:
            BadSetting: they can't be used.
            FileLocked: somebody else is making one, and does not come to an end.
        """
        if stated := environ.get(TOKEN_KEY):
            return cls.of(*stated.split(","))
        place = home / "token-key"
        made_once(place, lambda: f"{secrets.token_urlsafe(32)}\n")
        return cls.of(*place.read_text(encoding="utf-8").split())


def issue(purpose: str, subject: str, *, key: Keys, expires_at: dt.datetime) -> str:
    """A token that lets `subject` do what `purpose` names until `expires_at`; it can stand in an address.

    The same arguments give the same token.

    Args:
        purpose: Lower-case letters; a token for one purpose is worth nothing for another.
        subject: Whom it is for, and what with: 400 bytes at most. It is signed and can be read by anybody.
        expires_at: With a time zone; whole seconds count.
    """
    if not _PURPOSE.fullmatch(purpose) or not 0 < len(subject.encode()) <= MAX_SUBJECT:
        raise ValueError(f"no token can be made of purpose {purpose[:40]!r} and subject {subject[:40]!r}")
    if expires_at.tzinfo is None:
        raise ValueError(f"{expires_at!r} has no time zone")
    signing = key.keys[0]
    body = f"1.{signing.key_id}.{int(expires_at.timestamp())}.{_encoded(subject.encode())}"
    return f"{body}.{_signature(signing, purpose, body)}"


def read(token: str, purpose: str, *, key: Keys, now: dt.datetime) -> str:
    """The subject of a token for `purpose`.

    Raises:
        ExpiredToken: its time is over.
        BadToken: it was not issued with any of the keys, or for another purpose, or was changed.
    """
    found = _TOKEN.fullmatch(token) if len(token) <= _MAX_TOKEN else None
    known = next((one for one in key.keys if found and one.key_id == found[1]), None)
    if found is None or known is None:
        raise _bad()
    if not hmac.compare_digest(_signature(known, purpose, token.rpartition(".")[0]), found[4]):
        raise _bad()
    if int(found[2]) <= now.timestamp():
        raise ExpiredToken("this link's time is over", "use the one in a newer mail")
    try:
        return base64.urlsafe_b64decode(found[3] + "=" * (-len(found[3]) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError) as error:  # signed by us all the same: an older release's
        raise _bad() from error


def _signature(key: Key, purpose: str, body: str) -> str:
    # The purpose holds no line feed, so no purpose and body can be read as another pair.
    return _encoded(hmac.new(key.secret, f"{purpose}\n{body}".encode(), hashlib.sha256).digest())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _bad() -> BadToken:
    return BadToken("this link is not one of ours, or was changed on its way", "use the one in the mail")
