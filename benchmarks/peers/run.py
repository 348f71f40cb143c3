"""Runs of a peer: its workers in their own processes, a producer in another; the rows are compared, not insisted on."""

import math
import os
import re
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from attrs import field, frozen

from benchmarks.engine_run import PATH, Servers
from benchmarks.figures import Figures
from benchmarks.ground import Ground, MysqlPlace, Work
from benchmarks.processes import family
from tests import ledger
from tests.engine_process import EngineProcess

BATCH_SIZE = 1000
RUN_SECONDS = 900.0
READY_SECONDS = 60.0
POLL_SECONDS = 0.01


@frozen
class Peer:
    """A package: what to run with `python -m`, and the line in which its workers say that they are ready."""

    app: str
    command: Callable[[int], list[str]]
    ready: str
    ready_lines: Callable[[int], int] = lambda count: count
    environ: Mapping[str, str] = field(factory=dict)


@frozen
class Outcome:
    """What one run of a peer showed, and how right it was."""

    figures: Figures
    tally: ledger.Tally
    differences: list[str] = field(repr=False)


def run_peer(ground: Ground, work: Work, peer: Peer, count: int) -> Outcome:
    """One run, until the last delivery is committed. Raises AssertionError when it does not get there."""
    with ground.place(work.kinds) as place:
        assert isinstance(place, MysqlPlace)
        figures = _run_in(ground, place, work, peer, count)
        with place.asking() as ask:
            return Outcome(figures, ledger.tally(ask, work.expected), ledger.differences(ask, work.expected))


def _run_in(ground: Ground, place: MysqlPlace, work: Work, peer: Peer, count: int) -> Figures:
    done = place.folder / "done"
    done.touch()
    environ = {
        "PEER_REDIS": ground.redis.url,
        "PEER_QUEUE": ground.name(),
        "PEER_PORT": str(place.server.port),
        "PEER_DATABASE": place.name,
        "PEER_DONE": str(done),
        **PATH,
        **peer.environ,
    }
    module, *arguments = peer.command(count)
    with EngineProcess(place.folder, *arguments, environ=environ, module=module) as workers:
        try:
            workers.wait_for(f"(?s)(?:{re.escape(peer.ready)}.*?){{{peer.ready_lines(count)}}}", READY_SECONDS)
            pids = {str(pid): pid for pid in family(workers.pid)}
            with Servers(ground, **pids) as servers:
                producer = _produce(place, work, peer, environ)
                last = _last_commit(done, math.ceil(len(work.corpus) / BATCH_SIZE))
        finally:
            _end(workers)
    own = sum(servers.spent[name] for name in pids)
    spent = {name: servers.spent[name] for name in ("mariadbd", "redis")}
    return Figures(len(work.corpus), last - producer["began"], {"peer": own, "producer": producer["cpu"], **spent})


def _produce(place: MysqlPlace, work: Work, peer: Peer, environ: dict[str, str]) -> Mapping[str, float]:
    """When it put the first delivery, and the CPU seconds it used since."""
    folder = place.folder / "producer"
    folder.mkdir()
    arguments = (peer.app, str(work.file), str(BATCH_SIZE))
    with EngineProcess(folder, *arguments, environ=environ, module="benchmarks.peers.produce") as producer:
        assert producer.wait(RUN_SECONDS) == 0, producer.errors[-3000:]
    return producer.account


def _last_commit(done: Path, deliveries: int) -> float:
    """When the last delivery had been committed: each notes it in a file."""
    deadline = time.monotonic() + RUN_SECONDS
    while len(moments := _moments(done)) < deliveries:
        assert time.monotonic() < deadline, f"{len(moments)} of {deliveries} deliveries done in {RUN_SECONDS} s"
        time.sleep(POLL_SECONDS)
    return max(moments.values())


def _moments(done: Path) -> dict[str, float]:
    """When each delivery was first done, by its checksum; a line that is being written does not count yet."""
    found: dict[str, float] = {}
    for line in done.read_text().splitlines(keepends=True):
        if line.endswith("\n"):
            moment, _, checksum = line.strip().partition(" ")
            found.setdefault(checksum, float(moment))
    return found


def _end(workers: EngineProcess) -> None:
    """End all its processes: everything is committed, and how a peer stops is not measured."""
    for pid in family(workers.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
