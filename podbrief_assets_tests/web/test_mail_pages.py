"""The links in a mail, over real HTTP: a look changes nothing, a POST does it, and nobody else's link helps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest
from sqlalchemy import Engine, select

from podbrief_assets.database import session
from podbrief_assets.delivery.links import NOBODY, Links, LinksUnanswered, require_answers
from podbrief_assets.subscribers import database as subscribers
from podbrief_assets.subscribers.feedback import FeedbackRow
from podbrief_assets.tokens import Keys, issue
from podbrief_assets_tests.web.site import serving

DAY = dt.date(2026, 11, 21)
NOW = dt.datetime(2026, 11, 22, 7, tzinfo=dt.UTC)
KEYS = Keys.of("k" * 40)
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@dataclass
class Site:
    links: Links
    now: dt.datetime


@pytest.fixture
def site(engine: Engine) -> Iterator[Site]:
    made = Site(Links("", KEYS), NOW)
    with serving(engine, KEYS, lambda: made.now) as address:
        made.links = Links(address, KEYS)
        yield made


@pytest.fixture
def ann(engine: Engine) -> str:
    with session(engine) as transaction:
        return subscribers.add(transaction, "ann@example.org", ["whales"]).subscriber_id


def is_active(engine: Engine, subscriber_id: str) -> bool:
    with session(engine, read_only=True) as transaction:
        return subscribers.is_active(transaction, subscriber_id)


def votes(engine: Engine) -> list[tuple[str, str, str]]:
    with session(engine, read_only=True) as transaction:
        rows = transaction.scalars(select(FeedbackRow).order_by(FeedbackRow.feedback_id))
        return [(row.subscriber_id, row.insight_id, row.kind) for row in rows]


def test_one_click_unsubscribes_without_a_cookie_and_as_often_as_it_comes(site: Site, engine: Engine, ann: str) -> None:
    link = site.links.unsubscribe(ann, DAY)
    for form in (ONE_CLICK, {}):
        # As a mail program does it, then as the page's own button does.
        answer = httpx2.post(link, data=form)
        assert answer.status_code == 200
        assert "You are unsubscribed" in answer.text
        assert "set-cookie" not in answer.headers
        assert not is_active(engine, ann)


def test_a_scanner_that_follows_links_changes_nothing(site: Site, engine: Engine, ann: str) -> None:
    for link in (site.links.unsubscribe(ann, DAY), site.links.vote(ann, "20261121-aa", "up", DAY)):
        for method in ("GET", "HEAD"):
            answer = httpx2.request(method, link)
            assert answer.status_code == 200
        answer = httpx2.get(link)
        assert '<form method="post"><button' in answer.text
        assert answer.headers["cache-control"] == "no-store" and answer.headers["referrer-policy"] == "no-referrer"
        assert "script-src" not in answer.headers["content-security-policy"] and "<script" not in answer.text
    assert is_active(engine, ann) and votes(engine) == []


def test_a_vote_is_noted_for_the_one_who_got_the_mail(site: Site, engine: Engine, ann: str) -> None:
    for kind in ("up", "down", "already_knew"):
        assert "Thank you" in httpx2.post(site.links.vote(ann, "20261121-aa", kind, DAY)).text  # type: ignore[arg-type]
    assert votes(engine) == [(ann, "20261121-aa", kind) for kind in ("up", "down", "already_knew")]


def test_a_link_for_one_thing_is_worth_nothing_for_another(site: Site, engine: Engine, ann: str) -> None:
    unsubscribe = site.links.unsubscribe(ann, DAY)
    vote = site.links.vote(ann, "20261121-aa", "up", DAY)
    for crossed in (unsubscribe.replace("/unsubscribe/", "/vote/"), vote.replace("/vote/", "/unsubscribe/")):
        answer = httpx2.post(crossed)
        assert answer.status_code == 404 and "does not work" in answer.text
    for token in ("x", "1.2.3", "%00", "a" * 5_000, "<script>", unsubscribe.rpartition("/")[2] + "x"):
        answer = httpx2.post(f"{site.links.public_url}/unsubscribe/{token}")
        assert answer.status_code in (404, 414), token
        assert "<script" not in answer.text
    assert is_active(engine, ann) and votes(engine) == []
    assert httpx2.put(unsubscribe).status_code == 405
    assert httpx2.get(f"{site.links.public_url}/").status_code == 404


def test_a_link_that_is_too_old_says_so(site: Site, engine: Engine, ann: str) -> None:
    site.now = NOW + dt.timedelta(days=61)
    assert httpx2.post(site.links.vote(ann, "20261121-aa", "up", DAY)).status_code == 410
    assert httpx2.post(site.links.unsubscribe(ann, DAY)).status_code == 200, "leaving is possible for much longer"


def test_whoever_is_not_there_any_more_is_told_the_same_and_nothing_is_kept(site: Site, engine: Engine) -> None:
    gone = "f" * 16
    assert "You are unsubscribed" in httpx2.post(site.links.unsubscribe(gone, DAY)).text
    assert "Thank you" in httpx2.post(site.links.vote(gone, "20261121-aa", "up", DAY)).text
    assert votes(engine) == []


def test_the_links_of_a_test_mail_change_nothing(site: Site, engine: Engine, ann: str) -> None:
    assert "test" in httpx2.post(site.links.unsubscribe(NOBODY, DAY)).text
    assert "test" in httpx2.post(site.links.vote(NOBODY, "20261121-aa", "up", DAY)).text
    assert is_active(engine, ann) and votes(engine) == []


def test_a_vote_of_another_form_is_refused(site: Site) -> None:
    for subject in ("a:b", "a:b:sideways", "a:b:up:c"):
        token = issue("vote", subject, key=KEYS, expires_at=NOW + dt.timedelta(1))
        assert httpx2.post(f"{site.links.public_url}/vote/{token}").status_code == 404


def test_before_mail_leaves_the_public_address_is_asked(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODBRIEF_ALLOW_PRIVATE_HOSTS", "127.0.0.1")
    require_answers(site.links, NOW)
    with pytest.raises(LinksUnanswered, match="does not answer") as wrong_keys:
        require_answers(Links(site.links.public_url, Keys.of("o" * 40)), NOW)
    assert "PODBRIEF_TOKEN_KEY" in wrong_keys.value.remedy
    assert "unsubscribe/1." not in str(wrong_keys.value), "a token is nobody's business"
