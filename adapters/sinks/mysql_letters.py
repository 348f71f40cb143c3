"""The dead letters of a MySQL database. What settles one happens in the transaction that writes its record."""
# ruff: noqa: S608 - numbers and quoted texts only

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pymysql

from adapters.sinks import mysql_catalog as catalog
from adapters.sinks.literals import quote
from adapters.sinks.mysql_settling import remove
from adapters.sinks.settling import UndoneError, as_if_new, listed
from adapters.sinks.wire import Wire
from engine.dead_letters import Choice, DeadLetter
from engine.delivery import Batch, Written
from engine.sighting import Facts

if TYPE_CHECKING:
    from adapters.sinks.mysql import MysqlDatabase, MysqlSink

_REASON_LENGTH = 1000
_COLUMNS = (
    "id, source, epoch, position, stage, reason, attempts, original, botnet_type, "
    "DATE_FORMAT(created_time, '%Y-%m-%d %H:%i:%s')"
)


class MysqlLetters:
    """The letters, over one connection: see `engine.dead_letters.DeadLetters`."""

    def __init__(self, database: "MysqlDatabase", sink: "MysqlSink") -> None:
        self._database = database
        self._sink = sink

    def __repr__(self) -> str:
        return f"<MysqlLetters {self._database!r}>"

    async def read(self, choice: Choice, after: int, limit: int) -> Sequence[DeadLetter]:
        return await self._database.ask_patiently(lambda wire: read(wire, choice, after, limit))

    async def newest(self, limit: int) -> Sequence[DeadLetter]:
        return await self._database.ask(lambda wire: newest(wire, limit))

    async def resolve(
        self, batch: Batch, facts: Mapping[str, Facts], ids: Sequence[int], *, rehearse: bool
    ) -> Written | None:
        if rehearse and not await self._database.ask(lambda wire: _has_tables(wire, batch)):
            return as_if_new(batch) if await self._database.ask(lambda wire: _are_there(wire, ids)) else None

        def settle(wire: Wire, written: Written) -> None:
            if remove(wire, ids) != len(ids):
                raise UndoneError(None)
            if rehearse:
                raise UndoneError(written)

        try:
            (written,) = await self._sink.write([batch], facts, settle)
        except UndoneError as undone:
            return undone.written
        return written

    async def refuse(self, letter: int, reason: str) -> None:
        await self._sink.settle(lambda wire: refuse(wire, letter, reason))

    async def drop(self, ids: Sequence[int]) -> int:
        return await self._sink.settle(lambda wire: drop(wire, ids))


def read(wire: Wire, choice: Choice, after: int, limit: int) -> list[DeadLetter]:
    """The chosen letters, by id."""
    conditions = [f"id > {after:d}"]
    if choice.source is not None:
        conditions.append(f"source = {quote(choice.source)}")
    if choice.botnet is not None:
        named = quote(choice.botnet)
        conditions.append(f"(botnet_type = {named} OR LOCATE(CAST({named} AS BINARY), original) > 0)")
    if choice.reason is not None:
        conditions.append(f"LOCATE(LOWER({quote(choice.reason)}), LOWER(reason)) > 0")
    if choice.since is not None:
        conditions.append(f"created_time >= {quote(choice.since)}")
    if choice.ids:
        conditions.append(f"id IN ({listed(choice.ids)})")
    rows = wire.rows(
        f"SELECT {_COLUMNS} FROM dead_letters WHERE {' AND '.join(conditions)} ORDER BY id LIMIT {limit:d}"
    )
    return [_letter(row) for row in rows]


def newest(wire: Wire, limit: int) -> list[DeadLetter]:
    """The letters with the highest ids."""
    rows = wire.rows(f"SELECT {_COLUMNS} FROM dead_letters ORDER BY id DESC LIMIT {limit:d}")
    return [_letter(row) for row in rows]


def _letter(row: tuple[object, ...]) -> DeadLetter:
    number, source, epoch, position, stage, reason, attempts, original, botnet_type, created = row
    assert isinstance(original, bytes)
    return DeadLetter(
        id=int(str(number)),
        source=str(source),
        epoch=int(str(epoch)),
        position=str(position),
        stage=str(stage),
        reason=str(reason),
        attempts=int(str(attempts)),
        original=original,
        botnet_type=str(botnet_type),
        created_time=str(created),
    )


def _has_tables(wire: Wire, batch: Batch) -> bool:
    return batch.botnet_type in catalog.botnet_types(wire)


def _are_there(wire: Wire, ids: Sequence[int]) -> bool:
    return wire.number(f"SELECT COUNT(*) FROM dead_letters WHERE id IN ({listed(ids)})") == len(ids)


def drop(wire: Wire, ids: Sequence[int]) -> int:
    """Take letters away for good."""
    try:
        dropped = remove(wire, ids) if ids else 0
        wire.commit()
    except (pymysql.err.Error, OSError):
        if wire.open:
            # Explicitly: a lock wait that timed out has rolled back its statement only.
            wire.rollback()
        raise
    return dropped


def refuse(wire: Wire, letter: int, reason: str) -> None:
    """One more attempt, and the reason of the last."""
    said = quote(reason[:_REASON_LENGTH].encode(errors="replace").decode())
    wire.execute(f"UPDATE dead_letters SET attempts = attempts + 1, reason = {said} WHERE id = {letter:d}")
    wire.commit()
