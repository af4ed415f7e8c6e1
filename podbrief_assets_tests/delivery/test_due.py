"""When a brief is due: at its reader's hour wherever they are, also on the day on which clocks are changed."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo, available_timezones

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, update

from podbrief_assets.database import session
from podbrief_assets.delivery.due import due_at, places, windows
from podbrief_assets.subscribers import database as subscribers
from podbrief_assets.subscribers.database import SettingRow
from podbrief_assets.subscribers.values import DEFAULT_HOUR


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("day", "timezone", "hour", "due"),
    [
        ("2026-11-21", "UTC", 7, "2026-11-22 07:00"),
        ("2026-11-21", "UTC", 0, "2026-11-22 00:00"),
        ("2026-11-21", "Europe/Berlin", 7, "2026-11-22 06:00"),
        ("2026-11-21", "America/New_York", 7, "2026-11-22 12:00"),
        ("2026-11-21", "America/New_York", 21, "2026-11-22 02:00"),
        ("2026-11-21", "Asia/Kathmandu", 7, "2026-11-22 01:15"),
        ("2026-11-21", "Asia/Kathmandu", 5, "2026-11-22 23:15"),
        ("2026-11-21", "Pacific/Kiritimati", 7, "2026-11-22 17:00"),
        # Berlin puts its clocks forward at 01:00 UTC on 29 March 2026: nobody's clock shows two.
        ("2026-03-28", "Europe/Berlin", 1, "2026-03-29 00:00"),
        ("2026-03-28", "Europe/Berlin", 2, "2026-03-29 01:00"),
        ("2026-03-28", "Europe/Berlin", 3, "2026-03-29 01:00"),
        ("2026-03-27", "Europe/Berlin", 7, "2026-03-28 06:00"),
        ("2026-03-28", "Europe/Berlin", 7, "2026-03-29 05:00"),
        # It puts them back at 01:00 UTC on 25 October: they show two twice, from 00:00 and from 01:00 UTC.
        ("2026-10-24", "Europe/Berlin", 2, "2026-10-25 00:00"),
        ("2026-10-24", "Europe/Berlin", 3, "2026-10-25 02:00"),
        # New York, 06:00 UTC on 1 November, and 07:00 UTC on 8 March.
        ("2026-10-31", "America/New_York", 1, "2026-11-01 05:00"),
        ("2026-10-31", "America/New_York", 2, "2026-11-01 07:00"),
        ("2026-03-07", "America/New_York", 2, "2026-03-08 07:00"),
        # Lord Howe Island changes by half an hour.
        ("2026-10-02", "Australia/Lord_Howe", 2, "2026-10-03 15:30"),
    ],
)
def test_a_brief_is_due_at_its_readers_hour(day: str, timezone: str, hour: int, due: str) -> None:
    assert due_at(dt.date.fromisoformat(day), timezone, hour) == utc(due)


ZONES = sorted(available_timezones() & {
    "UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo",
    "Pacific/Apia", "Africa/Casablanca", "Pacific/Kiritimati", "Pacific/Niue", "Asia/Tehran", "America/St_Johns",
})  # fmt: skip


@given(st.dates(dt.date(2024, 1, 1), dt.date(2030, 1, 1)), st.sampled_from(ZONES), st.integers(0, 23))
def test_every_day_is_due_once_after_it_is_over_and_before_the_next_one(day: dt.date, timezone: str, hour: int) -> None:
    due, after = due_at(day, timezone, hour), due_at(day + dt.timedelta(1), timezone, hour)
    over = dt.datetime.combine(day + dt.timedelta(1), dt.time(), dt.UTC)
    assert over <= due < after
    assert due - over < dt.timedelta(hours=25)
    assert dt.timedelta(hours=22) < after - due < dt.timedelta(hours=26)
    shown = due.astimezone(ZoneInfo(timezone))
    before = (due - dt.timedelta(minutes=1)).astimezone(ZoneInfo(timezone))
    # Its hour exactly, or clocks were just put over it.
    assert (shown.hour, shown.minute) == (hour, 0) or shown.utcoffset() != before.utcoffset()


def test_everyone_who_gets_briefs_has_a_window_by_place_and_hour(engine: Engine) -> None:
    day = dt.date(2026, 11, 21)
    with session(engine) as transaction:
        who = {
            zone: subscribers.add(transaction, f"r{n}@example.org", timezone=zone).subscriber_id
            for n, zone in enumerate(("UTC", "Europe/Berlin", "America/New_York"))
        }
        gone = subscribers.add(transaction, "gone@example.org").subscriber_id
        subscribers.set_status(transaction, gone, "unsubscribed", why="a test")
        berlin = SettingRow.subscriber_id == who["Europe/Berlin"]
        transaction.execute(update(SettingRow).where(berlin, SettingRow.valid_to.is_(None)).values(hour=18))
        where = places(transaction)
    assert dict(where.select("subscriber_id", "hour").iter_rows()) == {
        who["UTC"]: DEFAULT_HOUR,
        who["Europe/Berlin"]: 18,
        who["America/New_York"]: DEFAULT_HOUR,
    }
    found = {row[0]: row[1:] for row in windows(day, where).iter_rows()}
    assert found[who["Europe/Berlin"]] == (utc("2026-11-22 17:00"), utc("2026-11-23 17:00"))
    assert found[who["America/New_York"]] == (utc("2026-11-22 12:00"), utc("2026-11-23 12:00"))
    assert windows(day, where.clear()).schema["due_at"] == pl.Datetime("us", "UTC")
