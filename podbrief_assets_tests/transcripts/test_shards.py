"""Shards: every episode once, in its order, and never more audio than was asked for but for one that is longer."""

from __future__ import annotations

import datetime as dt
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podbrief_assets.transcripts.shards import MOST_SHARDS, UNKNOWN_S, BadShards, Outcome, Shard, Waiting, cut

DAY = dt.date(2026, 11, 22)
lengths = st.none() | st.floats(0, 30_000) | st.sampled_from([-5.0, 0.0, 1e9, 3600.0, 7200.0])


def waiting(*hours: float | None) -> list[Waiting]:
    return [Waiting(f"e{n}", DAY, None if one is None else one * 3600) for n, one in enumerate(hours)]


def names(shards: list[Shard]) -> list[list[str]]:
    return [[episode.episode_id for episode in shard.episodes] for shard in shards]


@given(st.lists(lengths, max_size=60), st.floats(0.5, 40))
def test_every_episode_is_in_one_shard_and_in_its_place(durations: list[float | None], hours: float):
    episodes = [Waiting(f"e{n}", DAY, duration_s) for n, duration_s in enumerate(durations)]
    shards = cut(episodes, hours)
    assert [episode for shard in shards for episode in shard.episodes] == episodes
    assert all(shard.episodes for shard in shards)
    assert all(shard.hours <= hours + 1e-6 or len(shard.episodes) == 1 for shard in shards)
    # None is needlessly small: with the next shard's first episode it would be too long.
    pairs = pairwise(shards)
    assert all(one.hours + other.episodes[0].expected_s / 3600 > hours - 1e-6 for one, other in pairs)
    assert cut(episodes, hours) == shards


def test_a_long_episode_is_a_shard_of_its_own():
    assert names(cut(waiting(1, 1, 9, 1, 1), 2)) == [["e0", "e1"], ["e2"], ["e3", "e4"]]


@pytest.mark.parametrize("told", [None, 0, -1, 5_400_000])
def test_a_length_that_nobody_tells_or_nothing_can_have_is_taken_for_an_hour(told: float | None):
    assert Waiting("e", DAY, told).expected_s == UNKNOWN_S


def test_what_can_not_be_cut_says_what_to_do():
    for hours in (0, -1, float("nan"), float("inf")):
        with pytest.raises(BadShards, match="give a number above 0"):
            cut(waiting(1), hours)
    many = waiting(*[1.0] * (MOST_SHARDS + 1))
    with pytest.raises(BadShards, match="more hours per shard") as told:
        cut(many, 1)
    advised = int(str(told.value).partition("(from ")[2].split(" ")[0])
    assert len(cut(many, advised)) <= MOST_SHARDS


def test_a_step_is_told_the_days_and_their_episodes():
    other = DAY + dt.timedelta(days=1)
    shard = Shard((Waiting("a", DAY, 1), Waiting("b", DAY, 1), Waiting("c", other, 1)))
    assert shard.to_json() == [["2026-11-22", "a", "b"], ["2026-11-23", "c"]]


def test_outcomes_add_up_and_come_back_from_json():
    one = Outcome(2, 1, 3600.0, 60.0, 3, 4, [("a", "why")])
    other = Outcome(1, 0, 1800.0, 30.0, 0, 1, [("b", "too")])
    total = Outcome.of_json(json.loads(json.dumps(vars(one)))) + other
    assert total == Outcome(3, 1, 5400.0, 90.0, 3, 5, [("a", "why"), ("b", "too")])
    assert total.speed == 60.0
    assert Outcome().speed is None
