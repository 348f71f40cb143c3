"""`geo`: the look-up files, how old they are, and newer ones."""

from functools import partial
from pathlib import Path
from typing import Unpack

import click
import trio
from attrs import define

from adapters import wiring
from engine import file_lines
from engine.cli_options import Given, config_options, settings_from
from engine.errors import RejectedError
from engine.ports import Headway
from engine.progress import watched
from engine.settings import PROVIDERS

EXIT_REFUSED = 1
"""A file that cannot be used, or was not taken."""


@define(eq=False)
class _Arrival:
    """What is known last of the file that arrives; None once all of it is there."""

    _last: Headway | None = None

    def note(self, headway: Headway) -> None:
        self._last = None if headway.done == headway.total else headway

    async def look(self) -> Headway | None:
        return self._last


@click.group()
def geo() -> None:
    """Show or update the look-up files: country, city, network of an address."""


@geo.command()
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@config_options
def status(*, as_json: bool, **given: Unpack[Given]) -> None:
    """Show the look-up files in use, how old they are, and whom to name for them.

    Old ones are named so, and nothing else happens. Exit code 1 when one cannot be used.
    """
    settings = settings_from(**given)
    files = wiring.look_up_files(settings)
    lines = file_lines.as_json if as_json else file_lines.as_text
    click.echo(lines(files, settings.lookup.max_age_days, builtin=settings.enrichment.builtin))
    if any(file.problem for file in files):
        raise SystemExit(EXIT_REFUSED)


@geo.command()
@click.option(
    "--from",
    "files",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Take this file (.mmdb, .tsv; .gz, .tar.gz) and download nothing; repeatable.",
)
@click.option("--provider", metavar="|".join(PROVIDERS), help="Overrides geo.provider.")
@click.option("--force", is_flag=True, help="Also take a file that is older, much smaller, or strange.")
@config_options
def update(*, files: tuple[Path, ...], provider: str | None, force: bool, **given: Unpack[Given]) -> None:
    """Bring newer look-up files: download, verify, put in place. A running engine uses them seconds later.

    The ones before stay beside them as NAME.previous. Exit code 1 when a file is refused; the ones in use then stay.
    """
    if provider is not None:
        given["pairs"] = (*given["pairs"], f"geo.provider={provider}")
    settings = settings_from(**given)
    try:
        arrival = _Arrival()
        bring = partial(wiring.update_look_up_files, settings, files, force=force, say=click.echo, note=arrival.note)
        replaced = trio.run(watched, "geo update", "bytes", partial(click.echo, err=True), bring, arrival.look)
    except RejectedError as refusal:
        click.echo(refusal.reason, err=True)
        raise SystemExit(EXIT_REFUSED) from None
    for file in replaced:
        click.echo(f"{file_lines.line(file)}, in use from now on")
    if not replaced:
        click.echo("nothing to replace")
