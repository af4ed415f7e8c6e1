"""How well the sentence encoder's cosine follows what people call alike.

Belongs here: Spearman's rank correlation on the test set of the STS benchmark (Cer et al., 2017).
Doesn't: the encoder (`insights/embeddings.py`), what nearness is used for (`scores/`).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from podbrief_assets.evaluation.figures import Figure, Goal, LabelledData
from podbrief_assets.evaluation.fitting import ranks
from podbrief_assets.insights.embeddings import encoder_of_lake

GOAL = 0.80
_SCORE, _ONE, _OTHER = 4, 5, 6  # columns


def figures(data: LabelledData) -> Iterator[Figure]:
    """The one figure.

    Raises:
        LabelsMissing: The benchmark is not in the corpus.
    """
    path = data.of_corpus("eval", "sts-b", "sts-test.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if len(row) > _OTHER]
    model = encoder_of_lake()
    vectors = model.encode([row[_ONE] for row in rows] + [row[_OTHER] for row in rows])
    cosine = np.einsum("nd,nd->n", vectors[: len(rows)], vectors[len(rows) :])
    yield Figure(
        name="Spearman correlation with people, STS-B test",
        value=spearman(cosine, np.array([float(row[_SCORE]) for row in rows])),
        goal=Goal(bound="at least", value=GOAL),
        note=f"{len(rows):,} pairs, {model.model}",
    )


def spearman(one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> float:
    """The correlation of ranks, equal values sharing the mean of their ranks."""
    return float(np.corrcoef(ranks(one), ranks(other))[0, 1])
