"""What the engine asks of the world. The docstrings are the contract; `tests/contracts` holds every adapter to it.

Every method may raise `UnavailableError` (the engine waits and makes the same call again) unless it says otherwise.
Every method may be cancelled at any await; it must then leave nothing behind that nobody owns.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from engine.delivery import Batch, Cursor, Debt, Delivery, Intake, Mark, Page, Start, Trial, Written
from engine.sighting import Facts


class Source(Protocol):
    """A place that hands out sightings, in order, and forgets what is confirmed."""

    @property
    def name(self) -> str:
        """Unique among the sources of one queue; part of every batch's name."""
        ...

    @property
    def newest(self) -> int | None:
        """The number of its newest record, or a higher one, as of its last answer; None where none told. Never waits.

        It has at most `newest - cursor.sequence` records after the cursor of the last page.
        """
        ...

    async def fetch(self, cursor: Cursor) -> Page:
        """Bring what comes after `cursor`.

        The same cursor gives at least the same records; a page without records means nothing new. A source that
        was reset answers with everything it has, under `page.end.epoch == cursor.epoch + 1`.
        """
        ...

    async def front(self) -> Mark | None:
        """The oldest record the source has not been told to forget; None when there is none. Changes nothing."""
        ...

    async def confirm(self, count: int) -> bool:
        """Tell the source to forget its `count` oldest records. Sent exactly once, never repeated.

        True: the source said it did. False: nobody knows. Raises UnavailableError only if it was surely not sent.
        Cancelled: nobody knows.
        """
        ...


class Queue(Protocol):
    """The durable queue: at least once, one atomic step a method. One instance is one engine.

    A *lease* runs for the queue's `lease_seconds` from claim or last renewal. Settling (`ack`, `nack`, `release`,
    `dead_letter`) of a delivery that this engine no longer holds is harmless and changes nothing for its new holder,
    except `ack`, which ends it for all (it is sent only after the commit).
    """

    async def acquire(self, source: str, seconds: float) -> bool:
        """Become, or stay, the one engine that fetches and confirms `source`, for the next `seconds`."""
        ...

    async def resign(self, source: str) -> None:
        """Give `source` up at once, if this engine holds it."""
        ...

    async def cursor(self, source: str) -> Cursor:
        """The stored cursor; `Cursor()` before the first page."""
        ...

    async def put(self, intake: Intake) -> bool:
        """Store batches, marks and cursor together, or nothing.

        True: stored, now or by an earlier call whose answer was lost. False: refused, because the stored cursor is not
        `intake.start` or another engine has acquired the source: read the cursor again.
        """
        ...

    async def claim(self, limit: int, wait_seconds: float) -> Sequence[Delivery]:
        """Take up to `limit` deliveries on lease, fewer where they are large; wait up to `wait_seconds` for the first.

        Deliveries whose lease ran out, or that were released, or whose nack delay is over, come first. What cannot be
        decoded goes to the queue's own dead letters and is not returned. Nothing is returned that this engine
        already holds.
        """
        ...

    async def renew(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """Start the leases anew; return those this engine still holds."""
        ...

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Done: remove for good."""
        ...

    async def nack(self, delivery: Delivery, delay_seconds: float) -> None:
        """Failed: claimable after `delay_seconds` (at most one lease), with `attempt + 1`."""
        ...

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        """Untouched: claimable at once by any engine, under the same `attempt`."""
        ...

    async def dead_letter(self, delivery: Delivery, reason: str) -> None:
        """Hopeless: move to the queue's own dead letters, from where it is never claimed. Twice is once.

        Its records stay unsettled: `debt` does not count past them, so the source is not told to forget them.
        """
        ...

    async def depth(self) -> int:
        """Batches not yet settled: waiting, delayed or on lease. Dead letters do not count."""
        ...

    async def durability_warnings(self) -> Sequence[str]:
        """What would make this queue forget, one line each with the line that mends it."""
        ...

    async def debt(self, source: str, front: Mark, limit: int, since: Mark | None = None) -> Debt | None:
        """What `source` may be told to forget, given the oldest record it has.

        `owed`: how many stored marks of the current epoch, from `front` on, are settled without a gap; counted up to
        `limit`. `moved`: how many stored marks lie from `since` up to before `front`; 0 without `since`. None when
        `front` is not among the stored marks (or has another fingerprint). Marks before `front` may then be
        forgotten: the source no longer has those records.
        """
        ...


class Lookup(Protocol):
    """A place that knows facts about addresses. What it knows may be replaced while it is in use."""

    @property
    def chunk_size(self) -> int:
        """How many addresses one call may carry; calls are made side by side up to `enricher_concurrent`.

        A look-up that takes thousands is taken for one that does not wait: more workers are of no use to it.
        """
        ...

    @property
    def generation(self) -> int:
        """Grows when what it knows has changed: facts of an earlier generation are not remembered any longer."""
        ...

    @property
    def uses(self) -> Sequence[str]:
        """What it asks at present, by name, in that order: files, `built-in`. Never waits."""
        ...

    @property
    def built_at(self) -> float | None:
        """When the oldest of its data was made, in seconds since 1970; None where nothing is dated. Never waits."""
        ...

    async def lookup(self, ips: Sequence[str]) -> Mapping[str, Facts]:
        """Facts per address. An address nobody knows is absent, never an error."""
        ...

    async def reload(self) -> bool:
        """Take into use what has been replaced since; whether there was anything. No look-up is held up meanwhile.

        Raises ConfigError, once for each replacement, where it cannot be used: what is in use stays.
        """
        ...


class Sink(Protocol):
    """Where sightings end: one writer, used by one task at a time."""

    async def write(self, batches: Sequence[Batch], facts: Mapping[str, Facts]) -> Sequence[Written]:
        """Write batches of one botnet type in one transaction, all or nothing; what became of each.

        That is sightings, node counters, rejected records and a ledger row a batch. Writing the same batch, or any
        overlapping one, again changes nothing and counts the repeats as duplicates. Raises RejectedError when the
        database will never take these batches.
        """
        ...


class StartLog(Protocol):
    """The engine's memory of ownerships, which does not roll back with the queue: kept in the database."""

    async def record_start(self, source: str, within_seconds: float) -> Start:
        """Note that an engine now owns `source`.

        An entry is *pending* when the entry of the same source before it was never ended: the engine that made that
        one may have a confirm under way. `Start.pending` counts the pending entries of the last `within_seconds`,
        this one included; the first entry of a source is never pending.
        """
        ...

    async def is_latest(self, source: str, start: Start) -> bool:
        """Whether nobody noted an ownership of `source` after `start`, which is one of it."""
        ...

    async def record_end(self, starts: Sequence[Start]) -> None:
        """Note that these ownerships ended with no confirm under way."""
        ...


class TrialLog(Protocol):
    """What is known of deliveries that are tried record by record, kept in the database.

    A record whose trial was begun and never followed by the next one, or by the end, is one an engine died of.
    """

    async def last_trial(self, batch: str) -> Trial | None:
        """The trial last begun for the batch of this name; None where there is none."""
        ...

    async def begin_trial(self, batch: str, trial: Trial) -> None:
        """Note that a record is about to be tried, and the how manieth time; before it is touched. Twice is once."""
        ...

    async def end_trials(self, batch: str) -> None:
        """Note that the whole batch is done."""
        ...


class TableCount(NamedTuple):
    """The tables of one botnet type. `last_5_minutes` counts communications by when they were received."""

    botnet_type: str
    nodes: int
    communications: int
    last_5_minutes: int


class SchemaStep(NamedTuple):
    """One statement that brings an old table to the present layout, and what it costs.

    `rows` and `size` (bytes) are what the database thinks the table has; both are 0 for a table that is made.
    """

    table: str
    statement: str
    rows: int = 0
    size: int = 0
    is_new: bool = False
    is_rewriting: bool = False
    is_blocking: bool = False


class Headway(NamedTuple):
    """How far something is: `done` of `total`, which is 0 as long as nobody knows it, in the stage of that name."""

    done: float
    total: float = 0
    stage: str = ""


class SchemaUpgrade(Protocol):
    """The upgrade of the tables of one database; the only one while it is open."""

    async def plan(self) -> Sequence[SchemaStep]:
        """What is to be done, in this order, and nothing where all is as it should be.

        Raises ConfigError, saying what to do, where something is in the way.
        """
        ...

    async def carry_out(self, step: SchemaStep) -> None:
        """Run one statement: whole or not at all. Raises RejectedError where the database refuses it."""
        ...

    async def headway(self) -> Headway | None:
        """How far the statement is that is being carried out, in %; None where nobody can say. Never raises."""
        ...


class FileState(NamedTuple):
    """A look-up file on the disk.

    `kind` is what it calls itself, `entries` how many its index has, `built_at` is in seconds since 1970; `attribution`
    is what its licence asks to be said. `problem` says why it cannot be used: then the rest is unknown.
    """

    path: Path
    kind: str = ""
    built_at: float | None = None
    entries: int = 0
    size: int = 0
    attribution: str | None = None
    has_previous: bool = False
    problem: str | None = None
