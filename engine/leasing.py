"""Takes deliveries on lease for the workers, keeps their leases alive, and gives back what was not finished.

Deliveries that wait at the same time are handed over in groups, see `engine.gathering`.
"""

from collections.abc import Callable, Iterable, Sequence

import structlog
import trio
from attrs import define, field

from engine.busy import Busy
from engine.delivery import Delivery
from engine.errors import UnavailableError
from engine.outage import Outage
from engine.ports import Queue

RELEASE_SECONDS = 0.3
CLAIM_LIMIT = 1000
"""Deliveries per claim, where they are small."""

Gather = Callable[[Sequence[Delivery]], Iterable[Sequence[Delivery]]]


@define(eq=False)
class Leasing:
    """All deliveries this engine has on lease: claimed, and not yet settled by a worker."""

    queue: Queue
    outage: Outage
    gather: Gather
    wait_seconds: float
    renew_seconds: float
    held: dict[str, Delivery] = field(factory=dict, repr=False)
    busy: Busy = field(factory=Busy, repr=False)
    _log: structlog.stdlib.BoundLogger = field(factory=structlog.get_logger, repr=False)

    async def claim_into(self, channel: trio.MemorySendChannel[Sequence[Delivery]]) -> None:
        """Claim for ever, handing over group by group: a channel nobody reads stops the claiming.

        Closes the channel when cancelled; what it had not handed over is released by `release_all`.
        """
        async with channel:
            while True:
                self.busy.turn("claiming")
                deliveries = await self.outage.wait_for(self.queue.claim, CLAIM_LIMIT, self.wait_seconds)
                self.held.update((delivery.id, delivery) for delivery in deliveries)
                waiting = {delivery.id: delivery for delivery in deliveries}
                self.busy.turn("handing over")
                try:
                    for group in self.gather(deliveries):
                        await channel.send(group)
                        for delivery in group:
                            del waiting[delivery.id]
                finally:
                    await self._release(list(waiting.values()))

    async def renew(self) -> None:
        """Renew all leases for ever."""
        while True:
            await trio.sleep(self.renew_seconds)
            held = list(self.held.values())
            if held:
                kept = await self.outage.wait_for(self.queue.renew, held)
                gone = {delivery.id for delivery in held} - {delivery.id for delivery in kept}
                lost = gone & self.held.keys()  # the others were settled meanwhile
                if lost:
                    self._log.warning("leases lost, others may write the same again", deliveries=sorted(lost))

    def settled(self, delivery: Delivery) -> None:
        """A worker is done with it."""
        self.held.pop(delivery.id, None)

    async def release_all(self) -> None:
        """Give everything back that is still held, in 0.3 seconds at most, whatever has been cancelled."""
        await self._release(list(self.held.values()))

    async def _release(self, deliveries: list[Delivery]) -> None:
        if not deliveries:
            return
        with trio.CancelScope(shield=True, deadline=trio.current_time() + RELEASE_SECONDS):
            try:
                await self.queue.release(deliveries)
                self._log.info("released", deliveries=len(deliveries))
            except UnavailableError as error:
                self._log.warning(
                    "could not release, the leases will run out", deliveries=len(deliveries), reason=str(error)
                )
            for delivery in deliveries:
                self.held.pop(delivery.id, None)
