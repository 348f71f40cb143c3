"""Memory does not depend on the backlog: an engine fetches it, and works on it, within the same few mebibytes.

Sixty thousand sightings; with `--whole` two million.
"""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import define, field

from tests.collector import collector_process
from tests.engine_process import EngineProcess, write_config
from tests.faults.report import Result, note
from tests.faults.scene import Servers, running_servers
from tests.resident import MEBIBYTE, resident

SHORT, WHOLE = 60_000, 2_000_000
BATCH_SIZE = 1000
LIMIT = 150 * MEBIBYTE
GROWTH_LIMIT = 16 * MEBIBYTE
"""Between the second quarter and the last, where there are enough samples to tell."""
ENOUGH_SAMPLES = 100
SAMPLE_SECONDS = 0.05
WAIT_SECONDS = 500.0


@define
class Watch:
    """What one engine process had in use, sampled while it ran."""

    engine: EngineProcess
    samples: list[int] = field(factory=list)

    def until(self, is_over: Callable[[], bool]) -> None:
        """Sample from its first page or batch on until it is over."""
        self.engine.wait_for("running, press")
        give_up = time.monotonic() + WAIT_SECONDS
        while not is_over():
            assert time.monotonic() < give_up, f"not over in {WAIT_SECONDS} s: {self.engine.errors[-2000:]}"
            self.samples.append(resident(self.engine.pid))
            time.sleep(SAMPLE_SECONDS)

    @property
    def peak(self) -> int:
        """The most."""
        return max(self.samples)

    @property
    def growth(self) -> int:
        """How much more it had in its last quarter than in its second, by the median."""
        quarter = len(self.samples) // 4
        second, last = self.samples[quarter : 2 * quarter], self.samples[-quarter:]
        return sorted(last)[quarter // 2] - sorted(second)[quarter // 2]

    def problems(self, what: str) -> list[str]:
        """What is too much."""
        found = []
        if self.peak > LIMIT:
            found.append(f"{what}: {self.peak // MEBIBYTE} MiB at most, more than {LIMIT // MEBIBYTE}")
        if len(self.samples) >= ENOUGH_SAMPLES and self.growth > GROWTH_LIMIT:
            found.append(f"{what}: grew by {self.growth / MEBIBYTE:.1f} MiB")
        return found

    def __str__(self) -> str:
        return f"{self.peak // MEBIBYTE} MiB at most, growth {self.growth / MEBIBYTE:+.1f} MiB"


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    """A Redis and a MariaDB."""
    with running_servers(tmp_path) as running:
        yield running


@pytest.mark.timeout(1200)
def test_memory_does_not_depend_on_the_backlog(servers: Servers, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Fetching all of it and working on a part of it each stay below the limit, and flat."""
    backlog = WHOLE if pytestconfig.getoption("--whole", default=False) else SHORT
    part = min(backlog // 2, 400_000) // BATCH_SIZE
    with collector_process("--generated", str(backlog)) as collector, servers.redis.connect() as client:
        write_config(
            tmp_path,
            queue={"url": servers.redis.url, "name": "memory", "batch_size": BATCH_SIZE, "high_watermark": 1_000_000},
            database={"url": servers.mariadb.url("memory")},
            worker={"worker_count": 2},
            log={"file": ""},
            source=[{"name": "sinkhole-1", "url": collector.url}],
        )
        began = time.monotonic()
        with EngineProcess(tmp_path, "fetch", "--once", "--json") as engine:
            fetching = Watch(engine)
            fetching.until(lambda: not engine.is_running)
            assert engine.wait() == 0
            assert engine.account["fetched"] == backlog
        waiting = client.xlen("{botnet:memory}:stream")
        assert waiting >= backlog // BATCH_SIZE
        with EngineProcess(tmp_path, "worker") as engine:
            working = Watch(engine)
            working.until(lambda: client.xlen("{botnet:memory}:stream") <= waiting - part or not engine.is_running)
            engine.send(signal.SIGTERM)
            assert engine.wait() == 0
    problems = fetching.problems("fetching") + working.problems("working")
    scenario = f"backlog of {backlog:,}: fetching {fetching}; working {working}"
    note(pytestconfig, Result("memory", scenario, "backlog", problems, time.monotonic() - began))
    assert problems == []
