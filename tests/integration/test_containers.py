"""What the container files configure, tried on real servers and a real engine; the images themselves are not built."""

import json
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis import Redis

from engine.cli import cli
from tests.collector import Collector, running_collector
from tests.engine_process import EngineProcess
from tests.integration.places import run_command
from tests.readme import README
from tests.servers.mariadb import MariaDbServer
from tests.servers.redis import RedisServer

ROOT = README.parent
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()
COMPOSE: Mapping[str, Any] = yaml.safe_load((ROOT / "deploy/compose/compose.yaml").read_text())
FILLED_IN = {"REDIS_PASSWORD": "canary1", "DATABASE_PASSWORD": "canary2", "COLLECTOR_KEY": "canary3"}
RECORD = {"ip": "45.77.0.1", "timestamp": "2025-03-01T00:00:01", "botnet_type": "mirai"}
TOO_LARGE = ("innodb-buffer-pool-size", "innodb-log-file-size")
"""Of the database's options those that only say how large the machine is."""


def filled_in(text: str) -> str:
    """A text of compose.yaml with the variables of .env in it."""
    return re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: FILLED_IN[found[1]], text)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """The Redis of compose.yaml."""
    (tmp_path / "redis").mkdir()
    text = filled_in(COMPOSE["configs"]["redis.conf"]["content"])
    (tmp_path / "redis.conf").write_text(text.replace("dir /data", f"dir {tmp_path / 'redis'}"))
    with RedisServer(tmp_path / "redis", {"include": str(tmp_path / "redis.conf")}) as server:
        yield server


@pytest.fixture
def mariadb(tmp_path: Path) -> Iterator[MariaDbServer]:
    """The MariaDB of compose.yaml, with its user."""
    (tmp_path / "mariadb").mkdir()
    options = dict(
        option.removeprefix("--").split("=") for option in COMPOSE["services"]["database"]["command"] if "=" in option
    )
    kept = {name: value for name, value in options.items() if name not in TOO_LARGE}
    with MariaDbServer(tmp_path / "mariadb", kept) as server:
        with closing(server.connect()) as connection, connection.cursor() as cursor:
            for statement in filled_in(COMPOSE["configs"]["user.sql"]["content"]).strip().split(";\n"):
                cursor.execute(statement.rstrip(";"))
        yield server


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector with records of three types, that wants the key of .env."""
    with running_collector(api_key=FILLED_IN["COLLECTOR_KEY"]) as running:
        running.add([RECORD, RECORD | {"botnet_type": "ramnit"}, RECORD | {"botnet_type": "emotet_2"}])
        yield running


def environ_of(service: str, redis: RedisServer, mariadb: MariaDbServer) -> dict[str, str]:
    """The environment of a service, with our servers in the place of its."""
    given = {key: filled_in(value) for key, value in COMPOSE["services"][service]["environment"].items()}
    given["ENGINE_QUEUE__URL"] = given["ENGINE_QUEUE__URL"].replace("redis:6379", f"127.0.0.1:{redis.port}")
    given["ENGINE_DATABASE__URL"] = given["ENGINE_DATABASE__URL"].replace("database:3306", f"127.0.0.1:{mariadb.port}")
    return given | {"ENGINE_CONFIG": "engine.toml", "ENGINE_LOG__FILE": ""}


def test_compose_configures_servers_that_are_enough_and_forget_nothing(
    tmp_path: Path, redis: RedisServer, mariadb: MariaDbServer, collector: Collector
) -> None:
    """The engine has every right it needs and gives no warning; rows arrive, and the lag is what KEDA asks for."""
    config = (ROOT / "deploy/compose/engine.toml").read_text()
    (tmp_path / "engine.toml").write_text(config.replace("http://collector.example:8888", collector.url))
    environ = environ_of("engine", redis, mariadb)
    assert environ_of("worker", redis, mariadb) == environ
    checked = run_command(tmp_path, "check-config", "--connect", environ=environ)
    assert (checked.code, checked.errors) == (0, "")
    assert "warning" not in checked.output
    (scaler,) = triggers()
    with EngineProcess(tmp_path, "fetch", "--once", environ=environ) as fetcher:
        assert fetcher.wait() == 0, fetcher.errors
    assert lag_of(redis, scaler) == 3
    with EngineProcess(tmp_path, "worker", "--once", "--json", environ=environ) as worker:
        assert worker.wait() == 0, worker.errors
        assert worker.account["written"] == 3
    assert lag_of(redis, scaler) == 0


def triggers() -> list[dict[str, str]]:
    """What KEDA is told to look at."""
    resources = yaml.safe_load_all((ROOT / "deploy/kubernetes/workers.yaml").read_text())
    scaled = next(resource for resource in resources if resource["kind"] == "ScaledObject")
    assert [trigger["type"] for trigger in scaled["spec"]["triggers"]] == ["redis-streams"]
    return [trigger["metadata"] for trigger in scaled["spec"]["triggers"]]


def lag_of(server: RedisServer, scaler: dict[str, str]) -> int:
    """The lag of the consumer group, as the user `engine` may ask for it."""
    with Redis(port=server.port, username="engine", password=FILLED_IN["REDIS_PASSWORD"], protocol=2) as client:
        groups = client.xinfo_groups(scaler["stream"])
    (lag,) = [group["lag"] for group in groups if group["name"].decode() == scaler["consumerGroup"]]
    return int(lag)


def test_the_scaler_is_given_what_it_knows() -> None:
    """Every parameter is one of KEDA's for the lag of a Redis stream, and texts, as it wants them."""
    (scaler,) = triggers()
    assert scaler.keys() == {"address", "databaseIndex", "stream", "consumerGroup", "lagCount", "activationLagCount"}
    assert all(isinstance(value, str) for value in scaler.values())


def test_kubernetes_configures_an_engine(tmp_path: Path) -> None:
    """The ConfigMap and the variables of each pod are a good configuration, for the command that it runs."""
    resources = [
        resource
        for name in ("engine", "workers")
        for resource in yaml.safe_load_all((ROOT / f"deploy/kubernetes/{name}.yaml").read_text())
    ]
    (config,) = [resource["data"]["engine.toml"] for resource in resources if resource["kind"] == "ConfigMap"]
    (tmp_path / "engine.toml").write_text(config)
    secrets = {"queue-url": "redis://redis:6379/0", "database-url": "mysql://u:p@db/botnet", "collector-key": "k"}
    pods = [resource["spec"]["template"]["spec"] for resource in resources if resource["kind"] == "Deployment"]
    assert len(pods) == 2
    for pod in pods:
        (container,) = pod["containers"]
        given = {
            each["name"]: each["valueFrom"]["secretKeyRef"]["key"] for each in container["env"] if "valueFrom" in each
        }
        environ = {name: secrets[key] for name, key in given.items()} | {"ENGINE_CONFIG": "engine.toml"}
        assert container["args"][0] in cli.commands
        assert run_command(tmp_path, "check-config", environ=environ).output.endswith("configuration is good\n")
        assert pod["terminationGracePeriodSeconds"] == 20
        assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, 10001)


def instruction(name: str) -> list[str]:
    """What stands behind each instruction of this name in the last stage of the Dockerfile."""
    text = DOCKERFILE.replace("\\\n", " ").rpartition("\nFROM ")[2]
    return re.findall(rf"^{name}\s+(.*)$", text, re.MULTILINE)


def test_the_image_runs_the_engine_as_nobody_special() -> None:
    """A command that exists, a user without rights that the manifests know too, and only files that are there."""
    (entry,), (command,), (user,) = map(instruction, ("ENTRYPOINT", "CMD", "USER"))
    assert json.loads(entry)[1:] == ["-m", "engine"]
    assert json.loads(command)[0] in cli.commands
    assert user == "10001:10001"
    copied = [shlex.split(line)[:-1] for line in re.findall(r"^COPY ([^-].*)$", DOCKERFILE, re.MULTILINE)]
    ignored = (ROOT / ".dockerignore").read_text()
    for name in (name for names in copied for name in names):
        assert (ROOT / name).exists()
        assert f"!{name}\n" in ignored


@contextmanager
def answering(code: int) -> Iterator[int]:
    """An HTTP server that answers everything with a code; its port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("code", "is_well"), [(200, True), (503, False)])
def test_the_health_check_asks_whether_the_engine_is_ready(code: int, *, is_well: bool) -> None:
    """Its exit code tells a 200 from a 503; the probes of Kubernetes are the same line."""
    (check,) = instruction("HEALTHCHECK")
    python, option, line = json.loads(check.partition("CMD")[2])
    assert line in (ROOT / "deploy/kubernetes/engine.yaml").read_text()
    assert (Path(python).name, option) == ("python", "-c")
    with answering(code) as port:
        ended = subprocess.run(
            [sys.executable, "-c", line.replace("8787", str(port))], capture_output=True, check=False
        )
    assert (ended.returncode == 0) is is_well
