"""Tells a source to forget what the database has committed: never more than is there, each confirm sent once.

Every step observes first: the oldest record of the source must be one we stored, and what is owed is counted from it
up to the first delivery that is not committed. `engine.confirmation` has the arithmetic, and the reasons.
"""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
import trio
from attrs import define, field

from engine.confirmation import Confirmation
from engine.delivery import Mark, Start
from engine.errors import UnavailableError
from engine.ownership import Ownership
from engine.ports import Queue, Source, StartLog
from engine.stats import Stats

CONFIRM_SECONDS = 10.0
FAREWELL_SECONDS = 0.4
ANSWER_SECONDS = 0.5


@define(eq=False)
class Confirmer:
    """Confirms one source for one ownership. Only the engine that owns the source may run it."""

    source: Source
    queue: Queue
    start_log: StartLog
    ownership: Ownership
    account: Confirmation
    stats: Stats
    _starts: list[Start] = field(factory=list, repr=False)
    _pending: int = 0
    _pending_until: float = 0.0
    _is_noted: bool = False
    _front: Mark | None = None
    _stranger: Mark | None = None
    _announced: Mark | None = None
    _log: structlog.stdlib.BoundLogger = field(factory=structlog.get_logger, repr=False)

    def source_was_reset(self) -> None:
        """Observe anew, and hold a reserve: a confirm meant for the old records may still arrive."""
        self._start_anew()

    def _start_anew(self) -> None:
        self._is_noted = False
        self._front = None

    async def _note_start(self) -> bool:
        """Note in the database that this engine now owns the source, or that it was reset; whether that was possible.

        Before any further confirm. What was noted without our knowing could not be noted as ended, and would hold back
        records for as long as the quarantine: once it is under way a soft stop leaves it half a second.
        """
        seconds = self.account.quarantine_seconds
        async with _unhurried(math.inf):
            try:
                start = await self.start_log.record_start(self.source.name, seconds)
            except UnavailableError as error:
                self._tell_of_the_delay(error)
                return False
            self._starts.append(start)
            self._pending, self._pending_until = start.pending, trio.current_time() + seconds
            self._is_noted = True
        return True

    async def farewell(self) -> None:
        """Leave no reserve to the next ownership where no confirm of this one can still arrive."""
        with trio.CancelScope(shield=True, deadline=trio.current_time() + FAREWELL_SECONDS):
            if self.account.own == 0 and self._starts:
                try:
                    await self.start_log.record_end(self._starts)
                except UnavailableError as error:
                    self._log.debug("could not note the end", source=self.source.name, reason=str(error))

    async def run(self, interval_seconds: float) -> None:
        """Settle, wait, again, for ever."""
        while True:
            await self.settle()
            await trio.sleep(interval_seconds)

    async def settle(self) -> None:
        """Confirm what is owed now, page by page, until nothing more may be confirmed."""
        while await self._step():
            pass

    async def _step(self) -> bool:
        """One probe and, where something is owed, one confirm; whether another step is worth while."""
        try:
            if not self._is_noted and not await self._note_start():
                return False
            count = await self._observe()
            if count == 0 or self.ownership.seconds_left() <= CONFIRM_SECONDS:
                return False
            return await self._send(count)
        except UnavailableError as error:
            self._tell_of_the_delay(error)
            return False

    def _tell_of_the_delay(self, error: UnavailableError) -> None:
        """The fetcher waits for the same servers, and says so louder."""
        self._log.debug("no confirm", source=self.source.name, reason=str(error))

    async def _observe(self) -> int:
        """How many to confirm now.

        The start log is asked after the probe. A queue that fell back to an earlier state may have given the source to
        another engine: whoever notes a start later holds a reserve for what was decided before, and only for that.
        """
        asked_at = trio.current_time()  # the probe may miss a confirm that arrives from here on
        front = await self.source.front()
        if front is None:
            return 0
        pending = self._pending if asked_at < self._pending_until else 0
        enough = self.account.enough(pending)
        debt = await self.queue.debt(self.source.name, front, enough, since=self._front)
        if debt is None:
            self._note_stranger(front)
            return 0
        if not await self.start_log.is_latest(self.source.name, self._starts[-1]):
            self._start_anew()
            return 0
        self._front, self._stranger = front, None
        self.stats.source(self.source.name).debt = debt.owed
        self.account.front_moved(debt.moved, asked_at, pending)
        return self.account.allowed(debt.owed, pending)

    def _note_stranger(self, front: Mark) -> None:
        """Say it once, at the second sight: at the first the page it stands on may just not be stored yet."""
        if front == self._stranger and front != self._announced:
            self._announced = front
            self._log.info(
                "oldest record not stored here, confirming nothing", source=self.source.name, seq=front.sequence
            )
        self._stranger = front

    async def _send(self, count: int) -> bool:
        """Send one confirm; once it is under way a soft stop leaves it half a second to be answered."""
        self.account.sending(count, trio.current_time())
        answered = False
        async with _unhurried(CONFIRM_SECONDS):
            answered = await self._confirm(count)
        return answered  # noqa: RET504 - the time may have run out inside

    async def _confirm(self, count: int) -> bool:
        try:
            answered = await self.source.confirm(count)
        except UnavailableError:
            self.account.never_sent()
            return False
        if answered:
            self.account.answered()
            self.stats.confirmed(count)
            self._note_confirmed(count)
            self._log.debug("confirmed", source=self.source.name, records=count)
        else:
            self._log.warning("confirm not answered, holding a reserve", source=self.source.name, records=count)
        return answered

    def _note_confirmed(self, count: int) -> None:
        mine = self.stats.source(self.source.name)
        mine.confirmed += count
        mine.debt = max(0, (mine.debt or 0) - count)


@asynccontextmanager
async def _unhurried(seconds: float) -> AsyncIterator[None]:
    """What is under way inside has so many seconds, and half a one more once it is cancelled. It raises no error."""
    async with trio.open_nursery() as nursery:
        flight = trio.CancelScope(shield=True, deadline=trio.current_time() + seconds)
        nursery.start_soon(_hurry, flight)
        with flight:
            yield
        nursery.cancel_scope.cancel()


async def _hurry(flight: trio.CancelScope) -> None:
    """When this task is cancelled, leave the flight a moment more."""
    try:
        await trio.sleep_forever()
    finally:
        flight.deadline = min(flight.deadline, trio.current_time() + ANSWER_SECONDS)
