"""Keep the addresses of private shows out of what is told.

Belongs here: what may be shown of a private feed's address, and cutting addresses short in lines that tell of it.
Doesn't: which feeds are private and sealing their items' addresses (private.py).

`net.displayed` leaves out the query, which is where most secrets are. A paid feed's token also stands in paths, and a
redirect may carry it to any other address, so of a private show no path is shown at all.
"""

from __future__ import annotations

import re

from podbrief_assets import net
from podbrief_assets.episodes import private

# With a scheme, or a host and a path: guids made of addresses have none. What follows a quotation mark or a bracket may
# still be of the address, but not what ends it.
_PATH = r"(?:[^\s<>\"“”]*[^\s<>\"“”.,;:!?)\]'’])?"
_ADDRESS = re.compile(
    rf"https?://{_PATH}|(?<![\w.@-])(?:[^\s/@<>\"“”()]+@)?[\w-]++(?:\.[\w-]++)+(?::\d+)?[/?]{_PATH}", re.IGNORECASE
)


def host_of(url: str) -> str:
    """What may be shown of a private address: `https://host/…`, or `host/…` where it has no scheme."""
    scheme, mark, rest = url.strip().rpartition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    return f"{scheme}{mark}{host}/…"


def shown(address: str, *, is_private: bool = False) -> str:
    """An address as it may be shown: of a private one, or one that looks private, the host."""
    return host_of(address) if is_private or private.is_private(address) else net.displayed(address)


def hushed(text: str) -> str:
    """`text`, which tells of a private show, with every address in it cut down to its host."""
    return _ADDRESS.sub(lambda found: host_of(found.group()), text)


def hushed_where_private(text: str) -> str:
    """`text`, which may tell of any show, with those addresses cut short that look private."""
    return _ADDRESS.sub(
        lambda found: host_of(found.group()) if private.is_private(found.group()) else found.group(), text
    )
