"""Hand 10,000 mails to an SMTP server on loopback, kill the run at twenty random moments, and count.

Proves that the server has every mail exactly once but for those that are reported as unknown, of which each kill leaves
one at most; and measures what a mail costs: the ledger, composing, signing, handing over. Exits with 1 where a promise
is broken. Needs the extra `dev`.

    .venv/bin/python benchmarks/mailing.py [--mails 10000] [--kills 20]
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import delete

from podbrief_assets import database
from podbrief_assets.delivery.compose import Composer
from podbrief_assets.delivery.hand_over import hand_over
from podbrief_assets.delivery.ledger import DeliveryRow, message_id
from podbrief_assets.delivery.links import Links
from podbrief_assets.delivery.mailer import Mail
from podbrief_assets.delivery.settings import MailSettings, smtp_server
from podbrief_assets.delivery.signing import DkimKey, signed
from podbrief_assets.delivery.smtp import SmtpMailer
from podbrief_assets.tokens import Keys
from podbrief_assets_tests.delivery.killing import (
    DAY,
    briefs,
    composed,
    exactly_once_but_for_the_unknown,
    killed_and_restarted,
    readers,
)
from podbrief_assets_tests.delivery.smtp_server import Postbox, serving

ROW = {
    "insight_id": "20261121-aa",
    "kind": "insight",
    "text": "A claim of forty words, which is what an insight has in the middle, so that the mail that is made here "
    "has about the size of one that is sent, with its quote, its show, its episode, its link and its reasons.",
    "quote": "what was said, word for word, so that a reader can tell whether the claim rests on it",
    "speaker": "Jo Okafor",
    "show_title": "Ocean Signals",
    "episode_title": "The Clans",
    "start_s": 754.0,
    "timed": True,
    "link": "https://media.example.org/energy/412.mp3?a=1&b=2#t=754",
    "interest": 1,
    "reason": "close to interest 1",
}


class Nowhere:
    """A mailer that takes everything at once: what is left is the ledger's own time."""

    idempotent = False

    def deliver(self, mail: Mail) -> str:
        return "taken"

    def close(self) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mails", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--only-costs", action="store_true", help="no killed runs")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        costs(Path(folder))
        if not asked.only_costs:
            survived(Path(folder), asked.mails, asked.kills)


def costs(folder: Path, mails: int = 500) -> None:
    """Processor time for each part of a mail, in milliseconds."""
    opened = database.engine(f"sqlite:///{folder}/costs.sqlite")
    database.create_all(opened)
    who = readers(opened, mails)

    def timed(what: str, work: Callable[[], object]) -> None:
        begun, processor = time.perf_counter(), time.process_time()
        work()
        wall, spent = time.perf_counter() - begun, time.process_time() - processor
        print(f"{what:<44} {spent / mails * 1000:6.2f} ms of processor, {wall / mails * 1000:6.2f} ms")

    def handed(mailer: Nowhere | SmtpMailer) -> None:
        with closing(mailer):
            hand_over(briefs(who), DAY, engine=opened, mailer=mailer, compose=composed, domain="example.org")

    timed("claiming, beginning, settling (SQLite)", lambda: handed(Nowhere()))
    with database.session(opened) as transaction:
        transaction.execute(delete(DeliveryRow))
    with serving(Postbox()) as port:
        timed(
            "the same, and handing over by SMTP",
            lambda: handed(SmtpMailer(smtp_server(f"smtp+plain://127.0.0.1:{port}"), 10_000_000)),
        )
    settings = MailSettings(sender="brief@example.org", return_path="brief@example.org", postal_address="Example Ltd")
    compose = Composer(settings=settings, readers={}, links=Links("https://b.example.org", Keys.of("k" * 40)))
    rows = [ROW | {"rank": rank} for rank in range(1, 6)]

    def made() -> Mail:
        return compose.mail(who[0], who[0], DAY, rows, "ann@example.org", message_id(who[0], DAY, "example.org"))

    mail = made()
    timed(f"composing ({len(mail.content) / 1000:.0f} kB)", lambda: [made() for _ in range(mails)])
    pem = folder / "dkim.pem"
    subprocess.run(["openssl", "genrsa", "-out", str(pem), "2048"], check=True, capture_output=True)
    key = DkimKey.of(pem.read_bytes(), "s1", "example.org")
    timed("signing (2,048 bits)", lambda: [signed(mail.content, key) for _ in range(mails)])
    opened.dispose()


def survived(folder: Path, mails: int, kills: int) -> None:
    url = f"sqlite:///{folder}/killed.sqlite"
    opened = database.engine(url)
    database.create_all(opened)
    who, postbox = readers(opened, mails), Postbox()
    begun = time.perf_counter()
    with serving(postbox) as port:
        killed_and_restarted(url, folder, port, postbox, who, kills)
    unknown = exactly_once_but_for_the_unknown(opened, postbox, who, kills)
    print(
        f"{mails:,} mails, {kills} kills, {time.perf_counter() - begun:.0f} s: the server has {len(postbox.mails):,}, "
        f"each once; {unknown} reported as unknown, nobody skipped"
    )


if __name__ == "__main__":
    main()
