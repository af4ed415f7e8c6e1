"""Audio from strangers: every format that podcasts come in, and every file that is not what it says."""

from __future__ import annotations

import asyncio
import hashlib
import random
import socket
import struct
import wave
from pathlib import Path

import numpy as np
import psutil
import pytest

from podbrief_assets import net
from podbrief_assets.transcripts import audio
from podbrief_assets.transcripts.audio import RATE, Limits
from podbrief_assets_tests.network import Answer, Network

# Every playable file of the corpus with its length in seconds, as its publisher or its header says.
PLAYABLE = {
    "chapters/auphonic.m4a": 10.05,
    "chapters/auphonic.mp3": 10.0,
    "chapters/auphonic.ogg": 10.0,
    "chapters/auphonic.opus": 10.0,
    "chapters/ffmpeg-txxx-comment.mp3": 5.92,
    "chapters/hindenburg-journalist-pro.m4a": 10.05,
    "chapters/hindenburg-journalist-pro.mp3": 10.04,
    "chapters/mp3chaps-py.mp3": 12.14,
    "chapters/nero-chapters.m4a": 10.05,
    "chapters/opus-comment.opus": 10.0,
    "faster-whisper/hotwords.mp3": 4.0,
    "faster-whisper/jfk.flac": 11.0,
    "faster-whisper/multilingual.mp3": 59.9,
    "faster-whisper/stereo_diarization.wav": 5.0,
    "pocketsphinx/cards/005.wav": 3.5,
    "pocketsphinx/librivox/sense_and_sensibility_01_austen_64kb-0870.wav": 7.1,
}


def _wav(path: Path, samples: np.ndarray, rate: int = RATE, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def _tone(seconds: float, rate: int = RATE) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)


# ── what is audio ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", PLAYABLE)
def test_every_format_becomes_sixteen_thousand_samples_a_second(corpus: Path, name: str) -> None:
    samples = audio.decode(corpus / "audio" / name)
    assert (samples.dtype, samples.ndim) == (np.float32, 1)
    assert len(samples) / RATE == pytest.approx(PLAYABLE[name], abs=0.05)
    assert float(np.abs(samples).max()) <= 1


def test_every_file_of_the_corpus_with_sound_was_tried(corpus: Path) -> None:
    suffixes = {".wav", ".mp3", ".m4a", ".ogg", ".opus", ".flac"}
    there = {path for path in (corpus / "audio").rglob("*") if path.suffix in suffixes}
    tried = {corpus / "audio" / name for name in PLAYABLE}
    assert {path.parent.name for path in there - tried} <= {"cards", "librivox"}  # more of the same


def test_samples_keep_their_height_and_their_pitch(tmp_path: Path) -> None:
    stereo = np.repeat(_tone(2, 44_100), 2)
    samples = audio.decode(_wav(tmp_path / "tone.wav", stereo, 44_100, channels=2))
    middle = samples[RATE // 2 : RATE // 2 + RATE]
    assert float(middle.max()) == pytest.approx(0.5, abs=0.02)
    assert int(np.argmax(np.abs(np.fft.rfft(middle)))) == 440


def test_advertising_in_another_form_in_the_middle_of_an_mp3_is_decoded_with_the_rest(
    corpus: Path, tmp_path: Path
) -> None:
    parts = [
        corpus / "audio" / name
        for name in ("chapters/auphonic.mp3", "faster-whisper/multilingual.mp3", "chapters/mp3chaps-py.mp3")
    ]
    rates = {len(audio.decode(part)) for part in parts}
    joined = tmp_path / "joined.mp3"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert len(audio.decode(joined)) == pytest.approx(sum(rates), abs=0.3 * RATE)


def test_a_few_damaged_packets_cost_no_more_than_themselves(corpus: Path, tmp_path: Path) -> None:
    content = bytearray((corpus / "audio/chapters/hindenburg-journalist-pro.mp3").read_bytes())
    for place in range(3000, len(content), 997):
        content[place] ^= 0xFF
    (tmp_path / "scratched.mp3").write_bytes(content)
    assert len(audio.decode(tmp_path / "scratched.mp3")) / RATE == pytest.approx(10, abs=0.5)


def test_blocks_come_while_the_rest_waits(tmp_path: Path) -> None:
    others = set(psutil.Process().children())  # an earlier test's processes are not the decoder's
    blocks = audio.blocks(_wav(tmp_path / "long.wav", _tone(120)))
    first = next(blocks)
    assert 0 < len(first) <= 10 * RATE
    assert len(set(psutil.Process().children()) - others) == 1
    blocks.close()  # nothing of the decoder is left: it would be waiting for a reader for ever
    assert not set(psutil.Process().children()) - others


# ── what is not ──────────────────────────────────────────────────────────────────────────────────────────────────────

NOT_AUDIO: dict[str, bytes] = {
    "nothing": b"",
    "a web page": b"<!DOCTYPE html><html><body>" + b"<p>This episode is for members.</p>" * 3000,
    "zeros": bytes(200_000),
    "noise": random.Random(1).randbytes(300_000),
    "a playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nsegment.ts\n#EXT-X-ENDLIST\n",
    "a picture": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0\x90wS\xde" + bytes(5000),
}


@pytest.mark.parametrize("name", NOT_AUDIO)
def test_what_is_no_audio_is_told_as_such(tmp_path: Path, name: str) -> None:
    path = tmp_path / "episode.mp3"
    path.write_bytes(NOT_AUDIO[name])
    with pytest.raises(audio.NotAudio, match=r"episode\.mp3"):
        audio.decode(path)


def test_samples_without_a_container_are_no_audio(corpus: Path) -> None:
    with pytest.raises(audio.NotAudio):
        audio.decode(corpus / "audio/pocketsphinx/goforward.raw")


@pytest.mark.parametrize("name", ["auphonic.mp3", "auphonic.m4a", "opus-comment.opus", "auphonic.ogg"])
def test_a_file_that_was_cut_half_way_says_how_far_it_went(corpus: Path, tmp_path: Path, name: str) -> None:
    whole = (corpus / "audio/chapters" / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(audio.BrokenAudio) as failure:
        audio.decode(tmp_path / name)
    assert 0 <= failure.value.decoded_s < 6
    assert f"{failure.value.decoded_s:.0f} " in failure.value.what


@pytest.mark.parametrize("ending", [b"", b"TAG" + bytes(125)], ids=["nothing", "tags"])
def test_an_ogg_file_is_whole_with_or_without_a_page_that_says_so_and_whatever_follows(
    corpus: Path, tmp_path: Path, ending: bytes
) -> None:
    whole = (corpus / "audio/chapters/auphonic.opus").read_bytes()
    last = whole.rindex(b"OggS")
    (tmp_path / "stream.opus").write_bytes(whole[:last] + ending)
    assert len(audio.decode(tmp_path / "stream.opus")) / RATE > 8


@pytest.mark.parametrize("place", [5, 20, 27, 40, -1])
def test_an_ogg_file_that_ends_inside_a_page_was_cut(corpus: Path, tmp_path: Path, place: int) -> None:
    whole = (corpus / "audio/chapters/auphonic.opus").read_bytes()
    pages = [place for place in range(len(whole)) if whole[place : place + 5] == b"OggS\0"]
    (tmp_path / "cut.opus").write_bytes(whole[: pages[-2 if place > 0 else -1] + place])
    with pytest.raises(audio.BrokenAudio, match="ends inside a page after"):
        audio.decode(tmp_path / "cut.opus")


def test_a_length_that_is_only_a_guess_makes_no_file_broken(corpus: Path, tmp_path: Path) -> None:
    # An mp3 without a header of its own, as encoders for streams write them: its length is not known to anyone.
    whole = (corpus / "audio/chapters/hindenburg-journalist-pro.mp3").read_bytes()
    (tmp_path / "stream.mp3").write_bytes(whole[100_000:])
    assert 7 < len(audio.decode(tmp_path / "stream.mp3")) / RATE < 8


def _claiming(*, data: int, channels: int = 1, rate: int = RATE, width: int = 2, sound: bytes = bytes(32_000)) -> bytes:
    form = struct.pack("<IHHIIHH", 16, 1, channels, rate, min(rate * width, 2**32 - 1), width, 16)
    return (
        b"RIFF"
        + struct.pack("<I", min(data + 36, 2**32 - 1))
        + b"WAVEfmt "
        + form
        + b"data"
        + struct.pack("<I", data)
        + sound
    )


def test_a_header_that_claims_ten_hours_gives_the_second_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "claims.wav").write_bytes(_claiming(data=36_000 * RATE * 2))
    assert len(audio.decode(tmp_path / "claims.wav")) == RATE


@pytest.mark.parametrize(
    "content",
    [_claiming(data=32_000, channels=65_535), _claiming(data=32_000, rate=2**31 - 1)],
    ids=["65,535 channels", "two thousand million samples a second"],
)
def test_a_header_that_asks_for_the_impossible_ends_in_a_failure_of_ours(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "claims.wav").write_bytes(content)
    with pytest.raises(audio.BrokenAudio):
        audio.decode(tmp_path / "claims.wav")


@pytest.mark.parametrize(
    "text", ["#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{url}\n", "ffconcat version 1.0\nfile '{url}'\n"]
)
def test_a_file_that_names_another_place_makes_nobody_go_there(tmp_path: Path, text: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/secret"
        (tmp_path / "episode.mp3").write_text(text.format(url=url))
        with pytest.raises(audio.NotAudio):
            audio.decode(tmp_path / "episode.mp3")
        listening.settimeout(0.05)
        with pytest.raises(TimeoutError):
            listening.accept()


# ── limits ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sound_without_end_is_given_up_at_the_limit(tmp_path: Path) -> None:
    # 32 kB at one sample a second: four and a half hours, which are half a gigabyte once resampled.
    (tmp_path / "slow.wav").write_bytes(_claiming(data=32_000, rate=1))
    with pytest.raises(audio.TooLong, match=r"more than 0\.0167 hours"):
        audio.decode(tmp_path / "slow.wav", Limits(duration_s=60))


def test_the_decoder_dies_of_too_much_memory_and_nothing_else_does(corpus: Path) -> None:
    path = corpus / "audio/chapters/auphonic.mp3"
    with pytest.raises((audio.BrokenAudio, audio.DecoderFailed)) as failure:
        audio.decode(path, Limits(memory_bytes=90 * net.MEBIBYTE))
    assert failure.value.remedy
    assert len(audio.decode(path, Limits(memory_bytes=192 * net.MEBIBYTE))) == 10 * RATE


def test_the_decoder_dies_of_too_much_time(tmp_path: Path) -> None:
    (tmp_path / "slow.wav").write_bytes(_claiming(data=32_000, rate=1))
    with pytest.raises(audio.TooLong, match="took more than 1 s to decode"):
        audio.decode(tmp_path / "slow.wav", Limits(cpu_s=1))


def test_a_decoder_that_falls_silent_is_not_waited_for(tmp_path: Path) -> None:
    path = _wav(tmp_path / "tone.wav", _tone(1))
    with pytest.raises(audio.TooLong, match="gave no sound for 0 s"):
        audio.decode(path, Limits(stall_s=0))


# ── fetching ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _fetch(url: str, path: Path) -> net.Download:
    async def run() -> net.Download:
        async with net.Client(net.Settings(allowed_private=net.parse_allowed_hosts("127.0.0.1"))) as client:
            return await audio.fetch(client, url, path)

    return asyncio.run(run())


def test_an_enclosure_is_fetched_and_decoded(corpus: Path, network: Network, tmp_path: Path) -> None:
    content = (corpus / "audio/chapters/auphonic.mp3").read_bytes()
    network.answers["/episode.mp3"] = Answer(content, "audio/mpeg")
    fetched = _fetch(f"{network.base}/episode.mp3", tmp_path / "audio/episode")
    assert (fetched.size, fetched.digest) == (len(content), hashlib.sha256(content).hexdigest())
    assert len(audio.decode(fetched.path)) == 10 * RATE


def test_an_enclosure_that_is_a_web_page_is_fetched_and_told_by_the_decoder(network: Network, tmp_path: Path) -> None:
    network.answers["/episode.mp3"] = Answer(NOT_AUDIO["a web page"], "text/html")
    fetched = _fetch(f"{network.base}/episode.mp3", tmp_path / "episode")
    with pytest.raises(audio.NotAudio):
        audio.decode(fetched.path)
