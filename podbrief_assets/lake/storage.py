"""The lake: tables as Parquet files below one address.

Belongs here: where a table's files lie, reading days of it lazily, replacing one day in one step, appending to a log.
Doesn't: what the columns are (`tables.py`), whether rows keep the rules (`contract.py`), Dagster (`io_manager.py`).
"""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from upath import UPath

from podbrief_assets.lake import files
from podbrief_assets.lake.tables import TABLES, Table

# Schemes that Polars reads by itself, in parallel and by column; any other goes through fsspec, whole files at a time.
_POLARS_SCHEMES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl")
_DAY = re.compile(r"date=(\d{4}-\d{2}-\d{2})$")


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
            parts = [pl.read_parquet(io.BytesIO(path.read_bytes())) for path in paths]
            frame = pl.concat(parts, how="diagonal_relaxed").lazy()
            have = frame.collect_schema().names()
            frame = frame.select(
                pl.col(column).cast(dtype) if column in have else pl.lit(None, dtype).alias(column)
                for column, dtype in schema.items()
            )
        return frame.select(schema.names())

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
        if files.is_local(path):
            with files.replacing(Path(str(path))) as beside:
                if isinstance(frame, pl.LazyFrame):
                    frame.sink_parquet(beside, compression="zstd")
                else:
                    frame.write_parquet(beside, compression="zstd")
        else:
            buffer = io.BytesIO()
            (frame.collect() if isinstance(frame, pl.LazyFrame) else frame).write_parquet(buffer, compression="zstd")
            files.write_bytes(path, buffer.getvalue())


def rejected_schema(table: Table) -> pl.Schema:
    """A rejected row: the table's columns, and the rules that it broke."""
    columns = {name: dtype for name, dtype in table.polars_schema.items() if name != "date"}
    tail = {"date": pl.Date()} if "date" in table.polars_schema else {}
    return pl.Schema({**columns, "rule": pl.String(), **tail})
