"""What a subscription list means."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.episodes import identity
from podbrief_assets.episodes.feed import FeedRefused
from podbrief_assets.episodes.shows import (
    AmbiguousShow,
    BadFeedAddress,
    NotASubscriptionList,
    Subscription,
    UnknownShow,
    feed_address,
    meant,
    read_opml,
    read_opml_file,
    write_opml,
)

OPML = b"""\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?>
<opml version="1.0"><head><title>mine</title></head><body>
  <outline text="Technology">
    <outline type="rss" text="The Changelog (custom)" title="The Changelog" xmlUrl="HTTPS://changelog.com/podcast/feed" htmlUrl="https://changelog.com"/>
    <outline text="Deep"><outline text="Only text &amp; more" xmlURL="feed://example.org/b"/></outline>
    <outline text="An empty folder"/>
  </outline>
  <outline type="rss" title="Same again" xmlUrl="http://changelog.com:80/podcast/feed/"/>
  <outline type="rss" text="Dead protocol" xmlUrl="ftp://example.org/feed"/>
  <outline xmlUrl="https://example.org/c?id=1&amp;k=2"/>
</body></opml>"""


def test_nested_outlines_titles_and_spellings_are_understood() -> None:
    assert read_opml(OPML) == [
        Subscription(
            "https://changelog.com/podcast/feed",
            "The Changelog",
            ("Technology",),
        ),
        Subscription("http://example.org/b", "Only text & more", ("Technology", "Deep")),
        Subscription("https://example.org/c?id=1&k=2", None, ()),
    ]


def test_entries_that_are_not_scanned_are_told_with_the_reason() -> None:
    read = read_opml_file(OPML)
    (skipped,) = read.skipped
    assert "“Dead protocol” is not scanned" in skipped and "ftp" in skipped and "https://" in skipped
    assert read.repeated == ["“The Changelog” stands in the list more than once: it is scanned once"]


@pytest.mark.parametrize(
    "outline",
    [
        'xmlUrl="htps://a.supportingcast.fm/content/s3cret.rss"',
        'xmlUrl="htps//a.org/f?token=s3cret"',
        'xmlUrl="htps://a.org/s3cret" private="true"',
        'xmlUrl="htps://me:s3cret@a.org/f"',
    ],
)
def test_a_slip_in_a_paid_feeds_address_tells_nobody_the_token(outline: str) -> None:
    (told,) = read_opml_file(f"<opml><body><outline {outline}/></body></opml>".encode()).skipped
    assert "is not scanned" in told and "s3cret" not in told


def test_a_show_is_private_if_one_of_its_entries_says_so() -> None:
    twice = '<outline xmlUrl="https://a.org/f"/><outline xmlUrl="http://A.org/f/" private="true"/>'
    assert read_opml(f"<opml><body>{twice}</body></opml>".encode()) == [Subscription("https://a.org/f", private=True)]


def test_writing_and_reading_keeps_titles_addresses_folders_and_order() -> None:
    subscriptions = [
        Subscription("https://a.org/1", "A & <B> “C”", ("News", "Local")),
        Subscription("https://a.org/2?x=1&y=2", None, ("News",)),
        Subscription("https://a.org/3", "&amp; stays", ("Other",)),
        Subscription("https://a.org/4", "日本語", ("News",)),
        Subscription("https://a.org/5", "Top"),
    ]
    assert read_opml(write_opml(subscriptions)) == subscriptions


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
labels = names.map(lambda name: " ".join("".join(c if c.isprintable() else " " for c in name).split()) or None)
entries = st.tuples(labels, st.lists(names, max_size=3), st.booleans(), st.booleans())


@settings(max_examples=80, deadline=None)
@given(st.lists(entries, max_size=8))
def test_any_list_survives_a_round_trip(entries: list[tuple]) -> None:  # type: ignore[type-arg]
    wild = [
        Subscription(
            f"https://h{number}.org/f" + ("?token=s3cret" if paid else ""),
            title,
            tuple(folders),
            private=private,
        )
        for number, (title, folders, private, paid) in enumerate(entries)
    ]
    once = read_opml(write_opml(wild))
    assert [_but_folders(each) for each in once] == [_but_folders(each) for each in wild]
    assert read_opml(write_opml(once)) == once


def _but_folders(subscription: Subscription) -> Subscription:
    """Folders may lose what no XML holds; everything else was made without it."""
    return replace(subscription, folders=())


@pytest.mark.parametrize(
    ("stated", "address", "is_private"),
    [
        ("", "https://a.org/f", False),
        ("", "https://a.org/f?token=s3cret", True),
        ('private="TRUE"', "https://a.org/f", True),
        ('private="no"', "https://a.org/f?token=s3cret", False),
        ('private="perhaps"', "https://a.org/f?token=s3cret", True),
    ],
)
def test_a_list_says_which_feeds_are_paid_and_else_their_address_does(
    stated: str, address: str, is_private: bool
) -> None:
    listed = read_opml(f'<opml><body><outline xmlUrl="{address}" {stated}/></body></opml>'.encode())
    assert [each.private for each in listed] == [is_private]
    assert read_opml(write_opml(listed)) == listed


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.integers(0, len(OPML)))
def test_damaged_lists_give_what_can_be_read_or_a_clear_error(junk: bytes, at: int) -> None:
    for content in (junk, OPML[:at], OPML[:at] + junk + OPML[at:]):
        try:
            read = read_opml_file(content)
        except (NotASubscriptionList, FeedRefused) as error:
            assert error.remedy
        else:
            assert all(each.feed_url.startswith(("http://", "https://")) for each in read.subscriptions)


def test_cut_off_list_is_read_and_says_so() -> None:
    read = read_opml_file(OPML[: OPML.index(b'<outline type="rss" title="Same')])
    assert [each.title for each in read.subscriptions] == ["The Changelog", "Only text & more"]
    assert "damaged at line 8" in read.skipped[0] and "2 subscriptions" in read.skipped[0]


@pytest.mark.parametrize(
    "content",
    [b"", b"  \n", b"<!DOCTYPE html><html><body>Log in</body></html>", b"<rss><channel/></rss>", b"https://a.org/feed"],
)
def test_what_is_no_list_is_told_apart(content: bytes) -> None:
    with pytest.raises(NotASubscriptionList) as caught:
        read_opml(content)
    assert "OPML" in caught.value.remedy


def test_hostile_lists_are_refused_at_once(attacks: list[bytes]) -> None:
    started = time.process_time()
    for content in attacks:
        with pytest.raises((FeedRefused, NotASubscriptionList)):
            read_opml(content)
    assert time.process_time() - started < 0.1 * len(attacks)


@pytest.fixture
def attacks() -> list[bytes]:
    return [
        b'<!DOCTYPE opml [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;">]><opml><outline text="&b;"/></opml>',
        b'<?xml version="1.0"?><!DOCTYPE opml [<!ENTITY f SYSTEM "file:///etc/passwd">]><opml>&f;</opml>',
        b'<!DOCTYPE opml [<!ENTITY % p SYSTEM "http://127.0.0.1/x.dtd"> %p;]><opml/>',
        "<!DOCTYPE opml [<!ENTITY a 'x'>]><opml/>".encode("utf-16"),
    ]


def test_outlines_nested_beyond_reason_do_no_harm() -> None:
    depth = 50_000
    content = (
        b"<opml><body>" + b"<outline text='d'>" * depth + b"<outline xmlUrl='https://a.org/f'/>" + b"</outline>" * depth
    )
    started = time.process_time()
    read_opml_file(content)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("feed://example.org/rss", "http://example.org/rss"),
        ("feed:https://example.org/rss", "https://example.org/rss"),
        ("itpc://example.org/rss", "http://example.org/rss"),
        ("example.org/rss", "https://example.org/rss"),
        (" HTTPS://Example.org/Rss ", "https://Example.org/Rss"),
    ],
)
def test_ways_to_write_a_feeds_address(given: str, meant: str) -> None:
    assert feed_address(given) == meant


@pytest.mark.parametrize(
    "given",
    [
        "",
        "changelog",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "http://[::1",
        "https://a b.org/f",
        "https://a.org/" + "x" * 3_000,
    ],
)
def test_addresses_that_cannot_be_fetched_are_refused_with_a_remedy(given: str) -> None:
    with pytest.raises(BadFeedAddress, match="give the feed's"):
        feed_address(given)


SHOWS = [
    Subscription("https://a.org/f", "Daily"),
    Subscription("https://b.org/secret", "Daily", private=True),
    Subscription("https://c.org/f", "Weekly"),
]


@pytest.mark.parametrize(
    "which",
    ["http://C.org/f/", "c.org/f", "feed://c.org/f", "Weekly", identity.show_id(None, "https://c.org/f").upper()],
)
def test_a_show_goes_by_address_title_or_identifier(which: str) -> None:
    assert meant(SHOWS, which) == SHOWS[2]


def test_a_show_goes_by_the_identifier_that_its_feed_gave() -> None:
    guid = "0a2ee0d1-46d1-52c7-b03c-eced59ca19cd"
    assert meant(SHOWS, guid, {"https://a.org/f": guid}) == SHOWS[0]


def test_for_an_unknown_show_it_says_where_to_look() -> None:
    with pytest.raises(UnknownShow, match="shows list"):
        meant(SHOWS, "Monthly")


def test_a_title_of_two_shows_names_them_without_their_tokens() -> None:
    with pytest.raises(AmbiguousShow) as caught:
        meant(SHOWS, "Daily")
    assert "a.org" in str(caught.value) and "b.org" in str(caught.value) and "address" in caught.value.remedy
    assert "secret" not in str(caught.value)
