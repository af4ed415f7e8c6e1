"""How much memory a four-hour episode takes while it is decoded, and how fast that goes.

    python benchmarks/audio_decoding.py [--hours 4] [--corpus ../shared/corpus]

It encodes a minute of read speech from the corpus (without the corpus, a minute of noise), repeats it to four hours as
mp3 (128 kbit/s, stereo, with a header that tells its length) and as m4a (whose index grows with its length), and reads
each through `audio.blocks` in a process of its own. Printed are the peaks of that process and of the decoder that it
starts, at their worst both at once, and the hours of audio for each second. Exit status 1 where the two take more than
400 MB together, or where the length is not what was encoded.

Belongs here: making the files, measuring.
Doesn't: decoding (podbrief_assets/transcripts/audio.py, decoder.py).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from podbrief_assets.transcripts import audio

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
RATE = 44_100
MEGABYTE = 1_000_000
MOST = 400 * MEGABYTE
FORMS = {"mp3": ("mp3", 128_000), "m4a": ("aac", 128_000)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=4.0)
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--decode", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.decode:
        print(json.dumps(decode(arguments.decode)))
        return 0
    missed = 0
    minute = speech(arguments.corpus)
    minutes = round(arguments.hours * 60)
    with tempfile.TemporaryDirectory() as folder:
        for suffix, (codec, bit_rate) in FORMS.items():
            path = Path(folder) / f"episode.{suffix}"
            encode(path, minute, minutes, codec, bit_rate)
            run = subprocess.run([sys.executable, __file__, "--decode", str(path)], check=True, stdout=subprocess.PIPE)
            got = json.loads(run.stdout)
            together = got["own"] + got["decoder"]
            hours = got["duration_s"] / 3600
            print(
                f"{suffix}: {path.stat().st_size / MEGABYTE:.0f} MB, {hours:.3f} hours in {got['wall_s']:.1f} s "
                f"({hours / got['wall_s']:.2f} hours a second); peak {together / MEGABYTE:.0f} MB: "
                f"{got['own'] / MEGABYTE:.0f} MB here and {got['decoder'] / MEGABYTE:.0f} MB in the decoder"
            )
            if together >= MOST or abs(hours * 60 - minutes) > 0.05:
                print(f"  missed: at most {MOST / MEGABYTE:.0f} MB, and {minutes} minutes")
                missed = 1
            path.unlink()
    return missed


def speech(corpus: Path) -> np.ndarray:
    """A minute, as 16-bit stereo samples interleaved: (1, samples * 2)."""
    clips = sorted((corpus / "audio/pocketsphinx/librivox").glob("*.wav"))
    if clips:
        sound = np.concatenate([audio.decode(clip) for clip in clips])
    else:
        print(f"no corpus at {corpus}: noise instead of speech")
        sound = np.random.default_rng(1).standard_normal(20 * audio.RATE).astype(np.float32) * 0.1
    at = np.arange(60 * RATE) * (audio.RATE / RATE)
    mono = np.interp(at % (len(sound) - 1), np.arange(len(sound)), sound)
    return np.repeat((mono * 32767).clip(-32768, 32767).astype(np.int16), 2)[None, :]


def encode(path: Path, minute: np.ndarray, minutes: int, codec: str, bit_rate: int) -> None:
    """Write `minutes` of it: encoded once, since hours of encoding would measure the encoder."""
    import av  # noqa: PLC0415 - the measured process is to have no more than audio.py needs

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE, layout="stereo", bit_rate=bit_rate)
        # What either encoder takes at once.
        size = 1152 if codec == "mp3" else 1024
        resampler = av.AudioResampler(format=stream.format.name, layout="stereo", rate=RATE, frame_size=size)
        frame = av.AudioFrame.from_ndarray(minute, format="s16", layout="stereo")
        frame.sample_rate = RATE
        packets = [packet for each in resampler.resample(frame) for packet in stream.encode(each)]
        base, at, wanted = packets[0].time_base, 0, minutes * 60 / packets[0].time_base
        contents = [(bytes(packet), packet.duration) for packet in packets]
        while at < wanted:
            for content, duration in contents:
                packet = av.Packet(content)
                packet.stream, packet.time_base, packet.duration = stream, base, duration
                packet.pts = packet.dts = at
                container.mux(packet)
                at += duration
                if at >= wanted:
                    break


def decode(path: Path) -> dict[str, float]:
    """Read all blocks; seconds, and peaks in bytes."""
    started, samples, decoder = time.perf_counter(), 0, 0
    for block in audio.blocks(path):
        samples += len(block)
        # The high-water mark only grows, and the decoder is gone after its last block.
        decoder = max(decoder, *(peak(int(child)) for child in children()))
    wall_s = time.perf_counter() - started
    return {"duration_s": samples / audio.RATE, "wall_s": wall_s, "own": peak(os.getpid()), "decoder": decoder}


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split() or ["0"]


def peak(process: int) -> int:
    """The most memory that a process ever held, in bytes; shared libraries count fully."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return 0
    found = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(found[0].split()[1]) * 1024 if found else 0


if __name__ == "__main__":
    sys.exit(main())
