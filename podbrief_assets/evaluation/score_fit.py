"""Fit what each part of an insight's quality weighs, on windows of real transcripts that a reader judged.

Belongs here: the examples, and the weights that `scores/quality_weights.toml` holds.
Doesn't: the parts (`scores/signals.py`), saying how good the weights are (`scores.py`).

The verdict is graded: 0 nothing is claimed, 1 something is, 2 the window was accepted (it stands alone, was worth two
lines of somebody's morning, has no other fault). Quality is the chance of the highest grade: six windows in ten claim
something, most of them plain and heard before, and padding is the worst thing that podbrief can do. Weights are shared
by both steps (proportional odds, McCullagh 1980), since 216 accepted windows alone teach less than all grades do.

What the reader could not see of a window alone is not learned: how near it is to an archive, what the rest of the
episode is about, what a judge says. Those weights are set here, and what they are set to is said beside them.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from podbrief_assets.evaluation.corpus import transcript_at, words_digest, words_of
from podbrief_assets.evaluation.figures import LabelledData
from podbrief_assets.evaluation.fitting import Floats, logistic_regression
from podbrief_assets.insights.text import names_of
from podbrief_assets.scores import signals
from podbrief_assets.scores.quality import FITTED, Weights

Grades = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

WINDOWS = "windows.csv"

# Before any verdict: each part is made to speak for an insight, by how much is hardly known.
_EXPECTED, _DEVIATION = 1.0, 2.0
_BIAS_DEVIATION = 10.0

# Set, not learned: a reader of one window had no archive to find it old, and rewards novelty no more than chance (AUC
# 0.47). Three windows in four have nothing nearer than 0.5 among the other shows'. A near repeat (cosine 0.9) is left
# with less than half its odds, since `duplicates` refuses only what says the same. A place in the middle of the episode
# counts a little, as an excerpt's words already show most of what it is about. A judge who is nine parts in ten sure
# makes the odds three times better.
_SET = {
    "novelty": 2.0,
    "usual_novelty": 0.5,
    "prominence": 0.5,
    "neutral_prominence": 0.5,
    "judge": 0.5,
}


@dataclass(frozen=True)
class Judged:
    """The windows that a reader judged: n rows.

    Attributes:
        table: `FITTED` parts, a column each (n, parts).
        shows: The show of each, as a number (n,); learned from or measured on, never both.
        names: The shows' names.
        grades: 0 nothing is claimed, 1 something is, 2 accepted (n,).
        lasting: Whether the reader thought that it will matter in a week (n,).
    """

    table: Floats
    shows: Grades
    names: tuple[str, ...]
    grades: Grades
    lasting: Flags

    @property
    def accepted(self) -> Flags:
        """Which have the highest grade (n,)."""
        found: Flags = self.grades == 2
        return found


def windows(data: LabelledData) -> pl.DataFrame:
    """The judged windows with their words: the columns of `windows.csv`, `text` and `names`.

    A window whose words are not those that were judged is left out: the corpus has another version of its episode.

    Raises:
        LabelsMissing: the verdicts or the transcripts are not there.
    """
    folder = data.of_corpus()
    with data.of_labels(WINDOWS).open(encoding="utf-8", newline="") as lines:
        verdicts = list(csv.DictReader(lines))
    said = {path: _words(folder / path) for path in sorted({verdict["path"] for verdict in verdicts})}
    found = []
    for verdict in verdicts:
        start = int(verdict["start_word"])
        words = said[verdict["path"]][start : start + int(verdict["words"])]
        if words_digest(words) == verdict["digest"]:
            text = " ".join(words)
            found.append(verdict | {"text": text, "names": list(names_of(text))})
    numbers = ("stands_alone", "worth", "lasting", "accept")
    schema: dict[str, pl.DataType] = {"names": pl.List(pl.String())}
    return pl.DataFrame(found, schema_overrides=schema).with_columns(pl.col(numbers).cast(pl.Int64))


def _words(path: Path) -> list[str]:
    return words_of(transcript_at(path, links=True)) if path.exists() else []


def judged(frame: pl.DataFrame) -> Judged:
    """What is learned from `windows`.

    The archive that a show's windows surprise is the other shows' windows, as if the show were new.
    """
    rows = frame.sort("show", maintain_order=True)
    table = [
        _table(mine, frame.filter(pl.col("show") != mine["show"][0]))
        for mine in rows.partition_by("show", maintain_order=True)
    ]
    return Judged(
        np.concatenate(table),
        rows["show"].rank("dense").cast(pl.Int64).to_numpy() - 1,
        tuple(rows["show"].unique().sort()),
        rows.select(pl.max_horizontal(pl.col("worth").clip(0, 1), 2 * pl.col("accept")))["worth"].to_numpy(),
        rows["lasting"].to_numpy() == 1,
    )


def _table(mine: pl.DataFrame, others: pl.DataFrame) -> Floats:
    return table_of(mine["text"], mine["names"], signals.background(others.lazy()))


def table_of(texts: pl.Series, names: pl.Series, before: pl.DataFrame) -> Floats:
    """The `FITTED` parts of texts (texts, parts)."""
    parts = {
        "specificity": signals.specificity(texts, names),
        "evidence": signals.evidence(texts),
        "self_containedness": signals.self_containedness(texts),
        "surprise": signals.surprise(texts, names, before),
        "lasting": signals.lasting(texts),
    }
    return np.column_stack([parts[name].to_numpy() for name in FITTED])


def fit(table: Floats, grades: Grades) -> Weights:
    """The weights that are likeliest after seeing `table` (examples, parts) and `grades` (examples,), 0 to 2.

    Two steps of the grade share the weights and have a bias each; each example counts half in each.
    """
    steps = [grades >= 1, grades == 2]
    own_bias = np.repeat(np.eye(len(steps)), len(table), axis=0)
    rows = np.column_stack([np.tile(table, (len(steps), 1)), own_bias])
    shares = np.clip([step.mean() for step in steps], 0.01, 0.99)
    biases = np.log(shares / (1 - shares)) - _EXPECTED * table.mean(axis=0).sum()
    mean = np.concatenate([np.full(len(FITTED), _EXPECTED), biases])
    deviation = np.array([_DEVIATION] * len(FITTED) + [_BIAS_DEVIATION] * len(steps))
    labels = np.concatenate(steps).astype(np.float64)
    beta = logistic_regression(rows, labels, np.full(len(rows), 1 / len(steps)), mean, deviation**-2)
    return Weights(bias=float(beta[-1]), fitted=dict(zip(FITTED, beta.tolist(), strict=False)), **_SET)


def scores(table: Floats, weights: Weights) -> Floats:
    """The quality of rows of `FITTED` parts whose other parts are not known."""
    odds = weights.bias + table @ np.array([weights.fitted[name] for name in FITTED])
    chances: Floats = 1 / (1 + np.exp(-odds))
    return chances


def left_out(examples: Judged) -> Floats:
    """Quality of each window by weights that never saw its show (n,)."""
    found = np.zeros(len(examples.grades))
    for show in np.unique(examples.shows):
        mine = examples.shows == show
        found[mine] = scores(examples.table[mine], fit(examples.table[~mine], examples.grades[~mine]))
    return found


def written(weights: Weights) -> str:
    """The file that ships."""
    return "\n".join(
        [
            "# What each part adds to the logarithm of the odds that a careful reader finds an insight worth the line.",
            "# Written by benchmarks/fit_scores.py: not to be edited.",
            "",
            f"bias = {weights.bias:.2f}",
            "",
            "# Set, not learned: evaluation/score_fit.py says why.",
            *(f"{name} = {value}" for name, value in _SET.items()),
            "",
            "# Learned from windows that a reader judged.",
            "[fitted]",
            *(f"{name} = {weights.fitted[name]:.2f}" for name in FITTED),
            "",
        ]
    )
