"""A real SMTP server on loopback that does what a test asks of it, and counts."""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

Answer = Callable[[int], str | None]


@dataclass
class Postbox:
    """What came, and what is to be said to it.

    Attributes:
        mails: Message-ID and content of each mail that came whole, accepted or not yet answered.
        at_sender, at_recipient, at_end: Answers by how many commands of the kind came before; None for a yes.
        after_data: What to do with the connection instead of answering a whole mail: `drop`, or seconds to wait.
    """

    mails: list[tuple[str, bytes]] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    connections: int = 0
    at_sender: Answer = lambda _: None
    at_recipient: Callable[[str], str | None] = lambda _: None
    at_end: Answer = lambda _: None
    after_data: Callable[[int], str | float | None] = lambda _: None
    senders: int = 0

    @property
    def counts(self) -> Counter[str]:
        """How often each Message-ID came."""
        return Counter(message_id for message_id, _ in self.mails)

    def message(self, number: int) -> EmailMessage:
        read = email.message_from_bytes(self.mails[number][1], policy=email.policy.default)
        assert isinstance(read, EmailMessage)
        return read

    # aiosmtpd looks these up by the names of SMTP's commands.
    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ):
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ):
        self.senders += 1
        if answer := self.at_sender(self.senders - 1):
            return answer
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ):
        if answer := self.at_recipient(address):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        answer = self.at_end(len(self.mails))
        if answer is None:
            self.mails.append((str(email.message_from_bytes(content)["Message-ID"]), content))
            self.recipients += envelope.rcpt_tos
        match self.after_data(len(self.mails) - 1):
            case "drop":
                assert server.transport is not None
                server.transport.abort()
            case float() | int() as seconds:
                await asyncio.sleep(seconds)
        return answer or f"250 2.0.0 OK queued as {len(self.mails)}"


@contextmanager
def serving(postbox: Postbox, *, ssl_context: ssl.SSLContext | None = None, **options: Any) -> Iterator[int]:
    """Serve `postbox` on a free port of loopback, with TLS from the first byte where `ssl_context` is given."""
    loop = asyncio.new_event_loop()

    async def start() -> asyncio.Server:
        def made() -> SMTP:
            return SMTP(postbox, loop=loop, hostname="localhost", **options)

        return await loop.create_server(made, "127.0.0.1", 0, ssl=ssl_context)

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def login(user: str, password: str) -> dict[str, Any]:
    """Options of a server that wants a log-in."""

    def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        given = isinstance(data, LoginPassword) and (data.login, data.password)
        return AuthResult(success=given == (user.encode(), password.encode()), handled=False)

    return {"authenticator": check, "auth_required": True, "auth_require_tls": False}


def tls(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context
