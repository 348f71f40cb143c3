"""The queue in memory as a server that several engines share, that can lose its last writes, and that is far away."""

from collections import Counter
from collections.abc import Sequence
from copy import copy
from functools import partial

from attrs import define, evolve, field, frozen

from adapters.queues.memory import Entry, MemoryQueue, MemoryStore, SourceState
from engine.delivery import Batch, Cursor, Debt, Delivery, Intake, Mark
from tests.faults.simulation.weather import Server, Weather
from tests.faults.simulation.wire import LostError, Wire


@frozen
class Snapshot:
    """What the queue had on disk at one moment."""

    deliveries: dict[str, Entry]
    dead: dict[str, tuple[Batch, str]]
    sources: dict[str, SourceState]

    def copy(self) -> "Snapshot":
        """The same, untouched by what changes in this one."""
        return Snapshot(
            deliveries={name: copy(entry) for name, entry in self.deliveries.items()},
            dead=dict(self.dead),
            sources={name: evolve(state, marks=list(state.marks)) for name, state in self.sources.items()},
        )


@define(eq=False)
class QueueServer:
    """The store, and the reasons why deliveries may be tried again: by delivery, and refusals by batch."""

    store: MemoryStore
    server: Server
    weather: Weather
    fell_back: int = 0
    excuses: Counter[str] = field(factory=Counter)
    refusals: Counter[str] = field(factory=Counter)

    def snapshot(self) -> Snapshot:
        """Everything as it is now."""
        return Snapshot(self.store.deliveries, self.store.dead, self.store.sources).copy()

    def fall_back(self, snapshot: Snapshot) -> None:
        """Be as it was then, to clients that have to connect anew."""
        before = snapshot.copy()
        self.store.deliveries, self.store.dead, self.store.sources = before.deliveries, before.dead, before.sources
        self.fell_back += 1
        self.server.lives += 1
        self.store.notify()

    def refused(self, batch: Batch) -> None:
        """The database refused a batch, or a piece of one, for a reason nobody knows: it may be given back once."""
        self.refusals[evolve(batch, span=None).name] += 1

    def failed(self, delivery: Delivery) -> None:
        """A worker gave a delivery back as failed; without a refusal that is no excuse."""
        if self.refusals[delivery.batch.name] > 0:
            self.refusals[delivery.batch.name] -= 1
            self.excuses[delivery.id] += 1


@define(eq=False)
class QueueClient(MemoryQueue):
    """The queue of one life of an engine, watched: no attempt is counted without an excuse."""

    queue_server: QueueServer = field(kw_only=True)

    def _take(self, limit: int) -> list[Delivery]:
        self._take_back_orphans()
        owners = {name: entry.owner for name, entry in self.store.deliveries.items()}
        deliveries = super()._take(limit)
        excuses = self.queue_server.excuses
        for delivery in deliveries:
            if owners[delivery.id] is not None:  # its lease ran out
                excuses[delivery.id] += 1
            if delivery.attempt > 1 + excuses[delivery.id]:
                self.queue_server.weather.broken(
                    f"delivery {delivery.id} is at attempt {delivery.attempt} without an excuse"
                )
        return deliveries

    async def nack(self, delivery: Delivery, delay_seconds: float) -> None:
        if self._mine(delivery):
            self.queue_server.failed(delivery)
        await super().nack(delivery, delay_seconds)

    async def claim_for_nobody(self, limit: int) -> None:
        """A claim whose answer nobody hears."""
        self._holdings.drop(await self.claim(limit, 0))

    def doubt(self, taken: Sequence[Delivery]) -> None:
        """A claim may have succeeded, and its answer did not arrive."""
        self._holdings.drop(taken)
        self._holdings.in_doubt = True


@define(eq=False)
class QueueLink:
    """`engine.ports.Queue` over a wire."""

    client: QueueClient
    wire: Wire

    @property
    def _server(self) -> Server:
        return self.client.queue_server.server

    async def acquire(self, source: str, seconds: float) -> bool:
        effect = partial(self.client.acquire, source, seconds)
        return await self.wire.call(self._server, f"acquire {source}", effect, late=effect)

    async def resign(self, source: str) -> None:
        effect = partial(self.client.resign, source)
        await self.wire.call(self._server, f"resign {source}", effect, late=effect)

    async def cursor(self, source: str) -> Cursor:
        return await self.wire.call(self._server, "cursor", partial(self.client.cursor, source))

    async def put(self, intake: Intake) -> bool:
        effect = partial(self.client.put, intake)
        what = f"put {intake.source}:{intake.start.sequence}-{intake.end.epoch}:{intake.end.sequence}"
        return await self.wire.call(self._server, what, effect, late=effect)

    async def claim(self, limit: int, wait_seconds: float) -> Sequence[Delivery]:
        taken: list[Delivery] = []

        async def claim() -> str:
            with self._server.waiting() as scope:
                taken.extend(await self.client.claim(limit, wait_seconds))
            if scope.cancelled_caught:
                raise LostError("queue: connection lost")
            return _names(taken)

        try:
            await self.wire.call(self._server, "claim", claim, late=partial(self.client.claim_for_nobody, limit))
        except BaseException:
            self.client.doubt(taken)
            raise
        return taken

    async def renew(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        effect = partial(self.client.renew, deliveries)
        return await self.wire.call(self._server, f"renew {_names(deliveries)}", effect, late=effect)

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        effect = partial(self.client.ack, deliveries)
        with self.client._holdings.settling(deliveries):
            await self.wire.call(self._server, f"ack {_names(deliveries)}", effect, late=effect)

    async def nack(self, delivery: Delivery, delay_seconds: float) -> None:
        effect = partial(self.client.nack, delivery, delay_seconds)
        with self.client._holdings.settling([delivery]):
            await self.wire.call(self._server, f"nack {delivery.id}", effect, late=effect)

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        effect = partial(self.client.release, deliveries)
        self.client._holdings.drop(deliveries)
        with self.client._holdings.doubting():
            await self.wire.call(self._server, f"release {_names(deliveries)}", effect, late=effect)

    async def dead_letter(self, delivery: Delivery, reason: str) -> None:
        effect = partial(self.client.dead_letter, delivery, reason)
        with self.client._holdings.settling([delivery]):
            await self.wire.call(self._server, f"dead_letter {delivery.id}", effect, late=effect)

    async def depth(self) -> int:
        return await self.wire.call(self._server, "depth", self.client.depth)

    async def debt(self, source: str, front: Mark, limit: int, since: Mark | None = None) -> Debt | None:
        effect = partial(self.client.debt, source, front, limit, since)
        return await self.wire.call(self._server, f"debt from {front.sequence}", effect)

    async def durability_warnings(self) -> Sequence[str]:
        return await self.client.durability_warnings()


def _names(deliveries: Sequence[Delivery]) -> str:
    return " ".join(f"{delivery.id}/{delivery.attempt}" for delivery in deliveries)
