"""The nurseries: workforce outside, intake inside, so that the nesting is the order of shutdown.

A soft stop cancels the intake (fetchers, confirmers, leasing), which closes the channel; the workers finish what is in
hand within the grace time; what is left is released to the queue.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

import trio
from attrs import define

from engine.delivery import Delivery
from engine.leasing import Leasing
from engine.ports import Sink
from engine.source_line import SourceLine
from engine.worker import Worker

IDLE_POLL_SECONDS = 0.02


@define(eq=False)
class Pipeline:
    """A run of the engine: lines bring in, workers bring out.

    Either may be missing, for a split over several processes. `most_at_once` is how many workers may have work at the
    same time; None: all.
    """

    lines: Sequence[SourceLine]
    workers: Sequence[Worker]
    open_sink: Callable[[], AbstractAsyncContextManager[Sink]]
    leasing: Leasing
    grace_seconds: float
    most_at_once: int | None = None

    @property
    def at_once(self) -> int:
        """How many workers may have work at the same time; 1 without any."""
        workers = max(1, len(self.workers))
        return workers if self.most_at_once is None else min(workers, self.most_at_once)

    async def run(self, stop: trio.Event, *, once: bool = False) -> None:
        """Run until `stop` is set, or with `once` until every source has nothing new and the queue is empty."""
        try:
            async with trio.open_nursery() as keeping:
                keeping.start_soon(self.leasing.renew)
                await self._work(stop, once=once)
                keeping.cancel_scope.cancel()
        finally:
            await self.leasing.release_all()

    async def _work(self, stop: trio.Event, *, once: bool) -> None:
        send, receive = trio.open_memory_channel[Sequence[Delivery]](0)
        seats = trio.CapacityLimiter(self.at_once)
        async with trio.open_nursery() as workforce:
            async with receive:
                for worker in self.workers:
                    workforce.start_soon(self._employ, worker, receive.clone(), seats)
            async with trio.open_nursery() as intake:
                intake.start_soon(self._claim, send)
                intake.start_soon(self._bring_in, stop, once)
                await stop.wait()
                workforce.cancel_scope.deadline = trio.current_time() + self.grace_seconds
                intake.cancel_scope.cancel()

    async def _employ(
        self, worker: Worker, groups: trio.MemoryReceiveChannel[Sequence[Delivery]], seats: trio.CapacityLimiter
    ) -> None:
        async with self.open_sink() as sink:
            await worker.run(sink, groups, seats)

    async def _claim(self, send: trio.MemorySendChannel[Sequence[Delivery]]) -> None:
        if self.workers:
            await self.leasing.claim_into(send)
        send.close()

    async def _bring_in(self, stop: trio.Event, once: bool) -> None:  # noqa: FBT001 - started by a nursery
        async with trio.open_nursery() as bringing:
            for line in self.lines:
                if once:
                    bringing.start_soon(line.run_once, self._drained)
                else:
                    bringing.start_soon(line.run)
        if once:
            await self._drained()
            stop.set()

    async def _drained(self) -> None:
        """Wait until the workers have settled everything; at once where there are none."""
        leasing = self.leasing
        while self.workers and await leasing.outage.wait_for(leasing.queue.depth) > 0:  # noqa: ASYNC110 - other engines settle too
            await trio.sleep(IDLE_POLL_SECONDS)
