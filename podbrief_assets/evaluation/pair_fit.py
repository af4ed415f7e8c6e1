"""Labelled pairs of insights, and the weights of the pair score fitted to them.

Belongs here: reading the pairs (their guideline is `labels/pairs.md`), fitting, choosing the thresholds, deciding on
pairs that the fit has not seen.
Doesn't: what the signs are (`scores/pairs.py`), telling what the score is worth (`duplicates.py`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from podbrief_assets.evaluation.corpus import transcript_at, words_digest, words_of
from podbrief_assets.evaluation.figures import LabelledData, LabelsMissing
from podbrief_assets.evaluation.fitting import logistic_regression
from podbrief_assets.insights.embeddings import SentenceEncoder
from podbrief_assets.scores.claims import read_claim
from podbrief_assets.scores.pairs import (
    VETOES,
    Judgement,
    Verdict,
    Weights,
    chance,
    decide,
    in_like_words,
    signs,
    turned,
    vetoes,
)

DEVELOPMENT = "pairs.jsonl"
"""What the weights are fitted to."""
FRESH = "pairs_fresh.jsonl"
"""Written by somebody who had read neither the signs nor the other pairs; nothing is fitted to them."""
HEARD = "pairs_heard.jsonl"
"""Excerpts of real transcripts, each with its nearest neighbours in other episodes; nothing is fitted to them."""

# A repeat that is missed costs a reader a minute; one that is none costs a claim.
SAME_PRECISION = 0.95
OPPOSITE_PRECISION = 0.85  # a wrong link misleads nobody who reads both
# However many of those above it are right, none is taken that the fit itself gives less than this.
_LEAST_SAME, _LEAST_OPPOSITE = 0.8, 0.5
FOLDS = 8

# What a weight is expected to be before any pair, and how far from that it may lie.
_UNKNOWN = (0.0, 3.0)
_BIAS = (0.0, 10.0)
# These still tell by degrees below what excludes a pair; the other signs that exclude one are gone from what is left.
_BY_DEGREES = {"direction turned", "places swapped", "word replaced"}
_NEVER = {name for name, _ in VETOES.values()} - _BY_DEGREES | {
    "numbers of one only",
    "numbers unlike",
    "numbers in conflict",
}


@dataclass(frozen=True)
class LabelledPair:
    """Two texts and what they were judged to be to one another."""

    topic: str
    verdict: Verdict
    kind: str
    a: str
    b: str


@dataclass(frozen=True)
class SignedPair:
    """A pair with its signs."""

    pair: LabelledPair
    signs: dict[str, float]


def read_pairs(data: LabelledData, name: str) -> list[LabelledPair]:
    """The labelled pairs of the file `name`, the words of those that were heard read from the corpus.

    Raises:
        LabelsMissing: There are no labels, or the corpus has other words where they name some.
    """
    transcripts: dict[str, list[str]] = {}

    def words(told: str | dict[str, object]) -> str:
        if isinstance(told, str):
            return told
        file, first, count = str(told["file"]), int(str(told["first"])), int(str(told["count"]))
        if file not in transcripts:
            transcripts[file] = words_of(transcript_at(data.of_corpus(file)))
        said = transcripts[file][first : first + count]
        if words_digest(said) != told["digest"]:
            raise LabelsMissing(f"{file} has other words than those judged", "take the corpus the labels were made on")
        return " ".join(said)

    read = (json.loads(line) for line in data.of_labels(name).read_text(encoding="utf-8").splitlines())
    return [LabelledPair(**{**row, "a": words(row["a"]), "b": words(row["b"])}) for row in read]


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

    Each of the two regressions learns from the pairs that it can tell something of: what no veto excludes, and what
    shows a contrary.
    """
    cross = _chances(pairs)
    same, opposite = (np.array([one.pair.verdict == verdict for one in pairs]) for verdict in ("same", "opposite"))
    return Weights(
        same=_weights(pairs, "same"),
        opposite=_weights(pairs, "opposite"),
        same_from=_threshold(cross[:, 0], same, _LEAST_SAME, SAME_PRECISION, never=opposite),
        opposite_from=_threshold(cross[:, 1], opposite, _LEAST_OPPOSITE, OPPOSITE_PRECISION),
    )


def decided(pairs: Sequence[SignedPair]) -> list[Judgement]:
    """What each pair is taken for by weights and thresholds that were fitted without any pair of its topics."""
    fold = folds(pairs)
    found: dict[int, Judgement] = {}
    for left_out in range(FOLDS):
        weights = fit([one for one, its in zip(pairs, fold, strict=True) if its != left_out])
        found |= {row: decide(pairs[row].signs, weights) for row in np.flatnonzero(fold == left_out).tolist()}
    return [found[row] for row in range(len(pairs))]


def folds(pairs: Sequence[SignedPair]) -> npt.NDArray[np.int64]:
    """(pairs,): the fold of each, in [0, FOLDS). Pairs that share a topic or a text lie in one.

    A pair of two topics names both, joined by "and".
    """
    group: dict[str, str] = {}

    def of(key: str) -> str:
        while group.setdefault(key, key) != key:
            key = group[key]
        return key

    for one in pairs:
        first, *others = one.pair.topic.split(" and ")
        for other in (*others, f"text {one.pair.a}", f"text {one.pair.b}"):
            group[of(other)] = of(first)
    groups = [of(one.pair.topic.split(" and ")[0]) for one in pairs]
    numbers = {name: number % FOLDS for number, name in enumerate(sorted(set(groups)))}
    return np.array([numbers[name] for name in groups])


def _chances(pairs: Sequence[SignedPair]) -> npt.NDArray[np.float64]:
    """(pairs, 2): the chance of being the same, and opposite, by weights that saw no pair of its topics.

    0 where neither may be said, whatever the chance.
    """
    fold = folds(pairs)
    found = np.zeros((len(pairs), 2))
    for left_out in range(FOLDS):
        seen = [one for one, its in zip(pairs, fold, strict=True) if its != left_out]
        same, opposite = _weights(seen, "same"), _weights(seen, "opposite")
        for row in np.flatnonzero(fold == left_out).tolist():
            its = pairs[row].signs
            found[row] = [
                chance(its, same) if in_like_words(its) and not vetoes(its) else 0.0,
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


def _threshold(
    chances: npt.NDArray[np.float64],
    truth: npt.NDArray[np.bool_],
    least: float,
    precision: float,
    never: npt.NDArray[np.bool_] | None = None,
) -> float:
    """The lowest chance, in hundredths from `least` on, from which precision is as wanted; 1 where it never is.

    None of those that are `never` to be taken lies at or above it.
    """
    enough = [
        hundredths / 100
        for hundredths in range(round(100 * least), 100)
        if (taken := chances >= hundredths / 100).any()
        and truth[taken].mean() >= precision
        and (never is None or not (taken & never).any())
    ]
    return min(enough, default=1.0)


def written(weights: Weights) -> str:
    """The file that ships."""
    lines = [
        "# What each sign adds to the logarithm of the odds that two insights say the same, or the contrary.",
        "# Fitted by benchmarks/fit_pairs.py to evaluation/labels/pairs.jsonl: not to edit.",
        "",
        "[thresholds]",
        f"same = {weights.same_from:.2f}",
        f"opposite = {weights.opposite_from:.2f}",
    ]
    for name, values in (("same", weights.same), ("opposite", weights.opposite)):
        ordered = sorted(values.items(), key=lambda one: (-one[1], one[0]))
        lines += ["", f"[{name}]", *(f'"{sign}" = {value:.2f}' for sign, value in ordered)]
    return "\n".join(lines) + "\n"
