"""What every database offers beside writing: the answers behind `check`, `audit` and the warnings at start."""

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from engine.audit import Ledger
from engine.dead_letters import DeadLetters
from engine.ports import Sink, StartLog, TableCount, TrialLog


class Database(StartLog, TrialLog, Ledger, Protocol):
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

    async def dead_letter_count(self, limit: int) -> int:
        """Count the dead letters, up to `limit`."""
        ...

    async def make_indexes(self, botnet_type: str, names: Sequence[str]) -> list[str]:
        """Make what is missing of the type's tables and of these indexes; return the statements that made an index.

        An index over the same column counts, whoever made it. Raises RejectedError where the database refuses.
        """
        ...

    async def durability_warnings(self) -> list[str]:
        """Say, one line each, what makes this server forget or damage rows, and the line that mends it."""
        ...

    async def missing_rights(self, accepted: Collection[str]) -> tuple[list[str], list[str]]:
        """Say, one line each, which rights are missing now to write the `accepted` botnet types (empty: any).

        And which will be, once a type comes that has no tables.
        """
        ...

    @property
    def cut_values(self) -> int:
        """How many texts were cut to fit the narrow columns of an old table, since it was opened."""
        ...
