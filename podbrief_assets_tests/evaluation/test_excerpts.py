"""Judged windows: found again in the corpus, fitted, and measured on shows that no weight saw."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from podbrief_assets.evaluation.excerpts import EXPECTED, Verdict, fit, floor_of, located, mistaken, verdicts, written
from podbrief_assets.evaluation.figures import LABELS
from podbrief_assets.insights.excerpt_features import measured
from podbrief_assets.insights.excerpt_scores import Weights, shipped

FILES = ("windows.csv", "excerpts_judged.csv")


def few(name: str, corpus: Path) -> list[Verdict]:
    """The verdicts of a file on the smallest transcripts that it names."""
    found = verdicts(LABELS / name)
    paths = sorted({one.path for one in found}, key=lambda path: (corpus / path).stat().st_size)[:8]
    return [one for one in found if one.path in paths]


@pytest.mark.parametrize("name", FILES)
def test_verdicts_stand_on_the_words_that_they_were_given_on(corpus: Path, name: str) -> None:
    some = few(name, corpus)
    assert some and mistaken(some, corpus) == 0
    assert mistaken([replace(one, start=one.start + 1) for one in some], corpus) == len(some)


def test_an_accepted_window_stands_alone_is_worth_two_lines_and_has_no_fault() -> None:
    for name in FILES:
        for row in csv.DictReader((LABELS / name).read_text(encoding="utf-8").splitlines()):
            sound = (row["stands_alone"], row["worth"], row["reason"]) == ("1", "2", "")
            assert (row["accept"] == "1") == sound, row


def test_no_episode_was_both_learned_from_and_judged() -> None:
    learned, judged = ({one.path for one in verdicts(LABELS / name)} for name in FILES)
    assert learned and judged and learned.isdisjoint(judged)


def test_a_judged_window_is_found_with_its_very_words(corpus: Path) -> None:
    some = few("windows.csv", corpus)
    examples = located(some, corpus)
    assert len(examples) >= 0.9 * len(some)
    assert all(len(example.window.words) == example.verdict.words for example in examples)


def test_every_weight_is_of_a_feature_that_is_measured(corpus: Path) -> None:
    kinds = {name for name in EXPECTED if name.startswith("opens with ")}
    (example, *_) = located(few("windows.csv", corpus), corpus)
    assert set(EXPECTED) - kinds <= set(measured(example.window, 0.5))
    assert set(shipped().features) == set(EXPECTED)


def test_the_floor_is_the_lowest_score_that_keeps_the_precision() -> None:
    scores = np.arange(100, 0, -1).astype(float)
    labels = (np.arange(100) < 40).astype(float)
    assert floor_of(scores, labels, precision=0.8) == scores[49]
    assert floor_of(scores, 1 - labels, precision=0.9) == float("inf")


def test_what_is_written_is_read_again(corpus: Path) -> None:
    examples = located(few("windows.csv", corpus), corpus)
    chance = np.random.default_rng(1)
    vectors = tuple(chance.normal(size=(len(examples), 384)).astype(np.float32) for _ in range(2))
    weights = fit(examples, (vectors[0], vectors[1]), floor=0.5)
    read = Weights.of_toml(written(weights))
    assert read.floor == 0.5
    assert read.features == pytest.approx(weights.features, abs=0.006)
    assert read.window == pytest.approx(weights.window, abs=0.006)
    assert read.before == pytest.approx(weights.before, abs=0.006)
