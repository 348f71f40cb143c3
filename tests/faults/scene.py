"""Where faults happen: a corpus at a collector, servers, engine processes, and what must be true in the end."""

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pymysql
from attrs import define, field, frozen

from tests import ledger
from tests.collector.server import Collector, running_collector
from tests.corpus import GAP_EVERY, Corpus
from tests.engine_process import EngineProcess, write_config
from tests.faults.confirm_guard import ConfirmGuard
from tests.faults.control import LEASE_VARIABLE, POINTS_VARIABLE, PORT_VARIABLE, Answer, answering
from tests.servers.mariadb import MariaDbServer
from tests.servers.redis import RedisServer

REPOSITORY = Path(__file__).parents[2]
LEASE_SECONDS = 1.5
OWNERSHIP_SECONDS = 1.0
PULL_LIMIT = 300
RELIEF_SECONDS = 30.0


@frozen
class Servers:
    """The two servers a run needs, for as many runs as you like."""

    redis: RedisServer
    mariadb: MariaDbServer


@contextmanager
def running_servers(folder: Path) -> Iterator[Servers]:
    """Start both."""
    (folder / "redis").mkdir()
    (folder / "mariadb").mkdir()
    with RedisServer(folder / "redis") as redis, MariaDbServer(folder / "mariadb") as mariadb:
        yield Servers(redis, mariadb)


@define
class Scene:
    """One run: a queue and a database of its own on the servers, a collector with the corpus, engines `e1`, `e2`, …."""

    servers: Servers
    corpus: Corpus
    folder: Path
    name: str
    collector_url: str
    guard: ConfirmGuard
    _processes: ExitStack = field(repr=False)
    _started: int = 0

    def engine(
        self,
        name: str,
        *arguments: str,
        points: Mapping[str, int] | None = None,
        answer: Answer | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> EngineProcess:
        """Start an engine; where it reaches one of `points` for the nth time it gets its word from `answer`."""
        self._started += 1
        folder = self.folder / f"{self._started}"
        folder.mkdir()
        variables = {"PYTHONPATH": str(REPOSITORY), LEASE_VARIABLE: str(OWNERSHIP_SECONDS), **(environ or {})}
        if points and answer:
            variables[PORT_VARIABLE] = str(self._processes.enter_context(answering(answer)))
            variables[POINTS_VARIABLE] = ",".join(f"{point}:{nth}" for point, nth in points.items())
        options = ["--config", str(self.folder / "engine.toml"), "--set", f"engine.name={name}", *arguments]
        engine = EngineProcess(folder, "run", *options, environ=variables, module="tests.faults.crashing")
        return self._processes.enter_context(engine)

    def relieved(self, engine: EngineProcess, *, all_but: int) -> list[str]:
        """Wait until `engine` has emptied the queue, and all records but so many are confirmed.

        What is wrong if it does not come to that.
        """
        engine.wait_for("running, press")
        until = time.monotonic() + RELIEF_SECONDS
        wanted = len(self.corpus.records) - all_but
        while self.guard.confirmed < wanted or self.left_in_queue():
            if time.monotonic() > until or not engine.is_running:
                left = [f"confirmed {self.guard.confirmed}, not {wanted}", *self.left_in_queue()]
                return [f"not relieved: {', '.join(left)}: {engine.errors[-2000:]}"]
            self.guard.wait_for_more(0.02)
        return []

    def differences(self) -> list[str]:
        """Everything that is not as it must be once the work is done; empty when all of it is."""
        with self.servers.mariadb.connect(self.name) as connection, connection.cursor() as cursor:

            def ask(query: str) -> tuple[ledger.Row, ...]:
                cursor.execute(query)
                return cursor.fetchall()

            try:
                found = ledger.differences(ask, self.corpus.expected)
            except pymysql.err.ProgrammingError as error:
                found = [f"a table is missing: {error}"]
        self.guard.recheck()
        return found + self.guard.violations + self.left_in_queue()

    def left_in_queue(self) -> list[str]:
        """Nothing may be left in the stream, and nothing in the queue's own dead letters."""
        with self.servers.redis.connect() as client:
            sizes = {part: client.xlen(f"{{botnet:{self.name}}}:{part}") for part in ("stream", "dead")}
        return [f"{size} entries left in the queue's {part}" for part, size in sizes.items() if size]

    def close(self) -> None:
        """End the engines, and drop what the run left in the servers."""
        self._processes.close()
        with self.servers.mariadb.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {self.name}")
        with self.servers.redis.connect() as client:
            client.flushall()
        shutil.rmtree(self.folder)


@contextmanager
def staged(
    servers: Servers, corpus: Corpus, folder: Path, name: str, *, grace: float = 5.0, quarantine: float = 1.0
) -> Iterator[Scene]:
    """Set a scene whose collector is in this process, every confirm of it watched."""
    with running_collector(api_key="secret") as collector:
        collector.spool.gap_every = GAP_EVERY
        with staged_at(servers, corpus, folder, name, collector.url, grace=grace, quarantine=quarantine) as scene:
            collector.spool.on_confirm = scene.guard.check
            serve(collector, corpus)
            yield scene


def serve(collector: Collector, corpus: Corpus) -> None:
    """Give the collector all of the corpus."""
    collector.spool.add(line.encode() for line in corpus.lines().splitlines())


@contextmanager
def staged_at(
    servers: Servers,
    corpus: Corpus,
    folder: Path,
    name: str,
    url: str,
    *,
    grace: float = 5.0,
    quarantine: float = 1.0,
    timeout: float = 5.0,
) -> Iterator[Scene]:
    """Set a scene whose collector is at `url`."""
    folder = folder / name
    folder.mkdir()
    write_config(
        folder,
        engine={"shutdown_grace_seconds": grace},
        worker={"worker_count": 2, "retry_delay": 1, "queue_timeout": 0.5, "db_batch_size": 80},
        queue={
            "url": servers.redis.url,
            "name": name,
            "batch_size": 60,
            "lease_seconds": LEASE_SECONDS,
            "high_watermark": 24,
            "low_watermark": 12,
        },
        database={"url": servers.mariadb.url(name)},
        log={"file": "", "level": "debug"},
        source=[
            {
                "name": "sinkhole-1",
                "url": url,
                "api_key": "secret",
                "pull_limit": PULL_LIMIT,
                "pull_interval_seconds": 0.1,
                "timeout_seconds": timeout,
                "confirm_quarantine_seconds": quarantine,
            }
        ],
    )
    guard = ConfirmGuard(servers.mariadb, name, corpus.outcomes)
    with ExitStack() as processes:
        scene = Scene(servers, corpus, folder, name, url, guard, processes)
        try:
            yield scene
        finally:
            scene.close()
