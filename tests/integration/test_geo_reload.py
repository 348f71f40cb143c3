"""Look-up files are replaced under a really running engine that is never without work."""

import itertools
import json
import signal
import sqlite3
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests import mmdb
from tests.collector import Collector, running_collector
from tests.engine_process import EngineProcess, write_config
from tests.mmdb import write_mmdb, write_tsv

ADDRESSES = [f"8.8.8.{number}" for number in range(20)]
"""The same ones over and over: the engine remembers what it has looked up."""
RECORDS_PER_PULL = 100
PAUSE_SECONDS = 5.0
"""Longer than any batch takes on a busy machine; a pause would be as long as the file is large."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector that has new records after every pull."""
    moments = (datetime(2026, 1, 1) + timedelta(seconds=number) for number in itertools.count())  # noqa: DTZ001

    def more(_: object = None) -> None:
        running.add(
            {"ip": ip, "timestamp": moment.isoformat(), "botnet_type": "mirai"}
            for ip, moment in zip(itertools.islice(itertools.cycle(ADDRESSES), RECORDS_PER_PULL), moments, strict=False)
        )

    with running_collector() as running:
        more()
        running.on_pull = more
        yield running


def lookup_file(path: Path, record: Mapping[str, object], days_old: int) -> Path:
    """A file that knows the whole world by one record."""
    networks = {f"{number}.0.0.0/8": record for number in range(1, 224)}
    return write_mmdb(path, networks, built_at=int(time.time()) - 86_400 * days_old - 60)


def update(folder: Path, file: Path) -> None:
    """Type `geo update --from`."""
    with EngineProcess(folder, "geo", "update", "--from", str(file)) as command:
        assert command.wait(60) == 0
        assert "in use from now on" in command.output


def lines(engine: EngineProcess) -> list[dict[str, Any]]:
    """The log."""
    return [json.loads(line) for line in engine.errors.splitlines()]


def configure(folder: Path, collector: Collector) -> None:
    """One worker, small batches, and a log that a program reads."""
    write_config(
        folder,
        log={"format": "json", "file": ""},
        queue={"batch_size": 50},
        worker={"worker_count": 1, "db_batch_size": 50},
        source=[{"name": "one", "url": collector.url, "pull_limit": RECORDS_PER_PULL, "pull_interval_seconds": 0.01}],
    )


def batches(engine: EngineProcess) -> int:
    """How many were written so far."""
    return engine.errors.count('"batch written"')


def wait_for_batches(engine: EngineProcess, more: int) -> None:
    """Wait until so many more have been written."""
    engine.wait_for(rf'(?s)\A(?>.*?"batch written"){{{batches(engine) + more}}}', 60)  # atomic: no second thoughts


def test_facts_change_and_nothing_else(tmp_path: Path, collector: Collector) -> None:
    """Rows before the swap have the old city, all after it the new one; no batch fails, waits, or is lost.

    A damaged file in between is said once, and changes nothing.
    """
    (tmp_path / "geo").mkdir()
    (tmp_path / "command").mkdir()
    for name in ("geo", "engine.toml"):
        (tmp_path / "command" / name).symlink_to(tmp_path / name)
    in_use = lookup_file(tmp_path / "geo" / "x.mmdb", mmdb.DB_IP_CITY, 60)
    configure(tmp_path, collector)
    with EngineProcess(tmp_path) as engine:
        wait_for_batches(engine, 20)
        update(tmp_path / "command", lookup_file(tmp_path / "x.mmdb", mmdb.FLAT_CITY, 1))
        engine.wait_for("look-up data replaced")
        wait_for_batches(engine, 20)
        (tmp_path / "damaged").write_bytes(in_use.read_bytes()[:-200])
        (tmp_path / "damaged").replace(in_use)
        engine.wait_for("new look-up data cannot be used")
        wait_for_batches(engine, 20)
        engine.send(signal.SIGINT)
        assert engine.wait(20) == 0
    said = [line["event"] for line in lines(engine) if line["event"] != "batch written"]
    assert [event for event in said if "look-up" in event] == [
        "look-up data is old, python -m engine geo update brings newer",
        "look-up data replaced",
        "new look-up data cannot be used, what is in use stays",
    ]
    levels = {line["event"]: line["level"] for line in lines(engine) if line["level"] not in {"info", "debug"}}
    assert len(levels) == 2, levels
    with sqlite3.connect(tmp_path / "engine.db") as connection:
        rows = connection.execute("SELECT city FROM botnet_communications_mirai ORDER BY id").fetchall()
        nodes = connection.execute("SELECT DISTINCT city FROM botnet_nodes_mirai").fetchall()
    runs = [(city, len(list(run))) for (city,), run in itertools.groupby(rows)]
    assert [city for city, _ in runs] == ["Paris", "Osaka"]
    assert nodes == [("Osaka",)]
    stopped = lines(engine)[-1]
    assert stopped["received"] == stopped["written"] == len(rows)
    assert longest_pause(engine) < PAUSE_SECONDS


def test_work_goes_on_while_a_reload_of_the_configuration_reads_files(tmp_path: Path, collector: Collector) -> None:
    """Between the hangup and the new pipeline, however long a file takes to be read, batches are written."""
    (tmp_path / "geo").mkdir()
    ranges = (
        (f"{n >> 16}.{n >> 8 & 255}.{n & 255}.0", f"{n >> 16}.{n >> 8 & 255}.{n & 255}.9") for n in range(800_000)
    )
    write_tsv(tmp_path / "geo" / "x.tsv", ((*each, 15169, "US", "GOOGLE") for each in ranges))
    configure(tmp_path, collector)
    with EngineProcess(tmp_path) as engine:
        wait_for_batches(engine, 20)
        engine.send(signal.SIGHUP)
        engine.wait_for("configuration applied")
        engine.send(signal.SIGINT)
        assert engine.wait(20) == 0
        events = [line["event"] for line in lines(engine)]
    reading = events.index("reading the configuration again")
    following = events.index("starting", reading)
    # Read in the event loop, the file lets at most the one batch through that was under way.
    assert events[reading:following].count("batch written") >= 2


def longest_pause(engine: EngineProcess) -> float:
    """The longest time between two batches, in seconds."""
    moments = [datetime.fromisoformat(each["timestamp"]) for each in lines(engine) if each["event"] == "batch written"]
    return max((later - earlier).total_seconds() for earlier, later in itertools.pairwise(moments))
