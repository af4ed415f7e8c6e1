"""The lake: tables as Parquet files below one address.

Belongs here: where a table's files lie, reading days of it lazily, replacing one day in one step, appending to a log,
which files of a log count.
Doesn't: what the columns are (`tables.py`), whether rows keep the rules (`contract.py`), merging a log's files
(`compaction.py`), Dagster (`io_manager.py`).
"""

from __future__ import annotations

import datetime as dt
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl
from upath import UPath

from podbrief_assets.lake import files
from podbrief_assets.lake.tables import TABLES, Table

# Schemes that Polars reads by itself, in parallel and by column; any other goes through fsspec, whole files at a time.
_POLARS_SCHEMES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl")
_DAY = re.compile(r"date=(\d{4}-\d{2}-\d{2})$")
# A log's file that holds the rows of others says so in its name, and which they are in its footer.
MERGED = "merged="
MERGED_KEY = "podbrief.merged"


@dataclass(frozen=True)
class Merged:
    """What a merged file of a log says of itself.

    Attributes:
        since: When it counts from, in seconds since the epoch, for readers that look at the files more than once.
        rows: The names of the files whose rows it holds, and how many those are.
    """

    since: float
    rows: Mapping[str, int]

    def to_json(self) -> str:
        """As the file's footer has it."""
        return json.dumps({"since": self.since, "rows": dict(self.rows)})

    @classmethod
    def of(cls, path: UPath) -> Merged | None:
        """What the footer of the file at `path` says; None for a file that holds no others."""
        with path.open("rb") as file:
            said = pl.read_parquet_metadata(file).get(MERGED_KEY)
        return cls(**json.loads(said)) if said else None


def live(paths: Sequence[UPath]) -> list[UPath]:
    """Those of a log's files that count: each row once, whatever the moment at which they were listed.

    A merged file appears in one step and the files that it holds stay for a day, so a listing has a file, or the merged
    file that holds it, or both; of both the merged one counts.
    """
    replaced: set[str] = set()
    for path in paths:
        # Footers are read only while there is something that they could replace.
        if any(may_hold(path.name, other.name) for other in paths):
            merged = Merged.of(path)
            replaced |= set(merged.rows) if merged else set()
    return sorted((path for path in paths if path.name not in replaced), key=str)


def may_hold(merged: str, name: str) -> bool:
    """Whether a file of a log can be a merged one that holds the file `name`, by their names."""
    period = period_of(merged) if merged.startswith(MERGED) else ""
    return bool(period) and name != merged and period_of(name).startswith(period)


def period_of(name: str) -> str:
    """What the name of a log's file says of when its rows were seen: a day or a month as in ISO 8601, else nothing."""
    found = re.match(r"(?:seen=(\d{4})(\d{2})(\d{2})T|merged=(\d{4})-(\d{2})(?:-(\d{2}))?\.)", name)
    return "-".join(part for part in found.groups() if part) if found else ""


@dataclass(frozen=True)
class Lake:
    """The tables below `root`."""

    root: UPath

    def folder(self, table: Table, *, rejected: bool = False) -> UPath:
        """The folder of a table's files, or of the rows of it that broke a rule."""
        folder = self.root / (table.rejected_name if rejected else table.name)
        return folder / table.variant if table.variant else folder

    def file(self, table: Table, day: dt.date | None, *, rejected: bool = False) -> UPath:
        """The file of one day, or of the whole table where it isn't partitioned."""
        folder = self.folder(table, rejected=rejected)
        return (folder / f"date={day:%Y-%m-%d}" if day else folder) / "part-0.parquet"

    def days(self, table: Table) -> list[dt.date]:
        """The days that exist, in order."""
        folder = self.folder(table)
        if not folder.exists():
            return []
        found = (_DAY.search(str(child).rstrip("/")) for child in folder.iterdir())
        return sorted(dt.date.fromisoformat(match[1]) for match in found if match)

    def scan(self, name: str, days: Iterable[dt.date] | None = None, *, rejected: bool = False) -> pl.LazyFrame:
        """A table's rows, lazily: of `days` where given (missing ones are skipped), else all of them.

        Columns that an old file lacks are null; columns that the contract no longer has are left out.
        """
        table = TABLES[name]
        if table.layout == "day" and not rejected:
            wanted = self.days(table) if days is None else sorted(set(days) & set(self.days(table)))
            paths = [self.file(table, day) for day in wanted]
        elif table.layout == "whole" and not rejected:
            paths = [path for path in [self.file(table, None)] if path.exists()]
        elif table.layout == "log":
            paths = live(self.log_files(table, rejected=rejected))
        else:
            paths = sorted(self.folder(table, rejected=rejected).glob("**/*.parquet"), key=str)
        return self._scan(paths, rejected_schema(table) if rejected else table.polars_schema)

    def _scan(self, paths: list[UPath], schema: pl.Schema) -> pl.LazyFrame:
        if not paths:
            return pl.LazyFrame(schema=schema)
        if files.is_local(self.root) or self.root.protocol in _POLARS_SCHEMES:
            frame = pl.scan_parquet(
                [str(path) for path in paths],
                schema=schema,
                missing_columns="insert",
                extra_columns="ignore",
                hive_partitioning=False,
                glob=False,
            )
        else:
            frame = self.union(paths)
            have = frame.collect_schema().names()
            frame = frame.select(
                pl.col(column).cast(dtype) if column in have else pl.lit(None, dtype).alias(column)
                for column, dtype in schema.items()
            )
        return frame.select(schema.names())

    def log_files(self, table: Table, *, rejected: bool = False) -> list[UPath]:
        """Every file of a log, those among them that a merged file holds (`live` tells them apart)."""
        return list(self.folder(table, rejected=rejected).glob("*.parquet"))

    def union(self, paths: Sequence[UPath]) -> pl.LazyFrame:
        """The rows of `paths` with every column that any of them has, also those that no contract knows any more."""
        if files.is_local(self.root) or self.root.protocol in _POLARS_SCHEMES:
            parts = [pl.scan_parquet(str(path), hive_partitioning=False, glob=False) for path in paths]
        else:
            parts = [pl.read_parquet(io.BytesIO(path.read_bytes())).lazy() for path in paths]
        return pl.concat(parts, how="diagonal_relaxed")

    def write(
        self, table: Table, frame: pl.DataFrame | pl.LazyFrame, day: dt.date | None = None, *, rejected: bool = False
    ) -> UPath:
        """Replace one day of a table (the whole of one that isn't partitioned) in one step; returns its file."""
        path = self.file(table, day, rejected=rejected)
        self.put(path, frame)
        return path

    def append(self, table: Table, frame: pl.DataFrame, name: str, *, rejected: bool = False) -> UPath | None:
        """Add a file to a log; nothing where there are no rows. The same `name` replaces what it wrote before."""
        if frame.is_empty():
            return None
        path = self.folder(table, rejected=rejected) / f"{name}.parquet"
        self.put(path, frame)
        return path

    def clear_rejected(self, table: Table, day: dt.date | None) -> None:
        """Forget the rejected rows of a day that has none any more."""
        self.file(table, day, rejected=True).unlink(missing_ok=True)

    def put(self, path: UPath, frame: pl.DataFrame | pl.LazyFrame) -> None:
        """Put `frame` at `path` in one step."""
        # Into an open file: given a path, a sink that fails may make the file after its error was raised, and leave it.
        with files.placing(path) as beside, beside.open("wb") as file:
            if isinstance(frame, pl.LazyFrame):
                frame.sink_parquet(file, compression="zstd")
            else:
                frame.write_parquet(file, compression="zstd")


def rejected_schema(table: Table) -> pl.Schema:
    """A rejected row: the table's columns, and the rules that it broke."""
    columns = {name: dtype for name, dtype in table.polars_schema.items() if name != "date"}
    tail = {"date": pl.Date()} if "date" in table.polars_schema else {}
    return pl.Schema({**columns, "rule": pl.String(), **tail})
