"""Recognise speech: recordings in, timed sentences out.

Belongs here: sharing batches among recordings, catching what the model makes up, joining its words into sentences.
Doesn't: opening files (`audio.py`), voice activity (`activity.py`), the models (`engine.py`, `whisper.py`,
`parakeet.py`), deciding who needs recognition (`acquire.py`).

Voice activity cuts the sound of all waiting recordings into windows; those of like length go through the model side by
side. What comes out is believed unless it loops, is improbable, or is more than anyone can say: such a window is heard
again, each time more freely, then in halves, and what is no better then is marked instead of believed. The thresholds
are those of Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022), section 4.5.
"""

from __future__ import annotations

import os
import queue
import threading
import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from podbrief_assets.devices import resolved_device
from podbrief_assets.errors import PodbriefError
from podbrief_assets.transcripts import audio, engine
from podbrief_assets.transcripts.activity import BEGINS, FRAME_S, VoiceActivity, Window, windows
from podbrief_assets.transcripts.audio import RATE, Samples
from podbrief_assets.transcripts.dialects import settling
from podbrief_assets.transcripts.engine import Guess, ModelUnusable, OutOfMemory, Word
from podbrief_assets.transcripts.segment import Segment

__all__ = ["Dropped", "ModelUnusable", "OutOfMemory", "Recording", "SpeechRecognizer", "Transcription"]

DEFAULT_MODEL: Final = "openai/whisper-tiny.en"
DEFAULT_GPU_MODEL: Final = "openai/whisper-large-v3-turbo"

# As published with Whisper: text that compresses better than language does goes round in circles.
MAX_COMPRESSION: Final = 2.4
MIN_LOGPROB: Final = -1.0
MAX_NO_SPEECH: Final = 0.6
# An auctioneer says 30 letters a second. Who speaks for ten seconds and says fewer than three was not heard.
MAX_LETTERS_A_SECOND: Final = 35.0
MIN_LETTERS_A_SECOND: Final = 3.0
_LONG_ENOUGH_S: Final = 10.0
# A window is heard at these temperatures until its words can be believed; then each half of it is.
TEMPERATURES: Final = (0.0, 0.4, 0.8)
TEMPERATURES_OF_HALVES: Final = (0.0, 0.6)
_SHORTEST_TO_HALVE_S: Final = 4.0
_SHORTEST_REST_S: Final = 1.0
_LEAST_HEARD_S: Final = 0.5

# So many batches are filled before any is heard: the more, the more alike the windows of one.
_BATCHES: Final = 2
# Windows that are cut and wait, of 2 MB each; a GPU has as many taken from it at once as it hears in a round.
_QUEUED: Final = 32
# Where recordings come slowly, as from a network, the model does not wait for full batches.
_PATIENCE_S: Final = 0.5
# On a processor more is no faster (8 take 2% more time than 16), and as much memory is taken by each core's batch.
_CPU_BATCH: Final = 16
_CPU_BATCH_BYTES: Final = 370 * 2**20
_MAX_GPU_BATCH: Final = 128
_MAX_CPU_WORKERS: Final = 8
_MAX_OPENERS: Final = 12  # a core opens and cuts 200 to 400 seconds a second
_SHARE_OF_MEMORY: Final = 0.4  # for a batch, of what a GPU has free; two are on the way
# A recording's language is told from so many of its windows.
_WINDOWS_FOR_LANGUAGE: Final = 4

# Frames of 32 ms before and after those that are surely speech, in which a word may begin or end softly.
_BEGINS_SOFTLY: Final = 3
_LETS_GO: Final = 1


@dataclass(frozen=True, slots=True)
class Recording:
    """A file to be heard.

    Attributes:
        key: Whatever the caller knows it by.
        path: An audio file.
        language: As a feed says it (`en`, `de-AT`); None to detect it, or where the model knows English only.
    """

    key: Any
    path: Path
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """A stretch of audio whose words were not believed.

    Attributes:
        start_s, end_s: Where, in seconds from the start of the audio.
        why: What was wrong with them.
    """

    start_s: float
    end_s: float
    why: str


@dataclass(frozen=True, slots=True)
class Transcription:
    """What was recognised in one file.

    Attributes:
        segments: Sentences in their order; `speaker` is None, since who speaks is never guessed.
        duration_s: Of the audio, speech or not.
        language: As a two-letter code (some have three letters), given or detected.
        dropped: Where the model's words were not believed.
        retried: How many windows were heard more than once.
        words: Every word with its time, where asked for.
    """

    segments: tuple[Segment, ...]
    duration_s: float
    language: str
    dropped: tuple[Dropped, ...] = ()
    retried: int = 0
    words: tuple[Word, ...] = ()


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def fitting_batch(window_bytes: int, free_bytes: int | None) -> int:
    """How many windows go through a model at once.

    Args:
        window_bytes: Memory that one takes.
        free_bytes: Of a GPU's memory, with the model in it; None on a processor.
    """
    if free_bytes is None:
        return max(min(_CPU_BATCH_BYTES // window_bytes, _CPU_BATCH), 1)
    return max(min(int(free_bytes * _SHARE_OF_MEMORY) // window_bytes, _MAX_GPU_BATCH), 1)


# ── what to believe ──────────────────────────────────────────────────────────────────────────────────────────────────


def compression(text: str) -> float:
    """How many times smaller `text` becomes; about 1.5 for a window of speech, and many times that for a loop."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0


def silent(guess: Guess) -> bool:
    """Whether the model itself holds it that nobody speaks."""
    return guess.no_speech > MAX_NO_SPEECH and guess.logprob < MIN_LOGPROB


def doubt(guess: Guess, speech_s: float) -> str | None:
    """Why not to believe what was written about a window in which somebody speaks for `speech_s` seconds."""
    text = guess.text
    letters = sum(map(str.isalnum, text))
    if compression(text) > MAX_COMPRESSION:
        return "the words go round in circles"
    if guess.logprob < MIN_LOGPROB:
        return "the words are improbable"
    if letters > MAX_LETTERS_A_SECOND * max(speech_s, 1.0):
        return "there are more words than anyone can say"
    return None


def lost(guess: Guess, speech_s: float) -> bool:
    """Whether the model fell silent while somebody went on speaking."""
    return speech_s > _LONG_ENOUGH_S and sum(map(str.isalnum, guess.text)) < MIN_LETTERS_A_SECOND * speech_s


def rest(guess: Guess, window: Window) -> Window | None:
    """What is left of a window whose words end while somebody goes on speaking; None where nothing is.

    Whisper likes to end its text at a goodbye, or where another begins to speak. Over 24 minutes, 3 of 57 windows ended
    two to four seconds of speech early, and no other more than half a second.
    """
    first = int((guess.words[-1].end_s if guess.words else 0.0) / FRAME_S)
    left = window.speech[first:]
    if not first or np.count_nonzero(left >= BEGINS) * FRAME_S < _SHORTEST_REST_S:
        return None
    return window.part(first, len(window.speech))


# ── words → sentences ────────────────────────────────────────────────────────────────────────────────────────────────


def in_speech(words: Iterable[Word], window: Window) -> list[Word]:
    """Words of a window, in the seconds of the audio, each begun and ended where somebody speaks.

    A silence goes to the word before or after it, so a word may seem to last for seconds.
    """
    sure = np.pad(window.speech >= BEGINS, (_LETS_GO, _BEGINS_SOFTLY))
    shifts = range(_BEGINS_SOFTLY + _LETS_GO + 1)
    speaking = np.any([sure[shift : shift + len(window.speech)] for shift in shifts], axis=0)
    found = []
    for word in words:
        first = int(word.start_s / FRAME_S)
        last = max(int(np.ceil(word.end_s / FRAME_S)), first + 1)
        loud = np.flatnonzero(speaking[first:last])
        start_s, end_s = word.start_s, word.end_s
        if len(loud):
            start_s = max(start_s, (first + int(loud[0])) * FRAME_S)
            end_s = min(end_s, (first + int(loud[-1]) + 1) * FRAME_S)
        found.append(Word(round(window.at(start_s), 2), round(max(window.at(end_s), window.at(start_s)), 2), word.text))
    return found


def sentences(words: Sequence[Word]) -> list[Segment]:
    """Join words into sentences; a long pause, 30 seconds or 60 words end a sentence too."""
    found: list[Segment] = []
    begun: list[Word] = []
    for place, word in enumerate(words):
        begun.append(word)
        following = words[place + 1] if place + 1 < len(words) else None
        text = "".join(each.text for each in begun).strip()
        if (
            following is None
            or settling.ends_sentence(text)
            or following.start_s - word.end_s > settling.MAX_GAP_S
            or following.end_s - begun[0].start_s > settling.MAX_JOINED_S
            or len(begun) >= settling.MAX_JOINED_WORDS
        ):
            if text:
                ends_s = max(each.end_s for each in begun)
                found.append(Segment(start_s=begun[0].start_s, end_s=ends_s, text=" ".join(text.split())))
            begun = []
    return found


# ── the recogniser ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(eq=False, slots=True)
class _Job:
    """A recording on its way."""

    recording: Recording
    language: str | None = None
    duration_s: float = 0.0
    ended: bool = False
    waiting: int = 0
    retried: int = 0
    words: list[Word] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    error: PodbriefError | None = None

    @property
    def done(self) -> bool:
        return self.error is not None or (self.ended and not self.waiting)

    @property
    def too_early(self) -> bool:
        """Whether the windows that tell its language are still to come: it must not depend on how fast they do."""
        return self.language is None and not self.ended and self.waiting < _WINDOWS_FOR_LANGUAGE


@dataclass(eq=False, slots=True)
class _Task:
    """A window on its way."""

    job: _Job
    window: Window
    halved: bool = False
    tried: int = 0

    @property
    def temperatures(self) -> tuple[float, ...]:
        return TEMPERATURES_OF_HALVES if self.halved else TEMPERATURES

    @property
    def temperature(self) -> float:
        return self.temperatures[self.tried]


@dataclass
class SpeechRecognizer:
    """A speech model, loaded at its first use and once.

    Attributes:
        model: A folder, a packaged model or a name on the hub, of Whisper's or Parakeet's family; `auto` for a large
            one on a GPU and a tiny one, which hears English only, on a processor.
        device: `cuda`, `cpu`, or `auto` for the best there is.
        dtype: `float32`, `float16`, `bfloat16`, `int8` (on a processor), or `auto`: float16 on a GPU; on a
            processor bfloat16 where it has instructions for it, else int8 for narrow models and float32 for others.
        batch_size: Windows at once; 0 for as many as are fast and fit the memory.
        compiled: Whether to compile the encoder on a GPU, which takes a minute and pays with hours of audio to hear.
        word_times: Whether a transcription brings every word with its time.
    """

    model: str = "auto"
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int = 0
    compiled: bool = False
    word_times: bool = False

    @property
    def name(self) -> str:
        """The model that is used: what hears the same has the same name."""
        if self.model != "auto":
            return self.model
        return DEFAULT_GPU_MODEL if self._on.startswith("cuda") else DEFAULT_MODEL

    def load(self) -> None:
        """Load the model now rather than at its first use.

        Raises:
            ModelMissing, ModelUnusable, OutOfMemory: it can't be loaded.
        """
        with _LOADING:  # by whichever thread is first
            _ = self._engine, self._activity

    def listen(self, path: Path, language: str | None = None) -> Transcription:
        """Recognise one file.

        Raises:
            NotAudio, BrokenAudio, TooLong, DecoderFailed: of the file.
            LanguageNotSupported: the model can't hear `language`.
            ModelMissing, ModelUnusable, OutOfMemory: of the model.
        """
        ((_, outcome),) = self.recognise([Recording(None, path, language)])
        if isinstance(outcome, PodbriefError):
            raise outcome
        return outcome

    def recognise(
        self, recordings: Iterable[Recording]
    ) -> Generator[tuple[Recording, Transcription | PodbriefError], None, None]:
        """What is said in each recording or why it is not known, as soon as it is finished, in any order.

        Recordings are opened while others are heard; the next is asked for when there is room, so an iterable that
        waits for its next recording is fine. Memory does not grow with their length or number.

        Raises:
            ModelMissing, ModelUnusable: nothing can be recognised at all.
        """
        self.load()
        # Threads of their own rather than torch's inside each product: they never wait for each other.
        with _Feed(self, recordings) as feed, ThreadPoolExecutor(self._workers, "hear", _one_thread) as pool:
            # More than may have to wait for their recording's language.
            room = max(self._room, _WINDOWS_FOR_LANGUAGE * feed.openers)
            tasks: list[_Task] = []
            open_jobs: set[_Job] = set()
            while True:
                feed.fill(tasks, open_jobs, room)
                tasks = [task for task in tasks if task.job.error is None]
                if not tasks and not open_jobs:
                    break
                if not any(job.done for job in open_jobs):  # else those come first, and batches may fill up meanwhile
                    tasks = self._round(pool, tasks)
                for job in [job for job in open_jobs if job.done]:
                    open_jobs.discard(job)
                    yield job.recording, job.error or self._transcription(job)

    def _round(self, pool: ThreadPoolExecutor, tasks: list[_Task]) -> list[_Task]:
        """Hear each window once; those that are to be heard again come back."""
        again = [task for task in tasks if task.job.too_early]
        tasks = [task for task in tasks if not task.job.too_early]
        self._find_languages(pool, tasks)
        tasks = [task for task in tasks if task.job.error is None]
        # Of like length, so that they end together; a temperature is a batch's.
        tasks.sort(key=lambda task: (task.temperature, task.window.length_s), reverse=True)
        batches: list[list[_Task]] = []
        for task in tasks:
            if not batches or len(batches[-1]) == self._batch or batches[-1][0].temperature != task.temperature:
                batches.append([])
            batches[-1].append(task)
        for batch, guesses in zip(batches, pool.map(self._heard, batches), strict=True):
            for task, guess in zip(batch, guesses, strict=True):
                if isinstance(guess, PodbriefError):
                    task.job.error = guess
                else:
                    again.extend(self._judged(task, guess))
        return again

    def _judged(self, task: _Task, guess: Guess) -> list[_Task]:
        """Take the words of a window, or the tasks that are to follow."""
        job, window = task.job, task.window
        job.waiting -= 1
        if silent(guess):
            return []
        why = doubt(guess, window.speech_s)
        halve = not task.halved and window.length_s >= _SHORTEST_TO_HALVE_S
        if not why and not (halve and lost(guess, window.speech_s)):
            job.words.extend(in_speech(guess.words, window))
            if (unheard := rest(guess, window)) is None:
                return []
            if window.length_s - unheard.length_s < _LEAST_HEARD_S:  # or a window could be heard a thousand times
                job.dropped.append(_dropped(unheard, "the model falls silent while somebody speaks"))
                return []
            job.retried += 1
            job.waiting += 1
            return [_Task(job, unheard, halved=True)]
        job.retried += not task.halved and not task.tried
        if why and self._engine.has_temperature and task.tried + 1 < len(task.temperatures):
            follow = [_Task(job, window, task.halved, task.tried + 1)]
        elif halve:
            follow = [_Task(job, half, halved=True) for half in window.halves() if len(half.samples)]
        else:
            job.dropped.append(_dropped(window, why or ""))
            follow = []
        job.waiting += len(follow)
        return follow

    def _heard(self, batch: Sequence[_Task]) -> list[Guess | PodbriefError]:
        """What is said in each window; a batch that does not fit the memory is heard in halves from then on."""
        sounds = [task.window.samples for task in batch]
        languages = [task.job.language or "" for task in batch]
        try:
            return list(self._engine.hear(sounds, languages, batch[0].temperature))
        except OutOfMemory as error:
            if len(batch) == 1:
                return [_alone(error)]
        self._batch = max(min(self._batch, len(batch) // 2), 1)
        self._free()
        return [*self._heard(batch[: len(batch) // 2]), *self._heard(batch[len(batch) // 2 :])]

    def _find_languages(self, pool: ThreadPoolExecutor, tasks: Sequence[_Task]) -> None:
        """Settle the language of recordings of which it is not known, each by its first windows."""
        unknown: dict[_Job, list[Window]] = {}
        for task in sorted(tasks, key=lambda task: task.window.start_s):
            if task.job.language is None and len(unknown.setdefault(task.job, [])) < _WINDOWS_FOR_LANGUAGE:
                unknown[task.job].append(task.window)
        for job, outcome in zip(unknown, pool.map(self._language_of, unknown.values()), strict=True):
            if isinstance(outcome, PodbriefError):
                job.error = outcome
            else:
                job.language = outcome

    def _language_of(self, some: Sequence[Window]) -> str | PodbriefError:
        try:
            codes, logprobs = self._engine.languages([window.samples for window in some])
        except OutOfMemory as error:
            if len(some) == 1:
                return _alone(error)
            self._free()
            return self._language_of(some[: len(some) // 2])
        return codes[int(logprobs.mean(0).argmax())]

    def _transcription(self, job: _Job) -> Transcription:
        job.words.sort(key=lambda word: word.start_s)
        return Transcription(
            segments=tuple(sentences(job.words)),
            duration_s=job.duration_s,
            language=job.language or "",
            dropped=tuple(sorted(job.dropped, key=lambda stretch: stretch.start_s)),
            retried=job.retried,
            words=tuple(job.words) if self.word_times else (),
        )

    @cached_property
    def _engine(self) -> engine.Engine:
        return engine.load(self.name, self._on, self.dtype, self.compiled)

    @cached_property
    def _activity(self) -> VoiceActivity:
        activity = VoiceActivity()
        activity.load()
        return activity

    @cached_property
    def _on(self) -> str:
        return resolved_device(self.device)

    @cached_property
    def _workers(self) -> int:
        """Batches on the way at once: on a processor one for each core; on a GPU one is prepared while one is heard."""
        return 2 if self._on.startswith("cuda") else min(cores(), _MAX_CPU_WORKERS)

    @cached_property
    def _batch(self) -> int:
        if self.batch_size:
            return self.batch_size
        free = None
        if self._on.startswith("cuda"):
            import torch  # noqa: PLC0415

            free, _ = torch.cuda.mem_get_info(self._on)
        return fitting_batch(self._engine.window_bytes(), free)

    @property
    def _room(self) -> int:
        """Windows that are heard in one round."""
        return _BATCHES * self._workers * self._batch

    def _free(self) -> None:
        if self._on.startswith("cuda"):
            import torch  # noqa: PLC0415

            torch.cuda.empty_cache()


# Held while a model is loaded, and while a thread's number of threads is set.
_LOADING: Final = threading.Lock()
_SETTING: Final = threading.Lock()


def _one_thread() -> None:
    """Let torch take one thread inside each product of the calling thread, and of no other.

    What torch is told last, wherever that is, is also what every thread begins with from then on. So another thread
    tells it what was before.
    """
    import torch  # noqa: PLC0415

    with _SETTING:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        beside = threading.Thread(target=torch.set_num_threads, args=(before,))
        beside.start()
        beside.join()


def _dropped(window: Window, why: str) -> Dropped:
    return Dropped(round(window.start_s, 2), round(window.end_s, 2), why)


def _alone(error: PodbriefError) -> PodbriefError:
    """Without its traceback and cause, which keep what filled the memory for as long as somebody has the error."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


# What a recording's thread says: a window of it, its end and how long it is, or what is wrong with it.
_Said = tuple[_Job, Window | float | PodbriefError]


class _Feed:
    """Opens recordings in threads of its own and hands on their windows; a bounded number waits."""

    def __init__(self, recognizer: SpeechRecognizer, recordings: Iterable[Recording]) -> None:
        self._recognizer = recognizer
        self._recordings = iter(recordings)
        self._lock = threading.Lock()
        # On a processor one opens the next recording while the others hear; a GPU outruns several.
        self.openers = 1 if recognizer._on == "cpu" else max(min(cores() - 2, _MAX_OPENERS), 1)
        self._said: queue.Queue[_Said | BaseException | None] = queue.Queue(
            maxsize=_QUEUED if recognizer._on == "cpu" else recognizer._room
        )
        self._threads = [threading.Thread(target=self._open, name="open", daemon=True) for _ in range(self.openers)]
        self._left = self.openers
        self._stopped = threading.Event()

    def __enter__(self) -> _Feed:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        while any(thread.is_alive() for thread in self._threads):
            try:
                self._said.get(timeout=0.05)  # whoever waits for room gets it, and sees that it is over
            except queue.Empty:
                continue

    def fill(self, tasks: list[_Task], jobs: set[_Job], room: int) -> None:
        """Wait until `room` windows are there, a recording is finished, or nothing more comes (for now).

        Raises:
            Whatever went wrong with asking for recordings.
        """
        while self._left and len(tasks) < room and not any(job.done for job in jobs):
            try:
                said = self._said.get(timeout=_PATIENCE_S if tasks else None)
            except queue.Empty:
                return
            if said is None:
                self._left -= 1
            elif isinstance(said, BaseException):
                raise said
            else:
                self._take(said, tasks, jobs)

    def _take(self, said: _Said, tasks: list[_Task], jobs: set[_Job]) -> None:
        job, what = said
        if job.error:  # it was handed on, and whoever cuts it has yet to notice
            return
        jobs.add(job)
        if isinstance(what, Window):
            job.waiting += 1
            tasks.append(_Task(job, what))
        elif isinstance(what, float):
            job.duration_s, job.ended = what, True
        else:
            job.error = what

    def _open(self) -> None:
        try:
            _one_thread()
            while recording := self._next():
                self._cut(_Job(recording))
        except BaseException as error:  # noqa: BLE001 - it is raised again where the results are waited for
            self._say(error)
        self._say(None)

    def _next(self) -> Recording | None:
        with self._lock:
            recording = None if self._stopped.is_set() else next(self._recordings, None)
        return None if self._stopped.is_set() else recording

    def _cut(self, job: _Job) -> None:
        recogniser = self._recognizer
        samples = 0

        def sound() -> Iterator[Samples]:
            nonlocal samples
            for block in audio.blocks(job.recording.path):
                if self._stopped.is_set() or job.error:  # nobody wants the rest
                    return
                samples += len(block)
                yield block

        try:
            job.language = recogniser._engine.spoken(job.recording.language)
            for window in windows(recogniser._activity.frames(sound()), recogniser._engine.longest_s):
                self._say((job, window))
        except PodbriefError as error:
            self._say((job, error))
        except OSError as error:
            name = job.recording.path.name
            why = f"{name} can't be opened ({error.strerror or error})"
            self._say((job, audio.DecoderFailed(why, "look at the file's rights and the machine's memory")))
        else:
            self._say((job, samples / RATE))

    def _say(self, what: _Said | BaseException | None) -> None:
        """Hand something on, unless nobody listens any more."""
        while not self._stopped.is_set():
            with suppress(queue.Full):
                self._said.put(what, timeout=0.2)
                break
