"""The contract of every database's ledger: `engine.audit.Ledger`, on real databases."""

from attrs import evolve

from adapters.sinks.database import Database
from engine.audit import Counters, LedgerRow, LedgerTotal
from engine.dead_letters import Choice, chosen
from engine.delivery import Batch
from engine.sighting import Rejected
from engine.worker import cut
from tests.contracts.sink_stores import (
    RECEIVED_AT,
    Store,
    batch_of,
    cleanup,
    online,
    write,
    write_with,
)


def batch(kind: str, first: int, size: int) -> Batch:
    """A batch of sightings a second apart."""
    sightings = [online("1.2.3.4", f"2026-11-20 08:{first // 60:02}:{(first + n) % 60:02}") for n in range(size)]
    return batch_of(sightings, kind, source=kind, first=first)


async def total_of(database: Database, source: str) -> LedgerTotal:
    """The total of one source."""
    (total,) = [each for each in await database.ledger_totals(None) if each.source == source]
    return total


async def test_rows_are_found_by_the_name_of_the_batch(database: Database, kind: str) -> None:
    """Whole batches and pieces, of these names and of no other that begins alike."""
    one, two = batch(kind, 1, 4), batch(kind, 11, 4)
    for piece in (one, cut(two, 0, 3), cut(two, 3, 4), evolve(one, part=10), evolve(one, part=100)):
        await write(database, piece)
    assert await database.ledger_rows([]) == []
    assert await database.ledger_rows([one.name]) == [LedgerRow(one.name, None, None, 4, 4, 0, 0)]
    rows = await database.ledger_rows({one.name, two.name, "nobody:0:1-1:0"})
    assert sorted(rows, key=lambda row: (row.name, row.begin or 0)) == [
        LedgerRow(one.name, None, None, 4, 4, 0, 0),
        LedgerRow(two.name, 0, 3, 3, 3, 0, 0),
        LedgerRow(two.name, 3, 4, 1, 1, 0, 0),
    ]


async def test_hundreds_of_names_at_once(database: Database, kind: str) -> None:
    """More than fit into one question."""
    batches = [
        batch_of([], kind, source=kind, first=n, rejected=[Rejected(str(n), "fetch", "no ip", b"")])
        for n in range(1, 501)
    ]
    async with database.writer() as sink:
        for one in batches:
            await write_with(sink, one)
    rows = await database.ledger_rows([one.name for one in batches])
    assert {row.name for row in rows} == {one.name for one in batches}
    assert len(rows) == 500


async def test_retries_and_broken_rows_count_apart(store: Store, database: Database, kind: str) -> None:
    """What a retry wrote was received before; a row that does not add up is counted as such."""
    rejected = Rejected("1", "fetch", "no ip", b"{}")
    await write(database, Batch(kind, 0, 1, 1, 0, RECEIVED_AT, "", (), (rejected,)))
    assert await total_of(database, kind) == LedgerTotal(kind, 1, 0, 0, 1)
    async with database.letters() as letters:
        (page,) = [page async for page in chosen(letters, Choice(source=kind))]
        again = evolve(batch(kind, 1, 1), part=-1, span=(1, 2))
        await letters.resolve(again, {}, [page[0].id], rehearse=False)
    assert await total_of(database, kind) == LedgerTotal(kind, 1, 0, 0, 1, retried=1)
    store.rows(f"UPDATE engine_ledger SET written = 9 WHERE source = '{kind}' AND part = 0")
    assert await total_of(database, kind) == LedgerTotal(kind, 1, 9, 0, 1, retried=1, broken=1)


async def test_counters_and_rows(store: Store, database: Database, kind: str) -> None:
    """Equal after every write, whatever it was; different once somebody deletes rows by hand."""
    await write(database, batch(kind, 1, 5))
    await write(database, batch(kind, 3, 5))
    await write(database, batch_of([cleanup("9.9.9.9", "2026-11-20 08:00:00")], kind, source=kind, first=20))
    assert Counters(kind, 7, 7) in await database.counters()
    store.rows(f"DELETE FROM botnet_communications_{kind} WHERE communication_time = '2026-11-20 08:00:01'")
    assert Counters(kind, 7, 6) in await database.counters()
