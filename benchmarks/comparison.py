"""Engine and floor side by side, per worker count: running them in turns, and summing up.

In every round each worker count has its turn, engine and floors one after the other, every second round backwards: the
machine's noise hits all alike. A ratio is that of one round; the middle one counts.
"""

import itertools
import statistics
from collections.abc import Callable, Mapping, Sequence

from attrs import asdict, frozen

from benchmarks.figures import Figures
from benchmarks.report import Report, Spread, Target, percentile, spread

ENGINE = "engine"
COLUMNS = (
    "workers", "engine records/s", "whole run", "floor records/s", "ratio", "CPU s per 100,000: engine", "mariadbd",
    "redis", "collector", "mariadbd of the floor", "peak MiB", "batch ms: median", "99 %",
)  # fmt: skip
SLOWER = 0.95
"""Not slower than with fewer workers, but for what noise may do."""

Runs = Mapping[tuple[str, int], Sequence[Figures]]
Ways = Mapping[str, Callable[[int], Figures]]


def in_rounds(ways: Ways, counts: Sequence[int], rounds: int) -> Runs:
    """Run every way with every worker count, round by round. Raises AssertionError if any run is not exact."""
    turns = [(way, count) for count in counts for way in ways]
    runs: dict[tuple[str, int], list[Figures]] = {turn: [] for turn in turns}
    for number in range(rounds):
        for way, count in turns if number % 2 == 0 else reversed(turns):
            runs[way, count].append(ways[way](count))
    return runs


@frozen
class Line:
    """Engine and the faster floor with one worker count. `idle_cpu` is what an engine spends that gets no record."""

    workers: int
    engine: Sequence[Figures]
    floor: Sequence[Figures]
    floor_name: str
    idle_cpu: float

    @property
    def rate(self) -> Spread:
        """Records per second of the engine."""
        return speed(self.engine)

    @property
    def floor_rate(self) -> Spread:
        """Records per second of the floor."""
        return speed(self.floor)

    @property
    def ratio(self) -> Spread:
        """Engine to floor, round by round."""
        return spread([
            run.records_per_second / floor.records_per_second
            for run, floor in zip(self.engine, self.floor, strict=True)
        ])  # fmt: skip

    @property
    def engine_cpu(self) -> float:
        """CPU seconds of the engine per 100,000 records, without what starting and ending cost."""
        return statistics.median((run.cpu[ENGINE] - self.idle_cpu) / run.records * 100_000 for run in self.engine)

    def cells(self) -> Sequence[str]:
        """One row of the table."""
        batches = [seconds * 1000 for run in self.engine for seconds in run.batch_seconds]
        return (
            str(self.workers),
            self.rate.show(),
            f"{statistics.median(run.records / run.whole_seconds for run in self.engine):,.0f}",
            f"{self.floor_rate.show()} {self.floor_name}",
            self.ratio.show(".2f"),
            f"{self.engine_cpu:.2f}",
            *(f"{cpu(self.engine, name):.2f}" for name in ("mariadbd", "redis", "collector")),
            f"{cpu(self.floor, 'mariadbd'):.2f}",
            f"{max(run.peak_mib for run in self.engine):.0f}",
            f"{percentile(batches, 0.5):.0f}",
            f"{percentile(batches, 0.99):.0f}",
        )


def cpu(runs: Sequence[Figures], name: str) -> float:
    """The middle one of several runs, in seconds per 100,000 records."""
    return statistics.median(run.cpu_per_100k(name) for run in runs)


def lines(runs: Runs, counts: Sequence[int], floors: Sequence[str], idle_cpu: float) -> list[Line]:
    """A line per worker count, each with the floor that was fastest there."""
    made = []
    for count in counts:
        rates = {name: speed(runs[name, count]).median for name in floors}
        best = max(floors, key=rates.__getitem__)
        made.append(Line(count, runs[ENGINE, count], runs[best, count], best, idle_cpu))
    return made


def speed(runs: Sequence[Figures]) -> Spread:
    """Records per second."""
    return spread([run.records_per_second for run in runs])


def summed_up(name: str, title: str, compared: Sequence[Line], runs: Runs, targets: Sequence[Target]) -> Report:
    """The report of a comparison."""
    notes = [
        f"{way} with {count}: {speed(done).show()} records/s"
        for (way, count), done in runs.items()
        if way != ENGINE and all(line.floor is not done for line in compared)
    ]
    data = {
        "workers": [line.workers for line in compared],
        "engine": [asdict(line.rate) for line in compared],
        "floor": [asdict(line.floor_rate) for line in compared],
        "ratio": [asdict(line.ratio) for line in compared],
        "engine_cpu": [line.engine_cpu for line in compared],
        "runs": {f"{way} {count}": [each.records_per_second for each in done] for (way, count), done in runs.items()},
    }
    rows = [line.cells() for line in compared]
    return Report(name, title, COLUMNS, rows, targets, data, notes)


def ratio_targets(compared: Sequence[Line], least: float) -> list[Target]:
    """Every worker count against its floor, and against fewer workers."""
    targets = [Target(f"ratio to the floor, workers: {one.workers}", one.ratio.median, least) for one in compared]
    targets += [
        Target(f"{more.workers} workers against {fewer.workers}", more.rate.median / fewer.rate.median, SLOWER)
        for fewer, more in itertools.pairwise(compared)
    ]
    return targets
