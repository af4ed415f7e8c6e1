"""Pick excerpts without a model: a speaker's own words that stand alone and claim something, or nothing at all.

Belongs here: the gates that a window of sentences must pass, and the weights that rank what passes.
Doesn't: removing advertising (sponsors.py), topics (topics.py), writing in the third person, which takes a model (llm.py).

What podbrief calls an excerpt is in the design: 25 to 60 consecutive spoken words that a stranger understands. Nearly
everything that is said leans on what was said before, so the gates refuse almost all of it: a window must open with a
subject that needs no context, point at nothing outside itself, address nobody, and claim something specific.

The weights in `WEIGHTS` and the floors beside it are set by reading results, not fitted.
"""

# ruff: noqa: E501  (one pattern a line is what keeps the gates readable)

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from podbrief_assets.insights.candidates import Candidate, Episode
from podbrief_assets.insights.text import (
    FUNCTION_WORDS,
    fold,
    is_english,
    names_of,
    rarity,
    sentence_ends,
    time_at,
    vocabulary,
)
from podbrief_assets.transcripts.segment import Segment

EXTRACTOR_VERSION: Final = "extractive-1"

MIN_WORDS, MAX_WORDS = 25, 60
MAX_SENTENCES: Final = 4
MAX_EXCERPTS: Final = 3

WEIGHTS: Final = {
    "opening": 1.0,
    "centrality": 1.2,
    "specificity": 1.2,
    "claim": 1.2,
    "distance": 0.6,
    "lightness": 0.5,
}
FLOOR: Final = 3.4
MAX_OVERLAP: Final = 0.3  # shared share of rare words between two excerpts of an episode
MIN_GAP_S: Final = 45.0

# A first word that leans on what came before, or on being there.
_LEANING: Final = vocabulary(
    """
    it it's it'll it'd its this that that's that'll these those they they're they've they'll they'd their them he
    he's he'd he'll his him she she's she'd she'll her which who whose where there there's there'll here here's so
    and but because or then also plus although though however anyway anyways again otherwise similarly likewise
    therefore thus hence instead meanwhile whereas yet still now well yeah yes yep no nope nah right okay ok alright
    overall showing having oh ah um uh hmm hm mm-hmm wow hey hi hello sure exactly correct absolutely totally true
    fair cool nice great awesome interesting obviously basically literally actually honestly look listen see like
    maybe perhaps same such both neither either another other others not nor even just only too first firstly second
    secondly third thirdly next finally lastly last sorry please thank thanks what why how when's what's who's let
    let's me my we we're we've we'd we'll our us you your i i'm i've i'd i'll including especially particularly
    unlike apparently hopefully sometimes rather indeed welcome previously afterwards later earlier
    """
)
# "I think X does Y" is a claim by a named speaker once X is named.
_OPINION: Final = re.compile(
    r"^(?:I (?:think|believe|would argue|would say|suspect|find|found|learned|discovered)|In my (?:opinion|experience|view),?) ",
    re.I,
)
# Openings that join on to something, and lists that are read out.
_JOINING: Final = re.compile(
    r"^(?:in (?:other|addition|fact|terms|that|this|general|summary|short)|all (?:the way|of (?:this|that|it|them)|in all|right)|on top|at (?:that|the end|some|this|first|least)|"
    r"by (?:the way|that|this)|for (?:example|instance|me|sure|now)|as (?:well|a|i|an|such)|(?:number )?(?:one|two|three|four|five|six)(?:,| (?:is|was|of)\b)|number |after (?:that|this|reading)|the (?:first|second|third|fourth|last|next)(?: one)? (?:is|was)|"
    r"speaking|going|talking|moving|looking|coming|getting|trying|if (?:so|not|anything)|when (?:that|this|it)|kind|part)\b|\balso\b|\btoo[,.]|\bas well\b|\banother\b|\bother\b|\balready\b",
    re.I,
)
_WRITTEN: Final = re.compile(
    r"\b(?:linked|blog ?posts?|(?:the|an?|his|her|their|this) (?:\w+ )?(?:post|article|tweet|thread|slide|screenshot|image|chapter|essay|readme|link|page)|quote|writes|recap|shares (?:his|her|their)|gets? (?:a|one|two|no) points?|one point|guess(?:ed|es)?|correct definition|number (?:one|two|three|four|five|six)|headlines?)\b|\b\d{1,2}\.(?: |$)|:$",
    re.I,
)
_UNIQUE: Final = vocabulary(
    """
    world internet web government market future cloud past present industry public community economy us u.s uk u.k
    universe earth sun moon brain body police law media press ground sky planet country nation state government
    military army workforce environment climate weather middle beginning end rest majority minority same way most
    best worst more less fact number amount kind type cost price risk chance ability need idea first second third
    last next only main key same whole 1980s 1990s 2000s 80s 90s seventies eighties nineties united european bible
    browser kernel stack edge
    """
)
_AFTER_DEFINITE: Final = vocabulary("of that which who for between behind to from than where when in on with about")
_GENERIC: Final = vocabulary(
    """
    most many every all some few several people companies everyone everybody nobody anyone a an one two three four
    five half developers engineers programmers teams businesses customers users organizations researchers scientists
    founders startups startup humans computers machines models languages women men children students parents
    governments more less fewer any each when if while since after before during in at by for with without as once
    """
)
# After "when", "if", "in" the subject comes later: it must not be one that leans.
_LEADING: Final = vocabulary("when if while since after before during in at by for with without as once on from of to")
_LEANING_INSIDE: Final = vocabulary(
    "it it's they they're he he's she she's this these those that's there's we we're we've they've them him"
)

_PERSONAL: Final = vocabulary("he he's she she's him his her")
_POSSESSIVES: Final = vocabulary("its their his her")
_DEMONSTRATIVES: Final = vocabulary("this these that that's")
_ANSWERING: Final = vocabulary("he she he's she's his her there here i i'm well yeah right no yes exactly okay because")
_TELLING: Final = vocabulary("of best biggest most main only average first")

_SUBORDINATING: Final = vocabulary("that which who whom when because if while where unless until")
_RELATIVE: Final = vocabulary("who that which")
_SECOND_PERSON: Final = vocabulary("you you're you've you'd you'll your yours yourself yourselves y'all ya")
_FIRST_PLURAL: Final = vocabulary("we we're we've we'd we'll our ours us ourselves let's")
_FIRST: Final = vocabulary("i i'm i've i'd i'll me my mine myself")
_POINTING: Final = re.compile(
    r"\b(?:(?:this|these|those) (?!(?:is|was|year|month|week|century|decade)\b)[a-z]+|that (?:one|thing|kind|sort|point|part|way|time|case|idea|stuff|project|situation)"
    r"|(?:like|about|of|for|with|on|in|into|over|after|before|since|from|to|at|by|do|did|does|doing|done|said|say|all|just|not|is|was) (?:this|that|these|those)(?=[,.;:!])"
    r"|that's|(?:and|but|so|because|if|when|where|think|know|believe|say) (?:this|that) (?:is|was|has|will|would|could|can|does)"
    r"|the (?:former|latter|above|same|other|thing|one|ones|stuff|first one|second one|whole thing|other thing|other side|guy|guys|question|answer|point)\b"
    r"|(?:over|right|out|up|down|in|from) (?:here|there)|here|(?:for|as an) example|for instance|any of that|all of that|(?:the|that) same|by that|in that|for that|to that|of that|as (?:i|we) said|mentioned|(?:earlier|before|previously|just) (?:said|talked|discussed|mentioned)|such (?:a|an|things?)|this|these|those)\b",
    re.I,
)
_POINTING_LATER: Final = re.compile(
    r"\b(?:those|these|here|over there|(?:the|that) same|any of that|all of that|this (?:one|kind|guy|project|thing|task|case|point|stuff|way|show)|the (?:former|latter|other|thing|guy)|for example|for instance)\b"
    r"|\b(?:use|do|does|did|doing|like|about|for|with|of|in|on|to|at|by|as|all|just|see|get|is|was) (?:this|that|these|those)[,.;:!]",
    re.I,
)
_FILLER: Final = re.compile(
    r"\b(?:um|uh|uhm|er|hmm|you know|i mean|kind of|sort of|kinda|sorta|or whatever|and whatnot|or something|and stuff|and things like|blah|stuff like|and so on|et cetera|etc|right\?|okay\?|gonna|gotta|wanna|ain't|dude|man,|shit|fuck\w*|yeah|haha|lol|laughter|unintelligible|inaudible|laughs|crosstalk|i guess|i don't know|i forget|i'm not sure|stuff|whatever|somehow)\b"
    r"|(?:^|[,.;] )like,|, like\b|\blike, |\bwas like\b|\b(?:i'm|he's|she's|they're|it's) like\b|\[|\]|\bwell, |, right\b|, yeah|, so, |, man\b|, actually,|, basically,",
    re.I,
)
_TRAILING: Final = re.compile(r"\.\.\.|…|--|—| \u2013 |\.\.|^>|[>*#_|]|^- ")
_SHOW_TALK: Final = re.compile(
    r"\b(?:this|today's|last|next|previous|another|every|each|our|an?|the) (?:episode|show|podcast|series|conversation|interview|segment|newsletter|discussion|chat)s?\b"
    r"|\b(?:welcome|on the pod|podcasts?|our guests?|my guest|guest|listeners?|listening|tuning|tune in|audience|viewers|co-?hosts?|host|subscribe|patreon|sponsor\w*|show ?notes|stay tuned|"
    r"thanks?|thank you|appreciate|hello|good (?:morning|afternoon|evening)|my name is|i'm [A-Z]\w+ [A-Z]\w+|joined by|joining (?:us|me)|pleasure|excited|shout-?out|congrat\w*|happy to|glad|bye|cheers|link in|check (?:it )?out|head to|transcript\w*)\b",
    re.I,
)
_TIED_TO_DAY: Final = re.compile(
    r"\b(?:yesterday|tomorrow|today|tonight|last (?:night|week|month)|next (?:week|month)|this (?:morning|week|month|year)|last year|next year|(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)|a (?:few|couple)(?: of)? (?:days|weeks|months) ago|right now|just now|recently|currently)\b",
    re.I,
)

_CLAIMS: Final = {
    "cause": re.compile(r"\b(?:because|therefore|leads? to|led to|caus(?:e|es|ed|ing)|so that|due to|as a result|results? in|means that|which means|that's why|which is why|thanks to|makes? it (?:easier|harder|possible|impossible|hard|easy)|depends? on|in order to|allows?|enables?|prevents?|forces?|drives?|reduces?|increases?|improves?)\b", re.I),
    "contrast": re.compile(r"\b(?:but|however|although|even though|whereas|instead of|rather than|unlike|despite|in spite of|compared (?:to|with)|as opposed to|on the other hand|not just|not only|isn't|aren't|doesn't|don't|never|no longer|without|unless|except|versus|only|yet)\b", re.I),
    "quantity": re.compile(r"(?:\b\d[\d,.]*\b|\$\d|%|\b(?:percent|million|billion|trillion|thousands?|hundreds?|half|twice|double[ds]?|triple[ds]?|a third|two thirds|a quarter|majority|minority|times (?:as|more|faster|bigger|larger))\b)", re.I),
    "generalisation": re.compile(r"\b(?:most|always|never|every|everyone|everybody|nobody|no one|typically|usually|in general|generally|tends? to|often|rarely|all of|almost all|all|any|only way|whenever|the (?:more|less|better|best|worst|biggest|hardest|easiest|largest|key|main|real|only|fastest|first))\b", re.I),
    "comparison": re.compile(r"\b(?:more|less|fewer|better|worse|faster|slower|cheaper|bigger|larger|smaller|higher|lower|harder|easier|stronger|simpler|older|younger) (?:\w+ ){0,2}than\b|\bas \w+ as\b", re.I),
    "finding": re.compile(r"\b(?:study|studies|research|researchers?|survey|data|evidence|found that|showed|shows? that|discovered|turns out|proved|measured|experiment)\b", re.I),
}  # fmt: skip
_STRONG_CLAIMS: Final = frozenset(("cause", "comparison", "quantity", "finding"))

# Not every word in -ed or -s is a verb of the main clause; what stands in an excerpt must surely have one.
_FINITE: Final = re.compile(
    r"\b(?:is|are|was|were|has|have|had|does|do|did|can|could|will|would|should|must|may|might|cannot|isn't|aren't|wasn't|doesn't|don't|didn't|can't|won't|"
    r"needs?|makes?|made|gets?|got|takes?|took|gives?|gave|uses|means?|becomes?|became|works|runs|ran|wants?|allows?|requires?|costs?|comes|came|goes|went|"
    r"says|said|think|thinks|see|sees|know|knows|tends?|ends? up|started|built|created|launched|released|found|spends?|lives?|grew|grows|keeps?|kept|pays?|paid|"
    r"buys?|bought|sold|wrote|won|lost|began|hired|acquired|announced|retired|compares|proves|fails|offers|provides|turned|moved|increases?|reduces?|helps?)\b"
)


@dataclass(frozen=True, slots=True)
class _Sentence:
    words: tuple[str, ...]
    folded: tuple[str, ...]
    start_s: float
    end_s: float
    ends_at_once: bool  # nothing but a pause or a turn stands between it and the next one
    usable: bool  # it may be part of an excerpt at all
    opens: float  # how well it opens one, 0 where it can't


@dataclass(frozen=True)
class _Turn:
    speaker: str | None
    timed: bool
    known: frozenset[str]
    sentences: tuple[_Sentence, ...]


@dataclass(frozen=True)
class _Window:
    turn: _Turn
    sentences: tuple[_Sentence, ...]

    @cached_property
    def words(self) -> tuple[str, ...]:
        return tuple(word for sentence in self.sentences for word in sentence.words)

    @cached_property
    def folded(self) -> tuple[str, ...]:
        return tuple(word for sentence in self.sentences for word in sentence.folded)

    @cached_property
    def text(self) -> str:
        return " ".join(self.words)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return names_of(self.text, self.turn.known)

    @cached_property
    def rare(self) -> frozenset[str]:
        return frozenset(word for word in self.folded if len(word) > 3 and word.isalpha() and rarity(word) >= 0.85)

    @cached_property
    def numbers(self) -> int:
        return sum(any(char.isdigit() for char in word) for word in self.folded)

    @property
    def start_s(self) -> float:
        return self.sentences[0].start_s

    @property
    def end_s(self) -> float:
        return self.sentences[-1].end_s


def extract(episode: Episode, segments: Sequence[Segment]) -> list[Candidate]:
    """Up to three excerpts of an episode, the best first; none where nothing stands alone, or it is not in English.

    Args:
        episode: Where the words come from.
        segments: The transcript, best without its advertising (`passages.content`).
    """
    if episode.language and not episode.language.lower().startswith("en"):
        return []
    words = [word for segment in segments for word in segment.text.split()]
    if not is_english(words):
        return []
    show = frozenset(fold(word) for word in episode.show_title.split()) - FUNCTION_WORDS
    known = _known_names(segments)
    turns = _turns(segments, known)
    prominence = _prominence([fold(word) for word in words])
    scored: list[tuple[float, float, _Window]] = []
    for turn in turns:
        for window in _windows(turn):
            if _refusal(window, show):
                continue
            centrality = prominence.of(window.folded)
            score = _score(window, centrality)
            if score >= FLOOR:
                scored.append((score, centrality, window))
    chosen: list[tuple[float, _Window]] = []
    for _, centrality, window in sorted(scored, key=lambda entry: (-entry[0], entry[2].start_s)):
        if len(chosen) < MAX_EXCERPTS and all(_apart(window, other) for _, other in chosen):
            chosen.append((centrality, window))
    return [_candidate(episode, window, centrality) for centrality, window in chosen]


def _known_names(segments: Sequence[Segment]) -> frozenset[str]:
    """Words, folded, that the transcript capitalises inside sentences, and hardly ever writes otherwise."""
    upper: Counter[str] = Counter()
    lower: Counter[str] = Counter()
    for segment in segments:
        words = segment.text.split()
        starts = {0, *sentence_ends(words)}
        for index, word in enumerate(words):
            bare = word.lstrip("\"'“\u2018([")
            if index in starts or not bare:
                continue
            (upper if bare[0].isupper() else lower)[fold(word).removesuffix("'s")] += 1
    return frozenset(
        word
        for word, count in upper.items()
        if count > 2 * lower[word] and word not in FUNCTION_WORDS and word not in _LEANING
    )


def _turns(segments: Sequence[Segment], known: frozenset[str]) -> list[_Turn]:
    """Runs of one speaker's segments, as sentences; a sentence may span the segments of a run."""
    turns: list[_Turn] = []
    run: list[Segment] = []
    for segment in [*segments, None]:
        if segment is not None and (not run or (segment.speaker == run[-1].speaker and _follows(run[-1], segment))):
            run.append(segment)
            continue
        if run:
            turns.append(_Turn(run[0].speaker, all(s.timed for s in run), known, tuple(_sentences(run, known))))
        run = [segment] if segment is not None else []
    return turns


def _follows(before: Segment, after: Segment) -> bool:
    """Whether no more than a breath lies between two segments; where advertising was cut out, more does."""
    return -1.0 <= after.start_s - before.end_s <= 6.0


def _sentences(run: Sequence[Segment], known: frozenset[str]) -> Iterator[_Sentence]:
    words: list[str] = []
    starts: list[float] = []
    ends: list[float] = []
    closes: set[int] = set()
    for segment in run:
        spoken = segment.text.split()
        for index, word in enumerate(spoken):
            words.append(word)
            starts.append(time_at(segment.start_s, segment.end_s, index, len(spoken)))
            ends.append(time_at(segment.start_s, segment.end_s, index + 1, len(spoken)))
        closes.add(len(words))
    first = 0
    for end in sentence_ends(words):
        chunk = tuple(words[first:end])
        folded = tuple(fold(word) for word in chunk)
        usable = len(chunk) <= MAX_WORDS and _usable(chunk, folded)
        yield _Sentence(
            words=chunk,
            folded=folded,
            start_s=starts[first],
            end_s=ends[end - 1],
            ends_at_once=end not in closes,
            usable=usable,
            opens=_opening(chunk, folded, known) if usable else 0.0,
        )
        first = end


def _usable(words: Sequence[str], folded: Sequence[str]) -> bool:
    """Whether a sentence may stand in an excerpt at any place."""
    text = " ".join(words).replace("\u2019", "'")
    if len(words) < 4 or words[-1].rstrip("\"'”\u2019)")[-1:] not in {".", "!"}:
        return False
    if not text.lstrip("\"'“\u2018(")[:1].isupper() and not text[:1].isdigit():
        return False
    if "?" in text or text.count('"') % 2 or _TRAILING.search(text):
        return False
    if not _SECOND_PERSON.isdisjoint(folded) or not _FIRST_PLURAL.isdisjoint(folded):
        return False
    if _FILLER.search(text) or _SHOW_TALK.search(text) or _stutters(folded):
        return False
    return _has_main_verb(text, folded)


def _stutters(folded: Sequence[str]) -> bool:
    return any(one == other and one not in {"that", "had"} for one, other in itertools.pairwise(folded))


def _opening(words: Sequence[str], folded: Sequence[str], known: frozenset[str]) -> float:
    """How well a stranger can begin with a sentence, in [0, 1]: a name 1, a kind of thing somewhat less, else 0."""
    text = " ".join(words)
    weight = 1.0
    if opinion := _OPINION.match(text):
        # The speaker's own stance is allowed in front, nothing else of the first person.
        skipped = len(opinion[0].split())
        skipped += skipped < len(folded) and folded[skipped] == "that"
        words, folded = words[skipped:], folded[skipped:]
        weight = 0.7
    if len(words) < 5 or _leans(text, folded) or _refers_back(folded, known):
        return 0.0
    return weight * _subject(folded, known)


def _leans(text: str, folded: Sequence[str]) -> bool:
    """Whether an opening sentence joins on to something, points at something, or is no whole sentence."""
    return (
        text[:1] in '("\u201c['
        or " - " in text
        or folded[0] in _LEANING
        or bool(_JOINING.search(text))
        or bool(_POINTING.search(text.replace("\u2019", "'")))
        or (folded[0] in _LEADING and not _LEANING_INSIDE.isdisjoint(folded[:8]))
    )


def _has_main_verb(text: str, folded: Sequence[str]) -> bool:
    """Whether a verb is surely the sentence's own: "People who …", "Waiting for a team that …" are only a subject yet."""
    verbs = list(itertools.islice(_FINITE.finditer(text), 2))
    if not _RELATIVE.isdisjoint(folded[1:3]):
        return len(verbs) == 2
    if not verbs:
        return False
    before = {fold(word) for word in text[: verbs[0].start()].split()}
    return folded[0] in _LEADING or before.isdisjoint(_SUBORDINATING)


def _refers_back(folded: Sequence[str], known: frozenset[str]) -> bool:
    """Whether the first pronoun has nothing before it in its sentence that it could mean."""
    for index, word in enumerate(folded):
        if word in _LEANING_INSIDE or word in _POSSESSIVES:
            return (index < 4 or word in _PERSONAL) and known.isdisjoint(folded[:index])
    return False


def _subject(folded: Sequence[str], known: frozenset[str]) -> float:
    """How surely the first words name what the sentence is about."""
    first = folded[0]
    named = any(word.removesuffix("'s") in known for word in folded[:4])
    if first == "the":
        # "The cost of X", "the best X": such a phrase says itself which one is meant.
        return 0.9 if named else 0.6 if not _TELLING.isdisjoint(folded[1:5]) else 0.0
    if named:
        return 1.0
    plural = first.endswith("s") and first not in FUNCTION_WORDS and not first.endswith(("ss", "'s"))
    if plural or first in _GENERIC or (first.endswith("ing") and len(first) > 5):
        return 0.8
    return 0.7 if rarity(first) >= 0.75 and not first.endswith("ly") else 0.0


def _windows(turn: _Turn) -> Iterator[_Window]:
    for first, opener in enumerate(turn.sentences):
        if not opener.opens:
            continue
        words = 0
        for last in range(first, min(first + MAX_SENTENCES, len(turn.sentences))):
            sentence = turn.sentences[last]
            words += len(sentence.words)
            if not sentence.usable or words > MAX_WORDS:
                break
            if words >= MIN_WORDS:
                yield _Window(turn, turn.sentences[first : last + 1])


def _refusal(window: _Window, show: frozenset[str]) -> str | None:
    """The first rule that a window breaks, None where it breaks none."""
    text = window.text.replace("\u2019", "'")
    later = [" ".join(sentence.words).replace("\u2019", "'") for sentence in window.sentences[1:]]
    first_person = sum(word in _FIRST for word in window.folded)
    claims = _claims(window.text)
    rules = (
        ("tied to a day", lambda: _TIED_TO_DAY.search(text)),
        ("about the speaker", lambda: first_person > bool(window.turn.speaker and _OPINION.match(text))),
        ("about a text at hand", lambda: _WRITTEN.search(text)),
        ("about the show", lambda: show and show <= set(window.folded)),
        ("no claim", lambda: not claims & _STRONG_CLAIMS and len(claims) < 2),
        ("nothing specific", lambda: len(window.names) + len(window.rare) + window.numbers < 3),
        ("points outside", lambda: any(_POINTING_LATER.search(sentence) for sentence in later)),
        ("joins on", lambda: any(sentence.folded[0] in _ANSWERING for sentence in window.sentences[1:])),
        ("joins on", lambda: any(sentence.folded[0] in _DEMONSTRATIVES for sentence in window.sentences[2:])),
        ("points outside", lambda: _dangling_definites(window)),
        # Where nobody says who speaks, a short sentence is often somebody else's.
        ("two voices", lambda: not window.turn.speaker and min(len(s.words) for s in window.sentences) < 6),
    )
    return next((name for name, broken in rules if broken()), None)


def _claims(text: str) -> set[str]:
    return {name for name, pattern in _CLAIMS.items() if pattern.search(text)}


def _dangling_definites(window: _Window) -> bool:
    """Whether "the such-and-such" stands in the first sentence, or twice later, with nothing that says which one.

    A name in it, a superlative, words after it that tell it apart ("the cost of …", "the people who …"), an earlier
    mention, or there being only one of it in the world settle which one is meant.
    """
    seen: set[str] = set()
    dangling = 0
    for number, sentence in enumerate(window.sentences):
        for index, word in enumerate(sentence.folded):
            if word == "the":
                phrase: list[str] = []
                at = index + 1
                while at < len(sentence.folded) and len(phrase) < 4 and sentence.folded[at] not in FUNCTION_WORDS:
                    phrase.append(sentence.folded[at])
                    at += 1
                    if not sentence.words[at - 1][-1:].isalnum():
                        break
                else:
                    if at < len(sentence.folded) and (sentence.folded[at] in _AFTER_DEFINITE or not phrase):
                        continue
                settled = (
                    not phrase
                    or not _UNIQUE.isdisjoint(phrase)
                    or any(part in seen or part.endswith("est") for part in phrase)
                    or any(w.lstrip("\"'“(")[:1].isupper() or w[:1].isdigit() for w in sentence.words[index + 1 : at])
                )
                if not settled:
                    dangling += 2 if number == 0 else 1
            if word not in FUNCTION_WORDS and len(word) > 2:
                seen.add(word)
    return dangling >= 2


def _score(window: _Window, centrality: float) -> float:
    names = len(window.names)
    specificity = min(1.0, 0.2 * min(names, 3) + 0.15 * min(window.numbers, 2) + 0.12 * min(len(window.rare), 4))
    claims = _claims(window.text)
    claim = min(1.0, 0.3 * len(claims & _STRONG_CLAIMS) + 0.15 * len(claims))
    pronouns = sum(word in _LEANING_INSIDE or word in _FIRST for word in window.folded)
    definite = sum(
        1
        for word, following in zip(window.folded, window.folded[1:], strict=False)
        if word == "the" and following not in _GENERIC
    )
    # How little of it reaches outside: pronouns and "the such-and-such" are what a stranger trips over.
    distance = max(0.0, 1.0 - 0.18 * pronouns - 0.12 * max(0, definite - 1))
    lightness = 1.0 if 28 <= len(window.words) <= 52 else 0.5
    return (
        WEIGHTS["opening"] * window.sentences[0].opens
        + WEIGHTS["centrality"] * centrality
        + WEIGHTS["specificity"] * specificity
        + WEIGHTS["claim"] * claim
        + WEIGHTS["distance"] * distance
        + WEIGHTS["lightness"] * lightness
    )


class _Prominence:
    """How close a few words are to an episode's: the cosine of their TF-IDF vectors, raised to be comparable in [0, 1]."""

    def __init__(self, weights: dict[str, float]) -> None:
        self._weights = weights
        self._length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0

    def of(self, folded: Sequence[str]) -> float:
        counts = Counter(word for word in folded if word in self._weights)
        if not counts:
            return 0.0
        mine = {word: (1 + math.log(count)) * rarity(word) for word, count in counts.items()}
        length = math.sqrt(sum(weight * weight for weight in mine.values())) or 1.0
        cosine = sum(weight * self._weights[word] for word, weight in mine.items()) / (length * self._length)
        # The square root spreads what a few dozen words can reach against thousands, about 0.05 to 0.5.
        return min(1.0, math.sqrt(max(0.0, cosine)))


def _prominence(folded: Sequence[str]) -> _Prominence:
    counts = Counter(word for word in folded if len(word) > 2 and word not in FUNCTION_WORDS)
    return _Prominence({word: (1 + math.log(count)) * rarity(word) for word, count in counts.items()})


def _apart(one: _Window, other: _Window) -> bool:
    """Whether two excerpts say different things at different places."""
    if one.start_s < other.end_s + MIN_GAP_S and other.start_s < one.end_s + MIN_GAP_S:
        return False
    mine = {word for word in one.folded if word not in FUNCTION_WORDS}
    theirs = {word for word in other.folded if word not in FUNCTION_WORDS}
    return len(mine & theirs) <= MAX_OVERLAP * min(len(mine), len(theirs))


def _candidate(episode: Episode, window: _Window, centrality: float) -> Candidate:
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
    """Who says it where: "Speaker, Show: subject", as far as each is known; the subject is the title without number and show."""
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
