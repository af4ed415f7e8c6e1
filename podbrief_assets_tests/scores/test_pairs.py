"""The pair score: each sign and each veto, with a case where it holds and one where it doesn't."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.scores.claims import read_claim, stems_of
from podbrief_assets.scores.pairs import (
    VETOES,
    Weights,
    decide,
    in_like_words,
    judge,
    shipped,
    signs,
    vetoes,
    words_shared,
)

CLAIM = "In March 2024 Acme raised 40 million dollars to build batteries in Oslo, because demand for storage rose"


def between(one, other, cosine=0.9):
    return signs(read_claim(one), read_claim(other), cosine)


def vetoed(one, other):
    return set(vetoes(between(one, other)))


@pytest.mark.parametrize(
    ("veto", "one", "other"),
    [
        ("numbers", CLAIM, CLAIM.replace("40", "60")),
        ("numbers", "It serves 90 percent of users", "It serves a tenth of users"),
        ("numbers", "GPT-4 writes better code than people", "GPT-5 writes better code than people"),
        ("numbers", "Speed doubles every two years", "Speed doubles every ten years"),
        ("numbers", CLAIM, CLAIM.replace("40 million dollars", "a lot of money")),
        ("numbers", "Half of all users pay for it", "Every user pays for it, all 7 of them"),
        ("names", CLAIM, CLAIM.replace("Acme", "Nordvolt")),
        ("names", "Prices in Germany are stable", "Prices in Norway are stable"),
        ("dates", CLAIM, CLAIM.replace("2024", "2023")),
        ("dates", CLAIM, CLAIM.replace("March", "June")),
        ("direction", "Demand for diesel buses rose in Rotterdam", "Demand for diesel buses fell in Rotterdam"),
        ("direction", "Demand for diesel buses climbed in Rotterdam", "Demand for diesel buses sank in Rotterdam"),
        ("direction", "The agency will allow the merger", "The agency will not allow the merger"),
        ("direction", "The agency will allow the merger", "The agency didn't allow the merger"),
        ("in place", f"{CLAIM}, and more people keep it", f"{CLAIM}, and fewer people keep it"),
        ("in place", f"{CLAIM}, before ships use it", f"{CLAIM}, after ships use it"),
        ("contrast", "Microsoft chose Zig over Rust for it", "Microsoft chose Rust over Zig for it"),
        ("roles", "Anthropic bought OpenTofu last week", "OpenTofu bought Anthropic last week"),
        ("hedge", "Apple may build a search engine", "Apple builds a search engine"),
        ("word", f"{CLAIM} and tomatoes need it", f"{CLAIM} and potatoes need it"),
        ("order", "Ann Lee taught Bo Kim to sail in winter", "Bo Kim taught Ann Lee to sail in winter"),
    ],
)
def test_what_differs_in_something_that_matters_is_never_the_same(veto, one, other):
    assert veto in vetoed(one, other)
    assert decide(between(one, other, 0.99), shipped()).verdict != "same"


@pytest.mark.parametrize(
    ("veto", "one", "other"),
    [
        ("numbers", "It serves half of all users", "It serves 50 percent of all users"),
        ("numbers", "About 100 people work there", "Some 102 people work there"),
        ("numbers", "It now takes a tenth of the time", "It is now ten times faster"),
        ("numbers", "It raised $40 million", "It raised forty million dollars"),
        ("names", "Prices in Germany are stable", "Prices for Germans are stable"),
        ("names", "Voters in the US are older", "American voters are older"),
        ("names", "Tim Fisken warns of it", "Fisken warns of it"),
        ("names", "AI assistants slow work down", "Work is slowed down by assistants, even with AI"),
        ("names", "The H200 is sold again", "They sell the H200 again"),
        ("dates", "It closed in March 2024", "It closed in 2024"),
        ("direction", "Sales of diesel buses rose", "Sales of diesel buses climbed"),
        ("direction", "The rule is not new, and sales rose", "The rule is not new, and sales went higher"),
        ("in place", f"{CLAIM}, and more people keep it", f"{CLAIM}, and most people keep it"),
        ("in place", "Prices rose and wages followed", "Wages fell when nobody looked, and so did other things"),
        ("contrast", "Microsoft chose Zig over Rust for it", "Zig was picked over Rust by Microsoft"),
        ("roles", "Anthropic bought OpenTofu last week", "OpenTofu was acquired by Anthropic last week"),
        ("hedge", "Apple may build a search engine", "Perhaps Apple builds a search engine"),
        ("word", "Tomatoes need warm cellars to ripen", "To ripen, tomatoes need warm cellars"),
        ("order", "Snow in Oslo is deep, Acme measured", "Acme measured it: deep snow lies in the hills around Oslo"),
        (
            "order",
            "Developers at Acme are slower with assistants, a randomised trial by METR among maintainers suggests",
            "A randomised trial by METR among maintainers suggests that developers at Acme are slower with assistants",
        ),
        (
            "places",
            "Diesels were 55 percent in 2011 and nine in 2024",
            "Diesels were 55 percent in 2011 and nine in 2024",
        ),
    ],
)
def test_the_same_in_other_words_is_not_vetoed(veto, one, other):
    assert veto not in vetoed(one, other)


def test_numbers_that_change_places_are_noticed():
    one = "Diesel cars reached 55 percent of European sales in 2011 and nine percent by autumn 2024"
    other = "Diesel cars reached nine percent of European sales in 2011 and 55 percent by autumn 2024"
    assert "places" in vetoed(one, other)


@pytest.mark.parametrize(
    ("sign", "higher", "lower"),
    [
        ("letters", (CLAIM, CLAIM + " again"), (CLAIM, "Tomatoes hate the cold")),
        ("nearly verbatim", (CLAIM, CLAIM), (CLAIM, "Acme will build batteries")),
        ("words", (CLAIM, "Demand for batteries made Acme build in Oslo"), (CLAIM, "Tomatoes hate the cold")),
        ("words uncovered", (CLAIM, "Acme will build batteries"), (CLAIM, CLAIM + " again")),
        ("words changed", (CLAIM, CLAIM.replace("batteries", "tractors")), (CLAIM, CLAIM)),
        ("numbers shared", (CLAIM, "Acme has 40 million dollars"), (CLAIM, "Acme has dollars")),
        ("numbers of one only", (CLAIM, "Acme has dollars"), (CLAIM, "Acme has 40 million dollars")),
        ("numbers unlike", ("It has 7 cats", "It has 9 percent"), ("It has 7 cats", "It has 7 cats and 9 percent")),
        ("names shared", (CLAIM, "Money for Acme"), (CLAIM, "Money for batteries")),
        ("names of one only", (CLAIM, "money for batteries"), (CLAIM, "In Oslo Acme found money")),
        ("directions unlike", ("Prices rose", "Prices fell"), ("Prices rose", "Prices climbed")),
        ("hedged by one", ("It may work", "It works"), ("It may work", "It might work")),
    ],
)
def test_each_sign_rises_with_what_it_is_named_for(sign, higher, lower):
    assert between(*higher)[sign] > between(*lower)[sign]


def test_the_score_says_same_opposite_and_different():
    assert judge(read_claim(CLAIM), read_claim(CLAIM), 1.0).verdict == "same"
    fell = CLAIM.replace("raised", "did not raise").replace("rose", "fell")
    assert judge(read_claim(CLAIM), read_claim(fell), 0.95).verdict == "opposite"
    assert judge(read_claim(CLAIM), read_claim("Tomatoes lose their aroma in the cold"), 0.1).verdict == "different"


def test_a_veto_and_the_lack_of_a_contrary_overrule_any_chance():
    sure = Weights(same={"bias": 30.0}, opposite={"bias": 30.0}, same_from=0.5, opposite_from=0.5)
    assert decide(between(CLAIM, CLAIM.replace("40", "60")), sure).verdict == "different"
    assert decide(between(CLAIM, CLAIM.replace("rose", "fell").replace("2024", "2023")), sure).verdict == "different"


def test_what_is_told_freely_in_other_words_is_never_the_same_however_sure_the_score():
    sure = Weights(same={"bias": 30.0}, opposite={"bias": -30.0}, same_from=0.5, opposite_from=0.5)
    free = "Oslo gets a battery plant: 40 million dollars went to Acme in March 2024, since more must be stored"
    assert (vetoed(CLAIM, free), in_like_words(between(CLAIM, free))) == (set(), False)
    assert decide(between(CLAIM, free), sure).verdict == "different"
    moved = "Because demand for storage rose, Acme raised 40 million dollars in March 2024 to build batteries in Oslo"
    assert decide(between(CLAIM, moved), sure).verdict == "same"


def test_words_shared_are_told_without_reading_a_text_whole():
    one, other = CLAIM, "Acme will build batteries"
    assert stems_of(one) == read_claim(one).stems
    assert words_shared(stems_of(one), stems_of(other)) == between(one, other)["words"]
    assert words_shared({}, {}) == 0


def test_every_veto_and_every_weight_is_of_a_sign_that_exists():
    found = set(between(CLAIM, CLAIM))
    assert {sign for sign, _ in VETOES.values()} <= found
    assert set(shipped().same) | set(shipped().opposite) <= found | {"bias"}


WORDS = st.sampled_from(
    [
        "Acme",
        "Oslo",
        "raised",
        "fell",
        "rose",
        "not",
        "40",
        "60",
        "percent",
        "2024",
        "March",
        "may",
        "over",
        "Rust",
        "Go",
        ".",
        ",",
        "because",
        "half",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(WORDS, max_size=25), st.lists(WORDS, max_size=25), st.floats(-1, 1))
def test_the_order_of_the_two_makes_no_difference(one, other, cosine):
    a, b = read_claim(" ".join(one)), read_claim(" ".join(other))
    assert signs(a, b, cosine) == pytest.approx(signs(b, a, cosine))
    assert judge(a, b, cosine).verdict == judge(b, a, cosine).verdict
    assert all(0 <= value <= 1 + 1e-9 for value in signs(a, b, cosine).values())


@settings(max_examples=80, deadline=None)
@given(st.lists(WORDS, max_size=40))
def test_nothing_in_a_text_speaks_against_itself(words):
    claim = read_claim(" ".join(words))
    assert set(vetoes(signs(claim, claim, 1.0))) <= {"direction", "contrast", "roles"}, "only what contradicts itself"
    assert judge(claim, claim, 1.0).verdict == "same"


@pytest.mark.parametrize(
    "piece", ["a", "not ", "Acme ", "1", "1,", "half a ", "rose fell ", ".", "an’", "May 1 ", "é—"]
)
def test_hostile_texts_stay_fast(piece):
    text = (piece * 10_000)[:10_000]
    before = time.perf_counter()
    judge(read_claim(text), read_claim(text[1:]), 0.9)
    assert time.perf_counter() - before < 2
