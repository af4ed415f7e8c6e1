"""The one way out: every fault and every trick of a stranger's server, over real HTTP on loopback."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import ipaddress
import pickle
import random
import resource
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets import net
from podbrief_assets.errors import PermanentFailure, PodbriefError, TransientFailure

FEED = b"<rss>" + b"<item>an episode</item>" * 2000 + b"</rss>"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        with suppress(ConnectionError):
            self.server.routes[self.path.partition("?")[0]](self)

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if "Content-Length" not in (headers or {}):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.connection.close()


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.routes: dict[str, Callable[[Handler], None]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []

    def handle_error(self, *_: object) -> None:
        """A client that breaks off is what half of these tests are about."""

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]


@pytest.fixture
def server() -> Iterator[Server]:
    yield from _serving()


@pytest.fixture
def other_server() -> Iterator[Server]:
    yield from _serving()


def _serving() -> Iterator[Server]:
    with Server() as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield running
        running.shutdown()


LOOPBACK = net.parse_allowed_hosts("127.0.0.1")


async def _nowhere(host: str, port: int) -> Sequence[str]:
    raise socket.gaierror(socket.EAI_NONAME, "no such name")


def fetch(
    url: str,
    *,
    headers: dict[str, str] | None = None,
    max_bytes: int | None = None,
    total_timeout_s: float | None = None,
    slept: list[float] | None = None,
    resolve: net.Resolver = _nowhere,
    **changes: object,
) -> net.Reply:
    """One fetch by a fresh client that may ask loopback and does not really wait between retries."""

    async def sleep(seconds: float) -> None:
        (slept if slept is not None else []).append(seconds)

    async def run() -> net.Reply:
        configured = net.Settings(**{"allowed_private": LOOPBACK, **changes})  # type: ignore[arg-type]
        async with net.Client(configured, sleep=sleep, jitter=lambda: 0.5, resolve=resolve) as client:
            return await client.get(url, headers=headers, max_bytes=max_bytes, total_timeout_s=total_timeout_s)

    return asyncio.run(run())


def _turns(*steps: Callable[[Handler], None]) -> Callable[[Handler], None]:
    """A route that does each step once, and the last one for ever."""
    waiting = list(steps)

    def route(handler: Handler) -> None:
        (waiting.pop(0) if len(waiting) > 1 else waiting[0])(handler)

    return route


def _ok(handler: Handler) -> None:
    handler.answer(200, FEED)


# ── what is asked, and what comes back ───────────────────────────────────────────────────────────────────────────────


def test_a_reply_has_the_body_its_headers_and_the_address_that_answered(server: Server) -> None:
    server.routes["/feed"] = lambda handler: handler.answer(200, FEED, {"ETag": '"1"'})
    reply = fetch(f"{server.base}/feed?page=1#top")
    assert (reply.status, reply.content, reply.headers["etag"]) == (200, FEED, '"1"')
    assert (reply.url, reply.redirects, reply.moved_to) == (f"{server.base}/feed?page=1", (), None)
    assert server.paths() == ["/feed?page=1"]


def test_the_publisher_is_told_who_asks_and_how_to_write(server: Server) -> None:
    server.routes["/feed"] = _ok
    told = net.Settings.from_environment({net.CONTACT: "feeds@example.org", net.ALLOW_PRIVATE_HOSTS: "127.0.0.1"})
    fetch(f"{server.base}/feed", user_agent=told.user_agent)
    assert server.requests[0][1]["user-agent"].startswith("podbrief/")
    assert "feeds@example.org" in server.requests[0][1]["user-agent"]


def test_nothing_new_is_told_by_304_without_a_body(server: Server) -> None:
    server.routes["/feed"] = lambda handler: (
        handler.answer(304, headers={"ETag": '"1"'}) if handler.headers["If-None-Match"] == '"1"' else _ok(handler)
    )
    reply = fetch(f"{server.base}/feed", headers={"If-None-Match": '"1"'})
    assert (reply.status, reply.content) == (304, b"")


def test_no_cookie_is_kept_and_one_connection_serves_many_requests(server: Server) -> None:
    connections = set()

    def route(handler: Handler) -> None:
        connections.add(handler.client_address)
        handler.answer(304 if len(server.requests) == 2 else 200, b"", {"Set-Cookie": "who=you"})

    server.routes["/feed"] = route

    async def run() -> None:
        async with net.Client(net.Settings(allowed_private=LOOPBACK)) as client:
            for _ in range(4):
                await client.get(f"{server.base}/feed")

    asyncio.run(run())
    assert all("cookie" not in headers for _, headers in server.requests)
    assert len(connections) == 1


def test_one_host_is_never_asked_for_more_at_once_than_the_limit(server: Server) -> None:
    lock, now, most = threading.Lock(), [0], [0]

    def route(handler: Handler) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.01)
        with lock:
            now[0] -= 1
        handler.answer(200)

    server.routes["/feed"] = route

    async def run() -> None:
        configured = net.Settings(allowed_private=LOOPBACK, max_per_host=3)
        async with net.Client(configured) as client, asyncio.TaskGroup() as group:
            for _ in range(15):
                group.create_task(client.get(f"{server.base}/feed"))

    asyncio.run(run())
    assert (len(server.requests), most[0]) == (15, 3)


# ── encodings and limits ─────────────────────────────────────────────────────────────────────────────────────────────


def _raw_deflate(data: bytes) -> bytes:
    squeeze = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return squeeze.compress(data) + squeeze.flush()


ENCODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip", gzip.compress),
    "gzip in two members": ("gzip", lambda data: gzip.compress(data[:70]) + gzip.compress(data[70:])),
    "gzip with padding": ("gzip", lambda data: gzip.compress(data) + b"\0" * 300),
    "gzip in name only": ("gzip", lambda data: data),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", _raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstandard.compress),
    "zstd in two frames": ("zstd", lambda data: zstandard.compress(data[:70]) + zstandard.compress(data[70:])),
    "no encoding at all": ("utf-8", lambda data: data),
    "identity": ("identity", lambda data: data),
}


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("piece", [1, 100_000])
def test_every_encoding_gives_the_same_bytes_however_they_arrive(server: Server, name: str, piece: int) -> None:
    coding, encode = ENCODERS[name]
    plain = FEED[:2000]
    encoded = encode(plain)

    server.routes["/feed"] = lambda handler: _in_pieces(handler, coding, encoded, piece)
    assert fetch(f"{server.base}/feed").content == plain


def _daily_show() -> bytes:
    """A feed as daily shows have it: under each of 300 items the same 6 kB of sponsors and links, so 300 to 1."""
    chance = random.Random(4)
    words = ["".join(chance.choices("abcdefghijklmnop", k=chance.randint(2, 9))) for _ in range(2000)]
    sponsors = " ".join(chance.choices(words, k=900))
    item = "<item><title>Episode {0}</title><description>{1}</description><guid>{2}</guid></item>"
    items = (item.format(number, sponsors, number * 7919) for number in range(300))
    return f"<rss><channel>{''.join(items)}</channel></rss>".encode()


def _in_pieces(handler: Handler, coding: str, encoded: bytes, piece: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Encoding", coding)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for start in range(0, len(encoded), piece):
        part = encoded[start : start + piece]
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
    handler.wfile.write(b"0\r\n\r\n")


SQUEEZED = {"gzip": gzip.compress, "br": lambda data: brotli.compress(data, quality=5), "zstd": zstandard.compress}


@pytest.mark.parametrize("coding", SQUEEZED)
@pytest.mark.parametrize("piece", [700, 1400, 4096, 65536])
def test_a_few_kilobytes_that_unpack_to_megabytes_are_read_to_their_end(
    server: Server, coding: str, piece: int
) -> None:
    plain = _daily_show()
    encoded = SQUEEZED[coding](plain)
    server.routes["/feed"] = lambda handler: _in_pieces(handler, coding, encoded, piece)
    assert fetch(f"{server.base}/feed").content == plain
    assert len(server.requests) == 1


@pytest.mark.parametrize("coding", SQUEEZED)
@pytest.mark.parametrize("cut", [1, 100, 2000])
@pytest.mark.parametrize("piece", [1400, 65536])
def test_what_is_cut_inside_its_encoding_is_never_taken_for_whole(
    server: Server, coding: str, cut: int, piece: int
) -> None:
    encoded = SQUEEZED[coding](_daily_show())[:-cut]
    server.routes["/feed"] = lambda handler: _in_pieces(handler, coding, encoded, piece)
    with pytest.raises(net.CutShort, match=f"inside its {coding}"):
        fetch(f"{server.base}/feed", retries=0)


@pytest.mark.parametrize("size", [0, 1, 262_143, 262_144, 262_145, 524_288, 3_000_000])
@pytest.mark.parametrize("random_bytes", [False, True])
def test_brotli_is_unpacked_in_bounded_pieces_whatever_its_size(size: int, random_bytes: bool) -> None:
    plain = random.Random(size).randbytes(size) if random_bytes else b"a" * size
    encoded = brotli.compress(plain, quality=4)
    for step in (1400, 65_536):
        decoder = net._Brotli()
        pieces = [
            piece for start in range(0, len(encoded), step) for piece in decoder.decode(encoded[start : start + step])
        ]
        assert b"".join(pieces) == plain
        assert decoder.finished
        assert max(map(len, pieces)) < net.MEBIBYTE


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_is_given_up_at_the_limit(server: Server, coding: str) -> None:
    bomb = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstandard.compress}[coding](
        bytes(30 * net.MEBIBYTE)
    )
    server.routes["/bomb"] = lambda handler: handler.answer(200, bomb, {"Content-Encoding": coding})
    with pytest.raises(net.TooLarge, match="unpacks to more than 1 MiB"):
        fetch(f"{server.base}/bomb", max_bytes=net.MEBIBYTE)
    assert len(server.requests) == 1


def test_a_flood_of_empty_members_is_given_up(server: Server) -> None:
    flood = gzip.compress(b"") * 50_000
    server.routes["/flood"] = lambda handler: handler.answer(200, flood, {"Content-Encoding": "gzip"})
    started = time.monotonic()
    with pytest.raises(net.WrongContent, match="members"):
        fetch(f"{server.base}/flood")
    assert time.monotonic() - started < 3


def test_a_body_that_announces_too_much_is_not_read(server: Server) -> None:
    server.routes["/big"] = lambda handler: handler.answer(200, headers={"Content-Length": str(10**12)})
    with pytest.raises(net.TooLarge, match="announces"):
        fetch(f"{server.base}/big")


def test_a_body_without_end_is_given_up_at_the_limit(server: Server) -> None:
    def route(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        while True:
            handler.wfile.write(bytes(100_000))

    server.routes["/endless"] = route
    with pytest.raises(net.TooLarge, match=r"sends more than 0\.5 MiB"):
        fetch(f"{server.base}/endless", max_bytes=net.MEBIBYTE // 2)


def test_a_damaged_encoding_is_told_as_such(server: Server) -> None:
    damaged = bytearray(gzip.compress(FEED))
    damaged[20:30] = b"0123456789"
    server.routes["/feed"] = lambda handler: handler.answer(200, bytes(damaged), {"Content-Encoding": "gzip"})
    with pytest.raises(net.WrongContent, match="gzip"):
        fetch(f"{server.base}/feed")


def test_a_body_compressed_many_times_over_is_refused(server: Server) -> None:
    server.routes["/feed"] = lambda handler: handler.answer(200, FEED, {"Content-Encoding": "gzip, br"})
    with pytest.raises(net.WrongContent, match="2 times"):
        fetch(f"{server.base}/feed")


# ── passing faults ───────────────────────────────────────────────────────────────────────────────────────────────────


def _cut(handler: Handler) -> None:
    handler.close_connection = True
    handler.answer(200, FEED[:1000], {"Content-Length": str(len(FEED))})


def _cut_gzip(handler: Handler) -> None:
    handler.close_connection = True
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(gzip.compress(FEED)[:100])


def _silent(handler: Handler) -> None:
    time.sleep(0.4)
    handler.close_connection = True


FAULTS: dict[str, tuple[Callable[[Handler], None], type[TransientFailure]]] = {
    "500": (lambda handler: handler.answer(500, b"sorry"), net.ServerFault),
    "502": (lambda handler: handler.answer(502, bytes(100_000)), net.ServerFault),
    "429": (lambda handler: handler.answer(429), net.ServerFault),
    "cut": (_cut, net.CutShort),
    "cut without a length": (_cut_gzip, net.CutShort),
    "reset": (Handler.reset, net.Unreachable),
    "silent": (_silent, net.Timeout),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_passing_fault_is_tried_again_twice(server: Server, name: str) -> None:
    fault, kind = FAULTS[name]
    server.routes["/feed"] = _turns(fault, fault, _ok)
    slept: list[float] = []
    assert fetch(f"{server.base}/feed", slept=slept, read_timeout_s=0.15).content == FEED
    assert slept == [0.5, 1.0]

    server.routes["/feed"] = fault
    server.requests.clear()
    with pytest.raises(kind) as failure:
        fetch(f"{server.base}/feed?token=hush", read_timeout_s=0.15)
    assert len(server.requests) == 3
    assert f"{server.base}/feed?…" in failure.value.what
    assert "hush" not in str(failure.value)


def test_a_short_retry_after_is_waited_for(server: Server) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=8), usegmt=True)
    server.routes["/feed"] = _turns(
        lambda handler: handler.answer(503, headers={"Retry-After": "3"}),
        lambda handler: handler.answer(429, headers={"Retry-After": soon}),
        _ok,
    )
    slept: list[float] = []
    fetch(f"{server.base}/feed", slept=slept)
    assert slept[0] == 3.5
    assert 5 < slept[1] <= 9


@pytest.mark.parametrize("value", ["3600", "Fri, 01 Jan 2100 00:00:00 GMT"])
def test_a_long_retry_after_ends_the_call_and_is_told(server: Server, value: str) -> None:
    server.routes["/feed"] = lambda handler: handler.answer(503, headers={"Retry-After": value})
    with pytest.raises(net.ServerFault) as failure:
        fetch(f"{server.base}/feed")
    assert len(server.requests) == 1
    assert failure.value.status == 503
    assert (failure.value.retry_after_s or 0) >= 3600


@pytest.mark.parametrize(
    "value",
    [
        *("", "soon", "-1", "Fri, 99 Foo"),
        "Wed, 21 Oct 99999999999999999999 07:28:00 GMT",
        "Wed, 21 Oct 2015 07:28:00 +99999999999999999999999",
    ],
)
def test_an_unreadable_retry_after_is_as_none(server: Server, value: str) -> None:
    server.routes["/feed"] = _turns(lambda handler: handler.answer(503, headers={"Retry-After": value}), _ok)
    slept: list[float] = []
    fetch(f"{server.base}/feed", slept=slept)
    assert slept == [0.5]


def test_a_body_that_trickles_is_given_up_after_the_total_time_and_not_tried_again(server: Server) -> None:
    def route(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(50):
            handler.wfile.write(b"x")
            time.sleep(0.02)

    server.routes["/slow"] = route
    started = time.monotonic()
    with pytest.raises(net.Timeout, match=r"longer than 0\.2 s"):
        fetch(f"{server.base}/slow", total_timeout_s=0.2)
    assert time.monotonic() - started < 0.9
    assert len(server.requests) == 1


def test_nobody_listening_and_no_such_name_are_unreachable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(net.Unreachable, match=f"127.0.0.1:{port}"):
        fetch(f"http://127.0.0.1:{port}/")
    with pytest.raises(net.Unreachable, match="does not resolve"):
        fetch("http://no-such-host.example/")


def _shoutcast(handler: Handler) -> None:
    handler.wfile.write(b"ICY 200 OK\r\n\r\n")


def test_what_is_not_http_is_unreachable(server: Server) -> None:
    server.routes["/feed"] = _shoutcast
    with pytest.raises(net.Unreachable):
        fetch(f"{server.base}/feed")
    with pytest.raises(net.Unreachable):
        fetch(f"https://127.0.0.1:{server.server_port}/feed")


# ── what a host and a run can bear ───────────────────────────────────────────────────────────────────────────────────


def many(urls: Sequence[str], allowance: net.Allowance | None = None, **changes: object) -> list[object]:
    """Fetch all `urls` at once by one client that does not really wait between retries; what each of them gave."""

    async def sleep(_: float) -> None: ...

    async def run() -> list[object]:
        configured = net.Settings(**{"allowed_private": LOOPBACK | {("localhost", None)}, **changes})  # type: ignore[arg-type]
        async with net.Client(configured, sleep=sleep) as client:
            fetches = (client.get(url, allowance=allowance) for url in urls)
            return await asyncio.gather(*fetches, return_exceptions=True)

    return asyncio.run(run())


def _busy(retry_after: str, status: int = 429) -> Callable[[Handler], None]:
    return lambda handler: handler.answer(status, headers={"Retry-After": retry_after})


def test_a_host_that_says_when_to_come_again_is_not_asked_before_for_anything(server: Server) -> None:
    server.routes["/busy"] = _busy("3600")
    server.routes["/feed"] = _ok
    server.routes["/away"] = _to(f"{server.base.replace('127.0.0.1', 'localhost')}/feed")

    async def run() -> None:
        configured = net.Settings(allowed_private=LOOPBACK | {("localhost", None)}, max_per_host=2)
        async with net.Client(configured) as client:
            urls = [f"{server.base}/busy?{number}" for number in range(30)]
            told = await asyncio.gather(*(client.get(url) for url in urls), return_exceptions=True)
            assert {type(each) for each in told} == {net.ServerFault, net.LeftAlone}
            assert len(server.requests) <= 2, "those in flight, and no other"
            (failure,) = [each for each in told[-1:] if isinstance(each, net.LeftAlone)]
            assert 3590 < (failure.retry_after_s or 0) <= 3600
            assert (failure.retry_now, "127.0.0.1" in failure.what, "429" in failure.what) == (False, True, True)
            # Another host is asked, but not on to the one that wants to be left alone.
            elsewhere = server.base.replace("127.0.0.1", "localhost")
            assert (await client.get(f"{elsewhere}/feed")).content == FEED
            server.routes["/back"] = _to(f"{server.base}/feed")
            with pytest.raises(net.LeftAlone):
                await client.get(f"{elsewhere}/back")

    asyncio.run(run())


def test_a_host_is_asked_again_once_its_time_has_come(server: Server) -> None:
    server.routes["/feed"] = _turns(_busy("1"), _ok)

    async def run() -> None:
        configured = net.Settings(allowed_private=LOOPBACK, max_retry_after_s=0.5)
        async with net.Client(configured) as client:
            for kind in (net.ServerFault, net.LeftAlone):
                with pytest.raises(kind):
                    await client.get(f"{server.base}/feed")
            await asyncio.sleep(1.05)
            assert (await client.get(f"{server.base}/feed")).content == FEED

    asyncio.run(run())


@pytest.mark.parametrize("busy", [_busy("3600", 503), _busy("3"), lambda handler: handler.answer(429)])
def test_trouble_with_one_thing_and_waits_within_a_call_hold_up_no_other(
    server: Server, busy: Callable[[Handler], None]
) -> None:
    server.routes["/busy"] = busy
    server.routes["/feed"] = _ok
    told = many([f"{server.base}/busy", f"{server.base}/feed"], max_per_host=1)
    assert isinstance(told[0], net.ServerFault)
    assert isinstance(told[1], net.Reply)


def _slowly(seconds: float, then: Callable[[Handler], None] = _ok) -> Callable[[Handler], None]:
    def route(handler: Handler) -> None:
        time.sleep(seconds)
        then(handler)

    return route


def test_fetches_that_share_an_allowance_end_when_it_is_used_up(server: Server) -> None:
    server.routes["/slow"] = _slowly(0.4)

    async def run() -> None:
        allowance = net.Allowance(1.1)
        async with net.Client(net.Settings(allowed_private=LOOPBACK)) as client:
            for _ in range(2):
                await client.get(f"{server.base}/slow", allowance=allowance)
            for _ in range(2):
                with pytest.raises(net.Timeout, match=r"1\.1 s together"):
                    await client.get(f"{server.base}/slow", allowance=allowance)
            assert (await client.get(f"{server.base}/slow")).content == FEED

    asyncio.run(run())
    assert len(server.requests) == 4, "with nothing left, nobody is asked"


def test_redirects_and_waits_before_retries_count_and_others_in_the_way_do_not(server: Server) -> None:
    server.routes["/slow"] = _slowly(0.15)
    server.routes["/a"] = _slowly(0.15, _to("/b"))
    server.routes["/b"] = _slowly(0.15, _to("/slow"))
    with pytest.raises(net.Timeout, match="together"):
        raise many([f"{server.base}/a"], net.Allowance(0.4))[0]  # type: ignore[misc]
    server.routes["/500"] = lambda handler: handler.answer(500)
    server.requests.clear()
    with pytest.raises(net.ServerFault):
        raise many([f"{server.base}/500"], net.Allowance(0.2))[0]  # type: ignore[misc]
    assert len(server.requests) == 1, "the wait before the next try would be longer than what is left"

    async def run() -> net.Reply:
        async with net.Client(net.Settings(allowed_private=LOOPBACK, max_per_host=1)) as client:
            others = [asyncio.create_task(client.get(f"{server.base}/slow")) for _ in range(4)]
            await asyncio.sleep(0)
            reply = await client.get(f"{server.base}/slow", allowance=net.Allowance(0.6))
            await asyncio.gather(*others)
            return reply

    assert asyncio.run(run()).content == FEED


# ── lasting failures ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, net.NotFound),
        (410, net.NotFound),
        (401, net.Refused),
        (403, net.Refused),
        (400, net.Refused),
        (204, net.UnexpectedAnswer),
        (206, net.UnexpectedAnswer),
        (302, net.UnexpectedAnswer),
        (501, net.ServerFault),
    ],
)
def test_a_lasting_status_is_asked_for_once(server: Server, status: int, kind: type[PodbriefError]) -> None:
    server.routes["/feed"] = lambda handler: handler.answer(status)
    with pytest.raises(kind) as failure:
        fetch(f"{server.base}/feed?token=hush")
    assert len(server.requests) == 1
    assert str(status) in failure.value.what
    assert failure.value.remedy
    assert "hush" not in str(failure.value)
    assert getattr(failure.value, "gone", None) in ({404: False, 410: True}.get(status), None)


def test_failures_survive_the_way_between_processes() -> None:
    gone = pickle.loads(pickle.dumps(net.NotFound("a", "b", gone=True)))  # noqa: S301 - our own bytes
    busy = pickle.loads(pickle.dumps(net.ServerFault("a", "b", status=503, retry_after_s=7)))  # noqa: S301
    assert (str(gone), gone.gone) == ("a: b", True)
    assert (busy.status, busy.retry_after_s, busy.retry_now) == (503, 7, True)


# ── redirects ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _to(location: str, status: int = 302) -> Callable[[Handler], None]:
    return lambda handler: handler.answer(status, b"moved", {"Location": location})


def test_redirects_are_followed_and_told(server: Server) -> None:
    server.routes["/a"] = _to("b?x=1", 301)
    server.routes["/b"] = _to(f"{server.base}/c", 308)
    server.routes["/c"] = _to(server.base.removeprefix("http:") + "/d", 302)
    server.routes["/d"] = _to("/e", 301)
    server.routes["/e"] = _ok
    reply = fetch(f"{server.base}/a")
    base = server.base
    assert reply.redirects == ((301, f"{base}/b?x=1"), (308, f"{base}/c"), (302, f"{base}/d"), (301, f"{base}/e"))
    assert reply.url == f"{base}/e"
    assert reply.moved_to == f"{base}/c"


def test_a_circle_and_an_endless_chain_end(server: Server) -> None:
    server.routes["/a"] = _to("/b", 301)
    server.routes["/b"] = _to("/a", 301)
    with pytest.raises(net.TooManyRedirects, match="circle"):
        fetch(f"{server.base}/a")
    assert server.paths() == ["/a", "/b"]

    server.routes["/n"] = lambda handler: handler.answer(307, headers={"Location": f"/n?{len(server.requests)}"})
    server.requests.clear()
    with pytest.raises(net.TooManyRedirects, match="5 times"):
        fetch(f"{server.base}/n")
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    "location",
    [
        *("file:///etc/passwd", "ftp://example.org/", "gopher://127.0.0.1/", "http://", "http://a b/", "data:,x"),
        # What urllib and the ascii codec raise at these is a ValueError, not the InvalidURL of httpx2.
        *(":http://h:8]0/", "http://[fe80::1%25eth0é]/", "http://[fe80::1%25e℀th0]/", "http://[::ffff:127.-0.0.1]/"),
    ],
)
def test_a_redirect_out_of_http_is_not_followed(server: Server, location: str) -> None:
    server.routes["/a"] = _to(location.encode().decode("latin-1"))  # as which http.server sends it
    with pytest.raises((net.BadAddress, net.TooManyRedirects)):
        fetch(f"{server.base}/a")
    assert server.paths() == ["/a"]


@settings(max_examples=300, deadline=None)
@given(
    start=st.sampled_from(["", "/", "//", ":", "http:", "http://", "https://[", "http://[fe80::1%25", "//[::ffff:"]),
    rest=st.text(st.sampled_from("htps:/[]@?#%.-_~0123456789abx\\ \t℀é。１\u200b\u00ad|^<>`;&=+,!"), max_size=25),
)
def test_any_text_as_a_location_is_an_address_or_a_failure_of_ours(start: str, rest: str) -> None:
    answer = net._Answer(301, net.httpx2.Headers([(b"location", (start + rest).encode())]))
    with suppress(PermanentFailure):
        target = net._redirect_target(net.httpx2.URL("https://pub.example/feed?x=1"), answer)
        assert target.scheme in ("http", "https")


@pytest.mark.parametrize(
    ("statuses", "gone"),
    [([], True), ([301], True), ([308, 301], True), ([302], False), ([301, 302], False), ([307, 301], False)],
)
def test_only_what_is_gone_at_the_end_of_permanent_redirects_is_gone_for_good(
    server: Server, statuses: list[int], gone: bool
) -> None:
    for number, status in enumerate(statuses):
        server.routes[f"/{number}"] = _to(f"/{number + 1}", status)
    server.routes[f"/{len(statuses)}"] = lambda handler: handler.answer(410)
    with pytest.raises(net.NotFound, match="410") as failure:
        fetch(f"{server.base}/0")
    assert failure.value.gone is gone


def test_a_redirect_into_a_private_network_is_refused_at_any_hop(server: Server, other_server: Server) -> None:
    server.routes["/a"] = _to("/b")
    server.routes["/b"] = _to(f"{other_server.base}/secret")
    other_server.routes["/secret"] = _ok
    only_the_first = net.parse_allowed_hosts(f"127.0.0.1:{server.server_port}")
    with pytest.raises(net.AddressRefused) as failure:
        fetch(f"{server.base}/a", allowed_private=only_the_first)
    assert "loopback" in failure.value.what
    assert net.ALLOW_PRIVATE_HOSTS in failure.value.remedy
    assert other_server.requests == []


def test_credentials_stay_with_the_host_that_they_are_for(server: Server, other_server: Server) -> None:
    server.routes["/a"] = _to("/b")
    server.routes["/b"] = _to(f"http://thief:loot@127.0.0.1:{other_server.server_port}/c")
    other_server.routes["/c"] = _ok
    with_user = server.base.replace("http://", "http://me:p%40ss@")
    sent = {"Cookie": "a=b", "X-Key": "k", "If-None-Match": '"1"'}
    reply = fetch(f"{with_user}/a", headers=sent)
    basic = "Basic " + base64.b64encode(b"me:p@ss").decode()
    for _, headers in server.requests:
        assert (headers["authorization"], headers["x-key"], headers["cookie"]) == (basic, "k", "a=b")
    elsewhere = other_server.requests[0][1]
    assert not {"authorization", "x-key", "cookie"} & set(elsewhere)
    assert elsewhere["if-none-match"] == '"1"'
    assert reply.url == f"{other_server.base}/c"


# ── large bodies, to disk ────────────────────────────────────────────────────────────────────────────────────────────


def download(
    url: str,
    path: Path,
    *,
    max_bytes: int | None = None,
    kept: Path | None = None,
    slept: list[float] | None = None,
    headers: dict[str, str] | None = None,
    **changes: object,
) -> net.Download:
    """One download by a fresh client, as `fetch`."""

    async def sleep(seconds: float) -> None:
        (slept if slept is not None else []).append(seconds)

    async def run() -> net.Download:
        configured = net.Settings(**{"allowed_private": LOOPBACK, **changes})  # type: ignore[arg-type]
        async with net.Client(configured, sleep=sleep, jitter=lambda: 0.5, resolve=_nowhere) as client:
            return await client.download(url, path, max_bytes=max_bytes, kept=kept, headers=headers)

    return asyncio.run(run())


def test_a_download_lies_in_its_place_with_its_digest(server: Server, tmp_path: Path) -> None:
    server.routes["/old"] = lambda handler: handler.answer(302, headers={"Location": "/new"})
    server.routes["/new"] = lambda handler: handler.answer(
        200, gzip.compress(FEED), {"Content-Encoding": "gzip", "Content-Type": "audio/mpeg"}
    )
    path = tmp_path / "audio" / "episode"
    got = download(f"{server.base}/old", path)
    assert path.read_bytes() == FEED
    assert (got.path, got.size, got.digest) == (path, len(FEED), hashlib.sha256(FEED).hexdigest())
    assert (got.url, got.redirects) == (f"{server.base}/new", ((302, f"{server.base}/new"),))
    assert got.headers["content-type"] == "audio/mpeg"
    assert list(path.parent.iterdir()) == [path]


def test_a_download_of_many_megabytes_is_never_held_in_memory(server: Server, tmp_path: Path) -> None:
    piece, pieces = bytes(range(256)) * 4096, 64

    def route(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(piece) * pieces))
        handler.end_headers()
        for _ in range(pieces):
            handler.wfile.write(piece)

    server.routes["/long"] = route
    tracemalloc.start()
    try:
        got = download(f"{server.base}/long", tmp_path / "episode", max_bytes=100 * net.MEBIBYTE)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert got.size == (tmp_path / "episode").stat().st_size == 64 * net.MEBIBYTE
    assert most < 16 * net.MEBIBYTE


def test_a_download_that_breaks_off_is_begun_anew(server: Server, tmp_path: Path) -> None:
    server.routes["/episode"] = _turns(_cut, _cut, _ok)
    got = download(f"{server.base}/episode", tmp_path / "episode")
    assert (tmp_path / "episode").read_bytes() == FEED
    assert got.digest == hashlib.sha256(FEED).hexdigest()


@pytest.mark.parametrize(
    ("route", "kind"),
    [
        (_cut, net.CutShort),
        (lambda handler: handler.answer(200, bytes(3 * net.MEBIBYTE)), net.TooLarge),
        (
            lambda handler: handler.answer(200, gzip.compress(bytes(3 * net.MEBIBYTE)), {"Content-Encoding": "gzip"}),
            net.TooLarge,
        ),
        (lambda handler: handler.answer(404), net.NotFound),
        (lambda handler: handler.answer(304), net.UnexpectedAnswer),
    ],
    ids=["cut short", "too large", "unpacks to too much", "not there", "no body"],
)
def test_after_a_failed_download_there_is_what_was_there_before(
    server: Server, tmp_path: Path, route: Callable[[Handler], None], kind: type[PodbriefError]
) -> None:
    (tmp_path / "episode").write_bytes(b"yesterday's")
    server.routes["/episode"] = route
    with pytest.raises(kind):
        download(f"{server.base}/episode", tmp_path / "episode", max_bytes=net.MEBIBYTE)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("episode", b"yesterday's")]


def test_a_disk_that_is_full_is_not_taken_for_a_network_that_is_down(server: Server, tmp_path: Path) -> None:
    server.routes["/episode"] = lambda handler: handler.answer(200, bytes(net.MEBIBYTE))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(net.NotWritten, match="can't be written"):
            download(f"{server.base}/episode", tmp_path / "episode")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(server.requests) == 1
    assert list(tmp_path.iterdir()) == []


# ── downloads that break off and go on ───────────────────────────────────────────────────────────────────────────────

AUDIO = random.Random(3).randbytes(300_000)
OTHER = random.Random(4).randbytes(300_000)
LONG_AGO = "Mon, 02 Feb 2026 08:00:00 GMT"


def _ranged(
    content: bytes = AUDIO,
    *,
    after: int | None = None,
    how: str = "end",
    validator: tuple[str, str] | None = ("ETag", '"v1"'),
    **changes: str,
) -> Callable[[Handler], None]:
    """A host that knows ranges, and breaks off `after` so many bytes of an answer, by closing or by a reset."""

    def route(handler: Handler) -> None:
        asked = handler.headers.get("Range")
        given = dict([validator]) if validator else {}
        start = 0
        if asked and handler.headers.get("If-Range") in given.values():
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            given["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        handler.send_response(206 if start else 200)
        body = content[start:]
        for name, value in {"Content-Length": str(len(body)), **given}.items():
            handler.send_header(name, changes.get(name.replace("-", "_"), value) if start else value)
        handler.end_headers()
        handler.wfile.write(body if after is None else body[:after])
        if after is not None:
            handler.wfile.flush()
            time.sleep({"end": 0, "reset": 0.3, "silence": 1.0}[how])
            handler.close_connection = True
            if how == "reset":
                handler.reset()

    return route


def _asked(server: Server) -> list[tuple[str | None, str | None]]:
    """What each request asked for: range and condition."""
    return [(headers.get("range"), headers.get("if-range")) for _, headers in server.requests]


WHOLE = (None, None)


@pytest.mark.parametrize("how", ["end", "reset", "silence"])
@pytest.mark.parametrize("validator", [("ETag", '"v1"'), ("Last-Modified", LONG_AGO)], ids=["etag", "date"])
def test_a_download_goes_on_where_it_broke_off(
    server: Server, tmp_path: Path, how: str, validator: tuple[str, str]
) -> None:
    server.routes["/episode"] = _turns(
        _ranged(after=100_000, how=how, validator=validator),
        _ranged(after=150_000, how=how, validator=validator),
        _ranged(validator=validator),
    )
    got = download(f"{server.base}/episode", tmp_path / "episode", read_timeout_s=0.6)
    assert (tmp_path / "episode").read_bytes() == AUDIO
    assert (got.size, got.digest) == (len(AUDIO), hashlib.sha256(AUDIO).hexdigest())
    assert _asked(server) == [WHOLE, ("bytes=100000-", validator[1]), ("bytes=250000-", validator[1])]
    assert {headers["accept-encoding"] for _, headers in server.requests} == {"identity"}
    assert [path.name for path in tmp_path.iterdir()] == ["episode"]
    assert (tmp_path / "episode").stat().st_mode & 0o777 == 0o600


def test_breaks_that_get_on_are_no_tries_in_vain_and_are_bounded_all_the_same(server: Server, tmp_path: Path) -> None:
    server.routes["/episode"] = _ranged(after=40_000)
    slept: list[float] = []
    assert download(f"{server.base}/episode", tmp_path / "episode", slept=slept).size == len(AUDIO)
    assert len(server.requests) == 8 and set(slept) == {0.5}, "each gets on, so none waits for longer than the first"
    server.requests.clear()
    server.routes["/episode"] = _ranged(after=1000)
    with pytest.raises(net.CutShort):
        download(f"{server.base}/episode", tmp_path / "another")
    assert len(server.requests) == 1 + 10 + 2


def test_a_break_without_a_single_new_byte_is_a_try_in_vain(server: Server, tmp_path: Path) -> None:
    server.routes["/episode"] = _turns(_ranged(after=1000), _ranged(after=0))
    with pytest.raises(net.CutShort):
        download(f"{server.base}/episode", tmp_path / "episode")
    assert len(server.requests) == 1 + 1 + 2


@pytest.mark.parametrize(
    "validator",
    [None, ("ETag", 'W/"v1"'), ("ETag", "v1"), ("Last-Modified", "now"), ("Last-Modified", "yesterday")],
    ids=["none", "weak", "no quotes", "too young to tell", "no date"],
)
def test_what_cannot_be_told_from_another_version_is_begun_anew(
    server: Server, tmp_path: Path, validator: tuple[str, str] | None
) -> None:
    if validator and validator[1] == "now":
        validator = (validator[0], format_datetime(datetime.now(UTC), usegmt=True))
    server.routes["/episode"] = _turns(_ranged(after=100_000, validator=validator), _ranged(OTHER, validator=validator))
    got = download(f"{server.base}/episode", tmp_path / "episode", kept=tmp_path / "kept")
    assert got.digest == hashlib.sha256(OTHER).hexdigest()
    assert _asked(server) == [WHOLE, WHOLE]


def test_a_weak_etag_beside_a_date_is_no_reason_to_trust_the_date(server: Server, tmp_path: Path) -> None:
    def route(handler: Handler) -> None:
        handler.close_connection = True
        length = {"Content-Length": str(len(AUDIO)), "Last-Modified": LONG_AGO, "ETag": 'W/"1"'}
        handler.answer(200, AUDIO[:1000], length)

    server.routes["/episode"] = _turns(route, _ranged())
    assert download(f"{server.base}/episode", tmp_path / "episode").size == len(AUDIO)
    assert _asked(server) == [WHOLE, WHOLE]


def _if_range_ignored(content: bytes, **changes: str) -> Callable[[Handler], None]:
    """A host that gives a range of what it has now, whatever it was asked."""

    def route(handler: Handler) -> None:
        start = int(handler.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        length = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}", "ETag": '"v1"'}
        headers = {name: value for name, value in {**length, **changes}.items() if value}
        handler.answer(206, content[start:], headers)

    return route


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        (_ranged(OTHER, validator=("ETag", '"v2"')), 2),
        (lambda handler: handler.answer(200, OTHER), 2),
        (lambda handler: handler.answer(416, b"", {"Content-Range": "bytes */10"}), 3),
        (_if_range_ignored(OTHER, ETag='"v2"'), 3),
        (_if_range_ignored(OTHER + b"longer", ETag=""), 3),
        (_if_range_ignored(OTHER, **{"Content-Range": f"bytes 0-{len(OTHER) - 1}/{len(OTHER)}"}), 3),
        (_if_range_ignored(OTHER, **{"Content-Range": "bytes 100000-5/300000"}), 3),
        (_if_range_ignored(OTHER, **{"Content-Range": ""}), 3),
        (_if_range_ignored(OTHER, **{"Content-Range": "bytes 99999999999999999999-1/2"}), 3),
        (_if_range_ignored(OTHER, **{"Content-Encoding": "gzip"}), 3),
        (_if_range_ignored(OTHER, **{"Content-Type": "multipart/byteranges; boundary=x", "Content-Range": ""}), 3),
    ],
    ids=[
        *("another version", "no ranges", "too short now", "another etag", "another length", "another start"),
        *("a backward range", "no range", "an absurd range", "another encoding", "several ranges"),
    ],
)
def test_bytes_of_two_versions_never_meet(
    server: Server, tmp_path: Path, answer: Callable[[Handler], None], asked: int
) -> None:
    server.routes["/episode"] = _turns(
        _ranged(after=100_000), answer, lambda handler: handler.answer(200, OTHER, {"ETag": '"v2"'})
    )
    got = download(f"{server.base}/episode", tmp_path / "episode")
    assert (tmp_path / "episode").read_bytes() == OTHER
    assert got.digest == hashlib.sha256(OTHER).hexdigest()
    assert _asked(server) == [WHOLE, ("bytes=100000-", '"v1"'), WHOLE][:asked]


def test_a_file_that_changes_at_every_try_is_told_as_such(server: Server, tmp_path: Path) -> None:
    def route(handler: Handler) -> None:
        if handler.headers["Range"]:
            _if_range_ignored(OTHER, ETag='"v2"')(handler)
        else:
            _ranged(after=100_000)(handler)

    server.routes["/episode"] = route
    with pytest.raises(net.Changed, match="changed while it was fetched") as failure:
        download(f"{server.base}/episode", tmp_path / "episode")
    assert isinstance(failure.value, TransientFailure) and failure.value.remedy
    assert len(server.requests) < 30
    assert list(tmp_path.iterdir()) == []


def test_another_server_with_the_same_etag_is_no_proof(server: Server, other_server: Server, tmp_path: Path) -> None:
    server.routes["/episode"] = _turns(_to(f"{other_server.base}/a?signed=1"), _to(f"{other_server.base}/b?signed=2"))
    other_server.routes["/a"] = _ranged(after=100_000)
    other_server.routes["/b"] = _ranged(OTHER)
    assert download(f"{server.base}/episode", tmp_path / "episode").digest == hashlib.sha256(OTHER).hexdigest()
    assert _asked(other_server) == [WHOLE, ("bytes=100000-", '"v1"'), WHOLE]


def test_redirects_are_followed_anew_at_every_try(server: Server, other_server: Server, tmp_path: Path) -> None:
    server.routes["/episode"] = _turns(
        *(_to(f"{other_server.base}/a?signed={number}") for number in (1, 2)), _to("http://127.0.0.2/a")
    )
    other_server.routes["/a"] = _turns(_ranged(after=100_000), _ranged(after=100_000))
    with pytest.raises(net.AddressRefused):  # of loopback only 127.0.0.1 is allowed here
        download(f"{server.base}/episode", tmp_path / "episode", kept=tmp_path / "kept")
    assert _asked(other_server) == [WHOLE, ("bytes=100000-", '"v1"')]
    assert list(tmp_path.iterdir()) == [], "what will never be fetched leaves nothing"


def test_the_limit_holds_over_the_sum_of_all_parts(server: Server, tmp_path: Path) -> None:
    def endless(handler: Handler) -> None:
        handler.close_connection = True
        start = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        part = {"Content-Range": f"bytes {start}-99999999/*"} if start else {}
        handler.answer(206 if start else 200, bytes(100_000), {"ETag": '"1"', "Content-Length": "150000", **part})

    server.routes["/episode"] = endless
    with pytest.raises(net.TooLarge):
        download(f"{server.base}/episode", tmp_path / "episode", max_bytes=320_000, kept=tmp_path / "kept")
    assert len(server.requests) == 3
    assert list(tmp_path.iterdir()) == []


def test_all_tries_together_have_one_time(server: Server, tmp_path: Path) -> None:
    def slow(handler: Handler) -> None:
        time.sleep(0.2)
        _ranged(after=20_000)(handler)

    server.routes["/episode"] = slow
    started = time.monotonic()
    with pytest.raises(net.Timeout, match=r"episode took longer than 0\.5 s"):
        download(f"{server.base}/episode", tmp_path / "episode", total_timeout_s=0.5, backoff_s=0.001)
    assert time.monotonic() - started < 1.5
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [429, 503])
def test_a_host_that_is_busy_in_the_middle_is_waited_for(server: Server, tmp_path: Path, status: int) -> None:
    server.routes["/episode"] = _turns(_ranged(after=100_000), _busy("4", status), _ranged())
    slept: list[float] = []
    assert download(f"{server.base}/episode", tmp_path / "episode", slept=slept).size == len(AUDIO)
    assert slept == [0.5, 4.5]
    assert _asked(server)[1:] == [("bytes=100000-", '"v1"')] * 2


def test_a_host_that_is_busy_for_longer_is_gone_on_with_at_the_next_run(server: Server, tmp_path: Path) -> None:
    server.routes["/episode"] = _turns(_ranged(after=100_000), _busy("3600"), _ranged())
    with pytest.raises(net.ServerFault, match="429") as failure:
        download(f"{server.base}/episode", tmp_path / "episode", kept=tmp_path / "kept")
    assert failure.value.retry_after_s == 3600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "kept.json"]
    assert download(f"{server.base}/episode", tmp_path / "episode", kept=tmp_path / "kept").size == len(AUDIO)
    assert (tmp_path / "episode").read_bytes() == AUDIO
    assert _asked(server)[-1] == ("bytes=100000-", '"v1"')
    assert [path.name for path in tmp_path.iterdir()] == ["episode"]


def _broken_off(server: Server, kept: Path) -> None:
    """What a run that ended in the middle leaves at `kept`."""
    server.routes["/episode"] = _turns(_ranged(after=100_000), _ranged(after=0))
    with pytest.raises(net.CutShort):
        download(f"{server.base}/episode", kept.with_name("episode"), kept=kept)
    assert kept.read_bytes() == AUDIO[:100_000]
    assert {path.stat().st_mode & 0o077 for path in kept.parent.iterdir() if path.is_file()} <= {0, 0o044}
    assert server.base not in kept.with_name("kept.json").read_text(), "a private show's address is kept nowhere"
    server.requests.clear()


@pytest.mark.parametrize(
    ("harm", "asked"),
    [
        (lambda kept: None, 100_000),
        (lambda kept: kept.with_name("kept.json").unlink(), None),
        (lambda kept: kept.with_name("kept.json").write_text('{"asked": "'), None),
        (lambda kept: kept.with_name("kept.json").write_text("[]"), None),
        (lambda kept: kept.write_bytes(AUDIO + b"more than there is"), None),
        (lambda kept: kept.write_bytes(AUDIO), len(AUDIO) - 1),
        (lambda kept: kept.unlink(), None),
    ],
    ids=["none", "no note", "half a note", "no such note", "too many bytes", "killed at the end", "no bytes"],
)
def test_another_run_goes_on_only_with_what_it_can_trust(
    server: Server, tmp_path: Path, harm: Callable[[Path], object], asked: int | None
) -> None:
    kept = tmp_path / "kept"
    _broken_off(server, kept)
    harm(kept)
    server.routes["/episode"] = _ranged()
    download(f"{server.base}/episode", tmp_path / "episode", kept=kept)
    assert (tmp_path / "episode").read_bytes() == AUDIO
    assert _asked(server) == [(f"bytes={asked}-", '"v1"') if asked else WHOLE]
    assert [path.name for path in tmp_path.iterdir()] == ["episode"]


def test_the_first_bytes_of_one_address_are_nothing_to_another(server: Server, tmp_path: Path) -> None:
    _broken_off(server, tmp_path / "kept")
    server.routes["/another"] = _ranged(OTHER)
    download(f"{server.base}/another", tmp_path / "episode", kept=tmp_path / "kept")
    assert (tmp_path / "episode").read_bytes() == OTHER
    assert _asked(server) == [WHOLE]


def test_two_that_fetch_the_same_at_once_do_not_write_into_one_file(server: Server, tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=10)

    def route(handler: Handler) -> None:
        both.wait()
        _ranged()(handler)

    server.routes["/episode"] = route
    got: list[bytes] = []

    def fetch_one(name: str) -> None:
        download(f"{server.base}/episode", tmp_path / name, kept=tmp_path / "kept")
        got.append((tmp_path / name).read_bytes())

    threads = [threading.Thread(target=fetch_one, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [AUDIO, AUDIO]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_a_download_that_is_called_off_leaves_what_another_can_go_on_with(server: Server, tmp_path: Path) -> None:
    server.routes["/episode"] = _ranged(after=100_000, how="silence")

    async def run(kept: Path | None) -> None:
        async with net.Client(net.Settings(allowed_private=LOOPBACK)) as client:
            task = asyncio.create_task(client.download(f"{server.base}/episode", tmp_path / "episode", kept=kept))
            while sum(path.stat().st_size for path in tmp_path.iterdir() if path.suffix != ".json") < 100_000:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run(None))
    assert list(tmp_path.iterdir()) == []
    asyncio.run(run(tmp_path / "kept"))
    assert (tmp_path / "kept").read_bytes() == AUDIO[:100_000]


# ── addresses ────────────────────────────────────────────────────────────────────────────────────────────────────────

CLOSED = [
    "0.0.0.0",  # noqa: S104 - an address to be refused
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
]
CLOSED_V6 = ["::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "2001::1", "64:ff9b:1::1"]
OPEN = ["1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "64:ff9b::808:808"]


def _forms(address: str) -> list[str]:
    """An IPv4 address inside the IPv6 addresses that lead to it."""
    number = int(ipaddress.IPv4Address(address))
    return [
        f"::ffff:{address}",
        str(ipaddress.IPv6Address((0x2002 << 112) | (number << 80) | 1)),
        str(ipaddress.IPv6Address((0x64FF9B << 96) | number)),
    ]


@pytest.mark.parametrize("address", CLOSED + CLOSED_V6)
def test_addresses_off_the_public_internet_are_closed_in_every_form(address: str) -> None:
    assert net.why_closed(ipaddress.ip_address(address))
    for form in _forms(address) if "." in address else []:
        assert net.why_closed(ipaddress.ip_address(form)), form


@pytest.mark.parametrize("address", OPEN)
def test_public_addresses_are_open(address: str) -> None:
    assert net.why_closed(ipaddress.ip_address(address)) is None


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_what_the_registry_does_not_call_global_is_never_open(address: net.Address) -> None:
    through = address
    if isinstance(address, ipaddress.IPv6Address):
        through = address.ipv4_mapped or address.sixtofour or address
    if not through.is_global or through.is_multicast:
        assert net.why_closed(address)
    if isinstance(address, ipaddress.IPv4Address):
        told = {net.why_closed(ipaddress.ip_address(form)) for form in _forms(str(address))}
        assert told == {net.why_closed(address)}


@pytest.fixture(scope="module")
def get() -> Iterator[Callable[[str], net.Reply]]:
    """Fetches through a client that may ask nobody, and for which every name is a private host's."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["10.0.0.1"]

    with asyncio.Runner() as runner:
        client = net.Client(net.Settings(), resolve=resolve)
        yield lambda url: runner.run(client.get(url))
        runner.run(client.__aexit__(None, None, None))


@settings(max_examples=60, deadline=None)
@given(
    number=st.sampled_from(CLOSED).map(lambda address: int(ipaddress.IPv4Address(address))),
    form=st.sampled_from(
        ["{0}", "0x{0:x}", "0{0:o}", "{1}.{2}", "0x{1:x}.{2}", "{1}.0{2:o}", "0x{1:X}.0x{2:x}", "{1}.{2}."]
    ),
)
def test_a_number_in_disguise_is_refused(get: Callable[[str], net.Reply], number: int, form: str) -> None:
    host = form.format(number, number >> 24, number & 0xFFFFFF)
    with pytest.raises((net.AddressRefused, net.BadAddress)):
        get(f"http://{host}/latest/meta-data")


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(st.text(max_size=60), st.text(max_size=60).map("http://".__add__), st.text(max_size=20).map("//".__add__))
)
def test_any_text_as_an_address_ends_in_a_failure_of_ours(get: Callable[[str], net.Reply], text: str) -> None:
    with pytest.raises(PodbriefError) as failure:
        get(text)
    assert isinstance(failure.value, PermanentFailure)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "[fe80::1%25eth0]"])
def test_a_private_address_is_refused_unless_its_host_is_named(server: Server, host: str) -> None:
    with pytest.raises((net.AddressRefused, net.BadAddress)):
        fetch(f"http://{host}:{server.server_port}/", allowed_private=frozenset())
    assert server.requests == []


def test_every_dns_answer_is_looked_at() -> None:
    for answers in (["10.0.0.7"], ["93.184.216.34", "10.0.0.7"], ["2606:4700::1", "::ffff:10.0.0.7"]):

        async def resolve(host: str, port: int, answers: Sequence[str] = tuple(answers)) -> Sequence[str]:
            return answers

        with pytest.raises(net.AddressRefused, match=r"10\.0\.0\.7, which is private|a00:7, which is private"):
            fetch("https://inside.example/", resolve=resolve)


def test_the_address_that_was_looked_at_is_the_one_connected_to(server: Server) -> None:
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    server.routes["/feed"] = _ok
    allowed = net.parse_allowed_hosts("feeds.example")
    reply = fetch(f"http://Feeds.Example.:{server.server_port}/feed", allowed_private=allowed, resolve=resolve)
    # The name exists nowhere: had anything but our own look-up been used to connect, this would have failed.
    assert (reply.content, asked) == (FEED, ["feeds.example"])
    assert server.requests[0][1]["host"] == f"feeds.example:{server.server_port}"


def test_a_dead_address_leaves_time_for_the_next(server: Server) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.2", "127.0.0.1"]  # the server listens on the second only

    server.routes["/feed"] = _ok
    allowed = net.parse_allowed_hosts("feeds.example")
    url = f"http://feeds.example:{server.server_port}/feed"
    assert fetch(url, allowed_private=allowed, resolve=resolve).content == FEED


# ── settings, and what may be shown ──────────────────────────────────────────────────────────────────────────────────


def test_allowed_hosts_are_read_with_and_without_ports() -> None:
    read = net.Settings.from_environment({net.ALLOW_PRIVATE_HOSTS: " 127.0.0.1, Feeds.LAN:8080 ,[::1]:80,fd00::2,"})
    assert read.allowed_private == {("127.0.0.1", None), ("feeds.lan", 8080), ("::1", 80), ("fd00::2", None)}
    assert read.allows_private("127.0.0.1", 99)
    assert read.allows_private("feeds.lan", 8080)
    assert not read.allows_private("feeds.lan", 80)
    assert net.Settings.from_environment({}).allowed_private == frozenset()


@pytest.mark.parametrize("value", ["http://127.0.0.1", "a b", "host:port", "10.0.0.0/8"])
def test_an_unreadable_setting_is_told_with_its_name(value: str) -> None:
    with pytest.raises(net.BadSetting, match=net.ALLOW_PRIVATE_HOSTS):
        net.Settings.from_environment({net.ALLOW_PRIVATE_HOSTS: value})
    with pytest.raises(net.BadSetting, match=net.CONTACT):
        net.Settings.from_environment({net.CONTACT: "me\r\nX-Evil: 1"})


@pytest.mark.parametrize("start", ["https://", "HTTPS:/", "", "//", "\\\\", "  ", "feed://"])
@pytest.mark.parametrize("password", ["SECRET", "SEC/RET", "SEC?RET", "SEC#RET", "SEC@RET", ":SECRET", "SEC\\RET"])
def test_userinfo_is_shown_of_no_address_however_it_is_written(start: str, password: str) -> None:
    for path in ("", "/feed.xml", "/@someone/feed.xml"):
        shown = net.displayed(f"{start}MEMBER:{password}@paid.example{path}")
        assert "paid.example" in shown or "…" in shown or path.startswith("/@")
        assert not any(part in shown for part in ("MEMBER", "SEC", "RET"))


@pytest.mark.parametrize(
    "address",
    [
        *("https://host.example:8080/@someone/feed.xml", "host.example/a@b.xml", "//host.example/x"),
        *("http://[::1]:80/a", "localhost:8080/feed", "https://", "", "data:,x"),
    ],
)
def test_what_is_no_secret_is_displayed_as_it_is(address: str) -> None:
    assert net.displayed(address) == address


@settings(max_examples=60, deadline=None)
@given(
    user=st.text("abc:%40", max_size=8),
    path=st.text("abc/", max_size=300),
    query=st.text("abc=&?/@", min_size=1, max_size=20),
)
def test_a_displayed_address_tells_neither_password_nor_token(user: str, path: str, query: str) -> None:
    shown = net.displayed(f"https://{user}SECRET@host.example/{path}?k={query}SECRET#SECRET")
    assert "SECRET" not in shown
    assert shown.startswith("https://host.example/")
    assert shown.endswith("?…")
    assert len(shown) < 210
