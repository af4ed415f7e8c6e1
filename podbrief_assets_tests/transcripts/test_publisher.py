"""Publishers' transcript files: every dialect of the corpus, what is no transcript, and hostile bytes."""

from __future__ import annotations

import html
import importlib.util
import json
import math
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podbrief_assets.errors import PermanentFailure
from podbrief_assets.transcripts import Segment, is_timed
from podbrief_assets.transcripts.acceptance import About, refusal
from podbrief_assets.transcripts.publisher import (
    EmptyTranscript,
    NotATranscript,
    Standing,
    UnreadableTranscript,
    choose,
    is_foreign,
    join,
    parse_transcript,
    rescale,
    standing,
)

REPLAY = Path(__file__).resolve().parents[2] / "../shared/tools/replay_network.py"

# Files of the corpus that hold no transcript, and what is said of each.
REFUSED = {
    "transcripts.md": NotATranscript,
    "invalid_format3.srt": NotATranscript,
    "invalid_format4.srt": EmptyTranscript,
    "youtube_altered_user_agent.innertube.json.static": NotATranscript,
    "youtube_consent_page.html.static": NotATranscript,
    "youtube_consent_page_invalid.html.static": NotATranscript,
    "youtube_po_token_required.innertube.json.static": NotATranscript,
    "youtube_video_unavailable.innertube.json.static": NotATranscript,
    "youtube_ww1_nl_en.innertube.json.static": NotATranscript,
}


def parse(text: str, media_type: str | None = None) -> list[Segment]:
    return parse_transcript(text.encode(), media_type)


def words(segments: list[Segment]) -> list[str]:
    return " ".join(segment.text for segment in segments).split()


def turns(segments: list[Segment]) -> list[str | None]:
    return [speaker for speaker, _ in groupby(segment.speaker for segment in segments)]


def said(segments: list[Segment]) -> list[tuple[str | None, str]]:
    return [(segment.speaker, segment.text) for segment in segments]


def assert_sound(segments: list[Segment]) -> None:
    assert segments
    starts = [segment.start_s for segment in segments]
    assert starts == sorted(starts)
    for segment in segments:
        assert 0 <= segment.start_s <= segment.end_s <= 48 * 3600
        assert math.isfinite(segment.end_s)
        assert segment.text == " ".join(segment.text.split()) != ""
        assert segment.speaker is None or 0 < len(segment.speaker) <= 100
        segment.text.encode()


def assert_starts_where_said(segments: list[Segment], source: Sequence[tuple[float, float, str]]) -> None:
    """Each segment starts with the source's cue that has its first word first, else inside the one that has it."""
    said = [(number, start, end) for start, end, text in source for number, _ in enumerate(text.split())]
    position = 0
    for segment in segments:
        number, start, end = said[position]
        assert start - 0.011 < segment.start_s < (end if number else start) + 0.011
        position += len(segment.text.split())
    assert position == len(said)


# --- the corpus -------------------------------------------------------------------------------------------------------


def test_every_dialect_of_the_corpus_gives_segments_or_says_why_not(corpus: Path) -> None:
    files = [path for path in (corpus / "transcripts/dialects").rglob("*") if path.is_file()]
    assert len(files) >= 77
    for path in files:
        refusal = REFUSED.get(path.name)
        if refusal is None:
            assert_sound(parse_transcript(path.read_bytes(), None))
            continue
        with pytest.raises(refusal) as caught:
            parse_transcript(path.read_bytes(), None)
        assert caught.value.remedy


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("buzzcast.srt", "buzzcast_srt_parsed.json"),
        ("buzzcast.json", "buzzcast_json_parsed.json"),
        ("buzzcast.html", "buzzcast_html_parsed.json"),
        ("podnews_daily_2024-01-25.vtt", "podnews_daily_2024-01-25_vtt_parsed.json"),
        ("podnews_weekly_review_2024-01-19.vtt", "podnews_weekly_review_2024-01-19_vtt_parsed.json"),
        ("podnews_weekly_review_2023-05-05.json", "podnews_weekly_review_2023-05-05_combine_speaker_json_parsed.json"),
    ],
)
def test_another_parsers_expected_result_agrees_in_words_and_speakers(corpus: Path, source: str, expected: str) -> None:
    folder = corpus / "transcripts/dialects/transcriptator"
    segments = parse_transcript((folder / source).read_bytes(), None)
    wanted = json.loads((folder / expected).read_bytes())["segments"]
    assert words(segments) == html.unescape(" ".join(entry["body"] for entry in wanted)).split()
    assert turns(segments) == [speaker for speaker, _ in groupby(entry["speaker"] for entry in wanted)]
    assert segments[0].start_s == wanted[0]["startTime"]
    assert is_timed(segments)


def test_names_that_are_marked_only_when_they_change_hold_until_the_next(corpus: Path) -> None:
    folder = corpus / "transcripts/dialects/transcriptator"
    whole = parse_transcript((folder / "buzzcast_json_combine_equal_time_space_parsed.json").read_bytes(), None)
    sparse = "buzzcast_json_speaker_change_combine_equal_time_space_parsed.json"
    assert parse_transcript((folder / sparse).read_bytes(), None) == whole


@pytest.mark.parametrize("episode", ["37c3/37c3-Joscha_Bach", "Disintegrator/9-Alignment", "Uebertage/Folge-17"])
def test_five_formats_of_one_recognised_episode_have_the_same_words(corpus: Path, episode: str) -> None:
    folder, name = (corpus / "transcripts/whisper_multiformat" / episode).parent, episode.split("/")[1]
    parsed = {path.suffix: parse_transcript(path.read_bytes(), None) for path in folder.glob(f"{name}*")}
    assert set(parsed) == {".txt", ".srt", ".vtt", ".tsv", ".json"}
    assert len({tuple(words(segments)) for segments in parsed.values()}) == 1
    assert {suffix for suffix, segments in parsed.items() if not is_timed(segments)} == {".txt"}
    ends = [segments[-1].end_s for suffix, segments in parsed.items() if suffix != ".txt"]
    assert max(ends) - min(ends) < 0.01


@pytest.fixture(scope="module")
def replay() -> Iterator[ModuleType]:
    if not REPLAY.is_file():
        pytest.skip("the replayed network is not beside this repository (expected at ../shared/tools)")
    spec = importlib.util.spec_from_file_location("replay_network", REPLAY)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["replay_network"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["replay_network"]


@pytest.mark.parametrize("show", ["practicalai", "podcast", "news", "gotime", "founderstalk", "friends"])
def test_one_episode_says_the_same_in_all_five_dialects(replay: ModuleType, show: str) -> None:
    episode = replay.Network.load(only={show}).shows[0].episodes[0]
    wanted = html.unescape(" ".join(segment.text for segment in episode.segments)).split()
    speakers = [speaker for speaker, _ in groupby(segment.speaker for segment in episode.segments)]
    source = [(segment.start, segment.end, html.unescape(segment.text)) for segment in episode.segments]
    turn_ends = [*(start for start, _, _ in source[1:]), math.inf]
    for dialect, render in replay.RENDER.items():
        segments = parse(render(episode.segments), replay.MEDIA_TYPE[dialect])
        assert words(segments) == wanted, dialect
        assert turns(segments) == speakers, dialect
        assert is_timed(segments) == (dialect != "txt")
        if dialect in ("vtt", "srt", "json"):
            assert_starts_where_said(segments, source)
        if dialect == "html":
            whole_seconds = [(int(start), end, text) for (start, _, text), end in zip(source, turn_ends, strict=True)]
            assert_starts_where_said(segments, whole_seconds)
        assert refusal(segments, About(language="en", duration_s=episode.seconds)) is None


def test_typed_transcripts_with_bold_names_and_time_marks_keep_both(corpus: Path) -> None:
    path = next((corpus / "transcripts/changelog/practicalai").glob("*.md"))
    segments = parse_transcript(path.read_bytes(), "text/markdown")
    assert len({segment.speaker for segment in segments} - {None}) >= 2
    assert not any("**" in segment.text for segment in segments)


# --- captions ---------------------------------------------------------------------------------------------------------


def test_vtt_keeps_voices_and_leaves_out_styles_notes_settings_and_tags() -> None:
    segments = parse(
        "\ufeffWEBVTT - a talk\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nREGION\nid:one\n\nNOTE\nnot spoken\n\n"
        "intro\n00:01.000 --> 00:02.500 align:start position:10%\n<v.loud Ann O&#39;Hara><i>Hello</i> &amp; <00:01.500><c>hi.</c>\n\n"
        "01:00:03.000 --> 01:00:04.000\n<v Ann O'Hara>One.</v> <v Bo>Two.</v>\n\nNOTE the end\n"
    )
    assert said(segments) == [("Ann O'Hara", "Hello & hi."), ("Ann O'Hara", "One."), ("Bo", "Two.")]
    assert (segments[0].start_s, segments[0].end_s) == (1.0, 2.5)
    assert [segment.start_s for segment in segments[1:]] == [3603.0, 3603.5]


def test_a_voice_holds_until_the_next_where_only_changes_are_marked() -> None:
    cues = ["<v Ann>One.", "Two.", "<v Bo>Three.", "Four."]
    text = "WEBVTT\n\n" + "\n\n".join(f"00:0{n}.000 --> 00:0{n + 1}.000\n{cue}" for n, cue in enumerate(cues))
    assert [segment.speaker for segment in parse(text)] == ["Ann", "Ann", "Bo", "Bo"]


def test_a_cue_without_a_voice_is_nobodys_where_every_cue_is_marked() -> None:
    cues = ["<v Ann>One.", "<v Ann>Two.", "<v Ann>Three.", "A voice from off.", "<v Ann>Four."]
    text = "WEBVTT\n\n" + "\n\n".join(f"00:0{n}.000 --> 00:0{n + 1}.000\n{cue}" for n, cue in enumerate(cues))
    assert [segment.speaker for segment in parse(text)] == ["Ann", "Ann", "Ann", None, "Ann"]


@pytest.mark.parametrize(
    "cues",
    [
        "1\n00:00:01,000 --> 00:00:02,000\n{cue1}\n\n2\n00:00:03,000 --> 00:00:04,000\n{cue2}\n",
        "00:00:01.000 --> 00:00:02.000\n{cue1}\n00:00:03.000 --> 00:00:04.000\n{cue2}",
        "7\n00:00:01,000-->00:00:02,000\n{cue1}\n3\n0:0:3,0 -> 0:0:4,0\n{cue2}\n",
        "1\n\n00:00:01:000 – > 00:00:02:000\n\n{cue1}\n\n2\n\n00:00:03,000 —> 00:00:04,000 X1:10\n\n{cue2}\n\n",
        "[00:00:01.000 --> 00:00:02.000]  {cue1}\n[00:00:03.000 --> 00:00:04.000]  {cue2}\n",
        "1.0 --> 2.0\n{cue1}\n\n3.0 --> 4.0\n{cue2}\n",
        "0:00:01.000,0:00:02.000\n{cue1}\n\n0:00:03.000,0:00:04.000\n{cue2}\n",
        "start\tend\ttext\n1000\t2000\t{cue1}\n3000\t4000\t{cue2}\n",
        "1.0\t2.0\t{cue1}\n3.0\t4.0\t{cue2}\n",
        '<transcript><text start="1" dur="1">{cue1}</text><text start="3.0" dur="1.0">{cue2}</text></transcript>',
        '<timedtext><body><p t="1000" d="1000">{cue1}</p><p t="3000" d="1000">{cue2}</p></body></timedtext>',
        '<tt><body><div><p begin="00:00:01.000" end="2s">{cue1}</p><p begin="3s" end="4s">{cue2}</p></div></body></tt>',
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_captions_are_read_whatever_their_layout(cues: str, line_end: str) -> None:
    text = cues.replace("{cue1}", "It&#39;s <b>one</b>.").replace("{cue2}", "It's two.").replace("\n", line_end)
    assert parse(text) == [
        Segment(start_s=1.0, end_s=2.0, text="It's one."),
        Segment(start_s=3.0, end_s=4.0, text="It's two."),
    ]


def test_whole_cues_of_a_partly_broken_file_are_kept() -> None:
    segments = parse(
        "1\n00:00:01,000 --> 00:00:0x,000\nOne.\n\n2\n00:7x:01,000 --> 00:00:03,000\nLost.\n\n"
        "3\n99:00:01,000 --> 99:00:02,000\nToo late.\n\n5\n00:00:09,000 --> 00:00:05,000\nThree.\n\n"
        "4\n00:00:04,000 --> 00:00:05,000\nTwo.\n"
    )
    assert [(s.start_s, s.text) for s in segments] == [(1.0, "One."), (4.0, "Two."), (9.0, "Three.")]
    assert_sound(segments)
    assert is_timed(segments)


def test_rolling_captions_are_read_once_and_real_repetition_stays() -> None:
    rolling = parse(
        "WEBVTT\n\n00:00.000 --> 00:02.000\nwe went\n\n00:02.000 --> 00:04.000\nwe went\nto the sea\n\n"
        "00:04.000 --> 00:06.000\nto the sea\nto swim\n\n00:06.000 --> 00:08.000\nto swim\nand rest.\n"
    )
    assert said(rolling) == [(None, "we went to the sea to swim and rest.")]
    repeated = parse("1\n00:00:00,000 --> 00:00:01,000\nNo.\n\n2\n00:00:01,000 --> 00:00:02,000\nNo.\n")
    assert [segment.text for segment in repeated] == ["No.", "No."]
    twice = parse("1\n00:00:00,000 --> 00:00:01,000\nNo.\n\n2\n00:00:00,000 --> 00:00:01,000\nNo.\n")
    assert [segment.text for segment in twice] == ["No."]


# --- speakers before a colon ------------------------------------------------------------------------------------------


def srt(*cues: str) -> str:
    return "\n".join(
        f"{n}\n00:{n // 60:02}:{n % 60:02},000 --> 00:{n // 60:02}:{n % 60:02},900\n{cue}\n"
        for n, cue in enumerate(cues)
    )


def test_names_before_a_colon_are_speakers_where_the_file_is_consistent() -> None:
    segments = parse(
        srt("Ann: Hi.", "Bo: Hi.", "Ann: How is it?", "Bo: The answer is: fine.", "Note well.", "Ann: Bye.")
    )
    assert turns(segments) == ["Ann", "Bo", "Ann", "Bo", "Ann"]
    assert segments[3].text == "The answer is: fine."


def test_a_sentence_with_a_colon_is_no_speaker() -> None:
    lines = [f"This is sentence {n}." for n in range(20)]
    segments = parse(srt(*lines[:5], "Note: this matters.", *lines[5:], "Note: so does this.", "Paris: a fine city."))
    assert turns(segments) == [None]
    assert "Note: this matters." in [segment.text for segment in segments]


def test_who_speaks_is_left_open_after_a_prefix_that_may_be_a_name() -> None:
    opening = ["Ann: Hi.", "One.", "Bo: Hi.", "Two.", "Ann: So.", "Three.", "Bo: Yes.", "Four.", "Ann: Well.", "Five."]
    segments = parse(srt(*opening, "Six.", "Cy: Or?", "Seven."))
    assert said(segments)[-3:] == [("Ann", "Six."), (None, "Cy: Or?"), (None, "Seven.")]


# --- JSON -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        {"segments": [{"startTime": 1, "endTime": 2, "body": "One."}, {"startTime": 3.0, "endTime": 4.0, "body": "Two."}]},
        {"segments": [{"start": 1, "end": 2, "text": " One."}, {"start": 3, "end": 4, "text": " Two."}], "text": "One. Two."},
        [{"start": "00:00:01.000", "end": "00:00:02,000", "text": "One."}, {"start": "3.0", "end": "4", "text": "Two."}],
        [{"text": "One.", "start": 1.0, "duration": 1.0}, {"text": "Two.", "start": 3.0, "duration": 1.0}],
        {"transcription": [{"offsets": {}, "timestamps": {"from": f"00:00:0{n},000", "to": f"00:00:0{n + 1},000"}, "text": t}
                           for n, t in ((1, "One."), (3, "Two."))]},
        {"chunks": [{"timestamp": [1.0, 2.0], "text": "One."}, {"timestamp": [3.0, 4.0], "text": "Two."}]},
        {"events": [{"tStartMs": 1000, "dDurationMs": 1000, "segs": [{"utf8": "One"}, {"utf8": "."}]},
                    {"tStartMs": 3000, "dDurationMs": 1000, "segs": [{"utf8": "Two."}]}]},
        {"result": {"words": [{"word": " One", "start": 1, "end": 1.5}, {"word": ".", "start": 1.5, "end": 2},
                              {"word": " Two.", "start": 3, "end": 4}]}},
    ],
)  # fmt: skip
def test_json_is_read_under_the_names_that_hosts_use(document: object) -> None:
    assert parse(json.dumps(document)) == [
        Segment(start_s=1.0, end_s=2.0, text="One."),
        Segment(start_s=3.0, end_s=4.0, text="Two."),
    ]


def test_json_that_breaks_off_yields_its_whole_segments() -> None:
    rows = [{"speaker": "Ann", "startTime": n, "endTime": n + 1, "body": f"Sentence {n}."} for n in range(5)]
    segments = parse(json.dumps({"version": "1.0.0", "segments": rows})[:-20])
    assert [segment.text for segment in segments] == [f"Sentence {n}." for n in range(4)]
    lines = "\n".join(json.dumps(row) for row in rows)
    assert len(parse(lines)) == 5


def test_broken_entries_of_json_are_left_out() -> None:
    nan = '{"segments":[{"start":NaN,"text":"a"},{"start":1e99,"text":"b"},7,null,{"start":2,"text":"One \\ud800 word."}]}'
    assert [segment.text for segment in parse(nan)] == ["One \ufffd word."]
    with pytest.raises(UnreadableTranscript):
        parse('{"segments":[{"start":-50.5,"text":"a"},{"start":9e9,"text":"b"}]}')


def test_whole_numbers_that_must_be_milliseconds_are_read_as_such() -> None:
    rows = [{"start": n * 4000, "end": n * 4000 + 3000, "text": f"This is sentence number {n}."} for n in range(30)]
    segments = parse(json.dumps({"utterances": rows}))
    assert segments[-1].end_s == 119.0


# --- HTML, plain text -------------------------------------------------------------------------------------------------


def test_html_turns_have_the_time_and_name_before_them() -> None:
    segments = parse(
        "<html><body><h1>Transcript</h1><cite>Ann :</cite><time>0:05</time><p>Fish &amp;<br>chips.</p><p>Yes.</p>"
        "<time datetime='PT1M30S'>later</time><cite>Bo</cite><p>Well.</p></body></html>",
        "text/html",
    )
    assert said(segments) == [("Ann", "Fish & chips. Yes."), ("Bo", "Well.")]
    assert [segment.start_s for segment in segments] == [5.0, 90.0]


def test_plain_text_with_names_has_speakers_and_estimated_times() -> None:
    segments = parse("Ann Lee: One two three four five.\n\nBo: Six.\n\nAnn Lee: Seven.\n\nAnd eight.\n", "text/plain")
    assert said(segments)[:2] == [("Ann Lee", "One two three four five."), ("Bo", "Six.")]
    assert turns(segments) == ["Ann Lee", "Bo", "Ann Lee"]
    assert (segments[0].start_s, segments[1].start_s) == (0.0, 2.0)
    assert not any(segment.timed for segment in segments)


@pytest.mark.parametrize(
    "text",
    [
        "[00:00:05] Ann: One.\n\n[00:01:00] Bo: Two.\n\n[00:02:00] Ann: Three.",
        "Ann (0:05): One.\n\nBo (1:00): Two.\n\nAnn (2:00): Three.",
        "Ann  0:05\nOne.\n\nBo  1:00\nTwo.\n\nAnn  2:00\nThree.",
        "0:05 Ann\nOne.\n\n1:00 Bo\nTwo.\n\n2:00 Ann\nThree.",
        "**Ann:** \\[0:05\\] One.\n\n**Bo:** \\[1:00\\] Two.\n\n**Ann:** \\[2:00\\] Three.",
        "<p><b>Ann:</b> [0:05] One.</p><p>Bo: [1:00] Two.</p><p>Ann: [2:00] Three.</p>"
        + "<p>"
        + "More words. " * 20
        + "</p>",
    ],
)
def test_plain_text_with_time_marks_has_them_as_starts(text: str) -> None:
    segments = parse(text)
    assert [(s.start_s, s.speaker, s.text, s.timed) for s in segments[:2]] == [
        (5.0, "Ann", "One.", True),
        (60.0, "Bo", "Two.", True),
    ]
    assert (segments[2].start_s, segments[2].speaker) == (120.0, "Ann")


def test_a_verse_is_no_time_mark() -> None:
    text = "We read John (3:16) and spoke about it for quite a while with everybody in the room, and then we all went home."
    assert " ".join(words(parse(text))) == text


def test_estimates_stretch_to_a_known_duration_and_stated_times_do_not() -> None:
    untimed = parse("Ann: One two three.\n\nBo: Four five six.\n")
    assert rescale(untimed, 60.0)[-1].end_s == 60.0
    assert rescale(untimed, 60.0)[1].start_s == pytest.approx(30.0)
    timed = parse(srt("One.", "Two."))
    assert rescale(timed, 600.0) == timed
    assert rescale(untimed, math.nan) == untimed
    assert rescale([], 60.0) == []


# --- encodings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "cp1252"]
)
def test_encodings_are_found_out(encoding: str) -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nÇa coûte 3 €, «très» cher…\n"
    assert [s.text for s in parse_transcript(text.encode(encoding), None)] == ["Ça coûte 3 €, «très» cher…"]


def test_a_declared_charset_is_taken_where_utf8_does_not_fit() -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\n日本語の話\n"
    assert parse_transcript(text.encode("shift_jis"), "application/x-subrip; charset=Shift_JIS")[0].text == "日本語の話"


def test_utf8_that_breaks_off_inside_a_character_stays_utf8() -> None:
    content = "1\n00:00:01,000 --> 00:00:02,000\nUn café à Paris, s'il vous plaît, é".encode()[:-1]
    assert parse_transcript(content, None)[0].text == "Un café à Paris, s'il vous plaît,"


# --- what is no transcript --------------------------------------------------------------------------------------------

SHOW_NOTES = "<html><head><script>x()</script></head><body><nav>Home</nav>" + (
    "<p>In this episode we talk with <a href='/x'>somebody</a> about <a href='/y'>many things</a> and more.</p>" * 30
)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", EmptyTranscript),
        (b"\xef\xbb\xbf \r\n\n", EmptyTranscript),
        (b"WEBVTT\n\nNOTE nothing\n", EmptyTranscript),
        (b'{"version":"1.0.0","segments":[]}', EmptyTranscript),
        (b'{"segments":[{"startTime":0,"endTime":1,"body":" "}]}', EmptyTranscript),
        (b"start\tend\ttext\n", EmptyTranscript),
        (b"<transcript></transcript>", EmptyTranscript),
        (b"WEBVTT\n\n0x:01.000 --> 00:02.000\nHello.\n", UnreadableTranscript),
        (b"1\n99:99:99,000 --> 99:99:99,000\nHello.\n", UnreadableTranscript),
        (b"<!doctype html><title>404 Not Found</title><h1>Not Found</h1><p>nginx</p>", NotATranscript),
        (b"<h1>Error 503</h1>" + b"<p>Something went wrong here, please try again later.</p>" * 30, NotATranscript),
        (SHOW_NOTES.encode(), NotATranscript),
        (b"Access denied", NotATranscript),
        (b"%PDF-1.7\n...", NotATranscript),
        (b"ID3\x04" + bytes(2000), NotATranscript),
        (bytes(range(256)) * 40, NotATranscript),
        (b'{"error":{"code":403,"message":"forbidden"}}', NotATranscript),
        (b'{"segments":', NotATranscript),
        (b'{"version":"1.2.0","chapters":[{"startTime":0,"title":"Intro"}]}', NotATranscript),
        (b"[" * 100_000, NotATranscript),
        (b"#EXTM3U\n#EXT-X-VERSION:3\n" + b"#EXTINF:6.0,\nhttps://x.test/seg.ts\n" * 50, NotATranscript),
        (b"a" * 20_000_001, NotATranscript),
    ],
)
def test_what_is_no_transcript_is_refused_with_a_remedy(content: bytes, error: type[PermanentFailure]) -> None:
    with pytest.raises(error) as caught:
        parse_transcript(content, "text/vtt")
    assert caught.value.what
    assert caught.value.remedy


@pytest.mark.parametrize(
    "content",
    [
        b"a" + b" " * 2_000_000 + b"b",
        b"WEBVTT\n\n00:01.000 --> 00:02.000\n" + b"<v A>b" * 50_000,
        b"<a" * 1_000_000,
        b"<div>" * 100_000,
        b"<cite>" * 100_000,
        b"WEBVTT\n\n00:01.000 --> 00:02.000\n&#" + b"9" * 2_000_000 + b";",
        b"[" + b"9" * 2_000_000 + b"]",
        json.dumps([{"start": 1, "text": ","}] * 60_000).encode(),
        b"00:01 --> 00:02\n" * 60_000,
        b"00:01 --> 00:02\n" + b"Bob: a\n" * 50_000,
        b"[00:01] word " * 100_000,
    ],
    ids=lambda content: content[:24].decode().strip(),
)
def test_hostile_files_take_bounded_time(content: bytes) -> None:
    began = time.perf_counter()
    try:
        assert_sound(parse_transcript(content, None))
    except PermanentFailure as failure:
        assert failure.remedy
    assert time.perf_counter() - began < 20  # quadratic time would be minutes


def test_more_cues_than_an_episode_has_are_refused() -> None:
    with pytest.raises(NotATranscript, match="200,000"):
        parse_transcript(b"[" + b'{"start":1,"text":"a"},' * 200_000 + b'{"start":1,"text":"a"}]', None)


# --- joining ----------------------------------------------------------------------------------------------------------


def segment(start_s: float, text: str, speaker: str | None = "Ann", *, end_s: float | None = None) -> Segment:
    return Segment(start_s=start_s, end_s=start_s + 1 if end_s is None else end_s, speaker=speaker, text=text)


def test_joining_ends_with_the_sentence_the_speaker_and_a_gap() -> None:
    joined = join(
        [
            segment(0, "I met Dr."),
            segment(1, "Lee"),
            segment(2, "today."),
            segment(3, "We"),
            segment(4, "spoke", "Bo"),
            segment(8, "again", "Bo"),
        ]
    )
    assert [(s.start_s, s.end_s, s.text) for s in joined] == [
        (0, 3, "I met Dr. Lee today."),
        (3, 4, "We"),
        (4, 5, "spoke"),
        (8, 9, "again"),
    ]


def test_joining_stops_at_sixty_words_and_thirty_seconds() -> None:
    many = join([segment(n / 10, "word", end_s=(n + 1) / 10) for n in range(200)])
    assert [len(s.text.split()) for s in many] == [60, 60, 60, 20]
    slow = join([segment(10 * n, "word", end_s=10 * n + 10) for n in range(6)])
    assert [s.end_s - s.start_s for s in slow] == [30, 30]


def test_joining_puts_no_blanks_between_japanese_captions() -> None:
    assert join([segment(0, "今日は"), segment(1, "晴れです。")])[0].text == "今日は晴れです。"


def test_text_without_full_stops_is_cut_at_every_sixtieth_word() -> None:
    segments = parse("and so we went on " * 100, "text/plain")
    assert [len(segment.text.split()) for segment in segments] == [60] * 8 + [20]
    assert (segments[1].start_s, segments[-1].end_s) == (24.0, 200.0)


SEGMENTS = st.lists(
    st.builds(
        Segment,
        start_s=st.floats(0, 1000),
        end_s=st.floats(1000, 2000) | st.just(1000.0),
        speaker=st.sampled_from([None, "Ann", "Bo"]),
        text=st.sampled_from(["yes", "so we", "It is.", "Really?", "word " * 40 + "end"]),
        timed=st.booleans(),
    ),
    max_size=30,
)


@given(SEGMENTS)
@settings(max_examples=60, deadline=None)
def test_joining_keeps_every_word_and_speaker_and_joins_only_once(segments: list[Segment]) -> None:
    joined = join(segments)
    assert words(joined) == words(segments)
    assert turns(joined) == turns(segments)
    assert join(joined) == joined


CAPTIONS = st.lists(
    st.tuples(
        st.sampled_from([None, "Ann", "Bo"]),
        st.lists(
            st.sampled_from(
                [
                    "So we went.",
                    "to the",
                    "He said: no!",
                    "and Dr. Lee",
                    "in the U.S. Senate",
                    "Why?",
                    "word " * 30 + "x.",
                ]
            ),
            min_size=1,
            max_size=4,
        ).map(" ".join),
        st.sampled_from([0.0, 0.0, 0.0, 0.4, 1.9, 5.0, -0.5]),
        st.sampled_from([0.2, 2.0, 4.0, 12.0, 40.0]),
    ),
    max_size=25,
)


@given(CAPTIONS)
@settings(max_examples=150, deadline=None)
def test_captions_are_joined_to_sentences_in_order_within_the_limits_and_only_once(
    captions: list[tuple[str | None, str, float, float]],
) -> None:
    segments: list[Segment] = []
    at_s = 1.0
    for speaker, text, gap_s, lasts_s in captions:
        at_s = max(segments[-1].start_s if segments else 0.0, at_s + gap_s)
        segments.append(Segment(start_s=at_s, end_s=at_s + lasts_s, speaker=speaker, text=text))
        at_s += lasts_s
    joined = join(segments)
    assert [(s.speaker, word) for s in joined for word in s.text.split()] == [
        (s.speaker, word) for s in segments for word in s.text.split()
    ]
    if joined:
        assert_sound(joined)
    given_texts = {s.text for s in segments}
    for one in joined:
        short = len(one.text.split()) <= 60 and one.end_s - one.start_s <= 30.001
        assert short or one.text in given_texts, "only what was too long before is too long now"
    assert join(joined) == joined


def test_a_sentence_that_ends_inside_a_caption_ends_there() -> None:
    joined = join([segment(0, "It is"), segment(1, "cold. We"), segment(2, "left the U.S. on"), segment(3, "Monday.")])
    assert [(s.start_s, s.end_s, s.text) for s in joined] == [
        (0, 1.5, "It is cold."),
        (1.5, 4, "We left the U.S. on Monday."),
    ]


def test_a_turn_that_nothing_is_joined_to_stays_whole() -> None:
    turns_ = [
        segment(0, "I went home. And then", end_s=4),
        segment(4, "Wait. Why?", "Bo"),
        segment(5, "Yes. No.", "Bo"),
    ]
    assert join(turns_) == turns_


def test_the_two_lines_of_a_caption_share_its_time() -> None:
    rows = [
        {"startTime": start, "endTime": end, "body": body}
        for start, end, body in ((0, 4, "We left"), (0, 4, "home. It"), (4, 6, "was cold."))
    ]
    found = parse(json.dumps({"segments": rows}))
    assert [(s.start_s, s.end_s, s.text) for s in found] == [(0, 3, "We left home."), (3, 6, "It was cold.")]


# --- order of trying, and which is best -----------------------------------------------------------------------------------------


def link(
    url: str, media_type: str | None, language: str | None = None, rel: str | None = None
) -> dict[str, str | None]:
    return {"url": url, "type": media_type, "language": language, "rel": rel}


def test_links_are_tried_by_language_then_format_then_captions() -> None:
    links = [
        link("txt", "text/plain"),
        link("odd", None),
        link("html", "text/html; charset=utf-8"),
        link("srt", "application/x-subrip", "en-GB"),
        link("captions", "text/vtt", "en", "captions"),
        link("vtt", "text/vtt", "en"),
        link("german", "application/json", "de"),
        link("json", "application/json", "en"),
        link("json", "application/json", "en"),
    ]
    order = [entry["url"] for entry in choose(links, "en-us")]
    assert order == ["json", "vtt", "captions", "srt", "html", "txt", "odd", "german"]
    assert [entry["url"] for entry in choose(links, ["de"])][:3] == ["german", "html", "txt"]
    assert choose(links)[0]["url"] == "german"
    assert choose([SimpleNamespace(**link("b", "text/html")), SimpleNamespace(**link("a", "text/vtt"))])[0].url == "a"
    assert choose([]) == []


def test_what_one_file_offers_more_than_another_counts_in_the_order_of_the_rule() -> None:
    def of(speaker: str | None, *, timed: bool = True, lasts_s: float = 4.0, count: int = 40) -> Standing:
        return standing(
            [
                Segment(start_s=n * lasts_s, end_s=(n + 1) * lasts_s, speaker=speaker, text="Some words.", timed=timed)
                for n in range(count)
            ]
        )

    ascending = [
        of("Ann Lee", timed=False),
        of("Ann Lee", lasts_s=40.0),
        of(None),
        of("SPEAKER_01"),
        of("Ann Lee"),
        of("Ann Lee", count=80),
    ]
    assert sorted(ascending) == ascending
    assert len(set(ascending)) == len(ascending)
    assert [one.complete for one in ascending] == [False, False, False, False, True, True]
    assert of("Speaker 2") == of("spk_0") == of("Unknown Speaker") != of("Spencer")
    assert not standing([]).complete


def test_a_name_on_the_greetings_alone_is_no_transcript_with_speakers() -> None:
    some = [Segment(start_s=n, end_s=n + 1, speaker="Ann" if n < 5 else None, text="Yes, it is.") for n in range(50)]
    assert standing(some).speakers == 0


def test_a_translation_is_known_by_its_link() -> None:
    assert is_foreign(link("a", "text/vtt", "de"), "en-us")
    assert not is_foreign(link("a", "text/vtt", "en_GB"), ["en-us"])
    assert not is_foreign(link("a", "text/vtt"), "en"), "no language stated is the show's"
    assert not is_foreign(link("a", "text/vtt", "de"), None)


# --- anything at all --------------------------------------------------------------------------------------------------

FRAGMENTS = st.sampled_from(
    ["WEBVTT\n\n", "00:01.000 --> 00:02.000\n", "1\n", "\n\n", "<v Ann>", "</v>", "Ann: ", "hello there.", "[00:12]", "<p>",
     "<cite>Bo</cite>", "<time>0:09</time>", "</p>", '{"segments":[', '{"start":1,"end":2,"text":"hi"}', "]}", ",", "\t", "\r",
     "start\tend\ttext\n", "1000\t2000\thi\n", "0:00:01.0,0:00:02.0\n", "&amp;", "&#99999999999;", "{\\an8}", "\x00", "\u2028",
     "<text start='1' dur='2'>", "-->", "\ud7ff", "一二三。", "NOTE x\n", "**Bo:**", '"', "NaN", "-1"]
)  # fmt: skip


@given(st.one_of(st.binary(max_size=400), st.lists(FRAGMENTS, max_size=40).map(lambda parts: "".join(parts).encode())))
@settings(max_examples=60, deadline=2000, suppress_health_check=[HealthCheck.too_slow])
def test_any_bytes_give_sound_segments_or_a_typed_error(content: bytes) -> None:
    sound_or_typed(content)


ABSURD = st.one_of(
    st.floats(),
    st.integers(-(10**30), 10**30),
    st.sampled_from(
        ["NaN", "-1", "1e308", "99:99:99", "00:00:01", "1:02", "∞", "", " ", None, True, [], {"from": -1}, [3, 1]]
    ),
)


@given(st.lists(st.tuples(ABSURD, ABSURD), min_size=1, max_size=12), st.sampled_from(["start", "startTime", "startMs"]))
@settings(max_examples=150, deadline=2000)
def test_absurd_times_in_json_give_sound_segments_or_a_typed_error(
    times: list[tuple[object, object]], name: str
) -> None:
    ends = name.replace("start", "end")
    rows = [{name: start, ends: end, "text": f"Sentence {n} of many."} for n, (start, end) in enumerate(times)]
    sound_or_typed(json.dumps({"segments": rows}).encode())


CLOCKS = st.one_of(
    st.integers(0, 10**9).map(
        lambda ms: f"{ms // 3600000:02}:{ms // 60000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"
    ),
    st.floats().map(str),
    st.sampled_from(
        ["-00:00:01.000", "1e308", "NaN", "99:99.999", "00:00:61.000", "9" * 400 + ".0", "00:00:01,000,000", "--"]
    ),
)


@given(
    st.lists(st.tuples(CLOCKS, CLOCKS), min_size=1, max_size=12),
    st.sampled_from(
        [
            "WEBVTT\n\n{cues}",
            "{cues}",
            "<transcript>{xml}</transcript>",
            "start\tend\ttext\n{tsv}",
            "<html><body>{turns}</body></html>",
            "{lines}",
        ]
    ),
)
@settings(max_examples=200, deadline=2000)
def test_absurd_times_in_any_dialect_give_sound_segments_or_a_typed_error(
    times: list[tuple[str, str]], frame: str
) -> None:
    text = frame.format(
        cues="\n\n".join(f"{a} --> {b}\nSo it goes {n}." for n, (a, b) in enumerate(times)),
        xml="".join(f'<text start="{a}" dur="{b}">So it goes {n}.</text>' for n, (a, b) in enumerate(times)),
        tsv="\n".join(f"{a}\t{b}\tSo it goes {n}." for n, (a, b) in enumerate(times)),
        turns="".join(f"<cite>Ann</cite><time>{a}</time><p>So it goes {n}.</p>" for n, (a, _) in enumerate(times)),
        lines="\n\n".join(f"[{a}] Ann: So it goes {n}." for n, (a, _) in enumerate(times)),
    )
    sound_or_typed(text.encode())


WHOLE = [
    "WEBVTT\n\nNOTE x\n\n" + "\n\n".join(f"00:{n:02}.000 --> 00:{n + 1:02}.500\n<v Ann>So <b>it</b> goes {n}. And" for n in range(9)),
    "\n\n".join(f"{n}\n00:00:{n:02},000 --> 00:00:{n + 1:02},000\nBo: naïve &amp; 日本 {n}" for n in range(9)),
    json.dumps({"version": "1.0.0", "segments": [{"speaker": "Ann", "startTime": n, "endTime": n + 1, "body": f"Is {n}? No"} for n in range(9)]}),
    "".join(f"<cite>Ann:</cite>\n<time>0:{n:02}</time>\n<p>So it goes {n}. And on.</p>" for n in range(9)),
    "\n\n".join(f"**Ann Lee:** \\[0:{n:02}\\] So it goes {n}, and on." for n in range(9)),
    "start\tend\ttext\n" + "\n".join(f"{n * 1000}\t{n * 1000 + 900}\tSo it goes {n}." for n in range(9)),
]  # fmt: skip


@given(
    st.sampled_from(WHOLE),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "cp1252"]),
    st.lists(
        st.tuples(
            st.sampled_from(["cut", "drop", "nul", "byte", "twice", "swap"]), st.floats(0, 1), st.integers(0, 255)
        ),
        min_size=1,
        max_size=4,
    ),
)
@settings(max_examples=300, deadline=2000)
def test_a_file_that_was_damaged_gives_sound_segments_or_a_typed_error(
    text: str, encoding: str, damages: list[tuple[str, float, int]]
) -> None:
    content = text.encode(encoding, errors="replace")
    for damage, place, value in damages:
        at = int(place * len(content))
        content = {
            "cut": content[:at],
            "drop": content[:at] + content[at + value :],
            "nul": content[:at] + bytes(value) + content[at:],
            "byte": content[:at] + bytes([value]) + content[at + 1 :],
            "twice": content[:at] + content,
            "swap": content[at:] + content[:at],
        }[damage]
    sound_or_typed(content)


def sound_or_typed(content: bytes) -> None:
    try:
        segments = parse_transcript(content, None)
    except (EmptyTranscript, NotATranscript, UnreadableTranscript) as failure:
        assert failure.what and failure.remedy
    else:
        assert_sound(segments)


@pytest.mark.parametrize(
    "doctype",
    [
        '<!ENTITY a "lol lol lol lol">'
        + "".join(f'<!ENTITY a{n} "{f"&a{n - 1 or str()};" * 10}">' for n in range(1, 12)),
        '<!ENTITY a11 SYSTEM "file:///etc/passwd">',
        '<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;',
    ],
    ids=["bomb", "file", "address"],
)
def test_entities_of_a_file_are_neither_expanded_nor_fetched(doctype: str) -> None:
    for body in (
        '<transcript><text start="1" dur="2">&a11; hello there</text></transcript>',
        "<cite>A</cite><p>&a11; hello there</p>",
    ):
        segments = parse(f'<?xml version="1.0"?><!DOCTYPE t [{doctype}]>{body}')
        assert words(segments)[-2:] == ["hello", "there"]
        assert len(words(segments)) <= 8


def test_large_files_take_bounded_memory() -> None:
    script = """
import resource
from podbrief_assets.errors import PermanentFailure
from podbrief_assets.transcripts.publisher import parse_transcript

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

before = peak()
for content in (
    b'{"segments":[' + b'"aaaaaa",' * 1_900_000 + b'""]}',
    b'{"a":' * 1_400_000,
    b"1\\n00:00:01,000 --> 00:00:02,000\\n" + b". " * 9_000_000,
    b"word. Word " * 1_000_000,
    b"{" * 100_000_000,
):
    try:
        parse_transcript(content, None)
    except PermanentFailure:
        continue
    raise SystemExit("it was read")
print(peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 600, "MiB more than before, of which the files themselves take 100"


NAMES = st.sampled_from(["Ann", "Bo Lee", "José Ñandú", "Speaker 1", "MODERATOR", "Dr. Kim", "田中"])
SENTENCES = st.lists(
    st.sampled_from(["yes", "naïve", "don't", "2,5 %", "R&D", "a<b", "日本"]), min_size=1, max_size=12
).map(lambda parts: " ".join(parts) + ".")
TURNS = st.lists(st.tuples(NAMES, SENTENCES), min_size=2, max_size=15)


@given(TURNS)
@settings(max_examples=40, deadline=None)
def test_what_is_written_as_vtt_srt_or_json_is_read_back(spoken: list[tuple[str, str]]) -> None:
    def stamp(seconds: int) -> str:
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"

    times = [(7 * n, 7 * n + 6) for n in range(len(spoken))]
    rows = list(zip(spoken, times, strict=True))
    vtt = "WEBVTT\n\n" + "\n\n".join(
        f"{stamp(a)}.000 --> {stamp(b)}.000\n<v {s}>{html.escape(t)}" for (s, t), (a, b) in rows
    )
    as_srt = "\n\n".join(
        f"{n}\n{stamp(a)},000 --> {stamp(b)},000\n{s}: {t}" for n, ((s, t), (a, b)) in enumerate(rows, 1)
    )
    as_json = json.dumps(
        {"segments": [{"speaker": s, "startTime": a, "endTime": b, "body": t} for (s, t), (a, b) in rows]}
    )
    wanted = [Segment(start_s=float(a), end_s=float(b), speaker=s, text=t) for (s, t), (a, b) in rows]
    assert parse(vtt) == wanted
    assert parse(as_srt) == wanted
    assert parse(as_json) == wanted
