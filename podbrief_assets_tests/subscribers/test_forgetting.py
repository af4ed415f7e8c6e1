"""Nothing of a forgotten person is left anywhere, whenever the forgetting was interrupted."""

from __future__ import annotations

import datetime as dt
import json
import multiprocessing
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Engine, inspect, text
from upath import UPath

from podbrief_assets import database, migrations
from podbrief_assets.database import session
from podbrief_assets.delivery.ledger import Ledger, Wanted
from podbrief_assets.lake import files
from podbrief_assets.lake.cache import Cache, key_of
from podbrief_assets.lake.storage import Lake, rejected_schema
from podbrief_assets.lake.tables import EMBEDDING_DIMENSION, TABLES
from podbrief_assets.subscribers import feedback, forgetting
from podbrief_assets.subscribers.database import (
    UnknownSubscriber,
    add,
    list_subscribers,
    set_status,
    snapshot,
    withdraw_wish,
)
from podbrief_assets.subscribers.forgetting import ErasureRow, FileKeepsChanging, Places, begin, finish, held
from podbrief_assets.subscribers.suppression import Suppression

MONDAY = dt.datetime(2026, 11, 16, 8, tzinfo=dt.UTC)
DAYS = [dt.date(2026, 11, 16) + dt.timedelta(days=n) for n in range(3)]
DAY = dt.timedelta(days=1)
KEY = Suppression(b"k" * 32)


def cache_key(interests: Sequence[str]) -> str:
    return key_of(model="a model", texts=list(interests))


def wanted(who: str) -> Wanted:
    return Wanted(subscriber_id=who, message_id=f"<{who}@x>", entries=1)


def filled(name: str, who: str, day: dt.date, **columns: Any) -> dict[str, Any]:
    """A row of a table that says something in every text column."""
    row: dict[str, Any] = {}
    for column, dtype in TABLES[name].polars_schema.items():
        if dtype == pl.String:
            row[column] = f"{column} of {who}"
        elif isinstance(dtype, pl.List):
            row[column] = []
        elif dtype == pl.Date:
            row[column] = day
        elif isinstance(dtype, pl.Datetime):
            row[column] = MONDAY
        else:
            row[column] = 1
    return row | {"subscriber_id": who} | columns


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(
        lake=Lake(UPath(tmp_path / "lake")),
        vectors=Cache(tmp_path / "cache"),
        briefs=tmp_path / "briefs",
        outbox=tmp_path / "outbox",
    )


@pytest.fixture
def people(engine: Engine, places: Places) -> dict[str, str]:
    """Ann and Ben, with everything that podbrief keeps of somebody."""
    with session(engine) as transaction:
        who = {
            name: add(transaction, f"{name}@example.org", [f"interest of {name}"], now=MONDAY).subscriber_id
            for name in ("ann", "ben")
        }
        for name, one in who.items():
            add(transaction, f"{name}@example.org", [f"later interest of {name}"], brief_size=3, now=MONDAY + DAY)
            withdraw_wish(transaction, one, "interest", f"interest of {name}", now=MONDAY + 2 * DAY)
            feedback.record(transaction, one, "20261116-aa", "up", MONDAY + 2.5 * DAY)
            set_status(transaction, one, "paused", why="on holiday", now=MONDAY + 3 * DAY)
    ledger = Ledger(engine)
    for one in who.values():
        (claim,) = ledger.claim([wanted(one)], DAYS[0], idempotent=True)
        assert ledger.settle(claim, "delivered", f"{DAYS[0]}/{one}.eml")
    for name in ("subscribers", "user_briefs", "brief_deliveries"):
        table = TABLES[name]
        for day in DAYS:
            vectors = {"interest_vectors": [[0.5] * EMBEDDING_DIMENSION]} if name == "subscribers" else {}
            rows = [filled(name, one, day, **vectors) for one in who.values()]
            places.lake.write(table, pl.DataFrame(rows, schema=table.polars_schema), day)
        rejected = pl.DataFrame([filled(name, who["ann"], DAYS[0]) | {"rule": "x"}], schema=rejected_schema(table))
        places.lake.write(table, rejected, DAYS[0], rejected=True)
    for name, one in who.items():
        both = (f"interest of {name}", f"later interest of {name}")
        for interests in (both[:1], both, both[1:]):
            places.vectors.put(cache_key(interests), b"vectors")
        for day in DAYS:
            folder = Path(str(places.outbox)) / str(day)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{one}.eml").write_text(f"To: {name}@example.org")
    made = Path(str(places.briefs)) / str(DAYS[0])
    made.mkdir(parents=True)
    (made / "range.parquet").write_bytes(b"briefs of many")
    return who


def everything(engine: Engine, places: Places) -> str:
    """Every value of the database and the lake, every file's name, and every mail."""
    said: list[str] = []
    with engine.connect() as connection:
        for table in inspect(connection).get_table_names():
            said += [repr(row) for row in connection.execute(text(f'SELECT * FROM "{table}"'))]
    for file in sorted(Path(str(places.lake.root)).rglob("*")):
        said.append(str(file))
        if file.is_file():
            said.append(pl.read_parquet(file, hive_partitioning=False).write_ndjson())
    for mail in sorted(Path(str(places.outbox)).rglob("*.eml")):
        said += [str(mail), mail.read_text()]
    return "\n".join(said)


def forget(engine: Engine, who: str, now: dt.datetime) -> dict[str, int]:
    with session(engine) as transaction:
        return begin(transaction, who, KEY, cache_key, now=now)


def test_nothing_is_left_of_who_is_forgotten_and_everything_of_the_others(
    engine: Engine, places: Places, people: dict[str, str]
) -> None:
    bens = [line for line in everything(engine, places).splitlines() if people["ben"] in line]
    removed = forget(engine, people["ann"], MONDAY + 4 * DAY)
    assert removed == {
        "subscriber": 1, "subscriber_setting": 3, "subscriber_wish": 2, "consent": 1, "feedback": 1, "delivery": 1,
        "bounce": 0,
    }  # fmt: skip
    erased = finish(engine, places, now=MONDAY + 4 * DAY)
    tables = ("subscribers", "user_briefs", "brief_deliveries")
    assert erased.rows == dict.fromkeys(tables, 3) | {f"{name}_rejected": 1 for name in tables}
    assert (erased.files, erased.mails, erased.vectors) == (12, 3, 3)
    assert not list(Path(str(places.briefs)).rglob("*.parquet")), "they are soon made again"
    with session(engine, read_only=True) as transaction:
        assert [one.address for one in list_subscribers(transaction)] == ["ben@example.org"]
        assert [one.subscriber_id for one in snapshot(transaction, MONDAY)] == [people["ben"]]
        assert KEY.since(transaction, "Ann@example.org") == MONDAY + 4 * DAY
    # Until no earlier run can be alive the identifier is known as that of an erasure, and nowhere else.
    assert everything(engine, places).count(people["ann"]) == 1
    finish(engine, places, now=MONDAY + 7 * DAY)
    left = everything(engine, places)
    for trace in (people["ann"], "ann@", "interest of ann"):
        assert trace not in left.casefold()
    assert [line for line in left.splitlines() if people["ben"] in line] == bens
    assert places.vectors.get(cache_key(["interest of ben"])) == b"vectors"
    assert sum(file.is_file() for file in (Path(str(places.vectors.root))).rglob("*")) == 3


def test_every_table_with_a_subscriber_is_emptied_of_them_and_no_other_knows_one(
    engine: Engine, people: dict[str, str]
) -> None:
    with session(engine) as transaction:
        tables = {table.name for table in forgetting._personal_tables(transaction)}
    declared = migrations.tables().tables.values()
    assert tables == {table.name for table in declared if "subscriber_id" in table.columns} - {"erasure"}
    # A log is merged by its files' names and counts (lake/compaction.py): none may have rows that have to go.
    assert {table.layout for table in TABLES.values() if "subscriber_id" in table.polars_schema} == {"day"}


def test_doing_it_again_changes_nothing(engine: Engine, places: Places, people: dict[str, str]) -> None:
    forget(engine, people["ann"], MONDAY + 4 * DAY)
    finish(engine, places, now=MONDAY + 4 * DAY)
    before = everything(engine, places)
    again = finish(engine, places, now=MONDAY + 4 * DAY)
    assert (again.rows.total(), again.files, again.mails, again.vectors) == (0, 0, 0, 0)
    assert everything(engine, places) == before
    with pytest.raises(UnknownSubscriber):
        forget(engine, people["ann"], MONDAY + 4 * DAY)


def test_what_a_run_that_began_before_still_writes_goes_with_the_next_snapshot(
    engine: Engine, places: Places, people: dict[str, str]
) -> None:
    forget(engine, people["ann"], MONDAY + 4 * DAY)
    finish(engine, places, now=MONDAY + 4 * DAY)
    table = TABLES["user_briefs"]
    late = pl.DataFrame([filled("user_briefs", people["ann"], DAYS[2])], schema=table.polars_schema)
    places.lake.write(table, late, DAYS[2])
    (claim,) = Ledger(engine).claim([wanted(people["ann"])], DAYS[2], idempotent=True)
    assert Ledger(engine).settle(claim, "cancelled")
    assert finish(engine, places, now=MONDAY + 5 * DAY).rows == {"user_briefs": 1}
    assert Ledger(engine).of_day(DAYS[2]) == []
    finish(engine, places, now=MONDAY + 7 * DAY)
    assert people["ann"] not in everything(engine, places)
    with session(engine, read_only=True) as transaction:
        assert transaction.query(ErasureRow).count() == 0


def test_a_reader_sees_each_file_whole_before_or_after(engine: Engine, places: Places, people: dict[str, str]) -> None:
    file = Path(str(places.lake.file(TABLES["user_briefs"], DAYS[0])))
    with file.open("rb") as opened:
        forget(engine, people["ann"], MONDAY + 4 * DAY)
        finish(engine, places, now=MONDAY + 4 * DAY)
        assert set(pl.read_parquet(opened)["subscriber_id"]) == set(people.values())
    assert set(pl.read_parquet(file)["subscriber_id"]) == {people["ben"]}
    assert [path.name for path in file.parent.iterdir()] == ["part-0.parquet"]


def test_a_partition_that_a_run_replaces_meanwhile_keeps_the_runs_rows(
    engine: Engine, places: Places, people: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = TABLES["user_briefs"]
    fresh = pl.DataFrame([filled("user_briefs", "new", DAYS[0], text="made anew")], schema=table.polars_schema)
    placing, times = files.placing, iter([True])

    def meanwhile(path: Any) -> Any:
        if path == places.lake.file(table, DAYS[0]) and next(times, False):
            with placing(path) as beside, beside.open("wb") as file:
                fresh.write_parquet(file)
        return placing(path)

    monkeypatch.setattr(forgetting, "placing", meanwhile)
    forget(engine, people["ann"], MONDAY + 4 * DAY)
    finish(engine, places, now=MONDAY + 4 * DAY)
    assert pl.read_parquet(places.lake.file(table, DAYS[0]).read_bytes())["text"].to_list() == ["made anew"]

    def always(path: Any) -> Any:
        with placing(path) as beside, beside.open("wb") as file:
            pl.DataFrame([filled("user_briefs", people["ann"], DAYS[0])], schema=table.polars_schema).write_parquet(
                file
            )
        return placing(path)

    monkeypatch.setattr(forgetting, "placing", always)
    always(places.lake.file(table, DAYS[0])).__enter__()
    with pytest.raises(FileKeepsChanging, match="no run is at work"):
        finish(engine, places, now=MONDAY + 4 * DAY)


def _die_at(url: str, places: Places, step: int) -> None:
    """Go on with forgetting, and be killed at the step-th file that is put in its place or deleted."""
    steps = iter(range(10_000))

    def step_taken(name: str, *_: Any) -> None:
        if name in ("os.rename", "os.remove") and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    import sys  # noqa: PLC0415 - the hook can't be taken away again, so it belongs to this process alone

    sys.addaudithook(step_taken)
    finish(database.engine(url), places, now=MONDAY + 4 * DAY)


def test_killed_at_any_point_and_started_again_it_comes_to_the_same_end(
    engine: Engine, database_url: str, places: Places, people: dict[str, str]
) -> None:
    forget(engine, people["ann"], MONDAY + 4 * DAY)
    spawn = multiprocessing.get_context("forkserver")
    deaths = 0
    for step in range(5):
        process = spawn.Process(target=_die_at, args=(database_url, places, step))
        process.start()
        process.join(60)
        deaths += process.exitcode == -signal.SIGKILL
        for file in Path(str(places.lake.root)).rglob("*.parquet"):
            assert pl.read_parquet(file)["subscriber_id"].len() <= 2, "readable, whatever was killed"
    assert deaths == 5
    finish(engine, places, now=MONDAY + 7 * DAY)
    left = everything(engine, places)
    assert people["ann"] not in left and people["ben"] in left


def test_whoever_asks_gets_everything_that_is_held(engine: Engine, places: Places, people: dict[str, str]) -> None:
    with session(engine, read_only=True) as transaction:
        given = json.loads(json.dumps(held(transaction, people["ann"], places, now=MONDAY + 4 * DAY)))
    assert (given["address"], given["subscriber_id"]) == ("ann@example.org", people["ann"])
    assert [row["status"] for row in given["database"]["subscriber_setting"]] == ["active", "active", "paused"]
    assert [row["value"] for row in given["database"]["subscriber_wish"]] == [
        "interest of ann",
        "later interest of ann",
    ]
    assert given["database"]["consent"][0]["how"] == "operator"
    assert given["database"]["feedback"][0]["at"] == "2026-11-18T20:00:00+00:00"
    assert given["database"]["delivery"][0]["status"] == "delivered"
    assert [len(given["lake"][name]) for name in ("subscribers", "user_briefs", "brief_deliveries")] == [3, 3, 3]
    assert len(given["lake"]["subscribers"][0]["interest_vectors"][0]) == EMBEDDING_DIMENSION
    assert given["outbox"] == [f"{people['ann']}.eml"] * 3
    # No row is missing: whatever has their identifier has it in what they are given.
    assert everything(engine, places).count(f'{people["ann"]}"') <= json.dumps(given).count(people["ann"])
    assert people["ben"] not in json.dumps(given) and "ben@" not in json.dumps(given)
    with session(engine, read_only=True) as transaction, pytest.raises(UnknownSubscriber):
        held(transaction, "0" * 16, places)
