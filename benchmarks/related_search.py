"""Searching a million archived insights for what is related to ten thousand new ones: time, memory, exactness.

Belongs here: the search against the bare matrix product that it cannot do without, block by block in the same process;
the whole choice from the lake; faiss's flat index beside them.
Doesn't: whether what is found is related (`podbrief evaluate --only related`).

Each contender has a process of its own. The bare product is timed on the very blocks that the search gets, right before
each of them, so that a busy machine slows both; reading the blocks from the lake counts as the search's.

    python benchmarks/related_search.py [--archive 1000000] [--new 10000] [--repeats 1] [--threads N]
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from upath import UPath

from podbrief_assets.lake.storage import Lake
from podbrief_assets.lake.tables import EMBEDDING_DIMENSION, TABLES
from podbrief_assets.scores import related
from podbrief_assets.scores.archive import Archive
from podbrief_assets.scores.neighbours import Floats, nearest

TODAY = dt.date(2026, 11, 20)
DAYS = 100
SUBJECTS = 2000
MOST_TIMES, MOST_MB = 1.5, 3000
CHECKED = 50  # new insights whose neighbours are found again by sorting everything
CONTENDERS = ("podbrief, k = 40", "podbrief, k = 10", "the whole choice", "faiss, k = 40", "faiss, k = 10")
# The fastest of the shapes tried for a bare product of 384 numbers.
ROWS, COLUMNS = 2500, 4096


def vectors(count: int, seed: int) -> Floats:
    """Unit vectors about `SUBJECTS` subjects, some of which are spoken of far more than others."""
    subjects = np.random.default_rng(0).normal(size=(SUBJECTS, EMBEDDING_DIMENSION)).astype(np.float32)
    random = np.random.default_rng(seed)
    subject = np.minimum(random.zipf(1.3, count) - 1, SUBJECTS - 1)
    made = random.standard_normal((count, EMBEDDING_DIMENSION), dtype=np.float32)
    made += subjects[subject]
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made


def fill(lake: Lake, archive: int, new: int) -> None:
    """A lake with `archive` insights on `DAYS` days and `new` ones on the day after."""
    counts = [archive // DAYS + (number < archive % DAYS) for number in range(DAYS)] + [new]
    for number, count in enumerate(counts):
        day = TODAY - dt.timedelta(days=DAYS - number)
        names = pl.DataFrame({"n": np.arange(count)}).select(
            insight_id=pl.format("{}-{}", pl.lit(f"{day:%Y%m%d}"), pl.col("n").cast(pl.String).str.zfill(16)),
            episode_id=pl.format("{}{}", pl.lit(f"{day:%Y%m%d}"), (pl.col("n") // 5).cast(pl.String).str.zfill(12)),
            date=pl.lit(day),
        )
        for table, columns in (
            ("insight_candidates", {}),
            ("insight_embeddings", {"embedding": vectors(count, number + 1)}),
            ("insight_scores", {}),
        ):
            schema = TABLES[table].polars_schema
            frame = names.with_columns(
                **{name: pl.Series(values, dtype=schema[name]) for name, values in columns.items()}
            )
            frame = frame.select(
                pl.col(name).cast(dtype) if name in frame.columns else pl.lit(None, dtype).alias(name)
                for name, dtype in schema.items()
            )
            lake.write(TABLES[table], frame, day)


def day_of(lake: Lake) -> tuple[Archive, Floats]:
    """The archive before today, and today's vectors."""
    whole = Archive.upto(lake, TODAY)
    today = np.flatnonzero(whole.insights["date"] == TODAY)
    return Archive.upto(lake, TODAY - dt.timedelta(days=1)), whole.vectors(today)


def peak_mb() -> float:
    """The most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


class BareProduct:
    """The matrix product alone, of the same numbers, and the seconds that it took so far."""

    def __init__(self, queries: Floats) -> None:
        import torch  # noqa: PLC0415

        self.torch, self.queries, self.seconds = torch, torch.from_numpy(queries), 0.0
        self.held = torch.empty(ROWS * COLUMNS)

    def before(self, blocks: Iterator[Floats]) -> Iterator[Floats]:
        """Hand on each of `blocks`, multiplied first."""
        for block in blocks:
            archived = self.torch.tensor(block)
            started = time.perf_counter()
            for column in archived.split(COLUMNS):
                for row in self.queries.split(ROWS):
                    size = len(row) * len(column)
                    self.torch.mm(row, column.T, out=self.held[:size].view(len(row), len(column)))
            self.seconds += time.perf_counter() - started
            yield block


def contend(name: str, lake: Lake) -> None:
    """Run one contender and print what it took as JSON."""
    if "k =" not in name:
        print(json.dumps(_whole_choice(lake)))
        return
    archive, queries = day_of(lake)
    search = _faiss if name.startswith("faiss") else _podbrief
    told, indices = search(archive, queries, int(name.rpartition(" ")[2]))
    # Before sorting everything, which takes memory of its own.
    told["peak_mb"] = peak_mb()
    print(json.dumps({**told, "same": _agreement(archive, queries, indices)}))


def _podbrief(archive: Archive, queries: Floats, k: int) -> tuple[dict[str, float], Any]:
    bare = BareProduct(queries)
    started = time.perf_counter()
    indices, _ = nearest(queries, bare.before(archive.blocks()), k)
    return {"seconds": time.perf_counter() - started - bare.seconds, "product_s": bare.seconds}, indices


def _faiss(archive: Archive, queries: Floats, k: int) -> tuple[dict[str, float], Any]:
    import faiss  # noqa: PLC0415

    index = faiss.IndexFlatIP(EMBEDDING_DIMENSION)
    for block in archive.blocks():
        index.add(block)
    started = time.perf_counter()
    _, indices = index.search(queries, k)
    return {"seconds": time.perf_counter() - started}, indices


def _whole_choice(lake: Lake) -> dict[str, float]:
    started = time.perf_counter()
    archive = Archive.upto(lake, TODAY)
    today = archive.insights["date"] == TODAY
    queries = archive.vectors(np.flatnonzero(today))
    found = related.edges(archive.insights.filter(today), queries, archive.insights, archive.blocks(), archive.vectors)
    return {"seconds": time.perf_counter() - started, "edges": len(found), "peak_mb": peak_mb()}


def _agreement(archive: Archive, queries: Floats, indices: Any) -> float:
    """Of some of the rows, the share that is what sorting everything in float64 gives, to the last place."""
    some = np.linspace(0, len(queries) - 1, CHECKED).astype(int)
    exact = np.concatenate(
        [
            (block.astype(np.float64) @ queries[some].T.astype(np.float64)).astype(np.float32)
            for block in archive.blocks()
        ]
    )
    order = np.argsort(-exact, axis=0, kind="stable")[: indices.shape[1]].T
    return float((indices[some] == order).all(axis=1).mean())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archive", type=int, default=1_000_000)
    parser.add_argument("--new", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--contend", help=argparse.SUPPRESS)
    parser.add_argument("--lake", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contend:
        contend(arguments.contend, Lake(UPath(arguments.lake)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        fill(Lake(UPath(folder)), arguments.archive, arguments.new)
        print(
            f"{arguments.new:,} new insights, {arguments.archive:,} archived ones, {EMBEDDING_DIMENSION} numbers each, "
            f"{arguments.threads} threads (written in {time.perf_counter() - started:.0f} s)",
            flush=True,
        )
        turns: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
        for _ in range(arguments.repeats):
            for name, told in turns.items():
                told.append(_run(name, folder, arguments.threads))
    return _judge(turns)


def _run(name: str, folder: str, threads: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--contend", name, "--lake", folder]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "POLARS_MAX_THREADS": str(threads)}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    details = [f"{told['seconds']:.1f} s", f"peak {told['peak_mb']:,.0f} MB"]
    if "product_s" in told:
        details.append(f"bare product {told['product_s']:.1f} s: {told['seconds'] / told['product_s']:.2f} times")
    if "same" in told:
        details.append(f"{told['same']:.0%} of {CHECKED} lists as by sorting everything")
    if "edges" in told:
        details.append(f"{told['edges']:,.0f} edges")
    print(f"{name:18} {', '.join(details)}", flush=True)
    return told


def _judge(turns: dict[str, list[dict[str, float]]]) -> int:
    claims = {}
    for name, told in turns.items():
        if "product_s" in told[0]:
            times = statistics.median(one["seconds"] / one["product_s"] for one in told)
            claims[f"{name}: at most {MOST_TIMES} times the bare product ({times:.2f})"] = times <= MOST_TIMES
            claims[f"{name}: every list is exact"] = all(one["same"] == 1 for one in told)
        if not name.startswith("faiss"):
            peak = max(one["peak_mb"] for one in told)
            claims[f"{name}: memory below {MOST_MB} MB ({peak:,.0f})"] = peak < MOST_MB
    for claim, holds in claims.items():
        print(f"{'holds' if holds else 'FAILS'}: {claim}")
    return not all(claims.values())


if __name__ == "__main__":
    sys.exit(main())
