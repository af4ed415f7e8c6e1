"""Which device there is, and what it is good at."""

from __future__ import annotations

import pytest

from podbrief_assets.devices import has_bfloat16, resolved_device


def test_a_processor_that_torch_knows_little_of_is_asked_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch  # noqa: PLC0415

    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False)
    assert has_bfloat16("cpu") is False
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert has_bfloat16("cpu") is True
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name)
    assert has_bfloat16("cpu") is False


def test_a_device_that_is_named_is_taken_and_auto_is_the_best_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch  # noqa: PLC0415

    assert resolved_device("cuda:1") == "cuda:1"
    for there, device in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert resolved_device("auto") == device
