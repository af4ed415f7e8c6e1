"""Reading dates: every dialect that feeds write, and what is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.episodes.dates import read_date

SEVEN = datetime(2026, 11, 20, 7, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "stated",
    [
        "Fri, 20 Nov 2026 07:00:00 GMT",
        "Fri, 20 Nov 2026 07:00:00 +0000",
        "Fri, 20 Nov 2026 02:00:00 EST",
        "Fri, 20 Nov 2026 02:00:00 -0500 (EST)",
        "20 Nov 26 07:00 UT",
        "Friday, 20-Nov-26 07:00:00 GMT",
        "Fri,20 November 2026 08:00:00 +01:00",
        "Fr, 20 Nov 2026 08:00:00 MEZ",
        "Thu, 19 Nov 2026 24:00:00 -0700",
        "2026-11-20T07:00:00Z",
        "2026-11-20T12:30:00.250+05:30",
        "2026-11-20 07:00:00",
        "2026-11-20T07:00Z",
        "20261120T070000Z",
        "Fri Nov 20 07:00:00 2026",
        "November 20, 2026 7:00 AM",
        "  Fri, 20 Nov 2026 07:00:00 GMT\n",
        "Fri, 20 Nov 2026 07:00:00 XYZ",
    ],
)
def test_dialects_of_dates(stated: str) -> None:
    assert read_date(stated) == SEVEN.replace(microsecond=0)


@pytest.mark.parametrize(
    ("written", "hour", "minute"),
    [
        ("7:00 PM", 19, 0),
        ("07:00:00 pm", 19, 0),
        ("7:00PM GMT", 19, 0),
        ("7:00 p.m.", 19, 0),
        ("2:00 PM EST", 19, 0),
        ("08:00:00 PM +0100", 19, 0),
        ("7:00 AM", 7, 0),
        ("12:30 AM", 0, 30),
        ("12:30 PM", 12, 30),
        ("00:30 AM", 0, 30),
        # Software that writes all 24 hours, and the half of the day behind them.
        ("19:00 PM", 19, 0),
        ("19:00", 19, 0),
    ],
)
@pytest.mark.parametrize("day", ["Fri, 20 Nov 2026", "20-Nov-26", "ven., 20 novembre 2026", "2026-11-20", "20261120"])
def test_the_halves_of_a_day_are_no_zones(day: str, written: str, hour: int, minute: int) -> None:
    assert read_date(f"{day} {written}") == datetime(2026, 11, 20, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(("stated", "hour"), [("07:00:00 AMT", 7), ("07:00:00 PMST", 7), ("08:00 MEZ", 7)])
def test_zones_that_begin_like_halves_of_a_day_are_zones(stated: str, hour: int) -> None:
    assert read_date(f"Fri, 20 Nov 2026 {stated}") == SEVEN.replace(hour=hour)


@pytest.mark.parametrize(
    "stated",
    [
        "",
        "soon",
        "Fri, 31 Feb 2026 07:00:00 GMT",
        "Mon, 01 Jan 0001 00:00:00 GMT",
        "9999-12-31T23:59:59Z",
        "07:00",
        "2026",
        "Nov 2026",
        "1700000000",
        "-",
        "2026-13-40",
        "x" * 10000,
        "1" * 99,
        "Fri, 20 Nov 2026 99:99:99 GMT",
        "Fri",
    ],
)
def test_dates_that_say_no_day_are_none(stated: str) -> None:
    assert read_date(stated) is None


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=40)
    | st.from_regex(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{2,5} \d\d:\d\d(:\d\d)? [A-Z+-]\S{0,5}")
)
def test_any_text_is_a_moment_in_utc_or_none(text: str) -> None:
    moment = read_date(text)
    assert moment is None or (moment.tzinfo is UTC and 1899 <= moment.year <= 2200)


@settings(max_examples=100, deadline=None)
@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(lambda moment: moment.replace(microsecond=0)),
    st.integers(-14 * 60, 14 * 60),
)
def test_the_usual_form_is_read_to_the_second_in_every_zone(moment: datetime, away: int) -> None:
    local = moment.replace(tzinfo=timezone(timedelta(minutes=away)))
    written = f"{local:%a, %d %b %Y %H:%M:%S %z}"
    assert read_date(written) == local
    # A name of the zone in brackets takes the slower way, which must agree.
    assert read_date(f"{written} (XYZ)") == local
