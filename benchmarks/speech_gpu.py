"""Recognise speech on a GPU: real-time factors, batch sizes, what is left of the hardware, running out of memory.

Proves: the recogniser runs on CUDA in float16 with the words that it finds on a processor, from files to sentences; a
batch that does not fit is halved and the words stay the same. Prints, for a model whose weights are at hand, speed and
word error rate over `--copies` of the sample's speech for several batch sizes; and for the shapes of
openai/whisper-large-v3-turbo and nvidia/parakeet-tdt-0.6b-v3, filled with random numbers since neither comes as a
package, the time of encoder and decoder for windows of 28 s with as many tokens as English speech has (110), which is
what the hardware can do and says nothing of words.

    .venv/bin/python benchmarks/speech_gpu.py [--model openai/whisper-tiny.en] [--copies 20]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from speech_recognition import SAMPLE, recordings, word_errors, words

from podbrief_assets import models
from podbrief_assets.transcripts import engine, whisper
from podbrief_assets.transcripts.speech import Recording, SpeechRecognizer

WINDOW_S, TOKENS = 28, 110


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="openai/whisper-tiny.en")
    parser.add_argument("--copies", type=int, default=20)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--only", choices=["words", "memory", "turbo", "parakeet"])
    arguments = parser.parse_args()
    if not torch.cuda.is_available() and arguments.device == "cuda":
        print("there is no GPU here: nothing was measured")
        return 0
    if arguments.device == "cuda":
        print(torch.cuda.get_device_name(), f"torch {torch.__version__}", f"{product_rate() / 1e3:.0f} TFLOP/s float16")
    parts: dict[str, Callable[[], bool]] = {
        "words": lambda: real_words(arguments),
        "memory": lambda: little_memory(arguments),
        "turbo": lambda: shape(arguments.device, turbo),
        "parakeet": lambda: shape(arguments.device, parakeet),
    }
    outcomes = [part() for name, part in parts.items() if arguments.only in (None, name)]
    return not all(outcomes)


def product_rate() -> float:
    """Billions of operations a second of a large matrix product."""
    a = torch.randn(8192, 8192, device="cuda", dtype=torch.float16)
    return 2 * 8192**3 / 1e9 / timed(lambda: a @ a)


def timed(act: Callable[[], Any], turns: int = 5) -> float:
    """The best of some turns, in seconds."""
    act()
    best = np.inf
    for _ in range(turns):
        synchronise()
        started = time.perf_counter()
        act()
        synchronise()
        best = min(best, time.perf_counter() - started)
    return float(best)


def synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def hear(recogniser: SpeechRecognizer, copies: int) -> tuple[float, float, float, list[str]]:
    """(audio, seconds, word error rate, texts of the first copy)."""
    sample = recordings(SAMPLE / "audio")
    paths = [path for path, _ in sample] * copies
    started = time.perf_counter()
    found = {}
    for recording, outcome in recogniser.recognise(Recording(n, path, "en") for n, path in enumerate(paths)):
        if isinstance(outcome, Exception):
            raise outcome
        found[recording.key] = outcome
    seconds = time.perf_counter() - started
    texts = [" ".join(s.text for s in found[n].segments) for n in range(len(sample))]
    said = [words(text) for _, text in sample]
    errors = sum(word_errors(a, words(b)) for a, b in zip(said, texts, strict=True))
    return sum(each.duration_s for each in found.values()), seconds, 100 * errors / sum(map(len, said)), texts


def real_words(arguments: argparse.Namespace) -> bool:
    """From files to sentences, with a model whose weights are at hand."""
    wer = []
    for batch in (0, 16, 64):
        recogniser = SpeechRecognizer(arguments.model, arguments.device, batch_size=batch)
        recogniser.load()
        hear(recogniser, 1)
        audio_s, seconds, errors, _ = hear(recogniser, arguments.copies)
        wer.append(errors)
        shown = batch or f"automatic ({recogniser._batch})"
        print(
            f"{arguments.model}, batch {shown}: {audio_s / 3600:.1f} h in {seconds:.1f} s, {audio_s / seconds:,.0f} ×, "
        )
        print(f"    WER {errors:.2f} %, peak {torch.cuda.max_memory_allocated() / 1e9:.1f} GB", flush=True)
    return max(wer) - min(wer) < 0.5


def little_memory(arguments: argparse.Namespace) -> bool:
    """A batch that does not fit is halved until it does, and nothing of it is lost."""
    recogniser = SpeechRecognizer(arguments.model, arguments.device, batch_size=64)
    recogniser.load()
    _, _, _, enough = hear(recogniser, 1)
    _, whole = torch.cuda.mem_get_info()
    for megabytes in (1500, 700):
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(megabytes * 1e6 / whole)
        small = SpeechRecognizer(arguments.model, arguments.device, batch_size=64)
        try:
            _, _, _, little = hear(small, 1)
        except (engine.OutOfMemory, engine.ModelUnusable) as error:
            print(f"{megabytes} MB: {error}")
            continue
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        differ = sum(word_errors(words(a), words(b)) for a, b in zip(enough, little, strict=True))
        total = sum(len(words(text)) for text in enough)
        print(f"{megabytes} MB: batch of 64 became {small._batch}; {differ} of {total} words differ", flush=True)
        if differ > 0.01 * total:
            return False
    return True


# ── shapes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def turbo(folder: Path, device: str) -> tuple[engine.Engine, str, float]:
    """large-v3-turbo's shape (its published config.json)."""
    from transformers import WhisperConfig, WhisperForConditionalGeneration  # noqa: PLC0415

    packaged = Path(models.find("openai/whisper-tiny.en").address)
    config = WhisperConfig(
        d_model=1280, encoder_layers=32, decoder_layers=4, encoder_attention_heads=20, decoder_attention_heads=20,
        encoder_ffn_dim=5120, decoder_ffn_dim=5120, vocab_size=51866, num_mel_bins=128,
    )  # fmt: skip
    with torch.device(device):
        model = WhisperForConditionalGeneration(config).half()
    model.save_pretrained(folder)
    for path in packaged.iterdir():
        if path.suffix in {".json", ".txt"} and path.name not in {"config.json", "preprocessor_config.json"}:
            (folder / path.name).write_bytes(path.read_bytes())
    features = json.loads((packaged / "preprocessor_config.json").read_bytes()) | {"feature_size": 128}
    features.pop("mel_filters", None)
    (folder / "preprocessor_config.json").write_text(json.dumps(features))
    del model
    loaded: Any = engine.load(str(folder), device, "auto")
    # Nothing that it writes means anything: it writes as many tokens as speech has.
    with torch.inference_mode():
        loaded._never[loaded._end] = loaded._never_first[loaded._end] = -torch.inf
    whisper._MAX_TOKENS = TOKENS  # type: ignore[misc]
    width, layers, frames = 1280, 32, 1500
    return loaded, "large-v3-turbo's shape", layers * (2 * frames * 12 * width**2 + 4 * frames**2 * width) / 1e9


def parakeet(folder: Path, device: str) -> tuple[engine.Engine, str, float]:
    """parakeet-tdt-0.6b-v3's encoder (its published config.json), with a CTC head: what a TDT head writes at random is
    of no natural length."""
    from tokenizers import Tokenizer, decoders  # noqa: PLC0415
    from tokenizers import models as kinds  # noqa: PLC0415
    from transformers import (  # noqa: PLC0415  # noqa: PLC0415
        ParakeetCTCConfig,
        ParakeetEncoderConfig,
        ParakeetFeatureExtractor,
        ParakeetForCTC,
        ParakeetProcessor,
    )
    from transformers.models.parakeet.tokenization_parakeet import ParakeetTokenizer  # noqa: PLC0415

    encoder = ParakeetEncoderConfig(
        hidden_size=1024, num_hidden_layers=24, num_attention_heads=8, intermediate_size=4096, num_mel_bins=128,
        attention_bias=False, convolution_bias=False, scale_input=False,
    )  # fmt: skip
    config = ParakeetCTCConfig(vocab_size=8193, pad_token_id=8192, encoder_config=encoder)
    with torch.device(device):
        model = ParakeetForCTC(config).half()
    model.save_pretrained(folder)
    del model
    vocabulary = {"<unk>": 0, **{f"▁{n}": n for n in range(1, 8192)}, "<pad>": 8192}
    inner = Tokenizer(kinds.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))  # noqa: S106
    inner.decoder = decoders.Metaspace()
    tokenizer = ParakeetTokenizer(tokenizer_object=inner, pad_token="<pad>", unk_token="<unk>")  # noqa: S106
    ParakeetProcessor(ParakeetFeatureExtractor(feature_size=128), tokenizer).save_pretrained(folder)
    frames, width, layers = WINDOW_S * 100 / 8, 1024, 24
    # Two feed-forward layers, attention and a convolution module in each block.
    work = layers * (2 * frames * (16 + 5 + 3) * width**2 + 6 * frames**2 * width) / 1e9
    return engine.load(str(folder), device, "auto"), "parakeet-tdt-0.6b-v3's encoder", work


def shape(device: str, make: Callable[[Path, str], tuple[engine.Engine, str, float]]) -> bool:
    rng = np.random.default_rng(0)
    sound = (rng.standard_normal(WINDOW_S * 16_000) * 0.1).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        loaded, name, work = make(Path(folder), device)
        print(f"{name} in {loaded.precision}, {loaded.window_bytes() / 1e6:.0f} MB a window")
        fast: Any = torch.compile(loaded._network.read) if isinstance(loaded, whisper.Whisper) else None
        for batch in (64, 128):
            sounds = [sound] * batch
            torch.cuda.reset_peak_memory_stats()
            seconds = timed(lambda sounds=sounds: loaded.hear(sounds, ["en"] * len(sounds), 0.0), 2)  # type: ignore[misc]
            told = ""
            if network := getattr(loaded, "_network", None):
                with torch.inference_mode():
                    encoding = timed(lambda sounds=sounds: network.encoded(sounds), 3)  # type: ignore[misc]
                    spectrum = network._spectrum(sounds)
                    compiled = timed(lambda spectrum=spectrum: fast(spectrum), 3)  # type: ignore[misc]
                whole, rate = batch * WINDOW_S / encoding, work * batch / encoding / 1e3
                told = f", encoder {whole:,.0f} × ({rate:.0f} TFLOP/s)"
                told += f", compiled without the spectrum {batch * WINDOW_S / compiled:,.0f} ×"
            print(
                f"    batch {batch}: {batch * WINDOW_S / seconds:,.0f} ×{told}, "
                f"peak {torch.cuda.max_memory_allocated() / 1e9:.1f} GB",
                flush=True,
            )
    return True


if __name__ == "__main__":
    sys.exit(main())
