"""The assets `sponsor_spans`, `insight_candidates` with `insight_extractions`, and `insight_embeddings`.

Belongs here: taking a day's episodes through the stage one by one, keeping what is finished, recording what failed.
Doesn't: finding advertising (`sponsors.py`), finding claims (`extractive.py`, `llm/`), vectors (`embeddings.py`).
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import dagster as dg
import numpy as np
import polars as pl

from podbrief_assets import partitions
from podbrief_assets.errors import PodbriefError
from podbrief_assets.insights import extractive, passages
from podbrief_assets.insights.candidates import Candidate, Episode, Extraction, insight_id
from podbrief_assets.insights.llm import LlmExtractor
from podbrief_assets.insights.llm.borders import Refined, refine
from podbrief_assets.insights.material import episodes_with_words, known_of, spans_by_episode, unread, words_of
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
_EXTRACTION_VERSION = "2"
_REMEMBERED = 60  # days in which an earlier episode says what is a spot of today's
_COMPARED = 12  # earlier episodes of a show at most, the latest


@table_asset(
    "sponsor_spans",
    group=GROUP,
    code_version=f"{SPONSORS_VERSION}.{REPEATS_VERSION}",
    kinds={"openai"},
    pool="llm",
)
def sponsor_spans(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    episodes: pl.LazyFrame,
    transcripts: pl.LazyFrame,
    cache: CacheResource,
    language_model: LanguageModel,
) -> TableResult:
    """Find the advertising in each transcript, by what it says and by what earlier episodes of its show said alike.

    A language model, where there is one, says where each stretch begins and ends; without one nothing is asked. Looks
    back over days that lie in the lake and are no inputs of the partition; never forward, so that a day that is made
    again gets the same spans.
    """
    store = cache.section("sponsors")
    model = language_model.extractor() if language_model.refines_borders else None
    day = dt.date.fromisoformat(context.partition_key)
    earlier = _Earlier(
        lake.lake.scan("transcripts", [day - dt.timedelta(days=n) for n in range(1, _REMEMBERED + 1)]), store
    )
    rows: list[dict[str, Any]] = []
    words = Counter[str]()
    problems: list[tuple[str, str]] = []
    for episode in episodes_with_words(episodes, transcripts):
        spans = _spans(episode, store, earlier)
        segments = segments_of(episode)
        key = {"episode_id": episode["episode_id"], "date": episode["date"]}
        if model is None:
            rows += [{**key, **asdict(span)} for span in spans]
        else:
            refined = refine(model.asker, known_of(episode), segments, spans, cache.section("llm"))
            rows += [{**key, **_refined_row(one)} for one in refined]
            spans = [one.span for one in refined]
            told = dict.fromkeys(one.detail for one in refined if one.detail)
            problems += [(f"{_name(episode)}: where advertising begins and ends", detail) for detail in told]
        words["all"] += sum(len(segment.text.split()) for segment in segments)
        words["kept"] += sum(len(segment.text.split()) for segment in passages.content(segments, spans))
    table = TABLES["sponsor_spans"]
    share = 1 - words["kept"] / words["all"] if words["all"] else 0.0
    summary = {"share_of_words": round(share, 4), "kinds": dict(Counter(row["kind"] for row in rows))}
    if model is not None:
        summary |= {"borders": dict(Counter(row["borders"] for row in rows))} | _spending(model)
        summary |= failures([*_told_once(problems), *((model.settings.model, note) for note in model.notes)])
    return table_result(settle(table, pl.DataFrame(rows, schema=table.polars_schema)), summary)


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
    spans = spans_by_episode(sponsor_spans)
    done = [
        _extract_one(episode, spans.get(episode["episode_id"], []), extract)
        for episode in episodes_with_words(episodes, transcripts)
    ]
    candidates = _candidates_frame(done)
    rejected = _rejections_frame(done)
    extractions = pl.DataFrame([one.row() for one in done], schema=TABLES["insight_extractions"].polars_schema)
    found = settle(TABLES["insight_candidates"], candidates)
    costs = [one.extraction.cost_usd for one in done]
    notes = extract.llm.notes if extract.llm else []
    problems = [*_problems(done), *((extract.model or extract.kind, note) for note in notes)]
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
        **(_spending(extract.llm) if extract.llm else {}),
        **_left(done),
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
        llm: The language model, where it is one.
    """

    kind: Literal["llm", "extractive"]
    model: str | None
    prompt_version: str
    run: Callable[[Episode, list[Segment], str], Extraction]
    llm: LlmExtractor | None = None


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
        return _name(self.episode)

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
            "passages_failed": found.passages_failed,
            "asked": [asdict(one) for one in found.asked] if self.extractor.kind == "llm" else None,
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

    if (why := unread(episode)) is not None:
        return done(*why)
    try:
        extraction = extractor.run(known_of(episode), words_of(episode, spans), episode["digest"])
    except PodbriefError as error:
        return done("failed", str(error))
    if extraction.unfinished is not None:
        return done("budget", extraction.unfinished, extraction)
    if extraction.candidates:
        return done("extracted", None, extraction)
    if extraction.passages_failed:
        return done("failed", "; ".join(extraction.failures), extraction)
    return done("nothing_qualified", "no passage held a claim that stands alone and passes the gates", extraction)


def _name(episode: Mapping[str, Any]) -> str:
    return f"{episode['show_title']}: {episode['title']}"


def _problems(done: Sequence[_Done]) -> list[tuple[str, str]]:
    """What failed, for the operator."""
    return _told_once(
        (one.name, reason)
        for one in done
        for reason in ([one.reason or ""] if one.outcome in {"failed", "budget"} else one.extraction.failures)
    )


def _told_once(problems: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """A reason that many share, such as a key that is refused, once."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in problems:
        by_reason.setdefault(reason, []).append(name)
    return [
        (names[0] if len(names) == 1 else f"{len(names)} episodes, the first of them {names[0]}", reason)
        for reason, names in by_reason.items()
    ]


def _spending(model: LlmExtractor) -> dict[str, Any]:
    """What this step has spent on a language model, and what the day's budget leaves."""
    spent = model.spent
    summary: dict[str, Any] = {"requests": spent.requests}
    if spent.cost_usd is not None:
        summary["spent_usd"] = round(spent.cost_usd, 6)
    if model.budget is not None:
        summary |= {
            "budget_usd": model.budget.limit_usd,
            "budget_left_usd": round(model.budget.spending().left_usd, 6),
        }
    return summary


def _left(done: Sequence[_Done]) -> dict[str, int]:
    """What the day's budget left for the next run."""
    left = [one.extraction for one in done if one.outcome == "budget"]
    if not left:
        return {}
    unanswered = sum(one.outcome == "budget" for found in left for one in found.asked)
    return {"left_episodes": len(left), "left_passages": unanswered}


def _refined_row(one: Refined) -> dict[str, Any]:
    spent = {name: value for name, value in asdict(one).items() if name not in {"span", "detail"}}
    return asdict(one.span) | spent


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

    return _Extractor("llm", model.settings.model, model.prompt_version, run, model)


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
