"""Lists of subscribers as spreadsheet programs and people really write them."""

from __future__ import annotations

import datetime as dt
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from podbrief_assets.database import session
from podbrief_assets.subscribers import consent
from podbrief_assets.subscribers.consent import BadConsent, Consent
from podbrief_assets.subscribers.database import Added, NewSubscriber, add_all, list_subscribers
from podbrief_assets.subscribers.importing import MAX_BYTES, BadList, ImportResult, read_csv

AT_THE_FAIR = Consent(how="import", evidence="signed the sheet at the fair")


def read(content: bytes) -> ImportResult:
    """A list of which somebody says how everyone on it agreed."""
    return read_csv(content, consent=AT_THE_FAIR.evidence)


def test_a_full_list_is_read() -> None:
    result = read(
        b"address,interests,brief_size,timezone,language,hour,format,followed_shows,muted_shows,muted_topics,muted_words,"
        b"consent,consented_at\r\n"
        b'ann@example.org,"batteries; the power grid",3,Europe/Berlin,de,0,Text,show-1;show-2,show-3,Motorsport,Acme;bees,'
        b"by the form on our page,2026-05-03T08:00+02:00\r\n"
        b"ben@example.org,,,,,,,,,,,,2026-05-04\r\n"
    )
    assert result.rows == [
        NewSubscriber(
            address="ann@example.org",
            consent=Consent(
                how="import", evidence="by the form on our page", given_at=dt.datetime(2026, 5, 3, 6, tzinfo=dt.UTC)
            ),
            interests=("batteries", "the power grid"),
            brief_size=3,
            timezone="Europe/Berlin",
            language="de",
            hour=0,
            format="text",
            followed_shows=("show-1", "show-2"),
            muted_shows=("show-3",),
            muted_topics=("motorsport",),
            muted_words=("Acme", "bees"),
        ),
        NewSubscriber(
            address="ben@example.org",
            consent=Consent(
                how="import", evidence=AT_THE_FAIR.evidence, given_at=dt.datetime(2026, 5, 4, tzinfo=dt.UTC)
            ),
        ),
    ]
    assert result.problems == []
    assert result.notes == []


def test_several_interest_columns_and_any_order_are_read() -> None:
    result = read(b"Interest,E-Mail,interest\nwhales,ann@example.org,grids\n,ben@example.org,\n")
    assert [(row.address, row.interests) for row in result.rows] == [
        ("ann@example.org", ("whales", "grids")),
        ("ben@example.org", ()),
    ]


@pytest.mark.parametrize(
    "content",
    [
        "address,interests\nann@example.org,Bücher\n".encode("utf-8-sig"),
        "address;interests\r\nann@example.org;Bücher\r\n".encode(),
        "address\tinterests\rann@example.org\tBücher".encode("utf-16"),
        "address,interests\nann@example.org,Bücher\n".encode("cp1252"),
        '\n\n"address","interests"\n\n"ann@example.org"," Bücher "\n,\n'.encode(),
    ],
    ids=["bom", "semicolons", "utf-16 and tabs", "windows", "quoted with empty lines"],
)
def test_what_spreadsheet_programs_write_is_read_alike(content: bytes) -> None:
    result = read(content)
    assert result.rows == [NewSubscriber(address="ann@example.org", consent=AT_THE_FAIR, interests=("Bücher",))]
    assert result.problems == []


def test_a_guessed_encoding_is_told() -> None:
    assert "Windows-1252" in read("address,interests\na@example.org,é".encode("cp1252")).notes[0]


def test_each_broken_line_gives_one_line_and_costs_no_other() -> None:
    lines = [
        "address,interests,brief_size,timezone",
        "ann@example.org,whales,5,UTC",
        "not an address,whales,5,UTC",
        "bea@example.org,whales,many,UTC",
        "cem@example.org,whales,11,UTC",
        "dan@example.org,whales,5,Mars/Olympus",
        'eve@example.org,"whales,5,UTC',
        "fay@example.org,whales,5,UTC,too,many",
        "gus@example.org,wha\x00les,5,UTC",
        'hal@example.org,"a "b" c",5,UTC',
        "ivy@example.org,=1+1,5,UTC",
        f"jon@example.org,{'x' * 301},5,UTC",
        'kim@example.org,8" telescopes',
    ]
    result = read("\n".join(lines).encode())
    assert [row.address for row in result.rows] == ["ann@example.org", "kim@example.org"]
    assert [problem.split(":")[0] for problem in result.problems] == [f"line {n}" for n in range(3, 13)]
    for problem, said in zip(
        result.problems,
        ["@-sign", "1 to 10", "1 to 10", "IANA", "quote", "6 cells", "zero byte", "quote", "formula", "too long"],
        strict=True,
    ):
        assert said in problem
        assert problem.isprintable()


def test_a_cell_with_line_breaks_is_one_row_and_later_numbers_are_right() -> None:
    result = read(b'address,interests\nann@example.org,"whales\ngrids, and more"\nnobody,x\n')
    assert result.rows[0].interests == ("whales", "grids, and more")
    assert result.problems[0].startswith("line 4: nobody")


def test_an_address_twice_is_merged_and_told() -> None:
    result = read(b"address,interests,brief_size\nann@example.org,whales,3\nANN@example.org,Whales;grids,\n")
    (row,) = result.rows
    assert (row.interests, row.brief_size) == (("whales", "grids"), 3)
    assert result.notes == ["line 3: ANN@example.org was on line 2 already; the two are merged"]


def test_a_column_nobody_reads_is_told() -> None:
    result = read(b"address,phone\nann@example.org,1\n")
    assert (len(result.rows), result.notes) == (1, ["column “phone” is not read"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "address"),
        (b"ann@example.org,whales\n", "address"),
        (b"name,interests\nann,whales\n", "address"),
        (b"address,email\na@example.org,b@example.org\n", "two columns"),
        (b'"address,interests\n', "no header"),
        (b"PK\x03\x04....", "spreadsheet"),
        (b"a\x00d\x00d\x00", "no text"),
        (b"x" * (MAX_BYTES + 1), "split"),
        (b"address" + b"\n" * 1_000_001, "split"),
    ],
)
def test_a_file_that_is_no_list_is_refused_with_a_remedy(content: bytes, said: str) -> None:
    with pytest.raises(BadList, match=said) as caught:
        read(content)
    assert caught.value.remedy


def test_a_hostile_file_takes_time_in_proportion_to_its_size() -> None:
    started = time.perf_counter()
    quotes = read(b"address,interests\n" + b'a@example.org,"x\n' * 20_000)
    long_line = read(b"address,interests\na@example.org," + b";x" * 1_000_000 + b"\nb@example.org,\n")
    # Seconds would show a loop within a loop; the limit is wide, because machines differ.
    assert time.perf_counter() - started < 8
    assert len(quotes.problems) == 20_000
    assert [row.address for row in long_line.rows] == ["b@example.org"]


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(alphabet='a@.,;"\n\r\t =x\x00é', max_size=80).map(str.encode)))
def test_no_bytes_do_more_than_give_rows_and_lines(tail: bytes) -> None:
    result = read(b"address,interests\nann@example.org,whales\n" + tail)
    assert result.rows[0].address == "ann@example.org"
    assert all("\n" not in line for line in result.problems + result.notes)


def test_what_was_read_can_be_stored_twice_without_a_change(engine: Engine) -> None:
    rows = read(b"address,interests\nann@example.org,whales;grids\nben@example.org,\n").rows
    with session(engine) as transaction:
        first = add_all(transaction, rows)
    assert all(isinstance(one, Added) and one.created for one in first)
    with session(engine) as transaction:
        again = add_all(transaction, rows)
        people = list_subscribers(transaction)
        agreed = [[evidence for evidence, _ in consent.of(transaction, one.subscriber_id)] for one in people]
    assert all(
        isinstance(one, Added) and (one.created, one.new_wishes, one.changed) == (False, (), ()) for one in again
    )
    assert agreed == [[AT_THE_FAIR], [AT_THE_FAIR]]
    assert [one.interests for one in people] == [("whales", "grids"), ()]


def test_a_line_without_evidence_of_consent_is_left_out_and_told() -> None:
    result = read_csv(b"address,consent\nann@example.org,told me so on 3 May\nben@example.org,\n\x20,x\n")
    assert [row.address for row in result.rows] == ["ann@example.org"]
    assert result.problems[0].startswith("line 3: nothing says that ben@example.org agreed to get briefs")
    assert "--consent" in result.problems[0]
    nobody = read_csv(b"address,interests\nann@example.org,whales\n")
    assert (nobody.rows, len(nobody.problems)) == ([], 1)


@pytest.mark.parametrize("when", ["3 May", "2026-13-01", "0001-01-01T00:00+14:00", "\u0662\u0660\u0662\u0666"])
def test_a_moment_of_consent_that_is_none_costs_its_line(when: str) -> None:
    result = read_csv(f"address,consent,consented_at\nann@example.org,at the fair,{when}\n".encode())
    assert result.rows == []
    assert "2026-05-03" in result.problems[0]


@pytest.mark.parametrize("evidence", ["", " \u202e\x00 ", "x" * 1_001, "y" * 100_000])
def test_evidence_for_a_whole_list_says_something(evidence: str) -> None:
    with pytest.raises(BadConsent, match="1 to 1000"):
        read_csv(b"address\nann@example.org\n", consent=evidence)
