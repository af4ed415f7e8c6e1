"""The asset `subscribers`.

Belongs here: the day's snapshot of who is active and what they asked for, as vectors.
Doesn't: addresses and words, which stay in the operational database (`database.py`).
"""

import datetime as dt

import dagster as dg
import polars as pl

from podbrief_assets.database import session
from podbrief_assets.errors import PodbriefError, TransientFailure
from podbrief_assets.lake.contract import settle
from podbrief_assets.lake.io_manager import TableResult, failures, table_asset, table_result
from podbrief_assets.lake.tables import TABLES
from podbrief_assets.resources import CacheResource, DatabaseResource, EmbeddingModel, PersonalFiles
from podbrief_assets.subscribers import forgetting
from podbrief_assets.subscribers.database import snapshot

GROUP = "subscribers"


@table_asset("subscribers", group=GROUP, code_version="1", kinds={"sqlalchemy"})
def subscribers(
    context: dg.AssetExecutionContext,
    database: DatabaseResource,
    cache: CacheResource,
    embedding_model: EmbeddingModel,
    personal_files: PersonalFiles,
) -> TableResult:
    """Take the snapshot at the end of the day, and go on with forgetting whoever wants to be forgotten.

    Who came later is in it as they were when they came: a day before somebody's first can be made for the outbox.
    """
    notes: list[tuple[str, str | PodbriefError]] = []
    forgotten_rows = 0
    try:
        forgotten_rows = forgetting.finish(database.engine, personal_files.places).rows.total()
    except TransientFailure as error:  # the day's briefs don't wait for it: the next snapshot goes on
        notes.append(("forgetting", error))
    day = dt.date.fromisoformat(context.partition_key)
    end_of_day = dt.datetime.combine(day, dt.time.max, dt.UTC)
    with session(database.engine, read_only=True) as transaction:
        people = snapshot(transaction, end_of_day, newcomers=True)
    vectors = embedding_model.encoder.encode_groups([one.interests for one in people], cache.section("embeddings"))
    rows = [
        {
            "subscriber_id": one.subscriber_id,
            "interest_vectors": wishes.tolist(),
            "followed_shows": list(one.followed_shows),
            "muted_shows": list(one.muted_shows),
            "muted_topics": list(one.muted_topics),
            "brief_size": one.brief_size,
            "language": one.language,
            "timezone": one.timezone,
            "date": day,
        }
        for one, wishes in zip(people, vectors, strict=True)
    ]
    table = TABLES["subscribers"]
    if not people:
        notes.append(("subscribers", "nobody is subscribed: `podbrief subscribers add ADDRESS --interest TEXT`"))
    return table_result(
        settle(table, pl.DataFrame(rows, schema=table.polars_schema)),
        {
            "forgotten_rows": forgotten_rows,
            "active": len(people),
            "interests": sum(len(one.interests) for one in people),
            **failures(notes),
        },
    )
