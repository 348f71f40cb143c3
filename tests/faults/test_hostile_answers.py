"""A real engine pulls from a collector that answers in every wrong way: it stays small, and goes on with what is good.

After every wrong answer one more good record waits, and has to arrive. `--whole` tries every answer.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from attrs import define, frozen

from tests.collector import Collector, running_collector
from tests.engine_process import EngineProcess, write_config
from tests.faults.report import Result, note
from tests.resident import MEBIBYTE, forget_peak, peak

GIBIBYTE = 1024 * MEBIBYTE
ARRIVAL_SECONDS = 60.0
LARGE_RECORDS = 450
TIMEOUT_SECONDS = 2
PEAK_LIMIT = 256 * MEBIBYTE
"""An answer may have 64 MiB, and is for a moment there as bytes, as records and as batches."""


@frozen
class Wrong:
    """One wrong answer: what the collector does, and with what."""

    name: str
    kind: str
    value: Callable[[], str | float] = str


def _page(*elements: str) -> str:
    return f'{{"success": true, "data": [{", ".join(elements)}], "max_seq_id": 9}}'


SHORT = [
    Wrong("inflates to 2 GiB", "inflate_bomb", lambda: 2 * GIBIBYTE),
    Wrong("endless", "endless"),
    Wrong("one byte a second", "drip", lambda: 1),
    Wrong("HTML", "html"),
    Wrong("cut off in the middle of its JSON", "cut_json"),
    Wrong("50 MiB of numbers in one record", "body", lambda: _page('{"x": [' + "10, " * 13_000_000 + "1]}")),
]
WHOLE = [
    *SHORT,
    Wrong("compressed, not asked for", "gzip"),
    Wrong("compressed otherwise", "deflate"),
    Wrong("compressed in a way nobody knows", "encoding", lambda: "br"),
    Wrong("compressed, broken off", "cut_gzip"),
    Wrong("compressed, damaged", "damaged_gzip"),
    Wrong("broken off", "truncated"),
    Wrong("connection dropped", "drop"),
    Wrong("never", "hang"),
    Wrong("HTTP 500", "status", lambda: 500),
    Wrong("HTTP 503", "status", lambda: 503),
    Wrong("HTTP 401", "status", lambda: 401),
    Wrong("200 and success: false", "failure"),
    Wrong("empty although there is something", "empty"),
    Wrong("every record twice", "duplicate"),
    Wrong("nothing at all", "body"),
    Wrong("10,000,000 brackets", "body", lambda: _page("[" * 10_000_000)),
    Wrong("a record 1,000,000 lists deep", "body", lambda: _page("[" * 1_000_000 + "]" * 1_000_000)),
    Wrong("brackets that do not match", "body", lambda: _page('{"ip": [}')),
    Wrong("60,000 records", "body", lambda: _page(*["{}"] * 60_000)),
    Wrong("60 MiB of records as large as they may be", "body", lambda: _page(*['{"x": "' + "y" * 65_000 + '"}'] * 960)),
    Wrong("60 MiB in one record", "body", lambda: _page('{"x": "' + "y" * 62_000_000 + '"}')),
    Wrong("a number of 1,000,000 digits", "body", lambda: _page('{"ip": ' + "9" * 1_000_000 + "}")),
]


@define
class Stage:
    """A collector, an engine that pulls from it all the time, and how many good records have been served."""

    collector: Collector
    engine: EngineProcess
    database: Path
    served: int = 0

    def answer_with(self, wrong: Wrong) -> Result:
        """Answer wrongly once, and wait until the good record behind it is in the database."""
        forget_peak(self.engine.pid)
        began = time.monotonic()
        self.collector.misbehave(wrong.kind, on="page", value=wrong.value())
        problems = self.serve_one()
        most = peak(self.engine.pid)
        if most > PEAK_LIMIT:
            problems.append(f"{wrong.name}: {most // MEBIBYTE} MiB in use")
        scenario = f"answer: {wrong.name}; {most // MEBIBYTE} MiB at most"
        return Result("hostile", scenario, wrong.name, problems, time.monotonic() - began)

    def serve_one(self) -> list[str]:
        """Serve one more good record, and wait until it and nothing else is in the database; what is wrong if not."""
        self.served += 1
        self.collector.add([good(self.served)])
        return self.wait_for_rows("botnet_communications_mirai", self.served)

    def wait_for_rows(self, table: str, count: int) -> list[str]:
        """Wait until every wrong answer was given, and the table has so many rows; what is wrong if not."""
        until = time.monotonic() + ARRIVAL_SECONDS
        while self._rows(table) != count or not self.collector.mischief.is_over:
            if time.monotonic() > until or not self.engine.is_running:
                return [f"{self._rows(table)} rows, not {count}: {self.engine.errors[-2000:]}"]
            time.sleep(0.02)
        return []

    def _rows(self, table: str) -> int:
        with closing(sqlite3.connect(self.database)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchall():
                return 0
            (number,) = connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()
            return int(number)


def good(number: int) -> dict[str, object]:
    """A record as it should be."""
    return {"ip": f"45.77.0.{number}", "timestamp": "2025-03-01T00:00:01", "botnet_type": "mirai"}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """An engine on the embedded queue and database."""
    with running_collector() as collector:
        pulling = {"pull_interval_seconds": 0.05, "timeout_seconds": TIMEOUT_SECONDS}
        write_config(tmp_path, source=[{"name": "hostile", "url": collector.url, **pulling}])
        with EngineProcess(tmp_path) as engine:
            engine.wait_for("running, press")
            running = Stage(collector, engine, tmp_path / "engine.db")
            assert running.serve_one() == []
            yield running


@pytest.mark.timeout(600)
def test_the_engine_survives_every_answer(stage: Stage, pytestconfig: pytest.Config) -> None:
    """Whatever the answer, memory is bounded, no redirect is followed, and the good record behind it arrives."""
    problems: list[str] = []
    with running_collector() as elsewhere:
        moved = Wrong("a redirect to another host", "redirect", lambda: f"{elsewhere.url}/api/pull")
        for wrong in [moved, *(WHOLE if pytestconfig.getoption("--whole", default=False) else SHORT)]:
            result = stage.answer_with(wrong)
            note(pytestconfig, result)
            problems += result.problems
        assert elsewhere.pulls == []
    assert problems == []
    assert "Traceback" not in stage.engine.errors


def test_records_as_large_as_they_may_be(stage: Stage, pytestconfig: pytest.Config) -> None:
    """A page of broken records of 64 KB each becomes dead letters with all their bytes, and costs no neighbour."""
    forget_peak(stage.engine.pid)
    began = time.monotonic()
    large = [f'{{"ip": "none", "x": "{number:064000}"}}'.encode() for number in range(LARGE_RECORDS)]
    stage.collector.add(large)
    problems = stage.serve_one() + stage.wait_for_rows("dead_letters", LARGE_RECORDS)
    most = peak(stage.engine.pid)
    scenario = f"{LARGE_RECORDS:,} broken records of 64 KB; {most // MEBIBYTE} MiB at most"
    note(pytestconfig, Result("hostile", scenario, "large records", problems, time.monotonic() - began))
    assert problems == []
    assert most < PEAK_LIMIT
    with closing(sqlite3.connect(stage.database)) as connection:
        query = "SELECT COUNT(DISTINCT position), COUNT(DISTINCT original), MIN(LENGTH(original)) FROM dead_letters"
        positions, originals, shortest = connection.execute(query).fetchone()
    assert (positions, originals) == (LARGE_RECORDS, LARGE_RECORDS)
    assert shortest > 64_000
