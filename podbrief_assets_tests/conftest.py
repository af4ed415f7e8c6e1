"""Fixtures that every part shares."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from podbrief_assets import database
from podbrief_assets.lake.paths import Home
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


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An operational database of its own: a file, with every table that is known."""
    opened = database.engine(f"sqlite:///{tmp_path}/podbrief.sqlite")
    database.create_all(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def network() -> Iterator[Network]:
    """A podcast network on loopback, empty."""
    with serving() as served:
        yield served


_POSTGRESQL = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@pytest.fixture(scope="session")
def postgresql_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of its own, reached through a socket in its folder."""
    pytest.importorskip("psycopg", reason="needs the extra `postgres`")
    binaries = _POSTGRESQL[-1] if _POSTGRESQL else None
    if binaries is None:
        pytest.skip("needs PostgreSQL's server: apt-get install postgresql")
    # The server refuses to run as root, as tests do in containers; `nobody` is on every Debian.
    user = ["runuser", "-u", "nobody", "--"] if os.geteuid() == 0 else []
    if user and shutil.which("runuser") is None:
        pytest.skip("PostgreSQL does not run as root, and there is no runuser to become somebody else")
    # Not below pytest's folder, which nobody else may enter, and a socket's path may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="podbrief-pg-"))
    if user:
        shutil.chown(folder, "nobody")
    data = folder / "data"

    def control(*arguments: str) -> None:
        subprocess.run([*user, *arguments], check=True, capture_output=True, cwd=folder, timeout=120)

    control(str(binaries / "initdb"), "-D", str(data), "-A", "trust", "-U", "podbrief", "-E", "UTF8", "--no-sync")
    settings = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    control(str(binaries / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log"), "-o", settings, "start")
    try:
        yield f"postgresql+psycopg://podbrief@/postgres?host={folder}"
    finally:
        control(str(binaries / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)
