"""One write: batches of one botnet type into SQLite, exactly once, in one transaction.

As in MySQL, the nodes are counted as if all sightings were new, and what turns out to have been there before is taken
off again. SQLite has one writer at a time, so that nothing comes in between.
"""
# ruff: noqa: S608 - names are checked

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import reduce
from itertools import chain
from typing import TypeVar

from adapters.sinks.grouping import Communication, Grouped, Head, Seen, by_address, outdated, shares
from adapters.sinks.schema import (
    FACT_COLUMNS,
    FactValue,
    check_texts,
    communications_table,
    digest_of,
    fact_values,
    nodes_table,
)
from adapters.sinks.sqlite_settling import remove_settled
from engine.delivery import Batch, Written
from engine.errors import RejectedError
from engine.sighting import Facts

_FACTS = ", ".join(FACT_COLUMNS)
_SAID = "ip, communication_time, event_type, received_at"
_NO_FACTS = fact_values(Facts())
_SIZES = (32, 4, 1)
"""Rows of one statement. The rest of the process goes on while SQLite is at work on one; after each, be it of one row,
the writer may have to wait until the interpreter is free again. Of few sizes, so that SQLite keeps them prepared."""

T = TypeVar("T")
Row = tuple[str | int | float | None, ...]
Finish = Callable[[sqlite3.Connection, Written], None]
"""What else belongs to the transaction of a write, told what the write did. Raises an EngineError to undo both."""


def nothing_more(_connection: sqlite3.Connection, _written: Written) -> None:
    """Most writes are whole without."""


def write_batches(
    connection: sqlite3.Connection, batches: Sequence[Batch], facts: Mapping[str, Facts], finish: Finish
) -> list[Written]:
    """Write the batches, `finish`, and commit; their tables are there. After an error nothing of it is there."""
    told = by_address(batches)
    heads = told.heads()
    check_texts([head.ip for head in heads], [*told.said(), *(batch.received_at for batch in batches)])
    connection.execute("BEGIN IMMEDIATE")
    try:
        known = _TypeWriter(connection, batches[0].botnet_type, facts).write(told, heads) if heads else []
        done = [_settle(connection, *pair) for pair in zip(batches, shares(told.firsts, known), strict=True)]
        finish(connection, reduce(Written.plus, done))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return done


def _settle(connection: sqlite3.Connection, batch: Batch, written: int) -> Written:
    """Dead letters and ledger row of a batch; what became of it."""
    dead = _write_dead_letters(connection, batch) if batch.rejected else 0
    _write_ledger(connection, batch, written)
    return Written(written, len(batch.sightings) - written, dead)


class _TypeWriter:
    """Writes sightings into the tables of one botnet type."""

    def __init__(self, connection: sqlite3.Connection, botnet_type: str, facts: Mapping[str, Facts]) -> None:
        self._connection = connection
        self._facts = facts
        self._nodes = nodes_table(botnet_type)
        self._communications = communications_table(botnet_type)

    def write(self, told: Grouped, heads: Sequence[Head]) -> list[int]:
        """Return the batches of what was there before, one for each sighting."""
        facts = {head.ip: fact_values(self._facts[head.ip]) for head in heads if head.ip in self._facts}
        self._upsert_nodes(heads, facts)
        known = self._known(told.seen)
        self._insert_communications(told.seen, known, facts)
        stale = [place for ip, reports in told.cleanups.items() for place in self._mark_cleaned(ip, reports)]
        if len(known) + len(stale) == sum(told.firsts):
            # All of it was there before: not even `updated_at` moves.
            self._connection.execute("ROLLBACK")
            self._connection.execute("BEGIN IMMEDIATE")
            return told.owners()
        self._subtract([ip for ip, _ in known])
        return stale + [told.seen[communication].batch for communication in known]

    def _upsert_nodes(self, heads: Sequence[Head], facts: Mapping[str, Sequence[FactValue]]) -> None:
        insert = f"INSERT INTO {self._nodes} (ip, {_FACTS}, status, first_seen, last_seen, communication_count) VALUES "
        rows = [
            (ip, *facts.get(ip, _NO_FACTS), "active" if count else "cleaned", first, last, count)
            for ip, first, last, count in heads
        ]
        for portion in _portions(rows):
            self._execute(insert, portion, f" ON CONFLICT (ip) DO UPDATE SET {_CHANGES}")

    def _known(self, seen: Iterable[Communication]) -> set[Communication]:
        """The sightings that are there already."""
        found = (
            self._execute(
                "WITH seen (ip, at) AS (VALUES ",
                portion,
                f") SELECT seen.ip, seen.at FROM seen CROSS JOIN {self._communications} AS told "
                "ON told.ip = seen.ip AND told.communication_time = seen.at",
            )
            for portion in _portions(list(seen))
        )
        return {communication for cursor in found for communication in cursor}

    def _insert_communications(
        self,
        seen: Mapping[Communication, Seen],
        known: AbstractSet[Communication],
        facts: Mapping[str, Sequence[FactValue]],
    ) -> None:
        """Insert all but the known ones. A column of facts in which no address has a value does not travel at all."""
        places = sorted({at for values in set(facts.values()) for at, value in enumerate(values) if value is not None})
        columns = ", ".join([_SAID, *(FACT_COLUMNS[place] for place in places)])
        tails = {ip: [values[place] for place in places] for ip, values in facts.items()}
        unknown = [None] * len(places)
        rows = [
            (*communication, event_type, received_at, *tails.get(communication[0], unknown))
            for communication, (event_type, received_at, _) in seen.items()
            if communication not in known
        ]
        inserted = sum(
            self._execute(
                f"INSERT INTO {self._communications} (node_id, {columns}) WITH seen ({columns}) AS (VALUES ",
                portion,
                f") SELECT nodes.id, seen.* FROM seen LEFT JOIN {self._nodes} AS nodes ON nodes.ip = seen.ip",
            ).rowcount
            for portion in _portions(rows)
        )
        if inserted != len(rows):
            reason = f"{self._communications} took {inserted} of {len(rows)} rows that it did not have: a trigger?"
            raise RejectedError(reason, certain=False)

    def _execute(self, before: str, rows: Sequence[Row], after: str) -> sqlite3.Cursor:
        """One statement for so many rows of the same width."""
        row = f"({','.join('?' * len(rows[0]))})"
        return self._connection.execute(
            f"{before}{','.join([row] * len(rows))}{after}", list(chain.from_iterable(rows))
        )

    def _subtract(self, known: Sequence[str]) -> None:
        """Take the sightings that were there before off the nodes again."""
        self._connection.executemany(
            f"UPDATE {self._nodes} SET communication_count = communication_count - 1 WHERE ip = ?",
            [(ip,) for ip in known],
        )

    def _mark_cleaned(self, ip: str, reports: Mapping[str, int]) -> list[int]:
        """Move `cleaned_time` forward, and the status with it unless the address was seen later.

        Return the batches of the reports that were no news.
        """
        before: str | None = self._connection.execute(
            f"SELECT cleaned_time FROM {self._nodes} WHERE ip = ?", (ip,)
        ).fetchone()[0]
        stale = outdated(reports, before)
        if len(stale) < len(reports):
            latest = max(reports)
            self._connection.execute(
                f"UPDATE {self._nodes} SET cleaned_time = ?, updated_at = CURRENT_TIMESTAMP, "
                "status = CASE WHEN last_seen > ? THEN status ELSE 'cleaned' END WHERE ip = ?",
                (latest, latest, ip),
            )
        return stale


def _portions(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut into as few as there can be of these sizes."""
    begin = 0
    for size in _SIZES:
        while len(rows) - begin >= size:
            yield rows[begin : begin + size]
            begin += size


_NEWER = "excluded.communication_count > 0 AND (last_seen IS NULL OR excluded.last_seen > last_seen)"
_STATUS = "CASE WHEN cleaned_time IS NULL OR excluded.last_seen > cleaned_time THEN 'active' ELSE 'cleaned' END"
# Unlike in MySQL, every expression sees the row as it was.
_CHANGES = ", ".join((
    *(f"{name} = CASE WHEN {_NEWER} THEN excluded.{name} ELSE {name} END" for name in FACT_COLUMNS),
    "updated_at = CASE WHEN excluded.communication_count > 0 THEN CURRENT_TIMESTAMP ELSE updated_at END",
    f"status = CASE WHEN {_NEWER} THEN {_STATUS} ELSE status END",
    "first_seen = COALESCE(MIN(first_seen, excluded.first_seen), first_seen, excluded.first_seen)",
    "last_seen = COALESCE(MAX(last_seen, excluded.last_seen), last_seen, excluded.last_seen)",
    "communication_count = communication_count + excluded.communication_count",
))  # fmt: skip


def _write_dead_letters(connection: sqlite3.Connection, batch: Batch) -> int:
    cursor = connection.executemany(
        "INSERT INTO dead_letters "
        "(source, epoch, position, digest, stage, reason, attempts, original, botnet_type, created_time) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, CURRENT_TIMESTAMP) ON CONFLICT DO NOTHING",
        [
            (
                batch.source,
                batch.epoch,
                rejected.position,
                digest_of(rejected.original),
                rejected.stage,
                rejected.reason.encode(errors="replace").decode(),
                rejected.attempts,
                rejected.original,
                batch.botnet_type,
            )
            for rejected in batch.rejected
        ],
    )
    inserted = max(cursor.rowcount, 0)
    if not inserted:
        return 0
    keys = [(batch.source, rejected.position, digest_of(rejected.original)) for rejected in batch.rejected]
    return inserted - remove_settled(connection, keys)


def _write_ledger(connection: sqlite3.Connection, batch: Batch, written: int) -> None:
    connection.execute(
        "INSERT INTO engine_ledger (source, epoch, first, last, part, name, botnet_type, "
        "received, written, duplicates, rejected, created_time) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, CURRENT_TIMESTAMP) ON CONFLICT DO NOTHING",
        (
            batch.source,
            batch.epoch,
            batch.first,
            batch.last,
            batch.part,
            batch.name,
            batch.botnet_type,
            batch.size,
            written,
            len(batch.sightings) - written,
            len(batch.rejected),
        ),
    )
