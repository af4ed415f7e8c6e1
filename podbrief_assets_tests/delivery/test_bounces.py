"""What comes back: who is taken off the list, and that a stranger's mail takes nobody off."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import Engine, func, select

from podbrief_assets.database import session
from podbrief_assets.delivery.bounces import BounceRow, messages, record, understood
from podbrief_assets.delivery.ledger import Ledger, Wanted, message_id
from podbrief_assets.delivery.links import Links
from podbrief_assets.subscribers import database as subscribers
from podbrief_assets.tokens import Keys

DAY = dt.date(2026, 11, 21)
NOW = dt.datetime(2026, 11, 22, 9, tzinfo=dt.UTC)
KEYS = Keys.of("k" * 40)

NOTICE = """\
From: MAILER-DAEMON@mx.example.net
To: bounces@example.org
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I'm sorry to have to inform you that your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net
Arrival-Date: Sun, 22 Nov 2026 07:00:01 +0000

Final-Recipient: rfc822; ann@example.net
Original-Recipient: rfc822;ann@example.net
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 {status} <ann@example.net>: nobody here

--b
Content-Type: {kind}

From: brief@example.org
Message-ID: {message_id}
Subject: Sat 21 Nov

--b--
"""


def notice(
    of: str, status: str = "5.1.1", day: dt.date = DAY, action: str = "failed", kind: str = "text/rfc822-headers"
) -> bytes:
    made = message_id(of, day, "example.org")
    return NOTICE.format(status=status, action=action, message_id=made, kind=kind).encode()


@pytest.fixture
def ann(engine: Engine) -> str:
    with session(engine) as transaction:
        who = subscribers.add(transaction, "ann@example.net").subscriber_id
    for back in range(4):
        day = DAY - dt.timedelta(days=back)
        made = Wanted(subscriber_id=who, message_id=message_id(who, day, "example.org"), entries=5)
        (claim,) = Ledger(engine).claim([made], day, idempotent=False)
        assert Ledger(engine).settle(claim, "delivered", "250 OK")
    return who


def is_active(engine: Engine, who: str) -> bool:
    with session(engine, read_only=True) as transaction:
        return subscribers.is_active(transaction, who)


@pytest.mark.parametrize("kind", ["text/rfc822-headers", "message/rfc822"])
def test_an_address_that_is_nobodys_gets_nothing_more(engine: Engine, ann: str, kind: str) -> None:
    done = record(engine, notice(ann, kind=kind), KEYS, NOW)
    assert (done.bounced, done.unmatched) == ([ann], [])
    assert not is_active(engine, ann)
    with session(engine, read_only=True) as transaction:
        (row,) = transaction.scalars(select(BounceRow)).all()
    assert (row.subscriber_id, row.date, row.status) == (ann, DAY, "5.1.1")
    assert row.detail is not None and "nobody here" in row.detail and "ann@example.net" not in row.detail


def test_what_may_pass_is_recorded_and_counts_from_the_third_day_on(engine: Engine, ann: str) -> None:
    first = record(engine, notice(ann, "5.2.2"), KEYS, NOW)
    assert (first.recorded, first.bounced) == (1, [])
    again = record(engine, notice(ann, "5.2.2"), KEYS, NOW)
    assert (again.recorded, again.known) == (0, 1), "one mail fails once, however often it is told"
    record(engine, notice(ann, "5.7.1", DAY - dt.timedelta(1)), KEYS, NOW)
    assert is_active(engine, ann)
    third = record(engine, notice(ann, "5.2.2", DAY - dt.timedelta(2)), KEYS, NOW)
    assert third.bounced == [ann] and not is_active(engine, ann)


def test_a_delay_a_success_and_a_letter_say_nothing(engine: Engine, ann: str) -> None:
    for content in (
        notice(ann, "4.4.1", action="delayed"),
        notice(ann, "2.0.0", action="delivered"),
        b"From: ann@example.net\nSubject: Re: your brief\n\nI liked the third.\n",
        b"",
        b"\x00\xff not a mail at all",
    ):
        done = record(engine, content, KEYS, NOW)
        assert (done.bounced, done.recorded, done.other) == ([], 0, 1)
    assert is_active(engine, ann)


def test_a_notice_about_a_mail_that_was_never_sent_takes_nobody_off(engine: Engine, ann: str) -> None:
    for forged in (notice("f" * 16), notice(ann, day=DAY - dt.timedelta(50))):
        done = record(engine, forged, KEYS, NOW)
        assert done.bounced == [] and len(done.unmatched) == 1
    broken = notice(ann).replace(b"20261121.", b"20261399.")
    assert len(record(engine, broken, KEYS, NOW).unmatched) == 1
    without = b"\n".join(line for line in notice(ann).splitlines() if not line.startswith(b"Message-ID"))
    assert len(record(engine, without, KEYS, NOW).unmatched) == 1
    assert is_active(engine, ann)
    with session(engine, read_only=True) as transaction:
        assert transaction.scalar(select(func.count()).select_from(BounceRow)) == 0


def test_a_mail_to_unsubscribe_counts_by_its_token(engine: Engine, ann: str) -> None:
    token = Links("https://briefs.example.org", KEYS).unsubscribe_token(ann, DAY)
    letter = "From: someone@example.net\nSubject: unsubscribe {}\n\n\n"
    forged = record(engine, letter.format(token[:-3] + "abc").encode(), KEYS, NOW)
    assert forged.unsubscribed == [] and len(forged.unmatched) == 1
    assert is_active(engine, ann)
    assert record(engine, letter.format(token).encode(), KEYS, NOW).unsubscribed == [ann]
    assert not is_active(engine, ann)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_mailbox_has_many_messages(engine: Engine, ann: str, end: bytes) -> None:
    letter = b"From: x@example.net\nSubject: hi\n\n>From my side, thanks.\n\nFrom where I sit, it is fine.\n"
    parts = [letter, notice(ann), b"Subject: last\n\nBye\n"]
    mbox = b"\n".join(b"From MAILER-DAEMON Sun Nov 22 07:00:00 2026\n" + part for part in parts)
    read = list(messages(mbox.replace(b"\n", end)))
    assert [one["Subject"] for one in read][:1] == ["hi"] and read[-1]["Subject"] == "last"
    assert [len(understood(one)) for one in read].count(1) == 1
    assert record(engine, mbox.replace(b"\n", end), KEYS, NOW).bounced == [ann]
