"""The way through tokens and frames, checked against trying every way, and words made of pieces of letters."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.transcripts import alignment
from podbrief_assets.transcripts.engine import Word


def _best_total(scores: np.ndarray) -> float:  # type: ignore[type-arg]
    """The best sum over all ways that give each token one or more frames on end."""
    tokens, frames = scores.shape
    return max(
        sum(scores[token, begin:end].sum() for token, (begin, end) in enumerate(itertools.pairwise([0, *cuts, frames])))
        for cuts in itertools.combinations(range(1, frames), tokens - 1)
    )


def _total(scores: np.ndarray, first: Sequence[int]) -> float:  # type: ignore[type-arg]
    ends = [*first[1:], scores.shape[1]]
    return float(
        sum(scores[token, begin:end].sum() for token, (begin, end) in enumerate(zip(first, ends, strict=True)))
    )


# Whole numbers, whose sums are exact whatever the order; several ways may be best.
sizes = st.tuples(st.integers(1, 5), st.integers(0, 5)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@settings(max_examples=150, deadline=None)
@given(shapes=st.lists(sizes, min_size=1, max_size=4), seed=st.integers(0, 2**32 - 1))
def test_no_way_is_better_and_the_windows_beside_it_do_not_matter(shapes: list[tuple[int, int]], seed: int) -> None:
    chance = np.random.default_rng(seed)
    matrices = [chance.integers(-4, 5, shape).astype(np.float32) for shape in shapes]
    tokens, frames = [shape[0] for shape in shapes], [shape[1] for shape in shapes]
    # What fills a smaller matrix up may be anything.
    batch = chance.integers(-9, 9, (len(shapes), max(tokens), max(frames))).astype(np.float32)
    for place, matrix in enumerate(matrices):
        batch[place, : matrix.shape[0], : matrix.shape[1]] = matrix
    found = alignment.first_frames(batch, tokens, frames)
    for place, matrix in enumerate(matrices):
        first = found[place, : tokens[place]].tolist()
        assert first[0] == 0 and all(a < b for a, b in itertools.pairwise(first)) and first[-1] < frames[place]
        assert _total(matrix, first) == _best_total(matrix)
        alone = alignment.first_frames(matrix[None], [tokens[place]], [frames[place]])
        assert alone[0].tolist() == first


@settings(max_examples=40, deadline=None)
@given(tokens=st.integers(2, 9), data=st.data())
def test_tokens_without_a_frame_of_their_own_share_the_last(tokens: int, data: st.DataObject) -> None:
    frames = data.draw(st.integers(1, tokens - 1))
    beside = np.random.default_rng(0).standard_normal((2, max(tokens, 3), 20)).astype(np.float32)
    found = alignment.first_frames(beside, [tokens, 3], [frames, 20])
    assert found[0, :tokens].tolist() == [min(token, frames - 1) for token in range(tokens)]
    assert found[1, :3].tolist() == alignment.first_frames(beside[1:], [3], [20])[0, :3].tolist()


def test_a_window_without_tokens_does_not_disturb_the_others() -> None:
    scores = np.random.default_rng(0).standard_normal((3, 4, 12)).astype(np.float32)
    found = alignment.first_frames(scores, [4, 0, 2], [12, 5, 9])
    assert found[0].tolist() == alignment.first_frames(scores[:1], [4], [12])[0].tolist()
    assert found[2, :2].tolist() == alignment.first_frames(scores[2:], [2], [9])[0, :2].tolist()


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _words(pieces: Sequence[str | bytes], language: str = "en") -> list[tuple[float, float, str]]:
    """Words of tokens that stand for `pieces`, of which each is said for a second."""
    raw = [piece.encode() if isinstance(piece, str) else piece for piece in pieces]

    def text(tokens: Sequence[int]) -> str:
        return b"".join(raw[token] for token in tokens).decode(errors="replace")

    starts_s = [float(place) for place in range(len(raw))]
    found = alignment.words(range(len(raw)), starts_s, float(len(raw)), text, language)
    assert all(isinstance(word, Word) for word in found)
    return [(word.start_s, word.end_s, word.text) for word in found]


def test_pieces_are_joined_until_a_space() -> None:
    assert _words([" Rotter", "dam", " re", "place", "d", " it"]) == [
        (0, 2, " Rotterdam"),
        (2, 5, " replaced"),
        (5, 6, " it"),
    ]


def test_the_first_word_needs_no_space() -> None:
    assert _words(["And", " so"]) == [(0, 1, "And"), (1, 2, " so")]


def test_a_comma_is_not_heard() -> None:
    assert _words([" so", ",", " my", " friends", ".", '"']) == [(0, 1, " so,"), (2, 3, " my"), (3, 4, ' friends."')]


def test_an_apostrophe_and_a_decimal_point_are_inside_their_word() -> None:
    assert _words([" don", "'t", " pay", " $", "5", ".", "20"]) == [(0, 2, " don't"), (2, 3, " pay"), (4, 7, " $5.20")]


def test_a_quotation_mark_belongs_to_the_word_that_it_opens() -> None:
    assert _words([" left", ".", ' "', "Why", "?", '"', " she"]) == [
        (0, 1, " left."),
        (3, 4, ' "Why?"'),
        (6, 7, " she"),
    ]
    assert _words([" it", " (", "the", " bus", ")"]) == [(0, 1, " it"), (2, 3, " (the"), (3, 4, " bus)")]


def test_a_dash_that_stands_alone_belongs_to_the_word_before() -> None:
    assert _words([" yes", " –", " no"]) == [(0, 1, " yes –"), (2, 3, " no")]
    assert _words([" yes", " –"]) == [(0, 1, " yes –")]
    assert _words([" –", " yes"]) == [(0, 1, " –"), (1, 2, " yes")]


def test_a_letter_of_several_tokens_is_one_letter() -> None:
    u = "ü".encode()
    assert _words([" T", u[:1], u[1:], "r", " auf"], "de") == [(0, 4, " Tür"), (4, 5, " auf")]
    face = "😀".encode()
    assert _words([" so", face[:1], face[1:3], face[3:], " da"]) == [(0, 1, " so😀"), (4, 5, " da")]


def test_a_letter_that_never_ends_does_not_take_the_rest_along() -> None:
    assert _words([" a", "ü".encode()[:1], " b", " c"]) == [(0, 3, " a\N{REPLACEMENT CHARACTER} b"), (3, 4, " c")]
    assert "".join(text for *_, text in _words([" a", "ü".encode()[:1]])) == " a\N{REPLACEMENT CHARACTER}"


def test_japanese_is_told_without_spaces() -> None:
    sea = "海".encode()
    assert _words(["今日", "は", "、", sea[:2], sea[2:], "へ", "。"], "ja") == [
        (0, 1, "今日"),
        (1, 2, "は、"),
        (3, 5, "海"),
        (5, 6, "へ。"),
    ]
    assert _words(["言", "う", "。", "「", "はい", "」", "と"], "ja") == [
        (0, 1, "言"),
        (1, 2, "う。"),
        (4, 5, "「はい」"),
        (6, 7, "と"),
    ]


@pytest.mark.parametrize("language", ["en", "zh", ""])
def test_tokens_that_stand_for_nothing_are_nothing(language: str) -> None:
    assert _words(["", " so", "", "", " it", ""], language) == [(1, 2, " so"), (4, 5, " it")]
    assert _words([], language) == [] == _words(["", ""], language)


pieces = st.lists(
    st.sampled_from([" a", "b", " ", "", ".", ' "', "「", "日", b"\xc3", b"\xbc", " –", "'s", "1"]), max_size=14
)


@settings(max_examples=300, deadline=None)
@given(pieces=pieces, language=st.sampled_from(["en", "ja"]))
def test_no_text_is_lost_and_no_word_ends_before_it_begins(pieces: list[str | bytes], language: str) -> None:
    found = _words(pieces, language)
    whole = b"".join(piece.encode() if isinstance(piece, str) else piece for piece in pieces).decode(errors="replace")
    assert "".join(text for *_, text in found).replace("\N{REPLACEMENT CHARACTER}", "") == whole.replace(
        "\N{REPLACEMENT CHARACTER}", ""
    )
    assert all(start_s <= end_s for start_s, end_s, _ in found)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(found))
