"""Stops pulling while the database has too many dead letters: none is dropped, and records stay at their source."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
import trio
from attrs import define, field

from engine.delivery import Cursor, Mark, Page
from engine.errors import UnavailableError
from engine.ports import Source

LOOK_SECONDS = 30.0
PATIENCE_SECONDS = 2.0


@define(eq=False)
class CappedSource:
    """A source that is unavailable for pulling while there are `limit` dead letters.

    `count(limit)` counts them, up to the limit; it is asked every LOOK_SECONDS. A database that does not answer in
    PATIENCE_SECONDS stops nothing: the queue is there to bridge that. What is already queued may go beyond the limit.
    """

    source: Source
    count: Callable[[int], Awaitable[int]]
    limit: int
    _is_full: bool = False
    _look_again_at: float = field(default=float("-inf"), repr=False)
    _said: bool = False
    _log: structlog.stdlib.BoundLogger = field(factory=structlog.get_logger, repr=False)

    @property
    def name(self) -> str:
        """See `engine.ports.Source`, here and below."""
        return self.source.name

    @property
    def newest(self) -> int | None:
        return self.source.newest

    async def fetch(self, cursor: Cursor) -> Page:
        if self._is_full or trio.current_time() >= self._look_again_at:
            await self._look()
        if self._is_full:
            raise UnavailableError(
                f"the database holds {self.limit} dead letters (acceptance.dead_letter_limit), nothing is pulled:"
                " look at the table dead_letters, mend the cause, and settle or delete some"
            )
        return await self.source.fetch(cursor)

    async def front(self) -> Mark | None:
        return await self.source.front()

    async def confirm(self, count: int) -> bool:
        return await self.source.confirm(count)

    async def _look(self) -> None:
        with trio.move_on_after(PATIENCE_SECONDS) as patience, suppress(UnavailableError):
            self._is_full = await self.count(self.limit) >= self.limit
        if patience.cancelled_caught and not self._said:
            self._said = True
            self._log.warning(
                "dead letters could not be counted in time, acceptance.dead_letter_limit is not kept meanwhile",
                source=self.name,
                seconds=PATIENCE_SECONDS,
            )
        self._look_again_at = trio.current_time() + LOOK_SECONDS
