"""Merge the many small files of a log into few, while others read them.

Belongs here: which files are merged when, putting the merged file in its place, removing the ones that it holds.
Doesn't: which files a reader takes while both are there (`storage.live`, and the views in `warehouse/build.py`).

A scan adds a file for every few hundred feeds that changed, some fifty a day for ten thousand feeds. Opening a file
costs a reader more than reading it: after a month a count took 100 times as long as over one file.

There is no moment at which a reader sees a row twice or not at all, and none at which a kill loses one:

1. The merged file is written elsewhere, counted, and put in its place in one step. From then on it counts and the files
   that it names in its footer don't. A reader that had listed them before goes on reading them.
2. A day later they are removed, if the merged file still has every row of them. A reader in Polars leaves them out
   from the start; a query of DuckDB's views lists them until then, and one that runs in that very moment may fail for
   want of a file. It never counts wrong, and asked again it succeeds: `podbrief sql` asks again by itself.
3. Days are merged into their month in the same way, but only once nothing is left of what they hold.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Final

import polars as pl
from upath import UPath

from podbrief_assets.errors import PermanentFailure
from podbrief_assets.lake import files
from podbrief_assets.lake.storage import MERGED, MERGED_KEY, Lake, Merged, may_hold, period_of
from podbrief_assets.lake.tables import Table

# A scan that began late in a day goes on into the next one, and so do its files.
_SETTLED: Final = dt.timedelta(days=1)
# What looks at the files twice, as DuckDB's views do, must find the same both times: a new file counts from then on.
_KNOWN_TO_ALL: Final = dt.timedelta(minutes=15)
# A reader is given this long to end what it began with the old files.
GRACE: Final = dt.timedelta(days=1)

# Rows that are in memory at once while a merged file is written; show notes may take some kilobytes each.
_ROW_GROUP: Final = 65_536


class LostRows(PermanentFailure):
    """A merged file has not the rows of the files that it holds."""


@dataclass
class Compaction:
    """What was done: the names of the files that were merged into others, of those, and of those removed."""

    merged: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


def compact(lake: Lake, table: Table, now: dt.datetime, *, rejected: bool = False) -> Compaction:
    """Remove what was merged long enough ago, then merge every day and month that is over.

    Where there is nothing to do it costs a listing. Two at once do no harm: both make the same files.

    Args:
        now: The time; a day or month is over a day after it ended.

    Raises:
        LostRows: A merged file has fewer or more rows than the files that it holds: those are left where they are.
    """
    done = Compaction()
    there = {path.name: path for path in lake.log_files(table, rejected=rejected)}
    _remove_merged(there, now, done)
    for period, names in _periods(there, now).items():
        target = lake.folder(table, rejected=rejected) / _name(period)
        _merge(lake, [there[name] for name in names], target, now)
        done.merged += names
        done.made.append(target.name)
    return done


def _name(period: str) -> str:
    return f"{MERGED}{period}.parquet"


def _periods(there: Mapping[str, UPath], now: dt.datetime) -> dict[str, list[str]]:
    """The files to merge, by the day or month that they make.

    A merged file never changes: one that was late for its day waits for its month, one that was late for its month
    stays as it is.
    """
    yesterday = (now - _SETTLED).date().isoformat()
    by_day: dict[str, list[str]] = defaultdict(list)
    for name in sorted(there):
        if (day := period_of(name)).count("-") == 2 and _name(day[:7]) not in there:
            by_day[day].append(name)
    found: dict[str, list[str]] = {}
    for month, days in groupby(sorted(by_day), key=lambda day: day[:7]):
        names = {day: by_day[day] for day in days}
        # Days first, each by itself, so that no merge reads thousands of files.
        unmerged = {day: some for day, some in names.items() if len(some) > 1 and _name(day) not in some}
        everything = [name for some in names.values() for name in some]
        if unmerged:
            found |= {day: some for day, some in unmerged.items() if day < yesterday}
        elif month < yesterday[:7] and len(everything) > 1 and not _held(everything, there):
            found[month] = everything
    return found


def _held(names: list[str], there: Mapping[str, UPath]) -> set[str]:
    """Those of `names` whose rows another of them holds: were that one merged further, they would count again."""
    merged = [Merged.of(there[name]) for name in names if name.startswith(MERGED)]
    return {name for one in merged if one for name in one.rows} & set(names)


def _merge(lake: Lake, paths: list[UPath], target: UPath, now: dt.datetime) -> None:
    rows = {path.name: _count(path) for path in paths}
    merged = Merged((now + _KNOWN_TO_ALL).timestamp(), rows)
    with files.placing(target) as beside:
        with beside.open("wb") as file:
            lake.union(paths).sink_parquet(
                file, compression="zstd", row_group_size=_ROW_GROUP, metadata={MERGED_KEY: merged.to_json()}
            )
        _check(beside, merged)


def _remove_merged(there: dict[str, UPath], now: dt.datetime, done: Compaction) -> None:
    """Remove what merged files hold and no reader needs any more, from `there` too."""
    for name in sorted(name for name in there if any(may_hold(name, other) for other in there)):
        merged = Merged.of(there[name])
        if merged is None or now.timestamp() < merged.since + GRACE.total_seconds():
            continue
        old = sorted(merged.rows.keys() & there.keys())
        if old:
            _check(there[name], merged)
        for one in old:
            there.pop(one).unlink(missing_ok=True)
            done.removed.append(one)


def _check(path: UPath | Path, merged: Merged) -> None:
    has, wanted = _count(path), sum(merged.rows.values())
    if has != wanted:
        raise LostRows(
            f"{path} has {has:,} rows and the {len(merged.rows)} files merged into it have {wanted:,}",
            "these files stay; remove the merged one, and it is made again",
        )


def _count(path: UPath | Path) -> int:
    """How many rows a file has, from its footer."""
    with path.open("rb") as file:
        return int(pl.scan_parquet(file).select(pl.len()).collect().item())
