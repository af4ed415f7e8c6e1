"""Build `podbrief.duckdb`: commented views over the lake's files, and no rows.

Belongs here: the views' SQL made from the contracts, the views in `views/*.sql` on top of them, putting the file in its
place.
Doesn't: what a column means (`lake/tables.py`), when it is built (`assets.py`, `cli.py`).
"""

from __future__ import annotations

import datetime as dt
from importlib.resources import files as package_files
from pathlib import Path

import duckdb
import polars as pl
from upath import UPath

from podbrief_assets.lake.files import is_local, replacing
from podbrief_assets.lake.storage import MERGED, MERGED_KEY, Lake, rejected_schema
from podbrief_assets.lake.tables import TABLES, Table

# Read by DuckDB 1.5 clients as well as 2.0, which by itself writes files that only 2.0 opens.
_STORAGE_VERSION = "v1.5.0"
_DAY_ONE = dt.date(1970, 1, 1)
# Without rows. It is there for the view of a log, which asks for merged files and could not stand to find none.
_NOTHING_MERGED = f"{MERGED}nothing.parquet"


def build(lake: Lake, path: Path) -> list[str]:
    """Replace the DuckDB file at `path` by one with a view for each table of the lake; returns the views' names.

    Whoever has the old file open goes on reading it; whoever opens the name gets the new one. Nobody waits: DuckDB
    allows one writer or many readers on a file, and this writer has a file of its own.
    """
    with replacing(path) as beside, duckdb.connect() as connection:
        connection.execute(f"ATTACH {_quoted(str(beside))} AS warehouse (STORAGE_VERSION '{_STORAGE_VERSION}')")
        connection.execute("USE warehouse")
        names = []
        for table in TABLES.values():
            names.append(_create(connection, lake, table, rejected=False))
            names.append(_create(connection, lake, table, rejected=True))
        for script in sorted(package_files("podbrief_assets.warehouse").joinpath("views").iterdir(), key=str):
            if script.name.endswith(".sql"):
                connection.execute(script.read_text(encoding="utf-8"))
                names.append(script.name.removesuffix(".sql"))
        connection.execute("USE memory")
        connection.execute("DETACH warehouse")
    return names


def _create(connection: duckdb.DuckDBPyConnection, lake: Lake, table: Table, *, rejected: bool) -> str:
    name = table.rejected_name if rejected else table.name
    schema = rejected_schema(table) if rejected else table.polars_schema
    sources = [_empty_file(lake, table, schema, rejected=rejected)]
    folder = lake.folder(table, rejected=rejected)
    by_day, log = table.layout == "day", table.layout == "log"
    # A pattern that finds no file is an error in DuckDB, so it is only there where there is one to find.
    if folder.exists() and next(iter(folder.glob("**/*.parquet")), None) is not None:
        sources.append(f"{_address(folder)}/{'date=*/' if by_day else ''}*.parquet")
        if log:
            lake.put(folder / _NOTHING_MERGED, pl.DataFrame(schema=schema))
    counted = _files_that_count(_address(folder)) if log and len(sources) > 1 else ""
    columns = ", ".join(_column(column, dtype) for column, dtype in schema.items())
    # The day comes from the folder's name as well as from the file, so a query for a day opens that day's file alone.
    options = "hive_partitioning = true, hive_types = {'date': DATE}" if by_day else "hive_partitioning = false"
    listed = ", ".join(_quoted(source) for source in sources)
    connection.execute(
        f"CREATE VIEW {name} AS SELECT {columns} "  # noqa: S608
        f"FROM read_parquet([{listed}], union_by_name = true, filename = {bool(counted)}, {options}) {counted}"
    )
    about = f"Rows of {table.name} that broke a rule, with its name." if rejected else table.description
    connection.execute(f"COMMENT ON VIEW {name} IS {_quoted(about)}")
    comments = {**table.column_comments, "rule": "The rules that the row broke."}
    for column in schema:
        connection.execute(f'COMMENT ON COLUMN {name}."{column}" IS {_quoted(comments[column])}')
    return name


def _files_that_count(folder: str) -> str:
    """Leave out the files of a log whose rows a merged file has (`lake/compaction.py`), and that one before it counts.

    The two look-ups of the query list the files one after the other. A merged file counts from some minutes after it
    came on, so both find it or neither takes it into account: no row is there twice, and none is missing.
    """
    footers = f"parquet_kv_metadata({_quoted(f'{folder}/{MERGED}*.parquet')})"
    return f"""
        WHERE parse_filename(filename) NOT IN (
            WITH merged AS (
                SELECT parse_filename(file_name) AS name, decode(value)::JSON AS said
                FROM {footers} WHERE decode(key) = {_quoted(MERGED_KEY)}
            )
            SELECT unnest(json_keys(said -> 'rows')) FROM merged WHERE (said ->> 'since')::DOUBLE <= epoch(now())
            UNION ALL
            SELECT name FROM merged WHERE (said ->> 'since')::DOUBLE > epoch(now())
        )"""  # noqa: S608


def _empty_file(lake: Lake, table: Table, schema: pl.Schema, *, rejected: bool) -> str:
    """A file with the table's columns and no rows, beside the data: a view needs one file at least.

    It lies in folders named as the data's are, since DuckDB wants the same partition columns of every file.
    """
    folder = lake.root / "_empty" / (table.rejected_name if rejected else table.name)
    if table.variant:
        folder = folder / table.variant
    if table.layout == "day":
        folder = folder / f"date={_DAY_ONE}"
    lake.put(folder / "part-0.parquet", pl.DataFrame(schema=schema))
    return f"{_address(folder)}/part-0.parquet"


def _column(name: str, dtype: pl.DataType) -> str:
    # Parquet has no arrays of a fixed length, so vectors arrive as lists; DuckDB's distances want arrays.
    if isinstance(dtype, pl.Array):
        return f'"{name}"::FLOAT[{dtype.size}] AS "{name}"'
    if isinstance(dtype, pl.List) and isinstance(dtype.inner, pl.Array):
        return f'"{name}"::FLOAT[{dtype.inner.size}][] AS "{name}"'
    return f'"{name}"'


def _address(path: UPath) -> str:
    return str(Path(str(path)).resolve()) if is_local(path) else str(path)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
