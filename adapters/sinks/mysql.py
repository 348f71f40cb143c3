"""MySQL 8 and MariaDB from 10.6: `mysql://user:password@host:port/name`.

One connection per writer, one transaction for the batches that are written together; questions share connections. The
rest is in the files beside it: the connection, the statements, the transaction and the table of errors.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

import pymysql
from attrs import evolve
from pymysql.constants import ER

from adapters.sinks import mysql_audit
from adapters.sinks import mysql_catalog as catalog
from adapters.sinks import mysql_questions as questions
from adapters.sinks.connection import Session, translated
from adapters.sinks.mysql_errors import Trouble, classify
from adapters.sinks.mysql_layout import warn_of
from adapters.sinks.mysql_letters import MysqlLetters
from adapters.sinks.mysql_rights import missing_rights
from adapters.sinks.mysql_sink import MysqlSink
from adapters.sinks.mysql_url import MysqlUrl, parse_url
from adapters.sinks.mysql_writer import Finish, TableWriter, write_rejected
from adapters.sinks.schema import check_botnet_type, count_letters
from adapters.sinks.wire import Wire, error_code
from engine.audit import Counters, LedgerRow, LedgerTotal
from engine.dead_letters import DeadLetters
from engine.delivery import Batch, Start, Trial, Written
from engine.errors import ConfigError, EngineError
from engine.ports import Sink, TableCount
from engine.sighting import Facts

_READING_SECONDS = 600.0
_WARNINGS = "SET SESSION max_error_count = 65535, lc_messages = 'en_US'"
"""A writer reads them: see `mysql_writer`."""
_ALTERING_SECONDS = 86_400.0
T = TypeVar("T")

__all__ = ["MysqlDatabase", "MysqlSink", "open_database"]


@asynccontextmanager
async def open_database(
    url: str, *, max_botnet_types: int = 200, local_infile: bool = True
) -> AsyncIterator["MysqlDatabase"]:
    """Check URL, login and rights, make the engine's own tables, and yield the database.

    Makes the database itself where it is missing and the user may. `local_infile` = False keeps to multi-row INSERT.
    Raises ConfigError saying what to do, UnavailableError if the server is away.
    """
    database = MysqlDatabase(parse_url(url), max_botnet_types, local_infile=local_infile)
    try:
        await database.prepare()
        yield database
    finally:
        await database.aclose()


class MysqlDatabase:
    """One MySQL database, and what is known of its tables: shared by all writers of this process."""

    def __init__(self, url: MysqlUrl, max_botnet_types: int, *, local_infile: bool) -> None:
        self.url = url
        self._max_botnet_types = max_botnet_types
        self._local_infile = local_infile
        self._writers: dict[str, TableWriter] = {}
        self._cuts: Counter[str] = Counter()
        self._idle: list[Session] = []

    def __repr__(self) -> str:
        return f"<MysqlDatabase {self.url}>"

    @property
    def cut_values(self) -> int:
        """How many texts were cut to fit the narrow columns of an old table."""
        return self._cuts.total()

    async def prepare(self) -> None:
        """Make the database and the engine's own tables, where they are missing. Raises ConfigError."""
        try:
            try:
                await self._ask_raw(catalog.make_own_tables)
            except pymysql.err.Error as error:
                if error_code(error) != ER.BAD_DB_ERROR:
                    raise
                await self._make_database(error)
                await self._ask_raw(catalog.make_own_tables)
        except (pymysql.err.Error, OSError) as error:
            failure = self.translate(error)
            if classify(error_code(error)) is Trouble.CONFIG:
                raise ConfigError(f"database.url: {failure}") from error
            raise failure from error

    @asynccontextmanager
    async def writer(self) -> AsyncIterator[Sink]:
        """Open one writer, for one task, with a connection of its own."""
        async with self._sink() as sink:
            yield sink

    @asynccontextmanager
    async def letters(self) -> AsyncIterator[DeadLetters]:
        """Open the dead letters, with a connection of their own for what is written again."""
        async with self._sink() as sink:
            yield MysqlLetters(self, sink)

    @asynccontextmanager
    async def _sink(self) -> AsyncIterator[MysqlSink]:
        session = Session(self.url, local_infile=self._local_infile, preparation=(_WARNINGS,))
        try:
            yield MysqlSink(self, session)
        finally:
            await session.aclose()

    async def record_start(self, source: str, within_seconds: float) -> Start:
        """Note that an engine now owns `source`: see `engine.ports.StartLog`."""
        return await self.ask(lambda wire: questions.record_start(wire, source, within_seconds))

    async def is_latest(self, source: str, start: Start) -> bool:
        """Whether nobody noted an ownership of `source` after `start`."""
        return await self.ask(lambda wire: questions.is_latest(wire, source, start))

    async def record_end(self, starts: Sequence[Start]) -> None:
        """Note that these ownerships ended with no confirm under way."""
        await self.ask(lambda wire: questions.record_end(wire, starts))

    async def last_trial(self, batch: str) -> Trial | None:
        """The trial last begun: see `engine.ports.TrialLog`."""
        return await self.ask(lambda wire: questions.last_trial(wire, batch))

    async def begin_trial(self, batch: str, trial: Trial) -> None:
        """Note that a record is about to be tried."""
        await self.ask(lambda wire: questions.begin_trial(wire, batch, trial))

    async def end_trials(self, batch: str) -> None:
        """Note that the whole batch is done."""
        await self.ask(lambda wire: questions.end_trials(wire, batch))

    async def table_counts(self) -> list[TableCount]:
        """Count the rows of every botnet type, by its name. Reads whole indexes: minutes on very large tables."""
        return await self.ask_patiently(questions.table_counts)

    async def dead_letter_count(self, limit: int) -> int:
        """Count the dead letters, up to `limit`."""
        return await self.ask(lambda wire: wire.number(count_letters(limit)))

    async def ledger_rows(self, names: Collection[str]) -> list[LedgerRow]:
        """The rows of these batches: see `engine.audit.Ledger`, here and below."""
        return await self.ask_patiently(lambda wire: mysql_audit.ledger_rows(wire, names))

    async def ledger_totals(self, since: str | None) -> list[LedgerTotal]:
        """Sum up the ledger per source, of rows written at or after `since`."""
        return await self.ask_patiently(lambda wire: mysql_audit.ledger_totals(wire, since))

    async def counters(self) -> list[Counters]:
        """Compare counters with rows, per botnet type."""
        return await self.ask_patiently(mysql_audit.counters)

    async def make_indexes(self, botnet_type: str, names: Sequence[str]) -> list[str]:
        """Make missing indexes while writers go on: see `adapters.sinks.database`. Hours on very large tables."""

        def make(wire: Wire) -> list[str]:
            catalog.ensure_tables(wire, botnet_type, self._max_botnet_types, self._cuts)
            return catalog.make_indexes(wire, botnet_type, names)

        return await self.ask_patiently(make, answer_seconds=_ALTERING_SECONDS)

    async def durability_warnings(self) -> list[str]:
        """Say what makes this server forget or damage rows, one line each."""
        return await self.ask(questions.durability_warnings)

    async def missing_rights(self, accepted: Collection[str]) -> tuple[list[str], list[str]]:
        """Say which rights are missing to write the `accepted` botnet types: see `adapters.sinks.database.Database`."""
        return await self.ask(lambda wire: missing_rights(wire, accepted))

    def write(self, wire: Wire, batches: Sequence[Batch], facts: Mapping[str, Facts], finish: Finish) -> list[Written]:
        """Write batches over `wire`, `finish`, and commit. Blocks. Raises PyMySQL's errors and EngineError."""
        if not any(batch.sightings for batch in batches):
            return write_rejected(wire, batches, finish)
        writer = self._table_writer(wire, check_botnet_type(batches[0].botnet_type))
        return writer.write(wire, batches, facts, finish)

    def forget(self, botnet_type: str) -> None:
        """Look at the tables of this type again before the next write: they are not what they were."""
        self._writers.pop(botnet_type, None)

    def _table_writer(self, wire: Wire, botnet_type: str) -> TableWriter:
        writer = self._writers.get(botnet_type)
        if writer is None or writer.layout.is_stale:
            layout = catalog.ensure_tables(wire, botnet_type, self._max_botnet_types, self._cuts)
            writer = self._writers[botnet_type] = TableWriter(layout)
        return writer

    async def _make_database(self, missing: pymysql.err.Error) -> None:
        server = Session(evolve(self.url, database=""))
        try:
            await server.run(lambda wire: wire.execute(catalog.make_database(self.url.database)))
        except (pymysql.err.Error, OSError):
            # What helps is to be told of the missing database, not of the missing right to make one.
            raise missing from None
        finally:
            await server.aclose()

    async def ask(self, question: Callable[[Wire], T]) -> T:
        """Ask over a connection that nobody else uses meanwhile. Raises the engine's errors."""
        with self._translated():
            return await self._ask_raw(question)

    async def ask_patiently(self, question: Callable[[Wire], T], *, answer_seconds: float = _READING_SECONDS) -> T:
        """The same, where the answer takes as long as a table is large."""
        with self._translated():
            return await _ask_over(Session(self.url, local_infile=False, answer_seconds=answer_seconds), question)

    async def _ask_raw(self, question: Callable[[Wire], T]) -> T:
        """Over a connection that waits for questions, or one more: nobody waits for somebody else's answer."""
        session = self._idle.pop() if self._idle else Session(self.url, local_infile=False)
        try:
            return await session.run(lambda wire: _outside_transactions(wire, question))
        finally:
            self._idle.append(session)

    async def aclose(self) -> None:
        """Close the connections of questions, and say what was cut."""
        warn_of(self._cuts)
        while self._idle:
            await self._idle.pop().aclose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (pymysql.err.Error, OSError) as error:
            raise self.translate(error) from error

    def translate(self, error: Exception) -> EngineError:
        """Return the engine's error for one of PyMySQL's."""
        return translated(error, self.url)


def _outside_transactions(wire: Wire, question: Callable[[Wire], T]) -> T:
    """Leave no transaction open, in which the connection would wait for the next question."""
    try:
        return question(wire)
    finally:
        if wire.open:
            wire.rollback()


async def _ask_over(session: Session, question: Callable[[Wire], T]) -> T:
    try:
        return await session.run(question)
    finally:
        await session.aclose()
