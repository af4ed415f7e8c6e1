"""Fit what each sign of advertising weighs, on the marked episodes of the corpus.

Writes `podbrief_assets/insights/sponsor_weights.toml`; `podbrief evaluate` fits in the same way, leaving one show out
at a time, to say what the weights are worth on a show that they never saw.

    python benchmarks/fit_sponsors.py [--corpus ../shared/corpus] [--check]

`--check` writes nothing and exits with 1 where the file differs from what would be written.
"""

from __future__ import annotations

import sys
from pathlib import Path

from shipping import PACKAGE, Fitted, ship

from podbrief_assets.evaluation.corpus import marked_episodes
from podbrief_assets.evaluation.sponsor_fit import examples, fit, talk, talk_examples, written
from podbrief_assets.insights.sponsor_signs import signs


def fitted(corpus: Path) -> Fitted:
    """The weights of all marked episodes."""
    marked = [example for episode in marked_episodes(corpus / "ads") for example in examples(episode, signs())]
    text = written(fit(marked, talk_examples(talk(corpus), signs())))
    return Fitted(text, f"{text.count(' = ')} weights")


if __name__ == "__main__":
    sys.exit(ship(__doc__, PACKAGE / "insights" / "sponsor_weights.toml", fitted))
