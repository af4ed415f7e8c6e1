"""Which transcripts are refused, why, and that real ones are not."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from podbrief_assets.errors import PodbriefError
from podbrief_assets.transcripts import Segment, duration_s
from podbrief_assets.transcripts.acceptance import About, refusal
from podbrief_assets.transcripts.languages import alike, is_known, languages_in, spoken
from podbrief_assets.transcripts.publisher import parse_transcript

ENGLISH = (
    "When the ferry stopped running, the island had to decide what its school was for. There were eleven children left, "
    "and the nearest other school was two hours away by boat. So the parents asked the baker whether she would teach "
    "arithmetic, and she said that she had been doing nothing else for thirty years. "
)
GERMAN = (
    "Als die Fähre nicht mehr fuhr, musste die Insel entscheiden, wozu ihre Schule da war. Es gab noch elf Kinder, und die "
    "nächste Schule lag zwei Stunden mit dem Boot entfernt. Also fragten die Eltern die Bäckerin, ob sie Rechnen "
    "unterrichten würde, und sie sagte, sie habe seit dreißig Jahren nichts anderes getan. "
)
SPANISH = (
    "Cuando el barco dejó de pasar, la isla tuvo que decidir para qué servía su escuela. Quedaban once niños, y la escuela "
    "más cercana estaba a dos horas en barco. Entonces los padres le preguntaron a la panadera si quería enseñar "
    "aritmética, y ella dijo que llevaba treinta años sin hacer otra cosa. "
)
ENGLISH_NOTES = (
    "What does a village need a teacher for? We visit an island in the north and listen to people who never meant to run a "
    "school. With music by the harbour choir, and a recipe for rye bread at the very end of the programme."
)
GERMAN_NOTES = (
    "Wozu braucht ein Dorf eine Lehrerin? Wir besuchen eine Insel im Norden und hören Leuten zu, die nie eine Schule leiten "
    "wollten. Mit Musik vom Hafenchor und ganz am Ende der Sendung einem Rezept für Roggenbrot."
)
JAPANESE = (
    "船が来なくなったとき、島は学校が何のためにあるのかを決めなければならなかった。子どもは十一人しか残っていなかった。"
)


def speech(text: str, *, end_s: float = 600.0, timed: bool = True, start_s: float = 0.0) -> list[Segment]:
    """`text` said from `start_s` to `end_s`, in segments of about ten words."""
    words = text.split()
    lines = [" ".join(words[n : n + 10]) for n in range(0, len(words), 10)]
    step = (end_s - start_s) / len(lines)
    return [
        Segment(start_s=start_s + n * step, end_s=start_s + (n + 1) * step, text=line, timed=timed)
        for n, line in enumerate(lines)
    ]


# --- how many words, and how long ---


@pytest.mark.parametrize(
    ("count", "end_s", "timed", "duration_s", "reason"),
    [
        (5000, 1800, True, 1800, None),
        (5000, 1800, True, None, None),
        (5000, 1800, True, 2200, None),
        (300, 90, True, 100, None),
        (10, 5, True, 100, None),
        (10, 100, True, 180, "10 words for 3 minutes"),
        (150, 60, False, 3600, "show notes"),
        (2900, 3600, False, 3600, "no times, as a summary has"),
        (1500, 3600, True, 3600, None),
        (3100, 3600, False, 3600, None),
        (5000, 300, True, 300, "words a minute"),
        (5000, 300, True, None, "words a minute"),
        (5000, 900, True, 3600, "ends at 15 of 60"),
        (5000, 1790, True, 3600, "ends at 30 of 60"),
        (5000, 1850, True, 3600, None),
        (5000, 5000, True, 1800, "ends at 83 minutes"),
        (5000, 2400, True, 1800, None),
        (5000, 5000, False, 1800, None),
        (5000, 1800, True, math.nan, None),
        (5000, 1800, True, 0.0, None),
        (5000, 1800, True, -1.0, None),
    ],
)
def test_words_and_times_must_fit_the_duration(
    count: int, end_s: float, timed: bool, duration_s: float | None, reason: str | None
) -> None:
    verdict = refusal(speech("word " * count, end_s=end_s, timed=timed), About(duration_s=duration_s))
    assert verdict is None if reason is None else verdict is not None and reason in verdict


def test_a_transcript_of_the_last_quarter_covers_too_little() -> None:
    verdict = refusal(speech("word " * 3000, start_s=2700, end_s=3600), About(duration_s=3600))
    assert verdict == "it covers 15 of 60 minutes"


def test_what_people_typed_without_a_time_mark_counts_as_covered() -> None:
    marked = speech("word " * 3000, end_s=1200)
    unmarked = speech("word " * 6000, start_s=1200, end_s=3600, timed=False)
    assert refusal([*marked, *unmarked], About(duration_s=3600)) is None


def test_no_words_fit_no_episode() -> None:
    assert refusal([], About()) == "it has no words"


# --- error pages ---

WALLS = [
    "Error 404. The page that you are looking for was moved, removed, renamed or might never have existed at all. Go home.",
    "Oops! Page not found. It looks like nothing was found at this location. Maybe try one of the links below or a search?",
    "Access denied. You don't have permission to access this resource on this server. Reference number eighteen. Contact us.",
    "Just a moment... We only want to be sure that somebody reads this and no machine, which takes a few seconds of your time.",
    "Checking your browser before you go on. This process is automatic. Your browser will be redirected shortly. Please allow.",
    "We value your privacy. We use cookies and similar technologies to offer you a better experience. Accept all or manage "
    "preferences. For more see our privacy policy. Some partners claim a legitimate interest.",
    "Welcome back, friend of the show. Please sign in with your e-mail address, or create an account. Forgot your password? "
    "By going on you agree to our terms of service.",
]


@pytest.mark.parametrize("text", WALLS)
def test_an_error_page_or_a_wall_is_no_transcript_however_it_is_served(text: str) -> None:
    for content, media_type in (
        (text, "text/plain"),
        (f"<html><body><p>{text}</p></body></html>", "text/html"),
        (f'{{"text": "{text}"}}', "application/json"),
    ):
        try:
            segments = parse_transcript(content.encode(), media_type)
        except PodbriefError:
            continue  # it was no transcript to the parser already
        verdict = refusal(segments, About(language="en"))
        assert verdict is not None and verdict.startswith(("it is an error page", "it is a page to log in"))


def test_somebody_who_speaks_about_cookies_and_passwords_is_heard() -> None:
    text = " ".join(WALLS)
    assert refusal(speech(text), About()) is None, "a page has no times"
    for opening in (
        "Just a moment ago somebody rang. ",
        "The forbidden city has a gate. ",
        "There is no transcript of it. ",
    ):
        assert refusal(speech(opening + ENGLISH, timed=False), About()) is None
    named = [Segment(start_s=0, end_s=60, speaker="Ann", text=text, timed=False)]
    assert refusal(named, About()) is None, "a page has no speakers"
    long = speech((ENGLISH + text) * 4, timed=False)
    assert refusal(long, About()) is None, "a page has no thousand words"


# --- show notes ---


def notes(text: str) -> About:
    return About(title="The island school", description=f"Show notes. {text} Find us at island.example.", language="en")


def test_the_show_notes_are_no_transcript() -> None:
    for text in (ENGLISH, "The island school. " + ENGLISH, ENGLISH.upper().replace(",", " -")):
        verdict = refusal(speech(text, timed=False), notes(ENGLISH))
        assert verdict == "it is the episode's show notes"
    assert refusal(speech("The island school", timed=False), notes(ENGLISH)) == "it is the episode's show notes"
    assert refusal(speech(JAPANESE, timed=False), About(description=JAPANESE)) == "it is the episode's show notes"


def test_notes_that_hold_the_whole_transcript_are_no_reason_against_it() -> None:
    long = " ".join(f"{ENGLISH} That was number {n}." for n in range(20))
    assert refusal(speech(long, timed=False), notes(long)) is None, "nobody writes notes of a thousand words"
    minute = About(title="News in a minute", description=ENGLISH, language="en", duration_s=30)
    assert refusal(speech(ENGLISH, end_s=30, timed=False), minute) is None, "that is the pace of speech"
    slow = About(description=ENGLISH, language="en", duration_s=550)
    assert refusal(speech(ENGLISH, end_s=550, timed=False), slow) == "it is the episode's show notes"


def test_a_transcript_that_begins_as_the_notes_do_is_one() -> None:
    other = "Nobody had planned for that, of course, and the boat came back in spring with a teacher on it. "
    assert refusal(speech(ENGLISH + other * 5, timed=False), notes(ENGLISH)) is None


# --- language ---


def test_a_translation_is_refused_whatever_its_file_says() -> None:
    about = About(title="The island school", description=ENGLISH_NOTES, language="en-us")
    assert refusal(speech(ENGLISH * 8), about) is None
    assert refusal(speech(GERMAN * 8), about) == "it is in another language (de) than the episode (en-us)"
    assert refusal(speech(JAPANESE * 8), about) == "it is in another language (ja) than the episode (en-us)"


def test_a_feed_that_states_the_wrong_language_costs_no_transcript() -> None:
    about = About(title="Die Inselschule", description=GERMAN_NOTES, language="en")
    assert refusal(speech(GERMAN * 8), about) is None, "its notes are German, too"
    assert refusal(speech(ENGLISH * 8), about) is None, "the feed's language is believed all the same"
    assert refusal(speech(SPANISH * 8), about) == "it is in another language (es) than the episode (en)"


@pytest.mark.parametrize("language", [None, "und", "mul", "x-klingon", "tlh"])
def test_where_a_feed_has_no_language_that_can_be_told_none_is_judged(language: str | None) -> None:
    assert refusal(speech(GERMAN * 8), About(language=language)) is None


def test_a_show_for_learners_speaks_two_languages() -> None:
    assert refusal(speech((SPANISH * 4 + ENGLISH) * 6), About(language="en")) is None
    assert refusal(speech(SPANISH * 30 + ENGLISH), About(language="en")) is not None, "a word of welcome is not enough"


def test_too_few_words_for_a_verdict_are_given_none() -> None:
    assert refusal(speech("Guten Morgen, Berlin.", end_s=2), About(language="en")) is None
    assert not languages_in("Guten Morgen, Berlin.")
    assert not languages_in("") and not languages_in("1 2 3 " * 400)


def test_what_is_alike_is_one_language() -> None:
    assert alike("en-US", "en_GB") and alike("nb", "no") and alike("iw", "he") and alike("zh-Hant-TW", "yue")
    assert not alike("en", "de") and not alike("no", "en")
    assert is_known("nb-NO") and is_known("pt-br") and not is_known("und") and not is_known(None)


def test_the_language_of_the_words_is_as_stated_unless_it_is_clearly_another() -> None:
    assert spoken(GERMAN * 4, "de-at") == "de-at"
    assert spoken(GERMAN * 4, "en") == "de"
    assert spoken(GERMAN * 4, None) == "de"
    assert spoken("Hallo.", "en") == "en"
    assert spoken(GERMAN * 4, "gsw") == "gsw"


# --- real ones ---


def test_real_transcripts_are_not_refused(corpus: Path) -> None:
    typed = sorted((corpus / "transcripts/changelog").glob("*/*.md"))[::12]
    recognised = sorted((corpus / "transcripts/whisper_multiformat").glob("*/*.vtt"))
    assert len(typed) > 40 and len(recognised) == 21
    german = ("CriticalInfinityShorts", "RaetselDesUnbewussten", "Uebertage", "corvuscorax", "futurehistories")
    for path in [*typed, *recognised]:
        segments = parse_transcript(path.read_bytes(), None)
        language = "de" if path.parent.name in german and "-on-" not in path.name else "en"
        for length_s in (None, duration_s(segments), 1.2 * duration_s(segments)):
            assert refusal(segments, About(language=language, duration_s=length_s)) is None, path.name
        other = "en" if language == "de" else "de"
        assert "another language" in (refusal(segments, About(language=other)) or ""), path.name
