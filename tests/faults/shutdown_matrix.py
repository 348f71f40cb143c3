"""The shutdown matrix: which signals, who hangs (SIGSTOP), and what the engine is doing at that moment.

One signal ends it within the grace time and a second, with exit code 0; two end it at once, with 130. No traceback; and
once the servers go on, a run to the end finds nothing lost and nothing counted twice.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Protocol

from attrs import define, field, frozen

from tests.collector.process import CollectorProcess, collector_process
from tests.corpus import GAP_EVERY, Corpus
from tests.engine_process import EngineProcess
from tests.faults.control import GO
from tests.faults.report import Result
from tests.faults.scene import Scene, Servers, staged_at

RECORDS: Final = 1_200
GRACE_SECONDS: Final = 1.0
LATER_SECONDS: Final = 1.0
"""How much longer than the grace time it may take; and how long after a second signal."""
ENTER_SECONDS: Final = 0.1
"""Leaves the engine a moment to be in the middle of the call it was about to make; any moment must do."""
PATIENCE_SECONDS: Final = 30.0

SIGNALS: Final = {"INT": (signal.SIGINT,), "TERM": (signal.SIGTERM,), "INT+INT": (signal.SIGINT, signal.SIGINT)}
HUNG: Final = {
    "none": (),
    "Redis": ("redis",),
    "MySQL": ("mariadb",),
    "collector": ("collector",),
    "Redis+MySQL": ("redis", "mariadb"),
    "all": ("redis", "mariadb", "collector"),
}
PHASES: Final = {
    "idle": None,
    "fetching": ("fetch.before", 3),
    "putting": ("put.before", 3),
    "writing": ("write.before", 6),
    "draining": ("write.after", 6),
}
"""The point at which a phase is entered; idle is when nothing is left to do. Draining begins at DRAIN."""
DRAIN: Final = ("write.before", 6)


@frozen
class Cell:
    """One run of the matrix."""

    signals: str
    hung: str
    phase: str

    def __str__(self) -> str:
        return f"{self.signals}-{self.hung}-{self.phase}"


WHOLE: Final = [Cell(signals, hung, phase) for signals in SIGNALS for hung in HUNG for phase in PHASES]
_SHORT_NAMES: Final = {
    "INT-none-writing", "TERM-none-idle", "INT-Redis-putting", "TERM-Redis-idle", "INT-MySQL-writing",
    "TERM-MySQL-draining", "INT-collector-fetching", "TERM-Redis+MySQL-writing", "INT-all-draining",
    "INT+INT-all-writing", "INT+INT-Redis-putting",
}  # fmt: skip
SHORT: Final = [cell for cell in WHOLE if str(cell) in _SHORT_NAMES]


class Freezable(Protocol):
    """A server that can be frozen."""

    def pause(self) -> None:
        """Freeze it."""
        ...

    def resume(self) -> None:
        """Let it go on."""
        ...


@define
class Hanging:
    """Freezes servers, and lets them go on."""

    servers: Servers
    collector: CollectorProcess
    _resume: ExitStack = field(factory=ExitStack)

    def hang(self, hung: str) -> None:
        """Freeze those; connections stay open, nothing answers."""
        everyone: dict[str, Freezable] = {
            "redis": self.servers.redis,
            "mariadb": self.servers.mariadb,
            "collector": self.collector,
        }
        for name in HUNG[hung]:
            everyone[name].pause()
            self._resume.callback(everyone[name].resume)

    def resume(self) -> None:
        """Let all of them go on."""
        self._resume.close()


@define
class Moment:
    """Waits for the phase of a cell, and freezes the servers there."""

    cell: Cell
    freeze: Callable[[], None]
    is_there: threading.Event = field(factory=threading.Event)
    signalled_at: float = 0.0

    @property
    def points(self) -> dict[str, int]:
        """The points that have to ask."""
        entered = PHASES[self.cell.phase]
        points = {} if entered is None else {entered[0]: entered[1]}
        return points | ({DRAIN[0]: DRAIN[1]} if self.cell.phase == "draining" else {})

    def answer(self, name: str, pid: int) -> str:
        """What happens at a point: the drain begins, or the phase is there."""
        if self.cell.phase == "draining" and name == DRAIN[0]:
            self.signalled_at = time.monotonic()
            os.kill(pid, SIGNALS[self.cell.signals][0])
        else:
            self.freeze()
            self.is_there.set()
        return GO


@contextmanager
def served(corpus: Corpus, folder: Path) -> Iterator[CollectorProcess]:
    """A collector in a process of its own, with the corpus."""
    (folder / "records.jsonl").write_text(corpus.lines())
    options = ["--records", str(folder / "records.jsonl"), "--gap-every", str(GAP_EVERY), "--api-key", "secret"]
    with collector_process(*options) as collector:
        yield collector


def run_cell(cell: Cell, servers: Servers, corpus: Corpus, folder: Path) -> Result:
    """Run one cell; the seconds are those from the last signal to the end of the process."""
    name = "".join(letter if letter.isalnum() else "_" for letter in str(cell)).lower()
    with (
        served(corpus, folder) as collector,
        staged_at(servers, corpus, folder, name, collector.url, grace=GRACE_SECONDS, quarantine=1.0) as scene,
    ):
        hanging = Hanging(servers, collector)
        moment = Moment(cell, lambda: hanging.hang(cell.hung))
        try:
            engine = scene.engine("e1", points=moment.points, answer=moment.answer)
            _wait_for_phase(scene, engine, collector, moment)
            problems, seconds = _end(engine, moment)
        finally:
            hanging.resume()
        problems += _problems_of(scene.engine("e1", "--once"))
        problems += scene.differences()
        return Result("shutdown", f"{cell.signals}, {cell.hung} hung", str(cell), problems, seconds)


def _wait_for_phase(scene: Scene, engine: EngineProcess, collector: CollectorProcess, moment: Moment) -> None:
    if moment.points:
        assert moment.is_there.wait(PATIENCE_SECONDS), f"never {moment.cell.phase}: {engine.errors[-3000:]}"
        time.sleep(ENTER_SECONDS)
        return
    until = time.monotonic() + PATIENCE_SECONDS
    while collector.stats()["cached_records"] > 1 or scene.left_in_queue():
        assert time.monotonic() < until, f"never idle: {engine.errors[-3000:]}"
        time.sleep(0.02)
    moment.freeze()


def _end(engine: EngineProcess, moment: Moment) -> tuple[list[str], float]:
    """Send what is left of the signals; what is wrong with how it ends, and how long that takes."""
    first, *more = SIGNALS[moment.cell.signals]
    if not moment.signalled_at:
        moment.signalled_at = time.monotonic()
        engine.send(first)
    sent_at, allowed = moment.signalled_at, GRACE_SECONDS + LATER_SECONDS
    codes = {0}
    if more:
        engine.wait_for_end_or("stopping, finishing")
        sent_at, allowed = time.monotonic(), LATER_SECONDS
        codes = {130}
        for number in more:
            engine.send(number)
    code = engine.wait(PATIENCE_SECONDS)
    seconds = time.monotonic() - sent_at
    if more and " stopped " in engine.errors:
        codes |= {0, -signal.SIGINT}  # it had ended in order before the second signal, which met a leaving Python
    problems = [] if code in codes else [f"exit code {code}, not {codes}: {engine.errors[-3000:]}"]
    if seconds > allowed:
        problems.append(f"ended after {seconds:.2f} s, not {allowed:g} s: {engine.errors[-3000:]}")
    return problems + _traceback(engine), seconds


def _problems_of(last: EngineProcess) -> list[str]:
    code = last.wait(PATIENCE_SECONDS)
    return ([f"the run afterwards ended with {code}: {last.errors[-3000:]}"] if code else []) + _traceback(last)


def _traceback(engine: EngineProcess) -> list[str]:
    return [f"a traceback: {engine.errors[-4000:]}"] if "Traceback" in engine.errors else []
