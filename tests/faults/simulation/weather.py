"""What a run has only one of: the seed's random numbers, the faults, what was seen, and what was found wrong."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import NoReturn, TypeVar

import trio
from attrs import define, field

from engine.errors import EngineError
from tests.faults.simulation.plan import Dials, Plan

T = TypeVar("T")

Effect = Callable[[], Awaitable[T]]

STEP_LIMIT = 60_000
"""Calls of one run; more is an engine that runs in circles."""


class BrokenError(Exception):
    """An invariant does not hold."""


@define(eq=False)
class Server:
    """A server as engines see it. `patience_seconds` is how long a call to it is waited for.

    `away_until` is when it is back; until then it `hangs`, or refuses. `lives` counts its restarts: what was under way
    to an earlier life is gone.
    """

    name: str
    patience_seconds: float
    away_until: float = 0.0
    hangs: bool = False
    lives: int = 0
    _waiting: dict[trio.CancelScope, None] = field(factory=dict)

    def go_away(self, seconds: float, *, hangs: bool = False) -> None:
        """Be away; who waits for an answer, waits in vain."""
        self.away_until, self.hangs = trio.current_time() + seconds, hangs
        for scope in self._waiting:
            scope.cancel()

    @contextmanager
    def waiting(self) -> Iterator[trio.CancelScope]:
        """Wait inside for as long as the server is there."""
        with trio.CancelScope() as scope:
            self._waiting[scope] = None
            try:
                yield scope
            finally:
                del self._waiting[scope]

    def away_seconds(self) -> float:
        """For how long it stays away; 0: it is there."""
        return max(0.0, self.away_until - trio.current_time())


@define(eq=False)
class Weather:
    """Decides, call by call, what goes wrong; from `calm` on nothing does.

    `deaths` counts how often an engine died, or froze, while it tried a record alone: batch and place in it.
    """

    rng: Random
    plan: Plan
    trace: list[str] | None = None
    calm: bool = False
    counts: Counter[str] = field(factory=Counter)
    late_ones: int = 0
    deaths: Counter[tuple[str, int]] = field(factory=Counter)
    problems: list[str] = field(factory=list)
    _tasks: trio.Nursery | None = None

    def open(self, tasks: trio.Nursery) -> None:
        """Name the nursery of everything that happens by itself."""
        self._tasks = tasks

    def begin(self, do: Callable[..., Awaitable[None]], *args: object) -> None:
        """Let something happen by itself."""
        assert self._tasks is not None
        self._tasks.start_soon(do, *args)

    @property
    def dials(self) -> Dials:
        """How likely everything is."""
        return self.plan.dials

    def happens(self, chance: float) -> bool:
        """Whether a mishap of this chance happens now."""
        return chance > 0 and not self.calm and self.rng.random() < chance

    def note(self, who: str, text: str) -> None:
        """Write a line of the trace."""
        if self.trace is not None:
            self.trace.append(f"{trio.current_time():9.3f} {who:<6} {text}")

    def count(self, what: str) -> None:
        """Count something that happened."""
        self.counts[what] += 1
        if self.counts["call"] > STEP_LIMIT:
            self.broken(f"more than {STEP_LIMIT} calls: the engines run in circles")

    def broken(self, problem: str) -> NoReturn:
        """End the run: an invariant does not hold."""
        self.note("!", problem)
        self.problems.append(problem)
        raise BrokenError(problem)

    def later(self, seconds: float, server: Server, what: str, effect: Effect[object]) -> None:
        """Let a request take effect when nobody waits for it any more."""
        self.late_ones += 1
        self.begin(self._later, seconds, server, what, effect)

    async def _later(self, seconds: float, server: Server, what: str, effect: Effect[object]) -> None:
        lives = server.lives
        await trio.sleep(seconds)
        while server.away_seconds():  # noqa: ASYNC110 - it may go away again meanwhile
            await trio.sleep_until(server.away_until)
        if server.lives == lives:
            self.note("late", f"{what} takes effect")
            self.count("late")
            try:
                await effect()
            except EngineError as error:
                self.note("late", f"{what} refused: {error}")
        self.late_ones -= 1
