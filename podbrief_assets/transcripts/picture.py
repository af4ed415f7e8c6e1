"""A picture of a day's episodes: how long they are, and where their words came from.

Belongs here: counting them by length, and drawing the counts as SVG.
Doesn't: where a picture is shown (`assets.py`).

It is as large for ten thousand episodes as for ten, since Dagster keeps it in an event for good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from podbrief_assets.drawing import GREY, WIDTH, svg, words

# In minutes: a class ends before its number. Shows last a quarter of an hour, half a one, an hour, or more.
ENDS: Final = (5, 15, 30, 45, 60, 90, 120, 180)
# What an origin is called, and its colour: each stands out from white and from black, and from the others in grey.
ORIGINS: Final = {
    "publisher": ("publisher's transcript", "#2f6fde"),
    "recognised": ("recognised", "#2aa876"),
    "none": ("no words", "#d9534f"),
}
_HEIGHT, _LEFT, _TOP, _BASE = 210, 12, 46, 176


def counts(lengths_s: Mapping[str, Sequence[float | None]]) -> dict[str, list[int]]:
    """How many episodes of each origin are how long: one number for each class of `ENDS`, for longer, for unknown."""
    found = {origin: [0] * (len(ENDS) + 2) for origin in ORIGINS}
    for origin, lengths in lengths_s.items():
        for length_s in lengths:
            place = len(ENDS) + 1 if not length_s else sum(length_s >= end * 60 for end in ENDS)
            found[origin][place] += 1
    return found


def lengths_by_origin(lengths_s: Mapping[str, Sequence[float | None]]) -> str:
    """An SVG of the lengths of audio, in seconds, of each origin's episodes."""
    found = counts(lengths_s)
    totals = [sum(column) for column in zip(*found.values(), strict=True)]
    step = (WIDTH - 2 * _LEFT) / len(totals)
    scale = (_BASE - _TOP - 14) / max(*totals, 1)
    drawn: list[str] = []
    left = float(_LEFT)
    for origin, (name, colour) in ORIGINS.items():
        hours = sum(length_s or 0 for length_s in lengths_s.get(origin, ())) / 3600
        said = f"{name}: {sum(found[origin]):,} ({hours:,.1f} h)"
        drawn += [
            f'<rect x="{left:g}" y="10" width="10" height="10" fill="{colour}"/>',
            words(left + 15, 19, said),
        ]
        left += 40 + 6.2 * len(said)
    for place, (label, total) in enumerate(zip(_labels(), totals, strict=True)):
        x, y = _LEFT + place * step, float(_BASE)
        for origin, (_, colour) in ORIGINS.items():
            if height := found[origin][place] * scale:
                y -= height
                drawn.append(
                    f'<rect x="{x + 4:.1f}" y="{y:.1f}" width="{step - 8:.1f}" height="{height:.1f}" fill="{colour}"/>'
                )
        drawn.append(words(x + step / 2, _BASE + 15, label, "middle"))
        if total:
            drawn.append(words(x + step / 2, y - 4, f"{total:,}", "middle"))
    drawn += [
        f'<path d="M{_LEFT} {_BASE}.5H{WIDTH - _LEFT}" stroke="{GREY}"/>',
        words(WIDTH / 2, _HEIGHT - 4, "minutes of audio", "middle"),
    ]
    return svg(_HEIGHT, drawn)


def _labels() -> list[str]:
    between = [f"{begin}–{end}" for begin, end in pairwise(ENDS)]
    return [f"up to {ENDS[0]}", *between, f"over {ENDS[-1]}", "unknown"]
