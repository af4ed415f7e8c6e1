"""What every script that fits weights does with them.

Belongs here: the arguments, and writing a file of weights that ships, or saying whether it is what ships.
Doesn't: fitting (`podbrief_assets/evaluation/`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).resolve().parents[1] / "podbrief_assets"
CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"


class Fitted(NamedTuple):
    """A file of weights, as it would be written.

    Attributes:
        text: All of it.
        told: What was fitted on how much, for whoever watches.
    """

    text: str
    told: str


def _same(one: str, other: str) -> bool:
    return one == other


def ship(
    doc: str | None, place: Path, fitted: Callable[[Path], Fitted], alike: Callable[[str, str], bool] = _same
) -> int:
    """Write what `fitted` makes of the corpus to `place`; with `--check` only say whether it ships. The exit status.

    Args:
        doc: The script's docstring.
        alike: Whether two texts of the file say the same.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(sys.argv[1:])
    found = fitted(options.corpus)
    if options.check:
        same = alike(place.read_text(encoding="utf-8"), found.text)
        print("as it ships" if same else "differs from what ships")
        return 0 if same else 1
    place.write_text(found.text, encoding="utf-8")
    print(f"{place.name}: {found.told}")
    return 0
