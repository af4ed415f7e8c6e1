"""A mail server on loopback for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from podbrief_assets_tests.delivery.smtp_server import Postbox, serving


@pytest.fixture
def postbox() -> Postbox:
    """What a server has taken, and how it answers."""
    return Postbox()


@pytest.fixture
def port(postbox: Postbox) -> Iterator[int]:
    """Where the server listens whose mail comes into `postbox`."""
    with serving(postbox) as port:
        yield port
