"""Advertising in transcripts, on shows that the detector never saw.

Belongs here: what is caught and lost where one show is left out at a time (its episode teaches no weight, and a pattern
that only its words satisfy is muted), excerpts that overlap a mark, and spots that repetition alone finds.
Doesn't: finding advertising (`insights/sponsors.py`), fitting its weights (`sponsor_fit.py`).

A span that is found matches a marked one where their intersection is at least half of their union. The marks leave
most self-promotion unmarked, so what is found as `self` counts as lost words and not as a span. What is left out is
only what is fitted: the classes of wording and the costs of the path were chosen with all seven episodes in view.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from podbrief_assets.evaluation.corpus import MarkedEpisode, marked_episodes, typed_transcript
from podbrief_assets.evaluation.figures import Figure, Form, Goal, LabelledData
from podbrief_assets.evaluation.fitting import interval
from podbrief_assets.evaluation.sponsor_fit import examples, fit, talk, talk_examples
from podbrief_assets.insights import candidates, extractive
from podbrief_assets.insights.passages import content
from podbrief_assets.insights.sponsor_repeats import fingerprint, repeated
from podbrief_assets.insights.sponsor_signs import Sign, compiled, plain, signs
from podbrief_assets.insights.sponsors import Span, find_sponsor_spans
from podbrief_assets.insights.text import sentences
from podbrief_assets.transcripts.segment import Segment

CAUGHT, LOST, REPEATED = 0.90, 0.03, 0.80
MATCH = 0.5
PUBLISHED = "published for these data: best large model 0.82"


@dataclass(frozen=True)
class Score:
    """What was found in one episode, or in several together."""

    spot_words: int = 0
    caught: int = 0
    talk_words: int = 0
    lost: int = 0
    found: int = 0
    marked: int = 0
    matched: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(*(mine + theirs for mine, theirs in zip(vars(self).values(), vars(other).values(), strict=True)))

    @property
    def caught_share(self) -> float:
        """Of the words of advertising, those caught; nan where there are none."""
        return self.caught / self.spot_words if self.spot_words else float("nan")

    @property
    def lost_share(self) -> float:
        """Of the words of programme, those taken for advertising."""
        return self.lost / self.talk_words

    @property
    def precision(self) -> float:
        """Of the spans found, those that are marked; 1 where none is found."""
        return self.matched / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Of the spans marked, those that are found; 1 where none is marked."""
        return self.matched / self.marked if self.marked else 1.0

    def f(self, beta: float) -> float:
        """The weighted harmonic mean of both."""
        below = beta**2 * self.precision + self.recall
        return (1 + beta**2) * self.precision * self.recall / below if below else 0.0


def score(episode: MarkedEpisode, spans: Sequence[Span]) -> Score:
    """Compare what is found with what is marked."""
    spot_words = caught = talk_words = lost = 0
    for segment in episode.segments:
        count = len(segment.text.split())
        for index in range(count):
            middle = segment.start_s + (segment.end_s - segment.start_s) * (index + 0.5) / count
            spot, found = episode.marked(middle), any(span.start_s <= middle <= span.end_s for span in spans)
            spot_words, caught = spot_words + spot, caught + (spot and found)
            talk_words, lost = talk_words + (not spot), lost + (found and not spot)
    paid = [(span.start_s, span.end_s) for span in spans if span.kind != "self"]
    matched = sum(any(_overlap(mark, one) >= MATCH for one in paid) for mark in episode.marks)
    return Score(spot_words, caught, talk_words, lost, len(paid), len(episode.marks), matched)


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Intersection over union; above one half, no two spans can match one mark."""
    both = max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
    return both / (one[1] - one[0] + other[1] - other[0] - both)


def known_elsewhere(episodes: Sequence[MarkedEpisode], left_out: str) -> list[Sign]:
    """The signs without the patterns that only the show left out satisfies."""
    texts = {e.show: [plain(one) for segment in e.segments for one in sentences(segment.text)] for e in episodes}
    kept = []
    for sign in signs():
        patterns = tuple(
            pattern
            for pattern in sign.patterns
            if not _found(pattern, texts[left_out]) or any(_found(pattern, texts[e]) for e in texts if e != left_out)
        )
        if patterns:
            kept.append(Sign(sign.name, sign.kind, sign.proves, patterns))
    return kept


def _found(pattern: str, texts: Sequence[str]) -> bool:
    search = compiled([pattern]).search
    return any(search(text) for text in texts)


def left_out(corpus: Path, episodes: Sequence[MarkedEpisode]) -> dict[str, list[Span]]:
    """By show, what is found in it by a detector that learned from the others."""
    learned = {episode.show: examples(episode, signs()) for episode in episodes}
    programme = talk_examples(talk(corpus), signs())
    found = {}
    for episode in episodes:
        weights = fit([one for show, rows in learned.items() if show != episode.show for one in rows], programme)
        patterns = known_elsewhere(episodes, episode.show)
        found[episode.show] = find_sponsor_spans(
            episode.segments, show_notes=episode.description, weights=weights, signs=patterns
        )
    return found


def excerpts_overlapping(episode: MarkedEpisode, spans: Sequence[Span]) -> tuple[int, int]:
    """How many excerpts are accepted, and how many of them overlap a marked advertisement."""
    about = candidates.Episode(
        episode_id=episode.show, show_id=episode.show, show_title=episode.show, title="", language="en"
    )
    found = extractive.extract(about, content(episode.segments, spans))
    overlapping = [one for one in found if any(one.start_s < end and start < one.end_s for start, end in episode.marks)]
    return len(found), len(overlapping)


def spliced(corpus: Path, episodes: Sequence[MarkedEpisode], noise: float = 0.05) -> tuple[int, int, int, int]:
    """Put marked spots into episodes of one show, each into three, every twentieth word misheard.

    Returns the words of spots and those found by repetition alone, the words of programme and those found so.
    """
    chance = np.random.default_rng(3)
    hosts = sorted((corpus / "transcripts" / "changelog" / "podcast").glob("*.md"))[-8:]
    shows = [typed_transcript(path.read_text(encoding="utf-8")) for path in hosts]
    spots = [_spoken(episode, mark) for episode in episodes for mark in episode.marks]
    labelled = []
    for number, segments in enumerate(shows):
        mixed: list[tuple[str, bool]] = []
        mine = [spot for place, spot in enumerate(spots) if (number - place) % len(shows) < 3]
        at = set(chance.choice(len(segments), len(mine), replace=False).tolist())
        for index, segment in enumerate(segments):
            if index in at:
                misheard = chance.random(len(mine[0])) < noise
                mixed += [("mumble" if bad else word, True) for word, bad in zip(mine[0], misheard, strict=True)]
                mine = mine[1:]
            mixed += [(word, False) for word in segment.text.split()]
        labelled.append(mixed)
    cast = [
        [Segment(start_s=n * 0.4, end_s=n * 0.4 + 0.4, text=word) for n, (word, _) in enumerate(mixed)]
        for mixed in labelled
    ]
    prints = [fingerprint(segments) for segments in cast]
    spot_words = caught = talk_words = lost = 0
    for number, mixed in enumerate(labelled):
        found = repeated(cast[number], [one for other, one in enumerate(prints) if other != number])
        inside = np.zeros(len(mixed), bool)
        for repeat in found:
            inside[round(repeat.start_s / 0.4) : round(repeat.end_s / 0.4)] = True
        spot = np.array([label for _, label in mixed])
        spot_words, caught = spot_words + int(spot.sum()), caught + int((spot & inside).sum())
        talk_words, lost = talk_words + int((~spot).sum()), lost + int((~spot & inside).sum())
    return spot_words, caught, talk_words, lost


def _spoken(episode: MarkedEpisode, mark: tuple[float, float]) -> list[str]:
    return [
        word
        for segment in episode.segments
        if mark[0] <= (segment.start_s + segment.end_s) / 2 < mark[1]
        for word in segment.text.split()
    ]


def figures(data: LabelledData) -> Iterator[Figure]:
    """Words caught and lost, spans, excerpts that overlap a mark, and what repetition finds.

    Raises:
        LabelsMissing: there are no marked episodes.
    """
    episodes = marked_episodes(data.of_corpus("ads"))
    found = left_out(data.corpus, episodes)
    scores = [score(episode, found[episode.show]) for episode in episodes]
    pooled = sum(scores, Score())

    def figure(
        name: str, of: Callable[[Score], float], form: Form = "number", goal: Goal | None = None, note: str = ""
    ) -> Figure:
        low, high = interval(lambda rows: of(sum((scores[int(row)] for row in rows), Score())), len(scores))
        bare = Figure(name=name, value=of(pooled), form=form, goal=goal)
        over = f"{bare.shown(low)} to {bare.shown(high)} over resamples of the {len(scores)} episodes"
        return replace(bare, note=f"{note}; {over}" if note else over)

    yield figure(
        "words of advertising caught, each show left out in turn",
        lambda one: one.caught_share,
        "share",
        Goal(bound="at least", value=CAUGHT),
        f"of {pooled.spot_words:,}",
    )
    yield figure(
        "words of programme lost",
        lambda one: one.lost_share,
        "share",
        Goal(bound="at most", value=LOST),
        f"of {pooled.talk_words:,}",
    )
    yield figure("precision of spans", lambda one: one.precision)
    yield figure("recall of spans", lambda one: one.recall)
    yield figure("F0.5 of spans", lambda one: one.f(0.5), note=PUBLISHED)
    for episode, one in zip(episodes, scores, strict=True):
        caught = f"{one.caught_share:.1%} of {one.spot_words:,} words of advertising caught, " if one.spot_words else ""
        yield Figure(
            name=f"F0.5 of spans in {episode.show}",
            value=one.f(0.5),
            note=f"{caught}{one.lost_share:.2%} of programme lost, "
            f"{one.matched} matched of {one.found} found and {one.marked} marked",
        )
    shipped = {one.show: find_sponsor_spans(one.segments, show_notes=one.description) for one in episodes}
    counts = [excerpts_overlapping(one, spans[one.show]) for spans in (shipped, found) for one in episodes]
    yield Figure(
        name="accepted excerpts that overlap a mark",
        value=sum(bad for _, bad in counts),
        form="count",
        goal=Goal(bound="at most", value=0),
        note=f"of {sum(accepted for accepted, _ in counts)}, with the weights that ship and left out",
    )
    spot_words, caught_words, talk_words, lost_words = spliced(data.corpus, episodes)
    yield Figure(
        name="words of spots found by repetition alone, put into eight episodes of a show",
        value=caught_words / spot_words,
        form="share",
        goal=Goal(bound="at least", value=REPEATED),
        note=f"of {spot_words:,}, with {lost_words / talk_words:.2%} of the programme",
    )
