"""The operational database comes to this release's tables from wherever it was, on SQLite and on PostgreSQL."""

from __future__ import annotations

import datetime as dt
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from podbrief_assets import database, migrations
from podbrief_assets.delivery.ledger import Ledger
from podbrief_assets.episodes import feed_state
from podbrief_assets.subscribers import database as subscribers

RELEASED = Path(__file__).parent / "released"
MONDAY = dt.datetime(2026, 11, 16, 8, 0, 0, 123456, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
ANN, BEN = "a1" * 8, "b2" * 8


@pytest.fixture
def empty(empty_database: str) -> Iterator[Engine]:
    opened = database.engine(empty_database)
    yield opened
    opened.dispose()


@pytest.fixture
def released(empty: Engine) -> Engine:
    """A database as the release before the first revision made and filled it."""
    script = (RELEASED / f"{empty.dialect.name}.sql").read_text(encoding="utf-8")
    if empty.dialect.name == "sqlite":
        with sqlite3.connect(str(empty.url.database)) as connection:
            connection.executescript(script)
        connection.close()
    else:
        with empty.begin() as connected:
            connected.exec_driver_sql(script)
    return empty


def rows(opened: Engine, table: str) -> list[dict[str, Any]]:
    there = migrations.tables().tables[table]
    with opened.connect() as connection:
        have = {column["name"] for column in inspect(connection).get_columns(table)}
        columns = [column for column in there.columns if column.name in have]
        ordered = there.select().with_only_columns(*columns).order_by(*there.primary_key)
        return [dict(row) for row in connection.execute(ordered).mappings()]


def described(connection: Connection) -> dict[str, Any]:
    """What Alembic doesn't compare: constraints by their rule, indexes by their condition."""
    there = inspect(connection)
    names = sorted(set(there.get_table_names()) - {"alembic_version"})
    return {
        name: {
            "checks": sorted((one["name"], one["sqltext"]) for one in there.get_check_constraints(name)),
            "indexes": sorted(
                (one["name"], one["column_names"], bool(one["unique"]), _condition(one))
                for one in there.get_indexes(name)
            ),
            "unique": sorted((one["name"], one["column_names"]) for one in there.get_unique_constraints(name)),
            "foreign": sorted(
                (one["name"], one["referred_table"], str(one["options"])) for one in there.get_foreign_keys(name)
            ),
            "key": there.get_pk_constraint(name)["constrained_columns"],
            "columns": {one["name"]: (str(one["type"]), one["nullable"]) for one in there.get_columns(name)},
        }
        for name in names
    }


def _condition(index: Any) -> str:
    options = index.get("dialect_options", {})
    return str(options.get("sqlite_where", options.get("postgresql_where", "")))


def agrees(opened: Engine) -> bool:
    with opened.begin() as connection:
        return compare_metadata(MigrationContext.configure(connection), migrations.tables()) == []


def test_the_revisions_make_the_tables_that_are_declared(empty: Engine) -> None:
    migrations.upgrade(empty)
    assert agrees(empty), f"a table was changed: {migrations.__doc__}"
    with empty.begin() as connection:
        made = described(connection)
        for table in [*made, "alembic_version"]:
            connection.execute(text(f"DROP TABLE {table} {'CASCADE' if empty.dialect.name == 'postgresql' else ''}"))
        migrations.tables().create_all(connection)
        declared = described(connection)
    assert made == declared


def test_a_database_that_was_made_before_there_were_revisions_keeps_every_row(released: Engine) -> None:
    tables = ("subscriber", "subscriber_setting", "subscriber_wish", "delivery", "feed_state", "sealed_addresses")
    before = {table: rows(released, table) for table in tables}
    migrations.upgrade(released)
    assert agrees(released)
    changed = {ANN: MONDAY + 2 * DAY, BEN: MONDAY + 3 * DAY}
    before["subscriber"] = [row | {"changed_at": changed[row["subscriber_id"]]} for row in before["subscriber"]]
    settings = {"hour": 7, "format": "html", "why": None}
    before["subscriber_setting"] = [row | settings for row in before["subscriber_setting"]]
    before["delivery"] = [row | {"begun_at": None} for row in before["delivery"]]
    for table in tables:
        assert rows(released, table) == before[table], table

    with database.session(released, read_only=True) as session:
        ann, ben = subscribers.list_subscribers(session)
        past = subscribers.snapshot(session, MONDAY + 1.5 * DAY)
    assert (ann.subscriber_id, ann.interests, ann.brief_size) == (ANN, ("whale song", "bücher"), 8)
    assert (ann.muted_topics, ann.followed_shows, ann.created_at) == (("crypto",), ("show-1",), MONDAY)
    assert (ben.status, ben.language) == ("unsubscribed", "de")
    assert [(one.subscriber_id, one.interests) for one in past] == [
        (ANN, ("batteries", "whale song", "bücher")),
        (BEN, ()),
    ]
    deliveries = Ledger(released).of_day(dt.date(2026, 11, 17))
    assert [(one.subscriber_id, one.status) for one in deliveries] == [(ANN, "delivered"), (BEN, "refused")]
    assert feed_state.load(released)["feed.example/rss"].title == "Größe"


def test_what_was_there_can_be_changed_afterwards(released: Engine) -> None:
    migrations.upgrade(released)
    with database.session(released) as session:
        added = subscribers.add(session, "ann@example.org", ["tides"], hour=6)
        subscribers.add(session, "cem@example.org")
        assert subscribers.withdraw_wish(session, ANN, "muted_topic", "crypto")
    assert added.changed == ("hour",)
    with pytest.raises(IntegrityError), released.begin() as connection:
        connection.execute(text("UPDATE subscriber_setting SET status = 'forgotten'"))
    with pytest.raises(IntegrityError), released.begin() as connection:
        connection.execute(text("DELETE FROM subscriber_setting"))
        connection.execute(text(f"INSERT INTO consent VALUES (1, '{'f' * 16}', 'form', 'x', NULL, '2026-01-01')"))


def test_a_database_of_a_still_older_release_gains_what_it_lacks(released: Engine) -> None:
    with released.begin() as connection:
        connection.execute(text("DROP TABLE sealed_addresses"))
        connection.execute(text("DROP INDEX ix_feed_state_show_id"))
        connection.execute(text("ALTER TABLE feed_state DROP COLUMN failing_since"))
        connection.execute(text("ALTER TABLE feed_state DROP COLUMN locked"))
    migrations.upgrade(released)
    assert agrees(released)
    (feed,) = rows(released, "feed_state")
    assert (feed["title"], feed["failing_since"], feed["locked"]) == ("Größe", None, None)


def test_an_upgrade_that_fails_leaves_everything_as_it_was(released: Engine) -> None:
    if released.dialect.name == "postgresql":
        pytest.skip("PostgreSQL itself keeps such a row out")
    with sqlite3.connect(str(released.url.database)) as connection:
        connection.execute("DELETE FROM subscriber WHERE address = 'ann@example.org'")
    connection.close()
    with pytest.raises(database.BadDatabase, match="refer to rows that are not there"):
        migrations.upgrade(released)
    with released.connect() as opened:
        assert "alembic_version" not in inspect(opened).get_table_names()
    assert "hour" not in rows(released, "subscriber_setting")[0]


def test_a_database_of_a_newer_release_is_refused(empty: Engine) -> None:
    migrations.upgrade(empty)
    with empty.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'r9999'"))
    with pytest.raises(migrations.DatabaseTooNew, match=r"r9999.*install the release"):
        migrations.upgrade(empty)


@pytest.mark.parametrize("there", ["nothing", "released"])
def test_many_processes_may_upgrade_at_once(empty_database: str, there: str, request: pytest.FixtureRequest) -> None:
    if there == "released":
        request.getfixturevalue("released")
    code = (
        "from podbrief_assets import database, migrations\n"
        f"opened = database.engine({empty_database!r})\n"
        "input()\n"
        "migrations.upgrade(opened)\n"
        "from podbrief_assets.episodes import feed_state\n"
        "print(len(feed_state.load(opened)))\n"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    told = [process.communicate(timeout=90) for process in started]
    assert [process.returncode for process in started] == [0] * 4, told
    assert {out.strip() for out, _ in told} == {"1" if there == "released" else "0"}
    opened = database.engine(empty_database)
    assert agrees(opened)
    opened.dispose()


def test_evidence_of_consent_is_never_changed(engine: Engine) -> None:
    with database.session(engine) as session:
        subscribers.add(session, "ann@example.org")
    with pytest.raises(DBAPIError, match="never changed"), engine.begin() as connection:
        connection.execute(text("UPDATE consent SET evidence = 'something else'"))
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM subscriber"))  # it goes with the person
        assert connection.scalar(text("SELECT count(*) FROM consent")) == 0


def test_the_next_revision_is_written_by_one_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    for path in ("env.py", "script.py.mako", "versions/r0001_baseline.py"):
        (folder / path).write_bytes((migrations.FOLDER / path).read_bytes())
    monkeypatch.setattr(migrations, "FOLDER", folder)
    written = migrations.write_revision("Muted words, and more")
    assert written.name == "r0002_muted_words_and_more.py"
    source = written.read_text(encoding="utf-8")
    assert "op.create_table('feedback'" in source and "batch_op.add_column(sa.Column('hour'" in source
    assert "Moment" not in source, "a revision must not change when the type does"
    compile(source, str(written), "exec")


def test_every_foreign_key_to_a_person_goes_with_the_person() -> None:
    keys = [
        key
        for table in migrations.tables().tables.values()
        for key in table.foreign_key_constraints
        if key.referred_table.name == "subscriber"
    ]
    assert len(keys) >= 4
    assert {key.ondelete for key in keys} == {"CASCADE"}
