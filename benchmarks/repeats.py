"""Find repeats and contraries of a day's insights among a month of others: time, and how many pairs are judged.

Insights are made of halves of the labelled pairs' texts, some of their words changed, and of the halves' vectors with
noise, so that far more of them are near to one another than in an archive of real shows: an upper bound.

    python benchmarks/repeats.py [--new 500] [--before 20000]

Claims, and exits with 1 otherwise: a text copied from the month before is found; what is judged grows with the day and
not with the month.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time

import numpy as np

from podbrief_assets.evaluation.figures import LABELS
from podbrief_assets.insights.embeddings import encoder_of_lake
from podbrief_assets.scores import duplicates
from podbrief_assets.scores.duplicates import NEIGHBOURS, SHARING, Insight, Settled, compare
from podbrief_assets.scores.neighbours import Floats


def made(count: int, day: str, texts: list[str], vectors: Floats, seed: int) -> tuple[list[Insight], Floats]:
    """Insights with the day's identifiers, and their vectors (count, d)."""
    chance, numbers = random.Random(seed), np.random.default_rng(seed)
    insights, found = [], np.zeros((count, vectors.shape[1]), np.float32)
    for index in range(count):
        one, other = chance.randrange(len(texts)), chance.randrange(len(texts))
        first, second = texts[one].split(), texts[other].split()
        words = first[: len(first) // 2] + second[len(second) // 2 :]
        changed = [word if chance.random() > 0.15 else f"{word}{chance.choice('aeiou')}" for word in words]
        settled = Settled(None) if day == "20261101" else None
        insights.append(Insight(f"{day}-{index:06}", " ".join(changed), frozenset(), settled=settled))
        found[index] = vectors[one] + vectors[other] + numbers.normal(size=vectors.shape[1]) * 0.05
    return insights, found / np.linalg.norm(found, axis=1, keepdims=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--new", type=int, default=500)
    parser.add_argument("--before", type=int, default=20_000)
    options = parser.parse_args()
    rows = [json.loads(line) for line in (LABELS / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    texts = sorted({text for row in rows for text in (row["a"], row["b"]) if isinstance(text, str)})
    vectors = encoder_of_lake().encode(texts)
    new, new_vectors = made(options.new, "20261130", texts, vectors, 1)
    judged = 0
    plain = duplicates.judge

    def counting(*arguments: object) -> object:
        nonlocal judged
        judged += 1
        return plain(*arguments)  # type: ignore[arg-type]

    duplicates.judge = counting  # type: ignore[assignment]
    kept = True
    for size in (options.before // 4, options.before):
        before, before_vectors = made(size, "20261101", texts, vectors, 2)
        before_vectors[0], judged = new_vectors[0], 0
        before[0] = Insight(before[0].insight_id, new[0].text, frozenset(), settled=Settled(None))
        started = time.perf_counter()
        found = compare(new, new_vectors, before, before_vectors)
        seconds = time.perf_counter() - started
        repeats = sum(one.duplicate_of is not None for one in found)
        print(
            f"{len(new):,} against {size:,}: {seconds:.1f} s, {judged:,} pairs judged, "
            f"{judged / len(new):.1f} for each, {repeats} repeats"
        )
        kept &= found[0].duplicate_of is not None and judged <= len(new) * (NEIGHBOURS + SHARING)
    print("as claimed" if kept else "NOT as claimed")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
