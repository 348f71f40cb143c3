"""`embedded`: the whole job with nothing but files, SQLite as queue and as database, beside a plain loop of sqlite3."""

from attrs import evolve

from benchmarks import corpus
from benchmarks.comparison import ENGINE, Ways, in_rounds, lines, ratio_targets, summed_up
from benchmarks.engine_run import idle_cpu, run_engine
from benchmarks.floor import facts_of
from benchmarks.floor_sqlite import run_floor_sqlite
from benchmarks.ground import Ground, Options, work_of
from benchmarks.report import Report

LOOP = "one loop"
RATIO = 0.7


def run(ground: Ground, options: Options) -> Report:
    """All worker counts; SQLite has one writer at a time, so that the floor is the same. Raises AssertionError."""
    options = evolve(options, queue="sqlite", database="sqlite")
    work = work_of(corpus.make(options.records, options.seed, types=options.types), ground.folder)
    facts = facts_of(work)
    ways: Ways = {
        ENGINE: lambda count: run_engine(ground, work, count, options),
        LOOP: lambda _: run_floor_sqlite(ground, work, facts),
    }
    runs = in_rounds(ways, options.workers, options.runs)
    compared = lines(runs, options.workers, [LOOP], idle_cpu(ground, options))
    title = f"{len(work.corpus):,} sightings of {len(work.corpus.addresses):,} addresses, SQLite queue and database"
    return summed_up("embedded", title, compared, runs, ratio_targets(compared, RATIO))
