"""Who agreed to get briefs, when, and what shows it.

Belongs here: the evidence of consent, its table, to which rows are only added (the database refuses a change), and
reading it.
Doesn't: what consent is needed for (`status.py`), signed tokens (`podbrief_assets/tokens.py`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal, cast, get_args

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from podbrief_assets.database import Base, Moment
from podbrief_assets.errors import PermanentFailure
from podbrief_assets.subscribers.values import plain

How = Literal["form", "import", "operator", "double_opt_in"]

MAX_EVIDENCE_LENGTH = 1_000


class BadConsent(PermanentFailure):
    """What was given is no evidence of consent."""


class ConsentRow(Base):
    """A piece of evidence that a subscriber agreed."""

    __tablename__ = "consent"
    __table_args__ = (
        CheckConstraint("how IN ('form', 'import', 'operator', 'double_opt_in')", name="how"),
        Index("ix_consent_subscriber_id", "subscriber_id"),
    )

    consent_id: Mapped[int] = mapped_column(primary_key=True)
    subscriber_id: Mapped[str] = mapped_column(ForeignKey("subscriber.subscriber_id", ondelete="CASCADE"))
    how: Mapped[str] = mapped_column(String(16))
    evidence: Mapped[str] = mapped_column(Text)
    given_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    recorded_at: Mapped[dt.datetime] = mapped_column(Moment)


@dataclass(frozen=True, kw_only=True)
class Consent:
    """Evidence of consent.

    Attributes:
        how: By a form, on an imported list, told to the operator, or by confirming from their own mailbox.
        evidence: Which token, or in which words and where.
        given_at: When, where that is known.
    """

    how: How
    evidence: str
    given_at: dt.datetime | None = None


# What is known of somebody whom an operator adds without a word.
BY_OPERATOR = Consent(how="operator", evidence="entered by the operator, who gave no further evidence")


def checked_evidence(text: str) -> str:
    """`text` on one line.

    Raises:
        BadConsent: It is empty or longer than 1,000 characters.
    """
    said = plain(text[: 4 * MAX_EVIDENCE_LENGTH])
    if not 0 < len(said) <= MAX_EVIDENCE_LENGTH:
        raise BadConsent(
            f"evidence of consent of {len(said)} characters",
            f"say in 1 to {MAX_EVIDENCE_LENGTH} characters when and how they agreed",
        )
    return said


def record(session: Session, subscriber_id: str, consent: Consent, *, now: dt.datetime) -> bool:
    """Add a piece of evidence; False where the same one is there already.

    Raises:
        BadConsent: It is none.
    """
    if consent.how not in get_args(How):
        raise BadConsent(f"unknown way of consenting {consent.how[:40]!r}", f"use one of {', '.join(get_args(How))}")
    evidence = checked_evidence(consent.evidence)
    if any((one.how, one.evidence) == (consent.how, evidence) for one, _ in of(session, subscriber_id)):
        return False
    session.add(
        ConsentRow(
            subscriber_id=subscriber_id,
            how=consent.how,
            evidence=evidence,
            given_at=consent.given_at,
            recorded_at=now,
        )
    )
    session.flush()
    return True


def of(session: Session, subscriber_id: str) -> list[tuple[Consent, dt.datetime]]:
    """A subscriber's evidence, each with when it was recorded, the oldest first."""
    rows = session.scalars(
        select(ConsentRow).where(ConsentRow.subscriber_id == subscriber_id).order_by(ConsentRow.consent_id)
    )
    return [
        (Consent(how=cast("How", row.how), evidence=row.evidence, given_at=row.given_at), row.recorded_at)
        for row in rows
    ]
