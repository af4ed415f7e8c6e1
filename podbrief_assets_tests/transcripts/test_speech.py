"""Speech: real words recognised at the right times, nothing where nothing was said, and nothing lost on the way."""

from __future__ import annotations

import difflib
import itertools
import math
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from podbrief_assets import models
from podbrief_assets.errors import PodbriefError
from podbrief_assets.transcripts import audio, engine, speech
from podbrief_assets.transcripts.activity import FRAME, FRAME_S, Window
from podbrief_assets.transcripts.audio import RATE, Samples
from podbrief_assets.transcripts.engine import Guess, LanguageNotSupported, OutOfMemory, Word
from podbrief_assets.transcripts.segment import Segment
from podbrief_assets.transcripts.speech import Recording, SpeechRecognizer, Transcription
from podbrief_assets_tests.sound import noise, plain_words, silence, word_errors, write_wav

JFK = "faster-whisper/jfk.flac"
LIBRIVOX = "pocketsphinx/librivox/sense_and_sensibility_01_austen_64kb-{}.wav"
SAMPLE = Path(__file__).resolve().parents[2] / "data/sample"


@pytest.fixture(scope="module")
def recogniser(tiny: Path) -> SpeechRecognizer:
    return SpeechRecognizer(str(tiny), device="cpu")


@pytest.fixture(scope="module")
def references(corpus: Path) -> dict[str, str]:
    lines = (corpus / "audio/REFERENCES.tsv").read_text("utf-8").splitlines()[1:]
    return {name.removeprefix("audio/"): text for name, text, _ in (line.split("\t") for line in lines)}


def _said(segments: Sequence[Segment]) -> list[str]:
    return plain_words(" ".join(segment.text for segment in segments))


def _outcomes(
    recogniser: SpeechRecognizer, recordings: Iterable[Recording]
) -> dict[Any, Transcription | PodbriefError]:
    found: dict[Any, Transcription | PodbriefError] = {}
    for recording, outcome in recogniser.recognise(recordings):
        assert recording.key not in found  # each once
        found[recording.key] = outcome
    return found


# ── what was said ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_president_is_understood_to_the_word(
    corpus: Path, recogniser: SpeechRecognizer, references: dict[str, str]
) -> None:
    heard = recogniser.listen(corpus / "audio" / JFK)
    assert _said(heard.segments) == plain_words(references[JFK])
    assert (heard.language, heard.dropped, heard.retried, heard.words) == ("en", (), 0, ())
    assert heard.duration_s == 11.0
    assert all(segment.speaker is None and segment.timed for segment in heard.segments)


def test_read_speech_is_recognised_within_a_tenth_of_its_words(
    corpus: Path, recogniser: SpeechRecognizer, references: dict[str, str]
) -> None:
    outcomes = _outcomes(recogniser, [Recording(name, corpus / "audio" / name, "en") for name in references])
    wrong = words = 0
    for name, heard in outcomes.items():
        assert isinstance(heard, Transcription)
        wrong += word_errors(plain_words(references[name]), _said(heard.segments))
        words += len(plain_words(references[name]))
    assert outcomes.keys() == references.keys()
    assert wrong / words < 0.1


def test_sentences_begin_and_end_when_they_are_spoken(
    corpus: Path, recogniser: SpeechRecognizer, references: dict[str, str], tmp_path: Path
) -> None:
    names = [LIBRIVOX.format(number) for number in ("0880", "0890", "0930", "0870", "0920")]
    clips = [audio.decode(corpus / "audio" / name) for name in names]
    parts, spans, at = [silence(20)], [], 20.0
    for clip in clips:
        loud = np.flatnonzero(np.abs(clip) > 0.05)
        spans.append((at + loud[0] / RATE, at + loud[-1] / RATE))
        parts += [clip, silence(6)]
        at += len(clip) / RATE + 6
    found = recogniser.listen(write_wav(tmp_path / "clips.wav", *parts)).segments
    for name, (start_s, end_s) in zip(names, spans, strict=True):
        inside = [segment for segment in found if start_s - 3 < segment.start_s < end_s]
        assert word_errors(plain_words(references[name]), _said(inside)) <= 4, (name, inside)
        assert inside[0].start_s == pytest.approx(start_s, abs=0.5)
        assert inside[-1].end_s == pytest.approx(end_s, abs=0.5)
    assert [segment.start_s for segment in found] == sorted(segment.start_s for segment in found)


def _cues(path: Path) -> list[tuple[float, float, list[str]]]:
    """When each sentence of a VTT file begins and ends, and its words."""
    found = []
    for block in path.read_text("utf-8").split("\n\n")[1:]:
        times, *lines = block.strip().splitlines()
        start, end = ((int(m) * 60 + float(s)) for m, s in re.findall(r"\d+:(\d+):([\d.]+)", times))
        found.append((start, end, plain_words(re.sub(r"<[^>]*>", "", " ".join(lines)))))
    return found


def test_an_episode_is_recognised_with_the_times_of_its_sentences(tiny: Path) -> None:
    recogniser = SpeechRecognizer(str(tiny), device="cpu", word_times=True)
    heard = recogniser.listen(SAMPLE / "audio/the-three-oclock-nap.opus")
    cues = _cues(SAMPLE / "transcripts/the-three-oclock-nap.vtt")
    spoken = [word for *_, words in cues for word in words]
    assert word_errors(spoken, _said(heard.segments)) < 0.1 * len(spoken)
    # Sentences that were understood to the word.
    whole = {tuple(words): (start_s, end_s) for start_s, end_s, words in cues}
    same = [(segment, whole[words]) for segment in heard.segments if (words := tuple(_said([segment]))) in whole]
    assert len(same) > 0.4 * len(cues)
    begins = [abs(segment.start_s - start_s) for segment, (start_s, _) in same]
    ends = [abs(segment.end_s - end_s) for segment, (_, end_s) in same]
    assert np.quantile(begins + ends, 0.9) < 0.5 and max(begins + ends) < 1
    # The first and the last word of each sentence, wherever sentences were thought to end.
    words = [(word, plain) for word in heard.words for plain in plain_words(word.text)]
    blocks = difflib.SequenceMatcher(None, spoken, [plain for _, plain in words], autojunk=False).get_matching_blocks()
    heard_as = {one + n: words[other + n][0] for one, other, size in blocks for n in range(size)}
    off, place = [], 0
    for start_s, end_s, sentence in cues:
        first, last = heard_as.get(place), heard_as.get(place + len(sentence) - 1)
        off += [abs(first.start_s - start_s)] if first else []
        off += [abs(last.end_s - end_s)] if last else []
        place += len(sentence)
    assert len(off) > 1.6 * len(cues)
    assert np.quantile(off, 0.95) < 0.5 and np.median(off) < 0.2
    assert heard.segments == tuple(speech.sentences(heard.words))
    times = [time for word in heard.words for time in (word.start_s, word.end_s)]
    assert all(a <= b + 0.01 for a, b in itertools.pairwise(times))


def test_what_is_said_across_several_windows_is_said_once(
    corpus: Path, recogniser: SpeechRecognizer, references: dict[str, str], tmp_path: Path
) -> None:
    order = [JFK, *(name for name in references if name != JFK), JFK]
    parts = [part for name in order for part in (audio.decode(corpus / "audio" / name), silence(0.3))]
    heard = recogniser.listen(write_wav(tmp_path / "long.wav", *parts))
    text = plain_words(" ".join(references[name] for name in order))
    assert heard.duration_s > 1.5 * 28
    assert word_errors(text, _said(heard.segments)) <= 0.1 * len(text)


def test_a_recording_is_heard_alike_on_every_run_and_beside_others(corpus: Path, recogniser: SpeechRecognizer) -> None:
    one, other = corpus / "audio" / JFK, corpus / "audio" / LIBRIVOX.format("0920")
    alone = [recogniser.listen(one) for _ in range(2)]
    beside = _outcomes(recogniser, [Recording("other", other), Recording("one", one), Recording("again", one)])
    assert alone[0] == alone[1] == beside["one"] == beside["again"]


def test_several_threads_share_one_model(corpus: Path, recogniser: SpeechRecognizer) -> None:
    seen: list[int] = []
    path = corpus / "audio" / LIBRIVOX.format("0930")
    threads = [threading.Thread(target=lambda: seen.append(len(recogniser.listen(path).segments))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1, 1]


# ── where nothing was said ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "sound",
    [silence(0.001), silence(70), noise(40, 0.0003), noise(15, 0.05)],
    ids=["sixteen samples", "silence", "hiss", "noise"],
)
def test_where_nobody_speaks_there_are_no_words(recogniser: SpeechRecognizer, tmp_path: Path, sound: Samples) -> None:
    heard = recogniser.listen(write_wav(tmp_path / "quiet.wav", sound))
    assert (heard.segments, heard.dropped) == ((), ())
    assert heard.duration_s == pytest.approx(len(sound) / RATE)


def test_words_before_and_after_a_long_silence_keep_their_times(
    corpus: Path, recogniser: SpeechRecognizer, tmp_path: Path
) -> None:
    clip = audio.decode(corpus / "audio" / JFK)
    found = recogniser.listen(write_wav(tmp_path / "gap.wav", clip, silence(95), clip)).segments
    assert not [segment for segment in found if segment.end_s > 12 and segment.start_s < 105]
    later = [segment for segment in found if segment.start_s > 105]
    assert later[0].start_s == pytest.approx(found[0].start_s + 106, abs=0.5)


# ── files and models that are not what they should be ────────────────────────────────────────────────────────────────


def test_a_file_that_fails_does_not_fail_the_next(corpus: Path, recogniser: SpeechRecognizer, tmp_path: Path) -> None:
    (tmp_path / "page.mp3").write_text("<html>gone</html>")
    paths = {"page": tmp_path / "page.mp3", "gone": tmp_path / "gone.mp3", "speech": corpus / "audio" / JFK}
    outcomes = _outcomes(recogniser, (Recording(key, path) for key, path in paths.items()))
    assert isinstance(outcomes["page"], audio.NotAudio)
    assert isinstance(outcomes["gone"], audio.DecoderFailed) and "gone.mp3 can't be opened" in str(outcomes["gone"])
    assert isinstance(outcomes["speech"], Transcription)
    assert outcomes["speech"].segments[0].text.startswith("And so")


def test_a_model_that_cannot_be_had_ends_it_all(tmp_path: Path) -> None:
    with pytest.raises(models.ModelMissing):
        list(SpeechRecognizer(str(tmp_path / "nothing")).recognise([Recording(1, tmp_path / "any.mp3")]))


@pytest.mark.parametrize("language", ["de", "pt-BR", "ja"])
def test_an_english_model_refuses_other_languages_before_it_listens(
    recogniser: SpeechRecognizer, language: str, tmp_path: Path
) -> None:
    with pytest.raises(LanguageNotSupported, match=f"English only and this is {language}"):
        recogniser.listen(tmp_path / "never opened", language)


def test_what_is_improbable_is_dropped_and_told_in_the_language_that_was_detected(corpus: Path, babbler: Path) -> None:
    heard = SpeechRecognizer(str(babbler), device="cpu").listen(corpus / "audio" / JFK)
    assert heard.segments == ()
    assert heard.language in {"en", "de", "yue", "no"}
    assert heard.retried == 1
    # What nobody could believe at last are the halves.
    one, other = heard.dropped
    assert (one.start_s, other.end_s) == pytest.approx((0.2, 10.8), abs=0.5)
    assert one.end_s == other.start_s
    assert one.why and other.why


def test_a_feeds_language_is_taken_by_its_first_part(babbler: Path, tmp_path: Path) -> None:
    recogniser = SpeechRecognizer(str(babbler), device="cpu")
    assert recogniser.listen(write_wav(tmp_path / "quiet.wav", silence(1)), "de-AT").language == "de"


def test_a_name_says_what_is_heard_with(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch  # noqa: PLC0415

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert SpeechRecognizer().name == SpeechRecognizer(device="cpu").name == speech.DEFAULT_MODEL
    assert SpeechRecognizer(device="cuda:1").name == speech.DEFAULT_GPU_MODEL
    assert SpeechRecognizer("some/model", "cuda").name == "some/model"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert SpeechRecognizer().name == speech.DEFAULT_GPU_MODEL
    assert SpeechRecognizer(device="cpu").name == speech.DEFAULT_MODEL


def test_a_model_is_loaded_once_by_several_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []

    def load(*_: object) -> Scripted:
        time.sleep(0.1)
        loaded.append(1)
        return Scripted()

    monkeypatch.setattr(engine, "load", load)
    recogniser = SpeechRecognizer("some/model", "cpu")
    threads = [threading.Thread(target=recogniser.load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loaded == [1]


def test_a_gpu_hears_many_windows_at_once(tiny: Path, corpus: Path, references: dict[str, str]) -> None:
    import torch  # noqa: PLC0415

    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device here")
    recogniser = SpeechRecognizer(str(tiny))
    heard = recogniser.listen(corpus / "audio" / JFK)
    assert _said(heard.segments) == plain_words(references[JFK])
    assert recogniser._engine.precision == "float16"
    assert recogniser._batch > 1


# ── a scripted model: who speaks a number every second is understood, unless the script says otherwise ──────────────


def counting(first: int, last: int) -> Samples:
    """A second of sound for each number from `first` until before `last`; its first sample says which."""
    sound = np.full((last - first) * RATE, 0.1, np.float32)
    sound[::RATE] = 0.5 + np.arange(first, last) / 10_000
    return sound


def _numbers(sound: Samples) -> tuple[int, ...]:
    return tuple(round((float(level) - 0.5) * 10_000) for level in sound[sound > 0.45])


class Loud:
    """Takes for speech whatever is no silence."""

    def __init__(self) -> None:
        self.threads: set[int] = set()

    def load(self) -> None: ...

    def frames(self, blocks: Iterable[Samples]) -> Iterator[tuple[Samples, Samples]]:
        import torch  # noqa: PLC0415

        for block in blocks:
            self.threads.add(torch.get_num_threads())
            frames = np.pad(block, (0, -len(block) % FRAME)).reshape(-1, FRAME)
            yield block, (frames.max(1) > 0.05).astype(np.float32)


@dataclass
class Call:
    """What a model was asked."""

    numbers: list[tuple[int, ...]]
    languages: list[str]
    temperature: float
    lengths_s: list[float]


def honest(numbers: Sequence[int], sound: Samples) -> Guess:
    starts_s = (np.flatnonzero(sound > 0.45) / RATE).tolist()
    words = [
        Word(at, min(at + 0.9, len(sound) / RATE), f" n{number:04}")
        for at, number in zip(starts_s, numbers, strict=True)
    ]
    return Guess(tuple(words), -0.2, 0.0)


def looping(sound: Samples) -> Guess:
    return Guess((Word(0.0, len(sound) / RATE, " round and round" * 12),), -0.1, 0.0)


# What it says about a window where it is not honest: (numbers, sound, temperature) → a guess, or None.
Script = Callable[[tuple[int, ...], Samples, float], Guess | None]


@dataclass
class Scripted:
    """An `engine.Engine` that hears in windows of 10 s."""

    script: Script = lambda *_: None
    has_temperature: bool = True
    most: int = 1000  # windows that fit its memory
    most_languages: int = 1000
    calls: list[Call] = field(default_factory=list)
    asked_languages: list[list[tuple[int, ...]]] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    precision: str = "float32"
    longest_s: float = 10.0

    def spoken(self, language: str | None) -> str | None:
        return language

    def languages(self, sounds: Sequence[Samples]) -> tuple[list[str], npt.NDArray[np.float32]]:
        self.asked_languages.append([_numbers(sound) for sound in sounds])
        if len(sounds) > self.most_languages:
            raise OutOfMemory("full", "")
        # Odd hundreds speak German.
        german = [any(number // 100 % 2 for number in _numbers(sound)) for sound in sounds]
        return ["en", "de"], np.log(np.array([[0.1, 0.9] if each else [0.9, 0.1] for each in german], np.float32))

    def hear(self, sounds: Sequence[Samples], languages: Sequence[str], temperature: float) -> list[Guess]:
        import torch  # noqa: PLC0415

        self.threads.add(torch.get_num_threads())
        numbers = [_numbers(sound) for sound in sounds]
        lengths_s = [len(sound) / RATE for sound in sounds]
        self.calls.append(Call(numbers, list(languages), temperature, lengths_s))
        if len(sounds) > self.most:
            raise OutOfMemory("full", "")
        return [
            self.script(number, sound, temperature) or honest(number, sound)
            for number, sound in zip(numbers, sounds, strict=True)
        ]

    def window_bytes(self) -> int:
        return 1


@dataclass
class Studio:
    """Recordings that lie nowhere, and a recogniser with a scripted model."""

    sounds: dict[str, Iterable[Samples]] = field(default_factory=dict)

    def blocks(self, path: Path, _: Any = None) -> Iterator[Samples]:
        yield from self.sounds[path.name]

    def add(self, name: str, *parts: Samples, language: str | None = "en") -> Recording:
        whole = np.concatenate(parts) if parts else np.zeros(0, np.float32)
        self.sounds[name] = [whole[at : at + 4 * RATE] for at in range(0, len(whole), 4 * RATE)]
        return Recording(name, Path(name), language)

    def recogniser(self, scripted: Scripted, batch_size: int = 4, **more: Any) -> SpeechRecognizer:
        found = SpeechRecognizer("scripted", "cpu", batch_size=batch_size, word_times=True, **more)
        found._engine, found._activity = scripted, Loud()  # type: ignore[assignment]
        return found


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch) -> Studio:
    found = Studio()
    monkeypatch.setattr(audio, "blocks", found.blocks)
    return found


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, batches are filled before they are heard."""
    monkeypatch.setattr(speech, "_PATIENCE_S", 30.0)


def _heard(outcome: Transcription | PodbriefError) -> list[int]:
    """The numbers that were understood; each has the time at which it was said."""
    assert isinstance(outcome, Transcription), outcome
    for word in outcome.words:
        assert word.start_s <= word.end_s <= word.start_s + 1.1
    return [int(word.text.strip(" n")) for word in outcome.words]


def _on_time(outcome: Transcription | PodbriefError, starts_s: dict[int, float]) -> bool:
    assert isinstance(outcome, Transcription)
    return all(word.start_s == pytest.approx(starts_s[int(word.text.strip(" n"))], abs=0.05) for word in outcome.words)


def test_what_is_said_is_there_once_and_on_time(studio: Studio) -> None:
    recording = studio.add("a", silence(3), counting(0, 45), silence(20), counting(45, 70), silence(2))
    outcome = _outcomes(studio.recogniser(Scripted()), [recording])["a"]
    assert _heard(outcome) == list(range(70))
    assert _on_time(outcome, {n: 3 + n + 20 * (n >= 45) for n in range(70)})
    assert isinstance(outcome, Transcription)
    assert (outcome.duration_s, outcome.dropped, outcome.retried) == (95.0, (), 0)


def _tries(scripted: Scripted, number: int) -> list[tuple[float, bool]]:
    """How often a number's window was heard: the temperature, and whether it was a half."""
    found = []
    for call in scripted.calls:
        for numbers, length_s in zip(call.numbers, call.lengths_s, strict=True):
            if number in numbers:
                found.append((call.temperature, length_s < 7))
    return found


def test_words_that_loop_are_asked_for_more_freely_then_in_halves_and_then_dropped(studio: Studio) -> None:
    scripted = Scripted(lambda numbers, sound, _: looping(sound) if 15 in numbers else None)
    outcome = _outcomes(studio.recogniser(scripted), [studio.add("a", counting(0, 30))])["a"]
    assert _tries(scripted, 15) == [(t, False) for t in speech.TEMPERATURES] + [
        (t, True) for t in speech.TEMPERATURES_OF_HALVES
    ]
    assert isinstance(outcome, Transcription)
    (dropped,) = outcome.dropped
    assert dropped.why == "the words go round in circles" and outcome.retried == 1
    assert dropped.start_s < 15 < dropped.end_s and 3 < dropped.end_s - dropped.start_s < 7
    lost = [n for n in range(30) if dropped.start_s <= n < dropped.end_s]
    assert sorted(_heard(outcome) + lost) == list(range(30))
    assert _on_time(outcome, {n: n for n in range(30)})
    # The other half and the other windows are heard no more often than it takes.
    assert _tries(scripted, 2) == [(0.0, False)]


@pytest.mark.parametrize("cured_at", speech.TEMPERATURES[1:])
def test_words_that_loop_no_more_are_believed(studio: Studio, cured_at: float) -> None:
    scripted = Scripted(lambda numbers, sound, t: looping(sound) if 15 in numbers and t < cured_at else None)
    outcome = _outcomes(studio.recogniser(scripted), [studio.add("a", counting(0, 30))])["a"]
    assert _heard(outcome) == list(range(30))
    assert isinstance(outcome, Transcription) and (outcome.dropped, outcome.retried) == ((), 1)
    assert [t for t, _ in _tries(scripted, 15)] == [t for t in speech.TEMPERATURES if t <= cured_at]


def test_words_that_loop_in_a_long_window_only_are_heard_in_halves(studio: Studio) -> None:
    scripted = Scripted(lambda _, sound, __: looping(sound) if len(sound) > 7 * RATE else None)
    outcome = _outcomes(studio.recogniser(scripted), [studio.add("a", counting(0, 29), silence(3), counting(29, 40))])[
        "a"
    ]
    assert _heard(outcome) == list(range(40))
    assert isinstance(outcome, Transcription) and outcome.dropped == ()
    assert _on_time(outcome, {n: n + 3 * (n >= 29) for n in range(40)})


def test_a_model_without_temperature_is_asked_once(studio: Studio) -> None:
    scripted = Scripted(lambda numbers, sound, _: looping(sound) if 15 in numbers else None, has_temperature=False)
    outcome = _outcomes(studio.recogniser(scripted), [studio.add("a", counting(0, 30))])["a"]
    assert _tries(scripted, 15) == [(0.0, False), (0.0, True)]
    assert isinstance(outcome, Transcription) and len(outcome.dropped) == 1


def test_what_is_short_is_not_halved(studio: Studio) -> None:
    scripted = Scripted(lambda _, sound, __: looping(sound))
    outcome = _outcomes(studio.recogniser(scripted), [studio.add("a", silence(1), counting(0, 3), silence(1))])["a"]
    assert [t for t, _ in _tries(scripted, 1)] == list(speech.TEMPERATURES)
    assert isinstance(outcome, Transcription) and (outcome.segments, outcome.retried) == ((), 1)
    (dropped,) = outcome.dropped
    assert (dropped.start_s, dropped.end_s) == pytest.approx((0.8, 4.2), abs=0.1)


def test_where_the_model_hears_silence_there_is_nothing_to_drop(studio: Studio) -> None:
    scripted = Scripted(lambda numbers, *_: Guess((Word(0, 9, " Thank you."),), -1.5, 0.9) if 15 in numbers else None)
    outcome = _outcomes(studio.recogniser(scripted), [studio.add("a", counting(0, 30))])["a"]
    assert isinstance(outcome, Transcription) and (outcome.dropped, outcome.retried) == ((), 0)
    assert 15 not in _heard(outcome) and {0, 29} < set(_heard(outcome))


def test_where_the_model_falls_silent_halves_are_heard(studio: Studio) -> None:
    def says(numbers: tuple[int, ...], sound: Samples, _: float) -> Guess | None:
        return Guess((Word(0, 1, " n0011"),), -0.2, 0.0) if 15 in numbers and len(sound) > 8 * RATE else None

    scripted = Scripted(says, longest_s=12.0)
    outcome = _outcomes(studio.recogniser(scripted), [studio.add("a", counting(0, 36))])["a"]
    assert _heard(outcome) == list(range(36))
    assert [t for t, _ in _tries(scripted, 15)] == [0.0, 0.0]
    assert isinstance(outcome, Transcription) and outcome.retried == 1


# ── memory ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("patient")
def test_a_batch_that_does_not_fit_is_heard_in_halves(studio: Studio) -> None:
    recordings = [studio.add(name, counting(at, at + 45)) for name, at in (("a", 0), ("b", 1000), ("c", 2000))]
    expected = _outcomes(studio.recogniser(Scripted(), 16), recordings)
    scripted = Scripted(most=3)
    recogniser = studio.recogniser(scripted, 16)
    assert _outcomes(recogniser, recordings) == expected
    assert recogniser._batch <= 4
    assert max(len(call.numbers) for call in scripted.calls) > 4
    before = len(scripted.calls)
    assert _outcomes(recogniser, recordings) == expected
    assert all(len(call.numbers) <= 4 for call in scripted.calls[before:])  # it remembers


def test_a_window_that_does_not_fit_fails_its_recording_only(studio: Studio) -> None:
    def says(numbers: tuple[int, ...], *_: object) -> None:
        if 1005 in numbers:
            raise OutOfMemory("full", "") from MemoryError()

    recordings = [
        studio.add("a", counting(0, 45)),
        studio.add("b", counting(1000, 1900)),
        studio.add("c", counting(2000, 2045)),
    ]
    scripted = Scripted(says)
    outcomes = _outcomes(studio.recogniser(scripted), recordings)
    assert _heard(outcomes["a"]) == list(range(45))
    assert _heard(outcomes["c"]) == list(range(2000, 2045))
    error = outcomes["b"]
    assert isinstance(error, OutOfMemory)
    # Or it would hold what filled the memory.
    assert error.__traceback__ is error.__cause__ is error.__context__ is None
    # Nobody goes on with 15 minutes, 90 windows, of which nothing will come.
    assert len({n for call in scripted.calls for n in call.numbers if n and 1000 <= n[0] < 1900}) < 50


def test_a_language_is_told_from_fewer_windows_where_memory_is_short(studio: Studio) -> None:
    scripted = Scripted(most_languages=1)
    outcome = _outcomes(studio.recogniser(scripted), [studio.add("a", counting(100, 150), language=None)])["a"]
    assert isinstance(outcome, Transcription) and outcome.language == "de"
    assert [len(asked) for asked in scripted.asked_languages] == [4, 2, 1]
    outcomes = _outcomes(
        studio.recogniser(Scripted(most_languages=0)),
        [studio.add("b", counting(100, 150), language=None), studio.add("c", counting(0, 9))],
    )
    assert isinstance(outcomes["b"], OutOfMemory) and _heard(outcomes["c"]) == list(range(9))


# ── batches and languages ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("patient")
def test_windows_of_several_recordings_share_batches_sorted_by_length(studio: Studio) -> None:
    lengths = (5, 2, 8, 3, 7, 4, 6, 9)
    recordings = [studio.add(f"{n}", counting(100 * n, 100 * n + n), silence(1)) for n in lengths]
    scripted = Scripted()
    outcomes = _outcomes(studio.recogniser(scripted), recordings)
    assert all(_heard(outcomes[f"{n}"]) == list(range(100 * n, 101 * n)) for n in lengths)
    # Batches are heard side by side, so the order of calls is anyone's.
    assert sorted(sorted(map(len, call.numbers)) for call in scripted.calls) == [[2, 3, 4, 5], [6, 7, 8, 9]]


@pytest.mark.usefixtures("patient")
def test_each_recording_is_heard_in_its_own_language(studio: Studio) -> None:
    recordings = [
        studio.add("english", counting(0, 50), language=None),
        studio.add("german", counting(100, 125), language=None),
        studio.add("french", counting(200, 205), language="fr"),
        studio.add("quiet", silence(30), language=None),
    ]
    scripted = Scripted()
    outcomes = _outcomes(studio.recogniser(scripted, 16), recordings)
    found = {key: outcome.language for key, outcome in outcomes.items() if isinstance(outcome, Transcription)}
    assert found == {"english": "en", "german": "de", "french": "fr", "quiet": ""}
    told = {
        (min(n) // 100, language)
        for call in scripted.calls
        for n, language in zip(call.numbers, call.languages, strict=True)
        if n
    }
    assert told == {(0, "en"), (1, "de"), (2, "fr")}
    assert any(len(set(call.languages)) == 3 for call in scripted.calls)


def test_a_language_does_not_depend_on_how_fast_windows_come(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "_PATIENCE_S", 0.02)
    # An English greeting, then German.
    recording = studio.add("a", counting(0, 9), silence(2), counting(100, 160), language=None)
    blocks = list(studio.sounds["a"])
    outcomes = []
    for pause_s in (0.0, 0.06):
        studio.sounds["a"] = (time.sleep(pause_s) or block for block in blocks)
        scripted = Scripted()
        outcomes.append(_outcomes(studio.recogniser(scripted), [recording])["a"])
        (asked,) = scripted.asked_languages
        assert asked[0][0] == 0 and len(asked) == 4
    assert outcomes[0] == outcomes[1]
    assert isinstance(outcomes[0], Transcription) and outcomes[0].language == "de"
    assert _heard(outcomes[0]) == [*range(9), *range(100, 160)]


# ── recordings as they come ──────────────────────────────────────────────────────────────────────────────────────────


def _no_threads_are_left() -> bool:
    return not [each.name for each in threading.enumerate() if each.name.startswith(("open", "hear"))]


def test_a_recording_that_breaks_off_fails_alone(studio: Studio) -> None:
    def breaking() -> Iterator[Samples]:
        yield counting(1000, 1024)
        raise audio.BrokenAudio("b ends inside a page", decoded_s=24)

    recordings = [studio.add("a", counting(0, 40)), studio.add("b"), studio.add("c", counting(2000, 2040))]
    studio.sounds["b"] = breaking()
    outcomes = _outcomes(studio.recogniser(Scripted()), recordings)
    assert isinstance(outcomes["b"], audio.BrokenAudio)
    assert (_heard(outcomes["a"]), _heard(outcomes["c"])) == (list(range(40)), list(range(2000, 2040)))


def test_an_empty_recording_has_no_words(studio: Studio) -> None:
    outcome = _outcomes(studio.recogniser(Scripted()), [studio.add("a", language=None)])["a"]
    assert outcome == Transcription((), 0.0, "")
    assert _outcomes(studio.recogniser(Scripted()), []) == {}


def test_recordings_are_asked_for_when_there_is_room(studio: Studio) -> None:
    asked = 0

    def coming() -> Iterator[Recording]:
        nonlocal asked
        for n in range(100):
            asked += 1
            yield studio.add(f"{n}", counting(0, 300))

    outcomes = studio.recogniser(Scripted(), 2).recognise(coming())
    for done in range(1, 6):
        next(outcomes)
        # 64 windows wait, and as many as fill some batches: ten recordings.
        assert asked <= done + 12
    outcomes.close()
    assert asked <= 20
    assert _no_threads_are_left()


def test_what_is_there_is_heard_while_the_next_recording_is_fetched(studio: Studio) -> None:
    fetched = threading.Event()

    def coming() -> Iterator[Recording]:
        yield studio.add("a", counting(0, 30))
        yield studio.add("b", counting(100, 130))
        assert fetched.wait(30)
        yield studio.add("c", counting(200, 230))

    outcomes = studio.recogniser(Scripted(), 16).recognise(coming())
    first = {next(outcomes)[0].key for _ in range(2)}  # far fewer windows than fill a batch
    assert first == {"a", "b"}
    fetched.set()
    ((last, outcome),) = outcomes
    assert last.key == "c" and _heard(outcome) == list(range(200, 230))
    assert _no_threads_are_left()


def test_what_goes_wrong_with_asking_for_recordings_is_raised(studio: Studio) -> None:
    def coming() -> Iterator[Recording]:
        yield studio.add("a", counting(0, 300))
        raise ConnectionError("no way out")

    with pytest.raises(ConnectionError, match="no way out"):
        list(studio.recogniser(Scripted()).recognise(coming()))
    assert _no_threads_are_left()


def test_what_goes_wrong_with_the_model_is_raised(studio: Studio) -> None:
    def says(numbers: tuple[int, ...], *_: object) -> None:
        if 15 in numbers:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(RuntimeError, match="illegal memory access"):
        list(studio.recogniser(Scripted(says)).recognise([studio.add("a", counting(0, 300))]))
    assert _no_threads_are_left()


def test_who_stops_asking_stops_the_threads_and_the_decoder(studio: Studio) -> None:
    given_out = 0
    opened, closed = threading.Event(), threading.Event()

    def hours_of_silence() -> Iterator[Samples]:
        nonlocal given_out
        opened.set()
        try:
            for _ in range(100_000):
                given_out += 1
                yield silence(1)
        finally:
            closed.set()

    asked = []

    def coming() -> Iterator[Recording]:
        for name in ("a", "long", "never"):
            asked.append(name)
            recording = studio.add(name, counting(0, 12))
            if name == "long":
                studio.sounds["long"] = hours_of_silence()
            yield recording

    outcomes = studio.recogniser(Scripted()).recognise(coming())
    assert next(outcomes)[0].key == "a"
    assert opened.wait(10)
    began = time.monotonic()
    outcomes.close()
    assert time.monotonic() - began < 2
    assert closed.wait(2) and given_out < 100_000
    assert asked == ["a", "long"]
    assert _no_threads_are_left()


def test_threads_of_the_process_are_left_as_they_were(studio: Studio) -> None:
    import torch  # noqa: PLC0415

    def fresh() -> int:
        seen: list[int] = []
        thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        return seen[0]

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        scripted = [Scripted(), Scripted()]
        recognisers = [studio.recogniser(each) for each in scripted]
        recording = studio.add("a", counting(0, 300))
        # Two at once, the second in a thread of its own and done before the first.
        outcomes = recognisers[0].recognise([recording, recording])
        next(outcomes)
        assert (torch.get_num_threads(), fresh()) == (3, 3)
        other = threading.Thread(target=lambda: list(recognisers[1].recognise([recording])))
        other.start()
        other.join()
        list(outcomes)
        assert (torch.get_num_threads(), fresh()) == (3, 3)
        for recogniser, each in zip(recognisers, scripted, strict=True):
            # They never wait for each other.
            assert each.threads == {1} and recogniser._activity.threads == {1}  # type: ignore[attr-defined]
    finally:
        torch.set_num_threads(before)


# ── what to believe ──────────────────────────────────────────────────────────────────────────────────────────────────

SPEECH = (
    "And so, my fellow Americans, ask not what your country can do for you, ask what you can do for your country. "
    "My guest is Doctor Hester Quill of the Larkmoor Institute, and she had six hundred nurses taking naps at work."
)


def _guess(text: str, logprob: float = -0.3, no_speech: float = 0.0) -> Guess:
    return Guess((Word(0.0, 1.0, text),), logprob, no_speech)


def test_a_loop_is_told_from_speech() -> None:
    assert speech.compression("Thank you for watching. " * 20) > speech.MAX_COMPRESSION
    assert 1 < speech.compression(SPEECH) < 1.9
    assert speech.compression("") == 0


@pytest.mark.parametrize(
    ("guess", "speech_s", "why"),
    [
        (_guess(SPEECH), 20.0, None),
        (_guess(SPEECH, -0.99), 20.0, None),
        (_guess(SPEECH, -1.01), 20.0, "improbable"),
        (_guess("Thank you for watching. " * 20), 20.0, "circles"),
        (_guess("no, no, no, no, no."), 20.0, None),
        (_guess(SPEECH), 4.0, "more words than anyone can say"),
        (_guess(SPEECH), 6.0, None),
        (_guess("Yes, certainly."), 0.1, None),
        (_guess(""), 20.0, None),
    ],
)
def test_what_is_doubted(guess: Guess, speech_s: float, why: str | None) -> None:
    found = speech.doubt(guess, speech_s)
    assert found is None if why is None else found is not None and why in found


def test_silence_is_believed_where_words_are_improbable_too() -> None:
    assert speech.silent(_guess("Thank you.", -1.2, 0.7))
    assert not speech.silent(_guess("Thank you.", -0.5, 0.7))
    assert not speech.silent(_guess("Thank you.", -1.2, 0.5))


def test_a_model_that_fell_silent_is_told_from_a_slow_speaker() -> None:
    assert speech.lost(_guess("And so"), 20.0)
    assert speech.lost(_guess(""), 11.0)
    assert not speech.lost(_guess(""), 9.0)
    assert not speech.lost(_guess(SPEECH), 28.0)


# ── sentences ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _timed(text: str, start_s: float = 0.0, each_s: float = 0.5) -> list[Word]:
    return [
        Word(start_s + n * each_s, start_s + (n + 1) * each_s, f" {word}") for n, word in enumerate(text.split(" "))
    ]


def _texts(words: Sequence[Word]) -> list[str]:
    return [segment.text for segment in speech.sentences(words)]


def test_words_are_joined_to_sentences_with_their_times() -> None:
    words = _timed("Rotterdam replaced its buses. Nobody noticed, she said. “Really?” Yes!")
    assert speech.sentences(words) == [
        Segment(start_s=0.0, end_s=2.0, text="Rotterdam replaced its buses."),
        Segment(start_s=2.0, end_s=4.0, text="Nobody noticed, she said."),
        Segment(start_s=4.0, end_s=4.5, text="“Really?”"),
        Segment(start_s=4.5, end_s=5.0, text="Yes!"),
    ]


def test_an_abbreviation_ends_no_sentence() -> None:
    text = "Mr. Dashwood met Dr. Quill of the U.S. embassy at 3 p.m. sharp."
    assert _texts(_timed(text)) == [text]


def test_a_long_pause_ends_a_sentence_and_a_short_one_does_not() -> None:
    words = _timed("and then") + _timed("we waited", 2.9) + _timed("for hours", 6.0)
    assert _texts(words) == ["and then we waited", "for hours"]


def test_a_sentence_that_never_ends_is_ended() -> None:
    slow = speech.sentences(_timed(" ".join(["then"] * 100), each_s=1.3))
    assert all(28 < segment.end_s - segment.start_s <= 30 for segment in slow[:-1])
    fast = speech.sentences(_timed(" ".join(["then"] * 150), each_s=0.1))
    assert [len(segment.text.split()) for segment in fast] == [60, 60, 30]


def test_japanese_is_joined_without_spaces() -> None:
    words = [Word(n, n + 1, text) for n, text in enumerate(["今日", "は", "晴れ。", "明日", "は", "雨。"])]
    assert _texts(words) == ["今日は晴れ。", "明日は雨。"]


def test_no_words_are_no_sentences() -> None:
    assert speech.sentences([]) == []
    assert speech.sentences([Word(0, 1, " ")]) == []


def _window(*parts: tuple[int, float], places: tuple[tuple[int, int], ...] = ((0, 0),)) -> Window:
    probabilities = np.concatenate([np.full(n, p, np.float32) for n, p in parts])
    return Window(np.zeros(len(probabilities) * FRAME, np.float32), probabilities, places)


def test_words_begin_and_end_where_somebody_speaks() -> None:
    # Speech from 1.28 to 3.2 s, and from 6.4 s on.
    window = _window((40, 0.1), (60, 0.9), (100, 0.1), (100, 0.9))
    soft_s, lets_go_s = 3 * FRAME_S, FRAME_S
    first, second, third = speech.in_speech([Word(0, 2, " a"), Word(2, 6, " b"), Word(6, 8, " c")], window)
    assert (first.start_s, first.end_s) == pytest.approx((1.28 - soft_s, 2), abs=0.01)
    assert (second.start_s, second.end_s) == pytest.approx((2, 3.2 + lets_go_s), abs=0.01)
    assert (third.start_s, third.end_s) == pytest.approx((6.4 - soft_s, 8), abs=0.01)
    assert [word.text for word in (first, second, third)] == [" a", " b", " c"]


def test_a_word_in_silence_keeps_its_times() -> None:
    window = _window((100, 0.1), (50, 0.9))
    assert speech.in_speech([Word(1.0, 1.5, " a")], window) == [Word(1.0, 1.5, " a")]


def test_words_are_where_their_piece_of_the_window_was_cut_from() -> None:
    # The second piece was said 100 s into the audio.
    window = _window((7, 0.1), (100, 0.9), (14, 0.1), (100, 0.9), places=((0, 10 * RATE), (114 * FRAME, 100 * RATE)))
    one, other = speech.in_speech([Word(0.1, 3.6, " a"), Word(3.6, 5.0, " b")], window)
    assert one.start_s == pytest.approx(10.13, abs=0.02) and one.end_s == pytest.approx(13.46, abs=0.02)
    assert other.start_s == pytest.approx(100 + (7 - 3) * FRAME_S, abs=0.02)
    assert other.end_s == pytest.approx(100 + 5.0 - 114 * FRAME_S, abs=0.02)
    assert not math.isnan(other.end_s)


# ── what is left of a window ─────────────────────────────────────────────────────────────────────────────────────────


def test_where_words_end_and_somebody_goes_on_the_rest_is_what_is_left() -> None:
    window = _window((200, 0.9), (10, 0.1), (100, 0.9), places=((0, 16_000),))
    guess = Guess((Word(0.2, 6.5, " That was all."),), -0.1, 0.0)
    left = speech.rest(guess, window)
    assert left is not None and left.start_s == pytest.approx(1 + 6.5, abs=FRAME_S)
    assert left.end_s == window.end_s


@pytest.mark.parametrize(
    ("end_s", "parts"),
    [
        (6.5, ((200, 0.9), (10, 0.1), (20, 0.9))),  # a breath, or the end of a word
        (6.5, ((200, 0.9), (300, 0.1))),  # nobody goes on
        (0.0, ((300, 0.9),)),  # nothing was heard: it would never end
    ],
    ids=["too little", "silence", "no words"],
)
def test_nothing_is_left_of_a_window(end_s: float, parts: tuple[tuple[int, float], ...]) -> None:
    words = (Word(0.0, end_s, " That was all."),) if end_s else ()
    assert speech.rest(Guess(words, -0.1, 0.0), _window(*parts)) is None


def test_the_goodbye_after_a_window_that_the_model_ended_early_is_heard(tiny: Path) -> None:
    # Its last window holds a sentence, a change of speaker, and a goodbye, which tiny.en leaves out at first.
    heard = SpeechRecognizer(str(tiny), device="cpu").listen(SAMPLE / "audio/the-depot-that-did-not-grow.opus")
    assert "thank you for listening" in " ".join(segment.text for segment in heard.segments[-3:]).lower()


@pytest.mark.parametrize(
    ("window_mb", "free_gb", "batch"),
    [(23, None, 16), (37, None, 10), (400, None, 1), (77, 130, 128), (77, 8, 41), (77, 0.01, 1)],
    ids=["tiny", "base", "huge", "a large GPU", "a small GPU", "a full GPU"],
)
def test_as_many_windows_go_at_once_as_fit(window_mb: int, free_gb: float | None, batch: int) -> None:
    assert speech.fitting_batch(window_mb * 10**6, None if free_gb is None else int(free_gb * 10**9)) == batch


def test_a_model_that_says_next_to_nothing_each_time_is_not_asked_for_ever(studio: Studio) -> None:
    brief = Guess((Word(0.0, 0.1, " n0"),), -0.1, 0.0)
    scripted = Scripted(lambda numbers, sound, temperature: brief)
    outcome = _outcomes(studio.recogniser(scripted), [studio.add("a", counting(0, 8))])["a"]
    assert isinstance(outcome, Transcription)
    (dropped,) = outcome.dropped
    assert dropped.why == "the model falls silent while somebody speaks"
    assert dropped.start_s < 1 and dropped.end_s > 7
    assert len(scripted.calls) == 1
