"""Lists of subscribers as spreadsheet programs and people really write them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podbrief_assets.database import create_all, engine, session
from podbrief_assets.subscribers.database import NewSubscriber, add_all, list_subscribers
from podbrief_assets.subscribers.importing import MAX_BYTES, BadList, read_csv


def test_a_full_list_is_read() -> None:
    result = read_csv(
        b"address,interests,brief_size,timezone,language,followed_shows,muted_shows,muted_topics\r\n"
        b'ann@example.org,"batteries; the power grid",3,Europe/Berlin,de,show-1;show-2,show-3,sport\r\n'
        b"ben@example.org,,,,,,,\r\n"
    )
    assert result.rows == [
        NewSubscriber(
            address="ann@example.org",
            interests=("batteries", "the power grid"),
            brief_size=3,
            timezone="Europe/Berlin",
            language="de",
            followed_shows=("show-1", "show-2"),
            muted_shows=("show-3",),
            muted_topics=("sport",),
        ),
        NewSubscriber(address="ben@example.org"),
    ]
    assert result.problems == []
    assert result.notes == []


def test_several_interest_columns_and_any_order_are_read() -> None:
    result = read_csv(b"Interest,E-Mail,interest\nwhales,ann@example.org,grids\n,ben@example.org,\n")
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
    result = read_csv(content)
    assert result.rows == [NewSubscriber(address="ann@example.org", interests=("Bücher",))]
    assert result.problems == []


def test_a_guessed_encoding_is_told() -> None:
    assert "Windows-1252" in read_csv("address,interests\na@example.org,é".encode("cp1252")).notes[0]


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
    result = read_csv("\n".join(lines).encode())
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
    result = read_csv(b'address,interests\nann@example.org,"whales\ngrids, and more"\nnobody,x\n')
    assert result.rows[0].interests == ("whales", "grids, and more")
    assert result.problems[0].startswith("line 4: nobody")


def test_an_address_twice_is_merged_and_told() -> None:
    result = read_csv(b"address,interests,brief_size\nann@example.org,whales,3\nANN@example.org,Whales;grids,\n")
    (row,) = result.rows
    assert (row.interests, row.brief_size) == (("whales", "grids"), 3)
    assert result.notes == ["line 3: ANN@example.org was on line 2 already; the two are merged"]


def test_a_column_nobody_reads_is_told() -> None:
    result = read_csv(b"address,phone\nann@example.org,1\n")
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
        read_csv(content)
    assert caught.value.remedy


def test_a_hostile_file_takes_time_in_proportion_to_its_size() -> None:
    started = time.perf_counter()
    quotes = read_csv(b"address,interests\n" + b'a@example.org,"x\n' * 20_000)
    long_line = read_csv(b"address,interests\na@example.org," + b";x" * 1_000_000 + b"\nb@example.org,\n")
    # Seconds would show a loop within a loop; the limit is wide, because machines differ.
    assert time.perf_counter() - started < 8
    assert len(quotes.problems) == 20_000
    assert [row.address for row in long_line.rows] == ["b@example.org"]


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(alphabet='a@.,;"\n\r\t =x\x00é', max_size=80).map(str.encode)))
def test_no_bytes_do_more_than_give_rows_and_lines(tail: bytes) -> None:
    result = read_csv(b"address,interests\nann@example.org,whales\n" + tail)
    assert result.rows[0].address == "ann@example.org"
    assert all("\n" not in line for line in result.problems + result.notes)


def test_what_was_read_can_be_stored_twice_without_a_change(tmp_path: Path) -> None:
    database = engine(f"sqlite:///{tmp_path / 'podbrief.sqlite'}")
    create_all(database)
    rows = read_csv(b"address,interests\nann@example.org,whales;grids\nben@example.org,\n").rows
    with session(database) as transaction:
        assert [added.created for added in add_all(transaction, rows)] == [True, True]
    with session(database) as transaction:
        again = add_all(transaction, rows)
        people = list_subscribers(transaction)
    assert [(added.created, added.new_wishes, added.changed) for added in again] == [(False, (), ())] * 2
    assert [one.interests for one in people] == [("whales", "grids"), ()]
