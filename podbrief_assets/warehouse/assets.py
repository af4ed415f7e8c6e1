"""The asset `warehouse`.

Belongs here: when the DuckDB file is made.
Doesn't: what is in it (`build.py`).
"""

from pathlib import Path

import dagster as dg

from podbrief_assets.lake.io_manager import OWNERS, LakeResource
from podbrief_assets.lake.tables import TABLES
from podbrief_assets.resources import WarehouseFile
from podbrief_assets.warehouse.build import build


@dg.asset(
    group_name="warehouse",
    description="The DuckDB file that analysts open: a commented view for each table, replaced in one step.",
    kinds={"duckdb"},
    owners=OWNERS,
    code_version="1",
    deps=list(TABLES),
)
def warehouse(lake: LakeResource, warehouse_file: WarehouseFile) -> dg.MaterializeResult[None]:
    """Build the file anew; it holds views only, so this costs next to nothing."""
    path = Path(warehouse_file.path)
    views = build(lake.lake, path)
    return dg.MaterializeResult(
        metadata={"path": dg.MetadataValue.path(str(path)), "views": len(views), "bytes": path.stat().st_size}
    )
