"""The benchmarks of scanning on a small network: they measure what they say, and a broken promise is told."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "scanning.py"
THREE_DAYS = SCRIPT.with_name("three_days.py")
FEEDS = 60


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    return _module(SCRIPT)


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tools(corpus: Path) -> Path:
    folder = corpus.parent / "tools"
    if not (folder / "replay_network.py").is_file():
        pytest.skip("the replay tool is not beside this repository (expected at ../shared/tools)")
    return folder


@pytest.fixture(scope="module")
def base(benchmark: ModuleType, tools: Path) -> Iterator[str]:
    with benchmark.serving(tools, FEEDS // benchmark.SHOWS, "--show", "founderstalk", "--show", "news") as served:
        yield served


def test_each_measure_does_its_work_and_counts_it(
    benchmark: ModuleType, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PODBRIEF_ALLOW_PRIVATE_HOSTS", "127.0.0.1")
    some = 20  # of the two shows' copies
    for name in ("bare first", "scan first", "scan second", "bare second", "plain loop"):
        measured = benchmark._measure(name, base, tmp_path, some)
        assert (measured.feeds, measured.wall_s > 0, measured.cpu_s > 0) == (some, True, True)
        assert measured.feeds_per_s == some / measured.wall_s
    with pytest.raises(AssertionError, match="scan first"):  # nothing is new any more
        benchmark._measure("scan first", base, tmp_path, some)


def test_without_the_network_it_says_so(tmp_path: Path) -> None:
    told = subprocess.run([sys.executable, SCRIPT, "--tools", tmp_path], check=True, capture_output=True, text=True)
    assert told.stdout.startswith("skipped: there is no replay_network.py")


def test_three_days_without_faults_break_no_promise_and_a_broken_one_is_told(tools: Path, tmp_path: Path) -> None:
    three_days = _module(THREE_DAYS)
    three_days.POLICY_FOR_THE_MISSING.remove("20 13")
    (broken,) = three_days.run(tools, tmp_path, copies=3, fault=0.0, shows=["news"])
    assert "the feed that is not there was asked at ['20 05', '20 13'" in broken
