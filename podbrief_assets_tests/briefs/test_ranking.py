"""The choice: floors, mutes, caps, diversity, and that nobody's brief depends on anybody else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.briefs.ranking import Insights, Picks, Readers, Weights, pick_entries


def unit(vectors: Any) -> Any:
    vectors = np.asarray(vectors, np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def insights(n: int = 40, d: int = 16, seed: int = 0, **changes: Any) -> Insights:
    random = np.random.default_rng(seed)
    columns = {
        "vectors": unit(random.normal(size=(n, d))),
        "quality": random.uniform(0.4, 1, n).astype(np.float32),
        "freshness": np.ones(n, np.float32),
        "show": np.arange(n, dtype=np.int64) % 10,
        "cluster": np.arange(n, dtype=np.int64),
    }
    return Insights(**(columns | changes))


def readers(s: int = 3, interests: int = 2, d: int = 16, seed: int = 1, **changes: Any) -> Readers:
    random = np.random.default_rng(seed)
    columns = {
        "interests": unit(random.normal(size=(s * interests, d))) if interests else np.zeros((0, d), np.float32),
        "owner": np.repeat(np.arange(s, dtype=np.int64), interests),
        "size": np.full(s, 5, np.int64),
    }
    return Readers(**(columns | changes))


def of(picks: Picks, reader: int) -> list[int]:
    return picks.insight[picks.reader == reader].tolist()


def test_the_nearest_insight_comes_first():
    vectors = unit(np.eye(16)[:8])
    chosen = pick_entries(
        insights(8, vectors=vectors, quality=np.full(8, 0.5, np.float32)),
        Readers(interests=vectors[[3]], owner=np.zeros(1, np.int64), size=np.array([5])),
    )
    assert of(chosen, 0) == [3], "the others have nothing to do with the interest"
    assert chosen.relevance[0] == pytest.approx(1)
    assert chosen.interest[0] == 0


def test_a_reader_without_interests_gets_the_best_of_the_day():
    today = insights()
    chosen = pick_entries(today, readers(1, interests=0))
    assert of(chosen, 0)[0] == int(np.argmax(today.quality))
    assert len(of(chosen, 0)) == 5
    assert set(chosen.interest.tolist()) == {-1}


def test_what_is_excluded_never_appears():
    free = pick_entries(insights(), readers(1))
    banned = of(free, 0)[:2]
    chosen = pick_entries(insights(), readers(1, excluded=np.array([[0, insight] for insight in banned])))
    assert not set(banned) & set(of(chosen, 0))


def test_one_of_a_cluster_and_two_of_a_show():
    same_cluster = pick_entries(insights(cluster=np.zeros(40, np.int64)), readers(1, interests=0))
    assert len(of(same_cluster, 0)) == 1
    same_show = pick_entries(insights(show=np.zeros(40, np.int64)), readers(1, interests=0))
    assert len(of(same_show, 0)) == 2


def test_a_thin_day_is_short_and_not_padded():
    quality = np.full(40, 0.1, np.float32)
    quality[:3] = 0.9
    chosen = pick_entries(insights(quality=quality), readers(1, interests=0))
    assert sorted(of(chosen, 0)) == [0, 1, 2]


def test_a_followed_show_needs_no_matching_interest_and_counts_more():
    vectors = unit(np.eye(16)[[0, 1, 1]])
    today = insights(3, vectors=vectors, quality=np.full(3, 0.5, np.float32), show=np.array([0, 1, 2]))
    reader = Readers(
        interests=vectors[[0]], owner=np.zeros(1, np.int64), size=np.array([5]), follows=np.array([[0, 2]])
    )
    assert of(pick_entries(today, reader), 0) == [0, 2]


def test_the_same_thing_in_other_words_gives_way_to_something_else():
    vectors = unit([[1, 0.05, 0], [1, 0, 0], [0.8, 0, 0.6]])
    today = insights(3, vectors=vectors, quality=np.full(3, 0.5, np.float32), show=np.arange(3))
    reader = Readers(interests=unit([[1, 0, 0.1]]), owner=np.zeros(1, np.int64), size=np.array([2]))
    assert of(pick_entries(today, reader, Weights(redundancy=1.0)), 0) == [1, 2]


def test_nothing_today_is_no_entry():
    nothing = insights(0, vectors=np.zeros((0, 16), np.float32))
    assert len(pick_entries(nothing, readers()).reader) == 0


def test_a_readers_entries_do_not_depend_on_the_others(monkeypatch):
    everyone = readers(7)
    together = pick_entries(insights(), everyone)
    monkeypatch.setattr("podbrief_assets.briefs.ranking._READERS_AT_ONCE", 2)
    in_blocks = pick_entries(insights(), everyone)
    for name in Picks.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(together, name), getattr(in_blocks, name))
    alone = pick_entries(
        insights(), Readers(interests=everyone.interests[8:10], owner=np.zeros(2, np.int64), size=everyone.size[:1])
    )
    assert of(alone, 0) == of(together, 4)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 60), st.integers(1, 6), st.integers(0, 3), st.integers(0, 10_000))
def test_every_choice_keeps_every_rule(n, s, interests, seed):
    random = np.random.default_rng(seed)
    today = insights(
        n,
        seed=seed,
        vectors=unit(random.normal(size=(n, 16))) if n else np.zeros((0, 16), np.float32),
        show=random.integers(0, 4, n),
        cluster=random.integers(0, 20, n),
        quality=random.uniform(0, 1, n).astype(np.float32),
    )
    excluded = (
        np.stack([random.integers(0, s, 15), random.integers(0, n, 15)], axis=1) if n else np.zeros((0, 2), np.int64)
    )
    who = readers(s, interests, seed=seed, size=random.integers(1, 6, s), excluded=excluded)
    picks = pick_entries(today, who)
    for reader in range(s):
        chosen = of(picks, reader)
        assert len(chosen) == len(set(chosen)) <= who.size[reader]
        assert picks.rank[picks.reader == reader].tolist() == list(range(1, len(chosen) + 1))
        assert not {(reader, insight) for insight in chosen} & {tuple(pair) for pair in excluded.tolist()}
        assert all(today.quality[insight] >= Weights().quality_floor for insight in chosen)
        assert len({today.cluster[insight] for insight in chosen}) == len(chosen)
        shows = [today.show[insight] for insight in chosen]
        assert all(shows.count(show) <= 2 for show in shows)
