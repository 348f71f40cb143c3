"""`claim`, `renew` and settling of every queue."""

import random

import pytest
import trio
from attrs import evolve

from engine.delivery import Cursor, Delivery
from engine.ports import Queue
from engine.sighting import Rejected
from tests.contracts.queue_worlds import MemoryWorld, QueueWorld, page, records

THREE = page(Cursor(), [1, 2, 3])
MORE = page(THREE.end, [4, 5])
SOON = 0.02


async def test_claims_come_in_order_and_no_more_than_asked(world: QueueWorld) -> None:
    """Batches are handed out first in, first out, up to the limit, as first attempts."""
    async with world.open() as queue:
        await queue.put(THREE)
        first = await queue.claim(2, 0)
        assert records(first) == [1, 2]
        assert [delivery.attempt for delivery in first] == [1, 1]
        assert records(await queue.claim(2, 0)) == [3]
        assert not await queue.claim(2, 0)


async def test_a_claim_of_large_deliveries_is_a_small_one(world: QueueWorld) -> None:
    """However many are asked for, no claim brings much more than a mebibyte into memory, and none is passed over."""
    if isinstance(world, MemoryWorld):
        pytest.skip("what is in its memory is there already")
    original = b"x" * 64 * 1024
    letters = [Rejected(str(number), "fetch", "no ip", original) for number in range(1, 10)]
    intake = page(Cursor(), [1, 2, 3])
    intake = evolve(intake, batches=[evolve(batch, sightings=[], rejected=letters) for batch in intake.batches])
    async with world.open() as queue:
        await queue.put(intake)
        claimed = [await queue.claim(1000, 0) for _ in range(3)]
        assert [[delivery.batch.first for delivery in each] for each in claimed] == [[1, 2], [3], []]


async def test_a_delivery_is_on_lease_to_one_engine(world: QueueWorld) -> None:
    """Two engines share a queue: every batch goes to one of them."""
    async with world.open() as queue, world.open() as other:
        await queue.put(page(Cursor(), range(1, 41)))
        taken: list[int] = []

        async def take_all(engine: Queue) -> None:
            while deliveries := await engine.claim(3, 0):
                taken.extend(records(deliveries))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(take_all, queue)
            nursery.start_soon(take_all, other)
        assert sorted(taken) == list(range(1, 41))


async def test_an_empty_queue_is_waited_for(world: QueueWorld) -> None:
    """A claim waits as long as it was told to, then returns nothing."""
    async with world.open() as queue:
        began = trio.current_time()
        assert not await queue.claim(1, SOON * 5)
        assert trio.current_time() - began >= SOON * 5


async def test_a_put_wakes_a_waiting_claim(world: QueueWorld) -> None:
    """Also in another engine, a claim that waits gets what is put meanwhile."""
    async with world.open() as queue, world.open() as other:
        got: list[Delivery] = []

        async def wait(engine: Queue) -> None:
            got.extend(await engine.claim(1, 30))

        with trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(wait, queue)
                nursery.start_soon(wait, other)
                await trio.sleep(SOON)
                await queue.put(THREE)
        assert sorted(records(got)) == [1, 2]


async def test_a_waiting_claim_sees_a_lease_run_out(world: QueueWorld) -> None:
    """What a dead engine held comes to a claim that is already waiting."""
    async with world.open(lease_seconds=0.3) as queue, world.open(lease_seconds=0.3) as other:
        await queue.put(THREE)
        await queue.claim(1, 0)
        await queue.ack(await queue.claim(2, 0))
        with trio.fail_after(5):
            (again,) = await other.claim(1, 30)
        assert (records([again]), again.attempt) == ([1], 2)


async def test_a_lease_that_ran_out_comes_first(world: QueueWorld) -> None:
    """Before anything new, another engine gets what its holder neither settled nor renewed, as another attempt."""
    async with world.open() as queue, world.open() as other:
        await queue.put(THREE)
        await queue.claim(2, 0)
        world.pass_time(59)
        assert records(await other.claim(1, 0)) == [3]
        await queue.put(MORE)
        world.pass_time(2)
        again = await other.claim(3, 0)
        assert records(again) == [1, 2, 4]
        assert [delivery.attempt for delivery in again] == [2, 2, 1]


async def test_what_is_in_hand_is_not_handed_out_again(world: QueueWorld) -> None:
    """An engine that was frozen past its leases does not get its own deliveries a second time, but may renew them."""
    async with world.open() as queue:
        await queue.put(THREE)
        held = await queue.claim(3, 0)
        world.pass_time(61)
        assert not await queue.claim(3, 0)
        assert await queue.renew(held) == held


async def test_what_another_engine_gave_back_is_not_in_hand(world: QueueWorld) -> None:
    """A lost delivery may come back to the engine that lost it, and is then its own again under the new attempt."""
    async with world.open() as queue, world.open() as other:
        await queue.put(page(Cursor(), [1]))
        (lost,) = await queue.claim(1, 0)
        world.pass_time(61)
        (taken,) = await other.claim(1, 0)
        await other.nack(taken, 0)
        (again,) = await queue.claim(1, 0)
        assert again.attempt == 3
        await queue.nack(lost, 0)
        world.pass_time(61)
        assert not await queue.claim(1, 0)
        assert await queue.renew([again]) == [again]


async def test_renewed_leases_hold(world: QueueWorld) -> None:
    """A renewed lease runs anew from then."""
    async with world.open() as queue, world.open() as other:
        await queue.put(THREE)
        held = await queue.claim(2, 0)
        world.pass_time(50)
        assert await queue.renew(held[:1]) == held[:1]
        world.pass_time(50)
        assert records(await other.claim(5, 0)) == [2, 3]


async def test_a_zombie_cannot_renew(world: QueueWorld) -> None:
    """A lease that went to another engine is not the old one's again; it is told which ones it still holds."""
    async with world.open() as queue, world.open() as other:
        await queue.put(THREE)
        held = await queue.claim(3, 0)
        await queue.ack(held[2:])
        world.pass_time(61)
        (taken,) = await other.claim(1, 0)
        assert await queue.renew(held) == held[1:2]
        assert await other.renew([taken]) == [taken]
        assert await queue.renew([]) == []


async def test_a_zombie_settles_nothing(world: QueueWorld) -> None:
    """Nack, release and dead letter of a lost delivery leave it with its new holder."""
    async with world.open() as queue, world.open() as other:
        await queue.put(THREE)
        held = await queue.claim(3, 0)
        world.pass_time(61)
        taken = await other.claim(3, 0)
        await queue.nack(held[0], 0)
        await queue.release(held)
        await queue.dead_letter(held[2], "from the grave")
        assert await other.renew(taken) == taken
        assert not world.dead_reasons()
        assert not await queue.claim(3, 0)
        assert await queue.depth() == 3


async def test_an_ack_ends_it_for_all(world: QueueWorld) -> None:
    """It is sent after the commit, so it counts whoever holds the lease now; twice is once."""
    async with world.open() as queue, world.open() as other:
        await queue.put(THREE)
        held = await queue.claim(3, 0)
        world.pass_time(61)
        taken = await other.claim(3, 0)
        await queue.ack(held)
        await queue.ack(held)
        assert await queue.depth() == 0
        assert await other.renew(taken) == []
        await other.nack(taken[0], 0)
        await other.release(taken)
        await other.dead_letter(taken[1], "too late")
        world.pass_time(200)
        assert not await other.claim(3, 0)
        assert not world.dead_reasons()
        await queue.ack([])


async def test_a_nack_delays_and_counts(world: QueueWorld) -> None:
    """After its delay the delivery comes before new ones, as the next attempt, to whoever asks."""
    async with world.open() as queue, world.open() as other:
        await queue.put(THREE)
        (failed,) = await queue.claim(1, 0)
        await queue.nack(failed, 10)
        world.pass_time(9)
        assert records(await queue.claim(1, 0)) == [2]
        world.pass_time(2)
        (again,) = await other.claim(1, 0)
        assert (records([again]), again.attempt) == ([1], 2)
        await other.nack(again, 0)
        (third,) = await other.claim(1, 0)
        assert (records([third]), third.attempt) == ([1], 3)


async def test_a_nack_waits_for_one_lease_at_most(world: QueueWorld) -> None:
    """A longer delay is cut to the lease."""
    async with world.open() as queue:
        await queue.put(THREE)
        (failed,) = await queue.claim(1, 0)
        await queue.nack(failed, 1000)
        world.pass_time(61)
        assert records(await queue.claim(1, 0)) == [1]


async def test_a_release_leaves_no_trace(world: QueueWorld) -> None:
    """At once, before new ones, under the same attempt, for any engine."""
    async with world.open() as queue, world.open() as other:
        await queue.put(THREE)
        await queue.release(await queue.claim(2, 0))
        back = await other.claim(2, 0)
        assert records(back) == [1, 2]
        assert [delivery.attempt for delivery in back] == [1, 1]
        await other.nack(back[0], 0)
        (again,) = await queue.claim(1, 0)
        await queue.release([again])
        assert [delivery.attempt for delivery in await queue.claim(1, 0)] == [2]
        await queue.release([])


async def test_what_was_given_back_is_held_no_longer(world: QueueWorld) -> None:
    """Released or nacked, a delivery cannot be renewed or settled by who had it."""
    async with world.open() as queue:
        await queue.put(THREE)
        one, two, _ = await queue.claim(3, 0)
        await queue.release([one])
        await queue.nack(two, 0)
        assert await queue.renew([one, two]) == []
        await queue.dead_letter(one, "not mine")
        assert sorted(records(await queue.claim(3, 0))) == [1, 2]


async def test_dead_letters_stay_dead(world: QueueWorld) -> None:
    """A dead letter is kept once, with its reason, and never claimed again."""
    async with world.open() as queue:
        await queue.put(THREE)
        bad, *_ = await queue.claim(3, 0)
        await queue.dead_letter(bad, "the database refuses it")
        await queue.dead_letter(bad, "the database refuses it")
        assert list(world.dead_reasons()) == ["the database refuses it"]
        assert await queue.depth() == 2
        world.pass_time(200)
        async with world.open() as other:
            assert records(await other.claim(3, 0)) == [2, 3]


async def test_what_cannot_be_read_is_a_dead_letter(world: QueueWorld) -> None:
    """A claim puts it aside with a reason, and returns the others."""
    if not world.is_spoilable:
        pytest.skip("nothing is encoded here")
    async with world.open() as queue:
        await queue.put(THREE)
        world.spoil(1)
        before = await queue.depth()
        good = await queue.claim(10, 0)
        assert len(good) == before - 1
        assert await queue.depth() == before - 1
        (reason,) = world.dead_reasons()
        assert "not a batch" in reason


async def test_an_engine_back_under_its_name(world: QueueWorld) -> None:
    """It gets at once, and first, what it held when it died, as another attempt; others' leases stay theirs."""
    if not world.has_names:
        pytest.skip("an engine in memory does not come back")
    async with world.open(engine_name="north") as north, world.open(engine_name="north-2") as south:
        await north.put(THREE)
        await north.claim(1, 0)
        await south.claim(1, 0)
    async with world.open(engine_name="north") as north:
        back = await north.claim(5, 0)
        assert records(back) == [1, 3]
        assert [delivery.attempt for delivery in back] == [2, 1]


async def test_a_nameless_engine_comes_back_as_a_stranger(world: QueueWorld) -> None:
    """What it held is free when the lease has run out."""
    async with world.open() as queue:
        await queue.put(THREE)
        await queue.claim(3, 0)
    async with world.open() as queue:
        assert not await queue.claim(3, 0)
        world.pass_time(61)
        assert records(await queue.claim(3, 0)) == [1, 2, 3]


async def test_cancelled_claims_leave_no_orphans(world: QueueWorld) -> None:
    """However claims and releases are interrupted, everything is claimable at once, and no attempt is counted."""
    chance = random.Random(7)
    async with world.open() as queue:
        await queue.put(page(Cursor(), range(1, 21)))
        for _ in range(150):
            deliveries = None
            with trio.move_on_after(chance.random() * 0.003):
                deliveries = await queue.claim(chance.randint(1, 20), 0.001)
            with trio.move_on_after(chance.random() * 0.003):
                await queue.release(deliveries or [])
        back = await queue.claim(100, 0)
        assert sorted(records(back)) == list(range(1, 21))
        assert {delivery.attempt for delivery in back} == {1}


async def test_a_release_that_never_began_is_made_up_for(world: QueueWorld) -> None:
    """Whoever is cancelled at once holds nothing any more: the same engine gets it again, as if never claimed."""
    async with world.open() as queue:
        await queue.put(THREE)
        held = await queue.claim(3, 0)
        with trio.CancelScope() as scope:
            scope.cancel()
            await queue.release(held)
        back = await queue.claim(3, 0)
        assert records(back) == [1, 2, 3]
        assert {delivery.attempt for delivery in back} == {1}


async def test_interrupted_settling_is_made_good_by_the_lease(world: QueueWorld) -> None:
    """A delivery whose settling was cancelled is settled, or comes back to the same engine after at most one lease."""
    chance = random.Random(11)
    async with world.open() as queue:
        await queue.put(page(Cursor(), range(1, 61)))
        for turn, delivery in enumerate(await queue.claim(100, 0)):
            with trio.move_on_after(chance.random() * 0.002):
                await (queue.ack([delivery]) if turn % 2 else queue.nack(delivery, 30))
        left = await queue.depth()
        world.pass_time(61)
        back = await queue.claim(100, 0)
        assert len(back) == left
        assert {delivery.attempt for delivery in back} == {2}
