"""Who reads, what they asked for, and since when.

Belongs here: the tables of subscribers and their wishes, their changes, and the snapshot of a moment.
Doesn't: reading files of subscribers (`importing.py`), vectors and topics (`assets.py`), the delivery ledger
(`delivery/ledger.py`), the connection (`podbrief_assets/database.py`).
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import secrets
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import CheckConstraint, ForeignKey, Index, String, and_, case, literal, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.sql.elements import ColumnElement

from podbrief_assets.database import Base, Moment
from podbrief_assets.errors import PermanentFailure

Status = Literal["active", "paused", "unsubscribed", "bounced"]
WishKind = Literal["interest", "followed_show", "muted_show", "muted_topic"]

DEFAULT_BRIEF_SIZE = 5
MAX_BRIEF_SIZE = 10
MAX_WISHES = 200
MAX_WISH_LENGTH = 300

# Reserved for private and test networks. A mail to them reaches nobody by accident, and people try podbrief with them.
_PRIVATE_DOMAINS = re.compile(r"[@.](?:localhost|test|local|invalid)\Z")
_LANGUAGE = re.compile(r"[a-z]{2,8}(?:-[a-z0-9]{1,8}){0,3}", re.ASCII)
# A spreadsheet runs a cell that starts with one of these. No list that we ever export shall hold one.
_FORMULA_STARTS = ("=", "+", "-", "@")


class BadAddress(PermanentFailure):
    """What was given is no address that a brief could be sent to."""


class BadWish(PermanentFailure):
    """An interest, follow, mute or setting is outside what podbrief can work with."""


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


class SettingRow(Base):
    """A version of a subscriber's settings; the one with no `valid_to` holds now."""

    __tablename__ = "subscriber_setting"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'paused', 'unsubscribed', 'bounced')", name="status"),
        CheckConstraint(f"brief_size BETWEEN 1 AND {MAX_BRIEF_SIZE}", name="brief_size"),
        Index("ix_subscriber_setting_subscriber_id_valid_from", "subscriber_id", "valid_from"),
    )

    setting_id: Mapped[int] = mapped_column(primary_key=True)
    subscriber_id: Mapped[str] = mapped_column(ForeignKey("subscriber.subscriber_id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(String(16))
    brief_size: Mapped[int]
    language: Mapped[str | None] = mapped_column(String(35))
    timezone: Mapped[str] = mapped_column(String(64))
    # The hour of the reader's clock at which their brief is due, and whether it is `html` or `text`; null: 7, html.
    hour: Mapped[int | None]
    format: Mapped[str | None] = mapped_column(String(8))
    # What the status came by, where somebody said.
    why: Mapped[str | None] = mapped_column(String(400))
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
    """Something that a subscriber asked for: an interest in their own words, a show, a topic."""

    __tablename__ = "subscriber_wish"
    __table_args__ = (
        CheckConstraint("kind IN ('interest', 'followed_show', 'muted_show', 'muted_topic')", name="kind"),
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
        interests: In their own words, the most important first; without any they get the day's best.
        brief_size, language, timezone: None where they said nothing.
        followed_shows, muted_shows: Identifiers of shows, as in the lake's table `shows`.
        muted_topics: Identifiers of topics, as in podbrief's list.
    """

    address: str
    interests: tuple[str, ...] = ()
    brief_size: int | None = None
    language: str | None = None
    timezone: str | None = None
    followed_shows: tuple[str, ...] = ()
    muted_shows: tuple[str, ...] = ()
    muted_topics: tuple[str, ...] = ()

    def wishes(self) -> dict[WishKind, tuple[str, ...]]:
        """The wishes by kind."""
        return {
            "interest": self.interests,
            "followed_show": self.followed_shows,
            "muted_show": self.muted_shows,
            "muted_topic": self.muted_topics,
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
    """An active subscriber as of a moment, without an address."""

    subscriber_id: str
    interests: tuple[str, ...]
    followed_shows: tuple[str, ...]
    muted_shows: tuple[str, ...]
    muted_topics: tuple[str, ...]
    brief_size: int
    language: str | None
    timezone: str
    format: str = "html"


@dataclass(frozen=True, kw_only=True)
class Subscriber:
    """A subscriber as they stand now, for the operator who lists them."""

    subscriber_id: str
    address: str
    status: Status
    interests: tuple[str, ...]
    brief_size: int
    language: str | None
    timezone: str
    created_at: dt.datetime


@dataclass
class _Wishes:
    values: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def of(self, kind: WishKind) -> tuple[str, ...]:
        return tuple(self.values.get(kind, ()))


def checked_address(address: str) -> str:
    """`address` in the form that is stored and written to; an international domain becomes its ASCII form.

    Raises:
        BadAddress: It is no address, is more than an address, or needs SMTPUTF8, which many servers refuse.
    """
    address = address.strip()
    shown = _plain(address)[:80] or "(empty)"
    if len(address) > 254:
        raise BadAddress(f"{shown}…", "an address has 254 characters at most")
    if address.startswith(_FORMULA_STARTS):
        raise BadAddress(f"{shown}: starts like a spreadsheet formula", "give one plain address")
    # The library refuses these names whatever it is told, so they are looked at as part of a public one.
    suffix = ".example" if _PRIVATE_DOMAINS.search(address.casefold()) else ""
    try:
        found = validate_email(
            address + suffix,
            check_deliverability=False,  # the syntax only: no look-up of a name that a stranger gave
            allow_smtputf8=False,
            strict=True,
        )
    except EmailNotValidError as error:
        raise BadAddress(
            f"{shown}: {str(error).rstrip('.')}", "give one plain address, as in reader@example.org"
        ) from error
    if found.ascii_email is None:  # not with allow_smtputf8=False, says the library's documentation
        raise BadAddress(shown, "use the address's form without accents")
    return found.ascii_email.removesuffix(suffix)


def checked_wishes(values: Sequence[str], *, what: str = "interest") -> tuple[str, ...]:
    """`values` on one line each, without control characters, empty ones and repeats, in the order given.

    Raises:
        BadWish: One is longer than 300 characters or starts like a formula, or there are more than 200.
    """
    kept: dict[str, str] = {}
    for value in values:
        if len(value) > 4 * MAX_WISH_LENGTH or len(plain := _plain(value)) > MAX_WISH_LENGTH:
            raise BadWish(
                f"{what} “{_plain(value[:60])}…” is too long", f"say it in at most {MAX_WISH_LENGTH} characters"
            )
        if plain.startswith(_FORMULA_STARTS):
            raise BadWish(f"{what} “{plain[:60]}” starts like a spreadsheet formula", "begin it with a word")
        if plain:
            kept.setdefault(plain.casefold(), plain)
    if len(kept) > MAX_WISHES:
        raise BadWish(f"{len(kept)} times {what}", f"give at most {MAX_WISHES}")
    return tuple(kept.values())


def checked_timezone(name: str) -> str:
    """`name` if it is an IANA time zone.

    Raises:
        BadWish: It isn't.
    """
    if name in _timezones():
        return name
    raise BadWish(f"unknown time zone “{_plain(name[:60])}”", "use an IANA name, as in Europe/Berlin or UTC")


def checked_language(tag: str) -> str:
    """`tag` as a BCP 47 tag in lower case.

    Raises:
        BadWish: It doesn't look like one.
    """
    lowered = tag.strip().replace("_", "-").lower()
    if not _LANGUAGE.fullmatch(lowered):
        raise BadWish(f"unknown language “{_plain(tag[:60])}”", "use a tag, as in en, de or pt-br")
    return lowered


def checked_brief_size(size: int) -> int:
    """`size` if it is from 1 to 10.

    Raises:
        BadWish: It isn't.
    """
    if not 1 <= size <= MAX_BRIEF_SIZE:
        raise BadWish(f"brief size {size}", f"a brief has 1 to {MAX_BRIEF_SIZE} entries")
    return size


def add(
    session: Session,
    address: str,
    interests: Sequence[str] = (),
    *,
    brief_size: int | None = None,
    language: str | None = None,
    timezone: str | None = None,
    followed_shows: Sequence[str] = (),
    muted_shows: Sequence[str] = (),
    muted_topics: Sequence[str] = (),
    now: dt.datetime | None = None,
) -> Added:
    """Add a subscriber, or merge what is new into the one who has this address already.

    A setting that is None is the default for someone new (5 entries, UTC) and left as it is for someone known.
    Without interests a subscriber gets the day's best. Nothing is committed: that is the session's owner's to do.

    Raises:
        BadAddress, BadWish: Nothing was stored.
    """
    address = checked_address(address)
    wishes: dict[WishKind, tuple[str, ...]] = {
        "interest": checked_wishes(interests),
        "followed_show": checked_wishes(followed_shows, what="followed show"),
        "muted_show": checked_wishes(muted_shows, what="muted show"),
        "muted_topic": checked_wishes(muted_topics, what="muted topic"),
    }
    given: dict[str, object] = {
        "brief_size": None if brief_size is None else checked_brief_size(brief_size),
        "language": None if language is None else checked_language(language),
        "timezone": None if timezone is None else checked_timezone(timezone),
    }
    now = now or _now()
    subscriber_id, created = _find_or_create(session, address, now)
    if created:
        setting = SettingRow(
            subscriber_id=subscriber_id,
            status="active",
            brief_size=given["brief_size"] or DEFAULT_BRIEF_SIZE,
            language=given["language"],
            timezone=given["timezone"] or "UTC",
            valid_from=now,
        )
        session.add(setting)
        session.flush()
        changed: tuple[str, ...] = ()
    else:
        setting, changed = _change(session, subscriber_id, given, now)
    new = _merge(session, subscriber_id, wishes, now)
    return Added(
        subscriber_id=subscriber_id, created=created, status=_status(setting.status), new_wishes=new, changed=changed
    )


def add_all(session: Session, rows: Sequence[NewSubscriber], *, now: dt.datetime | None = None) -> list[Added]:
    """`add` for each of `rows`, in order."""
    return [
        add(
            session,
            row.address,
            row.interests,
            brief_size=row.brief_size,
            language=row.language,
            timezone=row.timezone,
            followed_shows=row.followed_shows,
            muted_shows=row.muted_shows,
            muted_topics=row.muted_topics,
            now=now,
        )
        for row in rows
    ]


def set_status(
    session: Session, subscriber_id: str, status: Status, *, why: str | None = None, now: dt.datetime | None = None
) -> None:
    """Make a subscriber active, paused, unsubscribed or bounced from `now` on.

    Raises:
        UnknownSubscriber: Nobody has this identifier.
    """
    given: dict[str, object] = {"status": _status(status)}
    _change(session, subscriber_id, given, now or _now(), why=why and why[:400])


def withdraw_wish(
    session: Session, subscriber_id: str, kind: WishKind, value: str, *, now: dt.datetime | None = None
) -> bool:
    """End a wish from `now` on; False where there is none such. Days before `now` keep it."""
    key = _plain(value).casefold()
    rows = session.scalars(
        select(WishRow).where(WishRow.subscriber_id == subscriber_id, WishRow.kind == kind, WishRow.valid_to.is_(None))
    ).all()
    ended = [row for row in rows if row.value.casefold() == key]
    for row in ended:
        row.valid_to = now or _now()
    session.flush()
    return bool(ended)


def list_subscribers(session: Session) -> list[Subscriber]:
    """Everyone as they stand now, by when they came."""
    wishes = _wishes(session, WishRow.valid_to.is_(None))
    rows = session.execute(
        select(SubscriberRow, SettingRow)
        .join(SettingRow, SettingRow.subscriber_id == SubscriberRow.subscriber_id)
        .where(SettingRow.valid_to.is_(None))
        .order_by(SubscriberRow.created_at, SubscriberRow.subscriber_id)
    )
    return [
        Subscriber(
            subscriber_id=person.subscriber_id,
            address=person.address,
            status=_status(setting.status),
            interests=wishes[person.subscriber_id].of("interest"),
            brief_size=setting.brief_size,
            language=setting.language,
            timezone=setting.timezone,
            created_at=person.created_at,
        )
        for person, setting in rows
    ]


def snapshot(session: Session, as_of: dt.datetime, *, newcomers: bool = False) -> list[SubscriberSnapshot]:
    """Everyone who was active at `as_of`, with what they asked for then, ordered by identifier.

    The same `as_of` gives the same answer whenever it is asked, because changes end a row and begin another.

    Args:
        newcomers: Whether those who came after `as_of` are in it too, as they were when they came. A brief for a day
            before somebody's first needs this, and unlike "as they are now" it doesn't change later.
    """
    # The moment at which each subscriber is looked at: for a newcomer, when they came.
    moment: ColumnElement[dt.datetime] = literal(as_of, Moment())
    if newcomers:
        moment = case((SubscriberRow.created_at > moment, SubscriberRow.created_at), else_=moment)

    wishes = _wishes(session, _holds(WishRow, moment))
    settings = session.scalars(
        select(SettingRow)
        .join(SubscriberRow, SubscriberRow.subscriber_id == SettingRow.subscriber_id)
        .where(_holds(SettingRow, moment), SettingRow.status == "active")
        .order_by(SettingRow.subscriber_id)
    )
    return [
        SubscriberSnapshot(
            subscriber_id=row.subscriber_id,
            interests=wishes[row.subscriber_id].of("interest"),
            followed_shows=wishes[row.subscriber_id].of("followed_show"),
            muted_shows=wishes[row.subscriber_id].of("muted_show"),
            muted_topics=wishes[row.subscriber_id].of("muted_topic"),
            brief_size=row.brief_size,
            language=row.language,
            timezone=row.timezone,
            format=row.format or "html",
        )
        for row in settings
    ]


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


def _find_or_create(session: Session, address: str, now: dt.datetime) -> tuple[str, bool]:
    if (known := _by_key(session, address)) is not None:
        return known, False
    subscriber_id = secrets.token_hex(8)
    try:
        with session.begin_nested():
            session.add(
                SubscriberRow(
                    subscriber_id=subscriber_id, address=address, address_key=address.casefold(), created_at=now
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


def _change(
    session: Session, subscriber_id: str, given: dict[str, object], now: dt.datetime, *, why: str | None = None
) -> tuple[SettingRow, tuple[str, ...]]:
    """End the current settings and begin new ones where `given` differs; the settings that hold, and what changed."""
    current = session.scalar(
        select(SettingRow).where(SettingRow.subscriber_id == subscriber_id, SettingRow.valid_to.is_(None))
    )
    if current is None:
        raise _unknown(subscriber_id)
    changes = {name: value for name, value in given.items() if value is not None and value != getattr(current, name)}
    if not changes:
        return current, ()
    names = ("status", "brief_size", "language", "timezone", "hour", "format")
    kept = {name: getattr(current, name) for name in names}
    # A clock that was set back must not make an interval that ends before it begins.
    since = max(now, current.valid_from)
    # Ended by a statement of its own, because the unit of work would insert the successor first.
    session.execute(update(SettingRow).where(SettingRow.setting_id == current.setting_id).values(valid_to=since))
    successor = SettingRow(subscriber_id=subscriber_id, valid_from=since, why=why, **(kept | changes))
    session.add(successor)
    session.flush()
    return successor, tuple(changes)


def _merge(
    session: Session, subscriber_id: str, wishes: dict[WishKind, tuple[str, ...]], now: dt.datetime
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
            WishRow(subscriber_id=subscriber_id, kind=kind, value=value, position=last[kind] + step, valid_from=now)
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


def _status(status: str) -> Status:
    for known in get_args(Status):
        if status == known:
            return known  # type: ignore[no-any-return]
    raise BadWish(f"unknown status “{_plain(status[:40])}”", "use active, paused, unsubscribed or bounced")


def _unknown(subscriber_id: str) -> UnknownSubscriber:
    return UnknownSubscriber(
        f"no subscriber {_plain(subscriber_id[:40])}", "`podbrief subscribers list` shows who there is"
    )


def _plain(text: str) -> str:
    """`text` in one form (NFC), on one line, without control and invisible formatting characters."""
    kept = "".join(
        " " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char
        for char in unicodedata.normalize("NFC", text)
        if char in "\u200c\u200d" or unicodedata.category(char) not in ("Cf", "Cs", "Co", "Cn")
    )
    return " ".join(kept.split())


@functools.cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
