"""Who does what to whom, what brings about what, what is more than what.

Belongs here: rules on the order of things in a claim, and on who is said to have said it.
Doesn't: whether the things were spoken of at all (`facts.py`).
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from podbrief_assets.insights.grounding.claims import WORD, Claim, Told, Words, is_content, root, stem, words_of
from podbrief_assets.insights.text import FUNCTION_WORDS, fold, names_of, rarity, vocabulary


def attribution(claim: Claim) -> str | None:
    """Words or deeds that are given to somebody who speaks in the passage, but not of them and not these words."""
    folded = {speaker: {fold(word) for word in speaker.split()} for speaker in claim.speakers}
    for sentence in claim.sentences:
        named = {fold(word) for word in sentence.words.written if word[:1].isupper()}
        named = {word.removesuffix("'s") for word in named}
        told = [speaker for speaker, parts in folded.items() if parts & named]
        if told and not any(
            _speaks(claim, sentence, one) or _is_spoken_of(claim, sentence, folded[one]) for one in told
        ):
            return f"{told[0]} did not say it"
    return None


def _speaks(claim: Claim, sentence: Told, speaker: str) -> bool:
    """Whether a good part of what a sentence tells of is said by `speaker`."""
    at = claim.speakers_at
    if not at:
        return claim.speaker in {None, speaker}
    said = [
        at[place]
        for place in sentence.spoken()
        if claim.speech.roots[place] in sentence.words.places and is_content(claim.speech.lower[place])
    ]
    return not said or said.count(speaker) >= _ITS_PART * len(said)


_ITS_PART = 0.3


def _is_spoken_of(claim: Claim, sentence: Told, parts: set[str]) -> bool:
    at = claim.context_at
    return any(claim.speech.lower[place] in parts for place in range(*at))


# Who does what to whom

_VERBS = vocabulary(
    """
        accept acquire add adopt advise advocate agree aim allow analyse analyze announce answer argue ask assume
        attack attract avoid back ban beat beats become became begin began believe benefit break broke bring brings
        brought build builds built buy buys bought call cancel care carry catch caught cause challenge change charge
        choose chose chosen cite claim close coin combine commit compare compete complete connect consider contact
        contain control convince copy correct cost count cover crash create cut decide declare defend define demand
        depend deploy describe design destroy detect develop direct discover display dominate download draw drew drive
        drives drove drop earn eat emit employ enable encourage end engage enjoy ensure examine exceed expect explain
        explore expose extend face fail favor fear feed find finds found fire fix fly flew follow force fork form fund
        gain gave give gives given generate get got grew grow grows grown handle hear heard help hide hid hire hit
        hits hold held host identify ignore impact implement impersonate impose improve include increase influence
        inform inherit inspire install integrate interview introduce invent invest invite join judge kill know label
        lack land launch lead leads led learn leave left lend lent let lets lie lied limit link list load lose lost
        love lower maintain make makes made manage manufacture map mark measure meet met merge miss mislead mistake
        monitor move name need notice observe obtain offer open operate oppose optimize order organize outperform
        overtake own owned parrot pass pay pays paid perform permit persuade pick plan play predict prefer present
        press prevent print process produce program promise promote propose protect prove provide publish pull
        purchase push put puts question quit quote race raise ran reach read receive recognize recommend record reduce
        refuse regulate reject release rely remove rename repair replace report represent request require rescue
        resent respond restrict result retain review rewrite ride rob rule run runs save search see sees saw seek
        select sell sells sold send sends sent separate serve serves set shape share ship show shows shut sign
        simulate solve sort speak spoke spend spends spent split sponsor spread spot start steal stole stop store
        study succeed sue suggest supply support surpass surround survive swap switch take takes took taken talk
        target teach taught tell tells told test thank threaten threw throw tie touch track trade trail train
        transform treat trigger trust turn type understand understood undermine underwrite upgrade use used uses
        validate value verify vet visit vote want warn wash watch win wins won say says said think thinks believe
        believes recall recalls argue argues explain explains work worry write writes wrote written thwart pledge
        warns cited founded
        """
)
_VERB_ROOTS = frozenset(root(verb) for verb in _VERBS)
_BE = vocabulary("was were is are been being be got gets get")
_BORDERS = vocabulary("who which that but because while whereas although when where if after before since as than and")
_SIDE = 5
_HEARD_SIDE = 9


def _is_verb(words: Words, place: int) -> bool:
    """Whether a word is likely the verb of its clause: a known one, no name, not after an article or a possessive."""
    before = words.lower[place - 1] if place else ""
    return (
        words.roots[place] in _VERB_ROOTS
        and words.written[place].islower()
        and before not in _ARTICLES
        and not words.lower[place].endswith(("tion", "ment", "er", "ers", "or", "ors"))
    )


_OBJECTS = vocabulary("him her them")
_ARTICLES = vocabulary("a an the its their his her our my your this that these those no")


def roles(claim: Claim) -> str | None:
    """Somebody does what was done to him: a verb's sides stand the other way than they were spoken."""
    for sentence in claim.sentences:
        words = sentence.words
        for place in range(1, len(words) - 1):
            if not _is_verb(words, place):
                continue
            left, right = _side(words, place, -1), _side(words, place, +1)
            if _passive(words, place):
                left, right = right, left
            if words.lower[place + 1] in _OBJECTS:
                right = []
            elif not right:
                continue
            if left and _turned(claim, sentence, place, left, right):
                return f"“{' '.join(words.written[max(0, place - 3) : place + 4])}” is the other way round"
    return None


def _side(words: Words, place: int, step: int) -> list[str]:
    """The roots of the words of content on one side of a verb, the nearest first, as far as its clause goes."""
    found: list[str] = []
    at = place
    for _ in range(_SIDE + 1):
        if step < 0 and (at == 0 or words.stops[at - 1]):
            break
        if step > 0 and (at + 1 >= len(words) or words.stops[at]):
            break
        at += step
        if words.lower[at] in _BORDERS or _is_verb(words, at):
            break
        if is_content(words.lower[at]):
            found.append(words.roots[at])
    return found


def _turned(claim: Claim, sentence: Told, place: int, left: list[str], right: list[str]) -> bool:
    speech, key = claim.speech, sentence.words.roots[place]
    turned = False
    for at in sentence.spoken():
        if speech.roots[at] != key or at == 0:
            continue
        before = {speech.roots[i] for i in speech.preceding(at, _HEARD_SIDE)}
        after = {speech.roots[i] for i in speech.following(at, _HEARD_SIDE)}
        if _passive(speech, at):
            before, after = after, before
        before, after = before - after, after - before
        if not right:
            close = {speech.roots[i] for i in speech.following(at, 3)}
            turned = turned or (left[0] in close and left[0] in after)
            continue
        if before & set(left) or after & set(right):
            return False
        mixed = (left[0] in after and before & set(right)) or (right[0] in before and after & set(left))
        turned = turned or bool(mixed)
    return turned


def _passive(words: Words, place: int) -> bool:
    following = words.lower[place + 1 : place + 3]
    return following[:1] == ("by",) or ("by" in following and bool(_BE & set(words.lower[max(0, place - 3) : place])))


def doer(claim: Claim) -> str | None:
    """A deed of one person or company that was spoken of as another's."""
    speech = claim.speech
    names = _names(claim)
    folded = {word: speaker for speaker in claim.speakers for word in words_of(speaker).lower}
    for sentence in claim.sentences:
        words = sentence.words
        for place, word in enumerate(words.lower):
            if word not in names or not words.written[place][:1].isupper() or _is_object(words, place):
                continue
            for verb in words.following(place, 3):
                if words.stops[verb - 1] or words.written[verb][:1].isupper():
                    break
                is_copula = bool(_BE & set(words.lower[place + 1 : verb]))
                if not _is_verb(words, verb) and not (is_copula and is_content(words.lower[verb])):
                    if is_content(words.lower[verb]) and not words.lower[verb].endswith("ly"):
                        break
                    continue
                if is_copula and words.lower[verb].endswith("ly"):
                    continue
                if is_copula and _is_verb(words, verb):
                    break
                heard = [
                    doers
                    for at in sentence.spoken()
                    if speech.roots[at] == words.roots[verb]
                    for doers in [_doers(claim, at, names)]
                ]
                own = {word} | {part for part, speaker in folded.items() if folded.get(word) == speaker}
                # What "we" made may be told of a company, and of somebody with others; not of one speaker alone.
                if word not in folded or _is_with_others(words, place, verb):
                    own.add(_WE)
                if heard and all(doers and not doers & own for doers in heard):
                    return f"{min(heard[0])}, not {word}, {words.written[verb]}"
                break
    return None


def _is_with_others(words: Words, place: int, verb: int) -> bool:
    """Whether others are named beside who is at `place`, or after the verb: "started it with Bo Li"."""
    if _WITH_OTHERS & set(words.lower[max(0, place - 3) : verb]):
        return True
    for at in words.following(verb, len(words)):
        following = words.written[at + 1 : at + 2]
        joined = bool(following) and (following[0][:1].isupper() or following[0] in {"his", "her", "their"})
        if words.lower[at] == "together" or (words.lower[at] in {"with", "alongside"} and joined):
            return True
    return False


def _is_object(words: Words, place: int) -> bool:
    """Whether a name follows a preposition: "bindings for GopherJS support" says nothing of what GopherJS does."""
    while place and words.written[place - 1][:1].isupper() and not words.stops[place - 1]:
        place -= 1
    return bool(place) and not words.stops[place - 1] and words.lower[place - 1] in _PREPOSITIONS


def _names(claim: Claim) -> set[str]:
    """The words of all names in play, in lower case."""
    found = {word for speaker in claim.speakers for word in words_of(speaker).lower}
    for name in (*names_of(claim.text), *names_of(claim.passage), *claim.names):
        found |= {fold(word) for word in WORD.findall(re.sub(r"'s?\b", "", name)) if word[:1].isupper()}
    return {name for name in found if rarity(name) > 0.5 or len(name) > 3}


def _doers(claim: Claim, at: int, names: set[str]) -> set[str]:
    """The name nearest before a verb that was spoken, or who speaks where it is "I"; empty where that can't be told.

    Of things made, "we" is a doer of its own.
    """
    speech = claim.speech
    for place in speech.preceding(at, 7):
        word = speech.lower[place]
        if word in {"i", "i've", "i'd", "i'm"} and claim.speakers_at:
            speaker = claim.speakers_at[place]
            return set(words_of(speaker or "").lower)
        pronoun = word.partition("'")[0]
        if pronoun in _UNKNOWN:
            return {_WE} if pronoun == _WE and speech.roots[at] in _MAKES else set()
        if word in names and speech.written[place][:1].isupper():
            if _is_object(speech, place):
                return set()
            return {word, *(speech.lower[i] for i in speech.preceding(place, 2) if speech.written[i][:1].isupper())}
        if is_content(word) and not word.endswith("ly") and not word.isdigit():
            return set()
    return set()


_PREPOSITIONS = vocabulary("at for of in with by from to about on before after like as than under over into and or")
_WE = "we"
_MAKES = frozenset(root(verb) for verb in vocabulary("start founded build create invent launch write design develop"))
_WITH_OTHERS = vocabulary("and with team teams colleague colleagues together they their others group lab")
_UNKNOWN = vocabulary("he she it they who that which you this these those people someone everybody i we")


@dataclass(frozen=True, slots=True)
class _Deed:
    who: str
    stem: str
    whom: str


def parties(claim: Claim) -> str | None:
    """Two names on either side of a verb that stood the other way round."""
    names = _names(claim)
    told = _deeds(claim.text, names)
    heard = _deeds(claim.passage, names) if told else set()
    for deed in sorted(told - heard, key=lambda d: (d.who, d.stem, d.whom)):
        if _Deed(deed.whom, deed.stem, deed.who) in heard:
            return f"{deed.whom} {deed.stem}… {deed.who}, not the other way round"
    return None


def _deeds(text: str, names: set[str]) -> set[_Deed]:
    """(name, verb, name) for every two names of one clause with a word of weight between; passives are turned round."""
    found = set()
    for clause in re.split(r"[.;:!?]\s|\u2014|--", text):
        words = words_of(clause)
        at = [place for place, word in enumerate(words.lower) if word in names and words.written[place][:1].isupper()]
        for left, right in itertools.pairwise(at):
            between = words.lower[left + 1 : right]
            if (
                not between
                or len(between) > _DEED
                or words.lower[left] == words.lower[right]
                or between[0] in {"and", "or"}
            ):
                continue
            passive = "by" in between and bool(_BE & set(between))
            who, whom = (right, left) if passive else (left, right)
            for word in between:
                if (word not in FUNCTION_WORDS and len(word) > 2) or word == "did":
                    found.add(_Deed(words.lower[who], stem(word), words.lower[whom]))
    return found


_DEED = 6


_IS = vocabulary("is are was were")
_ENDS_KIND = vocabulary(
    "that which who whose used for to of in by with on at from and or but than as where when because so rather not"
)
_SUBJECT = 6
# With one of these a sentence may tell of what an earlier one names.
_STANDS_FOR = vocabulary("he she it they i we you this that those these which who my our their")


def kind(claim: Claim) -> str | None:
    """What a thing is said to be: "X is a Y", where no sentence with the Y, nor the one before it, speaks of the X."""
    speech = claim.speech
    for sentence in claim.sentences:
        words = sentence.words
        for place in range(len(words) - 1):
            if words.lower[place] not in _IS or words.lower[place + 1] not in {"a", "an"}:
                continue
            named = {words.roots[at]: words.written[at] for at in _kind_named(words, place + 1)}
            subject = {words.roots[at] for at in _before(words, place)}
            spoken = _most_of(named, speech)
            if subject and spoken and not any(subject & roots or _STANDS_FOR & lower for roots, lower in spoken):
                return f"{' '.join(named.values())}: nothing like it is called that"
    return None


def _kind_named(words: Words, article: int) -> list[int]:
    """The words of content after an article, up to what tells more of them."""
    found = []
    for place in range(article + 1, len(words)):
        if words.lower[place] in _ENDS_KIND:
            break
        if is_content(words.lower[place]):
            found.append(place)
        if words.stops[place]:
            break
    return found


def _most_of(roots: Collection[str], speech: Words) -> list[tuple[set[str], set[str]]]:
    """The sentences of speech with the most of `roots`, one at least, each as its roots and its words."""
    counts = Counter(
        bounds for key in roots for bounds in {speech.sentence_at[at] for at in speech.places.get(key, ())}
    )
    most = max(counts.values(), default=0)
    return [
        (set(speech.roots[_before_it(speech, low) : high]), {word.partition("'")[0] for word in speech.lower[low:high]})
        for (low, high), n in counts.items()
        if n == most
    ]


def _before_it(speech: Words, low: int) -> int:
    """Where the sentence begins that ends before `low`."""
    return speech.sentence_at[low - 1][0] if low else 0


def _before(words: Words, place: int) -> list[int]:
    """The words of content of a verb's subject, the nearest first."""
    found: list[int] = []
    while place and not words.stops[place - 1] and words.lower[place - 1] not in _BORDERS and len(found) < _SUBJECT:
        place -= 1
        if is_content(words.lower[place]):
            found.append(place)
    return found


def comparison(claim: Claim) -> str | None:
    """More of one than of another, told the other way round."""
    speech = claim.speech
    for sentence in claim.sentences:
        words = sentence.words
        for place, word in enumerate(words.lower):
            if word not in _THAN:
                continue
            left = {words.roots[i] for i in words.preceding(place, 9) if is_content(words.lower[i])}
            right = {words.roots[i] for i in words.following(place, 7) if is_content(words.lower[i])}
            left, right = left - right, right - left
            kept = turned = 0
            for at in sentence.spoken():
                if speech.lower[at] not in _THAN:
                    continue
                before = {speech.roots[i] for i in speech.preceding(at, 12)}
                after = {speech.roots[i] for i in speech.following(at, 10)}
                kept = max(kept, len(left & (before - after)) + len(right & (after - before)))
                turned = max(turned, len(left & (after - before)) + len(right & (before - after)))
            if turned > kept + (word not in {"than", "over"}):
                return f"“{word} {' '.join(words.written[place + 1 : place + 4])}” is the other way round"
    return None


_THAN = vocabulary("than over instead rather")

_BECAUSE = vocabulary("because since cause due as")
_SO = vocabulary("so therefore thus hence means why makes made led leads forced caused")
_AROUND = 14


def cause(claim: Claim) -> str | None:
    """What brought something about, told as what came of it."""
    heard = list(_causes(claim.speech, range(len(claim.speech))))
    for sentence in claim.sentences:
        for causes, effects in _causes(sentence.words, range(len(sentence.words))):
            own_causes, own_effects = causes - effects, effects - causes
            kept = max((len(own_causes & (c - e)) + len(own_effects & (e - c)) for c, e in heard), default=0)
            turned = max((_both(own_causes & (e - c), own_effects & (c - e)) for c, e in heard), default=0)
            if turned > kept + 2:
                return f"{' '.join(sorted(own_causes)[:3])}: the effect, not the cause"
    return None


def _both(one: set[str], other: set[str]) -> int:
    return len(one) + len(other) if one and other else 0


def _causes(words: Words, places: Iterable[int]) -> Iterator[tuple[set[str], set[str]]]:
    for place in places:
        word = words.lower[place]
        if word not in _BECAUSE | _SO or word in {"as", "made"}:
            continue
        before = {words.roots[i] for i in words.preceding(place, _AROUND) if is_content(words.lower[i])}
        after = {words.roots[i] for i in words.following(place, _AROUND) if is_content(words.lower[i])}
        if word in _BECAUSE:
            if place == 0 or not before:
                continue
            yield after, before
        else:
            yield before, after
