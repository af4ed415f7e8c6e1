"""What torch computes on.

Belongs here: which device `auto` is, whether bfloat16 is fast on one, and keeping float32 whole.
Doesn't: whether a model fits a device, or may run on it (`transcripts/engine.py`), settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


def resolved_device(device: str) -> str:
    """`auto` is the GPU where there is one."""
    import torch  # noqa: PLC0415 - takes seconds, and definitions must load without it

    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"


def has_bfloat16(device: str) -> bool:
    """Whether bfloat16 is fast on the device; on a processor without instructions for it, it is 200 times slower."""
    import torch  # noqa: PLC0415

    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # torch has no public way to ask; where a release or a processor lacks these, the answer is no.
    asked = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(bool(ask()) for ask in asked if ask)


@contextmanager
def whole_float32() -> Iterator[None]:
    """Keep torch from shorter numbers for speed, which others in the process may have allowed: errors stay bounded."""
    import torch  # noqa: PLC0415

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
