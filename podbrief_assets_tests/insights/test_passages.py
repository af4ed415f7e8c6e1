"""Cutting transcripts: nothing of the programme is lost or doubled, nothing of the advertising is left."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.evaluation.corpus import transcript_at
from podbrief_assets.insights.passages import TextLost, content, cut, prove_whole
from podbrief_assets.insights.sponsors import Span
from podbrief_assets.transcripts.segment import Segment


def segment(start_s: float, end_s: float, text: str, speaker: str | None = None) -> Segment:
    return Segment(start_s=start_s, end_s=end_s, text=text, speaker=speaker)


def words(segments: list[Segment]) -> list[str]:
    return [word for piece in segments for word in piece.text.split()]


@st.composite
def transcripts(draw: st.DrawFn) -> tuple[list[Segment], list[Span]]:
    segments, at, number = [], 0.0, 0
    for _ in range(draw(st.integers(0, 12))):
        count = draw(st.integers(0, 40))
        pieces = []
        for _ in range(count):
            pieces.append(f"W{number}" + draw(st.sampled_from(["", "", "", ".", "?", ","])))
            number += 1
        length = draw(st.floats(0, 30, allow_nan=False))
        segments.append(segment(at, at + length, "  ".join(pieces), draw(st.sampled_from([None, "Ada", "Bo"]))))
        at += length + draw(st.floats(-2, 5))
        at = max(at, 0.0)
    borders = sorted(set(draw(st.lists(st.floats(0, 200, allow_nan=False), max_size=6))))
    spans = [Span(start_s=start, end_s=end, kind="ad") for start, end in zip(borders[::2], borders[1::2], strict=False)]
    return segments, spans


@settings(max_examples=60, deadline=None)
@given(transcripts(), st.integers(1, 60))
def test_the_passages_are_the_content_word_for_word(made: tuple[list[Segment], list[Span]], max_words: int) -> None:
    segments, spans = made
    passages = cut(segments, spans, max_words=max_words)
    kept = words(content(segments, spans))
    assert [word for passage in passages for word in passage.text.split()] == kept
    assert len(set(kept)) == len(kept)
    assert [word for word in words(segments) if word in set(kept)] == kept
    assert [passage.index for passage in passages] == list(range(len(passages)))
    for passage in passages:
        assert 1 <= len(passage.text.split()) <= max_words
        assert passage.start_s <= passage.end_s


def test_a_span_inside_a_segment_splits_it_between_words_with_times_in_proportion() -> None:
    left, right = content([segment(0.0, 10.0, "a b c d e f g h i j", "Ada")], [Span(start_s=3.0, end_s=6.0, kind="ad")])
    assert (left.text, left.start_s, left.end_s) == ("a b c", 0.0, 3.0)
    assert (right.text, right.start_s, right.end_s) == ("g h i j", 6.0, 10.0)
    assert left.speaker == right.speaker == "Ada"


def test_a_passage_ends_where_the_speaker_changes() -> None:
    turns = [segment(float(i), i + 1.0, "one two three four five.", "Ada" if i < 3 else "Bo") for i in range(6)]
    passages = cut(turns, [], max_words=20)
    assert [passage.segments[0].speaker for passage in passages] == ["Ada", "Bo"]
    assert len(passages[0].segments) == 3


def test_a_segment_longer_than_a_passage_is_cut_at_sentences() -> None:
    long = segment(0.0, 60.0, " ".join(f"Sentence {n} has five words." for n in range(12)))
    passages = cut([long], [], max_words=12)
    assert len(passages) == 6
    assert all(passage.text.endswith("words.") for passage in passages)
    assert passages[1].start_s == pytest.approx(10.0)


def test_a_text_without_full_stops_is_still_cut() -> None:
    passages = cut([segment(0.0, 10.0, " ".join(["word"] * 250))], [], max_words=100)
    assert [len(passage.text.split()) for passage in passages] == [100, 100, 50]


def test_an_episode_of_nothing_but_advertising_has_no_passages() -> None:
    assert cut([segment(0.0, 5.0, "Buy it now.")], [Span(start_s=0.0, end_s=5.0, kind="ad")]) == []


def test_a_passage_holds_at_least_one_word() -> None:
    with pytest.raises(ValueError, match="at least one word"):
        cut([], [], max_words=0)


wild_times = st.floats(-50, 500, allow_nan=False)
wild_segments = st.lists(
    st.builds(
        Segment,
        start_s=wild_times,
        end_s=wild_times,
        text=st.one_of(
            st.text(max_size=80),
            st.just(""),
            st.integers(1, 400).map(lambda count: "word? " * count),
            st.integers(1, 2000).map(lambda count: "x" * count),
        ),
        speaker=st.sampled_from([None, "Ada", "Bo", ""]),
    ),
    max_size=12,
)


@settings(max_examples=50, deadline=None)
@given(wild_segments, st.lists(wild_times, max_size=8), st.integers(1, 300))
def test_nothing_is_lost_of_a_wild_transcript(segments: list[Segment], times: list[float], max_words: int) -> None:
    borders = sorted(set(times))
    spans = [Span(start_s=start, end_s=end, kind="ad") for start, end in zip(borders[::2], borders[1::2], strict=False)]
    passages = cut(segments, spans, max_words=max_words)
    prove_whole([one for passage in passages for one in passage.segments], segments, spans)
    assert all(1 <= len(passage.text.split()) <= max_words for passage in passages)


@pytest.mark.parametrize(
    "kept", ["one two three", "one two three four five", "two one three four", "one two three fore"]
)
def test_a_lost_an_added_a_moved_and_a_changed_word_are_found(kept: str) -> None:
    said = [segment(0.0, 4.0, "one two three four")]
    prove_whole(said, said, [])
    with pytest.raises(TextLost, match="words kept of 4"):
        prove_whole([segment(0.0, 4.0, kept)], said, [])


def test_an_advertisement_that_is_kept_is_found() -> None:
    said = [segment(0.0, 4.0, "one two three four")]
    with pytest.raises(TextLost):
        prove_whole(said, said, [Span(start_s=1.0, end_s=2.0, kind="ad")])


def test_an_answer_stays_with_its_question() -> None:
    turns = []
    for n in range(12):
        asked = n % 2 == 0
        text = "What do you make of that one?" if asked else "It is a good thing that we saw it."
        turns.append(segment(10.0 * n, 10.0 * n + 10, text, "Ada" if asked else "Bo"))
    passages = cut(turns, [], max_words=36)
    assert len(passages) > 2
    assert all(passage.text.endswith("saw it.") for passage in passages)


def test_a_passage_ends_where_advertising_was_taken_out() -> None:
    turns = [segment(10.0 * n, 10.0 * n + 10, "Some words were said just now.") for n in range(20)]
    passages = cut(turns, [Span(start_s=90.0, end_s=120.0, kind="ad")], max_words=70)
    assert [passage.end_s for passage in passages] == [90.0, 200.0]


def test_a_passage_ends_where_the_topic_shifts() -> None:
    about = [
        "The glacier melts and the ice of the glacier slides.",
        "The violin sings when strings of a violin vibrate.",
    ]
    turns = [segment(5.0 * n, 5.0 * n + 5, about[n >= 30]) for n in range(70)]
    passages = cut(turns, [], max_words=450)
    assert [passage.end_s for passage in passages] == [150.0, 350.0]


def test_the_last_passage_is_no_crumb() -> None:
    turns = [segment(float(n), n + 1.0, "ten words are in this one and in each other.") for n in range(41)]
    lengths = [len(passage.text.split()) for passage in cut(turns, [], max_words=200)]
    assert min(lengths) > 100


def test_parts_of_a_segment_that_stay_together_are_one_again() -> None:
    long = segment(0.0, 60.0, " ".join(f"Sentence {n} has five words." for n in range(50)))
    (passage,) = cut([long], [], max_words=1000)
    assert passage.segments == (long,)


def test_a_day_of_talk_is_cut_in_seconds() -> None:
    many = [segment(float(n), n + 1.0, f"word{n % 977} and thing{n % 91} again") for n in range(25_000)]
    endless = segment(0.0, 9000.0, "word " * 100_000)
    for segments in (many, [endless]):
        started = time.process_time()
        cut(segments, [])
        assert time.process_time() - started < 20


def test_real_episodes_are_cut_evenly_and_whole(corpus: Path) -> None:
    for name in ("432", "226", "631"):
        segments = transcript_at(corpus / f"transcripts/changelog/podcast/the-changelog-{name}.md")
        lengths = [len(passage.text.split()) for passage in cut(segments, [])]
        assert max(lengths) <= 1200
        assert min(lengths) * 3 > max(lengths)
