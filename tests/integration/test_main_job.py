"""The main job on real servers: every row, counter and dead letter is compared with an independent computation."""

import signal
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql
import pytest

from tests import ledger
from tests.collector.process import CollectorProcess, collector_process
from tests.corpus import GAP_EVERY, Corpus, make
from tests.engine_process import EngineProcess, write_config
from tests.servers.mariadb import MariaDbServer
from tests.servers.redis import RedisServer

RECORDS = 50_000


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """50,000 records with 2 % exact duplicates and 1 % broken ones."""
    return make(RECORDS, seed=20261123)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A private Redis."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDbServer]:
    """A private MariaDB."""
    with MariaDbServer(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


@contextmanager
def serving(corpus: Corpus, folder: Path) -> Iterator[CollectorProcess]:
    """A collector that has the corpus and wants a key."""
    (folder / "records.jsonl").write_text(corpus.lines())
    options = ["--records", str(folder / "records.jsonl"), "--gap-every", str(GAP_EVERY), "--api-key", "secret"]
    with collector_process(*options) as collector:
        yield collector


def source(url: str) -> list[dict[str, object]]:
    """The configuration of one source."""
    return [{"name": "sinkhole-1", "url": url, "api_key": "secret", "pull_interval_seconds": 1}]


def mysql_differences(server: MariaDbServer, database: str, corpus: Corpus) -> list[str]:
    """What is not as expected in one database of the server."""
    connection = pymysql.connect(host="127.0.0.1", port=server.port, user="root", database=database)
    with connection, connection.cursor() as cursor:

        def ask(query: str) -> Iterable[ledger.Row]:
            cursor.execute(query)
            return cursor.fetchall()

        return ledger.differences(ask, corpus.expected)


def sqlite_differences(file: Path, corpus: Corpus) -> list[str]:
    """What is not as expected in one file."""
    with sqlite3.connect(file) as connection:
        return ledger.differences(lambda query: connection.execute(query).fetchall(), corpus.expected)


def check_account(account: dict[str, float], corpus: Corpus) -> None:
    """The engine's own account says what the records say."""
    assert account["received"] == account["fetched"] == len(corpus.records)
    assert account["rejected"] == account["dead"] == len(corpus.expected.dead)
    assert account["received"] == account["written"] + account["duplicates"] + account["rejected"]
    assert account["written"] >= corpus.expected.rows


def test_fifty_thousand_sightings_to_the_row(
    tmp_path: Path, redis: RedisServer, mariadb: MariaDbServer, corpus: Corpus
) -> None:
    """Four workers, Redis and MariaDB: rows, counters and dead letters are exact, and the collector is relieved."""
    with serving(corpus, tmp_path) as collector:
        write_config(
            tmp_path,
            worker={"worker_count": 4},
            queue={"url": redis.url, "name": "whole"},
            database={"url": mariadb.url("whole")},
            source=source(collector.url),
        )
        with EngineProcess(tmp_path, "--once", "--json") as engine:
            assert engine.wait(100) == 0
        assert mysql_differences(mariadb, "whole", corpus) == []
        check_account(engine.account, corpus)
        assert sum(last - first + 1 for first, last in collector.unpulled()) < 5000
        assert "worker started" in engine.errors
    assert (tmp_path / "logs" / "log_processor.log").stat().st_size > 0


def test_interrupted_in_the_middle_and_started_again(
    tmp_path: Path, redis: RedisServer, mariadb: MariaDbServer, corpus: Corpus
) -> None:
    """SIGINT as soon as batches are being written, then a second start: the same result to the row."""
    with serving(corpus, tmp_path) as collector:
        write_config(
            tmp_path,
            worker={"worker_count": 4},
            queue={"url": redis.url, "name": "halves"},
            database={"url": mariadb.url("halves")},
            source=source(collector.url),
        )
        with EngineProcess(tmp_path, "--json") as engine:
            engine.wait_for("batch written")
            engine.send(signal.SIGINT)
            assert engine.wait(11) == 0
            first = engine.account
            assert 0 < first["received"] < len(corpus.records)
            assert "Traceback" not in engine.errors
        with EngineProcess(tmp_path, "--once", "--json") as engine:
            assert engine.wait(100) == 0
        assert mysql_differences(mariadb, "halves", corpus) == []
        second = engine.account
        assert first["written"] + second["written"] >= corpus.expected.rows
        # What workers settled is exact; a page whose storing the stop cut off may be stored and not counted as fetched.
        assert first["received"] + second["received"] == len(corpus.records)


def test_the_embedded_default_to_the_row(tmp_path: Path, corpus: Corpus) -> None:
    """A source and nothing else: SQLite queue and SQLite database, just as exact."""
    with serving(corpus, tmp_path) as collector:
        write_config(tmp_path, worker={"worker_count": 4}, source=source(collector.url))
        with EngineProcess(tmp_path, "--once", "--json") as engine:
            assert engine.wait(100) == 0
    assert sqlite_differences(tmp_path / "engine.db", corpus) == []
    check_account(engine.account, corpus)


def test_fetchers_and_workers_in_processes_of_their_own(
    tmp_path: Path, redis: RedisServer, mariadb: MariaDbServer, corpus: Corpus
) -> None:
    """`fetch --once` fills the queue and writes nothing; two `worker --once` side by side empty it."""
    with serving(corpus, tmp_path) as collector:
        write_config(
            tmp_path,
            worker={"worker_count": 2},
            queue={"url": redis.url, "name": "split"},
            database={"url": mariadb.url("split")},
            log={"file": ""},
            source=source(collector.url),
        )
        with EngineProcess(tmp_path, "fetch", "--once", "--json") as fetcher:
            assert fetcher.wait(60) == 0
            assert (fetcher.account["fetched"], fetcher.account["received"]) == (len(corpus.records), 0)
        folders = [tmp_path / name for name in ("one", "two")]
        workers = []
        for folder in folders:
            folder.mkdir()
            workers.append(EngineProcess(folder, "worker", "--once", "--json", "--config", "../engine.toml").start())
        assert [worker.wait(100) for worker in workers] == [0, 0]
    assert mysql_differences(mariadb, "split", corpus) == []
    assert sum(worker.account["received"] for worker in workers) == len(corpus.records)
