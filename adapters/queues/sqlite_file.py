"""A SQLite file under trio: whole transactions in a thread, one at a time, never half done."""

import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TypeVar

import trio
from attrs import define, field

from adapters.formats import check_format
from engine.errors import ConfigError, UnavailableError

T = TypeVar("T")

TRY_SECONDS = 0.1
"""How long one try waits in its thread, where nothing can cancel it."""

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


@define(eq=False)
class SqliteFile:
    """One connection. It is only ever used by the one thread that holds the limiter's token.

    `busy_seconds` is how long a transaction waits for those of other processes.
    """

    connection: sqlite3.Connection
    busy_seconds: float
    _limiter: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(1), repr=False)

    async def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in a transaction of its own, and return what it returned once that is on disk.

        Cancelled: it was not run at all. Once its thread has begun it runs to its end and the result is returned, even
        to a cancelled caller. Raises UnavailableError where others hold the file for too long or the disk fails.
        """
        deadline = trio.current_time() + self.busy_seconds
        while True:
            try:
                return await trio.to_thread.run_sync(self._run, work, limiter=self._limiter)
            except sqlite3.OperationalError as error:
                code = error.sqlite_errorcode & 0xFF
                if code == sqlite3.SQLITE_ERROR:  # a mistake in a statement
                    raise
                if code not in _BUSY or trio.current_time() > deadline:
                    raise UnavailableError(f"queue file: {error}") from error
            await trio.sleep(TRY_SECONDS / 10)

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(self.connection)
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise
        return result


@asynccontextmanager
async def open_file(path: Path, steps: Sequence[str], *, busy_seconds: float) -> AsyncIterator[SqliteFile]:
    """Open the file, made where it is missing; step by step its tables become those of the last version.

    Raises ConfigError where it cannot be a queue.
    """
    try:
        connection = await trio.to_thread.run_sync(_connect, path)
    except (OSError, sqlite3.Error) as error:
        raise _refusal(path, error) from error
    with closing(connection):
        file = SqliteFile(connection, busy_seconds)
        try:
            found = await file.transact(lambda opened: _prepare(opened, steps))
        except sqlite3.Error as error:
            raise _refusal(path, error) from error
        check_format(f"queue.url: {path}", found, len(steps))
        yield file


def _connect(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, timeout=TRY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        for pragma in (
            "busy_timeout = 5000",
            "journal_mode = WAL",
            "synchronous = FULL",
            "journal_size_limit = 67108864",
        ):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(f"PRAGMA busy_timeout = {int(TRY_SECONDS * 1000)}")
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, steps: Sequence[str]) -> int:
    """Make the tables that an empty or older file lacks; return the version found."""
    found = format_of(connection)
    for step in steps[found:]:
        for statement in step.split(";"):
            connection.execute(statement)
    if found < len(steps):
        connection.execute(f"PRAGMA user_version = {len(steps)}")
    return found


def format_of(connection: sqlite3.Connection) -> int:
    """The format of the file; 0 where nothing has been made in it yet."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def _refusal(path: Path, error: Exception) -> ConfigError | UnavailableError:
    if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF in _BUSY:
        return UnavailableError(f"queue file {path}: {error}")
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return ConfigError(f"queue.url: cannot open {path}: {reason}: name a file in a folder this user can write to")
