"""Which version of an item counts, and on which day it lies."""

from __future__ import annotations

import datetime as dt

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.episodes.projection import episodes_of, outdated
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


def frame_of(items):
    return pl.DataFrame(items, schema=TABLES["feed_items"].polars_schema).lazy()


def project(items, *days):
    return episodes_of(frame_of(items), days or [NOON.date()]).collect()


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


def test_a_feed_with_one_guid_for_whatever_is_its_latest_episode_is_placed_day_by_day():
    weekly = [
        item(
            title=f"The news of week {n} in full",
            audio_url=f"https://a.org/{n}.mp3",
            stated_at=NOON + 7 * n * DAY,
            first_seen_at=NOON + 7 * n * DAY + HOUR,
            back_catalogue=n == 0,
        )
        for n in range(3)
    ]
    (found,) = project(weekly, (NOON + 14 * DAY).date()).to_dicts()
    assert (found["published_rule"], found["first_seen_at"]) == ("stated", NOON + 14 * DAY + HOUR)
    assert not found["back_catalogue"], "the first one was there before, this one is news"
    redated = item(title="A title of four words", audio_url="https://a.org/1.mp3", back_catalogue=True)
    again = redated | {"stated_at": NOON + 40 * DAY, "first_seen_at": NOON + 40 * DAY, "digest": "d2"}
    (found,) = project([redated, again]).to_dicts()
    assert found["published_rule"] == "future" and found["back_catalogue"], "an old episode that is dated anew"


def test_a_version_that_stands_in_two_files_counts_once():
    found = project([item(title="a"), item(title="a"), item(title="b", first_seen_at=NOON), item(title="a")])
    assert found["title"].to_list() == ["a"]


def test_what_old_files_lack_is_filled():
    old = item(private=None, enclosures=None, soundbites=None, texts=None)
    found = project([old])
    assert found.select("private", "enclosures", "soundbites", "texts").row(0) == (False, [], [], [])
    assert settle(TABLES["episodes"], found).counts == {}


def test_notes_are_cleaned_for_the_days_asked_for():
    notes = '<p>Hear <a href="/12">it</a><script>steal()</script></p>'
    found = project([item(notes=notes, notes_base="https://a.org/feed"), item(guid="g2", episode_id="e2")])
    by_guid = {guid: rest for guid, *rest in found.select("guid", "description", "description_html").rows()}
    assert by_guid["g"][0] == "Hear it"
    assert 'href="https://a.org/12"' in by_guid["g"][1]
    assert "script" not in by_guid["g"][1]
    assert by_guid["g2"] == [None, None]


TITLE = "How the canal was dug by hand"


def told(name, **changes):
    return item(guid=name, episode_id=name, title=TITLE, duration_s=1811.0, **changes)


def test_an_episode_says_what_it_repeats_and_by_which_rule():
    first = told("old", stated_at=NOON - 400 * DAY, first_seen_at=NOON - 390 * DAY)
    found = project([first, told("new"), item()])
    assert found.select("episode_id", "duplicate_of", "duplicate_rule").rows() == [
        ("e", None, None),
        ("new", "old", "rerun"),
    ]
    assert settle(TABLES["episodes"], found).counts == {}


def test_a_version_that_says_otherwise_changes_what_is_repeated():
    first = told("old", stated_at=NOON - 400 * DAY, first_seen_at=NOON - 390 * DAY)
    corrected = told("new", digest="d2", first_seen_at=NOON + 5 * HOUR) | {"title": "The bridge, and who paid for it"}
    assert project([first, told("new"), corrected])["duplicate_of"].to_list() == [None]


def test_a_date_that_cannot_be_is_no_evidence():
    later = NOON + 300 * DAY
    items = [told("a"), told("b", stated_at=later, first_seen_at=NOON + 2 * DAY)]
    assert project(items, NOON.date(), (NOON + 2 * DAY).date())["duplicate_of"].to_list() == [None, None]


def late(items, stored_from, *days):
    stored = [project(stored_from, day) for day in days]
    return outdated(frame_of(items), pl.concat(stored).lazy(), days)


YESTERDAY, TODAY = (NOON - DAY).date(), NOON.date()


def test_days_that_were_projected_as_they_would_be_now_are_up_to_date():
    items = [item(), item(guid="g2", episode_id="e2", stated_at=NOON - DAY)]
    assert late(items, items, YESTERDAY, TODAY) == []
    assert late(items, items[::-1], YESTERDAY, TODAY) == []


def test_a_day_is_outdated_by_a_late_a_changed_a_moved_and_a_repeated_episode():
    before = [item()]
    late_one = item(guid="g2", episode_id="e2", stated_at=NOON - DAY, first_seen_at=NOON + 3 * HOUR)
    changed = item(digest="d2", first_seen_at=NOON + 3 * HOUR)
    moved = changed | {"stated_at": NOON - DAY}
    assert late([*before, late_one], before, YESTERDAY, TODAY) == [YESTERDAY]
    assert late([*before, changed], before, YESTERDAY, TODAY) == [TODAY]
    assert late([*before, moved], before, YESTERDAY, TODAY) == [YESTERDAY, TODAY]
    first = told("old", stated_at=NOON - 400 * DAY, first_seen_at=NOON - DAY, back_catalogue=True)
    assert late([told("new"), first], [told("new")], YESTERDAY, TODAY) == [TODAY]


def test_a_back_catalogue_makes_no_day_outdated():
    catalogue = [
        item(guid=f"g{n}", episode_id=f"e{n}", stated_at=NOON - n * DAY, back_catalogue=True, show_id="new show")
        for n in range(3)
    ]
    assert late(catalogue, [], YESTERDAY, TODAY) == []
    assert late([item(), *catalogue], [item()], YESTERDAY, TODAY) == []


def test_only_the_days_asked_for_can_be_outdated():
    assert late([item()], [], YESTERDAY) == []
    assert outdated(frame_of([item()]), project([], TODAY).lazy(), []) == []


@settings(max_examples=30, deadline=None)
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
