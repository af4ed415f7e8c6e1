"""What a score is made of, and what is related."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.scores import related, signals
from podbrief_assets.scores.neighbours import nearest


def unit(*rows):
    vectors = np.asarray(rows, np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_nearest_are_found_across_blocks_as_by_sorting_everything(monkeypatch):
    monkeypatch.setattr("podbrief_assets.scores.neighbours._QUERIES", 7)
    monkeypatch.setattr("podbrief_assets.scores.neighbours._ARCHIVE", 11)
    random = np.random.default_rng(0)
    queries, archive = unit(*random.normal(size=(20, 8))), unit(*random.normal(size=(50, 8)))
    indices, similarities = nearest(queries, archive, 5)
    whole = queries @ archive.T
    np.testing.assert_array_equal(indices, np.argsort(-whole, axis=1, kind="stable")[:, :5])
    np.testing.assert_allclose(similarities, -np.sort(-whole, axis=1)[:, :5], rtol=1e-5)


@pytest.mark.parametrize(("queries", "archive"), [(0, 5), (3, 0), (0, 0)])
def test_nothing_is_near_nothing(queries, archive):
    indices, similarities = nearest(np.zeros((queries, 4), np.float32), np.zeros((archive, 4), np.float32), 3)
    assert indices.shape == similarities.shape == (queries, min(3, archive))


SPECIFIC = "GitHub cut its build times by 40 percent in 2025 because Maria Jansen moved 300 servers to Rotterdam"
VAGUE = "It is something that they do there and you know that it matters to us because of this and that"


def test_a_specific_claim_scores_above_a_vague_one_in_every_part():
    texts = pl.Series([SPECIFIC, VAGUE])
    names = pl.Series([["GitHub", "Maria Jansen", "Rotterdam"], []], dtype=pl.List(pl.String))
    for part in (signals.specificity(texts, names), signals.self_containedness(texts)):
        assert part[0] > part[1]
    assert signals.evidence(pl.Series([SPECIFIC, "the sky is blue"])).to_list() == [0.5, 0.0]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=300), max_size=8))
def test_every_part_of_any_text_lies_between_nought_and_one(texts):
    column = pl.Series(texts, dtype=pl.String)
    names = pl.Series([[]] * len(texts), dtype=pl.List(pl.String))
    parts = {
        "specificity": signals.specificity(column, names),
        "evidence": signals.evidence(column),
        "self_containedness": signals.self_containedness(column),
        "novelty": signals.novelty(np.linspace(-1, 1, len(texts), dtype=np.float32)),
        "prominence": pl.Series([0.5] * len(texts), dtype=pl.Float64),
    }
    for values in [*parts.values(), signals.quality(parts)]:
        assert len(values) == len(texts)
        assert all(0 <= value <= 1 for value in values)


def test_related_insights_are_of_other_episodes_above_the_floor_and_one_of_a_cluster():
    names = ["a", "same episode", "near", "repeat of near", "nearer", "far"]
    vectors = unit([1, 0, 0], [1, 0, 0], [0.8, 0.6, 0], [0.8, 0.6, 0], [0.9, 0.436, 0], [0, 1, 0])
    episodes = dict(zip(names, ["e1", "e1", "e2", "e3", "e4", "e5"], strict=True))
    edges = related.edges(["a"], vectors[:1], names, vectors, episodes, {"repeat of near": "near"})
    assert [(edge.related_id, edge.rank) for edge in edges] == [("nearer", 1), ("near", 2)]


def test_at_most_ten_are_related():
    names = [f"i{n}" for n in range(30)]
    vectors = unit(*([[1, 0.001 * n] for n in range(30)]))
    episodes = {name: name for name in names}
    edges = related.edges(names[:1], vectors[:1], names, vectors, episodes, {})
    assert [edge.rank for edge in edges] == list(range(1, 11))
    assert "i0" not in {edge.related_id for edge in edges}
