"""Identifiers of shows and episodes."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.episodes.identity import (
    MAX_GUID_CHARS,
    canonical_feed_address,
    canonical_media_address,
    episode_id,
    item_guid,
    show_id,
)


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://Example.org/Feed.xml", "example.org/Feed.xml"),
        ("http://example.org:80/feed/", "example.org/feed"),
        ("HTTPS://example.org:443/feed//", "example.org/feed"),
        ("https://example.org:8443/feed", "example.org:8443/feed"),
        ("https://example.org/feed?show=1&token=Ab#top", "example.org/feed?show=1&token=Ab"),
        ("https://Ann:Secret@Example.org/feed", "Ann:Secret@example.org/feed"),
        ("https://example.org?show=1", "example.org?show=1"),
        ("https://[2001:DB8::1]:443/feed", "[2001:db8::1]/feed"),
        (" example.org/feed ", "example.org/feed"),
    ],
)
def test_spellings_of_an_address_share_a_canonical_form(url: str, canonical: str) -> None:
    assert canonical_feed_address(url) == canonical


def test_query_and_path_tell_shows_apart() -> None:
    addresses = ["https://h.org/feed?id=1", "https://h.org/feed?id=2", "https://h.org/Feed?id=1", "https://h.org/feed"]
    assert len({show_id(None, address) for address in addresses}) == 4


@pytest.mark.parametrize(
    ("feed_url", "stated_by_the_show"),
    [
        # The guids that these two shows are known by, derived by their hosts and not by us.
        ("https://podnews.net/rss", "9b024349-ccf0-5f69-a609-6b82873eab3c"),
        ("http://mp3s.nashownotes.com/pc20rss.xml", "917393e3-1b1e-5cef-ace4-edaa54e1f810"),
    ],
)
def test_show_without_guid_gets_the_one_that_its_host_would_give_it(feed_url: str, stated_by_the_show: str) -> None:
    assert show_id(None, feed_url) == stated_by_the_show
    assert show_id(stated_by_the_show.upper(), feed_url) == show_id(None, feed_url)


def test_guid_wins_over_the_address() -> None:
    guid = "ABCDEF01-46D1-52C7-B03C-ECED59CA19CD"
    assert show_id(guid, "https://old.org/feed") == show_id(f" {guid}\n", "https://new.org/feed") == guid.lower()


def test_guid_that_is_no_uuid_still_identifies() -> None:
    first, second = show_id("my-show", "https://a.org/feed"), show_id("other-show", "https://a.org/feed")
    assert first != second
    assert uuid.UUID(first).version == 5
    assert first == show_id("my-show", "https://b.org/feed")


@pytest.mark.parametrize("empty", ["", "  ", None, "00000000-0000-0000-0000-000000000000"])
def test_guid_that_says_nothing_leaves_the_address_to_identify(empty: str | None) -> None:
    assert show_id(empty, "https://a.org/feed") == show_id(None, "https://a.org/feed")
    assert show_id(empty, "https://a.org/feed") != show_id(empty, "https://b.org/feed")


def test_episode_id_is_short_stable_and_bound_to_its_show() -> None:
    # Written down: a change here would orphan every transcript and every link that was ever sent.
    assert episode_id("917393e3-1b1e-5cef-ace4-edaa54e1f810", "PC2084") == "ce9860b1251401933db4"
    assert episode_id("a", "PC2084") != episode_id("b", "PC2084")


def test_item_is_named_by_guid_then_enclosure_then_title_and_date() -> None:
    moment = datetime(2026, 11, 20, 7, tzinfo=UTC)
    assert item_guid(" g-1 ", "https://a.org/1.mp3", "One", moment) == "g-1"
    assert item_guid("  ", "https://a.org/1.mp3", "One", moment) == "a.org/1.mp3"
    by_title = item_guid(None, None, "One", moment)
    assert by_title != item_guid(None, None, "Two", moment)
    assert by_title != item_guid(None, None, "One", None)


def test_item_without_guid_stays_the_same_while_its_address_gets_a_new_token() -> None:
    days = [f"https://pdst.fm/e/a.org/1.mp3?id=7&token={day}&Expires={day}" for day in range(3)]
    assert len({item_guid(None, address, "One", None) for address in days}) == 1
    assert item_guid(None, "https://a.org/1.mp3?id=8", "One", None) != item_guid(None, days[0], "One", None)


PLAIN = "cdn.example.org/show/12.mp3"


@pytest.mark.parametrize(
    "address",
    [
        "https://cdn.example.org/show/12.mp3",
        "HTTP://CDN.Example.org:80/show/12.mp3#t=30",
        " https://ann:secret@cdn.example.org:443/show/12.mp3 ",
        "https://dts.podtrac.com/redirect.mp3/cdn.example.org/show/12.mp3",
        "http://www.podtrac.com/pts/redirect.mp3?http://cdn.example.org/show/12.mp3",
        "https://play.podtrac.com/npr-510318/cdn.example.org/show/12.mp3",
        "https://op3.dev/e/https://cdn.example.org/show/12.mp3",
        "https://op3.dev/e,pg=917393e3-1b1e-5cef-ace4-edaa54e1f810/cdn.example.org/show/12.mp3",
        "https://pdst.fm/e/cdn.example.org%2Fshow%2F12.mp3",
        "https://chrt.fm/track/47G541/https%3A//cdn.example.org/show/12.mp3",
        "https://s.gum.fm/s-631f86ba3727560f9608b68b/cdn.example.org/show/12.mp3",
        "https://growx.podkite.com/https/D3E76IU7/cdn.example.org/show/12.mp3",
        "https://media.blubrry.com/a_show/p/cdn.example.org/show/12.mp3",
        "https://pdrl.fm/r/5858fc/039891/podtrac.com/pts/redirect.mp3/cdn.example.org/show/12.mp3",
        "https://pdst.fm/e/arttrk.com/p/CRMDA/claritaspod.com/measure/pscrb.fm/rss/p/mgln.ai/e/284/tracking.swap.fm/track"
        "/0bDc/prfx.byspotify.com/e/pfx.vpixl.com/6qj4J/adbarker.com/stream/aB3/cdn.example.org/show/12.mp3?updated=173",
        "https://cdn.example.org/show/12.mp3?token=eyJ0&Signature=a/b.c&Expires=17&Key-Pair-Id=K&utm_source=rss",
        "https://cdn.example.org/show/12.mp3?aid=rss_feed&awCollectionId=1&awEpisodeId=2&feed=54nAGcIl&source=feed&",
    ],
)
def test_ways_to_a_file_share_a_canonical_form(address: str) -> None:
    assert canonical_media_address(address) == PLAIN


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("https://h.org/get?id=12&file=a.mp3", "h.org/get?file=a.mp3&id=12"),
        ("https://h.org/get?source=show/12.mp3", "h.org/get?source=show/12.mp3"),
        ("https://h.org/x.mp3?e=1228578467&d=1568", "h.org/x.mp3?d=1568&e=1228578467"),
        ("https://media.blubrry.com/a_show/12.mp3", "media.blubrry.com/a_show/12.mp3"),
        ("https://op3.dev/e/", "op3.dev/e/"),
        ("https://h.org/Show/12.MP3", "h.org/Show/12.MP3"),
    ],
)
def test_what_tells_files_apart_stays(address: str, canonical: str) -> None:
    assert canonical_media_address(address) == canonical


def test_a_replaced_file_is_another_version_of_one_recording() -> None:
    before, after = (f"https://traffic.example.fm/TBS3.mp3?updated={stamp}" for stamp in (1738483816, 1738490000))
    assert canonical_media_address(before) == canonical_media_address(after)
    assert canonical_media_address(before, keep_version=True) != canonical_media_address(after, keep_version=True)


COUNTERS = [
    *("dts.podtrac.com/redirect.mp3/", "pdst.fm/e/", "chtbl.com/track/A1/", "op3.dev/e/", "mgln.ai/e/205/"),
    *("pscrb.fm/rss/p/", "claritaspod.com/measure/", "arttrk.com/p/AB/", "pdrl.fm/b85a46/", "2.gum.fm/"),
]


@settings(max_examples=80)
@given(
    path=st.from_regex(r"(/[\w~.-]{1,5}){1,3}", fullmatch=True),
    counters=st.lists(st.sampled_from(COUNTERS), max_size=8),
    token=st.text("abcdef0123456789", min_size=1),
    scheme=st.sampled_from(["http://", "https://"]),
)
def test_counters_tokens_and_schemes_never_matter(path: str, counters: list[str], token: str, scheme: str) -> None:
    plain = canonical_media_address(f"https://cdn.example.org{path}")
    assert canonical_media_address(f"{scheme}{''.join(counters)}CDN.example.org{path}?token={token}&sig=0") == plain
    assert plain == f"cdn.example.org{path}"


@settings(max_examples=300)
@given(st.text(max_size=80) | st.from_regex(r"https://(pdst\.fm/e/|op3\.dev/e,?){0,3}[a-z%/?&=.@:#\[\]]{0,30}"))
def test_any_text_has_a_canonical_form(address: str) -> None:
    canonical = canonical_media_address(address)
    assert len(canonical) <= len(address)
    assert canonical_media_address(f"{address}#a-fragment") == canonical


def test_long_guids_stay_apart() -> None:
    long = "x" * 5_000
    names = {item_guid(long + end, None, "", None) for end in "ab"}
    assert len(names) == 2
    assert all(len(name) <= MAX_GUID_CHARS for name in names)


@settings(max_examples=60)
@given(
    host=st.from_regex(r"[a-zA-Z]{1,9}\.(org|COM)", fullmatch=True),
    path=st.from_regex(r"(/[\w~.-]{0,5}){0,3}", fullmatch=True),
)
def test_scheme_case_port_and_slashes_never_matter(host: str, path: str) -> None:
    spellings = [
        f"https://{host}{path}",
        f"http://{host.upper()}:80{path}",
        f"HTTPS://{host.lower()}:443{path}/",
        f"{host}{path}#fragment",
    ]
    assert len({show_id(None, spelling) for spelling in spellings}) == 1


@settings(max_examples=60)
@given(st.text(max_size=60), st.text(max_size=40))
def test_any_text_gives_a_uuid(address: str, guid: str) -> None:
    assert str(uuid.UUID(show_id(guid, address))) == show_id(guid, address)
