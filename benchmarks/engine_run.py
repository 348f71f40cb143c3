"""Runs of the real engine, in its own process, against a collector in another."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from attrs import evolve, frozen

from benchmarks.corpus import Corpus
from benchmarks.figures import Figures, Log
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

    def with_workers(self, count: int) -> "Setting":
        """The same with so many workers."""
        return evolve(self, worker={**self.worker, "worker_count": count})


DEFAULTS = Setting()


def run_engine(ground: Ground, work: Work, workers: int, options: Options, setting: Setting = DEFAULTS) -> Figures:
    """One run until the collector has nothing more and the queue is empty. Raises AssertionError if it is not exact.

    The tables are there before.
    """
    with ground.place(work.kinds, options.database) as place:
        figures = run_in(ground, place, work, options, setting.with_workers(workers))
        place.check(work.expected)
    return figures


def run_in(ground: Ground, place: Place, work: Work, options: Options, setting: Setting) -> Figures:
    """One run into a place, unchecked but for the engine's own account."""
    with collector_process("--records", str(work.file)) as collector:
        process = engine_in(ground, place, collector.url, options, setting, "--once", "--json")
        with Servers(ground, collector=collector.process.pid) as servers, process as engine:
            followed = follow(engine.pid, RUN_SECONDS)
            assert engine.wait() == 0, engine.errors[-3000:]
    account, log = engine.account, Log(engine.errors)
    assert account["received"] == len(work.corpus), account
    return Figures(
        records=len(work.corpus),
        seconds=log.seconds,
        cpu={"engine": followed.cpu_seconds, **servers.spent},
        peak_mib=followed.peak_mib,
        whole_seconds=account["seconds"],
        batch_seconds=log.batch_seconds,
    )


def idle_cpu(ground: Ground, options: Options) -> float:
    """CPU seconds of an engine that starts, finds nothing and ends."""
    return run_engine(ground, work_of(Corpus([]), ground.folder), 1, options).cpu["engine"]


def engine_in(
    ground: Ground, place: Place, collector_url: str, options: Options, setting: Setting, *arguments: str
) -> EngineProcess:
    """An engine that is configured and not started: defaults, but for what the scenario is about."""
    write_config(
        place.folder,
        worker=dict(setting.worker),
        queue={"url": ground.queue_url(options.queue, place), "name": ground.name(), **setting.queue},
        database={"url": place.url},
        enrichment=dict(setting.enrichment),
        log={"file": "", "format": "json"},
        source=[{"name": SOURCE, "url": collector_url, "pull_interval_seconds": 1, **setting.source}],
    )
    return EngineProcess(place.folder, *arguments, environ=PATH, module=setting.module)


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
