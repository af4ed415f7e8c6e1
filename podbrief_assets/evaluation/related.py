"""How well what is offered as related is related.

Belongs here: windows of real speech to find related ones among, the verdicts on pairs of them, and the figures.
Doesn't: the choice itself (`scores/related.py`).
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from podbrief_assets.evaluation.corpus import typed_transcript, words_digest
from podbrief_assets.evaluation.figures import Figure, LabelledData, LabelsMissing
from podbrief_assets.insights.embeddings import encoder_of_lake
from podbrief_assets.insights.text import fold, names_of, rarity, sentence_ends, vocabulary
from podbrief_assets.scores import related
from podbrief_assets.scores.neighbours import Floats

_SHORTEST, _LONGEST = 25, 60  # words, as an excerpt's
_OF_AN_EPISODE = 6
_SPEAKING = vocabulary("i you your yours we our ours us me my mine let welcome thanks unintelligible")
_DANGLING = vocabulary("it its this that these those they he she so and but or which because yeah yes no right well")

# What a reader of the one would say of the other. The same subject: one thing, technology, company, event or question.
# The same field: one language, firm or practice, but another matter. Unrelated: nothing in common but words.
SAME_SUBJECT, SAME_FIELD, UNRELATED = "same subject", "same field", "unrelated"
_LOW_FLOOR = 0.4
_BANDS = (0.2, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)


@dataclass(frozen=True)
class Pair:
    """What two windows of different episodes say, and what a reader made of them."""

    texts: tuple[str, str]
    verdict: str


@dataclass(frozen=True, kw_only=True)
class Window:
    """Consecutive sentences of one speaker.

    Attributes:
        episode: The transcript's path below the folder of transcripts.
        paragraph, word: Where it starts: the transcript's segment and the word in it, from 0.
        words: What was said.
    """

    episode: str
    paragraph: int
    word: int
    words: tuple[str, ...]

    @property
    def show(self) -> str:
        """The show of its episode."""
        return self.episode.split("/")[0]

    @property
    def text(self) -> str:
        """What was said."""
        return " ".join(self.words)


def figures(data: LabelledData) -> Iterator[Figure]:
    """How many of the pairs above the floor are related, how varied lists are, and how many insights have one."""
    encoder = encoder_of_lake()
    transcripts = data.of_corpus("transcripts", "changelog")
    pairs = judged_pairs(data.of_labels("related.csv"), transcripts)
    a, b = (encoder.encode([pair.texts[side] for pair in pairs]) for side in (0, 1))
    band = np.digitize(np.einsum("ij,ij->i", a, b), _BANDS)
    verdicts = np.array([pair.verdict for pair in pairs])
    shares = np.zeros(len(_BANDS) + 1)
    for number, (low, high) in enumerate(itertools.pairwise(_BANDS), start=1):
        inside = verdicts[band == number]
        if len(inside):
            shares[number] = (inside != UNRELATED).mean()
            yield Figure(
                name=f"pairs of real windows at a cosine of {low:.2f} to {high:.2f}: on the same subject or field",
                value=float(shares[number]),
                form="share",
                note=f"{len(inside)} pairs; on the same subject {(inside == SAME_SUBJECT).mean():.0%}",
            )
    offered = windows(transcripts)
    vectors = encoder.encode([window.text for window in offered])
    edges = _edges(offered, vectors)
    if edges.is_empty():
        return
    # Nearer than any judged pair counts as the nearest of them.
    bands = np.clip(np.digitize(edges["similarity"].to_numpy(), _BANDS), 1, len(_BANDS) - 1)
    yield Figure(
        name="what is offered: on the same subject or field",
        value=float(shares[bands].mean()),
        form="share",
        note=f"{len(edges):,} edges among {len(offered):,} windows, each at its band's share",
    )
    lengths = edges.group_by("insight_id").len()
    yield Figure(
        name="windows with at least three related ones",
        value=float((lengths["len"] >= 3).sum()) / len(offered),
        form="share",
        note=f"above a floor of {related.FLOOR:.2f}, of {len(offered):,} windows",
    )
    # Few windows have more than ten above the floor, as they have in an archive of millions: here, above a lower one.
    varied, plain = (_edges(offered, vectors, floor=_LOW_FLOOR, variety=one) for one in (related.VARIETY, 0.0))
    changed = varied.join(plain, on=["insight_id", "related_id"], how="anti").select("insight_id").unique()
    if len(changed):
        before, after = (
            intra_list_similarity(lists.join(changed, on="insight_id", how="semi"), vectors)
            for lists in (plain, varied)
        )
        yield Figure(
            name="mean cosine between two of a list that is chosen for variety",
            value=after,
            note=f"{len(changed)} lists above {_LOW_FLOOR:.2f} that it changes; of the ten nearest {before:.3f}",
        )


def judged_pairs(labels: Path, transcripts: Path) -> list[Pair]:
    """The pairs that `labels` names, with their words out of `transcripts`.

    Raises:
        LabelsMissing: The words at a place are others than were judged, or none.
    """
    with labels.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [Pair((_said(row, "a", transcripts), _said(row, "b", transcripts)), row["verdict"]) for row in rows]


def _said(row: Mapping[str, str], side: str, transcripts: Path) -> str:
    path = transcripts / row[f"{side}_episode"]
    segments = typed_transcript(path.read_text(encoding="utf-8")) if path.exists() else []
    paragraph, start, count = (int(row[f"{side}_{name}"]) for name in ("paragraph", "word", "words"))
    words = [segment.text.split() for segment in segments[paragraph : paragraph + 1]]
    said = words[0][start : start + count] if words else []
    if words_digest(said) != row[f"{side}_digest"]:
        raise LabelsMissing(f"{path} does not say what was judged", "give the corpus that the labels were made on")
    return " ".join(said)


def _edges(offered: Sequence[Window], vectors: Floats, **options: float) -> pl.DataFrame:
    """Edges among windows, which go by their numbers."""
    names = [str(number) for number in range(len(offered))]
    insights = pl.DataFrame(
        {"insight_id": names, "episode_id": [window.episode for window in offered], "cluster": names}
    )
    return related.edges(insights, vectors, insights, [vectors], lambda positions: vectors[positions], **options)


def intra_list_similarity(edges: pl.DataFrame, vectors: Floats) -> float:
    """The mean cosine of two that are offered for one insight, over all lists of two and more; nan without any."""
    alike = []
    for _, one in edges.group_by("insight_id", maintain_order=True):
        members = vectors[one["related_id"].cast(pl.Int64).to_numpy()]
        if len(members) > 1:
            alike.append(float((members @ members.T)[np.triu_indices(len(members), 1)].mean()))
    return float(np.mean(alike)) if alike else float("nan")


def windows(folder: Path, most: int = _OF_AN_EPISODE) -> list[Window]:
    """Of each transcript in `folder` (a folder for each show) up to `most` windows, those of the rarest words.

    They stand for insights: as long as one, in the third person, with a name, asking nothing. They are chosen here and
    not by the extractor, so that verdicts on them stay good when the extractor learns something.
    """
    found = []
    for path in sorted(folder.glob("*/*.md")):
        name = path.relative_to(folder).as_posix()
        every = [window for window in _windows(name, path.read_text(encoding="utf-8")) if _telling(window)]
        every.sort(key=lambda window: (-_rarity(window), window.paragraph, window.word))
        found += sorted(every[:most], key=lambda window: (window.paragraph, window.word))
    return found


def _windows(episode: str, text: str) -> Iterator[Window]:
    for paragraph, segment in enumerate(typed_transcript(text)):
        words = segment.text.split()
        start = 0
        for end in sentence_ends(words):
            if end - start > _LONGEST:
                start = end
            elif end - start >= _SHORTEST:
                yield Window(episode=episode, paragraph=paragraph, word=start, words=tuple(words[start:end]))
                start = end


def _telling(window: Window) -> bool:
    folded = [fold(word) for word in window.words]
    return (
        window.words[-1].endswith(".")
        and not window.words[-1].endswith("..")
        and "?" not in window.text
        and folded[0] not in _DANGLING
        and not any(word.partition("'")[0] in _SPEAKING for word in folded)
        and bool(names_of(window.text))
    )


def _rarity(window: Window) -> float:
    return float(np.mean([rarity(fold(word)) for word in window.words]))
