"""SIGHUP: a new configuration is applied without losing a delivery, a bad one is refused and the old one runs on."""

import itertools
import os
import pty
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from attrs import define

from tests import ledger
from tests.collector import running_collector
from tests.collector.process import CollectorProcess, collector_process
from tests.corpus import GAP_EVERY, Corpus, Expected, make
from tests.engine_process import KEPT, EngineProcess, write_config
from tests.mmdb import DB_IP_CITY, FLAT_CITY, write_mmdb
from tests.servers.mariadb import MariaDbServer
from tests.servers.redis import RedisServer

RECORDS = 12_000
HANGUPS = 20
GRACE_SECONDS = 2
_numbers = itertools.count(1)
RECORD = {"ip": "45.77.0.1", "timestamp": "2025-03-01T00:00:01", "botnet_type": "mirai"}


@define
class Load:
    """Two collectors, an engine's folder, and what must be in the database in the end.

    The collectors have half of their records from the beginning, and get more as a test wants some work to be there.
    """

    folder: Path
    queue: dict[str, object]
    mariadb: MariaDbServer
    database: str
    collectors: dict[str, CollectorProcess]
    corpora: dict[str, Corpus]
    rest: dict[str, list[bytes]]

    def feed(self, source: str, records: int = 200) -> None:
        """Give a collector more."""
        fed, self.rest[source] = self.rest[source][:records], self.rest[source][records:]
        assert fed
        self.collectors[source].add(fed)

    def configure(self, *sources: str, workers: int, level: str = "info", **queue: object) -> None:
        """Put a whole new configuration in the place of the old one, in one step."""
        folder = self.folder / "new"
        folder.mkdir(exist_ok=True)
        write_config(
            folder,
            engine={"shutdown_grace_seconds": GRACE_SECONDS},
            worker={"worker_count": workers},
            queue={**self.queue, "batch_size": 20, **queue},
            database={"url": self.mariadb.url(self.database)},
            log={"file": "", "level": level},
            source=[
                {"name": name, "url": self.collectors[name].url, "pull_limit": 100, "pull_interval_seconds": 0.2}
                for name in sources
            ],
        )
        (folder / "engine.toml").replace(self.folder / "engine.toml")

    def finish(self) -> int:
        """Bring the rest home, from both; how many records were left to settle."""
        for source in self.rest:
            self.feed(source, RECORDS)
        self.configure("a", "b", workers=2)
        with EngineProcess(self.folder, "--once", "--json") as engine:
            assert engine.wait(90) == 0, engine.errors[-3000:]
            return int(engine.account["received"])

    def differences(self) -> list[str]:
        """What is not as the records say."""
        expected = Expected()
        for corpus in self.corpora.values():
            expected.dead |= corpus.expected.dead
            for outcome in corpus.outcomes.values():
                if outcome is not None:
                    expected.add(*outcome[:3], cleanup=outcome.cleanup)
        with self.mariadb.connect(self.database) as connection, connection.cursor() as cursor:

            def ask(query: str) -> tuple[ledger.Row, ...]:
                cursor.execute(query)
                return cursor.fetchall()

            return ledger.differences(ask, expected)

    @property
    def records(self) -> int:
        """How many there are in all."""
        return sum(len(corpus.records) for corpus in self.corpora.values())


@pytest.fixture(scope="module")
def corpora() -> dict[str, Corpus]:
    """Records of two collectors; only the first has broken ones, whose positions would be those of the other's."""
    return {"a": make(RECORDS, seed=20261125), "b": make(RECORDS // 3, seed=20261126, broken=0)}


@pytest.fixture
def load(tmp_path: Path, servers: tuple[RedisServer, MariaDbServer], corpora: dict[str, Corpus]) -> Iterator[Load]:
    """Both collectors serving, on private servers."""
    redis, mariadb = servers
    name = f"load{next(_numbers)}"
    with ExitStack() as running:
        collectors = {
            source: running.enter_context(collector_process("--gap-every", str(GAP_EVERY))) for source in corpora
        }
        rest = {source: corpus.lines().encode().splitlines() for source, corpus in corpora.items()}
        load = Load(tmp_path, {"url": redis.url, "name": name}, mariadb, name, collectors, corpora, rest)
        for source, corpus in corpora.items():
            load.feed(source, len(corpus.records) // 2)
        yield load


def test_everything_that_may_change_changes_under_load(load: Load) -> None:
    """More workers, a source more, a source less, another log level; every delivery is settled once, to the row."""
    load.configure("a", workers=1)
    with EngineProcess(load.folder, "--json") as engine:
        engine.wait_for("batch written")
        load.configure("a", "b", workers=3, level="debug")
        engine.send(signal.SIGHUP)
        engine.wait_for(r"configuration applied.*worker\.worker_count.*log\.level.*source b added")
        engine.wait_for("worker started +worker=worker-3")
        engine.wait_for(r"\[debug *\] fetched .*source=b")
        load.configure("b", workers=2)
        engine.send(signal.SIGHUP)
        engine.wait_for("configuration applied.*source a removed")
        said = len(engine.errors)
        load.feed("b")
        engine.wait_for("batch written.*batch=b", after=said)
        assert "[debug" not in engine.errors[said:]
        engine.send(signal.SIGTERM)
        assert engine.wait(GRACE_SECONDS + 1) == 0
        assert "Traceback" not in engine.errors
        settled = engine.account["received"]
    assert 0 < settled < load.records
    assert settled + load.finish() == load.records
    assert load.differences() == []


def test_twenty_hangups_in_a_row_lose_nothing(load: Load) -> None:
    """However fast they come, the last configuration holds in the end, and every delivery is settled once."""
    load.configure("a", "b", workers=1)
    with EngineProcess(load.folder, "--json") as engine:
        engine.wait_for("batch written")
        for number in range(HANGUPS):
            load.configure("a", "b", workers=number % 3 + 1, high_watermark=10_000 + number)
            engine.send(signal.SIGHUP)
            said = len(engine.errors)
            load.feed("a")
            engine.wait_for("batch written", after=said)  # the next one comes into the middle of work
        load.configure("a", "b", workers=4)
        engine.send(signal.SIGHUP)
        engine.wait_for("workers=4")
        engine.send(signal.SIGTERM)
        assert engine.wait(GRACE_SECONDS + 1) == 0
        assert "refused" not in engine.errors
        assert "Traceback" not in engine.errors
        settled = engine.account["received"]
    assert settled + load.finish() == load.records
    assert load.differences() == []


def test_hangups_while_the_engine_starts(load: Load) -> None:
    """Whenever they come, before anything is read or after: they do not end it, and what is new by then is applied.

    An engine that stands still, and has not even loaded its program, reads the configuration once more when it runs.
    """
    load.configure("a", workers=1)
    with EngineProcess(load.folder) as engine:
        while not engine.holds_hangups:
            assert engine.is_running
        engine.send(signal.SIGSTOP)
        engine.send(signal.SIGHUP)
        load.configure("a", "b", workers=2)
        engine.send(signal.SIGCONT)
        engine.wait_for("configuration applied")
        engine.wait_for(r"starting.*workers=2")
        engine.send(signal.SIGTERM)
        assert engine.wait(GRACE_SECONDS + 1) == 0
    load.finish()
    assert load.differences() == []


def test_a_hangup_ends_a_command_that_is_no_run(load: Load) -> None:
    """As it does any other program; one that was told to ignore it, as by nohup, goes on doing so."""
    load.configure("a", workers=1)
    load.mariadb.pause()
    inherited = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup
    try:
        with EngineProcess(load.folder, "check") as command:
            while not command.holds_hangups:
                assert command.is_running
            command.send(signal.SIGHUP)
            assert command.wait(10) == -signal.SIGHUP
    finally:
        signal.signal(signal.SIGHUP, inherited)
        load.mariadb.resume()


def test_a_bad_configuration_is_refused(load: Load) -> None:
    """Each of its errors is logged, nothing of it holds, and the old one goes on; mended, it is applied."""
    load.configure("a", workers=1)
    with EngineProcess(load.folder) as engine:
        engine.wait_for("batch written")
        good = (load.folder / "engine.toml").read_text()
        (load.folder / "engine.toml").write_text(good.replace("worker_count = 1", "worker_count = 0\nwroker = 2"))
        engine.send(signal.SIGHUP)
        engine.wait_for("configuration refused.*worker_count = 0")
        engine.wait_for("configuration refused.*wroker")
        said = len(engine.errors)
        load.feed("a")
        engine.wait_for("batch written", after=said)
        (load.folder / "engine.toml").write_text(good + "ca_file = 'engine.toml'\nverify_tls = true\n")
        engine.send(signal.SIGHUP)  # reads well, and cannot be opened
        engine.wait_for("configuration refused.*ca_file")
        (load.folder / "engine.toml").unlink()
        engine.send(signal.SIGHUP)
        engine.wait_for("configuration refused.*no source is configured")
        load.configure("a", workers=2)
        engine.send(signal.SIGHUP)
        engine.wait_for("configuration applied")
        engine.send(signal.SIGTERM)
        assert engine.wait(GRACE_SECONDS + 1) == 0
        assert "Traceback" not in engine.errors
    load.finish()
    assert load.differences() == []


def test_what_cannot_change_while_running_is_named(load: Load) -> None:
    """Other URLs of queue and database need a restart: the log says so, and the old ones stay in use."""
    load.configure("a", workers=1)
    with EngineProcess(load.folder) as engine:
        engine.wait_for("batch written")
        text = (load.folder / "engine.toml").read_text()
        text = text.replace("redis://127.0.0.1", "redis://localhost").replace("worker_count = 1", "worker_count = 2")
        (load.folder / "engine.toml").write_text(text.replace(load.database + '"', 'elsewhere"'))
        engine.send(signal.SIGHUP)
        engine.wait_for(r"needs a restart.*queue\.url, queue\.name, database\.url")
        engine.wait_for(r"configuration applied +changed=worker\.worker_count\n")
        said = len(engine.errors)
        load.feed("a")
        engine.wait_for("batch written", after=said)
        engine.send(signal.SIGTERM)
        assert engine.wait(GRACE_SECONDS + 1) == 0
    load.finish()
    assert load.differences() == []


@pytest.mark.parametrize("hung", [False, True])
def test_a_stop_during_a_reload_is_in_time(load: Load, *, hung: bool) -> None:
    """SIGTERM right after SIGHUP, also while the database hangs: gone within the grace time, and nothing is lost."""
    load.configure("a", workers=2)
    with EngineProcess(load.folder) as engine:
        engine.wait_for("batch written")
        load.configure("a", "b", workers=3)
        if hung:
            load.mariadb.pause()
        try:
            engine.send(signal.SIGHUP)
            engine.wait_for("reading the configuration again")
            began = time.monotonic()
            engine.send(signal.SIGTERM)
            assert engine.wait(GRACE_SECONDS + 1) == 0
            assert time.monotonic() - began < GRACE_SECONDS + 1
        finally:
            load.mariadb.resume()
        assert "Traceback" not in engine.errors
    load.finish()
    assert load.differences() == []


def test_a_reload_during_an_outage_waits_no_longer_than_the_grace_time(load: Load) -> None:
    """What hangs in the database is given back, the new workers take it again, and nothing is lost or counted twice."""
    load.configure("a", workers=2)
    with EngineProcess(load.folder) as engine:
        engine.wait_for("batch written")
        load.mariadb.pause()
        try:
            load.configure("a", "b", workers=3)
            engine.send(signal.SIGHUP)
            engine.wait_for("configuration applied", GRACE_SECONDS + 3)
        finally:
            load.mariadb.resume()
        said = len(engine.errors)
        load.feed("a")
        engine.wait_for("batch written", after=said)
        engine.send(signal.SIGTERM)
        assert engine.wait(GRACE_SECONDS + 1) == 0
        assert "Traceback" not in engine.errors
    load.finish()
    assert load.differences() == []


def test_a_look_up_file_is_read_again(tmp_path: Path) -> None:
    """Replaced under the same name, it holds from the reload on."""
    with running_collector() as collector:
        collector.add([RECORD])
        file = write_mmdb(tmp_path / "city.mmdb", {"45.77.0.0/16": DB_IP_CITY})
        source = {"name": "one", "url": collector.url, "pull_interval_seconds": 0.1}
        write_config(tmp_path, enrichment={"mmdb": [file.name]}, log={"file": ""}, source=[source])
        with EngineProcess(tmp_path) as engine:
            engine.wait_for("batch written")
            write_mmdb(tmp_path / "new.mmdb", {"45.77.0.0/16": FLAT_CITY}).replace(file)
            engine.send(signal.SIGHUP)
            engine.wait_for("configuration applied +changed=nothing")
            collector.add([RECORD | {"ip": "45.77.0.2"}])
            engine.wait_for("(?s)batch written.*batch written")
    with sqlite3.connect(tmp_path / "engine.db") as connection:
        cities = connection.execute("SELECT ip, city FROM botnet_nodes_mirai ORDER BY ip").fetchall()
    assert cities == [("45.77.0.1", "Paris"), ("45.77.0.2", "Osaka")]


def test_the_demo_has_nothing_to_read_again(tmp_path: Path) -> None:
    """It says so, and goes on."""
    with EngineProcess(tmp_path, "--log-level", "info") as engine:
        engine.wait_for("batch written")
        engine.send(signal.SIGHUP)
        engine.wait_for("configuration refused.*nothing is configured")
        engine.send(signal.SIGTERM)
        assert engine.wait(15) == 0


def test_a_terminal_that_is_closed_stops_the_engine(tmp_path: Path) -> None:
    """The hangup of a terminal that is gone is a soft stop; one sent while the terminal is there is a reload."""
    write_config(tmp_path, source=[{"name": "one", "url": "http://127.0.0.1:1"}])
    controlling, terminal = pty.openpty()
    environ = {key: value for key, value in os.environ.items() if key in KEPT}
    engine = subprocess.Popen(
        [sys.executable, "-m", "engine"],
        cwd=tmp_path, env=environ, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    said = b""
    try:
        while b"running, press" not in said:
            said += os.read(controlling, 4096)
        engine.send_signal(signal.SIGHUP)
        while b"configuration applied" not in said:
            said += os.read(controlling, 4096)
        os.close(controlling)
        engine.send_signal(signal.SIGHUP)
        engine.wait(15)
        assert "stopping, finishing what is in hand" in (tmp_path / "logs/log_processor.log").read_text()
    finally:
        engine.kill()
        engine.wait()
