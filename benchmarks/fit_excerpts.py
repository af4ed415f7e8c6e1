"""Fit what each feature of a window weighs, on the windows that a reader judged.

Writes `podbrief_assets/insights/excerpt_weights.toml`; `podbrief evaluate` fits in the same way for its section
`excerpts`, leaving one show out at a time, to say what the weights are worth on a show that they never saw.

    python benchmarks/fit_excerpts.py [--corpus ../shared/corpus] [--check]

`--check` writes nothing and exits with 1 where the file differs from what would be written by more than what another
processor's rounding does.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from podbrief_assets.evaluation.excerpts import learned, written
from podbrief_assets.evaluation.figures import LabelledData
from podbrief_assets.insights.excerpt_scores import Weights

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
PLACE = Path(__file__).resolve().parents[1] / "podbrief_assets" / "insights" / "excerpt_weights.toml"
ROUNDING = 0.02


def alike(one: Weights, other: Weights) -> bool:
    """Whether two sets of weights differ by no more than rounding."""
    if one.features.keys() != other.features.keys():
        return False
    pairs = [(one.bias, other.bias), (one.floor, other.floor)]
    pairs += [(one.features[name], other.features[name]) for name in one.features]
    return all(abs(mine - theirs) <= ROUNDING for mine, theirs in pairs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    text = written(learned(LabelledData(corpus=options.corpus)))
    if options.check:
        same = alike(Weights.of_toml(PLACE.read_text(encoding="utf-8")), Weights.of_toml(text))
        print("as it ships" if same else "differs from what ships")
        return 0 if same else 1
    PLACE.write_text(text, encoding="utf-8")
    print(f"{PLACE}: {text.count(' = ')} entries")
    return 0


if __name__ == "__main__":
    sys.exit(main())
