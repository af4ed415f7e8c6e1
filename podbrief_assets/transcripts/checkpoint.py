"""What can be told of a speech model without loading it.

Belongs here: reading a checkpoint's small files: its family, the languages that it hears, what it would compute in, how
many windows would go through it at once.
Doesn't: finding weights and whether their files are whole (`models.py`), loading (`engine.py`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podbrief_assets import models
from podbrief_assets.transcripts import engine, parakeet, speech, whisper


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint, as its configuration describes it.

    Attributes:
        family: `whisper` or `parakeet`.
        languages: What it hears, in words.
        width: Of Whisper's decoder; 0 for others.
        layers: Of Whisper's decoder; 0 for others.
    """

    family: str
    languages: str
    width: int = 0
    layers: int = 0

    def precision(self, asked: str, device: str) -> str:
        """What it would compute in on `device`."""
        if self.family == "whisper":
            return whisper.precision_of(asked, device, self.width)
        return parakeet.precision_of(asked, device)

    def batch(self, asked: int, device: str, precision: str, free_bytes: int) -> int | None:
        """How many windows would go through it at once; None where that is known only once it is loaded.

        Args:
            free_bytes: Of the GPU's memory, with the model in it.
        """
        if asked:
            return asked
        if not self.width:
            return None
        item = 4 if precision in ("float32", "int8") else 2
        window = whisper.window_bytes(self.width, self.layers, item)
        return speech.fitting_batch(window, free_bytes if device.startswith("cuda") else None)


def read(name: str, weights: models.Weights) -> Checkpoint:
    """The checkpoint at `weights`.

    Raises:
        ModelUnusable: its folder holds no checkpoint of a family that podbrief knows.
    """
    folder = Path(weights.address)
    config = _json(folder / "config.json")
    kind = str(config.get("model_type"))
    if not config:
        raise engine.unusable(name, weights, "it has no config.json, or one that can't be read")
    if kind == "whisper":
        generation = _json(folder / "generation_config.json")
        codes = generation.get("lang_to_id") or {}
        hears = f"{len(codes)} languages" if generation.get("is_multilingual", bool(codes)) else "English only"
        return Checkpoint("whisper", hears, int(config.get("d_model", 0)), int(config.get("decoder_layers", 0)))
    if kind.startswith("parakeet"):
        many = int(config.get("vocab_size", 0)) > parakeet.MANY_TOKENS
        return Checkpoint("parakeet", f"{len(parakeet.EUROPEAN)} European languages" if many else "English only")
    raise engine.unusable(name, weights, f"its kind is {kind}")


def _json(path: Path) -> dict[str, Any]:
    """What a file holds; nothing where it is missing or damaged."""
    try:
        held = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}
