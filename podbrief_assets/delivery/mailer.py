"""Hand a rendered brief over.

Belongs here: what every mailer promises, and the outbox, a folder of `.eml` files that mails nobody.
Doesn't: rendering (`render.py`), deciding whether a brief may go (`ledger.py`).
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Protocol

from upath import UPath

from podbrief_assets.errors import TransientFailure
from podbrief_assets.lake.files import write_bytes

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class OutboxUnwritable(TransientFailure):
    """The outbox's folder took no file."""


class Mailer(Protocol):
    """Something that takes a brief off our hands."""

    @property
    def idempotent(self) -> bool:
        """Whether handing the same brief over twice gives nobody two."""

    def deliver(self, message: EmailMessage, *, day: dt.date, subscriber_id: str) -> str:
        """Hand `message` over and say where it went.

        Raises:
            PermanentFailure: It was refused for good.
            TransientFailure: Nothing was handed over, and a later run may succeed.
        """


@dataclass(frozen=True)
class Outbox:
    """Writes `<root>/<YYYY-MM-DD>/<subscriber_id>.eml`, in one step, the same bytes for the same brief.

    Attributes:
        root: A folder, or any fsspec address.
    """

    root: UPath | Path

    @property
    def idempotent(self) -> bool:
        """True: the second file takes the place of the first."""
        return True

    def deliver(self, message: EmailMessage, *, day: dt.date, subscriber_id: str) -> str:
        """Write `message`; its path relative to the outbox.

        Raises:
            OutboxUnwritable: The disk or the store said no.
        """
        if not _NAME.fullmatch(subscriber_id):  # it becomes a file's name
            raise ValueError(f"no identifier of a subscriber: {subscriber_id[:80]!r}")
        path = f"{day.isoformat()}/{subscriber_id}.eml"
        try:
            write_bytes(self.root / path, message.as_bytes(policy=SMTP))
        except OSError as error:
            raise OutboxUnwritable(
                f"{path} could not be written to the outbox {self.root} ({error.strerror or error})",
                "look at the folder's rights and the free space; the next run writes it",
            ) from error
        return path
