"""Read a list of subscribers from a CSV file.

Belongs here: bytes of any spreadsheet program → checked subscribers, and one line for everything that was wrong.
Doesn't: storing them (`database.py`), reading the file or printing (`cli.py`).
"""

from __future__ import annotations

import codecs
import csv
import dataclasses
import datetime as dt
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from podbrief_assets.errors import PermanentFailure
from podbrief_assets.subscribers.consent import BadConsent, Consent, checked_evidence
from podbrief_assets.subscribers.database import NewSubscriber
from podbrief_assets.subscribers.values import (
    MAX_BRIEF_SIZE,
    MAX_HOUR,
    BadAddress,
    BadWish,
    checked_address,
    checked_brief_size,
    checked_format,
    checked_hour,
    checked_language,
    checked_timezone,
    checked_topics,
    checked_wishes,
)

MAX_BYTES = 64 * 1024 * 1024
MAX_LINES = 1_000_000
MAX_LINE_LENGTH = 100_000
# A cell may hold line breaks. One that is not closed this many lines on is a broken quote, not a long cell.
MAX_LINES_OF_A_ROW = 20

_LINE_END = re.compile(r"\r\n|\n|\r")
_BETWEEN_WISHES = re.compile(r"[;\r\n]")
_ALIASES = {"email": "address", "e-mail": "address", "interest": "interests", "time_zone": "timezone"}
_LISTS = ("interests", "followed_shows", "muted_shows", "muted_topics", "muted_words")
_SETTINGS = ("brief_size", "timezone", "language", "hour", "format")
_COLUMNS = ("address", *_LISTS, *_SETTINGS, "consent", "consented_at")
_HEADER_REMEDY = (
    "begin the file with a line like address,consent,interests,brief_size,timezone; the last three may be left out, "
    "and several interests are separated by semicolons"
)


class BadList(PermanentFailure):
    """The file as a whole can't be read as a list of subscribers."""


class BadLine(PermanentFailure):
    """One line can't be read; the others can."""


@dataclass(frozen=True, kw_only=True)
class ImportResult:
    """What a file held.

    Attributes:
        rows: One for each address, checked, in the file's order.
        problems: One line for each line that was left out: its number, what is wrong, what to do.
        notes: One line for everything that was settled without a loss: an address that came twice, a column not read.
    """

    rows: list[NewSubscriber] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_csv(content: bytes, consent: str | None = None) -> ImportResult:
    """Read `address,consent,interests[,consented_at,brief_size,timezone,…]`, any of `_COLUMNS`.

    Columns may come in any order; interests are separated by semicolons or stand in several columns named `interest`.
    UTF-8, UTF-16 with a byte order mark and Windows-1252 are understood, as are semicolons and tabs between the cells.
    A line that says nothing of how its person agreed is left out.

    Args:
        consent: How everyone agreed whose own line says nothing of it.

    Raises:
        BadList: It is no CSV file, has no column of addresses, or is longer than 64 MiB or 1,000,000 lines.
        BadConsent: `consent` is no evidence.
    """
    consent = None if consent is None else checked_evidence(consent)
    result = ImportResult()
    lines = _LINE_END.split(_decode(content, result.notes))
    if len(lines) > MAX_LINES:
        raise BadList(f"the list has {len(lines)} lines", f"split it into files of at most {MAX_LINES}")
    records = _records(lines)
    header_line, header = next(records, (1, ""))
    columns, delimiter = _header(header_line, header, result.notes)

    seen: dict[str, tuple[int, int]] = {}
    for number, record in records:
        try:
            row = _subscriber(_cells(record, delimiter), columns, consent)
            key = row.address.casefold()
            if key in seen:
                index, first = seen[key]
                result.rows[index] = _merged(result.rows[index], row)
                result.notes.append(f"line {number}: {row.address} was on line {first} already; the two are merged")
            else:
                seen[key] = (len(result.rows), number)
                result.rows.append(row)
        except (BadLine, BadAddress, BadConsent, BadWish) as problem:
            result.problems.append(f"line {number}: {problem}")
    return result


def _decode(content: bytes, notes: list[str]) -> str:
    if len(content) > MAX_BYTES:
        raise BadList(f"the list has {len(content)} bytes", f"split it into files of at most {MAX_BYTES}")
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise BadList("this is a spreadsheet, not a CSV file", "save it as “CSV UTF-8” and import that")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    if content[:4096].count(0) > len(content[:4096]) // 10:  # a stray one costs its own line only
        raise BadList("this is no text file", "save the list as “CSV UTF-8” and import that")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        notes.append("the list is not in UTF-8; it was read as Windows-1252, so look at the accents")
        return content.decode("cp1252", errors="replace")


def _records(lines: list[str]) -> Iterator[tuple[int, str]]:
    """The rows with the number of their first line. A quote that is never closed costs its own line and no other."""
    index = 0
    while index < len(lines):
        taken = 1
        if lines[index].count('"') % 2:
            # The row goes on up to the next line with an odd number of quotes, if there is one near.
            for ahead in range(1, min(MAX_LINES_OF_A_ROW, len(lines) - index)):
                if lines[index + ahead].count('"') % 2:
                    taken = ahead + 1 if _is_one_row(lines[index : index + ahead + 1]) else 1
                    break
        record = "\n".join(lines[index : index + taken])
        if record.strip(' \t,;"'):
            yield index + 1, record
        index += taken


def _is_one_row(lines: list[str]) -> bool:
    # Two broken lines look like one row with a line break in it, and what stands behind the closing quote tells.
    text = "\n".join(lines)
    return any(_parses(text, delimiter) for delimiter in ",;\t")


def _parses(text: str, delimiter: str) -> bool:
    try:
        return sum(1 for _ in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)) == 1
    except csv.Error:
        return False


def _cells(record: str, delimiter: str) -> list[str]:
    if len(record) > MAX_LINE_LENGTH:
        raise BadLine(f"{len(record)} characters in one row", f"shorten it to {MAX_LINE_LENGTH}")
    if "\x00" in record:
        raise BadLine("a zero byte", "delete it")
    try:
        rows = list(csv.reader(io.StringIO(record, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise BadLine(
            f"quotes don't match ({error})", "close every quote; a quote inside quotes is written twice"
        ) from error
    return [cell.strip() for cell in rows[0]] if rows else []


def _header(number: int, header: str, notes: list[str]) -> tuple[list[str | None], str]:
    """The known name of each column, None where it isn't read, and what stands between the cells."""
    delimiter = max(",;\t", key=header.count)
    try:
        names = [name.casefold().replace(" ", "_") for name in _cells(header, delimiter)]
    except BadLine as error:
        raise BadList(f"line {number} is no header: {error.what}", _HEADER_REMEDY) from error
    columns = [known if (known := _ALIASES.get(name, name)) in _COLUMNS else None for name in names]
    if "address" not in columns:
        raise BadList(f"line {number} names no column “address”", _HEADER_REMEDY)
    for name in _COLUMNS:
        if name not in _LISTS and columns.count(name) > 1:
            raise BadList(f"line {number} names two columns “{name}”", "keep one of them")
    notes += [
        f"column “{name[:40]}” is not read"
        for name, column in zip(names[:50], columns[:50], strict=True)
        if column is None and name
    ]
    return columns, delimiter


def _subscriber(cells: list[str], columns: list[str | None], consent: str | None) -> NewSubscriber:
    if len(cells) > len(columns):
        raise BadLine(
            f"{len(cells)} cells for {len(columns)} columns", "put a cell that holds the separator in double quotes"
        )
    single: dict[str, str] = {}
    several: dict[str, list[str]] = {name: [] for name in _LISTS}
    for column, cell in zip(columns, cells, strict=False):
        if column in several:
            several[column] += _BETWEEN_WISHES.split(cell)
        elif column is not None and cell:
            single[column] = cell
    size = _number(single.get("brief_size"), "brief size", f"1 to {MAX_BRIEF_SIZE}")
    hour = _number(single.get("hour"), "hour", f"0 to {MAX_HOUR}")
    timezone, language, mail = single.get("timezone"), single.get("language"), single.get("format")
    address = checked_address(single.get("address", ""))
    return NewSubscriber(
        address=address,
        consent=_consent(address, single, consent),
        interests=checked_wishes(several["interests"]),
        followed_shows=checked_wishes(several["followed_shows"], what="followed show"),
        muted_shows=checked_wishes(several["muted_shows"], what="muted show"),
        muted_topics=checked_topics(several["muted_topics"]),
        muted_words=checked_wishes(several["muted_words"], what="muted word"),
        brief_size=None if size is None else checked_brief_size(size),
        hour=None if hour is None else checked_hour(hour),
        format=None if mail is None else checked_format(mail),
        timezone=None if timezone is None else checked_timezone(timezone),
        language=None if language is None else checked_language(language),
    )


def _number(cell: str | None, what: str, allowed: str) -> int | None:
    if cell is not None and not re.fullmatch(r"[0-9]{1,2}", cell, re.ASCII):
        raise BadWish(f"{what} “{cell[:20]}”", f"give a number from {allowed}, or nothing")
    return None if cell is None else int(cell)


def _consent(address: str, cells: dict[str, str], of_the_list: str | None) -> Consent:
    said, when = cells.get("consent"), cells.get("consented_at")
    evidence = of_the_list if said is None else checked_evidence(said)
    if evidence is None:
        raise BadConsent(
            f"nothing says that {address} agreed to get briefs",
            "say how and when in a column “consent”, or of the whole list by --consent TEXT",
        )
    return Consent(how="import", evidence=evidence, given_at=None if when is None else _moment(when))


def _moment(cell: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(cell)
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:  # the second: a zone that leads out of the calendar
        raise BadConsent(f"consented_at “{cell[:40]}”", "write it as 2026-05-03 or leave it empty") from error


def _merged(first: NewSubscriber, second: NewSubscriber) -> NewSubscriber:
    """Both wishes in order; of the settings, the later line's."""
    return dataclasses.replace(
        first,
        interests=checked_wishes(first.interests + second.interests),
        followed_shows=checked_wishes(first.followed_shows + second.followed_shows),
        muted_shows=checked_wishes(first.muted_shows + second.muted_shows),
        muted_topics=checked_wishes(first.muted_topics + second.muted_topics),
        muted_words=checked_wishes(first.muted_words + second.muted_words),
        brief_size=second.brief_size or first.brief_size,
        timezone=second.timezone or first.timezone,
        language=second.language or first.language,
        hour=first.hour if second.hour is None else second.hour,
        format=second.format or first.format,
    )
