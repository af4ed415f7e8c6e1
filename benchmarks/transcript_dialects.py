"""Reading publishers' transcripts: every dialect, the expected results of other parsers' suites, and who is accepted.

Proves, over `transcripts` of the corpus, that

- every file of `dialects` is read, or refused by the typed error that it should get; where a suite has an expected
  result, words, starts, ends and speakers are counted that agree, and every difference has a reason;
- the five formats of one recognised episode (`whisper_multiformat`) have the same words and times;
- the rules of acceptance refuse no real transcript, and none of what is made of these to be refused: one in another
  language, a quarter of one, one of another length, an hour's show notes.

Exits with 1 where one of these fails.

    python benchmarks/transcript_dialects.py [--corpus ../shared/corpus] [--list]

Segments are joined to sentences here and cut elsewhere there, so times are compared through the words: where a segment
starts with the first word of an expected one, the starts have to be equal (to 10 ms); where it starts inside, its start
has to lie inside, too. Ends likewise.
"""

from __future__ import annotations

import argparse
import difflib
import html
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from podbrief_assets.transcripts import Segment, duration_s, is_timed
from podbrief_assets.transcripts.acceptance import About, refusal
from podbrief_assets.transcripts.dialects.captions import parse_captions
from podbrief_assets.transcripts.dialects.decoding import decode
from podbrief_assets.transcripts.dialects.settling import ends_sentence
from podbrief_assets.transcripts.publisher import (
    EmptyTranscript,
    NotATranscript,
    UnreadableTranscript,
    parse_transcript,
)

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
TOLERANCE_S = 0.011
FIELDS = ("words", "starts", "ends", "speakers")
TYPED = (EmptyTranscript, NotATranscript, UnreadableTranscript)

# Files that hold no transcript, and what should be said of each.
NO_TRANSCRIPT = {
    "podcast-namespace/transcripts.md": NotATranscript,
    "webvtt-py/invalid_format3.srt": NotATranscript,
    "webvtt-py/invalid_format4.srt": EmptyTranscript,
    "youtube-transcript-api/youtube_altered_user_agent.innertube.json.static": NotATranscript,
    "youtube-transcript-api/youtube_consent_page.html.static": NotATranscript,
    "youtube-transcript-api/youtube_consent_page_invalid.html.static": NotATranscript,
    "youtube-transcript-api/youtube_po_token_required.innertube.json.static": NotATranscript,
    "youtube-transcript-api/youtube_video_unavailable.innertube.json.static": NotATranscript,
    "youtube-transcript-api/youtube_ww1_nl_en.innertube.json.static": NotATranscript,
}
# Files of one suite that are there to be read alike: one text in another format or encoding, or with comments.
TWINS = (
    ("podcast-namespace/example.srt", "podcast-namespace/example.html"),
    ("pysrt/no-indexes.srt", "pysrt/bom-utf-32-be.srt"),
    ("webvtt-py/one_caption.vtt", "webvtt-py/one_caption.srt"),
    ("webvtt-py/styles.vtt", "webvtt-py/styles_with_comments.vtt"),
    ("webvtt-py/styles_colours.vtt", "webvtt-py/styles_colours.srt"),
)
# How many captions a suite's own tests count in a file; None where they want the file refused.
COUNTED = {
    "webvtt-py/sample.vtt": 16,
    "webvtt-py/sample.srt": 5,
    "webvtt-py/sample.sbv": 5,
    "webvtt-py/captions_with_bom.vtt": 4,
    "webvtt-py/comments.vtt": 3,
    "webvtt-py/metadata_headers.vtt": 2,
    "webvtt-py/one_caption.vtt": 1,
    "webvtt-py/one_caption.srt": 1,
    "webvtt-py/styles.vtt": 1,
    "webvtt-py/missing_caption_text.vtt": 5,
    "webvtt-py/missing_caption_text.srt": None,
    "webvtt-py/missing_caption_text.sbv": None,
    "webvtt-py/missing_timeframe.vtt": None,
    "webvtt-py/missing_timeframe.srt": None,
    "webvtt-py/missing_timeframe.sbv": None,
    "webvtt-py/invalid_timeframe.vtt": None,
    "webvtt-py/invalid_timeframe.srt": None,
    "webvtt-py/invalid_timeframe.sbv": None,
    "webvtt-py/invalid.vtt": None,
    "webvtt-py/invalid_format3.srt": None,
    "webvtt-py/invalid_format4.srt": None,
}
# Written to try players out: nobody could say it so fast, or there is a word in a minute.
NO_SPEECH = ("pysrt/capability_tester.srt", "webvtt-py/comments.vtt")
SHORT_S = 600.0
THEMSELVES = "(the table's rows themselves)"
GERMAN = ("CriticalInfinityShorts", "RaetselDesUnbewussten", "Uebertage", "corvuscorax", "futurehistories")


# --- Comparing ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """A segment as a suite expects it."""

    start_s: float
    end_s: float
    speaker: str | None
    words: tuple[str, ...]


@dataclass
class Agreement:
    """How far what was read agrees with what is expected."""

    results: int = 0
    whole: int = 0
    segments: int = 0
    sentences: int = 0  # segments that end with one
    total: Counter[str] = field(default_factory=Counter)
    agreeing: Counter[str] = field(default_factory=Counter)
    differences: list[tuple[str, str, str, str | None]] = field(default_factory=list)  # file, field, what, reason

    def read(self, segments: Sequence[Segment]) -> None:
        """Count the segments of a file, and those that end with a sentence."""
        self.segments += len(segments)
        self.sentences += sum(ends_sentence(segment.text) for segment in segments)

    def count(self, name: str, field_: str, agrees: bool, what: str, reason: str | None = None) -> None:
        """Count one comparison; a difference is kept with its reason."""
        self.total[field_] += 1
        self.agreeing[field_] += agrees
        if not agrees:
            self.differences.append((name, field_, what, reason))

    @property
    def unexplained(self) -> list[tuple[str, str, str, str | None]]:
        """The differences that nobody meant."""
        return [difference for difference in self.differences if difference[3] is None]


def compare(agreement: Agreement, name: str, expected: Sequence[Entry], segments: Sequence[Segment]) -> None:
    """Count words, starts, ends and speakers of one file."""
    before = len(agreement.differences)
    theirs = [(entry, n) for entry in expected for n in range(len(entry.words))]
    ours = [(segment, n) for segment in segments for n in range(len(segment.text.split()))]
    their_words = [entry.words[n] for entry, n in theirs]
    our_words = [word for segment in segments for word in segment.text.split()]
    for tag, a, b, c, d in difflib.SequenceMatcher(None, their_words, our_words, autojunk=False).get_opcodes():
        if tag != "equal":
            what = f"expected {' '.join(their_words[a:b])!r}, podbrief {' '.join(our_words[c:d])!r}"
            reason = why_words_differ(their_words[a:b], our_words[c:d])
            agreement.total["words"] += max(b - a, 1)
            agreement.differences.append((name, "words", what, reason))
            continue
        for (entry, n), (segment, m) in zip(theirs[a:b], ours[c:d], strict=True):
            agreement.count(name, "words", True, "")
            same = segment.speaker == entry.speaker
            agreement.count(
                name,
                "speakers",
                same,
                f"{entry.words[n]!r}: expected {entry.speaker!r}, podbrief {segment.speaker!r}",
                why_speakers_differ(name),
            )
            last_here, last_there = m == len(segment.text.split()) - 1, n == len(entry.words) - 1
            if m == 0:
                what = f"{entry.words[n]!r}: expected {entry.start_s}, podbrief {segment.start_s}"
                late = entry.start_s if n == 0 else entry.end_s
                agrees = entry.start_s - TOLERANCE_S < segment.start_s < late + TOLERANCE_S
                agreement.count(name, "starts", agrees, what, why_starts_differ(name, entry, segment))
            if last_here:
                what = f"{entry.words[n]!r}: expected {entry.end_s}, podbrief {segment.end_s}"
                early = entry.end_s if last_there else entry.start_s
                agrees = early - TOLERANCE_S < segment.end_s < entry.end_s + TOLERANCE_S
                agreement.count(name, "ends", agrees, what, why_ends_differ(name, entry, segment))
    agreement.results += 1
    agreement.whole += len(agreement.differences) == before


def why_words_differ(theirs: Sequence[str], ours: Sequence[str]) -> str | None:
    """Why some words are meant to be others."""
    if "".join(theirs) == "".join(ours):
        return "the suite's parser put a blank before a comma"
    return None


def why_speakers_differ(name: str) -> str | None:
    """Why a speaker is meant to be another."""
    if name == "podnews_weekly_review_2023-03-17_html_parsed.json":
        return (
            "the page opens with a time and no name, and the suite's parser gives every name to the turn before its own"
        )
    return None


def why_starts_differ(name: str, entry: Entry, segment: Segment) -> str | None:
    """Why a start is meant to be another."""
    if name.endswith(".html") and segment.start_s == int(entry.start_s):
        return "that format states whole seconds"
    if entry.start_s < segment.start_s < entry.end_s:
        return "the two lines of one caption, given as cues with the same times, share these"
    return None


def why_ends_differ(name: str, entry: Entry, segment: Segment) -> str | None:
    """Why an end is meant to be another."""
    if entry.end_s < entry.start_s:
        return "the suite's parser ends the last turn at 0"
    if name.endswith(".html") and segment.end_s > entry.end_s:
        return "that format states no ends: a turn ends where the next begins"
    if entry.start_s < segment.end_s < entry.end_s:
        return "the two lines of one caption, given as cues with the same times, share these"
    return None


# --- What is expected -----------------------------------------------------------------------------------------------


def transcriptator(path: Path) -> list[Entry]:
    """The segments in one of that suite's results."""
    document = json.loads(path.read_bytes())
    rows: list[dict[str, Any]] = document["segments"] if isinstance(document, dict) else document
    entries: list[Entry] = []
    for row in rows:
        speaker = row.get("speaker")
        if speaker is None and "speaker_change" in path.name and entries:
            speaker = entries[-1].speaker  # that option names a speaker only where another one begins
        words = tuple(html.unescape(row["body"]).split())
        entries.append(Entry(row["startTime"], row["endTime"], speaker, words))
    return entries


def source_of(result: Path) -> Path:
    """The file that one of transcriptator's results (`<name>[_<format>][_<options>]_parsed[_<n>].json`) is made of."""
    sources = [path for path in result.parent.iterdir() if "_parsed" not in path.name]
    named = [path for path in sources if result.name.startswith(path.stem)]
    return next(path for path in named if len(named) == 1 or f"{path.stem}_{path.suffix[1:]}_" in result.name)


def table_rows(path: Path) -> list[Entry]:
    """The rows of Whisper's table: start and end in milliseconds, and text."""
    rows = [line.split("\t") for line in path.read_text("utf-8").splitlines()[1:]]
    return [Entry(int(start) / 1000, int(end) / 1000, None, tuple(text.split())) for start, end, text in rows]


def entries_of(segments: Iterable[Segment]) -> list[Entry]:
    """What one file says, as the expectation of another."""
    return [Entry(each.start_s, each.end_s, each.speaker, tuple(each.text.split())) for each in segments]


# --- Dialects -------------------------------------------------------------------------------------------------------


@dataclass
class Suite:
    """What came of one suite's files."""

    files: int = 0
    read: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    agreement: Agreement = field(default_factory=Agreement)


def dialects(folder: Path) -> tuple[dict[str, Suite], dict[str, list[Segment]]]:
    """Every file of every suite, and the segments of those that were read."""
    suites: dict[str, Suite] = {}
    parsed: dict[str, list[Segment]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        suite = suites.setdefault(path.parent.name, Suite())
        suite.files += 1
        expected_error = NO_TRANSCRIPT.get(name)
        try:
            parsed[name] = parse_transcript(path.read_bytes(), None)
        except TYPED as error:
            suite.refused[type(error).__name__] += 1
            if type(error) is not expected_error:
                suite.wrong.append(f"{name}: refused as {type(error).__name__}: {error}")
        except Exception as error:  # noqa: BLE001 - a crash is what this looks for
            suite.wrong.append(f"{name}: crashed with {type(error).__name__}: {error}")
        else:
            suite.read += 1
            suite.agreement.read(parsed[name])
            if expected_error:
                suite.wrong.append(f"{name}: read, and it is no transcript")
            suite.wrong += [f"{name}: {flaw}" for flaw in flaws(parsed[name])]
    for path in sorted((folder / "transcriptator").glob("*_parsed*.json")):
        source = source_of(path)
        segments = parsed[f"transcriptator/{source.name}"]
        compare(suites["transcriptator"].agreement, path.name, transcriptator(path), segments)
    for one, other in TWINS:
        suite = suites[one.partition("/")[0]]
        compare(suite.agreement, f"{one} and {Path(other).name}", entries_of(parsed[one]), parsed[other])
    for name, count in COUNTED.items():
        counted(suites[name.partition("/")[0]].agreement, name, (folder / name).read_bytes(), count)
    return suites, parsed


def flaws(segments: Sequence[Segment]) -> Iterator[str]:
    """What is wrong with segments that were read, whatever they say."""
    last_s = 0.0
    for segment in segments:
        if not last_s <= segment.start_s <= segment.end_s < 48 * 3600:
            yield f"times out of order at {segment.start_s} to {segment.end_s}"
        if not segment.text.strip():
            yield f"no words at {segment.start_s}"
        last_s = segment.start_s


def counted(agreement: Agreement, name: str, content: bytes, count: int | None) -> None:
    """Compare the number of captions with what a suite's own tests count."""
    try:
        found: int | None = len(parse_captions(decode(content, None)))
    except TYPED:
        found = None
    reason = None
    if count is None:
        reason = "the suite's parser refuses the whole file; here what is whole in it is kept"
    elif found == count - 1 and "missing_caption_text" in name:
        reason = "a caption without words is none"
    agreement.results += 1
    agreement.whole += found == count
    agreement.count(name, "captions", found == count, f"expected {count or 'a refusal'}, podbrief {found}", reason)


# --- The same episode in five formats -------------------------------------------------------------------------------


def multiformat(folder: Path) -> tuple[dict[str, Agreement], dict[str, list[Segment]]]:
    """Each format against the rows of Whisper's own table, read here by splitting at tabs."""
    formats: dict[str, Agreement] = {}
    parsed: dict[str, list[Segment]] = {}
    for table in sorted(folder.glob("*/*.tsv")):
        expected = table_rows(table)
        captions = formats.setdefault(THEMSELVES, Agreement())
        captions.segments += len(expected)
        captions.sentences += sum(ends_sentence(" ".join(entry.words)) for entry in expected)
        for path in sorted(table.parent.glob("*")):
            if path.stem != table.stem:
                continue
            segments = parsed[path.relative_to(folder).as_posix()] = parse_transcript(path.read_bytes(), None)
            agreement = formats.setdefault(path.suffix[1:], Agreement())
            agreement.read(segments)
            if path.suffix == ".txt":  # it has no times: only its words can agree
                timeless = Agreement()
                compare(timeless, path.name, expected, segments)
                agreement.results += 1
                agreement.whole += timeless.agreeing["words"] == timeless.total["words"] and not is_timed(segments)
                for name in ("words", "speakers"):
                    agreement.total[name] += timeless.total[name]
                    agreement.agreeing[name] += timeless.agreeing[name]
                agreement.differences += [each for each in timeless.differences if each[1] in ("words", "speakers")]
            else:
                compare(agreement, path.name, expected, segments)
    return formats, parsed


# --- Acceptance -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Real:
    """A real transcript."""

    name: str
    group: str
    language: str
    segments: list[Segment]


def real_ones(corpus: Path, parsed: dict[str, dict[str, list[Segment]]]) -> Iterator[Real]:
    """The typed transcripts, each format of the recognised ones, and the dialects' files that are speech."""
    for path in sorted((corpus / "transcripts/changelog").glob("*/*.md")):
        yield Real(path.name, "changelog", "en", parse_transcript(path.read_bytes(), None))
    for name, segments in parsed["whisper_multiformat"].items():
        german = name.partition("/")[0] in GERMAN and "-on-" not in name
        yield Real(name, "whisper_multiformat", "de" if german else "en", segments)
    languages = {"pysrt/utf-8.srt": "fr", "webvtt-py/netflix_chicas_del_cable.vtt": "es"}
    for name, segments in parsed["dialects"].items():
        if name not in NO_SPEECH:
            yield Real(name, "dialects", languages.get(name, "en"), segments)


def as_known(real: Real) -> Iterator[About]:
    """What may be known of its episode: nothing but the language, the length, and one with a sixth of advertising."""
    length_s = duration_s(real.segments)
    for known in (None, length_s, 1.2 * length_s, length_s / 1.2):
        yield About(title="An episode", description=NOTES[real.language], language=real.language, duration_s=known)


NOTES = {
    "en": "We talk about what happened, why it happened, and what we would do if it happened again. With our guests.",
    "de": "Wir sprechen darüber, was geschehen ist, warum es geschehen ist und was wir beim nächsten Mal täten.",
    "fr": "Nous parlons de ce qui est arrivé, pourquoi c'est arrivé, et de ce que nous ferions la prochaine fois.",
    "es": "Hablamos de lo que pasó, por qué pasó y qué haríamos si pasara otra vez. Con nuestras invitadas de hoy.",
}


def another_language(real: Real) -> tuple[list[Segment], About] | None:
    """For an episode in another language."""
    other = "en" if real.language != "en" else "de"
    return real.segments, About(description=NOTES[other], language=other)


def a_quarter(real: Real) -> tuple[list[Segment], About] | None:
    """The first quarter by time, for the whole length."""
    length_s = duration_s(real.segments)
    return [each for each in real.segments if each.end_s <= length_s / 4], About(duration_s=length_s)


def another_length(real: Real) -> tuple[list[Segment], About] | None:
    """For an episode of half its length, which words without times may fit."""
    return (real.segments, About(duration_s=duration_s(real.segments) / 2)) if is_timed(real.segments) else None


def show_notes(real: Real) -> tuple[list[Segment], About] | None:
    """Its first 200 words as the notes of an hour, and as its transcript."""
    text = " ".join(" ".join(each.text for each in real.segments).split()[:200])
    notes = [Segment(start_s=0, end_s=80, text=text, timed=False)]
    return notes, About(title="An episode", description=f"Hello. {text} Subscribe!", duration_s=3600)


def show_notes_of_unknown_length(real: Real) -> tuple[list[Segment], About] | None:
    """The same where nobody knows how long the episode is."""
    notes, about = show_notes(real) or ([], About())
    return notes, replace(about, duration_s=None)


MADE_TO_BE_REFUSED: tuple[Callable[[Real], tuple[list[Segment], About] | None], ...] = (
    another_language,
    a_quarter,
    another_length,
    show_notes,
    show_notes_of_unknown_length,
)


@dataclass
class Judged:
    """Verdicts on one kind of transcript."""

    judged: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)


def acceptance(reals: Iterable[Real]) -> tuple[dict[str, Judged], dict[str, Judged]]:
    """Real transcripts by where they come from, and what is made of them by how."""
    accepted: dict[str, Judged] = {}
    refused = {make.__name__.replace("_", " "): Judged() for make in MADE_TO_BE_REFUSED}
    for real in reals:
        for about in as_known(real):
            kind = accepted.setdefault(real.group, Judged())
            kind.judged += 1
            if reason := refusal(real.segments, about):
                kind.refused += 1
                kind.wrong.append(f"{real.name} of {about.duration_s or 0:.0f} s: {reason}")
        if duration_s(real.segments) < SHORT_S:
            continue  # of a few minutes a quarter, or the double, may be an introduction or the advertising
        for make, kind in zip(MADE_TO_BE_REFUSED, refused.values(), strict=True):
            made = make(real)
            if made is None:
                continue
            kind.judged += 1
            if refusal(*made):
                kind.refused += 1
            else:
                kind.wrong.append(real.name)
    return accepted, refused


# --- The report -----------------------------------------------------------------------------------------------------


def share(agreement: Agreement, name: str) -> str:
    """As in "12 of 13"."""
    total = agreement.total[name]
    return f"{agreement.agreeing[name]:,} of {total:,}" if total else "–"


def ending(agreement: Agreement) -> str:
    """As in "90 of 100"."""
    return f"{agreement.sentences:,} of {agreement.segments:,}"


def print_differences(agreements: Iterable[Agreement]) -> None:
    """Every difference once, with its reason."""
    for agreement in agreements:
        for (name, label, what, reason), count in Counter(agreement.differences).items():
            times = f" ({count} times)" if count > 1 else ""
            print(f"{name} {label}: {what[:200]}{times} [{reason or 'UNEXPLAINED'}]")


def report(
    suites: dict[str, Suite], formats: dict[str, Agreement], accepted: dict[str, Judged], refused: dict[str, Judged]
) -> None:
    """Print the tables."""
    heads = ("captions", *FIELDS)
    sentences = "segments that end a sentence"
    columns = ("suite", "files", "read", "refused, by kind", "expected results", "that agree whole", *heads, sentences)
    print("| " + " | ".join(columns) + " |")
    print("|---" * len(columns) + "|")
    for name, suite in suites.items():
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(suite.refused.items())) or "0"
        cells = [*(share(suite.agreement, head) for head in heads), ending(suite.agreement)]
        whole = suite.agreement.whole if suite.agreement.results else "–"
        print(
            f"| {name} | {suite.files} | {suite.read} | {kinds} | {suite.agreement.results or '–'} | {whole} | "
            + " | ".join(cells)
            + " |"
        )
    print("\n| format of one episode | episodes | that agree whole | " + " | ".join([*FIELDS, sentences]) + " |")
    print("|---" * (4 + len(FIELDS)) + "|")
    for name, agreement in formats.items():
        cells = [*(share(agreement, head) for head in FIELDS), ending(agreement)]
        print(f"| {name} | {agreement.results} | {agreement.whole} | " + " | ".join(cells) + " |")
    print("\n| real transcripts | judged | refused |")
    print("|---|---|---|")
    for name, kind in accepted.items():
        print(f"| {name} | {kind.judged:,} | {kind.refused:,} |")
    print("\n| made to be refused | judged | refused |")
    print("|---|---|---|")
    for name, kind in refused.items():
        print(f"| {name} | {kind.judged:,} | {kind.refused:,} |")


def main() -> int:
    """Read everything, compare and judge it; 1 where a claim fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="folder that holds transcripts")
    parser.add_argument("--list", action="store_true", help="list every difference, and whatever was judged wrongly")
    arguments = parser.parse_args()
    folder = arguments.corpus / "transcripts"
    if not folder.is_dir():
        print(f"no folder {folder}", file=sys.stderr)
        return 2
    began = time.monotonic()
    suites, read = dialects(folder / "dialects")
    formats, recognised = multiformat(folder / "whisper_multiformat")
    reals = real_ones(arguments.corpus, {"dialects": read, "whisper_multiformat": recognised})
    accepted, refused = acceptance(reals)
    report(suites, formats, accepted, refused)
    agreements = [*(suite.agreement for suite in suites.values()), *formats.values()]
    if arguments.list:
        print()
        print_differences(agreements)
        for name, kind in (accepted | refused).items():
            for line in kind.wrong:
                print(f"judged wrongly, {name}: {line}")
    wrong = [line for suite in suites.values() for line in suite.wrong]
    for line in wrong:
        print(f"WRONG {line}")
    claims = {
        "every dialect is read, or refused as it should be": not wrong,
        "every difference from an expected result has a reason": not any(each.unexplained for each in agreements),
        "one episode says the same in every format": all(each.whole == each.results for each in formats.values()),
        "no real transcript is refused": not any(kind.wrong for kind in accepted.values()),
        "what is made to be refused is": not any(kind.wrong for kind in refused.values()),
    }
    print()
    for claim, holds in claims.items():
        print(f"{'holds' if holds else 'FAILS'}: {claim}")
    print(f"{time.monotonic() - began:.0f} s")
    return 0 if all(claims.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
