"""`large`: one engine writes a hundred times as many records as usual; its memory meanwhile, and what speed is left.

Then engine and floor get slices of the usual size, in turns, into the full tables and into empty ones, as in `growth`.
MariaDB gets a buffer pool for all of it, as this is about what grows with the rows and not about the disk: a note says
how many pages were read from there. So many rows are checked by their sums; those of the empty tables one by one.
"""

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from statistics import median

from attrs import evolve, field, frozen

from adapters.sinks.schema import communications_table, nodes_table
from benchmarks import corpus
from benchmarks.corpus import Corpus, Seen
from benchmarks.engine_run import SOURCE, Setting, engine_in, run_engine, run_in
from benchmarks.floor import Plan, facts_of, pour, run_floor
from benchmarks.ground import Ground, MysqlPlace, Options, work_of
from benchmarks.growth import WORKERS, Kept, report
from benchmarks.memory import MEMORY_MIB
from benchmarks.processes import Followed, follow
from benchmarks.report import Report, Target
from tests.collector.process import collector_process

FACTOR = 100
POOL_BYTES = 420
"""Of buffer pool per record."""
FILL_SECONDS = 3_600.0


@frozen
class Sums:
    """What the tables must hold, as hashes: the records themselves would fill the memory of a small machine."""

    sightings: set[int] = field(factory=set)
    addresses: set[int] = field(factory=set)

    def noting(self, records: Iterable[Seen]) -> Iterator[Seen]:
        """The same records, noted as they pass."""
        for record in records:
            self.sightings.add(hash((record.ip, record.seen_at)))
            self.addresses.add(hash(record.ip))
            yield record

    def check(self, place: MysqlPlace, kind: str) -> None:
        """Raises AssertionError where rows, addresses or the sum of the counters differ."""
        with place.asking() as ask:
            ((rows, addresses, counted),) = ask(
                f"SELECT (SELECT COUNT(*) FROM {communications_table(kind)}), COUNT(*), SUM(communication_count) "
                f"FROM {nodes_table(kind)}"
            )
        found, told = (rows, addresses, int(str(counted))), len(self.sightings)
        assert found == (told, len(self.addresses), told), found


def run(ground: Ground, options: Options) -> Report:
    """Two workers, two connections, one botnet type. Raises AssertionError if the sums differ."""
    size, (kind,) = FACTOR * options.records, corpus.kinds(1)
    options, sums, full, empty = evolve(options, database="mysql"), Sums(), Kept(), Kept()
    records = corpus.records(size + 2 * options.runs * options.records, options.seed)
    file = corpus.write(sums.noting(islice(records, size)), ground.folder / "large.jsonl")
    plan = Plan(WORKERS, in_processes=True)
    with ground.place([kind]) as place:
        assert isinstance(place, MysqlPlace)
        _enlarge(place, POOL_BYTES * size)
        followed, seconds = _fill(ground, place, file, options)
        sums.check(place, kind)
        for number in range(options.runs):
            work = work_of(Corpus(list(sums.noting(islice(records, options.records)))), ground.folder)
            setting = Setting(source={"name": f"{SOURCE}-{number}"}).with_workers(WORKERS)
            full.engine.append(run_in(ground, place, work, options, setting))
            empty.engine.append(run_engine(ground, work, WORKERS, options))
            work = work_of(Corpus(list(sums.noting(islice(records, options.records)))), ground.folder)
            facts = facts_of(work)
            full.floor.append(pour(ground, place, work, facts, plan))
            empty.floor.append(run_floor(ground, work, facts, plan))
        sums.check(place, kind)
        read = _pages_read(place)
    peak = Target("peak memory of the engine, MiB", followed.peak_mib, MEMORY_MIB, is_least=False)
    found = report(empty, full, size, options.records)
    notes = [
        f"{size:,} sightings written at {size / seconds:,.0f} a second",
        f"pages read from disk: {read:,}",
        *_tenths(followed),
    ]
    return evolve(found, name="large", targets=[peak, *found.targets], notes=notes)


def _enlarge(place: MysqlPlace, size: int) -> None:
    with place.asking() as ask:
        ask(f"SET GLOBAL innodb_buffer_pool_size = GREATEST(@@innodb_buffer_pool_size, {size})")


def _pages_read(place: MysqlPlace) -> int:
    with place.asking() as ask:
        ((_, pages),) = ask("SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_reads'")
    return int(str(pages))


def _fill(ground: Ground, place: MysqlPlace, file: Path, options: Options) -> tuple[Followed, float]:
    """How the engine fared, and for how many seconds it ran."""
    setting = Setting().with_workers(WORKERS)
    with (
        collector_process("--records", str(file)) as collector,
        engine_in(ground, place, collector.url, options, setting, "--once") as engine,
    ):
        began = time.monotonic()
        followed = follow(engine.pid, FILL_SECONDS)
        seconds = time.monotonic() - began
        assert engine.wait() == 0, engine.errors[-3000:]
    return followed, seconds


def _tenths(followed: Followed) -> Iterator[str]:
    """Its memory in each tenth of the time."""
    sizes_of_all = [mib for _, mib in followed.memory]
    count = len(sizes_of_all)
    for tenth in range(10):
        sizes = sizes_of_all[tenth * count // 10 : (tenth + 1) * count // 10] or sizes_of_all
        yield f"resident in the {tenth + 1}. tenth, MiB: {median(sizes):.0f} ({min(sizes):.0f}..{max(sizes):.0f})"
