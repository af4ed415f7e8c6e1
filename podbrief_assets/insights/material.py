"""An episode's row and its transcript, as whoever reads it wants them.

Belongs here: joining episodes with their transcripts, a few at a time, and taking the advertising out.
Doesn't: finding the advertising (`sponsors.py`), reading what is left (`extractive.py`, `llm/`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import polars as pl

from podbrief_assets.insights import passages
from podbrief_assets.insights.candidates import Episode
from podbrief_assets.insights.sponsors import Span
from podbrief_assets.transcripts import Segment, segments_of

_EPISODES_AT_ONCE = 100  # transcripts in memory
_SPAN = [one.name for one in fields(Span)]


def episodes_with_words(episodes: pl.LazyFrame, transcripts: pl.LazyFrame) -> Iterator[dict[str, Any]]:
    """Episodes with their transcripts' columns, few transcripts in memory at a time."""
    listed = episodes.drop("description_html", "digest", "duration_s").sort("published_at", "episode_id").collect()
    for block in listed.iter_slices(_EPISODES_AT_ONCE):
        words = transcripts.filter(pl.col("episode_id").is_in(block["episode_id"].to_list())).drop(
            "show_id", "date", "language"
        )
        yield from (
            block.lazy()
            .join(words, on="episode_id", how="inner", maintain_order="left")
            .collect()
            .iter_rows(named=True)
        )


def spans_by_episode(sponsor_spans: pl.LazyFrame) -> dict[str, list[Span]]:
    """Each episode's stretches of advertising, in order."""
    found: dict[str, list[Span]] = {}
    listed = sponsor_spans.select("episode_id", *_SPAN).sort("episode_id", "start_s").collect()
    for row in listed.iter_rows(named=True):
        found.setdefault(row.pop("episode_id"), []).append(Span(**row))
    return found


def unread(row: Mapping[str, Any]) -> tuple[str, str | None] | None:
    """Why an episode is not read at all, as (outcome, reason); None where it is."""
    if row["duplicate_of"]:
        return "repeat", f"repeats episode {row['duplicate_of']}, which is read instead"
    if row["origin"] == "none":
        return "no_transcript", row["error"]
    return None


def known_of(row: Mapping[str, Any]) -> Episode:
    """What is known of an episode besides its words."""
    return Episode(
        episode_id=row["episode_id"],
        show_id=row["show_id"],
        show_title=row["show_title"],
        title=row["title"],
        description=row["description"] or "",
        language=row["language"],
        persons=tuple(person["name"] for person in row["persons"]),
    )


def words_of(row: Mapping[str, Any], spans: Sequence[Span]) -> list[Segment]:
    """What was said, without its advertising."""
    return passages.content(segments_of(row), spans)
