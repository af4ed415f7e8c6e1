"""What podbrief remembers of each feed between two scans.

Belongs here: the value that a scan takes and gives back, its table in the operational database, loading and saving.
Doesn't: deciding what a scan changes in it (scan.py), the items of a feed (they are in the lake, in `feed_items`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import datetime

from sqlalchemy import JSON, Engine, Text, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from podbrief_assets import database


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
        last_error: Why the last one did, and what to do; None after a success.
        next_try_at: Not asked before then; None for the next scan.
        retired: Gone for good (410): never asked again.
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
    rows = [asdict(state) for state in states]
    if not rows:
        return
    dialect = postgresql if engine.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(_TABLE)
    written = {name: insert.excluded[name] for name in _FIELDS if name != "address"}
    written |= {name: func.coalesce(_TABLE.c[name], insert.excluded[name]) for name in _PINNED}
    with database.session(engine) as session:
        session.execute(insert.on_conflict_do_update(index_elements=["address"], set_=written), rows)
