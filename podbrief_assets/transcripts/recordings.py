"""Keep strangers' audio on this machine's disk, for as long as it is needed and no longer.

Belongs here: the audio store: one file for each recording, by the digest of its bytes, who may read it, when it goes.
Doesn't: the limits on fetching and decoding (`audio.py`), what was heard in a recording (`acquire.py`).

It is a folder that only its owner can enter, and nothing in podbrief serves it to anyone:

    <digest>/<name>           a recording under a name that an operator recognises in what went wrong with it
    addresses/<digest>.json   which recording an address gave, and the validators it came with
    fetching/                 what is on its way (`resumption.py`)

Several processes may share it. Whoever uses a recording holds a shared lock on its file, and only who gets an exclusive
one deletes it.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from podbrief_assets import net
from podbrief_assets.errors import TransientFailure
from podbrief_assets.transcripts import audio

KEEP_AUDIO_DAYS: Final = "PODBRIEF_KEEP_AUDIO_DAYS"
MAX_KEEP_DAYS: Final = 3650

_DAY_S: Final = 86_400
# What a killed run left is what the next one goes on with. Two mornings later nobody will.
_LEFT_OVER_S: Final = 3 * _DAY_S
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class StoreUnusable(TransientFailure):
    """The folder for audio can't be read or written."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A recording in use: it stays where it is until `Recordings.release` or `leave`.

    Attributes:
        path: Where it lies.
        digest: SHA-256 of its bytes, in hex.
    """

    path: Path
    digest: str
    _lock: int

    @property
    def size(self) -> int:
        """Of the file, in bytes."""
        return os.fstat(self._lock).st_size


class Recordings:
    """The audio store in `folder`.

    Args:
        folder: On a disk of this machine.
        keep_days: For how long a recording stays once it was fetched; 0 deletes it as soon as it is released.
    """

    def __init__(self, folder: Path, keep_days: int = 0) -> None:
        self.folder, self.keep_days = folder, keep_days
        self._fetching, self._addresses = folder / "fetching", folder / "addresses"

    async def fetch(self, client: net.Client, address: str, name: str) -> Stored:
        """The recording at `address`: fetched, unless it lies here already and the server says that it is unchanged.

        An address alone says too little: some shows give each episode the same one, and put another file there.

        Args:
            address: May hold secrets; what is kept of it is a digest.
            name: What an operator will recognise the recording by, safe as a file's name.

        Raises:
            StoreUnusable; what `audio.fetch` raises.
        """
        key = hashlib.sha256(address.encode()).hexdigest()
        with _telling():
            digest, condition = self._condition(key)
            try:
                got, folder = await self._download(client, address, key, name, condition)
            except net.UnexpectedAnswer as answer:
                if answer.status != 304 or not condition:
                    raise
                if stored := self.held(digest):
                    return stored
                got, folder = await self._download(client, address, key, name, {})
            stored = self._put(folder, got)
            self._note(key, got)
            return stored

    def held(self, digest: str) -> Stored | None:
        """The recording with these bytes, to be released; None where it is not here."""
        with _telling(), suppress(FileNotFoundError):
            for path in (self.folder / digest).iterdir():
                lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                fcntl.flock(lock, fcntl.LOCK_SH)
                if _is_at(lock, path):
                    return Stored(path, digest, lock)
                os.close(lock)  # deleted while we waited
        return None

    def release(self, stored: Stored) -> None:
        """Nobody here needs it any more: it is deleted, unless recordings are to be kept or another run needs it."""
        self.leave(stored)
        if not self.keep_days:
            with _telling():
                self._delete(stored.path)

    def leave(self, stored: Stored) -> None:
        """It was not used: it stays for the next run."""
        os.close(stored._lock)

    def sweep(self) -> None:
        """Delete what was kept for long enough, and what killed runs left behind.

        Raises:
            StoreUnusable
        """
        with _telling():
            if not self.folder.exists():
                return
            kept_s = self.keep_days * _DAY_S or _LEFT_OVER_S
            for folder in self.folder.iterdir():
                for path in folder.iterdir() if _DIGEST.fullmatch(folder.name) else ():
                    if _age_s(path) > kept_s:
                        self._delete(path)
            for note in self._addresses.glob("*"):
                digest = _read(note).get("digest", "")
                if not (_DIGEST.fullmatch(digest) and (self.folder / digest).exists()):
                    note.unlink(missing_ok=True)
            for path in self._fetching.glob("*"):
                if _age_s(path) > _LEFT_OVER_S:
                    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def _condition(self, key: str) -> tuple[str, dict[str, str]]:
        """Which recording the address gave, and headers that ask for any other; none where it is not here."""
        noted = _read(self._addresses / f"{key}.json")
        digest = noted.get("digest", "")
        if not (_DIGEST.fullmatch(digest) and (self.folder / digest).exists()):
            return "", {}
        if noted.get("etag"):
            return digest, {"If-None-Match": noted["etag"]}
        return digest, {"If-Modified-Since": noted["changed"]} if noted.get("changed") else {}

    async def _download(
        self, client: net.Client, address: str, key: str, name: str, condition: Mapping[str, str]
    ) -> tuple[net.Download, Path]:
        """Fetch into a folder of its own, which `_put` moves into its place."""
        for place in (self.folder, self._fetching):
            place.mkdir(mode=0o700, parents=place == self.folder, exist_ok=True)
        folder = self._fetching / f"{key}.{secrets.token_hex(4)}"
        folder.mkdir(mode=0o700)
        try:
            got = await audio.fetch(
                client, address, folder / name, headers=condition, kept=self._fetching / f"{key}.part"
            )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)  # empty but for what a kill may leave, which `sweep` takes
            raise
        return got, folder

    def _put(self, folder: Path, got: net.Download) -> Stored:
        """Move a folder with a recording into its place, unless its bytes lie there already."""
        place = self.folder / got.digest
        lock = os.open(got.path, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(lock, fcntl.LOCK_SH)  # before anybody can see it, and so delete it
        while True:
            try:
                # Onto a folder only while that is empty, as it is for a moment when its recording is deleted.
                folder.rename(place)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    os.close(lock)
                    raise
                if stored := self.held(got.digest):
                    os.close(lock)
                    shutil.rmtree(folder)
                    return stored
                # It was deleted since, perhaps with its folder: the place is free, or will be.
            else:
                return Stored(place / got.path.name, got.digest, lock)

    def _note(self, key: str, got: net.Download) -> None:
        self._addresses.mkdir(mode=0o700, exist_ok=True)
        noted = {
            "digest": got.digest,
            "etag": got.headers.get("etag", ""),
            "changed": got.headers.get("last-modified", ""),
        }
        (self._addresses / f"{key}.json").write_text(json.dumps(noted))

    def _delete(self, path: Path) -> None:
        try:
            lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            with suppress(BlockingIOError):  # somebody uses it, and deletes it in turn
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(lock, path):
                    path.unlink()
                    with suppress(OSError):  # the same recording came again in this very moment
                        path.parent.rmdir()
        finally:
            os.close(lock)


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnusable(
            f"the folder for audio can't be used ({error.filename}: {error.strerror})",
            "look at its rights and the disk's free space",
        ) from error


def _is_at(number: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(number), path.stat())
    except FileNotFoundError:
        return False


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:  # another run was quicker
        return 0.0


def _read(note: Path) -> dict[str, str]:
    try:
        noted = json.loads(note.read_bytes())
    except (FileNotFoundError, ValueError):  # none, or one that a kill cut short
        return {}
    return {str(name): str(value) for name, value in noted.items()} if isinstance(noted, dict) else {}
