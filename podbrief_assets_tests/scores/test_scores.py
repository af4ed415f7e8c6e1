"""What a score is made of."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.scores import signals


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
