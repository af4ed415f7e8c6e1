"""Fit the few weights that podbrief has to labelled examples, and say how well they tell examples apart.

Belongs here: logistic regression with a Gaussian prior, the area under the curve, intervals by resampling or of shares.
Doesn't: what the examples are; each section has its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_STEPS = 100
_SETTLED = 1e-6
_Z = 1.959964  # of a normal distribution, the middle 95 % lie within so many deviations


def logistic_regression(table: Floats, labels: Floats, weight: Floats, mean: Floats, precision: Floats) -> Floats:
    """The coefficients (columns,) that are likeliest after seeing the examples, by Newton's method.

    A step that would make them less likely is halved until it doesn't: far from the answer, where chances are near 0
    and 1, the curvature says little of the way, and whole steps go back and forth or away.

    Args:
        table: Features (examples, columns); a bias is a column of ones.
        labels: 0 or 1 (examples,).
        weight: How much each example counts (examples,).
        mean: What each coefficient is expected to be before any data (columns,).
        precision: How firmly: the inverse of that expectation's variance (columns,).
    """

    def likelihood(at: Floats) -> float:
        """The logarithm, with the prior's share and without what doesn't change."""
        logits = table @ at
        of_examples = weight @ (labels * logits - np.logaddexp(0, logits))
        return float(of_examples - precision @ (at - mean) ** 2 / 2)

    beta = mean.copy()
    reached = likelihood(beta)
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(table @ beta, -30, 30)))
        gradient = table.T @ (weight * (labels - chance)) - precision * (beta - mean)
        curvature = (table * (weight * chance * (1 - chance))[:, None]).T @ table + np.diag(precision)
        step = np.linalg.solve(curvature, gradient)
        while np.abs(step).max() >= _SETTLED and (here := likelihood(beta + step)) < reached:
            step = step / 2
        if np.abs(step).max() < _SETTLED:
            break
        beta, reached = beta + step, here
    return beta


def auc(scores: Sequence[float] | Floats, labels: Sequence[bool] | npt.NDArray[np.bool_]) -> float:
    """The chance that a true example scores above a false one, a tie counting half; nan where one kind is missing."""
    values, truth = np.asarray(scores, np.float64), np.asarray(labels, bool)
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if not positives or not negatives:
        return float("nan")
    return float((ranks(values)[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def ranks(values: npt.NDArray[np.floating]) -> Floats:
    """The rank of each of `values`, the smallest 1; equal ones share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    found: Floats = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return found


def kappa(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    """How far two readers' verdicts agree beyond chance (Cohen 1960): 1 wholly, 0 as by chance; nan where both
    give every example one and the same."""
    agreed = float(np.mean(one == other))
    by_chance = float(one.mean() * other.mean() + (1 - one.mean()) * (1 - other.mean()))
    return (agreed - by_chance) / (1 - by_chance) if by_chance < 1 else float("nan")


def interval(statistic: Callable[[npt.NDArray[np.int64]], float], size: int, draws: int = 2000) -> tuple[float, float]:
    """The middle 95 % of `statistic` over `draws` resamples of `size` examples, each given as an array of indices."""
    chance = np.random.default_rng(7)
    drawn = [statistic(chance.integers(0, size, size)) for _ in range(draws)]
    low, high = np.nanpercentile(np.array(drawn), [2.5, 97.5])
    return float(low), float(high)


def wilson(right: int, size: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share; nan of nothing.

    Unlike resampling it says something where all are right: 19 of 19 may still be 83 %.
    """
    if not size:
        return float("nan"), float("nan")
    share = right / size
    middle = share + _Z**2 / (2 * size)
    half = _Z * math.sqrt(share * (1 - share) / size + _Z**2 / (4 * size**2))
    return (middle - half) / (1 + _Z**2 / size), (middle + half) / (1 + _Z**2 / size)
