"""What a measurement gives: figures, each with the goal that it must reach, if it has one.

Belongs here: the value of a figure, the labelled data that figures are taken from, and the list of what is measured.
Doesn't: measuring; each section is a module of this package with a function `figures(data)`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from podbrief_assets.errors import PermanentFailure

LABELS = Path(__file__).parent / "labels"

# Section by section, in the pipeline's order; the modules are imported when they are asked for.
SECTIONS: tuple[str, ...] = (
    "sponsors",
    "passages",
    "excerpts",
    "grounding",
    "embeddings",
    "duplicates",
    "related",
    "scores",
)


Form = Literal["share", "count", "number"]


class LabelsMissing(PermanentFailure):
    """The labelled data that a section needs is not where it was looked for, or is no such data."""


@dataclass(frozen=True, kw_only=True)
class LabelledData:
    """Where labelled data lies.

    Attributes:
        corpus: Real transcripts and public labelled sets, in the layout of the shared corpus (`ads/`, `transcripts/`,
            `eval/`); nothing of it is part of podbrief.
        labels: podbrief's own verdicts on them, which name places in the corpus and hold none of its words.
    """

    corpus: Path
    labels: Path = LABELS

    def of_corpus(self, *parts: str) -> Path:
        """The folder or file of the corpus at `parts`.

        Raises:
            LabelsMissing: it is not there.
        """
        return _there(self.corpus.joinpath(*parts), "give the corpus's folder with --corpus")

    def of_labels(self, name: str) -> Path:
        """The file `name` of podbrief's own labels.

        Raises:
            LabelsMissing: it is not there.
        """
        return _there(self.labels / name, "give the folder with the labels with --labels")


def _there(path: Path, remedy: str) -> Path:
    if not path.exists():
        raise LabelsMissing(f"there is no {path}", remedy)
    return path


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A bound that a figure must keep to."""

    bound: Literal["at least", "at most"]
    value: float

    def met(self, value: float) -> bool:
        """Whether `value` keeps to it."""
        return value >= self.value if self.bound == "at least" else value <= self.value


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured number.

    Attributes:
        name: What was measured, on what, as a reader of the table should understand it without the code.
        value: The number itself; a share lies in [0, 1].
        form: How it is shown: a share as a percentage, a count whole, anything else with three digits.
        goal: None where it is only reported.
        note: Interval, number of examples, what it is compared with.
    """

    name: str
    value: float
    form: Form = "number"
    goal: Goal | None = None
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether it reaches its goal; a figure without one does."""
        return self.goal is None or self.goal.met(self.value)

    def shown(self, value: float | None = None) -> str:
        """Its value, or another one in its form."""
        value = self.value if value is None else value
        if self.form == "share":
            return f"{value:.1%}"
        return f"{value:,.0f}" if self.form == "count" else f"{value:.3f}"


def section(name: str, data: LabelledData) -> Iterator[Figure]:
    """The figures of one of `SECTIONS`, as they are measured.

    Raises:
        LabelsMissing: what it measures on is not there.
    """
    module = importlib.import_module(f"podbrief_assets.evaluation.{name}")
    found: Iterator[Figure] = module.figures(data)
    return found
