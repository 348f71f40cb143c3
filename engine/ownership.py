"""Being the one engine that fetches and confirms a source, and knowing for how much longer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
import trio
from attrs import define, field

from engine.outage import Outage
from engine.ports import Queue

LEASE_SECONDS = 30.0
RENEW_SECONDS = 10.0
STANDBY_SECONDS = 2.0
RESIGN_SECONDS = 0.3


@define(eq=False)
class Ownership:
    """A lease on a source, kept by this engine for as long as the scope of `owned` is open.

    The remaining time counts from before the lease was asked for, on the monotonic clock: an engine that
    was frozen finds it run out.
    """

    source: str
    queue: Queue
    outage: Outage
    _until: float = -1.0
    _log: structlog.stdlib.BoundLogger = field(factory=structlog.get_logger, repr=False)

    def seconds_left(self) -> float:
        """How long nobody else can own the source; 0 or less: somebody may."""
        return self._until - trio.current_time()

    async def claim(self) -> None:
        """Wait until the source is ours."""
        standing_by = False
        while not await self._renew():
            if not standing_by:
                standing_by = True
                self._log.info("another engine fetches this source, standing by", source=self.source)
            await trio.sleep(STANDBY_SECONDS)
        if standing_by:
            self._log.info("taking over", source=self.source)

    async def _renew(self) -> bool:
        asked_at = trio.current_time()
        held = await self.outage.wait_for(self.queue.acquire, self.source, LEASE_SECONDS)
        self._until = asked_at + LEASE_SECONDS if held else -1.0
        return held

    @asynccontextmanager
    async def owned(self) -> AsyncIterator[None]:
        """Own the source inside; when it is lost the body is cancelled, and the context ends without an error."""
        try:
            await self.claim()  # whose answer may be lost: then too the source is given up at the end
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._keep, nursery.cancel_scope)
                yield
                nursery.cancel_scope.cancel()
        finally:
            self._until = -1.0
            with trio.CancelScope(shield=True, deadline=trio.current_time() + RESIGN_SECONDS):
                await self._resign()

    async def _keep(self, body: trio.CancelScope) -> None:
        while True:
            await trio.sleep(RENEW_SECONDS)
            if not await self._renew():
                self._log.warning("lost to another engine", source=self.source)
                body.cancel()

    async def _resign(self) -> None:
        try:
            await self.queue.resign(self.source)
        except Exception as error:  # noqa: BLE001 - leaving: the lease then runs out by itself
            self._log.debug("could not resign", source=self.source, error=str(error))
