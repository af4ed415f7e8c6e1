"""The figures about repeats: labels that name no stranger's words, a fit that ships, and measures that are right."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter

import numpy as np
import pytest

from podbrief_assets.evaluation import duplicates, embeddings
from podbrief_assets.evaluation.figures import LABELS, LabelledData, LabelsMissing
from podbrief_assets.evaluation.pair_fit import (
    LabelledPair,
    SignedPair,
    cross_validated,
    fit,
    read_pairs,
    written,
)
from podbrief_assets.insights.text import word_count
from podbrief_assets.scores.claims import read_claim
from podbrief_assets.scores.pairs import signs

ROWS = [json.loads(line) for line in (LABELS / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]


def test_texts_have_the_form_of_insights_and_what_was_heard_is_only_named():
    for row in ROWS:
        for told in (row["a"], row["b"]):
            if row["half"] == "heard":
                assert set(told) == {"file", "first", "count", "digest"}
            else:
                assert 25 <= word_count(told) <= 60, told


def test_there_are_three_hundred_pairs_and_no_topic_is_in_two_halves():
    written_ones = [row for row in ROWS if row["half"] != "heard"]
    assert len(written_ones) >= 300
    halves: dict[str, set[str]] = {}
    for row in written_ones:
        for topic in row["topic"].split(" and "):
            halves.setdefault(topic, set()).add(row["half"])
    assert {len(found) for found in halves.values()} == {1}
    assert min(Counter(row["verdict"] for row in written_ones if row["half"] == "test").values()) >= 30


def test_words_that_were_heard_are_read_from_the_corpus(corpus):
    heard = [pair for pair in read_pairs(LabelledData(corpus=corpus)) if pair.half == "heard"]
    assert len(heard) == sum(row["half"] == "heard" for row in ROWS)
    assert all(word_count(pair.a) >= 25 for pair in heard)


def test_other_words_than_those_judged_are_refused(tmp_path):
    (tmp_path / "pairs.jsonl").write_text(
        json.dumps(
            {
                **{"topic": "t", "half": "heard", "verdict": "same", "kind": "k", "b": "b"},
                "a": {"file": "x.md", "first": 0, "count": 2, "digest": "00000000"},
            }
        )
    )
    (tmp_path / "x.md").write_text("**Ann:** Other words here")
    with pytest.raises(LabelsMissing, match="other words"):
        read_pairs(LabelledData(corpus=tmp_path, labels=tmp_path))


def made(topics=40):
    """Pairs that cosine tells apart, with contraries that only their direction does."""
    rose = "Demand for batteries from Acme in Oslo rose in the harbours"
    texts = {"same": rose, "opposite": rose.replace("rose", "fell"), "different": "Tomatoes lose aroma in the cold"}
    found = []
    for topic in range(topics):
        for verdict, text in texts.items():
            cosine = 0.3 if verdict == "different" else 0.9
            pair = LabelledPair(f"t{topic:02}", "development", verdict, "made", rose, text)
            found.append(SignedPair(pair, signs(read_claim(rose), read_claim(text), cosine)))
    return found


def test_the_fit_finds_what_tells_pairs_apart_and_thresholds_that_keep_to_it():
    weights = fit(made())
    assert weights.same["cosine"] > 0 and "names in conflict" not in weights.same
    chances = cross_validated(made())
    verdicts = np.array([one.pair.verdict for one in made()])
    assert set(verdicts[chances[:, 0] >= weights.same_from]) == {"same"}
    assert set(verdicts[chances[:, 1] >= weights.opposite_from]) == {"opposite"}
    assert f"same = {weights.same_from:.2f}" in written(weights)


def test_a_wanted_precision_that_is_never_reached_lets_nothing_pass():
    mislabelled = [
        dataclasses.replace(one, pair=dataclasses.replace(one.pair, verdict="different")) if number % 2 else one
        for number, one in enumerate(made())
    ]
    assert fit(mislabelled).same_from == 1.0


def test_likeness_of_characters_is_that_of_their_runs():
    pairs = [("the grid", "the grid"), ("the grid", "zzz"), ("the grid", "the grids")]
    alike, unlike, near = duplicates.character_likeness(pairs)
    assert (alike, unlike) == (pytest.approx(1), 0)
    assert 0.5 < near < 1


def test_rank_correlation_is_that_of_ranks_and_ties_share_theirs():
    one = np.array([1.0, 2.0, 3.0, 4.0])
    assert embeddings.spearman(one, one**3) == pytest.approx(1)
    assert embeddings.spearman(one, -one) == pytest.approx(-1)
    assert embeddings.spearman(one, np.array([1.0, 1.0, 2.0, 2.0])) == pytest.approx(0.8944, abs=1e-4)


def test_every_figure_about_repeats_is_measured(corpus):
    figures = list(duplicates.figures(LabelledData(corpus=corpus)))
    by_name = {figure.name: figure for figure in figures}
    assert len(by_name) == len(figures)
    assert 0.69 < by_name["AUC of cosine, ArgKP-2021 test"].value < 0.72
    assert 0.73 < by_name["AUC of TF-IDF of characters, ArgKP-2021 test"].value < 0.78
    pair_score, cosine = (by_name[f"AUC of {name} for repeats, test half"] for name in ("the pair score", "cosine"))
    assert pair_score.value > cosine.value + 0.1
    assert by_name["recall of repeats, nearest excerpts of real episodes"].value == 1
