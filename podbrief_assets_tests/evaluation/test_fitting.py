"""Fitting: what a regression finds, and how its worth is told."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podbrief_assets.evaluation.fitting import auc, interval, kappa, logistic_regression, wilson


def test_a_regression_finds_the_weights_that_made_the_labels() -> None:
    chance = np.random.default_rng(1)
    table = np.c_[chance.normal(size=(20_000, 2)), np.ones(20_000)]
    true = np.array([1.5, -0.7, 0.3])
    labels = (chance.random(20_000) < 1 / (1 + np.exp(-table @ true))).astype(float)
    found = logistic_regression(table, labels, np.ones(20_000), np.zeros(3), np.full(3, 1e-3))
    assert found == pytest.approx(true, abs=0.08)


def test_without_examples_a_weight_is_what_was_expected() -> None:
    expected = np.array([0.4, -2.0])
    assert logistic_regression(np.zeros((0, 2)), np.zeros(0), np.zeros(0), expected, np.ones(2)) == pytest.approx(
        expected
    )


def test_a_feature_that_settles_every_label_stays_finite() -> None:
    table = np.array([[1.0], [-1.0]] * 50)
    labels = (table[:, 0] > 0).astype(float)
    found = logistic_regression(table, labels, np.ones(100), np.zeros(1), np.ones(1))
    assert 1 < found[0] < 10


@pytest.mark.parametrize("expected", [2.0, 3.0, 8.0])
def test_an_expectation_far_from_what_the_examples_say_does_not_lead_away(expected: float) -> None:
    # Newton's whole steps go to 6,000 and beyond here: at a chance near 1 the curvature is near 0.
    labels = np.r_[np.ones(60), np.zeros(140)]
    found = logistic_regression(np.ones((200, 1)), labels, np.ones(200), np.array([expected]), np.array([0.01]))
    assert found == pytest.approx([np.log(0.3 / 0.7)], abs=0.01)


def test_agreement_is_counted_above_chance() -> None:
    # Cohen's own way of counting: 20 and 15 agreed, 5 and 10 not, so 0.7 against 0.5 by chance.
    one = np.array([True] * 25 + [False] * 25)
    other = np.array([True] * 20 + [False] * 5 + [True] * 10 + [False] * 15)
    assert kappa(one, other) == pytest.approx(0.4)
    assert kappa(one, one) == 1
    assert kappa(one, ~one) == -1
    assert np.isnan(kappa(np.ones(3, bool), np.ones(3, bool)))


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=60))
def test_the_area_is_the_share_of_pairs_in_order(rows: list[tuple[int, bool]]) -> None:
    scores, labels = [float(score) for score, _ in rows], [label for _, label in rows]
    pairs = [
        (1.0 if a > b else 0.5 if a == b else 0.0)
        for a, la in zip(scores, labels, strict=True)
        for b, lb in zip(scores, labels, strict=True)
        if la and not lb
    ]
    found = auc(scores, labels)
    assert np.isnan(found) if not pairs else found == pytest.approx(sum(pairs) / len(pairs))


def test_an_interval_holds_the_mean_and_narrows_with_examples() -> None:
    values = np.random.default_rng(2).normal(size=1000)
    few = interval(lambda rows: float(values[:30][rows].mean()), 30)
    many = interval(lambda rows: float(values[rows].mean()), 1000)
    assert few[0] < values[:30].mean() < few[1]
    assert many[1] - many[0] < few[1] - few[0]


def test_the_interval_of_a_share_is_wilson_s_and_says_something_where_all_are_right() -> None:
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4), "the example of Newcombe, 1998"
    assert wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert all(np.isnan(wilson(0, 0)))
