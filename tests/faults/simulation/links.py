"""The engine's ports to database and look-up, over a wire."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from attrs import define

from engine.delivery import Batch, Start, Trial, Written
from engine.sighting import Facts
from tests.faults.simulation.database import Database, facts_of
from tests.faults.simulation.weather import Server
from tests.faults.simulation.wire import Wire


@define(eq=False)
class DatabaseLink:
    """`engine.ports.Sink`, `StartLog` and `TrialLog` over a wire.

    A write that is given up is either committed after all or rolled back, and so is one whose answer is lost.
    """

    database: Database
    wire: Wire

    @asynccontextmanager
    async def writer(self) -> AsyncIterator["DatabaseLink"]:
        """Open a writer."""
        yield self

    async def write(self, batches: Sequence[Batch], facts: Mapping[str, Facts]) -> Sequence[Written]:
        async def write() -> Sequence[Written]:
            return self.database.write(batches, facts)

        names = " ".join(batch.name for batch in batches)
        return await self.wire.call(self.database.server, f"write {names}", write, late=write)

    async def record_start(self, source: str, within_seconds: float) -> Start:
        async def record() -> Start:
            return self.database.record_start(source, within_seconds)

        return await self.wire.call(self.database.server, "record_start", record, late=record)

    async def last_trial(self, batch: str) -> Trial | None:
        async def look() -> Trial | None:
            return self.database.trials.get(batch)

        return await self.wire.call(self.database.server, f"last_trial {batch}", look)

    async def begin_trial(self, batch: str, trial: Trial) -> None:
        async def begin() -> None:
            self.database.trials[batch] = trial

        self.wire.trying[batch] = trial.record
        await self.wire.call(self.database.server, f"begin_trial {batch} {trial}", begin, late=begin)

    async def end_trials(self, batch: str) -> None:
        async def end() -> None:
            self.database.trials.pop(batch, None)

        await self.wire.call(self.database.server, f"end_trials {batch}", end, late=end)
        self.wire.trying.pop(batch, None)

    async def is_latest(self, source: str, start: Start) -> bool:
        async def look() -> bool:
            return self.database.is_latest(source, start)

        return await self.wire.call(self.database.server, "is_latest", look)

    async def record_end(self, starts: Sequence[Start]) -> None:
        async def record() -> None:
            self.database.record_end(starts)

        await self.wire.call(self.database.server, "record_end", record, late=record)


@define(eq=False)
class LookupLink:
    """`engine.ports.Lookup` over a wire. One call for a whole batch: the order of addresses is not the seed's."""

    server: Server
    wire: Wire
    chunk_size: int = 100_000
    generation: int = 0
    built_at: float | None = None
    uses: Sequence[str] = ()

    async def reload(self) -> bool:
        return False

    async def lookup(self, ips: Sequence[str]) -> Mapping[str, Facts]:
        async def look_up() -> Mapping[str, Facts]:
            return {ip: facts_of(ip) for ip in sorted(ips)}

        return await self.wire.call(self.server, f"lookup {len(ips)}", look_up)
