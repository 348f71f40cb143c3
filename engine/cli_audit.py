"""`audit`: whether everything that was received is accounted for."""

from collections.abc import Sequence
from functools import partial
from typing import Unpack

import click
import trio

from adapters import wiring
from engine import audit_lines
from engine.audit import Balance, Counters, audit
from engine.cli_options import Given, config_options, settings_to_inspect, since_option
from engine.progress import progress, watched
from engine.settings import Settings

EXIT_NOT_BALANCED = 1


@click.command("audit")
@since_option("Received since:")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@config_options
def audit_command(*, since: str | None, as_json: bool, **given: Unpack[Given]) -> None:
    """Show per source: received = written + duplicates + rejected + queued; and compare counters with rows.

    Engines may run meanwhile. Exit code 1 when something is missing or off.
    """
    settings = settings_to_inspect(**given)
    balances, counters = trio.run(_audit, settings, since)
    click.echo((audit_lines.as_json if as_json else audit_lines.as_text)(balances, counters))
    if not audit_lines.is_good(balances, counters):
        raise SystemExit(EXIT_NOT_BALANCED)


async def _audit(settings: Settings, since: str | None) -> tuple[Sequence[Balance], Sequence[Counters]]:
    say = partial(click.echo, err=True)
    async with wiring.open_books(settings) as books, wiring.open_database(settings) as database:
        with progress("audit", "batches", say) as show:
            balances = await audit(books, database, since, show)
        return balances, await watched("comparing counters with rows", "types", say, database.counters)
