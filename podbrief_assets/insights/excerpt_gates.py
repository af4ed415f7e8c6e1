"""Refuse the windows that no merit saves.

Belongs here: rules over a whole window, each of which a window either keeps or breaks.
Doesn't: rules over one sentence (excerpt_sentences.py), what is a matter of degree (excerpt_features.py).
"""

from __future__ import annotations

import itertools

from podbrief_assets.insights.excerpt_patterns import (
    ASIDE,
    BARE_DEMONSTRATIVE,
    DEMONSTRATIVE,
    DOINGS,
    ELSEWHERE,
    FIRST,
    FIRST_NAMES,
    FIRST_PLURAL,
    IMPERATIVE,
    JOINS_ON,
    LIST,
    OBJECT_DEMONSTRATIVE,
    OF_THOSE_DAYS,
    OWN_WARES,
    PERSONAL,
    PRONOUNS,
    SUMS_UP,
    THAT_NOUN,
)
from podbrief_assets.insights.excerpt_sentences import (
    says_something,
    unresolved,
)
from podbrief_assets.insights.excerpt_windows import (
    Window,
)
from podbrief_assets.insights.text import FUNCTION_WORDS


def refused(window: Window, show: frozenset[str], present: frozenset[str]) -> bool:
    """Whether a window breaks a rule that no merit outweighs."""
    plain = window.text.replace("\u2019", "'")
    mine = sum(word in FIRST or word in FIRST_PLURAL for word in window.folded)
    return bool(
        (show and show <= set(window.folded))
        # Somebody of the conversation is spoken to, or of.
        or not present.isdisjoint(word.removesuffix("'s") for word in window.folded)
        or LIST.search(window.text)
        or IMPERATIVE.search(window.text)
        or _heading_runs_in(window)
        or any(gate.search(plain) for gate in (JOINS_ON, SUMS_UP, ELSEWHERE, DOINGS, OWN_WARES, OF_THOSE_DAYS, ASIDE))
        or not all(says_something(s.words, s.folded) for s in window.sentences[1:])
        or _first_name_only(window)
        or _points_outside(window)
        or (
            not PERSONAL.isdisjoint(window.folded)
            and unresolved(window.words, window.folded, window.turn.known, only=PERSONAL)
        )
        # Nobody knows who "I" is where nobody says who speaks; there a short sentence is often somebody else's, too.
        or (not window.turn.speaker and (mine or min(len(s.words) for s in window.sentences) < 6))
    )


def _heading_runs_in(window: Window) -> bool:
    """Whether a read-out script's paragraph begins with its heading: "Cap looks good Cap is a captcha …"."""
    if not window.sentences[0].heads or window.turn.share < 0.8 or window.sentences[0].skipped:
        return False
    first = window.folded[0].strip("`_")
    again = any(
        word.strip("`_") == first and window.words[index][-1:].isalpha()
        for index, word in enumerate(window.folded[2:14], start=1)
    )
    capitalised = list(itertools.takewhile(lambda word: word[:1].isupper() and word[-1:].isalnum(), window.words))
    return (again and first not in FUNCTION_WORDS) or len(capitalised) > 3


def _first_name_only(window: Window) -> bool:
    """Whether somebody is called by a first name alone, as only those do who know each other."""
    introduced: set[str] = set()
    for index, word in enumerate(window.folded):
        name = word.removesuffix("'s")
        if name not in FIRST_NAMES or not window.words[index][:1].isupper() or name in introduced:
            continue
        following = window.words[index + 1][:1] if index + 1 < len(window.words) else ""
        before = window.words[index - 1] if index else ""
        if (following.isupper() and window.words[index][-1:].isalpha()) or (
            before[:1].isupper() and before[-1:].isalpha() and index > 1
        ):
            introduced.add(name)
        else:
            return True
    return False


def _points_outside(window: Window) -> bool:
    """Whether "that constraint" stands before any mention of a constraint, or the first sentence has a bare "this"."""
    text = window.text.replace("\u2019", "'")
    for match in DEMONSTRATIVE.finditer(text):
        noun = match[1].lower()[:5]
        if noun not in text[: match.start(1) - 5].lower():
            return True
    for match in THAT_NOUN.finditer(text):
        noun = match[1].lower()
        if noun not in FUNCTION_WORDS and noun not in PRONOUNS and noun[:5] not in text[: match.start(1) - 5].lower():
            return True
    first = " ".join(window.sentences[0].words[window.sentences[0].skipped :]).replace("\u2019", "'")
    return bool(BARE_DEMONSTRATIVE.search(first) or OBJECT_DEMONSTRATIVE.search(text))
