"""Subscribers in a real SQLite file: who is there, what they asked for, and when."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from podbrief_assets.database import session
from podbrief_assets.subscribers.database import (
    UnknownSubscriber,
    add,
    address_of,
    id_of,
    is_active,
    list_subscribers,
    set_status,
    snapshot,
    withdraw_wish,
)
from podbrief_assets.subscribers.status import BadStatus
from podbrief_assets.subscribers.values import MAX_WISHES, BadAddress, BadWish

MONDAY = dt.datetime(2026, 11, 16, 8, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture
def db(engine: Engine) -> Iterator[Session]:
    with session(engine) as transaction:
        yield transaction


def test_someone_new_is_active_with_the_defaults_and_a_random_identifier(db: Session) -> None:
    added = add(db, " Ann.B@Example.ORG ", ["batteries", "whale song"], now=MONDAY)
    assert added.created
    assert str(added) == f"added as {added.subscriber_id}"
    assert len(added.subscriber_id) == 16
    assert int(added.subscriber_id, 16) >= 0
    (one,) = list_subscribers(db)
    assert (one.address, one.status, one.interests) == ("Ann.B@example.org", "active", ("batteries", "whale song"))
    assert (one.brief_size, one.timezone, one.language, one.created_at) == (5, "UTC", None, MONDAY)
    assert address_of(db, added.subscriber_id) == "Ann.B@example.org"
    assert is_active(db, added.subscriber_id)
    other = add(db, "ben@example.org", now=MONDAY)
    assert other.subscriber_id != added.subscriber_id


def test_the_same_address_again_merges_what_is_new_and_says_so(db: Session) -> None:
    first = add(db, "ann@example.org", ["batteries"], brief_size=3, now=MONDAY)
    again = add(db, "ANN@example.org", ["Batteries", "whales"], timezone="Europe/Berlin", now=MONDAY + DAY)
    assert again.subscriber_id == first.subscriber_id
    assert not again.created
    assert again.new_wishes == ("whales",)
    assert again.changed == ("timezone",)
    assert str(again) == f"was there already as {first.subscriber_id}; added “whales”; changed timezone"
    (one,) = list_subscribers(db)
    assert (one.interests, one.brief_size, one.timezone) == (("batteries", "whales"), 3, "Europe/Berlin")
    assert str(add(db, "ann@example.org", ["whales"])).endswith("nothing new")


def test_adding_again_never_restarts_who_left(db: Session) -> None:
    subscriber_id = add(db, "ann@example.org", now=MONDAY).subscriber_id
    set_status(db, subscriber_id, "unsubscribed", why="asked for it", now=MONDAY + DAY)
    again = add(db, "ann@example.org", ["batteries"], now=MONDAY + 2 * DAY)
    assert again.status == "unsubscribed"
    assert "still unsubscribed" in str(again)
    assert not is_active(db, subscriber_id)


def test_a_past_moment_is_seen_as_it_was(db: Session) -> None:
    ann = add(db, "ann@example.org", ["batteries"], muted_topics=["Motorsport"], now=MONDAY).subscriber_id
    add(db, "ann@example.org", ["whales"], brief_size=8, followed_shows=["show-1"], now=MONDAY + DAY)
    withdraw_wish(db, ann, "interest", "Batteries", now=MONDAY + 2 * DAY)
    set_status(db, ann, "paused", why="on holiday", now=MONDAY + 3 * DAY)
    set_status(db, ann, "active", why="back", now=MONDAY + 4 * DAY)

    def seen(moment: dt.datetime) -> list[tuple[tuple[str, ...], int, tuple[str, ...]]]:
        return [(one.interests, one.brief_size, one.followed_shows) for one in snapshot(db, moment)]

    assert seen(MONDAY - DAY) == []
    assert seen(MONDAY) == [(("batteries",), 5, ())]
    assert seen(MONDAY + 1.5 * DAY) == [(("batteries", "whales"), 8, ("show-1",))]
    assert seen(MONDAY + 2.5 * DAY) == [(("whales",), 8, ("show-1",))]
    assert seen(MONDAY + 3.5 * DAY) == []
    assert seen(MONDAY + 4.5 * DAY) == [(("whales",), 8, ("show-1",))]
    assert snapshot(db, MONDAY)[0].muted_topics == ("motorsport",)


def test_newcomers_are_in_earlier_days_as_they_were_when_they_came(db: Session) -> None:
    add(db, "ann@example.org", ["batteries"], now=MONDAY)
    add(db, "ann@example.org", ["whales"], brief_size=8, now=MONDAY + DAY)
    add(db, "ben@example.org", now=MONDAY - 9 * DAY)
    early = snapshot(db, MONDAY - 5 * DAY, newcomers=True)
    assert sorted((one.interests, one.brief_size) for one in early) == [((), 5), (("batteries",), 5)]
    assert snapshot(db, MONDAY - 5 * DAY, newcomers=True) == early
    # Who came before is seen at the moment itself, with or without newcomers.
    assert snapshot(db, MONDAY + 2 * DAY, newcomers=True) == snapshot(db, MONDAY + 2 * DAY)


def test_a_moment_in_another_time_zone_is_the_same_moment(db: Session) -> None:
    add(db, "ann@example.org", now=MONDAY)
    tokyo = dt.timezone(dt.timedelta(hours=9))
    assert len(snapshot(db, MONDAY.astimezone(tokyo))) == 1
    assert snapshot(db, (MONDAY - dt.timedelta(seconds=1)).astimezone(tokyo)) == []


def test_a_clock_that_was_set_back_leaves_one_current_version(db: Session) -> None:
    ann = add(db, "ann@example.org", now=MONDAY).subscriber_id
    set_status(db, ann, "paused", why="on holiday", now=MONDAY - DAY)
    assert not is_active(db, ann)
    assert snapshot(db, MONDAY + DAY) == []
    assert len(list_subscribers(db)) == 1


def test_a_failed_addition_leaves_nothing(engine: Engine) -> None:
    with pytest.raises(BadWish), session(engine) as transaction:
        add(transaction, "ann@example.org", ["fine", "x" * 301])
    with session(engine) as transaction:
        assert list_subscribers(transaction) == []


def test_one_subscriber_cannot_pile_up_wishes_by_being_added_again(db: Session) -> None:
    add(db, "ann@example.org", [f"interest {n}" for n in range(MAX_WISHES)])
    with pytest.raises(BadWish, match="at most 200"):
        add(db, "ann@example.org", ["one more"])


def test_two_that_add_one_address_at_once_make_one_subscriber(engine: Engine) -> None:
    start = threading.Barrier(4)
    found: list[str] = []

    def join(number: int) -> None:
        start.wait()
        with session(engine) as transaction:
            found.append(add(transaction, "ann@example.org", [f"interest {number}"]).subscriber_id)

    threads = [threading.Thread(target=join, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    with session(engine, read_only=True) as transaction:
        (one,) = list_subscribers(transaction)
    assert sorted(one.interests) == [f"interest {n}" for n in range(4)]


def test_nobody_by_that_name_is_told_apart_from_a_bad_name(db: Session) -> None:
    ann = add(db, "ann@example.org").subscriber_id
    assert id_of(db, "Ann@Example.org") == ann
    with pytest.raises(UnknownSubscriber, match="subscribers list"):
        id_of(db, "ben@example.org")
    with pytest.raises(BadAddress):
        id_of(db, "ben")
    with pytest.raises(UnknownSubscriber):
        address_of(db, "0" * 16)
    with pytest.raises(UnknownSubscriber):
        set_status(db, "0" * 16, "paused", why="x")
    with pytest.raises(BadStatus):
        set_status(db, ann, "dormant", why="x")  # type: ignore[arg-type]
    assert not is_active(db, "0" * 16)


@pytest.mark.parametrize("size", [0, 11, -1])
def test_a_brief_has_one_to_ten_entries(db: Session, size: int) -> None:
    with pytest.raises(BadWish, match="1 to 10"):
        add(db, "ann@example.org", brief_size=size)
