"""`memory`: what the engine needs while a backlog is built up and worked off.

MariaDB is frozen (SIGSTOP) as soon as the engine runs. The engine fetches all that the collector has, and the queue
fills. Then MariaDB goes on, and the queue is worked off.
"""

import time

from attrs import define, evolve, field

from benchmarks import corpus
from benchmarks.engine_run import RUN_SECONDS, SOURCE, Setting, engine_in
from benchmarks.ground import Ground, Options, Work, work_of
from benchmarks.processes import Followed, follow
from benchmarks.report import Report, Target
from tests.collector.process import collector_process

FACTOR = 10
WORKERS = 4
MEMORY_MIB = 150


@define
class Backlog:
    """Keeps the database frozen until the queue holds everything; `worked_off_from` is when that was."""

    ground: Ground
    queue: str
    last: int
    _began: float = field(factory=time.monotonic)
    worked_off_from: float | None = None

    def watch(self) -> None:
        """Look how far the engine has fetched."""
        if self.worked_off_from is None and self._fetched() >= self.last:
            self.ground.mariadb.resume()
            self.worked_off_from = time.monotonic() - self._began

    def _fetched(self) -> int:
        with self.ground.redis.connect() as client:
            cursor = client.hget(f"{{botnet:{self.queue}}}:cursors", SOURCE)
        return 0 if cursor is None else int(cursor.split(b":")[1])


def run(ground: Ground, options: Options) -> Report:
    """Ten times the records of other scenarios, in Redis. Raises AssertionError if anything is not exact in the end."""
    options = evolve(options, queue="redis", database="mysql")
    work = work_of(corpus.make(FACTOR * options.records, options.seed, types=options.types), ground.folder)
    queue = ground.name()
    setting = Setting(queue={"name": queue}).with_workers(WORKERS)
    with ground.place(work.kinds) as place:
        with (
            collector_process("--records", str(work.file)) as collector,
            engine_in(ground, place, collector.url, options, setting, "--once") as engine,
        ):
            engine.wait_for("running, press")
            ground.mariadb.pause()
            backlog = Backlog(ground, queue, len(work.corpus))
            followed = follow(engine.pid, RUN_SECONDS, meanwhile=backlog.watch)
            assert engine.wait() == 0, engine.errors[-3000:]
        place.check(work.expected)
    return report(work, followed, backlog.worked_off_from or 0.0)


def report(work: Work, followed: Followed, turn: float) -> Report:
    """Peaks of both halves."""
    halves = {
        "built up": [mib for at, mib in followed.memory if at < turn],
        "worked off": [mib for at, mib in followed.memory if at >= turn],
    }
    rows = [[name, f"{min(sizes):.0f}", f"{max(sizes):.0f}"] for name, sizes in halves.items() if sizes]
    target = Target("peak memory, MiB", followed.peak_mib, MEMORY_MIB, is_least=False)
    title = f"a backlog of {len(work.corpus):,} sightings, {WORKERS} workers"
    data = {"memory": [list(sample) for sample in followed.memory], "turn": turn, "records": len(work.corpus)}
    return Report("memory", title, ("backlog", "lowest MiB", "highest MiB"), rows, [target], data)
