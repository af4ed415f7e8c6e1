"""Paid feeds: which they are, and that nothing of their tokens gets into the lake."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from podbrief_assets import database
from podbrief_assets.episodes import hushing, identity, private
from podbrief_assets.lake.tables import WEB_ADDRESS

TOKEN = "hBkzfhw3fk29wFUCijcRezrq"
SEEN = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "address",
    [
        "https://ann:secret@feeds.example.org/show.xml",
        "https://ann@feeds.example.org/show.xml",
        "https://feeds.example.org/show.xml?token=x1",
        "https://feeds.example.org/show.xml?show=3&Auth=abc",
        f"https://feeds.example.org/show.xml?key={TOKEN}",
        "https://www.patreon.com/rss/ashow?auth=kd99kd09ka93",
        "https://ashow.supportingcast.fm/content/eyJ0IjoicCIsImMiOiIxNDA2In18NDBk.rss",
        f"https://feeds.supercast.com/feeds/{TOKEN}",
        "https://ashow.memberful.com/rss/123",
        "https://subscribers.transistor.fm/b390b1089a13f0",
        "https://api.substack.com/feed/podcast/2252/private/6578dc75-e126-4d54-83ca-34f1cc4902b8.rss",
        "https://access.acast.com/rss/632090bb4d259900133e31a5/f83kd92kd92k",
        f"https://example.org/private/{TOKEN}/feed.xml",
        f"https://example.org/feed?rss_token={TOKEN}",
        f"https://example.org/feed?member_key={TOKEN}&show=3",
        "https://blog.example.org/rss/?uuid=1f2e3d4c-5b6a-7089-90ab-cdef01234567",
    ],
)
def test_addresses_that_hold_a_token_are_private(address: str) -> None:
    assert private.is_private(address)


@pytest.mark.parametrize(
    "address",
    [
        "https://feeds.example.org/show.xml",
        "https://feeds.acast.com/public/shows/67c84bbd48f26a4bcaecfa09",
        "https://access.acast.com/rss/d556eb54-6160-4c85-95f4-47d9f5216c49",
        "https://access.acast.com/rss/632090bb4d259900133e31a5/default",
        "https://feeds.megaphone.fm/ADV3162807280",
        "https://feeds.simplecast.com/54nAGcIl",
        "https://rss.art19.com/6cc0b7c3-b29b-4fa5-b0eb-b2898933443a",
        "https://www.omnycontent.com/d/playlist/5e27a451-e6e6-4c51-aa03-a7370003783c/a/b/podcast.rss",
        "https://api.substack.com/feed/podcast/69345.rss",
        "https://feeds.transistor.fm/a-show",
        "https://example.org/feed?key=sports&u=3",
        "https://example.org/members/feed.xml",
        "https://example.org/private-equity-today/feed.xml",
        "https://feeds.example.org/tokens-and-keys?format=rss",
        "",
    ],
)
def test_public_feeds_are_not(address: str) -> None:
    assert not private.is_private(address)


def test_the_real_feeds_are_public(corpus: Path) -> None:
    addresses = (path.read_text(errors="replace") for path in (corpus / "feeds" / "real").rglob("*.xml"))
    own = [found[1] for text in addresses if (found := re.search(r'<atom:link[^>]*href="(https?://[^"]+)"', text))]
    assert len(own) > 20
    assert [address for address in own if private.is_private(address)] == []


@settings(max_examples=200)
@given(st.text(max_size=60) | st.from_regex(r"https?://[a-z.@:]{0,12}/[a-z0-9/?&=%]{0,30}"))
def test_any_address_is_judged(address: str) -> None:
    assert private.is_private(address) in (True, False)


def row(token: str = TOKEN, **changes: object) -> dict[str, object]:
    address = f"https://paid.example.org/12.mp3?token={token}"
    return {
        "show_id": "s",
        "guid": "721a2dca-a672-4a9b-a2f1-b08e12802902",
        "episode_id": "e",
        "title": "The canal",
        "audio_url": address,
        "enclosures": [{"url": address, "type": "audio/mpeg", "bytes": 1, "title": None, "rel": None}],
        "transcripts": [{"url": f"{address}&format=srt", "type": "text/srt", "language": None, "rel": None}],
        "chapters_url": f"https://paid.example.org/chapters?token={token}",
        "link": f"https://paid.example.org/{token}/12",
        "image_url": f"https://ann:{token}@img.example.org/12.png",
        "persons": [{"name": "Ann", "role": None, "group": None, "href": f"https://paid.example.org/ann?auth={token}"}],
        "notes_base": f"https://paid.example.org/feed?token={token}",
        "notes": f'<a href="https://paid.example.org/{token}/x">x</a> https://a.org/?u={token} https://free.org/page',
        "texts": [{"purpose": None, "text": f"see https://paid.example.org/n?auth={token}"}],
        "digest": "d",
        **changes,
    }


def test_a_sealed_row_holds_no_token_and_can_be_opened() -> None:
    sealed, mapping = private.sealed(row())
    assert TOKEN not in json.dumps(sealed)
    assert "https://free.org/page" in str(sealed["notes"])
    assert private.is_sealed(sealed["audio_url"])
    assert re.match(WEB_ADDRESS, sealed["audio_url"])
    assert mapping[sealed["audio_url"]] == row()["audio_url"]
    assert set(mapping.values()) == {
        row()["audio_url"],
        f"{row()['audio_url']}&format=srt",
        *(row()[name] for name in ("chapters_url", "link", "image_url", "notes_base")),
        f"https://paid.example.org/ann?auth={TOKEN}",
    }
    assert sealed["guid"] == row()["guid"]
    assert sealed["digest"] == "d"


@pytest.mark.parametrize(
    ("notes", "kept"),
    [
        ("<a href='/m/a1B2c3D4e5F6/12'>more</a>", "<a href='…'>more</a>"),
        ('<a href="?t=a1b2c3d4e5f6">more</a>', '<a href="…">more</a>'),
        ("https:&#x2F;&#x2F;h.org&#x2F;m&#x2F;a1B2c3D4e5F6 here", "… here"),
        ("<a href=/m/a1B2c3D4e5F6/12>more</a>", "<a href=…>more</a>"),
        ("<p>and/or <a href='/about'>us</a></p>", "<p>and/or <a href='/about'>us</a></p>"),
    ],
)
def test_a_link_within_the_publishers_site_loses_its_token_too(notes: str, kept: str) -> None:
    sealed, _ = private.sealed(row(notes=notes, texts=[{"purpose": None, "text": notes}]))
    assert sealed["notes"] == sealed["texts"][0]["text"] == kept


def test_sealing_again_changes_nothing() -> None:
    once, _ = private.sealed(row(guid="https://paid.example.org/12.mp3?token=1"))
    assert private.sealed(once) == (once, {})


@pytest.mark.parametrize("guid", ["https://paid.example.org/12.mp3?token={}", None])
def test_a_guid_that_is_an_address_stays_the_same_episode_while_its_token_rotates(guid: str | None) -> None:
    days = []
    for token in ("a1" * 12, "b2" * 12):
        address = f"https://paid.example.org/12.mp3?token={token}"
        stated = guid.format(token) if guid else identity.item_guid(None, address, "", None)
        days.append(private.sealed(row(token, guid=stated))[0])
    assert days[0]["guid"] == days[1]["guid"]
    assert days[0]["episode_id"] == days[1]["episode_id"] == identity.episode_id("s", days[0]["guid"])
    assert days[0]["audio_url"] == days[1]["audio_url"]


@pytest.mark.parametrize("form", ["https://site.example/podcast#ep{}", "https://site.example/play?from={}"])
def test_a_guid_that_is_an_address_tells_episodes_apart_by_all_but_credentials(form: str) -> None:
    one, two = (private.sealed(row(guid=form.format(n)))[0] for n in (1, 2))
    assert one["guid"] != two["guid"] and one["episode_id"] != two["episode_id"]


def test_recordings_that_only_a_token_tells_apart_get_a_seal_each() -> None:
    addresses = [f"https://paid.example.org/listen?token={n}" for n in (1, 2)]
    ambiguous = private.ambiguous_seals([*addresses, addresses[0], "https://paid.example.org/3.mp3?token=3"])
    sealed = [private.sealed(row(audio_url=address), ambiguous) for address in addresses]
    seals = [out["audio_url"] for out, _ in sealed]
    assert seals[0] != seals[1]
    assert [found[seal] for (_, found), seal in zip(sealed, seals, strict=True)] == addresses
    assert private.ambiguous_seals(addresses[:1] * 2) == frozenset()


def test_long_notes_are_done_with_quickly() -> None:
    started = time.process_time()
    for notes in ("a" * 100_000, "a/" * 50_000, "&#x2F;" * 16_000, "=" * 100_000):
        private.sealed(row(notes=notes))
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("“B” is at (show.paid.fm/media/abc123def/1.mp3).", "“B” is at (show.paid.fm/…)."),
        ("the address (feed:show.paid.fm/media/abc) is none", "the address (feed:show.paid.fm/…) is none"),
        ("see https://paid.fm/it's/TOKEN, then", "see https://paid.fm/…, then"),
        ("held by joe:hunter2@paid.fm/f", "held by paid.fm/…"),
        ("text/html and/or 3.5 hours", "text/html and/or 3.5 hours"),
    ],
)
def test_of_an_address_nothing_but_the_host_is_told(told: str, shown: str) -> None:
    assert hushing.hushed(told) == shown


def test_rows_with_nothing_to_seal_are_taken() -> None:
    empty = dict.fromkeys(row()) | {"guid": "g", "show_id": "s", "transcripts": [], "persons": []}
    assert private.sealed(empty) == (empty, {})


@settings(max_examples=100)
@given(st.text(max_size=60))
def test_any_text_can_be_sealed(text: str) -> None:
    sealed, mapping = private.sealed(row(audio_url=text, guid=text or "g", notes=text))
    assert not text or private.is_sealed(sealed["audio_url"])
    assert private.sealed(sealed)[1] == {}
    assert all(private.is_sealed(stand_in) for stand_in in mapping)


@pytest.mark.parametrize("text", ["https://x.sealed.invalid/", "sealed:zz", "https://a.org/", "sealed:", ""])
def test_what_only_looks_sealed_is_not(text: str) -> None:
    assert not private.is_sealed(text)
    assert private.seal_in(text) is None


def test_the_newest_address_opens_a_seal(engine: Engine) -> None:
    before, mapping = private.sealed(row("a1" * 12))
    private.keep(engine, mapping, seen_at=SEEN)
    after, mapping = private.sealed(row("b2" * 12))
    private.keep(engine, mapping)
    url = after["audio_url"]
    assert url == before["audio_url"]
    assert private.opened(engine, [url, "https://free.org/", f"https://{'0' * 32}.sealed.invalid/"]) == {
        url: f"https://paid.example.org/12.mp3?token={'b2' * 12}"
    }
    with database.session(engine, read_only=True) as session:
        assert session.scalar(
            select(private.SealedAddress.first_seen_at).where(private.SealedAddress.sealed == url)
        ) == SEEN  # fmt: skip


def test_many_are_opened_at_once(engine: Engine) -> None:
    mapping = {f"https://{number:032x}.sealed.invalid/": f"https://a.org/{number}" for number in range(1_200)}
    private.keep(engine, mapping)
    private.keep(engine, {})
    assert private.opened(engine, list(mapping)) == mapping
    assert private.opened(engine, []) == {}
