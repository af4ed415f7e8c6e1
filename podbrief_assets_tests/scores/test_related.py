"""What is offered as related: near, of other episodes, said once, and not all the same; day by day and both ways."""

from __future__ import annotations

import datetime as dt

import dagster as dg
import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from upath import UPath

from podbrief_assets.definitions import build_defs
from podbrief_assets.lake.storage import Lake
from podbrief_assets.lake.tables import EMBEDDING_DIMENSION, TABLES
from podbrief_assets.scores import archive as archives
from podbrief_assets.scores import related
from podbrief_assets.scores.archive import Archive
from podbrief_assets.warehouse.build import build

MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (dt.date(2026, 11, 16 + n) for n in range(4))


def unit(rows):
    vectors = np.asarray(rows, np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def insights(names, episodes=None, clusters=None):
    return pl.DataFrame(
        {"insight_id": names, "episode_id": episodes or [f"of {name}" for name in names], "cluster": clusters or names}
    )


def found(new, new_vectors, archive, vectors):
    edges = related.edges(new, new_vectors, archive, [vectors], lambda positions: vectors[positions])
    return list(edges.select("insight_id", "related_id", "rank").iter_rows())


def test_they_are_of_other_episodes_above_the_floor_and_say_nothing_twice():
    names = ["a", "same episode", "near", "repeat of near", "nearer", "repeat of a", "far"]
    vectors = unit([[1, 0, 0], [1, 0, 0], [0.8, 0.6, 0], [0.79, 0.61, 0], [0.9, 0, 0.436], [1, 0.01, 0], [0.2, 1, 0]])
    archive = insights(names, ["e1", "e1", "e2", "e3", "e4", "e5", "e6"], [*names[:3], "near", "nearer", "a", "far"])
    assert found(archive[:1], vectors[:1], archive, vectors) == [("a", "nearer", 1), ("a", "near", 2)]


def test_at_most_ten_are_offered_and_the_nearest_comes_first():
    vectors = unit([[1, 0.01 * n] for n in range(30)])
    archive = insights([f"i{n}" for n in range(30)])
    edges = found(archive[:1], vectors[:1], archive, vectors)
    assert [rank for _, _, rank in edges] == list(range(1, 11))
    assert [name for _, name, _ in edges] == sorted((name for _, name, _ in edges), key=lambda name: int(name[1:]))
    assert "i0" not in {name for _, name, _ in edges}


def test_of_one_episode_two_are_offered():
    vectors = unit([[1, 0.1 * n] for n in range(6)])
    archive = insights([f"i{n}" for n in range(6)], ["own", *["other"] * 4, "third"])
    assert [name for _, name, _ in found(archive[:1], vectors[:1], archive, vectors)] == ["i1", "i2", "i5"]


def test_something_else_that_is_near_is_preferred_to_the_same_said_again():
    again = [[0.7, 0.714, 0.01 * n] for n in range(12)]
    vectors = unit([[1, 0, 0], *again, [0.65, 0, 0.76], [0.65, -0.76, 0]])
    archive = insights([f"i{n}" for n in range(15)])
    names = {name for _, name, _ in found(archive[:1], vectors[:1], archive, vectors)}
    assert {"i13", "i14"} <= names, "the twelve that say nearly the same are all nearer"
    assert "i1" in names


@pytest.mark.parametrize(("new", "old"), [(0, 3), (3, 0), (0, 0)])
def test_without_insights_or_an_archive_nothing_is_related(new, old):
    vectors = unit(np.eye(3))
    archive = insights(["a", "b", "c"])
    assert found(archive[:new], vectors[:new], archive[:old], vectors[:old]) == []


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 8), st.integers(1, 10))
def test_whatever_the_archive_every_promise_is_kept(seed, size, episodes, clusters):
    random = np.random.default_rng(seed)
    vectors = unit(random.normal(size=(size, 3)) + 1)
    names = [f"i{n:02}" for n in range(size)]
    episode = dict(zip(names, (f"e{n}" for n in random.integers(0, episodes, size)), strict=True))
    cluster = dict(zip(names, (f"c{n}" for n in random.integers(0, clusters, size)), strict=True))
    archive = insights(names, list(episode.values()), list(cluster.values()))
    edges = related.edges(archive, vectors, archive, np.array_split(vectors, 3), lambda positions: vectors[positions])
    for (insight,), of_one in edges.group_by("insight_id"):
        others = of_one["related_id"].to_list()
        assert len(others) <= related.AT_MOST
        assert of_one["rank"].to_list() == list(range(1, len(others) + 1))
        assert of_one["similarity"].to_list() == sorted(of_one["similarity"], reverse=True)
        assert min(of_one["similarity"]) >= related.FLOOR
        assert len({cluster[insight], *(cluster[other] for other in others)}) == len(others) + 1
        assert episode[insight] not in (of := [episode[other] for other in others])
        assert max(of.count(one) for one in of) <= 2


# Days in a lake, as Dagster and readers see them.


@pytest.fixture
def lake(home):
    return Lake(UPath(home.lake))


def direction(*near):
    """A vector that is as near to each of the numbered directions as said: {number: cosine}."""
    vector = np.zeros(EMBEDDING_DIMENSION)
    for number, cosine in near:
        vector[number] = cosine
    return vector


def tell(lake, day, **told):
    """Put a day into the lake: name → (episode, vector, duplicate_of, superseded_by)."""
    rows = {"insight_candidates": [], "insight_embeddings": [], "insight_scores": []}
    for name, (episode, vector, repeats, replaced) in told.items():
        length = np.linalg.norm(vector)
        rows["insight_candidates"].append(
            {"insight_id": name, "kind": "insight", "episode_id": episode, "show_id": "s", "text": "word " * 30,
             "quote": "word", "start_s": 0.0, "end_s": 1.0, "timed": True, "topics": [], "names": [],
             "centrality": 0.5, "extractor": "llm", "tokens_in": 0, "tokens_out": 0, "superseded_by": replaced}
        )  # fmt: skip
        rows["insight_embeddings"].append(
            {"insight_id": name, "model": "m", "embedding": (np.asarray(vector, float) / length).tolist()}
        )
        rows["insight_scores"].append({"insight_id": name, "quality": 0.5, "duplicate_of": repeats})
    for name, every in rows.items():
        schema = TABLES[name].polars_schema
        lake.write(TABLES[name], pl.DataFrame([{**row, "date": day} for row in every], schema=schema), day)


def said(episode, vector, repeats=None, replaced=None):
    return episode, vector, repeats, replaced


def link(lake, day):
    definitions = build_defs()  # of the fixture `home`
    result = dg.materialize(
        list(definitions.assets),
        selection=["related_insights"],
        partition_key=str(day),
        resources=definitions.resources,
        instance=dg.DagsterInstance.ephemeral(),
    )
    (event,) = result.asset_materializations_for_node("related_insights")
    return {name: value.value for name, value in event.metadata.items()}


def shown(lake, tmp_path):
    """What readers see: {insight: [related, nearest first]}."""
    path = tmp_path / "podbrief.duckdb"
    build(lake, path)
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.sql("SELECT insight_id, related_id, rank FROM related_both_ways ORDER BY 1, 3").fetchall()
    lists: dict[str, list[str]] = {}
    for insight, other, rank in rows:
        lists.setdefault(insight, []).append(other)
        assert rank == len(lists[insight]), "ranks run from 1 without a gap"
    return lists


def stored(lake, day):
    return lake.file(TABLES["related_insights"], day).read_bytes()


def three_days(lake):
    tell(lake, MONDAY, m=said("em", direction((0, 1))))
    tell(lake, TUESDAY, t=said("et", direction((0, 0.9), (1, 0.436))), u=said("eu", direction((0, 0.8), (2, 0.6))))
    tell(lake, WEDNESDAY, w=said("ew", direction((0, 0.95), (3, 0.31))))
    return [link(lake, day) for day in (MONDAY, TUESDAY, WEDNESDAY)]


def test_an_old_insight_gains_new_neighbours_and_its_day_stays_as_it_was(lake, tmp_path):
    first, *_ = three_days(lake)
    assert (first["archive"], first["without_any"]) == (1, 1)
    assert shown(lake, tmp_path) == {
        "m": ["w", "t", "u"], "t": ["m", "w", "u"], "u": ["m", "w", "t"], "w": ["m", "t", "u"],
    }  # fmt: skip
    before = stored(lake, MONDAY)
    tell(lake, THURSDAY, x=said("ex", direction((0, 1), (4, 0.05))))
    assert link(lake, THURSDAY)["archive"] == 5
    assert stored(lake, MONDAY) == before
    assert shown(lake, tmp_path)["m"][0] == "x"


def test_a_day_that_is_made_again_looks_at_nothing_that_came_later(lake):
    three_days(lake)
    before = stored(lake, TUESDAY)
    told = link(lake, TUESDAY)
    assert stored(lake, TUESDAY) == before
    assert told["archive"] == 3


def test_who_follows_links_never_comes_to_an_end_when_a_day_in_the_middle_changes(lake, tmp_path):
    three_days(lake)
    tell(lake, TUESDAY, v=said("et", direction((0, 0.9), (5, 0.436))))
    link(lake, TUESDAY)
    lists = shown(lake, tmp_path)
    assert lists == {"m": ["w", "v"], "v": ["m"], "w": ["m"]}, "the edges to what is gone are not followed"
    link(lake, WEDNESDAY)
    assert shown(lake, tmp_path)["v"] == ["m", "w"]


def test_what_was_replaced_is_linked_from_and_never_to(lake, tmp_path):
    three_days(lake)
    tell(
        lake, TUESDAY,
        t=said("et", direction((0, 0.9), (1, 0.436)), replaced="t2"),
        t2=said("et", direction((0, 0.9), (1, 0.436))), u=said("eu", direction((0, 0.8), (2, 0.6))),
    )  # fmt: skip
    lists = shown(lake, tmp_path)
    assert all("t" not in others for others in lists.values())
    assert lists["t"] == ["m", "w", "u"], "its address was sent"
    link(lake, TUESDAY)
    link(lake, WEDNESDAY)
    lists = shown(lake, tmp_path)
    assert all("t" not in others for others in lists.values())
    assert lists["w"] == ["m", "t2", "u"]


def test_of_what_several_say_the_first_is_linked_to_also_by_whom_it_was_not_linked_from(lake, tmp_path):
    three_days(lake)
    tell(lake, THURSDAY,
         r=said("er", direction((0, 0.9), (1, 0.437)), repeats="t"), s=said("es", direction((0, 1), (1, 0.4))))  # fmt: skip
    link(lake, THURSDAY)
    lists = shown(lake, tmp_path)
    assert "t" in lists["m"] and "t" in lists["s"]
    assert all("r" not in others for others in lists.values())
    assert "t" not in lists["r"], "it says the same"
    assert lists["r"]


def test_a_repeat_stands_up_again_when_the_first_is_gone(lake):
    tell(
        lake,
        MONDAY,
        first=said("e1", direction((0, 1)), replaced="other"),
        again=said("e2", direction((0, 1)), "first"),
    )
    assert Archive.upto(lake, MONDAY).insights["insight_id"].to_list() == ["again"]


def test_every_list_holds_ten_at_most_and_every_link_leads_to_a_list(lake, tmp_path):
    random = np.random.default_rng(3)
    days = [MONDAY + dt.timedelta(days=n) for n in range(5)]
    for day in days:
        vectors = random.normal(size=(12, EMBEDDING_DIMENSION)) * 0.05
        vectors[:, 0] += 1
        tell(lake, day, **{f"{day:%Y%m%d}-{n:02}": said(f"{day}-{n // 3}", vector) for n, vector in enumerate(vectors)})
        link(lake, day)
    link(lake, days[2])
    lists = shown(lake, tmp_path)
    assert len(lists) == 60
    assert max(len(others) for others in lists.values()) == 10
    assert {other for others in lists.values() for other in others} <= set(lists)
    newest = {name for name in lists if name.startswith(f"{days[-1]:%Y%m%d}")}
    assert any(newest & set(lists[name]) for name in lists if name.startswith(f"{days[0]:%Y%m%d}"))


def test_the_archive_is_read_a_few_days_at_a_time_in_the_order_of_its_insights(lake, monkeypatch):
    monkeypatch.setattr(archives, "_TOGETHER", 5)
    vectors, number = {}, 0
    for day, count in ((MONDAY, 2), (TUESDAY, 3), (WEDNESDAY, 7), (THURSDAY, 1)):
        names = [f"{day:%Y%m%d}-{n}" for n in reversed(range(count))]
        told = {}
        for name in names:
            number += 1
            told[name] = said(name, direction((number, 1.0)))
            vectors[name] = number
        tell(lake, day, **told)
    archive = Archive.upto(lake, THURSDAY)
    blocks = list(archive.blocks())
    assert [len(block) for block in blocks] == [5, 7, 1]
    order = archive.insights["insight_id"].to_list()
    assert order == sorted(vectors)
    assert np.concatenate(blocks).argmax(axis=1).tolist() == [vectors[name] for name in order]
    for positions in ([0, 4, 5, 12], [6], []):
        found = archive.vectors(np.array(positions, np.int64))
        assert found.shape == (len(positions), EMBEDDING_DIMENSION)
        assert found.argmax(axis=1).tolist() == [vectors[order[at]] for at in positions]


def test_an_archive_of_nothing_has_no_blocks_and_no_vectors(lake):
    archive = Archive.upto(lake, THURSDAY)
    assert list(archive.blocks()) == []
    assert archive.vectors(np.zeros(0, np.int64)).shape == (0, EMBEDDING_DIMENSION)


def test_without_variety_the_ten_nearest_are_offered_and_with_a_higher_floor_fewer():
    again = [[0.7, 0.714, 0.01 * n] for n in range(12)]
    vectors = unit([[1, 0, 0], *again, [0.65, 0, 0.76]])
    archive = insights([f"i{n}" for n in range(14)])

    def offered(**options):
        edges = related.edges(archive[:1], vectors[:1], archive, [vectors], lambda at: vectors[at], **options)
        return set(edges["related_id"])

    assert offered(variety=0.0) == {f"i{n}" for n in range(1, 11)}
    assert "i13" in offered()
    assert "i13" not in offered(floor=0.66)
