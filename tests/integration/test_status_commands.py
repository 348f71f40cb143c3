"""`status` and `top` beside a running engine, as a user types them; progress of commands that take long."""

import json
import select
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.collector import Collector, running_collector
from tests.engine_process import EngineProcess, write_config
from tests.servers.ports import free_port
from tests.status_page import page_of
from tests.terminal import Terminal


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector with three hundred good records and a bad one."""
    with running_collector() as running:
        records = [
            {"ip": f"45.77.{n // 250}.{n % 250 + 1}", "timestamp": "2025-03-01T00:00:01", "botnet_type": "mirai"}
            for n in range(300)
        ]
        running.add([*records, {"ip": "\x1b[31mred"}])
        yield running


@contextmanager
def running_engine(folder: Path, collector: Collector) -> Iterator[dict[str, str]]:
    """An engine that has settled everything; the environment for commands beside it."""
    write_config(folder, log={"file": ""}, source=[{"name": "s1", "url": collector.url, "pull_interval_seconds": 0.2}])
    environ = {"ENGINE_STATUS__ADDRESS": f"127.0.0.1:{free_port()}"}
    with EngineProcess(folder, environ=environ) as engine, page_of(engine) as page:
        page.until(lambda seen: seen.totals.received == 301 and seen.dead_letters.count == 1)
        yield environ


def run(folder: Path, environ: dict[str, str], *arguments: str, config: bool = True) -> tuple[int, str, str]:
    """Run a command to its end: exit code, standard output, standard error."""
    (folder / "beside").mkdir(exist_ok=True)
    configured = ("--config", "../engine.toml") if config else ()
    with EngineProcess(folder / "beside", *arguments, *configured, environ=environ) as command:
        return command.wait(30), command.output, command.errors


def test_status_shows_the_running_engine(collector: Collector, tmp_path: Path) -> None:
    """In words, and as the JSON of /api/status; nothing a stranger wrote reaches the terminal as it is."""
    with running_engine(tmp_path, collector) as environ:
        code, output, errors = run(tmp_path, environ, "status")
        assert (code, errors) == (0, "")
        assert "state         ready\n" in output
        assert "received      301 = written 300 + duplicates 0 + rejected 1\n" in output
        assert "dead letters  1, the last one: ip " in output
        assert "\x1b" not in output
        code, output, _ = run(tmp_path, environ, "status", "--json")
        assert json.loads(output)["totals"]["written"] == 300
    code, output, errors = run(tmp_path, environ, "status")
    assert (code, output) == (69, "")
    assert "no engine answers" in errors
    code, _, errors = run(tmp_path, {"ENGINE_STATUS__ADDRESS": "0"}, "status")
    assert code == 78
    assert len(errors.splitlines()) == 1


def test_status_of_an_engine_that_waits(collector: Collector, tmp_path: Path) -> None:
    """Exit code 1, and the reason."""
    queue: dict[str, object] = {"url": "redis://127.0.0.1:1/0"}
    write_config(tmp_path, queue=queue, log={"file": ""}, source=[{"name": "s1", "url": collector.url}])
    environ = {"ENGINE_STATUS__ADDRESS": f"127.0.0.1:{free_port()}"}
    with EngineProcess(tmp_path, environ=environ) as engine, page_of(engine):
        code, output, _ = run(tmp_path, environ, "status")
    assert code == 1
    assert "NOT ready: waiting for the servers" in output


def test_top_is_plain_lines_without_a_terminal(collector: Collector, tmp_path: Path) -> None:
    """One a look, until it is interrupted."""
    with running_engine(tmp_path, collector) as environ:
        folder = tmp_path / "beside"
        folder.mkdir()
        options = ("top", "--every", "0.2", "--config", "../engine.toml")
        with EngineProcess(folder, *options, environ={**environ, "PYTHONUNBUFFERED": "1"}) as top:
            while len(top.output.splitlines()) < 3:
                assert top.is_running, top.errors
                select.select([], [], [], 0.05)
            top.send(signal.SIGINT)
            assert top.wait(10) == 0
        assert all("records/s  received 301  queue 0 of 10,000 batches" in line for line in top.output.splitlines())
        assert "\x1b" not in top.output


@pytest.mark.parametrize("lacks", [{"TERM": "dumb"}, {"PYTHONIOENCODING": "ascii"}])
def test_top_is_plain_lines_on_a_terminal_that_cannot_draw(
    lacks: dict[str, str], collector: Collector, tmp_path: Path
) -> None:
    """One that cannot move its cursor, or has letters only."""
    with (
        running_engine(tmp_path, collector) as environ,
        closing(Terminal(tmp_path, environ | lacks, "top", "--every", "0.2")) as terminal,
    ):
        terminal.until("records/s  received 301  queue 0 of 10,000 batches")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 0
        assert "\x1b" not in terminal.drawn


@pytest.mark.parametrize("every", ["nan", "inf", "0", "1e300"])
def test_top_looks_at_times_that_there_are(every: str, collector: Collector, tmp_path: Path) -> None:
    """Anything else is wrong usage."""
    write_config(tmp_path, log={"file": ""}, source=[{"name": "s1", "url": collector.url}])
    code, output, errors = run(tmp_path, {}, "top", "--every", every)
    assert (code, output) == (2, "")
    assert "Invalid value for '--every'" in errors


STRANGERS = {
    "steers the terminal": (b"HTTP/1.0 404 \r\n\r\n\x1b]0;mine\x07\x1b[2Jexit\r: 0", "answers 404: '\\x1b]0;mine"),
    "speaks of something else": (b"HTTP/1.0 200 \r\n\r\n[]", "is no engine"),
    "is of another version": (b'HTTP/1.0 200 \r\n\r\n{"version": 2}', "speaks version 2"),
    "speaks another language": (b"-ERR unknown command\r\n", "no engine answers"),
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_stranger_at_the_address_is_no_engine(stranger: str, tmp_path: Path) -> None:
    """Exit code 69 and one line, in which nothing acts on the terminal."""
    answer, said = STRANGERS[stranger]
    with listening(lambda connection: connection.sendall(answer)) as address:
        code, output, errors = run(tmp_path, {"ENGINE_STATUS__ADDRESS": address}, "status", config=False)
    assert (code, output) == (69, "")
    assert said in errors
    assert errors.removesuffix("\n").isprintable()


@pytest.mark.parametrize("some", [b"x", b"x" * 1_000_000])
def test_an_answer_without_end_is_no_engine(some: bytes, tmp_path: Path) -> None:
    """Neither one that comes drop by drop nor one that fills the memory."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.0 200 \r\n\r\n")
        while True:
            connection.sendall(some)
            select.select([connection], [], [], 0.1 if len(some) == 1 else 0)

    with listening(answer) as address:
        code, output, errors = run(tmp_path, {"ENGINE_STATUS__ADDRESS": address}, "status", config=False)
    assert (code, output) == (69, "")
    assert "does not end" in errors


@contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Somebody else at an address, who answers one request."""

    def serve(listener: socket.socket) -> None:
        with suppress(OSError), listener.accept()[0] as connection:
            connection.recv(65_536)
            answer(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield "{}:{}".format(*listener.getsockname())
    thread.join()


def test_top_draws_on_a_terminal(collector: Collector, tmp_path: Path) -> None:
    """Workers, sources and the limit, in place; Ctrl+C leaves the screen as it was."""
    with (
        running_engine(tmp_path, collector) as environ,
        closing(Terminal(tmp_path, environ, "top", "--every", "0.2")) as terminal,
    ):
        terminal.until("worker-1")
        terminal.until("mirai")
        terminal.until("Nothing waits")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 0
        assert "\x1b[?1049l" in terminal.drawn  # back from the alternate screen
        assert "\x1b[?25h" in terminal.drawn  # the cursor is there
        assert "Traceback" not in terminal.drawn


def test_once_shows_progress_on_a_terminal(collector: Collector, tmp_path: Path) -> None:
    """A bar with count and rate while it runs, the account at the end, and nothing left of the bar."""
    write_config(tmp_path, log={"file": ""}, source=[{"name": "s1", "url": collector.url}])
    collector.misbehave("hang", times=None)
    with closing(Terminal(tmp_path, {"ENGINE_STATUS__ADDRESS": "0"}, "--once")) as terminal:
        terminal.until("0/s")
        collector.behave()
        assert terminal.end() == 0
    assert "records" in terminal.drawn
    assert "received             301" in terminal.drawn
    assert "batch written" in terminal.drawn
