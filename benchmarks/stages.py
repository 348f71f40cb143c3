"""`python -m benchmarks.stages` (`nox -s profile`): where a record's microseconds go in a real run, stage by stage."""

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import corpus
from benchmarks.engine_run import PATH, RUN_SECONDS, Servers, Setting, engine_in
from benchmarks.figures import Log
from benchmarks.ground import Ground, Options, ground, work_of
from benchmarks.machine import describe
from benchmarks.profiled_engine import FILE_VARIABLE
from benchmarks.report import Report
from benchmarks.table import table
from tests.collector.process import collector_process

COLUMNS = ("stage", "CPU us", "waiting us", "% of the CPU")
HEAD = """# Where a record's microseconds go

Written by `nox -s profile`: a run of the real engine with every stage measured (`benchmarks/profiled_engine.py`),
exact to the row. *CPU* is what the stage costs, per record; *waiting* is how long its thread stood still meanwhile, per
record: for the database, for the interpreter's lock, for the other processes of the machine. A stage inside another is
counted for itself alone. A coroutine is measured while it runs, not while others do.
"""


def main() -> None:
    """Profile one run, print the table, and keep it where asked."""
    parser = argparse.ArgumentParser(prog="nox -s profile --", description=__doc__)
    parser.add_argument("--records", type=int, default=100_000, help="sightings (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="workers (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the corpus (default: %(default)s)")
    parser.add_argument("--to", type=Path, help="write the table to this file")
    arguments = parser.parse_args()
    options = Options(records=arguments.records, workers=[arguments.workers], runs=1, seed=arguments.seed)
    with tempfile.TemporaryDirectory(prefix="engine-profile-") as folder, ground(Path(folder)) as where:
        report = profile(where, options)
    print(report.text())
    if arguments.to is not None:
        arguments.to.parent.mkdir(parents=True, exist_ok=True)
        arguments.to.write_text(page(report, describe(options)))


def profile(where: Ground, options: Options) -> Report:
    """One run. Raises AssertionError if it is not exact."""
    work = work_of(corpus.make(options.records, options.seed), where.folder)
    (workers,) = options.workers
    setting = Setting("benchmarks.profiled_engine").with_workers(workers)
    with where.place(work.kinds) as place, collector_process("--records", str(work.file)) as source:
        engine = engine_in(where, place, source.url, options, setting, "--once", "--json")
        file = place.folder / "profile.json"
        engine.environ |= {FILE_VARIABLE: str(file), **PATH}
        with Servers(where, collector=source.process.pid) as servers, engine:
            assert engine.wait(RUN_SECONDS) == 0, engine.errors[-3000:]
        place.check(work.expected)
        measured = json.loads(file.read_text())
        seconds = Log(engine.errors).seconds
    title = f"{len(work.corpus):,} sightings, workers: {workers}, {len(work.corpus) / seconds:,.0f} records/s"
    notes = [f"{name}: {spent / len(work.corpus) * 1e6:.1f} us CPU per record" for name, spent in servers.spent.items()]
    return Report("profile", title, COLUMNS, rows(measured, len(work.corpus)), (), notes=notes)


def rows(measured: Mapping[str, Any], records: int) -> Sequence[Sequence[str]]:
    """A row a stage, what is left to the event loop and the rest, and the sum."""
    whole = measured["cpu"] - measured["start"]
    stages = [(each["stage"], each["cpu"], each["wall"] - each["cpu"]) for each in measured["stages"]]
    left = whole - sum(cpu for _, cpu, _ in stages)
    stages += [("event loop, threads, start and end", left, 0.0), ("sum", whole, 0.0)]
    return [
        [stage, f"{cpu / records * 1e6:.2f}", f"{max(0.0, waited) / records * 1e6:.2f}", f"{100 * cpu / whole:.1f}"]
        for stage, cpu, waited in stages
    ]


def page(report: Report, about: Mapping[str, Any]) -> str:
    """As Markdown."""
    machine = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in about["machine"].items())
    lines = [HEAD, f"{report.title} ({about['date']}; {machine}).\n", *table(report.columns, report.rows), ""]
    return "\n".join([*lines, *(f"- {note}" for note in report.notes)]) + "\n"


if __name__ == "__main__":
    main()
