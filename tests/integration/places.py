"""Where the commands are typed: a folder with a configuration, over SQLite files or over private servers."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from adapters.queues import redis, sqlite
from engine.ports import Queue
from tests.engine_process import KEPT, WITHOUT_PAGE, write_config
from tests.servers.mariadb import MariaDbServer
from tests.servers.redis import RedisServer

if TYPE_CHECKING:
    from pymysql import Connection
    from pymysql.cursors import Cursor

COMMAND_SECONDS = 60


class Ended(NamedTuple):
    """A command that has ended."""

    code: int
    output: str
    errors: str


class Place(Protocol):
    """A folder to type commands in, and a look at what they leave behind."""

    folder: Path

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Run a statement in the database."""

    def open_queue(self) -> AbstractAsyncContextManager[Queue]:
        """Open the queue as an engine does."""

    def spoil_queue(self) -> None:
        """Make the bytes of everything that waits in the queue unreadable."""

    def lose_queued(self) -> None:
        """Take what waits in the queue away, behind its back."""

    def empty_queue(self) -> None:
        """Let the queue forget everything."""

    def number_queue(self, number: int) -> None:
        """Write another format into the queue."""

    def number_database(self, number: int) -> None:
        """Write another format into the database."""

    def sections(self) -> Mapping[str, dict[str, object]]:
        """The sections of the configuration that name queue and database."""


def configure(place: Place, *urls: str, **sections: dict[str, object]) -> None:
    """Write the configuration: small batches, and a source `s1`, `s2`, … for each URL."""
    named = place.sections()
    queue = {"batch_size": 100} | named["queue"]
    sources: list[dict[str, object]] = [{"name": f"s{number}", "url": url} for number, url in enumerate(urls, 1)]
    write_config(place.folder, **{**named, "queue": queue}, **sections, log={"file": ""}, source=sources)


def typed(place: Place, *arguments: str, stdin: bytes = b"", environ: Mapping[str, str] | None = None) -> Ended:
    """Type a command in a place, and wait for its end. No traceback, ever."""
    return run_command(place.folder, *arguments, stdin=stdin, environ=environ)


def run_command(folder: Path, *arguments: str, stdin: bytes = b"", environ: Mapping[str, str] | None = None) -> Ended:
    """The same in any folder."""
    environment = {key: value for key, value in os.environ.items() if key in KEPT} | WITHOUT_PAGE | dict(environ or {})
    ended = subprocess.run(
        [sys.executable, "-m", "engine", *arguments],
        cwd=folder,
        env=environment,
        input=stdin,
        capture_output=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert b"Traceback" not in ended.stderr, ended.stderr.decode()
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


class SqlitePlace:
    """The embedded default: two files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def sections(self) -> Mapping[str, dict[str, object]]:
        return {"queue": {"url": "sqlite:///engine-queue.db"}, "database": {"url": "sqlite:///engine.db"}}

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        return self._run("engine.db", sql)

    def open_queue(self) -> AbstractAsyncContextManager[Queue]:
        return sqlite.open_queue(self.folder / "engine-queue.db")

    def spoil_queue(self) -> None:
        self.in_queue("UPDATE deliveries SET payload = X'00'")

    def lose_queued(self) -> None:
        self.in_queue("DELETE FROM deliveries")

    def empty_queue(self) -> None:
        for path in self.folder.glob("engine-queue.db*"):
            path.unlink()

    def number_queue(self, number: int) -> None:
        self.in_queue(f"PRAGMA user_version = {number}")

    def number_database(self, number: int) -> None:
        self.rows(f"PRAGMA user_version = {number}")

    def in_queue(self, sql: str) -> list[tuple[object, ...]]:
        """Run a statement in the file of the queue."""
        return self._run("engine-queue.db", sql)

    def _run(self, file: str, sql: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.folder / file, isolation_level=None)) as connection:
            return connection.execute(sql).fetchall()


class ServerPlace:
    """Redis and MariaDB, with a queue and a database of its own."""

    def __init__(self, folder: Path, redis_server: RedisServer, mariadb: MariaDbServer, name: str) -> None:
        self.folder = folder
        self.name = name
        self._redis = redis_server
        self._mariadb = mariadb

    def sections(self) -> Mapping[str, dict[str, object]]:
        return {
            "queue": {"url": self._redis.url, "name": self.name},
            "database": {"url": self._mariadb.url(self.name)},
        }

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor)

    def connect(self) -> "Connection[Cursor]":
        """Open a connection to the database."""
        return self._mariadb.connect(self.name)

    def open_queue(self) -> AbstractAsyncContextManager[Queue]:
        return redis.open_queue(self._redis.url, queue_name=self.name, engine_name=None)

    def spoil_queue(self) -> None:
        with self._redis.connect() as client:
            for entry, fields in client.xrange(self._stream, "-", "+"):
                client.xdel(self._stream, entry)
                client.xadd(self._stream, fields | {b"batch": b"\0"}, id="*")

    def lose_queued(self) -> None:
        with self._redis.connect() as client:
            for entry, _ in client.xrange(self._stream, "-", "+"):
                client.xdel(self._stream, entry)

    def empty_queue(self) -> None:
        with self._redis.connect() as client:
            client.flushall()

    def number_queue(self, number: int) -> None:
        with self._redis.connect() as client:
            client.set(f"{{botnet:{self.name}}}:format", number)

    def number_database(self, number: int) -> None:
        self.rows(f"UPDATE engine_format SET version = {number}")

    @property
    def _stream(self) -> str:
        return f"{{botnet:{self.name}}}:stream"
