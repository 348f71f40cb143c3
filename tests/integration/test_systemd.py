"""What a service manager is told by a really running engine, over a real notify socket."""

import itertools
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from itertools import pairwise
from pathlib import Path

import pytest

from tests.collector import Collector, running_collector
from tests.collector.records import seeded_records
from tests.engine_process import EngineProcess, write_config
from tests.faults.scene import Servers, running_servers
from tests.notify_socket import NotifySocket, Told, notify_socket
from tests.readme import README
from tests.servers.ports import free_port
from tests.status_page import WITH_PAGE, page_of

WATCHDOG_SECONDS = 1.0

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A Redis and a MariaDB."""
    with running_servers(tmp_path_factory.mktemp("servers")) as running:
        yield running


@pytest.fixture
def collector() -> Iterator[Collector]:
    """An empty collector."""
    with running_collector() as running:
        yield running


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[NotifySocket]:
    """A service manager with a watchdog."""
    with notify_socket(tmp_path, WATCHDOG_SECONDS) as listening:
        yield listening


@pytest.fixture
def folder(tmp_path: Path, servers: Servers, collector: Collector) -> Path:
    """An engine's folder, with a configuration over the servers."""
    name = f"systemd{next(_numbers)}"
    write_config(
        tmp_path,
        engine={"shutdown_grace_seconds": 2},
        worker={"worker_count": 2},
        queue={"url": servers.redis.url, "name": name},
        database={"url": servers.mariadb.url(name)},
        log={"file": "", "level": "debug"},
        source=[{"name": "one", "url": collector.url, "pull_interval_seconds": 0.1}],
    )
    return tmp_path


def is_ready(told: Told) -> bool:
    """READY=1."""
    return told.get("READY") == "1"


def is_ping(told: Told) -> bool:
    """WATCHDOG=1."""
    return told.get("WATCHDOG") == "1"


def has_rate(told: Told) -> bool:
    """STATUS with a rate."""
    return "records/s" in told.get("STATUS", "")


@pytest.mark.parametrize("away", ["redis", "mariadb"])
def test_ready_is_told_once_the_stores_have_answered(
    away: str, folder: Path, servers: Servers, manager: NotifySocket
) -> None:
    """Started while one of them is away, the engine says that it waits, and is ready only when it is there."""
    server = getattr(servers, away)
    server.stop()
    try:
        with EngineProcess(folder, environ=manager.environ) as engine:
            engine.wait_for("unavailable, waiting")
            assert manager.told == [{"STATUS": "waiting for queue and database"}]
            server.start()
            ready = manager.wait_for(is_ready)
            assert ready == 1
            engine.wait_for("running, press")
    finally:
        server.kill()
        server.start()


def test_the_status_tells_the_rate_and_a_stop_is_told(
    folder: Path, manager: NotifySocket, collector: Collector
) -> None:
    """Every few seconds a new line with what has come in; STOPPING at SIGTERM, and never READY after it."""
    with EngineProcess(folder, environ=manager.environ) as engine:
        collector.add(seeded_records(500))
        first = manager.wait_for(lambda told: "500 received" in told.get("STATUS", ""))
        collector.add(seeded_records(500, seed=2))
        second = manager.wait_for(lambda told: "1,000 received" in told.get("STATUS", ""), after=first)
        rates = [told["STATUS"] for told in manager.told[first : second + 1] if has_rate(told)]
        assert rates[0] != rates[-1]
        engine.send(signal.SIGTERM)
        assert engine.wait(3) == 0
    stopping = manager.wait_for(lambda told: told.get("STOPPING") == "1")
    assert not list(filter(is_ready, manager.told[stopping:]))


def test_a_reload_is_told_from_its_beginning_to_its_end(folder: Path, manager: NotifySocket) -> None:
    """RELOADING with the moment, then READY; also where the configuration is refused."""
    with EngineProcess(folder, environ=manager.environ) as engine:
        ready = manager.wait_for(is_ready)
        for word in ("read again", "refused"):
            before = time.monotonic_ns() // 1000
            engine.send(signal.SIGHUP)
            reloading = manager.wait_for(lambda told: told.get("RELOADING") == "1", after=ready + 1)
            ready = manager.wait_for(is_ready, after=reloading + 1)
            assert before <= int(manager.told[reloading]["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
            assert word in manager.told[ready]["STATUS"]
            with (folder / "engine.toml").open("a") as config:
                config.write("nonsense = 1\n")


def test_a_manager_that_did_not_hear_it_is_told_again(folder: Path) -> None:
    """Its socket is full while the engine starts and reloads; once it reads again it learns that all is ready."""
    path = str(folder / "notify")
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as receiver:
        receiver.bind(path)
        fill(path)
        with EngineProcess(folder, environ={"NOTIFY_SOCKET": path}) as engine:
            engine.wait_for("running, press")
            engine.send(signal.SIGHUP)
            engine.wait_for("configuration applied")
            engine.send(signal.SIGHUP)
            engine.wait_for("(?s)reading the configuration again.*reading the configuration again")
            receiver.settimeout(20)
            heard = [b"x"]
            while heard[-1] == b"x" or b"READY=1" not in heard[-1]:
                heard.append(receiver.recv(65_536))
            while b"records/s" not in heard[-1]:
                heard.append(receiver.recv(65_536))
            assert heard[-1].startswith(b"READY=1\n")


def fill(path: str) -> None:
    """Send to a socket until it takes no more."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as filler, suppress(BlockingIOError):
        filler.settimeout(0)
        filler.connect(path)
        while True:
            filler.send(b"x")


def test_a_hung_database_silences_the_watchdog(
    folder: Path, servers: Servers, manager: NotifySocket, collector: Collector
) -> None:
    """There are pings while nothing is to be done and while work is done, none while it waits, and then some again."""
    with EngineProcess(folder, environ=manager.environ) as engine:
        idle = manager.wait_for(is_ping, after=manager.wait_for(is_ready))
        collector.add(seeded_records(100))
        engine.wait_for("batch written")
        busy = manager.wait_for(is_ping, after=idle + 1)
        servers.mariadb.pause()
        try:
            said = len(engine.errors)
            collector.add(seeded_records(100, seed=2))
            engine.wait_for("fetched", after=said)
            # What was in hand, and when, at the ping before: one more may come, if this one was.
            silent = manager.wait_for(has_rate, after=manager.wait_for(has_rate, after=busy) + 1)
            later = manager.wait_for(has_rate, after=silent + 1)
            assert not [told for told in manager.told[silent:later] if is_ping(told)]
        finally:
            servers.mariadb.resume()
        manager.wait_for(is_ping, after=later)


def test_workers_of_the_instance_unit_do_not_get_into_each_others_way(folder: Path, collector: Collector) -> None:
    """Beside an engine, on its stores: each has a name, a log file and a status page of its own, and all work."""
    unit = (README.parent / "deploy/botnet-engine-worker@.service").read_text().replace("\\\n", "")
    (command,) = re.findall(r"^ExecStart=\S+ -m engine (.*)", unit, re.MULTILINE)
    ports = [str(free_port()) for _ in range(2)]
    with ExitStack() as running:
        engines = [running.enter_context(EngineProcess(folder, environ=WITH_PAGE))]
        for port in ports:
            (folder / port).mkdir()
            (folder / port / "engine.toml").symlink_to(folder / "engine.toml")
            arguments = command.replace("%l", "host").replace("%i", port).split()
            engines.append(running.enter_context(EngineProcess(folder / port, *arguments)))
        for engine in engines:
            with page_of(engine) as page:
                assert page.picture().engine.pid == engine.pid
        said = [len(engine.errors) for engine in engines]
        for number in range(40):
            collector.add(seeded_records(500, seed=number))
        for engine, before in zip(engines, said, strict=True):
            engine.wait_for("batch written", after=before)
    for port in ports:
        assert "batch written" in (folder / port / f"logs/worker-{port}.log").read_text()


def test_pings_come_twice_in_the_time_of_the_watchdog(folder: Path, manager: NotifySocket) -> None:
    """None before READY; and nothing at all of a watchdog that is another process's."""
    with EngineProcess(folder, environ=manager.environ) as engine:
        ready = manager.wait_for(is_ready)
        began = time.monotonic()
        pings = [manager.wait_for(is_ping, after=ready)]
        while len(pings) < 5:
            pings.append(manager.wait_for(is_ping, after=pings[-1] + 1))
        assert 4 * WATCHDOG_SECONDS / 2 < time.monotonic() - began < 5 * WATCHDOG_SECONDS
        assert all(earlier < later for earlier, later in pairwise([ready, *pings]))
        engine.send(signal.SIGTERM)
        engine.wait(3)
    manager.told.clear()
    with EngineProcess(folder, environ=manager.environ | {"WATCHDOG_PID": "1"}):
        manager.wait_for(has_rate)
        assert not list(filter(is_ping, manager.told))
