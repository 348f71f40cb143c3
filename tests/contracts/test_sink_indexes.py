"""Indexes for those who read: none unless asked for, each made once, on real databases that are written meanwhile."""

import pytest
import trio

from adapters.sinks.database import Database
from adapters.sinks.indexes import INDEXES, mysql_statements, sqlite_statements
from engine.errors import RejectedError
from tests.contracts.sink_stores import Model, SqliteStore, Store, batch_of, check, online, write

DAY = "2026-11-20 "
KEYS = {("nodes", "ip"), ("communications", "ip")}
"""What the keys of the tables begin with, beside the primary ones."""


def indexed(store: Store, kind: str) -> set[tuple[str, str]]:
    """Which columns of which tables an index begins with, the primary keys left out."""
    found = set()
    for table in ("nodes", "communications"):
        name = f"botnet_{table}_{kind}"
        if isinstance(store, SqliteStore):
            rows = store.rows(
                f"SELECT info.name FROM pragma_index_list('{name}') AS list "
                "JOIN pragma_index_info(list.name) AS info WHERE info.seqno = 0"
            )
        else:
            rows = store.rows(
                "SELECT COLUMN_NAME FROM information_schema.STATISTICS WHERE INDEX_NAME <> 'PRIMARY' "
                f"AND TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '{name}' AND SEQ_IN_INDEX = 1"
            )
        found |= {(table, str(column)) for (column,) in rows}
    return found


async def test_a_new_table_has_no_index_but_its_keys(store: Store, database: Database, kind: str) -> None:
    """Whoever only writes pays for nothing else."""
    await write(database, batch_of([online("1.2.3.4", DAY + "08:00:00")], kind))
    assert indexed(store, kind) == KEYS


async def test_an_index_is_made_once(store: Store, database: Database, kind: str) -> None:
    """Tables and indexes that are missing are made, those that are there are left alone, whoever made them."""
    assert len(await database.make_indexes(kind, ["time", "node_seen"])) == 2
    assert await database.make_indexes(kind, ["time", "node_seen"]) == []
    store.rows(f"CREATE INDEX mine_{kind} ON botnet_communications_{kind} (asn, city)")
    assert await database.make_indexes(kind, ["asn"]) == []
    assert len(await database.make_indexes(kind, list(INDEXES))) == len(INDEXES) - 3
    assert indexed(store, kind) == KEYS | {(index.of, index.column) for index in INDEXES.values()}


async def test_an_index_is_made_while_writers_go_on(store: Store, database: Database, kind: str) -> None:
    """Every row is there, and counted."""
    model = Model()

    async def work() -> None:
        for minute in range(40):
            sightings = [online(f"10.0.{n}.1", f"{DAY}08:{minute:02}:00") for n in range(50)]
            assert await write(database, batch_of(sightings, kind)) == model.write(sightings)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work)
        for name in ("time", "country", "node_seen"):
            await database.make_indexes(kind, [name])
    check(store, kind, model)


async def test_what_the_database_refuses_is_said(store: Store, database: Database, kind: str) -> None:
    """No tables beyond the limit, none for what is no botnet type, no index over a column that is not there."""
    with pytest.raises(RejectedError, match="not of the form"):
        await database.make_indexes("A b", ["time"])
    async with store.open(max_botnet_types=0) as full:
        with pytest.raises(RejectedError, match="max_botnet_types"):
            await full.make_indexes(kind, ["time"])


async def test_what_is_printed_makes_the_same_tables(store: Store, database: Database, kind: str) -> None:
    """The statements, typed into a client, make tables that the engine then finds complete."""
    of = sqlite_statements if isinstance(store, SqliteStore) else mysql_statements
    for statement in of(kind, ["time", "city"]):
        store.rows(statement)
    assert await database.make_indexes(kind, ["time", "city"]) == []
    sightings = [online("1.2.3.4", DAY + "08:00:00")]
    await write(database, batch_of(sightings, kind))
    assert indexed(store, kind) == KEYS | {("communications", "communication_time"), ("communications", "city")}
