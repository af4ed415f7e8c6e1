"""Fit what each sign of a pair of insights weighs, on the labelled pairs.

Writes `podbrief_assets/scores/pair_weights.toml`.

    python benchmarks/fit_pairs.py [--check]

`--check` writes nothing and exits with 1 where the file differs from what would be written. What the weights are worth
is told by `podbrief evaluate --only duplicates`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from podbrief_assets.evaluation.figures import LABELS, LabelledData
from podbrief_assets.evaluation.pair_fit import DEVELOPMENT, encoder, fit, read_pairs, signed, written

PLACE = Path(__file__).resolve().parents[1] / "podbrief_assets" / "scores" / "pair_weights.toml"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    # These pairs hold their words themselves, so no corpus is read.
    pairs = read_pairs(LabelledData(corpus=LABELS), DEVELOPMENT)
    text = written(fit(signed(pairs, encoder())))
    if options.check:
        same = PLACE.read_text(encoding="utf-8") == text
        print("as it ships" if same else "differs from what ships")
        return 0 if same else 1
    PLACE.write_text(text, encoding="utf-8")
    print(f"{PLACE}: fitted to {len(pairs)} pairs of {LABELS / DEVELOPMENT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
