"""The subscription list as a file that is edited: what an edit is not about stays as it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from xml.etree.ElementTree import canonicalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from podbrief_assets.episodes.opml import DamagedSubscriptionList, Opml
from podbrief_assets.episodes.shows import AlreadySubscribed, NotASubscriptionList, Subscription, read_opml_file
from podbrief_assets.episodes.xml import FeedRefused

OPML = """\
<?xml version="1.0" encoding="UTF-8"?>
<?keep me?>
<opml version="2.0" xmlns:r="https://reader.example/ns">
  <head>
    <title>Jo's list</title>
    <ownerName><![CDATA[Jo & Co]]></ownerName>
  </head>
  <body>
    <!-- sorted by hand -->
    <outline text="Tech talk" title="Technology" category="/x" isOpen="true">
      <outline text="short" title="Long title" type="rss" xmlUrl="https://a.example/f" description="l1&#10;l2&#9;l3"/>
      <outline text="Deep"><outline text="b" xmlURL="feed://B.example:80/f/" r:muted="yes"/></outline>
    </outline>
    <outline text="News">
      <outline text="dup" xmlUrl="http://A.example/f/"/>
      <outline text="parent" xmlUrl="https://p.example/f">
        <outline text="child" xmlUrl="https://c.example/f"/>
      </outline>
    </outline>
    <outline text="Empty"/>
    <outline text="a note" _note="call Jo"/>
    <outline text="Typo" xmlUrl="htps//broken example/f" htmlUrl="https://x"/>
    <outline text="日本語" xmlUrl="https://j.example/f"></outline>
  </body>
</opml>
<!-- the end -->
"""


def opened(content: str | bytes) -> Opml:
    return Opml.parse(content if isinstance(content, bytes) else content.encode(), "the list")


def meaning(content: str | bytes) -> str:
    """All that a document says, without how it is spelt."""
    return canonicalize(content if isinstance(content, str) else content.decode(), with_comments=True)


def body(*outlines: str) -> str:
    return f'<opml version="2.0"><head/><body>{"".join(outlines)}</body></opml>'


def test_what_comes_in_goes_out() -> None:
    written = opened(OPML).to_bytes()
    assert meaning(written) == meaning(OPML)
    for kept in ("<?keep me?>", "<![CDATA[Jo & Co]]>", "l1&#10;l2&#9;l3", "日本語", "\n    <!-- sorted by hand -->\n"):
        assert kept in written.decode()
    assert opened(written).to_bytes() == written


def test_it_means_what_reading_it_means() -> None:
    assert opened(OPML).listed == read_opml_file(OPML.encode())
    assert [each.feed_url.partition("//")[2] for each in opened(OPML).listed.subscriptions] == [
        *("a.example/f", "B.example:80/f/", "p.example/f", "c.example/f", "j.example/f")
    ]


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=12)
values = st.one_of(texts, st.sampled_from(["a\nb", "\t", " two  blanks ", "&amp;", "\"'<>&", "\r"]))
names = st.sampled_from(["text", "title", "description", "htmlUrl", "category", "größe", "{https://r.example}seen"])
addresses = st.one_of(
    st.builds("https://h{}.example/f".format, st.integers(0, 5)),
    st.builds("http://H{}.example:80/f/".format, st.integers(0, 5)),
    st.sampled_from(["htps://typo.example", "", "feed://x.example/f", "https://p.example/f?token=s3cret"]),
)


@st.composite
def outlines(draw: st.DrawFn, depth: int = 0) -> etree._Element:
    element = etree.Element("outline", draw(st.dictionaries(names, values, max_size=3)))
    if draw(st.booleans()):
        element.set("xmlUrl", draw(addresses))
    for child in draw(st.lists(outlines(depth + 1), max_size=3 if depth < 3 else 0)):
        element.append(child)
    element.tail = draw(st.sampled_from([None, "\n", "  words "]))
    return element


@st.composite
def lists(draw: st.DrawFn) -> bytes:
    root = etree.Element("opml", version="2.0")
    etree.SubElement(etree.SubElement(root, "head"), "title").text = draw(values)
    inside = etree.SubElement(root, "body")
    inside.extend(draw(st.lists(outlines(), max_size=4)))
    if draw(st.booleans()):
        inside.append(etree.Comment("note"))
    return etree.tostring(root, encoding="UTF-8")  # type: ignore[no-any-return]


@settings(max_examples=150, deadline=None)
@given(lists())
def test_any_list_is_written_as_it_was_read(content: bytes) -> None:
    assert meaning(opened(content).to_bytes()) == meaning(content)
    assert opened(content).listed == read_opml_file(content)
    imported = Opml.new()
    imported.merge(opened(content))
    assert meaning(imported.to_bytes()) == meaning(content)


@settings(max_examples=100, deadline=None)
@given(lists(), lists())
def test_any_two_lists_make_one_with_the_shows_of_both(mine: bytes, theirs: bytes) -> None:
    merged = opened(mine)
    merged.merge(opened(theirs))
    before, both = opened(mine).listed.subscriptions, merged.listed.subscriptions
    assert {address(each) for each in both} == {
        address(each) for each in (*before, *opened(theirs).listed.subscriptions)
    }
    assert [each for each in both if address(each) in {address(known) for known in before}] == before
    once = merged.to_bytes()
    merged.merge(opened(theirs))
    assert merged.to_bytes() == once, "merging again changes nothing"


@settings(max_examples=100, deadline=None)
@given(lists(), st.data())
def test_what_is_added_and_removed_leaves_the_rest_alone(content: bytes, data: st.DataObject) -> None:
    edited = opened(content)
    added = edited.add("https://new.example/f", "New")
    assert edited.listed.subscriptions == [*opened(content).listed.subscriptions, added]
    edited.remove(added)
    assert meaning(edited.to_bytes()) == meaning(content)
    if there := edited.listed.subscriptions:
        gone = data.draw(st.sampled_from(there))
        edited.remove(gone)
        left = {address(each) for each in edited.listed.subscriptions}
        assert left == {address(each) for each in there if each != gone}
        assert edited.listed.skipped == opened(content).listed.skipped


def address(subscription: Subscription) -> str:
    host, _, path = subscription.feed_url.partition("://")[2].partition("/")
    return host.lower().removesuffix(":80") + "/" + path.rstrip("/")


def test_a_show_is_added_at_the_end_in_the_files_own_indentation() -> None:
    edited = opened(OPML)
    assert not edited.changed
    added = edited.add("n.example/f?auth=s3cret", " N \n show ")
    assert added == Subscription("https://n.example/f?auth=s3cret", "N show", private=True)
    assert edited.changed
    line = '    <outline type="rss" text="N show" title="N show" xmlUrl="https://n.example/f?auth=s3cret" private="true"/>\n'
    assert edited.to_bytes().decode() == opened(OPML).to_bytes().decode().replace("  </body>", f"{line}  </body>")


@pytest.mark.parametrize("private", [True, False])
def test_whether_a_show_is_paid_is_kept_as_it_was_said(private: bool) -> None:
    for feed in ("https://n.example/f", "https://n.example/f?auth=s3cret"):
        edited = Opml.new()
        assert edited.add(feed, is_private=private).private is private
        assert [each.private for each in opened(edited.to_bytes()).listed.subscriptions] == [private]


def test_a_list_that_podbrief_began_is_set_line_by_line() -> None:
    begun = Opml.new()
    begun.add("https://a.example/f", "A")
    begun.add("https://b.example/f")
    assert [line.strip()[:8] for line in begun.to_bytes().decode().splitlines()] == [
        *(
            "<?xml ve",
            "<opml ve",
            "<head>",
            "<title>p",
            "</head>",
            "<body>",
            "<outline",
            "<outline",
            "</body>",
            "</opml>",
        )
    ]


def test_a_show_is_there_once_in_whatever_spelling() -> None:
    with pytest.raises(AlreadySubscribed, match="“Long title” is in the list already"):
        opened(OPML).add("HTTP://a.EXAMPLE:80/f/")
    with pytest.raises(AlreadySubscribed) as caught:
        opened(body('<outline xmlUrl="https://x.supportingcast.fm/rss/s3cret"/>')).add(
            "http://x.supportingcast.fm/rss/s3cret"
        )
    assert "x.supportingcast.fm" in str(caught.value) and "s3cret" not in str(caught.value)


def test_a_removed_show_is_gone_from_every_folder_and_what_stood_inside_stays() -> None:
    edited = opened(OPML)
    shows = edited.listed.subscriptions
    edited.remove(shows[0])
    edited.remove(shows[2])
    assert edited.listed.subscriptions == [shows[1], shows[3], shows[4]]
    written = edited.to_bytes().decode()
    assert "a.example" not in written.lower() and "p.example" not in written
    assert '<outline text="News">\n      <outline text="child" xmlUrl="https://c.example/f"/>' in written
    for kept in ("Tech talk", "Empty", "call Jo", "htps//broken example/f", "Jo's list", "sorted by hand"):
        assert kept in written


def test_merging_brings_new_shows_with_folder_and_attributes_and_leaves_those_that_are_there() -> None:
    edited = opened(
        body('<outline title="Technology" text="Mine"><outline text="my name" xmlUrl="http://A.example/f"/></outline>')
    )
    edited.merge(opened(OPML))
    written = edited.to_bytes().decode()
    (known, *new) = edited.listed.subscriptions
    assert known == Subscription("http://A.example/f", "my name", ("Technology",))
    assert new == opened(OPML).listed.subscriptions[1:]
    assert written.count('title="Technology"') == 1, "it is the same folder"
    assert written.count("A.example") == 1 and "a.example" not in written
    assert 'text="b" xmlURL="feed://B.example:80/f/" r:muted="yes"' in written
    assert 'text="parent" xmlUrl="https://p.example/f"><outline text="child"' in written
    for left in ("Jo", "Empty", "a note", "Typo"):
        assert left not in written, "only shows are merged into a list that is there"


def test_a_new_show_in_two_folders_comes_in_both_and_a_folder_without_a_new_one_stays_away() -> None:
    source = body(
        *(f'<outline text="{name}"><outline text="a" xmlUrl="https://a.example/f"/></outline>' for name in "XY"),
        '<outline text="Z"><outline xmlUrl="https://old.example/f"/></outline>',
    )
    edited = opened(body('<outline xmlUrl="https://old.example/f"/>'))
    edited.merge(opened(source))
    written = edited.to_bytes().decode()
    assert written.count("https://a.example/f") == 2
    assert '"X"' in written and '"Y"' in written and '"Z"' not in written
    assert len(edited.listed.subscriptions) == 2 and len(edited.listed.repeated) == 1


def test_a_damaged_list_is_not_edited_and_the_line_is_named() -> None:
    lines = [f'<outline text="s{n}" xmlUrl="https://h{n}.example/f?token=s3cret"/>' for n in range(10)]
    broken = body("\n", "\n".join(lines)).replace('h4.example/f?token=s3cret"', "h4.example/f?token=s3cret")
    with pytest.raises(DamagedSubscriptionList) as caught:
        opened(f'<?xml version="1.0"?>\n<!-- two\nlines -->{broken}')
    assert "the list" in caught.value.what and "line 9" in caught.value.what, "the quote is missing in line 8"
    assert "nothing was changed" in caught.value.remedy and "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (body('\n<outline text="a" text="b"/>').encode(), 2),
        (body("\n\n<outline text='&nbsp;'/>").encode(), 3),
        (body("\n<outline text='\x01'/>").encode(), 2),
        (body("\n<outline text='caf\xe9'/>").encode("latin-1"), 2),
        (b'<?xml version="1.0" encoding="windows-1252"?>\n' + body("\n<outline text='\x81'/>").encode("latin-1"), 3),
        (b"warning: disk full\n" + body().encode(), 1),
        (body().encode() + b"\n</opml>", 2),
        (body("\n", "<outline text='d'>" * 9_000, "</outline>" * 9_000).encode(), 2),
        (OPML.encode()[:-200], 21),
    ],
)
def test_whatever_rewriting_would_lose_is_refused_and_still_read(content: bytes, line: int) -> None:
    with pytest.raises(DamagedSubscriptionList, match=f"line {line}\\b"):
        opened(content)
    read_opml_file(content)
    began = time.process_time()
    merged = Opml.new()
    merged.merge(Opml.salvaged(content, "the list"))
    assert [address(each) for each in merged.listed.subscriptions] == [
        address(each) for each in read_opml_file(content).subscriptions
    ]
    assert opened(merged.to_bytes()).listed == merged.listed
    assert time.process_time() - began < 2


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig", "utf-32"])
def test_other_encodings_are_edited_and_become_utf8(encoding: str) -> None:
    edited = opened(OPML.replace("UTF-8", encoding.upper().removesuffix("-SIG")).encode(encoding))
    assert meaning(edited.to_bytes()) == meaning(OPML)


def test_a_document_type_is_kept_and_has_no_say() -> None:
    doctype = '<!DOCTYPE opml SYSTEM "file:///etc/hostname" [<!ATTLIST outline private CDATA "true">]>'
    edited = opened(f'<?xml version="1.0"?>\n{doctype}\n' + body('<outline xmlUrl="https://a.example/f"/>'))
    assert [each.private for each in edited.listed.subscriptions] == [False]
    assert doctype in edited.to_bytes().decode() and "private=" not in edited.to_bytes().decode()
    with pytest.raises(FeedRefused, match="entities"):
        opened('<!DOCTYPE opml [<!ENTITY f SYSTEM "file:///etc/hostname">]><opml>&f;</opml>')


def test_a_blank_line_before_the_declaration_is_no_damage() -> None:
    assert meaning(opened("\n" + OPML).to_bytes()) == meaning(OPML)


def test_a_namespace_of_its_own_and_a_missing_body_are_no_hindrance() -> None:
    edited = opened('<opml xmlns="http://opml.example/ns"><head/></opml>')
    edited.merge(opened(body('<outline text="F"><outline xmlUrl="https://a.example/f"/></outline>')))
    edited.add("https://b.example/f")
    assert b'xmlns=""' not in edited.to_bytes()
    assert [each.folders for each in opened(edited.to_bytes()).listed.subscriptions] == [("F",), ()]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=40), st.integers(0, len(OPML)))
def test_what_can_be_saved_of_a_damaged_list_can_be_written(junk: bytes, at: int) -> None:
    content = OPML.encode()
    for broken in (content[:at], content[:at] + junk + content[at:], content[:at] + junk):
        try:
            salvaged = Opml.salvaged(broken, "the list")
        except NotASubscriptionList:
            continue
        merged = opened(body())
        merged.merge(salvaged)
        assert opened(merged.to_bytes()).listed == merged.listed


def by_list(subscription: Subscription) -> bool:
    return subscription.private


@pytest.mark.parametrize("is_private", [by_list, lambda each: by_list(each) or "moved" in each.feed_url])
def test_paid_feeds_and_their_tokens_can_be_left_out(is_private: Callable[[Subscription], bool]) -> None:
    token = "s3cret0123456789"
    listed = opened(
        f"<!-- https://old.example/f?token={token} -->"
        + body(
            "<outline text='Paid'>",
            f'<outline text="one" xmlUrl="https://one.example/f?token={token}"><outline xmlUrl="https://c.example/f"/></outline>',
            f'<outline text="two" xmlUrl="https://two.example/{token}" private="true"/>',
            f'<outline text="two again" xmlUrl="https://two.example/{token}"/>',
            f'<outline text="typo" xmlUrl="htps://two.example/f?token={token}"/>',
            f'<outline text="said" xmlUrl="htps://two.example/{token}" private="yes"/></outline>',
            f'<outline text="open" xmlUrl="https://open.example/f" htmlUrl="https://open.example/?token={token}" description="was https://u:{token}@open.example/"/>',
            f"<!-- https://three.example/f?token={token} -->",
            '<outline text="meant to be" xmlUrl="https://four.example/f?token=sports" private="no"/>',
            '<outline text="was" xmlUrl="https://moved.example/f"/>',
        )
    )
    everything = listed.to_bytes().decode()
    left_out = listed.leave_out_private(is_private)
    written = listed.to_bytes().decode()
    assert token in everything and token not in written
    for kept in ("Paid", "https://c.example/f", "https://open.example/f", "https://four.example/f?token=sports"):
        assert kept in written
    assert ("moved" in written, left_out) == ((True, 2) if is_private is by_list else (False, 3))


def test_a_list_of_thousands_is_edited_at_once() -> None:
    edited = Opml.new()
    edited.merge(opened(body(*(f'<outline xmlUrl="https://example.org/{n}"/>' for n in range(20_000)))))
    theirs = opened(
        body(
            "<outline text='F'>", *(f'<outline xmlUrl="https://example.net/{n}"/>' for n in range(20_000)), "</outline>"
        )
    )
    began = time.process_time()
    edited.merge(theirs)
    assert len(edited.listed.subscriptions) == 40_000
    assert time.process_time() - began < 5
