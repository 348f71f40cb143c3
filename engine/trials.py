"""Trying the records of a delivery one by one, after engines kept dying with it in hand.

Whoever tries is the only worker that writes in this engine: should the engine die meanwhile, no neighbour was the
reason, and it counts against the right record.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from attrs import define, field

from engine.ports import TrialLog


@define(eq=False)
class Trials:
    """Shared by all workers of an engine, `workers` of them. `log` remembers across the deaths of engines."""

    log: TrialLog
    workers: int
    _places: trio.Semaphore = field(init=False, repr=False)
    _asking: trio.Lock = field(factory=trio.Lock, repr=False)

    def __attrs_post_init__(self) -> None:
        self._places = trio.Semaphore(self.workers)

    @asynccontextmanager
    async def in_company(self) -> AsyncIterator[None]:
        """Write an ordinary delivery inside."""
        async with self._places:
            yield

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Wait until no other worker writes, and keep it so inside."""
        taken = 0
        async with self._asking:
            try:
                while taken < self.workers:
                    await self._places.acquire()
                    taken += 1
                yield
            finally:
                for _ in range(taken):
                    self._places.release()
