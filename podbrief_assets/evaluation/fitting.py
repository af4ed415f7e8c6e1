"""Fit the few weights that podbrief has to labelled examples, and say how well they tell examples apart.

Belongs here: logistic regression with a Gaussian prior, the area under the curve, intervals by resampling.
Doesn't: what the examples are; each section has its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_STEPS = 100
_SETTLED = 1e-6


def logistic_regression(table: Floats, labels: Floats, weight: Floats, mean: Floats, precision: Floats) -> Floats:
    """The coefficients (columns,) that are likeliest after seeing the examples, by Newton's method.

    Args:
        table: Features (examples, columns); a bias is a column of ones.
        labels: 0 or 1 (examples,).
        weight: How much each example counts (examples,).
        mean: What each coefficient is expected to be before any data (columns,).
        precision: How firmly: the inverse of that expectation's variance (columns,).
    """
    beta = mean.copy()
    loss = _loss(beta, table, labels, weight, mean, precision)
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(table @ beta, -30, 30)))
        gradient = table.T @ (weight * (labels - chance)) - precision * (beta - mean)
        curvature = (table * (weight * chance * (1 - chance))[:, None]).T @ table + np.diag(precision)
        step = np.linalg.solve(curvature, gradient)
        # Far from the labels a whole step overshoots, and the next one further.
        while _loss(beta + step, table, labels, weight, mean, precision) > loss and np.abs(step).max() >= _SETTLED:
            step = step / 2
        beta = beta + step
        loss = _loss(beta, table, labels, weight, mean, precision)
        if np.abs(step).max() < _SETTLED:
            break
    return beta


def _loss(beta: Floats, table: Floats, labels: Floats, weight: Floats, mean: Floats, precision: Floats) -> float:
    """The negative logarithm of the coefficients' probability, but for a constant: the likeliest have the least."""
    odds = table @ beta
    return float(weight @ (np.logaddexp(0, odds) - labels * odds) + precision @ (beta - mean) ** 2 / 2)


def auc(scores: Sequence[float] | Floats, labels: Sequence[bool] | npt.NDArray[np.bool_]) -> float:
    """The chance that a true example scores above a false one, a tie counting half; nan where one kind is missing."""
    values, truth = np.asarray(scores, np.float64), np.asarray(labels, bool)
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if not positives or not negatives:
        return float("nan")
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def interval(statistic: Callable[[npt.NDArray[np.int64]], float], size: int, draws: int = 2000) -> tuple[float, float]:
    """The middle 95 % of `statistic` over `draws` resamples of `size` examples, each given as an array of indices."""
    chance = np.random.default_rng(7)
    drawn = [statistic(chance.integers(0, size, size)) for _ in range(draws)]
    low, high = np.nanpercentile(np.array(drawn), [2.5, 97.5])
    return float(low), float(high)
