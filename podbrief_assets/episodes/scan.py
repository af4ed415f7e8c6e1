"""Ask every feed whether it has something new.

Belongs here: which feeds are asked and how (conditionally, many at once), what an answer changes in the memory of its
feed, the pages behind a feed's first one, where a feed moved to, which identifier a show gets.
Doesn't: HTTP itself (net.py), reading XML (feed.py), how long a feed that fails is left alone (feed_state.py), storing
anything (feed_state.py and the lake, by way of assets.py). Nothing here writes; whoever iterates decides what is kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
import traceback
import zlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol
from urllib.parse import urlsplit

from podbrief_assets import net
from podbrief_assets.episodes import feed_state, identity
from podbrief_assets.episodes.feed import MAX_ITEMS, Feed, Item, Show, parse_feed
from podbrief_assets.episodes.feed_state import FeedState
from podbrief_assets.errors import PermanentFailure, PodbriefError, TransientFailure

Outcome = Literal["not_modified", "unchanged", "changed", "failed", "blocked", "gone", "waiting"]

_ACCEPT: Final = "application/rss+xml, application/atom+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5"
_MAX_MOVES: Final = 10
# A thread fights with the loop for the interpreter: over real feeds it took 1.4 to 1.9 times as long as parsing in
# place. Up to here that holds up the loop for some 25 ms, which no time-out notices; a feed of 60 MB would for seconds.
_INLINE_BYTES: Final = 1024 * 1024
_MAX_PAGES: Final = 50
# A daily scan never leaves a gap like this. After it a paged feed's first page may not reach back to what is known.
_OUT_OF_TOUCH: Final = timedelta(days=3)
# How long the address that a feed moved to may have trouble that might be over tomorrow. A host that closed has a name
# that does not resolve, for ever, while the address that was subscribed to may long lead elsewhere.
_MOVED_IN_VAIN: Final = timedelta(days=3)
# Feeds that have answered and wait for their turn to be named, each held compressed: some 60 MB of a real feed's kind.
_MAX_PARKED: Final = 1_000
_PACKAGE: Final = Path(net.__file__).parent
# What slips over one feed's odd data look like. Caught around the parser alone, where a page or a new-feed-url that it
# stumbles over costs nothing else; any other slip is its feed's failure.
_SLIPS: Final = (ValueError, LookupError, ArithmeticError, TypeError, AttributeError, RecursionError)


class Subscribed(Protocol):
    """Whatever names a feed: a `shows.Subscription`, or anything else with its address."""

    @property
    def feed_url(self) -> str: ...


class UnreadableFeed(PermanentFailure):
    """The parser stumbled over this feed, which is a mistake of the parser."""


class UnaskedNotModified(PermanentFailure):
    """A server answered 304 to a question that named nothing to compare with."""


class Stumbled(TransientFailure):
    """podbrief itself made a mistake over this feed, or over what its server answered."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanResult:
    """What came of one feed.

    Attributes:
        state: The memory of the feed as it is now; to be saved once `items` are safe.
        outcome: `not_modified`: 304. `unchanged`: the same bytes again. `changed`: read. `failed`: asked in vain, or
            not readable. `blocked`: the show asks not to be processed. `gone`: retired, now or before. `waiting`: its
            next try is later, or its host wants to be left alone; it was not asked.
        items: Every item of a changed feed, known versions among them.
        back_catalogue: Whether these items were there before podbrief was, and so are no news by being seen.
        error: Why it failed, is gone or waits, and what to do.
        skipped: A line for each thing in the feed that could not be used.
        save: Whether `state` is to be saved. That of a feed which is left alone as before is not: it is what the scan
            began with, and a scan takes so long that somebody may have revived the feed since (`podbrief shows add`)
            or want it asked at once (`podbrief shows retry`).
    """

    state: FeedState
    outcome: Outcome
    items: list[Item] = field(default_factory=list)
    back_catalogue: bool = False
    error: str | None = None
    skipped: list[str] = field(default_factory=list)
    save: bool = True


def states_to_save(results: Iterable[ScanResult]) -> list[FeedState]:
    """What `feed_state.save` is to have, once the items of `results` are safe."""
    return [result.state for result in results if result.save]


async def scan(
    subscriptions: Iterable[Subscribed],
    states: Mapping[str, FeedState],
    client: net.Client,
    *,
    now: datetime,
    parse: Callable[[bytes, str], Feed] = parse_feed,
    concurrency: int = 64,
    feed_timeout_s: float = 300.0,
) -> AsyncIterator[ScanResult]:
    """Ask every feed once, and yield what came of each as it comes.

    One feed's failure is its own result. At most `concurrency` results are asked for or wait to be taken at any time,
    and at most a thousand new feeds wait, compressed, to be named: memory does not grow with the number of feeds.

    New feeds are asked first, in an order that only the subscription list decides, and where two of them state the same
    podcast:guid, the one that is asked first has it, whichever answers first: the same list gives the same identifiers
    on every machine, and after a scan that was killed. Then come the others, whoever was read longest ago first.

    A host that answers 429 and says when to come again is left alone: its other feeds wait for the first scan after
    that. They have not failed, and since they come first then, a host that bears only so many requests a scan has all
    of its feeds read in turn.

    Of a paged feed (RFC 5005) all pages are read at the first scan, and again when more than three days have passed
    since the feed was last read. The other scans read the first page: which items are known is not known here.

    Args:
        subscriptions: In any spelling; two of the same canonical address are one feed.
        states: By canonical address, as `feed_state.load` gives them; also of shows no longer subscribed to, since
            their identifiers are taken.
        now: The time of the scan.
        parse: Body and address to feed.
        feed_timeout_s: What one feed may take of the scan, in seconds, with all its redirects, retries and pages; not
            counted is waiting for a free slot. Of an archive that takes longer, what was read by then is taken.
    """
    feeds = {identity.canonical_feed_address(each.feed_url): each.feed_url for each in subscriptions}
    feeds = {address: feeds[address] for address in _in_order(feeds, states)}
    room = asyncio.Semaphore(concurrency)
    work = _Scan(feeds, states, client, now, parse, room, feed_timeout_s)
    results: asyncio.Queue[ScanResult | None] = asyncio.Queue()

    async def one(address: str) -> None:
        results.put_nowait(await work.feed(address))

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as group:
            for address in feeds:
                await room.acquire()
                group.create_task(one(address))

    asking = asyncio.create_task(all_of_them())
    asking.add_done_callback(lambda _: results.put_nowait(None))
    try:
        while (result := await results.get()) is not None:
            yield result
            room.release()
        await asking  # tells of a mistake that is no feed's
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


def _in_order(addresses: Collection[str], states: Mapping[str, FeedState]) -> list[str]:
    """New feeds in the order that they would have if all were new, then the others, whoever was read longest ago first.

    Always in the order of the list, the same feeds would be read each day of a host that bears a hundred requests and
    answers 429 to the rest, and the others never.
    """
    new = [address for address in _host_by_host(addresses) if _is_new(states.get(address))]
    never = datetime.min.replace(tzinfo=UTC)
    known = [address for address in addresses if not _is_new(states.get(address))]
    return [*new, *_host_by_host(sorted(known, key=lambda address: states[address].last_success_at or never))]


def _is_new(state: FeedState | None) -> bool:
    return state is None or state.show_id is None


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


class _Turns:
    """Lets new feeds be named in the order in which they are asked, in whatever order they answer."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._settled = dict.fromkeys(addresses, False)
        self._left = deque(self._settled)
        self._awaited: dict[str, asyncio.Event] = {}

    def has_come(self, address: str) -> bool:
        return not self._left or self._left[0] == address

    async def come(self, address: str) -> None:
        if not self.has_come(address):
            self._awaited[address] = asyncio.Event()
            await self._awaited[address].wait()

    def settle(self, address: str) -> None:
        """`address` has its identifier, or gets none in this scan."""
        if address in self._settled:
            self._settled[address] = True
            while self._left and self._settled[self._left[0]]:
                self._left.popleft()
            if self._left and (awaited := self._awaited.pop(self._left[0], None)):
                awaited.set()


class _Read(NamedTuple):
    """A feed that was fetched and read.

    Attributes:
        state: Its memory, with every move that led here.
        digest: SHA-256 of the reply's content.
        told: What an operator should know of the way here.
        allowance: The time that is left for its pages.
    """

    state: FeedState
    reply: net.Reply
    digest: str
    feed: Feed
    told: list[str]
    allowance: net.Allowance


class _Packed(NamedTuple):
    """A feed that waits for its turn: its content compressed, since a thousand may wait, to be read again then."""

    state: FeedState
    reply: net.Reply
    digest: str
    told: list[str]
    allowance: net.Allowance


def _packed(read: _Read) -> _Packed:
    reply = replace(read.reply, content=zlib.compress(read.reply.content, 1))
    return _Packed(read.state, reply, read.digest, read.told, read.allowance)


class _Scan:
    """What all feeds of one scan share."""

    def __init__(
        self,
        feeds: Mapping[str, str],
        states: Mapping[str, FeedState],
        client: net.Client,
        now: datetime,
        parse: Callable[[bytes, str], Feed],
        room: asyncio.Semaphore,
        feed_timeout_s: float,
    ) -> None:
        self._feeds = feeds
        self._states = states
        self._client = client
        self._now = now
        self._began = time.monotonic()
        self._parse = parse
        self._room = room
        self._feed_timeout_s = feed_timeout_s
        self._parked = 0
        self._holders = {state.show_id: state.address for state in states.values() if state.show_id}
        self._titles = {state.address: state.title for state in states.values()}
        self._new = [address for address in feeds if _is_new(states.get(address))]
        self._turns = _Turns(self._new)

    async def feed(self, address: str) -> ScanResult:
        feed_url = self._feeds[address]
        state = self._states.get(address) or FeedState(address=address, feed_url=feed_url)
        if state.feed_url != feed_url:  # the subscription's spelling may have changed, http to https say
            state = replace(state, feed_url=feed_url)
        try:
            if state.retired:
                return ScanResult(state=state, outcome="gone", error=state.last_error, save=False)
            if state.next_try_at is not None and state.next_try_at > self._now:
                return ScanResult(state=state, outcome="waiting", error=state.last_error, save=False)
            allowance = net.Allowance(self._feed_timeout_s)
            reply = await self._client.get(_current(state), headers=question(state), allowance=allowance)
            return await self._answered(state, reply, allowance)
        except net.LeftAlone as rest:
            return self._put_off(state, rest)
        except PodbriefError as failure:
            return self._failed(state, failure)
        except Exception as slip:  # noqa: BLE001
            # Ten thousand strangers write what is read here, and each surprise used to end the scan of all of them, at
            # the same feed again at every scan: a link to `https://evil℀.example/`, at which urllib raises ValueError.
            # It hides nothing: the feed has failed, says so in its health, and names the place.
            return self._failed(state, _stumbled(state, slip))
        finally:
            self._turns.settle(address)

    async def _answered(self, state: FeedState, reply: net.Reply, allowance: net.Allowance) -> ScanResult:
        if reply.status == 304:
            if state.etag is None and state.last_modified is None:
                raise UnaskedNotModified(
                    f"{net.displayed(reply.url)} answered 304 to a request without conditions",
                    "it is asked again at the next scan; tell the publisher",
                )
            return self._quiet(_moved(state, reply.moved_to), "not_modified")
        state = _moved(state, reply.moved_to)
        digest = hashlib.sha256(reply.content).hexdigest()
        if digest == state.body_digest:
            return self._quiet(_validated(state, reply), "unchanged")
        read = await self._followed(_Read(state, reply, digest, await self._parsed(reply), [], allowance))
        if self._must_wait(read):
            packed = _packed(read)
            del read, reply
            await self._turn(state.address)
            read = await self._unpacked(packed)
        read = read._replace(state=self._named(read.state, read.feed.show))
        self._turns.settle(state.address)
        return await self._changed(read)

    async def _followed(self, read: _Read) -> _Read:
        """The feed at its new-feed-url, where it states one that leads to a feed; else `read`."""
        target = _announced(read.state, read.reply, read.feed)
        if target is None:
            return read
        try:
            # Believed only where it leads to a feed: stale and mistyped new-feed-urls stay in feeds for years.
            reply = await self._client.get(target, headers={"Accept": _ACCEPT}, allowance=read.allowance)
            feed = await self._parsed(reply)
        except PodbriefError as failure:
            return read._replace(told=[*read.told, f"its new-feed-url is not followed: {failure}"])
        if feed.truncated:
            return read
        digest = hashlib.sha256(reply.content).hexdigest()
        return read._replace(state=_moved(read.state, target), reply=reply, digest=digest, feed=feed)

    async def _parsed(self, reply: net.Reply) -> Feed:
        try:
            if len(reply.content) <= _INLINE_BYTES:
                return self._parse(reply.content, reply.url)
            return await asyncio.to_thread(self._parse, reply.content, reply.url)
        except _SLIPS as slip:
            raise UnreadableFeed(
                f"{net.displayed(reply.url)} made the parser stumble ({type(slip).__name__}: {slip})",
                "report it to podbrief's developers together with the feed",
            ) from slip

    async def _unpacked(self, packed: _Packed) -> _Read:
        reply = replace(packed.reply, content=zlib.decompress(packed.reply.content))
        return _Read(packed.state, reply, packed.digest, await self._parsed(reply), packed.told, packed.allowance)

    def _quiet(self, state: FeedState, outcome: Literal["not_modified", "unchanged"]) -> ScanResult:
        return ScanResult(state=self._succeeded(state), outcome="blocked" if state.blocked else outcome)

    async def _changed(self, read: _Read) -> ScanResult:
        state, reply, digest, feed, told, _ = read
        blocked = feed.show.blocked or (feed.truncated and state.blocked)
        first = state.first_scanned_at is None
        items, whole = feed.episodes, not feed.truncated
        if feed.truncated:
            told.append(
                f"{net.displayed(reply.url)} is cut short: its {len(feed.episodes)} whole episodes are taken, "
                "and it is asked for all of it at the next scan"
            )
        elif not blocked and (first or self._out_of_touch(state)):
            items, whole, told_of_pages = await self._all_pages(read)
            told += told_of_pages
        # A first scan that misses a part gets a second one, or the rest of the archive would pass for news.
        archive_taken = not blocked and (whole or state.last_success_at is not None)
        state = _described(state, feed)
        if feed.truncated or not (whole or archive_taken):
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
            items=[] if blocked else items,
            back_catalogue=first,
            skipped=told + feed.skipped,
        )

    def _out_of_touch(self, state: FeedState) -> bool:
        return state.last_success_at is not None and self._now - state.last_success_at > _OUT_OF_TOUCH

    async def _all_pages(self, first: _Read) -> tuple[list[Item], bool, list[str]]:
        """The items of a feed and of the pages behind it (RFC 5005), each guid once, as its newest page has it.

        Only pages of the feed's own host are read, at most `_MAX_PAGES` and `MAX_ITEMS`, in what is left of the feed's
        time, none twice, and none behind one that brings nothing new: there are servers that answer every page number
        with the first page. All pages together may be as large as one body may: fifty of 64 MiB each are a few
        kilobytes on the wire, and were gigabytes here.

        Returns:
            The items; whether a second scan would not find more; a line for what was left out.
        """
        items = {item.guid: item for item in first.feed.episodes}
        url, page = first.reply.url, first.feed
        here, bytes_left = url, self._client.settings.max_bytes - len(first.reply.content)
        told: list[str] = []
        seen = {identity.canonical_feed_address(url)}
        for _ in range(_MAX_PAGES):
            target = page.show.next_page_url or page.show.prev_archive_url
            if target is None or page.show.complete or identity.canonical_feed_address(target) in seen:
                return list(items.values()), True, told
            if _host(target) != _host(url) or len(items) >= MAX_ITEMS or bytes_left <= 0:
                break
            seen.add(identity.canonical_feed_address(target))
            try:
                reply = await self._client.get(
                    target, headers={"Accept": _ACCEPT}, max_bytes=bytes_left, allowance=first.allowance
                )
                here, page, bytes_left = reply.url, await self._parsed(reply), bytes_left - len(reply.content)
            except net.TooLarge:
                break
            except PodbriefError as failure:
                told.append(f"its older pages are not read further than {net.displayed(here)}: {failure}")
                return list(items.values()), isinstance(failure, PermanentFailure), told
            known = len(items)
            items |= {item.guid: item for item in page.episodes if item.guid not in items}
            told += page.skipped
            if page.truncated:
                told.append(f"its older page {net.displayed(here)} is cut short: what is behind it is not read")
                return list(items.values()), False, told
            if len(items) == known:
                return list(items.values()), True, told
        told.append(
            f"its older pages are not read further than {net.displayed(here)}: they are too many, too large together, "
            "or another host's"
        )
        return list(items.values())[:MAX_ITEMS], True, told

    def _succeeded(self, state: FeedState) -> FeedState:
        return replace(
            state, last_success_at=self._now, failures_in_a_row=0, last_error=None, next_try_at=None, failing_since=None
        )

    def _failed(self, state: FeedState, failure: PodbriefError) -> ScanResult:
        error = str(failure)
        since = state.failing_since or self._now
        state = replace(
            state,
            failures_in_a_row=state.failures_in_a_row + 1,
            last_error=error,
            failing_since=since,
            next_try_at=None,
        )
        given_up = isinstance(failure, PermanentFailure) or self._now - since >= _MOVED_IN_VAIN
        if given_up and state.fetched_url is not None:
            # The subscribed address has the last word, and is asked at the next scan: hosts close, and their addresses
            # go to others. Validators of the one must not be put to the other, which might say 304 by its own calendar.
            moved = (*state.former_urls, state.fetched_url)[-_MAX_MOVES:]
            state = replace(state, fetched_url=None, former_urls=moved, etag=None, last_modified=None)
        elif isinstance(failure, net.NotFound) and failure.gone:
            error = f"{failure.what}: not asked any more; `podbrief shows add` takes its new address, or this one again"
            return ScanResult(state=replace(state, last_error=error, retired=True), outcome="gone", error=error)
        else:
            wait = feed_state.next_try(state.address, since, self._now, self._asked_for(failure))
            state = replace(state, next_try_at=wait)
        return ScanResult(state=state, outcome="failed", error=error)

    def _put_off(self, state: FeedState, rest: net.LeftAlone) -> ScanResult:
        """A feed that was not asked, since its host wants to be left alone: no failure of its own, nor forgotten."""
        error = str(rest)
        asked_for = self._asked_for(rest) or self._now
        state = replace(
            state,
            next_try_at=min(asked_for, self._now + feed_state.LONGEST_WAIT),
            last_error=state.last_error if state.failures_in_a_row else error,
        )
        return ScanResult(state=state, outcome="waiting", error=error)

    def _asked_for(self, failure: PodbriefError) -> datetime | None:
        """The end of the Retry-After that a server answered with, counted from when it did."""
        if not isinstance(failure, net.PassingFault) or not failure.retry_after_s:
            return None
        asked = timedelta(seconds=min(failure.retry_after_s, feed_state.LONGEST_WAIT.total_seconds()))
        return self._now + timedelta(seconds=time.monotonic() - self._began) + asked

    # ── identifiers ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _must_wait(self, read: _Read) -> bool:
        """Whether an earlier feed that has not answered yet might state the same identifier."""
        if read.state.show_id is not None or self._turns.has_come(read.state.address):
            return False
        stated = identity.show_id(read.feed.show.podcast_guid, read.state.feed_url)
        return stated != identity.show_id(None, read.state.feed_url)

    async def _turn(self, address: str) -> None:
        """Wait for the turn of `address`, without the place in which another feed can be asked meanwhile."""
        if self._parked >= _MAX_PARKED:
            await self._turns.come(address)
            return
        self._parked += 1
        self._room.release()
        try:
            await self._turns.come(address)
        finally:
            self._parked -= 1
        await self._room.acquire()

    @cached_property
    def _own(self) -> dict[str, str]:
        """The identifiers that new feeds get from their addresses, so that nobody else takes them first."""
        return {identity.show_id(None, self._feeds[address]): address for address in self._new}

    def _named(self, state: FeedState, show: Show) -> FeedState:
        """Pin the show's identifier at its first success; a podcast:guid that another show holds is not given twice."""
        if state.show_id is not None:
            return state
        by_address = identity.show_id(None, state.feed_url)
        wanted = identity.show_id(show.podcast_guid, state.feed_url)
        # podcast:guid is by its own rule derived from a show's first address, so a mirror that came in an earlier scan
        # may hold the identifier of this very address too.
        for candidate in (wanted, by_address, identity.show_id(f"feed address {state.address}", state.feed_url)):
            if self._holder(candidate, state.address) == state.address:
                break
        self._holders[candidate] = state.address
        self._titles[state.address] = show.title
        note = None
        if candidate != wanted:
            note = (
                f"its podcast:guid is held by {self._called(self._holder(wanted, state.address))}, show {wanted}, so "
                "it goes by its address: if they are one show, remove one of them"
            )
        return replace(state, show_id=candidate, note=note)

    def _called(self, address: str) -> str:
        """How a show is named in what is told of another one: never by its address, which may hold a paid token."""
        title, host = self._titles.get(address), _host(f"//{address}") or "a host without a name"
        return f"“{title}” ({host})" if title else f"a show of {host}"

    def _holder(self, show_id: str, asking: str) -> str:
        """Whose identifier it is; `asking`, where it is nobody's yet."""
        holder = self._holders.get(show_id)
        if holder is None and show_id != identity.show_id(None, self._feeds[asking]):
            holder = self._own.get(show_id)
        return holder or asking


def _current(state: FeedState) -> str:
    return state.fetched_url or state.feed_url


def question(state: FeedState) -> dict[str, str]:
    """The headers with which a feed is asked whether it has something new."""
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


def _host(url: str) -> str | None:
    """The host in any text; None where there is none, or none that can be: urllib raises at `https://evil℀.example/`."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _stumbled(state: FeedState, slip: Exception) -> Stumbled:
    """What an exception says may be anything, an address with its password among them: only its type and place tell."""
    places = traceback.extract_tb(slip.__traceback__)
    ours = [place for place in places if Path(place.filename).is_relative_to(_PACKAGE)]
    place = ours[-1] if ours else places[-1]
    where = f"{type(slip).__name__} in {Path(place.filename).name}, line {place.lineno}"
    return Stumbled(
        f"{net.displayed(_current(state))} made podbrief stumble ({where})",
        "report it to podbrief's developers together with the feed; it is asked again as any feed that fails",
    )


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
        podcast_guid=show.podcast_guid or before.podcast_guid,
        license=show.license or before.license,
        locked=show.locked,
    )
