"""`put`, `cursor`, `acquire`, `resign` and `depth` of every queue."""

import trio
from attrs import evolve

from engine.delivery import Cursor
from tests.contracts.queue_worlds import QueueWorld, mark, page, records

FIRST = page(Cursor(), [1, 2, 3])
SECOND = page(FIRST.end, [5, 8])


async def test_before_the_first_page(world: QueueWorld) -> None:
    """Nothing is known of a source: its cursor is at the start and nothing waits."""
    async with world.open() as queue:
        assert await queue.cursor("s") == Cursor()
        assert await queue.depth() == 0
        assert await queue.debt("s", mark(1), 10) is None


async def test_a_page_is_stored_with_its_cursor(world: QueueWorld) -> None:
    """Batches, marks and cursor are there together, also for an engine that opens the queue later."""
    async with world.open() as queue:
        assert await queue.put(FIRST)
    async with world.open() as queue:
        assert await queue.cursor("s") == FIRST.end
        assert await queue.depth() == 3
        assert records(await queue.claim(10, 0)) == [1, 2, 3]


async def test_a_batch_comes_out_as_it_went_in(world: QueueWorld) -> None:
    """Every field of a batch survives the queue."""
    async with world.open() as queue:
        await queue.put(FIRST)
        assert [delivery.batch for delivery in await queue.claim(10, 0)] == FIRST.batches


async def test_a_repeated_put_stores_nothing_twice(world: QueueWorld) -> None:
    """The answer to a put may be lost: the same page again is true, and changes nothing."""
    async with world.open() as queue, world.open() as other:
        assert await queue.put(FIRST)
        assert await queue.put(FIRST)
        assert await other.put(FIRST)
        assert await queue.depth() == 3


async def test_a_page_from_elsewhere_is_refused(world: QueueWorld) -> None:
    """A page that does not start at the stored cursor leaves no trace."""
    async with world.open() as queue:
        await queue.put(FIRST)
        for start in (Cursor(), SECOND.end, FIRST.end._replace(fingerprint=1), FIRST.end._replace(epoch=1)):
            assert not await queue.put(evolve(SECOND, start=start))
        assert await queue.cursor("s") == FIRST.end
        assert await queue.depth() == 3
        assert await queue.put(SECOND)
        assert await queue.cursor("s") == SECOND.end


async def test_a_page_that_leaves_the_cursor_where_it_is(world: QueueWorld) -> None:
    """Records without numbers move no cursor, and are stored all the same."""
    strays = evolve(page(FIRST.end, [3]), end=FIRST.end, marks=[])
    async with world.open() as queue:
        await queue.put(FIRST)
        assert await queue.put(strays)
        assert await queue.cursor("s") == FIRST.end
        assert await queue.depth() == 4


async def test_sources_do_not_touch_each_other(world: QueueWorld) -> None:
    """Each source has its own cursor, owner and marks."""
    async with world.open() as queue, world.open() as other:
        assert await other.acquire("t", 30)
        assert await queue.put(FIRST)
        assert await queue.cursor("t") == Cursor()
        assert await other.put(page(Cursor(), [1], source="t"))
        assert await queue.cursor("s") == FIRST.end


async def test_of_two_racing_puts_one_wins(world: QueueWorld) -> None:
    """Two fetchers that read the same cursor cannot both store a page."""
    async with world.open() as queue, world.open() as other:
        stored: list[bool] = []
        for turn in range(20):
            start = await queue.cursor("s")
            ours, theirs = page(start, [turn * 10 + 1]), page(start, [turn * 10 + 1, turn * 10 + 2])

            async def put(engine: object, intake: object) -> None:
                stored.append(await engine.put(intake))  # type: ignore[attr-defined]

            async with trio.open_nursery() as nursery:
                nursery.start_soon(put, queue, ours)
                nursery.start_soon(put, other, theirs)
            assert sorted(stored[-2:]) == [False, True]
            assert await queue.cursor("s") in (ours.end, theirs.end)
        assert await queue.depth() in range(20, 41)


async def test_only_the_owner_of_a_source_may_put(world: QueueWorld) -> None:
    """While another engine has acquired the source, a page is refused; what is stored already stays true."""
    async with world.open() as queue, world.open() as other:
        assert await queue.acquire("s", 30)
        assert await queue.put(FIRST)
        assert not await other.put(SECOND)
        assert await other.put(FIRST)
        assert await queue.depth() == 3
        await queue.resign("s")
        assert await other.put(SECOND)


async def test_one_engine_owns_a_source(world: QueueWorld) -> None:
    """It may stay the owner as long as it asks in time, and nobody else becomes it."""
    async with world.open() as queue, world.open() as other:
        assert await queue.acquire("s", 30)
        assert not await other.acquire("s", 30)
        world.pass_time(20)
        assert await queue.acquire("s", 30)
        world.pass_time(20)
        assert not await other.acquire("s", 30)


async def test_ownership_runs_out(world: QueueWorld) -> None:
    """An owner that says nothing for its time is succeeded by another, and cannot take the source back."""
    async with world.open() as queue, world.open() as other:
        assert await queue.acquire("s", 30)
        world.pass_time(31)
        assert await other.acquire("s", 30)
        assert not await queue.acquire("s", 30)
        assert not await queue.put(FIRST)


async def test_only_the_owner_can_resign(world: QueueWorld) -> None:
    """Resigning frees the source at once; by anyone else it does nothing."""
    async with world.open() as queue, world.open() as other:
        assert await queue.acquire("s", 30)
        await other.resign("s")
        assert not await other.acquire("s", 30)
        await queue.resign("s")
        assert await other.acquire("s", 30)


async def test_an_interrupted_put_is_whole_or_not_there(world: QueueWorld) -> None:
    """A put cancelled at any moment stored everything or nothing, and can be repeated."""
    async with world.open() as queue:
        cursor = Cursor()
        for turn in range(60):
            intake = page(cursor, [turn * 3 + 1, turn * 3 + 2, turn * 3 + 3])
            with trio.move_on_after(turn * 0.00005):
                await queue.put(intake)
            stored = await queue.cursor("s") == intake.end
            assert await queue.depth() == 3 * (turn + stored)
            assert await queue.put(intake)
            cursor = intake.end
        assert sorted(records(await queue.claim(1000, 0))) == list(range(1, 181))


async def test_a_backlog_longer_than_the_high_watermark_is_kept_whole(world: QueueWorld) -> None:
    """A page may be far larger than the room that is left: nothing at the other end makes way for it."""
    async with world.open() as queue:
        first = page(Cursor(), range(1, 11))
        await queue.put(first)
        await queue.put(page(first.end, range(11, 12_011)))
        assert await queue.depth() == 12_010
        assert records(await queue.claim(10, 0)) == list(range(1, 11))
