"""Addresses that no list may bring back.

Belongs here: what is kept of somebody who was forgotten: a keyed hash of the address, from which nobody without the key
can tell the address, not even by trying addresses; and the key.
Doesn't: forgetting (`forgetting.py`), who merely unsubscribed: they are still known by their address.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from podbrief_assets.database import Base, Moment
from podbrief_assets.errors import PermanentFailure
from podbrief_assets.lake.files import made_once

_KEY_BYTES = 32


class BadSuppressionKey(PermanentFailure):
    """The key of the suppression list is missing, damaged, or another one."""


class Suppressed(PermanentFailure):
    """The person of this address was forgotten and may not be brought back by a list."""


class SuppressionRow(Base):
    """A forgotten person's address, as its keyed hash."""

    __tablename__ = "suppression"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    # Tells that another key was lost, where the list would else silently know nobody any more.
    key_name: Mapped[str] = mapped_column(String(16))
    since: Mapped[dt.datetime] = mapped_column(Moment)


@dataclass(frozen=True)
class Suppression:
    """The list, as it can be asked by whoever has its key.

    Attributes:
        key: 32 random bytes, of one installation.
    """

    key: bytes

    @property
    def key_name(self) -> str:
        """What tells the key from another one, and gives nothing of it away."""
        return hashlib.sha256(b"podbrief suppression key name\0" + self.key).hexdigest()[:16]

    def digest(self, address: str) -> str:
        """The keyed hash (HMAC-SHA256) of an address in whatever case.

        Args:
            address: As `values.checked_address` gives it.
        """
        return hmac.new(self.key, address.casefold().encode(), hashlib.sha256).hexdigest()

    def since(self, session: Session, address: str) -> dt.datetime | None:
        """When the person of this address was forgotten; None where they never were.

        Raises:
            BadSuppressionKey: The list was made with another key.
        """
        check_key(session, self)
        return session.scalar(select(SuppressionRow.since).where(SuppressionRow.digest == self.digest(address)))

    def add(self, session: Session, address: str, *, now: dt.datetime) -> str:
        """Put an address on the list; its digest.

        Raises:
            BadSuppressionKey: The list was made with another key.
        """
        check_key(session, self)
        digest = self.digest(address)
        if session.get(SuppressionRow, digest) is None:
            session.add(SuppressionRow(digest=digest, key_name=self.key_name, since=now))
            session.flush()
        return digest

    def lift(self, session: Session, address: str) -> None:
        """Take an address off the list, since its owner asked for briefs again."""
        row = session.get(SuppressionRow, self.digest(address))
        if row is not None:
            session.delete(row)
            session.flush()


def check_key(session: Session, suppression: Suppression | None) -> None:
    """Whether `suppression` can answer for the list.

    Raises:
        BadSuppressionKey: There is a list, and none or another key than it was made with.
    """
    made_with = session.scalar(select(SuppressionRow.key_name).limit(1))
    if made_with is not None and (suppression is None or suppression.key_name != made_with):
        raise BadSuppressionKey(
            "who was forgotten can't be told without the key that the suppression list was made with",
            "restore suppression.key in PODBRIEF_HOME from a backup, so that no list brings them back",
        )


def open_suppression(path: Path) -> Suppression:
    """The list with the key that lies at `path`, where it is made if there is none; its owner alone may read it.

    Raises:
        BadSuppressionKey: The file holds no key.
    """
    made_once(path, lambda: f"{secrets.token_hex(_KEY_BYTES)}\n")
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError as error:
        raise BadSuppressionKey(f"{path} holds no key", "restore it from a backup") from error
    if len(key) != _KEY_BYTES:
        raise BadSuppressionKey(f"{path} holds no whole key", "restore it from a backup")
    return Suppression(key)
