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


async def test_who_is_stopped_before_the_answer_comes_leaves_the_source_free(autojump_clock: MockClock) -> None:
    """The next engine need not wait for a lease to run out that nobody knows of."""
    store = MemoryStore(lease_seconds=60)
    ownership = Ownership("s", DistantQueue(store), Outage("queue"))
    with trio.move_on_after(1):
        async with ownership.owned():
            raise AssertionError("no answer came")
    assert await MemoryQueue(store).acquire("s", LEASE_SECONDS)


async def test_who_stands_by_takes_nothing_from_the_owner(autojump_clock: MockClock) -> None:
    """Its end leaves the source where it is."""
    store = MemoryStore(lease_seconds=60)
    assert await MemoryQueue(store, instance="owner").acquire("s", LEASE_SECONDS)
    with trio.move_on_after(1):
        async with Ownership("s", MemoryQueue(store, instance="other"), Outage("queue")).owned():
            raise AssertionError("it is somebody else's")
    assert not await MemoryQueue(store, instance="third").acquire("s", LEASE_SECONDS)
