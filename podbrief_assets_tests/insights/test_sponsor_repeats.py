"""What episodes of a show have in common is found through misheard words; reruns and turns of phrase are not."""

from __future__ import annotations

import itertools
import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from podbrief_assets.insights.sponsor_repeats import fingerprint, repeated
from podbrief_assets.transcripts.segment import Segment

LEXICON = [f"{a}{b}{c}" for a, b, c in itertools.product("bdfgklmnprst", "aeiou", "blnrst")]


def words(seed: int, count: int) -> list[str]:
    return random.Random(seed).choices(LEXICON, k=count)


def spoken(*parts: list[str]) -> list[Segment]:
    said = [word for part in parts for word in part]
    return [
        Segment(start_s=float(at), end_s=float(at + len(said[at : at + 30])), text=" ".join(said[at : at + 30]))
        for at in range(0, len(said), 30)
    ]


def misheard(said: list[str], share: float) -> list[str]:
    chance = random.Random(4)
    return ["mumble" if chance.random() < share else word for word in said]


SPOT = words(1, 80)


def test_a_spot_of_several_episodes_is_found_where_it_is() -> None:
    others = [fingerprint(spoken(words(seed, 400), misheard(SPOT, 0.05), words(seed + 50, 400))) for seed in (10, 11)]
    (found,) = repeated(spoken(words(2, 500), SPOT, words(3, 500)), others)
    assert 500 <= found.start_s <= 512
    assert 568 <= found.end_s <= 580
    assert found.episodes == 2


def test_nothing_is_found_in_episodes_that_have_nothing_in_common() -> None:
    assert repeated(spoken(words(2, 900)), [fingerprint(spoken(words(5, 900)))]) == []


def test_a_turn_of_phrase_is_too_short() -> None:
    phrase = words(6, 9)
    assert repeated(spoken(words(2, 500), phrase, words(3, 500)), [fingerprint(spoken(phrase, words(5, 500)))]) == []


def test_an_episode_told_again_is_no_spot() -> None:
    episode = words(2, 900)
    assert repeated(spoken(episode), [fingerprint(spoken(words(7, 50), episode))]) == []


def test_a_fingerprint_is_small_sorted_and_the_same_for_other_cuts() -> None:
    said = words(8, 3000)
    whole = fingerprint([Segment(start_s=0.0, end_s=900.0, text=" ".join(said))])
    assert np.array_equal(whole, fingerprint(spoken(said)))
    assert (np.diff(whole.astype(object)) > 0).all()
    assert whole.nbytes < 3000 * 4
    assert len(fingerprint([])) == 0


@given(st.lists(st.sampled_from(["a b c", "", "so it is what it is and it is", "visit us"]), max_size=30))
def test_stretches_are_in_order_apart_and_within_the_transcript(texts: list[str]) -> None:
    segments = [Segment(start_s=n * 2.0, end_s=n * 2.0 + 2, text=text) for n, text in enumerate(texts)]
    other = fingerprint(spoken(words(9, 2000), " ".join(texts).split()))
    found = repeated(segments, [other, fingerprint(segments)])
    assert all(0 <= one.start_s < one.end_s <= len(texts) * 2 for one in found)
    assert all(one.end_s <= other.start_s for one, other in itertools.pairwise(found))
