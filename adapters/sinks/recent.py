"""Counting the newest rows without an index on time: backwards along the primary key, until none is new."""

from collections.abc import Callable

WINDOW = 100_000


def count_recent(number: Callable[[str], int], table: str, fresh: str) -> int:
    """Count the rows of `table` for which the condition `fresh` holds.

    `number` asks the database for one whole number. Rows come in nearly by time: a whole window of
    ids without a fresh row ends the count.
    """
    total, newest = 0, number(f"SELECT COALESCE(MAX(id), 0) FROM {table}")  # noqa: S608 - names are checked
    while newest > 0:
        window = f"id > {newest - WINDOW} AND id <= {newest}"
        found = number(f"SELECT COUNT(*) FROM {table} WHERE {window} AND {fresh}")  # noqa: S608 - names are checked
        if not found:
            break
        total += found
        newest -= WINDOW
    return total
