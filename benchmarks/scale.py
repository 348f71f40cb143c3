"""`scale`: one, two and four engine processes on one queue and one database; the queue in one Redis, then in a cluster.

Every engine has two workers and a name of its own. The first owns the source, the others only work; they are up
before it starts, and get their soft stop when it has ended. The clock runs from "running" of the first to the last
"batch written" of any.
"""

import signal
import statistics
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial

from attrs import evolve, frozen

from benchmarks import corpus
from benchmarks.comparison import Runs, cpu, in_rounds, speed
from benchmarks.engine_run import RUN_SECONDS, Servers, Setting, engine_in, idle_cpu
from benchmarks.figures import Figures, Log
from benchmarks.ground import Ground, Options, Place, Work, work_of
from benchmarks.processes import cpu_seconds, follow
from benchmarks.report import Report
from tests.collector.process import collector_process
from tests.engine_process import EngineProcess
from tests.servers.redis_cluster import RedisClusterServers

COUNTS = (1, 2, 4)
WORKERS = 2
ONE, CLUSTER = "one Redis", "cluster of 3"
COLUMNS = (
    "queue in", "engines", "records/s", "times one engine", "CPU s per 100,000: engines", "redis", "its busiest node",
    "mariadbd", "collector", "busy cores",
)  # fmt: skip


@frozen
class Store:
    """Where the queue is: a URL, and the processes behind it."""

    url: str
    pids: Sequence[int]


def run(ground: Ground, options: Options) -> Report:
    """Every count of engines, round by round. Raises AssertionError if any run is not exact."""
    options = evolve(options, queue="redis", database="mysql")
    work = work_of(corpus.make(options.records, options.seed, types=options.types), ground.folder)
    with RedisClusterServers(ground.folder / "cluster") as cluster:
        stores = {
            ONE: Store(ground.redis.url, [ground.redis.pid]),
            CLUSTER: Store(cluster.url, [node.pid for node in cluster.nodes]),
        }
        ways = {name: partial(run_engines, ground, work, store) for name, store in stores.items()}
        runs = in_rounds(ways, COUNTS, options.runs)
    return report(work, runs, idle_cpu(ground, options))


def run_engines(ground: Ground, work: Work, store: Store, count: int) -> Figures:
    """One run with so many engines. Raises AssertionError if it is not exact."""
    with ground.place(work.kinds) as place:
        figures = run_in(ground, place, work, store, count)
        place.check(work.expected)
    return figures


def run_in(ground: Ground, place: Place, work: Work, store: Store, count: int) -> Figures:
    """One run into a place, unchecked but for the account of the engine that owns the source."""
    setting = Setting(queue={"url": store.url, "name": ground.name()}).with_workers(WORKERS)
    with collector_process("--records", str(work.file)) as collector, ExitStack() as stack:

        def engine(number: int, *arguments: str) -> EngineProcess:
            folder = place.folder / f"engine-{number}"
            folder.mkdir()
            named = (*arguments, "--set", f"engine.name={folder.name}")
            return engine_in(ground, evolve(place, folder=folder), collector.url, Options(), setting, *named)

        others = [stack.enter_context(engine(number, "worker")) for number in range(1, count)]
        for other in others:
            other.wait_for("running, press")
        nodes = {f"node {number}": pid for number, pid in enumerate(store.pids)}
        with Servers(ground, collector=collector.process.pid, **nodes) as servers:
            own_cpu = -sum(cpu_seconds(other.pid) for other in others)  # starting and connecting is not the work
            owner = stack.enter_context(engine(0, "--once", "--json"))
            own_cpu += _to_the_end(owner)
            for other in others:
                other.send(signal.SIGTERM)
                own_cpu += _to_the_end(other)
    assert owner.account["fetched"] == len(work.corpus), owner.account
    logs = [Log(each.errors) for each in (owner, *others)]
    seconds = max(moment for log in logs for moment in log.settled) - logs[0].began
    return Figures(len(work.corpus), seconds, {"engine": own_cpu, **_by_part(servers.spent, list(nodes))})


def _to_the_end(engine: EngineProcess) -> float:
    """Wait for an engine that is ending; its CPU seconds."""
    followed = follow(engine.pid, RUN_SECONDS)
    assert engine.wait() == 0, engine.errors[-3000:]
    return followed.cpu_seconds


def _by_part(spent: Mapping[str, float], nodes: Sequence[str]) -> dict[str, float]:
    """CPU seconds of the servers, with the nodes that hold the queue taken together, and the busiest of them."""
    shares = [spent[node] for node in nodes]
    parts = {name: spent[name] for name in ("mariadbd", "collector")}
    return {**parts, "redis": sum(shares), "busiest node": max(shares)}


def report(work: Work, runs: Runs, idle_cpu: float) -> Report:
    """A row for every count and every kind of queue. `idle_cpu` is what the first engine spends without a record."""
    rows, data = [], []
    for (store, count), done in runs.items():
        first = runs[store, COUNTS[0]]
        spent = {name: cpu(done, name) for name in ("redis", "busiest node", "mariadbd", "collector")}
        idle = idle_cpu / len(work.corpus) * 100_000
        spent = {"engine": cpu(done, "engine") - idle, **spent}
        busy = statistics.median(_busy(run) for run in done)
        times = speed(done).median / speed(first).median
        shown = [f"{seconds:.2f}" for seconds in spent.values()]
        rows.append([store, str(count), speed(done).show(), f"{times:.2f}", *shown, f"{busy:.2f}"])
        data.append({"queue": store, "engines": count, "rate": speed(done).median, "cpu": spent, "busy": busy})
    title = f"{len(work.corpus):,} sightings, engines with {WORKERS} workers each on one queue and one MariaDB"
    return Report("scale", title, COLUMNS, rows, (), {"lines": data, "workers": WORKERS})


def _busy(run: Figures) -> float:
    """How many cores were busy on average, of all the processes together."""
    return sum(run.cpu[name] for name in ("engine", "redis", "mariadbd", "collector")) / run.seconds
