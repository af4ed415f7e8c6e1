"""Hand a day's briefs over, one after another, so that nobody gets two.

Belongs here: the order of claiming, asking whether somebody still wants it, beginning, delivering and settling.
Doesn't: the ledger's promises (`ledger.py`), the mail (`compose.py`), who is due (`due.py`), Dagster (`assets.py`).
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine

from podbrief_assets.database import session
from podbrief_assets.delivery.ledger import Claim, Ledger, Wanted, message_id
from podbrief_assets.delivery.mailer import Mail, Mailer, MailerDown, RecipientGone, Unanswered
from podbrief_assets.errors import PermanentFailure, PodbriefError, TransientFailure
from podbrief_assets.subscribers import database as subscribers
from podbrief_assets.subscribers.status import IllegalTransition

# A claim of its own for each brief would be a third of the database's work. What a run that dies had claimed and not
# begun costs the next one a look each.
_CLAIMED_AT_ONCE = 100
# A server that defers this many in a row defers them all: over its quota, or suspicious of us.
_DEFERRED_IN_A_ROW = 50

Rows = list[dict[str, Any]]
Compose = Callable[[Claim, Rows, str], Mail]


@dataclass
class HandOver:
    """What came of handing briefs over.

    Attributes:
        delivered: How many the mailer took.
        failed: Subscriber and reason of those that it did not take, or perhaps took.
        stopped: Why the rest was not even tried; None where all were.
    """

    delivered: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    stopped: str | None = None


def hand_over(
    briefs: Iterable[tuple[str, Rows]],
    day: dt.date,
    *,
    engine: Engine,
    mailer: Mailer,
    compose: Compose,
    domain: str,
    run_id: str | None = None,
) -> HandOver:
    """Hand over each of `briefs` that nobody has handed over.

    May be killed at any moment and started again, and may run several times at once: see `ledger.py`. It stops where
    the mailer takes nothing from anybody, or the day is held; what was claimed and not begun is then free again.

    Args:
        briefs: Each subscriber's rows of `user_briefs`, in one order for all runs.
        compose: The mail for a claim, the brief's rows and an address.
        domain: That of the Message-IDs.
    """
    done, ledger, deferred = HandOver(), Ledger(engine), 0
    for batch in _batches(briefs):
        if (why := ledger.held(day)) is not None:
            done.stopped = f"the day is held ({why}): `podbrief deliveries release {day}` lets it go"
            return done
        wanted = [
            Wanted(subscriber_id=one, message_id=message_id(one, day, domain), entries=len(rows)) for one, rows in batch
        ]
        claims = ledger.claim(wanted, day, idempotent=mailer.idempotent, run_id=run_id)
        rows_of, waiting = dict(batch), list(reversed(claims))
        try:
            while waiting:
                claim = waiting.pop()
                problem = _one(claim, rows_of[claim.subscriber_id], engine, ledger, mailer, compose)
                if problem is None:
                    done.delivered, deferred = done.delivered + 1, 0
                elif isinstance(problem, _Cancelled):
                    deferred = 0
                elif isinstance(problem, MailerDown):
                    done.stopped = str(problem)
                    return done
                else:
                    done.failed.append((claim.subscriber_id, str(problem)))
                    deferred = deferred + 1 if isinstance(problem, TransientFailure) else 0
                if deferred >= _DEFERRED_IN_A_ROW:
                    done.stopped = f"the last {deferred} mails were all deferred; the next run tries again"
                    return done
        finally:
            ledger.release(waiting)
    return done


class _Cancelled(PermanentFailure):
    """Nobody wants the brief any more."""


class _Lost(MailerDown):
    """The day is held, or another run hands over what was claimed."""


def _one(
    claim: Claim, rows: Rows, engine: Engine, ledger: Ledger, mailer: Mailer, compose: Compose
) -> PodbriefError | None:
    """Hand one claimed brief over and settle it; None where it was taken, else what came instead."""
    # Asked at the last moment: whoever left since the brief was made gets none.
    with session(engine, read_only=True) as transaction:
        wants = subscribers.is_active(transaction, claim.subscriber_id)
        address = subscribers.address_of(transaction, claim.subscriber_id) if wants else None
    if address is None:
        ledger.settle(claim, "cancelled", "no longer subscribed when it was to be handed over")
        return _Cancelled("no longer subscribed")
    problem: PodbriefError | None = None
    try:
        mail = compose(claim, rows, address)
        if not ledger.begin(claim):
            raise _Lost("the day was held, or another run took over, while it was at work")
        ledger.settle(claim, "delivered", mailer.deliver(mail))
    except TransientFailure as error:
        ledger.release([claim])
        problem = error
    except Unanswered as error:
        remedy = (
            f"look whether its log has {claim.message_id}, then `podbrief deliveries settle {claim.subscriber_id} "
            f"{claim.day} delivered`, or `resend`"
        )
        problem = Unanswered(error.what, remedy)
        ledger.settle(claim, "unknown", str(problem))
    except PermanentFailure as error:
        ledger.settle(claim, "refused", str(error))
        problem = error
        if isinstance(error, RecipientGone):
            # They may have left in this second, which no bounce undoes.
            with suppress(IllegalTransition, subscribers.UnknownSubscriber), session(engine) as transaction:
                subscribers.set_status(transaction, claim.subscriber_id, "bounced", why=error.what)
    return problem


def _batches(briefs: Iterable[tuple[str, Rows]]) -> Iterator[list[tuple[str, Rows]]]:
    waiting = iter(briefs)
    while batch := list(itertools.islice(waiting, _CLAIMED_AT_ONCE)):
        yield batch
