"""Engines: each is started again after every end, as a process under a supervisor is."""

from contextlib import nullcontext
from functools import partial

import trio
from attrs import define, evolve, field

from engine.assembly import Assembly, Connections, Feed
from engine.outage import Outage
from engine.settings import Settings, SourceSettings
from engine.stats import Stats
from tests.faults.simulation.collector import CollectorLink
from tests.faults.simulation.links import DatabaseLink, LookupLink
from tests.faults.simulation.plan import LEASE_SECONDS, QUARANTINE_SECONDS, Plan
from tests.faults.simulation.queue import QueueClient, QueueLink
from tests.faults.simulation.wire import Wire
from tests.faults.simulation.world import World

STOP_SECONDS = 1.0
"""How much longer than its grace time a soft stop may take."""


def settings_of(plan: Plan) -> Settings:
    """Small numbers for everything."""
    settings = Settings()
    sources = [
        SourceSettings(
            name=f"s{number}",
            url="http://127.0.0.1:1",
            pull_limit=plan.page_limit,
            pull_interval_seconds=plan.pull_interval_seconds,
            confirm_quarantine_seconds=QUARANTINE_SECONDS,
        )
        for number in range(plan.sources)
    ]
    return evolve(
        settings,
        engine=evolve(settings.engine, shutdown_grace_seconds=plan.grace_seconds),
        worker=evolve(settings.worker, db_batch_size=plan.db_batch_size, retry_delay=1.0, queue_timeout=10.0),
        queue=evolve(
            settings.queue,
            batch_size=plan.batch_size,
            high_watermark=plan.watermark,
            low_watermark=plan.watermark // 2,
            lease_seconds=LEASE_SECONDS,
        ),
        sources=tuple(sources),
    )


@define(eq=False)
class Life:
    """One life of an engine, from start to end."""

    wire: Wire
    stop: trio.Event = field(factory=trio.Event)
    stopped_at: float | None = None

    def stop_softly(self) -> None:
        """SIGTERM."""
        if self.stopped_at is None:
            self.wire.note("is asked to stop")
            self.stopped_at = trio.current_time()
            self.stop.set()

    def check_stop(self, grace_seconds: float) -> None:
        """It has ended: a soft stop must have been in time."""
        if self.stopped_at is not None and not self.wire.is_dead and not self.wire.was_frozen:
            seconds = trio.current_time() - self.stopped_at
            if seconds > grace_seconds + STOP_SECONDS:
                self.wire.weather.broken(f"a soft stop took {seconds:.1f} s with a grace time of {grace_seconds} s")


@define(eq=False)
class Engine:
    """An engine that is started again and again until `retired`. `role`: it does `all`, or only `fetch`, or `work`."""

    number: int
    role: str
    world: World
    settings: Settings
    life: Life | None = None
    lives: int = 0
    is_retired: bool = False

    async def run(self) -> None:
        """Live, rest, live again."""
        weather = self.world.weather
        while not self.is_retired:
            self.lives += 1
            self.life = life = Life(Wire(f"e{self.number}.{self.lives}", weather))
            weather.count("life")
            with life.wire.life:
                await self._live(life)
            life.check_stop(self.settings.engine.shutdown_grace_seconds)
            self.life = None
            if not self.is_retired:
                await trio.sleep(weather.rng.uniform(0.05, 8))

    def retire(self) -> None:
        """Stop softly, and for good."""
        self.is_retired = True
        if self.life is not None:
            self.life.stop_softly()

    async def _live(self, life: Life) -> None:
        life.wire.note(f"starts, to do {self.role}")
        workers = 0 if self.role == "fetch" else self.world.weather.plan.workers
        connections, feed = self._connect(life.wire)
        stats = Stats()
        assembly = Assembly(self.settings, connections, feed, stats, Outage("queue"))
        await assembly.pipeline(workers=workers).run(life.stop)
        life.wire.note(f"has stopped: {stats.snapshot()}")

    def _connect(self, wire: Wire) -> tuple[Connections, Feed]:
        world = self.world
        database = DatabaseLink(world.database, wire)
        client = QueueClient(world.queue.store, wire.engine, queue_server=world.queue)
        link = partial(CollectorLink, wire=wire, ears=world, limit=world.weather.plan.page_limit)
        sources = list(zip(map(link, world.collectors), self.settings.sources, strict=True))
        feed = Feed([] if self.role == "work" else sources, LookupLink(world.lookup, wire))
        connections = Connections(
            queue=QueueLink(client, wire),
            open_sink=database.writer,
            start_log=database,
            trials=database,
            open_feed=lambda _: nullcontext(feed),
        )
        return connections, feed
