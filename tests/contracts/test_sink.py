"""The contract of every sink: `engine.ports.Sink` and `adapters.sinks.database.Database`, on real databases."""

import gc
import itertools
from collections.abc import Iterator
from contextlib import suppress
from functools import reduce
from random import Random

import pymysql
import pytest
import trio
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.sinks.database import Database
from engine.audit import Counters, LedgerTotal
from engine.delivery import Batch, Trial, Written
from engine.errors import RejectedError
from engine.ports import TableCount
from engine.sighting import Facts, Rejected, Sighting
from tests.contracts.sink_stores import (
    RECEIVED_AT,
    MariaDbStore,
    Model,
    SqliteStore,
    Store,
    batch_of,
    check,
    cleanup,
    fresh_type,
    online,
    write,
    write_with,
)
from tests.servers.mariadb import MariaDbServer

DAY = "2026-11-20 "
SHENZHEN = Facts("CN", "China", "Guangdong", "Shenzhen", "Asia", "China Telecom", 4134, 22.5431, 114.0579)
BERLIN = Facts("DE", "Germany", "Land Berlin", "Berlin", "Europe", "Deutsche Telekom AG", 3320, 52.52, 13.405)


@pytest.fixture(scope="module", params=["sqlite", "mariadb", "mariadb-without-local-infile"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One database per kind, for all tests of this file: they keep apart by botnet type and source."""
    folder = tmp_path_factory.mktemp("sink")
    if request.param == "sqlite":
        yield SqliteStore(folder / "sink.db")
        return
    with MariaDbServer(folder, {"local_infile": 1 if request.param == "mariadb" else 0}) as server:
        yield MariaDbStore(server, "contract")


async def test_a_sighting_becomes_a_communication_and_a_node(store: Store, database: Database, kind: str) -> None:
    """Every column of both tables holds what the sighting and the look-up said."""
    batch = batch_of([online("1.2.3.4", DAY + "08:00:00", "http")], kind)
    assert await write(database, batch, {"1.2.3.4": SHENZHEN}) == Written(1, 0, 0)
    facts = "longitude, latitude, country, country_code, province, city, continent, isp, asn, is_china"
    known = (114.0579, 22.5431, "China", "CN", "Guangdong", "Shenzhen", "Asia", "China Telecom", 4134, 1)
    assert store.rows(
        f"SELECT ip, status, first_seen, last_seen, cleaned_time, communication_count, {facts} FROM botnet_nodes_{kind}"
    ) == [("1.2.3.4", "active", DAY + "08:00:00", DAY + "08:00:00", None, 1, *known)]
    assert store.rows(
        f"SELECT ip, communication_time, received_at, event_type, status, {facts} FROM botnet_communications_{kind}"
    ) == [("1.2.3.4", DAY + "08:00:00", RECEIVED_AT, "http", "active", *known)]


async def test_what_no_look_up_knows_is_null(store: Store, database: Database, kind: str) -> None:
    """A missing fact is NULL, in both tables, and never an invented word."""
    await write(database, batch_of([online("2001:db8:85a3:8d3:1319:8a2e:370:7348", DAY + "08:00:00")], kind))
    columns = "longitude, latitude, country, country_code, province, city, continent, isp, asn, is_china"
    assert store.rows(f"SELECT {columns} FROM botnet_nodes_{kind}") == [(None,) * 10]
    assert store.rows(f"SELECT event_type, {columns} FROM botnet_communications_{kind}") == [(None,) * 11]


async def test_a_batch_written_again_changes_nothing(store: Store, database: Database, kind: str) -> None:
    """A redelivered batch counts as duplicates and leaves every row, `updated_at` included, as it was."""
    sightings = [online("1.2.3.4", DAY + "08:00:00"), online("1.2.3.5", DAY + "08:00:00")]
    sightings += [cleanup("1.2.3.5", DAY + "07:00:00")]
    batch = batch_of(sightings, kind, source=kind, rejected=[Rejected("9", "fetch", "no ip", b"{}")])
    assert await write(database, batch) == Written(3, 0, 1)
    tables = (f"botnet_nodes_{kind}", f"botnet_communications_{kind}", "dead_letters", "engine_ledger")
    before = [store.rows(f"SELECT * FROM {table}") for table in tables]
    assert await write(database, batch) == Written(0, 3, 0)
    assert [store.rows(f"SELECT * FROM {table}") for table in tables] == before


async def test_repeats_inside_a_batch_count_once(store: Store, database: Database, kind: str) -> None:
    """The same address in the same second is one communication; the first event type stays."""
    model = Model()
    sightings = [online("1.2.3.4", DAY + "08:00:00", event) for event in ("first", "second", None)]
    sightings.append(online("1.2.3.4", DAY + "07:00:00"))
    assert await write(database, batch_of(sightings, kind)) == model.write(sightings) == Written(2, 2, 0)
    check(store, kind, model)
    events = store.rows(
        f"SELECT event_type FROM botnet_communications_{kind} WHERE communication_time LIKE '%08:00:00'"
    )
    assert events == [("first",)]


async def test_overlapping_batches_count_only_what_is_new(store: Store, database: Database, kind: str) -> None:
    """A page that was split otherwise at the second delivery adds only the sightings that were not there."""
    model = Model()
    sightings = [online(f"10.0.0.{n % 7}", f"{DAY}08:{n:02}:00") for n in range(40)]
    for first, last in ((0, 20), (10, 30), (0, 40), (39, 40)):
        part = sightings[first:last]
        assert await write(database, batch_of(part, kind, first=first)) == model.write(part)
        check(store, kind, model)


ADDRESSES = st.sampled_from(["1.1.1.1", "2.2.2.2", "10.9.8.7", "2001:db8::1"])
TIMES = st.integers(0, 7).map(lambda n: f"{DAY}00:00:{n:02}")
SIGHTINGS = st.builds(Sighting, ADDRESSES, TIMES, st.just(1), st.sampled_from([False, False, True]))
BATCHES = st.lists(st.lists(SIGHTINGS, min_size=1, max_size=12), min_size=1, max_size=6)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=BATCHES, again=st.randoms(use_true_random=False))
async def test_any_sequence_of_batches_comes_to_what_their_set_says(
    store: Store, batches: list[list[Sighting]], again: Random
) -> None:
    """Overlapping, reordered and redelivered batches leave the tables that a model computes from the whole set."""
    kind, model = fresh_type(), Model()
    deliveries = batches + again.sample(batches, len(batches) // 2)
    async with store.open() as database, database.writer() as sink:
        for sightings in deliveries:
            assert await write_with(sink, batch_of(sightings, kind)) == model.write(sightings)
    check(store, kind, model)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(groups=st.lists(BATCHES, min_size=1, max_size=3), again=st.randoms(use_true_random=False))
async def test_batches_written_together_come_to_the_same(
    store: Store, groups: list[list[list[Sighting]]], again: Random
) -> None:
    """The tables are those of the whole set; each batch has its own account, and together they are that of one."""
    kind, model = fresh_type(), Model()
    first = itertools.count(1, 100)
    async with store.open() as database, database.writer() as sink:
        for parts in groups + again.sample(groups, len(groups) // 2):
            batches = [batch_of(part, kind, first=next(first), source=kind) for part in parts]
            alone = Model()
            alone.seen = {ip: set(times) for ip, times in model.seen.items()}
            answers = await sink.write(batches, {})
            assert reduce(Written.plus, answers) == model.write([seen for part in parts for seen in part])
            for part, answer in zip(parts, answers, strict=True):
                if not any(seen.cleanup for seen in part):
                    assert answer == alone.write(part)
                else:
                    alone.write([seen for seen in part if not seen.cleanup])
            rows = await database.ledger_rows([batch.name for batch in batches])
            assert sorted((row.name, row.written, row.duplicates) for row in rows) == sorted(
                (batch.name, answer.written, answer.duplicates) for batch, answer in zip(batches, answers, strict=True)
            )
    check(store, kind, model)


async def test_a_bad_batch_rejects_those_beside_it_and_nothing_is_there(
    store: Store, database: Database, kind: str
) -> None:
    """All or nothing: rows, dead letters and ledger rows of every batch."""
    good = batch_of([online("1.2.3.4", DAY + "08:00:00")], kind, source=kind)
    await write(database, good)
    fine = batch_of([online("5.6.7.8", DAY + "08:00:00")], kind, source=kind, first=5)
    bad = batch_of([online("5.6.7.9", DAY + "08:00:00", "half a pair \ud800")], kind, source=kind, first=9)
    async with database.writer() as sink:
        with pytest.raises(RejectedError):
            await sink.write([fine, bad], {})
        assert await sink.write([fine, good], {}) == [Written(1, 0, 0), Written(0, 1, 0)]
    assert len(store.rows(f"SELECT 1 FROM engine_ledger WHERE source = '{kind}'")) == 2


async def test_every_sighting_keeps_when_its_own_batch_was_received(
    store: Store, database: Database, kind: str
) -> None:
    """Batches of different pages share a transaction and no time."""
    early = evolve(batch_of([online("1.2.3.4", DAY + "08:00:00")], kind), received_at=DAY + "09:00:00")
    late = evolve(batch_of([online("1.2.3.4", DAY + "08:01:00")], kind, first=2), received_at=DAY + "10:00:00")
    async with database.writer() as sink:
        await sink.write([early, late], {})
    rows = store.rows(f"SELECT communication_time, received_at FROM botnet_communications_{kind} ORDER BY 1")
    assert rows == [(DAY + "08:00:00", DAY + "09:00:00"), (DAY + "08:01:00", DAY + "10:00:00")]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sightings=st.lists(SIGHTINGS, min_size=2, max_size=8), order=st.randoms(use_true_random=False))
async def test_sightings_and_cleanups_commute(store: Store, sightings: list[Sighting], order: Random) -> None:
    """Record by record, in any order: the nodes are the same."""
    model = Model()
    model.write(sightings)
    for _ in range(2):
        kind = fresh_type()
        order.shuffle(sightings)
        async with store.open() as database, database.writer() as sink:
            for sighting in sightings:
                await write_with(sink, batch_of([sighting], kind))
        check(store, kind, model)


async def test_facts_come_from_the_latest_sighting(store: Store, database: Database, kind: str) -> None:
    """A later sighting renews what describes the node; an earlier one, arriving late, does not."""
    ip, city = "1.2.3.4", f"SELECT city, country_code FROM botnet_nodes_{kind}"
    await write(database, batch_of([online(ip, DAY + "08:00:00")], kind), {ip: SHENZHEN})
    await write(database, batch_of([online(ip, DAY + "07:00:00")], kind), {ip: BERLIN})
    assert store.rows(city) == [("Shenzhen", "CN")]
    await write(database, batch_of([online(ip, DAY + "09:00:00")], kind), {ip: BERLIN})
    assert store.rows(city) == [("Berlin", "DE")]


async def test_an_address_that_was_first_reported_clean(store: Store, database: Database, kind: str) -> None:
    """Its first sighting comes later: the times that were NULL are those of the sighting."""
    model = Model()
    for number, sighting in enumerate([cleanup("1.2.3.4", DAY + "08:00:00"), online("1.2.3.4", DAY + "09:00:00")]):
        assert await write(database, batch_of([sighting], kind, first=number)) == model.write([sighting])
        check(store, kind, model)


async def test_inactive_stays_until_time_moves(store: Store, database: Database, kind: str) -> None:
    """A status set by somebody else outlives repeats and late sightings, and ends with a newer one."""
    ip, status = "1.2.3.4", f"SELECT status FROM botnet_nodes_{kind}"
    await write(database, batch_of([online(ip, DAY + "08:00:00")], kind))
    store.rows(f"UPDATE botnet_nodes_{kind} SET status = 'inactive'")
    await write(database, batch_of([online(ip, DAY + "08:00:00"), online(ip, DAY + "07:00:00")], kind))
    assert store.rows(status) == [("inactive",)]
    await write(database, batch_of([online(ip, DAY + "09:00:00")], kind))
    assert store.rows(status) == [("active",)]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
async def test_any_text_is_stored_as_it_is(store: Store, text: str) -> None:
    """Whatever the text, it comes out of event type and facts as it went in."""
    ip = f"2001:db8::{fresh_type().removeprefix('t')}"
    async with store.open() as database:
        await write(database, batch_of([online(ip, DAY + "08:00:00", text)], "texts"), {ip: Facts(city=text)})
    found = store.rows(f"SELECT event_type, city FROM botnet_communications_texts WHERE ip = '{ip}'")
    assert found == [(text, text)]


@pytest.mark.parametrize("text", ["\0", "\\N", "a'b\"c", "\\", "x\ty\nz\r", "\x1a", "😀 Österreich", "NULL", "', ('"])
async def test_dangerous_texts_are_stored_as_they_are(store: Store, database: Database, kind: str, text: str) -> None:
    """What means something to SQL or to LOAD DATA is only text here."""
    facts = {"1.2.3.4": Facts(city=text, isp=text)}
    await write(database, batch_of([online("1.2.3.4", DAY + "08:00:00", text)], kind), facts)
    assert store.rows(f"SELECT event_type, city, isp FROM botnet_communications_{kind}") == [(text, text, text)]
    assert store.rows(f"SELECT city, isp FROM botnet_nodes_{kind}") == [(text, text)]


@pytest.mark.parametrize(
    "sighting",
    [
        online("1.2.3.4'; DROP TABLE x; --", DAY + "08:00:00"),
        online("1.2.3.4", "yesterday"),
        online("1.2.3.4", DAY + "08:00:00", "half a pair \ud800"),
        online("1.2.3.4\n", DAY + "08:00:00"),
    ],
)
async def test_a_bad_record_rejects_its_batch_and_nothing_of_it_is_there(
    store: Store, database: Database, kind: str, sighting: Sighting
) -> None:
    """The error says that the data is the cause, and neither rows nor ledger know of the batch."""
    good = online("5.6.7.8", DAY + "08:00:00")
    async with database.writer() as sink:
        await write_with(sink, batch_of([good], kind, source=kind))
        with pytest.raises(RejectedError) as caught:
            await write_with(
                sink, batch_of([online("5.6.7.9", DAY + "08:00:00"), sighting], kind, source=kind, first=2)
            )
        assert caught.value.certain
        assert store.rows(f"SELECT ip FROM botnet_communications_{kind}") == [("5.6.7.8",)]
        assert store.rows(f"SELECT ip FROM botnet_nodes_{kind}") == [("5.6.7.8",)]
        assert store.rows(f"SELECT received FROM engine_ledger WHERE source = '{kind}'") == [(1,)]
        assert await write_with(sink, batch_of([good], kind, source=kind)) == Written(0, 1, 0)


@pytest.mark.parametrize("name", ["", "Ramnit", "a b", "x" * 41, "ramnit\n", "x`y", "ünder"])
async def test_a_botnet_type_that_is_no_name_is_rejected(database: Database, name: str) -> None:
    """Only `[a-z0-9_]{1,40}` becomes part of a table's name."""
    with pytest.raises(RejectedError, match="botnet type"):
        await write(database, batch_of([online("1.2.3.4", DAY + "08:00:00")], name))


async def test_a_failed_write_does_not_wait_for_garbage_collection(database: Database, kind: str) -> None:
    """Its rows may be megabytes, and collections are rare: no error that is over has a traceback to hold them."""
    batch = batch_of([online("1.2.3.4", DAY + "08:00:00")], kind)
    gc.collect()
    gc.disable()
    try:
        with suppress(RejectedError):  # pytest.raises would keep it
            await write(database, batch, {"1.2.3.4": Facts(asn=2**70)})
        with trio.fail_after(5):
            while holding((pymysql.err.Error, OverflowError)):  # its thread lets go of it a moment later
                await trio.lowlevel.checkpoint()
    finally:
        gc.enable()


def holding(kinds: tuple[type[Exception], ...]) -> list[Exception]:
    """The errors of these kinds that are there and have a traceback."""
    return [each for each in gc.get_objects() if isinstance(each, kinds) and each.__traceback__ is not None]


async def test_no_more_botnet_types_than_allowed(store: Store, kind: str) -> None:
    """The type that would be one too many is rejected; those that have tables go on."""
    async with store.open() as database:
        await write(database, batch_of([online("1.2.3.4", DAY + "08:00:00")], kind))
        present = len(await database.table_counts())
    async with store.open(max_botnet_types=present) as database:
        with pytest.raises(RejectedError, match="max_botnet_types"):
            await write(database, batch_of([online("1.2.3.4", DAY + "08:00:00")], kind + "x"))
        assert await write(database, batch_of([online("1.2.3.4", DAY + "09:00:00")], kind)) == Written(1, 0, 0)


async def test_rejected_records_are_dead_letters_once(store: Store, database: Database, kind: str) -> None:
    """A batch of nothing but rejected records is kept with original bytes, once per source, position and bytes.

    Other bytes under the same position are another record; the same ones after a reset of the source are not.
    """
    original = bytes(range(256))
    rejected = [Rejected("7", "fetch", "no ip: 'x'", original), Rejected("7+1", "write", "reason 😀\ud800", b"", 3)]
    batch = Batch(kind, 2, 7, 7, 0, RECEIVED_AT, "", (), tuple(rejected))
    assert await write(database, batch) == Written(0, 0, 2)
    assert await write(database, batch) == Written(0, 0, 0)
    after_reset = Batch(kind, 3, 7, 9, 1, RECEIVED_AT, "", (), (Rejected("7", "write", "other", original),))
    assert await write(database, after_reset) == Written(0, 0, 0)
    other_bytes = Batch(kind, 2, 7, 9, 2, RECEIVED_AT, "", (), (Rejected("8", "fetch", "other", b"x"),) * 2)
    assert await write(database, other_bytes) == Written(0, 0, 1)
    columns = "epoch, position, stage, reason, attempts, original, botnet_type"
    assert store.rows(f"SELECT {columns} FROM dead_letters WHERE source = '{kind}' ORDER BY position") == [
        (2, "7", "fetch", "no ip: 'x'", 1, original, ""),
        (2, "7+1", "write", "reason 😀?", 3, b"", ""),
        (2, "8", "fetch", "other", 1, b"x", ""),
    ]


async def test_the_ledger_keeps_the_first_row_of_a_batch(store: Store, database: Database, kind: str) -> None:
    """Received = written + duplicates + rejected, per batch name, as it was when the batch was first committed."""
    rejected = [Rejected("3", "fetch", "no ip", b"{}")]
    twice = [online("1.2.3.4", DAY + "08:00:00")] * 2
    await write(database, batch_of(twice, kind, source=kind, rejected=rejected))
    await write(database, batch_of(twice, kind, source=kind, rejected=rejected))
    await write(database, batch_of(twice, kind, source=kind, first=4))
    columns = "epoch, first, last, part, botnet_type, received, written, duplicates, rejected"
    quoted = columns.replace("first", "`first`").replace("last", "`last`")
    assert store.rows(f"SELECT {quoted} FROM engine_ledger WHERE source = '{kind}' ORDER BY id") == [
        (0, 1, 3, 0, kind, 3, 1, 1, 1),
        (0, 4, 5, 0, kind, 2, 0, 2, 0),
    ]
    total = LedgerTotal(kind, 5, 1, 3, 1)
    assert [found for found in await database.ledger_totals(None) if found.source == kind] == [total]
    assert total in await database.ledger_totals("2020-01-01 00:00:00")
    assert await database.ledger_totals("2999-01-01 00:00:00") == []


async def test_a_start_is_pending_unless_the_one_before_it_ended(database: Database, kind: str) -> None:
    """Pending starts of the window are counted, per source; the first of a source never is one."""
    starts = [await database.record_start(kind, 3600) for _ in range(3)]
    assert [start.pending for start in starts] == [0, 1, 2]
    assert (await database.record_start(kind + "x", 3600)).pending == 0
    await database.record_end([])
    await database.record_end(starts)
    assert (await database.record_start(kind, 3600)).pending == 2
    assert (await database.record_start(kind, 3600)).pending == 3
    assert len({start.id for start in starts}) == 3


async def test_a_start_is_the_latest_until_another_of_its_source_is_noted(database: Database, kind: str) -> None:
    """By this an engine learns that another one has owned its source; an end changes nothing."""
    first = await database.record_start(kind, 3600)
    await database.record_start(kind + "x", 3600)
    assert await database.is_latest(kind, first)
    second = await database.record_start(kind, 3600)
    await database.record_end([second])
    assert not await database.is_latest(kind, first)
    assert await database.is_latest(kind, second)


async def test_starts_before_the_window_are_not_counted(store: Store, database: Database, kind: str) -> None:
    """The window is measured by the database's clock, in fractions of a second, too."""
    for _ in range(3):
        await database.record_start(kind, 3600)
    store.rows(f"UPDATE engine_starts SET started_at = '2026-01-01 00:00:00' WHERE source = '{kind}'")
    assert (await database.record_start(kind, 0.5)).pending == 1


async def test_table_counts(store: Store, database: Database, kind: str) -> None:
    """Nodes, communications, and those received in the last five minutes."""
    now = str(store.rows("SELECT CURRENT_TIMESTAMP")[0][0])
    old = batch_of([online("1.2.3.4", DAY + f"08:00:0{n}") for n in range(3)], kind)
    await write(database, old)
    new = batch_of([online("1.2.3.5", DAY + "08:00:00")], kind)
    await write(database, Batch(new.source, 0, 8, 8, 0, now, kind, new.sightings))
    assert TableCount(kind, 2, 4, 1) in await database.table_counts()


async def test_tables_of_somebody_else_stop_no_count(store: Store, database: Database, kind: str) -> None:
    """A table that only begins like one of a botnet type is left out; one without nodes has none."""
    columns = "(id INTEGER PRIMARY KEY, ip VARCHAR(45), communication_time DATETIME, received_at DATETIME)"
    for name in (f"{kind}_Backup", f"{kind}_lonely"):
        store.rows(f"CREATE TABLE botnet_communications_{name} {columns}")
    await write(database, batch_of([online("1.2.3.4", DAY + "08:00:00")], kind))
    mine = [count for count in await database.table_counts() if count.botnet_type.startswith(kind)]
    assert mine == [TableCount(kind, 1, 1, 0), TableCount(f"{kind}_lonely", 0, 0, 0)]
    assert [found for found in await database.counters() if found.botnet_type.startswith(kind)] == [
        Counters(kind, 1, 1)
    ]


async def test_concurrent_writers_on_the_same_addresses(store: Store, database: Database, kind: str) -> None:
    """Six writers, every batch delivered twice, the same addresses in all of them: counters exact."""
    model, batches = Model(), []
    for n in range(24):
        sightings = [online(f"10.0.{k % 3}.{k}", f"{DAY}0{(n + k) % 9}:00:{n % 20:02}") for k in range(60)]
        sightings += [cleanup(f"10.0.0.{3 * (n % 5)}", f"{DAY}04:00:{n:02}")]
        model.write(sightings)
        batches += [batch_of(sightings, kind, first=1000 * n)] * 2
    answers = []

    async def work(share: list[Batch]) -> None:
        async with database.writer() as sink:
            for batch in share:
                answers.append(await write_with(sink, batch))  # noqa: PERF401 - the model counts the answers of all

    async with trio.open_nursery() as nursery:
        for n in range(6):
            nursery.start_soon(work, batches[n::6])
    check(store, kind, model)
    # How many cleanups advance depends on who came first; at most one per batch does.
    assert 0 <= sum(answer.written for answer in answers) - len(model.communications()) <= 24


async def test_a_cancelled_write_is_whole_or_absent(store: Store, database: Database, kind: str) -> None:
    """Cancelled at many instants, written again: nothing is there twice, nothing is missing."""
    model = Model()
    async with database.writer() as sink:
        for n in range(20):
            sightings = [online(f"10.0.{k}.1", f"{DAY}08:{n:02}:{k % 60:02}") for k in range(100)]
            model.write(sightings)
            with trio.move_on_after(n / 2000):
                await write_with(sink, batch_of(sightings, kind, first=n * 100))
            await write_with(sink, batch_of(sightings, kind, first=n * 100))
    check(store, kind, model)


async def test_a_file_or_server_opened_twice_is_one_database(store: Store, kind: str) -> None:
    """Two processes, here two openings, write side by side."""
    model = Model()
    async with store.open() as one, store.open() as two, trio.open_nursery() as nursery:
        for n, database in enumerate((one, two) * 5):
            sightings = [online(f"10.0.0.{k}", f"{DAY}08:{n // 2:02}:00") for k in range(30)]
            model.write(sightings)
            nursery.start_soon(write, database, batch_of(sightings, kind, first=n))
    check(store, kind, model)


async def test_the_last_trial_is_remembered(database: Database, kind: str) -> None:
    """The last record begun and the how manieth time it was; said twice it is the same; the end forgets."""
    assert await database.last_trial(kind) is None
    for trial in [Trial(0, 1), Trial(1, 1), Trial(1, 2), Trial(1, 2), Trial(2, 1)]:
        await database.begin_trial(kind, trial)
        assert await database.last_trial(kind) == trial
    assert await database.last_trial(f"{kind}'") is None
    await database.end_trials(kind)
    assert await database.last_trial(kind) is None
