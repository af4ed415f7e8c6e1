"""How long a feed that fails is left alone, how a retired one comes back, and what of it an operator sees."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from podbrief_assets.episodes import feed_state
from podbrief_assets.episodes.feed_state import LONGEST_WAIT, FeedState, next_try
from podbrief_assets.lake.contract import settle
from podbrief_assets.lake.tables import TABLES

NOW = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)

addresses = st.text(min_size=1, max_size=30)
lengths = st.timedeltas(min_value=DAY, max_value=timedelta(days=400))


# ── when a feed is asked again ───────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=100, deadline=None)
@given(addresses, st.timedeltas(min_value=timedelta(0), max_value=DAY - timedelta.resolution))
def test_a_feed_is_asked_at_every_scan_of_its_first_day_of_failing(address: str, failing: timedelta) -> None:
    assert next_try(address, NOW - failing, NOW) is None


@settings(max_examples=100, deadline=None)
@given(addresses, st.lists(st.integers(-600, 600), min_size=15, max_size=15))
def test_a_daily_scan_that_starts_minutes_early_or_late_asks_on_the_same_days(address: str, slips_s: list[int]) -> None:
    asked, waits_until = [], None
    since = NOW + timedelta(seconds=slips_s[0])
    for day, slip in enumerate(slips_s):
        now = NOW + day * DAY + timedelta(seconds=slip)
        if waits_until is None or waits_until <= now:
            waits_until = next_try(address, since, now)
            asked.append(day)
    assert asked == [0, 1, 2, 4, 7, 10, 13]


@settings(max_examples=100, deadline=None)
@given(addresses, lengths)
def test_the_wait_grows_with_the_failing_and_is_never_above_three_days(address: str, failing: timedelta) -> None:
    moment = next_try(address, NOW - failing, NOW)
    assert moment is not None
    assert 0.75 * min(failing, LONGEST_WAIT) <= moment - NOW <= 0.95 * min(failing, LONGEST_WAIT)


def test_feeds_that_failed_together_are_not_asked_together_and_a_rerun_agrees() -> None:
    first = [next_try(f"host/{number}", NOW - 2 * DAY, NOW) for number in range(200)]
    assert first == [next_try(f"host/{number}", NOW - 2 * DAY, NOW) for number in range(200)]
    told = [moment for moment in first if moment is not None]
    assert len(set(told)) == 200
    assert max(told) - min(told) > 8 * HOUR


@pytest.mark.parametrize(
    ("failing", "asked", "waits"),
    [
        (timedelta(0), HOUR, HOUR),
        (timedelta(0), 10 * DAY, LONGEST_WAIT),
        (timedelta(0), 3_000 * DAY, LONGEST_WAIT),
        (30 * DAY, 71 * HOUR, 71 * HOUR),
    ],
)
def test_a_retry_after_is_kept_to_but_silences_no_feed_for_long(
    failing: timedelta, asked: timedelta, waits: timedelta
) -> None:
    assert next_try("a", NOW - failing, NOW, NOW + asked) == NOW + waits


def test_a_short_retry_after_does_not_shorten_the_wait() -> None:
    assert next_try("a", NOW - 9 * DAY, NOW, NOW + HOUR) == next_try("a", NOW - 9 * DAY, NOW)


# ── what an operator sees, and how a feed comes back ─────────────────────────────────────────────────────────────────

READ = FeedState(address="a", feed_url="http://a", show_id="s", title="A", last_success_at=NOW, first_scanned_at=NOW)
FAILING = replace(
    READ, failures_in_a_row=3, failing_since=NOW - DAY, last_error="why: what to do", next_try_at=NOW + HOUR
)
RETIRED = replace(FAILING, retired=True, next_try_at=None)


@pytest.mark.parametrize(
    ("state", "outcome", "reason"),
    [
        (FeedState(address="a", feed_url="http://a"), "new", None),
        (READ, "answering", None),
        (FAILING, "failing", "why: what to do"),
        (RETIRED, "retired", "why: what to do"),
        (replace(READ, blocked=True), "blocked", "the show asks not to be processed (podcast:block)"),
        (replace(FAILING, blocked=True), "blocked", "the show asks not to be processed (podcast:block)"),
    ],
)
def test_health_is_a_row_of_its_table(state: FeedState, outcome: str, reason: str | None) -> None:
    row = feed_state.health(state, NOW)
    assert (row["outcome"], row["reason"]) == (outcome, reason)
    table = TABLES["feed_health"]
    full = {"show_id": "s", "title": "A", "feed_url": "http://a"} | row
    assert set(full) == set(table.polars_schema)
    settled = settle(table, pl.DataFrame([full], schema=table.polars_schema))
    assert (len(settled.valid), settled.counts) == (1, {})


def test_a_next_try_that_has_passed_is_none_to_wait_for() -> None:
    assert feed_state.health(FAILING, NOW)["next_try_at"] == NOW + HOUR
    assert feed_state.health(FAILING, NOW + 2 * HOUR)["next_try_at"] is None


def test_a_revived_feed_is_asked_in_full_and_stays_the_same_show() -> None:
    before = replace(RETIRED, etag='"1"', last_modified="x", body_digest="d", note="n", former_urls=("http://b",))
    after = feed_state.revived(before)
    assert (after.retired, after.failures_in_a_row, after.last_error, after.failing_since) == (False, 0, None, None)
    assert (after.etag, after.last_modified, after.body_digest, after.next_try_at) == (None, None, None, None)
    assert (after.show_id, after.first_scanned_at, after.note) == ("s", NOW, "n")


# ── the table ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_memory_is_kept_and_written_over(engine: Engine) -> None:
    feed_state.save(engine, [FAILING])
    assert feed_state.load(engine) == {"a": FAILING}
    feed_state.save(engine, [replace(FAILING, failing_since=None)])
    assert feed_state.load(engine) == {"a": replace(FAILING, failing_since=None)}
