"""What every database offers beside writing: the answers behind `check`, `audit` and the warnings at start."""

from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

from engine.dead_letters import DeadLetters
from engine.ports import Sink, StartLog, TableCount, TrialLog


class LedgerTotal(NamedTuple):
    """What the ledger says of one source: received = written + duplicates + rejected."""

    source: str
    received: int
    written: int
    duplicates: int
    rejected: int


class Database(StartLog, TrialLog, Protocol):
    """One database, opened. Its methods may run side by side; each raises UnavailableError while the server is away."""

    def writer(self) -> AbstractAsyncContextManager[Sink]:
        """Open one writer, for one task. Opening does not touch the server; the first write does."""
        ...

    def letters(self) -> AbstractAsyncContextManager[DeadLetters]:
        """Open the dead letters; opening does not touch the server."""
        ...

    async def table_counts(self) -> list[TableCount]:
        """Count the rows of every botnet type, by its name."""
        ...

    async def ledger_totals(self, since: str | None) -> list[LedgerTotal]:
        """Sum up the ledger per source, of batches written at or after `since` (`YYYY-MM-DD HH:MM:SS`, UTC)."""
        ...

    async def durability_warnings(self) -> list[str]:
        """Say, one line each, what makes this server forget or damage rows, and the line that mends it."""
        ...

    @property
    def cut_values(self) -> int:
        """How many texts were cut to fit the narrow columns of an old table, since it was opened."""
        ...
