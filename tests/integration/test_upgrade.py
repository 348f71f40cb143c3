"""`upgrade-schema` as a user types it: it shows, asks, carries out, and goes on after whatever interrupted it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.collector import running_collector
from tests.engine_process import EngineProcess
from tests.integration.places import COMMAND_SECONDS, Ended, ServerPlace, SqlitePlace, configure, typed
from tests.integration.test_schema import arguments_of
from tests.old_tables import content, fill
from tests.readme import fenced
from tests.servers.mariadb import MariaDbServer
from tests.servers.redis import RedisServer
from tests.terminal import Terminal

KIND = "mirai"
NOTHING = "nothing to upgrade"


@pytest.fixture
def mariadb(tmp_path: Path) -> Iterator[MariaDbServer]:
    """A server that the test may kill."""
    folder = tmp_path / "mariadb"
    folder.mkdir()
    with MariaDbServer(folder) as server:
        yield server


@pytest.fixture
def place(tmp_path: Path, mariadb: MariaDbServer, servers: tuple[RedisServer, MariaDbServer]) -> ServerPlace:
    """A folder, a queue, and a database with the tables of an old installation."""
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE old CHARACTER SET latin1")
    made = ServerPlace(tmp_path, servers[0], mariadb, "old")
    made.empty_queue()
    configure(made)
    fill(made.rows, KIND, 200)
    return made


def upgrade(place: ServerPlace, *arguments: str) -> Ended:
    """Type the command where nobody can answer."""
    return typed(place, *arguments_of(fenced("upgrade").splitlines()[0]), *arguments)


def answered(place: ServerPlace, answer: bytes) -> Ended:
    """Type the command at a terminal, and answer its question."""
    ours, theirs = os.openpty()
    with os.fdopen(ours, "wb", buffering=0) as terminal, os.fdopen(theirs, "rb") as stdin:
        terminal.write(answer)
        ended = subprocess.run(
            [sys.executable, "-m", "engine", "upgrade-schema"],
            cwd=place.folder, stdin=stdin, capture_output=True, timeout=COMMAND_SECONDS, check=False,
        )  # fmt: skip
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def layouts(place: ServerPlace) -> list[object]:
    """Both tables as the server shows them."""
    return [place.rows(f"SHOW CREATE TABLE botnet_{name}_{KIND}")[0][1] for name in ("nodes", "communications")]


def test_the_lines_of_the_readme(place: ServerPlace) -> None:
    """The first shows and, with nobody to ask, changes nothing; the second does it; again, there is nothing to do."""
    before, layout = content(place.rows, KIND), layouts(place)
    shows, does = map(arguments_of, fenced("upgrade").splitlines())
    shown = typed(place, *shows)
    assert shown.code == 2
    assert "nothing was changed" in shown.errors
    assert re.search(rf"botnet_nodes_{KIND}: about [1-9][0-9]* rows, [0-9]+ MiB; is rewritten", shown.output)
    assert "writes wait meanwhile: less than a minute" in shown.output
    assert "MODIFY ip VARCHAR(45)" in shown.output
    assert "engine_ledger: is made" in shown.output
    assert layouts(place) == layout
    assert place.rows("SHOW TABLES LIKE 'engine%'") == []
    done = typed(place, *does)
    assert done.code == 0, done.errors
    assert done.output.splitlines()[-1] == "all tables are as this engine makes them"
    assert content(place.rows, KIND) == before
    assert layouts(place) != layout
    again = typed(place, *does)
    assert again.code == 0
    assert NOTHING in again.output


def test_how_far_it_is_on_a_terminal(place: ServerPlace) -> None:
    """Share and time left while a table is copied, which a costly constraint makes slow; at the end that it is done."""
    with closing(place.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SET check_constraint_checks = 0")
        slow = "CHECK (LENGTH(SHA2(REPEAT(ip, 400000), 512)) = 128)"
        cursor.execute(f"ALTER TABLE botnet_communications_{KIND} ADD CONSTRAINT slow {slow}")
    with closing(Terminal(place.folder, {}, "upgrade-schema", "--yes")) as terminal:
        assert terminal.end() == 0
    assert re.search(rf"botnet_communications_{KIND}.* stage 1 of 2: [1-9][0-9]?%, [0-9]+ s left", terminal.drawn)
    assert "all tables are as this engine makes them" in terminal.drawn


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 1), (b"\n", 1), (b"y\n", 0)])
def test_it_asks_at_a_terminal(place: ServerPlace, answer: bytes, code: int) -> None:
    """Only a yes goes on."""
    layout = layouts(place)
    ended = answered(place, answer)
    assert ended.code == code, ended.errors
    assert (layouts(place) == layout) == (code == 1)
    assert ("nothing was changed" in ended.output) == (code == 1)


def test_rows_that_are_alike_are_shown(place: ServerPlace) -> None:
    """A configuration error, with the query that shows them in a line of its own."""
    place.rows(f"ALTER TABLE botnet_communications_{KIND} DROP KEY idx_unique_communication")
    place.rows(f"UPDATE botnet_communications_{KIND} SET communication_time = '2025-01-01 00:00:00' WHERE node_id = 7")
    ended = upgrade(place, "--yes")
    assert ended.code == 78
    assert [row[2] for row in place.rows(ended.errors.splitlines()[-1])] == [5]


def test_the_rights_of_the_readme_are_enough(place: ServerPlace, mariadb: MariaDbServer) -> None:
    """And the rights of a running engine are not: the missing one is named."""
    place.rows("CREATE USER engine@'%' IDENTIFIED BY 'password'")
    place.rows(fenced("mysql").replace("botnet.*", "old.*"))
    url = ("--database", mariadb.url("old", "engine", "password"))
    refused = upgrade(place, "--yes", *url)
    assert refused.code == 69
    assert "GRANT" in refused.errors
    place.rows(fenced("upgrade-rights").replace("botnet.*", "old.*"))
    assert upgrade(place, "--yes", *url).code == 0
    assert NOTHING in upgrade(place, *url).output


def test_a_sqlite_file_is_never_old(tmp_path: Path) -> None:
    """There is nothing to do, and it says so."""
    place = SqlitePlace(tmp_path)
    configure(place)
    ended = typed(place, "upgrade-schema")
    assert (ended.code, NOTHING in ended.output) == (0, True)


def test_killed_in_the_middle_it_goes_on(place: ServerPlace) -> None:
    """A kill -9 of the command while a statement waits: the next one finds what is left, and does it."""
    before = content(place.rows, KIND)
    with closing(place.connect()) as reader, reader.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(f"SELECT * FROM botnet_communications_{KIND} LIMIT 1")
        with EngineProcess(place.folder, "upgrade-schema", "--yes") as engine:
            until(lambda: state_of_alter(place, f"%communications_{KIND}%") == "Waiting for table metadata lock")
            engine.kill()
        assert "varchar(45)" in str(layouts(place)[0])
        assert "varchar(15)" in str(layouts(place)[1])
    until(lambda: state_of_alter(place, "%") is None)
    ended = upgrade(place, "--yes")
    assert ended.code == 0, ended.errors
    assert f"botnet_nodes_{KIND}" not in ended.output
    assert content(place.rows, KIND) == before
    assert NOTHING in upgrade(place).output


def test_the_server_killed_in_the_middle(place: ServerPlace, mariadb: MariaDbServer) -> None:
    """A kill -9 of MariaDB while it copies a table: all rows are there afterwards, and the next upgrade does it."""
    fill(place.rows, "ramnit", 30_000)
    before = content(place.rows, "ramnit")
    with EngineProcess(place.folder, "upgrade-schema", "--yes") as engine:
        until(lambda: state_of_alter(place, "%communications_ramnit%") == "copy to tmp table")
        mariadb.restart()
        assert engine.wait() == 69
    assert content(place.rows, "ramnit") == before
    assert upgrade(place, "--yes").code == 0
    assert content(place.rows, "ramnit") == before
    assert NOTHING in upgrade(place).output


def record(ip: str, second: int) -> dict[str, object]:
    """A record whose event type is longer than old tables have room for."""
    moment = f"2026-11-20T00:00:0{second}"
    return {"ip": ip, "timestamp": moment, "botnet_type": KIND, "log_type": "online", "event_type": "e" * 60}


def test_old_tables_from_narrow_to_wide(place: ServerPlace) -> None:
    """A text is cut, counted and said, an address becomes a dead letter; afterwards both fit, and all is even."""
    wide = "2a00:1450:4001:800::200e"
    lengths = (
        f"SELECT LENGTH(event_type) FROM botnet_communications_{KIND} WHERE ip IN ('8.8.8.8', '{wide}') ORDER BY id"
    )
    with running_collector() as collector:
        collector.add([record(wide, 1), record("8.8.8.8", 1)])
        configure(place, collector.url)
        run = typed(place, "run", "--once")
        assert run.code == 0
        assert "texts were cut to fit old tables" in run.errors
        assert "event_type=1" in run.errors
        assert place.rows(lengths) == [(50,)]
        ((reason,),) = place.rows("SELECT reason FROM dead_letters")
        assert "python -m engine upgrade-schema" in str(reason)
        assert upgrade(place, "--yes").code == 0
        assert typed(place, "dead-letters", "retry", "1").code == 0
        collector.add([record(wide, 2)])
        run = typed(place, "run", "--once")
        assert "cut" not in run.errors
        assert typed(place, "audit").code == 0
    assert place.rows(lengths) == [(50,), (60,), (60,)]
    assert place.rows(f"SELECT communication_count FROM botnet_nodes_{KIND} WHERE ip = '{wide}'") == [(2,)]


def test_a_running_engine_goes_on(place: ServerPlace) -> None:
    """Two real processes: the engine writes before, during and after the upgrade, and every record is there once."""
    fill(place.rows, "ramnit", 20_000)
    ramnit = "FROM botnet_communications_ramnit WHERE ip LIKE '9.%'"
    with running_collector() as collector:
        configure(place, collector.url)
        with EngineProcess(place.folder) as engine:
            collector.add([record(f"9.0.{n // 250}.{n % 250}", 1) | {"botnet_type": "ramnit"} for n in range(3_000)])
            until(lambda: place.rows(f"SELECT COUNT(*) {ramnit}") != [(0,)])
            done = upgrade(place, "--yes")
            assert done.code == 0, done.errors
            assert "botnet_communications_ramnit" in done.output
            collector.add([record(f"9.1.{n // 250}.{n % 250}", 1) | {"botnet_type": "ramnit"} for n in range(3_000)])
            until(lambda: place.rows(f"SELECT COUNT(*) {ramnit}") == [(6_000,)])
            engine.send(signal.SIGTERM)
            assert engine.wait() == 0
        assert typed(place, "audit").code == 0
    assert place.rows("SELECT COUNT(*) FROM dead_letters") == [(0,)]
    assert place.rows(f"SELECT COUNT(DISTINCT ip) {ramnit}") == [(6_000,)]


def state_of_alter(place: ServerPlace, pattern: str) -> object:
    """What an ALTER TABLE that runs in the server is doing; None where there is none."""
    rows = place.rows(
        "SELECT STATE FROM information_schema.PROCESSLIST "
        f"WHERE INFO LIKE 'ALTER TABLE%' AND INFO LIKE '{pattern}' AND DB = 'old'"
    )
    return rows[0][0] if rows else None


def until(is_so: Callable[[], bool]) -> None:
    """Look until it is so; the test's own time limit ends it."""
    while not is_so():
        pass
