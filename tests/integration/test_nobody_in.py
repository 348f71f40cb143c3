"""What a running engine leaves open to others: no port, no file, no line of its log, no way through a proxy."""

import json
import re
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.collector import Collector, Verbatim, running_collector
from tests.engine_process import EngineProcess, write_config

FORGERY = "x\\n2026-01-01T00:00:00Z [info     ] all is well\\r\\u001b[2J\\u202e\\u2028"
HOSTILE = [
    Verbatim(f'{{"ip": "{FORGERY}", "seq_id": 1}}'.encode()),
    Verbatim(
        f'{{"ip": "45.77.0.1", "timestamp": "2025-03-01T00:00:01", "botnet_type": "{FORGERY}", "seq_id": 2}}'.encode()
    ),
    Verbatim(b'{"ip": "45.77.0.1", "timestamp": "' + b"t" * 5000 + b'", "seq_id": 3}'),
    Verbatim(b'{"ip": "45.77.0.1", "timestamp": "2025-03-01T00:00:01", "botnet_type": "mirai", "seq_id": 4}'),
]
ESCAPES = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e]")
LONGEST_LINE = 4096


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector whose records and errors try to forge lines of a log."""
    with running_collector() as running:
        running.spool.add(HOSTILE)
        running.misbehave("body", value=f'{{"success": false, "error": "{FORGERY}{"e" * 5000}"}}')
        running.misbehave("body", value="<html>\n2026-01-01 [info] all is well\x1b[2J" + "y" * 5000)
        yield running


def configure(folder: Path, url: str, **log: object) -> None:
    """Embedded files, every line of the log."""
    write_config(
        folder, log={"level": "debug", **log}, source=[{"name": "one", "url": url, "pull_interval_seconds": 0.1}]
    )


def listening(pid: int) -> list[str]:
    """The TCP sockets on which a process listens, as the kernel writes their addresses."""
    sockets: set[str] = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            sockets.add(descriptor.readlink().name)
    tables = [Path(f"/proc/{pid}/net/{kind}").read_text() for kind in ("tcp", "tcp6")]
    lines = [line.split() for table in tables for line in table.splitlines()]
    return [line[1] for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in sockets]


@pytest.mark.parametrize("form", ["console", "json"])
def test_hostile_data_forges_no_line_of_the_log(collector: Collector, tmp_path: Path, form: str) -> None:
    """On the screen and in the file every line is one of ours, short, and free of control characters."""
    configure(tmp_path, collector.url, format=form)
    with EngineProcess(tmp_path, "--once") as engine:
        assert engine.wait() == 0
        texts = [engine.errors, (tmp_path / "logs" / "log_processor.log").read_text()]
    for text in texts:
        assert "all is well" in text
        assert not ESCAPES.search(text)
        for line in text.splitlines():
            assert len(line) <= LONGEST_LINE
            if form == "json":
                assert json.loads(line)["level"] in ("debug", "info", "warning")
            else:
                assert re.match(r"20\d\d-\d\d-\d\dT[\d:.]+Z \[(debug|info|warning) *\] ", line)
                assert not line.startswith("2026-01-01T00:00:00Z")


def test_every_file_is_the_owners_alone(collector: Collector, tmp_path: Path) -> None:
    """Queue, database and log are readable by nobody else, while it runs and afterwards."""
    configure(tmp_path, collector.url)
    with EngineProcess(tmp_path) as engine:
        engine.wait_for("batch written")
        files = [path for path in tmp_path.rglob("*") if path.is_file() and not path.match("engine-1.*")]
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in files if path.name != "engine.toml"}
    assert {"engine.db", "engine-queue.db", "log_processor.log"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_too_many_dead_letters_stop_the_pulling(collector: Collector, tmp_path: Path) -> None:
    """The alarm says so once, the records stay at the collector, and some settled letters later all goes on."""
    configure(tmp_path, collector.url)
    with EngineProcess(tmp_path, "--once") as engine:
        assert engine.wait() == 0
    collector.add([{"ip": "45.77.0.2", "timestamp": "2025-03-01T00:00:01", "botnet_type": "mirai"}])
    options = ["--once", "--json", "--set", "acceptance.dead_letter_limit=3"]
    with closing(sqlite3.connect(tmp_path / "engine.db", isolation_level=None)) as database:
        with EngineProcess(tmp_path, *options) as engine:
            engine.wait_for("unavailable, waiting.*3 dead letters")
            assert database.execute("DELETE FROM dead_letters WHERE id = 1").rowcount == 1
            assert engine.wait() == 0
        assert engine.account["written"] == 1
        assert engine.errors.count("dead_letter_limit") == 1


def test_no_port_is_open_without_a_page(collector: Collector, tmp_path: Path) -> None:
    """There is nothing to connect to; the demo's own collector listens on loopback only."""
    configure(tmp_path, collector.url)
    with EngineProcess(tmp_path) as engine:
        engine.wait_for("batch written")
        assert listening(engine.pid) == []
    (tmp_path / "engine.toml").unlink()
    with EngineProcess(tmp_path, "run", "--log-level", "info") as demo:
        demo.wait_for("batch written")
        assert [address.partition(":")[0] for address in listening(demo.pid)] == ["0100007F"]


def test_the_environment_brings_in_no_proxy_and_no_login(collector: Collector, tmp_path: Path) -> None:
    """Requests go straight to the collector, whatever HTTP_PROXY and a .netrc say."""
    configure(tmp_path, collector.url)
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login x password y\n")
    (tmp_path / ".netrc").chmod(0o600)
    with running_collector() as proxy:
        names = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY")
        environ = {"HOME": str(tmp_path), **dict.fromkeys(names, proxy.url)}
        with EngineProcess(tmp_path, "--once", "--json", environ=environ) as engine:
            assert engine.wait() == 0
            assert engine.account["written"] == 1
        assert proxy.pulls == []
