"""Why a brief holds what it holds: the parts of each entry's score, and what was nearly chosen.

Belongs here: holding a subscriber's brief against everything else that was news that day.
Doesn't: the choice (`ranking.py`), telling it on a terminal (`cli.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from podbrief_assets.briefs import ranking
from podbrief_assets.briefs.desk import Desk, Said

PARTS = ("relevance", "quality", "freshness", "follows", "aversion", "redundancy")


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """An insight and what it scored for a subscriber.

    Attributes:
        rank: Its place in the brief; None where it was not chosen.
        score: The sum of `parts`.
        parts: What each part of the score added or took off.
        why: Of an entry its reason; of another insight what kept it out.
    """

    insight_id: str
    show_title: str
    text: str
    rank: int | None
    score: float
    parts: dict[str, float]
    why: str


def explained(
    desk: Desk, who: pl.DataFrame, said: Said, sent: pl.DataFrame, brief: pl.DataFrame, others: int = 10
) -> tuple[list[Weighed], list[Weighed]]:
    """The entries of `brief`, rows of `user_briefs`, and the `others` best insights that are not in it.

    Args:
        desk: The day, as it is known now; the brief may have been made when less was known.
        who: The subscriber's row of `subscribers`.
        said: What they say besides.
        sent: What they were sent, as `news.sent` gives it.
    """
    weights = ranking.Weights()
    entries = [
        Weighed(
            insight_id=row["insight_id"],
            show_title=row["show_title"],
            text=row["text"],
            rank=row["rank"],
            score=row["score"],
            parts=_parts(row, weights, known=row["interest"] is not None or row["liked"] is not None),
            why=row["reason"],
        )
        for row in brief.sort("rank").iter_rows(named=True)
    ]
    return entries, _passed_over(desk, who, said, sent, brief, others, weights)


def _parts(row: dict[str, Any], weights: ranking.Weights, *, known: bool) -> dict[str, float]:
    """What each part adds to the score; what is taken off is negative.

    Args:
        known: Whether anything is known of what the subscriber likes; what many follow counts for the others only.
    """
    sign = {"aversion": -1.0, "redundancy": -1.0}
    values = {name: float(row.get(name) or 0.0) for name in PARTS}
    parts = {name: sign.get(name, 1.0) * getattr(weights, name) * value for name, value in values.items() if value}
    # A brief's rows do not keep it: it is what the others leave of the score.
    popularity = row["score"] - sum(parts.values())
    return parts if known or popularity < _VISIBLE else {**parts, "popularity": popularity}


_VISIBLE = 0.005  # what two places behind the point show


def _passed_over(
    desk: Desk,
    who: pl.DataFrame,
    said: Said,
    sent: pl.DataFrame,
    brief: pl.DataFrame,
    others: int,
    weights: ranking.Weights,
) -> list[Weighed]:
    scores = desk.scores(who, said)
    chosen = brief.sort("rank").select("insight_id", "rank", "show_id").to_dicts()
    refused = _refusals(desk, who.row(0, named=True), said, sent)
    clusters = dict(desk.today.select("insight_id", "cluster").iter_rows())
    told = {clusters.get(one["insight_id"]): one["rank"] for one in chosen}
    of_show = {
        show: [one["rank"] for one in chosen if one["show_id"] == show] for show in {c["show_id"] for c in chosen}
    }
    found: list[Weighed] = []
    known = {one["insight_id"] for one in chosen}
    for row in scores.head(others + len(chosen)).iter_rows(named=True):
        if row["insight_id"] in known or len(found) == others:
            continue
        ranks = of_show.get(row["show_id"], [])
        if why := refused.get(row["insight_id"]) or _below(row, weights):
            pass
        elif (rank := told.get(row["cluster"])) is not None:
            why = f"says the same as number {rank}"
        elif len(ranks) >= weights.per_show:
            why = f"its show is there {weights.per_show} times already"
        else:
            why = "scores less, or less beside what it is near to"
        found.append(
            Weighed(
                insight_id=row["insight_id"],
                show_title=row["show_title"],
                text=row["text"],
                rank=None,
                score=row["score"],
                parts=_parts(row, weights, known=row["relevant"] is not None),
                why=why,
            )
        )
    return found


def _below(row: dict[str, Any], weights: ranking.Weights) -> str | None:
    """The floor that an insight does not reach."""
    if row["quality"] < weights.quality_floor:
        return f"its quality, {row['quality']:.2f}, is below {weights.quality_floor:.2f}"
    if row["relevant"] is False and not row["follows"]:
        return f"near to no interest: {row['relevance']:.2f}, and {weights.relevance_floor:.2f} is the least"
    return None


def _refusals(desk: Desk, who: dict[str, object], said: Said, sent: pl.DataFrame) -> dict[str, str]:
    """By insight, what of it the subscriber refuses."""
    mine = pl.col("subscriber_id") == who["subscriber_id"]
    asked = {
        "show": (who["muted_shows"], "its show is muted"),
        "topic": (who["muted_topics"], "the topic {} is muted"),
        "word": (said.words.filter(mine)["word"].to_list(), "“{}” is muted"),
        "cluster": (sent.filter(mine)["cluster"].to_list(), "was sent within 30 days, or says what was"),
    }
    found: dict[str, str] = {}
    for kind, (values, told) in asked.items():
        hit = desk.attributes.filter(pl.col("kind") == kind, pl.col("value").is_in(list(values or ())))  # type: ignore[call-overload]
        for insight, value in hit.select("insight_id", "value").iter_rows():
            found.setdefault(insight, told.format(value))
    return found
