"""Measure how well the gates tell what was said from what a model made of it.

Belongs here: insights written by hand on real passages and corrupted by hand, each judged as the product judges a
model's, and the shares that are caught and refused.
Doesn't: the rules (`insights/grounding/`); what the labels mean (`labels/grounding.md`).
"""

from __future__ import annotations

import functools
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from podbrief_assets.evaluation.corpus import transcript_at, words_digest
from podbrief_assets.evaluation.figures import Figure, Goal, LabelledData, LabelsMissing
from podbrief_assets.insights.candidates import Episode
from podbrief_assets.insights.grounding import Located, Refusal, locate, refusal
from podbrief_assets.insights.passages import Passage, cut
from podbrief_assets.insights.text import word_count

# The rules were written while looking at the other shows alone; these were labelled before and only measured. The last
# few (asked, ending, kind, rests, what several made, who merely spoke of a thing) came from what a model wrote of other
# episodes, and were held against the true texts of all shows before they were kept.
HELD_BACK = frozenset(
    ("friends", "practicalai", "news", "daily-tech-news-show", "oxide-and-friends", "the-brilliant-idiots",
     "futurehistories")
)  # fmt: skip
KINDS = {
    "subject": "who did what to whom swapped",
    "polarity": "the opposite told",
    "hedge": "a hedge hardened",
    "number": "a number invented",
    "name": "a name replaced or added",
    "negation": "a negation dropped or added",
    "cause": "cause and effect swapped",
    "comparison": "a comparison reversed",
    "outside": "outside knowledge added",
    "joined": "two claims joined wrongly",
}
_GOALS = dict.fromkeys(("subject", "polarity", "hedge", "number"), Goal(bound="at least", value=0.95))
_FALSE_REFUSALS = Goal(bound="at most", value=0.10)
_TITLES = {
    "podcast": "The Changelog", "gotime": "Go Time", "founderstalk": "Founders Talk", "friends": "Changelog & Friends",
    "practicalai": "Practical AI", "news": "Changelog News", "futurehistories": "Future Histories",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """A true insight with what it rests on, and false ones made of it.

    Attributes:
        show: Whose words they are; shows are either developed on or held back, never both.
        text: True to what was said.
        corrupted: Of each false text its kind of `KINDS` and the text.
        quote: Where its quote was spoken, None where it isn't found.
        passage: What a model would have been shown.
    """

    show: str
    text: str
    corrupted: tuple[tuple[str, str], ...]
    quote: Located | None
    passage: Passage
    episode: Episode

    @property
    def held_back(self) -> bool:
        """Whether the rules were written without looking at its show."""
        return self.show in HELD_BACK

    def judged(self, text: str) -> Refusal | None:
        """What the gates say of `text`, had a model written it with this quote."""
        if self.quote is None:
            return Refusal(rule="quote_not_found", detail="")
        speakers = sorted({segment.speaker for segment in self.passage.segments if segment.speaker})
        return refusal(
            text,
            quote=self.quote,
            passage=self.passage.text,
            episode=self.episode,
            speakers=speakers,
            segments=self.passage.segments,
        )


def labelled(data: LabelledData) -> list[Labelled]:
    """All labelled insights, each with its real passage.

    Raises:
        LabelsMissing: the labels or the corpus are not there, or the corpus has other words at a label's place.
    """
    lines = data.of_labels("grounding.jsonl").read_text(encoding="utf-8").splitlines()
    return [_labelled(json.loads(line), data) for line in lines]


def _labelled(row: dict[str, object], data: LabelledData) -> Labelled:
    file, start, count = str(row["file"]), int(str(row["start"])), int(str(row["words"]))
    episode, passages = _episode(data.of_corpus(*file.split("/")), str(row["show"]))
    words = [word for passage in passages for word in passage.text.split()][start : start + count]
    if words_digest(words) != row["digest"]:
        raise LabelsMissing(f"{file} has other words at {start} than were labelled", "use the corpus of SOURCES.tsv")
    passage = _passage_at(passages, start + count // 2)
    edits = [(edit["kind"], edit["said"], edit["told"]) for edit in row["corrupted"]]  # type: ignore[attr-defined]
    text = str(row["text"])
    return Labelled(
        show=str(row["show"]),
        text=text,
        corrupted=tuple((kind, text.replace(said, told)) for kind, said, told in edits),
        quote=locate(" ".join(words), passage.segments),
        passage=passage,
        episode=episode,
    )


@functools.lru_cache(maxsize=4)
def _episode(path: Path, show: str) -> tuple[Episode, Sequence[Passage]]:
    """What an extractor knows of an episode of the corpus, and its passages with everything that was said."""
    about = json.loads(path.read_text(encoding="utf-8")) if path.parent.name == "ads" else {}
    known = Episode(
        episode_id=path.stem,
        show_id=show,
        show_title=str(about.get("show") or _TITLES[show]),
        title=path.stem.replace("-", " "),
        description=str(about.get("description") or ""),
    )
    return known, cut(transcript_at(path), ())


def _passage_at(passages: Sequence[Passage], place: int) -> Passage:
    """The passage that word `place` of the episode is in."""
    for passage in passages:
        place -= word_count(passage.text)
        if place < 0:
            return passage
    return passages[-1]


def figures(data: LabelledData) -> Iterator[Figure]:
    """For the shows developed on and those held back: what is caught of each kind, and what is refused of the true."""
    insights = labelled(data)
    for held_back in (False, True):
        yield from _figures([one for one in insights if one.held_back == held_back], held_back=held_back)


def _figures(insights: Sequence[Labelled], *, held_back: bool) -> Iterator[Figure]:
    shows = "shows held back" if held_back else "shows developed on"
    caught: dict[str, list[Refusal | None]] = defaultdict(list)
    for insight in insights:
        for kind, text in insight.corrupted:
            caught[kind].append(insight.judged(text))
    for kind, name in KINDS.items():
        verdicts = caught[kind]
        if not verdicts:
            continue
        yield Figure(
            name=f"caught: {name}, {shows}",
            value=sum(verdict is not None for verdict in verdicts) / len(verdicts),
            form="share",
            goal=_GOALS.get(kind) if held_back else None,
            note=f"{len(verdicts)} texts; {_by_rule(verdicts)}",
        )
    refused = [insight.judged(insight.text) for insight in insights]
    yield Figure(
        name=f"true insights refused, {shows}",
        value=sum(verdict is not None for verdict in refused) / len(refused),
        form="share",
        goal=_FALSE_REFUSALS if held_back else None,
        note=f"{len(refused)} texts; {_by_rule(refused)}",
    )


def _by_rule(verdicts: Sequence[Refusal | None]) -> str:
    counts = Counter(verdict.rule for verdict in verdicts if verdict is not None)
    return ", ".join(f"{rule} {count}" for rule, count in counts.most_common())
