"""Waiting for somebody who is away: as long as it takes, and saying so once when it goes and once when it returns."""

import random
from collections.abc import Awaitable, Callable
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

    One instance a server, shared by every task that calls it: the first to fail says it, the first to succeed ends it.
    """

    what: str
    since: float | None = None
    reason: str = ""
    _log: structlog.stdlib.BoundLogger = field(factory=structlog.get_logger, repr=False)

    async def wait_for(self, call: Callable[P, Awaitable[R]], *args: P.args, **kwargs: P.kwargs) -> R:
        """Make the call until it is answered.

        Only UnavailableError is waited for; whatever else it raises is raised.
        """
        for delay in delays(random.random):
            try:
                answer = await call(*args, **kwargs)
            except UnavailableError as error:
                self.failed(error)
                await trio.sleep(delay)
            else:
                self.answered()
                return answer
        raise AssertionError("delays are endless")  # pragma: no cover

    def failed(self, error: UnavailableError) -> None:
        """Note a failure; the first of an outage is logged."""
        self.reason = str(error)
        if self.since is None:
            self.since = trio.current_time()
            self._log.warning("unavailable, waiting", what=self.what, reason=self.reason)

    def answered(self) -> None:
        """Note an answer; the one that ends an outage is logged, with how long it lasted."""
        if self.since is not None:
            seconds = round(trio.current_time() - self.since, 1)
            self.since, self.reason = None, ""
            self._log.info("available again", what=self.what, outage_seconds=seconds)
