"""What subscribers said of insights.

Belongs here: the table of what was said, and saying it.
Doesn't: what follows from it for a profile (`briefs/`), the pages on which it is said (`web/`).
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, Session, mapped_column

from podbrief_assets.database import Base, Moment

FeedbackKind = Literal["clicked", "up", "down", "already_knew"]


class FeedbackRow(Base):
    """One thing that a subscriber said of an insight, or did with it."""

    __tablename__ = "feedback"
    __table_args__ = (
        CheckConstraint("kind IN ('clicked', 'up', 'down', 'already_knew')", name="kind"),
        Index("ix_feedback_subscriber_id_said_at", "subscriber_id", "said_at"),
    )

    feedback_id: Mapped[int] = mapped_column(primary_key=True)
    subscriber_id: Mapped[str] = mapped_column(ForeignKey("subscriber.subscriber_id", ondelete="CASCADE"))
    insight_id: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    said_at: Mapped[dt.datetime] = mapped_column(Moment)


def record(session: Session, subscriber_id: str, insight_id: str, kind: FeedbackKind, now: dt.datetime) -> None:
    """Note what a subscriber said of an insight; the last word counts, so earlier ones stay."""
    session.add(FeedbackRow(subscriber_id=subscriber_id, insight_id=insight_id, kind=kind, said_at=now))
    session.flush()
