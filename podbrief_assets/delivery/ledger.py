"""Remember which brief was handed over, so that nobody gets two for one day.

Belongs here: the table of deliveries, claiming one, settling it, and what to do with a claim whose run died.
Doesn't: rendering (`render.py`), handing over (`mailer.py`), the lake's table `brief_deliveries` (`assets.py`).
"""

from __future__ import annotations

import datetime as dt
import os
import re
import secrets
import socket
from dataclasses import dataclass
from typing import Any, Literal, cast

import psutil
from sqlalchemy import CheckConstraint, CursorResult, Date, Engine, Index, String, Text, Update, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from podbrief_assets.database import Base, Moment, session
from podbrief_assets.errors import PermanentFailure

Status = Literal["claimed", "delivered", "refused", "unknown", "cancelled"]
Outcome = Literal["delivered", "refused", "unknown", "cancelled"]

# Longer than any hand-over takes. It decides where the claiming process is on another machine, or lives but has lost
# its claim, as a long-lived daemon does whose step failed in between.
STALE_AFTER = dt.timedelta(minutes=15)

_DOMAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?", re.ASCII)
_SUBSCRIBER = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class BadMessageDomain(PermanentFailure):
    """The configured domain can't stand in a Message-ID."""


class DeliveryRow(Base):
    """A brief for a subscriber and a day, from its claim on. It has no address and outlives the subscriber's row."""

    __tablename__ = "delivery"
    __table_args__ = (
        CheckConstraint("status IN ('claimed', 'delivered', 'refused', 'unknown', 'cancelled')", name="status"),
        Index("ix_delivery_date_status", "date", "status"),
    )

    subscriber_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    date: Mapped[dt.date] = mapped_column(Date, primary_key=True)
    message_id: Mapped[str] = mapped_column(String(400))
    status: Mapped[str] = mapped_column(String(16))
    attempted_at: Mapped[dt.datetime] = mapped_column(Moment)
    finished_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    entries: Mapped[int]
    detail: Mapped[str | None] = mapped_column(Text)
    run_id: Mapped[str | None] = mapped_column(String(64))
    # Process and attempt that hold the claim; see `_owner`.
    claimed_by: Mapped[str] = mapped_column(String(400))
    # Whether the mailer that the claim was made for may be asked twice without anybody getting two.
    idempotent: Mapped[bool]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right, held by nobody else, to hand one brief over."""

    subscriber_id: str
    day: dt.date
    message_id: str
    claimed_by: str


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What the ledger knows of one brief.

    Attributes:
        status: `claimed` while it is being handed over; `delivered`; `refused` by the mailer; `unknown`: handed over,
            and no answer came; `cancelled`: no longer subscribed.
        entries: Number of entries in the brief.
        attempted_at, finished_at: UTC; the second is None while it is claimed.
        detail: Where it went, or why not and what to do.
    """

    subscriber_id: str
    day: dt.date
    message_id: str
    status: Status
    entries: int
    attempted_at: dt.datetime
    finished_at: dt.datetime | None
    detail: str | None
    run_id: str | None


@dataclass(frozen=True)
class Ledger:
    """The deliveries in the database behind `engine`.

    Every method is a transaction of its own: a claim that isn't committed before the mail goes out claims nothing.
    """

    engine: Engine

    def claim(
        self,
        subscriber_id: str,
        day: dt.date,
        *,
        message_id: str,
        entries: int,
        idempotent: bool,
        run_id: str | None = None,
        now: dt.datetime | None = None,
    ) -> Claim | None:
        """Claim a subscriber's brief of `day`, or return None if it is not ours to hand over.

        None is the answer when the brief is claimed by a run that lives, or settled in whatever way. Of two that claim
        at once, one gets it. A claim whose run died is taken over if it was made for an idempotent mailer; else nobody
        knows whether the mail left, so it becomes `unknown` and stays that way until an operator settles it.

        Args:
            entries: Number of entries in the brief.
            idempotent: Whether the mailer that the brief goes to is.
        """
        now = now or _now()
        claim = Claim(subscriber_id=subscriber_id, day=day, message_id=message_id, claimed_by=_owner())
        row = DeliveryRow(
            subscriber_id=subscriber_id,
            date=day,
            message_id=message_id,
            status="claimed",
            attempted_at=now,
            entries=entries,
            run_id=run_id,
            claimed_by=claim.claimed_by,
            idempotent=idempotent,
        )
        try:
            with session(self.engine) as transaction:
                transaction.add(row)
        except IntegrityError:  # the key did its work: there is a row
            return self._taken_over(claim, entries=entries, idempotent=idempotent, run_id=run_id, now=now)
        return claim

    def settle(
        self, claim: Claim, outcome: Outcome, detail: str | None = None, *, now: dt.datetime | None = None
    ) -> bool:
        """Record what became of a claimed brief; False if another run has taken the claim over since.

        Whoever held a claim knows best: an `unknown` that another run made of it meanwhile is put right.
        """
        return self._changed(
            _held(claim)
            .where(DeliveryRow.status.in_(("claimed", "unknown")))
            .values(status=outcome, detail=detail, finished_at=now or _now())
        )

    def release(self, claim: Claim) -> bool:
        """Give a claim back because nothing was handed over, so that the next run tries again; False if it was lost."""
        with session(self.engine) as transaction:
            result = transaction.execute(
                delete(DeliveryRow).where(
                    DeliveryRow.subscriber_id == claim.subscriber_id,
                    DeliveryRow.date == claim.day,
                    DeliveryRow.claimed_by == claim.claimed_by,
                    DeliveryRow.status == "claimed",
                )
            )
            return cast("CursorResult[Any]", result).rowcount == 1

    def of_day(self, day: dt.date) -> list[Delivery]:
        """Everything that was tried for `day`, ordered by subscriber."""
        with session(self.engine, read_only=True) as transaction:
            rows = transaction.scalars(
                select(DeliveryRow).where(DeliveryRow.date == day).order_by(DeliveryRow.subscriber_id)
            )
            return [
                Delivery(
                    subscriber_id=row.subscriber_id,
                    day=row.date,
                    message_id=row.message_id,
                    status=cast("Status", row.status),  # the table's own check allows nothing else
                    entries=row.entries,
                    attempted_at=row.attempted_at,
                    finished_at=row.finished_at,
                    detail=row.detail,
                    run_id=row.run_id,
                )
                for row in rows
            ]

    def any_delivered(self, day: dt.date) -> bool:
        """Whether a brief of `day` has, or may have, reached somebody; what the day's briefs say is frozen then."""
        with session(self.engine, read_only=True) as transaction:
            found = transaction.scalar(
                select(DeliveryRow.subscriber_id)
                .where(DeliveryRow.date == day, DeliveryRow.status.in_(("delivered", "unknown", "claimed")))
                .limit(1)
            )
            return found is not None

    def _taken_over(
        self, claim: Claim, *, entries: int, idempotent: bool, run_id: str | None, now: dt.datetime
    ) -> Claim | None:
        with session(self.engine, read_only=True) as transaction:
            row = transaction.get(DeliveryRow, (claim.subscriber_id, claim.day))
            if row is None:  # released between our insert and our look; the next run finds it free
                return None
            holder, attempted_at, repeatable = row.claimed_by, row.attempted_at, row.idempotent
            if row.status != "claimed":
                return None
        if not _is_dead(holder, attempted_at, now):
            return None
        # In a transaction of its own, whose first statement writes and whose condition names the holder that we saw:
        # of two that find the same dead claim, one changes it.
        stale = _of(claim).where(DeliveryRow.status == "claimed", DeliveryRow.claimed_by == holder)
        if not repeatable:
            self._changed(
                stale.values(
                    status="unknown",
                    finished_at=now,
                    detail="the run ended while this brief was being handed over: look whether the mailer's log has "
                    f"{claim.message_id}",
                )
            )
            return None
        taken = self._changed(
            stale.values(
                claimed_by=claim.claimed_by,
                message_id=claim.message_id,
                attempted_at=now,
                entries=entries,
                run_id=run_id,
                idempotent=idempotent,
            )
        )
        return claim if taken else None

    def _changed(self, statement: Update) -> bool:
        with session(self.engine) as transaction:
            return cast("CursorResult[Any]", transaction.execute(statement)).rowcount == 1


def message_id(subscriber_id: str, day: dt.date, domain: str = "podbrief.invalid") -> str:
    """The Message-ID of a subscriber's brief of `day`, the same at every attempt: `<20261121.1f…@domain>`.

    Raises:
        BadMessageDomain: `domain` is no domain name.
    """
    if not _DOMAIN.fullmatch(domain) or ".." in domain:
        raise BadMessageDomain(f"“{domain[:80]}” is no domain name", "give one like briefs.example.org")
    if not _SUBSCRIBER.fullmatch(subscriber_id):
        raise ValueError(f"no identifier of a subscriber: {subscriber_id[:80]!r}")
    return f"<{day:%Y%m%d}.{subscriber_id}@{domain.lower()}>"


def _of(claim: Claim) -> Update:
    return update(DeliveryRow).where(DeliveryRow.subscriber_id == claim.subscriber_id, DeliveryRow.date == claim.day)


def _held(claim: Claim) -> Update:
    return _of(claim).where(DeliveryRow.claimed_by == claim.claimed_by)


def _owner() -> str:
    """`host/process/its start/attempt`: enough to tell later whether whoever holds a claim can still be at work."""
    process = psutil.Process(os.getpid())
    return f"{socket.gethostname()}/{process.pid}/{process.create_time():.2f}/{secrets.token_hex(8)}"


def _is_dead(owner: str, attempted_at: dt.datetime, now: dt.datetime) -> bool:
    """Whether the process that made a claim is gone, or has had ample time."""
    host, pid, started, _ = owner.rsplit("/", 3)
    if host == socket.gethostname():
        try:
            # Process numbers are used again; together with the time it started, a process is itself.
            same = f"{psutil.Process(int(pid)).create_time():.2f}" == started
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            same = False
        if not same:
            return True
    return now - attempted_at > STALE_AFTER


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
