"""Fit what each sign of advertising weighs, on episodes with hand-marked advertising.

Belongs here: the examples, and the weights that `insights/sponsor_weights.toml` holds.
Doesn't: finding advertising (`insights/sponsors.py`); saying how good that is (`sponsors.py`).

The model is a logistic regression of single sentences: few parameters, every one held near zero, since seven episodes
are little. A sign of wording has one weight for all its patterns. Words are weighed one by one only where the spots of
two shows at least use them, so that none is a sponsor's name. Sentences of other shows' transcripts, which have no
advertising, since it was cut out where they say "Break:", keep subjects from being taken for signs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from podbrief_assets.evaluation.corpus import MarkedEpisode, typed_transcript
from podbrief_assets.evaluation.fitting import logistic_regression
from podbrief_assets.insights.sponsor_signs import Sign, Weights, counted, signs
from podbrief_assets.insights.sponsors import Sentence, observe
from podbrief_assets.insights.text import rarity
from podbrief_assets.transcripts.segment import Segment

# What a weight is expected to be before any data, and how far from that it may lie: general knowledge of advertising,
# the same for all signs of a class, so that a sign which no training show uses still counts.
PRIORS = {
    "proof": (2.0, 1.0),
    "ad": (0.7, 0.7),
    "talk": (-0.7, 0.7),
    "style": (0.0, 1.0),
    "word": (0.0, 1.5),
    "brand": (1.0, 0.3),
    "repeated": (2.0, 0.5),
    # Of what lies beside a proof, everything in training is advertising up to a break; elsewhere it is the programme.
    "near": (0.3, 0.1),
}
AROUND = {
    "the advertised name": "brand",
    "between mentions of what is advertised": "brand",
    "repeated word for word": "repeated",
    "name in a burst": "near",
    "after a proof": "near",
    "before a proof": "near",
}
LIFT = 0.15  # a missed advertisement costs more than a lost sentence
WORD_SPOTS = 4  # sentences of advertising that a word must occur in
WORD_SHOWS = 2
COMMON = 0.95  # how rare a word may be, as `text.rarity` has it
UNTAUGHT = frozenset(sign.name for sign in signs() if sign.kind == "self")  # hardly ever marked
TALK_EPISODES = 40
TALK_SHARE = 0.5  # what sentences without marks count in all, against those of the marked episodes' programme
TALK_SENTENCES = 150  # an episode


@dataclass(frozen=True)
class Example:
    """A sentence to learn from."""

    features: dict[str, float]
    words: dict[str, float]
    spot: bool
    weight: float
    show: str


def talk(corpus: Path, count: int = TALK_EPISODES) -> list[tuple[str, list[Segment]]]:
    """Transcripts whose advertising was cut out, evenly over the shows that have such."""
    found = []
    for show in sorted((corpus / "transcripts" / "changelog").glob("*")):
        cut = [path for path in sorted(show.glob("*.md")) if "**Break:**" in path.read_text(encoding="utf-8")]
        found += [(show.name, path) for path in cut[:: max(1, len(cut) // (count // 4))]]
    return [(show, typed_transcript(path.read_text(encoding="utf-8"))) for show, path in found]


def examples(episode: MarkedEpisode, patterns: Sequence[Sign]) -> list[Example]:
    """The sentences of a marked episode.

    The marks leave most self-promotion unmarked: sentences that say they are such teach nothing where no mark is.
    """
    found = []
    for sentence in observe(episode.segments, signs=patterns):
        spot = _is_spot(episode, sentence)
        if spot or not any(sign.kind in {"self", "promo"} and sign.proves for sign in sentence.signs):
            found.append(_example(sentence, episode.show, spot, 1.0))
    return found


def talk_examples(transcripts: Sequence[tuple[str, list[Segment]]], patterns: Sequence[Sign]) -> list[Example]:
    """Sentences of programme; those near a word about sponsors are left out, as what the show says for them is."""
    found = []
    for show, segments in transcripts:
        sentences = observe(segments, signs=patterns)
        near = {
            number + step
            for number, sentence in enumerate(sentences)
            if any(sign.proves or sign.name == "sponsor named" for sign in sentence.signs)
            for step in range(-8, 9)
        }
        kept = [sentence for number, sentence in enumerate(sentences) if number not in near]
        step = max(1, len(kept) // TALK_SENTENCES)
        found += [_example(sentence, f"talk/{show}", False, 1.0) for sentence in kept[::step]]
    return found


def _is_spot(episode: MarkedEpisode, sentence: Sentence) -> bool:
    count = max(1, len(sentence.folded))
    step = (sentence.end_s - sentence.start_s) / count
    return sum(episode.marked(sentence.start_s + step * (index + 0.5)) for index in range(count)) * 2 >= count


def _example(sentence: Sentence, show: str, spot: bool, weight: float) -> Example:
    # A long sentence says more than a remark, though not as many times more as it has words.
    return Example(
        {name: value for name, value in sentence.features.items() if name not in UNTAUGHT},
        counted(sentence.folded),
        spot,
        weight * (max(1, len(sentence.folded)) / 12) ** 0.5,
        show,
    )


def fit(marked: Sequence[Example], programme: Sequence[Example]) -> Weights:
    """The weights of a ridge-penalised logistic regression, by Newton's method."""
    own = sum(one.weight for one in marked if not one.spot)
    other = sum(one.weight for one in programme) or 1.0
    rows = [*marked, *programme]
    weight = np.array(
        [one.weight * (TALK_SHARE * own / other if one.show.startswith("talk/") else 1.0) for one in rows]
    )
    # All signs: one that no training show uses keeps what was expected of it.
    names = sorted({name for one in rows for name in one.features} | {sign.name for sign in signs()} - UNTAUGHT)
    words = _words(marked)
    columns = {name: number for number, name in enumerate(names)} | {
        f"word {word}": len(names) + number for number, word in enumerate(words)
    }
    table = np.zeros((len(rows), len(columns) + 1))
    for number, one in enumerate(rows):
        for name, value in one.features.items():
            table[number, columns[name]] = value
        for word, value in one.words.items():
            if (column := columns.get(f"word {word}")) is not None:
                table[number, column] = value
    table[:, -1] = 1.0
    priors = np.array([PRIORS[_class(name)] for name in names] + [PRIORS["word"]] * len(words) + [(0.0, 10.0)])
    labels = np.array([one.spot for one in rows], float)
    beta = logistic_regression(table, labels, weight, priors[:, 0], 1 / priors[:, 1] ** 2)
    found = dict(zip([*columns, "bias"], beta, strict=True))
    # The path that decides knows by itself that advertising is rare.
    found["bias"] += LIFT - np.log((weight @ labels) / (weight @ (1 - labels)))
    return Weights(
        bias=found.pop("bias"),
        signs={name: value for name, value in found.items() if not name.startswith("word ")},
        words={name.removeprefix("word "): value for name, value in found.items() if name.startswith("word ")},
    )


def _class(name: str) -> str:
    """Which expectation a feature falls under."""
    for sign in signs():
        if sign.name == name:
            return "talk" if sign.kind == "talk" else "proof" if sign.proves else "ad"
    return AROUND.get(name, "style")


def _words(marked: Sequence[Example]) -> list[str]:
    """The words that are weighed: used in the spots of several shows, and common enough to be no name."""
    spots: Counter[str] = Counter()
    shows: dict[str, set[str]] = defaultdict(set)
    for one in marked:
        if one.spot:
            spots.update(one.words.keys())
            for word in one.words:
                shows[word].add(one.show)
    return sorted(
        word
        for word, count in spots.items()
        if count >= WORD_SPOTS and len(shows[word]) >= WORD_SHOWS and word.isalpha() and rarity(word) <= COMMON
    )


def written(weights: Weights) -> str:
    """The file that ships."""
    lines = [
        "# What each sign, measure and word adds to the logarithm of the odds that a sentence is advertising.",
        "# Fitted by benchmarks/fit_sponsors.py: not to be edited.",
        "",
        f"bias = {weights.bias:.2f}",
        "",
        "[signs]",
        *_table(weights.signs),
        "",
        "# Each counts once in a sentence, divided by the square root of the sentence's length.",
        "[words]",
        *_table({word: value for word, value in weights.words.items() if abs(value) >= 0.05}),
        "",
    ]
    return "\n".join(lines)


def _table(values: Mapping[str, float]) -> list[str]:
    ordered = sorted(values.items(), key=lambda one: (-round(one[1], 2), one[0]))
    return [f'"{name}" = {value:.2f}' for name, value in ordered]
