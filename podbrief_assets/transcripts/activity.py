"""Tell where somebody speaks, and cut sound there into windows.

Belongs here: the voice activity network, the stretches of speech that it hears, the windows that they are packed into.
Doesn't: opening files (`audio.py`), recognising words (`speech.py`).

The network is Silero VAD (Silero Team, 2021, MIT), whose weights the package `silero-vad` carries. The package itself
is not imported: importing it sets the whole process to one thread, and it runs the network frame by frame in Python.
Here a block of frames goes through the convolutions at once and only the recurrent cell walks from frame to frame,
inside torch; the numbers are the same.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from podbrief_assets import models
from podbrief_assets.transcripts.audio import RATE, Samples

FRAME: Final = 512  # samples, 32 ms: what the network says yes or no to
_CONTEXT: Final = 64  # samples of the frame before
_BLOCK_FRAMES: Final = 512  # at once: 16 s, and 20 MB on the way
FRAME_S: Final = FRAME / RATE

# Speech begins at the first and ends below the second, as the network's makers advise.
BEGINS: Final = 0.5
ENDS: Final = 0.35
# In frames: less than a tenth of a second is no pause, less than a quarter of a second is a click or a cough.
_SHORTEST_PAUSE: Final = 3
_SHORTEST_SPEECH: Final = 8
# The network is sure a little late and lets go a little early; soft consonants lie outside.
_MARGIN: Final = 7
# A longer silence is left out of a window, and tells where to cut one.
_LONGEST_PAUSE: Final = 31
# Cuts: pauses of a sixth of a second are compared, and a difference of a fiftieth is none.
_SMOOTH: Final = 5
_NEARLY: Final = 0.02


class VoiceActivity:
    """The network, loaded at its first use.

    Attributes:
        device: Where it runs, as torch names it.
    """

    def __init__(self, device: str = "cpu") -> None:
        self.device = device

    def load(self) -> None:
        """Load the network now rather than at its first use.

        Raises:
            ModelMissing: the package is not installed.
        """
        _ = self._network

    def frames(self, blocks: Iterable[Samples]) -> Iterator[tuple[Samples, Samples]]:
        """Sound and how probable speech is in it.

        Args:
            blocks: Sound in its order, in pieces of any length.

        Yields:
            (samples, probabilities): at most 16 s of sound and a number in [0, 1] for each of its frames of 512
            samples; the last frame may be cut short by the end of the sound.
        """
        waiting = np.zeros(0, np.float32)
        state = _State()
        size = FRAME * _BLOCK_FRAMES
        for block in blocks:
            waiting = np.concatenate([waiting, block]) if len(waiting) else block
            while len(waiting) >= size:
                yield waiting[:size], self._probabilities(waiting[:size], state)
                waiting = waiting[size:]
        if len(waiting):
            yield waiting, self._probabilities(waiting, state)

    def _probabilities(self, samples: Samples, state: _State) -> Samples:
        torch, network = self._network
        count = -(-len(samples) // FRAME)
        padded = np.zeros(_CONTEXT + count * FRAME, np.float32)
        padded[:_CONTEXT] = state.context
        padded[_CONTEXT : _CONTEXT + len(samples)] = samples
        state.context = padded[-_CONTEXT:].copy()
        with torch.inference_mode():
            frames = torch.from_numpy(padded).to(self.device).unfold(0, _CONTEXT + FRAME, FRAME)
            heard, state.cell = network(frames, state.cell)
        return np.asarray(heard.cpu().numpy(), np.float32)

    @cached_property
    def _network(self) -> tuple[Any, Any]:
        # Imported here: torch takes seconds.
        import torch  # noqa: PLC0415

        read: Any = torch.jit.load  # untyped
        with warnings.catch_warnings():
            # torch.export can't read what it calls deprecated, and the weights come in no other form.
            warnings.simplefilter("ignore", DeprecationWarning)
            archive = read(str(packaged_network()), map_location=self.device)
        weights = archive._model.state_dict()
        lstm = torch.nn.LSTM(128, 128).to(self.device)
        recurrent = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        lstm.load_state_dict({f"{name}_l0": weights[f"decoder.rnn.{name}"] for name in recurrent})
        fourier = weights["stft.forward_basis_buffer"][:, 0]
        last, last_bias = weights["decoder.decoder.2.weight"][0, :, 0], weights["decoder.decoder.2.bias"]
        layers = [
            (weights[f"encoder.{n}.reparam_conv.weight"].flatten(1), weights[f"encoder.{n}.reparam_conv.bias"], stride)
            for n, stride in enumerate((1, 2, 2, 1))
        ]

        def network(frames: Any, cell: Any) -> tuple[Any, Any]:
            """(frames, 576) → (frames,) and the state of the recurrent cell after them.

            Convolutions are written as products of matrices: over so few steps these are twice as fast.
            """
            x = torch.nn.functional.pad(frames, (0, 64), "reflect").unfold(1, 256, 128)
            x = (x.reshape(-1, 256) @ fourier.T).view(len(frames), -1, 258)  # in one product rather than one a frame
            x = torch.hypot(x[..., :129], x[..., 129:])
            for weight, bias, stride in layers:
                steps = torch.nn.functional.pad(x, (0, 0, 1, 1)).unfold(1, 3, stride)
                x = torch.nn.functional.linear(steps.flatten(2), weight, bias).relu()
            x, cell = lstm(x[:, :1], cell)
            return (x[:, 0].relu() @ last + last_bias).sigmoid(), cell

        return torch, network


@dataclass(slots=True)
class _State:
    """What the network remembers of the sound before."""

    context: Samples = field(default_factory=lambda: np.zeros(_CONTEXT, np.float32))
    cell: Any = None


def packaged_network() -> Path:
    """The file with the network.

    Raises:
        ModelMissing: the package is not installed.
    """
    # find_spec reads no code, see the module's docstring. The package's .safetensors holds an older network.
    spec = importlib.util.find_spec("silero_vad")
    path = Path(spec.origin).parent / "data/silero_vad.jit" if spec and spec.origin else None
    if path is None or not path.is_file():
        raise models.ModelMissing(
            "the voice activity network is not installed", "install podbrief again: it requires silero-vad"
        )
    return path


# ── windows ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Window:
    """Sound that goes through a recogniser at once: speech, with the longer silences left out.

    Attributes:
        samples: float32 in [-1, 1], mono, 16 kHz.
        speech: How probable speech is in each 32 ms of it.
        places: Where its pieces were cut from, as (first sample here, first sample in the audio), rising.
    """

    samples: Samples
    speech: Samples
    places: tuple[tuple[int, int], ...]

    @property
    def length_s(self) -> float:
        return len(self.samples) / RATE

    @property
    def speech_s(self) -> float:
        """For how long somebody speaks in it."""
        return float(np.count_nonzero(self.speech >= BEGINS)) * FRAME_S

    @property
    def start_s(self) -> float:
        return self.places[0][1] / RATE

    @property
    def end_s(self) -> float:
        here, there = self.places[-1]
        return (there + len(self.samples) - here) / RATE

    def at(self, second: float) -> float:
        """The second of the audio that is heard at `second` of the window."""
        sample = second * RATE
        here, there = max((place for place in self.places if place[0] <= sample), default=self.places[0])
        return (there + sample - here) / RATE

    def part(self, first: int, last: int) -> Window:
        """The frames from `first` until before `last`, as a window of its own."""
        begin, end = first * FRAME, min(last * FRAME, len(self.samples))
        lead = max((place for place in self.places if place[0] <= begin), default=self.places[0])
        places = [(0, lead[1] + begin - lead[0])]
        places += [(here - begin, there) for here, there in self.places if begin < here < end]
        return Window(self.samples[begin:end], self.speech[first:last], tuple(places))

    def halves(self) -> tuple[Window, Window]:
        """Cut in two where speech is least probable, in the middle third."""
        frames = len(self.speech)
        cut = _best_cut(self.speech, [], frames // 3, frames * 2 // 3)
        return self.part(0, cut), self.part(cut, frames)


def windows(heard: Iterable[tuple[Samples, Samples]], longest_s: float) -> Iterator[Window]:
    """Pack speech into windows of at most `longest_s` seconds, cut in pauses.

    Args:
        heard: What `VoiceActivity.frames` yields.

    About a minute of sound is held at a time, whatever the length of the audio.
    """
    longest = int(longest_s * RATE) // FRAME
    kept: list[_Frame] = []
    for frame in _spoken(_numbered(heard)):
        kept.append(frame)
        if len(kept) == longest:
            joints = [place for place in range(1, longest) if kept[place].number != kept[place - 1].number + 1]
            cut = _best_cut(np.array([each.speech for each in kept]), joints, longest * 6 // 10, longest)
            yield from _window(kept[:cut])
            kept = kept[cut:]
    yield from _window(kept)


@dataclass(frozen=True, slots=True)
class _Frame:
    number: int
    samples: Samples
    speech: float


def _numbered(heard: Iterable[tuple[Samples, Samples]]) -> Iterator[_Frame]:
    number = 0
    for samples, speech in heard:
        for place, probability in enumerate(speech.tolist()):
            yield _Frame(number, samples[place * FRAME : (place + 1) * FRAME], probability)
            number += 1


def _spoken(frames: Iterable[_Frame]) -> Iterator[_Frame]:
    """The frames in which somebody speaks, those at the edges, and pauses of up to a second."""
    lead: deque[_Frame] = deque(maxlen=_MARGIN)  # silence that may turn out to be the edge of speech
    run: list[_Frame] = []  # what may be speech, or a click
    pause: list[_Frame] = []  # what may be a pause, or the end
    speaking = False
    for frame in frames:
        if speaking:
            pause.append(frame)
            if frame.speech >= BEGINS or (len(pause) == 1 and frame.speech >= ENDS):
                yield from pause
                pause.clear()
            elif len(pause) > _LONGEST_PAUSE:
                yield from pause[:_MARGIN]
                lead.extend(pause[_MARGIN:])
                pause.clear()
                speaking = False
        elif run or frame.speech >= BEGINS:
            run.append(frame)
            if sum(each.speech >= ENDS for each in run) >= _SHORTEST_SPEECH:
                yield from lead
                yield from run
                lead.clear()
                run.clear()
                speaking = True
            elif all(each.speech < ENDS for each in run[-_SHORTEST_PAUSE:]):
                lead.extend(run)
                run.clear()
        else:
            lead.append(frame)
    yield from pause[:_MARGIN]


def _best_cut(speech: Samples, joints: list[int], first: int, last: int) -> int:
    """Before which frame to cut: the last of the places in `first`…`last` that are as good as the best.

    The later the cut, the fewer windows there are. Where a silence was left out no better place is to be had.
    """
    if found := [joint for joint in joints if first <= joint < last]:
        return found[-1]
    smooth = np.convolve(speech, np.full(_SMOOTH, 1 / _SMOOTH), mode="same")[first:last]
    return max(first + int(np.flatnonzero(smooth <= smooth.min() + _NEARLY)[-1]), 1)


def _window(frames: list[_Frame]) -> Iterator[Window]:
    if not frames:
        return
    places = [(0, frames[0].number * FRAME)]
    for place in range(1, len(frames)):
        if frames[place].number != frames[place - 1].number + 1:
            places.append((place * FRAME, frames[place].number * FRAME))
    samples = np.concatenate([frame.samples for frame in frames])
    yield Window(samples, np.array([frame.speech for frame in frames], np.float32), tuple(places))
