"""What people type in as an address, a wish or a setting."""

from __future__ import annotations

from email.headerregistry import Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.insights.topics import TOPICS
from podbrief_assets.subscribers.values import (
    BadAddress,
    BadWish,
    checked_address,
    checked_format,
    checked_hour,
    checked_language,
    checked_timezone,
    checked_topics,
    checked_wishes,
    unwanted,
)


@pytest.mark.parametrize(
    ("given_address", "stored"),
    [
        ("ann@example.com", "ann@example.com"),
        ("ann+brief@EXAMPLE.com", "ann+brief@example.com"),
        ("o'neill@example.ie", "o'neill@example.ie"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@localhost", "ann@localhost"),
        ("ann@mail.test", "ann@mail.test"),
    ],
)
def test_addresses_people_have_are_taken(given_address: str, stored: str) -> None:
    assert checked_address(given_address) == stored


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "ann",
        "ann@",
        "@example.org",
        "ann@gmail",
        "ann@@example.org",
        "ann@example..org",
        "ann b@example.org",
        "Ann <ann@example.org>",
        "ann@example.org, ben@example.org",
        "ann@example.org\r\nBcc: all@example.org",
        "ann\x00@example.org",
        "ann@[127.0.0.1]",
        "änn@example.org",
        "=cmd|x@example.org",
        "ann@example.org\u202e",
        "a" * 65 + "@example.org",
        "a@" + "b" * 300 + ".org",
    ],
)
def test_anything_else_is_refused_with_a_remedy_on_one_line(bad: str) -> None:
    with pytest.raises(BadAddress) as caught:
        checked_address(bad)
    assert caught.value.remedy
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.emails(), st.text(max_size=40).map(lambda text: f"{text}@example.org"), st.text(max_size=300)))
def test_whatever_is_taken_can_stand_in_a_mail_header(text: str) -> None:
    try:
        address = checked_address(text)
    except BadAddress:
        return
    assert address.isascii()
    assert Address(addr_spec=address).addr_spec == address
    assert checked_address(address) == address


def test_wishes_are_kept_on_one_line_each_without_repeats_and_invisible_characters() -> None:
    assert checked_wishes(["  AI\tfor\n science ", "", "ai for science", "gr\u202eid\x00s", "Cafe\u0301"]) == (
        "AI for science",
        "grid s",
        "Café",
    )


@pytest.mark.parametrize("formula", ["=HYPERLINK(1)", " +1", "@SUM(A1)", "-2+3", "\u200b=1", "\ufeff=1"])
def test_a_wish_that_a_spreadsheet_would_run_is_refused(formula: str) -> None:
    with pytest.raises(BadWish, match="formula"):
        checked_wishes([formula])


@pytest.mark.parametrize("name", ["Mars/Olympus", "../../etc/passwd", "/etc/localtime", "", "europe berlin", "\x00"])
def test_a_time_zone_is_one_of_the_list(name: str) -> None:
    with pytest.raises(BadWish, match="IANA"):
        checked_timezone(name)


def test_a_language_is_a_tag() -> None:
    assert checked_language("pt_BR") == "pt-br"
    with pytest.raises(BadWish, match="tag"):
        checked_language("English, please")
    assert checked_timezone("America/Argentina/Buenos_Aires") == "America/Argentina/Buenos_Aires"


def test_a_topic_is_one_of_the_list_by_its_identifier_or_title() -> None:
    title = TOPICS["motorsport"].title
    assert checked_topics(["MOTORSPORT", title.upper(), "robotics"]) == ("motorsport", "robotics")
    with pytest.raises(BadWish, match="mute the word itself"):
        checked_topics(["robotics", "my neighbour's dog"])


@pytest.mark.parametrize("hour", [-1, 24, 700])
def test_an_hour_is_one_of_the_days(hour: int) -> None:
    with pytest.raises(BadWish, match="0 to 23"):
        checked_hour(hour)
    assert [checked_hour(hour) for hour in (0, 23)] == [0, 23]


def test_a_format_is_html_or_text() -> None:
    assert [checked_format(name) for name in ("HTML", " text ")] == ["html", "text"]
    with pytest.raises(BadWish, match="html or text"):
        checked_format("pdf\x1b[31m")


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("not crypto", "crypto"),
        ("Not about the royal family.", "the royal family"),
        ("please nothing about Elon Musk", "Elon Musk"),
        ("no more startups", "startups"),
        ("anything but football", "football"),
        ("not interested in NFTs", "NFTs"),
        ("no code tools", None),
        ("not only AI but how people use it", None),
        ("Nothing Phone and its rivals", None),
        ("notes and how to take them", None),
        ("why not", None),
        ("not", None),
    ],
)
def test_an_interest_that_says_what_nobody_shall_send_is_told_from_one(said: str, what: str | None) -> None:
    assert unwanted(said) == what
