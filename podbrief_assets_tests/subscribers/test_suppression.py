"""Who was forgotten stays out, and nobody can tell from the list who that is."""

from __future__ import annotations

import datetime as dt
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from podbrief_assets.database import session
from podbrief_assets.subscribers import suppression
from podbrief_assets.subscribers.consent import Consent
from podbrief_assets.subscribers.database import Added, NewSubscriber, add, add_all, list_subscribers
from podbrief_assets.subscribers.suppression import (
    BadSuppressionKey,
    Suppressed,
    Suppression,
    SuppressionRow,
    open_suppression,
)

NOW = dt.datetime(2026, 11, 16, 8, tzinfo=dt.UTC)
OURS, ANOTHERS = Suppression(b"a" * 32), Suppression(b"b" * 32)


@pytest.fixture
def db(engine: Engine) -> Iterator[Session]:
    with session(engine) as transaction:
        yield transaction


def test_an_address_is_known_in_any_case_and_kept_as_a_keyed_hash_alone(db: Session) -> None:
    digest = OURS.add(db, "Ann@example.org", now=NOW)
    assert OURS.add(db, "ann@example.org", now=NOW) == digest
    assert OURS.since(db, "ANN@example.org") == NOW
    assert OURS.since(db, "ben@example.org") is None
    (row,) = db.scalars(select(SuppressionRow)).all()
    assert "ann" not in f"{row.digest} {row.key_name}" and len(row.digest) == 64
    assert ANOTHERS.digest("ann@example.org") != digest


def test_a_list_brings_nobody_back_and_the_others_are_added(db: Session) -> None:
    OURS.add(db, "ann@example.org", now=NOW)
    rows = [NewSubscriber(address="Ann@example.org"), NewSubscriber(address="ben@example.org")]
    left_out, added = add_all(db, rows, suppression=OURS)
    assert isinstance(left_out, Suppressed) and "2026-11-16" in str(left_out) and "--asked-again" in left_out.remedy
    assert isinstance(added, Added) and added.created
    assert [one.address for one in list_subscribers(db)] == ["ben@example.org"]


def test_who_asks_again_themselves_comes_back_as_somebody_new(db: Session) -> None:
    OURS.add(db, "ann@example.org", now=NOW)
    asked = Consent(how="operator", evidence="wrote again on 16 November")
    assert add(db, "ann@example.org", consent=asked, suppression=OURS, asked_again=True).created
    assert OURS.since(db, "ann@example.org") is None


@pytest.mark.parametrize("wrong", [None, ANOTHERS])
def test_without_the_key_nobody_is_added_rather_than_everybody(db: Session, wrong: Suppression | None) -> None:
    add(db, "ben@example.org", suppression=wrong)  # as long as there is nothing that the key is needed for
    OURS.add(db, "ann@example.org", now=NOW)
    with pytest.raises(BadSuppressionKey, match="backup"):
        add(db, "cem@example.org", suppression=wrong)


def test_the_key_is_made_once_and_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "suppression.key"
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: open_suppression(path).key, range(16)))
    assert len(set(found)) == 1 and len(found[0]) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"abc", b"zz" * 32, b"\xff" * 64, b"ab" * 31])
def test_a_damaged_key_is_never_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "suppression.key"
    path.write_bytes(content)
    with pytest.raises(BadSuppressionKey, match="backup"):
        open_suppression(path)
    assert path.read_bytes() == content
    assert suppression.Suppression(b"a" * 32).key_name != suppression.Suppression(b"b" * 32).key_name
