"""The partition of every dated table: the day of publication, in UTC.

Belongs here: the days that exist, and turning Dagster's keys into dates.
Doesn't: which day anything runs for (`automation.py`, `cli.py`).
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Mapping

import dagster as dg

from podbrief_assets.environment import BadSetting

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
