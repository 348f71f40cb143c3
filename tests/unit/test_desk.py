"""What a running engine says of itself, on in-memory ports and trio's clock."""

import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

import pytest
import trio
from attrs import define, evolve, field
from trio.testing import MockClock

from adapters.queues.memory import MemoryQueue, MemoryStore
from engine.assembly import Connections, Feed
from engine.desk import age_of, resident_bytes
from engine.errors import UnavailableError
from engine.picture import Picture
from engine.run import Mode, Run
from engine.settings import DatabaseSettings, Settings, SourceSettings
from engine.sighting import Facts
from engine.status import Status
from tests.world import Trouble, WorldDatabase, WorldLookup, WorldSource, away_until, no_trouble

SOURCE = SourceSettings(name="s", url="http://127.0.0.1:1", pull_interval_seconds=1, pull_limit=5)


@define(eq=False)
class Watched:
    """A run whose database takes five seconds a transaction, and whoever looks at it."""

    look: Callable[[Status], list[Picture]]
    source: WorldSource = field(factory=WorldSource)
    database: WorldDatabase = field(factory=lambda: WorldDatabase(latency_seconds=5))
    lookup: WorldLookup = field(factory=WorldLookup)
    settings: Settings = field(factory=lambda: evolve(Settings(), sources=(SOURCE,)))
    seen: list[Picture] = field(factory=list)

    async def run(self, trouble: Trouble = no_trouble, *, work: bool = True) -> None:
        """One run of twenty records, looked at every second."""
        for number in range(1, 21):
            self.source.add(f"8.8.8.{number}")
        for part in (self.source, self.database, self.lookup):
            part.trouble = trouble
        run = Run(self.settings, Mode(work=work, once=True), self._connect, serve=self._serve)
        assert await run.main() == 0

    async def _serve(self, _: Settings, open_status: Callable[[], Status], task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        while True:
            self.seen += self.look(open_status())
            await trio.sleep(1)

    @asynccontextmanager
    async def _connect(self, _: Settings, __: Mode) -> AsyncIterator[Connections]:
        yield Connections(
            queue=MemoryQueue(MemoryStore(lease_seconds=60)),
            open_sink=self.database.writer,
            start_log=self.database,
            trials=self.database,
            open_feed=lambda _: nullcontext(Feed([(self.source, SOURCE)], self.lookup)),
        )


@define(eq=False)
class NetworkLookup(WorldLookup):
    """Knows the network of every address but the first."""

    async def lookup(self, ips: Sequence[str]) -> Mapping[str, Facts]:
        """Give number and name."""
        await trio.lowlevel.checkpoint()
        return {ip: Facts(country_code="NL", asn=64500, isp="Example") for ip in ips if ip != "8.8.8.1"}


def pictures(status: Status) -> list[Picture]:
    """The picture now."""
    return [status.picture()]


async def test_the_picture_follows_the_run(autojump_clock: MockClock) -> None:
    """Before there is anything it says so; then stages, totals and rates are those of the run."""
    watched = Watched(pictures)
    await watched.run()
    first, last = watched.seen[0], watched.seen[-1]
    assert (first.limit.case, first.health.ready, first.queue.batches, first.workers) == ("starting", False, None, ())
    assert last.totals.fetched == 20
    (worker,), (source,) = last.workers, last.sources
    assert (worker.name, worker.state) == ("worker-1", "writing")
    assert worker.busy["writing"] > 0.9
    assert (source.name, source.fetched, source.state) == ("s", 20, "waiting")
    assert source.cursor is not None
    assert source.cursor.sequence == 20
    assert (last.limit.stage, last.limit.setting) == ("database", "database.url")
    assert last.cache.misses == 20
    assert {picture.health.ready for picture in watched.seen[3:]} == {True}


async def test_workers_that_are_not_needed_do_not_hide_what_limits(autojump_clock: MockClock) -> None:
    """Where look-ups do not wait, only so many as are wanted have work at once, however many there are."""
    settings = evolve(
        Settings(database=DatabaseSettings(url="mysql://u@h/d")),
        sources=(SOURCE,),
        worker=evolve(Settings().worker, worker_count=8, db_concurrent=3),
    )
    watched = Watched(pictures, source=WorldSource(limit=1), settings=settings)
    await watched.run()
    during = watched.seen[4]
    assert sum(worker.state == "writing" for worker in during.workers) == 3
    assert (during.limit.case, during.limit.values["workers"]) == ("database-allowed", 3)


@pytest.mark.parametrize(
    ("what", "state", "stage"),
    [("write", "waiting for the database", "database"), ("lookup", "waiting for the look-up", "look-up")],
)
async def test_a_server_that_is_away_is_what_limits(
    what: str, state: str, stage: str, autojump_clock: MockClock
) -> None:
    """The worker waits for it, and after `stall_seconds` the engine is not ready; both end with the outage."""
    watched = Watched(pictures)
    away = away_until(trio.current_time() + 200)
    await watched.run(lambda call: away(call) if call == what else None)
    during = watched.seen[150]
    assert during.workers[0].state == state
    assert (during.limit.stage, during.limit.case) == (stage, f"{stage}-away")
    assert not during.health.ready
    assert during.health.reason is not None
    assert "none has moved" in during.health.reason
    assert watched.seen[30].health.ready


async def test_a_source_that_is_away_is_named_with_its_error(autojump_clock: MockClock) -> None:
    """Unreachable, with the reason; nothing waits, so that the engine stays ready."""
    watched = Watched(pictures)
    away = away_until(trio.current_time() + 200)
    await watched.run(lambda call: away(call) if call == "fetch" else None)
    during = watched.seen[150]
    assert (during.sources[0].state, during.sources[0].last_error) == ("unreachable", "fetch: away")
    assert during.limit.case == "source-away"
    assert during.health.ready
    assert watched.seen[-1].sources[0].state != "unreachable"


async def test_without_stores_to_ask_nothing_can_be_retried(autojump_clock: MockClock) -> None:
    """It is refused for now, before and while the engine works."""
    statuses: list[Status] = []

    def remember(status: Status) -> list[Picture]:
        statuses.append(status)
        return pictures(status)

    watched = Watched(remember)
    await watched.run()
    with pytest.raises(UnavailableError):
        await statuses[-1].retry(1)
    assert watched.seen[-1].dead_letters.count is None
    assert statuses[-1].records_by_type() == {"mirai": 20}


async def test_an_engine_that_only_fetches(autojump_clock: MockClock) -> None:
    """It has no workers and no cache, and is ready although what it brings waits for others."""
    watched = Watched(pictures)
    watched.source.latency_seconds = 30
    await watched.run(work=False)
    during, last = watched.seen[60], watched.seen[-1]
    assert (last.workers, last.cache.size, last.totals.received) == ([], 0, 0)
    assert last.queue.batches
    assert last.health.ready
    assert (during.limit.stage, during.limit.values) == ("source", {"source": "s", "percent": 100, "size": 5})


async def test_networks_and_newest_are_named(autojump_clock: MockClock) -> None:
    """By number and name; what nobody knows is counted by nobody, and shown as unknown."""
    watched = Watched(pictures, lookup=NetworkLookup(), database=WorldDatabase())
    watched.source.latency_seconds = 3
    await watched.run()
    last = watched.seen[-1]
    assert last.top.networks[0][0] == "AS64500 Example"
    assert last.top.countries[0][0] == "NL"
    assert {seen.network for seen in last.newest} == {"AS64500 Example", None}
    assert last.newest[0].ip > last.newest[-1].ip


def test_memory_is_what_the_system_says(tmp_path: Path) -> None:
    """Pages of this process; None where there is no such file."""
    (tmp_path / "statm").write_text("9 2 1 1 0 1 0\n")
    assert resident_bytes(tmp_path / "statm") == 2 * os.sysconf("SC_PAGE_SIZE")
    assert resident_bytes(tmp_path / "gone") is None


async def test_what_the_lookup_uses_is_shown_once_it_is_open(autojump_clock: MockClock) -> None:
    """Before, it is said not to be open; then what the look-up itself names, and the age of what it has."""
    uses = ["city.mmdb", "built-in"]
    watched = Watched(pictures, lookup=WorldLookup(built_at=time.time() - 3_600, uses=uses))
    await watched.run()
    first, last = watched.seen[0].engine, watched.seen[-1].engine
    assert (first.lookup, first.lookup_age_seconds) == ("not open yet", None)
    assert last.lookup == "city.mmdb + built-in"
    assert last.lookup_age_seconds == pytest.approx(3_600, abs=30)


def test_no_data_is_younger_than_now() -> None:
    """A file of tomorrow, or of another clock, is new; what has no date has no age."""
    assert age_of(time.time() + 1_000) == 0
    assert age_of(None) is None
