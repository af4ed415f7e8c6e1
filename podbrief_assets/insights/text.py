"""Small tools for the words of a transcript: sentences, names, how common a word is.

Belongs here: what finding advertising, cutting and extracting all need of plain text.
Doesn't: any judgement about what is advertising, or worth telling.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Collection, Iterable, Sequence
from importlib import resources


def vocabulary(listed: str) -> frozenset[str]:
    """The words of a list that is written as running text."""
    return frozenset(listed.split())


FUNCTION_WORDS = vocabulary(
    """
    a about after again all also am an and any are as at be because been before being both but by can could did do
    does doing done down each even ever every few for from further get gets go goes going had has have having he her
    here hers him his how i if in into is it its just let like may me might mine more most much must my no nor not
    now of off on once one only or other our ours out over own same she should since so some such than that the
    their theirs them then there these they this those though through to too under until up us very was we were what
    when where which while who whom whose why will with within without would yet you your yours yes yeah okay ok oh
    well right really actually maybe many another an' isn't aren't wasn't weren't don't doesn't didn't can't
    couldn't won't wouldn't shouldn't hasn't haven't hadn't i'm i've i'd i'll you're you've you'd you'll he's she's
    it's we're we've we'd we'll they're they've they'd they'll that's there's here's what's who's where's how's
    let's
    """
)

# Of running English, a third to a half are these; of German, Spanish, French or Dutch, under a tenth.
_ENGLISH_MARKERS = vocabulary(
    """
    the and to of that is it you with for this have was are be not but they what from we there or which would their
    when if who can my so been your about how i'm it's that's don't
    """
)
_ENGLISH_SHARE = 0.17

_NEVER_LAST = vocabulary(
    "mr mrs ms dr prof rev gen sen rep gov capt sgt lt col st sta mt vs no fig dept approx e.g i.e cf"
)
_SELDOM_LAST = vocabulary("inc ltd corp co jr sr u.s u.k u.n e.u d.c a.m p.m ph.d b.c etc al")

_OPENING = "\"'“”\u2018\u2019«([{-\u2013—*_"
_CLOSING = "\"'“”\u2018\u2019»)]}*_"
_TRIMMED = _OPENING + _CLOSING + ".,;:!?…"

_JOINERS = frozenset(("of", "the", "de", "van", "von", "der", "du", "la", "and", "&"))
_NOT_NAMES = vocabulary(
    """
    i i'm i've i'd i'll monday tuesday wednesday thursday friday saturday sunday january february march april may
    june july august september october november december god jesus mr mrs ms dr ok okay tv pm am english
    """
)
_MAX_NAME_WORDS = 5


def fold(word: str) -> str:
    """`word` in lower case, without the punctuation around it, its apostrophe straight."""
    return word.strip(_TRIMMED).replace("\u2019", "'").lower()


def time_at(start_s: float, end_s: float, index: int, count: int) -> float:
    """When word `index` of `count` begins in a stretch of speech, in seconds, as if all its words took equally long.

    With `index == count` it is when the last word ends.
    """
    return end_s if index >= count else start_s + (end_s - start_s) * index / count


def without_ending(word: str, endings: Iterable[tuple[str, str]]) -> str:
    """`word` without the first of `endings` (ending, what takes its place) that it has; only ever compared with others.

    At least three letters are left. A doubled last consonant is made one, a silent "e" dropped.
    """
    for ending, instead in endings:
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: -len(ending)] + instead
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiousl":
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def word_count(text: str) -> int:
    """How many words `text` has, split at white space as everywhere in podbrief."""
    return len(text.split())


def sentence_ends(words: Sequence[str]) -> list[int]:
    """Where the sentences of `words` end, as exclusive indexes; the last one is always `len(words)`.

    A full stop after an initial, a title or a short form ends nothing, neither does one inside a number or an address.
    """
    ends = [
        index + 1
        for index in range(len(words) - 1)
        if words[index].rstrip(_CLOSING)[-1:] in {".", "!", "?", "…"} and _ends_sentence(words[index], words[index + 1])
    ]
    return [*ends, len(words)] if words else []


def _ends_sentence(word: str, following: str) -> bool:
    bare = word.strip(_OPENING + _CLOSING)
    first = following.lstrip(_OPENING)[:1]
    if first.islower():
        return False
    if bare[-1:] != "." or bare.endswith(".."):
        return True
    stem = bare.rstrip(".").lower()
    if stem in _NEVER_LAST:
        # "No." is also an answer: it is short for "number" only before one.
        return stem == "no" and not first.isdigit()
    if stem in _SELDOM_LAST or (len(stem) == 1 and stem.isalpha() and stem != "i"):
        return fold(following) in FUNCTION_WORDS
    return True


def sentences(text: str) -> list[str]:
    """The sentences of `text`, white space folded; joined by blanks they are its words again."""
    words = text.split()
    ends = sentence_ends(words)
    return [" ".join(words[start:end]) for start, end in zip([0, *ends], ends, strict=False)]


def names_of(text: str, known: Collection[str] = ()) -> tuple[str, ...]:
    """The names in `text`, in the order of their first mention, none twice.

    A run of capitalised words is a name ("Bank of America" too). The first word of a sentence is capitalised anyway, so
    it counts only if it is written so elsewhere in `text`, begins a longer name, has a capital further in ("OpenAI",
    "GPT-4"), or is one of the folded words in `known`.
    """
    words = text.split()
    starts = {0, *sentence_ends(words)}
    inside = {fold(word) for index, word in enumerate(words) if index not in starts and _capitalised(word)}
    inside |= set(known)
    found: dict[str, str] = {}
    index = 0
    while index < len(words):
        end = _name_end(words, index, starts)
        if end > index and (first := words[index]):
            opens = index in starts
            single = end == index + 1
            if opens and single and not (fold(first).removesuffix("'s") in inside or _distinctive(first)):
                index = end
                continue
            name = " ".join(words[index:end]).lstrip(_TRIMMED)
            # The last stop of "U.S." is its own, that of "Rust." the sentence's.
            name = name if re.search(r"\b[A-Z]\.[A-Z]\.$", name) else name.rstrip(_TRIMMED)
            name = re.sub(r"['\u2019]s?$", "", name)
            if name and name.lower() not in _NOT_NAMES:
                found.setdefault(name.lower(), name)
            index = end
        else:
            index += 1
    return tuple(found.values())


def _capitalised(word: str) -> bool:
    bare = word.strip(_TRIMMED)
    return bool(bare) and (bare[0].isupper() or _distinctive(word)) and fold(word) not in _NOT_NAMES


def _distinctive(word: str) -> bool:
    """Whether a word's inner capitals or digits show that it is a name wherever it stands: iPhone, GPT-4, NASA."""
    bare = re.sub(r"['\u2019]s$", "", word.strip(_TRIMMED))
    inner = bare[1:]
    return (
        any(c.isupper() for c in inner)
        and "'" not in bare
        and "\u2019" not in bare
        and fold(bare) not in FUNCTION_WORDS
    )


def _name_end(words: Sequence[str], start: int, starts: set[int]) -> int:
    """The exclusive end of the name that begins at `start`, or `start` where none does."""
    if not _capitalised(words[start]) or (start in starts and fold(words[start]) in FUNCTION_WORDS):
        return start
    end = start + 1
    while end < len(words) and end not in starts and end - start < _MAX_NAME_WORDS and _runs_on(words[end - 1]):
        if _capitalised(words[end]):
            end += 1
        elif (
            words[end] in _JOINERS
            and words[end] not in {"and", "the"}
            and end + 1 < len(words)
            and end + 1 not in starts
            and _capitalised(words[end + 1])
        ):
            end += 2
        else:
            break
    return end


def _runs_on(word: str) -> bool:
    """Whether a name may go on after `word`: no comma, no possessive."""
    if word[-1:] == ".":
        return len(word) <= 3 or "." in word[:-1]
    return word[-1:].isalnum() and not word.endswith(("'s", "\u2019s"))


@functools.cache
def _ranks() -> dict[str, int]:
    listed = resources.files("podbrief_assets.insights").joinpath("common_words.txt").read_text(encoding="utf-8")
    return {word: rank for rank, word in enumerate(listed.split(), start=1)}


def rarity(word: str) -> float:
    """How seldom a folded word is spoken, in [0, 1]: 0 for the commonest, 1 for one outside the list of common words.

    By Zipf's law a word's frequency falls as one over its rank, so the logarithm of the rank behaves as an inverse
    document frequency. The list holds the words that all of a dozen shows of different kinds use most (logarithms of
    their shares averaged), so that no subject's own words are in it.
    """
    ranks = _ranks()
    rank = ranks.get(word)
    if rank is None:
        # A regular inflection is as common as its stem: "pauses" is no rarer than "pause".
        rank = min((ranks[stem] for stem in _stems(word) if stem in ranks), default=None)
    return 1.0 if rank is None else math.log(rank) / math.log(len(ranks) + 1)


def expected_share(word: str) -> float:
    """What share of all spoken words a folded word is expected to be, by Zipf's law: 1 / rank, scaled to add up to 1.

    A word outside the list of common words is expected as often as the first one beyond its end.
    """
    return math.exp(-rarity(word) * math.log(len(_ranks()) + 1)) / _shares()


@functools.cache
def _shares() -> float:
    return sum(1 / rank for rank in _ranks().values())


def _stems(word: str) -> Iterable[str]:
    if word.endswith("'s"):
        yield word[:-2]
    for ending, replacements in (
        ("ies", ("y",)),
        ("es", ("", "e")),
        ("s", ("",)),
        ("ed", ("", "e")),
        ("ing", ("", "e")),
        ("ly", ("",)),
    ):
        if len(word) > len(ending) + 2 and word.endswith(ending):
            for replacement in replacements:
                yield word[: -len(ending)] + replacement


def is_english(words: Sequence[str]) -> bool:
    """Whether `words` are running English, by the share of its commonest words."""
    sample = (
        words
        if len(words) <= 6000
        else [*words[:2000], *words[len(words) // 2 : len(words) // 2 + 2000], *words[-2000:]]
    )
    if not sample:
        return False
    return sum(fold(word) in _ENGLISH_MARKERS for word in sample) / len(sample) >= _ENGLISH_SHARE
