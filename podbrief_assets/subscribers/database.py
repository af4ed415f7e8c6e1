"""Who reads, what they asked for, and since when.

Belongs here: the tables of subscribers and their wishes, their changes, and the snapshot of a moment.
Doesn't: what a value may be (`values.py`), which states there are (`status.py`), evidence (`consent.py`), what they
said of insights (`feedback.py`), forgetting them (`forgetting.py`), reading lists of them (`importing.py`), vectors
(`assets.py`), the delivery ledger (`delivery/ledger.py`), the connection (`podbrief_assets/database.py`).

Every change ends a row and begins another, so what held at a moment that is over never changes.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, and_, case, literal, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.sql.elements import ColumnElement

from podbrief_assets.database import Base, Moment
from podbrief_assets.errors import PermanentFailure
from podbrief_assets.subscribers import consent as consents
from podbrief_assets.subscribers.consent import BY_OPERATOR, Consent
from podbrief_assets.subscribers.status import Status, check_transition, checked_status
from podbrief_assets.subscribers.suppression import Suppressed, Suppression, check_key
from podbrief_assets.subscribers.values import (
    DEFAULT_BRIEF_SIZE,
    DEFAULT_HOUR,
    MAX_BRIEF_SIZE,
    MAX_HOUR,
    MAX_WISH_LENGTH,
    MAX_WISHES,
    BadWish,
    Format,
    checked_address,
    checked_brief_size,
    checked_format,
    checked_hour,
    checked_language,
    checked_timezone,
    checked_topics,
    checked_wishes,
    plain,
    topic_named,
    unwanted,
)

WishKind = Literal["interest", "followed_show", "muted_show", "muted_topic", "muted_word"]

_TICK = dt.timedelta(microseconds=1)  # as fine as both databases keep a moment
_SETTINGS = ("status", "brief_size", "language", "timezone", "hour", "format")


class UnknownSubscriber(PermanentFailure):
    """Nobody has this identifier or address."""


class SubscriberRow(Base):
    """A person, by a random identifier; the only table besides backups that knows an address."""

    __tablename__ = "subscriber"

    subscriber_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    address: Mapped[str] = mapped_column(String(254))
    # Servers may tell Ann@ from ann@, people don't: the same person twice would get two briefs.
    address_key: Mapped[str] = mapped_column(String(254), unique=True)
    created_at: Mapped[dt.datetime] = mapped_column(Moment)
    # When they were last changed in any way, or somebody set out to.
    changed_at: Mapped[dt.datetime] = mapped_column(Moment)


class SettingRow(Base):
    """A version of a subscriber's settings; the one with no `valid_to` holds now."""

    __tablename__ = "subscriber_setting"
    __table_args__ = (
        CheckConstraint("status IN ('pending', 'active', 'paused', 'unsubscribed', 'bounced')", name="status"),
        CheckConstraint(f"brief_size BETWEEN 1 AND {MAX_BRIEF_SIZE}", name="brief_size"),
        CheckConstraint(f"hour BETWEEN 0 AND {MAX_HOUR}", name="hour"),
        CheckConstraint("format IN ('html', 'text')", name="format"),
        Index("ix_subscriber_setting_subscriber_id_valid_from", "subscriber_id", "valid_from"),
    )

    setting_id: Mapped[int] = mapped_column(primary_key=True)
    subscriber_id: Mapped[str] = mapped_column(ForeignKey("subscriber.subscriber_id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(String(16))
    brief_size: Mapped[int]
    language: Mapped[str | None] = mapped_column(String(35))
    timezone: Mapped[str] = mapped_column(String(64))
    hour: Mapped[int]
    format: Mapped[str] = mapped_column(String(8))
    # Why this version began, where somebody said: unsubscribed by the link in a mail, a bounce's reason.
    why: Mapped[str | None] = mapped_column(Text)
    valid_from: Mapped[dt.datetime] = mapped_column(Moment)
    valid_to: Mapped[dt.datetime | None] = mapped_column(Moment)


# Two open versions of one subscriber's settings would make two briefs: the database itself forbids them.
Index(
    "ix_subscriber_setting_current",
    SettingRow.subscriber_id,
    unique=True,
    sqlite_where=SettingRow.valid_to.is_(None),
    postgresql_where=SettingRow.valid_to.is_(None),
)


class WishRow(Base):
    """Something that a subscriber asked for: an interest in their own words, a show, a topic, a name or word."""

    __tablename__ = "subscriber_wish"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('interest', 'followed_show', 'muted_show', 'muted_topic', 'muted_word')", name="kind"
        ),
        Index("ix_subscriber_wish_subscriber_id_kind_position", "subscriber_id", "kind", "position"),
    )

    wish_id: Mapped[int] = mapped_column(primary_key=True)
    subscriber_id: Mapped[str] = mapped_column(ForeignKey("subscriber.subscriber_id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    value: Mapped[str] = mapped_column(String(MAX_WISH_LENGTH))
    position: Mapped[int]
    valid_from: Mapped[dt.datetime] = mapped_column(Moment)
    valid_to: Mapped[dt.datetime | None] = mapped_column(Moment)


@dataclass(frozen=True, kw_only=True)
class NewSubscriber:
    """Someone to add: checked, not yet stored.

    Attributes:
        address: As `checked_address` gives it.
        consent: What shows that they agreed; None: an operator entered them.
        interests: In their own words, the most important first; without any they get the day's best.
        brief_size, language, timezone, hour, format: None where they said nothing.
        followed_shows, muted_shows: Identifiers of shows, as in the lake's table `shows`.
        muted_topics: Identifiers of topics, as in podbrief's list.
        muted_words: Names and words that no entry may have.
    """

    address: str
    consent: Consent | None = None
    interests: tuple[str, ...] = ()
    brief_size: int | None = None
    language: str | None = None
    timezone: str | None = None
    hour: int | None = None
    format: Format | None = None
    followed_shows: tuple[str, ...] = ()
    muted_shows: tuple[str, ...] = ()
    muted_topics: tuple[str, ...] = ()
    muted_words: tuple[str, ...] = ()

    def wishes(self) -> dict[WishKind, tuple[str, ...]]:
        """The wishes by kind."""
        return {
            "interest": self.interests,
            "followed_show": self.followed_shows,
            "muted_show": self.muted_shows,
            "muted_topic": self.muted_topics,
            "muted_word": self.muted_words,
        }


@dataclass(frozen=True, kw_only=True)
class Added:
    """What adding someone did.

    Attributes:
        created: False where the address was there already, and what was new was merged into it.
        status: How they stand now. Adding never restarts what somebody paused or ended.
        new_wishes: What they had not asked for before, in order.
        changed: Names of the settings that changed.
    """

    subscriber_id: str
    created: bool
    status: Status
    new_wishes: tuple[str, ...]
    changed: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.created:
            return f"added as {self.subscriber_id}"
        parts = [f"was there already as {self.subscriber_id}"]
        if self.new_wishes:
            parts.append("added " + ", ".join(f"“{wish}”" for wish in self.new_wishes))
        if self.changed:
            parts.append("changed " + ", ".join(self.changed))
        if len(parts) == 1:
            parts.append("nothing new")
        if self.status != "active":
            parts.append(f"still {self.status}, so no brief is made")
        return "; ".join(parts)


@dataclass(frozen=True, kw_only=True)
class SubscriberSnapshot:
    """An active subscriber as of a moment, without an address.

    Attributes:
        interests, muted_words: In their own words: they stay out of the lake.
        hour: Of the day, in their time zone, at which the brief is wanted: 0 to 23.
    """

    subscriber_id: str
    interests: tuple[str, ...]
    followed_shows: tuple[str, ...]
    muted_shows: tuple[str, ...]
    muted_topics: tuple[str, ...]
    muted_words: tuple[str, ...]
    brief_size: int
    language: str | None
    timezone: str
    hour: int
    format: Format


@dataclass(frozen=True, kw_only=True)
class Subscriber(SubscriberSnapshot):
    """A subscriber as they stand now, for the operator who lists them.

    Attributes:
        since: When the settings became what they are.
        why: Why they did, where somebody said.
    """

    address: str
    status: Status
    created_at: dt.datetime
    since: dt.datetime
    why: str | None


@dataclass
class _Wishes:
    values: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def of(self, kind: WishKind) -> tuple[str, ...]:
        return tuple(self.values.get(kind, ()))


def add(
    session: Session,
    address: str,
    interests: Sequence[str] = (),
    *,
    consent: Consent | None = None,
    status: Literal["active", "pending"] = "active",
    brief_size: int | None = None,
    language: str | None = None,
    timezone: str | None = None,
    hour: int | None = None,
    format: str | None = None,
    followed_shows: Sequence[str] = (),
    muted_shows: Sequence[str] = (),
    muted_topics: Sequence[str] = (),
    muted_words: Sequence[str] = (),
    suppression: Suppression | None = None,
    asked_again: bool = False,
    now: dt.datetime | None = None,
) -> Added:
    """Add a subscriber, or merge what is new into the one who has this address already.

    A setting that is None is the default for someone new (5 entries, UTC, 7 o'clock, HTML) and left as it is for
    someone known. Without interests a subscriber gets the day's best. Nothing is committed: that is the session's
    owner's to do.

    Args:
        status: Of someone new: `pending` where they have yet to confirm that the mailbox is theirs.
        suppression: The list of who was forgotten; it may be left out only while it is empty.
        asked_again: Whether somebody who was forgotten asked for briefs again themselves.

    Raises:
        BadAddress, BadConsent, BadWish: Nothing was stored.
        Suppressed: The person was forgotten, and did not ask again.
        BadSuppressionKey: Whether they were can't be told.
    """
    address = checked_address(address)
    wishes = _checked(
        {
            "interest": interests,
            "followed_show": followed_shows,
            "muted_show": muted_shows,
            "muted_topic": muted_topics,
            "muted_word": muted_words,
        }
    )
    given: dict[str, object] = {
        "brief_size": None if brief_size is None else checked_brief_size(brief_size),
        "language": None if language is None else checked_language(language),
        "timezone": None if timezone is None else checked_timezone(timezone),
        "hour": None if hour is None else checked_hour(hour),
        "format": None if format is None else checked_format(format),
    }
    now = now or _now()
    check_key(session, suppression)
    if suppression is not None and (since := suppression.since(session, address)) is not None:
        if not asked_again:
            raise Suppressed(
                f"whoever has the address {address} was forgotten on {since:%Y-%m-%d}",
                "if they asked for briefs again themselves, `podbrief subscribers add --asked-again --consent TEXT`",
            )
        suppression.lift(session, address)
    subscriber_id, created = _find_or_create(session, address, now)
    if created:
        defaults = {"brief_size": DEFAULT_BRIEF_SIZE, "timezone": "UTC", "hour": DEFAULT_HOUR, "format": "html"}
        said = {name: value for name, value in given.items() if value is not None}
        setting = SettingRow(
            subscriber_id=subscriber_id, status=status, valid_from=now, **({"language": None} | defaults | said)
        )
        session.add(setting)
        session.flush()
        changed: tuple[str, ...] = ()
        since = now
    else:
        since = begin_change(session, subscriber_id, now)
        setting, changed = _change(session, subscriber_id, given, since)
    new = _merge(session, subscriber_id, wishes, since)
    if consent is not None or created:
        consents.record(session, subscriber_id, consent or BY_OPERATOR, now=since)
    return Added(
        subscriber_id=subscriber_id,
        created=created,
        status=checked_status(setting.status),
        new_wishes=new,
        changed=changed,
    )


def add_all(
    session: Session,
    rows: Sequence[NewSubscriber],
    *,
    suppression: Suppression | None = None,
    now: dt.datetime | None = None,
) -> list[Added | Suppressed]:
    """`add` for each of `rows`, in order; of whoever was forgotten the refusal, and the others are added."""
    return [_added(session, row, suppression, now) for row in rows]


def _added(
    session: Session, row: NewSubscriber, suppression: Suppression | None, now: dt.datetime | None
) -> Added | Suppressed:
    try:
        return add(
            session,
            row.address,
            row.interests,
            consent=row.consent,
            brief_size=row.brief_size,
            language=row.language,
            timezone=row.timezone,
            hour=row.hour,
            format=row.format,
            followed_shows=row.followed_shows,
            muted_shows=row.muted_shows,
            muted_topics=row.muted_topics,
            muted_words=row.muted_words,
            suppression=suppression,
            now=now,
        )
    except Suppressed as left_out:
        return left_out


def set_status(
    session: Session,
    subscriber_id: str,
    status: Status,
    *,
    why: str,
    consent: Consent | None = None,
    now: dt.datetime | None = None,
) -> bool:
    """Bring a subscriber to another state from `now` on; False where they are in it already.

    Args:
        why: What brought it about, for whoever asks later: "one-click unsubscribe", "550 no such mailbox".
        consent: What shows that they themselves asked for it, where that is needed (`status.NEEDS_CONSENT`).

    Raises:
        UnknownSubscriber: Nobody has this identifier (any more).
        BadStatus: There is no such state.
        IllegalTransition: It can't be reached from theirs, or not without consent.
    """
    status = checked_status(status)
    since = begin_change(session, subscriber_id, now)
    current = checked_status(_current(session, subscriber_id).status)
    if status != current:
        check_transition(current, status, consented=consent is not None)
        _change(session, subscriber_id, {"status": status}, since, why=plain(why)[:500] or None)
    if consent is not None:
        consents.record(session, subscriber_id, consent, now=since)
    return status != current


def add_wishes(
    session: Session,
    subscriber_id: str,
    wishes: Mapping[WishKind, Sequence[str]],
    *,
    now: dt.datetime | None = None,
) -> tuple[str, ...]:
    """Add to what a subscriber asked for, from `now` on; what was new.

    Raises:
        UnknownSubscriber: Nobody has this identifier.
        BadWish: One makes no sense, or there are too many.
    """
    checked = _checked(wishes)
    return _merge(session, subscriber_id, checked, begin_change(session, subscriber_id, now))


def withdraw_wish(
    session: Session, subscriber_id: str, kind: WishKind, value: str, *, now: dt.datetime | None = None
) -> bool:
    """End a wish from `now` on; False where there is none such. Days before `now` keep it.

    Raises:
        UnknownSubscriber: Nobody has this identifier.
    """
    since = begin_change(session, subscriber_id, now)
    # A topic that was muted before the list had identifiers may be stored under any name.
    keys = {plain(value).casefold(), topic_named(value) if kind == "muted_topic" else None}
    rows = session.scalars(
        select(WishRow).where(WishRow.subscriber_id == subscriber_id, WishRow.kind == kind, WishRow.valid_to.is_(None))
    ).all()
    ended = [row for row in rows if row.value.casefold() in keys]
    for row in ended:
        row.valid_to = since
    session.flush()
    return bool(ended)


def list_subscribers(session: Session, subscriber_id: str | None = None) -> list[Subscriber]:
    """Everyone as they stand now, by when they came; or the one who has this identifier."""
    only = literal(True) if subscriber_id is None else SubscriberRow.subscriber_id == subscriber_id
    wishes = _wishes(session, and_(WishRow.valid_to.is_(None), only))
    rows = session.execute(
        select(SubscriberRow, SettingRow)
        .join(SettingRow, SettingRow.subscriber_id == SubscriberRow.subscriber_id)
        .where(SettingRow.valid_to.is_(None), only)
        .order_by(SubscriberRow.created_at, SubscriberRow.subscriber_id)
    )
    return [
        Subscriber(
            **_said(setting.subscriber_id, setting, wishes),
            address=person.address,
            status=checked_status(setting.status),
            created_at=person.created_at,
            since=setting.valid_from,
            why=setting.why,
        )
        for person, setting in rows
    ]


def snapshot(session: Session, as_of: dt.datetime, *, newcomers: bool = False) -> list[SubscriberSnapshot]:
    """Everyone who was active at `as_of`, with what they asked for then, ordered by identifier.

    The same `as_of` gives the same answer whenever it is asked, because changes end a row and begin another; only who
    was forgotten since is in none any more.

    Args:
        newcomers: Whether those who came after `as_of` are in it too, as they were when they came. A brief for a day
            before somebody's first needs this, and unlike "as they are now" it doesn't change later.
    """
    moment = _with_newcomers(as_of) if newcomers else literal(as_of, Moment())
    wishes = _wishes(session, _holds(WishRow, moment))
    settings = session.scalars(
        select(SettingRow)
        .join(SubscriberRow, SubscriberRow.subscriber_id == SettingRow.subscriber_id)
        .where(_holds(SettingRow, moment), SettingRow.status == "active")
        .order_by(SettingRow.subscriber_id)
    )
    return [SubscriberSnapshot(**_said(row.subscriber_id, row, wishes)) for row in settings]


def muted_words(session: Session, as_of: dt.datetime) -> list[tuple[str, str]]:
    """(subscriber, word) for every name and word that somebody muted as of `as_of`; of newcomers, when they came."""
    rows = session.execute(
        select(WishRow.subscriber_id, WishRow.value)
        .join(SubscriberRow, SubscriberRow.subscriber_id == WishRow.subscriber_id)
        .where(WishRow.kind == "muted_word", _holds(WishRow, _with_newcomers(as_of)))
        .order_by(WishRow.subscriber_id, WishRow.position)
    )
    return [(subscriber_id, word) for subscriber_id, word in rows]


def interests_ever(session: Session, subscriber_id: str) -> list[tuple[str, ...]]:
    """Each list of interests that any snapshot could have had of a subscriber, in their order of time."""
    rows = session.execute(
        select(WishRow.value, WishRow.valid_from, WishRow.valid_to)
        .where(WishRow.subscriber_id == subscriber_id, WishRow.kind == "interest")
        .order_by(WishRow.position, WishRow.wish_id)
    ).all()
    moments = sorted({moment for row in rows for moment in (row.valid_from, row.valid_to) if moment is not None})
    lists = (
        tuple(row.value for row in rows if row.valid_from <= at and (row.valid_to is None or row.valid_to > at))
        for at in moments
    )
    return list(dict.fromkeys(lists))


def settings_ever(session: Session, subscriber_id: str) -> list[SettingRow]:
    """Every version of a subscriber's settings, the oldest first."""
    return list(
        session.scalars(
            select(SettingRow).where(SettingRow.subscriber_id == subscriber_id).order_by(SettingRow.setting_id)
        )
    )


def id_of(session: Session, address: str) -> str:
    """The identifier of the subscriber with this address.

    Raises:
        BadAddress: It is no address.
        UnknownSubscriber: Nobody has it.
    """
    address = checked_address(address)
    found = _by_key(session, address)
    if found is None:
        raise UnknownSubscriber(f"nobody has the address {address}", "`podbrief subscribers list` shows who there is")
    return found


def address_of(session: Session, subscriber_id: str) -> str:
    """Where a subscriber's brief goes.

    Raises:
        UnknownSubscriber: Nobody has this identifier.
    """
    address = session.scalar(select(SubscriberRow.address).where(SubscriberRow.subscriber_id == subscriber_id))
    if address is None:
        raise _unknown(subscriber_id)
    return address


def is_active(session: Session, subscriber_id: str) -> bool:
    """Whether a subscriber wants briefs now; False also for one who is not there (any more)."""
    status = session.scalar(
        select(SettingRow.status).where(SettingRow.subscriber_id == subscriber_id, SettingRow.valid_to.is_(None))
    )
    return status == "active"


def _checked(wishes: Mapping[WishKind, Sequence[str]]) -> dict[WishKind, tuple[str, ...]]:
    """`wishes` in the form that is stored; an interest that says “not crypto” is a mute."""
    given: dict[WishKind, list[str]] = {kind: list(values) for kind, values in wishes.items()}
    for what in filter(None, map(unwanted, given.get("interest", []))):
        given.setdefault("muted_word", []).append(what)
        if (topic := topic_named(what)) is not None:
            given.setdefault("muted_topic", []).append(topic)
    if "interest" in given:
        given["interest"] = [one for one in given["interest"] if unwanted(one) is None]
    return {
        kind: checked_topics(values) if kind == "muted_topic" else checked_wishes(values, what=kind.replace("_", " "))
        for kind, values in given.items()
    }


def _find_or_create(session: Session, address: str, now: dt.datetime) -> tuple[str, bool]:
    if (known := _by_key(session, address)) is not None:
        return known, False
    subscriber_id = secrets.token_hex(8)
    try:
        with session.begin_nested():
            session.add(
                SubscriberRow(
                    subscriber_id=subscriber_id,
                    address=address,
                    address_key=address.casefold(),
                    created_at=now,
                    changed_at=now,
                )
            )
    except IntegrityError:  # somebody added the address between our look and our insert
        known = _by_key(session, address)
        if known is None:
            raise
        return known, False
    return subscriber_id, True


def _by_key(session: Session, address: str) -> str | None:
    return session.scalar(select(SubscriberRow.subscriber_id).where(SubscriberRow.address_key == address.casefold()))


def begin_change(session: Session, subscriber_id: str, now: dt.datetime | None = None) -> dt.datetime:
    """Keep others from changing a subscriber until the transaction ends; the moment from which a change made now holds.

    That is `now`, but later than every change before: a clock that stood still or was set back must not change what
    held at a moment that is over.

    Raises:
        UnknownSubscriber: Nobody has this identifier.
    """
    # PostgreSQL locks the row, SQLite has locked everything already.
    person = session.scalar(
        select(SubscriberRow)
        .where(SubscriberRow.subscriber_id == subscriber_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if person is None:
        raise _unknown(subscriber_id)
    person.changed_at = max(now or _now(), person.changed_at + _TICK)
    session.flush()
    return person.changed_at


def _current(session: Session, subscriber_id: str) -> SettingRow:
    current = session.scalar(
        select(SettingRow).where(SettingRow.subscriber_id == subscriber_id, SettingRow.valid_to.is_(None))
    )
    if current is None:
        raise _unknown(subscriber_id)
    return current


def _change(
    session: Session, subscriber_id: str, given: dict[str, object], since: dt.datetime, *, why: str | None = None
) -> tuple[SettingRow, tuple[str, ...]]:
    """End the current settings and begin new ones where `given` differs; the settings that hold, and what changed."""
    current = _current(session, subscriber_id)
    changes = {name: value for name, value in given.items() if value is not None and value != getattr(current, name)}
    if not changes:
        return current, ()
    kept = {name: getattr(current, name) for name in _SETTINGS}
    # Ended by a statement of its own, because the unit of work would insert the successor first.
    session.execute(update(SettingRow).where(SettingRow.setting_id == current.setting_id).values(valid_to=since))
    successor = SettingRow(subscriber_id=subscriber_id, valid_from=since, why=why, **(kept | changes))
    session.add(successor)
    session.flush()
    return successor, tuple(changes)


def _merge(
    session: Session, subscriber_id: str, wishes: dict[WishKind, tuple[str, ...]], since: dt.datetime
) -> tuple[str, ...]:
    """Store what of `wishes` does not hold yet, after what does; what was new."""
    there = session.scalars(
        select(WishRow).where(WishRow.subscriber_id == subscriber_id, WishRow.valid_to.is_(None))
    ).all()
    known: dict[str, set[str]] = defaultdict(set)
    last: dict[str, int] = defaultdict(int)
    for row in there:
        known[row.kind].add(row.value.casefold())
        last[row.kind] = max(last[row.kind], row.position)
    new: list[WishRow] = []
    for kind, values in wishes.items():
        fresh = [value for value in values if value.casefold() not in known[kind]]
        if len(known[kind]) + len(fresh) > MAX_WISHES:
            raise BadWish(f"{len(known[kind]) + len(fresh)} times {kind}", f"one subscriber has at most {MAX_WISHES}")
        new += [
            WishRow(subscriber_id=subscriber_id, kind=kind, value=value, position=last[kind] + step, valid_from=since)
            for step, value in enumerate(fresh, start=1)
        ]
    session.add_all(new)
    session.flush()
    return tuple(row.value for row in new)


def _wishes(session: Session, condition: ColumnElement[bool]) -> dict[str, _Wishes]:
    """The wishes that meet `condition` by subscriber, in their order."""
    found: dict[str, _Wishes] = defaultdict(_Wishes)
    rows = session.execute(
        select(WishRow.subscriber_id, WishRow.kind, WishRow.value)
        .join(SubscriberRow, SubscriberRow.subscriber_id == WishRow.subscriber_id)
        .where(condition)
        .order_by(WishRow.subscriber_id, WishRow.kind, WishRow.position, WishRow.wish_id)
    )
    for subscriber_id, kind, value in rows:
        found[subscriber_id].values[kind].append(value)
    return found


def _holds(row: type[SettingRow] | type[WishRow], moment: ColumnElement[dt.datetime]) -> ColumnElement[bool]:
    return and_(row.valid_from <= moment, or_(row.valid_to.is_(None), row.valid_to > moment))


def _with_newcomers(as_of: dt.datetime) -> ColumnElement[dt.datetime]:
    """The moment at which each subscriber is looked at: `as_of`, and for who came later, when they came."""
    moment = literal(as_of, Moment())
    return case((SubscriberRow.created_at > moment, SubscriberRow.created_at), else_=moment)


def _said(subscriber_id: str, setting: SettingRow, wishes: dict[str, _Wishes]) -> dict[str, Any]:
    """The fields of a snapshot."""
    asked_for = wishes[subscriber_id]
    return {
        "subscriber_id": subscriber_id,
        "interests": asked_for.of("interest"),
        "followed_shows": asked_for.of("followed_show"),
        "muted_shows": asked_for.of("muted_show"),
        "muted_topics": asked_for.of("muted_topic"),
        "muted_words": asked_for.of("muted_word"),
        "brief_size": setting.brief_size,
        "language": setting.language,
        "timezone": setting.timezone,
        "hour": setting.hour,
        "format": setting.format,
    }


def _unknown(subscriber_id: str) -> UnknownSubscriber:
    return UnknownSubscriber(
        f"no subscriber {plain(subscriber_id[:40])}", "`podbrief subscribers list` shows who there is"
    )


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
