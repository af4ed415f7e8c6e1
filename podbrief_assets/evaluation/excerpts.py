"""Excerpts: what their weights are fitted on, and how many of them a careful stranger would be glad of.

Belongs here: finding the judged windows in the corpus again, fitting, scores that leave one show out, the floor.
Doesn't: how a window is judged (labels/excerpts.md), picking excerpts (`insights/extractive.py`).
"""

from __future__ import annotations

import csv
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from podbrief_assets.evaluation.corpus import transcript_at, words_digest, words_of
from podbrief_assets.evaluation.figures import Figure, Goal, LabelledData
from podbrief_assets.evaluation.fitting import Floats, auc, interval, kappa, logistic_regression
from podbrief_assets.insights.excerpt_features import measured, prominence_of
from podbrief_assets.insights.excerpt_gates import refused
from podbrief_assets.insights.excerpt_scores import Weights
from podbrief_assets.insights.excerpt_windows import MAX_WORDS, Window, known_names, turns_of
from podbrief_assets.insights.text import fold

WINDOWS, JUDGED = "windows.csv", "excerpts_judged.csv"
PRECISION = 0.6
FLOOR_PRECISION = 0.62  # where the floor is put, leaving one show out: a margin over the goal

# What a feature is expected to weigh; the verdicts pull each away from that. Names, rarity and centrality were expected
# to weigh more until the picks of 45 new episodes showed whom they please: makers who describe their products.
EXPECTED = {
    "opens with a name": 0.20,
    "opens with a kind": 0.16,
    "opens with the speaker": -0.50,
    "opens with a dummy": -0.28,
    "names": -0.20,
    "numbers": 0.43,
    "rare words": 0.80,
    "rarity": 0.60,
    "cause": 0.53,
    "contrast": 0.13,
    "quantity": 0.46,
    "generalisation": 0.12,
    "comparison": 0.43,
    "finding": 0.72,
    "definition": 0.42,
    "first person": -0.88,
    "plural first person": -0.75,
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
    "quotes": -0.54,
    "present tense": 0.28,
    "name then verb": 0.43,
    "about the speaker": -0.68,
    "about the speaker's people": -0.39,
    "opens in lower case": -0.63,
    "no filler": 0.28,
    "long": 0.10,
    "second person and we": -0.40,
    "acronyms": -0.13,
    "commas": -0.16,
    "of": 0.34,
    "and": -0.26,
    "plugs": -0.88,
    "definites": -0.34,
    "fillers": -0.30,
    "hedges": -0.37,
    "dashes": -0.20,
    "storytelling": -0.28,
    "praise": -0.88,
    "about a text at hand": -0.70,
    "later sentence leans": -0.10,
    "first of a turn": -0.40,
    "long turn": 0.36,
    "main speaker": 0.35,
    "centrality": 0.30,
    "length": 0.44,
    "word length": 1.0,
    "words": 2.0,
    "sentences": 0.3,
    "keeps to its words": 0.6,
    "they": -0.5,
    "demonstratives": -0.6,
    "vague": -0.6,
    "of all": 0.3,
    "negation": 0.4,
    "measured": 0.4,
    "describes a product": -0.4,
    "reports": -0.4,
    "anaphoric": -0.4,
    "full names": -0.4,
    "consequence": 0.3,
}
_FIRMLY = 20.0  # the inverse variance of a feature's weight
# What the extractor itself picked is what it meets; the other windows were drawn otherwise, and count half.
_MET = frozenset({"picked", "excerpt", "test"})
_OTHERS = 0.5
_FOLD = 50  # verdicts that make a show a fold of its own; the shows with fewer are one together
_LEAST = 30  # windows that a floor is read from


@dataclass(frozen=True)
class Verdict:
    """One reader's judgement of the words at a place.

    Attributes:
        path: The transcript, below the corpus.
        start: Index of the first word among those of the transcript with the text of its links.
        round: Which check of a finished extractor it belongs to, 0 if to none.
        accept_again: What a second reader said, None where there was none.
    """

    path: str
    show: str
    start: int
    words: int
    digest: str
    stratum: str
    accept: bool
    round: int = 0
    accept_again: bool | None = None


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
                row["accept"] == "1", int(row.get("round") or 0),
                {"1": True, "0": False}.get(row.get("accept_again") or ""),
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip


def mistaken(judged: Sequence[Verdict], corpus: Path) -> int:
    """How many verdicts stand on other words than those that lie at their place now."""
    wrong = 0
    for path, group in itertools.groupby(sorted(judged, key=lambda one: one.path), key=lambda one: one.path):
        words = words_of(transcript_at(corpus / path, links=True))
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
    prominence = prominence_of([fold(word) for word in words_of(segments)])
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


def fit(examples: Sequence[Example], floor: float = 0.0) -> Weights:
    """The weights that the examples which pass the gates teach, drawn towards what was expected."""
    use = [example for example in examples if example.passes]
    mean = np.array([*EXPECTED.values(), -5.0])
    precision = np.array([*[_FIRMLY] * len(EXPECTED), 1e-3])
    counts = np.where(_met(use), 1.0, _OTHERS)
    found = logistic_regression(_table(use), _labels(use), counts, mean, precision)
    return Weights(float(found[-1]), dict(zip(EXPECTED, found[:-1].tolist(), strict=True)), floor)


def _table(examples: Sequence[Example]) -> Floats:
    return np.array([[*(example.features.get(name, 0.0) for name in EXPECTED), 1.0] for example in examples])


def _labels(examples: Sequence[Example]) -> Floats:
    return np.array([example.verdict.accept for example in examples], np.float64)


def _met(examples: Sequence[Example]) -> npt.NDArray[np.bool_]:
    """Which examples are such as the extractor meets."""
    return np.array([example.verdict.stratum in _MET for example in examples], bool)


def _folds(examples: Sequence[Example]) -> npt.NDArray[np.str_]:
    """The show of each example, one name for all shows with few verdicts."""
    sizes = Counter(example.verdict.show for example in examples)
    return np.array([e.verdict.show if sizes[e.verdict.show] >= _FOLD else "" for e in examples])


def held_out(examples: Sequence[Example]) -> Floats:
    """The score of each example (examples,) by weights that never saw a window of its show."""
    folds = _folds(examples)
    scores = np.zeros(len(examples))
    for fold_name in sorted(set(folds)):
        rest, mine = np.flatnonzero(folds != fold_name), np.flatnonzero(folds == fold_name)
        weights = fit([examples[int(i)] for i in rest])
        scores[mine] = [weights.score(examples[int(i)].features) for i in mine]
    return scores


def nested(examples: Sequence[Example]) -> npt.NDArray[np.bool_]:
    """Which examples (examples,) reach a floor, neither it nor the weights having seen a window of their show."""
    folds, scores = _folds(examples), held_out(examples)
    reaching = np.zeros(len(examples), bool)
    for fold_name in sorted(set(folds)):
        floor = _floor([examples[int(i)] for i in np.flatnonzero(folds != fold_name)])
        mine = folds == fold_name
        reaching[mine] = scores[mine] >= floor
    return reaching


def _floor(examples: Sequence[Example]) -> float:
    """The floor that scores of other shows' weights call for, over the windows that the extractor meets."""
    met = _met(examples)
    return floor_of(held_out(examples)[met], _labels(examples)[met])


def floor_of(scores: Floats, labels: Floats, precision: float = FLOOR_PRECISION) -> float:
    """The lowest score at or above which `precision` of the windows are accepted, of `_LEAST` windows at least.

    Where no score reaches it, the one at or above which most are.
    """
    order = np.argsort(-scores)
    reached = (np.cumsum(labels[order]) / np.arange(1, len(order) + 1))[_LEAST - 1 :]
    enough = np.flatnonzero(reached >= precision)
    return float(scores[order][_LEAST - 1 + (enough[-1] if len(enough) else int(reached.argmax()))])


def written(weights: Weights) -> str:
    """The file that ships."""
    features = sorted(weights.features.items(), key=lambda one: (-round(one[1], 2), one[0]))
    return "\n".join(
        [
            "# What each feature of a window adds to the logarithm of the odds that a careful stranger is glad of it,",
            "# and the least sum that makes an excerpt.",
            "# Fitted by benchmarks/fit_excerpts.py: not to be edited.",
            "",
            f"bias = {weights.bias:.2f}",
            f"floor = {weights.floor:.2f}",
            "",
            "[features]",
            *(f'"{name}" = {value:.2f}' for name, value in features),
            "",
        ]
    )


def learned(data: LabelledData) -> Weights:
    """The weights that podbrief's verdicts on the corpus teach, with their floor."""
    return taught([one for one in located(lessons(data), data.corpus) if one.passes])


def lessons(data: LabelledData) -> list[Verdict]:
    """The verdicts that the weights may learn from: all but those of the last check."""
    judged = verdicts(data.of_labels(JUDGED))
    last = max(one.round for one in judged)
    return [*verdicts(data.of_labels(WINDOWS)), *(one for one in judged if one.round < last)]


def taught(examples: Sequence[Example]) -> Weights:
    """The weights of all examples, with the floor that scores leaving one show out call for."""
    return fit(examples, round(_floor(examples), 2))


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
    examples = located(lessons(data), data.corpus)
    passing = [example for example in examples if example.passes]
    labels, met = _labels(passing), _met(passing)
    yield Figure(
        name="windows accepted of those that the gates let through",
        value=float(labels.mean()),
        form="share",
        note=f"{len(passing)} of {len(examples)} pass; of the refused {_refused_well(examples):.1%} are accepted",
    )
    reaching = nested(passing) & met
    yield _share("windows accepted at a floor and by weights that saw nothing of their show", labels[reaching])
    yield Figure(
        name="episodes of those that were picked from with a window that reaches such a floor",
        value=len(_paths(passing, reaching)) / len(_paths(passing, met)),
        form="share",
        note=f"{len(_paths(passing, reaching))} of {len(_paths(passing, met))}",
    )
    scores = held_out(passing)
    yield Figure(
        name="AUC of the score on what the extractor meets, leaving one show out",
        value=auc(scores[met], labels[met] > 0),
        note=_by_show([passing[int(i)] for i in np.flatnonzero(met)], scores[met]),
    )
    yield Figure(
        name="windows accepted of the best tenth by score, leaving one show out",
        value=float(np.mean(labels[met][np.argsort(-scores[met])[: max(1, int(met.sum()) // 10)]])),
        form="share",
        note=f"of all {labels[met].mean():.1%}",
    )
    for number in sorted({one.round for one in judged}):
        drawn = [one for one in judged if one.round == number]
        yield _judged_draw(f"check {number} on episodes without a label: excerpts accepted", drawn, "excerpt")
        yield _judged_draw(f"check {number}: windows below the floor accepted", drawn, "test")

    twice = [one for one in judged if one.accept_again is not None]
    if not twice:
        return
    first, second = np.array([one.accept for one in twice]), np.array([bool(one.accept_again) for one in twice])
    yield Figure(
        name="excerpts of these checks on which a second reader agrees, Cohen's kappa",
        value=kappa(first, second),
        note=f"{int((first == second).sum())} of {len(twice)}; the one accepts {first.sum()}, the other {second.sum()}",
    )


def _paths(examples: Sequence[Example], chosen: npt.NDArray[np.bool_]) -> set[str]:
    return {examples[int(i)].verdict.path for i in np.flatnonzero(chosen)}


def _judged_draw(name: str, drawn: Sequence[Verdict], stratum: str) -> Figure:
    accepted = np.array([one.accept for one in drawn if one.stratum == stratum], np.float64)
    found = _share(name, accepted)
    return found if stratum == "excerpt" else replace(found, goal=None)


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
