"""What podbrief remembers of each feed between two scans.

Belongs here: the value that a scan takes and gives back, how long a feed that fails is left alone, what of it an
operator sees, its table in the operational database, loading and saving.
Doesn't: deciding what an answer means (scan.py), the items of a feed (they are in the lake, in `feed_items`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import JSON, Engine, Text, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from podbrief_assets import database

# A feed that fails is asked at every scan of its first day: most faults are over by the next one, and an operator who
# mends something scans at once. From then on it is left alone for about as long as it has been failing.
_PATIENCE: Final = timedelta(days=1)
# What an absurd Retry-After may ask for, too: no server may silence a feed for a year.
LONGEST_WAIT: Final = timedelta(days=3)


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedState:
    """One feed, as its last scans left it.

    Attributes:
        address: The canonical feed address: what tells feeds apart, whatever spelling they were subscribed in.
        feed_url: The address as subscribed.
        fetched_url: Where the feed moved to and is fetched from; None while that is `feed_url`.
        former_urls: Where it was fetched from before. It never moves back there, so no two feeds send it in circles.
        show_id: Pinned at the first scan that succeeds; never changes, so that episodes keep their identifiers.
        note: What an operator should know about the show's identity or address; None where there is nothing.
        etag, last_modified: Validators of the last whole, readable body, exactly as sent.
        body_digest: SHA-256 of that body.
        title, author, link, language, image_url, description, categories: The show in its feed's own words.
        blocked: The show asks not to be processed (podcast:block).
        first_scanned_at: When its back catalogue was taken.
        last_success_at: When it was last read, or said that nothing changed.
        failures_in_a_row: Scans since then that failed.
        last_error: Why the last one did, and what to do; None after a success. Of a feed that has not failed: why it
            was not asked (its host answered 429 to another one).
        next_try_at: Not asked before then; None for the next scan.
        retired: Gone for good (410): not asked again until it is added once more (`revived`).
        failing_since: When the first of the failures in a row happened.
        podcast_guid, license, locked: As the feed states them; None where it does not, or was last read before
            podbrief kept them.
    """

    address: str
    feed_url: str
    fetched_url: str | None = None
    former_urls: tuple[str, ...] = ()
    show_id: str | None = None
    note: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    body_digest: str | None = None
    title: str | None = None
    author: str | None = None
    link: str | None = None
    language: str | None = None
    image_url: str | None = None
    description: str | None = None
    categories: tuple[str, ...] = ()
    blocked: bool = False
    first_scanned_at: datetime | None = None
    last_success_at: datetime | None = None
    failures_in_a_row: int = 0
    last_error: str | None = None
    next_try_at: datetime | None = None
    retired: bool = False
    failing_since: datetime | None = None
    podcast_guid: str | None = None
    license: str | None = None
    locked: bool | None = None


def next_try(
    address: str, failing_since: datetime, now: datetime, asked_for: datetime | None = None
) -> datetime | None:
    """When a feed that failed at `now` is asked again; None for the next scan.

    In its first day of failing: at the next scan. Later: after as long again as it has been failing, at most three
    days, less 5 to 25 %. That jitter spreads feeds that failed together; it is the same on every machine, and it only
    ever shortens: a daily scan that starts some minutes earlier than the last one must not come too early for it, and
    so leave a feed alone for a day more. A daily scan thus asks after one day, one, two, three, three and so on.

    Args:
        asked_for: The end of the server's Retry-After; kept to, but for at most three days.
    """
    failing = now - failing_since
    own = None
    if failing >= _PATIENCE:
        digest = hashlib.sha256(f"{address}\n{failing // _PATIENCE}".encode()).digest()
        jitter = 0.05 + 0.2 * int.from_bytes(digest[:4], "big") / 2**32
        own = now + min(failing, LONGEST_WAIT) * (1 - jitter)
    asked_for = min(asked_for, now + LONGEST_WAIT) if asked_for is not None else None
    return max((moment for moment in (own, asked_for) if moment is not None), default=None)


def revived(state: FeedState) -> FeedState:
    """A retired feed that somebody wants asked again: as if it had never failed, and read in full.

    Its identifier and the day of its back catalogue stay, so that what it says now is news of the same show.
    """
    return replace(
        state,
        retired=False,
        fetched_url=None,
        etag=None,
        last_modified=None,
        body_digest=None,
        failures_in_a_row=0,
        last_error=None,
        next_try_at=None,
        failing_since=None,
    )


def health(state: FeedState, now: datetime) -> dict[str, object]:
    """What an operator sees of a feed: the columns of `feed_health` that rest on its memory.

    Args:
        now: A next try before then is none to wait for.
    """
    reason = state.last_error
    if state.retired:
        outcome = "retired"
    elif state.blocked:
        outcome, reason = "blocked", "the show asks not to be processed (podcast:block)"
    elif state.failures_in_a_row:
        outcome = "failing"
    else:
        outcome = "new" if state.last_success_at is None else "answering"
    waits = not state.retired and state.next_try_at is not None and state.next_try_at > now
    return {
        "outcome": outcome,
        "last_success_at": state.last_success_at,
        "failing_since": state.failing_since,
        "failures_in_a_row": state.failures_in_a_row,
        "next_try_at": state.next_try_at if waits else None,
        "reason": reason,
        "note": state.note,
    }


class FeedStateRow(database.Base):
    """`FeedState` as a row; the columns are its fields."""

    __tablename__ = "feed_state"

    address: Mapped[str] = mapped_column(Text, primary_key=True)
    feed_url: Mapped[str] = mapped_column(Text)
    fetched_url: Mapped[str | None] = mapped_column(Text)
    former_urls: Mapped[list[str]] = mapped_column(JSON)
    show_id: Mapped[str | None] = mapped_column(Text, index=True)
    note: Mapped[str | None] = mapped_column(Text)
    etag: Mapped[str | None] = mapped_column(Text)
    last_modified: Mapped[str | None] = mapped_column(Text)
    body_digest: Mapped[str | None] = mapped_column(Text)
    title: Mapped[str | None] = mapped_column(Text)
    author: Mapped[str | None] = mapped_column(Text)
    link: Mapped[str | None] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(Text)
    image_url: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    categories: Mapped[list[str]] = mapped_column(JSON)
    blocked: Mapped[bool]
    first_scanned_at: Mapped[datetime | None]
    last_success_at: Mapped[datetime | None]
    failures_in_a_row: Mapped[int]
    last_error: Mapped[str | None] = mapped_column(Text)
    next_try_at: Mapped[datetime | None]
    retired: Mapped[bool]
    failing_since: Mapped[datetime | None]
    podcast_guid: Mapped[str | None] = mapped_column(Text)
    license: Mapped[str | None] = mapped_column(Text)
    locked: Mapped[bool | None]


_TABLE = FeedStateRow.__table__
_FIELDS = tuple(field.name for field in fields(FeedState))
_TUPLES = ("former_urls", "categories")
# What was pinned once stays, whatever a scan that started before the other one ended may want to write.
_PINNED = ("show_id", "first_scanned_at")


def load(engine: Engine) -> dict[str, FeedState]:
    """Every feed that was ever scanned, by its canonical address."""
    with database.session(engine, read_only=True) as session:
        rows = session.execute(select(*(_TABLE.c[name] for name in _FIELDS))).mappings()
        return {row["address"]: FeedState(**{**row, **{name: tuple(row[name]) for name in _TUPLES}}) for row in rows}


def save(engine: Engine, states: Iterable[FeedState]) -> None:
    """Write `states` in one transaction, over what was there; a show_id and a first scan already there are kept.

    Save only after the items of these feeds are safe: what is saved here makes the next scan skip them.
    """
    rows = [{name: getattr(state, name) for name in _FIELDS} for state in states]
    if not rows:
        return
    dialect = postgresql if engine.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(_TABLE)
    written = {name: insert.excluded[name] for name in _FIELDS if name != "address"}
    written |= {name: func.coalesce(_TABLE.c[name], insert.excluded[name]) for name in _PINNED}
    with database.session(engine) as session:
        session.execute(insert.on_conflict_do_update(index_elements=["address"], set_=written), rows)
