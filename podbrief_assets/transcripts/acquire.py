"""Get each episode's words: the publisher's file where there is one, else what is heard in the audio.

Belongs here: which of the two is tried, what is kept of it under which key, what is worth trying again, and that of a
private show no real address is kept anywhere.
Doesn't: reading files (`publisher.py`), HTTP (`net.py`), decoding (`audio.py`), recognition (`speech.py`).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from podbrief_assets import models, net
from podbrief_assets.episodes import hushing, private
from podbrief_assets.errors import PermanentFailure, PodbriefError, TransientFailure
from podbrief_assets.lake.cache import Cache, key_of
from podbrief_assets.transcripts import Segment, audio, duration_s, is_timed, languages, publisher
from podbrief_assets.transcripts.acceptance import About, DoesNotFit, refusal
from podbrief_assets.transcripts.dialects.cues import ASK_PUBLISHER
from podbrief_assets.transcripts.speech import ModelUnusable, SpeechRecognizer

# Part of every key: another number has every file read, and every recording heard, again.
VERSION = "1"
# Part of the key of what was made of files, and of nothing heard: another number has every file read again.
FILES_VERSION = "2"

_AT_ONCE = 16
_MAX_BYTES = 20 * 2**20
# Files of one episode that are fetched at most: one that is complete ends the search, and hosts offer up to four.
_MAX_FILES = 5
# Recordings on the disk at once: enough to fetch the next while one is heard, few enough for any disk.
_RECORDINGS_AT_ONCE = 4
# A publisher's file often follows its episode by a day or two. After a week it is not coming.
_WORTH_ASKING_AGAIN = dt.timedelta(days=7)

Done = Callable[[str], None]
# From sealed addresses the real ones, of those that are known: `private.opened`.
Opened = Callable[[Collection[str]], Mapping[str, str]]


class UnknownSeal(TransientFailure):
    """A private show's address is sealed, and nobody knows what it stands for."""


async def published(
    episodes: Sequence[dict[str, Any]],
    client: Callable[[], net.Client],
    opened: Opened,
    cache: Cache,
    now: dt.datetime,
    done: Done,
) -> list[dict[str, Any]]:
    """The `transcripts` rows of `episodes`, in their order, several fetched at once.

    Nothing is fetched for an episode that repeats another one; what is kept of it from before stays.

    Args:
        episodes: `episodes` rows.
        client: Opens the way out; not called while everything is known.
        opened: Opens sealed addresses, just before they are asked.
        cache: Where each finished episode is kept at once.
        now: Decides what is worth asking for again.
        done: Told of each finished episode: `fetched`, `cached`, `without a file` or `repeat`.
    """
    rows: list[dict[str, Any] | None] = [_kept(episode, cache, now) for episode in episodes]
    missing = [index for index, row in enumerate(rows) if row is None]
    for episode, row in zip(episodes, rows, strict=True):
        if row is not None:
            done("repeat" if episode["duplicate_of"] and row["error"] else "cached")
    if not missing:
        return [row for row in rows if row is not None]
    gate = asyncio.Semaphore(_AT_ONCE)

    async with client() as web:

        async def one(index: int) -> None:
            async with gate:
                rows[index] = await _transcribe(episodes[index], web, opened, cache)
            done("without a file" if rows[index]["error"] else "fetched")  # type: ignore[index]

        async with asyncio.TaskGroup() as group:
            for index in missing:
                group.create_task(one(index))
    return [row for row in rows if row is not None]


def _key(episode: dict[str, Any]) -> str:
    """Another address or another version of the item is another question."""
    return key_of(
        version=f"{VERSION}.{FILES_VERSION}",
        episode=episode["episode_id"],
        item=episode["digest"],
        transcripts=episode["transcripts"],
    )


def _kept(episode: dict[str, Any], cache: Cache, now: dt.datetime) -> dict[str, Any] | None:
    row: dict[str, Any] | None = cache.get_json(_key(episode))
    if episode["duplicate_of"] and (row is None or row["error"]):
        return _row(episode, [], None, None, f"it repeats episode {episode['duplicate_of']}, which is read instead")
    if row is None:
        return None
    young = now - episode["published_at"] < _WORTH_ASKING_AGAIN
    if row["error"] and young and episode["transcripts"]:
        return None
    return {**row, "date": episode["date"]}


async def _transcribe(episode: dict[str, Any], web: net.Client, opened: Opened, cache: Cache) -> dict[str, Any]:
    segments, source, language, problems = await _from_publisher(episode, web, opened)
    row = _row(
        episode,
        segments,
        source,
        language,
        _reason(episode, problems) if not segments else None,
        _reason(episode, problems) if problems else None,
    )
    # What may work at the next run is not kept; what will not is, until its episode or its address changes.
    if segments or not any(isinstance(problem, TransientFailure) for problem in problems):
        cache.put_json(_key(episode), {name: value for name, value in row.items() if name != "date"})
    return row


async def _from_publisher(
    episode: dict[str, Any], web: net.Client, opened: Opened
) -> tuple[list[Segment], str | None, str | None, list[PodbriefError]]:
    """The best of the publisher's files that can be the episode's words, and what is wrong with others.

    The rule by which it is chosen is that of `publisher.standing`. A translation is asked for only where nothing else
    serves: the show's own words may be behind a wrong tag.
    """
    problems: list[PodbriefError] = []
    best: tuple[publisher.Standing, list[Segment], dict[str, Any]] | None = None
    for link in publisher.choose(episode["transcripts"], episode["language"])[:_MAX_FILES]:
        if best and publisher.is_foreign(link, episode["language"]):
            break
        try:
            segments = await _read(link, episode, web, opened)
        except PodbriefError as error:
            problems.append(error)
            continue
        standing = publisher.standing(segments)
        if best is None or standing > best[0]:
            best = standing, segments, link
        if standing.complete:
            break
    if best is None:
        return [], None, None, problems
    _, segments, link = best
    stated = link["language"] or episode["language"]
    return segments, link["url"], languages.spoken(" ".join(part.text for part in segments), stated), problems


async def _read(link: dict[str, Any], episode: dict[str, Any], web: net.Client, opened: Opened) -> list[Segment]:
    """One of the publisher's files.

    Raises:
        PodbriefError: It can't be had, is no transcript, or can't be this episode's.
    """
    reply = await web.get(_real(link["url"], opened), max_bytes=_MAX_BYTES)
    # In a thread: the worst of files takes ten seconds, and other answers must not wait for it.
    media_type = reply.headers.get("content-type") or link["type"]
    return await asyncio.to_thread(_accepted, reply.content, media_type, link["url"], episode)


def _accepted(content: bytes, media_type: str | None, address: str, episode: dict[str, Any]) -> list[Segment]:
    try:
        segments = publisher.parse_transcript(content, media_type)
    except PermanentFailure as error:
        # Parsers know no addresses, and of several files somebody has to be told which one it is.
        raise type(error)(f"{address}: {error.what}", error.remedy) from error
    if episode["duration_s"]:
        segments = publisher.rescale(segments, episode["duration_s"])
    about = About(
        title=episode["title"],
        description=episode["description"],
        language=episode["language"],
        duration_s=episode["duration_s"],
    )
    if reason := refusal(segments, about):
        raise DoesNotFit(f"{address} can't be this episode's transcript, since {reason}", ASK_PUBLISHER)
    return segments


def _real(address: str, opened: Opened) -> str:
    """The address to ask.

    Raises:
        UnknownSeal: It is sealed, and not known.
    """
    if not private.is_sealed(address):
        return address
    if real := opened([address]).get(address):
        return real
    raise UnknownSeal(
        "the operational database does not know what the private show's address stands for",
        "restore the database, or wait for a scan that finds the feed changed",
    )


def _told(episode: dict[str, Any], problem: PodbriefError) -> str:
    """What is kept and shown of a failure: of a private show no address further than its host."""
    return hushing.hushed(str(problem)) if episode["private"] else str(problem)


def _reason(episode: dict[str, Any], problems: Sequence[PodbriefError]) -> str:
    if not problems:
        return "the feed offers no transcript of this episode: ask the publisher for one"
    return "; ".join(_told(episode, problem) for problem in problems)


def _row(
    episode: dict[str, Any],
    segments: Sequence[Segment],
    source: str | None,
    language: str | None,
    error: str | None,
    publisher_problem: str | None = None,
) -> dict[str, Any]:
    return {
        "episode_id": episode["episode_id"],
        "show_id": episode["show_id"],
        "origin": "publisher" if segments else "none",
        "source_url": source,
        "model": None,
        "language": language.lower() if language else None,
        "duration_s": duration_s(segments) if segments else None,
        "timed": is_timed(segments),
        "error": error,
        "publisher_problem": publisher_problem,
        "date": episode["date"],
        **_words(segments),
    }


def _words(segments: Sequence[Segment]) -> dict[str, Any]:
    """The columns of a row that hold the words themselves."""
    stored = [{name: value for name, value in asdict(segment).items() if name != "timed"} for segment in segments]
    digest = hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()
    return {
        "words": sum(len(segment.text.split()) for segment in segments),
        "segments": stored,
        "digest": digest if segments else None,
    }


def heard(
    episodes: Sequence[dict[str, Any]],
    rows: Sequence[dict[str, Any]],
    client: Callable[[], net.Client],
    opened: Opened,
    cache: Cache,
    recognizer: SpeechRecognizer,
    now: dt.datetime,
    done: Done,
) -> list[dict[str, Any]]:
    """`rows` with the words that are heard in the audio wherever the publisher gave none.

    A recording is known by the digest of its bytes: under another address, on another day, on another machine that
    shares the cache it is not heard again. Each is kept as soon as it is finished. One that repeats another episode is
    not fetched at all; words that are known of it stay.

    Args:
        episodes, rows: `episodes` rows and what `published` made of them, in the same order.
        client: Opens the way out; not called while everything is known.
        opened: Opens sealed addresses, just before they are asked.
        done: Told of each episode without a publisher's words: `recognised`, `known` or `failed`.
    """
    found = list(rows)
    silent = [n for n, row in enumerate(rows) if row["origin"] == "none" and episodes[n]["audio_url"]]
    memory = _Memory(cache, recognizer, now)
    unknown = []
    for number in silent:
        kept = memory.recall(episodes[number])
        if episodes[number]["duplicate_of"]:
            found[number] = _heard_row(rows[number], kept) if kept and not kept.error else rows[number]
        elif kept is None:
            unknown.append(number)
        else:
            found[number] = _heard_row(rows[number], kept)
            done("known")
    for start in range(0, len(unknown), _RECORDINGS_AT_ONCE):
        some = unknown[start : start + _RECORDINGS_AT_ONCE]
        with tempfile.TemporaryDirectory(prefix="podbrief-") as folder:
            addresses = {n: episodes[n]["audio_url"] for n in some}
            fetched = asyncio.run(_fetch(client, opened, addresses, Path(folder)))
            for number in some:
                recording = fetched[number]
                outcome = memory.hear(episodes[number], recording)
                found[number] = _heard_row(rows[number], outcome)
                done("failed" if outcome.error else "recognised")
                if isinstance(recording, net.Download):
                    recording.path.unlink(missing_ok=True)
    return found


@dataclass(frozen=True)
class _Hearing:
    """What came of one recording."""

    model: str
    segments: tuple[Segment, ...] = ()
    duration_s: float | None = None
    language: str | None = None
    error: str | None = None


class _Memory:
    """Hears each recording once."""

    def __init__(self, cache: Cache, recognizer: SpeechRecognizer, now: dt.datetime) -> None:
        self._recordings, self._hearings = cache.section("recordings"), cache.section("speech")
        self._recognizer, self._now = recognizer, now
        self._unusable: PodbriefError | None = None

    def recall(self, episode: dict[str, Any]) -> _Hearing | None:
        """What is known of the episode's audio without fetching it; None where it has to be fetched or heard."""
        known = self._recordings.get_json(self._recording_key(episode))
        if known is None:
            return None
        if known.get("error"):
            young = self._now - episode["published_at"] < _WORTH_ASKING_AGAIN
            return None if young else _Hearing(self._recognizer.model, error=known["error"])
        return self._kept(episode, known["digest"])

    def hear(self, episode: dict[str, Any], recording: net.Download | PodbriefError) -> _Hearing:
        """Recognise a recording that was fetched, or tell why it was not; what will not change is kept."""
        key = self._recording_key(episode)
        if isinstance(recording, PodbriefError):
            if not isinstance(recording, TransientFailure):
                self._recordings.put_json(key, {"error": _told(episode, recording)})
            return self._failure(episode, recording)
        self._recordings.put_json(key, {"digest": recording.digest})
        if kept := self._kept(episode, recording.digest):
            return kept
        if self._unusable:
            return self._failure(episode, self._unusable)
        try:
            words = self._recognizer.listen(recording.path, episode["language"])
        except (models.ModelMissing, ModelUnusable) as error:
            self._unusable = error  # not this recording's fault: the others would only fail the same way
            return self._failure(episode, error)
        except TransientFailure as error:
            return self._failure(episode, error)
        except PodbriefError as error:
            hearing = self._failure(episode, error)
        else:
            hearing = _Hearing(self._recognizer.model, words.segments, words.duration_s, words.language or None)
            if not words.segments:
                silence = f"no speech was heard in {words.duration_s / 60:.0f} minutes of audio: listen to it"
                hearing = _Hearing(self._recognizer.model, duration_s=words.duration_s, error=silence)
        self._hearings.put_json(self._hearing_key(episode, recording.digest), asdict(hearing))
        return hearing

    def _failure(self, episode: dict[str, Any], error: PodbriefError) -> _Hearing:
        return _Hearing(self._recognizer.model, error=_told(episode, error))

    def _kept(self, episode: dict[str, Any], digest: str) -> _Hearing | None:
        stored = self._hearings.get_json(self._hearing_key(episode, digest))
        if stored is None:
            return None
        return _Hearing(**{**stored, "segments": tuple(Segment(**segment) for segment in stored["segments"])})

    def _recording_key(self, episode: dict[str, Any]) -> str:
        return key_of(episode=episode["episode_id"], item=episode["digest"], audio=episode["audio_url"])

    def _hearing_key(self, episode: dict[str, Any], digest: str) -> str:
        return key_of(version=VERSION, model=self._recognizer.model, audio=digest, language=episode["language"])


async def _fetch(
    client: Callable[[], net.Client], opened: Opened, addresses: dict[int, str], folder: Path
) -> dict[int, net.Download | PodbriefError]:
    """Fetch several recordings at once; a failure is its own recording's."""

    async def one(web: net.Client, number: int) -> net.Download | PodbriefError:
        try:
            # Named by the address that may be seen: what goes wrong with a file names it.
            target = folder / str(number) / _file_name(addresses[number])
            return await audio.fetch(web, _real(addresses[number], opened), target)
        except PodbriefError as error:
            return error

    async with client() as web:
        fetched = await asyncio.gather(*(one(web, number) for number in addresses))
    return dict(zip(addresses, fetched, strict=True))


def _file_name(address: str) -> str:
    """What an operator will recognise the recording by, safe as a file's name."""
    name = re.sub(r"[^\w.-]+", "-", urlsplit(address).path.rpartition("/")[2])[-80:].lstrip(".-")
    return name or "recording"


def _heard_row(row: dict[str, Any], hearing: _Hearing) -> dict[str, Any]:
    """The row of an episode whose publisher gave no words, with what was heard."""
    if hearing.error:
        return {**row, "error": f"{row['error']}; speech recognition: {hearing.error}"}
    return {
        **row,
        "origin": "recognised",
        "model": hearing.model,
        "language": hearing.language or row["language"],
        "duration_s": hearing.duration_s,
        "timed": True,
        "error": None,
        **_words(hearing.segments),
    }
