"""The audio store: each recording once, for as long as was said, for nobody else."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from podbrief_assets import net
from podbrief_assets.environment import BadSetting
from podbrief_assets.resources import RecordingStore
from podbrief_assets.transcripts.recordings import Recordings, Stored, StoreUnusable
from podbrief_assets_tests.network import Answer, Network

DAY_S = 86_400


def fetch(store: Recordings, *addresses: str, name: str = "episode.mp3") -> list[Stored]:
    async def run() -> list[Stored]:
        async with net.Client(net.Settings(allowed_private=net.parse_allowed_hosts("127.0.0.1"))) as client:
            return list(await asyncio.gather(*(store.fetch(client, address, name) for address in addresses)))

    return asyncio.run(run())


def recordings(store: Recordings) -> list[Path]:
    return sorted(path for path in store.folder.glob("*/*") if path.parent.name not in ("addresses", "fetching"))


def aged(path: Path, days: float) -> None:
    then = time.time() - days * DAY_S
    os.utime(path, (then, then))


def test_a_recording_lies_under_its_digest_and_a_name_and_is_nobody_elses(network: Network, tmp_path: Path) -> None:
    network.answers["/a.mp3"] = Answer(b"sound")
    store = Recordings(tmp_path / "cache" / "audio")
    (stored,) = fetch(store, f"{network.base}/a.mp3?token=SECRET")
    digest = hashlib.sha256(b"sound").hexdigest()
    assert (stored.path, stored.digest) == (store.folder / digest / "episode.mp3", digest)
    assert stored.path.read_bytes() == b"sound"
    assert stored.path.stat().st_mode & 0o777 == 0o600
    assert {path.stat().st_mode & 0o777 for path in (store.folder, *store.folder.rglob("*")) if path.is_dir()} == {
        0o700
    }
    assert not any("SECRET" in path.read_text() or "127.0" in path.name for path in store.folder.rglob("*.json"))
    store.release(stored)
    assert recordings(store) == []


def test_the_same_bytes_are_stored_once_wherever_they_come_from(network: Network, tmp_path: Path) -> None:
    network.answers |= {f"/{name}.mp3": Answer(b"sound") for name in "abc"}
    store = Recordings(tmp_path)
    stored = fetch(store, *(f"{network.base}/{name}.mp3" for name in "abc"))
    assert len({each.path for each in stored}) == 1 == len(recordings(store))
    for each in stored[:2]:
        store.release(each)
        assert recordings(store), "another still needs it"
    store.release(stored[2])
    assert recordings(store) == [] and list((tmp_path / "fetching").iterdir()) == []


def test_what_is_kept_is_not_fetched_again_until_it_changes(network: Network, tmp_path: Path) -> None:
    network.answers["/latest.mp3"] = Answer(b"monday")
    store = Recordings(tmp_path, keep_days=3)
    for _ in range(2):
        (stored,) = fetch(store, f"{network.base}/latest.mp3")
        store.release(stored)
    assert network.statuses() == {200: 1, 304: 1}
    # Some shows give each episode the same address.
    network.answers["/latest.mp3"] = Answer(b"tuesday")
    (stored,) = fetch(store, f"{network.base}/latest.mp3")
    assert stored.path.read_bytes() == b"tuesday" and len(recordings(store)) == 2


def test_what_was_deleted_is_fetched_again(network: Network, tmp_path: Path) -> None:
    network.answers["/a.mp3"] = Answer(b"sound")
    store = Recordings(tmp_path)
    for _ in range(2):
        (stored,) = fetch(store, f"{network.base}/a.mp3")
        store.release(stored)
    assert network.statuses() == {200: 2}
    (stored,) = fetch(store, f"{network.base}/a.mp3")

    # Deleted by another run between the question and the answer.
    def vanishing(handler: BaseHTTPRequestHandler) -> None:
        stored.path.unlink(missing_ok=True)
        network.answers["/a.mp3"] = Answer(b"sound")
        handler.send_response(304)
        handler.end_headers()

    network.answers["/a.mp3"] = vanishing
    (again,) = fetch(store, f"{network.base}/a.mp3")
    assert again.path.read_bytes() == b"sound"


def test_a_server_that_says_unchanged_unasked_is_no_recording(network: Network, tmp_path: Path) -> None:
    network.answers["/a.mp3"] = Answer(b"", status=304)
    with pytest.raises(net.UnexpectedAnswer, match="304"):
        fetch(Recordings(tmp_path), f"{network.base}/a.mp3")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("keep_days", "age", "stays"), [(0, 2.9, True), (0, 3.1, False), (7, 6.9, True), (7, 7.1, False)]
)
def test_what_is_too_old_goes_at_the_next_run(
    network: Network, tmp_path: Path, keep_days: int, age: float, stays: bool
) -> None:
    network.answers["/a.mp3"] = Answer(b"sound")
    store = Recordings(tmp_path, keep_days)
    (stored,) = fetch(store, f"{network.base}/a.mp3")
    store.leave(stored)  # as a run that was killed does
    aged(stored.path, age)
    store.sweep()
    assert (recordings(store) == [stored.path]) == stays
    assert bool(list((tmp_path / "addresses").iterdir())) == stays


def test_what_is_in_use_stays_however_old_it_is(network: Network, tmp_path: Path) -> None:
    network.answers["/a.mp3"] = Answer(b"sound")
    (stored,) = fetch(Recordings(tmp_path), f"{network.base}/a.mp3")
    aged(stored.path, 30)
    another_run = Recordings(tmp_path)
    another_run.sweep()
    assert stored.path.exists()
    (used,) = fetch(another_run, f"{network.base}/a.mp3")
    another_run.release(used)
    assert stored.path.exists()
    Recordings(tmp_path).release(stored)
    assert not stored.path.exists()


def test_first_bytes_that_nobody_went_on_with_go_too(tmp_path: Path) -> None:
    fetching = tmp_path / "fetching"
    (fetching / "abc.1234").mkdir(parents=True)
    for name in ("old.part", "old.part.json", "new.part", "abc.1234/.episode.tmp"):
        (fetching / name).write_text("{}")
    for name in ("old.part", "old.part.json", "abc.1234"):
        aged(fetching / name, 4)
    Recordings(tmp_path).sweep()
    assert [path.name for path in fetching.iterdir()] == ["new.part"]


def test_a_download_that_broke_off_goes_on_in_the_next_run(network: Network, tmp_path: Path) -> None:
    content = os.urandom(200_000)
    asked = []

    def route(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.headers["Range"])
        start = int((asked[-1] or "bytes=0-")[6:-1])
        handler.close_connection = True
        handler.send_response(206 if start else 200)
        for name, value in {
            "Content-Length": len(content) - start,
            "ETag": '"1"',
            "Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}",
        }.items():
            handler.send_header(name, str(value))
        handler.end_headers()
        handler.wfile.write(content[start:][: 100_000 if not start else breaks[0]])

    network.answers["/a.mp3"] = route
    breaks = [0]
    with pytest.raises(net.CutShort):
        fetch(Recordings(tmp_path), f"{network.base}/a.mp3")
    breaks[0] = len(content)
    asked.clear()
    (stored,) = fetch(Recordings(tmp_path), f"{network.base}/a.mp3")
    assert asked == ["bytes=100000-"]
    assert stored.path.read_bytes() == content
    assert list((tmp_path / "fetching").iterdir()) == []


def test_a_run_that_is_killed_in_the_middle_of_a_download_loses_nothing_of_it(network: Network, tmp_path: Path) -> None:
    content, killed, asked = os.urandom(400_000), threading.Event(), []

    def route(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.headers["Range"])
        start = int((asked[-1] or "bytes=0-")[6:-1])
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(content) - start))
        handler.send_header("ETag", '"1"')
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        handler.end_headers()
        handler.wfile.write(content[start:300_000])
        handler.wfile.flush()
        killed.wait(30)
        with suppress(ConnectionError):
            handler.wfile.write(content[max(start, 300_000) :])

    network.answers["/a.mp3"] = route
    program = (
        "import sys; from pathlib import Path; from podbrief_assets_tests.transcripts.test_recordings import *\n"
        "fetch(Recordings(Path(sys.argv[1])), sys.argv[2])"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path), f"{network.base}/a.mp3"])
    try:
        limit = time.monotonic() + 30
        while sum(part.stat().st_size for part in tmp_path.glob("fetching/*.part")) < 300_000:
            assert time.monotonic() < limit and process.poll() is None
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
        killed.set()
    (stored,) = fetch(Recordings(tmp_path), f"{network.base}/a.mp3")
    assert stored.path.read_bytes() == content
    assert asked == [None, "bytes=300000-"]


def test_many_runs_that_take_and_give_back_the_same_never_lose_it(network: Network, tmp_path: Path) -> None:
    network.answers |= {f"/{number}.mp3": Answer(b"sound") for number in range(4)}
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            for _ in range(15):
                store = Recordings(tmp_path)
                (stored,) = fetch(store, f"{network.base}/{number}.mp3", name=f"{number}.mp3")
                assert stored.path.read_bytes() == b"sound"
                store.release(stored)
        except BaseException as error:  # noqa: BLE001 - told below, in the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert recordings(Recordings(tmp_path)) == []


def test_a_folder_that_cannot_be_used_is_told(network: Network, tmp_path: Path) -> None:
    (tmp_path / "audio").write_text("a file")
    store = Recordings(tmp_path / "audio")
    with pytest.raises(StoreUnusable, match=r"audio.*: look at its rights"):
        store.sweep()
    with pytest.raises(StoreUnusable):
        fetch(store, f"{network.base}/a.mp3")


def test_the_days_are_a_setting(tmp_path: Path) -> None:
    def days(value: str | None) -> int:
        environ = {} if value is None else {"PODBRIEF_KEEP_AUDIO_DAYS": value}
        return RecordingStore.from_environment(environ, tmp_path).recordings.keep_days

    assert [days(value) for value in (None, "", "0", "1", "3650")] == [0, 0, 0, 1, 3650]
    for value in ("-1", "3651", "a week", "1.5", "٣"):
        with pytest.raises(BadSetting, match="PODBRIEF_KEEP_AUDIO_DAYS"):
            days(value)
