"""When a brief is due: at its reader's hour, in their time zone.

Belongs here: the moment for one place and hour, the time in which a brief goes out by itself, who is where.
Doesn't: handing over (`hand_over.py`), the schedule (`automation.py`).

A brief tells of a day in UTC, and is due when the reader's clock first shows their hour after that day is over. It goes
out by itself until the next day's is due; from then on it is a brief of the past, and those are mailed only where
somebody asks for it by name. So a backfill mails nobody, however many days it makes again.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from podbrief_assets.subscribers.database import SettingRow

_ONE_DAY = dt.timedelta(days=1)


def due_at(day: dt.date, timezone: str, hour: int) -> dt.datetime:
    """The first moment after `day` (in UTC) at which clocks in `timezone` show `hour`, in UTC.

    Where clocks are put forward over that hour, it is the moment at which they are; of two such hours the first.
    """
    over = dt.datetime.combine(day + _ONE_DAY, dt.time(), dt.UTC)
    zone = ZoneInfo(timezone)
    local = over.astimezone(zone).date()
    # `fold=0` reads an hour that clocks skip with the offset from before: the moment of the change. PEP 495.
    moments = (dt.datetime.combine(local + n * _ONE_DAY, dt.time(hour), zone).astimezone(dt.UTC) for n in range(3))
    return next(moment for moment in moments if moment >= over)


def places(transaction: Session) -> pl.DataFrame:
    """Where everyone who gets briefs is: `subscriber_id`, `timezone`, `hour`."""
    rows = transaction.execute(
        select(SettingRow.subscriber_id, SettingRow.timezone, SettingRow.hour).where(
            SettingRow.valid_to.is_(None), SettingRow.status == "active"
        )
    )
    schema = {"subscriber_id": pl.String, "timezone": pl.String, "hour": pl.Int64}
    return pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")


def windows(day: dt.date, where: pl.DataFrame) -> pl.DataFrame:
    """When each subscriber's brief of `day` is due and until when it goes out by itself.

    Args:
        where: As `places` gives it.

    Returns:
        `subscriber_id`, `due_at`, `until`, the moments in UTC.
    """
    pairs = where.select("timezone", "hour").unique()
    moments = pairs.with_columns(
        pl.Series(
            name,
            [due_at(of, timezone, hour) for timezone, hour in pairs.iter_rows()],
            dtype=pl.Datetime("us", "UTC"),
        )
        for name, of in (("due_at", day), ("until", day + _ONE_DAY))
    )
    return where.join(moments, on=["timezone", "hour"]).select("subscriber_id", "due_at", "until")
