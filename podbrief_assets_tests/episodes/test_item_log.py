"""What the log of items takes in: every new version once, and of private shows no address."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from upath import UPath

from podbrief_assets.episodes import private
from podbrief_assets.episodes.feed import parse_feed
from podbrief_assets.episodes.feed_state import FeedState
from podbrief_assets.episodes.item_log import ItemLog, _series
from podbrief_assets.episodes.scan import ScanResult
from podbrief_assets.lake.storage import Lake
from podbrief_assets.lake.tables import TABLES

NOON = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
PARTS = TABLES["feed_items"].polars_schema["soundbites"]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(UPath(tmp_path / "lake"))


def scanned(show: str, *titles: str, reader: str = "t1", guids: bool = True) -> ScanResult:
    """A feed with an item for each of `titles`; what follows a # is another version's mark."""
    items = "".join(
        f"<item><title>{title}</title>"
        + (f"<guid>{title.partition('#')[0]}</guid>" if guids else "")
        + f"<enclosure url='https://paid.example/t1/{title.partition('#')[0]}.mp3?token={reader}' type='audio/mpeg'/>"
        f"<podcast:transcript url='https://paid.example/{title}.vtt' type='text/vtt'/>"
        f"<podcast:person>{title} Reyes</podcast:person></item>"
        for title in titles
    )
    feed = (
        "<rss version='2.0' xmlns:podcast='https://podcastindex.org/namespace/1.0'><channel>"
        f"<title>{show}</title>{items}</channel></rss>"
    )
    state = FeedState(address=show, feed_url=f"https://paid.example/t1/{show}", show_id=show, title=show)
    return ScanResult(state=state, outcome="changed", items=parse_feed(feed.encode(), state.feed_url).episodes)


def log(lake: Lake, engine: Engine, hour: int, *, hidden: bool = False) -> ItemLog:
    seen = NOON + hour * HOUR
    return ItemLog(lake, engine, f"seen={seen:%Y%m%dT%H%M%S%f}-abcd", seen, lambda _: hidden)


def test_each_version_is_appended_once_and_one_that_comes_back_again(lake: Lake, engine: Engine):
    for hour, (titles, new) in enumerate(
        [(["a", "b"], 2), (["a", "b"], 0), (["a#2", "b"], 1), (["b", "c"], 1), (["a", "b"], 1), (["a", "b"], 0)]
    ):
        appended = log(lake, engine, hour)
        appended.append([scanned("show", *titles)])
        assert (appended.rows, appended.rejected) == (new, 0), hour
    items = lake.scan("feed_items").collect()
    assert items.sort("first_seen_at")["title"].to_list()[2:] == ["a#2", "c", "a"]


def test_two_shows_with_the_same_guids_do_not_hide_each_other(lake: Lake, engine: Engine):
    log(lake, engine, 0).append([scanned("one", "a", "b")])
    second = log(lake, engine, 1)
    second.append([scanned("one", "a", "b"), scanned("two", "a", "b")])
    assert second.rows == 2


def test_what_a_feed_states_arrives_in_its_columns(lake: Lake, engine: Engine):
    log(lake, engine, 0).append([scanned("one", "a"), scanned("two", "b", "c")])
    items = lake.scan("feed_items").collect().sort("guid")
    assert items["show_title"].to_list() == ["one", "two", "two"]
    assert [one[0]["url"] for one in items["transcripts"]] == [f"https://paid.example/{name}.vtt" for name in "abc"]
    assert [one[0]["name"] for one in items["persons"]] == ["a Reyes", "b Reyes", "c Reyes"]
    assert items["soundbites"].to_list() == [[], [], []]
    assert items["private"].to_list() == [False] * 3


def test_a_private_shows_items_are_sealed_and_known_again_though_their_token_changes(lake: Lake, engine: Engine):
    feeds = [scanned("show", "a", "b", guids=False), scanned("open", "c")]
    first = ItemLog(lake, engine, "seen=20261121T120000000000-x", NOON, lambda state: state.address == "show")
    first.append(feeds)
    items = lake.scan("feed_items").collect()
    assert dict(items.group_by("private").len().rows()) == {True: 2, False: 1}
    hidden = items.filter("private")
    assert "t1" not in str(hidden.to_dicts()) and "paid.example" not in str(hidden.to_dicts())
    sealed = hidden["audio_url"].to_list()
    assert all(address.startswith("https://paid.example/t1/") for address in private.opened(engine, sealed).values())
    again = log(lake, engine, 1, hidden=True)
    again.append([scanned("show", "a", "b", guids=False)])
    assert again.rows == 0


def test_the_newest_token_opens_an_item_that_is_long_known(lake: Lake, engine: Engine):
    log(lake, engine, 0, hidden=True).append([scanned("show", "a", reader="t1")])
    (sealed,) = lake.scan("feed_items").collect()["audio_url"]
    again = log(lake, engine, 1, hidden=True)
    again.append([scanned("show", "a", reader="t2")])
    assert again.rows == 0, "its digest leaves tokens out"
    assert private.opened(engine, [sealed])[sealed].endswith("token=t2")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9), st.none() | st.text()), max_size=3), max_size=6))
def test_a_column_of_lists_is_what_polars_makes_of_dictionaries(values: list[list[tuple[float, float, str | None]]]):
    fields = ("start_s", "duration_s", "title")
    dictionaries = [[dict(zip(fields, part, strict=True)) for part in value] for value in values]
    assert _series("soundbites", values, PARTS).equals(
        pl.Series("soundbites", dictionaries, dtype=PARTS), check_dtypes=True
    )
