"""Holds the queue's receipts against the ledger while the engine works: the last minutes often, everything rarely.

Everything is looked at window by window, so that it costs little memory and time at once, however much there is; the
commands' `audit` compares the nodes' counters beside.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from datetime import UTC, datetime, timedelta

import trio
from attrs import define, evolve

from engine.archive import Books
from engine.audit import QUEUED, Ledger, Receipt, Receipts, balance
from engine.errors import EngineError
from engine.moments import iso, text_of
from engine.picture import AuditView

AUDIT_SECONDS = 60.0
FIRST_AUDIT_SECONDS = 5.0
LATELY = timedelta(minutes=5)
SHARE = 20
"""At most one part in so many of the time is spent asking: what takes long is asked less often."""
FIRST_WINDOW, LEAST_WINDOW, LARGEST_WINDOW = timedelta(minutes=5), timedelta(seconds=1), timedelta(minutes=10)
FEW, MANY = 1_000, 4_000
"""How many receipts a window shall have: the next one is twice as long below, half as long above.

It never is so long that what a fast engine puts after a quiet week would not fit.
"""

NOTHING = AuditView(0, 0, 0, 0, 0, 0, 0, balanced=True, since="", at="")

OpenBooks = Callable[[], AbstractAsyncContextManager[Books]]


@define(eq=False)
class Auditing:
    """The last answers; None before the first. `lately` is of this run and the last minutes.

    `whole` is of everything that the queue has a receipt of, whichever engine put it. `began_at` is when the run
    began. A server that is away, or refuses to answer, leaves the last answer standing.
    """

    ledger: Ledger
    began_at: datetime
    lately: AuditView | None = None
    whole: AuditView | None = None

    async def run(self, open_books: OpenBooks) -> None:
        """Audit for ever."""
        await trio.sleep(FIRST_AUDIT_SECONDS)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_repeat, open_books, self.look_lately, SHARE)
            nursery.start_soon(_repeat, open_books, self.look_at_all, 1)

    async def look_lately(self, books: Receipts) -> None:
        """Audit what this run put in the last minutes."""
        since = max(self.began_at, datetime.now(UTC) - LATELY)
        seen, _ = await self._window(books, since, None)
        self.lately = evolve(seen, since=iso(text_of(since)), at=iso(text_of(datetime.now(UTC))))

    async def look_at_all(self, books: Receipts) -> None:
        """Audit from the first receipt to what was put before now, resting between the windows."""
        now = datetime.now(UTC).replace(microsecond=0)
        moments = [datetime.fromisoformat(f"{moment}+00:00") for moment in (await books.remembered_since()).values()]
        first = begin = min(moments, default=now)
        whole, width = NOTHING, FIRST_WINDOW
        while begin < now:
            end, began = min(now, begin + width), trio.current_time()
            seen, receipts = await self._window(books, begin, end)
            whole = _sum(whole, seen)
            if receipts < FEW:
                width = min(LARGEST_WINDOW, 2 * width)
            elif receipts > MANY:
                width = max(LEAST_WINDOW, width / 2)
            begin = end
            await trio.sleep(SHARE * (trio.current_time() - began))
        self.whole = evolve(whole, since=iso(text_of(first)), at=iso(text_of(now)))

    async def _window(self, books: Receipts, begin: datetime, end: datetime | None) -> tuple[AuditView, int]:
        """What was put from the one moment to before the other, and how many receipts that are.

        First the queue, then the rows: what left the one is in the others. What was dropped from the queue's dead
        letters may be noted in a later window: where something is missing, receipts are read to the end.
        """
        noted = await books.receipts(text_of(begin), None if end is None else text_of(end))
        seen = await self._held_against(noted)
        if seen.missing and end is not None:
            names = {receipt.name for receipt in noted}
            noted = [receipt for receipt in await books.receipts(text_of(begin), None) if receipt.name in names]
            seen = await self._held_against(noted)
        return seen, len(noted)

    async def _held_against(self, noted: Sequence[Receipt]) -> AuditView:
        rows = await self.ledger.ledger_rows({receipt.name for receipt in noted})
        balances = await trio.to_thread.run_sync(balance, noted, rows, (), {})
        return AuditView(
            received=sum(each.received for each in balances),
            written=sum(each.written for each in balances),
            duplicates=sum(each.duplicates for each in balances),
            rejected=sum(each.rejected for each in balances),
            queued=sum(each.queued for each in balances),
            queued_batches=sum(receipt.state == QUEUED for receipt in noted),
            missing=sum(abs(each.missing) for each in balances),
            balanced=all(each.is_balanced for each in balances),
            since="",
            at="",
        )


async def _repeat(open_books: OpenBooks, look: Callable[[Receipts], Awaitable[None]], rest: int) -> None:
    """Look again after a rest of so many times as long as it took."""
    while True:
        with suppress(EngineError):
            async with open_books() as books:
                while True:
                    began = trio.current_time()
                    await look(books)
                    await trio.sleep(max(AUDIT_SECONDS, rest * (trio.current_time() - began)))
        await trio.sleep(AUDIT_SECONDS)


def _sum(one: AuditView, other: AuditView) -> AuditView:
    return AuditView(
        received=one.received + other.received,
        written=one.written + other.written,
        duplicates=one.duplicates + other.duplicates,
        rejected=one.rejected + other.rejected,
        queued=one.queued + other.queued,
        queued_batches=one.queued_batches + other.queued_batches,
        missing=one.missing + other.missing,
        balanced=one.balanced and other.balanced,
        since="",
        at="",
    )
