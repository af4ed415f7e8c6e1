"""The partition of every dated table: the day of publication, in UTC.

Belongs here: the days that exist, and turning Dagster's keys into dates.
Doesn't: which day anything runs for (`automation.py`, `cli.py`).
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable

import dagster as dg

# Days before this one can't be asked for. Dagster shows one partition for each day from here on; it is at its best
# below 100,000 of them an asset, which is 270 years.
START_DATE = os.environ.get("PODBRIEF_START_DATE", "2026-01-01")

days = dg.DailyPartitionsDefinition(start_date=START_DATE, timezone="UTC")


def to_days(keys: Iterable[str]) -> list[dt.date]:
    """Partition keys as dates, in order."""
    return sorted(dt.date.fromisoformat(key) for key in keys)
