"""The archive: what was told up to a day, read from the lake a few days at a time.

Belongs here: which insights may be linked to, and their vectors in blocks, so that few of them are held at a time.
Doesn't: searching them (`neighbours.py`), choosing among what is found (`related.py`).
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from podbrief_assets.lake.storage import Lake
from podbrief_assets.lake.tables import TABLES
from podbrief_assets.lake.vectors import as_vectors
from podbrief_assets.scores.neighbours import Floats, Indices

_TOGETHER = 32_768  # vectors that are read at once, 50 MB at 384 numbers each, if no single day has more


@dataclass(frozen=True)
class Archive:
    """Insights that may be linked to, in the order in which they were told.

    Attributes:
        insights: `insight_id`, `episode_id`, `cluster` and `date` of each: current ones that have a vector. Of what
            several say, the first to say it stands for all (`cluster` is its identifier).
    """

    lake: Lake
    insights: pl.DataFrame

    @classmethod
    def upto(cls, lake: Lake, day: dt.date) -> Archive:
        """What was told up to `day`, itself among it; what came later is not looked at."""
        days = [known for known in lake.days(TABLES["insight_embeddings"]) if known <= day]
        current = (
            lake.scan("insight_candidates", days)
            .filter(pl.col("superseded_by").is_null())
            .select("insight_id", "episode_id", "date")
            .join(lake.scan("insight_embeddings", days).select("insight_id"), on="insight_id", how="semi")
            .join(lake.scan("insight_scores", days).select("insight_id", "duplicate_of"), on="insight_id", how="left")
            .sort("date", "insight_id")
            .collect()
        )
        # A repeat whose first is gone stands up again, or nobody would be linked to what it says.
        repeats = pl.col("duplicate_of").is_in(current["insight_id"].implode())
        insights = current.filter(~repeats.fill_null(value=False)).select(
            "insight_id", "episode_id", pl.coalesce("duplicate_of", "insight_id").alias("cluster"), "date"
        )
        return cls(lake, insights)

    @cached_property
    def _parts(self) -> list[slice]:
        """Rows of `insights` that are read together: whole days."""
        ends = self.insights.group_by("date", maintain_order=True).len()["len"].cum_sum().to_list()
        parts, start = [], 0
        for end, following in itertools.pairwise([*ends, None]):
            if following is None or following - start > _TOGETHER:
                parts.append(slice(start, end))
                start = end
        return parts

    def _read(self, part: slice) -> Floats:
        wanted = self.insights[part]
        vectors = self.lake.scan("insight_embeddings", wanted["date"].unique()).select("insight_id", "embedding")
        names = wanted.lazy().select("insight_id")
        found = names.join(vectors, on="insight_id", how="left", maintain_order="left").collect()
        return as_vectors(found["embedding"])

    def blocks(self) -> Iterator[Floats]:
        """The vectors of all `insights`, (rows, d) at a time, in their order."""
        return (self._read(part) for part in self._parts)

    def vectors(self, positions: Indices) -> Floats:
        """The vectors (p, d) of the insights at `positions` (p,), which ascend."""
        parts = [(part, positions[slice(*np.searchsorted(positions, [part.start, part.stop]))]) for part in self._parts]
        read = [self._read(part)[inside - part.start] for part, inside in parts if len(inside)]
        nothing = as_vectors(pl.Series(dtype=TABLES["insight_embeddings"].polars_schema["embedding"]))
        return np.concatenate([nothing, *read])
