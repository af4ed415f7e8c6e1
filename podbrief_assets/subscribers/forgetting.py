"""Forget somebody, and tell them first what is held of them.

Belongs here: removing a person from every table of the database, every file of the lake, the cache and the outbox; what
is held of a person as one value.
Doesn't: what keeps a list from bringing them back (`suppression.py`), printing (`cli.py`).

Forgetting starts with one transaction: the person's rows go, the suppression hash comes, and an erasure is noted that
holds nothing but the random identifier and the cache's keys. The files follow, one after another, each replaced in one
step, so that a reader sees it before or after. Killed at any point, the next `podbrief subscribers forget` or the next
day's snapshot goes on. A run that began before may still write what it had read; so the files are looked through again
by the snapshots of the next days, until no such run can be alive, and only then is the identifier dropped.

Tables and files are found by their column `subscriber_id`, so none that is added later is forgotten here.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import polars as pl
from sqlalchemy import JSON, CursorResult, Engine, MetaData, String, Table, delete, inspect, select
from sqlalchemy.orm import Mapped, Session, mapped_column
from upath import UPath

from podbrief_assets import database
from podbrief_assets.database import Base, Moment
from podbrief_assets.errors import TransientFailure
from podbrief_assets.lake.cache import Cache
from podbrief_assets.lake.files import placing
from podbrief_assets.lake.storage import Lake
from podbrief_assets.lake.tables import TABLES
from podbrief_assets.subscribers.database import address_of, begin_change, interests_ever
from podbrief_assets.subscribers.suppression import Suppression

_WHO: Final = "subscriber_id"
# Longer than any run. Until then an erasure is kept, and looked at again by each day's snapshot.
_RUNS_END_AFTER: Final = dt.timedelta(days=2)
_TRIES: Final = 5


class FileKeepsChanging(TransientFailure):
    """A file of the lake is being written again and again while somebody is to be removed from it."""


class _Changed(Exception):
    """A file is not the one that was read any more."""


class ErasureRow(Base):
    """Somebody who is being forgotten: the row goes once nothing can bring them back."""

    __tablename__ = "erasure"

    subscriber_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    cache_keys: Mapped[list[str]] = mapped_column(JSON)
    requested_at: Mapped[dt.datetime] = mapped_column(Moment)
    erased_at: Mapped[dt.datetime | None] = mapped_column(Moment)


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where something of a person may lie, besides the database.

    Attributes:
        vectors: The cache's section that holds vectors of interests.
        briefs: The folder of the cache with ranges of briefs: of many people each, and soon made again.
        outbox: The folder of mails.
    """

    lake: Lake
    vectors: Cache
    briefs: UPath | Path
    outbox: UPath | Path


@dataclass
class Erased:
    """What was removed.

    Attributes:
        rows: Of the lake's tables, by table, those of rejected rows among them.
        files: How many of the lake's files were replaced.
        mails, vectors: How many files of the outbox and values of the cache were deleted.
    """

    rows: Counter[str] = field(default_factory=Counter)
    files: int = 0
    mails: int = 0
    vectors: int = 0


def begin(
    session: Session,
    subscriber_id: str,
    suppression: Suppression,
    cache_key: Callable[[Sequence[str]], str],
    *,
    now: dt.datetime | None = None,
) -> dict[str, int]:
    """Remove somebody from the database and note that the files have to follow (`finish`); the rows removed by table.

    Args:
        cache_key: The key under which the cache has the vectors of a list of interests.

    Raises:
        UnknownSubscriber: Nobody has this identifier (any more).
        BadSuppressionKey: The suppression list was made with another key.
    """
    now = now or dt.datetime.now(dt.UTC)
    begin_change(session, subscriber_id, now)
    keys = [cache_key(interests) for interests in interests_ever(session, subscriber_id)]
    digest = suppression.add(session, address_of(session, subscriber_id), now=now)
    removed = _delete(session, [subscriber_id])
    session.add(ErasureRow(subscriber_id=subscriber_id, digest=digest, cache_keys=keys, requested_at=now))
    session.flush()
    return removed


def finish(engine: Engine, places: Places, *, now: dt.datetime | None = None) -> Erased:
    """Remove everyone who is being forgotten from lake, cache and outbox.

    Whatever was removed before, by this or another process, is not there and costs a look.

    Raises:
        FileKeepsChanging: A file could not be replaced; the next call tries again.
    """
    now = now or dt.datetime.now(dt.UTC)
    with database.session(engine, read_only=True) as session:
        noted = session.scalars(select(ErasureRow)).all()
    erased = Erased()
    if not noted:
        return erased
    who = [one.subscriber_id for one in noted]
    for file, table in _personal_files(places.lake):
        if rows := _remove(places.lake, file, who):
            erased.rows[table] += rows
            erased.files += 1
    briefs = UPath(places.briefs)
    for part in list(briefs.glob("*/*.parquet")) if briefs.exists() else []:
        part.unlink(missing_ok=True)
    for one in noted:
        for mail in list(_mails(places.outbox, one.subscriber_id)):
            mail.unlink(missing_ok=True)
            erased.mails += 1
        for key in one.cache_keys:
            erased.vectors += places.vectors.get(key) is not None
            places.vectors.drop(key)
    with database.session(engine) as session:
        # A run that was about to mail them noted since that it did not.
        _delete(session, who)
        for one in noted:
            row = session.get(ErasureRow, one.subscriber_id)
            if row is not None and now - row.requested_at > _RUNS_END_AFTER:
                session.delete(row)
            elif row is not None and row.erased_at is None:
                row.erased_at = now
    return erased


def is_erasing(session: Session, digest: str) -> bool:
    """Whether the files of whoever has this suppression hash are still to be looked through."""
    unfinished = select(ErasureRow.subscriber_id).where(ErasureRow.digest == digest, ErasureRow.erased_at.is_(None))
    return session.scalar(unfinished.limit(1)) is not None


def held(session: Session, subscriber_id: str, places: Places, *, now: dt.datetime | None = None) -> dict[str, Any]:
    """Everything that is held of a subscriber, as JSON values: each table of database and lake with their rows.

    Raises:
        UnknownSubscriber: Nobody has this identifier.
    """
    address = address_of(session, subscriber_id)
    in_database = {
        table.name: [
            {name: _plain_value(value) for name, value in row.items()}
            for row in session.execute(select(table).where(table.c[_WHO] == subscriber_id)).mappings()
        ]
        for table in _personal_tables(session)
    }
    in_lake: dict[str, list[dict[str, Any]]] = {}
    for file, table_name in _personal_files(places.lake):
        rows = places.lake.union([file]).filter(pl.col(_WHO) == subscriber_id).collect().rows(named=True)
        in_lake.setdefault(table_name, []).extend(
            {name: _plain_value(value) for name, value in row.items()} for row in rows
        )
    return {
        "subscriber_id": subscriber_id,
        "address": address,
        "exported_at": _plain_value(now or dt.datetime.now(dt.UTC)),
        "database": in_database,
        "lake": in_lake,
        "outbox": sorted(mail.name for mail in _mails(places.outbox, subscriber_id)),
    }


def _delete(session: Session, who: Sequence[str]) -> dict[str, int]:
    """Delete every row of `who`; how many, by table."""
    removed = {}
    # Those that refer to another table come last in this order, and have to go first.
    for table in reversed(_personal_tables(session)):
        result = session.execute(delete(table).where(table.c[_WHO].in_(who)))
        removed[table.name] = cast("CursorResult[Any]", result).rowcount
    return removed


def _personal_tables(session: Session) -> list[Table]:
    """The database's tables with a subscriber, as it has them itself; who refers to another one comes after it."""
    connection = session.connection()
    names = [
        name
        for name in inspect(connection).get_table_names()
        if name != ErasureRow.__tablename__
        and any(column["name"] == _WHO for column in inspect(connection).get_columns(name))
    ]
    there = MetaData()
    there.reflect(connection, only=names)
    return [table for table in there.sorted_tables if table.name in names]


def _personal_files(lake: Lake) -> Iterator[tuple[UPath, str]]:
    """The lake's files that have a subscriber in their rows, each with its table's name."""
    for table in TABLES.values():
        if _WHO in table.polars_schema:
            for rejected in (False, True):
                name = table.rejected_name if rejected else table.name
                # All of it: vectors of a model that is no longer used lie in another folder below the table's.
                for file in sorted((lake.root / name).glob("**/*.parquet"), key=str):
                    yield file, name


def _remove(lake: Lake, file: UPath, who: Sequence[str]) -> int:
    """Replace a file by itself without the rows of `who`; how many these were.

    Raises:
        FileKeepsChanging: Others replaced it each time.
    """
    is_theirs = pl.col(_WHO).is_in(who)
    for _ in range(_TRIES):
        try:
            before = _state(file)
            theirs = int(lake.union([file]).filter(is_theirs).select(pl.len()).collect().item())
            if not theirs:
                return 0
            with placing(file) as beside:
                with beside.open("wb") as written:
                    lake.union([file]).filter(~is_theirs).sink_parquet(written, compression="zstd")
                # A run may have replaced it meanwhile, and its rows must not be undone by ours.
                if _state(file) != before:
                    raise _Changed
            return theirs
        except FileNotFoundError:  # a run took it away: there were no rows left to reject
            return 0
        except _Changed:
            continue
    raise FileKeepsChanging(f"{file} changed while it was read, {_TRIES} times", "try again when no run is at work")


def _state(file: UPath) -> str:
    """What changes whenever the file does."""
    file.fs.invalidate_cache(file.path)
    return str(file.fs.ukey(file.path))


def _mails(outbox: UPath | Path, subscriber_id: str) -> Iterable[UPath | Path]:
    """The outbox's files of a subscriber, half-written ones among them: their identifier is in the name."""
    return outbox.rglob(f"*{subscriber_id}*") if outbox.exists() else ()


def _plain_value(value: Any) -> Any:
    match value:
        case dt.datetime():
            # SQLite keeps no zone: what comes without one is UTC (`database.Moment`).
            return (value if value.tzinfo else value.replace(tzinfo=dt.UTC)).astimezone(dt.UTC).isoformat()
        case dt.date():
            return value.isoformat()
        case Mapping():
            return {name: _plain_value(one) for name, one in value.items()}
        case list() | tuple() | pl.Series():
            return [_plain_value(one) for one in value]
        case _:
            return value
