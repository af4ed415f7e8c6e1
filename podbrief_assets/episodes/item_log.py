"""Append to `feed_items` what a scan found and the log does not have yet.

Belongs here: which items are new versions, their rows, sealing those of private shows before anything is written.
Doesn't: fetching and parsing (scan.py, feed.py), merging the log's files (lake/compaction.py), what a row means later
(projection.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from sqlalchemy import Engine

from podbrief_assets import net
from podbrief_assets.episodes import hushing, identity, private
from podbrief_assets.episodes.feed import Item
from podbrief_assets.episodes.feed_state import FeedState
from podbrief_assets.episodes.scan import ScanResult
from podbrief_assets.lake.contract import settle
from podbrief_assets.lake.storage import Lake
from podbrief_assets.lake.tables import TABLES

_TABLE = TABLES["feed_items"]
_Numbers = np.ndarray[tuple[int], np.dtype[np.uint64]]


class _Found(NamedTuple):
    """An item of a feed.

    Attributes:
        guid: As the log has it: of a private show it may be sealed.
        row: Made already, where that was needed to know the guid.
    """

    result: ScanResult
    item: Item
    guid: str
    digest: str
    row: dict[str, Any] | None = None


class ItemLog:
    """Appends a file for each batch of feeds.

    Attributes:
        rows, rejected: How many rows were appended, and how many broke a rule of the table.
        rules: How many rows broke each rule.
    """

    def __init__(
        self, lake: Lake, engine: Engine, name: str, seen_at: datetime, is_private: Callable[[FeedState], bool]
    ) -> None:
        """
        Args:
            engine: The operational database, which keeps what sealed addresses stand for.
            name: What the files' names begin with: `seen=` and the time in UTC, then what no other scan has.
            seen_at: When this scan first saw what is new.
            is_private: Whether a feed's addresses must not reach the lake.
        """
        self._lake, self._engine, self._name, self._seen_at = lake, engine, name, seen_at
        self._is_private = is_private
        self._newest: tuple[_Numbers, _Numbers] | None = None
        self._files = 0
        self.rows = self.rejected = 0
        self.rules: Counter[str] = Counter()

    def append(self, results: Sequence[ScanResult]) -> None:
        """Append the items of `results` whose newest known version is another one."""
        found = [one for result in results for one in self._found(result)]
        if not found:
            return
        settled = settle(_TABLE, self._frame(self._new(found)))
        name = f"{self._name}-{self._files:05}"
        self._lake.append(_TABLE, settled.valid, name)
        self._lake.append(_TABLE, settled.rejected, name, rejected=True)
        self._files += 1
        self.rows += len(settled.valid)
        self.rejected += len(settled.rejected)
        self.rules.update(settled.counts)

    def _found(self, result: ScanResult) -> list[_Found]:
        if not result.items or not self._is_private(result.state):
            return [_Found(result, item, item.guid, item.digest) for item in result.items]
        found: list[_Found] = []
        secrets: dict[str, str] = {}
        ambiguous = private.ambiguous_seals(each.url for item in result.items for each in item.enclosures)
        for item in result.items:
            digest = item.digest
            row, real = private.sealed(self._row(result, item, digest), ambiguous)
            found.append(_Found(result, item, row["guid"], digest, row))
            secrets |= real
        # Of known items too: where a token rotated, only the newest address opens anything. And before the rows.
        private.keep(self._engine, secrets, seen_at=self._seen_at)
        return found

    def _new(self, found: Sequence[_Found]) -> list[_Found]:
        """Those whose newest known version, if there is any, is another one."""
        keys, digests = self._known()
        asked = pl.DataFrame(
            {
                "show_id": [show_id_of(one.result.state) for one in found],
                "guid": [one.guid for one in found],
                "digest": [one.digest for one in found],
            },
            schema=dict.fromkeys(("show_id", "guid", "digest"), pl.String),
        ).select(_key(), _digest())
        wanted = asked["key"].to_numpy()
        place = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        known = np.zeros(len(found), bool)
        if len(keys):
            known = (keys[place] == wanted) & (digests[place] == asked["digest"].to_numpy())
        return [found[position] for position in np.flatnonzero(~known).tolist()]

    def _known(self) -> tuple[_Numbers, _Numbers]:
        """Every item's key, in order, and its newest version: read once a scan, and only if any feed changed.

        Both are numbers of 64 bits, so that three million items take 48 MB. Where two items share a key, which is
        unlikely, both are appended at every scan: nothing is ever taken for known that is not.
        """
        if self._newest is None:
            versions = self._lake.scan("feed_items").select(_key(), _digest(), "first_seen_at")
            newest = versions.group_by("key").agg(pl.col("digest").max_by("first_seen_at")).sort("key")
            items = newest.collect(engine="streaming")
            self._newest = items["key"].to_numpy(), items["digest"].to_numpy()
        return self._newest

    def _row(self, result: ScanResult, item: Item, digest: str) -> dict[str, Any]:
        """The row of a private show's item, still with its addresses."""
        state = result.state
        show_id = show_id_of(state)
        return item.row() | {
            "show_id": show_id,
            "episode_id": identity.episode_id(show_id, item.guid),
            "show_title": state.title or hushing.host_of(state.feed_url),
            "language": state.language,
            "digest": digest,
            "stated_at": item.published_at,
            "first_seen_at": self._seen_at,
            "back_catalogue": result.back_catalogue,
            "private": True,
        }

    def _frame(self, new: Sequence[_Found]) -> pl.DataFrame:
        """The rows of `new`, made column by column: rows as dictionaries took ten times as long."""
        schema = _TABLE.polars_schema
        sealed = pl.DataFrame([one.row for one in new if one.row], schema=schema)
        plain = [one for one in new if one.row is None]
        if not plain:
            return sealed
        stated = dict(zip(Item._fields, zip(*(one.item for one in plain), strict=True), strict=True))
        show_ids = [show_id_of(one.result.state) for one in plain]
        columns: dict[str, Sequence[Any]] = stated | {
            "show_id": show_ids,
            "episode_id": [
                identity.episode_id(show_id, one.guid) for show_id, one in zip(show_ids, plain, strict=True)
            ],
            "show_title": [one.result.state.title or net.displayed(one.result.state.feed_url) for one in plain],
            "language": [one.result.state.language for one in plain],
            "digest": [one.digest for one in plain],
            "stated_at": stated["published_at"],
            "first_seen_at": [self._seen_at] * len(plain),
            "back_catalogue": [one.result.back_catalogue for one in plain],
            "private": [False] * len(plain),
        }
        made = pl.DataFrame([_series(name, columns[name], dtype) for name, dtype in schema.items()])
        return pl.concat([made, sealed])


def _series(name: str, values: Sequence[Any], dtype: pl.DataType) -> pl.Series:
    """A column; one of lists of named tuples is put together from its parts, which is 40 times as fast."""
    if not isinstance(dtype, pl.List):
        return pl.Series(name, values, dtype=dtype)
    fields = pl.Schema({part.name: part.dtype for part in dtype.inner.fields})  # type: ignore[union-attr]
    owners = [number for number, value in enumerate(values) for _ in value]
    parts = pl.DataFrame([part for value in values for part in value], schema=fields, orient="row")
    lists = parts.select(pl.struct(pl.all()).alias(name), owner=pl.Series(owners, dtype=pl.UInt32))
    listed = lists.group_by("owner", maintain_order=True).agg(name)
    everyone = pl.DataFrame({"owner": pl.int_range(len(values), dtype=pl.UInt32, eager=True)})
    return everyone.join(listed, on="owner", how="left", maintain_order="left")[name].fill_null(
        pl.Series([[]], dtype=dtype).first()
    )


def show_id_of(state: FeedState) -> str:
    """A show's identifier: pinned at its first success, before that derived from its address."""
    return state.show_id or identity.show_id(None, state.feed_url)


def _key() -> pl.Expr:
    return pl.struct("show_id", "guid").hash().alias("key")


def _digest() -> pl.Expr:
    return (
        pl.col("digest")
        .str.head(16)
        .str.to_integer(base=16, dtype=pl.UInt64, strict=False)
        .fill_null(0)
        .alias("digest")
    )
