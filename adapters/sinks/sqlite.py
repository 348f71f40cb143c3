"""SQLite from 3.35: `sqlite:///file`. The embedded default, durable, with the same tables and the same exact counts.

All writers of a process share one connection, because SQLite has one writer at a time; other processes wait their turn.
"""

import os
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import trio

from adapters.formats import check_format
from adapters.sinks import sqlite_audit
from adapters.sinks import sqlite_questions as questions
from adapters.sinks.interruptible import interruptible
from adapters.sinks.schema import FORMAT, check_botnet_type, count_letters
from adapters.sinks.sqlite_letters import SqliteLetters
from adapters.sinks.sqlite_schema import OWN_TABLES
from adapters.sinks.sqlite_writer import Finish, nothing_more, write_batches
from engine.audit import Counters, LedgerRow, LedgerTotal
from engine.dead_letters import DeadLetters
from engine.delivery import Batch, Start, Trial, Written
from engine.errors import ConfigError, RejectedError, UnavailableError
from engine.ports import Sink, TableCount
from engine.sighting import Facts

ATTEMPTS = 40
_BUSY_SECONDS = 0.1
_OPENING_MS = 5000
_NEEDED = (3, 35, 0)
_PREPARED = 512
"""Statements kept prepared: those of fifty botnet types."""
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}

T = TypeVar("T")


@asynccontextmanager
async def open_database(url: str, *, max_botnet_types: int = 200) -> AsyncIterator["SqliteDatabase"]:
    """Open the file, make it and the engine's own tables where they are missing, and yield the database.

    A new file can be read by its owner only. Raises ConfigError if the file cannot be a database.
    """
    if sqlite3.sqlite_version_info < _NEEDED:
        raise ConfigError(f"this Python has SQLite {sqlite3.sqlite_version}; the sink needs 3.35 or newer")
    path = Path(unquote(urlsplit(url).path.removeprefix("/")))
    try:
        connection = await trio.to_thread.run_sync(partial(_open, path))
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(f"database.url: {path} cannot be opened as a database: {error}") from error
    database = SqliteDatabase(path, connection, max_botnet_types)
    try:
        yield database
    finally:
        # A write that was cancelled has ended before: its thread is never abandoned.
        connection.close()


def _open(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # what SQLite puts beside it gets the same mode
    connection = sqlite3.connect(
        path,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_PREPARED,
    )
    try:
        connection.execute(f"PRAGMA busy_timeout = {_OPENING_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -65536")
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        check_format(f"database.url: {path}", found, FORMAT)
        for statement in OWN_TABLES:
            connection.execute(statement)
        if found < FORMAT:
            connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.execute(f"PRAGMA busy_timeout = {round(_BUSY_SECONDS * 1000)}")
    except BaseException:
        connection.close()
        raise
    return connection


class SqliteDatabase:
    """One SQLite file: the connection that writes, and whose turn it is."""

    cut_values = 0
    """SQLite has no narrow columns."""

    def __init__(self, path: Path, connection: sqlite3.Connection, max_botnet_types: int) -> None:
        self.path = path
        self._connection = connection
        self._max_botnet_types = max_botnet_types
        self._present: set[str] = set()
        self._turn = trio.Lock()

    def __repr__(self) -> str:
        return f"<SqliteDatabase {self.path}>"

    @asynccontextmanager
    async def writer(self) -> AsyncIterator[Sink]:
        """Give out a writer, for one task."""
        yield SqliteSink(self)

    @asynccontextmanager
    async def letters(self) -> AsyncIterator[DeadLetters]:
        """Open the dead letters."""
        yield SqliteLetters(self)

    async def write(
        self, batches: Sequence[Batch], facts: Mapping[str, Facts], finish: Finish = nothing_more
    ) -> Sequence[Written]:
        """Write batches in their turn: see `engine.ports.Sink`. `finish` is part of it, and may undo it."""
        return await self.in_turn(lambda connection: self._write(connection, batches, facts, finish))

    async def record_start(self, source: str, within_seconds: float) -> Start:
        """Note that an engine now owns `source`: see `engine.ports.StartLog`."""
        return await self.in_turn(lambda connection: questions.record_start(connection, source, within_seconds))

    async def is_latest(self, source: str, start: Start) -> bool:
        """Whether nobody noted an ownership of `source` after `start`."""
        return await self.ask(lambda connection: questions.is_latest(connection, source, start))

    async def record_end(self, starts: Sequence[Start]) -> None:
        """Note that these ownerships ended with no confirm under way."""
        await self.in_turn(lambda connection: questions.record_end(connection, starts))

    async def last_trial(self, batch: str) -> Trial | None:
        """The trial last begun: see `engine.ports.TrialLog`."""
        return await self.ask(lambda connection: questions.last_trial(connection, batch))

    async def begin_trial(self, batch: str, trial: Trial) -> None:
        """Note that a record is about to be tried."""
        await self.in_turn(lambda connection: questions.begin_trial(connection, batch, trial))

    async def end_trials(self, batch: str) -> None:
        """Note that the whole batch is done."""
        await self.in_turn(lambda connection: questions.end_trials(connection, batch))

    async def table_counts(self) -> list[TableCount]:
        """Count the rows of every botnet type, by its name."""
        return await self.ask(questions.table_counts)

    async def dead_letter_count(self, limit: int) -> int:
        """Count the dead letters, up to `limit`."""
        return await self.ask(lambda connection: int(connection.execute(count_letters(limit)).fetchone()[0]))

    async def ledger_rows(self, names: Collection[str]) -> list[LedgerRow]:
        """The rows of these batches: see `engine.audit.Ledger`, here and below."""
        return await self.ask(lambda connection: sqlite_audit.ledger_rows(connection, names))

    async def ledger_totals(self, since: str | None) -> list[LedgerTotal]:
        """Sum up the ledger per source, of rows written at or after `since`."""
        return await self.ask(lambda connection: sqlite_audit.ledger_totals(connection, since))

    async def counters(self) -> list[Counters]:
        """Compare counters with rows, per botnet type."""
        return await self.ask(sqlite_audit.counters)

    async def make_indexes(self, botnet_type: str, names: Sequence[str]) -> list[str]:
        """Make missing indexes, while writers wait: see `adapters.sinks.database`."""

        def make(connection: sqlite3.Connection) -> list[str]:
            questions.ensure_tables(connection, botnet_type, self._max_botnet_types)
            return questions.make_indexes(connection, botnet_type, names)

        return await self.in_turn(make)

    async def missing_rights(self, accepted: Collection[str]) -> tuple[list[str], list[str]]:  # noqa: ARG002 - as asked
        """None: what is open for writing can be written."""
        return [], []

    async def durability_warnings(self) -> list[str]:
        """Nothing: the engine itself sets what makes SQLite durable."""
        return []

    def _write(
        self, connection: sqlite3.Connection, batches: Sequence[Batch], facts: Mapping[str, Facts], finish: Finish
    ) -> list[Written]:
        botnet_type = batches[0].botnet_type
        if botnet_type not in self._present and any(batch.sightings for batch in batches):
            questions.ensure_tables(connection, check_botnet_type(botnet_type), self._max_botnet_types)
            self._present.add(botnet_type)
        try:
            return write_batches(connection, batches, facts, finish)
        except sqlite3.OperationalError:
            # Perhaps somebody dropped the table.
            self._present.discard(botnet_type)
            raise

    async def in_turn(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` on the connection that writes. Raises the engine's errors."""
        for _ in range(ATTEMPTS):
            try:
                async with self._turn:
                    return await interruptible(self._connection, work)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF not in _BUSY:
                    raise self._translate(error) from error
            except (sqlite3.Error, UnicodeEncodeError, OverflowError) as error:
                raise self._translate(error) from error
            # Spreading processes out, not a secret.
            await trio.sleep(random.uniform(_BUSY_SECONDS / 10, _BUSY_SECONDS))  # noqa: S311
        raise UnavailableError(f"SQLite file {self.path}: another process holds its write lock")

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Read beside the writers, over a connection of its own."""
        try:
            with closing(sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)) as connection:
                return await interruptible(connection, question)
        except sqlite3.Error as error:
            raise self._translate(error) from error

    def _translate(self, error: Exception) -> UnavailableError | RejectedError:
        said = f"SQLite file {self.path}: {error}"
        if isinstance(error, (sqlite3.IntegrityError, sqlite3.DataError, UnicodeEncodeError, OverflowError)):
            return RejectedError(said)
        # A full disk, a missing folder, a read-only or damaged file: somebody has to change something.
        return UnavailableError(said)


class SqliteSink:
    """One writer."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    def __repr__(self) -> str:
        return f"<SqliteSink {self._database.path}>"

    async def write(self, batches: Sequence[Batch], facts: Mapping[str, Facts]) -> Sequence[Written]:
        """Write in one transaction: see `engine.ports.Sink`."""
        return await self._database.write(batches, facts)
