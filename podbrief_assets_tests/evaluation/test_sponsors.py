"""The figures about advertising: they count what they say, and reach their goals on real episodes."""

import math
from pathlib import Path

from podbrief_assets.evaluation.corpus import MarkedEpisode
from podbrief_assets.evaluation.figures import LabelledData
from podbrief_assets.evaluation.sponsors import Score, figures, score
from podbrief_assets.insights.sponsors import Span
from podbrief_assets.transcripts.segment import Segment

# Ten segments of ten words and ten seconds; the third and fourth are an advertisement.
EPISODE = MarkedEpisode(
    "show",
    "",
    [Segment(start_s=10.0 * n, end_s=10.0 * n + 10, text=" ".join(["word"] * 10)) for n in range(10)],
    [(20.0, 40.0)],
)


def _span(start_s: float, end_s: float, kind: str = "ad") -> Span:
    return Span(start_s=start_s, end_s=end_s, kind=kind, sponsor=None, reason="")  # type: ignore[arg-type]


def test_words_are_counted_where_they_are_spoken() -> None:
    assert score(EPISODE, [_span(30, 50)]) == Score(
        spot_words=20, caught=10, talk_words=80, lost=10, found=1, marked=1, matched=0
    )


def test_a_span_matches_from_half_of_the_union_on() -> None:
    assert score(EPISODE, [_span(20, 60)]).matched == 1
    assert score(EPISODE, [_span(20, 61)]).matched == 0


def test_self_promotion_loses_words_and_is_no_span() -> None:
    found = score(EPISODE, [_span(60, 70, "self")])
    assert (found.found, found.lost, found.precision) == (0, 10, 1.0)


def test_scores_add_up_and_nothing_marked_has_no_share() -> None:
    both = score(EPISODE, [_span(20, 40)]) + score(EPISODE, [])
    assert (both.caught_share, both.recall, both.f(0.5)) == (0.5, 0.5, 1.25 * 0.5 / (0.25 + 0.5))
    assert math.isnan(Score(talk_words=5).caught_share)


def test_real_episodes_reach_the_goals_with_each_show_left_out(corpus: Path) -> None:
    found = {figure.name: figure for figure in figures(LabelledData(corpus=corpus))}
    assert [name for name, figure in found.items() if not figure.met] == []
    assert sum(figure.goal is not None for figure in found.values()) == 4
