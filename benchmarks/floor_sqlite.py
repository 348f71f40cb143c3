"""The floor in SQLite: the same rows by one plain loop of `sqlite3`, a batch of 1000 a durable transaction."""

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing

from adapters.sinks.schema import FACT_COLUMNS, communications_table, fact_values, nodes_table
from benchmarks.corpus import Seen
from benchmarks.figures import Figures
from benchmarks.floor import BATCH_SIZE
from benchmarks.floor_rows import columns_of, split
from benchmarks.floor_writer import RECEIVED_AT
from benchmarks.ground import Ground, SqlitePlace, Work
from engine.sighting import Facts

PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "cache_size = -65536")
"""Those of the engine."""

Values = Sequence[str | int | float | None]
Address = tuple[str, Values, list[str]]
"""An address, its facts, and when it was seen in the batch."""


def run_floor_sqlite(ground: Ground, work: Work, facts: Mapping[str, Facts]) -> Figures:
    """One run. Raises AssertionError if it is not exact."""
    columns = columns_of(facts)
    values = {ip: _chosen(each, columns) for ip, each in facts.items()}
    (batches,) = split(work.corpus.records, 1, BATCH_SIZE)
    ready = [(batch[0].kind, list(addresses(batch, values))) for batch in batches]
    with ground.place(work.kinds, "sqlite") as place:
        assert isinstance(place, SqlitePlace)
        with closing(place.connect()) as connection:
            for pragma in PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            began, spent = time.perf_counter(), time.process_time()
            for kind, batch in ready:
                write(connection, kind, batch, columns)
            seconds, own = time.perf_counter() - began, time.process_time() - spent
        place.check(work.expected)
    return Figures(len(work.corpus), seconds, {"floor": own})


def addresses(batch: Sequence[Seen], values: Mapping[str, Values]) -> Iterator[Address]:
    """The batch by address, in the order of addresses and times, without repeats."""
    seen: dict[str, set[str]] = {}
    for _, ip, seen_at in batch:
        seen.setdefault(ip, set()).add(seen_at)
    for ip in sorted(seen):
        yield ip, values[ip], sorted(seen[ip])


def write(connection: sqlite3.Connection, kind: str, batch: Sequence[Address], columns: Sequence[str]) -> None:
    """Write one batch and commit: all are counted as new, and what was there is taken off again."""
    insert = insert_communication(kind, columns)
    connection.execute("BEGIN IMMEDIATE")
    counted = ((ip, *facts, times[0], times[-1], len(times)) for ip, facts, times in batch)
    connection.executemany(upsert_node(kind, columns), counted)
    known = [
        (ip,)
        for ip, facts, times in batch
        for seen_at in times
        if not connection.execute(insert, (ip, ip, seen_at, *facts)).rowcount
    ]
    connection.executemany(
        f"UPDATE {nodes_table(kind)} SET communication_count = communication_count - 1 WHERE ip = ?", known
    )
    connection.execute("COMMIT")


def upsert_node(kind: str, columns: Sequence[str]) -> str:
    """Every expression sees the row as it was."""
    newer = "excluded.last_seen > last_seen"
    changes = [
        *[f"{name} = CASE WHEN {newer} THEN excluded.{name} ELSE {name} END" for name in columns],
        "updated_at = CURRENT_TIMESTAMP",
        f"status = CASE WHEN {newer} THEN 'active' ELSE status END",
        "first_seen = MIN(first_seen, excluded.first_seen)",
        "last_seen = MAX(last_seen, excluded.last_seen)",
        "communication_count = communication_count + excluded.communication_count",
    ]
    into = ["ip", *columns, "first_seen", "last_seen", "communication_count"]
    return (
        f"INSERT INTO {nodes_table(kind)} ({', '.join(into)}) VALUES ({', '.join('?' * len(into))}) "
        f"ON CONFLICT (ip) DO UPDATE SET {', '.join(changes)}"
    )


def insert_communication(kind: str, columns: Sequence[str]) -> str:
    """Does nothing where the sighting is there."""
    into = ["node_id", "ip", "communication_time", *columns, "received_at"]
    values = [f"(SELECT id FROM {nodes_table(kind)} WHERE ip = ?)", "?", "?", *("?" for _ in columns), RECEIVED_AT]
    return (
        f"INSERT INTO {communications_table(kind)} ({', '.join(into)}) VALUES ({', '.join(values)}) "
        "ON CONFLICT DO NOTHING"
    )


def _chosen(facts: Facts, columns: Sequence[str]) -> Values:
    values = fact_values(facts)
    return [values[FACT_COLUMNS.index(name)] for name in columns]
