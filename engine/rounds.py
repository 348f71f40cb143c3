"""Asks the stores now and then what only they know: the dead letters, and whether the books balance.

The audit here covers what was put lately, so that it costs the same however large the tables are; `audit`, the
command, covers everything.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from datetime import UTC, datetime, timedelta

import trio
from attrs import define, field

from engine.archive import Archive
from engine.audit import QUEUED, Receipts, balance
from engine.dead_letters import DeadLetter
from engine.errors import EngineError
from engine.picture import AuditView, LettersView, LetterView

LETTERS_SECONDS = 10.0
AUDIT_SECONDS = 60.0
FIRST_AUDIT_SECONDS = 5.0
AUDITED = timedelta(minutes=5)
SHARE = 20
"""At most one part in so many of the time is spent asking: what takes long is asked less often."""
NEWEST = 20


@define(eq=False)
class Rounds:
    """The last answers, their texts made fit to be shown by `clean`; None before the first.

    `began_at` is when the run began, in seconds since 1970. A server that is away, or refuses to answer, leaves the
    last one standing.
    """

    archive: Archive
    letter_limit: int
    clean: Callable[[str], str]
    began_at: float
    letters: LettersView = field(factory=LettersView)
    audit: AuditView | None = None
    _changed: trio.Event = field(factory=trio.Event)

    async def run(self) -> None:
        """Go round for ever."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_letters)
            if self.archive.open_books is not None:
                nursery.start_soon(self._watch_books, self.archive.open_books)

    def letters_changed(self) -> None:
        """Ask for the dead letters now, not only when their time has come."""
        self._changed.set()

    async def _watch_letters(self) -> None:
        async with self.archive.open_letters() as letters:
            while True:
                began = trio.current_time()
                with suppress(EngineError):
                    count = await self.archive.count_letters(self.letter_limit)
                    self.letters = LettersView(count, [self._view(letter) for letter in await letters.newest(NEWEST)])
                took = trio.current_time() - began
                with trio.move_on_after(max(LETTERS_SECONDS, SHARE * took)):
                    await self._changed.wait()
                self._changed = trio.Event()

    async def _watch_books(self, open_books: Callable[[], AbstractAsyncContextManager[Receipts]]) -> None:
        began_at = datetime.fromtimestamp(self.began_at, UTC)
        await trio.sleep(FIRST_AUDIT_SECONDS)
        while True:
            with suppress(EngineError):
                async with open_books() as books:
                    while True:
                        began = trio.current_time()
                        self.audit = await self._audit(books, max(began_at, datetime.now(UTC) - AUDITED))
                        await trio.sleep(max(AUDIT_SECONDS, SHARE * (trio.current_time() - began)))
            await trio.sleep(AUDIT_SECONDS)

    async def _audit(self, books: Receipts, since: datetime) -> AuditView:
        """First the queue, then the rows: what left the one is in the others."""
        text = since.isoformat(" ")[:19]
        noted = await books.receipts(text)
        rows = await self.archive.ledger.ledger_rows({receipt.name for receipt in noted})
        balances = balance(noted, rows, (), {})
        return AuditView(
            received=sum(each.received for each in balances),
            written=sum(each.written for each in balances),
            duplicates=sum(each.duplicates for each in balances),
            rejected=sum(each.rejected for each in balances),
            queued=sum(each.queued for each in balances),
            queued_batches=sum(receipt.state == QUEUED for receipt in noted),
            missing=sum(abs(each.missing) for each in balances),
            balanced=all(each.is_balanced for each in balances),
            since=iso(text),
            at=iso(datetime.now(UTC).isoformat(" ")[:19]),
        )

    def _view(self, letter: DeadLetter) -> LetterView:
        botnet = None if letter.botnet is None else self.clean(letter.botnet)
        return LetterView(letter.id, self.clean(letter.reason), letter.source, botnet, iso(letter.created_time))


def iso(moment: str) -> str:
    """A moment in the form of `seen_at` as ISO 8601 with its zone."""
    return f"{moment[:10]}T{moment[11:19]}Z"
