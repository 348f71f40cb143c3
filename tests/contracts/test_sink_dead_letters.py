"""The contract of every database's dead letters: `engine.dead_letters.DeadLetters`, on real databases."""

from collections.abc import AsyncIterator, Sequence
from random import Random

import pytest
import trio
from attrs import evolve

from adapters.sinks.database import Database
from engine.dead_letters import AFTERWARDS, PAGE_SIZE, Choice, DeadLetter, DeadLetters, chosen
from engine.delivery import Batch, Written
from engine.errors import RejectedError, UnavailableError
from engine.sighting import Facts, Rejected
from tests.contracts.sink_stores import (
    RECEIVED_AT,
    Model,
    Store,
    batch_of,
    check,
    online,
    write,
    write_with,
)

SEEN_AT = "2026-11-20 08:00:00"


@pytest.fixture
async def letters(database: Database) -> AsyncIterator[DeadLetters]:
    """Its dead letters, opened."""
    async with database.letters() as opened:
        yield opened


def rejected(number: int, original: bytes = b"{}", reason: str = "no ip") -> Rejected:
    """A record that was refused."""
    return Rejected(str(number), "fetch", reason, original)


def refused(kind: str, *records: Rejected, part: int = 0) -> Batch:
    """A batch of nothing but refused records."""
    return Batch(kind, 0, 1, len(records), part, RECEIVED_AT, "", (), records)


async def read(letters: DeadLetters, choice: Choice) -> list[DeadLetter]:
    """All that are chosen."""
    return [letter async for page in chosen(letters, choice) for letter in page]


async def seed(database: Database, letters: DeadLetters, kind: str, count: int) -> Sequence[DeadLetter]:
    """So many letters of the source `kind`."""
    await write(database, refused(kind, *[rejected(number) for number in range(1, count + 1)]))
    return await read(letters, Choice(source=kind))


def again(kind: str, count: int, *, span: tuple[int, int] = (0, 1)) -> Batch:
    """What a retry writes: sightings a minute apart."""
    sightings = [online("1.2.3.4", f"2026-11-20 08:{number:02}:00") for number in range(count)]
    return evolve(batch_of(sightings, kind, source=kind), part=AFTERWARDS, span=span)


async def test_a_letter_is_read_as_it_was_stored(database: Database, letters: DeadLetters, kind: str) -> None:
    """Every field, and every byte of the original."""
    record = Rejected("17+2", "write", "reason 😀", bytes(range(256)), 3)
    await write(database, Batch(kind, 5, 17, 17, 0, RECEIVED_AT, "ramnit", (), (record,)))
    (letter,) = await read(letters, Choice(source=kind))
    assert (letter.source, letter.epoch, letter.position, letter.stage) == (kind, 5, "17+2", "write")
    assert (letter.reason, letter.attempts, letter.original) == ("reason 😀", 3, bytes(range(256)))
    assert (letter.botnet_type, letter.botnet, letter.sequence) == ("ramnit", "ramnit", 17)
    assert len(letter.created_time) == len(SEEN_AT)


async def test_letters_are_chosen(store: Store, database: Database, letters: DeadLetters, kind: str) -> None:
    """By source, botnet type (in the row or in the bytes), part of the reason, time and id; all at once, too."""
    records = [
        rejected(1, b'{"botnet_type": "ramnit", "ip": "x"}', "ip 'x' is 100% NO address_"),
        rejected(2, b'{"botnet_type": "other", "note": "ramnit"}', "timestamp"),
        rejected(3, b"not JSON: ramnit", "not a readable record"),
        rejected(4, b'{"botnet_type":"b\'o\\\\t"}', "botnet_type"),
    ]
    await write(database, refused(kind, *records))
    await write(database, evolve(refused(kind, rejected(5)), botnet_type="ramnit", part=1))
    every = await read(letters, Choice(source=kind))

    async def positions(choice: Choice) -> list[str]:
        return [letter.position for letter in await read(letters, evolve(choice, source=kind))]

    assert await positions(Choice()) == ["1", "2", "3", "4", "5"]
    assert await read(letters, Choice(source=kind + "x")) == []
    assert await positions(Choice(botnet="ramnit")) == ["1", "5"]
    assert await positions(Choice(botnet="b'o\\t")) == []  # escaped in the bytes: they do not contain it
    assert await positions(Choice(reason="is 100% no ADDRESS_")) == ["1"]
    assert await positions(Choice(reason="'")) == ["1"]
    assert await positions(Choice(ids=[every[1].id, every[3].id, 10**12])) == ["2", "4"]
    store.rows(f"UPDATE dead_letters SET created_time = '2020-01-01 00:00:00' WHERE id = {every[0].id}")
    assert await positions(Choice(since="2020-01-01 00:00:01")) == ["2", "3", "4", "5"]
    assert await positions(Choice(botnet="ramnit", since="2020-01-01 00:00:00", ids=[every[0].id])) == ["1"]


async def test_letters_are_counted_up_to_a_limit(store: Store, database: Database, kind: str) -> None:
    """Counting stops where the answer is known."""
    await write(database, refused(kind, *map(rejected, range(3))))
    ((stored,),) = store.rows("SELECT COUNT(*) FROM dead_letters")
    assert isinstance(stored, int)
    assert stored >= 3
    assert [await database.dead_letter_count(limit) for limit in (1, stored, stored + 1)] == [1, stored, stored]


async def test_letters_are_read_page_by_page(database: Database, letters: DeadLetters, kind: str) -> None:
    """More than one page, and never more than the limit."""
    await seed(database, letters, kind, 2 * PAGE_SIZE + 3)
    pages = [len(page) async for page in chosen(letters, Choice(source=kind))]
    assert pages == [PAGE_SIZE, PAGE_SIZE, 3]
    limited = [len(page) async for page in chosen(letters, Choice(source=kind), PAGE_SIZE + 1)]
    assert limited == [PAGE_SIZE, 1]
    assert [page async for page in chosen(letters, Choice(source=kind), 0)] == []


async def test_a_retry_writes_and_settles_at_once(
    store: Store, database: Database, letters: DeadLetters, kind: str
) -> None:
    """The rows are there, the letters are not, and the ledger knows of both; a second time nothing happens."""
    found = await seed(database, letters, kind, 3)
    ids = [letter.id for letter in found[:2]]
    batch = again(kind, 2)
    assert await letters.resolve(batch, {"1.2.3.4": Facts("DE", "Germany")}, ids, rehearse=False) == Written(2, 0, 0)
    assert await read(letters, Choice(source=kind)) == [found[2]]
    model = Model()
    model.write(batch.sightings)
    check(store, kind, model)
    assert store.rows(f"SELECT country FROM botnet_nodes_{kind}") == [("Germany",)]
    ledger = f"SELECT received, written, duplicates, rejected FROM engine_ledger WHERE source = '{kind}' ORDER BY id"
    assert store.rows(ledger)[0] == (3, 0, 0, 3)
    assert sorted(store.rows(ledger)[1:]) == [(0, 0, 0, 0), (0, 0, 0, 0), (2, 2, 0, 0)]
    assert await letters.resolve(batch, {}, ids, rehearse=False) is None
    assert len(store.rows(ledger)) == 4
    check(store, kind, model)


async def test_a_retry_of_letters_of_which_one_is_gone_changes_nothing(
    store: Store, database: Database, letters: DeadLetters, kind: str
) -> None:
    """None of its rows is written, none of the other letters is settled."""
    found = await seed(database, letters, kind, 2)
    await letters.resolve(again(kind, 1), {}, [found[0].id], rehearse=False)
    later = evolve(again(kind, 3), span=(7, 9))
    assert await letters.resolve(later, {}, [letter.id for letter in found], rehearse=False) is None
    model = Model()
    model.write(again(kind, 1).sightings)
    check(store, kind, model)
    assert await read(letters, Choice(source=kind)) == [found[1]]


async def test_a_rehearsal_says_what_would_be_and_changes_nothing(
    store: Store, database: Database, letters: DeadLetters, kind: str
) -> None:
    """With and without tables, with known and new sightings, with a letter that is gone."""
    found = await seed(database, letters, kind, 2)
    ids = [letter.id for letter in found]
    twice = evolve(again(kind, 2), sightings=[online("1.2.3.4", SEEN_AT)] * 2)
    assert await letters.resolve(twice, {}, ids, rehearse=True) == Written(1, 1, 0)
    assert await letters.resolve(twice, {}, [10**12], rehearse=True) is None
    assert kind not in {count.botnet_type for count in await database.table_counts()}
    known = batch_of([online("1.2.3.4", SEEN_AT)], kind, source=kind)
    await write(database, known)
    model = Model()
    model.write(known.sightings)
    more = evolve(again(kind, 3), sightings=[online("1.2.3.4", SEEN_AT), online("1.2.3.5", SEEN_AT)])
    assert await letters.resolve(more, {}, ids, rehearse=True) == Written(1, 1, 0)
    assert await letters.resolve(twice, {}, ids, rehearse=True) == Written(0, 2, 0)
    assert await letters.resolve(more, {}, [10**12], rehearse=True) is None
    check(store, kind, model)
    assert await read(letters, Choice(source=kind)) == found
    assert store.rows(f"SELECT COUNT(*) FROM engine_ledger WHERE source = '{kind}'") == [(2,)]


async def test_what_the_database_refuses_stays(
    store: Store, database: Database, letters: DeadLetters, kind: str
) -> None:
    """A RejectedError leaves the letter as it was; its new reason and attempt are noted then."""
    (letter,) = await seed(database, letters, kind, 1)
    bad = evolve(again(kind, 1), sightings=[online("1.2.3.4", SEEN_AT, "half a pair \ud800")])
    for rehearse in (True, False):
        await write(database, batch_of([online("9.9.9.9", SEEN_AT)], kind))
        with pytest.raises(RejectedError):
            await letters.resolve(bad, {}, [letter.id], rehearse=rehearse)
    assert await read(letters, Choice(source=kind)) == [letter]
    await letters.refuse(letter.id, "it's \\ refused \ud800 " + "x" * 2000)
    (after,) = await read(letters, Choice(source=kind))
    assert after.attempts == 2
    assert after.reason.startswith("it's \\ refused ? xxx")


async def test_a_dropped_letter_is_gone_for_good(
    store: Store, database: Database, letters: DeadLetters, kind: str
) -> None:
    """Twice is once; the batch it came from, delivered again whole or in pieces, does not bring it back."""
    found = await seed(database, letters, kind, 3)
    assert await letters.drop([letter.id for letter in found[:2]]) == 2
    assert await letters.drop([letter.id for letter in found[:2]]) == 0
    assert await letters.drop([]) == 0
    assert await read(letters, Choice(source=kind)) == [found[2]]
    same = refused(kind, *[rejected(number) for number in (1, 2, 3)])
    assert await write(database, same) == Written(0, 0, 0)
    assert await write(database, evolve(same, span=(0, 3))) == Written(0, 0, 0)
    assert await read(letters, Choice(source=kind)) == [found[2]]
    other = refused(kind, rejected(1, b"other bytes"), part=9)
    assert await write(database, other) == Written(0, 0, 1)


async def test_a_retried_letter_does_not_come_back(database: Database, letters: DeadLetters, kind: str) -> None:
    """A batch that is delivered again after its letter was retried finds it settled."""
    (letter,) = await seed(database, letters, kind, 1)
    await letters.resolve(again(kind, 1), {}, [letter.id], rehearse=False)
    assert await write(database, refused(kind, rejected(1))) == Written(0, 0, 0)
    assert await read(letters, Choice(source=kind)) == []


async def test_settling_and_redelivery_at_the_same_time(store: Store, kind: str) -> None:
    """Six tasks retry, drop and redeliver the same letters: each is settled exactly once, none comes back."""
    batch = refused(kind, *[rejected(number) for number in range(1, 41)])
    settled = []

    async def retry(ids: Sequence[int]) -> None:
        async with store.open() as database, database.letters() as letters:
            for number in Random(1).sample(ids, len(ids)):
                one = evolve(again(kind, 1), span=(number, number + 1))
                if await letters.resolve(one, {}, [number], rehearse=False) is not None:
                    settled.append(number)

    async def drop(ids: Sequence[int]) -> None:
        async with store.open() as database, database.letters() as letters:
            for number in Random(2).sample(ids, len(ids)):
                settled.extend([number] * await letters.drop([number]))

    async def redeliver() -> None:
        async with store.open() as database:
            for number in range(10):
                await write(database, evolve(batch, span=(0, number + 1)))

    async with store.open() as database, database.letters() as letters:
        await write(database, batch)
        ids = [letter.id for letter in await read(letters, Choice(source=kind))]
        async with trio.open_nursery() as nursery:
            for task in (retry, retry, drop, drop):
                nursery.start_soon(task, ids)
            nursery.start_soon(redeliver)
            nursery.start_soon(redeliver)
        assert sorted(settled) == ids
        assert await read(letters, Choice(source=kind)) == []


async def test_a_cancelled_retry_is_whole_or_absent(
    store: Store, database: Database, letters: DeadLetters, kind: str
) -> None:
    """Cancelled at many instants: the letter is there and its row is not, or the other way round."""
    found = await seed(database, letters, kind, 20)
    model = Model()
    await write(database, batch_of([online("9.9.9.9", SEEN_AT)], kind))
    model.write([online("9.9.9.9", SEEN_AT)])
    for number, letter in enumerate(found):
        one = online("1.2.3.4", f"2026-11-20 09:00:{number:02}")
        batch = evolve(batch_of([one], kind, source=kind), part=AFTERWARDS, span=(letter.id, letter.id + 1))
        with trio.move_on_after(number / 4000):
            await letters.resolve(batch, {}, [letter.id], rehearse=False)
        if not await read(letters, Choice(source=kind, ids=[letter.id])):
            model.write([one])
        check(store, kind, model)


async def test_a_batch_whose_dead_letters_are_refused_is_not_there_at_all(
    store: Store, database: Database, kind: str
) -> None:
    """Sightings, dead letters and ledger row of a batch are committed together: without the table there is none."""
    batch = batch_of([online("1.2.3.4", SEEN_AT)], kind, source=kind, rejected=[rejected(2)])
    async with database.writer() as sink:
        await write_with(sink, batch_of([online("9.9.9.9", SEEN_AT)], kind, source=kind, first=9))
        store.rows("ALTER TABLE dead_letters RENAME TO hidden_letters")
        try:
            with pytest.raises(UnavailableError):
                await write_with(sink, batch)
        finally:
            store.rows("ALTER TABLE hidden_letters RENAME TO dead_letters")
        assert store.rows(f"SELECT ip FROM botnet_communications_{kind}") == [("9.9.9.9",)]
        assert store.rows(f"SELECT received FROM engine_ledger WHERE source = '{kind}'") == [(1,)]
        assert await write_with(sink, batch) == Written(1, 0, 1)


async def test_the_newest_come_first(database: Database, letters: DeadLetters) -> None:
    """As many as asked for, by id; of every source."""
    await seed(database, letters, "newest", 5)
    (last, *_), every = await letters.newest(1), await letters.newest(PAGE_SIZE)
    assert every[0] == last
    assert [letter.id for letter in every] == sorted((letter.id for letter in every), reverse=True)
    assert len(await letters.newest(3)) == 3
    assert {letter.position for letter in every if letter.source == "newest"} == set("12345")
