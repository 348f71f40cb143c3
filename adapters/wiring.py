"""URL scheme -> adapter: a readable catalogue of what the engine can talk to.

Drivers are imported where they are chosen: a run on SQLite never loads Redis or MySQL.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from secrets import randbits
from urllib.parse import unquote, urlsplit

import trio
from attrs import evolve

from adapters.queues.books import Books
from adapters.sinks.database import Database
from engine.assembly import Connections
from engine.capped_source import CappedSource
from engine.ports import FileState, Lookup, Queue, Source
from engine.run import Mode
from engine.settings import Settings, SourceSettings

DEMO_RECORDS_PER_DAY = 20_000


@asynccontextmanager
async def connect(settings: Settings, mode: Mode) -> AsyncIterator[Connections]:
    """Open everything a run talks to. Raises ConfigError, or UnavailableError where a server is away."""
    async with AsyncExitStack() as stack:
        queue = await stack.enter_async_context(open_queue(settings))
        database = await stack.enter_async_context(open_database(settings))
        sources = settings.enabled_sources if mode.fetch else ()
        limit = settings.acceptance.dead_letter_limit
        yield Connections(
            queue=queue,
            sources=[
                (
                    CappedSource(
                        await stack.enter_async_context(open_source(source)), database.dead_letter_count, limit
                    ),
                    source,
                )
                for source in sources
            ],
            lookup=open_lookup(settings),
            open_sink=database.writer,
            start_log=database,
            trials=database,
            warnings=[*await queue.durability_warnings(), *await database.durability_warnings()],
        )


@asynccontextmanager
async def connect_demo(settings: Settings, mode: Mode) -> AsyncIterator[Connections]:
    """The same, with a collector of our own on loopback as the only source."""
    from adapters.sources.demo import LIVE_PER_SECOND, serve_demo

    async with trio.open_nursery() as nursery:
        finite = DEMO_RECORDS_PER_DAY if mode.once else None
        url = await nursery.start(serve_demo, finite, LIVE_PER_SECOND, randbits(32))
        source = SourceSettings(name="demo", url=url, pull_interval_seconds=0.5)
        async with connect(evolve(settings, sources=(source,)), mode) as connections:
            yield connections
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
    settings: Settings, files: Sequence[Path], *, force: bool, say: Callable[[str], None]
) -> Sequence[FileState]:
    """Bring newer ones, from `geo.provider` or from `files`; those that were replaced."""
    from adapters.lookups import states, updating

    return [states.state_of(path) for path in await updating.update(settings, files, force=force, say=say)]


def _scheme(url: str) -> str:
    return urlsplit(url).scheme


def _path(url: str) -> str:
    """The file that a sqlite:/// URL names: relative with three slashes, absolute with four."""
    return unquote(urlsplit(url).path.removeprefix("/"))
