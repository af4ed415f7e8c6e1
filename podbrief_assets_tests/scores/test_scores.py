"""What a score is made of, and what repeats what."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.scores import duplicates, signals


def unit(*rows):
    vectors = np.asarray(rows, np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


SPECIFIC = "GitHub cut its build times by 40 percent in 2025 because Maria Jansen moved 300 servers to Rotterdam"
VAGUE = "It is something that they do there and you know that it matters to us because of this and that"


def test_a_specific_claim_scores_above_a_vague_one_in_every_part():
    texts = pl.Series([SPECIFIC, VAGUE])
    names = pl.Series([["GitHub", "Maria Jansen", "Rotterdam"], []], dtype=pl.List(pl.String))
    for part in (signals.specificity(texts, names), signals.self_containedness(texts)):
        assert part[0] > part[1]
    assert signals.evidence(pl.Series([SPECIFIC, "the sky is blue"])).to_list() == [0.5, 0.0]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=300), max_size=8))
def test_every_part_of_any_text_lies_between_nought_and_one(texts):
    column = pl.Series(texts, dtype=pl.String)
    names = pl.Series([[]] * len(texts), dtype=pl.List(pl.String))
    parts = {
        "specificity": signals.specificity(column, names),
        "evidence": signals.evidence(column),
        "self_containedness": signals.self_containedness(column),
        "novelty": signals.novelty(np.linspace(-1, 1, len(texts), dtype=np.float32)),
        "prominence": pl.Series([0.5] * len(texts), dtype=pl.Float64),
    }
    for values in [*parts.values(), signals.quality(parts)]:
        assert len(values) == len(texts)
        assert all(0 <= value <= 1 for value in values)


def insight(number, text, names=(), episode="e"):
    return duplicates.Insight(f"i{number}", episode, text, frozenset(names))


def test_only_what_agrees_in_meaning_numbers_polarity_and_names_is_the_same():
    claim = insight(1, "Acme raised 40 million dollars to build batteries in Oslo", ["Acme"])
    same = insight(2, "To build batteries in Oslo, Acme raised 40 million dollars", ["Acme"])
    assert duplicates.same_claim(claim, same, 0.95)
    assert not duplicates.same_claim(claim, same, 0.5), "the vectors say that it is about something else"
    for text, names in [
        ("Acme raised 60 million dollars to build batteries in Oslo", ["Acme"]),
        ("Acme has not raised 40 million dollars to build batteries in Oslo", ["Acme"]),
        ("Acme didn't raise 40 million dollars to build batteries in Oslo", ["Acme"]),
        ("Nordvolt raised 40 million dollars to build batteries in Oslo", ["Nordvolt"]),
    ]:
        assert not duplicates.same_claim(claim, insight(3, text, names), 0.98), text
    up = insight(4, "Demand for diesel buses rises in Rotterdam")
    down = insight(5, "Demand for diesel buses falls in Rotterdam")
    assert not duplicates.same_claim(up, down, 0.97)


def test_a_repeat_points_to_the_first_to_say_it_and_never_to_a_repeat():
    vector = unit([1, 0])[0]
    said = [insight(n, "Acme builds batteries in Oslo", ["Acme"]) for n in range(4)]
    found = duplicates.repeats(said[1:], np.stack([vector] * 3), said[:1], np.stack([vector]))
    assert [match and match[0] for match in found] == ["i0", "i0", "i0"]
    alone = duplicates.repeats(said, np.stack([vector] * 4), [], np.zeros((0, 2), np.float32))
    assert [match and match[0] for match in alone] == [None, "i0", "i0", "i0"]


def test_unlike_things_are_not_joined_through_what_lies_between_them():
    vectors = unit([1, 0], [0.85, 0.527], [0.45, 0.893])  # neighbours are 0.85 alike, the ends 0.45
    said = [insight(n, "Acme builds batteries") for n in range(3)]
    found = duplicates.repeats(said, vectors, [], np.zeros((0, 2), np.float32))
    assert [match and match[0] for match in found] == [None, "i0", None]
