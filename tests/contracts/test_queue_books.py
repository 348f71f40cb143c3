"""The books of every durable queue: a receipt for each batch, and the queue's own dead letters."""

import sqlite3
from contextlib import AbstractAsyncContextManager, closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from attrs import evolve

from adapters.queues import redis_books, sqlite_books
from adapters.queues.memory_books import NoBooks
from adapters.queues.sqlite import open_queue
from engine.archive import Books
from engine.audit import DEAD, DROPPED, QUEUED, SETTLED
from engine.delivery import Cursor
from engine.errors import ConfigError, UnavailableError
from tests.contracts.queue_worlds import GARBAGE, QueueWorld, RedisWorld, SqliteWorld, mark, page
from tests.servers.redis import RedisServer

FIRST = page(Cursor(), [1, 2, 3, 4], each=2)
SECOND = page(FIRST.end, [5])


@pytest.fixture(params=["sqlite", "redis"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> QueueWorld:
    """Give an empty queue of each durable kind."""
    if request.param == "sqlite":
        return SqliteWorld(tmp_path)
    redis: RedisWorld = request.getfixturevalue("redis_world")
    return redis


def open_books(world: QueueWorld) -> AbstractAsyncContextManager[Books]:
    """Open the books of a world's queue."""
    if isinstance(world, SqliteWorld):
        return sqlite_books.open_books(world.path)
    assert isinstance(world, RedisWorld)
    return redis_books.open_books(world.url, queue_name=world.queue_name)


async def states(books: Books, since: str | None = None) -> list[tuple[str, int, str]]:
    """Name, size and state of every receipt."""
    return [(receipt.name, receipt.size, receipt.state) for receipt in await books.receipts(since)]


async def test_an_empty_queue_has_empty_books(world: QueueWorld) -> None:
    """Nothing was received, nothing died."""
    async with open_books(world) as books:
        assert await books.receipts(None) == []
        assert await books.remembered_since() == {}
        assert await books.read() == []
        assert await books.drop(["1", "1-1", "x"]) == 0


async def test_every_batch_has_a_receipt(world: QueueWorld) -> None:
    """Written with the batch, and kept when it is settled; a page that is refused or repeated writes none."""
    async with world.open() as queue, open_books(world) as books:
        await queue.put(FIRST)
        await queue.put(FIRST)
        assert not await queue.put(evolve(SECOND, start=Cursor(7)))
        await queue.put(page(Cursor(), [9], source="t"))
        assert await states(books) == [("s:0:1-2:0", 2, QUEUED), ("s:0:3-4:1", 2, QUEUED), ("t:0:9-9:0", 1, QUEUED)]
        assert {receipt.source for receipt in await books.receipts(None)} == {"s", "t"}
        one, two, _ = await queue.claim(3, 0)
        await queue.ack([one])
        await queue.release([two])
        assert await states(books) == [("s:0:1-2:0", 2, SETTLED), ("s:0:3-4:1", 2, QUEUED), ("t:0:9-9:0", 1, QUEUED)]


async def test_receipts_of_some_time(world: QueueWorld) -> None:
    """From the one moment to before the other: each of them in one of two adjoining windows."""
    async with world.open() as queue, open_books(world) as books:
        await queue.put(FIRST)
        put_at = min(receipt.put_at for receipt in await books.receipts(None))
        later = (datetime.fromisoformat(put_at) + timedelta(seconds=2)).isoformat(" ")
        assert len(await books.receipts(put_at, later)) == 2
        assert await books.receipts("2020-01-01 00:00:00", put_at) == []
        assert await books.receipts(later, "2099-01-01 00:00:00") == []


async def test_a_reset_source_keeps_its_receipts(world: QueueWorld) -> None:
    """Batches of the epoch before are still accounted for."""
    async with world.open() as queue, open_books(world) as books:
        await queue.put(FIRST)
        await queue.put(page(FIRST.end, [1], epoch=1))
        assert [name for name, _, _ in await states(books)] == ["s:0:1-2:0", "s:0:3-4:1", "s:1:1-1:0"]


async def test_receipts_of_a_time(world: QueueWorld) -> None:
    """`since` is a moment of UTC, and the first one is remembered."""
    async with world.open() as queue, open_books(world) as books:
        await queue.put(FIRST)
        (first, _) = await books.receipts(None)
        assert await books.remembered_since() == {"s": first.put_at}
        assert len(await books.receipts(first.put_at)) == 2
        assert await books.receipts("2999-01-01 00:00:00") == []


async def test_a_page_of_thousands_of_batches(world: QueueWorld) -> None:
    """A hostile page may have a botnet type for every record."""
    numbers = list(range(1, 5001))
    async with world.open() as queue, open_books(world) as books:
        await queue.put(page(Cursor(), numbers))
        assert [size for _, size, _ in await states(books)] == [1] * 5000


async def test_many_pages(world: QueueWorld) -> None:
    """More than are read at once."""
    async with world.open() as queue, open_books(world) as books:
        cursor = Cursor()
        for number in range(1, 2 * redis_books.PAGES_AT_ONCE + 1):
            intake = page(cursor, [number])
            await queue.put(intake)
            cursor = intake.end
        assert [name for name, _, _ in await states(books)] == [
            f"s:0:{number}-{number}:0" for number in range(1, 2 * redis_books.PAGES_AT_ONCE + 1)
        ]


async def test_a_buried_delivery_is_a_dead_letter_of_the_queue(world: QueueWorld) -> None:
    """It is shown with source, reason and bytes; its receipt says where it is."""
    async with world.open() as queue, open_books(world) as books:
        await queue.put(FIRST)
        (delivery,) = await queue.claim(1, 0)
        await queue.dead_letter(delivery, "hopeless: ünd")
        (letter,) = await books.read()
        assert (letter.source, letter.delivery, letter.attempts) == ("s", delivery.id, 1)
        assert (letter.reason, letter.payload[:1]) == ("hopeless: ünd", b"\x02")
        assert len(letter.died_at) == len("2026-11-23 10:00:00")
        assert await states(books) == [("s:0:1-2:0", 2, DEAD), ("s:0:3-4:1", 2, QUEUED)]


async def test_a_dropped_dead_letter_no_longer_holds_the_source_back(world: QueueWorld) -> None:
    """Its records may be forgotten by the source, its receipt says that it was dropped; twice is once."""
    async with world.open() as queue, open_books(world) as books:
        await queue.put(FIRST)
        first, second = await queue.claim(2, 0)
        await queue.dead_letter(first, "hopeless")
        await queue.ack([second])
        held = await queue.debt("s", mark(1), 10)
        assert held is not None
        assert held.owed == 0
        (letter,) = await books.read()
        assert await books.drop([letter.id]) == 1
        assert await books.drop([letter.id]) == 0
        assert await books.read() == []
        freed = await queue.debt("s", mark(1), 10)
        assert freed is not None
        assert freed.owed == 4
        assert await states(books) == [("s:0:1-2:0", 2, DROPPED), ("s:0:3-4:1", 2, SETTLED)]


async def test_what_cannot_be_read_can_be_looked_at_and_dropped(world: QueueWorld) -> None:
    """A delivery of garbage ends in the queue's dead letters with its bytes."""
    async with world.open() as queue, open_books(world) as books:
        await queue.put(page(Cursor(), [1]))
        world.spoil(0)
        await queue.claim(10, 0)
        (letter,) = await books.read()
        assert letter.payload == GARBAGE
        assert await books.drop([letter.id]) == 1
        assert await books.read() == []


async def test_the_newest_letters_are_those_that_died_last(world: QueueWorld) -> None:
    """Counted all, read no more than asked for, the last one first."""
    async with world.open() as queue, open_books(world) as books:
        assert (await books.count(), await books.newest(9)) == (0, [])
        await queue.put(FIRST)
        await queue.put(SECOND)
        for number, delivery in enumerate(await queue.claim(3, 0)):
            await queue.dead_letter(delivery, f"reason {number}")
        assert await books.count() == 3
        assert [letter.reason for letter in await books.newest(2)] == ["reason 2", "reason 1"]
        assert await books.newest(9) == list(reversed(await books.read()))


async def test_books_touch_no_lease(world: QueueWorld) -> None:
    """An engine under a name keeps what it holds while somebody reads its books."""
    async with world.open(engine_name="one") as queue:
        await queue.put(FIRST)
        held = await queue.claim(2, 0)
        async with open_books(world) as books:
            await books.receipts(None)
        assert await queue.renew(held) == held
        async with world.open() as other:
            assert await other.claim(2, 0) == []


async def test_receipts_are_kept_for_a_week_in_redis(redis_world: RedisWorld) -> None:
    """Old pages go when new ones come; Redis drops them by whole nodes, of a hundred entries."""
    key = f"{redis_world.prefix}:receipts:s"
    for number in range(1, 501):
        redis_world.client.xadd(key, {"put": f"{number}-1 1 0:{number}-{number}:0"}, id=f"{number}-1")
    async with redis_world.open() as queue, open_books(redis_world) as books:
        await queue.put(FIRST)
        assert len(await books.receipts(None)) < 102


async def test_receipts_are_kept_for_a_week_in_sqlite(tmp_path: Path) -> None:
    """Old ones go when new ones come."""
    world = SqliteWorld(tmp_path)
    async with world.open() as queue, open_books(world) as books:
        await queue.put(FIRST)
        with closing(sqlite3.connect(world.path, isolation_level=None)) as file:
            file.execute("UPDATE receipts SET put_at = datetime('now', '-8 days') WHERE delivery = 1")
        await queue.put(SECOND)
        assert [name for name, _, _ in await states(books)] == ["s:0:3-4:1", "s:0:5-5:0"]


async def test_an_older_file_gets_its_receipts(tmp_path: Path) -> None:
    """A queue file of before has none for what is in it, and has them from now on."""
    world = SqliteWorld(tmp_path)
    async with world.open() as queue:
        await queue.put(FIRST)
    with closing(sqlite3.connect(world.path, isolation_level=None)) as file:
        file.execute("DROP TABLE receipts")
        file.execute("PRAGMA user_version = 1")
    async with open_queue(world.path) as queue, open_books(world) as books:
        assert await books.receipts(None) == []
        await queue.put(SECOND)
        assert await states(books) == [("s:0:5-5:0", 1, QUEUED)]
        assert len(await queue.claim(5, 0)) == 3


async def test_servers_that_are_away_or_refuse(redis_server: RedisServer, tmp_path: Path) -> None:
    """Away is unavailable; a user without rights, or a file that is no queue, is a configuration error."""
    with pytest.raises(UnavailableError):
        async with redis_books.open_books("redis://127.0.0.1:1/0"):
            pytest.fail("it cannot open")
    with redis_server.connect() as client:
        client.execute_command("ACL", "SETUSER", "weak", "on", ">x", "+ping")
    with pytest.raises(ConfigError, match="grant"):
        async with redis_books.open_books(redis_server.url.replace("://", "://weak:x@")):
            pytest.fail("it cannot open")
    with pytest.raises(ConfigError, match="queue.db"):
        async with sqlite_books.open_books(tmp_path / "nowhere" / "queue.db"):
            pytest.fail("it cannot open")


async def test_a_queue_in_memory_has_no_books() -> None:
    """Its process is gone, and it with it."""
    books = NoBooks()
    assert (await books.receipts(None), await books.remembered_since()) == ([], {})
    assert (await books.read(), await books.drop(["1"])) == ([], 0)
    assert (await books.newest(1), await books.count()) == ([], 0)
