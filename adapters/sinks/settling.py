"""What the settling of dead letters shares between databases."""

from collections.abc import Sequence

from adapters.sinks.grouping import by_address
from engine.delivery import Batch, Written
from engine.errors import EngineError

SETTLED_PREFIX = "settled:"
"""Begins the name of a ledger row that says: this record is settled, for ever. It accounts for no record."""


class UndoneError(EngineError):
    """Raised in a transaction to undo it: with what it would have done, or None where a letter is missing."""

    def __init__(self, written: Written | None) -> None:
        super().__init__("undone")
        self.written = written


def settled_name(source: str, position: str, digest: str) -> str:
    """The name of that ledger row: at most 170 characters."""
    return f"{SETTLED_PREFIX}{source}:{position}:{digest}"


def as_if_new(batch: Batch) -> Written:
    """What writing the batch into empty tables would do."""
    (written,) = by_address([batch]).firsts
    return Written(written, len(batch.sightings) - written)


def listed(ids: Sequence[int]) -> str:
    """Ids as they stand between the brackets of IN."""
    return ", ".join(str(int(number)) for number in ids)
