"""The wire between one life of an engine and the servers: every call of a port goes along it, or is lost on it.

Two things end a call without the engine noticing: it dies (nothing it does afterwards has an effect), or it is frozen
(whatever it was about to do, it does later).
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio
from attrs import define, field

from engine.errors import UnavailableError
from tests.faults.simulation.plan import FREEZE_SECONDS, LATE_SECONDS
from tests.faults.simulation.weather import Effect, Server, Weather

T = TypeVar("T")

DEAD_SECONDS = 60.0
"""How long a call of a dead engine hangs: longer than any cleanup may take."""


class LostError(UnavailableError):
    """No answer: it may have taken effect, or not, or will."""


@define(eq=False)
class Wire:
    """What one life of an engine sends and hears. `trying`: which record of which batch it tries alone."""

    engine: str
    weather: Weather
    life: trio.CancelScope = field(factory=trio.CancelScope)
    is_dead: bool = False
    was_frozen: bool = False
    clock_offset: float = 0.0
    trying: dict[str, int] = field(factory=dict)
    _thaw: trio.Event | None = None

    def note(self, text: str) -> None:
        """Write a line of the trace."""
        self.weather.note(self.engine, text)

    def die(self) -> None:
        """SIGKILL: no cleanup of this engine reaches anybody."""
        if not self.is_dead:
            self.is_dead = True
            self.note("dies")
            self.weather.count("crash")
            self.weather.deaths.update(self.trying.items())
            self.life.cancel()
            if self._thaw is not None:
                self._thaw.set()

    def freeze(self) -> None:
        """SIGSTOP, and SIGCONT some time later."""
        if self._thaw is None and not self.is_dead:
            seconds = self.weather.rng.uniform(*FREEZE_SECONDS)
            self.note(f"freezes for {seconds:.1f} s")
            self.weather.count("freeze")
            self.weather.deaths.update(self.trying.items())
            self._thaw, self.was_frozen = trio.Event(), True
            self.weather.begin(self._thaw_after, seconds, self._thaw)

    async def _thaw_after(self, seconds: float, thaw: trio.Event) -> None:
        with trio.move_on_after(seconds):
            await thaw.wait()
        self._thaw = None
        thaw.set()
        self.note("thaws")

    async def call(
        self,
        server: Server,
        what: str,
        effect: Callable[[], Awaitable[T]],
        *,
        late: Effect[object] | None = None,
        late_seconds: float = LATE_SECONDS,
    ) -> T:
        """Send a request, let it take effect, bring the answer.

        Raises UnavailableError where it surely took no effect, LostError where nobody knows. What is lost, or was
        given up by a caller who was cancelled, may take effect later: as `late`, up to `late_seconds` later.
        """
        await self._live_on(what)
        try:
            await self._go(server, what)
        except (trio.Cancelled, LostError):
            if late is not None:
                self._leave_to_fate(server, what, late, late_seconds)
            raise
        answer = await effect()
        if self.weather.trace is not None:
            self.note(f"{what} -> {answer}")
        await self._live_on(what)
        await self._come_back(server, what)
        return answer

    async def _live_on(self, what: str) -> None:
        """Where the engine may die or be frozen. A frozen one is not even cancelled."""
        weather = self.weather
        weather.count("call")
        if weather.happens(weather.dials.freeze):
            self.freeze()
        if self._thaw is not None:
            with trio.CancelScope(shield=True):
                await self._thaw.wait()
        if not self.is_dead and weather.happens(weather.dials.crash):
            self.note(f"at {what}:")
            self.die()
        if self.is_dead:
            await trio.sleep(DEAD_SECONDS)
            raise LostError("the dead hear nothing")

    async def _go(self, server: Server, what: str) -> None:
        """The way to the server."""
        weather = self.weather
        dials = weather.dials
        await trio.sleep(self._latency(at_once=0.3))
        if away := server.away_seconds():
            await self._call_in_vain(server, what, away)
        if weather.happens(dials.refused):
            self.note(f"{what} refused")
            raise UnavailableError(f"{server.name}: refused")
        if weather.happens(dials.lost_request):
            self.note(f"{what} lost")
            raise LostError(f"{server.name}: connection lost")
        if weather.happens(dials.hang):
            self.note(f"{what} hangs")
            await trio.sleep(server.patience_seconds)
            raise LostError(f"{server.name}: no answer")

    async def _call_in_vain(self, server: Server, what: str, away: float) -> None:
        """Call somebody who is away; one that hangs may come back while we wait."""
        if not server.hangs:
            self.note(f"{what}: {server.name} is away")
            raise UnavailableError(f"{server.name}: away")
        lives = server.lives
        await trio.sleep(min(away, server.patience_seconds))
        if server.lives != lives or server.away_seconds():
            self.note(f"{what}: {server.name} hangs")
            raise LostError(f"{server.name}: no answer")

    async def _come_back(self, server: Server, what: str) -> None:
        """The way back."""
        if seconds := self._latency(at_once=0.7):
            await trio.sleep(seconds)
        if self.weather.happens(self.weather.dials.lost_reply):
            self.note(f"{what}: answer lost")
            self.weather.count("answer lost")
            raise LostError(f"{server.name}: connection lost")

    def _latency(self, *, at_once: float) -> float:
        """How long a way takes; none at all with a chance of `at_once`, for every wait costs the simulation time."""
        weather = self.weather
        if weather.happens(weather.dials.slow):
            return weather.rng.random() * 4
        return 0.0 if weather.rng.random() < at_once else weather.rng.random() * 0.02

    def _leave_to_fate(self, server: Server, what: str, effect: Effect[object], seconds: float) -> None:
        weather = self.weather
        if weather.happens(weather.dials.late):
            weather.later(weather.rng.uniform(0, seconds), server, what, effect)
