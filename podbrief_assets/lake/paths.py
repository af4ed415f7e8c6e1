"""Where everything lies below `PODBRIEF_HOME`.

Belongs here: the addresses of the lake, the cache, the outbox, the databases and Dagster's state.
Doesn't: what is in them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from upath import UPath


@dataclass(frozen=True)
class Home:
    """The folders and addresses of one installation.

    Attributes:
        root: `PODBRIEF_HOME`, a folder of this machine: Dagster's state and SQLite need a disk.
        lake: `PODBRIEF_LAKE`, any fsspec address.
        cache: `PODBRIEF_CACHE`, any fsspec address, so that workers can share it.
        outbox: Where mails are written to.
        database_url: `PODBRIEF_DATABASE_URL`, an SQLAlchemy address.
    """

    root: Path
    lake: UPath
    cache: UPath
    outbox: Path
    database_url: str

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Home:
        """The installation that the environment names; `data/` below the current folder by default."""
        environ = os.environ if environ is None else environ
        root = Path(environ.get("PODBRIEF_HOME") or "data").expanduser().resolve()
        return cls(
            root=root,
            lake=UPath(environ.get("PODBRIEF_LAKE") or root / "lake"),
            cache=UPath(environ.get("PODBRIEF_CACHE") or root / "cache"),
            outbox=root / "outbox",
            database_url=environ.get("PODBRIEF_DATABASE_URL") or f"sqlite:///{root / 'podbrief.sqlite'}",
        )

    @property
    def subscriptions(self) -> Path:
        """The list of subscribed shows."""
        return self.root / "shows.opml"

    @property
    def audio(self) -> Path:
        """The recordings that are on this machine, wherever the shared cache lies."""
        return self.root / "cache" / "audio"

    @property
    def vectors(self) -> UPath:
        """The cache of sentences' vectors, those of readers' interests among them."""
        return self.cache / "embeddings"

    @property
    def brief_ranges(self) -> UPath:
        """Briefs of the day that is being made, in ranges of subscribers."""
        return self.cache / "briefs"

    @property
    def suppression_key(self) -> Path:
        """The key of the list of who was forgotten."""
        return self.root / "suppression.key"

    @property
    def warehouse(self) -> Path:
        """The DuckDB file."""
        return self.root / "podbrief.duckdb"

    @property
    def dagster(self) -> Path:
        """What Dagster calls DAGSTER_HOME."""
        return self.root / "dagster"
