"""Formats: what an older engine left is read and numbered, what a newer one made is refused; in every durable store."""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path
from typing import Protocol, cast

import pytest
from redis import RedisCluster

from adapters.queues import redis, redis_books, redis_checks, sqlite_books
from adapters.queues.codec import FORM
from adapters.queues.sqlite_schema import STEPS
from adapters.sinks import mysql, schema
from engine.delivery import Cursor
from engine.errors import ConfigError, UnavailableError
from tests.contracts.queue_worlds import QueueWorld, RedisWorld, SqliteWorld, page, records
from tests.contracts.sink_stores import MariaDbStore, SqliteStore, batch_of, online, write
from tests.servers.mariadb import MariaDbServer
from tests.servers.redis_cluster import RedisClusterServers

NEWER = 99
THREE = page(Cursor(), [1, 2, 3])


class Numbered(Protocol):
    """A store and its number, seen from outside."""

    reads: int

    def open(self) -> AbstractAsyncContextManager[object]: ...

    def number(self) -> int | None: ...

    def set_number(self, number: int | None) -> None:
        """Write it, or take it away."""

    def content(self) -> object:
        """All that is in the store."""


class File:
    """A SQLite file, of a queue or of a database."""

    def __init__(self, path: Path, world: SqliteWorld | SqliteStore, reads: int) -> None:
        self.path, self.world, self.reads = path, world, reads

    def open(self) -> AbstractAsyncContextManager[object]:
        return self.world.open()

    def number(self) -> int | None:
        with closing(sqlite3.connect(self.path)) as file:
            number: int = file.execute("PRAGMA user_version").fetchone()[0]
        return number or None

    def set_number(self, number: int | None) -> None:
        with closing(sqlite3.connect(self.path)) as file:
            file.execute(f"PRAGMA user_version = {number or 0}")

    def content(self) -> object:
        with closing(sqlite3.connect(self.path)) as file:
            return list(file.iterdump())


class RedisKeys:
    """A queue in Redis."""

    reads = redis_checks.FORMAT

    def __init__(self, world: RedisWorld) -> None:
        self.world = world
        self._key = f"{world.prefix}:format"

    def open(self) -> AbstractAsyncContextManager[object]:
        return self.world.open()

    def number(self) -> int | None:
        found = cast("bytes | None", self.world.client.get(self._key))
        return None if found is None else int(found)

    def set_number(self, number: int | None) -> None:
        if number is None:
            self.world.client.delete(self._key)
        else:
            self.world.client.set(self._key, number)

    def content(self) -> object:
        keys = cast("list[bytes]", self.world.client.keys(f"{self.world.prefix}:*"))
        return {key: self.world.client.dump(key) for key in keys}


class MariaDb:
    """A database of a server."""

    reads = schema.FORMAT

    def __init__(self, store: MariaDbStore) -> None:
        self.store = store

    def open(self) -> AbstractAsyncContextManager[object]:
        return self.store.open()

    def number(self) -> int | None:
        rows = self.store.rows("SELECT version FROM engine_format")
        return cast("int", rows[0][0]) if rows else None

    def set_number(self, number: int | None) -> None:
        if number is None:
            self.store.rows("DROP TABLE engine_format")
        else:
            self.store.rows(f"UPDATE engine_format SET version = {number}")

    def content(self) -> object:
        tables = [str(name) for (name,) in self.store.rows("SHOW TABLES")]
        return {table: self.store.rows(f"SELECT * FROM {table}") for table in tables}


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDbServer]:
    """A server for all tests of this file."""
    with MariaDbServer(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


def _queue(request: pytest.FixtureRequest, folder: Path) -> File | RedisKeys:
    if request.param == "redis queue":
        return RedisKeys(request.getfixturevalue("redis_world"))
    world = SqliteWorld(folder)
    return File(world.path, world, len(STEPS))


def _database(request: pytest.FixtureRequest, folder: Path) -> File | MariaDb:
    if request.param == "mariadb database":
        return MariaDb(MariaDbStore(request.getfixturevalue("mariadb"), folder.name))
    return File(folder / "x.db", SqliteStore(folder / "x.db"), schema.FORMAT)


QUEUES, DATABASES = ("sqlite queue", "redis queue"), ("sqlite database", "mariadb database")


@pytest.fixture(params=QUEUES)
def queue_store(request: pytest.FixtureRequest, tmp_path: Path) -> File | RedisKeys:
    """A durable queue of each kind, not made yet."""
    return _queue(request, tmp_path)


@pytest.fixture(params=DATABASES)
def database_store(request: pytest.FixtureRequest, tmp_path: Path) -> File | MariaDb:
    """A database of each kind, not made yet."""
    return _database(request, tmp_path)


@pytest.fixture(params=[*QUEUES, *DATABASES])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Numbered:
    """A store of each kind, not made yet."""
    return _queue(request, tmp_path) if request.param in QUEUES else _database(request, tmp_path)


async def test_a_new_store_has_its_number(store: Numbered) -> None:
    """From the first opening on; opening it again changes nothing."""
    async with store.open():
        assert store.number() == store.reads
    before = store.content()
    async with store.open():
        assert store.content() == before


async def test_a_newer_store_is_refused(store: Numbered) -> None:
    """A configuration error that names both formats and says what to do; nothing is touched."""
    async with store.open():
        pass
    store.set_number(NEWER)
    before = store.content()
    with pytest.raises(ConfigError, match=rf"format {NEWER}.* up to {store.reads}: upgrade this engine"):
        async with store.open():
            pytest.fail("it cannot open")
    assert store.content() == before
    assert store.number() == NEWER


async def test_a_database_of_before_gets_its_number(database_store: Numbered) -> None:
    """What engines made before there were numbers is in the first format, and is read."""
    async with database_store.open():
        pass
    database_store.set_number(None)
    async with database_store.open():
        assert database_store.number() == database_store.reads


def test_a_batch_is_never_newer_than_its_queue() -> None:
    """Whoever raises the form of batches raises the formats of the queues, or older engines would not refuse them."""
    assert FORM[0] <= redis_checks.FORMAT
    assert FORM[0] <= len(STEPS)


def _world(store: File | RedisKeys) -> QueueWorld:
    assert not isinstance(store.world, SqliteStore)
    return store.world


async def test_a_queue_of_before_is_worked_off(queue_store: File | RedisKeys) -> None:
    """Batches that an engine without a number put there are claimed once each, and the queue gets its number."""
    world = _world(queue_store)
    async with world.open() as queue:
        await queue.put(THREE)
    _make_old(queue_store)
    async with world.open() as queue:
        assert queue_store.number() == queue_store.reads
        deliveries = await queue.claim(5, 0)
        assert records(deliveries) == [1, 2, 3]
        assert {delivery.attempt for delivery in deliveries} == {1}
        await queue.ack(deliveries)
        assert await queue.depth() == 0
        assert await queue.cursor("s") == THREE.end


def _make_old(store: File | RedisKeys) -> None:
    if isinstance(store, RedisKeys):
        store.set_number(None)
        return
    with closing(sqlite3.connect(store.path)) as file:
        file.execute("DROP TABLE receipts")
    store.set_number(1)


async def test_a_running_engine_does_not_bury_what_a_newer_one_put(queue_store: File | RedisKeys) -> None:
    """It waits, says why, and keeps nothing: what it cannot read is the newer engine's, with its first attempt."""
    world = _world(queue_store)
    async with world.open() as queue:
        await queue.put(THREE)
        world.spoil(0)
        queue_store.set_number(NEWER)
        for _ in range(2):
            with pytest.raises(UnavailableError, match=f"format {NEWER}"):
                await queue.claim(5, 0)
        assert world.dead_reasons() == []
        queue_store.set_number(queue_store.reads)  # from here on it is damage, as ever
        deliveries = await queue.claim(5, 0)
        assert {1, 2, 3} >= set(records(deliveries)) >= {2, 3}
        assert {delivery.attempt for delivery in deliveries} == {1}
        assert len(world.dead_reasons()) == 1


async def test_books_of_a_newer_queue_are_not_read(queue_store: File | RedisKeys) -> None:
    """`audit` and `dead-letters` refuse it like an engine."""
    world = _world(queue_store)
    async with world.open():
        queue_store.set_number(NEWER)
    opened = (
        redis_books.open_books(world.url, queue_name=world.queue_name)
        if isinstance(world, RedisWorld)
        else sqlite_books.open_books(cast("SqliteWorld", world).path)
    )
    with pytest.raises(ConfigError, match=f"format {NEWER}"):
        async with opened:
            pytest.fail("it cannot open")


async def test_in_a_cluster_the_number_is_beside_its_queue(tmp_path: Path) -> None:
    """Its key has the hash tag of the others: one script reads it with them."""
    with RedisClusterServers(tmp_path) as cluster:
        async with redis.open_queue(cluster.url, queue_name="q"):
            pass
        with closing(RedisCluster.from_url(cluster.nodes[0].url)) as client:
            assert client.get("{botnet:q}:format") == str(redis_checks.FORMAT).encode()
            client.set("{botnet:q}:format", NEWER)
        with pytest.raises(ConfigError, match=f"format {NEWER}"):
            async with redis.open_queue(cluster.url, queue_name="q"):
                pytest.fail("it cannot open")


async def test_a_user_who_may_make_no_table_goes_on_without_a_number(mariadb: MariaDbServer) -> None:
    """The least rights are enough for the tables of an older engine."""
    root = MariaDbStore(mariadb, "formats_least")
    async with root.open() as database:
        await write(database, batch_of([online("1.2.3.4", "2026-11-20 08:00:00")], "least"))
    MariaDb(root).set_number(None)
    root.rows("CREATE USER least@'%'")
    rights = "SELECT, INSERT, UPDATE, DELETE, CREATE TEMPORARY TABLES"
    root.rows(f"GRANT {rights} ON formats_least.* TO least@'%'")
    async with mysql.open_database(mariadb.url("formats_least", "least")) as database:
        await write(database, batch_of([online("1.2.3.5", "2026-11-20 08:00:00")], "least"))
    assert ("engine_format",) not in root.rows("SHOW TABLES")
    assert len(root.rows("SELECT * FROM botnet_nodes_least")) == 2
