"""A PostgreSQL server of the tests' own."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from podbrief_assets import database, migrations

_TEMPLATE = "podbrief_template"


@dataclass
class Server:
    """A server that is listening on a socket in its own folder.

    Attributes:
        folder: Where the socket lies.
    """

    folder: Path

    def __post_init__(self) -> None:
        self._numbers = itertools.count()

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}"

    def empty(self) -> str:
        """The address of a new database without a table."""
        return self._created("template1")

    def upgraded(self) -> str:
        """The address of a new database with every table."""
        if not hasattr(self, "_template"):
            self._template = self._created("template1", _TEMPLATE)
            opened = database.engine(self._template)
            migrations.upgrade(opened)
            opened.dispose()
        return self._created(_TEMPLATE)

    def _created(self, template: str, name: str | None = None) -> str:
        name = name or f"test_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def drop(self, url: str) -> None:
        self._execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        opened = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with opened.connect() as connection:
            connection.execute(text(statement))
        opened.dispose()


@contextmanager
def serving() -> Iterator[Server]:
    """Start a server in a folder of its own; skips with a reason where that is not possible.

    Its own time zone is one that nobody lives by, to tell a moment that lost its zone from one that kept it.
    """
    pytest.importorskip("psycopg", reason="PostgreSQL's driver is not installed (the extra postgres)")
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian's package postgresql)")
    user = _other_user()
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        who = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        data = folder / "data"
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"],
            check=True,
            capture_output=True,
            cwd=folder,
            **who,
        )
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(folder),
            "fsync": "off",
            "timezone": "Asia/Kathmandu",
        }
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    programs / "postgres",
                    "-D",
                    data,
                    *(part for item in settings.items() for part in ("-c", "=".join(item))),
                ],
                stdout=log,
                stderr=log,
                cwd=folder,
                **who,
            )
        try:
            server = Server(folder)
            _wait(server, process, folder / "log")
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # ends open sessions as well
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _programs() -> Path | None:
    on_path = shutil.which("initdb")
    if on_path and (Path(on_path).parent / "postgres").exists():
        return Path(on_path).parent
    # Where Debian and its kin keep them, off the path.
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def _other_user() -> pwd.struct_passwd | None:
    """Whom the server runs as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    pytest.skip("PostgreSQL refuses to run as root, and there is no other user")


def _wait(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    limit = time.monotonic() + 30
    while True:
        try:
            server._execute("SELECT 1")
            return
        except OperationalError:
            if process.poll() is not None or time.monotonic() > limit:
                raise AssertionError(log.read_text(errors="replace")) from None
            time.sleep(0.05)
