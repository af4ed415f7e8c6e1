"""HTML and XML: `<cite>`, `<time>` and `<p>`, timed elements as YouTube serves them, and pages of paragraphs.

Belongs here: what is a transcript in a file of tags, and what is a web page about something else.
Doesn't: names and time marks inside a paragraph (`plain.py`).

XML is read by the HTML parser too: it knows no entities of a file's own, so none can explode.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxml import etree

from podbrief_assets.transcripts.dialects.cues import (
    ASK_PUBLISHER,
    MAX_CUES,
    Cue,
    EmptyTranscript,
    NotATranscript,
    UnreadableTranscript,
    check_count,
    clean,
    clean_name,
    count_words,
    seconds_of,
    span,
)
from podbrief_assets.transcripts.dialects.plain import MIN_WORDS, parse_paragraphs

_HIDDEN_TAGS = "script style noscript template nav footer header form button select svg iframe head"
_FURNITURE_TAGS = "script nav form button input select iframe"
_BLOCK_TAGS = (
    "p div li ul ol dl dt dd table tr td th section article main blockquote body pre h1 h2 h3 h4 h5 h6 hr cite time"
    " text"
)
_HEADING_TAGS = "h1 h2 h3 h4 h5 h6"
_VOID_TAGS = "br hr img input meta link"
_HIDDEN = frozenset(_HIDDEN_TAGS.split())
_FURNITURE = frozenset(_FURNITURE_TAGS.split())
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_HEADINGS = frozenset(_HEADING_TAGS.split())
_VOID = frozenset(_VOID_TAGS.split())
_APOLOGY = re.compile(
    r"\b(?:40[0-9]|410|429|50[0-9]|not found|error|denied|forbidden|unavailable|just a moment|before you continue"
    r"|bevor sie|consent|cookies?|captcha|log ?in|sign ?in)\b",
    re.I,
)
# A page about something needs more than a paragraph to pass for an unmarked transcript.
_MIN_PROSE_WORDS = 100
_MAX_TAGS = 6 * MAX_CUES


@dataclass
class _Block:
    tag: str
    text: str
    start: str | None = None
    end: str | None = None
    length: str | None = None
    machine_time: str | None = None


@dataclass
class _Page:
    """An lxml parser target: keeps the page's visible blocks in order, and what tells a web page from a transcript."""

    blocks: list[_Block] = field(default_factory=list)
    title: str = ""
    furniture: int = 0
    linked_words: int = 0
    _open: list[_Block] = field(default_factory=list)
    _pieces: list[str] = field(default_factory=list)
    _hidden: int = 0
    _links: int = 0
    _in_title: bool = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.furniture += tag in _FURNITURE
        self._in_title = tag == "title"
        if tag in _HIDDEN:
            self._hidden += 1
        if tag == "a":
            self._links += 1
        if tag == "br":
            self._pieces.append("\n")
        if tag in _BLOCKS:
            self._flush()
            self._open.append(
                _Block(
                    tag,
                    "",
                    start=attributes.get("start") or attributes.get("begin") or _milliseconds(attributes.get("t")),
                    end=attributes.get("end"),
                    length=attributes.get("dur") or _milliseconds(attributes.get("d")),
                    machine_time=attributes.get("datetime"),
                )
            )
            if tag in _VOID:
                self._open.pop()

    def end(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        if tag in _HIDDEN and self._hidden:
            self._hidden -= 1
        if tag == "a" and self._links:
            self._links -= 1
        if tag in _BLOCKS and tag not in _VOID:
            self._flush()
            if self._open:
                self._open.pop()

    def data(self, data: str) -> None:
        if self._in_title:
            self.title = (self.title + data)[:300]
        elif not self._hidden:
            self._pieces.append(data)
            if self._links:
                self.linked_words += count_words(data)

    def comment(self, text: str) -> None:
        """Nothing in a comment is spoken."""

    def close(self) -> _Page:
        self._flush()
        return self

    def _flush(self) -> None:
        text = "".join(self._pieces)
        self._pieces.clear()
        if text.strip():
            around = self._open[-1] if self._open else _Block("", "")
            self.blocks.append(_Block(around.tag, text, around.start, around.end, around.length, around.machine_time))
            check_count(len(self.blocks))


def _milliseconds(value: str | None) -> str | None:
    """YouTube's `t` and `d` in seconds."""
    return f"{int(value) / 1000:.3f}" if value and re.fullmatch(r"\d{1,12}", value) else None


def looks_like_markup(text: str) -> bool:
    """Whether the first thing in `text` is a tag, a comment or a declaration."""
    return re.match(r"\s*<(?:[A-Za-z!?])", text) is not None


def parse_markup(text: str) -> list[Cue]:
    """The cues of an HTML or XML transcript.

    Timed elements come first (`<text start dur>`, `<p t d>`, `<p begin end>`), then `<cite>` and `<time>`, each of
    which opens a turn that the paragraphs after it belong to. Anything else is a transcript if its paragraphs name
    speakers or times, or if it is bare prose: at least 100 words, few of them links, without scripts, forms and menus.

    Raises:
        EmptyTranscript: It has the tags of a transcript and no words.
        NotATranscript: It is a web page of another kind.
        UnreadableTranscript: It has timed elements, and none has a time that can be read.
    """
    if text.count("<") > _MAX_TAGS:
        raise NotATranscript("the file has more tags than any transcript", ASK_PUBLISHER)
    page = _read(text)
    name = " ".join(page.title.split())[:80]
    blocks = [block for block in page.blocks if block.text.strip()]
    timed = [block for block in blocks if block.start is not None and block.tag in ("text", "p", "div")]
    if timed:
        return _timed(timed)
    turns = _turns(blocks, only_paragraphs=page.furniture > 0)
    if turns:
        return turns
    if re.search(r"<(?:transcript|timedtext|cite|tt)\b[^<>]{0,300}>", text[:4096], re.I) and not page.furniture:
        raise EmptyTranscript("the transcript has tags and no words", ASK_PUBLISHER)
    headings = " ".join(block.text for block in blocks if block.tag in _HEADINGS)[:300]
    if _APOLOGY.search(name) or _APOLOGY.search(headings):
        raise NotATranscript(f"the file is an error or consent page ({name or headings[:80]!r})", ASK_PUBLISHER)
    spoken = [b for b in blocks if b.tag not in _HEADINGS and (not page.furniture or b.tag in ("p", "blockquote"))]
    cues, marked = parse_paragraphs(block.text.strip().split("\n") for block in spoken)
    words = sum(count_words(cue.text) for cue in cues)
    links = 10 * page.linked_words > words
    if (marked and words >= MIN_WORDS and not links) or (
        words >= _MIN_PROSE_WORDS and not links and not page.furniture
    ):
        return cues
    raise NotATranscript(
        f"the file is a web page{f' ({name!r})' if name else ''} without a transcript in it", ASK_PUBLISHER
    )


def _read(text: str) -> _Page:
    page = _Page()
    parser = etree.HTMLParser(target=page, recover=True, no_network=True, encoding="utf-8")
    try:
        # A declaration of another encoding, true before the file was decoded, would mislead the parser.
        parser.feed(re.sub(r"^\s*<\?xml[^<>]{0,200}\?>", "", text).encode("utf-8", errors="replace"))
        parser.close()
    except etree.LxmlError:
        # Nested too deeply, or cut: the blocks before the break are whole.
        page.close()
    return page


def _timed(blocks: list[_Block]) -> list[Cue]:
    cues: list[Cue] = []
    for block in blocks:
        start, length = (
            seconds_of((block.start or "").removesuffix("s")),
            seconds_of((block.length or "").removesuffix("s")),
        )
        end = seconds_of((block.end or "").removesuffix("s"))
        if end is None and start is not None and length is not None:
            end = start + length
        start_s, end_s = span(start, end)
        words = clean(block.text)
        if start_s is not None and words:
            cues.append(Cue(start_s=start_s, end_s=end_s, text=words))
    if not cues:
        raise UnreadableTranscript("none of the timed elements can be read", ASK_PUBLISHER)
    return cues


def _time(block: _Block) -> float | None:
    shown = seconds_of(block.text.strip(" \n\t[]()"))
    if shown is not None:
        return shown
    match = re.fullmatch(r"PT(?:(\d{1,3})H)?(?:(\d{1,4})M)?(?:(\d{1,6})(?:\.\d{1,6})?S)?", block.machine_time or "")
    return (
        sum(int(part or 0) * unit for part, unit in zip(match.groups(), (3600, 60, 1), strict=True)) if match else None
    )


def _turns(blocks: list[_Block], *, only_paragraphs: bool) -> list[Cue]:
    """The turns that `<cite>` and `<time>` open; none where too few do, as in an article that cites a book."""
    cues: list[Cue] = []
    paragraphs: list[str] = []
    speaker: str | None = None
    start_s: float | None = None
    heads = 0
    inside = False

    def close() -> None:
        nonlocal paragraphs, speaker, start_s
        # Under one time all paragraphs are one turn; without times each may stand alone.
        texts = ["\n".join(paragraphs)] if start_s is not None else paragraphs
        for text in filter(None, map(clean, texts)):
            cues.append(Cue(start_s=start_s, speaker=speaker, text=" ".join(text.split())))
        paragraphs, speaker, start_s = [], None, None

    for block in blocks:
        time = _time(block) if block.tag == "time" else None
        if block.tag == "cite" or time is not None:
            heads += 1
            if paragraphs or (block.tag == "cite" and speaker) or (time is not None and start_s is not None):
                close()
            inside = True
            if block.tag == "cite":
                speaker = clean_name(block.text)
            else:
                start_s, _ = span(time, None)
        elif (
            inside and block.tag != "time" and block.tag not in _HEADINGS and (block.tag == "p" or not only_paragraphs)
        ):
            paragraphs.append(block.text)
    close()
    # A fragment with a single turn is a whole transcript; a page with a single <cite> isn't.
    return cues if heads >= (6 if only_paragraphs else 1) else []
