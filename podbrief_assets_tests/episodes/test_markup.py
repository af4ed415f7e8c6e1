"""Cleaning show notes and titles."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.episodes.markup import one_line, plain_text, sanitised

URL = "https://pod.example.org/shows/feed.xml"


def test_plain_text_keeps_paragraphs_and_its_own_line_breaks() -> None:
    assert plain_text("<p>One<br/>two</p>\n\n<ul><li>three &amp; four</li></ul>") == "One\ntwo\n\nthree & four"
    assert plain_text("one\ntwo  <a href='x'>three</a>\n\n\n\nfour") == "one\ntwo three\n\nfour"
    assert plain_text("a<script>alert('<b>')</script>b<style>p{}</style>c") == "abc"
    assert plain_text(" <p> </p> ") is None


def test_html_is_sanitised_and_its_addresses_resolved() -> None:
    html = sanitised(
        '<p onclick="x()">Hi <a href="/1">one</a> <a href="javascript:x()">two</a><img src="https://t.org/pixel.gif">'
        "<script>alert(1)</script><iframe src='https://evil.org'></iframe><style>p{}</style></p>",
        URL,
    )
    assert html is not None
    assert 'href="https://pod.example.org/1"' in html
    for forbidden in ("script", "onclick", "iframe", "style", "img", "pixel", "javascript", "alert"):
        assert forbidden not in html


def test_plain_notes_become_paragraphs() -> None:
    assert sanitised("one > two\nthree\n\nfour", URL) == "<p>one &gt; two<br>three</p><p>four</p>"


PIECES = ["<", ">", '"', "'", "&lt;", "&#60;", "script", "img src=x onerror=", "<svg/onload=", "/", " ", "a"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(PIECES)))
def test_no_combination_of_markup_gets_an_event_handler_or_script_through(pieces: list[str]) -> None:
    html = sanitised("".join(pieces), URL) or ""
    tags = re.findall(r"<[^>]*>", html)
    assert all(re.fullmatch(r"</?(?:a|p|br)(?: (?:href|rel)=\"[^\"]*\")*>", tag) for tag in tags)


def test_a_line_is_bounded_and_has_no_breaks_or_hidden_characters() -> None:
    assert one_line(" a\n\tb\u2028c\x00 ") == "a b c"
    assert one_line("x" * 50, 10) == "x" * 10
    assert one_line("plain  words") == one_line("plain words") == "plain words"
    assert one_line(None) == one_line("") == ""
