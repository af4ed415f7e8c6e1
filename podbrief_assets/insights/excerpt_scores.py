"""How likely a careful stranger is to be glad of a window.

Belongs here: the weights that ship, and the score that they give a window from its features.
Doesn't: the features (excerpt_features.py), choosing (extractive.py), fitting (evaluation/excerpts.py).

The score is the logarithm of the odds of a logistic regression. Sentence vectors of the window and of the sentence
before it were tried as well: on shows that the weights never saw they picked no better than the features alone.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class Weights:
    """What a window's score is made of.

    Attributes:
        bias: The score of a window with nothing.
        features: By name, for each unit of a feature.
        floor: The least score of an excerpt.
    """

    bias: float
    features: Mapping[str, float]
    floor: float

    @classmethod
    def of_toml(cls, text: str) -> Weights:
        """The weights in a file as `benchmarks/fit_excerpts.py` writes it."""
        read = tomllib.loads(text)
        return cls(read["bias"], read["features"], read["floor"])

    def score(self, features: Mapping[str, float]) -> float:
        """The logarithm of the odds that a window with `features` is worth giving."""
        return self.bias + sum(self.features.get(name, 0.0) * value for name, value in features.items())


@cache
def shipped() -> Weights:
    """The weights that ship."""
    text = resources.files("podbrief_assets.insights").joinpath("excerpt_weights.toml").read_text(encoding="utf-8")
    return Weights.of_toml(text)
