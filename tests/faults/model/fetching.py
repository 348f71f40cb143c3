"""How pages come into the queue: as `engine.fetcher` and the collector source do it, and in two ways that lose."""

from collections.abc import Callable, Generator, Sequence

from attrs import define

from engine.confirmer import CONFIRM_SECONDS
from engine.delivery import Cursor, Mark
from engine.errors import UnavailableError
from tests.faults.model.engine import IDLE_SECONDS, RETRY_SECONDS, Engine
from tests.faults.model.timeline import Actor
from tests.faults.model.world import Flight


@define
class PulledPage:
    """What one fetch brought."""

    end: Cursor
    marks: Sequence[Mark]
    more: bool


@define(eq=False)
class Fetcher:
    """`engine.fetcher.Fetcher` on top of `adapters.sources.collector.CollectorSource`."""

    engine: Engine
    checks_sentinel: bool = True

    def run(self, on_reset: Callable[[], None]) -> Actor:
        """Fetch for ever."""
        while True:
            yield from self._catch_up(on_reset)
            yield IDLE_SECONDS

    def _catch_up(self, on_reset: Callable[[], None]) -> Actor:
        engine, queue = self.engine, self.engine.world.queue
        cursor = yield from engine.insist(self._cursor)
        while True:
            page = yield from self._insist_on_page(cursor)
            if page.end.epoch != cursor.epoch:
                on_reset()
            if not page.marks and page.end == cursor:
                return
            batches = split(page.marks, engine)
            if not (yield from engine.insist(self._put, cursor, page.end, batches)):
                cursor = yield from engine.insist(self._cursor)
                continue
            engine.world.note(engine.name, "put", cursor, "->", page.end, "watermark", queue.watermark)
            if not page.more or page.end == cursor:
                return
            cursor = page.end

    def _cursor(self) -> Cursor:
        return self.engine.world.queue.cursor

    def _put(self, start: Cursor, end: Cursor, batches: Sequence[Sequence[Mark]]) -> bool:
        return self.engine.world.queue.put(self.engine.name, self.engine.now, start, end, batches)

    def _insist_on_page(self, cursor: Cursor) -> Generator[float, None, PulledPage]:
        while True:
            try:
                return (yield from self._fetch(cursor))
            except UnavailableError:
                yield RETRY_SECONDS

    def _fetch(self, cursor: Cursor) -> Generator[float, None, PulledPage]:
        if cursor.sequence == 0:
            return (yield from self._fetch_from_start(cursor))
        asked = self.engine.page_size + 1
        marks = yield from self._pull(asked, cursor.sequence - 1)
        if self.checks_sentinel and (not marks or marks[0] != sentinel_of(cursor)):
            return (yield from self._fetch_after_reset(cursor))
        fresh = [mark for mark in marks if mark.sequence > cursor.sequence]
        return page_of(cursor, fresh, more=len(marks) >= asked)

    def _fetch_from_start(self, base: Cursor) -> Generator[float, None, PulledPage]:
        asked = self.engine.page_size
        marks = yield from self._pull(asked, 0)
        return page_of(base, marks, more=len(marks) >= asked)

    def _fetch_after_reset(self, cursor: Cursor) -> Generator[float, None, PulledPage]:
        sentinel = sentinel_of(cursor)
        page = yield from self._fetch_from_start(Cursor(cursor.epoch + 1))
        if sentinel in page.marks:
            raise UnavailableError
        if (yield from self._pull(1, cursor.sequence - 1))[:1] == [sentinel]:
            raise UnavailableError
        self.engine.world.note(self.engine.name, "sees a reset, epoch", page.end.epoch)
        return page

    def _pull(self, limit: int, since: int) -> Generator[float, None, list[Mark]]:
        world = self.engine.world
        marks = yield from self.engine.call(world.collector.pull, limit, since)
        return [] if world.happens(world.faults.empty_answer_chance) else marks


@define(eq=False)
class ConfirmThenCursor:
    """The way of the system being replaced: queue the page, confirm it, then move the cursor."""

    engine: Engine

    def run(self, on_reset: Callable[[], None]) -> Actor:
        """Fetch and confirm for ever."""
        while True:
            try:
                yield from self._page()
            except UnavailableError:
                yield RETRY_SECONDS
            yield IDLE_SECONDS

    def _page(self) -> Actor:
        engine, world = self.engine, self.engine.world
        cursor = world.queue.cursor
        marks = yield from engine.call(world.collector.pull, engine.page_size, cursor.sequence)
        if not marks:
            return
        yield from engine.call(world.queue.push, split(marks, engine))
        if (yield from fly(engine, len(marks), world.collector.incarnation)):
            yield from engine.call(world.queue.rewind, page_of(cursor, marks, more=False).end)


def fly(engine: Engine, count: int, incarnation: int) -> Generator[float, None, bool]:
    """Send one confirm, with everything that may happen to it; True when it was answered."""
    world, faults, now = engine.world, engine.world.faults, engine.now
    flight = Flight(engine.name, count, incarnation, now)
    world.note(engine.name, "sends confirm", count)
    yield world.lag()
    if world.happens(faults.lost_chance):
        yield CONFIRM_SECONDS
        return False
    travel, back = world.lag(), world.lag()
    if world.happens(faults.late_chance):
        travel = world.random.random() * faults.late_seconds
    carried_out = world.send(flight, travel)
    if travel + back > CONFIRM_SECONDS:
        yield CONFIRM_SECONDS
        return False
    yield travel + back
    return bool(carried_out) and not world.happens(faults.lost_chance)


def split(marks: Sequence[Mark], engine: Engine) -> list[Sequence[Mark]]:
    """Batches of a page: by botnet type, so that their numbers interleave."""
    if len(marks) < 2 or engine.world.random.random() < 0.5:
        return [marks] if marks else []
    return [marks[0::2], marks[1::2]]


def page_of(base: Cursor, marks: Sequence[Mark], *, more: bool) -> PulledPage:
    """A page that follows `base`."""
    return PulledPage(Cursor(base.epoch, *marks[-1]) if marks else base, marks, more)


def sentinel_of(cursor: Cursor) -> Mark:
    """The record the cursor stands on."""
    return Mark(cursor.sequence, cursor.fingerprint)
