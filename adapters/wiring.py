"""URL scheme -> adapter: a readable catalogue of what the engine can talk to.

Drivers are imported where they are chosen: a run on SQLite never loads Redis or MySQL.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from secrets import randbits
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import trio
from attrs import evolve

from adapters.sinks.database import Database
from adapters.sinks.indexes import INDEXES, mysql_statements, sqlite_statements
from engine.archive import Archive, Books
from engine.assembly import Connections, Feed
from engine.capped_source import CappedSource
from engine.ports import FileState, Headway, Lookup, Queue, SchemaUpgrade, Source
from engine.run import Mode
from engine.settings import Settings, SourceSettings

if TYPE_CHECKING:  # loading it costs time that the first page of a source should not wait for
    from engine.picture import Picture
    from engine.status import Status

DEMO_RECORDS_PER_DAY = 20_000

INDEX_NAMES = tuple(INDEXES)
"""The indexes that the tables of a botnet type may have beside those the engine needs."""

DIALECTS = ("mysql", "sqlite")


@asynccontextmanager
async def connect(settings: Settings, mode: Mode) -> AsyncIterator[Connections]:
    """Open everything a run talks to. Raises ConfigError, or UnavailableError where a server is away."""
    async with AsyncExitStack() as stack:
        queue = await stack.enter_async_context(open_queue(settings))
        database = await stack.enter_async_context(open_database(settings))
        yield Connections(
            queue=queue,
            open_sink=database.writer,
            start_log=database,
            trials=database,
            archive=_archive(settings, database),
            open_feed=lambda read: _open_feed(read, mode, database),
            warnings=[*await queue.durability_warnings(), *await database.durability_warnings()],
        )


def _archive(settings: Settings, database: Database) -> Archive:
    has_books = _scheme(settings.queue.url) != "memory"
    books = partial(open_books, settings) if has_books else None
    return Archive(database.dead_letter_count, database.letters, books, database)


@asynccontextmanager
async def _open_feed(settings: Settings, mode: Mode, database: Database) -> AsyncIterator[Feed]:
    limit = settings.acceptance.dead_letter_limit
    async with AsyncExitStack() as stack:
        sources = [
            (await stack.enter_async_context(open_source(source)), source)
            for source in (settings.enabled_sources if mode.fetch else ())
        ]
        capped = [(CappedSource(source, database.dead_letter_count, limit), about) for source, about in sources]
        # Reading large files takes seconds, in which the pipeline before this one goes on.
        yield Feed(capped, await trio.to_thread.run_sync(open_lookup, settings, abandon_on_cancel=True))


@asynccontextmanager
async def connect_demo(settings: Settings, mode: Mode) -> AsyncIterator[Connections]:
    """The same, with a collector of our own on loopback as the only source."""
    from adapters.sources.demo import LIVE_PER_SECOND, serve_demo

    async with trio.open_nursery() as nursery:
        finite = DEMO_RECORDS_PER_DAY if mode.once else None
        url = await nursery.start(serve_demo, finite, LIVE_PER_SECOND, randbits(32))
        source = SourceSettings(name="demo", url=url, pull_interval_seconds=0.5)
        async with connect(settings, mode) as connections:
            yield evolve(connections, open_feed=lambda read: connections.open_feed(evolve(read, sources=(source,))))
        nursery.cancel_scope.cancel()


def open_queue(settings: Settings) -> AbstractAsyncContextManager[Queue]:
    """The queue that `queue.url` names."""
    url, lease_seconds, engine_name = settings.queue.url, settings.queue.lease_seconds, settings.engine.name
    scheme = _scheme(url)
    if scheme == "memory":
        from adapters.queues import memory

        return memory.open_queue(lease_seconds=lease_seconds)
    if scheme == "sqlite":
        from adapters.queues import sqlite

        return sqlite.open_queue(_path(url), engine_name=engine_name, lease_seconds=lease_seconds)
    from adapters.queues import redis

    return redis.open_queue(url, queue_name=settings.queue.name, engine_name=engine_name, lease_seconds=lease_seconds)


async def check_queue(settings: Settings) -> tuple[Sequence[str], Sequence[str]]:
    """Reach the queue: the rights that are missing, and what would make it forget; a line each."""
    if _scheme(settings.queue.url) in ("memory", "sqlite"):
        async with open_queue(settings) as queue:
            return [], await queue.durability_warnings()
    from adapters.queues import redis_rights

    return await redis_rights.check(settings.queue.url, settings.queue.name)


async def check_database(settings: Settings) -> tuple[Sequence[str], Sequence[str]]:
    """The same of the database."""
    async with open_database(settings) as database:
        missing, later = await database.missing_rights(settings.acceptance.botnet_types)
        return missing, [*later, *await database.durability_warnings()]


def open_books(settings: Settings) -> AbstractAsyncContextManager[Books]:
    """The receipts and dead letters of that queue."""
    url = settings.queue.url
    scheme = _scheme(url)
    if scheme == "memory":
        from adapters.queues import memory_books

        return memory_books.open_books()
    if scheme == "sqlite":
        from adapters.queues import sqlite_books

        return sqlite_books.open_books(_path(url))
    from adapters.queues import redis_books

    return redis_books.open_books(url, queue_name=settings.queue.name)


def open_database(settings: Settings) -> AbstractAsyncContextManager[Database]:
    """The database that `database.url` names."""
    database = settings.database
    if _scheme(database.url) == "sqlite":
        from adapters.sinks import sqlite

        return sqlite.open_database(database.url, max_botnet_types=database.max_botnet_types)
    from adapters.sinks import mysql

    return mysql.open_database(
        database.url, max_botnet_types=database.max_botnet_types, local_infile=database.local_infile
    )


def open_upgrade(settings: Settings) -> AbstractAsyncContextManager[SchemaUpgrade]:
    """The upgrade of the tables of an old installation in that database, which speaks the dialect `mysql`."""
    from adapters.sinks import mysql_upgrade

    return mysql_upgrade.open_upgrade(settings.database.url)


def schema(dialect: str, botnet_type: str, indexes: Sequence[str]) -> list[str]:
    """The statements that make the tables of a botnet type with these indexes. Raises RejectedError."""
    statements = mysql_statements if dialect == "mysql" else sqlite_statements
    return statements(botnet_type, indexes)


def dialect_of(settings: Settings) -> str:
    """The dialect that the database of `database.url` speaks."""
    return "sqlite" if _scheme(settings.database.url) == "sqlite" else "mysql"


def open_source(source: SourceSettings) -> AbstractAsyncContextManager[Source]:
    """The collector of one `[[source]]`."""
    from adapters.sources import collector

    return collector.open_source(
        collector.CollectorOptions(
            name=source.name,
            url=source.url,
            api_key=source.api_key.reveal() if source.api_key else None,
            pull_limit=source.pull_limit,
            timeout_seconds=source.timeout_seconds,
            verify_tls=source.verify_tls,
            ca_file=str(source.ca_file) if source.ca_file else None,
        )
    )


def open_lookup(settings: Settings) -> Lookup:
    """Files, those that are named or those of the folder, over the built-in table."""
    from adapters.lookups import reloading

    return reloading.open_lookup(
        settings.enrichment.mmdb, Path(settings.lookup.folder), builtin=settings.enrichment.builtin
    )


def look_up_files(settings: Settings) -> Sequence[FileState]:
    """What `open_lookup` would open."""
    from adapters.lookups import reloading, states

    return states.states(reloading.Names(settings.enrichment.mmdb, Path(settings.lookup.folder)))


async def update_look_up_files(
    settings: Settings,
    files: Sequence[Path],
    *,
    force: bool,
    say: Callable[[str], None],
    note: Callable[[Headway], None],
) -> Sequence[FileState]:
    """Bring newer ones, from `geo.provider` or from `files`; those that were replaced. `note` is told what arrives."""
    from adapters.lookups import states, updating

    replaced = await updating.update(settings, files, force=force, say=say, note=note)
    return [states.state_of(path) for path in replaced]


async def serve_status(
    settings: Settings, open_status: "Callable[[], Status]", task_status: trio.TaskStatus[None]
) -> None:
    """The status page, where `status.address` names one."""
    from adapters.status import server

    await server.serve_status(settings, open_status, task_status)


def ask_engine(settings: Settings) -> "Picture":
    """What the engine at `status.address` says of itself."""
    from adapters.status import client

    return client.ask(settings)


def _scheme(url: str) -> str:
    return urlsplit(url).scheme


def _path(url: str) -> str:
    """The file that a sqlite:/// URL names: relative with three slashes, absolute with four."""
    return unquote(urlsplit(url).path.removeprefix("/"))
