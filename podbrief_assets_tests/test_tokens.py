"""A token lets one person do one thing for a while, and nothing else can be made of it."""

from __future__ import annotations

import datetime as dt
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.environment import BadSetting
from podbrief_assets.tokens import MAX_SUBJECT, BadToken, ExpiredToken, Keys, issue, read

NOW = dt.datetime(2026, 11, 22, 6, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(days=30)
OLD, NEW = Keys.of("o" * 40), Keys.of("n" * 40)


def token(purpose: str = "unsubscribe", subject: str = "0123456789abcdef", key: Keys = OLD) -> str:
    return issue(purpose, subject, key=key, expires_at=LATER)


@given(st.text(min_size=1, max_size=100).filter(lambda text: text.isprintable()))
def test_whoever_it_is_for_is_read_from_it_and_it_can_stand_in_an_address(subject: str) -> None:
    made = token(subject=subject)
    assert read(made, "unsubscribe", key=OLD, now=NOW) == subject
    assert made.isascii() and not set(made) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


def test_it_is_worth_nothing_for_another_purpose_or_with_another_key() -> None:
    with pytest.raises(BadToken, match="not one of ours"):
        read(token(), "vote", key=OLD, now=NOW)
    with pytest.raises(BadToken):
        read(token(), "unsubscribe", key=NEW, now=NOW)


def test_it_expires_and_says_so() -> None:
    assert read(token(), "unsubscribe", key=OLD, now=LATER - dt.timedelta(seconds=1))
    with pytest.raises(ExpiredToken, match="time is over"):
        read(token(), "unsubscribe", key=OLD, now=LATER)


@settings(max_examples=300)
@given(st.data())
def test_no_changed_character_is_overlooked(data: st.DataObject) -> None:
    made = token()
    at = data.draw(st.integers(0, len(made) - 1))
    char = data.draw(st.sampled_from("ABCabc012-_.").filter(lambda one: one != made[at]))
    changed = made[:at] + char + made[at + 1 :]
    with pytest.raises(BadToken):
        read(changed, "unsubscribe", key=OLD, now=NOW)


@given(st.text(max_size=200))
def test_any_text_is_refused_by_its_own_error(text: str) -> None:
    with pytest.raises(BadToken):
        read(text, "unsubscribe", key=OLD, now=NOW)


def test_keys_are_rotated_by_putting_a_new_one_first() -> None:
    both = Keys(NEW.keys + OLD.keys)
    assert read(token(key=OLD), "unsubscribe", key=both, now=NOW)
    fresh = token(key=both)
    assert read(fresh, "unsubscribe", key=NEW, now=NOW)
    with pytest.raises(BadToken):
        read(fresh, "unsubscribe", key=OLD, now=NOW)


def test_what_no_token_can_be_made_of_is_an_error_of_the_caller() -> None:
    for purpose, subject in [("Vote", "a"), ("", "a"), ("a\nb", "a"), ("vote", ""), ("vote", "x" * (MAX_SUBJECT + 1))]:
        with pytest.raises(ValueError, match="no token"):
            token(purpose, subject)
    with pytest.raises(ValueError, match="time zone"):
        issue("vote", "a", key=OLD, expires_at=dt.datetime(2026, 1, 1))


def test_a_key_is_made_once_for_its_owners_eyes_and_found_again(tmp_path: Path) -> None:
    found: list[Keys] = []
    threads = [
        threading.Thread(target=lambda: found.append(Keys.from_environment({}, tmp_path / "home"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(found)) == 1
    place = tmp_path / "home" / "token-key"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert place.read_text().strip() not in repr(found[0])


def test_the_environments_keys_count_and_short_ones_are_refused(tmp_path: Path) -> None:
    keys = Keys.from_environment({"PODBRIEF_TOKEN_KEY": f"{'n' * 40}, {'o' * 40}"}, tmp_path)
    assert keys == Keys(NEW.keys + OLD.keys)
    assert not list(tmp_path.iterdir())
    for text in ("short", f"{'n' * 40},short"):
        with pytest.raises(BadSetting, match="32 characters"):
            Keys.from_environment({"PODBRIEF_TOKEN_KEY": text}, tmp_path)
