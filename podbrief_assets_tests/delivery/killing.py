"""Hand a day over in processes that are killed, and count what a server on loopback has afterwards."""

from __future__ import annotations

import datetime as dt
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from podbrief_assets.database import session
from podbrief_assets.delivery.ledger import Claim, Ledger
from podbrief_assets.delivery.mailer import Mail
from podbrief_assets.subscribers import database as subscribers
from podbrief_assets_tests.delivery.smtp_server import Postbox

DAY = dt.date(2026, 11, 21)
Rows = list[dict[str, Any]]

_RUN = """
import json, sys
from contextlib import closing
from podbrief_assets import database
from podbrief_assets.delivery.hand_over import hand_over
from podbrief_assets.delivery.settings import smtp_server
from podbrief_assets.delivery.smtp import SmtpMailer
from podbrief_assets_tests.delivery.killing import DAY, briefs, composed
url, port, who = sys.argv[1], sys.argv[2], json.load(open(sys.argv[3]))
with closing(SmtpMailer(smtp_server(f"smtp+plain://127.0.0.1:{port}"), 10_000_000)) as mailer:
    done = hand_over(briefs(who), DAY, engine=database.engine(url), mailer=mailer, compose=composed, domain="example.org")
assert done.stopped is None, done
"""


def composed(claim: Claim, rows: Rows, address: str) -> Mail:
    """A mail that is small, and as good as any for whoever counts."""
    content = f"From: a@example.org\r\nTo: {address}\r\nMessage-ID: {claim.message_id}\r\n\r\n{len(rows)} entries\r\n"
    return Mail(
        day=claim.day,
        subscriber_id=claim.subscriber_id,
        return_path="a@example.org",
        recipient=address,
        content=content.encode(),
    )


def readers(opened: Engine, count: int) -> list[str]:
    """So many subscribers, `reader0@example.org` and so on; their identifiers in the order of their addresses."""
    with session(opened) as transaction:
        added = subscribers.add_all(
            transaction, [subscribers.NewSubscriber(address=f"reader{n}@example.org") for n in range(count)]
        )
    return [one.subscriber_id for one in added]


def briefs(who: list[str]) -> Iterator[tuple[str, Rows]]:
    """A brief of one row for each, in the order that all runs keep."""
    return ((one, [{"rank": 1}]) for one in sorted(who))


def started(url: str, port: int, people: Path) -> subprocess.Popen[bytes]:
    """A run in a process of its own."""
    return subprocess.Popen([sys.executable, "-c", _RUN, url, str(port), str(people)])


def killed_and_restarted(url: str, folder: Path, port: int, postbox: Postbox, who: list[str], kills: int) -> None:
    """Start runs and kill each at a random moment of the work, then let one finish."""
    people = folder / "who.json"
    people.write_text(json.dumps(who))
    moments = sorted(random.Random(7).sample(range(len(who)), kills))
    for moment in [*moments, None]:
        process = started(url, port, people)
        while moment is not None and process.poll() is None and len(postbox.mails) < moment:
            time.sleep(0.001)
        if moment is not None:
            process.kill()
        status = process.wait()
        assert status == (0 if moment is None else -9)


def exactly_once_but_for_the_unknown(opened: Engine, postbox: Postbox, who: list[str], kills: int) -> int:
    """Hold the server's mails against the ledger; how many mails are reported as unknown."""
    ledger = Ledger(opened).of_day(DAY)
    unknown = {one.message_id for one in ledger if one.status == "unknown"}
    delivered = {one.message_id for one in ledger if one.status == "delivered"}
    assert len(ledger) == len(who) == len(unknown) + len(delivered), "nobody is skipped"
    assert set(postbox.counts.values()) == {1}, "nobody got two"
    assert delivered <= set(postbox.counts), "nothing counts as delivered that the server does not have"
    assert set(postbox.counts) - delivered <= unknown
    assert len(unknown) <= kills, "each kill leaves the one in flight"
    return len(unknown)
