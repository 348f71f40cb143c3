"""`throughput`: the whole job, HTTP collector -> queue -> workers -> database, beside the floor, per worker count."""

from pathlib import Path

from benchmarks import corpus
from benchmarks.comparison import ENGINE, Line, Ways, in_rounds, lines, ratio_targets, summed_up
from benchmarks.engine_run import DEFAULTS, Setting, idle_cpu, run_engine
from benchmarks.floor import Plan, facts_of, run_floor
from benchmarks.ground import Ground, Options, Work, work_of
from benchmarks.report import Report, Target

THREADS, PROCESSES, WHOLE = "in threads", "in processes", "in processes, formatting too"
FLOORS = (THREADS, PROCESSES)
"""The floor is the faster of these two, on this machine; the third is shown only."""

CACHE = {"enricher_cache_size": 50_000}
"""Of an engine that looks addresses up in files: all of the usual corpus, where the default holds a quarter."""

RATIO = 0.8
CPU_SECONDS = 1.2
MEMORY_MIB = 150


def run(ground: Ground, options: Options) -> Report:
    """All worker counts with the built-in look-up. Raises AssertionError if any run is not exact."""
    work = work_of(corpus.make(options.records, options.seed, types=options.types), ground.folder)
    ways = ways_of(ground, work, options, [])
    runs = in_rounds(ways, options.workers, options.runs)
    compared = lines(runs, options.workers, FLOORS, idle_cpu(ground, options))
    title = f"{len(work.corpus):,} sightings of {len(work.corpus.addresses):,} addresses, built-in look-up"
    return summed_up("throughput", title, compared, runs, [*ratio_targets(compared, RATIO), *costs(compared)])


def ways_of(ground: Ground, work: Work, options: Options, mmdb: list[Path]) -> Ways:
    """The engine and its floors, looking addresses up in these files."""
    facts = facts_of(work, mmdb)
    setting = Setting(enrichment={"mmdb": [str(path) for path in mmdb]}, worker=CACHE) if mmdb else DEFAULTS
    return {
        ENGINE: lambda count: run_engine(ground, work, count, options, setting),
        THREADS: lambda count: run_floor(ground, work, facts, Plan(count)),
        PROCESSES: lambda count: run_floor(ground, work, facts, Plan(count, in_processes=True)),
        WHOLE: lambda count: run_floor(ground, work, facts, Plan(count, in_processes=True, formats=True)),
    }


def costs(compared: list[Line]) -> list[Target]:
    """What the engine may use."""
    spent = max(line.engine_cpu for line in compared)
    peak = max(run.peak_mib for line in compared for run in line.engine)
    return [
        Target("engine CPU seconds per 100,000", spent, CPU_SECONDS, is_least=False),
        Target("peak memory of the engine, MiB", peak, MEMORY_MIB, is_least=False),
    ]
