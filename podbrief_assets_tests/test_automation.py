"""The sensor that asks for days which gained episodes: once each, and never in anybody's way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import dagster as dg
import pytest

from podbrief_assets import automation
from podbrief_assets.definitions import build_defs
from podbrief_assets.episodes.late import LATE_DAYS
from podbrief_assets.instance import prepare
from podbrief_assets.lake.paths import Home

FIRST, SECOND, THIRD = (str(dt.date(2026, 2, day)) for day in (1, 2, 3))


@pytest.fixture
def instance(home: Home) -> Iterator[dg.DagsterInstance]:
    with prepare(home) as opened:
        yield opened


def scan(instance: dg.DagsterInstance, *days: str) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization("feed_items", metadata={LATE_DAYS: list(days)}))


def make(instance: dg.DagsterInstance, day: str) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization("episodes", partition=day))


def look(instance: dg.DagsterInstance, cursor: str | None = None) -> tuple[list[str], str | None]:
    """The days that are asked for, and the cursor afterwards."""
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    found = automation.late_episodes(context)
    if isinstance(found, dg.SkipReason):
        return [], cursor
    assert isinstance(found, dg.SensorResult)
    requests = found.run_requests or []
    assert len({request.run_key for request in requests}) == len(requests)
    return [str(request.partition_key) for request in requests], found.cursor


def test_each_day_that_a_scan_named_is_asked_for_once(instance: dg.DagsterInstance):
    assert look(instance) == ([], None), "nothing was ever scanned"
    scan(instance, FIRST, SECOND)
    days, cursor = look(instance)
    assert days == [FIRST, SECOND]
    assert look(instance, cursor) == ([], cursor), "nothing is asked twice"
    scan(instance)
    days, cursor = look(instance, cursor)
    assert days == []
    scan(instance, SECOND)
    days, cursor = look(instance, cursor)
    assert days == [SECOND], "it gained another one"
    assert look(instance, cursor)[0] == []


def test_a_day_before_the_first_partition_holds_nobody_up(instance: dg.DagsterInstance):
    scan(instance, "2025-12-31", FIRST)
    assert look(instance)[0] == [FIRST]


def test_scans_between_two_looks_are_taken_together(instance: dg.DagsterInstance):
    scan(instance, THIRD, FIRST)
    scan(instance, FIRST)
    scan(instance)
    days, cursor = look(instance)
    assert days == [FIRST, THIRD]
    assert look(instance, cursor) == ([], cursor)


def test_a_day_that_was_made_since_is_not_asked_for(instance: dg.DagsterInstance):
    make(instance, FIRST)
    scan(instance, FIRST, SECOND, THIRD)
    make(instance, SECOND)
    assert look(instance)[0] == [FIRST, THIRD], "the one was made before, the other since"


def test_it_waits_for_a_run_that_is_at_work_and_asks_afterwards(instance: dg.DagsterInstance):
    scan(instance, FIRST)
    run = instance.add_run(dg.DagsterRun("daily_brief", run_id="busy", status=dg.DagsterRunStatus.STARTED))
    assert look(instance) == ([], None), "the cursor stays, so that nothing is forgotten"
    instance.report_run_failed(run)
    assert look(instance)[0] == [FIRST]


def test_a_scan_of_an_older_release_names_no_days(instance: dg.DagsterInstance):
    instance.report_runless_asset_event(dg.AssetMaterialization("feed_items", metadata={"new_items": 3}))
    days, cursor = look(instance)
    assert days == [] and cursor is not None


def test_every_hour_the_two_last_days_are_looked_at_if_their_briefs_were_made(home: Home, instance: dg.DagsterInstance):
    def asked(moment: dt.datetime) -> list[tuple[str | None, str | None]]:
        schedule = build_defs(home).resolve_schedule_def("every_hour")
        assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED, "it sends mail: somebody switches it on"
        with dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=moment,
            repository_def=build_defs(home).get_repository_def(),
        ) as context:
            requests = schedule.evaluate_tick(context).run_requests or []
        return [(request.partition_key, request.run_key) for request in requests]

    ten = dt.datetime(2026, 2, 4, 10, 5, tzinfo=dt.UTC)
    assert asked(ten) == []
    for day in (FIRST, SECOND, THIRD):
        instance.report_runless_asset_event(dg.AssetMaterialization("user_briefs", partition=day))
    assert asked(ten) == [(THIRD, f"{THIRD}/2026-02-04T10"), (SECOND, f"{SECOND}/2026-02-04T10")]
    assert asked(ten + dt.timedelta(hours=1))[0] == (THIRD, f"{THIRD}/2026-02-04T11"), "every hour anew"
