"""Keep what came of a download that broke off, so that it goes on where it stopped.

Belongs here: telling one version of a file from another, the range to ask for, what an answer to it has to say, and the
first bytes of a file on disk with the note that says whose they are.
Doesn't: HTTP (`net.py`); what is downloaded, and for how long its first bytes are kept (`transcripts/recordings.py`).

Bytes of two versions must never meet in one file: an episode's advertising is put in anew for each listener, and a
publisher replaces a file without telling anyone. So bytes are added only where the server itself says, by a strong
validator in `If-Range` (RFC 9110, sections 8.8 and 13.1.5), that they belong to the same ones.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from io import FileIO
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx2

# Weak ones begin with W/ and say only that two files mean the same.
_STRONG_ETAG: Final = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')
_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
# A file may change twice within the second that a date can tell; RFC 7232 asked for a minute's distance.
_SETTLED: Final = timedelta(minutes=1)


class OtherVersion(Exception):
    """What comes is not the rest of what is there."""


@dataclass(frozen=True, slots=True)
class Version:
    """What tells a file's bytes from those of any other version of it.

    Attributes:
        place: A digest of the host and the path that sent it. Validators are one server's own, and the query is left
            out, since it is where a CDN puts a signature that is another one each time. A digest, since the address of
            a private show holds a token.
        validator: For `If-Range`: a strong ETag, or a date where there is no ETag at all.
        total: Bytes in all, where they are known.
    """

    place: str
    validator: str
    total: int | None


def version_of(url: str, headers: httpx2.Headers) -> Version | None:
    """The version that an answer with status 200 begins to send; None where no later answer can be held against it."""
    validator = _validator(headers)
    encoded = headers.get("content-encoding", "identity").strip().lower() not in ("", "identity")
    if validator is None or encoded or headers.get("accept-ranges", "").strip().lower() == "none":
        return None
    length = headers.get("content-length", "").strip()
    return Version(_place(url), validator, int(length) if re.fullmatch(r"\d{1,18}", length) else None)


def _validator(headers: httpx2.Headers) -> str | None:
    if etag := headers.get("etag", "").strip():
        return etag if _STRONG_ETAG.fullmatch(etag) else None
    changed = headers.get("last-modified", "").strip()
    try:
        settled = parsedate_to_datetime(headers.get("date", "")) - parsedate_to_datetime(changed) >= _SETTLED
    except (ValueError, OverflowError, TypeError):  # one of the two is no date, or only one of them has a zone
        return None
    return changed if settled else None


def _place(url: str) -> str:
    parts = urlsplit(url)
    return hashlib.sha256(f"{parts.hostname}:{parts.port}{parts.path}".encode()).hexdigest()


class Part:
    """A file that is on its way.

    Attributes:
        size: How many of its bytes are there.
    """

    def __init__(self, url: str, file: FileIO, note: Path | None) -> None:
        self._asked = hashlib.sha256(url.encode()).hexdigest()
        self._file, self._note = file, note
        self._version = self._noted()
        self._ends_at: int | None = None
        self.size = file.seek(0, os.SEEK_END)
        total = self._version.total if self._version else None
        if self._version is None or (total is not None and self.size > total):
            self.forget()
        elif total:
            # Killed after the last byte and before it took its place: no range would be left to ask for.
            self._cut_to(min(self.size, total - 1))

    @property
    def resumable(self) -> int:
        """How many bytes need not be asked for again."""
        return self.size if self._version else 0

    @property
    def whole(self) -> bool:
        """Whether the last answer gave all that it promised, and no more is missing."""
        return self._ends_at is None or self.size == self._ends_at

    def wanted(self) -> dict[str, str]:
        """Headers that ask for the rest, or, where the file has changed, for all of it."""
        if self._version is None or not self.size:
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": self._version.validator}

    def begin(self, status: int, url: str, headers: httpx2.Headers) -> None:
        """Get ready for the body of an answer.

        Raises:
            OtherVersion: a 206 that is not the rest of what is there, which is gone then.
            OSError: of the disk.
        """
        if status != 206:
            self.forget()
            self._version = version_of(url, headers)
            self._ends_at = self._version.total if self._version else None
            self._write_note()
            return
        try:
            self._ends_at = self._end_of_rest(url, headers)
        except OtherVersion:
            self.forget()
            raise

    def _end_of_rest(self, url: str, headers: httpx2.Headers) -> int:
        version = self._version
        found = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
        if version is None or found is None:
            raise OtherVersion("it sends a part that nobody can place")
        start, end = int(found[1]), int(found[2])
        total = None if found[3] == "*" else int(found[3])
        if start != self.size or end < start or (total is not None and end >= total):
            raise OtherVersion(f"it sends another part than the one from byte {self.size:,} on")
        if total is not None and version.total is not None and total != version.total:
            raise OtherVersion(f"it had {version.total:,} bytes before and has {total:,} now")
        if _place(url) != version.place:
            raise OtherVersion("another server answers now")
        etag, changed = headers.get("etag", "").strip(), headers.get("last-modified", "").strip()
        by_etag = version.validator.startswith('"')
        if (etag and etag != version.validator) or (changed and not by_etag and changed != version.validator):
            raise OtherVersion("it has changed")
        if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise OtherVersion("it sends it in another encoding now")
        return version.total or total or end + 1

    def write(self, piece: bytes) -> None:
        """Add bytes.

        Raises:
            OSError: of the disk.
        """
        rest = memoryview(piece)
        while rest:
            written = self._file.write(rest)
            self.size += written
            rest = rest[written:]

    def forget(self) -> None:
        """Begin anew: what is there is worth nothing."""
        self._version = self._ends_at = None
        # The note first: a kill in between leaves bytes that nobody takes for anything.
        if self._note:
            self._note.unlink(missing_ok=True)
        self._cut_to(0)

    def settle(self) -> str:
        """See to it that the bytes reach the disk; their SHA-256, in hex. Takes a second for hundreds of megabytes."""
        os.fsync(self._file.fileno())
        self._file.seek(0)
        return hashlib.file_digest(self._file, "sha256").hexdigest()

    def _cut_to(self, size: int) -> None:
        self._file.truncate(size)
        self.size = self._file.seek(size)

    def _noted(self) -> Version | None:
        if self._note is None:
            return None
        try:
            noted = json.loads(self._note.read_bytes())
            return Version(**noted["version"]) if noted["asked"] == self._asked else None
        except (FileNotFoundError, ValueError, KeyError, TypeError):  # none, or one that a kill cut short
            return None

    def _write_note(self) -> None:
        if self._note and self._version:
            self._note.write_text(json.dumps({"asked": self._asked, "version": asdict(self._version)}))


@contextmanager
def receiving(url: str, path: Path, kept: Path | None = None) -> Iterator[Part]:
    """Yield where the bytes of `url` go; they take the place of `path` when the block ends without an error.

    Nobody but their owner may read them.

    Args:
        kept: Where they lie until then. After an error, or a kill, they stay there, with a note beside them, and the
            next call goes on from there, provided that a later answer can be held against them. Left out, or while
            another process is at it, they lie beside `path` and nothing stays.

    Raises:
        OSError: of the disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside, file = kept, _exclusively(kept) if kept else None
    if beside is None or file is None:
        beside = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
        file, kept = _opened(beside), None
    note = kept.with_name(f"{kept.name}.json") if kept else None
    with file:
        part, placed = None, False
        try:
            part = Part(url, file, note)
            yield part
            beside.replace(path)
            placed = True
        finally:
            if placed or not (note and part and part.resumable):
                if note:
                    note.unlink(missing_ok=True)
                if not placed:
                    beside.unlink(missing_ok=True)


def _exclusively(path: Path) -> FileIO | None:
    """`path`, opened for nobody but us; None where somebody else is writing to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = _opened(path)
    with suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held the lock may have moved the file to its place meanwhile: then this is theirs, and finished.
        if os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return file
    file.close()
    return None


def _opened(path: Path) -> FileIO:
    return FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")
