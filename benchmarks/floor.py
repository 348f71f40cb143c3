"""The floor: the same rows in the same tables, written as fast as we know how, with no engine and no queue.

As many connections as the engine has workers, as threads or as processes. An address is always on the same connection,
so that no connection waits for another's rows. The clock runs from the moment all are connected until all have
committed.
"""

import multiprocessing
import threading
import time
from collections.abc import Mapping, Sequence
from multiprocessing.synchronize import Barrier as ProcessBarrier
from pathlib import Path
from typing import TYPE_CHECKING

import trio
from attrs import frozen

from adapters.lookups.reloading import open_lookup
from benchmarks.corpus import Seen
from benchmarks.engine_run import Servers
from benchmarks.figures import Figures
from benchmarks.floor_rows import Rows, columns_of, rows_of, split, written_out
from benchmarks.floor_writer import Writer
from benchmarks.ground import Ground, MysqlPlace, Work
from engine.sighting import Facts

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

BATCH_SIZE = 1000
PATIENCE_SECONDS = 600.0


@frozen
class Plan:
    """How a floor goes about it. With `formats`, rows are written out within the clock, not before it."""

    connections: int
    in_processes: bool = False
    formats: bool = False


@frozen
class Share:
    """What one connection writes: rows, or sightings that it has to write out itself."""

    port: int
    database: str
    columns: Sequence[str]
    literals: Mapping[str, str]
    batches: Sequence[Rows | Sequence[Seen]]


def facts_of(work: Work, mmdb: Sequence[Path] = ()) -> Mapping[str, Facts]:
    """What the engine's own look-up says of every address."""
    found = trio.run(open_lookup(mmdb, builtin=True).lookup, work.corpus.addresses)
    return {ip: found.get(ip, Facts()) for ip in work.corpus.addresses}


def run_floor(ground: Ground, work: Work, facts: Mapping[str, Facts], plan: Plan) -> Figures:
    """One run. Raises AssertionError if it is not exact."""
    with ground.place(work.kinds) as place:
        assert isinstance(place, MysqlPlace)
        figures = pour(ground, place, work, facts, plan)
        place.check(work.expected)
    return figures


def pour(ground: Ground, place: MysqlPlace, work: Work, facts: Mapping[str, Facts], plan: Plan) -> Figures:
    """Write all of the work into a place, unchecked."""
    columns = columns_of(facts)
    literals = written_out(facts, columns)
    shares = []
    for batches in split(work.corpus.records, plan.connections, BATCH_SIZE):
        ready = batches if plan.formats else [rows_of(batch, literals) for batch in batches]
        shares.append(Share(place.server.port, place.name, columns, literals if plan.formats else {}, ready))
    with Servers(ground) as servers:
        seconds, own = _in_processes(shares) if plan.in_processes else _in_threads(shares)
    return Figures(len(work.corpus), seconds, {"floor": own, **servers.spent})


def _in_threads(shares: Sequence[Share]) -> tuple[float, float]:
    """Seconds, and CPU seconds of this process."""
    ready = threading.Barrier(len(shares) + 1)
    threads = [threading.Thread(target=_write_all, args=(share, ready)) for share in shares]
    for thread in threads:
        thread.start()
    ready.wait(PATIENCE_SECONDS)
    began, spent = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began, time.process_time() - spent


def _in_processes(shares: Sequence[Share]) -> tuple[float, float]:
    """Seconds, and CPU seconds of the writing processes together."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(len(shares) + 1)
    answers = []
    for share in shares:
        answer, question = context.Pipe(duplex=False)
        context.Process(target=_write_apart, args=(share, ready, question)).start()
        question.close()  # so that the end of a process that failed is seen here
        answers.append(answer)
    ready.wait(PATIENCE_SECONDS)
    began = time.perf_counter()
    own = sum(answer.recv() for answer in answers)
    return time.perf_counter() - began, own


def _write_apart(share: Share, ready: ProcessBarrier, answer: "Connection[float, float]") -> None:
    began = _write_all(share, ready)
    answer.send(time.process_time() - began)


def _write_all(share: Share, ready: threading.Barrier | ProcessBarrier) -> float:
    """Connect, wait for the others, write; the process's CPU time when the clock began."""
    with Writer(share.port, share.database, share.columns) as writer:
        ready.wait(PATIENCE_SECONDS)
        began = time.process_time()
        for batch in share.batches:
            writer.write(batch if isinstance(batch, Rows) else rows_of(batch, share.literals))
    return began
