"""Subscribers in real databases, SQLite and PostgreSQL: who is there, what they asked for, and when."""

from __future__ import annotations

import datetime as dt
import itertools
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from podbrief_assets.database import session
from podbrief_assets.insights.topics import TOPICS
from podbrief_assets.subscribers import consent, feedback
from podbrief_assets.subscribers.consent import Consent
from podbrief_assets.subscribers.database import (
    SubscriberRow,
    UnknownSubscriber,
    add,
    add_wishes,
    address_of,
    id_of,
    interests_ever,
    is_active,
    list_subscribers,
    set_status,
    settings_ever,
    snapshot,
    withdraw_wish,
)
from podbrief_assets.subscribers.status import NEEDS_CONSENT, TRANSITIONS, BadStatus, IllegalTransition, Status
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


def test_every_setting_can_be_given_and_changed_and_has_its_past(db: Session) -> None:
    ann = add(
        db, "ann@example.org", hour=0, format="text", language="pt_BR", muted_words=["Acme Corp"], now=MONDAY
    ).subscriber_id
    again = add(db, "ann@example.org", hour=23, format="html", muted_words=["acme corp", "bees"], now=MONDAY + DAY)
    assert again.changed == ("hour", "format")
    assert again.new_wishes == ("bees",)
    (before,), (after,) = snapshot(db, MONDAY), snapshot(db, MONDAY + DAY)
    assert (before.hour, before.format, before.language, before.muted_words) == (0, "text", "pt-br", ("Acme Corp",))
    assert (after.hour, after.format, after.language) == (23, "html", "pt-br")
    assert after.muted_words == ("Acme Corp", "bees")
    assert [(one.hour, one.valid_to) for one in settings_ever(db, ann)] == [(0, MONDAY + DAY), (23, None)]
    someone = add(db, "ben@example.org", now=MONDAY).subscriber_id
    (ben,) = list_subscribers(db, someone)
    assert (ben.hour, ben.format) == (7, "html")


@pytest.mark.parametrize("given", [{"hour": 24}, {"format": "pdf"}, {"muted_topics": ["no such topic"]}])
def test_a_setting_that_makes_no_sense_stores_nothing(engine: Engine, given: dict[str, Any]) -> None:
    with pytest.raises(BadWish), session(engine) as transaction:
        add(transaction, "ann@example.org", **given)
    with session(engine, read_only=True) as transaction:
        assert list_subscribers(transaction) == []


def test_wishes_are_added_and_withdrawn_one_by_one(db: Session) -> None:
    ann = add(db, "ann@example.org", ["whales"], now=MONDAY).subscriber_id
    new = add_wishes(db, ann, {"interest": ["Whales", "tides"], "muted_topic": ["Motorsport"]}, now=MONDAY + DAY)
    assert new == ("tides", "motorsport")
    assert withdraw_wish(db, ann, "interest", " WHALES ", now=MONDAY + 2 * DAY)
    assert withdraw_wish(db, ann, "muted_topic", TOPICS["motorsport"].title, now=MONDAY + 2 * DAY)
    assert not withdraw_wish(db, ann, "interest", "whales", now=MONDAY + 3 * DAY)
    add_wishes(db, ann, {"interest": ["whales"]}, now=MONDAY + 4 * DAY)
    assert interests_ever(db, ann) == [("whales",), ("whales", "tides"), ("tides",), ("tides", "whales")]
    with pytest.raises(UnknownSubscriber):
        add_wishes(db, "0" * 16, {"interest": ["x"]})


# ── status ───────────────────────────────────────────────────────────────────────────────────────────────────────────

BY_MAIL = Consent(how="operator", evidence="asked for it by mail")


def brought_to(db: Session, status: Status) -> str:
    """A subscriber who has come to `status`."""
    if status == "pending":
        return add(db, "ann@example.org", status="pending", now=MONDAY).subscriber_id
    subscriber_id = add(db, "ann@example.org", now=MONDAY).subscriber_id
    if status != "active":
        set_status(db, subscriber_id, status, why="for the test", now=MONDAY + DAY)
    return subscriber_id


@pytest.mark.parametrize("then", get_args(Status))
@pytest.mark.parametrize("before", [one for one in get_args(Status) if one != "forgotten"])
def test_exactly_the_stated_transitions_are_possible(db: Session, before: Status, then: Status) -> None:
    subscriber_id = brought_to(db, before)
    allowed = then in TRANSITIONS[before] and then != "forgotten"
    if before == then:
        assert not set_status(db, subscriber_id, then, why="again", now=MONDAY + 2 * DAY)
    elif allowed:
        assert set_status(db, subscriber_id, then, why="moved on", consent=BY_MAIL, now=MONDAY + 2 * DAY)
        assert settings_ever(db, subscriber_id)[-1].why == "moved on"
    else:
        with pytest.raises(IllegalTransition) as caught:
            set_status(db, subscriber_id, then, why="x", consent=BY_MAIL)
        assert caught.value.remedy
    (one,) = list_subscribers(db)
    assert one.status == (then if allowed else before)
    assert is_active(db, subscriber_id) == (one.status == "active")
    assert [there.subscriber_id for there in snapshot(db, MONDAY + 3 * DAY)] == [subscriber_id] * (
        one.status == "active"
    )


@pytest.mark.parametrize(("before", "then"), sorted(NEEDS_CONSENT))
def test_who_said_no_or_nothing_yet_starts_by_their_own_consent_only(db: Session, before: Status, then: Status) -> None:
    subscriber_id = brought_to(db, before)
    with pytest.raises(IllegalTransition, match="consent"):
        set_status(db, subscriber_id, then, why="the operator likes to", now=MONDAY + 1.5 * DAY)
    confirmed = Consent(how="double_opt_in", evidence="token 5f2a, confirmed from the mailbox", given_at=MONDAY + DAY)
    assert set_status(db, subscriber_id, then, why="confirmed", consent=confirmed, now=MONDAY + 2 * DAY)
    assert consent.of(db, subscriber_id)[-1] == (confirmed, MONDAY + 2 * DAY)


@pytest.mark.parametrize("start", ["pending", "unsubscribed"])
def test_no_detour_leads_to_briefs_without_consent(start: Status) -> None:
    reached: set[Status] = {start}
    for _ in TRANSITIONS:
        reached |= {then for before in reached for then in TRANSITIONS[before] if (before, then) not in NEEDS_CONSENT}
    assert "active" not in reached


def test_why_is_kept_as_one_harmless_line(db: Session) -> None:
    ann = add(db, "ann@example.org").subscriber_id
    set_status(db, ann, "bounced", why="550\r\n\x00no \u202esuch mailbox " + "x" * 10_000)
    (one,) = list_subscribers(db)
    assert one.why is not None
    assert one.why.startswith("550 no such mailbox xx") and len(one.why) == 500


def test_everyone_who_is_added_has_evidence_of_consent(db: Session) -> None:
    form = Consent(how="form", evidence="token 77aa\n from 203.0.113.7", given_at=MONDAY)
    ann = add(db, "ann@example.org", consent=form, now=MONDAY).subscriber_id
    ben = add(db, "ben@example.org", now=MONDAY).subscriber_id
    add(db, "ann@example.org", ["tides"], now=MONDAY + DAY)
    add(db, "ann@example.org", consent=form, now=MONDAY + 2 * DAY)
    add(db, "ann@example.org", consent=BY_MAIL, now=MONDAY + 3 * DAY)
    told = Consent(how="form", evidence="token 77aa from 203.0.113.7", given_at=MONDAY)
    assert consent.of(db, ann) == [(told, MONDAY), (BY_MAIL, MONDAY + 3 * DAY)]
    assert consent.of(db, ben) == [(consent.BY_OPERATOR, MONDAY)]
    for bad in (Consent(how="guess", evidence="x"), Consent(how="form", evidence=" \x00 ")):  # type: ignore[arg-type]
        with pytest.raises(consent.BadConsent):
            add(db, "ann@example.org", consent=bad)


# ── a past moment never changes ──────────────────────────────────────────────────────────────────────────────────────

HOUR = dt.timedelta(hours=1)
PROBES = [MONDAY + n * HOUR for n in (-1, 0, 1, 5, 6, 12, 24)]
_people = itertools.count()
_wishes = st.sampled_from(["tides", "Tides", "batteries", "whale song"])
_changes = st.one_of(
    st.tuples(st.just("add"), st.fixed_dictionaries({"interests": st.lists(_wishes, max_size=2)})),
    st.tuples(st.just("add"), st.fixed_dictionaries({"brief_size": st.integers(1, 10), "hour": st.integers(0, 23)})),
    st.tuples(st.just("add"), st.fixed_dictionaries({"muted_words": st.lists(_wishes, max_size=2)})),
    st.tuples(st.just("withdraw"), _wishes),
    st.tuples(st.just("status"), st.sampled_from(["active", "paused", "unsubscribed", "bounced", "pending"])),
    st.tuples(st.just("feedback"), st.sampled_from(["up", "down", "clicked", "already_knew"])),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(_changes, st.sampled_from([0, 1, 5, 6, 12, 24])), max_size=8))
def test_no_change_alters_what_held_before_it(engine: Engine, changes: list[tuple[tuple[str, Any], int]]) -> None:
    # The clock of each change is any hour: it may have been set back.
    address = f"reader-{next(_people)}@example.org"

    def seen(moment: dt.datetime) -> Any:
        with session(engine, read_only=True) as transaction:
            return (
                [one for one in snapshot(transaction, moment, newcomers=True) if one.subscriber_id == who],
                [one for one in snapshot(transaction, moment) if one.subscriber_id == who],
                [one for one in feedback.as_of(transaction, moment) if one.subscriber_id == who],
            )

    with session(engine) as transaction:
        who = add(transaction, address, now=MONDAY).subscriber_id
    latest = MONDAY
    for (what, value), hours in changes:
        now = MONDAY + hours * HOUR
        over = [moment for moment in PROBES if moment < now or moment <= latest]
        before = [seen(moment) for moment in over]
        with session(engine) as transaction, suppress(IllegalTransition):
            if what == "add":
                add(transaction, address, now=now, **value)
            elif what == "withdraw":
                withdraw_wish(transaction, who, "interest", value, now=now)
            elif what == "feedback":
                feedback.record(transaction, who, "20261116-aa", value, now=now)
            else:
                set_status(transaction, who, value, why="x", now=now)
        with session(engine, read_only=True) as transaction:
            latest = transaction.get_one(SubscriberRow, who).changed_at
        assert [seen(moment) for moment in over] == before


# ── several processes ────────────────────────────────────────────────────────────────────────────────────────────────

JOIN = """
import sys
from podbrief_assets.database import engine, session
from podbrief_assets.subscribers import database as subscribers, feedback
url, number = sys.argv[1:]
opened = engine(url)
input()
for turn in range(5):
    with session(opened) as transaction:
        who = subscribers.add(transaction, "ann@example.org", [f"interest {number} {turn}"], hour=int(number)).subscriber_id
    with session(opened) as transaction:
        feedback.record(transaction, who, "20261116-aa", "up")
print(who)
"""


def test_processes_that_add_and_change_one_person_at_once_make_one_and_lose_nothing(
    engine: Engine, database_url: str
) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", JOIN, database_url, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    told = {process.communicate(timeout=90)[0] for process in started}
    assert [process.returncode for process in started] == [0, 0, 0]
    with session(engine, read_only=True) as transaction:
        (one,) = list_subscribers(transaction)
        versions = settings_ever(transaction, one.subscriber_id)
        said = transaction.scalars(select(feedback.FeedbackRow)).all()
    assert told == {one.subscriber_id + "\n"}
    assert sorted(one.interests) == [f"interest {number} {turn}" for number in range(3) for turn in range(5)]
    assert [version.valid_to for version in versions[:-1]] == [version.valid_from for version in versions[1:]]
    assert len(said) == 1, "what three said at once was said once"


def test_not_crypto_is_a_mute_and_no_interest(db: Session) -> None:
    one = add(db, "ann@example.org", ["batteries", "not cryptocurrency", "nothing about Elon Musk"], now=MONDAY)
    assert set(one.new_wishes) == {"batteries", "cryptocurrency", "Elon Musk"}
    (found,) = snapshot(db, MONDAY + DAY)
    assert found.interests == ("batteries",)
    assert found.muted_words == ("cryptocurrency", "Elon Musk")
    assert found.muted_topics == ("cryptocurrency",)
