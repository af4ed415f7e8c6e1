"""What a language model's tokens cost.

Belongs here: the price table (`prices.toml`), the operator's own one, and the sum for one answer.
Doesn't: counting tokens, which the server does; budgets.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from podbrief_assets.errors import PermanentFailure

# Providers date their snapshots: "gpt-4o-mini-2024-07-18" costs what "gpt-4o-mini" does.
_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")


class BadPriceTable(PermanentFailure):
    """The operator's price table can't be read."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """US dollars per million tokens.

    Attributes:
        cached_input: For prompt tokens that the provider had in its cache; None where they cost the same.
        batch_factor: What a request in a batch costs, as a share of the same request by itself.
    """

    input: float
    output: float
    cached_input: float | None = None
    batch_factor: float = 1.0

    def cost_usd(self, tokens_in: int, tokens_out: int, cached_in: int = 0) -> float:
        """What an answer cost in US dollars; `cached_in` of its prompt tokens were in the provider's cache."""
        cached_in = min(cached_in, tokens_in)
        cached_rate = self.input if self.cached_input is None else self.cached_input
        return ((tokens_in - cached_in) * self.input + cached_in * cached_rate + tokens_out * self.output) / 1_000_000


def price_of(model: str, own_table: Path | None = None) -> Price | None:
    """The price of `model`, or None where neither table lists it.

    Raises:
        BadPriceTable: `own_table` is given and is no price table.
    """
    tables = [_own(own_table)] if own_table else []
    for table in (*tables, _published()):
        for name in (model, _SNAPSHOT.sub("", model)):
            if name in table:
                return table[name]
    return None


def _published() -> dict[str, Price]:
    text = resources.files("podbrief_assets.insights").joinpath("prices.toml").read_text(encoding="utf-8")
    return _read(tomllib.loads(text))


def _own(path: Path) -> dict[str, Price]:
    try:
        return _read(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValueError) as error:
        raise BadPriceTable(
            f"the price table {path} can't be read ({error})",
            'correct the file that PODBRIEF_LLM_PRICES names: [models], then "model" = { input = 0.1, output = 0.4 }',
        ) from error


def _read(table: Mapping[str, Any]) -> dict[str, Price]:
    models = table.get("models")
    if not isinstance(models, dict):
        raise ValueError("it has no table [models]")
    batch_factor = table.get("batch_factor", 1.0)
    if isinstance(batch_factor, bool) or not isinstance(batch_factor, int | float) or not 0 <= batch_factor <= 1:
        raise ValueError("batch_factor is no share from 0 to 1")
    return {name: _price(name, entry, batch_factor) for name, entry in models.items()}


def _price(name: str, entry: object, batch_factor: float) -> Price:
    if not isinstance(entry, dict) or not {"input", "output"} <= entry.keys() <= {"input", "output", "cached_input"}:
        raise ValueError(f"{name} needs input and output, and may have cached_input")
    for key, value in entry.items():
        # `not >=` also refuses nan.
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
            raise ValueError(f"{name}: {key} is no price")
    return Price(**entry, batch_factor=batch_factor)
