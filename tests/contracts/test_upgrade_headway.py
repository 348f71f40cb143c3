"""How far an upgrade's statement is, asked beside it: by a real server, or by one that cannot say."""

from collections.abc import Sequence

import pytest
import trio

from adapters.sinks.mysql_upgrade import headway_of, open_upgrade
from engine.ports import Headway
from tests.contracts.sink_stores import MariaDbStore, batch_of, online, write
from tests.old_tables import fill

ADDRESSES = 10_000


@pytest.fixture
def store(own_store: MariaDbStore) -> MariaDbStore:
    """An upgrade is of all tables of a database."""
    return own_store


async def seen_while_altering(url: str, table: str) -> list[Headway | None]:
    """Carry all out; what was answered, asked all the time, while the statement of a table ran. Nothing is left."""
    seen: list[Headway | None] = []
    async with open_upgrade(url) as upgrade:
        assert await upgrade.headway() is None, "nothing is carried out"
        for step in await upgrade.plan():
            async with trio.open_nursery() as nursery:

                async def ask(name: str = step.table) -> None:
                    while True:
                        headway = await upgrade.headway()
                        if name == table:
                            seen.append(headway)

                nursery.start_soon(ask)
                await upgrade.carry_out(step)
                nursery.cancel_scope.cancel()
        assert await upgrade.plan() == []
    return seen


async def test_a_table_that_is_copied(store: MariaDbStore, kind: str) -> None:
    """MariaDB tells stages, and the share of the first one, which only grows."""
    fill(store.rows, kind, ADDRESSES)
    seen = await seen_while_altering(store.server.url(store.name), f"botnet_communications_{kind}")
    shares = [headway.done for headway in seen if headway is not None and headway.stage == "stage 1 of 2"]
    assert shares == sorted(shares)
    assert 0 < shares[len(shares) // 2] < 100


async def test_a_table_that_is_changed_in_place(store: MariaDbStore, kind: str) -> None:
    """There are no stages then, but a share of the whole, which only grows."""
    async with store.open() as database:
        await write(database, batch_of([online("1.2.3.4", "2026-11-20 08:00:00")], kind))
    table = f"botnet_communications_{kind}"
    store.rows(f"ALTER TABLE {table} DROP KEY ip_communication_time")
    store.rows(
        f"INSERT INTO {table} (node_id, ip, communication_time, received_at, event_type) "
        f"SELECT 1, CONCAT('::', HEX(seq)), '2026-11-20 08:00:00', NOW(), 'x' FROM seq_1_to_{20 * ADDRESSES}"
    )
    async with open_upgrade(store.server.url(store.name)) as upgrade:
        assert all("INPLACE" in step.statement for step in await upgrade.plan() if step.table == table)
    seen = await seen_while_altering(store.server.url(store.name), table)
    shares = [headway.done for headway in seen if headway is not None]
    assert shares == sorted(shares)
    assert 0 < shares[len(shares) // 2] <= 100


async def test_nobody_can_be_asked(store: MariaDbStore, kind: str) -> None:
    """A user who may have one connection: the upgrade goes on without, and is done."""
    fill(store.rows, kind, 100)
    store.rows(f"CREATE USER one_{kind}@'%' IDENTIFIED BY 'p' WITH MAX_USER_CONNECTIONS 1")
    store.rows(f"GRANT ALL ON {store.name}.* TO one_{kind}@'%'")
    seen = await seen_while_altering(store.server.url(store.name, f"one_{kind}", "p"), f"botnet_communications_{kind}")
    assert set(seen) <= {None}


async def test_a_server_that_does_not_answer(store: MariaDbStore) -> None:
    """After two seconds nobody can say; the statement goes on, and there is no second question for a while."""
    async with open_upgrade(store.server.url(store.name)) as upgrade:
        store.server.pause()
        try:
            with trio.fail_after(10):
                assert await upgrade.headway() is None
        finally:
            store.server.resume()
        assert await upgrade.plan()


@pytest.mark.parametrize(
    ("row", "headway"),
    [
        ((1, 2, "44.130", "0"), Headway(44.13, 100, "stage 1 of 2")),
        ((2, 2, "0.000", "0"), Headway(0, 100, "stage 2 of 2")),
        ((1, 1, "50.000", "0"), Headway(50, 100)),
        ((0, 0, "0.000", "2314"), Headway(23.14, 100)),
        ((0, 0, "0.000", "0"), None),
        ((None, None, None, None), None),
    ],
)
def test_what_the_numbers_mean(row: Sequence[object], headway: Headway | None) -> None:
    """A stage of several is named; where there is none the other number counts; nothing is no headway."""
    assert headway_of([row]) == headway
    assert headway_of([]) is None
