"""Words from wherever they can be had: each recording heard once, each failure told, nothing else harmed."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
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
from podbrief_assets_tests.network import Answer, Network, srt, vtt, words

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
        "description": None,
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
