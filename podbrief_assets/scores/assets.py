"""The assets `insight_scores` and `related_insights`.

Belongs here: bringing a day's insights together with the archive before it.
Doesn't: the parts of a score (`signals.py`), what repeats what (`duplicates.py`), what is near (`related.py`).

Both look back over days that lie in the lake and are no inputs of the partition: a day is scored against what was there
before it, never against what came after, so a day that is made again gets the same scores.
"""

import datetime as dt
import time
from collections.abc import Mapping

import dagster as dg
import numpy as np
import polars as pl

from podbrief_assets.lake.contract import settle
from podbrief_assets.lake.io_manager import LakeResource, TableResult, table_asset, table_result
from podbrief_assets.lake.tables import TABLES
from podbrief_assets.lake.vectors import as_vectors
from podbrief_assets.scores import duplicates, related, signals
from podbrief_assets.scores.archive import Archive
from podbrief_assets.scores.neighbours import nearest
from podbrief_assets.scores.quality import quality

GROUP = "scores"
_REMEMBERED = 30  # days: what was said before that is worth saying again
_SCORED = ("text", "names", "superseded_by")  # what the pair test and the parts of a score look at


@table_asset("insight_scores", group=GROUP, code_version=f"{signals.VERSION}.{duplicates.VERSION}", kinds={"numpy"})
def insight_scores(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    insight_candidates: pl.LazyFrame,
    insight_embeddings: pl.LazyFrame,
) -> TableResult:
    """Score the day's insights, and find what they repeat of the 30 days before and of one another."""
    day = dt.date.fromisoformat(context.partition_key)
    today = _with_vectors(insight_candidates, insight_embeddings, *_SCORED, "centrality", "kind", "date")
    earlier = [day - dt.timedelta(days=back) for back in range(1, _REMEMBERED + 1)]
    before = _with_vectors(
        lake.lake.scan("insight_candidates", earlier), lake.lake.scan("insight_embeddings", earlier), *_SCORED
    )
    new_vectors, old_vectors = as_vectors(today["embedding"]), as_vectors(before["embedding"])
    nearest_before = nearest(new_vectors, old_vectors, 1)[1].max(axis=1, initial=0.0)
    parts = {
        "specificity": signals.specificity(today["text"], today["names"]),
        "evidence": signals.evidence(today["text"]),
        "self_containedness": signals.self_containedness(today["text"]),
        "novelty": signals.novelty(nearest_before),
        "surprise": signals.surprise(today["text"], today["names"], signals.background(before.lazy())),
        "lasting": signals.lasting(today["text"]),
        "prominence": today["centrality"],
        "judge": _judged(today, insight_candidates),
    }
    settled = dict(lake.lake.scan("insight_scores", earlier).select("insight_id", "duplicate_of").collect().iter_rows())
    found = duplicates.compare(_claims(today, {}), new_vectors, _claims(before, settled), old_vectors)
    table = TABLES["insight_scores"]
    scores = pl.DataFrame(
        {
            "insight_id": today["insight_id"],
            "quality": quality(parts),
            **parts,
            "duplicate_of": pl.Series([one.duplicate_of for one in found], dtype=pl.String),
            "duplicate_similarity": pl.Series([one.similarity for one in found], dtype=pl.Float64),
            "contrary_to": pl.Series([list(one.contrary_to) for one in found], dtype=pl.List(pl.String)),
            "date": today["date"],
        }
    )
    return table_result(
        settle(table, scores),
        {
            "repeats": sum(one.duplicate_of is not None for one in found),
            "contraries": sum(bool(one.contrary_to) for one in found),
            "compared_with": len(before),
            "mean_quality": float(np.mean(scores["quality"].to_numpy())) if len(scores) else 0.0,
            "mean_parts": {name: _rounded(values.mean()) for name, values in parts.items()},
            "quality_by_kind": _spread(scores["quality"], today["kind"]),
        },
    )


@table_asset("related_insights", group=GROUP, code_version=related.VERSION, kinds={"torch"})
def related_insights(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    insight_candidates: pl.LazyFrame,
    insight_embeddings: pl.LazyFrame,
    insight_scores: pl.LazyFrame,
) -> TableResult:
    """Link each of the day's insights to related ones of the archive up to that day."""
    day = dt.date.fromisoformat(context.partition_key)
    started = time.perf_counter()
    archive = Archive.upto(lake.lake, day)
    said = insight_candidates.join(insight_scores.select("insight_id", "duplicate_of"), on="insight_id", how="left")
    today = _with_vectors(said, insight_embeddings, "duplicate_of").with_columns(
        cluster=pl.coalesce("duplicate_of", "insight_id")
    )
    found = related.edges(today, as_vectors(today["embedding"]), archive.insights, archive.blocks(), archive.vectors)
    return table_result(
        settle(TABLES["related_insights"], found.with_columns(date=pl.lit(day))),
        {
            "archive": len(archive.insights),
            "seconds": round(time.perf_counter() - started, 1),
            "without_any": len(today) - found["insight_id"].n_unique(),
        },
    )


def _with_vectors(candidates: pl.LazyFrame, embeddings: pl.LazyFrame, *more: str) -> pl.DataFrame:
    """Insights that have a vector, in the order of their identifiers, which starts with the day.

    Only `more` is read of them besides what both assets need: the archive's texts are many times its identifiers.
    """
    columns = candidates.select("insight_id", "episode_id", *more)
    return (
        columns.join(embeddings.select("insight_id", "embedding"), on="insight_id", how="inner")
        .sort("insight_id")
        .collect()
    )


def _judged(today: pl.DataFrame, candidates: pl.LazyFrame) -> pl.Series:
    """What a judge thought of each of `today`, null where none was asked."""
    if "judge_score" not in candidates.collect_schema():
        return pl.Series("judge", [None] * len(today), dtype=pl.Float64)
    scored = candidates.select("insight_id", judge="judge_score").collect()
    return today.select("insight_id").join(scored, on="insight_id", how="left", maintain_order="left")["judge"]


def _spread(quality: pl.Series, kind: pl.Series) -> dict[str, dict[str, float | None]]:
    """Deciles one, five and nine of each kind's quality."""
    tenths = {"low": 0.1, "median": 0.5, "high": 0.9}
    spread = pl.DataFrame({"kind": kind, "quality": quality}).group_by("kind", maintain_order=True)
    return {
        str(name): {label: _rounded(rows["quality"].quantile(at, "linear")) for label, at in tenths.items()}
        for (name,), rows in spread
    }


def _rounded(value: object) -> float | None:
    return round(value, 3) if isinstance(value, float) else None


def _claims(frame: pl.DataFrame, settled: Mapping[str, str | None]) -> list[duplicates.Insight]:
    """What is compared of each insight; how it stands is known of those in `settled`."""
    return [
        duplicates.Insight(
            insight_id,
            text,
            frozenset(names),
            superseded=superseded_by is not None,
            settled=duplicates.Settled(settled[insight_id]) if insight_id in settled else None,
        )
        for insight_id, text, names, superseded_by in frame.select(
            "insight_id", "text", "names", "superseded_by"
        ).iter_rows()
    ]
