"""Turn a brief into a mail, and into text for a terminal.

Belongs here: the subject, the two bodies, the headers.
Doesn't: choosing entries (`briefs/`), making strangers' text harmless (`text.py`), addresses that lead back to us
(`links.py`), handing the mail over (`mailer.py`), the markup itself (`templates/`).
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import textwrap
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Literal, NamedTuple
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape
from mjml import mjml2html

from podbrief_assets.delivery.text import MAX_LINK, cut, one_line, web_link
from podbrief_assets.errors import PermanentFailure, TransientFailure

Kind = Literal["insight", "excerpt"]

SUBJECT_LENGTH = 80
# Gmail cuts a mail at 102 kB; 60 leaves room for what relays and list software add.
MAX_HTML_BYTES = 60_000
WORDS_PER_MINUTE = 220

_TEXT_WIDTH = 72
_TEMPLATES = PackageLoader("podbrief_assets.delivery", "templates")
# The email package breaks a header by encoding words that are longer than a line, and no mail program finds the address
# in an encoded List-Unsubscribe. SMTP itself allows 998 characters.
_WIRE = SMTP.clone(cte_type="7bit", max_line_length=900)

# What strftime says depends on the locale of whichever process renders, and a brief is the same on every machine.
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


class EmptyBrief(PermanentFailure):
    """A brief without entries is no mail."""


class BadRecipient(PermanentFailure):
    """The subscriber's address can't stand in a header."""


class BadSender(TransientFailure):
    """The configured sender can't stand in a header; once it is put right, every brief can go."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry as it is sent: a row of `user_briefs`, with the names that it has there.

    Nothing in it is trusted: titles, names and words come from feeds and transcripts of strangers.

    Attributes:
        also_heard_on, heard_otherwise_on: Titles of shows that say the same, that say something else.
        up, down: Addresses by which the reader says what it was worth; ours, and so trusted.
    """

    rank: int
    kind: Kind
    text: str
    label: str | None = None
    quote: str
    speaker: str | None = None
    show_title: str
    episode_title: str
    start_s: float
    timed: bool = True
    link: str | None = None
    reason: str
    also_heard_on: tuple[str, ...] = ()
    heard_otherwise_on: tuple[str, ...] = ()
    up: str | None = None
    down: str | None = None


@dataclass(frozen=True, kw_only=True)
class BriefMail:
    """A subscriber's brief of a day.

    Attributes:
        entries: In the order in which they are read.
        brief_size: How many the subscriber asked for; with fewer, the brief says so.
    """

    day: dt.date
    entries: tuple[Entry, ...]
    brief_size: int


@dataclass(frozen=True, kw_only=True)
class Letterhead:
    """Who writes, and how the reader gets rid of them.

    Attributes:
        sender, sender_name: The address in From and the name beside it.
        postal_address: Where the sender is found on paper.
        unsubscribe: The HTTPS address of the one-click page.
        unsubscribe_token: What a mail to the sender says to the same end.
    """

    sender: str
    sender_name: str = "podbrief"
    postal_address: str | None = None
    unsubscribe: str | None = None
    unsubscribe_token: str | None = None


class _Said(NamedTuple):
    """A line below an entry: our words, then others'."""

    before: str
    text: str


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """An entry made harmless and ready to set.

    Attributes:
        heading: What it is set under: an excerpt's label, else the show.
        source: Who says it where: speaker, show and episode, as far as the heading doesn't say it already.
    """

    number: int
    kind: Kind
    heading: str
    text: str
    quote: str
    show: str
    source: tuple[str, ...]
    time: str
    link: str | None
    also: _Said | None
    otherwise: _Said | None
    why: _Said | None
    up: str | None
    down: str | None


def render(
    brief: BriefMail,
    letterhead: Letterhead,
    *,
    address: str,
    message_id: str,
    title: str = "",
    text_only: bool = False,
    sent_at: dt.datetime | None = None,
) -> EmailMessage:
    """The mail: HTML below 60 kB and its plain-text twin. The same arguments give the same bytes.

    Args:
        address: Where it goes, as `subscribers.database.address_of` gives it.
        message_id: With angle brackets, as `ledger.message_id` makes it.
        title: What stands before the subject, as in a mail that is a test.
        text_only: Whether the reader wants no HTML.
        sent_at: The mail's date; left out, it is the moment at which the brief's day was over, whenever it is rendered.

    Raises:
        EmptyBrief: There is nothing in it.
        BadRecipient, BadSender: An address is none.
    """
    if not brief.entries:
        raise EmptyBrief(f"the brief of {brief.day} is empty", "send none")
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    try:
        message["From"] = Address(display_name=one_line(letterhead.sender_name, 60), addr_spec=letterhead.sender)
    except (ValueError, IndexError, MessageError) as error:  # what the parser raises depends on where it gives up
        raise BadSender(
            f"the sender “{one_line(letterhead.sender, 80)}” is no address", "set one like brief@example.org"
        ) from error
    try:
        message["To"] = Address(addr_spec=address)
    except (ValueError, IndexError, MessageError) as error:
        # Without the address: why a mail was refused ends up in the lake.
        raise BadRecipient("the subscriber's address is none", "add the subscriber with a plain address") from error
    message["Subject"] = title + subject(brief)
    message["Date"] = sent_at or dt.datetime.combine(brief.day + dt.timedelta(days=1), dt.time(), dt.UTC)
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation notice comes back
    for name, value in _list_headers(letterhead):
        message[name] = value

    text = render_text(brief, letterhead)
    message.set_content(text)
    if text_only:
        return message
    html = render_html(brief, letterhead)
    message.add_alternative(html, subtype="html")
    # `=_` can't stand in quoted-printable nor in base64, so no text that anybody wrote holds the boundary.
    digest = hashlib.sha256(f"{message_id}\n{text}\n{html}".encode()).hexdigest()
    message.set_boundary(f"=_{digest[:40]}")
    return message


def on_the_wire(message: EmailMessage) -> bytes:
    """The mail as it is sent: ASCII, CRLF line ends, no line above 998 characters."""
    return message.as_bytes(policy=_WIRE)


def _list_headers(letterhead: Letterhead) -> list[tuple[str, str]]:
    """What mail programs make their unsubscribe button and their filters of (RFC 2369, 2919, 8058)."""
    domain = letterhead.sender.rpartition("@")[2]
    headers = [("List-ID", f"podbrief <brief.{domain}>")]
    if letterhead.unsubscribe and letterhead.unsubscribe_token:
        write = f"mailto:{quote(letterhead.sender, safe='@')}?subject="
        headers += [
            ("List-Help", f"<{write}help>"),
            (
                "List-Unsubscribe",
                f"<{letterhead.unsubscribe}>, <{write}unsubscribe%20{letterhead.unsubscribe_token}>",
            ),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ]
    return headers


def render_text(brief: BriefMail, letterhead: Letterhead | None = None) -> str:
    """The brief as plain text of 72 columns, as the mail's twin and on a terminal."""
    return _text_template().render(_context(brief, letterhead, 1.0)).strip("\n") + "\n"


def render_html(brief: BriefMail, letterhead: Letterhead | None = None) -> str:
    """The brief as a page of less than 60 kB without images, for mail programs and browsers, light and dark."""
    # Text of ordinary length is far below the limit; ten entries of nothing but escaped characters are not.
    for share in (1.0, 0.5, 0.25, 0.1):
        html = _html_template().render(_context(brief, letterhead, share))
        if len(html.encode()) < MAX_HTML_BYTES:
            return html
    raise AssertionError("ten entries of a tenth of their length don't fill 60 kB")


def subject(brief: BriefMail) -> str:
    """The day, and what the first entry says: one line of 80 characters at most."""
    day = f"{_WEEKDAYS[brief.day.weekday()][:3]} {brief.day.day} {_MONTHS[brief.day.month - 1][:3]}"
    if not brief.entries:
        return day
    first = brief.entries[0]
    room = SUBJECT_LENGTH - len(day) - 2
    text = one_line(first.text, 2 * SUBJECT_LENGTH)
    return f"{day}: {f'“{cut(text, room - 2)}”' if first.kind == 'excerpt' else cut(text, room)}"


def _context(brief: BriefMail, letterhead: Letterhead | None, share: float) -> dict[str, object]:
    shown = [_shown(number, entry, share) for number, entry in enumerate(brief.entries[:10], start=1)]
    kinds = {entry.kind for entry in shown}
    return {
        "date": f"{_WEEKDAYS[brief.day.weekday()]}, {brief.day.day} {_MONTHS[brief.day.month - 1]} {brief.day.year}",
        "subject": subject(brief),
        "entries": shown,
        "summary": _summary(brief, shown),
        "preview": _preview(shown),
        "mixed": len(kinds) > 1,
        "provenance": _provenance(kinds),
        "unsubscribe": letterhead.unsubscribe if letterhead else None,
        "stop": "To stop it, tell whoever runs it.",
        "postal_address": one_line(letterhead.postal_address or "", 200) if letterhead else "",
    }


def _shown(number: int, entry: Entry, share: float) -> _Shown:
    def cleaned(text: str | None, limit: int) -> str:
        return one_line(text or "", max(12, int(limit * share)))

    def said(before: str, text: str) -> _Said | None:
        return _Said(before, text) if text else None

    def shows(titles: tuple[str, ...]) -> str:
        return _listed([title for title in (cleaned(show, 80) for show in titles[:5]) if title])

    link = web_link(entry.link)
    show, speaker = cleaned(entry.show_title, 120), cleaned(entry.speaker, 80)
    heading = (cleaned(entry.label, 160) if entry.kind == "excerpt" else "") or show
    known = [part for part in (speaker, show) if part and part not in heading]
    return _Shown(
        number=number,
        kind=entry.kind,
        heading=heading,
        text=cleaned(entry.text, 700),
        quote=cleaned(entry.quote, 500),
        show=show,
        source=(*known, cleaned(entry.episode_title, 160)),
        time=f"{'at' if entry.timed else 'around'} {_clock(entry.start_s)}",
        link=link if link and len(link) <= max(200, MAX_LINK * share) else None,
        also=said("Also heard on ", shows(entry.also_heard_on)),
        otherwise=said("Heard otherwise on ", shows(entry.heard_otherwise_on)),
        why=said("Why: ", cleaned(entry.reason, 240)),
        up=entry.up,
        down=entry.down,
    )


def _summary(brief: BriefMail, shown: list[_Shown]) -> str:
    """What stands under the date: how many, of what kind, how long to read, and that it is a thin day if it is one."""
    if not shown:
        return "Nothing today: nothing was worth your time."
    counts = [
        f"{_number(count)} {kind}{'s' if count > 1 else ''}"
        for kind in ("insight", "excerpt")
        if (count := sum(entry.kind == kind for entry in shown))
    ]
    words = sum(len(f"{entry.text} {entry.quote if entry.kind == 'insight' else ''}".split()) for entry in shown)
    minutes = max(1, round(words / WORDS_PER_MINUTE))
    length = f"{_number(minutes)} minute{'s' if minutes > 1 else ''} to read"
    if len(shown) < brief.brief_size:
        sentence = f"{' and '.join(counts)} today: nothing else was worth your time."
    else:
        sentence = f"{' and '.join(counts)}, {length}."
    return sentence[:1].upper() + sentence[1:]


def _preview(shown: list[_Shown]) -> str:
    """What a list of mails shows behind the subject, which has the first entry: the shows, each once."""
    shows = list(dict.fromkeys(entry.show for entry in shown))
    return cut(f"From {_listed(shows)}", 140)


def _provenance(kinds: set[Kind]) -> str:
    """How the words came about: said truly, for what is in this brief."""
    if kinds == {"insight"}:
        return "Chosen and written by a machine from what was said in these episodes; each quote is verbatim."
    if kinds == {"excerpt"}:
        return "Chosen by a machine; the words are the speakers' own, as the episode's transcript has them."
    return (
        "Chosen by a machine. Insights are written by a machine from what was said, each with a verbatim quote; "
        "excerpts are the speakers' own words, as the episode's transcript has them."
    )


def _clock(seconds: float) -> str:
    """Seconds as a player shows them: 12:34, 1:02:34."""
    whole = int(min(max(0.0, seconds), 359_999.0))  # NaN, too, becomes 0:00
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def _wrapped(text: str, indent: str = "") -> str:
    """`text` in lines of 72 columns. Links don't pass through here, because they must stay whole."""
    return textwrap.fill(
        text,
        width=_TEXT_WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=_TEMPLATES,
        autoescape=select_autoescape(disabled_extensions=("txt.j2",), default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["wrapped"] = _wrapped
    return environment


@functools.cache
def _text_template() -> Template:
    return _environment().get_template("brief.txt.j2")


@functools.cache
def _html_template() -> Template:
    """MJML is compiled before anything is filled in: once a process, and no stranger's text is ever read as markup."""
    environment = _environment()
    source, _, _ = _TEMPLATES.get_source(environment, "brief.mjml.j2")
    # No fonts: their style sheets would be fetched from elsewhere whenever somebody opens the mail.
    return environment.from_string(mjml2html(source, disable_comments=True, fonts={}))
