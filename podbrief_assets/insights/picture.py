"""A picture of what the gates refuse: how many of a day's proposals break each rule.

Belongs here: counting refusals by rule, and drawing the counts as SVG.
Doesn't: the rules (`grounding/`), where a picture is shown (`assets.py`).

A rule has one bar however many proposals there are, since Dagster keeps the picture in an event for good.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from podbrief_assets.drawing import WIDTH, svg, words

_COLOUR: Final = "#d9534f"
_ROW, _TOP, _NAMES, _COUNTS = 20, 26, 130, 110
_MOST_RULES: Final = 24


def refusals_by_rule(refused: Mapping[str, int], proposed: int) -> str:
    """An SVG with a bar for each rule that refused something, the longest first.

    Args:
        refused: How many proposals broke each rule; one is refused by the first rule that it breaks.
        proposed: How many proposals there were, accepted ones among them.
    """
    ordered = sorted(refused.items(), key=lambda item: (-item[1], item[0]))[:_MOST_RULES]
    total = sum(refused.values())
    drawn = [words(0, 14, f"{total:,} of {proposed:,} proposals refused ({_share(total, proposed)}), by rule")]
    scale = (WIDTH - _NAMES - _COUNTS) / max((count for _, count in ordered), default=1)
    for row, (rule, count) in enumerate(ordered):
        y = _TOP + row * _ROW
        drawn += [
            words(_NAMES - 8, y + 13, rule[:24], "end"),
            f'<rect x="{_NAMES}" y="{y + 3}" width="{count * scale:.1f}" height="{_ROW - 6}" fill="{_COLOUR}"/>',
            words(_NAMES + count * scale + 6, y + 13, f"{count:,} ({_share(count, proposed)})"),
        ]
    return svg(_TOP + max(1, len(ordered)) * _ROW, drawn)


def _share(count: int, of: int) -> str:
    return f"{count / of:.1%}" if of else "none"
