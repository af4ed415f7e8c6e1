"""Remember which brief was handed over, so that nobody gets two for one day and nobody is skipped.

Belongs here: the tables of deliveries and of days that are held back, claiming, settling, and what to do with claims
whose run died.
Doesn't: rendering (`render.py`), handing over (`hand_over.py`, `mailer.py`), the lake's table `brief_deliveries`
(`assets.py`).

A brief's way: nobody has a row of it; **claimed** by one run, in a batch, which reserves it and says nothing yet;
**begun** just before the mailer gets it; then **delivered**, **refused**, **unknown** or **cancelled**, for good. A run
that dies leaves claims: those that were not begun are free for the next run, and the one that was begun is unknown,
unless its mailer may be asked twice.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import secrets
import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import polars as pl
import psutil
from sqlalchemy import (
    CheckConstraint,
    CursorResult,
    Date,
    Engine,
    Index,
    String,
    Text,
    Update,
    delete,
    exists,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from podbrief_assets.database import Base, Moment, session
from podbrief_assets.errors import PermanentFailure

Status = Literal["claimed", "delivered", "refused", "unknown", "cancelled"]
Outcome = Literal["delivered", "refused", "unknown", "cancelled"]
Verdict = Literal["delivered", "resend"]

# Longer than any hand-over takes: a server may think for ten minutes about a mail before it answers. It decides where
# the claiming process is on another machine, or lives but has lost its claim, as a long-lived daemon does whose step
# failed in between.
STALE_AFTER = dt.timedelta(minutes=15)

_DOMAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?", re.ASCII)
_SUBSCRIBER = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class BadMessageDomain(PermanentFailure):
    """The configured domain can't stand in a Message-ID."""


class NothingToSettle(PermanentFailure):
    """The ledger has no brief that the operator's verdict could be about."""


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
    # When the mailer was about to get it; none of a claim that is only reserved.
    begun_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    finished_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    entries: Mapped[int]
    detail: Mapped[str | None] = mapped_column(Text)
    run_id: Mapped[str | None] = mapped_column(String(64))
    # Process and attempt that hold the claim; see `_owner`.
    claimed_by: Mapped[str] = mapped_column(String(400))
    # Whether the mailer that the claim was made for may be asked twice without anybody getting two.
    idempotent: Mapped[bool]


class HoldRow(Base):
    """A day of which nothing is handed over, until it is released."""

    __tablename__ = "delivery_hold"

    date: Mapped[dt.date] = mapped_column(Date, primary_key=True)
    why: Mapped[str] = mapped_column(Text)
    held_at: Mapped[dt.datetime] = mapped_column(Moment)
    released_at: Mapped[dt.datetime | None] = mapped_column(Moment)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A brief that somebody wants to hand over.

    Attributes:
        entries: Number of entries in it.
    """

    subscriber_id: str
    message_id: str
    entries: int


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
        status: `claimed` while it waits for its turn or is being handed over; `delivered`; `refused` by the mailer;
            `unknown`: handed over, and no answer came; `cancelled`: no longer subscribed.
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
        wanted: Sequence[Wanted],
        day: dt.date,
        *,
        idempotent: bool,
        run_id: str | None = None,
        now: dt.datetime | None = None,
    ) -> list[Claim]:
        """Claim briefs of `day`; those that are ours to hand over, in the order given.

        Left out are those that a run which lives has claimed, that are settled in whatever way, and all of a day that
        is held. Of two runs that claim at once, one gets a brief. A dead run's claim is taken over if it was not begun,
        or was made for an idempotent mailer; else nobody knows whether the mail left, so it becomes `unknown` and stays
        that way until an operator settles it.

        Args:
            wanted: In one order for all runs, so that none waits for another in a circle.
            idempotent: Whether the mailer that they go to is.
        """
        if not wanted:
            return []
        now, holder = now or _now(), _owner()
        claims = {
            one.subscriber_id: Claim(
                subscriber_id=one.subscriber_id, day=day, message_id=one.message_id, claimed_by=f"{holder}{number}"
            )
            for number, one in enumerate(wanted)
        }
        values = {
            one.subscriber_id: {
                "message_id": one.message_id,
                "attempted_at": now,
                "begun_at": None,
                "entries": one.entries,
                "run_id": run_id,
                "claimed_by": claims[one.subscriber_id].claimed_by,
                "idempotent": idempotent,
            }
            for one in wanted
        }
        rows = [{"subscriber_id": one, "date": day, "status": "claimed", **values[one]} for one in values]
        insert = postgresql.insert if self.engine.dialect.name == "postgresql" else sqlite.insert
        with session(self.engine) as transaction:
            if _held(transaction, day) is not None:
                return []
            won = set(
                transaction.scalars(
                    insert(DeliveryRow).values(rows).on_conflict_do_nothing().returning(DeliveryRow.subscriber_id)
                )
            )
        won |= self._taken_over([claims[one] for one in claims if one not in won], values, now)
        return [claims[one] for one in claims if one in won]

    def begin(self, claim: Claim, *, now: dt.datetime | None = None) -> bool:
        """Note that the mailer gets the brief now; False if the claim is lost or the day is held meanwhile.

        Whoever is told False hands nothing over.
        """
        held = exists().where(HoldRow.date == claim.day, HoldRow.released_at.is_(None))
        return self._changed(
            _held_by(claim)
            .where(DeliveryRow.status == "claimed", DeliveryRow.begun_at.is_(None), ~held)
            .values(begun_at=now or _now())
        )

    def settle(
        self, claim: Claim, outcome: Outcome, detail: str | None = None, *, now: dt.datetime | None = None
    ) -> bool:
        """Record what became of a claimed brief; False if another run has taken the claim over since.

        Whoever held a claim knows best: an `unknown` that another run made of it meanwhile is put right.
        """
        return self._changed(
            _held_by(claim)
            .where(DeliveryRow.status.in_(("claimed", "unknown")))
            .values(status=outcome, detail=detail, finished_at=now or _now())
        )

    def release(self, claims: Collection[Claim]) -> int:
        """Give claims back because nothing of them was handed over, so that the next run tries again; how many were."""
        if not claims:
            return 0
        with session(self.engine) as transaction:
            result = transaction.execute(
                delete(DeliveryRow).where(
                    DeliveryRow.claimed_by.in_([claim.claimed_by for claim in claims]),
                    DeliveryRow.subscriber_id.in_([claim.subscriber_id for claim in claims]),
                    DeliveryRow.date.in_({claim.day for claim in claims}),
                    DeliveryRow.status == "claimed",
                )
            )
            return cast("CursorResult[Any]", result).rowcount

    def settle_by_hand(
        self, subscriber_id: str, day: dt.date, verdict: Verdict, *, now: dt.datetime | None = None
    ) -> None:
        """Take an operator's word for a brief of which nobody knows whether it left, or that was refused.

        Args:
            verdict: `delivered` of an unknown one; `resend` frees an unknown or a refused one for the next run.

        Raises:
            NothingToSettle: There is no such brief.
        """
        now = now or _now()
        able: list[Status] = ["unknown"] if verdict == "delivered" else ["unknown", "refused"]
        with session(self.engine) as transaction:
            row = transaction.get(DeliveryRow, (subscriber_id, day))
            # In flight when its run was killed, and no run came since that would have called it unknown.
            dead = row is not None and row.status == "claimed" and _is_dead(row.claimed_by, row.attempted_at, now)
            if row is None or not (dead or row.status in able):
                raise NothingToSettle(
                    f"subscriber {subscriber_id[:64]} has no brief of {day} that is {' or '.join(able)}",
                    f"`podbrief deliveries list --date {day}` shows what became of each",
                )
            if verdict == "resend":
                transaction.delete(row)
            else:
                row.status, row.finished_at, row.detail = "delivered", now, "settled by hand: it was delivered"

    def hold(self, day: dt.date, why: str, *, now: dt.datetime | None = None) -> None:
        """Let nothing of `day` be handed over until it is released; a run at work stops after the mail in hand."""
        with session(self.engine) as transaction:
            transaction.merge(HoldRow(date=day, why=why, held_at=now or _now(), released_at=None))

    def release_day(self, day: dt.date, *, now: dt.datetime | None = None) -> bool:
        """Let a held day go; False where it is not held."""
        return self._changed(
            update(HoldRow).where(HoldRow.date == day, HoldRow.released_at.is_(None)).values(released_at=now or _now())
        )

    def held(self, day: dt.date) -> str | None:
        """Why `day` is held; None where it is not."""
        with session(self.engine, read_only=True) as transaction:
            return _held(transaction, day)

    def of_day(self, day: dt.date, statuses: Collection[Status] = ()) -> list[Delivery]:
        """What was tried for `day`, ordered by subscriber; of the given statuses, or all."""
        chosen = select(DeliveryRow).where(DeliveryRow.date == day).order_by(DeliveryRow.subscriber_id)
        if statuses:
            chosen = chosen.where(DeliveryRow.status.in_(statuses))
        with session(self.engine, read_only=True) as transaction:
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
                for row in transaction.scalars(chosen)
            ]

    def settled(self, day: dt.date) -> pl.DataFrame:
        """What is settled of `day`, a row for each brief: the columns of `brief_deliveries` but for its date."""
        columns = ("subscriber_id", "message_id", "status", "entries", "attempted_at", "detail")
        with session(self.engine, read_only=True) as transaction:
            rows = transaction.execute(
                select(*(getattr(DeliveryRow, name) for name in columns))
                .where(DeliveryRow.date == day, DeliveryRow.status != "claimed")
                .order_by(DeliveryRow.subscriber_id)
            )
            found = [tuple(row) for row in rows]
        texts = dict.fromkeys(columns, pl.String())
        schema = pl.Schema({**texts, "entries": pl.Int64(), "attempted_at": pl.Datetime("us", "UTC")})
        return pl.DataFrame(found, schema=schema, orient="row")

    def any_delivered(self, day: dt.date) -> bool:
        """Whether a brief of `day` has, or may have, reached somebody; what the day's briefs say is frozen then."""
        with session(self.engine, read_only=True) as transaction:
            found = transaction.scalar(
                select(DeliveryRow.subscriber_id)
                .where(DeliveryRow.date == day, DeliveryRow.status.in_(("delivered", "unknown", "claimed")))
                .limit(1)
            )
            return found is not None

    def _taken_over(self, claims: Sequence[Claim], values: dict[str, dict[str, Any]], now: dt.datetime) -> set[str]:
        """Of briefs that have a row already, those whose claim was a dead run's and is ours now."""
        if not claims:
            return set()
        with session(self.engine, read_only=True) as transaction:
            rows = transaction.scalars(
                select(DeliveryRow).where(
                    DeliveryRow.subscriber_id.in_([claim.subscriber_id for claim in claims]),
                    DeliveryRow.date == claims[0].day,
                    DeliveryRow.status == "claimed",
                )
            ).all()
        dead = {
            row.subscriber_id: row for row in rows if _is_dead(row.claimed_by, row.begun_at or row.attempted_at, now)
        }
        return {
            claim.subscriber_id
            for claim in claims
            if (row := dead.get(claim.subscriber_id)) and self._took(claim, row, values[claim.subscriber_id], now)
        }

    def _took(self, claim: Claim, row: DeliveryRow, values: dict[str, Any], now: dt.datetime) -> bool:
        """Take a dead run's claim over, or make it unknown. Of two that find the same dead claim, one changes it."""
        stale = _of(claim).where(DeliveryRow.status == "claimed", DeliveryRow.claimed_by == row.claimed_by)
        # Named in the condition, too: a run that was only slow may begin it between our look and now.
        harmless = or_(DeliveryRow.begun_at.is_(None), DeliveryRow.idempotent.is_(True))
        if self._changed(stale.where(harmless).values(**values)):
            return True
        # In flight when its run ended.
        self._changed(
            stale.where(~harmless).values(
                status="unknown",
                finished_at=now,
                detail="the run ended while this brief was being handed over: look whether the mail server's log has "
                f"{row.message_id}, then `podbrief deliveries settle {claim.subscriber_id} {claim.day} "
                "delivered`, or `resend`",
            )
        )
        return False

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


def _held(transaction: Session, day: dt.date) -> str | None:
    return transaction.scalar(select(HoldRow.why).where(HoldRow.date == day, HoldRow.released_at.is_(None)))


def _of(claim: Claim) -> Update:
    return update(DeliveryRow).where(DeliveryRow.subscriber_id == claim.subscriber_id, DeliveryRow.date == claim.day)


def _held_by(claim: Claim) -> Update:
    return _of(claim).where(DeliveryRow.claimed_by == claim.claimed_by)


def _owner() -> str:
    """`host/process/its start/attempt.`: enough to tell later whether whoever holds a claim can still be at work."""
    process = psutil.Process(os.getpid())
    return f"{socket.gethostname()}/{process.pid}/{process.create_time():.2f}/{secrets.token_hex(8)}."


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
