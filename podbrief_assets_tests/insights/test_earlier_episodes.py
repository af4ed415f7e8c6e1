"""What a day's episodes are compared with: earlier ones of the same show, each read once."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl

from podbrief_assets.insights.assets import _Earlier, _spans
from podbrief_assets.lake.cache import Cache
from podbrief_assets.lake.tables import TABLES

SPOT = "Mattias wakes at four, lights the oven with oak, and by six the whole street knows that the dark rye is out."
DAY = dt.date(2026, 11, 20)


def row(show: str, number: int, *texts: str) -> dict[str, object]:
    segments = [
        {"start_s": place * 8.0, "end_s": place * 8.0 + 8, "speaker": None, "text": text}
        for place, text in enumerate(texts)
    ]
    return {
        "episode_id": f"{show}-{number}",
        "show_id": show,
        "origin": "publisher",
        "timed": True,
        "segments": segments,
        "digest": f"digest-{show}-{number}",
        "date": DAY + dt.timedelta(days=number),
    }


def told(number: int) -> list[str]:
    return [
        f"In year {number}{place} the {place}th dam of river {number} fell to its owners' neglect."
        for place in range(9)
    ]


def test_a_spot_is_known_from_earlier_episodes_of_its_show_and_of_no_other(tmp_path: Path) -> None:
    rows = [row("a", 1, *told(1), SPOT), row("a", 2, SPOT, *told(2)), row("b", 1, *told(3))]
    schema = TABLES["transcripts"].polars_schema
    transcripts = pl.DataFrame(rows, schema={name: schema[name] for name in rows[0]}).lazy()
    earlier = _Earlier(transcripts, Cache(tmp_path))
    today = row("a", 3, *told(4), SPOT, *told(5)) | {"description": None}
    (span,) = _spans(today, Cache(tmp_path), earlier)
    assert (span.start_s, span.end_s) == (72.0, 80.0)
    assert "repeated in other episodes" in span.reason
    other = row("b", 3, *told(4), SPOT, *told(5)) | {"description": None}
    assert _spans(other, Cache(tmp_path), earlier) == []
    assert set(_Earlier(transcripts, Cache(tmp_path)).of("a", "a-1")) == {"digest-a-2"}
