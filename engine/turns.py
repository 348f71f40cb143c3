"""Writers of one process take turns at the addresses they write, so that none waits in the database for another's rows.

A wait there costs the server a tenth of its time with eight writers of one botnet type, and here nothing. Writers of
other processes are not known here: for them there are the locks of the database.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import takewhile

import trio
from attrs import define, field, frozen

from engine.delivery import Batch, Written
from engine.ports import Sink
from engine.sighting import Facts
from engine.slots import covered

FEW = 500
"""Sightings below which a write waits for nobody: few addresses are seldom those of another, and time may be spent on
the way to the server more than in it."""

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
        """Wait until nobody who came before is at any of these slots; they are the caller's until the block ends."""
        ticket = _Ticket(slots)
        self._tickets.append(ticket)
        try:
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
    """A writer that waits for its turn before each write of more than a FEW sightings."""

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
    return frozenset((batch.botnet_type, slot) for batch in told for slot in covered(batch.sightings))
