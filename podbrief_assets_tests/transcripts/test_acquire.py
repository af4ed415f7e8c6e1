"""Words from wherever they can be had: each recording heard once, each failure told, nothing else harmed."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard

from podbrief_assets import net
from podbrief_assets.lake.cache import Cache
from podbrief_assets.lake.contract import settle
from podbrief_assets.lake.paths import Home
from podbrief_assets.lake.tables import TABLES
from podbrief_assets.transcripts import acquire
from podbrief_assets.transcripts.speech import SpeechRecognizer, Transcription
from podbrief_assets_tests.network import Answer, Network, vtt

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"
RECORDING = SAMPLE / "audio" / "tomatoes-never-sleep-cold.opus"


class Counting(SpeechRecognizer):
    """The real recogniser, which also counts what it was given."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.heard: list[str] = []

    def listen(self, path: Path, language: str | None = None) -> Transcription:
        self.heard.append(path.name)
        return super().listen(path, language)


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory: pytest.TempPathFactory) -> Counting:
    return Counting()


def episode(network: Network, name: str, **changes: Any) -> dict[str, Any]:
    return {
        "episode_id": name,
        "show_id": "s",
        "show_title": "Show",
        "title": name,
        "digest": "d1",
        "language": "en",
        "duration_s": None,
        "audio_url": f"{network.base}/{name}.opus",
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
    outcomes: Counter[str] = Counter()

    def client() -> net.Client:
        return net.Client(net.Settings.from_environment())

    def done(outcome: str) -> None:
        outcomes[outcome] += 1

    def opened(addresses: Collection[str]) -> dict[str, str]:
        return {address: seals[address] for address in addresses if seals and address in seals}

    rows = asyncio.run(acquire.published(episodes, client, opened, cache.section("transcripts"), now, done))
    rows = acquire.heard(episodes, rows, client, opened, cache, recognizer, now, done)
    table = TABLES["transcripts"]
    settled = settle(table, pl.DataFrame(rows, schema=table.polars_schema))
    assert settled.counts == {}, "every row keeps the contract"
    return rows, outcomes


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
