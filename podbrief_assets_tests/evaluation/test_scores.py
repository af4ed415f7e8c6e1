"""The figures about quality: what is learned, what is held out, and that what ships is what was fitted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from podbrief_assets.evaluation import score_fit
from podbrief_assets.evaluation.figures import LABELS, LabelledData
from podbrief_assets.evaluation.fitting import auc
from podbrief_assets.evaluation.scores import INSIGHTS, figures
from podbrief_assets.insights.text import word_count
from podbrief_assets.scores.quality import FITTED, quality

RANDOM = np.random.default_rng(5)


def _examples(shows: int = 4, each: int = 150) -> score_fit.Judged:
    """Windows whose grade depends on the first part alone."""
    table = RANDOM.random((shows * each, len(FITTED)))
    grades = np.digitize(table[:, 0] + 0.1 * RANDOM.normal(size=len(table)), [0.4, 0.8])
    number = np.repeat(np.arange(shows), each)
    return score_fit.Judged(table, number, tuple("abcd"), grades, grades >= 1)


def test_the_part_that_decides_gets_the_weight() -> None:
    examples = _examples()
    weights = score_fit.fit(examples.table, examples.grades)
    assert weights.fitted[FITTED[0]] > 3 * max(abs(weights.fitted[name]) for name in FITTED[1:])
    quality = score_fit.scores(examples.table, weights)
    assert auc(quality, examples.accepted) > 0.9
    assert quality.mean() == pytest.approx(examples.accepted.mean(), abs=0.03)


def test_few_examples_leave_every_part_speaking_for_an_insight() -> None:
    weights = score_fit.fit(np.full((2, len(FITTED)), 0.5), np.array([0, 2]))
    assert all(value == pytest.approx(1.0, abs=0.2) for value in weights.fitted.values())


def test_a_show_is_scored_by_weights_that_never_saw_it() -> None:
    examples = _examples()
    before = score_fit.left_out(examples)
    mine = examples.shows == 2
    changed = np.where(mine, 2 - examples.grades, examples.grades)
    after = score_fit.left_out(
        score_fit.Judged(examples.table, examples.shows, examples.names, changed, examples.lasting)
    )
    np.testing.assert_array_equal(before[mine], after[mine])
    assert (before[~mine] != after[~mine]).all()


def test_fitted_scores_are_those_of_the_product_where_nothing_else_is_known() -> None:
    table = RANDOM.random((5, len(FITTED)))
    parts = {name: pl.Series(values) for name, values in zip(FITTED, table.T, strict=True)}
    rest = {"novelty": 1.0, "prominence": 0.5, "judge": None}
    columns = parts | {name: pl.Series([value] * 5, dtype=pl.Float64) for name, value in rest.items()}
    weights = score_fit.fit(*_fittable())
    np.testing.assert_allclose(quality(columns, weights).to_numpy(), score_fit.scores(table, weights))


def _fittable() -> tuple[score_fit.Floats, score_fit.Grades]:
    examples = _examples()
    return examples.table, examples.grades


def test_the_written_insights_keep_to_the_length_and_are_half_worth_it() -> None:
    insights = pl.read_ndjson(LABELS / INSIGHTS)
    assert all(25 <= word_count(text) <= 60 for text in insights["text"])
    assert insights["worth"].to_list() == insights["reason"].is_null().to_list()
    assert (len(insights), insights["worth"].sum()) == (60, 30)
    assert insights["text"].is_unique().all()


def test_a_window_whose_words_are_not_those_that_were_judged_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "one.md").write_text("**Ann:** Bread goes stale because starch gives off water.\n", encoding="utf-8")
    columns = "path,show,start_word,words,digest,stratum,stands_alone,worth,lasting,accept,reason\n"
    digest = score_fit.words_digest(["Bread", "goes", "stale"])
    labels = tmp_path / "labels"
    labels.mkdir()
    (labels / score_fit.WINDOWS).write_text(
        f"{columns}one.md,one,0,3,{digest},top,1,2,1,1,\none.md,one,1,3,{digest},top,1,2,1,1,\n"
        f"gone.md,one,0,3,{digest},top,1,2,1,1,\n",
        encoding="utf-8",
    )
    found = score_fit.windows(LabelledData(corpus=tmp_path, labels=labels))
    assert found["text"].to_list() == ["Bread goes stale"]


def test_what_ships_was_fitted_on_the_judged_windows(corpus: Path) -> None:
    examples = score_fit.judged(score_fit.windows(LabelledData(corpus=corpus)))
    place = Path(score_fit.__file__).parents[1] / "scores" / "quality_weights.toml"
    assert place.read_text(encoding="utf-8") == score_fit.written(score_fit.fit(examples.table, examples.grades))


def test_quality_tells_accepted_from_refused_better_than_weights_by_hand_or_specificity(corpus: Path) -> None:
    found = {figure.name: figure.value for figure in figures(LabelledData(corpus=corpus))}
    assert found["accepted windows above refused ones by quality, each show left out (AUC)"] > 0.7
    assert found["the same, less that of weights chosen by hand"] > 0.08
    assert found["the same, less that of specificity alone"] > 0.15
    assert found["written insights that are worth two lines above those that aren't (AUC)"] > 0.65
    assert found["mean squared error of quality as the chance of being accepted (Brier)"] < 0.15
