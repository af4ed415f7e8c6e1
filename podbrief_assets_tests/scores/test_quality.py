"""How parts are made one number."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podbrief_assets.scores.quality import FITTED, quality, shipped

PARTS = (*FITTED, "novelty", "prominence", "judge")
SHARE = st.floats(0, 1)


def of(**parts: float | None) -> float:
    known = dict.fromkeys(PARTS, 0.5) | {"judge": None} | parts
    return float(quality({name: pl.Series([value], dtype=pl.Float64) for name, value in known.items()})[0])


@given(st.fixed_dictionaries(dict.fromkeys(PARTS, SHARE)))
def test_quality_lies_between_nought_and_one(parts: dict[str, float]) -> None:
    assert 0 <= of(**parts) <= 1


@given(st.fixed_dictionaries(dict.fromkeys(PARTS, SHARE)), st.sampled_from(PARTS), SHARE)
def test_quality_never_falls_where_a_part_rises(parts: dict[str, float], name: str, more: float) -> None:
    low, high = sorted((parts[name], more))
    assert of(**(parts | {name: low})) <= of(**(parts | {name: high}))


@pytest.mark.parametrize("name", [*FITTED, "prominence", "judge"])
def test_every_part_counts(name: str) -> None:
    assert of(**{name: 0.2}) < of(**{name: 0.8})


def test_without_a_judge_quality_is_as_with_an_undecided_one() -> None:
    assert of(judge=None) == of(judge=0.5)
    assert of(judge=0.1) < of(judge=None) < of(judge=0.9)


def test_no_judge_is_taken_for_certain() -> None:
    assert of(judge=1.0) == of(judge=0.95)
    assert of(judge=0.0) == of(judge=0.05) > 0


def test_only_what_is_nearer_to_the_archive_than_usual_is_marked_down() -> None:
    usual = shipped().usual_novelty
    assert of(novelty=1.0) == of(novelty=usual) > of(novelty=usual - 0.2) > of(novelty=0.0)


def test_an_insight_whose_place_in_the_episode_is_unknown_is_neither_better_nor_worse() -> None:
    assert of(prominence=shipped().neutral_prominence) == of(prominence=0.5)
    assert of(prominence=0.3) < of(prominence=0.5) < of(prominence=0.7)


def test_no_insights_have_no_quality() -> None:
    empty = {name: pl.Series([], dtype=pl.Float64) for name in PARTS}
    assert quality(empty).to_list() == []
