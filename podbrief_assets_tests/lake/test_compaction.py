"""A log's files are merged while others read them: no row is lost, none is there twice, whenever it is killed."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import pytest
from upath import UPath

from podbrief_assets.lake import compaction, storage
from podbrief_assets.lake.compaction import GRACE, LostRows, compact
from podbrief_assets.lake.storage import Lake
from podbrief_assets.lake.tables import TABLES
from podbrief_assets.warehouse.build import build

ITEMS = TABLES["feed_items"]
MONTH = dt.datetime(2026, 10, 1, 5, tzinfo=dt.UTC)
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)


class Killed(BaseException):
    """The process is gone: nothing catches this."""


def row(number: int, seen: dt.datetime) -> dict[str, object]:
    return dict.fromkeys(ITEMS.polars_schema) | {
        "show_id": "s", "guid": f"g{number}", "digest": f"d{number}", "episode_id": f"e{number}", "title": "t",
        "show_title": "S", "episode_type": "full", "transcripts": [{"url": "https://a.example/1.vtt"}], "persons": [],
        "back_catalogue": False, "first_seen_at": seen + dt.timedelta(microseconds=number),
    }  # fmt: skip


def append(lake: Lake, seen: dt.datetime, number: int, rows: int = 3) -> None:
    frame = pl.DataFrame([row(10 * number + n, seen) for n in range(rows)], schema=ITEMS.polars_schema)
    lake.append(ITEMS, frame, f"seen={seen:%Y%m%dT%H%M%S%f}-abcd-{number:05}")


def names(lake: Lake) -> list[str]:
    return sorted(path.name for path in lake.log_files(ITEMS))


def rows_of(lake: Lake) -> pl.DataFrame:
    return lake.scan("feed_items").collect().sort("guid", "first_seen_at")


@pytest.fixture(params=["disk", "memory"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    return Lake(UPath(tmp_path / "lake") if request.param == "disk" else UPath(f"memory://{secrets.token_hex(4)}/lake"))


@pytest.fixture
def on_disk(tmp_path: Path) -> Lake:
    """Three days with three files each."""
    made = Lake(UPath(tmp_path / "lake"))
    for day in range(3):
        for number in range(3):
            append(made, MONTH + day * DAY, 10 * day + number)
    return made


def test_a_day_that_is_over_becomes_one_file_and_the_old_ones_go_a_day_later(lake: Lake):
    for number in range(4):
        append(lake, MONTH, number)
    append(lake, MONTH + DAY, 9)
    before = rows_of(lake)
    assert compact(lake, ITEMS, MONTH + DAY).made == [], "the day is not over for long enough"
    merging = MONTH + 2 * DAY
    done = compact(lake, ITEMS, merging)
    assert done.made == ["merged=2026-10-01.parquet"]
    assert len(done.merged) == 4 and len(names(lake)) == 6, "readers of the old ones go on"
    assert rows_of(lake).equals(before)
    assert compact(lake, ITEMS, merging + GRACE - HOUR) == compaction.Compaction()
    assert compact(lake, ITEMS, merging + GRACE + HOUR).removed == done.merged
    assert names(lake) == ["merged=2026-10-01.parquet", "seen=20261002T050000000000-abcd-00009.parquet"]
    assert rows_of(lake).equals(before)


def test_days_become_months_and_in_the_end_a_month_is_a_file(lake: Lake):
    now, before = MONTH, []
    for day in [*range(3), *range(29, 34), *range(60, 65)]:
        now = MONTH + day * DAY
        for number in range(2):
            append(lake, now, 10 * day + number, rows=1)
            before.append((f"g{10 * (10 * day + number)}", now + dt.timedelta(microseconds=10 * (10 * day + number))))
        compact(lake, ITEMS, now + HOUR)
        assert rows_of(lake).height == len(before)
    assert sorted(rows_of(lake).select("guid", "first_seen_at").rows()) == sorted(before), "bit for bit"
    for later in range(0, 8, 2):
        compact(lake, ITEMS, now + (30 + later) * DAY)
    assert names(lake) == [f"merged=2026-{month}.parquet" for month in (10, 11, 12)]
    assert rows_of(lake).height == len(before)


def test_a_file_that_is_late_for_its_day_counts_at_once_and_is_never_lost(lake: Lake):
    for number in range(2):
        append(lake, MONTH, number)
    compact(lake, ITEMS, MONTH + 2 * DAY)
    append(lake, MONTH, 7)
    assert rows_of(lake).height == 9
    compact(lake, ITEMS, MONTH + 5 * DAY)
    assert names(lake) == ["merged=2026-10-01.parquet", "seen=20261001T050000000000-abcd-00007.parquet"]
    compact(lake, ITEMS, MONTH + 40 * DAY)
    compact(lake, ITEMS, MONTH + 50 * DAY)
    assert names(lake) == ["merged=2026-10.parquet"]
    append(lake, MONTH, 8)
    compact(lake, ITEMS, MONTH + 60 * DAY)
    assert len(names(lake)) == 2 and rows_of(lake).height == 12


def test_a_column_that_no_contract_knows_any_more_is_kept(on_disk: Lake):
    folder = on_disk.folder(ITEMS)
    on_disk.put(folder / "seen=20261001T060000000000-old.parquet", pl.DataFrame({"show_id": ["s"], "colour": ["red"]}))
    compact(on_disk, ITEMS, MONTH + 2 * DAY)
    assert pl.read_parquet(str(folder / "merged=2026-10-01.parquet"))["colour"].to_list() == [None] * 9 + ["red"]


def test_killed_at_any_step_nothing_is_lost_and_nothing_is_there_twice(
    on_disk: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Stopped before and after every change of the disk: while merging days and a month, and while removing."""
    before, warehouse, folder = rows_of(on_disk), tmp_path / "podbrief.duckdb", Path(str(on_disk.folder(ITEMS)))
    build(on_disk, warehouse)
    kills = 0
    for now in (MONTH + 4 * DAY, MONTH + 6 * DAY, MONTH + 40 * DAY, MONTH + 42 * DAY):
        start = {path.name: path.read_bytes() for path in folder.iterdir()}
        for after in (False, True):
            for step in range(12):
                restore(folder, start)
                if not killed_at(step, after, on_disk, now, monkeypatch):
                    break
                kills += 1
                assert rows_of(on_disk).equals(before), (now, after, step)
                assert duckdb_rows(warehouse) == before.height, (now, after, step)
                compact(on_disk, ITEMS, now)
                assert rows_of(on_disk).equals(before), (now, after, step)
        compact(on_disk, ITEMS, now)
    assert kills >= 30, "it was not stopped often enough to tell anything"
    assert names(on_disk) == ["merged=2026-10.parquet", "merged=nothing.parquet"]
    assert rows_of(on_disk).equals(before)


def killed_at(step: int, after: bool, lake: Lake, now: dt.datetime, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Compact until change number `step` of the disk, and stop before or after it; False if it is done before that."""
    left, dead = step, False

    def stopping(kept: Callable[..., object]) -> Callable[..., object]:
        def act(path: Path, *arguments: object, **options: object) -> object:
            nonlocal left, dead
            if dead:
                raise Killed  # no clearing up either
            left, dead = left - 1, left == 0
            if dead and not after:
                raise Killed
            result = kept(path, *arguments, **options)
            if dead:
                raise Killed
            return result

        return act

    with monkeypatch.context() as patched:
        for name in ("replace", "unlink"):
            patched.setattr(Path, name, stopping(getattr(Path, name)))
        try:
            compact(lake, ITEMS, now)
        except Killed:
            return True
    return False


def restore(folder: Path, contents: dict[str, bytes]) -> None:
    for path in folder.iterdir():
        path.unlink()
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def duckdb_rows(warehouse: Path) -> int:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        (found,) = connection.sql("SELECT count(*), count(DISTINCT guid) FROM feed_items").fetchall()
    assert found[0] == found[1], "a row is there twice"
    return int(found[0])


def test_a_view_that_was_built_before_a_merge_shows_each_row_once_whenever_it_is_asked(on_disk: Lake, tmp_path: Path):
    """DuckDB compares with its own clock, so the merge is made just now, and one long ago."""
    warehouse, now = tmp_path / "podbrief.duckdb", dt.datetime.now(dt.UTC)
    build(on_disk, warehouse)
    assert duckdb_rows(warehouse) == 27
    compact(on_disk, ITEMS, now)
    assert len([name for name in names(on_disk) if name.startswith("merged=2026")]) == 3
    assert duckdb_rows(warehouse) == 27, "what was merged a moment ago does not count yet"
    for path in on_disk.log_files(ITEMS):
        if path.name.startswith("merged=2026"):
            path.unlink()
    compact(on_disk, ITEMS, now - 2 * DAY)
    assert duckdb_rows(warehouse) == 27, "it counts instead of the files that it holds"
    compact(on_disk, ITEMS, now)
    assert not [name for name in names(on_disk) if name.startswith("seen=")]
    assert duckdb_rows(warehouse) == 27


def test_a_reader_that_listed_the_files_before_goes_on_reading_them(on_disk: Lake):
    lazily, before = on_disk.scan("feed_items"), rows_of(on_disk)
    compact(on_disk, ITEMS, MONTH + 9 * DAY)
    assert lazily.collect().sort("guid", "first_seen_at").equals(before)


def test_a_merge_that_lost_rows_is_never_put_in_place(on_disk: Lake, monkeypatch: pytest.MonkeyPatch):
    before, union = names(on_disk), Lake.union
    monkeypatch.setattr(Lake, "union", lambda self, paths: union(self, paths).head(8))
    with pytest.raises(LostRows, match="has 8 rows"):
        compact(on_disk, ITEMS, MONTH + 9 * DAY)
    assert names(on_disk) == before


def test_nothing_is_removed_for_a_merged_file_that_lost_rows_since(on_disk: Lake):
    compact(on_disk, ITEMS, MONTH + 2 * DAY)
    damaged = on_disk.folder(ITEMS) / "merged=2026-10-01.parquet"
    metadata = pl.read_parquet_metadata(str(damaged))
    short = pl.read_parquet(str(damaged)).head(2)
    short.write_parquet(str(damaged), metadata={storage.MERGED_KEY: metadata[storage.MERGED_KEY]})
    before = names(on_disk)
    with pytest.raises(LostRows, match=r"merged=2026-10-01.*has 2 rows.*have 9"):
        compact(on_disk, ITEMS, MONTH + 9 * DAY)
    assert set(before) <= set(names(on_disk))
