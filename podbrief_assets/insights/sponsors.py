"""Find what is advertising in a transcript: paid reads, spots for other shows, the show's own offers.

Belongs here: what a sentence's surroundings add to its own wording, and how single sentences become stretches.
Doesn't: what a sentence says by itself (sponsor_signs.py), how much each sign weighs (sponsor_weights.toml, fitted by
benchmarks/fit_sponsors.py), what other episodes repeat (sponsor_repeats.py), taking the stretches out (passages.py).

Each sentence has signs: its wording, its style, the brand that its surroundings advertise, whether it is said again
elsewhere, what the show notes list. Their weighted sum is the evidence for its being advertising. A two-state path
(programme, advertising) of the highest sum then decides for all sentences together, since a change costs something.
No sign knows the name of any sponsor or show.
"""

from __future__ import annotations

import bisect
import html
import itertools
import math
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from podbrief_assets.insights import sponsor_signs
from podbrief_assets.insights.sponsor_repeats import Repeat
from podbrief_assets.insights.sponsor_signs import DOMAIN, Kind, Sign, Weights
from podbrief_assets.insights.text import FUNCTION_WORDS, fold, rarity, sentence_ends, time_at, vocabulary
from podbrief_assets.transcripts.segment import Segment

SPONSORS_VERSION: Final = "2"


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


# What the path costs and what a stretch must hold, all in the logarithm of odds.
_EVIDENCE_SCALE: Final = 0.6  # neighbouring sentences say the same thing twice, so each counts for less than it says
# News about products speaks like advertising from end to end: what an episode's middle sentence says beyond the usual,
# every sentence of it must say besides.
_USUAL: Final = -0.4
_MOST_UNUSUAL: Final = 0.8
_REMARK_WORDS: Final = 4
_JUDGED_SENTENCES: Final = 40  # of more than a few words; a shorter episode may well be half advertising
_ENTER, _LEAVE = 3.0, 1.4  # what a change of state costs inside running speech
_ENTER_AT_BREAK: Final = 1.0  # … where a pause, a jingle or "we'll be right back" makes one likely
_LEAVE_AT_BREAK: Final = 0.7
_PROVEN: Final = 1.0  # evidence in all that a stretch needs which holds a proof
_UNPROVEN: Final = 4.0  # … which holds none

_TEASER_S: Final = 180.0  # from the start
_AGAIN: Final = "repeated word for word"
_TOLD: Final = frozenset(("the advertised name", _AGAIN))  # worth giving as a reason

# What seven episodes cannot teach has its weight by judgement: requests of the show's own are hardly ever marked, and
# one episode a show repeats nothing.
_OWN_OFFER: Final = 1.5  # what the show asks for itself
_PROOF: Final = 2.5  # words that nobody says in conversation, over what the fit gives them
_REPEATED_ELSEWHERE: Final = 6.0  # in other episodes of the show, word for word
_NOTED: Final = 3.5  # the address of what the show notes advertise
_NOTED_NAME: Final = 2.0  # its name
_GREETING: Final = -2.0  # "welcome back to": the programme, whatever comes before
_CHAPTER: Final = 2.5  # in what the show notes list as a sponsor's chapter; a spot put in later moves all times

_BRAND_REACH: Final = 220  # words
_BRAND_LOCAL: Final = 0.6  # share of a name's mentions that must lie within that reach: a guest's company is no sponsor
_BURST_WORDS: Final = 150
_PROOF_REACH: Final = 6  # sentences
_RARE: Final = 0.9  # as `text.rarity` has it
_MAX_ADDRESSES: Final = 5  # that one sentence can advertise
_MAX_BACK: Final = 20  # sentences
_MAX_OPENINGS: Final = 2  # sentences
_SANDWICH_S: Final = 45.0  # between two spots nobody converses for less
_SANDWICH_WORDS: Final = 90
_EDGE_WORDS: Final = 25  # before the first spot or after the last one of an episode
_PAUSE_S: Final = 1.5
_SHINGLE: Final = 7
_MAX_SENTENCE_WORDS: Final = 60  # recognisers that forget full stops would make a "sentence" of a whole episode

# An address alone is what every guest gives; it takes an offer or a credit as well to make it advertising.
_PLACES: Final = frozenset(("address", "address with a path", "call to an address", "spelled out", "app"))

_TALK_NAMES: Final = frozenset(("conversation", "answer", "story", "greeting"))
_PROVES: Final = "a proof"

_BREAK_MARK: Final = frozenset(
    ("break", "[break]", "ad break", "[ad break]", "[music]", "music", "♪", "[ad]", "break:")
)
_CREDITED: Final = re.compile(
    r"(?:brought to you by|[Ss]ponsored by|[Pp]resented by|[Tt]oday's sponsor(?:,| is)|comes from|(?:friends|team|folks|people) (?:over )?at|[Tt]hank(?:s| you)(?: once)?(?: again)? to|sponsors? (?:is|are|for today is)|[Ss]alute to|we thank)"  # noqa: E501
    r" (?:the |our friends at )?((?:[A-Z0-9][\w&'.+-]{0,30}(?: (?=[A-Z0-9]))?){1,4})"
)
_DOMAIN_NAME: Final = re.compile(rf"\b(?=([a-z0-9][a-z0-9-]{{1,40}})){DOMAIN}")
_THANKS: Final = re.compile(r"\b(?:thank|grateful|shout)", re.I)  # a credit that closes
_NOTES_ADVERTISE: Final = re.compile(
    r"\b(?:sponsors?|sponsored|brought to you by|promo code|coupon|use code|discount|% off|free trial)\b"
)
_NOTES_CHAPTER: Final = re.compile(r"^\W{0,4}(?:(\d{1,2}):)?(\d{1,3}):(\d\d)\b[\s\-\u2013\u2014:|)\]]{0,6}(.*)")
_CHAPTER_ADVERTISES: Final = re.compile(r"\b(?:sponsor\w*|ads?|ad break|advert\w*|promo)\b", re.I)
_MAX_CHAPTER_S: Final = 600.0  # a longer one is the programme, whatever it is called
_PLATFORMS: Final = vocabulary(
    """
    github gitlab youtube twitter facebook instagram patreon apple spotify google wikipedia reddit linktree discord
    twitch tiktok x medium substack gmail www iheart stackoverflow
    """
)


@dataclass(slots=True)
class Sentence:
    """One sentence, or the part of one that lies in a segment, and what speaks for its being advertising.

    Attributes:
        at_break: Whether a change of state is likely before it.
        features: What was found, by name: 1 for a sign, up to 1 for a measure.
        signs: The signs of wording among them.
        given: Evidence with a weight of its own, by name.
        evidence: The weighted sum of all that.
        for_repeating: What of it is there because the sentence is said again in the same episode.
    """

    text: str
    folded: tuple[str, ...]
    start_s: float
    end_s: float
    at_break: bool
    features: dict[str, float] = field(default_factory=dict)
    signs: list[Sign] = field(default_factory=list)
    given: dict[str, float] = field(default_factory=dict)
    evidence: float = 0.0
    for_repeating: float = 0.0
    brands: set[str] = field(default_factory=set)
    credited: list[str] = field(default_factory=list)

    @property
    def proves_ad(self) -> bool:
        """Whether it says what only advertising says."""
        return any(sign.proves and sign.kind == "ad" for sign in self.signs)


def find_sponsor_spans(
    segments: Sequence[Segment],
    *,
    show_notes: str = "",
    repeats: Sequence[Repeat] = (),
    weights: Weights | None = None,
    signs: Sequence[Sign] | None = None,
) -> list[Span]:
    """The stretches of an episode that are advertising, in order, without overlap, within the transcript.

    Args:
        segments: The transcript.
        show_notes: The episode's description, HTML or text; what it thanks, discounts or lists as a chapter is expected
            in the transcript.
        repeats: What other episodes of the show say in the same words, as `sponsor_repeats` finds it.
        weights, signs: Others than those that ship, to measure.
    """
    sentences = observe(segments, show_notes=show_notes, repeats=repeats, signs=signs)
    if not sentences:
        return []
    weigh(sentences, weights or sponsor_signs.fitted())
    advertising = _best_path(sentences)
    _settle(sentences, advertising)
    return _spans(sentences, advertising, segments)


def observe(
    segments: Sequence[Segment],
    *,
    show_notes: str = "",
    repeats: Sequence[Repeat] = (),
    signs: Sequence[Sign] | None = None,
) -> list[Sentence]:
    """The sentences of a transcript with all that is found in and around them, not yet weighed."""
    sentences = split_sentences(segments)
    for sentence in sentences:
        _read(sentence, sponsor_signs.signs() if signs is None else signs)
    _find_breaks(sentences)
    _find_repeats(sentences)
    _find_bursts(sentences)
    _find_proofs_nearby(sentences)
    _name_the_unaddressed(sentences)
    noted = _noted_brands(show_notes)
    _compare_notes(sentences, noted)
    _compare_chapters(sentences, show_notes)
    _follow_brands(sentences, noted)
    _compare_episodes(sentences, repeats)
    return sentences


def weigh(sentences: Sequence[Sentence], weights: Weights) -> None:
    """Set the evidence of each sentence, as the logarithm of the odds that it is advertising."""
    for sentence in sentences:
        total = weights.bias + sum(weights.signs.get(name, 0.0) * value for name, value in sentence.features.items())
        words = sponsor_signs.counted(sentence.folded)
        total += sum(weights.words.get(word, 0.0) * value for word, value in words.items())
        sentence.evidence = _EVIDENCE_SCALE * total
        again = sentence.features.get(_AGAIN, 0.0)
        sentence.for_repeating = _EVIDENCE_SCALE * weights.signs.get(_AGAIN, 0.0) * again
    unusual = _unusual([sentence.evidence for sentence in sentences if len(sentence.folded) > _REMARK_WORDS])
    for sentence in sentences:
        sentence.evidence += sum(sentence.given.values()) - unusual


def _unusual(evidence: Sequence[float]) -> float:
    """How much further an episode's sentences lean to advertising than those of others do."""
    if len(evidence) < _JUDGED_SENTENCES:
        return 0.0
    return min(_MOST_UNUSUAL, max(0.0, statistics.median(evidence) - _USUAL))


def split_sentences(segments: Sequence[Segment]) -> list[Sentence]:
    """The sentences of a transcript in order, nothing found in them yet; one never spans two segments."""
    found: list[Sentence] = []
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
            found.append(
                Sentence(
                    text=" ".join(words[start:end]),
                    folded=tuple(fold(word) for word in words[start:end]),
                    start_s=time_at(segment.start_s, segment.end_s, start, len(words)),
                    end_s=time_at(segment.start_s, segment.end_s, end, len(words)),
                    at_break=after_break,
                )
            )
            after_break = False
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


def _read(sentence: Sentence, signs: Sequence[Sign]) -> None:
    """Note what a sentence's own words say."""
    lowered = sponsor_signs.plain(sentence.text)
    found = [sign for sign in signs if sign.pattern.search(lowered)]
    names = {sign.name for sign in found}
    if "advertising as a subject" in names:
        # "Our advertisers", "not sponsored": a subject, whatever else the sentence says.
        found = [sign for sign in found if sign.kind == "talk"]
    elif "address" in names and not names - _PLACES - {"address"} - _TALK_NAMES and _only_platforms(lowered):
        found = [sign for sign in found if sign.name not in _PLACES]
    sentence.signs = found
    if any(sign.proves and sign.name not in _PLACES for sign in found):
        sentence.given[_PROVES] = _PROOF
    if any(sign.kind == "self" for sign in found):
        sentence.given["own offer"] = _OWN_OFFER
    if "greeting" in names:
        sentence.given["greeting"] = _GREETING
    sentence.features.update({sign.name: 1.0 for sign in found})
    sentence.features.update(
        {name: value for name, value in sponsor_signs.style(sentence.folded, lowered).items() if value}
    )
    if sentence.proves_ad:
        addresses = itertools.islice(_DOMAIN_NAME.finditer(lowered), _MAX_ADDRESSES)
        sentence.brands = {match[1].replace("-", "") for match in addresses} - _PLATFORMS
        for match in _CREDITED.finditer(sentence.text):
            name = match[1].strip(" .,!'")
            if fold(name) not in FUNCTION_WORDS:
                sentence.credited.append(name)
                sentence.brands.add("".join(char for char in name.lower() if char.isalnum()))


def _only_platforms(lowered: str) -> bool:
    """Whether the addresses of a sentence are all of sites that host everybody: repositories, videos, profiles."""
    return all(match[1] in _PLATFORMS for match in itertools.islice(_DOMAIN_NAME.finditer(lowered), _MAX_ADDRESSES))


def _find_breaks(sentences: Sequence[Sentence]) -> None:
    """After "we'll be right back" a change of state is likely, and before "this episode is brought to you by"."""
    for before, sentence in itertools.pairwise(sentences):
        if "break" in before.features or ("sponsor credit" in sentence.features and not _THANKS.search(sentence.text)):
            sentence.at_break = True


def _find_repeats(sentences: Sequence[Sentence]) -> None:
    """Note sentences whose words are said again at another place of the episode."""
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
            sentence.features[_AGAIN] = 1.0


def _find_bursts(sentences: Sequence[Sentence]) -> None:
    """Note sentences with a name that is said often around them and hardly anywhere else."""
    places: dict[str, list[tuple[int, int]]] = defaultdict(list)
    offset = 0
    for number, sentence in enumerate(sentences):
        for name in set(_capitalised_rare(sentence.text)):
            places[name].append((number, offset))
        offset += len(sentence.folded)
    for found in places.values():
        offsets = [at for _, at in found]
        for number, at in found:
            near = bisect.bisect_right(offsets, at + _BURST_WORDS) - bisect.bisect_left(offsets, at - _BURST_WORDS)
            if near >= 2 and near >= _BRAND_LOCAL * len(offsets):
                value = min(1.0, math.log(near) / math.log(6))
                features = sentences[number].features
                features["name in a burst"] = max(features.get("name in a burst", 0.0), value)


def _find_proofs_nearby(sentences: Sequence[Sentence]) -> None:
    """Note how near a proof of advertising is on either side, no further than the next break."""
    for ordered in (sentences, sentences[::-1]):
        value = 0.0
        for before, sentence in itertools.pairwise(ordered):
            crossed = sentence.at_break if ordered is sentences else before.at_break
            value = 1.0 if before.proves_ad else value * (1 - 1 / _PROOF_REACH)
            if crossed:
                value = 0.0
            if value > 0.2:
                name = "after a proof" if ordered is sentences else "before a proof"
                sentence.features[name] = value


def _name_the_unaddressed(sentences: Sequence[Sentence]) -> None:
    """Take for a brand what is named beside a proof of advertising, again shortly before it, and nowhere else.

    Spots that end "Terms apply." give neither address nor credit.
    """
    total: Counter[str] = Counter()
    for sentence in sentences:
        total.update(_capitalised_rare(sentence.text))
    for number, sentence in enumerate(sentences):
        proofs = {sign.name for sign in sentence.signs if sign.proves and sign.kind == "ad"} - _PLACES
        if sentence.credited or not proofs - {"sponsor credit"}:
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


def _note_lines(show_notes: str) -> list[str]:
    """The lines of show notes, without markup."""
    plain = re.sub(r"<[^<>]{0,500}>", "\n", html.unescape(show_notes[:50_000]))
    return [line.strip()[:1000] for line in plain.split("\n") if line.strip()]


def _noted_brands(show_notes: str) -> set[str]:
    """Names that the show notes thank, or give an address with a code for."""
    brands: set[str] = set()
    for line in _note_lines(show_notes):
        lowered = line.lower()
        if _NOTES_ADVERTISE.search(lowered):
            brands |= {match[1].replace("-", "") for match in _DOMAIN_NAME.finditer(lowered)} - _PLATFORMS
            brands |= {"".join(c for c in match[1].lower() if c.isalnum()) for match in _CREDITED.finditer(line)}
    return {brand for brand in brands if len(brand) > 3}


def _compare_notes(sentences: Sequence[Sentence], noted: set[str]) -> None:
    """Take the address of what the show notes advertise for a proof, however plainly it is given."""
    for sentence in sentences if noted else ():
        addresses = itertools.islice(_DOMAIN_NAME.finditer(sponsor_signs.plain(sentence.text)), _MAX_ADDRESSES)
        if both := {match[1].replace("-", "") for match in addresses} & noted:
            sentence.brands |= both
            sentence.given["advertised in the show notes"] = _NOTED


def _compare_chapters(sentences: Sequence[Sentence], show_notes: str) -> None:
    """Credit sentences in chapters that the show notes name after a sponsor."""
    chapters = _noted_chapters(show_notes)
    for (start_s, title), (end_s, _) in itertools.pairwise([*chapters, (math.inf, "")]):
        if not _CHAPTER_ADVERTISES.search(title) or end_s - start_s > _MAX_CHAPTER_S:
            continue
        inside = [n for n, sentence in enumerate(sentences) if start_s - 1 <= sentence.start_s < end_s - 1]
        for number in inside:
            sentences[number].given["a sponsor's chapter"] = _CHAPTER
        for number in [*inside[:1], *(n + 1 for n in inside[-1:] if n + 1 < len(sentences))]:
            sentences[number].at_break = True


def _noted_chapters(show_notes: str) -> list[tuple[float, str]]:
    """The chapters that the lines of show notes list, as (start in seconds, title), where the times go up."""
    found: list[tuple[float, str]] = []
    for line in _note_lines(show_notes):
        if (match := _NOTES_CHAPTER.match(line)) and int(match[3]) < 60:
            found.append((int(match[1] or 0) * 3600 + int(match[2]) * 60 + float(match[3]), match[4]))
    return found if all(one[0] <= other[0] for one, other in itertools.pairwise(found)) else []


def _compare_episodes(sentences: Sequence[Sentence], repeats: Sequence[Repeat]) -> None:
    """Credit sentences that lie in what other episodes of the show say in the same words."""
    starts = [repeat.start_s for repeat in repeats]
    for sentence in sentences if repeats else ():
        middle = (sentence.start_s + sentence.end_s) / 2
        place = bisect.bisect_right(starts, middle) - 1
        if place >= 0 and middle <= repeats[place].end_s and "greeting" not in sentence.features:
            sentence.given["repeated in other episodes"] = _REPEATED_ELSEWHERE


def _follow_brands(sentences: Sequence[Sentence], noted: set[str]) -> None:
    """Note sentences that name what a strong sign near them advertises, and those between the two."""
    offsets = list(itertools.accumulate((len(sentence.folded) for sentence in sentences), initial=0))
    near: dict[str, list[int]] = {brand: [] for brand in noted}
    for number, sentence in enumerate(sentences):
        for brand in sentence.brands:
            if len(brand) > 2 and (rarity(brand) >= 0.6 or sentence.credited):
                near.setdefault(brand, []).append(number)
    if not near:
        return
    mentions = _mentions(sentences, near.keys())
    for brand, anchors in near.items():
        if not anchors:
            # Only the show notes advertise it, so that this may be its spot or the guest's own company.
            for number in mentions.get(brand, []):
                sentences[number].given.setdefault("named in the show notes", _NOTED_NAME)
            continue
        for number, name in _brand_marks(mentions.get(brand, []), anchors, offsets):
            sentences[number].features[name] = 1.0


def _brand_marks(mentions: Sequence[int], anchors: Sequence[int], offsets: Sequence[int]) -> Iterator[tuple[int, str]]:
    """What a brand makes of which sentences, given where it is named and where it is advertised."""
    pairs = _nearest(mentions, anchors)
    within = [pair for pair in pairs if _words_between(offsets, *pair) <= _BRAND_REACH]
    if len(within) < _BRAND_LOCAL * len(pairs):
        return
    for pair in within:
        for number in range(min(pair), max(pair) + 1):
            yield number, "the advertised name" if number in pair else "between mentions of what is advertised"


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


def _mentions(sentences: Sequence[Sentence], brands: Iterable[str]) -> dict[str, list[int]]:
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


def _best_path(sentences: Sequence[Sentence]) -> list[bool]:
    """Viterbi over two states; an episode begins with programme and ends in either, changing is cheap at a break."""
    programme, spot = 0.0, -math.inf
    came: list[tuple[bool, bool]] = []  # whether the best path to (programme, spot) came from spot
    for sentence in sentences:
        enter = _ENTER_AT_BREAK if sentence.at_break else _ENTER
        leave = _LEAVE_AT_BREAK if sentence.at_break else _LEAVE
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


def _settle(sentences: Sequence[Sentence], advertising: list[bool]) -> None:
    """Drop stretches that do not convince, then close gaps around spots that are too short to be programme."""
    for first, last in _runs(advertising):
        if not _convinces(sentences[first:last]):
            advertising[first:last] = [False] * (last - first)
    for first, _ in _runs(advertising):
        for number in range(first - 1, max(-1, first - 1 - _MAX_OPENINGS), -1):
            if not _opens(sentences[number]):
                break
            advertising[number] = True
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


def _convinces(run: Sequence[Sentence]) -> bool:
    """Whether a stretch holds a proof and enough evidence in all, or else very much.

    One sign alone may be a slip of the tongue; a stretch of them is not. What an episode opens with and says again
    is its teaser as often as a spot, so that repeating counts for nothing there.
    """
    evidence = sum(sentence.evidence for sentence in run)
    proofs = {sign.name for sentence in run for sign in sentence.signs if sign.proves}
    given = any(value > 0 for sentence in run for value in sentence.given.values())
    if given or not proofs <= _PLACES:
        return evidence >= _PROVEN
    if run[0].start_s < _TEASER_S:
        evidence -= sum(sentence.for_repeating for sentence in run)
    return evidence >= _UNPROVEN


def _opens(sentence: Sentence) -> bool:
    """Whether a sentence before a spot is the question that it opens with: "Tired of high bills?"."""
    return "opening" in sentence.features and not any(sign.kind == "talk" for sign in sentence.signs)


def _is_filler(sentences: Sequence[Sentence], limit: int) -> bool:
    """Whether what stands beside a spot is too short for programme and greets nobody."""
    words = sum(len(sentence.folded) for sentence in sentences)
    return words <= limit and not any("greeting" in sentence.features for sentence in sentences)


def _kind(run: Sequence[Sentence]) -> Kind:
    votes: dict[Kind, float] = {"ad": 0.0, "promo": 0.0, "self": 0.0}
    for sentence in run:
        for sign in sentence.signs:
            if sign.kind != "talk":
                votes[sign.kind] += 4.0 if sign.proves and sign.name not in _PLACES else 0.5
    return max(votes, key=lambda kind: votes[kind])


def _spans(sentences: Sequence[Sentence], advertising: Sequence[bool], segments: Sequence[Segment]) -> list[Span]:
    limit = max(segment.end_s for segment in segments)
    spans: list[Span] = []
    for first, last in _runs(advertising):
        run = sentences[first:last]
        start = max(0.0, min(sentence.start_s for sentence in run), spans[-1].end_s if spans else 0.0)
        end = min(limit, max(sentence.end_s for sentence in run))
        if end > start:
            spans.append(Span(start_s=start, end_s=end, kind=_kind(run), sponsor=_sponsor(run), reason=_reason(run)))
    return spans


def _reason(run: Sequence[Sentence]) -> str:
    """The signs of a stretch, those first that were found most, proofs counting for more."""
    found: Counter[str] = Counter()
    for sentence in run:
        found.update({sign.name: 5 if sign.proves else 1 for sign in sentence.signs if sign.kind != "talk"})
        found.update({name: 5 for name, value in sentence.given.items() if value > 0 and name != _PROVES})
        found.update(name for name in sentence.features if name in _TOLD)
    return ", ".join(name for name, _ in found.most_common(4)) or "wording"


def _sponsor(run: Sequence[Sentence]) -> str | None:
    """The names that are credited or whose addresses are given, as the transcript writes them where it does."""
    found: dict[str, str] = {}
    for sentence in run:
        for name in sentence.credited:
            found.setdefault("".join(char for char in name.lower() if char.isalnum()), name)
        for brand in sorted(sentence.brands):
            if not any(brand in known or known in brand for known in found):
                found[brand] = _as_written(brand, run)
    return ", ".join(list(found.values())[:6]) or None


def _as_written(brand: str, run: Sequence[Sentence]) -> str:
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
