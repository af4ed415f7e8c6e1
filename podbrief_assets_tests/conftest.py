"""Fixtures that every part shares."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from podbrief_assets import database, migrations
from podbrief_assets.lake.paths import Home
from podbrief_assets_tests import postgres as postgres_server
from podbrief_assets_tests.network import Network, serving

# The suite runs in one process for each core. With a thread for each core in each of them, torch's threads wait for one
# another most of the time: hearing three minutes took three minutes instead of ten seconds.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Real feeds, transcripts and labels; they lie beside the repository and are never part of it."""
    path = SHARED / "corpus"
    if not path.is_dir():
        pytest.skip("the corpus is not beside this repository (expected at ../shared/corpus)")
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An installation of its own: nothing of this machine's settings, keys or state reaches the test."""
    for name in list(os.environ):
        if name.startswith(("PODBRIEF_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setenv("PODBRIEF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PODBRIEF_ALLOW_PRIVATE_HOSTS", "127.0.0.1")
    return Home.from_environment()


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgres_server.Server]:
    """A PostgreSQL server of this process's own; what needs it is skipped with a reason where there is none."""
    with postgres_server.serving() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without a table: an SQLite file, and one of PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/podbrief.sqlite"
        return
    server = request.getfixturevalue("postgres")
    url = server.empty()
    yield url
    server.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an operational database of its own, with every table: an SQLite file, and one of PostgreSQL."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/podbrief.sqlite"
        opened = database.engine(url)
        migrations.upgrade(opened)
        opened.dispose()
        yield url
        return
    server = request.getfixturevalue("postgres")
    url = server.upgraded()
    yield url
    server.drop(url)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An operational database of its own, with every table: an SQLite file, and one of PostgreSQL."""
    opened = database.engine(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def network() -> Iterator[Network]:
    """A podcast network on loopback, empty."""
    with serving() as served:
        yield served
