"""The asset `user_briefs`.

Belongs here: making a day's briefs range by range, keeping a day as it is once something of it was delivered.
Doesn't: what is news (`news.py`), the choice (`desk.py`, `ranking.py`), ranges (`shards.py`), the mail (`delivery/`).
"""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import dagster as dg
import polars as pl

from podbrief_assets.briefs import desk, shards
from podbrief_assets.lake.contract import settle
from podbrief_assets.lake.io_manager import LakeResource, TableResult, failures, table_asset, table_result
from podbrief_assets.lake.tables import TABLES
from podbrief_assets.resources import CacheResource, DatabaseResource, DeliveryLedger

GROUP = "briefs"
_NAMED = 5  # subscribers that are told of one by one


@table_asset(
    "user_briefs",
    group=GROUP,
    code_version=desk.VERSION,
    kinds={"pytorch"},
    deps=["insight_embeddings", "insight_scores", "insight_candidates"],
)
def user_briefs(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    ledger: DeliveryLedger,
    database: DatabaseResource,
    cache: CacheResource,
    subscribers: pl.LazyFrame,
) -> TableResult:
    """Choose each subscriber's entries from what is news on the day; a day of which something was delivered stays."""
    day = dt.date.fromisoformat(context.partition_key)
    table = TABLES["user_briefs"]
    if ledger.ledger.any_delivered(day):
        kept = lake.lake.scan("user_briefs", [day]).collect()
        context.log.info(f"{day} is frozen: something of it was delivered")
        return table_result(settle(table, kept), {"frozen": True, "briefs": kept["subscriber_id"].n_unique()})
    opened, said = shards.opened(lake.lake, database.engine, day)
    parts = shards.Parts(cache.section("briefs").root)
    parts.forget_others(day)
    made: list[shards.Made] = []
    for number, part in enumerate(found := shards.ranges(subscribers), start=1):
        made.append(shards.made(opened, said, lake.lake, part, parts))
        if len(found) > 1:
            context.log.info(f"{number} of {len(found)} ranges of subscribers")
    nothing = settle(table, pl.DataFrame(schema=table.polars_schema))
    settled = replace(
        nothing,
        rejected=pl.concat([nothing.rejected, *(one.rejected for one in made)]),
        counts=dict(sum((Counter(one.counts) for one in made), Counter())),
        stored=pl.concat([nothing.valid.lazy(), *(one.rows for one in made)]),
    )
    who = subscribers.select("subscriber_id", cold=pl.col("interest_vectors").list.len() == 0)
    briefs = settled.rows.select(pl.col("subscriber_id").unique())
    without = who.join(briefs, on="subscriber_id", how="anti").select(pl.col("subscriber_id").sort()).collect()
    cold = who.filter("cold").select(pl.col("subscriber_id").sort()).collect()
    notes = [
        *_told(without.to_series(), "nothing of the day passed the floors: no brief"),
        *_told(
            cold.to_series(),
            "has no interests and gets the day's best: `podbrief subscribers add ADDRESS --interest TEXT`",
        ),
    ]
    asked = who.select(pl.len()).collect().item()
    return table_result(
        settled,
        {
            "candidates": len(opened.today),
            "archive": opened.archive.count,
            "subscribers": asked,
            "briefs": asked - len(without),
            "frozen": False,
            **failures(notes),
        },
    )


def _told(subscribers: pl.Series, note: str) -> list[tuple[str, str]]:
    """`note` of each subscriber, or once of all where they are many: on a thin day it may be true of a million."""
    if len(subscribers) <= _NAMED:
        return [(f"subscriber {one}", note) for one in subscribers]
    named: Sequence[str] = subscribers[:_NAMED].to_list()
    return [(f"{len(subscribers):,} subscribers, the first of them {', '.join(named)}", note)]
