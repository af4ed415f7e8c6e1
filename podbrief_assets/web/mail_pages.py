"""The pages that links in a mail lead to: to leave, and to say what an insight was worth.

Belongs here: the application that answers them, and what their pages say.
Doesn't: the links (`delivery/links.py`), what leaving and voting do (`subscribers/`), the server (`cli.py`).

Mail scanners follow every link, so a GET changes nothing: it shows a button. A POST does it at once, without a cookie
or a question, because that is how a mail program's own button works (RFC 8058), and as often as it comes.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from podbrief_assets.database import session
from podbrief_assets.delivery.links import ANSWERS, NOBODY, VoteKind, read_unsubscribe, read_vote
from podbrief_assets.subscribers import database as subscribers
from podbrief_assets.subscribers import feedback
from podbrief_assets.tokens import BadToken, ExpiredToken, Keys

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # the address is a key
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
_SAID: dict[VoteKind, tuple[str, str]] = {
    "up": ("Was it worth knowing?", "Worth knowing"),
    "down": ("Not for you?", "Not for me"),
    "already_knew": ("Did you know it already?", "I knew it"),
}
_A_TEST = "This link is from a mail that was sent as a test. It belongs to nobody, so it changes nothing."


@dataclass(frozen=True)
class MailPages:
    """Answers the links.

    Attributes:
        clock: What time it is, in UTC.
    """

    engine: Engine
    keys: Keys
    clock: Callable[[], dt.datetime]

    def application(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/unsubscribe/{token}", self.unsubscribe, methods=["GET", "POST"]),
                Route("/vote/{token}", self.vote, methods=["GET", "POST"]),
            ],
            exception_handlers={404: _nothing_here},
        )

    def unsubscribe(self, request: Request) -> Response:
        """End a subscription: on GET asked, on POST done."""
        try:
            subscriber_id = read_unsubscribe(request.path_params["token"], self.keys, self.clock())
        except BadToken as error:
            return _refused(error)
        if subscriber_id == NOBODY:
            return _page("A test", _A_TEST, button="Unsubscribe" if request.method != "POST" else None)
        if request.method != "POST":
            return _page("Unsubscribe?", "You will get no further brief.", button="Unsubscribe")
        # Who was forgotten since has nothing left to end.
        with session(self.engine) as transaction, suppress(subscribers.UnknownSubscriber):
            subscribers.set_status(
                transaction, subscriber_id, "unsubscribed", why="the link in a mail", now=self.clock()
            )
        return _page("You are unsubscribed", "No further brief is sent to you. There is nothing else to do.")

    def vote(self, request: Request) -> Response:
        """Say what an insight was worth: on GET asked, on POST noted."""
        try:
            vote = read_vote(request.path_params["token"], self.keys, self.clock())
        except BadToken as error:
            return _refused(error)
        title, button = _SAID[vote.kind]
        if request.method != "POST":
            return _page(title, "Your answer helps to choose what you get.", button=button)
        if vote.subscriber_id == NOBODY:
            return _page("Thank you", _A_TEST)
        # Of whoever was forgotten since nothing is kept.
        with session(self.engine) as transaction, suppress(subscribers.UnknownSubscriber):
            feedback.record(transaction, vote.subscriber_id, vote.insight_id, vote.kind, self.clock())
        return _page("Thank you", "Your answer counts from the next brief on.")


def _refused(error: BadToken) -> Response:
    title = "This link is too old" if isinstance(error, ExpiredToken) else "This link does not work"
    text = f"{error.what[:1].upper()}{error.what[1:]}: {error.remedy}. You can also answer any mail that you got."
    return _page(title, text, status=410 if isinstance(error, ExpiredToken) else 404)


def _nothing_here(request: Request, error: Exception) -> Response:
    return _page("There is nothing here", "Links in your mail lead to what podbrief has to say.", status=404)


def _page(title: str, text: str, *, button: str | None = None, status: int = 200) -> Response:
    # The sentence by which we know ourselves stands on pages alone that a good link leads to.
    html = _template().render(title=title, text=text, button=button, answers=ANSWERS if status == 200 else "")
    return HTMLResponse(html, status, _HEADERS)


@functools.cache
def _template() -> Template:
    loader = PackageLoader("podbrief_assets.web", "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template("page.html.j2")
