"""Hand mails to an SMTP server.

Belongs here: one connection for many mails, what each of the server's answers means for the mail in hand, the pace.
Doesn't: settings (`settings.py`), the mail (`render.py`, `signing.py`), what is recorded of it (`ledger.py`).

What decides is the end of DATA (RFC 5321, 4.1.1.4). Until the line with the single dot has left, the server can't have
taken the mail, so a broken connection means: try again. Once that line is on its way, only the server's answer tells,
and if none comes, nobody may claim to know.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import NoReturn

from podbrief_assets.delivery.mailer import GONE, Mail, MailerDown, RecipientGone, Unanswered
from podbrief_assets.delivery.settings import SMTP_URL, SmtpServer
from podbrief_assets.delivery.text import without_addresses
from podbrief_assets.errors import PermanentFailure, TransientFailure

_ENHANCED = re.compile(r"\A\s*([245]\.\d{1,3}\.\d{1,3})\b")
_LOST = 421  # "closing transmission channel", in place of any other answer
_LINE_DOT = re.compile(rb"(?m)^\.")


class RecipientRefused(PermanentFailure):
    """The server refuses this mail for good."""


class Deferred(TransientFailure):
    """The server can't take this mail just now."""


@dataclass
class SmtpMailer:
    """Sends mails through one server, over one connection at a time, never faster than the pace allows.

    Attributes:
        per_minute: At most so many mails a minute.
        timeout_s: For connecting and for each answer, in seconds.
        answer_timeout_s: For the answer to a whole mail: RFC 5321 (4.5.3.2.6) asks for ten minutes, since a mail that
            was given up too early may arrive all the same.
        attempts: How often a connection is made for one mail before the server counts as down.
        pause_s: Before the second attempt; it doubles with each.
    """

    server: SmtpServer
    per_minute: int = 600
    timeout_s: float = 60.0
    answer_timeout_s: float = 600.0
    attempts: int = 3
    pause_s: float = 1.0
    _client: smtplib.SMTP | None = field(default=None, init=False, repr=False)
    _next_at: float = field(default=0.0, init=False, repr=False)

    @property
    def idempotent(self) -> bool:
        """False: whoever gets a mail twice has two."""
        return False

    def deliver(self, mail: Mail) -> str:
        """Send `mail`; the server's answer, which mostly names its place in the queue.

        Raises:
            RecipientRefused, RecipientGone: Refused for good (5xx).
            Deferred: Not taken just now (4xx).
            MailerDown: The server can't be reached, refuses the log-in or the sender.
            Unanswered: It had all of it and said nothing.
        """
        self._wait_for_turn()
        sender_taken, reason = False, ""
        for attempt in range(self.attempts):
            if attempt:
                time.sleep(self.pause_s * 2 ** (attempt - 1))
            try:
                client, sender_taken = self._connected(), False
                self._name_sender(client, mail.return_path)
                sender_taken = True
                self._name_recipient(client, mail.recipient)
                _send_all_but_end(client, mail.content)
                client.send(b".\r\n")  # where it fails, our own system did not take the line
            except OSError as error:  # that the connection is gone, too: smtplib's errors are such
                reason = _words(error)
                self._drop()
                continue
            return self._answer(client)
        if sender_taken:  # perhaps it is this mail alone that the server breaks off over
            raise Deferred(f"the mail server broke off {self.attempts} times over it ({reason})")
        raise MailerDown(
            f"the mail server {self.server.host}:{self.server.port} can't be used ({reason})",
            f"look whether it runs, and at {SMTP_URL}; the next run tries again",
        )

    def close(self) -> None:
        """Say goodbye, if the server still listens."""
        client, self._client = self._client, None
        if client is not None:
            try:
                client.quit()
            except (smtplib.SMTPException, OSError):
                client.close()

    def _wait_for_turn(self) -> None:
        now = time.monotonic()
        if self._next_at > now:
            time.sleep(self._next_at - now)
        self._next_at = max(now, self._next_at) + 60 / self.per_minute

    def _connected(self) -> smtplib.SMTP:
        if self._client is not None:
            return self._client
        host, port = self.server.host, self.server.port
        try:
            if self.server.encryption == "implicit":
                context = ssl.create_default_context()
                client: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=self.timeout_s, context=context)
            else:
                client = smtplib.SMTP(host, port, timeout=self.timeout_s)
            self._client = client
            if client.sock is not None:
                # The end of a mail is a write of its own: without this it would wait for the server's delayed
                # acknowledgement of the one before, 40 ms a mail.
                client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.server.encryption == "starttls":
                client.starttls(context=ssl.create_default_context())
            client.ehlo_or_helo_if_needed()
            if self.server.user is not None and self.server.password is not None:
                client.login(self.server.user, self.server.password)
        except ssl.SSLCertVerificationError as error:
            self._down(f"shows a certificate that can't be verified ({error.verify_message})", error)
        except smtplib.SMTPAuthenticationError as error:
            self._down(f"refuses the log-in ({_said(error.smtp_code, error.smtp_error)})", error)
        except smtplib.SMTPNotSupportedError as error:
            self._down(f"does not offer what {SMTP_URL} asks for ({_words(error)})", error)
        except smtplib.SMTPResponseException as error:
            if error.smtp_code < 500:  # too many connections just now, as a rule
                raise smtplib.SMTPServerDisconnected(_said(error.smtp_code, error.smtp_error)) from error
            self._down(f"does not let us in ({_said(error.smtp_code, error.smtp_error)})", error)
        return client

    def _name_sender(self, client: smtplib.SMTP, return_path: str) -> None:
        code, said = client.mail(return_path)
        self._go_on(code, said)
        if code >= 500:
            self._down(f"refuses the sender ({_said(code, said)})")
        if code >= 400:
            self._refused(code, said)

    def _name_recipient(self, client: smtplib.SMTP, recipient: str) -> None:
        """Name the recipient and ask for leave to send; after it the server waits for the mail."""
        code, said = client.rcpt(recipient)
        self._go_on(code, said)
        if code >= 400:
            self._refused(code, said, recipient=True)
        code, said = client.docmd("DATA")
        self._go_on(code, said)
        if code != 354:
            self._refused(code, said)

    def _answer(self, client: smtplib.SMTP) -> str:
        """Hear what the server says to a mail whose end is on its way."""
        try:
            if client.sock is not None:
                client.sock.settimeout(self.answer_timeout_s)
            code, said = client.getreply()
            if client.sock is not None:
                client.sock.settimeout(self.timeout_s)
        except (smtplib.SMTPException, OSError) as error:
            self._drop()
            raise Unanswered(f"the mail server had the whole mail and did not answer ({_words(error)})") from error
        if code == _LOST:
            self._drop()
        if not 200 <= code < 300:
            self._refused(code, said)
        return _said(code, said)

    def _go_on(self, code: int, said: bytes) -> None:
        """Count an answer by which the server closes the connection as a connection that is gone."""
        if code in (_LOST, -1):
            raise smtplib.SMTPServerDisconnected(_said(code, said))

    def _refused(self, code: int, said: bytes, *, recipient: bool = False) -> NoReturn:
        """Say of the mail in hand that it was not taken, and make the connection ready for the next."""
        answer = _said(code, said)
        if self._client is not None:
            try:
                self._client.rset()
            except (smtplib.SMTPException, OSError):
                self._drop()
        if code < 500:
            raise Deferred(f"the mail server can't take it now ({answer})")
        enhanced = _ENHANCED.match(said.decode("ascii", "replace"))
        # A bare 550 may as well be a policy about us, for which nobody is to be taken off the list.
        if recipient and enhanced and enhanced[1] in GONE:
            raise RecipientGone(f"the address is nobody's, says the mail server ({answer})")
        raise RecipientRefused(
            f"the mail server refuses it ({answer})", "once the cause is gone: `podbrief deliveries settle … resend`"
        )

    def _down(self, what: str, error: Exception | None = None) -> NoReturn:
        self._drop()
        raise MailerDown(
            f"the mail server {self.server.host}:{self.server.port} {what}", f"look at {SMTP_URL} and the server"
        ) from error

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


def _send_all_but_end(client: smtplib.SMTP, content: bytes) -> None:
    """Send a mail without the line that ends it; lines that start with a dot get a second one."""
    client.send(_LINE_DOT.sub(b"..", content.removesuffix(b"\r\n")) + b"\r\n")


def _said(code: int, text: bytes | str) -> str:
    """The server's answer on one line, without the addresses that servers like to repeat: it ends up in the lake."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return without_addresses(f"{code} {words}")


def _words(error: Exception) -> str:
    return without_addresses(str(error)) or type(error).__name__
