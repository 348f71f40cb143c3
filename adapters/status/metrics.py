"""The picture of a running engine as metrics of Prometheus. No address, network or country is ever a label.

Labels are workers, sources and states, which the configuration bounds, and botnet types, which
`database.max_botnet_types` bounds.
"""

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from engine.picture import Picture

PREFIX = "botnet_engine_"

Labelled = Sequence[tuple[Sequence[str], float]]


def exposition(picture: Picture, by_type: Mapping[str, int]) -> bytes:
    """Everything, in the text format."""
    registry = CollectorRegistry()
    registry.register(_Collected(picture, by_type))
    return generate_latest(registry)


class _Collected(Collector):
    """One picture, collected once."""

    def __init__(self, picture: Picture, by_type: Mapping[str, int]) -> None:
        self.picture = picture
        self.by_type = by_type

    def collect(self) -> Iterator[Metric]:
        picture = self.picture
        yield from _of_run(picture)
        yield from _of_workers(picture)
        yield from _of_sources(picture)
        yield from _of_stores(picture)
        types = [([name], float(count)) for name, count in self.by_type.items()]
        yield _counter("type_records_total", "Records the database has taken, by botnet type.", types, ["botnet_type"])


def _of_run(picture: Picture) -> Iterator[Metric]:
    about, totals = picture.engine, picture.totals
    labels = ["version", "queue", "database"]
    yield _gauge("info", "The engine itself.", [([about.version, about.queue, about.database], 1)], labels)
    yield _counter("cpu_seconds_total", "Computing time of the process.", [([], about.cpu_seconds)])
    yield _gauge("resident_memory_bytes", "Memory of the process.", _known(about.memory_bytes))
    yield _gauge("uptime_seconds", "Since this run began.", [([], about.uptime_seconds)])
    yield _gauge(
        "ready", "1 while the engine gets on, 0 while records wait and none moves.", [([], picture.health.ready)]
    )
    yield _gauge("still_seconds", "For how long records wait and none has moved.", [([], picture.health.still_seconds)])
    yield _gauge("busy_cores", "Cores kept busy over the last ten seconds.", [([], picture.cpu)])
    yield _counter("fetched_records_total", "Records stored in the queue.", [([], totals.fetched)])
    yield _counter("received_records_total", "Records settled by workers.", [([], totals.received)])
    yield _counter("written_records_total", "Records that are new rows.", [([], totals.written)])
    yield _counter("duplicate_records_total", "Records that were there before.", [([], totals.duplicates)])
    yield _counter("rejected_records_total", "Records that became dead letters.", [([], totals.rejected)])
    yield _counter("new_dead_letters_total", "Dead letters newly stored.", [([], totals.dead)])
    yield _counter("confirmed_records_total", "Records the sources were told to forget.", [([], totals.confirmed)])
    cache = picture.cache
    yield _counter("cache_hits_total", "Addresses the look-up cache knew.", [([], cache.hits)])
    yield _counter("cache_misses_total", "Addresses it did not know.", [([], cache.misses)])
    yield _gauge("cache_addresses", "Addresses it holds.", [([], cache.size)])
    yield _gauge("cache_limit_addresses", "Addresses it may hold.", [([], cache.limit)])


def _of_workers(picture: Picture) -> Iterator[Metric]:
    received = [([worker.name], float(worker.received)) for worker in picture.workers]
    yield _counter("worker_records_total", "Records settled by each worker.", received, ["worker"])
    seconds = [
        ([worker.name, state], spent) for worker in picture.workers for state, spent in sorted(worker.seconds.items())
    ]
    yield _counter("worker_seconds_total", "Time of each worker by what it did.", seconds, ["worker", "state"])


def _of_sources(picture: Picture) -> Iterator[Metric]:
    sources, label = picture.sources, ["source"]
    seconds = [([source.name, state], spent) for source in sources for state, spent in sorted(source.seconds.items())]
    yield _counter("source_seconds_total", "Time of each source by what was done.", seconds, ["source", "state"])
    fetched = [([source.name], float(source.fetched)) for source in sources]
    yield _counter("source_fetched_records_total", "Records stored in the queue, by source.", fetched, label)
    up = [([source.name], float(source.state != "unreachable")) for source in sources]
    yield _gauge("source_up", "0 while a source does not answer.", up, label)
    waiting = [([source.name], float(source.lag_records)) for source in sources if source.lag_records is not None]
    yield _gauge("source_lag_records", "Records at most behind the cursor.", waiting, label)
    lags = [([source.name], source.lag_seconds) for source in sources if source.lag_seconds is not None]
    yield _gauge("source_lag_seconds", "Age of the newest sighting taken.", lags, label)
    debts = [([source.name], float(source.debt)) for source in sources if source.debt is not None]
    yield _gauge("source_unconfirmed_records", "Committed, and not yet confirmed to the source.", debts, label)


def _of_stores(picture: Picture) -> Iterator[Metric]:
    queue, audit = picture.queue, picture.audit
    yield _gauge("queue_batches", "Batches not settled; absent while the queue does not answer.", _known(queue.batches))
    yield _gauge("queue_high_watermark_batches", "Batches at which fetchers pause.", [([], queue.high_watermark)])
    yield _gauge("queue_paused", "1 while fetchers wait for room in the queue.", [([], queue.paused)])
    letters = picture.dead_letters
    yield _gauge("dead_letters", "Dead letters in the database.", _known(letters.count))
    yield _gauge("queue_dead_letters", "Whole batches in the queue's own dead letters.", _known(letters.in_queue))
    yield _gauge(
        "lookup_data_age_seconds", "Age of the oldest look-up file.", _known(picture.engine.lookup_age_seconds)
    )
    balanced, missing = (None, None) if audit is None else (audit.balanced, audit.missing)
    whole = picture.whole_audit
    all_balanced, all_missing = (None, None) if whole is None else (whole.balanced, whole.missing)
    yield _gauge("audit_balanced", "1 if all that was put lately is accounted for, 0 if not.", _known(balanced))
    yield _gauge("audit_missing_records", "Records put lately that nobody knows of.", _known(missing))
    yield _gauge("whole_audit_balanced", "The same of all that the queue has receipts of.", _known(all_balanced))
    yield _gauge("whole_audit_missing_records", "Of all of them, those that nobody knows of.", _known(all_missing))


def _known(value: float | None) -> Labelled:
    return [] if value is None else [([], float(value))]


def _counter(name: str, doc: str, values: Labelled, labels: Sequence[str] = ()) -> Metric:
    family = CounterMetricFamily(PREFIX + name, doc, labels=labels)
    for label_values, value in values:
        family.add_metric(label_values, value)
    return family


def _gauge(name: str, doc: str, values: Labelled, labels: Sequence[str] = ()) -> Metric:
    family = GaugeMetricFamily(PREFIX + name, doc, labels=labels)
    for label_values, value in values:
        family.add_metric(label_values, value)
    return family
