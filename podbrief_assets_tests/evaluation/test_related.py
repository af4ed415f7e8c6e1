"""The figures for related insights: on invented transcripts whole, on real ones that the labels fit."""

from __future__ import annotations

import csv
from collections import Counter

import numpy as np
import polars as pl
import pytest

from podbrief_assets.evaluation import related
from podbrief_assets.evaluation.corpus import words_digest
from podbrief_assets.evaluation.figures import LABELS, LabelledData, LabelsMissing

BATTERIES = [
    "Nordvolt opened a factory in Oslo where lithium batteries for electric buses are made with power from the river "
    "beside it, which halves what each battery costs the city of Oslo.",
    "Lithium batteries for electric buses cost half as much since Nordvolt builds them in Oslo, because power from the "
    "river is cheap and the factory stands beside the city depot.",
    "Rotterdam bought electric buses whose lithium batteries come from Nordvolt, and the city says that the batteries "
    "last longer than those of its older buses from another factory.",
    "Electric buses in Hamburg run on lithium batteries that Nordvolt makes in Norway, and each battery is sold again "
    "as storage for power once the bus has driven for ten years.",
]
CHEESE = (
    "Monks in Burgundy have washed the rind of Epoisses cheese with brandy for five hundred years, which gives the "
    "cheese its orange colour and a smell that trains once forbade."
)


@pytest.fixture
def data(tmp_path):
    shows = tmp_path / "corpus/transcripts/changelog"
    for number, text in enumerate([*BATTERIES, CHEESE]):
        path = shows / f"show{number % 2}/episode-{number}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f"**Ann:** Welcome to our show, I am Ann and we talk to you about things every week.\n\n**Bo:** {text}\n"
        )
    rows = [("batteries", 0, 1, "same subject"), ("cheese", 0, 4, "unrelated")]
    labels = tmp_path / "labels"
    labels.mkdir()
    names = [f"{side}_{name}" for side in "ab" for name in ("episode", "paragraph", "word", "words", "digest")]
    with (labels / "related.csv").open("w", newline="") as file:
        written = csv.writer(file)
        written.writerow([*names, "verdict"])
        for _, *places, verdict in rows:
            texts = [[*BATTERIES, CHEESE][place].split() for place in places]
            written.writerow(
                [value for place, words in zip(places, texts, strict=True)
                 for value in (f"show{place % 2}/episode-{place}.md", 1, 0, len(words), words_digest(words))] + [verdict]
            )  # fmt: skip
    return LabelledData(corpus=tmp_path / "corpus", labels=labels)


def test_windows_are_told_in_the_third_person_and_know_their_place(data):
    found = related.windows(data.of_corpus("transcripts", "changelog"))
    assert sorted(window.text for window in found) == sorted([*BATTERIES, CHEESE]), "the greeting is none"
    assert {(window.paragraph, window.word) for window in found} == {(1, 0)}


def test_what_is_related_has_a_list_and_what_is_not_has_none(data):
    figures = {figure.name: figure for figure in related.figures(data)}
    assert figures["windows with at least three related ones"].value == pytest.approx(4 / 5)
    bands = [figure for name, figure in figures.items() if name.startswith("pairs of real windows")]
    assert all(figure.value in {0.0, 1.0} for figure in bands)
    assert all(figure.goal is None for figure in figures.values())


def test_a_pair_whose_words_are_not_what_was_judged_is_refused(data):
    path = data.of_corpus("transcripts", "changelog") / "show0/episode-0.md"
    path.write_text(path.read_text().replace("Oslo", "Bergen"))
    with pytest.raises(LabelsMissing, match=r"episode-0\.md does not say what was judged: give the corpus"):
        related.judged_pairs(data.of_labels("related.csv"), data.of_corpus("transcripts", "changelog"))
    path.unlink()
    with pytest.raises(LabelsMissing, match="does not say what was judged"):
        related.judged_pairs(data.of_labels("related.csv"), data.of_corpus("transcripts", "changelog"))


def test_a_list_of_the_same_is_more_alike_than_one_of_different_things():
    vectors = np.eye(4, dtype=np.float32)
    vectors[1] = vectors[0]

    def alike(*others):
        edges = pl.DataFrame({"insight_id": ["9"] * len(others), "related_id": [str(other) for other in others]})
        return related.intra_list_similarity(edges, vectors)

    assert (alike(0, 1), alike(0, 2), alike(0, 1, 2)) == (1, 0, pytest.approx(1 / 3))
    assert np.isnan(alike(0))


def test_the_shipped_verdicts_fit_the_real_transcripts(corpus):
    pairs = related.judged_pairs(LABELS / "related.csv", corpus / "transcripts/changelog")
    counts = Counter(pair.verdict for pair in pairs)
    assert set(counts) == {related.SAME_SUBJECT, related.SAME_FIELD, related.UNRELATED}
    assert min(counts.values()) >= 20
    assert all(20 <= len(text.split()) <= 60 for pair in pairs for text in pair.texts)
