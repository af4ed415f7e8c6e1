"""Scoring a day against the days before it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest
from upath import UPath

from podbrief_assets.lake.io_manager import LakeResource
from podbrief_assets.lake.storage import Lake
from podbrief_assets.lake.tables import EMBEDDING_DIMENSION, TABLES
from podbrief_assets.scores.assets import insight_scores

FIRST = dt.date(2026, 11, 1)
SECOND = FIRST + dt.timedelta(days=1)

PROXY = (
    "Envoy runs as a proxy beside every instance of a service, so retries, encryption and circuit breaking need no "
    "library in each language, and an outage of one backend is contained before it spreads to its callers."
)
BREAD = (
    "Bread goes stale because its starch crystallises and gives off water, which happens fastest just above freezing. "
    "Loaves therefore keep longer in a cupboard or a freezer than in the refrigerator where most people put them."
)


def candidates(day: dt.date, *said: str) -> pl.DataFrame:
    rows = [
        {
            "insight_id": f"{day:%Y%m%d}-{number}",
            "kind": "insight",
            "episode_id": f"e{day}{number}",
            "show_id": "s",
            "text": text,
            "quote": "as it was said",
            "start_s": 1.0,
            "end_s": 2.0,
            "timed": True,
            "topics": [],
            "names": [],
            "centrality": 0.5,
            "extractor": "llm",
            "tokens_in": 0,
            "tokens_out": 0,
            "date": day,
        }
        for number, text in enumerate(said)
    ]
    return pl.DataFrame(rows, schema=TABLES["insight_candidates"].polars_schema)


def embeddings(of: pl.DataFrame) -> pl.DataFrame:
    """A vector for each text, the same for the same."""
    vectors = [np.eye(EMBEDDING_DIMENSION, dtype=np.float32)[sum(text.encode()) % 384] for text in of["text"]]
    return of.select("insight_id", "date", model=pl.lit("none")).with_columns(
        embedding=pl.Series(vectors, dtype=TABLES["insight_embeddings"].polars_schema["embedding"])
    )


def score(root: Path, day: dt.date, of: pl.DataFrame) -> Any:
    return insight_scores(
        dg.build_asset_context(partition_key=str(day)),
        lake=LakeResource(root=str(root)),
        insight_candidates=of.lazy(),
        insight_embeddings=embeddings(of).lazy(),
    )


def keep(root: Path, day: dt.date, of: pl.DataFrame) -> None:
    lake = Lake(UPath(root))
    lake.write(TABLES["insight_candidates"], of, day)
    lake.write(TABLES["insight_embeddings"], embeddings(of), day)


def test_before_anything_was_said_everything_is_new_and_expectation_alone_says_what_surprises(tmp_path: Path) -> None:
    found = score(tmp_path, FIRST, candidates(FIRST, PROXY, BREAD))
    rows = found.value.valid
    assert rows["novelty"].to_list() == [1.0, 1.0]
    assert rows["surprise"].is_between(0.5, 1).all()
    assert rows["judge"].null_count() == 2
    assert found.metadata["mean_parts"]["judge"] is None
    assert list(found.metadata["quality_by_kind"]) == ["insight"]


def test_what_was_said_the_day_before_is_less_new_and_surprises_less(tmp_path: Path) -> None:
    keep(tmp_path, FIRST, candidates(FIRST, *[PROXY] * 50))
    rows = score(tmp_path, SECOND, candidates(SECOND, PROXY, BREAD)).value.valid.sort("insight_id")
    alone = score(tmp_path / "new", SECOND, candidates(SECOND, PROXY, BREAD)).value.valid.sort("insight_id")
    for part in ("novelty", "surprise", "quality"):
        assert rows[part][0] < alone[part][0], part
    assert rows["surprise"][1] == pytest.approx(alone["surprise"][1])


def test_a_day_that_is_made_again_later_gets_the_same_scores(tmp_path: Path) -> None:
    first = candidates(FIRST, PROXY, BREAD)
    before = score(tmp_path, FIRST, first).value.valid
    keep(tmp_path, FIRST, first)
    keep(tmp_path, SECOND, candidates(SECOND, *[PROXY] * 50))
    assert score(tmp_path, FIRST, first).value.valid.equals(before)


def test_a_judges_opinion_is_kept_and_counts_where_there_is_one(tmp_path: Path) -> None:
    said = candidates(FIRST, PROXY, BREAD, BREAD + " Bakers know it.").with_columns(
        judge_score=pl.Series([0.9, 0.1, None])
    )
    rows = score(tmp_path, FIRST, said).value.valid.sort("insight_id")
    bare = score(tmp_path, FIRST, said.drop("judge_score")).value.valid.sort("insight_id")
    assert rows["judge"].to_list() == [0.9, 0.1, None]
    assert rows["quality"][0] > bare["quality"][0]
    assert rows["quality"][1] < bare["quality"][1]
    assert rows["quality"][2] == bare["quality"][2]


def test_a_day_without_insights_has_no_scores(tmp_path: Path) -> None:
    found = score(tmp_path, FIRST, candidates(FIRST))
    assert len(found.value.valid) == 0
    assert found.metadata["quality_by_kind"] == {}
