"""The day's budget: never passed, by threads or processes, and what is done before it ends is kept."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from podbrief_assets.insights.llm import LlmExtractor
from podbrief_assets.insights.llm.budget import Budget
from podbrief_assets.insights.llm.failures import BudgetNeedsPrice, BudgetSpent
from podbrief_assets_tests.insights.llm.episode import (
    CACHES,
    EPISODE,
    Memory,
    outcomes,
    passages,
    price_table,
    quick,
)
from podbrief_assets_tests.insights.llm_server import LlmServer, Reply, insights

DAY = dt.date(2026, 11, 21)


def budget(engine: Engine, usd: float, day: dt.date = DAY) -> Budget:
    return Budget(engine, usd, today=lambda: day)


def test_what_was_reserved_counts_until_it_is_settled(engine: Engine) -> None:
    kept = budget(engine, 1.0)
    one = kept.reserve(0.6)
    assert kept.spending().left_usd == pytest.approx(0.4)
    kept.settle(one, 0.1)
    spending = kept.spending()
    assert (spending.spent_usd, spending.reserved_usd, spending.left_usd) == pytest.approx((0.1, 0, 0.9))


def test_the_limit_may_be_reached_and_not_passed(engine: Engine) -> None:
    kept = budget(engine, 0.3)
    for _ in range(3):
        kept.settle(kept.reserve(0.1), 0.1)
    with pytest.raises(BudgetSpent, match=r"\$0\.30.*PODBRIEF_LLM_BUDGET_USD"):
        kept.reserve(0.000001)


def test_a_budget_of_nothing_allows_nothing(engine: Engine) -> None:
    with pytest.raises(BudgetSpent):
        budget(engine, 0).reserve(0.000001)


def test_every_day_has_a_budget_of_its_own(engine: Engine) -> None:
    spent = budget(engine, 0.1)
    spent.settle(spent.reserve(0.1), 0.1)
    with pytest.raises(BudgetSpent):
        spent.reserve(0.1)
    budget(engine, 0.1, DAY + dt.timedelta(days=1)).reserve(0.1)


def test_a_request_is_settled_on_the_day_that_it_was_reserved_on(engine: Engine) -> None:
    days = [DAY]
    kept = Budget(engine, 1.0, today=lambda: days[-1])
    reservation = kept.reserve(0.5)
    days.append(DAY + dt.timedelta(days=1))
    kept.settle(reservation, 0.2)
    assert kept.spending().left_usd == 1.0
    assert budget(engine, 1.0).spending().left_usd == pytest.approx(0.8)


def test_one_waits_for_ones_own_requests_before_giving_up(engine: Engine) -> None:
    kept = budget(engine, 0.10)
    first = kept.reserve(0.08)
    settled = threading.Timer(0.2, lambda: kept.settle(first, 0.01))
    settled.start()
    second = kept.reserve(0.08)
    kept.settle(second, 0.08)
    assert kept.spending().spent_usd == pytest.approx(0.09)


def test_what_others_have_reserved_is_not_waited_for(engine: Engine) -> None:
    budget(engine, 0.10).reserve(0.08)
    with pytest.raises(BudgetSpent):
        budget(engine, 0.10).reserve(0.08)


def test_threads_do_not_slip_under_the_line_together(engine: Engine) -> None:
    kept = budget(engine, 1.0)

    def spend(_: int) -> bool:
        try:
            reservation = kept.reserve(0.03)
        except BudgetSpent:
            return False
        kept.settle(reservation, 0.03)
        return True

    with ThreadPoolExecutor(12) as pool:
        allowed = sum(pool.map(spend, range(60)))
    assert allowed == 33
    assert kept.spending().spent_usd == pytest.approx(0.99)


SPEND = """
import sys
from podbrief_assets import database, migrations
from podbrief_assets.insights.llm.budget import Budget
from podbrief_assets.insights.llm.failures import BudgetSpent
engine = database.engine(sys.argv[1])
migrations.upgrade(engine)
budget, allowed = Budget(engine, 1.0), 0
print("ready", flush=True)
sys.stdin.readline()
for _ in range(30):
    try:
        budget.settle(budget.reserve(0.03), 0.03)
        allowed += 1
    except BudgetSpent:
        break
print(allowed, flush=True)
"""


def test_processes_do_not_slip_under_the_line_together(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shared.sqlite"
    running = [
        subprocess.Popen([sys.executable, "-c", SPEND, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for one in running:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in running:  # none of them starts before all are there
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    allowed = [int(one.communicate(timeout=120)[0]) for one in running]
    assert sum(allowed) == 33, allowed


# ---------------------------------------------------------------------------------------------------------------------
# Asking within a budget


def priced(server: LlmServer, folder: Path, **changed: Any) -> Any:
    return quick(server, own_prices=price_table(folder), max_output_tokens=1000, concurrency=1, **changed)


def test_a_model_without_a_price_can_not_be_asked_within_a_budget(server: LlmServer, engine: Engine) -> None:
    with pytest.raises(BudgetNeedsPrice, match=r"'tiny'.*PODBRIEF_LLM_PRICES"):
        LlmExtractor(quick(server, budget_usd=1.0), engine)


def test_a_judge_without_a_price_can_not_be_asked_within_a_budget(
    server: LlmServer, engine: Engine, tmp_path: Path
) -> None:
    with pytest.raises(BudgetNeedsPrice, match="'large'"):
        LlmExtractor(priced(server, tmp_path, budget_usd=1.0, judge_model="large"), engine)


def test_a_model_that_costs_nothing_is_asked_whatever_the_budget(
    server: LlmServer, engine: Engine, tmp_path: Path
) -> None:
    free = price_table(tmp_path, "tiny = { input = 0, output = 0 }")
    server.then([insights(CACHES)])
    extractor = LlmExtractor(quick(server, own_prices=free, budget_usd=0.0), engine)
    assert len(extractor.extract_episode(EPISODE, passages()).candidates) == 1


@pytest.mark.parametrize("concurrency", [1, 8])
def test_the_budget_ends_before_it_is_passed_and_the_next_day_goes_on_from_there(
    engine: Engine, tmp_path: Path, cache: Memory, concurrency: int
) -> None:
    # A question may cost up to 1,000 tokens out at $10 a million and some 9,000 bytes in at $2: below three cents.
    with LlmServer(otherwise=insights(CACHES, tokens=(1000, 900))) as server:
        chosen = replace(priced(server, tmp_path, budget_usd=0.05), concurrency=concurrency)
        cut = passages(max_words=8)
        first = LlmExtractor(chosen, engine)
        found = first.extract_episode(EPISODE, cut, cache=cache)
        asked = len(server.requests)
        assert 0 < asked < len(cut)
        assert found.candidates == ()
        assert "PODBRIEF_LLM_BUDGET_USD" in str(found.unfinished)
        assert sorted(outcomes(found)) == ["answered"] * asked + ["budget"] * (len(cut) - asked)
        assert first.budget is not None
        spending = first.budget.spending()
        assert spending.reserved_usd == 0
        assert spending.spent_usd == pytest.approx(asked * 0.011)
        assert spending.spent_usd <= 0.05
        assert found.cost_usd == pytest.approx(spending.spent_usd)

        read = [passage for passage, one in zip(cut, found.asked, strict=True) if one.outcome == "answered"]
        again = LlmExtractor(chosen, engine).extract_episode(EPISODE, read, cache=cache)
        assert again.unfinished is None, "what is kept costs nothing"
        assert len(server.requests) == asked

        tomorrow = LlmExtractor(priced(server, tmp_path, budget_usd=5.0), engine)
        whole = tomorrow.extract_episode(EPISODE, cut, cache=cache)
        assert whole.unfinished is None
        assert len(server.requests) == len(cut), "nothing was asked twice"
        assert tomorrow.spent.requests == len(cut) - asked


def test_a_request_that_was_refused_costs_nothing_and_one_without_an_answer_counts_in_full(
    server: LlmServer, engine: Engine, tmp_path: Path
) -> None:
    chosen = priced(server, tmp_path, budget_usd=1.0, timeout_s=0.3, max_retries=0)
    extractor = LlmExtractor(chosen, engine)
    assert extractor.budget is not None
    server.then([Reply(status=422, body=b'{"error": {"message": "no"}}')] * 4)
    extractor.extract_episode(EPISODE, passages())
    assert extractor.budget.spending().left_usd == 1.0
    server.then([Reply(delay_s=2)])
    extractor.extract_episode(EPISODE, passages())
    spending = extractor.budget.spending()
    assert spending.reserved_usd == 0
    assert 0.01 < spending.spent_usd < 0.05


def test_a_server_that_counts_no_tokens_is_counted_at_the_most_it_may_cost(
    server: LlmServer, engine: Engine, tmp_path: Path
) -> None:
    server.then([insights(CACHES, tokens=None)])
    extractor = LlmExtractor(priced(server, tmp_path, budget_usd=1.0), engine)
    extractor.extract_episode(EPISODE, passages())
    assert extractor.budget is not None
    assert 0.01 < extractor.budget.spending().spent_usd < 0.05
