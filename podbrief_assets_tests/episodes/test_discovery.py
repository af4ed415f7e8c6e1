"""Finding a show's feed from a feed's address, a web page's, and from pages that never tell."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets import net
from podbrief_assets.episodes.discovery import Found, NoFeedNamed, feed_links, find
from podbrief_assets.episodes.feed import FeedError
from podbrief_assets_tests.network import Answer, Item, Network

MORNING = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
HERE = "https://show.example/about/"


def found(address: str) -> Found:
    async def run() -> Found:
        allowed = net.Settings(allowed_private=net.parse_allowed_hosts("127.0.0.1"), retries=0)
        async with net.Client(allowed) as client:
            return await find(client, address)

    return asyncio.run(run())


def page(*links: str, head: str = "") -> bytes:
    return f"<!doctype html><html><head>{head}{''.join(links)}</head><body><p>Hi</p></body></html>".encode()


def link(href: str, title: str = "", kind: str = "application/rss+xml", rel: str = "alternate") -> str:
    return f'<link rel="{rel}" type="{kind}" title="{title}" href="{href}">'


def urls(content: bytes) -> list[str]:
    return [each.url for each in feed_links(content, HERE)]


# ── what a page names ────────────────────────────────────────────────────────────────────────────────────────────────


def test_links_are_resolved_and_named_once() -> None:
    content = page(
        link("/feed.xml", "The Show"),
        link("../atom", kind="Application/Atom+XML; charset=utf-8", rel="ALTERNATE home"),
        link("https://show.example/feed.xml", "Again"),
        link("feed://other.example/rss"),
    )
    assert urls(content) == ["https://show.example/feed.xml", "https://show.example/atom", "http://other.example/rss"]
    assert feed_links(content, HERE)[0].title == "The Show"


def test_the_podcast_comes_first_and_comments_last() -> None:
    content = page(
        link("/comments/feed", "Comments"), link("/blog.xml", "Blog"), link("/x.xml", "Our Podcast"), link("/podcast")
    )
    assert urls(content) == [
        f"https://show.example/{path}" for path in ("x.xml", "podcast", "blog.xml", "comments/feed")
    ]


def test_a_base_counts() -> None:
    assert urls(page(link("f.xml"), head='<base href="//cdn.example/x/">')) == ["https://cdn.example/x/f.xml"]


@pytest.mark.parametrize(
    "other",
    [
        link("/de/", kind="text/html"),
        link("/feed.xml", rel="stylesheet"),
        link(""),
        link("javascript:alert(1)"),
        link("file:///etc/passwd"),
        link("ftp://show.example/feed"),
        "<a href='/feed.xml'>RSS</a>",
    ],
)
def test_what_is_no_feeds_link_is_not_taken(other: str) -> None:
    assert urls(page(other)) == []


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 200))
def test_damaged_pages_name_web_addresses_or_nothing(junk: bytes, at: int) -> None:
    whole = page(link("/feed.xml", "ü"), link("/b.xml"))
    for content in (junk, whole[:at], whole[:at] + junk + whole[at:]):
        assert all(each.url.startswith(("http://", "https://")) for each in feed_links(content, HERE))


def test_a_page_that_goes_on_for_ever_costs_little() -> None:
    started = time.process_time()
    feed_links(b"<div>" * 400_000, HERE)
    assert len(feed_links(page(*(link(f"/{n}.xml") for n in range(5_000))), HERE)) == 50
    feed_links(b"<html>" + b"<!--" * 200_000 + b"<a b='" * 200_000, HERE)
    assert time.process_time() - started < 3


# ── over HTTP ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_feeds_own_address_is_one_request(network: Network) -> None:
    feed = network.feed("tech", [Item("a", MORNING)])
    assert found(feed).feed_url == feed
    assert network.hits() == {"/tech.xml": 1}


def test_a_page_leads_to_its_feed_and_the_others_are_told(network: Network) -> None:
    network.feed("tech", [Item("a", MORNING)])
    network.answers["/"] = Answer(page(link("/blog.xml", "Blog"), link("/tech.xml", "The podcast")), "text/html")
    got = found(f"{network.base}/")
    assert (got.feed_url, got.feed.show.title) == (f"{network.base}/tech.xml", "Tech Hour")
    assert [(other.url, other.title) for other in got.others] == [(f"{network.base}/blog.xml", "Blog")]
    assert network.hits() == {"/": 1, "/tech.xml": 1}


def test_a_feed_without_episodes_gives_way_to_one_that_has_some(network: Network) -> None:
    network.feed("blog", [])
    network.feed("tech", [Item("a", MORNING)])
    network.answers["/"] = Answer(page(link("/gone.xml"), link("/blog.xml"), link("/tech.xml")), "text/html")
    assert found(f"{network.base}/").feed_url == f"{network.base}/tech.xml"
    network.answers["/"] = Answer(page(link("/blog.xml")), "text/html")
    assert found(f"{network.base}/").feed_url == f"{network.base}/blog.xml"


def test_links_that_lead_to_no_feed_are_told_and_few_are_tried(network: Network) -> None:
    network.answers["/"] = Answer(page(*(link(f"/{number}.xml") for number in range(9))), "text/html")
    with pytest.raises(net.NotFound, match=r"0\.xml"):
        found(f"{network.base}/")
    assert len(network.log) == 4
    network.answers["/0.xml"] = Answer(page(), "text/html")
    with pytest.raises(FeedError):
        found(f"{network.base}/")


def test_a_page_that_names_none_says_what_to_do(network: Network) -> None:
    network.answers["/"] = Answer(page(), "text/html")
    with pytest.raises(NoFeedNamed, match="RSS"):
        found(f"{network.base}/")


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("https://podcasts.apple.com/us/podcast/the-show/id123456789", "Apple Podcasts"),
        ("https://open.spotify.com/show/4rOoJ6Egrf8K2IrywzwOMk", "Spotify"),
    ],
)
def test_sites_that_keep_the_feed_to_themselves_are_not_asked(address: str, site: str) -> None:
    with pytest.raises(NoFeedNamed, match=site) as failure:
        found(address)
    assert "website" in failure.value.remedy


def test_a_page_may_not_lead_into_a_private_network(network: Network) -> None:
    network.answers["/"] = Answer(page(link("http://169.254.169.254/latest/meta-data")), "text/html")
    with pytest.raises(net.AddressRefused):
        found(f"{network.base}/")
