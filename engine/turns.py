"""Writers of one process take turns at the addresses they write, so that none waits in the database for another's rows.

A wait there costs the server time, and here nothing. It is a courtesy: writers of other processes are not known here,
and whoever has waited long enough goes ahead; what keeps rows and counters right are the locks of the database.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import takewhile

import trio
from attrs import define, field, frozen

from engine.delivery import Batch, Written
from engine.ports import Sink
from engine.sighting import Facts
from engine.slots import SLOTS, covered

FEW = 500
"""A write of fewer sightings takes no turn: few addresses are seldom those of another, and more time may be spent
on the way to the server. Nor does one that was not divided by slots: it would have all others wait."""
PATIENCE_SECONDS = 5.0
"""How long a write waits at most: one whose connection is dead, which shows after half a minute, holds up nobody."""

Slot = tuple[str, int]
"""A botnet type, and a slot of its addresses."""


@frozen(eq=False)
class _Ticket:
    slots: frozenset[Slot]


@define(eq=False)
class Turns:
    """Who writes which slots now, and who waits for them: first come, first served."""

    _tickets: list[_Ticket] = field(factory=list)
    _moved: trio.Event = field(factory=trio.Event)

    @asynccontextmanager
    async def at(self, slots: frozenset[Slot]) -> AsyncIterator[None]:
        """Wait until nobody who came before is at any of these slots, PATIENCE_SECONDS at most, and be there."""
        ticket = _Ticket(slots)
        self._tickets.append(ticket)
        try:
            with trio.move_on_after(PATIENCE_SECONDS):
                while any(slots & other.slots for other in takewhile(lambda other: other is not ticket, self._tickets)):
                    await self._moved.wait()
            yield
        finally:
            self._tickets.remove(ticket)
            moved, self._moved = self._moved, trio.Event()
            moved.set()

    @asynccontextmanager
    async def sink(self, open_sink: Callable[[], AbstractAsyncContextManager[Sink]]) -> AsyncIterator[Sink]:
        """Open a writer that takes turns with the others."""
        async with open_sink() as sink:
            yield _InTurn(sink, self)


@frozen(eq=False)
class _InTurn:
    """A writer that waits for its turn before each write of so many sightings that were divided by slots."""

    sink: Sink
    turns: Turns

    async def write(self, batches: Sequence[Batch], facts: Mapping[str, Facts]) -> Sequence[Written]:
        """Write in turn: see `engine.ports.Sink`."""
        async with self.turns.at(_slots(batches)):
            return await self.sink.write(batches, facts)


def _slots(batches: Sequence[Batch]) -> frozenset[Slot]:
    if sum(len(batch.sightings) for batch in batches) < FEW:
        return frozenset()
    told = (batch for batch in batches if batch.sightings)
    slots = frozenset((batch.botnet_type, slot) for batch in told for slot in covered(batch.sightings))
    return slots if len(slots) < SLOTS else frozenset()
