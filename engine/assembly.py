"""Settings and open adapters become a pipeline: the one place that knows which part takes which setting."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial

from attrs import define, frozen

from engine.acceptance import Rules
from engine.archive import Archive
from engine.confirmation import Confirmation
from engine.confirmer import Confirmer
from engine.enrichment import Enrichment
from engine.fetcher import Fetcher, Pace
from engine.gathering import GROUP_LIMIT, gather
from engine.leasing import Leasing
from engine.outage import Outage
from engine.ownership import Ownership
from engine.pipeline import Pipeline
from engine.ports import Lookup, Queue, Sink, Source, StartLog, TrialLog
from engine.settings import Settings, SourceSettings
from engine.source_line import SourceLine
from engine.stats import Stats
from engine.trials import Trials
from engine.turns import Turns
from engine.worker import Outages, Trying, Worker

RENEWALS_PER_LEASE = 4


@frozen
class Feed:
    """The open adapters of one reading of the settings; each source with its own. They need no nursery to be open."""

    sources: Sequence[tuple[Source, SourceSettings]]
    lookup: Lookup


@frozen
class Connections:
    """The open adapters that stay for a whole run, and the way to open the others. `open_feed` raises ConfigError.

    Without `archive` the stores are asked nothing.
    """

    queue: Queue
    open_sink: Callable[[], AbstractAsyncContextManager[Sink]]
    start_log: StartLog
    trials: TrialLog
    open_feed: Callable[[Settings], AbstractAsyncContextManager[Feed]]
    warnings: Sequence[str] = ()
    archive: Archive | None = None


@define(eq=False)
class Assembly:
    """Puts the parts of one pipeline together."""

    settings: Settings
    connections: Connections
    feed: Feed
    stats: Stats
    queue_outage: Outage

    def pipeline(self, *, workers: int) -> Pipeline:
        """Everything, ready to run, with so many workers."""
        # A look-up that takes a group in one call does not wait. Two writers of large groups take then all that one
        # process can hand them: more take groups before they are large, and wait in the database for each other.
        waits = self.feed.lookup.chunk_size < GROUP_LIMIT
        worker = self.settings.worker
        most = None if waits or worker.db_batch_size is not None else worker.db_concurrent
        leasing = self._leasing(workers if waits else 1)
        return Pipeline(
            lines=[self._line(source, settings) for source, settings in self.feed.sources],
            workers=self._workers(workers, leasing),
            open_sink=partial(Turns().sink, self.connections.open_sink),
            leasing=leasing,
            grace_seconds=self.settings.engine.shutdown_grace_seconds,
            most_at_once=most,
        )

    def _leasing(self, shares: int) -> Leasing:
        return Leasing(
            queue=self.connections.queue,
            outage=self.queue_outage,
            gather=partial(gather, shares=shares, record_limit=self.settings.worker.db_batch_size),
            wait_seconds=self.settings.worker.queue_timeout,
            renew_seconds=self.settings.queue.lease_seconds / RENEWALS_PER_LEASE,
        )

    def _workers(self, count: int, leasing: Leasing) -> list[Worker]:
        settings = self.settings.worker
        enrichment = Enrichment(self.feed.lookup, settings.enricher_cache_size, settings.enricher_cache_ttl)
        trials = Trials(self.connections.trials, count)
        outages = Outages(self.queue_outage, Outage("look-up"), Outage("database"))
        return [
            Worker(
                name=f"worker-{number}",
                leasing=leasing,
                trials=trials,
                enrichment=enrichment,
                concurrent=settings.enricher_concurrent,
                trying=Trying(settings.max_retries, settings.retry_delay, settings.db_batch_size),
                outages=outages,
                stats=self.stats,
            )
            for number in range(1, count + 1)
        ]

    def _line(self, source: Source, settings: SourceSettings) -> SourceLine:
        queue_settings, queue = self.settings.queue, self.connections.queue
        fetcher = Fetcher(
            source=source,
            queue=queue,
            rules=rules_of(self.settings, settings),
            pace=Pace(
                batch_size=queue_settings.batch_size,
                interval_seconds=settings.pull_interval_seconds,
                high_watermark=queue_settings.high_watermark,
                low_watermark=queue_settings.low_watermark,
            ),
            stats=self.stats,
            source_outage=Outage(f"source {source.name}"),
            queue_outage=self.queue_outage,
        )
        ownership = Ownership(source.name, queue, self.queue_outage)
        return SourceLine(fetcher, ownership, lambda owned: self._confirmer(source, settings, owned))

    def _confirmer(self, source: Source, settings: SourceSettings, ownership: Ownership) -> Confirmer:
        return Confirmer(
            source=source,
            queue=self.connections.queue,
            start_log=self.connections.start_log,
            ownership=ownership,
            account=Confirmation(settings.pull_limit, settings.confirm_quarantine_seconds),
            stats=self.stats,
        )


def rules_of(settings: Settings, source: SourceSettings) -> Rules:
    """What the records of a source are held to."""
    acceptance = settings.acceptance
    return Rules(
        timezone=source.zone,
        earliest=acceptance.earliest,
        allow_reserved=acceptance.allow_reserved,
        botnet_types=frozenset(acceptance.botnet_types),
    )
