"""`peers`: the same records into the same tables by what one would otherwise run; how fast, and how right.

What a peer writes is compared to the row like everything else, but a peer that is not exact keeps its figure: the table
says what is wrong beside it. The clock runs from the first delivery put to the last one committed. Peers are spared the
HTTP pull: their producer reads a file; the engine fetches from its collector, as always.
"""

import statistics
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version

from benchmarks import corpus
from benchmarks.comparison import cpu, speed
from benchmarks.engine_run import idle_cpu, run_engine
from benchmarks.figures import Figures
from benchmarks.ground import Ground, Options, Work, work_of
from benchmarks.peers.handler import READY
from benchmarks.peers.run import BATCH_SIZE, Outcome, Peer, run_peer
from benchmarks.report import Report
from tests.ledger import Tally

COUNTS = (1, 2, 4)
ENGINE = "engine"
APPS = "benchmarks.peers"
CAREFUL = {"PEER_CAREFUL": "1"}
COLUMNS = (
    "who", "at once", "records/s", "CPU s per 100,000: own", "producer", "redis", "mariadbd", "rows missing", "extra",
    "nodes with wrong counters", "exact",
)  # fmt: skip


def celery(count: int) -> list[str]:
    """Prefork, without the events between workers that one worker has no use for."""
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return ["celery", "-A", f"{APPS}.celery_app", "worker", "--pool=prefork", f"--concurrency={count}", *quiet]


def dramatiq(count: int) -> list[str]:
    """A process each, of one thread."""
    return ["dramatiq", f"{APPS}.dramatiq_app", f"--processes={count}", "--threads=1"]


def dramatiq_threads(count: int) -> list[str]:
    """Threads of one process."""
    return ["dramatiq", f"{APPS}.dramatiq_app", "--processes=1", f"--threads={count}"]


def saq(count: int) -> list[str]:
    """A process each, of one delivery at a time."""
    return ["saq", f"{APPS}.saq_app.settings", f"--workers={count}"]


PEERS: Mapping[str, Peer] = {
    "Celery": Peer("celery_app", celery, READY, lambda _: 1),
    "Celery, careful handler": Peer("celery_app", celery, READY, lambda _: 1, CAREFUL),
    "Dramatiq, processes": Peer("dramatiq_app", dramatiq, "ready for action"),
    "Dramatiq, threads": Peer("dramatiq_app", dramatiq_threads, "ready for action", lambda _: 1),
    "SAQ": Peer("saq_app", saq, READY),
}


def run(ground: Ground, options: Options) -> Report:
    """The engine and every peer, with each count, in rounds; every second round backwards."""
    work = work_of(corpus.make(options.records, options.seed, types=options.types), ground.folder)
    ways = {ENGINE: partial(_engine, ground, work)}
    ways |= {name: partial(run_peer, ground, work, peer) for name, peer in PEERS.items()}
    turns = [(way, count) for way in ways for count in COUNTS]
    outcomes: dict[tuple[str, int], list[Outcome]] = {turn: [] for turn in turns}
    for number in range(options.runs):
        for way, count in turns if number % 2 == 0 else reversed(turns):
            outcomes[way, count].append(ways[way](count))
    return report(work, outcomes, idle_cpu(ground, Options()))


def _engine(ground: Ground, work: Work, count: int) -> Outcome:
    """Exact, or AssertionError."""
    return Outcome(run_engine(ground, work, count, Options()), Tally(), [])


def report(work: Work, outcomes: Mapping[tuple[str, int], Sequence[Outcome]], idle: float) -> Report:
    """A row for everybody with every count; the worst of the rounds is what a peer is said to have got wrong."""
    rows = []
    for (way, count), done in outcomes.items():
        figures = [outcome.figures for outcome in done]
        spent = [_own(figures, way, idle), *(cpu(figures, name) for name in ("producer", "redis", "mariadbd"))]
        tallies = [outcome.tally for outcome in done]
        wrong = [max(numbers) for numbers in zip(*((t.missing, t.extra, t.wrong_nodes) for t in tallies), strict=True)]
        exact = "no" if any(outcome.differences for outcome in done) else "yes"
        cells = [f"{seconds:.2f}" for seconds in spent] + [f"{number:,}" for number in wrong]
        rows.append([way, str(count), speed(figures).show(), *cells, exact])
    title = f"{len(work.corpus):,} sightings of {len(work.corpus.addresses):,} addresses, built-in look-up"
    return Report("peers", title, COLUMNS, rows, (), notes=notes())


def _own(figures: Sequence[Figures], way: str, idle: float) -> float:
    """CPU of the engine or of the peer's workers, without starting."""
    if way != ENGINE:
        return cpu(figures, "peer")
    return statistics.median((run.cpu[ENGINE] - idle) / run.records * 100_000 for run in figures)


def notes() -> list[str]:
    """What a reader must know."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("celery", "dramatiq", "saq"))
    return [
        f"Versions: {versions}. `benchmarks/peers` has their handler (one for all) and how each is started.",
        f"Deliveries of {BATCH_SIZE:,} records. A peer's clock runs from the first one put to the last one committed.",
        "Peers are spared the HTTP pull, its collector and confirming: their producer reads a file.",
        "They validate nothing, keep no account and have no dead letters; nothing was killed here.",
        "A plain handler counts again what came before in another delivery; the careful one counts what was inserted.",
    ]
