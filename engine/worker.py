"""Deliveries -> enrich -> sink -> settle: what happens to batches, and to the one bad record in them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from itertools import chain
from operator import itemgetter

import structlog
import trio
from attrs import Factory, define, evolve, field, frozen

from engine.delivery import Batch, Delivery, Trial, Written
from engine.enrichment import Enrichment
from engine.errors import RejectedError
from engine.leasing import Leasing
from engine.outage import Outage
from engine.ports import Sink
from engine.sighting import Facts, Rejected
from engine.stats import Stats, WorkerStats
from engine.trials import Trials

DEADLY_TRIALS = 2
"""How often an engine must have died of the same record, tried alone, before it is buried: once may be an accident."""
LINES = 10
"""A transaction of more deliveries has one line of log for all of them, not one each: a line costs as much as all else
that is done for a small delivery, twice over. The ledger names every batch."""


@frozen
class Trying:
    """How a worker goes about failures. `db_batch_size` None: a delivery is one transaction."""

    max_retries: int
    retry_delay_seconds: float
    db_batch_size: int | None = None


@frozen
class Outages:
    """What is known of the servers a worker depends on; shared by all workers."""

    queue: Outage
    lookup: Outage
    database: Outage


@define(eq=False)
class Worker:
    """One worker: one group of deliveries at a time, from the channel to the database.

    `concurrent` is how many look-ups it makes at once.
    """

    name: str
    leasing: Leasing
    trials: Trials
    enrichment: Enrichment
    concurrent: int
    trying: Trying
    outages: Outages
    stats: Stats
    _mine: WorkerStats = field(init=False, default=Factory(lambda self: self.stats.worker(self.name), takes_self=True))
    _log: structlog.stdlib.BoundLogger = field(factory=structlog.get_logger, repr=False)

    async def run(
        self, sink: Sink, groups: trio.MemoryReceiveChannel[Sequence[Delivery]], seats: trio.CapacityLimiter
    ) -> None:
        """Work until the channel is closed and empty, whenever there is a seat."""
        self._log.info("worker started", worker=self.name)
        self._mine.busy.turn("idle")
        async with groups:
            while True:
                async with seats:
                    try:
                        group = await groups.receive()
                    except trio.EndOfChannel:
                        return
                    await self._handle_group(sink, group)
                    self._mine.busy.turn("idle")

    async def _handle_group(self, sink: Sink, group: Sequence[Delivery]) -> None:
        if len(group) == 1 or not await self._handle_together(sink, group):
            for delivery in group:
                await self._handle(sink, delivery)

    async def _handle_together(self, sink: Sink, group: Sequence[Delivery]) -> bool:
        """Write deliveries in one transaction; False where that is refused, and nothing has happened."""
        began = trio.current_time()
        batches = [delivery.batch for delivery in group]
        try:
            async with self.trials.in_company():
                facts = await self._facts(batches)
                self._mine.busy.turn("writing")
                written = await self.outages.database.wait_for(sink.write, batches, facts)
        except RejectedError as refusal:
            self._log.info("refused together, trying one by one", deliveries=len(group), reason=refusal.reason)
            return False
        self.stats.saw(batches, facts)
        await self._done(group, written, began)
        return True

    async def _done(self, group: Sequence[Delivery], written: Sequence[Written], began: float) -> None:
        self._mine.busy.turn("settling")
        await self.outages.queue.wait_for(self.leasing.queue.ack, group)
        seconds = trio.current_time() - began
        for delivery, one in zip(group, written, strict=True):
            self.stats.settled(delivery.batch, one)
            self._mine.received += delivery.batch.size
            self.leasing.settled(delivery)
        self._report(group, written, seconds)

    async def _handle(self, sink: Sink, delivery: Delivery) -> None:
        began = trio.current_time()
        try:
            written = await self._write_delivery(sink, delivery)
        except _LaterError as later:
            await self.outages.queue.wait_for(self.leasing.queue.nack, delivery, self.trying.retry_delay_seconds)
            self._log.warning("batch failed, trying again later", **self._about(delivery), reason=str(later))
        except RejectedError as refusal:
            await self.outages.queue.wait_for(self.leasing.queue.dead_letter, delivery, refusal.reason)
            self._log.error(
                "not even its dead letters can be stored, moved to the queue's own", **self._about(delivery)
            )
        else:
            await self._done([delivery], [written], began)
        self.leasing.settled(delivery)

    async def _write_delivery(self, sink: Sink, delivery: Delivery) -> Written:
        if delivery.attempt > self.trying.max_retries:
            async with self.trials.alone():
                return await self._write_one_by_one(sink, delivery)
        async with self.trials.in_company():
            facts = await self._facts([delivery.batch])
            total = Written()
            for piece in pieces(delivery.batch, self.trying.db_batch_size):
                total = total.plus(await self._write(sink, piece, facts, delivery.attempt))
            self.stats.saw([delivery.batch], facts)
            return total

    async def _write_one_by_one(self, sink: Sink, delivery: Delivery) -> Written:
        """Try each record on its own, noting it before: the one an engine keeps dying of is buried alone."""
        name, patiently = delivery.batch.name, self.outages.database.wait_for
        deaths = delivery.attempt - self.trying.max_retries - 1  # since it is tried this way; a soft stop is none
        self._log.warning("delivery keeps failing, trying it record by record", **self._about(delivery))
        before = await patiently(self.trials.log.last_trial, name)
        total = Written()
        for place, record in enumerate(pieces(delivery.batch, 1)):
            times = before.times if before is not None and before.record == place else 0
            if before is None or place >= before.record:
                await patiently(self.trials.log.begin_trial, name, Trial(place, times + 1))
            if min(times, deaths) >= DEADLY_TRIALS and record.sightings:
                piece = bury(record, "the engine died whenever it was tried", delivery.attempt)
            else:
                piece = record
            total = total.plus(await self._write(sink, piece, await self._facts([piece]), delivery.attempt))
        await patiently(self.trials.log.end_trials, name)
        return total

    async def _facts(self, batches: Sequence[Batch]) -> Mapping[str, Facts]:
        self._mine.busy.turn("enriching")
        ips = set(chain.from_iterable(map(itemgetter(0), batch.sightings) for batch in batches))
        return await self.outages.lookup.wait_for(self.enrichment.facts, ips, self.concurrent)

    async def _write(self, sink: Sink, batch: Batch, facts: Mapping[str, Facts], attempt: int) -> Written:
        """Write a batch; where it is refused, halve it until the bad record is alone, and bury that one."""
        self._mine.busy.turn("writing")
        try:
            (written,) = await self.outages.database.wait_for(sink.write, [batch], facts)
        except RejectedError as refusal:
            if not refusal.certain and attempt <= self.trying.max_retries:
                raise _LaterError(refusal.reason) from refusal
            if batch.size == 1 and not batch.sightings:
                raise
            halves = [bury(batch, refusal.reason, attempt)] if batch.size == 1 else halve(batch)
        else:
            return written
        total = Written()
        for half in halves:
            total = total.plus(await self._write(sink, half, facts, attempt))
        return total

    def _about(self, delivery: Delivery) -> dict[str, object]:
        return {
            "worker": self.name,
            "delivery": delivery.id,
            "batch": delivery.batch.name,
            "botnet_type": delivery.batch.botnet_type or "-",
            "attempt": delivery.attempt,
        }

    def _report(self, group: Sequence[Delivery], written: Sequence[Written], seconds: float) -> None:
        first = group[0]
        if len(group) > LINES:
            common = {**self._about(first), "delivery": f"{first.id} and {len(group) - 1} more"}
            self._say_written(common, group, written, seconds)
            return
        for delivery, one in zip(group, written, strict=True):
            self._say_written(self._about(delivery), [delivery], [one], seconds)

    def _say_written(
        self, about: Mapping[str, object], group: Sequence[Delivery], written: Sequence[Written], seconds: float
    ) -> None:
        processed, total = sum(delivery.batch.size for delivery in group), reduce(Written.plus, written)
        self._log.info(
            "batch written",
            **about,
            processed=processed,
            errors=processed - total.written - total.duplicates,
            written=total.written,
            duplicates=total.duplicates,
            seconds=round(seconds, 3),
        )


class _LaterError(Exception):
    """The batch failed for a reason nobody knows, and has tries left."""


def pieces(batch: Batch, size: int | None) -> Iterator[Batch]:
    """Cut a batch into pieces of at most `size` records, one transaction each; None leaves it whole."""
    if size is None or batch.size <= size:
        yield batch
        return
    for begin in range(0, batch.size, size):
        yield cut(batch, begin, begin + size)


def halve(batch: Batch) -> list[Batch]:
    """Two halves of a batch of at least two records."""
    middle = batch.size // 2
    return [cut(batch, 0, middle), cut(batch, middle, batch.size)]


def cut(batch: Batch, begin: int, end: int) -> Batch:
    """The records `begin` to `end` of a batch, sightings counted before rejections, under a name of their own."""
    border = len(batch.sightings)
    offset = batch.span[0] if batch.span else 0
    return evolve(
        batch,
        span=(offset + begin, offset + min(end, batch.size)),
        sightings=batch.sightings[begin:end],
        rejected=batch.rejected[max(0, begin - border) : max(0, end - border)],
    )


def bury(batch: Batch, reason: str, attempts: int) -> Batch:
    """A batch of one sighting that the database refuses, as a batch of one rejection."""
    (sighting,) = batch.sightings
    original = json.dumps({"botnet_type": batch.botnet_type, **sighting._asdict()}).encode()
    rejected = Rejected(str(sighting.sequence), "write", reason, original, attempts)
    return evolve(batch, sightings=(), rejected=[rejected])
