"""The dead letters of a SQLite database. What settles one happens in the transaction that writes its record."""
# ruff: noqa: S608 - numbers and place holders only

import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from adapters.sinks.schema import communications_table
from adapters.sinks.settling import UndoneError, as_if_new, listed
from adapters.sinks.sqlite_settling import remove
from engine.dead_letters import Choice, DeadLetter
from engine.delivery import Batch, Written
from engine.sighting import Facts

if TYPE_CHECKING:
    from adapters.sinks.sqlite import SqliteDatabase

_COLUMNS = "id, source, epoch, position, stage, reason, attempts, original, botnet_type, created_time"


class SqliteLetters:
    """The letters: see `engine.dead_letters.DeadLetters`."""

    def __init__(self, database: "SqliteDatabase") -> None:
        self._database = database

    def __repr__(self) -> str:
        return f"<SqliteLetters {self._database.path}>"

    async def read(self, choice: Choice, after: int, limit: int) -> Sequence[DeadLetter]:
        return await self._database.ask(lambda connection: read(connection, choice, after, limit))

    async def newest(self, limit: int) -> Sequence[DeadLetter]:
        return await self._database.ask(lambda connection: newest(connection, limit))

    async def resolve(
        self, batch: Batch, facts: Mapping[str, Facts], ids: Sequence[int], *, rehearse: bool
    ) -> Written | None:
        if rehearse and not await self._database.ask(lambda connection: _has_tables(connection, batch)):
            is_whole = await self._database.ask(lambda connection: _are_there(connection, ids))
            return as_if_new(batch) if is_whole else None

        def settle(connection: sqlite3.Connection, written: Written) -> None:
            if remove(connection, ids) != len(ids):
                raise UndoneError(None)
            if rehearse:
                raise UndoneError(written)

        try:
            (written,) = await self._database.write([batch], facts, settle)
        except UndoneError as undone:
            return undone.written
        return written

    async def refuse(self, letter: int, reason: str) -> None:
        said = reason.encode(errors="replace").decode()
        await self._database.in_turn(
            lambda connection: connection.execute(
                "UPDATE dead_letters SET attempts = attempts + 1, reason = ? WHERE id = ?", (said, letter)
            )
        )

    async def drop(self, ids: Sequence[int]) -> int:
        return await self._database.in_turn(lambda connection: drop(connection, ids))


def read(connection: sqlite3.Connection, choice: Choice, after: int, limit: int) -> list[DeadLetter]:
    """The chosen letters, by id."""
    conditions = ["id > ?"]
    values: list[object] = [after]
    if choice.source is not None:
        conditions.append("source = ?")
        values.append(choice.source)
    if choice.botnet is not None:
        conditions.append("(botnet_type = ? OR instr(original, CAST(? AS BLOB)) > 0)")
        values += [choice.botnet] * 2
    if choice.reason is not None:
        conditions.append("instr(lower(reason), lower(?)) > 0")
        values.append(choice.reason)
    if choice.since is not None:
        conditions.append("created_time >= ?")
        values.append(choice.since)
    if choice.ids:
        conditions.append(f"id IN ({listed(choice.ids)})")
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM dead_letters WHERE {' AND '.join(conditions)} ORDER BY id LIMIT {limit:d}", values
    )
    return [DeadLetter(*row) for row in rows]


def newest(connection: sqlite3.Connection, limit: int) -> list[DeadLetter]:
    """The letters with the highest ids."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM dead_letters ORDER BY id DESC LIMIT {limit:d}")
    return [DeadLetter(*row) for row in rows]


def _has_tables(connection: sqlite3.Connection, batch: Batch) -> bool:
    name = communications_table(batch.botnet_type)
    return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)).fetchone())


def _are_there(connection: sqlite3.Connection, ids: Sequence[int]) -> bool:
    found = connection.execute(f"SELECT COUNT(*) FROM dead_letters WHERE id IN ({listed(ids)})").fetchone()[0]
    return bool(found == len(ids))


def drop(connection: sqlite3.Connection, ids: Sequence[int]) -> int:
    """Take letters away for good, in a transaction of its own."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        dropped = remove(connection, ids) if ids else 0
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return dropped
