"""Asks the stores now and then what only they know: the dead letters, and whether the books balance."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from operator import attrgetter

import trio
from attrs import define, field

from engine.archive import Archive
from engine.auditing import SHARE, Auditing, OpenBooks
from engine.dead_letters import DeadLetter, DeadLetters, QueueLetter, QueueLetters
from engine.errors import EngineError
from engine.moments import iso
from engine.picture import LettersView, LetterView
from engine.selection import name_of

LETTERS_SECONDS = 10.0
NEWEST = 20

Letters = tuple[int | None, Sequence[LetterView]]
"""How many there are in one place, None before it was asked; and the newest."""


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
    auditing: Auditing = field(init=False)
    _stored: Letters = (None, ())
    _buried: Letters = (None, ())
    _changed: trio.Event = field(factory=trio.Event)

    def __attrs_post_init__(self) -> None:
        self.auditing = Auditing(self.archive.ledger, datetime.fromtimestamp(self.began_at, UTC))

    async def run(self) -> None:
        """Go round for ever."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_letters)
            if self.archive.open_books is not None:
                nursery.start_soon(self._watch_buried, self.archive.open_books)
                nursery.start_soon(self.auditing.run, self.archive.open_books)

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

    def _view(self, name: int | str, letter: DeadLetter | QueueLetter) -> LetterView:
        botnet = None if letter.botnet is None else self.clean(letter.botnet)
        died_at = letter.created_time if isinstance(letter, DeadLetter) else letter.died_at
        return LetterView(name, self.clean(letter.reason), letter.source, botnet, iso(died_at))
