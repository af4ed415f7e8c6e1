"""Reading feeds: dialects, repair, refusal, and what the words mean."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.episodes import identity
from podbrief_assets.episodes.feed import (
    MAX_ITEMS,
    MAX_SKIPPED_LINES,
    EmptyFeed,
    Enclosure,
    Feed,
    FeedError,
    FeedRefused,
    Item,
    NotAFeed,
    Person,
    Soundbite,
    StatedText,
    TranscriptLink,
    parse_feed,
)
from podbrief_assets.episodes.markup import MAX_NOTES_CHARS
from podbrief_assets.lake.tables import TABLES

URL = "https://pod.example.org/shows/feed.xml"
ITUNES = "http://www.itunes.com/dtds/podcast-1.0.dtd"
PODCAST = "https://podcastindex.org/namespace/1.0"
ENCLOSURE = '<enclosure url="https://cdn.example.org/1.mp3" length="10" type="audio/mpeg"/>'


def rss(body: str, *, namespaces: str = f'xmlns:itunes="{ITUNES}" xmlns:podcast="{PODCAST}"') -> bytes:
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" {namespaces}>'
    return f"{head}<channel>{body}</channel></rss>".encode()


def item(body: str = "", *, guid: str = "g1", title: str = "One", enclosure: str = ENCLOSURE) -> str:
    return f"<item><guid>{guid}</guid><title>{title}</title>{enclosure}{body}</item>"


def only(content: bytes) -> Item:
    feed = parse_feed(content, URL)
    assert len(feed.episodes) == 1, feed.skipped
    return feed.episodes[0]


def titles(feed: Feed) -> list[str]:
    return [episode.title for episode in feed.episodes]


# --- Real feeds -----------------------------------------------------------------------------------------------------


def real_feeds(corpus: Path) -> list[Path]:
    return sorted((corpus / "feeds" / "real").glob("*/*.xml"))


def test_every_item_with_an_enclosure_of_every_real_feed_becomes_an_episode(corpus: Path) -> None:
    total = 0
    for path in real_feeds(corpus):
        content = path.read_bytes()
        # Counted in the text, so that what is compared with has nothing in common with the reader.
        text = re.sub(rb"<!\[CDATA\[.*?\]\]>", b"", content, flags=re.DOTALL)
        items = re.findall(rb"<item[\s>].*?</item>", text, flags=re.DOTALL)
        expected = sum(b"<enclosure" in each for each in items)
        feed = parse_feed(content, URL)
        assert len(feed.episodes) == expected, path.name
        assert not feed.truncated, path.name
        assert all(each.published_at and each.audio_url and each.title for each in feed.episodes), path.name
        assert len({each.episode_id for each in feed.episodes}) == expected, path.name
        total += expected
    assert total == 12_889


def test_rows_are_what_the_table_wants_of_a_feed(corpus: Path) -> None:
    schema = TABLES["feed_items"].polars_schema
    # What the scan knows and no feed states, or states under another name.
    added = {"first_seen_at", "digest", "show_title", "language", "stated_at", "back_catalogue", "private"}
    for path in [*real_feeds(corpus)[::8], corpus / "feeds" / "fixtures" / "partytime" / "example.xml"]:
        rows = [each.row() for each in parse_feed(path.read_bytes(), URL).episodes]
        assert set(schema) - set(rows[0]) == added
        assert set(rows[0]) - set(schema) == {"published_at"}
        columns = {name: schema[name] for name in schema if name in rows[0]}
        frame = pl.DataFrame([{name: row[name] for name in columns} for row in rows], schema=columns, strict=True)
        assert len(frame) == len(rows)


def test_agrees_with_feedparser_on_real_feeds(corpus: Path) -> None:
    feedparser = pytest.importorskip("feedparser", reason="comparing takes the extra `bench`")
    compared = 0
    for name in ("gopodcast/1772608512.xml", "gopodcast/1761851010.xml", "partytime/pc20rss.xml"):
        content = (corpus / "feeds" / "real" / name).read_bytes()
        theirs = {entry.id: entry for entry in feedparser.parse(content).entries if entry.enclosures}
        ours = parse_feed(content, URL).episodes
        assert [each.guid for each in ours] == list(theirs)
        for each in ours:
            entry = theirs[each.guid]
            assert each.audio_url == entry.enclosures[0].href
            assert each.title == " ".join(entry.title.split())
            assert each.published_at == datetime(*entry.published_parsed[:6], tzinfo=UTC)
            compared += 1
    assert compared > 100


CHILD = """
import resource, sys, time
from podbrief_assets.episodes.feed import FeedError, parse_feed
parse_feed(b"<rss><channel><title>x</title></channel></rss>", "https://a.org/")
parse_feed(b"<rss><channel><title>x</b></title></channel></rss>", "https://a.org/")

def peak():
    # The high-water mark of this process alone: ru_maxrss also counts what it was before the exec.
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:")) * 1024

for path in sys.argv[1:]:
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # from here on, the mark is of what is resident now
    before, started = peak(), time.process_time()
    with open(path, "rb") as file:
        content = file.read()
    try:
        parse_feed(content, "https://a.org/")
    except FeedError:
        pass
    print(peak() - before, time.process_time() - started, len(content))
"""


def measured_apart(path: Path) -> tuple[int, float, int]:
    """Bytes of memory (libxml2's among them), seconds and the feed's bytes, of reading it in a process of its own."""
    if not Path("/proc/self/status").exists():
        pytest.skip("the memory of a process is read from /proc")
    result = subprocess.run([sys.executable, "-c", CHILD, path], capture_output=True, text=True, check=True)
    grown, seconds, length = result.stdout.split()
    return int(grown), float(seconds), int(length)


def test_four_megabytes_are_read_well_below_a_second_in_little_memory(corpus: Path) -> None:
    grown, seconds, length = measured_apart(corpus / "feeds" / "real" / "gopodcast" / "1043699613.xml")
    assert length > 4_000_000
    assert seconds < 1
    assert grown < 5 * length


def test_fixtures_of_other_parsers_are_read_or_refused_by_name(corpus: Path) -> None:
    read = refused = 0
    for path in sorted((corpus / "feeds" / "fixtures").rglob("*")):
        if path.is_file():
            try:
                feed = parse_feed(path.read_bytes(), URL)
            except FeedError as error:
                refused += 1
                assert error.what and error.remedy
                assert path.suffix in {".json", ".md", ".html"} or isinstance(error, NotAFeed), path
            else:
                read += 1
                assert all(len(each.digest) == 64 and each.row() for each in feed.episodes)
    assert read > 380
    assert refused > 380


def test_attacks_are_refused_within_a_tenth_of_a_second_and_little_memory(corpus: Path, tmp_path: Path) -> None:
    attacks = [path for path in (corpus / "feeds" / "attack").rglob("*") if path.is_file()]
    assert attacks
    billion = tmp_path / "billion.xml"
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    billion.write_text(f'<!DOCTYPE rss [<!ENTITY l0 "lol">{levels}]><rss><channel><title>&l11;</title></channel></rss>')
    for path in [*attacks, billion]:
        with pytest.raises((FeedRefused, NotAFeed)):
            parse_feed(path.read_bytes(), URL)
        grown, seconds, _ = measured_apart(path)
        assert seconds < 0.1, path
        assert grown < 50_000_000, path


# --- Refusal --------------------------------------------------------------------------------------------------------

BOMB = '<!DOCTYPE rss [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "content",
    [
        BOMB.encode() + rss(item()).partition(b"?>")[2],
        (BOMB + rss(item()).decode().partition("?>")[2]).encode("utf-16"),
        (BOMB + rss(item()).decode().partition("?>")[2]).encode("utf-16-le"),
        b"\n<!-- x -->" + BOMB.encode() + b"<rss/>",
        b'<!DOCTYPE rss [<!-- <!ELEMENT --> <!ENTITY % p SYSTEM "http://127.0.0.1/p.dtd">%p;]><rss/>',
        b'<?xml version="1.0"?><!DOCTYPE rss [ <!ATTLIST rss v CDATA "]>"> <!ENTITY f SYSTEM "file:///etc/passwd">]><rss/>',
    ],
)
def test_declared_entities_are_refused_in_any_encoding_and_disguise(content: bytes) -> None:
    with pytest.raises(FeedRefused, match="entities"):
        parse_feed(content, URL)


def test_encoding_that_hides_markup_cannot_smuggle_a_dtd() -> None:
    hidden = ("<rss><channel>" + item(title="&f;") + "</channel></rss>").encode("utf-7")
    content = b'<?xml version="1.0" encoding="utf-7"?>' + '<!DOCTYPE rss [<!ENTITY f "x">]>'.encode("utf-7") + hidden
    with pytest.raises(FeedError):
        parse_feed(content, URL)


def test_doctype_without_entities_is_harmless() -> None:
    doctype = (
        b'<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://my.netscape.com/rss-0.91.dtd">'
    )
    assert only(doctype + rss(item(title="Caf&eacute;&nbsp;1")).partition(b"?>")[2]).title == "Café 1"


@pytest.mark.parametrize("content", [b"", b"  \r\n\t", b"\xef\xbb\xbf", b"\x00\x00\x00"])
def test_empty_answers_are_called_empty(content: bytes) -> None:
    with pytest.raises(EmptyFeed, match=r"pod\.example\.org"):
        parse_feed(content, URL)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<!DOCTYPE html><html><head><title>Log in</title></head></html>", "web page"),
        (b"\n\n<html lang='en'><body><rss></rss></body></html>", "web page"),
        (b'{"version": "https://jsonfeed.org/version/1.1", "items": []}', "JSON"),
        (b"\x89PNG\r\n\x1a\n0000", "not XML"),
        (b"Not found", "not XML"),
        (b"<opml version='2.0'><body/></opml>", "of the kind <opml>"),
    ],
)
def test_answers_that_are_no_feed_are_told_apart(content: bytes, said: str) -> None:
    with pytest.raises(NotAFeed, match=re.escape(said)) as caught:
        parse_feed(content, "https://user:pw@pod.example.org/feed?token=secret")
    assert caught.value.remedy
    assert "pod.example.org/feed" in str(caught.value)
    assert "secret" not in str(caught.value) and "pw" not in str(caught.value)


# --- Repair ---------------------------------------------------------------------------------------------------------


def test_white_space_byte_order_mark_and_warnings_before_the_feed_are_passed_over() -> None:
    warning = b"<br />\n<b>Warning</b>: Cannot modify header in /srv/feed.php on line 2<br />\n"
    for before in (b"\n  \n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n", b"\x00", warning):
        assert titles(parse_feed(before + rss(item()), URL)) == ["One"]


@pytest.mark.parametrize(
    ("declared", "actual"),
    [
        ("UTF-8", "cp1252"),
        ("ISO-8859-1", "utf-8"),
        ("windows-1252", "cp1252"),
        ("us-ascii", "utf-8"),
        ("no-such-encoding", "utf-8"),
        ("UTF-16", "utf-8"),
        ("utf-8", "utf-16"),
        ("utf-8", "utf-16-be"),
    ],
)
def test_encoding_is_found_whatever_is_declared(declared: str, actual: str) -> None:
    text = rss(item(title="Über “Käse” - façade")).decode().replace("UTF-8", declared)
    assert only(text.encode(actual)).title == "Über “Käse” - façade"


@pytest.mark.parametrize(
    ("declared", "title"),
    [("Shift_JIS", "株の話"), ("koi8-r", "Привет мир"), ("gb2312", "联通"), ("ISO-2022-JP", "会話")],
)
def test_declared_legacy_encodings_are_honoured(declared: str, title: str) -> None:
    content = rss(item(title=title)).decode().replace("UTF-8", declared).encode(declared)
    assert only(content).title == title


def test_one_foreign_byte_does_not_turn_a_utf_8_feed_into_something_else() -> None:
    content = rss(item(title="Größe") + item(guid="g2", title="caf@")).replace(b"caf@", b"caf\xe9")
    feed = parse_feed(content, URL)
    assert titles(feed) == ["Größe", "caf\ufffd"]


def test_undefined_entities_bare_ampersands_and_control_characters_are_repaired_outside_cdata_only() -> None:
    notes = "<description><![CDATA[<p>Q&amp;A &nbsp; <a href='https://a.org/?x=1&y=2'>x</a></p>]]></description>"
    episode = only(
        rss(
            item(
                notes + "<link>https://a.org/?p=1&q=2</link>",
                title="R&D\x0b &mdash; 5 &euro; &unknown; &LT;b&GT; A&#0;&amp;B",
            )
        )
    )
    assert episode.title == "R&D — 5 € &unknown; A&B"
    assert episode.link == "https://a.org/?p=1&q=2"
    assert episode.description == "Q&A x"
    assert 'href="https://a.org/?x=1&amp;y=2"' in (episode.description_html or "")


def test_prefixes_that_nobody_declared_are_still_understood() -> None:
    episode = only(rss(item("<itunes:duration>90</itunes:duration><odd:thing>1</odd:thing>"), namespaces=""))
    assert episode.duration_s == 90


def test_text_after_the_feed_is_ignored() -> None:
    feed = parse_feed(rss(item()) + b"<script>track()</script> trailing & junk", URL)
    assert (titles(feed), feed.truncated) == (["One"], False)


def test_an_item_that_is_broken_spoils_no_other() -> None:
    broken = item("<description>unclosed <b>bold <i>text</description>", guid="g2", title="Two", enclosure="")
    broken = broken.replace("</item>", f"{ENCLOSURE}</item>")
    feed = parse_feed(rss(item() + broken + item(guid="g3", title="Three")), URL)
    assert titles(feed) == ["One", "Two", "Three"]
    assert [each.audio_url for each in feed.episodes] == ["https://cdn.example.org/1.mp3"] * 3
    assert not feed.truncated


@pytest.mark.parametrize("cut", ["<title>Three", "<description><![CDATA[a ]]", "</item", "<guid>g3</gu", " url=&quot;"])
def test_cut_off_feed_gives_its_whole_items_and_says_so(cut: str) -> None:
    head = "<title>Show</title><podcast:guid>0a2ee0d1-46d1-52c7-b03c-eced59ca19cd</podcast:guid>"
    whole = rss(head + item() + item(guid="g2", title="Two"))
    feed = parse_feed(whole[: whole.index(b"</channel>")] + f"<item>{ENCLOSURE}{cut}".encode(), URL)
    assert feed.truncated
    assert titles(feed) == ["One", "Two"]
    assert feed.show.title == "Show"
    assert feed.show.show_id == "0a2ee0d1-46d1-52c7-b03c-eced59ca19cd"


def test_feed_cut_anywhere_never_yields_a_changed_item() -> None:
    content = rss("<title>Show</title>" + "".join(item(guid=f"g{n}", title=f"Ünit {n}") for n in range(6)))
    whole = parse_feed(content, URL).episodes
    for end in range(content.index(b"<channel>"), len(content) - len("</rss>"), 7):
        feed = parse_feed(content[:end], URL)
        assert feed.truncated
        assert feed.episodes == whole[: len(feed.episodes)]
        assert len(feed.episodes) == content[:end].count(b"</item>")


def test_feed_that_lacks_only_its_last_tag_is_truncated_even_where_notes_mention_it() -> None:
    notes = "<description><![CDATA[End it with </channel></rss> and you are done.]]></description>"
    whole = rss(item(notes) + item(guid="g2", title="Two"))
    for lacking in (b"</rss>", b"</channel></rss>"):
        feed = parse_feed(whole.removesuffix(lacking), URL)
        assert (feed.truncated, titles(feed)) == (True, ["One", "Two"])
    assert not parse_feed(whole, URL).truncated
    assert not parse_feed(whole + b" & junk", URL).truncated


@pytest.mark.parametrize("damage", ["", "&undefined;", "\x0b", "\ufffe", "</b>"])
def test_what_stands_around_the_items_counts_for_all_in_whatever_state_the_feed_is(damage: str) -> None:
    head = "<title>Show</title><podcast:person>Ann</podcast:person>"
    foreign = '<item xmlns="https://access.example.org/schema"><guid>x</guid></item>'
    entries = "".join(item(f"<description>{damage}ü{n}</description>", guid=f"g{n}", title=f"No {n}") for n in range(5))
    content = rss(head + foreign + entries + "<podcast:license>cc-by-4.0</podcast:license>")
    feed = parse_feed(content, URL)
    assert (titles(feed), feed.truncated) == ([f"No {n}" for n in range(5)], False)
    assert {(each.persons[0].name, each.license) for each in feed.episodes} == {("Ann", "cc-by-4.0")}


# --- Dialects -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "https://podcastindex.org/namespace/1.0",
        "http://podcastindex.org/namespace/1.0/",
        "https://www.podcastindex.org/namespace/1.0",
        "https://github.com/Podcastindex-org/podcast-namespace/blob/main/docs/1.0.md",
        "http://github.com/podcastindex-org/podcast-namespace/blob/main/docs/1.0.md/",
    ],
)
@pytest.mark.parametrize("prefix", ["podcast", "p20"])
def test_podcast_namespace_is_known_by_all_its_addresses_under_any_prefix(address: str, prefix: str) -> None:
    body = (
        f"<{prefix}:guid>0a2ee0d1-46d1-52c7-b03c-eced59ca19cd</{prefix}:guid>"
        f"<{prefix}:person role='Host' href='https://a.org/ann'>Ann</{prefix}:person>"
        + item(
            f'<{prefix}:transcript url="/t/1.vtt" type="text/VTT" language="en-US" rel="captions"/>'
            f'<{prefix}:transcript url="https://a.org/1.srt" type="application/srt"/>'
            f'<{prefix}:transcript url="ftp://a.org/1.srt" type="application/srt"/>'
            f'<{prefix}:chapters url="https://a.org/1.json" type="application/json+chapters"/>'
            f"<{prefix}:season>3</{prefix}:season><{prefix}:episode>12</{prefix}:episode>"
        )
        + item(f'<{prefix}:person role="guest" group="Cast">Bob &amp; Co</{prefix}:person>', guid="g2", title="Two")
    )
    feed = parse_feed(rss(body, namespaces=f'xmlns:{prefix}="{address}"'), URL)
    first, second = feed.episodes
    assert feed.show.show_id == "0a2ee0d1-46d1-52c7-b03c-eced59ca19cd"
    assert first.transcripts == [
        TranscriptLink("https://pod.example.org/t/1.vtt", "text/vtt", "en-us", "captions"),
        TranscriptLink("https://a.org/1.srt", "application/srt"),
    ]
    assert first.chapters_url == "https://a.org/1.json"
    assert (first.season, first.number) == (3, 12)
    assert first.persons == [Person("Ann", "host", None, "https://a.org/ann")]
    assert second.persons == [Person("Bob & Co", "guest", "cast", None)]


def test_show_that_states_its_guid_after_its_items_is_identified_by_it() -> None:
    guid = "0a2ee0d1-46d1-52c7-b03c-eced59ca19cd"
    feed = parse_feed(rss(item() + f"<podcast:guid>{guid}</podcast:guid>"), URL)
    assert feed.show.show_id == feed.episodes[0].show_id == guid
    assert feed.episodes[0].episode_id == identity.episode_id(guid, "g1")


def test_everything_a_channel_says() -> None:
    show = parse_feed(
        rss(
            """<title><![CDATA[Tom &amp; Jerry <b>Show</b>]]></title><link>https://show.example.org/</link>
            <language>en_US</language><description><![CDATA[<p>One.</p><p>Two &amp; three.</p>]]></description>
            <itunes:author>Ann Example</itunes:author><itunes:image href="cover.jpg"/>
            <itunes:category text="Society &amp; Culture"><itunes:category text="History"/></itunes:category>
            <itunes:category text="News"/><itunes:explicit>Clean</itunes:explicit>
            <itunes:new-feed-url> https://new.example.org/feed </itunes:new-feed-url>
            <podcast:locked owner="a@example.org">yes</podcast:locked>"""
        ),
        URL,
    ).show
    assert show.title == "Tom & Jerry Show"
    assert (show.author, show.link, show.language) == ("Ann Example", "https://show.example.org/", "en-us")
    assert show.description == "One.\n\nTwo & three."
    assert show.image_url == "https://pod.example.org/shows/cover.jpg"
    assert show.categories == ("Society & Culture", "History", "News")
    assert (show.explicit, show.locked, show.blocked) == (False, True, False)
    assert show.new_feed_url == "https://new.example.org/feed"
    assert show.show_id == identity.show_id(None, URL)


@pytest.mark.parametrize(
    ("blocks", "blocked"),
    [
        ("<podcast:block>yes</podcast:block>", True),
        ("<podcast:block>no</podcast:block>", False),
        ('<podcast:block id="podbrief">yes</podcast:block>', True),
        ('<podcast:block id="otherplatform">yes</podcast:block>', False),
        ('<podcast:block>yes</podcast:block><podcast:block id="podbrief">no</podcast:block>', False),
        ('<podcast:block id="podbrief">yes</podcast:block><podcast:block>no</podcast:block>', True),
        ("", False),
    ],
)
def test_opt_out_for_everybody_or_for_us_is_honoured(blocks: str, blocked: bool) -> None:
    assert parse_feed(rss(blocks + item()), URL).show.blocked is blocked


def test_atom_feed_with_base_addresses_and_xhtml() -> None:
    content = b"""<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de-AT" xml:base="https://base.example.org/a/">
      <title type="html">AT&amp;amp;T</title><author><name>Ann</name></author><link href="/home"/>
      <entry xml:base="b/"><id>urn:1</id><title type="text">Vec&lt;b&gt; &amp;amp;</title>
        <published>2026-11-20T08:00:00+01:00</published><updated>2026-11-21T08:00:00Z</updated>
        <link rel="enclosure" type="video/mp4" href="1.mp4"/>
        <link rel="enclosure" type="audio/mpeg" length="77" href="1.mp3"/><link rel="alternate" href="1.html"/>
        <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Hello <em>you</em></p></div></content>
      </entry></feed>"""
    feed = parse_feed(content, URL)
    episode = feed.episodes[0]
    assert (feed.show.title, feed.show.author, feed.show.language) == ("AT&T", "Ann", "de-at")
    assert feed.show.link == "https://base.example.org/home"
    assert (episode.guid, episode.title) == ("urn:1", "Vec<b> &amp;")
    assert episode.published_at == datetime(2026, 11, 20, 7, tzinfo=UTC)
    assert (episode.audio_url, episode.audio_bytes) == ("https://base.example.org/a/b/1.mp3", 77)
    assert episode.link == "https://base.example.org/a/b/1.html"
    assert episode.description == "Hello you"


def test_rss_1_0_and_rss_in_a_namespace_of_its_own() -> None:
    rdf = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
      xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:enc="http://purl.oclc.org/net/rss_2.0/enc#">
      <channel rdf:about="https://a.org"><title>RDF show</title></channel>
      <item rdf:about="https://a.org/1"><title>One</title><dc:date>2026-11-20</dc:date>
        <enclosure url="https://a.org/1.mp3" type="audio/mpeg"/></item></rdf:RDF>"""
    feed = parse_feed(rdf, URL)
    assert (feed.show.title, titles(feed), feed.episodes[0].guid) == ("RDF show", ["One"], "https://a.org/1")
    assert feed.episodes[0].published_at == datetime(2026, 11, 20, tzinfo=UTC)
    named = rss("<title>Named</title>" + item(), namespaces='xmlns="http://example.org/our-own-rss"')
    assert (parse_feed(named, URL).show.title, titles(parse_feed(named, URL))) == ("Named", ["One"])


def test_atom_0_3_is_read_by_its_own_names() -> None:
    content = b"""<feed version="0.3" xmlns="http://purl.org/atom/ns#"><title>Old</title><tagline>Told early</tagline>
      <entry><id>1</id><title>One</title><modified>2004-01-01T19:48:21Z</modified>
        <link rel="enclosure" type="audio/mpeg" href="https://a.org/1.mp3"/></entry></feed>"""
    feed = parse_feed(content, URL)
    assert (feed.show.title, feed.show.description) == ("Old", "Told early")
    assert feed.episodes[0].published_at == datetime(2004, 1, 1, 19, 48, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("guid", "link"),
    [
        ("<guid>https://a.org/1</guid>", "https://a.org/1"),
        ('<guid isPermaLink="false">https://a.org/1</guid>', None),
        ('<guid isPermaLink="true">1/</guid>', "https://pod.example.org/shows/1/"),
        ("<guid>1/</guid>", None),
    ],
)
def test_guid_is_the_link_where_it_is_one(guid: str, link: str | None) -> None:
    assert only(rss(f"<item>{guid}<title>One</title>{ENCLOSURE}</item>")).link == link


def test_items_of_foreign_namespaces_are_not_ours() -> None:
    foreign = '<a:item xmlns:a="https://access.example.org/schema"><guid>x</guid></a:item>'
    feed = parse_feed(rss(foreign + item()), URL)
    assert (titles(feed), feed.skipped) == (["One"], [])


# --- Episodes -------------------------------------------------------------------------------------------------------


def test_item_with_nothing_to_hear_or_read_is_told_and_left_out() -> None:
    picture = '<enclosure url="https://a.org/1.jpg" type="image/jpeg" length="5"/>'
    unusable = '<enclosure url="ftp://a.org/1.mp3" type="audio/mpeg"/>'
    feed = parse_feed(
        rss(
            item(title="Blog post", enclosure="")
            + item(guid="g2", title="Photo", enclosure=picture)
            + item(guid="g3", title="Old", enclosure=unusable)
            + item(guid="g4", title="Heard")
        ),
        URL,
    )
    assert titles(feed) == ["Heard"]
    post, photo, old = feed.skipped
    assert "Blog post" in post and "no enclosure and no transcript" in post
    assert "Photo" in photo and "image/jpeg" in photo
    assert "Old" in old and "ftp://a.org/1.mp3" in old


def test_item_with_only_a_transcript_is_an_episode() -> None:
    episode = only(rss(item('<podcast:transcript url="https://a.org/1.vtt" type="text/vtt"/>', enclosure="")))
    assert (episode.audio_url, episode.audio_type, len(episode.transcripts)) == (None, None, 1)


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ("<itunes:title>From iTunes</itunes:title>", "From iTunes"),
        (f"<description>&lt;p&gt;{'word ' * 20}&lt;/p&gt;</description>", " ".join(["word"] * 12) + "…"),
        ("<pubDate>Fri, 20 Nov 2026 07:00:00 GMT</pubDate>", "Untitled episode of 2026-11-20"),
        ("", "Untitled episode"),
    ],
)
def test_item_without_a_title_gets_one_and_is_never_lost(body: str, title: str) -> None:
    assert only(rss(item(body, title=" "))).title == title


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ([("v.mp4", "video/mp4"), ("a.mp3", "audio/mpeg")], "a.mp3"),
        ([("a.mp3", "audio/mpeg"), ("b.mp3", "audio/mpeg")], "a.mp3"),
        ([("v.mp4", "video/mp4")], "v.mp4"),
        ([("p.jpg", "image/jpeg"), ("x", "")], "x"),
        ([("t.mp3?x=1", "text/html")], "t.mp3?x=1"),
        ([("v.mov", "video/quicktime"), ("x", "application/octet-stream")], "x"),
    ],
)
def test_sound_is_preferred_to_video_and_the_first_of_equals(offered: list[tuple[str, str]], chosen: str) -> None:
    enclosures = "".join(f'<enclosure url="https://a.org/{name}" type="{kind}"/>' for name, kind in offered)
    assert only(rss(item(enclosure=enclosures))).audio_url == f"https://a.org/{chosen}"


def test_recordings_in_media_groups_count_where_they_say_that_they_are_sound() -> None:
    group = (
        '<m:group xmlns:m="http://search.yahoo.com/mrss/"><m:content url="https://a.org/page"/>'
        '<m:content url="https://a.org/m.mp3" fileSize="7" type="audio/mpeg" duration="60"/></m:group>'
    )
    episode = only(rss(item(enclosure='<enclosure url="" type="audio/mpeg"/>' + group)))
    assert (episode.audio_url, episode.audio_bytes, episode.duration_s) == ("https://a.org/m.mp3", 7, 60)


@pytest.mark.parametrize(
    ("stated", "address"),
    [
        ("/audio/1.mp3", "https://pod.example.org/audio/1.mp3"),
        ("1.mp3", "https://pod.example.org/shows/1.mp3"),
        ("//cdn.org/1.mp3", "https://cdn.org/1.mp3"),
        ("HTTP://CDN.org/1.mp3", "http://CDN.org/1.mp3"),
        (" https://a.org/my file.mp3 ", "https://a.org/my%20file.mp3"),
        ("https://a.org/1\n.mp3", "https://a.org/1.mp3"),
        ("https://a.org/" + "x" * 3_000, None),
        ("javascript:alert(1)", None),
        ("data:audio/mpeg;base64,AAAA", None),
        ("file:///etc/passwd", None),
        ("http:///nohost.mp3", None),
        ("http://[::1", None),
    ],
)
def test_addresses_are_absolute_web_addresses_or_none(stated: str, address: str | None) -> None:
    # &#10; keeps the line break, which XML would otherwise turn into a space.
    enclosure = f'<enclosure url="{stated.replace(chr(10), "&#10;")}" type="audio/mpeg"/>'
    transcript = '<podcast:transcript url="https://a.org/1.vtt" type="text/vtt"/>'
    assert only(rss(item(transcript, enclosure=enclosure))).audio_url == address


def test_numbers_types_and_flags_that_make_no_sense_are_left_out() -> None:
    odd = only(
        rss(
            item(
                "<itunes:season>two</itunes:season><itunes:episode>99999999999999999999</itunes:episode>"
                "<itunes:episodeType>teaser</itunes:episodeType><itunes:explicit>maybe</itunes:explicit>",
                enclosure='<enclosure url="https://a.org/1.mp3" length="0" type="audio/mpeg"/>',
            )
        )
    )
    assert (odd.season, odd.number, odd.episode_type, odd.explicit, odd.audio_bytes) == (None, None, "full", None, None)
    sane = only(
        rss(
            item(
                "<itunes:season>2</itunes:season><itunes:episodeType>Bonus</itunes:episodeType><itunes:explicit>yes</itunes:explicit>"
            )
        )
    )
    assert (sane.season, sane.episode_type, sane.explicit, sane.audio_bytes) == (2, "bonus", True, 10)


def test_items_without_a_guid_are_named_by_their_enclosure() -> None:
    first = only(rss(item(guid="")))
    assert first.guid == identity.item_guid(None, first.audio_url, first.title, None)
    counted = ENCLOSURE.replace("https://", "https://op3.dev/e/").replace(".mp3", ".mp3?token=x")
    assert only(rss(item(guid="", enclosure=counted))).guid == first.guid


def test_repeated_guid_keeps_the_first_unless_it_is_plainly_another_episode() -> None:
    other = '<enclosure url="https://cdn.example.org/2.mp3" type="audio/mpeg"/>'
    feed = parse_feed(
        rss(
            item(title="New")
            + item(title="Renamed")
            + item(title="New", enclosure=other)
            + item(title="Two", enclosure=other)
        ),
        URL,
    )
    assert [(each.title, each.guid) for each in feed.episodes] == [
        ("New", identity.item_guid(None, "https://cdn.example.org/1.mp3", "New", None)),
        ("Two", identity.item_guid(None, "https://cdn.example.org/2.mp3", "Two", None)),
    ]
    assert len({each.episode_id for each in feed.episodes}) == 2
    assert len(feed.skipped) == 3
    assert "Renamed" in feed.skipped[0] and "repeats" in feed.skipped[0]
    assert "both go by others" in feed.skipped[2]


def test_episodes_of_a_feed_that_has_one_guid_for_all_keep_their_identifiers_from_scan_to_scan() -> None:
    def scanned(*numbers: int) -> dict[str, str]:
        items = (
            item(
                guid="https://pod.example.org/",
                title=f"Number {n}",
                enclosure=f'<enclosure url="https://cdn.example.org/{n}.mp3" type="audio/mpeg"/>',
            )
            for n in numbers
        )
        return {each.title: each.episode_id for each in parse_feed(rss("".join(items)), URL).episodes}

    first, second, third = scanned(2, 1), scanned(3, 2, 1), scanned(4, 3, 2)
    assert len(third) == 3
    assert {"Number 1": second["Number 1"], "Number 2": second["Number 2"]} == first
    assert (third["Number 2"], third["Number 3"]) == (second["Number 2"], second["Number 3"])
    assert len({*first.values(), *second.values(), *third.values()}) == 4


@pytest.mark.parametrize(
    "address", ["https://a.org/latest.mp3", "https://a.org/play.php?sid={}", "https://a.org/p?from={}"]
)
def test_episodes_without_guids_that_share_an_address_are_told_apart_by_title_and_date(address: str) -> None:
    days = "".join(
        item(
            f"<pubDate>{n} Nov 2026 07:00:00 GMT</pubDate>",
            guid="",
            title="The news",
            enclosure=f'<enclosure url="{address.format(n)}" type="audio/mpeg"/>',
        )
        for n in (12, 11, 10)
    )
    feed = parse_feed(rss(days + item(guid="", title="The news", enclosure=ENCLOSURE)), URL)
    assert [each.published_at and each.published_at.day for each in feed.episodes] == [12, 11, 10, None]
    assert len({each.episode_id for each in feed.episodes}) == 4
    assert all("://" not in line for line in feed.skipped)


def test_feed_of_too_many_items_is_cut_and_the_lines_about_it_are_bounded() -> None:
    feed = parse_feed(rss("".join(item(guid=f"g{n}") for n in range(MAX_ITEMS + 50))), URL)
    assert len(feed.episodes) == MAX_ITEMS
    assert "20,000" in feed.skipped[0]
    empty = parse_feed(rss("<item/>" * 500), URL)
    assert len(empty.skipped) == MAX_SKIPPED_LINES + 1
    assert empty.skipped[-1] == "and 400 more"


def test_items_cannot_be_changed() -> None:
    episode = only(rss(item()))
    with pytest.raises(AttributeError):
        episode.title = "other"  # type: ignore[misc]


def test_every_enclosure_is_kept_in_the_feeds_order() -> None:
    alternates = (
        '<podcast:alternateEnclosure type="audio/opus" length="5" title="Low" rel="small">'
        '<podcast:source uri="https://a.org/low.opus"/><podcast:source uri="ipfs://low"/>'
        '<podcast:source uri="/v.mp4" contentType="video/mp4"/></podcast:alternateEnclosure>'
    )
    media = (
        '<m:content xmlns:m="http://search.yahoo.com/mrss/" url="https://a.org/m.mp3" fileSize="7" type="audio/mpeg"/>'
    )
    again = '<m:content xmlns:m="http://search.yahoo.com/mrss/" url="https://cdn.example.org/1.mp3" type="audio/mpeg"/>'
    picture = '<enclosure url="https://a.org/1.jpg" type="image/jpeg"/>'
    episode = only(rss(item(alternates, enclosure=media + ENCLOSURE + again + picture)))
    assert episode.enclosures == [
        Enclosure("https://a.org/m.mp3", "audio/mpeg", 7),
        Enclosure("https://cdn.example.org/1.mp3", "audio/mpeg", 10),
        Enclosure("https://a.org/low.opus", "audio/opus", 5, "Low", "small"),
        Enclosure("https://pod.example.org/v.mp4", "video/mp4", 5, "Low", "small"),
    ]
    # An enclosure proper goes before media:content, as in other readers, and both before an alternate.
    assert (episode.audio_url, episode.audio_bytes) == ("https://cdn.example.org/1.mp3", 10)
    only_alternate = only(rss(item(alternates, enclosure="")))
    assert (only_alternate.audio_url, only_alternate.audio_type) == ("https://a.org/low.opus", "audio/opus")


def test_soundbites_texts_and_licence() -> None:
    show = (
        '<podcast:txt purpose="ai-content">true</podcast:txt><podcast:txt>plain</podcast:txt>'
        '<podcast:license url="https://a.org/licence">cc-by-4.0</podcast:license>'
    )
    bites = (
        '<podcast:soundbite startTime="73.0" duration="60">Why it <b>matters</b></podcast:soundbite>'
        '<podcast:soundbite startTime="0" duration="9.5"/><podcast:soundbite startTime="5" duration="0"/>'
        '<podcast:soundbite startTime="soon" duration="4"/>'
    )
    own = '<podcast:txt purpose=" AI-Content ">voice cloned</podcast:txt><podcast:license url="/mine"/>'
    feed = parse_feed(rss(show + item(bites) + item(own, guid="g2", title="Two")), URL)
    first, second = feed.episodes
    assert first.soundbites == [Soundbite(73, 60, "Why it matters"), Soundbite(0, 9.5)]
    assert first.texts == [StatedText("ai-content", "true"), StatedText(None, "plain")]
    assert (feed.show.license, first.license) == ("cc-by-4.0", "cc-by-4.0")
    assert second.texts == [StatedText("ai-content", "voice cloned")]
    assert (second.license, second.soundbites) == ("https://pod.example.org/mine", [])


def test_paging_of_rfc_5005() -> None:
    atom = 'xmlns:a="http://www.w3.org/2005/Atom" xmlns:fh="http://purl.org/syndication/history/1.0"'
    links = (
        '<a:link rel="self" href="/feed"/><a:link rel="next" href="?page=2"/><a:link rel="prev-archive" href="/2025"/>'
    )
    show = parse_feed(rss(links + '<a:link rel="current" href="/now"/>' + item(), namespaces=atom), URL).show
    assert show.next_page_url == "https://pod.example.org/shows/feed.xml?page=2"
    assert show.prev_archive_url == "https://pod.example.org/2025"
    assert (show.current_url, show.complete) == (None, False)
    archive = parse_feed(rss('<fh:archive/><a:link rel="current" href="/now"/>', namespaces=atom), URL).show
    assert (archive.current_url, archive.next_page_url) == ("https://pod.example.org/now", None)
    assert parse_feed(rss("<fh:complete/>" + item(), namespaces=atom), URL).show.complete


def test_digest_stays_while_only_the_way_to_the_files_changes() -> None:
    def digest(prefix: str, query: str, url: str = URL) -> str:
        enclosure = f'<enclosure url="{prefix}cdn.example.org/1.mp3?{query}" type="audio/mpeg"/>'
        transcript = f'<podcast:transcript url="https://cdn.example.org/1.vtt?{query}" type="text/vtt"/>'
        return parse_feed(rss(item(transcript, enclosure=enclosure)), url).episodes[0].digest

    plain = digest("https://", "id=7")
    assert digest("https://op3.dev/e/", "id=7&amp;token=abc&amp;expires=99") == plain
    assert digest("https://", "id=7", "https://moved.example.org/feed") == plain
    # Another file, and another version of the same file.
    assert digest("https://", "id=8") != plain
    assert digest("https://", "id=7&amp;updated=3") != plain


@pytest.mark.parametrize(
    "body",
    [
        '<itunes:image href="https://a.org/i.png?{}"/>',
        "<link>https://a.org/1?{}</link>",
        '<podcast:person href="https://a.org/p?{}">Ann</podcast:person>',
        "<guid>https://a.org/1?{}</guid>",
    ],
)
def test_a_token_that_rotates_in_any_address_makes_no_new_version(body: str) -> None:
    first, second = (only(rss(f"<item><title>A</title>{ENCLOSURE}{body.format(f'token={n}')}</item>")) for n in (1, 2))
    assert first.digest == second.digest


def test_digest_changes_with_anything_stated_and_with_nothing_else() -> None:
    plain = only(rss(item("<description>a</description>")))
    assert plain.digest == only(b"\n" + rss(item("<description>a</description>"))).digest
    plain.row()
    assert plain.digest == only(rss(item("<description>a</description>"))).digest
    variants = [
        item("<description>b</description>"),
        item("<description>a</description>", title="Other"),
        item("<description>a</description><itunes:duration>9</itunes:duration>"),
        item('<description>a</description><podcast:transcript url="https://a.org/1.vtt"/>'),
        item("<description>a</description><podcast:person>Ann</podcast:person>"),
        item('<description>a</description><podcast:soundbite startTime="1" duration="2"/>'),
        item('<description>a</description><podcast:txt purpose="ai-content">true</podcast:txt>'),
        item("<description>a</description><podcast:license>cc0</podcast:license>"),
        item("<description>a</description><pubDate>Fri, 20 Nov 2026 07:00:00 GMT</pubDate>"),
    ]
    assert len({plain.digest, *(only(rss(each)).digest for each in variants)}) == len(variants) + 1


# --- Dates and show notes -------------------------------------------------------------------------------------------

SEVEN = datetime(2026, 11, 20, 7, 0, 0, tzinfo=UTC)


def test_date_falls_back_to_what_the_item_has() -> None:
    dc = '<d:date xmlns:d="http://purl.org/dc/elements/1.1/">2026-11-20T07:00:00Z</d:date>'
    assert only(rss(item(dc))).published_at == SEVEN
    assert only(rss(item("<pubDate>yesterday</pubDate>"))).published_at is None


def test_notes_are_the_richest_that_the_item_has() -> None:
    namespaces = f'xmlns:c="http://purl.org/rss/1.0/modules/content/" xmlns:itunes="{ITUNES}"'
    body = (
        "<itunes:summary>short</itunes:summary><description>middle</description>"
        "<c:encoded><![CDATA[<p>long</p>]]></c:encoded>"
    )
    assert only(rss(item(body), namespaces=namespaces)).description == "long"
    assert only(rss(item(body.replace("<p>long</p>", " ")), namespaces=namespaces)).description == "middle"


def test_monstrous_notes_are_bounded_in_length_and_time() -> None:
    started = time.process_time()
    for notes in ("<div>" * 40_000, "<a" * 100_000, "&" * 500_000, "<script>" * 50_000, "x " * 500_000, "<" * 300_000):
        content = rss(item(f"<description><![CDATA[{notes}]]></description>"))
        episode = only(content)
        assert len(episode.description or "") <= MAX_NOTES_CHARS
        assert episode.row()
    assert time.process_time() - started < 3


def test_titles_lose_markup_but_not_mathematics() -> None:
    assert only(rss(item(title="&lt;b&gt;Bold&lt;/b&gt; &amp;amp; more"))).title == "Bold & more"
    assert only(rss(item(title="Vec&lt;T&gt; and 3 &lt; 4"))).title == "Vec<T> and 3 < 4"
    assert len(only(rss(item(title="long " * 1_000))).title) <= 1_000


def test_markup_is_written_without_the_feeds_namespaces() -> None:
    many = " ".join(f'xmlns:n{n}="https://n{n}.example.org/"' for n in range(1_000))
    body = "<description>1 &lt; 2<p>a <b title='x&amp;\"y'>b</b><br/> c &amp; d</p>" + "<i/>" * 2_000 + "</description>"
    started = time.process_time()
    notes = only(rss(item(body), namespaces=f'xmlns:itunes="{ITUNES}" {many}')).notes
    assert time.process_time() - started < 1
    assert notes is not None
    assert notes.startswith('1 &lt; 2<p>a <b title="x&amp;&quot;y">b</b><br> c &amp; d</p><i></i><i>')


@pytest.mark.parametrize(
    "base", ["http://exa mple.com/", "https://host:port/", "http://h:99999/", "http://%/", "ftp://x/"]
)
def test_a_base_that_means_nothing_spoils_no_notes(base: str) -> None:
    notes = "<description>&lt;p&gt;See &lt;a href='/x'&gt;x&lt;/a&gt; and &lt;a href='https://b.org/'&gt;b&lt;/a&gt;&lt;/p&gt;</description>"
    episode = only(rss(item(notes)).replace(b"<channel>", f'<channel xml:base="{base}">'.encode()))
    assert 'href="https://b.org/"' in str(episode.description_html)
    assert episode.description == "See x and b"


@pytest.mark.parametrize("oops", ["<!-- oops ", "<![CDATA[ oops "])
def test_a_section_that_nobody_closed_hides_no_other_item(oops: str) -> None:
    items = [item(oops if n == 2 else "", guid=f"g{n}", title=f"Number {n}") for n in range(8)]
    feed = parse_feed(rss("".join(items)), URL)
    assert {f"Number {n}" for n in range(8) if n != 2} <= set(titles(feed))
    before = parse_feed(rss(oops + "".join(items[3:])), URL)
    assert len(before.episodes) == 5


# --- Hostile input in general ---------------------------------------------------------------------------------------

SEED = rss(
    "<title>Show</title>" + item("<description><![CDATA[<p>a</p>]]></description>") + item(guid="g2", title="Zwölf")
)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(SEED)), st.integers(0, 12), st.binary(max_size=12))
def test_damage_anywhere_gives_a_feed_or_a_clear_error(at: int, removed: int, inserted: bytes) -> None:
    try:
        feed = parse_feed(SEED[:at] + inserted + SEED[at + removed :], URL)
    except FeedError as error:
        assert error.what and error.remedy
    else:
        for episode in feed.episodes:
            assert episode.title and episode.guid and episode.row()["episode_id"]


@pytest.mark.parametrize(
    "content",
    [
        b"<rss>" + b"<a>" * 200_000,
        b"<rss>" + b"<![CDATA[" * 200_000,
        b"<rss>" + b"<!--" * 200_000,
        b"<rss><item>" + b"<item " * 200_000,
        b"<rss><channel>" + b"<item></item" * 200_000,
        b"<rss><channel><title>&" + b"&amp" * 300_000,
        b"<!" * 400_000,
        b"<rss " + b"".join(b'xmlns:a%d="u" ' % n for n in range(3_000)) + b"><channel>" + b"<item></b></item>" * 3_000,
        b"<rss><channel><item><title>" + b"x" * 11_000_000 + b"</title></item></channel></rss>",
        b"<rss><channel>" + b"<a/>" * 3_000_000,
        b"<rss "
        + b"".join(b'xmlns:a%d="u" ' % n for n in range(400))
        + b"><channel></b>"
        + b"<item><b></item>" * 18_000,
        b"<rss><channel></b><item>" + b"<title>" * 200 + b"</title>" * 200 + b"<title>" * 12_000,
    ],
)
def test_monstrous_feeds_are_done_with_quickly(content: bytes) -> None:
    started = time.process_time()
    with contextlib.suppress(FeedError):
        parse_feed(content, URL)
    assert time.process_time() - started < 3
