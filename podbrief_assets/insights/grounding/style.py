"""How an insight may be written: DESIGN §1.

Belongs here: rules on length, person, opening and narration.
Doesn't: what the text says (the other rooms), addresses and instructions (`contacts.py`).
"""

from __future__ import annotations

import re

from podbrief_assets.insights.grounding.claims import Claim
from podbrief_assets.insights.text import FUNCTION_WORDS, fold, names_of, rarity, sentences, word_count

TEXT_WORDS = (25, 60)
TEXT_SENTENCES = (1, 3)
QUOTE_WORDS = (5, 40)


def any_of(*phrases: str) -> re.Pattern[str]:
    """A pattern of whole words, in any case."""
    return re.compile(rf"\b(?:{'|'.join(phrases)})\b", re.IGNORECASE)


def length(claim: Claim) -> str | None:
    words = word_count(claim.text)
    return None if TEXT_WORDS[0] <= words <= TEXT_WORDS[1] else f"{words} words"


def sentence_count(claim: Claim) -> str | None:
    count = len(sentences(claim.text))
    return None if TEXT_SENTENCES[0] <= count <= TEXT_SENTENCES[1] else f"{count} sentences"


_FINISHED = re.compile(r"[.!?][\"')\]]*$")


def ending(claim: Claim) -> str | None:
    """A text that breaks off, or announces what it does not say."""
    text = claim.text.rstrip()
    return None if _FINISHED.search(text) else text[-20:]


def quote_length(claim: Claim) -> str | None:
    words = word_count(claim.quote)
    return None if QUOTE_WORDS[0] <= words <= QUOTE_WORDS[1] else f"{words} words"


# "I" is also a numeral (World War I), "US" a country, "mine" a pit.
_PERSON = re.compile(
    r"(?<![\w/.&-])(?<!War )(?<!Part )(?<!Type )(?<!Phase )(?<!Class )(?<!Title )(?<!Elizabeth )(?<!Charles )"
    r"I(?:'(?:m|ve|d|ll))?(?![\w/.&-])"
    r"|\b(?:[Mm]e|[Mm]y|[Mm]yself|[Ww]e|[Ww]e'(?:re|ve|d|ll)|us|[Oo]urs?|[Oo]urselves|[Yy]ou|[Yy]ou'(?:re|ve|d|ll)"
    r"|[Yy]ours?|[Yy]ourself|[Ll]et's(?! [A-Z]))\b"
)


def person(claim: Claim) -> str | None:
    found = _PERSON.search(claim.told)
    return found[0] if found else None


_TELLS = (
    "(?:says?|said|argues?|argued|notes?|noted|explains?|explained|discuss(?:es|ed)?|mentions?|mentioned|talks?|talked"
    "|describes?|described|thinks?|believes?|suggests?|suggested|claims?|claimed|points? out|recalls?|adds?|added|is"
    "|are|asks?|asked|tells?|told|shares?|shared|emphasi[sz]es?|stresses|highlights?|compares?|agrees?)"
)
_VOICE = "(?:co-?)?(?:hosts?|guests?|speakers?|participants?|interviewe[re]s?|podcasters?|narrators?|presenters?)"
_NARRATION = any_of(
    f"(?:the|an? (?:unnamed )?|one|another) {_VOICE} {_TELLS}",
    "(?:this|in the|in an?|during the|of the|the current) (?:episode|podcast|interview|segment|passage|transcript)",
    "(?:the|this) (?:episode|podcast|transcript|passage|excerpt|conversation|discussion)"
    " (?:discusses|explores|covers|says|describes|mentions|notes|turns to|highlights|centers on|focuses on)",
)


# "Ana Ruiz discusses the price of power" says what was spoken of, not what was said of it; "argues that" does.
_SPEAKS_OF = re.compile(
    r"(?<![\w'-])([^\W\d_][\w'-]*)\s+(?:(?:also|further|then|briefly|additionally|later|again)\s+){0,3}"
    r"(?:discuss(?:es|ed)|talk(?:s|ed) about|touch(?:es|ed) on|delv(?:es|ed)|express(?:es|ed)|highlight(?:s|ed)"
    r"|emphasi[sz]e[sd]|underscore[sd]|reflect(?:s|ed) on|elaborate[sd]|mention(?:s|ed)|goes on to"
    r"|explain(?:s|ed) (?:the|an?|his|her|their)|explores|stresses)\b"
    r"(?!(?: [\w'-]+){0,4} (?:that|how|why)\b)"
)


def narration(claim: Claim) -> str | None:
    found = _NARRATION.search(claim.told)
    if found:
        return found[0]
    names = {
        part
        for speaker in claim.speakers
        for part in speaker.split()
        if part[:1].isupper() and fold(part) not in FUNCTION_WORDS
    }
    return next((found[0] for found in _SPEAKS_OF.finditer(claim.told) if found[1] in names), None)


def question(claim: Claim) -> str | None:
    return "?" if "?" in claim.told else None


_DANGLING = re.compile(
    r"(?:it|its|they|their|theirs|he|she|him|his|her|hers|them|this|these|such|here|there|that"
    r"|those(?! (?:who|that|with|whose))|the (?:former|latter|same|other|others)|another|and|but|so|or|yet|also|then"
    r"|therefore|thus|hence|instead|however|moreover|furthermore|additionally|meanwhile|otherwise|because of this"
    r"|similarly|likewise|as (?:mentioned|discussed|noted))(?:'(?:s|re|ll|d|ve))?(?![\w'-])",
    re.IGNORECASE,
)
_PERSONAL = re.compile(r"(?:he|she|his|her)(?:'s)?\b", re.IGNORECASE)


def opening(claim: Claim) -> str | None:
    opened = claim.text.lstrip("\"'(")
    found = _DANGLING.match(opened)
    # "There is a lake in …" points nowhere else; "There, prices rose" does.
    if found and not re.match(r"there (?:is|are|was|were|has|have|will|may|exists?)\b", opened, re.IGNORECASE):
        return found[0]
    told = sentences(claim.text)
    for index, sentence in enumerate(told[1:], start=1):
        pronoun = _PERSONAL.match(sentence)
        if pronoun and not _capitalised_words(" ".join(told[:index])):
            return pronoun[0]
    return None


def _capitalised_words(text: str) -> bool:
    return bool(names_of(text)) or any(
        word[:1].isupper() and not fold(word).endswith("s") and rarity(fold(word)) == 1 for word in text.split()
    )
