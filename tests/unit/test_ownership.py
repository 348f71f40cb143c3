"""How long an engine may believe that a source is its own."""

import trio
from trio.testing import MockClock

from adapters.queues.memory import MemoryQueue, MemoryStore
from engine.outage import Outage
from engine.ownership import LEASE_SECONDS, Ownership


class DistantQueue(MemoryQueue):
    """A queue whose answers take their time on the way back."""

    async def acquire(self, source: str, seconds: float) -> bool:
        """Carried out at once, answered later."""
        held = await super().acquire(source, seconds)
        await trio.sleep(7)
        return held


async def test_it_counts_from_the_question_not_from_the_answer(autojump_clock: MockClock) -> None:
    """Somebody else may own it as soon as the lease is over that was granted before the answer came."""
    store = MemoryStore(lease_seconds=60)
    ownership = Ownership("s", DistantQueue(store), Outage("queue"))
    asked_at = trio.current_time()
    async with ownership.owned():
        assert ownership.seconds_left() == asked_at + LEASE_SECONDS - trio.current_time() == LEASE_SECONDS - 7
    assert ownership.seconds_left() <= 0
