"""Get each episode's words: the publisher's file where there is one, else what is heard in the audio.

Belongs here: which of the two is tried, what is kept of it under which key, what is worth trying again, and that of a
private show no real address is kept anywhere.
Doesn't: reading files (`publisher.py`), HTTP (`net.py`), recordings on the disk (`recordings.py`), fetching them while
others are heard (`ahead.py`), decoding (`audio.py`), recognition (`speech.py`).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import json
import re
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from podbrief_assets import models, net
from podbrief_assets.ctranslate2 import DamagedWeights
from podbrief_assets.episodes import hushing, private
from podbrief_assets.errors import PermanentFailure, PodbriefError, TransientFailure
from podbrief_assets.lake.cache import Cache, key_of
from podbrief_assets.transcripts import Segment, audio, duration_s, is_timed, languages, publisher
from podbrief_assets.transcripts.acceptance import About, DoesNotFit, refusal
from podbrief_assets.transcripts.ahead import Ahead
from podbrief_assets.transcripts.dialects.cues import ASK_PUBLISHER
from podbrief_assets.transcripts.recordings import Recordings, Stored, StoreUnusable
from podbrief_assets.transcripts.speech import (
    Dropped,
    ModelUnusable,
    OutOfMemory,
    Recording,
    SpeechRecognizer,
    Transcription,
)

# Parts of the keys: another number has every file read, every recording heard, again.
FILES_VERSION = "2"
SPEECH_VERSION = "2"

_AT_ONCE = 16
_MAX_BYTES = 20 * 2**20
# Recordings that are fetched or wait on the disk while others are heard: enough to keep the recogniser busy, few enough
# for any disk.
_FETCHED_AHEAD = 4
# Files of one episode that are fetched at most: one that is complete ends the search, and hosts offer up to four.
_MAX_FILES = 5
# A publisher's file often follows its episode by a day or two. After a week it is not coming.
_WORTH_ASKING_AGAIN = dt.timedelta(days=7)
# Audio that plays for so much less than its feed says is another file, or what was left of one: a notice, a preview, an
# upload that broke off. Feeds round, count no advertising, or count some that is left out, and so differ by minutes.
_FAR_SHORTER = 0.2
_FAR_SHORTER_S = 120.0
# An mp3 without a header of its own that was cut half way looks whole, and its words would be half of what was said.
# Feeds are wrong about lengths, and wrong about sizes; of a file that is far below both, a good part is missing.
_BOTH_SHORTER = 0.6

# What keeps every recording from being heard: told once, not once for each.
_NO_RECORDINGS_FAULT = (
    models.ModelMissing,
    models.NotKept,
    DamagedWeights,
    ModelUnusable,
    OutOfMemory,
    StoreUnusable,
)

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
        version=FILES_VERSION,
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


@dataclass(frozen=True)
class Heard:
    """What came of a day's audio.

    Attributes:
        rows: `transcripts` rows, with the words that were heard.
        recognised_s: How much audio was listened to, in seconds; what was known before is not counted.
        dropped: Stretches whose words were not believed, in all recordings whose words are in `rows`.
        retried: Windows that were heard more than once, in the same recordings.
        hindrance: What kept recordings from being heard though it is no recording's fault: a missing model, damaged
            weights, too little memory, an unusable folder.
        hindered: The episodes whom that hit, by their place in `rows`.
    """

    rows: list[dict[str, Any]]
    recognised_s: float = 0.0
    dropped: int = 0
    retried: int = 0
    hindrance: PodbriefError | None = None
    hindered: frozenset[int] = frozenset()


def without_words(episode: dict[str, Any]) -> dict[str, Any]:
    """The `transcripts` row of an episode of which `published` told that its publisher gives no words."""
    return _row(episode, [], None, None, "the publisher gives no words")


def unheard(
    episodes: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]], cache: Cache, model: str, now: dt.datetime
) -> list[int]:
    """The episodes whose audio `heard` would fetch or hear, by their place.

    Args:
        episodes, rows, cache, now: As for `heard`.
        model: The recogniser's name.
    """
    return _recalled(episodes, rows, _Memory(cache, model, now))[1]


def heard(
    episodes: Sequence[dict[str, Any]],
    rows: Sequence[dict[str, Any]],
    client: Callable[[], net.Client],
    opened: Opened,
    cache: Cache,
    recordings: Recordings,
    recognizer: SpeechRecognizer,
    now: dt.datetime,
    done: Done,
) -> Heard:
    """`rows` with the words that are heard in the audio wherever the publisher gave none.

    A recording is known by the digest of its bytes: under another address, on another day, on another machine that
    shares the cache it is not heard again. Each is kept as soon as it is finished. One that repeats another episode is
    not fetched at all; words that are known of it stay. The next ones are fetched while one is heard.

    Args:
        episodes, rows: `episodes` rows and what `published` made of them, in the same order.
        client: Opens the way out; not called while everything is known.
        opened: Opens sealed addresses, just before they are asked; called from another thread.
        recordings: Where audio lies until it was heard.
        done: Told of each episode without a publisher's words: `recognised`, `known` or `failed`. Called from whichever
            thread the recogniser takes recordings from.
    """
    if not any(map(_to_hear, episodes, rows)):
        return Heard(list(rows))  # even the recogniser's name may take torch, and seconds
    memory = _Memory(cache, recognizer.name, now)
    hearings, unknown = _recalled(episodes, rows, memory)
    for number in hearings:
        if not episodes[number]["duplicate_of"]:
            done("known")
    listening = _Listening(episodes, opened, recordings, memory, done)
    if unknown:
        listening.hear(unknown, client, recognizer)
        hearings |= listening.hearings
    found = list(rows)
    for number, hearing in hearings.items():
        found[number] = _heard_row(episodes[number], rows[number], hearing)
    believed = [hearings[n] for n in hearings if found[n]["origin"] == "recognised"]
    return Heard(
        found,
        recognised_s=listening.recognised_s,
        dropped=sum(len(hearing.dropped) for hearing in believed),
        retried=sum(hearing.retried for hearing in believed),
        hindrance=listening.hindrance,
        hindered=frozenset(listening.hindered),
    )


def _to_hear(episode: dict[str, Any], row: dict[str, Any]) -> bool:
    """Whether an episode without a publisher's words has audio."""
    return row["origin"] == "none" and bool(episode["audio_url"])


def _recalled(
    episodes: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]], memory: _Memory
) -> tuple[dict[int, _Hearing], list[int]]:
    """What is known of the audio of episodes without a publisher's words, and whose has to be fetched or heard."""
    hearings: dict[int, _Hearing] = {}
    unknown = []
    for number, (episode, row) in enumerate(zip(episodes, rows, strict=True)):
        if not _to_hear(episode, row):
            continue
        kept = memory.recall(episode)
        if episode["duplicate_of"]:
            if kept and not _why_wordless(episode, kept):
                hearings[number] = kept
        elif kept is None:
            unknown.append(number)
        else:
            hearings[number] = kept
    return hearings, unknown


@dataclass(frozen=True)
class _Hearing:
    """What came of one recording.

    Attributes:
        model: Who listened.
        segments, duration_s, language, dropped: As in `Transcription`.
        error: Why there are no words.
        faulty: Whether that is the file's fault, which the publisher may mend: a page, a broken upload.
        size: Of the file, in bytes, where it is known.
        retried: As in `Transcription`.
    """

    model: str
    segments: tuple[Segment, ...] = ()
    duration_s: float | None = None
    language: str | None = None
    error: str | None = None
    dropped: tuple[Dropped, ...] = ()
    faulty: bool = False
    size: int | None = None
    retried: int = 0


def _hearing_of(stored: dict[str, Any]) -> _Hearing:
    """What was kept, by this version or an older one, which knew none of the last four."""
    return _Hearing(
        model=stored["model"],
        segments=tuple(Segment(**segment) for segment in stored["segments"]),
        duration_s=stored["duration_s"],
        language=stored["language"],
        error=stored["error"],
        dropped=tuple(Dropped(**stretch) for stretch in stored.get("dropped", ())),
        faulty=stored.get("faulty", False),
        size=stored.get("size"),
        retried=stored.get("retried", 0),
    )


class _Memory:
    """What is known of recordings: the cache."""

    def __init__(self, cache: Cache, model: str, now: dt.datetime) -> None:
        self._recordings, self._hearings = cache.section("recordings"), cache.section("speech")
        self.model, self._now = model, now

    def recall(self, episode: dict[str, Any]) -> _Hearing | None:
        """What is known of the episode's audio without fetching it; None where it has to be fetched or heard."""
        known = self._recordings.get_json(_recording_key(episode))
        if known is None:
            return None
        young = self._now - episode["published_at"] < _WORTH_ASKING_AGAIN
        if known.get("error"):
            return None if young else _Hearing(self.model, error=known["error"])
        hearing = self.hearing(self.key(episode, known["digest"]))
        # A publisher mends a broken upload under the same address, mostly within the day.
        if hearing and young and (hearing.faulty or _far_shorter(episode, hearing)):
            return None
        return hearing

    def digest(self, episode: dict[str, Any]) -> str | None:
        """Which recording the episode has, where that is known and nothing but hearing it is left to do."""
        known = self._recordings.get_json(_recording_key(episode))
        if known is None or known.get("error") or self.hearing(self.key(episode, known["digest"])):
            return None
        return str(known["digest"])

    def unfetched(self, episode: dict[str, Any], error: PodbriefError) -> _Hearing:
        """What comes of audio that could not be fetched; what will not change is kept."""
        if not isinstance(error, TransientFailure):
            self._recordings.put_json(_recording_key(episode), {"error": _told(episode, error)})
        return self.failure(episode, error)

    def fetched(self, episode: dict[str, Any], digest: str) -> None:
        """Keep which recording the episode has."""
        self._recordings.put_json(_recording_key(episode), {"digest": digest})

    def listened(
        self, episode: dict[str, Any], key: str, size: int, outcome: Transcription | PodbriefError
    ) -> _Hearing:
        """What comes of a recording of `size` bytes that was listened to; all but passing failures are kept."""
        if isinstance(outcome, PodbriefError):
            hearing = self.failure(episode, outcome)
        elif outcome.segments:
            hearing = _Hearing(self.model, outcome.segments, outcome.duration_s, outcome.language or None)
        else:
            silence = f"no speech was heard in {outcome.duration_s / 60:.0f} minutes of audio: listen to it"
            hearing = _Hearing(self.model, duration_s=outcome.duration_s, error=silence)
        if isinstance(outcome, Transcription):
            hearing = replace(hearing, dropped=outcome.dropped, size=size, retried=outcome.retried)
        if not isinstance(outcome, (TransientFailure, *_NO_RECORDINGS_FAULT)):
            self._hearings.put_json(key, asdict(hearing))
        return hearing

    def failure(self, episode: dict[str, Any], error: PodbriefError) -> _Hearing:
        """Nothing was heard."""
        faulty = isinstance(error, (audio.NotAudio, audio.BrokenAudio))
        return _Hearing(self.model, error=_told(episode, error), faulty=faulty)

    def hearing(self, key: str) -> _Hearing | None:
        """What was heard in a recording, where it was."""
        stored = self._hearings.get_json(key)
        return None if stored is None else _hearing_of(stored)

    def key(self, episode: dict[str, Any], digest: str) -> str:
        """Where what was heard in a recording is kept."""
        return key_of(version=SPEECH_VERSION, model=self.model, audio=digest, language=episode["language"])


def _recording_key(episode: dict[str, Any]) -> str:
    return key_of(episode=episode["episode_id"], item=episode["digest"], audio=episode["audio_url"])


class _Listening:
    """Fetches and hears what is not known, and settles each episode as soon as it can be."""

    def __init__(
        self,
        episodes: Sequence[dict[str, Any]],
        opened: Opened,
        recordings: Recordings,
        memory: _Memory,
        done: Done,
    ) -> None:
        self._episodes, self._opened, self._recordings = episodes, opened, recordings
        self._memory, self._done = memory, done
        self._settling = threading.Lock()  # the recogniser may take recordings from a thread of its own
        # What is being heard, by the key under which it is kept: several episodes may have the same recording.
        self._in_hand: dict[str, list[tuple[int, Stored]]] = {}
        self.hearings: dict[int, _Hearing] = {}
        self.recognised_s = 0.0
        self.hindrance: PodbriefError | None = None
        self.hindered: set[int] = set()

    def hear(self, unknown: Sequence[int], client: Callable[[], net.Client], recognizer: SpeechRecognizer) -> None:
        """Settle all of `unknown`."""
        try:
            self._recordings.sweep()
            with Ahead(client, self._fetch, unknown, _FETCHED_AHEAD, self._leave) as ahead:
                outcomes = recognizer.recognise(self._coming(ahead))
                try:
                    for recording, outcome in outcomes:
                        self._heard(recording.key, outcome)
                finally:
                    # In this order: a recogniser may have to join a thread that waits for the next recording.
                    ahead.close()
                    if close := getattr(outcomes, "close", None):
                        close()
        except _NO_RECORDINGS_FAULT as error:
            # The others would only fail the same way.
            for number in unknown:
                if number not in self.hearings:
                    self._blame(number, error)
                    self._settle(number, self._memory.failure(self._episodes[number], error))
        finally:
            for users in self._in_hand.values():
                for _, stored in users:
                    self._recordings.leave(stored)

    async def _fetch(self, web: net.Client, number: int) -> Stored | PodbriefError:
        """A failure is its own recording's."""
        episode = self._episodes[number]
        try:
            digest = self._memory.digest(episode)
            if digest and (stored := self._recordings.held(digest)):
                return stored
            # Named by the address that may be seen: what goes wrong with a file names it.
            address = episode["audio_url"]
            return await self._recordings.fetch(web, _real(address, self._opened), _file_name(address))
        except PodbriefError as error:
            return error

    def _coming(self, ahead: Ahead[int, Stored | PodbriefError]) -> Iterator[Recording]:
        """The recordings to be heard, as they come; what need not be heard is settled."""
        for number, got in ahead:
            episode = self._episodes[number]
            if isinstance(got, PodbriefError):
                self._blame(number, got)
                self._settle(number, self._memory.unfetched(episode, got))
                continue
            self._memory.fetched(episode, got.digest)
            key = self._memory.key(episode, got.digest)
            with self._settling:
                kept = self._memory.hearing(key)
                first = kept is None and key not in self._in_hand
                if kept is None:
                    self._in_hand.setdefault(key, []).append((number, got))
            if kept:
                self._settle(number, kept, "known")
                self._recordings.release(got)
            elif first:
                yield Recording(key, got.path, episode["language"])

    def _heard(self, key: str, outcome: Transcription | PodbriefError) -> None:
        if isinstance(outcome, Transcription):
            self.recognised_s += outcome.duration_s
        with self._settling:
            hearings = [
                (number, self._memory.listened(self._episodes[number], key, stored.size, outcome))
                for number, stored in self._in_hand[key]
            ]
            users = self._in_hand.pop(key)
        for number, hearing in hearings:
            self._blame(number, outcome)
            self._settle(number, hearing)
        for _, stored in users:
            self._recordings.release(stored)

    def _settle(self, number: int, hearing: _Hearing, how: str = "recognised") -> None:
        self.hearings[number] = hearing
        self._done("failed" if _why_wordless(self._episodes[number], hearing) else how)

    def _blame(self, number: int, outcome: Transcription | PodbriefError) -> None:
        if isinstance(outcome, _NO_RECORDINGS_FAULT):
            self.hindrance = self.hindrance or outcome
            self.hindered.add(number)

    def _leave(self, got: Stored | PodbriefError) -> None:
        if isinstance(got, Stored):
            self._recordings.leave(got)


def _file_name(address: str) -> str:
    """What an operator will recognise the recording by, safe as a file's name."""
    name = re.sub(r"[^\w.-]+", "-", urlsplit(address).path.rpartition("/")[2])[-80:].lstrip(".-")
    return name or "recording"


def _far_shorter(episode: dict[str, Any], hearing: _Hearing) -> bool:
    """Whether the audio plays for so little of what the feed says that it can't be the episode.

    What no recording may last is no length but a slip: milliseconds, or minutes taken for hours.
    """
    stated_s, plays_s = episode["duration_s"] or 0.0, hearing.duration_s
    if plays_s is None or stated_s - plays_s <= _FAR_SHORTER_S or stated_s > audio.Limits().duration_s:
        return False
    small = hearing.size is not None and hearing.size < _BOTH_SHORTER * (episode["audio_bytes"] or 0)
    return plays_s < (_BOTH_SHORTER if small else _FAR_SHORTER) * stated_s


def _why_wordless(episode: dict[str, Any], hearing: _Hearing) -> str | None:
    """Why the episode gets no words from a recording; None where it does."""
    if hearing.error or not _far_shorter(episode, hearing):
        return hearing.error
    return (
        f"the audio plays for {hearing.duration_s:,.0f} s and the feed says {episode['duration_s']:,.0f}: it is cut "
        "short, another file or a preview; listen to it and tell the publisher (it is asked for again for a week)"
    )


def _heard_row(episode: dict[str, Any], row: dict[str, Any], hearing: _Hearing) -> dict[str, Any]:
    """The row of an episode whose publisher gave no words, with what was heard."""
    if why := _why_wordless(episode, hearing):
        return {**row, "duration_s": hearing.duration_s, "error": f"{row['error']}; speech recognition: {why}"}
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
