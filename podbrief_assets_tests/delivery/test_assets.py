"""A day's briefs by SMTP, as Dagster runs it: who gets theirs now, who later, and that no day of the past is mailed."""

from __future__ import annotations

import base64
import datetime as dt
import email
import email.policy
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import dkim
import polars as pl
import pytest
from sqlalchemy import Engine, update
from typer.testing import CliRunner
from upath import UPath

from podbrief_assets import cli
from podbrief_assets.database import session
from podbrief_assets.definitions import build_defs
from podbrief_assets.delivery.signing import DkimKey
from podbrief_assets.lake.contract import settle
from podbrief_assets.lake.paths import Home
from podbrief_assets.lake.storage import Lake
from podbrief_assets.lake.tables import TABLES
from podbrief_assets.resources import DatabaseResource
from podbrief_assets.subscribers import database as subscribers
from podbrief_assets.subscribers.database import SettingRow
from podbrief_assets.tokens import Keys
from podbrief_assets_tests.delivery.smtp_server import Postbox, serving
from podbrief_assets_tests.web import site

NOW = dt.datetime.now(dt.UTC)
YESTERDAY = NOW.date() - dt.timedelta(days=1)
LONG_AGO = NOW.date() - dt.timedelta(days=9)
SECRET = "k" * 40


@dataclass
class Sending:
    """An installation that sends mail to a server on loopback."""

    home: Home
    engine: Engine
    postbox: Postbox
    key: Path

    def add(self, name: str, hour: int, **options: Any) -> str:
        with session(self.engine) as transaction:
            who = subscribers.add(transaction, f"{name}@example.org", ["whales"], **options).subscriber_id
            transaction.execute(update(SettingRow).where(SettingRow.subscriber_id == who).values(hour=hour))
        return who

    def write(self, day: dt.date, *who: str) -> None:
        """Make a brief of one entry for each."""
        table = TABLES["user_briefs"]
        row = {
            "rank": 1,
            "insight_id": f"{day:%Y%m%d}-aa",
            "kind": "excerpt",
            "text": "Whales sing in clans.",
            "quote": "Whales sing in clans.",
            "show_id": "s",
            "show_title": "Ocean Signals",
            "episode_id": "e",
            "episode_title": "The Clans",
            "start_s": 30.0,
            "timed": True,
            "link": "https://example.org/a.mp3#t=30",
            "score": 1.0,
            "relevance": 1.0,
            "quality": 0.5,
            "freshness": 1.0,
            "redundancy": 0.0,
            "interest": 1,
            "reason": "close to interest 1",
            "date": day,
        }
        frame = pl.DataFrame([{"subscriber_id": one, **row} for one in who], schema=table.polars_schema)
        Lake(UPath(self.home.lake)).write(table, settle(table, frame).valid, day)

    def deliver(self, day: dt.date, *, mail: bool = False) -> dict[str, Any]:
        """Run the job `deliver_due` for `day`; what the asset says."""
        config = {"ops": {"brief_deliveries": {"config": {"mail": mail}}}}
        with dg.DagsterInstance.ephemeral() as instance:
            result = (
                build_defs(self.home)
                .resolve_job_def("deliver_due")
                .execute_in_process(instance=instance, partition_key=day.isoformat(), run_config=config)
            )
        (made,) = result.asset_materializations_for_node("brief_deliveries")
        return {name: value.value for name, value in made.metadata.items()}

    def told(self, said: dict[str, Any]) -> str:
        return str(said.get("failures"))


@pytest.fixture
def sending(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sending]:
    postbox, engine, key = Postbox(), DatabaseResource(url=home.database_url).engine, tmp_path / "dkim.pem"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "1024"], check=True, capture_output=True)
    with (
        serving(postbox) as port,
        site.serving(engine, Keys.of(SECRET), lambda: dt.datetime.now(dt.UTC)) as address,
    ):
        for name, value in {
            "PODBRIEF_SMTP_URL": f"smtp+plain://127.0.0.1:{port}",
            "PODBRIEF_MAIL_FROM": "Daily Brief <brief@example.org>",
            "PODBRIEF_MAIL_POSTAL_ADDRESS": "Example Ltd, 1 Some Street, Sometown",
            "PODBRIEF_MAIL_PER_MINUTE": "60000",
            "PODBRIEF_PUBLIC_URL": address,
            "PODBRIEF_TOKEN_KEY": SECRET,
            "PODBRIEF_DKIM_KEY": str(key),
            "PODBRIEF_DKIM_SELECTOR": "s1",
        }.items():
            monkeypatch.setenv(name, value)
        yield Sending(home, engine, postbox, key)
    engine.dispose()


@pytest.mark.skipif(NOW.hour == 23, reason="no hour of this day (UTC) is still to come")
def test_each_gets_theirs_at_their_hour_and_none_of_the_past_without_its_name(sending: Sending) -> None:
    early, late = sending.add("early", 0), sending.add("late", 23)
    for day in (YESTERDAY, LONG_AGO):
        sending.write(day, early, late)
    said = sending.deliver(YESTERDAY)
    assert (said["handed_over"], said["waiting"], said["failed"]) == (1, 1, 0)
    assert sending.postbox.recipients == ["early@example.org"]
    assert sending.deliver(YESTERDAY)["handed_over"] == 0
    table = Lake(UPath(sending.home.lake)).scan("brief_deliveries").collect()
    assert table.select("subscriber_id", "status", "date").rows() == [(early, "delivered", YESTERDAY)]
    assert not table["detail"].str.contains("@").any()

    said = sending.deliver(LONG_AGO)
    assert said["handed_over"] == 0 and f"podbrief run --date {LONG_AGO} --mail" in sending.told(said)
    assert len(sending.postbox.mails) == 1, "a backfill mails nobody"
    assert sending.deliver(LONG_AGO, mail=True)["handed_over"] == 2
    assert sending.deliver(YESTERDAY, mail=True)["handed_over"] == 1
    assert len(sending.postbox.counts) == len(sending.postbox.mails) == 4


def test_the_mail_is_signed_and_says_how_to_leave(sending: Sending) -> None:
    who = sending.add("ann", 0)
    sending.write(YESTERDAY, who)
    sending.deliver(YESTERDAY)
    ((_, content),) = sending.postbox.mails
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert message["From"] == "Daily Brief <brief@example.org>"
    assert abs(message["Date"].datetime - NOW) < dt.timedelta(hours=1), "dated when it leaves"
    assert message["List-Unsubscribe"].startswith("<http://127.0.0.1:")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    key = DkimKey.of(sending.key.read_bytes(), "s1", "example.org")
    public = subprocess.run(
        ["openssl", "rsa", "-in", str(sending.key), "-pubout", "-outform", "DER"], check=True, capture_output=True
    ).stdout
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    asked: list[bytes] = []

    def dns(name: bytes, timeout: int = 5) -> bytes:
        asked.append(name)
        return record

    assert dkim.verify(content, dnsfunc=dns), "as whoever gets it checks it"
    assert asked == [b"s1._domainkey.example.org."] and key.domain == "example.org"
    for name in (b"List-Unsubscribe: <https://evil.example>", b"Subject: other", b"From: evil@example.org"):
        assert not dkim.verify(name + b"\r\n" + content, dnsfunc=dns), "nothing is added on the way"
    text = message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "your interest in “whales”" in text and "Example Ltd, 1 Some Street, Sometown" in text


def test_where_nobody_answers_the_links_no_mail_leaves(sending: Sending, monkeypatch: pytest.MonkeyPatch) -> None:
    sending.write(YESTERDAY, sending.add("ann", 0))
    monkeypatch.setenv("PODBRIEF_TOKEN_KEY", "o" * 40)
    said = sending.deliver(YESTERDAY)
    assert said["handed_over"] == 0 and "podbrief serve" in sending.told(said)
    assert sending.postbox.connections == 0


def test_what_needs_a_verdict_is_told_at_every_run_until_it_has_one(sending: Sending) -> None:
    who = sending.add("ann", 0)
    sending.write(YESTERDAY, who)
    sending.postbox.after_data = lambda _: "drop"
    for _ in range(2):
        assert f"podbrief deliveries settle {who} {YESTERDAY} delivered" in sending.told(sending.deliver(YESTERDAY))
    command("deliveries", "settle", who, str(YESTERDAY), "delivered")
    said = sending.deliver(YESTERDAY)
    assert said["failed"] == 0 and said["statuses"] == {"delivered": 1}
    assert len(sending.postbox.mails) == 1


def test_an_operator_holds_a_day_looks_at_it_and_lets_it_go(sending: Sending) -> None:
    who = sending.add("ann", 0)
    sending.write(YESTERDAY, who)
    command("deliveries", "hold", str(YESTERDAY), "--why", "a wrong number in it")
    said = sending.deliver(YESTERDAY)
    assert said["handed_over"] == 0 and "a wrong number in it" in sending.told(said)
    assert "sent by SMTP" in command("deliveries", "send-test", str(YESTERDAY), "--to", "boss@example.org")
    assert sending.postbox.recipients == ["boss@example.org"]
    message = sending.postbox.message(0)
    assert message["Subject"].startswith("[test] ") and message["To"] == "boss@example.org"
    assert "held" in command("deliveries", "list", "--date", str(YESTERDAY))
    command("deliveries", "release", str(YESTERDAY))
    assert sending.deliver(YESTERDAY)["handed_over"] == 1
    assert sending.postbox.recipients == ["boss@example.org", "ann@example.org"]
    listed = command("deliveries", "list", "--date", str(YESTERDAY))
    assert who in listed and "delivered" in listed and "ann@" not in listed


def test_commands_that_make_no_sense_are_refused(sending: Sending) -> None:
    day = str(YESTERDAY)
    for arguments in (
        ("deliveries", "settle", "nobody", day, "perhaps"),
        ("deliveries", "release", day),
        ("deliveries", "hold", day, "--why", " "),
        ("deliveries", "list", "--date", day, "--status", "lost"),
        ("run", "--mail"),
        ("run", "--late", "--mail"),
    ):
        assert command(*arguments, status=2)
    assert "no such brief" in command("deliveries", "send-test", day, "--to", "boss@example.org", status=1)
    assert "unknown or refused" in command("deliveries", "settle", "nobody", day, "resend", status=1)


def test_bounces_are_read_from_a_pipe(sending: Sending) -> None:
    who = sending.add("ann", 0)
    sending.write(YESTERDAY, who)
    sending.deliver(YESTERDAY)
    token = sending.postbox.message(0)["List-Unsubscribe"].rpartition("%20")[2].rstrip(">")
    result = CliRunner().invoke(cli.app, ["bounces", "import", "-"], input=f"Subject: unsubscribe {token}\n\n")
    assert result.exit_code == 0 and "1 unsubscribed" in result.output
    with session(sending.engine, read_only=True) as transaction:
        assert not subscribers.is_active(transaction, who)


def command(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(cli.app, list(arguments))
    assert result.exit_code == status, result.output
    return result.output
