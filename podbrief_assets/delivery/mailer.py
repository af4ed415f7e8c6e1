"""Hand a rendered brief over.

Belongs here: what every mailer promises, and the outbox, a folder of `.eml` files that mails nobody.
Doesn't: rendering (`render.py`), SMTP (`smtp.py`), deciding whether a brief may go (`ledger.py`).
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from upath import UPath

from podbrief_assets.errors import PermanentFailure, PodbriefError, TransientFailure
from podbrief_assets.lake.files import write_bytes

# RFC 3463: no such mailbox, no such domain, no such address, moved, a domain that takes no mail, a closed mailbox.
GONE = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class MailerDown(TransientFailure):
    """The mailer takes nothing from anybody just now: the other mails of a run need not be tried."""


class Unanswered(PodbriefError):
    """The mailer had the whole mail and did not say whether it took it: neither sent again nor counted as sent."""


class RecipientGone(PermanentFailure):
    """The mailer says that the address is nobody's."""


class OutboxUnwritable(MailerDown):
    """The outbox's folder took no file."""


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A mail and its envelope.

    Attributes:
        return_path: Where bounces go.
        content: As it is sent: headers and body with CRLF line ends, in ASCII.
    """

    day: dt.date
    subscriber_id: str
    return_path: str
    recipient: str = field(repr=False)
    content: bytes = field(repr=False)


class Mailer(Protocol):
    """Something that takes briefs off our hands; whoever opened it closes it."""

    @property
    def idempotent(self) -> bool:
        """Whether handing the same brief over twice gives nobody two."""

    def deliver(self, mail: Mail) -> str:
        """Hand `mail` over and say where it went, without an address.

        Raises:
            PermanentFailure: It was refused for good.
            TransientFailure: Nothing was handed over, and a later run may succeed; `MailerDown` if that is so for all.
            Unanswered: Nobody knows.
        """

    def close(self) -> None:
        """Give back what it holds."""


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

    def deliver(self, mail: Mail) -> str:
        """Write `mail`; its path relative to the outbox.

        Raises:
            OutboxUnwritable: The disk or the store said no.
        """
        if not _NAME.fullmatch(mail.subscriber_id):  # it becomes a file's name
            raise ValueError(f"no identifier of a subscriber: {mail.subscriber_id[:80]!r}")
        path = f"{mail.day.isoformat()}/{mail.subscriber_id}.eml"
        try:
            write_bytes(self.root / path, mail.content)
        except OSError as error:
            raise OutboxUnwritable(
                f"{path} could not be written to the outbox {self.root} ({error.strerror or error})",
                "look at the folder's rights and the free space; the next run writes it",
            ) from error
        return path

    def close(self) -> None:
        """Nothing stays open."""
