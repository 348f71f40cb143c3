"""A queue in memory ends with its process: for the commands it never was."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext

import trio

from engine.audit import Receipt
from engine.dead_letters import QueueLetter


class NoBooks:
    """No receipts, no dead letters."""

    async def receipts(self, since: str | None, until: str | None = None) -> Sequence[Receipt]:  # noqa: ARG002 - the port's
        """See `engine.audit.Receipts` and `engine.dead_letters.QueueLetters`, here and below."""
        await trio.lowlevel.checkpoint()
        return []

    async def remembered_since(self) -> Mapping[str, str]:
        await trio.lowlevel.checkpoint()
        return {}

    async def read(self) -> Sequence[QueueLetter]:
        await trio.lowlevel.checkpoint()
        return []

    async def newest(self, limit: int) -> Sequence[QueueLetter]:  # noqa: ARG002 - the port's
        await trio.lowlevel.checkpoint()
        return []

    async def count(self) -> int:
        await trio.lowlevel.checkpoint()
        return 0

    async def drop(self, ids: Sequence[str]) -> int:  # noqa: ARG002 - the port's
        await trio.lowlevel.checkpoint()
        return 0


def open_books() -> AbstractAsyncContextManager[NoBooks]:
    """There is nothing to open."""
    return nullcontext(NoBooks())
