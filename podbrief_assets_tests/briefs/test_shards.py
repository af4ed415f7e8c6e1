"""Ranges of subscribers: each made once, found by whoever asks for the same, and made again when something changed."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest
from sqlalchemy import Engine
from upath import UPath

from podbrief_assets import automation, definitions
from podbrief_assets.briefs import shards
from podbrief_assets.database import session
from podbrief_assets.lake.paths import Home
from podbrief_assets.lake.storage import Lake
from podbrief_assets.lake.tables import EMBEDDING_DIMENSION, TABLES
from podbrief_assets.resources import DatabaseResource
from podbrief_assets.subscribers import feedback
from podbrief_assets.subscribers.database import add

DAY = dt.date(2026, 11, 21)
MORNING = dt.datetime(2026, 11, 20, 8, tzinfo=dt.UTC)


def filled(name: str, **values: object) -> dict[str, object]:
    """A row of a table: what is given, else something that its type allows."""
    made: dict[str, object] = {}
    for column, dtype in TABLES[name].polars_schema.items():
        if dtype == pl.String:
            made[column] = column
        elif dtype.is_float():
            made[column] = 0.5
        elif dtype.is_integer():
            made[column] = 1
        elif dtype == pl.Boolean:
            made[column] = False
        elif dtype == pl.Date:
            made[column] = DAY
        elif dtype == pl.Datetime("us", "UTC"):
            made[column] = MORNING
        else:
            made[column] = None
    return made | values


@pytest.fixture
def lake(home: Home) -> Lake:
    """A day with twelve insights and nine subscribers."""
    lake = Lake(UPath(home.lake))
    chance = np.random.default_rng(0)
    vectors = chance.normal(size=(12, EMBEDDING_DIMENSION))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = [f"20261121-{n:04}" for n in range(12)]
    tables = {
        "episodes": [
            filled(
                "episodes", episode_id=f"e{n}", duplicate_of=None, private=False, audio_url="https://a.example/1.mp3"
            )
            for n in range(12)
        ],
        "insight_candidates": [
            filled(
                "insight_candidates",
                insight_id=name,
                episode_id=f"e{n}",
                show_id=f"show{n}",
                kind="excerpt",
                superseded_by=None,
                topics=[],
                names=[],
            )
            for n, name in enumerate(names)
        ],
        "insight_scores": [filled("insight_scores", insight_id=name, duplicate_of=None) for name in names],
        "insight_embeddings": [
            filled("insight_embeddings", insight_id=name, embedding=vector.tolist())
            for name, vector in zip(names, vectors, strict=True)
        ],
        "subscribers": [
            filled(
                "subscribers",
                subscriber_id=f"s{n}",
                interest_vectors=[vectors[n].tolist()],
                followed_shows=[],
                muted_shows=[],
                muted_topics=[],
                brief_size=5,
            )
            for n in range(9)
        ],
    }
    for name, rows in tables.items():
        lake.write(TABLES[name], pl.DataFrame(rows, schema=TABLES[name].polars_schema, strict=False), DAY)
    return lake


@pytest.fixture
def database(home: Home) -> Engine:
    return DatabaseResource(url=home.database_url).engine


def everything(lake: Lake, engine: Engine, root: Path, at_once: int) -> pl.DataFrame:
    desk, said = shards.opened(lake, engine, DAY)
    parts = shards.Parts(root)
    found = [
        shards.made(desk, said, lake, part, parts) for part in shards.ranges(lake.scan("subscribers", [DAY]), at_once)
    ]
    assert all(one.rejected.is_empty() for one in found)
    return pl.concat([one.rows.collect() for one in found])


def test_ranges_hold_everybody_once_in_order(lake: Lake) -> None:
    found = shards.ranges(lake.scan("subscribers", [DAY]), 4)
    assert [(part.first, part.last) for part in found] == [("s0", "s3"), ("s4", "s7"), ("s8", "s8")]
    assert shards.ranges(lake.scan("subscribers", [DAY - dt.timedelta(days=1)])) == []


def test_briefs_do_not_depend_on_the_ranges(lake: Lake, database: Engine, tmp_path: Path) -> None:
    whole = everything(lake, database, tmp_path / "a", 100)
    assert whole["subscriber_id"].n_unique() == 9
    assert everything(lake, database, tmp_path / "b", 2).equals(whole)


def test_a_range_is_made_once_and_again_when_something_of_it_changed(
    lake: Lake, database: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "made"
    first = everything(lake, database, made, 3)
    files = set(made.rglob("*.parquet"))
    assert len(files) == 3
    with monkeypatch.context() as patch:
        patch.setattr(shards.Desk, "entries", lambda *_: pytest.fail("it was made already"))
        assert everything(lake, database, made, 3).equals(first)
    who = lake.scan("subscribers", [DAY]).with_columns(
        brief_size=pl.when(pl.col("subscriber_id") == "s1").then(1).otherwise("brief_size")
    )
    lake.write(TABLES["subscribers"], who.collect(), DAY)
    everything(lake, database, made, 3)
    assert len(set(made.rglob("*.parquet")) - files) == 1
    shards.Parts(made).forget_others(DAY)
    assert files < set(made.rglob("*.parquet"))
    shards.Parts(made).forget_others(DAY + dt.timedelta(days=1))
    assert not list(made.rglob("*.parquet"))


def test_votes_and_muted_words_are_those_of_the_days_end(lake: Lake, database: Engine) -> None:
    with session(database) as transaction:
        one = add(transaction, "ann@example.org", ["x"], muted_words=["crypto"], now=MORNING).subscriber_id
        feedback.record(transaction, one, "20261121-0003", "up", MORNING + dt.timedelta(days=1))
        feedback.record(transaction, one, "20261121-0004", "down", MORNING + dt.timedelta(days=3))
    desk, said = shards.opened(lake, database, DAY)
    assert said.words.rows() == [(one, "crypto")]
    assert said.votes["insight_id"].to_list() == ["20261121-0003"]
    assert said.vectors["insight_id"].to_list() == ["20261121-0003"]
    assert desk.words == ("crypto",)


def test_the_job_leaves_what_the_asset_finds(lake: Lake, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SUBSCRIBERS_AT_ONCE", 4)
    monkeypatch.setattr(shards.ranges, "__defaults__", (4,))
    defs = definitions.build_defs()
    with dg.DagsterInstance.ephemeral() as instance:
        config = {"ops": {"cut_into_ranges": {"config": {"day": str(DAY)}}}}
        done = defs.resolve_job_def(automation.brief_shards.name).execute_in_process(config, instance=instance)
        assert done.success
        assert len([event for event in done.all_events if event.is_step_success]) == 4
        assert len(list(Path(str(home.brief_ranges)).rglob("*.parquet"))) == 3
        monkeypatch.setattr(shards.Desk, "entries", lambda *_: pytest.fail("the job had made it"))
        made = defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance, partition_key=str(DAY), asset_selection=[dg.AssetKey("user_briefs")]
        )
        assert made.success
    assert lake.scan("user_briefs", [DAY]).collect()["subscriber_id"].n_unique() == 9
