"""A collector in memory, as its SQL works, and the engine's source port to it, as the real adapter asks."""

import zlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

import trio
from attrs import define, field

from engine.delivery import Cursor, Mark, Page
from engine.errors import UnavailableError
from tests.faults.simulation.plan import CONFIRM_LATE_SECONDS
from tests.faults.simulation.weather import Server
from tests.faults.simulation.wire import LostError, Wire

MIDNIGHT = datetime(2026, 11, 23)  # noqa: DTZ001 - the collector protocol has no zones
PATIENCE_SECONDS = 12.0


class Seen(NamedTuple):
    """A line of the collector's log, and what is to become of it.

    `line` is unlike that of every other. `kind`: `good` becomes a row; `bad` is refused by the rules, `cursed` by the
    database, `doubtful` by the database with an error nobody knows: dead letters; of an `unstorable` one not even the
    dead letter can be stored.
    """

    line: int
    kind: str
    ip: str
    timestamp: str
    botnet_type: str


@define(eq=False)
class Row:
    """A `Seen` in the spool, under a number. `is_exempt`: it was lost where it may be."""

    source: str
    sequence: int
    line: int
    kind: str
    ip: str
    timestamp: str
    botnet_type: str
    log_type: str = "online"
    event_type: None = None
    is_exempt: bool = False

    @property
    def mark(self) -> Mark:
        """Its number and fingerprint."""
        return Mark(self.sequence, zlib.crc32(f"{self.sequence} {self.line}".encode()))

    @property
    def seen(self) -> Seen:
        """The line of the log."""
        return Seen(self.line, self.kind, self.ip, self.timestamp, self.botnet_type)

    @property
    def seen_at(self) -> str:
        """Its time as the database has it."""
        return self.timestamp.replace("T", " ")

    @property
    def original(self) -> bytes:
        """Its bytes."""
        return content(self.source, self.ip, self.seen_at, self.botnet_type)


def content(source: str, ip: str, seen_at: str, botnet_type: str) -> bytes:
    """A record's bytes: everything about it but its number."""
    return f"{source} {ip} {seen_at} {botnet_type}".encode()


@define(eq=False)
class Collector:
    """A spool. `waiting` has not been confirmed; `spooled` is everything that ever was in it, `life` counts resets."""

    name: str
    server: Server
    waiting: list[Row] = field(factory=list)
    spooled: list[Row] = field(factory=list)
    life: int = 0
    last: int = 0

    def add(self, seen: Seen, gap: int = 0) -> None:
        """Spool a record; `gap` numbers before it were burnt by duplicates."""
        self.last += 1 + gap
        row = Row(self.name, self.last, *seen)
        self.waiting.append(row)
        self.spooled.append(row)

    def pull(self, limit: int, since: int) -> list[Row]:
        """The oldest `limit` that wait and come after `since`."""
        return [row for row in self.waiting if row.sequence > since][:limit]

    def confirm(self, count: int) -> list[Row]:
        """Forget the oldest `count`; return them."""
        hidden, self.waiting = self.waiting[:count], self.waiting[count:]
        return hidden

    def reset(self) -> list[Row]:
        """Lose the spool and begin to count anew; return what nobody had confirmed."""
        gone, self.waiting, self.last = self.waiting, [], 0
        self.life += 1
        return gone


class Ears(Protocol):
    """Who is told what happens at the collector."""

    def hidden(self, row: Row, *, is_documented: bool) -> None:
        """A record was confirmed. Documented: the confirm was decided before the collector was reset."""
        ...

    def found_reset(self, collector: Collector, cursor: Cursor) -> None:
        """An engine found the record at its cursor gone."""
        ...


@define(eq=False)
class CollectorLink:
    """`engine.ports.Source` over a wire."""

    collector: Collector
    wire: Wire
    ears: Ears
    limit: int
    _probed_life: int = 0

    @property
    def name(self) -> str:
        """The source's name."""
        return self.collector.name

    @property
    def newest(self) -> int | None:
        """It does not tell."""
        return None

    async def fetch(self, cursor: Cursor) -> Page:
        """Pull what follows the sentinel, the record at the cursor; all there is when that is not there."""
        if cursor.sequence == 0:
            return self._page(cursor, cursor, await self._pull(self.limit, 0))
        rows = await self._pull(self.limit + 1, cursor.sequence - 1)
        if rows and rows[0].mark == (cursor.sequence, cursor.fingerprint):
            return self._page(cursor, cursor, rows[1:])
        return await self._fetch_after_reset(cursor)

    async def _fetch_after_reset(self, cursor: Cursor) -> Page:
        sentinel = Mark(cursor.sequence, cursor.fingerprint)
        rows = await self._pull(self.limit, 0)
        again = rows if any(row.mark == sentinel for row in rows) else await self._pull(1, cursor.sequence - 1)
        if any(row.mark == sentinel for row in again):
            raise UnavailableError(f"{self.name} left out record {cursor.sequence}, which it has")
        self.ears.found_reset(self.collector, cursor)
        return self._page(cursor, Cursor(cursor.epoch + 1), rows)

    async def _pull(self, limit: int, since: int) -> list[Row]:
        async def pull() -> list[Row]:
            weather = self.wire.weather
            return [] if weather.happens(weather.dials.empty) else self.collector.pull(limit, since)

        return await self.wire.call(self.collector.server, f"pull {limit} since {since}", pull)

    def _page(self, start: Cursor, base: Cursor, rows: list[Row]) -> Page:
        marks = [row.mark for row in rows]
        now = MIDNIGHT + timedelta(seconds=trio.current_time() + self.wire.clock_offset)
        return Page(
            source=self.name,
            start=start,
            end=Cursor(base.epoch, *marks[-1]) if marks else base,
            received_at=now.isoformat(" ")[:19],
            records=rows,
            sequences=[row.sequence for row in rows],
            marks=marks,
            originals=lambda: [row.original for row in rows],
            more=len(rows) >= self.limit,
        )

    async def front(self) -> Mark | None:
        """The oldest that waits."""

        async def probe() -> Mark | None:
            weather = self.wire.weather
            self._probed_life = self.collector.life
            rows = [] if weather.happens(weather.dials.empty) else self.collector.pull(1, 0)
            return rows[0].mark if rows else None

        return await self.wire.call(self.collector.server, "front", probe)

    async def confirm(self, count: int) -> bool:
        """Confirm once. The request may arrive long after its answer was given up, or never."""
        life, weather = self._probed_life, self.wire.weather
        what, server = f"confirm {count}", self.collector.server

        async def confirm() -> bool:
            self._hide(self.collector.confirm(count), is_documented=life != self.collector.life)
            weather.count("confirm")
            return True

        if weather.happens(weather.dials.confirm_late):
            weather.later(weather.rng.uniform(0, CONFIRM_LATE_SECONDS), server, what, confirm)
            await trio.sleep(PATIENCE_SECONDS)
            return False
        try:
            return await self.wire.call(server, what, confirm, late=confirm, late_seconds=CONFIRM_LATE_SECONDS)
        except LostError:
            return False

    def _hide(self, rows: Iterable[Row], *, is_documented: bool) -> None:
        for row in rows:
            self.ears.hidden(row, is_documented=is_documented)
