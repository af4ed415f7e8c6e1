"""Wherever a quote is cut from real speech it is found at its place, however it is written; nothing else is."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podbrief_assets.evaluation.corpus import transcript_at
from podbrief_assets.insights.grounding import locate
from podbrief_assets.transcripts.segment import Segment

real = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def episode(corpus: Path) -> list[Segment]:
    return transcript_at(corpus / "transcripts/changelog/podcast/the-changelog-432.md")


def spoken(segments: list[Segment]) -> list[tuple[str, int]]:
    return [(word, place) for place, segment in enumerate(segments) for word in segment.text.split()]


def misspelt(word: str, chance: random.Random) -> str:
    """`word` as a recogniser may hear it: one letter inside it is another."""
    at = chance.randrange(1, len(word) - 1)
    return word[:at] + chance.choice("aeiou") + word[at + 1 :]


def as_heard(words: list[str], chance: random.Random) -> str:
    """A quote as a model may copy it: other case and punctuation, one word in ten with a wrong letter."""
    told = []
    slips = len(words) // 10
    for word in words:
        bare = word.strip(".,;:!?\"'()-").lower() or word
        if slips and len(bare) > 5 and bare.isalpha():
            bare, slips = misspelt(bare, chance), slips - 1
        told.append(
            chance.choice((bare, bare.upper(), bare.capitalize())) + chance.choice(("", "", "", ",", ".", " -"))
        )
    return " ".join(told)


@real
@given(start=st.integers(0, 8500), count=st.integers(12, 40), seed=st.integers(0, 2**32))
def test_a_quote_with_slips_is_found_where_it_was_said(
    episode: list[Segment], start: int, count: int, seed: int
) -> None:
    words = spoken(episode)[start : start + count]
    found = locate(as_heard([word for word, _ in words], random.Random(seed)), episode)
    assert found is not None
    first, last = episode[words[0][1]], episode[words[-1][1]]
    assert first.start_s - 0.01 <= found.start_s <= first.end_s
    assert last.start_s <= found.end_s <= last.end_s + 0.01
    said = " ".join(word for word, _ in words)
    assert found.text.strip(" .,") in " ".join(" ".join(segment.text for segment in episode).split())
    assert abs(len(found.text.split()) - len(said.split())) <= 3


@real
@given(seed=st.integers(0, 2**32), count=st.integers(10, 40))
def test_words_in_a_random_order_are_not_found(episode: list[Segment], seed: int, count: int) -> None:
    chance = random.Random(seed)
    vocabulary = sorted({word for word, _ in spoken(episode)})
    assert locate(" ".join(chance.choices(vocabulary, k=count)), episode) is None


@real
@given(first=st.integers(0, 3800), second=st.integers(4500, 8500), count=st.integers(7, 18))
def test_a_quote_joined_from_two_places_is_refused(episode: list[Segment], first: int, second: int, count: int) -> None:
    words = [word for word, _ in spoken(episode)]
    assert locate(" ".join(words[first : first + count] + words[second : second + count]), episode) is None


@pytest.mark.parametrize(
    "text",
    ["the " * 100_000, "a b c d e f g h " * 12_500, "buffalo " * 99_999 + "end", "x" * 400_000, "1 2 3 4 5 " * 20_000],
)
def test_a_hostile_transcript_of_100_000_words_takes_seconds(text: str) -> None:
    segments = [Segment(start_s=0, end_s=9000, text=text)]
    started = time.process_time()
    for quote in (
        "the " * 60,
        "a b c d " * 15,
        "buffalo buffalo buffalo end",
        "x" * 2000,
        "nobody said this at all here",
    ):
        locate(quote, segments)
    assert time.process_time() - started < 10
