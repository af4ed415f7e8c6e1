"""Scanning over real HTTP on loopback: a scripted server, and the replayed network where it lies at hand."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import Engine

from podbrief_assets import net
from podbrief_assets.episodes import feed_state, identity
from podbrief_assets.episodes.feed import Feed, parse_feed
from podbrief_assets.episodes.feed_state import FeedState
from podbrief_assets.episodes.scan import ScanResult, scan, states_to_save

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
GUID = "917393e3-1b1e-5cef-ace4-edaa54e1f810"


def feed_xml(*numbers: int, channel: str = "", title: str = "A Show") -> bytes:
    items = "".join(
        f"<item><title>Episode {n}</title><guid>ep-{n}</guid><pubDate>Fri, {n:02} Nov 2026 08:00:00 GMT</pubDate>"
        f'<enclosure url="https://cdn.example/{n}.mp3" type="audio/mpeg" length="1000"/></item>'
        for n in numbers
    )
    return (
        '<?xml version="1.0"?><rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" '
        f'xmlns:podcast="https://podcastindex.org/namespace/1.0"><channel><title>{title}</title>'
        f"<link>https://show.example/</link><language>en</language>{channel}{items}</channel></rss>"
    ).encode()


@dataclass
class Page:
    """What the scripted server has under a path."""

    body: bytes = b""
    status: int = 200
    etag: str | None = None
    last_modified: str | None = None
    location: str | None = None
    retry_after: str | None = None
    delay_s: float = 0.0


class Site(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, Page] = {}
        self.asked: list[tuple[str, str | None, str | None]] = []
        self.patience: int | None = None  # requests until it answers 429

    def __getitem__(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def __setitem__(self, path: str, page: Page) -> None:
        self.pages[path] = page

    def handle_error(self, *_: object) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Site

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        seen, since = self.headers["If-None-Match"], self.headers["If-Modified-Since"]
        self.server.asked.append((self.path, seen, since))
        page = self.server.pages.get(self.path, Page(status=404))
        if self.server.patience is not None:
            self.server.patience -= 1
            page = page if self.server.patience >= 0 else Page(status=429, retry_after="3600")
        time.sleep(page.delay_s)
        same = (page.etag and seen == page.etag) or (page.last_modified and since == page.last_modified)
        body = b"" if same else page.body
        self.send_response(304 if same else page.status)
        told = {"ETag": page.etag, "Last-Modified": page.last_modified, "Location": page.location}
        for name, value in (told | {"Retry-After": page.retry_after}).items():
            if value:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def other_site() -> Iterator[Site]:
    with Site() as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield running
        running.shutdown()


@dataclass(frozen=True)
class Subscription:
    feed_url: str


States = Mapping[str, FeedState]


async def _no_sleep(_: float) -> None:
    pass


def scan_all(
    urls: Sequence[str],
    states: States | None = None,
    *,
    now: datetime = NOW,
    parse: Callable[[bytes, str], Feed] = parse_feed,
    concurrency: int = 64,
    feed_timeout_s: float = 60.0,
    **changes: object,
) -> list[ScanResult]:
    """One whole scan by a fresh client that may ask loopback and does not really wait between retries."""

    async def run() -> list[ScanResult]:
        allowed = net.parse_allowed_hosts("127.0.0.1, localhost")
        configured = net.Settings(**{"allowed_private": allowed, **changes})  # type: ignore[arg-type]
        subscriptions = [Subscription(url) for url in urls]
        async with net.Client(configured, sleep=_no_sleep) as client:
            found = scan(
                subscriptions,
                states or {},
                client,
                now=now,
                parse=parse,
                concurrency=concurrency,
                feed_timeout_s=feed_timeout_s,
            )
            return [result async for result in found]

    return asyncio.run(run())


def scan_one(url: str, before: ScanResult | FeedState | None = None, **options: object) -> ScanResult:
    state = before.state if isinstance(before, ScanResult) else before
    (result,) = scan_all([url], {state.address: state} if state else None, **options)  # type: ignore[arg-type]
    return result


def remember(results: Sequence[ScanResult]) -> dict[str, FeedState]:
    return {result.state.address: result.state for result in results}


def guids(result: ScanResult) -> list[str]:
    return [item.guid for item in result.items]


# ── what is asked, and what is remembered ────────────────────────────────────────────────────────────────────────────


def test_a_first_scan_takes_the_back_catalogue_and_remembers_the_show(site: Site) -> None:
    site["/a.xml"] = Page(feed_xml(1, 2, channel="<itunes:author>Ann</itunes:author>"), etag='W/"1"', last_modified="x")
    result = scan_one(site["/a.xml"])
    assert (result.outcome, guids(result), result.back_catalogue) == ("changed", ["ep-1", "ep-2"], True)
    state = result.state
    assert state.address == identity.canonical_feed_address(site["/a.xml"])
    assert state.show_id == identity.show_id(None, site["/a.xml"])
    assert (state.title, state.author, state.language) == ("A Show", "Ann", "en")
    assert (state.etag, state.last_modified) == ('W/"1"', "x")
    assert (state.first_scanned_at, state.last_success_at, state.failures_in_a_row) == (NOW, NOW, 0)


def test_a_feed_that_says_304_is_not_parsed(site: Site) -> None:
    site["/a.xml"] = Page(feed_xml(1), etag='"1"')
    first = scan_one(site["/a.xml"])
    later = NOW + timedelta(days=1)
    second = scan_one(site["/a.xml"], first, now=later, parse=_never)
    assert (second.outcome, second.items, second.back_catalogue) == ("not_modified", [], False)
    assert second.state == replace(first.state, last_success_at=later)
    assert site.asked[1] == ("/a.xml", '"1"', None)


def test_the_same_bytes_again_are_not_parsed(site: Site) -> None:
    site["/a.xml"] = Page(feed_xml(1))
    first = scan_one(site["/a.xml"])
    site["/a.xml"] = Page(feed_xml(1), etag='"new"')
    second = scan_one(site["/a.xml"], first, parse=_never)
    assert (second.outcome, second.items, second.state.etag) == ("unchanged", [], '"new"')


def test_a_changed_feed_gives_all_its_items_and_they_are_news(site: Site) -> None:
    site["/a.xml"] = Page(feed_xml(1), etag='"1"')
    first = scan_one(site["/a.xml"])
    site["/a.xml"] = Page(feed_xml(2, 1, title="Renamed"), etag='"2"')
    second = scan_one(site["/a.xml"], first, now=NOW + timedelta(days=1))
    assert (second.outcome, guids(second), second.back_catalogue) == ("changed", ["ep-2", "ep-1"], False)
    assert (second.state.title, second.state.etag, second.state.first_scanned_at) == ("Renamed", '"2"', NOW)
    assert second.state.show_id == first.state.show_id


def test_a_304_to_a_question_without_conditions_is_a_failure(site: Site) -> None:
    site["/a.xml"] = Page(status=304)
    result = scan_one(site["/a.xml"])
    assert result.outcome == "failed"
    assert "304" in (result.error or "")


def test_validators_that_could_not_be_sent_back_are_not_kept(site: Site) -> None:
    site["/a.xml"] = Page(feed_xml(1), etag='"' + "x" * 600 + '"')
    assert scan_one(site["/a.xml"]).state.etag is None


def test_two_spellings_of_one_address_are_one_feed(site: Site) -> None:
    site["/a.xml"] = Page(feed_xml(1))
    assert len(scan_all([site["/a.xml"], site["/a.xml"] + "#here"])) == 1


def _never(content: bytes, url: str) -> Feed:
    raise AssertionError("parsed in vain")


# ── feeds that are broken, cut short, closed or waiting ──────────────────────────────────────────────────────────────


def test_one_broken_feed_takes_no_other_with_it(site: Site) -> None:
    site["/good.xml"] = Page(feed_xml(1))
    site["/html.xml"] = Page(b"<!doctype html><html><body>Down for maintenance</body></html>")
    site["/empty.xml"] = Page(b"")
    site["/500.xml"] = Page(status=500)
    site["/slip.xml"] = Page(feed_xml(1, title="SLIP"))
    paths = ["/html.xml", "/empty.xml", "/500.xml", "/slip.xml", "/404.xml", "/good.xml"]

    def parse(content: bytes, url: str) -> Feed:
        if b"SLIP" in content:
            raise AttributeError("'NoneType' object has no attribute 'strip'")
        return parse_feed(content, url)

    results = {result.state.feed_url: result for result in scan_all([site[path] for path in paths], parse=parse)}
    assert len(results) == 6
    assert results.pop(site["/good.xml"]).outcome == "changed"
    for url, result in results.items():
        assert (result.outcome, result.items, result.state.failures_in_a_row) == ("failed", [], 1)
        assert url in (result.error or "")
        assert result.state.last_error == result.error
    assert "AttributeError" in (results[site["/slip.xml"]].error or "")


def test_a_failure_keeps_the_validators_and_is_counted_until_the_next_success(site: Site) -> None:
    site["/a.xml"] = Page(feed_xml(1), etag='"1"')
    first = scan_one(site["/a.xml"])
    site["/a.xml"] = Page(status=503)
    second = scan_one(site["/a.xml"], first)
    third = scan_one(site["/a.xml"], second, now=NOW + DAY)
    assert (third.outcome, third.state.failures_in_a_row, third.state.etag) == ("failed", 2, '"1"')
    assert (third.state.last_success_at, third.state.failing_since) == (NOW, NOW)
    site["/a.xml"] = Page(feed_xml(1), etag='"1"')
    fourth = scan_one(site["/a.xml"], third, now=NOW + 2 * DAY)
    assert fourth.outcome == "not_modified"
    assert fourth.state == replace(first.state, last_success_at=NOW + 2 * DAY)


def test_a_feed_cut_short_gives_its_whole_episodes_and_is_asked_for_all_of_it_next_time(site: Site) -> None:
    whole = feed_xml(1, 2, 3)
    site["/a.xml"] = Page(whole[: whole.index(b"ep-3")], etag='"1"')
    first = scan_one(site["/a.xml"])
    assert (first.outcome, guids(first), first.back_catalogue) == ("changed", ["ep-1", "ep-2"], True)
    assert any("cut short" in line for line in first.skipped)
    assert (first.state.etag, first.state.body_digest) == (None, None)

    site["/a.xml"] = Page(whole, etag='"1"')
    second = scan_one(site["/a.xml"], first)
    # What the cut had hidden is as old as the rest: it must not pass for news.
    assert (guids(second), second.back_catalogue) == (["ep-1", "ep-2", "ep-3"], True)
    site["/a.xml"] = Page(feed_xml(4, 1, 2, 3), etag='"2"')
    third = scan_one(site["/a.xml"], second)
    assert (len(third.items), third.back_catalogue) == (4, False)


def test_a_feed_that_is_always_cut_short_has_news_all_the_same(site: Site) -> None:
    result = None
    for number in (1, 2, 3):
        site["/a.xml"] = Page(feed_xml(*range(1, number + 1)).removesuffix(b"</channel></rss>"))
        result = scan_one(site["/a.xml"], result)
    assert result is not None
    assert (guids(result), result.back_catalogue) == (["ep-1", "ep-2", "ep-3"], False)
    assert result.state.title == "A Show"


def test_410_retires_a_feed_and_404_does_not(site: Site) -> None:
    site["/a.xml"] = Page(status=410)
    gone, missing = sorted(scan_all([site["/a.xml"], site["/b.xml"]]), key=lambda result: result.state.address)
    assert (gone.outcome, gone.state.retired) == ("gone", True)
    assert (missing.outcome, missing.state.retired) == ("failed", False)
    assert "404" in (missing.error or "")
    site.asked.clear()
    again = scan_all([site["/a.xml"], site["/b.xml"]], remember([gone, missing]))
    assert sorted(result.outcome for result in again) == ["failed", "gone"]
    assert [path for path, *_ in site.asked] == ["/b.xml"]


def test_410_behind_a_temporary_redirect_retires_nothing(site: Site) -> None:
    site["/a.xml"] = Page(status=302, location="/cdn/expired")
    site["/cdn/expired"] = Page(status=410)
    result = scan_one(site["/a.xml"])
    assert (result.outcome, result.state.retired, result.state.failures_in_a_row) == ("failed", False, 1)
    assert "/a.xml" in (result.error or "") and "410" in (result.error or "")
    site["/a.xml"] = Page(status=301, location="/cdn/expired")
    assert scan_one(site["/a.xml"], result).outcome == "gone"


HOSTILE = {
    "brackets in a redirect": Page(status=301, location=":http://h:8]0/"),
    "a zone that is no ascii": Page(status=302, location="http://[fe80::1%25eth0é]/"),
    "the year 99999999999999999999": Page(status=503, retry_after="Wed, 21 Oct 99999999999999999999 07:28:00 GMT"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_answer_that_nobody_can_read_is_its_feeds_failure_alone(site: Site, name: str) -> None:
    site["/good.xml"], site["/bad.xml"] = Page(feed_xml(1)), HOSTILE[name]
    results = {result.state.feed_url: result for result in scan_all([site["/bad.xml"], site["/good.xml"]])}
    assert results[site["/good.xml"]].outcome == "changed"
    assert results[site["/bad.xml"]].outcome == "failed"
    assert "stumble" not in (results[site["/bad.xml"]].error or "")


def test_a_feed_is_not_asked_before_its_next_try(site: Site) -> None:
    site["/a.xml"] = Page(feed_xml(1))
    address = identity.canonical_feed_address(site["/a.xml"])
    state = FeedState(address=address, feed_url=site["/a.xml"], next_try_at=NOW + timedelta(hours=1))
    assert scan_one(site["/a.xml"], state).outcome == "waiting"
    assert site.asked == []
    later = scan_one(site["/a.xml"], state, now=NOW + timedelta(hours=2))
    assert (later.outcome, later.state.next_try_at) == ("changed", None)


@pytest.mark.parametrize("fault", [Page(status=503), Page(status=404), Page(b"<!doctype html><html>Down</html>")])
def test_a_feed_that_fails_for_days_is_asked_less_often(site: Site, fault: Page) -> None:
    site["/a.xml"] = fault
    asked, result = [], None
    for day in range(14):
        before = len(site.asked)
        result = scan_one(site["/a.xml"], result, now=NOW + day * DAY, retries=0)
        asked += [day] if len(site.asked) > before else []
        assert result.outcome == ("failed" if asked[-1] == day else "waiting")
        assert result.error is not None, "a failure stays visible while nobody asks"
    assert asked == [0, 1, 2, 4, 7, 10, 13]
    assert result is not None and result.state.failing_since == NOW


def test_a_feed_that_failed_an_hour_ago_is_asked_at_the_next_scan(site: Site) -> None:
    site["/a.xml"] = Page(status=500)
    first = scan_one(site["/a.xml"])
    second = scan_one(site["/a.xml"], first, now=NOW + HOUR)
    third = scan_one(site["/a.xml"], second, now=NOW + 23 * HOUR)
    assert [each.outcome for each in (first, second, third)] == ["failed"] * 3


def test_a_long_retry_after_holds_over_scans_and_has_a_ceiling(site: Site) -> None:
    for asked, wait in (("7200", 2 * HOUR), ("Fri, 31 Dec 9999 23:59:59 GMT", 3 * DAY)):
        site["/a.xml"] = Page(status=429, retry_after=asked)
        first = scan_one(site["/a.xml"])
        site["/a.xml"] = Page(feed_xml(1))
        site.asked.clear()
        assert scan_one(site["/a.xml"], first, now=NOW + wait - timedelta(minutes=1)).outcome == "waiting"
        assert site.asked == []
        assert scan_one(site["/a.xml"], first, now=NOW + wait + timedelta(minutes=1)).outcome == "changed"


def test_a_retired_feed_comes_back_as_the_same_show_when_it_is_added_again(site: Site) -> None:
    site["/a.xml"] = Page(feed_xml(1), etag='"1"')
    first = scan_one(site["/a.xml"])
    site["/a.xml"] = Page(status=410)
    gone = scan_one(site["/a.xml"], first, now=NOW + DAY)
    assert (gone.outcome, gone.state.next_try_at) == ("gone", None)
    assert "`podbrief shows add`" in (gone.error or "")
    site["/a.xml"] = Page(feed_xml(2, 1), etag='"1"')
    assert scan_one(site["/a.xml"], gone, now=NOW + 2 * DAY).outcome == "gone"
    back = scan_one(site["/a.xml"], feed_state.revived(gone.state), now=NOW + 2 * DAY)
    assert (back.outcome, guids(back), back.back_catalogue) == ("changed", ["ep-2", "ep-1"], False)
    assert (back.state.show_id, back.state.failing_since) == (first.state.show_id, None)


def test_a_show_that_opted_out_gives_no_items_until_it_opts_in(site: Site) -> None:
    block = "<podcast:block>yes</podcast:block>"
    site["/a.xml"] = Page(feed_xml(1, channel=block), etag='"1"')
    first = scan_one(site["/a.xml"])
    second = scan_one(site["/a.xml"], first)
    for result in (first, second):
        assert (result.outcome, result.items, result.state.blocked) == ("blocked", [], True)
    assert len(site.asked) == 2
    site["/a.xml"] = Page(feed_xml(1), etag='"2"')
    third = scan_one(site["/a.xml"], second)
    assert (third.outcome, guids(third), third.state.blocked) == ("changed", ["ep-1"], False)
    assert third.back_catalogue


# ── moves ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_permanent_redirect_is_recorded_and_the_show_stays_the_same(site: Site) -> None:
    site["/old.xml"] = Page(feed_xml(1))
    first = scan_one(site["/old.xml"])
    site["/old.xml"] = Page(status=301, location="/new.xml")
    site["/new.xml"] = Page(feed_xml(2, 1), etag='"1"')
    second = scan_one(site["/old.xml"], first)
    assert (second.state.fetched_url, second.state.feed_url) == (site["/new.xml"], site["/old.xml"])
    assert second.state.show_id == first.state.show_id
    site.asked.clear()
    third = scan_one(site["/old.xml"], second)
    assert (third.outcome, site.asked) == ("not_modified", [("/new.xml", '"1"', None)])


def test_a_temporary_redirect_is_followed_and_not_recorded(site: Site) -> None:
    site["/old.xml"] = Page(status=302, location="/new.xml")
    site["/new.xml"] = Page(feed_xml(1))
    result = scan_one(site["/old.xml"])
    assert (guids(result), result.state.fetched_url) == (["ep-1"], None)


def test_redirects_that_turn_round_move_a_show_once(site: Site) -> None:
    site["/a.xml"] = Page(status=301, location="/b.xml")
    site["/b.xml"] = Page(feed_xml(1))
    result = scan_one(site["/a.xml"])
    for number in (2, 3):
        site["/a.xml"] = Page(feed_xml(number))
        site["/b.xml"] = Page(status=301, location="/a.xml")
        result = scan_one(site["/a.xml"], result)
        assert guids(result) == [f"ep-{number}"]
        assert (result.state.fetched_url, result.state.former_urls) == (site["/b.xml"], (site["/a.xml"],))


def test_a_new_feed_url_is_followed_once_it_leads_to_a_feed(site: Site) -> None:
    tag = f"<itunes:new-feed-url>{site['/new.xml']}</itunes:new-feed-url>"
    site["/old.xml"] = Page(feed_xml(1, channel=tag))
    first = scan_one(site["/old.xml"])
    assert (first.outcome, guids(first), first.state.fetched_url) == ("changed", ["ep-1"], None)
    assert any("new-feed-url" in line for line in first.skipped)

    site["/old.xml"] = Page(feed_xml(1, 2, channel=tag))
    site["/new.xml"] = Page(feed_xml(1, 2, 3, channel=tag), etag='"n"')
    second = scan_one(site["/old.xml"], first)
    assert (guids(second), second.state.fetched_url) == (["ep-1", "ep-2", "ep-3"], site["/new.xml"])
    assert (second.state.show_id, second.state.etag) == (first.state.show_id, '"n"')
    site.asked.clear()
    assert scan_one(site["/old.xml"], second).outcome == "not_modified"
    assert [path for path, *_ in site.asked] == ["/new.xml"]


def test_two_feeds_that_name_each_other_move_a_show_once(site: Site) -> None:
    result = None
    for number in (1, 2, 3, 4):
        for path, other in (("/a.xml", "/b.xml"), ("/b.xml", "/a.xml")):
            tag = f"<itunes:new-feed-url>{site[other]}</itunes:new-feed-url>"
            site[path] = Page(feed_xml(number, channel=tag))
        result = scan_one(site["/a.xml"], result)
        assert result.state.fetched_url == site["/b.xml"]
    assert [path for path, *_ in site.asked] == ["/a.xml", "/b.xml", "/b.xml", "/b.xml", "/b.xml"]


def test_a_show_whose_new_home_closes_goes_back_to_the_address_that_was_subscribed_to(site: Site) -> None:
    site["/old.xml"] = Page(status=301, location="/new.xml")
    site["/new.xml"] = Page(feed_xml(1), etag='"n"')
    first = scan_one(site["/old.xml"])
    site["/new.xml"] = Page(status=410)
    site["/old.xml"] = Page(feed_xml(1, 2), etag='"o"')
    second = scan_one(site["/old.xml"], first)
    assert (second.outcome, second.state.retired, second.state.fetched_url) == ("failed", False, None)
    site.asked.clear()
    third = scan_one(site["/old.xml"], second)
    assert (third.outcome, guids(third), third.state.show_id) == ("changed", ["ep-1", "ep-2"], first.state.show_id)
    assert site.asked == [("/old.xml", None, None)]


def test_a_show_whose_new_host_dies_goes_back_after_some_days(site: Site) -> None:
    """The name of a host that closed does not resolve, which might be over tomorrow, and never is."""
    dead = "http://127.0.0.1:1/new.xml"  # where nobody listens
    address = identity.canonical_feed_address(site["/old.xml"])
    state = FeedState(
        address=address,
        feed_url=site["/old.xml"],
        fetched_url=dead,
        former_urls=(site["/old.xml"],),
        show_id="s",
        first_scanned_at=NOW - 9 * DAY,
        last_success_at=NOW - DAY,
        etag='"n"',
    )
    site["/old.xml"] = Page(feed_xml(1), etag='"o"')
    outcomes = []
    result: ScanResult | FeedState = state
    for day in range(7):
        result = scan_one(site["/old.xml"], result, now=NOW + day * DAY, retries=0)
        outcomes.append(result.outcome)
    assert outcomes == ["failed", "failed", "failed", "waiting", "failed", "changed", "not_modified"]
    assert isinstance(result, ScanResult)
    assert (result.state.fetched_url, result.state.show_id) == (None, "s")
    assert site.asked == [("/old.xml", None, None), ("/old.xml", '"o"', None)]
    assert dead in result.state.former_urls, "it is not sent there again"


# ── who is who ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_podcast_guid_names_the_show_and_stays_even_when_the_feed_drops_it(site: Site) -> None:
    site["/a.xml"] = Page(feed_xml(1, channel=f"<podcast:guid>{GUID}</podcast:guid>"))
    first = scan_one(site["/a.xml"])
    site["/a.xml"] = Page(feed_xml(1, 2))
    assert first.state.show_id == scan_one(site["/a.xml"], first).state.show_id == GUID


def test_a_podcast_guid_that_another_show_holds_is_not_given_twice(site: Site) -> None:
    own = identity.show_id(None, site["/c.xml"])
    for path, guid in (("/a.xml", GUID), ("/b.xml", GUID), ("/mirror-of-c.xml", own), ("/c.xml", own)):
        site[path] = Page(feed_xml(1, channel=f"<podcast:guid>{guid}</podcast:guid>"))
    states: dict[str, FeedState] = {}
    for path in site.pages:
        states |= remember(scan_all([site[path]], states))
    by_path = {path: states[identity.canonical_feed_address(site[path])] for path in site.pages}
    assert by_path["/a.xml"].show_id == GUID
    assert by_path["/b.xml"].show_id == identity.show_id(None, site["/b.xml"])
    assert by_path["/mirror-of-c.xml"].show_id == own
    assert len({state.show_id for state in states.values()}) == 4
    assert "“A Show” (127.0.0.1)" in (by_path["/b.xml"].note or "")
    assert GUID in (by_path["/b.xml"].note or ""), "what `podbrief shows remove` takes"
    assert by_path["/a.xml"].note is None


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("title", ["Members Only", ""])
def test_the_holder_of_a_guid_is_named_without_its_address(site: Site, known: bool, title: str) -> None:
    """It may be a paid feed, whose address holds its reader's token, while the show that is told of it is not."""
    member = site["/feed/abcdef123456secret?auth=hush"].replace("http://", "http://joe:hunter2@")
    tag = f"<podcast:guid>{GUID}</podcast:guid>"
    site["/feed/abcdef123456secret?auth=hush"] = Page(feed_xml(1, channel=tag, title=title))
    site["/public.xml"] = Page(feed_xml(1, channel=tag))
    states = remember(scan_all([member])) if known else {}
    states |= remember(scan_all([member, site["/public.xml"]], states))
    note = states[identity.canonical_feed_address(site["/public.xml"])].note or ""
    assert "127.0.0.1" in note
    assert title in note
    assert not any(secret in note for secret in ("secret", "hush", "joe", "hunter2", "/feed"))


def _with_guid(guid: str, delay_s: float = 0.0) -> Page:
    return Page(feed_xml(1, channel=f"<podcast:guid>{guid}</podcast:guid>"), delay_s=delay_s)


def _holder(states: States, show_id: str) -> str:
    (holder,) = [state.feed_url for state in states.values() if state.show_id == show_id]
    return holder


@pytest.mark.parametrize("slow", ["/a.xml", "/b.xml", "/c.xml"])
@pytest.mark.parametrize("concurrency", [2, 64])
def test_of_new_feeds_with_one_guid_the_first_asked_has_it_whichever_answers_first(
    site: Site, slow: str, concurrency: int
) -> None:
    paths = ["/a.xml", "/b.xml", "/c.xml"]
    for path in paths:
        site[path] = _with_guid(GUID, 0.15 if path == slow else 0.0)
    results = scan_all([site[path] for path in paths], concurrency=concurrency)
    assert {result.outcome for result in results} == {"changed"}
    assert _holder(remember(results), GUID) == site["/a.xml"]
    assert _holder(remember(scan_all([site[path] for path in reversed(paths)])), GUID) == site["/c.xml"]


def test_a_feed_that_fails_lets_the_next_one_have_the_guid(site: Site) -> None:
    site["/a.xml"] = Page(status=404, delay_s=0.1)
    site["/b.xml"] = _with_guid(GUID)
    assert _holder(remember(scan_all([site["/a.xml"], site["/b.xml"]])), GUID) == site["/b.xml"]


def test_a_mirror_never_takes_the_identifier_of_a_subscribed_feeds_own_address(site: Site) -> None:
    own = identity.show_id(None, site["/c.xml"])
    site["/mirror.xml"] = _with_guid(own)
    site["/c.xml"] = Page(feed_xml(1), delay_s=0.1)
    states = remember(scan_all([site["/mirror.xml"], site["/c.xml"]]))
    assert _holder(states, own) == site["/c.xml"]
    assert own in (states[identity.canonical_feed_address(site["/mirror.xml"])].note or "")


def test_a_scan_that_was_killed_and_run_again_gives_the_same_identifiers(site: Site) -> None:
    paths = [f"/{number}.xml" for number in range(8)]
    for number, path in enumerate(paths):
        site[path] = _with_guid(GUID if number % 2 else "a text that is no UUID", 0.08 if number in (0, 1) else 0.0)
    urls = [site[path] for path in paths]

    async def killed_after(kept: int) -> dict[str, FeedState]:
        configured = net.Settings(allowed_private=net.parse_allowed_hosts("127.0.0.1"))
        states: dict[str, FeedState] = {}
        async with net.Client(configured) as client:
            results = scan([Subscription(url) for url in urls], {}, client, now=NOW)
            async for result in results:
                states[result.state.address] = result.state
                if len(states) == kept:
                    break
            await results.aclose()  # type: ignore[attr-defined]
        return states

    whole = {address: state.show_id for address, state in remember(scan_all(urls)).items()}
    for kept in (1, 3, 5):
        states = asyncio.run(killed_after(kept))
        states |= remember(scan_all(urls, states))
        assert {address: state.show_id for address, state in states.items()} == whole


def test_feeds_that_wait_to_be_named_hold_up_no_other(site: Site) -> None:
    site["/slow.xml"] = _with_guid(GUID, 0.5)
    others = [f"/{number}.xml" for number in range(12)]
    for path in others:
        site[path] = _with_guid(GUID)
    results = scan_all([site[path] for path in ["/slow.xml", *others]], concurrency=3)
    assert {result.outcome for result in results} == {"changed"}
    assert [guids(result) for result in results] == [["ep-1"]] * 13
    assert _holder(remember(results), GUID) == site["/slow.xml"]
    assert len(site.asked) == 13, "nobody was asked twice"


# ── pages ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _link(relation: str, address: str) -> str:
    return f'<atom:link xmlns:atom="http://www.w3.org/2005/Atom" rel="{relation}" href="{address}"/>'


@pytest.mark.parametrize("relation", ["next", "prev-archive"])
def test_the_first_scan_reads_every_page_and_later_ones_the_first(site: Site, relation: str) -> None:
    site["/a.xml"] = Page(feed_xml(9, 8, channel=_link(relation, "/a.xml?page=2")), etag='"1"')
    site["/a.xml?page=2"] = Page(feed_xml(8, 7, channel=_link(relation, site["/a.xml?page=3"])))
    site["/a.xml?page=3"] = Page(feed_xml(6))
    first = scan_one(site["/a.xml"])
    assert (guids(first), first.back_catalogue, first.skipped) == (["ep-9", "ep-8", "ep-7", "ep-6"], True, [])
    assert [path for path, *_ in site.asked] == ["/a.xml", "/a.xml?page=2", "/a.xml?page=3"]
    site["/a.xml"] = Page(feed_xml(10, 9, channel=_link(relation, "/a.xml?page=2")), etag='"2"')
    site.asked.clear()
    second = scan_one(site["/a.xml"], first, now=NOW + DAY)
    assert (guids(second), second.back_catalogue) == (["ep-10", "ep-9"], False)
    assert site.asked == [("/a.xml", '"1"', None)]


def test_after_days_without_an_answer_the_older_pages_are_read_again(site: Site) -> None:
    site["/a.xml"] = Page(feed_xml(1), etag='"1"')
    first = scan_one(site["/a.xml"])
    site["/a.xml"] = Page(feed_xml(9, 8, channel=_link("next", "/a.xml?page=2")), etag='"2"')
    site["/a.xml?page=2"] = Page(feed_xml(7, 6))
    assert guids(scan_one(site["/a.xml"], first, now=NOW + 2 * DAY)) == ["ep-9", "ep-8"]
    assert guids(scan_one(site["/a.xml"], first, now=NOW + 8 * DAY)) == ["ep-9", "ep-8", "ep-7", "ep-6"]


def test_pages_that_go_round_or_on_for_ever_end(site: Site, other_site: Site) -> None:
    site["/a.xml"] = Page(feed_xml(2, channel=_link("next", "/b.xml")))
    site["/b.xml"] = Page(feed_xml(1, channel=_link("next", "/a.xml#again")))
    assert guids(scan_one(site["/a.xml"])) == ["ep-2", "ep-1"]
    assert len(site.asked) == 2

    # A server that answers every page number with its first page.
    for number in range(60):
        site[f"/same.xml?{number}"] = Page(feed_xml(1, channel=_link("next", f"/same.xml?{number + 1}")))
    site.asked.clear()
    assert guids(scan_one(site["/same.xml?0"])) == ["ep-1"]
    assert len(site.asked) == 2

    for number in range(60):
        items = feed_xml(1, channel=_link("next", f"/long.xml?{number + 1}")).replace(b"ep-1", b"ep-%d" % number)
        site[f"/long.xml?{number}"] = Page(items)
    site.asked.clear()
    result = scan_one(site["/long.xml?0"])
    assert (len(result.items), len(site.asked)) == (51, 51)
    assert any("too many" in line for line in result.skipped)

    site["/away.xml"] = Page(feed_xml(1, channel=_link("next", other_site["/b.xml"].replace("127.0.0.1", "localhost"))))
    result = scan_one(site["/away.xml"])
    assert (guids(result), other_site.asked) == (["ep-1"], [])
    assert any("another host" in line for line in result.skipped)


@pytest.mark.parametrize("address", ["https://evil℀.example/p2", "https://evil.example／p2", "http://[::1", "//]/"])
def test_a_next_page_at_an_address_that_nobody_can_read_is_not_followed(site: Site, address: str) -> None:
    site["/a.xml"] = Page(feed_xml(1, channel=_link("next", address)))
    result = scan_one(site["/a.xml"])
    assert (result.outcome, guids(result), result.error) == ("changed", ["ep-1"], None)


def _paged(site: Site, path: str, pages: int, *, delay_s: float = 0.0, padding: str = "") -> None:
    """An archive of `pages` pages, each with an episode of its own."""
    for number in range(pages):
        link = _link("next", f"{path}?{number + 1}") if number + 1 < pages else ""
        content = feed_xml(1, channel=link + padding).replace(b"ep-1", b"ep-%d" % number)
        site[f"{path}?{number}"] = Page(content, delay_s=delay_s, etag='"1"')


def test_an_archive_that_takes_too_long_is_left_and_asked_for_again(site: Site) -> None:
    _paged(site, "/a.xml", 20, delay_s=0.2)
    began = time.monotonic()
    first = scan_one(site["/a.xml?0"], feed_timeout_s=1.0)
    assert time.monotonic() - began < 2
    assert first.outcome == "changed"
    assert 1 < len(first.items) < 6
    assert any("together" in line and "older pages" in line for line in first.skipped)
    # It is no failure, and the rest is no news when it comes.
    assert (first.error, first.state.first_scanned_at, first.state.etag) == (None, None, None)
    second = scan_one(site["/a.xml?0"], first, now=NOW + DAY)
    assert (len(second.items), second.back_catalogue, second.state.first_scanned_at) == (20, True, NOW + DAY)


def test_a_feed_that_takes_too_long_by_detours_has_failed(site: Site) -> None:
    for number in range(4):
        site[f"/{number}.xml"] = Page(status=302, location=f"/{number + 1}.xml", delay_s=0.3)
    site["/4.xml"] = Page(feed_xml(1))
    assert scan_one(site["/0.xml"]).outcome == "changed"
    slow = scan_one(site["/0.xml"], feed_timeout_s=0.7)
    assert slow.outcome == "failed"
    assert "0.7 s together" in (slow.error or "")


def test_all_pages_of_a_feed_together_are_no_larger_than_one_may_be(site: Site) -> None:
    _paged(site, "/a.xml", 10, padding=f"<description>{'x' * 30_000}</description>")
    result = scan_one(site["/a.xml?0"], max_bytes=100_000)
    assert (result.outcome, len(result.items)) == ("changed", 3)
    assert any("too large together" in line for line in result.skipped)
    assert result.state.etag == '"1"', "another scan would find no more"
    assert len(site.asked) == 4


@pytest.mark.parametrize("page", [Page(status=404), Page(b"<html>no feed</html>")])
def test_a_page_that_is_broken_is_told_and_costs_nothing_else(site: Site, page: Page) -> None:
    site["/a.xml"] = Page(feed_xml(2, channel=_link("next", "/b.xml")), etag='"1"')
    site["/b.xml"] = page
    result = scan_one(site["/a.xml"])
    assert (result.outcome, guids(result), result.error, result.state.etag) == ("changed", ["ep-2"], None, '"1"')
    assert any("older pages" in line and "/b.xml" in line for line in result.skipped)


CUT = feed_xml(1, 3)


@pytest.mark.parametrize("fault", [Page(status=503), Page(CUT[: CUT.index(b"<item>") + 8])])
def test_an_archive_that_broke_off_is_read_once_more_and_is_no_news(site: Site, fault: Page) -> None:
    site["/a.xml"] = Page(feed_xml(2, channel=_link("next", "/b.xml")), etag='"1"')
    site["/b.xml"] = fault
    first = scan_one(site["/a.xml"])
    assert (guids(first), first.back_catalogue, first.state.first_scanned_at) == (["ep-2"], True, None)
    site["/b.xml"] = Page(feed_xml(1))
    second = scan_one(site["/a.xml"], first, now=NOW + DAY)
    assert (guids(second), second.back_catalogue, second.state.etag) == (["ep-2", "ep-1"], True, '"1"')
    third = scan_one(site["/a.xml"], second, now=NOW + 2 * DAY)
    assert third.outcome == "not_modified"


# ── many at once ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_slow_feed_holds_up_no_other(site: Site) -> None:
    site["/slow.xml"] = Page(feed_xml(1), delay_s=0.5)
    for number in range(20):
        site[f"/{number}.xml"] = Page(feed_xml(1))
    results = scan_all([site["/slow.xml"], *(site[f"/{number}.xml"] for number in range(20))])
    assert len(results) == 21
    assert results[-1].state.feed_url == site["/slow.xml"]


def test_no_more_feeds_are_held_than_were_asked_for(site: Site) -> None:
    for number in range(30):
        site[f"/{number}.xml"] = Page(feed_xml(1))

    async def run() -> None:
        subscriptions = [Subscription(site[f"/{number}.xml"]) for number in range(30)]
        configured = net.Settings(allowed_private=net.parse_allowed_hosts("127.0.0.1"))
        async with net.Client(configured) as client:
            results = scan(subscriptions, {}, client, now=NOW, concurrency=4)
            async for _ in results:
                await asyncio.sleep(0.2)  # a reader that is slow to take them
                break
            assert len(site.asked) <= 5
            await results.aclose()  # type: ignore[attr-defined]
            before = len(site.asked)
            await asyncio.sleep(0.05)
            assert len(site.asked) == before

    asyncio.run(run())


def test_a_mistake_of_our_own_is_told_of_its_feed_and_ends_no_scan(site: Site) -> None:
    site["/a.xml"], site["/b.xml"] = Page(feed_xml(1, title="SLIP")), Page(feed_xml(1))

    def parse(content: bytes, url: str) -> Feed:
        if b"SLIP" in content:
            raise AssertionError("what http://me:secret@a.example/token says")
        return parse_feed(content, url)

    for urls in ([site["/a.xml"], site["/b.xml"]], [site["/b.xml"], site["/a.xml"]]):
        results = {result.state.feed_url: result for result in scan_all(urls, parse=parse, concurrency=1)}
        assert results[site["/b.xml"]].outcome == "changed"
        slip = results[site["/a.xml"]]
        assert (slip.outcome, slip.state.failures_in_a_row, slip.state.last_error) == ("failed", 1, slip.error)
        assert "AssertionError" in (slip.error or "") and "in scan.py, line" in (slip.error or ""), "what, and where"
        assert site["/a.xml"] in (slip.error or "")
        assert "secret" not in (slip.error or ""), "what an exception says may be anything"


def test_large_feeds_are_read_the_same_way(site: Site) -> None:
    site["/a.xml"] = Page(feed_xml(*([1, 2] + [3] * 7000)))
    assert len(site.pages["/a.xml"].body) > 1024 * 1024
    assert guids(scan_one(site["/a.xml"]))[:3] == ["ep-1", "ep-2", "ep-3"]


# ── hosts that want to be left alone ─────────────────────────────────────────────────────────────────────────────────


def test_after_a_429_the_other_feeds_of_its_host_wait_unasked_and_have_not_failed(site: Site, other_site: Site) -> None:
    paths = [f"/{number}.xml" for number in range(60)]
    for path in paths:
        site[path] = Page(feed_xml(1))
    site.patience = 0
    other_site["/a.xml"] = Page(feed_xml(1))
    elsewhere = other_site["/a.xml"].replace("127.0.0.1", "localhost")
    results = scan_all([*(site[path] for path in paths), elsewhere])
    by_outcome = {outcome: [one for one in results if one.outcome == outcome] for outcome in ("failed", "waiting")}
    assert [one.state.feed_url for one in results if one.outcome == "changed"] == [elsewhere]
    assert len(site.asked) == len(by_outcome["failed"]) <= 6, "those that were under way"
    assert len(by_outcome["waiting"]) + len(by_outcome["failed"]) == 60
    for result in by_outcome["waiting"]:
        assert (result.state.failures_in_a_row, result.state.failing_since) == (0, None)
        assert HOUR - timedelta(minutes=1) < (result.state.next_try_at or NOW) - NOW < HOUR + timedelta(minutes=1)
        assert "127.0.0.1 answered 429" in (result.error or "")
        assert result.save
        health = feed_state.health(result.state, NOW)
        assert (health["outcome"], health["reason"]) == ("new", result.error)
        assert health["next_try_at"] == result.state.next_try_at

    site.patience = None
    site.asked.clear()
    urls, states = [site[path] for path in paths], remember(results)
    assert {one.outcome for one in scan_all(urls, states, now=NOW + HOUR / 2)} == {"waiting"}
    assert site.asked == []
    later = scan_all(urls, states, now=NOW + 2 * HOUR)
    assert {one.outcome for one in later} == {"changed"}
    assert {(one.state.next_try_at, one.state.last_error) for one in later} == {(None, None)}


def test_a_feed_that_was_failing_keeps_its_own_reason_while_its_host_is_left_alone(site: Site) -> None:
    failing = FeedState(
        address=identity.canonical_feed_address(site["/b.xml"]),
        feed_url=site["/b.xml"],
        show_id="b",
        last_success_at=NOW,
        failures_in_a_row=4,
        failing_since=NOW - 5 * DAY,
        last_error="why: what to do",
    )
    site.patience = 0
    results = scan_all([site["/a.xml"], site["/b.xml"]], {failing.address: failing}, max_per_host=1)
    (put_off,) = [result for result in results if result.state.feed_url == site["/b.xml"]]
    assert put_off.outcome == "waiting"
    assert put_off.state == replace(failing, next_try_at=put_off.state.next_try_at)


def test_a_host_cannot_put_its_feeds_off_for_long(site: Site) -> None:
    site["/a.xml"] = Page(status=429, retry_after="Fri, 31 Dec 9999 23:59:59 GMT")
    site["/b.xml"] = Page(feed_xml(1))
    for result in scan_all([site["/a.xml"], site["/b.xml"]], max_per_host=1):
        assert result.outcome == ("failed" if "/a.xml" in result.state.feed_url else "waiting")
        assert result.state.next_try_at == NOW + 3 * DAY


def test_a_host_that_bears_few_requests_a_scan_has_all_its_feeds_read_in_turn(site: Site) -> None:
    paths = [f"/{number:02}.xml" for number in range(20)]
    for path in paths:
        site[path] = Page(feed_xml(1), etag='"1"')
    states: dict[str, FeedState] = {}
    for day in range(9):
        site.patience = 8
        states |= remember(scan_all([site[path] for path in paths], states, now=NOW + day * DAY, max_per_host=1))
    read = sorted(state.last_success_at or NOW for state in states.values())
    assert read[0] >= NOW + 5 * DAY, "each was read within the last four days"


def test_new_feeds_are_asked_first_and_in_the_order_of_the_list_whatever_is_known(site: Site) -> None:
    paths = [f"/{number}.xml" for number in range(9)]
    for path in paths:
        site[path] = Page(feed_xml(1))
    urls = [site[path] for path in paths]
    known = {state.address: state for state in remember(scan_all(urls[::2])).values()}
    oldest = identity.canonical_feed_address(urls[6])
    known[oldest] = replace(known[oldest], last_success_at=NOW - DAY)
    site.asked.clear()
    scan_all(urls, known, concurrency=1)
    assert [path for path, *_ in site.asked] == [f"/{number}.xml" for number in (1, 3, 5, 7, 6, 0, 2, 4, 8)]


# ── the memory ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_memory_of_a_feed_comes_back_as_it_was(engine: Engine, site: Site) -> None:
    site["/a.xml"] = Page(feed_xml(1, channel='<itunes:category text="News"/>'), etag='"ü"', last_modified="x")
    site["/old.xml"] = Page(status=301, location="/a.xml")
    states = remember(scan_all([site["/a.xml"], site["/old.xml"], site["/404.xml"]]))
    feed_state.save(engine, states.values())
    assert feed_state.load(engine) == states
    feed_state.save(engine, [])
    assert feed_state.load(engine) == states


def test_what_an_operator_does_during_a_scan_is_not_undone_by_it(engine: Engine, site: Site) -> None:
    site["/news.xml"] = Page(feed_xml(1))
    retired, waiting = (
        FeedState(
            address=identity.canonical_feed_address(site[path]),
            feed_url=site[path].replace("http:", "https:"),  # the list spells it otherwise by now
            failures_in_a_row=3,
            failing_since=NOW - 3 * DAY,
            last_error="why",
        )
        for path in ("/retired.xml", "/waiting.xml")
    )
    retired, waiting = replace(retired, retired=True), replace(waiting, next_try_at=NOW + DAY)
    feed_state.save(engine, [retired, waiting])
    urls = [site["/retired.xml"], site["/waiting.xml"], site["/news.xml"]]
    results = scan_all(urls, feed_state.load(engine))
    revived, retried = feed_state.revived(retired), replace(waiting, next_try_at=None)
    feed_state.save(engine, [revived, retried])  # `podbrief shows add` and `podbrief shows retry`
    feed_state.save(engine, states_to_save(results))
    after = feed_state.load(engine)
    assert (after[retired.address], after[waiting.address]) == (revived, retried)
    assert sorted(after) == sorted(result.state.address for result in results), "and what is new is saved"


def test_saving_again_replaces_all_but_what_was_pinned(engine: Engine) -> None:
    state = FeedState(address="a", feed_url="http://a", show_id="first", first_scanned_at=NOW, title="Old")
    feed_state.save(engine, [state])
    later = replace(state, show_id="second", first_scanned_at=NOW + timedelta(days=1), title="New", categories=("x",))
    feed_state.save(engine, [later, FeedState(address="b", feed_url="http://b")])
    loaded = feed_state.load(engine)
    assert loaded["a"] == replace(later, show_id="first", first_scanned_at=NOW)
    assert loaded["b"].show_id is None


# ── the replayed network ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def replay(corpus: Path) -> ModuleType:
    path = corpus.parent / "tools" / "replay_network.py"
    if not path.is_file():
        pytest.skip("the replay tool is not beside this repository (expected at ../shared/tools)")
    spec = importlib.util.spec_from_file_location("replay_network", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    module.ThreadingHTTPServer = _Quiet  # type: ignore[attr-defined]
    return module


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Clients that gave up on a late answer are what the faults are for."""


@pytest.fixture(scope="module")
def network(replay: ModuleType) -> object:
    return replay.Network.load(now=datetime(2026, 11, 22, tzinfo=UTC), copies=10, only={"news", "founderstalk"})


def _episodes(network: object, base: str) -> dict[str, int]:
    """How many episodes each feed has."""
    return {f"{base}/feeds/{show.slug}.xml": len(show.episodes) for show in network.shows}  # type: ignore[attr-defined]


def _stats(base: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{base}/stats") as reply:  # noqa: S310 - loopback
        stats: dict[str, int] = json.load(reply)
    return stats


def test_a_second_scan_of_the_network_is_304s_and_nothing_else(replay: ModuleType, network: object) -> None:
    with replay.serve(network) as base:
        urls = list(_episodes(network, base))
        first = scan_all(urls)
        assert len(urls) == 20
        assert {result.outcome for result in first} == {"changed"}
        assert {result.state.feed_url: len(result.items) for result in first} == _episodes(network, base)
        before = _stats(base)
        second = scan_all(urls, remember(first), parse=_never)
        after = _stats(base)
    assert [result.outcome for result in second] == ["not_modified"] * 20
    assert {status: count - before.get(status, 0) for status, count in after.items()} == {
        "200": 1,  # the statistics themselves
        "304": 20,
        **{name: 20 if name == "GET feeds" else 0 for name in after if name.startswith("GET")},
    }


def test_a_network_full_of_faults_loses_no_feed(replay: ModuleType, network: object) -> None:
    with replay.serve(network, fault=0.3) as base:
        urls = list(_episodes(network, base))
        taken: dict[str, int] = {}
        states: dict[str, FeedState] = {}
        for day in range(3):
            results = scan_all(urls, states, now=NOW + timedelta(days=day), read_timeout_s=0.5, max_per_host=10)
            states = remember(results)
            taken |= {result.state.feed_url: len(result.items) for result in results if result.outcome == "changed"}
            for result in results:
                assert (
                    (result.outcome == "failed") == (result.error is not None) == (result.state.failures_in_a_row > 0)
                )
        stats = _stats(base)
    assert {kind for kind in stats if kind.startswith("fault")} == {f"fault {kind}" for kind in replay.FAULTS}
    assert taken == _episodes(network, base)
    assert all(state.failures_in_a_row <= 1 for state in states.values())
