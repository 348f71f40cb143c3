"""The README as a new user types it: what other tests of its commands and configurations leave out."""

import shlex
import signal
from collections.abc import Sequence
from pathlib import Path

from tests.collector import running_collector
from tests.engine_process import EngineProcess
from tests.integration.places import Place, SqlitePlace, configure, run_command, typed
from tests.readme import fenced
from tests.servers.mariadb import MariaDbServer
from tests.servers.redis import RedisServer

RECORD = {"ip": "8.8.8.8", "timestamp": "2026-11-20T00:00:01", "botnet_type": "mirai", "log_type": "online"}


def commands(marker: str, program: str = "python") -> list[list[str]]:
    """What follows `python -m engine` in each line behind a marker."""
    lines = [shlex.split(line, comments=True) for line in fenced(marker).splitlines()]
    assert all(line[:3] == [program, "-m", "engine"] for line in lines)
    return [line[3:] for line in lines]


def put(file: Path, *changes: tuple[str, str]) -> None:
    """Change a configuration as with an editor."""
    text = file.read_text()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file.write_text(text)


def test_a_real_collector(tmp_path: Path) -> None:
    """The file that is written takes URL and key, passes the check, and runs until Ctrl+C."""
    init, check, run = commands("collector", ".venv/bin/python")
    with running_collector(api_key="akey") as collector:
        collector.add([RECORD])
        assert run_command(tmp_path, *init).code == 0
        url, key = f'url = "{collector.url}"', 'api_key = "akey"'
        put(tmp_path / "engine.toml", ('url = "http://127.0.0.1:8888"', url), ('#api_key = "secret"', key))
        checked = run_command(tmp_path, *check)
        assert (checked.code, checked.errors) == (0, "")
        with EngineProcess(tmp_path, *run) as engine:
            engine.wait_for("batch written")
            engine.send(signal.SIGINT)
            assert engine.wait() == 0
    assert SqlitePlace(tmp_path).rows("SELECT ip FROM botnet_communications_mirai") == [("8.8.8.8",)]


def test_the_production_set_up(tmp_path: Path, servers: tuple[RedisServer, MariaDbServer]) -> None:
    """It tries its servers with success, and its rows are where it says, in the zone of its collector."""
    redis, mariadb = servers
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE USER user@'%' IDENTIFIED BY 'password'")
        cursor.execute("GRANT ALL ON botnet.* TO user@'%'")
    file = tmp_path / "engine.toml"
    file.write_text(fenced("production") + "\n")
    with running_collector(api_key="secret") as collector:
        collector.add([RECORD])
        put(
            file,
            ("redis://127.0.0.1:6379/0", redis.url),
            ("127.0.0.1:3306", f"127.0.0.1:{mariadb.port}"),
            ("http://127.0.0.1:8888", collector.url),
        )
        checked = run_command(tmp_path, "check-config", "--connect")
        assert checked.code == 0, checked.output + checked.errors
        ended = run_command(tmp_path, "--once")
        assert ended.code == 0, ended.errors
    with mariadb.connect("botnet") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT ip, communication_time FROM botnet_communications_mirai")
        assert [(ip, str(at)) for ip, at in cursor.fetchall()] == [("8.8.8.8", "2026-11-19 16:00:01")]


def test_the_commands_about_dead_letters(place: Place) -> None:
    """They find the letters, try them, mend one, and give two up."""
    refused = [{**RECORD, "ip": f"10.0.0.{number}", "botnet_type": "ramnit"} for number in range(1, 20)]
    with running_collector() as collector:
        configure(place, collector.url)
        collector.add(refused)
        assert typed(place, "--once").code == 0
    listing, trying, mending, dropping = commands("letters")
    assert ids(place, listing) == list(range(1, 20))
    tried = typed(place, *trying)
    assert tried.code == 1, "they are as private as before"
    mended = typed(place, *mending)
    assert mended.code == 0, mended.errors
    assert place.rows("SELECT ip FROM botnet_communications_ramnit") == [("8.8.8.8",)]
    assert typed(place, *dropping).code == 0
    assert ids(place, listing) == list(range(1, 17))


def ids(place: Place, listing: Sequence[str]) -> list[int]:
    """The letters that a listing names."""
    ended = typed(place, *listing)
    assert ended.code == 0, ended.errors
    words = [line.split()[0] for line in ended.output.splitlines() if line.strip()]
    return [int(word) for word in words if word.isdigit()]
