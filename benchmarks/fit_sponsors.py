"""Fit what each sign of advertising weighs, on the marked episodes of the corpus.

Writes `podbrief_assets/insights/sponsor_weights.toml`; `benchmarks/sponsors.py` fits in the same way, leaving one show
out at a time, to say what the weights are worth on a show that they never saw.

    python benchmarks/fit_sponsors.py [--corpus ../shared/corpus] [--check]

`--check` writes nothing and exits with 1 where the file differs from what would be written.

The model is a logistic regression of single sentences: few parameters, every one held near zero, since seven episodes
are little. A sign of wording has one weight for all its patterns. Words are weighed one by one only where the spots of
two shows at least use them, so that none is a sponsor's name. Sentences of other shows' transcripts, which have no
advertising, since it was cut out where they say "Break:", keep subjects from being taken for signs.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from podbrief_assets.insights.sponsor_signs import Sign, Weights, counted, signs
from podbrief_assets.insights.sponsors import Sentence, observe
from podbrief_assets.insights.text import rarity
from podbrief_assets.transcripts.segment import Segment

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
PLACE = Path(__file__).resolve().parents[1] / "podbrief_assets" / "insights" / "sponsor_weights.toml"

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
_TURN = re.compile(r"^\*\*([^*]{1,60}?):?\*\*:?\s*(.*)$")


@dataclass(frozen=True)
class Episode:
    """A recognised episode with its marks.

    Attributes:
        marks: Where its advertising starts and ends, in seconds.
    """

    show: str
    description: str
    segments: list[Segment]
    marks: list[tuple[float, float]]

    def marked(self, seconds: float) -> bool:
        """Whether what is said then is advertising."""
        return any(start <= seconds < end for start, end in self.marks)


@dataclass(frozen=True)
class Example:
    """A sentence to learn from."""

    features: dict[str, float]
    words: dict[str, float]
    spot: bool
    weight: float
    show: str


def marked_episodes(corpus: Path) -> list[Episode]:
    """The recognised episodes with hand-marked advertising."""
    found = []
    for path in sorted((corpus / "ads").glob("*.json")):
        read = json.loads(path.read_text(encoding="utf-8"))
        segments = [Segment(start_s=one["start"], end_s=one["end"], text=one["text"]) for one in read["segments"]]
        marks = [(one["start"], one["end"]) for one in read["sponsor_spans"]]
        found.append(Episode(read["show"], read["description"], segments, marks))
    return found


def typed_transcript(text: str, rate: float = 2.7) -> list[Segment]:
    """A transcript as people typed it, a segment for each paragraph, times as `rate` words a second would give them."""
    found: list[Segment] = []
    at = 0.0
    speaker = None
    for line in text.splitlines():
        turn = _TURN.match(line.strip())
        said = re.sub(r"\\?\[[^\]]{0,20}\]|\*|\(http[^)]*\)|[\[\]]", " ", turn[2] if turn else line)
        speaker = turn[1] if turn else speaker
        if turn and turn[1].lower() == "break":
            at += 2.0
        elif said.strip():
            end = at + len(said.split()) / rate
            found.append(Segment(start_s=at, end_s=end, speaker=speaker, text=" ".join(said.split())))
            at = end
    return found


def talk(corpus: Path, count: int = TALK_EPISODES) -> list[tuple[str, list[Segment]]]:
    """Transcripts whose advertising was cut out, evenly over the shows that have such."""
    found = []
    for show in sorted((corpus / "transcripts" / "changelog").glob("*")):
        cut = [path for path in sorted(show.glob("*.md")) if "**Break:**" in path.read_text(encoding="utf-8")]
        found += [(show.name, path) for path in cut[:: max(1, len(cut) // (count // 4))]]
    return [(show, typed_transcript(path.read_text(encoding="utf-8"))) for show, path in found]


def examples(episode: Episode, patterns: Sequence[Sign]) -> list[Example]:
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


def _is_spot(episode: Episode, sentence: Sentence) -> bool:
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
    beta = _newton(table, labels, weight, priors[:, 0], 1 / priors[:, 1] ** 2)
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


def _newton(
    table: np.ndarray, labels: np.ndarray, weight: np.ndarray, mean: np.ndarray, penalty: np.ndarray
) -> np.ndarray:
    beta = mean.copy()
    for _ in range(100):
        chance = 1 / (1 + np.exp(-np.clip(table @ beta, -30, 30)))
        gradient = table.T @ (weight * (labels - chance)) - penalty * (beta - mean)
        curvature = (table * (weight * chance * (1 - chance))[:, None]).T @ table + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        beta += step
        if np.abs(step).max() < 1e-6:
            break
    return beta


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


def _table(values: dict[str, float]) -> list[str]:
    ordered = sorted(values.items(), key=lambda one: (-round(one[1], 2), one[0]))
    return [f'"{name}" = {value:.2f}' for name, value in ordered]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    marked = [example for episode in marked_episodes(options.corpus) for example in examples(episode, signs())]
    text = written(fit(marked, talk_examples(talk(options.corpus), signs())))
    if options.check:
        same = PLACE.read_text(encoding="utf-8") == text
        print("as it ships" if same else "differs from what ships")
        return 0 if same else 1
    PLACE.write_text(text, encoding="utf-8")
    print(f"{PLACE}: {text.count(' = ')} weights")
    return 0


if __name__ == "__main__":
    sys.exit(main())
