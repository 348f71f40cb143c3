"""The picture of a running engine in plain lines. Pure."""

from collections.abc import Iterator, Mapping

from engine.durations import duration
from engine.picture import AuditView, Picture, SourceView, WorkerView
from engine.printable import printable


def as_text(picture: Picture) -> str:
    """All that fits on a screen, a line each."""
    return "\n".join(printable(f"{label:<12}  {text}") for label, text in _lines(picture))


def _lines(picture: Picture) -> Iterator[tuple[str, str]]:
    rate = picture.rate
    yield "engine", about(picture)
    yield "state", state(picture)
    yield "limit", limit(picture)
    yield "records/s", f"{rate.now:,.0f} now, {rate.minute:,.0f} over a minute, {rate.hour:,.0f} over an hour"
    yield "received", received(picture)
    yield "queue", queue(picture)
    yield "look-up", lookup(picture)
    yield "cache", cache(picture)
    yield from (("worker", worker_line(worker)) for worker in picture.workers)
    yield from (("source", source_line(source)) for source in picture.sources)
    yield "dead letters", letters(picture)
    yield "audit", audit(picture)


def as_line(picture: Picture) -> str:
    """The most important of it on one line, for an output that grows."""
    done = f"{picture.rate.now:,.0f} records/s  received {picture.totals.received:,}"
    return printable(f"{done}  queue {queue(picture)}  {limit(picture)}")


def about(picture: Picture) -> str:
    """Which engine it is."""
    engine = picture.engine
    what = f"botnet-engine {engine.version} on {engine.host}, process {engine.pid}"
    return f"{what}, {engine.queue} to {engine.database}, running {duration(engine.uptime_seconds)}"


def state(picture: Picture) -> str:
    """Whether it gets on."""
    if picture.engine.is_stopping:
        return "stopping"
    return "ready" if picture.health.ready else f"NOT ready: {picture.health.reason}"


def received(picture: Picture) -> str:
    """What came, and what became of it."""
    totals = picture.totals
    became = f"written {totals.written:,} + duplicates {totals.duplicates:,} + rejected {totals.rejected:,}"
    return f"{totals.received:,} = {became}"


def queue(picture: Picture) -> str:
    """What waits."""
    waiting = "?" if picture.queue.batches is None else f"{picture.queue.batches:,}"
    return f"{waiting} of {picture.queue.high_watermark:,} batches{', paused' * picture.queue.paused}"


def lookup(picture: Picture) -> str:
    """What is asked about addresses, and how old that is."""
    age = picture.engine.lookup_age_seconds
    return picture.engine.lookup + ("" if age is None else f", {duration(age)} old")


def cache(picture: Picture) -> str:
    """How full it is, and how good."""
    found = picture.cache
    known = "" if found.hit_rate is None else f", knew {found.hit_rate:.0%} of those asked for"
    return f"{found.size:,} of {found.limit:,} addresses{known}"


def limit(picture: Picture) -> str:
    """What limits throughput, and the setting."""
    found = picture.limit
    return f"{found.sentence} ({found.setting})" if found.setting else found.sentence


def worker_line(worker: WorkerView) -> str:
    """One worker."""
    return f"{worker.name}  {worker.state}, {worker.rate:,.0f} records/s, {shares(worker.busy)}"


def source_line(source: SourceView) -> str:
    """One source."""
    return "  ".join([f"{source.name}  {source.state}", *source_details(source)])


def source_details(source: SourceView) -> Iterator[str]:
    """What is known of a source beside its state."""
    if source.cursor is not None:
        yield f"cursor {source.cursor.epoch}:{source.cursor.sequence}"
    if source.lag_records is not None:
        yield f"at most {source.lag_records:,} behind" if source.lag_records else "nothing behind"
    if source.lag_seconds is not None:
        yield f"newest sighting {duration(source.lag_seconds)} old"
    if source.debt is not None:
        yield f"unconfirmed {source.debt:,}"
    if source.last_error is not None:
        yield f"last error: {source.last_error}"


def letters(picture: Picture) -> str:
    """How many there are, and why the last one is."""
    found = picture.dead_letters
    if found.count is None:
        return "not asked yet"
    queued = f" and {found.in_queue:,} whole batches in the queue" if found.in_queue else ""
    return f"{found.count:,}{queued}" + (f", the last one: {found.newest[0].reason}" if found.newest else "")


def audit(picture: Picture) -> str:
    """Whether everything is accounted for, and what was put lately."""
    whole, lately = picture.whole_audit, picture.audit
    if lately is None:
        return "not asked yet"
    return audited(lately) if whole is None else f"{audited(whole)} to {whole.at}; then {audited(lately)}"


def audited(found: AuditView) -> str:
    """One audit."""
    verdict = "balanced" if found.balanced else f"NOT balanced, {found.missing:,} records are missing"
    return f"{verdict}: of {found.received:,} records since {found.since}"


def shares(busy: Mapping[str, float]) -> str:
    """Shares of time, the largest first."""
    largest = sorted(busy.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{state} {share:.0%}" for state, share in largest) or "just begun"
