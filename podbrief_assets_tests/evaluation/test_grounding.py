"""The labels of grounding are sound, and its figures are those of the gates that the product has."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from podbrief_assets.evaluation.figures import LABELS, LabelledData, LabelsMissing
from podbrief_assets.evaluation.grounding import HELD_BACK, KINDS, figures, labelled

ROWS = [json.loads(line) for line in (LABELS / "grounding.jsonl").read_text(encoding="utf-8").splitlines()]


def test_there_are_enough_labels_of_every_kind_on_both_sides() -> None:
    assert len(ROWS) >= 100
    assert sum(len(row["corrupted"]) > 4 for row in ROWS) >= 60
    for held_back in (False, True):
        rows = [row for row in ROWS if (row["show"] in HELD_BACK) == held_back]
        counts = Counter(edit["kind"] for row in rows for edit in row["corrupted"])
        assert set(counts) == set(KINDS)
        assert all(counts[kind] >= 50 for kind in ("subject", "polarity", "hedge", "number"))


def test_a_label_has_the_form_of_an_insight_and_none_of_the_words_spoken() -> None:
    for row in ROWS:
        assert set(row) == {"show", "file", "start", "words", "digest", "text", "corrupted"}
        assert 25 <= len(row["text"].split()) <= 60
        assert 5 <= row["words"] <= 40
        for edit in row["corrupted"]:
            assert row["text"].count(edit["said"]) == 1
            assert edit["said"] != edit["told"]


def test_every_quote_is_found_in_its_passage(corpus: Path) -> None:
    found = labelled(LabelledData(corpus=corpus))
    assert len(found) == len(ROWS)
    assert [one.text for one in found if one.quote is None] == []


def test_labels_for_other_words_are_told(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "grounding.jsonl").write_text(json.dumps({**ROWS[0], "digest": "0" * 8}), encoding="utf-8")
    with pytest.raises(LabelsMissing, match="other words"):
        labelled(LabelledData(corpus=corpus, labels=tmp_path))


def test_figures_name_both_sides_and_have_goals_on_the_one_held_back(corpus: Path, tmp_path: Path) -> None:
    some = [next(row for row in ROWS if row["show"] == show) for show in ("podcast", "friends")]
    (tmp_path / "grounding.jsonl").write_text("\n".join(map(json.dumps, some)), encoding="utf-8")
    found = list(figures(LabelledData(corpus=corpus, labels=tmp_path)))
    assert all(0 <= figure.value <= 1 for figure in found)
    assert {figure.name.rsplit(", ", 1)[1] for figure in found} == {"shows developed on", "shows held back"}
    assert sum(figure.goal is not None for figure in found) == 5
    assert all("held back" in figure.name for figure in found if figure.goal)
