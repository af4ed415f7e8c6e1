"""The addresses in a mail that lead back to podbrief: to leave, and to say what an insight was worth.

Belongs here: making them for one subscriber, reading what they say, and asking whether they are answered.
Doesn't: the pages that they lead to (`web/mail_pages.py`), signatures (`tokens.py`).
"""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

from podbrief_assets import net, tokens
from podbrief_assets.errors import PermanentFailure, PodbriefError, TransientFailure
from podbrief_assets.tokens import BadToken, Keys

VoteKind = Literal["up", "down", "already_knew"]

# Whom a mail that an operator sends to themselves belongs to: nobody, so its links change nothing.
NOBODY = "test"
ANSWERS = "podbrief answers here"  # what tells our page from any other one at the same address

# A mail lies in a mailbox for long, and whoever finds it there must still be able to leave. What they voted for, on the
# other hand, counts for weeks.
_UNSUBSCRIBE_FOR = dt.timedelta(days=400)
_VOTE_FOR = dt.timedelta(days=60)
_UNSUBSCRIBE, _VOTE = "unsubscribe", "vote"


class LinksUnanswered(TransientFailure):
    """Nobody answers at the public address, so no mail may leave: its readers could not unsubscribe."""


@dataclass(frozen=True)
class Vote:
    """What a subscriber says of an insight."""

    subscriber_id: str
    insight_id: str
    kind: VoteKind


@dataclass(frozen=True)
class Links:
    """Makes the addresses.

    Attributes:
        public_url: Where `podbrief serve` is reached from outside, without a slash at its end.
    """

    public_url: str
    keys: Keys = field(repr=False)

    def unsubscribe_token(self, subscriber_id: str, day: dt.date) -> str:
        """The token in the brief of `day`, the same at every attempt."""
        return tokens.issue(_UNSUBSCRIBE, subscriber_id, key=self.keys, expires_at=_after(day) + _UNSUBSCRIBE_FOR)

    def unsubscribe(self, subscriber_id: str, day: dt.date) -> str:
        """A page with a button; a POST to it ends the subscription at once (RFC 8058)."""
        return f"{self.public_url}/unsubscribe/{self.unsubscribe_token(subscriber_id, day)}"

    def vote(self, subscriber_id: str, insight_id: str, kind: VoteKind, day: dt.date) -> str:
        """A page with a button that says what the insight was worth."""
        subject = f"{subscriber_id}:{insight_id}:{kind}"
        return (
            f"{self.public_url}/vote/{tokens.issue(_VOTE, subject, key=self.keys, expires_at=_after(day) + _VOTE_FOR)}"
        )


def read_unsubscribe(token: str, keys: Keys, now: dt.datetime) -> str:
    """The subscriber whom the token lets go.

    Raises:
        BadToken: it is none.
    """
    return tokens.read(token, _UNSUBSCRIBE, key=keys, now=now)


def read_vote(token: str, keys: Keys, now: dt.datetime) -> Vote:
    """What the token says.

    Raises:
        BadToken: it says nothing.
    """
    match tokens.read(token, _VOTE, key=keys, now=now).split(":"):
        case [subscriber_id, insight_id, kind] if kind in get_args(VoteKind):
            return Vote(subscriber_id, insight_id, cast("VoteKind", kind))
    raise BadToken("this link says nothing that podbrief knows", "use one in a newer mail")


def require_answers(links: Links, now: dt.datetime) -> None:
    """Ask the public address for the page that ends nobody's subscription.

    Raises:
        LinksUnanswered: what came is not that page.
    """

    async def get() -> str:
        async with net.Client(net.Settings.from_environment()) as client:
            return (await client.get(links.unsubscribe(NOBODY, now.date()))).content.decode("utf-8", "replace")

    remedy = (
        f"run `podbrief serve` behind {links.public_url}, with the same keys (PODBRIEF_TOKEN_KEY); nothing was sent"
    )
    try:
        page = asyncio.run(get())
    except (PermanentFailure, TransientFailure) as error:
        # Not the error itself: its words hold the whole address, and so a token.
        said = type(error).__name__ if isinstance(error, PodbriefError) else "no answer"
        raise LinksUnanswered(f"the unsubscribe address {links.public_url} does not answer ({said})", remedy) from error
    if ANSWERS not in page:
        raise LinksUnanswered(f"at {links.public_url} something else than podbrief answers", remedy)


def _after(day: dt.date) -> dt.datetime:
    """The moment at which a day is over."""
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), dt.UTC)
