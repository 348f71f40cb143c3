"""What limits throughput, and the setting that would change it: derived from how busy each stage was. Pure.

The stages wait for each other, so that the slowest one is the one that never waits:

- a core that computes all the time limits every stage at once: Python runs one thread at a time;
- workers that are hardly ever idle are the limit, in the state in which they spend most of their time;
- workers that wait for deliveries while batches lie in the queue wait for the queue;
- with nothing in the queue, a source that is fetched from, or stored, all the time is the limit;
- else nothing waits: whatever the sources have is in the database.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter

from attrs import evolve, field, frozen

from engine.picture import Limit

COMPUTING = 0.9
BUSY = 0.7
BUSY_WITH_A_BACKLOG = 0.4
SMALL_TRANSACTION = 500
SMALL = 100
MANY_WORKERS = 8
GOOD_HIT_RATE = 0.9
PULL_LIMIT = 5_000

NOTHING_WAITS = Limit("none", "nothing-waits", "Nothing waits: whatever the sources have is in the database.")
STAGES = {"writing": "database", "enriching": "look-up", "settling": "queue"}


@frozen
class Knobs:
    """The settings that change what a stage can do, as they are. A database `has_one_writer` where others must wait.

    `workers` are those that may have work at the same time, and `most_at_once` how many that may be; None: all.
    """

    workers: int = 1
    most_at_once: int | None = None
    has_workers_off: bool = False
    has_one_writer: bool = False
    db_batch_size: int | None = None
    batch_size: int = 1_000
    pull_limits: Mapping[str, int] = field(factory=dict)


@frozen
class Load:
    """How busy each stage was lately; shares are 0 to 1.

    `workers`: share of each state, of those that may have work at once; empty without workers. `claiming`: of the
    leasing. `sources`: shares by source.
    `backlog`: batches that lay in the queue all the time and in nobody's hands here. `settled`: records a second.
    `away`: servers that do not answer, as `database`, `look-up`, `queue` or the name of a source.
    """

    cpu: float = 0.0
    workers: Mapping[str, float] = field(factory=dict)
    claiming: float = 0.0
    sources: Mapping[str, Mapping[str, float]] = field(factory=dict)
    backlog: int = 0
    settled: float = 0.0
    away: Sequence[str] = ()
    cache_hit_rate: float | None = None
    is_cache_full: bool = False


def limiting(load: Load, knobs: Knobs) -> Limit:
    """The stage that everything else waits for."""
    for found in (
        _away(load),
        _computing(load, knobs),
        _working(load, knobs),
        _queueing(load, knobs),
        _bringing(load, knobs),
    ):
        if found is not None:
            return found
    return NOTHING_WAITS


def _away(load: Load) -> Limit | None:
    for stage in ("database", "look-up", "queue"):
        if stage in load.away:
            return Limit(stage, f"{stage}-away", f"The {stage} does not answer: everything waits for it.")
    if load.sources and not load.backlog and all(name in load.away for name in load.sources):
        name = next(iter(load.sources))
        sentence = f"No source answers ({name}): there is nothing to do until one does."
        return Limit("source", "source-away", sentence, values={"source": name})
    return None


def _computing(load: Load, knobs: Knobs) -> Limit | None:
    is_sqlite = knobs.has_one_writer and load.workers.get("writing", 0.0) >= BUSY  # it is SQLite that computes
    if load.cpu < COMPUTING or is_sqlite:
        return None
    percent = round(load.cpu * 100)
    small = _small(load, knobs)
    if small is not None:
        case, what, size, setting = small
        sentence = (
            f"This engine itself: it keeps {percent} % of a core computing, for {what} of at most {size} records. "
            "Larger ones are fewer."
        )
        values: dict[str, int | str] = {"percent": percent, "size": size}
        source, _ = _busiest(load)
        return Limit("engine", case, sentence, setting, values | ({"source": source} if case == "engine-pulls" else {}))
    sentence = (
        f"This engine itself: it keeps {percent} % of a core computing, and cannot use more than one. "
        "Another engine on the same queue (`python -m engine worker`) uses another core."
    )
    return Limit("engine", "engine-computing", sentence, values={"percent": percent})


def _small(load: Load, knobs: Knobs) -> tuple[str, str, int, str] | None:
    """Case, name, size and setting of what is so small that most of the computing is for its number."""
    name, busy = _busiest(load)
    pulls = knobs.pull_limits.get(name, PULL_LIMIT) if busy >= BUSY else PULL_LIMIT
    sizes = (
        ("engine-transactions", "transactions", knobs.db_batch_size or PULL_LIMIT, "worker.db_batch_size"),
        ("engine-batches", "batches", knobs.batch_size, "queue.batch_size"),
        ("engine-pulls", f"pulls from {name}", pulls, "source.pull_limit"),
    )
    smallest = min(sizes, key=itemgetter(2))
    return smallest if smallest[2] <= SMALL else None


def _working(load: Load, knobs: Knobs) -> Limit | None:
    shares = {state: share for state, share in load.workers.items() if state in STAGES}
    if not shares or sum(shares.values()) < (BUSY_WITH_A_BACKLOG if load.backlog else BUSY):
        return None
    state = max(shares, key=shares.__getitem__)
    values: dict[str, int | str] = {"percent": round(shares[state] * 100), "workers": knobs.workers}
    if state == "writing":
        return _writing(values, knobs)
    return _enriching(values, load) if state == "enriching" else _settling(values, knobs)


def _writing(values: Mapping[str, int | str], knobs: Knobs) -> Limit:
    spent = f"Workers spend {values['percent']} % of their time writing"
    if knobs.db_batch_size is not None and knobs.db_batch_size <= SMALL_TRANSACTION:
        size = knobs.db_batch_size
        sentence = f"{spent}: the database commits transactions of at most {size} records. Larger ones are faster."
        more = {**values, "size": size}
        return Limit("database", "database-small", sentence, "worker.db_batch_size", more)
    if knobs.has_one_writer:
        sentence = f"{spent}: a SQLite file takes one transaction at a time. MySQL or MariaDB takes several."
        return Limit("database", "database-single", sentence, "database.url", values)
    if knobs.workers < (knobs.most_at_once or MANY_WORKERS):
        sentence = f"{spent}: the database. More workers than {knobs.workers} use more of it, until it is busy itself."
        return Limit("database", "database-busy", sentence, "worker.worker_count", values)
    if knobs.most_at_once is not None:
        sentence = (
            f"The {knobs.workers} that may write at once are at it {values['percent']} % of the time: the database. "
            "More help where it is far away or has cores to spare, else a faster machine or disk."
        )
        return Limit("database", "database-allowed", sentence, "worker.db_concurrent", values)
    sentence = f"{spent}, all {knobs.workers} of them: the database gives no more, it needs a faster machine or disk."
    return Limit("database", "database-full", sentence, values=values)


def _enriching(values: Mapping[str, int | str], load: Load) -> Limit:
    spent = f"Workers spend {values['percent']} % of their time looking up addresses"
    if load.is_cache_full and load.cache_hit_rate is not None and load.cache_hit_rate < GOOD_HIT_RATE:
        hits = round(load.cache_hit_rate * 100)
        sentence = f"{spent}, and the full cache knows only {hits} % of them. A larger one knows more."
        more = {**values, "hits": hits}
        return Limit("look-up", "look-up-cache", sentence, "worker.enricher_cache_size", more)
    sentence = f"{spent}. More look-ups at once help where each of them waits."
    return Limit("look-up", "look-up-busy", sentence, "worker.enricher_concurrent", values)


def _settling(values: Mapping[str, int | str], knobs: Knobs) -> Limit:
    sentence = (
        f"Workers spend {values['percent']} % of their time telling the queue what is done. "
        f"Batches larger than {knobs.batch_size} records mean fewer of them."
    )
    more = {**values, "size": knobs.batch_size}
    return Limit("queue", "queue-settling", sentence, "queue.batch_size", more)


def _queueing(load: Load, knobs: Knobs) -> Limit | None:
    if load.workers and load.backlog and load.settled and load.claiming >= BUSY_WITH_A_BACKLOG:
        sentence = (
            f"{load.backlog} batches lie in the queue and workers wait for them: the queue hands them out slowly. "
            f"Batches larger than {knobs.batch_size} records mean fewer of them."
        )
        values: dict[str, int | str] = {"batches": load.backlog, "size": knobs.batch_size}
        return Limit("queue", "queue-claiming", sentence, "queue.batch_size", values)
    paused = [name for name, shares in load.sources.items() if shares.get("paused", 0.0) >= BUSY]
    if paused and not load.workers:
        sentence = (
            "The queue is full, and this engine has no workers: more engines must work it off "
            "(`python -m engine worker`)."
        )
        setting = "worker.enabled" if knobs.has_workers_off else None  # the command `fetch` never has any
        return Limit("queue", "queue-full", sentence, setting, {"source": paused[0]})
    return None


def _busiest(load: Load) -> tuple[str, float]:
    """The source that is fetched from, or stored, most of the time, and how much of it; none that does not answer."""
    shares = {
        name: each.get("fetching", 0.0) + each.get("storing", 0.0)
        for name, each in load.sources.items()
        if name not in load.away
    }
    return max(shares.items(), key=itemgetter(1), default=("", 0.0))


def _bringing(load: Load, knobs: Knobs) -> Limit | None:
    name, busy = _busiest(load)
    if busy < BUSY:
        return None
    fetching, storing = load.sources[name].get("fetching", 0.0), load.sources[name].get("storing", 0.0)
    if storing > fetching:
        percent = round(storing * 100)
        sentence = (
            f"Storing what {name} brings takes {percent} % of the time: the queue. "
            f"Batches larger than {knobs.batch_size} records mean fewer of them."
        )
        values: dict[str, int | str] = {"source": name, "percent": percent, "size": knobs.batch_size}
        return Limit("queue", "queue-storing", sentence, "queue.batch_size", values)
    return _fetching(name, round(fetching * 100), knobs)


def _fetching(name: str, percent: int, knobs: Knobs) -> Limit:
    limit = knobs.pull_limits.get(name, PULL_LIMIT)
    slow = Limit(
        "source",
        "source-slow",
        f"Fetching from {name} takes {percent} % of the time, and everything else waits for it: the collector gives "
        "no more.",
        values={"source": name, "percent": percent},
    )
    if limit >= PULL_LIMIT:
        return slow
    sentence = (
        f"Fetching from {name} takes {percent} % of the time, in pulls of {limit} records. Larger ones are fewer."
    )
    return evolve(
        slow, case="source-small", sentence=sentence, setting="source.pull_limit", values={**slow.values, "size": limit}
    )
