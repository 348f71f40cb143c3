"""The bytes of a batch."""

from collections import Counter
from collections.abc import Sequence

import pymysql
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sinks.grouping import by_address
from adapters.sinks.mysql_layout import Column, Layout, Table
from adapters.sinks.staging import STAGE_COLUMNS, Formatter, encode, number, quote, statements
from engine.delivery import Batch
from engine.errors import RejectedError
from engine.sighting import Facts, Sighting


def batch_of(sightings: Sequence[Sighting]) -> Batch:
    """A batch that was received at `r`."""
    return Batch("s", 0, 1, 1, 0, "r", "kind", sightings)


def layout(width: int = 255, charset: str = "utf8mb4") -> Layout:
    """Tables whose text columns are all alike."""
    names = ("ip", "country", "country_code", "province", "city", "continent", "isp", "event_type")
    columns = {name: Column(name, width, charset, nullable=True) for name in names}
    return Layout(Table("n", "InnoDB", columns, {}), Table("c", "InnoDB", columns, {}), Counter())


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_quoting_agrees_with_the_driver(text: str) -> None:
    """What PyMySQL would write for the same text means the same to the server."""
    ours, theirs = quote(text), f"'{pymysql.converters.escape_string(text)}'"
    assert ours == theirs.replace('\\"', '"')


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1), st.integers(30, 200))
def test_statements_hold_every_row_in_order_and_respect_the_limit(rows: list[bytes], limit: int) -> None:
    """Only a statement of a single row may be longer than the limit."""
    made = list(statements("INSERT ", rows, " END", limit))
    inner = [statement.removeprefix(b"INSERT (").removesuffix(b") END") for statement in made]
    assert b"),(".join(inner) == b"),(".join(rows)
    for statement, content in zip(made, inner, strict=True):
        assert len(statement) <= limit + 6 or content in rows


def test_no_rows_make_no_statement() -> None:
    """Nothing is sent for nothing."""
    assert list(statements("INSERT ", [], "", 100)) == []


def test_the_head_of_an_address_carries_the_summary() -> None:
    """The first row counts and dates the address; the rows behind it do not."""
    sightings = [Sighting("1.1.1.1", "b", 1), Sighting("1.1.1.1", "a", 2), Sighting("1.1.1.1", "c", 3, cleanup=True)]
    sightings.append(Sighting("2.2.2.2", "d", 4, cleanup=True))
    rows = Formatter(layout()).rows(
        by_address([batch_of(sightings)]).addresses, {"1.1.1.1": Facts("CN", asn=7, latitude=1.5)}
    )
    facts, none = "NULL,1.5,NULL,'CN',NULL,NULL,NULL,NULL,7,1", ",".join(["NULL"] * 10)
    assert rows == [
        f"0,'1.1.1.1','a',NULL,'r',2,'a','b','c',{facts}",
        f"1,'1.1.1.1','b',NULL,'r',NULL,NULL,NULL,NULL,{facts}",
        f"2,'2.2.2.2',NULL,NULL,NULL,0,NULL,NULL,'d',{none}",
    ]
    assert {row.count(",") + 1 for row in rows} == {len(STAGE_COLUMNS)}


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """More distinct texts and facts than are remembered change nothing in the rows."""
    monkeypatch.setattr("adapters.sinks.staging._REMEMBERED", 3)
    formatter = Formatter(layout())
    for n in range(10):
        sighting = Sighting("1.1.1.1", "a", 1, event_type=f"e{n}")
        (row,) = formatter.rows(by_address([batch_of([sighting])]).addresses, {"1.1.1.1": Facts(city=str(n))})
        assert f"'e{n}'" in row
        assert f"'{n}'" in row
    (row,) = formatter.rows(by_address([batch_of([Sighting("1.1.1.1", "a", 1)])]).addresses, {})
    assert row.startswith("0,'1.1.1.1','a',NULL,'r',1,")


def test_another_writer_may_empty_the_memory_at_any_moment() -> None:
    """Writers of one botnet type share what is remembered, in threads: what is not there any more is made again."""
    addresses = by_address([batch_of([Sighting("1.1.1.1", "a", 1)])]).addresses
    formatter = Formatter(layout())
    rows = formatter.rows(addresses, {"1.1.1.1": Facts(isp="x")})
    for memory in vars(formatter).values():
        memory.clear()
    assert formatter.rows(addresses, {"1.1.1.1": Facts(isp="x")}) == rows


def test_numbers_that_are_none_are_null() -> None:
    """NaN and infinity have no place in a database."""
    assert [number(value) for value in (1.25, 3, None, float("nan"), float("inf"))] == ["1.25", "3", *["NULL"] * 3]


def test_half_a_surrogate_pair_is_rejected() -> None:
    """It is no text, in any encoding."""
    with pytest.raises(RejectedError, match="Unicode"):
        encode("\ud800")


@pytest.mark.parametrize(
    ("charset", "fitted"),
    [("utf8mb4", "Łód 😀"), ("utf8mb3", "Łód \N{REPLACEMENT CHARACTER}"), ("latin1", "?ód ?"), ("ascii", "??d ?")],
)
def test_texts_are_fitted_to_charset_and_width(charset: str, fitted: str) -> None:
    """What a column cannot hold is replaced or cut, and counted."""
    narrow = layout(5, charset)
    assert narrow.fit("city", "Łód 😀ź") == fitted
    assert narrow.fit("city", "Rome") == "Rome"
    assert narrow.cuts == {"city": 1}
