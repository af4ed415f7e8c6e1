"""Read the dates of feeds.

Belongs here: every way in which feeds write a moment.
Doesn't: which element states an item's date (`items.py`), what a date in the future means (`projection.py`).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from dateutil import parser as dateutil_parser

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            *(("jan",), ("feb", "fév", "fev"), ("mar", "mär", "mrz"), ("apr", "avr"), ("may", "mai", "mei")),
            *(("jun",), ("jul",), ("aug", "aoû", "aou"), ("sep",), ("oct", "okt"), ("nov",), ("dec", "dez", "déc")),
        ),
        start=1,
    )
    for name in names
}
# Hours from UTC. Names that several places use mean what feeds mostly mean by them.
_ZONES: dict[str, float] = {
    **{"": 0, "z": 0, "ut": 0, "utc": 0, "gmt": 0, "wet": 0, "west": 1, "bst": 1, "cet": 1, "met": 1, "mez": 1},
    **{"cest": 2, "mest": 2, "mesz": 2, "eet": 2, "eest": 3, "msk": 3, "est": -5, "edt": -4, "cst": -6, "cdt": -5},
    **{"et": -5, "ct": -6, "mt": -7, "pt": -8, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "akst": -9, "akdt": -8},
    **{"hst": -10, "ast": -4, "adt": -3, "nst": -3.5, "ndt": -2.5, "brt": -3, "sgt": 8, "hkt": 8, "awst": 8},
    **{"jst": 9, "kst": 9, "acst": 9.5, "acdt": 10.5, "aest": 10, "aedt": 11, "nzst": 12, "nzdt": 13, "ist": 5.5},
}
# Halves of the day ("7:00 PM", "7:00 p.m.") have a group of their own: they were taken for zones that nobody knows.
_RFC_822 = re.compile(
    r"(?:[^\W\d]{2,12}\.?,?\s{0,9})?(\d{1,2})[\s-]{1,3}([^\W\d]{3,12})\.?,?[\s-]{1,3}(\d{4}|\d{2})"
    r"(?:,?\s{1,9}(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.\d{1,9})?)?"
    r"(?:\s{0,9}([AaPp])\.?[Mm]\b\.?)?\s{0,9}([A-Za-z]{0,5})\s{0,3}([+-]\d{1,2}:?\d{2})?)?"
    r"(?:\s{1,9}\([^()]{0,60}\))?"
)
_ISO_8601 = re.compile(
    r"(\d{4})-?(\d{2})-?(\d{2})"
    r"(?:[T\s]{1,3}(\d{1,2}):?(\d{2})(?::?(\d{2})(?:[.,]\d{1,12})?)?"
    r"(?:\s{0,9}([AaPp])\.?[Mm]\b\.?)?\s{0,3}([A-Za-z]{0,5})\s{0,3}([+-]\d{2}:?(?:\d{2})?)?)?"
)
_YEARS = range(1900, 2200)
# One year less at both ends, so that a zone cannot carry a date over them.
_USUAL_YEARS = range(1901, 2199)


def read_date(value: str | None) -> datetime | None:
    """A moment in UTC from any of the ways in which feeds write dates; None where it cannot be read.

    A date without a time is midnight, a time without a zone (or with one that nobody knows) is UTC. Years outside
    1900 to 2199 are slips of software (0001, 0000, 9999), and so is a day that no calendar has.
    """
    if not value or len(value) > 100:
        return None
    value = value.strip()
    if (moment := _usual_date(value)) is not None:
        return moment
    if found := _RFC_822.fullmatch(value):
        day, month_name, stated_year, *clock = found.groups()
        month = _MONTHS.get(month_name[:3].lower())
        if month is not None:
            year = int(stated_year)
            if len(stated_year) == 2:
                year += 1900 if year >= 69 else 2000
            return _moment((year, month, int(day)), clock)
    elif found := _ISO_8601.fullmatch(value):
        iso_year, iso_month, iso_day, *clock = found.groups()
        return _moment((int(iso_year), int(iso_month), int(iso_day)), clock)
    return _guessed_date(value)


_ENGLISH_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# The month as ISO 8601 has it, by its English name between spaces.
_ISO_MONTHS = {f" {name} ": f"-{number:02}-" for number, name in enumerate(_ENGLISH_MONTHS, start=1)}


def _usual_date(value: str) -> datetime | None:
    """What nearly all feeds write, `Fri, 20 Nov 2026 07:00:00 +0000`; None for all else.

    Every item of every changed feed has one: this takes a third of the time of the regular expressions.
    """
    month = _ISO_MONTHS.get(value[7:12])
    if month is None or value[3:5] != ", " or value[16:17] != " " or value[19:20] != ":" or value[22:23] != ":":
        return None
    zone = value[25:]
    if zone in (" GMT", " +0000", " -0000"):
        offset = "+00:00"
    elif len(zone) == 6 and zone[1] in "+-" and zone[2] in "01":
        offset = f"{zone[1:4]}:{zone[4:6]}"
    else:
        return None
    try:
        moment = datetime.fromisoformat(f"{value[12:16]}{month}{value[5:7]}T{value[17:25]}{offset}")
        moment = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year in _USUAL_YEARS and moment.second < 60 else None


def _moment(day: tuple[int, int, int], clock: list[str | None]) -> datetime | None:
    """The moment of a day's hour, minute, second, half, zone and offset, each as written or None."""
    hour, minute, second, half, zone, offset = clock
    away = _ZONES.get((zone or "").lower(), 0) * 60
    if offset:
        digits = offset[1:].replace(":", "")
        # Four digits are hhmm, three hmm, two or one hh.
        away = int(digits) * 60 if len(digits) <= 2 else int(digits[:-2]) * 60 + int(digits[-2:])
        away = -away if offset[0] == "-" else away
    # Seconds of 60 are leap seconds, hours of 24 the midnight that ends the day.
    hours, minutes, seconds = int(hour or 0), int(minute or 0), min(int(second or 0), 59)
    if half and hours <= 12:
        hours = hours % 12 + (12 if half in "Pp" else 0)
    if day[0] not in _YEARS or hours > 24 or minutes > 59 or abs(away) > 15 * 60:
        return None
    try:
        if hours < 24 and not away:
            return datetime(*day, hours, minutes, seconds, tzinfo=UTC)
        return datetime(*day, tzinfo=UTC) + timedelta(hours=hours, minutes=minutes - away, seconds=seconds)
    except ValueError:
        return None


def _guessed_date(value: str) -> datetime | None:
    """What `dateutil` makes of a date, provided that year, month and day are all in it."""
    if value.isdecimal() or not any(character.isdigit() for character in value):
        return None
    readings: list[datetime] = []
    # dateutil fills in what is missing: two different fillings that agree had nothing filled in.
    for filling in (datetime(1996, 1, 1), datetime(2003, 12, 25)):  # noqa: DTZ001 - zones come from the text
        try:
            readings.append(dateutil_parser.parse(value, default=filling, tzinfos=_known_zone))
        except (ValueError, OverflowError, TypeError, ArithmeticError, AttributeError, IndexError):
            return None
    first, second = readings
    if first.date() != second.date() or first.year not in _YEARS:
        return None
    try:
        return first.replace(tzinfo=UTC) if first.tzinfo is None else first.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _known_zone(name: str | None, offset_s: int | None) -> tzinfo:
    if offset_s is not None and abs(offset_s) < 24 * 3600:
        return timezone(timedelta(seconds=offset_s))
    return timezone(timedelta(hours=_ZONES.get((name or "").lower(), 0)))
