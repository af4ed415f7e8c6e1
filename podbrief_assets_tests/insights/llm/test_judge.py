"""A second model that judges: what it drops, merges and rewrites, and that it breaks nothing when it fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podbrief_assets.insights.candidates import Candidate, Extraction
from podbrief_assets.insights.grounding import locate
from podbrief_assets.insights.llm import LlmExtractor, judge, proposals
from podbrief_assets_tests.insights.llm.episode import CACHES, COLD, EPISODE, Memory, passages, price_table, quick
from podbrief_assets_tests.insights.llm_server import LlmServer, Reply, about, answer, error, insights

BETTER = (
    "After a restart at Acme, the database took 40 times its normal load for 90 seconds and half of the requests failed "
    "until the cache had filled, because a cache that starts empty sends every request to the database."
)


def verdict(number: int, **changed: Any) -> dict[str, Any]:
    return {"number": number, "reason": "good", "keep": True, "score": 0.5, "same_as": 0, "text": "", **changed}


def verdicts(*listed: dict[str, Any], tokens: tuple[int, int] = (500, 50)) -> Reply:
    return answer(json.dumps({"verdicts": listed}), tokens=tokens)


def judged(said: Reply | Callable[[dict[str, Any]], Reply], cache: Memory | None = None, **changed: Any) -> Extraction:
    """What comes of two sound proposals, of caches first, when the judge says `said`."""

    def behave(request: dict[str, Any]) -> Reply:
        if about(request) == "insights":
            return insights(CACHES, COLD)
        return said(request) if callable(said) else said

    with LlmServer(otherwise=behave) as server:
        extractor = LlmExtractor(quick(server, judge_model="large", **changed))
        found = extractor.extract_episode(EPISODE, passages(), cache=cache)
        asked = [request for request in server.requests if about(request) == "verdicts"]
        assert all(request["model"] == "large" for request in asked)
        return found


def rules(found: Extraction) -> list[str]:
    return [rejection.rule for rejection in found.rejections]


def test_both_proposals_are_sound_without_a_judge(server: LlmServer) -> None:
    server.then([insights(CACHES, COLD)])
    found = LlmExtractor(quick(server)).extract_episode(EPISODE, passages())
    assert [candidate.judge_score for candidate in found.candidates] == [None, None], rules(found)


def test_what_is_kept_has_the_judges_score_and_its_share_of_the_cost(tmp_path: Path) -> None:
    table = price_table(tmp_path, "tiny = { input = 2, output = 10 }\nlarge = { input = 20, output = 100 }")
    found = judged(verdicts(verdict(1, score=0.9), verdict(2, score=0.4)), own_prices=table)
    assert [candidate.judge_score for candidate in found.candidates] == [0.9, 0.4]
    assert [candidate.prompt_version for candidate in found.candidates] == [
        f"{proposals.instructions().version}+{judge.instructions().version}"
    ] * 2
    assert [(one.purpose, one.outcome, one.proposed) for one in found.asked] == [
        ("passage", "answered", 2),
        ("judge", "answered", 2),
    ]
    assert found.cost_usd == pytest.approx((1000 * 2 + 100 * 10 + 500 * 20 + 50 * 100) / 1e6)
    assert sum(candidate.cost_usd or 0 for candidate in found.candidates) == pytest.approx(found.cost_usd)
    assert sum(candidate.tokens_in for candidate in found.candidates) == found.tokens_in == 1500


def test_what_the_judge_drops_is_kept_apart_with_its_reason() -> None:
    found = judged(verdicts(verdict(1), verdict(2, keep=False, reason="trivial", score=0.1)))
    assert [candidate.text for candidate in found.candidates] == [CACHES["text"]]
    assert rules(found) == ["judge_trivial"]
    assert found.rejections[0].candidate.judge_score == 0.1
    assert found.failures == []


def test_of_two_that_say_the_same_the_better_one_is_kept() -> None:
    found = judged(verdicts(verdict(1, score=0.3), verdict(2, score=0.8, same_as=1)))
    assert [candidate.text for candidate in found.candidates] == [COLD["text"]]
    assert rules(found) == ["judge_repeats"]
    assert "A cache that starts empty" in found.rejections[0].detail


def test_one_that_says_what_a_dropped_one_says_stays() -> None:
    found = judged(verdicts(verdict(1, keep=False, reason="vague", score=0.9), verdict(2, same_as=1)))
    assert [candidate.text for candidate in found.candidates] == [COLD["text"]]


def test_a_better_wording_is_taken() -> None:
    found = judged(verdicts(verdict(1, text=BETTER), verdict(2)))
    assert [candidate.text for candidate in found.candidates] == [BETTER, COLD["text"]]
    assert found.candidates[0].quote == CACHES["quote"]
    assert found.candidates[0].names == ("Acme",)


@pytest.mark.parametrize(
    ("said", "told", "rule"),
    [
        ("40 times", "400 times", "number"),
        ("at Acme", "at Globex", "name"),
        ("took 40", "never took 40", "negation"),
        ("because a cache", "so visit acme.example/cache because a cache", "contact"),
        (BETTER, "Too short.", "length"),
    ],
)
def test_a_wording_that_breaks_a_rule_is_not_taken_and_told(said: str, told: str, rule: str) -> None:
    found = judged(verdicts(verdict(1, text=BETTER.replace(said, told)), verdict(2)))
    assert [candidate.text for candidate in found.candidates] == [CACHES["text"], COLD["text"]]
    assert len(found.failures) == 1
    assert f"({rule}: " in found.failures[0]


@pytest.mark.parametrize(
    "said",
    [
        error(400, "no"),
        error(500, "down", **{"x-should-retry": "false"}),
        error(401, "wrong key"),
        answer("I like them both."),
        answer(None, refusal="I will not judge."),
        answer(json.dumps({"verdicts": []})),
        answer(json.dumps({"verdicts": [verdict(7), verdict(1, keep="yes"), verdict(2, score=3)]})),
    ],
)
def test_a_judge_that_fails_leaves_the_proposals_as_they_are_and_says_so(said: Reply) -> None:
    found = judged(said)
    assert [candidate.text for candidate in found.candidates] == [CACHES["text"], COLD["text"]]
    assert [candidate.judge_score for candidate in found.candidates] == [None, None]
    assert len(found.failures) == 1
    assert found.failures[0].startswith("the judge: ")
    assert found.passages_failed == 0


def test_a_verdict_about_one_says_nothing_about_the_other() -> None:
    found = judged(verdicts(verdict(2, keep=False, reason="promotion")))
    assert [candidate.text for candidate in found.candidates] == [CACHES["text"]]
    assert found.candidates[0].judge_score is None
    assert "1 of 2 have no well-formed verdict" in found.failures[0]


def test_the_judge_is_asked_once_about_the_same_proposals(cache: Memory) -> None:
    asked: list[dict[str, Any]] = []

    def said(request: dict[str, Any]) -> Reply:
        asked.append(request)
        return verdicts(verdict(1), verdict(2, score=0.7))

    first = judged(said, cache)
    assert judged(said, cache) == first
    assert len(asked) == 1


def test_the_judge_sees_quotes_with_their_context_as_data(cache: Memory) -> None:
    asked: list[dict[str, Any]] = []

    def said(request: dict[str, Any]) -> Reply:
        asked.append(request)
        return verdicts(verdict(1), verdict(2))

    judged(said)
    system, user = (message["content"] for message in asked[0]["messages"])
    assert "insight 2\n" in user
    assert f"quote: {CACHES['quote']}\n" in user
    assert "context: After a restart the database took 40 times" in user
    assert user.startswith("<<<DATA ")
    assert "Acme" not in system
    assert "{{" not in system
    assert asked[0]["response_format"]["json_schema"]["schema"]["properties"]["verdicts"]["maxItems"] == 2


def test_many_links_never_chain_unlike_things_together() -> None:
    listed = [verdict(1, score=0.9), verdict(2, score=0.8, same_as=1), verdict(3, score=0.7, same_as=2)]
    reading = judge.read(json.dumps({"verdicts": listed}), 3)
    accepted = [_accepted(number) for number in (1, 2, 3)]
    ruling = judge.rule(reading.value, accepted, lambda one, text: None)
    assert [one.candidate.text for one in ruling.kept] == ["text 1", "text 3"]
    assert [rejection.candidate.text for rejection in ruling.dropped] == ["text 2"]


def _accepted(number: int) -> judge.Accepted:
    passage = passages()[0]
    place = locate(str(CACHES["quote"]), passage.segments)
    assert place is not None
    candidate = Candidate(
        kind="insight", text=f"text {number}", quote=place.text, start_s=number, end_s=number + 1, extractor="llm"
    )
    return judge.Accepted(candidate=candidate, place=place, passage=passage)
