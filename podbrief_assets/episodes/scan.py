"""Ask every feed whether it has something new.

Belongs here: which feeds are asked and how (conditionally, many at once), what an answer changes in the memory of its
feed, where a feed moved to, which identifier a show gets.
Doesn't: HTTP itself (net.py), reading XML (feed.py), storing anything (feed_state.py and the lake, by way of
assets.py). Nothing here writes; whoever iterates decides what is kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Literal, Protocol

from podbrief_assets import net
from podbrief_assets.episodes import identity
from podbrief_assets.episodes.feed import Feed, Item, Show, parse_feed
from podbrief_assets.episodes.feed_state import FeedState
from podbrief_assets.errors import PermanentFailure, PodbriefError

Outcome = Literal["not_modified", "unchanged", "changed", "failed", "blocked", "gone", "waiting"]

_ACCEPT: Final = "application/rss+xml, application/atom+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5"
_MAX_MOVES: Final = 10
# A thread fights with the loop for the interpreter: over real feeds it took 1.4 to 1.9 times as long as parsing in
# place. Up to here that holds up the loop for some 25 ms, which no time-out notices; a feed of 60 MB would for seconds.
_INLINE_BYTES: Final = 1024 * 1024
# What slips over one feed's odd data look like. Caught around the parser alone, so that no such feed ends the scan.
_SLIPS: Final = (ValueError, LookupError, ArithmeticError, TypeError, AttributeError, RecursionError)


class Subscribed(Protocol):
    """Whatever names a feed: a `shows.Subscription`, or anything else with its address."""

    @property
    def feed_url(self) -> str: ...


class UnreadableFeed(PermanentFailure):
    """The parser stumbled over this feed, which is a mistake of the parser."""


class UnaskedNotModified(PermanentFailure):
    """A server answered 304 to a question that named nothing to compare with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanResult:
    """What came of one feed.

    Attributes:
        state: The memory of the feed as it is now; to be saved once `items` are safe.
        outcome: `not_modified`: 304. `unchanged`: the same bytes again. `changed`: read. `failed`: asked in vain, or
            not readable. `blocked`: the show asks not to be processed. `gone`: retired, now or before. `waiting`: its
            next try is later; it was not asked.
        items: Every item of a changed feed, known versions among them.
        back_catalogue: Whether these items were there before podbrief was, and so are no news by being seen.
        error: Why it failed or is gone, and what to do.
        skipped: A line for each thing in the feed that could not be used.
    """

    state: FeedState
    outcome: Outcome
    items: list[Item] = field(default_factory=list)
    back_catalogue: bool = False
    error: str | None = None
    skipped: list[str] = field(default_factory=list)


async def scan(
    subscriptions: Iterable[Subscribed],
    states: Mapping[str, FeedState],
    client: net.Client,
    *,
    now: datetime,
    parse: Callable[[bytes, str], Feed] = parse_feed,
    concurrency: int = 64,
) -> AsyncIterator[ScanResult]:
    """Ask every feed once, and yield what came of each as it comes.

    One feed's failure is its own result. At most `concurrency` results are asked for or wait to be taken at any time,
    so memory does not grow with the number of feeds.

    Args:
        subscriptions: In any spelling; two of the same canonical address are one feed.
        states: By canonical address, as `feed_state.load` gives them; also of shows no longer subscribed to, since
            their identifiers are taken.
        now: The time of the scan.
        parse: Body and address to feed.
    """
    feeds = {identity.canonical_feed_address(each.feed_url): each.feed_url for each in subscriptions}
    work = _Scan(states, client, now, parse)
    room = asyncio.Semaphore(concurrency)
    results: asyncio.Queue[ScanResult | None] = asyncio.Queue()

    async def one(address: str) -> None:
        results.put_nowait(await work.feed(address, feeds[address]))

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as group:
            for address in _host_by_host(feeds):
                await room.acquire()
                group.create_task(one(address))

    asking = asyncio.create_task(all_of_them())
    asking.add_done_callback(lambda _: results.put_nowait(None))
    try:
        while (result := await results.get()) is not None:
            yield result
            room.release()
        await asking  # tells of a mistake in podbrief itself
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


def _host_by_host(addresses: Iterable[str]) -> Iterator[str]:
    """One feed of each host, then the next of each: a list sorted by host would wait for one host at a time."""
    hosts: dict[str, deque[str]] = {}
    for address in addresses:
        hosts.setdefault(address.partition("/")[0], deque()).append(address)
    waiting = deque(hosts.values())
    while waiting:
        host = waiting.popleft()
        yield host.popleft()
        if host:
            waiting.append(host)


class _Scan:
    """What all feeds of one scan share."""

    def __init__(
        self,
        states: Mapping[str, FeedState],
        client: net.Client,
        now: datetime,
        parse: Callable[[bytes, str], Feed],
    ) -> None:
        self._states = states
        self._client = client
        self._now = now
        self._parse = parse
        self._holders = {state.show_id: state.address for state in states.values() if state.show_id}

    async def feed(self, address: str, feed_url: str) -> ScanResult:
        state = self._states.get(address) or FeedState(address=address, feed_url=feed_url)
        state = replace(state, feed_url=feed_url)  # the subscription's spelling may have changed, http to https say
        if state.retired:
            return ScanResult(state=state, outcome="gone", error=state.last_error)
        if state.next_try_at is not None and state.next_try_at > self._now:
            return ScanResult(state=state, outcome="waiting", error=state.last_error)
        try:
            reply = await self._client.get(_current(state), headers=_question(state))
            return await self._answered(_moved(state, reply.moved_to), reply)
        except PodbriefError as failure:
            return self._failed(state, failure)

    async def _answered(self, state: FeedState, reply: net.Reply) -> ScanResult:
        if reply.status == 304:
            if state.etag is None and state.last_modified is None:
                raise UnaskedNotModified(
                    f"{net.displayed(reply.url)} answered 304 to a request without conditions",
                    "it is asked again at the next scan; tell the publisher",
                )
            return self._quiet(state, "not_modified")
        digest = hashlib.sha256(reply.content).hexdigest()
        if digest == state.body_digest:
            return self._quiet(_validated(state, reply), "unchanged")
        feed = await self._read(reply)
        told = []
        if target := _announced(state, reply, feed):
            try:
                # Believed only where it leads to a feed: stale and mistyped new-feed-urls stay in feeds for years.
                reply_there = await self._client.get(target, headers={"Accept": _ACCEPT})
                feed_there = await self._read(reply_there)
                if not feed_there.truncated:
                    state, reply, feed = _moved(state, target), reply_there, feed_there
                    digest = hashlib.sha256(reply.content).hexdigest()
            except PodbriefError as failure:
                told.append(f"its new-feed-url is not followed: {failure}")
        return self._changed(state, reply, feed, digest, told)

    async def _read(self, reply: net.Reply) -> Feed:
        try:
            if len(reply.content) <= _INLINE_BYTES:
                return self._parse(reply.content, reply.url)
            return await asyncio.to_thread(self._parse, reply.content, reply.url)
        except _SLIPS as slip:
            raise UnreadableFeed(
                f"{net.displayed(reply.url)} made the parser stumble ({type(slip).__name__}: {slip})",
                "report it to podbrief's developers together with the feed",
            ) from slip

    def _quiet(self, state: FeedState, outcome: Literal["not_modified", "unchanged"]) -> ScanResult:
        return ScanResult(state=self._succeeded(state), outcome="blocked" if state.blocked else outcome)

    def _changed(self, state: FeedState, reply: net.Reply, feed: Feed, digest: str, told: list[str]) -> ScanResult:
        blocked = feed.show.blocked or (feed.truncated and state.blocked)
        first = state.first_scanned_at is None
        if feed.truncated:
            told.append(
                f"{net.displayed(reply.url)} is cut short: its {len(feed.episodes)} whole episodes are taken, "
                "and it is asked for all of it at the next scan"
            )
        # A first scan that was cut short gets a second one, or the rest of the archive would pass for news.
        archive_taken = not blocked and not (feed.truncated and state.last_success_at is None)
        state = _described(self._named(state, feed.show), feed)
        if feed.truncated:
            state = replace(state, etag=None, last_modified=None, body_digest=None)
        else:
            state = replace(_validated(state, reply), body_digest=digest)
        state = replace(
            state,
            blocked=blocked,
            first_scanned_at=self._now if first and archive_taken else state.first_scanned_at,
        )
        return ScanResult(
            state=self._succeeded(state),
            outcome="blocked" if blocked else "changed",
            items=[] if blocked else feed.episodes,
            back_catalogue=first,
            skipped=told + feed.skipped,
        )

    def _succeeded(self, state: FeedState) -> FeedState:
        return replace(state, last_success_at=self._now, failures_in_a_row=0, last_error=None, next_try_at=None)

    def _failed(self, state: FeedState, failure: PodbriefError) -> ScanResult:
        gone = False
        if isinstance(failure, PermanentFailure):
            if state.fetched_url is not None:
                # The subscribed address has the last word: hosts close, and their addresses go to others.
                # Validators of the one must not be put to the other, which might say 304 by its own calendar.
                state = replace(
                    state,
                    fetched_url=None,
                    former_urls=(*state.former_urls, state.fetched_url)[-_MAX_MOVES:],
                    etag=None,
                    last_modified=None,
                )
            else:
                gone = isinstance(failure, net.NotFound) and failure.gone
        error = str(failure)
        state = replace(state, failures_in_a_row=state.failures_in_a_row + 1, last_error=error, retired=gone)
        return ScanResult(state=state, outcome="gone" if gone else "failed", error=error)

    def _named(self, state: FeedState, show: Show) -> FeedState:
        """Pin the show's identifier at its first success; a podcast:guid that another show holds is not given twice."""
        if state.show_id is not None:
            return state
        by_address = identity.show_id(None, state.feed_url)
        wanted = identity.show_id(show.podcast_guid, state.feed_url)
        # podcast:guid is by its own rule derived from a show's first address, so a mirror that came first may hold the
        # identifier of this very address too.
        for candidate in (wanted, by_address, identity.show_id(f"feed address {state.address}", state.feed_url)):
            holder = self._holders.setdefault(candidate, state.address)
            if holder == state.address:
                break
        note = None
        if candidate != wanted:
            note = (
                f"its podcast:guid is held by the show at {net.displayed(self._holders[wanted])}, so it goes by its "
                "address: if they are one show, remove one of them"
            )
        return replace(state, show_id=candidate, note=note)


def _current(state: FeedState) -> str:
    return state.fetched_url or state.feed_url


def _question(state: FeedState) -> dict[str, str]:
    headers = {"Accept": _ACCEPT}
    if state.etag is not None:
        headers["If-None-Match"] = state.etag
    if state.last_modified is not None:
        headers["If-Modified-Since"] = state.last_modified
    return headers


def _validated(state: FeedState, reply: net.Reply) -> FeedState:
    """`state` with the reply's ETag and Last-Modified, exactly as sent, where they can be sent back."""
    return replace(
        state,
        etag=_returnable(reply.headers.get("etag")),
        last_modified=_returnable(reply.headers.get("last-modified")),
    )


def _returnable(validator: str | None) -> str | None:
    return validator if validator and re.fullmatch(r"[\x20-\x7e]{1,512}", validator) else None


def _moved(state: FeedState, target: str | None) -> FeedState:
    """`state` with its feed moved to `target`, unless it was there before: that is how circles begin."""
    visited = {state.feed_url, _current(state), *state.former_urls}
    if target is None or target in visited or len(state.former_urls) >= _MAX_MOVES:
        return state
    return replace(state, fetched_url=target, former_urls=(*state.former_urls, _current(state)))


def _announced(state: FeedState, reply: net.Reply, feed: Feed) -> str | None:
    """The new-feed-url, where it says something: most name the address that they are read from."""
    target = feed.show.new_feed_url
    if target is None or feed.truncated or len(state.former_urls) >= _MAX_MOVES:
        return None
    known = {state.feed_url, _current(state), reply.url, *state.former_urls}
    known_forms = {identity.canonical_feed_address(url) for url in known}
    return None if identity.canonical_feed_address(target) in known_forms else target


def _described(state: FeedState, feed: Feed) -> FeedState:
    """`state` with what the feed says of its show; one that is cut short forgets nothing that it said before."""
    show = feed.show
    before = state if feed.truncated else FeedState(address=state.address, feed_url=state.feed_url)
    return replace(
        state,
        title=show.title or before.title,
        author=show.author or before.author,
        link=show.link or before.link,
        language=show.language or before.language,
        image_url=show.image_url or before.image_url,
        description=show.description or before.description,
        categories=show.categories or before.categories,
    )
