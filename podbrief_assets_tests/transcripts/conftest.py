"""Speech models that several test modules hear with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from podbrief_assets import models


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whisper tiny.en, as transformers reads it."""
    found = models.find("openai/whisper-tiny.en", converted=tmp_path_factory.mktemp("models"))
    if found.source != "package":
        pytest.skip("the weights of Whisper tiny.en are not installed (extra `offline`)")
    return Path(found.address)


@pytest.fixture(scope="session")
def babbler(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny multilingual Whisper that never learned anything: every word of it is improbable."""
    import torch  # noqa: PLC0415
    from transformers import WhisperConfig, WhisperForConditionalGeneration  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("babbler") / "model"
    shutil.copytree(tiny, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    torch.manual_seed(0)
    small = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    special = {"decoder_start_token_id": 50_257, "eos_token_id": 50_256, "pad_token_id": 50_256, "bos_token_id": 50_256}
    model = WhisperForConditionalGeneration(WhisperConfig(**small, **heads, **special, vocab_size=51_864))
    model.save_pretrained(folder)
    generation = json.loads((tiny / "generation_config.json").read_bytes())
    generation |= {
        "is_multilingual": True,
        "lang_to_id": {"<|en|>": 50258, "<|de|>": 50260, "<|yue|>": 50262, "<|no|>": 50263},
        "task_to_id": {"transcribe": 50358, "translate": 50357},
    }
    del generation["alignment_heads"]  # of the larger model
    (folder / "generation_config.json").write_text(json.dumps(generation))
    return folder
