"""Send a brief to the operator, before anybody else gets one.

Belongs here: one brief of a day, composed as its subscriber's and addressed to somebody else.
Doesn't: the ledger, which knows nothing of it; handing a day over (`hand_over.py`).
"""

from __future__ import annotations

import datetime as dt
import secrets

import polars as pl
from sqlalchemy import Engine

from podbrief_assets.delivery.compose import Composer, readers_of
from podbrief_assets.delivery.links import NOBODY, Links
from podbrief_assets.delivery.mailer import Mailer
from podbrief_assets.delivery.settings import MailSettings
from podbrief_assets.errors import PermanentFailure
from podbrief_assets.lake.storage import Lake


class NoSuchBrief(PermanentFailure):
    """The day has no brief, or none of this subscriber."""


def send_test(
    lake: Lake,
    engine: Engine,
    settings: MailSettings,
    links: Links | None,
    mailer: Mailer,
    day: dt.date,
    address: str,
    subscriber_id: str | None,
) -> str:
    """Send `subscriber_id`'s brief of `day`, else the day's first, to `address`; where the mailer says that it went.

    Raises:
        NoSuchBrief: there is none.
        PodbriefError: the mailer did not take it.
    """
    briefs = lake.scan("user_briefs", [day]).collect().sort("subscriber_id", "rank")
    if subscriber_id is not None:
        briefs = briefs.filter(pl.col("subscriber_id") == subscriber_id)
    if briefs.is_empty():
        raise NoSuchBrief(f"there is no such brief of {day}", f"`podbrief run --date {day}` makes the day's briefs")
    reader_id = briefs["subscriber_id"][0]
    compose = Composer(
        settings=settings,
        readers=readers_of(engine, day),
        links=links,
        title="[test] ",
    )
    # A Message-ID of its own each time, or mail programs would show the second test as a copy of the first.
    message_id = f"<test.{day:%Y%m%d}.{secrets.token_hex(8)}@{settings.domain}>"
    rows = briefs.filter(pl.col("subscriber_id") == reader_id).to_dicts()
    return mailer.deliver(compose.mail(reader_id, NOBODY, day, rows, address, message_id))
