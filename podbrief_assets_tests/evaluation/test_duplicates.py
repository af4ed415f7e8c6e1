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
    DEVELOPMENT,
    FOLDS,
    FRESH,
    HEARD,
    LabelledPair,
    SignedPair,
    decided,
    fit,
    folds,
    read_pairs,
    written,
)
from podbrief_assets.insights.text import word_count
from podbrief_assets.scores.claims import read_claim, stems_of
from podbrief_assets.scores.duplicates import LEAST_SHARED
from podbrief_assets.scores.pairs import judge, signs, words_shared

ROWS = {
    name: [json.loads(line) for line in (LABELS / name).read_text(encoding="utf-8").splitlines()]
    for name in (DEVELOPMENT, FRESH, HEARD)
}


def test_texts_have_the_form_of_insights_and_what_was_heard_is_only_named():
    for name, rows in ROWS.items():
        for told in (row[side] for row in rows for side in ("a", "b")):
            if name == HEARD:
                assert set(told) == {"file", "first", "count", "digest"}
            else:
                assert 25 <= word_count(told) <= 60, told


def test_there_are_three_hundred_pairs_to_fit_and_a_hundred_and_thirty_others():
    assert len(ROWS[DEVELOPMENT]) >= 300
    told = Counter(row["verdict"] for row in ROWS[FRESH])
    assert (told["same"] >= 40, told["opposite"] >= 25, told["different"] >= 65) == (True, True, True)
    texts, fresh = ({row[side] for row in ROWS[name] for side in ("a", "b")} for name in (DEVELOPMENT, FRESH))
    assert not texts & fresh


def test_words_that_were_heard_are_read_from_the_corpus(corpus):
    heard = read_pairs(LabelledData(corpus=corpus), HEARD)
    assert len(heard) == len(ROWS[HEARD])
    assert all(word_count(pair.a) >= 25 for pair in heard)


def test_what_shares_too_few_words_to_be_looked_at_would_be_found_different():
    few = [row for row in ROWS[DEVELOPMENT] if words_shared(stems_of(row["a"]), stems_of(row["b"])) < LEAST_SHARED]
    assert len(few) > 50
    assert {judge(read_claim(row["a"]), read_claim(row["b"]), 0.9).verdict for row in few} == {"different"}


def test_other_words_than_those_judged_are_refused(tmp_path):
    (tmp_path / HEARD).write_text(
        json.dumps(
            {
                **{"topic": "t", "verdict": "same", "kind": "k", "b": "b"},
                "a": {"file": "x.md", "first": 0, "count": 2, "digest": "00000000"},
            }
        )
    )
    (tmp_path / "x.md").write_text("**Ann:** Other words here")
    with pytest.raises(LabelsMissing, match="other words"):
        read_pairs(LabelledData(corpus=tmp_path, labels=tmp_path), HEARD)


def made(topics=40):
    """Pairs that cosine tells apart, with contraries that only their direction does."""
    found = []
    for topic in range(topics):
        word = "".join(chr(ord("a") + int(digit)) * 3 for digit in f"{topic:02}")
        rose = f"Demand for batteries from Acme in Oslo rose in the {word} harbours"
        texts = {"same": rose, "opposite": rose.replace("rose", "fell"), "different": f"Tomatoes lose {word} aroma"}
        for verdict, text in texts.items():
            cosine = 0.3 if verdict == "different" else 0.9
            pair = LabelledPair(f"t{topic:02}", verdict, "made", rose, text)
            found.append(SignedPair(pair, signs(read_claim(rose), read_claim(text), cosine)))
    return found


def test_the_fit_finds_what_tells_pairs_apart_and_thresholds_that_keep_to_it():
    weights = fit(made())
    assert weights.same["cosine"] > 0 and "names in conflict" not in weights.same
    assert [one.verdict for one in decided(made())] == [one.pair.verdict for one in made()]
    assert f"same = {weights.same_from:.2f}" in written(weights)


def test_pairs_that_share_a_topic_or_a_text_are_never_on_both_sides_of_a_fit():
    pairs = made()
    joined = dataclasses.replace(pairs[0].pair, topic="t00 and t01", a="a", b="b")
    retold = dataclasses.replace(pairs[0].pair, topic="x", a=pairs[6].pair.a, b="c")
    fold = folds([*pairs, SignedPair(joined, pairs[0].signs), SignedPair(retold, pairs[0].signs)])
    assert len({*fold[:6].tolist(), int(fold[-2])}) == 1, "of the topics 0 and 1, and of what names both"
    assert fold[-1] == fold[6], "of topic 2, whose text is told under another topic"
    assert set(fold.tolist()) == set(range(FOLDS))


def test_no_contrary_is_at_or_above_the_threshold_however_many_are_right():
    pairs = made()
    contrary = dataclasses.replace(pairs[0].pair, verdict="opposite")
    assert fit(pairs).same_from < 1
    assert fit([SignedPair(contrary, pairs[0].signs), *pairs[1:]]).same_from == 1.0


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
    pair_score, cosine = (by_name[f"AUC of {name} for repeats, fresh pairs"] for name in ("the pair score", "cosine"))
    assert pair_score.value > cosine.value + 0.1
    assert by_name["recall of repeats, nearest excerpts of real episodes"].value == 1
