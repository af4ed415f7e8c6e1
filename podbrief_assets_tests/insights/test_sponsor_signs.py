"""Each class of wording has what it is for and what it must not take, in words that shows really use."""

from __future__ import annotations

import tomllib
from importlib import resources

import pytest

from podbrief_assets.insights.sponsor_signs import counted, fitted, plain, signs, style
from podbrief_assets.insights.text import fold, rarity

CASES = [
    ("sponsor credit", "This episode is brought to you by Capital One.", "They brought it to us in a box."),
    (
        "sponsor credit",
        "Our first sponsor for the show today is our friends at Toptal.",
        "Nobody wanted to pay for it.",
    ),
    ("code", "Use code RIVER20 at checkout.", "We broke the code, and it was hard to read."),
    ("code", "Enter promo code RIVER for a discount.", "promo code, discount code, discount code,"),
    ("discount", "Get 20% off your first order.", "Traffic went up by 20% in a year."),
    ("free offer", "Start your free trial at acme.com today.", "They were set free in the trial."),
    ("offer", "For a limited time, new customers save.", "It was limited by how much time we had."),
    ("small print", "Pickup fees may apply.", "You have to apply for a permit."),
    (
        "small print",
        "Potential savings will vary. Not available in all states.",
        "Results were the same in all states.",
    ),
    ("phone number", "Call 1-800-555-0100.", "There were 1,800 people there."),
    ("address with a path", "Head to acme.com slash river.", "He took the slash and burn approach."),
    ("call to an address", "Try it at Progressive.com.", "You should try it some day."),
    ("call to an address", "Visit VitelGlobal.com to learn more.", "We went to visit my mother."),
    ("spelled out", "That's a-c-m-e dot com.", "That's a very long way."),
    ("app", "Download the Airtasker app.", "The app crashed on me."),
    ("by the link", "Follow the link in your show notes.", "There is no link between the two."),
    ("for listeners", "Tell them River sent you.", "They sent you a letter."),
    ("on sale", "In theaters now, get your tickets.", "We met in a theatre."),
    ("praise", "The award-winning, all-in-one platform.", "He won a prize once."),
    ("benefit", "It helps you sleep cooler.", "It was of no help at all."),
    ("opening", "Tired of high bills?", "He was tired that day."),
    ("break", "We'll be right back after a quick break.", "He broke his arm."),
    ("other show", "Listen to Deep Water wherever you get your podcasts.", "I listen to the radio."),
    ("own offer", "Become a member at patreon.com slash river.", "He became a member of parliament."),
    ("own offer", "Make sure you subscribe and leave us a review.", "The review took six months."),
    ("advertising as a subject", "This is not an ad.", "This is a good start."),
    ("greeting", "Welcome back to the show.", "They made us feel at home."),
    ("conversation", "I mean, you know, it was fine.", "The bridge was finished early."),
]


@pytest.mark.parametrize(("name", "says", "says_not"), CASES)
def test_a_sign_takes_what_it_is_for_and_nothing_like_it(name: str, says: str, says_not: str) -> None:
    (sign,) = [sign for sign in signs() if sign.name == name]
    assert sign.pattern.search(plain(says))
    assert not sign.pattern.search(plain(says_not))


def test_every_sign_has_a_weight_and_every_weight_a_meaning() -> None:
    weights = fitted()
    known = {sign.name for sign in signs()} | set(style((), ""))
    around = {name for name in weights.signs if name not in known}
    assert all(" " in name for name in around)
    assert {sign.name for sign in signs() if sign.kind != "self"} <= set(weights.signs)


def test_no_weighed_word_is_a_name() -> None:
    assert all(rarity(word) < 1 and word == fold(word) for word in fitted().words)


def test_the_weights_that_ship_are_readable() -> None:
    text = resources.files("podbrief_assets.insights").joinpath("sponsor_weights.toml").read_text(encoding="utf-8")
    assert set(tomllib.loads(text)) == {"bias", "signs", "words"}
    assert len(text) < 20_000


def test_a_word_counts_once_and_for_less_in_a_long_sentence() -> None:
    assert counted(("save", "save", "now")) == {"save": 0.5, "now": 0.5}
    assert counted(("save", *"abcdefghijklmno"))["save"] == 0.25


def test_measures_of_style_lie_between_nought_and_one() -> None:
    for text in ("", "You, you and you!", "He said that they had gone.", "Save $20 on everything today?"):
        assert all(0 <= value <= 1 for value in style([fold(word) for word in text.split()], plain(text)).values())
