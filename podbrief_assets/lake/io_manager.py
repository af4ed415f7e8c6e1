"""Dagster's way in and out of the lake.

Belongs here: the IO manager that writes what an asset settled and hands its inputs over as `pl.LazyFrame`, the options
and the result that every table's asset shares (description, check, column metadata, counts).
Doesn't: files (`storage.py`), rules (`contract.py`), any table's rows (the stages).
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl
from upath import UPath

from podbrief_assets import partitions
from podbrief_assets.errors import PodbriefError
from podbrief_assets.lake.contract import Settled, rejected_share
from podbrief_assets.lake.storage import Lake
from podbrief_assets.lake.tables import TABLES, Table

if TYPE_CHECKING:
    TableResult = dg.MaterializeResult[Settled]
else:
    # Dagster recognises only the bare class as the annotation of an asset that also reports a check; it would take any
    # other for the type of the value.
    TableResult = dg.MaterializeResult

AssetDecorator = Callable[[Callable[..., Any]], dg.AssetsDefinition]

OWNERS = ["team:podbrief"]
CONTRACT = "contract"
_PREVIEW_ROWS, _PREVIEW_CHARS = 5, 60
_LISTED_FAILURES = 200


class LakeResource(dg.ConfigurableResource[Lake]):
    """The lake at `root`, any fsspec address."""

    root: str

    @property
    def lake(self) -> Lake:
        """The tables, to read history that is no asset's input."""
        return Lake(UPath(self.root))


class LakeIOManager(dg.ConfigurableIOManager):
    """Stores `Settled` rows, one file a day; loads days of a table as a `pl.LazyFrame`, skipping the missing ones."""

    root: str

    def handle_output(self, context: dg.OutputContext, obj: Settled) -> None:
        """Replace each asked-for day in one step, together with its rejected rows."""
        lake, table = Lake(UPath(self.root)), obj.table
        if table.layout == "day":
            days = partitions.to_days(context.asset_partition_keys)
            strays = obj.rows.filter(~pl.col("date").is_in(days)).select(pl.len()).collect().item()
            if strays:
                raise dg.Failure(f"{table.name} returned {strays} rows of days that it was not asked for")
            paths = [self._replace(lake, obj, day) for day in days]
        else:
            paths = [self._replace(lake, obj, None)]
        context.add_output_metadata(
            {
                "dagster/row_count": obj.kept,
                "bytes": sum(path.stat().st_size for path in paths),
                "path": dg.MetadataValue.path(str(paths[0] if len(paths) == 1 else paths[0].parent.parent)),
                "preview": dg.MetadataValue.md(_preview(obj.rows.head(_PREVIEW_ROWS).collect())),
            }
        )

    def _replace(self, lake: Lake, settled: Settled, day: dt.date | None) -> UPath:
        table = settled.table
        of_day = pl.lit(True) if day is None else pl.col("date") == day
        rejected = settled.rejected.filter(of_day)
        if len(rejected):
            lake.write(table, rejected, day, rejected=True)
        else:
            lake.clear_rejected(table, day)
        return lake.write(table, settled.rows.filter(of_day), day)

    def load_input(self, context: dg.InputContext) -> pl.LazyFrame:
        """The input's rows: of the partitions that Dagster maps to, else the whole table."""
        table = TABLES[context.asset_key.path[-1]]
        days = partitions.to_days(context.asset_partition_keys) if context.has_asset_partitions else None
        return Lake(UPath(self.root)).scan(table.name, days)


def table_options(name: str, *, group: str, code_version: str, kinds: set[str] | None = None) -> dict[str, Any]:
    """What `dg.AssetSpec`, `dg.AssetOut` and `dg.asset` all need to know of a table's asset, from its contract."""
    table = TABLES[name]
    return {
        "description": table.description,
        "group_name": group,
        "kinds": {"parquet", "polars"} | (kinds or set()),
        "owners": OWNERS,
        "code_version": code_version,
        "metadata": {"dagster/column_schema": column_schema(table)},
    }


def table_asset(
    name: str, *, group: str, code_version: str, kinds: set[str] | None = None, **options: Any
) -> AssetDecorator:
    """`dg.asset` for a table: named, described, partitioned and checked as its contract says."""
    table = TABLES[name]
    if table.layout == "day":
        options.setdefault("partitions_def", partitions.days)
        options.setdefault("backfill_policy", dg.BackfillPolicy.multi_run(max_partitions_per_run=1))
    shared = table_options(name, group=group, code_version=code_version, kinds=kinds)
    # `Any`, because an asset whose result carries its value would else be taken for one that returns nothing.
    decorator: AssetDecorator = dg.asset(
        name=name,
        dagster_type=dg.Any,
        check_specs=[contract_check(name)],
        io_manager_key="io_manager",
        **shared,
        **options,
    )
    return decorator


def contract_check(name: str) -> dg.AssetCheckSpec:
    """The blocking check of a table: evaluated inside its asset, since a check of its own costs a process."""
    share = TABLES[name].max_rejected
    return dg.AssetCheckSpec(
        CONTRACT,
        asset=name,
        blocking=True,
        description=f"At most {share:.0%} of the rows break a rule of the table. Those that do are in {name}_rejected.",
    )


def contract_verdict(table: Table, kept: int, rejected: int, counts: Mapping[str, int]) -> dg.AssetCheckResult:
    """The verdict of a table's contract over `kept` and `rejected` rows, of which `counts` broke each rule."""
    share = rejected_share(kept, rejected)
    return dg.AssetCheckResult(
        passed=share <= table.max_rejected,
        asset_key=table.name,
        check_name=CONTRACT,
        metadata={"rejected": rejected, "rejected_share": share, "rules": dict(counts)},
        description=", ".join(f"{rule}: {count}" for rule, count in counts.items()) or "every row keeps every rule",
    )


def table_result(settled: Settled, metadata: Mapping[str, Any] | None = None) -> TableResult:
    """What a table's asset returns: its rows, the verdict of the contract, and `metadata` besides."""
    rejected = len(settled.rejected)
    return dg.MaterializeResult(
        asset_key=settled.table.name,
        value=settled,
        check_results=[contract_verdict(settled.table, settled.kept, rejected, settled.counts)],
        metadata={**(metadata or {}), "rejected": rejected},
    )


_FAILURE_COLUMNS = dg.TableSchema(
    [dg.TableColumn("item", description="What failed."), dg.TableColumn("reason", description="Why, and what to do.")]
)


def failures(found: Sequence[tuple[str, str | PodbriefError]]) -> dict[str, Any]:
    """Metadata that lists what failed: (item, reason) pairs. `podbrief run` prints it, Dagster's UI shows it.

    `failed` counts all of them; the list ends after the first 200, since Dagster keeps it in an event for good.
    """
    if not found:
        return {"failed": 0}
    records = [dg.TableRecord({"item": item, "reason": str(reason)}) for item, reason in found[:_LISTED_FAILURES]]
    if more := len(found) - len(records):
        reason = "they are not listed: query the table of the day with `podbrief sql`"
        records.append(dg.TableRecord({"item": f"and {more:,} more", "reason": reason}))
    return {"failed": len(found), "failures": dg.MetadataValue.table(records, schema=_FAILURE_COLUMNS)}


def picture(svg: str, what: str) -> dg.MarkdownMetadataValue:
    """Metadata that Dagster's UI shows as a picture: its Markdown takes images from data addresses.

    Args:
        what: What the picture shows, for whoever does not see it.
    """
    return dg.MetadataValue.md(f"![{what}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})")


def column_schema(table: Table) -> dg.TableSchema:
    """The table's columns as Dagster shows them."""
    return dg.TableSchema(
        [
            dg.TableColumn(name, type=str(dtype), description=table.column_comments[name])
            for name, dtype in table.polars_schema.items()
        ]
    )


def _preview(frame: pl.DataFrame) -> str:
    """The first rows as a Markdown table; long values are cut, nested ones counted."""

    def cell(value: Any) -> str:
        if isinstance(value, list):
            return f"[{len(value)}]"
        text = " ".join(str("" if value is None else value).split())
        text = text if len(text) <= _PREVIEW_CHARS else text[: _PREVIEW_CHARS - 1] + "…"
        return text.replace("|", "\\|").replace("<", "&lt;")

    rows = [[cell(value) for value in row] for row in frame.head(_PREVIEW_ROWS).rows()]
    lines = [frame.columns, ["---"] * len(frame.columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
