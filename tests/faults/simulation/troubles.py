"""What goes wrong by itself, at random moments: everything but the mishaps of single calls."""

from collections.abc import Awaitable, Callable, Sequence

import trio
from attrs import define

from tests.faults.simulation.engines import Engine
from tests.faults.simulation.queue import Snapshot
from tests.faults.simulation.weather import Server
from tests.faults.simulation.world import World


@define(eq=False)
class Troubles:
    """All the trouble of a run, until it is cancelled."""

    world: World
    engines: Sequence[Engine]

    async def run(self) -> None:
        """Make trouble for ever."""
        rates = self.world.weather.plan.rates
        world = self.world
        async with trio.open_nursery() as nursery:
            begin = nursery.start_soon
            begin(self._spool)
            begin(self._every, rates.crash, self._crash)
            begin(self._every, rates.freeze, self._freeze)
            begin(self._every, rates.stop, self._stop)
            begin(self._every, rates.clock_step, self._step_clock)
            begin(self._every, rates.reset, self._reset)
            begin(self._every, rates.queue_falls_back, self._let_queue_fall_back)
            begin(self._every, rates.queue_emptied, self._empty_queue)
            begin(self._every, rates.queue_away, self._take_away, world.queue.server)
            begin(self._every, rates.database_away, self._take_away, world.database.server)
            begin(self._every, rates.lookup_away, self._take_away, world.lookup)
            for collector in world.collectors:
                begin(self._every, rates.collector_away, self._take_away, collector.server)

    async def _every(self, seconds: float, mishap: Callable[..., Awaitable[None]], *what: Server) -> None:
        while seconds:
            await trio.sleep(self.world.weather.rng.expovariate(1 / seconds))
            await mishap(*what)

    async def _spool(self) -> None:
        """Let new records come, in bursts."""
        weather = self.world.weather
        left = weather.plan.records - weather.plan.records // 3
        while left > 0:
            await trio.sleep(weather.rng.uniform(0.5, 12))
            count = min(left, weather.rng.randint(1, 12))
            left -= count
            self.world.spool(count)

    def _somebody(self) -> Engine:
        return self.world.weather.rng.choice(self.engines)

    async def _crash(self) -> None:
        life = self._somebody().life
        if life is not None:
            life.wire.die()

    async def _freeze(self) -> None:
        life = self._somebody().life
        if life is not None:
            life.wire.freeze()

    async def _stop(self) -> None:
        life = self._somebody().life
        if life is not None:
            self.world.weather.count("soft stop")
            life.stop_softly()

    async def _step_clock(self) -> None:
        life = self._somebody().life
        if life is not None:
            life.wire.clock_offset = self.world.weather.rng.uniform(-170_000, 170_000)

    async def _reset(self) -> None:
        weather = self.world.weather
        collector = weather.rng.choice(self.world.collectors)
        weather.note("!", f"{collector.name} is reset")
        weather.count("reset")
        gone = collector.waiting
        self.world.reset(collector)
        if weather.rng.random() < 0.5:  # its operator feeds it the same log again
            for row in gone:
                collector.add(row.seen)

    async def _let_queue_fall_back(self) -> None:
        """Crash the queue; it comes back without what it did last."""
        snapshot = self.world.queue.snapshot()
        await trio.sleep(self.world.weather.rng.choice((0.05, 0.5, 2, 8)))
        self.world.weather.note("!", "the queue loses its last writes")
        self.world.weather.count("queue fell back")
        self._restart_queue(snapshot)

    async def _empty_queue(self) -> None:
        self.world.weather.note("!", "the queue is emptied")
        self.world.weather.count("queue emptied")
        self._restart_queue(Snapshot({}, {}, {}))

    def _restart_queue(self, snapshot: Snapshot) -> None:
        self.world.fall_back(snapshot)
        self.world.queue.server.go_away(self.world.weather.rng.choice((0, 0.3, 3)))

    async def _take_away(self, server: Server) -> None:
        """Let a server be away, refusing or hanging."""
        weather = self.world.weather
        seconds = weather.rng.choice((1, 5, 20, 40))
        server.go_away(seconds, hangs=weather.rng.random() < 0.5)
        weather.note("!", f"{server.name} {'hangs' if server.hangs else 'is away'} for {seconds} s")
        weather.count(f"{server.name} away")
        await trio.sleep(seconds)
