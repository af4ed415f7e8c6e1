"""The asset `brief_deliveries`.

Belongs here: handing each brief of a day over at most once, and recording what became of it.
Doesn't: the ledger's promises (`ledger.py`), the mail (`render.py`), where it goes (`mailer.py`).
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import polars as pl
from sqlalchemy import Engine

from podbrief_assets.database import session
from podbrief_assets.delivery.ledger import Claim, message_id
from podbrief_assets.delivery.render import BriefMail, Entry, render
from podbrief_assets.errors import PermanentFailure, TransientFailure
from podbrief_assets.lake.contract import settle
from podbrief_assets.lake.io_manager import TableResult, failures, table_asset, table_result
from podbrief_assets.lake.tables import TABLES
from podbrief_assets.resources import DatabaseResource, DeliveryLedger, OutboxResource
from podbrief_assets.subscribers.database import SubscriberSnapshot, address_of, is_active, snapshot

GROUP = "delivery"
_AT_ONCE = 500  # briefs in memory


@table_asset("brief_deliveries", group=GROUP, code_version="1", kinds={"email"})
def brief_deliveries(
    context: dg.AssetExecutionContext,
    user_briefs: pl.LazyFrame,
    database: DatabaseResource,
    ledger: DeliveryLedger,
    outbox: OutboxResource,
) -> TableResult:
    """Write each brief that nobody has handed over yet to the outbox, and note it in the ledger."""
    day = dt.date.fromisoformat(context.partition_key)
    failed: list[tuple[str, str]] = []
    settled_before = {one.subscriber_id for one in ledger.ledger.of_day(day) if one.status != "claimed"}
    handed_over = 0
    readers = readers_of(database.engine, day)
    for subscriber_id, rows in _by_subscriber(user_briefs):
        if subscriber_id in settled_before:
            continue
        claim = ledger.ledger.claim(
            subscriber_id,
            day,
            message_id=message_id(subscriber_id, day, outbox.domain),
            entries=len(rows),
            idempotent=outbox.mailer.idempotent,
            run_id=context.run.run_id,
        )
        if claim is None:
            continue
        reason = _hand_over(claim, rows, readers.get(subscriber_id), database, ledger, outbox)
        if reason:
            failed.append((f"brief of subscriber {subscriber_id}", reason))
        else:
            handed_over += 1
    known = ledger.ledger.of_day(day)
    failed += [
        (f"brief of subscriber {one.subscriber_id}", "another run is handing it over: look at that run")
        for one in known
        if one.status == "claimed"
    ]
    table = TABLES["brief_deliveries"]
    rows = [
        {
            "subscriber_id": one.subscriber_id,
            "message_id": one.message_id,
            "status": one.status,
            "entries": one.entries,
            "attempted_at": one.attempted_at,
            "detail": one.detail,
            "date": day,
        }
        for one in known
        if one.status != "claimed"
    ]
    return table_result(
        settle(table, pl.DataFrame(rows, schema=table.polars_schema)),
        {
            "handed_over": handed_over,
            "statuses": dict(Counter(row["status"] for row in rows)),
            "outbox": dg.MetadataValue.path(outbox.root),
            **failures(failed),
        },
    )


def readers_of(engine: Engine, day: dt.date) -> dict[str, SubscriberSnapshot]:
    """Everyone's wishes in their own words as of `day`: those that the day's briefs were chosen by."""
    with session(engine, read_only=True) as transaction:
        found = snapshot(transaction, dt.datetime.combine(day, dt.time.max, dt.UTC), newcomers=True)
    return {one.subscriber_id: one for one in found}


def _by_subscriber(briefs: pl.LazyFrame) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Each subscriber's entries in order, a few hundred subscribers in memory at a time."""
    who = briefs.select(pl.col("subscriber_id").unique().sort()).collect().to_series().to_list()
    for start in range(0, len(who), _AT_ONCE):
        block = briefs.filter(pl.col("subscriber_id").is_in(who[start : start + _AT_ONCE])).collect()
        for (subscriber_id,), rows in block.sort("subscriber_id", "rank").group_by(
            "subscriber_id", maintain_order=True
        ):
            yield str(subscriber_id), rows.to_dicts()


def _hand_over(
    claim: Claim,
    rows: Sequence[dict[str, Any]],
    reader: SubscriberSnapshot | None,
    database: DatabaseResource,
    ledger: DeliveryLedger,
    outbox: OutboxResource,
) -> str | None:
    """Render a claimed brief, give it to the mailer and settle the claim; why not, where it did not go out."""
    with session(database.engine, read_only=True) as transaction:
        # Asked at the last moment: whoever left since the brief was made gets none.
        address = address_of(transaction, claim.subscriber_id) if is_active(transaction, claim.subscriber_id) else None
    if address is None:
        ledger.ledger.settle(claim, "cancelled", "no longer subscribed when it was to be handed over")
        return None
    interests = reader.interests if reader else ()
    brief = brief_of(rows, claim.day, interests, reader.brief_size if reader else len(rows))
    try:
        mail = render(brief, address=address, sender=outbox.sender, message_id=claim.message_id)
        detail = outbox.mailer.deliver(mail, day=claim.day, subscriber_id=claim.subscriber_id)
    except TransientFailure as error:
        ledger.ledger.release(claim)
        return f"{error}; the next run tries again"
    except PermanentFailure as error:
        ledger.ledger.settle(claim, "refused", str(error))
        return str(error)
    ledger.ledger.settle(claim, "delivered", detail)
    return None


def brief_of(rows: Sequence[dict[str, Any]], day: dt.date, interests: Sequence[str], brief_size: int) -> BriefMail:
    """The brief that `user_briefs` rows of one subscriber make, their interests put into words."""
    fields = Entry.__dataclass_fields__
    entries = tuple(
        Entry(
            **{name: _fixed(row[name]) for name in fields if row.get(name) is not None}
            | {"reason": in_words(row, interests)}
        )
        for row in sorted(rows, key=lambda row: row["rank"])
    )
    return BriefMail(day=day, entries=entries, brief_size=brief_size)


def _fixed(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def in_words(row: dict[str, Any], interests: Sequence[str]) -> str:
    """Why an entry was chosen; the lake knows interests by number, the reader by their own words."""
    number, reason = row["interest"], str(row["reason"])
    if number and number <= len(interests):
        return reason.replace(f"interest {number}", f"your interest in “{interests[number - 1]}”")
    return reason
