"""What only a server can do to a sink: freeze, die, refuse, hang up, and hold tables of another time."""

import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pymysql
import pytest
import trio

from adapters.sinks import mysql
from adapters.sinks.connection import Session
from adapters.sinks.mysql_url import parse_url
from engine.delivery import Batch, Written
from engine.errors import ConfigError, RejectedError, UnavailableError
from engine.ports import Sink
from engine.sighting import Facts, Rejected, Sighting
from tests.contracts.sink_stores import (
    MariaDbStore,
    Model,
    batch_of,
    check,
    cleanup,
    fresh_type,
    online,
    write,
    write_with,
)
from tests.faults.proxy import DOWN, FaultProxy, Toxics
from tests.old_tables import OLD_COMMUNICATIONS, OLD_NODES
from tests.servers.mariadb import MariaDbServer

DAY = "2026-11-20 "


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDbServer]:
    """A server that the tests of this file may freeze and kill; each leaves it running."""
    with MariaDbServer(tmp_path_factory.mktemp("mysql")) as running:
        yield running


@pytest.fixture
def store(server: MariaDbServer) -> MariaDbStore:
    """One database for all."""
    return MariaDbStore(server, "faults")


@pytest.fixture
def kind() -> str:
    """A botnet type of the test's own."""
    return fresh_type()


def many(count: int, minute: int = 0) -> list[Sighting]:
    """Sightings of many addresses."""
    return [online(f"10.{n // 250 % 250}.{n % 250}.1", f"{DAY}08:{minute:02}:{n % 60:02}") for n in range(count)]


async def write_until_taken(sink: Sink, batch: Batch) -> Written:
    """Call again for as long as the server is away, as the engine does."""
    while True:
        try:
            return await write_with(sink, batch)
        except UnavailableError:
            await trio.sleep(0.05)


@pytest.mark.parametrize("warm", [True, False])
async def test_a_write_to_a_frozen_server_is_cancelled_at_once(
    server: MariaDbServer, store: MariaDbStore, kind: str, *, warm: bool
) -> None:
    """On an open connection and while connecting the task is free in under a second, and writing goes on later."""
    batch = batch_of(many(500), kind)
    async with store.open() as database, database.writer() as sink:
        if warm:
            await write_with(sink, batch_of([online("9.9.9.9", DAY + "00:00:00")], kind))
        server.pause()
        try:
            began = trio.current_time()
            with trio.move_on_after(0.3) as scope:
                await write_with(sink, batch)
            took = trio.current_time() - began
        finally:
            server.resume()
        assert scope.cancelled_caught
        assert took < 0.8
        answer = await write_until_taken(sink, batch)
    assert answer.written + answer.duplicates == 500
    assert store.rows(f"SELECT COUNT(*), SUM(communication_count) FROM botnet_nodes_{kind} WHERE ip <> '9.9.9.9'") == [
        (500, 500)
    ]


async def test_closing_a_writer_of_a_frozen_server_takes_a_second_at_most(
    server: MariaDbServer, store: MariaDbStore, kind: str
) -> None:
    """The good-bye is a packet that nobody needs to read."""
    async with store.open() as database:
        async with database.writer() as sink:
            await write_with(sink, batch_of(many(1), kind))
            server.pause()
            began = trio.current_time()
        took = trio.current_time() - began
        server.resume()
    assert took < 1.5


async def test_kill_9_in_the_middle_of_writes_loses_and_doubles_nothing(
    server: MariaDbServer, store: MariaDbStore, kind: str
) -> None:
    """Twice the server dies under four writers on the same addresses; afterwards every counter is exact."""
    model, batches = Model(), []
    for n in range(60):
        sightings = [*many(200, minute=n % 60), cleanup(f"10.0.{n}.1", f"{DAY}08:30:00")]
        model.write(sightings)
        batches.append(batch_of(sightings, kind, first=n * 1000))
    done, progress = trio.open_memory_channel[None](len(batches))

    async def work(share: list[Batch]) -> None:
        async with database.writer() as sink:
            for batch in share:
                await write_until_taken(sink, batch)
                done.send_nowait(None)

    async def kill_after(count: int) -> None:
        for _ in range(count):
            await progress.receive()
        await trio.to_thread.run_sync(server.restart)

    async with store.open() as database, trio.open_nursery() as nursery:
        for n in range(4):
            nursery.start_soon(work, batches[n::4])
        await kill_after(8)
        await kill_after(22)
    check(store, kind, model)
    assert store.rows(f"SELECT SUM(received) FROM engine_ledger WHERE botnet_type = '{kind}'") == [(60 * 201,)]


async def test_killed_connections_leave_exact_counters(server: MariaDbServer, store: MariaDbStore, kind: str) -> None:
    """Six writers on the same addresses, every batch twice, and somebody who kills their connections."""
    model, batches = Model(), []
    for n in range(40):
        sightings = [*many(80, minute=n), *many(20, minute=n // 2)]
        model.write(sightings)
        batches += [batch_of(sightings, kind, first=n * 1000)] * 2

    async def work(share: list[Batch]) -> None:
        async with database.writer() as sink:
            for batch in share:
                await write_until_taken(sink, batch)

    def kill_one() -> None:
        with closing(server.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id FROM information_schema.processlist WHERE db = 'faults' ORDER BY RAND() LIMIT 1")
            for (number,) in cursor.fetchall():
                with contextlib.suppress(pymysql.err.OperationalError):  # it is gone already
                    cursor.execute(f"KILL {number}")

    async with store.open() as database, trio.open_nursery() as nursery:
        for n in range(6):
            nursery.start_soon(work, batches[n::6])
        for _ in range(25):
            await trio.to_thread.run_sync(kill_one)
            await trio.sleep(0.015)
    check(store, kind, model)


async def test_old_tables_go_on(store: MariaDbStore, kind: str) -> None:
    """Narrow columns, no country_code, utf8mb3, a foreign key: texts are cut and counted, counters exact."""
    facts = {"1.2.3.4": Facts("FR", "France", None, "Saint-" * 20, "Europe", "Opérateur 😀", 3215, 48.85, 2.35)}
    model = Model()
    async with store.open() as database:
        for sql in (OLD_NODES, OLD_COMMUNICATIONS):
            store.rows(sql.format(kind=kind))
        for minute in ("00", "01", "00"):
            sightings = [online("1.2.3.4", f"{DAY}08:{minute}:00"), cleanup("1.2.3.5", DAY + "09:00:00")]
            assert await write(database, batch_of(sightings, kind), facts) == model.write(sightings)
        assert database.cut_values == 2
    check(store, kind, model)
    columns = "country, province, city, isp, asn, is_china"
    city = ("Saint-" * 20)[:50]
    known = ("France", "", city, "Opérateur \N{REPLACEMENT CHARACTER}", "3215", 0)
    assert store.rows(f"SELECT {columns} FROM botnet_nodes_{kind} WHERE ip = '1.2.3.4'") == [known]
    assert store.rows(f"SELECT event_type, city FROM botnet_communications_{kind}") == [("", city)] * 2


async def test_an_address_too_long_for_an_old_table_is_refused_not_cut(store: MariaDbStore, kind: str) -> None:
    """A cut address would be a wrong address."""
    async with store.open() as database:
        for sql in (OLD_NODES, OLD_COMMUNICATIONS):
            store.rows(sql.format(kind=kind))
        with pytest.raises(RejectedError, match=r"VARCHAR\(45\)"):
            await write(database, batch_of([online("2001:db8:aaaa::1", DAY + "08:00:00")], kind))
    assert store.rows(f"SELECT * FROM botnet_nodes_{kind}") == []


@pytest.mark.parametrize(
    ("alteration", "advice"),
    [
        ("ALTER TABLE botnet_nodes_{kind} DROP KEY ip", "ADD UNIQUE"),
        ("ALTER TABLE botnet_communications_{kind} ENGINE = MyISAM", "ENGINE = InnoDB"),
        ("ALTER TABLE botnet_nodes_{kind} DROP COLUMN cleaned_time", "cleaned_time"),
    ],
)
async def test_tables_that_cannot_count_exactly_are_not_written(
    store: MariaDbStore, kind: str, alteration: str, advice: str
) -> None:
    """The engine waits and says what to alter, rather than counting wrongly."""
    async with store.open() as database:
        await write(database, batch_of(many(1), kind))
    store.rows(alteration.format(kind=kind))
    async with store.open() as database:
        with pytest.raises(UnavailableError, match=advice):
            await write(database, batch_of(many(1), kind))


async def test_tables_dropped_meanwhile_are_made_again(store: MariaDbStore, kind: str) -> None:
    """A missing table costs one look, not the run."""
    async with store.open() as database, database.writer() as sink:
        await write_with(sink, batch_of(many(3), kind))
        store.rows(f"DROP TABLE botnet_communications_{kind}, botnet_nodes_{kind}")
        assert await write_with(sink, batch_of(many(3), kind)) == Written(3, 0, 0)


@pytest.mark.parametrize("local_infile", [True, False])
async def test_a_time_that_does_not_exist_rejects_the_batch(
    server: MariaDbServer, store: MariaDbStore, kind: str, *, local_infile: bool
) -> None:
    """LOAD DATA, like INSERT IGNORE, would turn it into a warning and a zero; here it is the error that it is."""
    async with mysql.open_database(server.url(store.name), local_infile=local_infile) as database:
        for times in (["2026-02-31"], ["2026-02-28", "2026-02-31", "2026-03-01"]):
            wrong = [online("1.2.3.4", f"{day} 08:00:00") for day in times]
            with pytest.raises(RejectedError, match="2026-02-31|communication_time") as caught:
                await write(database, batch_of([*many(3), *wrong], kind))
            assert caught.value.certain
    assert store.rows(f"SELECT * FROM botnet_nodes_{kind}") == []


async def test_small_packets_are_respected(server: MariaDbServer, store: MariaDbStore, kind: str) -> None:
    """Rows and dead letters go in pieces that the server takes, whatever its max_allowed_packet."""
    store_rows = [Rejected(str(n), "fetch", "why", b"x" * 3000) for n in range(5)]
    store_rows.append(Rejected("big", "fetch", "why", b"y" * 60_000))
    async with store.open() as database:
        await write(database, batch_of(many(1), kind))
        with closing(server.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SET GLOBAL max_allowed_packet = 32768")
            try:
                answer = await write(database, batch_of(many(2000, minute=1), kind, source=kind, rejected=store_rows))
            finally:
                cursor.execute("SET GLOBAL max_allowed_packet = 16777216")
    assert answer == Written(2000, 0, 6)
    lengths = store.rows(f"SELECT position, LENGTH(original), reason FROM dead_letters WHERE source = '{kind}'")
    assert ("0", 3000, "why") in lengths
    (big,) = [row for row in lengths if row[0] == "big"]
    assert 0 < int(str(big[1])) < 60_000
    assert big[2] == "why (original cut)"


async def test_a_batch_that_the_way_does_not_take_is_rejected_the_second_time(
    server: MariaDbServer, store: MariaDbStore, kind: str
) -> None:
    """Something in between hangs up on large packets: that ends in halving, not in waiting for ever."""
    async with store.open() as database:
        await write(database, batch_of(many(1), kind))
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(serve_small_packets_only, server.port)
        port = listeners[0].socket.getsockname()[1]
        async with mysql.open_database(f"mysql://root@127.0.0.1:{port}/faults") as database, database.writer() as sink:
            batch = batch_of(many(2000, minute=1), kind)
            with pytest.raises(UnavailableError):
                await write_with(sink, batch)
            with pytest.raises(RejectedError) as caught:
                await write_with(sink, batch)
            assert caught.value.certain
            half = batch_of(many(200, minute=1), kind)
            assert await write_with(sink, half) == Written(200, 0, 0)
        nursery.cancel_scope.cancel()


async def serve_small_packets_only(
    port: int, *, task_status: trio.TaskStatus[list[trio.SocketListener]] = trio.TASK_STATUS_IGNORED
) -> None:
    """Relay to the server, but hang up on a client that sends more than 60 kB without an answer in between."""

    async def relay(client: trio.SocketStream) -> None:
        sent = 0
        async with client, await trio.open_tcp_stream("127.0.0.1", port) as upstream, trio.open_nursery() as nursery:

            async def back() -> None:
                nonlocal sent
                async for data in upstream:
                    sent = 0
                    await client.send_all(data)

            nursery.start_soon(back)
            async for data in client:
                sent += len(data)
                if sent > 60_000:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    break
                await upstream.send_all(data)
            nursery.cancel_scope.cancel()

    await trio.serve_tcp(relay, 0, host="127.0.0.1", task_status=task_status)


async def test_a_wrong_password_is_a_configuration_error(server: MariaDbServer, store: MariaDbStore) -> None:
    """One line, without the password in it."""
    with pytest.raises(ConfigError, match="user name or password") as caught:
        async with mysql.open_database(server.url("faults", "nobody", "s3cret")):
            pass
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_rights_that_are_missing_are_named(server: MariaDbServer, store: MariaDbStore, kind: str) -> None:
    """At open it is a configuration error with the GRANT; later the engine waits, and says the same."""
    user = f"u_{kind}"
    async with store.open() as database:
        await write(database, batch_of(many(1), kind))
    store.rows(f"CREATE USER {user}@'%' IDENTIFIED BY 'pä55'")
    url = server.url("faults", user, "p%C3%A455")
    with pytest.raises(ConfigError, match="GRANT"):
        async with mysql.open_database(server.url("elsewhere", user, "p%C3%A455")):
            pass
    store.rows(f"GRANT SELECT, INSERT ON faults.* TO {user}@'%'")
    async with mysql.open_database(url) as database, database.writer() as sink:
        with pytest.raises(UnavailableError, match="GRANT UPDATE ON `faults`") as caught:
            await write_with(sink, batch_of(many(1, minute=1), kind))
        assert user in str(caught.value)
        with pytest.raises(UnavailableError, match="GRANT CREATE ON `faults`"):
            await write_with(sink, batch_of(many(1), kind + "new"))
        store.rows(f"GRANT UPDATE, CREATE ON faults.* TO {user}@'%'")
        assert await write_until_taken(sink, batch_of(many(1, minute=1), kind)) == Written(1, 0, 0)
        assert await write_until_taken(sink, batch_of(many(1), kind + "new")) == Written(1, 0, 0)


async def test_a_server_that_is_away_at_open_is_unavailable() -> None:
    """Nobody listens: that is an outage, not a mistake in the settings."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        with pytest.raises(UnavailableError, match="127.0.0.1"):
            async with mysql.open_database(f"mysql://root@127.0.0.1:{silent.getsockname()[1]}/x"):
                pass


async def test_something_that_is_no_mysql_is_unavailable() -> None:
    """Garbage in the answer is an outage too, and no crash."""

    async def talk(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.send_all(b"\x10\0\0\0HTTP/1.1 400 Bad Request\r\n\r\n")

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, talk, 0)
        port = listeners[0].socket.getsockname()[1]
        with pytest.raises(UnavailableError):
            async with mysql.open_database(f"mysql://root@127.0.0.1:{port}/x"):
                pass
        nursery.cancel_scope.cancel()


async def test_a_careless_server_is_warned_about(server: MariaDbServer, store: MariaDbStore) -> None:
    """One line per setting, with the statement that mends it; none when all is well."""
    async with store.open() as database:
        assert await database.durability_warnings() == []
        with closing(server.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 2, GLOBAL sql_mode = ''")
            flush, mode = await database.durability_warnings()
            assert "SET GLOBAL innodb_flush_log_at_trx_commit = 1;" in flush
            assert "SET GLOBAL sql_mode" in mode
            for warning in (flush, mode):
                cursor.execute(warning.partition("mend it with ")[2])
        assert await database.durability_warnings() == []


async def test_no_file_of_ours_goes_to_a_server_that_asks(server: MariaDbServer, store: MariaDbStore) -> None:
    """Only `Wire.load` answers a request for rows; a LOAD DATA that comes as a plain statement is refused."""
    async with store.open():
        session = Session(parse_url(server.url("faults")))
        with pytest.raises(Exception, match="not MySQL"):
            await session.run(
                lambda wire: wire.execute("LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE dead_letters")
            )
        assert await session.run(lambda wire: wire.number("SELECT COUNT(*) FROM dead_letters WHERE source = ''")) == 0
        await session.aclose()


async def test_a_deadlock_is_tried_again(server: MariaDbServer, store: MariaDbStore, kind: str) -> None:
    """Another program locks the same nodes the other way round: the write loses, starts again, and is exact."""
    model = Model()
    sightings = [online(f"10.0.0.{n}", DAY + "08:00:00") for n in range(1, 9)]

    def lock_the_other_way() -> None:
        waiting = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
        while store.rows(waiting) == [(0,)]:
            time.sleep(0.12)  # read more often, the server shows the same again
        # The more it has changed, the less likely is a transaction to be the one that is rolled back.
        cursor.execute(f"UPDATE botnet_nodes_{kind} SET country = 'x' WHERE ip >= '10.0.0.1'")
        other.commit()

    async with store.open() as database, database.writer() as sink:
        await write_with(sink, batch_of(many(300), kind))
        await write_with(sink, batch_of(sightings, kind, first=400))
        model.write([*many(300), *sightings])
        with closing(server.connect("faults")) as other, other.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")  # or it locks all that it reads
            other.begin()
            cursor.execute(f"UPDATE botnet_nodes_{kind} SET country = 'x' WHERE ip > '10.0.0.4'")
            later = [online(sighting.ip, DAY + "09:00:00") for sighting in sightings]
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.to_thread.run_sync, lock_the_other_way)
                assert await write_with(sink, batch_of(later, kind, first=500)) == model.write(later)
            cursor.execute("SHOW ENGINE INNODB STATUS")
            assert "LATEST DETECTED DEADLOCK" in str(cursor.fetchall())
    check(store, kind, model)


def insert_without_a_lock_on_the_node(cursor: pymysql.cursors.Cursor, kind: str, sighting: Sighting) -> None:
    """Insert a communication, and leave its transaction open."""
    cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")  # or it locks the node that it reads
    cursor.execute("BEGIN")
    cursor.execute(
        f"INSERT INTO botnet_communications_{kind} (node_id, ip, communication_time, received_at) "
        f"SELECT id, ip, '{sighting.seen_at}', '{sighting.seen_at}' FROM botnet_nodes_{kind}"
    )


async def test_a_lock_that_is_waited_for_in_vain_undoes_the_whole_write(
    server: MariaDbServer, store: MariaDbStore, kind: str
) -> None:
    """The server undoes the statement only, with the nodes of the batch counted before it: the sink undoes these, too.

    The lock is on a row of the communications, is held until the first wait for it has ended, and leaves no row.
    """
    sighting = online("1.2.3.4", DAY + "09:00:00")
    async with store.open() as database, database.writer() as sink:
        await write_with(sink, batch_of([online("1.2.3.4", DAY + "08:00:00")], kind))
        with closing(server.connect("faults")) as other, other.cursor() as cursor:

            def let_go_after_a_timeout() -> None:
                waits = "SELECT trx_wait_started FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
                while not (first := store.rows(waits)):
                    time.sleep(0.12)  # read more often, the server shows the same again
                while store.rows(waits) == first:
                    time.sleep(0.12)
                other.rollback()

            insert_without_a_lock_on_the_node(cursor, kind, sighting)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.to_thread.run_sync, let_go_after_a_timeout)
                assert await write_with(sink, batch_of([sighting], kind, first=2)) == Written(1, 0, 0)
    assert store.rows(f"SELECT communication_count FROM botnet_nodes_{kind}") == [(2,)]


@pytest.mark.parametrize("local_infile", [True, False])
async def test_rows_of_a_program_that_locks_no_nodes_are_noticed(
    server: MariaDbServer, store: MariaDbStore, kind: str, *, local_infile: bool
) -> None:
    """Its row appears in the middle of a write: what does not add up is rolled back and counted anew."""
    sighting, url = online("1.2.3.4", DAY + "09:00:00"), server.url(store.name)
    async with mysql.open_database(url, local_infile=local_infile) as database, database.writer() as sink:
        await write_with(sink, batch_of([online("1.2.3.4", DAY + "08:00:00")], kind))

        def commit_in_the_middle() -> None:
            waiting = (
                "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT' "
                f"AND trx_query LIKE '%`botnet_communications_{kind}`%'"  # what it shows may be a moment old
            )
            while store.rows(waiting) == [(0,)]:
                time.sleep(0.12)  # read more often, the server shows the same again
            other.commit()

        with closing(server.connect("faults")) as other, other.cursor() as cursor:
            insert_without_a_lock_on_the_node(cursor, kind, sighting)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.to_thread.run_sync, commit_in_the_middle)
                both = [sighting, online("1.2.3.4", DAY + "10:00:00")]
                assert await write_with(sink, batch_of(both, kind, first=2)) == Written(1, 1, 0)
    assert store.rows(f"SELECT communication_count FROM botnet_nodes_{kind}") == [(2,)]


async def test_another_unique_key_hides_what_was_there(store: MariaDbStore, kind: str) -> None:
    """Where the warnings of LOAD DATA name somebody's own key, the rows go in, and are counted, the slower way."""
    async with store.open() as database, database.writer() as sink:
        for sql in (
            OLD_NODES,
            OLD_COMMUNICATIONS.replace("UNIQUE KEY", "UNIQUE KEY own (node_id, communication_time), UNIQUE KEY"),
        ):
            store.rows(sql.format(kind=kind))
        model = Model()
        for minute in ("00", "01", "00"):
            sightings = [online("1.2.3.4", f"{DAY}08:{minute}:00"), online("1.2.3.5", f"{DAY}08:00:{minute}")]
            assert await write_with(sink, batch_of(sightings, kind)) == model.write(sightings)
    check(store, kind, model)


async def test_a_missing_database_that_the_user_may_not_make_is_named(
    server: MariaDbServer, store: MariaDbStore, kind: str
) -> None:
    """The advice is to create it, not to grant a right to create it."""
    async with store.open():
        store.rows(f"CREATE USER u_{kind}@'%'")
        store.rows(f"GRANT SELECT, INSERT ON missing.* TO u_{kind}@'%'")
    with pytest.raises(ConfigError, match="CREATE DATABASE `missing`"):
        async with mysql.open_database(server.url("missing", f"u_{kind}")):
            pass


async def test_the_unix_socket_works_too(server: MariaDbServer, store: MariaDbStore, kind: str) -> None:
    """`?unix_socket=` replaces host and port."""
    url = f"mysql://root@localhost/faults?unix_socket={server.socket}"
    async with mysql.open_database(url) as database:
        assert await write(database, batch_of(many(1), kind)) == Written(1, 0, 0)
        assert str(server.socket) in repr(database)


async def test_a_connection_that_the_server_closed_meanwhile_costs_nothing(
    server: MariaDbServer, store: MariaDbStore, kind: str
) -> None:
    """An idle writer whose connection timed out, or whose server was restarted, connects anew without an outage."""
    async with store.open() as database, database.writer() as sink:
        await write_with(sink, batch_of(many(1), kind))
        await trio.to_thread.run_sync(server.restart)
        assert await write_with(sink, batch_of(many(1, minute=1), kind)) == Written(1, 0, 0)


async def test_a_server_that_drips_is_not_waited_for_without_end(server: MariaDbServer, store: MariaDbStore) -> None:
    """Each piece comes in time and all of them never do: the whole has a limit, too, and the connection is gone."""
    async with store.open(), FaultProxy("127.0.0.1", server.port, seed=1) as proxy:
        session = Session(parse_url(f"mysql://root@127.0.0.1:{proxy.port}/{store.name}"), answer_seconds=0.2)
        assert await session.run(lambda wire: wire.number("SELECT 1")) == 1
        proxy.poison(Toxics(bandwidth=1000), DOWN)
        with trio.fail_after(10), pytest.raises(pymysql.err.OperationalError, match="too slowly"):
            await session.run(lambda wire: wire.rows("SELECT REPEAT('x', 1000000)"))
        proxy.heal()
        assert await session.run(lambda wire: wire.number("SELECT 2")) == 2
        await session.aclose()


async def test_an_answer_that_comes_twice_is_never_taken_for_the_next(
    server: MariaDbServer, store: MariaDbStore, kind: str
) -> None:
    """The connection is given up, whatever is asked over it, and what is written afterwards is exact."""
    async with (
        store.open(),
        FaultProxy("127.0.0.1", server.port, seed=1) as proxy,
        mysql.open_database(f"mysql://root@127.0.0.1:{proxy.port}/{store.name}") as database,
        database.writer() as sink,
    ):
        await write_with(sink, batch_of(many(1), kind))
        for chance in (0.2, 1.0):
            proxy.poison(Toxics(duplicate_chance=chance), DOWN)
            for minute in range(1, 6):
                with contextlib.suppress(UnavailableError):
                    await write_with(sink, batch_of(many(20, minute), kind))
                with contextlib.suppress(UnavailableError):
                    await database.record_start(kind, 60)
        proxy.heal()
        for minute in range(1, 6):
            await write_with(sink, batch_of(many(20, minute), kind))
    total = f"SELECT SUM(communication_count) FROM botnet_nodes_{kind}"
    assert store.rows(f"SELECT ({total}), COUNT(*) FROM botnet_communications_{kind}") == [(101, 101)]
