"""What this run has done so far, and a frozen picture of it."""

from collections import Counter

from attrs import define, field, frozen

from engine.delivery import Batch, Written


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


@define
class Stats:
    """The counters of a run: changed by fetchers, workers and confirmers, read as snapshots."""

    _counts: Counter[str] = field(factory=Counter)

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

    def confirmed(self, records: int) -> None:
        """A source said that it forgot records."""
        self._counts["confirmed"] += records

    def snapshot(self) -> Snapshot:
        """The counters now."""
        return Snapshot(**self._counts)
