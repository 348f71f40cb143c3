"""The rights that the README names are enough, and little else is possible with them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pymysql
import pytest

from adapters.queues.redis_errors import RIGHTS
from tests.collector import Collector, running_collector
from tests.engine_process import EngineProcess, write_config
from tests.faults.scene import Servers, running_servers
from tests.integration.places import Ended, run_command
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


def configure(folder: Path, servers: Servers, url: str, *, user: str, password: str, **more: dict[str, object]) -> None:
    """Both servers as the user `engine`, or the database as another."""
    write_config(
        folder,
        **more,
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


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector with one record, that wants a key."""
    with running_collector(api_key="secret") as running:
        running.add([RECORD])
        yield running


@pytest.fixture
def connect(servers: Servers, collector: Collector, tmp_path: Path) -> Callable[..., Ended]:
    """`check-config --connect` as the user `engine`, after a run of somebody who made the tables."""
    key = {"ENGINE_SOURCE_ONE__API_KEY": "secret"}
    configure(tmp_path, servers, collector.url, user="root", password="")
    with EngineProcess(tmp_path, "--once", environ=key) as engine:
        assert engine.wait() == 0
    more: dict[str, dict[str, object]] = {"acceptance": {"botnet_types": ["mirai"]}}
    configure(tmp_path, servers, collector.url, user="engine", password="password", **more)
    return lambda *arguments, **environ: run_command(
        tmp_path, "check-config", "--connect", *arguments, environ=key | environ
    )


def test_connect_finds_that_the_rights_of_the_readme_are_enough(
    connect: Callable[..., Ended], servers: Servers, collector: Collector, tmp_path: Path
) -> None:
    """Everything is good, exit code 0, and nothing has changed: no key in Redis, no record taken from the collector."""
    with servers.redis.connect() as client:
        before = {key: client.dump(key) for key in client.scan_iter()}
    records = collector.spool.stats()
    ended = connect()
    assert (ended.code, ended.errors) == (0, "")
    assert {line for line in ended.output.splitlines() if "warning" not in line and ": good" in line} == {
        "queue: good", "database: good", "look-up: good", "log file: good", "source one: good"
    }  # fmt: skip
    assert ended.output.endswith("configuration is good\n")
    with servers.redis.connect() as client:
        assert {key: client.dump(key) for key in client.scan_iter()} == before
    assert collector.spool.stats() == records
    configure(tmp_path, servers, collector.url, user="engine", password="password")
    later = connect()
    assert later.code == 0
    assert "will wait for: GRANT CREATE ON `botnet`.* TO 'engine'@'%';" in later.output


@pytest.mark.parametrize("right", ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE"])
def test_connect_names_the_missing_right_of_mysql(connect: Callable[..., Ended], servers: Servers, right: str) -> None:
    """One line with the GRANT, and exit code 78; it is the line that mends it."""
    types = ["--set", "acceptance.botnet_types=mirai,ramnit"] if right == "CREATE" else []
    with servers.mariadb.connect() as connection, connection.cursor() as cursor:
        if right != "CREATE":
            cursor.execute(f"REVOKE {right} ON botnet.* FROM 'engine'@'%'")
        ended = connect(*types)
        grant = f"GRANT {right} ON `botnet`.* TO 'engine'@'%';"
        assert ended.code == 78, ended.output
        assert f"database: wrong: database.url: the MySQL user lacks a right: {grant}" in ended.output
        cursor.execute(grant.rstrip(";"))
    assert connect(*types).code == 0


@pytest.mark.parametrize(
    "right", ["+xadd", "+hset", "+hkeys", "+evalsha", "+zrevrangebyscore", "+xgroup", "~{botnet:*}*"]
)
def test_connect_names_the_missing_right_of_redis(connect: Callable[..., Ended], servers: Servers, right: str) -> None:
    """One line with the ACL, and exit code 78; it is the line that mends it."""
    with servers.redis.connect() as client:
        lacking = ["resetkeys"] if right[0] == "~" else [right.replace("+", "-")]
        client.execute_command("ACL", "SETUSER", "engine", *lacking)
        ended = connect()
        assert ended.code == 78, ended.output
        assert f"queue: wrong: queue.url: the Redis user lacks a right: ACL SETUSER engine {right}\n" in ended.output
        client.execute_command("ACL", "SETUSER", "engine", right)
    assert connect().code == 0


def test_connect_tells_who_is_away_from_what_is_wrong(
    connect: Callable[..., Ended], servers: Servers, collector: Collector
) -> None:
    """69 where a server or a collector cannot be reached, 78 where a login or a key is refused; all are tried."""
    away = connect("--set", "queue.url=redis://127.0.0.1:1/0", ENGINE_SOURCE_ONE__URL="http://127.0.0.1:1")
    assert away.code == 69
    assert "queue: unavailable" in away.output
    assert "source one: unavailable" in away.output
    assert "database: good" in away.output
    key = connect(ENGINE_SOURCE_ONE__API_KEY="wrong")
    assert key.code == 78
    assert "source one: wrong: collector one at" in key.output
    assert "check api_key" in key.output
    logins = connect(
        "--set", f"queue.url={servers.redis.url.replace('://', '://engine:wrong@')}",
        "--database", servers.mariadb.url("botnet", "engine", "wrong"),
    )  # fmt: skip
    assert logins.code == 78
    assert "queue: wrong: queue.url: Redis refuses this user" in logins.output
    assert "database: wrong: database.url: MySQL at" in logins.output
    assert "wrong@" not in logins.output
    missing = connect("--set", "enrichment.mmdb=engine.toml")
    assert missing.code == 78
    assert "look-up: wrong: enrichment.mmdb" in missing.output


def test_connect_finds_a_database_number_that_redis_does_not_have(
    connect: Callable[..., Ended], servers: Servers
) -> None:
    """It is no good queue: 78, as at a start."""
    ended = connect(
        "--set", f"queue.url={servers.redis.url.replace('://', '://engine:password@').replace('/0', '/99')}"
    )
    assert ended.code == 78
    assert "queue: wrong: queue.url: Redis refuses: DB index is out of range" in ended.output


@pytest.mark.parametrize(
    ("setting", "wrong"),
    [
        ("log.file=engine.toml/x.log", "log file: wrong: log.file = 'engine.toml/x.log': cannot be written: Not a dir"),
        ("log.file=.", "log file: wrong: log.file = '.': cannot be written: Is a directory"),
        ("lookup.folder=engine.toml", "look-up: wrong: lookup.folder = 'engine.toml': cannot be read: Not a directory"),
    ],
)
def test_connect_tries_files_without_making_them(
    connect: Callable[..., Ended], tmp_path: Path, setting: str, wrong: str
) -> None:
    """What a start could not write or read is found; what it could is not made, for another user may run the engine."""
    fine = connect("--set", "log.file=later/x.log")
    assert fine.code == 0
    assert "log file: good" in fine.output
    assert not (tmp_path / "later").exists()
    ended = connect("--set", setting)
    assert ended.code == 78
    assert wrong in ended.output
