"""`latency`: one sighting at a time through an idle engine, from the collector's answer until its batch is settled.

The clock starts when the collector has sent its answer, as the collector says. It stops when the engine logs that the
batch is written: after the commit and after the queue has been told, so that what is shown is an upper bound of the
time to the commit, and nobody has to poll the database on a machine that is to be idle.
"""

import json
import signal
from collections.abc import Sequence
from pathlib import Path

from benchmarks import corpus
from benchmarks.engine_run import SOURCE, Setting, engine_in
from benchmarks.figures import Log, moment
from benchmarks.ground import Ground, Options, work_of
from benchmarks.report import Report, Target, percentile
from tests.collector.process import collector_process

INTERVAL_SECONDS = 0.01
FEWEST, SHARE = 20, 500
PATIENCE_SECONDS = 60.0
MEDIAN_MS, P99_MS = 15.0, 50.0


def run(ground: Ground, options: Options) -> Report:
    """The next sighting comes when the last one is done. Raises AssertionError if the database is not exact."""
    count = max(FEWEST, options.records // SHARE)
    work = work_of(corpus.make(count, options.seed), ground.folder)
    with ground.place(work.kinds, options.database) as place:
        log = place.folder / "pulls.jsonl"
        with collector_process("--pull-log", str(log)) as collector:
            setting = Setting(source={"pull_interval_seconds": INTERVAL_SECONDS})
            with engine_in(ground, place, collector.url, options, setting) as engine:
                engine.wait_for("running, press")
                for number, record in enumerate(work.corpus.records, start=1):
                    collector.add([corpus.line(record).encode()])
                    engine.wait_for(f'"batch": "{SOURCE}:0:{number}-{number}:', PATIENCE_SECONDS)
                engine.send(signal.SIGTERM)
                assert engine.wait(PATIENCE_SECONDS) == 0, engine.errors[-3000:]
        milliseconds = [1000 * seconds for seconds in latencies(log, Log(engine.errors))]
        place.check(work.expected)
    return report(milliseconds)


def latencies(pulls: Path, log: Log) -> list[float]:
    """Of every record, in seconds. The first answer that brought it counts."""
    answered: dict[int, float] = {}
    for line in pulls.read_text().splitlines():
        answer = json.loads(line)
        answered.setdefault(answer["highest"], answer["answered_at"])
    return [moment(event) - answered[int(event["batch"].split("-")[-1].split(":")[0])] for event in log.written]


def report(milliseconds: Sequence[float]) -> Report:
    """Percentiles."""
    shares = (0.5, 0.9, 0.99, 1.0)
    median, _, p99, _ = values = [percentile(milliseconds, share) for share in shares]
    targets = [
        Target("median, ms", median, MEDIAN_MS, is_least=False),
        Target("99 %, ms", p99, P99_MS, is_least=False),
    ]
    rows = [[f"{len(milliseconds)}", *(f"{value:.1f}" for value in values)]]
    title = "one sighting at a time, from the collector's answer until it is committed and settled"
    columns = ("sightings", "median ms", "90 %", "99 %", "worst")
    return Report("latency", title, columns, rows, targets, {"milliseconds": list(milliseconds)})
