"""An in-memory collector and an in-memory database behind the engine's ports, for tests on trio's clock.

They keep the promises of the ports and nothing more, and they can be away, slow, or refuse. Every await is a place
where a seeded scheduler may switch.
"""

import zlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace

import trio
from attrs import define, field

from engine.delivery import Batch, Cursor, Mark, Page, Start, Trial, Written
from engine.errors import EngineError, UnavailableError
from engine.sighting import Facts

RECEIVED_AT = "2026-11-23 00:00:00"

Trouble = Callable[[str], EngineError | None]


def no_trouble(_: str) -> None:
    """Everything works."""


@define(eq=False)
class WorldSource:
    """A collector: records with numbers, a mark on those it was told to forget, a log of every confirm."""

    name: str = "s"
    limit: int = 5
    records: list[SimpleNamespace] = field(factory=list)
    trouble: Trouble = no_trouble
    latency_seconds: float = 0.0
    confirms: list[int] = field(factory=list)
    confirms_answered: bool = True

    def add(
        self, ip: object, *, seen_at: str = "2026-11-20T00:00:00", botnet_type: object = "mirai", gap: int = 1
    ) -> None:
        """One more record."""
        number = (self.records[-1].sequence if self.records else 0) + gap
        fields = {"ip": ip, "timestamp": seen_at, "botnet_type": botnet_type, "log_type": "online", "event_type": None}
        self.records.append(SimpleNamespace(sequence=number, pulled=False, **fields))

    @property
    def hidden(self) -> list[SimpleNamespace]:
        """The records it was told to forget."""
        return [record for record in self.records if record.pulled]

    @property
    def newest(self) -> int | None:
        """The number of the last record."""
        return self.records[-1].sequence if self.records else None

    async def fetch(self, cursor: Cursor) -> Page:
        """Give what comes after the cursor, or everything when the record at the cursor is not there."""
        await self._call("fetch")
        waiting = [record for record in self.records if not record.pulled]
        at_cursor = [record for record in waiting if record.sequence == cursor.sequence]
        if cursor.sequence and not (at_cursor and _mark(at_cursor[0]).fingerprint == cursor.fingerprint):
            return self._page(cursor, cursor.epoch + 1, waiting)
        return self._page(cursor, cursor.epoch, [record for record in waiting if record.sequence > cursor.sequence])

    def _page(self, start: Cursor, epoch: int, waiting: list[SimpleNamespace]) -> Page:
        served = waiting[: self.limit]
        marks = [_mark(record) for record in served]
        nothing = start if epoch == start.epoch else Cursor(epoch)
        return Page(
            source=self.name,
            start=start,
            end=Cursor(epoch, *marks[-1]) if marks else nothing,
            received_at=RECEIVED_AT,
            records=served,
            sequences=[record.sequence for record in served],
            marks=marks,
            originals=lambda: [repr(record.ip).encode() for record in served],
            more=len(served) == self.limit,
        )

    async def front(self) -> Mark | None:
        """The oldest record not forgotten."""
        await self._call("front")
        return next((_mark(record) for record in self.records if not record.pulled), None)

    async def confirm(self, count: int) -> bool:
        """Forget the oldest."""
        await self._call("confirm")
        self.confirms.append(count)
        for record in [record for record in self.records if not record.pulled][:count]:
            record.pulled = True
        return self.confirms_answered

    async def _call(self, what: str) -> None:
        await trio.sleep(self.latency_seconds)
        if error := self.trouble(what):
            raise error


def _mark(record: SimpleNamespace) -> Mark:
    return Mark(record.sequence, zlib.crc32(f"{record.ip}{record.timestamp}".encode()))


@define(eq=False)
class WorldDatabase:
    """A database: rows that are there or not, dead letters, a ledger, a log of starts."""

    trouble: Trouble = no_trouble
    refuses: Callable[[Batch], EngineError | None] = lambda _: None
    latency_seconds: float = 0.0
    rows: set[tuple[str, str, str]] = field(factory=set)
    facts: dict[str, Facts] = field(factory=dict)
    dead: dict[tuple[str, str], str] = field(factory=dict)
    ledger: dict[str, Written] = field(factory=dict)
    writes: list[str] = field(factory=list)
    transactions: int = 0
    trials: dict[str, Trial] = field(factory=dict)
    starts: list[tuple[str, bool, bool]] = field(factory=list)

    @asynccontextmanager
    async def writer(self) -> AsyncIterator["WorldDatabase"]:
        """Open a writer."""
        yield self

    async def write(self, batches: Sequence[Batch], facts: Mapping[str, Facts]) -> Sequence[Written]:
        """Write all or nothing; the commit is the last thing that can be cancelled."""
        await trio.sleep(self.latency_seconds)
        for batch in batches:
            if error := self.trouble("write") or self.refuses(batch):
                raise error
        written = [self._write(batch, facts) for batch in batches]
        self.transactions += 1
        await trio.lowlevel.cancel_shielded_checkpoint()
        return written

    def _write(self, batch: Batch, facts: Mapping[str, Facts]) -> Written:
        new = {(batch.botnet_type, seen.ip, seen.seen_at) for seen in batch.sightings} - self.rows
        letters = {(batch.source, rejected.position): rejected.reason for rejected in batch.rejected}
        written = Written(len(new), len(batch.sightings) - len(new), len(letters.keys() - self.dead.keys()))
        self.rows |= new
        self.facts.update({seen.ip: facts[seen.ip] for seen in batch.sightings})
        self.dead = letters | self.dead
        self.ledger.setdefault(batch.name, written)
        self.writes.append(batch.name)
        return written

    async def last_trial(self, batch: str) -> Trial | None:
        """The trial last begun."""
        return self.trials.get(batch)

    async def begin_trial(self, batch: str, trial: Trial) -> None:
        """Note a trial."""
        self.trials[batch] = trial

    async def end_trials(self, batch: str) -> None:
        """Forget them."""
        self.trials.pop(batch, None)

    async def record_start(self, source: str, within_seconds: float) -> Start:
        """Note an ownership; pending when the one before was not ended."""
        if error := self.trouble("start"):
            raise error
        before = [entry for entry in self.starts if entry[0] == source]
        self.starts.append((source, bool(before) and not before[-1][2], False))
        return Start(len(self.starts) - 1, sum(pending for name, pending, _ in self.starts if name == source))

    async def is_latest(self, source: str, start: Start) -> bool:
        """Whether it is the last one of its source."""
        if error := self.trouble("start"):
            raise error
        return all(name != source for name, _, _ in self.starts[start.id + 1 :])

    async def record_end(self, starts: Sequence[Start]) -> None:
        """Note its end."""
        for start in starts:
            name, pending, _ = self.starts[start.id]
            self.starts[start.id] = (name, pending, True)


@define(eq=False)
class WorldLookup:
    """Knows everybody."""

    chunk_size: int = 100_000
    trouble: Trouble = no_trouble
    generation: int = 0
    built_at: float | None = None
    uses: Sequence[str] = ()

    async def reload(self) -> bool:
        """Nothing is ever replaced."""
        return False

    async def lookup(self, ips: Sequence[str]) -> Mapping[str, Facts]:
        """Give a country for every address."""
        await trio.lowlevel.checkpoint()
        if error := self.trouble("lookup"):
            raise error
        return {ip: Facts(country_code="NL") for ip in ips}


def away_until(moment: float) -> Trouble:
    """Trouble that ends at a time of trio's clock."""
    return lambda what: UnavailableError(f"{what}: away") if trio.current_time() < moment else None
