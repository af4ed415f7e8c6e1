"""Excerpts: what their weights are fitted on, and how many of them a careful stranger would be glad of.

Belongs here: finding the judged windows in the corpus again, fitting, scores that leave one show out, the floor.
Doesn't: how a window is judged (labels/excerpts.md), picking excerpts (`insights/extractive.py`).
"""

from __future__ import annotations

import csv
import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from podbrief_assets.evaluation.corpus import transcript_at, words_digest
from podbrief_assets.evaluation.figures import Figure, Goal, LabelledData
from podbrief_assets.evaluation.fitting import Floats, auc, interval, logistic_regression
from podbrief_assets.insights.embeddings import Vectors
from podbrief_assets.insights.excerpt_features import measured, prominence_of
from podbrief_assets.insights.excerpt_gates import refused
from podbrief_assets.insights.excerpt_scores import Weights, shipped, vectors_of
from podbrief_assets.insights.excerpt_windows import MAX_WORDS, Window, known_names, turns_of
from podbrief_assets.insights.text import fold

WINDOWS, JUDGED = "windows.csv", "excerpts_judged.csv"
PRECISION = 0.6
FLOOR_PRECISION = 0.62  # where the floor is put, leaving one show out: a margin over the goal

# What a feature was expected to weigh before any verdict of these; the verdicts pull each away from that.
EXPECTED = {
    "opens with a name": 0.72,
    "opens with a kind": 0.16,
    "opens with the speaker": -0.50,
    "opens with a dummy": -0.28,
    "names": 0.56,
    "numbers": 0.43,
    "rare words": 1.54,
    "rarity": 1.24,
    "cause": 0.53,
    "contrast": 0.13,
    "quantity": 0.46,
    "generalisation": 0.12,
    "comparison": 0.43,
    "finding": 0.72,
    "definition": 0.42,
    "first person": -0.88,
    "plural first person": -0.75,
    "second person": -1.03,
    "pronouns": -0.55,
    "unresolved": -0.70,
    "pointing": -0.53,
    "heads a paragraph": -0.63,
    "short opening": -0.43,
    "verbless": -0.59,
    "opens with the": 0.17,
    "opens with one of several": -0.60,
    "opens with an opinion": -0.11,
    "early verb": 0.52,
    "repetition": -0.41,
    "quotes": -0.54,
    "present tense": 0.28,
    "name then verb": 0.43,
    "about the speaker": -0.68,
    "about the speaker's people": -0.39,
    "opens in lower case": -0.63,
    "no filler": 0.28,
    "long": 0.26,
    "second person and we": -0.93,
    "acronyms": -0.13,
    "commas": -0.16,
    "of": 0.34,
    "and": -0.26,
    "plugs": -0.88,
    "definites": -0.34,
    "fillers": -0.56,
    "hedges": -0.37,
    "dashes": -0.20,
    "storytelling": -0.28,
    "praise": -0.88,
    "about a text at hand": -0.70,
    "later sentence leans": -0.43,
    "first of a turn": -0.40,
    "long turn": 0.36,
    "main speaker": 0.35,
    "centrality": 1.04,
    "length": 0.44,
    "short sentence": -0.33,
    "word length": 1.0,
}
_FIRMLY = 40.0  # the inverse variance of a feature's weight
_VECTORS_FIRMLY = 300.0  # … and of a vector's number, times the vector's length in numbers
_LEAST = 30  # windows that a floor is read from


@dataclass(frozen=True)
class Verdict:
    """One reader's judgement of the words at a place.

    Attributes:
        path: The transcript, below the corpus.
        start: Index of the first word among those of `evaluation.corpus.transcript`.
    """

    path: str
    show: str
    start: int
    words: int
    digest: str
    stratum: str
    accept: bool


@dataclass(frozen=True)
class Example:
    """A judged window, found again.

    Attributes:
        passes: Whether the gates let it through.
        features: As `measured` gives them.
    """

    verdict: Verdict
    window: Window
    passes: bool
    features: dict[str, float]


def verdicts(path: Path) -> list[Verdict]:
    """The verdicts in a file of labels."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Verdict(
                row["path"], row["show"], int(row["start_word"]), int(row["words"]), row["digest"], row["stratum"],
                row["accept"] == "1",
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip


def mistaken(judged: Sequence[Verdict], corpus: Path) -> int:
    """How many verdicts stand on other words than those that lie at their place now."""
    wrong = 0
    for path, group in itertools.groupby(sorted(judged, key=lambda one: one.path), key=lambda one: one.path):
        words = [word for segment in transcript_at(corpus / path, links=True) for word in segment.text.split()]
        wrong += sum(words_digest(words[one.start : one.start + one.words]) != one.digest for one in group)
    return wrong


def located(judged: Sequence[Verdict], corpus: Path) -> list[Example]:
    """The judged windows as the extractor sees them, by file and place, without those that are no whole sentences."""
    by_path: dict[str, dict[tuple[int, int], Verdict]] = defaultdict(dict)
    for one in judged:
        by_path[one.path][one.start, one.words] = one
    return [example for path in sorted(by_path) for example in _in_episode(corpus / path, by_path[path])]


def _in_episode(path: Path, wanted: dict[tuple[int, int], Verdict]) -> Iterator[Example]:
    segments = transcript_at(path, links=True)
    prominence = prominence_of([fold(word) for segment in segments for word in segment.text.split()])
    present = frozenset(fold(s.speaker.split()[0]) for s in segments if s.speaker and s.speaker.split())
    starts = {start for start, _ in wanted}
    at = 0
    for turn in turns_of(segments, known_names(segments)):
        for first, opener in enumerate(turn.sentences):
            start = at + opener.skipped
            if start in starts:
                for last in range(first, len(turn.sentences)):
                    window = Window(turn, first, last)
                    verdict = wanted.get((start, len(window.words)))
                    if verdict:
                        usable = opener.opens is not None and all(sentence.usable for sentence in window.sentences)
                        passes = usable and not refused(window, frozenset(), present)
                        yield Example(verdict, window, passes, measured(window, prominence.of(window.folded)))
                    if len(window.words) > MAX_WORDS:
                        break
            at += len(opener.words)


def fit(examples: Sequence[Example], vectors: tuple[Vectors, Vectors], floor: float = 0.0) -> Weights:
    """The weights that the examples which pass the gates teach, drawn towards what was expected.

    Args:
        vectors: Of their windows and of the sentences before, as `vectors_of` gives them, in the same order.
    """
    use = np.array([example.passes for example in examples])
    table, labels = _table(examples, vectors)[use], _labels(examples)[use]
    size = vectors[0].shape[1]
    mean = np.concatenate([list(EXPECTED.values()), np.zeros(2 * size), [-5.0]])
    precision = np.concatenate([np.full(len(EXPECTED), _FIRMLY), np.full(2 * size, _VECTORS_FIRMLY / size), [1e-3]])
    found = logistic_regression(table, labels, np.ones(len(labels)), mean, precision)
    count = len(EXPECTED)
    return Weights(
        bias=float(found[-1]),
        features=dict(zip(EXPECTED, found[:count].tolist(), strict=True)),
        window=found[count : count + size],
        before=found[count + size : -1],
        floor=floor,
    )


def _table(examples: Sequence[Example], vectors: tuple[Vectors, Vectors]) -> Floats:
    features = np.array([[example.features.get(name, 0.0) for name in EXPECTED] for example in examples])
    return np.hstack([features, vectors[0], vectors[1], np.ones((len(examples), 1))]).astype(np.float64)


def _labels(examples: Sequence[Example]) -> Floats:
    return np.array([example.verdict.accept for example in examples], np.float64)


def held_out(examples: Sequence[Example], vectors: tuple[Vectors, Vectors]) -> Floats:
    """The score of each example (examples,) by weights that never saw a window of its show."""
    shows = np.array([example.verdict.show for example in examples])
    scores = np.zeros(len(examples))
    for show in sorted(set(shows)):
        rest, mine = np.flatnonzero(shows != show), np.flatnonzero(shows == show)
        weights = fit([examples[int(i)] for i in rest], (vectors[0][rest], vectors[1][rest]))
        scores[mine] = [weights.by_features(examples[int(i)].features) for i in mine]
        scores[mine] += weights.by_vectors((vectors[0][mine], vectors[1][mine]))
    return scores


def floor_of(scores: Floats, labels: Floats, precision: float = FLOOR_PRECISION) -> float:
    """The lowest score at or above which `precision` of the windows are accepted, of `_LEAST` windows at least."""
    order = np.argsort(-scores)
    reached = np.cumsum(labels[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero((reached >= precision) & (np.arange(len(order)) + 1 >= _LEAST))
    return float(scores[order][enough[-1]]) if len(enough) else float("inf")


def written(weights: Weights) -> str:
    """The file that ships."""
    features = sorted(weights.features.items(), key=lambda one: (-round(one[1], 2), one[0]))
    return "\n".join(
        [
            "# What each feature of a window, each number of its vector and of that of the sentence before adds to the",
            "# logarithm of the odds that a careful stranger is glad of it; and the least sum that makes an excerpt.",
            "# Fitted by benchmarks/fit_excerpts.py: not to be edited.",
            "",
            f"bias = {weights.bias:.2f}",
            f"floor = {weights.floor:.2f}",
            "",
            *_numbers("window", weights.window),
            *_numbers("before", weights.before),
            "",
            "[features]",
            *(f'"{name}" = {value:.2f}' for name, value in features),
            "",
        ]
    )


def _numbers(name: str, values: Floats) -> Iterator[str]:
    yield f"{name} = ["
    for block in (values[at : at + 16] for at in range(0, len(values), 16)):
        yield "    " + ", ".join(f"{value:.2f}" for value in block) + ","
    yield "]"


def learned(data: LabelledData) -> Weights:
    """The weights that podbrief's verdicts on the corpus teach, with their floor."""
    examples = located([one for one in verdicts(data.of_labels(WINDOWS)) if one.stratum != "test"], data.corpus)
    return taught(examples, vectors_of([example.window for example in examples]))


def taught(examples: Sequence[Example], vectors: tuple[Vectors, Vectors]) -> Weights:
    """The weights of all examples, with the floor that scores leaving one show out call for."""
    passing = np.array([example.passes for example in examples])
    scores = held_out(examples, vectors)
    return fit(examples, vectors, round(floor_of(scores[passing], _labels(examples)[passing]), 2))


def figures(data: LabelledData) -> Iterator[Figure]:
    """How often the labels still stand where they were given, and what the extractor's choices are worth."""
    listed, judged = verdicts(data.of_labels(WINDOWS)), verdicts(data.of_labels(JUDGED))
    yield Figure(
        name="verdicts on other words than those at their place now",
        value=mistaken([*listed, *judged], data.corpus),
        form="count",
        goal=Goal(bound="at most", value=0),
        note=f"of {len(listed)} windows and {len(judged)} excerpts judged",
    )
    examples = located(listed, data.corpus)
    passing = [example for example in examples if example.passes]
    labels = _labels(passing)
    yield Figure(
        name="windows accepted of those that the gates let through",
        value=float(labels.mean()),
        form="share",
        note=f"{len(passing)} of {len(examples)} pass; of the refused {_refused_well(examples):.1%} are accepted",
    )
    scores = held_out(passing, vectors_of([example.window for example in passing]))
    yield from _at_the_floor(scores, labels)
    yield Figure(
        name="AUC of the score, leaving one show out", value=auc(scores, labels > 0), note=_by_show(passing, scores)
    )
    accepted = np.array([one.accept for one in judged if one.stratum == "excerpt"], np.float64)
    yield _share("excerpts accepted of those given for episodes without a label", accepted)


def _at_the_floor(scores: Floats, labels: Floats) -> Iterator[Figure]:
    above = labels[scores >= shipped().floor]
    yield _share("windows accepted at the floor, leaving one show out", above)
    yield Figure(
        name="accepted windows that reach the floor, leaving one show out",
        value=float(above.sum() / labels.sum()),
        form="share",
        note=f"{int(above.sum())} of {int(labels.sum())}; the rest is given up for precision",
    )


def _share(name: str, accepted: Floats) -> Figure:
    low, high = interval(lambda rows: float(accepted[rows].mean()), len(accepted))
    return Figure(
        name=name,
        value=float(accepted.mean()),
        form="share",
        goal=Goal(bound="at least", value=PRECISION),
        note=f"{int(accepted.sum())} of {len(accepted)}, 95 % of resamples {low:.1%} to {high:.1%}",
    )


def _refused_well(examples: Sequence[Example]) -> float:
    return float(np.mean([example.verdict.accept for example in examples if not example.passes]))


def _by_show(examples: Sequence[Example], scores: Floats) -> str:
    """The area of each show with enough windows of both kinds to have one."""
    shows = np.array([example.verdict.show for example in examples])
    labels = _labels(examples) > 0
    areas = {
        show: auc(scores[shows == show], labels[shows == show])
        for show in sorted(set(shows))
        if min(labels[shows == show].sum(), (~labels[shows == show]).sum()) >= 5
    }
    return ", ".join(f"{show} {area:.2f}" for show, area in areas.items())
