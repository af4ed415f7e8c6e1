"""The parts of an insight's quality.

Belongs here: one function per part, each from text or vectors to [0, 1], and the weights that make one number of them.
Doesn't: what an insight repeats (`duplicates.py`), what it is near to (`related.py`), whom it concerns (`briefs/`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float32]

VERSION = "1"

# Chosen by hand, and to be fitted on labelled examples: what counts most is that something specific is said and backed.
WEIGHTS: Mapping[str, float] = {
    "specificity": 0.25,
    "evidence": 0.25,
    "self_containedness": 0.2,
    "novelty": 0.15,
    "prominence": 0.15,
}

_NUMBER = r"\b\d[\d,.]*\b|\b(?:percent|million|billion|thousand|half|twice|double|triple|hundred)\b"
_EVIDENCE = (
    r"\b(?:because|since|therefore|which means|so that|as a result|caused?|leads? to|led to|due to|"
    r"instead of|rather than|compared (?:to|with)|more than|less than|fewer than|unlike|whereas|although|despite|"
    r"found|showed|measured|study|data|experiment|survey|according to|for example|for instance)\b"
)
_POINTING = (
    r"\b(?:this|that|these|those|it|they|them|he|she|him|her|his|their|its|here|there|we|us|our|you|your|i|my)\b"
)


def specificity(texts: pl.Series, names: pl.Series) -> pl.Series:
    """Names and numbers for each 12 words, at most 1: one in every line of print is as dense as prose gets."""
    frame = pl.DataFrame({"text": texts, "names": names})
    words = pl.col("text").str.count_matches(r"\S+").clip(1)
    found = pl.col("names").list.len() + pl.col("text").str.to_lowercase().str.count_matches(_NUMBER)
    return frame.select((found * 12 / words).clip(0, 1).cast(pl.Float64).alias("specificity")).to_series()


def evidence(texts: pl.Series) -> pl.Series:
    """Signs of a mechanism, a comparison or a finding: none 0, one 0.5, two 0.75, and so on towards 1."""
    found = texts.str.to_lowercase().str.count_matches(_EVIDENCE)
    return (1 - pl.Series(np.power(0.5, found.to_numpy()))).alias("evidence").cast(pl.Float64)


def self_containedness(texts: pl.Series) -> pl.Series:
    """1 less the share of words that point at something or someone, counted four times: one in four leaves nothing."""
    frame = pl.DataFrame({"text": texts.str.to_lowercase()})
    words = pl.col("text").str.count_matches(r"\S+").clip(1)
    pointing = pl.col("text").str.count_matches(_POINTING)
    value = (1 - 4 * pointing / words).clip(0, 1).cast(pl.Float64)
    return frame.select(value.alias("self_containedness")).to_series()


def novelty(nearest_before: Floats) -> pl.Series:
    """1 less the cosine to the nearest insight of the days before: 1 where nothing is near or nothing was before."""
    return pl.Series("novelty", np.clip(1 - nearest_before, 0, 1).astype(np.float64))


def quality(parts: Mapping[str, Sequence[float] | pl.Series]) -> pl.Series:
    """The weighted mean of the parts that `WEIGHTS` names, in [0, 1]."""
    total = sum(WEIGHTS.values())
    weighted = sum(np.asarray(parts[name], np.float64) * weight for name, weight in WEIGHTS.items())
    return pl.Series("quality", np.clip(np.asarray(weighted) / total, 0, 1))
