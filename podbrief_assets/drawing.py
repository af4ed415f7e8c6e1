"""What all pictures in Dagster's UI share: an SVG's frame, and colours that stand out from white and from black.

Belongs here: the frame, grey, text that is safe in it.
Doesn't: what is drawn (each stage's `picture.py`), how the UI shows it (`lake/io_manager.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

GREY: Final = "#808a96"
WIDTH: Final = 640  # pixels, as wide as the UI shows a picture


def svg(height: int, parts: Iterable[str]) -> str:
    """A picture `WIDTH` wide and `height` high, in pixels, of the elements in `parts`."""
    frame = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="sans-serif" font-size="11" fill="{GREY}">'
    )
    return "".join((frame, *parts, "</svg>"))


def words(x: float, y: float, said: str, anchor: str = "start") -> str:
    """Text whose `anchor` (start, middle or end) stands at `x`, its base line at `y`."""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(said)}</text>'
