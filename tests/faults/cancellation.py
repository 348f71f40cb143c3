"""Redis commands cancelled at random moments, by the thousand, on a network whose answers come when they like.

Two engines share one queue through a jittering proxy: they fetch, claim, renew and settle, and ask for an echo now and
then. More than half of their commands are cancelled. In the end every answer must have belonged to its question, every
delivery be settled, held by an engine that knows of it, or claimable again, and every connection be closed.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import trio
from attrs import define, field

from adapters.queues.redis import RedisQueue
from adapters.queues.redis_client import Limits
from adapters.queues.scripts import Script
from engine.delivery import Cursor, Delivery
from tests.contracts.queue_worlds import RedisWorld, page
from tests.faults.proxy import FaultProxy, Toxics
from tests.servers.redis import RedisServer

JITTER_SECONDS: Final = 0.002
LEASE_SECONDS: Final = 3_600.0
PAGE_SIZE: Final = 10
ENOUGH_DEPTH: Final = 60
WORKERS: Final = 3
ASKERS: Final = 3
PATIENCE_SECONDS: Final = 120.0
REPEAT: Final = Script("return ARGV[1]")

Record = tuple[str, int]
"""Source and number; in this suite a delivery has one record."""


@define(eq=False)
class Storm:
    """Decides which command is cancelled when, until enough of them were; and keeps the books of all engines.

    `holders` says in whose hands a delivery is, from the claim until it is about to be settled.
    """

    dice: random.Random
    wanted: int
    cancelled: int = 0
    answered: int = 0
    problems: Counter[str] = field(factory=Counter)
    holders: dict[str, str] = field(factory=dict)
    acked: set[Record] = field(factory=set)
    doubtful: set[Record] = field(factory=set)
    _patience_seconds: float = 0.02  # follows the machine, so that three commands of five are cancelled on any

    @property
    def rages(self) -> bool:
        """Whether there are commands left to cancel."""
        return self.cancelled < self.wanted

    @contextmanager
    def hurry(self) -> Iterator[trio.CancelScope]:
        """Cancel what happens inside, if it does not end before a moment drawn at random."""
        with trio.move_on_after(self.dice.random() * self._patience_seconds) as scope:
            yield scope
        if scope.cancelled_caught:
            self.cancelled += 1
            self._patience_seconds *= 1.05
        else:
            self.answered += 1
            self._patience_seconds *= 0.93

    def expect(self, *, true: bool, otherwise: str) -> None:
        """Note a problem."""
        if not true:
            self.problems[otherwise] += 1


@define(eq=False)
class Engine:
    """One engine on the queue, reduced to what it asks of Redis."""

    name: str
    queue: RedisQueue
    storm: Storm
    hands: dict[str, Delivery] = field(factory=dict)
    cursor: Cursor = field(factory=Cursor)
    _asked: int = 0

    async def fetch(self) -> None:
        """Put page after page, and find out by the cursor what became of one whose put was cancelled."""
        while self.storm.rages:
            first = self.cursor.sequence + 1
            intake = page(self.cursor, range(first, first + PAGE_SIZE), source=self.name)
            with self.storm.hurry() as scope:
                stored = await self.queue.put(intake)
                self.storm.expect(true=stored, otherwise="a page was refused")
            found = await self._stored_cursor()
            allowed = (self.cursor, intake.end) if scope.cancelled_caught else (intake.end,)
            self.storm.expect(true=found in allowed, otherwise="the cursor is not where a put has left it")
            self.cursor = found
            await self._wait_for_room()

    async def _stored_cursor(self) -> Cursor:
        while True:
            with self.storm.hurry():
                return await self.queue.cursor(self.name)

    async def _wait_for_room(self) -> None:
        while self.storm.rages:
            with self.storm.hurry():
                if await self.queue.depth() < ENOUGH_DEPTH:
                    return

    async def work(self) -> None:
        """Claim and settle."""
        while self.storm.rages:
            taken: Sequence[Delivery] = []
            with self.storm.hurry():
                taken = await self.queue.claim(2, 0)
                self.take(taken)
            for delivery in taken:
                if self.storm.dice.random() < 0.3:
                    await self._renew()
                await self._settle(delivery)

    def take(self, deliveries: Sequence[Delivery]) -> None:
        """They are in these hands now, and were in nobody's."""
        for delivery in deliveries:
            self.storm.expect(true=delivery.id not in self.storm.holders, otherwise="a delivery is held twice")
            self.storm.expect(true=record_of(delivery) not in self.storm.acked, otherwise="acked, and claimed again")
            self.storm.holders[delivery.id] = self.name
            self.hands[delivery.id] = delivery

    async def _renew(self) -> None:
        asked = list(self.hands.values())
        with self.storm.hurry():
            kept = {delivery.id for delivery in await self.queue.renew(asked)}
            still = {delivery.id for delivery in asked if self.hands.get(delivery.id) is delivery}
            self.storm.expect(true=still <= kept, otherwise="a lease was lost")

    async def _settle(self, delivery: Delivery) -> None:
        del self.hands[delivery.id], self.storm.holders[delivery.id]
        choice = self.storm.dice.random()
        with self.storm.hurry() as scope:
            if choice < 0.6:
                await self.queue.ack([delivery])
            elif choice < 0.8:
                await self.queue.nack(delivery, 0)
            else:
                await self.queue.release([delivery])
        if choice < 0.6:
            (self.storm.doubtful if scope.cancelled_caught else self.storm.acked).add(record_of(delivery))

    async def ask(self) -> None:
        """Ask for what nobody else is answered."""
        server = self.queue._server
        while self.storm.rages:
            self._asked += 1
            word = f"{self.name}-{self._asked}".encode()
            with self.storm.hurry():
                if self._asked % 2:
                    answer = await server.ask(bytes, "ECHO", word)
                else:
                    answer = await server.run(bytes, REPEAT, [], word)
                self.storm.expect(true=answer == word, otherwise="an answer to another question")


def record_of(delivery: Delivery) -> Record:
    """What the delivery is about."""
    return delivery.batch.source, delivery.batch.first


async def run_storm(server: RedisServer, seed: int, wanted: int) -> Storm:
    """Two engines, until so many commands were cancelled; then everything is looked for."""
    storm = Storm(random.Random(seed), wanted)
    with server.connect() as client, trio.fail_after(PATIENCE_SECONDS):
        client.ping()
        fds = _open_fds()
        async with FaultProxy("127.0.0.1", server.port, seed=seed) as proxy:
            world = RedisWorld(f"redis://127.0.0.1:{proxy.port}/0", client)
            async with world.open(lease_seconds=LEASE_SECONDS) as one, world.open(lease_seconds=LEASE_SECONDS) as two:
                assert isinstance(one, RedisQueue)
                assert isinstance(two, RedisQueue)
                engines = [Engine("one", one, storm), Engine("two", two, storm)]
                proxy.poison(Toxics(jitter_seconds=JITTER_SECONDS))
                await _rage(engines)
                proxy.heal()
                await _look_for_owners(engines, world, storm)
                connections = proxy.counts.open
                storm.expect(true=connections <= len(engines) * Limits().connections, otherwise="too many connections")
            await proxy.wait_until(lambda counts: counts.open == 0)
            async with world.open(lease_seconds=LEASE_SECONDS) as last:
                world.pass_time(LEASE_SECONDS + 1)
                _look_for_records(engines, await last.claim(100_000, 0), storm)
            await proxy.wait_until(lambda counts: counts.open == 0)
        storm.expect(true=_open_fds() == fds, otherwise=f"{_open_fds() - fds} descriptors more than before")
    return storm


async def _rage(engines: Sequence[Engine]) -> None:
    async with trio.open_nursery() as nursery:
        for engine in engines:
            nursery.start_soon(engine.fetch)
            for _ in range(WORKERS):
                nursery.start_soon(engine.work)
            for _ in range(ASKERS):
                nursery.start_soon(engine.ask)


async def _look_for_owners(engines: Sequence[Engine], world: RedisWorld, storm: Storm) -> None:
    """After one more claim, whatever is booked as an engine's is known there; no command is on its way any more."""
    for engine in engines:
        engine.take(await engine.queue.claim(5, 0))
    known = {engine.queue._instance.encode(): engine.queue._holdings.known for engine in engines}
    for name, consumer, _ in world.pending():
        owned = consumer == b"-" or name.decode() in known[consumer]
        storm.expect(true=owned, otherwise="a delivery is booked as an engine's that does not know of it")
    for engine in engines:
        renewed = {delivery.id for delivery in await engine.queue.renew(list(engine.hands.values()))}
        storm.expect(true=renewed == engine.hands.keys(), otherwise="a delivery in hand is somebody else's")


def _look_for_records(engines: Sequence[Engine], left: Sequence[Delivery], storm: Storm) -> None:
    """What was put and not acked is there once, whatever was acked is not."""
    put = {(engine.name, number) for engine in engines for number in range(1, engine.cursor.sequence + 1)}
    found = Counter(record_of(delivery) for delivery in left)
    storm.expect(true=max(found.values(), default=1) == 1, otherwise="a record is there twice")
    storm.expect(true=not found.keys() & storm.acked, otherwise="a record was acked, and is there")
    storm.expect(true=found.keys() <= put, otherwise="a record is there that nobody put")
    lost = put - found.keys() - storm.acked - storm.doubtful
    storm.expect(true=not lost, otherwise=f"{len(lost)} records are lost")


def _open_fds() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
