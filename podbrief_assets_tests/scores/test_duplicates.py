"""Which insight stands for several that say the same, and which are linked as contraries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.scores.duplicates import Found, Insight, Settled, compare

ROSE = "In March 2024 demand for batteries from Acme in Oslo rose, as storage became cheap for every harbour"
AGAIN = "In March 2024 demand for batteries from Acme in Oslo climbed, as storage became cheap for every harbour"
FELL = "In March 2024 demand for batteries from Acme in Oslo fell, as storage became cheap for no harbour"
OTHER = "Tomatoes lose their aroma in the cold because enzymes stop working below twelve degrees for good"


def insight(day, number, text, **standing):
    return Insight(f"202611{day:02}-{number:04}", text, frozenset(), **standing)


def vectors(count, apart=()):
    """`count` vectors that are nearly one; those at `apart` point elsewhere."""
    found = np.zeros((count, 4), np.float32)
    found[:, 0] = 1
    for place in apart:
        found[place] = [0, 1, 0, 0]
    return found


def compared(new, before=(), apart=()):
    everyone = vectors(len(before) + len(new), apart)
    return compare(new, everyone[len(before) :], list(before), everyone[: len(before)])


def test_the_first_to_say_it_stands_and_the_others_point_to_it():
    before = [insight(1, 1, ROSE, settled=Settled(None))]
    found = compared([insight(2, n, ROSE) for n in range(3)], before)
    assert [one.duplicate_of for one in found] == ["20261101-0001"] * 3
    assert [one.similarity for one in found] == pytest.approx([1.0] * 3)
    alone = compared([insight(2, n, ROSE) for n in range(3)])
    assert [one.duplicate_of for one in alone] == [None, "20261102-0000", "20261102-0000"]


def test_the_same_in_another_word_repeats_and_another_subject_does_not():
    found = compared([insight(1, 1, ROSE), insight(1, 2, AGAIN), insight(1, 3, OTHER)], apart=[2])
    assert [one.duplicate_of for one in found] == [None, "20261101-0001", None]


def test_contraries_are_linked_to_the_one_that_stands_and_never_merged():
    found = compared([insight(1, 1, ROSE), insight(1, 2, AGAIN), insight(1, 3, FELL)])
    assert found[2] == Found(None, None, ("20261101-0001",)), "the second repeats the first"
    assert found[0].contrary_to == (), "the earlier one is linked by reading both directions"


def test_what_repeats_another_is_never_pointed_to():
    # The earlier day's own scores say that the second repeats what lies before these days.
    before = [insight(1, 1, ROSE, settled=Settled("20261015-0009"))]
    (found,) = compared([insight(2, 1, ROSE)], before)
    assert found == Found(None, None, ()), "it agrees with no canonical insight"


def test_unlike_things_are_not_joined_through_what_lies_between_them():
    between = ROSE.replace("In March 2024 demand", "Demand")
    later = between.replace("from Acme", "in June 2025 from Acme")
    said = [insight(1, 1, ROSE), insight(1, 2, between), insight(1, 3, later)]
    found = compared(said)
    assert found[1].duplicate_of == "20261101-0001"
    assert found[2].duplicate_of is None, "2025 is not 2024"
    assert compared(said[1:])[1].duplicate_of == "20261101-0002", "though it agrees with what lies between"


@pytest.mark.parametrize("superseded", [0, 1])
def test_a_superseded_insight_is_not_canonical_but_repeats_what_replaced_it(superseded):
    said = [insight(1, n, ROSE, superseded=n == superseded) for n in range(3)]
    found = compared(said)
    stands = f"20261101-000{1 - superseded if superseded == 0 else 0}"
    assert [one.duplicate_of for one in found] == [None if f"20261101-000{n}" == stands else stands for n in range(3)]


def test_what_repeated_an_insight_that_was_superseded_since_is_settled_anew():
    before = [
        insight(1, 1, ROSE, superseded=True, settled=Settled(None)),
        insight(1, 2, ROSE, settled=Settled("20261101-0001")),
    ]
    (found,) = compared([insight(2, 1, ROSE)], before)
    assert found.duplicate_of == "20261101-0002"


def test_a_contrary_of_what_is_superseded_is_no_link():
    before = [insight(1, 1, ROSE, superseded=True, settled=Settled(None))]
    assert compared([insight(2, 1, FELL)], before) == [Found()]


def test_rare_words_propose_what_vectors_don_t():
    # Twenty that are nearer than the paraphrase, which shares words with it that nobody else has.
    crowd = [insight(1, n, f"{OTHER} number {n}", settled=Settled(None)) for n in range(30)]
    before = [insight(1, 99, ROSE, settled=Settled(None)), *crowd]
    archive = np.zeros((31, 2), np.float32)
    archive[:] = [1.0, 0.0]
    archive[0] = [0.97, 0.243]
    new = np.array([[1.0, 0.0]], np.float32)
    (found,) = compare([insight(2, 1, AGAIN)], new, before, archive / np.linalg.norm(archive, axis=1, keepdims=True))
    assert found.duplicate_of == "20261101-0099"


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 5), st.sampled_from([ROSE, AGAIN, FELL, OTHER])), min_size=1, max_size=9),
    st.randoms(),
)
def test_it_makes_no_difference_in_which_order_days_are_scored(said, chance):
    everyone = [insight(day, number, text) for number, (day, text) in enumerate(said)]
    days = sorted({one.insight_id[:8] for one in everyone})

    def scored(order):
        known: dict[str, Settled] = {}
        links: dict[str, tuple[str, ...]] = {}
        for day in order:
            new = [one for one in everyone if one.insight_id[:8] == day]
            before = [
                Insight(one.insight_id, one.text, one.names, settled=known.get(one.insight_id))
                for one in everyone
                if one.insight_id[:8] < day
            ]
            for one, found in zip(new, compared(new, before), strict=True):
                known[one.insight_id] = Settled(found.duplicate_of)
                links[one.insight_id] = found.contrary_to
        return known, links

    shuffled = chance.sample(days, len(days))
    assert scored(days) == scored(shuffled) == scored([*shuffled, *days])


def test_nothing_is_compared_with_nothing():
    assert compare([], vectors(0), [], vectors(0)) == []
    assert compared([insight(1, 1, "")]) == [Found()]
