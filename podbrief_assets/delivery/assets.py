"""The asset `brief_deliveries`.

Belongs here: which briefs of a day are to be handed over now, and recording what became of all.
Doesn't: handing over (`hand_over.py`), the ledger's promises (`ledger.py`), the mail (`compose.py`).
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import dagster as dg
import polars as pl
from pydantic import Field

from podbrief_assets.database import session
from podbrief_assets.delivery import due, links
from podbrief_assets.delivery.compose import Composer, readers_of
from podbrief_assets.delivery.hand_over import HandOver, Rows, hand_over
from podbrief_assets.errors import PodbriefError
from podbrief_assets.lake.contract import settle
from podbrief_assets.lake.io_manager import TableResult, failures, table_asset, table_result
from podbrief_assets.lake.tables import TABLES
from podbrief_assets.resources import DatabaseResource, DeliveryLedger, MailResource

GROUP = "delivery"
_AT_ONCE = 500  # briefs in memory


class MailByName(dg.Config):
    """Whether a day is mailed that would not be mailed by itself."""

    mail: bool = Field(
        default=False,
        description="Mail every brief of this day that nobody got yet, whatever the hour and however old it is. Left "
        "out, a brief is mailed from its reader's hour on until the next day's is due: backfills mail nobody.",
    )


@table_asset("brief_deliveries", group=GROUP, code_version="2", kinds={"email"})
def brief_deliveries(
    context: dg.AssetExecutionContext,
    config: MailByName,
    user_briefs: pl.LazyFrame,
    database: DatabaseResource,
    ledger: DeliveryLedger,
    mail: MailResource,
) -> TableResult:
    """Hand over briefs that nobody handed over yet: to the outbox all, by SMTP those whose reader's hour has come."""
    day = dt.date.fromisoformat(context.partition_key)
    now = dt.datetime.now(dt.UTC)
    briefs = user_briefs.select(pl.col("subscriber_id").unique().sort()).collect()
    open_ones = briefs.join(ledger.ledger.settled(day), on="subscriber_id", how="anti")
    past = waiting = 0
    if mail.sends and not config.mail:
        with session(database.engine, read_only=True) as transaction:
            timed = open_ones.join(due.windows(day, due.places(transaction)), on="subscriber_id")
        open_ones = (
            timed.filter(pl.col("due_at") <= now, now < pl.col("until")).select("subscriber_id").sort("subscriber_id")
        )
        past, waiting = len(timed.filter(pl.col("until") <= now)), len(timed.filter(pl.col("due_at") > now))
    done = HandOver()
    if not open_ones.is_empty():
        done = _hand_over(context.run.run_id, day, now, user_briefs, open_ones, database, mail)
    table, found = TABLES["brief_deliveries"], ledger.ledger.settled(day)
    rows = found.with_columns(date=pl.lit(day)).select(table.polars_schema.names())
    return table_result(
        settle(table, rows),
        {
            "handed_over": done.delivered,
            "statuses": dict(Counter(rows["status"].to_list())),
            "waiting": waiting,
            "mailer": dg.MetadataValue.text(mail.described),
            **failures(_told(day, done, ledger, past)),
        },
    )


def _hand_over(
    run_id: str,
    day: dt.date,
    now: dt.datetime,
    user_briefs: pl.LazyFrame,
    wanted: pl.DataFrame,
    database: DatabaseResource,
    mail: MailResource,
) -> HandOver:
    ways_back = mail.links
    if mail.sends and ways_back is not None:
        try:
            links.require_answers(ways_back, now)
        except PodbriefError as error:
            return HandOver(stopped=str(error))
    compose = Composer(
        settings=mail.settings,
        readers=readers_of(database.engine, day),
        links=ways_back,
    )
    with closing(mail.mailer()) as mailer:
        return hand_over(
            _by_subscriber(user_briefs, wanted["subscriber_id"].to_list()),
            day,
            engine=database.engine,
            mailer=mailer,
            compose=compose,
            domain=mail.settings.domain,
            run_id=run_id,
        )


def _told(day: dt.date, done: HandOver, ledger: DeliveryLedger, past: int) -> list[tuple[str, str]]:
    """What an operator has to know of a day's mail."""
    told = [(f"brief of subscriber {one}", reason) for one, reason in done.failed]
    told += [(f"mail of {day}", done.stopped)] if done.stopped else []
    if past:
        reason = f"their time is over, and old briefs are mailed by name alone: `podbrief run --date {day} --mail`"
        told.append((f"{past:,} briefs of {day}", reason))
    named = {one for one, _ in done.failed}
    told += [
        (f"brief of subscriber {one.subscriber_id}", one.detail or "nobody knows whether it was handed over")
        for one in ledger.ledger.of_day(day, ["unknown"])
        if one.subscriber_id not in named
    ]
    claimed = Counter(one.run_id or "of nobody" for one in ledger.ledger.of_day(day, ["claimed"]))
    told += [
        (f"{count:,} briefs of {day}", f"run {run[:8]} is handing them over: look at that run")
        for run, count in claimed.items()
    ]
    return told


def _by_subscriber(briefs: pl.LazyFrame, who: list[str]) -> Iterator[tuple[str, Rows]]:
    """Each subscriber's entries in order, a few hundred subscribers in memory at a time."""
    for start in range(0, len(who), _AT_ONCE):
        block = briefs.filter(pl.col("subscriber_id").is_in(who[start : start + _AT_ONCE])).collect()
        for (subscriber_id,), rows in block.sort("subscriber_id", "rank").group_by(
            "subscriber_id", maintain_order=True
        ):
            yield str(subscriber_id), rows.to_dicts()
