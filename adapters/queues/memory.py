"""The queue in memory: direct mode, without persistence, on trio's clock.

One store may serve several engines of one process, which is how simulations run many of them.
"""

from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count

import trio
from attrs import define, field

from engine.delivery import Batch, Cursor, Debt, Delivery, Intake, Mark


@define(eq=False)
class Entry:
    """A batch in the store. On lease while `free_at` lies ahead and `owner` is set."""

    id: str
    batch: Batch
    attempt: int = 0
    owner: object = None
    free_at: float = 0.0


@define(eq=False)
class SourceState:
    """What is known of one source: cursor, marks of its epoch, who owns it until when."""

    cursor: Cursor = Cursor()
    marks: list[Mark] = field(factory=list)
    owner: object = None
    owned_until: float = 0.0


@define(eq=False)
class MemoryStore:
    """What all engines on it share."""

    lease_seconds: float
    deliveries: dict[str, Entry] = field(factory=dict)
    dead: dict[str, tuple[Batch, str]] = field(factory=dict)
    sources: dict[str, SourceState] = field(factory=dict)
    changed: trio.Event = field(factory=trio.Event)
    numbers: "count[int]" = field(factory=lambda: count(1))

    def source(self, name: str) -> SourceState:
        """The state of a source, made at its first mention."""
        return self.sources.setdefault(name, SourceState())

    def notify(self) -> None:
        """Wake every claim that waits."""
        self.changed.set()
        self.changed = trio.Event()


@define(eq=False)
class MemoryQueue:
    """One engine's view of a store."""

    store: MemoryStore

    async def acquire(self, source: str, seconds: float) -> bool:
        """See `engine.ports.Queue`, here and below."""
        await trio.lowlevel.checkpoint()
        state, now = self.store.source(source), trio.current_time()
        if state.owner is not self and state.owned_until > now:
            return False
        state.owner, state.owned_until = self, now + seconds
        return True

    async def resign(self, source: str) -> None:
        await trio.lowlevel.checkpoint()
        state = self.store.source(source)
        if state.owner is self:
            state.owned_until = 0.0

    async def cursor(self, source: str) -> Cursor:
        await trio.lowlevel.checkpoint()
        return self.store.source(source).cursor

    async def put(self, intake: Intake) -> bool:
        await trio.lowlevel.checkpoint()
        state = self.store.source(intake.source)
        if state.owner is not self and state.owned_until > trio.current_time():
            return False
        if state.cursor == intake.end != intake.start:
            return True
        if state.cursor != intake.start:
            return False
        if intake.end.epoch != state.cursor.epoch:
            state.marks = []
        state.cursor = intake.end
        state.marks += intake.marks
        for batch in intake.batches:
            name = str(next(self.store.numbers))
            self.store.deliveries[name] = Entry(name, batch)
        self.store.notify()
        return True

    async def claim(self, limit: int, wait_seconds: float) -> Sequence[Delivery]:
        await trio.lowlevel.checkpoint()
        until = trio.current_time() + wait_seconds
        while True:
            claimed = self._claim(limit)
            now = trio.current_time()
            if claimed or now >= until:
                return claimed
            due = min((entry.free_at for entry in self.store.deliveries.values()), default=until)
            with trio.move_on_at(min(until, max(due, now))):
                await self.store.changed.wait()

    def _claim(self, limit: int) -> list[Delivery]:
        now = trio.current_time()
        free = [entry for entry in self.store.deliveries.values() if entry.free_at <= now]
        free.sort(key=lambda entry: entry.attempt == 0)  # stable: what was claimed before comes first
        for entry in free[:limit]:
            entry.attempt += 1
            entry.owner, entry.free_at = self, now + self.store.lease_seconds
        return [Delivery(entry.id, entry.attempt, entry.batch) for entry in free[:limit]]

    def _mine(self, delivery: Delivery) -> Entry | None:
        entry = self.store.deliveries.get(delivery.id)
        return entry if entry is not None and entry.owner is self and entry.attempt == delivery.attempt else None

    async def renew(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        await trio.lowlevel.checkpoint()
        held = [(delivery, entry) for delivery in deliveries if (entry := self._mine(delivery))]
        for _, entry in held:
            entry.free_at = trio.current_time() + self.store.lease_seconds
        return [delivery for delivery, _ in held]

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        await trio.lowlevel.checkpoint()
        for delivery in deliveries:
            self.store.deliveries.pop(delivery.id, None)

    async def nack(self, delivery: Delivery, delay_seconds: float) -> None:
        await trio.lowlevel.checkpoint()
        if entry := self._mine(delivery):
            entry.owner = None
            entry.free_at = trio.current_time() + min(delay_seconds, self.store.lease_seconds)
            self.store.notify()

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        await trio.lowlevel.checkpoint()
        for delivery in deliveries:
            if entry := self._mine(delivery):
                entry.owner, entry.free_at, entry.attempt = None, 0.0, entry.attempt - 1
        self.store.notify()

    async def dead_letter(self, delivery: Delivery, reason: str) -> None:
        await trio.lowlevel.checkpoint()
        if self._mine(delivery):
            entry = self.store.deliveries.pop(delivery.id)
            self.store.dead[delivery.id] = (entry.batch, reason)

    async def depth(self) -> int:
        await trio.lowlevel.checkpoint()
        return len(self.store.deliveries)

    async def debt(self, source: str, front: Mark, limit: int, since: Mark | None = None) -> Debt | None:
        await trio.lowlevel.checkpoint()
        state = self.store.source(source)
        at = bisect_left(state.marks, front)
        if at == len(state.marks) or state.marks[at] != front:
            return None
        moved = at - bisect_left(state.marks, since) if since is not None else 0
        unsettled = [entry.batch for entry in self.store.deliveries.values()]
        unsettled += [batch for batch, _ in self.store.dead.values()]
        here = [batch.first for batch in unsettled if (batch.source, batch.epoch) == (source, state.cursor.epoch)]
        end = bisect_left(state.marks, Mark(min(here), 0)) if here else len(state.marks)
        del state.marks[:at]
        return Debt(min(max(end - at, 0), limit), max(moved, 0))

    async def durability_warnings(self) -> Sequence[str]:
        """One line: it forgets everything, which only a collector's own spool makes good."""
        return ["queue.url is memory://: what is not yet written is lost when the process ends, and pulled again"]


@asynccontextmanager
async def open_queue(*, lease_seconds: float) -> AsyncIterator[MemoryQueue]:
    """Open a store of one's own, with one engine on it."""
    yield MemoryQueue(MemoryStore(lease_seconds=lease_seconds))
