"""The queue in memory: direct mode, without persistence, on trio's clock.

One store may serve several engines of one process, which is how simulations run many of them.
"""

from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count

import trio
from attrs import define, field

from adapters.queues.holdings import Holdings
from adapters.queues.identity import Identity
from adapters.queues.marks import forgettable_before
from engine.delivery import Batch, Cursor, Debt, Delivery, Intake, Mark


@define(eq=False)
class Entry:
    """A batch in the store. On lease while `free_at` lies ahead and `owner` is set."""

    id: str
    batch: Batch
    attempt: int = 0
    owner: str | None = None
    free_at: float = 0.0
    is_new: bool = True


@define(eq=False)
class SourceState:
    """What is known of one source: cursor, marks of its epoch, who owns it until when."""

    cursor: Cursor = field(factory=Cursor)
    marks: list[Mark] = field(factory=list)
    owner: str | None = None
    owned_until: float = 0.0


@define(eq=False)
class MemoryStore:
    """What all engines on it share."""

    lease_seconds: float
    deliveries: dict[str, Entry] = field(factory=dict)
    dead: dict[str, tuple[Batch, str]] = field(factory=dict)
    sources: dict[str, SourceState] = field(factory=dict)
    clock: Callable[[], float] = trio.current_time
    changed: trio.Event = field(factory=trio.Event)
    numbers: "count[int]" = field(factory=lambda: count(1))

    def source(self, name: str) -> SourceState:
        """The state of a source, made at its first mention."""
        return self.sources.setdefault(name, SourceState())

    def first_unsettled(self, source: str, epoch: int) -> int | None:
        """The lowest number among the batches of a source that are not settled, dead letters included."""
        unsettled = [entry.batch for entry in self.deliveries.values()] + [batch for batch, _ in self.dead.values()]
        here = [batch.first for batch in unsettled if (batch.source, batch.epoch) == (source, epoch)]
        return min(here, default=None)

    def notify(self) -> None:
        """Wake every claim that waits."""
        self.changed.set()
        self.changed = trio.Event()


def _new_instance() -> str:
    return Identity.new(None).instance


@define(eq=False)
class MemoryQueue:
    """One engine's view of a store. Every method yields first and then acts at once, so a cancelled one did nothing."""

    store: MemoryStore
    instance: str = field(factory=_new_instance)
    _holdings: Holdings = field(factory=Holdings, repr=False)

    async def acquire(self, source: str, seconds: float) -> bool:
        """See `engine.ports.Queue`, here and below."""
        await trio.lowlevel.checkpoint()
        state = self.store.source(source)
        if self._is_foreign(state):
            return False
        state.owner, state.owned_until = self.instance, self.store.clock() + seconds
        return True

    def _is_foreign(self, state: SourceState) -> bool:
        return state.owner != self.instance and state.owned_until > self.store.clock()

    async def resign(self, source: str) -> None:
        await trio.lowlevel.checkpoint()
        state = self.store.source(source)
        if state.owner == self.instance:
            state.owned_until = 0.0

    async def cursor(self, source: str) -> Cursor:
        await trio.lowlevel.checkpoint()
        return self.store.source(source).cursor

    async def put(self, intake: Intake) -> bool:
        await trio.lowlevel.checkpoint()
        state = self.store.source(intake.source)
        if state.cursor == intake.end != intake.start:
            return True
        if state.cursor != intake.start or self._is_foreign(state):
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
            claimed = self._take(limit)
            left = until - trio.current_time()
            if claimed or left <= 0:
                return claimed
            due = min((entry.free_at for entry in self._not_held()), default=float("inf"))
            with trio.move_on_after(min(left, max(0.0, due - self.store.clock()))):
                await self.store.changed.wait()

    def _not_held(self) -> list[Entry]:
        held = self._holdings.held
        return [each for each in self.store.deliveries.values() if each.owner != self.instance or each.id not in held]

    def _take(self, limit: int) -> list[Delivery]:
        self._take_back_orphans()
        now = self.store.clock()
        free = [entry for entry in self._not_held() if entry.free_at <= now]
        free.sort(key=lambda entry: entry.is_new)  # stable: what was claimed before comes first
        for entry in free[:limit]:
            entry.attempt, entry.is_new = entry.attempt + 1, False
            entry.owner, entry.free_at = self.instance, now + self.store.lease_seconds
        deliveries = [Delivery(entry.id, entry.attempt, entry.batch) for entry in free[:limit]]
        self._holdings.take(deliveries)
        return deliveries

    def _take_back_orphans(self) -> None:
        if self._holdings.in_doubt:
            known = self._holdings.known
            for entry in self.store.deliveries.values():
                if entry.owner == self.instance and entry.id not in known:
                    _set_free(entry)
            self._holdings.in_doubt = False

    def _mine(self, delivery: Delivery) -> Entry | None:
        entry = self.store.deliveries.get(delivery.id)
        is_mine = entry is not None and entry.owner == self.instance and entry.attempt == delivery.attempt
        return entry if is_mine else None

    async def renew(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        await trio.lowlevel.checkpoint()
        held = [(delivery, entry) for delivery in deliveries if (entry := self._mine(delivery))]
        for _, entry in held:
            entry.free_at = self.store.clock() + self.store.lease_seconds
        kept = [delivery for delivery, _ in held]
        self._holdings.keep_of(deliveries, kept)
        return kept

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        with self._holdings.settling(deliveries):
            await trio.lowlevel.checkpoint()
            for delivery in deliveries:
                self.store.deliveries.pop(delivery.id, None)

    async def nack(self, delivery: Delivery, delay_seconds: float) -> None:
        with self._holdings.settling([delivery]):
            await trio.lowlevel.checkpoint()
            if entry := self._mine(delivery):
                entry.owner = None
                entry.free_at = self.store.clock() + min(delay_seconds, self.store.lease_seconds)
                self.store.notify()

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        self._holdings.drop(deliveries)
        with self._holdings.doubting():
            await trio.lowlevel.checkpoint()
        for delivery in deliveries:
            if entry := self._mine(delivery):
                _set_free(entry)
        self.store.notify()

    async def dead_letter(self, delivery: Delivery, reason: str) -> None:
        with self._holdings.settling([delivery]):
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
        del state.marks[: bisect_left(state.marks, Mark(forgettable_before(front, since), 0))]
        at = bisect_left(state.marks, front)
        if at == len(state.marks) or state.marks[at] != front:
            return None
        moved = at - bisect_left(state.marks, Mark(since.sequence, 0)) if since is not None else 0
        first = self.store.first_unsettled(source, state.cursor.epoch)
        end = len(state.marks) if first is None else bisect_left(state.marks, Mark(first, 0))
        return Debt(max(0, min(end - at, limit)), max(0, moved))

    async def durability_warnings(self) -> Sequence[str]:
        """One line: it forgets everything, which only a source's own memory makes good."""
        await trio.lowlevel.checkpoint()
        return ["queue.url is memory://: what is not yet written is lost when the process ends, and pulled again"]


def _set_free(entry: Entry) -> None:
    entry.owner, entry.free_at, entry.attempt = None, 0.0, entry.attempt - 1


@asynccontextmanager
async def open_queue(*, lease_seconds: float = 60.0) -> AsyncIterator[MemoryQueue]:
    """Open a store of one's own, with one engine on it."""
    yield MemoryQueue(MemoryStore(lease_seconds=lease_seconds))
