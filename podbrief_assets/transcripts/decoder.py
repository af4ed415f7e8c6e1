"""The program that opens strangers' audio, in a process of its own: its standard input in, samples out.

Belongs here: everything that touches FFmpeg's libraries, and what this process denies itself before it does.
Doesn't: starting it, limits on its time, what its answers mean (`audio.py`).

It is run by its path in Python's isolated mode, so it imports nothing of podbrief, and it is given no environment: code
that a hostile file smuggles in finds no key, no address and no other module. It opens nothing by name, since a playlist
or a reference inside a file could name anything, on this disk or in this network.

Standard output carries frames: a length as four bytes, little-endian, then as many bytes of 16-bit mono samples. A
length of 0 ends them, and one line of JSON follows, with `outcome` and what belongs to it.
"""

from __future__ import annotations

import json
import resource
import struct
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import av

RATE: Final = 16_000

# Containers in which podcasts come. Left out above all: those that name other files (hls, dash, concat, sdp).
_FORMATS: Final = (
    "mp3,mov,mp4,m4a,3gp,3g2,mj2,ogg,flac,wav,w64,aiff,caf,aac,matroska,webm,asf,mpegts,mpeg,avi,flv,amr,ac3,eac3,au"
)
# What may be started to look into them. Pictures (cover art, video) are never decoded.
_CODECS: Final = frozenset(
    {
        *("mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float", "aac", "aac_fixed", "aac_latm", "vorbis", "opus"),
        *("libopus", "libvorbis", "flac", "alac", "ac3", "eac3", "amrnb", "amrwb", "libopencore_amrnb", "speex"),
        *("libopencore_amrwb", "libspeex", "wmav1", "wmav2", "wmapro", "adpcm_ima_wav", "adpcm_ms", "adpcm_ima_qt"),
        *("gsm", "gsm_ms", "libgsm", "libgsm_ms", "pcm_alaw", "pcm_mulaw", "pcm_u8", "pcm_s8", "pcm_s16le"),
        *("pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be", "pcm_f32le", "pcm_f32be", "pcm_f64le"),
    }
)
_OPTIONS: Final = {
    "format_whitelist": _FORMATS,
    "codec_whitelist": ",".join(sorted(_CODECS)),
    "protocol_whitelist": "none",
}

_BLOCK: Final = RATE * 2 * 4  # bytes: four seconds a frame
# So many packets that can't be decoded one after another, and what follows is no audio either.
_MAX_BAD_IN_A_ROW: Final = 500


class _Ended(Exception):
    """Nothing more is to be had; carries the answer."""

    def __init__(self, outcome: str, **facts: Any) -> None:
        super().__init__(outcome)
        self.answer = {"outcome": outcome, **facts}


def _deny(memory_bytes: int, cpu_s: int) -> None:
    for limit, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 16),
    ):
        resource.setrlimit(limit, (value, value))
    # Killed by SIGXCPU at the first, which tells it from whatever else may kill.
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 10))


class _Resampler:
    """Anything → 16 kHz, mono, 16 bits.

    Advertising that a host stitches into an mp3 often has another rate or another number of channels than the show, so
    frames change form in the middle of a file.
    """

    def __init__(self) -> None:
        self._form: tuple[Any, ...] | None = None
        self._inner: av.AudioResampler | None = None

    def feed(self, frame: av.AudioFrame) -> Iterator[bytes]:
        form = (frame.sample_rate, frame.layout.name, frame.format.name)
        if form != self._form:
            yield from self.rest()
            self._form, self._inner = form, av.AudioResampler(format="s16", layout="mono", rate=RATE)
        if self._inner is not None:
            # Timestamps that jump would be taken for gaps; a listener's player plays on, and so do these seconds.
            frame.pts = None
            yield from map(_samples, self._inner.resample(frame))

    def rest(self) -> Iterator[bytes]:
        if self._inner is not None:
            yield from map(_samples, self._inner.resample(None))
        self._inner = None


def _samples(frame: av.AudioFrame) -> bytes:
    return bytes(memoryview(frame.planes[0])[: frame.samples * 2])


def _pieces(file: BinaryIO, state: dict[str, Any]) -> Iterator[bytes]:
    """The samples in `file`; `state` learns what is found on the way."""
    with _opened(file) as container:
        if not container.streams.audio:
            raise _Ended("not_audio", why="nothing in it is sound")
        stream = container.streams.best("audio") or container.streams.audio[0]
        context = stream.codec_context
        # The container's own bit rate would be size over stated length, and says nothing that these two don't.
        state |= {"format": container.format.name, "codec": context.name, "bit_rate": context.bit_rate}
        if context.name not in _CODECS:
            raise _Ended("not_audio", why=f"its sound is {context.name}, which no podcast uses")
        if stream.duration is not None and stream.time_base is not None:
            state["stated_s"] = float(stream.duration * stream.time_base)
        elif container.duration is not None:
            state["stated_s"] = container.duration / av.time_base
        context.thread_count = 1
        resampler = _Resampler()
        for frame in _frames(container.demux(stream), state):
            yield from resampler.feed(frame)
        yield from resampler.rest()


def _opened(file: BinaryIO) -> av.container.InputContainer:
    try:
        return av.open(file, mode="r", options=dict(_OPTIONS))
    except av.EOFError as error:  # it began as audio
        raise _Ended("broken", why="it ends before any sound") from error
    except (av.FFmpegError, ValueError) as error:
        raise _Ended("not_audio", why=_why(error)) from error


def _frames(packets: Iterator[Any], state: dict[str, Any]) -> Iterator[av.AudioFrame]:
    bad_in_a_row = 0
    while bad_in_a_row <= _MAX_BAD_IN_A_ROW:
        try:
            frames = next(packets).decode()
        except (StopIteration, av.EOFError):
            return
        except av.FFmpegError as error:
            # Players skip what they can't decode, and so does everyone who hears the episode.
            state["bad"] += 1
            state["why"] = _why(error)
            bad_in_a_row += 1
            continue
        state["good"] += 1
        bad_in_a_row = 0 if frames else bad_in_a_row
        yield from frames


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)[:200]


def _write(out: BinaryIO, samples: bytes) -> None:
    out.write(struct.pack("<I", len(samples)))
    out.write(samples)


def run(file: BinaryIO, out: BinaryIO, *, max_samples: int) -> dict[str, Any]:
    """Decode `file` and write frames to `out`; the answer that is to follow them."""
    state: dict[str, Any] = {"good": 0, "bad": 0, "samples": 0}
    waiting = bytearray()
    try:
        for piece in _pieces(file, state):
            waiting += piece
            state["samples"] += len(piece) // 2
            if state["samples"] > max_samples:
                raise _Ended("too_long")
            if len(waiting) >= _BLOCK:
                _write(out, bytes(waiting))
                waiting.clear()
    except _Ended as ended:
        return {**state, **ended.answer}
    except MemoryError:
        return {**state, "outcome": "memory"}
    if waiting:
        _write(out, bytes(waiting))
    return {**state, "outcome": "decoded"}


def main() -> None:
    memory_bytes, cpu_s, max_samples = (int(argument) for argument in sys.argv[1:])
    av.logging.set_level(av.logging.PANIC)
    _deny(memory_bytes, cpu_s)
    out = sys.stdout.buffer
    answer = run(sys.stdin.buffer, out, max_samples=max_samples)
    out.write(struct.pack("<I", 0))
    out.write(json.dumps(answer).encode())
    out.flush()


if __name__ == "__main__":
    main()
