"""Bytes in, text out: byte order marks, encodings, and what is no text at all.

Belongs here: finding out the encoding.
Doesn't: anything about what the text says.
"""

from __future__ import annotations

import codecs
import re

from podbrief_assets.transcripts.dialects.cues import ASK_PUBLISHER, NotATranscript

# The longer marks first: UTF-32's little-endian mark begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BINARY = {
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP or Office document",
    b"\x1f\x8b": "gzip data",
    b"ID3": "an MP3 file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"OggS": "an Ogg file",
    b"RIFF": "a RIFF media file",
    b"{\\rtf": "an RTF document",
}
# A closed list: Python also knows codecs that unpack, execute escapes or take quadratic time.
_CHARSET = re.compile(
    rb"charset\s*=\s*[\"']?(iso-8859-\d{1,2}|windows-125\d|shift_jis|euc-jp|iso-2022-jp|euc-kr|gb2312|gbk|gb18030|big5|koi8-r)\b",
    re.I,
)
_CONTROL = dict.fromkeys((*range(9), 11, *range(14, 32), 127))


def decode(content: bytes, media_type: str | None) -> str:
    """`content` as text with `\\n` line ends, without a byte order mark and without control characters.

    A byte order mark decides; then zeros at every second or fourth byte; then UTF-8 where it fits, also where a
    break cut the last character or a few bytes are broken; then a charset that the media type or the file's own
    first kilobytes declare; then Windows-1252.

    Raises:
        NotATranscript: It is no text.
    """
    for magic, kind in _BINARY.items():
        if content.startswith(magic):
            raise NotATranscript(f"the file is {kind}", ASK_PUBLISHER)
    text = _marked(content) or _unmarked(content, media_type)
    printable = text.translate(_CONTROL)
    if (len(text) - len(printable)) * 100 > len(text):
        raise NotATranscript("the file is binary data", ASK_PUBLISHER)
    return printable.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _marked(content: bytes) -> str | None:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, errors="replace")
    return None


def _unmarked(content: bytes, media_type: str | None) -> str:
    head = content[:4096]
    if head.count(0) * 4 > len(head):
        wide = "utf-32" if head.count(0) * 10 > len(head) * 6 else "utf-16"
        return content.decode(f"{wide}-{'be' if head[0] == 0 else 'le'}", errors="replace")
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(content, final=False)
    except UnicodeDecodeError:
        pass
    text = content.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    # Whole multi-byte characters don't come about by chance: a file that has more of them than of breaks is UTF-8.
    if len(text) - len(text.encode("ascii", errors="ignore")) > 2 * broken:
        return text
    declared = _CHARSET.search((media_type or "").encode("ascii", errors="ignore")) or _CHARSET.search(head)
    encoding = declared[1].decode("ascii") if declared else "cp1252"
    return content.decode(encoding, errors="replace")
