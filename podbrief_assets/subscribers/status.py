"""How somebody stands with podbrief, and what may become of it.

Belongs here: the states of a subscriber, the transitions that are allowed, and those that need the person's consent.
Doesn't: storing a state (`database.py`), forgetting somebody (`forgetting.py`).

    pending ──► active ◄──► paused      only `active` gets briefs; `pending` have yet to confirm that they want them
    bounced                             from active and paused; back to active once their mailbox takes mail again
    unsubscribed                        from all of these; back by their own new consent alone
    forgotten                           from every state, and never stored: nothing of the person is left
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

from podbrief_assets.errors import PermanentFailure

Status = Literal["pending", "active", "paused", "unsubscribed", "bounced", "forgotten"]

TRANSITIONS: Final[Mapping[Status, frozenset[Status]]] = {
    "pending": frozenset({"active", "unsubscribed", "forgotten"}),
    "active": frozenset({"paused", "unsubscribed", "bounced", "forgotten"}),
    "paused": frozenset({"active", "unsubscribed", "bounced", "forgotten"}),
    "unsubscribed": frozenset({"pending", "active", "forgotten"}),
    "bounced": frozenset({"active", "unsubscribed", "forgotten"}),
    "forgotten": frozenset(),
}

# Nobody else may answer for somebody who has not said yes yet, or has said no.
NEEDS_CONSENT: Final[frozenset[tuple[Status, Status]]] = frozenset({("pending", "active"), ("unsubscribed", "active")})


class BadStatus(PermanentFailure):
    """There is no such state."""


class IllegalTransition(PermanentFailure):
    """Somebody in one state can't be brought to the other."""


def checked_status(status: str) -> Status:
    """`status` if it is one.

    Raises:
        BadStatus: It isn't.
    """
    for known in get_args(Status):
        if status == known:
            return known  # type: ignore[no-any-return]
    raise BadStatus(f"unknown status {status[:40]!r}", f"use one of {', '.join(get_args(Status))}")


def check_transition(now: Status, then: Status, *, consented: bool) -> None:
    """Whether somebody who is `now` may become `then`.

    Args:
        consented: Whether there is evidence that they themselves asked for it.

    Raises:
        IllegalTransition: They may not, or not without consent.
    """
    if then == "forgotten":
        raise IllegalTransition(
            "forgetting somebody is more than a status",
            "use `podbrief subscribers forget`, which removes everything",
        )
    if then not in TRANSITIONS[now]:
        raise IllegalTransition(
            f"a subscriber who is {now} can't become {then}",
            f"from {now} one comes to {', '.join(sorted(TRANSITIONS[now])) or 'nothing else'}",
        )
    if (now, then) in NEEDS_CONSENT and not consented:
        raise IllegalTransition(
            f"a subscriber who is {now} becomes {then} by their own consent only",
            'give its evidence, as in --consent "asked for it by mail on 3 May"',
        )
