"""What readers said of insights, in SQLite and PostgreSQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from podbrief_assets.database import session
from podbrief_assets.subscribers import feedback
from podbrief_assets.subscribers.database import UnknownSubscriber, add, set_status
from podbrief_assets.subscribers.feedback import BadFeedback, Feedback, as_of, record

MONDAY = dt.datetime(2026, 11, 16, 8, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
CHIPS, SLEEP = "20261116-00aa", "20261116-00bb"


@pytest.fixture
def db(engine: Engine) -> Iterator[Session]:
    with session(engine) as transaction:
        yield transaction


@pytest.fixture
def ann(db: Session) -> str:
    return add(db, "ann@example.org", now=MONDAY).subscriber_id


def kinds(db: Session, moment: dt.datetime) -> dict[str, str]:
    return {one.insight_id: one.kind for one in as_of(db, moment)}


def test_the_last_vote_counts_and_the_earlier_one_stays_the_answer_for_its_time(db: Session, ann: str) -> None:
    assert record(db, ann, CHIPS, "up", MONDAY + 1 * HOUR)
    assert record(db, ann, CHIPS, "already_knew", MONDAY + 2 * HOUR)
    assert record(db, ann, SLEEP, "down", MONDAY + 3 * HOUR)
    assert as_of(db, MONDAY) == []
    assert kinds(db, MONDAY + 1.5 * HOUR) == {CHIPS: "up"}
    assert as_of(db, MONDAY + 9 * HOUR) == [
        Feedback(subscriber_id=ann, insight_id=CHIPS, kind="already_knew", at=MONDAY + 2 * HOUR),
        Feedback(subscriber_id=ann, insight_id=SLEEP, kind="down", at=MONDAY + 3 * HOUR),
    ]


def test_saying_the_same_again_changes_nothing_and_changing_ones_mind_back_does(db: Session, ann: str) -> None:
    assert record(db, ann, CHIPS, "up", MONDAY + 1 * HOUR)
    assert not record(db, ann, CHIPS, "up", MONDAY + 2 * HOUR)
    assert as_of(db, MONDAY + 9 * HOUR)[0].at == MONDAY + 1 * HOUR
    assert record(db, ann, CHIPS, "down", MONDAY + 3 * HOUR)
    assert record(db, ann, CHIPS, "up", MONDAY + 4 * HOUR)
    assert db.scalar(select(func.count()).select_from(feedback.FeedbackRow)) == 3
    assert as_of(db, MONDAY + 9 * HOUR)[0].at == MONDAY + 4 * HOUR


def test_a_click_never_stands_above_a_vote(db: Session, ann: str) -> None:
    assert record(db, ann, CHIPS, "clicked", MONDAY + 1 * HOUR)
    assert kinds(db, MONDAY + 1 * HOUR) == {CHIPS: "clicked"}
    assert record(db, ann, CHIPS, "down", MONDAY + 2 * HOUR)
    assert not record(db, ann, CHIPS, "clicked", MONDAY + 3 * HOUR)
    assert record(db, ann, SLEEP, "up", MONDAY + 3 * HOUR)
    assert record(db, ann, SLEEP, "clicked", MONDAY + 4 * HOUR)
    assert kinds(db, MONDAY + 9 * HOUR) == {CHIPS: "down", SLEEP: "up"}


def test_a_moment_in_another_zone_is_the_same_moment(db: Session, ann: str) -> None:
    tokyo = dt.timezone(dt.timedelta(hours=9))
    record(db, ann, CHIPS, "up", (MONDAY + HOUR).astimezone(tokyo))
    assert [one.at for one in as_of(db, (MONDAY + HOUR).astimezone(tokyo))] == [MONDAY + HOUR]
    assert as_of(db, (MONDAY + HOUR / 2).astimezone(tokyo)) == []


def test_who_left_may_still_vote_and_who_is_not_there_may_not(db: Session, ann: str) -> None:
    set_status(db, ann, "unsubscribed", why="by the link", now=MONDAY + HOUR)
    assert record(db, ann, CHIPS, "down", MONDAY + 2 * HOUR)
    with pytest.raises(UnknownSubscriber):
        record(db, "0" * 16, CHIPS, "up")


@pytest.mark.parametrize("kind", ["opened", "UP", "", "up'; DROP TABLE feedback; --"])
def test_what_cannot_be_said_is_refused(db: Session, ann: str, kind: str) -> None:
    with pytest.raises(BadFeedback, match="clicked, up, down, already_knew"):
        record(db, ann, CHIPS, kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("insight", ["", " ", "a b", "x" * 81, "a\x00", "a\r\nb", "../x", "é", "<b>"])
def test_what_no_insight_is_called_is_refused(db: Session, ann: str, insight: str) -> None:
    with pytest.raises(BadFeedback, match="identifier"):
        record(db, ann, insight, "up")
