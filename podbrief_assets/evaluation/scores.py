"""Quality: how well it tells what a careful reader accepts from what they refuse.

Belongs here: measuring on judged windows, each show left out in turn, and on written insights that
nothing was fitted on.
Doesn't: fitting (`score_fit.py`), the parts and weights (`scores/signals.py`, `scores/quality.py`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from podbrief_assets.evaluation import score_fit
from podbrief_assets.evaluation.figures import Figure, LabelledData
from podbrief_assets.evaluation.fitting import Floats, auc, interval
from podbrief_assets.evaluation.score_fit import Flags
from podbrief_assets.insights.text import names_of
from podbrief_assets.scores import signals
from podbrief_assets.scores.quality import FITTED, shipped

INSIGHTS = "insights.jsonl"

# How these parts were weighed before anything was fitted.
_BY_HAND = {"specificity": 0.25, "evidence": 0.25, "self_containedness": 0.2}
_FEWEST = 5  # accepted windows that a show's own figure needs
_BINS = 5


def figures(data: LabelledData) -> Iterator[Figure]:
    """Areas under the curve, calibration, and what each part contributes.

    Raises:
        LabelsMissing: the verdicts or the transcripts are not there.
    """
    windows = score_fit.windows(data)
    examples = score_fit.judged(windows)
    accepted = examples.accepted
    quality = score_fit.left_out(examples)
    column = {name: examples.table[:, number] for number, name in enumerate(FITTED)}
    by_hand = np.sum([weight * column[name] for name, weight in _BY_HAND.items()], axis=0)

    yield _auc("accepted windows above refused ones by quality, each show left out (AUC)", quality, accepted)
    yield _gain("the same, less that of weights chosen by hand", quality, by_hand, accepted)
    yield _gain("the same, less that of specificity alone", quality, column["specificity"], accepted)
    for number, show in enumerate(examples.names):
        mine = examples.shows == number
        if accepted[mine].sum() >= _FEWEST:
            yield Figure(
                name=f"accepted windows of {show} above its refused ones (AUC)",
                value=auc(quality[mine], accepted[mine]),
                note=f"{accepted[mine].sum()} accepted of {mine.sum()}",
            )
    yield from _calibration(quality, accepted)
    for name, values in column.items():
        yield Figure(
            name=f"accepted windows above refused ones by {name} alone (AUC)",
            value=auc(values, accepted),
            note=f"weight {shipped().fitted[name]:.2f}",
        )
    claims = examples.grades >= 1
    yield _auc(
        "claims that will matter in a week above those that won't by lasting (AUC)",
        column["lasting"][claims],
        examples.lasting[claims],
    )
    yield from _written(data, windows)


def _auc(name: str, scores: Floats, truth: Flags) -> Figure:
    low, high = interval(lambda rows: auc(scores[rows], truth[rows]), len(truth))
    return Figure(
        name=name,
        value=auc(scores, truth),
        note=f"{truth.sum()} true of {len(truth):,}; {low:.3f} to {high:.3f} over resamples",
    )


def _gain(name: str, scores: Floats, other: Floats, truth: Flags) -> Figure:
    low, high = interval(lambda rows: auc(scores[rows], truth[rows]) - auc(other[rows], truth[rows]), len(truth))
    return Figure(
        name=name,
        value=auc(scores, truth) - auc(other, truth),
        note=f"which has {auc(other, truth):.3f}; {low:+.3f} to {high:+.3f} over resamples",
    )


def _calibration(quality: Floats, accepted: Flags) -> Iterator[Figure]:
    base = float(accepted.mean())
    yield Figure(
        name="mean squared error of quality as the chance of being accepted (Brier)",
        value=float(np.mean((quality - accepted) ** 2)),
        note=f"{base * (1 - base):.3f} for always saying {base:.2f}",
    )
    fifths = np.array_split(np.argsort(quality, kind="stable"), _BINS)
    said = [f"{quality[rows].mean():.2f} said and {accepted[rows].mean():.2f} found" for rows in fifths]
    yield Figure(
        name="quality said less share accepted, mean over fifths of the windows",
        value=float(np.mean([abs(quality[rows].mean() - accepted[rows].mean()) for rows in fifths])),
        note="; ".join(said),
    )
    for name, values in (("accepted", quality[accepted]), ("refused", quality[~accepted])):
        low, high = np.quantile(values, [0.1, 0.9])
        yield Figure(
            name=f"median quality of {name} windows",
            value=float(np.median(values)),
            note=f"eight in ten from {low:.2f} to {high:.2f}",
        )


def _written(data: LabelledData, windows: pl.DataFrame) -> Iterator[Figure]:
    """Insights in the third person, by the weights that ship; the archive is all windows."""
    insights = pl.read_ndjson(data.of_labels(INSIGHTS))
    names = pl.Series([list(names_of(text)) for text in insights["text"]], dtype=pl.List(pl.String))
    table = score_fit.table_of(insights["text"], names, signals.background(windows.lazy()))
    quality, worth = score_fit.scores(table, shipped()), insights["worth"].to_numpy()
    yield _auc("written insights that are worth two lines above those that aren't (AUC)", quality, worth)
    for name, values in zip(FITTED, table.T, strict=True):
        yield Figure(name=f"the same by {name} alone (AUC)", value=auc(values, worth))
    for reason in insights["reason"].drop_nulls().unique().sort():
        mine = (insights["reason"] == reason).fill_null(value=False)
        yield Figure(
            name=f"median quality of written insights refused as {reason}",
            value=float(np.median(quality[mine.to_numpy()])),
            note=f"{mine.sum()} of them; {np.median(quality[worth]):.2f} of those that are worth it",
        )
