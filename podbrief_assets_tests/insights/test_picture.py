"""The picture of refusals shows every rule's count, and stays small."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from podbrief_assets.insights.picture import refusals_by_rule


@given(st.dictionaries(st.text(max_size=40), st.integers(1, 10**6), max_size=60))
def test_it_is_a_small_drawing_whatever_is_drawn(refused: dict[str, int]) -> None:
    names = {"".join(sign for sign in name if sign.isprintable()): count for name, count in refused.items()}
    svg = refusals_by_rule(names, sum(names.values()) + 5)
    assert ElementTree.fromstring(svg).tag.endswith("svg")  # noqa: S314 - our own
    assert len(svg) < 12_000


def test_bars_are_in_proportion_and_say_how_many_of_how_many() -> None:
    root = ElementTree.fromstring(refusals_by_rule({"number": 10, "hedge": 20}, 100))  # noqa: S314
    widths = [float(one.attrib["width"]) for one in root if one.tag.endswith("rect")]
    assert widths == [max(widths), max(widths) / 2]
    words = [one.text for one in root if one.tag.endswith("text")]
    assert words == [
        "30 of 100 proposals refused (30.0%), by rule", "hedge", "20 (20.0%)", "number", "10 (10.0%)",
    ]  # fmt: skip


def test_a_day_without_proposals_is_drawn_as_such() -> None:
    assert "0 of 0 proposals refused (none)" in refusals_by_rule({}, 0)
