"""Repeats and contraries: what the pair score is worth on labelled pairs, and on arguments that others matched.

Belongs here: precision and recall on topics left out of the fit, on pairs that were written without knowing the score,
and on excerpts of real transcripts; what plain likeness reaches on the same pairs; the area under the curve on
ArgKP-2021.
Doesn't: reading and fitting the pairs (`pair_fit.py`), the score itself (`scores/pairs.py`).
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from podbrief_assets.evaluation.figures import Figure, Goal, LabelledData
from podbrief_assets.evaluation.fitting import auc, wilson
from podbrief_assets.evaluation.pair_fit import (
    DEVELOPMENT,
    FRESH,
    HEARD,
    SAME_PRECISION,
    SignedPair,
    decided,
    read_pairs,
    signed,
)
from podbrief_assets.insights.embeddings import SentenceEncoder, encoder_of_lake
from podbrief_assets.scores.claims import read_claim
from podbrief_assets.scores.pairs import Verdict, chance, decide, shipped, signs, vetoes

_PLAIN_COSINE = 0.80
_SHORTEST, _LONGEST = 2, 5  # letters in a run

Flags = npt.NDArray[np.bool_]


def figures(data: LabelledData) -> Iterator[Figure]:
    """What is measured, cross-validation first.

    Raises:
        LabelsMissing: The labels or the corpus are not there.
    """
    model = encoder_of_lake()
    development, fresh, heard = (signed(read_pairs(data, name), model) for name in (DEVELOPMENT, FRESH, HEARD))
    weights = shipped()
    yield from _worth(development, [one.verdict for one in decided(development)], "topics left out in turn")
    yield from _worth(fresh, [decide(one.signs, weights).verdict for one in fresh], "fresh pairs")
    yield from _by_plain_likeness(fresh)
    yield from _on_heard(heard)
    yield Figure(
        name="signs of a pair that are weighed",
        value=len(weights.same) - 1,
        form="count",
        note="; ".join(f"{name} {value:+.2f}" for name, value in weights.same.items()),
    )
    yield from _argkp(data.of_corpus("eval", "argkp2021", "test_data"), model)


def _worth(pairs: Sequence[SignedPair], found: Sequence[Verdict], where: str) -> Iterator[Figure]:
    """What the verdicts `found` are worth on `pairs`."""
    asked: tuple[tuple[Verdict, str, Goal | None], ...] = (
        ("same", "repeats", Goal(bound="at least", value=SAME_PRECISION)),
        ("opposite", "contraries", None),
    )
    for verdict, name, goal in asked:
        right, taken, true = _counted(pairs, found, verdict)
        yield Figure(
            name=f"precision of {name}, {where}",
            value=_share(right, taken),
            form="share",
            goal=goal,
            note=f"{right.sum()} of {taken.sum()}; {_spread(right, taken)}",
        )
        yield Figure(
            name=f"recall of {name}, {where}",
            value=_share(right, true),
            form="share",
            note=f"{right.sum()} of {true.sum()}; {_spread(right, true)}",
        )
    truth = np.array([one.pair.verdict for one in pairs])
    merged = (np.array(found) == "same") & (truth == "opposite")
    yield Figure(
        name=f"contraries merged as repeats, {where}",
        value=float(merged.sum()),
        form="count",
        goal=Goal(bound="at most", value=0),
        note=f"of {(truth == 'opposite').sum()}",
    )


def _by_plain_likeness(pairs: Sequence[SignedPair]) -> Iterator[Figure]:
    same = np.array([one.pair.verdict == "same" for one in pairs])
    cosine = np.array([one.signs["cosine"] for one in pairs])
    near = cosine >= _PLAIN_COSINE
    yield Figure(
        name=f"precision of cosine ≥ {_PLAIN_COSINE:.2f} alone, fresh pairs",
        value=_share(same & near, near),
        form="share",
        note=f"recall {_share(same & near, same):.1%}",
    )
    texts = [(one.pair.a, one.pair.b) for one in pairs]
    for name, scores in (
        ("the pair score", np.array([_score(one.signs) for one in pairs])),
        ("cosine", cosine),
        ("TF-IDF of characters", character_likeness(texts)),
    ):
        yield Figure(name=f"AUC of {name} for repeats, fresh pairs", value=auc(scores, same))


def _on_heard(pairs: Sequence[SignedPair]) -> Iterator[Figure]:
    found = [decide(one.signs, shipped()).verdict for one in pairs]
    right, _, true = _counted(pairs, found, "same")
    yield Figure(
        name="recall of repeats, nearest excerpts of real episodes",
        value=_share(right, true),
        form="share",
        note=f"{right.sum()} of {true.sum()}, all of them words that two episodes share",
    )
    wrong = sum(
        verdict != "different" for one, verdict in zip(pairs, found, strict=True) if one.pair.verdict != verdict
    )
    yield Figure(
        name="neighbours taken for repeats or contraries, excerpts of real episodes",
        value=float(wrong),
        form="count",
        note=f"of {len(pairs) - int(true.sum())}",
    )


def _counted(pairs: Sequence[SignedPair], found: Sequence[Verdict], verdict: Verdict) -> tuple[Flags, Flags, Flags]:
    """Which pairs are rightly, and which at all, taken for `verdict`, and which are it."""
    taken = np.array([one == verdict for one in found])
    true = np.array([one.pair.verdict == verdict for one in pairs])
    return taken & true, taken, true


def _share(part: Flags, whole: Flags) -> float:
    return float(part.sum() / whole.sum()) if whole.any() else float("nan")


def _spread(part: Flags, whole: Flags) -> str:
    low, high = wilson(int(part.sum()), int(whole.sum()))
    return f"95 % interval {low:.1%} to {high:.1%}"


def _score(found: dict[str, float]) -> float:
    """The chance of being the same, pairs that a veto excludes behind all others."""
    return chance(found, shipped().same) - (1.0 if vetoes(found) else 0.0)


def _argkp(folder: Path, model: SentenceEncoder) -> Iterator[Figure]:
    """Arguments against the key points that summarise them (Friedman et al., 2021): matching or not."""
    arguments = {row["arg_id"]: row["argument"] for row in _rows(folder / "arguments_test.csv")}
    points = {row["key_point_id"]: row["key_point"] for row in _rows(folder / "key_points_test.csv")}
    rows = [
        (arguments[row["arg_id"]], points[row["key_point_id"]], row["label"] == "1")
        for row in _rows(folder / "labels_test.csv")
    ]
    texts = list(dict.fromkeys(text for row in rows for text in row[:2]))
    vectors = dict(zip(texts, model.encode(texts), strict=True))
    claims = {text: read_claim(text) for text in texts}
    cosine = [float(vectors[a] @ vectors[b]) for a, b, _ in rows]
    scored = [_score(signs(claims[a], claims[b], near)) for (a, b, _), near in zip(rows, cosine, strict=True)]
    labels = [label for *_, label in rows]
    letters = character_likeness([(a, b) for a, b, _ in rows])
    for name, scores in (("cosine", cosine), ("TF-IDF of characters", letters), ("the pair score", scored)):
        yield Figure(
            name=f"AUC of {name}, ArgKP-2021 test",
            value=auc(scores, labels),
            note=f"{len(rows):,} pairs, {sum(labels):,} matching",
        )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def character_likeness(pairs: Sequence[tuple[str, str]]) -> npt.NDArray[np.float64]:
    """Cosine of TF-IDF of runs of two to five letters within words, with the inverse frequencies of `pairs`' texts."""
    texts = list(dict.fromkeys(text for pair in pairs for text in pair))
    counted = {text: _runs(text) for text in texts}
    documents = Counter(run for runs in counted.values() for run in runs)
    vectors: dict[str, dict[str, float]] = {}
    for text, runs in counted.items():
        weighed = {run: count * (math.log((1 + len(texts)) / (1 + documents[run])) + 1) for run, count in runs.items()}
        length = math.sqrt(sum(value * value for value in weighed.values())) or 1.0
        vectors[text] = {run: value / length for run, value in weighed.items()}
    return np.array([sum(value * vectors[b].get(run, 0.0) for run, value in vectors[a].items()) for a, b in pairs])


def _runs(text: str) -> Counter[str]:
    padded = [f" {word} " for word in text.lower().split()]
    return Counter(
        word[start : start + size]
        for word in padded
        for size in range(_SHORTEST, _LONGEST + 1)
        for start in range(len(word) - size + 1)
    )
