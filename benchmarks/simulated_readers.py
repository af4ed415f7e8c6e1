"""Briefs of simulated readers against popularity, pure similarity and plain diversification.

Proves, over 40 days of real passages from the corpus's typed transcripts, that the choice podbrief makes

- gives readers more of what they care about than each of the others, by α-nDCG@5;
- sends nothing twice within 30 days;
- keeps to two entries of a show, however many it publishes;
- hears votes: of an interest that a reader took up and told nobody, what votes add to what is shown, against the same
  choice without votes, is more fifteen days after than before.

    python benchmarks/simulated_readers.py [--corpus ../shared/corpus] [--readers 300] [--seed 1]

A reader cares about three subjects of podbrief's list, tells two of them in the list's words, and shows the third by
what they click. A passage is about a subject if its cue words say so, which no method sees: all see vectors of the
sentence encoder, and a quality that is made of the same parts for all. Of what they care about, readers click 35 % and
like 25 %; of the rest they click 5 % and dislike 15 %. Halfway each swaps the third subject for another one, and says
so to nobody. Popularity takes the highest quality; similarity takes what is nearest to a written interest; plain MMR
takes the same with λ = 0.5, and once more without what it sent before; podbrief is run once more deaf to votes. An
entry that was sent within 30 days is worth nothing. Of a new interest the days offer now more, now less: what counts is
the share that was shown of what was there and not sent before, of five at most a day.

α-nDCG@5 (Clarke and others 2008) counts each of a reader's subjects half as much every time it comes again (α = 0.5),
against the best brief that the day's candidates allow.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from podbrief_assets.briefs import profiles, ranking
from podbrief_assets.evaluation.corpus import typed_transcript
from podbrief_assets.insights.embeddings import encoder_of_lake
from podbrief_assets.insights.passages import cut
from podbrief_assets.insights.text import names_of
from podbrief_assets.insights.topics import TOPICS, topics_of
from podbrief_assets.lake.tables import EMBEDDING_DIMENSION
from podbrief_assets.scores import signals

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
DAYS, NEWS_DAYS, REMEMBERED, SIZE = 40, 3, 30, 5
PASSAGES = 5  # an episode
LEAST_PASSAGES = 25  # about a subject, for readers to care about it
ALPHA = 0.5
CARES = {"up": 0.25, "clicked": 0.35}
CARES_NOT = {"clicked": 0.05, "down": 0.15}
SPEECH_WORDS = (35, 60)


@dataclass(frozen=True)
class Passages:
    """What there is to choose from: n passages in the order of their days."""

    vectors: Any
    quality: Any
    day: Any
    show: Any
    subjects: list[frozenset[str]]


@dataclass
class Tally:
    """What became of one method's briefs."""

    gains: list[float] = field(default_factory=list)
    distances: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    most_of_show: list[int] = field(default_factory=list)
    repeats: dict[int, int] = field(default_factory=lambda: {7: 0, REMEMBERED: 0})
    entries: int = 0
    new_subject: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))


def passages(corpus: Path, chance: np.random.Generator) -> Passages:
    """Passages of 35 to 60 words from every typed transcript, spread evenly over the days."""
    texts, days, shows = [], [], []
    paths = sorted((corpus / "transcripts" / "changelog").glob("*/*.md"))
    order = chance.permutation(len(paths))
    for number, path in enumerate(paths[int(one)] for one in order):
        segments = typed_transcript(path.read_text(encoding="utf-8"))
        found = [one.text for one in cut(segments, [], max_words=SPEECH_WORDS[1])]
        found = [text for text in found if len(text.split()) >= SPEECH_WORDS[0]]
        for which in chance.permutation(len(found))[:PASSAGES]:
            texts.append(found[int(which)])
            days.append(number * DAYS // len(paths))
            shows.append(path.parent.name)
    encoder = encoder_of_lake()
    frame = pl.Series(texts)
    named = pl.Series([list(names_of(text)) for text in texts])
    quality = np.mean(
        [signals.specificity(frame, named), signals.evidence(frame), signals.self_containedness(frame)], axis=0
    )
    return Passages(
        vectors=encoder.encode(texts),
        quality=quality.astype(np.float32),
        day=np.array(days),
        show=np.unique(shows, return_inverse=True)[1],
        subjects=[frozenset(topics_of(text)) for text in texts],
    )


def alpha_gain(subjects: Sequence[frozenset[str]]) -> float:
    """α-DCG of entries, each given by the reader's subjects that it is about."""
    seen: dict[str, int] = defaultdict(int)
    total = 0.0
    for rank, about in enumerate(subjects):
        total += sum((1 - ALPHA) ** seen[one] for one in about) / np.log2(rank + 2)
        for one in about:
            seen[one] += 1
    return total


def best_gain(candidates: Sequence[frozenset[str]], size: int) -> float:
    """The α-DCG of the brief that a greedy choice with full knowledge makes, as is usual for the ideal."""
    left = [about for about in candidates if about]
    chosen: list[frozenset[str]] = []
    while left and len(chosen) < size:
        seen = [one for about in chosen for one in about]
        gains = [sum((1 - ALPHA) ** seen.count(one) for one in about) for about in left]
        chosen.append(left.pop(int(np.argmax(gains))))
    return alpha_gain(chosen)


class Simulation:
    """Readers, their days and what they are sent by one method."""

    def __init__(self, world: Passages, readers: int, seed: int) -> None:
        self.world = world
        self.chance = np.random.default_rng(seed)
        counts = defaultdict(int)
        for about in world.subjects:
            for one in about:
                counts[one] += 1
        subjects = sorted(one for one, count in counts.items() if count >= LEAST_PASSAGES)
        encoder = encoder_of_lake()
        names = dict(zip(subjects, encoder.encode([TOPICS[one].title for one in subjects]), strict=True))
        self.cares = [self.chance.choice(subjects, 4, replace=False).tolist() for _ in range(readers)]
        self.written = np.stack([names[one] for cares in self.cares for one in cares[:2]])
        self.owner = np.repeat(np.arange(readers), 2)
        self.readers = readers
        self.subjects = subjects

    def run(self, method: str) -> Tally:
        """Every day of every reader."""
        world, tally = self.world, Tally()
        chance = np.random.default_rng(99)
        votes: list[tuple[int, int, float, int]] = []  # reader, passage, worth, day
        sent: list[dict[int, int]] = [{} for _ in range(self.readers)]
        for day in range(NEWS_DAYS - 1, DAYS):
            today = np.flatnonzero((world.day <= day) & (world.day > day - NEWS_DAYS))
            briefs = self._briefs(method, today, day, votes, sent)
            for reader, brief in enumerate(briefs):
                cares = frozenset(self._cares(reader, day))
                fresh = {one for one in today.tolist() if day - sent[reader].get(one, -99) > REMEMBERED}
                about = [world.subjects[one] & cares if one in fresh else frozenset() for one in brief]
                ideal = best_gain([world.subjects[one] & cares for one in sorted(fresh)], SIZE)
                if ideal:
                    tally.gains.append(alpha_gain(about) / ideal)
                self._count(tally, brief, reader, day, sent)
                later = self.cares[reader][3]
                offered = sum(later in world.subjects[one] for one in fresh)
                if offered:
                    shown = sum(later in world.subjects[one] for one in fresh.intersection(brief))
                    tally.new_subject[day].append(shown / min(SIZE, offered))
                for one in brief:
                    liked = CARES if world.subjects[one] & cares else CARES_NOT
                    drawn = chance.random()
                    for event, share in liked.items():
                        if drawn < share:
                            votes.append((reader, one, profiles.EVENT_WORTH[event], day))
                            break
                        drawn -= share
                    sent[reader][one] = day
        return tally

    def _cares(self, reader: int, day: int) -> list[str]:
        first, second, third, later = self.cares[reader]
        return [first, second, third if day < DAYS // 2 else later]

    def _count(self, tally: Tally, brief: Sequence[int], reader: int, day: int, sent: list[dict[int, int]]) -> None:
        world = self.world
        tally.entries += len(brief)
        for one in brief:
            ago = day - sent[reader].get(one, -99)
            for within in tally.repeats:
                tally.repeats[within] += ago <= within
        if len(brief) > 1:
            near = world.vectors[brief] @ world.vectors[brief].T
            tally.distances.append(float(1 - near[np.triu_indices(len(brief), 1)].mean()))
            shows = np.bincount(world.show[brief])
            tally.shares.append(float(shows.max() / len(brief)))
            tally.most_of_show.append(int(shows.max()))

    def _briefs(
        self,
        method: str,
        today: Any,
        day: int,
        votes: list[tuple[int, int, float, int]],
        sent: list[dict[int, int]],
    ) -> list[list[int]]:
        world = self.world
        if method == "popularity":
            best = today[np.argsort(-world.quality[today], kind="stable")[:SIZE]].tolist()
            return [best] * self.readers
        near = self.written @ world.vectors[today].T
        nearest = np.maximum.reduceat(near, np.arange(0, len(near), 2))
        if method == "similarity":
            return [today[np.argsort(-row, kind="stable")[:SIZE]].tolist() for row in nearest]
        if method == "plain MMR":
            return [self._mmr(today, row, {}) for row in nearest]
        if method == "MMR, no repeats":
            return [self._mmr(today, row, sent[reader]) for reader, row in enumerate(nearest)]
        return self._podbrief(today, day, votes if method == "podbrief" else [], sent)

    def _mmr(self, today: Any, relevance: Any, sent: dict[int, int]) -> list[int]:
        today, relevance = (values[[one not in sent for one in today.tolist()]] for values in (today, relevance))
        chosen: list[int] = []
        redundancy = np.zeros(len(today))
        for _ in range(SIZE):
            score = 0.5 * relevance - 0.5 * redundancy
            score[chosen] = -np.inf
            chosen.append(int(np.argmax(score)))
            redundancy = np.maximum(redundancy, self.world.vectors[today] @ self.world.vectors[today[chosen[-1]]])
        return today[chosen].tolist()

    def _podbrief(
        self, today: Any, day: int, votes: list[tuple[int, int, float, int]], sent: list[dict[int, int]]
    ) -> list[list[int]]:
        world = self.world
        archive = profiles.Archive.of([world.vectors[world.day <= day]], EMBEDDING_DIMENSION)

        def subjects(likes: bool) -> profiles.Clusters:
            mine = sorted((vote for vote in votes if (vote[2] > 0) == likes), key=lambda vote: vote[0])
            passage = np.array([vote[1] for vote in mine], np.int64)
            return profiles.clusters(
                profiles.Votes(
                    reader=np.array([vote[0] for vote in mine], np.int64),
                    vectors=world.vectors[passage],
                    worth=np.array([vote[2] for vote in mine], np.float32),
                    age_days=np.array([day - vote[3] for vote in mine], np.float32),
                )
            )

        vectors, weight, owner, _ = profiles.joined(self.written, self.owner, subjects(likes=True))
        disliked = subjects(likes=False)
        number = {int(one): place for place, one in enumerate(today)}
        already = [
            (reader, number[one])
            for reader, mine in enumerate(sent)
            for one, when in mine.items()
            if one in number and day - when <= REMEMBERED
        ]
        picks = ranking.pick_entries(
            ranking.Insights(
                vectors=world.vectors[today],
                quality=world.quality[today],
                freshness=(0.5 ** (day - world.day[today])).astype(np.float32),
                popularity=np.zeros(len(today), np.float32),
                show=world.show[today],
                cluster=np.arange(len(today)),
                attributes=np.arange(len(today))[:, None],
            ),
            ranking.Readers(
                interests=archive.held_against(vectors, weight, owner),
                aversions=archive.held_against(disliked.vectors, disliked.weight, disliked.reader),
                size=np.full(self.readers, SIZE),
                refused=np.array(already, np.int64).reshape(-1, 2),
            ),
            WEIGHTS,
        )
        return [today[picks.insight[picks.reader == reader]].tolist() for reader in range(self.readers)]


WEIGHTS = ranking.Weights()
METHODS = ("podbrief", "deaf to votes", "popularity", "similarity", "plain MMR", "MMR, no repeats")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--readers", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    world = passages(options.corpus, np.random.default_rng(options.seed))
    simulation = Simulation(world, options.readers, options.seed)
    print(
        f"{len(world.day):,} passages over {DAYS} days, {len(simulation.subjects)} subjects, {options.readers} readers"
    )
    print(f"{'':15s} α-nDCG@5  distance  one show  repeats 7/30 d  entries  new subject before, 5, 10, 15 days after")
    tallies = {}
    half = DAYS // 2
    for method in METHODS:
        started = time.perf_counter()
        tally = tallies[method] = simulation.run(method)
        spans = [(half - 5, half), (half + 3, half + 7), (half + 8, half + 12), (half + 13, half + 17)]
        shares = [np.mean([one for day in range(*span) for one in tally.new_subject[day]]) for span in spans]
        print(
            f"{method:15s} {np.mean(tally.gains):8.3f} {np.mean(tally.distances):9.3f} {np.mean(tally.shares):9.1%} "
            f"{tally.repeats[7] / tally.entries:7.1%} {tally.repeats[REMEMBERED] / tally.entries:6.1%} "
            f"{tally.entries / len(tally.gains):8.2f}  {' '.join(f'{share:6.1%}' for share in shares)}"
            f"   ({time.perf_counter() - started:.0f} s)"
        )
    ours = tallies["podbrief"]
    others = {name: float(np.mean(tally.gains)) for name, tally in tallies.items() if name != "podbrief"}
    before, after = (
        np.mean([one for day in days for one in ours.new_subject[day]])
        / np.mean([one for day in days for one in tallies[METHODS[1]].new_subject[day]])
        for days in (range(half - 5, half), range(half + 13, half + 17))
    )
    print(f"of the new subject, times as much as without votes: {before:.2f} before, {after:.2f} fifteen days after")
    holds = {
        "more of what readers care about than each other method": np.mean(ours.gains) > max(others.values()),
        "nothing twice within 30 days": ours.repeats[REMEMBERED] == 0,
        "at most two entries of a show": max(ours.most_of_show) <= 2,
        "votes add more of the new subject fifteen days after a change than before": after > before,
    }
    for claim, held in holds.items():
        print("holds " if held else "FAILS ", claim)
    return 0 if all(holds.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
