"""Judged windows: found again in the corpus, fitted, and measured on shows that no weight saw."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from podbrief_assets.evaluation.excerpts import (
    EXPECTED,
    Example,
    Verdict,
    fit,
    floor_of,
    held_out,
    lessons,
    located,
    mistaken,
    nested,
    verdicts,
    written,
)
from podbrief_assets.evaluation.figures import LABELS, LabelledData
from podbrief_assets.insights.excerpt_features import measured
from podbrief_assets.insights.excerpt_scores import Weights, shipped
from podbrief_assets.insights.excerpt_windows import Turn, Window

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


def test_no_episode_of_the_last_check_was_learned_from() -> None:
    judged = verdicts(LABELS / "excerpts_judged.csv")
    last = {one.path for one in judged if one.round == max(other.round for other in judged)}
    learned = {one.path for one in lessons(LabelledData(corpus=Path()))}
    assert learned and last and learned.isdisjoint(last)
    assert learned > {one.path for one in judged} - last > set()


def test_a_judged_window_is_found_with_its_very_words(corpus: Path) -> None:
    some = few("windows.csv", corpus)
    examples = located(some, corpus)
    assert len(examples) >= 0.9 * len(some)
    assert all(len(one.window.words) == one.verdict.words for one in examples)


def test_every_weight_is_of_a_feature_that_is_measured(corpus: Path) -> None:
    kinds = {name for name in EXPECTED if name.startswith("opens with ")}
    (found, *_) = located(few("windows.csv", corpus), corpus)
    assert set(EXPECTED) - kinds <= set(measured(found.window, 0.5))
    assert set(shipped().features) == set(EXPECTED)


def test_the_floor_is_the_lowest_score_that_keeps_the_precision() -> None:
    scores = np.arange(100, 0, -1).astype(float)
    labels = (np.arange(100) < 40).astype(float)
    assert floor_of(scores, labels, precision=0.8) == scores[49]


def test_where_no_score_keeps_the_precision_the_floor_is_where_most_are_accepted() -> None:
    scores = np.arange(100, 0, -1).astype(float)
    labels = ((np.arange(100) >= 10) & (np.arange(100) < 35)).astype(float)
    assert floor_of(scores, labels, precision=0.9) == scores[34]


def example(show: str, stratum: str, centrality: float, accept: bool) -> Example:
    turn = Turn("Ada", timed=False, known=frozenset(), share=1.0, sentences=())
    verdict = Verdict(f"{show}.md", show, 0, 30, "", stratum, accept)
    return Example(verdict, Window(turn, 0, 0), True, {"centrality": centrality})


def several(show: str, stratum: str, helps: bool, count: int = 100) -> list[Example]:
    """Windows of which every other one is accepted, those with centrality if it `helps`, the others if not."""
    return [example(show, stratum, float(n % 2), (n % 2 == 1) == helps) for n in range(count)]


def test_a_show_teaches_nothing_about_itself() -> None:
    examples = [*several("one", "picked", True), *several("two", "picked", True), *several("odd", "picked", False)]
    scores = held_out(examples)
    odd = np.array([one.verdict.show == "odd" for one in examples])
    accepted = np.array([one.verdict.accept for one in examples])
    assert scores[odd & accepted].max() < scores[odd & ~accepted].min()
    assert nested(examples)[odd & accepted].sum() == 0


def test_what_the_extractor_picks_counts_for_more_than_what_was_drawn_otherwise() -> None:
    picked, drawn = several("one", "picked", True), several("two", "random", False)
    assert fit([*picked, *drawn]).features["centrality"] > EXPECTED["centrality"]


def test_what_is_written_is_read_again() -> None:
    weights = fit(several("one", "picked", True), floor=0.5)
    read = Weights.of_toml(written(weights))
    assert read.floor == 0.5
    assert read.bias == pytest.approx(weights.bias, abs=0.006)
    assert read.features == pytest.approx(weights.features, abs=0.006)
