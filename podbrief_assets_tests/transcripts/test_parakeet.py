"""Parakeet's two heads, on tiny checkpoints that never learned anything: tokens and times are the model's own."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from podbrief_assets.devices import has_bfloat16
from podbrief_assets.transcripts import engine
from podbrief_assets.transcripts.audio import RATE, Samples
from podbrief_assets.transcripts.engine import LanguageNotSupported, ModelUnusable
from podbrief_assets.transcripts.parakeet import Parakeet
from podbrief_assets_tests.sound import noise

FRAME_S = 0.08


def _sound(seconds: float, seed: int) -> Samples:
    """Hums and hisses, each for a moment."""
    chance = np.random.default_rng(seed)
    parts = []
    while sum(map(len, parts)) < seconds * RATE:
        at_s = np.arange(int(chance.uniform(0.1, 0.5) * RATE)) / RATE
        hums = [chance.uniform(0, 0.2) * np.sin(2 * np.pi * pitch * at_s) for pitch in chance.uniform(80, 6000, 4)]
        parts.append(sum(hums) + chance.standard_normal(len(at_s)) * 10 ** chance.uniform(-4, -1))
    return np.concatenate(parts)[: int(seconds * RATE)].astype(np.float32)


def _written(folder: Path, kind: str, more_tokens: int = 0) -> Path:
    """A random checkpoint with its processor, as its makers would save it."""
    import torch  # noqa: PLC0415
    import transformers  # noqa: PLC0415
    from tokenizers import Tokenizer, decoders  # noqa: PLC0415
    from tokenizers.models import BPE  # noqa: PLC0415
    from transformers.models.parakeet.tokenization_parakeet import ParakeetTokenizer  # noqa: PLC0415

    letters = "abcdefgh"
    tokens = ["<unk>", "i", "<pad>", *(f"▁{letter}" for letter in letters), *letters, ".", ","]
    tokens += [f"▁x{number}" for number in range(more_tokens)]
    if kind == "tdt":
        tokens.append("<blank>")
    inner = Tokenizer(BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=[], unk_token="<unk>"))
    inner.decoder = decoders.Metaspace()
    tokenizer = ParakeetTokenizer(tokenizer_object=inner, pad_token="<pad>", unk_token="<unk>")
    small: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    encoder = transformers.ParakeetEncoderConfig(**small, intermediate_size=64, subsampling_conv_channels=8)
    torch.manual_seed(1)
    model: Any
    if kind == "ctc":
        model = transformers.ParakeetForCTC(
            transformers.ParakeetCTCConfig(vocab_size=len(tokens), pad_token_id=2, encoder_config=encoder)
        )
        last = model.ctc_head
    else:
        blank = len(tokens) - 1
        model = transformers.ParakeetForTDT(
            transformers.ParakeetTDTConfig(
                vocab_size=len(tokens),
                blank_token_id=blank,
                pad_token_id=2,
                decoder_hidden_size=16,
                encoder_config=encoder,
            )
        )
        model.generation_config.decoder_start_token_id = blank
        # The numbers after the tokens are how probable each duration is.
        model.generation_config.suppress_tokens = list(range(len(tokens), len(tokens) + 5))
        last = model.encoder_projector
    features = transformers.ParakeetFeatureExtractor()
    with torch.no_grad():
        # Made sensitive to what differs from frame to frame, or it would say one thing all the time.
        model.eval()
        inputs = features([_sound(10, 0)], sampling_rate=RATE, return_tensors="pt")
        states = model.get_encoder()(inputs["input_features"]).last_hidden_state[0]
        weight = last.weight.flatten(1) if kind == "ctc" else last.weight
        weight.normal_()
        weight *= 4 / ((states - states.mean(0)) @ weight.T).std()
        last.bias.copy_(-(states.mean(0) @ weight.T))
        if kind == "tdt":
            model.joint.head.weight.normal_()
            model.joint.head.bias[len(tokens)] -= 3  # it goes on after most tokens
    model.save_pretrained(folder)
    transformers.ParakeetProcessor(features, tokenizer, decoder_type=kind, blank_token="<blank>").save_pretrained(
        folder
    )
    return folder


@pytest.fixture(scope="module")
def ctc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _written(tmp_path_factory.mktemp("ctc"), "ctc")


@pytest.fixture(scope="module")
def tdt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _written(tmp_path_factory.mktemp("tdt"), "tdt")


@pytest.fixture(params=["ctc", "tdt"])
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


def _loaded(folder: Path, precision: str = "float32") -> Parakeet:
    found = engine.load(str(folder), "cpu", precision)
    assert isinstance(found, Parakeet)
    return found


@pytest.fixture(scope="module")
def sounds() -> list[Samples]:
    return [_sound(7.123, 2), _sound(10, 0), _sound(0.4, 3), _sound(15, 0)]


def test_words_have_rising_times_inside_the_sound(folder: Path, sounds: list[Samples]) -> None:
    guesses = _loaded(folder).hear(sounds, ["en"] * 4, 0.0)
    for guess, sound in zip(guesses, sounds, strict=True):
        times = [time for word in guess.words for time in (word.start_s, word.end_s)]
        assert len(times) >= (2 if len(sound) < RATE else 10)
        assert times == sorted(times)
        assert times[0] >= 0 and times[-1] <= len(sound) / RATE + 1e-9
        assert all(word.text.startswith(" ") for word in guess.words[1:])


def test_a_window_is_heard_alike_whichever_are_heard_with_it(folder: Path, sounds: list[Samples]) -> None:
    loaded = _loaded(folder)
    together = loaded.hear(sounds, ["en"] * 4, 0.0)
    for guess, sound in zip(together, sounds, strict=True):
        (alone,) = loaded.hear([sound], ["en"], 0.0)
        assert alone.words == guess.words
        assert alone.logprob == pytest.approx(guess.logprob, abs=1e-3)


@pytest.mark.parametrize("length", [0.01, 0.025, 0.08, 0.2])
def test_the_shortest_sounds_are_no_trouble(folder: Path, length: float) -> None:
    (guess, _) = _loaded(folder).hear([noise(length, 0.1), noise(2, 0.1)], ["en"] * 2, 0.0)
    assert all(0 <= word.start_s <= word.end_s <= length for word in guess.words)


def test_what_is_repeated_without_a_blank_between_is_one_token(ctc: Path, sounds: list[Samples]) -> None:
    import torch  # noqa: PLC0415
    from transformers import ParakeetForCTC, ParakeetProcessor  # noqa: PLC0415

    model, processor = ParakeetForCTC.from_pretrained(ctc).eval(), ParakeetProcessor.from_pretrained(ctc)
    sound = sounds[0]
    with torch.inference_mode():
        inputs = processor(audio=[sound], sampling_rate=RATE, return_tensors="pt")
        (row,) = model(**inputs).logits.argmax(-1).tolist()
    frames = 89  # 7.123 s
    runs = [
        (token, [place for place, _ in run]) for token, run in groupby(enumerate(row[:frames]), lambda pair: pair[1])
    ]
    said = [(token, places[0]) for token, places in runs if token not in (0, 2)]
    assert len({token for token, _ in said}) > 3 and len(said) < frames
    pieces = processor.tokenizer.convert_ids_to_tokens([token for token, _ in said])
    (guess,) = _loaded(ctc).hear([sound], ["en"], 0.0)
    assert guess.text == "".join(pieces).replace("▁", " ").strip()
    begins = [place * FRAME_S for (_, place), piece in zip(said, pieces, strict=True) if piece.startswith("▁")]
    starts = [word.start_s for word in guess.words if word.text.startswith(" ")]
    assert starts == pytest.approx(begins)
    assert guess.logprob < 0


def test_tokens_begin_where_the_processor_says(tdt: Path, sounds: list[Samples]) -> None:
    import torch  # noqa: PLC0415
    from transformers import ParakeetForTDT, ParakeetProcessor  # noqa: PLC0415

    model, processor = ParakeetForTDT.from_pretrained(tdt).eval(), ParakeetProcessor.from_pretrained(tdt)
    with torch.inference_mode():
        inputs = processor(audio=[sounds[0]], sampling_rate=RATE, return_tensors="pt")
        out = model.generate(**inputs, max_new_tokens=4 * 90)
    _, timestamps = processor.decode(out.sequences, durations=out.durations, skip_special_tokens=True)
    pieces = processor.tokenizer.convert_ids_to_tokens(out.sequences[0].tolist())
    written = [piece for piece in pieces if piece not in ("<unk>", "<pad>", "<blank>")]
    said = [(piece, token["start"]) for piece, token in zip(written, timestamps[0], strict=True)]
    (guess,) = _loaded(tdt).hear([sounds[0]], ["en"], 0.0)
    assert guess.text.replace(" ", "") == "".join(piece for piece, _ in said).replace("▁", "")
    starts = [start_s for piece, start_s in said if piece.startswith("▁")]
    assert len(starts) > 3
    assert [word.start_s for word in guess.words if word.text.startswith(" ")] == pytest.approx(starts)


def test_other_languages_are_refused(folder: Path) -> None:
    loaded = _loaded(folder)
    assert [loaded.spoken(said) for said in ("en-GB", None, "und")] == ["en", "en", "en"]
    with pytest.raises(LanguageNotSupported, match=r"hears English only and this is de-AT.*PODBRIEF_ASR_MODEL"):
        loaded.spoken("de-AT")


def test_a_model_with_many_tokens_hears_european_languages(tmp_path: Path) -> None:
    loaded = _loaded(_written(tmp_path, "ctc", 8_000))
    assert [loaded.spoken(said) for said in ("de-AT", "uk", "mt", None)] == ["de", "uk", "mt", ""]
    with pytest.raises(LanguageNotSupported, match="hears European languages only and this is ja"):
        loaded.spoken("ja")
    codes, logprobs = loaded.languages([noise(1, 0.1)] * 3)
    assert codes == [""] and logprobs.shape == (3, 1)


def test_a_checkpoint_that_lacks_a_tensor_is_refused(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    tensors = load_file(tmp_path / "model.safetensors")
    lost = next(name for name in tensors if name.endswith("layers.1.feed_forward1.linear1.weight"))
    save_file(
        {name: each for name, each in tensors.items() if name != lost},
        tmp_path / "model.safetensors",
        metadata={"format": "pt"},
    )
    with pytest.raises(ModelUnusable, match="1 tensors missing"):
        engine.load(str(tmp_path), "cpu", "float32")


def test_it_computes_in_what_the_processor_is_fast_in(ctc: Path) -> None:
    for asked in ("auto", "int8"):
        loaded = _loaded(ctc, asked)
        assert loaded.precision == ("bfloat16" if has_bfloat16("cpu") else "float32")
        assert loaded.hear([noise(2, 0.1)], ["en"], 0.0)[0].words
    assert not loaded.has_temperature
    assert loaded.window_bytes() > 0
    assert json.loads((ctc / "config.json").read_bytes())["model_type"] == "parakeet_ctc"
