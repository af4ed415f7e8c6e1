"""The parts of an insight's quality.

Belongs here: one function per part, each from texts, vectors or columns to [0, 1].
Doesn't: making one number of them (`quality.py`), what an insight repeats (`duplicates.py`), what it is near to
(`related.py`), whom it concerns (`briefs/`).

Every part is taken of all rows at once, and alike of insights and excerpts.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import polars as pl

from podbrief_assets.insights.text import FUNCTION_WORDS, expected_share

Floats = npt.NDArray[np.float32]

VERSION = "2"

# Distinct words of insights that the expectation counts as, or as many as the archive holds: see `surprise`.
PRIOR_WORDS = 100_000
SURPRISING_WORDS = 10

_NUMBER = r"\b\d[\d,.]*\b|\b(?:percent|million|billion|thousand|half|twice|double|triple|hundred)\b"
_CAUSE = (
    r"\b(?:because|therefore|so that|as a result|caus(?:e|es|ed|ing)|leads? to|led to|due to|thanks to|means? that|"
    r"which means|the reason|that's why|depends? on|in order to|by \w+ing|requires?|enables?|allows?|prevents?|"
    r"turns? out)\b"
)
_CONDITION = r"\b(?:if|when|whenever|unless|once|as long as|until)\b"
_FINDING = (
    r"\b(?:found|showed|shows|measured|study|studies|data|experiments?|survey|research|researchers|according to)\b|%"
)
_GENERAL = (
    r"\b(?:every|always|never|usually|often|typically|generally|in general|tends? to|anyone|everyone|nobody|people|"
    r"the more|most|all|any|each|both|many|rarely|seldom)\b"
)
_PASSING = "|".join(
    rf"\b(?:{words})\b"
    for words in (
        # a day
        "today|tonight|tomorrow|yesterday|recently|now|currently|so far|at the moment|these days|upcoming|soon",
        "(?:this|last|next) (?:week|month|year|morning|night|episode|quarter|spring|summer|autumn|fall|winter)",
        "(?:mon|tues|wednes|thurs|fri|satur|sun)day",
        "january|february|march|april|june|july|august|september|october|november|december",
        # an announcement, a plan
        r"v\d+(?:\.\d+)*|\d+\.\d+\.\d+|\d+\.0",
        r"versions?|releas(?:e|es|ed|ing)|announc\w+|launch\w*|unveil\w*|roll(?:ed|ing) out|beta|preview|updated?",
        "will be|going to|gonna|plans? to|planning|hopes? to|we'll|roadmap|pre-orders?|shipping",
        # a price, a promotion
        r"dollars?|euros?|prices?|priced|costs? \$?\d[\d,.]*",
        r"free|discount|coupon|pricing|sign up|subscri\w+|check (?:it )?out|download|available|sponsor\w*",
        r"\w+\.com|(?:our|its) (?:products?|platform|customers?|company|team|users)",
        "great|amazing|awesome|loved?|excited|fantastic|incredible|cool|fun|favou?rite|super|wonderful|nice",
        # a life, a story
        r"born|grew up|joined|co-?founded|founder|ceo|cto|career|graduat\w+|hired|degree|college|moved to",
        "work(?:ed|s) (?:at|for|as)|years (?:at|as)|started (?:at|working|my)",
        "my (?:first )?(?:job|wife|dad|mom|kids?|life)",
        # "Twitter blamed Rails" may last, so the past tense by itself is no sign.
        "and then|one day|at th(?:e|at) time|back then|ended up|i was|we were|i had|we had|when (?:i|we)",
    )
)
_OWN = r"\b(?:i|me|my|mine|myself|i'[mvdl]+e?|we|us|our|ours|we'[rvdl]+e?|let's)\b"
_POINTING = (
    r"\b(?:this|these|those|here|there|that's|there's|it|it's|its|they|them|their|they're|he|she|him|her|his|he's|"
    r"she's)\b"
)
_WORD = r"\p{L}[\p{L}'-]*\p{L}"


def specificity(texts: pl.Series, names: pl.Series) -> pl.Series:
    """Names and numbers for each 12 words, at most 1: one in every line of print is as dense as prose gets.

    By itself it rewards biographies and data sheets; `surprise` and `lasting` stand against that.
    """
    frame = pl.DataFrame({"text": _plain(texts), "names": names})
    found = pl.col("names").list.len() + pl.col("text").str.count_matches(_NUMBER)
    return frame.select((found * 12 / _words()).clip(0, 1).cast(pl.Float64).alias("specificity")).to_series()


def evidence(texts: pl.Series) -> pl.Series:
    """Signs of a cause, a condition, a finding or a quantity: none 0, one 0.5, two 0.75, and so on towards 1.

    Causes and conditions are the relations of explanation in rhetorical structure theory (Mann and Thompson 1988).
    """
    found = _count(texts, _CAUSE, _CONDITION, _FINDING, _NUMBER)
    return pl.Series("evidence", 1 - np.power(0.5, found))


def self_containedness(texts: pl.Series) -> pl.Series:
    """1 less three times the share of words that need the conversation to be understood, not below 0.

    Pronouns and demonstratives count once. "I" and "we" count twice: they point out of any text, and what follows them
    is mostly about the speaker. "That" joins clauses more often than it points, and a speaker's "you" is mostly anyone.
    """
    frame = pl.DataFrame({"text": _plain(texts)})
    pointing = pl.col("text").str.count_matches(_POINTING) + 2 * pl.col("text").str.count_matches(_OWN)
    value = (1 - 3 * pointing / _words()).clip(0, 1).cast(pl.Float64)
    return frame.select(value.alias("self_containedness")).to_series()


def lasting(texts: pl.Series) -> pl.Series:
    """Whether it will matter in a week: (1 + durable) / (2 + durable + passing), Laplace's rule of succession.

    Durable are causes, conditions and generalisations: what is told of a kind, not of an occasion, as generic sentences
    are (Carlson and Pelletier 1995). Passing are days, releases, plans, prices, promotion, praise, stations of a life
    and stories.
    A text with no sign of either has 0.5.
    """
    durable = _count(texts, _CAUSE, _CONDITION, _GENERAL)
    return pl.Series("lasting", (1 + durable) / (2 + durable + _count(texts, _PASSING)))


def novelty(nearest_before: Floats) -> pl.Series:
    """1 less the cosine to the nearest insight of the days before: 1 where nothing is near or nothing was before."""
    return pl.Series("novelty", np.clip(1 - nearest_before, 0, 1).astype(np.float64))


def background(said: pl.LazyFrame) -> pl.DataFrame:
    """In how many texts each word was used: `word`, `count`. What `surprise` compares with.

    Args:
        said: `text` and `names` of the archive's insights; read in batches.
    """
    return _content(said).group_by("word").agg(count=pl.len().cast(pl.Int64)).collect(engine="streaming")


def surprise(texts: pl.Series, names: pl.Series, before: pl.DataFrame) -> pl.Series:
    """How little the archive lets one expect its words: the ten most surprising of them, against words never used.

    The surprisal of a word is -log p (Shannon 1948; Hale 2001), with p a mixture of what the archive uses and what is
    expected of any talk, Zipf's law over the list of common words (`insights.text.expected_share`). The expectation
    counts as 100,000 words, or as many as the archive holds where that is more: a small archive hardly changes it, a
    large one never drowns it, which is two-stage smoothing (Zhai and Lafferty 2002). A word that was never used has 1,
    the others their surprisal as a share of its. A text with fewer than ten different content words counts the missing
    as 0.

    Names and numbers are left out: every biography is full of names that nobody expects.

    Args:
        before: As `background` gives it; without rows, the expectation alone.
    """
    words = _content(pl.LazyFrame({"text": texts, "names": names}).with_row_index("row"), "row").collect()
    seen = words.select("word").unique(maintain_order=True).join(before, on="word", how="left", maintain_order="left")
    held = float(before["count"].sum())
    prior = max(PRIOR_WORDS, held)
    expected = np.array([expected_share(word) for word in seen["word"]], np.float64)
    chance = (seen["count"].fill_null(0).to_numpy() + prior * expected) / (held + prior)
    never = prior * expected_share("") / (held + prior)
    surprisal = np.clip(np.log(np.maximum(chance, never)) / math.log(never), 0, 1)
    weighed = words.join(seen.select("word", surprisal=pl.Series(surprisal, dtype=pl.Float64)), on="word")
    highest = weighed.group_by("row").agg(
        surprise=pl.col("surprisal").sort(descending=True).head(SURPRISING_WORDS).sum() / SURPRISING_WORDS
    )
    rows = pl.DataFrame({"row": pl.int_range(len(texts), dtype=pl.UInt32, eager=True)})
    return rows.join(highest, on="row", how="left", maintain_order="left")["surprise"].fill_null(0.0)


def _content(said: pl.LazyFrame, *keys: str) -> pl.LazyFrame:
    """The different content words of each text, its names left out: a row a word, with `keys`."""
    listed = said.select(
        *keys,
        word=_folded(pl.col("text")).str.extract_all(_WORD),
        name=_folded(pl.col("names").list.join(" ")).str.extract_all(_WORD),
    )
    words = listed.select(*keys, word=pl.col("word").list.set_difference("name")).explode("word")
    return words.filter(pl.col("word").str.len_chars() > 2, ~pl.col("word").is_in(sorted(FUNCTION_WORDS)))


def _folded(text: pl.Expr) -> pl.Expr:
    """In lower case, without the possessive: "Rust's" is "rust"."""
    return text.str.to_lowercase().str.replace_all("\u2019", "'", literal=True).str.replace_all(r"'s\b", "")


def _plain(texts: pl.Series) -> pl.Series:
    return texts.str.to_lowercase().str.replace_all("\u2019", "'", literal=True)


def _words() -> pl.Expr:
    return pl.col("text").str.count_matches(r"\S+").clip(1)


def _count(texts: pl.Series, *patterns: str) -> npt.NDArray[np.float64]:
    """How many signs each text has (rows,)."""
    plain = _plain(texts)
    found = np.stack([plain.str.count_matches(pattern).to_numpy() for pattern in patterns])
    total: npt.NDArray[np.float64] = found.sum(axis=0, dtype=np.float64)
    return total
