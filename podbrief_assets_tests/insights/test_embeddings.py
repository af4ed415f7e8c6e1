"""The sentence encoder: what it gives, in which batches it works, and what it remembers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from upath import UPath

from podbrief_assets import models
from podbrief_assets.insights.embeddings import SentenceEncoder, WrongDimension
from podbrief_assets.lake.cache import Cache

MODEL = "sentence-transformers/all-MiniLM-L6-v2"


@pytest.fixture(scope="module")
def encoder():
    if models.find(MODEL).source == "hub":
        pytest.skip("the extra `offline` with the encoder's weights is not installed")
    return SentenceEncoder(MODEL, 384, batch_size=4)


@pytest.fixture
def cache(tmp_path):
    return Cache(UPath(tmp_path / "cache"))


def batches_of(encoder, monkeypatch) -> list[list[int]]:
    """The lengths in words of the texts of each batch, as they reach the model."""
    seen: list[list[int]] = []
    preprocess = encoder._encoder.preprocess

    def noted(texts: Any, *rest: Any, **options: Any) -> Any:
        seen.append([len(text.split()) for text in texts])
        return preprocess(texts, *rest, **options)

    monkeypatch.setattr(encoder._encoder, "preprocess", noted)
    return seen


def test_batches_are_sorted_by_length_across_all_groups_of_texts(encoder, cache, monkeypatch):
    seen = batches_of(encoder, monkeypatch)
    groups = [[" ".join(["word"] * (1 + (7 * number + 3 * place) % 40)) for place in range(3)] for number in range(10)]
    encoder.encode_groups(groups, cache)
    lengths = [length for batch in seen for length in batch]
    assert [len(batch) for batch in seen] == [4] * 7 + [2], "groups share batches"
    assert lengths == sorted(lengths, reverse=True)
    assert sorted(lengths) == sorted(len(text.split()) for group in groups for text in group)


def test_vectors_come_in_the_order_of_the_texts_and_have_length_one(encoder):
    texts = ["a short text", "a much longer text about batteries in harbours and what they cost", "tomatoes"]
    vectors = encoder.encode(texts)
    assert vectors.shape == (3, 384) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    for text, vector in zip(texts, vectors, strict=True):
        np.testing.assert_allclose(encoder.encode([text])[0], vector, atol=1e-5)


def test_what_is_known_is_not_encoded_again(encoder, cache, monkeypatch):
    groups = [["one text", "another text"], [], ["a third"]]
    first = encoder.encode_groups(groups, cache)
    seen = batches_of(encoder, monkeypatch)
    again = encoder.encode_groups([*groups, ["a new one"]], cache)
    assert seen == [[3]]
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=False))
    assert [len(group) for group in again] == [2, 0, 1, 1]


def test_the_best_device_is_taken_unless_one_is_named(encoder):
    assert encoder._encoder.device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert SentenceEncoder(MODEL, 384, device="cpu")._encoder.device.type == "cpu"


def test_vectors_of_another_length_than_the_lakes_are_refused(encoder):
    with pytest.raises(WrongDimension, match="PODBRIEF_EMBEDDING_DIMENSION=384"):
        SentenceEncoder(MODEL, 512).encode(["text"])
