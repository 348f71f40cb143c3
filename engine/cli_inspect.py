"""The commands that look and change nothing: at the configuration, and at what runs have left in the database."""

from typing import Unpack

import click
import trio

from adapters import wiring
from engine import account
from engine.cli_connect import try_everything
from engine.cli_options import Given, config_options, settings_from, settings_to_inspect
from engine.ports import TableCount
from engine.settings import Settings, redact_url, require

EXIT_NOTHING_ARRIVED = 1


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@config_options
def check(*, as_json: bool, **given: Unpack[Given]) -> None:
    """Show per botnet type: does the table exist, rows of the last 5 minutes, rows in all.

    Exit code 1 when nothing arrived in the last 5 minutes.
    """
    settings = settings_to_inspect(**given)
    counts = trio.run(_table_counts, settings)
    click.echo(account.tables_as_json(counts) if as_json else account.tables_as_text(counts))
    if not any(count.last_5_minutes for count in counts):
        raise SystemExit(EXIT_NOTHING_ARRIVED)


@click.command("check-config")
@click.option("--connect", is_flag=True, help="Try every server and file, as a start does, and name missing rights.")
@config_options
def check_config(*, connect: bool, **given: Unpack[Given]) -> None:
    """Read the configuration, say what is wrong with it, and connect to nothing unless told to.

    With --connect: queue, database (which is made, with the engine's own tables, where it is missing and the user may),
    the oldest record of each source, and the look-up files. Exit code 69 when something cannot be reached.
    """
    settings = settings_from(**given)
    if not settings.is_demo:
        require(settings, fetch=bool(settings.sources), work=settings.worker.enabled)
    for warning in settings.warnings:
        click.echo(f"warning: {warning}")
    click.echo(f"file      {settings.file or 'none: defaults, environment and options only'}")
    none = "none: the demo" if settings.is_demo else "none: only `python -m engine worker` runs with this"
    click.echo(f"sources   {', '.join(source.name for source in settings.enabled_sources) or none}")
    click.echo(f"queue     {redact_url(settings.queue.url)}")
    click.echo(f"database  {redact_url(settings.database.url)}")
    click.echo(f"workers   {settings.worker.worker_count if settings.worker.enabled else 0}")
    if connect and not settings.is_demo:
        code = trio.run(try_everything, settings)
        if code:
            raise SystemExit(code)
    click.echo("configuration is good")


async def _table_counts(settings: Settings) -> list[TableCount]:
    async with wiring.open_database(settings) as database:
        return list(await database.table_counts())
