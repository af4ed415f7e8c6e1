"""Choosing briefs for a million subscribers, beside the bare matrix product and faiss with plain diversification.

Asks, for subscribers with three interests each, 20,000 candidates and 384 dimensions, with floors, refusals, follows,
what was sent before and diversity, whether the choice

- takes at most 1.4 times as long as the product of interests and candidates alone, in float32 and in blocks of the same
  shape, on the same threads;
- takes at most 4 GB, however many subscribers there are;
- is at least 2.5 times as fast as faiss-cpu's flat index (the 100 nearest to each interest) followed by maximal
  marginal relevance in NumPy, which knows neither filters nor history;
- takes time in proportion to the subscribers, within a fifth.

    python benchmarks/ranking_scale.py [--subscribers 50000] [--candidates 20000] [--device cpu]

Subscribers come in ranges of 12,500 that are made and forgotten, so that memory is what the choice takes. Vectors are
drawn around 150 subjects with what all texts have in common, so that cosines spread as those of real sentences do: to
the candidates an interest's have a mean of 0.07 and a deviation of 0.06, and about 130 are far above. Each contender
runs in a process of its own, with its libraries loaded before the clock starts; faiss runs on a tenth of the
subscribers.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

DIMENSION, INTERESTS, SUBJECTS, SHOWS, SIZE = 384, 3, 150, 3000, 5
RANGE = 12_500
NO_SLOWER, NO_MORE_GB, FASTER, PROPORTION = 1.4, 4.0, 2.5, 0.2


def _unit(vectors: Any) -> Any:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


class World:
    """Candidates, and subscribers range by range: the same for everyone who asks."""

    def __init__(self, candidates: int) -> None:
        chance = np.random.default_rng(0)
        self.common, self.subjects = (
            _unit(chance.normal(size=DIMENSION)),
            _unit(chance.normal(size=(SUBJECTS, DIMENSION))),
        )
        self.subject = chance.integers(0, SUBJECTS, candidates)
        self.vectors = self._around(self.subject, chance)
        self.show = chance.integers(0, SHOWS, candidates)
        self.quality = chance.uniform(0.3, 1, candidates).astype(np.float32)
        self.freshness = chance.choice([1, 0.5, 0.25], candidates).astype(np.float32)

    def _around(self, subject: Any, chance: np.random.Generator) -> Any:
        own = _unit(chance.normal(size=(*subject.shape, DIMENSION)).astype(np.float32))
        return _unit(0.25 * self.common + 0.6 * self.subjects[subject] + 0.75 * own)

    def subscribers(self, count: int) -> Iterator[tuple[int, Any, np.random.Generator]]:
        """(how many, their interests (how many * 3, d), a source of chance) for each range."""
        for start in range(0, count, RANGE):
            chance = np.random.default_rng(1000 + start)
            many = min(RANGE, count - start)
            yield many, self._around(chance.integers(0, SUBJECTS, many * INTERESTS), chance), chance


def _product(world: World, count: int, device: str) -> float:
    """Seconds of the bare product in float32, in the blocks that the choice uses."""
    import torch  # noqa: PLC0415

    from podbrief_assets.briefs.ranking import _COLUMNS_AT_ONCE  # noqa: PLC0415

    candidates = torch.from_numpy(world.vectors).to(device)
    held = torch.empty(len(candidates) * _COLUMNS_AT_ONCE, device=device)
    seconds = 0.0
    for _, interests, _ in world.subscribers(count):
        started = time.perf_counter()
        moved = torch.from_numpy(interests)
        for start in range(0, len(moved), _COLUMNS_AT_ONCE):
            some = moved[start : start + _COLUMNS_AT_ONCE].to(device)
            near = held[: len(candidates) * len(some)].view(len(candidates), len(some))
            torch.mm(candidates, some.T, out=near)
        if device != "cpu":
            torch.cuda.synchronize()
        seconds += time.perf_counter() - started
        del near
    return seconds


def _podbrief(world: World, count: int, device: str) -> dict[str, float]:
    import torch  # noqa: F401, PLC0415 - the choice loads it when it first needs it

    from podbrief_assets.briefs import profiles, ranking  # noqa: PLC0415

    candidates = len(world.vectors)
    insights = ranking.Insights(
        vectors=world.vectors,
        quality=world.quality,
        freshness=world.freshness,
        popularity=np.zeros(candidates, np.float32),
        show=world.show,
        cluster=np.arange(candidates),
        attributes=np.stack([world.show, SHOWS + world.subject, SHOWS + SUBJECTS + np.arange(candidates)], axis=1),
    )
    archive = profiles.Archive.of([world.vectors], DIMENSION)
    seconds, entries = 0.0, 0
    for many, interests, chance in world.subscribers(count):
        reader = np.arange(many)
        muted = np.stack([np.repeat(reader, 3), chance.integers(0, SHOWS + SUBJECTS, 3 * many)], axis=1)
        sent = np.stack([np.repeat(reader, 10), SHOWS + SUBJECTS + chance.integers(0, candidates, 10 * many)], axis=1)
        follows = np.stack([np.repeat(reader, 2), chance.integers(0, SHOWS, 2 * many)], axis=1)
        started = time.perf_counter()
        picks = ranking.pick_entries(
            insights,
            ranking.Readers(
                interests=archive.held_against(
                    interests, np.ones(len(interests), np.float32), np.repeat(reader, INTERESTS)
                ),
                aversions=ranking.Interests.none(DIMENSION),
                size=np.full(many, SIZE),
                refused=np.concatenate([muted, sent]),
                follows=follows,
            ),
            device=device,
        )
        seconds += time.perf_counter() - started
        entries += len(picks.reader)
    return {"seconds": seconds, "entries": entries / count}


def _faiss(world: World, count: int) -> dict[str, float]:
    import faiss  # noqa: PLC0415

    index = faiss.IndexFlatIP(DIMENSION)
    index.add(world.vectors)
    seconds = 0.0
    for many, interests, _ in world.subscribers(count):
        started = time.perf_counter()
        near, found = index.search(interests, 100)
        for reader in range(many):
            mine = slice(reader * INTERESTS, (reader + 1) * INTERESTS)
            pool, first = np.unique(found[mine], return_index=True)
            score = near[mine].ravel()[first] + 0.5 * world.quality[pool]
            vectors, redundancy = world.vectors[pool], np.zeros(len(pool), np.float32)
            for _ in range(SIZE):
                best = int(np.argmax(score - 0.5 * redundancy))
                score[best] = -np.inf
                redundancy = np.maximum(redundancy, vectors @ vectors[best])
        seconds += time.perf_counter() - started
    return {"seconds": seconds}


def _contend(name: str, options: argparse.Namespace, count: int) -> dict[str, float]:
    """Run one contender in a process of its own; its seconds, and its peak memory in GB."""
    command = [sys.executable, __file__, "--contend", name, "--subscribers", str(count)]
    command += ["--candidates", str(options.candidates), "--device", options.device]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _contender(options: argparse.Namespace) -> None:
    world = World(options.candidates)
    if options.contend == "product":
        found = {"seconds": _product(world, options.subscribers, options.device)}
    elif options.contend == "podbrief":
        found = _podbrief(world, options.subscribers, options.device)
    else:
        found = _faiss(world, options.subscribers)
    print(json.dumps({**found, "gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscribers", type=int, default=50_000)
    parser.add_argument("--candidates", type=int, default=20_000)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--contend", choices=("product", "podbrief", "faiss"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contend:
        _contender(options)
        return 0
    count = options.subscribers
    print(f"{count:,} subscribers with {INTERESTS} interests each, {options.candidates:,} candidates, {options.device}")
    found = {}
    for name, many in (("product", count), ("podbrief", count), ("half", count // 2), ("faiss", max(1, count // 10))):
        found[name] = _contend("podbrief" if name == "half" else name, options, many)
        each = found[name]["seconds"] / many
        print(
            f"{name:9s} {many:9,} subscribers {found[name]['seconds']:8.1f} s  {each * 1e6:8.1f} µs each  "
            f"{each * 1e6 / 60:6.1f} minutes a million  {found[name]['gb']:5.2f} GB",
            flush=True,
        )
    ours, bare = found["podbrief"]["seconds"] / count, found["product"]["seconds"] / count
    half = found["half"]["seconds"] / (count // 2)
    faiss = found["faiss"]["seconds"] / max(1, count // 10)
    entries = found["podbrief"]["entries"]
    print(f"{entries:.2f} entries each; {ours / bare:.2f} times the product; {faiss / ours:.1f} times as fast as faiss")
    holds = {
        f"at most {NO_SLOWER} times the bare product": ours <= NO_SLOWER * bare,
        f"at most {NO_MORE_GB:g} GB": found["podbrief"]["gb"] <= NO_MORE_GB,
        f"at least {FASTER} times as fast as faiss and MMR": faiss >= FASTER * ours,
        "time in proportion to subscribers": abs(ours / half - 1) <= PROPORTION,
        "memory does not grow with them": found["podbrief"]["gb"] <= found["half"]["gb"] * 1.1,
    }
    for claim, held in holds.items():
        print("holds " if held else "FAILS ", claim)
    return 0 if all(holds.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
