"""The second chance of one dead letter in a running engine: as `dead-letters retry` gives it, by what is open there."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

from attrs import frozen

from engine.archive import Archive
from engine.assembly import Feed, rules_of
from engine.dead_letters import Choice, chosen
from engine.enrichment import Enrichment
from engine.ports import Sink
from engine.redelivery import Redelivery
from engine.retry import ACCEPTED, GONE, FindFacts, Outcome, Retry
from engine.selection import QUEUE_PREFIX, Selection
from engine.settings import Settings
from engine.status import Retried


@frozen
class SecondChance:
    """Tries a letter of the database by its number, or one of the queue by its name, `queue:…`."""

    settings: Settings
    archive: Archive
    open_sink: Callable[[], AbstractAsyncContextManager[Sink]]
    feed: Feed

    async def give(self, letter: int | str) -> Retried | None:
        """Try it once; None where there is no such letter. Raises UnavailableError."""
        enrichment = Enrichment(self.feed.lookup, 1, 0.0)
        find_facts = partial(enrichment.facts, concurrent=1)
        if isinstance(letter, str):
            return await self._redeliver(letter, find_facts)
        return await self._retry(letter, find_facts)

    async def _retry(self, letter: int, find_facts: FindFacts) -> Retried | None:
        sources = [*self.settings.sources, *(settings for _, settings in self.feed.sources)]
        rules = {source.name: rules_of(self.settings, source) for source in sources}
        outcomes: list[Outcome] = []
        async with self.archive.open_letters() as letters:
            async for step in Retry(letters, find_facts, rules.get).run(chosen(letters, Choice(ids=(letter,)))):
                outcomes += step.outcomes
        if not outcomes or outcomes[0].result == GONE:
            return None
        return Retried(outcomes[0].result == ACCEPTED, outcomes[0].result, outcomes[0].reason)

    async def _redeliver(self, name: str, find_facts: FindFacts) -> Retried | None:
        if self.archive.open_books is None or not name.startswith(QUEUE_PREFIX):
            return None
        selection = Selection(queue_ids=(name.removeprefix(QUEUE_PREFIX),))
        async with self.archive.open_books() as books, self.open_sink() as sink:
            for letter in selection.of_queue(await books.read()):
                done = await Redelivery(books, sink, find_facts).run(letter)
                return Retried(done.result == ACCEPTED, done.result, done.reason)
        return None
