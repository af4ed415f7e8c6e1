"""Fetch from strangers: the one way out of podbrief.

Belongs here: which addresses may be asked (at every hop, after every DNS answer), limits on time, bytes and redirects,
decompression within those limits, retries of passing faults, and the kinds of failure that a fetch can end in.
Doesn't: what to fetch and when (the stages), what the bytes mean (the parsers), the memory of ETags (`episodes/`), the
first bytes of a download that broke off (`resumption.py`).

It stands on httpcore2, the engine of httpx2, and on httpx2's addresses and headers, but not on `httpx2.AsyncClient`:
that client keeps cookies, reads proxies and netrc, logs whole addresses (private feeds carry their token there), and
resolves names where nobody can look at the answer.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import math
import os
import random
import re
import socket
import sys
import time
import weakref
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self
from urllib.parse import unquote_to_bytes

import brotli  # type: ignore[import-untyped]
import httpcore2
import httpx2

from podbrief_assets.environment import BadSetting
from podbrief_assets.errors import PermanentFailure, TransientFailure
from podbrief_assets.resumption import OtherVersion, Part, receiving

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ALLOW_PRIVATE_HOSTS: Final = "PODBRIEF_ALLOW_PRIVATE_HOSTS"
CONTACT: Final = "PODBRIEF_CONTACT"

MEBIBYTE: Final = 1024 * 1024


# ── what a fetch can end in ──────────────────────────────────────────────────────────────────────────────────────────


class BadAddress(PermanentFailure):
    """What was to be fetched is no http or https address."""


class AddressRefused(PermanentFailure):
    """The address leads into a private network, or to this very machine."""


class NotFound(PermanentFailure):
    """Nothing is there: 404, or 410.

    Attributes:
        gone: Whether nothing will ever be there again: 410, reached by permanent redirects alone or by none. Behind a
            temporary one it is the detour that is gone, a CDN's link that has expired say, and not what was asked for.
    """

    def __init__(self, what: str, remedy: str = "", *, gone: bool = False) -> None:
        super().__init__(what, remedy)
        self.gone = gone


class Refused(PermanentFailure):
    """The server understood and will not: 401, 403 and every other 4xx that waiting does not cure."""

    def __init__(self, what: str, remedy: str = "", *, status: int = 403) -> None:
        super().__init__(what, remedy)
        self.status = status


class UnexpectedAnswer(PermanentFailure):
    """A status that is no failure, but no document either: 202 of a bot wall, 204, 206, a redirect to nowhere."""

    def __init__(self, what: str, remedy: str = "", *, status: int = 0) -> None:
        super().__init__(what, remedy)
        self.status = status


class TooLarge(PermanentFailure):
    """The body exceeds a limit, on the wire or once decompressed."""


class TooManyRedirects(PermanentFailure):
    """The redirects go round in a circle, or on for longer than anyone follows."""


class WrongContent(PermanentFailure):
    """The body is not in the encoding that its headers declare."""


class PassingFault(TransientFailure):
    """A fault that may be over soon.

    Attributes:
        retry_now: Whether the client itself may ask again within the same call.
        retry_after_s: What the server asked for by Retry-After, in seconds; None where it did not.
    """

    def __init__(
        self, what: str, remedy: str = "", *, retry_now: bool = True, retry_after_s: float | None = None
    ) -> None:
        super().__init__(what, remedy)
        self.retry_now = retry_now
        self.retry_after_s = retry_after_s


class Timeout(PassingFault):
    """Nothing came for too long, or it all took too long."""


class Unreachable(PassingFault):
    """The name does not resolve, or nobody answers in HTTP there."""


class CutShort(PassingFault):
    """The body ended before its end."""


class Changed(PassingFault):
    """A download broke off, and what the server sends now is no longer what it had begun to send."""


class ServerFault(PassingFault):
    """The server says that it is in trouble or too busy: 408, 425, 429 and every 5xx."""

    def __init__(
        self,
        what: str,
        remedy: str = "",
        *,
        retry_now: bool = True,
        retry_after_s: float | None = None,
        status: int = 500,
    ) -> None:
        super().__init__(what, remedy, retry_now=retry_now, retry_after_s=retry_after_s)
        self.status = status


class LeftAlone(PassingFault):
    """It was not asked: its host answered 429 before and said when to come again, which is later than now."""


class NotWritten(TransientFailure):
    """What was fetched can't be written to disk."""


# ── settings and replies ─────────────────────────────────────────────────────────────────────────────────────────────


def _user_agent(contact: str) -> str:
    try:
        release = version("podbrief")
    except PackageNotFoundError:
        release = "0"
    return f"podbrief/{release} (podcast reader; {contact or 'no contact given'})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How fetching behaves; the defaults suit ten thousand strangers' servers.

    Attributes:
        user_agent: Who is asking, with a contact address, so that a publisher can write instead of blocking.
        allowed_private: Hosts that may be private, as (host in lower case, port or None for any).
        connect_timeout_s: Name look-up and connection, TLS included.
        read_timeout_s: The longest silence.
        total_timeout_s: One exchange from connecting to the last byte. Waiting for a free slot is not counted, each
            redirect and each retry is an exchange of its own.
        max_wire_bytes: The body as it is sent.
        max_bytes: The body once decompressed.
        max_redirects: How many are followed.
        max_connections: How many exchanges go on at once.
        max_per_host: How many of them with one host: what browsers allow themselves, and what one CDN that carries
            thousands of shows will bear.
        retries: How often a passing fault is tried again within one call.
        backoff_s: The mean wait before the first retry; it doubles with each.
        max_retry_after_s: The longest Retry-After that is waited for within a call; a longer one ends it.
    """

    user_agent: str = field(default_factory=lambda: _user_agent(""))
    allowed_private: frozenset[tuple[str, int | None]] = frozenset()
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 20.0
    total_timeout_s: float = 60.0
    max_wire_bytes: int = 32 * MEBIBYTE
    max_bytes: int = 64 * MEBIBYTE
    max_redirects: int = 5
    max_connections: int = 64
    max_per_host: int = 6
    retries: int = 2
    backoff_s: float = 0.5
    max_retry_after_s: float = 10.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The defaults with the operator's contact and the private hosts that they allow.

        Raises:
            BadSetting: one of the two variables can't be read.
        """
        contact = environment.get(CONTACT, "").strip()
        if not re.fullmatch(r"[\x20-\x7e]{0,200}", contact):
            raise BadSetting(
                f"{CONTACT} is not plain text of at most 200 characters", "set it to an e-mail or web address"
            )
        return cls(
            user_agent=_user_agent(contact),
            allowed_private=parse_allowed_hosts(environment.get(ALLOW_PRIVATE_HOSTS, "")),
        )

    def allows_private(self, host: str, port: int) -> bool:
        """Whether the operator named this host (and port) as one that may be private."""
        return (host, None) in self.allowed_private or (host, port) in self.allowed_private


def parse_allowed_hosts(text: str) -> frozenset[tuple[str, int | None]]:
    """Read `127.0.0.1, feeds.lan:8080, [::1]:80` as hosts with their port, None meaning any.

    Raises:
        BadSetting: an entry is neither a host nor host:port.
    """
    return frozenset(_allowed_host(entry) for part in text.split(",") if (entry := part.strip()))


def _allowed_host(entry: str) -> tuple[str, int | None]:
    bracketed = re.fullmatch(r"\[([0-9a-fA-F:.]{2,45})\](?::(\d{1,5}))?", entry)
    plain = re.fullmatch(r"([A-Za-z0-9._-]{1,253})(?::(\d{1,5}))?", entry)
    if found := bracketed or plain:
        return _host_name(found[1]), int(found[2]) if found[2] else None
    if re.fullmatch(r"[0-9a-fA-F:.]{2,45}", entry):  # IPv6 without brackets, and so without a port
        return _host_name(entry), None
    raise BadSetting(
        f"{ALLOW_PRIVATE_HOSTS} has the entry {entry[:80]!r}, which is no host",
        "write hosts or host:port, separated by commas, as in 127.0.0.1,feeds.lan:8080",
    )


class Allowance:
    """Time that several fetches share: what one stranger may take, over however many pages, redirects and retries.

    Exchanges count, and so do the waits before retries. Waiting for a free slot does not: that is the others' doing.

    Attributes:
        seconds: How much there was.
        left_s: How much there still is; not positive once it is used up.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = self.left_s = seconds

    @contextlib.contextmanager
    def spending(self) -> Iterator[None]:
        """Count the time inside."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.left_s -= time.monotonic() - began


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What came back.

    Attributes:
        status: 200, or 304 where a conditional request found nothing new.
        headers: As sent; names match in any case.
        content: The body, decompressed; empty with 304.
        url: The address that answered, after all redirects.
        redirects: (status, address it pointed to) of each redirect on the way, in order.
    """

    status: int
    headers: httpx2.Headers
    content: bytes
    url: str
    redirects: tuple[tuple[int, str], ...] = ()

    @property
    def moved_to(self) -> str | None:
        """Where what was asked for lives now: the end of the permanent redirects that the chain starts with.

        A permanent redirect that comes after a temporary one says nothing about the first address.
        """
        target = None
        for status, url in self.redirects:
            if status not in _PERMANENT:
                break
            target = url
        return target


@dataclass(frozen=True, kw_only=True, slots=True)
class Download:
    """A file that was fetched.

    Attributes:
        path: Where it lies.
        size: In bytes, decompressed.
        digest: SHA-256 of those bytes, in hex.
        headers, url, redirects: As in `Reply`, of the last answer: of one that broke off and went on, the rest's.
    """

    path: Path
    size: int
    digest: str
    headers: httpx2.Headers
    url: str
    redirects: tuple[tuple[int, str], ...] = ()


_START: Final = re.compile(r"\A(?:[A-Za-z][A-Za-z0-9+.-]*:(?=[/\\]))?[/\\]*")
_AUTHORITY_END: Final = re.compile(r"[/\\?#]")
_HOST_AND_PORT: Final = re.compile(r"(?:\[[^\]]*\]|[^:]*)(?::\d*)?")


def displayed(url: str) -> str:
    """`url` as it may stand in a log or a table: without user, password, query and fragment, which may be secrets.

    It need not be an address that can be fetched: most of what is displayed is displayed because it is none.
    """
    url = url.strip()
    rest = _START.sub("", url, count=1)
    start = url[: len(url) - len(rest)]
    authority = _AUTHORITY_END.split(rest, maxsplit=1)[0]
    path, host = rest[len(authority) :], authority.rpartition("@")[2]
    if "@" in path and not _HOST_AND_PORT.fullmatch(host):
        # `me:pass/word@host`: what looks like host and port ended inside a password that nobody escaped.
        rest = path.rpartition("@")[2]
        host = _AUTHORITY_END.split(rest, maxsplit=1)[0]
        path = rest[len(host) :]
    path, query, _ = path.partition("#")[0].partition("?")
    shown = f"{start}{host}{path}"
    printable = shown[:200]
    if not printable.isprintable():
        printable = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in printable)
    return printable + ("…" if len(shown) > 200 else "") + ("?…" if query else "")


# ── which addresses may be asked ─────────────────────────────────────────────────────────────────────────────────────

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Spelt out rather than left to `is_global`, whose answers changed between Python releases (CVE-2024-4032).
_CLOSED_V4: Final = tuple(
    (ipaddress.IPv4Network(network), why)
    for network, why in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "a cloud's metadata service"),  # Azure's; it lies in public space
        ("169.254.0.0/16", "link-local"),  # and with it 169.254.169.254, most clouds' metadata service
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "reserved for documentation"),
        ("192.31.196.0/24", "reserved"),
        ("192.52.193.0/24", "reserved"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "reserved"),
        ("198.18.0.0/15", "reserved for benchmarks"),
        ("198.51.100.0/24", "reserved for documentation"),
        ("203.0.113.0/24", "reserved for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_PUBLIC_V6: Final = ipaddress.IPv6Network("2000::/3")  # all that was ever given out
_CLOSED_V6: Final = tuple(
    (ipaddress.IPv6Network(network), why)
    for network, why in (
        ("2001::/23", "reserved"),  # Teredo, ORCHID, benchmarks
        ("2001:db8::/32", "reserved for documentation"),
        ("2620:4f:8000::/48", "reserved"),
        ("3fff::/20", "reserved for documentation"),
    )
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


def why_closed(address: Address) -> str | None:
    """Why `address` is not on the public internet, in a few words; None where it is.

    IPv4 addresses inside IPv6 ones (mapped, 6to4, NAT64) are judged as what they lead to.
    """
    if isinstance(address, ipaddress.IPv6Address):
        inner = _inner_v4(address)
        return why_closed(inner) if inner is not None else _why_closed_v6(address)
    for network, why in _CLOSED_V4:
        if address in network:
            return why
    return None if address.is_global else "not public"


def _inner_v4(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def _why_closed_v6(address: ipaddress.IPv6Address) -> str | None:
    for told, why in (
        (address.is_loopback, "loopback"),
        (address.is_link_local, "link-local"),
        (address.is_multicast, "multicast"),
        (address.is_private, "private"),
        (address not in _PUBLIC_V6, "reserved"),
    ):
        if told:
            return why
    for network, why in _CLOSED_V6:
        if address in network:
            return why
    return None


def _host_name(host: str) -> str:
    """One spelling for one host, so that an allowed one is recognised."""
    host = host.lower().rstrip(".")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host


def _checked_address(url: str) -> httpx2.URL:
    """Parse what a stranger wrote.

    Raises:
        BadAddress: it is no http or https address.
        AddressRefused: its host is a number in disguise (`0x7f.1`, `2130706433`).
    """
    shown = displayed(url)
    try:
        address = httpx2.URL(url.strip()[:8193])
        raw_host = address.raw_host.decode("ascii")
    except httpx2.InvalidURL as error:
        raise BadAddress(f"{shown} is no web address ({error})", "correct it") from error
    except ValueError as error:  # `http://[fe80::1%25é]/`: the zone of an IPv6 address is taken without a look
        raise BadAddress(f"{shown} names no host that can exist", "correct it") from error
    if address.scheme not in ("http", "https") or not raw_host or len(url) > 8192:
        raise BadAddress(f"{shown} is no http or https address", "correct it; nothing else is fetched")
    host = _host_name(raw_host)
    if (":" not in host and not re.fullmatch(r"[a-z0-9._-]{1,253}", host)) or "%" in host:
        raise BadAddress(f"{shown} names no host that can exist", "correct it")
    # Resolvers read 127.1, 0x7f.0.0.1 and 2130706433 as IPv4 addresses. Nobody who means well writes them.
    if re.fullmatch(r"\d+|0x[0-9a-f]*", host.rpartition(".")[2]) and not _is_address(host):
        raise AddressRefused(f"{shown} writes its host as a number", "use the host's name")
    if address.port is not None and not 0 < address.port < 65536:
        raise BadAddress(f"{shown} names a port that can't exist", "correct it")
    return address.copy_with(host=host, fragment=None)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _port(url: httpx2.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


class _ClosedAddress(Exception):
    """Carries the reason from where a connection is made to where the whole address is known."""

    def __init__(self, address: Address, why: str) -> None:
        super().__init__(str(address))
        self.address = address
        self.why = why


Resolver = Callable[[str, int], Awaitable[Sequence[str]]]


class _CheckingBackend(httpcore2.AsyncNetworkBackend):
    """Resolves names itself, looks at every answer, and connects to the very address that it looked at.

    A name that resolves to a public address when checked and to a private one when connected (DNS rebinding) gets no
    second look-up to change its mind in. One private answer among public ones closes the name altogether.
    """

    def __init__(self, settings: Settings, resolve: Resolver) -> None:
        self._settings = settings
        self._resolve = resolve
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        budget = self._settings.connect_timeout_s if timeout is None else timeout
        deadline = time.monotonic() + budget
        addresses = await self._addresses(host, port, budget)
        if not self._settings.allows_private(_host_name(host), port):
            for address in addresses:
                if why := why_closed(address):
                    raise _ClosedAddress(address, why)
        failure: httpcore2.ConnectError | httpcore2.ConnectTimeout | None = None
        for left in range(len(addresses), 0, -1):
            # An address that swallows packets (broken IPv6, above all) must leave time for the next one.
            share = max(deadline - time.monotonic(), 0.001) / left
            try:
                return await self._inner.connect_tcp(
                    str(addresses[-left]),
                    port,
                    timeout=share,
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore2.ConnectError("its name has no address")

    async def _addresses(self, host: str, port: int, budget: float) -> list[Address]:
        if _is_address(host):
            return [ipaddress.ip_address(host)]
        try:
            async with asyncio.timeout(budget):
                answers = await self._resolve(host, port)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout("its name was not resolved in time") from error
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(f"its name does not resolve ({error})") from error
        return [ipaddress.ip_address(answer) for answer in dict.fromkeys(answers)][:8]

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        raise httpcore2.ConnectError("local sockets are never asked")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


# ── decompression within limits ──────────────────────────────────────────────────────────────────────────────────────

_PIECE: Final = 256 * 1024  # bytes inflated at a time: what a bomb can take beyond the limit
_MAX_MEMBERS: Final = 4000  # a stream of empty gzip members or zstd frames costs time and gives nothing


class _Decoder(Protocol):
    """Turns encoded pieces into decoded ones of bounded size; `finished` once the encoding says that it ended."""

    @property
    def finished(self) -> bool: ...

    def decode(self, data: bytes) -> Iterator[bytes]: ...


class _Identity:
    finished = True

    def decode(self, data: bytes) -> Iterator[bytes]:
        yield data


class _Zlib:
    """gzip of any number of members, and both things that are called deflate."""

    def __init__(self, window_bits: int) -> None:
        self._window_bits = window_bits
        self._inflate = zlib.decompressobj(window_bits)
        self._members = 1
        self._more = window_bits > zlib.MAX_WBITS  # only gzip has members
        self._between = b""  # what has come of the next member while it can't be told from padding yet

    @property
    def finished(self) -> bool:
        return self._inflate.eof

    def decode(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self._inflate.eof:
                data = self._next_member(data)
                if not data:
                    return
            piece = self._inflate.decompress(data, _PIECE)
            yield piece
            data = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            if not data and len(piece) < _PIECE:
                return

    def _next_member(self, data: bytes) -> bytes:
        """What is to be inflated next: nothing where `data` is padding, or too little to tell."""
        data = self._between + data
        self._between = b""
        if not self._more or len(data) < 2:
            self._between = data if self._more else b""
            return b""
        if not data.startswith(b"\x1f\x8b"):
            self._more = False
            return b""
        if self._members == _MAX_MEMBERS:
            raise zlib.error(f"more than {_MAX_MEMBERS} members")
        self._members += 1
        self._inflate = zlib.decompressobj(self._window_bits)
        return data


class _Brotli:
    def __init__(self) -> None:
        self._inflate = brotli.Decompressor()

    @property
    def finished(self) -> bool:
        return bool(self._inflate.is_finished())

    def decode(self, data: bytes) -> Iterator[bytes]:
        # can_accept_more_data() turns true once the input is taken in, however much of its output is still to come: a
        # daily show with the same sponsors under each item, 1.8 MB from 5 kB, lost its tail. Only nothing is the end.
        more = True
        while more and not self._inflate.is_finished():
            piece = self._inflate.process(data, output_buffer_limit=_PIECE)
            data = b""
            more = bool(piece) or not self._inflate.can_accept_more_data()
            yield piece


class _Zstd:
    # RFC 9659: whoever accepts zstd over HTTP need not hold more than 8 MiB of window for it.
    _options: Final[dict[int, int]] = {zstd.DecompressionParameter.window_log_max: 23}

    def __init__(self) -> None:
        self._inflate = zstd.ZstdDecompressor(options=self._options)
        self._frames = 1

    @property
    def finished(self) -> bool:
        return self._inflate.eof

    def decode(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self._inflate.eof:
                data = self._inflate.unused_data or data
                if not data:
                    return
                if self._frames == _MAX_MEMBERS:
                    raise zstd.ZstdError(f"more than {_MAX_MEMBERS} frames")
                self._inflate = zstd.ZstdDecompressor(options=self._options)
                self._frames += 1
            yield self._inflate.decompress(data, _PIECE)
            data = b""
            if self._inflate.needs_input or (self._inflate.eof and not self._inflate.unused_data):
                return


class _Sniffing:
    """Looks at the first two bytes before it believes a header.

    Servers call a body gzip that some layer unpacked before, and half of the world means raw deflate by "deflate".
    """

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._head = b""
        self._decoder: _Decoder | None = None

    @property
    def finished(self) -> bool:
        return self._decoder.finished if self._decoder else not self._head

    def decode(self, data: bytes) -> Iterator[bytes]:
        if self._decoder is None:
            self._head += data
            if len(self._head) < 2:
                return
            self._decoder, data = self._chosen(), self._head
        yield from self._decoder.decode(data)

    def _chosen(self) -> _Decoder:
        first, second = self._head[:2]
        if self._coding == "gzip":
            return _Zlib(16 + zlib.MAX_WBITS) if (first, second) == (0x1F, 0x8B) else _Identity()
        has_header = first & 0x0F == 8 and (first * 256 + second) % 31 == 0
        return _Zlib(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)


_DECODERS: Final[dict[str, Callable[[], _Decoder]]] = {
    "gzip": lambda: _Sniffing("gzip"),
    "x-gzip": lambda: _Sniffing("gzip"),
    "deflate": lambda: _Sniffing("deflate"),
    "br": _Brotli,
    "zstd": _Zstd,
}
_DECODING_ERRORS: Final = (zlib.error, brotli.error, zstd.ZstdError)


def _decoder(headers: httpx2.Headers, shown: str) -> _Decoder:
    """The decoder for a body; what is no encoding at all (`utf-8`, `none`) is taken for none."""
    declared = (part.strip().lower() for part in headers.get("content-encoding", "").split(","))
    codings = [coding for coding in declared if coding in _DECODERS]
    if len(codings) > 1:
        raise WrongContent(f"{shown} is compressed {len(codings)} times over", "tell the publisher")
    return _DECODERS[codings[0]]() if codings else _Identity()


# ── the client ───────────────────────────────────────────────────────────────────────────────────────────────────────

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PERMANENT: Final = frozenset({301, 308})
_BUSY: Final = frozenset({408, 425, 429})
_RETRIED: Final = frozenset({408, 429, 500, 502, 503, 504})
_HARMLESS_ELSEWHERE: Final = frozenset(
    {
        *("accept", "accept-language", "if-none-match", "if-modified-since"),
        # A download goes on through the same redirects that it began with.
        *("accept-encoding", "range", "if-range"),
    }
)
# A download that gets on with each try may break off so often; a host that cuts every connection after a minute needs
# ten for an hour of audio at 1 MB/s.
_MAX_BREAKS: Final = 10
_DRAINED_BYTES: Final = 64 * 1024  # a short error page is read to its end, since that saves a connection


class _Sink(Protocol):
    """Where a body goes.

    Attributes:
        kept: How many bytes of an exchange that broke off need not be asked for again.
    """

    @property
    def kept(self) -> int: ...

    def wanted(self) -> Mapping[str, str]:
        """Headers that ask for no more than is missing."""

    def begin(self, status: int, url: str, headers: httpx2.Headers, shown: str) -> int:
        """An exchange begins; how many bytes there are already, which is none unless they were asked for."""

    def write(self, piece: bytes) -> None: ...

    def end(self, shown: str) -> None:
        """The body is over; raises `CutShort` where it should not be."""

    def forget(self) -> None:
        """What was kept is of no use."""


class _Memory:
    """Each exchange starts anew: what comes before a break is small, and not worth a second thought."""

    kept = 0

    def __init__(self) -> None:
        self._body = bytearray()

    def wanted(self) -> Mapping[str, str]:
        return {}

    def begin(self, status: int, url: str, headers: httpx2.Headers, shown: str) -> int:
        self.forget()
        return 0

    def write(self, piece: bytes) -> None:
        self._body += piece

    def end(self, shown: str) -> None:
        pass

    def forget(self) -> None:
        self._body = bytearray()

    @property
    def content(self) -> bytes:
        return bytes(self._body)


class _Disk:
    """What is written goes on where it broke off. Errors of the disk are told apart here: further out, an OSError is
    taken for the network's."""

    def __init__(self, part: Part) -> None:
        self._part = part

    @property
    def kept(self) -> int:
        return self._part.resumable

    def wanted(self) -> Mapping[str, str]:
        return self._part.wanted()

    def begin(self, status: int, url: str, headers: httpx2.Headers, shown: str) -> int:
        try:
            self._part.begin(status, url, headers)
        except OtherVersion as error:
            raise _changed(shown, str(error)) from error
        except OSError as error:
            raise _no_room(error) from error
        return self._part.size

    def write(self, piece: bytes) -> None:
        try:
            self._part.write(piece)
        except OSError as error:
            raise _no_room(error) from error

    def end(self, shown: str) -> None:
        if not self._part.whole:
            raise CutShort(f"{shown} ended after {self._part.size} bytes", "it is asked again at the next run")

    def forget(self) -> None:
        try:
            self._part.forget()
        except OSError as error:
            raise _no_room(error) from error


def _changed(shown: str, why: str) -> Changed:
    return Changed(f"{shown} changed while it was fetched ({why})", "it is asked again, from its beginning")


def _no_room(error: OSError) -> NotWritten:
    return NotWritten(f"what was fetched can't be written ({error.strerror})", "look at the disk's free space")


@dataclass(frozen=True, slots=True)
class _Limits:
    wire_bytes: int
    body_bytes: int
    total_s: float
    allowance: Allowance


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: httpx2.Headers


class Client:
    """Fetches from strangers, many at once, within `Settings`.

    Use it as an asynchronous context manager. `sleep`, `jitter` (a number in [0, 1)) and `resolve` (host and port to
    addresses) are there for tests to replace.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        resolve: Resolver | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings or Settings.from_environment()
        self._sleep = sleep
        self._jitter = jitter
        # asyncio's own look-ups share five threads with everything else: too few for ten thousand hosts.
        self._lookups = ThreadPoolExecutor(max_workers=32, thread_name_prefix="dns")
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=httpx2.create_ssl_context(trust_env=False),
            max_connections=self.settings.max_connections,
            keepalive_expiry=15.0,
            network_backend=_CheckingBackend(self.settings, resolve or self._system_resolver),
        )
        self._slots = asyncio.Semaphore(self.settings.max_connections)
        self._host_slots: weakref.WeakValueDictionary[str, asyncio.Semaphore] = weakref.WeakValueDictionary()
        self._left_alone: dict[str, float] = {}  # until when, by time.monotonic()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.aclose()
        self._lookups.shutdown(wait=False, cancel_futures=True)

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
        total_timeout_s: float | None = None,
        allowance: Allowance | None = None,
    ) -> Reply:
        """Fetch `url`, following redirects, and try passing faults again.

        Args:
            headers: Sent along; to another host than the first only those that can't be secrets.
            max_bytes: Limit for this body, on the wire as decompressed, instead of the two in the settings.
            total_timeout_s: Limit for one exchange, in seconds, instead of the one in the settings.
            allowance: Time that this fetch shares with others.

        Returns:
            A reply with status 200 or 304.

        Raises:
            BadAddress, AddressRefused, NotFound, Refused, UnexpectedAnswer, TooLarge, TooManyRedirects, WrongContent:
                asking again gives the same.
            Timeout, Unreachable, CutShort, ServerFault: it was tried `settings.retries` times more, in vain.
            LeftAlone: it was not asked, since its host (or one that it redirects to) wants to be left alone for now.
        """
        memory = _Memory()
        reply = await self._persist(url, headers, self._limits(max_bytes, total_timeout_s, allowance), memory)
        return replace(reply, content=memory.content)

    async def download(
        self,
        url: str,
        path: Path,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
        total_timeout_s: float | None = None,
        kept: Path | None = None,
    ) -> Download:
        """Fetch `url` into the file `path`, however large it is; memory holds only pieces of it.

        The file takes its place when it is complete, readable by its owner alone. After any failure there is what was
        there before. Passing faults are tried again as `get` does. What breaks off in the middle goes on from there
        (`resumption.py`): such breaks, up to ten, are no tries in vain.

        Args:
            path: Its folder is made where there is none.
            headers, max_bytes: As for `get`.
            total_timeout_s: Limit for all tries and the waits between them, in seconds.
            kept: Where the bytes lie until they are complete. What a passing fault or a kill leaves there is where
                another call goes on; what lasts leaves nothing.

        Raises:
            Changed: it was another file at each try.
            NotWritten: the disk is full, or may not be written to.
            UnexpectedAnswer: with status 304, where `headers` made it a conditional request.
            What `get` raises.
        """
        seconds = total_timeout_s or self.settings.total_timeout_s
        limits = self._limits(max_bytes, seconds, Allowance(seconds))
        # A range is one of the bytes as they are sent, and audio is compressed already.
        sent = {"Accept-Encoding": "identity", **(headers or {})}
        try:
            with receiving(url, path, kept) as part:
                try:
                    reply = await self._persist(url, sent, limits, _Disk(part))
                    if reply.status not in (200, 206):
                        raise UnexpectedAnswer(
                            f"{displayed(reply.url)} answered {reply.status} without a body",
                            "ask for it without a condition",
                            status=reply.status,
                        )
                except (PermanentFailure, NotWritten):
                    part.forget()
                    raise
                # Hundreds of megabytes may have to reach the disk; other fetches go on meanwhile.
                digest = await asyncio.to_thread(part.settle)
                size = part.size
        except OSError as error:
            raise _no_room(error) from error
        return Download(
            path=path, size=size, digest=digest, headers=reply.headers, url=reply.url, redirects=reply.redirects
        )

    def _limits(
        self, max_bytes: int | None, total_timeout_s: float | None, allowance: Allowance | None = None
    ) -> _Limits:
        return _Limits(
            wire_bytes=max_bytes or self.settings.max_wire_bytes,
            body_bytes=max_bytes or self.settings.max_bytes,
            total_s=total_timeout_s or self.settings.total_timeout_s,
            allowance=allowance or Allowance(math.inf),
        )

    async def _persist(self, url: str, headers: Mapping[str, str] | None, limits: _Limits, sink: _Sink) -> Reply:
        """Ask until there is an answer or no hope; the body goes to `sink`, not into the reply."""
        attempt = breaks = 0
        while True:
            before = sink.kept
            try:
                return await self._follow(_checked_address(url), {**(headers or {}), **sink.wanted()}, limits, sink)
            except PassingFault as fault:
                gets_on = sink.kept > before and breaks < _MAX_BREAKS
                breaks, attempt = breaks + gets_on, 0 if gets_on else attempt + 1
                if not fault.retry_now or attempt > self.settings.retries:
                    raise
                if (fault.retry_after_s or 0) > self.settings.max_retry_after_s:
                    raise
                wait_s = self.settings.backoff_s * 2 ** max(attempt - 1, 0) * (0.5 + self._jitter())
                # Everyone who got the same Retry-After would otherwise come back in the same instant.
                wait_s += fault.retry_after_s or 0
                if wait_s >= limits.allowance.left_s:
                    raise
            with limits.allowance.spending():
                await self._sleep(wait_s)

    async def _follow(self, url: httpx2.URL, headers: dict[str, str], limits: _Limits, sink: _Sink) -> Reply:
        redirects: list[tuple[int, str]] = []
        seen = {str(url)}
        shown = displayed(str(url))
        while True:
            try:
                answer = await self._exchange(url, headers, limits, sink)
            except NotFound as failure:
                if failure.gone and not all(status in _PERMANENT for status, _ in redirects):
                    raise NotFound(
                        f"{shown} leads for the moment to what is gone: {failure.what}", "tell the publisher"
                    ) from failure
                raise
            if answer.status not in _REDIRECTS:
                return Reply(
                    status=answer.status,
                    headers=answer.headers,
                    content=b"",
                    url=str(url),
                    redirects=tuple(redirects),
                )
            target = _redirect_target(url, answer)
            if not _same_owner(url, target):
                headers = {name: value for name, value in headers.items() if name.lower() in _HARMLESS_ELSEWHERE}
            url = target
            redirects.append((answer.status, str(url)))
            if str(url) in seen:
                raise TooManyRedirects(
                    f"{shown} redirects in a circle by way of {displayed(str(url))}",
                    "tell the publisher, or remove the address",
                )
            if len(redirects) > self.settings.max_redirects:
                raise TooManyRedirects(
                    f"{shown} redirects more than {self.settings.max_redirects} times", "subscribe to where it leads"
                )
            seen.add(str(url))

    async def _exchange(self, url: httpx2.URL, headers: Mapping[str, str], limits: _Limits, sink: _Sink) -> _Answer:
        """One request and its answer, with every failure told by its type."""
        shown = displayed(str(url))
        host = url.raw_host.decode("ascii")
        async with self._slot(host):
            # Both looked at only now: dozens may have waited for this host's slots while it lost its patience.
            self._heed(host, shown)
            total_s = min(limits.total_s, limits.allowance.left_s)
            if total_s <= 0:
                raise _out_of_time(shown, limits, total_s)
            try:
                with limits.allowance.spending():
                    async with asyncio.timeout(total_s):
                        return await self._ask(url, headers, limits, shown, sink)
            except TimeoutError as error:
                raise _out_of_time(shown, limits, total_s) from error
            except httpcore2.TimeoutException as error:
                raise Timeout(
                    f"{shown} did not answer in time{_detail(error)}", "it is asked again at the next run"
                ) from error
            except _ClosedAddress as closed:
                raise AddressRefused(
                    f"{shown} leads to {closed.address}, which is {closed.why}",
                    f"if this host is yours and meant to be read, name {host} in {ALLOW_PRIVATE_HOSTS}",
                ) from closed
            except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.UnsupportedProtocol, OSError) as error:
                raise Unreachable(
                    f"{shown} can't be reached{_detail(error)}", "check the address; it is asked again at the next run"
                ) from error

    def _heed(self, host: str, shown: str) -> None:
        """Ask nothing of a host that wants to be left alone.

        Only 429 says so of the host: it means that whoever asks has asked too much, whatever for. A 503 is the trouble
        of one thing, a feed that is being made anew say, and its Retry-After is nobody else's.
        """
        left_s = self._left_alone.get(host, 0.0) - time.monotonic()
        if left_s > 0:
            raise LeftAlone(
                f"{shown} was not asked: {host} answered 429 before and wants to be left alone for {left_s:,.0f} s",
                "it is asked at the first run after that",
                retry_now=False,
                retry_after_s=left_s,
            )

    @contextlib.asynccontextmanager
    async def _slot(self, host: str) -> AsyncIterator[None]:
        """Wait for a free place: first the host's, so that nobody waits for a busy host in a place others could use."""
        host_slots = self._host_slots.get(host)
        if host_slots is None:
            host_slots = self._host_slots[host] = asyncio.Semaphore(self.settings.max_per_host)
        async with host_slots, self._slots:
            yield

    async def _ask(
        self, url: httpx2.URL, headers: Mapping[str, str], limits: _Limits, shown: str, sink: _Sink
    ) -> _Answer:
        sent = httpx2.Headers(
            {
                "Host": url.netloc.decode("ascii"),
                "User-Agent": self.settings.user_agent,
                "Accept": "*/*",
                "Accept-Encoding": "gzip, deflate, br, zstd",
            }
        )
        sent.update(headers)
        if url.userinfo:
            sent["Authorization"] = "Basic " + base64.b64encode(unquote_to_bytes(url.userinfo)).decode("ascii")
        timeouts = {
            "connect": self.settings.connect_timeout_s,
            "read": self.settings.read_timeout_s,
            "write": self.settings.read_timeout_s,
            "pool": limits.total_s,
        }
        target = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        async with self._pool.stream("GET", target, headers=sent.raw, extensions={"timeout": timeouts}) as response:
            answer = _Answer(response.status, httpx2.Headers(response.headers))
            if answer.status == 200 or (answer.status == 206 and "range" in sent):
                there = sink.begin(answer.status, str(url), answer.headers, shown)
                await _body(response, answer.headers, limits, shown, sink, there)
                return answer
            await _drain(response)
        if answer.status == 416 and "range" in sent:
            sink.forget()
            raise _changed(shown, "it has no such part any more")
        if answer.status == 304 or (answer.status in _REDIRECTS and "location" in answer.headers):
            return answer
        failure = _failure(answer, shown)
        # A short Retry-After is waited for within the call: nothing else need be put off for it.
        wait_s = (failure.retry_after_s or 0.0) if isinstance(failure, ServerFault) else 0.0
        if answer.status == 429 and wait_s > self.settings.max_retry_after_s:
            self._left_alone[url.raw_host.decode("ascii")] = time.monotonic() + wait_s
        raise failure

    async def _system_resolver(self, host: str, port: int) -> Sequence[str]:
        found = await asyncio.get_running_loop().run_in_executor(
            self._lookups, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return [str(address[0]) for *_, address in found]


async def _body(
    response: httpcore2.Response, headers: httpx2.Headers, limits: _Limits, shown: str, sink: _Sink, there: int
) -> None:
    """Read a body into `sink`, where `there` bytes of it are already."""
    declared = headers.get("content-length", "")
    if declared.isdecimal() and len(declared) < 20 and there + int(declared) > limits.wire_bytes:
        raise _too_large(shown, "announces", limits.wire_bytes)
    decoder = _decoder(headers, shown)
    received = unpacked = there
    try:
        async with contextlib.aclosing(response.aiter_stream()) as stream:
            async for data in stream:
                received += len(data)
                if received > limits.wire_bytes:
                    raise _too_large(shown, "sends", limits.wire_bytes)
                for piece in decoder.decode(data):
                    unpacked += len(piece)
                    if unpacked > limits.body_bytes:
                        raise _too_large(shown, "unpacks to", limits.body_bytes)
                    sink.write(piece)
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        raise CutShort(
            f"{shown} broke off after {received} bytes{_detail(error)}", "it is asked again at the next run"
        ) from error
    except _DECODING_ERRORS as error:
        raise WrongContent(
            f"{shown} is not the {headers.get('content-encoding')} that it claims to be ({error})", "tell the publisher"
        ) from error
    if not decoder.finished:
        raise CutShort(
            f"{shown} ended after {received} bytes, inside its {headers.get('content-encoding')}",
            "it is asked again at the next run",
        )
    sink.end(shown)


async def _drain(response: httpcore2.Response) -> None:
    """Read a short body that nobody wants; closing it unread would cost the connection."""
    received = 0
    with contextlib.suppress(httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException):
        async with contextlib.aclosing(response.aiter_stream()) as stream:
            async for data in stream:
                received += len(data)
                if received > _DRAINED_BYTES:
                    break


def _out_of_time(shown: str, limits: _Limits, total_s: float) -> Timeout:
    """The whole time was spent; spending it again in the same run helps nobody."""
    what = f"{shown} took longer than {limits.total_s:g} s"
    if total_s < limits.total_s != limits.allowance.seconds:
        what = f"{shown} and what was fetched with it took longer than {limits.allowance.seconds:g} s together"
    return Timeout(what, "it is asked again at the next run", retry_now=False)


def _too_large(shown: str, verb: str, limit: int) -> TooLarge:
    return TooLarge(f"{shown} {verb} more than {limit / MEBIBYTE:.4g} MiB", "look at what it serves")


def _detail(error: BaseException) -> str:
    text = str(error).strip()[:200]
    return f" ({text})" if text else ""


def _same_owner(one: httpx2.URL, other: httpx2.URL) -> bool:
    """Whether `other` may be told what `one` was: the same origin, or the same host's step from http to https."""
    if one.raw_host != other.raw_host:
        return False
    if (one.scheme, _port(one)) == (other.scheme, _port(other)):
        return True
    return (one.scheme, _port(one), other.scheme, _port(other)) == ("http", 80, "https", 443)


def _redirect_target(url: httpx2.URL, answer: _Answer) -> httpx2.URL:
    location = answer.headers["location"]
    try:
        target = _checked_address(str(url.join(location.strip())))
    except (httpx2.InvalidURL, ValueError) as error:  # urllib joins them, and stumbles over brackets: `http://h:8]0/`
        raise BadAddress(
            f"{displayed(str(url))} redirects to {displayed(location)}, which is no web address", "tell the publisher"
        ) from error
    # A user and password in a Location come from a stranger; ours go on only to the host that they are for.
    return target.copy_with(userinfo=url.userinfo if _same_owner(url, target) else b"")


def _failure(answer: _Answer, shown: str) -> PermanentFailure | TransientFailure:
    status = answer.status
    if status in (404, 410):
        return NotFound(
            f"{shown} is {'gone for good (410)' if status == 410 else 'not there (404)'}",
            "remove it, or look for its new address",
            gone=status == 410,
        )
    if status in _BUSY or status >= 500:
        return ServerFault(
            f"{shown} answered {status}",
            "it is asked again at the next run",
            retry_now=status in _RETRIED,
            retry_after_s=_retry_after_s(answer.headers.get("retry-after", "")),
            status=status,
        )
    if status in (401, 402, 403, 407, 451):
        return Refused(
            f"{shown} refuses to be read ({status})", "check its token or password, or ask the publisher", status=status
        )
    if 400 <= status < 500:
        return Refused(f"{shown} rejects the request ({status})", "check the address", status=status)
    return UnexpectedAnswer(f"{shown} answered {status}, which is no document", "check the address", status=status)


def _retry_after_s(value: str, now: datetime | None = None) -> float | None:
    """Retry-After in seconds from now, whichever of its two forms it has; None where it has neither."""
    value = value.strip()
    if value.isdecimal():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # the year 99999999999999999999
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - (now or datetime.now(UTC))).total_seconds(), 0.0)
