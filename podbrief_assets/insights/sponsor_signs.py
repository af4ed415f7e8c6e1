"""Read a sentence for what speaks for its being advertising, as numbers that a model can weigh.

Belongs here: the signs of wording (`sponsor_signs.toml`), the measures of style, the words that are weighed one by one.
Doesn't: how much each weighs (`sponsor_weights.toml`, fitted), what its neighbours say (sponsors.py).
"""

from __future__ import annotations

import functools
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final, Literal

from podbrief_assets.insights.text import FUNCTION_WORDS, vocabulary

Kind = Literal["ad", "promo", "self"]

TOP_LEVELS: Final = "com|org|net|io|co|tv|fm|ai|app|dev|edu|gov|shop|store|tech|health|me|us|info|tax|team|bet|co\\.uk"
# Recognisers write "acme.com", "acme .com" and "acme dot com".
DOMAIN: Final = rf"[a-z0-9][a-z0-9-]{{1,40}}(?: ?\.| dot )(?:{TOP_LEVELS})\b"

_YOU: Final = vocabulary("you your you're you'll you've you'd yours yourself y'all")
_I: Final = vocabulary("i i'm i've i'd i'll me my mine myself")
_WE: Final = vocabulary("we our us we're we've we'll")
_OTHERS: Final = vocabulary("he she him her his hers they them their he's she's they're he'd she'd they'd")
_NUMBER: Final = re.compile(r"\d")
_MONEY: Final = re.compile(r"[$€£%]|\bdollars?\b|\bpercent\b")
_REMARK_WORDS: Final = 6


@dataclass(frozen=True)
class Sign:
    """A class of wording.

    Attributes:
        kind: What it is a sign of; `talk` is the programme itself.
        proves: Whether nobody says it in conversation.
    """

    name: str
    kind: Literal["ad", "promo", "self", "talk"]
    proves: bool
    patterns: tuple[str, ...]

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        """All its patterns as one."""
        return compiled(self.patterns)


def compiled(patterns: Sequence[str]) -> re.Pattern[str]:
    """`patterns` as one alternation, addresses filled in."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns).replace("{domain}", DOMAIN))


@functools.cache
def signs() -> tuple[Sign, ...]:
    """The classes of wording, in the order of the file."""
    text = resources.files("podbrief_assets.insights").joinpath("sponsor_signs.toml").read_text(encoding="utf-8")
    return tuple(
        Sign(one["name"], one["kind"], one["proves"], tuple(one["patterns"])) for one in tomllib.loads(text)["sign"]
    )


@dataclass(frozen=True)
class Weights:
    """What each sign, measure and word adds to the logarithm of the odds that a sentence is advertising.

    Attributes:
        bias: The odds of a sentence with none of them.
        signs: By name of a sign, of a measure of `style`, or of what `sponsors.py` finds in the surroundings.
        words: By folded word; each counts once, divided by the square root of the sentence's length.
    """

    bias: float
    signs: Mapping[str, float]
    words: Mapping[str, float]


@functools.cache
def fitted() -> Weights:
    """The weights that ship, fitted on all marked episodes."""
    text = resources.files("podbrief_assets.insights").joinpath("sponsor_weights.toml").read_text(encoding="utf-8")
    found = tomllib.loads(text)
    return Weights(found["bias"], found["signs"], found["words"])


def plain(text: str) -> str:
    """`text` as the signs are searched in it."""
    return text.replace("\u2019", "'").lower()


def style(folded: Sequence[str], lowered: str) -> dict[str, float]:
    """How a sentence speaks, each measure about 0 to 1.

    Args:
        folded: Its words.
        lowered: Its text, as `plain` makes it.
    """
    count = max(1, len(folded))

    def share(of: frozenset[str]) -> float:
        return min(1.0, 5 * sum(word in of for word in folded) / count)

    content = sum(word not in FUNCTION_WORDS for word in folded) / count
    return {
        "speaks to you": share(_YOU),
        "speaks of itself": share(_I),
        "speaks of us": share(_WE),
        "speaks of others": share(_OTHERS),
        "dense": content if count > _REMARK_WORDS else 0.5,
        "remark": float(count <= _REMARK_WORDS),
        "long": min(1.0, math.log1p(count) / 4),
        "asks": float(lowered.endswith("?")),
        "number": float(bool(_NUMBER.search(lowered))),
        "money": float(bool(_MONEY.search(lowered))),
        "long words": min(1.0, sum(len(word) >= 8 for word in folded) / count * 3),
    }


def counted(folded: Sequence[str]) -> dict[str, float]:
    """The words of a sentence and how much each counts."""
    scale = 1 / math.sqrt(max(4, len(folded)))
    return {word: scale for word in set(folded) if word}
