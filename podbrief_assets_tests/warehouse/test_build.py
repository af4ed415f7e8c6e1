"""The DuckDB file: complete, commented, and never in anybody's way."""

from __future__ import annotations

import datetime as dt

import duckdb
import polars as pl
import pytest
from upath import UPath

from podbrief_assets.lake.contract import settle
from podbrief_assets.lake.storage import Lake, rejected_schema
from podbrief_assets.lake.tables import TABLES
from podbrief_assets.warehouse.build import build

DAYS = [dt.date(2026, 11, 20), dt.date(2026, 11, 21)]


@pytest.fixture
def lake(tmp_path):
    return Lake(UPath(tmp_path / "lake"))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "podbrief.duckdb"


def ask(path, query):
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.sql(query).fetchall()


def fill(lake):
    spans, vectors = TABLES["sponsor_spans"], TABLES["insight_embeddings"]
    for day in DAYS:
        rows = [{"episode_id": f"e{day.day}", "start_s": 1.0, "end_s": 2.0, "kind": "ad", "reason": "r", "date": day}]
        bad = [{**rows[0], "episode_id": "x", "end_s": 0.0}]
        settled = settle(spans, pl.DataFrame(rows + bad, schema=spans.polars_schema))
        lake.write(spans, settled.valid, day)
        lake.write(spans, settled.rejected, day, rejected=True)
        size = vectors.polars_schema["embedding"].size
        vector = [{"insight_id": f"i{day.day}", "model": "m", "embedding": [1.0] + [0.0] * (size - 1), "date": day}]
        lake.write(vectors, pl.DataFrame(vector, schema=vectors.polars_schema), day)


def put(lake, name, day, rows):
    table = TABLES[name]
    lake.write(table, pl.DataFrame([{**row, "date": day} for row in rows], schema=table.polars_schema), day)


def test_contraries_are_read_in_both_directions_and_repeats_stand_for_what_they_repeat(lake, path):
    day = DAYS[0]
    said = ["rose", "rose again", "fell", "taken back"]
    put(lake, "episodes", day, [{"episode_id": text, "show_id": text, "show_title": text.title()} for text in said])
    superseded = {"taken back": "rose"}
    put(
        lake,
        "insight_candidates",
        day,
        [
            {"insight_id": text, "episode_id": text, "text": text, "superseded_by": superseded.get(text)}
            for text in said
        ],
    )
    scores = {
        "rose": (None, []),
        "rose again": ("rose", []),
        "fell": (None, ["rose again"]),
        "taken back": (None, ["fell"]),
    }
    put(
        lake,
        "insight_scores",
        day,
        [{"insight_id": name, "duplicate_of": of, "contrary_to": to} for name, (of, to) in scores.items()],
    )
    build(lake, path)
    links = ask(path, "SELECT insight_id, contrary_id, text, show_title FROM heard_otherwise_on ORDER BY ALL")
    assert links == [
        ("fell", "rose", "rose", "Rose"),
        ("rose", "fell", "fell", "Fell"),
        ("taken back", "fell", "fell", "Fell"),
    ], "nobody is sent to what was taken back"
    assert ask(path, "SELECT insight_id, repeat_id FROM also_heard_on") == [("rose", "rose again")]


def test_every_table_has_a_view_even_before_the_first_run(lake, path):
    views = build(lake, path)
    for name in views:
        assert ask(path, f"SELECT count(*) FROM {name}") == [(0,)]
    assert set(TABLES) <= set(views)


def test_views_show_what_the_files_hold(lake, path):
    fill(lake)
    build(lake, path)
    assert ask(path, "SELECT episode_id, date FROM sponsor_spans ORDER BY date") == [("e20", DAYS[0]), ("e21", DAYS[1])]
    assert ask(path, "SELECT DISTINCT rule FROM sponsor_spans_rejected") == [("ends_after_start",)]


def test_operators_see_the_feed_that_has_failed_for_longest_first(lake, path):
    table, now = TABLES["feed_health"], dt.datetime.now(dt.UTC)
    feeds = [("fine", "answering", None), ("new", "failing", 1), ("old", "failing", 9), ("gone", "retired", 4)]
    rows = [
        {"show_id": name, "title": name, "feed_url": f"https://{name}.example/", "outcome": outcome,
         "failures_in_a_row": days or 0, "failing_since": now - dt.timedelta(days=days) if days else None}
        for name, outcome, days in feeds
    ]  # fmt: skip
    lake.write(table, pl.DataFrame(rows, schema=table.polars_schema))
    build(lake, path)
    found = ask(path, "SELECT title, outcome, days_failing FROM failing_feeds")
    assert found == [("old", "failing", 9), ("gone", "retired", 4), ("new", "failing", 1)]


def test_analysts_see_what_share_of_proposals_each_rule_refused(lake, path):
    table = TABLES["insight_candidates"]
    columns = {"date": DAYS[0], "extractor": "llm", "model": "m"}
    kept = pl.DataFrame([columns] * 2, schema=table.polars_schema)
    bad = [{**columns, "rule": rule} for rule in ("number: 7", "number: 8", "hedge: “maybe” is dropped")]
    bad.append({**columns, "extractor": "extractive", "model": None, "rule": "length: 9 words"})
    lake.write(table, kept, DAYS[0])
    lake.write(table, pl.DataFrame(bad, schema=rejected_schema(table)), DAYS[0], rejected=True)
    build(lake, path)
    found = ask(path, "SELECT extractor, model, rule, refused, proposed, rate FROM refusal_rates")
    assert found == [
        ("llm", "m", "number", 2, 5, 0.4),
        ("llm", "m", "hedge", 1, 5, 0.2),
        ("extractive", None, "length", 1, 1, 1.0),
    ]


def test_a_vector_is_an_array_that_distances_can_be_taken_of(lake, path):
    fill(lake)
    build(lake, path)
    query = "SELECT array_cosine_similarity(a.embedding, b.embedding) FROM insight_embeddings a, insight_embeddings b"
    assert {value for (value,) in ask(path, query)} == {1.0}


def test_every_view_and_column_is_commented(lake, path):
    build(lake, path)
    uncommented = ask(
        path,
        "SELECT table_name, column_name FROM duckdb_columns() WHERE comment IS NULL AND NOT internal "
        "UNION SELECT view_name, NULL FROM duckdb_views() WHERE comment IS NULL AND NOT internal",
    )
    assert uncommented == []


def test_a_query_for_a_day_opens_that_days_file_alone(lake, path):
    fill(lake)
    build(lake, path)
    plan = ask(path, "EXPLAIN ANALYZE SELECT * FROM sponsor_spans WHERE date = DATE '2026-11-21'")[0][1]
    assert "Scanning Files: 1/3" in plan, plan


def test_a_reader_keeps_its_file_while_a_new_one_takes_the_name(lake, path):
    build(lake, path)
    with duckdb.connect(str(path), read_only=True) as reader:
        assert reader.sql("SELECT count(*) FROM sponsor_spans").fetchall() == [(0,)]
        fill(lake)
        build(lake, path)
        assert reader.sql("SHOW TABLES").fetchall(), "the reader was disturbed"
    assert ask(path, "SELECT count(*) FROM sponsor_spans") == [(2,)]
    assert sorted(child.name for child in path.parent.iterdir()) == ["lake", "podbrief.duckdb"]


def test_the_file_holds_no_rows_and_no_address_of_a_person(lake, path):
    fill(lake)
    build(lake, path)
    assert ask(path, "SELECT count(*) FROM duckdb_tables() WHERE NOT internal") == [(0,)]
    assert path.stat().st_size < 5_000_000
    columns = {column for (column,) in ask(path, "SELECT column_name FROM duckdb_columns() WHERE NOT internal")}
    assert not columns & {"address", "email", "e_mail"}
