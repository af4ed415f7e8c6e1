"""What one sentence may do in an excerpt: stand in it at all, open it, after which words.

Belongs here: the gates that need no more than the sentence's own words.
Doesn't: windows of several sentences (excerpt_windows.py), their gates (excerpt_gates.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from podbrief_assets.insights.excerpt_patterns import (
    ADDRESSING,
    AFTER_DEFINITE,
    AFTER_VERB,
    ANSWERING,
    BOUND,
    CONDITIONS,
    DETERMINERS,
    DUMMY,
    FIRST,
    FIRST_PLURAL,
    JOINING,
    LEANING,
    MARKER_PHRASES,
    MARKERS,
    MARKERS_WITH_COMMA,
    OBJECTS,
    OPINION,
    PERSONAL,
    PRONOUNS,
    REFUSED_FILLER,
    SHOW_TALK,
    SINGULAR,
    SUBJECTS,
    SUBORDINATING,
    TIMES,
    TRAILING,
    UNIQUE,
    VERB,
)
from podbrief_assets.insights.text import FUNCTION_WORDS, rarity


def may_stand(words: Sequence[str], folded: Sequence[str]) -> bool:
    """Whether a sentence may stand in an excerpt at any place."""
    text = " ".join(words).replace("\u2019", "'")
    if words[-1].rstrip("\"'”\u2019)")[-1:] not in {".", "!"}:
        return False
    if "?" in text or text.count('"') % 2 or TRAILING.search(text):
        return False
    return not (REFUSED_FILLER.search(text) or SHOW_TALK.search(text) or ADDRESSING.search(text) or _stutters(folded))


def _stutters(folded: Sequence[str]) -> bool:
    return any(one == other and one not in {"that", "had"} for one, other in itertools.pairwise(folded))


def skipped_words(words: Sequence[str], folded: Sequence[str]) -> int:
    """How many of the first words only link a sentence to the one before."""
    at = 0
    while at < min(5, len(words) - 5):
        comma = words[at].endswith(",")
        if folded[at : at + 2] in MARKER_PHRASES and (words[at + 1].endswith(",") or folded[at] == "for"):
            at += 2
        elif (folded[at] in MARKERS and (comma or folded[at + 1] not in BOUND)) or (
            comma and folded[at] in MARKERS_WITH_COMMA
        ):
            at += 1
        else:
            break
    return at


def opening_of(words: Sequence[str], folded: Sequence[str], known: frozenset[str]) -> str | None:
    """The feature that says what a stranger meets first, None for what leans on the words before."""
    opinion = OPINION.match(" ".join(words))
    stance = len(opinion[0].split()) if opinion else 0
    words, folded = words[stance:], folded[stance:]
    text = " ".join(words).replace("\u2019", "'")
    if len(words) < 5 or text[:1] in '("\u201c[-' or JOINING.search(text):
        return None
    if DUMMY.search(text):
        return None if unresolved(words, folded, known, until=8) else "opens with a dummy"
    if _leans(words, folded, known) or not (
        opinion or (_has_main_verb(text, folded) and says_something(words, folded))
    ):
        return None
    kinds = (
        ("opens with a dummy", folded[0] in {"what", "how", "why"}),
        ("opens with an opinion", opinion),
        ("opens with the speaker", folded[0] in FIRST or folded[0] in FIRST_PLURAL),
        ("opens with a name", any(word.removesuffix("'s") in known for word in folded[:3])),
        ("opens with a condition", folded[0] in CONDITIONS),
        ("opens with the", folded[0] == "the"),
        ("opens with one of several", folded[0] in {"one", "some", "another"}),
    )
    return next((kind for kind, holds in kinds if holds), "opens with a kind")


def _leans(words: Sequence[str], folded: Sequence[str], known: frozenset[str]) -> bool:
    """Whether the first words mean something only to those who heard the ones before."""
    return (
        folded[0] in LEANING
        or bool(ANSWERING.search(" ".join(words)))
        or not OBJECTS.isdisjoint(folded[:5])
        or unresolved(words, folded, known, until=10) > 0
        or (folded[0] == "the" and not told_apart(words, folded, 0, frozenset()))
    )


def _has_main_verb(text: str, folded: Sequence[str]) -> bool:
    """Whether a sentence that begins with "People who …" goes on to say something of them."""
    relatives = sum(word in {"who", "which", "whose", "who's"} for word in folded) + ("that" in folded[1:4])
    return not relatives or sum(1 for _ in VERB.finditer(text)) > relatives


def says_something(words: Sequence[str], folded: Sequence[str]) -> bool:
    """Whether a verb comes soon: "Six cores, a neural engine and …" only names things."""
    reach = min(14, len(folded))
    if folded[0] not in CONDITIONS:
        reach = next((index for index in range(4, reach) if folded[index] in SUBORDINATING), reach)
    if folded[0] in SUBJECTS or VERB.search(" ".join(folded[:reach])):
        return True
    return any(
        folded[index].endswith(("s", "ed")) and words[index][-1:].isalpha() and folded[index + 1] in AFTER_VERB
        for index in range(1, min(reach, len(folded) - 1))
    )


def told_apart(words: Sequence[str], folded: Sequence[str], at: int, seen: frozenset[str] | set[str]) -> bool:
    """Whether the phrase after the "the" at `at` says itself which one it means.

    A name in it, a superlative, words after it that tell it apart ("the cost of …", "the people who …"), an earlier
    mention, or there being only one of it in the world settle that.
    """
    end = at + 1
    while end < len(folded) and end - at <= 4 and folded[end] not in FUNCTION_WORDS and not VERB.fullmatch(folded[end]):
        end += 1
        if not words[end - 1][-1:].isalnum():
            break
    else:
        if end < len(folded) and folded[end] in AFTER_DEFINITE:
            return True
    phrase = folded[at + 1 : end]
    return (
        not phrase
        or not UNIQUE.isdisjoint(phrase)
        or any(part in seen or part.endswith("est") for part in phrase)
        or any(word.lstrip("\"'“(")[:1].isupper() or word[:1].isdigit() for word in words[at + 1 : end])
    )


def unresolved(
    words: Sequence[str],
    folded: Sequence[str],
    known: frozenset[str],
    until: int | None = None,
    only: frozenset[str] = PRONOUNS,
) -> int:
    """How many pronouns have nothing before them that they could mean, up to word `until`."""
    things = persons = False
    count = 0
    for index, word in enumerate(folded[:until]):
        if word in PRONOUNS:
            if word in only and (
                not (persons if word in PERSONAL else things)
                or (index < 3 and word in SINGULAR and folded[0] not in known)
            ):
                count += 1
            continue
        if word in known or (word not in FUNCTION_WORDS and words[index][:1].isupper() and index):
            things = True
            # "Graeme Hart": two names in a row are mostly somebody's.
            persons = persons or (index > 0 and words[index][:1].isupper() and words[index - 1][:1].isupper())
        elif word not in FUNCTION_WORDS and len(word) > 2:
            before = folded[index - 1] if index else ""
            things = (
                things
                or before in DETERMINERS
                or (word.endswith("s") and not word.endswith("ss") and word not in TIMES)
                or rarity(word) >= 0.8
            )
            persons = persons or (before in {"a", "an", "my"} and index > 0)
    return count
