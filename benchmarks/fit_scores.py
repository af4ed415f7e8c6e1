"""Fit what each part of an insight's quality weighs, on the judged windows of the corpus.

Writes `podbrief_assets/scores/quality_weights.toml`; `podbrief evaluate` fits in the same way, leaving one show out at
a time, to say what the weights are worth on a show that they never saw.

    python benchmarks/fit_scores.py [--corpus ../shared/corpus] [--check]

`--check` writes nothing and exits with 1 where the file differs from what would be written.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from podbrief_assets.evaluation.figures import LabelledData
from podbrief_assets.evaluation.score_fit import fit, judged, windows, written

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
PLACE = Path(__file__).resolve().parents[1] / "podbrief_assets" / "scores" / "quality_weights.toml"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    examples = judged(windows(LabelledData(corpus=options.corpus)))
    text = written(fit(examples.table, examples.grades))
    if options.check:
        same = PLACE.read_text(encoding="utf-8") == text
        print("as it ships" if same else "differs from what ships")
        return 0 if same else 1
    PLACE.write_text(text, encoding="utf-8")
    print(f"{PLACE.name}: fitted on {len(examples.grades):,} windows, {int(examples.accepted.sum())} of them accepted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
