"""Fit what each sign of a pair of insights weighs, on the labelled pairs.

Writes `podbrief_assets/scores/pair_weights.toml`.

    python benchmarks/fit_pairs.py [--check]

`--check` writes nothing and exits with 1 where the file differs from what would be written. What the weights are worth
is told by `podbrief evaluate --only duplicates`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from shipping import PACKAGE, Fitted, ship

from podbrief_assets.evaluation.figures import LabelledData
from podbrief_assets.evaluation.pair_fit import DEVELOPMENT, fit, read_pairs, signed, written
from podbrief_assets.insights.embeddings import encoder_of_lake


def fitted(corpus: Path) -> Fitted:
    """The weights of all pairs; these hold their words themselves, so that nothing of the corpus is read."""
    pairs = read_pairs(LabelledData(corpus=corpus), DEVELOPMENT)
    return Fitted(written(fit(signed(pairs, encoder_of_lake()))), f"fitted to {len(pairs)} pairs of {DEVELOPMENT}")


if __name__ == "__main__":
    sys.exit(ship(__doc__, PACKAGE / "scores" / "pair_weights.toml", fitted))
