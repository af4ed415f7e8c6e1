"""Distances between borders are those of the papers that define them, on conversations that people marked."""

from __future__ import annotations

from pathlib import Path

import pytest

from podbrief_assets.evaluation.passages import even, greedy, meetings, ours, pk, window_diff
from podbrief_assets.transcripts.segment import Segment


def test_equal_borders_have_no_distance() -> None:
    assert pk([40, 60], [40, 60], 100) == window_diff([40, 60], [40, 60], 100) == 0


def test_no_border_at_all_is_wrong_wherever_a_window_spans_one() -> None:
    # One border in the middle of 100 words: windows of 25 words that span it start at 25 of 75 words.
    assert pk([50], [], 100) == pytest.approx(25 / 75)


def test_window_diff_counts_a_border_too_many_that_pk_overlooks() -> None:
    assert pk([50], [50, 52], 100) < window_diff([50], [50, 52], 100)


def test_a_near_border_is_better_than_a_far_one() -> None:
    for measure in (pk, window_diff):
        assert measure([50], [53], 100) < measure([50], [75], 100)


def test_all_ways_to_cut_are_compared_with_as_many_passages() -> None:
    turns = [
        Segment(
            start_s=float(n), end_s=n + 1.0, speaker="AB"[n % 2], text="ten words are said in every one of these turns."
        )
        for n in range(200)
    ]
    assert len(ours(turns, 300)) == len(even(turns, 300)) > 3
    assert len(greedy(turns, 300)) <= len(ours(turns, 300))


def test_marked_borders_lie_inside_their_meeting(corpus: Path) -> None:
    found = meetings(corpus / "eval" / "qmsum" / "val")
    assert len(found) == 35
    for meeting in found:
        assert meeting.borders == sorted(set(meeting.borders))
        assert meeting.borders[0] > 0 and meeting.borders[-1] < meeting.words
