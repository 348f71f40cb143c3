"""Takes the pulse of a running pipeline once a second: what it did, what waits, and where its time went."""

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

import trio
from attrs import define, field

from engine.bottleneck import Load
from engine.busy import Busy
from engine.errors import UnavailableError
from engine.pipeline import Pipeline
from engine.rates import History, Window
from engine.readiness import Readiness
from engine.stats import Stats

BEAT_SECONDS = 1.0
LATELY = 10
MINUTE = 60
STALE_SECONDS = 5.0
"""How old the queue's last answer may be before it counts as none."""


@define(eq=False)
class Pulse:
    """The last minute, second by second, and the last hour in larger steps; nothing in it grows with time.

    `history` is that of the run: pipelines take it over from each other. The queue is asked beside the beats: one that
    hangs makes `depth` None, and holds nothing up.
    """

    pipeline: Pipeline
    stats: Stats
    readiness: Readiness
    history: History
    _depth: int | None = None
    _depth_at: float = float("-inf")
    _totals: Window = field(factory=lambda: Window(MINUTE + 1))
    _times: dict[str, Window] = field(factory=dict)
    _backlog: deque[int] = field(factory=lambda: deque(maxlen=LATELY))

    async def run(self) -> None:
        """Beat for ever."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._ask)
            while True:
                self._beat()
                await trio.sleep(BEAT_SECONDS)

    async def _ask(self) -> None:
        while True:
            with suppress(UnavailableError):
                self._depth = await self.pipeline.leasing.queue.depth()
                self._depth_at = trio.current_time()
            await trio.sleep(BEAT_SECONDS)

    def _beat(self) -> None:
        now, snapshot, depth = trio.current_time(), self.stats.snapshot(), self.depth
        totals = {name: float(worker.received) for name, worker in self.stats.workers.items()}
        self._totals.add(now, {**totals, "": float(snapshot.received)})
        self.history.add(time.time(), snapshot.received)
        self._window("cpu").add(now, {"": time.process_time()})
        for name, busy in self._clocks():
            self._window(name).add(now, busy.seconds())
        self._backlog.append(max(0, (depth or 0) - len(self.pipeline.leasing.held)))
        works = bool(self.pipeline.workers)
        moved = snapshot.received if works else snapshot.fetched
        self.readiness.look(now, moved, depth if works or depth is None else 0)

    @property
    def depth(self) -> int | None:
        """Batches in the queue; None while it does not answer."""
        return self._depth if trio.current_time() - self._depth_at < STALE_SECONDS else None

    def rate(self, worker: str = "", seconds: int = MINUTE) -> float:
        """Records settled a second, lately; by one worker or by all."""
        return round(self._totals.growth(seconds).get(worker, 0.0), 1)

    def shares(self, owner: str) -> Mapping[str, float]:
        """How a worker (`of_worker`), a source (`of_source`) or `leasing` spent the last seconds: a share a state."""
        return {state: round(share, 3) for state, share in self._window(owner).growth().items() if share > 0}

    @property
    def cpu(self) -> float:
        """Cores that this process kept busy, lately."""
        return round(self._window("cpu").growth().get("", 0.0), 3)

    def load(self, away: Sequence[str]) -> Load:
        """What the bottleneck is derived from; `away` are the servers that do not answer."""
        workers = self.pipeline.workers
        enrichment = workers[0].enrichment if workers else None
        return Load(
            cpu=self.cpu,
            workers=_shared([self.shares(of_worker(worker.name)) for worker in workers], self.pipeline.at_once),
            claiming=self.shares("leasing").get("claiming", 0.0),
            sources={line.name: self.shares(of_source(line.name)) for line in self.pipeline.lines},
            backlog=min(self._backlog, default=0),
            settled=self.rate(seconds=LATELY),
            away=away,
            cache_hit_rate=enrichment.hit_rate if enrichment else None,
            is_cache_full=enrichment is not None and enrichment.size >= enrichment.cache_size,
        )

    def _clocks(self) -> Iterator[tuple[str, Busy]]:
        yield "leasing", self.pipeline.leasing.busy
        for worker in self.pipeline.workers:
            yield of_worker(worker.name), self.stats.worker(worker.name).busy
        for line in self.pipeline.lines:
            yield of_source(line.name), self.stats.source(line.name).busy

    def _window(self, owner: str) -> Window:
        return self._times.setdefault(owner, Window(LATELY + 1))


def of_worker(name: str) -> str:
    """Whose shares those of a worker are."""
    return f"worker {name}"


def of_source(name: str) -> str:
    """The same of a source."""
    return f"source {name}"


def _shared(shares: Sequence[Mapping[str, float]], at_once: int) -> Mapping[str, float]:
    """What they do together, as shares of those that may have work at the same time."""
    states = {state for each in shares for state in each}
    return {state: sum(each.get(state, 0.0) for each in shares) / at_once for state in sorted(states)}
