"""Hold rows against their table's contract.

Belongs here: settling duplicate keys, parting the rows that keep the rules from those that don't, and saying how many.
Doesn't: the rules (`tables.py`), where the rows go (`storage.py`), Dagster's checks (`table_asset.py`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import polars as pl

from podbrief_assets.lake.storage import rejected_schema
from podbrief_assets.lake.tables import Table

DUPLICATE_KEY = "duplicate_key"


@dataclass(frozen=True)
class Settled:
    """A table's rows, parted.

    Attributes:
        valid: Rows that keep every rule, with the contract's columns in its order.
        rejected: Rows that break one, with the names of the rules in `rule`.
        counts: How many rows broke each rule.
        stored: The rows that keep every rule where they are too many for memory; `valid` has none then.
    """

    table: Table
    valid: pl.DataFrame
    rejected: pl.DataFrame
    counts: dict[str, int] = field(default_factory=dict)
    stored: pl.LazyFrame | None = None

    @property
    def rows(self) -> pl.LazyFrame:
        """The rows that keep every rule, wherever they are."""
        return self.valid.lazy() if self.stored is None else self.stored

    @property
    def keeps_contract(self) -> bool:
        """Whether few enough rows broke a rule for the rest to be believed."""
        return rejected_share(self.kept, len(self.rejected)) <= self.table.max_rejected

    @property
    def kept(self) -> int:
        """How many rows keep every rule."""
        return int(self.rows.select(pl.len()).collect().item())


def rejected_share(kept: int, rejected: int) -> float:
    """Rejected rows among all, in [0, 1]."""
    return rejected / (kept + rejected) if rejected else 0.0


def settle(table: Table, frame: pl.DataFrame | pl.LazyFrame) -> Settled:
    """Part `frame` by the table's rules.

    Of rows with the same key the first is kept: a stage puts the row that it prefers first. The others are rejected as
    `duplicate_key`, since a row that is silently gone is a row that nobody can ask about.

    Raises:
        polars.exceptions.PolarsError: A column is missing or of another type. That is a fault in the stage, not in the
            input, so it fails the asset.
    """
    rows = frame.lazy().collect().select(pl.col(name).cast(dtype) for name, dtype in table.polars_schema.items())
    first = (
        rows.select(pl.struct(table.key).is_first_distinct()).to_series()
        if table.key
        else pl.repeat(True, len(rows), eager=True)
    )
    repeated = rows.filter(~first).with_columns(rule=pl.lit(DUPLICATE_KEY))
    valid, failure = table.schema.filter(rows.filter(first))
    broken = _with_rules(failure.details(), table)
    rejected = pl.concat([part.select(rejected_schema(table).names()) for part in (broken, repeated)])
    counts = Counter(failure.counts())
    if len(repeated):
        counts[DUPLICATE_KEY] = len(repeated)
    return Settled(table, valid.select(table.polars_schema.names()), rejected, dict(sorted(counts.items())))


def _with_rules(details: pl.DataFrame, table: Table) -> pl.DataFrame:
    rules = [column for column in details.columns if column not in table.polars_schema]
    if not rules:
        return details.with_columns(rule=pl.lit(None, pl.String))
    broken = [pl.when(pl.col(rule) == "invalid").then(pl.lit(rule)) for rule in rules]
    return details.with_columns(rule=pl.concat_str(broken, separator=", ", ignore_nulls=True)).drop(rules)
