"""Pick excerpts without a model that writes: a speaker's own words that stand alone and claim something, or nothing.

Belongs here: taking a transcript through gates, score, floor and choice, and the label of what is left.
Doesn't: removing advertising (sponsors.py), topics (topics.py), writing in the third person (llm/).

What podbrief calls an excerpt is in the design: 25 to 60 consecutive spoken words that a stranger understands. Nearly
everything that is said leans on what was said before. The gates refuse what no context could save (a question, a
greeting, a sentence that breaks off, an opening that points back); everything else is a matter of degree, so it is a
feature with a weight. Below the floor nothing is given: a missing excerpt costs nothing, a bad one costs the reader.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from podbrief_assets.insights.candidates import Candidate, Episode
from podbrief_assets.insights.excerpt_features import measured, prominence_of
from podbrief_assets.insights.excerpt_gates import refused
from podbrief_assets.insights.excerpt_patterns import QUIZ
from podbrief_assets.insights.excerpt_scores import shipped
from podbrief_assets.insights.excerpt_windows import Window, known_names, turns_of, windows_of
from podbrief_assets.insights.text import FUNCTION_WORDS, fold, is_english
from podbrief_assets.transcripts.segment import Segment

EXTRACTOR_VERSION: Final = "extractive-5"

MAX_EXCERPTS: Final = 3
MAX_OVERLAP: Final = 0.3  # shared share of rare words between two excerpts of an episode
MIN_GAP_S: Final = 45.0
# In a quiz wrong answers are told as if they were true. Real ones use eight or more of its words, over and over; who
# talks of a town that is called Point, and of points of inflation, uses two.
_MAX_QUIZ_SHARE: Final = 0.008
_QUIZ_WORDS: Final = 5


def extract(episode: Episode, segments: Sequence[Segment]) -> list[Candidate]:
    """Up to three excerpts of an episode, the best first; none where nothing stands alone, or it is not in English.

    Args:
        episode: Where the words come from.
        segments: The transcript, best without its advertising (`passages.content`).
    """
    floor = shipped().floor
    chosen: list[tuple[float, Window]] = []
    for score, centrality, window in scored(episode, segments):
        if score < floor or len(chosen) == MAX_EXCERPTS:
            break
        if all(_apart(window, other) for _, other in chosen):
            chosen.append((centrality, window))
    return [_candidate(episode, window, centrality) for centrality, window in chosen]


def refusal(episode: Episode, segments: Sequence[Segment]) -> str | None:
    """Why an episode as a whole gives no excerpt, None where its windows decide."""
    if episode.language and not episode.language.lower().startswith("en"):
        return f"its language is {episode.language}, and excerpts are picked in English only"
    folded = [fold(word) for segment in segments for word in segment.text.split()]
    if not is_english(folded):
        return "it does not read as English, and excerpts are picked in English only"
    of_quizzes = [word for word in folded if word in QUIZ]
    if len(set(of_quizzes)) >= _QUIZ_WORDS and len(of_quizzes) > _MAX_QUIZ_SHARE * len(folded):
        return "it is a quiz, whose wrong answers are told as if they were true"
    return None


def scored(episode: Episode, segments: Sequence[Segment]) -> list[tuple[float, float, Window]]:
    """The windows that no gate refuses, with score and centrality, the best first."""
    if refusal(episode, segments) is not None:
        return []
    show = frozenset(fold(word) for word in episode.show_title.split()) - FUNCTION_WORDS
    present = frozenset(fold(s.speaker.split()[0]) for s in segments if s.speaker and s.speaker.split())
    prominence = prominence_of([fold(word) for segment in segments for word in segment.text.split()])
    weights = shipped()
    passed: list[tuple[float, float, Window]] = []
    for turn in turns_of(segments, known_names(segments)):
        for window in windows_of(turn):
            if not refused(window, show, present):
                centrality = prominence.of(window.folded)
                passed.append((weights.score(measured(window, centrality)), centrality, window))
    return sorted(passed, key=lambda entry: (-entry[0], entry[2].start_s))


def _apart(one: Window, other: Window) -> bool:
    """Whether two excerpts say different things at different places."""
    if one.start_s < other.end_s + MIN_GAP_S and other.start_s < one.end_s + MIN_GAP_S:
        return False
    mine = {word for word in one.folded if word not in FUNCTION_WORDS}
    theirs = {word for word in other.folded if word not in FUNCTION_WORDS}
    return len(mine & theirs) <= MAX_OVERLAP * min(len(mine), len(theirs))


def _candidate(episode: Episode, window: Window, centrality: float) -> Candidate:
    return Candidate(
        kind="excerpt",
        text=window.text,
        label=label(episode, window.turn.speaker),
        quote=window.text,
        start_s=window.start_s,
        end_s=window.end_s,
        timed=window.turn.timed,
        speaker=window.turn.speaker,
        names=window.names,
        centrality=centrality,
        extractor="extractive",
        prompt_version=EXTRACTOR_VERSION,
    )


def label(episode: Episode, speaker: str | None) -> str:
    """Who says it where: "Speaker, Show: subject", as far as each is known; the subject is from the title."""
    where = ", ".join(part for part in (speaker, " ".join(episode.show_title.split())) if part)
    subject = _title_subject(episode)
    return f"{where}: {subject}" if subject else where


# A number is the episode's where it leads, or says so; "The year 1984" keeps its own.
_NUMBERED: Final = re.compile(
    r"#\d{1,5}\b|\b(?:episode|ep|folge|no)\.? ?#?\d{1,5}\b|^\W{0,10}\d{1,5}(?= ?(?:[-\u2013\u2014:|.]|$))", re.I
)


def _title_subject(episode: Episode) -> str:
    title = " ".join(episode.title.split())[:300]
    show = " ".join(episode.show_title.split())
    if show and show.lower() in title.lower():
        at = title.lower().index(show.lower())
        title = title[:at] + " " + title[at + len(show) :]
    title = _NUMBERED.sub(" ", title)
    title = " ".join(title.split()).strip(" -\u2013—:|,.#()[]")
    return title if any(c.isalpha() for c in title) else ""
