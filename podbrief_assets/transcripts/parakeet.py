"""Parakeet's family of models: a Fast Conformer that reads sound once, with a CTC or a TDT head.

Belongs here: what these models take and give, and when each token was said.
Doesn't: cutting audio into windows (`activity.py`), what to believe (`speech.py`).

Rekesh et al., "Fast Conformer with Linearly Scalable Attention" (2023); Xu et al., "Efficient Sequence Transduction by
Jointly Predicting Tokens and Durations" (2023). A CTC head says in each frame what is heard; a TDT head says after each
token how many frames to go on. Both know when, so nothing has to be aligned.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from podbrief_assets import models
from podbrief_assets.devices import has_bfloat16
from podbrief_assets.transcripts import alignment
from podbrief_assets.transcripts.audio import RATE, Samples
from podbrief_assets.transcripts.engine import (
    Guess,
    LanguageNotSupported,
    complete,
    computing,
    two_letters,
)

# The published models with 8,192 tokens hear these, told apart by themselves; those with 1,024 hear English only. A
# checkpoint does not say so: it is from the card of nvidia/parakeet-tdt-0.6b-v3.
EUROPEAN: Final = frozenset(
    "bg hr cs da nl en et fi fr de el hu it lv lt mt pl pt ro sk sl es sv ru uk".split(" ")  # noqa: SIM905 - one line
)
MANY_TOKENS: Final = 8_000
# What is shorter is filled up: a spread over one frame of sound is no number.
_SHORTEST: Final = RATE // 4
# Nobody says more in 80 ms; a model that does not go on would never end.
_MAX_TOKENS_A_FRAME: Final = 4
_WORD_BEGINS: Final = "▁"
# What keeps a logarithm and a division finite, as the models were taught.
_NO_SOUND: Final = 2**-24
_NO_SPREAD: Final = 1e-5

# Tokens, when each begins, when the last ends (in seconds), the mean logarithm of their probability.
_Heard = tuple[list[int], list[float], float, float]


def precision_of(asked: str, device: str) -> str:
    """What a model computes in on `device`, where `asked` is one of `engine.PRECISIONS`."""
    if asked in ("auto", "int8"):
        return "bfloat16" if has_bfloat16(device) else "float32"
    return asked


class Parakeet:
    """A checkpoint of Parakeet's family; see `engine.Engine`."""

    longest_s = 30.0
    has_temperature = False

    def __init__(self, name: str, weights: models.Weights, device: str, precision: str, compiled: bool = False) -> None:
        import torch  # noqa: PLC0415
        from transformers import AutoConfig, AutoProcessor, ParakeetForCTC, ParakeetForTDT  # noqa: PLC0415

        self._torch, self._name, self._device = torch, name, device
        self.precision = precision = precision_of(precision, device)
        config = AutoConfig.from_pretrained(weights.address)
        self._tdt = config.model_type == "parakeet_tdt"
        # Typed loosely: what comes back depends on the last argument.
        read: Any = (ParakeetForTDT if self._tdt else ParakeetForCTC).from_pretrained
        model, told = read(weights.address, dtype=getattr(torch, precision), output_loading_info=True)
        complete(name, weights, told)
        processor = AutoProcessor.from_pretrained(weights.address)
        self._model = model.to(device).eval()
        if compiled and device.startswith("cuda"):
            self._model.encoder.compile()
        self._features, self._tokenizer = processor.feature_extractor, processor.tokenizer
        self._mel = self._features.mel_filters.to(device)
        self._hann = torch.hann_window(self._features.win_length, periodic=False, device=device)
        self._blank: int = config.blank_token_id if self._tdt else config.pad_token_id
        self._factor: int = config.encoder_config.subsampling_factor
        self._frame_s: float = self._features.hop_length * self._factor / RATE
        self._many = config.vocab_size > MANY_TOKENS
        self._wide: int = config.encoder_config.intermediate_size * config.encoder_config.num_hidden_layers
        # transformers keeps the state of a TDT pass on the model.
        self._one_at_a_time = threading.Lock()

    def spoken(self, language: str | None) -> str | None:
        code = two_letters(language)
        known = EUROPEAN if self._many else {"en"}
        if code and code not in known:
            raise LanguageNotSupported(
                f"{self._name} hears {'European languages' if self._many else 'English'} only and this is {language}",
                "set PODBRIEF_ASR_MODEL to a multilingual model, as openai/whisper-large-v3-turbo",
            )
        # It hears without being told, and never says which language it was.
        return code if self._many else "en"

    def languages(self, sounds: Sequence[Samples]) -> tuple[list[str], npt.NDArray[np.float32]]:
        return [""], np.zeros((len(sounds), 1), np.float32)

    def hear(self, sounds: Sequence[Samples], languages: Sequence[str], temperature: float) -> list[Guess]:
        del languages, temperature  # it is not told the one, and has no use for the other
        with computing(self._name):
            filled = [np.pad(sound, (0, max(_SHORTEST - len(sound), 0))) for sound in sounds]
            inputs = self._spectrum(filled)
            lengths = [min(len(sound) / RATE, self.longest_s) for sound in sounds]
            heard = (self._by_duration if self._tdt else self._by_frame)(inputs, lengths)
            return [
                Guess(tuple(alignment.words(tokens, starts_s, ends_s, self._text, "")), logprob, 0.0)
                for tokens, starts_s, ends_s, logprob in heard
            ]

    def window_bytes(self) -> int:
        """What the attention over 30 s and the feed-forward layers hold at their widest, about."""
        return int(self.longest_s / self._frame_s) * self._wide * 2

    def _spectrum(self, sounds: Sequence[Samples]) -> dict[str, Any]:
        """The models' logarithmic mel spectrum, (windows, frames, bands), and which frames are sound.

        As transformers computes it, which does so on the processor alone: a GPU would wait for it.
        """
        torch, form = self._torch, self._features
        padded = np.zeros((len(sounds), max(map(len, sounds))), np.float32)
        for row, sound in zip(padded, sounds, strict=True):
            row[: len(sound)] = sound
            row[1 : len(sound)] -= form.preemphasis * sound[:-1]
        waves = torch.stft(
            torch.from_numpy(padded).to(self._device),
            form.n_fft,
            form.hop_length,
            form.win_length,
            window=self._hann,
            pad_mode="constant",
            return_complex=True,
        )
        mel = torch.log(self._mel @ (waves.real**2 + waves.imag**2) + _NO_SOUND).transpose(1, 2)
        lengths = torch.tensor([max(len(sound) // form.hop_length, 2) for sound in sounds], device=self._device)
        mask = torch.arange(mel.shape[1], device=self._device) < lengths[:, None]
        real, count = mask[..., None], lengths[:, None, None]
        mean = (mel * real).sum(1, keepdim=True) / count
        spread = (((mel - mean) * real) ** 2).sum(1, keepdim=True) / (count - 1)
        mel = (mel - mean) / (spread.sqrt() + _NO_SPREAD) * real
        return {"input_features": mel.to(self._model.dtype), "attention_mask": mask}

    def _by_frame(self, inputs: Any, lengths: Sequence[float]) -> Iterator[_Heard]:
        """CTC: the best token of each frame; what is repeated without a blank between is one token."""
        logprobs = self._model(**inputs).logits.float().log_softmax(-1)
        best, chosen = logprobs.max(-1)
        for length_s, frames, row, scores in zip(
            lengths, self._frames(inputs), chosen.tolist(), best.tolist(), strict=True
        ):
            runs: list[tuple[int, int]] = []
            end = 0
            for token, run in groupby(enumerate(row[:frames]), key=lambda pair: pair[1]):
                places = [place for place, _ in run]
                if token != self._blank:
                    runs.append((token, places[0]))
                    end = places[-1] + 1
            tokens = [token for token, _ in runs]
            starts = [min(first * self._frame_s, length_s) for _, first in runs]
            yield tokens, starts, min(end * self._frame_s, length_s), sum(scores[:frames]) / frames

    def _by_duration(self, inputs: Any, lengths: Sequence[float]) -> Iterator[_Heard]:
        """TDT: tokens with how many frames each takes. transformers gives no probabilities of them."""
        with self._one_at_a_time:
            ends = self._frames(inputs)
            out = self._model.generate(**inputs, max_new_tokens=_MAX_TOKENS_A_FRAME * max(ends))
        silent = {self._blank, self._tokenizer.pad_token_id}
        for row, durations, frames, length_s in zip(
            out.sequences.tolist(), out.durations.tolist(), ends, lengths, strict=True
        ):
            tokens: list[int] = []
            starts: list[float] = []
            at = end = 0
            most = 1 + _MAX_TOKENS_A_FRAME * frames  # the first is what it begins with
            for token, duration in zip(row[:most], durations, strict=False):
                if at >= frames:  # longer windows beside it go on, and what it writes meanwhile is made up
                    break
                if token not in silent:
                    tokens.append(token)
                    starts.append(min(at * self._frame_s, length_s))
                    end = at + max(duration, 1)
                at += duration
            yield tokens, starts, min(end * self._frame_s, length_s), 0.0

    def _frames(self, inputs: Any) -> list[int]:
        """How many frames of the encoder each sound has."""
        steps: list[int] = inputs["attention_mask"].sum(-1).tolist()
        return [-(-count // self._factor) for count in steps]

    def _text(self, tokens: Sequence[int]) -> str:
        special = set(self._tokenizer.all_special_ids)
        pieces = self._tokenizer.convert_ids_to_tokens([token for token in tokens if token not in special])
        return "".join(pieces).replace(_WORD_BEGINS, " ")
