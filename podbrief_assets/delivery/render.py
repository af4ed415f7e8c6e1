"""Turn a brief into a mail, and into text for a terminal.

Belongs here: making text from strangers harmless, the subject, the two bodies, the headers.
Doesn't: choosing entries (`briefs/`), handing the mail over (`mailer.py`), the markup itself (`templates/`).
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import re
import textwrap
import unicodedata
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Literal
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from podbrief_assets.errors import PermanentFailure, TransientFailure

Kind = Literal["insight", "excerpt"]

SUBJECT_LENGTH = 80
# Gmail cuts a mail at 102 kB; 60 leaves room for what relays and list software add.
MAX_HTML_BYTES = 60_000
WORDS_PER_MINUTE = 220

_TEXT_WIDTH = 72
_MAX_LINK = 1_500
_MAX_MARKS = 4

# What strftime says depends on the locale of whichever process renders, and a brief is the same on every machine.
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

_NOT_IN_LINKS = re.compile(r"[\s\"'<>\\^`{|}\x00-\x20\x7f]")


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
    reason: str
    also: str
    otherwise: str


def render(
    brief: BriefMail,
    *,
    address: str,
    sender: str,
    message_id: str,
    sender_name: str = "podbrief",
    contact: str | None = None,
) -> EmailMessage:
    """The mail: HTML below 60 kB and its plain-text twin. The same arguments give the same bytes.

    Args:
        address: Where it goes, as `subscribers.database.address_of` gives it.
        sender: The address that it comes from.
        message_id: With angle brackets, as `ledger.message_id` makes it.
        contact: Where to write to in order to stop the briefs; without one the mail names whoever runs podbrief.

    Raises:
        EmptyBrief: There is nothing in it.
        BadRecipient, BadSender: An address is none.
    """
    if not brief.entries:
        raise EmptyBrief(f"the brief of {brief.day} is empty", "send none")
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    try:
        message["From"] = Address(display_name=one_line(sender_name, 60), addr_spec=sender)
    except (ValueError, IndexError, MessageError) as error:  # what the parser raises depends on where it gives up
        raise BadSender(
            f"the sender “{one_line(sender, 80)}” is no address", "set one like brief@example.org"
        ) from error
    try:
        message["To"] = Address(addr_spec=address)
    except (ValueError, IndexError, MessageError) as error:
        raise BadRecipient(
            f"“{one_line(address, 80)}” is no address", "add the subscriber with a plain address"
        ) from error
    message["Subject"] = subject(brief)
    # The moment at which the brief's day was over; that of the rendering would make every rerun another mail.
    midnight = dt.datetime.combine(brief.day + dt.timedelta(days=1), dt.time(), dt.UTC)
    message["Date"] = midnight
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation notice comes back

    text = render_text(brief, contact=contact)
    html = _html(brief, contact)
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    # `=_` can't stand in quoted-printable nor in base64, so no text that anybody wrote holds the boundary.
    digest = hashlib.sha256(f"{message_id}\n{text}\n{html}".encode()).hexdigest()
    message.set_boundary(f"=_{digest[:40]}")
    return message


def render_text(brief: BriefMail, *, contact: str | None = None) -> str:
    """The brief as plain text of 72 columns, as the mail's twin and on a terminal."""
    template = _environment().get_template("brief.txt.j2")
    return template.render(_context(brief, contact, 1.0)).strip("\n") + "\n"


def subject(brief: BriefMail) -> str:
    """The day, and what the first entry says: one line of 80 characters at most."""
    day = f"{_WEEKDAYS[brief.day.weekday()][:3]} {brief.day.day} {_MONTHS[brief.day.month - 1][:3]}"
    if not brief.entries:
        return day
    first = brief.entries[0]
    room = SUBJECT_LENGTH - len(day) - 2
    text = one_line(first.text, 2 * SUBJECT_LENGTH)
    return f"{day}: {f'“{_cut(text, room - 2)}”' if first.kind == 'excerpt' else _cut(text, room)}"


def one_line(text: str, limit: int) -> str:
    """`text` from a stranger on one line of at most `limit` characters, with nothing that acts instead of being read.

    Control characters and line ends become spaces. Characters that turn the direction of what follows, that can't be
    seen, or that are no characters are dropped, as are combining marks beyond four, which are piled over neighbours.
    """
    # Cut before anything is looked at: a title of ten megabytes costs no more than one of two thousand characters.
    text = unicodedata.normalize("NFC", text[: 4 * limit + 1_000])
    kept: list[str] = []
    marks = 0
    for char in text:
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if category in ("Cc", "Zl", "Zp"):
            kept.append(" ")
        elif marks <= _MAX_MARKS and (category not in ("Cf", "Cs", "Co") or char in "\u200c\u200d"):
            kept.append(char)
    return _cut(" ".join("".join(kept).split()), limit)


def web_link(link: str | None) -> str | None:
    """`link` if it is an http or https address that shows where it leads, else None."""
    link = (link or "").strip()
    if not link or len(link) > _MAX_LINK or _NOT_IN_LINKS.search(link) or one_line(link, len(link)) != link:
        return None
    try:
        parts = urlsplit(link)
        usable = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    except ValueError:  # as in http://[
        return None
    return link if usable else None


def _html(brief: BriefMail, contact: str | None) -> str:
    template = _environment().get_template("brief.html.j2")
    # Text of ordinary length is far below the limit; ten entries of nothing but escaped characters are not.
    for share in (1.0, 0.5, 0.25, 0.1):
        html = template.render(_context(brief, contact, share))
        if len(html.encode()) < MAX_HTML_BYTES:
            return html
    raise AssertionError("ten entries of a tenth of their length don't fill 60 kB")


def _context(brief: BriefMail, contact: str | None, share: float) -> dict[str, object]:
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
        "stop": f"To stop it, write to {one_line(contact, 120)}." if contact else "To stop it, tell whoever runs it.",
    }


def _shown(number: int, entry: Entry, share: float) -> _Shown:
    def cleaned(text: str | None, limit: int) -> str:
        return one_line(text or "", max(12, int(limit * share)))

    def shows(titles: tuple[str, ...]) -> str:
        return _listed([shown for title in titles[:5] if (shown := cleaned(title, 80))])

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
        link=link if link and len(link) <= max(200, _MAX_LINK * share) else None,
        reason=cleaned(entry.reason, 240),
        also=shows(entry.also_heard_on),
        otherwise=shows(entry.heard_otherwise_on),
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
    return _cut(f"From {_listed(shows)}", 140)


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


def _cut(text: str, limit: int) -> str:
    """`text` in at most `limit` characters, cut at a space where there is one in its second half."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    space = cut.rfind(" ")
    return (cut[:space] if space > limit // 2 else cut).rstrip(" ,;:\u2013\u2014-") + "…"


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
        loader=PackageLoader("podbrief_assets.delivery", "templates"),
        autoescape=select_autoescape(("html.j2",), disabled_extensions=("txt.j2",), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["wrapped"] = _wrapped
    return environment
