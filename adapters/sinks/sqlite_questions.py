"""What the engine and its commands ask a SQLite database, and the making of tables. Blocking."""
# ruff: noqa: S608 - names are checked

import sqlite3
from collections.abc import Sequence
from functools import partial

from adapters.sinks.indexes import INDEXES, sqlite_index
from adapters.sinks.recent import count_recent
from adapters.sinks.schema import COMMUNICATIONS_PREFIX, communications_table, is_botnet_type, nodes_table
from adapters.sinks.sqlite_schema import type_tables
from engine.delivery import Start, Trial
from engine.errors import RejectedError
from engine.ports import TableCount

_FRESH = "received_at >= datetime('now', '-5 minutes')"


def botnet_types(connection: sqlite3.Connection) -> list[str]:
    """The types that have a table of communications, by name; whatever else begins like one is somebody else's."""
    tables = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, ?) = ? ORDER BY name",
        (len(COMMUNICATIONS_PREFIX), COMMUNICATIONS_PREFIX),
    )
    return list(filter(is_botnet_type, (str(name).removeprefix(COMMUNICATIONS_PREFIX) for (name,) in tables)))


def has_nodes(connection: sqlite3.Connection, botnet_type: str) -> bool:
    """Whether the type has a table of nodes, too."""
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (nodes_table(botnet_type),))
    return found.fetchone() is not None


def ensure_tables(connection: sqlite3.Connection, botnet_type: str, max_botnet_types: int) -> None:
    """Make the tables of a type. Raises RejectedError where there are `max_botnet_types` already."""
    present = botnet_types(connection)
    if botnet_type not in present and len(present) >= max_botnet_types:
        raise RejectedError(f"botnet type {botnet_type!r} would be one more than max_botnet_types = {max_botnet_types}")
    for statement in type_tables(botnet_type):
        connection.execute(statement)


def make_indexes(connection: sqlite3.Connection, botnet_type: str, names: Sequence[str]) -> list[str]:
    """Make those that are missing, of a type that has tables; return the statements."""
    made = []
    for index in map(INDEXES.__getitem__, names):
        leading = connection.execute(
            "SELECT COUNT(*) FROM pragma_index_list(?) AS list JOIN pragma_index_info(list.name) AS info "
            "WHERE info.seqno = 0 AND info.name = ?",
            (index.table(botnet_type), index.column),
        )
        if not leading.fetchone()[0]:
            statement = sqlite_index(botnet_type, index)
            connection.execute(statement)
            made.append(statement)
    return made


def record_start(connection: sqlite3.Connection, source: str, within_seconds: float) -> Start:
    """Add a start, pending unless the one before it was ended; count the pending ones of the last `within_seconds`."""
    added = connection.execute(
        "INSERT INTO engine_starts (source, started_at, pending) "
        "SELECT ?, strftime('%Y-%m-%d %H:%M:%f', 'now'), "
        "COALESCE(NOT (SELECT ended FROM engine_starts WHERE source = ? ORDER BY id DESC LIMIT 1), 0)",
        (source, source),
    )
    pending = connection.execute(
        "SELECT COUNT(*) FROM engine_starts WHERE source = ? AND pending "
        "AND started_at >= strftime('%Y-%m-%d %H:%M:%f', 'now', ?)",
        (source, f"-{within_seconds:.3f} seconds"),
    )
    return Start(added.lastrowid or 0, pending.fetchone()[0])


def is_latest(connection: sqlite3.Connection, source: str, start: Start) -> bool:
    """Look for later starts of this source."""
    later = connection.execute("SELECT 1 FROM engine_starts WHERE source = ? AND id > ? LIMIT 1", (source, start.id))
    return later.fetchone() is None


def last_trial(connection: sqlite3.Connection, batch: str) -> Trial | None:
    """Read the trial last begun."""
    row = connection.execute("SELECT record, trials FROM engine_trials WHERE name = ?", (batch,)).fetchone()
    return None if row is None else Trial(*row)


def begin_trial(connection: sqlite3.Connection, batch: str, trial: Trial) -> None:
    """Remember this trial in the place of the one before."""
    connection.execute(
        "INSERT INTO engine_trials (name, record, trials) VALUES (?, ?, ?) "
        "ON CONFLICT (name) DO UPDATE SET record = excluded.record, trials = excluded.trials",
        (batch, *trial),
    )


def end_trials(connection: sqlite3.Connection, batch: str) -> None:
    """Forget the trials of a batch."""
    connection.execute("DELETE FROM engine_trials WHERE name = ?", (batch,))


def record_end(connection: sqlite3.Connection, starts: Sequence[Start]) -> None:
    """Mark starts as ended."""
    connection.executemany("UPDATE engine_starts SET ended = 1 WHERE id = ?", [(start.id,) for start in starts])


def _number(connection: sqlite3.Connection, sql: str) -> int:
    return int(connection.execute(sql).fetchone()[0])


def table_counts(connection: sqlite3.Connection) -> list[TableCount]:
    """Count nodes, communications and fresh communications of every type."""
    return [_count(connection, botnet_type) for botnet_type in botnet_types(connection)]


def _count(connection: sqlite3.Connection, botnet_type: str) -> TableCount:
    number, communications = partial(_number, connection), communications_table(botnet_type)
    return TableCount(
        botnet_type=botnet_type,
        nodes=number(f"SELECT COUNT(*) FROM {nodes_table(botnet_type)}") if has_nodes(connection, botnet_type) else 0,
        communications=number(f"SELECT COUNT(*) FROM {communications}"),
        last_5_minutes=count_recent(number, communications, _FRESH),
    )
