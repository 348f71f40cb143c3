"""Keeping leases, on the queue in memory and trio's clock."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import pytest
import trio
from attrs import define, field
from structlog.testing import capture_logs
from trio.testing import MockClock

from adapters.queues.memory import MemoryQueue, MemoryStore
from engine.delivery import Batch, Cursor, Delivery, Intake
from engine.gathering import gather
from engine.leasing import Leasing
from engine.outage import Outage

LOST = "leases lost, others may write the same again"


@define(eq=False)
class Interrupted(MemoryQueue):
    """A queue on which something happens between the question for a renewal and its answer."""

    meanwhile: Callable[[Sequence[Delivery]], Awaitable[None]] | None = field(default=None, kw_only=True)

    async def renew(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """Let it happen first."""
        assert self.meanwhile is not None
        await self.meanwhile(deliveries)
        return await super().renew(deliveries)


@pytest.mark.parametrize(("is_settled", "lost"), [(True, []), (False, [["1"]])])
async def test_only_what_is_in_hand_can_be_lost(
    autojump_clock: MockClock, *, is_settled: bool, lost: list[list[str]]
) -> None:
    """A delivery that a worker settles during the renewal is no news; one that is gone while in hand is."""
    queue = Interrupted(MemoryStore(lease_seconds=60))
    leasing = Leasing(queue, Outage("queue"), partial(gather, shares=1, record_limit=None), 1, 15)

    async def meanwhile(deliveries: Sequence[Delivery]) -> None:
        await queue.ack(deliveries)
        if is_settled:
            leasing.settled(deliveries[0])

    queue.meanwhile = meanwhile
    batch = Batch("s", 0, 1, 1, 0, "2026-11-20 08:00:00", "ramnit")
    assert await queue.put(Intake("s", Cursor(), Cursor(0, 1, 1), [batch], []))
    send, receive = trio.open_memory_channel[Sequence[Delivery]](1)
    with capture_logs() as logs, receive, trio.move_on_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(leasing.claim_into, send)
            nursery.start_soon(leasing.renew)
    assert [line["deliveries"] for line in logs if line["event"] == LOST] == lost
