"""Profiles: what stands out counts, subjects stay apart, and what was liked long ago fades."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.briefs.profiles import (
    DEVIATIONS,
    EXPECTED_DEVIATION,
    EXPECTED_MEAN,
    HALF_AN_INTEREST,
    HALF_LIFE_DAYS,
    MOST_CLUSTERS,
    Archive,
    Votes,
    clusters,
    joined,
)

D = 12


def unit(vectors: Any) -> Any:
    vectors = np.asarray(vectors, np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def votes(*rows: tuple[int, Any, float, float]) -> Votes:
    return Votes(
        reader=np.array([row[0] for row in rows], np.int64),
        vectors=np.array([row[1] for row in rows], np.float32).reshape(-1, D),
        worth=np.array([row[2] for row in rows], np.float32),
        age_days=np.array([row[3] for row in rows], np.float32),
    )


BREAD, BATTERIES = unit(np.eye(D)[0]), unit(np.eye(D)[1])


def test_without_an_archive_an_interest_is_held_against_what_is_expected() -> None:
    held = Archive.of([], D).held_against(unit(np.eye(D)[:2]), np.ones(2, np.float32), np.arange(2))
    assert held.gain == pytest.approx(1 / (DEVIATIONS * EXPECTED_DEVIATION))
    assert held.offset / held.gain == pytest.approx(EXPECTED_MEAN)


def test_in_a_large_archive_an_interests_own_mean_and_deviation_count_half() -> None:
    random = np.random.default_rng(0)
    archive = unit(random.normal(size=(40_000, D)) + np.eye(D)[0])
    vague, precise = unit(np.eye(D)[0]), unit(np.eye(D)[1])
    held = Archive.of(np.array_split(archive, 7), D).held_against(
        np.stack([vague, precise]), np.array([1, 0.5], np.float32), np.arange(2)
    )
    for number, (vector, weight) in enumerate([(vague, 1.0), (precise, 0.5)]):
        near = archive @ vector
        mean, deviation = (near.mean() + EXPECTED_MEAN) / 2, (near.std() + EXPECTED_DEVIATION) / 2
        found = held.gain[number] * near - held.offset[number]
        assert found == pytest.approx(weight * (near - mean) / deviation / DEVIATIONS, abs=0.02)
    assert held.gain[0] * 0.5 - held.offset[0] < 2 * (held.gain[1] * 0.5 - held.offset[1]), "the vague one is met worse"


@given(st.integers(0, 60), st.integers(1, 5))
def test_an_archive_is_the_same_in_any_blocks(count: int, parts: int) -> None:
    vectors = np.random.default_rng(count).normal(size=(count, D)).astype(np.float32)
    whole, cut = Archive.of([vectors], D), Archive.of(np.array_split(vectors, parts), D)
    assert whole.count == cut.count
    assert whole.total == pytest.approx(cut.total)
    assert whole.products == pytest.approx(cut.products)


def test_two_subjects_stay_two_and_are_never_averaged() -> None:
    found = clusters(votes((0, BREAD, 1, 0), (0, BATTERIES, 1, 0), (0, unit(BREAD + 0.2 * BATTERIES), 1, 0)))
    assert len(found.reader) == 2
    assert found.votes.tolist() == [2, 1]
    assert found.vectors[0] @ BREAD > 0.98
    assert found.vectors[1] @ BATTERIES > 0.98
    assert found.weight.tolist() == pytest.approx([2 / (2 + HALF_AN_INTEREST), 1 / (1 + HALF_AN_INTEREST)])


def test_what_was_liked_long_ago_counts_less_and_a_click_less_than_a_vote() -> None:
    fresh, old = clusters(votes((0, BREAD, 1, 0))), clusters(votes((0, BREAD, 1, HALF_LIFE_DAYS)))
    assert fresh.weight[0] == pytest.approx(1 / (1 + HALF_AN_INTEREST))
    assert old.weight[0] == pytest.approx(0.5 / (0.5 + HALF_AN_INTEREST))
    assert clusters(votes((0, BREAD, 0.4, 0))).weight[0] < fresh.weight[0]


def test_what_says_nothing_is_no_subject() -> None:
    assert len(clusters(votes((0, BREAD, 0, 0))).reader) == 0
    assert len(clusters(votes()).reader) == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 80), st.integers(1, 6), st.integers(0, 1000))
def test_nobodys_subjects_depend_on_anybody_else(count: int, people: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = Votes(
        reader=np.sort(random.integers(0, people, count)),
        vectors=unit(random.normal(size=(count, D))) if count else np.zeros((0, D), np.float32),
        worth=random.choice([0.0, 0.4, 1.0], count).astype(np.float32),
        age_days=random.uniform(0, 100, count).astype(np.float32),
    )
    together = clusters(rows)
    for reader in range(people):
        mine = rows.reader == reader
        alone = clusters(
            Votes(
                reader=rows.reader[mine],
                vectors=rows.vectors[mine],
                worth=rows.worth[mine],
                age_days=rows.age_days[mine],
            )
        )
        of = together.reader == reader
        assert int(of.sum()) <= MOST_CLUSTERS
        np.testing.assert_array_equal(together.vectors[of], alone.vectors)
        np.testing.assert_array_equal(together.weight[of], alone.weight)


def test_a_readers_interests_stand_together_the_written_ones_first() -> None:
    liked = clusters(votes((0, BREAD, 1, 0), (2, BATTERIES, 1, 0), (2, BREAD, 0.4, 0)))
    vectors, weight, owner, number = joined(np.stack([BREAD, BATTERIES, BREAD]), np.array([1, 2, 2]), liked)
    assert owner.tolist() == [0, 1, 2, 2, 2, 2]
    assert number.tolist() == [-1, 0, 0, 1, -1, -2]
    assert weight.tolist()[1:4] == [1, 1, 1]
    assert vectors[4] @ BATTERIES == pytest.approx(1)
