"""The picture of a day's episodes counts every one of them, and stays small."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from podbrief_assets.transcripts.picture import ENDS, ORIGINS, counts, lengths_by_origin

lengths = st.dictionaries(
    st.sampled_from(sorted(ORIGINS)), st.lists(st.none() | st.floats(0, 1e6), max_size=200), max_size=3
)


@given(lengths)
def test_every_episode_is_counted_once(lengths_s: dict[str, list[float | None]]):
    found = counts(lengths_s)
    assert {origin: sum(numbers) for origin, numbers in found.items()} == {
        origin: len(lengths_s.get(origin, [])) for origin in ORIGINS
    }


def test_a_class_ends_before_its_number():
    ends_s = [60.0 * end for end in ENDS]
    assert counts({"none": ends_s})["none"] == [0] + [1] * len(ENDS) + [0]
    assert counts({"none": [end_s - 0.1 for end_s in ends_s]})["none"] == [1] * len(ENDS) + [0, 0]
    assert counts({"none": [None, 0.0]})["none"][-1] == 2


@given(lengths)
def test_it_is_a_small_drawing_whatever_is_drawn(lengths_s: dict[str, list[float | None]]):
    svg = lengths_by_origin(lengths_s)
    assert ElementTree.fromstring(svg).tag.endswith("svg")  # noqa: S314 - our own
    assert len(svg) < 8_000


def test_heights_are_proportional_and_the_legend_says_how_much():
    root = ElementTree.fromstring(lengths_by_origin({"publisher": [3000.0] * 2, "none": [None]}))  # noqa: S314
    bars = [float(one.attrib["height"]) for one in root if one.tag.endswith("rect") and one.attrib["width"] != "10"]
    assert bars[0] == 2 * bars[1]
    words = [one.text or "" for one in root if one.tag.endswith("text")]
    assert "publisher's transcript: 2 (1.7 h)" in words and "no words: 1 (0.0 h)" in words
