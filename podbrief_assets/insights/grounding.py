"""Hold what a language model wrote against what was really said.

Belongs here: finding a quote's exact words and times in a transcript, and the rules that a text must keep to be told
as an insight. Each rule is a function with a name; an insight that breaks one is refused under that name.
Doesn't: asking a model (llm.py), choosing among sound insights (scores).

The rules know English words only. They read text, not meaning: each catches one way in which models are known to go
wrong, and lets pass what it can't judge.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal
from difflib import SequenceMatcher
from functools import cached_property

from podbrief_assets.insights.candidates import Episode, Kind
from podbrief_assets.insights.numbers import CODE, UNITS, numbers_in
from podbrief_assets.insights.text import FUNCTION_WORDS, fold, names_of, rarity, sentences, time_at, word_count
from podbrief_assets.transcripts.segment import Segment

TEXT_WORDS = (25, 60)
TEXT_SENTENCES = (1, 3)
QUOTE_WORDS = (5, 40)

# What an episode's notes may lend to an insight: the same stretch that the prompt shows.
NOTES_CHARACTERS = 1500

# Typographic quotation marks and dashes, one sign for one, so that places in a text stay the same.
_STRAIGHT = str.maketrans(
    dict(zip("\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u2013", "'" * 4 + '"' * 3 + "-", strict=True))
)


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


# ---------------------------------------------------------------------------------------------------------------------
# Finding a quote


@dataclass(frozen=True, kw_only=True)
class Located:
    """A quote where it was spoken.

    Attributes:
        text: The words as the transcript has them.
        start_s, end_s: In seconds; inside a segment they are interpolated by words.
        speaker: Who says all of it; None where that is unknown or changes.
        timed: False where the transcript's times are estimates.
        context: The whole sentences that the quote is part of.
        likeness: Share of the quote's words that were found, in [0, 1].
    """

    text: str
    start_s: float
    end_s: float
    speaker: str | None
    timed: bool
    context: str
    likeness: float


_SPOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*|%")
_FILLERS = frozenset(("um", "uh", "uhm", "er", "erm", "ah", "hmm", "mm", "mhm"))
_LEAST_LIKENESS = 0.85
_MOST_QUOTE_WORDS = 80
_MOST_ANCHORS = 6000
_PLACES_TRIED = 4
_SLACK = 8
_LOOSE_END = ",;:-\u2013\u2014("
_LOOSE_START = ",;:.-\u2013\u2014)"
_CONTEXT_WORDS = 40


@dataclass(frozen=True, slots=True)
class _Word:
    key: str
    segment: int
    start: int
    end: int


def locate(quote: str, segments: Sequence[Segment]) -> Located | None:
    """Where `quote` was spoken, or None where it wasn't.

    Case and punctuation don't count, neither do "um" and its kin; a few words may differ a little, as when a recogniser
    misheard one, but at least 85% must agree. Words that several segments share between them are found too. The first
    of equally good places is taken. Runs in time linear in the transcript.
    """
    wanted = [
        key
        for key in (_key(match[0]) for match in _SPOKEN.finditer(quote[:2000].translate(_STRAIGHT)))
        if key not in _FILLERS
    ]
    if not wanted or len(wanted) > _MOST_QUOTE_WORDS:
        return None
    words = [word for word in _words(segments) if word.key not in _FILLERS]
    best: tuple[float, int, int] | None = None
    for start in _likely_starts(wanted, words):
        low, high = max(0, start - _SLACK), min(len(words), start + len(wanted) + _SLACK)
        found = _align(wanted, [word.key for word in words[low:high]])
        if found and (best is None or found[0] > best[0]):
            best = (found[0], low + found[1], low + found[2])
        if best and best[0] == 1:
            break
    if best is None or best[0] < _LEAST_LIKENESS:
        return None
    return _as_spoken(words, best[1], best[2], best[0], segments)


def _key(word: str) -> str:
    word = word.lower()
    if word == "%":
        return "percent"
    if word[0].isdigit():
        return word.replace(",", "").rstrip(".")
    word = word.replace("'", "")
    return str(UNITS[word]) if word in UNITS else word


def _words(segments: Sequence[Segment]) -> Iterator[_Word]:
    for index, segment in enumerate(segments):
        for match in _SPOKEN.finditer(segment.text.translate(_STRAIGHT)):
            yield _Word(_key(match[0]), index, match.start(), match.end())


def _likely_starts(wanted: Sequence[str], words: Sequence[_Word]) -> list[int]:
    """Where in `words` the quote may begin, the likeliest first.

    Each of its words that is spoken somewhere votes for the place that the quote would then begin at, give or take the
    few words that were left out or added; rare words are heard first, and only so many votes are counted.
    """
    needed = set(wanted)
    spoken: dict[str, list[int]] = {}
    for place, word in enumerate(words):
        if word.key in needed:
            spoken.setdefault(word.key, []).append(place)
    votes: Counter[int] = Counter()
    left = _MOST_ANCHORS
    for index, key in sorted(enumerate(wanted), key=lambda item: len(spoken.get(item[1], ()))):
        places = spoken.get(key, ())
        if left <= 0:
            break
        for place in places[:left]:
            votes[(place - index) // 4] += 1
        left -= len(places)
    joined = Counter({band: count + votes[band + 1] for band, count in votes.items()})
    likely = sorted(joined, key=lambda band: (-joined[band], band))[:_PLACES_TRIED]
    return [max(0, band * 4) for band in likely]


def _align(wanted: Sequence[str], heard: Sequence[str]) -> tuple[float, int, int] | None:
    """(likeness, first, last + 1) of the stretch of `heard` that is most like `wanted`, by edit distance over words."""
    unlike = {word: {other: _unlikeness(word, other) for other in set(heard)} for word in set(wanted)}
    # A row holds, for each end in `heard`, the cost so far and where the stretch began; beginning anywhere is free.
    row: list[tuple[float, int]] = [(0.0, place) for place in range(len(heard) + 1)]
    for index, word in enumerate(wanted, start=1):
        below: list[tuple[float, int]] = [(float(index), 0)]
        for place, other in enumerate(heard, start=1):
            cost, began = row[place - 1]
            choices = (
                (cost + unlike[word][other], began),
                (row[place][0] + 1.0, row[place][1]),
                (below[place - 1][0] + 0.7, below[place - 1][1]),
            )
            below.append(min(choices, key=lambda choice: (choice[0], -choice[1])))
        row = below
    end = min(range(1, len(row)), key=lambda place: row[place][0], default=0)
    cost, began = row[end] if end else (float(len(wanted)), 0)
    return (1 - cost / len(wanted), began, end) if began < end else None


def _unlikeness(word: str, other: str) -> float:
    if word == other:
        return 0.0
    if len(word) < 4 or len(other) < 4 or word[0].isdigit() or other[0].isdigit():
        return 1.0
    if abs(len(word) - len(other)) > 2 or not (word[0] == other[0] or word[-2:] == other[-2:]):
        return 1.0
    return 0.3 if SequenceMatcher(None, word, other, autojunk=False).ratio() >= 0.8 else 1.0


def _as_spoken(words: Sequence[_Word], first: int, end: int, likeness: float, segments: Sequence[Segment]) -> Located:
    a, b = words[first], words[end - 1]
    touched = segments[a.segment : b.segment + 1]
    speakers = {segment.speaker for segment in touched}
    return Located(
        text=_text_between(a, b, segments),
        start_s=_time_of(segments[a.segment], a.start, ends=False),
        end_s=_time_of(segments[b.segment], b.end, ends=True),
        speaker=speakers.pop() if len(speakers) == 1 else None,
        timed=all(segment.timed for segment in touched),
        context=_context(words, first, end, segments),
        likeness=likeness,
    )


def _text_between(a: _Word, b: _Word, segments: Sequence[Segment]) -> str:
    parts = []
    for index in range(a.segment, b.segment + 1):
        text = segments[index].text
        start = _grown(text, a.start, -1) if index == a.segment else 0
        end = _grown(text, b.end, +1) if index == b.segment else len(text)
        parts.append(text[start:end])
    return " ".join(" ".join(parts).split()).rstrip(_LOOSE_END).lstrip(_LOOSE_START)


def _grown(text: str, place: int, step: int) -> int:
    """`place` moved over the signs that cling to the word it borders on: "$20" keeps its sign, a last word its stop."""
    while 0 <= (at := place + min(step, 0)) < len(text) and not text[at].isspace() and not text[at].isalnum():
        place += step
    return place


def _time_of(segment: Segment, place: int, *, ends: bool) -> float:
    """When the word that begins or, with `ends`, ends at the character `place` is spoken, in seconds."""
    said = word_count(segment.text[:place])
    if not ends and place and not segment.text[place - 1].isspace():
        said -= 1
    return time_at(segment.start_s, segment.end_s, said, word_count(segment.text))


def _context(words: Sequence[_Word], first: int, end: int, segments: Sequence[Segment]) -> str:
    """The sentences around words `first` to `end`: as far as a stop, at most 40 words either way."""
    low = first
    while low > 0 and first - low < _CONTEXT_WORDS and not _stops(words[low - 1], words[low], segments):
        low -= 1
    high = end
    while high < len(words) and high - end < _CONTEXT_WORDS and not _stops(words[high - 1], words[high], segments):
        high += 1
    return _text_between(words[low], words[high - 1], segments)


def _stops(word: _Word, following: _Word, segments: Sequence[Segment]) -> bool:
    """Whether a sentence ends between two words."""
    text = segments[word.segment].text
    after = segments[following.segment].text
    if word.segment == following.segment:
        between = text[word.end : following.start]
    else:
        if segments[word.segment].speaker != segments[following.segment].speaker:
            return True
        between = text[word.end :] + " "
    stopped = re.search(r"[.!?\u2026][\"')\]]*\s", between.translate(_STRAIGHT))
    return stopped is not None and not after[following.start].islower()


# ---------------------------------------------------------------------------------------------------------------------
# The rules


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """The first rule that a text breaks, and what broke it."""

    rule: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A text with everything that it may rest on, with straight quotation marks throughout.

    Attributes:
        text: What a reader would read.
        quote: The words it rests on, as spoken.
        context: The whole sentences that the quote is part of.
        passage: All that was said around it, and that a model was shown.
        known: What is known of the episode besides its words: titles, persons, speakers, notes.
        names: Names that the model says the text holds.
    """

    text: str
    quote: str
    context: str
    passage: str
    known: str = ""
    names: tuple[str, ...] = ()

    @cached_property
    def told(self) -> str:
        """The text outside quotation marks: words inside them are somebody's own."""
        return _QUOTED.sub(" ", self.text)


_Rule = Callable[[Claim], str | None]

_QUOTED = re.compile(r"\"[^\"]{0,400}\"")


def refusal(
    text: str,
    *,
    kind: Kind = "insight",
    quote: Located,
    passage: str,
    episode: Episode,
    speakers: Iterable[str] = (),
    names: Sequence[str] = (),
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
    """
    notes = " ".join(episode.description[:NOTES_CHARACTERS].split())
    known = " | ".join((episode.show_title, episode.title, notes, *episode.persons, *speakers))
    claim = Claim(
        text=text.translate(_STRAIGHT),
        quote=quote.text.translate(_STRAIGHT),
        context=quote.context.translate(_STRAIGHT),
        passage=passage.translate(_STRAIGHT),
        known=known.translate(_STRAIGHT),
        names=tuple(name.translate(_STRAIGHT) for name in names),
    )
    for name, rule in RULES[kind].items():
        detail = rule(claim)
        if detail is not None:
            return Refusal(rule=name, detail=detail)
    return None


# Style: DESIGN §1


def _length(claim: Claim) -> str | None:
    words = word_count(claim.text)
    return None if TEXT_WORDS[0] <= words <= TEXT_WORDS[1] else f"{words} words"


def _sentence_count(claim: Claim) -> str | None:
    count = len(sentences(claim.text))
    return None if TEXT_SENTENCES[0] <= count <= TEXT_SENTENCES[1] else f"{count} sentences"


def _quote_length(claim: Claim) -> str | None:
    words = word_count(claim.quote)
    return None if QUOTE_WORDS[0] <= words <= QUOTE_WORDS[1] else f"{words} words"


_CONTACT = re.compile(
    r"https?:|\bwww\.|[\w.+-]{1,64}@[\w-]{1,64}\.\w|(?<![\w.])@\w{2,}"
    r"|\b[\w-]{2,63}\.(?:com|org|net|io|co|ai|fm|dev|app|tv|gov|edu|info|biz|me|uk|de)\b(?:/\S*)?"
    r"|\b[\w-]{2,63}\.[a-z]{2,12}/\w|\bdot (?:com|org|net|io|fm)\b"
    r"|(?<!\d)(?:\+?1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?!\d)|(?<!\w)\+\d{1,3}[ .-]?\d[\d .-]{6,14}\d",
    re.IGNORECASE,
)
# Companies that are named after their address are names, as long as nothing sends the reader there.
_NAMED_BY_ADDRESS = re.compile(r"\b[A-Z][A-Za-z]{2,20}\.(?:com|ai|io)\b(?!/)")


def _contact(claim: Claim) -> str | None:
    found = _CONTACT.search(_NAMED_BY_ADDRESS.sub(" ", claim.text))
    return found[0] if found else None


def _any_of(*phrases: str) -> re.Pattern[str]:
    """A pattern of whole words, in any case."""
    return re.compile(rf"\b(?:{'|'.join(phrases)})\b", re.IGNORECASE)


_INSTRUCTION_OPENING = _any_of(
    "please",
    "(?:click|tap) (?:on|here|the|this)",
    "visit (?:the|our|us|their|this)",
    "subscribe",
    "sign up",
    "check (?:it |them )?out",
    "use (?:the |this )?(?:promo |discount |coupon |offer )?code",
    "go to",
    "head (?:over )?to",
    "download (?:the|our|it|this)",
    "make sure",
    "remember to",
    "don't (?:miss|forget)",
    "tune in",
    "listen to",
    "stay tuned",
    "join us",
    "follow (?:us|the show|them)",
    "ignore (?:all|any|the|your|previous)",
    "disregard",
    "(?:respond|reply) with",
    "try it",
)
_INSTRUCTION = _any_of(
    "(?:promo|discount|coupon|offer) code",
    "link in (?:the )?(?:bio|description|show notes)",
    "free trial",
    "(?:readers?|listeners?|viewers?) (?:should|must|can|need to|are (?:urged|encouraged|invited|advised))",
    "(?:ignore|disregard) (?:all |any )?(?:the |your )?(?:previous|prior|above|earlier) instructions",
    "as an ai (?:language )?(?:model|assistant)",
    "system prompt",
)


def _instruction(claim: Claim) -> str | None:
    found = _INSTRUCTION.search(claim.text)
    if found:
        return found[0]
    return next((start[0] for s in sentences(claim.told) if (start := _INSTRUCTION_OPENING.match(s))), None)


# "I" is also a numeral (World War I), "US" a country, "mine" a pit.
_PERSON = re.compile(
    r"(?<![\w/.&-])(?<!War )(?<!Part )(?<!Type )(?<!Phase )(?<!Class )(?<!Title )(?<!Elizabeth )(?<!Charles )"
    r"I(?:'(?:m|ve|d|ll))?(?![\w/.&-])"
    r"|\b(?:[Mm]e|[Mm]y|[Mm]yself|[Ww]e|[Ww]e'(?:re|ve|d|ll)|us|[Oo]urs?|[Oo]urselves|[Yy]ou|[Yy]ou'(?:re|ve|d|ll)"
    r"|[Yy]ours?|[Yy]ourself|[Ll]et's)\b"
)


def _person(claim: Claim) -> str | None:
    found = _PERSON.search(claim.told)
    return found[0] if found else None


_TELLS = (
    "(?:says?|said|argues?|argued|notes?|noted|explains?|explained|discuss(?:es|ed)?|mentions?|mentioned|talks?|talked"
    "|describes?|described|thinks?|believes?|suggests?|suggested|claims?|claimed|points? out|recalls?|adds?|added|is"
    "|are|asks?|asked|tells?|told|shares?|shared|emphasi[sz]es?|stresses|highlights?|compares?|agrees?)"
)
_VOICE = "(?:co-?)?(?:hosts?|guests?|speakers?|participants?|interviewe[re]s?|podcasters?|narrators?|presenters?)"
_NARRATION = _any_of(
    f"(?:the|an? (?:unnamed )?|one|another) {_VOICE} {_TELLS}",
    "(?:this|in the|in an?|during the|of the|the current) (?:episode|podcast|interview|segment|passage|transcript)",
    "(?:the|this) (?:episode|podcast|transcript|passage|excerpt|conversation|discussion)"
    " (?:discusses|explores|covers|says|describes|mentions|notes|turns to|highlights|centers on|focuses on)",
)


def _narration(claim: Claim) -> str | None:
    found = _NARRATION.search(claim.told)
    return found[0] if found else None


def _question(claim: Claim) -> str | None:
    return "?" if "?" in claim.told else None


_DANGLING = re.compile(
    r"(?:it|its|they|their|theirs|he|she|him|his|her|hers|them|this|these|such|here|there|that"
    r"|those(?! (?:who|that|with|whose))|the (?:former|latter|same|other|others)|another|and|but|so|or|yet|also|then"
    r"|therefore|thus|hence|instead|however|moreover|furthermore|additionally|meanwhile|otherwise|because of this"
    r"|similarly|likewise|as (?:mentioned|discussed|noted))(?:'(?:s|re|ll|d|ve))?(?![\w'-])",
    re.IGNORECASE,
)
_PERSONAL = re.compile(r"(?:he|she|his|her)(?:'s)?\b", re.IGNORECASE)


def _opening(claim: Claim) -> str | None:
    opened = claim.text.lstrip("\"'(")
    found = _DANGLING.match(opened)
    # "There is a lake in …" points nowhere else; "There, prices rose" does.
    if found and not re.match(r"there (?:is|are|was|were|has|have|will|may|exists?)\b", opened, re.IGNORECASE):
        return found[0]
    told = sentences(claim.text)
    for index, sentence in enumerate(told[1:], start=1):
        pronoun = _PERSONAL.match(sentence)
        if pronoun and not _capitalised_words(" ".join(told[:index])):
            return pronoun[0]
    return None


# Numbers


def _number(claim: Claim) -> str | None:
    said: dict[Decimal, set[str]] = {}
    spoken = numbers_in(claim.passage, implied=True)
    for number in spoken:
        for value in number.values:
            said.setdefault(value, set()).update(number.units)
    if "percent" in said.get(Decimal(50), ()):
        said.setdefault(Decimal("0.5"), set()).add("")
    if Decimal("0.5") in said:
        said.setdefault(Decimal(50), set()).add("percent")
    for number in numbers_in(claim.text, implied=False):
        units = set().union(*(said.get(value, set()) for value in number.values))
        # "One" is a pronoun more often than a number.
        if not _units_agree(number.units, units) and (number.values != {Decimal(1)} or "percent" in number.units):
            return number.written
        others = [said.written for said in spoken if said.counted and said.counted == number.counted]
        if others and not any(n.values & number.values for n in spoken if n.counted == number.counted):
            return f"{number.written} {number.counted}, not {others[0]}"
    heard, told = _words_of(claim.passage), _words_of(claim.text)
    vague = {plural for plural in told & _VAGUE_NUMBERS if not {plural, plural[:-1]} & heard}
    if vague:
        return min(vague)
    squashed = f"{_squash(claim.passage)} {_squash(claim.known)}"
    return next((code[0] for code in CODE.finditer(claim.text) if _squash(code[0]) not in squashed), None)


_VAGUE_NUMBERS = _listed("hundreds thousands millions billions trillions")


def _units_agree(wanted: Set[str], said: Set[str]) -> bool:
    """Speech drops "dollars", so a bare number supports a sum and the other way round; it never drops "percent"."""
    return bool(wanted & said) or ({*wanted, *said} == {"", "money"} and bool(said))


def _squash(text: str) -> str:
    """`text` as letters and digits only, so that "GPT four" and "GPT-4" are the same."""
    words = (match[0].lower() for match in re.finditer(r"[^\W\d_]+|\d+", text))
    return "".join(str(UNITS.get(word, word)) for word in words)


# Names

_CALENDAR = _listed(
    """monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
    september october november december"""
)
_ABBREVIATED = {
    "ai": ("artificial intelligence", "a i", "machine learning"),
    "us": ("united states", "america", "american", "americans", "u s", "washington"),
    "uk": ("united kingdom", "britain", "british", "england", "u k"),
    "eu": ("european union", "europe", "european", "e u"),
    "llm": ("language model", "language models"),
    "llms": ("language model", "language models"),
    "uns": ("united nations",),
}
_GENERIC = frozenset(
    ("ceo", "ceos", "cto", "cfo", "tv", "tvs", "pc", "pcs", "phd", "english", "internet", "earth", "web")
)
_TITLES = _listed("mr mrs ms dr prof professor president senator judge sir")
_DOES = _listed(
    """says said argues argued believes believed thinks founded acquired announced launched released raised hired fired
    sued owns owned built builds sells sold plans planned claims claimed warns warned predicts predicted
    invested invests makes made runs ran bought buys left joined published reported invented discovered"""
)


def _name(claim: Claim) -> str | None:
    heard = _words_of(claim.passage) | _words_of(claim.known)
    spoken = " ".join(_WORDS.findall(claim.passage.lower()))
    named = [*names_of(claim.text), *_openers(claim.text), *(n for n in claim.names if _mentions(claim.text, n))]
    for name in named:
        if any(_carries(word) and not _is_heard(word, heard, spoken) for word in _WORDS.findall(name)):
            return name
    for month in re.finditer(r"(?<=[a-z,] )([A-Z][a-z]+)\b", claim.told):
        if month[1].lower() in _CALENDAR and month[1].lower() not in heard:
            return month[1]
    return None


def _carries(word: str) -> bool:
    """Whether a word of a name needs support: joiners ("of") and titles don't, digits are the number rule's."""
    return not word.islower() and not any(c.isdigit() for c in word) and word.lower() not in _GENERIC | _TITLES


def _openers(text: str) -> Iterator[str]:
    """Words that open a sentence and act like a name: rare, and owning something or doing what people and firms do."""
    for sentence in sentences(text):
        words = sentence.split()
        first = re.sub(r"'s$", "", words[0].strip("\"'(,"))
        owns = words[0].endswith("'s")
        does = len(words) > 1 and fold(words[1]) in _DOES
        if (owns or does) and first[:1].isupper() and not first.endswith("s") and rarity(first.lower()) == 1:
            yield first


def _is_heard(name: str, heard: set[str], spoken: str) -> bool:
    """Whether a name's word was said: as it is, in a related form ("Ukrainian", "Ukraine"), or misheard by a letter."""
    word = re.sub(r"'s?$", "", name.lower())
    if word in heard or word + "s" in heard or word.removesuffix("s") in heard:
        return True
    if any(f" {phrase} " in f" {spoken} " for phrase in _ABBREVIATED.get(word, ())):
        return True
    if name.isupper() and 3 <= len(word) <= 6 and re.search(r"\b" + r"\w* ".join(word), spoken):
        # "FTC" for "Federal Trade Commission", or spelt out letter by letter.
        return True
    return any(_related(word, other) for other in heard if other[:1] == word[:1])


def _related(word: str, other: str) -> bool:
    short, long = sorted((word, other), key=len)
    if len(short) >= 5 and long.startswith(short) and len(long) - len(short) <= 3:
        return True
    if _demonym(word) == _demonym(other) and len(_demonym(word)) >= 4:
        return True
    return len(short) >= 6 and abs(len(word) - len(other)) <= 1 and SequenceMatcher(None, word, other).ratio() >= 0.85


def _demonym(word: str) -> str:
    return re.sub(r"(?:ians?|ans?|ese|ish|ns|a|e|y)$", "", word)


def _mentions(text: str, name: str) -> bool:
    return bool(name.strip()) and name.lower() in text.lower()


def _capitalised_words(text: str) -> bool:
    return bool(names_of(text)) or any(
        word[:1].isupper() and not fold(word).endswith("s") and rarity(fold(word)) == 1 for word in text.split()
    )


# Polarity, hedges

_WORDS = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_CLAUSE = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[,.;:!?()\u2014]|--")
_BREAKS = frozenset(",.;:!?()\u2014") | _listed("-- but because although though while which who so when")
_NEGATORS = _listed(
    """not never cannot no nobody none nothing neither nor without hardly barely rarely seldom cant wont dont"""
)
_NOT_NEGATED_BY = frozenset(("only", "just", "merely", "simply", "doubt", "matter"))
_LIGHT = _listed(
    """think believe know mean say feel see want guess suppose necessarily actually really even ever always yet quite
    fully longer seem need going gonna able used thing things lot kind sort way make makes made take takes
    anything anyone something people time one"""
)
_NEGATIVE = _listed(
    """fail fails failed failing lack lacks lacked lacking unable impossible refuse refuses refused prevent prevents
    prevented avoid avoids avoided stop stops stopped instead rather unlikely few fewer little except deny denies denied
    absent absence missing nowhere only rejects rejected reject unless false wrong myth ban banned"""
)
_OPPOSITES = tuple(
    (frozenset(a.split()), frozenset(b.split()))
    for a, b in (
        ("increase increases increased increasing", "decrease decreases decreased decreasing reduce reduces reduced"),
        (
            "rise rises rose risen rising grew grow grows",
            "fall falls fell fallen falling shrank shrink shrinks decline declined",
        ),
        ("more", "less fewer"),
        ("higher highest", "lower lowest"),
        ("faster fastest", "slower slowest"),
        ("better best", "worse worst"),
        ("easier easiest", "harder hardest"),
        ("cheaper cheapest", "pricier costlier"),
        ("most", "least fewest"),
        ("win wins won", "lose loses lost"),
        ("gain gains gained", "loss losses"),
        ("strengthen strengthens strengthened", "weaken weakens weakened"),
        ("accelerate accelerates accelerated", "slow slows slowed"),
        ("safe safer", "unsafe dangerous"),
        ("success succeed succeeds succeeded", "failure fail fails failed"),
        ("legal", "illegal"),
        ("possible", "impossible"),
        ("likely", "unlikely"),
        ("before", "after"),
        ("bought buy buys", "sold sell sells"),
        ("oppose opposes opposed", "support supports supported"),
    )
)


def _stem(word: str) -> str:
    """A word without its regular ending; only ever compared with other stems."""
    word = re.sub(r"'.*$", "", word.lower())
    for ending, instead in (("ies", "y"), ("ied", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", ""), ("ly", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: -len(ending)] + instead
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiousl":
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def _words_of(text: str) -> set[str]:
    return {re.sub(r"'s?$", "", match[0].lower()) for match in _WORDS.finditer(text)}


def _is_negator(word: str) -> bool:
    return word in _NEGATORS or word.endswith("n't")


def _negated(sentence: str) -> list[str]:
    """For each negation in `sentence`, the stem of the first word of weight that it bears on."""
    words = [match[0].lower() for match in _CLAUSE.finditer(sentence)]
    stems = []
    for place, word in enumerate(words):
        if not _is_negator(word) or (place + 1 < len(words) and words[place + 1] in _NOT_NEGATED_BY):
            continue
        for following in words[place + 1 : place + 8]:
            if following in _BREAKS:
                break
            if following not in FUNCTION_WORDS and following not in _LIGHT and not _is_negator(following):
                stems.append(_stem(following))
                break
    return stems


def _uses(stem: str, text: str) -> list[bool]:
    """For every word of `text` with that stem, whether something around it is negative."""
    words = [match[0].lower() for match in _WORDS.finditer(text)]
    negative = [_is_negator(word) or word in _NEGATIVE or (word.startswith("un") and len(word) > 5) for word in words]
    return [
        any(negative[max(0, place - _NEGATED_AFTER) : place + _NEGATED_BEFORE])
        for place, word in enumerate(words)
        if _stem(word) == stem
    ]


_NEGATED_AFTER = 7
_NEGATED_BEFORE = 5


def _negation(claim: Claim) -> str | None:
    for sentence in sentences(claim.text):
        for stem in _negated(sentence):
            heard = _uses(stem, claim.passage)
            if heard and not any(heard):
                return f"“{stem}” is denied, and was not"
    denied = _negated(claim.quote)
    for stem in denied:
        if len(_uses(stem, claim.quote)) > denied.count(stem):
            continue
        told = _uses(stem, claim.text)
        if told and not any(told):
            return f"“{stem}” is affirmed, and was denied"
    return None


def _polarity(claim: Claim) -> str | None:
    told, heard, around = _affirmed(claim.text), _affirmed(claim.context), _words_of(claim.passage)
    for pair in _OPPOSITES:
        for one, other in (pair, pair[::-1]):
            if told & one and not told & other and heard & other and not around & one:
                return f"“{min(told & one)}” for “{min(heard & other)}”"
    return None


def _affirmed(text: str) -> set[str]:
    """The words of all clauses without a negation: "not better" says the opposite of "better"."""
    words: set[str] = set()
    for clause in re.split(r"[,.;:!?\u2014]\s|\b(?:and|but|while|because)\b", text):
        said = _words_of(clause) | {match[0].lower() for match in _WORDS.finditer(clause)}
        if not any(_is_negator(word) for word in said):
            words |= said
    return words


# "May" with a capital is a month, or opens a sentence; "might" and the rest hedge wherever they stand.
_DOUBT = re.compile(
    r"\bmay\b|(?i:\b(?:might|maybe|perhaps|probably|possibly|presumably|supposedly|allegedly|reportedly|rumou?red"
    r"|apparently|seems? to|seems like|appears? to|could be|could have|not sure|not certain|hypothetically)\b)"
)
_OPINION = re.compile(
    r"\bI (?:think|guess|believe|suspect|feel like|would guess|would say|imagine|suppose|bet)\b"
    r"|\bI'd (?:guess|say|bet)\b|\b[Ii]n my (?:opinion|view|experience)\b"
    r"|\b[Mm]y (?:guess|sense|hunch|theory|suspicion|feeling) is\b"
)
_DOUBT_KEPT = _any_of(
    "may|might|maybe|perhaps|probably|possibly|presumably|supposedly|allegedly|reportedly|rumou?red|apparently",
    "seem(?:s|ed)?|appear(?:s|ed)?|could|likely|unlikely|potential(?:ly)?|risks?|suggest(?:s|ed)?",
    "suspects?|suspected|speculates?|speculated|expects?|expected|guess(?:es|ed)?|estimates?|estimated",
    "predicts?|predicted|wonders?|uncertain|unclear|unsure|doubts?|chance|hypothetical(?:ly)?|not sure",
    "not certain|believes?|believed|thinks?|alleged|tends?|possib\\w+|hopes?|imagines?|theor\\w+",
)
_ATTRIBUTED = _any_of(
    "says?|said|argues?|argued|thinks?|thought|believes?|believed|suspects?|suspected|expects?|expected|contends?",
    "claims?|claimed|maintains?|views?|considers?|recommends?|advises?|warns?|warned|predicts?|predicted|estimates?",
    "according to|opinion|in \\w+(?:'s)? (?:view|experience)|calls?|called|describes?|described|sees?|suggests?",
    "finds?|found|told|tells|reports?|reported|proposes?|imagines?|holds|notes?|noted|guesses|guessed|puts? it",
    "compares?|recalls?|recalled|remembers?|explains?|explained|adds|added|points? out|observes?|reckons|writes|wrote",
)
_SOME = _listed("some many most often sometimes usually several mostly generally typically")
_ALL = _listed("all always every everyone everybody everything entirely completely guaranteed guarantees proves")


def _hedge(claim: Claim) -> str | None:
    doubt = _DOUBT.search(claim.context)
    if doubt and not _DOUBT_KEPT.search(claim.text):
        return f"“{doubt[0]}” is dropped"
    opinion = _OPINION.search(claim.context)
    if opinion and not (_ATTRIBUTED.search(claim.text) or _DOUBT_KEPT.search(claim.text)):
        return f"“{opinion[0]}” is neither kept nor attributed"
    told, heard = _words_of(claim.text), _words_of(claim.context)
    if told & _ALL and heard & _SOME and not told & _SOME and not (heard | _words_of(claim.passage)) & (told & _ALL):
        return f"“{min(told & _ALL)}” for “{min(heard & _SOME)}”"
    return None


# Who did what to whom

_REACH = 6


@dataclass(frozen=True, slots=True)
class _Deed:
    who: str
    stem: str
    whom: str


def _roles(claim: Claim) -> str | None:
    names = _role_names(claim)
    told = _deeds(claim.text, names)
    if not told:
        return None
    heard = _deeds(claim.context, names) | _deeds(claim.passage, names)
    spoken = _words_of(claim.passage)
    for deed in sorted(told, key=lambda d: (d.who, d.stem, d.whom)):
        if deed in heard:
            continue
        turned = _Deed(deed.whom, deed.stem, deed.who)
        if turned in heard:
            return f"{turned.who} {deed.stem}… {turned.whom}, not the other way round"
        # A name that nobody spoke is another form of one ("FTC"), or the name rule has refused it.
        others = {h.who for h in heard if (h.stem, h.whom) == (deed.stem, deed.whom)}
        if others and deed.who in spoken:
            return f"{min(others)}, not {deed.who}, {deed.stem}… {deed.whom}"
    return None


def _role_names(claim: Claim) -> set[str]:
    """The last words of all names in play, in lower case: "musk" for "Elon Musk"."""
    found = set()
    for name in (*names_of(claim.text), *claim.names, *names_of(claim.passage), *_openers(claim.text)):
        words = [word for word in _WORDS.findall(re.sub(r"'s?\b", "", name)) if word[:1].isupper()]
        if words and fold(words[-1]) not in FUNCTION_WORDS:
            found.add(fold(words[-1]))
    # A word that is said as a plain word too is no safe name.
    return {name for name in found if rarity(name) > 0.5 or len(name) > 3}


def _deeds(text: str, names: set[str]) -> set[_Deed]:
    """(name, verb, name) for every two names of one clause with a word of weight between; passives are turned round."""
    found = set()
    for clause in re.split(r"[.;:!?]\s|\u2014|--", text):
        words = [re.sub(r"'s?$", "", match[0].lower()) for match in _WORDS.finditer(clause)]
        at = [place for place, word in enumerate(words) if word in names]
        for left, right in itertools.pairwise(at):
            between = words[left + 1 : right]
            if not between or len(between) > _REACH or words[left] == words[right] or {"and", "or"} & {*between[:1]}:
                continue
            passive = "by" in between and bool(
                {"was", "were", "is", "are", "been", "being", "be", "got"} & set(between)
            )
            who, whom = (words[right], words[left]) if passive else (words[left], words[right])
            for word in between:
                if word not in FUNCTION_WORDS and len(word) > 2:
                    found.add(_Deed(who, _stem(word), whom))
    return found


RULES: dict[Kind, dict[str, _Rule]] = {
    "insight": {
        "length": _length,
        "sentences": _sentence_count,
        "quote_length": _quote_length,
        "contact": _contact,
        "instruction": _instruction,
        "person": _person,
        "narration": _narration,
        "question": _question,
        "opening": _opening,
        "number": _number,
        "name": _name,
        "negation": _negation,
        "polarity": _polarity,
        "hedge": _hedge,
        "roles": _roles,
    },
    "excerpt": {"length": _length, "contact": _contact},
}
