"""The choice: floors, refusals, caps, diversity, and that nobody's brief depends on anybody else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.briefs import ranking
from podbrief_assets.briefs.ranking import Insights, Interests, Picks, Readers, Weights, pick_entries, scored

D = 16


def unit(vectors: Any) -> Any:
    vectors = np.asarray(vectors, np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def insights(n: int = 40, seed: int = 0, **changes: Any) -> Insights:
    random = np.random.default_rng(seed)
    columns: dict[str, Any] = {
        "vectors": unit(random.normal(size=(n, D))) if n else np.zeros((0, D), np.float32),
        "quality": random.uniform(0.4, 1, n).astype(np.float32),
        "freshness": np.ones(n, np.float32),
        "popularity": np.zeros(n, np.float32),
        "show": np.arange(n, dtype=np.int64) % 10,
        "cluster": np.arange(n, dtype=np.int64),
    } | changes
    columns.setdefault("attributes", columns["show"][:, None])
    return Insights(**columns)


def interests(vectors: Any, owner: Any, gain: float = 1.0, offset: float = 0.0) -> Interests:
    owner = np.asarray(owner, np.int64)
    return Interests(
        vectors=np.asarray(vectors, np.float32).reshape(-1, D),
        owner=owner,
        gain=np.full(len(owner), gain, np.float32),
        offset=np.full(len(owner), offset, np.float32),
    )


def reader(*vectors: Any, size: int = 5, **changes: Any) -> Readers:
    return Readers(
        interests=interests(np.array(vectors), np.zeros(len(vectors), np.int64)),
        size=np.array([size]),
        **({"aversions": Interests.none(D)} | changes),
    )


def of(picks: Picks, number: int = 0) -> list[int]:
    return [int(one) for one in picks.insight[picks.reader == number]]


def test_the_nearest_insight_comes_first() -> None:
    vectors = unit(np.eye(D)[:8])
    chosen = pick_entries(insights(8, vectors=vectors, quality=np.full(8, 0.5, np.float32)), reader(vectors[3]))
    assert of(chosen) == [3], "the others have nothing to do with the interest"
    assert (chosen.relevance[0], chosen.cosine[0], chosen.interest[0]) == (1, 1, 0)


def test_an_interest_counts_by_what_stands_out_of_its_archive() -> None:
    """The vague interest is nearer to both by the cosine; what matters is that the second is far above its usual."""
    vectors = unit(np.eye(D)[:2])
    today = insights(2, vectors=vectors, quality=np.full(2, 0.5, np.float32))
    vague, precise = unit([[0.8, 0.6] + [0] * 14, [0, 0.7] + [0.7] + [0] * 13])
    held = Interests(
        vectors=np.stack([vague, precise]),
        owner=np.zeros(2, np.int64),
        gain=np.array([2, 4], np.float32),
        offset=np.array([1.5, 0.4], np.float32),
    )
    chosen = pick_entries(today, Readers(interests=held, aversions=Interests.none(D), size=np.array([5])))
    assert of(chosen) == [1]
    assert chosen.interest[0] == 1
    assert chosen.cosine[0] == pytest.approx(0.7 / np.sqrt(0.98), abs=1e-3)


def test_what_a_reader_disliked_pushes_away() -> None:
    liked = unit(np.eye(D)[0])
    near = unit([1, 0.3, 0] + [0] * 13), unit([1, 0, 0.3] + [0] * 13)
    today = insights(2, vectors=np.stack(near), quality=np.full(2, 0.5, np.float32), show=np.arange(2))
    free = reader(liked)
    put_off = reader(liked, aversions=interests([near[0]], [0]))
    assert of(pick_entries(today, free)) == [0, 1]
    chosen = pick_entries(today, put_off)
    assert of(chosen) == [1, 0]
    assert chosen.aversion[1] == pytest.approx(1, abs=1e-3)


def test_a_reader_without_interests_gets_the_best_of_the_day_and_what_is_popular() -> None:
    today = insights()
    chosen = pick_entries(today, reader())
    assert of(chosen)[0] == int(np.argmax(today.quality))
    assert len(of(chosen)) == 5
    assert set(chosen.interest.tolist()) == {-1}
    popular = np.zeros(40, np.float32)
    popular[7] = 1
    quality = np.full(40, 0.5, np.float32)
    assert of(pick_entries(insights(quality=quality, popularity=popular), reader()))[0] == 7


def test_what_is_refused_never_appears() -> None:
    today = insights(attributes=np.stack([np.arange(40) % 10, np.where(np.arange(40) % 4, 10, 11)], axis=1))
    assert any(one % 4 == 0 for one in of(pick_entries(today, reader())))
    chosen = pick_entries(today, reader(refused=np.array([[0, 11], [0, 3]])))
    assert len(of(chosen)) == 5
    assert not any(one % 4 == 0 or one % 10 == 3 for one in of(chosen))


def test_one_of_a_cluster_and_two_of_a_show() -> None:
    assert len(of(pick_entries(insights(cluster=np.zeros(40, np.int64)), reader()))) == 1
    assert len(of(pick_entries(insights(show=np.zeros(40, np.int64)), reader()))) == 2


def test_a_thin_day_is_short_and_not_padded() -> None:
    quality = np.full(40, Weights.quality_floor - 0.01, np.float32)
    quality[:3] = 0.9
    assert sorted(of(pick_entries(insights(quality=quality), reader()))) == [0, 1, 2]


def test_a_followed_show_needs_no_matching_interest_and_counts_more() -> None:
    vectors = unit(np.eye(D)[[0, 1, 1]])
    today = insights(3, vectors=vectors, quality=np.full(3, 0.5, np.float32), show=np.array([0, 1, 2]))
    chosen = pick_entries(today, reader(vectors[0], follows=np.array([[0, 2]])))
    assert of(chosen) == [0, 2]
    assert chosen.follows.tolist() == [0, 1]


def test_the_same_thing_in_other_words_gives_way_to_something_else() -> None:
    rest = [0] * 13
    vectors = unit([[1, 0.05, 0, *rest], [1, 0, 0, *rest], [0.8, 0, 0.6, *rest]])
    today = insights(3, vectors=vectors, quality=np.full(3, 0.5, np.float32), show=np.arange(3))
    me = reader(unit([1, 0, 0.1, *rest]), size=2)
    assert of(pick_entries(today, me, Weights(redundancy=1.0))) == [1, 2]
    assert of(pick_entries(today, me, Weights(redundancy=0.0))) == [1, 0]


def test_nothing_today_and_nobody_is_no_entry() -> None:
    assert len(pick_entries(insights(0), reader()).reader) == 0
    nobody = Readers(interests=Interests.none(D), aversions=Interests.none(D), size=np.zeros(0, np.int64))
    assert len(pick_entries(insights(), nobody).reader) == 0


def test_scores_before_anything_is_chosen_are_those_of_the_choice() -> None:
    today = insights(200, vectors=unit(np.abs(np.random.default_rng(4).normal(size=(200, D)))))
    me = reader(unit(np.ones(D)), refused=np.array([[0, 4]]))
    everything = scored(today, me)
    chosen = pick_entries(today, me)
    assert everything.insight[0] in range(200)
    assert sorted(everything.score, reverse=True) == everything.score.tolist()
    known = dict(zip(everything.insight.tolist(), everything.score.tolist(), strict=True))
    for insight, score, redundancy in zip(chosen.insight, chosen.score, chosen.redundancy, strict=True):
        assert known[int(insight)] - Weights().redundancy * redundancy == score
    assert sorted(everything.insight.tolist()) == list(range(200)), "refused ones and those below the floors, too"
    with pytest.raises(ValueError, match="one reader, not 2"):
        scored(today, Readers(interests=Interests.none(D), aversions=Interests.none(D), size=np.ones(2, np.int64)))


# ---------------------------------------------------------------------------------------------------------------------
# Against looking at everything


def by_hand(today: Insights, who: Readers, weights: Weights, pools: tuple[int, ...]) -> dict[int, list[int]]:
    """The choice as its definition reads, one reader and one insight after the other."""
    grid = [np.round(vectors * 2**11) / 2**11 for vectors in (today.vectors, who.interests.vectors)]
    chosen: dict[int, list[int]] = {}
    for number in range(len(who)):
        mine = np.flatnonzero(who.interests.owner == number)
        refused = set(who.refused[who.refused[:, 0] == number][:, 1].tolist())
        follows = set(who.follows[who.follows[:, 0] == number][:, 1].tolist())
        scores: list[tuple[float, int]] = []
        for one in range(len(today)):
            if today.quality[one] < weights.quality_floor or refused & set(today.attributes[one].tolist()):
                continue
            followed = int(today.show[one]) in follows
            score = (
                weights.quality * float(today.quality[one])
                + weights.freshness * float(today.freshness[one])
                + weights.follows * followed
            )
            if len(mine):
                near = [
                    float(who.interests.gain[i]) * float(grid[0][one] @ grid[1][i]) - float(who.interests.offset[i])
                    for i in mine
                ]
                if max(near) < weights.relevance_floor and not followed:
                    continue
                score += weights.relevance * max(near)
            else:
                score += weights.popularity * float(today.popularity[one])
            scores.append((-score, one))
        for pool in pools:
            entries = _greedy(today, grid[0], sorted(scores)[:pool], weights, int(who.size[number]))
            if len(entries) == who.size[number] or pool >= len(scores):
                break
        chosen[number] = entries
    return chosen


def _greedy(today: Insights, vectors: Any, pool: list[tuple[float, int]], weights: Weights, size: int) -> list[int]:
    entries: list[int] = []
    while len(entries) < size:
        best: tuple[float, int] | None = None
        for negative, one in pool:
            shows = [today.show[other] for other in entries]
            if (
                one in entries
                or today.cluster[one] in [today.cluster[other] for other in entries]
                or shows.count(today.show[one]) >= weights.per_show
            ):
                continue
            near = max([0.0, *(float(vectors[one] @ vectors[other]) for other in entries)])
            now = (negative + weights.redundancy * near, one)
            best = now if best is None or now < best else best
        if best is None:
            break
        entries.append(best[1])
    return entries


@st.composite
def days(draw: st.DrawFn) -> tuple[Insights, Readers]:
    n, s = draw(st.integers(1, 90)), draw(st.integers(1, 6))
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    coarse = draw(st.booleans())  # many equal scores
    quality = random.integers(0, 4, n) / 4 if coarse else random.uniform(0, 1, n)
    vectors = unit(random.integers(-1, 2, (n, D)) + np.eye(D)[random.integers(0, D, n)] * 0.5) if coarse else None
    today = insights(
        n,
        vectors=unit(random.normal(size=(n, D))) if vectors is None else vectors,
        quality=quality.astype(np.float32),
        freshness=(0.5 ** random.integers(0, 3, n)).astype(np.float32),
        popularity=random.uniform(0, 1, n).astype(np.float32),
        show=random.integers(0, draw(st.integers(1, 12)), n),
        cluster=random.integers(0, 60, n),
        attributes=random.integers(-1, 20, (n, 3)),
    )
    owner = np.sort(random.integers(0, s, draw(st.integers(0, 4 * s))))
    who = Readers(
        interests=Interests(
            vectors=unit(random.normal(size=(len(owner), D))) if len(owner) else np.zeros((0, D), np.float32),
            owner=owner,
            gain=random.uniform(0.5, 4, len(owner)).astype(np.float32),
            offset=random.uniform(-0.2, 0.2, len(owner)).astype(np.float32),
        ),
        aversions=Interests.none(D),
        size=random.integers(1, 11, s),
        refused=np.stack([random.integers(0, s, 8), random.integers(0, 20, 8)], axis=1),
        follows=np.stack([random.integers(0, s, 6), random.integers(0, 12, 6)], axis=1),
    )
    return today, who


SHALLOW = (ranking._Depth(3, 6, 2), ranking._Depth(6, 12, 8), ranking._Depth(8, 32, 16))


@settings(max_examples=150, deadline=None)
@given(days(), st.booleans())
def test_the_choice_is_what_looking_at_everything_gives(day: tuple[Insights, Readers], shallow: bool) -> None:
    today, who = day
    with pytest.MonkeyPatch.context() as patch:
        if shallow:  # so that nearly everybody is done again, and again
            patch.setattr(ranking, "_DEPTHS", SHALLOW)
            patch.setattr(ranking, "_POOLS", (4, 16))
        pools = (*ranking._POOLS, 10_000)
        found = pick_entries(today, who, device="cpu")
    assert {number: of(found, number) for number in range(len(who))} == by_hand(today, who, Weights(), pools)


@settings(max_examples=60, deadline=None)
@given(days(), st.integers(1, 3))
def test_a_readers_entries_do_not_depend_on_the_block(day: tuple[Insights, Readers], columns: int) -> None:
    today, who = day
    together = pick_entries(today, who, device="cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "_COLUMNS_AT_ONCE", columns)
        in_blocks = pick_entries(today, who, device="cpu")
    for name in Picks.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(together, name), getattr(in_blocks, name))


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_the_precision_of_the_quick_look_changes_nothing(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    n, s = 700, 40
    vectors = unit(np.eye(D)[random.integers(0, 5, n)] + 0.4 * random.normal(size=(n, D)))
    today = insights(n, vectors=vectors, show=random.integers(0, 300, n), attributes=random.integers(0, 5, (n, 1)))
    who = Readers(
        interests=interests(vectors[random.integers(0, n, 3 * s)], np.repeat(np.arange(s), 3), gain=3.0, offset=0.3),
        aversions=Interests.none(D),
        size=np.full(s, 5),
        refused=np.stack([np.arange(s), random.integers(0, 5, s)], axis=1),
    )
    monkeypatch.setattr("podbrief_assets.briefs.ranking.has_bfloat16", lambda device: precision == "bfloat16")
    found = pick_entries(today, who, device="cpu")
    assert {number: of(found, number) for number in range(s)} == by_hand(
        today, who, Weights(), (*ranking._POOLS, 10_000)
    )


def test_sums_on_the_grid_are_exact_in_any_order() -> None:
    random = np.random.default_rng(0)
    vectors = ranking._on_grid(random.normal(size=(64, 384)) / np.sqrt(384))
    vectors = ranking._on_grid(unit(vectors))
    exact = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    for order in (np.arange(384), random.permutation(384)):
        assert ((vectors[:, order] @ vectors[:, order].T).astype(np.float64) == exact).all()
