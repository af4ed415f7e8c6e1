"""Find what is advertising in a transcript: paid reads, spots for other shows, the show's own offers.

Belongs here: the signs of advertising, their weights, and how single sentences become stretches.
Doesn't: taking the stretches out (passages.py). No sign here knows the name of any sponsor or show.

Each sentence gets evidence from its wording, the addresses and codes in it, the brand that its surroundings advertise,
and whether it is repeated word for word elsewhere. A two-state path (programme, advertising) of the highest sum then
decides for all sentences together, since changing state costs something; what is left are stretches, and each must hold
at least one sign that no conversation has. The weights are log-odds by judgement, not fitted: `_EVIDENCE` is the only
place to change them.
"""

# ruff: noqa: E501  (one pattern a line is what keeps the table readable)

from __future__ import annotations

import html
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from podbrief_assets.insights.text import FUNCTION_WORDS, fold, rarity, sentence_ends, time_at, vocabulary
from podbrief_assets.transcripts.segment import Segment

Kind = Literal["ad", "promo", "self"]

SPONSORS_VERSION: Final = "1"


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of an episode that is not its programme.

    Attributes:
        start_s, end_s: From the first word to the end of the last one, in seconds.
        kind: `ad` for what somebody pays for, `promo` for another show, `self` for the show's own offers and requests.
        sponsor: Who is advertised as far as the words say, several joined by commas; None where they do not.
        reason: The signs that gave it away, the strongest first.
    """

    start_s: float
    end_s: float
    kind: Kind
    sponsor: str | None = None
    reason: str = ""


# Every pattern is searched in one lower-case sentence. None has nested or adjoining open repeats, so that each search is
# linear in the sentence's length however it is made.
_DOMAIN: Final = (
    r"[a-z0-9][a-z0-9-]{1,40} ?\.(?:com|org|net|io|co|tv|fm|ai|app|dev|edu|shop|store|tech|health|me|us|info|tax)\b"
)

# (name, kind, proves, evidence, pattern). `proves` marks what nobody says in conversation.
# fmt: off
_EVIDENCE: Final[tuple[tuple[str, Kind, bool, float, str], ...]] = (
    # Who pays.
    ("sponsor credit", "ad", True, 6.0, r"\b(?:episode|show|podcast|program|segment|series)\b.{0,40}\b(?:brought to you by|(?:is|are|was) sponsored by|presented by)\b"),
    ("sponsor credit", "ad", True, 6.0, r"\b(?:support|funding) for (?:this|the|our|today's) (?:show|episode|podcast|program)\b.{0,30}\b(?:comes|provided|from)\b"),
    ("sponsor credit", "ad", True, 6.0, r"\b(?:today's|this week's|this episode's|our (?:first|second|third|next|last)) sponsors?\b.{0,60}\b(?:is|are|comes in)\b|\btoday's sponsor,"),
    ("sponsor credit", "ad", True, 6.0, r"\b(?:thanks?|thank you|grateful|shout ?out)\b.{0,50}\b(?:for (?:sponsoring|supporting) (?:the|this|our|today's|[a-z]+ [a-z]+)|sponsors? of (?:this|today's|the))\b"),
    ("sponsor credit", "ad", True, 6.0, r"\b(?:our|the) sponsors? (?:for )?(?:today|this (?:week|episode))\b|\bwe have (?:two|three|four|some) sponsors\b|\bour (?:other )?sponsors today\b"),
    ("sponsor credit", "ad", True, 4.0, r"^(?:sponsored by|a (?:quick )?(?:word|message) from (?:our|today's) sponsors?|(?:it's )?(?:now )?time for (?:some )?sponsored)\b"),
    ("sponsor credit", "ad", False, 2.5, r", sponsored by [a-z0-9]"),
    ("sponsor credit", "ad", True, 4.0, r"\bsponsored by .{1,40} from \b|\b(?:word|message) from (?:our|today's) sponsors?\b|\btime for (?:our|some|another|a).{0,20}\bsponsor(?:ed|s)?(?: break| news)?\b"),
    ("sponsor credit", "ad", True, 3.5, r"\b(?:our|join our) friends (?:at|over at)\b|\bpaid (?:ad|advertisement|partner)\b"),
    # What is offered.
    ("code", "ad", True, 5.0, r"\b(?:promo|promotional|offer|coupon|discount) ?codes?\b(?! (?:is|are|was|were|that)\b)|\b(?:use|enter|with) (?:the |our |my )?code [a-z0-9]+\b.{0,60}\b(?:off|free|checkout|save|at )|\buse (?:the |our |my )?code [a-z]*\d"),
    ("discount", "ad", True, 3.5, r"\b\d{1,2} ?(?:%|percent) off (?:your|the|any|all|every|site|order|everything|plans)\b|\bsave (?:up to )?(?:\$ ?\d|\d{1,2} ?(?:%|percent))|\b(?:buy|get) (?:one|two|three|\d)\b.{0,40}\bfree\b"),
    ("offer", "ad", True, 3.0, r"\b(?:try|get started|start|join|sign up|download)(?: it| today| now)? for free (?:at|today|on)\b|\bfree trial (?:at|today|now)\b|\bstart (?:your|a) free (?:\d|trial|\w+-day)|\bexclusive (?:offer|deal|discount)\b|\bspecial (?:offer|deal) for (?:our|my|the|you)\b"),
    ("offer", "ad", False, 2.0, r"\bfree trial\b|\bfor a limited time\b|\blimited[- ]time offer\b|\bmoney[- ]back guarantee\b|\bnew customers?\b.{0,20}\b(?:offer|only)\b|\bfirst (?:order|purchase|month)\b|\btry (?:it|them|us) (?:out )?(?:for )?free\b|\bdeal for our listeners\b|\bno[- ]brainer\b"),
    ("small print", "ad", True, 4.0, r"\bterms (?:and conditions )?(?:may )?apply\b|\b(?:fees|restrictions|exclusions|conditions|charges) (?:may |and terms )?apply\b|\bfees? extra\b|\bmember fdic\b|\bequal housing lender\b|\bnmls\b|\bgambling problem\b|\b(?:18|21)(?: ?\+| plus) (?:only|and)\b|\bvoid where prohibited\b|\bside effects (?:may )?include\b"),
    ("small print", "ad", True, 4.0, r"\b(?:rewards|savings|results|coverage|offers?|prices|hours|rates)\b.{0,20}\b(?:may|will) vary\b|\b(?:hours|prices|offers) vary by\b|\bnot available in all\b|\bsubject to (?:lender|credit|eligibility|approval|terms|availability)\b|\b(?:full|see) (?:terms|disclosures|details)\b.{0,20}\bat\b|\bdisclosures available\b|\bimportant safety information\b"),
    ("small print", "ad", True, 3.5, r"\bsee [a-z0-9 .&']{2,40} for (?:details|terms|more details)\b|\bfor details and (?:important|full)\b|\b(?:participating|eligible) (?:locations|items|stores) only\b|\b(?:offer|deal) (?:valid|ends|expires)\b|\bdoes not (?:lend|ship) (?:in|to)\b|\b(?:may be )?issued by [a-z]+ or\b|\blender approval\b|\bwill be approved\b|\bis not an offer\b|\bfull[- ]price plan\b|\bplan required\b|\b1-800-[a-z0-9]"),
    # Where to go.
    ("address with a path", "ad", True, 4.0, r"\b" + _DOMAIN + r"(?: slash | forward slash |/)[a-z0-9]"),
    ("call to an address", "ad", True, 4.0, r"\b(?:visit|head (?:over )?to|go to|going to|start now at|apply (?:today|now|in minutes|online)?(?: at)?|shop (?:now )?at|learn more at|sign up (?:today |now |for free )?at|try (?:it|them) at|get started (?:today |now )?at|discover .{1,40} at|find .{1,40} at|book .{1,30} at|tickets at|(?:sell|buy) .{1,30} on|register (?:today|now)?(?: at)?|check (?:it|them|us) out at|check out|search) (?:www\.)?" + _DOMAIN),
    ("address", "ad", False, 2.0, r"\b(?:www\.)?" + _DOMAIN),
    ("spelled out", "ad", True, 3.0, r"\bthat's (?:www\.)?" + _DOMAIN + r"|\bthat's [a-z](?:-[a-z]){3,14}\b|\b[a-z](?:-[a-z]){3,14} dot com\b|\bdot com slash\b"),
    ("app", "ad", True, 3.5, r"\bdownload (?:the|our|it)\b.{0,30}\b(?:app|today|free)\b|\bget the (?:free )?[a-z]+ app\b"),
    ("call to act", "ad", False, 2.0, r"^(?:so )?(?:visit|shop|join|apply|sign up|get started|register|head (?:over )?to|download|try|discover|order|book|switch|see|find your|find yours|get your|start (?:your|now|saving)|don't miss|stop by|lock in|learn more|save)\b"),
    ("call to act", "ad", False, 1.5, r"\b(?:so why wait|what are you waiting for|to learn more|learn more (?:at|about|by)|get started (?:today|now|with|at|for)|sign up (?:today|now|for)|start saving|try it (?:for|at|today)|near you\b|today only|tell them .{1,30} sent you|register today|apply today|call now|visit us|come by our)\b"),
    ("by the link", "ad", True, 3.0, r"\b(?:by )?(?:following|follow|click|using|use|hit) the link in (?:your|this|the|our) (?:chapter|show ?notes|newsletter|description|chapter data)|\blink in the (?:chapter data|newsletter)\b"),
    ("for listeners", "ad", True, 2.5, r"\b(?:just |exclusively )?for (?:our|my|[a-z]+) (?:listeners|readers|viewers)\b.{0,60}\b(?:free|off|deal|offer|trial|discount|code|%)|\bspecial deal\b"),
    ("on sale", "ad", False, 2.0, r"\bnow (?:playing|streaming|open|available|in theaters)\b.{0,20}\b(?:on|in|only|for|wherever|at)\b|\b(?:memorial day|labor day|black friday|holiday|spring|summer) sale\b|\bbuy now\b|\bin stores\b|\bonly (?:on|at) [a-z]+(?: [a-z]+){0,2}[.!]?$|\bon broadway\b|\bavailable (?:now )?(?:on|at|in|wherever)\b|\bwherever [a-z ]{3,40} (?:are|is) sold\b"),
    ("praise", "ad", False, 1.4, r"\b(?:number one|#1|no\. 1|award[- ]winning|best[- ]selling|top[- ]rated|five[- ]star|trusted by|rated a|america's (?:number|favorite|largest)|all-in-one|critically acclaimed|world-class|industry-leading|one-of-a-kind|game[- ]changer|family[- ]owned|official partner|clinically|premium|risk-free|hassle-free|ai-powered)\b"),
    ("selling", "ad", False, 1.0, r"\b(?:cash ?back|rewards?|savings|financing|your business|your (?:small|growing) business|checking your rate|no (?:prepayment|hidden) fees|delivery|subscription|discounts?|coupons?|gift cards?|low fixed|loans?|line of credit|best deal|price guarantee|satisf\w+|members? (?:have|has|are)|brands?|offers|lease|insurance|flexible|effortless\w*|seamless\w*|on your terms)\b"),
    ("selling", "ad", False, 0.9, r"\b(?:helps? you|gives? you|lets you|makes it easy|makes it (?:simple|easier)|designed to|with (?:just )?(?:one|a single) (?:click|tap)|whether (?:you're|it's)|whatever you(?:'re| need)|from .{3,40} to .{3,40}, and|no more \w+ing|say goodbye|take control|never been (?:a )?(?:better|easier)|so you can|when you (?:want|need)|imagine|ready to|looking for|tired of|fed up|what if|satisfying|your (?:home|skin|sleep|closet|team|routine|everyday|life|cash|money|way|community))\b"),
    ("imperative", "ad", False, 1.1, r"^(?:get|make|grab|enjoy|find|kick off|celebrate|treat|give|upgrade|unlock|protect|build|own|choose|compare|explore|experience|stack|bring|send|post|just|plus|earn|meet|take)\b"),
    ("copy", "ad", False, 0.7, r"^(?:with|at|from|meet|introducing|because|and with|plus,|get|for) [a-z0-9]"),
    ("opening", "ad", False, 1.6, r"^(?:are you |is your |are your |need |want |ready to |tired of |looking for |introducing|imagine|do you ever |have you ever |what if |we all love|you could be|there's never been)"),
    # Other shows.
    ("other show", "promo", True, 4.5, r"\b(?:tune in to|listen to|check out|hear|catch|subscribe to|follow)\b.{1,60}\b(?:wherever you (?:get|listen)|on (?:apple|spotify)|to hear|new (?:episodes|podcast|series)|every (?:week|monday|tuesday|wednesday|thursday|friday))\b"),
    ("other show", "promo", True, 4.5, r"\bwherever you (?:get|listen to|find|stream) (?:your )?podcasts?\b|\b(?:new|hit|original) podcast (?:from|by)\b|\bfrom .{2,30} (?:media|studios|podcasts)\b.{0,20}\bseries\b|\bhost of the podcast\b"),
    ("other show", "promo", False, 2.0, r"^this is an? [a-z]+ podcast\b|\bsneak peek\b|\bin this special episode\b|\bnew season of\b|\bour (?:latest|new) episode\b|\bnew episodes? (?:every|out|drop)"),
    # The show itself.
    ("own offer", "self", True, 3.5, r"\bpatreon ?\.com\b|\bbecome a (?:patron|member|supporter|subscriber)\b|\bjoin our patreon\b|\bour merch\b|\brate and review\b|\bleave (?:us )?a (?:\w+ ){0,2}(?:review|rating)\b|\bfive-star review\b|\bmake sure (?:you|to) (?:to )?(?:subscribe|follow)\b|\b(?:like and subscribe|hit (?:the|that) (?:subscribe|like|bell))\b|\bad[- ]free (?:version|episodes|feed)\b|\b(?:news, and|and) merch\b"),
    ("own offer", "self", True, 3.0, r"\bfollow us (?:on|at)\b|\bfind us (?:on|at|online)\b|\byou can find us\b|\bsubscribe (?:by|at|on|to (?:the|our|this) (?:show|podcast|newsletter|channel))\b|\bshare (?:the|this) show\b|\b(?:email|e-mail|write to) us at\b|\bget in touch with us\b|\bjoin (?:our|the) (?:discord|slack|community|newsletter)\b|\bsign up for our newsletter\b|\bkeep us in business\b|\bsupport (?:the|this|our) (?:show|podcast|work)\b|\bfollow us\b|\bwe'?re on twitter\b"),
)
# fmt: on
_COMPILED: Final = tuple(
    (name, kind, proves, weight, re.compile(pattern)) for name, kind, proves, weight, pattern in _EVIDENCE
)

# Talking ABOUT advertising, prices and sponsors, and conversation as such.
_PROGRAMME: Final = tuple(
    (weight, re.compile(pattern))
    for weight, pattern in (
        (
            2.5,
            r"\b(?:not (?:a |an |being )?(?:sponsor|sponsored|ad|advertis\w+)|no sponsors?|never sponsor|wasn't brought|was not brought|isn't sponsored|not brought to you|business model|used to sponsor|sponsorships?|github sponsors?|advertisers?|ad (?:sales|revenue|industry|network|blocker|tech)|advertising)\b",
        ),
        (
            1.2,
            r"\b(?:um|uh|you know|i mean|i think|i don't know|kind of|sort of|i guess|i remember|i was|we were|he was|she was|they were|i had|he said|she said|i said|i'm like|was like|\[laughter\]|laughs|lol)\b",
        ),
        (
            0.8,
            r"^(?:yeah|yes|no|right|okay|oh|wow|exactly|so|well|but|hello|hi|hey|good morning|all right|alright|and so|thank you)\b[,.!?]?",
        ),
        (0.5, r"\b(?:i|he|she|him|her|me|my|his|they|them|went|came|told|thought|did|knew)\b"),
    )
)

_PROGRAMME_PRIOR: Final = 1.1  # what a sentence without any sign says for the programme
_ENTER, _LEAVE = 3.6, 2.0  # what a change of state costs inside running speech
_ENTER_AT_BREAK: Final = 1.6  # … where a pause, a jingle or "we'll be right back" makes one likely
_REPEATED: Final = 2.5  # the same words elsewhere in the episode: spots are played again, conversation is not
_BRAND: Final = 2.6  # a name that an address, a code or a credit nearby advertises
_NOTED: Final = 3.5  # the address of what the show notes advertise
_STRONG: Final = 3.0
_BRAND_REACH: Final = 220  # words
_RARE: Final = 0.9  # as `text.rarity` has it
# An address alone is what every guest gives; it takes an offer or a credit as well to make it advertising.
_PLACES: Final = frozenset(("address", "address with a path", "call to an address", "spelled out", "app"))
_OFFERS: Final = frozenset(
    (
        "sponsor credit",
        "code",
        "discount",
        "offer",
        "small print",
        "call to act",
        "by the link",
        "for listeners",
        "on sale",
        "praise",
        "selling",
        "opening",
        "repeated word for word",
        "other show",
        "own offer",
    )
)
_MAX_ADDRESSES: Final = 5  # that one sentence can advertise
_MAX_BACK: Final = 20  # sentences
_BRAND_LOCAL: Final = (
    0.6  # of a name's mentions, the share that must lie within that reach: a guest's company is no sponsor
)
_SANDWICH_S: Final = 45.0  # between two spots nobody converses for less
_SANDWICH_WORDS: Final = 90
_EDGE_WORDS: Final = 25  # before the first spot or after the last one of an episode
_PAUSE_S: Final = 1.5
_SHINGLE: Final = 7
_MAX_SENTENCE_WORDS: Final = 60  # recognisers that forget full stops would make a "sentence" of a whole episode

_LEAD_IN: Final = re.compile(
    r"\b(?:we'll be (?:right )?back|(?:we will|i'll|will) be right back|after (?:the|this|a (?:quick|short)) (?:break|message)|"
    r"(?:take|time for) a (?:quick |short |little )?break|stay with us|stick around)\b"
)
_WELCOME: Final = re.compile(
    r"\b(?:welcome (?:back )?to|welcome back|(?:hello|hi|hey|good morning|what's up)[, ]+(?:and|everyone|everybody|friends|folks|y'all|[a-z]+ (?:junkies|nation))|"
    r"i'm your host|(?:i'm|i am) [a-z]+ [a-z]+ and (?:this is|welcome)|this is (?:the )?[a-z ]{3,40} for (?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)|"
    r"back for another (?:week|episode)|let's get (?:to|into)|we're back)\b"
)
_BREAK_MARK: Final = frozenset(
    ("break", "[break]", "ad break", "[ad break]", "[music]", "music", "♪", "[ad]", "break:")
)
_CREDITED: Final = re.compile(
    r"(?:brought to you by|[Ss]ponsored by|[Tt]oday's sponsor(?:,| is)|comes from|(?:friends|team|folks|people) (?:over )?at|[Tt]hank(?:s| you)(?: once)?(?: again)? to|sponsors? (?:is|for today is)|[Ss]alute to|we thank)"
    r" (?:the |our friends at )?((?:[A-Z0-9][\w&'.+-]{0,30}(?: (?=[A-Z0-9]))?){1,4})"
)
_DOMAIN_NAME: Final = re.compile(
    r"\b([a-z0-9][a-z0-9-]{1,40}) ?\.(?:com|org|net|io|co|tv|fm|ai|app|dev|edu|shop|store|tech|health|tax)\b"
)
_PLATFORMS: Final = vocabulary(
    """
    github gitlab youtube twitter facebook instagram patreon apple spotify google wikipedia reddit linktree discord
    twitch tiktok x medium substack gmail www iheart stackoverflow
    """
)


@dataclass(slots=True)
class _Sentence:
    """One sentence, or the part of one that lies in a segment, and what speaks for its being advertising."""

    text: str
    folded: tuple[str, ...]
    start_s: float
    end_s: float
    at_break: bool  # a change of state is likely before it
    signs: list[tuple[float, str, Kind, bool]] = field(default_factory=list)
    evidence: float = 0.0
    brands: set[str] = field(default_factory=set)
    credited: list[str] = field(default_factory=list)

    @property
    def proves(self) -> bool:
        return any(proves for _, _, _, proves in self.signs)


def find_sponsor_spans(segments: Sequence[Segment], *, show_notes: str = "") -> list[Span]:
    """The stretches of an episode that are advertising, in order, without overlap, within the transcript.

    Args:
        segments: The transcript.
        show_notes: The episode's description, HTML or text; what it thanks or discounts is expected in the transcript.
    """
    sentences = _sentences(segments)
    if not sentences:
        return []
    for sentence in sentences:
        _read(sentence)
    _count_repeats(sentences)
    _name_the_unaddressed(sentences)
    noted = _noted_brands(show_notes)
    _compare_notes(sentences, noted)
    _follow_brands(sentences, noted)
    advertising = _best_path(sentences)
    _join_neighbours(sentences, advertising)
    return _spans(sentences, advertising, segments)


def _sentences(segments: Sequence[Segment]) -> list[_Sentence]:
    found: list[_Sentence] = []
    after_break, last_end = True, 0.0
    for segment in segments:
        words = segment.text.split()
        if _is_break(segment, words):
            after_break = True
            continue
        if segment.start_s - last_end >= _PAUSE_S:
            after_break = True
        start = 0
        for end in _pieces(words):
            text = " ".join(words[start:end])
            found.append(
                _Sentence(
                    text=text,
                    folded=tuple(fold(word) for word in words[start:end]),
                    start_s=time_at(segment.start_s, segment.end_s, start, len(words)),
                    end_s=time_at(segment.start_s, segment.end_s, end, len(words)),
                    at_break=after_break,
                )
            )
            lowered = text.lower()
            after_break = bool(_LEAD_IN.search(lowered))
            start = end
        last_end = segment.end_s
    return found


def _pieces(words: Sequence[str]) -> Iterable[int]:
    start = 0
    for end in sentence_ends(words):
        yield from range(start + _MAX_SENTENCE_WORDS, end, _MAX_SENTENCE_WORDS)
        yield end
        start = end


def _is_break(segment: Segment, words: Sequence[str]) -> bool:
    """Whether a segment is a mark of the typist or a recogniser's idea of silence rather than speech."""
    if (segment.speaker or "").strip().lower() in _BREAK_MARK:
        return True
    return segment.text.strip().lower() in _BREAK_MARK or not any(fold(word) for word in words)


def _read(sentence: _Sentence) -> None:
    """Weigh a sentence's own words."""
    lowered = sentence.text.replace("\u2019", "'").lower()
    seen: set[str] = set()
    for name, kind, proves, weight, pattern in _COMPILED:
        if name not in seen and pattern.search(lowered):
            seen.add(name)
            sentence.signs.append((weight, name, kind, proves))
    against = sum(weight for weight, pattern in _PROGRAMME if pattern.search(lowered))
    if "address" in seen and len(seen) == 1 and any(match[1] in _PLATFORMS for match in _DOMAIN_NAME.finditer(lowered)):
        against += 2.0
    if _WELCOME.search(lowered):
        against += 4.0
    if _PROGRAMME[0][1].search(lowered):
        # "Our advertisers", "not sponsored": a subject, whatever else the sentence says.
        sentence.signs = [(weight / 3, name, kind, False) for weight, name, kind, _ in sentence.signs]
    sentence.evidence = sum(weight for weight, _, _, _ in sentence.signs) - against - _prior(sentence)
    if any(weight >= _STRONG for weight, _, _, _ in sentence.signs):
        addresses = itertools.islice(_DOMAIN_NAME.finditer(lowered), _MAX_ADDRESSES)
        sentence.brands = {match[1].replace("-", "") for match in addresses} - _PLATFORMS
        for match in _CREDITED.finditer(sentence.text):
            name = match[1].strip(" .,!'")
            if fold(name) not in FUNCTION_WORDS:
                sentence.credited.append(name)
                sentence.brands.add("".join(char for char in name.lower() if char.isalnum()))


def _prior(sentence: _Sentence) -> float:
    """Short sentences say little either way."""
    return _PROGRAMME_PRIOR * min(1.0, 0.4 + len(sentence.folded) / 20)


def _count_repeats(sentences: Sequence[_Sentence]) -> None:
    """Credit sentences whose words are said again at another place of the episode."""
    places: dict[int, list[int]] = defaultdict(list)
    words: list[tuple[str, int]] = [
        (word, number) for number, sentence in enumerate(sentences) for word in sentence.folded if word
    ]
    shingles = [hash(tuple(word for word, _ in words[at : at + _SHINGLE])) for at in range(len(words) - _SHINGLE + 1)]
    for at, shingle in enumerate(shingles):
        places[shingle].append(at)
    covered = [0] * len(sentences)
    marked = bytearray(len(words))
    for found in places.values():
        # Far enough apart that it is no refrain: said twice in a breath is how people talk.
        if len(found) > 1 and found[-1] - found[0] > 150:
            for at in found:
                marked[at : at + _SHINGLE] = b"\x01" * _SHINGLE
    for (_, number), mark in zip(words, marked, strict=True):
        covered[number] += mark
    for sentence, count in zip(sentences, covered, strict=True):
        total = sum(1 for word in sentence.folded if word)
        if total and count >= 0.7 * total and len(sentence.text) > 3:
            sentence.evidence += _REPEATED
            sentence.signs.append((_REPEATED, "repeated word for word", "ad", False))


def _name_the_unaddressed(sentences: Sequence[_Sentence]) -> None:
    """Take for a brand what is named beside a proof of advertising, again shortly before it, and nowhere else.

    Spots that end "Terms apply." give neither address nor credit.
    """
    total: Counter[str] = Counter()
    for sentence in sentences:
        total.update(_capitalised_rare(sentence.text))
    for number, sentence in enumerate(sentences):
        if not any(proves and kind == "ad" and name not in _PLACES for _, name, kind, proves in sentence.signs):
            continue
        near: Counter[str] = Counter()
        beside: set[str] = set()
        words = 0
        for back, other in enumerate(reversed(sentences[max(0, number - _MAX_BACK) : number + 1])):
            words += len(other.folded)
            if words > _BRAND_REACH / 2:
                break
            names = _capitalised_rare(other.text)
            near.update(names)
            if back <= 1:
                beside.update(names)
            if other.at_break:
                break
        sentence.brands |= {name for name in beside if near[name] >= 2 and near[name] >= _BRAND_LOCAL * total[name]}


def _capitalised_rare(text: str) -> list[str]:
    """The words of `text` that may be a brand, folded: capitalised and not common."""
    return [
        folded
        for word in text.split()
        if word[:1].isupper() and len(folded := fold(word).removesuffix("'s")) > 3 and rarity(folded) >= _RARE
    ]


def _noted_brands(show_notes: str) -> set[str]:
    """Names that the show notes thank, or give an address with a code for."""
    brands: set[str] = set()
    plain = re.sub(r"<[^<>]{0,500}>", "\n", html.unescape(show_notes[:50_000]))
    for line in plain.split("\n"):
        lowered = line.lower()[:1000]
        if re.search(r"\b(?:sponsor|sponsored|promo code|discount|% off|free trial)\b", lowered):
            brands |= {match[1].replace("-", "") for match in _DOMAIN_NAME.finditer(lowered)} - _PLATFORMS
            brands |= {"".join(c for c in match[1].lower() if c.isalnum()) for match in _CREDITED.finditer(line[:1000])}
    return {brand for brand in brands if len(brand) > 3}


def _compare_notes(sentences: Sequence[_Sentence], noted: set[str]) -> None:
    """Take the address of what the show notes advertise for a proof, however plainly it is given."""
    for sentence in sentences if noted else ():
        addresses = itertools.islice(_DOMAIN_NAME.finditer(sentence.text.lower()), _MAX_ADDRESSES)
        if both := {match[1].replace("-", "") for match in addresses} & noted:
            sentence.brands |= both
            sentence.evidence += _NOTED
            sentence.signs.append((_NOTED, "advertised in the show notes", "ad", True))


def _follow_brands(sentences: Sequence[_Sentence], noted: set[str]) -> None:
    """Credit sentences that name what a strong sign near them advertises, and those between the two."""
    offsets = list(itertools.accumulate((len(sentence.folded) for sentence in sentences), initial=0))
    near: dict[str, list[int]] = {brand: [] for brand in noted}
    for number, sentence in enumerate(sentences):
        for brand in sentence.brands:
            if len(brand) > 2 and (rarity(brand) >= 0.6 or sentence.credited):
                near.setdefault(brand, []).append(number)
    if not near:
        return
    mentions = _mentions(sentences, near.keys())
    credit: dict[int, float] = {}
    for brand, anchors in near.items():
        for number, weight in _brand_credit(mentions.get(brand, []), anchors, offsets):
            credit[number] = max(credit.get(number, 0.0), weight)
    for number, weight in credit.items():
        sentences[number].evidence += weight
        sentences[number].signs.append((weight, "the advertised name", "ad", False))


def _brand_credit(
    mentions: Sequence[int], anchors: Sequence[int], offsets: Sequence[int]
) -> Iterator[tuple[int, float]]:
    """What a brand adds to which sentences, given where it is named and where it is advertised."""
    if not anchors:
        # Only the show notes advertise it, so that this may be its spot or the guest's own company.
        yield from ((number, _BRAND / 2) for number in mentions)
        return
    pairs = _nearest(mentions, anchors)
    within = [pair for pair in pairs if _words_between(offsets, *pair) <= _BRAND_REACH]
    if len(within) < _BRAND_LOCAL * len(pairs):
        return
    for pair in within:
        for number in range(min(pair), max(pair) + 1):
            yield number, _BRAND if number in pair else _PROGRAMME_PRIOR


def _nearest(numbers: Iterable[int], anchors: Sequence[int]) -> list[tuple[int, int]]:
    """Each of the sorted `numbers` with the one of the sorted `anchors` that is nearest to it."""
    pairs, cursor = [], 0
    for number in numbers:
        while cursor + 1 < len(anchors) and abs(anchors[cursor + 1] - number) <= abs(anchors[cursor] - number):
            cursor += 1
        pairs.append((number, anchors[cursor]))
    return pairs


def _words_between(offsets: Sequence[int], one: int, other: int) -> int:
    first, last = sorted((one, other))
    return offsets[last] - offsets[first]


def _mentions(sentences: Sequence[_Sentence], brands: Iterable[str]) -> dict[str, list[int]]:
    """Which sentences name each brand, be it written in one word or in several ("capitalone", "Capital One")."""
    wanted = set(brands)
    mentions: dict[str, list[int]] = defaultdict(list)
    for number, sentence in enumerate(sentences):
        bare = [
            "".join(char for char in word if char.isalnum()) for word in (w.removesuffix("'s") for w in sentence.folded)
        ]
        found = set()
        for at in range(len(bare)):
            joined = ""
            for word in bare[at : at + 4]:
                joined += word
                if joined in wanted:
                    found.add(joined)
        for brand in found:
            mentions[brand].append(number)
        for brand in sentence.brands & wanted - found:
            mentions[brand].append(number)
    return mentions


def _best_path(sentences: Sequence[_Sentence]) -> list[bool]:
    """Viterbi over two states; entering and leaving are cheap at a break, leaving where the show greets."""
    programme, spot = 0.0, 0.0  # an episode begins with either
    came: list[tuple[bool, bool]] = []  # whether the best path to (programme, spot) came from spot
    for sentence in sentences:
        enter = _ENTER_AT_BREAK if sentence.at_break else _ENTER
        leave = 1.0 if sentence.at_break else _LEAVE
        to_programme_from_spot = spot - leave > programme
        to_spot_from_spot = spot >= programme - enter
        came.append((to_programme_from_spot, to_spot_from_spot))
        programme, spot = (
            max(programme, spot - leave),
            max(spot, programme - enter) + sentence.evidence,
        )
    state = spot > programme
    path = [False] * len(sentences)
    for number in range(len(sentences) - 1, -1, -1):
        path[number] = state
        state = came[number][1] if state else came[number][0]
    return path


def _runs(advertising: Sequence[bool]) -> list[tuple[int, int]]:
    """The stretches of True, as (first, exclusive last)."""
    runs, start = [], None
    for number, inside in enumerate([*advertising, False]):
        if inside and start is None:
            start = number
        elif not inside and start is not None:
            runs.append((start, number))
            start = None
    return runs


def _join_neighbours(sentences: Sequence[_Sentence], advertising: list[bool]) -> None:
    """Drop stretches without proof, then close gaps around spots that are too short to be programme."""
    for first, last in _runs(advertising):
        if not _convinces(sentences[first:last]):
            advertising[first:last] = [False] * (last - first)
    for (first, last), (after, until) in itertools.pairwise(_runs(advertising)):
        gap = sentences[last:after]
        seconds = sentences[after].start_s - sentences[last - 1].end_s
        paid = _kind(sentences[first:last]) != "self" and _kind(sentences[after:until]) != "self"
        if paid and seconds <= _SANDWICH_S and _is_filler(gap, _SANDWICH_WORDS):
            advertising[last:after] = [True] * len(gap)
    runs = [run for run in _runs(advertising) if _kind(sentences[slice(*run)]) != "self"]
    if runs and _is_filler(sentences[: runs[0][0]], _EDGE_WORDS):
        advertising[: runs[0][0]] = [True] * runs[0][0]
    if runs and _is_filler(sentences[runs[-1][1] :], _EDGE_WORDS):
        advertising[runs[-1][1] :] = [True] * (len(sentences) - runs[-1][1])


def _convinces(run: Sequence[_Sentence]) -> bool:
    """Whether a stretch holds a proof, more than a mere address, and enough evidence in all.

    One sign alone may be a slip of the tongue; a stretch of them is not.
    """
    proofs = {name for sentence in run for _, name, _, proves in sentence.signs if proves}
    offers = sum(name in _OFFERS for sentence in run for _, name, _, _ in sentence.signs)
    return bool(proofs) and (not proofs <= _PLACES or offers >= 2) and sum(sentence.evidence for sentence in run) >= 2.0


def _is_filler(sentences: Sequence[_Sentence], limit: int) -> bool:
    """Whether what stands beside a spot is too short for programme and greets nobody."""
    words = sum(len(sentence.folded) for sentence in sentences)
    return words <= limit and not any(_WELCOME.search(sentence.text.lower()) for sentence in sentences)


def _kind(run: Sequence[_Sentence]) -> Kind:
    weights: dict[Kind, float] = {"ad": 0.0, "promo": 0.0, "self": 0.0}
    for sentence in run:
        for weight, name, kind, proves in sentence.signs:
            weights[kind] += weight if proves and name not in _PLACES else weight / 6
    return max(weights, key=lambda kind: weights[kind])


def _spans(sentences: Sequence[_Sentence], advertising: Sequence[bool], segments: Sequence[Segment]) -> list[Span]:
    limit = max(segment.end_s for segment in segments)
    spans: list[Span] = []
    for first, last in _runs(advertising):
        run = sentences[first:last]
        start = max(0.0, min(sentence.start_s for sentence in run), spans[-1].end_s if spans else 0.0)
        end = min(limit, max(sentence.end_s for sentence in run))
        if end <= start:
            continue
        signs: dict[str, float] = defaultdict(float)
        for sentence in run:
            for weight, name, _, _ in sentence.signs:
                signs[name] += weight
        names = sorted(signs, key=lambda name: -signs[name])[:4]
        spans.append(Span(start_s=start, end_s=end, kind=_kind(run), sponsor=_sponsor(run), reason=", ".join(names)))
    return spans


def _sponsor(run: Sequence[_Sentence]) -> str | None:
    """The names that are credited or whose addresses are given, as the transcript writes them where it does."""
    found: dict[str, str] = {}
    for sentence in run:
        for name in sentence.credited:
            found.setdefault("".join(char for char in name.lower() if char.isalnum()), name)
        for brand in sorted(sentence.brands):
            if not any(brand in known or known in brand for known in found):
                found[brand] = _as_written(brand, run)
    return ", ".join(list(found.values())[:6]) or None


def _as_written(brand: str, run: Sequence[_Sentence]) -> str:
    for sentence in run:
        words = sentence.text.split()
        for at in range(len(words)):
            joined = ""
            for size in range(1, 4):
                piece = words[at : at + size]
                joined = "".join(char for char in "".join(piece).lower() if char.isalnum())
                if joined == brand and piece[0][:1].isupper():
                    return " ".join(word.strip(".,!?'\"") for word in piece)
    return brand
