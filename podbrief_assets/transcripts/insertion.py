"""Tell whether a host inserts advertising, so that times in a listener's copy differ from those in the transcript.

Belongs here: the hosts that are known to (`inserting_hosts.toml`), and what differing lengths say.
Doesn't: advertising that everybody hears (`insights/sponsors.py`), the link that starts earlier (`briefs/assets.py`).
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

import polars as pl

# Publishers round, cut silence, and measure before an encoder's padding; the shortest spot has 15 s.
_SLACK_S = 15.0


def inserts_advertising(audio_url: pl.Expr, stated_s: pl.Expr, transcribed_s: pl.Expr, origin: pl.Expr) -> pl.Expr:
    """Whether a listener's copy probably runs differently from the transcribed one: Boolean, never null.

    Audio that was heard differs from what the feed states by more than 15 s, or a publisher's transcript goes on for
    longer than that after the stated end (it may end earlier: words stop before music does); or the host is known.

    Args:
        audio_url: The enclosure's address.
        stated_s: Length by the feed, in seconds; null or 0 where it says nothing.
        transcribed_s: Length of what was transcribed, in seconds.
        origin: `publisher`, `recognised` or `none`.
    """
    longer = transcribed_s - stated_s
    apart = pl.when(origin == "recognised").then(longer.abs()).otherwise(longer) > _SLACK_S
    known = audio_url.str.contains(_hosts())
    return known.fill_null(False) | ((stated_s > 0) & apart).fill_null(False)


@cache
def _hosts() -> str:
    """A regular expression for the known hosts, wherever they stand in an address."""
    stated = tomllib.loads(Path(__file__).with_name("inserting_hosts.toml").read_text(encoding="utf-8"))
    names = "|".join(re.escape(name) for name in sorted(stated["hosts"]))
    return rf"(?i)[/.@](?:{names})(?:[:/]|$)"
