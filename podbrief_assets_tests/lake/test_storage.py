"""The lake on a disk and on an object store, in one and the same way."""

from __future__ import annotations

import datetime as dt
import secrets
import threading

import polars as pl
import pytest
from upath import UPath

from podbrief_assets.lake.cache import Cache, key_of
from podbrief_assets.lake.storage import Lake
from podbrief_assets.lake.tables import TABLES

DAY = dt.date(2026, 11, 21)
SPANS = TABLES["sponsor_spans"]


@pytest.fixture(params=["disk", "memory"])
def lake(request, tmp_path):
    return Lake(UPath(tmp_path / "lake") if request.param == "disk" else UPath(f"memory://{secrets.token_hex(4)}/lake"))


def spans(day=DAY, *starts):
    rows = [
        {"episode_id": "e", "start_s": start, "end_s": start + 1, "kind": "ad", "reason": "r", "date": day}
        for start in starts
    ]
    return pl.DataFrame(rows, schema=SPANS.polars_schema)


def starts(lake, *days):
    return sorted(lake.scan("sponsor_spans", days or None).collect()["start_s"].to_list())


def test_a_table_that_was_never_written_is_empty_and_has_its_columns(lake):
    assert lake.days(SPANS) == []
    assert lake.scan("sponsor_spans").collect().schema == SPANS.polars_schema


def test_days_are_read_alone_or_together_and_missing_ones_are_skipped(lake):
    other = DAY + dt.timedelta(days=3)
    lake.write(SPANS, spans(DAY, 1.0), DAY)
    lake.write(SPANS, spans(other, 2.0), other)
    assert lake.days(SPANS) == [DAY, other]
    assert starts(lake) == [1.0, 2.0]
    assert starts(lake, DAY, DAY + dt.timedelta(days=1)) == [1.0]
    assert starts(lake, DAY + dt.timedelta(days=1)) == []


def test_writing_a_day_again_replaces_it_and_leaves_nothing_behind(lake):
    lake.write(SPANS, spans(DAY, 1.0, 2.0), DAY)
    path = lake.write(SPANS, spans(DAY, 3.0).lazy(), DAY)
    assert starts(lake) == [3.0]
    assert [child.name for child in path.parent.iterdir()] == ["part-0.parquet"]


def test_the_same_rows_give_the_same_bytes(lake):
    first = lake.write(SPANS, spans(DAY, 1.0, 2.0), DAY).read_bytes()
    assert lake.write(SPANS, spans(DAY, 1.0, 2.0), DAY).read_bytes() == first


def test_a_log_grows_by_a_file_and_a_repeated_append_replaces_its_own(lake):
    table = TABLES["feed_items"]
    row = dict.fromkeys(table.polars_schema) | {
        "show_id": "s", "guid": "g", "digest": "d", "episode_id": "e", "title": "t", "show_title": "S", "episode_type": "full",
        "transcripts": [], "persons": [], "back_catalogue": True, "first_seen_at": dt.datetime(2026, 11, 21, tzinfo=dt.UTC),
    }  # fmt: skip
    frame = pl.DataFrame([row], schema=table.polars_schema)
    assert lake.append(table, frame.clear(), "seen=0") is None
    lake.append(table, frame, "seen=1")
    lake.append(table, frame, "seen=1")
    assert lake.scan("feed_items").collect().height == 1
    lake.append(table, frame.with_columns(guid=pl.lit("h")), "seen=2")
    assert sorted(lake.scan("feed_items").collect()["guid"]) == ["g", "h"]


def test_a_file_from_before_a_column_was_added_reads_as_null_there(lake):
    lake.put(lake.file(SPANS, DAY), spans(DAY, 1.0).drop("sponsor").with_columns(old=pl.lit(1)))
    read = lake.scan("sponsor_spans").collect()
    assert read.schema == SPANS.polars_schema
    assert read["sponsor"].to_list() == [None]


def test_vectors_come_back_as_they_went(lake):
    table = TABLES["insight_embeddings"]
    dimension = table.polars_schema["embedding"].size
    frame = pl.DataFrame(
        [{"insight_id": "i", "model": "m", "embedding": [0.5] * dimension, "date": DAY}], schema=table.polars_schema
    )
    path = lake.write(table, frame, DAY)
    assert "/model=" in str(path), "vectors of another model must never lie in the same folder"
    assert lake.scan("insight_embeddings", [DAY]).collect().equals(frame)


def test_a_reader_never_meets_half_a_day(tmp_path):
    lake = Lake(UPath(tmp_path / "lake"))
    lake.write(SPANS, spans(DAY, *map(float, range(2000))), DAY)
    over = threading.Event()

    def rewrite():
        while not over.is_set():
            lake.write(SPANS, spans(DAY, *map(float, range(2000))), DAY)

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        heights = {lake.scan("sponsor_spans").collect().height for _ in range(60)}
    finally:
        over.set()
        writer.join()
    assert heights == {2000}


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    lake = Lake(UPath(tmp_path / "lake"))
    path = lake.write(SPANS, spans(DAY, 1.0), DAY)
    broken = spans(DAY, 2.0).lazy().with_columns(pl.col("kind").str.to_integer().cast(pl.String))
    with pytest.raises(pl.exceptions.PolarsError):
        lake.write(SPANS, broken, DAY)
    assert starts(lake) == [1.0]
    assert [child.name for child in path.parent.iterdir()] == ["part-0.parquet"]


def test_the_cache_keeps_what_it_is_given_and_takes_damage_for_absence(tmp_path):
    cache = Cache(tmp_path).section("transcripts")
    key = key_of(url="https://a.example/1.vtt", version=1)
    assert cache.get(key) is None
    cache.put_json(key, {"text": "Grüße"})
    assert cache.get_json(key) == {"text": "Grüße"}
    assert Cache(tmp_path).section("other").get(key) is None
    (file,) = list(tmp_path.rglob("*.zst"))
    file.write_bytes(file.read_bytes()[:10])
    assert cache.get(key) is None
    cache.put(key, b"again")
    assert cache.get(key) == b"again"
    cache.drop(key)
    cache.drop(key)
    assert cache.get(key) is None


def test_a_key_depends_on_every_part_and_not_on_their_order():
    assert key_of(a=1, b=[2]) == key_of(b=[2], a=1)
    assert len({key_of(a=1), key_of(a=2), key_of(b=1), key_of(a="1"), key_of(a=[1])}) == 5
