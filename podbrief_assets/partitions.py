"""The partition of every dated table: the day of publication, in UTC.

Belongs here: the days that exist, ranges of them, and turning Dagster's keys into dates.
Doesn't: which day anything runs for (`automation.py`, `cli.py`).
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Mapping

import dagster as dg

from podbrief_assets.environment import BadSetting
from podbrief_assets.errors import PermanentFailure


class BadDay(PermanentFailure):
    """A day that can't be run."""


# Days before it can't be asked for. Dagster shows one partition for each day from there on; it is at its best
# below 100,000 of them an asset, which is 270 years.
_VARIABLE = "PODBRIEF_START_DATE"


def start_date(environ: Mapping[str, str]) -> dt.date:
    """The first day that exists.

    Raises:
        BadSetting: the environment names something else than a day.
    """
    text = environ.get(_VARIABLE) or "2026-01-01"
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise BadSetting(f"{_VARIABLE} is “{text[:40]}”", "write a day as 2026-01-01") from error


START_DATE = start_date(os.environ)

days = dg.DailyPartitionsDefinition(start_date=START_DATE.isoformat(), timezone="UTC")


def to_days(keys: Iterable[str]) -> list[dt.date]:
    """Partition keys as dates, in order."""
    return sorted(dt.date.fromisoformat(key) for key in keys)


def day_of(text: str) -> dt.date:
    """The day that somebody wrote.

    Raises:
        BadDay: it is none.
    """
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise BadDay(f"“{text[:40]}” is no day", "write it as 2026-11-21") from error


def days_between(first: dt.date, last: dt.date, today: dt.date | None = None) -> list[dt.date]:
    """The days from `first` to `last`, both included.

    Raises:
        BadDay: The range is empty, starts before the first partition, or ends with a day that is not over.
    """
    today = today or dt.datetime.now(dt.UTC).date()
    if last < first:
        raise BadDay(f"{first} is after {last}", "give the earlier day first")
    if first < START_DATE:
        raise BadDay(f"{first} is before the first day, {START_DATE}", "set PODBRIEF_START_DATE to an earlier day")
    if last >= today:
        raise BadDay(
            f"{last} is not over yet in UTC", f"the last day that can be run is {today - dt.timedelta(days=1)}"
        )
    return [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]
