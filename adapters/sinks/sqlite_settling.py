"""Dead letters that are settled in SQLite: taken away, and remembered as such in the ledger."""
# ruff: noqa: S608 - numbers and place holders only

import sqlite3
from collections.abc import Sequence

from adapters.sinks.settling import SETTLED_PREFIX, listed, settled_name
from engine.dead_letters import AFTERWARDS


def remove(connection: sqlite3.Connection, ids: Sequence[int]) -> int:
    """Take letters away and remember that they are settled, without a commit; return how many were there."""
    connection.execute(
        "INSERT INTO engine_ledger (source, epoch, first, last, part, name, botnet_type, "
        "received, written, duplicates, rejected, created_time) "
        f"SELECT source, epoch, 0, 0, {AFTERWARDS}, '{SETTLED_PREFIX}' || source || ':' || position || ':' || digest, "
        f"botnet_type, 0, 0, 0, 0, CURRENT_TIMESTAMP FROM dead_letters WHERE id IN ({listed(ids)}) "
        "ON CONFLICT DO NOTHING"
    )
    return connection.execute(f"DELETE FROM dead_letters WHERE id IN ({listed(ids)})").rowcount


def remove_settled(connection: sqlite3.Connection, keys: Sequence[tuple[str, str, str]]) -> int:
    """Of the letters just inserted, by source, position and digest: take those away that were settled before."""
    return connection.executemany(
        "DELETE FROM dead_letters WHERE source = ? AND position = ? AND digest = ? "
        "AND EXISTS (SELECT 1 FROM engine_ledger WHERE name = ?)",
        [(*key, settled_name(*key)) for key in keys],
    ).rowcount
