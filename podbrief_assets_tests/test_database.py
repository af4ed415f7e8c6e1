"""The operational database: real SQLite files, real threads, real processes."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, ForeignKey, MetaData, inspect, select, text
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from podbrief_assets import database


class Base(DeclarativeBase):
    """Beside podbrief's own tables: names and types are theirs."""

    metadata = MetaData(naming_convention=database.Base.metadata.naming_convention)
    type_annotation_map = database.Base.type_annotation_map


class Shelf(Base):
    __tablename__ = "test_shelf"

    number: Mapped[int] = mapped_column(primary_key=True)
    books: Mapped[int]
    dusted_at: Mapped[datetime | None]


class Book(Base):
    __tablename__ = "test_book"

    title: Mapped[str] = mapped_column(primary_key=True)
    shelf: Mapped[int] = mapped_column(ForeignKey("test_shelf.number"))


def make(opened: Engine) -> None:
    Base.metadata.create_all(opened)


NOW = datetime(2026, 11, 22, 6, 30, 0, 123456, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = database.engine(f"sqlite:///{tmp_path}/made/on/the/way/podbrief.sqlite")
    make(opened)
    yield opened
    opened.dispose()


def test_the_folder_is_made_and_sqlite_is_set_up(engine: Engine, tmp_path: Path) -> None:
    assert (tmp_path / "made/on/the/way/podbrief.sqlite").exists()
    with engine.connect() as connection:
        told = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "foreign_keys")]
        assert told == ["wal", 1]
        assert (connection.exec_driver_sql("PRAGMA busy_timeout").scalar() or 0) >= 10_000


def test_foreign_keys_are_enforced_under_names_that_a_migration_can_use(engine: Engine) -> None:
    with pytest.raises(IntegrityError), database.session(engine) as session:
        session.add(Book(title="a", shelf=99))
    assert inspect(engine).get_foreign_keys("test_book")[0]["name"] == "fk_test_book_shelf_test_shelf"


def test_a_moment_comes_back_as_the_same_moment_in_utc(engine: Engine) -> None:
    tokyo = NOW.astimezone(timezone(timedelta(hours=9)))
    with database.session(engine) as session:
        session.add(Shelf(number=1, books=0, dusted_at=tokyo))
        session.add(Shelf(number=2, books=0, dusted_at=None))
    with database.session(engine, read_only=True) as session:
        back = session.scalars(select(Shelf.dusted_at).order_by(Shelf.number)).all()
        before = session.scalar(select(Shelf.number).where(Shelf.dusted_at < tokyo + timedelta(microseconds=1)))
    assert back == [NOW, None]
    assert back[0] is not None
    assert back[0].tzinfo is UTC
    assert before == 1


@settings(max_examples=40, deadline=None)
@given(
    st.datetimes(
        min_value=datetime(1970, 1, 3),
        timezones=st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    ).filter(lambda moment: moment.year < 9999)
)
def test_any_moment_of_any_zone_survives(moment: datetime) -> None:
    stored = database.Moment().process_bind_param(moment, SQLITE)
    assert stored is not None
    assert stored.tzinfo is None
    assert database.Moment().process_result_value(stored, SQLITE) == moment


SQLITE = database.engine("sqlite://").dialect


def test_a_moment_without_a_zone_is_refused(engine: Engine) -> None:
    with pytest.raises(StatementError, match="no time zone"), database.session(engine) as session:
        session.add(Shelf(number=1, books=0, dusted_at=NOW.replace(tzinfo=None)))


def test_a_block_that_raises_leaves_nothing_behind(engine: Engine) -> None:
    with pytest.raises(KeyError), database.session(engine) as session:
        session.add(Shelf(number=1, books=0))
        session.flush()
        raise KeyError("something else")
    with database.session(engine) as session:
        assert session.scalars(select(Shelf)).all() == []


def test_objects_can_be_read_after_their_transaction(engine: Engine) -> None:
    with database.session(engine) as session:
        shelf = Shelf(number=1, books=3)
        session.add(shelf)
    assert shelf.books == 3


def test_reading_and_then_writing_loses_no_update(engine: Engine) -> None:
    with database.session(engine) as session:
        session.add(Shelf(number=1, books=0))

    def add_one(_: int) -> None:
        with database.session(engine) as session:
            shelf = session.scalars(select(Shelf)).one()
            shelf.books += 1

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(add_one, range(40)))
    with database.session(engine, read_only=True) as session:
        assert session.scalars(select(Shelf.books)).one() == 40


def test_a_reader_sees_one_state_and_waits_for_no_writer(empty_database: str) -> None:
    engine = database.engine(empty_database)
    make(engine)
    with database.session(engine) as session:
        session.add(Shelf(number=1, books=1))
    wrote = threading.Event()

    def write() -> None:
        with database.session(engine) as session:
            session.scalars(select(Shelf)).one().books = 2
        wrote.set()

    with database.session(engine, read_only=True) as reader:
        assert reader.scalar(select(Shelf.books)) == 1
        thread = threading.Thread(target=write)
        thread.start()
        assert wrote.wait(5)
        assert reader.scalar(select(Shelf.books)) == 1
    thread.join()
    with database.session(engine, read_only=True) as reader:
        assert reader.scalar(select(Shelf.books)) == 2
    engine.dispose()


def test_a_reader_cannot_write_and_the_next_writer_can(engine: Engine) -> None:
    with pytest.raises(OperationalError, match="readonly"), database.session(engine, read_only=True) as session:
        session.add(Shelf(number=1, books=1))
    with database.session(engine) as session:
        session.add(Shelf(number=1, books=1))


@pytest.mark.parametrize("url", ["no address", "postgresql+nothing://me:hush@host/x", "sqlite:////dev/null/x/y.sqlite"])
def test_an_address_that_cannot_be_used_is_told_without_its_password(url: str) -> None:
    with pytest.raises(database.BadDatabase, match=database.DATABASE_URL) as failure:
        database.engine(url)
    assert "hush" not in str(failure.value)


def test_a_database_in_memory_works() -> None:
    opened = database.engine("sqlite://")
    make(opened)
    with database.session(opened) as session:
        session.add(Shelf(number=1, books=1))
    with database.session(opened, read_only=True) as session:
        assert session.scalar(text("SELECT count(*) FROM test_shelf")) == 1


def _open_all(folder: str, count: int, together: Barrier, told: SimpleQueue[str]) -> None:
    for number in range(count):
        together.wait()
        try:
            with database.engine(f"sqlite:///{folder}/{number}.sqlite").connect():
                pass
        except OperationalError as error:
            told.put(f"{number}: {error}")


def test_processes_that_open_a_new_database_at_once_wait_for_each_other(tmp_path: Path) -> None:
    """As at a first start: webserver, daemon and run. Without waiting about one opening in thirty fails."""
    context = multiprocessing.get_context("spawn")
    together, told = context.Barrier(4), context.SimpleQueue()
    opening = [context.Process(target=_open_all, args=(str(tmp_path), 80, together, told)) for _ in range(4)]
    for one in opening:
        one.start()
    for one in opening:
        one.join(60)
    assert [one.exitcode for one in opening] == [0] * 4
    assert told.empty(), told.get()
