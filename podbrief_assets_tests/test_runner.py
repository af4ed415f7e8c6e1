"""Running days: which there are, what is told while they run, and what came of them."""

# Dagster reads annotations of assets at run time, so they are not postponed here.

import datetime as dt
import signal
import time
from collections.abc import Iterator
from typing import Any

import dagster as dg
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets import partitions
from podbrief_assets.briefs import assets as briefs
from podbrief_assets.errors import PermanentFailure
from podbrief_assets.instance import PROCESS_TAG, prepare, process_tag
from podbrief_assets.lake.io_manager import failures
from podbrief_assets.lake.paths import Home
from podbrief_assets.partitions import BadDay, days_between
from podbrief_assets.runner import WAITING, DayReport, Failed, run_days

START = partitions.START_DATE
TODAY = START + dt.timedelta(days=40)
FIRST, SECOND = START + dt.timedelta(days=1), START + dt.timedelta(days=2)


class OutOfPaper(PermanentFailure):
    """The press has no paper."""


# --------------------------------------------------------------------------------------------------------------- days


@given(st.integers(0, 39), st.integers(0, 39))
def test_a_range_has_every_day_once_and_both_ends(one: int, other: int):
    first, last = START + dt.timedelta(days=min(one, other)), START + dt.timedelta(days=max(one, other))
    days = days_between(first, last, TODAY)
    assert (days[0], days[-1], len(days)) == (first, last, abs(one - other) + 1)
    assert days == sorted(set(days))


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        (SECOND, FIRST, "give the earlier day first"),
        (START - dt.timedelta(days=1), FIRST, "set PODBRIEF_START_DATE to an earlier day"),
        (FIRST, TODAY, f"the last day that can be run is {TODAY - dt.timedelta(days=1)}"),
        (TODAY + dt.timedelta(days=9), TODAY + dt.timedelta(days=9), "is not over yet in UTC"),
    ],
)
def test_days_that_can_not_be_run_say_which_can(first: dt.date, last: dt.date, told: str):
    with pytest.raises(BadDay, match=told):
        days_between(first, last, TODAY)


# --------------------------------------------------------------------------------------------------------------- runs


def small(**bodies: Any) -> dg.Definitions:
    """Definitions with a scan, one asset of a day for each of `bodies`, and the job and selections that are used."""

    @dg.multi_asset(
        outs={name: dg.AssetOut(dagster_type=dg.Nothing) for name in ("shows", "feed_health", "feed_items")}
    )
    def scan() -> Iterator[dg.MaterializeResult]:
        yield dg.MaterializeResult("shows")
        yield dg.MaterializeResult("feed_health")
        yield dg.MaterializeResult("feed_items", metadata={"new_items": 3})

    def asset(name: str, body: Any) -> dg.AssetsDefinition:
        @dg.asset(name=name, partitions_def=partitions.days, deps=["feed_items"], pool=getattr(body, "pool", None))
        def made(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            return dg.MaterializeResult(metadata=body(context) or {})

        return made

    assets = [scan, *(asset(name, body) for name, body in bodies.items())]
    job = dg.define_asset_job("daily_brief", selection=dg.AssetSelection.all())
    return dg.Definitions(assets, jobs=[job])


@pytest.fixture
def instance(home: Home) -> Iterator[dg.DagsterInstance]:
    with prepare(home) as opened:
        yield opened


def done(definitions: dg.Definitions, instance: dg.DagsterInstance, *days: dt.date) -> list[DayReport]:
    return list(run_days(definitions, instance, days, lambda *_: None))


def test_feeds_are_scanned_once_for_all_days_and_each_day_reports_what_it_did(instance: dg.DagsterInstance):
    def episodes(context: dg.AssetExecutionContext) -> dict[str, Any]:
        return {"day": context.partition_key, **failures([("Show: Title", OutOfPaper("no paper", "buy some"))])}

    reports = done(small(episodes=episodes), instance, FIRST, SECOND)
    assert [report.day for report in reports] == [FIRST, SECOND]
    assert all(report.complete and report.error is None for report in reports)
    assert [list(report.did) for report in reports] == [
        ["shows", "feed_health", "feed_items", "episodes"],
        ["episodes"],
    ]
    assert reports[0].did["feed_items"]["new_items"] == 3
    assert [report.did["episodes"] for report in reports] == [{"day": str(day), "failed": 1} for day in (FIRST, SECOND)]
    assert reports[1].failed == [Failed("episodes", "Show: Title", "no paper: buy some")]
    assert [run.tags["dagster/partition"] for run in instance.get_runs()] == [str(SECOND), str(FIRST)]
    assert {run.run_id for run in instance.get_runs()} == {report.run_id for report in reports}


def test_a_day_that_fails_says_why_in_its_own_words_and_the_next_one_runs(instance: dg.DagsterInstance):
    def press(context: dg.AssetExecutionContext) -> None:
        if context.partition_key == str(FIRST):
            raise OutOfPaper("the press has no paper", "buy some")

    def ink(context: dg.AssetExecutionContext) -> None:
        if context.partition_key == str(FIRST):
            raise OSError(28, "No space left on device")

    failed, fine = done(small(press=press, ink=ink), instance, FIRST, SECOND)
    assert not failed.complete and fine.complete
    assert set(str(failed.error).split("; ")) == {
        # The class of this test's failure is not one of podbrief_assets, whose names are left out.
        f"press: {OutOfPaper.__module__}.OutOfPaper: the press has no paper: buy some",
        "ink: OSError: [Errno 28] No space left on device",
    }
    assert list(failed.did) == ["shows", "feed_health", "feed_items"]


def test_our_own_failures_speak_without_the_name_of_their_class(instance: dg.DagsterInstance):
    def press(context: dg.AssetExecutionContext) -> None:
        raise BadDay("the day is odd", "take another")

    (report,) = done(small(press=press), instance, FIRST)
    assert report.error == "press: the day is odd: take another"


def test_what_a_step_says_is_told_while_it_works_and_nothing_of_it_is_lost(instance: dg.DagsterInstance):
    def episodes(context: dg.AssetExecutionContext) -> None:
        context.log.info("one of two")
        context.log.info("two of two")

    said: list[tuple[str, str]] = []
    list(run_days(small(episodes=episodes), instance, [FIRST], lambda *one: said.append(one)))
    assert said == [("scan", ""), ("episodes", ""), ("episodes", "one of two"), ("episodes", "two of two")]


def test_a_run_that_waits_for_a_pool_says_so(instance: dg.DagsterInstance):
    def speech(context: dg.AssetExecutionContext) -> None: ...

    speech.pool = "gpu"  # type: ignore[attr-defined]
    holder = instance.add_run(
        dg.DagsterRun("daily_brief", run_id="holder", status=dg.DagsterRunStatus.STARTED, tags=process_tag("holder"))
    )
    slots = instance.event_log_storage
    assert slots.claim_concurrency_slot("gpu", holder.run_id, "speech").is_claimed
    said: list[tuple[str, str]] = []

    def told(asset: str, message: str) -> None:
        said.append((asset, message))
        if message.startswith(WAITING):
            slots.free_concurrency_slots_for_run(holder.run_id)

    (report,) = list(run_days(small(speech=speech), instance, [FIRST], told))
    assert report.complete
    assert ("speech", f"{WAITING} “gpu”") in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_the_day_and_those_after_it(instance: dg.DagsterInstance, number: signal.Signals):
    def episodes(context: dg.AssetExecutionContext) -> None:
        signal.raise_signal(number)
        time.sleep(10)

    reports: list[DayReport] = []
    with pytest.raises(KeyboardInterrupt):
        for report in run_days(small(episodes=episodes), instance, [FIRST, SECOND], lambda *_: None):
            reports.append(report)
    assert [(report.complete, report.error) for report in reports] == [(False, "episodes: stopped while it worked")]
    (run,) = instance.get_runs()
    assert run.is_finished
    assert not instance.event_log_storage.get_concurrency_run_ids()


def test_a_dead_run_is_settled_before_the_first_day(instance: dg.DagsterInstance):
    def speech(context: dg.AssetExecutionContext) -> None: ...

    speech.pool = "gpu"  # type: ignore[attr-defined]
    host, pid, _, run_id = process_tag("dead")[PROCESS_TAG].rsplit("/", 3)
    instance.add_run(
        dg.DagsterRun(
            "daily_brief",
            run_id="dead",
            status=dg.DagsterRunStatus.STARTED,
            tags={PROCESS_TAG: f"{host}/{pid}/1000.00/{run_id}"},
        )
    )
    assert instance.event_log_storage.claim_concurrency_slot("gpu", "dead", "speech").is_claimed
    (report,) = done(small(speech=speech), instance, FIRST)
    assert report.complete, "it would have waited for ever"


# ------------------------------------------------------------------------------------- what is told stays small


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1_000))
def test_the_list_of_failures_is_bounded_and_its_count_is_not(count: int):
    told = failures([(f"episode {n}", "no paper") for n in range(count)])
    assert told["failed"] == count
    records = told["failures"].records if count else []
    assert len(records) == min(count, 201)
    if count > 200:
        assert records[-1].data["item"] == f"and {count - 200:,} more"
        assert "podbrief sql" in records[-1].data["reason"]


def test_what_is_true_of_a_million_subscribers_is_told_once():
    everyone = pl.Series([f"{n:016x}" for n in range(1_000_000)], dtype=pl.String)
    assert briefs._told(everyone, "no brief") == [
        (f"1,000,000 subscribers, the first of them {', '.join(everyone[:5])}", "no brief")
    ]
    assert briefs._told(everyone[:2], "no brief") == [(f"subscriber {one}", "no brief") for one in everyone[:2]]
    assert briefs._told(everyone[:0], "no brief") == []
