"""Eight workers of two engines on the same few addresses, while connections to the database are killed all the time.

Batches are small and repeat each other, so that writers meet on the same rows; every 150 ms the server ends one of
their connections, whatever it is used for. The engines must end by themselves, and everything must be exact.
"""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.corpus import make
from tests.engine_process import EngineProcess
from tests.faults.report import Result
from tests.faults.scene import Servers, staged
from tests.servers.mariadb import MariaDbServer

ENGINES: Final = ("e1", "e2")
WORKERS: Final = 4
ADDRESSES: Final = 40
DUPLICATES: Final = 0.3
BATCH_SIZE: Final = 20
KILL_SECONDS: Final = 0.15
RUN_SECONDS: Final = 90.0


def run_contention(servers: Servers, folder: Path, seed: int, records: int) -> tuple[Result, int]:
    """Run both engines to their end; what it came to, and how many connections were killed."""
    corpus = make(records, seed, addresses=ADDRESSES, duplicates=DUPLICATES)
    began = time.monotonic()
    with staged(servers, corpus, folder, f"contention_{seed}") as scene:
        settings = {"worker.worker_count": WORKERS, "queue.batch_size": BATCH_SIZE, "queue.high_watermark": 100}
        options = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
        with killing(servers.mariadb, scene.name, random.Random(seed)) as killed:
            engines = [scene.engine(name, "--once", *options) for name in ENGINES]
            problems = [problem for engine in engines for problem in _ending(engine)]
        problems += scene.differences()
        result = Result(
            "concurrency",
            f"{WORKERS * len(ENGINES)} workers, connections killed",
            f"seed {seed}",
            problems,
            time.monotonic() - began,
            scene.guard.confirmed,
        )
    return result, len(killed)


@contextmanager
def killing(server: MariaDbServer, database: str, dice: random.Random) -> Iterator[list[int]]:
    """Kill one connection to a database after the other; those that were."""
    killed: list[int] = []
    over = threading.Event()

    def kill() -> None:
        while not over.wait(KILL_SECONDS):
            if connections := server.connections(database):
                killed.append(dice.choice(connections))
                server.kill_connection(killed[-1])

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


def _ending(engine: EngineProcess) -> list[str]:
    """What is wrong with the way an engine ended by itself."""
    try:
        code = engine.wait(RUN_SECONDS)
    except AssertionError as error:
        return [str(error)]
    problems = [] if code == 0 else [f"an engine ended with {code}: {engine.errors[-3000:]}"]
    return problems + ([f"a traceback: {engine.errors[-4000:]}"] if "Traceback" in engine.errors else [])
