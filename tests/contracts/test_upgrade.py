"""Tables of old installations become wide enough, whatever they are like, and nothing of what is in them changes."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import pytest
import trio

from adapters.sinks import mysql_layout
from adapters.sinks.mysql_upgrade import open_upgrade
from engine.errors import ConfigError, RejectedError, UnavailableError
from engine.ports import SchemaStep
from engine.sighting import Facts
from tests.contracts.sink_stores import MariaDbStore, batch_of, online, write, write_with
from tests.old_tables import COMMUNICATION_COLUMNS, content, fill
from tests.servers.mariadb import MariaDbServer

CITY = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogoch 😀"
FACTS = {"2a00::1": Facts("GB", "United Kingdom", "Wales", CITY, "Europe", "ISP " * 40, 4_200_000_000, 53.2, -4.2)}
DAY = "2026-11-20 "
BEGIN = datetime.fromisoformat("2026-11-01 00:00:00")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDbServer]:
    """A server for all tests of this file."""
    with MariaDbServer(tmp_path_factory.mktemp("mysql")) as running:
        yield running


@pytest.fixture
def store(server: MariaDbServer, kind: str) -> MariaDbStore:
    """An empty database of the test's own: an upgrade is of all tables."""
    root = MariaDbStore(server, f"upgrade_{kind}")
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {root.name} CHARACTER SET utf8mb4")
    return root


async def upgraded(store: MariaDbStore) -> Sequence[SchemaStep]:
    """Upgrade all of it; the steps. Nothing is left to do."""
    async with open_upgrade(store.server.url(store.name)) as upgrade:
        steps = await upgrade.plan()
        for step in steps:
            await upgrade.carry_out(step)
        assert await upgrade.plan() == []
    return steps


def shown(store: MariaDbStore, table: str) -> str:
    """The statement that would make a table."""
    return str(store.rows(f"SHOW CREATE TABLE {table}")[0][1])


async def write_wide(store: MariaDbStore, kind: str) -> None:
    """Let the engine write what no old table held; it must be there uncut, with its counter."""
    async with store.open() as database:
        (address,) = FACTS
        batch = batch_of([online(address, f"{DAY}08:0{n}:00", "e" * 100) for n in range(3)], kind)
        assert (await write(database, batch, FACTS)).written == 3
        assert (await write(database, batch, FACTS)).written == 0
        assert database.cut_values == 0
    row = store.rows(f"SELECT city, isp, asn, communication_count FROM botnet_nodes_{kind} WHERE ip = '{address}'")
    assert row == [(CITY, "ISP " * 40, str(FACTS[address].asn), 3)]
    assert store.rows(f"SELECT DISTINCT event_type FROM botnet_communications_{kind} WHERE ip = '{address}'") == [
        ("e" * 100,)
    ]


@pytest.mark.parametrize(
    "charset",
    [
        "utf8mb3", "latin1", "utf8mb4", "utf8mb4 COLLATE utf8mb4_unicode_520_ci", "utf8mb4 COLLATE utf8mb4_bin",
        "latin1 COLLATE latin1_german1_ci", "utf8mb3 ENGINE=MyISAM", "utf8mb3 ROW_FORMAT=COMPACT",
    ],
)  # fmt: skip
async def test_old_tables_are_widened_and_lose_nothing(store: MariaDbStore, kind: str, charset: str) -> None:
    """Every row and counter is what it was, whatever the collation; then the engine writes what is wide."""
    fill(store.rows, kind, 300, charset=charset)
    before = content(store.rows, kind)
    steps = await upgraded(store)
    assert content(store.rows, kind) == before
    altered = [step for step in steps if not step.is_new]
    assert {step.table for step in altered} == {f"botnet_nodes_{kind}", f"botnet_communications_{kind}"}
    assert all(step.rows > 0 and step.size > 0 for step in altered)
    await write_wide(store, kind)
    assert await upgraded(store) == []


async def test_what_a_column_has_beside_its_width_stays(store: MariaDbStore, kind: str) -> None:
    """Default, comment, NOT NULL, the order of texts, columns and indexes of somebody else."""
    fill(store.rows, kind, 10)
    nodes = f"botnet_nodes_{kind}"
    store.rows(
        f"ALTER TABLE {nodes} MODIFY city VARCHAR(50) COLLATE utf8mb3_bin NOT NULL DEFAULT 'it''s, (x)' COMMENT 'a, b',"
        " ADD note VARCHAR(20) CHARACTER SET latin1, ADD upper VARCHAR(50) AS (UPPER(city)) STORED, ADD KEY mine (city)"
    )
    await upgraded(store)
    assert (
        "`city` varchar(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT 'it''s, (x)' COMMENT 'a, b'"
    ) in shown(store, nodes)
    assert "`country` varchar(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci DEFAULT NULL" in shown(store, nodes)
    for kept in (
        "`note` varchar(20) CHARACTER SET latin1",
        "GENERATED ALWAYS AS",
        "KEY `mine` (`city`)",
        "idx_country",
    ):
        assert kept in shown(store, nodes)
    assert "CONSTRAINT" in shown(store, f"botnet_communications_{kind}")


async def test_texts_of_another_kind(store: MariaDbStore, kind: str) -> None:
    """What only takes some words becomes text and keeps its words and default; bytes stay bytes."""
    fill(store.rows, kind, 10)
    nodes, communications = f"botnet_nodes_{kind}", f"botnet_communications_{kind}"
    store.rows(
        f"ALTER TABLE {nodes} MODIFY continent ENUM('Asia', 'Europe', 'it''s, (x)') DEFAULT 'Asia', MODIFY isp BLOB,"
        " MODIFY country SET('Land', 'Réunion'), MODIFY city VARCHAR(50) COMMENT 'GENERATED by the puller'"
    )
    store.rows(f"ALTER TABLE {communications} MODIFY event_type ENUM('', 'http') NOT NULL DEFAULT 'http'")
    before = content(store.rows, kind)
    await upgraded(store)
    assert content(store.rows, kind) == before
    assert "`continent` varchar(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci DEFAULT 'Asia'" in shown(
        store, nodes
    )
    assert "`city` varchar(128) " in shown(store, nodes)
    assert "`isp` blob" in shown(store, nodes)
    assert "`event_type` varchar(255) CHARACTER SET utf8mb4" in shown(store, communications)


@pytest.mark.parametrize("row_format", ["COMPACT", "REDUNDANT", "DYNAMIC"])
async def test_wide_texts_in_an_index_of_somebody_else(store: MariaDbStore, kind: str, row_format: str) -> None:
    """A row format whose indexes hold 767 bytes of a column makes room for more; no other is touched."""
    fill(store.rows, kind, 10)
    for table in (f"botnet_nodes_{kind}", f"botnet_communications_{kind}"):
        store.rows(f"ALTER TABLE {table} ROW_FORMAT={row_format}, ADD KEY mine (country, isp)")
    before = content(store.rows, kind)
    steps = await upgraded(store)
    assert content(store.rows, kind) == before
    assert any("ROW_FORMAT" in step.statement for step in steps) == (row_format != "DYNAMIC")
    assert "KEY `mine` (`country`,`isp`)" in shown(store, f"botnet_nodes_{kind}")
    await write_wide(store, kind)


@pytest.mark.parametrize("is_tied", [True, False])
async def test_numbers_of_rows(store: MariaDbStore, kind: str, *, is_tied: bool) -> None:
    """They become large, and keep their values; where a foreign key ties them together they stay as they are."""
    fill(store.rows, kind, 10)
    if not is_tied:
        store.rows(f"ALTER TABLE botnet_communications_{kind} DROP FOREIGN KEY fk_{kind}")
    before = content(store.rows, kind)
    await upgraded(store)
    assert content(store.rows, kind) == before
    large = "bigint(20) unsigned NOT NULL"
    assert (f"`id` {large} AUTO_INCREMENT" in shown(store, f"botnet_nodes_{kind}")) != is_tied
    assert (f"`node_id` {large}" in shown(store, f"botnet_communications_{kind}")) != is_tied
    assert f"`id` {large} AUTO_INCREMENT" in shown(store, f"botnet_communications_{kind}")
    await write_wide(store, kind)


async def test_a_zero_as_a_date_stays(store: MariaDbStore, kind: str) -> None:
    """Old servers stored it where nothing was known."""
    fill(store.rows, kind, 10)
    with store.server.connect(store.name) as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION sql_mode = ''")
        cursor.execute(f"UPDATE botnet_nodes_{kind} SET cleaned_time = '0000-00-00 00:00:00' WHERE id = 3")
        cursor.execute(f"ALTER TABLE botnet_nodes_{kind} ADD seen DATETIME NOT NULL DEFAULT '0000-00-00 00:00:00'")
    await upgraded(store)
    assert store.rows(f"SELECT id FROM botnet_nodes_{kind} WHERE CAST(cleaned_time AS CHAR) LIKE '0000%'") == [(3,)]


async def test_a_server_that_shows_tables_in_another_way(store: MariaDbStore, kind: str) -> None:
    """Its settings change how it quotes, not what is upgraded."""
    fill(store.rows, kind, 10)
    store.rows("SET GLOBAL sql_quote_show_create = 0, GLOBAL sql_mode = 'ANSI_QUOTES,ORACLE'")
    try:
        await upgraded(store)
    finally:
        store.rows("SET GLOBAL sql_quote_show_create = 1, GLOBAL sql_mode = DEFAULT")
    await write_wide(store, kind)


async def test_missing_columns_are_added(store: MariaDbStore, kind: str) -> None:
    """Wide at once, whatever the character set of the table; rows that are there have no value in them."""
    fill(store.rows, kind, 10, charset="latin1")
    store.rows(f"ALTER TABLE botnet_nodes_{kind} DROP COLUMN city, DROP COLUMN updated_at")
    store.rows(f"ALTER TABLE botnet_communications_{kind} DROP COLUMN event_type, DROP COLUMN received_at")
    await upgraded(store)
    assert store.rows(f"SELECT DISTINCT city FROM botnet_nodes_{kind}") == [(None,)]
    assert store.rows(f"SELECT DISTINCT event_type, received_at FROM botnet_communications_{kind}") == [(None, None)]
    await write_wide(store, kind)


async def test_a_missing_unique_key_is_added(store: MariaDbStore, kind: str) -> None:
    """Where no rows are alike in it; the counters are exact from then on."""
    fill(store.rows, kind, 10)
    store.rows(f"ALTER TABLE botnet_communications_{kind} DROP KEY idx_unique_communication, ADD KEY plain (ip)")
    store.rows(f"ALTER TABLE botnet_nodes_{kind} DROP KEY unique_ip")
    before = content(store.rows, kind)
    await upgraded(store)
    assert content(store.rows, kind) == before
    await write_wide(store, kind)


async def test_rows_that_are_alike_are_in_the_way(store: MariaDbStore, kind: str) -> None:
    """Nothing is changed, and the message has the query that shows them."""
    fill(store.rows, kind, 10)
    table = f"botnet_communications_{kind}"
    store.rows(f"ALTER TABLE {table} DROP KEY idx_unique_communication")
    copied = COMMUNICATION_COLUMNS.removeprefix("id, ")
    store.rows(f"INSERT INTO {table} ({copied}) SELECT {copied} FROM {table} WHERE node_id = 7")
    before = content(store.rows, kind), shown(store, table), shown(store, f"botnet_nodes_{kind}")
    async with open_upgrade(store.server.url(store.name)) as upgrade:
        with pytest.raises(ConfigError, match=f"table {table} needs a unique key") as refused:
            await upgrade.plan()
    assert (content(store.rows, kind), shown(store, table), shown(store, f"botnet_nodes_{kind}")) == before
    found = store.rows(str(refused.value).partition("\n")[2])
    assert [(ip, copies) for ip, _, copies in found] == [("11.0.7.1", 2)] * 5
    store.rows(f"DELETE FROM {table} WHERE id > 50")
    await upgraded(store)
    await write_wide(store, kind)


async def test_a_table_that_is_none_of_ours_is_refused(store: MariaDbStore, kind: str) -> None:
    """Without what counts need, nothing can be invented."""
    fill(store.rows, kind, 10)
    store.rows(f"ALTER TABLE botnet_nodes_{kind} DROP COLUMN first_seen")
    async with open_upgrade(store.server.url(store.name)) as upgrade:
        with pytest.raises(ConfigError, match=f"botnet_nodes_{kind} lacks the columns first_seen"):
            await upgrade.plan()


async def test_tables_of_others_are_left_alone(store: MariaDbStore, kind: str) -> None:
    """What only begins like one of ours, and addresses that no sightings belong to."""
    fill(store.rows, kind, 10)
    store.rows(f"CREATE TABLE botnet_nodes_{kind}_backup AS SELECT * FROM botnet_nodes_{kind}")
    store.rows(f"CREATE TABLE `botnet_communications_{kind}-backup` AS SELECT * FROM botnet_communications_{kind}")
    steps = await upgraded(store)
    assert {step.table for step in steps if not step.is_new} == {
        f"botnet_nodes_{kind}",
        f"botnet_communications_{kind}",
    }
    assert not any("backup" in step.table for step in steps)


async def test_views_are_left_alone(store: MariaDbStore, kind: str) -> None:
    """Views and sequences whose names are like those of our tables: they have no rows of their own, and no botnet type.

    One in the place of a table that is needed is refused.
    """
    fill(store.rows, kind, 10)
    nodes, communications = f"botnet_nodes_{kind}", f"botnet_communications_{kind}"
    store.rows(f"CREATE VIEW {communications}_all AS SELECT * FROM {communications}")
    store.rows(f"CREATE VIEW {communications}_few AS SELECT ip FROM {communications}")
    store.rows(f"CREATE SEQUENCE {communications}_next")
    steps = await upgraded(store)
    assert {step.table for step in steps if not step.is_new} == {nodes, communications}
    assert not any(step.table.startswith((f"{nodes}_", f"{communications}_")) for step in steps)
    async with store.open() as database:
        assert [count.botnet_type for count in await database.table_counts()] == [kind]
    store.rows(f"CREATE TABLE {communications}_x LIKE {communications}")
    store.rows(f"CREATE VIEW {nodes}_x AS SELECT * FROM {nodes}")
    async with open_upgrade(store.server.url(store.name)) as upgrade:
        with pytest.raises(ConfigError, match=f"{nodes}_x is no table of rows"):
            await upgrade.plan()


async def test_a_database_of_a_newer_engine_is_not_upgraded(store: MariaDbStore, kind: str) -> None:
    """Its tables are none that this engine knows."""
    async with store.open() as database:
        await write(database, batch_of([online("1.2.3.4", DAY + "08:00:00")], kind))
    store.rows("UPDATE engine_format SET version = 99")
    async with open_upgrade(store.server.url(store.name)) as upgrade:
        with pytest.raises(ConfigError, match="format 99"):
            await upgrade.plan()


async def test_what_the_server_refuses_changes_nothing(store: MariaDbStore, kind: str) -> None:
    """An address that is no ASCII text: the statement fails whole, and says why."""
    fill(store.rows, kind, 10)
    store.rows(f"UPDATE botnet_nodes_{kind} SET ip = '1.2.3.é' WHERE id = 3")
    before = content(store.rows, kind), shown(store, f"botnet_nodes_{kind}")
    async with open_upgrade(store.server.url(store.name)) as upgrade:
        (step,) = [each for each in await upgrade.plan() if each.table == f"botnet_nodes_{kind}"]
        with pytest.raises(RejectedError, match="ip"):
            await upgrade.carry_out(step)
    assert (content(store.rows, kind), shown(store, f"botnet_nodes_{kind}")) == before


async def test_a_small_change_costs_nothing(store: MariaDbStore, kind: str) -> None:
    """A column more is added at once, whatever the size of the table."""
    async with store.open() as database:
        await write(database, batch_of([online("1.2.3.4", DAY + "08:00:00")], kind))
    store.rows(f"ALTER TABLE botnet_nodes_{kind} DROP COLUMN country_code")
    (step,) = await upgraded(store)
    assert "ADD COLUMN country_code" in step.statement
    assert not step.is_rewriting


async def test_only_one_upgrade_at_a_time(store: MariaDbStore, kind: str) -> None:
    """The second is told which connection has the first one."""
    fill(store.rows, kind, 10)
    url = store.server.url(store.name)
    async with open_upgrade(url):
        with pytest.raises(UnavailableError, match=r"another upgrade .* KILL \d+"):
            async with open_upgrade(url):
                pytest.fail("it cannot open")
    await upgraded(store)


async def test_a_lost_connection_is_not_gone_on_with(store: MariaDbStore, kind: str) -> None:
    """The lock went with it: somebody else may be upgrading."""
    fill(store.rows, kind, 10)
    async with open_upgrade(store.server.url(store.name)) as upgrade:
        steps = await upgrade.plan()
        for number in store.server.connections(store.name):
            store.server.kill_connection(number)
        with pytest.raises(UnavailableError, match="start the upgrade again"):
            await upgrade.carry_out(steps[0])
    await upgraded(store)


async def test_a_running_engine_goes_on(store: MariaDbStore, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its writes wait or go on, all are counted once, and it sees by itself that the tables are wide."""
    monkeypatch.setattr(mysql_layout, "LOOK_AGAIN_SECONDS", 0.0)
    fill(store.rows, kind, 5_000)
    has_begun, is_over = trio.Event(), trio.Event()
    batches = 0

    async def work() -> None:
        nonlocal batches
        async with store.open() as database, database.writer() as sink:
            while not is_over.is_set():
                seen_at = str(BEGIN + timedelta(seconds=batches))
                assert (await write_with(sink, batch_of([online("8.8.8.8", seen_at)], kind))).written == 1
                batches += 1
                has_begun.set()
            wide = batch_of([online("2a00::1", DAY + "08:00:00")], kind)
            assert (await write_with(sink, wide, FACTS)).written == 1
            assert database.cut_values == 0

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work)
        await has_begun.wait()
        await upgraded(store)
        is_over.set()
    assert store.rows(f"SELECT communication_count FROM botnet_nodes_{kind} WHERE ip = '8.8.8.8'") == [(batches,)]
    ((counted,),) = store.rows(f"SELECT SUM(communication_count) FROM botnet_nodes_{kind}")
    assert [(counted,)] == store.rows(f"SELECT COUNT(*) FROM botnet_communications_{kind}")
    assert store.rows(f"SELECT city FROM botnet_nodes_{kind} WHERE ip = '2a00::1'") == [(CITY,)]
