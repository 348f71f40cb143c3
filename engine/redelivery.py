"""What the queue itself buried -> database: the second chance of a whole batch, where its bytes can be read.

It is written first and taken from the queue then: after a crash in between it is written once more, which changes
nothing.
"""

from typing import NamedTuple

from attrs import frozen

from engine.dead_letters import QueueLetter, QueueLetters
from engine.delivery import Written
from engine.errors import RejectedError
from engine.ports import Sink
from engine.retry import ACCEPTED, REFUSED, FindFacts

UNREADABLE = "its bytes are no batch that this engine can read; drop it, and its records are given up"


class Redelivered(NamedTuple):
    """What became of one letter, and what the database did. `reason` says why it stays, where it does."""

    letter: QueueLetter
    result: str
    reason: str = ""
    written: Written = Written()


@frozen
class Redelivery:
    """Tries letters of the queue again. With `rehearse` nothing is changed, and the database is not asked."""

    letters: QueueLetters
    sink: Sink
    find_facts: FindFacts
    rehearse: bool = False

    async def run(self, letter: QueueLetter) -> Redelivered:
        """Try one letter once."""
        batch = letter.batch
        if batch is None:
            return Redelivered(letter, REFUSED, UNREADABLE)
        if self.rehearse:
            return Redelivered(letter, ACCEPTED)
        facts = await self.find_facts({sighting.ip for sighting in batch.sightings})
        try:
            (written,) = await self.sink.write([batch], facts)
        except RejectedError as refusal:
            return Redelivered(letter, REFUSED, refusal.reason)
        await self.letters.drop([letter.id])
        return Redelivered(letter, ACCEPTED, written=written)
