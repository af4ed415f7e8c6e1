"""The whole way, over real HTTP: from feeds to mails, again, a day later, and with everything that goes wrong."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import hashlib
from pathlib import Path

import duckdb
import polars as pl
import pytest
import zstandard
from typer.testing import CliRunner
from upath import UPath

from podbrief_assets import cli
from podbrief_assets import instance as instances
from podbrief_assets.database import session
from podbrief_assets.definitions import build_defs
from podbrief_assets.delivery.ledger import Ledger
from podbrief_assets.episodes import shows
from podbrief_assets.episodes.late import outdated_days
from podbrief_assets.lake.paths import Home
from podbrief_assets.lake.storage import Lake
from podbrief_assets.resources import DatabaseResource
from podbrief_assets.runner import DayReport, run_days
from podbrief_assets.subscribers import database as subscribers
from podbrief_assets_tests.insights.llm_server import LlmServer, confirming_borders, error, insights
from podbrief_assets_tests.network import CLAIMS, Answer, Item, Network, srt, vtt

TODAY = dt.datetime.now(dt.UTC).date()
FIRST, SECOND, THIRD = (TODAY - dt.timedelta(days=n) for n in (3, 2, 1))


def at(day: dt.date, hour: int = 9) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(hour), dt.UTC)


def subscribe(home: Home, *feeds: str) -> None:
    home.root.mkdir(parents=True, exist_ok=True)
    home.subscriptions.write_bytes(shows.write_opml([shows.Subscription(feed) for feed in feeds]))


def readers(home: Home, **interests: list[str]) -> dict[str, str]:
    with session(DatabaseResource(url=home.database_url).engine) as transaction:
        return {
            name: subscribers.add(transaction, f"{name}@example.org", wishes).subscriber_id
            for name, wishes in interests.items()
        }


def run(home: Home, *days: dt.date) -> list[DayReport]:
    messages: list[str] = []
    return list(
        run_days(build_defs(home), instances.prepare(home), days, lambda *said: messages.append(" ".join(said)))
    )


def table(home: Home, name: str, **options: bool) -> pl.DataFrame:
    return Lake(UPath(home.lake)).scan(name, **options).collect()


def fingerprint(folder: Path) -> dict[str, str]:
    """Every file's digest, but for the one that says when feeds answered last."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.parent.name != "feed_health")
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def reasons(report: DayReport) -> str:
    return "\n".join(f"{one.asset} | {one.item} | {one.reason}" for one in report.failed)


@pytest.fixture
def two_shows(home: Home, network: Network) -> Network:
    network.answers |= {
        "/t/chips.vtt": Answer(vtt("chips"), "text/vtt"),
        "/t/sleep.srt": Answer(srt("sleep"), "application/x-subrip"),
    }
    subscribe(
        home,
        network.feed(
            "tech", [Item("chips", at(FIRST), "Chips", "/t/chips.vtt"), Item("old", at(FIRST, 0) - dt.timedelta(90))]
        ),
        network.feed("health", [Item("sleep", at(SECOND), "Sleep", "/t/sleep.srt", "application/x-subrip")]),
    )
    return network


def test_feeds_become_briefs_and_a_second_run_changes_nothing(home: Home, two_shows: Network):
    who = readers(home, ann=["computer chips and data centers"], bob=["sleep and health of nurses"])
    reports = run(home, FIRST, SECOND)
    assert [report.complete for report in reports] == [True, True], reports

    episodes = table(home, "episodes")
    assert dict(episodes.select("title", "date").rows()) == {"Chips": FIRST, "Sleep": SECOND}
    assert table(home, "feed_items").height == 3, "the back catalogue is remembered"
    transcripts = table(home, "transcripts")
    assert transcripts["origin"].to_list() == ["publisher", "publisher"]
    assert table(home, "sponsor_spans")["reason"].str.contains("sponsor").all()
    assert table(home, "sponsor_spans")["borders"].is_null().all(), "nothing is asked without a model"
    candidates = table(home, "insight_candidates")
    assert candidates["kind"].unique().to_list() == ["excerpt"]
    assert set(candidates["text"]) <= {CLAIMS["chips"], CLAIMS["sleep"]}
    assert candidates["start_s"].to_list() == [30.0, 30.0]
    assert table(home, "insight_extractions")["outcome"].to_list() == ["extracted", "extracted"]
    assert table(home, "insight_scores").height == table(home, "insight_embeddings").height == 2

    briefs = table(home, "user_briefs")
    first = briefs.filter(pl.col("rank") == 1)
    best = {(row["subscriber_id"], row["date"]): row["text"] for row in first.iter_rows(named=True)}
    assert best[who["ann"], FIRST] == CLAIMS["chips"]
    assert best[who["bob"], SECOND] == CLAIMS["sleep"]
    assert briefs.select(pl.struct("subscriber_id", "insight_id").is_duplicated().any()).item() is False, "told twice"
    assert not any("sleep" in reason or "chips" in reason for reason in briefs["reason"]), "an interest's words leaked"

    mail = home.outbox / str(FIRST) / f"{who['ann']}.eml"
    message = email.message_from_bytes(mail.read_bytes(), policy=email.policy.default)
    assert message["To"] == "ann@example.org"
    text = message.get_body(("plain",)).get_content()
    assert "Nvidia sold more graphics chips" in text
    assert "computer chips and data centers" in text, "the reason names the interest in the reader's own words"
    assert "/audio/chips.mp3#t=30" in text
    assert "Mattressly" not in text

    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        assert connection.sql("SELECT count(*) FROM user_briefs").fetchall() == [(briefs.height,)]

    before, mails = fingerprint(Path(str(home.lake))), fingerprint(home.outbox)
    two_shows.forget()
    again = run(home, FIRST, SECOND)
    assert two_shows.log and set(two_shows.statuses()) == {304}, "only conditional GETs of feeds go out"
    assert set(two_shows.hits()) == {"/tech.xml", "/health.xml"}
    assert set(two_shows.hits().values()) == {1}, "one scan for the whole range"
    assert fingerprint(Path(str(home.lake))) == before
    assert fingerprint(home.outbox) == mails
    assert all(report.did["user_briefs"]["frozen"] for report in again)
    assert all(report.did["transcripts"]["fetched"] == 0 for report in again)


def test_a_new_day_is_the_only_work_of_the_next_run(home: Home, two_shows: Network):
    readers(home, ann=["computer chips"])
    run(home, FIRST, SECOND)
    done = fingerprint(Path(str(home.lake)))
    two_shows.answers["/t/new.vtt"] = Answer(vtt("wheat"), "text/vtt")
    two_shows.feed(
        "tech", [Item("new", at(THIRD), "New", "/t/new.vtt"), Item("chips", at(FIRST), "Chips", "/t/chips.vtt")]
    )
    two_shows.forget()
    (report,) = run(home, THIRD)
    assert report.complete
    assert dict(two_shows.hits()) == {"/tech.xml": 1, "/health.xml": 1, "/t/new.vtt": 1}
    assert report.did["feed_items"]["new_items"] == 1, "the item that fell out of the feed is not forgotten"
    now = fingerprint(Path(str(home.lake)))
    changed = {path for path, digest in now.items() if done.get(path) != digest}
    assert all(str(THIRD) in path or path.startswith(("feed_items", "_empty")) for path in changed), changed
    assert table(home, "episodes").height == 3


def test_each_bad_input_gives_one_clear_line_and_leaves_the_others_alone(home: Home, network: Network):
    network.answers |= {
        "/t/chips.vtt": Answer(vtt("chips"), "text/vtt"),
        "/t/page.vtt": Answer(
            b"<!doctype html><html><body><h1>404</h1><p>Page not found</p></body></html>", "text/vtt"
        ),
        "/page.xml": Answer(
            b"<!doctype html><html><head><title>Our show</title></head><body>Hi</body></html>", "text/html"
        ),
        "/empty.xml": Answer(b"", "application/rss+xml"),
        "/broken.xml": Answer(b"oops", status=500, headers={"Retry-After": "0"}),
    }
    subscribe(
        home,
        network.feed(
            "good",
            [
                Item("chips", at(FIRST), "Chips", "/t/chips.vtt"),
                Item("untitled", at(FIRST), "", None),
                Item("webpage", at(FIRST), "Web page", "/t/page.vtt"),
                Item("missing", at(FIRST), "Missing", "/t/missing.vtt"),
                Item("future", at(TODAY + dt.timedelta(days=40)), "Future"),
            ],
        ),
        *(f"{network.base}/{name}.xml" for name in ("page", "empty", "broken", "gone")),
    )
    who = readers(home, ann=["computer chips"], zoe=[])
    (report,) = run(home, FIRST)
    assert report.complete, report.error
    told = reasons(report)
    for line in [
        f"{network.base}/page.xml | ",
        f"{network.base}/empty.xml | ",
        f"{network.base}/broken.xml | ",
        f"{network.base}/gone.xml | ",
        "transcripts | Good Hour: Web page | ",
        "transcripts | Good Hour: Missing | ",
        "the feed offers no transcript",
        f"subscriber {who['zoe']} | has no interests",
    ]:
        assert line in told, f"{line} is not in\n{told}"
    assert report.did["feed_items"]["failed"] >= 4
    assert report.did["transcripts"]["failed"] == 3
    assert dict(table(home, "shows").select("status", "feed_url").group_by("status").len().rows()) == {
        "active": 1,
        "failing": 4,
    }
    episodes = table(home, "episodes")
    assert episodes.height == 4 and all(episodes["title"].str.len_chars() > 0)
    future = table(home, "feed_items").filter(pl.col("guid") == "future")
    assert future.height == 1, "it is remembered, on the day that it was seen"
    assert table(home, "user_briefs")["text"].unique().to_list() == [CLAIMS["chips"]], "nobody else was harmed"
    assert set(table(home, "user_briefs")["subscriber_id"]) == set(who.values())


def test_a_missing_transcript_is_asked_for_again_while_the_episode_is_young(home: Home, network: Network):
    subscribe(
        home,
        network.feed(
            "tech",
            [
                Item("young", at(FIRST), "Young", "/t/late.vtt"),
                Item("old", at(FIRST - dt.timedelta(days=10)), "Old", "/t/late.vtt"),
            ],
        ),
    )
    run(home, FIRST - dt.timedelta(days=10), FIRST)
    assert table(home, "transcripts")["origin"].to_list() == ["none", "none"]
    network.answers["/t/late.vtt"] = Answer(vtt("chips"), "text/vtt")
    network.forget()
    run(home, FIRST - dt.timedelta(days=10), FIRST)
    origins = table(home, "transcripts").sort("date")["origin"].to_list()
    assert origins == ["none", "publisher"]
    assert network.hits()["/t/late.vtt"] == 1


def test_a_refused_key_is_one_line_never_an_excerpt_and_cured_by_the_next_run(
    home: Home, two_shows: Network, monkeypatch: pytest.MonkeyPatch
):
    readers(home, ann=["computer chips"])
    with LlmServer(otherwise=error(401, "Incorrect API key provided")) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        (report,) = run(home, FIRST)
        assert report.complete
        assert "OPENAI_API_KEY" in reasons(report)
        assert "sk-wrong" not in reasons(report)
        assert table(home, "insight_candidates").is_empty()
        assert table(home, "insight_extractions")["outcome"].to_list() == ["failed"]
        assert not list(home.outbox.rglob("*.eml")), "an empty brief is no mail"
    claim = {
        "text": "Nvidia sold more graphics chips in 2024 than Intel sold processors, because training a language model "
        "needs thousands of graphics chips, and data centers in Virginia spend more on electricity than on servers.",
        "quote": "Nvidia sold more graphics chips in 2024 than Intel sold processors",
        "names": ["Nvidia", "Intel"],
        "topics": [],
    }
    with LlmServer(otherwise=confirming_borders(insights(claim))) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        (report,) = run(home, FIRST)
        assert set(table(home, "sponsor_spans")["borders"]) == {"confirmed"}
        found = table(home, "insight_candidates")
        rejected = table(home, "insight_candidates", rejected=True)
        assert found["kind"].to_list() == ["insight"], rejected["rule"].to_list()
        assert found["tokens_in"].sum() == table(home, "insight_extractions")["tokens_in"].sum() > 0
        asked = len(server.asked())
        run(home, FIRST)
        assert len(server.asked()) == asked, "what was answered is not paid for twice"
    assert len(list(home.outbox.rglob("*.eml"))) == 1


CHIPS = {
    "text": "Nvidia sold more graphics chips in 2024 than Intel sold processors, because training a language model "
    "needs thousands of graphics chips, and data centers in Virginia spend more on electricity than on servers.",
    "quote": "Nvidia sold more graphics chips in 2024 than Intel sold processors",
    "names": ["Nvidia", "Intel"],
    "topics": [],
}


def test_a_spent_budget_leaves_episodes_for_the_next_run_and_says_so(
    home: Home, two_shows: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    readers(home, ann=["computer chips"])
    prices = tmp_path / "prices.toml"
    prices.write_text("[models]\ntiny = { input = 2, output = 10 }\n")
    monkeypatch.setenv("PODBRIEF_LLM_MODEL", "tiny")
    monkeypatch.setenv("PODBRIEF_LLM_BUDGET_USD", "0.001")
    with LlmServer(otherwise=confirming_borders(insights(CHIPS))) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        (report,) = run(home, FIRST)
        assert not report.complete
        assert "PODBRIEF_LLM_PRICES" in str(report.error), "no price, no budget"

        monkeypatch.setenv("PODBRIEF_LLM_PRICES", str(prices))
        (report,) = run(home, FIRST)
        assert report.complete
        assert server.requests == []
        assert table(home, "insight_extractions").select("outcome", "passages_failed").rows() == [("budget", 1)]
        assert table(home, "insight_candidates").is_empty()
        assert set(table(home, "sponsor_spans")["borders"]) == {"budget"}
        did = report.did["insight_candidates"]
        assert (did["left_episodes"], did["left_passages"], did["spent_usd"]) == (1, 1, 0)
        assert "$0.00 spent now: the budget leaves 1 episode, 1 passage" in cli._day_line(report)
        assert "PODBRIEF_LLM_BUDGET_USD" in reasons(report)
        assert outdated_days(Lake(UPath(home.lake))) == [FIRST], "podbrief run --late comes back to it"

        monkeypatch.setenv("PODBRIEF_LLM_BUDGET_USD", "5")
        (report,) = run(home, FIRST)
        assert table(home, "insight_extractions")["outcome"].to_list() == ["extracted"]
        assert outdated_days(Lake(UPath(home.lake))) == []
        did = report.did["insight_candidates"]
        assert did["spent_usd"] == pytest.approx((1000 * 2 + 100 * 10) / 1e6)
        spans = report.did["sponsor_spans"]
        assert did["budget_left_usd"] == pytest.approx(5 - did["spent_usd"] - spans["spent_usd"])
        (report,) = run(home, FIRST)
        assert report.did["insight_candidates"]["spent_usd"] == 0, "answers that are kept cost nothing"

    with duckdb.connect(str(home.warehouse), read_only=True) as warehouse:
        costs = warehouse.sql(
            "SELECT purpose, questions, tokens_in, cost_usd FROM llm_costs ORDER BY purpose"
        ).fetchall()
        assert [cost[0] for cost in costs] == ["advertising", "insights"]
        assert costs[1][1:] == (1, 1000, pytest.approx(0.003))
        asked = warehouse.sql("SELECT unnest(asked, recursive := true) FROM insight_extractions").pl()
        assert asked.select("purpose", "passage", "outcome", "proposed").rows() == [("passage", 0, "answered", 1)]


def test_a_batch_answers_a_backfill_and_the_ordinary_run_asks_nothing(
    home: Home, two_shows: Network, monkeypatch: pytest.MonkeyPatch
):
    readers(home, ann=["computer chips"])
    run(home, FIRST)  # what feeds hold is seen; without a model
    monkeypatch.setenv("PODBRIEF_LLM_BORDERS", "0")
    command = CliRunner()
    with LlmServer(otherwise=insights(CHIPS)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("PODBRIEF_LLM_PASSAGE_WORDS", "100")
        done = command.invoke(cli.app, ["batch", "submit", "--from", str(FIRST), "--to", str(SECOND)])
        assert done.exit_code == 0, done.output
        assert "in 1 batch: batch-0; 1 answered already" in done.output
        assert table(home, "sponsor_spans")["date"].n_unique() == 2, "what was missing of the days was made"
        assert command.invoke(cli.app, ["batch", "status"]).output.count("in_progress") == 1
        server.work("batch-0")
        collected = command.invoke(cli.app, ["batch", "collect"])
        assert "completed" in collected.output
        assert "no batch is under way" in command.invoke(cli.app, ["batch", "status"]).output
        asked = len(server.requests)
        run(home, FIRST, SECOND)
        assert len(server.requests) == asked
    assert table(home, "insight_extractions")["extractor"].unique().to_list() == ["llm"]


def test_what_the_gates_refuse_is_kept_with_the_rule(home: Home, two_shows: Network, monkeypatch: pytest.MonkeyPatch):
    readers(home, ann=["computer chips"])
    invented = {
        "text": "Nvidia sold 900 million graphics chips in 2031, more than Intel sold processors, because training a language "
        "model needs thousands of them, so most data centers in Virginia now spend more on electricity than servers.",
        "quote": "Nvidia sold more graphics chips in 2024 than Intel sold processors",
        "names": ["Nvidia", "Intel"],
        "topics": [],
    }
    with LlmServer(otherwise=insights(invented)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        (report,) = run(home, FIRST)
    assert report.complete
    assert table(home, "insight_candidates").is_empty()
    rejected = table(home, "insight_candidates", rejected=True)
    assert rejected["rule"].str.starts_with("number").all() and rejected.height == 1
    assert table(home, "insight_extractions")["outcome"].to_list() == ["nothing_qualified"]


def test_someone_who_left_gets_nothing_more_and_nobody_gets_two(home: Home, two_shows: Network):
    who = readers(home, ann=["computer chips"], bob=["computer chips"])
    engine = DatabaseResource(url=home.database_url).engine
    run(home, FIRST)
    with session(engine) as transaction:
        subscribers.set_status(transaction, who["bob"], "unsubscribed", why="asked for it")
    run(home, FIRST, SECOND)
    assert {one.status for one in Ledger(engine).of_day(FIRST)} == {"delivered"}
    assert who["bob"] not in {one.subscriber_id for one in Ledger(engine).of_day(SECOND) if one.status == "delivered"}
    assert len(list((home.outbox / str(FIRST)).glob("*.eml"))) == 2


def test_a_day_that_fails_is_told_and_the_next_one_runs(
    home: Home, two_shows: Network, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("podbrief_assets.lake.tables.EMBEDDING_DIMENSION", 384)
    readers(home, ann=["computer chips"])
    definitions = build_defs(home)
    real, calls = Lake.write, []

    def full_disk(self, written, frame, day=None, *, rejected=False):
        calls.append(day)
        if day == FIRST and written.name == "transcripts":
            raise OSError(28, "No space left on device")
        return real(self, written, frame, day, rejected=rejected)

    monkeypatch.setattr(Lake, "write", full_disk)
    reports = list(run_days(definitions, instances.prepare(home), [FIRST, SECOND], lambda *_: None))
    assert [report.complete for report in reports] == [False, True]
    assert "No space left on device" in str(reports[0].error)


def printed(*arguments: str) -> str:
    """What the command prints; it must succeed."""
    result = CliRunner().invoke(cli.app, list(arguments))
    assert result.exit_code == 0, result.output
    return result.output


def test_a_day_that_gains_an_episode_is_made_again_and_only_the_next_brief_tells_of_it(home: Home, two_shows: Network):
    who = readers(home, ann=["computer chips", "the sleep of nurses", "wheat and railways"])
    run(home, FIRST, SECOND)
    sent = fingerprint(home.outbox)
    frozen = table(home, "user_briefs")
    assert set(frozen["date"]) == {FIRST, SECOND}
    two_shows.answers["/t/late.vtt"] = Answer(vtt("wheat"), "text/vtt")
    chips = Item("chips", at(FIRST), "Chips", "/t/chips.vtt")
    two_shows.feed("tech", [Item("late", at(FIRST), "Late", "/t/late.vtt"), chips])
    said = printed("run", "--date", str(SECOND))
    assert f"1 earlier day to do again ({FIRST}), for late episodes: podbrief run --late" in said

    two_shows.forget()
    said = printed("run", "--late")
    assert f"✓ {FIRST}  2 episodes" in said and str(SECOND) not in said
    assert dict(two_shows.hits()) == {"/t/late.vtt": 1}, "no feed is asked, and what was known is not fetched again"
    assert table(home, "insight_candidates").filter(date=FIRST)["text"].unique().sort().to_list() == sorted(
        [CLAIMS["chips"], CLAIMS["wheat"]]
    )
    assert table(home, "user_briefs").equals(frozen), "what was sent stays"
    assert fingerprint(home.outbox) == sent, "nobody gets a second mail for a day"
    assert printed("run", "--late").strip() == "every earlier day is up to date"

    run(home, FIRST, SECOND)
    assert table(home, "user_briefs").equals(frozen) and fingerprint(home.outbox) == sent, "nor is it, run in full"
    run(home, THIRD)
    news = table(home, "user_briefs").filter(date=THIRD, subscriber_id=who["ann"])
    assert CLAIMS["wheat"] in news["text"].to_list()


def test_an_episode_of_two_feeds_is_read_once_and_told_once(home: Home, network: Network):
    guid = "7d3c1f52-9a0e-4b6f-8d21-5f3f1f0f7a11"
    network.answers["/t/chips.vtt"] = Answer(vtt("chips"), "text/vtt")
    item = Item(guid, at(FIRST), "Why graphics chips outsell processors", "/t/chips.vtt")
    subscribe(home, network.feed("tech", [item]), network.feed("network", [item]))
    readers(home, ann=["computer chips"])
    (report,) = run(home, FIRST)
    episodes = table(home, "episodes")
    (copy,) = episodes.filter(pl.col("duplicate_of").is_not_null()).to_dicts()
    assert copy["duplicate_rule"] == "network"
    transcripts = {row["episode_id"]: row for row in table(home, "transcripts").to_dicts()}
    assert transcripts[copy["episode_id"]]["origin"] == "none"
    assert (
        transcripts[copy["episode_id"]]["error"] == f"it repeats episode {copy['duplicate_of']}, which is read instead"
    )
    assert network.hits()["/t/chips.vtt"] == 1
    assert report.did["transcripts"]["failed"] == 0 and report.did["transcripts"]["repeats"] == 1
    assert set(table(home, "insight_extractions")["outcome"]) == {"extracted", "repeat"}
    assert table(home, "user_briefs")["text"].to_list() == [CLAIMS["chips"]]


TOKEN = "k3yT0ken77ab12cd"


def test_a_paid_feeds_token_lies_nowhere_but_in_the_database_and_the_list(home: Home, network: Network):
    """Every file below the home is opened and searched after a run, a failure and a late day."""
    base = f"{network.base}/private/{TOKEN}"
    network.answers |= {
        f"/private/{TOKEN}/chips.vtt": Answer(vtt("chips"), "text/vtt"),
        f"/private/{TOKEN}/page.vtt": Answer(b"<!doctype html><html><body>Sign in</body></html>", "text/html"),
    }
    items = "".join(
        f"<item><title>{name.title()}</title><guid>{base}/{name}.mp3</guid>"
        f"<pubDate>{at(FIRST):%a, %d %b %Y %H:%M:%S} GMT</pubDate><link>{base}/{name}?token={TOKEN}</link>"
        f"<enclosure url='{base}/{name}.mp3?auth={TOKEN}' length='9' type='audio/mpeg'/>"
        f"<podcast:transcript url='{base}/{name}.vtt?auth={TOKEN}' type='text/vtt'/>"
        f"<description>More at {base}/notes/{name} or &lt;a href='/private/{TOKEN}/x'&gt;here&lt;/a&gt;</description></item>"
        for name in ("chips", "page", "missing")
    )
    feed = (
        "<rss version='2.0' xmlns:podcast='https://podcastindex.org/namespace/1.0'><channel><title>Members</title>"
        f"<link>{base}/</link><description>Yours alone: {base}/</description><language>en</language>"
        f"<image><url>{base}/cover.jpg</url></image>{items}</channel></rss>"
    )
    network.answers[f"/private/{TOKEN}/feed.xml"] = Answer(feed.encode(), "application/rss+xml")
    subscribe(home, f"{base}/feed.xml?auth={TOKEN}")
    readers(home, ann=["computer chips"])
    (report,) = run(home, FIRST)
    assert report.complete and report.did["transcripts"]["origins"] == {"publisher": 1, "none": 2}
    (entry,) = table(home, "user_briefs").to_dicts()
    assert entry["text"] == CLAIMS["chips"] and entry["link"] is None
    network.answers[f"/private/{TOKEN}/feed.xml"] = Answer(b"", status=403)
    said = printed("run", "--date", str(SECOND)) + printed("sql", "FROM failing_feeds") + printed("shows", "list")
    assert "403" in said and TOKEN not in said
    found = [path for path in home.root.rglob("*") if path.is_file() and TOKEN.encode() in contents(path)]
    kept = {"podbrief.sqlite", "podbrief.sqlite-wal", "shows.opml"}
    assert {path.name for path in found} <= kept and "shows.opml" in {path.name for path in found}


def contents(path: Path) -> bytes:
    """What a file holds, unpacked."""
    if path.suffix == ".parquet":
        return str(pl.read_parquet(path, hive_partitioning=False).to_dicts()).encode()
    if path.suffix == ".zst":
        return zstandard.ZstdDecompressor().decompress(path.read_bytes())
    return path.read_bytes()


def words(folder: Path) -> str:
    """Every value of every Parquet file below `folder`, in lower case, as JSON lines."""
    said = [
        str(path) + pl.read_parquet(path, hive_partitioning=False).write_ndjson() for path in folder.rglob("*.parquet")
    ]
    assert said
    return "\n".join(said).casefold()


def test_neither_addresses_nor_readers_words_get_into_the_lake_and_who_is_forgotten_leaves_it(
    home: Home, two_shows: Network
):
    with session(DatabaseResource(url=home.database_url).engine) as transaction:
        who = {
            name: subscribers.add(
                transaction,
                f"{name}.quagmire@example.org",
                ["zymurgy of computer chips", "sleep and quokkas"],
                muted_words=["Xanthippe"],
                muted_topics=["motorsport"],
            ).subscriber_id
            for name in ("ann", "bob")
        }
    assert all(report.complete for report in run(home, FIRST, SECOND))
    lake = Path(str(home.lake))
    said = words(lake)
    for personal in ("quagmire", "@example.org", "zymurgy", "quokkas", "xanthippe"):
        assert personal not in said
    assert "motorsport" in said and f"interest {1}" in said and all(one in said for one in who.values())
    # Nor into Dagster's records of the runs, nor into the analysts' file.
    for path in [home.warehouse, *(path for path in home.dagster.rglob("*") if path.is_file())]:
        content = path.read_bytes().lower()
        assert not any(personal in content for personal in (b"quagmire", b"zymurgy", b"quokkas", b"xanthippe")), path

    told = CliRunner().invoke(cli.app, ["subscribers", "forget", "ann.quagmire@example.org"])
    assert told.exit_code == 0, told.output
    assert "2 of subscribers" in told.stdout and "2 files from the outbox" in told.stdout
    assert who["ann"] not in words(lake) and who["bob"] in words(lake)
    assert not list(home.outbox.rglob(f"*{who['ann']}*")) and list(home.outbox.rglob(f"*{who['bob']}*"))
    assert all(report.complete for report in run(home, FIRST, SECOND))
    again = words(lake)
    assert who["ann"] not in again and who["bob"] in again, "a rerun brings nobody back"
