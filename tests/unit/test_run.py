"""One run, from the first signal handler to the last counter, on in-memory ports."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

import pytest
import trio
from attrs import define, evolve
from structlog.testing import capture_logs

import engine.run
from adapters.queues.memory import MemoryQueue, MemoryStore
from engine.assembly import Connections, Feed
from engine.errors import ConfigError
from engine.run import Mode, Run
from engine.settings import Settings, SourceSettings
from tests.world import WorldDatabase, WorldLookup, WorldSource

SOURCE = SourceSettings(name="s", url="http://127.0.0.1:1", pull_interval_seconds=1, pull_limit=5)


@define(eq=False)
class ClosableQueue(MemoryQueue):
    """A queue that, like a file, answers nobody once it is closed."""

    is_closed: bool = False

    async def depth(self) -> int:
        """Answer while it is open."""
        assert not self.is_closed, "asked after it was closed"
        return await super().depth()


@asynccontextmanager
async def connect(settings: Settings, mode: Mode) -> AsyncIterator[Connections]:
    """Connect to a source of twenty records; closing takes a while."""
    source, database = WorldSource(), WorldDatabase()
    for number in range(1, 21):
        source.add(f"8.8.8.{number}")
    queue = ClosableQueue(MemoryStore(lease_seconds=60))
    yield Connections(
        queue=queue,
        open_sink=database.writer,
        start_log=database,
        trials=database,
        open_feed=lambda _: nullcontext(Feed([(source, SOURCE)], WorldLookup())),
        warnings=["it forgets"],
    )
    queue.is_closed = True
    for _ in range(20):
        await trio.lowlevel.checkpoint()


async def test_progress_is_asked_for_only_while_the_queue_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is shown, the run ends with everything done and exit code 0."""
    monkeypatch.setattr(engine.run, "PROGRESS_SECONDS", 0)
    shown: list[int] = []
    run = Run(Settings(), Mode(once=True), connect, lambda _, depth: shown.append(depth))
    assert await run.main() == 0
    assert run.stats.snapshot().written == 20
    assert shown


async def test_every_warning_is_said_at_start() -> None:
    """Those of the settings, and those of the servers."""
    with capture_logs() as logs:
        await Run(evolve(Settings(), warnings=("no TLS",)), Mode(once=True), connect).main()
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["no TLS", "it forgets"]


async def test_strict_durability_makes_them_errors() -> None:
    """Of the servers' warnings; each stands in the message."""
    settings = Settings()
    strict = evolve(settings, engine=evolve(settings.engine, strict_durability=True))
    with pytest.raises(ConfigError, match="it forgets"):
        await Run(strict, Mode(once=True), connect).main()
