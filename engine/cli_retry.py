"""`dead-letters retry`: the second chance of what could not be stored."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import BinaryIO, Unpack

import click
import trio
from attrs import evolve, frozen

from adapters import wiring
from engine import letter_lines
from engine.assembly import rules_of
from engine.cli_letters import EXIT_LEFT_OVER, judge, selecting
from engine.cli_options import Given, config_options, settings_to_inspect
from engine.dead_letters import DeadLetter, QueueLetter, chosen, fields_of
from engine.enrichment import Enrichment
from engine.letter_lines import Tally
from engine.logs import configure_logs
from engine.redelivery import Redelivery
from engine.retry import FindFacts, Retry
from engine.selection import Found, Selection
from engine.settings import Settings


@click.command("retry")
@click.option("--record", metavar="JSON", help="The record, as mended; for exactly one id.")
@click.option("--record-file", type=click.File("rb"), metavar="FILE", help="The same from a file; - is standard input.")
@click.option("--dry-run", "is_dry", is_flag=True, help="Change nothing, say what would be.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a letter, and one for all at the end.")
@selecting
@config_options
def retry_letters(
    *,
    selection: Selection,
    record: str | None,
    record_file: BinaryIO | None,
    is_dry: bool,
    as_json: bool,
    **given: Unpack[Given],
) -> None:
    """Try them again under the present settings; without ids and filters, all.

    What is accepted now is written and settled in one transaction; the rest stays, with the reason. Exit code 1 when
    something stays.
    """
    mended = _mended(selection, record, record_file)
    settings = settings_to_inspect(**given)
    configure_logs(evolve(settings.log, file="", level="warning"), secrets=settings.secrets())
    trying = _Trying(settings, selection, mended, Tally(is_dry), Found.of(selection), as_json)
    trio.run(trying.run)
    click.echo(trying.tally.as_json() if as_json else trying.tally.as_text())
    judge(settings, selection, trying.found, is_silent=True)
    if trying.tally.stay:
        raise SystemExit(EXIT_LEFT_OVER)


def _mended(selection: Selection, record: str | None, record_file: BinaryIO | None) -> bytes | None:
    if record is None and record_file is None:
        return None
    if record is not None and record_file is not None:
        raise click.UsageError("--record and --record-file: one of them")
    if len(selection.choice.ids) != 1 or selection.queue_ids:
        raise click.UsageError("a mended record belongs to exactly one letter: give its number, and no other id")
    mended = os.fsencode(record) if record is not None else record_file.read() if record_file is not None else b""
    if not fields_of(mended):
        raise click.UsageError("the mended record is no JSON object, or an empty one")
    return mended


@frozen
class _Trying:
    """One retry: of letters of the database, then of those of the queue."""

    settings: Settings
    selection: Selection
    mended: bytes | None
    tally: Tally
    found: Found
    as_json: bool

    async def run(self) -> None:
        """Try every selected letter once, saying what became of it."""
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(wiring.open_database(self.settings))
            find_facts, rehearse = _find_facts(self.settings), self.tally.rehearse
            books = None
            if self.selection.wants_queue:
                books = await stack.enter_async_context(wiring.open_books(self.settings))
            if self.selection.wants_database:
                letters = await stack.enter_async_context(database.letters())
                rules = {source.name: rules_of(self.settings, source) for source in self.settings.sources}
                retry = Retry(letters, find_facts, rules.get, mended=self.mended, rehearse=rehearse)
                await self._retry(retry)
            if books is not None:
                sink = await stack.enter_async_context(database.writer())
                redelivery = Redelivery(books, sink, find_facts, rehearse)
                await self._redeliver(redelivery, self.selection.of_queue(await books.read()))

    async def _retry(self, retry: Retry) -> None:
        async for step in retry.run(self._met(chosen(retry.letters, self.selection.choice))):
            for letter, result, reason, botnet_type in step.outcomes:
                self._say(letter, result, reason, botnet_type)
            self.tally.add(step.written)

    async def _met(self, pages: AsyncIterator[Sequence[DeadLetter]]) -> AsyncIterator[Sequence[DeadLetter]]:
        async for page in pages:
            self.found.add(page)
            yield page

    async def _redeliver(self, redelivery: Redelivery, letters: Sequence[QueueLetter]) -> None:
        self.found.add(letters)
        for letter in letters:
            done = await redelivery.run(letter)
            self._say(letter, done.result, done.reason, letter.botnet)
            self.tally.add(done.written)

    def _say(self, letter: DeadLetter | QueueLetter, result: str, reason: str, botnet_type: str | None) -> None:
        self.tally.count(result)
        line = letter_lines.outcome_as_json if self.as_json else letter_lines.outcome_as_text
        click.echo(line(letter, result, reason, botnet_type))


def _find_facts(settings: Settings) -> FindFacts:
    worker = settings.worker
    enrichment = Enrichment(wiring.open_lookup(settings), worker.enricher_cache_size, worker.enricher_cache_ttl)
    return partial(enrichment.facts, concurrent=worker.enricher_concurrent)
