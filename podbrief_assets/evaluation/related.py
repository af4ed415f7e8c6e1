"""How well what is offered as related is related.

Belongs here: windows of real speech to find related ones among, the verdicts on pairs of them, and the figures.
Doesn't: the choice itself (`scores/related.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from podbrief_assets.evaluation.corpus import typed_transcript, words_digest
from podbrief_assets.insights.text import fold, names_of, rarity, sentence_ends, vocabulary

_SHORTEST, _LONGEST = 25, 60  # words, as an excerpt's
_OF_AN_EPISODE = 6
_SPEAKING = vocabulary("i you your yours we our ours us me my mine let welcome thanks unintelligible")
_DANGLING = vocabulary("it its this that these those they he she so and but or which because yeah yes no right well")


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
