"""What this run has done so far, and a frozen picture of it."""

from collections import Counter
from collections.abc import Mapping, Sequence

from attrs import define, field, frozen

from engine.busy import Busy
from engine.delivery import Batch, Cursor, Intake, Written
from engine.sighting import Facts
from engine.top import Tops

STANDING_BY = "standing by"
"""The state of a source that another engine fetches."""


@frozen
class Snapshot:
    """The counters at one moment. Settled: received = written + duplicates + rejected.

    `fetched` counts records stored in the queue by this run, `received` those that workers have settled; they differ
    by what is still queued and by what an earlier run, or another engine, left there. `dead` counts new dead letters.
    """

    fetched: int = 0
    received: int = 0
    written: int = 0
    duplicates: int = 0
    rejected: int = 0
    dead: int = 0
    confirmed: int = 0


@define(eq=False)
class WorkerStats:
    """What one worker has settled, and how its time went."""

    busy: Busy = field(factory=Busy)
    received: int = 0


@define(eq=False)
class SourceStats:
    """How far this run has come with one source. Times are UTC like `seen_at`; `debt` is committed, not confirmed."""

    busy: Busy = field(factory=lambda: Busy(STANDING_BY))
    fetched: int = 0
    confirmed: int = 0
    cursor: Cursor | None = None
    last_page_at: str | None = None
    newest_seen_at: str | None = None
    debt: int | None = None

    def stored(self, intake: Intake, received_at: str) -> None:
        """A page is in the queue. Its newest sighting is taken from the ends of its batches: they come in order."""
        self.cursor, self.last_page_at = intake.end, received_at
        self.fetched += sum(batch.size for batch in intake.batches)
        for batch in intake.batches:
            if batch.sightings:
                self.newest_seen_at = max(self.newest_seen_at or "", batch.sightings[-1].seen_at)


@define
class Stats:
    """The counters of a run: changed by fetchers, workers and confirmers, read as snapshots.

    Every change is one a page, a batch or a transaction, never one a record. `types` counts the records of each botnet
    type that the database takes.
    """

    tops: Tops = field(factory=Tops)
    types: Counter[str] = field(factory=Counter)
    workers: dict[str, WorkerStats] = field(factory=dict)
    sources: dict[str, SourceStats] = field(factory=dict)
    _counts: Counter[str] = field(factory=Counter)

    def worker(self, name: str) -> WorkerStats:
        """Those of one worker."""
        return self.workers.setdefault(name, WorkerStats())

    def source(self, name: str) -> SourceStats:
        """Those of one source."""
        return self.sources.setdefault(name, SourceStats())

    def fetched(self, records: int) -> None:
        """Records were stored in the queue."""
        self._counts["fetched"] += records

    def settled(self, batch: Batch, written: Written) -> None:
        """A batch ended: committed, and gone from the queue. What `written` does not cover was rejected."""
        self._counts.update(
            received=batch.size,
            written=written.written,
            duplicates=written.duplicates,
            rejected=batch.size - written.written - written.duplicates,
            dead=written.dead,
        )
        if written.written or written.duplicates:
            self.types[batch.botnet_type] += written.written + written.duplicates

    def saw(self, batches: Sequence[Batch], facts: Mapping[str, Facts]) -> None:
        """Batches were committed together, with these facts."""
        self.tops.saw(batches, facts)

    def confirmed(self, records: int) -> None:
        """A source said that it forgot records."""
        self._counts["confirmed"] += records

    def snapshot(self) -> Snapshot:
        """The counters now."""
        return Snapshot(**self._counts)
