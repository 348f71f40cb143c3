"""The rights that the README names are enough, and little else is possible with them."""

from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from adapters.queues.redis_errors import RIGHTS
from tests.collector import running_collector
from tests.engine_process import EngineProcess, write_config
from tests.faults.scene import Servers, running_servers
from tests.readme import fenced

RECORD = {"ip": "45.77.0.1", "timestamp": "2025-03-01T00:00:01", "botnet_type": "mirai"}


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    """A Redis and a MariaDB with a user `engine` each, who has what the README says."""
    with running_servers(tmp_path) as running:
        with running.mariadb.connect() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE USER 'engine'@'%' IDENTIFIED BY 'password'")
            cursor.execute("CREATE DATABASE botnet")
            cursor.execute(fenced("mysql").rstrip(";"))
        with running.redis.connect() as client:
            client.execute_command(*fenced("redis").split())
        yield running


def configure(folder: Path, servers: Servers, url: str, *, user: str, password: str) -> None:
    """Both servers as the user `engine`, or the database as another."""
    write_config(
        folder,
        worker={"worker_count": 2},
        queue={"url": servers.redis.url.replace("://", "://engine:password@")},
        database={"url": servers.mariadb.url("botnet", user, password)},
        log={"level": "debug"},
        source=[{"name": "one", "url": url, "pull_interval_seconds": 0.1}],
    )


def test_the_message_about_rights_says_what_the_readme_says() -> None:
    """One list of rights, in both places."""
    assert fenced("redis").endswith(RIGHTS)


def test_a_user_without_ddl_runs_once_the_tables_are_there(servers: Servers, tmp_path: Path) -> None:
    """Somebody else makes the tables; then rows, repeats, cleanups and dead letters are written by `engine` alone."""
    with running_collector() as collector:
        collector.add([RECORD])
        configure(tmp_path, servers, collector.url, user="root", password="")
        with EngineProcess(tmp_path, "--once", "--json") as engine:
            assert engine.wait() == 0
        repeat, later = RECORD, RECORD | {"timestamp": "2025-03-02T00:00:01"}
        cleanup = RECORD | {"timestamp": "2025-03-03T00:00:01", "log_type": "cleanup"}
        collector.add([repeat, later, cleanup, {"ip": None}])
        configure(tmp_path, servers, collector.url, user="engine", password="password")
        with EngineProcess(tmp_path, "--once", "--json") as engine:
            assert engine.wait() == 0
            expected = {"received": 4, "written": 2, "duplicates": 1, "rejected": 1, "dead": 1, "confirmed": 4}
            assert expected.items() <= engine.account.items(), engine.errors
        assert "unavailable" not in engine.errors
        assert "refuses" not in engine.errors
        with EngineProcess(tmp_path, "check") as engine:
            assert engine.wait() == 0
        collector.add([RECORD | {"botnet_type": "ramnit"}])
        with EngineProcess(tmp_path) as engine:
            engine.wait_for("GRANT CREATE ON `botnet`")
    with (
        pymysql.connect(
            host="127.0.0.1", port=servers.mariadb.port, user="engine", password="password", database="botnet"
        ) as connection,
        connection.cursor() as cursor,
    ):
        for statement in ("DROP TABLE dead_letters", "ALTER TABLE dead_letters ADD x INT", "CREATE TABLE x (x INT)"):
            with pytest.raises(pymysql.err.OperationalError):
                cursor.execute(statement)
