"""Serve the sample network of invented shows on loopback, dated so that it ends yesterday.

Belongs here: `data/sample/` → feeds, transcripts and recordings over HTTP, with the faults that are there on purpose.
Doesn't: what the shows say (`data/sample/`), subscribing to them and running the pipeline (`cli.py`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import sys
import threading
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from xml.sax.saxutils import escape, quoteattr

from podbrief_assets.errors import PermanentFailure, TransientFailure
from podbrief_assets.lake.files import write_bytes

# Where the demonstration serves it: see `serving` for why it is always the same one.
PORT: Final = 8673
DAYS: Final = 3

_FORMS: Final = {
    ".vtt": "text/vtt",
    ".srt": "application/x-subrip",
    ".json": "application/json",
    ".html": "text/html",
}
_AUDIO: Final = "audio/ogg"  # what browsers call Opus in its usual container
_BYTES_PER_S: Final = 2_500
_RANGE: Final = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
_RSS: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" '
    'xmlns:podcast="https://podcastindex.org/namespace/1.0">\n<channel>\n'
)


class NoSample(PermanentFailure):
    """The folder holds no sample."""


class PortTaken(TransientFailure):
    """Another process listens on the port."""


@contextmanager
def serving(folder: Path, today: dt.date, *, port: int = 0) -> Iterator[str]:
    """Serve the sample from a thread of its own; yields its base address, as in `http://127.0.0.1:8673`.

    Shows and episodes carry identifiers of their own, so podbrief names them alike on every port and on every day. But
    podbrief knows a show by its feed's address too, and takes the same show at another one for an impostor: what runs
    twice in one `PODBRIEF_HOME` has to serve the sample on the same port both times, such as `PORT`.

    The client that reads it must be allowed to (`PODBRIEF_ALLOW_PRIVATE_HOSTS=127.0.0.1`).

    Args:
        folder: `data/sample`.
        today: The day in UTC before which the sample's last day lies.
        port: 0 for any that is free.

    Raises:
        NoSample: there is no sample in `folder`.
        PortTaken: something else listens on `port`.
    """
    shows = _shows(folder)
    try:
        server = _Server(("127.0.0.1", port), _Handler)
    except OSError as error:
        raise PortTaken(
            f"port {port} of this machine can't be listened on ({error.strerror})",
            "end what listens there, perhaps another demonstration, and try again",
        ) from error
    base = f"http://127.0.0.1:{server.server_port}"
    server.documents = _documents(folder, shows, base, today)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield base
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def feed_urls(folder: Path, base: str) -> list[str]:
    """The addresses of the sample's feeds below `base`, in the order of `network.toml`.

    Raises:
        NoSample: there is no sample in `folder`.
    """
    return [base + _feed_path(show) for show in _shows(folder)]


def days(today: dt.date) -> list[dt.date]:
    """The days in UTC on which the sample's episodes are published, seen from `today`, the earliest first."""
    return [today - dt.timedelta(days=before) for before in range(DAYS, 0, -1)]


def first_run(home: Path, today: dt.date) -> dt.date:
    """The day that the sample in `home` was first run on, which is remembered there; `today` where it never was.

    Served as of another day, the same episodes would be published on other days: told again as news, beside themselves.
    """
    place = home / "sample-day"
    try:
        return dt.date.fromisoformat(place.read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        write_bytes(place, today.isoformat().encode())
        return today
    except ValueError as error:
        raise NoSample(f"{place} holds no day", f"remove {home} to start the sample anew") from error


# ── the documents ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Document:
    body: bytes
    media_type: str
    etag: str


def _shows(folder: Path) -> list[dict[str, Any]]:
    try:
        text = (folder / "network.toml").read_text(encoding="utf-8")
    except OSError as error:
        raise NoSample(
            f"{folder} holds no sample network ({error.strerror})", "run it in podbrief's folder, as git cloned it"
        ) from error
    shows: list[dict[str, Any]] = tomllib.loads(text)["shows"]
    return shows


def _documents(folder: Path, shows: Sequence[dict[str, Any]], base: str, today: dt.date) -> dict[str, _Document]:
    """Everything that is served, by path. It is small enough to be read at once."""
    found = {
        f"/audio/{path.name}": _document(path.read_bytes(), _AUDIO)
        for path in sorted((folder / "audio").glob("*.opus"))
    }
    for path in sorted((folder / "transcripts").iterdir()):
        if path.suffix in _FORMS:
            found[f"/transcripts/{path.name}"] = _document(path.read_bytes(), _FORMS[path.suffix])
    sizes = {path: len(document.body) for path, document in found.items()}
    for show in shows:
        found[_feed_path(show)] = _document(_feed(show, base, today, sizes), "application/rss+xml")
    return found


def _document(body: bytes, media_type: str) -> _Document:
    return _Document(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def _feed_path(show: Mapping[str, Any]) -> str:
    return f"/feeds/{show['name']}.xml"


def _feed(show: Mapping[str, Any], base: str, today: dt.date, sizes: Mapping[str, int]) -> bytes:
    """The show's feed, the newest episode first; `sizes` are those of the recordings, in bytes by path."""
    published = days(today)
    dated = [(published[episode["day"] - 1], episode) for episode in show["episodes"]]
    dated += [(published[0] - dt.timedelta(weeks=episode["weeks"]), episode) for episode in show.get("older", [])]
    dated.sort(key=lambda entry: entry[0], reverse=True)
    parts = [
        _RSS,
        _element("title", show["title"]),
        _element("link", f"https://{show['name']}.example/"),
        _element("description", show["description"]),
        _element("language", "en"),
        _element("itunes:author", show["author"]),
        "<itunes:explicit>false</itunes:explicit>\n",
        *(f"<itunes:category text={quoteattr(category)}/>\n" for category in show["categories"]),
        _element("podcast:guid", show["guid"]),
        *(_item(day, episode, show, base, sizes) for day, episode in dated),
        "</channel>\n</rss>\n",
    ]
    document = "".join(parts)
    if show.get("breaks_off"):
        # In the middle of the last item: XML that ends too early, in an answer that is as long as it says.
        document = document[: (document.rindex("<item>") + document.rindex("</item>")) // 2]
    return document.encode()


def _item(
    day: dt.date, episode: Mapping[str, Any], show: Mapping[str, Any], base: str, sizes: Mapping[str, int]
) -> str:
    published = dt.datetime.combine(day, dt.time.fromisoformat(episode["time"]), tzinfo=dt.UTC)
    audio = f"/audio/{episode['name']}.opus"
    size = sizes.get(audio, episode["duration_s"] * _BYTES_PER_S)
    parts = [
        _element("title", episode["title"]),
        f'<guid isPermaLink="false">{escape(episode["guid"])}</guid>\n',
        _element("link", f"https://{show['name']}.example/{episode['name']}"),
        _element("pubDate", format_datetime(published)),
        _element("itunes:episode", str(episode["number"])),
        _element("itunes:duration", str(episode["duration_s"])),
        f'<enclosure url={quoteattr(base + audio)} length="{size}" type="{_AUDIO}"/>\n',
        *(f'<podcast:person role="host">{escape(name)}</podcast:person>\n' for name in episode["hosts"]),
        *(f'<podcast:person role="guest">{escape(name)}</podcast:person>\n' for name in episode.get("guests", [])),
    ]
    if transcript := episode.get("transcript"):
        parts.append(
            f'<podcast:transcript url={quoteattr(f"{base}/{transcript}")} type="{_FORMS[Path(transcript).suffix]}"/>\n'
        )
    parts.append(f"<description><![CDATA[{episode['notes'].strip()}]]></description>\n")
    return "<item>\n" + "".join(parts) + "</item>\n"


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>\n"


# ── HTTP ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    documents: Mapping[str, _Document] = {}  # set once the port, and so every address in them, is known

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Players hang up in the middle of a recording whenever somebody jumps to another second.
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    server: _Server

    def log_message(self, *_: object) -> None:
        """Nothing: the terminal belongs to whoever serves."""

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        document = self.server.documents.get(urlsplit(self.path).path)
        if document is None:
            self._send(HTTPStatus.NOT_FOUND, b"There is nothing here.\n", {"Content-Type": "text/plain"})
            return
        headers = {"Content-Type": document.media_type, "ETag": document.etag, "Accept-Ranges": "bytes"}
        size = len(document.body)
        if self.headers.get("If-None-Match") in {document.etag, "*"}:
            self._send(HTTPStatus.NOT_MODIFIED, b"", headers)
        elif (wanted := self._range(document, size)) is None:
            self._send(HTTPStatus.OK, document.body, headers)
        elif not wanted:
            self._send(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, b"", {**headers, "Content-Range": f"bytes */{size}"})
        else:
            part = {"Content-Range": f"bytes {wanted.start}-{wanted.stop - 1}/{size}"}
            self._send(HTTPStatus.PARTIAL_CONTENT, document.body[wanted.start : wanted.stop], {**headers, **part})

    def _range(self, document: _Document, size: int) -> range | None:
        """The bytes that are asked for, empty where there are none such; None where all of them are wanted.

        A header that asks for several stretches, or for nothing that can be read, is passed over, as HTTP allows.
        """
        asked = _RANGE.fullmatch(self.headers.get("Range", ""))
        if not asked or not (asked[1] or asked[2]) or self.headers.get("If-Range", document.etag) != document.etag:
            return None
        if not asked[1]:
            return range(max(size - int(asked[2]), 0), size)
        if asked[2] and int(asked[2]) < int(asked[1]):
            return None
        return range(int(asked[1]), min(int(asked[2]) + 1, size) if asked[2] else size)

    def _send(self, status: HTTPStatus, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
