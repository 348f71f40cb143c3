"""One pipeline after another over the same connections: a reload ends one softly and starts the next.

What a pipeline is built from is read and opened anew before the old one ends, so that a reading that cannot work
changes nothing. The old one then finishes what is in hand within the grace time, as at a soft stop, and what is left is
released to the queue: no delivery is lost. Queue and database stay open.
"""

from collections.abc import Awaitable, Callable

import structlog
import trio
from attrs import define, field

from engine.assembly import Connections, Feed
from engine.errors import ConfigError
from engine.freshness import keep_fresh
from engine.logs import configure_logs
from engine.pipeline import Pipeline
from engine.reloading import change, check_whole
from engine.service_manager import ServiceManager
from engine.settings import Settings
from engine.supervision import InHand


@define(eq=False)
class Succession:
    """Runs pipelines, one at a time.

    `read` reads the settings once more and raises ConfigError; None where they came from nowhere. Every message of
    `hangups` is a wish to do so. `manager` is told when the first pipeline runs, and of each reload. `watch`, if given,
    follows each pipeline as long as it runs. `is_ready` from the first pipeline on, but while it reloads.
    """

    connections: Connections
    build: Callable[[Settings, Feed], Pipeline]
    read: Callable[[], Settings] | None
    hangups: trio.MemoryReceiveChannel[None]
    manager: ServiceManager
    watch: Callable[[Settings, Feed, Pipeline], Awaitable[None]] | None = None
    is_ready: bool = False
    _pipeline: Pipeline | None = None
    _over: trio.Event = field(factory=trio.Event, repr=False)
    _turn: trio.Lock = field(factory=trio.Lock, repr=False)
    _log: structlog.stdlib.BoundLogger = field(factory=structlog.get_logger, repr=False)

    def in_hand(self) -> InHand:
        """The deliveries that this engine has on lease."""
        held = self._pipeline.leasing.held.values() if self._pipeline is not None else ()
        return {(delivery.id, delivery.attempt) for delivery in held}

    async def run(self, settings: Settings, stop: trio.Event, *, once: bool = False) -> None:
        """Run until `stop` is set, or with `once` until everything is done. Raises ConfigError."""
        async with trio.open_nursery() as nursery:

            async def reign(settings: Settings, task_status: trio.TaskStatus[None]) -> None:
                if await self._reign(settings, stop, once=once, task_status=task_status):
                    nursery.cancel_scope.cancel()

            await nursery.start(reign, settings)
            await self._tell_ready("running")
            async for _ in self.hangups:
                settings = await self._reload(settings, lambda after: nursery.start(reign, after))

    async def _reign(
        self, settings: Settings, stop: trio.Event, *, once: bool, task_status: trio.TaskStatus[None]
    ) -> bool:
        """Run one pipeline, after the one before has ended; whether it is the last."""
        async with self.connections.open_feed(settings) as feed:
            self._over.set()
            over = self._over = trio.Event()
            async with self._turn:
                task_status.started()
                if not stop.is_set():
                    self._pipeline = self.build(settings, feed)
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(_pass_on, stop, over)
                        nursery.start_soon(keep_fresh, feed.lookup, settings.lookup.max_age_days)
                        if self.watch is not None:
                            nursery.start_soon(self.watch, settings, feed, self._pipeline)
                        await self._pipeline.run(over, once=once)
                        nursery.cancel_scope.cancel()
            return self._over is over

    async def _reload(self, running: Settings, succeed: Callable[[Settings], Awaitable[None]]) -> Settings:
        """Read again and let a pipeline on the new settings follow; the settings that hold then."""
        self.is_ready = False
        await self.manager.tell_reloading()
        self._log.info("reading the configuration again")
        try:
            running, told = await self._replace(running, succeed), "running on the configuration read again"
        except ConfigError as error:
            told = "the configuration read again is refused, the old one goes on; see the log"
            for problem in str(error).splitlines():
                self._log.error("configuration refused, the old one goes on", problem=problem)
        await self._tell_ready(told)
        return running

    async def _tell_ready(self, status: str) -> None:
        await self.manager.tell("READY=1", f"STATUS={status}")
        self.is_ready = True

    async def _replace(self, running: Settings, succeed: Callable[[Settings], Awaitable[None]]) -> Settings:
        if self.read is None:
            raise ConfigError("nothing is configured that could be read again")
        found = change(running, await trio.to_thread.run_sync(self.read, abandon_on_cancel=True))
        settings = found.settings
        check_whole(settings)
        secrets = running.secrets() | settings.secrets()
        configure_logs(settings.log, secrets=secrets)
        try:
            await succeed(settings)
        except ConfigError:
            configure_logs(running.log, secrets=secrets)
            raise
        for warning in settings.warnings:
            self._log.warning(warning)
        if found.waiting:
            self._log.warning("changed, but needs a restart", settings=", ".join(found.waiting))
        self._log.info("configuration applied", changed=", ".join(found.applied) or "nothing")
        return settings


async def _pass_on(stop: trio.Event, over: trio.Event) -> None:
    await stop.wait()
    over.set()
