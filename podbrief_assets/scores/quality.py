"""One number from the parts of an insight's quality.

Belongs here: the weights, read from `quality_weights.toml`, and how parts are added up.
Doesn't: the parts (`signals.py`), fitting the weights (`evaluation/score_fit.py`).
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]

FITTED = ("specificity", "evidence", "self_containedness", "surprise", "lasting")

# No judge is certain: beyond these its opinion counts no more.
_JUDGE_LOW, _JUDGE_HIGH = 0.05, 0.95


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What each part adds to the logarithm of the odds that a careful reader finds an insight worth the line.

    Attributes:
        bias: The logarithm of the odds where every fitted part is 0, novelty is usual, prominence is neutral and nobody
            judged.
        fitted: Factor of each part in `FITTED`.
        novelty: Factor of what `novelty` lacks of `usual_novelty`; what is as far from the archive as usual, or
            further, is simply new.
        usual_novelty: Novelty of an insight that repeats nothing.
        prominence: Factor of `prominence` less `neutral_prominence`.
        neutral_prominence: Prominence of an insight whose place in the episode is not known.
        judge: Factor of the logarithm of the judge's odds; a judge who is undecided counts as none.
    """

    bias: float
    fitted: Mapping[str, float]
    novelty: float
    usual_novelty: float
    prominence: float
    neutral_prominence: float
    judge: float


@functools.cache
def shipped() -> Weights:
    """The weights that ship."""
    listed = resources.files("podbrief_assets.scores").joinpath("quality_weights.toml").read_text(encoding="utf-8")
    return Weights(**tomllib.loads(listed))


def quality(parts: Mapping[str, pl.Series], weights: Weights | None = None) -> pl.Series:
    """The chance that a careful reader finds each insight worth the line, in [0, 1].

    It never falls where a part rises. Without a judge (null) it is what an undecided judge would leave it at.

    Args:
        parts: Every part in `FITTED`, `novelty`, `prominence` and `judge`, a value for each insight.
    """
    weights = weights or shipped()
    judged = parts["judge"].fill_null(0.5).clip(_JUDGE_LOW, _JUDGE_HIGH).to_numpy()
    odds = (
        weights.bias
        + sum(weights.fitted[name] * parts[name].to_numpy() for name in FITTED)
        + weights.novelty * np.minimum(parts["novelty"].to_numpy() - weights.usual_novelty, 0)
        + weights.prominence * (parts["prominence"].to_numpy() - weights.neutral_prominence)
        + weights.judge * np.log(judged / (1 - judged))
    )
    return pl.Series("quality", 1 / (1 + np.exp(-odds)), dtype=pl.Float64)
