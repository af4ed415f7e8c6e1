"""Batches on a loopback server: what goes in, what comes back, and what becomes of the rest."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from podbrief_assets.insights.llm import LlmExtractor, proposals
from podbrief_assets.insights.llm.batch import Batches
from podbrief_assets.insights.llm.failures import KeyRefused, ServerUnreachable
from podbrief_assets.insights.llm.proposals import Proposal
from podbrief_assets.insights.llm.question import Question
from podbrief_assets_tests.insights.llm.episode import CACHES, EPISODE, Memory, passages, price_table, quick
from podbrief_assets_tests.insights.llm_server import LlmServer, Reply, answer, error, insights

DAYS = (dt.date(2026, 11, 1), dt.date(2026, 11, 3))


def asked() -> list[Question[tuple[Proposal, ...]]]:
    """Six or so questions: about passages of eight words."""
    return [proposals.question(EPISODE, passage) for passage in passages(max_words=8)]


COUNT = len(passages(max_words=8))


class Backfill:
    """An installation with a cache and a database, on one server."""

    def __init__(self, server: LlmServer, engine: Engine, **changed: Any) -> None:
        self.cache = Memory()
        self.server, self.engine, self.changed = server, engine, changed

    def extractor(self) -> LlmExtractor:
        return LlmExtractor(quick(self.server, **self.changed), self.engine)

    def batches(self, **limits: int) -> Batches:
        return Batches(self.extractor().asker, self.engine, self.cache, **limits)

    def run(self) -> int:
        """How many questions an ordinary run asks."""
        before = len(self.server.requests)
        self.extractor().extract_episode(EPISODE, passages(max_words=8), cache=self.cache)
        return len(self.server.requests) - before


@pytest.fixture
def backfill(engine: Engine) -> Any:
    with LlmServer(otherwise=insights(CACHES)) as server:
        yield Backfill(server, engine)


def test_what_a_batch_answers_is_found_by_the_ordinary_run(backfill: Backfill) -> None:
    done = backfill.batches().submit(asked(), *DAYS)
    assert (done.requests, done.known, done.left) == (COUNT - 1, 1, 0)
    (batch_id,) = done.batches
    assert len(backfill.server.requests) == 1, "one is asked at once"
    (waiting,) = backfill.batches().status()
    assert (waiting.status, waiting.requests, waiting.first_day, waiting.last_day) == ("in_progress", COUNT - 1, *DAYS)
    assert [one.kept for one in backfill.batches().collect()] == [0], "it has not ended"
    backfill.server.work(batch_id)
    (ended,) = backfill.batches().collect()
    assert (ended.status, ended.kept, ended.problems) == ("completed", COUNT - 1, {})
    assert backfill.run() == 0
    assert backfill.batches().status() == []
    assert backfill.batches().collect() == []


def test_a_batch_asks_exactly_what_an_ordinary_run_asks(backfill: Backfill) -> None:
    (batch_id,) = backfill.batches().submit(asked(), *DAYS).batches
    sent = backfill.server.lines(batch_id)
    assert {one["url"] for one in sent} == {"/v1/chat/completions"}
    assert {one["method"] for one in sent} == {"POST"}
    assert len({one["custom_id"] for one in sent}) == len(sent)
    assert all(len(one["custom_id"]) <= 64 for one in sent)
    assert backfill.server.batches[batch_id]["completion_window"] == "24h"
    backfill.cache.kept.clear()
    ordinary = len(backfill.server.requests)
    backfill.run()
    bodies = [json.dumps(request, sort_keys=True) for request in backfill.server.requests[ordinary:]]
    assert {json.dumps(one["body"], sort_keys=True) for one in sent} < set(bodies)


def test_the_form_that_the_server_takes_is_learned_before(engine: Engine) -> None:
    def picky(request: dict[str, Any]) -> Reply:
        return error(400, "no temperature, please", param="temperature") if "temperature" in request else insights()

    with LlmServer(otherwise=picky) as server:
        (batch_id,) = Backfill(server, engine).batches().submit(asked(), *DAYS).batches
        assert not any("temperature" in one["body"] for one in server.lines(batch_id))


def test_what_is_under_way_or_answered_is_not_submitted_again(backfill: Backfill) -> None:
    backfill.batches().submit(asked(), *DAYS)
    again = backfill.batches().submit(asked(), *DAYS)
    assert (again.batches, again.requests, again.known, again.under_way) == ([], 0, 1, COUNT - 1)
    assert len(backfill.server.requests) == 1


def test_large_backfills_are_several_batches(backfill: Backfill) -> None:
    done = backfill.batches(most_requests=2).submit(asked(), *DAYS)
    sizes = [len(backfill.server.lines(batch_id)) for batch_id in done.batches]
    assert (max(sizes), sum(sizes)) == (2, COUNT - 1)


def test_no_file_is_larger_than_allowed(backfill: Backfill) -> None:
    done = backfill.batches(most_bytes=15_000).submit(asked(), *DAYS)
    assert len(done.batches) > 1
    files = [backfill.server.files[backfill.server.batches[one]["input_file_id"]] for one in done.batches]
    assert max(len(content) for content in files) <= 15_000


def test_a_batch_that_expires_keeps_what_it_answered_and_the_rest_is_submitted_again(backfill: Backfill) -> None:
    (batch_id,) = backfill.batches().submit(asked(), *DAYS).batches
    backfill.server.work(batch_id, status="expired", most=2)
    (ended,) = backfill.batches().collect()
    assert (ended.status, ended.kept) == ("expired", 2)
    assert ended.problems == {"batch_expired": COUNT - 3}
    again = backfill.batches().submit(asked(), *DAYS)
    # One of the rest is asked at once.
    assert (again.requests, again.known, again.under_way) == (COUNT - 4, 4, 0)


def test_single_bad_answers_are_told_by_kind_and_asked_by_the_next_run(backfill: Backfill) -> None:
    (batch_id,) = backfill.batches().submit(asked(), *DAYS).batches
    bad = [
        answer(None, refusal="no"),
        answer("prose"),
        answer("", finish_reason="content_filter"),
        error(500, "oops", code="server_error"),
    ]
    backfill.server.then(bad)
    backfill.server.work(batch_id)
    (ended,) = backfill.batches().collect()
    assert ended.problems == {"refused": 1, "invalid": 1, "filtered": 1, "server_error": 1}
    assert ended.kept == COUNT - 1 - len(bad)
    assert backfill.run() == len(bad)


def test_a_batch_that_fails_is_told_with_the_providers_reason(backfill: Backfill) -> None:
    (batch_id,) = backfill.batches().submit(asked(), *DAYS).batches
    data = [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached."}]
    backfill.server.batches[batch_id] |= {"status": "failed", "errors": {"object": "list", "data": data}}
    (ended,) = backfill.batches().collect()
    assert (ended.status, ended.kept, ended.detail) == ("failed", 0, "Enqueued token limit reached.")
    assert ended.problems == {"no answer came back": COUNT - 1}
    assert backfill.batches().submit(asked(), *DAYS).requests == COUNT - 2


def test_lines_that_nobody_asked_for_or_that_are_no_json_are_passed_over(backfill: Backfill) -> None:
    (batch_id,) = backfill.batches().submit(asked(), *DAYS).batches
    backfill.server.work(batch_id)
    strange = json.dumps({"custom_id": "0" * 64, "response": {"status_code": 200, "body": {}}})
    backfill.server.files[f"{batch_id}-output"] += f"{{broken\n[]\n{strange}\n".encode()
    (ended,) = backfill.batches().collect()
    assert (ended.kept, ended.problems) == (COUNT - 1, {})
    assert len(backfill.cache.kept) == COUNT


def test_a_batch_of_another_server_waits_for_it(backfill: Backfill, engine: Engine) -> None:
    backfill.batches().submit(asked(), *DAYS)
    with LlmServer() as other:
        (one,) = Backfill(other, engine).batches().collect()
        assert one.status == "elsewhere"
        assert "OPENAI_BASE_URL" in str(one.detail)
    assert backfill.batches().status()[0].status == "in_progress"


def test_a_server_without_batches_is_told_and_nothing_is_remembered(backfill: Backfill) -> None:
    backfill.server.takes_batches = False
    with pytest.raises(Exception, match=r"offers no batches.*podbrief run"):
        backfill.batches().submit(asked(), *DAYS)
    assert backfill.batches().status() == []


def test_a_key_that_is_refused_and_a_server_that_is_gone_are_told(engine: Engine) -> None:
    with LlmServer(otherwise=error(401, "no")) as server:
        refusing = Backfill(server, engine)
        with pytest.raises(KeyRefused):
            refusing.batches().submit(asked(), *DAYS)
    gone = Backfill(server, engine, max_retries=0)
    with pytest.raises(ServerUnreachable):
        gone.batches().submit(asked(), *DAYS)


def test_a_batch_costs_half_and_its_budget_is_settled_when_it_is_collected(engine: Engine, tmp_path: Path) -> None:
    table = price_table(tmp_path)
    table.write_text("batch_factor = 0.5\n" + table.read_text())
    with LlmServer(otherwise=insights(CACHES, tokens=(1000, 100))) as server:
        backfill = Backfill(server, engine, own_prices=table, budget_usd=2.0, max_output_tokens=1000)
        (batch_id,) = backfill.batches().submit(asked(), *DAYS).batches
        budget = backfill.extractor().budget
        assert budget is not None
        assert budget.spending().spent_usd == pytest.approx(0.003), "the one that was asked at once"
        reserved = budget.spending().reserved_usd
        assert 0.005 * (COUNT - 1) < reserved < 0.02 * (COUNT - 1)
        server.work(batch_id)
        (ended,) = backfill.batches().collect()
        assert ended.cost_usd == pytest.approx(0.0015 * (COUNT - 1))
        assert budget.spending().reserved_usd == 0
        assert budget.spending().spent_usd == pytest.approx(0.003 + 0.0015 * (COUNT - 1))
        found = backfill.extractor().extract_episode(EPISODE, passages(max_words=8), cache=backfill.cache)
        assert found.cost_usd == pytest.approx(0.003 + 0.0015 * (COUNT - 1))


def test_no_more_is_submitted_than_the_budget_allows(engine: Engine, tmp_path: Path) -> None:
    with LlmServer(otherwise=insights(CACHES)) as server:
        backfill = Backfill(server, engine, own_prices=price_table(tmp_path), budget_usd=0.1, max_output_tokens=1000)
        done = backfill.batches().submit(asked(), *DAYS)
        assert 0 < done.requests < COUNT - 1
        assert done.left == COUNT - 1 - done.requests
        assert "PODBRIEF_LLM_BUDGET_USD" in str(done.stopped)
        budget = backfill.extractor().budget
        assert budget is not None
        spending = budget.spending()
        assert spending.spent_usd + spending.reserved_usd <= 0.1
