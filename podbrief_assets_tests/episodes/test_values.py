"""Reading small values: durations, numbers, flags."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.episodes import values
from podbrief_assets.episodes.values import MAX_DURATION_S, read_duration, read_seconds, web_address, whole_number


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [
        ("90", 90),
        ("1:30", 90),
        ("01:02:03", 3723),
        ("0:45.5", 45.5),
        ("1234.5", 1234.5),
        ("75:30", 4530),
        ("PT1H2M3S", 3723),
        (" 60 ", 60),
        ("1:2:3:4", None),
        ("0", None),
        ("00:00:00", None),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("1e400", None),
        ("99999999", None),
        ("an hour", None),
        ("", None),
        ("9" * 100, None),
    ],
)
def test_dialects_of_durations(stated: str, seconds: float | None) -> None:
    assert read_duration(stated) == seconds


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40) | st.text("0123456789:.,-eE_ ", max_size=12))
def test_any_text_is_seconds_within_a_week_or_none(text: str) -> None:
    for seconds in (read_duration(text), read_seconds(text)):
        assert seconds is None or 0 <= seconds <= MAX_DURATION_S


def test_positions_may_be_zero_but_not_negative_or_endless() -> None:
    assert [read_seconds(text) for text in ("0", "73.5", "1,5", "-1", "inf", "x", "", None)] == [
        *(0, 73.5, 1.5, None, None, None, None, None)
    ]


def test_whole_numbers_are_ascii_digits() -> None:
    assert [whole_number(text) for text in ("7", " 7 ", "7.0", "VII", "７", "-7", "1e3")] == [7, 7, 7, *[None] * 4]


@settings(max_examples=200, deadline=None)
@given(st.text('https:/?#[]@. %aÄ\x00\n~^\\"', max_size=12).map("https://".__add__))
def test_clean_addresses_take_a_short_cut_that_changes_nothing(text: str) -> None:
    quick = web_address(text, "https://a.org/")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(values, "_CLEAN_ADDRESS", re.compile("(?!)"))
        assert web_address(text, "https://a.org/") == quick
