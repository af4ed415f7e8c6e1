"""What is read out of a text: numbers, dates, names, which way its words point, who did what."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.scores.claims import aliases, read_claim, stem


def quantities(text):
    return {(one.kind, *sorted(one.values)) for one in read_claim(text).quantities}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Half of all commits change configuration", {("share", Decimal("0.5"))}),
        ("Fifty percent of all commits change it", {("share", Decimal("0.5"))}),
        ("Every second commit changes configuration", {("share", Decimal("0.5"))}),
        ("It took half a second longer", {("second", Decimal("0.5"))}),
        ("It raised 40 million dollars", {("money", Decimal(40_000_000))}),
        ("It beat GPT-4 in 28 games", {("game", Decimal(28)), ("code gpt", Decimal(4))}),
        ("In March 2024 and on June 30 one of them left", set()),
    ],
)
def test_numbers_are_read_with_what_they_count_and_dates_are_none(text, found):
    assert quantities(text) == found


def test_years_and_months_are_dates_but_may_is_also_a_verb():
    claim = read_claim("It may close in May 2025, after March 3, 2024, though 1,950 people work there")
    assert (claim.years, claim.months) == ({2024, 2025}, {"may", "march"})
    assert read_claim("May the best one win").months == frozenset()


def test_a_number_is_approximate_where_the_text_says_so():
    assert [one.about for one in read_claim("about 30 people and 40 dogs").quantities] == [True, False]


def test_names_are_those_that_are_known_and_those_that_the_text_shows():
    claim = read_claim("Etsy hired Ann Lee. Teams like it", ["Chad Dickerson"])
    assert claim.names == {("etsy",), ("ann", "lee"), ("chad", "dickerson")}


def pointing(text, scale):
    return [one.sign for one in read_claim(text).pointers if one.scale == scale]


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("Sales rose", 1),
        ("Sales climbed", 1),
        ("Sales fell", -1),
        ("Sales did not rise", -1),
        ("Sales never fell", 1),
        ("Sales shrank", -1),
        ("Sales are lowered", -1),
    ],
)
def test_words_point_to_an_end_of_their_scale_and_denials_turn_them_round(text, sign):
    assert pointing(text, "scale level") == [sign]


def test_a_denial_reaches_no_further_than_its_clause():
    assert pointing("It is not new, but sales rose", "scale level") == [1]
    assert pointing("Sales rose, it is not new", "scale level") == [1]


def test_not_only_denies_nothing_and_no_longer_does():
    assert pointing("Not only sales rose", "scale level") == [1]
    assert pointing("It no longer needs money", "money") == [-1]


def test_what_nobody_surpasses_is_praised():
    assert pointing("No other model is better", "scale worth") == [1]
    assert pointing("The model is not good", "scale worth") == [-1]


def test_who_did_what_to_whom_is_the_same_in_the_passive():
    active, passive = read_claim("Anthropic bought OpenTofu"), read_claim("OpenTofu was acquired by Anthropic")
    assert active.deeds == passive.deeds == {("anthropic", "buy", "opentofu")}
    assert read_claim("OpenTofu bought Anthropic").deeds == {("opentofu", "buy", "anthropic")}


def test_contrasts_have_what_is_set_above_and_what_below():
    ((before, after),) = read_claim("They chose Rust over Zig").contrasts
    assert (stem("rust") in before, stem("zig") in after) == (True, True)
    assert read_claim("Clouds hung over Rotterdam").contrasts == ()


@pytest.mark.parametrize(
    ("text", "level"),
    [("Apple may build it", 2), ("It probably works", 1), ("Apple builds it", 0), ("It closed in May 2025", 0)],
)
def test_a_guess_is_told_from_a_softened_claim_and_from_a_fact(text, level):
    assert read_claim(text).hedging == level


def test_regular_forms_of_a_word_have_one_stem():
    assert len({stem(word) for word in ("lower", "lowers", "lowered", "lowering", "low")}) == 1
    assert stem("rose") != stem("roads")


def test_a_country_has_several_names():
    assert "american" in aliases("us")
    assert aliases("rotterdam") == frozenset()


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400))
def test_any_text_can_be_read(text):
    claim = read_claim(text)
    assert all(one.sign in (-1, 1) for one in claim.pointers)
    assert sum(value * value for value in claim.grams.values()) == pytest.approx(1 if claim.grams else 0)
