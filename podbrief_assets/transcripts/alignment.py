"""Find out when each token was said, from how a decoder looked at the sound.

Belongs here: the path through a matrix of tokens and frames, and grouping tokens into words.
Doesn't: where the matrix comes from (`whisper.py`), sentences (`speech.py`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from podbrief_assets.transcripts.engine import Word

# Written without spaces between words: every character, or what a token holds of several, stands for itself.
_WITHOUT_SPACES = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km", "bo"})
_BROKEN = "\N{REPLACEMENT CHARACTER}"


def first_frames(
    scores: npt.NDArray[np.float32], tokens: Sequence[int], frames: Sequence[int]
) -> npt.NDArray[np.int64]:
    """The best way through each matrix that gives every token, in its order, one or more frames on end.

    Args:
        scores: How well token and frame go together: (windows, tokens, frames), filled up to the largest.
        tokens, frames: How many of each are real, in each window.

    Returns:
        (windows, tokens): the first frame of each token; what is beyond the real ones means nothing. Where there are
        fewer frames than tokens, tokens share the last frame.

    All windows take each step together: a thousand steps of NumPy whatever their number, 40 ms for sixteen windows.
    """
    count, most_tokens, most_frames = scores.shape
    windows = np.arange(count)
    best = np.full((count, most_tokens), -np.inf, np.float32)
    best[:, 0] = scores[:, 0, 0]
    came = np.zeros((most_frames, count, most_tokens), np.bool_)  # whether the token began in this frame
    steps = np.ascontiguousarray(scores.transpose(2, 0, 1))
    for frame in range(1, most_frames):
        began = came[frame]
        np.greater(best[:, :-1], best[:, 1:], out=began[:, 1:])
        best[:, 1:] = np.where(began[:, 1:], best[:, :-1], best[:, 1:])
        best += steps[frame]
    first = np.zeros((count, most_tokens), np.int64)
    token = np.asarray(tokens) - 1
    last = np.asarray(frames) - 1
    # A window with fewer frames than tokens has no path: its last tokens share the last frame.
    first[:] = last[:, None]
    for frame in range(most_frames - 1, -1, -1):
        inside = (frame <= last) & (token >= 0)
        at = np.where(inside, token, 0)
        first[windows[inside], at[inside]] = frame
        token = np.where(inside & came[frame, windows, at], token - 1, token)
    for place, count_of_frames in enumerate(frames):
        if (n := tokens[place]) > count_of_frames:
            first[place, :n] = np.minimum(np.arange(n), count_of_frames - 1)
    return first


def words(
    tokens: Sequence[int], starts_s: Sequence[float], end_s: float, text: Callable[[Sequence[int]], str], language: str
) -> list[Word]:
    """Group tokens into words.

    Args:
        tokens: Of one window.
        starts_s: When each is said.
        end_s: When the last one ends.
        text: What tokens stand for; a token may hold part of a letter only.
        language: Decides whether words are told by the space before them.
    """
    found: list[Word] = []
    waiting: list[int] = []
    spaced = language not in _WITHOUT_SPACES
    first = 0
    for place, token in enumerate(tokens):
        waiting.append(token)
        piece = text(waiting)
        if piece.endswith(_BROKEN) and place + 1 < len(tokens):
            continue
        waiting = []
        ends = starts_s[place + 1] if place + 1 < len(tokens) else end_s
        starts = starts_s[first]
        first = place + 1
        if not piece:
            continue
        # What is written without a space before it goes on with the word before; a quotation mark or a bracket that
        # opens waits for what follows.
        if _heard(piece):
            begins_word = piece.startswith(" ") or not (spaced or (found and _opens(found[-1].text)))
        else:
            begins_word = piece.startswith(" ") or _opens(piece)
        if begins_word or not found:
            _close(found)
            found.append(Word(starts, ends, piece))
        else:
            # A comma is not heard: the word before it ends where the comma begins.
            last, heard = found[-1], _heard(piece)
            start_s = starts if heard and not _heard(last.text) else last.start_s
            found[-1] = Word(start_s, ends if heard else last.end_s, last.text + piece)
    _close(found)
    return found


def _heard(piece: str) -> bool:
    return any(letter.isalnum() for letter in piece)


def _opens(piece: str) -> bool:
    """Whether a piece is nothing but an opening bracket or quotation mark."""
    return unicodedata.category(piece[-1]) in ("Ps", "Pi") and not _heard(piece)


def _close(found: list[Word]) -> None:
    """Give a dash that stands alone to the word before it."""
    if len(found) > 1 and not _heard(found[-1].text):
        before, alone = found[-2:]
        found[-2:] = [Word(before.start_s, before.end_s, before.text + alone.text)]
