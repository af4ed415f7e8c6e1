"""Which other shows are named under an entry: those that say the same, and those that say the contrary."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from upath import UPath

from podbrief_assets.briefs.news import heard_elsewhere
from podbrief_assets.lake.storage import Lake
from podbrief_assets.lake.tables import TABLES

DAY, BEFORE = dt.date(2026, 11, 21), dt.date(2026, 11, 3)
# insight, show, what it repeats, what it contradicts, the day
SAID = [
    ("rose", "Ocean", None, [], BEFORE),
    ("rose again", "Harbour", "rose", [], DAY),
    ("rose at home", "Ocean", "rose", [], DAY),
    ("rose for members", "Private", "rose", [], DAY),
    ("rose, they thought", "Gone", "rose", [], DAY),
    ("fell", "Inland", None, ["rose"], DAY),
    ("tomatoes", "Garden", None, [], DAY),
]


@pytest.fixture
def lake(tmp_path):
    lake = Lake(UPath(tmp_path / "lake"))
    for day in (BEFORE, DAY):
        its = [(name, show, of, to) for name, show, of, to, when in SAID if when == day]
        tables = {
            "episodes": [
                {"episode_id": name, "show_id": show, "show_title": show, "private": show == "Private"}
                for name, show, *_ in its
            ],
            "insight_candidates": [
                {"insight_id": name, "episode_id": name, "superseded_by": "x" if show == "Gone" else None}
                for name, show, *_ in its
            ],
            "insight_scores": [{"insight_id": name, "duplicate_of": of, "contrary_to": to} for name, _, of, to in its],
        }
        for table, rows in tables.items():
            contract = TABLES[table]
            dated = [{**row, "date": day} for row in rows]
            lake.write(contract, pl.DataFrame(dated, schema=contract.polars_schema), day)
    return lake


def test_other_shows_are_named_and_no_private_one_nor_what_was_taken_back(lake):
    today = pl.DataFrame(
        [{"insight_id": name, "cluster": of or name, "show_id": show} for name, show, of, _, day in SAID if day == DAY]
    )
    found = {row["insight_id"]: row for row in heard_elsewhere(lake, DAY, today).to_dicts()}
    assert len(found) == len(today)
    named = {name: (row["also_heard_on"], row["heard_otherwise_on"]) for name, row in found.items()}
    assert named["rose again"] == (["Ocean"], ["Inland"])
    assert named["rose at home"] == (["Harbour"], ["Inland"]), "its own show is not another one"
    assert named["fell"] == ([], ["Harbour", "Ocean"]), "the link is read in both directions"
    assert named["tomatoes"] == ([], [])


def test_nothing_was_said_elsewhere_before_anything_was_scored(tmp_path):
    today = pl.DataFrame([{"insight_id": "a", "cluster": "a", "show_id": "s"}])
    found = heard_elsewhere(Lake(UPath(tmp_path / "empty")), DAY, today)
    assert found.to_dicts() == [{"insight_id": "a", "also_heard_on": [], "heard_otherwise_on": []}]
