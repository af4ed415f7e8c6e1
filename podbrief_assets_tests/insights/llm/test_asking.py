"""Asking a model, on a loopback server that misbehaves as told: what is kept, what told, what never asked twice."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.errors import PermanentFailure, TransientFailure
from podbrief_assets.insights.llm import LlmExtractor, LlmSettings, proposals
from podbrief_assets.insights.llm.answers import read_items
from podbrief_assets.insights.llm.asking import Asker
from podbrief_assets.insights.llm.failures import (
    KeyRefused,
    LlmUnavailable,
    ModelMissing,
    QuotaExceeded,
    RateLimited,
    ServerFailing,
    ServerUnreachable,
)
from podbrief_assets.insights.llm.question import Prompt, Question
from podbrief_assets.insights.passages import cut
from podbrief_assets.transcripts.segment import Segment
from podbrief_assets_tests.insights.llm.episode import (
    CACHES,
    EPISODE,
    SEGMENTS,
    Memory,
    outcomes,
    passages,
    quick,
    run,
)
from podbrief_assets_tests.insights.llm_server import LlmServer, Reply, answer, error, insights

# ---------------------------------------------------------------------------------------------------------------------
# Bad answers, told apart


def test_a_refusal_is_told_and_asked_again_only_in_the_next_run(server: LlmServer, cache: Memory) -> None:
    server.then([answer(None, refusal="I can't help with that."), insights(CACHES)])
    found = run(server, cache)
    assert found.candidates == []
    assert found.failures == ["passage 0 (0:00:00 to 0:01:00): the model refused: I can't help with that."]
    assert outcomes(found) == ["refused"]
    assert len(server.requests) == 1
    assert len(run(server, cache).candidates) == 1


def test_a_filtered_answer_is_told(server: LlmServer) -> None:
    server.then([answer("", finish_reason="content_filter")])
    assert "content filter" in run(server).failures[0]
    assert len(server.requests) == 1


def test_a_cut_answer_keeps_its_whole_items_and_is_not_paid_for_again(server: LlmServer, cache: Memory) -> None:
    whole = json.dumps({"insights": [CACHES, CACHES]})
    server.then([answer(whole[: whole.rindex('"text"') + 40], finish_reason="length")])
    found = run(server, cache)
    assert [candidate.text for candidate in found.candidates] == [CACHES["text"]]
    assert "cut at 4000 tokens, 1 whole item kept" in found.failures[0]
    assert run(server, cache) == found
    assert len(server.requests) == 1


def test_an_answer_cut_before_its_first_item_is_asked_for_again_with_twice_the_limit(
    server: LlmServer, cache: Memory
) -> None:
    server.then([answer('{"insights": [{"quote": "After a', finish_reason="length"), insights(CACHES)])
    found = run(server, cache)
    assert len(found.candidates) == 1
    assert [request["max_tokens"] for request in server.requests] == [4000, 8000]
    assert (found.tokens_in, found.tokens_out) == (2000, 200)
    assert outcomes(found) == ["answered"]
    assert run(server, cache) == found


def test_an_answer_cut_twice_before_its_first_item_is_a_failure_that_is_not_kept(
    server: LlmServer, cache: Memory
) -> None:
    server.then([answer('{"insights": [{"quote": "After a', finish_reason="length")] * 2)
    found = run(server, cache)
    assert "cut at 8000 tokens, 0 whole items kept" in found.failures[0]
    assert (outcomes(found), found.passages_failed) == (["truncated"], 1)
    assert cache.kept == {}


@pytest.mark.parametrize(
    "content",
    [
        "I found nothing in particular.",
        "",
        '{"insights": [{"quote": ',
        '{"insights": "none"}',
        '{"claims": []}',
        json.dumps({"insights": [{**CACHES, "text": 7}]}),
        json.dumps({"insights": [{**CACHES, "names": "Acme"}]}),
        json.dumps({"insights": ["a string"]}),
        "[" * 50_000,
    ],
)
def test_an_invalid_answer_is_asked_for_once_more(server: LlmServer, content: str, cache: Memory) -> None:
    server.then([answer(content), insights(CACHES)])
    found = run(server, cache)
    assert len(found.candidates) == 1
    assert found.failures == []
    assert (found.tokens_in, found.tokens_out) == (2000, 200)
    assert len(server.requests) == 2
    assert "That was not the JSON object" in server.requests[1]["messages"][-1]["content"]


def test_an_answer_that_is_invalid_twice_is_a_failure_and_not_kept(server: LlmServer, cache: Memory) -> None:
    server.then([answer("no"), answer("still no")])
    found = run(server, cache)
    assert found.candidates == []
    assert "invalid twice" in found.failures[0]
    assert len(server.requests) == 2
    assert cache.kept == {}


def test_well_formed_items_beside_malformed_ones_are_used(server: LlmServer) -> None:
    mixed = json.dumps({"insights": [CACHES, {"text": 1}]})
    server.then([answer(mixed), answer("no")])
    found = run(server)
    assert len(found.candidates) == 1
    assert "invalid twice" in found.failures[0]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"<html>Welcome</html>", headers={"Content-Type": "text/html"}),
        Reply(body=b"{broken"),
        Reply(body=b"[]"),
        Reply(body=b'{"choices": []}'),
        Reply(body=b'{"choices": [{"message": null}]}'),
        Reply(body=b'{"choices": "x", "usage": 3}'),
    ],
)
def test_a_reply_that_is_no_completion_is_a_failure_of_its_passage(server: LlmServer, reply: Reply) -> None:
    server.then([reply, reply])
    found = run(server)
    assert found.candidates == []
    assert len(found.failures) == 1


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=300)
    | st.recursive(
        st.none() | st.text(max_size=9), lambda x: st.lists(x) | st.dictionaries(st.text(max_size=9), x)
    ).map(json.dumps)
)
def test_wild_answers_are_read_without_harm(content: str) -> None:
    items, whole = read_items(content, "insights", 3)
    assert isinstance(items, list)
    assert whole or len(items) <= 3
    read_items('{"insights": [' + content, "insights", 3)


# ---------------------------------------------------------------------------------------------------------------------
# A server in trouble


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_stops_everything_and_is_never_shown(server: LlmServer, status: int) -> None:
    server.then([error(status, "Incorrect API key provided: sk-secret")])
    extractor = LlmExtractor(quick(server))
    with pytest.raises(KeyRefused) as raised:
        extractor.extract_episode(EPISODE, passages())
    assert isinstance(raised.value, PermanentFailure)
    assert "OPENAI_API_KEY" in raised.value.remedy
    assert "OPENAI_BASE_URL" in raised.value.remedy
    assert "sk-secret" not in str(raised.value)
    assert "sk-secret" not in repr(extractor.settings)
    with pytest.raises(KeyRefused):
        extractor.extract_episode(EPISODE, passages())
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [403, 404])
def test_a_missing_model_is_named(server: LlmServer, status: int) -> None:
    server.then([error(status, "The model `tiny` does not exist", code="model_not_found")])
    with pytest.raises(ModelMissing, match=r"tiny.*PODBRIEF_LLM_MODEL") as raised:
        run(server)
    assert isinstance(raised.value, PermanentFailure)


def test_a_spent_quota_is_told_from_a_rate_limit(server: LlmServer) -> None:
    server.then([error(429, "You exceeded your current quota", code="insufficient_quota")] * 3)
    with pytest.raises(QuotaExceeded) as raised:
        run(server)
    assert isinstance(raised.value, TransientFailure)
    assert issubclass(QuotaExceeded, LlmUnavailable)


def test_a_rate_limit_is_waited_out(server: LlmServer) -> None:
    server.then([error(429, "slow down", code="rate_limit_exceeded"), error(503, "busy"), insights(CACHES)])
    assert len(run(server).candidates) == 1
    assert len(server.requests) == 3


def test_a_server_that_keeps_failing_fails_the_passage_alone(server: LlmServer, cache: Memory) -> None:
    def other_half_works(request: dict[str, Any]) -> Reply:
        return error(500, "oops") if "Ana Ruiz: A cache" in request["messages"][1]["content"] else insights(CACHES)

    with LlmServer(otherwise=other_half_works) as half:
        extractor = LlmExtractor(quick(half))
        found = extractor.extract_episode(EPISODE, passages(max_words=30), cache=cache)
        assert found.passages == 2
        # The one answer also tells of words in the passage that failed: the gates may refuse it.
        assert len(found.candidates) + len(found.rejections) == 1
        assert found.failures == ["passage 0 (0:00:00 to 0:00:30): the server failed (500), asked 3 times: oops"]
        assert len(half.requests) == 4
        assert len(cache.kept) == 1


def test_a_time_out_fails_the_passage(server: LlmServer) -> None:
    server.then([Reply(delay_s=5)])
    found = run(server, timeout_s=0.2, max_retries=0)
    assert found.failures == ["passage 0 (0:00:00 to 0:01:00): no answer within 0.2 s, asked 1 times"]


def test_a_server_that_is_not_there_is_told_with_its_address() -> None:
    with LlmServer() as gone:
        chosen = quick(gone, max_retries=0)
    with pytest.raises(ServerUnreachable, match=r"127\.0\.0\.1:\d+.*OPENAI_BASE_URL") as raised:
        LlmExtractor(chosen).extract_episode(EPISODE, passages())
    assert isinstance(raised.value, TransientFailure)


def test_a_connection_that_breaks_is_tried_again(server: LlmServer) -> None:
    server.then([Reply(hang_up=True), insights(CACHES)])
    assert len(run(server, max_retries=1).candidates) == 1


def test_a_passage_that_is_too_long_is_told_with_the_remedy(server: LlmServer) -> None:
    server.then([error(400, "maximum context length is 512 tokens", code="context_length_exceeded")])
    assert "PODBRIEF_LLM_PASSAGE_WORDS" in run(server).failures[0]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (
            400,
            {
                "code": 400,
                "message": "request (4390 tokens) exceeds the available context size (4096 tokens), try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 4390,
                "n_ctx": 4096,
            },
        ),
        (500, {"code": 500, "message": "Context size has been exceeded.", "type": "server_error"}),
        (
            400,
            {
                "message": "This model's maximum context length is 4096 tokens. However, you requested 6000 tokens (2000 in "
                "the messages, 4000 in the completion).",
                "type": "BadRequestError",
            },
        ),
    ],
)
def test_servers_without_room_for_the_passage_are_understood(
    server: LlmServer, status: int, body: dict[str, Any]
) -> None:
    headers = {"Content-Type": "application/json", "x-should-retry": "false"}
    server.then([Reply(status=status, body=json.dumps({"error": body}).encode(), headers=headers)])
    assert outcomes(run(server)) == ["too_long"]
    assert len(server.requests) == 1


def test_an_error_inside_a_200_is_told_as_the_upstream_servers(server: LlmServer) -> None:
    server.then([Reply(body=json.dumps({"error": {"code": 502, "message": "upstream is gone"}}).encode())])
    found = run(server)
    assert outcomes(found) == ["server_error"]
    assert "upstream is gone" in found.failures[0]


def test_every_passage_has_its_own_outcome_with_what_it_cost() -> None:
    replies = {
        "most dangerous": insights(CACHES, tokens=(700, 70)),
        "We measured": answer(None, refusal="no", tokens=(500, 5)),
        "the database took": error(500, "oops", **{"x-should-retry": "false"}),
        "failed until": insights(tokens=(300, 3)),
    }

    def behave(request: dict[str, Any]) -> Reply:
        said = request["messages"][1]["content"].split("transcript:")[1]
        return next(reply for words, reply in replies.items() if words in said)

    with LlmServer(otherwise=behave) as server:
        texts = [
            "The first minute is the most dangerous one of the day.",
            "We measured it at Acme.",
            "After a restart the database took 40 times its normal load.",
            "Half of the requests failed until the cache had filled.",
        ]
        segments = [
            Segment(start_s=10.0 * n, end_s=10.0 * n + 10, speaker=f"S{n}", text=text) for n, text in enumerate(texts)
        ]
        found = LlmExtractor(quick(server)).extract_episode(EPISODE, cut(segments, (), max_words=12))
    told = [(one.passage, one.outcome, one.failed, one.proposed, one.tokens_in, one.tokens_out) for one in found.asked]
    assert told == [
        (0, "answered", False, 1, 700, 70),
        (1, "refused", True, 0, 500, 5),
        (2, "server_error", True, 0, 0, 0),
        (3, "empty", False, 0, 300, 3),
    ]
    assert [(one.start_s, one.end_s) for one in found.asked] == [(0, 10), (10, 20), (20, 30), (30, 40)]
    assert (found.tokens_in, found.tokens_out, found.passages_failed) == (1500, 78, 2)


def test_a_server_that_answers_nobody_is_not_asked_on_and_on() -> None:
    with LlmServer(otherwise=error(503, "down", **{"x-should-retry": "false"})) as server:
        extractor = LlmExtractor(quick(server, concurrency=1))
        with pytest.raises(ServerFailing, match=r"8 questions in a row .*503"):
            extractor.extract_episode(EPISODE, passages(max_words=3))
        with pytest.raises(ServerFailing):
            extractor.extract_episode(EPISODE, passages())
        assert len(server.requests) == 8


def test_a_server_that_is_gone_is_given_up_after_three_questions() -> None:
    with LlmServer() as gone:
        chosen = quick(gone, max_retries=0, concurrency=1)
    extractor = LlmExtractor(chosen)
    for _ in range(3):
        with pytest.raises(ServerUnreachable):
            extractor.extract_episode(EPISODE, passages())
    with LlmServer(otherwise=insights(CACHES)) as back:
        moved = replace(chosen, base_url=back.base_url)
        assert LlmExtractor(moved).extract_episode(EPISODE, passages()).candidates
    with pytest.raises(ServerUnreachable):
        extractor.extract_episode(EPISODE, passages())


def test_a_wait_that_a_server_asks_for_is_kept_by_every_question_of_the_process() -> None:
    asked_at: list[float] = []

    def behave(request: dict[str, Any]) -> Reply:
        asked_at.append(time.monotonic())
        return error(429, "slow down", **{"Retry-After-Ms": "600"}) if len(asked_at) == 1 else insights()

    with LlmServer(otherwise=behave) as server:
        first = LlmExtractor(quick(server, max_retries=0)).extract_episode(EPISODE, passages())
        assert outcomes(first) == ["rate_limited"]
        assert outcomes(LlmExtractor(quick(server)).extract_episode(EPISODE, passages())) == ["empty"]
    assert asked_at[1] - asked_at[0] >= 0.55


def test_a_server_that_wants_to_be_left_alone_for_long_ends_the_asking(server: LlmServer) -> None:
    server.then([error(429, "come back later", **{"Retry-After-Ms": "900000"})])
    extractor = LlmExtractor(quick(server))
    with pytest.raises(RateLimited, match="900 s"):
        extractor.extract_episode(EPISODE, passages())
    assert len(server.requests) == 1


def test_a_passage_that_the_filter_refuses_is_told(server: LlmServer) -> None:
    server.then([error(400, "The response was filtered", code="content_filter")])
    assert "content filter" in run(server).failures[0]
    assert len(server.requests) == 1


# ---------------------------------------------------------------------------------------------------------------------
# Cache


def test_the_second_run_makes_no_request_and_gives_the_same(server: LlmServer, cache: Memory) -> None:
    server.then([insights(CACHES)])
    first = run(server, cache)
    assert run(server, cache) == first
    assert len(server.requests) == 1


def key(chosen: LlmSettings, asked: Question[Any]) -> str:
    return Asker(chosen).key(asked)


def test_the_cache_does_not_depend_on_the_server_but_on_all_else(server: LlmServer) -> None:
    asked = proposals.question(EPISODE, passages()[0])
    here = key(quick(server), asked)
    assert key(quick(server, base_url="http://elsewhere.example/v1", api_key=None, concurrency=1), asked) == here
    others = [
        key(quick(server, model="small"), asked),
        key(quick(server, temperature=None), asked),
        key(quick(server, max_output_tokens=9), asked),
        key(quick(server, reasoning_effort="low"), asked),
        key(quick(server), replace(asked, schema={})),
        key(quick(server), replace(asked, prompt=Prompt(asked.prompt.version, "other words", "other digest"))),
        key(quick(server), proposals.question(replace(EPISODE, title="Y"), passages()[0])),
        key(quick(server), proposals.question(EPISODE, cut(SEGMENTS[:1], ())[0])),
    ]
    assert len({here, *others}) == 1 + len(others)


@pytest.mark.parametrize(
    "kept",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"content": 3, "cut": false, "limit": 1}',
        b'{"content": "{}", "cut": false, "limit": 1}',
        b'{"content": "[]", "cut": false, "limit": 1, "more": 1}',
        b"\xff",
    ],
)
def test_a_damaged_cache_entry_is_asked_for_again(server: LlmServer, cache: Memory, kept: bytes) -> None:
    extractor = LlmExtractor(quick(server))
    cache.kept[extractor.asker.key(proposals.question(EPISODE, passages()[0]))] = kept
    server.then([insights(CACHES)])
    assert len(extractor.extract_episode(EPISODE, passages(), cache=cache).candidates) == 1


def test_answers_that_came_before_a_stop_are_kept(cache: Memory) -> None:
    def second_is_refused(request: dict[str, Any]) -> Reply:
        return insights() if "Ana Ruiz: A cache" in request["messages"][1]["content"] else error(401, "no")

    with LlmServer(otherwise=second_is_refused) as server, pytest.raises(KeyRefused):
        LlmExtractor(quick(server, concurrency=1)).extract_episode(EPISODE, passages(max_words=30), cache=cache)
    assert len(cache.kept) == 1


def test_no_more_requests_are_in_flight_than_allowed() -> None:
    flying, most, lock = 0, 0, threading.Lock()

    def count(request: dict[str, Any]) -> Reply:
        nonlocal flying, most
        with lock:
            flying += 1
            most = max(most, flying)
        threading.Event().wait(0.02)
        with lock:
            flying -= 1
        return insights()

    with LlmServer(otherwise=count) as server:
        extractor = LlmExtractor(quick(server, concurrency=3))
        threads = [
            threading.Thread(target=extractor.extract_episode, args=(EPISODE, passages(max_words=8))) for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.requests) == 3 * len(passages(max_words=8))
    assert 1 < most <= 3
