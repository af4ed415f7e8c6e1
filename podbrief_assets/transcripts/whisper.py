"""Whisper's family of models: sound in, words with their times out, many windows at once.

Belongs here: the network, greedy and freer decoding, when each word was said.
Doesn't: cutting audio into windows (`activity.py`), what to believe (`speech.py`).

The model is Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022); transformers loads it
and its tokenizer. The network is written out here, since `generate` spends more time around the decoder than in it:
keys and values of the sound are computed once, finished windows leave the batch, only what is needed of a step is
computed, and how the decoder looked at the sound, which tells when a word was said, falls off on the way. Timestamp
tokens are not asked for: a pass with them loses words and takes a fifth more steps.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
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
    has_int8,
    two_letters,
    unusable,
)

# Whisper hears 30 seconds at once, and the last words of a window that is full to the brim tend to be lost: over 24
# minutes windows of up to 26 s gave a word error rate of 5.4%, of 28 s 5.2%, of 29.5 s 4.8%, of 30 s 5.0%.
_LONGEST_S: Final = 29.5
_WINDOW: Final = 30 * RATE
_HOP: Final = 160
_FRAMES_A_SECOND: Final = 50  # of the encoder

_MAX_TOKENS: Final = 224  # half of the decoder's positions; a person says 150 in 30 seconds
# Once so few of a batch's windows go on, the others leave it: moving them costs as much as ten steps.
_FEW: Final = 0.7
# A model so narrow loses nothing by eight bits on a processor; one twice as wide loses 1.5 points of words.
_NARROW: Final = 384
# Windows at once in the encoder, on a processor: 1 takes 4% more time, more than 2 no less.
_ENCODED_AT_ONCE: Final = 2
# Queries at once on a processor: what 500 of them see stays in its cache.
_QUERIES: Final = 500


class Whisper:
    """A checkpoint of Whisper's family; see `engine.Engine`."""

    longest_s = _LONGEST_S
    has_temperature = True

    def __init__(self, name: str, weights: models.Weights, device: str, precision: str, compiled: bool = False) -> None:
        import torch  # noqa: PLC0415
        from transformers import WhisperForConditionalGeneration, WhisperProcessor  # noqa: PLC0415

        self._torch, self._name, self._device = torch, name, device
        # Its plans are shared by threads and not guarded: one H200 gave "mha_graph.execute … false" with two of them.
        torch.backends.cuda.enable_cudnn_sdp(False)
        # Typed loosely: what comes back depends on the last argument.
        read: Any = WhisperForConditionalGeneration.from_pretrained
        model, told = read(weights.address, dtype=torch.float32, output_loading_info=True)
        complete(name, weights, told)
        processor = WhisperProcessor.from_pretrained(weights.address)
        self._tokenizer = processor.tokenizer
        self._generation = generation = model.generation_config
        if not all(hasattr(generation, known) for known in ("no_timestamps_token_id", "is_multilingual")):
            raise unusable(name, weights, "its generation_config.json is not Whisper's")
        if generation.is_multilingual and not all(
            getattr(generation, known, None) for known in ("lang_to_id", "task_to_id")
        ):
            raise unusable(name, weights, "its generation_config.json knows no languages")
        precision = precision_of(precision, device, model.config.d_model)
        self.precision = precision
        with torch.inference_mode():
            self._network = _Network(model, processor.feature_extractor.mel_filters, device, precision)
        if compiled and device.startswith("cuda"):  # on a processor what attends can't be compiled
            self._network.compile()
        self._end: int = generation.eos_token_id
        # The token before <|notimestamps|> stands for "no speech", whatever it is called.
        self._no_speech: int = generation.no_timestamps_token_id - 1
        self._first_timestamp: int = generation.no_timestamps_token_id + 1
        self._languages: dict[str, int] = {
            token.strip("<|>"): number for token, number in (getattr(generation, "lang_to_id", None) or {}).items()
        }
        # No symbols and no timestamps; a first token is neither a space nor the end.
        never = torch.zeros(model.config.vocab_size, device=device)
        never[list(generation.suppress_tokens or [])] = -torch.inf
        never[self._first_timestamp :] = -torch.inf
        first = never.clone()
        first[list(generation.begin_suppress_tokens or [])] = -torch.inf
        self._never, self._never_first = never, first

    @property
    def _only_language(self) -> str | None:
        return None if self._generation.is_multilingual else "en"

    def spoken(self, language: str | None) -> str | None:
        code = two_letters(language)
        if self._only_language:
            if code not in ("", "en"):
                raise LanguageNotSupported(
                    f"{self._name} hears English only and this is {language}",
                    "set PODBRIEF_ASR_MODEL to a multilingual model, as openai/whisper-large-v3-turbo",
                )
            return self._only_language
        if code and code not in self._languages:
            raise LanguageNotSupported(
                f"{self._name} does not know the language {language}",
                "correct the feed's language, or set PODBRIEF_ASR_MODEL to a model that knows it",
            )
        return code or None

    def languages(self, sounds: Sequence[Samples]) -> tuple[list[str], npt.NDArray[np.float32]]:
        if self._only_language:
            return [self._only_language], np.zeros((len(sounds), 1), np.float32)
        torch = self._torch
        with computing(self._name):
            states = self._network.encoded(sounds)
            start = torch.full((len(sounds), 1), self._generation.decoder_start_token_id, device=self._device)
            logits = self._network.logits(_Decoding(self._network, states, 1).step(start)[:, -1])
            found = logits[:, list(self._languages.values())].log_softmax(-1)
        return list(self._languages), np.asarray(found.cpu().numpy(), np.float32)

    def hear(self, sounds: Sequence[Samples], languages: Sequence[str], temperature: float) -> list[Guess]:
        with computing(self._name):
            states = self._network.encoded(sounds)
            return self._decoded(states, sounds, languages, temperature)

    def window_bytes(self) -> int:
        return self._network.window_bytes()

    def _prompt(self, language: str) -> list[int]:
        """What every answer begins with. A multilingual model needs language and task, or it loops."""
        start = [self._generation.decoder_start_token_id]
        if not self._only_language:
            start += [self._languages[language], self._generation.task_to_id["transcribe"]]
        return [*start, self._generation.no_timestamps_token_id]

    def _decoded(
        self, states: Any, sounds: Sequence[Samples], languages: Sequence[str], temperature: float
    ) -> list[Guess]:
        """Token by token, all windows side by side."""
        torch = self._torch
        count = len(sounds)
        prompt = torch.tensor([self._prompt(language) for language in languages], device=self._device)
        decoding = _Decoding(self._network, states, prompt.shape[1] + _MAX_TOKENS)
        tokens = torch.full((count, _MAX_TOKENS), self._end, device=self._device)
        logprob = torch.zeros(count, device=self._device)
        no_speech = logprob
        # The same window gives the same words on every run, whichever others share its batch: all draw the same lot.
        chance = torch.Generator(self._device).manual_seed(0)
        alive = torch.arange(count, device=self._device)
        following = prompt
        for step in range(_MAX_TOKENS):
            hidden = decoding.step(following)
            if step == 0:
                no_speech = self._network.logits(hidden[:, 0]).softmax(-1)[:, self._no_speech]
            scores = self._network.logits(hidden[:, -1])
            scores += self._never if step else self._never_first
            if temperature:
                luck = torch.empty(scores.shape[1], device=self._device).exponential_(generator=chance)
                chosen = ((scores / temperature).softmax(-1) / luck).argmax(-1)
                score = scores.gather(1, chosen[:, None])[:, 0]
            else:
                score, chosen = scores.max(-1)
            # What was over before stays over, and adds nothing.
            goes_on = following[:, -1] != self._end
            chosen = torch.where(goes_on, chosen, self._end)
            logprob[alive] += torch.where(goes_on, score - scores.logsumexp(-1), 0.0)
            tokens[alive, step] = chosen
            following = chosen[:, None]
            going = int((chosen != self._end).sum())
            if not going:
                break
            if going <= _FEW * len(alive):
                keep = (chosen != self._end).nonzero()[:, 0]
                decoding.keep(keep)
                alive, following = alive[keep], following[keep]
        written = [row[: row.index(self._end)] if self._end in row else row for row in tokens.tolist()]
        times = self._times(decoding, sounds, written)
        return [
            Guess(
                tuple(alignment.words(row, starts_s, end_s, self._text, language)),
                total / (len(row) + 1),
                silence,
            )
            for row, (starts_s, end_s), language, total, silence in zip(
                written, times, languages, logprob.tolist(), no_speech.tolist(), strict=True
            )
        ]

    def _times(
        self, decoding: _Decoding, sounds: Sequence[Samples], written: Sequence[Sequence[int]]
    ) -> list[tuple[list[float], float]]:
        """When each token begins and when the last one ends, in seconds of its window.

        The end of the text takes part as a token of its own: where it looks, the words are over, though the sound may
        go on.
        """
        counts = [min(len(row) + 1, _MAX_TOKENS) for row in written]
        frames = [min(max(len(sound) * _FRAMES_A_SECOND // RATE, 1), _WINDOW // (2 * _HOP)) for sound in sounds]
        looks, pooled = decoding.looks(counts, frames)
        first = alignment.first_frames(looks, counts, [-(-frame // pooled) for frame in frames])
        found = []
        for sound, row, starts in zip(sounds, written, first.tolist(), strict=True):
            starts_s = [start * pooled / _FRAMES_A_SECOND for start in starts[: len(row) + 1]]
            length_s = len(sound) / RATE
            found.append((starts_s[: len(row)], starts_s[len(row)] if len(starts_s) > len(row) else length_s))
        return found

    def _text(self, tokens: Sequence[int]) -> str:
        return str(self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def precision_of(asked: str, device: str, width: int) -> str:
    """What a model of that width computes in on `device`, where `asked` is one of `engine.PRECISIONS`."""
    if device.startswith("cuda"):
        return "float16" if asked in ("auto", "int8") else asked  # eight bits are for processors
    if asked != "auto":
        return asked
    if has_bfloat16(device):
        return "bfloat16"
    return "int8" if width <= _NARROW and has_int8() else "float32"


def window_bytes(width: int, decoder_layers: int, item_bytes: int) -> int:
    """Memory that one window takes, about: keys and values of the sound in every layer of the decoder, and what the
    encoder holds at its widest."""
    return _WINDOW // (2 * _HOP) * width * item_bytes * (2 * decoder_layers + 12)


class _Network:
    """Encoder and decoder, as matrices. Shapes: (windows, frames or tokens, width)."""

    def __init__(self, model: Any, mel_filters: npt.NDArray[np.float64], device: str, precision: str) -> None:
        import torch  # noqa: PLC0415

        self.torch, self.F, self.device = torch, torch.nn.functional, device
        self.dtype = getattr(torch, precision) if precision != "int8" else torch.float32
        # Where a processor has bfloat16, an eight-bit model uses it for what has no weights.
        self._attends = torch.bfloat16 if precision == "int8" and has_bfloat16(device) else self.dtype
        self._int8 = precision == "int8"
        self._compiled: Any = None
        config = model.config
        self.width, self.heads = config.d_model, config.decoder_attention_heads
        self._encoder_heads = config.encoder_attention_heads
        self._mel = torch.tensor(mel_filters.T, dtype=torch.float32, device=device)
        self._hann = torch.hann_window(400, device=device)
        encoder, decoder = model.model.encoder, model.model.decoder
        self._conv = [self._moved(layer) for layer in (encoder.conv1, encoder.conv2)]
        self._positions = self._moved(encoder.embed_positions).weight
        self._encoder = [
            (
                self._moved(layer.self_attn_layer_norm),
                self._linear(layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj),
                self._linear(layer.self_attn.out_proj),
                self._moved(layer.final_layer_norm),
                self._linear(layer.fc1),
                self._linear(layer.fc2),
            )
            for layer in encoder.layers
        ]
        self._encoder_norm = self._moved(encoder.layer_norm)
        self.decoder = [
            _Layer(
                norm=self._moved(layer.self_attn_layer_norm),
                inward=self._linear(layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj),
                outward=self._linear(layer.self_attn.out_proj),
                sound_norm=self._moved(layer.encoder_attn_layer_norm),
                sound_query=self._linear(layer.encoder_attn.q_proj),
                sound_inward=self._linear(layer.encoder_attn.k_proj, layer.encoder_attn.v_proj),
                sound_outward=self._linear(layer.encoder_attn.out_proj),
                last_norm=self._moved(layer.final_layer_norm),
                wide=self._linear(layer.fc1),
                narrow=self._linear(layer.fc2),
            )
            for layer in decoder.layers
        ]
        self.decoder_norm = self._moved(decoder.layer_norm)
        self.tokens = self._moved(decoder.embed_tokens).weight
        self.token_positions = self._moved(decoder.embed_positions).weight
        self._last = self._linear(model.proj_out)
        self._activation: Any = {"gelu": self.F.gelu, "relu": self.F.relu}[config.activation_function]
        # The heads that follow the sound; a checkpoint that names none is asked through its upper half.
        layers = len(decoder.layers)
        named = getattr(model.generation_config, "alignment_heads", None) or []
        self.following = [(layer, head) for layer, head in named if layer < layers and head < self.heads] or [
            (layer, head) for layer in range(layers // 2, layers) for head in range(self.heads)
        ]

    def _moved(self, module: Any) -> Any:
        return module.to(self.device, self.dtype).requires_grad_(False)

    def _linear(self, *modules: Any) -> Any:
        """One product in place of several of the same input; in eight bits where asked for."""
        torch = self.torch
        weight = torch.cat([module.weight for module in modules])
        fused = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=any(m.bias is not None for m in modules))
        fused.weight.data = weight.detach().clone()
        if fused.bias is not None:
            zeros = [torch.zeros(len(module.weight)) if module.bias is None else module.bias for module in modules]
            fused.bias.data = torch.cat(zeros).detach().clone()
        if not self._int8:
            return self._moved(fused)
        quantization = torch.ao.quantization
        with warnings.catch_warnings():
            # Its successor needs a C++ compiler on the machine.
            warnings.simplefilter("ignore")
            each_row = {torch.nn.Linear: quantization.per_channel_dynamic_qconfig}
            return quantization.quantize_dynamic(torch.nn.Sequential(fused), each_row)[0]

    def window_bytes(self) -> int:
        return window_bytes(self.width, len(self.decoder), self.dtype.itemsize)

    def encoded(self, sounds: Sequence[Samples]) -> Any:
        """The encoder's states: (windows, 1500, width). A shorter pass would save little, and Whisper was never
        taught one: it then loops."""
        if self._compiled:
            # A compiled program is for one shape: batches are filled up to the next of a few.
            count = len(sounds)
            filled = 1 << (count - 1).bit_length()
            return self._compiled(self.F.pad(self._spectrum(sounds), (0, 0, 0, 0, 0, filled - count)))[:count]
        if self.device.startswith("cuda"):
            return self.read(self._spectrum(sounds))
        # A processor gains nothing by more at once, and what lies between the layers is four times what comes out.
        some = [sounds[first : first + _ENCODED_AT_ONCE] for first in range(0, len(sounds), _ENCODED_AT_ONCE)]
        return self.torch.cat([self.read(self._spectrum(part)) for part in some])

    def compile(self) -> None:
        """Compile the encoder: half a minute for each size of batch, and 1.4 times its speed on a large GPU."""
        self._compiled = self.torch.compile(self.read, dynamic=False)

    def read(self, spectrum: Any) -> Any:
        """(windows, bands, 3000) → (windows, 1500, width)."""
        x = self.F.gelu(self._conv[0](spectrum))
        x = self.F.gelu(self._conv[1](x)).transpose(1, 2)
        x = x + self._positions[: x.shape[1]]
        count, length, width = x.shape
        for norm, inward, outward, last_norm, wide, narrow in self._encoder:
            parts = inward(norm(x)).view(count, length, 3, self._encoder_heads, -1).permute(2, 0, 3, 1, 4)
            x = x + outward(self._attended(*parts).transpose(1, 2).reshape(count, length, width))
            x = x + narrow(self._activation(wide(last_norm(x))))
        return self._encoder_norm(x)

    def _spectrum(self, sounds: Sequence[Samples]) -> Any:
        """Whisper's logarithmic mel spectrum: (windows, bands, 3000)."""
        torch = self.torch
        padded = np.zeros((len(sounds), _WINDOW), np.float32)
        for row, sound in zip(padded, sounds, strict=True):
            row[: len(sound)] = sound
        waves = torch.stft(torch.from_numpy(padded).to(self.device), 400, _HOP, window=self._hann, return_complex=True)[
            ..., :-1
        ]
        mel = (self._mel @ (waves.real**2 + waves.imag**2)).clamp(min=1e-10).log10()
        mel = torch.maximum(mel, mel.amax((1, 2), keepdim=True) - 8.0)
        return ((mel + 4.0) / 4.0).to(self.dtype)

    def _attended(self, query: Any, key: Any, value: Any) -> Any:
        """(windows, heads, 1500, width of a head) each."""
        torch = self.torch
        if self._attends != torch.bfloat16 or self.device.startswith("cuda"):
            return self.F.scaled_dot_product_attention(query, key, value)
        # On a processor torch's own attention multiplies in float32 whatever it is given: 45 ms a layer of tiny on one
        # core, this 27.
        query, key, value = (part.to(torch.bfloat16) for part in (query, key, value))
        query = query * query.shape[-1] ** -0.5
        found = torch.empty_like(query)
        for window in range(query.shape[0]):
            for head in range(query.shape[1]):
                keys, values = key[window, head].T, value[window, head]
                for first in range(0, query.shape[2], _QUERIES):
                    some = slice(first, first + _QUERIES)
                    torch.mm((query[window, head, some] @ keys).softmax(-1), values, out=found[window, head, some])
        return found.to(self.dtype)

    def logits(self, hidden: Any) -> Any:
        """(windows, width) → (windows, vocabulary), float32."""
        return self._last(self.decoder_norm(hidden)).float()

    def activated(self, layer: _Layer, x: Any) -> Any:
        return x + layer.narrow(self._activation(layer.wide(layer.last_norm(x))))


@dataclass(frozen=True, slots=True)
class _Layer:
    """A layer of the decoder."""

    norm: Any
    inward: Any
    outward: Any
    sound_norm: Any
    sound_query: Any
    sound_inward: Any
    sound_outward: Any
    last_norm: Any
    wide: Any
    narrow: Any


class _Decoding:
    """One pass of the decoder over a batch: what it keeps from step to step."""

    def __init__(self, network: _Network, states: Any, longest: int) -> None:
        self._network = network
        torch = network.torch
        count, frames, _ = states.shape
        heads, width = network.heads, network.width // network.heads
        self._at = 0
        self._sound: list[tuple[Any, Any]] = []
        for layer in network.decoder:
            key, value = layer.sound_inward(states).view(count, frames, 2, heads, width).permute(2, 0, 3, 1, 4)
            self._sound.append((key.contiguous(), value.contiguous()))
        room = (count, heads, longest, width)
        like = {"dtype": states.dtype, "device": states.device}
        self._before = [(torch.empty(room, **like), torch.empty(room, **like)) for _ in network.decoder]
        self._followed = sorted({layer for layer, _ in network.following})
        # As the sound was before windows left: what the times are told from at the end.
        self._keys = {layer: self._sound[layer][0] for layer in self._followed}
        self._asked: dict[int, Any] = {layer: torch.zeros(room, **like) for layer in self._followed}
        self._rows = torch.arange(count, device=states.device)
        self._prompt = 0

    def step(self, tokens: Any) -> Any:
        """(windows, new tokens) → the decoder's states of them: (windows, new tokens, width)."""
        network = self._network
        torch, F = network.torch, network.F  # noqa: N806 - as torch's users write it
        count, new = tokens.shape
        at, end = self._at, self._at + new
        if not at:
            self._prompt = new
        heads, width = network.heads, network.width // network.heads
        x = F.embedding(tokens, network.tokens) + network.token_positions[at:end]
        for number, layer in enumerate(network.decoder):
            query, key, value = layer.inward(layer.norm(x)).view(count, new, 3, heads, width).permute(2, 0, 3, 1, 4)
            keys, values = self._before[number]
            keys[:, :, at:end], values[:, :, at:end] = key, value
            seen = F.scaled_dot_product_attention(query, keys[:, :, :end], values[:, :, :end], is_causal=new > 1)
            x = x + layer.outward(seen.transpose(1, 2).reshape(count, new, network.width))
            query = layer.sound_query(layer.sound_norm(x)).view(count, new, heads, width).transpose(1, 2)
            if number in self._asked:
                self._asked[number][self._rows, :, at:end] = query
            keys, values = self._sound[number]
            if network.device.startswith("cuda"):
                seen = F.scaled_dot_product_attention(query, keys, values)
            else:
                seen = torch.matmul(torch.matmul(query * width**-0.5, keys.transpose(2, 3)).softmax(-1), values)
            x = x + layer.sound_outward(seen.transpose(1, 2).reshape(count, new, network.width))
            x = network.activated(layer, x)
        self._at = end
        return x

    def keep(self, rows: Any) -> None:
        """Go on with some of the windows."""
        self._sound = [(key[rows], value[rows]) for key, value in self._sound]
        self._before = [(key[rows], value[rows]) for key, value in self._before]
        self._rows = self._rows[rows]

    def looks(self, counts: Sequence[int], frames: Sequence[int]) -> tuple[npt.NDArray[np.float32], int]:
        """How much each token looked at each stretch of sound, and how many frames a stretch is.

        A token was written while the decoder looked at what stands before it, so the first one's look is the last of
        the prompt. As published with the model: the heads that follow the sound, each made comparable over the tokens.

        Args:
            counts, frames: Tokens and frames of each window.

        Returns:
            (windows, tokens, stretches)
        """
        torch, pooled = self._network.torch, 2
        first, most = self._prompt - 1, max(counts)
        longest = -(-max(frames) // pooled) * pooled
        device = self._rows.device
        # It looks at the end of the sound, and not beyond, or the windows beside this one would have a say in it.
        beyond = torch.arange(longest, device=device) >= torch.tensor(frames, device=device)[:, None, None]
        number = torch.tensor(counts, device=device)[:, None, None]  # at least 1: the end
        real = torch.arange(most, device=device)[:, None] < number
        total: Any = 0
        for layer, head in self._network.following:  # one at a time: all at once took most of the memory there is
            query = self._asked[layer][:, head, first : first + most].float() * self._asked[layer].shape[-1] ** -0.5
            key = self._keys[layer][:, head, :longest].float()
            weights = (query @ key.transpose(1, 2)).masked_fill_(beyond, -torch.inf).softmax(-1)
            weights.sub_((weights * real).sum(1, keepdim=True) / number)
            spread = (weights.square().mul_(real).sum(1, keepdim=True) / number).sqrt_()
            total = total + weights.div_(spread.add_(1e-6))
        stretches = self._network.F.avg_pool1d(total, pooled)
        return np.asarray(stretches.cpu().numpy(), np.float32), pooled
