"""How the collector is told to forget: as `engine.confirmer` does it, and in the ways that lose."""

from collections.abc import Generator
from functools import partial

from attrs import define, field

from engine.confirmation import Confirmation
from engine.confirmer import CONFIRM_SECONDS
from engine.delivery import Mark, Start
from engine.errors import UnavailableError
from tests.faults.model.engine import IDLE_SECONDS, Engine
from tests.faults.model.fetching import fly
from tests.faults.model.timeline import Actor

NEVER_SENT_CHANCE = 0.02


@define(eq=False)
class Confirmer:
    """`engine.confirmer.Confirmer`, call by call, with the engine's own arithmetic."""

    engine: Engine
    account: Confirmation
    committed_only: bool = True
    holds_reserve: bool = True
    looks_behind: bool = True
    judges_before_probe: bool = True
    _starts: list[Start] = field(factory=list)
    _pending: int = 0
    _pending_until: float = 0.0
    _is_noted: bool = False
    _front: Mark | None = None
    _incarnation: int = 0

    def source_was_reset(self) -> None:
        """`Confirmer.source_was_reset`."""
        self._is_noted = False
        self._front = None

    def farewell(self) -> Actor:
        """`Confirmer.farewell`."""
        if self.account.own == 0 and self._starts:
            try:
                yield from self.engine.call(self.engine.world.database.record_end, self._starts)
            except UnavailableError:
                return

    def run(self) -> Actor:
        """`Confirmer.run`."""
        while True:
            while (yield from self._step()):
                pass
            yield IDLE_SECONDS

    def _step(self) -> Generator[float, None, bool]:
        try:
            if not self._is_noted:
                yield from self._note_start()
            count = yield from self._observe()
            if count == 0 or self.engine.seconds_left() <= CONFIRM_SECONDS:
                return False
            return (yield from self._send(count))
        except UnavailableError:
            return False

    def _note_start(self) -> Actor:
        self._starts.append((yield from self.engine.call(self._record_start)))
        self._pending = self._starts[-1].pending if self.holds_reserve else 0
        self._pending_until = self.engine.now + self.account.quarantine_seconds
        self._is_noted = True

    def _record_start(self) -> Start:
        return self.engine.world.database.record_start(self.engine.now, self.account.quarantine_seconds)

    def _probe(self) -> Mark | None:
        self._incarnation = self.engine.world.collector.incarnation
        return next(iter(self.engine.world.collector.pull(1, 0)), None)

    def _observe(self) -> Generator[float, None, int]:
        asked_at = self.engine.now
        front = yield from self.engine.call(self._probe)
        if front is None:
            return 0
        pending = self._pending if self._judged(asked_at) < self._pending_until else 0
        look = partial(self.engine.world.queue.debt, committed_only=self.committed_only)
        debt = yield from self.engine.call(look, front, self.account.enough(pending), self._front)
        if debt is None:
            return 0
        if self.looks_behind and not (yield from self.engine.call(self._is_latest)):
            self.source_was_reset()
            return 0
        self._front = front
        self.account.front_moved(debt.moved, self._judged(asked_at), pending)
        return self.account.allowed(debt.owed, pending)

    def _is_latest(self) -> bool:
        return self.engine.world.database.is_latest(self._starts[-1])

    def _judged(self, asked_at: float) -> float:
        return asked_at if self.judges_before_probe else self.engine.now

    def _send(self, count: int) -> Generator[float, None, bool]:
        self.account.sending(count, self.engine.now)
        if self.engine.world.happens(NEVER_SENT_CHANCE):
            self.account.never_sent()
            return False
        answered = yield from fly(self.engine, count, self._incarnation)
        if answered:
            self.account.answered()
        return answered


class Trusting(Confirmation):
    """An account that takes every movement of the front for its own."""

    def front_moved(self, records: int, now: float, starts: int) -> None:
        """As if nobody else could have confirmed."""
        super().front_moved(records, now, 0)


class Forgetful(Confirmation):
    """An account that does not keep what is under way."""

    def sending(self, count: int, now: float) -> None:
        """Remember nothing."""

    def answered(self) -> None:
        """Remember nothing."""

    def never_sent(self) -> None:
        """Remember nothing."""


@define(eq=False)
class Silent:
    """Confirms nothing: somebody else does."""

    engine: Engine

    def run(self) -> Actor:
        """Do nothing."""
        yield from ()

    def farewell(self) -> Actor:
        """Do nothing."""
        yield from ()

    def source_was_reset(self) -> None:
        """Do nothing."""


@define(eq=False)
class RetryUntilAnswered(Silent):
    """Confirms what was committed since the last time, again and again until it is answered."""

    _told: int | None = None

    def run(self) -> Actor:
        """Confirm for ever."""
        queue, world = self.engine.world.queue, self.engine.world
        while True:
            yield IDLE_SECONDS
            if self._told is None:
                self._told = queue.told
            count = queue.settled - self._told - 1
            if count > 0:
                while not (yield from fly(self.engine, count, world.collector.incarnation)):
                    pass
                self._told += count
                yield from self.engine.insist(queue.tell, count)


@define(eq=False)
class IntentCounters(Silent):
    """Writes down in the queue what it is going to confirm, and sends it once."""

    def run(self) -> Actor:
        """Confirm for ever."""
        queue, world = self.engine.world.queue, self.engine.world
        while True:
            yield IDLE_SECONDS
            count = min(self.engine.page_size, queue.settled - queue.told - 1)
            if count > 0:
                try:
                    yield from self.engine.call(queue.tell, count)
                    yield from fly(self.engine, count, world.collector.incarnation)
                except UnavailableError:
                    continue
