"""A day's choice from rows of the lake: who may get what, and what they are told."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest

from podbrief_assets.briefs import profiles
from podbrief_assets.briefs.desk import VOTES, WORDS, Desk, Said
from podbrief_assets.briefs.explain import explained
from podbrief_assets.lake.contract import settle
from podbrief_assets.lake.tables import EMBEDDING_DIMENSION, TABLES

DAY = dt.date(2026, 11, 21)
VOTED = dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC)


def axis(*places: int) -> list[float]:
    """A vector of length 1 along some of the axes."""
    vector = np.zeros(EMBEDDING_DIMENSION)
    vector[list(places)] = 1
    return (vector / np.linalg.norm(vector)).tolist()


def insight(number: int, place: int, **changes: Any) -> dict[str, Any]:
    name = f"20261121-{number:04}"
    return {
        "insight_id": name,
        "kind": "insight",
        "text": f"Claim {number}.",
        "label": None,
        "quote": f"what was said {number}",
        "speaker": "Dana Reyes",
        "show_id": f"show-{number}",
        "show_title": f"Show {number}",
        "episode_id": f"episode-{number}",
        "episode_title": f"Episode {number}",
        "start_s": 61.7,
        "timed": True,
        "topics": [],
        "names": [],
        "link": "https://example.org/episode",
        "audio_url": "https://example.org/audio.mp3#old",
        "quality": 0.6,
        "freshness": 1.0,
        "popularity": 0.0,
        "cluster": name,
        "also_heard_on": [],
        "heard_otherwise_on": [],
        "embedding": axis(place),
    } | changes


def subscriber(name: str = "ann", *interests: list[float], **changes: Any) -> dict[str, Any]:
    return {
        "subscriber_id": name,
        "interest_vectors": list(interests),
        "followed_shows": [],
        "muted_shows": [],
        "muted_topics": [],
        "brief_size": 5,
        "language": None,
        "timezone": "UTC",
        "date": DAY,
    } | changes


def rows(*insights: dict[str, Any]) -> pl.DataFrame:
    schema = {
        name: dtype
        for name, dtype in {
            **TABLES["user_briefs"].polars_schema,
            **TABLES["insight_candidates"].polars_schema,
            "audio_url": pl.String(),
            "popularity": pl.Float64(),
            "cluster": pl.String(),
            "embedding": TABLES["insight_embeddings"].polars_schema["embedding"],
        }.items()
        if name in insight(0, 0)
    }
    return pl.DataFrame(list(insights), schema=schema)


def people(*who: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(who), schema=TABLES["subscribers"].polars_schema, strict=False)


def said(words: Any = (), votes: Any = (), vectors: dict[str, list[float]] | None = None) -> Said:
    embedding = TABLES["insight_embeddings"].polars_schema["embedding"]
    return Said(
        words=pl.DataFrame(list(words), schema=WORDS, orient="row"),
        votes=pl.DataFrame(list(votes), schema=VOTES, orient="row"),
        vectors=pl.DataFrame(
            {"insight_id": list(vectors or {}), "embedding": list((vectors or {}).values())},
            schema={"insight_id": pl.String, "embedding": embedding},
        ),
    )


def sent(*pairs: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(list(pairs), schema={"subscriber_id": pl.String, "cluster": pl.String}, orient="row")


def desk(today: pl.DataFrame, words: Any = ()) -> Desk:
    return Desk(DAY, today, profiles.Archive.of([], EMBEDDING_DIMENSION), tuple(words), device="cpu")


def briefs(found: pl.DataFrame, name: str = "ann") -> list[str]:
    return found.filter(subscriber_id=name).sort("rank")["insight_id"].str.slice(9).to_list()


def test_rows_keep_the_contract_and_say_what_decided() -> None:
    today = rows(insight(1, 0), insight(2, 1), insight(3, 5, show_id="followed"), insight(4, 9))
    who = people(
        subscriber("ann", axis(7), axis(1, 2, 3), followed_shows=["followed"]),
        subscriber("bob", axis(0)),
        subscriber("eve"),
    )
    found = desk(today).entries(who, said(), sent())
    assert settle(TABLES["user_briefs"], found).rejected.is_empty()
    ann = found.filter(subscriber_id="ann").sort("rank").to_dicts()
    assert [(row["insight_id"][9:], row["interest"], row["reason"]) for row in ann] == [
        ("0002", 2, "close to interest 2"),
        ("0003", 1, "from a show that you follow"),
    ]
    assert ann[0]["link"] == "https://example.org/audio.mp3#t=61"
    assert briefs(found, "bob") == ["0001"]
    eve = found.filter(subscriber_id="eve")
    assert set(eve["reason"]) == {"among the best of the day"} and len(eve) == 4
    assert eve["interest"].null_count() == 4


@pytest.mark.parametrize(
    "refusal",
    [
        {"muted_shows": ["show-1"]},
        {"muted_topics": ["crypto"]},
    ],
)
def test_a_mute_is_absolute_however_near_the_interest(refusal: dict[str, list[str]]) -> None:
    today = rows(insight(1, 0, topics=["crypto", "banking"]), insight(2, 0, topics=["banking"]))
    assert briefs(desk(today).entries(people(subscriber("ann", axis(0))), said(), sent())) == ["0001", "0002"]
    assert briefs(desk(today).entries(people(subscriber("ann", axis(0), **refusal)), said(), sent())) == ["0002"]


def test_a_muted_word_stands_whole_in_any_case_and_anywhere_a_reader_would_see_it() -> None:
    today = rows(
        insight(1, 0, text="ELON MUSK said that rockets land."),
        insight(2, 0, text="Musket balls were cast by hand."),
        insight(3, 0, quote="well, Elon  Musk's rockets"),
        insight(4, 0, episode_title="A talk with Elon. Musk is absent"),
        insight(5, 0, text="Elon and Musk are names."),
    )
    who = people(subscriber("ann", axis(0)), subscriber("bob", axis(0)))
    found = desk(today, ["elon musk", "!!"]).entries(who, said([("ann", "elon musk"), ("ann", "!!")]), sent())
    assert briefs(found) == ["0002", "0005"]
    assert len(briefs(found, "bob")) == 5, "what ann mutes is nothing to bob"


def test_nothing_of_a_cluster_comes_again() -> None:
    today = rows(insight(1, 0), insight(2, 0, cluster="20261101-0009"), insight(3, 0))
    found = desk(today).entries(
        people(subscriber("ann", axis(0)), subscriber("bob", axis(0))),
        said(),
        sent(("ann", "20261101-0009"), ("ann", "20261121-0003")),
    )
    assert briefs(found) == ["0001"]
    assert briefs(found, "bob") == ["0001", "0002", "0003"]


def test_what_was_liked_draws_and_says_so_and_what_was_disliked_pushes_away() -> None:
    today = rows(insight(1, 0), insight(2, 1), insight(3, 1, quality=0.9))
    known = {"20261101-1": axis(1), "20261101-2": axis(1, 2), "20261101-3": axis(1)}
    liked = [("ann", "20261101-1", "up", VOTED), ("ann", "20261101-2", "clicked", VOTED), ("ann", "gone", "up", VOTED)]
    found = desk(today).entries(people(subscriber("ann", axis(0))), said(votes=liked, vectors=known), sent())
    reasons = dict(found.select(pl.col("insight_id").str.slice(9), "reason").iter_rows())
    assert reasons == {
        "0001": "close to interest 1",
        "0002": "close to 2 insights that you liked",
        "0003": "close to 2 insights that you liked",
    }
    assert found.filter(pl.col("insight_id").str.ends_with("2"))["liked"].to_list() == [2]
    disliked = [*liked, ("ann", "20261101-3", "down", VOTED)]
    after = desk(today).entries(people(subscriber("ann", axis(0))), said(votes=disliked, vectors=known), sent())
    assert briefs(after)[0] == "0001"
    assert after.filter(pl.col("aversion") > 0).height == 2
    knew = [("ann", "20261101-1", "already_knew", VOTED)]
    neither = desk(today).entries(people(subscriber("ann", axis(0))), said(votes=knew, vectors=known), sent())
    assert briefs(neither) == ["0001"]


def test_an_old_vote_counts_less() -> None:
    today = rows(insight(1, 1), insight(2, 2))
    known = {"20260101-1": axis(1), "20261101-2": axis(2)}
    votes = [("ann", "20260101-1", "up", VOTED - dt.timedelta(days=300)), ("ann", "20261101-2", "up", VOTED)]
    found = desk(today).entries(people(subscriber("ann")), said(votes=votes, vectors=known), sent())
    assert briefs(found)[0] == "0002"
    assert found["relevance"][0] > 3 * (found.filter(rank=2)["relevance"].sum() or 0.01)


def test_nobodys_brief_depends_on_who_else_is_there() -> None:
    chance = np.random.default_rng(0)
    today = rows(*(insight(n, int(chance.integers(0, 6)), quality=float(chance.uniform(0.3, 1))) for n in range(40)))
    who = [subscriber(f"s{n:02}", axis(n % 6), axis((n + 1) % 6, 7)) for n in range(12)]
    together = desk(today).entries(people(*who), said([("s03", "claim 5")]), sent(("s04", "20261121-0007")))
    for one in who:
        alone = desk(today, ["claim 5"]).entries(
            people(one), said([("s03", "claim 5")]), sent(("s04", "20261121-0007"))
        )
        if one["subscriber_id"] != "s03":
            assert together.filter(subscriber_id=one["subscriber_id"]).equals(alone)


def test_a_day_without_news_or_without_subscribers_has_no_briefs() -> None:
    assert desk(rows()).entries(people(subscriber("ann", axis(0))), said(), sent()).is_empty()
    assert desk(rows(insight(1, 0))).entries(people(), said(), sent()).is_empty()


def test_an_explanation_adds_up_and_says_what_kept_the_others_out() -> None:
    today = rows(
        insight(1, 0, quality=0.9),
        insight(2, 0, show_id="muted"),
        insight(3, 0, topics=["crypto"]),
        insight(4, 0, text="About Musk."),
        insight(5, 0, cluster="old"),
        insight(6, 0, cluster="20261121-0001", quality=0.5),
        insight(7, 1),
        insight(8, 0, quality=0.35),
        insight(9, 0, quality=0.1),
    )
    who = people(subscriber("ann", axis(0), muted_shows=["muted"], muted_topics=["crypto"], brief_size=1))
    mine, before = said([("ann", "Musk")]), sent(("ann", "old"))
    opened = desk(today, ["Musk"])
    brief = opened.entries(who, mine, before)
    assert briefs(brief) == ["0001"]
    entries, others = explained(opened, who, mine, before, brief)
    assert [(one.insight_id[9:], one.rank) for one in entries] == [("0001", 1)]
    assert entries[0].score == pytest.approx(sum(entries[0].parts.values()), abs=1e-3)
    assert {one.insight_id[9:]: one.why for one in others} == {
        "0002": "its show is muted",
        "0003": "the topic crypto is muted",
        "0004": "“Musk” is muted",
        "0005": "was sent within 30 days, or says what was",
        "0006": "says the same as number 1",
        "0007": "near to no interest: -0.19, and 0.50 is the least",
        "0008": "scores less, or less beside what it is near to",
        "0009": "its quality, 0.10, is below 0.15",
    }
    assert all(one.score == pytest.approx(sum(one.parts.values()), abs=1e-3) for one in others)


def test_who_has_no_brief_is_told_what_came_nearest() -> None:
    today = rows(insight(1, 1), insight(2, 2, quality=0.1), insight(3, 2))
    who = people(subscriber("ann", axis(0)), subscriber("ben"))
    nothing = desk(today).entries(who.filter(subscriber_id="ann"), said(), sent())
    assert nothing.is_empty()
    _, others = explained(desk(today), who.filter(subscriber_id="ann"), said(), sent(), nothing)
    assert len(others) == 3
    assert all(one.why.startswith(("near to no interest", "its quality")) for one in others)
    assert all(one.score == pytest.approx(sum(one.parts.values()), abs=1e-3) for one in others)
    # Of whom nothing is known, nothing is far from.
    _, others = explained(desk(today), who.filter(subscriber_id="ben"), said(), sent(), nothing)
    assert [one.why for one in others if one.why.startswith("near")] == []
    assert all(one.score == pytest.approx(sum(one.parts.values()), abs=0.006) for one in others)
