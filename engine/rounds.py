"""Asks the stores now and then what only they know: the dead letters, and whether the books balance.

The audit here covers what was put lately, so that it costs the same however large the tables are; `audit`, the
command, covers everything.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import attrgetter

import trio
from attrs import define, field

from engine.archive import Archive, Books
from engine.audit import QUEUED, Receipts, balance
from engine.dead_letters import DeadLetter, DeadLetters, QueueLetter, QueueLetters
from engine.errors import EngineError
from engine.picture import AuditView, LettersView, LetterView
from engine.selection import name_of

LETTERS_SECONDS = 10.0
AUDIT_SECONDS = 60.0
FIRST_AUDIT_SECONDS = 5.0
AUDITED = timedelta(minutes=5)
SHARE = 20
"""At most one part in so many of the time is spent asking: what takes long is asked less often."""
NEWEST = 20

Letters = tuple[int | None, Sequence[LetterView]]
"""How many there are in one place, None before it was asked; and the newest."""
OpenBooks = Callable[[], AbstractAsyncContextManager[Books]]


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
    audit: AuditView | None = None
    _stored: Letters = (None, ())
    _buried: Letters = (None, ())
    _changed: trio.Event = field(factory=trio.Event)

    async def run(self) -> None:
        """Go round for ever."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_letters)
            if self.archive.open_books is not None:
                nursery.start_soon(self._watch_buried, self.archive.open_books)
                nursery.start_soon(self._watch_books, self.archive.open_books)

    @property
    def letters(self) -> LettersView:
        """Those of the database and of the queue, the newest first."""
        (stored, some), (buried, others) = self._stored, self._buried
        newest = sorted([*some, *others], key=attrgetter("at"), reverse=True)
        return LettersView(stored, newest[:NEWEST], buried)

    def letters_changed(self) -> None:
        """Ask for the dead letters now, not only when their time has come."""
        changed, self._changed = self._changed, trio.Event()
        changed.set()

    async def _watch_letters(self) -> None:
        async with self.archive.open_letters() as letters:
            await self._watch(partial(self._ask_database, letters))

    async def _watch_buried(self, open_books: OpenBooks) -> None:
        while True:
            with suppress(EngineError):
                async with open_books() as books:
                    await self._watch(partial(self._ask_queue, books))
            await trio.sleep(LETTERS_SECONDS)

    async def _watch(self, ask: Callable[[], Awaitable[None]]) -> None:
        while True:
            changed, began = self._changed, trio.current_time()
            with suppress(EngineError):
                await ask()
            with trio.move_on_after(max(LETTERS_SECONDS, SHARE * (trio.current_time() - began))):
                await changed.wait()

    async def _ask_database(self, letters: DeadLetters) -> None:
        count = await self.archive.count_letters(self.letter_limit)
        self._stored = count, [self._view(letter.id, letter) for letter in await letters.newest(NEWEST)]

    async def _ask_queue(self, letters: QueueLetters) -> None:
        count = await letters.count()
        self._buried = count, [self._view(name_of(letter), letter) for letter in await letters.newest(NEWEST)]

    async def _watch_books(self, open_books: OpenBooks) -> None:
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

    def _view(self, name: int | str, letter: DeadLetter | QueueLetter) -> LetterView:
        botnet = None if letter.botnet is None else self.clean(letter.botnet)
        died_at = letter.created_time if isinstance(letter, DeadLetter) else letter.died_at
        return LetterView(name, self.clean(letter.reason), letter.source, botnet, iso(died_at))


def iso(moment: str) -> str:
    """A moment in the form of `seen_at` as ISO 8601 with its zone."""
    return f"{moment[:10]}T{moment[11:19]}Z"
