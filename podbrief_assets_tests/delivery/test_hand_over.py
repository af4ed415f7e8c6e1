"""Handing a day over: nobody gets two and nobody is skipped, whatever the server says and whenever the run is killed."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from podbrief_assets.database import session
from podbrief_assets.delivery import hand_over as handing
from podbrief_assets.delivery.hand_over import HandOver, hand_over
from podbrief_assets.delivery.ledger import Ledger
from podbrief_assets.delivery.mailer import Outbox
from podbrief_assets.delivery.settings import smtp_server
from podbrief_assets.delivery.smtp import SmtpMailer
from podbrief_assets.subscribers import database as subscribers
from podbrief_assets.subscribers.database import SettingRow
from podbrief_assets_tests.delivery.killing import (
    DAY,
    briefs,
    composed,
    exactly_once_but_for_the_unknown,
    killed_and_restarted,
    readers,
    started,
)
from podbrief_assets_tests.delivery.smtp_server import Postbox, serving


def status_of(opened: Engine, subscriber_id: str) -> str | None:
    with session(opened, read_only=True) as transaction:
        return transaction.scalar(
            select(SettingRow.status).where(SettingRow.subscriber_id == subscriber_id, SettingRow.valid_to.is_(None))
        )


def run(opened: Engine, port: int, who: list[str]) -> HandOver:
    mailer = SmtpMailer(smtp_server(f"smtp+plain://127.0.0.1:{port}"), 1_000_000, 5, 5, pause_s=0.01)
    with closing(mailer):
        return hand_over(
            briefs(who), DAY, engine=opened, mailer=mailer, compose=composed, domain="example.org", run_id="run"
        )


def test_each_gets_one_and_a_second_run_sends_nothing(engine: Engine, postbox: Postbox, port: int) -> None:
    who = readers(engine, 250)
    assert run(engine, port, who) == HandOver(delivered=250)
    assert set(postbox.counts.values()) == {1} and len(postbox.counts) == 250
    assert run(engine, port, who) == HandOver()
    assert len(postbox.mails) == 250
    assert {one.detail for one in Ledger(engine).of_day(DAY)} == {
        f"250 2.0.0 OK queued as {number}" for number in range(1, 251)
    }


def test_what_the_server_says_of_one_is_recorded_of_this_one(engine: Engine, postbox: Postbox, port: int) -> None:
    who = readers(engine, 6)
    answers = {
        "reader1@example.org": "550 5.1.1 no such user",
        "reader2@example.org": "550 5.7.1 policy",
        "reader3@example.org": "451 4.7.1 greylisted",
    }
    postbox.at_recipient = answers.get
    postbox.after_data = lambda _: "drop" if postbox.recipients[-1] == "reader4@example.org" else None
    with session(engine) as transaction:
        subscribers.set_status(transaction, who[5], "paused", why="a test")
    done = run(engine, port, who)
    assert done.delivered == 1 and done.stopped is None
    reasons = dict(done.failed)
    assert set(reasons) == set(who[1:5])
    assert f"podbrief deliveries settle {who[4]} {DAY} delivered" in reasons[who[4]]
    known = {one.subscriber_id: one.status for one in Ledger(engine).of_day(DAY)}
    assert known == {
        who[0]: "delivered",
        who[1]: "refused",
        who[2]: "refused",
        who[4]: "unknown",
        who[5]: "cancelled",
    }, "what was deferred is free for the next run"
    assert [status_of(engine, one) for one in who] == ["active", "bounced", "active", "active", "active", "paused"]

    postbox.at_recipient = lambda _: None
    assert run(engine, port, who).delivered == 1
    Ledger(engine).settle_by_hand(who[2], DAY, "resend")
    Ledger(engine).settle_by_hand(who[4], DAY, "resend")
    postbox.after_data = lambda _: None
    assert run(engine, port, who).delivered == 2
    assert Counter(postbox.recipients) == {
        f"reader{number}@example.org": 1 + (number == 4) for number in (0, 2, 3, 4)
    }, "the one that an operator had sent again came twice, since the server had it"


def test_a_server_that_goes_away_is_left_alone_and_what_was_claimed_is_free(engine: Engine) -> None:
    who = readers(engine, 30)
    postbox = Postbox()
    with serving(postbox) as port:
        postbox.at_sender = lambda number: "421 closing" if number >= 10 else None
        done = run(engine, port, who)
    assert done.delivered == 10
    assert done.stopped is not None and "can't be used" in done.stopped
    assert postbox.senders == 13, "tried again twice, and nobody else was tried"
    assert {one.status for one in Ledger(engine).of_day(DAY)} == {"delivered"}
    with serving(Postbox()) as port:
        assert run(engine, port, who).delivered == 20


def test_a_server_that_defers_everybody_is_asked_no_further(
    engine: Engine, postbox: Postbox, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handing, "_DEFERRED_IN_A_ROW", 5)
    who = readers(engine, 20)
    postbox.at_recipient = lambda _: "450 4.7.0 over quota"
    done = run(engine, port, who)
    assert done.stopped is not None and "5 mails were all deferred" in done.stopped
    assert postbox.senders == 5
    assert Ledger(engine).of_day(DAY) == []


def test_a_held_day_goes_nowhere_and_a_run_at_work_stops(engine: Engine, postbox: Postbox, port: int) -> None:
    who, ledger = readers(engine, 30), Ledger(engine)
    ledger.hold(DAY, "a typo")
    done = run(engine, port, who)
    assert done.stopped == f"the day is held (a typo): `podbrief deliveries release {DAY}` lets it go"
    assert postbox.connections == 0
    ledger.release_day(DAY)

    def hold_at(number: int) -> None:
        if number == 7:
            ledger.hold(DAY, "again")

    postbox.after_data = hold_at
    done = run(engine, port, who)
    assert done.delivered == 8 and done.stopped is not None and "held" in done.stopped
    ledger.release_day(DAY)
    postbox.after_data = lambda _: None
    assert run(engine, port, who).delivered == 22
    assert set(postbox.counts.values()) == {1} and len(postbox.counts) == 30


def test_an_outbox_that_can_not_be_written_stops_the_run_and_holds_no_claim(engine: Engine, tmp_path: Path) -> None:
    who = readers(engine, 5)
    (tmp_path / "outbox").write_text("a file where the folder should be")
    outbox = Outbox(tmp_path / "outbox")
    done = hand_over(briefs(who), DAY, engine=engine, mailer=outbox, compose=composed, domain="example.org")
    assert done.delivered == 0 and done.stopped is not None and "outbox" in done.stopped
    assert Ledger(engine).of_day(DAY) == []


def test_killed_at_random_moments_each_gets_one_but_for_those_told(
    engine: Engine, tmp_path: Path, postbox: Postbox, port: int
) -> None:
    who = readers(engine, 500)
    killed_and_restarted(engine.url.render_as_string(hide_password=False), tmp_path, port, postbox, who, kills=5)
    exactly_once_but_for_the_unknown(engine, postbox, who, kills=5)


def test_two_runs_at_once_share_the_work(engine: Engine, tmp_path: Path, postbox: Postbox, port: int) -> None:
    who = readers(engine, 400)
    (tmp_path / "who.json").write_text(json.dumps(who))
    url = engine.url.render_as_string(hide_password=False)
    runs = [started(url, port, tmp_path / "who.json") for _ in range(2)]
    assert [one.wait() for one in runs] == [0, 0]
    assert exactly_once_but_for_the_unknown(engine, postbox, who, kills=0) == 0
    assert postbox.connections == 2
