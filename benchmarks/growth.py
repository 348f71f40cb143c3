"""`growth`: the same batches into tables that hold ten times as many rows already, and into empty ones.

Engine and floor each have a full database, filled beforehand in the floor's way from the same addresses, and get the
same new batches, one slice a round. What growing costs the floor it may cost the engine.
"""

import statistics
from collections.abc import Iterator, Sequence

from attrs import field, frozen

from benchmarks import corpus
from benchmarks.comparison import speed
from benchmarks.corpus import Corpus
from benchmarks.engine_run import Setting, run_engine, run_in
from benchmarks.figures import Figures
from benchmarks.floor import Plan, facts_of, pour, run_floor
from benchmarks.ground import Ground, MysqlPlace, Options, Work, work_of
from benchmarks.report import Report, Target

FACTOR = 10
WORKERS = 2
RATIO = 0.8


@frozen
class Kept:
    """What a round showed, by who wrote and whether the tables were full."""

    engine: list[Figures] = field(factory=list)
    floor: list[Figures] = field(factory=list)


def run(ground: Ground, options: Options) -> Report:
    """Two workers, two connections. Raises AssertionError if anything is not exact, in the end too."""
    history = FACTOR * options.records
    whole = corpus.make(history + options.runs * options.records, options.seed, types=options.types)
    past = Corpus(whole.records[:history])
    empty, full = Kept(), Kept()
    plan = Plan(WORKERS, in_processes=True)
    with ground.place(corpus.kinds(options.types)) as first, ground.place(corpus.kinds(options.types)) as second:
        assert isinstance(first, MysqlPlace)
        assert isinstance(second, MysqlPlace)
        prefill = work_of(past, ground.folder)
        for place in (first, second):
            pour(ground, place, prefill, facts_of(prefill), plan)
        for number, work in enumerate(slices(ground, whole, history, options.records)):
            facts = facts_of(work)
            setting = Setting(source={"name": f"bench-{number}"}).with_workers(WORKERS)
            full.engine.append(run_in(ground, first, work, options, setting))
            full.floor.append(pour(ground, second, work, facts, plan))
            empty.engine.append(run_engine(ground, work, WORKERS, options))
            empty.floor.append(run_floor(ground, work, facts, plan))
        expected = whole.expected()
        first.check(expected)
        second.check(expected)
    return report(empty, full, history, options.records)


def slices(ground: Ground, whole: Corpus, begin: int, size: int) -> Iterator[Work]:
    """What comes after the history, a round's worth at a time."""
    for start in range(begin, len(whole), size):
        yield work_of(Corpus(whole.records[start : start + size]), ground.folder)


def report(empty: Kept, full: Kept, history: int, records: int) -> Report:
    """How much of the speed is left in the full tables."""
    rows = [
        [name, speed(small).show(), speed(large).show(), f"{left(small, large):.2f}"]
        for name, small, large in (("engine", empty.engine, full.engine), ("floor", empty.floor, full.floor))
    ]
    kept = left(empty.engine, full.engine) / left(empty.floor, full.floor)
    target = Target("what the engine keeps, of what the floor keeps", kept, RATIO)
    title = f"{records:,} sightings into empty tables and after {history:,}, two workers"
    columns = ("who", "empty, records/s", "full, records/s", "left")
    return Report("growth", title, columns, rows, [target], {"kept": kept})


def left(small: Sequence[Figures], large: Sequence[Figures]) -> float:
    """The share of the speed that is left, middle of all rounds."""
    pairs = zip(small, large, strict=True)
    return statistics.median(full.records_per_second / empty.records_per_second for empty, full in pairs)
