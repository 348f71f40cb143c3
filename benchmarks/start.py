"""`start`: from the launch of the process until its first request reaches the collector, over all imports."""

import json
import time
from pathlib import Path

from benchmarks.engine_run import DEFAULTS, engine_in
from benchmarks.ground import Ground, Options
from benchmarks.report import Report, Target, spread
from tests.collector.process import collector_process

STARTS_PER_RUN = 4
START_SECONDS = 0.6
PATIENCE_SECONDS = 60.0


def run(ground: Ground, options: Options) -> Report:
    """Several starts with an empty queue and an empty collector."""
    seconds = [_start(ground, options) for _ in range(options.runs * STARTS_PER_RUN)]
    found = spread(seconds)
    rows = [[str(len(seconds)), f"{found.median:.3f}", f"{found.lowest:.3f}", f"{found.highest:.3f}"]]
    target = Target("seconds to the first request, median", found.median, START_SECONDS, is_least=False)
    title = f"from launch to the first request, {options.queue} and {options.database}"
    columns = ("starts", "median s", "lowest", "highest")
    return Report("start", title, columns, rows, [target], {"seconds": seconds})


def _start(ground: Ground, options: Options) -> float:
    with ground.place([], options.database) as place:
        log = place.folder / "pulls.jsonl"
        with collector_process("--pull-log", str(log)) as collector:
            engine = engine_in(ground, place, collector.url, options, DEFAULTS, "--once")
            began = time.time()
            with engine:
                assert engine.wait(PATIENCE_SECONDS) == 0, engine.errors[-3000:]
        return first_request(log) - began


def first_request(log: Path) -> float:
    """When the collector got its first pull, in seconds since 1970."""
    asked_at: float = json.loads(log.read_text().splitlines()[0])["asked_at"]
    return asked_at
