"""Words from wherever they can be had: each recording heard once, each failure told, nothing else harmed."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import json
import re
import threading
import time
import wave
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import av
import numpy as np
import polars as pl
import pytest
import zstandard

from podbrief_assets import models, net
from podbrief_assets.ctranslate2 import DamagedWeights
from podbrief_assets.errors import PodbriefError
from podbrief_assets.lake.cache import Cache
from podbrief_assets.lake.contract import settle
from podbrief_assets.lake.paths import Home
from podbrief_assets.lake.tables import TABLES
from podbrief_assets.transcripts import Segment, acquire, audio
from podbrief_assets.transcripts.recordings import Recordings
from podbrief_assets.transcripts.speech import Dropped, OutOfMemory, Recording, SpeechRecognizer, Transcription
from podbrief_assets_tests.network import Answer, Network, srt, vtt, words

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"
RECORDING = SAMPLE / "audio" / "tomatoes-never-sleep-cold.opus"


class Counting(SpeechRecognizer):
    """The real recogniser, which also counts what it was given."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.heard: list[str] = []

    def recognise(self, recordings: Iterable[Recording]) -> Iterator[tuple[Recording, Transcription | PodbriefError]]:
        def counted() -> Iterator[Recording]:
            for recording in recordings:
                self.heard.append(recording.path.name)
                yield recording

        return super().recognise(counted())


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory: pytest.TempPathFactory) -> Counting:
    return Counting()


def episode(network: Network, name: str, **changes: Any) -> dict[str, Any]:
    return {
        "episode_id": name,
        "show_id": "s",
        "show_title": "Show",
        "title": name,
        "description": None,
        "digest": "d1",
        "language": "en",
        "duration_s": None,
        "audio_url": f"{network.base}/{name}.opus",
        "audio_bytes": None,
        "transcripts": [],
        "private": False,
        "duplicate_of": None,
        "published_at": NOW - dt.timedelta(days=1),
        "date": (NOW - dt.timedelta(days=1)).date(),
        **changes,
    }


def acquired(
    episodes: Sequence[dict[str, Any]],
    cache: Cache,
    recognizer: SpeechRecognizer,
    now: dt.datetime = NOW,
    seals: Mapping[str, str] | None = None,
) -> tuple[list[dict[str, Any]], Counter[str]]:
    heard, outcomes = listened(episodes, cache, recognizer, now, seals)
    return heard.rows, outcomes


def listened(
    episodes: Sequence[dict[str, Any]],
    cache: Cache,
    recognizer: SpeechRecognizer,
    now: dt.datetime = NOW,
    seals: Mapping[str, str] | None = None,
    keep_days: int = 0,
) -> tuple[acquire.Heard, Counter[str]]:
    outcomes: Counter[str] = Counter()

    def client() -> net.Client:
        return net.Client(replace(net.Settings.from_environment(), backoff_s=0.01))

    def done(outcome: str) -> None:
        outcomes[outcome] += 1

    def opened(addresses: Collection[str]) -> dict[str, str]:
        return {address: seals[address] for address in addresses if seals and address in seals}

    rows = asyncio.run(acquire.published(episodes, client, opened, cache.section("transcripts"), now, done))
    store = Recordings(Path(str(cache.root)) / "audio", keep_days)
    heard = acquire.heard(episodes, rows, client, opened, cache, store, recognizer, now, done)
    table = TABLES["transcripts"]
    settled = settle(table, pl.DataFrame(heard.rows, schema=table.polars_schema))
    assert settled.counts == {}, "every row keeps the contract"
    assert not [each.name for each in threading.enumerate() if each.name.startswith("fetching")]
    return heard, outcomes


def of_audio(outcomes: Counter[str]) -> dict[str, int]:
    """The outcomes that are of hearing."""
    return {what: outcomes[what] for what in ("recognised", "known", "failed") if outcomes[what]}


def on_disk(cache: Cache) -> list[Path]:
    """What lies in the audio store."""
    folder = Path(str(cache.root)) / "audio"
    return [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "addresses"]


def test_a_recording_is_heard_once_wherever_it_lies(
    home: Home, network: Network, recognizer: Counting, tmp_path: Path
) -> None:
    sound = RECORDING.read_bytes()
    network.answers |= {f"/{name}.opus": Answer(sound, "audio/ogg") for name in ("tomatoes", "moved")}
    network.answers["/t.vtt"] = Answer(vtt("chips"), "text/vtt")
    link = {"url": f"{network.base}/t.vtt", "type": "text/vtt", "language": "en", "rel": None}
    typed = episode(network, "typed", transcripts=[link])
    cache = Cache(tmp_path)
    recognizer.heard.clear()

    rows, outcomes = acquired([episode(network, "tomatoes"), typed], cache, recognizer)
    assert [row["origin"] for row in rows] == ["recognised", "publisher"]
    assert outcomes["recognised"] == 1 and len(recognizer.heard) == 1
    assert rows[0]["model"] == "openai/whisper-tiny.en"
    assert rows[0]["timed"] and 150 < rows[0]["duration_s"] < 180
    assert all(segment["speaker"] is None for segment in rows[0]["segments"]), "a speaker is never guessed"
    said = " ".join(segment["text"] for segment in rows[0]["segments"])
    assert "tomatoes" in said and rows[0]["words"] > 300
    assert "/typed.opus" not in network.hits(), "the publisher's words serve"

    network.forget()
    again, outcomes = acquired([episode(network, "tomatoes"), typed], cache, recognizer)
    assert again == rows
    assert not network.log and len(recognizer.heard) == 1, "neither fetched nor heard again"

    # Another day of the same show: its item changed and its address too, and the sound is the same.
    elsewhere, _ = acquired([episode(network, "moved", digest="d2")], cache, recognizer)
    assert elsewhere[0]["segments"] == rows[0]["segments"]
    assert network.hits()["/moved.opus"] == 1 and len(recognizer.heard) == 1


def test_what_is_no_speech_is_told_and_takes_nothing_with_it(
    home: Home, network: Network, recognizer: Counting, tmp_path: Path
) -> None:
    network.answers |= {
        "/page.opus": Answer(b"<!doctype html><html><body>Sign in to listen</body></html>", "audio/ogg"),
        "/empty.opus": Answer(b"", "audio/ogg"),
        "/down.opus": Answer(b"", status=503, headers={"Retry-After": "0"}),
    }
    names = ["page", "empty", "missing", "down"]
    episodes = [episode(network, name) for name in names] + [episode(network, "silent", audio_url=None)]
    rows, outcomes = acquired(episodes, Cache(tmp_path), recognizer)
    assert {row["origin"] for row in rows} == {"none"}
    assert outcomes["failed"] == 4
    told = dict(zip([*names, "silent"], (row["error"] for row in rows), strict=True))
    assert "page" in told["page"]
    assert "404" in told["missing"]
    assert "503" in told["down"]
    assert told["silent"] == "the feed offers no transcript of this episode: ask the publisher for one"
    for name in names:
        assert told[name].startswith("the feed offers no transcript of this episode: "), "both reasons are told"

    network.forget()
    acquired(episodes, Cache(tmp_path), recognizer, now=NOW + dt.timedelta(days=30))
    asked = network.hits()
    assert asked["/down.opus"] >= 1, "a passing fault is tried again, however old the episode"
    assert not asked["/missing.opus"] and not asked["/page.opus"], "what is not coming is not"


def test_a_language_that_the_model_cannot_hear_is_refused_and_not_guessed(
    home: Home, network: Network, recognizer: Counting, tmp_path: Path
) -> None:
    network.answers["/german.opus"] = Answer(RECORDING.read_bytes(), "audio/ogg")
    rows, _ = acquired([episode(network, "german", language="de-at")], Cache(tmp_path), recognizer)
    assert rows[0]["origin"] == "none"
    assert "English only" in rows[0]["error"] and "PODBRIEF_ASR_MODEL" in rows[0]["error"]


def test_a_missing_model_is_one_reason_for_all_and_keeps_nothing(
    home: Home, network: Network, recognizer: Counting, tmp_path: Path
) -> None:
    network.answers |= {f"/{name}.opus": Answer(RECORDING.read_bytes(), "audio/ogg") for name in ("a", "b")}
    episodes = [episode(network, "a"), episode(network, "b", digest="d2")]
    rows, _ = acquired(episodes, Cache(tmp_path), SpeechRecognizer(model="/no/such/folder"))
    assert all("/no/such/folder" in row["error"] for row in rows)
    rows, _ = acquired(episodes[:1], Cache(tmp_path), recognizer)
    assert rows[0]["origin"] == "recognised", "the next run, with a model, hears it"


class _Hindered(SpeechRecognizer):
    """Fails as a model does that can't be loaded, or as one whose memory is used up in the middle."""

    def __init__(self, error: PodbriefError, after: int = 0) -> None:
        super().__init__()
        self._error, self._after = error, after

    def recognise(self, recordings: Iterable[Recording]) -> Iterator[tuple[Recording, Transcription | PodbriefError]]:
        if not self._after:
            raise self._error
        for number, recording in enumerate(recordings):
            said = (Segment(start_s=0.0, end_s=1.0, text="Quite a few words."),)
            yield recording, self._error if number >= self._after else Transcription(said, 1.0, "en", retried=3)


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize(
    "error",
    [
        OutOfMemory("tiny and one window do not fit the device's memory (CUDA out of memory)", "free the device"),
        models.NotKept("it can't be written", "look at the disk's free space"),
        DamagedWeights(Path("model.bin"), "it ends early"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_no_recordings_fault_is_told_once_and_harms_only_what_was_not_heard(
    home: Home, network: Network, tmp_path: Path, error: PodbriefError, after: int
) -> None:
    names = ["a", "b", "c"]
    network.answers |= {f"/{name}.opus": Answer(tone(1, 400 + n)) for n, name in enumerate(names)}
    episodes = [episode(network, name) for name in names]
    cache = Cache(tmp_path)
    heard, outcomes = listened(episodes, cache, _Hindered(error, after))
    assert heard.hindrance is error
    assert len(heard.hindered) == 3 - after and all(heard.rows[number]["error"] for number in heard.hindered)
    assert outcomes["recognised"] == after and outcomes["failed"] == 3 - after
    assert all(str(error) in heard.rows[number]["error"] for number in heard.hindered)

    again = Scripted()
    heard, _ = listened(episodes, cache, again)
    assert len(again.heard) == 3 - after, "nothing of the failure is kept, and what was heard is"
    assert heard.hindrance is None and not heard.hindered
    assert heard.retried == 3 * after, "what is known tells how often it was heard again"


def test_what_was_kept_before_windows_were_counted_is_still_known(home: Home, network: Network, tmp_path: Path) -> None:
    network.answers["/a.opus"] = Answer(tone(1))
    cache, episodes = Cache(tmp_path), [episode(network, "a")]
    (before,), _ = acquired(episodes, cache, Scripted())
    for place in (tmp_path / "speech").rglob("*.zst"):
        stored = cache.section("speech").get_json(place.stem)
        assert stored.pop("retried") == 0
        cache.section("speech").put_json(place.stem, stored)
    again = Scripted()
    heard, _ = listened(episodes, cache, again)
    assert heard.rows == [before] and heard.retried == 0 and not again.heard


def test_an_episode_that_repeats_another_is_not_fetched_and_keeps_the_words_that_are_known(
    home: Home, network: Network, recognizer: Counting, tmp_path: Path
) -> None:
    network.answers |= {"/t.vtt": Answer(vtt("chips"), "text/vtt"), "/b.opus": Answer(RECORDING.read_bytes())}
    link = {"url": f"{network.base}/t.vtt", "type": "text/vtt", "language": "en", "rel": None}
    known, new = episode(network, "a", transcripts=[link]), episode(network, "b", transcripts=[link])
    cache = Cache(tmp_path)
    (before,), _ = acquired([known], cache, recognizer)
    network.forget()
    repeats = {"duplicate_of": "c"}
    rows, outcomes = acquired([known | repeats, new | repeats], cache, recognizer)
    assert not network.log, "nothing is spent on it"
    assert rows[0] == before
    assert (rows[1]["origin"], rows[1]["error"]) == ("none", "it repeats episode c, which is read instead")
    assert dict(outcomes) == {"cached": 1, "repeat": 1}
    rows, _ = acquired([known, new], cache, recognizer)
    assert [row["origin"] for row in rows] == ["publisher", "publisher"], "it is read once it stands for itself"


def test_a_private_shows_addresses_are_opened_only_to_be_asked_and_kept_nowhere(
    home: Home, network: Network, recognizer: Counting, tmp_path: Path
) -> None:
    token = "k3yT0ken77ab12cd"
    seals = {
        f"https://{name * 32}.sealed.invalid/": f"{network.base}/{token}/{name}?auth={token}" for name in "abcde"
    }  # the words, a page, a missing recording, a page as a recording, a recording
    words, page, missing, no_sound, recording = seals
    network.answers |= {
        f"/{token}/a": Answer(vtt("chips"), "text/vtt"),
        f"/{token}/b": Answer(b"<!doctype html><html><body>Sign in</body></html>", "text/html"),
        f"/{token}/d": Answer(b"<!doctype html><html><body>Sign in</body></html>", "text/html"),
        f"/{token}/e": Answer(RECORDING.read_bytes(), "audio/ogg"),
    }

    def offered(url: str) -> dict[str, Any]:
        return {"transcripts": [{"url": url, "type": "text/vtt", "language": "en", "rel": None}], "private": True}

    lost = f"https://{'f' * 32}.sealed.invalid/"
    episodes = [
        episode(network, "told", audio_url=None, **offered(words)),
        episode(network, "page", audio_url=missing, **offered(page)),
        episode(network, "sound", audio_url=no_sound, private=True),
        episode(network, "heard", audio_url=recording, private=True),
        episode(network, "lost", audio_url=lost, **offered(lost)),
    ]
    rows, _ = acquired(episodes, Cache(tmp_path), recognizer, seals=seals)
    assert [row["origin"] for row in rows] == ["publisher", "none", "none", "recognised", "none"]
    assert rows[0]["source_url"] == words
    assert "404" in rows[1]["error"] and network.base in rows[1]["error"], "what is wrong is told all the same"
    assert "does not know what the private show's address stands for" in rows[4]["error"]
    assert token not in str(rows)
    kept = [path.read_bytes() for path in tmp_path.rglob("*.zst")]
    assert kept and not any(token.encode() in zstandard.ZstdDecompressor().decompress(one) for one in kept)


# ── fetching while others are heard ──────────────────────────────────────────────────────────────────────────────────


class Scripted(SpeechRecognizer):
    """Decodes what it is given, and hears what it is told to; `before` is called with each recording's name."""

    def __init__(
        self, text: str = "Quite a few words.", dropped: int = 0, before: Callable[[str], object] = lambda name: None
    ) -> None:
        super().__init__()
        self._said, self._dropped, self._before = text, dropped, before
        self.heard: list[str] = []

    def recognise(self, recordings: Iterable[Recording]) -> Iterator[tuple[Recording, Transcription | PodbriefError]]:
        for recording in recordings:
            self._before(recording.path.name)
            self.heard.append(recording.path.name)
            try:
                length_s = sum(map(len, audio.blocks(recording.path))) / audio.RATE
            except PodbriefError as error:
                yield recording, error
                continue
            dropped = tuple(Dropped(number, number + 1.0, "improbable") for number in range(self._dropped))
            said = (Segment(start_s=0.0, end_s=min(length_s, 1.0), text=self._said),) if self._said else ()
            yield recording, Transcription(said, length_s, "en", dropped)


def tone(seconds: float, pitch: int = 440) -> bytes:
    """A WAV file; another pitch is another recording."""
    path = io.BytesIO()
    samples = 8000 * np.sin(2 * np.pi * pitch * np.arange(int(seconds * 8000)) / 8000)
    with wave.open(path, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(samples.astype("<i2").tobytes())
    return path.getvalue()


def until(holds: Callable[[], object], what: str) -> None:
    limit = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < limit, what
        time.sleep(0.01)


def test_the_next_are_fetched_while_one_is_heard_but_never_more_than_a_handful(
    home: Home, network: Network, tmp_path: Path
) -> None:
    names = [f"e{number}" for number in range(9)]
    network.answers |= {f"/{name}.opus": Answer(tone(1, 400 + n)) for n, name in enumerate(names)}
    cache = Cache(tmp_path)
    most = []

    def before(name: str) -> None:
        # While this one is heard, four more come, if there are so many, and no fifth.
        come = min(len(names), len(recogniser.heard) + 1 + 4)
        there = come - len(recogniser.heard)
        until(lambda: len([path for path in on_disk(cache) if path.suffix == ".opus"]) == there, "they come")
        time.sleep(0.05)
        assert len(network.hits()) == come
        most.append(len(on_disk(cache)))

    recogniser = Scripted(before=before)
    rows, outcomes = acquired([episode(network, name) for name in names], cache, recogniser)
    assert [row["origin"] for row in rows] == ["recognised"] * 9 and of_audio(outcomes) == {"recognised": 9}
    assert most == [5, 5, 5, 5, 5, 4, 3, 2, 1]
    assert on_disk(cache) == [], "deleted once their words were kept"


@pytest.mark.parametrize("at_once", [1, 3])
def test_episodes_with_the_same_recording_are_heard_once_even_in_one_batch(
    home: Home, network: Network, tmp_path: Path, at_once: int
) -> None:
    class Batching(Scripted):
        def recognise(self, recordings: Iterable[Recording]) -> Iterator[Any]:
            return super().recognise(recordings if at_once == 1 else list(recordings))

    names = ["a", "b", "c"]
    network.answers |= {f"/{name}.opus": Answer(tone(1)) for name in names}
    cache, recogniser = Cache(tmp_path), Batching()
    rows, outcomes = acquired([episode(network, name) for name in names], cache, recogniser)
    assert [row["origin"] for row in rows] == ["recognised"] * 3
    assert len(recogniser.heard) == 1 and outcomes["recognised"] == at_once and outcomes["known"] == 3 - at_once
    assert on_disk(cache) == []


def test_each_is_kept_as_soon_as_it_was_heard_and_a_run_that_ends_early_leaves_nothing_behind(
    home: Home, network: Network, tmp_path: Path
) -> None:
    released = threading.Event()

    def hangs(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.send_header("ETag", '"1"')
        handler.end_headers()
        handler.wfile.write(bytes(1000))
        handler.wfile.flush()
        released.wait(20)

    names = ["a", "b", "c"]
    network.answers |= {f"/{name}.opus": Answer(tone(1, 400 + n)) for n, name in enumerate(names)}
    network.answers |= {"/hangs.opus": hangs, "/hangs2.opus": hangs}
    cache = Cache(tmp_path)
    episodes = [episode(network, name) for name in [*names, "hangs", "hangs2"]]

    def stop(name: str) -> None:
        if recogniser.heard:
            until(lambda: network.hits()["/hangs2.opus"], "all are on their way")
            raise KeyboardInterrupt

    recogniser = Scripted(before=stop)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        acquired(episodes, cache, recogniser)
    assert time.monotonic() - started < 10, "it waits for nobody"
    released.set()
    assert not [each.name for each in threading.enumerate() if each.name.startswith("fetching")]
    # Two were fetched and not heard, two had begun: the next run goes on with them. Nothing else is left.
    left = sorted(path.name.partition(".")[2] for path in on_disk(cache))
    assert left == ["opus", "opus", "part", "part", "part.json", "part.json"]
    assert all(path.is_file() for path in (tmp_path / "audio/fetching").iterdir())

    network.forget()
    again = Scripted()
    rows, outcomes = acquired(episodes[:3], cache, again)
    assert [row["origin"] for row in rows] == ["recognised"] * 3
    assert len(again.heard) == 2, "the one that was heard is known"
    assert set(network.statuses()) == {304} and of_audio(outcomes) == {"known": 1, "recognised": 2}, (
        "nothing is fetched twice"
    )


def test_what_goes_wrong_in_the_background_is_not_swallowed(home: Home, network: Network, tmp_path: Path) -> None:
    def opened(addresses: Collection[str]) -> dict[str, str]:
        raise ZeroDivisionError("a mistake of ours")

    sealed = episode(network, "a", audio_url=f"https://{'a' * 32}.sealed.invalid/", private=True)
    rows = [{"origin": "none", "error": "none offered", "duration_s": None}]
    store, cache = Recordings(tmp_path / "audio"), Cache(tmp_path)
    with pytest.raises(ExceptionGroup) as failure:
        acquire.heard([sealed], rows, net.Client, opened, cache, store, Scripted(), NOW, lambda what: None)
    assert failure.group_contains(ZeroDivisionError)
    assert not [each.name for each in threading.enumerate() if each.name.startswith("fetching")]


def test_how_much_was_heard_and_not_believed_is_told_and_kept(home: Home, network: Network, tmp_path: Path) -> None:
    network.answers |= {"/a.opus": Answer(tone(3)), "/b.opus": Answer(tone(2, 500))}
    cache, episodes = Cache(tmp_path), [episode(network, "a"), episode(network, "b")]
    first, _ = listened(episodes, cache, Scripted(dropped=2))
    assert (first.recognised_s, first.dropped) == (pytest.approx(5), 4)
    again, _ = listened(episodes, cache, Scripted())
    assert (again.recognised_s, again.dropped) == (0, 4), "it took no listening, and is as little believed"


def test_what_older_versions_kept_is_still_read(home: Home, network: Network, tmp_path: Path) -> None:
    network.answers["/a.opus"] = Answer(tone(1))
    cache = Cache(tmp_path)
    rows, _ = acquired([episode(network, "a")], cache, Scripted(dropped=1))
    (kept,) = (tmp_path / "speech").rglob("*.zst")
    hearing = cache.section("speech").get_json(kept.stem)
    assert hearing["dropped"] == [{"start_s": 0, "end_s": 1.0, "why": "improbable"}]
    del hearing["dropped"], hearing["faulty"], hearing["size"]
    cache.section("speech").put_json(kept.stem, hearing)
    again, _ = listened([episode(network, "a")], cache, Scripted())
    assert (again.rows, again.dropped) == (rows, 0)


def test_audio_that_is_kept_is_not_fetched_for_another_model(home: Home, network: Network, tmp_path: Path) -> None:
    network.answers["/a.opus"] = Answer(tone(1))
    cache = Cache(tmp_path)
    listened([episode(network, "a")], cache, Scripted(), keep_days=2)
    assert len(on_disk(cache)) == 1
    network.forget()
    another = Scripted("Other words.")
    another.model = "another"
    heard, _ = listened([episode(network, "a")], cache, another, keep_days=2)
    assert heard.rows[0]["segments"][0]["text"] == "Other words."
    assert not network.log


def test_a_folder_that_cannot_be_used_is_one_reason_for_all(home: Home, network: Network, tmp_path: Path) -> None:
    network.answers |= {f"/{name}.opus": Answer(tone(1)) for name in "ab"}
    (tmp_path / "audio").write_text("a file in its place")
    rows, outcomes = acquired([episode(network, "a"), episode(network, "b")], Cache(tmp_path), Scripted())
    assert of_audio(outcomes) == {"failed": 2}
    assert all("the folder for audio can't be used" in row["error"] for row in rows)


# ── every fault of an enclosure ──────────────────────────────────────────────────────────────────────────────────────


def _short_of_its_length(handler: BaseHTTPRequestHandler) -> None:
    sound = tone(5)
    handler.close_connection = True
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(sound)))
    handler.end_headers()
    handler.wfile.write(sound[: len(sound) // 2])


def _another_each_time(handler: BaseHTTPRequestHandler) -> None:
    """A host that stitches advertising in anew for each request, and breaks off."""
    version = time.monotonic_ns()
    sound, start = tone(5), int((handler.headers["Range"] or "bytes=0-")[6:-1])
    handler.close_connection = True
    handler.send_response(206 if start else 200)
    handler.send_header("Content-Length", str(len(sound) - start))
    handler.send_header("ETag", f'"{version}"')
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{len(sound) - 1}/{len(sound)}")
    handler.end_headers()
    handler.wfile.write(sound[start : start + 20_000])


def _trickle(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    with suppress(ConnectionError):
        for _ in range(100):
            handler.wfile.write(b"0")
            time.sleep(0.05)


PAGE = b"<!doctype html><html><body>" + b"<p>Sign in to listen.</p>" * 100 + b"</body></html>"
HALF = RECORDING.read_bytes()[: RECORDING.stat().st_size // 2]
Fault = tuple[Answer | Callable[[BaseHTTPRequestHandler], None], dict[str, Any], str, bool]
# What the enclosure answers, what its item says, what the row has to say, and whether another run may find it mended
# however old it is.
FAULTS: dict[str, Fault] = {
    "a page": (Answer(PAGE, "audio/mpeg"), {}, r"is no audio .*: look at what the enclosure serves", False),
    "empty": (Answer(b"", "audio/mpeg"), {}, "is empty: look at the enclosure's address", False),
    "cut on the way": (_short_of_its_length, {}, "broke off after 40022 bytes .*: it is asked again", True),
    "cut at the publisher's": (
        Answer(HALF, "audio/ogg"),
        {},
        r"ends inside a page after 8\d s: the publisher's file was cut short; it is worth asking for again",
        False,
    ),
    "music": (Answer(tone(180)), {}, "no speech was heard in 3 minutes of audio: listen to it", False),
    "another language": (Answer(tone(1)), {"language": "tlh"}, "English only and this is tlh: .*ASR_MODEL", False),
    "far shorter than its feed says": (
        Answer(tone(20)),
        {"duration_s": 3600.0},
        "plays for 20 s and the feed says 3,600: it is cut short, another file or a preview; listen to it",
        False,
    ),
    "half of what its feed says, in bytes and in seconds": (
        Answer(tone(150)),
        {"duration_s": 300.0, "audio_bytes": 300 * 16_000},
        "plays for 150 s and the feed says 300: it is cut short",
        False,
    ),
    "403": (Answer(b"", status=403), {}, r"refuses to be read \(403\): check its token", False),
    "429": (Answer(b"", status=429, headers={"Retry-After": "7200"}), {}, "answered 429: it is asked again", True),
    "503": (Answer(b"", status=503), {}, "answered 503: it is asked again", True),
    "a private address": (
        Answer(b"", status=302, headers={"Location": "http://192.168.0.1/a.mp3"}),
        {},
        "leads to 192.168.0.1, which is private: if this host is yours",
        False,
    ),
    "another at each try": (_another_each_time, {}, "changed while it was fetched .*: it is asked again", True),
    "a trickle": (_trickle, {}, "took longer than 1 s: it is asked again", True),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_of_an_enclosure_has_a_reason_a_remedy_and_a_bounded_time(
    home: Home, network: Network, recognizer: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(audio, "FETCH_TIMEOUT_S", 1.0)
    answer, item, told, passing = FAULTS[fault]
    network.answers |= {"/faulty.opus": answer, "/sound.opus": Answer(tone(2, 600))}
    listener = {"music": Scripted(text=""), "another language": recognizer}.get(fault) or Scripted()
    cache = Cache(tmp_path)
    faulty, sound = episode(network, "faulty", **item), episode(network, "sound", language=item.get("language", "en"))
    started = time.monotonic()
    rows, outcomes = acquired([faulty, sound], cache, listener)
    assert time.monotonic() - started < 15
    assert (rows[0]["origin"], rows[0]["words"]) == ("none", 0)
    assert re.search(told, rows[0]["error"]), rows[0]["error"]
    if listener.__class__ is Scripted and fault != "music":
        assert rows[1]["origin"] == "recognised", "it takes no other with it"
    assert sum(of_audio(outcomes).values()) == 2
    assert on_disk(cache) == [], "nothing of it stays"

    network.forget()
    later, _ = acquired([faulty], cache, listener, now=NOW + dt.timedelta(days=30))
    assert (network.hits()["/faulty.opus"] > 0) == passing
    assert later[0]["error"] and later[0]["duration_s"] == rows[0]["duration_s"]


def test_three_hours_of_silence_cost_seconds(
    home: Home, network: Network, recognizer: Counting, tmp_path: Path
) -> None:
    encoded = io.BytesIO()
    with av.open(encoded, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=8000, layout="mono")
        for _ in range(3 * 3600):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
            frame.sample_rate = 8000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    network.answers["/silent.opus"] = Answer(encoded.getvalue(), "audio/flac")
    started = time.monotonic()
    rows, _ = acquired([episode(network, "silent", duration_s=10_800.0)], Cache(tmp_path), recognizer)
    assert "no speech was heard in 180 minutes of audio: listen to it" in rows[0]["error"]
    assert rows[0]["duration_s"] == 10_800
    assert time.monotonic() - started < 60


@pytest.mark.parametrize(
    ("plays_s", "stated_s", "stated_bytes"),
    [
        *((20, stated_s, None) for stated_s in (None, 12.0, 20.0, 95.0, 125.0, 20_000_000.0)),
        (150, 300.0, None),
        (150, 300.0, 150 * 16_000),  # the same file, and a feed that is wrong about its length
        (150, 160.0, 10_000_000),  # encoded anew
        (150, 300.0, 1),  # what feeds state that know nothing of it
    ],
)
def test_a_length_that_differs_as_lengths_do_costs_no_words(
    home: Home, network: Network, tmp_path: Path, plays_s: int, stated_s: float | None, stated_bytes: int | None
) -> None:
    network.answers["/a.opus"] = Answer(tone(plays_s))
    stated = {"duration_s": stated_s, "audio_bytes": stated_bytes}
    rows, _ = acquired([episode(network, "a", **stated)], Cache(tmp_path), Scripted())
    assert (rows[0]["origin"], rows[0]["duration_s"]) == ("recognised", plays_s)


@pytest.mark.parametrize("broken", [PAGE, HALF, tone(2)], ids=["a page", "half of it", "a notice"])
def test_a_broken_upload_is_asked_for_again_while_its_publisher_may_mend_it(
    home: Home, network: Network, tmp_path: Path, broken: bytes
) -> None:
    network.answers["/a.opus"] = Answer(broken, "audio/ogg")
    cache, stated = Cache(tmp_path), {"duration_s": 170.0}
    (before,), _ = acquired([episode(network, "a", **stated)], cache, Scripted())
    assert before["error"]
    network.answers["/a.opus"] = Answer(RECORDING.read_bytes(), "audio/ogg")
    (after,), _ = acquired([episode(network, "a", **stated)], cache, Scripted())
    assert (after["origin"], after["error"]) == ("recognised", None)


# --- several files, and those that are refused ---

GERMAN = (
    "Als die Fähre nicht mehr fuhr, musste die Insel entscheiden, wozu ihre Schule da war. Es gab noch elf Kinder, und die "
    "nächste Schule lag zwei Stunden mit dem Boot entfernt. Also fragten die Eltern die Bäckerin, ob sie unterrichten würde."
)
DURATION_S = 120.0


def offer(network: Network, path: str, answer: Answer | None, media_type: str, language: str | None = None) -> Any:
    """A link to a file that the network serves; without an answer it is a 404."""
    if answer:
        network.answers[path] = answer
    return {"url": f"{network.base}{path}", "type": media_type, "language": language, "rel": None}


def german_vtt() -> Answer:
    return Answer(f"WEBVTT\n\n00:00.000 --> 01:50.000\n{GERMAN} {GERMAN}\n".encode(), "text/vtt")


def page(claim: str, speaker: str) -> Answer:
    turns = "".join(
        f"<cite>{speaker}:</cite><time>{30 * n // 60}:{30 * n % 60:02}</time><p>{text}</p>"
        for n, text in enumerate(words(claim))
    )
    return Answer(turns.encode(), "text/html")


def plain(claim: str, speaker: str) -> Answer:
    return Answer("\n\n".join(f"{speaker}: {text}" for text in words(claim)).encode(), "text/plain")


def namespace_json(claim: str, **extra: str) -> Answer:
    rows = [{"startTime": 30 * n, "endTime": 30 * n + 25, "body": text, **extra} for n, text in enumerate(words(claim))]
    return Answer(json.dumps({"version": "1.0.0", "segments": rows}).encode(), "application/json")


def taken(network: Network, links: list[Any], cache: Path, recognizer: SpeechRecognizer, **changes: Any) -> Any:
    about = episode(network, "several", transcripts=links, audio_url=None, duration_s=DURATION_S, **changes)
    (row,), _ = acquired([about], Cache(cache), recognizer)
    return row


def test_the_first_file_that_is_complete_ends_the_search(
    home: Home, network: Network, recognizer: Counting, tmp_path: Path
) -> None:
    links = [
        offer(network, "/a.html", page("chips", "Dana Reyes"), "text/html"),
        offer(network, "/a.vtt", Answer(vtt("chips"), "text/vtt"), "text/vtt"),
        offer(network, "/a.json", namespace_json("chips"), "application/json"),
    ]
    row = taken(network, links, tmp_path, recognizer)
    assert row["source_url"].endswith("/a.vtt"), "the JSON names nobody"
    assert {segment["speaker"] for segment in row["segments"]} == {"Dana Reyes"}
    assert dict(network.hits()) == {"/a.json": 1, "/a.vtt": 1}
    assert row["publisher_problem"] is None


def test_where_none_is_complete_the_best_is_taken_and_nothing_is_fetched_twice(
    home: Home, network: Network, recognizer: Counting, tmp_path: Path
) -> None:
    links = [
        offer(network, "/b.txt", plain("chips", "Dana Reyes"), "text/plain"),
        offer(network, "/b.srt", Answer(srt("chips")), "application/x-subrip"),
        offer(network, "/b.json", namespace_json("chips", speaker="Speaker 1"), "application/json"),
    ]
    row = taken(network, links, tmp_path, recognizer)
    assert row["source_url"].endswith("/b.json"), "it has times and tells voices apart"
    assert dict(network.hits()) == {"/b.json": 1, "/b.srt": 1, "/b.txt": 1}
    without_json = taken(network, links[:2], tmp_path, recognizer, digest="d2")
    assert without_json["source_url"].endswith("/b.srt"), "times count before names"
    network.forget()
    assert taken(network, links, tmp_path, recognizer) == row
    assert not network.log


def test_of_many_files_five_are_fetched(home: Home, network: Network, recognizer: Counting, tmp_path: Path) -> None:
    links = [offer(network, f"/{n}.txt", plain("chips", "Dana Reyes"), "text/plain") for n in range(40)]
    row = taken(network, links, tmp_path, recognizer)
    assert row["source_url"].endswith("/0.txt"), "of equals the first"
    assert len(network.log) == 5


def test_a_translation_is_not_asked_for_where_the_shows_own_words_serve(
    home: Home, network: Network, recognizer: Counting, tmp_path: Path
) -> None:
    links = [
        offer(network, "/de.vtt", german_vtt(), "text/vtt", "de"),
        offer(network, "/en.txt", plain("chips", "Dana Reyes"), "text/plain", "en"),
    ]
    assert taken(network, links, tmp_path, recognizer)["source_url"].endswith("/en.txt")
    assert dict(network.hits()) == {"/en.txt": 1}


def test_what_was_wrong_with_the_files_before_is_kept_beside_the_words(
    home: Home, network: Network, recognizer: Counting, tmp_path: Path
) -> None:
    links = [
        offer(network, "/gone.json", None, "application/json"),
        offer(network, "/page.vtt", Answer(b"<!doctype html><title>Sign in</title><h1>Sign in</h1>"), "text/vtt"),
        offer(network, "/ok.srt", Answer(srt("chips")), "application/x-subrip"),
    ]
    row = taken(network, links, tmp_path, recognizer)
    assert row["origin"] == "publisher" and row["error"] is None
    assert row["source_url"].endswith("/ok.srt")
    assert "404" in row["publisher_problem"]
    assert f"{network.base}/page.vtt: the file is an error or consent page ('Sign in')" in row["publisher_problem"]


def test_why_the_publishers_file_was_refused_stays_when_the_speech_was_recognised(
    home: Home, network: Network, recognizer: Counting, tmp_path: Path
) -> None:
    description = f"Chips, and what they cost. {' '.join(words('chips'))}"
    refused = {
        "quarter": (namespace_json("chips"), {"duration_s": 600.0}, "it ends at 2 of 10 minutes"),
        "notes": (Answer(" ".join(words("chips")).encode()), {"description": description}, "episode's show notes"),
        "foreign": (german_vtt(), {}, "in another language (de) than the episode (en)"),
        "broken": (Answer(b"{", "application/json"), {}, "isn't speech"),
    }
    episodes = []
    for name, (answer, changes, _) in refused.items():
        network.answers[f"/{name}.opus"] = Answer(RECORDING.read_bytes(), "audio/ogg")
        link = offer(network, f"/{name}.file", answer, "text/plain")
        episodes.append(episode(network, name, digest=name, transcripts=[link], **changes))
    rows, _ = acquired(episodes, Cache(tmp_path), recognizer)
    for row, (_, _, reason) in zip(rows, refused.values(), strict=True):
        assert row["origin"] == "recognised" and row["error"] is None
        assert reason in row["publisher_problem"]
        assert f"{network.base}/{row['episode_id']}.file" in row["publisher_problem"], "it says which file"
        assert "tell the publisher" in row["publisher_problem"], "and what to do"


def test_a_feed_with_the_wrong_language_keeps_its_transcript_under_the_right_one(
    home: Home, network: Network, recognizer: Counting, tmp_path: Path
) -> None:
    notes = "Wozu braucht ein Dorf eine Lehrerin? Wir besuchen eine Insel im Norden und hören Leuten zu. " * 3
    link = offer(network, "/insel.vtt", german_vtt(), "text/vtt")
    row = taken(network, [link], tmp_path, recognizer, description=notes)
    assert (row["origin"], row["language"]) == ("publisher", "de")
