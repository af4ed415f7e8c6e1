"""What a server lacks or ignores is left out, remembered and said once; each refuses in words of its own."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from podbrief_assets.insights.llm import LlmExtractor
from podbrief_assets_tests.insights.llm.episode import (
    CACHES,
    EPISODE,
    passages,
    quick,
)
from podbrief_assets_tests.insights.llm_server import Behaviour, LlmServer, Reply, answer, error, insights


def without(*features: str) -> Behaviour:
    """A server that answers 400 to each request that uses one of `features`."""

    def behave(request: dict[str, Any]) -> Reply:
        text = json.dumps(request.get("response_format", {})) + " ".join(request)
        for feature in features:
            if feature in text:
                return error(400, f"Unsupported: {feature}", param=feature, code="unsupported_parameter")
        return insights(CACHES)

    return behave


@pytest.mark.parametrize(
    ("lacking", "sent", "note"),
    [
        (("maxLength",), "json_schema", "no JSON schema with limits"),
        (("json_schema",), "json_object", "asking for JSON object"),
        (("json_schema", "json_object"), None, "asking for plain text"),
        (("temperature",), "json_schema", "no temperature"),
        (("reasoning_effort",), "json_schema", "no reasoning effort"),
        (("max_tokens",), "json_schema", None),
        (("max_tokens", "temperature", "json_schema", "json_object"), None, "asking for plain text"),
    ],
)
def test_what_a_server_lacks_is_left_out_remembered_and_said_once(
    lacking: tuple[str, ...], sent: str | None, note: str | None
) -> None:
    with LlmServer(otherwise=without(*lacking)) as server:
        extractor = LlmExtractor(quick(server, reasoning_effort="low"))
        assert len(extractor.extract_episode(EPISODE, passages()).candidates) == 1
        negotiated = len(server.requests)
        assert len(extractor.extract_episode(EPISODE, passages()).candidates) == 1
        assert len(server.requests) == negotiated + 1
        last = server.requests[-1]
        assert last.get("response_format", {}).get("type") == sent
        assert not set(lacking) & last.keys()
        assert ("max_completion_tokens" in last) or ("max_tokens" in last)
        if note:
            assert sum(note in line for line in extractor.notes) == 1
        else:
            assert extractor.notes == []


def vllm(request: dict[str, Any]) -> Reply:
    """vLLM, when xgrammar can't hold to a schema's limits."""
    if "maxItems" in json.dumps(request.get("response_format", {})):
        message = "The provided JSON schema contains features not supported by xgrammar."
        body = {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": 400}
        return Reply(status=400, body=json.dumps(body).encode())
    return insights(CACHES)


def llama_cpp(request: dict[str, Any]) -> Reply:
    """llama.cpp, when a string's limit makes more rules than its grammar takes."""
    if "maxLength" in json.dumps(request.get("response_format", {})):
        message = "Failed to initialize samplers: failed to parse grammar"
        body = {"error": {"code": 400, "message": message, "type": "invalid_request_error"}}
        return Reply(status=400, body=json.dumps(body).encode())
    return insights(CACHES)


def older_llama_cpp(request: dict[str, Any]) -> Reply:
    """The same, as a failure of the server."""
    reply = llama_cpp(request)
    quick = {**reply.headers, "x-should-retry": "false"}
    return replace(reply, status=500, headers=quick) if reply.status == 400 else reply


def lm_studio(request: dict[str, Any]) -> Reply:
    """LM Studio, with a model that it can't hold to a schema: it says so in a bare string."""
    if "response_format" in request:
        body = {"error": "'response_format.type' must be 'json_schema' or 'text'"}
        return Reply(status=400, body=json.dumps(body).encode())
    return insights(CACHES)


def deepseek(request: dict[str, Any]) -> Reply:
    """DeepSeek, which knows JSON objects and no schema."""
    if request.get("response_format", {}).get("type") == "json_schema":
        return error(400, "This response_format type is unavailable now", code="invalid_request_error")
    return insights(CACHES)


@pytest.mark.parametrize(
    ("behaviour", "requests", "note"),
    [
        (vllm, 2, "it takes no JSON schema with limits: asking for JSON schema"),
        (llama_cpp, 2, "it takes no JSON schema with limits: asking for JSON schema"),
        (older_llama_cpp, 2, "it takes no JSON schema with limits: asking for JSON schema"),
        (deepseek, 3, "it takes no JSON schema with limits: asking for JSON object"),
        (lm_studio, 4, "it takes no JSON schema with limits: asking for plain text"),
    ],
)
def test_servers_refuse_a_schema_in_their_own_words_and_are_understood(
    behaviour: Behaviour, requests: int, note: str
) -> None:
    with LlmServer(otherwise=behaviour) as server:
        extractor = LlmExtractor(quick(server))
        assert len(extractor.extract_episode(EPISODE, passages()).candidates) == 1
        assert len(server.requests) == requests
        assert len(extractor.extract_episode(EPISODE, passages()).candidates) == 1
        assert len(server.requests) == requests + 1
        assert [told.partition(": ")[2] for told in extractor.notes] == [note]


def test_a_server_that_takes_a_schema_and_ignores_it_is_told_once() -> None:
    def ollama(request: dict[str, Any]) -> Reply:
        return insights(CACHES) if len(request["messages"]) > 2 else answer("Here is what I noticed: caches are cold.")

    with LlmServer(otherwise=ollama) as server:
        extractor = LlmExtractor(quick(server))
        for _ in range(2):
            assert len(extractor.extract_episode(EPISODE, passages()).candidates) == 1
        assert [told.partition(": ")[2] for told in extractor.notes] == [
            "it takes a JSON schema, and answers that don't keep to it"
        ]


def test_a_400_that_nothing_helps_against_fails_the_passage_and_is_not_held_against_the_server() -> None:
    with LlmServer(otherwise=error(400, "bad luck")) as server:
        extractor = LlmExtractor(quick(server))
        found = extractor.extract_episode(EPISODE, passages())
        assert "refused the request (400): " in found.failures[0]
        assert len(server.requests) == 4
        assert extractor.notes == []
