"""One brief for each subscriber and day: two runs at once, dead runs, and what is settled stays."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from podbrief_assets.database import engine, session
from podbrief_assets.delivery.ledger import (
    STALE_AFTER,
    BadMessageDomain,
    Claim,
    DeliveryRow,
    Ledger,
    NothingToSettle,
    Outcome,
    Wanted,
    message_id,
)

DAY = dt.date(2026, 11, 21)
MORNING = dt.datetime(2026, 11, 22, 6, tzinfo=dt.UTC)

# A run that claims what is free, hands it over by writing a line, and settles it; or dies where it is told to.
RUN = """
import datetime as dt, os, signal, sys
from podbrief_assets.database import engine
from podbrief_assets.delivery.ledger import Ledger, Wanted, message_id
url, sent, idempotent = sys.argv[1], sys.argv[2], sys.argv[3] == "True"
die_at, count, batch = int(sys.argv[4]), int(sys.argv[5]), 5
day, ledger = dt.date(2026, 11, 21), Ledger(engine(url))
everyone = [f"{number:016x}" for number in range(count)]
for start in range(0, count, batch):
    wanted = [Wanted(subscriber_id=one, message_id=message_id(one, day), entries=5) for one in everyone[start:start + batch]]
    for claim in ledger.claim(wanted, day, idempotent=idempotent, run_id="run"):
        assert ledger.begin(claim)
        if int(claim.subscriber_id, 16) == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        with open(sent, "a") as file:
            file.write(claim.subscriber_id + "\\n")
        assert ledger.settle(claim, "delivered", "out")
"""


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


@pytest.fixture
def opened(engine: Engine) -> Engine:
    return engine


@pytest.fixture
def ledger(opened: Engine) -> Ledger:
    return Ledger(opened)


def wanted(*who: str, day: dt.date = DAY) -> list[Wanted]:
    return [Wanted(subscriber_id=one, message_id=message_id(one, day), entries=5) for one in who]


def claimed(
    ledger: Ledger, who: str = "ann", *, idempotent: bool = True, now: dt.datetime = MORNING, begun: bool = False
) -> Claim | None:
    claims = ledger.claim(wanted(who), DAY, idempotent=idempotent, run_id="run-1", now=now)
    if claims and begun:
        assert ledger.begin(claims[0], now=now)
    return claims[0] if claims else None


def held_by_another_machine(opened: Engine) -> None:
    with session(opened) as transaction:
        transaction.execute(update(DeliveryRow).values(claimed_by="another-host/7/1.00/abc"))


def run(url: str, sent: Path, *, die_at: int = -1, idempotent: bool = True, count: int = 20) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", RUN, url, str(sent), str(idempotent), str(die_at), str(count)])


def test_a_brief_is_claimed_settled_and_listed(ledger: Ledger) -> None:
    assert not ledger.any_delivered(DAY)
    claim = claimed(ledger)
    assert claim is not None
    assert ledger.settle(claim, "delivered", "2026-11-21/ann.eml", now=MORNING + dt.timedelta(seconds=2))
    (one,) = ledger.of_day(DAY)
    assert (one.subscriber_id, one.status, one.entries, one.detail) == ("ann", "delivered", 5, "2026-11-21/ann.eml")
    assert (one.attempted_at, one.finished_at) == (MORNING, MORNING + dt.timedelta(seconds=2))
    assert (one.message_id, one.run_id) == ("<20261121.ann@podbrief.invalid>", "run-1")
    assert ledger.any_delivered(DAY)
    assert not ledger.any_delivered(DAY + dt.timedelta(days=1))
    assert ledger.of_day(DAY + dt.timedelta(days=1)) == []


@pytest.mark.parametrize("outcome", ["delivered", "refused", "unknown", "cancelled"])
@pytest.mark.parametrize("idempotent", [True, False])
def test_what_is_settled_is_never_claimed_again(ledger: Ledger, outcome: Outcome, idempotent: bool) -> None:
    claim = claimed(ledger, idempotent=idempotent)
    assert claim is not None
    assert ledger.settle(claim, outcome)
    assert claimed(ledger, idempotent=idempotent, now=MORNING + 100 * STALE_AFTER) is None
    assert ledger.of_day(DAY)[0].status == outcome


def test_another_day_and_another_subscriber_are_free(ledger: Ledger) -> None:
    assert claimed(ledger) is not None
    assert claimed(ledger, "ben") is not None
    tomorrow = DAY + dt.timedelta(days=1)
    assert len(ledger.claim(wanted("ann", "cleo", day=tomorrow), tomorrow, idempotent=True)) == 2


def test_a_day_is_frozen_by_what_may_have_reached_somebody_and_by_nothing_else(ledger: Ledger) -> None:
    claim = claimed(ledger)
    assert claim is not None
    assert ledger.any_delivered(DAY)
    assert ledger.settle(claim, "refused", "no such mailbox")
    assert not ledger.any_delivered(DAY)


def test_a_released_claim_is_free_again(ledger: Ledger) -> None:
    claim = claimed(ledger)
    assert claim is not None
    assert ledger.release([claim]) == 1
    assert ledger.of_day(DAY) == []
    again = claimed(ledger)
    assert again is not None
    assert not ledger.release([claim])
    assert ledger.settle(again, "delivered")
    assert not ledger.release([again])
    assert not ledger.release([])


def test_a_live_claim_is_left_alone(ledger: Ledger, opened: Engine) -> None:
    assert claimed(ledger) is not None
    assert claimed(ledger, now=MORNING + STALE_AFTER / 2) is None
    held_by_another_machine(opened)
    assert claimed(ledger, now=MORNING + STALE_AFTER / 2) is None
    assert ledger.of_day(DAY)[0].status == "claimed"


def test_a_stale_claim_for_the_outbox_is_taken_over_once(ledger: Ledger, opened: Engine) -> None:
    first = claimed(ledger)
    assert first is not None
    held_by_another_machine(opened)
    later = MORNING + 2 * STALE_AFTER
    second = claimed(ledger, now=later)
    assert second is not None
    assert claimed(ledger, now=later) is None
    assert not ledger.settle(first, "delivered")  # the claim is lost, and what it says counts no more
    assert ledger.settle(second, "delivered", "out")
    assert ledger.of_day(DAY)[0].detail == "out"


def test_a_stale_claim_for_anything_else_becomes_unknown_and_says_what_to_do(ledger: Ledger, opened: Engine) -> None:
    first = claimed(ledger, idempotent=False, begun=True)
    assert first is not None
    # What counts is the mailer that may have had the mail, not the one that would get it now.
    assert claimed(ledger, idempotent=True, now=MORNING + 2 * STALE_AFTER) is None
    (one,) = ledger.of_day(DAY)
    assert one.status == "unknown"
    assert one.detail is not None
    assert "<20261121.ann@podbrief.invalid>" in one.detail
    # The run was only slow: it knows best.
    assert ledger.settle(first, "delivered", "250 OK")
    assert (ledger.of_day(DAY)[0].status, ledger.of_day(DAY)[0].detail) == ("delivered", "250 OK")


def test_a_dead_runs_claim_that_was_not_begun_is_free_whatever_the_mailer(ledger: Ledger, opened: Engine) -> None:
    first = claimed(ledger, idempotent=False)
    assert first is not None
    held_by_another_machine(opened)
    second = claimed(ledger, idempotent=False, now=MORNING + 2 * STALE_AFTER)
    assert second is not None
    assert not ledger.begin(first), "it was only slow, and hands nothing over any more"
    assert ledger.begin(second)
    assert not ledger.begin(second), "nothing is begun twice"


def test_of_a_batch_those_are_claimed_that_nobody_has(ledger: Ledger) -> None:
    assert [one.subscriber_id for one in ledger.claim(wanted("b", "d"), DAY, idempotent=True)] == ["b", "d"]
    assert [one.subscriber_id for one in ledger.claim(wanted("a", "b", "c", "d"), DAY, idempotent=True)] == ["a", "c"]
    assert ledger.claim([], DAY, idempotent=True) == []


def test_of_a_held_day_nothing_is_claimed_or_begun_until_it_is_released(ledger: Ledger) -> None:
    first = claimed(ledger)
    assert first is not None
    ledger.hold(DAY, "a wrong number in it")
    assert ledger.held(DAY) == "a wrong number in it"
    assert claimed(ledger, "ben") is None
    assert not ledger.begin(first), "it was claimed before, and does not leave all the same"
    assert ledger.claim(wanted("ben", day=DAY + dt.timedelta(1)), DAY + dt.timedelta(1), idempotent=True)
    assert ledger.release_day(DAY)
    assert ledger.held(DAY) is None
    assert not ledger.release_day(DAY)
    assert ledger.begin(first)
    ledger.hold(DAY, "again")
    assert ledger.held(DAY) == "again"


def test_an_operator_settles_what_nobody_knows(ledger: Ledger) -> None:
    for who, outcome in (("ann", "unknown"), ("ben", "unknown"), ("cleo", "refused"), ("dan", "delivered")):
        claim = claimed(ledger, who)
        assert claim is not None
        assert ledger.settle(claim, outcome, "why")  # type: ignore[arg-type]
    ledger.settle_by_hand("ann", DAY, "delivered")
    ledger.settle_by_hand("ben", DAY, "resend")
    ledger.settle_by_hand("cleo", DAY, "resend")
    assert {one.subscriber_id: one.status for one in ledger.of_day(DAY)} == {"ann": "delivered", "dan": "delivered"}
    assert claimed(ledger, "ben") is not None
    for who, verdict in (("dan", "resend"), ("dan", "delivered"), ("cleo", "delivered"), ("nobody", "resend")):
        with pytest.raises(NothingToSettle, match="deliveries list"):
            ledger.settle_by_hand(who, DAY, verdict)  # type: ignore[arg-type]


def test_what_a_dead_run_left_in_flight_can_be_settled_before_the_next_run(ledger: Ledger, opened: Engine) -> None:
    assert claimed(ledger, idempotent=False, begun=True) is not None
    with pytest.raises(NothingToSettle):
        ledger.settle_by_hand("ann", DAY, "delivered", now=MORNING)
    held_by_another_machine(opened)
    ledger.settle_by_hand("ann", DAY, "delivered", now=MORNING + 2 * STALE_AFTER)
    assert [one.status for one in ledger.of_day(DAY)] == ["delivered"]


def test_what_is_settled_is_a_table(ledger: Ledger) -> None:
    assert ledger.settled(DAY).is_empty()
    for who in ("ben", "ann", "cleo"):
        claim = claimed(ledger, who)
        assert claim is not None
        if who != "cleo":
            assert ledger.settle(claim, "delivered", f"{who}.eml")
    assert ledger.settled(DAY).rows() == [
        (who, f"<20261121.{who}@podbrief.invalid>", "delivered", 5, MORNING, f"{who}.eml") for who in ("ann", "ben")
    ]


def test_threads_that_claim_at_once_share_the_work(url: str, opened: Engine) -> None:
    start = threading.Barrier(4)
    won: list[str] = []

    def work() -> None:
        ledger = Ledger(engine(url))
        start.wait()
        for number in range(25):
            if (claim := claimed(ledger, f"reader-{number}")) is not None:
                won.append(claim.subscriber_id)
                assert ledger.settle(claim, "delivered")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(won) == {f"reader-{number}": 1 for number in range(25)}


def test_two_runs_at_once_send_each_brief_once(url: str, opened: Engine, tmp_path: Path) -> None:
    sent = tmp_path / "sent"
    runs = [run(url, sent, count=60) for _ in range(2)]
    assert [one.wait(60) for one in runs] == [0, 0]
    assert Counter(sent.read_text().split()) == {f"{number:016x}": 1 for number in range(60)}


@pytest.mark.parametrize("idempotent", [True, False])
def test_a_killed_run_is_completed_at_once_by_the_next(
    url: str, ledger: Ledger, tmp_path: Path, idempotent: bool
) -> None:
    sent = tmp_path / "sent"
    assert run(url, sent, die_at=7, idempotent=idempotent).wait(60) == -9
    # What it had claimed with the eighth and not begun is no loss.
    assert [one.status for one in ledger.of_day(DAY)] == ["delivered"] * 7 + ["claimed"] * 3
    assert run(url, sent, idempotent=idempotent).wait(60) == 0
    statuses = Counter(one.status for one in ledger.of_day(DAY))
    in_flight = f"{7:016x}"
    if idempotent:
        assert statuses == {"delivered": 20}
        assert Counter(sent.read_text().split()) == {f"{number:016x}": 1 for number in range(20)}
    else:
        assert statuses == {"delivered": 19, "unknown": 1}
        assert in_flight not in sent.read_text().split()
        assert len(set(sent.read_text().split())) == len(sent.read_text().split()) == 19


def test_a_message_id_is_the_same_at_every_attempt() -> None:
    assert message_id("0123456789abcdef", DAY, "Briefs.Example.org") == "<20261121.0123456789abcdef@briefs.example.org>"


@pytest.mark.parametrize("domain", ["", "a b", "a..b", "x>\r\nBcc: y", ".org", "ex@mple.org", "a" * 300])
def test_a_domain_that_would_break_the_header_is_refused(domain: str) -> None:
    with pytest.raises(BadMessageDomain, match="domain"):
        message_id("ann", DAY, domain)
    with pytest.raises(ValueError, match="identifier"):
        message_id(f"ann>{os.linesep}", DAY)
