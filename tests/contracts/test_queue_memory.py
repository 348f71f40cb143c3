"""What only the memory queue promises: it lives on trio's clock, and forgets."""

import trio
from trio.testing import MockClock

from adapters.queues.memory import MemoryQueue, MemoryStore, open_queue
from engine.delivery import Cursor, Delivery
from tests.contracts.queue_worlds import page, records


async def test_a_waiting_claim_wakes_when_a_lease_runs_out(autojump_clock: MockClock) -> None:
    """Hours of virtual time pass in no time, and a lease ends to the second."""
    store = MemoryStore(lease_seconds=60)
    queue, other = MemoryQueue(store), MemoryQueue(store)
    await queue.put(page(Cursor(), [1]))
    await queue.claim(1, 0)
    (again,) = await other.claim(1, 7200)
    assert trio.current_time() == 60
    assert again.attempt == 2
    await other.nack(again, 30)
    (third,) = await queue.claim(1, 7200)
    assert trio.current_time() == 90
    assert third.attempt == 3
    assert not await other.claim(1, 10)
    assert trio.current_time() == 100


async def test_a_waiting_claim_wakes_when_something_is_put(autojump_clock: MockClock) -> None:
    """It does not wait for its own time to end."""
    got: list[Delivery] = []
    async with open_queue() as queue:

        async def wait() -> None:
            got.extend(await queue.claim(5, 3600))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.sleep(5)
            await queue.put(page(Cursor(), [1, 2]))
    assert trio.current_time() == 5
    assert records(got) == [1, 2]


async def test_it_says_that_it_forgets() -> None:
    """Whoever asks for durability is told."""
    async with open_queue(lease_seconds=5) as queue:
        (warning,) = await queue.durability_warnings()
        assert "memory" in warning
