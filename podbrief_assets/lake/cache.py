"""Remember what was expensive, by what it depends on.

Belongs here: a store of bytes under digests, on any fsspec address, so that workers can share it.
Doesn't: what the bytes mean; each stage makes its own keys and reads its own values.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard
from upath import UPath

from podbrief_assets.lake import files

MAX_VALUE_BYTES = 256 * 2**20


def key_of(**parts: Any) -> str:
    """The key for a result that depends on `parts` (JSON values) and nothing else."""
    canonical = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True)
class Cache:
    """Values under keys below `root`; a value is whole or absent, never half there."""

    root: UPath | Path

    def section(self, name: str) -> Cache:
        """A cache of its own within this one."""
        return Cache(self.root / name)

    def _place(self, key: str) -> UPath | Path:
        return self.root / key[:2] / f"{key}.zst"

    def get(self, key: str) -> bytes | None:
        """The value, or None. A damaged file counts as absent: it is made again and replaced."""
        try:
            packed = self._place(key).read_bytes()
            return zstandard.ZstdDecompressor().decompress(packed, max_output_size=MAX_VALUE_BYTES)
        except (FileNotFoundError, zstandard.ZstdError):
            return None

    def put(self, key: str, value: bytes) -> None:
        """Store `value`, replacing what was there."""
        place = self._place(key)
        files.write_bytes(place, zstandard.ZstdCompressor(level=6).compress(value))

    def drop(self, key: str) -> None:
        """Forget the value, if there is one."""
        self._place(key).unlink(missing_ok=True)

    def get_json(self, key: str) -> Any | None:
        """The value as JSON, or None."""
        value = self.get(key)
        return None if value is None else json.loads(value)

    def put_json(self, key: str, value: Any) -> None:
        """Store a JSON value."""
        self.put(key, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
