"""Values, rows and statements as MySQL reads them. Pure.

A row is a list of SQL literals, which LOAD DATA reads as well, told that fields end at commas and texts stand in
quotes: one form serves both ways in.
"""

import math
from collections.abc import Iterator, Sequence
from typing import TypeVar

from engine.errors import RejectedError

AT_ONCE = 500
"""Values in one list: the optimizer goes to the rows of so many one by one, and reads the table for more."""

T = TypeVar("T")
_ESCAPES = str.maketrans({
    "\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\x1a": "\\Z",
})  # fmt: skip


def quote(text: str) -> str:
    """`text` as a literal, for a session without NO_BACKSLASH_ESCAPES."""
    return f"'{text.translate(_ESCAPES)}'"


def number(value: float | None) -> str:
    """A number as a literal; what is no finite number is NULL."""
    return "NULL" if value is None or not math.isfinite(value) else repr(value)


def encode(text: str) -> bytes:
    """UTF-8, as sent to the server. Raises RejectedError for half a surrogate pair, which is no text."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise RejectedError(f"{text[error.start : error.end]!r} is no Unicode text") from None


def portions(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut into as many as one list holds."""
    return (values[begin : begin + AT_ONCE] for begin in range(0, len(values), AT_ONCE))


def statements(prefix: str, rows: Sequence[str], suffix: str, limit: int) -> Iterator[bytes]:
    """Multi-row statements of at most `limit` bytes each; a single row may be longer than that.

    Raises RejectedError like `encode`.
    """
    if not rows:
        return
    whole = encode(f"{prefix}({'),('.join(rows)}){suffix}")
    if len(whole) <= limit or len(rows) == 1:
        yield whole
        return
    portion = -(-len(rows) // (len(whole) // limit + 1))
    del whole
    for begin in range(0, len(rows), portion):
        yield from statements(prefix, rows[begin : begin + portion], suffix, limit)
