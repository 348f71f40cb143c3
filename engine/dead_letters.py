"""Records that could not be stored, as a person meets them again: to choose, to look at, to settle.

A record that is *settled*, by a retry or by dropping it, stays settled: the database remembers source, position and
bytes, so that a batch that is delivered once more does not bring the same letter back.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from attrs import field, frozen

from engine.delivery import Batch, Written
from engine.sighting import Facts

PAGE_SIZE = 200
"""How many letters are read at once: each may carry 64 KiB."""

AFTERWARDS = -1
"""The `part` of what a retry writes: no page of a source has it."""


@frozen
class DeadLetter:
    """One row of the table. `position` is as in `engine.sighting.Rejected`, `created_time` UTC like `seen_at`."""

    id: int
    source: str
    epoch: int
    position: str
    stage: str
    reason: str
    attempts: int
    original: bytes = field(repr=False)
    botnet_type: str
    created_time: str

    @property
    def sequence(self) -> int:
        """The number at its source, or the last one before it."""
        return int(self.position.partition("+")[0])

    @property
    def botnet(self) -> str | None:
        """The botnet type it was meant for, well-formed or not; None where its bytes do not say."""
        if self.botnet_type:
            return self.botnet_type
        named = fields_of(self.original).get("botnet_type")
        return named if isinstance(named, str) else None


@frozen
class Choice:
    """Which letters are meant; what is None or empty does not narrow it.

    `reason` is looked for in the reason, whatever the case; `since` is UTC like `seen_at`.
    """

    source: str | None = None
    botnet: str | None = None
    reason: str | None = None
    since: str | None = None
    ids: Sequence[int] = ()


class QueueLetter(NamedTuple):
    """A delivery that the queue itself buried: one that nobody could read, or whose dead letters nobody could store.

    `delivery` is its id in the queue before it died, `died_at` UTC like `seen_at`; `batch` is what `payload` holds,
    None where it cannot be read.
    """

    id: str
    source: str
    delivery: str
    attempts: int
    reason: str
    died_at: str
    payload: bytes
    batch: Batch | None = None

    @property
    def botnet(self) -> str | None:
        """The botnet type of its sightings, if that can be read and it has any."""
        return (self.batch and self.batch.botnet_type) or None


class DeadLetters(Protocol):
    """The dead letters of a database. Every method raises UnavailableError while the server is away."""

    async def read(self, choice: Choice, after: int, limit: int) -> Sequence[DeadLetter]:
        """Up to `limit` letters with ids above `after`, by id.

        Of `choice.botnet` it need only leave out letters that do not contain it.
        """
        ...

    async def newest(self, limit: int) -> Sequence[DeadLetter]:
        """The `limit` letters with the highest ids, the highest first."""
        ...

    async def resolve(
        self, batch: Batch, facts: Mapping[str, Facts], ids: Sequence[int], *, rehearse: bool
    ) -> Written | None:
        """Write `batch`, and settle the letters it was made of, in one transaction.

        None: one of them is there no longer, and nothing was changed. With `rehearse` nothing is changed either way,
        the answer is what would be. Raises RejectedError when the database will never take this batch.
        """
        ...

    async def refuse(self, letter: int, reason: str) -> None:
        """Note that it was tried once more, and why it stays."""
        ...

    async def drop(self, ids: Sequence[int]) -> int:
        """Settle these letters without writing them; return how many were there."""
        ...


class QueueLetters(Protocol):
    """The dead letters of a queue. Every method raises UnavailableError while the server is away."""

    async def read(self) -> Sequence[QueueLetter]:
        """All of them, the oldest first: there are few."""
        ...

    async def newest(self, limit: int) -> Sequence[QueueLetter]:
        """The `limit` that died last, the last one first."""
        ...

    async def count(self) -> int:
        """How many there are."""
        ...

    async def drop(self, ids: Sequence[str]) -> int:
        """Forget these for good, and let the source forget their records; return how many were there."""
        ...


async def chosen(letters: DeadLetters, choice: Choice, limit: int | None = None) -> AsyncIterator[Sequence[DeadLetter]]:
    """The chosen letters in pages, by id; at most `limit` in all."""
    after, left = 0, limit
    while left is None or left > 0:
        page = await letters.read(choice, after, PAGE_SIZE)
        if not page:
            return
        after = page[-1].id
        found = [letter for letter in page if choice.botnet is None or letter.botnet == choice.botnet][:left]
        left = None if left is None else left - len(found)
        if found:
            yield found


def fields_of(original: bytes) -> Mapping[str, object]:
    """What the bytes of a record say, as far as they are a JSON object; else nothing."""
    try:
        fields = json.loads(original.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no JSON")
