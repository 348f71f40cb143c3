"""`check-config --connect`: every server and file that a run would use, tried side by side."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import click
import trio

from adapters import wiring
from engine.errors import ConfigError, RefusedError, UnavailableError
from engine.logs import check_file
from engine.settings import Settings, SourceSettings

EXIT_UNAVAILABLE = 69
EXIT_CONFIG = 78

Findings = tuple[Sequence[str], Sequence[str]]
"""What is wrong, and what should be known."""


async def try_everything(settings: Settings) -> int:
    """Print a line or more for each as soon as it is known; the exit code that tells the worst of it."""
    codes: list[int] = []

    async def attempt(what: str, look: Callable[[], Awaitable[Findings]]) -> None:
        codes.append(await _try(what, look))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(attempt, "queue", partial(wiring.check_queue, settings))
        nursery.start_soon(attempt, "database", partial(wiring.check_database, settings))
        nursery.start_soon(attempt, "look-up", partial(_look_up, settings))
        if settings.log.file:
            nursery.start_soon(attempt, "log file", partial(_log_file, settings))
        for source in settings.enabled_sources:
            nursery.start_soon(attempt, f"source {source.name}", partial(_front, source))
    return max(codes)


async def _try(what: str, look: Callable[[], Awaitable[Findings]]) -> int:
    try:
        wrong, known = await look()
    except (ConfigError, RefusedError) as error:
        wrong, known = str(error).splitlines(), []
    except UnavailableError as error:
        click.echo(f"{what}: unavailable: {error}")
        return EXIT_UNAVAILABLE
    for line in wrong:
        click.echo(f"{what}: wrong: {line}")
    for line in known:
        click.echo(f"{what}: warning: {line}")
    if wrong:
        return EXIT_CONFIG
    click.echo(f"{what}: good")
    return 0


async def _front(source: SourceSettings) -> Findings:
    async with wiring.open_source(source) as opened:
        await opened.front()
    return [], []


async def _look_up(settings: Settings) -> Findings:
    await wiring.open_lookup(settings).lookup(["8.8.8.8"])
    return [], []


async def _log_file(settings: Settings) -> Findings:
    check_file(settings.log)
    return [], []
