"""Throughput of the whole job: HTTP collector -> Redis -> workers -> MariaDB, with the built-in look-up.

Every run starts from an empty queue and an empty database, and ends with the independent checker: a run that is not
exact has no figure.
"""

import resource
from pathlib import Path
from typing import NamedTuple, Self

import pymysql

from tests import ledger
from tests.collector.process import collector_process
from tests.corpus import make
from tests.engine_process import EngineProcess, write_config
from tests.servers.mariadb import MariaDbServer
from tests.servers.redis import RedisServer

RUN_SECONDS = 600.0


class Result(NamedTuple):
    """What one run showed. CPU is the engine's own, user and system."""

    workers: int
    records_per_second: float
    cpu_seconds_per_100k: float


class Scenario:
    """Private servers, a collector that serves one corpus, and runs of the engine against them."""

    def __init__(self, folder: Path, records: int, seed: int) -> None:
        self.folder = folder
        self.corpus = make(records, seed, broken=0.0, cleanups=0.0)
        self.redis = RedisServer(folder / "redis")
        self.mariadb = MariaDbServer(folder / "mariadb")
        self._runs = 0
        for server in (self.redis, self.mariadb):
            server.folder.mkdir(exist_ok=True)

    def __enter__(self) -> Self:
        self.redis.__enter__()
        self.mariadb.__enter__()
        (self.folder / "records.jsonl").write_text(self.corpus.lines())
        return self

    def __exit__(self, *_: object) -> None:
        self.mariadb.__exit__()
        self.redis.__exit__()

    def run(self, workers: int) -> Result:
        """One run with so many workers, checked. Raises AssertionError when a row or counter is wrong."""
        self._runs += 1
        database = f"bench_{self._runs}"
        folder = self.folder / f"run-{self._runs}"
        folder.mkdir()
        with collector_process("--records", str(self.folder / "records.jsonl")) as collector:
            write_config(
                folder,
                worker={"worker_count": workers},
                queue={"url": self.redis.url, "name": database},
                database={"url": self.mariadb.url(database)},
                source=[{"name": "bench", "url": collector.url, "pull_interval_seconds": 1}],
            )
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            engine = EngineProcess(folder, "--once", "--json", "--log-level", "warning").start()
            code = engine.wait(RUN_SECONDS)
            assert code == 0, engine.errors
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self._check(database)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Result(workers, engine.account["records_per_second"], cpu / len(self.corpus.records) * 100_000)

    def _check(self, database: str) -> None:
        connection = pymysql.connect(host="127.0.0.1", port=self.mariadb.port, user="root", database=database)
        with connection, connection.cursor() as cursor:

            def ask(query: str) -> list[tuple[object, ...]]:
                cursor.execute(query)
                return list(cursor.fetchall())

            found = ledger.differences(ask, self.corpus.expected)
            assert not found, found[:5]
            cursor.execute(f"DROP DATABASE `{database}`")
