"""What readers said of an insight that they were sent.

Belongs here: votes and clicks, their table, recording them, and what held at a moment.
Doesn't: the page that takes them (`delivery/`), what they do to a profile (`briefs/`). That a mail was opened is not
recorded: it can't be known without spying.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Literal, cast, get_args

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, select, true
from sqlalchemy.orm import Mapped, Session, mapped_column

from podbrief_assets.database import Base, Moment
from podbrief_assets.errors import PermanentFailure
from podbrief_assets.subscribers.database import begin_change

Kind = Literal["clicked", "up", "down", "already_knew"]

# A click says less than a vote, whichever came last: who votes down often clicked before, and may click again.
_VOTES = ("up", "down", "already_knew")
_INSIGHT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", re.ASCII)


class BadFeedback(PermanentFailure):
    """What was said is none of what can be said, or of nothing that an insight could be."""


class FeedbackRow(Base):
    """Something that a subscriber said of an insight; what they say later stands beside it."""

    __tablename__ = "feedback"
    __table_args__ = (
        CheckConstraint("kind IN ('clicked', 'up', 'down', 'already_knew')", name="kind"),
        Index("ix_feedback_subscriber_id_insight_id", "subscriber_id", "insight_id"),
        Index("ix_feedback_at", "at"),
    )

    feedback_id: Mapped[int] = mapped_column(primary_key=True)
    subscriber_id: Mapped[str] = mapped_column(ForeignKey("subscriber.subscriber_id", ondelete="CASCADE"))
    insight_id: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(16))
    at: Mapped[dt.datetime] = mapped_column(Moment)


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """What a subscriber thinks of an insight, as of a moment.

    Attributes:
        kind: Their last vote; `clicked` where they never voted.
        at: When they gave it, UTC.
    """

    subscriber_id: str
    insight_id: str
    kind: Kind
    at: dt.datetime


def record(session: Session, subscriber_id: str, insight_id: str, kind: Kind, now: dt.datetime | None = None) -> bool:
    """Record what a subscriber said of an insight; False where they had said so already.

    Of votes the last one counts. Saying the same again changes nothing, so a form that is sent twice counts once.

    Raises:
        UnknownSubscriber: Nobody has this identifier (any more).
        BadFeedback: There is no such kind, or no insight could have this identifier.
    """
    if kind not in get_args(Kind):
        raise BadFeedback(f"unknown feedback {kind[:40]!r}", f"use one of {', '.join(get_args(Kind))}")
    if not _INSIGHT.fullmatch(insight_id):
        raise BadFeedback(f"no identifier of an insight: {insight_id[:80]!r}", "take it from the brief's link")
    # Holds the subscriber, so that of two that say the same at once one finds what the other one said.
    since = begin_change(session, subscriber_id, now)
    of_its_sort = ("clicked",) if kind == "clicked" else _VOTES
    last = session.scalar(
        select(FeedbackRow.kind)
        .where(
            FeedbackRow.subscriber_id == subscriber_id,
            FeedbackRow.insight_id == insight_id,
            FeedbackRow.kind.in_(of_its_sort),
        )
        .order_by(FeedbackRow.feedback_id.desc())
        .limit(1)
    )
    if last == kind:
        return False
    session.add(FeedbackRow(subscriber_id=subscriber_id, insight_id=insight_id, kind=kind, at=since))
    session.flush()
    return True


def as_of(session: Session, moment: dt.datetime, *, since: dt.datetime | None = None) -> list[Feedback]:
    """What everyone had said by `moment`: one entry for each subscriber and insight, in the order of these.

    The same `moment` gives the same answer whenever it is asked. What was said before `since` is left out.
    """
    rows = session.execute(
        select(FeedbackRow.subscriber_id, FeedbackRow.insight_id, FeedbackRow.kind, FeedbackRow.at)
        .where(FeedbackRow.at <= moment, true() if since is None else FeedbackRow.at >= since)
        .order_by(FeedbackRow.subscriber_id, FeedbackRow.insight_id, FeedbackRow.feedback_id)
    )
    said: dict[tuple[str, str], Feedback] = {}
    for subscriber_id, insight_id, kind, at in rows:
        key = (subscriber_id, insight_id)
        if kind in _VOTES or key not in said:
            said[key] = Feedback(subscriber_id=subscriber_id, insight_id=insight_id, kind=cast("Kind", kind), at=at)
    return list(said.values())
