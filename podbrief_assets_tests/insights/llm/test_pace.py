"""How fast a process asks, on a clock that only moves when somebody waits."""

from __future__ import annotations

import datetime as dt
from email.utils import format_datetime

import pytest

from podbrief_assets.insights.llm.pace import Pace, pace_of, retry_after_s


class Clock:
    """Time that passes by waiting, and nothing else."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def paced(clock: Clock, requests: float | None = None, tokens: float | None = None) -> Pace:
    return Pace(requests, tokens, clock=clock, sleep=clock.sleep)


def most_in_a_minute(moments: list[tuple[float, int]]) -> int:
    return max(sum(size for at, size in moments if start <= at < start + 60) for start, _ in moments)


def test_without_limits_nothing_waits() -> None:
    clock = Clock()
    pace = paced(clock)
    for _ in range(1000):
        pace.take(10_000)
    assert clock.now == 1000


@pytest.mark.parametrize("limit", [1, 7, 60, 500])
def test_no_minute_sees_more_requests_than_allowed_and_little_is_wasted(limit: int) -> None:
    clock = Clock()
    pace = paced(clock, requests=limit)
    moments = []
    for _ in range(3 * limit + 3):
        pace.take(1)
        moments.append((clock.now, 1))
    assert most_in_a_minute(moments) <= limit + 1
    assert clock.now - 1000 <= 60 * 3 * 1.25 + 120


def test_no_minute_sees_more_tokens_than_allowed_but_for_the_last_question() -> None:
    clock = Clock()
    pace = paced(clock, tokens=20_000)
    moments = []
    for number in range(60):
        size = 500 + 700 * (number % 5)
        pace.take(size)
        moments.append((clock.now, size))
    assert most_in_a_minute(moments) <= 20_000 + 3300


def test_a_question_larger_than_a_minutes_worth_is_asked_all_the_same() -> None:
    clock = Clock()
    pace = paced(clock, tokens=1000)
    pace.take(5000)
    assert clock.now == 1000
    pace.take(10)
    assert clock.now == pytest.approx(1000 + (5000 - 100) / 15)


def test_what_was_estimated_too_high_is_given_back() -> None:
    clock = Clock()
    pace = paced(clock, tokens=6000)
    pace.take(6000)
    pace.settle(6000, 600)
    pace.take(100)
    assert clock.now == 1000


def test_what_was_estimated_too_low_is_waited_for() -> None:
    clock = Clock()
    pace = paced(clock, tokens=6000)
    pace.take(600)
    pace.settle(600, 1500)
    pace.take(100)
    assert clock.now == pytest.approx(1010)


def test_a_pause_holds_everything_up_and_has_an_end() -> None:
    clock = Clock()
    pace = paced(clock)
    pace.pause(30)
    pace.take(1)
    assert clock.now == 1030
    pace.pause(10)
    pace.wait_out_pause()
    assert clock.now == 1040


def test_a_process_has_one_pace_for_a_server() -> None:
    assert pace_of("one.example", 10, None) is pace_of("one.example", 10, None)
    assert pace_of("one.example", 10, None) is not pace_of("other.example", 10, None)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "7", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({}, None),
        ({"retry-after": "-3"}, 0),
    ],
)
def test_a_servers_wish_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


def test_a_servers_wish_may_be_a_moment() -> None:
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=90)
    assert retry_after_s({"retry-after": format_datetime(moment, usegmt=True)}) == pytest.approx(90, abs=5)
