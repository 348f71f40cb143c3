"""Where queues live in tests: a store, engines opened on it, and time that passes when a test says so."""

import itertools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from sqlite3 import connect
from typing import Protocol, TypedDict, cast

import trio
from redis import Redis

from adapters.queues import redis, sqlite
from adapters.queues.memory import MemoryQueue, MemoryStore
from engine.delivery import Batch, Cursor, Delivery, Intake, Mark
from engine.ports import Queue
from engine.sighting import Sighting

GARBAGE = b"\x02not a batch"


class QueueWorld(Protocol):
    """One store. `pass_time` makes leases and ownerships older without waiting."""

    has_names: bool
    is_spoilable: bool

    def open(
        self, *, engine_name: str | None = None, lease_seconds: float = 60.0
    ) -> AbstractAsyncContextManager[Queue]: ...

    def pass_time(self, seconds: float) -> None: ...

    def spoil(self, position: int) -> None:
        """Make the payload of the waiting batch at `position` unreadable."""

    def dead_reasons(self) -> Sequence[str]: ...


class MemoryWorld:
    """A memory store on a clock that can be put forward."""

    has_names = False
    is_spoilable = False

    def __init__(self) -> None:
        self._ahead = 0.0
        self._store = MemoryStore(lease_seconds=60, clock=lambda: trio.current_time() + self._ahead)

    @asynccontextmanager
    async def open(self, *, engine_name: str | None = None, lease_seconds: float = 60.0) -> AsyncIterator[Queue]:
        self._store.lease_seconds = lease_seconds
        yield MemoryQueue(self._store)

    def pass_time(self, seconds: float) -> None:
        self._ahead += seconds
        self._store.notify()

    def spoil(self, position: int) -> None:
        raise NotImplementedError

    def dead_reasons(self) -> Sequence[str]:
        return [reason for _, reason in self._store.dead.values()]


class SqliteWorld:
    """A file on a clock that can be put forward."""

    has_names = True
    is_spoilable = True

    def __init__(self, folder: Path) -> None:
        self.path = folder / "queue.db"
        self._ahead = 0.0

    def open(
        self, *, engine_name: str | None = None, lease_seconds: float = 60.0
    ) -> AbstractAsyncContextManager[Queue]:
        def clock() -> float:
            return time.time() + self._ahead

        return sqlite.open_queue(self.path, engine_name=engine_name, lease_seconds=lease_seconds, clock=clock)

    def pass_time(self, seconds: float) -> None:
        self._ahead += seconds

    def spoil(self, position: int) -> None:
        with connect(self.path, isolation_level=None) as file:
            (number,) = file.execute("SELECT id FROM deliveries ORDER BY id LIMIT 1 OFFSET ?", (position,)).fetchone()
            file.execute("UPDATE deliveries SET payload = ? WHERE id = ?", (GARBAGE, number))
        file.close()

    def dead_reasons(self) -> Sequence[str]:
        with connect(self.path) as file:
            reasons = [reason for (reason,) in file.execute("SELECT reason FROM dead_letters")]
        file.close()
        return reasons


class Pending(TypedDict):
    """An entry that is on lease, delayed or released."""

    message_id: bytes
    consumer: bytes
    time_since_delivered: int


class RedisWorld:
    """A queue of its own on a private server; time passes by making pending entries and keys older."""

    has_names = True
    is_spoilable = True
    _numbers = itertools.count(1)

    def __init__(self, url: str, client: Redis) -> None:
        self.url = url
        self.client = client
        self.queue_name = f"q{next(self._numbers)}"
        self.prefix = f"{{botnet:{self.queue_name}}}"
        self.stream = f"{self.prefix}:stream"

    def open(
        self, *, engine_name: str | None = None, lease_seconds: float = 60.0
    ) -> AbstractAsyncContextManager[Queue]:
        return redis.open_queue(
            self.url, queue_name=self.queue_name, engine_name=engine_name, lease_seconds=lease_seconds
        )

    def pass_time(self, seconds: float) -> None:
        milliseconds = round(seconds * 1000)
        for name, consumer, idle in self.pending():
            self.client.xclaim(self.stream, "engines", consumer, 0, [name], idle=idle + milliseconds, justid=True)
        for key in cast("list[bytes]", self.client.keys(f"{self.prefix}:owner:*")):
            left = self.client.pttl(key) - milliseconds
            self.client.pexpire(key, left)

    def pending(self) -> list[tuple[bytes, bytes, int]]:
        """Entry, consumer and idle milliseconds of all that is on lease, delayed or released."""
        found = cast("list[Pending]", self.client.xpending_range(self.stream, "engines", "-", "+", 100000))
        return [(each["message_id"], each["consumer"], each["time_since_delivered"]) for each in found]

    def spoil(self, position: int) -> None:
        """Replace the entry by one that cannot be read, under the only number a stream takes: the next."""
        self.client.xadd(self.stream, {"batch": GARBAGE, "source": "s", "first": "1"})

    def dead_reasons(self) -> Sequence[str]:
        entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", self.client.xrange(f"{self.prefix}:dead"))
        return [fields[b"reason"].decode() for _, fields in entries]


def sighting(number: int) -> Sighting:
    """The record with this number."""
    return Sighting(f"10.0.{number // 256 % 256}.{number % 256}", "2026-11-23 10:00:00", number, event_type="callback")


def mark(number: int) -> Mark:
    """Number and fingerprint of that record."""
    return Mark(number, number * 7919 % 2**32)


def page(
    start: Cursor, numbers: Sequence[int], *, source: str = "s", epoch: int | None = None, each: int = 1
) -> Intake:
    """An intake of these records, `each` of them in a batch, from `start` to the last of them."""
    epoch = start.epoch if epoch is None else epoch
    end = Cursor(epoch, *mark(numbers[-1])) if numbers else start._replace(epoch=epoch)
    batches = [
        Batch(
            source, epoch, part[0], part[-1], index, "2026-11-23 10:00:01", "mirai", [sighting(one) for one in part], []
        )
        for index, part in enumerate(numbers[at : at + each] for at in range(0, len(numbers), each))
    ]
    return Intake(source, start, end, batches, [mark(number) for number in numbers])


def records(deliveries: Sequence[Delivery]) -> list[int]:
    """The numbers of all records in these deliveries, in order."""
    return [each.sequence for delivery in deliveries for each in delivery.batch.sightings]
