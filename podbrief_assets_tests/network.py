"""A small podcast network on loopback, whose every answer a test can change.

Belongs here: feeds and transcripts in our own words, served over real HTTP, and faults on request.
Doesn't: real shows (../shared/corpus and its replay have those).
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape, quoteattr

# What the extractor is sure of: one speaker's whole sentences that name things, give numbers and a cause. Around them
# stands what it must leave out: greetings, second person, a sponsor.
CLAIMS = {
    "buses": "Rotterdam replaced 340 diesel buses with electric buses in 2024, because the maintenance cost per kilometre "
    "fell by half. The transport authority of Rotterdam therefore saves more money on brakes than on diesel.",
    "chips": "Nvidia sold more graphics chips in 2024 than Intel sold processors, because training a language model needs "
    "thousands of graphics chips. Most data centers in Virginia therefore spend more on electricity than on servers.",
    "sleep": "Harvard researchers measured the sleep of 4,000 nurses and found that night shifts raise blood pressure by "
    "12 percent. Hospitals in Boston therefore moved most night shifts to younger nurses in 2023.",
    "wheat": "Ukraine exported 18 million tons of wheat through Romania in 2023, because insurance for ships in the Black Sea "
    "cost more than the wheat itself. The railway company of Romania doubled the number of freight trains.",
}
_BEFORE = "Hello and welcome back to the show, everybody. How are you doing today, and what have you been reading?"
_SPONSOR = (
    "This episode is brought to you by Mattressly. Go to mattressly.com slash show and use code SHOW for 20 percent off. "
    "That's mattressly.com slash show. Terms apply."
)
_AFTER = "You know, it is what it is. Thanks so much for listening, and see you next week."


def words(claim: str) -> list[str]:
    """What is said in an episode about `claim`, sentence group by sentence group."""
    return [_BEFORE, CLAIMS.get(claim, claim), _SPONSOR, _AFTER]


def vtt(claim: str, speaker: str = "Dana Reyes") -> bytes:
    cues = []
    for number, text in enumerate(words(claim)):
        start = 30 * number
        cues.append(
            f"00:{start // 60:02}:{start % 60:02}.000 --> 00:{(start + 25) // 60:02}:{(start + 25) % 60:02}.000"
        )
        cues.append(f"<v {speaker}>{text}\n")
    return ("WEBVTT\n\n" + "\n".join(cues)).encode()


def srt(claim: str) -> bytes:
    cues = []
    for number, text in enumerate(words(claim)):
        start = 30 * number
        cues.append(f"{number + 1}\n00:00:{start:02},000 --> 00:00:{start + 20:02},000\n{text}\n")
    return (
        "\n".join(cues)
        .replace("00:00:60", "00:01:00")
        .replace("00:00:80", "00:01:20")
        .replace("00:00:90", "00:01:30")
        .replace("00:00:110", "00:01:50")
        .encode()
    )


@dataclass
class Item:
    """One item of a feed; `transcript` is a path, or None."""

    guid: str
    published: datetime | str | None
    title: str = "An episode"
    transcript: str | None = None
    transcript_type: str = "text/vtt"


@dataclass
class Answer:
    """What a path answers."""

    body: bytes
    media_type: str = "text/plain"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Network:
    """Paths and their answers; a path that has none is a 404. `requests` counts what was asked, `hits` each path."""

    answers: dict[str, Answer | Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    base: str = ""
    log: list[tuple[str, int]] = field(default_factory=list)

    def feed(self, name: str, items: list[Item], guid: str | None = None) -> str:
        """Serve a show's feed; returns its address."""
        parts = [
            '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" '
            'xmlns:podcast="https://podcastindex.org/namespace/1.0"><channel>'
            f"<title>{escape(name.title())} Hour</title><link>{self.base}/{name}</link><language>en</language>"
            f"<podcast:guid>{guid or hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()}</podcast:guid>"
        ]
        for item in items:
            date = format_datetime(item.published) if isinstance(item.published, datetime) else item.published
            parts.append(
                f"<item><title>{escape(item.title)}</title><guid>{escape(item.guid)}</guid>"
                + (f"<pubDate>{date}</pubDate>" if date else "")
                + f'<enclosure url="{self.base}/audio/{item.guid}.mp3" length="1" type="audio/mpeg"/>'
                + (
                    f"<podcast:transcript url={quoteattr(self.base + item.transcript)} type={quoteattr(item.transcript_type)}/>"
                    if item.transcript
                    else ""
                )
                + "</item>"
            )
        path = f"/{name}.xml"
        self.answers[path] = Answer("".join([*parts, "</channel></rss>"]).encode(), "application/rss+xml")
        return self.base + path

    def hits(self) -> Counter[str]:
        """How often each path was asked for since the last `forget`."""
        return Counter(path for path, _ in self.log)

    def statuses(self) -> Counter[int]:
        """How often each status was given since the last `forget`."""
        return Counter(status for _, status in self.log)

    def forget(self) -> None:
        """Start counting anew."""
        self.log.clear()


@contextmanager
def serving() -> Iterator[Network]:
    """Serve a network from a thread on a port of its own."""
    network = Network()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            answer = network.answers.get(path, Answer(b"nothing here", status=404))
            if callable(answer):
                network.log.append((path, 0))
                answer(self)
                return
            etag = f'"{hashlib.md5(answer.body, usedforsecurity=False).hexdigest()}"'
            known = answer.status == 200 and self.headers.get("If-None-Match") == etag
            status = 304 if known else answer.status
            network.log.append((path, status))
            self.send_response(status)
            body = b"" if known else answer.body
            for name, value in {"Content-Type": answer.media_type, "ETag": etag, **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    network.base = f"http://127.0.0.1:{server.server_port}"
    try:
        yield network
    finally:
        server.shutdown()
        server.server_close()
