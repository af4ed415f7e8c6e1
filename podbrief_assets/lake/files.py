"""Put a file in its place in one step, on a disk or an object store.

Belongs here: the one way in which podbrief replaces a file that others may be reading, and the lock for a file that
several processes change.
Doesn't: what is in the file.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from upath import UPath

from podbrief_assets.errors import TransientFailure


class FileLocked(TransientFailure):
    """Another process is changing the file, and does not come to an end."""


def is_local(path: UPath | Path) -> bool:
    """Whether `path` lies on a disk of this machine."""
    return isinstance(path, Path) or path.protocol in ("", "file", "local")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; it takes the place of `path` when the block ends without an error.

    Its name starts with a dot and has a suffix of its own, so no glob over Parquet files finds a half-written one. The
    bytes reach the disk before the name does: after a power cut there is the old file or the new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        yield beside
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def placing(path: UPath | Path) -> Iterator[Path]:
    """Yield a file of this machine to write to; it takes the place of `path`, wherever that lies, when the block ends.

    On an object store it is uploaded, which is atomic there: a reader sees what was there before, or all of it.
    """
    if is_local(path):
        with replacing(Path(str(path))) as beside:
            yield beside
        return
    with tempfile.TemporaryDirectory(prefix="podbrief-") as folder:
        beside = Path(folder) / "file"
        yield beside
        path.fs.put_file(str(beside), path.path)  # type: ignore[union-attr]


@contextmanager
def locked(path: Path, wait_s: float = 20.0) -> Iterator[None]:
    """Hold a file of this machine while it is read, changed and put back, so that no other change is lost.

    It only keeps out who asks for the lock as well. The lock is a file beside it that stays: `path` itself is another
    file after each change, and whoever waited would hold the one that is gone.

    Raises:
        FileLocked: Somebody else held it for all of `wait_s`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Opened for reading, which is enough to lock it, so that what root created locks out nobody.
    number = os.open(path.with_name(f".{path.name}.lock"), os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        limit = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > limit:
                    raise FileLocked(
                        f"{path} is being changed by another process",
                        "try again in a moment; if it stays so, look for a podbrief that was stopped",
                    ) from error
                time.sleep(0.02)
        yield
    finally:
        os.close(number)  # and with it goes the lock, as it does when the process is killed


def made_once(path: Path, content: Callable[[], str]) -> None:
    """Make a secret file of this machine with what `content` gives, unless it is there; its owner alone may read it.

    Of two processes that start at once, the second finds the first one's.

    Raises:
        FileLocked: Another process is making it, and does not come to an end.
    """
    if not path.exists():
        with locked(path):
            if not path.exists():
                write_bytes(path, content().encode(), new_mode=0o600)


def write_bytes(path: UPath | Path, content: bytes, *, new_mode: int | None = None) -> None:
    """Write `content` to `path`; a reader sees what was there before or all of it.

    Args:
        new_mode: Given for a file of this machine that may hold secrets: it has the rights and the owner of the one
            that it replaces from the moment it exists, and these rights where there was none. Left out, it has what
            the process gives to any new file.
    """
    if is_local(path):
        place = Path(str(path))
        with replacing(place) as beside:
            if new_mode is not None:
                _create_like(beside, place, new_mode)
            beside.write_bytes(content)
    else:  # a single put is atomic on an object store, and a rename would be a copy
        path.write_bytes(content)


def _create_like(path: Path, like: Path, new_mode: int) -> None:
    """Create `path`, empty, with the rights and the owner of `like`; with `new_mode` where there is no `like`."""
    there = like.stat() if like.exists() else None
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        if there is not None:
            for owner in (-1, there.st_uid):  # nobody but root may give a file away; a group can be kept all the same
                with suppress(PermissionError):
                    os.fchown(number, owner, there.st_gid)
        os.fchmod(number, new_mode if there is None else there.st_mode & 0o7777)
    finally:
        os.close(number)
