"""The nearest: those that sorting everything finds, whatever the blocks, the threads and the last digits of a product."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.scores import neighbours
from podbrief_assets.scores.neighbours import NotFinite, nearest


def unit(*shape, seed=0):
    vectors = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def by_sorting(queries, archive, k):
    """The definition, pair by pair: sums without any rounding, then one to float32; of equals the earlier."""
    exact = [[math.fsum(np.multiply(q, a, dtype=np.float64)) for a in archive] for q in queries]
    rounded = np.asarray(exact, np.float32).reshape(len(queries), len(archive))
    order = np.argsort(-rounded, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(rounded, order, axis=1)


def cut(archive, places):
    return np.split(archive, sorted(places))


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(neighbours, "_QUERIES", 7)
    monkeypatch.setattr(neighbours, "_ARCHIVE", 11)
    monkeypatch.setattr(neighbours, "_PAIRS", 5)


# Few directions, so that equal vectors, equal similarities, opposite ones and noughts are the rule.
VECTOR = st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), min_size=3, max_size=3)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(VECTOR, max_size=6), st.lists(VECTOR, max_size=40), st.integers(0, 45), st.lists(st.integers(0, 40)),
    st.sampled_from([1, 3, 11, 4096]),
)  # fmt: skip
def test_what_is_found_is_what_sorting_everything_finds(queries, archive, k, places, block):
    queries = np.asarray(queries, np.float32).reshape(-1, 3)
    archive = np.asarray(archive, np.float32).reshape(-1, 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "_QUERIES", 2)
        patch.setattr(neighbours, "_ARCHIVE", block)
        indices, similarities = nearest(queries, cut(archive, places), k)
    expected = by_sorting(queries, archive, k)
    assert indices.shape == similarities.shape == (len(queries), min(k, len(archive)))
    np.testing.assert_array_equal(indices, expected[0])
    np.testing.assert_array_equal(similarities, expected[1])
    assert (indices.dtype, similarities.dtype) == (np.int64, np.float32)


@pytest.mark.parametrize("k", [1, 10, 50])
def test_vectors_that_differ_in_the_last_digit_only_come_in_the_right_order(small_blocks, k):
    near = np.repeat(unit(1, 384), 200, axis=0)
    rows = np.random.default_rng(1).integers(0, 384, 200)
    near[np.arange(200), rows] = np.nextafter(near[np.arange(200), rows], np.float32(1))
    queries = unit(9, 384, seed=2)
    whole = queries @ near.T
    assert (np.argsort(-whole, axis=1, kind="stable") != by_sorting(queries, near, 200)[0]).any(), "no test of anything"
    for found, expected in zip(nearest(queries, near, k), by_sorting(queries, near, k), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_no_shape_of_blocks_and_no_number_of_threads_changes_a_bit(monkeypatch):
    queries, archive = unit(30, 384, seed=3), unit(3000, 384, seed=4)
    found = set()
    threads = torch.get_num_threads()
    try:
        for shape in [(1, 8), (7, 11), (30, 1000), (2560, 4096)]:
            monkeypatch.setattr(neighbours, "_QUERIES", shape[0])
            monkeypatch.setattr(neighbours, "_ARCHIVE", shape[1])
            for number in (1, 2):
                torch.set_num_threads(number)
                found.add(b"".join(part.tobytes() for part in nearest(queries, archive, 40)))
    finally:
        torch.set_num_threads(threads)
    assert len(found) == 1


def test_a_process_that_allows_torch_shorter_numbers_finds_the_same():
    queries, archive = unit(20, 64, seed=5), unit(500, 64, seed=6)
    expected = nearest(queries, archive, 5)
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        for found, whole in zip(nearest(queries, archive, 5), expected, strict=True):
            np.testing.assert_array_equal(found, whole)
        assert torch.get_float32_matmul_precision() == "medium", "whoever allowed it still does"
    finally:
        torch.set_float32_matmul_precision(before)


def test_thousands_that_are_all_alike_come_in_the_order_of_the_archive():
    vector = unit(1, 16)
    indices, similarities = nearest(vector, np.repeat(vector, 10_000, axis=0), 12)
    assert indices[0].tolist() == list(range(12))
    assert len(set(similarities[0].tolist())) == 1


@pytest.mark.parametrize(("queries", "archive"), [(0, 5), (3, 0), (0, 0)])
def test_nothing_is_near_nothing(queries, archive):
    indices, similarities = nearest(np.zeros((queries, 4), np.float32), np.zeros((archive, 4), np.float32), 3)
    assert indices.shape == similarities.shape == (queries, min(3, archive))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_vector_that_is_not_finite_is_refused_and_named(small_blocks, value):
    vectors = unit(30, 4)
    broken = vectors.copy()
    broken[23, 2] = value
    with pytest.raises(
        NotFinite, match="of the archive hold NaN or infinity, the first is number 23: make insight_emb"
    ):
        nearest(vectors, cut(broken, [4, 20]), 3)
    with pytest.raises(NotFinite, match="1 of 30 vectors searched for"):
        nearest(broken, vectors, 3)


def test_an_archive_is_gone_through_once_and_block_by_block(small_blocks):
    handed: list[int] = []

    def blocks():
        for number in range(6):
            handed.append(number)
            yield unit(20, 8, seed=number)

    whole = np.concatenate([unit(20, 8, seed=number) for number in range(6)])
    indices, _ = nearest(unit(3, 8, seed=9), blocks(), 4)
    np.testing.assert_array_equal(indices, by_sorting(unit(3, 8, seed=9), whole, 4)[0])
    assert handed == list(range(6))
