"""Counting the newest rows along the primary key."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sinks.recent import count_recent


@given(st.integers(0, 30), st.integers(0, 30))
def test_all_fresh_rows_at_the_end_are_counted(old: int, fresh: int) -> None:
    """However many windows they fill."""
    with pytest.MonkeyPatch.context() as patch, closing(sqlite3.connect(":memory:")) as connection:
        patch.setattr("adapters.sinks.recent.WINDOW", 7)
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, new INTEGER)")
        connection.executemany("INSERT INTO t (new) VALUES (?)", [(0,)] * old + [(1,)] * fresh)
        assert count_recent(lambda sql: int(connection.execute(sql).fetchone()[0]), "t", "new") == fresh


def test_old_rows_are_not_read() -> None:
    """The count ends at the first window without a fresh row."""
    asked: list[str] = []

    def number(sql: str) -> int:
        asked.append(sql)
        return 10_000_000 if "MAX" in sql else 0

    assert count_recent(number, "t", "new") == 0
    assert len(asked) == 2
