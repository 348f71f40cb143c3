"""What every durable queue tells the commands, beside what it does for engines."""

from typing import Protocol

from engine.audit import Receipts
from engine.dead_letters import QueueLetters


class Books(Receipts, QueueLetters, Protocol):
    """The receipts of a queue, and its own dead letters."""
