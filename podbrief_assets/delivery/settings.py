"""How mail leaves: as the environment says.

Belongs here: reading and checking every setting about mail, and what SMTP needs before it may be switched on.
Doesn't: speaking SMTP (`smtp.py`), asking whether the public address answers (`links.py`), DNS (`records.py`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.utils import parseaddr
from pathlib import Path
from typing import Literal, Self
from urllib.parse import SplitResult, unquote, urlsplit

from podbrief_assets.delivery.signing import DkimKey
from podbrief_assets.environment import BadSetting, whole_number
from podbrief_assets.subscribers.values import BadAddress, checked_address

SMTP_URL = "PODBRIEF_SMTP_URL"
MAIL_FROM = "PODBRIEF_MAIL_FROM"
RETURN_PATH = "PODBRIEF_MAIL_RETURN_PATH"
POSTAL_ADDRESS = "PODBRIEF_MAIL_POSTAL_ADDRESS"
PER_MINUTE = "PODBRIEF_MAIL_PER_MINUTE"
PUBLIC_URL = "PODBRIEF_PUBLIC_URL"
DKIM_KEY = "PODBRIEF_DKIM_KEY"
DKIM_SELECTOR = "PODBRIEF_DKIM_SELECTOR"

DEFAULT_SENDER = "brief@podbrief.invalid"
RELAY = "relay"  # for DKIM_KEY: whatever takes our mail signs it

_SELECTOR = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,60}[A-Za-z0-9])?", re.ASCII)
_MAX_POSTAL = 200
_MAX_NAME = 60

Encryption = Literal["implicit", "starttls", "none"]
_SCHEMES: dict[str, tuple[Encryption, int]] = {
    "smtps": ("implicit", 465),
    "smtp": ("starttls", 587),
    "smtp+plain": ("none", 25),
}


@dataclass(frozen=True, kw_only=True)
class SmtpServer:
    """The server that takes our mail.

    Attributes:
        encryption: `implicit`: TLS from the first byte; `starttls`: required before anything is told; `none`: only to
            this machine itself.
    """

    host: str
    port: int
    encryption: Encryption
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class MailSettings:
    """Everything about mail that an operator sets.

    Attributes:
        sender: The address in From.
        sender_name: The name beside it.
        return_path: Where bounces come to; the sender unless it is set.
        postal_address: On one line, for the foot of each mail.
        public_url: Where `podbrief serve` is reached from outside, without a slash at its end.
        smtp: None: mails are written to the outbox and nothing leaves the machine.
        per_minute: At most so many mails a minute and process.
        dkim: The key to sign with; None where a relay does it, or nothing is sent.
    """

    sender: str = DEFAULT_SENDER
    sender_name: str = "podbrief"
    return_path: str = DEFAULT_SENDER
    postal_address: str | None = None
    public_url: str | None = None
    smtp: SmtpServer | None = None
    per_minute: int = 600
    dkim: DkimKey | None = None

    @property
    def domain(self) -> str:
        """The sender's domain: that of Message-IDs, the List-ID and the DKIM signature."""
        return self.sender.rpartition("@")[2]

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """The settings that the environment names; without any, the outbox.

        Raises:
            BadSetting: one can't be used, or SMTP is switched on without what it needs.
        """
        given = {name: (environ.get(name) or "").strip() for name in (SMTP_URL, MAIL_FROM, POSTAL_ADDRESS, DKIM_KEY)}
        smtp = smtp_server(given[SMTP_URL]) if given[SMTP_URL] else None
        public_url = public_address(environ.get(PUBLIC_URL) or "")
        if smtp:
            _require(given, public_url)
        name, sender = _sender(given[MAIL_FROM]) if given[MAIL_FROM] else ("podbrief", DEFAULT_SENDER)
        stated_path = (environ.get(RETURN_PATH) or "").strip()
        return cls(
            sender=sender,
            sender_name=name,
            return_path=_address(RETURN_PATH, stated_path) if stated_path else sender,
            postal_address=_postal(given[POSTAL_ADDRESS]),
            public_url=public_url,
            smtp=smtp,
            per_minute=whole_number(environ, PER_MINUTE, cls.per_minute, 1_000_000),
            dkim=_dkim(given[DKIM_KEY], environ.get(DKIM_SELECTOR) or "podbrief", sender),
        )


def smtp_server(url: str) -> SmtpServer:
    """The server that `smtps://user:password@host:port` names. It holds a password, so what can't be read is not told.

    Raises:
        BadSetting: it can't be read, or mail would leave this machine unencrypted.
    """
    remedy = "write smtps://user:password@host (TLS) or smtp://user:password@host (STARTTLS), with percent-encoding"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BadSetting(f"{SMTP_URL} can't be read", remedy) from error
    if parts.scheme not in _SCHEMES or not host or parts.path.strip("/") or parts.query or parts.fragment:
        raise BadSetting(f"{SMTP_URL} can't be read", remedy)
    encryption, usual = _SCHEMES[parts.scheme]
    if encryption == "none" and not _is_loopback(host):
        raise BadSetting(
            f"{SMTP_URL} would send mail to {host} unencrypted",
            "smtp+plain:// is for a relay on this machine; write smtps:// or smtp://",
        )
    user, password = _login(parts)
    return SmtpServer(host=host, port=port or usual, encryption=encryption, user=user, password=password)


def public_address(url: str) -> str | None:
    """`url` without a slash at its end; None where it is empty.

    Raises:
        BadSetting: it is no HTTPS address. On this machine itself, to try things, it may be an HTTP one.
    """
    url = url.strip().rstrip("/")
    if not url:
        return None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadSetting(f"{PUBLIC_URL} can't be read", "write it as https://briefs.example.org") from error
    secure = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    plain = not (parts.query or parts.fragment or "@" in parts.netloc) and re.fullmatch(r"[!-~]{1,200}", url)
    if not (host and secure and plain):
        raise BadSetting(
            f"{PUBLIC_URL} is “{url[:80]}”",
            "give an HTTPS address, as https://briefs.example.org: links in mails need it",
        )
    return url


def _require(given: Mapping[str, str], public_url: str | None) -> None:
    """Everything that has to be there before mail may leave, told at once.

    The postal address and an unsubscribe address that answers are what the law and the large mailbox providers ask of
    whoever sends in bulk; unsigned mail they refuse.
    """
    missing = [name for name in (MAIL_FROM, POSTAL_ADDRESS, DKIM_KEY) if not given[name]]
    missing += [] if public_url else [PUBLIC_URL]
    if missing:
        raise BadSetting(
            f"{SMTP_URL} is set, and {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not",
            "set the sender, its postal address, the public HTTPS address at which `podbrief serve` answers, and the "
            f"file of a DKIM key (or {DKIM_KEY}={RELAY} where the relay signs); or unset {SMTP_URL}: mail then goes to "
            "the outbox",
        )


def _login(parts: SplitResult) -> tuple[str | None, str | None]:
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    if (user is None) != (password is None):
        raise BadSetting(f"{SMTP_URL} has a user or a password alone", "give both, or neither")
    return user, password


def _sender(text: str) -> tuple[str, str]:
    name, address = parseaddr(text)
    # Printable: without a line end, and without what makes a mail program show letters in another order.
    if not text.isprintable() or len(name) > _MAX_NAME:
        raise BadSetting(f"{MAIL_FROM} has a name that can't be shown", "write it as Daily Brief <brief@example.org>")
    return name or "podbrief", _address(MAIL_FROM, address)


def _address(variable: str, text: str) -> str:
    try:
        return Address(addr_spec=checked_address(text)).addr_spec
    except BadAddress as error:
        raise BadSetting(
            f"{variable} is “{text[:80]}”, which is no address", "write it as brief@example.org"
        ) from error


def _postal(text: str) -> str | None:
    if not text:
        return None
    line = " ".join(text.replace("\\n", ", ").split())
    if not line.isprintable() or len(line) > _MAX_POSTAL:
        raise BadSetting(
            f"{POSTAL_ADDRESS} is no line of at most {_MAX_POSTAL} characters",
            "write it as Example Ltd, 1 Some Street, 12345 Sometown, Country",
        )
    return line


def _dkim(stated: str, selector: str, sender: str) -> DkimKey | None:
    if not stated or stated == RELAY:
        return None
    if not _SELECTOR.fullmatch(selector):
        raise BadSetting(f"{DKIM_SELECTOR} is “{selector[:60]}”", "give one like podbrief or s2026")
    try:
        return DkimKey.of(Path(stated).expanduser().read_bytes(), selector, sender.rpartition("@")[2])
    except OSError as error:
        raise BadSetting(
            f"{DKIM_KEY} names a file that can't be read ({error.strerror})",
            f"give the path of a private key in PEM form, or {RELAY}",
        ) from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
