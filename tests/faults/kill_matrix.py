"""The kill -9 matrix: named points of a run, what dies there, and how many engines share the work.

Whatever dies, and wherever: once what died is back and a run has come to its end, every row, counter and dead letter is
exact, and nothing was ever confirmed that was not committed.
"""

import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import define, field, frozen

from engine import shutdown
from tests.corpus import Corpus
from tests.engine_process import EngineProcess
from tests.faults.control import GO, KILL, LOSE, REFUSE, STOP, TERM
from tests.faults.report import Result
from tests.faults.scene import PULL_LIMIT, Scene, Servers, staged

RECORDS: Final = 2_400
RUN_SECONDS: Final = 60.0
QUARANTINE_SECONDS: Final = 1.0
PAUSE_QUARANTINE_SECONDS: Final = 60.0
RESERVE: Final = 4 * PULL_LIMIT
"""Held back for two ownerships whose last confirm may still arrive."""

ENGINE, REDIS, EMPTIED, MARIADB, FROZEN = "engine", "Redis", "Redis emptied", "MariaDB", "engine frozen"
FAULTS: Final = (ENGINE, REDIS, EMPTIED, MARIADB)


@frozen
class Point:
    """A named point, struck when it is reached for the nth time; `first` is what has to happen before it is.

    `at_end` is one that only an engine at the end of its work reaches.
    """

    name: str
    nth: int = 1
    first: tuple[str, int, str] | None = None
    at_end: bool = False


SOFT_STOP: Final = ("ack.before", 4, TERM)
REFUSED: Final = ("write.before", 4, REFUSE)

POINTS: Final = (
    Point("join.sent"), Point("acquire.before"), Point("acquire.sent"),
    Point("cursor.before"), Point("cursor.after"),
    Point("fetch.before", 2), Point("fetch.after", 3),
    Point("put.before", 3), Point("put.sent", 4), Point("put.after", 5), Point("depth.after", 4),
    Point("reconcile.sent"), Point("claim.before", 3), Point("claim.sent", 3), Point("claim.after", 2),
    Point("renew.before"), Point("renew.sent"), Point("renew.after"),
    Point("lookup.before", 4), Point("lookup.after", 6),
    Point("tables.before", 2), Point("write.before", 6), Point("load.before", 4), Point("load.after", 5),
    Point("rows.after", 6), Point("dead_letters.after", 2),
    Point("commit.before", 7), Point("commit.sent", 8), Point("write.after", 9),
    Point("ack.before", 4), Point("ack.sent", 6), Point("ack.after", 8),
    Point("nack.before", first=REFUSED), Point("nack.sent", first=REFUSED), Point("nack.after", first=REFUSED),
    Point("record_start.before"), Point("record_start.after"),
    Point("front.before", 3), Point("front.after", 3), Point("debt.before", 3), Point("debt.sent", 4),
    Point("confirm.before", 2), Point("confirm.after", 2),
    Point("release.before", first=SOFT_STOP), Point("release.sent", first=SOFT_STOP),
    Point("soft_stop.before", first=SOFT_STOP),
    Point("record_end.before", at_end=True), Point("record_end.after", at_end=True), Point("resign.sent", at_end=True),
)  # fmt: skip


@frozen
class Cell:
    """One run of the matrix."""

    point: Point
    fault: str
    engines: int

    def __str__(self) -> str:
        return f"{self.point.name}-{self.fault.replace(' ', '_')}-{self.engines}"

    @property
    def scenario(self) -> str:
        """The line of the table it belongs to."""
        died = self.fault if self.fault in (EMPTIED, FROZEN) else f"kill -9 {self.fault}"
        return f"{died}, {self.engines} engine{'s' * (self.engines > 1)}"


WHOLE: Final = [Cell(point, fault, engines) for fault in FAULTS for engines in (1, 2) for point in POINTS]
WHOLE.extend(Cell(point, FROZEN, 2) for point in POINTS if not point.at_end)

_SHORT_NAMES: Final = {
    "put.before-engine-1", "put.sent-Redis-1", "put.after-Redis_emptied-2", "commit.before-MariaDB-1",
    "commit.sent-MariaDB-2", "commit.sent-engine-1", "ack.before-engine-2", "ack.sent-Redis-2", "claim.after-engine-1",
    "confirm.before-engine-2", "confirm.after-Redis_emptied-1", "confirm.before-engine_frozen-2",
    "load.before-engine_frozen-2",
    "release.before-engine-1", "renew.sent-Redis-1", "tables.before-engine_frozen-2",
}  # fmt: skip
SHORT: Final = [cell for cell in WHOLE if str(cell) in _SHORT_NAMES]


@define
class Strike:
    """What the points are answered: first what leads up to it, then the fault, once in all engines together."""

    cell: Cell
    scene: Scene
    struck: threading.Event = field(factory=threading.Event)
    struck_at: float = 0.0
    struck_pid: int = 0
    mending: threading.Thread | None = None
    _led_up: bool = False
    _lock: threading.Lock = field(factory=threading.Lock, repr=False)

    @property
    def points(self) -> Mapping[str, int]:
        """The points that have to ask."""
        point = self.cell.point
        asked = {point.name: point.nth}
        return asked | ({point.first[0]: point.first[1]} if point.first else {})

    def answer(self, name: str, pid: int) -> str:
        """The word for a point that was reached."""
        with self._lock:
            first = self.cell.point.first
            if first and name == first[0]:
                led_up, self._led_up = self._led_up, True
                return GO if led_up else first[2]
            if self.struck.is_set():
                return GO
            self.struck_at, self.struck_pid = time.monotonic(), pid
            word = self._strike(name)
            self.struck.set()
            return word

    def _strike(self, name: str) -> str:
        servers = self.scene.servers
        fault = self.cell.fault
        if fault in (ENGINE, FROZEN):
            return KILL if fault == ENGINE else STOP
        if fault == EMPTIED:
            with servers.redis.connect() as client:
                client.flushall()
            return GO
        if fault == REDIS:
            servers.redis.kill()
            self._mend(servers.redis.start)
        else:
            servers.mariadb.kill()
            self._mend(servers.mariadb.start)
        hit = "commit.sent" if fault == MARIADB else "" if name == "commit.sent" else ".sent"
        return LOSE if hit and name.endswith(hit) else GO

    def _mend(self, start: Callable[[], None]) -> None:
        """Start again what died, while the engine already feels that it is gone."""

        def mend() -> None:
            start()
            self.scene.guard.recheck()

        self.mending = threading.Thread(target=mend)
        self.mending.start()


def run_cell(cell: Cell, servers: Servers, corpus: Corpus, folder: Path) -> Result:
    """Run one cell: engines, the fault, what died started again, a last run until nothing is owed."""
    quarantine = PAUSE_QUARANTINE_SECONDS if cell.fault == FROZEN else QUARANTINE_SECONDS
    name = "".join(letter if letter.isalnum() else "_" for letter in str(cell)).lower()
    with staged(servers, corpus, folder, name, quarantine=quarantine) as scene:
        strike = Strike(cell, scene)
        problems = _freeze(strike) if cell.fault == FROZEN else _kill(strike)
        problems += scene.differences()
        if not strike.struck.is_set():
            problems.append(f"{cell.point.name} was never reached for the {cell.point.nth}. time")
        seconds = time.monotonic() - strike.struck_at
        return Result("kill -9", cell.scenario, str(cell), problems, seconds, scene.guard.confirmed)


def _kill(strike: Strike) -> list[str]:
    """Let the engines work to the end, or to their death; then one more until the collector is relieved."""
    scene = strike.scene
    problems: list[str] = []
    for engine in [_start(strike, number, "--once") for number in range(strike.cell.engines)]:
        problems += _ending(engine, strike)
    if strike.mending is not None:
        strike.mending.join()
    last = scene.engine("e1")
    problems += scene.relieved(last, all_but=1)
    return problems + _stop(last, strike)


def _freeze(strike: Strike) -> list[str]:
    """One engine is frozen and goes on only once the other has taken over and confirmed on its own."""
    scene = strike.scene
    engines = [_start(strike, number) for number in range(strike.cell.engines)]
    assert strike.struck.wait(RUN_SECONDS), f"{strike.cell.point.name} was never reached"
    (frozen,) = [engine for engine in engines if engine.pid == strike.struck_pid]
    (other,) = [engine for engine in engines if engine is not frozen]
    problems = scene.relieved(other, all_but=1 + RESERVE)
    frozen.send(signal.SIGCONT)
    if strike.cell.point.first == SOFT_STOP:  # it is stopping already; its last resort may be over by now
        problems += _ending(frozen, strike, allowed=(shutdown.EXIT_DONE, shutdown.EXIT_STUCK))
    else:
        problems += _stop(frozen, strike)
    problems += _stop(other, strike)
    return problems + _ending(scene.engine("e1", "--once"), strike)


def _stop(engine: EngineProcess, strike: Strike) -> list[str]:
    engine.send(signal.SIGTERM)
    return _ending(engine, strike)


def _start(strike: Strike, number: int, *arguments: str) -> EngineProcess:
    return strike.scene.engine(f"e{number + 1}", *arguments, points=strike.points, answer=strike.answer)


def _ending(engine: EngineProcess, strike: Strike, allowed: Sequence[int] = (shutdown.EXIT_DONE,)) -> list[str]:
    """What is wrong with the way an engine ended: killed by the strike, or in order."""
    try:
        code = engine.wait(RUN_SECONDS)
    except AssertionError as error:
        return [str(error)]
    is_struck = strike.cell.fault == ENGINE and engine.pid == strike.struck_pid
    expected = (-signal.SIGKILL,) if is_struck else allowed
    problems = [] if code in expected else [f"engine ended with {code}, not {expected}: {engine.errors[-2000:]}"]
    return problems + ([f"a traceback: {engine.errors[-3000:]}"] if "Traceback" in engine.errors else [])
