"""`upgrade-schema`: tables of an old installation become wide enough, after showing what that costs and asking."""

import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Unpack

import click
import trio

from adapters import wiring
from engine import upgrade_lines
from engine.cli_options import Given, config_options, settings_to_inspect
from engine.errors import RejectedError
from engine.ports import SchemaStep
from engine.progress import watched
from engine.settings import Settings

EXIT_NOT_UPGRADED = 1


@click.command("upgrade-schema")
@click.option("--yes", is_flag=True, help="Do not ask: for scripts.")
@config_options
def upgrade_command(*, yes: bool, **given: Unpack[Given]) -> None:
    """Widen the tables of an old installation: show the statements and their cost, ask, and carry them out.

    Engines may run meanwhile. Interrupted in whatever way, it goes on where it was when it is started again. Exit code
    1 when you say no, or the database refuses.
    """
    settings = settings_to_inspect(**given)
    if wiring.dialect_of(settings) == "sqlite":
        click.echo("nothing to upgrade: no old installation has its tables in SQLite")
        return
    try:
        trio.run(_upgrade, settings, yes)
    except RejectedError as error:
        raise click.ClickException(str(error)) from None


async def _upgrade(settings: Settings, yes: bool) -> None:  # noqa: FBT001 - trio passes on no keywords
    say = partial(click.echo, err=True)
    async with wiring.open_upgrade(settings) as upgrade:
        steps = await upgrade.plan()
        if not steps:
            click.echo("nothing to upgrade: all tables are as this engine makes them")
            return
        click.echo(upgrade_lines.as_text(steps))
        if not yes:
            _ask(steps)
        for step in steps:
            click.echo(f"{step.table} …")
            began = time.perf_counter()
            await watched(step.table, "%", say, partial(upgrade.carry_out, step), upgrade.headway)
            click.echo(f"{step.table}: done in {time.perf_counter() - began:.1f} s")
        click.echo("all tables are as this engine makes them")


def _ask(steps: Sequence[SchemaStep]) -> None:
    """Go on or raise: nobody is there to answer, or the answer is no."""
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is there to say yes: nothing was changed; --yes carries the statements out")
    if not click.confirm(f"Carry out {len(steps)} statements?"):
        click.echo("nothing was changed")
        raise SystemExit(EXIT_NOT_UPGRADED)
