"""The queue in a SQLite file: the embedded default, durable, shared by the processes of one machine.

Leases run on the wall clock, the only one that processes and reboots share. A clock that steps back cannot hold a
delivery for longer than one lease: an end further ahead than its own length is over.
"""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import TypeVar

import structlog
import trio
from attrs import define, field

from adapters.formats import is_newer
from adapters.queues import sqlite_statements as statements
from adapters.queues.holdings import Holdings
from adapters.queues.identity import Identity
from adapters.queues.sqlite_file import SqliteFile, format_of, open_file
from adapters.queues.sqlite_schema import STEPS
from engine.delivery import Cursor, Debt, Delivery, Intake, Mark
from engine.errors import UnavailableError

T = TypeVar("T")

POLL_SECONDS = 0.1
"""How soon a waiting claim sees what another process has put."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


@define(eq=False)
class SqliteQueue:
    """One engine's connection to the file. Everything it asks is one transaction of `sqlite_statements`."""

    _file: SqliteFile
    _engine: statements.Engine
    _holdings: Holdings = field(factory=Holdings, repr=False)
    _claiming: trio.Lock = field(factory=trio.Lock, repr=False)
    _changed: trio.Event = field(factory=trio.Event, repr=False)

    async def acquire(self, source: str, seconds: float) -> bool:
        """See `engine.ports.Queue`, here and below."""
        return await self._file.transact(
            partial(statements.acquire, source=source, engine=self._engine, seconds=seconds)
        )

    async def resign(self, source: str) -> None:
        await self._file.transact(partial(statements.resign, source=source, instance=self._engine.instance))

    async def cursor(self, source: str) -> Cursor:
        return await self._file.transact(partial(statements.cursor, source=source))

    async def put(self, intake: Intake) -> bool:
        stored = await self._file.transact(partial(statements.put, intake=intake, engine=self._engine))
        self._notify()
        return stored

    async def claim(self, limit: int, wait_seconds: float) -> Sequence[Delivery]:
        until = trio.current_time() + wait_seconds
        while True:
            changed = self._changed
            deliveries = await self._take(limit)
            left = until - trio.current_time()
            if deliveries or left <= 0:
                return deliveries
            with trio.move_on_after(min(left, POLL_SECONDS)):
                await changed.wait()

    async def _take(self, limit: int) -> list[Delivery]:
        async with self._claiming:
            holdings = self._holdings
            known = holdings.known if holdings.in_doubt else None
            held = frozenset(holdings.held)

            def take(connection: Connection) -> tuple[list[Delivery], list[tuple[str, str]]]:
                if known is not None:
                    statements.take_back(connection, self._engine, known)
                taken = statements.claim(connection, self._engine, limit, held)
                if taken[1] and (said := is_newer("the queue's file", format_of(connection), len(STEPS))):
                    raise UnavailableError(said)
                return taken

            holdings.in_doubt = False
            with holdings.doubting():
                deliveries, unreadable = await self._file.transact(take)
            holdings.take(deliveries)
        for name, reason in unreadable:
            _log.warning("delivery cannot be read, now a dead letter of the queue", delivery=name, reason=reason)
        return deliveries

    async def renew(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        kept = await self._file.transact(partial(statements.renew, engine=self._engine, deliveries=deliveries))
        self._holdings.keep_of(deliveries, kept)
        return kept

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        with self._holdings.settling(deliveries):
            await self._file.transact(partial(statements.ack, deliveries=deliveries))

    async def nack(self, delivery: Delivery, delay_seconds: float) -> None:
        with self._holdings.settling([delivery]):
            await self._file.transact(
                partial(
                    statements.nack,
                    engine=self._engine,
                    delivery=delivery,
                    delay_seconds=min(delay_seconds, self._engine.lease_seconds),
                )
            )
        self._notify()

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        self._holdings.drop(deliveries)
        with self._holdings.doubting():
            await self._file.transact(partial(statements.release, engine=self._engine, deliveries=deliveries))
        self._notify()

    async def dead_letter(self, delivery: Delivery, reason: str) -> None:
        with self._holdings.settling([delivery]):
            await self._file.transact(
                partial(statements.dead_letter, engine=self._engine, delivery=delivery, reason=reason)
            )

    async def depth(self) -> int:
        return await self._file.transact(statements.depth)

    async def debt(self, source: str, front: Mark, limit: int, since: Mark | None = None) -> Debt | None:
        return await self._file.transact(partial(statements.debt, source=source, front=front, limit=limit, since=since))

    async def durability_warnings(self) -> Sequence[str]:
        """None: every transaction is on disk before its method returns."""
        await trio.lowlevel.checkpoint()
        return []

    def _notify(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


@asynccontextmanager
async def open_queue(
    path: str | Path,
    *,
    engine_name: str | None = None,
    lease_seconds: float = 60.0,
    clock: Callable[[], float] = time.time,
    busy_seconds: float = 5.0,
) -> AsyncIterator[SqliteQueue]:
    """Open the queue in the file `path`, made where it is missing (its folder must exist).

    Under the same `engine_name` an engine first gets back what it held when it died. Other processes may use
    the same file; a transaction waits `busy_seconds` for theirs. Raises ConfigError, or UnavailableError.
    """
    identity = Identity.new(engine_name)
    engine = statements.Engine(identity.instance, lease_seconds, clock)
    async with open_file(Path(path), STEPS, busy_seconds=busy_seconds) as file:
        if identity.family is not None:
            await file.transact(partial(statements.resume, family=identity.family))
        yield SqliteQueue(file, engine)
