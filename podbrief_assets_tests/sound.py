"""Sound to test with, and how far heard words are from spoken ones."""

from __future__ import annotations

import re
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from podbrief_assets.transcripts.audio import RATE, Samples


def write_wav(path: Path, *parts: Samples) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.concatenate(parts) * 32767).astype("<i2").tobytes())
    return path


def silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * RATE), np.float32)


def noise(seconds: float, level: float) -> Samples:
    return (np.random.default_rng(7).standard_normal(int(seconds * RATE)) * level).clip(-1, 1).astype(np.float32)


def plain_words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower().replace("mr.", "mister"))


def word_errors(reference: Sequence[str], heard: Sequence[str]) -> int:
    """Words to insert, drop or replace."""
    row = list(range(len(heard) + 1))
    for place, word in enumerate(reference, 1):
        before, row = row, [place]
        for column, other in enumerate(heard, 1):
            row.append(min(before[column] + 1, row[-1] + 1, before[column - 1] + (word != other)))
    return row[-1]
