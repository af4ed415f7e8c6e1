"""How surely a thing was said: for certain or perhaps, by whom, of some or of all.

Belongs here: rules on doubts, opinions, reports, and on what holds without exception.
Doesn't: whether it was said or denied (`stance.py`), by whom it was done (`roles.py`).
"""

from __future__ import annotations

import re

from podbrief_assets.insights.grounding.claims import (
    Claim,
    Told,
    Words,
    has_near,
    is_content,
    spoken_in,
    words_of,
)
from podbrief_assets.insights.text import sentences, vocabulary

# "May" with a capital is a month, or opens a sentence; "might" and the rest hedge wherever they stand.
_DOUBT = vocabulary(
    """
        might maybe perhaps probably possibly presumably supposedly allegedly reportedly rumored rumoured apparently
        seem seems seemed appears hypothetically guess suspect suspects hope hopes hopefully likely presume
        """
)
_OPINION = re.compile(
    r"\bI (?:think|guess|believe|suspect|feel like|would guess|would say|imagine|suppose|bet)\b"
    r"|\bI'(?:d (?:guess|say|bet)|m (?:expecting|guessing|assuming))\b|\b[Ii]n my (?:opinion|view|experience)\b"
    r"|\b[Mm]y (?:guess|sense|hunch|theory|suspicion|feeling) is\b"
)
_THINKS = vocabulary("think thinks believe believes argue argues")
_DOUBT_KEPT = vocabulary(
    """
        may might maybe perhaps probably possibly presumably supposedly allegedly reportedly rumored rumoured
        apparently seem seems seemed appear appears appeared could likely unlikely potential potentially risk risks
        suggest suggests suggested suspect suspects suspected speculates speculated expect expects expected guess
        guesses guessed estimate estimates estimated predict predicts predicted wonder wonders uncertain unclear
        unsure doubt doubts chance hypothetical hypothetically believes believed thinks alleged tend tends possible
        possibility hope hopes hopefully imagine imagines theory would should sure whether proposal proposes proposed
        """
)
_ATTRIBUTES = vocabulary(
    """
    quote quotes quoted reply replies replied puts
        say says said argue argues argued think thinks thought believe believes believed suspect suspects suspected
        expect expects expected contend contends claim claims claimed maintain maintains view views consider considers
        recommend recommends advise advises warn warns warned predict predicts predicted estimate estimates estimated
        according opinion experience call calls called describe describes described see sees suggest suggests find
        finds found feel feels felt tell tells told report reports reported propose proposes imagine imagines hold
        holds note notes noted guess guesses put puts compare compares recall recalls recalled remember remembers
        explain explains explained add adds added point points asks asked observe observes reckon reckons write writes
        wrote prefer prefers
        """
)


def hedge(claim: Claim) -> str | None:
    """A doubt, an opinion or somebody's report that the text tells as a fact."""
    speech = claim.speech
    if found := _quote_doubts(claim):
        return found
    thought = False
    for sentence in claim.sentences:
        # Who thinks so is still understood in the sentence after.
        attributed = thought or bool(sentence.whole & _ATTRIBUTES)
        thought = bool(sentence.whole & _THINKS)
        for place in sentence.spoken():
            word = speech.lower[place]
            kept = _KEPT.get(word, _DOUBT_KEPT)
            told: set[int] | None = None
            if word in _DOUBT or word in _KEPT or (word == "may" and speech.written[place] == "may"):
                told = _told_of(sentence, speech, place)
                if told and not _any_near(sentence.words, told, kept):
                    return f"“{word}” is dropped"
            elif (
                not attributed
                and not sentence.whole & _DOUBT_KEPT
                and (said := _thought(speech, place))
                and _told_of(sentence, speech, place)
            ):
                return f"“{said}” is neither kept nor attributed"
    return _one_of(claim)


_ASKS = re.compile(
    r"(?:(?:and|so|but|or|well|now|okay|yeah|then)[, ]+){0,4}(?:who|whom|whose|what|when|where|why|how|which|is|are|was"
    r"|were|am|do|does|did|have|has|had|will|would|can|could|should|shall|may|might|must)(?:n't)?\b",
    re.IGNORECASE,
)


# "What counts is the price, right?" asks for nothing but assent.
_TAG = re.compile(r"[,.] *(?:right|you know|okay|ok|yeah|no|huh|correct|eh)\?$", re.IGNORECASE)


def asked(claim: Claim) -> str | None:
    """A question told as a fact: all that the quote does is ask."""
    spoken = [sentence.rstrip("\"')") for sentence in sentences(claim.context)]
    # "It was in 2019, or 2018 maybe?" is an answer, with a doubt that `hedge` looks for.
    if spoken and all(one.endswith("?") and _ASKS.match(one) and not _TAG.search(one) for one in spoken):
        return spoken[-1]
    return None


def _quote_doubts(claim: Claim) -> str | None:
    """A doubt or an opinion in the quote itself of which the whole text keeps nothing."""
    quote, told = words_of(claim.quote), set(words_of(claim.told).lower)
    if told & _DOUBT_KEPT:
        return None
    doubt = next((word for at, word in enumerate(quote.lower) if word in _DOUBT and quote.written[at] != "May"), None)
    if doubt:
        return f"“{doubt}” is dropped"
    opinion = _OPINION.search(claim.quote)
    return f"“{opinion[0]}” is neither kept nor attributed" if opinion and not told & _ATTRIBUTES else None


def _thought(speech: Words, place: int) -> str | None:
    """ "I think", "they pointed out": somebody's view or report, told by its first words."""
    if speech.lower[place] in {"i", "in", "my", "i'd", "i'm"}:
        said = " ".join(speech.written[place : place + 4])
        return said if _OPINION.match(said) else None
    if speech.lower[place] in _REPORTS and not {"i", "you", "we"} & set(speech.lower[max(0, place - 2) : place]):
        return speech.written[place]
    return None


_REPORTS = vocabulary("said says argues argued claims claimed pointed reported believes predicts suspects contends")
# What weakens a claim, and the words that weaken it as well.
_KEPT = {
    **dict.fromkeys(
        ("almost", "practically", "nearly"),
        vocabulary("almost nearly practically virtually pretty close hardly barely verge near essentially"),
    ),
    **dict.fromkeys(
        ("sometimes", "occasionally"),
        vocabulary("sometimes occasionally can may might could some often times cases"),
    ),
    **dict.fromkeys(
        ("usually", "mostly", "often", "generally", "typically"),
        vocabulary(
            "usually mostly often typically generally tend tends most frequently normally many much largely rule"
        ),
    ),
}


def _told_of(sentence: Told, speech: Words, place: int) -> set[int] | None:
    """Where a sentence tells of what a hedge at `place` of the speech bears on; None where it does not."""
    following = speech.following(place, _HEDGED)
    ends = next((number for number, at in enumerate(following) if speech.lower[at] == "but"), len(following))
    about = {speech.roots[at] for at in following[:ends] if is_content(speech.lower[at])}
    alone = len(about) == 1
    if len(about) < 2:
        about |= {speech.roots[at] for at in speech.preceding(place, 4) if is_content(speech.lower[at])}
    if speech.lower[place + 1 : place + 2] == ("you",):
        return None
    # What the whole passage is about says nothing of which sentence is meant.
    about = {one for one in about if not one.isdigit() and len(speech.places[one]) <= _TOPIC}
    shared = about & set(sentence.words.places)
    if (len(shared) >= 2 and len(shared) >= _PART * len(about)) or (alone and shared and shared == about):
        return {at for one in shared for at in sentence.words.places[one]}
    return None


_HEDGED = 12
_TOPIC = 7
_PART = 0.4
_KEPT_NEAR = 9


def _any_near(words: Words, places: set[int], wanted: frozenset[str]) -> bool:
    low, high = min(places) - _KEPT_NEAR, max(places) + _KEPT_NEAR
    return any(words.lower[at] in wanted for at in range(max(0, low), min(len(words), high + 1)))


def _one_of(claim: Claim) -> str | None:
    """ "One of the hardest" that became the hardest."""
    speech = claim.speech
    for sentence in claim.sentences:
        if sentence.whole & {"one", "some", "among", "many"} and re.search(
            r"\b(?:one|some|many) of|among", sentence.text
        ):
            continue
        for place in sentence.spoken():
            if speech.lower[place : place + 3] in {("one", "of", "the"), ("some", "of", "the")}:
                after = [speech.lower[at] for at in speech.following(place + 2, 4)]
                if any(word in sentence.whole and (word == "most" or word.endswith("est")) for word in after):
                    return f"“{' '.join(speech.lower[place : place + 3])}” is dropped"
    return None


# Some and all

_UNIVERSAL = vocabulary(
    """
        all always every everyone everybody everything entirely completely guaranteed guarantees guarantee exactly
        precisely never nobody none nothing immediately must proves proved proven shows certain certainly definitely
        undoubtedly any only anywhere everywhere extremely knows perfected
        """
)
_UNIVERSAL_NEAR = 12


def universal(claim: Claim) -> str | None:
    """All for some, always for sometimes, exactly for about: what was not said to be so without exception."""
    speech = claim.speech
    for sentence in claim.sentences:
        words = sentence.words
        for place, word in enumerate(words.lower):
            if word not in _UNIVERSAL:
                continue
            alike = _ALIKE.get(word, frozenset((word,)))
            about = words.around(place, 6)
            places = spoken_in(speech, sentence.stretches, alike)
            if not any(not about or has_near(speech, at, about, _UNIVERSAL_NEAR) for at in places):
                return f"“{word}” was not said"
    return None


def _groups(*groups: str) -> dict[str, frozenset[str]]:
    return {word: vocabulary(group) for group in groups for word in group.split()}


_ALIKE = _groups(
    "all every everything each entire whole any anything everywhere",
    "everyone everybody",
    "never not no don't didn't doesn't won't haven't hasn't can't cannot ever nobody none nothing",
    "only just sole solely exclusively nothing single one",
    "must have need needs required",
    "exactly precisely specifically",
    "completely entirely totally fully whole",
)
