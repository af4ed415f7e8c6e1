"""Each part of an insight's quality, on sentences that have it and sentences that don't."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.evaluation import score_fit
from podbrief_assets.evaluation.figures import LabelledData
from podbrief_assets.scores import signals

NOTHING = signals.background(pl.LazyFrame(schema={"text": pl.String, "names": pl.List(pl.String)}))


def texts(*said: str) -> pl.Series:
    return pl.Series("text", list(said), dtype=pl.String)


def names(*listed: list[str]) -> pl.Series:
    return pl.Series("names", list(listed), dtype=pl.List(pl.String))


def archive(*said: str) -> pl.DataFrame:
    return signals.background(pl.LazyFrame({"text": texts(*said), "names": names(*[[]] * len(said))}))


def surprise(said: str, before: pl.DataFrame = NOTHING, named: tuple[str, ...] = ()) -> float:
    return float(signals.surprise(texts(said), names(list(named)), before)[0])


SPECIFIC = "GitHub cut its build times by 40 percent in 2025 because Maria Jansen moved 300 servers to Rotterdam"
VAGUE = "It is something that they do there and we know that it matters to us because of this and that"


def test_names_and_numbers_make_a_text_specific() -> None:
    found = signals.specificity(texts(SPECIFIC, VAGUE), names(["GitHub", "Maria Jansen", "Rotterdam"], []))
    assert found.to_list() == [1.0, 0.0]


def test_each_further_number_makes_a_text_of_the_same_length_more_specific() -> None:
    said = ["the build took four of many hours on a slow old disk", "the build took 4 of 9 hours on a slow old disk"]
    found = signals.specificity(texts(*said), names([], []))
    assert found[0] < found[1]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("the sky is blue", 0.0),
        ("Bread goes stale because starch gives off water", 0.5),
        ("A dam fails when water finds the gap", 0.5),
        ("Nurses who slept 20 minutes made fewer errors because they were awake", 0.75),
        ("According to a survey, 40 percent of tomatoes spoil", 0.9375),
    ],
)
def test_causes_conditions_findings_and_quantities_are_evidence(said: str, expected: float) -> None:
    assert signals.evidence(texts(said))[0] == expected


@pytest.mark.parametrize(
    ("alone", "leaning"),
    [
        ("Bakers keep bread warm so that starch holds water", "They keep it warm so that starch holds water"),
        ("Nurses nap at three in the morning", "We nap at three in the morning"),
        ("Barley grows between rows of trees", "This grows between those trees"),
        ("Depots burn more diesel in winter", "I\u2019ve seen depots burn more diesel in winter"),
    ],
)
def test_words_that_point_outside_make_a_text_lean(alone: str, leaning: str) -> None:
    found = signals.self_containedness(texts(alone, leaning))
    assert found[0] == 1.0
    assert found[1] < 0.8


def test_the_speaker_leans_more_than_a_thing_that_was_named_and_that_joins_clauses() -> None:
    found = signals.self_containedness(
        texts(
            "Old batteries lose range, and they lose it faster in winter",
            "Old batteries lose range, and we lose ours faster in winter",
            "Old batteries lose range that new ones keep through the winter",
        )
    )
    assert found[1] < found[0] < found[2] == 1.0


@pytest.mark.parametrize(
    "passing",
    [
        "Acme will launch version 2.0 of its phone in October for 300 dollars",
        "Maria Jansen grew up in Oslo, joined Acme after college and became CEO",
        "Acme announced a preview today that customers can download",
        "Check out this week's discount at acme.com and sign up",
        "We had a great time and then one day I was hired",
    ],
)
@pytest.mark.parametrize(
    "durable",
    [
        "Batteries age faster when people always charge them to the end",
        "Surveillance erodes trust because it punishes people who usually behave well",
        "Most teams tend to split services before anyone knows where the boundaries belong",
    ],
)
def test_mechanisms_and_generalisations_outlast_days_releases_prices_promotion_and_lives(
    durable: str, passing: str
) -> None:
    found = signals.lasting(texts(durable, "the sky is blue", passing))
    assert found[0] > found[1] == 0.5 > found[2]


def test_the_past_tense_or_a_decimal_number_ties_nothing_to_a_day() -> None:
    assert signals.lasting(texts("Twitter blamed Rails for 1.5 hours without service")).to_list() == [0.5]


def test_rare_words_surprise_and_common_ones_hardly_do() -> None:
    rare = "Adversarial retraining erodes accuracy, since robust classifiers discard brittle texture"
    common = "Good people make good things and then work on new things in a good way every day"
    assert surprise(rare) > 0.8
    assert surprise(common) < 0.6


def test_names_and_numbers_do_not_surprise() -> None:
    life = "Zebulon Quirk joined Frobnitz in 1987 and Wibbleco in 1999"
    assert surprise(life, named=("Zebulon Quirk", "Frobnitz", "Wibbleco")) < surprise(life) / 2


def test_what_the_archive_says_often_surprises_less_and_everything_else_as_before_or_more() -> None:
    said = "Envoy proxies terminate encrypted traffic beside each microservice"
    often = archive(*["Proxies terminate encrypted traffic beside a microservice"] * 400)
    other = archive(*["Bakers proof sourdough overnight inside chilled baskets"] * 400)
    assert surprise(said, often) < surprise(said) <= surprise(said, other) + 1e-9


def test_a_small_archive_hardly_changes_what_is_expected_and_a_large_one_never_drowns_it() -> None:
    said = "Envoy proxies terminate encrypted traffic beside each microservice"
    one = archive(said)
    assert surprise(said) - surprise(said, one) < 0.05
    drowned = pl.DataFrame({"word": ["and so on"], "count": [10**9]}, schema=NOTHING.schema)
    common = "Good people make good things and then work on new things in a good way every day"
    assert surprise(common, drowned) < surprise(said, drowned)


def test_a_few_words_surprise_less_than_many() -> None:
    assert surprise("Adversarial retraining") < surprise("Adversarial retraining erodes classifiers")


def test_the_background_counts_texts_and_leaves_names_out() -> None:
    said = pl.LazyFrame(
        {
            "text": texts("Rust\u2019s compiler rejects aliasing, and the compiler says why", "A compiler translates"),
            "names": names(["Rust"], []),
        }
    )
    found = dict(signals.background(said).iter_rows())
    assert found == {"compiler": 2, "rejects": 1, "aliasing": 1, "says": 1, "translates": 1}


def test_novelty_is_the_distance_to_the_nearest() -> None:
    found = signals.novelty(np.array([0.0, 0.25, 1.0, -0.5, 1.0001], np.float32))
    assert found.to_list() == [1.0, 0.75, 0.0, 1.0, 0.0]


HOSTILE = st.text(max_size=300) | st.sampled_from(
    [
        "",
        " ",
        "\x00",
        "\u2019",
        "' ' '",
        "((((",
        "\U0001f600" * 50,
        "I " * 5000,
        "9" * 5000,
        "because " * 2000,
        "İSTANBUL ß ﬁ",
    ]
)


@settings(max_examples=40, deadline=None)
@given(st.lists(HOSTILE, max_size=8), st.lists(HOSTILE, max_size=4))
def test_every_part_of_any_text_lies_between_nought_and_one(said: list[str], before: list[str]) -> None:
    column, named = texts(*said), names(*[[text[:9]] for text in said])
    for values in (
        signals.specificity(column, named),
        signals.evidence(column),
        signals.self_containedness(column),
        signals.surprise(column, named, archive(*before)),
        signals.lasting(column),
    ):
        assert len(values) == len(said)
        assert values.dtype == pl.Float64
        assert all(0 <= value <= 1 for value in values)


def test_a_text_has_the_same_parts_whatever_stands_beside_it() -> None:
    before = archive(SPECIFIC)
    alone = [surprise(said, before) for said in (SPECIFIC, VAGUE)]
    together = signals.surprise(texts(SPECIFIC, VAGUE), names([], []), before)
    assert together.to_list() == alone


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ("self_containedness", "person"),
        ("self_containedness", "story"),
        ("surprise", "trivial"),
        ("surprise", "story"),
        ("lasting", "dated"),
        ("lasting", "story"),
        ("lasting", "promotional"),
        ("evidence", "trivial"),
    ],
)
def test_real_windows_with_a_fault_have_less_of_the_part_that_looks_for_it(
    judged_parts: pl.DataFrame, part: str, reason: str
) -> None:
    faulty = judged_parts.filter(pl.col("reason") == reason)[part]
    accepted = judged_parts.filter(pl.col("reason") == "")[part]
    assert len(faulty) >= 10
    assert faulty.mean() < accepted.mean()  # type: ignore[operator]


@pytest.fixture(scope="module")
def judged_parts(corpus: Path) -> pl.DataFrame:
    windows = score_fit.windows(LabelledData(corpus=corpus))
    table = score_fit.table_of(windows["text"], windows["names"], NOTHING)
    return windows.select("reason").hstack(pl.DataFrame(table, schema=list(score_fit.FITTED)))
