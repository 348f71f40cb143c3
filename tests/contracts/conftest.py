"""The queues under test: every one must pass the same suite."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.queues.redis_errors import RIGHTS
from tests.contracts.queue_worlds import MemoryWorld, QueueWorld, RedisWorld, SqliteWorld
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
