"""A loopback server and a cache for each test, and one episode for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from podbrief_assets_tests.insights.llm.episode import Memory
from podbrief_assets_tests.insights.llm_server import LlmServer


@pytest.fixture
def server() -> Iterator[LlmServer]:
    with LlmServer() as running:
        yield running


@pytest.fixture
def cache() -> Memory:
    return Memory()
