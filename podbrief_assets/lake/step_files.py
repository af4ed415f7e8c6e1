"""What one step of a job hands to the next one.

Belongs here: an IO manager that keeps it as JSON at any fsspec address, since the steps may run on different machines.
Doesn't: tables (`io_manager.py`), what is expensive (`cache.py`).
"""

from __future__ import annotations

import json
from typing import Any

import dagster as dg
from upath import UPath

from podbrief_assets.lake import files


class StepFiles(dg.ConfigurableIOManager):
    """Keeps small JSON values below `root`, by run and step: a run that goes on after a failure finds them there."""

    root: str

    def _place(self, context: dg.OutputContext) -> UPath:
        run, *rest = context.get_identifier()
        return UPath(self.root) / run / f"{'.'.join(rest)}.json"

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Keep a value."""
        files.write_bytes(self._place(context), json.dumps(obj, ensure_ascii=False).encode())

    def load_input(self, context: dg.InputContext) -> Any:
        """The value that the step before kept."""
        assert context.upstream_output is not None  # noqa: S101 - every input of ours is a step's output
        return json.loads(self._place(context.upstream_output).read_bytes())
