"""The sample network: what is served, whose it is, and what the pipeline's own readers make of it."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import re
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import httpx2
import pytest
from typer.testing import CliRunner

from podbrief_assets import net, sample
from podbrief_assets.cli import app
from podbrief_assets.episodes import shows
from podbrief_assets.episodes.feed import Feed, parse_feed
from podbrief_assets.episodes.scan import ScanResult, scan
from podbrief_assets.episodes.shows import Subscription
from podbrief_assets.insights.candidates import Episode
from podbrief_assets.insights.extractive import extract
from podbrief_assets.insights.passages import content
from podbrief_assets.insights.sponsors import find_sponsor_spans
from podbrief_assets.lake.paths import Home
from podbrief_assets.subscribers.importing import read_csv
from podbrief_assets.transcripts.acceptance import About, refusal
from podbrief_assets.transcripts.publisher import parse_transcript
from podbrief_assets.transcripts.segment import Segment, is_timed
from podbrief_assets.transcripts.speech import SpeechRecognizer

FOLDER = Path(__file__).resolve().parents[1] / "data" / "sample"
TODAY = dt.date(2026, 5, 20)
MISSING = "curb-and-current-0042"
HEARD = (
    "the-depot-that-did-not-grow",
    "barley-between-the-rows",
    "patience-is-a-power-plant",
    "clocks-that-turn-forward",
)
SPONSORED = {
    "the-depot-that-did-not-grow": "Hollowell",
    "clocks-that-turn-forward": "Dunmarrow",
    "barley-between-the-rows": "Pennyroyal",
    "the-loaf-that-left-the-shelf": "Marlstone",
    "the-backup-nobody-opened": "Tidewrack",
}
_SPEAKER = re.compile(r"^[A-Z]\w+ [A-Z]\w+: ", re.MULTILINE)


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with sample.serving(FOLDER, TODAY) as served:
        yield served


@pytest.fixture(scope="module")
def feeds(base: str) -> list[Feed]:
    return [parse_feed(httpx2.get(url).content, url) for url in sample.feed_urls(FOLDER, base)]


def texts() -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted((FOLDER / "texts").glob("*.txt"))}


def words(text: str) -> list[str]:
    return re.findall(r"[\w']+", text)


def segments(script: str) -> list[Segment]:
    return parse_transcript(script.encode(), "text/plain")


def name_of(url: str | None) -> str:
    assert url
    return Path(url).stem


def scanned(base: str) -> list[ScanResult]:
    async def ask() -> list[ScanResult]:
        settings = net.Settings.from_environment({net.ALLOW_PRIVATE_HOSTS: "127.0.0.1"})
        async with net.Client(settings) as client:
            subscriptions = [Subscription(url) for url in sample.feed_urls(FOLDER, base)]
            return [result async for result in scan(subscriptions, {}, client, now=dt.datetime.now(dt.UTC))]

    return asyncio.run(ask())


# ── the network ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_scan_finds_five_shows_with_nine_episodes_on_the_three_days_before_today(base: str) -> None:
    results = scanned(base)
    assert [result.outcome for result in results] == ["changed"] * 5
    published = Counter(item.published_at.date() for result in results for item in result.items if item.published_at)
    assert published == {dt.date(2026, 5, 17): 3, dt.date(2026, 5, 18): 3, dt.date(2026, 5, 19): 3}
    assert sorted(published) == sample.days(TODAY)


def test_the_feed_that_breaks_off_gives_its_whole_episodes_and_no_half_one(feeds: list[Feed]) -> None:
    cut = [feed for feed in feeds if feed.truncated]
    assert [feed.show.title for feed in cut] == ["The Salted Furrow"]
    assert [item.title for item in cut[0].episodes] == ["Tomatoes never sleep cold", "Barley between the rows"]
    assert all(not feed.skipped for feed in feeds if not feed.truncated)


def test_identifiers_depend_neither_on_the_port_nor_on_the_day(feeds: list[Feed]) -> None:
    with sample.serving(FOLDER, TODAY + dt.timedelta(days=40)) as elsewhere:
        urls = sample.feed_urls(FOLDER, elsewhere)
        later = [parse_feed(httpx2.get(url).content, url) for url in urls]
    assert [feed.show.show_id for feed in later] == [feed.show.show_id for feed in feeds]
    assert [item.episode_id for feed in later for item in feed.episodes] == [
        item.episode_id for feed in feeds for item in feed.episodes
    ]
    assert len({item.episode_id for feed in feeds for item in feed.episodes}) == 9
    # Pinned: whoever changes one of these orphans what every existing demonstration knows.
    assert [feed.show.show_id for feed in feeds] == [
        "5c0f2d6e-3b41-5f0a-9d57-0b7a4f1c8e21",
        "e2a7b914-6d08-5c3f-8a26-71f4d09b3c55",
        "0d93c7f8-a154-5be6-b3c0-2e68f57a9d14",
        "97b1e4a3-f26c-5d80-a7e9-c453f0812b6d",
        "b84d5f02-19ce-5a77-96f1-5d3ea8c7420f",
    ]


def test_every_address_in_the_feeds_answers_but_the_one_recording_that_is_missing(feeds: list[Feed]) -> None:
    for feed in feeds:
        for item in feed.episodes:
            assert item.audio_url
            answer = httpx2.head(item.audio_url)
            assert answer.status_code == (404 if item.guid == MISSING else 200), item.title
            if item.guid != MISSING:
                assert int(answer.headers["content-length"]) == item.audio_bytes
            for link in item.transcripts:
                assert httpx2.get(link.url).headers["content-type"] == link.type


def test_every_episode_says_who_speaks_and_has_notes(feeds: list[Feed]) -> None:
    scripts = texts()
    for item in (item for feed in feeds for item in feed.episodes):
        assert item.description and len(item.description) > 80
        speakers = {line.removesuffix(": ") for line in _SPEAKER.findall(scripts.get(name_of(item.audio_url), ""))}
        assert speakers <= {person.name for person in item.persons}


# ── recordings and transcripts ───────────────────────────────────────────────────────────────────────────────────────


def test_the_recordings_are_mono_opus_of_two_to_four_minutes_and_six_megabytes_in_all(feeds: list[Feed]) -> None:
    assert sum(path.stat().st_size for path in (FOLDER / "audio").iterdir()) < 6_000_000
    stated = {name_of(item.audio_url): item.duration_s for feed in feeds for item in feed.episodes}
    assert {path.stem for path in (FOLDER / "audio").iterdir()} == set(texts())
    for path in (FOLDER / "audio").iterdir():
        with av.open(path) as container:
            stream = container.streams.audio[0]
            assert (stream.codec_context.name, stream.codec_context.channels) == ("opus", 1)
            seconds = sum(frame.samples / frame.sample_rate for frame in container.decode(stream))
        assert 120 <= seconds <= 240
        assert seconds == pytest.approx(stated[path.stem], abs=1.0), path.stem


def test_four_episodes_can_only_be_heard_and_four_publish_their_words_in_four_forms(feeds: list[Feed]) -> None:
    items = [item for feed in feeds for item in feed.episodes]
    published = [link.type for item in items for link in item.transcripts]
    assert sorted(filter(None, published)) == ["application/json", "application/x-subrip", "text/html", "text/vtt"]
    assert len([item for item in items if not item.transcripts and item.guid != MISSING]) == 4


def test_a_transcript_holds_the_words_of_its_script_speaker_by_speaker_within_the_recording(feeds: list[Feed]) -> None:
    scripts = texts()
    for item in (item for feed in feeds for item in feed.episodes if item.transcripts):
        link, script = item.transcripts[0], scripts[name_of(item.audio_url)]
        found = parse_transcript(httpx2.get(link.url).content, link.type)
        assert words(" ".join(segment.text for segment in found)) == words(_SPEAKER.sub("", script)), item.title
        turns = [segment.speaker for n, segment in enumerate(found) if not n or found[n - 1].speaker != segment.speaker]
        assert turns == [segment.speaker for segment in turns_of(script)], item.title
        assert is_timed(found)
        about = About(title=item.title, description=item.description, language="en", duration_s=item.duration_s)
        assert refusal(found, about) is None
        assert item.duration_s is not None and found[-1].end_s <= item.duration_s + 1


def turns_of(script: str) -> list[Segment]:
    said = segments(script)
    return [segment for n, segment in enumerate(said) if not n or said[n - 1].speaker != segment.speaker]


# ── what is said ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_sponsors_are_found_and_nothing_else_is(feeds: list[Feed]) -> None:
    for name, script in texts().items():
        said = segments(script)
        spoken = Counter(words(" ".join(segment.text for segment in said)))
        kept = Counter(words(" ".join(segment.text for segment in content(said, find_sponsor_spans(said)))))
        cut = spoken - kept
        if name not in SPONSORED:
            assert not cut, name
        else:
            assert cut[SPONSORED[name]] == spoken[SPONSORED[name]] > 0, name
            assert 35 <= cut.total() <= 75, name


def test_excerpts_come_from_most_of_the_episodes() -> None:
    def excerpts(script: str) -> list[str]:
        said = segments(script)
        episode = Episode(episode_id="e", show_id="s", show_title="A show", title="An episode", language="en")
        return [candidate.text for candidate in extract(episode, content(said, find_sponsor_spans(said)))]

    found = {name: excerpts(script) for name, script in texts().items()}
    assert sum(map(bool, found.values())) >= 5, found


def test_two_shows_claim_the_same_and_two_contradict_each_other() -> None:
    said = {name: " ".join(script.split()) for name, script in texts().items()}
    assert "212 electric buses on a connection of 3.4 megawatts" in said["the-depot-that-did-not-grow"]
    assert "never bought the larger grid connection" in said["patience-is-a-power-plant"]
    assert "Winter barley paid for itself in the second year" in said["barley-between-the-rows"]
    assert "Winter barley lost money in each of the first five years" in said["patience-is-a-power-plant"]


def test_the_subscribers_can_be_imported() -> None:
    content = (FOLDER / "subscribers.csv").read_bytes()
    result = read_csv(content)
    assert not result.problems and not result.notes
    assert len(result.rows) == len(list(csv.reader(content.decode().splitlines()))) - 1 == 3
    assert all(row.address.endswith("@example.org") and row.interests for row in result.rows)
    assert len({row.interests for row in result.rows}) == 3


# ── HTTP ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def recording(base: str) -> tuple[str, bytes]:
    path = FOLDER / "audio" / "the-depot-that-did-not-grow.opus"
    return f"{base}/audio/{path.name}", path.read_bytes()


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("bytes=0-99", lambda size: range(100)),
        ("bytes=1000-", lambda size: range(1000, size)),
        ("bytes=-500", lambda size: range(size - 500, size)),
        ("bytes=5-99999999999", lambda size: range(5, size)),
        ("bytes=-99999999999", range),
    ],
)
def test_a_player_gets_the_part_that_it_asks_for(
    recording: tuple[str, bytes], asked: str, wanted: Callable[[int], range]
) -> None:
    url, body = recording
    part = wanted(len(body))
    answer = httpx2.get(url, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == body[part.start : part.stop]
    assert answer.headers["content-range"] == f"bytes {part.start}-{part.stop - 1}/{len(body)}"


@pytest.mark.parametrize(
    "asked", ["bytes=9-5", "bytes=-", "bytes=a-b", "bytes=0-1,5-6", "lines=0-3", "bytes=" + "9" * 30]
)
def test_a_range_that_says_nothing_gets_the_whole(recording: tuple[str, bytes], asked: str) -> None:
    url, body = recording
    answer = httpx2.get(url, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, body)


def test_a_range_beyond_the_end_or_of_no_length_is_refused(recording: tuple[str, bytes]) -> None:
    url, body = recording
    for asked in (f"bytes={len(body)}-", "bytes=-0"):
        answer = httpx2.get(url, headers={"Range": asked})
        assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(body)}")


def test_what_is_known_by_its_etag_is_not_sent_again(recording: tuple[str, bytes]) -> None:
    url, body = recording
    etag = httpx2.head(url).headers["etag"]
    known = httpx2.get(url, headers={"If-None-Match": etag})
    assert (known.status_code, known.content) == (304, b"")
    assert httpx2.get(url, headers={"If-None-Match": '"other"'}).content == body
    assert httpx2.get(url, headers={"Range": "bytes=0-9", "If-Range": etag}).status_code == 206
    assert httpx2.get(url, headers={"Range": "bytes=0-9", "If-Range": '"other"'}).status_code == 200


def test_only_the_sample_is_served(base: str) -> None:
    for path in ("/", "/network.toml", "/subscribers.csv", "/audio/../network.toml", "/audio/%2e%2e/network.toml"):
        assert httpx2.get(base + path).status_code == 404


def test_a_listener_who_hangs_up_disturbs_nobody(
    recording: tuple[str, bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    url, body = recording
    host, port = url.split("/")[2].split(":")
    for _ in range(3):
        with socket.create_connection((host, int(port))) as connection:
            # Closing with a zero time to linger sends a reset, as a browser's seeking does.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            connection.sendall(b"GET /audio/the-depot-that-did-not-grow.opus HTTP/1.1\r\nHost: here\r\n\r\n")
            connection.recv(10)
    assert httpx2.get(url).content == body
    assert capfd.readouterr().err == ""


def test_a_taken_port_says_so(base: str) -> None:
    port = int(base.rpartition(":")[2])
    with (
        pytest.raises(sample.PortTaken, match=f"port {port} .* end what listens there"),
        sample.serving(FOLDER, TODAY, port=port),
    ):
        pass


def test_a_folder_without_a_sample_says_so(tmp_path: Path) -> None:
    with pytest.raises(sample.NoSample, match="holds no sample network"), sample.serving(tmp_path, TODAY):
        pass


def test_the_port_is_free_again_afterwards() -> None:
    with sample.serving(FOLDER, TODAY) as first:
        pass
    with sample.serving(FOLDER, TODAY, port=int(first.rpartition(":")[2])) as second:
        assert second == first


def _words(text: str) -> list[str]:
    """Words as they count for the error rate: case, punctuation, fillers and the writing of numbers don't."""
    text = _SPEAKER.sub("", text).lower().replace("%", " percent").replace("’", "'")
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    return [word for word in re.findall(r"[a-z0-9']+", text) if word not in ("um", "uh")]


def _errors(said: list[str], heard: list[str]) -> int:
    """Levenshtein's distance in words."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(said, start=1):
        before, row[0] = row[0], number
        for place, other in enumerate(heard, start=1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (word != other))
    return row[-1]


def test_what_is_heard_in_the_sample_is_what_its_scripts_say():
    scripts = texts()
    recognizer = SpeechRecognizer()
    rates = {}
    for name in HEARD:
        heard = recognizer.listen(FOLDER / "audio" / f"{name}.opus", "en").segments
        said = _words(scripts[name])
        rates[name] = _errors(said, _words(" ".join(segment.text for segment in heard))) / len(said)
    assert max(rates.values()) <= 0.12, rates
    assert sum(rates.values()) / len(rates) <= 0.08, rates


def test_the_sample_runs_from_its_command_and_a_second_run_finds_nothing_new(
    home: Home, monkeypatch: pytest.MonkeyPatch
):
    # Without hearing: that is test_speech's, and takes a minute.
    monkeypatch.setenv("PODBRIEF_ASR_MODEL", "none")
    command = ["sample", "--folder", str(FOLDER)]
    first = CliRunner().invoke(app, command)
    assert first.exit_code == 0, first.output
    for address in ("mira@example.org", "jonas@example.org", "adaeze@example.org"):
        assert address in first.output
    assert "The ferry that runs on tides" in first.output, "what failed is told"
    assert "is cut short" in first.output
    assert "podbrief.duckdb" in first.output and "OPENAI_API_KEY" in first.output
    assert list(home.outbox.rglob("*.eml"))
    second = CliRunner().invoke(app, command)
    assert second.exit_code == 0
    assert "Nothing is new since the last run" in second.output


def test_the_sample_never_enters_a_home_with_real_shows(home: Home):
    home.root.mkdir(parents=True, exist_ok=True)
    home.subscriptions.write_bytes(shows.write_opml([shows.Subscription("https://example.org/feed.xml")]))
    refused = CliRunner().invoke(app, ["sample", "--folder", str(FOLDER)])
    assert refused.exit_code == 1
    assert "not the sample's" in refused.output
    assert len(shows.read_opml(home.subscriptions.read_bytes())) == 1
