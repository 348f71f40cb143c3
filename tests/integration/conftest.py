"""The places where commands are typed."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.places import Place, ServerPlace, SqlitePlace
from tests.servers.mariadb import MariaDbServer
from tests.servers.redis import RedisServer

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RedisServer, MariaDbServer]]:
    """A private Redis and a private MariaDB."""
    folders = [tmp_path_factory.mktemp(name) for name in ("redis", "mariadb")]
    with RedisServer(folders[0]) as redis, MariaDbServer(folders[1]) as mariadb:
        yield redis, mariadb


@pytest.fixture(params=["sqlite", "servers"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place of each kind, empty."""
    if request.param == "sqlite":
        return SqlitePlace(tmp_path)
    redis, mariadb = request.getfixturevalue("servers")
    return ServerPlace(tmp_path, redis, mariadb, f"place{next(_numbers)}")
