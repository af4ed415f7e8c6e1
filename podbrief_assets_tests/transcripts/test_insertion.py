"""Where a listener's copy of an episode runs differently from the one that was transcribed."""

from __future__ import annotations

import polars as pl
import pytest

from podbrief_assets.transcripts.insertion import inserts_advertising

PLAIN = "https://media.example.org/a.mp3"


def inserts(url: str | None, stated_s: float | None, transcribed_s: float | None, origin: str | None) -> bool:
    frame = pl.DataFrame(
        {"url": [url], "stated": [stated_s], "transcribed": [transcribed_s], "origin": [origin]},
        schema={"url": pl.String, "stated": pl.Float64, "transcribed": pl.Float64, "origin": pl.String},
    )
    (found,) = frame.select(inserts_advertising(*map(pl.col, ("url", "stated", "transcribed", "origin")))).to_series()
    assert found is not None
    return bool(found)


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("https://traffic.megaphone.fm/ABC1.mp3", True),
        ("https://tracker.example/track/1/traffic.megaphone.fm/ABC1.mp3?updated=1", True),
        ("https://sphinx.acast.com/p/open/s/1/e/2/media.mp3", True),
        ("https://INJECTOR.simplecastaudio.com/1/2.mp3", True),
        ("https://acast.com", True),
        (PLAIN, False),
        ("https://notacast.com/a.mp3", False),
        ("https://acast.com.example.org/a.mp3", False),
        ("https://media.example.org/about-acast.com-and-others.mp3", False),
        (None, False),
    ],
)
def test_a_host_that_says_so_is_known_wherever_it_stands_in_the_address(url: str | None, known: bool) -> None:
    assert inserts(url, 1800, 1800, "recognised") is known


@pytest.mark.parametrize(
    ("stated_s", "transcribed_s", "origin", "apart"),
    [
        (1800, 1810, "recognised", False),
        (1800, 1862, "recognised", True),
        (1800, 1730, "recognised", True),
        (1800, 1862, "publisher", True),
        (1800, 1730, "publisher", False),
        (None, 1800, "recognised", False),
        (0, 1800, "recognised", False),
        (1800, None, "none", False),
        (1800, 1900, None, True),
    ],
)
def test_lengths_that_differ_by_more_than_a_spot_tell(
    stated_s: float | None, transcribed_s: float | None, origin: str | None, apart: bool
) -> None:
    assert inserts(PLAIN, stated_s, transcribed_s, origin) is apart
