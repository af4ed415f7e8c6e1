"""Fetch an episode's audio and decode it.

Belongs here: the limits on a stranger's audio, fetching it within them, running the decoder, telling what was wrong.
Doesn't: decoding itself (`decoder.py`, a process of its own), HTTP (`net.py`), speech (`speech.py`).
"""

from __future__ import annotations

import json
import math
import os
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

from podbrief_assets import net
from podbrief_assets.errors import PermanentFailure, TransientFailure

Samples = npt.NDArray[np.float32]

RATE: Final = 16_000  # samples a second, as every recogniser wants them

# Four hours at 256 kbit/s are 460 MB. What is larger is video, or no episode.
MAX_BYTES: Final = 500 * net.MEBIBYTE
# With all its breaks and redirects; a slow host that gives 300 kB/s still delivers the largest file.
FETCH_TIMEOUT_S: Final = 30 * 60.0

_DECODER: Final = Path(__file__).with_name("decoder.py")
_CONTAINERS_THAT_KNOW: Final = ("mov", "flac", "wav", "w64", "aiff", "caf", "ogg", "matroska")
_MAX_ANSWER: Final = 10_000  # bytes
_MAX_OGG_PAGE: Final = 27 + 255 + 255 * 255  # bytes (RFC 3533, section 6)


class NotAudio(PermanentFailure):
    """The file is no audio: a web page, an empty file, a picture, anything else."""


class BrokenAudio(PermanentFailure):
    """The file is audio and damaged, or cut short.

    Attributes:
        decoded_s: How far it could be decoded, in seconds.
    """

    def __init__(self, what: str, remedy: str = "", *, decoded_s: float = 0.0) -> None:
        super().__init__(what, remedy)
        self.decoded_s = decoded_s


class TooLong(PermanentFailure):
    """The audio goes on for longer than any episode, or takes longer to decode than any would."""


class DecoderFailed(TransientFailure):
    """The decoder itself did not run; the file is not to blame."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one file may take.

    Attributes:
        duration_s: Of its sound. The longest real episodes are marathons of eight to ten hours.
        memory_bytes: The decoder's address space, so that with the process that reads it (50 MB) even a hostile file
            takes less than 400 MB. Four hours of mp3 go through 130 MiB, most of which are libraries; twelve of m4a,
            whose index grows with its length, through 280.
        cpu_s: The decoder's processor time; four hours of mp3 at 32 kbit/s take 14 s.
        stall_s: The longest wait for the decoder's next block.
    """

    duration_s: float = 12 * 3600.0
    memory_bytes: int = 320 * net.MEBIBYTE
    cpu_s: int = 600
    stall_s: float = 60.0


async def fetch(
    client: net.Client, url: str, path: Path, *, headers: Mapping[str, str] | None = None, kept: Path | None = None
) -> net.Download:
    """Fetch an enclosure to `path`, whatever it is; `decode` finds out.

    Args:
        headers, kept: As for `net.Client.download`.

    Raises:
        net's failures; `path` is then as it was.
    """
    return await client.download(
        url,
        path,
        headers={"Accept": "audio/*,*/*;q=0.1", **(headers or {})},
        max_bytes=MAX_BYTES,
        total_timeout_s=FETCH_TIMEOUT_S,
        kept=kept,
    )


def decode(path: Path, limits: Limits | None = None) -> Samples:
    """All of the sound in `path`: float32 in [-1, 1], mono, 16 kHz; 230 MB an hour. See `blocks`."""
    pieces = list(blocks(path, limits))
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def blocks(path: Path, limits: Limits | None = None) -> Iterator[Samples]:
    """The sound in `path` in blocks of a few seconds: float32 in [-1, 1], mono, 16 kHz.

    Blocks come while the decoder works, and what is wrong may show only after many of them: they are good for nothing
    unless the last one has come. Only one or two are held at a time.

    Raises:
        NotAudio: `path` is no audio.
        BrokenAudio: it breaks off early or is damaged beyond decoding.
        TooLong: it takes more time than `limits` allow.
        DecoderFailed: the decoder did not run.
    """
    limits = limits or Limits()
    size = path.stat().st_size
    if size == 0:
        raise NotAudio(f"{path.name} is empty", "look at the enclosure's address")
    arguments = [limits.memory_bytes, limits.cpu_s, math.ceil(limits.duration_s * RATE)]
    with path.open("rb") as file:
        # -I: neither the environment nor the current folder decides what is imported. -B: it may write no file.
        process = subprocess.Popen(  # noqa: S603 - our own program, with numbers of ours
            [sys.executable, "-I", "-B", str(_DECODER), *map(str, arguments)],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={},
            close_fds=True,
        )
    try:
        yield from _blocks(process, path, size, limits)
    finally:
        process.kill()
        process.communicate()


def _blocks(process: subprocess.Popen[bytes], path: Path, size: int, limits: Limits) -> Iterator[Samples]:
    assert process.stdout is not None and process.stderr is not None  # noqa: S101 - both are pipes
    # Nothing is read from it until the end: what a decoder may say there fits a pipe, and more would only stall it.
    decoded = 0
    while header := _read(process.stdout, 4, path, limits):
        (length,) = struct.unpack("<I", header)
        if not length:
            answer = json.loads(process.stdout.read(_MAX_ANSWER))
            _judge(answer, path, size, decoded, limits)
            return
        samples = np.frombuffer(_read(process.stdout, length, path, limits), "<i2")
        decoded += len(samples)
        yield samples.astype(np.float32) / np.float32(32768)
    raise _killed(process, path, decoded / RATE, limits)


def _read(pipe: IO[bytes], size: int, path: Path, limits: Limits) -> bytes:
    """Exactly `size` bytes, or none where the decoder ended."""
    deadline = time.monotonic() + limits.stall_s
    read = bytearray()
    while len(read) < size:
        if not select.select([pipe], [], [], max(deadline - time.monotonic(), 0.0))[0]:
            raise TooLong(
                f"{path.name} gave no sound for {limits.stall_s:g} s while it was decoded", "look at the file"
            )
        piece = os.read(pipe.fileno(), size - len(read))
        if not piece:
            return b""
        read += piece
    return bytes(read)


def _killed(process: subprocess.Popen[bytes], path: Path, decoded_s: float, limits: Limits) -> Exception:
    """What a decoder that ended without an answer died of."""
    _, said = process.communicate()
    if process.returncode >= 0:
        reason = (said.decode(errors="replace").strip().splitlines() or [f"exit status {process.returncode}"])[-1]
        return DecoderFailed(f"the decoder did not run ({reason[:200]})", "is the package `av` installed?")
    if process.returncode == -signal.SIGKILL:
        return DecoderFailed("the decoder was killed from outside", "did the machine run out of memory?")
    if process.returncode == -signal.SIGXCPU:
        return TooLong(f"{path.name} took more than {limits.cpu_s} s to decode", "look at the file")
    return BrokenAudio(
        f"{path.name} made the decoder crash (signal {-process.returncode}) after {decoded_s:.0f} s",
        "look at the file; nothing outside the decoder was touched",
        decoded_s=decoded_s,
    )


def _judge(answer: dict[str, Any], path: Path, size: int, decoded: int, limits: Limits) -> None:
    """Raise what is wrong with a file that was decoded to its end, or as far as the decoder got."""
    decoded_s = decoded / RATE
    outcome, why = answer["outcome"], answer.get("why", "")
    if outcome == "too_long":
        raise TooLong(f"{path.name} plays for more than {limits.duration_s / 3600:.3g} hours", "is this an episode?")
    if outcome == "memory":
        raise BrokenAudio(
            f"{path.name} takes more than {limits.memory_bytes / net.MEBIBYTE:.0f} MiB to decode",
            "look at the file",
            decoded_s=decoded_s,
        )
    if outcome == "not_audio":
        raise NotAudio(f"{path.name} is no audio that podbrief knows ({why})", "look at what the enclosure serves")
    if outcome == "broken" or not decoded or answer["bad"] > answer["good"]:
        raise BrokenAudio(
            f"{path.name} is damaged: {decoded_s:.0f} s of it could be decoded ({why or 'no sound came'})",
            "tell the publisher",
            decoded_s=decoded_s,
        )
    if answer["format"] == "ogg" and _ends_inside_a_page(path):
        raise BrokenAudio(
            f"{path.name} ends inside a page after {decoded_s:.0f} s",
            "the publisher's file was cut short; it is worth asking for again",
            decoded_s=decoded_s,
        )
    stated_s = answer.get("stated_s") or 0.0
    if decoded_s < 0.9 * stated_s - 2 and _states_truth(answer, stated_s, size):
        raise BrokenAudio(
            f"{path.name} ends after {decoded_s:.0f} of {stated_s:.0f} s",
            "the publisher's file was cut short; it is worth asking for again",
            decoded_s=decoded_s,
        )


def _ends_inside_a_page(path: Path) -> bool:
    """Whether an Ogg file was cut: it states its length nowhere but in its last page, whichever that is.

    That the last page does not say that it is the last is no sign: recordings of streams end so.
    """
    with path.open("rb") as file:
        file.seek(-min(path.stat().st_size, 2 * _MAX_OGG_PAGE), os.SEEK_END)
        tail = file.read()
    start = tail.rfind(b"OggS\0")
    header = tail[start : start + 27]
    if start < 0:
        return False  # something else follows, as tags do that some program put there
    if len(header) < 27:
        return True
    sizes = tail[start + 27 : start + 27 + header[26]]
    return len(sizes) < header[26] or start + 27 + header[26] + sum(sizes) > len(tail)


def _states_truth(answer: dict[str, Any], stated_s: float, size: int) -> bool:
    """Whether the length that a file states is a fact rather than FFmpeg's guess from its first frames.

    An mp3 without a header that counts its frames is guessed to play for size over bit rate, which is wrong by any
    factor where the bit rate varies. A length that needs more bytes than there are was no such guess.
    """
    known = any(name in _CONTAINERS_THAT_KNOW for name in answer["format"].split(","))
    return known or size * 8 < 0.9 * stated_s * (answer.get("bit_rate") or 0)
