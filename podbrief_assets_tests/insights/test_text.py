"""Sentences, names and the share of English, on the ways people and recognisers write."""

from __future__ import annotations

from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.insights.text import (
    expected_share,
    is_english,
    names_of,
    rarity,
    sentence_ends,
    sentences,
    time_at,
    word_count,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Smith left. Nobody saw it.", ["Dr. Smith left.", "Nobody saw it."]),
        ("It grew 3.5 percent. That is a lot.", ["It grew 3.5 percent.", "That is a lot."]),
        ("The U.S. Army paid. We know.", ["The U.S. Army paid.", "We know."]),
        ("They moved to the U.S. The rest stayed.", ["They moved to the U.S.", "The rest stayed."]),
        ("J. K. Rowling wrote it. Really?", ["J. K. Rowling wrote it.", "Really?"]),
        ("I asked. No. Then no. 5 won.", ["I asked.", "No.", "Then no. 5 won."]),
        ("I use node.js, e.g. Express. Do you?", ["I use node.js, e.g. Express.", "Do you?"]),
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
        ("no full stop at all", ["no full stop at all"]),
        ("", []),
    ],
)
def test_sentences_end_where_people_hear_them_end(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_sentences_keep_every_word_whatever_the_text(text: str) -> None:
    assert " ".join(sentences(text)).split() == text.split()
    ends = sentence_ends(text.split())
    assert ends == sorted(set(ends))
    assert (ends[-1] if ends else 0) == word_count(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("OpenAI released GPT-4. Sam Altman said so.", ("OpenAI", "GPT-4", "Sam Altman")),
        ("Nobody at the Bank of America believed it.", ("Bank of America",)),
        ("Companies like Google's parent moved to New York.", ("Google", "New York")),
        ("Kubernetes won. I like Kubernetes.", ("Kubernetes",)),
        ("Yesterday was fine. However, we left in March.", ()),
        ("We met Ada, Grace and Hedy.", ("Ada", "Grace", "Hedy")),
        ("The U.S. Government paid.", ("U.S. Government",)),
    ],
)
def test_names_are_found_and_sentence_openers_are_not(text: str, expected: tuple[str, ...]) -> None:
    assert names_of(text) == expected


def test_common_words_are_not_rare_and_unheard_ones_are() -> None:
    assert rarity("the") == 0.0
    assert 0.0 < rarity("people") < rarity("database") <= 1.0
    assert rarity("photosynthesis") == 1.0
    assert rarity("works") == rarity("work") or rarity("works") < 1.0


def test_a_word_is_expected_as_often_as_its_rank_says_and_the_listed_ones_are_all_there_is() -> None:
    assert expected_share("people") > expected_share("database") > expected_share("photosynthesis") > 0
    assert expected_share("photosynthesis") == expected_share("chlorophyll")
    listed = resources.files("podbrief_assets.insights").joinpath("common_words.txt").read_text("utf-8").split()
    assert sum(map(expected_share, listed)) == pytest.approx(1.0)


def test_english_is_told_from_other_languages() -> None:
    assert is_english(
        [
            "the",
            "thing",
            "that",
            "we",
            "have",
            "is",
            "not",
            "what",
            "they",
            "want",
            "and",
            "it",
            "was",
            "there",
            "for",
            "you",
        ]
    )
    german = "und dann haben wir gesehen dass die Kosten des Projekts viel höher waren als wir gedacht hatten"
    assert not is_english(german.split())
    assert not is_english([])


def test_a_word_begins_in_proportion_to_its_place() -> None:
    assert [time_at(10.0, 14.0, index, 4) for index in (0, 2, 4)] == [10.0, 12.0, 14.0]
    assert time_at(3.0, 3.0, 0, 0) == 3.0
