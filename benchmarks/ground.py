"""Where a benchmark happens: private servers, one corpus, and databases that are checked to the row.

The servers are durable as in production (Redis: append-only file, synced every second; MariaDB: synced at every
commit) and have the memory of a small production server, not that of the tests.
"""

import itertools
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from attrs import define, field, frozen

from adapters.sinks import sqlite_schema
from adapters.sinks.schema import MYSQL_OWN_TABLES, mysql_tables
from benchmarks.corpus import Corpus
from tests import ledger
from tests.corpus import Expected
from tests.servers.mariadb import MariaDbServer
from tests.servers.redis import RedisServer

MARIADB: Mapping[str, str | int] = {
    "innodb_buffer_pool_size": "512M",
    "innodb_log_file_size": "256M",
    "innodb_use_native_aio": 1,
}


@frozen
class Options:
    """What a scenario is asked to do."""

    records: int = 100_000
    workers: Sequence[int] = (1, 2, 4, 8)
    runs: int = 3
    seed: int = 1
    types: int = 1
    queue: str = "redis"
    database: str = "mysql"


@define(eq=False)
class Ground:
    """The servers, and a name of its own for the queue and the database of every run."""

    folder: Path
    redis: RedisServer
    mariadb: MariaDbServer
    _numbers: Iterator[int] = field(factory=lambda: itertools.count(1), repr=False)

    def name(self) -> str:
        """A name nobody has used."""
        return f"bench_{next(self._numbers)}"

    @contextmanager
    def place(self, kinds: Sequence[str], database: str = "mysql") -> Iterator["Place"]:
        """A folder and a database with the engine's own tables, empty; gone afterwards."""
        name = self.name()
        folder = self.folder / name
        folder.mkdir()
        place = MysqlPlace(folder, name, self.mariadb) if database == "mysql" else SqlitePlace(folder, name)
        place.make(kinds)
        try:
            yield place
        finally:
            place.drop()
            shutil.rmtree(folder)

    def queue_url(self, queue: str, place: "Place") -> str:
        """The engine's URL of a queue of this kind."""
        return {
            "redis": self.redis.url,
            "sqlite": f"sqlite:///{place.folder / 'queue.db'}",
            "memory": "memory://",
        }[queue]


@contextmanager
def ground(folder: Path) -> Iterator[Ground]:
    """Start the servers."""
    with ExitStack() as stack:
        for name in ("redis", "mariadb"):
            (folder / name).mkdir()
        redis = stack.enter_context(RedisServer(folder / "redis"))
        mariadb = stack.enter_context(MariaDbServer(folder / "mariadb", MARIADB))
        yield Ground(folder, redis, mariadb)


@frozen
class MysqlPlace:
    """One database of the server."""

    folder: Path
    name: str
    server: MariaDbServer

    @property
    def url(self) -> str:
        """The engine's URL."""
        return self.server.url(self.name)

    def make(self, kinds: Sequence[str]) -> None:
        """Make the tables by the engine's own statements."""
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE `{self.name}` CHARACTER SET utf8mb4")
            connection.select_db(self.name)
            for statement in (*MYSQL_OWN_TABLES.values(), *(each for kind in kinds for each in mysql_tables(kind))):
                cursor.execute(statement)

    def drop(self) -> None:
        """Drop the database."""
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE `{self.name}`")

    def check(self, expected: Expected) -> None:
        """Compare every row and counter. Raises AssertionError."""
        with self.asking() as ask:
            found = ledger.differences(ask, expected)
        assert not found, found[:5]

    @contextmanager
    def asking(self) -> Iterator[ledger.Ask]:
        """A connection for the checker."""
        with self.server.connect(self.name) as connection, connection.cursor() as cursor:

            def ask(query: str) -> Sequence[ledger.Row]:
                cursor.execute(query)
                return cursor.fetchall()

            yield ask


@frozen
class SqlitePlace:
    """One database file."""

    folder: Path
    name: str

    @property
    def file(self) -> Path:
        """The file."""
        return self.folder / "engine.db"

    @property
    def url(self) -> str:
        """The engine's URL."""
        return f"sqlite:///{self.file}"

    def make(self, kinds: Sequence[str]) -> None:
        """Make the tables by the engine's own statements."""
        with closing(self.connect()) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            tables = (each for kind in kinds for each in sqlite_schema.type_tables(kind))
            for statement in (*sqlite_schema.OWN_TABLES, *tables):
                connection.execute(statement)

    def connect(self) -> sqlite3.Connection:
        """Open the file, in autocommit."""
        return sqlite3.connect(self.file, isolation_level=None, check_same_thread=False)

    def drop(self) -> None:
        """Nothing: the file goes with its folder."""

    def check(self, expected: Expected) -> None:
        """Compare every row and counter. Raises AssertionError."""
        with closing(self.connect()) as connection:
            found = ledger.differences(lambda query: connection.execute(query).fetchall(), expected)
        assert not found, found[:5]


Place = MysqlPlace | SqlitePlace


@frozen
class Work:
    """What is to be done: a corpus, the file its collector serves, and what must be in the database afterwards."""

    corpus: Corpus
    file: Path
    expected: Expected = field(repr=False)

    @property
    def kinds(self) -> list[str]:
        """The botnet types, by name."""
        return sorted(self.expected.nodes)


def work_of(corpus: Corpus, folder: Path) -> Work:
    """Write the corpus down for its collector."""
    return Work(corpus, corpus.write(folder / f"records-{len(corpus)}.jsonl"), corpus.expected())
