"""A file is replaced in one step, with the rights that it had, and changed by one process at a time."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from podbrief_assets.lake.files import FileLocked, locked, write_bytes


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "list.opml"


def test_a_file_that_may_hold_secrets_keeps_its_rights(path: Path) -> None:
    write_bytes(path, b"1", new_mode=0o600)
    assert mode(path) == 0o600
    for said in (0o666, 0o640, 0o400):  # also what the umask would take away
        path.chmod(said)
        write_bytes(path, b"2", new_mode=0o600)
        assert (mode(path), path.read_bytes()) == (said, b"2")
    assert [*path.parent.iterdir()] == [path]


@pytest.mark.skipif(os.geteuid() != 0, reason="nobody but root may give a file away")
def test_root_leaves_a_file_to_its_owner(path: Path) -> None:
    write_bytes(path, b"1", new_mode=0o600)
    os.chown(path, 12345, 23456)
    write_bytes(path, b"2", new_mode=0o600)
    there = path.stat()
    assert (there.st_uid, there.st_gid, mode(path)) == (12345, 23456, 0o600)


def test_other_files_have_what_the_process_gives(path: Path) -> None:
    write_bytes(path, b"1")
    before = mode(path)
    path.chmod(0o600)
    write_bytes(path, b"2")
    assert mode(path) == before


def test_changes_wait_for_one_another(path: Path) -> None:
    write_bytes(path, b"0")

    def count() -> None:
        for _ in range(25):
            with locked(path):
                write_bytes(path, str(int(path.read_bytes()) + 1).encode())

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() == b"100"


def test_a_lock_that_is_never_given_back_is_told_and_one_whose_process_died_is_free(path: Path) -> None:
    hold = f"from pathlib import Path; from podbrief_assets.lake.files import locked\nwith locked(Path({str(path)!r})): print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with (
            pytest.raises(FileLocked, match=r"list\.opml is being changed by another process: try again"),
            locked(path, 0.1),
        ):
            pass
        other.kill()
    with locked(path, 1):
        pass
