"""The assets `sponsor_spans`, `insight_candidates` with `insight_extractions`, and `insight_embeddings`.

Belongs here: taking a day's episodes through the stage one by one, keeping what is finished, recording what failed.
Doesn't: finding advertising (`sponsors.py`), finding claims (`extractive.py`, `llm.py`), vectors (`embeddings.py`).
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import dagster as dg
import numpy as np
import polars as pl

from podbrief_assets import partitions
from podbrief_assets.errors import PodbriefError
from podbrief_assets.insights import extractive, passages
from podbrief_assets.insights.candidates import Candidate, Episode, Extraction, insight_id
from podbrief_assets.insights.picture import refusals_by_rule
from podbrief_assets.insights.sponsor_repeats import REPEATS_VERSION, Fingerprint, fingerprint, repeated
from podbrief_assets.insights.sponsors import SPONSORS_VERSION, Span, find_sponsor_spans
from podbrief_assets.insights.topics import topics_of
from podbrief_assets.lake.cache import Cache, key_of
from podbrief_assets.lake.contract import settle
from podbrief_assets.lake.io_manager import (
    LakeResource,
    TableResult,
    contract_check,
    failures,
    picture,
    table_asset,
    table_options,
    table_result,
)
from podbrief_assets.lake.storage import rejected_schema
from podbrief_assets.lake.tables import EMBEDDING_MODEL, TABLES
from podbrief_assets.resources import CacheResource, EmbeddingModel, LanguageModel
from podbrief_assets.transcripts import Segment, segments_of

GROUP = "insights"
_EXTRACTION_VERSION = "1"
_EPISODES_AT_ONCE = 100  # transcripts in memory
_REMEMBERED = 60  # days in which an earlier episode says what is a spot of today's
_COMPARED = 12  # earlier episodes of a show at most, the latest


@table_asset("sponsor_spans", group=GROUP, code_version=f"{SPONSORS_VERSION}.{REPEATS_VERSION}")
def sponsor_spans(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    episodes: pl.LazyFrame,
    transcripts: pl.LazyFrame,
    cache: CacheResource,
) -> TableResult:
    """Find the advertising in each transcript, by what it says and by what earlier episodes of its show said alike.

    Looks back over days that lie in the lake and are no inputs of the partition; never forward, so that a day that is
    made again gets the same spans.
    """
    store = cache.section("sponsors")
    day = dt.date.fromisoformat(context.partition_key)
    earlier = _Earlier(
        lake.lake.scan("transcripts", [day - dt.timedelta(days=n) for n in range(1, _REMEMBERED + 1)]), store
    )
    rows: list[dict[str, Any]] = []
    words = Counter[str]()
    for episode in _episodes(episodes, transcripts):
        spans = _spans(episode, store, earlier)
        segments = segments_of(episode)
        words["all"] += sum(len(segment.text.split()) for segment in segments)
        words["kept"] += sum(len(segment.text.split()) for segment in passages.content(segments, spans))
        rows += [{"episode_id": episode["episode_id"], "date": episode["date"], **asdict(span)} for span in spans]
    table = TABLES["sponsor_spans"]
    share = 1 - words["kept"] / words["all"] if words["all"] else 0.0
    return table_result(
        settle(table, pl.DataFrame(rows, schema=table.polars_schema)),
        {"share_of_words": round(share, 4), "kinds": dict(Counter(row["kind"] for row in rows))},
    )


@dg.multi_asset(
    name="insight_candidates",
    outs={
        name: dg.AssetOut(
            io_manager_key="io_manager",
            **table_options(name, group=GROUP, code_version=_EXTRACTION_VERSION, kinds={"openai"}),
        )
        for name in ("insight_candidates", "insight_extractions")
    },
    check_specs=[contract_check("insight_candidates"), contract_check("insight_extractions")],
    partitions_def=partitions.days,
    backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
    pool="llm",
)
def insight_candidates(
    context: dg.AssetExecutionContext,
    episodes: pl.LazyFrame,
    transcripts: pl.LazyFrame,
    sponsor_spans: pl.LazyFrame,
    cache: CacheResource,
    language_model: LanguageModel,
) -> Iterator[TableResult]:
    """Take insights (with a language model) or excerpts (without) from each episode."""
    started = dt.datetime.now(dt.UTC)
    extract = _with_model(language_model, cache) if language_model.configured else _without_model(cache)
    spans = _spans_by_episode(sponsor_spans)
    done = [
        _extract_one(episode, spans.get(episode["episode_id"], []), extract)
        for episode in _episodes(episodes, transcripts)
    ]
    candidates = _candidates_frame(done)
    rejected = _rejections_frame(done)
    extractions = pl.DataFrame([one.row() for one in done], schema=TABLES["insight_extractions"].polars_schema)
    found = settle(TABLES["insight_candidates"], candidates)
    costs = [one.extraction.cost_usd for one in done]
    problems = [*_problems(done), *((extract.model or extract.kind, note) for note in extract.notes)]
    refused = Counter(rule for one in done for rule in one.refused())
    drawn = refusals_by_rule(refused, len(candidates) + len(rejected))
    summary = {
        "outcomes": dict(Counter(one.outcome for one in done)),
        "refused": dict(refused),
        "refusals": picture(drawn, "how many proposals each rule refused"),
        "extractor": extract.kind,
        "model": extract.model or "none",
        "tokens_in": sum(one.extraction.tokens_in for one in done),
        "tokens_out": sum(one.extraction.tokens_out for one in done),
        "cost_usd": None if None in costs else round(sum(cost or 0 for cost in costs), 4),
        "seconds": round((dt.datetime.now(dt.UTC) - started).total_seconds(), 1),
    }
    yield table_result(
        replace(found, rejected=pl.concat([found.rejected, rejected])),
        {name: value for name, value in summary.items() if value is not None} | failures(problems),
    )
    yield table_result(settle(TABLES["insight_extractions"], extractions), {"outcomes": summary["outcomes"]})


@table_asset("insight_embeddings", group=GROUP, code_version="1", kinds={"torch", "huggingface"})
def insight_embeddings(
    context: dg.AssetExecutionContext,
    insight_candidates: pl.LazyFrame,
    cache: CacheResource,
    embedding_model: EmbeddingModel,
) -> TableResult:
    """Encode each insight's text."""
    texts = insight_candidates.select("insight_id", "episode_id", "text", "date").sort("insight_id").collect()
    groups = texts.partition_by("episode_id", maintain_order=True)
    vectors = embedding_model.encoder.encode_groups(
        [group["text"].to_list() for group in groups], cache.section("embeddings")
    )
    table = TABLES["insight_embeddings"]
    parts = [
        group.select("insight_id", "date", model=pl.lit(EMBEDDING_MODEL)).with_columns(
            embedding=pl.Series(vector, dtype=table.polars_schema["embedding"])
        )
        for group, vector in zip(groups, vectors, strict=True)
    ]
    rows = pl.concat(parts) if parts else pl.DataFrame(schema=table.polars_schema)
    return table_result(settle(table, rows.sort("insight_id")), {"model": embedding_model.model})


@dataclass(frozen=True)
class _Extractor:
    """Whichever way of extraction this run uses.

    Attributes:
        kind: As in the table.
        run: From an episode, its segments without advertising, and the transcript's digest.
        notes: What an operator should know of it, complete once it has run.
    """

    kind: Literal["llm", "extractive"]
    model: str | None
    prompt_version: str
    run: Callable[[Episode, list[Segment], str], Extraction]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Done:
    """What came of one episode."""

    episode: dict[str, Any]
    extractor: _Extractor
    outcome: str
    reason: str | None
    extraction: Extraction

    @property
    def name(self) -> str:
        return f"{self.episode['show_title']}: {self.episode['title']}"

    def refused(self) -> list[str]:
        return [rejection.rule for rejection in self.extraction.rejections]

    def row(self) -> dict[str, Any]:
        """The `insight_extractions` row."""
        found = self.extraction
        return {
            "episode_id": self.episode["episode_id"],
            "show_id": self.episode["show_id"],
            "outcome": self.outcome,
            "reason": self.reason,
            "extractor": self.extractor.kind,
            "model": self.extractor.model,
            "prompt_version": self.extractor.prompt_version,
            "passages": found.passages,
            "passages_failed": len(found.failures),
            "proposed": len(found.candidates) + len(found.rejections),
            "accepted": len(found.candidates),
            "tokens_in": found.tokens_in,
            "tokens_out": found.tokens_out,
            "cost_usd": found.cost_usd,
            "date": self.episode["date"],
        }


def _extract_one(episode: dict[str, Any], spans: Sequence[Span], extractor: _Extractor) -> _Done:
    def done(outcome: str, reason: str | None = None, extraction: Extraction | None = None) -> _Done:
        return _Done(episode, extractor, outcome, reason, extraction or Extraction())

    if episode["duplicate_of"]:
        return done("repeat", f"repeats episode {episode['duplicate_of']}, which is read instead")
    if episode["origin"] == "none":
        return done("no_transcript", episode["error"])
    known = Episode(
        episode_id=episode["episode_id"],
        show_id=episode["show_id"],
        show_title=episode["show_title"],
        title=episode["title"],
        description=episode["description"] or "",
        language=episode["language"],
        persons=tuple(person["name"] for person in episode["persons"]),
    )
    try:
        extraction = extractor.run(known, passages.content(segments_of(episode), spans), episode["digest"])
    except PodbriefError as error:
        return done("failed", str(error))
    if extraction.candidates:
        return done("extracted", None, extraction)
    if extraction.failures:
        return done("failed", "; ".join(extraction.failures), extraction)
    return done("nothing_qualified", "no passage held a claim that stands alone and passes the gates", extraction)


def _problems(done: Sequence[_Done]) -> list[tuple[str, str]]:
    """What failed, for the operator: a reason that many episodes share, such as a key that is refused, is told once."""
    by_reason: dict[str, list[str]] = {}
    for one in done:
        for reason in [one.reason or ""] if one.outcome == "failed" else one.extraction.failures:
            by_reason.setdefault(reason, []).append(one.name)
    return [
        (names[0] if len(names) == 1 else f"{len(names)} episodes, the first of them {names[0]}", reason)
        for reason, names in by_reason.items()
    ]


def _without_model(cache: CacheResource) -> _Extractor:
    store = cache.section("extractive")

    def run(episode: Episode, segments: list[Segment], digest: str) -> Extraction:
        # The words decide; so do the names that the label is made of and the advertising that was taken out before.
        key = key_of(
            version=extractive.EXTRACTOR_VERSION, sponsors=SPONSORS_VERSION, transcript=digest, episode=asdict(episode)
        )
        stored = store.get_json(key)
        if stored is None:
            stored = [asdict(candidate) for candidate in extractive.extract(episode, segments)]
            store.put_json(key, stored)
        found = [Candidate(**{**one, "topics": tuple(one["topics"]), "names": tuple(one["names"])}) for one in stored]
        return Extraction(candidates=found, passages=len(passages.cut(segments, [])))

    return _Extractor("extractive", None, extractive.EXTRACTOR_VERSION, run)


def _with_model(language_model: LanguageModel, cache: CacheResource) -> _Extractor:
    model = language_model.extractor()
    store = cache.section("llm")

    def run(episode: Episode, segments: list[Segment], digest: str) -> Extraction:
        cut = passages.cut(segments, [], max_words=model.settings.passage_words)
        return model.extract_episode(episode, cut, cache=store)

    return _Extractor("llm", model.settings.model, model.prompt_version, run, model.notes)


def _episodes(episodes: pl.LazyFrame, transcripts: pl.LazyFrame) -> Iterator[dict[str, Any]]:
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


class _Earlier:
    """What earlier episodes of a show said, as fingerprints; read for one show at a time, each transcript once ever."""

    def __init__(self, transcripts: pl.LazyFrame, store: Cache) -> None:
        self._transcripts = transcripts
        self._store = store
        listed = transcripts.filter(pl.col("digest").is_not_null()).select("show_id", "episode_id", "digest", "date")
        self._listed = listed.sort("date", "episode_id").collect()

    def of(self, show_id: str, episode_id: str) -> dict[str, Fingerprint]:
        """By digest of the transcript, the latest episodes of a show other than one."""
        mine = self._listed.filter(pl.col("show_id") == show_id, pl.col("episode_id") != episode_id).tail(_COMPARED)
        found = {}
        for known, digest in mine.select("episode_id", "digest").iter_rows():
            key = key_of(version=REPEATS_VERSION, fingerprint=digest)
            packed = self._store.get(key)
            if packed is None:
                row = self._transcripts.filter(pl.col("episode_id") == known, pl.col("digest") == digest).collect()
                packed = fingerprint(segments_of(row.row(0, named=True))).tobytes()
                self._store.put(key, packed)
            found[digest] = np.frombuffer(packed, np.uint64)
        return found


def _spans(episode: dict[str, Any], store: Cache, earlier: _Earlier) -> list[Span]:
    if not episode["segments"]:
        return []
    notes = episode["description"] or ""
    others = earlier.of(episode["show_id"], episode["episode_id"])
    key = key_of(
        version=SPONSORS_VERSION,
        repeats=REPEATS_VERSION,
        transcript=episode["digest"],
        notes=notes,
        earlier=sorted(others),
    )
    stored = store.get_json(key)
    if stored is None:
        segments = segments_of(episode)
        found = find_sponsor_spans(segments, show_notes=notes, repeats=repeated(segments, others.values()))
        stored = [asdict(span) for span in found]
        store.put_json(key, stored)
    return [Span(**span) for span in stored]


def _spans_by_episode(frame: pl.LazyFrame) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = {}
    for row in frame.drop("date").sort("episode_id", "start_s").collect().iter_rows(named=True):
        found.setdefault(row.pop("episode_id"), []).append(Span(**row))
    return found


def _candidate_row(done: _Done, candidate: Candidate) -> dict[str, Any]:
    return {
        **asdict(candidate),
        "insight_id": insight_id(done.episode["date"], done.episode["episode_id"], candidate.start_s),
        "episode_id": done.episode["episode_id"],
        "show_id": done.episode["show_id"],
        "topics": list(candidate.topics or topics_of(candidate.text)),
        "names": list(candidate.names),
        "superseded_by": None,
        "date": done.episode["date"],
    }


def _candidates_frame(done: Sequence[_Done]) -> pl.DataFrame:
    rows = [_candidate_row(one, candidate) for one in done for candidate in one.extraction.candidates]
    return pl.DataFrame(rows, schema=TABLES["insight_candidates"].polars_schema)


def _rejections_frame(done: Sequence[_Done]) -> pl.DataFrame:
    rows = [
        {
            **_candidate_row(one, rejection.candidate),
            "rule": ": ".join(filter(None, (rejection.rule, rejection.detail))),
        }
        for one in done
        for rejection in one.extraction.rejections
    ]
    return pl.DataFrame(rows, schema=rejected_schema(TABLES["insight_candidates"]))
