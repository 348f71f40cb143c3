"""What the stores can be asked about beside the work."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from attrs import frozen

from engine.audit import Ledger, Receipts
from engine.dead_letters import DeadLetters, QueueLetters


class Books(Receipts, QueueLetters, Protocol):
    """The receipts of a queue, and its own dead letters."""


@frozen
class Archive:
    """Dead letters and books. `count_letters(limit)` counts up to the limit.

    A queue without books, in memory, has nothing to audit.
    """

    count_letters: Callable[[int], Awaitable[int]]
    open_letters: Callable[[], AbstractAsyncContextManager[DeadLetters]]
    open_books: Callable[[], AbstractAsyncContextManager[Books]] | None
    ledger: Ledger
