"""Voice activity: the network's own numbers, and windows that hold all speech once and know where it was."""

from __future__ import annotations

import importlib.util
import itertools
import subprocess
import sys
import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets import models
from podbrief_assets.transcripts import audio
from podbrief_assets.transcripts.activity import BEGINS, ENDS, FRAME, FRAME_S, VoiceActivity, Window, windows
from podbrief_assets.transcripts.audio import RATE, Samples
from podbrief_assets_tests.sound import noise, silence

SECOND = RATE // FRAME  # frames, about


@pytest.fixture(scope="module")
def network() -> VoiceActivity:
    found = VoiceActivity()
    found.load()
    return found


@pytest.fixture(scope="module")
def sound(corpus: Path) -> Samples:
    """Speech, silence and noise: 22 s, the last frame cut short."""
    speech = audio.decode(corpus / "audio/faster-whisper/jfk.flac")
    return np.concatenate([noise(2, 0.01), speech, silence(3), speech[: 5 * RATE], noise(1.01, 0.2)])


@pytest.fixture(scope="module")
def published(sound: Samples) -> Samples:
    """What the network says as its makers run it: frame by frame, each with the end of the frame before."""
    import torch  # noqa: PLC0415

    spec = importlib.util.find_spec("silero_vad")
    assert spec and spec.origin
    read: Any = torch.jit.load
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        # `_model` is the one for 16 kHz, without what the wrapper around it remembers of a call before.
        archive = read(str(Path(spec.origin).parent / "data/silero_vad.jit"), map_location="cpu")
    padded = np.concatenate([sound, np.zeros(-len(sound) % FRAME, np.float32)])
    archive.reset_states()
    with torch.inference_mode():
        return np.array(
            [archive(torch.from_numpy(padded[at : at + FRAME]), RATE).item() for at in range(0, len(padded), FRAME)],
            np.float32,
        )


def _pieces(sound: Samples, size: int) -> Iterator[Samples]:
    return (sound[at : at + size] for at in range(0, len(sound), size))


@pytest.mark.parametrize("size", [311, 4 * RATE, 16 * RATE + 1, 60 * RATE])
def test_the_network_says_what_its_makers_say_however_the_sound_comes(
    network: VoiceActivity, sound: Samples, published: Samples, size: int
) -> None:
    found = list(network.frames(_pieces(sound, size)))
    np.testing.assert_array_equal(np.concatenate([samples for samples, _ in found]), sound)
    speech = np.concatenate([probabilities for _, probabilities in found])
    assert published.max() > 0.9 and published.min() < 0.1
    np.testing.assert_allclose(speech, published, atol=1e-4)
    assert all(len(samples) <= 16.4 * RATE for samples, _ in found)


def test_two_recordings_do_not_hear_each_other(network: VoiceActivity, sound: Samples) -> None:
    alone = np.concatenate([each for _, each in network.frames([sound])])
    one, other = network.frames(_pieces(sound, RATE)), network.frames(_pieces(noise(30, 0.1), RATE))
    mixed = np.concatenate([pair[0][1] for pair in itertools.zip_longest(one, other) if pair[0]])
    np.testing.assert_allclose(mixed, alone, atol=1e-6)


@pytest.mark.parametrize("length", [0, 1, FRAME - 1, FRAME, FRAME + 1])
def test_the_shortest_sounds_have_a_number_for_each_frame_that_was_begun(network: VoiceActivity, length: int) -> None:
    found = list(network.frames([noise(1, 0.1)[:length]]))
    assert sum(len(speech) for _, speech in found) == -(-length // FRAME)
    assert sum(len(samples) for samples, _ in found) == length


def test_blocks_are_judged_as_they_come(network: VoiceActivity) -> None:
    taken = 0

    def blocks() -> Iterator[Samples]:
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield silence(4)

    next(iter(network.frames(blocks())))
    assert taken <= 6


def test_the_process_keeps_its_threads_and_hears_no_deprecation() -> None:
    # In a process of its own: what another test imported must not decide.
    program = (
        "import numpy, sys, torch; torch.set_num_threads(3)\n"
        "from podbrief_assets.transcripts.activity import VoiceActivity\n"
        "list(VoiceActivity().frames([numpy.zeros(16000, 'float32')]))\n"
        "assert 'silero_vad' not in sys.modules; print(torch.get_num_threads())"
    )
    done = subprocess.run(
        [sys.executable, "-W", "always::DeprecationWarning", "-c", program],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "3"), done.stderr
    assert "torch.jit" not in done.stderr


def test_a_network_that_is_not_installed_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(models.ModelMissing, match="silero-vad"):
        VoiceActivity().load()


# ── windows ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _heard(speech: Samples, cut: int = 0, size: int = 500) -> Iterator[tuple[Samples, Samples]]:
    """Sound in which every sample says where it is, `cut` samples short of its last frame."""
    samples = np.arange(len(speech) * FRAME - cut, dtype=np.float32)
    for at in range(0, len(speech), size):
        yield samples[at * FRAME : (at + size) * FRAME], speech[at : at + size]


def _check_places(window: Window) -> None:
    """Every sample is where `places`, `at`, `start_s` and `end_s` say."""
    ends = [here for here, _ in window.places[1:]] + [len(window.samples)]
    for (here, there), end in zip(window.places, ends, strict=True):
        np.testing.assert_array_equal(window.samples[here:end], np.arange(there, there + end - here))
        assert window.at(here / RATE) * RATE == pytest.approx(there, abs=0.01)
        assert window.at((end - 1) / RATE) * RATE == pytest.approx(there + end - here - 1, abs=0.01)
    assert window.start_s * RATE == pytest.approx(window.samples[0])
    assert window.end_s * RATE == pytest.approx(window.samples[-1] + 1)
    assert len(window.speech) == -(-len(window.samples) // FRAME)


# Stretches of frames of one probability, as speech, breath and silence alternate.
stretches = st.lists(
    st.tuples(st.integers(1, 120), st.sampled_from([0.0, 0.1, 0.34, 0.4, 0.49, 0.5, 0.8, 1.0])), max_size=25
)


def _probabilities(parts: list[tuple[int, float]]) -> Samples:
    return np.concatenate([np.zeros(0, np.float32), *(np.full(n, p, np.float32) for n, p in parts)])


def _runs(flags: np.ndarray[Any, Any]) -> list[tuple[int, int]]:
    """Where a flag is up, as (first, beyond the last)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


@settings(max_examples=150, deadline=None)
@given(parts=stretches, cut=st.integers(0, FRAME - 1), longest_s=st.sampled_from([2.0, 5.0, 28.0]))
def test_windows_hold_all_speech_once_in_order_and_know_where_it_was(
    parts: list[tuple[int, float]], cut: int, longest_s: float
) -> None:
    speech = _probabilities(parts)
    cut = cut if len(speech) else 0
    found = list(windows(_heard(speech, cut), longest_s))
    for window in found:
        _check_places(window)
        assert window.length_s <= longest_s
        np.testing.assert_array_equal(window.speech, speech[(window.samples[::FRAME] // FRAME).astype(int)])
    held = np.concatenate([np.zeros(0), *(window.samples for window in found)])
    assert (np.diff(held) > 0).all()  # in order, nothing twice
    kept = np.zeros(len(speech), bool)
    kept[(held // FRAME).astype(int)] = True
    assert kept.sum() == -(-len(held) // FRAME)  # frames are whole
    for first, last in _runs(speech >= BEGINS):
        if last - first >= 8:  # a quarter of a second; less may be a click
            assert kept[first:last].all()
            # A soft consonant before or after it is there, too.
            assert kept[max(first - 7, 0) : min(last + 7, len(speech))].all()
    for first, last in _runs(~kept):
        inside = speech[first:last]
        assert not any(end - begin >= 8 for begin, end in _runs(inside >= BEGINS))
        # What is left out between two stretches of speech is a long silence, or holds clicks.
        if first and last < len(speech) and (inside < ENDS).all():
            assert last - first + 14 > SECOND
    for first, last in _runs(speech < ENDS):
        if last - first > 3 * SECOND:
            assert not kept[first + 8 + SECOND : last - 8].any()


@settings(max_examples=60, deadline=None)
@given(parts=stretches.filter(lambda parts: sum(n for n, _ in parts) > 400), data=st.data())
def test_parts_and_halves_lose_nothing_and_keep_their_places(parts: list[tuple[int, float]], data: Any) -> None:
    for window in windows(_heard(_probabilities(parts), 100), 28.0):
        if window.length_s < 1:
            continue
        one, other = window.halves()
        for half in (one, other):
            _check_places(half)
            assert len(half.samples) >= 0.3 * len(window.samples) - FRAME
        np.testing.assert_array_equal(np.concatenate([one.samples, other.samples]), window.samples)
        np.testing.assert_array_equal(np.concatenate([one.speech, other.speech]), window.speech)
        assert (one.start_s, other.end_s) == (window.start_s, window.end_s)
        first = data.draw(st.integers(0, len(window.speech) - 1))
        last = data.draw(st.integers(first + 1, len(window.speech)))
        part = window.part(first, last)
        _check_places(part)
        np.testing.assert_array_equal(part.samples, window.samples[first * FRAME : last * FRAME])


def test_a_pause_stays_and_a_silence_goes() -> None:
    def kept(pause: int) -> int:
        speech = np.concatenate([np.ones(50), np.zeros(pause), np.ones(50)]).astype(np.float32)
        (window,) = windows(_heard(speech), 28.0)
        return len(window.speech)

    assert [kept(pause) for pause in (1, 20, 31)] == [101, 120, 131]
    assert [kept(pause) for pause in (32, 300)] == [114, 114]


@pytest.mark.parametrize("click", [1, 4, 7])
def test_a_click_is_no_speech(click: int) -> None:
    speech = np.concatenate([np.zeros(40), np.ones(click), np.zeros(40)]).astype(np.float32)
    assert not list(windows(_heard(speech), 28.0))


def test_windows_are_cut_in_the_last_of_the_best_pauses() -> None:
    # Eight sentences of 200 frames (6.4 s) with 12 frames of breath between.
    speech = np.concatenate([np.concatenate([np.ones(200), np.zeros(12)]) for _ in range(8)]).astype(np.float32)
    one, other = windows(_heard(speech), 28.0)
    # Four sentences are 836 frames, and 875 fit; the pause before, at 624, would do as well and make a third window.
    assert one.places == ((0, 0),) and other.places == ((0, len(one.samples)),)
    assert 836 < len(one.speech) <= 848


def test_windows_are_cut_where_a_silence_was_left_out() -> None:
    speech = np.concatenate([np.ones(300), np.zeros(12), np.ones(288), np.zeros(200), np.ones(400)]).astype(np.float32)
    one, other = windows(_heard(speech), 28.0)
    assert (len(one.places), len(other.places)) == (1, 1)
    assert one.end_s == pytest.approx(607 * FRAME_S) and other.start_s == pytest.approx(793 * FRAME_S)


def test_speech_without_a_pause_is_cut_all_the_same_and_held_for_a_minute_at_most() -> None:
    fed = 0

    def endless() -> Iterator[tuple[Samples, Samples]]:
        nonlocal fed
        while True:
            fed += 100
            yield np.zeros(100 * FRAME, np.float32), np.ones(100, np.float32)

    given_out = 0
    for window in itertools.islice(windows(endless(), 28.0), 50):
        given_out += len(window.speech)
        assert 16 <= window.length_s <= 28
        assert (fed - given_out) * FRAME_S <= 60


def test_a_silence_of_hours_is_not_held() -> None:
    blocks: list[weakref.ref[Samples]] = []

    def quiet() -> Iterator[tuple[Samples, Samples]]:
        for _ in range(200):
            block = np.zeros(500 * FRAME, np.float32)
            blocks.append(weakref.ref(block))
            yield block, np.zeros(500, np.float32)
            assert sum(each() is not None for each in blocks) <= 3

    assert not list(windows(quiet(), 28.0))
    assert len(blocks) == 200


def test_what_is_surely_speech_is_told_from_what_may_be() -> None:
    speech = np.concatenate([np.ones(50), np.full(25, 0.4), np.ones(25)]).astype(np.float32)
    (window,) = windows(_heard(speech), 28.0)
    assert window.speech_s == pytest.approx(75 * FRAME_S)
    assert window.length_s == pytest.approx(100 * FRAME_S)
