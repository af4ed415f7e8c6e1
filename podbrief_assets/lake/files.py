"""Put a file in its place in one step, on a disk or an object store.

Belongs here: the one way in which podbrief replaces a file that others may be reading.
Doesn't: what is in the file.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from upath import UPath


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


def write_bytes(path: UPath | Path, content: bytes) -> None:
    """Write `content` to `path`; a reader sees what was there before or all of it."""
    if is_local(path):
        with replacing(Path(str(path))) as beside:
            beside.write_bytes(content)
    else:  # a single put is atomic on an object store, and a rename would be a copy
        path.write_bytes(content)
