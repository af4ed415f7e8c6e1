"""The contracts themselves: complete, and held."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from podbrief_assets.lake import dictionary
from podbrief_assets.lake.contract import DUPLICATE_KEY, settle
from podbrief_assets.lake.tables import TABLES

DAY = dt.date(2026, 11, 21)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_table_and_column_has_its_sentence(table):
    assert table.description.endswith(".")
    for column, sentence in table.column_comments.items():
        assert sentence.endswith("."), f"{table.name}.{column}"


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_table_has_a_key_and_those_of_a_day_have_the_day_last(table):
    assert table.key
    names = table.polars_schema.names()
    assert names[: len(table.key)] == [name for name in names if name in table.key]
    assert (names[-1] == "date") == (table.layout == "day")


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_nothing_is_kept_as_nothing(table):
    settled = settle(table, pl.DataFrame(schema=table.polars_schema))
    assert settled.valid.schema == table.polars_schema
    assert settled.keeps_contract
    assert settled.rejected.is_empty()


def span(**changes):
    row = {
        "episode_id": "e1",
        "start_s": 1.0,
        "end_s": 9.0,
        "kind": "ad",
        "sponsor": None,
        "reason": "said so",
        "date": DAY,
    }
    return row | changes


def spans(*rows):
    return pl.DataFrame(list(rows), schema=TABLES["sponsor_spans"].polars_schema)


def test_rows_that_break_a_rule_are_parted_with_its_name_and_the_others_stay():
    settled = settle(
        TABLES["sponsor_spans"],
        spans(span(), span(start_s=20.0, end_s=3.0), span(start_s=30.0, end_s=31.0, kind="jingle")),
    )
    assert settled.valid["start_s"].to_list() == [1.0]
    assert dict(settled.rejected.select("start_s", "rule").iter_rows()) == {
        20.0: "ends_after_start",
        30.0: "kind|check",
    }
    assert settled.counts == {"ends_after_start": 1, "kind|check": 1}


def test_of_equal_keys_the_first_stays_and_the_others_are_told():
    settled = settle(TABLES["sponsor_spans"], spans(span(end_s=5.0), span(end_s=7.0), span(episode_id="e2")))
    assert settled.valid["end_s"].to_list() == [5.0, 9.0]
    assert settled.rejected.select("end_s", "rule").rows() == [(7.0, DUPLICATE_KEY)]
    assert settled.counts == {DUPLICATE_KEY: 1}


def test_the_contract_fails_when_too_many_rows_break_it():
    bad = [span(start_s=float(n), end_s=0.0) for n in range(1, 4)]
    assert not settle(TABLES["sponsor_spans"], spans(span(), *bad)).keeps_contract
    good = [span(episode_id=f"e{n}") for n in range(20)]
    assert settle(TABLES["sponsor_spans"], spans(*good, *bad)).keeps_contract


def test_a_missing_column_is_a_fault_of_the_stage_and_not_a_rejected_row():
    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        settle(TABLES["sponsor_spans"], spans(span()).drop("reason"))


def candidate(**changes):
    words = " ".join(f"w{n}" for n in range(30))
    row = dict.fromkeys(TABLES["insight_candidates"].polars_schema) | {
        "insight_id": "20261121-1", "kind": "insight", "episode_id": "e", "show_id": "s", "text": words, "quote": "said so",
        "start_s": 1.0, "end_s": 2.0, "timed": True, "topics": [], "names": [], "centrality": 0.5, "extractor": "llm",
        "tokens_in": 1, "tokens_out": 1, "cost_usd": None, "date": DAY,
    }  # fmt: skip
    return pl.DataFrame([row | changes], schema=TABLES["insight_candidates"].polars_schema)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, None),
        ({"text": "too short"}, "length_in_bounds"),
        ({"text": " ".join(["w"] * 61)}, "length_in_bounds"),
        ({"quote": " ".join(["w"] * 41)}, "quote_in_bounds"),
        ({"quote": " ".join(["w"] * 41), "kind": "excerpt"}, None),
        ({"start_s": 3.0}, "ends_after_start"),
        ({"centrality": 1.5}, "centrality|max"),
        ({"end_s": float("nan")}, "end_s|nan"),
        ({"kind": "summary"}, "kind|check"),
    ],
)
def test_an_insight_keeps_its_bounds(changes, rule):
    settled = settle(TABLES["insight_candidates"], candidate(**changes))
    assert list(settled.counts) == ([rule] if rule else [])


def test_a_transcript_has_words_or_a_reason():
    row = dict.fromkeys(TABLES["transcripts"].polars_schema) | {
        "episode_id": "e", "show_id": "s", "origin": "none", "timed": False, "words": 0, "segments": [], "date": DAY,
    }  # fmt: skip
    table = TABLES["transcripts"]
    silent = settle(table, pl.DataFrame([row], schema=table.polars_schema))
    assert silent.counts == {"words_or_reason": 1}
    told = settle(table, pl.DataFrame([row | {"error": "404"}], schema=table.polars_schema))
    assert told.counts == {}


def test_the_data_dictionary_says_what_the_contracts_say():
    assert dictionary.PLACE.read_text(encoding="utf-8") == dictionary.markdown(), (
        "run python -m podbrief_assets.lake.dictionary"
    )
