"""What a real language model proposes of real episodes, and what the gates let through.

Claims nothing: it asks the model that the environment names (`OPENAI_BASE_URL`, `PODBRIEF_LLM_MODEL` and so on, as
podbrief itself does) about whole typed episodes of the corpus, and prints the share of its proposals that pass, by what
the others are refused, the share whose quote is in the transcript, and every text that passed, to be read by somebody.
Answers are kept in `--answers`, so that a run after a change of the gates asks nothing.

    OPENAI_BASE_URL=http://127.0.0.1:8080/v1 PODBRIEF_LLM_MODEL=… python benchmarks/model_proposals.py \
        --answers /tmp/answers practicalai/practical-ai-195 gotime/go-time-324 news/changelog-news-95
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from upath import UPath

from podbrief_assets.evaluation.corpus import transcript_at
from podbrief_assets.insights.candidates import Episode, Extraction
from podbrief_assets.insights.llm.extractor import LlmExtractor
from podbrief_assets.insights.llm.settings import LlmSettings
from podbrief_assets.insights.passages import cut
from podbrief_assets.insights.sponsors import find_sponsor_spans
from podbrief_assets.lake.cache import Cache

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("episodes", nargs="+", metavar="SHOW/EPISODE", help="below transcripts/changelog of the corpus")
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--answers", type=Path, required=True, help="folder that keeps what the model answered")
    options = parser.parse_args()
    # No judge and no budget: what is asked is what the gates make of the model alone.
    settings = replace(LlmSettings.from_environment(), judge_model=None, budget_usd=None)
    extractor = LlmExtractor(settings)
    store = Cache(UPath(options.answers)).section("llm")
    print(f"{settings.model} at {settings.server}, prompt {extractor.prompt_version}")
    found = []
    for name in options.episodes:
        path = options.corpus / "transcripts" / "changelog" / f"{name}.md"
        segments = transcript_at(path)
        episode = Episode(
            episode_id=path.stem,
            show_id=path.parent.name,
            show_title=path.parent.name,
            title=path.stem.replace("-", " "),
        )
        passages = cut(segments, find_sponsor_spans(segments), max_words=settings.passage_words)
        started = time.perf_counter()
        found.append(extractor.extract_episode(episode, passages, cache=store))
        _tell(name, found[-1], time.perf_counter() - started)
    _sum_up(found)
    for note in extractor.notes:
        print(note)
    return 0


def _tell(name: str, one: Extraction, seconds: float) -> None:
    outcomes = Counter(asked.outcome for asked in one.asked)
    print(
        f"\n{name}: {one.passages} passages ({', '.join(f'{n} {what}' for what, n in outcomes.most_common())}), "
        f"{one.tokens_in:,} tokens in, {one.tokens_out:,} out, {seconds:.0f} s"
    )
    for candidate in one.candidates:
        print(f"  passed  {candidate.text}\n          “{candidate.quote}”")
    for rejection in one.rejections:
        print(f"  {rejection.rule}: {rejection.detail}\n          {rejection.candidate.text[:160]}")


def _sum_up(found: list[Extraction]) -> None:
    passed = sum(len(one.candidates) for one in found)
    rules = Counter(rejection.rule for one in found for rejection in one.rejections)
    proposed = passed + rules.total()
    if not proposed:
        print("\nnothing was proposed")
        return
    print(f"\n{proposed} proposals: {passed} passed ({passed / proposed:.0%})")
    print(f"quotes found in the transcript: {1 - rules['quote_not_found'] / proposed:.0%}")
    for rule, count in rules.most_common():
        print(f"  {rule} {count} ({count / proposed:.0%})")


if __name__ == "__main__":
    sys.exit(main())
