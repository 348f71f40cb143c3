"""`small`: deliveries of one sighting each, beside a plain loop of XREADGROUP, INSERT and XACK in one process.

Both begin with everything queued, look the address up, write node and communication exactly once in a durable
transaction, and acknowledge only then.
"""

import statistics
from collections.abc import Sequence

from benchmarks import corpus
from benchmarks.comparison import speed
from benchmarks.engine_run import Setting, engine_in
from benchmarks.figures import Figures, Log
from benchmarks.ground import Ground, Options, Work, work_of
from benchmarks.plain_loop import run_plain_loop
from benchmarks.processes import follow
from benchmarks.report import Report, Target
from tests.collector.process import collector_process

TIMES = 5.0
SHARE = 5
RUN_SECONDS = 900.0
ROOM = {"batch_size": 1, "high_watermark": 10_000_000, "low_watermark": 5_000_000}


def run(ground: Ground, options: Options) -> Report:
    """The loop, and the engine with every worker count. Raises AssertionError if any run is not exact."""
    work = work_of(corpus.make(max(1, options.records // SHARE), options.seed, types=options.types), ground.folder)
    loops: list[Figures] = []
    engines: dict[int, list[Figures]] = {count: [] for count in options.workers}
    for _ in range(options.runs):
        loops.append(run_plain_loop(ground, work))
        for count, done in engines.items():
            done.append(_run_engine(ground, work, count, options))
    rate = speed(loops).median
    rows = [["loop", speed(loops).show(), "1.00", f"{_own_cpu(loops, 'floor'):.1f}"]]
    for count, done in engines.items():
        times = f"{speed(done).median / rate:.2f}"
        rows.append([f"{count} workers", speed(done).show(), times, f"{_own_cpu(done, 'engine'):.1f}"])
    best = max(speed(done).median for done in engines.values())
    target = Target("best engine against the loop", best / rate, TIMES)
    data = {"loop": rate, "engine": {count: speed(done).median for count, done in engines.items()}}
    title = f"{len(work.corpus):,} deliveries of one sighting"
    return Report("small", title, ("who", "records/s", "times the loop", "own CPU s per 100,000"), rows, [target], data)


def _own_cpu(runs: Sequence[Figures], name: str) -> float:
    return statistics.median(run.cpu_per_100k(name) for run in runs)


def _run_engine(ground: Ground, work: Work, workers: int, options: Options) -> Figures:
    with ground.place(work.kinds, options.database) as place:
        with collector_process("--records", str(work.file)) as collector:
            setting = Setting(queue=ROOM).with_workers(workers)
            fetching = engine_in(ground, place, collector.url, options, setting, "fetch", "--once")
            with fetching:
                assert fetching.wait(RUN_SECONDS) == 0, fetching.errors[-3000:]
            fetching.arguments = ("worker", "--once")
            with fetching as working:
                followed = follow(working.pid, RUN_SECONDS)
                assert working.wait() == 0, working.errors[-3000:]
        seconds = Log(working.errors).seconds
        place.check(work.expected)
    return Figures(len(work.corpus), seconds, {"engine": followed.cpu_seconds})
