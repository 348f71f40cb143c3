"""The nurseries at work, on in-memory ports and trio's clock."""

from collections.abc import Callable
from contextlib import nullcontext
from itertools import islice

import pytest
import trio
from attrs import define, evolve, field
from structlog.testing import capture_logs
from trio.testing import MockClock

from adapters.queues.memory import MemoryQueue, MemoryStore
from engine.assembly import Assembly, Connections, Feed
from engine.delivery import Batch
from engine.errors import RejectedError, UnavailableError
from engine.gathering import GROUP_LIMIT, LEAST_SHARE
from engine.outage import Outage
from engine.settings import Settings, SourceSettings
from engine.sighting import Sighting
from engine.slots import covered
from engine.stats import Snapshot, Stats
from engine.turns import FEW
from engine.worker import LINES
from tests.world import WorldDatabase, WorldLookup, WorldSource, away_until


@define(eq=False)
class World:
    """One collector, one queue, one database, and engines that may be started on them."""

    source: WorldSource = field(factory=WorldSource)
    database: WorldDatabase = field(factory=WorldDatabase)
    lookup: WorldLookup = field(factory=WorldLookup)
    store: MemoryStore = field(factory=lambda: MemoryStore(lease_seconds=60))
    settings: Settings = field(
        factory=lambda: Settings(
            sources=(SourceSettings(name="s", url="http://127.0.0.1:1", pull_interval_seconds=1, pull_limit=5),)
        )
    )

    async def run(self, *, once: bool = True, workers: int = 2, stop: trio.Event | None = None) -> Snapshot:
        """Run one engine to its end."""
        connections = Connections(
            queue=MemoryQueue(self.store),
            open_sink=self.database.writer,
            start_log=self.database,
            trials=self.database,
            open_feed=lambda _: nullcontext(feed),
        )
        feed = Feed([(self.source, self.settings.sources[0])], self.lookup)
        stats = Stats()
        pipeline = Assembly(self.settings, connections, feed, stats, Outage("queue")).pipeline(workers=workers)
        await pipeline.run(trio.Event() if stop is None else stop, once=once)
        return stats.snapshot()


def fill(world: World, count: int = 23) -> None:
    """Distinct good records."""
    for number in range(count):
        world.source.add(f"8.8.{number // 250}.{number % 250 + 1}")


async def test_once_brings_everything_home(autojump_clock: MockClock) -> None:
    """Every record is a row with its facts, the account balances, and all but the last record are confirmed."""
    world = World()
    fill(world)
    world.source.add("999.1.1.1")
    world.source.add("8.8.0.1")
    snapshot = await world.run()
    assert snapshot == Snapshot(fetched=25, received=25, written=23, duplicates=1, rejected=1, dead=1, confirmed=24)
    assert len(world.database.rows) == 23
    assert {facts.country_code for facts in world.database.facts.values()} == {"NL"}
    assert world.database.dead == {("s", "24"): "ip '999.1.1.1' is not an IPv4 or IPv6 address"}
    assert len(world.source.hidden) == 24


async def test_a_second_run_has_nothing_to_do(autojump_clock: MockClock) -> None:
    """The cursor is stored: what was fetched is not fetched again."""
    world = World()
    fill(world)
    await world.run()
    assert await world.run() == Snapshot()


async def test_a_small_database_batch_size_cuts_deliveries(autojump_clock: MockClock) -> None:
    """Each piece is a transaction of its own, with a name of its own; the sum is the same."""
    world = World()
    world.settings = evolve(world.settings, worker=evolve(world.settings.worker, db_batch_size=2))
    fill(world, 5)
    assert (await world.run()).written == 5
    (whole,) = {name.partition("[")[0] for name in world.database.writes}
    assert world.database.writes == [f"{whole}[0:2]", f"{whole}[2:4]", f"{whole}[4:5]"]


async def test_small_deliveries_share_a_transaction(autojump_clock: MockClock) -> None:
    """Each is written, acknowledged and accounted for on its own, and they are committed together."""
    world = World()
    fill(world)
    await world.run(workers=0)
    assert len(world.store.deliveries) == 5
    assert (await world.run()).written == 23
    assert world.database.transactions == 1
    assert len(world.database.ledger) == 5


async def test_many_small_deliveries_share_a_line_of_log(autojump_clock: MockClock) -> None:
    """Few have one each; what the lines say of records adds up either way."""
    for count, expected in ((LINES, LINES), (LINES + 1, 1)):
        world = World()
        world.source.limit = 1
        fill(world, count)
        await world.run(workers=0)
        with capture_logs() as logs:
            await world.run()
        lines = [line for line in logs if line["event"] == "batch written"]
        assert len(lines) == expected
        assert sum(line["processed"] for line in lines) == sum(line["written"] for line in lines) == count
        assert "1" in {line["delivery"].split(" and ")[0] for line in lines}


async def test_a_bad_record_costs_the_deliveries_beside_it_nothing(autojump_clock: MockClock) -> None:
    """Refused together, they are tried one by one, in the same pass and under the same attempt."""
    world = World()
    fill(world)
    await world.run(workers=0)
    world.database.refuses = refuse("8.8.0.7", certain=False)
    with capture_logs() as logs:
        assert (await world.run()).written == 22
    failed = [line["delivery"] for line in logs if line["event"] == "batch failed, trying again later"]
    assert set(failed) == {"2"}


def refuse(ip: str, *, certain: bool = True) -> Callable[[Batch], RejectedError | None]:
    """A database that does not take one address."""
    return lambda batch: (
        RejectedError(f"no {ip}", certain=certain) if any(seen.ip == ip for seen in batch.sightings) else None
    )


async def test_the_one_bad_record_of_a_batch_is_buried_alone(autojump_clock: MockClock) -> None:
    """The batch is halved until the bad record is alone: it is a dead letter, all others are rows, in the same pass."""
    world = World()
    fill(world)
    world.database.refuses = refuse("8.8.0.7")
    snapshot = await world.run()
    assert (snapshot.written, snapshot.rejected, snapshot.dead) == (22, 1, 1)
    assert world.database.dead == {("s", "7"): "no 8.8.0.7"}


async def test_a_failure_nobody_knows_is_tried_again_first(autojump_clock: MockClock) -> None:
    """It costs attempts, and `retry_delay` between them; after `max_retries` the record is buried alone."""
    world = World()
    fill(world)
    world.database.refuses = refuse("8.8.0.7", certain=False)
    began = trio.current_time()
    snapshot = await world.run()
    assert (snapshot.written, snapshot.rejected) == (22, 1)
    assert trio.current_time() - began >= 3 * 5


async def test_a_record_that_engines_die_of_is_buried_alone(autojump_clock: MockClock) -> None:
    """After `max_retries` deaths the batch is tried record by record; twice dead of one, it is buried."""
    world = World()
    fill(world, 5)

    class DeadError(Exception):
        """The engine is gone."""

    def deadly(batch: Batch) -> None:
        if any(seen.ip == "8.8.0.3" for seen in batch.sightings):
            raise DeadError

    world.database.refuses = deadly
    deaths = 0
    while not world.database.dead and deaths < 20:
        try:
            await world.run(workers=1)
        except* DeadError:
            deaths += 1
            for entry in world.store.deliveries.values():
                entry.free_at, entry.attempt = 0.0, max(entry.attempt, deaths)
    assert deaths == 3 + 2
    assert world.database.dead == {("s", "3"): "the engine died whenever it was tried"}
    assert len(world.database.rows) == 4
    assert world.database.trials == {}
    assert await MemoryQueue(world.store).depth() == 0


async def test_when_not_even_the_dead_letter_can_be_stored(autojump_clock: MockClock) -> None:
    """The delivery goes to the queue's own dead letters, and nothing behind it is confirmed."""
    world = World()
    fill(world, 12)
    world.database.refuses = lambda batch: RejectedError("no") if batch.first == 6 else None
    await world.run()
    assert len(world.database.rows) == 7
    assert len(world.source.hidden) <= 5


@pytest.mark.parametrize("what", ["write", "lookup", "fetch", "front", "start"])
async def test_an_outage_costs_waiting_and_nothing_else(what: str, autojump_clock: MockClock) -> None:
    """Ten minutes of absence of any server, and the result is the same."""
    world = World()
    fill(world)
    away = away_until(trio.current_time() + 600)
    for part in (world.source, world.database, world.lookup):
        part.trouble = lambda call: away(call) if call == what else None
    with capture_logs() as logs:
        snapshot = await world.run()
    assert (snapshot.received, snapshot.written, len(world.database.rows)) == (23, 23, 23)
    assert sum(line["event"] == "unavailable, waiting" for line in logs) <= 1


def is_of_the_first_slot(ip: str) -> bool:
    """Whether writers of its slot may have to wait for each other."""
    return covered([Sighting(ip, "", 1)]) == range(1)


async def test_workers_take_turns_at_the_same_addresses(autojump_clock: MockClock) -> None:
    """Two large batches of the same slot of one botnet type are not in the database at the same time."""
    world = World()
    world.settings = evolve(world.settings, worker=evolve(world.settings.worker, db_batch_size=FEW))
    world.source.limit = FEW
    alike = (ip for n in range(65_536) if is_of_the_first_slot(ip := f"8.8.{n >> 8}.{n & 255}"))
    for ip in islice(alike, 2 * FEW):
        world.source.add(ip)
    world.database.latency_seconds = 3
    with capture_logs() as logs:
        await world.run(workers=2)
    written = sorted(line["seconds"] for line in logs if line["event"] == "batch written")
    assert written == [pytest.approx(3), pytest.approx(6)]


@pytest.mark.parametrize(
    ("chunk_size", "db_batch_size", "turns"), [(GROUP_LIMIT - 1, None, 1), (GROUP_LIMIT, 5, 1), (GROUP_LIMIT, None, 2)]
)
async def test_who_needs_many_workers(
    chunk_size: int, db_batch_size: int | None, turns: int, autojump_clock: MockClock
) -> None:
    """Look-ups that wait and small transactions. Else a few write large groups at once, and more would be no faster."""
    world = World(lookup=WorldLookup(chunk_size=chunk_size))
    wanted = evolve(world.settings.worker, db_concurrent=2, db_batch_size=db_batch_size)
    world.settings = evolve(world.settings, worker=wanted)
    world.source.latency_seconds = 1  # the groups are claimed one by one
    fill(world, 5 * 5)
    world.database.latency_seconds = 60
    began = trio.current_time()
    await world.run(workers=7)
    assert (trio.current_time() - began) // 60 == turns
    assert len(world.database.rows) == 5 * 5


@pytest.mark.parametrize(("chunk_size", "transactions"), [(GROUP_LIMIT - 1, 4), (GROUP_LIMIT, 1)])
async def test_a_page_is_divided_only_among_look_ups_that_wait(
    chunk_size: int, transactions: int, autojump_clock: MockClock
) -> None:
    """Else it is one transaction, however many workers there are."""
    world = World(lookup=WorldLookup(chunk_size=chunk_size))
    world.source.limit = 4 * LEAST_SHARE
    for number in range(4 * LEAST_SHARE):
        world.source.add(f"{1 + number % 9}.{number % 200}.{number // 200}.8")
    await world.run(workers=4)
    assert world.database.transactions in range(transactions, transactions + 2)


@pytest.mark.parametrize("workers", [2, 7])
async def test_a_soft_stop_finishes_what_is_in_hand(workers: int, autojump_clock: MockClock) -> None:
    """The write under way ends, nothing new is begun, and the rest is done at the next start."""
    world = World()
    world.settings = evolve(world.settings, worker=evolve(world.settings.worker, db_batch_size=5))
    fill(world, 200)
    world.database.latency_seconds = 2
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: world.run(once=False, stop=stop, workers=workers))
        await trio.sleep(3)
        began = trio.current_time()
        stop.set()
    assert trio.current_time() - began <= 2.1
    assert 0 < len(world.database.rows) < 200
    world.database.latency_seconds = 0
    await world.run()
    assert len(world.database.rows) == 200
    assert all(written.duplicates == 0 for written in world.database.ledger.values())


@pytest.mark.parametrize("workers", [2, 7])
async def test_the_grace_time_bounds_a_soft_stop(workers: int, autojump_clock: MockClock) -> None:
    """A database that hangs does not hold the stop; its delivery is released without counting an attempt."""
    world = World()
    fill(world, 5)
    world.database.latency_seconds = 10_000
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: world.run(once=False, stop=stop, workers=workers))
        await trio.sleep(3)
        began = trio.current_time()
        stop.set()
    assert trio.current_time() - began == pytest.approx(10, abs=0.5)
    (delivery,) = await MemoryQueue(world.store).claim(10, 0)
    assert delivery.attempt == 1


async def test_a_full_queue_pauses_the_fetcher(autojump_clock: MockClock) -> None:
    """Above the high watermark nothing is fetched until the low one; nothing is lost."""
    world = World()
    world.settings = evolve(world.settings, queue=evolve(world.settings.queue, high_watermark=4, low_watermark=2))
    fill(world, 100)
    deepest = 0

    def watch(_: Batch) -> None:
        nonlocal deepest
        deepest = max(deepest, len(world.store.deliveries))

    world.database.refuses = watch
    world.database.latency_seconds = 1
    assert (await world.run()).written == 100
    assert 2 <= deepest <= 5


async def test_a_reset_source_is_read_again(autojump_clock: MockClock) -> None:
    """Numbers that start again below the cursor are noticed; what is there is fetched, nothing is counted twice."""
    world = World()
    fill(world)
    await world.run()
    world.source.records.clear()
    world.source.add("1.1.1.1")
    fill(world, 29)
    snapshot = await world.run()
    assert (snapshot.received, snapshot.written, snapshot.duplicates) == (30, 7, 23)


async def test_a_confirm_without_an_answer_is_not_repeated(autojump_clock: MockClock) -> None:
    """Its fate is unknown: it is never sent again, and a reserve is held for it."""
    world = World()
    world.source.confirms_answered = False
    fill(world, 24)
    await world.run()
    assert world.source.confirms == [5]


async def test_two_engines_share_the_work_and_one_fetches(autojump_clock: MockClock) -> None:
    """Both write; together they do everything exactly once."""
    world = World()
    fill(world, 200)
    world.database.latency_seconds = 1
    stop = trio.Event()
    snapshots: list[Snapshot] = []

    async def engine() -> None:
        snapshots.append(await world.run(once=False, stop=stop))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(engine)
        nursery.start_soon(engine)
        while len(world.database.rows) < 200:  # noqa: ASYNC110 - the clock jumps
            await trio.sleep(0.5)
        stop.set()
    assert sorted(snapshot.fetched for snapshot in snapshots) == [0, 200]
    assert all(snapshot.received > 0 for snapshot in snapshots)
    assert sum(snapshot.written for snapshot in snapshots) == 200


async def test_a_lease_is_kept_through_an_outage(autojump_clock: MockClock) -> None:
    """Ten minutes without a database: what one engine has in hand does not go to the other, and costs no attempt."""
    world = World()
    fill(world, 40)
    world.database.trouble = away_until(trio.current_time() + 600)
    stop = trio.Event()

    async def engine() -> None:
        await world.run(once=False, stop=stop)

    with capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine)
            nursery.start_soon(engine)
            while len(world.database.rows) < 40:  # noqa: ASYNC110 - the clock jumps
                await trio.sleep(0.5)
            stop.set()
    assert {line["attempt"] for line in logs if line["event"] == "batch written"} == {1}
    assert not [line for line in logs if line["event"] == "leases lost, others may write the same again"]


async def test_a_bug_ends_the_run_loudly(autojump_clock: MockClock) -> None:
    """An exception no port may raise is not waited for."""
    world = World()
    fill(world)

    def broken(_: Batch) -> None:
        raise ZeroDivisionError

    world.database.refuses = broken
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True, allow_unwrapped=True):
        await world.run()


def test_unavailable_is_not_a_refusal() -> None:
    """The two are answered differently, so neither may be the other's kind."""
    assert not issubclass(UnavailableError, RejectedError)
    assert not issubclass(RejectedError, UnavailableError)
