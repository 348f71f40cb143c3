"""One writer of a MySQL database: each write tried again where that is safe, refused where it is hopeless."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import pymysql
import trio
from pymysql.constants import CR, ER

from adapters.sinks.connection import Session
from adapters.sinks.mysql_errors import Trouble, classify
from adapters.sinks.mysql_writer import Finish, nothing_more
from adapters.sinks.wire import Wire, error_code
from engine.delivery import Batch, Written
from engine.errors import RejectedError
from engine.sighting import Facts

if TYPE_CHECKING:
    from adapters.sinks.mysql import MysqlDatabase

ATTEMPTS = 8
_SHORTEST_PAUSE_SECONDS = 0.01
_LONGEST_PAUSE_SECONDS = 1.0
_PROBE_SECONDS = 5.0
_SUSPICIOUS_SIZE = 64 * 1024
_ROW_SIZE = 150
T = TypeVar("T")


class MysqlSink:
    """One writer: a connection of its own, opened at the first write and again whenever it is lost."""

    def __init__(self, database: "MysqlDatabase", session: Session) -> None:
        self._database = database
        self._session = session
        self._suspect: Sequence[str] | None = None

    def __repr__(self) -> str:
        return f"<MysqlSink {self._session!r}>"

    async def write(
        self, batches: Sequence[Batch], facts: Mapping[str, Facts], finish: Finish = nothing_more
    ) -> Sequence[Written]:
        """Write in one transaction: see `engine.ports.Sink`. `finish` is part of it, and may undo it."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                written = await self._session.run(lambda wire: self._database.write(wire, batches, facts, finish))
            except (pymysql.err.Error, OSError) as error:
                await self._recover(error, batches, attempt)
            else:
                self._suspect = None
                return written
        raise AssertionError("the last attempt returns or raises")

    async def settle(self, work: Callable[[Wire], T]) -> T:
        """Run a transaction that is no write, again where it met another. Raises the engine's errors."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._session.run(work)
            except (pymysql.err.Error, OSError) as error:
                if not await _pause(error, attempt):
                    raise self._database.translate(error) from error
        raise AssertionError("the last attempt returns or raises")

    async def _recover(self, error: Exception, batches: Sequence[Batch], attempt: int) -> None:
        """Return when the batches may be tried again at once; raise the engine's error otherwise."""
        code = error_code(error)
        if code in {ER.NO_SUCH_TABLE, ER.BAD_FIELD_ERROR}:
            self._database.forget(batches[0].botnet_type)
            if attempt == 1:
                return
        if await _pause(error, attempt):
            return
        if code in {CR.CR_SERVER_GONE_ERROR, CR.CR_SERVER_LOST} and await self._is_too_big(batches):
            size = sum(batch.size for batch in batches)
            raise RejectedError(f"the server hangs up on these {size} records, twice, and takes others") from error
        raise self._database.translate(error) from error

    async def _is_too_big(self, batches: Sequence[Batch]) -> bool:
        """Whether these batches are why the connection was lost: twice in a row, while the server answers.

        A packet larger than something on the way allows shows as a lost connection. Batches that no limit could
        concern are never suspected: their connection was lost for another reason, however often.
        """
        names = [batch.name for batch in batches]
        again, self._suspect = self._suspect == names, None
        if sum(map(_weight, batches)) < _SUSPICIOUS_SIZE:
            return False
        with trio.move_on_after(_PROBE_SECONDS):
            try:
                await self._session.run(lambda wire: wire.number("SELECT 1"))
            except (pymysql.err.Error, OSError):
                return False
            self._suspect = None if again else names
            return again
        return False


def _weight(batch: Batch) -> int:
    """About how many bytes a batch has on its way to the server."""
    return _ROW_SIZE * len(batch.sightings) + sum(2 * len(rejected.original) for rejected in batch.rejected)


async def _pause(error: Exception, attempt: int) -> bool:
    """Wait a moment after an error that passes by itself; False after every other, and after the last attempt."""
    if classify(error_code(error)) is not Trouble.TRANSIENT or attempt == ATTEMPTS:
        return False
    longest = min(_LONGEST_PAUSE_SECONDS, _SHORTEST_PAUSE_SECONDS * 2**attempt)
    # Spreading writers out, not a secret.
    await trio.sleep(random.uniform(_SHORTEST_PAUSE_SECONDS, longest))  # noqa: S311
    return True
