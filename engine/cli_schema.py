"""`schema`: the tables of a botnet type as statements, and the indexes that those who read them may want."""

from typing import Unpack

import click
import trio

from adapters import wiring
from engine.cli_options import Given, config_options, settings_to_inspect
from engine.errors import RejectedError
from engine.settings import Settings

_INDEXES = f"With these: {', '.join(wiring.INDEX_NAMES)}."


def _names(_: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    names = [name for text in given for name in text.split(",")]
    for name in names:
        if name not in wiring.INDEX_NAMES:
            allowed = ", ".join(wiring.INDEX_NAMES)
            raise click.BadParameter(f"no index is called {name!r}; there are: {allowed}", param=parameter)
    return tuple(dict.fromkeys(names))


@click.command("schema")
@click.option("--apply", is_flag=True, help="Make in the database what is missing; engines may run meanwhile.")
@click.option("--dialect", type=click.Choice(wiring.DIALECTS), help="Print for this database, not for the configured.")
@click.option("--index", "names", multiple=True, callback=_names, metavar="NAME,...", help=_INDEXES)
@click.argument("botnet_type", metavar="TYPE")
@config_options
def schema_command(
    botnet_type: str, *, names: tuple[str, ...], dialect: str | None, apply: bool, **given: Unpack[Given]
) -> None:
    """Print the statements that make the tables of a botnet type, with indexes for those who read them.

    The engine needs no index but the keys of the tables, and every one more slows down writing.
    """
    settings = settings_to_inspect(**given)
    configured = wiring.dialect_of(settings)
    if apply and dialect not in {None, configured}:
        raise click.UsageError(f"the database is not {dialect}: --apply goes without --dialect")
    try:
        statements = wiring.schema(dialect or configured, botnet_type, names)
    except RejectedError as error:
        raise click.UsageError(str(error)) from None
    if not apply:
        click.echo(";\n".join(statements) + ";")
        return
    made = trio.run(_make, settings, botnet_type, names)
    click.echo("".join(f"{statement};\n" for statement in made) + f"{botnet_type}: all of it is there now")


async def _make(settings: Settings, botnet_type: str, names: tuple[str, ...]) -> list[str]:
    try:
        async with wiring.open_database(settings) as database:
            return await database.make_indexes(botnet_type, names)
    except RejectedError as error:
        raise click.ClickException(str(error)) from None
