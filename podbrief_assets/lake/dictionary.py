"""Write the contracts down for people: `TABLES.md` beside this file.

Belongs here: the tables' contracts as Markdown. Run `python -m podbrief_assets.lake.dictionary` after changing one.
Doesn't: the contracts (`tables.py`).
"""

from __future__ import annotations

from pathlib import Path

from podbrief_assets.lake.tables import TABLES, Table

PLACE = Path(__file__).with_name("TABLES.md")
_LAYOUTS = {
    "day": "One file a day.",
    "whole": "One file, replaced as a whole.",
    "log": "A file for each scan that found something; nothing is ever rewritten.",
}


def markdown() -> str:
    """Every table with its key, its layout and each column's type and meaning."""
    head = (
        "# The tables\n\n"
        "Made from the contracts in `tables.py` by `python -m podbrief_assets.lake.dictionary`. Each is a folder of\n"
        "the lake, an asset or part of one in Dagster, and a view in `podbrief.duckdb`. Rows that break a rule are in\n"
        "`<table>_rejected` with the same columns and the rules' names in `rule`. Times are UTC, positions in audio\n"
        "seconds, money US dollars.\n"
    )
    return "\n".join([head, *(_section(table) for table in TABLES.values())])


def _section(table: Table) -> str:
    columns = [
        f"| `{name}`{' (key)' if name in table.key else ''} | {_type(str(dtype))} | {table.column_comments[name]} |"
        for name, dtype in table.polars_schema.items()
    ]
    lines = [
        f"## {table.name}",
        "",
        f"{table.description} {_LAYOUTS[table.layout]}",
        "",
        "| column | type | what |",
        "|---|---|---|",
        *columns,
        "",
    ]
    return "\n".join(lines)


def _type(dtype: str) -> str:
    return dtype.replace("time_unit='us', time_zone='UTC'", "us, UTC").replace("'", "")


if __name__ == "__main__":
    PLACE.write_text(markdown(), encoding="utf-8")
