"""Topics are found by whole words, seldom wrongly, and the list keeps its promises."""

from __future__ import annotations

import re
import time

import pytest

from podbrief_assets.insights.topics import MOST_TOPICS, TOPICS, TOPICS_VERSION, topics_of


def test_list_has_about_150_topics_with_distinct_titles_and_slugs_as_identifiers() -> None:
    assert 140 <= len(TOPICS) <= 170
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", topic_id) for topic_id in TOPICS)
    assert len({topic.title for topic in TOPICS.values()}) == len(TOPICS)
    assert TOPICS_VERSION.startswith("topics-")


def test_every_topic_is_given_by_each_of_its_cues() -> None:
    missed = [
        (topic.topic_id, cue)
        for topic in TOPICS.values()
        for cue in topic.cues
        # A cue that several topics share may lose to three others only if it is a cue of those.
        if topic.topic_id not in topics_of(f"about {cue}, they said")
    ]
    assert missed == []


def test_no_topic_is_given_by_one_hint() -> None:
    cues = {cue for topic in TOPICS.values() for cue in topic.cues}
    wrong = [
        (topic.topic_id, hint)
        for topic in TOPICS.values()
        for hint in topic.hints
        if hint not in cues and topic.topic_id in topics_of(f"about {hint}, they said")
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Federal Reserve held interest rates because inflation had not fallen.", "macroeconomics"),
        ("PostgreSQL stores the index beside the table.", "databases"),
        ("Apple sells fewer phones in China than in 2020.", "smartphones"),
        ("Researchers found that mRNA vaccines last longer.", "vaccines"),
        ("Kubernetes’ control plane restarts what fails.", "cloud-computing"),
        ("Doctors treat patients in a hospital.", "medicine"),
    ],
)
def test_sure_words_give_their_topic(text: str, expected: str) -> None:
    assert expected in topics_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "He was training in the rain while she read a map.",
        "They ate an apple, and the conversation turned to the weather.",
        "The bank of the stream was steep.",
        "I will resume the story after the break.",
        "",
        "…!?",
    ],
)
def test_ambiguous_words_give_none(text: str) -> None:
    assert topics_of(text) == ()


def test_capitals_tell_a_company_from_a_fruit() -> None:
    assert "smartphones" in topics_of("Apple changed its phone.")
    assert "smartphones" not in topics_of("An apple fell on my phone.")


def test_at_most_three_and_the_one_with_most_signs_first() -> None:
    text = (
        "Nvidia's GPUs and other semiconductors from TSMC fill data centers, while Tesla, Bitcoin, Congress, the NFL, "
        "Netflix and Spotify wait for lithium-ion batteries."
    )
    found = topics_of(text)
    assert len(found) == MOST_TOPICS
    assert found[0] == "semiconductors"


def test_a_long_text_takes_milliseconds() -> None:
    text = "The central bank raised rates and the language model answered. " * 1000
    started = time.perf_counter()
    topics_of(text)
    assert time.perf_counter() - started < 0.5
