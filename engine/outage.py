"""Waiting for somebody who is away: as long as it takes, and saying so once when it goes and once when it returns."""

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import ParamSpec, TypeVar

import structlog
import trio
from attrs import define, field

from engine.backoff import delays
from engine.errors import UnavailableError

P = ParamSpec("P")
R = TypeVar("R")


@define(eq=False)
class Outage:
    """Everything that all tasks together know about one server being away.

    One instance a server, shared by every task that calls it. An outage begins with the first call that fails and ends
    when none waits any more: a server that takes some calls, and one of them never, is said to be back by nobody.
    `reason` is why the last call that failed did.
    """

    what: str
    since: float | None = None
    reason: str | None = None
    _waiting: int = 0
    _one_came_through: trio.Event = field(factory=trio.Event, repr=False)
    _log: structlog.stdlib.BoundLogger = field(factory=structlog.get_logger, repr=False)

    async def wait_for(self, call: Callable[P, Awaitable[R]], *args: P.args, **kwargs: P.kwargs) -> R:
        """Make the call until it is answered.

        Only UnavailableError is waited for; whatever else it raises is raised.
        """
        try:
            return await call(*args, **kwargs)
        except UnavailableError as error:
            self._begin(error)
        self._waiting += 1
        try:
            answer = await self._again(partial(call, *args, **kwargs))
        except Exception:
            self._end_of_one()
            raise
        except BaseException:  # it was given up: nobody knows
            self._waiting -= 1
            if not self._waiting:
                self.since = None
            raise
        self._end_of_one()
        return answer

    async def _again(self, call: Callable[[], Awaitable[R]]) -> R:
        """Call with growing pauses; what comes through for another caller ends a pause."""
        for delay in delays(random.random):
            with trio.move_on_after(delay):
                await self._one_came_through.wait()
            with suppress(UnavailableError):
                return await call()
        raise AssertionError("delays are endless")  # pragma: no cover

    def _begin(self, error: UnavailableError) -> None:
        self.reason = str(error)
        if self.since is None:
            self.since = trio.current_time()
            self._log.warning("unavailable, waiting", what=self.what, reason=str(error))

    def _end_of_one(self) -> None:
        self._waiting -= 1
        self._one_came_through.set()
        self._one_came_through = trio.Event()
        if not self._waiting and self.since is not None:
            seconds = round(trio.current_time() - self.since, 1)
            self.since = None
            self._log.info("available again", what=self.what, outage_seconds=seconds)
