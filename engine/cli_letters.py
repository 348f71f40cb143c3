"""`dead-letters`: the commands that show and drop what could not be stored; `engine.cli_retry` has the third."""

import functools
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Unpack

import click
import trio
from attrs import frozen

from adapters import wiring
from engine import letter_lines
from engine.cli_options import Command, Given, config_options, settings_to_inspect, since_option
from engine.dead_letters import Choice, DeadLetter, DeadLetters, QueueLetter, QueueLetters, chosen
from engine.selection import QUEUE_PREFIX, Found, Selection
from engine.settings import Settings

EXIT_LEFT_OVER = 1
"""A letter that was asked for by name is not there, or one that was tried again stays."""

_NUMBER = re.compile(r"[0-9]{1,18}")

Page = Sequence[DeadLetter | QueueLetter]


@click.group("dead-letters")
def dead_letters() -> None:
    """See, retry or drop what could not be stored."""


def selecting(command: Command) -> Command:
    """The filters and ids of every command here, as one `selection`."""

    @functools.wraps(command)
    def selected(
        *,
        ids: tuple[str, ...],
        source: str | None,
        botnet: str | None,
        reason: str | None,
        since: str | None,
        **others: object,
    ) -> None:
        choice = Choice(source, botnet, reason, since, tuple(int(name) for name in ids if not _is_of_queue(name)))
        of_queue = tuple(dict.fromkeys(name.removeprefix(QUEUE_PREFIX) for name in ids if _is_of_queue(name)))
        command(selection=Selection(choice, of_queue), **others)

    with_filters: Command = selected
    options: list[Callable[[Command], Command]] = [
        since_option("Died since:"),
        click.option("--reason", metavar="TEXT", help="With this text in the reason, in any case."),
        click.option("--botnet", metavar="TYPE", help="Of this botnet type, as far as the record says one."),
        click.option("--source", metavar="NAME", help="From this source."),
        click.argument("ids", nargs=-1, metavar="[ID]...", callback=_checked),
    ]
    for option in options:
        with_filters = option(with_filters)
    return with_filters


def _is_of_queue(name: str) -> bool:
    return name.startswith(QUEUE_PREFIX)


def _checked(_: click.Context, parameter: click.Parameter, ids: tuple[str, ...]) -> tuple[str, ...]:
    for name in ids:
        if not _NUMBER.fullmatch(name) and not _is_of_queue(name):
            raise click.BadParameter(f"{name!r} is neither a number nor {QUEUE_PREFIX}…", param=parameter)
    return ids


@dead_letters.command("list")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@selecting
@config_options
def list_letters(*, selection: Selection, limit: int | None, as_json: bool, **given: Unpack[Given]) -> None:
    """List them, the oldest first; those of the queue itself come last."""
    settings = settings_to_inspect(**given)
    lines = (lambda page: map(letter_lines.as_json, page)) if as_json else letter_lines.Table().lines
    found = trio.run(_print, settings, selection, lines, limit)
    judge(settings, selection, found, is_silent=as_json)


@dead_letters.command("show")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with the bytes of the record.")
@selecting
@config_options
def show_letters(*, selection: Selection, as_json: bool, **given: Unpack[Given]) -> None:
    """Show all of them, with the bytes of the record."""
    if selection.is_everything:
        raise click.UsageError("which? Give ids or filters; `dead-letters list` names all")
    settings = settings_to_inspect(**given)
    whole = letter_lines.whole_as_json if as_json else letter_lines.whole_as_text
    found = trio.run(_print, settings, selection, lambda page: map(whole, page), None)
    judge(settings, selection, found, is_silent=as_json)


@dead_letters.command("drop")
@click.option("--all", "is_all", is_flag=True, help="Needed where neither ids nor filters are given.")
@click.option("--dry-run", "is_dry", is_flag=True, help="Change nothing, say what would be dropped.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@selecting
@config_options
def drop_letters(*, selection: Selection, is_all: bool, is_dry: bool, as_json: bool, **given: Unpack[Given]) -> None:
    """Give them up for good: their records are not stored, and do not come back."""
    if selection.is_everything and not is_all:
        raise click.UsageError("this would drop every dead letter: give ids or filters, or --all")
    settings = settings_to_inspect(**given)
    found = Found.of(selection)
    dropped = trio.run(_drop, settings, selection, found, is_dry)
    say = letter_lines.dropped_as_json if as_json else letter_lines.dropped_as_text
    click.echo(say(dropped, is_dry=is_dry))
    judge(settings, selection, found, is_silent=True)


@frozen
class Opened:
    """The dead letters of both places; None where none of them is meant."""

    database: DeadLetters | None
    queue: QueueLetters | None

    async def pages(self, selection: Selection, limit: int | None = None) -> AsyncIterator[Page]:
        """The selected ones, page by page; at most `limit` in all."""
        left = limit
        if self.database is not None:
            async for page in chosen(self.database, selection.choice, limit):
                left = None if left is None else left - len(page)
                yield page
        if self.queue is not None and (found := selection.of_queue(await self.queue.read())[:left]):
            yield found


@asynccontextmanager
async def _opened(settings: Settings, selection: Selection) -> AsyncIterator[Opened]:
    async with AsyncExitStack() as stack:
        database = queue = None
        if selection.wants_database:
            opened = await stack.enter_async_context(wiring.open_database(settings))
            database = await stack.enter_async_context(opened.letters())
        if selection.wants_queue:
            queue = await stack.enter_async_context(wiring.open_books(settings))
        yield Opened(database, queue)


async def _print(
    settings: Settings, selection: Selection, lines: Callable[[Page], Iterable[str]], limit: int | None
) -> Found:
    found = Found.of(selection)
    async with _opened(settings, selection) as letters:
        async for page in letters.pages(selection, limit):
            found.add(page)
            for line in lines(page):
                click.echo(line)
    return found


async def _drop(settings: Settings, selection: Selection, found: Found, is_dry: bool) -> int:  # noqa: FBT001 - trio.run
    dropped = 0
    async with _opened(settings, selection) as letters:
        async for page in letters.pages(selection):
            found.add(page)
            dropped += len(page) if is_dry else await _drop_page(letters, page)
    return dropped


async def _drop_page(letters: Opened, page: Page) -> int:
    dropped = 0
    if letters.database is not None:
        dropped += await letters.database.drop([letter.id for letter in page if isinstance(letter, DeadLetter)])
    if letters.queue is not None:
        dropped += await letters.queue.drop([letter.id for letter in page if isinstance(letter, QueueLetter)])
    return dropped


def judge(settings: Settings, selection: Selection, found: Found, *, is_silent: bool) -> None:
    """Say what was not there, and exit accordingly; return where there is nothing to say."""
    source, configured = selection.choice.source, [source.name for source in settings.sources]
    if not found.count and source is not None and source not in configured:
        known = ", ".join(configured) or "none"
        raise click.UsageError(f"no source {source!r} is configured (there are: {known}), nor is it in a dead letter")
    for name in found.missing:
        click.echo(f"no dead letter {name} here: settled before, left out by a filter, or never there", err=True)
    if found.missing:
        raise SystemExit(EXIT_LEFT_OVER)
    if not found.count and not is_silent:
        click.echo("no dead letters")
