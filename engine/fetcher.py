"""Brings the pages of one source into the queue: one page, put with its cursor, wait."""

from collections.abc import Callable

import structlog
import trio
from attrs import Factory, define, field, frozen

from engine.acceptance import Rules
from engine.delivery import Cursor, Page
from engine.intake import prepare
from engine.outage import Outage
from engine.ports import Queue, Source
from engine.stats import SourceStats, Stats

FULL_QUEUE_POLL_SECONDS = 0.2


@frozen
class Pace:
    """How much a fetcher takes at once and how long it waits. The watermarks count batches in the queue."""

    batch_size: int
    interval_seconds: float
    high_watermark: int
    low_watermark: int


@define(eq=False)
class Fetcher:
    """Fetches one source.

    `on_reset` is called when the source turned out to have been reset, before its page is put.
    """

    source: Source
    queue: Queue
    rules: Rules
    pace: Pace
    stats: Stats
    source_outage: Outage
    queue_outage: Outage
    _mine: SourceStats = field(
        init=False, default=Factory(lambda self: self.stats.source(self.source.name), takes_self=True)
    )
    _log: structlog.stdlib.BoundLogger = field(factory=structlog.get_logger, repr=False)

    async def run(self, on_reset: Callable[[], None]) -> None:
        """Fetch for ever."""
        while True:
            await self.catch_up(on_reset)
            await trio.sleep(self.pace.interval_seconds)

    async def catch_up(self, on_reset: Callable[[], None]) -> None:
        """Fetch until the source has nothing more for now."""
        await self._fetch_all(on_reset)
        self._mine.busy.turn("waiting")

    async def _fetch_all(self, on_reset: Callable[[], None]) -> None:
        cursor = await self._cursor()
        while True:
            await self._wait_for_room()
            self._mine.busy.turn("fetching")
            page = await self.source_outage.wait_for(self.source.fetch, cursor)
            if page.end.epoch != page.start.epoch:
                on_reset()
            if not page.records and page.end == page.start:
                return
            if not await self._put(page):
                cursor = await self._cursor()
                continue
            if not page.more or page.end == page.start:
                return
            cursor = page.end

    async def _cursor(self) -> Cursor:
        cursor = await self.queue_outage.wait_for(self.queue.cursor, self.source.name)
        self._mine.cursor = cursor
        return cursor

    async def _put(self, page: Page) -> bool:
        self._mine.busy.turn("storing")
        intake = prepare(page, self.rules, self.pace.batch_size)
        stored = await self.queue_outage.wait_for(self.queue.put, intake)
        if stored:
            self.stats.fetched(len(page.records))
            self._mine.stored(intake, page.received_at)
            self._log.debug("fetched", source=page.source, records=len(page.records), seq=page.end.sequence)
        else:
            self._log.info("page refused, the cursor moved elsewhere", source=page.source, seq=page.start.sequence)
        return stored

    async def _wait_for_room(self) -> None:
        """Above the high watermark, wait for the low one: nothing is dropped, the records stay at their source."""
        depth = await self.queue_outage.wait_for(self.queue.depth)
        if depth < self.pace.high_watermark:
            return
        self._mine.busy.turn("paused")
        self._log.info("queue is full, pausing", source=self.source.name, batches=depth)
        while depth > self.pace.low_watermark:
            await trio.sleep(FULL_QUEUE_POLL_SECONDS)
            depth = await self.queue_outage.wait_for(self.queue.depth)
        self._log.info("queue has room again", source=self.source.name, batches=depth)
