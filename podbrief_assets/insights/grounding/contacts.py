"""Text that sends its reader somewhere, or tells him what to do.

Belongs here: rules on addresses, telephone numbers, hidden signs, and instructions to a reader or a model.
Doesn't: style otherwise (`style.py`).

What is judged is what a reader would see: look-alike letters are read as what they look like, signs that nobody sees
are taken out first, and having any is refused by itself.
"""

from __future__ import annotations

import re
import unicodedata

from podbrief_assets.insights.grounding.claims import Claim
from podbrief_assets.insights.grounding.style import any_of
from podbrief_assets.insights.text import sentences

# Letters of other alphabets that look like Latin ones.
_LOOK_ALIKES = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0445\u0443\u0456\u0458\u0455\u04bb\u0501\u051b\u0261\u03bf\u03b1\u03c1\u03bd\u03b9"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0391\u0392\u0395\u039a\u039c\u039d\u039f\u03a1\u03a4"
    "\u0131\u2044\u2215\u3002\uff0e\u2024\u00b7\u2022",
    "aeopcxyijshdqgoapviABEKMHOPCTXABEKMNOPTi//.....",
)
# A word of Latin letters with a Greek or Cyrillic one in it, or the other way round.
_MIXED = re.compile(r"[A-Za-z][\u0370-\u03ff\u0400-\u052f]|[\u0370-\u03ff\u0400-\u052f][A-Za-z]")
# \u03bcs, \u0394t: units and quantities that are written so.
_UNITS = re.compile(r"\b[\u00b5\u03bc\u0394\u03a9][A-Za-z]{1,2}\b")


def hidden(claim: Claim) -> str | None:
    """A sign that a reader does not see, or a letter that looks like another."""
    for sign in claim.text:
        if unicodedata.category(sign) in {"Cf", "Cc", "Co", "Cn"}:
            return f"U+{ord(sign):04X}"
    found = _MIXED.search(_UNITS.sub(" ", claim.text))
    return found[0] if found else None


def _seen(text: str) -> str:
    """`text` as a reader sees it: no invisible signs, one form for signs that look alike."""
    shown = "".join(
        " " if sign.isspace() else sign
        for sign in text
        if sign.isspace() or unicodedata.category(sign) not in {"Cf", "Cc"}
    )
    return unicodedata.normalize("NFKC", shown).translate(_LOOK_ALIKES)


_ENDINGS = (
    "com|org|net|io|co|ai|fm|dev|app|tv|gov|edu|info|biz|me|uk|de|us|ca|ly|gg|xyz|shop|store|news|link|page|site|online|club"
    "|show|live|so|to|sh|eu|fr|nl|ch|at|se|jp|in|au"
)
# Those that are said aloud; "dot in" is as often a dot in something.
_SAID = "com|org|net|io|co|ai|fm|dev|app|tv|gov|edu"
_DIGIT = "(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|[0-9])"
_CONTACT = re.compile(
    r"h(?:tt|xx)ps?\s?:|\bwww\b|[\w.+-]{1,64}\s?@\s?[\w-]{1,64}|(?<![\w.])@\w{2,}"
    rf"|\b[\w-]{{2,63}}\.(?:{_ENDINGS})\b(?:/\S*)?"
    r"|\b[\w-]{2,63}\.[a-z]{2,12}/\w"
    # Said, or written to be read by people alone: "acme dot com", "acme [.] com", "a c m e . c o m"
    rf"|(?:\bdot|[\[({{]\s?(?:dot|\.)\s?[\])}}])\s{{0,2}}(?:{_SAID})\b"
    rf"|\b\w+\s\.\s?(?:{_SAID})\b|\b(?:\w\s){{3,30}}(?:\.|dot)\s(?:\w\s?){{2,4}}\b"
    r"|[\[({]\s?at\s?[\])}]|\bat[ -]sign\b|\b(?:dot \w+|\.\w+)\s(?:forward )?slash\b|\b(?:forward )slash \w"
    # Telephone numbers, in figures, in letters, spelt out
    r"|(?<!\d)(?:\+?1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?!\d)|(?<!\w)\+\d{1,3}[ .-]?\d[\d .-]{6,14}\d"
    r"|\b1?[ -]?8(?:00|33|44|55|66|77|88)[ -](?-i:[A-Z0-9][A-Z0-9-]{3,12})\b"
    rf"|\b{_DIGIT}(?:[\s-]{{1,2}}{_DIGIT}){{6,14}}\b",
    re.IGNORECASE,
)
# Companies that are named after their address are names, as long as nothing sends the reader there.
_NAMED_BY_ADDRESS = re.compile(r"\b(?:[A-Z]+)?\.NET\b|\b[A-Z][A-Za-z]{2,20}\.(?:com|ai|io|fm)\b(?!/)(?! slash)")


def contact(claim: Claim) -> str | None:
    """An address, a handle or a telephone number, however it is written."""
    found = _CONTACT.search(_NAMED_BY_ADDRESS.sub(" ", _seen(claim.text)))
    return found[0].strip() if found else None


_INSTRUCTION_OPENING = any_of(
    "please",
    "(?:click|tap) (?:on|here|the|this)",
    "visit (?:the|our|us|their|this)",
    "subscribe",
    "sign up",
    "check (?:it |them )?out",
    "use (?:the |this )?(?:promo |discount |coupon |offer )?code",
    "go to",
    "head (?:over )?to",
    "download (?:the|our|it|this)",
    "make sure",
    "remember to",
    "don't (?:miss|forget)",
    "tune in",
    "listen to",
    "stay tuned",
    "join us",
    "follow (?:us|the show|them|along)",
    "ignore (?:all|any|the|your|previous)",
    "disregard",
    "(?:respond|reply|answer) (?:with|only)",
    "try it",
    "call (?:now|today|the)",
    "text \\w+ to",
    "e-?mail (?:us|them|the|him|her)",
    "(?:learn|find out|read) more",
    "shop (?:now|at|the|for)",
    "order (?:now|today|yours|one)",
    "get (?:started|yours|\\d+ ?%? off|your)",
    "save (?:up to|\\$?\\d)",
    "buy (?:now|one|the|it|today)",
    "support (?:the show|us)",
    "leave (?:a|us) (?:review|rating|comment)",
    "share this",
    "tell (?:a friend|your)",
)
_INSTRUCTION = any_of(
    "(?:promo|discount|coupon|offer) code",
    "link in (?:the )?(?:bio|description|show notes)",
    "free trial",
    "limited[ -]time",
    "terms (?:and conditions )?apply",
    "(?:readers?|listeners?|viewers?|subscribers?)"
    " (?:should|must|can|need to|may want to|are (?:urged|encouraged|invited|advised|asked))",
    "(?:ignore|disregard|forget) (?:all |any )?(?:of )?(?:the |your )?(?:previous|prior|above|earlier|preceding)"
    " (?:instructions?|prompts?|messages?|rules)",
    "as an ai (?:language )?(?:model|assistant)",
    "system prompt",
    "you are now",
    "new instructions",
)
# What only a program reads: markup, links, the marks between a model's messages.
_MARKUP = re.compile(
    r"</?[a-z][a-z0-9]*[\s>/]|<\||\|>|\]\(|\[/?INST\]|```|\bjavascript:|\{\{|\bdata:\w+/|&(?:#\d+|[a-z]+);",
    re.IGNORECASE,
)


def instruction(claim: Claim) -> str | None:
    """Something that a reader or a program is told to do."""
    found = _INSTRUCTION.search(_seen(claim.text)) or _MARKUP.search(_seen(claim.text))
    if found:
        return found[0]
    told = sentences(_seen(claim.told))
    return next((start[0] for sentence in told if (start := _INSTRUCTION_OPENING.match(sentence))), None)
