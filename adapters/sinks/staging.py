"""The bytes of a batch on their way into the staging table. Pure.

One form serves both ways in: a row is a list of SQL literals, which LOAD DATA reads as well, told that fields end at
commas and texts stand in quotes. What describes an address is formatted once and remembered, not once per row.
"""
# ruff: noqa: S608 - texts are quoted

import math
from collections.abc import Iterator, Mapping, Sequence

from adapters.sinks.grouping import Address, Seen
from adapters.sinks.mysql_layout import Layout
from adapters.sinks.schema import FACT_COLUMNS, TEXT_COLUMNS
from engine.errors import RejectedError
from engine.sighting import Facts

STAGE_COLUMNS = (
    "position", "ip", "seen_at", "event_type", "received_at", "n", "first_seen", "last_seen", "cleaned_at",
    *FACT_COLUMNS,
)  # fmt: skip
LOAD = (
    "LOAD DATA LOCAL INFILE 'rows' INTO TABLE engine_stage CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' "
    rf"OPTIONALLY ENCLOSED BY '\'' ESCAPED BY '\\' LINES TERMINATED BY '\n' ({', '.join(STAGE_COLUMNS)})"
)
INSERT = f"INSERT INTO engine_stage ({', '.join(STAGE_COLUMNS)}) VALUES "

_REMEMBERED = 20_000
_ESCAPES = str.maketrans({
    "\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\x1a": "\\Z",
})  # fmt: skip


def quote(text: str) -> str:
    """`text` as a literal, for a session without NO_BACKSLASH_ESCAPES."""
    return f"'{text.translate(_ESCAPES)}'"


def number(value: float | None) -> str:
    """A number as a literal; what is no finite number is NULL."""
    return "NULL" if value is None or not math.isfinite(value) else repr(value)


class _Literals(dict[str | None, str]):
    """The literals of one text column, each made once.

    Writers share them, each in its own thread: any of them may empty them at any moment.
    """

    def __init__(self, layout: Layout, column: str) -> None:
        super().__init__()
        self._layout = layout
        self._column = column

    def __missing__(self, text: str | None) -> str:
        if len(self) >= _REMEMBERED:
            self.clear()
        made = self[text] = "NULL" if text is None else quote(self._layout.fit(self._column, text))
        return made


class Formatter:
    """Turns addresses into rows for the tables of one botnet type."""

    def __init__(self, layout: Layout) -> None:
        self._country, self._code, self._province, self._city, self._continent, self._isp = (
            _Literals(layout, column) for column in TEXT_COLUMNS
        )
        self._event = _Literals(layout, "event_type")
        self._seen: dict[Seen, str] = {}
        self._facts: dict[Facts, str] = {}

    def rows(self, addresses: Sequence[Address], facts: Mapping[str, Facts]) -> list[str]:
        """One row per sighting, the head of each address first."""
        rows: list[str] = []
        unknown = Facts()
        for ip, seen, cleanups in addresses:
            known = self._fact_fields(facts.get(ip, unknown))
            cleaned = f"'{max(cleanups)}'" if cleanups else "NULL"
            if not seen:
                rows.append(f"{len(rows)},'{ip}',NULL,NULL,NULL,0,NULL,NULL,{cleaned},{known}")
                continue
            # What stands in the head only; the times ascend.
            first, last = next(iter(seen)), next(reversed(seen))
            summary = f"{len(seen)},'{first}','{last}',{cleaned}"
            for seen_at, kept in seen.items():
                rows.append(f"{len(rows)},'{ip}','{seen_at}',{self._seen_fields(kept)},{summary},{known}")
                summary = "NULL,NULL,NULL,NULL"
        return rows

    def _seen_fields(self, seen: Seen) -> str:
        known = self._seen.get(seen)
        if known is None:
            if len(self._seen) >= _REMEMBERED:
                self._seen.clear()
            known = self._seen[seen] = f"{self._event[seen.event_type]},'{seen.received_at}'"
        return known

    def _fact_fields(self, facts: Facts) -> str:
        """The literals of `FACT_COLUMNS`; written out, because it is the hottest line of the sink."""
        known = self._facts.get(facts)
        if known is None:
            if len(self._facts) >= _REMEMBERED:
                self._facts.clear()
            code, country, province, city, continent, isp, asn, latitude, longitude = facts
            china = "NULL" if code is None else "1" if code == "CN" else "0"
            known = self._facts[facts] = (
                f"{number(longitude)},{number(latitude)},{self._country[country]},{self._code[code]},"
                f"{self._province[province]},{self._city[city]},{self._continent[continent]},{self._isp[isp]},"
                f"{number(asn)},{china}"
            )
        return known


def encode(text: str) -> bytes:
    """UTF-8, as sent to the server. Raises RejectedError for half a surrogate pair, which is no text."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise RejectedError(f"{text[error.start : error.end]!r} is no Unicode text") from None


def statements(prefix: str, rows: Sequence[bytes], suffix: str, limit: int) -> Iterator[bytes]:
    """Multi-row statements of at most `limit` bytes each; a single row may be longer than that."""
    head, tail = prefix.encode(), suffix.encode()
    chunk: list[bytes] = []
    size = 0
    for row in rows:
        if chunk and size + len(row) + len(head) + len(tail) > limit:
            yield head + b"(" + b"),(".join(chunk) + b")" + tail
            chunk, size = [], 0
        chunk.append(row)
        size += len(row) + 3
    if chunk:
        yield head + b"(" + b"),(".join(chunk) + b")" + tail
