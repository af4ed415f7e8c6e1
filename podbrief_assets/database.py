"""The operational database: what is not a table of the lake, in SQLite or PostgreSQL.

Belongs here: the base that every package declares its own tables on, the type of a moment, opening the database, and
transactions.
Doesn't: any table (each package that owns one declares it), making and changing them (`migrations/`), the address of
the database (resources.py composes it).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, DateTime, Dialect, Engine, MetaData, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

from podbrief_assets.errors import PermanentFailure

DATABASE_URL: Final = "PODBRIEF_DATABASE_URL"

_BUSY_TIMEOUT_MS: Final = 30_000
_LOOK_AGAIN_S: Final = 0.01
_READ_ONLY: Final = "podbrief_read_only"
_CHANGING_TABLES: Final = "podbrief_changing_tables"
_MIGRATION_LOCK: Final = 0x706F6462  # any number that no other program on the same server uses: "podb"


class BadDatabase(PermanentFailure):
    """The database's address can't be used."""


class Moment(TypeDecorator[datetime]):
    """A point in time, always in UTC, whatever the database makes of time zones.

    SQLite keeps no zone, so a value from elsewhere would silently come back as another moment: one without a zone is
    refused with a ValueError.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """What every table of the operational database is declared on."""

    # Constraints with names can be altered by a migration on every database.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: Moment()}  # noqa: RUF012 - SQLAlchemy's own protocol


def engine(url: str) -> Engine:
    """Open the database at `url`; for SQLite its folder is made.

    SQLite is set to write-ahead logging (readers and the one writer don't wait for each other), foreign keys, and
    waiting up to 30 s for the writer before it.

    Raises:
        BadDatabase: the address can't be read, its driver is missing, or its folder can't be made.
    """
    try:
        address = make_url(url)
        if address.get_backend_name() == "sqlite":
            return _sqlite(address)
        return create_engine(address, pool_pre_ping=True)
    except (ArgumentError, ValueError) as error:
        raise BadDatabase(
            "the database's address can't be read", f"write {DATABASE_URL} as in postgresql+psycopg://user@host/name"
        ) from error
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise BadDatabase(
            f"the database's driver is missing ({error})", f"install it, or change {DATABASE_URL}"
        ) from error
    except OSError as error:
        raise BadDatabase(
            f"the database's folder can't be made ({error.strerror})", f"change {DATABASE_URL} or the folder's rights"
        ) from error


def _sqlite(address: URL) -> Engine:
    if address.database and address.database != ":memory:" and not address.database.startswith("file:"):
        Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    opened = create_engine(address, connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000})
    event.listen(opened, "connect", _prepare_sqlite)
    event.listen(opened, "begin", _begin_sqlite)
    return opened


def _prepare_sqlite(connection: Any, record: ConnectionPoolEntry) -> None:
    """Set up one DBAPI connection; the driver's own idea of when to BEGIN is switched off."""
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
        _log_ahead(cursor)
        cursor.execute("PRAGMA synchronous = NORMAL")
    finally:
        cursor.close()


def _log_ahead(cursor: sqlite3.Cursor) -> None:
    """Switch a new database to write-ahead logging.

    Of several processes that open it at once each may hold the others up, and SQLite refuses all but one of those at
    once, whatever busy_timeout says: they look again until the one has switched.
    """
    deadline = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            if cursor.execute("PRAGMA journal_mode").fetchone()[0] not in ("wal", "memory"):
                cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_AGAIN_S)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once with "database is locked" when another one wrote in
    # between: SQLite can't move its snapshot, and no busy_timeout helps. Asking for the write lock at the start waits.
    options = connection.get_execution_options()
    read_only = options.get(_READ_ONLY, False)
    connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if read_only else 'OFF'}")
    connection.exec_driver_sql(f"PRAGMA foreign_keys = {'OFF' if options.get(_CHANGING_TABLES) else 'ON'}")
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


@contextmanager
def changing_tables(opened: Engine) -> Iterator[Connection]:
    """One transaction in which tables may be changed; whoever else wants that waits until it ends.

    SQLite changes a table by filling a new one and dropping the old one, and dropping deletes every row that refers to
    it: foreign keys are off in the block, and looked at when it ends.

    Raises:
        BadDatabase: The block left a row that refers to nothing; all of it is rolled back.
    """
    bound = opened.execution_options(**{_CHANGING_TABLES: True})
    with bound.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        yield connection
        if connection.dialect.name == "sqlite":
            dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
            if dangling:
                raise BadDatabase(
                    f"{len(dangling)} rows of {dangling[0][0]} refer to rows that are not there",
                    "nothing was changed: mend or restore the database, and try again",
                )


@contextmanager
def session(opened: Engine, *, read_only: bool = False) -> Iterator[Session]:
    """One transaction: committed at the end of the block, rolled back where the block raises.

    On SQLite a transaction holds the only write lock from its start, so nothing slow belongs into the block; with
    `read_only` it holds none, sees one state of the database throughout, and can't write.
    Objects stay readable after the block.
    """
    bound = opened.execution_options(**{_READ_ONLY: read_only})
    with Session(bound, expire_on_commit=False) as opened_session, opened_session.begin():
        if read_only and opened.dialect.name == "postgresql":
            # By itself each statement would see another state.
            opened_session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        yield opened_session
