"""Vectors as the lake keeps them, as NumPy computes with them.

Belongs here: a column of vectors as one array.
Doesn't: making vectors (`insights/embeddings.py`), comparing them (`scores/`, `briefs/`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from podbrief_assets.lake.tables import EMBEDDING_DIMENSION


def as_vectors(column: pl.Series) -> npt.NDArray[np.float32]:
    """A column of vectors of the lake's length: (rows, d), also of none."""
    return np.ascontiguousarray(column.to_numpy(), np.float32).reshape(len(column), EMBEDDING_DIMENSION)
