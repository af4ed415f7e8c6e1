"""The outbox: one file for each brief, whole or not there."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest
from upath import UPath

from podbrief_assets.delivery.mailer import Mail, Mailer, Outbox, OutboxUnwritable

DAY = dt.date(2026, 11, 21)


def mail(text: str = "Grüße\n", who: str = "ann") -> Mail:
    message = EmailMessage()
    message["To"] = "ann@example.org"
    message["Subject"] = "Sat 21 Nov: whales"
    message.set_content(text)
    return Mail(
        day=DAY,
        subscriber_id=who,
        return_path="brief@example.org",
        recipient="ann@example.org",
        content=message.as_bytes(policy=SMTP),
    )


def test_a_brief_becomes_a_file_that_mail_programs_read(tmp_path: Path) -> None:
    mailer: Mailer = Outbox(tmp_path / "outbox")
    assert mailer.idempotent
    assert mailer.deliver(mail(who="0123456789abcdef")) == "2026-11-21/0123456789abcdef.eml"
    content = (tmp_path / "outbox" / "2026-11-21" / "0123456789abcdef.eml").read_bytes()
    assert b"\n" not in content.replace(b"\r\n", b"")
    read = email.message_from_bytes(content, policy=email.policy.default)
    assert read["Subject"] == "Sat 21 Nov: whales"
    assert read.get_content() == "Grüße\r\n"


def test_the_same_brief_again_leaves_one_file_and_nothing_beside_it(tmp_path: Path) -> None:
    outbox = Outbox(UPath(tmp_path))
    outbox.deliver(mail("first\n"))
    outbox.deliver(mail("second\n"))
    assert [path.name for path in (tmp_path / "2026-11-21").iterdir()] == ["ann.eml"]
    assert b"second" in (tmp_path / "2026-11-21" / "ann.eml").read_bytes()


def test_an_object_store_is_an_outbox_too() -> None:
    root = UPath("memory://outbox-test")
    path = Outbox(root).deliver(mail())
    assert b"whales" in (root / path).read_bytes()


def test_an_outbox_that_takes_no_file_says_so_and_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file where the folder should be")
    with pytest.raises(OutboxUnwritable, match=r"ann\.eml could not be written") as caught:
        Outbox(tmp_path / "outbox").deliver(mail())
    assert "rights" in caught.value.remedy


@pytest.mark.parametrize("who", ["", "../ann", "a/b", ".", "a\x00", "x" * 65])
def test_no_identifier_leads_out_of_the_outbox(tmp_path: Path, who: str) -> None:
    with pytest.raises(ValueError, match="identifier"):
        Outbox(tmp_path / "outbox").deliver(mail(who=who))
    assert list(tmp_path.iterdir()) == []
