"""The kinds of failure that podbrief tells apart.

Belongs here: the two bases that decide whether a failure is tried again.
Doesn't: the failures themselves; each module names its own.
"""

from __future__ import annotations


class PodbriefError(Exception):
    """A failure that an operator can read: what went wrong with which item, and what to do next.

    `str()` gives both as one line, because that line is what ends up in a table's `error` column and on a terminal.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what = " ".join(what.split())
        self.remedy = " ".join(remedy.split())

    def __str__(self) -> str:
        return f"{self.what}: {self.remedy}" if self.remedy else self.what


class PermanentFailure(PodbriefError):
    """Trying again with the same input gives the same failure, so nobody does."""


class TransientFailure(PodbriefError):
    """The next run may well succeed, so the item is tried again then."""
