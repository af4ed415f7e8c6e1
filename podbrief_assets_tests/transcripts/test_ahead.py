"""Fetching in the background: bounded, orderly, and over when it is left."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from podbrief_assets import net
from podbrief_assets.environment import BadSetting
from podbrief_assets.transcripts.ahead import Ahead


def ahead(
    fetch: Callable[[net.Client, int], object], wanted: range, unused: Callable[[int], None] = lambda got: None
) -> Ahead[int, int]:
    return Ahead(lambda: net.Client(net.Settings()), fetch, wanted, 3, unused)  # type: ignore[arg-type]


def threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("fetching")]


def test_everything_comes_and_never_more_than_there_is_room_for() -> None:
    begun: list[int] = []

    async def fetch(_: net.Client, number: int) -> int:
        begun.append(number)
        await asyncio.sleep(0.001 * (number % 3))
        return number * 10

    taken = []
    with ahead(fetch, range(20)) as coming:
        for key, got in coming:
            time.sleep(0.01)
            taken.append((key, got))
            assert len(begun) <= len(taken) + 3
    assert sorted(taken) == [(number, number * 10) for number in range(20)]
    assert begun == list(range(20))
    assert threads() == []


def test_nothing_wanted_is_nothing_done() -> None:
    async def fetch(_: net.Client, number: int) -> int:
        raise AssertionError

    with ahead(fetch, range(0)) as coming:
        assert list(coming) == []


def test_leaving_early_calls_off_what_is_on_its_way_and_gives_back_what_nobody_took() -> None:
    begun, called_off, given_back = [], [], []

    async def fetch(_: net.Client, number: int) -> int:
        begun.append(number)
        try:
            await asyncio.sleep(0 if number < 2 else 60)
        except asyncio.CancelledError:
            called_off.append(number)
            raise
        return number

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt), ahead(fetch, range(20), given_back.append) as coming:
        assert next(iter(coming)) == (0, 0)
        while len(begun) < 4:
            time.sleep(0.01)
        time.sleep(0.05)
        raise KeyboardInterrupt
    assert time.monotonic() - started < 5
    assert sorted(called_off) == [2, 3] and given_back == [1]
    assert threads() == []


def test_leaving_at_once_is_as_orderly() -> None:
    async def fetch(_: net.Client, number: int) -> int:
        await asyncio.sleep(60)
        return number

    for _ in range(20):
        with ahead(fetch, range(5)):
            pass
    assert threads() == []


def test_whoever_waits_in_another_thread_is_let_go() -> None:
    async def fetch(_: net.Client, number: int) -> int:
        await asyncio.sleep(60)
        return number

    with ahead(fetch, range(5)) as coming:
        waiting = threading.Thread(target=lambda: list(coming))
        waiting.start()
        time.sleep(0.05)
    waiting.join(5)
    assert not waiting.is_alive()


def test_a_mistake_in_the_thread_is_raised_where_its_results_are_taken() -> None:
    async def fetch(_: net.Client, number: int) -> int:
        if number == 2:
            raise ZeroDivisionError
        return number

    taken = []
    with pytest.raises(ExceptionGroup) as failure, ahead(fetch, range(9)) as coming:
        for key, _ in coming:
            taken.append(key)
    assert failure.group_contains(ZeroDivisionError)
    assert set(taken) <= {0, 1, 3, 4, 5}
    assert threads() == []


def test_a_way_out_that_cannot_be_opened_is_told_as_itself() -> None:
    def client() -> net.Client:
        raise BadSetting("a setting", "mend it")

    async def fetch(_: net.Client, number: int) -> int:
        return number

    coming: Ahead[int, int] = Ahead(client, fetch, range(3), 3, lambda got: None)
    with pytest.raises(BadSetting), coming:
        list(coming)
