"""The queues under test, every one of which must pass the same suite, and what the suites of sinks share."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from adapters.queues.redis_errors import RIGHTS
from adapters.sinks.database import Database
from tests.contracts.queue_worlds import MemoryWorld, QueueWorld, RedisWorld, SqliteWorld
from tests.contracts.sink_stores import MariaDbStore, SqliteStore, Store, fresh_type
from tests.servers.mariadb import MariaDbServer
from tests.servers.redis import RedisServer


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Give a private server for the whole session; tests that break one start their own."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_world(redis_server: RedisServer) -> Iterator[RedisWorld]:
    """Give an empty queue on that server, to a user with the least rights."""
    with redis_server.connect() as client:
        client.execute_command("ACL", "SETUSER", "least", "on", ">secret", *RIGHTS.split())
        yield RedisWorld(redis_server.url.replace("://", "://least:secret@"), client)


@pytest.fixture(params=["memory", "sqlite", "redis"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> QueueWorld:
    """Give an empty queue of each kind."""
    if request.param == "memory":
        return MemoryWorld()
    if request.param == "sqlite":
        return SqliteWorld(tmp_path)
    redis: RedisWorld = request.getfixturevalue("redis_world")
    return redis


@pytest.fixture(scope="module", params=["sqlite", "mariadb"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One database per kind, for all tests of a file: they keep apart by botnet type and source."""
    folder = tmp_path_factory.mktemp("sink")
    if request.param == "sqlite":
        yield SqliteStore(folder / "sink.db")
        return
    with MariaDbServer(folder) as server:
        yield MariaDbStore(server, "contract")


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDbServer]:
    """A server for all tests of a file."""
    with MariaDbServer(tmp_path_factory.mktemp("mysql")) as running:
        yield running


@pytest.fixture
def own_store(mariadb: MariaDbServer, kind: str) -> MariaDbStore:
    """An empty database of the test's own on it."""
    own = MariaDbStore(mariadb, f"own_{kind}")
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {own.name} CHARACTER SET utf8mb4")
    return own


@pytest.fixture
async def database(store: Store) -> AsyncIterator[Database]:
    """The database, opened."""
    async with store.open() as opened:
        yield opened


@pytest.fixture
def kind() -> str:
    """A botnet type of the test's own, used as its source's name, too."""
    return fresh_type()
