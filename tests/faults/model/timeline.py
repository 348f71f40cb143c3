"""Time of the model: actors yield how long they wait; processes crash and freeze between any two steps."""

from collections.abc import Callable, Generator
from heapq import heappop, heappush
from random import Random

from attrs import define, field

Actor = Generator[float, None, None]


def _nothing() -> None:
    """Nobody is told."""


@define(eq=False)
class Process:
    """One life of one process. `crash_chance` is per step of any of its actors."""

    crash_chance: float = 0.0
    on_crash: Callable[[], None] = _nothing
    is_alive: bool = True
    frozen_until: float = 0.0

    def crash(self) -> None:
        """Kill -9."""
        self.is_alive = False
        self.on_crash()


@define(eq=False)
class Scope:
    """Actors of one process that end together, without any cleanup."""

    process: Process = field(factory=Process)
    is_open: bool = True


@define(eq=False)
class Timeline:
    """What happens next, in seconds of the model."""

    random: Random
    now: float = 0.0
    _steps: list[tuple[float, int, Scope, Actor]] = field(factory=list)
    _count: int = 0

    def start(self, actor: Actor, scope: Scope, delay: float = 0.0) -> None:
        """Let an actor take its first step after `delay`."""
        self._count += 1
        heappush(self._steps, (self.now + delay, self._count, scope, actor))

    def run(self, until: float) -> None:
        """Take every step up to a moment."""
        steps, chance = self._steps, self.random.random
        while steps and steps[0][0] <= until:
            moment, _, scope, actor = heappop(steps)
            process = scope.process
            if not (scope.is_open and process.is_alive):
                continue
            self.now = moment
            if process.frozen_until > moment:  # who wakes first afterwards is chance
                self.start(actor, scope, process.frozen_until - moment + chance())
            elif process.crash_chance and chance() < process.crash_chance:
                process.crash()
            elif (delay := next(actor, None)) is not None:
                self.start(actor, scope, delay)
        self.now = until
