"""The nearest vectors, exactly, in bounded memory.

Belongs here: blocked search over an archive that need not fit into memory.
Doesn't: reading the archive (`archive.py`), what nearness means (`duplicates.py`, `related.py`, `signals.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from podbrief_assets.devices import resolved_device, whole_float32
from podbrief_assets.errors import PermanentFailure

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

# A block of products takes 4 * 2560 * 4096 bytes = 42 MB whatever the size of the archive.
_QUERIES, _ARCHIVE = 2560, 4096
_PAIRS = 4096  # pairs that are multiplied at once in float64: 13 MB at 384 numbers each
_TOGETHER = 8  # comparisons that are looked at as one number of 64 bits
_LAST = 2**32 - 1  # the highest position


class NotFinite(PermanentFailure):
    """A vector holds NaN or infinity, which is nearer to nothing than to anything else."""


def nearest(queries: Floats, archive: Floats | Iterable[Floats], k: int) -> tuple[Indices, Floats]:
    """The `k` nearest of `archive` (m, d) to each of `queries` (n, d), by inner product: of unit vectors, the cosine.

    The archive may come in blocks of any number of rows. It is gone through once, and little of it is held.

    What is found depends on the vectors alone, never on blocks, threads or device. A matrix product's last digits do
    depend on them, so it only proposes: whatever lies within its rounding error of the k-th best is computed again,
    each pair by itself, in one order of summation, in float64, where products of float32 numbers are exact. Rounded to
    float32, that is what is compared and returned.

    Returns:
        Indices and similarities, (n, min(k, m)) each, nearest first; of equals, the one earlier in the archive.

    Raises:
        NotFinite: A vector holds NaN or infinity.
    """
    _check_finite(queries, "searched for", 0)
    keys = np.full((len(queries), k), _NOTHING)
    blocks = _regrouped([archive] if isinstance(archive, np.ndarray) else archive, queries.shape[1])
    searched = _search(queries, blocks, keys) if keys.size else sum(len(block) for block in blocks)
    keys = keys[:, :searched]
    return _positions(keys), _similarities(keys)


def _search(queries: Floats, blocks: Iterable[Floats], keys: Indices) -> int:
    """Put the nearest of `blocks` into `keys` (n, k), the best first; returns how many rows the blocks had."""
    # Imported here: torch takes seconds, and definitions must load without it.
    import torch  # noqa: PLC0415

    device = torch.device(resolved_device("auto"))
    asked = torch.tensor(queries, device=device)
    # Twice the bound on the rounding error of a sum of d products, for vectors of length 1 (Higham, Accuracy and
    # Stability of Numerical Algorithms, 3.1), and what a processor that knows no denormal numbers loses.
    reach = queries.shape[1] * 2.0**-23 * _longest(queries)
    lost = queries.shape[1] * float(np.finfo(np.float32).tiny)
    # Once for all blocks: fresh memory of this size comes page by page, which takes as long as comparing does.
    product = torch.empty(min(len(queries), _QUERIES) * (_ARCHIVE + _TOGETHER), device=device)
    above = torch.empty(product.shape, dtype=torch.bool, device=device)
    start = 0
    for block in blocks:
        archived = torch.from_numpy(_padded(block)).to(device)
        error = reach * _longest(block) + lost
        for rows in _slices(len(queries), _QUERIES):
            shape = (rows.stop - rows.start, len(archived))
            size = shape[0] * shape[1]
            values = product[:size].view(shape)
            with whole_float32():
                torch.mm(asked[rows], archived.T, out=values)
            floor = torch.from_numpy(_similarities(keys[rows, -1])).to(device)
            if start == 0 and keys.shape[1] <= len(block):
                floor = values[:, : len(block)].topk(keys.shape[1], dim=1).values[:, -1] - error
            torch.ge(values, (floor - error)[:, None], out=above[:size].view(shape))
            row, column = _places(above[:size], shape)
            inside = column < len(block)
            _merge(keys[rows], queries[rows], block, row[inside], column[inside], start)
        start += len(block)
    return start


def _places(above: Any, shape: tuple[int, int]) -> tuple[Indices, Indices]:
    """Rows and columns where a tensor of booleans, which are few, is true; by rows."""
    import torch  # noqa: PLC0415

    groups = above.view(torch.int64).nonzero()[:, 0]
    group, within = above.view(-1, _TOGETHER)[groups].nonzero().unbind(1)
    place = (groups[group] * _TOGETHER + within).cpu().numpy()
    row, column = np.divmod(place, shape[1])
    return row, column


def _merge(keys: Indices, queries: Floats, block: Floats, row: Indices, column: Indices, start: int) -> None:
    """Put those pairs of `queries[row]` and `block[column]` into `keys` (n, k) that are better than what it holds."""
    exact = [_products(queries[row[part]], block[column[part]]) for part in _slices(len(row), _PAIRS)]
    found = _keys(np.concatenate([np.zeros(0, np.float32), *exact]), start + column)
    better = found > keys[row, -1]
    row, found = row[better], found[better]
    if not len(row):
        return
    rows, first, counts = np.unique(row, return_index=True, return_counts=True)
    k = keys.shape[1]
    table = np.full((len(rows), k + int(counts.max())), _NOTHING)
    table[:, :k] = keys[rows]
    place = k + np.arange(len(row)) - np.repeat(first, counts)
    table[np.repeat(np.arange(len(rows)), counts), place] = found
    table.sort(axis=1)
    keys[rows] = table[:, : -k - 1 : -1]


def _products(a: Floats, b: Floats) -> Floats:
    """The inner product of each row of `a` with its row of `b`."""
    # NumPy adds up a row that lies together in an order that depends on its length alone; a matrix product does not.
    products = np.multiply(a, b, dtype=np.float64)
    return np.asarray(products.sum(axis=1), np.float32)


def _keys(similarity: Floats, position: Indices) -> Indices:
    """One number for a similarity and a position: the greater, the nearer, and of equals the earlier."""
    bits = (similarity + np.float32(0)).view(np.int32)  # there is one nought, not two
    ordered = np.where(bits < 0, bits ^ np.int32(0x7FFFFFFF), bits).astype(np.int64)
    return (ordered << 32) | (_LAST - position)


def _positions(keys: Indices) -> Indices:
    return _LAST - (keys & _LAST)


def _similarities(keys: Indices) -> Floats:
    ordered = (keys >> 32).astype(np.int32)
    return np.where(ordered < 0, ordered ^ np.int32(0x7FFFFFFF), ordered).view(np.float32)


_NOTHING = int(_keys(np.full(1, -np.inf, np.float32), np.array([_LAST]))[0])


def _regrouped(archive: Iterable[Floats], dimension: int) -> Iterator[Floats]:
    """The rows of `archive` in blocks of `_ARCHIVE`, the last one smaller; each is overwritten by the next."""
    held = np.empty((_ARCHIVE, dimension), np.float32)
    filled = start = 0
    for block in archive:
        for rows in _slices(len(block), _ARCHIVE - filled, _ARCHIVE):
            part = block[rows]
            held[filled : filled + len(part)] = part
            filled += len(part)
            if filled == _ARCHIVE:
                _check_finite(held, "of the archive", start)
                yield held
                start, filled = start + filled, 0
    if filled:
        _check_finite(held[:filled], "of the archive", start)
        yield held[:filled]


def _padded(block: Floats) -> Floats:
    """`block` with noughts below it, so that comparisons can be looked at `_TOGETHER` at a time."""
    missing = -len(block) % _TOGETHER
    return np.pad(block, ((0, missing), (0, 0))) if missing else block


def _longest(vectors: Floats) -> float:
    return float(np.sqrt(np.einsum("ij,ij->i", vectors, vectors).max(initial=0.0)))


def _check_finite(vectors: Floats, of: str, start: int) -> None:
    """Raise `NotFinite` if one of `vectors` (n, d) is not; the first is number `start` of those `of`."""
    # A sum is finite only if everything in it is; only where it isn't, the culprit is looked for.
    if np.isfinite(vectors.sum()):
        return
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise NotFinite(
            f"{len(bad)} of {len(vectors)} vectors {of} hold NaN or infinity, the first is number {start + bad[0]}",
            "make insight_embeddings of its day again; if it stays so, the embedding model is damaged",
        )


def _slices(total: int, first: int, size: int | None = None) -> Iterator[slice]:
    """`total` rows in pieces of `size`, the first of `first`, which is also the size by default."""
    start, stop = 0, min(first, total)
    while start < total:
        yield slice(start, stop)
        start, stop = stop, min(stop + (size or first), total)
