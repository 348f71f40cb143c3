"""One engine process of the model: ownership, worker, and the calls over a network that loses requests and replies.

The sequence of calls is that of `engine.ownership`, `engine.source_line` and `engine.worker`.
"""

from collections.abc import Callable, Generator
from typing import ParamSpec, Protocol, TypeVar

from attrs import define, field

from engine.confirmer import FAREWELL_SECONDS
from engine.errors import UnavailableError
from engine.ownership import LEASE_SECONDS, RENEW_SECONDS, STANDBY_SECONDS
from tests.faults.model.timeline import Actor, Process, Scope
from tests.faults.model.world import World

P = ParamSpec("P")
R = TypeVar("R")

TIMEOUT_SECONDS = 3.0
RETRY_SECONDS = 1.0
IDLE_SECONDS = 3.0


class Fetching(Protocol):
    """Brings pages into the queue, for ever."""

    def run(self, on_reset: Callable[[], None]) -> Actor: ...


class Confirming(Protocol):
    """Tells the collector what to forget, for one ownership."""

    def run(self) -> Actor: ...
    def source_was_reset(self) -> None: ...
    def farewell(self) -> Actor: ...


@define(eq=False)
class Engine:
    """A process that fetches, confirms and writes."""

    world: World
    name: str
    process: Process
    page_size: int
    open_fetching: Callable[["Engine"], Fetching]
    open_confirming: Callable[["Engine"], Confirming]
    until: float = -1.0
    _working: Scope = field(init=False)
    _tenure: Scope | None = None
    _confirming: Confirming | None = None

    def start(self) -> None:
        """Begin: one actor for the ownership, two workers."""
        self._working = Scope(self.process)
        self.world.timeline.start(self._own(), self._working)
        for _ in range(2):
            self.world.timeline.start(self._work(), self._working, self.world.lag())

    def stop(self, gone: Callable[[], None]) -> None:
        """Soft stop: end everything, settle the account, then be gone."""
        if self.process.is_alive and self._working.is_open:
            self._working.is_open = False
            self.world.timeline.start(self._leave(gone), Scope(self.process))

    @property
    def now(self) -> float:
        """The time."""
        return self.world.timeline.now

    def seconds_left(self) -> float:
        """`engine.ownership.Ownership.seconds_left`."""
        return self.until - self.now

    def call(self, effect: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Generator[float, None, R]:
        """One call of a server: the request may be lost, and so may the reply."""
        world, lost = self.world, self.world.faults.lost_chance
        yield world.lag()
        if world.happens(lost):
            yield TIMEOUT_SECONDS
            raise UnavailableError
        answer = effect(*args, **kwargs)
        yield world.lag()
        if world.happens(lost):
            yield TIMEOUT_SECONDS
            raise UnavailableError
        return answer

    def insist(self, effect: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Generator[float, None, R]:
        """`engine.outage.Outage.wait_for`."""
        while True:
            try:
                return (yield from self.call(effect, *args, **kwargs))
            except UnavailableError:
                yield RETRY_SECONDS

    def _own(self) -> Actor:
        while True:
            while not (yield from self._renew()):
                yield STANDBY_SECONDS
            self.world.note(self.name, "owns the source")
            confirming = self._confirming = self.open_confirming(self)
            tenure = self._tenure = Scope(self.process)
            self.world.timeline.start(self.open_fetching(self).run(confirming.source_was_reset), tenure)
            self.world.timeline.start(confirming.run(), tenure)
            yield from self._keep()
            self.world.note(self.name, "lost the source")
            yield from self._abdicate()

    def _keep(self) -> Actor:
        while True:
            yield RENEW_SECONDS
            if not (yield from self._renew()):
                return

    def _renew(self) -> Generator[float, None, bool]:
        asked_at = self.now
        held = yield from self.insist(self._acquire)
        self.until = asked_at + LEASE_SECONDS if held else -1.0
        return held

    def _acquire(self) -> bool:
        return self.world.queue.acquire(self.name, LEASE_SECONDS, self.now)

    def _abdicate(self) -> Actor:
        """End what runs under the ownership, then the ownership."""
        self.until = -1.0
        if self._tenure is None or self._confirming is None:
            return
        self._tenure.is_open = False
        yield self.world.random.random() * FAREWELL_SECONDS
        yield from self._confirming.farewell()
        self._tenure = self._confirming = None
        try:
            yield from self.call(self.world.queue.resign, self.name)
        except UnavailableError:
            return

    def _leave(self, gone: Callable[[], None]) -> Actor:
        self.world.note(self.name, "stops")
        yield from self._abdicate()
        self.process.is_alive = False
        gone()

    def _work(self) -> Actor:
        world, queue = self.world, self.world.queue
        while True:
            ids = queue.claimable(self.now)
            if not ids:
                yield IDLE_SECONDS
                continue
            parcel = queue.claim(id_ := world.random.choice(ids), self.now)
            yield world.random.random() * world.write_seconds if world.is_stormy else 0.0
            if world.happens(0.05):  # failed, later
                queue.release(id_)
                continue
            yield from self.insist(world.database.write, parcel.marks)
            yield from self.insist(queue.ack, id_)
