"""Where a brief's link leads."""

from __future__ import annotations

import polars as pl
import pytest

from podbrief_assets.briefs.desk import link

AUDIO, PAGE = "https://media.example.org/a.mp3?x=1#t=3", "https://example.org/a"


@pytest.mark.parametrize(
    ("audio", "start_s", "timed", "leads_to"),
    [
        (AUDIO, 754.9, True, "https://media.example.org/a.mp3?x=1#t=754"),
        (AUDIO, 754.9, False, "https://media.example.org/a.mp3?x=1#t=739"),
        (AUDIO, 9.0, False, "https://media.example.org/a.mp3?x=1#t=0"),
        (None, 9.0, False, PAGE),
    ],
)
def test_it_plays_from_the_second_or_somewhat_earlier_where_that_is_not_exact(
    audio: str | None, start_s: float, timed: bool, leads_to: str
) -> None:
    frame = pl.DataFrame(
        {"audio_url": [audio], "start_s": [start_s], "timed": [timed], "link": [PAGE]},
        schema={"audio_url": pl.String, "start_s": pl.Float64, "timed": pl.Boolean, "link": pl.String},
    )
    assert frame.select(link()).item() == leads_to
