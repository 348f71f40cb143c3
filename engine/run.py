"""One run of the engine: signals, servers, pipeline, and the account at the end."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from functools import partial
from time import time
from typing import TYPE_CHECKING

import structlog
import trio
from attrs import asdict, define, field, frozen

from engine import shutdown
from engine.assembly import Assembly, Connections, Feed
from engine.errors import ConfigError, UnavailableError
from engine.outage import Outage
from engine.pipeline import Pipeline
from engine.ports import Queue
from engine.service_manager import ServiceManager
from engine.settings import Settings
from engine.stats import Snapshot, Stats
from engine.succession import Succession
from engine.supervision import supervise

if TYPE_CHECKING:  # loading it costs time that the first page of a source should not wait for
    from engine.desk import Desk
    from engine.status import Status

PROGRESS_SECONDS = 1.0
WATCH_AFTER_SECONDS = 1.0
"""Nobody looks in the first second of a run: what shows it is loaded after that."""


@frozen
class Mode:
    """What this process does of the whole job, and whether it ends when the job is done."""

    fetch: bool = True
    work: bool = True
    once: bool = False


Serve = Callable[[Settings, Callable[[], "Status"], trio.TaskStatus[None]], Awaitable[None]]
Connect = Callable[[Settings, Mode], AbstractAsyncContextManager[Connections]]
Progress = Callable[[Snapshot, int], None]


@define(eq=False)
class Run:
    """One run, from the first signal handler to the last counter.

    `seconds` is how long it took, once it has ended. `connect` opens the adapters; it may raise UnavailableError,
    which is waited for. `progress`, if given, is called every second with the counters and the queue's depth. `serve`,
    if given, shows the run to others until it ends; whatever hangs there ends with it. `read` reads the settings once
    more, for a reload; None where they came from nowhere.
    """

    settings: Settings
    mode: Mode
    connect: Connect
    progress: Progress | None = None
    serve: Serve | None = None
    read: Callable[[], Settings] | None = None
    manager: ServiceManager = field(factory=ServiceManager)
    stats: Stats = field(factory=Stats)
    seconds: float = 0.0
    _stop: trio.Event = field(factory=trio.Event, repr=False)
    _began_at: float = field(factory=time)
    _opened: "Desk | None" = field(default=None, repr=False)
    _log: structlog.stdlib.BoundLogger = field(factory=structlog.get_logger, repr=False)

    async def main(self) -> int:
        """Run until done or stopped; return the exit code. Raises ConfigError."""
        grace = self.settings.engine.shutdown_grace_seconds
        began = trio.current_time()
        hangup, hangups = trio.open_memory_channel[None](1)
        with trio.CancelScope() as everything:
            try:
                async with trio.open_nursery() as root:
                    await root.start(shutdown.listen, self._stop.set, everything.cancel, partial(_wish, hangup), grace)
                    root.start_soon(self._tell_of_the_stop)
                    await self._engine(hangups)
                    root.cancel_scope.cancel()
            except BaseExceptionGroup as group:
                raise _config_error_in(group) or group from None
            finally:
                self.seconds = trio.current_time() - began
        return shutdown.EXIT_HARD_STOP if everything.cancelled_caught else shutdown.EXIT_DONE

    async def _engine(self, hangups: trio.MemoryReceiveChannel[None]) -> None:
        for warning in self.settings.warnings:
            self._log.warning(warning)
        await self.manager.tell("STATUS=waiting for queue and database")
        connected = trio.Event()
        async with trio.open_nursery() as nursery:
            if self.serve is not None:
                await nursery.start(self.serve, self.settings, self._desk)
            nursery.start_soon(self._give_up_connecting, connected, nursery.cancel_scope)
            async with AsyncExitStack() as stack:
                connections = await Outage("servers").wait_for(self._connect, stack)
                connected.set()
                self._judge(connections.warnings)
                build = partial(self._build, connections, Outage("queue"))
                watch = partial(self._watch, connections) if self.serve is not None else None
                succession = Succession(connections, build, self.read, hangups, self.manager, watch)
                async with trio.open_nursery() as showing:  # ends before the queue it asks is closed
                    if self.progress is not None:
                        showing.start_soon(_show, self.progress, self.stats, connections.queue)
                    is_ready = partial(self._is_ready, succession)
                    showing.start_soon(supervise, self.manager, self.stats, succession.in_hand, is_ready)
                    await succession.run(self.settings, self._stop, once=self.mode.once)
                    showing.cancel_scope.cancel()
            nursery.cancel_scope.cancel()
        self._log.info("stopped", **asdict(self.stats.snapshot()))

    def _is_ready(self, succession: Succession) -> bool:
        return succession.is_ready and not self._stop.is_set()

    def _desk(self) -> "Desk":
        if self._opened is None:
            from engine.desk import Desk  # noqa: PLC0415 - see WATCH_AFTER_SECONDS

            self._opened = Desk(self.settings, self.stats, self._stop, self._began_at)
        return self._opened

    async def _watch(self, connections: Connections, settings: Settings, feed: Feed, pipeline: Pipeline) -> None:
        await trio.sleep(WATCH_AFTER_SECONDS)
        await self._desk().attend(settings, pipeline, connections, feed)

    async def _give_up_connecting(self, connected: trio.Event, attempt: trio.CancelScope) -> None:
        """A soft stop ends the waiting for servers at once; once connected it is the pipeline's."""
        await self._stop.wait()
        if not connected.is_set():
            attempt.cancel()

    async def _connect(self, stack: AsyncExitStack) -> Connections:
        return await stack.enter_async_context(self.connect(self.settings, self.mode))

    async def _tell_of_the_stop(self) -> None:
        await self._stop.wait()
        with trio.CancelScope(shield=True):
            await self.manager.tell("STOPPING=1", "STATUS=finishing what is in hand")

    def _build(self, connections: Connections, queue_outage: Outage, settings: Settings, feed: Feed) -> Pipeline:
        workers = settings.worker.worker_count if self.mode.work else 0
        self._announce(workers, [source.name for source, _ in feed.sources])
        return Assembly(settings, connections, feed, self.stats, queue_outage).pipeline(workers=workers)

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


def _wish(hangup: trio.MemorySendChannel[None]) -> None:
    """Wish for a reload; once is enough while one waits."""
    with suppress(trio.WouldBlock):
        hangup.send_nowait(None)


def _config_error_in(group: BaseException) -> ConfigError | None:
    """The first ConfigError in a group, however deep."""
    if isinstance(group, BaseExceptionGroup):
        return next((found for inner in group.exceptions if (found := _config_error_in(inner))), None)
    return group if isinstance(group, ConfigError) else None
