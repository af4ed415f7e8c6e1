"""Fit what each feature of a window weighs, on the windows that a reader judged.

Writes `podbrief_assets/insights/excerpt_weights.toml`; `podbrief evaluate` fits in the same way for its section
`excerpts`, leaving one show out at a time, to say what the weights are worth on a show that they never saw.

    python benchmarks/fit_excerpts.py [--corpus ../shared/corpus] [--check]

`--check` writes nothing and exits with 1 where the file differs from what would be written by more than what another
processor's rounding does.
"""

from __future__ import annotations

import sys
from pathlib import Path

from shipping import PACKAGE, Fitted, ship

from podbrief_assets.evaluation.excerpts import learned, written
from podbrief_assets.evaluation.figures import LabelledData
from podbrief_assets.insights.excerpt_scores import Weights

ROUNDING = 0.02


def fitted(corpus: Path) -> Fitted:
    """The weights of all verdicts but those of the last check."""
    text = written(learned(LabelledData(corpus=corpus)))
    return Fitted(text, f"{text.count(' = ')} entries")


def alike(one: str, other: str) -> bool:
    """Whether two files of weights differ by no more than rounding."""
    mine, theirs = Weights.of_toml(one), Weights.of_toml(other)
    if mine.features.keys() != theirs.features.keys():
        return False
    pairs = [(mine.bias, theirs.bias), (mine.floor, theirs.floor)]
    pairs += [(mine.features[name], theirs.features[name]) for name in mine.features]
    return all(abs(here - there) <= ROUNDING for here, there in pairs)


if __name__ == "__main__":
    sys.exit(ship(__doc__, PACKAGE / "insights" / "excerpt_weights.toml", fitted, alike))
