"""Clean the markup that feeds put into titles and show notes.

Belongs here: text out of markup, markup that is safe to show, and the limits on both.
Doesn't: reading XML (`xml.py`), deciding which element is a title or the notes (`items.py`, `channel.py`).
"""

from __future__ import annotations

import html
import re
from typing import Literal

import nh3

from podbrief_assets.episodes.values import WEB_ADDRESS

MAX_TITLE_CHARS = 1_000
MAX_NOTES_CHARS = 100_000

# An HTML parser looks through all open elements at each tag: 20,000 nested ones take it a second for one item.
_MAX_NOTES_TAGS = 4_000
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_CHARACTER_REFERENCE = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
# Only HTML's own tags: a title may well be "Vec<T> explained".
_TITLE_TAG = re.compile(
    r"</?(?:a|abbr|b|big|blockquote|br|cite|code|dd|div|dl|dt|em|font|h[1-6]|hr|i|iframe|img|ins|li|mark|ol|p|pre|q|s|script"
    r"|small|span|strike|strong|style|sub|sup|svg|table|tbody|td|th|tr|tt|u|ul|wbr)(?:[\s/][^<>]*)?>",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[^<>]*>")
_SCRIPT_NAMES = ("script", "style", "template", "noscript", "iframe")
_SCRIPT_START = re.compile(rf"<({'|'.join(_SCRIPT_NAMES)})[\s>/]", re.IGNORECASE)
_SCRIPT_ENDS = {name: re.compile(f"</{name}", re.IGNORECASE) for name in _SCRIPT_NAMES}
_BLOCK = re.compile(
    r"<(?:/?(?:p|div|section|article|blockquote|pre|h[1-6]|ul|ol|dl|table|tr|header|footer|hr)|br|li|dt|dd)(?:[\s/][^<>]*)?>",
    re.IGNORECASE,
)
_SPACES = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r"\n{3,}")
_NOTES_TAGS = {
    *("a", "abbr", "b", "blockquote", "br", "cite", "code", "dd", "del", "div", "dl", "dt", "em", "h1", "h2"),
    *("h3", "h4", "h5", "h6", "hr", "i", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "small", "span"),
    *("strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul", "wbr"),
}
_DROPPED_WHOLE = {"script", "style", "template", "noscript", "iframe", "object", "svg", "math", "title", "textarea"}


def _without_references(text: str) -> str:
    return _CHARACTER_REFERENCE.sub(lambda found: html.unescape(found.group()), text)


def one_line(text: str | None, limit: int = MAX_TITLE_CHARS) -> str:
    """Text that HTML may have got into, as plain text on one line of at most `limit` characters."""
    if not text:
        return ""
    if text.isprintable() and "&" not in text and "<" not in text and "  " not in text:
        return text.strip()[:limit]
    text = text[: 8 * limit]
    if "&" in text:
        text = _without_references(text)
    if "<" in text:
        text = _TITLE_TAG.sub("", text)
    return " ".join(_UNSAFE.sub(" ", text).split())[:limit]


def sanitised(notes: str, base: str) -> str | None:
    """Show notes as HTML that is safe to show; None where nothing is left.

    Pictures are dropped: they track whoever reads a brief.

    Args:
        notes: Markup as a feed states it.
        base: What relative addresses are relative to.
    """
    notes = notes[:MAX_NOTES_CHARS]
    if ("<" not in notes and "&" not in notes) or notes.count("<") > _MAX_NOTES_TAGS:
        text = html.escape(plain_text(notes) or "", quote=False).strip()
        return "<p>" + text.replace("\n\n", "</p><p>").replace("\n", "<br>") + "</p>" if text else None
    try:
        clean = _cleaned(notes, ("rewrite_with_base", base) if WEB_ADDRESS.match(base) else "deny")
    except ValueError:  # the sanitiser can't read this base: no relative address means anything
        clean = _cleaned(notes, "deny")
    return clean.strip() or None


def _cleaned(notes: str, relative: Literal["deny"] | tuple[Literal["rewrite_with_base"], str]) -> str:
    return nh3.clean(
        notes,
        tags=_NOTES_TAGS,
        clean_content_tags=_DROPPED_WHOLE,
        attributes={"a": {"href"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}},
        url_schemes={"http", "https", "mailto"},
        url_relative=relative,
        link_rel="noopener noreferrer nofollow",
    )


def plain_text(markup: str) -> str | None:
    """Show notes as plain text; None where nothing is left.

    Markup that has paragraphs or breaks is broken into lines by them; in text without any, line breaks are kept.
    """
    text = markup[:MAX_NOTES_CHARS]
    if "<" in text:
        text = _without_scripts(text)
        if _BLOCK.search(text):
            text = _BLOCK.sub("\n", " ".join(text.split()))
        text = _TAG.sub("", text)
    if "&" in text:
        text = _without_references(text)
    lines = (_SPACES.sub(" ", _UNSAFE.sub(" ", line)).strip() for line in text.splitlines())
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip() or None


def _without_scripts(text: str) -> str:
    """Markup without the elements whose content is no text, from their start tags on; the end tags stay."""
    parts: list[str] = []
    position = 0
    while found := _SCRIPT_START.search(text, position):
        parts.append(text[position : found.start()])
        end = _SCRIPT_ENDS[found.group(1).lower()].search(text, found.end())
        if end is None:
            return "".join(parts)
        position = end.start()
    return "".join([*parts, text[position:]])


def first_words(notes: str | None) -> str:
    words = (plain_text(notes) or "").split() if notes else []
    return " ".join(words[:12]) + ("…" if len(words) > 12 else "") if words else ""


def shortened(text: str | None, length: int = 80) -> str:
    text = " ".join((text or "").split())
    return text if len(text) <= length else f"{text[: length - 1]}…"
