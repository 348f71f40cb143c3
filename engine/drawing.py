"""Draws the parts of the picture: counters, clocks and outages become what `/api/status` shows."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from attrs import define

from engine.bottleneck import Knobs, limiting
from engine.moments import iso
from engine.picture import (
    CacheView,
    CursorView,
    Limit,
    QueueView,
    Rate,
    SeenView,
    SourceView,
    TopView,
    WorkerView,
)
from engine.pipeline import Pipeline
from engine.pulse import LATELY, MINUTE, Pulse, of_source, of_worker
from engine.settings import Settings
from engine.stats import STANDING_BY, SourceStats, Stats
from engine.top import Seen
from engine.worker import Worker

SHOWN = 20
"""How many of the newest and of the most frequent are shown; of countries all."""


@define(eq=False)
class Drawing:
    """One running pipeline, as its pulse tells. `clean` makes a stranger's text fit to be shown."""

    settings: Settings
    pipeline: Pipeline
    pulse: Pulse
    stats: Stats
    clean: Callable[[str], str]

    def rate(self) -> Rate:
        """Records settled a second."""
        history, minute = self.pulse.history, self.pulse.rate(seconds=MINUTE)
        hour = round(history.mean, 1) if history.points else minute
        return Rate(self.pulse.rate(seconds=LATELY), minute, hour, history.points)

    def queue(self) -> QueueView:
        """What waits."""
        queue = self.settings.queue
        is_paused = any(self.stats.source(line.name).busy.state == "paused" for line in self.pipeline.lines)
        return QueueView(self.pulse.depth, queue.high_watermark, queue.low_watermark, is_paused)

    def workers(self) -> Iterator[WorkerView]:
        """Every worker."""
        for worker in self.pipeline.workers:
            stats = self.stats.worker(worker.name)
            yield WorkerView(
                name=worker.name,
                state=_state_of(worker, stats.busy.state),
                rate=self.pulse.rate(worker.name),
                received=stats.received,
                busy=self.pulse.shares(of_worker(worker.name)),
                seconds=stats.busy.seconds(),
            )

    def sources(self) -> Iterator[SourceView]:
        """Every source this engine fetches, or would fetch if no other did."""
        for line in self.pipeline.lines:
            stats, outage = self.stats.source(line.name), line.fetcher.source_outage
            shares = self.pulse.shares(of_source(line.name))
            yield SourceView(
                name=line.name,
                state="unreachable" if outage.since is not None else stats.busy.state,
                cursor=CursorView(stats.cursor.epoch, stats.cursor.sequence) if stats.cursor else None,
                lag_records=_behind(stats, line.fetcher.source.newest),
                lag_seconds=_age(stats.newest_seen_at),
                debt=stats.debt,
                last_page_at=iso(stats.last_page_at) if stats.last_page_at else None,
                last_error=self.clean(outage.reason) if outage.reason else None,
                busy=round(shares.get("fetching", 0.0) + shares.get("storing", 0.0), 3),
                fetched=stats.fetched,
                confirmed=stats.confirmed,
                seconds=stats.busy.seconds(),
            )

    def cache(self) -> CacheView:
        """The cache that all workers share."""
        limit = self.settings.worker.enricher_cache_size
        if not self.pipeline.workers:
            return CacheView(limit=limit)
        enrichment = self.pipeline.workers[0].enrichment
        rate = enrichment.hit_rate
        known = None if rate is None else round(rate, 3)
        return CacheView(enrichment.hits, enrichment.misses, enrichment.size, limit, known)

    def limit(self) -> Limit:
        """What everything else waits for."""
        worker = self.settings.worker
        knobs = Knobs(
            workers=self.pipeline.at_once,
            most_at_once=self.pipeline.most_at_once,
            has_workers_off=not worker.enabled,
            has_one_writer=self.settings.database.url.startswith("sqlite:"),
            db_batch_size=worker.db_batch_size,
            batch_size=self.settings.queue.batch_size,
            pull_limits={source.name: source.pull_limit for source in self.settings.sources},
        )
        return limiting(self.pulse.load(list(self._away())), knobs)

    def _away(self) -> Iterator[str]:
        if self.pipeline.workers:
            outages = self.pipeline.workers[0].outages
            if outages.database.since is not None:
                yield "database"
            if outages.lookup.since is not None:
                yield "look-up"
        if self.pipeline.leasing.outage.since is not None:
            yield "queue"
        yield from (line.name for line in self.pipeline.lines if line.fetcher.source_outage.since is not None)

    def top(self) -> TopView:
        """What was seen most."""
        tops = self.stats.tops
        return TopView(
            countries=[(str(code), count) for code, count in tops.countries.most() if code is not None],
            networks=[(_network(number, name) or "", count) for number, name, count in tops.most_networks(SHOWN)],
            types=self.stats.types.most_common(SHOWN),
        )

    def newest(self) -> Iterator[SeenView]:
        """What was written last, the newest first."""
        return map(_seen, reversed(self.stats.tops.newest))


def _state_of(worker: Worker, state: str) -> str:
    outages = worker.outages
    waits = {"writing": outages.database, "enriching": outages.lookup, "settling": outages.queue, "idle": outages.queue}
    outage = waits.get(state)
    return f"waiting for the {outage.what}" if outage is not None and outage.since is not None else state


def _behind(stats: SourceStats, newest: int | None) -> int | None:
    if newest is None or stats.cursor is None or stats.busy.state == STANDING_BY:
        return None
    return max(0, newest - stats.cursor.sequence)


def _age(moment: str | None) -> float | None:
    if moment is None:
        return None
    age = datetime.now(UTC) - datetime.fromisoformat(moment).replace(tzinfo=UTC)
    return max(0.0, round(age.total_seconds(), 1))


def _seen(seen: Seen) -> SeenView:
    facts, sighting = seen.facts, seen.sighting
    return SeenView(
        seen_at=iso(sighting.seen_at),
        ip=sighting.ip,
        country=facts.country_code,
        network=_network(facts.asn, facts.isp),
        botnet_type=seen.botnet_type,
        cleanup=sighting.cleanup,
    )


def _network(asn: int | None, isp: str | None) -> str | None:
    known = [*([] if asn is None else [f"AS{asn}"]), *([] if isp is None else [isp])]
    return " ".join(known) or None
