"""One run of the real engine, in its own process, against a collector in another; checked, then measured."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from attrs import evolve, frozen

from benchmarks.corpus import Corpus
from benchmarks.ground import Ground, Options, Place, Work, work_of
from benchmarks.processes import cpu_seconds, follow
from tests.collector.process import collector_process
from tests.engine_process import EngineProcess, write_config

RUN_SECONDS = 900.0
SOURCE = "bench"
PATH = {"PYTHONPATH": str(Path(__file__).parents[1])}
"""So that an entry of the benchmarks can be run from any folder."""


@frozen
class Setting:
    """What a scenario changes about the engine. `module` is what runs; the rest are tables of its engine.toml."""

    module: str = "engine"
    worker: Mapping[str, object] = {}
    queue: Mapping[str, object] = {}
    enrichment: Mapping[str, object] = {}
    source: Mapping[str, object] = {}


DEFAULTS = Setting()


@frozen
class Figures:
    """What one exact run showed; CPU seconds by the name of the process.

    `seconds` is from the moment everything is connected until the last row is committed; `whole_seconds` is what the
    engine's own account says, which begins before and ends after confirming to the collector.
    """

    records: int
    seconds: float
    cpu: Mapping[str, float]
    peak_mib: float = 0.0
    whole_seconds: float = 0.0
    batch_seconds: Sequence[float] = ()
    memory: Sequence[tuple[float, float]] = ()

    @property
    def records_per_second(self) -> float:
        """The speed."""
        return self.records / self.seconds

    def cpu_per_100k(self, name: str) -> float:
        """CPU seconds of one process per 100,000 records."""
        return self.cpu.get(name, 0.0) / self.records * 100_000


def run_engine(ground: Ground, work: Work, workers: int, options: Options, setting: Setting = DEFAULTS) -> Figures:
    """One run until the collector has nothing more and the queue is empty. Raises AssertionError if it is not exact.

    The engine's own clock counts: it begins before the engine has connected to anything, and ends when everything is
    settled. The tables are there before.
    """
    with (
        ground.place(work.kinds, options.database) as place,
        collector_process("--records", str(work.file)) as collector,
    ):
        configure(ground, place, collector.url, options, with_workers(setting, workers))
        process = EngineProcess(place.folder, "--once", "--json", environ=PATH, module=setting.module)
        with Servers(ground, collector=collector.process.pid) as servers, process as engine:
            followed = follow(engine.pid, RUN_SECONDS)
            assert engine.wait() == 0, engine.errors[-3000:]
        account, log = engine.account, Log(engine.errors)
        place.check(work.expected)
    assert account["received"] == len(work.corpus), account
    return Figures(
        records=len(work.corpus),
        seconds=log.seconds,
        cpu={"engine": followed.cpu_seconds, **servers.spent},
        peak_mib=followed.peak_mib,
        whole_seconds=account["seconds"],
        batch_seconds=log.batch_seconds,
        memory=followed.memory,
    )


def idle_cpu(ground: Ground, options: Options) -> float:
    """CPU seconds of an engine that starts, finds nothing and ends."""
    return run_engine(ground, work_of(Corpus([]), ground.folder), 1, options).cpu["engine"]


def with_workers(setting: Setting, workers: int) -> Setting:
    """The same with so many workers."""
    return evolve(setting, worker={"worker_count": workers, **setting.worker})


def configure(ground: Ground, place: Place, collector_url: str, options: Options, setting: Setting) -> None:
    """Write the engine.toml of a run: defaults, but for what the scenario is about."""
    write_config(
        place.folder,
        worker=dict(setting.worker),
        queue={"url": ground.queue_url(options.queue, place), "name": place.name, **setting.queue},
        database={"url": place.url},
        enrichment=dict(setting.enrichment),
        log={"file": "", "format": "json"},
        source=[{"name": SOURCE, "url": collector_url, "pull_interval_seconds": 1, **setting.source}],
    )


class Servers:
    """What the servers spend while it is entered, and other processes by name."""

    def __init__(self, ground: Ground, **others: int) -> None:
        self._pids = {"mariadbd": ground.mariadb.pid, "redis": ground.redis.pid, **others}
        self.spent: Mapping[str, float] = {}

    def __enter__(self) -> Self:
        self._before = {name: cpu_seconds(pid) for name, pid in self._pids.items()}
        return self

    def __exit__(self, *_: object) -> None:
        self.spent = {name: cpu_seconds(pid) - self._before[name] for name, pid in self._pids.items()}


class Log:
    """What an engine said in JSON."""

    def __init__(self, text: str) -> None:
        self._events = [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    @property
    def written(self) -> Sequence[Mapping[str, Any]]:
        """The lines of the batches that were settled."""
        return [event for event in self._events if event["event"] == "batch written"]

    @property
    def batch_seconds(self) -> Sequence[float]:
        """How long each batch took, from the moment a worker had it until it was settled."""
        return [event["seconds"] for event in self.written]

    @property
    def seconds(self) -> float:
        """From the moment everything was connected until the last batch was settled; 0.0 where there was none."""
        began = next(moment(event) for event in self._events if event["event"].startswith("running"))
        return max([moment(event) - began for event in self.written], default=0.0)


def moment(event: Mapping[str, Any]) -> float:
    """When it was said, in seconds since 1970."""
    return datetime.fromisoformat(event["timestamp"]).timestamp()
