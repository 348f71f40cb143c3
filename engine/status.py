"""What those who show a running engine may ask of it; `engine.desk` answers."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from engine.picture import Picture


class Retried(NamedTuple):
    """What became of a dead letter that was tried again: settled, or why it stays."""

    is_settled: bool
    result: str
    reason: str = ""


class Status(Protocol):
    """A running engine. Only `retry` changes anything, or waits."""

    def picture(self) -> Picture:
        """The engine as it is now."""
        ...

    def problem(self) -> str | None:
        """Why it is not ready: records wait, and none has moved for a while; None where it is."""
        ...

    def records_by_type(self) -> Mapping[str, int]:
        """Records the database has taken, for every botnet type of this run."""
        ...

    async def retry(self, letter: int | str) -> Retried | None:
        """Try a dead letter again; None where there is none of this id. Raises UnavailableError."""
        ...
