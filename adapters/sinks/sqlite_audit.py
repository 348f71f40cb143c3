"""What the audit asks a SQLite database. Blocking."""
# ruff: noqa: S608 - names are checked

import sqlite3
from collections.abc import Collection

from adapters.sinks.ledger import ledger_row, pieces_of
from adapters.sinks.schema import communications_table, nodes_table
from adapters.sinks.sqlite_questions import botnet_types, has_nodes
from engine.audit import Counters, LedgerRow, LedgerTotal

_SUMS = ", ".join(
    f"SUM(CASE WHEN part < 0 THEN 0 ELSE {column} END)" for column in ("received", "written", "duplicates", "rejected")
)


def ledger_rows(connection: sqlite3.Connection, names: Collection[str]) -> list[LedgerRow]:
    """The rows of these batches and of their pieces."""
    return [
        ledger_row(*row)
        for name in names
        for row in connection.execute(
            "SELECT name, received, written, duplicates, rejected FROM engine_ledger "
            "WHERE name = ? OR name > ? AND name < ?",
            (name, *pieces_of(name)),
        )
    ]


def ledger_totals(connection: sqlite3.Connection, since: str | None) -> list[LedgerTotal]:
    """Sum up the ledger per source."""
    rows = connection.execute(
        f"SELECT source, {_SUMS}, SUM(CASE WHEN part < 0 THEN received ELSE 0 END), "
        "SUM(received <> written + duplicates + rejected) "
        "FROM engine_ledger WHERE ? IS NULL OR created_time >= ? GROUP BY source ORDER BY source",
        (since, since),
    )
    return [LedgerTotal(*row) for row in rows]


def counters(connection: sqlite3.Connection) -> list[Counters]:
    """Per botnet type, both numbers of the same moment: one statement each."""
    return [
        Counters(
            kind,
            *connection.execute(
                f"SELECT (SELECT COALESCE(SUM(communication_count), 0) FROM {nodes_table(kind)}), "
                f"(SELECT COUNT(*) FROM {communications_table(kind)})"
            ).fetchone(),
        )
        for kind in botnet_types(connection)
        if has_nodes(connection, kind)
    ]
