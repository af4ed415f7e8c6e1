"""The `podbrief` command.

Belongs here: arguments, what a terminal shows, exit statuses.
Doesn't: any work; each command calls the module that does it. Heavy imports stand inside commands: `podbrief --help`
answers at once. What strangers wrote (titles, addresses, reasons) is printed through `_plain`.

Exit status: 0 when what was asked for was done, even though single items failed (they are listed); 1 when it was not;
2 for arguments that make no sense.
"""

# Typer reads annotations at run time, and commands import what they need where they need it.
# ruff: noqa: PLC0415

import csv
import datetime as dt
import io
import json
import os
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from podbrief_assets.errors import PermanentFailure, PodbriefError, TransientFailure
from podbrief_assets.lake.paths import Home

if TYPE_CHECKING:
    from podbrief_assets.episodes.discovery import Found
    from podbrief_assets.episodes.feed_state import FeedState
    from podbrief_assets.episodes.opml import Opml
    from podbrief_assets.episodes.shows import Subscription, SubscriptionList
    from podbrief_assets.insights.llm.batch import Batches, BatchState
    from podbrief_assets.runner import DayReport, ShardsReport
    from podbrief_assets.subscribers.database import WishKind
    from podbrief_assets.subscribers.forgetting import Places
    from podbrief_assets.subscribers.status import Status
    from podbrief_assets.transcripts.speech import SpeechRecognizer, Transcription

_COLUMN_WIDTH = 12  # what a column of a query's answer needs on a terminal to be worth looking at
_ADDED_AT_ONCE = 500  # subscribers in one transaction
STOPPED = 130  # as a shell reports a command that Ctrl-C ended


class BadArgument(PermanentFailure):
    """What was given on the command line makes no sense."""


class NotTheSample(PermanentFailure):
    """The home that the sample would run in is somebody's own."""


class NoBrief(PermanentFailure):
    """A subscriber has no brief of a day."""


class UnreadableFile(PermanentFailure):
    """A file that was named can't be read."""


class BadQuery(PermanentFailure):
    """DuckDB can't answer a query."""


class NoModel(PermanentFailure):
    """There is no language model to ask."""


class DatabaseUnreachable(TransientFailure):
    """The operational database can't be opened."""


class _Commands(typer.core.TyperGroup):
    """The commands; a failure that an operator can act on ends in one line and a status, not in a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except PodbriefError as error:
            _complain(str(error))
            raise typer.Exit(2 if isinstance(error, BadArgument) else 1) from error
        except OSError as error:
            if error.filename is None:  # no file's fault: a pipe that was closed, or ours
                raise
            _complain(f"{error.filename}: {error.strerror}: look at the path, its rights and the free space")
            raise typer.Exit(1) from error
        except KeyboardInterrupt as error:
            err.print("stopped")
            raise typer.Exit(STOPPED) from error


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="New podcast episodes in, five insights a day for each subscriber out.\n\n"
    "Start with [bold]podbrief shows import FILE[/bold] and "
    "[bold]podbrief subscribers add ADDRESS --interest TEXT[/bold], then [bold]podbrief run --date DAY[/bold] and "
    "[bold]podbrief brief show --subscriber ADDRESS --date DAY[/bold].\n\n"
    "Everything lies below PODBRIEF_HOME (default: data/ in the current folder).\n\n"
    "Exit status: 0 when it was done, even though single items failed (they are listed); 1 when it was not; "
    "2 for arguments that make no sense.",
)
shows_app = typer.Typer(no_args_is_help=True, help="The shows that are scanned.")
subscribers_app = typer.Typer(no_args_is_help=True, help="Who gets a brief, and what they want to know about.")
wishes_app = typer.Typer(no_args_is_help=True, help="What a subscriber wants and does not want.")
brief_app = typer.Typer(no_args_is_help=True, help="The briefs themselves.")
batch_app = typer.Typer(
    no_args_is_help=True, help="A backfill's questions to the language model in batches, which cost half as much."
)
deliveries_app = typer.Typer(no_args_is_help=True, help="What became of each brief: hold, release, settle.")
bounces_app = typer.Typer(no_args_is_help=True, help="What came back.")
app.add_typer(shows_app, name="shows")
app.add_typer(subscribers_app, name="subscribers")
subscribers_app.add_typer(wishes_app, name="wishes")
app.add_typer(brief_app, name="brief")
app.add_typer(batch_app, name="batch")
app.add_typer(deliveries_app, name="deliveries")
app.add_typer(bounces_app, name="bounces")

# Without emoji, or a title's “:heart:” would become a picture; what strangers write is shown as it is.
out = Console(highlight=False, emoji=False)
err = Console(stderr=True, highlight=False, emoji=False)


# Dagster warns at each start of what no operator can change: that a parameter is in beta, that of a job's backfill
# policies the strictest counts, that `dagster dev` has a successor in another package. All other warnings are shown.
_KNOWN_WARNINGS = (
    "Parameter `backfill_policy`",
    "Asset job (daily_brief|late_day) materializes assets with varying BackfillPolicies",
    "Function `dev_command` is superseded",
)


def main() -> None:
    """Run the command."""
    for message in _KNOWN_WARNINGS:
        warnings.filterwarnings("ignore", message=message)
    app()


def _plain(text: object, limit: int = 2_000) -> str:
    """`text` on one line, as markup that shows it and nothing else: no colour, no control sequence, no turned line."""
    return escape(_line(text, limit))


def _line(text: object, limit: int = 2_000) -> str:
    from podbrief_assets.delivery.text import one_line

    return one_line(str(text), limit)


def _inert(drawn: str) -> str:
    """Lines as they are, without the characters that turn them around: DuckDB escapes the other ones that act."""
    return "".join(char for char in drawn if char == "\n" or unicodedata.category(char) not in ("Cc", "Cf"))


def _complain(text: str) -> None:
    err.print(f"[bold red]podbrief:[/] {_plain(text)}", soft_wrap=True)


def _count(number: int, noun: str) -> str:
    """`1 brief`, `2 briefs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _day(text: str) -> dt.date:
    from podbrief_assets.partitions import BadDay, day_of

    try:
        return day_of(text)
    except BadDay as error:
        raise BadArgument(error.what, error.remedy) from error


def _print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table as wide as the terminal; where there is none, a line a row with tabs between, for grep and cut."""
    if out.is_terminal:
        table = Table(*header, box=None)
        for row in rows:
            table.add_row(*(_plain(cell) for cell in row))
        out.print(table)
    else:
        for row in [header, *rows]:
            print("\t".join(_line(cell) for cell in row))  # rich would make spaces of the tabs


# --------------------------------------------------------------------------------------------------------------- run


@app.command()
def run(
    date: Annotated[str | None, typer.Option(help="One day, as 2026-11-21.", show_default=False)] = None,
    first: Annotated[str | None, typer.Option("--from", help="The first of several days.", show_default=False)] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last of several days.", show_default=False)] = None,
    late: Annotated[bool, typer.Option("--late", help="The earlier days that are not up to date.")] = False,
    mail: Annotated[
        bool, typer.Option("--mail", help="Mail the briefs of these days now, whatever the hour and however old.")
    ] = False,
) -> None:
    """Scan the feeds once and do one day or several: from episodes to briefs, handed over.

    Without a day it does yesterday, as the schedule does. A day that was done before costs next to nothing: only what
    changed is done again. Exit status 0 when every day is complete, even though items failed; 1 when one is not.

    Where mail goes out by SMTP, a brief leaves at its reader's hour, and none of a past day does without --mail.

    With --late it asks no feed: it does those of the last 30 days again that gained or changed episodes since they were
    done, or were left half done, as far as their insights. Their briefs stay as they are; the next takes what is new.
    """
    if late:
        _run_late((date, first, last, "--mail" if mail else None))
        return
    if mail and (date, first, last) == (None, None, None):
        raise BadArgument("--mail without a day", "name the day whose briefs are to be mailed: --date DAY --mail")
    if (date is not None and (first, last) != (None, None)) or (first is None) != (last is None):
        raise BadArgument("one day or several", "give --date, or --from and --to together")
    from podbrief_assets.partitions import BadDay, days_between

    yesterday = (dt.datetime.now(dt.UTC) - dt.timedelta(days=1)).date().isoformat()
    one = yesterday if date is None else date
    try:
        days = days_between(_day(one if first is None else first), _day(one if last is None else last))
    except BadDay as error:
        raise BadArgument(error.what, error.remedy) from error
    home = Home.from_environment()
    reports = _run_days(home, days, mail=mail)
    _print_failures(reports)
    _print_late(reports)
    _print_places(home, reports)
    if not all(report.complete for report in reports):
        raise typer.Exit(1)


def _run_late(asked_for: "Sequence[str | None]") -> None:
    """Do the earlier days again that are not up to date."""
    from upath import UPath

    from podbrief_assets.episodes.late import outdated_days
    from podbrief_assets.lake.storage import Lake

    if any(asked_for):
        raise BadArgument("--late finds its days itself", "give --late alone, or days without it")
    home = Home.from_environment()
    days = outdated_days(Lake(UPath(home.lake)))
    if not days:
        out.print("every earlier day is up to date")
        return
    reports = _run_days(home, days, late=True)
    _print_failures(reports)
    if not all(report.complete for report in reports):
        raise typer.Exit(1)


def _print_late(reports: "Sequence[DayReport]") -> None:
    """Name the earlier days that gained episodes or were left half done."""
    from podbrief_assets.episodes.late import LATE_DAYS

    done = {report.day.isoformat() for report in reports}
    named = reports[0].did.get("feed_items", {}).get(LATE_DAYS, []) if reports else []
    if days := [day for day in named if day not in done]:
        listed = ", ".join(days[:5]) + (" …" if len(days) > 5 else "")
        out.print(
            f"\n{_count(len(days), 'earlier day')} to do again ({listed}), for late episodes: podbrief run --late",
            soft_wrap=True,
        )


def _run_days(home: Home, days: "Sequence[dt.date]", *, late: bool = False, mail: bool = False) -> "list[DayReport]":
    """Run days with a progress display; each day's line is printed as it ends."""
    from podbrief_assets import instance as instances
    from podbrief_assets.runner import run_days

    instance = instances.prepare(home)
    from podbrief_assets.definitions import build_defs

    reports: list[DayReport] = []
    try:
        with _progress(len(days)) as progress:
            for report in run_days(build_defs(home), instance, days, progress.step, late=late, mail=mail):
                reports.append(report)
                progress.day_done(report)
    except KeyboardInterrupt as error:
        err.print("stopped; what was finished is kept, and the next run goes on from there")
        raise typer.Exit(STOPPED) from error
    return reports


class _Progress:
    """One line that says what is being done, and a line for each finished day."""

    def __init__(self, console: Console, status: Any, days: int) -> None:
        self._console, self._status, self._days, self._done = console, status, days, 0

    def step(self, asset: str, message: str) -> None:
        from podbrief_assets.runner import WAITING

        day = f"day {self._done + 1} of {self._days} · " if self._days > 1 else ""
        text = f"{day}{asset.replace('_', ' ')}{' · ' + message if message else ''}"
        self._status.update(_plain(text, max(20, self._console.width - 4)))
        # A log file gets a line a step, not one an episode; but why nothing goes on must be in it.
        if not self._console.is_terminal and (not message or message.startswith(WAITING)):
            self._console.print(f"  {_plain(text)}", soft_wrap=True)

    def day_done(self, report: "DayReport") -> None:
        self._done += 1
        self._console.print(_day_line(report), soft_wrap=True)


@contextmanager
def _progress(days: int) -> Iterator[_Progress]:
    with _terminal() as console, console.status("starting") as status:
        yield _Progress(console, status, days)


@contextmanager
def _terminal() -> Iterator[Console]:
    """Standard output, whatever Dagster does to it.

    While a run works, Dagster turns standard output into the run's log, which a process of its own copies to the
    terminal: a moving line ends up in both, in pieces.
    """
    try:
        number = sys.stdout.fileno()
    except OSError:  # no file behind it, as in a test
        yield out
        return
    with os.fdopen(os.dup(number), "w", encoding=sys.stdout.encoding, errors="replace") as stream:
        yield Console(file=stream, highlight=False, emoji=False)


def _day_line(report: "DayReport") -> str:
    did = report.did
    if not report.complete:
        reason = report.error or f"look at run {report.run_id[:8]} in the UI (podbrief ui)"
        return f"[bold red]✗[/] {report.day}  not complete: {_plain(reason)}"
    rows = {asset: values.get("dagster/row_count", 0) for asset, values in did.items()}
    parts = []
    if scan := did.get("feed_items"):
        outcomes = ", ".join(f"{n} {outcome.replace('_', ' ')}" for outcome, n in sorted(scan["feeds"].items()))
        parts.append(f"feeds: {outcomes or 'none'}; {_count(scan['new_items'], 'new item')}")
    transcripts = did["transcripts"]
    usable = rows["transcripts"] - transcripts["origins"].get("none", 0)
    parts.append(f"{_count(rows['episodes'], 'episode')}, {usable:,} with a transcript")
    heard = f", {transcripts['recognised']:,} recognised" if transcripts["recognised"] else ""
    parts.append(f"{_count(transcripts['words'], 'word')} ({_count(transcripts['fetched'], 'file')} fetched{heard})")
    kind = "insight" if did["insight_candidates"]["extractor"] == "llm" else "excerpt"
    parts.append(_count(rows["insight_candidates"], kind))
    if cost := did["insight_candidates"].get("cost_usd"):
        parts.append(f"${cost:,.2f}")
    if left := did["insight_candidates"].get("left_episodes"):
        passages, spent = did["insight_candidates"]["left_passages"], did["insight_candidates"].get("spent_usd", 0)
        parts.append(
            f"${spent:,.2f} spent now: the budget leaves {_count(left, 'episode')}, {_count(passages, 'passage')}"
        )
    if briefs := did.get("user_briefs"):  # a day that gained episodes is done as far as its insights
        frozen = " (frozen: they were sent)" if briefs.get("frozen") else ""
        handed_over, waiting = did["brief_deliveries"]["handed_over"], did["brief_deliveries"]["waiting"]
        wait = f", {waiting:,} wait for their hour" if waiting else ""
        parts.append(f"{_count(briefs['briefs'], 'brief')}{frozen}, {handed_over:,} handed over now{wait}")
    return f"[bold green]✓[/] {report.day}  {_plain(' · '.join(parts))}"


@app.command()
def transcribe(
    first: Annotated[str, typer.Option("--from", help="The first day, as 2026-11-01.")],
    last: Annotated[str, typer.Option("--to", help="The last day.")],
    hours_per_shard: Annotated[
        float | None, typer.Option(help="Hours of audio that one step hears.", show_default="20")
    ] = None,
) -> None:
    """Hear the episodes of several days beforehand, in shards: the job transcribe_shards, in this process.

    Of what the scans have seen it takes the days' episodes, their publishers' transcripts, and hears what has none.
    Everything goes into the cache, each episode as soon as it is finished: kill it whenever you like. `podbrief run`
    then hears nothing of these days. To spread the shards over many GPUs, launch the job in the UI, with a distributed
    executor.
    """
    from podbrief_assets import instance as instances
    from podbrief_assets.partitions import BadDay
    from podbrief_assets.runner import run_shards
    from podbrief_assets.transcripts.ops import DaysToHear
    from podbrief_assets.transcripts.shards import BadShards, cut

    wanted = DaysToHear(first_day=first, last_day=last)
    if hours_per_shard is not None:
        wanted = DaysToHear(first_day=first, last_day=last, hours_per_shard=hours_per_shard)
    try:
        wanted.days()
        cut([], wanted.hours_per_shard)
    except (BadDay, BadShards) as error:
        raise BadArgument(error.what, error.remedy) from error
    home = Home.from_environment()
    instance = instances.prepare(home)
    from podbrief_assets.definitions import build_defs

    with _progress(1) as progress:
        report = run_shards(build_defs(home), instance, wanted, progress.step)
    out.print(_shards_line(report), soft_wrap=True)
    for one in report.failed:
        out.print(f"  {_plain(one.item, 300)} [dim]–[/] {_plain(one.reason)}", soft_wrap=True)
    out.print(f"Run: {report.run_id[:8]} (podbrief ui)", style="dim")
    if report.stopped:
        err.print("stopped; what was finished is kept, and the next run goes on from there")
        raise typer.Exit(STOPPED)
    if not report.complete:
        raise typer.Exit(1)


def _shards_line(report: "ShardsReport") -> str:
    if not report.plan:
        return f"[bold red]✗[/] nothing was heard: {_plain(report.error or 'look at the run')}"
    counts, heard = report.plan["episodes"], report.heard
    parts = [
        f"{_count(counts['publisher'], 'episode')} with a publisher's transcript, {counts['known']:,} known before",
        f"{_count(counts['to hear'], 'episode')} to hear, in {_count(report.plan['shards'], 'shard')}",
        f"{heard.recognised + heard.known:,} heard",
    ]
    if heard.speed:
        parts.append(f"{heard.audio_s / 3600:,.2f} hours of audio at {heard.speed:,.1f} times its pace")
    if report.failed:
        parts.append(f"{len(report.failed):,} failed")
    if not report.complete:
        return (
            f"[bold red]✗[/] {_plain(' · '.join(parts))}\n  not complete: {_plain(report.error or 'look at the run')}"
        )
    return f"[bold green]✓[/] {_plain(' · '.join(parts))}"


@app.command()
def hear(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An audio file.")],
    language: Annotated[
        str | None, typer.Option(help="What is spoken, as en or de-AT; else it is detected.", show_default=False)
    ] = None,
    words: Annotated[bool, typer.Option("--words", help="Every word with its time, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Print what the recogniser hears in one file: to look at a doubtful episode, or to try a model.

    Sentences with their times, the stretches whose words were not believed and why, and how fast it was. Nothing is
    kept. The model is that of PODBRIEF_ASR_MODEL.
    """
    import time

    from podbrief_assets.resources import Speech
    from podbrief_assets.transcripts.speech import SpeechRecognizer

    if not file.is_file():
        raise UnreadableFile(f"there is no file {file}", "give an audio file")
    speech = Speech.from_environment(os.environ)
    if speech.recognizer is None:
        raise BadArgument("speech recognition is switched off", "set PODBRIEF_ASR_MODEL to a model, or unset it")
    recognizer = SpeechRecognizer(speech.model, speech.device, speech.dtype, speech.batch_size, word_times=words)
    with err.status("loading the model"):
        begun = time.monotonic()
        recognizer.load()
        loaded = time.monotonic()
    with err.status("listening"):
        heard = recognizer.listen(file, language)
    seconds = {"loading_s": round(loaded - begun, 2), "hearing_s": round(time.monotonic() - loaded, 2)}
    if as_json:
        typer.echo(json.dumps(_heard_json(recognizer, heard) | seconds, ensure_ascii=False, indent=2))
    else:
        _print_heard(recognizer, heard, seconds)


def _heard_json(recognizer: "SpeechRecognizer", heard: "Transcription") -> dict[str, Any]:
    def timed(parts: Sequence[Any]) -> list[dict[str, Any]]:
        return [{"start_s": part.start_s, "end_s": part.end_s, "text": part.text.strip()} for part in parts]

    return {
        "model": recognizer.name,
        "language": heard.language,
        "duration_s": round(heard.duration_s, 2),
        "sentences": timed(heard.segments),
        **({"words": timed(heard.words)} if recognizer.word_times else {}),
        "not_believed": [{"start_s": one.start_s, "end_s": one.end_s, "why": one.why} for one in heard.dropped],
        "windows_heard_again": heard.retried,
    }


def _print_heard(recognizer: "SpeechRecognizer", heard: "Transcription", seconds: dict[str, float]) -> None:
    for segment in heard.segments:
        out.print(f"[cyan]{_clock(segment.start_s)}–{_clock(segment.end_s)}[/]  {_plain(segment.text)}", soft_wrap=True)
        for word in heard.words:
            if segment.start_s <= word.start_s < segment.end_s:
                out.print(f"    {_clock(word.start_s)}–{_clock(word.end_s)}  {_plain(word.text.strip())}", style="dim")
    if not heard.segments:
        out.print("no speech was heard")
    for one in heard.dropped:
        out.print(f"[yellow]{_clock(one.start_s)}–{_clock(one.end_s)}[/]  not believed: {_plain(one.why)}")
    hearing_s, loading_s = seconds["hearing_s"], seconds["loading_s"]
    err.print(
        f"{_plain(recognizer.name)}, language {_plain(heard.language or 'unknown')}: {heard.duration_s:,.0f} s of audio"
        f" in {hearing_s:,.1f} s, {heard.duration_s / max(hearing_s, 0.01):,.1f} times its pace (and {loading_s:,.1f} s"
        f" to load the model); {_count(heard.retried, 'window')} heard again",
        style="dim",
        soft_wrap=True,
    )


def _clock(seconds: float) -> str:
    """`1:02:03.40`, without the hours where there are none."""
    hundredths = round(seconds * 100)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{start}:{rest // 100:02}.{rest % 100:02}"


def _print_failures(reports: "Sequence[DayReport]") -> None:
    failed = sum(int(values.get("failed", 0)) for report in reports for values in report.did.values())
    rejected = [
        (report.day, asset, values["rejected"])
        for report in reports
        for asset, values in report.did.items()
        if values.get("rejected")
    ]
    if failed:
        out.print(f"\n[bold]{_count(failed, 'item')} failed or {'needs' if failed == 1 else 'need'} a look[/]")
        for report in reports:
            for one in report.failed:
                out.print(
                    f"  {report.day} [cyan]{one.asset}[/]  {_plain(one.item, 300)} [dim]–[/] {_plain(one.reason)}",
                    soft_wrap=True,
                )
    if rejected:
        out.print("\n[bold]Rows that broke a rule of their table[/] (kept apart with the rule, for podbrief sql)")
        for day, asset, count in rejected:
            out.print(f"  {day} [cyan]{asset}[/]  {_count(count, 'row')} in {asset}_rejected", soft_wrap=True)


def _print_places(home: Home, reports: "Sequence[DayReport]") -> None:
    if any(report.did.get("insight_candidates", {}).get("extractor") == "extractive" for report in reports):
        out.print(
            "\nNo language model is set (OPENAI_API_KEY or OPENAI_BASE_URL), so briefs hold excerpts.",
            soft_wrap=True,
            style="dim",
        )
    out.print(
        f"\nBriefs: {home.outbox}\nTables: {home.warehouse} (podbrief sql)\n"
        f"{'Run' if len(reports) == 1 else 'Runs'}: {', '.join(report.run_id[:8] for report in reports)} (podbrief ui)",
        markup=False,
        soft_wrap=True,
        style="dim",
    )


# ------------------------------------------------------------------------------------------------- sample and doctor


@app.command()
def evaluate(
    corpus: Annotated[
        Path, typer.Option(help="Folder with real transcripts and labelled sets.", show_default=True)
    ] = Path("../shared/corpus"),
    labels: Annotated[
        Path | None, typer.Option(help="Folder with verdicts; else those that podbrief brings.", show_default=False)
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="A section to measure; may be given several times.", show_default=False)
    ] = None,
) -> None:
    """Measure how good the choices are: advertising, excerpts, grounding, duplicates, scores.

    Every figure beside the goal that it has to reach. Sections whose labelled data is not there are named and left out.
    Exit status 1 where a figure misses its goal or nothing could be measured.
    """
    from podbrief_assets.evaluation.figures import LABELS, SECTIONS, LabelledData, LabelsMissing, section

    if unknown := sorted(set(only or ()) - set(SECTIONS)):
        raise BadArgument(f"there is no section {unknown[0]}", f"give one of {', '.join(SECTIONS)}")
    data = LabelledData(corpus=corpus, labels=labels or LABELS)
    measured = missed = 0
    for name in (one for one in SECTIONS if not only or one in only):
        with err.status(f"measuring {name}"):
            try:
                found = list(section(name, data))
            except LabelsMissing as error:
                err.print(f"[yellow]{name}: not measured: {_plain(str(error))}[/]")
                continue
        out.print(f"[bold]{name}[/]")
        for figure in found:
            goal = f"{figure.goal.bound} {figure.shown(figure.goal.value)}" if figure.goal else ""
            verdict = "" if not figure.goal else "[green]reached[/]" if figure.met else "[bold red]missed[/]"
            parts = [f"  {figure.shown():>9}  {_plain(figure.name)}", f"{verdict} {goal}".strip(), _plain(figure.note)]
            out.print(" · ".join(part for part in parts if part), soft_wrap=True)
        measured += len(found)
        missed += sum(not figure.met for figure in found)
    if missed or not measured:
        _complain(f"{missed} of {measured} figures miss their goal" if measured else "nothing could be measured")
        raise typer.Exit(1)


@app.command("sample")
def sample_run(
    folder: Annotated[Path, typer.Option(help="Where the sample lies.")] = Path("data/sample"),
) -> None:
    """Run the sample: three days of five invented shows, served on this machine, heard and made into briefs.

    It lives in a home of its own (PODBRIEF_HOME, by default data/demo), never among real shows. The first run fixes
    its days, so that running it again finds nothing new.
    """
    from podbrief_assets import sample

    os.environ.setdefault("PODBRIEF_HOME", "data/demo")
    # The sample's own server and nothing else on this machine.
    os.environ["PODBRIEF_ALLOW_PRIVATE_HOSTS"] = f"127.0.0.1:{sample.PORT}"
    home = Home.from_environment()
    today = sample.first_run(home.root, dt.datetime.now(dt.UTC).date())
    days = sample.days(today)
    with sample.serving(folder, today, port=sample.PORT) as base:
        addresses = _subscribe_sample(home, sample.feed_urls(folder, base), folder / "subscribers.csv")
        out.print(f"[bold]{_count(len(addresses), 'subscriber')}, {_count(len(days), 'day')} of invented shows[/]")
        reports = _run_days(home, days)
    new = sum(report.did.get("feed_items", {}).get("new_items", 0) for report in reports)
    if not new and all(report.complete for report in reports):
        out.print("Nothing is new since the last run: these are the briefs that were sent then.")
    for address in addresses:
        out.print()
        out.rule(f"[bold]{_plain(address)}[/]", align="left")
        try:
            out.print(_brief_text(home, address, days[-1]), markup=False, soft_wrap=True)
        except NoBrief as error:
            out.print(_plain(error), soft_wrap=True)
    _print_failures(reports)
    _print_places(home, reports)
    out.print(
        "\nNext, try\n"
        "  your own shows    podbrief shows add URL, podbrief subscribers add ADDRESS --interest TEXT, podbrief run\n"
        "  a language model  OPENAI_API_KEY=… or OPENAI_BASE_URL=http://…: insights in the third person, not excerpts\n"
        "  a GPU             a CUDA build of torch: openai/whisper-large-v3-turbo then hears 99 languages\n"
        "podbrief doctor says what would be used.",
        markup=False,
        soft_wrap=True,
    )
    if not all(report.complete for report in reports):
        raise typer.Exit(1)


def _subscribe_sample(home: Home, feeds: "Sequence[str]", subscribers_csv: Path) -> list[str]:
    """Subscribe to the sample's feeds, and add its readers; returns their addresses.

    Raises:
        NotTheSample: the home holds other shows.
    """
    from podbrief_assets.database import session
    from podbrief_assets.episodes import shows
    from podbrief_assets.subscribers import database as subscribers
    from podbrief_assets.subscribers.importing import read_csv
    from podbrief_assets.subscribers.suppression import open_suppression

    with _editing(home) as opml:
        known = opml.listed.subscriptions
        if any(one.feed_url not in feeds for one in known):
            raise NotTheSample(
                f"{home.root} holds shows that are not the sample's",
                "set PODBRIEF_HOME to an empty folder, as data/demo",
            )
        for feed in feeds:
            if shows.listed(known, feed) is None:
                opml.add(feed)
    listed = read_csv(_read(subscribers_csv))
    with session(_database(home)) as transaction:
        subscribers.add_all(transaction, listed.rows, suppression=open_suppression(home.suppression_key))
    return [row.address for row in listed.rows]


@app.command()
def doctor(
    dns: Annotated[
        Path | None,
        typer.Option(help="A file with the TXT records of the sender, as dig prints them.", show_default=False),
    ] = None,
) -> None:
    """Say which models, device, key, database and folders would be used, what is missing, and how to get it.

    With --dns it says, too, whether the sender's SPF, DKIM and DMARC records fit how mail is sent: those of its domain,
    of _dmarc.DOMAIN and of SELECTOR._domainkey.DOMAIN. Exit status 1 when something is missing that a run needs.
    """
    from podbrief_assets.doctor import examine

    marks = {"fine": "[green]✓[/]", "note": "[yellow]·[/]", "missing": "[bold red]✗[/]"}
    missing = False
    records = _read(dns).decode("utf-8", "replace") if dns else None
    for finding in examine(Home.from_environment(), dns=records):
        missing |= finding.state == "missing"
        out.print(f"{marks[finding.state]} [bold]{finding.what}[/]: {_plain(finding.found)}", soft_wrap=True)
        if finding.remedy:
            out.print(f"    {_plain(finding.remedy)}", soft_wrap=True, style="dim")
    if missing:
        raise typer.Exit(1)


# ------------------------------------------------------------------------------------------------------------- briefs


@brief_app.command("show")
def brief_show(
    subscriber: Annotated[str, typer.Option(help="The subscriber's address.")],
    date: Annotated[str, typer.Option(help="The day, as 2026-11-21.")],
) -> None:
    """Print a subscriber's brief of a day, as it was sent."""
    out.print(_brief_text(Home.from_environment(), subscriber, _day(date)), markup=False, soft_wrap=True)


@brief_app.command("explain")
def brief_explain(
    subscriber: Annotated[str, typer.Option(help="The subscriber's address.")],
    date: Annotated[str, typer.Option(help="The day, as 2026-11-21.")],
    others: Annotated[int, typer.Option(min=0, max=200, help="How many that were not chosen.")] = 10,
) -> None:
    """Print why a subscriber's brief holds what it holds: each score with its parts, and the best that were not chosen.

    The entries are as they were sent. The others are weighed by what is known now: after a rerun of an earlier stage
    they may differ from what was there when the brief was made.
    """
    from upath import UPath

    from podbrief_assets.briefs import news, shards
    from podbrief_assets.briefs.explain import explained
    from podbrief_assets.database import session
    from podbrief_assets.delivery.compose import in_words, readers_of
    from podbrief_assets.lake.storage import Lake
    from podbrief_assets.lake.tables import TABLES
    from podbrief_assets.subscribers.database import id_of

    home, day = Home.from_environment(), _day(date)
    engine = _database(home)
    with session(engine, read_only=True) as transaction:
        subscriber_id = id_of(transaction, subscriber)
    lake = Lake(UPath(home.lake))
    who, brief = (
        lake.scan(table, [day]).filter(subscriber_id=subscriber_id).collect()
        for table in ("subscribers", "user_briefs")
    )
    if who.is_empty():
        known = day in lake.days(TABLES["subscribers"])
        raise NoBrief(
            f"{subscriber} was not active on {day}" if known else f"{day} was not run yet",
            "look at `podbrief subscribers list`" if known else f"`podbrief run --date {day}` makes its briefs",
        )
    with err.status("weighing the day's news"):
        desk, said = shards.opened(lake, engine, day)
        sent = news.sent(lake, day, desk.today, who["subscriber_id"])
        entries, passed_over = explained(desk, who, said, sent, brief, others)
    reader = readers_of(engine, day).get(subscriber_id)
    reasons = {row["rank"]: in_words(row, reader.interests if reader else ()) for row in brief.iter_rows(named=True)}
    for weighed in (*entries, *passed_over):
        if weighed in passed_over[:1]:
            out.print("\n[bold]not chosen[/]")
        number = f"{weighed.rank}." if weighed.rank else "–"
        parts = "  ".join(f"{name} {value:+.2f}" for name, value in weighed.parts.items())
        out.print(f"[bold]{number:>3}[/] {weighed.score:.2f}  {_plain(weighed.show_title)}", soft_wrap=True)
        out.print(f"    {_plain(weighed.text, 160)}", soft_wrap=True)
        why = reasons[weighed.rank] if weighed.rank else weighed.why
        out.print(f"    [dim]{parts}  ·  {_plain(why)}[/]", soft_wrap=True)
    if not entries:
        out.print(f"{_plain(subscriber)} has no brief of {day}: nothing that they may get passed the floors.")


def _brief_text(home: Home, subscriber: str, day: dt.date) -> str:
    """A subscriber's brief of a day as text.

    Raises:
        NoBrief: there is none.
        UnknownSubscriber, BadAddress: nobody has that address.
    """
    import polars as pl
    from upath import UPath

    from podbrief_assets.database import session
    from podbrief_assets.delivery.compose import brief_of, readers_of
    from podbrief_assets.delivery.render import render_text
    from podbrief_assets.lake.storage import Lake
    from podbrief_assets.lake.tables import TABLES
    from podbrief_assets.subscribers.database import id_of

    engine = _database(home)
    with session(engine, read_only=True) as transaction:
        subscriber_id = id_of(transaction, subscriber)
    lake = Lake(UPath(home.lake))
    rows = lake.scan("user_briefs", [day]).filter(pl.col("subscriber_id") == subscriber_id).collect()
    if rows.is_empty() and day not in lake.days(TABLES["user_briefs"]):
        raise NoBrief(f"{day} was not run yet", f"`podbrief run --date {day}` makes its briefs")
    if rows.is_empty():
        raise NoBrief(
            f"{subscriber} has no brief of {day}", "nothing of the day was worth their time, or they came after it"
        )
    reader = readers_of(engine, day).get(subscriber_id)
    return render_text(brief_of(rows.to_dicts(), day, reader))


# --------------------------------------------------------------------------------------------------------------- mail


@deliveries_app.command("list")
def deliveries_list(
    date: Annotated[str, typer.Option(help="The day of the briefs, as 2026-11-21.")],
    status: Annotated[
        list[str] | None,
        typer.Option(help="Only these: delivered, refused, unknown, cancelled, claimed.", show_default=False),
    ] = None,
) -> None:
    """List what became of a day's briefs, one by one."""
    from podbrief_assets.delivery.ledger import Ledger

    day, ledger = _day(date), Ledger(_database(Home.from_environment()))
    known = ("delivered", "refused", "unknown", "cancelled", "claimed")
    if unknown := sorted(set(status or ()) - set(known)):
        raise BadArgument(f"there is no status {unknown[0]}", f"give one of {', '.join(known)}")
    found = ledger.of_day(day, [one for one in known if one in (status or ())])  # type: ignore[misc]
    if found:
        rows = [
            (one.subscriber_id, one.status, f"{one.attempted_at:%Y-%m-%d %H:%M}", one.detail or "") for one in found
        ]
        _print_table(("subscriber", "status", "tried at", "detail"), rows)
    else:
        out.print(f"nothing of {day} was handed over{' in such a way' if status else ''}")
    if (why := ledger.held(day)) is not None:
        err.print(f"{day} is held ({_plain(why, 300)}): `podbrief deliveries release {day}` lets it go", soft_wrap=True)


@deliveries_app.command("settle")
def deliveries_settle(
    subscriber: Annotated[str, typer.Argument(metavar="SUBSCRIBER", help="The subscriber's identifier.")],
    date: Annotated[str, typer.Argument(metavar="DAY", help="The day of the brief.")],
    verdict: Annotated[str, typer.Argument(metavar="delivered|resend", help="What became of it.")],
) -> None:
    """Settle a brief of which nobody knows whether it left: it was delivered, or it shall be sent again.

    A refused one can be sent again, too. The next run sends it; once its time is over, podbrief run --date DAY --mail.
    """
    from podbrief_assets.delivery.ledger import Ledger

    day = _day(date)
    if verdict not in ("delivered", "resend"):
        raise BadArgument(f"“{verdict[:40]}” is no verdict", "say delivered or resend")
    Ledger(_database(Home.from_environment())).settle_by_hand(subscriber, day, verdict)  # type: ignore[arg-type]
    then = "counts as delivered" if verdict == "delivered" else f"is sent again by the next run of {day}"
    out.print(f"the brief of {day} for {_plain(subscriber, 64)} {then}", soft_wrap=True)


@deliveries_app.command("hold")
def deliveries_hold(
    date: Annotated[str, typer.Argument(metavar="DAY", help="The day of the briefs.")],
    why: Annotated[str, typer.Option(help="Why, for whoever wonders later.")],
) -> None:
    """Let nothing of a day be handed over until it is released. A run at work stops after the mail in hand."""
    from podbrief_assets.delivery.ledger import Ledger

    day, reason = _day(date), _line(why, 300)
    if not reason:
        raise BadArgument("no reason is given", "say why, as in --why 'a wrong number in it'")
    Ledger(_database(Home.from_environment())).hold(day, reason)
    out.print(f"{day} is held: `podbrief deliveries release {day}` lets it go", soft_wrap=True)


@deliveries_app.command("release")
def deliveries_release(date: Annotated[str, typer.Argument(metavar="DAY", help="The day of the briefs.")]) -> None:
    """Let a held day go. The next run hands its briefs over."""
    from podbrief_assets.delivery.ledger import Ledger

    day = _day(date)
    if not Ledger(_database(Home.from_environment())).release_day(day):
        raise BadArgument(f"{day} is not held", f"`podbrief deliveries hold {day} --why TEXT` holds it")
    out.print(f"{day} is released: the next run hands its briefs over", soft_wrap=True)


@deliveries_app.command("send-test")
def deliveries_send_test(
    date: Annotated[str, typer.Argument(metavar="DAY", help="The day of the briefs.")],
    to: Annotated[str, typer.Option("--to", help="The address that gets it.")],
    subscriber: Annotated[
        str | None,
        typer.Option(help="Whose brief, by address or identifier; else the first of the day.", show_default=False),
    ] = None,
) -> None:
    """Send one brief of a day to yourself, held or not: to see it before others do.

    The ledger knows nothing of it, and its links change nothing.
    """
    from contextlib import closing

    from upath import UPath

    from podbrief_assets.delivery.sending import send_test
    from podbrief_assets.lake.storage import Lake
    from podbrief_assets.resources import MailResource
    from podbrief_assets.subscribers.database import id_of
    from podbrief_assets.subscribers.values import checked_address

    home, day, address = Home.from_environment(), _day(date), checked_address(to)
    engine = _database(home)
    reader_id = subscriber
    if subscriber is not None and "@" in subscriber:
        from podbrief_assets.database import session

        with session(engine, read_only=True) as transaction:
            reader_id = id_of(transaction, subscriber)
    mail = MailResource(outbox=str(home.outbox), home=str(home.root))
    with closing(mail.mailer()) as mailer:
        detail = send_test(Lake(UPath(home.lake)), engine, mail.settings, mail.links, mailer, day, address, reader_id)
    out.print(f"sent by {_plain(mail.described)}: {_plain(detail)}", soft_wrap=True)


@bounces_app.command("import")
def bounces_import(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A mailbox (mbox) or one message; - reads a pipe.")],
) -> None:
    """Read what came back to the return path: who is nobody any more, and who asks by mail to unsubscribe.

    An address that is nobody's gets nothing more; one whose mail failed on three days within 30 neither. The same file
    again changes nothing.
    """
    from podbrief_assets.delivery.bounces import record
    from podbrief_assets.tokens import Keys

    home = Home.from_environment()
    content = sys.stdin.buffer.read() if file == "-" else _read(Path(file))
    keys = Keys.from_environment(os.environ, home.root)
    done = record(_database(home), content, keys, dt.datetime.now(dt.UTC))
    out.print(
        f"{_count(len(done.bounced), 'subscriber')} bounced, {len(done.unsubscribed):,} unsubscribed; "
        f"{_count(done.recorded, 'notice')} recorded, {done.known:,} known before, {len(done.unmatched):,} unmatched, "
        f"{_count(done.other, 'other message')}",
        soft_wrap=True,
    )
    for one in done.unmatched[:20]:
        err.print(f"  {_plain(one)}", soft_wrap=True)


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 8670,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
) -> None:
    """Answer the links in mails: unsubscribing with one click, and what an insight was worth.

    Put it behind a server that speaks HTTPS at PODBRIEF_PUBLIC_URL. No cookie, no log of who came.
    """
    import uvicorn

    from podbrief_assets.tokens import Keys
    from podbrief_assets.web.mail_pages import MailPages

    home = Home.from_environment()
    pages = MailPages(_database(home), Keys.from_environment(os.environ, home.root), lambda: dt.datetime.now(dt.UTC))
    # Without an access log: the addresses that it would hold are keys.
    uvicorn.run(pages.application(), host=host, port=port, access_log=False, server_header=False)


# -------------------------------------------------------------------------------------------------------------- shows


def _listed(home: Home) -> "SubscriptionList":
    """The subscription list, as a scan reads it: of a damaged one, what can be read."""
    from podbrief_assets.episodes import shows

    return shows.read_opml_file(home.subscriptions.read_bytes() if home.subscriptions.exists() else shows.write_opml())


def _opml(home: Home) -> "Opml":
    """The subscription list, as it can be edited; one that is damaged is refused."""
    from podbrief_assets.episodes.opml import Opml

    path = home.subscriptions
    return Opml.parse(path.read_bytes(), f"the subscription list {path}") if path.exists() else Opml.new()


@contextmanager
def _editing(home: Home) -> "Iterator[Opml]":
    """The subscription list, which nobody else changes meanwhile; it is written when the block ends without an error.

    Whoever needs an answer from a server asks before: others wait here.
    """
    from podbrief_assets.lake.files import locked, write_bytes

    place = home.subscriptions.resolve()  # a link to where somebody keeps it stays one
    with locked(place):
        opml = _opml(home)
        yield opml
        if opml.changed:
            # Addresses of paid feeds hold tokens: whoever wants others to read it has to say so.
            write_bytes(place, opml.to_bytes(), new_mode=0o600)


def _tell(lines: "Sequence[str]", limit: int = 5) -> None:
    """What is to be known of a list's entries, on standard error."""
    from podbrief_assets.episodes import hushing

    for line in lines[:limit]:
        err.print(f"  {_plain(hushing.hushed_where_private(line))}", soft_wrap=True)
    if len(lines) > limit:
        err.print(f"  and {len(lines) - limit:,} more: `podbrief shows list` tells of all")


def _fetch(url: str) -> tuple[bytes, str]:
    """The bytes at `url` and the address that they came from in the end."""
    import asyncio

    from podbrief_assets import net

    async def get() -> tuple[bytes, str]:
        async with net.Client(net.Settings.from_environment()) as client:
            reply = await client.get(url)
            return reply.content, reply.url

    return asyncio.run(get())


@shows_app.command("add")
def shows_add(
    url: Annotated[str, typer.Argument(metavar="URL", help="The show's feed, or a web page that names it.")],
    check: Annotated[bool, typer.Option(help="Read the feed to be sure that it is one.")] = True,
    private: Annotated[
        bool | None,
        typer.Option(
            "--private/--public", help="Whether it is a paid feed; its address tells mostly.", show_default=False
        ),
    ] = None,
) -> None:
    """Add a show by its feed's address, or by a web page's that names it; the feed is read once to be sure.

    A feed that can't be reached just now is added all the same, and told. An address that leads to none is not added.
    A show that was retired, because its feed was gone for good (410), is scanned again once its feed answers.
    """
    from podbrief_assets.episodes import hushing, listing, shows

    home, address = Home.from_environment(), shows.feed_address(url)
    # Told before anybody is asked: that the list is damaged, or has the show.
    before = _opml(home)
    if _retired(home, address) is None:
        before.add(address)
    found, says = _found(address, check)
    address = found.feed_url if found else address
    title = found.feed.show.title if found else None
    retired = _retired(home, address)
    with _editing(home) as opml:
        if retired is None or shows.listed(opml.listed.subscriptions, address) is None:
            added = opml.add(address, title, is_private=private)
            says += "; it is a paid feed: nothing of it is published" if added.private else ""
        after = opml.listed
    if retired is not None:
        _revive(home, retired)
        says += "; it was retired, and is scanned again"
    hidden = listing.is_private(shows.listed(after.subscriptions, address) or shows.Subscription(address), None)
    says = hushing.hushed(says) if hidden else says
    out.print(f"added {_plain(title or hushing.shown(address, is_private=hidden), 200)}{_plain(says)}", soft_wrap=True)
    for other in found.others if found else ():
        where = hushing.shown(other.url)
        named = f"{_plain(other.title or 'another feed', 200)} {_plain(where)}"
        out.print(f"  not added: {named}", soft_wrap=True)
    out.print(f"{_count(len(after.subscriptions), 'show')} in {_plain(home.subscriptions)}", soft_wrap=True)
    _tell(after.skipped)


def _found(address: str, check: bool) -> "tuple[Found | None, str]":
    """The feed that `address` leads to, and what to say of it; None where it was not, or can't be, looked for."""
    import asyncio

    from podbrief_assets import net
    from podbrief_assets.episodes import discovery

    async def find() -> "Found":
        async with net.Client(net.Settings.from_environment()) as client:
            return await discovery.find(client, address)

    if not check:
        return None, "; it was not read: the next scan tells whether it is a feed"
    try:
        found = asyncio.run(find())
    except TransientFailure as error:
        return None, f"; it was not read: {error}"
    newest = max((item.published_at for item in found.feed.episodes if item.published_at), default=None)
    says = f": {_count(len(found.feed.episodes), 'episode')}" + (f", the newest of {newest:%Y-%m-%d}" if newest else "")
    if found.feed_url != address:
        says += f"; its feed is {net.displayed(found.feed_url)}"
    return found, says


def _retired(home: Home, address: str) -> "FeedState | None":
    """What is remembered of the feed at `address`, if it is retired."""
    from podbrief_assets.episodes import feed_state, identity

    state = feed_state.load(_database(home)).get(identity.canonical_feed_address(address))
    return state if state is not None and state.retired else None


def _revive(home: Home, state: "FeedState") -> None:
    from podbrief_assets.episodes import feed_state

    feed_state.save(_database(home), [feed_state.revived(state)])


@shows_app.command("import")
def shows_import(
    source: Annotated[str, typer.Argument(metavar="FILE-OR-URL", help="An OPML file, or the address of one.")],
) -> None:
    """Add every show of an OPML file, each in its folder; those that are there already stay as they are.

    The first list is taken over as it is, with notes and empty folders; later ones give their new shows.
    """
    from podbrief_assets.episodes import shows
    from podbrief_assets.episodes.opml import Opml

    home = Home.from_environment()
    content = _fetch(source)[0] if source.startswith(("http://", "https://")) else _read(Path(source))
    told = shows.read_opml_file(content)
    given = Opml.salvaged(content, "the subscription list")
    with _editing(home) as opml:
        before = len(opml.listed.subscriptions)
        opml.merge(given)
        after = len(opml.listed.subscriptions)
    lines = [*told.skipped, *told.repeated]
    _tell(lines, len(lines))
    new = after - before
    out.print(
        f"{_count(new, 'show')} added, {len(given.listed.subscriptions) - new:,} there already; "
        f"{_count(after, 'show')} in {_plain(home.subscriptions)}",
        soft_wrap=True,
    )


@shows_app.command("export")
def shows_export(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="Where to; without one, to standard output.", show_default=False),
    ] = None,
    private: Annotated[
        bool,
        typer.Option("--private", help="With the paid feeds: whoever has such an address hears what you paid for."),
    ] = False,
) -> None:
    """Give the subscription list out as OPML, for another reader or another machine.

    Folders, notes and what other readers wrote come out as they came in. Paid feeds are left out, and addresses that
    look like theirs cut short, unless you say --private: such an address holds its reader's token.
    """
    from podbrief_assets.episodes import feed_state, identity, listing
    from podbrief_assets.lake.files import write_bytes

    home = Home.from_environment()
    if file is not None and file.resolve() == home.subscriptions.resolve():
        raise BadArgument(f"{file} is the subscription list itself", "give another file")
    opml, left_out = _opml(home), 0
    if not private:
        states = feed_state.load(_database(home))
        left_out = opml.leave_out_private(
            lambda one: listing.is_private(one, states.get(identity.canonical_feed_address(one.feed_url)))
        )
    if file is not None:
        write_bytes(file.resolve(), opml.to_bytes(), new_mode=0o600 if private else None)
        out.print(f"{_count(len(opml.listed.subscriptions), 'show')} in {_plain(file)}", soft_wrap=True)
    elif out.is_terminal:
        # What strangers wrote acts on a terminal; as character references it says the same and does nothing.
        typer.echo(opml.to_bytes().decode().encode("ascii", "xmlcharrefreplace"), nl=False)
    else:
        typer.echo(opml.to_bytes(), nl=False)
    if left_out:
        err.print(f"{_count(left_out, 'paid feed')} left out, whose addresses hold tokens: --private gives them out")


@shows_app.command("list")
def shows_list() -> None:
    """List the shows, and how their last scan went."""
    from podbrief_assets.episodes import feed_state, hushing, listing

    home = Home.from_environment()
    rows, listed = [], _listed(home)
    for subscription, state in _scanned(home, listed.subscriptions):
        private = listing.is_private(subscription, state)
        read = f"{state.last_success_at:%Y-%m-%d %H:%M}" if state and state.last_success_at else "never"
        trouble = "not scanned yet" if state is None else state.last_error or ("opted out" if state.blocked else "fine")
        if state and (later := feed_state.health(state, dt.datetime.now(dt.UTC))["next_try_at"]):
            trouble += f" (left alone until {later:%Y-%m-%d %H:%M}: `podbrief shows retry`)"
        title = (state.title if state else None) or subscription.title or "–"
        # A paid feed's address holds its reader's token.
        address = hushing.shown(subscription.feed_url, is_private=private)
        rows.append((title[:100], address, read, hushing.hushed(trouble) if private else trouble))
    if rows:
        _print_table(("show", "address", "last read", "state"), rows)
    else:
        out.print("no shows yet: `podbrief shows add URL` or `podbrief shows import FILE`")
    _tell(listed.skipped, len(listed.skipped))


@shows_app.command("retry")
def shows_retry() -> None:
    """Let the next scan ask the feeds that are left alone because they failed for days.

    For when it was this machine's own network that was down. Retired feeds stay retired: `podbrief shows add` those.
    """
    from podbrief_assets.episodes import feed_state

    engine = _database(Home.from_environment())
    states = [state for state in feed_state.load(engine).values() if state.next_try_at is not None]
    feed_state.save(engine, [replace(state, next_try_at=None) for state in states])
    out.print(
        f"the next scan asks {_count(len(states), 'feed')} that {'was' if len(states) == 1 else 'were'} left alone"
    )


@shows_app.command("remove")
def shows_remove(
    show: Annotated[str, typer.Argument(metavar="SHOW", help="Its address, exact title or identifier.")],
) -> None:
    """Stop scanning a show. Its episodes and insights stay in the tables."""
    from podbrief_assets.episodes import hushing, listing

    home = Home.from_environment()
    with _editing(home) as opml:
        scanned = _scanned(home, opml.listed.subscriptions)
        gone = _meant(scanned, show)
        opml.remove(gone)
        after = opml.listed
    name = gone.title or hushing.shown(gone.feed_url, is_private=listing.is_private(gone, dict(scanned)[gone]))
    out.print(f"removed {_plain(name, 200)}; {_count(len(after.subscriptions), 'show')} left", soft_wrap=True)
    _tell(after.skipped)


def _scanned(home: Home, subscriptions: "Sequence[Subscription]") -> "list[tuple[Subscription, FeedState | None]]":
    """The subscribed shows, each with what its last scan left."""
    from podbrief_assets.episodes import feed_state, identity

    states = feed_state.load(_database(home))
    return [(one, states.get(identity.canonical_feed_address(one.feed_url))) for one in subscriptions]


def _meant(scanned: "Sequence[tuple[Subscription, FeedState | None]]", show: str) -> "Subscription":
    """The one of the subscribed shows that somebody means by its address, exact title or identifier.

    Raises:
        UnknownShow, AmbiguousShow: Not exactly one show is meant.
    """
    from podbrief_assets.episodes import shows

    ids = {one.feed_url: state.show_id for one, state in scanned if state and state.show_id}
    try:
        return shows.meant([one for one, _ in scanned], show, ids)
    except shows.UnknownShow:
        # The list of a show that was added while it could not be read has no title; its feed has one since.
        titled = [one for one, state in scanned if state and state.title == show.strip()]
        if len(titled) != 1:
            raise
        return titled[0]


def _show_ids(home: Home, named: "Sequence[str] | None") -> list[str]:
    """The identifiers of the subscribed shows that are meant."""
    from podbrief_assets.episodes import identity

    if not named:
        return []
    scanned = _scanned(home, _listed(home).subscriptions)
    known = {one.feed_url: state.show_id if state else None for one, state in scanned}
    chosen = [_meant(scanned, show).feed_url for show in named]
    return [known[address] or identity.show_id(None, address) for address in chosen]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFile(f"{path} can't be read ({error.strerror})", "look at the path and its rights") from error


# -------------------------------------------------------------------------------------------------------- subscribers


def _database(home: Home) -> Any:
    """The operational database's engine, every table as this release wants it."""
    from sqlalchemy.exc import DBAPIError

    from podbrief_assets import database, migrations

    engine = database.engine(home.database_url)
    try:
        migrations.upgrade(engine)
    except DBAPIError as error:
        raise DatabaseUnreachable(
            f"the operational database can't be opened ({error.orig})",
            f"look at {database.DATABASE_URL} and whether its server runs, or at the file and its rights",
        ) from error
    return engine


_Who = Annotated[str, typer.Argument(metavar="SUBSCRIBER", help="Their address, or their identifier.")]
_Interest = Annotated[
    list[str] | None, typer.Option(help="What they want to know about, in their own words; may be repeated.")
]
_Follow = Annotated[
    list[str] | None, typer.Option(help="A show they want first: its address, exact title or identifier.")
]
_MuteShow = Annotated[list[str] | None, typer.Option(help="A show they never want.")]
_MuteTopic = Annotated[list[str] | None, typer.Option(help="A topic they never want, of podbrief's list.")]
_MuteWord = Annotated[list[str] | None, typer.Option(help="A name or word they never want to read of.")]
_Why = Annotated[str, typer.Option(help="Why, for whoever asks later.")]
_ConsentText = Annotated[
    str | None,
    typer.Option(
        "--consent", help='How and when they agreed: "asked for it by mail on 3 May 2026".', show_default=False
    ),
]


@subscribers_app.command("add")
def subscribers_add(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The e-mail address.")],
    interest: _Interest = None,
    follow: _Follow = None,
    mute_show: _MuteShow = None,
    mute_topic: _MuteTopic = None,
    mute_word: _MuteWord = None,
    brief_size: Annotated[int | None, typer.Option(help="Insights a day, 1 to 10.", show_default="5")] = None,
    language: Annotated[str | None, typer.Option(help="As en or pt-br.", show_default=False)] = None,
    timezone: Annotated[str | None, typer.Option(help="As Europe/Berlin.", show_default="UTC")] = None,
    hour: Annotated[
        int | None, typer.Option(help="Hour of their day at which the brief is wanted, 0 to 23.", show_default="7")
    ] = None,
    format: Annotated[str | None, typer.Option(help="html or text.", show_default="html")] = None,
    consent: _ConsentText = None,
    asked_again: Annotated[
        bool, typer.Option("--asked-again", help="They were forgotten, and asked for briefs again themselves.")
    ] = False,
) -> None:
    """Add a subscriber; to one who is there it adds wishes, and changes the settings that are given.

    Whoever paused, unsubscribed or bounced stays so: see `podbrief subscribers resume`.
    """
    from podbrief_assets.database import session
    from podbrief_assets.subscribers import database as subscribers
    from podbrief_assets.subscribers.consent import Consent
    from podbrief_assets.subscribers.suppression import open_suppression

    if asked_again and consent is None:
        raise BadArgument("--asked-again without evidence", "say how and when they asked, by --consent TEXT")
    home = Home.from_environment()
    followed, muted = _show_ids(home, follow), _show_ids(home, mute_show)
    suppression = open_suppression(home.suppression_key)
    with session(_database(home)) as transaction:
        added = subscribers.add(
            transaction,
            address,
            interest or (),
            consent=None if consent is None else Consent(how="operator", evidence=consent),
            brief_size=brief_size,
            language=language,
            timezone=timezone,
            hour=hour,
            format=format,
            followed_shows=followed,
            muted_shows=muted,
            muted_topics=mute_topic or (),
            muted_words=mute_word or (),
            suppression=suppression,
            asked_again=asked_again,
        )
    out.print(f"{_plain(address, 200)} {_plain(added)}", soft_wrap=True)
    if not interest and added.created:
        out.print("they get the best of the day until they have interests (--interest TEXT)", style="dim")


@subscribers_app.command("import")
def subscribers_import(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="CSV with the header address,consent,interests; several interests are separated by ;",
        ),
    ],
    consent: Annotated[
        str | None,
        typer.Option(help="How and when everyone agreed whose line has no consent of its own.", show_default=False),
    ] = None,
) -> None:
    """Add every subscriber of a CSV file; a broken line is told and leaves the others alone.

    A line without evidence of consent is left out, as is whoever was forgotten. Stopped, it is started again without
    harm. Further columns: consented_at, brief_size, timezone, language, hour, format, followed_shows, muted_shows,
    muted_topics, muted_words.
    """
    from podbrief_assets.database import session
    from podbrief_assets.subscribers import database as subscribers
    from podbrief_assets.subscribers.importing import read_csv
    from podbrief_assets.subscribers.suppression import Suppressed, open_suppression

    home = Home.from_environment()
    listed = read_csv(_read(file), consent)
    engine, suppression = _database(home), open_suppression(home.suppression_key)
    done: list[subscribers.Added | Suppressed] = []
    # A transaction keeps every other writer of SQLite out: a list of a million takes an hour, a block of it seconds.
    for start in range(0, len(listed.rows), _ADDED_AT_ONCE):
        with session(engine) as transaction:
            block = listed.rows[start : start + _ADDED_AT_ONCE]
            done += subscribers.add_all(transaction, block, suppression=suppression)
    for line in [*listed.problems, *listed.notes]:
        err.print(f"  {_plain(line)}", soft_wrap=True)
    added = [one for one in done if isinstance(one, subscribers.Added)]
    created = sum(one.created for one in added)
    forgotten = f", {len(done) - len(added):,} forgotten before and left out" if len(done) > len(added) else ""
    out.print(
        f"{_count(created, 'subscriber')} added, {len(added) - created:,} there already{forgotten}, "
        f"{_count(len(listed.problems), 'line')} left out{' (told above)' if listed.problems else ''}",
        soft_wrap=True,
    )


@subscribers_app.command("list")
def subscribers_list() -> None:
    """List the subscribers with their interests."""
    from podbrief_assets.database import session
    from podbrief_assets.subscribers import database as subscribers

    with session(_database(Home.from_environment()), read_only=True) as transaction:
        rows = [
            (
                one.subscriber_id,
                one.address,
                one.status,
                str(one.brief_size),
                "; ".join(one.interests) or "none: the day's best",
            )
            for one in subscribers.list_subscribers(transaction)
        ]
    if rows:
        _print_table(("subscriber", "address", "status", "a day", "interests"), rows)
    else:
        out.print("nobody yet: `podbrief subscribers add ADDRESS --interest TEXT`")


@subscribers_app.command("show")
def subscribers_show(subscriber: _Who) -> None:
    """Show a subscriber: what they asked for, how they stand and since when, and how they agreed."""
    from podbrief_assets.database import session
    from podbrief_assets.subscribers import consent as consents
    from podbrief_assets.subscribers import database as subscribers

    with session(_database(Home.from_environment()), read_only=True) as transaction:
        subscriber_id = _whom(transaction, subscriber)
        (one,) = subscribers.list_subscribers(transaction, subscriber_id)
        versions = subscribers.settings_ever(transaction, subscriber_id)
        agreed = consents.of(transaction, subscriber_id)
    rows = [
        ("subscriber", one.subscriber_id),
        ("address", one.address),
        (
            "brief",
            f"{one.brief_size} a day at {one.hour}:00, {one.timezone}, {one.format}, {one.language or 'any language'}",
        ),
        *[("interest", wish) for wish in one.interests],
        *[("follows", show) for show in one.followed_shows],
        *[("never the show", show) for show in one.muted_shows],
        *[("never the topic", topic) for topic in one.muted_topics],
        *[("never the word", word) for word in one.muted_words],
    ]
    before = None
    for version in versions:
        if version.status != before:
            why = f": {version.why}" if version.why else ""
            rows.append((f"since {version.valid_from:%Y-%m-%d %H:%M}", f"{version.status}{why}"))
        before = version.status
    for consent, recorded_at in agreed:
        given = f" on {consent.given_at:%Y-%m-%d}" if consent.given_at else ""
        said = f"agreed{given} ({consent.how}): {consent.evidence}"
        rows.append((f"noted {recorded_at:%Y-%m-%d %H:%M}", said))
    if not agreed:
        rows.append(("consent", "none is on record"))
    _print_table(("what", "is"), rows)


@subscribers_app.command("pause")
def subscribers_pause(subscriber: _Who, why: _Why = "paused by the operator") -> None:
    """Send a subscriber nothing until they are resumed."""
    _set_status(subscriber, "paused", why, None)


@subscribers_app.command("resume")
def subscribers_resume(subscriber: _Who, why: _Why = "resumed by the operator", consent: _ConsentText = None) -> None:
    """Send a subscriber briefs again; whoever unsubscribed or never confirmed, only by their own --consent."""
    _set_status(subscriber, "active", why, consent)


@subscribers_app.command("unsubscribe")
def subscribers_unsubscribe(subscriber: _Who, why: _Why = "unsubscribed by the operator") -> None:
    """End a subscription. What they asked for is kept until they are forgotten."""
    _set_status(subscriber, "unsubscribed", why, None)


def _set_status(subscriber: str, status: "Status", why: str, consent: str | None) -> None:
    from podbrief_assets.database import session
    from podbrief_assets.subscribers import database as subscribers
    from podbrief_assets.subscribers.consent import Consent

    with session(_database(Home.from_environment())) as transaction:
        changed = subscribers.set_status(
            transaction,
            _whom(transaction, subscriber),
            status,
            why=why,
            consent=None if consent is None else Consent(how="operator", evidence=consent),
        )
    out.print(f"{_plain(subscriber, 200)} is {status}{'' if changed else ' already'}", soft_wrap=True)


@subscribers_app.command("forget")
def subscribers_forget(subscriber: _Who) -> None:
    """Remove a person for good: from the database, every earlier table, the cache and the outbox.

    A keyed hash of the address is kept, so that no list brings them back. Safe to stop and to start again. Back-ups
    are yours to clean. Give them what is held of them first, if they want it: `podbrief subscribers export`.
    """
    from podbrief_assets.database import session
    from podbrief_assets.insights.embeddings import encoder_of_lake
    from podbrief_assets.subscribers import database as subscribers
    from podbrief_assets.subscribers import forgetting
    from podbrief_assets.subscribers.suppression import open_suppression
    from podbrief_assets.subscribers.values import checked_address

    home = Home.from_environment()
    engine = _database(home)
    suppression = open_suppression(home.suppression_key)
    encoder = encoder_of_lake()
    with session(engine) as transaction:
        try:
            removed = forgetting.begin(transaction, _whom(transaction, subscriber), suppression, encoder.key)
        except subscribers.UnknownSubscriber:
            if "@" not in subscriber:
                raise
            since = suppression.since(transaction, checked_address(subscriber))
            if since is None:
                raise
            said = f"was forgotten on {since:%Y-%m-%d} already"
        else:
            counted = ", ".join(f"{count:,} of {table}" for table, count in removed.items() if count)
            said = f"is forgotten; rows removed from the database: {counted}"
    out.print(f"{_plain(subscriber, 200)} {said}", soft_wrap=True)
    erased = forgetting.finish(engine, _places(home))
    rows = ", ".join(f"{count:,} of {table}" for table, count in sorted(erased.rows.items())) or "none"
    out.print(
        f"rows removed from the lake: {rows}; {_count(erased.mails, 'file')} from the outbox, "
        f"{_count(erased.vectors, 'value')} from the cache",
        soft_wrap=True,
    )
    out.print("the snapshots of the next two days look again, for runs that had begun before", style="dim")


@subscribers_app.command("export")
def subscribers_export(
    subscriber: _Who,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Where to; else it is printed.", show_default=False)
    ] = None,
) -> None:
    """Give out everything that is held of a subscriber, as JSON.

    That is every version of their settings and wishes, consent, feedback, deliveries, and their rows in the lake.
    """
    from podbrief_assets.database import session
    from podbrief_assets.lake.files import write_bytes
    from podbrief_assets.subscribers import forgetting

    home = Home.from_environment()
    with session(_database(home), read_only=True) as transaction:
        held = forgetting.held(transaction, _whom(transaction, subscriber), _places(home))
    # As ASCII: what strangers wrote acts on a terminal, and says the same as character escapes.
    text = json.dumps(held, indent=2, ensure_ascii=file is None) + "\n"
    if file is None:
        typer.echo(text, nl=False)
    else:
        write_bytes(file.resolve(), text.encode(), new_mode=0o600)
        out.print(f"everything held of {_plain(subscriber, 200)} is in {_plain(file)}", soft_wrap=True)


@wishes_app.command("add")
def wishes_add(
    subscriber: _Who,
    interest: _Interest = None,
    follow: _Follow = None,
    mute_show: _MuteShow = None,
    mute_topic: _MuteTopic = None,
    mute_word: _MuteWord = None,
) -> None:
    """Add to what a subscriber wants and does not want, from now on."""
    from podbrief_assets.database import session
    from podbrief_assets.subscribers import database as subscribers

    home = Home.from_environment()
    wanted = _wishes(home, interest, follow, mute_show, mute_topic, mute_word)
    with session(_database(home)) as transaction:
        new = subscribers.add_wishes(transaction, _whom(transaction, subscriber), wanted)
    out.print(f"added {_listed_wishes(new)}" if new else "nothing new", soft_wrap=True)


@wishes_app.command("remove")
def wishes_remove(
    subscriber: _Who,
    interest: _Interest = None,
    follow: _Follow = None,
    mute_show: _MuteShow = None,
    mute_topic: _MuteTopic = None,
    mute_word: _MuteWord = None,
) -> None:
    """Take from what a subscriber wants and does not want, from now on. Days before keep it."""
    from podbrief_assets.database import session
    from podbrief_assets.subscribers import database as subscribers

    home = Home.from_environment()
    named = [
        (kind, value)
        for kind, values in _wishes(home, interest, follow, mute_show, mute_topic, mute_word).items()
        for value in values
    ]
    with session(_database(home)) as transaction:
        subscriber_id = _whom(transaction, subscriber)
        gone = [value for kind, value in named if subscribers.withdraw_wish(transaction, subscriber_id, kind, value)]
    out.print(f"removed {_listed_wishes(gone)}" if gone else "they had asked for none of it", soft_wrap=True)


def _wishes(
    home: Home,
    interest: list[str] | None,
    follow: list[str] | None,
    mute_show: list[str] | None,
    mute_topic: list[str] | None,
    mute_word: list[str] | None,
) -> "dict[WishKind, Sequence[str]]":
    if not any((interest, follow, mute_show, mute_topic, mute_word)):
        raise BadArgument("no wish", "give --interest, --follow, --mute-show, --mute-topic or --mute-word")
    return {
        "interest": interest or (),
        "followed_show": _show_ids(home, follow),
        "muted_show": _show_ids(home, mute_show),
        "muted_topic": mute_topic or (),
        "muted_word": mute_word or (),
    }


def _listed_wishes(wishes: "Sequence[str]") -> str:
    return _plain(", ".join(f"“{wish}”" for wish in wishes))


def _whom(transaction: Any, subscriber: str) -> str:
    """The identifier of the subscriber that is meant by an address or an identifier.

    Raises:
        UnknownSubscriber, BadAddress: There is nobody such.
    """
    from podbrief_assets.subscribers import database as subscribers

    if "@" in subscriber:
        return subscribers.id_of(transaction, subscriber)
    subscribers.address_of(transaction, subscriber)  # tells whether there is one
    return subscriber


def _places(home: Home) -> "Places":
    """Where files hold something of a person."""
    from podbrief_assets.lake.cache import Cache
    from podbrief_assets.lake.storage import Lake
    from podbrief_assets.subscribers.forgetting import Places

    return Places(lake=Lake(home.lake), vectors=Cache(home.vectors), briefs=home.brief_ranges, outbox=home.outbox)


# -------------------------------------------------------------------------------------------------------------- batch


@batch_app.command("submit")
def batch_submit(
    first: Annotated[str, typer.Option("--from", help="The first day, as 2026-11-01.")],
    last: Annotated[str, typer.Option("--to", help="The last day.")],
) -> None:
    """Put all questions about the passages of several days into batches, which are answered within a day.

    Episodes, transcripts and advertising of the days are made first where they are missing; no feed is asked. What was
    answered before or is in a batch already is left out. One question is asked at once, to see what the server takes.
    Then look with `podbrief batch status`, `podbrief batch collect`, and run the days: the answers are there.
    """
    from upath import UPath

    from podbrief_assets import instance as instances
    from podbrief_assets.insights.llm.batch import questions
    from podbrief_assets.lake.storage import Lake
    from podbrief_assets.partitions import BadDay, days_between
    from podbrief_assets.runner import run_unread

    try:
        days = days_between(_day(first), _day(last))
    except BadDay as error:
        raise BadArgument(error.what, error.remedy) from error
    home = Home.from_environment()
    batches, passage_words = _batches(home)
    instance = instances.prepare(home)
    from podbrief_assets.definitions import build_defs

    with _progress(1) as progress:
        run_unread(build_defs(home), instance, days, progress.step)
    with err.status("submitting"):
        done = batches.submit(questions(Lake(UPath(home.lake)), days, passage_words), days[0], days[-1])
    out.print(
        f"{_count(done.requests, 'question')} in {_count(len(done.batches), 'batch')}: "
        f"{_plain(', '.join(done.batches) or 'none')}; {done.known:,} answered already, {done.under_way:,} under way",
        soft_wrap=True,
    )
    if done.left:
        out.print(f"{_count(done.left, 'question')} left: {_plain(done.stopped or '')}", soft_wrap=True)
        raise typer.Exit(1)


@batch_app.command("status")
def batch_status() -> None:
    """Say where the batches stand that were not collected yet."""
    batches, _ = _batches(Home.from_environment())
    _print_batches(batches.status())


@batch_app.command("collect")
def batch_collect() -> None:
    """Take the answers of the batches that have ended; the next run of their days finds them.

    What has no good answer is told, and can be submitted again or is asked by the next run.
    """
    batches, _ = _batches(Home.from_environment())
    with err.status("collecting"):
        states = batches.collect()
    _print_batches(states)


def _batches(home: Home) -> "tuple[Batches, int]":
    """The batches of this installation, and how many words of a transcript one of its questions shows."""
    from podbrief_assets.insights.llm import LlmExtractor, LlmSettings, configured
    from podbrief_assets.insights.llm.batch import Batches
    from podbrief_assets.lake.cache import Cache

    if not configured():
        raise NoModel("no language model is set", "set OPENAI_API_KEY, or OPENAI_BASE_URL for your own server")
    settings, engine = LlmSettings.from_environment(), _database(home)
    return Batches(
        LlmExtractor(settings, engine).asker, engine, Cache(home.cache).section("llm")
    ), settings.passage_words


def _print_batches(states: "Sequence[BatchState]") -> None:
    if not states:
        out.print("no batch is under way")
        return
    rows = []
    for one in states:
        told = [f"{one.kept:,} kept"] if one.kept else []
        told += [f"{count:,} {what}" for what, count in one.problems.items()]
        told += [one.detail] if one.detail else []
        cost = "" if not one.cost_usd else f"${one.cost_usd:,.4f}"
        done = f"{one.done:,} done, {one.failed:,} failed of {one.requests:,}"
        rows.append((one.batch_id, f"{one.first_day} to {one.last_day}", one.status, done, cost, "; ".join(told)))
    _print_table(("batch", "days", "status", "requests", "cost", "what came of it"), rows)


# ------------------------------------------------------------------------------------------------------- analysts, UI


@app.command()
def sql(
    query: Annotated[
        str | None, typer.Argument(metavar="QUERY", help="A query; without one, queries are read from the terminal.")
    ] = None,
) -> None:
    """Query the tables with DuckDB. The file of views is rebuilt first, so it holds every day there is.

    On a terminal the answer is a table, with a row for each column where there are many. Through a pipe or into a file
    it is CSV with every row. SHOW TABLES lists the tables.
    """
    import duckdb
    from upath import UPath

    from podbrief_assets.lake.storage import Lake
    from podbrief_assets.warehouse.build import build

    home = Home.from_environment()
    views = build(Lake(UPath(home.lake)), home.warehouse)
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        if query is not None:
            _print_query(connection, query)
            return
        asked = sys.stdin.isatty()
        if asked:
            import readline

            _ = readline
            out.print(
                f"{home.warehouse}: {', '.join(sorted(views))}\nEnd a query with ; and leave with Ctrl-D.",
                markup=False,
                style="dim",
            )
        failed = False
        for statement in _statements(asked):
            try:
                _print_query(connection, statement)
            except BadQuery as error:
                _complain(str(error))
                failed = True
    if failed and not asked:
        raise typer.Exit(1)


def _statements(asked: bool) -> Iterator[str]:
    """The queries on standard input, one after another; `asked` for at a prompt, where Ctrl-C drops what was typed."""
    lines: list[str] = []
    while True:
        try:
            lines.append(input(("   … " if lines else "sql> ") if asked else ""))
        except KeyboardInterrupt:
            if not asked:
                raise
            out.print()
            lines = []
            continue
        except EOFError:
            if any(line.strip() for line in lines):
                yield "\n".join(lines)
            return
        if lines[-1].rstrip().endswith(";"):
            yield "\n".join(lines)
            lines = []


def _print_query(connection: Any, query: str) -> None:
    import duckdb

    try:
        try:
            print_answer = _answer(connection, query)
        except duckdb.IOException:
            # The daily scan removed files that this query had listed (lake/compaction.py): it finds the merged one now.
            print_answer = _answer(connection, query)
        print_answer()
    except duckdb.Error as error:
        raise BadQuery(f"the query failed: {error}", "`podbrief sql 'SHOW TABLES'` lists the tables") from error


def _answer(connection: Any, query: str) -> Callable[[], None]:
    """Ask, and return what prints the answer: nothing of it is printed before its first rows are there."""
    import duckdb

    if not out.is_terminal:
        answer = connection.execute(query)
        first = answer.fetchmany(1_000)
        return lambda: _write_csv(answer, first)
    drawn = io.StringIO()
    if (result := connection.sql(query)) is not None:
        many = len(result.columns) * _COLUMN_WIDTH > out.width
        layout = duckdb.RenderMode.COLUMNS if many else duckdb.RenderMode.ROWS
        with redirect_stdout(drawn):
            result.show(max_width=max(out.width, 80), render_mode=layout)
    return lambda: print(_inert(drawn.getvalue()), end="")


def _write_csv(answer: Any, rows: list[tuple[Any, ...]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(name for name, *_ in answer.description or ())
    while rows:
        writer.writerows([_cell(value) for value in row] for row in rows)
        rows = answer.fetchmany(1_000)


def _cell(value: object) -> object:
    """Lists and structs as JSON, so that what reads the file can read them."""
    return json.dumps(value, default=str, ensure_ascii=False) if isinstance(value, list | dict | tuple) else value


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="The port on this machine.")] = 3000,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
) -> None:
    """Open Dagster's UI on this installation: lineage, runs, backfills, the schedule."""
    from podbrief_assets import instance as instances

    home = Home.from_environment()
    instance = instances.prepare(home)
    settled = instances.settle_dead_runs(instance)
    if settled:
        out.print(f"settled {_count(len(settled), 'run')} whose process is gone")
    # The daemon's and every step's process must see the same installation, whatever folder they start in.
    os.environ["PODBRIEF_HOME"] = str(home.root)
    os.environ.setdefault("PYTHONWARNINGS", ",".join(f"ignore:{message}" for message in _KNOWN_WARNINGS))
    arguments = ["-m", "dagster", "dev", "-m", "podbrief_assets.definitions", "-h", host, "-p", str(port)]
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - replaces this process, no shell


if __name__ == "__main__":
    main()
