"""Which version of an item counts, and on which day it lies."""

from __future__ import annotations

import datetime as dt

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.episodes.projection import episodes_of
from podbrief_assets.lake.contract import settle
from podbrief_assets.lake.tables import TABLES

NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


def item(**changes):
    row = dict.fromkeys(TABLES["feed_items"].polars_schema) | {
        "show_id": "s", "show_title": "Show", "guid": "g", "digest": "d1", "episode_id": "e", "title": "t",
        "episode_type": "full", "transcripts": [], "persons": [], "back_catalogue": False, "stated_at": NOON,
        "first_seen_at": NOON + HOUR,
    }  # fmt: skip
    return row | changes


def project(items, *days):
    frame = pl.DataFrame(items, schema=TABLES["feed_items"].polars_schema).lazy()
    return episodes_of(frame, days or [NOON.date()]).collect()


def test_an_episode_is_its_items_newest_version_seen_first_when_any_was():
    found = project(
        [
            item(title="old", digest="d1", back_catalogue=True),
            item(title="new", digest="d2", first_seen_at=NOON + 5 * HOUR),
            item(title="middle", digest="d3", first_seen_at=NOON + 3 * HOUR),
        ]
    )
    assert found.select("title", "digest", "first_seen_at", "back_catalogue").rows() == [
        ("new", "d2", NOON + HOUR, True)
    ]


def test_a_version_that_was_there_before_counts_again_when_it_comes_back():
    found = project(
        [
            item(title="a", digest="d1"),
            item(title="b", digest="d2", first_seen_at=NOON + 2 * HOUR),
            item(title="a", digest="d1", first_seen_at=NOON + 3 * HOUR),
        ]
    )
    assert found["title"].to_list() == ["a"]


def test_only_the_days_asked_for_and_each_item_once():
    items = [item(guid=f"g{n}", episode_id=f"e{n}", stated_at=NOON - n * DAY) for n in range(4)]
    assert project(items)["episode_id"].to_list() == ["e0"]
    two = project(items, NOON.date(), (NOON - 2 * DAY).date())
    assert two.sort("episode_id")["episode_id"].to_list() == ["e0", "e2"]


def test_an_item_that_moves_to_another_day_leaves_the_first():
    moved = [item(), item(digest="d2", stated_at=NOON - DAY, first_seen_at=NOON + 2 * HOUR)]
    assert project(moved).is_empty()
    assert project(moved, (NOON - DAY).date()).height == 1


def test_two_shows_may_use_the_same_guid():
    assert project([item(), item(show_id="s2", episode_id="e2")]).height == 2


def test_dates_that_cannot_be_are_replaced_by_when_the_item_was_seen():
    seen = NOON + HOUR
    found = project(
        [
            item(guid="none", stated_at=None),
            item(guid="future", stated_at=seen + 30 * DAY),
            item(guid="ancient", stated_at=dt.datetime(1970, 1, 1, tzinfo=dt.UTC)),
            item(guid="tomorrow", stated_at=seen + 11 * HOUR - dt.timedelta(minutes=1)),
        ]
    )
    rules = {guid: (rule, at) for guid, rule, at in found.select("guid", "published_rule", "published_at").rows()}
    assert rules["none"] == ("missing", seen)
    assert rules["future"] == ("future", seen)
    assert rules["ancient"] == ("impossible", seen)
    assert rules["tomorrow"] == ("stated", seen + 11 * HOUR - dt.timedelta(minutes=1))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 4),
            st.integers(0, 30),
            st.none() | st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1), timezones=st.just(dt.UTC)),
        ),
        max_size=20,
        unique_by=lambda version: version[:2],
    )
)
def test_every_item_ever_seen_lies_on_exactly_one_day_and_keeps_the_contract(versions):
    items = [
        item(guid=f"g{guid}", episode_id=f"e{guid}", digest=str(n), first_seen_at=NOON + hours * HOUR, stated_at=stated)
        for n, (guid, hours, stated) in enumerate(versions)
    ]
    frame = pl.DataFrame(items, schema=TABLES["feed_items"].polars_schema)
    days = {day for day in frame["stated_at"].dt.date() if day} | set(frame["first_seen_at"].dt.date())
    found = project(items, *days) if days else frame.clear()
    assert sorted(found["guid"]) == sorted(set(frame["guid"]))
    if days:
        assert settle(TABLES["episodes"], found).counts == {}
