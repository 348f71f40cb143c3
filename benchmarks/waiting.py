"""`waiting`: look-ups that wait 20 ms each, 20 of them in flight per worker: more workers must wait side by side."""

import itertools
import statistics
from collections.abc import Mapping, Sequence

from benchmarks import corpus
from benchmarks.comparison import ENGINE, in_rounds, speed
from benchmarks.engine_run import Setting, run_engine
from benchmarks.figures import Figures
from benchmarks.ground import Ground, Options, Work, work_of
from benchmarks.report import Report, Target
from benchmarks.waiting_engine import ANSWER_SECONDS

CONCURRENT = 20
COUNTS = (1, 2, 4)
DOUBLING = 1.9


def run(ground: Ground, options: Options) -> Report:
    """One, two and four workers. Raises AssertionError if any run is not exact."""
    work = work_of(corpus.make(options.records, options.seed, types=options.types), ground.folder)
    setting = Setting("benchmarks.waiting_engine", worker={"enricher_concurrent": CONCURRENT})
    ways = {ENGINE: lambda count: run_engine(ground, work, count, options, setting)}
    runs = in_rounds(ways, COUNTS, options.runs)
    return report(work, {count: runs[ENGINE, count] for count in COUNTS})


def report(work: Work, runs: Mapping[int, Sequence[Figures]]) -> Report:
    """Against the time that the look-ups alone must take."""
    addresses = len(work.corpus.addresses)
    seconds = {count: statistics.median(run.seconds for run in done) for count, done in runs.items()}
    rows = []
    for count, done in runs.items():
        least = addresses * ANSWER_SECONDS / CONCURRENT / count
        shown = speed(done).show()
        rows.append([str(count), shown, f"{seconds[count]:.2f}", f"{least:.2f}", f"{least / seconds[count]:.2f}"])
    targets = [
        Target(f"{more} workers against {fewer}", seconds[fewer] / seconds[more], DOUBLING)
        for fewer, more in itertools.pairwise(runs)
    ]
    title = f"{len(work.corpus):,} sightings of {addresses:,} addresses, look-ups wait 20 ms, 20 at once a worker"
    columns = ("workers", "records/s", "seconds", "seconds of waiting at least", "share")
    return Report("waiting", title, columns, rows, targets, {"seconds": seconds})
