"""`python -m tests.faults.soak --minutes M --seed S`: kill engines, Redis and MariaDB at random under load, then count.

Records come in all the time, two engines share the work, and every few seconds something dies with -9 (or Redis is
emptied, or an engine is frozen for a while) and is started again. In the end everything must be exact, and no confirm
may ever have been ahead of the database; the exit code says whether.
"""

import argparse
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Final

from attrs import define, field

from tests.collector.server import Collector, running_collector
from tests.corpus import GAP_EVERY, Corpus, make
from tests.engine_process import EngineProcess
from tests.faults.report import Result, append, table
from tests.faults.scene import Scene, running_servers, staged_at

ENGINES: Final = ("e1", "e2")
WEIGHTS: Final = {"engine": 10, "Redis": 4, "MariaDB": 4, "engine frozen": 3, "Redis emptied": 1}
LONGEST_PAUSE_SECONDS: Final = 4.0
LONGEST_OUTAGE_SECONDS: Final = 1.5
END_SECONDS: Final = 120.0
QUARANTINE_SECONDS: Final = 20.0
"""Longer than an engine is ever frozen, as `confirm_quarantine_seconds` must be."""


@define
class Soak:
    """One soak on a scene: engines that are started again whenever they died, and a seeded hand that kills."""

    scene: Scene
    dice: random.Random
    struck: Counter[str] = field(factory=Counter)
    problems: list[str] = field(factory=list)
    _engines: dict[str, EngineProcess] = field(factory=dict)

    def run(self, seconds: float) -> None:
        """Strike until the time is over, then let the engines finish, and compare."""
        for name in ENGINES:
            self._engines[name] = self.scene.engine(name)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(self.dice.uniform(0.2, LONGEST_PAUSE_SECONDS))
            fault = self.dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            self.struck[fault] += 1
            self._strike(fault)
            self._look_after_engines()
        self._finish()

    def _strike(self, fault: str) -> None:
        servers = self.scene.servers
        outage = self.dice.uniform(0.0, LONGEST_OUTAGE_SECONDS)
        name = self.dice.choice(ENGINES)
        engine = self._engines[name]
        if fault == "engine":
            engine.kill()
            time.sleep(outage)
            self._engines[name] = self.scene.engine(name)
        elif fault == "engine frozen":
            engine.send(signal.SIGSTOP)
            time.sleep(2 * outage)
            engine.send(signal.SIGCONT)
        elif fault == "Redis":
            servers.redis.kill()
            time.sleep(outage)
            servers.redis.start()
        elif fault == "MariaDB":
            servers.mariadb.kill()
            time.sleep(outage)
            servers.mariadb.start()
            self.scene.guard.recheck()
        else:
            with servers.redis.connect() as client:
                client.flushall()

    def _look_after_engines(self) -> None:
        """An engine that nobody killed has no business to end."""
        for name, engine in self._engines.items():
            if not engine.is_running:
                self.problems.append(f"{name} ended by itself: {engine.errors[-3000:]}")
                self._engines[name] = self.scene.engine(name)

    def _finish(self) -> None:
        for engine in self._engines.values():
            engine.wait_for("running, press")
            engine.send(signal.SIGTERM)
            self._check_end(engine)
        last = self.scene.engine("e1", "--once")
        self._check_end(last)
        self.problems += self.scene.differences()

    def _check_end(self, engine: EngineProcess) -> None:
        code = engine.wait(END_SECONDS)
        if code or "Traceback" in engine.errors:
            self.problems.append(f"an engine ended with {code}: {engine.errors[-3000:]}")


def serve_slowly(collector: Collector, corpus: Corpus, seconds: float) -> threading.Thread:
    """Add the corpus to the collector evenly over so many seconds, in a thread."""
    lines = [line.encode() for line in corpus.lines().splitlines()]

    def add() -> None:
        began, added = time.monotonic(), 0
        while added < len(lines):
            due = int(len(lines) * min(1.0, (time.monotonic() - began) / seconds))
            collector.spool.add(lines[added:due])
            added = due
            time.sleep(0.1)

    thread = threading.Thread(target=add, daemon=True)
    thread.start()
    return thread


def soak(seconds: float, seed: int, rate: int) -> Result:
    """Run one soak."""
    corpus = make(max(1, int(seconds * rate)), seed)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_servers(Path(folder)) as servers,
        running_collector(api_key="secret") as collector,
        staged_at(
            servers, corpus, Path(folder), "soak", collector.url, grace=5, quarantine=QUARANTINE_SECONDS
        ) as scene,
    ):
        collector.spool.gap_every = GAP_EVERY
        collector.spool.on_confirm = scene.guard.check
        feeding = serve_slowly(collector, corpus, seconds * 0.9)
        one = Soak(scene, random.Random(seed))
        began = time.monotonic()
        one.run(seconds)
        feeding.join()
        struck = ", ".join(f"{count} x {fault}" for fault, count in sorted(one.struck.items()))
        scenario = f"{seconds / 60:g} min, seed {seed}, {len(corpus.records):,} records; killed: {struck}"
        return Result("soak", scenario, f"seed-{seed}", one.problems, time.monotonic() - began, scene.guard.confirmed)


def main() -> None:
    """Read the options, soak, print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=int, default=500, help="records a second")
    parser.add_argument("--results", type=Path, help="append the result to this file, as a JSON object a line")
    options = parser.parse_args()
    result = soak(options.minutes * 60, options.seed, options.rate)
    if options.results is not None:
        append(options.results, result)
    sys.stdout.write(table([result]) + "\n" + "\n".join(result.problems) + "\n")
    sys.exit(bool(result.problems))


if __name__ == "__main__":
    main()
