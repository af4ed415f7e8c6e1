"""Fit what each part of an insight's quality weighs, on the judged windows of the corpus.

Writes `podbrief_assets/scores/quality_weights.toml`; `podbrief evaluate` fits in the same way, leaving one show out at
a time, to say what the weights are worth on a show that they never saw.

    python benchmarks/fit_scores.py [--corpus ../shared/corpus] [--check]

`--check` writes nothing and exits with 1 where the file differs from what would be written.
"""

from __future__ import annotations

import sys
from pathlib import Path

from shipping import PACKAGE, Fitted, ship

from podbrief_assets.evaluation.figures import LabelledData
from podbrief_assets.evaluation.score_fit import fit, judged, windows, written


def fitted(corpus: Path) -> Fitted:
    """The weights of all judged windows."""
    examples = judged(windows(LabelledData(corpus=corpus)))
    told = f"fitted on {len(examples.grades):,} windows, {int(examples.accepted.sum())} of them accepted"
    return Fitted(written(fit(examples.table, examples.grades)), told)


if __name__ == "__main__":
    sys.exit(ship(__doc__, PACKAGE / "scores" / "quality_weights.toml", fitted))
