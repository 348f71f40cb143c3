"""Bugs that an engine like this one could have, planted one at a time: the simulation must catch every one."""

from collections.abc import Callable, Mapping, Sequence
from math import inf

import pytest
from attrs import evolve

from adapters.queues.memory import Entry, MemoryStore
from engine import intake, leasing, worker
from engine.confirmation import Confirmation
from engine.confirmer import Confirmer
from engine.delivery import Batch, Cursor, Delivery, Intake, Page, Written
from engine.errors import RejectedError, UnavailableError
from engine.leasing import Leasing
from engine.ports import Sink
from engine.sighting import Facts
from engine.worker import Worker
from tests.faults.simulation.collector import CollectorLink
from tests.faults.simulation.database import Database, RowKey
from tests.faults.simulation.links import DatabaseLink
from tests.faults.simulation.plan import Plan
from tests.faults.simulation.queue import QueueClient, QueueLink

Plant = Callable[[pytest.MonkeyPatch], None]


def ack_before_write(patch: pytest.MonkeyPatch) -> None:
    """A delivery is settled before its rows are committed."""
    write = Worker._write_delivery

    async def hasty(self: Worker, sink: Sink, delivery: Delivery) -> Written:
        await self.outages.queue.wait_for(self.leasing.queue.ack, [delivery])
        return await write(self, sink, delivery)

    patch.setattr(Worker, "_write_delivery", hasty)


def confirm_past_the_watermark(patch: pytest.MonkeyPatch) -> None:
    """What is owed is counted beyond the first delivery that is not settled."""
    patch.setattr(MemoryStore, "first_unsettled", lambda *_: None)


def confirm_retried(patch: pytest.MonkeyPatch) -> None:
    """A confirm without an answer is sent again."""

    async def stubborn(self: Confirmer, count: int) -> bool:
        answered = False
        while not answered:
            answered = await confirm(self, count)
            self.account.sending(count, 0)
        self.account.never_sent()
        return True

    confirm = Confirmer._confirm

    patch.setattr(Confirmer, "_confirm", stubborn)


def no_sentinel(patch: pytest.MonkeyPatch) -> None:
    """The record at the cursor is confirmed like any other."""
    allowed = Confirmation.allowed
    patch.setattr(Confirmation, "allowed", lambda self, debt, starts: allowed(self, debt + 1, starts))


def no_reserve_for_own_confirms(patch: pytest.MonkeyPatch) -> None:
    """Nothing is held back for a confirm that was not answered."""
    patch.setattr(Confirmation, "own", 0)


def no_reserve_for_others(patch: pytest.MonkeyPatch) -> None:
    """Nothing is held back for confirms of the engine that owned the source before."""
    allowed = Confirmation.allowed
    patch.setattr(Confirmation, "allowed", lambda self, debt, _: allowed(self, debt, 0))


def cursor_saved_apart(patch: pytest.MonkeyPatch) -> None:
    """The cursor is stored in one step and its batches in the next."""
    put = QueueLink.put

    async def in_two_steps(self: QueueLink, intake: Intake) -> bool:
        async def store() -> None:
            queue = self.client.store
            for batch in intake.batches:
                name = str(next(queue.numbers))
                queue.deliveries[name] = Entry(name, batch)
            queue.notify()

        if not await put(self, evolve(intake, batches=())):
            return False
        await self.wire.call(self.client.queue_server.server, "put batches", store)
        return True

    patch.setattr(QueueLink, "put", in_two_steps)


def reset_ignored(patch: pytest.MonkeyPatch) -> None:
    """That the record at the cursor is gone is taken for an empty page."""

    async def calm(self: CollectorLink, cursor: Cursor) -> Page:
        return self._page(cursor, cursor, [])

    patch.setattr(CollectorLink, "_fetch_after_reset", calm)


def release_counts(patch: pytest.MonkeyPatch) -> None:
    """What was not even begun is given back as failed."""

    async def careless(self: Leasing, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            await self.queue.nack(delivery, 0)
            self.settled(delivery)

    patch.setattr(Leasing, "_release", careless)


def outage_costs_attempts(patch: pytest.MonkeyPatch) -> None:
    """A database that is away is taken for a delivery that failed."""

    async def impatient(self: DatabaseLink, batches: Sequence[Batch], facts: Mapping[str, Facts]) -> Sequence[Written]:
        try:
            return await write(self, batches, facts)
        except UnavailableError as error:
            raise RejectedError(str(error), certain=False) from error

    write = DatabaseLink.write
    patch.setattr(DatabaseLink, "write", impatient)


def claim_forgotten(patch: pytest.MonkeyPatch) -> None:
    """What was claimed by a call that failed stays in nobody's hands."""
    patch.setattr(QueueClient, "doubt", lambda *_: None)


def repeats_counted(patch: pytest.MonkeyPatch) -> None:
    """A sighting that was written before is counted again."""
    write = Database.write

    def twice(self: Database, batches: Sequence[Batch], facts: Mapping[str, Facts]) -> list[Written]:
        known = set(self.rows)
        written = write(self, batches, facts)
        keys = {RowKey(batch.botnet_type, seen.ip, seen.seen_at) for batch in batches for seen in batch.sightings}
        self.count(sorted(keys & known))
        return written

    patch.setattr(Database, "write", twice)


def neighbours_buried(patch: pytest.MonkeyPatch) -> None:
    """A batch with one bad record is buried whole."""
    patch.setattr(worker, "halve", lambda batch: [worker.bury(piece, "no", 1) for piece in worker.pieces(batch, 1)])


def death_assumed(patch: pytest.MonkeyPatch) -> None:
    """A delivery that often failed is deadly, although no engine died of it."""
    patch.setattr(worker, "DEADLY_TRIALS", 0)


def release_without_deadline(patch: pytest.MonkeyPatch) -> None:
    """At a stop deliveries are given back, however long that takes."""
    patch.setattr(leasing, "RELEASE_SECONDS", inf)


def named_by_numbers(patch: pytest.MonkeyPatch) -> None:
    """Batches with the same numbers have the same name, whatever they hold."""
    patch.setattr(intake, "digest_of", lambda *_: "")


def _anything(_: Plan) -> bool:
    return True


PLANTED: dict[Plant, Callable[[Plan], object]] = {
    ack_before_write: _anything,
    confirm_past_the_watermark: _anything,
    confirm_retried: lambda plan: plan.dials.lost_reply,
    no_sentinel: _anything,
    no_reserve_for_own_confirms: lambda plan: plan.dials.confirm_late,
    no_reserve_for_others: lambda plan: plan.dials.confirm_late,
    cursor_saved_apart: _anything,
    reset_ignored: lambda plan: plan.rates.reset,
    release_counts: _anything,
    outage_costs_attempts: _anything,
    claim_forgotten: lambda plan: plan.dials.lost_reply,
    repeats_counted: _anything,
    neighbours_buried: lambda plan: plan.oddities,
    death_assumed: _anything,
    release_without_deadline: lambda plan: plan.rates.stop and plan.rates.queue_away,
    named_by_numbers: lambda plan: plan.rates.reset and plan.rates.queue_emptied,
}
"""Each bug, and what a plan must have for it to show at all."""
