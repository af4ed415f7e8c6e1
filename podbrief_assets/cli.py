"""The `podbrief` command.

Belongs here: arguments, what a terminal shows, exit statuses.
Doesn't: any work; each command calls the module that does it. Heavy imports stand inside commands: `podbrief --help`
answers at once.

Exit status: 0 when what was asked for was done, even though single items failed (they are listed); 1 when it was not;
2 for arguments that make no sense.
"""

# Typer reads annotations at run time, and commands import what they need where they need it.
# ruff: noqa: PLC0415

import datetime as dt
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from podbrief_assets.errors import PermanentFailure, PodbriefError
from podbrief_assets.lake.paths import Home

if TYPE_CHECKING:
    from podbrief_assets.episodes.shows import Subscription
    from podbrief_assets.runner import DayReport

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="New podcast episodes in, five insights a day for each subscriber out.\n\n"
    "Start with [bold]podbrief shows import FILE[/bold] and "
    "[bold]podbrief subscribers add ADDRESS --interest TEXT[/bold], then [bold]podbrief run --date DAY[/bold] and "
    "[bold]podbrief brief show --subscriber ADDRESS --date DAY[/bold].\n\n"
    "Everything lies below PODBRIEF_HOME (default: data/ in the current folder).",
)
shows_app = typer.Typer(no_args_is_help=True, help="The shows that are scanned.")
subscribers_app = typer.Typer(no_args_is_help=True, help="Who gets a brief, and what they want to know about.")
brief_app = typer.Typer(no_args_is_help=True, help="The briefs themselves.")
app.add_typer(shows_app, name="shows")
app.add_typer(subscribers_app, name="subscribers")
app.add_typer(brief_app, name="brief")

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


class BadDate(PermanentFailure):
    """What was given as a day is none."""


def main() -> None:
    """Run the command; a failure that an operator can act on is one line, not a traceback."""
    # Dagster warns at each start of what no operator can change: that a parameter is in beta, and that of a job's
    # backfill policies the strictest counts. Anything else that warns is shown.
    warnings.filterwarnings("ignore", message="Parameter `backfill_policy`")
    warnings.filterwarnings("ignore", message="Asset job daily_brief materializes assets with varying BackfillPolicies")
    try:
        app()
    except PodbriefError as error:
        err.print(f"[bold red]podbrief:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        err.print("stopped; what was finished is kept, and the next run goes on from there")
        sys.exit(130)


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise BadDate(f"“{text[:40]}” is no day", "write it as 2026-11-21") from error


# --------------------------------------------------------------------------------------------------------------- run


@app.command()
def run(
    date: Annotated[str | None, typer.Option(help="One day, as 2026-11-21.", show_default=False)] = None,
    first: Annotated[str | None, typer.Option("--from", help="The first of several days.", show_default=False)] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last of several days.", show_default=False)] = None,
) -> None:
    """Scan the feeds once and do one day or several: from episodes to briefs in the outbox.

    Without a day it does yesterday, as the schedule does. A day that was done before costs next to nothing: only what
    changed is done again. Exit status 0 when every day is complete, even though items failed; 1 when one is not.
    """
    if (date and (first or last)) or bool(first) != bool(last):
        raise typer.BadParameter("give --date, or --from and --to together")
    from podbrief_assets import instance as instances
    from podbrief_assets.runner import days_between, run_days

    yesterday = (dt.datetime.now(dt.UTC) - dt.timedelta(days=1)).date().isoformat()
    days = days_between(_day(first or date or yesterday), _day(last or date or yesterday))
    home = Home.from_environment()
    instance = instances.prepare(home)
    from podbrief_assets.definitions import build_defs

    reports: list[DayReport] = []
    with _progress(len(days)) as progress:
        for report in run_days(build_defs(home), instance, days, progress.step):
            reports.append(report)
            progress.day_done(report)
    _print_failures(reports)
    _print_places(home, reports)
    if not all(report.complete for report in reports):
        raise typer.Exit(1)


class _Progress:
    """One line that says what is being done, and a line for each finished day."""

    def __init__(self, status: Any, days: int) -> None:
        self._status, self._days, self._done, self._steps = status, days, 0, 0

    def step(self, asset: str, message: str) -> None:
        self._steps += not message
        text = f"day {self._done + 1} of {self._days} · {asset.replace('_', ' ')}{' · ' + message if message else ''}"
        self._status.update(escape(text[: out.width - 4]))
        if not out.is_terminal and not message:
            out.print(f"  {escape(text)}", style="dim")

    def day_done(self, report: "DayReport") -> None:
        self._done += 1
        out.print(_day_line(report), soft_wrap=True)


@contextmanager
def _progress(days: int) -> Iterator[_Progress]:
    with out.status("starting") as status:
        yield _Progress(status, days)


def _day_line(report: "DayReport") -> str:
    did = report.did
    if not report.complete:
        return f"[bold red]✗[/] {report.day}  not complete: {escape(report.error or 'see the run in the UI')}"
    count = {asset: values.get("dagster/row_count", 0) for asset, values in did.items()}
    scan = did.get("feed_items")
    parts = []
    if scan:
        outcomes = ", ".join(f"{n} {outcome.replace('_', ' ')}" for outcome, n in sorted(scan["feeds"].items()))
        parts.append(f"feeds: {outcomes or 'none'}; {scan['new_items']} new items")
    transcripts = did["transcripts"]
    parts.append(f"{count['episodes']} episodes")
    parts.append(
        f"{transcripts['words']:,} words of transcript "
        f"({transcripts['fetched']} fetched, {transcripts['from_cache']} known)"
    )
    kind = "insights" if did["insight_candidates"]["extractor"] == "llm" else "excerpts"
    parts.append(f"{count['insight_candidates']} {kind}")
    if cost := did["insight_candidates"].get("cost_usd"):
        parts.append(f"${cost:.2f}")
    frozen = " (frozen)" if did["user_briefs"].get("frozen") else ""
    parts.append(
        f"{did['user_briefs']['briefs']} briefs{frozen}, {did['brief_deliveries']['handed_over']} handed over now"
    )
    return f"[bold green]✓[/] {report.day}  " + escape(" · ".join(parts))


def _print_failures(reports: "Sequence[DayReport]") -> None:
    failed = [(report.day, one) for report in reports for one in report.failed]
    rejected = [
        (report.day, asset, values["rejected"])
        for report in reports
        for asset, values in report.did.items()
        if values.get("rejected")
    ]
    if failed:
        out.print(f"\n[bold]{len(failed)} items failed or need a look[/]")
        for day, one in failed:
            out.print(f"  {day} [cyan]{one.asset}[/] {escape(one.item)}\n      {escape(one.reason)}", soft_wrap=True)
    if rejected:
        out.print("\n[bold]Rows that broke a rule of their table[/] (kept, with the rule)")
        for day, asset, count in rejected:
            out.print(f"  {day} [cyan]{asset}[/] {count} in {asset}_rejected", soft_wrap=True)


def _print_places(home: Home, reports: "Sequence[DayReport]") -> None:
    out.print(
        f"\nBriefs {home.outbox} · tables {home.warehouse} (podbrief sql) · "
        f"runs {', '.join(report.run_id[:8] for report in reports)} (podbrief ui)",
        soft_wrap=True,
        style="dim",
    )


# ------------------------------------------------------------------------------------------------------------- briefs


@brief_app.command("show")
def brief_show(
    subscriber: Annotated[str, typer.Option(help="The subscriber's address.")],
    date: Annotated[str, typer.Option(help="The day, as 2026-11-21.")],
) -> None:
    """Print a subscriber's brief of a day, as it was sent."""
    import polars as pl
    from upath import UPath

    from podbrief_assets.database import session
    from podbrief_assets.delivery.assets import brief_of, readers_of
    from podbrief_assets.delivery.render import render_text
    from podbrief_assets.lake.storage import Lake
    from podbrief_assets.subscribers.database import id_of

    home, day = Home.from_environment(), _day(date)
    engine = _database(home)
    with session(engine, read_only=True) as transaction:
        subscriber_id = id_of(transaction, subscriber)
    rows = Lake(UPath(home.lake)).scan("user_briefs", [day]).filter(pl.col("subscriber_id") == subscriber_id).collect()
    if rows.is_empty():
        raise PermanentFailure(
            f"{subscriber} has no brief of {day}", f"run the day with `podbrief run --date {day}`, or nothing qualified"
        )
    reader = readers_of(engine, day).get(subscriber_id)
    brief = brief_of(
        rows.to_dicts(), day, reader.interests if reader else (), reader.brief_size if reader else len(rows)
    )
    out.print(render_text(brief), markup=False, soft_wrap=True)


# -------------------------------------------------------------------------------------------------------------- shows


def _subscriptions(home: Home) -> "list[Subscription]":
    from podbrief_assets.episodes import shows

    return shows.read_opml(home.subscriptions.read_bytes()) if home.subscriptions.exists() else []


def _save(home: Home, subscriptions: "Sequence[Subscription]") -> None:
    from podbrief_assets.episodes import shows
    from podbrief_assets.lake.files import write_bytes

    write_bytes(home.subscriptions, shows.write_opml(subscriptions))


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
def shows_add(url: Annotated[str, typer.Argument(help="The address of the show's feed.")]) -> None:
    """Add a show by its feed's address; the feed is read once to be sure that it is one."""
    from podbrief_assets.episodes import shows
    from podbrief_assets.episodes.feed import parse_feed
    from podbrief_assets.errors import TransientFailure

    home = Home.from_environment()
    address = shows.feed_address(url)
    subscriptions = shows.add(_subscriptions(home), address)
    try:
        feed = parse_feed(*_fetch(address))
    except TransientFailure as error:
        err.print(f"{escape(str(error))}; added all the same, the next run tries again", soft_wrap=True)
        title = None
    else:
        title = feed.show.title
        subscriptions = shows.add(subscriptions[:-1], address, title)
        newest = max((item.published_at for item in feed.episodes if item.published_at), default=None)
        out.print(
            f"{len(feed.episodes)} episodes, the newest of {newest:%Y-%m-%d}" if newest else "no dated episode yet"
        )
    _save(home, subscriptions)
    out.print(f"added {escape(title or address)}; {len(subscriptions)} shows in {home.subscriptions}", soft_wrap=True)


@shows_app.command("import")
def shows_import(source: Annotated[str, typer.Argument(help="An OPML file, or the address of one.")]) -> None:
    """Add every show of an OPML file; those that are there already stay as they are."""
    from podbrief_assets.episodes import shows

    home = Home.from_environment()
    content = _fetch(source)[0] if source.startswith(("http://", "https://")) else _read(Path(source))
    listed = shows.read_opml_file(content)
    merged, known = _subscriptions(home), 0
    for subscription in listed.subscriptions:
        try:
            shows.add(merged, subscription.feed_url, subscription.title)
        except shows.AlreadySubscribed:
            known += 1
        else:
            merged.append(subscription)
    _save(home, merged)
    for line in listed.skipped:
        err.print(f"  left out: {escape(line)}", soft_wrap=True)
    new = len(listed.subscriptions) - known
    out.print(
        f"{new} shows added, {known} were there already; {len(merged)} shows in {home.subscriptions}", soft_wrap=True
    )


@shows_app.command("list")
def shows_list() -> None:
    """List the shows, and how their last scan went."""
    from podbrief_assets.episodes import feed_state, identity

    home = Home.from_environment()
    states = feed_state.load(_database(home))
    table = Table("show", "address", "last read", "state", box=None)
    for subscription in _subscriptions(home):
        state = states.get(identity.canonical_feed_address(subscription.feed_url))
        read = f"{state.last_success_at:%Y-%m-%d %H:%M}" if state and state.last_success_at else "never"
        trouble = "not scanned yet" if state is None else state.last_error or ("opted out" if state.blocked else "fine")
        title = (state.title if state else None) or subscription.title or "–"
        table.add_row(escape(title), escape(subscription.feed_url), read, escape(trouble))
    out.print(table if table.row_count else "no shows yet: `podbrief shows add URL` or `podbrief shows import FILE`")


@shows_app.command("remove")
def shows_remove(show: Annotated[str, typer.Argument(help="Its address, exact title or identifier.")]) -> None:
    """Stop scanning a show. Its episodes and insights stay in the tables."""
    from podbrief_assets.episodes import feed_state, shows

    home = Home.from_environment()
    known = {state.feed_url: state.show_id for state in feed_state.load(_database(home)).values() if state.show_id}
    before = _subscriptions(home)
    after = shows.remove(before, show, known)
    _save(home, after)
    gone = next(one for one in before if one not in after)
    out.print(f"removed {escape(gone.title or gone.feed_url)}; {len(after)} shows left", soft_wrap=True)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PermanentFailure(f"{path} can't be read ({error.strerror})", "look at the path and its rights") from error


# -------------------------------------------------------------------------------------------------------- subscribers


def _database(home: Home) -> Any:
    from podbrief_assets import database
    from podbrief_assets.delivery import ledger
    from podbrief_assets.episodes import feed_state
    from podbrief_assets.subscribers import database as subscribers

    # Imported so that their tables are known when the database is made.
    _ = (ledger, feed_state, subscribers)
    engine = database.engine(home.database_url)
    database.create_all(engine)
    return engine


@subscribers_app.command("add")
def subscribers_add(
    address: Annotated[str, typer.Argument(help="The e-mail address.")],
    interest: Annotated[
        list[str] | None, typer.Option(help="What they want to know about, in their own words; may be repeated.")
    ] = None,
    brief_size: Annotated[int | None, typer.Option(help="Insights a day, 1 to 10.", show_default="5")] = None,
    timezone: Annotated[str | None, typer.Option(help="As Europe/Berlin.", show_default="UTC")] = None,
) -> None:
    """Add a subscriber, or give one who is there further interests."""
    from podbrief_assets.database import session
    from podbrief_assets.subscribers import database as subscribers

    wanted: dict[str, Any] = {"brief_size": brief_size, "timezone": timezone}
    with session(_database(Home.from_environment())) as transaction:
        added = subscribers.add(
            transaction, address, interest or (), **{name: value for name, value in wanted.items() if value is not None}
        )
    out.print(f"{escape(address)} {escape(str(added))}", soft_wrap=True)
    if not interest:
        out.print(
            "no interests given: they get the best of the day until there are some (--interest TEXT)", style="dim"
        )


@subscribers_app.command("import")
def subscribers_import(
    file: Annotated[
        Path, typer.Argument(help="CSV with the header address,interests; several interests are separated by ;")
    ],
) -> None:
    """Add every subscriber of a CSV file; a broken line is told and leaves the others alone."""
    from podbrief_assets.database import session
    from podbrief_assets.subscribers import database as subscribers
    from podbrief_assets.subscribers.importing import read_csv

    listed = read_csv(_read(file))
    with session(_database(Home.from_environment())) as transaction:
        added = subscribers.add_all(transaction, listed.rows)
    for line in listed.problems:
        err.print(f"  {escape(line)}", soft_wrap=True)
    created = sum(one.created for one in added)
    out.print(
        f"{created} subscribers added, {len(added) - created} were there already, "
        f"{len(listed.problems)} lines told above"
    )


@subscribers_app.command("list")
def subscribers_list() -> None:
    """List the subscribers with their interests."""
    from podbrief_assets.database import session
    from podbrief_assets.subscribers import database as subscribers

    table = Table("subscriber", "address", "status", "a day", "interests", box=None)
    with session(_database(Home.from_environment()), read_only=True) as transaction:
        for one in subscribers.list_subscribers(transaction):
            interests = "; ".join(one.interests) or "none: the day's best"
            table.add_row(one.subscriber_id, escape(one.address), one.status, str(one.brief_size), escape(interests))
    out.print(table if table.row_count else "nobody yet: `podbrief subscribers add ADDRESS --interest TEXT`")


# ------------------------------------------------------------------------------------------------------- analysts, UI


@app.command()
def sql(
    query: Annotated[
        str | None, typer.Argument(help="A query; without one, queries are read from the terminal.")
    ] = None,
) -> None:
    """Query the tables with DuckDB. The file of views is rebuilt first, so it holds every day there is."""
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
        if sys.stdin.isatty():
            import readline

            _ = readline
            out.print(
                f"{home.warehouse}: {', '.join(sorted(views))}\nEnd a query with ; and leave with Ctrl-D.", style="dim"
            )
        for statement in _statements():
            try:
                _print_query(connection, statement)
            except PodbriefError as error:
                err.print(escape(str(error)), soft_wrap=True)


def _statements() -> Iterator[str]:
    lines: list[str] = []
    while True:
        try:
            lines.append(input("" if not sys.stdin.isatty() else "   … " if lines else "sql> "))
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
        result = connection.sql(query)
        if result is not None:
            result.show(max_width=max(out.width, 80))
    except duckdb.Error as error:
        raise PermanentFailure(f"the query failed: {error}", "`podbrief sql 'SHOW TABLES'` lists the views") from error


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
        out.print(f"settled {len(settled)} runs whose process is gone")
    # The daemon's and every step's process must see the same installation, whatever folder they start in.
    os.environ["PODBRIEF_HOME"] = str(home.root)
    dagster = Path(sys.executable).with_name("dagster")
    arguments = ["dev", "-m", "podbrief_assets.definitions", "-h", host, "-p", str(port)]
    os.execv(dagster, [str(dagster), *arguments])  # noqa: S606 - replaces this process, no shell


if __name__ == "__main__":
    main()
