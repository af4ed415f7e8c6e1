"""Tell which languages a text is in.

Belongs here: the identifier, when it is sure, and which language tags mean as good as the same.
Doesn't: what follows for a transcript whose language is another than its episode's (`acceptance.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

# A text is judged by up to thirty stretches of some sentences, evenly spread: one verdict over all would miss that
# a show for learners speaks two languages, and reading on adds time and no certainty.
_STRETCHES = 30
_STRETCH = 300
# In a stretch of fewer bytes of UTF-8 (two sentences) names and loanwords decide.
_MIN_BYTES = 200
_SURE = 0.9
# More of a text in a language makes it that of a show for learners, less a word of welcome.
_MIN_SHARE = 1 / 10

# What the identifier, or a publisher, may call by another name, and what is written so alike that both happen.
_ALIKE = tuple(
    frozenset(group.split())
    for group in (
        "no nb nn da",
        "hr sr bs sh cnr",
        "id in ms jv su",
        "zh yue wuu cmn nan hak",
        "ar arz ary apc",
        "es gl ast ext an",
        "pt gl",
        "fa prs tg",
        "de gsw bar nds lb",  # Swiss German is spoken, and written down in German
        "it lij vec scn nap",
        "fr wa gcr gcf",
        "en pcm sco",
        "hi ur",
        "ku ckb sdh",
        "tl fil",
        "he iw hbo",
        "ro mo",
        "el grc",
        "uz uzs",
        "nl af",
    )
)


@cache
def _identifier() -> LanguageIdentifier:
    """The identifier with its model, which takes a second and 100 MB to load: once in a process, when first asked."""
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def languages_in(text: str) -> Counter[str]:
    """In how many stretches of `text` (up to thirty) which language was recognised for sure.

    Empty where the text is too short or in no language that is known. Languages are ISO 639 codes.
    """
    found: Counter[str] = Counter()
    count = min(_STRETCHES, max(1, len(text) // _STRETCH))
    step = len(text) / count
    for number in range(count):
        stretch = text[int(number * step) : int(number * step) + _STRETCH]
        if len(stretch.encode(errors="replace")) < _MIN_BYTES:
            continue
        language, confidence = _identifier().classify(stretch)
        if confidence >= _SURE and language != "zxx":
            found[language] += 1
    return found


def is_known(tag: str | None) -> bool:
    """Whether the identifier can tell the language of a BCP 47 tag; "und" and "mul" are none."""
    return tag is not None and any(alike(tag, label) for label in _identifier().labels)


def alike(one: str, other: str) -> bool:
    """Whether two tags name the same language, whatever region or script, or two that are hard to tell apart."""
    a, b = primary(one), primary(other)
    return a == b or any(a in group and b in group for group in _ALIKE)


def primary(tag: str) -> str:
    """The language of a BCP 47 tag without its region or script, in small letters."""
    return tag.strip().lower().replace("_", "-").partition("-")[0]


def is_in(heard: Counter[str], tags: Collection[str]) -> bool:
    """Whether a tenth of what `languages_in` heard at least is in one of these languages; False where nothing was."""
    fitting = sum(count for language, count in heard.items() if any(alike(language, tag) for tag in tags))
    return fitting > 0 and fitting >= _MIN_SHARE * sum(heard.values())


def spoken(text: str, stated: str | None) -> str | None:
    """The language of `text`: as stated, unless it is clear that it is another one."""
    heard = languages_in(text)
    if not heard or (stated is not None and (not is_known(stated) or is_in(heard, [stated]))):
        return stated
    return heard.most_common(1)[0][0]
