"""The queue in Redis: a stream with one consumer group, cursors and marks beside it, every step one script.

`scripts` says how a lease, an attempt and a delay are kept there.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog
import trio
from attrs import define, field
from redis.exceptions import RedisError

from adapters.formats import check_format, is_newer
from adapters.queues import marks, scripts
from adapters.queues.aio import RedisServer, open_server
from adapters.queues.codec import CLAIM_SIZE, UndecodableError, decode, encode
from adapters.queues.holdings import Holdings
from adapters.queues.identity import Identity
from adapters.queues.receipts import receipt_of
from adapters.queues.redis_checks import FORMAT, check_server, durability_warnings, format_of
from adapters.queues.redis_client import Limits
from adapters.queues.redis_errors import is_lost_group, refusals_as_config_errors
from adapters.queues.redis_keys import Keys
from engine.delivery import Batch, Cursor, Debt, Delivery, Intake, Mark
from engine.errors import UnavailableError

POLL_SECONDS = 0.25
"""How soon a waiting claim sees a delivery that came back; a new one wakes it at once."""

FORGOTTEN_SECONDS = 3600
"""How long an engine that holds nothing may be silent before its consumer is removed."""

Taken = tuple[bytes, int, bytes]

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


@define(eq=False)
class RedisQueue:
    """One engine on the queue.

    A claim that was interrupted may have been carried out: the next one first gives back what is booked as ours and
    not in hand. It does so under a new *generation*, which makes a claim of an older one, that still lies in some
    buffer, take nothing when it arrives.
    """

    _server: RedisServer
    _keys: Keys
    _instance: str
    _lease_ms: int
    _holdings: Holdings = field(factory=lambda: Holdings(in_doubt=True), repr=False)
    _generation: int = 0
    _claiming: trio.Lock = field(factory=trio.Lock, repr=False)

    async def acquire(self, source: str, seconds: float) -> bool:
        """See `engine.ports.Queue`, here and below."""
        keys = [self._keys.owner(source)]
        return bool(await self._server.run(int, scripts.ACQUIRE, keys, self._instance, max(1, round(seconds * 1000))))

    async def resign(self, source: str) -> None:
        await self._server.run(int, scripts.RESIGN, [self._keys.owner(source)], self._instance)

    async def cursor(self, source: str) -> Cursor:
        (stored,) = await self._server.ask(list[bytes | None], "HMGET", self._keys.cursors, source)
        return Cursor() if stored is None else Cursor(*map(int, stored.split(b":")))

    async def put(self, intake: Intake) -> bool:
        first_mark = intake.marks[0].sequence if intake.marks else 0
        batches = [part for batch in intake.batches for part in (batch.first, encode(batch), receipt_of(batch))]
        stored = await self._server.run(
            int,
            scripts.PUT,
            self._keys.of_source(intake.source),
            intake.source,
            ":".join(map(str, intake.start)),
            ":".join(map(str, intake.end)),
            self._instance,
            int(intake.start.epoch != intake.end.epoch),
            first_mark,
            marks.pack(intake.marks),
            *batches,
        )
        return bool(stored)

    async def claim(self, limit: int, wait_seconds: float) -> Sequence[Delivery]:
        until = trio.current_time() + wait_seconds
        while True:
            last_id, deliveries = await self._take(limit)
            left = until - trio.current_time()
            if deliveries or left <= 0:
                return deliveries
            # Reading without the group owns nothing: it can be cancelled, it only wakes us.
            milliseconds = max(1, round(min(left, POLL_SECONDS) * 1000))
            stream = self._keys.stream
            await self._server.ask(object, "XREAD", "COUNT", 1, "BLOCK", milliseconds, "STREAMS", stream, last_id)

    async def _take(self, limit: int) -> tuple[bytes, list[Delivery]]:
        async with self._claiming:
            with self._holdings.doubting():
                last_id, taken = await self._claim_now(limit)
                deliveries = []
                for raw_name, attempt, batch in taken:
                    name = raw_name.decode()
                    try:
                        deliveries.append(Delivery(name, attempt, await self._read(name, batch)))
                    except UndecodableError as error:
                        if said := is_newer("the queue", await format_of(self._server, self._keys), FORMAT):
                            raise UnavailableError(said) from error
                        await self._bury(name, attempt, str(error))
                        _log.warning(
                            "delivery cannot be read, now a dead letter of the queue", delivery=name, reason=str(error)
                        )
            self._holdings.take(deliveries)
        return last_id, deliveries

    async def _read(self, name: str, payload: bytes) -> Batch:
        """Decode a batch. Raises UndecodableError only where Redis gives the same bytes twice, or has them no more."""
        try:
            return decode(payload)
        except UndecodableError:
            stream = self._keys.stream
            entries = await self._server.ask(list[tuple[bytes, dict[bytes, bytes]]], "XRANGE", stream, name, name)
            again = entries[0][1].get(b"batch") if entries else None
            if again in (None, payload):
                raise
        raise UnavailableError(f"Redis: delivery {name} was damaged on the way")

    async def _claim_now(self, limit: int) -> tuple[bytes, list[Taken]]:
        for _ in range(2):
            if self._holdings.in_doubt:
                await self._reconcile()
            try:
                is_current, last_id, taken = await self._server.run(
                    tuple[int, bytes, list[Taken]],
                    scripts.CLAIM,
                    [self._keys.stream, self._keys.generations],
                    self._instance,
                    self._generation,
                    limit,
                    self._lease_ms,
                    CLAIM_SIZE,
                    *self._holdings.held,
                )
            except RedisError as error:
                if not is_lost_group(error):
                    raise
                is_current = False
            if is_current:
                return last_id, taken
            self._holdings.in_doubt = True  # Redis was emptied
        raise UnavailableError("Redis loses the queue's consumer group as soon as it is made")

    async def _reconcile(self) -> None:
        """Give back, uncounted, what is booked as ours and not in hand; refuse claims that are still under way."""
        self._generation += 1
        keys = [self._keys.stream, self._keys.generations]
        known = self._holdings.known
        self._holdings.in_doubt = False  # whatever interrupts from here on raises the doubt again
        await self._server.run(int, scripts.RECONCILE, keys, self._instance, self._generation, *known)

    async def renew(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        ids = [delivery.id for delivery in deliveries]
        answer = await self._server.run(list[bytes], scripts.RENEW, [self._keys.stream], self._instance, *ids)
        kept = [delivery for delivery in deliveries if delivery.id.encode() in answer]
        self._holdings.keep_of(deliveries, kept)
        return kept

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        keys = [self._keys.stream, *(self._keys.outstanding(delivery.batch.source) for delivery in deliveries)]
        with self._holdings.settling(deliveries):
            await self._server.run(int, scripts.ACK, keys, *(delivery.id for delivery in deliveries))

    async def nack(self, delivery: Delivery, delay_seconds: float) -> None:
        idle = self._lease_ms - min(self._lease_ms, round(delay_seconds * 1000))
        with self._holdings.settling([delivery]):
            await self._server.run(
                int, scripts.NACK, [self._keys.stream], self._instance, delivery.id, delivery.attempt, idle
            )

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        self._holdings.drop(deliveries)
        released = [part for delivery in deliveries for part in (delivery.id, delivery.attempt)]
        with self._holdings.doubting():
            await self._server.run(int, scripts.RELEASE, [self._keys.stream], self._instance, *released)

    async def dead_letter(self, delivery: Delivery, reason: str) -> None:
        with self._holdings.settling([delivery]):
            await self._bury(delivery.id, delivery.attempt, reason)

    async def _bury(self, name: str, attempt: int, reason: str) -> None:
        keys = [self._keys.stream, self._keys.dead]
        await self._server.run(int, scripts.DEAD_LETTER, keys, self._instance, name, attempt, reason)

    async def depth(self) -> int:
        return await self._server.ask(int, "XLEN", self._keys.stream)

    async def debt(self, source: str, front: Mark, limit: int, since: Mark | None = None) -> Debt | None:
        keys = [self._keys.marks(source), self._keys.outstanding(source)]
        lowest, *chunks = await self._server.run(
            list[bytes],
            scripts.DEBT,
            keys,
            marks.forgettable_before(front, since),
            marks.base_of(front, since),
            front.sequence,
            max(1, limit),
            marks.MARK_SIZE,
        )
        watermark = int(lowest) - 1 if lowest else None
        return marks.count_debt(chunks, front, since, watermark, limit)

    async def durability_warnings(self) -> Sequence[str]:
        """What of this server would lose the queue: a line each, with what mends it."""
        return await durability_warnings(self._server)

    async def join(self, family: str | None, *, forgotten_seconds: float = FORGOTTEN_SECONDS) -> None:
        """Come back under the name of `family`: what its earlier starts held is claimable at once, and counts.

        Consumers that hold nothing, and have been silent for `forgotten_seconds`, are removed. Raises ConfigError, and
        touches nothing, where a newer engine has made the queue one of its own.
        """
        keys = [self._keys.stream, self._keys.generations, self._keys.format]
        idle = round(forgotten_seconds * 1000)
        found = await self._server.run(int, scripts.JOIN, keys, family or "", idle, FORMAT)
        check_format(f"queue.url: queue {self._keys.queue_name}", found, FORMAT)


@asynccontextmanager
async def open_queue(
    url: str,
    *,
    queue_name: str = "default",
    engine_name: str | None = None,
    lease_seconds: float = 60.0,
    limits: Limits | None = None,
) -> AsyncIterator[RedisQueue]:
    """Open the queue `queue_name` of the Redis at `url`.

    Under the same `engine_name` an engine first gets back what it held when it died. Raises ConfigError where the
    server or its user cannot work, UnavailableError where the server is away.
    """
    identity = Identity.new(engine_name)
    async with open_server(url, limits or Limits()) as server:
        queue = RedisQueue(server, Keys(queue_name), identity.instance, round(lease_seconds * 1000))
        with refusals_as_config_errors():
            await check_server(server)
            await queue.join(identity.family)
        yield queue
