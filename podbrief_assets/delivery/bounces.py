"""Learn from what comes back: notices that a mail did not arrive (RFC 3464), and mails that ask to unsubscribe.

Belongs here: reading them from a mailbox, the table of bounces, and who is taken off the list.
Doesn't: what a server says while it is given a mail (`smtp.py`, `hand_over.py`), fetching a mailbox.

Anybody can write to the address that bounces come to. A notice counts because it quotes the Message-ID of a mail that
the ledger knows, and with it an identifier that nobody guesses; a request counts by its signed token.
"""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage, Message

from sqlalchemy import Date, Engine, String, Text, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from podbrief_assets.database import Base, Moment, session
from podbrief_assets.delivery.ledger import DeliveryRow
from podbrief_assets.delivery.links import NOBODY, read_unsubscribe
from podbrief_assets.delivery.mailer import GONE
from podbrief_assets.delivery.text import one_line, without_addresses
from podbrief_assets.subscribers import database as subscribers
from podbrief_assets.tokens import BadToken, Keys

PATIENCE = 3  # days on which a mail may fail for a cause that could pass, before it no longer looks like one
_WITHIN = dt.timedelta(days=30)

_MBOX = re.compile(rb"(?:\A|(?<=\n)\r?\n)From [^\n]*\n")
_QUOTED_FROM = re.compile(rb"(?m)^>(>*From )")
_OURS = re.compile(r"<(\d{8})\.([A-Za-z0-9_-]{1,64})@[^<>\s]+>", re.ASCII)  # as `ledger.message_id` makes it
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_REQUEST = re.compile(r"unsubscribe\s+([A-Za-z0-9._-]{20,1200})", re.IGNORECASE)


class BounceRow(Base):
    """A notice that a brief did not arrive. It has no address."""

    __tablename__ = "bounce"

    subscriber_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    date: Mapped[dt.date] = mapped_column(Date, primary_key=True)
    status: Mapped[str] = mapped_column(String(16))
    detail: Mapped[str | None] = mapped_column(Text)
    recorded_at: Mapped[dt.datetime] = mapped_column(Moment)


@dataclass(frozen=True)
class Notice:
    """That a mail was not delivered, and is not tried any more.

    Attributes:
        message_id: Of the mail, with angle brackets; None where the notice does not quote it.
        status: As RFC 3463 numbers it, `5.0.0` where it says nothing.
        detail: What the server said, without addresses.
    """

    message_id: str | None
    status: str
    detail: str


@dataclass(frozen=True)
class Request:
    """A mail that asks to unsubscribe, by the token in its subject."""

    token: str


@dataclass
class Imported:
    """What came of a mailbox.

    Attributes:
        bounced, unsubscribed: Identifiers of those who were taken off the list.
        recorded: How many notices were new and leave their reader on the list.
        known: How many were recorded before.
        unmatched: Of those that belong to no mail or person that we know, what they are.
        other: How many messages are neither: delays, vacation notices, people who write.
    """

    bounced: list[str]
    unsubscribed: list[str]
    recorded: int
    known: int
    unmatched: list[str]
    other: int


def messages(content: bytes) -> Iterator[EmailMessage]:
    """The messages of a mailbox file (mbox), or the one of a message's file."""
    parts = [part for part in _MBOX.split(content) if part.strip()]
    mbox = _MBOX.match(content) is not None
    for part in parts if mbox else [content]:
        raw = _QUOTED_FROM.sub(rb"\1", part) if mbox else part
        read = email.message_from_bytes(raw, policy=email.policy.default)
        if isinstance(read, EmailMessage):
            yield read


def understood(message: EmailMessage) -> list[Notice | Request]:
    """What a message says that matters here; nothing where it is a delay, a success or somebody's letter."""
    if message.get_content_type() == "multipart/report":
        return list(_notices(message))
    found = _REQUEST.search(one_line(str(message.get("Subject", "")), 1_300))
    return [Request(found[1])] if found else []


def record(engine: Engine, content: bytes, keys: Keys, now: dt.datetime) -> Imported:
    """Take what a mailbox says to heart; the same one again changes nothing."""
    done = Imported([], [], 0, 0, [], 0)
    for message in messages(content):
        said = understood(message)
        done.other += not said
        for one in said:
            with session(engine) as transaction:
                if isinstance(one, Notice):
                    _bounce(transaction, one, now, done)
                else:
                    _unsubscribe(transaction, one, keys, now, done)
    return done


def _notices(message: EmailMessage) -> Iterator[Notice]:
    parts = list(message.walk())
    message_id = next((found for part in parts if (found := _quoted_message_id(part))), None)
    for part in parts:
        if part.get_content_type() != "message/delivery-status":
            continue
        blocks = part.get_payload()
        for block in blocks if isinstance(blocks, list) else []:
            if not isinstance(block, Message) or str(block.get("Action", "")).strip().lower() != "failed":
                continue
            code = _STATUS.search(str(block.get("Status", "")))
            detail = without_addresses(str(block.get("Diagnostic-Code", "")))
            yield Notice(message_id, code[1] if code else "5.0.0", detail)


def _quoted_message_id(part: Message) -> str | None:
    """The Message-ID of the mail that a part of a notice quotes, whole or by its headers."""
    quoted: object = None
    if part.get_content_type() == "message/rfc822":
        payload = part.get_payload()
        quoted = payload[0] if isinstance(payload, list) and payload else None
    elif part.get_content_type() == "text/rfc822-headers":
        raw = part.get_payload(decode=True)
        quoted = email.message_from_bytes(raw) if isinstance(raw, bytes) else None
    found = str(quoted.get("Message-ID", "")).strip() if isinstance(quoted, Message) else ""
    return found or None


def _bounce(transaction: Session, notice: Notice, now: dt.datetime, done: Imported) -> None:
    row = _sent(transaction, notice.message_id or "")
    if row is None:
        done.unmatched.append(f"a notice ({notice.status}) about {one_line(notice.message_id or 'no mail', 120)}")
        return
    try:
        with transaction.begin_nested():
            transaction.add(
                BounceRow(
                    subscriber_id=row.subscriber_id,
                    date=row.date,
                    status=notice.status,
                    detail=notice.detail or None,
                    recorded_at=now,
                )
            )
    except IntegrityError:
        done.known += 1
        return
    failed = transaction.scalar(
        select(func.count())
        .select_from(BounceRow)
        .where(BounceRow.subscriber_id == row.subscriber_id, BounceRow.date > row.date - _WITHIN)
    )
    gone = notice.status in GONE
    if not (gone or (failed or 0) >= PATIENCE) or not subscribers.is_active(transaction, row.subscriber_id):
        done.recorded += 1
        return
    why = f"{notice.status} {notice.detail}" if gone else f"{failed} mails failed, the last with {notice.status}"
    subscribers.set_status(transaction, row.subscriber_id, "bounced", why=why, now=now)
    done.bounced.append(row.subscriber_id)


def _sent(transaction: Session, message_id: str) -> DeliveryRow | None:
    """The brief with this Message-ID, found by the key that it holds."""
    named = _OURS.fullmatch(message_id)
    try:
        row = transaction.get(DeliveryRow, (named[2], dt.date.fromisoformat(named[1]))) if named else None
    except ValueError:  # eight digits that are no day
        return None
    return row if row is not None and row.message_id == message_id else None


def _unsubscribe(transaction: Session, request: Request, keys: Keys, now: dt.datetime, done: Imported) -> None:
    try:
        subscriber_id = read_unsubscribe(request.token, keys, now)
        if subscriber_id != NOBODY:
            subscribers.set_status(transaction, subscriber_id, "unsubscribed", why="a mail that asked for it", now=now)
            done.unsubscribed.append(subscriber_id)
    except (BadToken, subscribers.UnknownSubscriber) as error:
        done.unmatched.append(f"a mail that asks to unsubscribe ({error.what})")
