"""Everything that works for one source, for as long as this engine owns it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio
from attrs import frozen

from engine.confirmer import Confirmer
from engine.fetcher import Fetcher
from engine.ownership import Ownership
from engine.stats import STANDING_BY


@frozen
class SourceLine:
    """A fetcher and, beside it, a confirmer.

    `open_confirmer` makes one a time: its account belongs to one ownership.
    """

    fetcher: Fetcher
    ownership: Ownership
    open_confirmer: Callable[[Ownership], Confirmer]

    @property
    def name(self) -> str:
        """The source's name."""
        return self.fetcher.source.name

    async def run(self) -> None:
        """Fetch and confirm for ever, whenever this engine owns the source."""
        while True:
            async with self._owning() as confirmer:
                await self.fetcher.run(confirmer.source_was_reset)

    async def run_once(self, drained: Callable[[], Awaitable[None]]) -> None:
        """Fetch until nothing is new, wait until the queue is empty, and confirm what is owed."""
        async with self._owning() as confirmer:
            await self.fetcher.catch_up(confirmer.source_was_reset)
            await drained()

    @asynccontextmanager
    async def _owning(self) -> AsyncIterator[Confirmer]:
        async with self.ownership.owned():
            confirmer = self.open_confirmer(self.ownership)
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(confirmer.run, self.fetcher.pace.interval_seconds)
                    yield confirmer
                    nursery.cancel_scope.cancel()
                await confirmer.settle()
            finally:
                self.fetcher.stats.source(self.name).busy.turn(STANDING_BY)
                await confirmer.farewell()
