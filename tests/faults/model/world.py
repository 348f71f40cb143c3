"""One run: servers, network, engines coming and going, and the judge who sees every confirm arrive."""

from collections.abc import Callable, Sequence
from enum import Enum
from random import Random

from attrs import define, field, frozen

from engine.delivery import Mark
from tests.faults.model.collector import Collector
from tests.faults.model.faults import Faults
from tests.faults.model.servers import Database, Queue
from tests.faults.model.timeline import Actor, Scope, Timeline

ROUND_TRIP_SECONDS = 12.0


class Cause(Enum):
    """Why a confirm hid a record that was not committed."""

    RESET_IN_ROUND_TRIP = "the collector was reset between the probe and the confirm"
    RESET_UNDER_LATE_CONFIRM = "the collector was reset while a confirm of unknown fate was under way"
    CLOCK = "the collector's clock stepped back"
    PROTOCOL = "the protocol"
    NEVER_CAME = "nobody hid it, and it never came"


DOCUMENTED = frozenset({Cause.RESET_IN_ROUND_TRIP, Cause.RESET_UNDER_LATE_CONFIRM})


@frozen
class Flight:
    """A confirm under way: what it was decided on, and when."""

    engine: str
    count: int
    incarnation: int
    decided_at: float


@define
class Judge:
    """Sees what a client cannot: which records were hidden before they were committed, and why."""

    database: Database
    generated: int = 0
    hidden: dict[int, Cause] = field(factory=dict)
    forgotten: set[int] = field(factory=set)
    confirmed: int = 0
    beyond_promise: int = 0

    def arrived(self, flight: Flight, hidden: Sequence[Mark], collector: Collector, now: float) -> None:
        """Look at a confirm that was carried out."""
        self.confirmed += len(hidden)
        rows = self.database.rows
        early = [mark for mark in hidden if mark.fingerprint not in rows]
        if early:
            cause = self._cause(flight, hidden, collector, now)
            self.hidden.update((mark.fingerprint, cause) for mark in early)

    @staticmethod
    def _cause(flight: Flight, hidden: Sequence[Mark], collector: Collector, now: float) -> Cause:
        if flight.incarnation != collector.incarnation:
            within = now - flight.decided_at <= ROUND_TRIP_SECONDS
            return Cause.RESET_IN_ROUND_TRIP if within else Cause.RESET_UNDER_LATE_CONFIRM
        oldest_left = collector.pull(1, 0)
        if oldest_left and oldest_left[0] < max(hidden):
            return Cause.CLOCK
        return Cause.PROTOCOL

    def gone(self) -> dict[int, Cause]:
        """Every record that is not in the database, and why; to be asked when all is quiet."""
        rows = self.database.rows
        return {
            number: self.hidden.get(number, Cause.NEVER_CAME)
            for number in range(1, self.generated + 1)
            if number not in rows and number not in self.forgotten
        }


@define(eq=False)
class World:
    """Everything outside the engines."""

    faults: Faults
    random: Random
    timeline: Timeline
    collector: Collector
    queue: Queue
    database: Database
    judge: Judge
    scope: Scope = field(factory=Scope)
    write_seconds: float = 0.0
    is_stormy: bool = True
    flights: int = 0
    trace: list[str] | None = None

    def note(self, *words: object) -> None:
        """One line of the run's story."""
        if self.trace is not None:
            self.trace.append(f"{self.timeline.now:8.2f}  {' '.join(map(str, words))}")

    def happens(self, chance: float) -> bool:
        """Throw the dice; after the storm nothing happens any more."""
        return self.is_stormy and chance > 0.0 and self.random.random() < chance

    def lag(self) -> float:
        """How long one leg of a call takes."""
        return 0.02 if not self.is_stormy else 0.02 + self.faults.lag_seconds * self.random.random()

    def disturb(self, every: float, event: Callable[[], None]) -> None:
        """Let something happen again and again, as long as it storms."""
        if every:
            self.timeline.start(self._disturbing(every, event), self.scope)

    def _disturbing(self, every: float, event: Callable[[], None]) -> Actor:
        while True:
            yield self.random.expovariate(1 / every)
            if not self.is_stormy:
                return
            event()

    def grow(self) -> None:
        """A few more records are spooled."""
        for _ in range(self.random.randint(1, 8)):
            self.judge.generated += 1
            self.collector.add(self.judge.generated, self.timeline.now, int(self.random.random() < 0.2))

    def reset_collector(self) -> None:
        """Delete the spool: what is in it and nowhere else is gone, and nobody's fault."""
        self.judge.forgotten.update(mark.fingerprint for mark in self.collector.reset())
        self.note("collector reset")

    def roll_queue_back(self) -> None:
        """Crash the queue's server; its last writes are gone."""
        writes = self.random.randint(1, 12)
        self.queue.roll_back(writes)
        self.note("queue rolled back by", writes, "to", self.queue.cursor)

    def forget_owner(self) -> None:
        """The queue loses nothing but the lease on the source: an early expiry, or the last write alone."""
        self.queue.owner = ("", 0.0)
        self.note("queue forgets the owner")

    def wipe_queue(self) -> None:
        """Empty the queue."""
        self.queue.wipe()
        self.note("queue emptied")

    def step_clock(self) -> None:
        """The collector's clock jumps back."""
        self.collector.clock_offset -= self.random.randint(1, 30)
        self.note("collector's clock stepped back")

    def send(self, flight: Flight, travel: float) -> list[bool]:
        """Put a confirm on its way; the list holds True once it has been carried out."""
        carried_out: list[bool] = []
        if self.timeline.now + travel - flight.decided_at > self.faults.quarantine_seconds:
            self.judge.beyond_promise += 1  # the protocol assumes that nothing is under way for longer
            return carried_out
        self.flights += 1
        self.timeline.start(self._flying(flight, travel, self.collector.incarnation, carried_out), self.scope)
        return carried_out

    def _flying(self, flight: Flight, travel: float, sent_to: int, carried_out: list[bool]) -> Actor:
        yield travel
        self.flights -= 1
        if sent_to != self.collector.incarnation and not self.faults.late_outlives_reset:
            return
        hidden = self.collector.confirm(flight.count)
        carried_out.append(True)
        self.note("confirm of", flight.engine, "arrives, hides", [mark.sequence for mark in hidden])
        self.judge.arrived(flight, hidden, self.collector, self.timeline.now)


def new_world(faults: Faults, seed: int, trace: list[str] | None) -> World:
    """A world at the beginning of time, its disturbances under way."""
    random = Random(seed)
    database = Database()
    world = World(
        faults=faults,
        random=random,
        timeline=Timeline(random),
        collector=Collector(),
        queue=Queue(keeps_history=bool(faults.rollback_every)),
        database=database,
        judge=Judge(database),
        write_seconds=random.choice(faults.write_seconds),
        trace=trace,
    )
    world.disturb(random.choice(faults.growth_every), world.grow)
    world.disturb(faults.rollback_every, world.roll_queue_back)
    world.disturb(faults.wipe_every, world.wipe_queue)
    world.disturb(faults.forget_owner_every, world.forget_owner)
    world.disturb(faults.reset_every, world.reset_collector)
    world.disturb(faults.clock_step_every, world.step_clock)
    return world
