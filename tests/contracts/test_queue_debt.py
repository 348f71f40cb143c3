"""`debt` of every queue: what a source may be told to forget."""

from attrs import evolve

from engine.delivery import Cursor, Debt, Mark
from tests.contracts.queue_worlds import QueueWorld, mark, page

FIRST = page(Cursor(), [2, 3, 7, 8])
SECOND = page(FIRST.end, [11, 12])
ALL = 100


async def test_nothing_is_owed_before_it_is_settled(world: QueueWorld) -> None:
    """Waiting and leased batches hold the debt back."""
    async with world.open() as queue:
        await queue.put(FIRST)
        assert await queue.debt("s", mark(2), ALL) == Debt(0, 0)
        await queue.claim(4, 0)
        assert await queue.debt("s", mark(2), ALL) == Debt(0, 0)


async def test_the_debt_ends_at_the_first_gap(world: QueueWorld) -> None:
    """Records behind an unsettled one do not count, however many are settled."""
    async with world.open() as queue:
        await queue.put(FIRST)
        await queue.put(SECOND)
        one, two, three, *rest = await queue.claim(10, 0)
        await queue.ack([one, two, *rest])
        assert await queue.debt("s", mark(2), ALL) == Debt(2, 0)
        assert await queue.debt("s", mark(3), ALL) == Debt(1, 0)
        assert await queue.debt("s", mark(7), ALL) == Debt(0, 0)
        await queue.ack([three])
        assert await queue.debt("s", mark(7), ALL) == Debt(4, 0)


async def test_batches_of_one_page_overlap(world: QueueWorld) -> None:
    """A batch that begins early holds back all that lies behind its first record."""
    mixed = page(Cursor(), [1, 2, 3, 4], each=2)
    odd, even = (
        evolve(batch, first=first, last=last) for batch, first, last in zip(mixed.batches, (1, 2), (3, 4), strict=True)
    )
    async with world.open() as queue:
        await queue.put(evolve(mixed, batches=[odd, even]))
        first, second = await queue.claim(2, 0)
        await queue.ack([first])
        assert await queue.debt("s", mark(1), ALL) == Debt(1, 0)
        await queue.ack([second])
        assert await queue.debt("s", mark(1), ALL) == Debt(4, 0)


async def test_no_more_is_counted_than_asked(world: QueueWorld) -> None:
    """`limit` bounds the answer, over several pages too."""
    async with world.open() as queue:
        await queue.put(FIRST)
        await queue.put(SECOND)
        await queue.ack(await queue.claim(10, 0))
        for limit in range(7):
            assert await queue.debt("s", mark(2), limit) == Debt(min(limit, 6), 0)


async def test_a_front_that_is_not_ours(world: QueueWorld) -> None:
    """A number never stored, a record changed under its number, or another source: nobody knows."""
    async with world.open() as queue:
        await queue.put(FIRST)
        await queue.ack(await queue.claim(10, 0))
        for front in (mark(1), mark(4), mark(9), Mark(3, mark(3).fingerprint + 1)):
            assert await queue.debt("s", front, ALL) is None
        assert await queue.debt("t", mark(3), ALL) is None
        assert await queue.debt("s", mark(3), ALL) == Debt(3, 0)


async def test_the_front_moves(world: QueueWorld) -> None:
    """`moved` counts the stored records between two fronts, across pages, as often as it is asked."""
    async with world.open() as queue:
        await queue.put(FIRST)
        await queue.put(SECOND)
        await queue.ack(await queue.claim(10, 0))
        assert await queue.debt("s", mark(2), ALL) == Debt(6, 0)
        assert await queue.debt("s", mark(2), ALL, since=mark(2)) == Debt(6, 0)
        for _ in range(2):
            assert await queue.debt("s", mark(11), ALL, since=mark(3)) == Debt(2, 3)
        assert await queue.debt("s", mark(12), ALL, since=mark(11)) == Debt(1, 1)
        assert await queue.debt("s", mark(12), ALL) == Debt(1, 0)


async def test_a_new_epoch_starts_anew(world: QueueWorld) -> None:
    """Marks and unsettled batches of the old epoch count no longer; its late acks do no harm."""
    async with world.open() as queue:
        await queue.put(FIRST)
        old = await queue.claim(10, 0)
        again = page(FIRST.end, [1, 2], epoch=1)
        assert await queue.put(again)
        assert await queue.cursor("s") == Cursor(1, *mark(2))
        assert await queue.debt("s", mark(7), ALL) is None
        assert await queue.debt("s", mark(1), ALL) == Debt(0, 0)
        await queue.ack(await queue.claim(10, 0))
        assert await queue.debt("s", mark(1), ALL) == Debt(2, 0)
        await queue.ack(old)
        assert await queue.debt("s", mark(1), ALL) == Debt(2, 0)
        assert await queue.depth() == 0


async def test_a_reset_source_without_records(world: QueueWorld) -> None:
    """An empty page may change the epoch alone."""
    async with world.open() as queue:
        await queue.put(FIRST)
        assert await queue.put(evolve(page(FIRST.end, []), end=Cursor(1, 0, 0)))
        assert await queue.cursor("s") == Cursor(1, 0, 0)
        assert await queue.debt("s", mark(2), ALL) is None


async def test_dead_letters_are_not_forgiven(world: QueueWorld) -> None:
    """The records of a dead letter of the queue are not in the database: the debt stops before them."""
    async with world.open() as queue:
        await queue.put(FIRST)
        one, two, *rest = await queue.claim(10, 0)
        await queue.dead_letter(two, "nobody knows why")
        await queue.ack([one, *rest])
        assert await queue.depth() == 0
        assert await queue.debt("s", mark(2), ALL) == Debt(1, 0)
        assert await queue.debt("s", mark(3), ALL) == Debt(0, 0)


async def test_a_long_backlog(world: QueueWorld) -> None:
    """Many pages of marks are counted right, from any front, and what lies before it is forgotten."""
    async with world.open() as queue:
        cursor = Cursor()
        for turn in range(150):
            intake = page(cursor, range(turn * 20 + 1, turn * 20 + 21), each=20)
            await queue.put(intake)
            cursor = intake.end
        await queue.ack((await queue.claim(200, 0))[:149])
        for front, moved in ((1, 0), (20, 19), (21, 1), (1500, 1479), (2980, 1480)):
            since = mark(front - moved)
            assert await queue.debt("s", mark(front), 5000, since=since) == Debt(2980 - front + 1, moved)
        assert await queue.debt("s", mark(2981), 5000, since=mark(2980)) == Debt(0, 1)
        assert await queue.debt("s", mark(1), 5000) is None
