"""Which way a thing was said: denied or affirmed, more or less, easy or hard.

Belongs here: rules on negations and on words of direction.
Doesn't: how certain it was (`hedges.py`), which things are told of (`facts.py`), who does what (`roles.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from podbrief_assets.insights.grounding.claims import (
    Claim,
    Told,
    Words,
    has_near,
    is_content,
    stem,
    words_of,
)
from podbrief_assets.insights.grounding.opposites import PAIRS, WAYS
from podbrief_assets.insights.text import FUNCTION_WORDS, vocabulary

# Negations

_NEGATORS = vocabulary(
    """
        not never cannot no nobody none nothing neither nor without hardly barely rarely seldom cant wont dont isnt
        arent wasnt didnt doesnt
        """
)
_NOT_NEGATED_BY = frozenset(("only", "just", "merely", "simply", "doubt", "matter", "necessarily"))
# What denies as well as a negation does.
_NEGATIVE = _NEGATORS | vocabulary(
    """
        fail fails failed failing lack lacks lacked lacking unable impossible refuse refuses refused prevent prevents
        prevented avoid avoids avoided stop stops stopped instead rather unlikely few fewer little except deny denies
        denied absent absence missing nowhere only rejects rejected reject unless false wrong myth ban banned less
        zero difficult hard cancel canceled underserved
        """
)
_IN_SCOPE = 10
_DENIED_NEAR = 9


def is_negator(word: str) -> bool:
    """Whether a word in lower case denies what follows."""
    return word in _NEGATORS or word.endswith("n't")


def _is_negative(word: str) -> bool:
    return word in _NEGATIVE or word.endswith("n't") or (word.startswith(("un", "in", "im")) and len(word) > 7)


def _denials(words: Words, places: Iterable[int]) -> Iterator[tuple[int, list[int]]]:
    """Each negation at one of `places`, with the places of the words that it bears on."""
    for place in places:
        if not is_negator(words.lower[place]):
            continue
        following = words.lower[place + 1] if place + 1 < len(words) else ""
        if following not in _NOT_NEGATED_BY:
            yield place, list(_scope(words, place))


def _scope(words: Words, place: int) -> Iterator[int]:
    for at in words.following(place, _IN_SCOPE):
        if words.lower[at] in _SCOPE_ENDS:
            return
        if words.lower[at] not in FUNCTION_WORDS and words.lower[at] not in _EMPTY:
            yield at
        if words.stops[at]:
            return


_SCOPE_ENDS = vocabulary("but because although though while which who so when if")
_EMPTY = vocabulary("really quite very actually even yet ever always able used necessarily longer any")


def negation(claim: Claim) -> str | None:
    """Something is denied that was not, or affirmed that was denied."""
    for sentence in claim.sentences:
        if found := _denied_anew(claim, sentence) or _no_longer_denied(claim, sentence):
            return found
    return _quote_denies(claim)


def _quote_denies(claim: Claim) -> str | None:
    """What the quote itself only denies, and the text affirms."""
    quote, text = words_of(claim.quote), words_of(claim.told)
    for _, scope in _denials(quote, range(len(quote))):
        key = quote.roots[scope[0]] if scope else ""
        told = text.places.get(key, ())
        if not told or any(at not in scope for at in quote.places[key]):
            continue
        if not any(_is_negative(word) for at in told for word in text.lower[max(0, at - 7) : at + 5]):
            return f"“{quote.written[scope[0]]}” is affirmed, and was denied"
    return None


def _denied_anew(claim: Claim, sentence: Told) -> str | None:
    speech, words = claim.speech, sentence.words
    denied: set[str] = set()
    for place in _around(sentence, len(speech)):
        word = speech.lower[place]
        if is_negator(word):
            denied |= {speech.roots[at] for at in (*_scope(speech, place), *speech.preceding(place, 4))}
        elif _is_negative(word):
            denied |= {speech.roots[at] for at in (*speech.preceding(place, 7), *speech.following(place, 7), place)}
    for place, scope in _denials(words, range(len(words))):
        about = {words.roots[at] for at in scope[:3]}
        if about and not about & denied:
            return f"“{words.written[place]} {words.written[scope[0]] if scope else ''}”: nothing like it is denied"
    return None


def _around(sentence: Told, length: int) -> Iterator[int]:
    """The places of a sentence's stretches and of what was said shortly before and after: denials reach far."""
    low, high = sentence.stretches[0][0], sentence.stretches[-1][1]
    return iter(range(max(0, low - _AGAIN), min(length, high + _AGAIN)))


def _no_longer_denied(claim: Claim, sentence: Told) -> str | None:
    """A negation in the speech whose words the sentence has, itself without any."""
    words, speech = sentence.words, claim.speech
    if any(_is_negative(word) for word in sentence.whole):
        return None
    for place, scope in _denials(speech, sentence.spoken()):
        about = next((at for at in scope if speech.roots[at] in words.places), None)
        if about is None or about not in scope[:2]:
            continue
        key = speech.roots[about]
        affirmed = [at for at in speech.places[key] if at not in scope and abs(at - place) < _AGAIN]
        if affirmed or _LEADS_AWAY & set(speech.lower[max(0, place - 3) : place]):
            continue
        told = words.around(words.places[key][0], 7)
        if told & {
            speech.roots[at] for at in (*speech.preceding(place, 12), *speech.following(place, 14)) if at != about
        }:
            return f"“{speech.written[about]}” is affirmed, and was denied"
    return None


_AGAIN = 25
# "Whether or not", "why not", "if not": nothing is denied.
_LEADS_AWAY = vocabulary("whether why if or sure")


# Opposites

_BY = 5


def polarity(claim: Claim) -> str | None:
    """A word of direction that was not spoken, or whose opposite was spoken in its place."""
    stems = claim.stems
    for sentence in claim.sentences:
        words = sentence.words
        spoken = {stems[at] for at in sentence.spoken()}
        for place, word in enumerate(words.lower):
            told = stem(word)
            if word in _PARTICLES:
                continue
            for one, other in _SIDES.get(told, ()):
                if spoken & one and not spoken & other:
                    break
            else:
                for one, other in _SIDES.get(told, ()):
                    if found := _turned(claim, sentence, place, one, other):
                        return found
                if told in _SIDES and told not in _COMMON and not _is_said(claim, sentence, told, spoken):
                    return f"“{word}” was not said, nor the like"
    return None


def _is_said(claim: Claim, sentence: Told, told: str, spoken: set[str]) -> bool:
    """Whether a word of direction, or one of the same direction, was said, or the opposite denied."""
    alike = {word for one, _ in _SIDES[told] for word in one}
    alike |= next((way for way in WAYS if told in way), frozenset())
    against = {word for _, other in _SIDES[told] for word in other}
    denied = any(claim.stems[at] in against and _is_denied(claim.speech, at) for at in sentence.spoken())
    return (
        denied
        or bool(spoken & alike)
        or any(word.startswith(told) for word in claim.stems)
        or not _is_put_in(claim, sentence, told)
    )


def _is_put_in(claim: Claim, sentence: Told, told: str) -> bool:
    """Whether a word stands between two others that were spoken close together: put in the place of what was said."""
    words, speech = sentence.words, claim.speech
    place = next(at for at, word in enumerate(words.lower) if stem(word) == told)
    content = words.content()
    before = [words.roots[at] for at in content if at < place][-2:]
    after = [words.roots[at] for at in content if at > place][:2]
    near = {at for root in before for at in speech.places.get(root, ())}
    return any(0 < at - one <= _BETWEEN for root in after for at in speech.places.get(root, ()) for one in near)


_BETWEEN = 9


def _turned(claim: Claim, sentence: Told, place: int, one: frozenset[str], other: frozenset[str]) -> str | None:
    """What was spoken in the place of a word of the group `one`, where that is a word of the group `other`."""
    speech, words, stems = claim.speech, sentence.words, claim.stems
    denied = _is_denied(words, place)
    opposite = [at for at in sentence.spoken() if stems[at] in other and denied == _is_denied(speech, at)]
    if not opposite:
        return None
    same = [at for at in sentence.spoken() if stems[at] in one]
    about = words.around(place, _BY)
    near = [at for at in opposite if has_near(speech, at, about, _BY)]
    if near and not same and stem(words.lower[place]) not in set(stems):
        return f"“{words.written[place]}” for “{speech.written[near[0]]}”"
    if words.lower[place] in {"before", "after"}:
        about = {words.roots[at] for at in words.following(place, 4) if is_content(words.lower[at])}
    beside = [at for at in opposite if has_near(speech, at, about, 3)]
    if beside and not any(has_near(speech, at, about, _BY) for at in same):
        return f"“{words.written[place]}” for “{speech.written[beside[0]]}”"
    return None


def _is_denied(words: Words, place: int) -> bool:
    return any(is_negator(word) for word in words.lower[max(0, place - 4) : place])


def _sides() -> dict[str, list[tuple[frozenset[str], frozenset[str]]]]:
    found: dict[str, list[tuple[frozenset[str], frozenset[str]]]] = {}
    for pair in PAIRS:
        for one, other in (pair, pair[::-1]):
            for word in one:
                found.setdefault(word, []).append((one, other))
    return found


_SIDES = _sides()
# "Started up", "made up": a direction only with the verb.
_PARTICLES = frozenset(("up", "down"))
# What writing needs to join one thing with another, whoever said it how.
_COMMON = frozenset(
    stem(word)
    for word in vocabulary(
        """
        let lets lack lacks early earlier late soon
            before after later former formerly add adds added adding same longer much many most lot lots behind ahead
            lead leads ordinary normal usual first last over great have different original originally current
            currently help helps include includes included start join joined right wrong key point specific particular
            general small little large big new old good more most
            """
    )
)
