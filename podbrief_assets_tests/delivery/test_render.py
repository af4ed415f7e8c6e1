"""What a subscriber reads, and that no feed can make it anything else."""

from __future__ import annotations

import dataclasses
import datetime as dt
import email
import email.policy
import re
import unicodedata
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.delivery.render import (
    MAX_HTML_BYTES,
    SUBJECT_LENGTH,
    BadRecipient,
    BadSender,
    BriefMail,
    EmptyBrief,
    Entry,
    Letterhead,
    on_the_wire,
    render,
    render_text,
    subject,
)
from podbrief_assets.delivery.text import one_line, web_link

DAY = dt.date(2026, 11, 21)
LINK = "https://media.example.org/energy/412.mp3?a=1&b=2#t=754"
EXCERPT = Entry(
    rank=1,
    kind="excerpt",
    text="So the grid operator told us that connecting a new battery site now takes four years, because each study "
    "waits for the one before it, and a third of the applications in that queue will never be built.",
    label="Mara Lindqvist, The Energy Hour: grid connections",
    quote="So the grid operator told us",
    speaker="Mara Lindqvist",
    show_title="The Energy Hour",
    episode_title="Why the queue is the bottleneck",
    start_s=754.9,
    link=LINK,
    reason="close to your interest “batteries”",
)
INSIGHT = Entry(
    rank=2,
    kind="insight",
    text="A model of forty million parameters, trained on 11,000 hours of whale song, recovered the clans that "
    "biologists had drawn by ear over thirty years, which suggests that surveys need fewer boats.",
    quote="the small model found the same clans that biologists had drawn",
    speaker="Jo Okafor",
    show_title="Ocean Signals",
    episode_title="The Clans",
    start_s=3754,
    timed=False,
    link=None,
    reason="one of the day's best",
    also_heard_on=("Short Wave", "Data Hour", "Deep Blue"),
    heard_otherwise_on=("Loud Waters",),
)
HOSTILE = [
    "Title\r\nBcc: all@example.org\r\n\r\n<h1>other body</h1>",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    '"><style>*{display:none}</style><a href="javascript:alert(1)">',
    "--=_boundary\r\nContent-Type: text/html\r\n\r\n",
    "{{ 7*7 }}{% for x in y %}${7*7}",
    "abc\u202efdp.exe\u2066\u2069\u200f\u061c\ufeff\u2028\u2029\x00\x1b[31m\x85",
    "a" + "\u0301" * 5_000,
    "W" * 10_000,
    "& < > \" ' " * 1_000,
    "👩‍👩‍👧‍👦" * 1_000,
    "\ud800 lone surrogate",
    "",
    " ",
]
TEXT_FIELDS = ("text", "label", "quote", "speaker", "show_title", "episode_title", "reason")


def changed(entry: Entry, **fields: Any) -> Entry:
    return dataclasses.replace(entry, **fields)


def brief(*entries: Entry, size: int | None = None) -> BriefMail:
    return BriefMail(day=DAY, entries=entries, brief_size=size or len(entries))


PLAIN = Letterhead(sender="brief@example.org")
TOKEN = "1.0a1b2c3d.1795725855.MDEyMzQ1Njc4OWFiY2RlZg." + "s" * 43
FULL = Letterhead(
    sender="brief@example.org",
    sender_name="Daily Brief",
    postal_address="Example Ltd, 1 Some Street, Sometown",
    unsubscribe=f"https://briefs.example.org/unsubscribe/{TOKEN}",
    unsubscribe_token=TOKEN,
)
UP, DOWN = (f"https://briefs.example.org/vote/{TOKEN}{way}" for way in ("u", "d"))


def rendered(one: BriefMail, letterhead: Letterhead = PLAIN, **options: Any) -> EmailMessage:
    arguments = {"address": "ann@example.org", "message_id": "<1.ann@example.org>"}
    return render(one, letterhead, **(arguments | options))


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert isinstance(part, EmailMessage)
    return str(part.get_content()).replace("\r\n", "\n")


class Page(HTMLParser):
    """The tags, links and visible words of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def links(self) -> list[str | None]:
        return [value for name, value in self.attributes if name in ("href", "src")]


def reread(message: EmailMessage) -> EmailMessage:
    return email.message_from_bytes(on_the_wire(message), policy=email.policy.default)


def test_the_mail_has_both_bodies_and_the_headers_that_mail_needs() -> None:
    message = reread(rendered(brief(EXCERPT)))
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert (message["From"], message["To"]) == ("podbrief <brief@example.org>", "ann@example.org")
    assert message["Message-ID"] == "<1.ann@example.org>"
    assert message["Date"].datetime == dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    assert message["Auto-Submitted"] == "auto-generated"
    assert not message.defects


def test_the_same_brief_gives_the_same_bytes_and_another_one_does_not() -> None:
    first = on_the_wire(rendered(brief(EXCERPT, INSIGHT)))
    assert on_the_wire(rendered(brief(EXCERPT, INSIGHT))) == first
    assert on_the_wire(rendered(brief(INSIGHT, EXCERPT))) != first
    assert all(len(line) <= 998 for line in first.splitlines())
    assert first.isascii()


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_an_entry_shows_everything_that_a_reader_needs(kind: str) -> None:
    page = body(rendered(brief(EXCERPT, INSIGHT)), kind)
    text = " ".join(Page(page).text.split()) if kind == "html" else " ".join(page.split())
    for said in (
        "Saturday, 21 November 2026",
        f"“{EXCERPT.text}”",
        "Mara Lindqvist, The Energy Hour: grid connections",
        "Why the queue is the bottleneck",
        "at 12:34",
        "Why: close to your interest “batteries”",
        INSIGHT.text,
        f"“{INSIGHT.quote}”",
        "Jo Okafor",
        "Ocean Signals",
        "The Clans",
        "around 1:02:34",
        "Also heard on Short Wave, Data Hour and Deep Blue",
        "Heard otherwise on Loud Waters",
    ):
        assert said in text, said
    assert f"“{INSIGHT.text}”" not in text


def test_the_link_plays_from_the_second_and_an_entry_without_one_still_tells_the_time() -> None:
    message = rendered(brief(EXCERPT, INSIGHT))
    assert Page(body(message, "html")).links == [LINK]
    assert LINK in body(message, "plain").split()


def test_kinds_are_told_apart_where_both_are_there_and_how_the_words_came_about_is_always_said() -> None:
    excerpts, insights, both = (
        body(rendered(one), "plain") for one in (brief(EXCERPT), brief(INSIGHT), brief(EXCERPT, INSIGHT))
    )
    assert "Chosen by a machine; the words are the speakers' own" in excerpts
    assert "written by a machine" not in " ".join(excerpts.split())
    assert "Chosen and written by a machine" in insights
    assert "Excerpt ·" not in excerpts
    assert "Insight ·" not in insights
    assert "1. Excerpt · Mara Lindqvist" in both
    assert "2. Insight · Ocean Signals" in both
    assert "One insight and one excerpt" in both
    assert "Insights are written by a machine" in " ".join(both.split())


def test_whoever_wants_no_html_gets_none() -> None:
    message = reread(rendered(brief(EXCERPT, INSIGHT), FULL, text_only=True))
    assert message.get_content_type() == "text/plain"
    assert INSIGHT.text in " ".join(message.get_content().split())


def test_a_thin_day_says_so_and_a_full_one_does_not() -> None:
    thin = "One excerpt today: nothing else was worth your time."
    assert thin in body(rendered(brief(EXCERPT, size=5)), "plain")
    assert thin in Page(body(rendered(brief(EXCERPT, size=5)), "html")).text
    assert "nothing else" not in body(rendered(brief(EXCERPT)), "plain")
    assert "One excerpt, one minute to read." in body(rendered(brief(EXCERPT)), "plain")


def test_an_empty_brief_is_no_mail_but_the_terminal_says_so() -> None:
    with pytest.raises(EmptyBrief, match="2026-11-21"):
        rendered(brief(size=5))
    assert "Nothing today: nothing was worth your time." in render_text(brief(size=5))


def test_how_to_stop_is_said() -> None:
    assert "To stop it, tell whoever runs it." in " ".join(body(rendered(brief(EXCERPT)), "plain").split())
    html = body(rendered(brief(EXCERPT), FULL), "html")
    assert FULL.unsubscribe in Page(html).links
    assert FULL.unsubscribe in body(rendered(brief(EXCERPT), FULL), "plain").splitlines()
    for kind in ("plain", "html"):
        assert "Example Ltd, 1 Some Street, Sometown" in body(rendered(brief(EXCERPT), FULL), kind)


def test_mail_programs_find_how_to_leave_with_one_click() -> None:
    message = reread(rendered(brief(EXCERPT), FULL))
    assert message["List-Unsubscribe"] == (
        f"<{FULL.unsubscribe}>, <mailto:brief@example.org?subject=unsubscribe%20{TOKEN}>"
    )
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-ID"] == "podbrief <brief.example.org>"
    assert message["List-Help"] == "<mailto:brief@example.org?subject=help>"
    raw = on_the_wire(rendered(brief(EXCERPT), FULL))
    assert f"\r\nList-Unsubscribe: <{FULL.unsubscribe}>, <mailto:".encode() in raw, "no program reads an encoded one"
    assert "List-Unsubscribe" not in rendered(brief(EXCERPT)), "nobody answers, so nothing is promised"


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_what_it_was_worth_and_who_else_says_what_can_be_said(kind: str) -> None:
    entry = changed(INSIGHT, up=UP, down=DOWN, heard_otherwise_on=("Night Shift",))
    page = body(rendered(brief(entry), FULL), kind)
    assert "Heard otherwise on Night Shift" in (Page(page).text if kind == "html" else page)
    assert [address for address in (UP, DOWN) if address in (Page(page).links if kind == "html" else page.split())] == [
        UP,
        DOWN,
    ]
    assert "Worth knowing" not in body(rendered(brief(INSIGHT)), kind)


def test_the_subject_names_the_day_and_the_first_entry_in_eighty_characters() -> None:
    assert subject(brief(EXCERPT)) == "Sat 21 Nov: “So the grid operator told us that connecting a new battery site…”"
    assert subject(brief(INSIGHT)).startswith("Sat 21 Nov: A model of forty million parameters,")
    assert len(subject(brief(INSIGHT))) <= SUBJECT_LENGTH
    assert reread(rendered(brief(EXCERPT)))["Subject"] == subject(brief(EXCERPT))


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("kind", ["insight", "excerpt"])
def test_no_field_can_add_a_header_a_body_a_tag_or_a_turn_of_direction(kind: Any, hostile: str) -> None:
    plain = Page(body(rendered(brief(changed(EXCERPT, kind=kind, link=None))), "html"))
    entry = changed(
        EXCERPT,
        kind=kind,
        also_heard_on=(hostile,) * 50,
        heard_otherwise_on=(hostile,) * 9,
        link=hostile,
        **dict.fromkeys(TEXT_FIELDS, hostile),
    )
    built = rendered(brief(*(changed(entry, rank=rank) for rank in range(1, 11)), size=10))
    message = reread(built)
    assert sorted(message.keys()) == sorted(rendered(brief(EXCERPT)).keys())
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert len(message["Subject"]) <= SUBJECT_LENGTH
    html = body(message, "html")
    assert len(html.encode()) < MAX_HTML_BYTES
    assert set(Page(html).tags) <= set(plain.tags)
    assert Page(html).links == []
    assert not [name for name, _ in Page(html).attributes if name.startswith("on")]
    for text in (html, body(message, "plain"), message["Subject"]):
        assert not re.search(r"[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\ufeff\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
        assert "\u0301" * 5 not in text
    assert "49" not in Page(html).text
    assert len(on_the_wire(built)) < 250_000


def test_an_ordinary_full_brief_is_far_below_the_limit() -> None:
    ten = brief(*(changed(INSIGHT, rank=rank, link=LINK, up=UP, down=DOWN) for rank in range(1, 11)))
    assert len(body(rendered(ten, FULL), "html").encode()) < 40_000


@pytest.mark.parametrize(
    "link",
    [
        None,
        "",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://example.org/a",
        "//example.org/a",
        "https://",
        "https://example.org@evil.example/",
        "https://user:token@example.org/a",
        "https://example.org/a b",
        'https://example.org/"onclick=x',
        "https://example.org/<b>",
        "https://example.org/\u202egpj",
        "https://example.org/\r\nBcc:x",
        "http://[",
        "https://example.org/" + "a" * 2_000,
    ],
)
def test_a_link_that_is_no_plain_web_address_is_dropped(link: str | None) -> None:
    assert web_link(link) is None
    assert Page(body(rendered(brief(changed(EXCERPT, link=link))), "html")).links == []


def test_web_links_are_kept_as_they_are() -> None:
    for link in (LINK, "http://example.org:8080/a(b)?c=%20", "https://example.org/Grüße"):
        assert web_link(link) == link


@pytest.mark.parametrize(
    ("start_s", "shown"),
    [(0, "0:00"), (59.99, "0:59"), (60, "1:00"), (3600, "1:00:00"), (float("nan"), "0:00"), (float("inf"), "99:59:59")],
)
def test_times_read_as_a_player_shows_them(start_s: float, shown: str) -> None:
    entry = changed(EXCERPT, start_s=start_s)
    assert f"at {shown}\n" in render_text(brief(entry))


def test_lines_of_the_text_have_72_columns_but_for_links() -> None:
    entry = changed(EXCERPT, episode_title="W" * 500)
    lines = render_text(brief(entry, INSIGHT)).splitlines()
    assert max(len(line) for line in lines if "://" not in line) <= 72
    assert not [line for line in lines if line != line.rstrip()]


def test_right_to_left_and_joined_characters_survive() -> None:
    entry = changed(EXCERPT, show_title="پادکست می‌خواهم", label=None, episode_title="👩‍🔬 علم")
    html = body(rendered(brief(entry)), "html")
    assert "می‌خواهم" in html
    assert "👩‍🔬" in html


def test_an_address_that_breaks_a_header_is_refused_by_its_own_error() -> None:
    with pytest.raises(BadRecipient):
        rendered(brief(EXCERPT), address="ann@example.org\r\nBcc: x@example.org")
    with pytest.raises(BadSender, match="set one like"):
        rendered(brief(EXCERPT), Letterhead(sender="nobody"))
    message = rendered(brief(EXCERPT), Letterhead(sender="brief@example.org", sender_name="Pod\r\nBcc: x@example.org"))
    assert "Bcc" not in reread(message).keys()  # noqa: SIM118 - a message is no dict


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300), st.integers(min_value=12, max_value=200))
def test_any_text_becomes_one_printable_line(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert line == line.strip()
    assert not {unicodedata.category(char) for char in line} & {"Cc", "Cs", "Co", "Zl", "Zp"}
    assert one_line(line, limit) == line


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=60), min_size=len(TEXT_FIELDS), max_size=len(TEXT_FIELDS)), st.text(max_size=40))
def test_any_words_make_a_mail_that_can_be_read_again(words: list[str], link: str) -> None:
    entry = changed(EXCERPT, link=link, **dict(zip(TEXT_FIELDS, words, strict=True)))
    message = reread(rendered(brief(entry, INSIGHT)))
    assert sorted(message.keys()) == sorted(rendered(brief(EXCERPT)).keys())
    assert INSIGHT.text in Page(body(message, "html")).text
