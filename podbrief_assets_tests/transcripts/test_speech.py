"""Speech: real words recognised at the right times, and nothing recognised where nothing was said."""

from __future__ import annotations

import json
import re
import shutil
import threading
import wave
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets import models
from podbrief_assets.errors import PodbriefError
from podbrief_assets.transcripts import audio, speech
from podbrief_assets.transcripts.audio import RATE, Samples
from podbrief_assets.transcripts.segment import Segment
from podbrief_assets.transcripts.speech import Recording, SpeechRecognizer

JFK = "faster-whisper/jfk.flac"
LIBRIVOX = "pocketsphinx/librivox/sense_and_sensibility_01_austen_64kb-{}.wav"


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads of several test processes that wait for each other make everything ten times slower."""
    import torch  # noqa: PLC0415

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(models.find("openai/whisper-tiny.en", converted=tmp_path_factory.mktemp("models")).address)


@pytest.fixture(scope="module")
def recogniser(checkpoint: Path) -> SpeechRecognizer:
    return SpeechRecognizer(str(checkpoint), device="cpu")


@pytest.fixture(scope="module")
def references(corpus: Path) -> dict[str, str]:
    lines = (corpus / "audio/REFERENCES.tsv").read_text("utf-8").splitlines()[1:]
    return {name.removeprefix("audio/"): text for name, text, _ in (line.split("\t") for line in lines)}


def _wav(path: Path, *parts: Samples) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.concatenate(parts) * 32767).astype("<i2").tobytes())
    return path


def _silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * RATE), np.float32)


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower().replace("mr.", "mister"))


def _said(segments: Sequence[Segment]) -> list[str]:
    return _words(" ".join(segment.text for segment in segments))


def _errors(reference: Sequence[str], heard: Sequence[str]) -> int:
    """Words to insert, drop or replace."""
    row = list(range(len(heard) + 1))
    for place, word in enumerate(reference, 1):
        before, row = row, [place]
        for column, other in enumerate(heard, 1):
            row.append(min(before[column] + 1, row[-1] + 1, before[column - 1] + (word != other)))
    return row[-1]


# ── what was said ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_president_is_understood_to_the_word(
    corpus: Path, recogniser: SpeechRecognizer, references: dict[str, str]
) -> None:
    heard = recogniser.listen(corpus / "audio" / JFK)
    assert _said(heard.segments) == _words(references[JFK])
    assert (heard.language, heard.dropped) == ("en", ())
    assert heard.duration_s == 11.0
    assert all(segment.speaker is None and segment.timed for segment in heard.segments)


def test_read_speech_is_recognised_within_a_tenth_of_its_words(
    corpus: Path, recogniser: SpeechRecognizer, references: dict[str, str]
) -> None:
    recordings = [Recording(name, corpus / "audio" / name, "en") for name in references]
    pairs = []
    for recording, heard in recogniser.recognise(recordings):
        assert not isinstance(heard, PodbriefError)
        pairs.append((_words(references[recording.key]), _said(heard.segments)))
    assert len(pairs) == len(references)
    wrong, words = sum(_errors(*pair) for pair in pairs), sum(len(text) for text, _ in pairs)
    assert wrong / words < 0.1, pairs


def test_sentences_begin_and_end_when_they_are_spoken(
    corpus: Path, recogniser: SpeechRecognizer, references: dict[str, str], tmp_path: Path
) -> None:
    names = [LIBRIVOX.format(number) for number in ("0880", "0890", "0930", "0870", "0920")]
    clips = [audio.decode(corpus / "audio" / name) for name in names]
    parts, spans, at = [_silence(20)], [], 20.0
    for clip in clips:
        loud = np.flatnonzero(np.abs(clip) > 0.05)
        spans.append((at + loud[0] / RATE, at + loud[-1] / RATE))
        parts += [clip, _silence(6)]
        at += len(clip) / RATE + 6
    found = recogniser.listen(_wav(tmp_path / "clips.wav", *parts)).segments
    for name, (start_s, end_s) in zip(names, spans, strict=True):
        inside = [segment for segment in found if start_s - 3 < segment.start_s < end_s]
        assert _errors(_words(references[name]), _said(inside)) <= 4, (name, inside)
        assert inside[0].start_s == pytest.approx(start_s, abs=0.5)
        assert inside[-1].end_s == pytest.approx(end_s, abs=0.5)
    assert [segment.start_s for segment in found] == sorted(segment.start_s for segment in found)


def test_what_is_said_across_several_windows_is_said_once(
    corpus: Path, recogniser: SpeechRecognizer, references: dict[str, str], tmp_path: Path
) -> None:
    order = [JFK, *(name for name in references if name != JFK), JFK]
    parts = [part for name in order for part in (audio.decode(corpus / "audio" / name), _silence(0.3))]
    heard = recogniser.listen(_wav(tmp_path / "long.wav", *parts))
    text = _words(" ".join(references[name] for name in order))
    assert heard.duration_s > 2 * speech.WINDOW_S - 6
    assert _errors(text, _said(heard.segments)) <= 0.1 * len(text)


def test_the_same_audio_gives_the_same_words(
    corpus: Path, recogniser: SpeechRecognizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech, "TEMPERATURES", (0.0, 0.8))
    # Not English: the first try is doubtful, so chance has a part in the words.
    path = _wav(
        tmp_path / "a.wav", audio.decode(corpus / "audio/faster-whisper/multilingual.mp3")[30 * RATE : 42 * RATE]
    )
    assert recogniser.listen(path) == recogniser.listen(path)


# ── where nothing was said ───────────────────────────────────────────────────────────────────────────────────────────


def _noise(seconds: float, level: float) -> Samples:
    return (np.random.default_rng(7).standard_normal(int(seconds * RATE)) * level).clip(-1, 1).astype(np.float32)


def _tone(seconds: float) -> Samples:
    return (0.3 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


@pytest.mark.parametrize(
    "sound",
    [_silence(0.001), _silence(70), _noise(40, 0.0003), _noise(15, 0.05)],
    ids=["sixteen samples", "silence", "hiss", "noise"],
)
def test_where_nobody_speaks_there_are_no_words(recogniser: SpeechRecognizer, tmp_path: Path, sound: Samples) -> None:
    heard = recogniser.listen(_wav(tmp_path / "quiet.wav", sound))
    assert heard.segments == ()
    assert heard.duration_s == pytest.approx(len(sound) / RATE)


def test_words_before_and_after_a_long_silence_keep_their_times(
    corpus: Path, recogniser: SpeechRecognizer, tmp_path: Path
) -> None:
    clip = audio.decode(corpus / "audio" / JFK)
    found = recogniser.listen(_wav(tmp_path / "gap.wav", clip, _silence(95), clip)).segments
    assert not [segment for segment in found if 12 < segment.start_s < 105]
    later = [segment for segment in found if segment.start_s > 105]
    assert later[0].start_s == pytest.approx(found[0].start_s + 106, abs=0.5)


# ── files and models that are not what they should be ────────────────────────────────────────────────────────────────


def test_a_file_that_fails_does_not_fail_the_next(corpus: Path, recogniser: SpeechRecognizer, tmp_path: Path) -> None:
    (tmp_path / "page.mp3").write_text("<html>gone</html>")
    recordings = [Recording("page", tmp_path / "page.mp3"), Recording("speech", corpus / "audio" / JFK)]
    outcomes = {recording.key: outcome for recording, outcome in recogniser.recognise(iter(recordings))}
    assert isinstance(outcomes["page"], audio.NotAudio)
    assert isinstance(outcomes["speech"], speech.Transcription)
    assert outcomes["speech"].segments[0].text.startswith("And so")


def test_a_model_that_cannot_be_had_ends_it_all(tmp_path: Path) -> None:
    with pytest.raises(models.ModelMissing):
        list(SpeechRecognizer(str(tmp_path / "nothing")).recognise([Recording(1, tmp_path / "any.mp3")]))


@pytest.mark.parametrize("language", ["en", "en-US", "EN_gb", "", None])
def test_an_english_model_takes_english_however_it_is_written(
    corpus: Path, recogniser: SpeechRecognizer, language: str | None
) -> None:
    assert recogniser.listen(corpus / "audio" / LIBRIVOX.format("0880"), language).language == "en"


@pytest.mark.parametrize("language", ["de", "pt-BR", "ja"])
def test_an_english_model_refuses_other_languages_before_it_listens(
    recogniser: SpeechRecognizer, language: str, tmp_path: Path
) -> None:
    with pytest.raises(speech.LanguageNotSupported, match=f"English only and this is {language}"):
        recogniser.listen(tmp_path / "never opened", language)


def test_a_missing_model_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(models.ModelMissing, match="there is no folder"):
        SpeechRecognizer(str(tmp_path / "nothing")).load()
    with pytest.raises(models.ModelMissing, match="PODBRIEF_ASR_MODEL"):
        SpeechRecognizer(str(tmp_path)).load()


def test_weights_that_were_cut_short_are_told_as_such(checkpoint: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(checkpoint, broken)
    with (broken / "model.safetensors").open("rb+") as file:
        file.truncate(1_000_000)
    with pytest.raises(speech.ModelUnusable, match="broken"):
        SpeechRecognizer(str(broken)).load()


def test_a_model_that_does_not_belong_is_told_as_such(tmp_path: Path) -> None:
    found = models.find("sentence-transformers/all-MiniLM-L6-v2")
    with pytest.raises(speech.ModelUnusable, match="Whisper"):
        SpeechRecognizer(found.address).load()


def test_several_threads_share_one_model(corpus: Path, checkpoint: Path) -> None:
    recogniser = SpeechRecognizer(str(checkpoint), device="cpu")
    seen: list[int] = []
    path = corpus / "audio" / LIBRIVOX.format("0930")
    threads = [threading.Thread(target=lambda: seen.append(len(recogniser.listen(path).segments))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1, 1]


# ── a model of many languages ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def babbler(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> SpeechRecognizer:
    """A tiny multilingual model that never learned anything: every word of it is improbable."""
    import torch  # noqa: PLC0415
    from transformers import WhisperConfig, WhisperForConditionalGeneration  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("babbler") / "model"
    shutil.copytree(checkpoint, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    torch.manual_seed(0)
    small = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    model = WhisperForConditionalGeneration(WhisperConfig(**small, **heads, vocab_size=51_864))
    model.save_pretrained(folder)
    generation = json.loads((checkpoint / "generation_config.json").read_bytes())
    generation |= {
        "is_multilingual": True,
        "lang_to_id": {"<|en|>": 50258, "<|de|>": 50260, "<|yue|>": 50262},
        "task_to_id": {"transcribe": 50358, "translate": 50357},
    }
    (folder / "generation_config.json").write_text(json.dumps(generation))
    return SpeechRecognizer(str(folder), device="cpu")


def test_what_is_improbable_is_dropped_and_told_in_the_language_that_was_detected(
    corpus: Path, babbler: SpeechRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech, "TEMPERATURES", (0.0, 0.8))
    heard = babbler.listen(corpus / "audio" / JFK)
    assert heard.segments == ()
    assert heard.language in {"en", "de", "yue"}
    (dropped,) = heard.dropped
    assert (dropped.start_s, dropped.end_s) == pytest.approx((0.2, 10.8), abs=0.5)
    assert dropped.why


def test_a_feeds_language_is_taken_by_its_first_part(babbler: SpeechRecognizer, tmp_path: Path) -> None:
    assert babbler.listen(_wav(tmp_path / "quiet.wav", _silence(1)), "de-AT").language == "de"


def test_a_language_that_the_model_never_heard_is_refused(babbler: SpeechRecognizer, tmp_path: Path) -> None:
    with pytest.raises(speech.LanguageNotSupported, match="does not know the language tlh"):
        babbler.listen(tmp_path / "never opened", "tlh")


# ── windows, phrases, sentences ──────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=40, deadline=None)
@given(
    parts=st.lists(st.tuples(st.floats(0, 25), st.sampled_from([0.0, 0.0005, 0.02, 0.5])), max_size=12),
    block_s=st.floats(0.05, 40),
)
def test_windows_hold_every_loud_sample_once_and_at_its_place(parts: list[tuple[float, float]], block_s: float) -> None:
    sound = np.concatenate([_silence(0), *(_noise(length, level) for length, level in parts)])
    size = int(block_s * RATE)
    cut = list(speech.windows(sound[at : at + size] for at in range(0, len(sound), size)))
    at = 0
    rebuilt = np.zeros_like(sound)
    for window in cut:
        start = round(window.start_s * RATE)
        assert start >= at
        at = start + len(window.samples)
        assert window.length_s <= speech.WINDOW_S
        rebuilt[start:at] = window.samples
    lost = sound - rebuilt
    # What is left out lies in frames of 20 ms that are silent, or in the last part of one.
    assert float(np.sqrt(np.mean(np.square(lost))) if len(lost) else 0) < 0.02
    assert float(np.abs(lost[: len(lost) // 320 * 320]).max(initial=0)) < 0.02


def test_windows_are_cut_in_pauses() -> None:
    sentence, pause = _noise(6.5, 0.1), _silence(0.5)
    cut = list(speech.windows([np.concatenate([sentence, pause] * 20)]))
    assert len(cut) <= 7
    starts_s = [window.start_s % 7 for window in cut]
    ends_s = [(window.start_s + window.length_s) % 7 for window in cut]
    assert all(start_s < 0.1 or start_s > 6.4 for start_s in starts_s), starts_s
    assert all(end_s < 0.1 or end_s > 6.4 for end_s in ends_s), ends_s


T = 100  # the token of 0 seconds


@pytest.mark.parametrize(
    ("tokens", "found", "until_s"),
    [
        ([T, 1, 2, T + 50], [(0.0, 1.0, (1, 2))], 1.0),
        ([T, 1, T + 50, T + 60, 2, T + 90], [(0.0, 1.0, (1,)), (1.2, 1.8, (2,))], 1.8),
        ([T, 1, T + 50, T + 60, 2], [(0.0, 1.0, (1,))], 1.0),
        ([T + 5, 1, 2], [(0.1, 9.0, (1, 2))], 9.0),
        ([T, 1, T + 1400], [(0.0, 9.0, (1,))], 9.0),
        ([T], [], 9.0),
        ([], [], 9.0),
    ],
    ids=["one", "two", "the second unfinished", "unfinished", "beyond the end", "no words", "nothing"],
)
def test_phrases_stand_between_timestamps(
    tokens: list[int], found: list[tuple[float, float, tuple[int, ...]]], until_s: float
) -> None:
    assert speech.phrases(tokens, T, 9.0) == ([speech.Phrase(*phrase) for phrase in found], until_s)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2000), max_size=60), st.floats(0.1, 30))
def test_phrases_of_any_tokens_lie_inside_their_window(tokens: list[int], length_s: float) -> None:
    found, until_s = speech.phrases(tokens, T, length_s)
    assert 0 <= until_s <= length_s
    assert all(0 <= phrase.start_s <= phrase.end_s <= length_s and phrase.tokens for phrase in found)


def test_a_phrase_is_spoken_when_there_is_something_to_hear() -> None:
    window = speech.Window(100.0, np.concatenate([_noise(2, 0.1), _silence(5), _noise(3, 0.1)]), -60.0)
    assert speech.heard_at(speech.Phrase(0.0, 7.0, (1,)), window) == pytest.approx((100, 102), abs=0.03)
    assert speech.heard_at(speech.Phrase(1.0, 9.0, (1,)), window) == pytest.approx((101, 109), abs=0.03)
    assert speech.heard_at(speech.Phrase(5.0, 7.05, (1,)), window) is None
    assert speech.heard_at(speech.Phrase(10.0, 10.0, (1,)), window) is None


def test_a_loop_is_told_from_speech() -> None:
    assert speech.compression("Thank you for watching. " * 20) > speech.MAX_COMPRESSION
    assert speech.compression("And so, my fellow Americans, ask not what your country can do for you.") < 1.5
    assert speech.compression("") == 0


def _segment(start_s: float, end_s: float, text: str) -> Segment:
    return Segment(start_s=start_s, end_s=end_s, text=text)


def test_parts_of_a_sentence_are_joined_and_sentences_are_not() -> None:
    parts = [
        _segment(0, 4, "Rotterdam replaced its buses"),
        _segment(4, 7, "because they cost too much."),
        _segment(7, 9, "Nobody noticed,"),
        _segment(12, 14, "she said."),
        _segment(14, 16, "“Really?”"),
        _segment(16, 18, "Yes."),
    ]
    assert speech.sentences(parts) == [
        _segment(0, 7, "Rotterdam replaced its buses because they cost too much."),
        *parts[2:],
    ]


def test_a_sentence_that_never_ends_is_ended() -> None:
    joined = speech.sentences(_segment(at, at + 5, "and then") for at in range(0, 100, 5))
    assert max(segment.end_s - segment.start_s for segment in joined) == 30
