"""The `podbrief` command as an operator meets it: what it prints, what it refuses, how it ends."""

import csv
import datetime as dt
import io
import json
import re
import sqlite3
import stat
import subprocess
import sys
import threading
import unicodedata
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result
from upath import UPath

from podbrief_assets import cli, partitions
from podbrief_assets.episodes import feed_state, shows
from podbrief_assets.evaluation import sponsors as evaluation_sponsors
from podbrief_assets.evaluation.figures import Figure, Goal, LabelledData
from podbrief_assets.lake.contract import settle
from podbrief_assets.lake.paths import Home
from podbrief_assets.lake.storage import Lake
from podbrief_assets.lake.tables import TABLES
from podbrief_assets.resources import DatabaseResource
from podbrief_assets.runner import DayReport, Failed
from podbrief_assets.transcripts.speech import Dropped, SpeechRecognizer, Transcription
from podbrief_assets_tests.network import Answer, Item, Network, vtt

TODAY = dt.datetime.now(dt.UTC).date()
YESTERDAY = TODAY - dt.timedelta(days=1)
MORNING = dt.datetime.combine(YESTERDAY, dt.time(9), dt.UTC)
# Rich markup, a colour, a window title, a bell, a line that turns around, an emoji's name, and a second line.
HOSTILE = "A [bold red]loud[/] \x1b[31mred\x1b]0;owned\x07 \u202etitle\u202c :heart: [/nonsense]\nof two lines"
HARMLESS = "A [bold red]loud[/] [31mred ]0;owned title :heart: [/nonsense] of two lines"


def podbrief(*arguments: str, status: int = 0, stdin: str | None = None, data: bool = False) -> Result:
    """Run the command in this process; it must end with `status`, and say nothing that acts unless it hands out `data`."""
    result = CliRunner().invoke(cli.app, list(arguments), input=stdin)
    assert isinstance(result.exception, SystemExit | None), result.exception
    assert result.exit_code == status, result.output
    assert data or harmless(result.output), result.output
    return result


def harmless(text: str) -> bool:
    return not any(unicodedata.category(char) in ("Cc", "Cf") and char not in "\n\t" for char in text)


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


def one_line(result: Result) -> str:
    """What went wrong: one line on standard error, and nothing else on it."""
    (line,) = lines(result.stderr)
    assert line.startswith("podbrief: ")
    return line


# ------------------------------------------------------------------------------------------------------- run


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--date", "2026-11-20", "--from", "2026-11-20"], "give --date, or --from and --to together"),
        (["--date", "2026-11-20", "--from", "2026-11-20", "--to", "2026-11-21"], "give --date, or --from and --to"),
        (["--from", "2026-11-20"], "give --date, or --from and --to together"),
        (["--to", "2026-11-20"], "give --date, or --from and --to together"),
        (["--date", "yesterday"], "“yesterday” is no day: write it as 2026-11-21"),
        (["--date", "2026-02-30"], "“2026-02-30” is no day"),
        (["--date", ""], "“” is no day"),
        (["--from", "", "--to", ""], "“” is no day"),
        (["--date", str(TODAY)], f"is not over yet in UTC: the last day that can be run is {YESTERDAY}"),
        (["--date", "2999-01-01"], "is not over yet in UTC"),
        (["--from", "2026-11-02", "--to", "2026-11-01"], "give the earlier day first"),
        (["--date", str(partitions.START_DATE - dt.timedelta(days=1))], "set PODBRIEF_START_DATE to an earlier day"),
        (["--date", "\x1b[31m[bold]x"], "“ [31m[bold]x” is no day"),
    ],
)
def test_days_that_make_no_sense_are_refused_before_anything_is_made(home: Home, arguments: list[str], told: str):
    assert told in one_line(podbrief("run", *arguments, status=2))
    assert not home.root.exists()


def test_a_setting_that_makes_no_sense_is_one_line(home: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PODBRIEF_GPU_SLOTS", "all")
    assert "PODBRIEF_GPU_SLOTS is “all”" in one_line(podbrief("run", status=1))


def test_the_whole_way_on_a_terminal_less_machine(home: Home, network: Network):
    """From nothing to a brief, each command in turn; titles are hostile, a transcript is missing."""
    network.answers["/t/chips.vtt"] = Answer(vtt("chips"), "text/vtt")
    feed = network.feed(
        "tech",
        [
            Item("chips", MORNING, "Chips", "/t/chips.vtt"),
            Item("hostile", MORNING, HOSTILE.replace("\x1b", "").replace("\x07", ""), "/t/missing.vtt"),
        ],
    )
    assert lines(podbrief("shows", "list").stdout) == [
        "no shows yet: `podbrief shows add URL` or `podbrief shows import FILE`"
    ]
    assert lines(podbrief("subscribers", "list").stdout) == [
        "nobody yet: `podbrief subscribers add ADDRESS --interest TEXT`"
    ]
    assert f"added Tech Hour: 2 episodes, the newest of {YESTERDAY}" in podbrief("shows", "add", feed).stdout
    podbrief("subscribers", "add", "ann@example.org", "--interest", "computer chips")
    asked = ("brief", "show", "--date", str(YESTERDAY), "--subscriber")
    assert one_line(podbrief(*asked, "ann@example.org", status=1)) == (
        f"podbrief: {YESTERDAY} was not run yet: `podbrief run --date {YESTERDAY}` makes its briefs"
    )

    told = podbrief("run").stdout  # the day before today
    assert f"✓ {YESTERDAY}  feeds: 1 changed; 2 new items · 2 episodes, 1 with a transcript" in told
    assert "1 excerpt · 1 brief, 1 handed over now" in told
    assert "  transcripts\n" in told, "a log file gets a line a step"
    assert "1 item failed or needs a look" in told
    (failed,) = [line for line in lines(told) if line.startswith(f"  {YESTERDAY}")]
    assert failed.startswith(f"  {YESTERDAY} transcripts  Tech Hour: A [bold red]loud[/] [31mred")
    assert f"{network.base}/t/missing.vtt is not there (404)" in failed
    assert "OPENAI_API_KEY" in told
    assert str(home.outbox) in told

    brief = podbrief(*asked, "ann@example.org").stdout
    assert "Nvidia sold more graphics chips" in brief
    assert f"{network.base}/audio/chips.mp3#t=30" in brief
    assert "nobody has the address bob@example.org: `podbrief subscribers list`" in one_line(
        podbrief(*asked, "bob@example.org", status=1)
    )
    podbrief("subscribers", "add", "bob@example.org")
    assert one_line(podbrief(*asked, "bob@example.org", status=1)).startswith(
        f"podbrief: bob@example.org has no brief of {YESTERDAY}: "
    )
    assert "is no day" in one_line(
        podbrief("brief", "show", "--subscriber", "ann@example.org", "--date", "soon", status=2)
    )

    (header, row) = lines(podbrief("shows", "list").stdout)
    assert header.split("\t") == ["show", "address", "last read", "state"]
    assert row.split("\t")[:2] == ["Tech Hour", feed] and row.endswith("\tfine")
    answer = podbrief("sql", "SELECT title, transcripts FROM episodes ORDER BY title DESC", data=True).stdout
    titles = {row["title"]: row for row in csv.DictReader(io.StringIO(answer))}
    assert json.loads(titles["Chips"]["transcripts"])[0]["type"] == "text/vtt"
    assert "removed Tech Hour; 0 shows left" in podbrief("shows", "remove", "Tech Hour").stdout


def test_a_day_that_is_not_complete_ends_with_one(home: Home, network: Network):
    home.root.mkdir(parents=True)
    home.subscriptions.write_bytes(b"<html>no list</html>")
    told = podbrief("run", "--date", str(YESTERDAY), status=1)
    assert f"✗ {YESTERDAY}  not complete: scan: " in told.stdout
    assert "the subscription list" in told.stdout
    assert "Traceback" not in told.output


def test_the_status_and_the_line_are_those_of_a_process_too(home: Home):
    ended = subprocess.run(
        [sys.executable, "-m", "podbrief_assets.cli", "run", "--date", str(TODAY)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (f"podbrief: {TODAY} is not over yet in UTC: the last day that can be run is {YESTERDAY}\n")


@pytest.mark.parametrize("reports", [[DayReport(YESTERDAY, "0" * 36, error=HOSTILE)]])
def test_what_strangers_wrote_is_read_and_does_nothing(reports: list[DayReport], capsys: pytest.CaptureFixture[str]):
    cli.out.print(cli._day_line(reports[0]), soft_wrap=True)
    reports[0].failed.append(Failed("transcripts", HOSTILE, HOSTILE))
    reports[0].did["transcripts"] = {"failed": 1, "rejected": 2}
    cli._print_failures(reports)
    said = capsys.readouterr().out
    assert harmless(said)
    assert f"not complete: {HARMLESS}\n" in said
    assert f"  {YESTERDAY} transcripts  {HARMLESS} – {HARMLESS}\n" in said
    assert f"  {YESTERDAY} transcripts  2 rows in transcripts_rejected\n" in said


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_printed_as_one_harmless_line(text: str):
    written = io.StringIO()
    cli.Console(file=written, highlight=False, emoji=False, width=40).print(cli._plain(text), soft_wrap=True)
    assert harmless(written.getvalue().replace("\u200c", "").replace("\u200d", ""))
    assert written.getvalue().count("\n") == 1


def test_more_failures_than_are_listed_are_still_counted(capsys: pytest.CaptureFixture[str]):
    report = DayReport(YESTERDAY, "0" * 36, did={"transcripts": {"failed": 4_812}})
    report.failed += [Failed("transcripts", "one", "why"), Failed("transcripts", "and 4,811 more", "query the table")]
    cli._print_failures([report])
    assert "4,812 items failed or need a look" in capsys.readouterr().out


# ------------------------------------------------------------------------------------------------------------- shows


def test_what_is_no_feed_is_not_added_and_named(home: Home, network: Network):
    network.answers["/page.xml"] = Answer(b"<!doctype html><html><title>Hi</title><body>Hi</body></html>", "text/html")
    told = one_line(podbrief("shows", "add", f"{network.base}/page.xml", status=1))
    assert f"{network.base}/page.xml" in told and "web page" in told
    assert f"{network.base}/gone.xml is not there (404)" in one_line(
        podbrief("shows", "add", f"{network.base}/gone.xml", status=1)
    )
    assert "http" in one_line(podbrief("shows", "add", "not an address", status=1))
    assert not home.subscriptions.exists()


def test_a_feed_that_can_not_be_reached_is_added_with_a_word(home: Home):
    told = podbrief("shows", "add", "http://127.0.0.1:1/feed.xml").stdout
    assert "added http://127.0.0.1:1/feed.xml; it was not read: " in told
    assert "can't be reached" in told
    (only,) = shows.read_opml(home.subscriptions.read_bytes())
    assert only.feed_url == "http://127.0.0.1:1/feed.xml"


def test_without_a_check_nobody_is_asked(home: Home, network: Network):
    told = podbrief("shows", "add", "--no-check", f"{network.base}/tech.xml").stdout
    assert "it was not read: the next scan tells whether it is a feed" in told
    assert not network.log


def test_a_page_leads_to_its_feed(home: Home, network: Network):
    feed = network.feed("tech", [Item("chips", MORNING)])
    network.feed("blog", [])
    links = "".join(
        f'<link rel="alternate" type="application/rss+xml" title="{HOSTILE}" href="{path}">'
        for path in ("/tech.xml", "/blog.xml")
    )
    network.answers["/"] = Answer(f"<html><head>{links}</head></html>".encode(), "text/html")
    told = podbrief("shows", "add", network.base.replace("http://", "pcast://")).stdout
    assert f"added Tech Hour: 1 episode, the newest of {YESTERDAY}; its feed is {feed}" in told
    assert "  not added: A [bold red]loud[/] " in told and f" {network.base}/blog.xml\n" in told
    assert [one.feed_url for one in shows.read_opml(home.subscriptions.read_bytes())] == [feed]
    assert "in the list already" in one_line(podbrief("shows", "add", network.base, status=1))
    assert "Apple Podcasts" in one_line(
        podbrief("shows", "add", "https://podcasts.apple.com/us/podcast/x/id1", status=1)
    )


def test_a_retired_show_is_scanned_again_once_its_feed_answers(home: Home, network: Network):
    feed = network.feed("tech", [Item("chips", MORNING)])
    podbrief("shows", "add", feed)
    engine = DatabaseResource(url=home.database_url).engine
    address = feed.removeprefix("http://")
    retired = feed_state.FeedState(address=address, feed_url=feed, show_id="id-1", retired=True, last_error="gone")
    feed_state.save(engine, [retired])
    network.answers["/tech.xml"] = Answer(b"", status=410)
    one_line(podbrief("shows", "add", feed, status=1))
    assert feed_state.load(engine)[address].retired
    network.feed("tech", [Item("chips", MORNING)])
    assert "it was retired, and is scanned again" in podbrief("shows", "add", feed).stdout
    assert feed_state.load(engine) == {address: feed_state.revived(retired)}
    podbrief("shows", "add", feed, status=1)
    assert len(shows.read_opml(home.subscriptions.read_bytes())) == 1


def test_a_feed_that_is_left_alone_is_told_and_can_be_asked_all_the_same(home: Home):
    address = "https://example.org/feed.xml"
    home.root.mkdir(parents=True)
    home.subscriptions.write_bytes(shows.write_opml([shows.Subscription(address, "A")]))
    engine = DatabaseResource(url=home.database_url).engine
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=2)
    feed_state.save(
        engine,
        [
            feed_state.FeedState(
                address="example.org/feed.xml",
                feed_url=address,
                failures_in_a_row=4,
                last_error="it is down",
                next_try_at=later,
            )
        ],
    )
    assert f"it is down (left alone until {later:%Y-%m-%d %H:%M}" in podbrief("shows", "list").stdout
    assert "the next scan asks 1 feed that was left alone" in podbrief("shows", "retry").stdout
    assert lines(podbrief("shows", "list").stdout)[1].endswith("\tit is down")
    assert "0 feeds" in podbrief("shows", "retry").stdout


def test_a_paid_feed_is_told_apart(home: Home, network: Network):
    for name in ("paid", "open", "mine"):
        network.feed(name, [])
    assert "it is a paid feed" in podbrief("shows", "add", f"{network.base}/paid.xml?token=s3cret").stdout
    assert "paid feed" not in podbrief("shows", "add", "--public", f"{network.base}/open.xml?token=s3cret").stdout
    assert "it is a paid feed" in podbrief("shows", "add", "--private", f"{network.base}/mine.xml").stdout
    assert [one.private for one in shows.read_opml(home.subscriptions.read_bytes())] == [True, False, True]


def test_a_show_is_there_once_in_whatever_spelling(home: Home, network: Network):
    feed = network.feed("tech", [])
    podbrief("shows", "add", feed)
    told = one_line(podbrief("shows", "add", feed.upper().replace("/TECH.XML", "/tech.xml") + "/", status=1))
    assert "“Tech Hour” is in the list already" in told
    assert len(shows.read_opml(home.subscriptions.read_bytes())) == 1


def test_the_token_of_a_paid_feed_is_never_shown(home: Home, network: Network):
    network.feed("paid", [])
    address = f"{network.base}/paid.xml?token=s3cret"
    assert "s3cret" not in podbrief("shows", "add", address).output
    assert "s3cret" not in podbrief("shows", "add", address, status=1).output
    assert "s3cret" not in podbrief("shows", "list").output
    assert "s3cret" not in podbrief("shows", "remove", address).output
    assert shows.read_opml(home.subscriptions.read_bytes()) == []


def test_a_private_address_is_refused_and_the_remedy_names_the_switch(
    home: Home, network: Network, monkeypatch: pytest.MonkeyPatch
):
    feed = network.feed("tech", [])
    network.answers["/list.opml"] = Answer(shows.write_opml([shows.Subscription(feed)]), "text/x-opml")
    monkeypatch.delenv("PODBRIEF_ALLOW_PRIVATE_HOSTS")
    for command in (("add", feed), ("import", f"{network.base}/list.opml")):
        assert "PODBRIEF_ALLOW_PRIVATE_HOSTS" in one_line(podbrief("shows", *command, status=1))
    assert not network.log, "nobody was asked"
    monkeypatch.setenv("PODBRIEF_ALLOW_PRIVATE_HOSTS", "127.0.0.1")
    assert "1 show added, 0 there already" in podbrief("shows", "import", f"{network.base}/list.opml").stdout


def test_a_list_is_merged_and_what_is_no_subscription_is_told(home: Home, tmp_path: Path):
    listed = [shows.Subscription(f"https://example.org/{name}.xml", HOSTILE) for name in "abc"]
    file = tmp_path / "list.opml"
    file.write_bytes(shows.write_opml(listed[:2]).replace(b"</body>", b'<outline text="x" xmlUrl="ftp://x"/></body>'))
    told = podbrief("shows", "import", str(file))
    assert "2 shows added, 0 there already; 2 shows in " in told.stdout
    assert "“x” is not scanned: " in told.stderr
    file.write_bytes(shows.write_opml(listed))
    assert "1 show added, 2 there already; 3 shows in " in podbrief("shows", "import", str(file)).stdout
    assert len(lines(podbrief("shows", "list").stdout)) == 4, "a line a show"


def test_a_list_of_thousands_is_merged_at_once(home: Home, tmp_path: Path):
    many = [shows.Subscription(f"https://example.org/{n}.xml", f"Show {n}") for n in range(5_000)]
    home.root.mkdir(parents=True)
    home.subscriptions.write_bytes(shows.write_opml(many[:4_000]))
    (tmp_path / "list.opml").write_bytes(shows.write_opml(many))
    told = podbrief("shows", "import", str(tmp_path / "list.opml")).stdout
    assert "1,000 shows added, 4,000 there already; 5,000 shows in " in told
    assert [one.feed_url for one in shows.read_opml(home.subscriptions.read_bytes())] == [one.feed_url for one in many]


@pytest.mark.parametrize("source", ["no/such/file.opml", "."])
def test_a_list_that_can_not_be_read_is_named(home: Home, source: str):
    assert "can't be read" in one_line(podbrief("shows", "import", source, status=1))


def test_a_show_is_removed_by_the_name_that_the_list_shows(home: Home):
    address = "https://example.org/feed.xml"
    home.root.mkdir(parents=True)
    home.subscriptions.write_bytes(
        shows.write_opml([shows.Subscription(address), shows.Subscription("https://example.org/other.xml")])
    )
    engine = DatabaseResource(url=home.database_url).engine
    state = feed_state.FeedState(
        address="example.org/feed.xml", feed_url=address, title="Its own title", show_id="id-1"
    )
    feed_state.save(engine, [state])
    assert "Its own title" in podbrief("shows", "list").stdout
    assert "no subscription has the address, title or identifier “Other”" in one_line(
        podbrief("shows", "remove", "Other", status=1)
    )
    assert "1 show left" in podbrief("shows", "remove", "Its own title").stdout
    (left,) = shows.read_opml(home.subscriptions.read_bytes())
    assert left.feed_url == "https://example.org/other.xml"


KEPT_BY_HAND = """\
<opml version="2.0"><head><title>Jo's list</title></head><body>
<!-- mine -->
<outline text="Tech talk" title="Technology" category="/x">
  <outline text="one" xmlUrl="https://one.example/f" htmlUrl="https://one.example"/>
</outline>
<outline text="B"><outline text="one" xmlUrl="https://one.example/f" description="l1&#10;l2"/></outline>
<outline text="Typo" xmlUrl="htps://two.example/f"/>
<outline text="Empty"/>
</body></opml>
"""


def kept(home: Home, content: str, mode: int = 0o644) -> Path:
    """A subscription list that somebody keeps by hand."""
    home.root.mkdir(parents=True, exist_ok=True)
    home.subscriptions.write_text(content)
    home.subscriptions.chmod(mode)
    return home.subscriptions


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_an_edit_is_not_about_stays_in_the_list_as_it_was(home: Home):
    path = kept(home, KEPT_BY_HAND)
    told = podbrief("shows", "add", "--no-check", "https://new.example/f")
    assert "2 shows in " in told.stdout
    assert lines(told.stderr) == [
        "“Typo” is not scanned: “htps://two.example/f” is no http or https address: give the feed's address as "
        "https://…; a show's web page names it, often behind the word RSS"
    ]
    new = '<outline type="rss" xmlUrl="https://new.example/f"/>\n'
    assert path.read_text().partition("\n")[2] == KEPT_BY_HAND.replace("</body>", f"{new}</body>")
    assert "“Typo” is not scanned" in podbrief("shows", "list").stderr
    told = podbrief("shows", "remove", "https://new.example/f")
    assert "1 show left" in told.stdout and "“Typo” is not scanned" in told.stderr
    assert path.read_text().partition("\n")[2] == KEPT_BY_HAND
    podbrief("shows", "remove", "one")
    assert "one.example" not in path.read_text() and "Empty" in path.read_text()


def test_a_damaged_list_is_read_and_never_rewritten(
    home: Home, network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    feed = network.feed("tech", [])
    shows_in_it = "".join(f'<outline text="s{i}" xmlUrl="https://h{i}.example/f"/>\n' for i in range(10))
    content = f"<opml><body>\n{shows_in_it}</body></opml>".replace('h4.example/f"', "h4.example/f")
    path = kept(home, content)
    (tmp_path / "more.opml").write_text(KEPT_BY_HAND)
    for command in (("add", feed), ("remove", "s1"), ("import", str(tmp_path / "more.opml")), ("export",)):
        told = one_line(podbrief("shows", *command, status=1))
        assert f"{path} is damaged at line 7, column 1, or shortly before: mend it there" in told
        assert path.read_text() == content
    assert not network.log, "nobody was asked"
    listed = podbrief("shows", "list")
    assert "s1" in listed.stdout and "the file is damaged at line 7" in listed.stderr
    monkeypatch.setenv("PODBRIEF_HOME", str(tmp_path / "other"))
    imported = podbrief("shows", "import", str(path))
    assert "8 shows added" in imported.stdout and "the file is damaged at line 7" in imported.stderr
    assert "8 shows in " in podbrief("shows", "export", str(tmp_path / "out.opml")).stdout


def test_two_shows_that_are_added_at_once_are_both_there(home: Home, network: Network):
    """Both feeds are answered only once both were asked for: each command has read the list by then."""
    kept(home, KEPT_BY_HAND)
    both = threading.Barrier(2)
    for name in ("a", "b"):
        network.feed(name, [])
        answer = network.answers[f"/{name}.xml"]
        assert isinstance(answer, Answer)

        def meet(handler: Any, body: bytes = answer.body) -> None:
            both.wait(60)
            handler.send_response(200)
            handler.send_header("Content-Type", "application/rss+xml")
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        network.answers[f"/{name}.xml"] = meet
    command = [sys.executable, "-m", "podbrief_assets.cli", "shows", "add"]
    adding = [
        subprocess.Popen([*command, f"{network.base}/{name}.xml"], stdout=subprocess.PIPE, text=True) for name in "ab"
    ]
    said = sorted(process.communicate(timeout=120)[0].splitlines()[-1].partition(" in ")[0] for process in adding)
    assert [process.returncode for process in adding] == [0, 0]
    assert said == ["2 shows", "3 shows"]
    assert {one.title for one in shows.read_opml(home.subscriptions.read_bytes())} == {"one", "A Hour", "B Hour"}


def test_a_list_that_changed_while_another_was_fetched_keeps_the_change(home: Home, network: Network):
    feed = network.feed("tech", [])

    def change(handler: Any) -> None:
        podbrief("shows", "add", "--no-check", "https://meanwhile.example/f")
        body = shows.write_opml([shows.Subscription(feed)])
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    network.answers["/list.opml"] = change
    command = [sys.executable, "-m", "podbrief_assets.cli", "shows", "import", f"{network.base}/list.opml"]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    assert ended.stdout.startswith("1 show added, 0 there already; 2 shows in ")
    assert len(shows.read_opml(home.subscriptions.read_bytes())) == 2


def test_a_list_is_its_owners_alone_unless_somebody_said_otherwise(home: Home, tmp_path: Path):
    podbrief("shows", "add", "--no-check", "https://a.example/f?token=s3cret")
    assert mode(home.subscriptions) == 0o600
    for said in (0o640, 0o664, 0o600):
        home.subscriptions.chmod(said)
        podbrief("shows", "add", "--no-check", f"https://{said}.example/f")
        assert mode(home.subscriptions) == said
    assert [path.name for path in home.root.glob(".shows.opml*")] == [".shows.opml.lock"]
    moved = tmp_path / "dotfiles.opml"
    home.subscriptions.rename(moved)
    home.subscriptions.symlink_to(moved)
    podbrief("shows", "remove", "https://a.example/f?token=s3cret")
    assert home.subscriptions.is_symlink() and len(shows.read_opml(moved.read_bytes())) == 3


def test_a_list_comes_out_as_it_came_in(home: Home, tmp_path: Path):
    (tmp_path / "in.opml").write_text(KEPT_BY_HAND)
    told = podbrief("shows", "import", str(tmp_path / "in.opml"))
    assert "1 show added, 0 there already; 1 show in " in told.stdout
    assert [line.partition(":")[0].strip() for line in lines(told.stderr)] == [
        "“Typo” is not scanned",
        "“one” stands in the list more than once",
    ]
    given_out = podbrief("shows", "export", data=True)
    assert given_out.stdout.partition("\n")[2] == KEPT_BY_HAND and given_out.stderr == ""
    assert "1 show in " in podbrief("shows", "export", str(tmp_path / "out.opml")).stdout
    assert (tmp_path / "out.opml").read_text() == given_out.stdout
    assert "0 shows added, 1 there already" in podbrief("shows", "import", str(tmp_path / "out.opml")).stdout
    assert home.subscriptions.read_text() == given_out.stdout


def test_paid_feeds_are_given_out_only_when_it_is_said(home: Home, tmp_path: Path):
    out = tmp_path / "out.opml"
    for number, show in enumerate(
        ["https://open.example/f", "https://a.example/f?token=s3cret", "https://b.example/f"]
    ):
        podbrief("shows", "add", "--no-check", *(["--private"] if number == 2 else []), show)
    podbrief("shows", "add", "--no-check", "https://moved.example/f")
    state = feed_state.FeedState(
        address="moved.example/f", feed_url="https://moved.example/f", fetched_url="https://now.example/f?token=s3cret"
    )
    feed_state.save(DatabaseResource(url=home.database_url).engine, [state])
    told = podbrief("shows", "export", str(out))
    assert "1 show in " in told.stdout
    assert told.stderr == "3 paid feeds left out, whose addresses hold tokens: --private gives them out\n"
    assert [one.feed_url for one in shows.read_opml(out.read_bytes())] == ["https://open.example/f"]
    out.unlink()
    told = podbrief("shows", "export", "--private", str(out))
    assert "4 shows in " in told.stdout and told.stderr == "" and mode(out) == 0o600
    assert out.read_bytes() == home.subscriptions.read_bytes()
    assert "token" in podbrief("shows", "export", "--help").stdout


def test_a_list_that_is_shown_on_a_terminal_does_nothing_to_it(home: Home, monkeypatch: pytest.MonkeyPatch):
    kept(home, KEPT_BY_HAND.replace("Typo", "\u202e\x9b31m日本語"))
    monkeypatch.setattr(cli, "out", cli.Console(force_terminal=True))
    shown = podbrief("shows", "export").stdout
    assert shown.isascii() and "&#8238;&#155;31m&#26085;" in shown


def test_the_list_is_never_exported_onto_itself(home: Home):
    podbrief("shows", "add", "--no-check", "https://a.example/f?token=s3cret")
    before = home.subscriptions.read_bytes()
    assert "is the subscription list itself" in one_line(
        podbrief("shows", "export", str(home.root / "." / "shows.opml"), status=2)
    )
    assert home.subscriptions.read_bytes() == before
    assert podbrief("shows", "export", data=True).stdout.count("<outline") == 0


# ------------------------------------------------------------------------------------------------------- subscribers


def test_adding_somebody_again_adds_their_interests(home: Home):
    said = podbrief("subscribers", "add", "ann@example.org").stdout
    assert "ann@example.org added as " in said and "--interest" in said
    again = podbrief("subscribers", "add", "ANN@example.org", "--interest", HOSTILE, "--brief-size", "3").stdout
    assert "was there already as" in again and "changed brief_size" in again
    header, row = lines(podbrief("subscribers", "list").stdout)
    assert header.split("\t") == ["subscriber", "address", "status", "a day", "interests"]
    assert row.split("\t")[1:4] == ["ann@example.org", "active", "3"]


@pytest.mark.parametrize(
    "arguments", [["nobody"], ["ann@example.org", "--brief-size", "99"], ["ann@example.org", "--timezone", "Mars/Base"]]
)
def test_a_subscriber_that_makes_no_sense_is_refused(home: Home, arguments: list[str]):
    one_line(podbrief("subscribers", "add", *arguments, status=1))
    assert "nobody yet" in podbrief("subscribers", "list").stdout


def test_a_broken_line_of_a_list_is_told_and_leaves_the_others_alone(home: Home, tmp_path: Path):
    file = tmp_path / "readers.csv"
    file.write_text(
        'address,interests\nann@example.org,chips;sleep\nnobody,\x1b[31m\n"bob@example.org",wheat\nann@example.org,buses\n'
    )
    refused = podbrief("subscribers", "import", str(file))
    assert "0 subscribers added, 0 there already, 4 lines left out (told above)" in refused.stdout
    assert "line 2: nothing says that ann@example.org agreed to get briefs" in refused.stderr
    agreed = ("--consent", "signed the sheet at the fair")
    told = podbrief("subscribers", "import", str(file), *agreed)
    assert "2 subscribers added, 0 there already, 1 line left out (told above)" in told.stdout
    assert any(line.startswith("  line 3: ") for line in told.stderr.splitlines())
    assert any("line 5: ann@example.org was on line 2 already" in line for line in told.stderr.splitlines())
    rows = {row.split("\t")[1]: row.split("\t")[4] for row in lines(podbrief("subscribers", "list").stdout)[1:]}
    assert rows == {"ann@example.org": "chips; sleep; buses", "bob@example.org": "wheat"}
    again = podbrief("subscribers", "import", str(file), *agreed).stdout
    assert "0 subscribers added, 2 there already" in again


def test_a_subscriber_is_shown_paused_resumed_and_unsubscribed(home: Home, network: Network):
    feed = network.feed("tech", [])
    podbrief("shows", "add", feed, "--no-check")
    settings = ("--hour", "6", "--format", "text", "--language", "de", "--timezone", "Europe/Berlin")
    wishes = ("--interest", HOSTILE, "--follow", feed, "--mute-topic", "Motorsport", "--mute-word", "Acme")
    podbrief("subscribers", "add", "ann@example.org", *settings, *wishes, "--consent", "told me on 3 May")
    shown = podbrief("subscribers", "show", "ann@example.org").stdout
    rows = [tuple(line.split("\t")) for line in lines(shown)]
    assert harmless(shown)
    assert ("brief", "5 a day at 6:00, Europe/Berlin, text, de") in rows
    assert ("never the topic", "motorsport") in rows and ("never the word", "Acme") in rows
    assert any(what == "follows" for what, _ in rows)
    assert rows[-1][1] == "agreed (operator): told me on 3 May"
    who = dict(rows)["subscriber"]
    assert "ann@example.org is paused" in podbrief("subscribers", "pause", "ann@example.org").stdout
    assert f"{who} is paused already" in podbrief("subscribers", "pause", who).stdout
    assert f"{who} is active" in podbrief("subscribers", "resume", who).stdout
    podbrief("subscribers", "unsubscribe", who, "--why", "asked on the phone")
    assert "unsubscribed: asked on the phone" in podbrief("subscribers", "show", who).stdout
    assert "by their own consent only" in one_line(podbrief("subscribers", "resume", who, status=1))
    assert "can't become paused" in one_line(podbrief("subscribers", "pause", who, status=1))
    assert f"{who} is active" in podbrief("subscribers", "resume", who, "--consent", "asked on 4 May").stdout
    for command in ("show", "pause", "forget", "export"):
        assert "subscribers list" in one_line(podbrief("subscribers", command, "0" * 16, status=1))
        assert "nobody has the address" in one_line(podbrief("subscribers", command, "no@example.org", status=1))


def test_wishes_are_added_and_removed_one_by_one(home: Home):
    podbrief("subscribers", "add", "ann@example.org", "--interest", "tides")
    wishes = ("subscribers", "wishes")
    assert (
        "added “bees”, “motorsport”"
        in podbrief(*wishes, "add", "ann@example.org", "--interest", "bees", "--mute-topic", "Motorsport").stdout
    )
    assert "nothing new" in podbrief(*wishes, "add", "ann@example.org", "--interest", "BEES").stdout
    assert "removed “TIDES”" in podbrief(*wishes, "remove", "ann@example.org", "--interest", "TIDES").stdout
    assert "none of it" in podbrief(*wishes, "remove", "ann@example.org", "--interest", "tides").stdout
    assert "unknown topic" in one_line(podbrief(*wishes, "add", "ann@example.org", "--mute-topic", "x", status=1))
    assert "no subscription has" in one_line(podbrief(*wishes, "add", "ann@example.org", "--follow", "x", status=1))
    assert "--interest" in one_line(podbrief(*wishes, "add", "ann@example.org", status=2))
    assert lines(podbrief("subscribers", "list").stdout)[1].split("\t")[4] == "bees"


def test_who_is_forgotten_is_gone_stays_out_and_comes_back_by_their_own_wish_only(home: Home, tmp_path: Path):
    podbrief("subscribers", "add", "ann@example.org", "--interest", HOSTILE)
    file = tmp_path / "ann.json"
    assert (
        "everything held of ann@example.org" in podbrief("subscribers", "export", "ann@example.org", str(file)).stdout
    )
    assert mode(file) == 0o600
    printed = podbrief("subscribers", "export", "ann@example.org", data=True).stdout
    given, told = json.loads(file.read_text()), json.loads(printed)
    assert given["database"] == told["database"] and harmless(printed)
    assert given["database"]["subscriber_setting"][0]["hour"] == 7

    said = podbrief("subscribers", "forget", "ann@example.org").stdout
    assert "ann@example.org is forgotten" in said and "1 of subscriber_wish" in said
    assert "nobody yet" in podbrief("subscribers", "list").stdout
    assert "was forgotten on" in podbrief("subscribers", "forget", "ANN@example.org").stdout
    (tmp_path / "list.csv").write_text("address,consent\nann@example.org,bought\nben@example.org,at the fair\n")
    told = podbrief("subscribers", "import", str(tmp_path / "list.csv")).stdout
    assert "1 subscriber added, 0 there already, 1 forgotten before and left out, 0 lines left out" in told
    assert "--asked-again" in one_line(podbrief("subscribers", "add", "ann@example.org", status=1))
    again = ("subscribers", "add", "ann@example.org", "--asked-again")
    assert "--consent" in one_line(podbrief(*again, status=2))
    assert "added as" in podbrief(*again, "--consent", "wrote to me on 5 May").stdout
    assert mode(home.suppression_key) == 0o600


def test_a_database_of_a_newer_release_is_one_line(home: Home):
    podbrief("subscribers", "list")
    with sqlite3.connect(home.root / "podbrief.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'r9999'")
    connection.close()
    assert "install the release that was used last" in one_line(podbrief("subscribers", "list", status=1))


def test_a_list_that_is_none_is_one_line(home: Home, tmp_path: Path):
    (tmp_path / "readers.xlsx").write_bytes(b"PK\x03\x04" + bytes(100))
    told = one_line(podbrief("subscribers", "import", str(tmp_path / "readers.xlsx"), status=1))
    assert "save it as “CSV UTF-8”" in told
    assert "can't be read" in one_line(podbrief("subscribers", "import", str(tmp_path / "none.csv"), status=1))


def test_a_database_that_can_not_be_opened_is_one_line_without_its_password(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "broken.sqlite").write_bytes(b"no database at all" * 100)
    monkeypatch.setenv("PODBRIEF_DATABASE_URL", f"sqlite:///{tmp_path / 'broken.sqlite'}")
    told = one_line(podbrief("subscribers", "list", status=1))
    assert "the operational database can't be opened (file is not a database)" in told
    assert "PODBRIEF_DATABASE_URL" in told
    monkeypatch.setenv("PODBRIEF_DATABASE_URL", "nonsense://brief:hunter2@db.example.org/brief")
    assert "hunter2" not in one_line(podbrief("subscribers", "list", status=1))


# --------------------------------------------------------------------------------------------------------------- sql


@pytest.fixture
def warehouse(home: Home) -> Home:
    """A lake with two shows, one of which has a hostile title."""
    columns: dict[str, Any] = dict.fromkeys(TABLES["shows"].polars_schema)
    rows = [
        columns
        | {
            "show_id": name,
            "feed_url": f"https://example.org/{name}",
            "title": title,
            "status": "active",
            "categories": ["a", "b"],
        }
        for name, title in (("calm", "Calm"), ("hostile", HOSTILE))
    ]
    settled = settle(TABLES["shows"], pl.DataFrame(rows, schema=TABLES["shows"].polars_schema))
    assert len(settled.valid) == 2, settled.counts
    Lake(UPath(home.lake)).write(TABLES["shows"], settled.valid)
    return home


def test_a_query_through_a_pipe_is_answered_in_csv_with_every_row(warehouse: Home):
    answer = podbrief("sql", "SELECT range AS n, [range] AS l, NULL AS nothing FROM range(3000)").stdout
    rows = list(csv.reader(io.StringIO(answer)))
    assert rows[0] == ["n", "l", "nothing"]
    assert rows[1:] == [[str(n), f"[{n}]", ""] for n in range(3_000)]


def test_show_tables_lists_every_table(warehouse: Home):
    listed = set(lines(podbrief("sql", "SHOW TABLES").stdout))
    assert {*TABLES} <= listed


def test_a_broken_query_is_one_line_with_the_remedy(warehouse: Home):
    told = one_line(podbrief("sql", "SELECT * FROM nonsense", status=1))
    assert "nonsense" in told and "SHOW TABLES" in told


def test_queries_can_not_change_anything(warehouse: Home):
    assert "read-only" in one_line(podbrief("sql", "CREATE TABLE mine AS SELECT 1", status=1))


def test_queries_from_a_pipe_are_answered_in_turn_and_a_broken_one_is_told(warehouse: Home):
    told = podbrief("sql", stdin="SELECT 1 AS one;\nSELECT\n  nonsense;\nSELECT 2 AS two", status=1)
    assert lines(told.stdout) == ["one", "1", "two", "2"]
    assert "nonsense" in one_line(told)
    assert podbrief("sql", stdin="").output == ""


def test_on_a_terminal_a_wide_answer_keeps_every_column_and_nothing_acts(
    warehouse: Home, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cli, "out", cli.Console(force_terminal=True, width=100, emoji=False, highlight=False))
    answer = podbrief("sql", "SELECT * FROM shows ORDER BY show_id").stdout
    shown = {line.split("│")[1].strip() for line in lines(answer) if line.startswith("│")}
    assert set(TABLES["shows"].polars_schema) <= shown, "a row for each column"
    few = podbrief("sql", "SELECT show_id, title FROM shows ORDER BY show_id").stdout
    assert "│ show_id │" in few and "│ calm    │ Calm " in few


# -------------------------------------------------------------------------------------------------------------- help


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("", ["five insights a day", "PODBRIEF_HOME", "Exit status", "shows import FILE", "subscribers", "brief show"]),
        ("run", ["--date", "--from", "--to", "yesterday", "costs next to nothing", "Exit status"]),
        ("brief show", ["--subscriber", "--date", "as it was sent"]),
        ("shows add", ["URL", "can't be reached just now is added all the same"]),
        ("shows import", ["OPML file, or the address of one", "stay as they are"]),
        ("shows list", ["last scan"]),
        ("shows remove", ["address, exact title or identifier", "stay in the tables"]),
        ("subscribers add", ["ADDRESS", "--interest", "--brief-size", "--timezone", "may be repeated"]),
        ("subscribers import", ["address,consent,interests", "separated by ;", "a broken line is told", "--consent"]),
        ("subscribers show", ["SUBSCRIBER", "how they stand"]),
        ("subscribers pause", ["SUBSCRIBER", "--why"]),
        ("subscribers resume", ["--consent", "--why"]),
        ("subscribers unsubscribe", ["SUBSCRIBER", "until they are forgotten"]),
        ("subscribers forget", ["keyed hash", "Back-ups"]),
        ("subscribers export", ["everything that is held", "FILE"]),
        ("subscribers wishes add", ["--interest", "--follow", "--mute-show", "--mute-topic", "--mute-word"]),
        ("subscribers wishes remove", ["Days before keep it"]),
        ("subscribers list", ["interests"]),
        ("sql", ["DuckDB", "SHOW TABLES", "CSV with every row", "read from the terminal"]),
        ("ui", ["--port", "--host", "backfills"]),
        ("transcribe", ["--from", "--to", "--hours-per-shard", "[default: (20)]", "hears nothing of these days"]),
        ("hear", ["FILE", "--language", "--words", "--json", "why", "PODBRIEF_ASR_MODEL"]),
    ],
)
def test_help_says_what_a_command_does(command: str, words: list[str]):
    shown = " ".join(podbrief(*command.split(), "--help").stdout.replace("│", " ").split())
    for word in words:
        assert word in shown


SPOKEN = Path(__file__).resolve().parents[1] / "data/sample/audio/tomatoes-never-sleep-cold.opus"


def test_what_is_heard_in_a_file_is_printed_with_its_times(home: Home):
    lines = podbrief("hear", str(SPOKEN), "--words").stdout.splitlines()
    sentences = [line for line in lines if not line.startswith(" ")]
    words = [line for line in lines if line.startswith("    ")]
    assert any("tomatoes" in line for line in sentences)
    assert len(words) > 300, "and every word stands below its sentence"
    assert all(re.match(r" *(\d+:)?\d+:\d\d\.\d\d–(\d+:)?\d+:\d\d\.\d\d  \S", line) for line in lines)
    assert not (home.cache / "speech").exists(), "nothing is kept"

    result = podbrief("hear", str(SPOKEN), "--language", "en", "--json", data=True)
    heard = json.loads(result.stdout)
    assert len(heard["sentences"]) == len(sentences) and "words" not in heard
    assert heard["language"] == "en" and 150 < heard["duration_s"] < 180
    assert heard["hearing_s"] > 0 and heard["windows_heard_again"] >= 0 and heard["not_believed"] == []


def test_what_is_not_believed_is_told_with_its_reason(capsys: pytest.CaptureFixture[str]):
    heard = Transcription((), 7326.0, "en", (Dropped(3661.5, 3670.25, "the words go round in circles"),), 4)
    cli._print_heard(SpeechRecognizer("a-model"), heard, {"loading_s": 1.0, "hearing_s": 10.0})
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        "no speech was heard",
        "1:01:01.50–1:01:10.25  not believed: the words go round in circles",
    ]
    assert "a-model, language en: 7,326 s of audio in 10.0 s, 732.6 times its pace" in " ".join(printed.err.split())
    assert "4 windows heard again" in printed.err


def test_a_file_that_can_not_be_heard_is_one_line(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    page = tmp_path / "page.mp3"
    page.write_text("<!doctype html><html></html>")
    assert "is no audio" in podbrief("hear", str(page), status=1).output
    assert "there is no file" in podbrief("hear", str(tmp_path / "nothing.mp3"), status=1).output
    assert "English only" in podbrief("hear", str(SPOKEN), "--language", "de", status=1).output
    monkeypatch.setenv("PODBRIEF_ASR_MODEL", "none")
    assert "switched off" in podbrief("hear", str(SPOKEN), status=2).output


def test_help_answers_at_once(tmp_path: Path):
    code = "import sys; import podbrief_assets.cli; print({'dagster', 'polars', 'duckdb', 'sqlalchemy'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert ended.stdout.strip() == "set()"


def test_a_query_that_met_a_file_being_merged_is_asked_again(capsys: pytest.CaptureFixture[str]):
    class Removing:
        """A connection whose files go away once, as between a query's listing and its opening them."""

        def __init__(self) -> None:
            self.real, self.asked = duckdb.connect(), 0

        def execute(self, query: str):
            self.asked += 1
            if self.asked == 1:
                raise duckdb.IOException("IO Error: Cannot open file “seen=…”: No such file or directory")
            return self.real.execute(query)

    connection = Removing()
    cli._print_query(connection, "SELECT 1 AS one, ['a'] AS many")
    assert capsys.readouterr().out == 'one,many\n1,"[""a""]"\n' and connection.asked == 2


def test_evaluate_says_which_labelled_data_is_missing_and_measures_nothing_then(tmp_path: Path) -> None:
    result = podbrief("evaluate", "--corpus", str(tmp_path), "--only", "sponsors", status=1)
    assert "sponsors: not measured: there is no" in result.output.replace("\n", "")
    assert "nothing could be measured" in result.output


def test_evaluate_knows_its_sections() -> None:
    assert "give one of" in podbrief("evaluate", "--only", "tea leaves", status=2).output


def test_evaluate_shows_a_figure_beside_its_goal_and_fails_where_one_is_missed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    goal = Goal(bound="at least", value=0.6)

    def measured(data: LabelledData) -> list[Figure]:
        return [
            Figure(name="share accepted", value=value, form="share", goal=goal, note="of 50") for value in shares
        ] + [Figure(name="judged", value=1234.0, form="count")]

    monkeypatch.setattr(evaluation_sponsors, "figures", measured)
    shares = [0.625]
    reached = podbrief("evaluate", "--corpus", str(tmp_path), "--only", "sponsors").output
    assert "62.5%  share accepted · reached at least 60.0% · of 50" in reached
    assert "1,234  judged" in reached
    shares.append(0.5)
    missed = podbrief("evaluate", "--corpus", str(tmp_path), "--only", "sponsors", status=1).output
    assert "50.0%  share accepted · missed at least 60.0% · of 50" in missed
    assert "1 of 3 figures miss their goal" in missed
