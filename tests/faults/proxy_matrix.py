"""The fault-proxy matrix: what a network does to one link of a running engine, and which link.

The fault is switched on at a named point in the middle of a run, and off once the link has felt it. Then the link must
carry work again within twice its deadline, and the run come to its end: every row, counter and dead letter exact, and
nothing ever confirmed that was not committed.
"""

import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attrs import define, field, frozen

from tests.collector.server import Collector, running_collector
from tests.corpus import GAP_EVERY, Corpus
from tests.engine_process import EngineProcess
from tests.faults.control import ANSWER_VARIABLE, GO, LEASE_VARIABLE
from tests.faults.proxy import DOWN, UP, Counts, Direction, Toxics
from tests.faults.proxy_thread import Remote, proxy_in_thread
from tests.faults.report import Result
from tests.faults.scene import Scene, Servers, serve, staged_at

RECORDS: Final = 2_400
DEADLINE_SECONDS: Final = 1.0
"""How long the engine waits for an answer on any link."""
PAUSE_SECONDS: Final = 0.5
"""How long it pauses, at most, after the two or three failures of a fault."""
LOCK_SECONDS: Final = 5.0
"""After so long the database gives up a transaction that a late statement has left open."""
QUARANTINE_SECONDS: Final = 3.0
"""Longer than a confirm is ever under way: its sender waits for a second, then it is delivered."""
OWNERSHIP_SECONDS: Final = 3.0
GRACE_SECONDS: Final = 5.0
PATIENCE_SECONDS: Final = 30.0
FELT_CONNECTIONS: Final = 2


@frozen
class Link:
    """One link of the engine: the point where its fault is switched on, and how to tell that it works.

    `only` tells its connections from others to the same server. A fault that does not break connections is felt once
    `enough` bytes of answers have come through. `deadline_seconds` is how long the engine may wait before it asks anew.
    """

    name: str
    point: tuple[str, int]
    progress: Callable[[Scene], object]
    enough: int
    bandwidth: int
    slice_size: int
    only: bytes = b""
    deadline_seconds: float = DEADLINE_SECONDS + PAUSE_SECONDS


def _cursor(scene: Scene) -> object:
    with scene.servers.redis.connect() as client:
        return client.hget(f"{{botnet:{scene.name}}}:cursors", "sinkhole-1")


def _settled(scene: Scene) -> object:
    with scene.servers.redis.connect() as client:
        return client.xinfo_stream(f"{{botnet:{scene.name}}}:stream")["entries-added"], scene.left_in_queue()


def _committed(scene: Scene) -> object:
    with scene.servers.mariadb.connect(scene.name) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM engine_ledger")
        return cursor.fetchone()


PULL: Final = Link("pull", ("fetch.before", 3), _cursor, 150_000, 80_000, 64, b"GET ")
CONFIRM: Final = Link(
    "confirm", ("confirm.before", 2), lambda scene: scene.guard.confirmed, 500, 500, 3, b"POST ", QUARANTINE_SECONDS
)
REDIS: Final = Link("Redis", ("put.before", 4), _settled, 20_000, 100_000, 16)
MYSQL: Final = Link("MySQL", ("commit.before", 6), _committed, 2_000, 20_000, 5)
LINKS: Final = (PULL, CONFIRM, REDIS, MYSQL)

Faults = Mapping[Direction, Toxics]


def _both(toxics: Toxics) -> Faults:
    return {UP: toxics, DOWN: toxics}


FAULTS: Final[Mapping[str, Callable[[Link], Faults]]] = {
    "latency": lambda _: _both(Toxics(latency_seconds=0.05)),
    "jitter": lambda _: _both(Toxics(jitter_seconds=0.1)),
    "bandwidth": lambda link: _both(Toxics(bandwidth=link.bandwidth)),
    "black hole": lambda _: _both(Toxics(black_hole=True)),
    "half-open": lambda _: {DOWN: Toxics(black_hole=True)},
    "reset": lambda _: {DOWN: Toxics(reset_after=150)},
    "slicer": lambda link: _both(Toxics(slice_size=link.slice_size)),
    "truncation": lambda _: {DOWN: Toxics(truncate_after=150)},
    "garbage": lambda _: {DOWN: Toxics(garbage_chance=0.4)},
    "duplicate answer": lambda _: {DOWN: Toxics(duplicate_chance=0.4)},
    "slow close": lambda _: _both(Toxics(slow_close_seconds=0.5)),
    "late delivery": lambda _: {UP: Toxics(late_seconds=0.05)},
}
"""What happens to the bytes of a link. Garbage comes down only: what goes up in TCP is what was sent, and no database
could tell garbled rows from rows."""


@frozen
class Cell:
    """One run of the matrix."""

    fault: str
    link: Link
    seed: int = 1

    def __str__(self) -> str:
        return f"{self.fault.replace(' ', '_')}-{self.link.name}-{self.seed}"

    @property
    def invents_records(self) -> bool:
        """Whether the engine may be served records that its collector never had."""
        return (self.fault, self.link) == ("garbage", PULL)

    @property
    def deadline_seconds(self) -> float:
        """How long nothing may move on the link."""
        return LOCK_SECONDS if (self.fault, self.link) == ("late delivery", MYSQL) else self.link.deadline_seconds


BY_CHANCE: Final = ("garbage", "duplicate answer")
WHOLE: Final = [
    Cell(fault, link, seed)
    for fault in FAULTS
    for link in LINKS
    for seed in ((1, 2, 3) if fault in BY_CHANCE else (1,))
]
_SHORT_NAMES: Final = {
    "half-open-MySQL-1", "black_hole-Redis-1", "late_delivery-confirm-1", "garbage-pull-1",
    "duplicate_answer-MySQL-1", "duplicate_answer-Redis-1", "late_delivery-Redis-1",
}  # fmt: skip
SHORT: Final = [cell for cell in WHOLE if str(cell) in _SHORT_NAMES]


@define
class Strike:
    """Switches the fault on at its point, while the whole engine stands still there."""

    cell: Cell
    scene: Scene
    collector: Collector
    proxy: Remote
    struck: threading.Event = field(factory=threading.Event)
    before: Counts = field(factory=Counts)

    def answer(self, _name: str, _pid: int) -> str:
        """The word for the point that was reached."""
        self.before = self.proxy.counts
        for direction, toxics in FAULTS[self.cell.fault](self.cell.link).items():
            self.proxy.poison(toxics, direction)
        if self.cell.fault == "slow close":
            self._close()
        self.struck.set()
        return GO

    def is_felt(self, now: Counts) -> bool:
        """Whether new connections were made, and damaged, or enough has come through."""
        new = now.chosen - self.before.chosen
        passed = now.passed_down - self.before.passed_down
        return new >= FELT_CONNECTIONS or passed >= self.cell.link.enough

    def _close(self) -> None:
        """Let the server close the connections of this link."""
        servers, link = self.scene.servers, self.cell.link
        if link is PULL:
            self.collector.misbehave("drop")
        elif link is CONFIRM:
            self.collector.misbehave("applied_then_dropped", on="confirm")
        elif link is REDIS:
            with servers.redis.connect() as client:
                client.client_kill_filter(_type="normal", skipme=True)
        else:
            for number in servers.mariadb.connections(self.scene.name):
                servers.mariadb.kill_connection(number)


INVENTED: Final = re.compile(r"dead letter \d+\+\d+ is extra")
"""Without TLS nobody can tell a record that was garbled on the way, its number too, from one the collector sent so."""


@contextmanager
def _staged(cell: Cell, servers: Servers, corpus: Corpus, folder: Path) -> Iterator[tuple[Strike, list[str]]]:
    """Set a scene with the proxy in one link; the options that lead an engine through it."""
    name = "".join(letter if letter.isalnum() else "_" for letter in str(cell)).lower()
    with running_collector(api_key="secret") as collector:
        collector.spool.gap_every = GAP_EVERY
        target = {REDIS: servers.redis.port, MYSQL: servers.mariadb.port}.get(cell.link, collector.server_address[1])
        with proxy_in_thread(target, seed=cell.seed, only=cell.link.only) as proxy:
            url = f"http://127.0.0.1:{proxy.port}" if cell.link in (PULL, CONFIRM) else collector.url
            times = {"grace": GRACE_SECONDS, "quarantine": QUARANTINE_SECONDS, "timeout": DEADLINE_SECONDS}
            with staged_at(servers, corpus, folder, name, url, **times) as scene:
                collector.spool.on_confirm = scene.guard.check
                serve(collector, corpus)
                options = []
                if cell.link is REDIS:
                    options = ["--set", f"queue.url=redis://127.0.0.1:{proxy.port}/0"]
                if cell.link is MYSQL:
                    options = ["--set", f"database.url=mysql://root@127.0.0.1:{proxy.port}/{name}"]
                yield Strike(cell, scene, collector, proxy), options


def run_cell(cell: Cell, servers: Servers, corpus: Corpus, folder: Path) -> Result:
    """Run one cell; the seconds are those from the end of the fault until its link carries work again."""
    with _staged(cell, servers, corpus, folder) as (strike, options):
        scene = strike.scene
        environ = {ANSWER_VARIABLE: str(DEADLINE_SECONDS), LEASE_VARIABLE: str(OWNERSHIP_SECONDS)}
        name, nth = cell.link.point
        engine = scene.engine("e1", *options, points={name: nth}, answer=strike.answer, environ=environ)
        assert strike.struck.wait(PATIENCE_SECONDS), f"{name} was never reached: {engine.errors[-3000:]}"
        longest = 2 * DEADLINE_SECONDS * (FELT_CONNECTIONS + 1)
        felt = strike.proxy.comes_to(strike.is_felt, longest)
        problems = [] if felt else [f"not felt within {longest:g} s: {strike.proxy.counts}, before {strike.before}"]
        seconds, confirming_seconds = _seconds_to_progress(strike, engine)
        if seconds > 2 * cell.deadline_seconds or confirming_seconds > 2 * QUARANTINE_SECONDS:
            waited = f"{seconds:.1f} s for the link, {confirming_seconds:.1f} s for a confirm"
            problems.append(f"a wedge after the fault, {waited}: {engine.errors[-3000:]}")
        problems += scene.relieved(engine, all_but=1) + _end(engine)
        problems += [each for each in scene.differences() if not (cell.invents_records and INVENTED.fullmatch(each))]
        return Result("fault proxy", cell.fault, str(cell), problems, seconds, scene.guard.confirmed)


def _seconds_to_progress(strike: Strike, engine: EngineProcess) -> tuple[float, float]:
    """Switch the fault off; how long it takes until its link has carried work, and until a confirm has come.

    Sooner where all work is done.
    """
    scene, progress = strike.scene, strike.cell.link.progress
    before, confirmed_before = progress(scene), scene.guard.confirmed
    strike.proxy.heal()
    healed_at = time.monotonic()

    def wait_until(is_so: Callable[[], bool]) -> float:
        while not is_so() and scene.guard.confirmed < len(scene.corpus.records) - 1 and engine.is_running:
            if time.monotonic() - healed_at > PATIENCE_SECONDS:
                break
            scene.guard.wait_for_more(0.02)
        return time.monotonic() - healed_at

    seconds = wait_until(lambda: progress(scene) != before)
    return seconds, wait_until(lambda: scene.guard.confirmed > confirmed_before)


def _end(engine: EngineProcess) -> list[str]:
    """Stop it; what is wrong with the way it ends."""
    engine.send(signal.SIGTERM)
    code = engine.wait(GRACE_SECONDS + 1.0)
    problems = [] if code == 0 else [f"exit code {code}: {engine.errors[-3000:]}"]
    return problems + ([f"a traceback: {engine.errors[-4000:]}"] if "Traceback" in engine.errors else [])
