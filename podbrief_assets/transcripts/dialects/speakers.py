"""Names before a colon, and how far a name reaches.

Belongs here: the rules by which `Name: words` is a speaker, and by which the cues after it are theirs too.
Doesn't: marks that a dialect has for speakers (voice tags, `speaker`, `<cite>`): their parsers read those.

The rule for names. `Name:` at the start of a line marks a speaker only where the file does so consistently, because
"Note: …" and "The answer: …" open lines too. A prefix is name-like if it has at most five words that begin with a
capital, a digit or a letter without case (small particles such as "van" may stand between), and the first is no
everyday word. A file marks speakers if (a) at least half of its cues, and two, open with a name-like prefix, or (b) two
different name-like prefixes open two cues or more each, and five together. Then a name counts if it opens two cues, or
one in case (a) or if it has two words or more; in case (a) prefixes in small letters count from the third time on.

The rule for reach. Publishers mark either every cue or only changes of speaker, as the podcast namespace advises for
VTT. If cues without a mark are at least as frequent as marks that repeat the one before, the file marks changes, and a
name holds until the next one. A name-like prefix that doesn't count ends it: somebody may be speaking there, and
nobody is guessed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from podbrief_assets.transcripts.dialects.cues import Cue, clean_name, share

_TURN = re.compile(r"[ \t]*(?:>{1,3}|&gt;&gt;)[ \t]*")
_PREFIX = re.compile(
    r"[ \t]*(?:[-–—][ \t]*|>{1,3}[ \t]*)?(?:\*\*|__)?"
    r"(?P<name>[^\s:：<>\[\](){}\"“”!?;,/|=…*][^:：<>\[\]{}\"“”!?;,|=\n…*]{0,59}?)[ \t]*"
    r"(?:(?:\*\*|__)?(?::(?=\s|$|\*)|：)(?:\*\*|__)?)[ \t]*"
)
_PARTICLE_WORDS = "al and bin da de del della den der di dos du el et la le of ten ter the und van von y zu"
_EVERYDAY_WORDS = """
    a about after again all also although an and another any anyway as at because before both break but by chapter
    conclusion copyright daily date disclaimer duration edit episode every example finally first for from here how
    however http https i if important in it just key kind language last let licence license like link links listen look
    maybe meaning music my next no note notes now oh ok okay on one or other our part plus ps reminder remember right
    second see she he they we you so some source spoiler step still sure that the then there these third this though
    tip title to today tomorrow transcript two update warning website welcome well what when where which while who why
    yeah yes yesterday your
"""
_PARTICLES = frozenset(_PARTICLE_WORDS.split())
_EVERYDAY = frozenset(_EVERYDAY_WORDS.split())


def is_name(prefix: str) -> bool:
    """Whether `prefix` could be a name, by the rule in this module's docstring."""
    words = prefix.split()
    if not 1 <= len(words) <= 5 or words[0].lower().rstrip(".") in _EVERYDAY or not any(c.isalpha() for c in prefix):
        return False
    for position, word in enumerate(words):
        first = word.lstrip("(&#'’-")[:1]
        if first.islower() and (position == 0 or word.lower() not in _PARTICLES):
            return False
        if word.endswith(".") and len(word) > 4:
            return False
    return True


def prefix_of(line: str) -> tuple[str, str] | None:
    """The (prefix, rest) of a line that begins with up to 60 characters and a colon; None for any other."""
    match = _PREFIX.match(line)
    name = clean_name(match["name"]) if match else None
    return (name, line[match.end() :]) if match and name else None


@dataclass(frozen=True)
class Names:
    """Which prefixes of a file are speakers, and which might be and so leave the speaker open."""

    accepted: frozenset[str]
    doubtful: frozenset[str]


def names_in(prefixes: Iterable[str], units: int) -> Names:
    """The speakers among `prefixes`, which open some of a file's `units` cues or paragraphs."""
    counts = Counter(prefixes)
    named = {name: count for name, count in counts.items() if is_name(name)}
    total = sum(named.values())
    throughout = total >= 2 and 2 * total >= units
    several = [name for name, count in named.items() if count >= 2]
    if not throughout and (len(several) < 2 or sum(named[name] for name in several) < 5):
        return Names(frozenset(), frozenset())
    accepted = {name for name, count in named.items() if throughout or count >= 2 or " " in name}
    if throughout:
        accepted |= {name for name, count in counts.items() if count >= 3 and len(name) <= 30}
    return Names(frozenset(accepted), frozenset(named) - accepted)


def resolve(cues: Sequence[Cue]) -> list[Cue]:
    """`cues`, in order of time, with speakers from prefixes where no dialect's own mark names any, and carried on."""
    resolved = list(cues) if any(cue.speaker for cue in cues) else _from_prefixes(cues)
    return _carried(resolved)


def _from_prefixes(cues: Sequence[Cue]) -> list[Cue]:
    names = names_in(
        (found[0] for cue in cues for line in cue.text.split("\n") if (found := prefix_of(line))), len(cues)
    )
    resolved: list[Cue] = []
    for cue in cues:
        turns: list[tuple[str | None, list[str]]] = []
        turn = cue.turn
        for line in cue.text.split("\n"):
            found = prefix_of(line)
            mark = _TURN.match(line)
            if found and found[0] in names.accepted:
                turns.append((found[0], [found[1]]))
                continue
            if not turns:
                turn = turn or mark is not None or (found is not None and found[0] in names.doubtful)
                turns.append((None, []))
            turns[-1][1].append(line[mark.end() :] if mark else line)
        voices = [(name, "\n".join(filter(None, words))) for name, words in turns]
        if len(voices) == 1:
            resolved.append(replace(cue, speaker=voices[0][0], text=voices[0][1], turn=turn))
            continue
        parts = share(voices, cue.start_s, cue.end_s)
        resolved += [replace(parts[0], turn=turn), *parts[1:]]
    return resolved


def _carried(cues: list[Cue]) -> list[Cue]:
    marks = [cue.speaker for cue in cues]
    repeated = sum(1 for mark, following in pairwise(marks) if mark and mark == following)
    first = next((position for position, mark in enumerate(marks) if mark), len(marks))
    unmarked = sum(1 for mark in marks[first:] if mark is None)
    if unmarked == 0 or repeated > unmarked:
        return cues
    carried: list[Cue] = []
    speaker: str | None = None
    for cue in cues:
        if cue.speaker or cue.turn:
            speaker = cue.speaker
        # [music] is nobody's
        sound = cue.text[:1] in "[(♪" and cue.text[-1:] in "])♪"
        carried.append(cue if cue.speaker or sound else replace(cue, speaker=speaker))
    return carried
