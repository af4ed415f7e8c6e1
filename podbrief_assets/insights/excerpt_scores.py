"""How likely a careful stranger is to be glad of a window.

Belongs here: the weights that ship, and the score that they give a window from its features and its vectors.
Doesn't: the features (excerpt_features.py), choosing (extractive.py), fitting (evaluation/excerpts.py).

The score is the logarithm of the odds of a logistic regression. What a window claims, and whether it leans on what came
before, shows in its words only in part; so the sentence encoder's vectors of the window and of the sentence before it
count as well. Encoding costs a hundred times what the features do, so only the windows that the features like best are
encoded.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from podbrief_assets.insights.embeddings import SentenceEncoder, Vectors
from podbrief_assets.insights.excerpt_windows import Window

# The weights hold for this encoder only, whichever one the lake's vectors come from.
MODEL: Final = "sentence-transformers/all-MiniLM-L6-v2"
DIMENSION: Final = 384


@dataclass(frozen=True)
class Weights:
    """What a window's score is made of.

    Attributes:
        bias: The score of a window with nothing.
        features: By name, for each unit of a feature.
        window: For each number of the window's vector (384,).
        before: For each number of the vector of the sentence before it (384,).
        floor: The least score of an excerpt.
    """

    bias: float
    features: Mapping[str, float]
    window: npt.NDArray[np.float64]
    before: npt.NDArray[np.float64]
    floor: float

    @classmethod
    def of_toml(cls, text: str) -> Weights:
        """The weights in a file as `benchmarks/fit_excerpts.py` writes it."""
        read = tomllib.loads(text)
        return cls(read["bias"], read["features"], np.array(read["window"]), np.array(read["before"]), read["floor"])

    def by_features(self, features: Mapping[str, float]) -> float:
        """What the features alone give."""
        return self.bias + sum(self.features.get(name, 0.0) * value for name, value in features.items())

    def by_vectors(self, vectors: tuple[Vectors, Vectors]) -> npt.NDArray[np.float64]:
        """What the vectors of windows and of the sentences before them add (windows,)."""
        return np.asarray(vectors[0] @ self.window + vectors[1] @ self.before, np.float64)


@cache
def shipped() -> Weights:
    """The weights that ship."""
    text = resources.files("podbrief_assets.insights").joinpath("excerpt_weights.toml").read_text(encoding="utf-8")
    return Weights.of_toml(text)


@cache
def _encoder() -> SentenceEncoder:
    return SentenceEncoder(MODEL, DIMENSION)


def vectors_of(windows: Sequence[Window], encoder: Any = None) -> tuple[Vectors, Vectors]:
    """The vectors of `windows` and of the sentence before each (windows, 384), zeros where it opens its turn.

    Raises:
        ModelMissing: the encoder's weights are nowhere to be found.
    """
    before = [window.before for window in windows]
    texts = [window.text for window in windows] + [text for text in before if text]
    encoded = (encoder or _encoder()).encode(texts)
    preceding = np.zeros((len(windows), DIMENSION), np.float32)
    preceding[[index for index, text in enumerate(before) if text]] = encoded[len(windows) :]
    return encoded[: len(windows)], preceding
