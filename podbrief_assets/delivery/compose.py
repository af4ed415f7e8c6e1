"""Put a brief's rows into the mail that its subscriber gets.

Belongs here: rows of `user_briefs` to a brief, interests in their reader's words, the envelope.
Doesn't: the mail's form (`render.py`), whether it may go (`hand_over.py`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from podbrief_assets.database import session
from podbrief_assets.delivery.ledger import Claim
from podbrief_assets.delivery.links import Links
from podbrief_assets.delivery.mailer import Mail
from podbrief_assets.delivery.render import BriefMail, Entry, Letterhead, on_the_wire, render
from podbrief_assets.delivery.settings import MailSettings
from podbrief_assets.delivery.signing import signed
from podbrief_assets.subscribers.database import SubscriberSnapshot, snapshot


@dataclass(frozen=True, kw_only=True)
class Composer:
    """What all mails of a day share.

    Attributes:
        readers: Everyone's wishes in their own words, by identifier.
        links: None where no public address answers: the mail then has none.
        title: What stands before each subject.
    """

    settings: MailSettings
    readers: Mapping[str, SubscriberSnapshot]
    links: Links | None = None
    title: str = ""

    def __call__(self, claim: Claim, rows: Sequence[dict[str, Any]], address: str) -> Mail:
        """The mail for a claimed brief.

        Raises:
            EmptyBrief, BadRecipient, BadSender: there is none, or an address is none.
        """
        return self.mail(claim.subscriber_id, claim.subscriber_id, claim.day, rows, address, claim.message_id)

    def mail(
        self,
        reader_id: str,
        links_for: str,
        day: dt.date,
        rows: Sequence[dict[str, Any]],
        address: str,
        message_id: str,
    ) -> Mail:
        """The mail that tells `reader_id`'s brief of `day` to `address`.

        Args:
            links_for: Whose subscription and votes the links are about.

        Raises:
            EmptyBrief, BadRecipient, BadSender: there is none, or an address is none.
        """
        settings, links = self.settings, self.links
        letterhead = Letterhead(
            sender=settings.sender,
            sender_name=settings.sender_name,
            postal_address=settings.postal_address,
            unsubscribe=links.unsubscribe(links_for, day) if links else None,
            unsubscribe_token=links.unsubscribe_token(links_for, day) if links else None,
        )
        reader = self.readers.get(reader_id)
        brief = brief_of(rows, day, reader, links, links_for)
        message = render(
            brief,
            letterhead,
            address=address,
            message_id=message_id,
            title=self.title,
            text_only=reader is not None and reader.format == "text",
            # A file is to be the same however often it is written. Mail that leaves is dated when it does: what looks
            # days old on arrival is sorted away, or taken for spam.
            sent_at=dt.datetime.now(dt.UTC) if settings.smtp else None,
        )
        content = on_the_wire(message)
        return Mail(
            day=day,
            subscriber_id=links_for,
            return_path=settings.return_path,
            recipient=address,
            content=signed(content, settings.dkim) if settings.dkim else content,
        )


def brief_of(
    rows: Sequence[dict[str, Any]],
    day: dt.date,
    reader: SubscriberSnapshot | None,
    links: Links | None = None,
    links_for: str = "",
) -> BriefMail:
    """The brief that `user_briefs` rows of one subscriber make, their interests put into words.

    Args:
        reader: None where nobody knows their words any more.
        links, links_for: As for `Composer`.
    """
    fields, interests = Entry.__dataclass_fields__, reader.interests if reader else ()
    entries = tuple(
        Entry(
            **{name: _fixed(row[name]) for name in fields if row.get(name) is not None}
            | {"reason": in_words(row, interests)}
            | ({way: links.vote(links_for, row["insight_id"], way, day) for way in ("up", "down")} if links else {})
        )
        for row in sorted(rows, key=lambda row: row["rank"])
    )
    return BriefMail(day=day, entries=entries, brief_size=reader.brief_size if reader else len(rows))


def readers_of(engine: Engine, day: dt.date) -> dict[str, SubscriberSnapshot]:
    """Everyone's wishes in their own words as of `day`: those that the day's briefs were chosen by."""
    with session(engine, read_only=True) as transaction:
        found = snapshot(transaction, dt.datetime.combine(day, dt.time.max, dt.UTC), newcomers=True)
    return {one.subscriber_id: one for one in found}


def _fixed(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def in_words(row: dict[str, Any], interests: Sequence[str]) -> str:
    """Why an entry was chosen; the lake knows interests by number, the reader by their own words."""
    number, reason = row["interest"], str(row["reason"])
    if number and number <= len(interests):
        return reason.replace(f"interest {number}", f"your interest in “{interests[number - 1]}”")
    return reason
