"""The nearest vectors, exactly, in bounded memory.

Belongs here: blocked search over unit vectors.
Doesn't: what nearness is taken to mean (`duplicates.py`, `related.py`, `signals.py`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

# A block of similarities takes 4 * 2048 * 8192 bytes = 64 MB whatever the size of the archive.
_QUERIES, _ARCHIVE = 2048, 8192


def nearest(queries: Floats, archive: Floats, k: int) -> tuple[Indices, Floats]:
    """The `k` nearest of `archive` (m, d) to each of `queries` (n, d), all of length 1, by cosine.

    Returns:
        Indices and similarities, (n, min(k, m)) each, nearest first; of equals, the one earlier in the archive.
    """
    k = min(k, len(archive))
    indices = np.zeros((len(queries), k), np.int64)
    similarities = np.zeros((len(queries), k), np.float32)
    for rows in _blocks(len(queries), _QUERIES):
        best_index = np.zeros((rows.stop - rows.start, 0), np.int64)
        best = np.zeros((rows.stop - rows.start, 0), np.float32)
        for columns in _blocks(len(archive), _ARCHIVE):
            block = queries[rows] @ archive[columns].T
            best = np.concatenate([best, block], axis=1)
            numbers = np.broadcast_to(np.arange(columns.start, columns.stop), block.shape)
            best_index = np.concatenate([best_index, numbers], axis=1)
            if best.shape[1] > k:
                kept = np.argsort(-best, axis=1, kind="stable")[:, :k]
                best = np.take_along_axis(best, kept, axis=1)
                best_index = np.take_along_axis(best_index, kept, axis=1)
        order = np.argsort(-best, axis=1, kind="stable")
        indices[rows] = np.take_along_axis(best_index, order, axis=1)
        similarities[rows] = np.take_along_axis(best, order, axis=1)
    return indices, similarities


def _blocks(total: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, total)) for start in range(0, total, size))
