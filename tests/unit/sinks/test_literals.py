"""Values, rows and statements as MySQL reads them."""

import pymysql
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sinks.literals import encode, number, quote, statements
from engine.errors import RejectedError


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_quoting_agrees_with_the_driver(text: str) -> None:
    """What PyMySQL would write for the same text means the same to the server."""
    ours, theirs = quote(text), f"'{pymysql.converters.escape_string(text)}'"
    assert ours == theirs.replace('\\"', '"')


@given(st.lists(st.text("aé'\\", min_size=1, max_size=40), min_size=1), st.integers(30, 200))
def test_statements_hold_every_row_in_order_and_respect_the_limit(rows: list[str], limit: int) -> None:
    """Only a statement of a single row may be longer than the limit."""
    made = list(statements("INSERT ", rows, " END", limit))
    inner = [statement.decode().removeprefix("INSERT (").removesuffix(") END") for statement in made]
    assert "),(".join(inner) == "),(".join(rows)
    for statement, content in zip(made, inner, strict=True):
        assert len(statement) <= limit or content in rows


def test_no_rows_make_no_statement() -> None:
    """Nothing is sent for nothing."""
    assert list(statements("INSERT ", [], "", 100)) == []


def test_numbers_that_are_none_are_null() -> None:
    """NaN and infinity have no place in a database."""
    assert [number(value) for value in (1.25, 3, None, float("nan"), float("inf"))] == ["1.25", "3", *["NULL"] * 3]


def test_half_a_surrogate_pair_is_rejected() -> None:
    """It is no text, in any encoding."""
    with pytest.raises(RejectedError, match="Unicode"):
        encode("\ud800")
