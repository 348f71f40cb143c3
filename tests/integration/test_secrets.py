"""Whatever the engine writes, and whatever goes wrong, no configured secret is in it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from attrs import frozen

from tests.collector import Collector, running_collector
from tests.engine_process import EngineProcess, write_config
from tests.faults.scene import Servers
from tests.servers.mariadb import MariaDbServer
from tests.servers.redis import RedisServer

KEY, REDIS_PASSWORD, MYSQL_PASSWORD = "c4nary-api+key/1", "c4nary redis:p@ss/2", "c4nary mysql:p@ss/3"
CANARY = b"c4nary"
"""In each of them, and left as it is by every way of writing them."""
CONFIGURATION = {"engine.toml", "api.key"}
REPOSITORY = Path(__file__).parents[2]


@frozen
class Place:
    """A folder with a configuration full of secrets, and the servers that ask for them."""

    folder: Path
    servers: Servers
    collector: Collector

    def configure(self, *, queue: str = "", database: str = "", key: str = KEY, level: str = "debug") -> None:
        """Write the configuration; a URL that is given replaces the right one."""
        redis_url = f"redis://:{quote(REDIS_PASSWORD, safe='')}@127.0.0.1:{self.servers.redis.port}/0"
        mysql_url = self.servers.mariadb.url("canary", "keeper", quote(MYSQL_PASSWORD, safe=""))
        (self.folder / "api.key").write_text(key + "\n")
        (self.folder / "api.key").chmod(0o600)
        write_config(
            self.folder,
            queue={"url": queue or redis_url},
            database={"url": database or mysql_url},
            log={"level": level, "format": "json"},
            source=[{"name": "one", "url": self.collector.url, "api_key_file": "api.key", "timeout_seconds": 1}],
        )

    def engine(self, *arguments: str, module: str = "engine") -> EngineProcess:
        """An engine in this folder; not started."""
        return EngineProcess(self.folder, *arguments, environ={"PYTHONPATH": str(REPOSITORY)}, module=module)

    def leaks(self) -> list[str]:
        """Every file with a secret in it but those it was given in: output, logs, and what the servers keep."""
        files = [path for path in self.folder.rglob("*") if path.is_file() and path.name not in CONFIGURATION]
        assert files
        return [path.name for path in files if CANARY in path.read_bytes()]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Servers that want a password; each test leaves them running."""
    folders = [tmp_path_factory.mktemp(name) for name in ("redis", "mariadb")]
    with (
        RedisServer(folders[0], {"requirepass": REDIS_PASSWORD}) as redis,
        MariaDbServer(folders[1]) as mariadb,
    ):
        with mariadb.connect() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE USER keeper@'%%' IDENTIFIED BY %s", (MYSQL_PASSWORD,))
            cursor.execute("GRANT ALL ON canary.* TO keeper@'%'")
        yield Servers(redis, mariadb)


@pytest.fixture
def place(servers: Servers, tmp_path: Path) -> Iterator[Place]:
    """A folder, and a collector that wants a key and echoes it."""
    with running_collector(api_key=KEY) as collector:
        collector.add([{"ip": "45.77.0.1", "timestamp": "2025-03-01T00:00:01", "botnet_type": "mirai"}, {"ip": KEY}])
        yield Place(tmp_path, servers, collector)


def test_a_run_shows_no_secret(place: Place) -> None:
    """Every command, at the highest verbosity, with records that echo the key: output and log file show none."""
    place.configure()
    for command in (["check-config"], ["run", "--once", "--json"], ["check"], ["version"], ["init", "other.toml"]):
        with place.engine(*command) as engine:
            assert engine.wait() == 0, engine.errors
    assert "batch written" in (place.folder / "logs" / "log_processor.log").read_text()
    assert place.leaks() == []


def test_servers_that_refuse_or_are_away_show_no_secret(place: Place) -> None:
    """A wrong password, a wrong key, a server that is not there: each is said, without what was wrong."""
    wrong = {
        "queue": f"redis://:c4nary-wrong@127.0.0.1:{place.servers.redis.port}/0",
        "database": place.servers.mariadb.url("canary", "keeper", "c4nary-wrong"),
    }
    for name, url in wrong.items():
        place.configure(**{name: url})
        with place.engine() as engine:
            assert engine.wait() == 78
            assert f"{name}.url" in engine.errors
    place.configure(key="c4nary-wrong")
    with place.engine() as engine:
        engine.wait_for("check api_key")
    place.configure()
    with place.engine() as engine:
        engine.wait_for("running, press")
        place.servers.redis.kill()
        place.servers.mariadb.kill()
        engine.wait_for('"what": "queue"')
    with place.engine() as engine:
        engine.wait_for('"what": "servers"')
    place.servers.redis.start()
    place.servers.mariadb.start()
    assert place.leaks() == []


@pytest.mark.parametrize(
    "url",
    [
        "redis://:c4nary@127.0.0.1:port/0",
        "redis://:c4n@ry c4nary@127.0.0.1/0",
        "redis//:c4nary@127.0.0.1",
        "redis://user:c4nary/x@127.0.0.1#c4nary@[/0",
        "redis://127.0.0.1/0?password=c4nary&nonsense=1",
    ],
)
def test_a_url_that_is_wrong_shows_no_secret(place: Place, url: str) -> None:
    """The message names the setting, and quotes the URL without what may be a password."""
    place.configure(queue=url)
    with place.engine("check-config") as engine:
        code = engine.wait()
    with place.engine("run", "--queue", url) as engine:
        assert engine.wait() == 78
        assert "queue.url" in engine.errors
    assert code in (0, 78)
    assert place.leaks() == []


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_bug_shows_no_secret(place: Place, command: str) -> None:
    """An error that nobody expected ends every command loudly, with its traceback, and masked like any other line."""
    place.configure()
    with place.engine(command, module="tests.faults.leaking") as engine:
        assert engine.wait() == 70
        assert "Traceback" in engine.errors
        assert "RuntimeError: a bug, at mysql://keeper:***@" in engine.errors
    assert place.leaks() == []


def test_secrets_do_not_show_in_the_list_of_processes(place: Place) -> None:
    """The command line of a configured engine, which everybody may read, holds none."""
    place.configure()
    with place.engine() as engine:
        engine.wait_for("running, press")
        assert CANARY not in Path(f"/proc/{engine.pid}/cmdline").read_bytes()


def test_every_way_to_give_a_secret_hides_it(place: Place) -> None:
    """From a file, a variable or an option: what the settings show of themselves has none."""
    place.configure()
    program = (
        "import os; from pathlib import Path; from engine.settings import load; "
        "settings = load({'queue.url_file': 'queue.url'}, os.environ, Path.cwd()); "
        "print(repr(settings), str(settings), settings.sources, settings.queue, settings.database, settings.warnings)"
    )
    (place.folder / "queue.url").write_text(f"redis://:{quote(REDIS_PASSWORD, safe='')}@127.0.0.1/0")
    (place.folder / "engine.toml").write_text(
        '[database]\nurl_env = "CANARY_URL"\n[[source]]\nname = "one"\nurl = "http://127.0.0.1"\n'
        'api_key_env = "CANARY_KEY"\n'
    )
    environ = {"CANARY_URL": f"mysql://keeper:{quote(MYSQL_PASSWORD, safe='')}@h/n", "CANARY_KEY": "c4nary-key"}
    command = [sys.executable, "-c", program]
    shown = subprocess.run(
        command, cwd=place.folder, env={"PYTHONPATH": str(REPOSITORY), **environ}, capture_output=True, check=True
    )
    assert shown.stdout.count(b"***") >= 3
    assert CANARY not in shown.stdout + shown.stderr
