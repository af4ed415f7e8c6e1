"""Hold what a language model wrote against what was really said.

Belongs here: the order of the rules that a text must keep to be told as an insight, and the first one that it breaks.
Each rule is a function with a name in one of the rooms of this package; an insight that breaks one is refused under it.
Doesn't: asking a model (llm/), choosing among sound insights (scores).

The rules know English words only. They read text, not meaning: each catches one way in which models are known to go
wrong, and lets pass what it can't judge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from podbrief_assets.insights.candidates import Episode, Kind
from podbrief_assets.insights.grounding import contacts, facts, hedges, roles, stance, style
from podbrief_assets.insights.grounding.claims import STRAIGHT, Claim
from podbrief_assets.insights.grounding.quotes import Located, locate
from podbrief_assets.insights.grounding.style import QUOTE_WORDS, TEXT_SENTENCES, TEXT_WORDS
from podbrief_assets.transcripts.segment import Segment

__all__ = [
    "NOTES_CHARACTERS", "QUOTE_WORDS", "RULES", "TEXT_SENTENCES", "TEXT_WORDS", "Claim", "Located", "Refusal", "locate",
    "refusal",
]  # fmt: skip

# What an episode's notes may lend to an insight: the same stretch that the prompt shows.
NOTES_CHARACTERS = 1500


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """The first rule that a text breaks, and what broke it."""

    rule: str
    detail: str


Rule = Callable[[Claim], str | None]

RULES: dict[Kind, dict[str, Rule]] = {
    "insight": {
        "length": style.length,
        "sentences": style.sentence_count,
        "ending": style.ending,
        "quote_length": style.quote_length,
        "hidden": contacts.hidden,
        "contact": contacts.contact,
        "instruction": contacts.instruction,
        "person": style.person,
        "narration": style.narration,
        "question": style.question,
        "opening": style.opening,
        "number": facts.number,
        "measure": facts.measure,
        "name": facts.name,
        "attribution": roles.attribution,
        "negation": stance.negation,
        "polarity": stance.polarity,
        "asked": hedges.asked,
        "hedge": hedges.hedge,
        "universal": hedges.universal,
        "roles": roles.roles,
        "parties": roles.parties,
        "doer": roles.doer,
        "kind": roles.kind,
        "comparison": roles.comparison,
        "cause": roles.cause,
        "outside": facts.outside,
        "rests": facts.rests,
    },
    "excerpt": {"length": style.length, "hidden": contacts.hidden, "contact": contacts.contact},
}


def refusal(
    text: str,
    *,
    kind: Kind = "insight",
    quote: Located,
    passage: str,
    episode: Episode,
    speakers: Iterable[str] = (),
    names: Sequence[str] = (),
    segments: Sequence[Segment] = (),
) -> Refusal | None:
    """The first rule that `text` breaks, or None where it may be told.

    Args:
        text: The text as proposed, white space folded.
        kind: An excerpt is bound by fewer rules, since its words were spoken and nobody wrote them.
        quote: The words that it rests on.
        passage: The words around them that the model was shown.
        episode: Its titles, persons and notes may lend names, never numbers.
        speakers: Names that the transcript gives to speakers in the passage.
        names: Names that the model says the text holds.
        segments: The passage's segments; with them it is known who says which of its words.
    """
    notes = " ".join(episode.description[:NOTES_CHARACTERS].split())
    speakers = tuple(speaker.translate(STRAIGHT) for speaker in speakers)
    known = " | ".join((episode.show_title, episode.title, notes, *episode.persons, *speakers))
    claim = Claim(
        text=text.translate(STRAIGHT),
        quote=quote.text.translate(STRAIGHT),
        context=quote.context.translate(STRAIGHT),
        passage=passage.translate(STRAIGHT),
        known=known.translate(STRAIGHT),
        names=tuple(name.translate(STRAIGHT) for name in names),
        speaker=quote.speaker,
        speakers=speakers,
        segments=tuple(segments),
    )
    for name, rule in RULES[kind].items():
        detail = rule(claim)
        if detail is not None:
            return Refusal(rule=name, detail=detail)
    return None
