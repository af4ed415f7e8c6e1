"""Labelled pairs of insights, and the weights of the pair score fitted to them.

Belongs here: reading `labels/pairs.jsonl` (its guideline is `labels/pairs.md`), fitting, choosing the thresholds.
Doesn't: what the signs are (`scores/pairs.py`), telling what the score is worth (`duplicates.py`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from podbrief_assets.evaluation.corpus import typed_transcript, words_digest
from podbrief_assets.evaluation.figures import LabelledData, LabelsMissing
from podbrief_assets.evaluation.fitting import logistic_regression
from podbrief_assets.insights.embeddings import SentenceEncoder
from podbrief_assets.lake.tables import EMBEDDING_DIMENSION, EMBEDDING_MODEL
from podbrief_assets.scores.claims import read_claim
from podbrief_assets.scores.pairs import VETOES, Verdict, Weights, chance, signs, turned, vetoes

Half = Literal["development", "test", "heard"]

# A repeat that is missed costs a reader a minute; one that is none costs a claim.
SAME_PRECISION = 0.95
OPPOSITE_PRECISION = 0.85  # a wrong link misleads nobody who reads both
FOLDS = 8

# What a weight is expected to be before any pair, and how far from that it may lie.
_UNKNOWN = (0.0, 3.0)
_BIAS = (0.0, 10.0)
# These still tell by degrees below what excludes a pair; the other signs that exclude one are gone from what is left.
_BY_DEGREES = {"direction turned", "places swapped", "word replaced"}
_NEVER = {name for name, _ in VETOES.values()} - _BY_DEGREES


@dataclass(frozen=True)
class LabelledPair:
    """Two texts and what they were judged to be to one another."""

    topic: str
    half: Half
    verdict: Verdict
    kind: str
    a: str
    b: str


@dataclass(frozen=True)
class SignedPair:
    """A pair with its signs."""

    pair: LabelledPair
    signs: dict[str, float]


def read_pairs(data: LabelledData) -> list[LabelledPair]:
    """All labelled pairs, the words of those that were heard read from the corpus.

    Raises:
        LabelsMissing: There are no labels, or the corpus has other words where they name some.
    """
    transcripts: dict[str, list[str]] = {}

    def words(told: str | dict[str, object]) -> str:
        if isinstance(told, str):
            return told
        name, first, count = str(told["file"]), int(str(told["first"])), int(str(told["count"]))
        if name not in transcripts:
            segments = typed_transcript(data.of_corpus(name).read_text(encoding="utf-8"))
            transcripts[name] = [word for segment in segments for word in segment.text.split()]
        said = transcripts[name][first : first + count]
        if words_digest(said) != told["digest"]:
            raise LabelsMissing(f"{name} has other words than those judged", "take the corpus the labels were made on")
        return " ".join(said)

    read = (json.loads(line) for line in data.of_labels("pairs.jsonl").read_text(encoding="utf-8").splitlines())
    return [LabelledPair(**{**row, "a": words(row["a"]), "b": words(row["b"])}) for row in read]


def encoder() -> SentenceEncoder:
    """The encoder that the lake's vectors come from."""
    return SentenceEncoder(EMBEDDING_MODEL, EMBEDDING_DIMENSION)


def signed(pairs: Sequence[LabelledPair], model: SentenceEncoder) -> list[SignedPair]:
    """The pairs with their signs, every text read and encoded once."""
    texts = list(dict.fromkeys(text for pair in pairs for text in (pair.a, pair.b)))
    vectors = dict(zip(texts, model.encode(texts), strict=True))
    claims = {text: read_claim(text) for text in texts}
    return [
        SignedPair(pair, signs(claims[pair.a], claims[pair.b], float(vectors[pair.a] @ vectors[pair.b])))
        for pair in pairs
    ]


def fit(pairs: Sequence[SignedPair]) -> Weights:
    """The weights that fit `pairs`, and thresholds that keep to the wanted precision on topics left out of the fit.

    Each of the two regressions learns from the pairs it will be asked about: what no veto excludes, and what shows a
    contrary.
    """
    cross = cross_validated(pairs)
    truth = [one.pair.verdict for one in pairs]
    return Weights(
        same=_weights(pairs, "same"),
        opposite=_weights(pairs, "opposite"),
        same_from=_threshold(cross[:, 0], np.array([v == "same" for v in truth]), SAME_PRECISION),
        opposite_from=_threshold(cross[:, 1], np.array([v == "opposite" for v in truth]), OPPOSITE_PRECISION),
    )


def cross_validated(pairs: Sequence[SignedPair]) -> npt.NDArray[np.float64]:
    """(pairs, 2): the chance of being the same, and opposite, by weights that saw no pair of its topic.

    0 where a veto excludes the first, or nothing shows the second.
    """
    topics = {topic: number % FOLDS for number, topic in enumerate(sorted({one.pair.topic for one in pairs}))}
    fold = np.array([topics[one.pair.topic] for one in pairs])
    found = np.zeros((len(pairs), 2))
    for left_out in range(FOLDS):
        seen = [one for one, its in zip(pairs, fold, strict=True) if its != left_out]
        same, opposite = _weights(seen, "same"), _weights(seen, "opposite")
        for row in np.flatnonzero(fold == left_out).tolist():
            its = pairs[row].signs
            found[row] = [
                0.0 if vetoes(its) else chance(its, same),
                chance(its, opposite) if turned(its) and "dates" not in vetoes(its) else 0.0,
            ]
    return found


def _weights(pairs: Sequence[SignedPair], verdict: Verdict) -> dict[str, float]:
    asked = [one for one in pairs if (not vetoes(one.signs) if verdict == "same" else turned(one.signs))]
    names = [name for name in pairs[0].signs if verdict != "same" or name not in _NEVER]
    table = np.array([[*(one.signs[name] for name in names), 1.0] for one in asked])
    labels = np.array([float(one.pair.verdict == verdict) for one in asked])
    priors = np.array([*(_UNKNOWN for _ in names), _BIAS])
    beta = logistic_regression(table, labels, np.ones(len(labels)), priors[:, 0], 1 / priors[:, 1] ** 2)
    return dict(zip([*names, "bias"], (round(float(value), 2) for value in beta), strict=True))


def _threshold(chances: npt.NDArray[np.float64], truth: npt.NDArray[np.bool_], precision: float) -> float:
    """The lowest chance, in hundredths, from which on precision is as wanted; 1 where it never is."""
    enough = [
        hundredths / 100
        for hundredths in range(1, 100)
        if (taken := chances >= hundredths / 100).any() and truth[taken].mean() >= precision
    ]
    return min(enough, default=1.0)


def written(weights: Weights) -> str:
    """The file that ships."""
    lines = [
        "# What each sign adds to the logarithm of the odds that two insights say the same, or the contrary.",
        "# Fitted by benchmarks/fit_pairs.py to the development half of evaluation/labels/pairs.jsonl: not to edit.",
        "",
        "[thresholds]",
        f"same = {weights.same_from:.2f}",
        f"opposite = {weights.opposite_from:.2f}",
    ]
    for name, values in (("same", weights.same), ("opposite", weights.opposite)):
        ordered = sorted(values.items(), key=lambda one: (-one[1], one[0]))
        lines += ["", f"[{name}]", *(f'"{sign}" = {value:.2f}' for sign, value in ordered)]
    return "\n".join(lines) + "\n"
