"""One run of the engine: signals, servers, pipeline, and the account at the end."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress

import structlog
import trio
from attrs import asdict, define, field, frozen

from engine import shutdown
from engine.assembly import Assembly, Connections
from engine.errors import ConfigError, UnavailableError
from engine.freshness import keep_fresh
from engine.outage import Outage
from engine.ports import Queue
from engine.settings import Settings
from engine.stats import Snapshot, Stats

PROGRESS_SECONDS = 1.0


@frozen
class Mode:
    """What this process does of the whole job, and whether it ends when the job is done."""

    fetch: bool = True
    work: bool = True
    once: bool = False


Connect = Callable[[Settings, Mode], AbstractAsyncContextManager[Connections]]
Progress = Callable[[Snapshot, int], None]


@define(eq=False)
class Run:
    """One run, from the first signal handler to the last counter.

    `seconds` is how long it took, once it has ended. `connect` opens the adapters; it may raise UnavailableError,
    which is waited for. `progress`, if given, is called every second with the counters and the queue's depth.
    """

    settings: Settings
    mode: Mode
    connect: Connect
    progress: Progress | None = None
    stats: Stats = field(factory=Stats)
    seconds: float = 0.0
    _stop: trio.Event = field(factory=trio.Event, repr=False)
    _log: structlog.stdlib.BoundLogger = field(factory=structlog.get_logger, repr=False)

    async def main(self) -> int:
        """Run until done or stopped; return the exit code. Raises ConfigError."""
        grace = self.settings.engine.shutdown_grace_seconds
        began = trio.current_time()
        with trio.CancelScope() as everything:
            try:
                async with trio.open_nursery() as root:
                    await root.start(shutdown.listen, self._stop.set, everything.cancel, grace)
                    await self._engine()
                    root.cancel_scope.cancel()
            except BaseExceptionGroup as group:
                raise _config_error_in(group) or group from None
            finally:
                self.seconds = trio.current_time() - began
        return shutdown.EXIT_HARD_STOP if everything.cancelled_caught else shutdown.EXIT_DONE

    async def _engine(self) -> None:
        for warning in self.settings.warnings:
            self._log.warning(warning)
        queue_outage = Outage("queue")
        connected = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._give_up_connecting, connected, nursery.cancel_scope)
            async with AsyncExitStack() as stack:
                connections = await Outage("servers").wait_for(self._connect, stack)
                connected.set()
                self._judge(connections.warnings)
                workers = self.settings.worker.worker_count if self.mode.work else 0
                pipeline = Assembly(self.settings, connections, self.stats, queue_outage).pipeline(workers=workers)
                self._announce(workers, [source.name for source, _ in connections.sources])
                async with trio.open_nursery() as showing:  # ends before the queue it asks is closed
                    if self.progress is not None:
                        showing.start_soon(_show, self.progress, self.stats, connections.queue)
                    showing.start_soon(keep_fresh, connections.lookup, self.settings.lookup.max_age_days)
                    await pipeline.run(self._stop, once=self.mode.once)
                    showing.cancel_scope.cancel()
            nursery.cancel_scope.cancel()
        self._log.info("stopped", **asdict(self.stats.snapshot()))

    async def _give_up_connecting(self, connected: trio.Event, attempt: trio.CancelScope) -> None:
        """A soft stop ends the waiting for servers at once; once connected it is the pipeline's."""
        await self._stop.wait()
        if not connected.is_set():
            attempt.cancel()

    async def _connect(self, stack: AsyncExitStack) -> Connections:
        return await stack.enter_async_context(self.connect(self.settings, self.mode))

    def _judge(self, warnings: Sequence[str]) -> None:
        if warnings and self.settings.engine.strict_durability:
            raise ConfigError("\n".join(["engine.strict_durability is set, and:", *warnings]))
        for warning in warnings:
            self._log.warning(warning)

    def _announce(self, workers: int, sources: Sequence[str]) -> None:
        url = self.settings.queue.url
        mode = "memory (no persistence)" if url.startswith("memory:") else f"persistent ({url.partition(':')[0]})"
        self._log.info("starting", queue_mode=mode, workers=workers, sources=list(sources))
        self._log.info("running, press Ctrl+C to stop")


async def _show(progress: Progress, stats: Stats, queue: Queue) -> None:
    while True:
        await trio.sleep(PROGRESS_SECONDS)
        with suppress(UnavailableError):
            progress(stats.snapshot(), await queue.depth())


def _config_error_in(group: BaseException) -> ConfigError | None:
    """The first ConfigError in a group, however deep."""
    if isinstance(group, BaseExceptionGroup):
        return next((found for inner in group.exceptions if (found := _config_error_in(inner))), None)
    return group if isinstance(group, ConfigError) else None
